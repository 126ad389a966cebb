// Package smoother is the estimator that Nadaraya-Watson regression and an
// attention head have in common: values averaged with weights that fall off
// with the distance of their keys from a query.
package smoother

import (
	"math"

	"horizon/predictors/transformer/blas"
)

// Nadaraya 1964 and Watson 1964, with q a query, k_i keys and v_i values:
//
//	y(q) = Σ_i w_i v_i,   w_i = K(q, k_i) / Σ_j K(q, k_j)
//
// With K(q, k) = exp(q·k/√D), queries, keys and values being linear maps of
// the positions of a text, that is a head of attention (Vaswani et al. 2017,
// eq. 1; Tsai et al. 2019, eq. 2). Since q·k = (‖q‖² + ‖k‖² − ‖q−k‖²)/2, keys
// of equal length make it Nadaraya-Watson with a Gaussian kernel of squared
// bandwidth h² = √D. Several heads are a sum of smoothers, each with a linear
// map of its own: Σ_h A_h (X W_h^V) W_h^O (Phuong & Hutter 2022, Algorithm 5),
// not a smoother with an average of kernels.
//
// Kernels are kept as logarithms, so that no scale makes all of them vanish.
// Time for m queries and n keys is m n (D + V) multiply-adds, as two products
// of matrices.

// Float is the precision: float32 to be fast (package blas), float64 to be
// checked by finite differences.
type Float interface{ float32 | float64 }

// A Kernel is a form of log K, up to a constant.
type Kernel int

// With s the scale, and u = ‖q−k‖ √s for the kernels of compact support, which
// are −∞ from u = 1 on:
const (
	ExpDot       Kernel = iota // s q·k
	Gaussian                   // −s ‖q−k‖²/2, h² = 1/s
	Laplace                    // −√s ‖q−k‖
	Epanechnikov               // ln(1 − u²)
	Tricube                    // 3 ln(1 − u³)
	Boxcar                     // 0
)

// A Smoother averages values of length V with weights from keys of length D.
type Smoother[F Float] struct {
	Kernel Kernel
	Scale  float64 // s > 0
	D, V   int
}

// A Mask says which keys a query may see: query i those from Low to before
// High, both functions of i. A nil Mask shows all.
type Mask func(i int) (low, high int)

// Causal lets query i see the keys to first+i, itself among them.
func Causal(first int) Mask { return func(i int) (int, int) { return 0, first + i + 1 } }

// Smooth sets y [m,V] from q [m,D], keys k [n,D] and values v [n,V], rows ldy,
// ldq, ldk and ldv apart; w [m,n], rows n apart, is left with the weights. A
// query that sees no key with K > 0 gets zeros.
func (s Smoother[F]) Smooth(y []F, ldy int, w, q []F, ldq int, k []F, ldk int, v []F, ldv, m, n int, mask Mask) {
	s.Scores(w, n, q, ldq, k, ldk, m, n)
	for i := range m {
		low, high := 0, n
		if mask != nil {
			low, high = mask(i)
		}
		row := w[i*n : (i+1)*n]
		clear(row[:low])
		clear(row[high:])
		Normalize(row[low:high])
	}
	NN(m, s.V, n, w, n, v, ldv, 0, y, ldy)
}

// Scores sets w [m,n], rows ldw apart, to log K of q [m,D] and k [n,D].
func (s Smoother[F]) Scores(w []F, ldw int, q []F, ldq int, k []F, ldk, m, n int) {
	if s.Kernel == ExpDot {
		NT(m, n, s.D, q, ldq, k, ldk, 0, w, ldw)
		for i := range m {
			scale(w[i*ldw:][:n], F(s.Scale))
		}
		return
	}
	for i := range m {
		row := w[i*ldw:][:n]
		for j := range row {
			row[j] = F(s.log(distance2(q[i*ldq:][:s.D], k[j*ldk:][:s.D]) * s.Scale))
		}
	}
}

