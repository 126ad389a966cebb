package blas

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// TestSgemm compares with gonum's own product, over every way to call it.
func TestSgemm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	dims := func(trans blas.Transpose, rows, cols int) (int, int) {
		if trans == blas.NoTrans {
			return rows, cols
		}
		return cols, rows
	}
	for _, s := range [][3]int{{1, 1, 1}, {3, 5, 7}, {17, 33, 20}, {40, 70, 130}, {0, 3, 4}, {3, 4, 0}} {
		m, n, k := s[0], s[1], s[2]
		for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
			for _, tB := range []blas.Transpose{blas.NoTrans, blas.Trans} {
				for _, alpha := range []float32{1, 0, -0.5} {
					for _, beta := range []float32{0, 1, 2} {
						ar, ac := dims(tA, m, k)
						br, bc := dims(tB, k, n)
						lda, ldb, ldc := ac+2, bc+1, n+3
						a, b, c := random(ar*lda+1), random(br*ldb+1), random(m*ldc+1)
						got, want := append([]float32(nil), c...), append([]float32(nil), c...)
						Implementation{}.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, got, ldc)
						gonum.Implementation{}.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, want, ldc)
						for i := range want {
							if math.Abs(float64(got[i]-want[i])) > 1e-5*(1+math.Sqrt(float64(k))) {
								t.Fatalf("%v %c %c alpha %v beta %v: c[%d] = %v, want %v", s, tA, tB, alpha, beta, i, got[i], want[i])
							}
						}
					}
				}
			}
		}
	}
}

// A beta of 0 must not read C, whatever is there.
func TestSgemmOverwritesNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, alpha := range []float32{1, 2} {
		c := []float32{nan}
		Implementation{}.Sgemm(blas.NoTrans, blas.NoTrans, 1, 1, 1, alpha, []float32{3}, 1, []float32{4}, 1, 0, c, 1)
		if c[0] != 12*alpha {
			t.Errorf("alpha %v: c = %v, want %v", alpha, c[0], 12*alpha)
		}
	}
}
