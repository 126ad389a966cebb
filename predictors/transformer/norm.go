package transformer

import (
	"math"

	"horizon/predictors/transformer/blas"
)

// normEps keeps the deviation away from zero (PyTorch's default).
const normEps = 1e-5

// normalize sets, row by row,
//
//	n = (x − mean x)·r,  r = 1/√(var x + ε),  y = n·gain + bias
//
// (LayerNorm: Ba, Kiros & Hinton 2016; Phuong & Hutter 2022, Algorithm 6), the
// same with 0 for the mean, the mean square for the variance and no bias
// (RMSNorm: Zhang & Sennrich 2019), or y = x. x, n, y [M,C], r [M], M = len(r);
// y may be x.
func (d dims) normalize(y, n, r, x, gain, bias []float32) {
	if d.norm == unnormed {
		copy(y, x[:len(r)*d.C])
		return
	}
	C := d.C
	for i := range r {
		x, n, y := x[i*C:][:C], n[i*C:][:C], y[i*C:][:C]
		mean := float32(0)
		if d.norm == layerNormed {
			mean = blas.Sum(x) / float32(C)
		}
		for j, v := range x {
			n[j] = v - mean
		}
		s := float32(1 / math.Sqrt(float64(blas.Dot(n, n))/float64(C)+normEps))
		r[i] = s
		scaleInto(y, n, s, gain, bias)
	}
}

// scaleInto sets n to s·n and y to n·gain + bias; no bias is 0.
func scaleInto(y, n []float32, s float32, gain, bias []float32) {
	if len(bias) == 0 {
		for j, g := range gain {
			n[j] *= s
			y[j] = n[j] * g
		}
		return
	}
	bias = bias[:len(gain)]
	for j, g := range gain {
		v := n[j] * s
		n[j] = v
		y[j] = v*g + bias[j]
	}
}

// normalizeBack adds the gradients with respect to x, gain and bias, given
// dy. With e = dy·gain:
//
//	dx = r·(e − mean e − n·mean(e·n))
//
// and without the mean of e for RMSNorm.
func (d dims) normalizeBack(dx, dgain, dbias, dy, n, r, gain []float32) {
	C := d.C
	if d.norm == unnormed {
		blas.Axpy(dx[:len(r)*C], 1, dy[:len(r)*C])
		return
	}
	for i, s := range r {
		dx, dy, n := dx[i*C:][:C], dy[i*C:][:C], n[i*C:][:C]
		if len(dbias) > 0 {
			blas.Axpy(dbias, 1, dy)
		}
		dgain := dgain[:C]
		var e, en float64
		for j, v := range dy {
			dgain[j] += v * n[j]
			w := v * gain[j]
			e += float64(w)
			en += float64(w * n[j])
		}
		mean, along := float32(e/float64(C)), float32(en/float64(C))
		if d.norm == rmsNormed {
			mean = 0
		}
		for j, v := range dy {
			dx[j] += s * (v*gain[j] - mean - n[j]*along)
		}
	}
}

// enter sets in to what a part reads.
func (d dims) enter(in, n, r, x, gain, bias []float32, M int) {
	if d.place == pre {
		d.normalize(in, n, r[:M], x, gain, bias)
		return
	}
	copy(in, x[:M*d.C])
}

// enterBack adds to dx what the gradient din of enter's result comes to.
func (d dims) enterBack(dx, dgain, dbias, din, n, r, gain []float32, M int) {
	if d.place == pre {
		d.normalizeBack(dx, dgain, dbias, din, n, r[:M], gain)
		return
	}
	blas.Axpy(dx[:M*d.C], 1, din[:M*d.C])
}

// leave normalizes the stream behind a part, if that is the place.
func (d dims) leave(x, n, r, gain, bias []float32, M int) {
	if d.place == post {
		d.normalize(x, n, r[:M], x, gain, bias)
	}
}

// leaveBack takes dx from behind leave to before it; c is scratch.
func (d dims) leaveBack(dx, dgain, dbias, c, n, r, gain []float32, M int) {
	if d.place != post {
		return
	}
	c = c[:M*d.C]
	clear(c)
	d.normalizeBack(c, dgain, dbias, dx, n, r[:M], gain)
	copy(dx, c)
}