// log is log K at d2 = s ‖q−k‖².
func (s Smoother[F]) log(d2 float64) float64 {
	switch s.Kernel {
	case Gaussian:
		return -d2 / 2
	case Laplace:
		return -math.Sqrt(d2)
	}
	if d2 >= 1 {
		return math.Inf(-1)
	}
	switch s.Kernel {
	case Epanechnikov:
		return math.Log1p(-d2)
	case Tricube:
		return 3 * math.Log1p(-d2*math.Sqrt(d2))
	}
	return 0
}

func distance2[F Float](x, y []F) (sum float64) {
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		sum += d * d
	}
	return sum
}

// Normalize replaces scores log K_j by weights K_j/Σ K and returns log Σ K,
// −∞ and zeros where all are −∞.
func Normalize[F Float](w []F) (logMass float64) {
	top := maximum(w)
	if math.IsInf(float64(top), -1) {
		clear(w)
		return math.Inf(-1)
	}
	expShifted(w, top)
	total := sum(w)
	scale(w, 1/total)
	return float64(top) + math.Log(float64(total))
}

// The rest is vectors and matrices in either precision: package blas for
// float32, loops from the definition for float64.

// NN computes C = beta C + A B, A [m,k], B [k,n], C [m,n], beta 0 or 1.
func NN[F Float](m, n, k int, a []F, lda int, b []F, ldb int, beta F, c []F, ldc int) {
	if a, ok := any(a).([]float32); ok {
		blas.NN(m, n, k, a, lda, any(b).([]float32), ldb, float32(beta), any(c).([]float32), ldc)
		return
	}
	product(m, n, k, func(i, l int) F { return a[i*lda+l] }, func(l, j int) F { return b[l*ldb+j] }, beta, c, ldc)
}

// NT computes C = beta C + A Bᵀ, B [n,k].
func NT[F Float](m, n, k int, a []F, lda int, b []F, ldb int, beta F, c []F, ldc int) {
	if a, ok := any(a).([]float32); ok {
		blas.NT(m, n, k, a, lda, any(b).([]float32), ldb, float32(beta), any(c).([]float32), ldc)
		return
	}
	product(m, n, k, func(i, l int) F { return a[i*lda+l] }, func(l, j int) F { return b[j*ldb+l] }, beta, c, ldc)
}

// TN computes C = beta C + Aᵀ B, A [k,m].
func TN[F Float](m, n, k int, a []F, lda int, b []F, ldb int, beta F, c []F, ldc int) {
	if a, ok := any(a).([]float32); ok {
		blas.TN(m, n, k, a, lda, any(b).([]float32), ldb, float32(beta), any(c).([]float32), ldc)
		return
	}
	product(m, n, k, func(i, l int) F { return a[l*lda+i] }, func(l, j int) F { return b[l*ldb+j] }, beta, c, ldc)
}

func product[F Float](m, n, k int, a, b func(i, j int) F, beta F, c []F, ldc int) {
	for i := range m {
		for j := range n {
			sum := F(0)
			for l := range k {
				sum += a(i, l) * b(l, j)
			}
			if beta != 0 {
				sum += c[i*ldc+j]
			}
			c[i*ldc+j] = sum
		}
	}
}

func scale[F Float](x []F, s F) {
	if x, ok := any(x).([]float32); ok {
		blas.Scale(x, float32(s))
		return
	}
	for i := range x {
		x[i] *= s
	}
}

func maximum[F Float](x []F) F {
	if x, ok := any(x).([]float32); ok {
		return F(blas.Max(x))
	}
	top := F(math.Inf(-1))
	for _, v := range x {
		top = max(top, v)
	}
	return top
}

func expShifted[F Float](x []F, shift F) {
	if x, ok := any(x).([]float32); ok {
		blas.ExpShifted(x, x, float32(shift))
		return
	}
	for i, v := range x {
		x[i] = F(math.Exp(float64(v - shift)))
	}
}

func sum[F Float](x []F) F {
	if x, ok := any(x).([]float32); ok {
		return F(blas.Sum(x))
	}
	total := F(0)
	for _, v := range x {
		total += v
	}
	return total
}

// Axpy adds a x to y.
func Axpy[F Float](y []F, a F, x []F) {
	if y, ok := any(y).([]float32); ok {
		blas.Axpy(y, float32(a), any(x).([]float32))
		return
	}
	for i, v := range x {
		y[i] += a * v
	}
}
