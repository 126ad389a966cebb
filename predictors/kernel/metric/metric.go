// Package metric smooths over positions with kernels whose metric is learned:
// the way from Nadaraya-Watson to an attention head, a step at a time.
package metric

import (
	"fmt"
	"math"
	"math/rand/v2"

	"horizon/predictors"
	"horizon/predictors/kernel/ppmi"
	"horizon/predictors/kernel/smoother"
)

// With c the last m symbols, one-hot and side by side, the weight of a position
// i of the memory in the context c is
//
//	log K(c_i, c) = c_iᵀ B c = Σ_l u[l, c_{i,l}],   u = B c
//
// for the bilinear forms B below, so that all of them score a position by m
// look-ups in a table of the query's, made once a prediction:
//
//	flat       β on the diagonal: a lag that agrees adds β. This is the kernel
//	           of Aitchison & Aitken 1976 with one λ, up to a factor that the
//	           weights cancel: β = ln[(1−λ)(A−1)/λ]
//	geometric  β ρ^{l−1} on lag l's part of it: recency
//	free       β_l
//	embedding  β_l (1[a = b] + γ_l e(a)·e(b)): one-hot beside fixed vectors e of
//	           unit length (PPMI-SVD), so that a lag may agree in part
//	low-rank   Wq Wkᵀ/√r: queries and keys of r numbers, an attention head
//	           (Tsai et al. 2019); symmetric: Wq = Wk
//	full       any B, learned as what it adds to "free"; symmetric: B = Bᵀ
//
// A lag before the start of a document agrees with nothing; in "low-rank" and
// "full" it is one symbol more.
//
// The estimate is q(y) = w_0 q0(y) + Σ_i w_i 1[x_{i+1} = y], w = softmax of
// the scores, the learned score s_0 of falling back on q0 among them (ln α of
// programme section 5), with q0 a Witten-Bell n-gram of low order.

type symbol = predictors.Symbol

type form string

const (
	flat      form = "flat"
	geometric form = "geometric"
	free      form = "free"
	embedded  form = "embedding"
	lowRank   form = "low-rank"
	full      form = "full"
)

var forms = []form{flat, geometric, free, embedded, lowRank, full}

// A shape is what the number of parameters follows from.
type shape struct {
	A, M      int // symbols, lags
	S         int // A+1: one for what is before a document
	R         int // rank of "low-rank"
	form      form
	symmetric bool
	gaussian  bool // "low-rank": −‖q−k‖²/(2√r) for q·k/√r
	E         int  // of "embedding": numbers a vector, made from the neighbours up to Span symbols away
	Span      int
}

// params are the parameters, or their gradients, as views into one flat slice,
// matrices first.
type params[F smoother.Float] struct {
	shape
	flat     []F
	matrices int // how many of flat are in them
	wq       []F // "low-rank" [M·S,R]; "full" [M·S,M·S]
	wk       []F // "low-rank" [M·S,R], wq itself if symmetric
	beta     []F // logarithms: "flat" [1]; "geometric" ln β, ln ρ; else [M]; none in "low-rank"
	gamma    []F // [M] ln γ_l of "embedding"
	null     []F // [1] s_0
	slope    []F // [1] ln of the rate at which a position's score falls with its distance (window memory)

	vectors []F // [A,E] of "embedding", not parameters
}

func newParams[F smoother.Float](s shape) *params[F] {
	p := &params[F]{shape: s}
	total := 0
	p.view(func(n int) []F { total += n; return nil })
	p.adopt(make([]F, total))
	if s.form == embedded {
		p.vectors = make([]F, s.A*s.E)
	}
	return p
}

func (p *params[F]) adopt(flat []F) {
	p.flat = flat
	p.view(func(n int) []F {
		s := flat[:n:n]
		flat = flat[n:]
		return s
	})
}

func (p *params[F]) view(take func(n int) []F) {
	rows := p.M * p.S
	switch p.form {
	case lowRank:
		p.wq = take(rows * p.R)
		p.wk, p.matrices = p.wq, rows*p.R
		if !p.symmetric {
			p.wk, p.matrices = take(rows*p.R), 2*rows*p.R
		}
	case full:
		p.wq, p.matrices = take(rows*rows), rows*rows
	}
	switch p.form {
	case flat:
		p.beta = take(1)
	case geometric:
		p.beta = take(2)
	case free, embedded, full:
		p.beta = take(p.M)
	}
	if p.form == embedded {
		p.gamma = take(p.M)
	}
	p.null, p.slope = take(1), take(1)
}

