package transformer

import (
	"math"

	"horizon/predictors/kernel/smoother"
	"horizon/predictors/transformer/blas"
)

// An attention head whose values are the one-hot next symbols, over all that
// the layers below made of the positions: rung R4 of the ladder on top of any
// number of layers, none too, and the pointer sentinel mixture of Merity, Xiong,
// Bradbury & Socher 2017, eqs. 3 to 5, with the one query instead of theirs.
// With f what the output head reads, q0 what it predicts and position t knowing
// s_0 … s_t, so that positions before it know what came next:
//
//	P(y) = w_0 q0(y) + Σ_{j<t} w_j 1[s_{j+1} = y]
//	w ∝ exp(q·u/√K), exp(q·k_0/√K), …, exp(q·k_{t−1}/√K)    q = f_t Wq, k_j = f_j Wk
//
// u is the sentinel. The logarithm of P takes the place of the logits, so that
// loss and scoring know nothing of the head. Scores and their gradients are
// package smoother's, which the kernel family smooths with. Time per position
// is that of one more layer's attention and 2 A logarithms and exponentials.

// mixer is the head, K = mixK wide.
func (d dims) mixer() smoother.Smoother[float32] {
	return smoother.Smoother[float32]{Kernel: smoother.ExpDot, Scale: d.mixScale(), D: d.mixK}
}

// mixScale is 1/√K.
func (d dims) mixScale() float64 { return 1 / math.Sqrt(float64(d.mixK)) }

// least keeps logarithms finite.
const least = 1e-30

// mixRow makes of the logits of one position the logarithm of P, given the
// scores s [t] of the keys before it, that of the sentinel, and the symbols
// that followed. s becomes the weights w_1 …; w_0 is returned. q0 and p, if
// not empty, are left with q0 and P.
func mixRow(logits, s []float32, sentinel float32, next []int32, q0, p []float32) (w0 float32) {
	softmax(logits, 1, nil)
	copy(q0, logits)
	w0 = 1
	if len(s) > 0 {
		// The keys' share of the weight is a sigmoid of the difference.
		w0 = float32(1 / (1 + math.Exp(smoother.Normalize(s)-float64(sentinel))))
		blas.Scale(s, 1-w0)
	}
	blas.Scale(logits, w0)
	for j, x := range next[:len(s)] {
		logits[x] += s[j]
	}
	copy(p, logits)
	for y, v := range logits {
		logits[y] = float32(math.Log(max(float64(v), least)))
	}
	return w0
}

// mixRowBack undoes it: g, the gradient of log P, becomes that of the logits,
// and s that of the scores; that of the sentinel's is returned.
//
//	dP = g/P    dw_0 = dP·q0    dw_j = dP(s_{j+1})    ds = w (dw − w·dw)
func mixRowBack(g, s []float32, w, q0, p []float32, w0 float32, next []int32) (ds0 float32) {
	for y := range g {
		g[y] /= max(p[y], least)
	}
	dw0 := blas.Dot(g, q0)
	mean := w0 * dw0
	for j := range s {
		s[j] = g[next[j]]
		mean += w[j] * s[j]
	}
	for j := range s {
		s[j] = w[j] * (s[j] - mean)
	}
	for y, q := range q0 {
		g[y] = w0 * q * (g[y] - dw0)
	}
	return w0 * (dw0 - mean)
}

// mix sets the logits of every row to log P.
func (d dims) mix(w *weights, a *activations, segs []segment, ids []int32) {
	M, K := len(ids), d.mixK
	affine(a.mixQ, K, a.f, w.mixQ, nil, M, d.C, K)
	affine(a.mixK, K, a.f, w.mixK, nil, M, d.C, K)
	for _, g := range segs {
		d.mixer().Scores(a.mixW[g.row*d.W:], d.W, a.mixQ[g.row*K:], K, a.mixK[g.row*K:], K, g.n, g.n)
		for t := range g.n {
			i := g.row + t
			sentinel := float32(d.mixScale()) * blas.Dot(a.mixQ[i*K:][:K], w.sentinel)
			a.mix0[i] = mixRow(a.logits[i*d.A:][:d.A], a.mixW[i*d.W:][:t], sentinel, ids[g.row+1:g.row+g.n],
				a.mixQ0[i*d.A:][:d.A], a.mixP[i*d.A:][:d.A])
		}
	}
}

// mixBack takes the gradient of log P in a.logits to that of the logits, and
// adds to s.c that of what the head read.
func (d dims) mixBack(dw, w *weights, a *activations, s *gradients, segs []segment, ids []int32) {
	M, K := len(ids), d.mixK
	clear(s.mixQ[:M*K])
	clear(s.mixK[:M*K])
	for _, g := range segs {
		for t := range g.n {
			i := g.row + t
			ds := s.mixS[t*d.W:][:g.n]
			ds0 := mixRowBack(a.logits[i*d.A:][:d.A], ds[:t], a.mixW[i*d.W:], a.mixQ0[i*d.A:][:d.A], a.mixP[i*d.A:][:d.A], a.mix0[i], ids[g.row+1:g.row+g.n])
			clear(ds[t:])
			ds0 *= float32(d.mixScale())
			blas.Axpy(s.mixQ[i*K:][:K], ds0, w.sentinel)
			blas.Axpy(dw.sentinel, ds0, a.mixQ[i*K:][:K])
		}
		d.mixer().ScoresBack(s.mixQ[g.row*K:], K, s.mixK[g.row*K:], K, s.mixS, d.W, a.mixQ[g.row*K:], K, a.mixK[g.row*K:], K, g.n, g.n)
	}
}

// mixRead adds to df what went through queries and keys.
func (d dims) mixRead(df []float32, dw, w *weights, a *activations, s *gradients, M int) {
	K := d.mixK
	for _, v := range []struct{ dy, dw, w []float32 }{{s.mixQ, dw.mixQ, w.mixQ}, {s.mixK, dw.mixK, w.mixK}} {
		blas.NT(M, d.C, K, v.dy, K, v.w, K, 1, df, d.C)
		blas.TN(d.C, K, M, a.f, d.C, v.dy, K, 1, v.dw, K)
	}
}

// mixPut stores the head's keys of m rows from position first on.
func (p *Transformer) mixPut(first, m int) {
	affine(p.cache.mix(p.dims)[first*p.mixK:], p.mixK, p.acts.f, p.w.mixK, nil, m, p.C, p.mixK)
}

// mixNext makes of the logits of position t, whose row of f is given, log P.
func (p *Transformer) mixNext(logits, f []float32, t int) {
	q, s := p.acts.mixQ[:p.mixK], p.acts.mixW[:t]
	affine(q, p.mixK, f, p.w.mixQ, nil, 1, p.C, p.mixK)
	if t > 0 {
		p.mixer().Scores(s, p.W, q, p.mixK, p.cache.mix(p.dims), p.mixK, 1, t)
	}
	mixRow(logits, s, float32(p.mixScale())*blas.Dot(q, p.w.sentinel), p.ids[1:], nil, nil)
}
