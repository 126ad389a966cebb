package blas

// The Go kernel. Conversions of the products to float32 keep the compiler from
// fusing them with the sums where the processor could, so that it gives the
// same bits on every architecture.

// start prepares n numbers of C for their sums.
func start(c []float32, beta float32) {
	if beta == 0 {
		clear(c)
	}
}

func nnGo(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if n == 0 {
		return
	}
	for i := range m {
		ci := c[i*ldc:][:n]
		start(ci, beta)
		for p := range k {
			addScaled(ci, a[i*lda+p], b[p*ldb:][:n])
		}
	}
}

func tnGo(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if n == 0 {
		return
	}
	for i := range m {
		ci := c[i*ldc:][:n]
		start(ci, beta)
		for p := range k {
			addScaled(ci, a[p*lda+i], b[p*ldb:][:n])
		}
	}
}

// addScaled adds alpha x to y.
func addScaled(y []float32, alpha float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float32(alpha * x[i])
	}
}

func ntGo(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if n == 0 {
		return
	}
	for i := range m {
		ci := c[i*ldc:][:n]
		start(ci, beta)
		if k == 0 {
			continue
		}
		ai := a[i*lda:][:k]
		j := 0
		for ; j+4 <= n; j += 4 { // four sums at once, for their latency
			b0, b1, b2, b3 := b[j*ldb:][:k], b[(j+1)*ldb:][:k], b[(j+2)*ldb:][:k], b[(j+3)*ldb:][:k]
			s0, s1, s2, s3 := ci[j], ci[j+1], ci[j+2], ci[j+3]
			for p, x := range ai {
				s0 += float32(x * b0[p])
				s1 += float32(x * b1[p])
				s2 += float32(x * b2[p])
				s3 += float32(x * b3[p])
			}
			ci[j], ci[j+1], ci[j+2], ci[j+3] = s0, s1, s2, s3
		}
		for ; j < n; j++ {
			s := ci[j]
			for p, x := range b[j*ldb:][:k] {
				s += float32(ai[p] * x)
			}
			ci[j] = s
		}
	}
}
