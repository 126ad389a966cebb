package blas

import (
	"fmt"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// benchShapes are the products of a transformer's layer [m, n, k]: the wide
// ones of training on a batch, attention's, and those of sampling symbol by
// symbol.
var benchShapes = [][3]int{
	{768, 512, 128}, {256, 128, 128}, {768, 128, 512}, {128, 512, 768},
	{768, 1024, 1024}, {256, 256, 32}, {256, 32, 256},
	{2048, 1536, 384}, {2048, 384, 1536}, {384, 1536, 2048}, {2048, 384, 384},
	{1, 512, 128}, {1, 2048, 512}, {4, 512, 128}, {16, 512, 128}, {64, 512, 128},
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range benchShapes {
		for _, v := range variants {
			m, n, k := s[0], s[1], s[2]
			lda, ldb := leading(m, k, v.aT), leading(k, n, v.bT)
			x, y, z := numbers(1, m*k), numbers(2, k*n), make([]float32, m*n)
			run := func(b *testing.B, f func()) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			}
			b.Run(fmt.Sprintf("%s/%dx%dx%d", v.name, m, n, k), func(b *testing.B) {
				eachKernel(b, func(b *testing.B) {
					run(b, func() { v.gemm(m, n, k, x, lda, y, ldb, 0, z, n) })
				})
				b.Run("gonum", func(b *testing.B) {
					run(b, func() { peer(v.aT, v.bT, m, n, k, x, lda, y, ldb, 0, z, n) })
				})
			})
		}
	}
}

// peer is gonum's product.
func peer(aT, bT bool, m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	general := func(t bool, rows, cols int, x []float32, ld int) (blas.Transpose, blas32.General) {
		if t {
			return blas.Trans, blas32.General{Rows: cols, Cols: rows, Stride: ld, Data: x}
		}
		return blas.NoTrans, blas32.General{Rows: rows, Cols: cols, Stride: ld, Data: x}
	}
	ta, ga := general(aT, m, k, a, lda)
	tb, gb := general(bT, k, n, b, ldb)
	blas32.Gemm(ta, tb, 1, ga, gb, beta, blas32.General{Rows: m, Cols: n, Stride: ldc, Data: c})
}

func BenchmarkVector(b *testing.B) {
	const n = 4096
	x, y, z, w := numbers(1, n), numbers(2, n), make([]float32, n), make([]float32, n)
	o := AdamW{Rate: 1e-3, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8, Decay: 0.1, Bias1: 0.1, Bias2: 0.01}
	for _, f := range []struct {
		name string
		run  func()
	}{
		{"Exp", func() { Exp(z, x) }},
		{"Gelu", func() { Gelu(z, x) }},
		{"GeluGrad", func() { GeluGrad(z, y, x) }},
		{"Axpy", func() { Axpy(z, 0, x) }},
		{"Scale", func() { Scale(x, 1) }},
		{"Sum", func() { Sum(x) }},
		{"Dot", func() { Dot(x, y) }},
		{"Max", func() { Max(x) }},
		{"AdamW", func() { o.Step(y, x, z, w) }},
	} {
		clear(z)
		clear(w)
		b.Run(f.name, func(b *testing.B) {
			eachKernel(b, func(b *testing.B) {
				for b.Loop() {
					f.run()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/number")
			})
		})
	}
}
