// Package transformer predicts with a decoder-only transformer, trained here
// from nothing: forward and backward passes are written out.
//
// The model is Algorithm 10 (DTransformer) of Phuong & Hutter 2022, Formal
// algorithms for transformers, arXiv 2207.09238, with rows for their columns.
// For symbols s_1 … s_{W-1} behind a start symbol s_0:
//
//	x_t  = E[s_t] + P[t]                              their Algorithms 1, 2
//	x_t += attention(norm(x))_t Wo + bo               5, in each of L blocks
//	x_t += gelu(norm(x_t) W1 + b1) W2 + b2
//	P(s_{t+1} = y | s_0 … s_t) = softmax(norm(x_L)_t · U[y])    7
//
// and training is their Algorithm 13 with AdamW for plain gradient descent.
//
// Departures. As in GPT-2 and nanoGPT, GELU has its tanh form, U has no bias
// and may be E (tied), queries, keys and values come from one matrix, and
// heads are joined before Wo (the same sum as theirs of one Wo per head).
// Every window begins with the start symbol, in training and in scoring, so
// that a position means the same number of visible symbols in both. Each
// probability is kept above 1e-9 (see probabilities).
//
// Per position, forward: 12 L C² + A C multiply-adds for the matrices and
// 2 L T C for attention over T symbols; training costs three times that, and
// scoring W/Stride times, since a window computes again what it inherits.
// Weights take 12 L C² + (A + W) C float32, twice A C if not tied; a place in a
// sequence takes 2 L W C for keys and values.
package transformer

import (
	"math"
	"math/rand/v2"
)

// ratio is the width of the feed-forward part over that of the stream
// (Vaswani et al. 2017, section 3.3).
const ratio = 4

// dims are the sizes every part needs.
type dims struct {
	A int // symbols
	L int // blocks
	H int // heads
	C int // width
	D int // width of a head, C/H
	W int // positions of a window
}

// weights are views into one flat arena: the parameters, or their gradients.
type weights struct {
	tok    []float32 // [A+1,C]; row A is the start symbol
	pos    []float32 // [W,C]
	head   []float32 // [A,C]; the first A rows of tok if tied
	layers []layer
	gain   []float32 // [C], of the last norm
	bias   []float32 // [C]
}

type layer struct {
	gain1, bias1 []float32 // [C]
	wqkv         []float32 // [C,3C]: queries, keys, values; within each, head after head
	bqkv         []float32 // [3C]
	wo           []float32 // [C,C]
	bo           []float32 // [C]
	gain2, bias2 []float32 // [C]
	w1           []float32 // [C,4C]
	b1           []float32 // [4C]
	w2           []float32 // [4C,C]
	b2           []float32 // [C]
}

// view takes every tensor from an arena by take, matrices first, and returns
// how many numbers those are: weight decay touches no others.
func (d dims) view(tied bool, take func(n int) []float32) (w *weights, matrices int) {
	C := d.C
	w = &weights{layers: make([]layer, d.L)}
	matrix := func(rows, cols int) []float32 {
		matrices += rows * cols
		return take(rows * cols)
	}
	w.tok, w.pos = matrix(d.A+1, C), matrix(d.W, C)
	for l := range w.layers {
		y := &w.layers[l]
		y.wqkv, y.wo = matrix(C, 3*C), matrix(C, C)
		y.w1, y.w2 = matrix(C, ratio*C), matrix(ratio*C, C)
	}
	if w.head = w.tok; !tied {
		w.head = matrix(d.A, C)
	}
	for l := range w.layers {
		y := &w.layers[l]
		y.gain1, y.bias1, y.bqkv, y.bo = take(C), take(C), take(3*C), take(C)
		y.gain2, y.bias2, y.b1, y.b2 = take(C), take(C), take(ratio*C), take(C)
	}
	w.gain, w.bias = take(C), take(C)
	return w, matrices
}

// count is the number of parameters, and of those in matrices.
func (d dims) count(tied bool) (all, matrices int) {
	_, matrices = d.view(tied, func(n int) []float32 { all += n; return nil })
	return all, matrices
}

