package transformer

import "math"

func matmulNN(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	for i := range m {
		row := c[i*ldc:][:n]
		if beta == 0 {
			clear(row)
		}
		for l := range k {
			x := a[i*lda+l]
			for j, y := range b[l*ldb:][:n] {
				row[j] += x * y
			}
		}
	}
}

func matmulNT(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	for i := range m {
		x := a[i*lda:][:k]
		for j := range n {
			s := beta * c[i*ldc+j]
			for l, y := range b[j*ldb:][:k] {
				s += x[l] * y
			}
			c[i*ldc+j] = s
		}
	}
}

func matmulTN(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	for i := range m {
		row := c[i*ldc:][:n]
		if beta == 0 {
			clear(row)
		}
		for l := range k {
			x := a[l*lda+i]
			for j, y := range b[l*ldb:][:n] {
				row[j] += x * y
			}
		}
	}
}

// add adds x to y.
func add(y, x []float32) {
	for j, v := range x {
		y[j] += v
	}
}

// multiply multiplies y by x, element by element.
func multiply(y, x []float32) {
	x = x[:len(y)]
	for j, v := range x {
		y[j] *= v
	}
}

// sum and dot add up in float64, in four chains that the processor can
// overlap.
func sum(x []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
	}
	for _, v := range x {
		a += float64(v)
	}
	return (a + b) + (c + d)
}

func dot(x, y []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4 && len(y) >= 4; x, y = x[4:], y[4:] {
		a += float64(x[0]) * float64(y[0])
		b += float64(x[1]) * float64(y[1])
		c += float64(x[2]) * float64(y[2])
		d += float64(x[3]) * float64(y[3])
	}
	for j, v := range x {
		a += float64(v) * float64(y[j])
	}
	return (a + b) + (c + d)
}

func exp(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v)))
	}
}

func gelu(g, slope, h []float32, m, n int) {
	const c = 0.7978845608028654 // √(2/π)
	for i, v := range h[:m*n] {
		x := float64(v)
		t := math.Tanh(c * (x + 0.044715*x*x*x))
		g[i] = float32(0.5 * x * (1 + t))
		if slope != nil {
			slope[i] = float32(0.5*(1+t) + 0.5*x*(1-t*t)*c*(1+3*0.044715*x*x))
		}
	}
}
