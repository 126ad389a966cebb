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
		if d.norm == layerNormed {
			blas.Shift(n, x, -blas.Sum(x)/float32(C))
		} else {
			copy(n, x)
		}
		r[i] = float32(1 / math.Sqrt(float64(blas.Dot(n, n))/float64(C)+normEps))
		blas.Scale(n, r[i])
		if len(bias) > 0 {
			blas.MulAdd(y, n, gain, bias)
		} else {
			blas.Mul(y, n, gain)
		}
	}
}

// normalizeBack adds the gradients with respect to x, gain and bias, given
// dy, which it uses up. With e = dy·gain:
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
		dx, e, n := dx[i*C:][:C], dy[i*C:][:C], n[i*C:][:C]
		if len(dbias) > 0 {
			blas.Axpy(dbias, 1, e)
		}
		blas.MulAdd(dgain, e, n, dgain)
		blas.Mul(e, e, gain)
		blas.Axpy(dx, s, e)
		blas.Axpy(dx, -s*blas.Dot(e, n)/float32(C), n)
		if d.norm == layerNormed {
			blas.Shift(dx, dx, -s*blas.Sum(e)/float32(C))
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
