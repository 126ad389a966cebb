package transformer

import (
	"math"

	"horizon/predictors/transformer/blas"
)

// normEps keeps the deviation away from zero (PyTorch's default).
const normEps = 1e-5

// layerNorm sets, row by row,
//
//	n = (x − mean x)·r,  r = 1/√(var x + ε),  y = n·gain + bias
//
// (Ba, Kiros & Hinton 2016; Phuong & Hutter 2022, Algorithm 6). x, n, y
// [M,C], r [M], M = len(r), C = len(gain).
func layerNorm(y, n, r, x, gain, bias []float32) {
	C := len(gain)
	for i := range r {
		x, n, y := x[i*C:][:C], n[i*C:][:C], y[i*C:][:C]
		mean := blas.Sum(x) / float32(C)
		for j, v := range x {
			n[j] = v - mean
		}
		s := float32(1 / math.Sqrt(float64(blas.Dot(n, n))/float64(C)+normEps))
		r[i] = s
		bias := bias[:C]
		for j, g := range gain {
			v := n[j] * s
			n[j] = v
			y[j] = v*g + bias[j]
		}
	}
}

// layerNormBack adds the gradients with respect to x, gain and bias, given
// dy. With e = dy·gain:
//
//	dx = r·(e − mean e − n·mean(e·n))
func layerNormBack(dx, dgain, dbias, dy, n, r, gain []float32) {
	C := len(gain)
	dgain, dbias = dgain[:C], dbias[:C]
	for i, s := range r {
		dx, dy, n := dx[i*C:][:C], dy[i*C:][:C], n[i*C:][:C]
		var e, en float64
		for j, v := range dy {
			dbias[j] += v
			dgain[j] += v * n[j]
			w := v * gain[j]
			e += float64(w)
			en += float64(w * n[j])
		}
		mean, along := float32(e/float64(C)), float32(en/float64(C))
		for j, v := range dy {
			dx[j] += s * (v*gain[j] - mean - n[j]*along)
		}
	}
}
