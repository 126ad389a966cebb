package blas

import (
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// An Implementation is gonum's BLAS with the matrix product of this package in
// single precision. After
//
//	blas32.Use(blas.Implementation{})
//
// everything that calls gonum's blas32 multiplies with our kernels. Other
// routines, and double precision, are gonum's own.
type Implementation struct{ gonum.Implementation }

var _ blas.Float32 = Implementation{}

// Sgemm computes C = alpha op(A) op(B) + beta C for row-major matrices, op(A)
// [m, k], op(B) [k, n], C [m, n]. It panics like gonum's where arguments do not
// fit together. Where alpha is not 1, beta not 0 or 1, or both factors are
// transposed, it goes through a copy of the product, m n numbers.
func (g Implementation) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if m <= 0 || n <= 0 || k <= 0 || alpha == 0 || !isTranspose(tA) || !isTranspose(tB) {
		g.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	transA, transB := tA != blas.NoTrans, tB != blas.NoTrans
	if alpha == 1 && (beta == 0 || beta == 1) && !(transA && transB) {
		product32(transA, transB, m, n, k, a, lda, b, ldb, beta, c, ldc)
		return
	}
	checkMatrix("Sgemm", "c", m, n, c, ldc)
	w := copies.Get().(*[]float32)
	if cap(*w) < m*n {
		*w = make([]float32, m*n)
	}
	t := (*w)[:m*n]
	if transA && transB { // (op(A) op(B))ᵀ = B A
		NN(n, m, k, b, ldb, a, lda, 0, t, m)
		merge(c, ldc, t, 1, m, m, n, alpha, beta)
	} else {
		product32(transA, transB, m, n, k, a, lda, b, ldb, 0, t, n)
		merge(c, ldc, t, n, 1, m, n, alpha, beta)
	}
	copies.Put(w)
}

func isTranspose(t blas.Transpose) bool {
	return t == blas.NoTrans || t == blas.Trans || t == blas.ConjTrans
}

// product32 is C = beta C + op(A) op(B), beta 0 or 1, one factor at most
// transposed.
func product32(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	switch {
	case transA:
		TN(m, n, k, a, lda, b, ldb, beta, c, ldc)
	case transB:
		NT(m, n, k, a, lda, b, ldb, beta, c, ldc)
	default:
		NN(m, n, k, a, lda, b, ldb, beta, c, ldc)
	}
}

// merge sets c = alpha t + beta c, t(i, j) being t[i*row+j*col]. A beta of 0
// does not read c.
func merge(c []float32, ldc int, t []float32, row, col, m, n int, alpha, beta float32) {
	for i := range m {
		out := c[i*ldc:][:n]
		for j := range out {
			v := alpha * t[i*row+j*col]
			if beta != 0 {
				v += beta * out[j]
			}
			out[j] = v
		}
	}
}

var copies = sync.Pool{New: func() any { return new([]float32) }}
