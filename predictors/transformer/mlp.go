package transformer

import (
	"math"

	"horizon/predictors/transformer/blas"
)

// feedForward adds to the stream x [M,C] the second half of a block:
// act(norm(x) W1 + b1) W2 + b2.
func (d dims) feedForward(w *layer, b *block, a *activations, l, M int) {
	if d.F == 0 {
		return
	}
	d.enter(b.c, b.n2, b.r2, a.x, w.gain2, w.bias2, M)
	affine(b.h, d.hidden(), b.c, w.w1, w.b1, M, d.C, d.hidden())
	d.activate(b.g, b.h, M)
	d.add(a, 2*l+2, M, func(y []float32) { affineAdd(y, b.g, w.w2, w.b2, M, d.F, d.C) })
	d.leave(a.x, b.n2, b.r2, w.gain2, w.bias2, M)
}

// feedForwardBack takes s.x from the gradient behind the block's second half
// to the one before it.
func (d dims) feedForwardBack(dw, w *layer, b *block, a *activations, s *gradients, l, M int) {
	if d.F == 0 {
		return
	}
	d.leaveBack(s.x, dw.gain2, dw.bias2, s.c, b.n2, b.r2, w.gain2, M)
	d.addBack(s, a.noise, 2*l+2, M)
	affineBack(s.g, dw.w2, dw.b2, s.part, d.C, b.g, w.w2, M, d.F, d.C)
	d.activateBack(s.h, s.g, b.h, M)
	affineBack(s.c, dw.w1, dw.b1, s.h, d.hidden(), b.c, w.w1, M, d.C, d.hidden())
	d.enterBack(s.x, dw.gain2, dw.bias2, s.c, b.n2, b.r2, w.gain2, M)
}

// activate sets g [M,F] to the activation of h [M,hidden].
func (d dims) activate(g, h []float32, M int) {
	g, h = g[:M*d.F], h[:M*d.hidden()]
	switch d.activation {
	case gelu:
		blas.Gelu(g, h)
	case relu:
		for i, v := range h {
			g[i] = max(v, 0)
		}
	case swiglu:
		for i := range M {
			u, v := h[2*i*d.F:][:d.F], h[(2*i+1)*d.F:][:d.F]
			for j, x := range u {
				g[i*d.F+j] = x * sigmoid(x) * v[j]
			}
		}
	}
}

// activateBack sets dh from dg. dg may be dh where they are as long.
func (d dims) activateBack(dh, dg, h []float32, M int) {
	dh, dg, h = dh[:M*d.hidden()], dg[:M*d.F], h[:M*d.hidden()]
	switch d.activation {
	case gelu:
		blas.GeluGrad(dh, dg, h)
	case relu:
		for i, v := range h {
			if dh[i] = 0; v > 0 {
				dh[i] = dg[i]
			}
		}
	case swiglu: // silu'(x) = σ(x)(1 + x(1 − σ(x)))
		for i := range M {
			u, v := h[2*i*d.F:][:d.F], h[(2*i+1)*d.F:][:d.F]
			du, dv := dh[2*i*d.F:][:d.F], dh[(2*i+1)*d.F:][:d.F]
			for j, x := range u {
				s, g := sigmoid(x), dg[i*d.F+j]
				du[j] = g * v[j] * s * (1 + x*(1-s))
				dv[j] = g * x * s
			}
		}
	}
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