// slicer cuts consecutive pieces off flat.
func slicer(flat []float32) func(n int) []float32 {
	return func(n int) []float32 {
		s := flat[:n:n]
		flat = flat[n:]
		return s
	}
}

// A model is what forks share: configuration and parameters.
type model struct {
	dims
	cfg      Config
	matrices int       // how many of the parameters are in matrices
	params   []float32 // all of them
	w        *weights  // views into params
	chosen   choice
}

// A choice says what training kept.
type choice struct {
	Step      float64 // optimizer steps behind the weights kept
	ValidBits float64 // their mean loss on the validation sample; 0 if there was none
	TrainBits float64 // mean loss of the training windows drawn before them, since the look before
}

func (c *Config) dims(A int) dims {
	return dims{A: A, L: c.Layers, H: c.Heads, C: c.Width, D: c.Width / c.Heads, W: c.Window}
}

func newModel(cfg Config, A int) *model {
	m := &model{cfg: cfg, dims: cfg.dims(A)}
	all, matrices := m.count(cfg.Tied)
	m.matrices = matrices
	m.adopt(make([]float32, all))
	return m
}

// adopt makes params the parameters.
func (m *model) adopt(params []float32) {
	m.params = params
	m.w, _ = m.view(m.cfg.Tied, slicer(params))
}

// initialize draws the weights so that every block begins as the identity
// and every unit of it in the same range: matrices that read the stream are
// normal with variance 1/C, those that write to it zero, and so is an untied
// head (Zhang, Dauphin & Ma 2019, Fixup, section 3), which makes the untrained
// model uniform. Positions are learned but begin as the sinusoids of Vaswani
// et al. 2017, section 3.5, in which a fixed distance is a fixed rotation. On
// Opticks, 300 steps from random positions reached 3.36 bits of validation loss
// and from sinusoids 3.10, all else equal (one run each). Gains are one, biases
// zero.
func (m *model) initialize(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, streamInit))
	normal := func(w []float32, sigma float64) {
		for i := range w {
			w[i] = float32(sigma * rng.NormFloat64())
		}
	}
	normal(m.w.tok, inputScale)
	m.sinusoids(m.w.pos)
	one(m.w.gain)
	for l := range m.w.layers {
		y := &m.w.layers[l]
		normal(y.wqkv, 1/math.Sqrt(float64(m.C)))
		normal(y.w1, 1/math.Sqrt(float64(m.C)))
		one(y.gain1)
		one(y.gain2)
	}
}

// inputScale is the deviation of the symbols' embeddings and the amplitude of
// the positions'. It also sets the spread of a tied head's first logits, about
// √C/10. The value is from runs on Opticks: halving the positions' share or
// doubling both was worse.
const inputScale = 0.1

// sinusoids sets pos[t,2i] = sin(t/10000^{2i/C}), pos[t,2i+1] its cosine, both
// times inputScale.
func (d dims) sinusoids(pos []float32) {
	for t := range d.W {
		for i := range d.C {
			turn := float64(t) / math.Pow(10000, float64(i/2*2)/float64(d.C))
			if i%2 == 1 {
				turn += math.Pi / 2
			}
			pos[t*d.C+i] = float32(inputScale * math.Sin(turn))
		}
	}
}

// Streams of the random generator, so that no part's draws shift another's.
const (
	streamInit = iota + 1
	streamBatch
)

func one(w []float32) {
	for i := range w {
		w[i] = 1
	}
}

// activations are what a forward pass leaves for the backward pass, in one
// arena. Scoring has no backward pass and lets all blocks share one.
type activations struct {
	x      []float32 // [M,C] the residual stream, updated in place
	blocks []block
	n, r   []float32 // [M,C], [M] of the last norm
	f      []float32 // [M,C] its result
	logits []float32 // [M,A]
}

// A block holds what one block computed. norm(x) is n·gain + bias with n =
// (x − mean)·r.
type block struct {
	n1, r1 []float32 // [M,C], [M]
	a      []float32 // [M,C] norm before attention
	qkv    []float32 // [M,3C]
	att    []float32 // [segments,H,W,W] attention weights
	y      []float32 // [M,C] heads' results, joined
	n2, r2 []float32 // [M,C], [M]
	c      []float32 // [M,C] norm before the feed-forward part
	h      []float32 // [M,4C] before GELU
	g      []float32 // [M,4C] after
}