// zero is of the same shape and all 0, for gradients.
func (p *params[F]) zero() *params[F] { return newParams[F](p.shape) }

// What training starts from: β_l = 4·0.8^{l−1}, about what text chooses.
const (
	startBeta  = 4
	startRho   = 0.8
	startGamma = 0.3
)

// initialize sets the start. Of "low-rank" it is B ≈ the diagonal β_l: random
// keys of about unit length, and the same as queries times β_l √r.
func (p *params[F]) initialize(seed uint64, slope, null float64) {
	rng := rand.New(rand.NewPCG(seed, 0x6e7472))
	for l := range p.beta {
		p.beta[l] = F(math.Log(startBeta) + float64(l)*math.Log(startRho))
	}
	if p.form == geometric {
		p.beta[1] = F(math.Log(startRho))
	}
	if p.form == embedded {
		for l := range p.gamma {
			p.gamma[l] = F(math.Log(startGamma))
		}
	}
	p.slope[0], p.null[0] = F(math.Log(slope)), F(null)
	if p.form != lowRank {
		return
	}
	root := math.Sqrt(float64(p.R))
	for l := range p.M {
		beta := startBeta * math.Pow(startRho, float64(l))
		for i := l * p.S * p.R; i < (l+1)*p.S*p.R; i++ {
			v := rng.NormFloat64() / root
			if p.symmetric {
				p.wq[i] = F(v * math.Sqrt(beta*root))
				continue
			}
			p.wk[i], p.wq[i] = F(v), F(v*beta*root)
		}
	}
}

// learnVectors makes the vectors of "embedding", of unit length, from the
// training part.
func (p *params[F]) learnVectors(docs [][]symbol, seed uint64) {
	if p.form != embedded {
		return
	}
	all := ppmi.Vectors(docs, p.A, p.E, p.Span, seed)
	for at := 0; at < len(all); at += p.E {
		v := all[at : at+p.E]
		length := math.Sqrt(square(v))
		for i, x := range v {
			p.vectors[at+i] = F(x / max(length, 1e-10)) // of one that never occurs, 0
		}
	}
}

// scale of "low-rank".
func (p *params[F]) scale() F { return F(1 / math.Sqrt(float64(p.R))) }

// weight is β_l, l from 0.
func (p *params[F]) weight(l int) F {
	switch p.form {
	case flat:
		return F(math.Exp(float64(p.beta[0])))
	case geometric:
		return F(math.Exp(float64(p.beta[0]) + float64(l)*float64(p.beta[1])))
	}
	return F(math.Exp(float64(p.beta[l])))
}

// key sets q [R] to Σ_l w[l, c_l], w being wq for a query and wk for a key.
func (p *params[F]) key(q, w []F, c []symbol) {
	clear(q)
	for l, x := range c {
		smoother.Axpy(q, 1, w[(l*p.S+int(x))*p.R:][:p.R])
	}
}

// keyBack adds to dw the gradient through key.
func (p *params[F]) keyBack(dw, dq []F, c []symbol) {
	for l, x := range c {
		smoother.Axpy(dw[(l*p.S+int(x))*p.R:][:p.R], 1, dq)
	}
}

// table sets u [M·S] to B c, for the context c [M], the last symbol first;
// symbol A stands for what is before the document. q [R] is scratch and left
// with the query of "low-rank".
func (p *params[F]) table(u, q []F, c []symbol) {
	switch p.form {
	case lowRank:
		p.key(q, p.wq, c)
		smoother.NT(1, p.M*p.S, p.R, q, p.R, p.wk, p.R, 0, u, p.M*p.S)
		scale(u, p.scale())
		return
	case full:
		p.fullTable(u, c)
	default:
		clear(u)
	}
	for l, x := range c {
		switch {
		case int(x) == p.A:
		case p.form == embedded:
			row := u[l*p.S:][:p.A]
			smoother.NT(1, p.A, p.E, p.vectors[int(x)*p.E:], p.E, p.vectors, p.E, 0, row, p.A)
			scale(row, p.weight(l)*F(math.Exp(float64(p.gamma[l]))))
			row[x] += p.weight(l)
		default:
			u[l*p.S+int(x)] += p.weight(l)
		}
	}
}