// newActivations makes room for M rows, with att attention weights and logit
// rows of logits. kept says that all blocks are, for a backward pass.
func (d dims) newActivations(M, att, logits int, kept bool) *activations {
	a := &activations{}
	d.carve(a, M, att, logits, kept, slicer(make([]float32, d.activationSize(M, att, logits, kept))))
	return a
}

func (d dims) activationSize(M, att, logits int, kept bool) (size int) {
	d.carve(&activations{}, M, att, logits, kept, func(n int) []float32 { size += n; return nil })
	return size
}

func (d dims) carve(a *activations, M, att, logits int, kept bool, take func(n int) []float32) {
	C, blocks := d.C, 1
	if kept {
		blocks = d.L
	}
	a.blocks = make([]block, blocks)
	a.x = take(M * C)
	for l := range a.blocks {
		b := &a.blocks[l]
		b.n1, b.r1, b.a = take(M*C), take(M), take(M*C)
		b.qkv, b.att, b.y = take(M*3*C), take(att), take(M*C)
		b.n2, b.r2, b.c = take(M*C), take(M), take(M*C)
		b.h, b.g = take(M*ratio*C), take(M*ratio*C)
	}
	a.n, a.r, a.f = take(M*C), take(M), take(M*C)
	a.logits = take(logits * d.A)
}

// A segment is one window among the rows of a batch: rows row to row+n−1 are
// its positions 0 to n−1.
type segment struct{ row, n int }

// forward computes the logits of every row, keeping what backward needs. ids
// are the inputs, one a row.
func (d dims) forward(w *weights, a *activations, segs []segment, ids []int32) {
	M := len(ids)
	for _, s := range segs {
		d.embed(a.x[s.row*d.C:], w, ids[s.row:s.row+s.n], 0)
	}
	for l := range w.layers {
		y, b := &w.layers[l], &a.blocks[l]
		d.project(y, b, a.x, M)
		d.attention(b, segs)
		d.join(y, b, a.x, M)
		d.feedForward(y, b, a.x, M)
	}
	d.lastNorm(w, a, M)
	d.unembed(a.logits, a.f, w, M)
}

func (d dims) lastNorm(w *weights, a *activations, M int) {
	layerNorm(a.f, a.n, a.r[:M], a.x, w.gain, w.bias)
}

// gradients is the scratch of a backward pass, in one arena.
type gradients struct {
	x   []float32 // [M,C] of the residual stream
	c   []float32 // [M,C] of a norm's result, or the heads'
	qkv []float32 // [M,3C]
	h   []float32 // [M,4C]
	p   []float32 // [strip,W] of attention weights
}

func (d dims) newGradients(M int) *gradients {
	take := slicer(make([]float32, M*d.C*(1+1+3+ratio)+strip*d.W))
	return &gradients{x: take(M * d.C), c: take(M * d.C), qkv: take(M * 3 * d.C), h: take(M * ratio * d.C), p: take(strip * d.W)}
}

// backward adds to dw the gradient of the loss with respect to w, given that
// with respect to the logits in a.logits: forward's steps in reverse.
func (d dims) backward(dw, w *weights, a *activations, s *gradients, segs []segment, ids []int32) {
	M := len(ids)
	d.unembedBack(s.c, dw, a.logits, a.f, w, M)
	clear(s.x[:M*d.C])
	layerNormBack(s.x, dw.gain, dw.bias, s.c, a.n, a.r[:M], w.gain)
	for l := len(w.layers) - 1; l >= 0; l-- {
		dy, y, b := &dw.layers[l], &w.layers[l], &a.blocks[l]
		d.feedForwardBack(dy, y, b, s, M)
		d.joinBack(dy, y, b, s, M)
		d.attentionBack(b, s, segs)
		d.projectBack(dy, y, b, s, M)
	}
	for _, g := range segs {
		d.embedBack(dw, s.x[g.row*d.C:], ids[g.row:g.row+g.n])
	}
}