// tableBack adds to d the gradient through table, given du [M·S], and u and q
// as table left them.
func (p *params[F]) tableBack(d *params[F], du, u, q []F, c []symbol) {
	switch p.form {
	case lowRank:
		p.lowRankBack(d, du, q, c)
		return
	case full:
		p.fullBack(d, du, c)
	}
	for l, x := range c {
		if int(x) == p.A {
			continue
		}
		g := du[l*p.S+int(x)] * p.weight(l)
		if p.form == embedded { // u is its own derivative in ln β_l, and but for the one-hot part in ln γ_l
			own := g
			g = 0
			for i, v := range u[l*p.S:][:p.A] {
				g += v * du[l*p.S+i]
			}
			d.gamma[l] += g - own
		}
		switch p.form {
		case flat:
			d.beta[0] += g
		case geometric:
			d.beta[0] += g
			d.beta[1] += F(l) * g
		default:
			d.beta[l] += g
		}
	}
}

func (p *params[F]) lowRankBack(d *params[F], du, q []F, c []symbol) {
	rows := p.M * p.S
	scale(du, p.scale())
	dq := make([]F, p.R)
	smoother.NN(1, p.R, rows, du, rows, p.wk, p.R, 0, dq, p.R)
	for i, g := range du {
		if g != 0 {
			smoother.Axpy(d.wk[i*p.R:][:p.R], g, q[:p.R])
		}
	}
	p.keyBack(d.wq, dq, c)
}

// fullTable sets u to the rows of B that c names, of (B+Bᵀ)/2 if symmetric.
func (p *params[F]) fullTable(u []F, c []symbol) {
	n := p.M * p.S
	clear(u)
	half := p.half()
	for l, x := range c {
		at := l*p.S + int(x)
		smoother.Axpy(u, half, p.wq[at*n:][:n])
		if p.symmetric {
			for i := range u {
				u[i] += half * p.wq[i*n+at]
			}
		}
	}
}

func (p *params[F]) fullBack(d *params[F], du []F, c []symbol) {
	n := p.M * p.S
	half := p.half()
	for l, x := range c {
		at := l*p.S + int(x)
		smoother.Axpy(d.wq[at*n:][:n], half, du)
		if p.symmetric {
			for i, g := range du {
				d.wq[i*n+at] += half * g
			}
		}
	}
}

func (p *params[F]) half() F {
	if p.symmetric {
		return 0.5
	}
	return 1
}

func scale[F smoother.Float](x []F, s F) {
	for i := range x {
		x[i] *= s
	}
}

// valid refuses parameters, read from a file, that are no numbers.
func (p *params[F]) valid() error {
	for _, v := range p.flat {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("parameter = %v, want a number", x)
		}
	}
	return nil
}

// describe names what was learned: β_l, the mean over symbols of what lag l
// adds when it agrees more than when not, for every form but "low-rank"; α =
// exp s_0, the weight of falling back in units of exp 0.
func (p *params[F]) describe(out map[string]float64) {
	out["alpha"] = math.Exp(float64(p.null[0]))
	if p.form == embedded {
		for l, v := range p.gamma {
			out[fmt.Sprintf("gamma_%d", l+1)] = math.Exp(float64(v))
		}
	}
	if p.form == lowRank {
		p.describeLowRank(out)
		return
	}
	n := p.M * p.S
	for l := range p.M {
		beta := float64(p.weight(l))
		for x := 0; p.form == full && x < p.A; x++ {
			own, rest := 0.0, 0.0
			for y := range p.A {
				v := float64(p.wq[(l*p.S+x)*n+l*p.S+y])
				if y == x {
					own = v
				} else {
					rest += v / float64(max(p.A-1, 1))
				}
			}
			beta += (own - rest) / float64(p.A)
		}
		out[fmt.Sprintf("beta_%d", l+1)] = beta
	}
}

func (p *params[F]) describeLowRank(out map[string]float64) {
	for l := range p.M {
		own, all := 0.0, 0.0
		sumQ, sumK := make([]float64, p.R), make([]float64, p.R)
		for x := range p.A {
			for r := range p.R {
				at := (l*p.S+x)*p.R + r
				own += float64(p.wq[at]) * float64(p.wk[at])
				sumQ[r] += float64(p.wq[at])
				sumK[r] += float64(p.wk[at])
			}
		}
		for r := range sumQ {
			all += sumQ[r] * sumK[r]
		}
		a := float64(p.A)
		rest := (all - own) / max(a*(a-1), 1)
		out[fmt.Sprintf("beta_%d", l+1)] = (own/a - rest) * float64(p.scale())
	}
}
