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
// Every part can be switched for others of the literature; form.go lists them.
//
// Departures. As in GPT-2 and nanoGPT, GELU has its tanh form, U has no bias
// and may be E (tied), queries, keys and values come from one matrix, and
// heads are joined before Wo (the same sum as theirs of one Wo per head).
// Every window begins with the start symbol, in training and in scoring, so
// that a position means the same number of visible symbols in both. Each
// probability is kept above 1e-9 (see probabilities).
//
// Per position, forward, as configured by default: 12 L C² + A C multiply-adds
// for the matrices and 2 L T C for attention over T symbols; training costs three times that, and
// scoring W/Stride times, since a window computes again what it inherits.
// Weights take 12 L C² + (A + W) C float32, twice A C if not tied; a place in a
// sequence takes 2 L W C for keys and values.
package transformer

import (
	"math"
	"math/rand/v2"
)

// dims are the sizes every part needs.
type dims struct {
	A int // symbols
	L int // blocks
	H int // heads
	C int // width
	D int // width of a head's values, C/H
	K int // width of a head's queries and keys
	F int // width of the feed-forward part; 0 if there is none
	W int // positions of a window
	lead
	form
	layout
	turns []float32 // of rotary positions
	mixK  int       // width of the keys of the head with one-hot values; 0 if there is none
}

// A layout says what is where in a row of queries, keys and values, which for
// each are head after head.
type layout struct {
	q, k, v   int // where they begin
	queryStep int // from one head's queries to the next's; 0 if there are none
	keyStep   int // from one head's keys to the next's; 0 if all share one
	keys      int // width of all keys
	proj      int // how much of the row is a product with a matrix
	row       int // its length
}

func (c *Config) dims(A int, f form) dims {
	d := dims{A: A, L: c.Layers, H: c.Heads, C: c.Width, D: c.Width / c.Heads, W: c.Window,
		F: int(c.FeedForward*float64(c.Width) + 0.5), lead: lead{c.Prompt, c.Segment}, form: f}
	if d.K = c.KeyWidth; d.K == 0 {
		d.K = d.D
	}
	all := d.H * d.K
	if f.oneHot {
		d.mixK = all
	}
	switch {
	case !f.kernel.content():
		d.layout = layout{proj: d.C, row: d.C}
	case f.kernel == symmetricKernel:
		d.layout = layout{v: all, queryStep: d.K, keyStep: d.K, keys: all, proj: all + d.C, row: all + d.C}
	case f.kernel == bilinearKernel: // the keys are the inputs themselves
		d.K = d.C
		all = d.H * d.K
		d.layout = layout{v: all, k: all + d.C, queryStep: d.K, keys: d.C, proj: all + d.C, row: all + 2*d.C}
	default:
		d.layout = layout{k: all, v: 2 * all, queryStep: d.K, keyStep: d.K, keys: all, proj: 2*all + d.C, row: 2*all + d.C}
	}
	return d
}

// hidden is the width of what the activation reads.
func (d dims) hidden() int {
	if d.activation == swiglu {
		return 2 * d.F
	}
	return d.F
}

// weights are views into one flat arena: the parameters, or their gradients.
// What the form leaves out is empty. Fixed tables, which no gradient has,
// stand where learned ones would.
type weights struct {
	tok    []float32 // [A+1+prompt,C]; row A is the start symbol, those behind it the soft prompt
	pos    []float32 // [W,C], of positions that are added
	seg    []float32 // [2,C], of what a segment embedding tells apart
	head   []float32 // [A,C]; the first A rows of tok if tied
	mixQ   []float32 // [C,mixK] of the head with one-hot values
	mixK   []float32 // [C,mixK]
	layers []layer
	gain   []float32 // [C], of the last norm
	bias   []float32 // [C]

	sentinel []float32 // [mixK]
}

type layer struct {
	gain1, bias1 []float32 // [C]
	wqkv         []float32 // [C,proj]
	bqkv         []float32 // [proj]
	lag          []float32 // [H,W] added to scores, the longest lag first
	wo           []float32 // [C,C]
	bo           []float32 // [C]
	gain2, bias2 []float32 // [C]
	w1           []float32 // [C,hidden]
	b1           []float32 // [hidden]
	w2           []float32 // [F,C]
	b2           []float32 // [C]
}

// view takes every tensor from an arena by take, matrices first, and returns
// how many numbers those are: weight decay touches no others.
func (d dims) view(take func(n int) []float32) (w *weights, matrices int) {
	C := d.C
	w = &weights{layers: make([]layer, d.L)}
	matrix := func(rows, cols int) []float32 {
		matrices += rows * cols
		return take(rows * cols)
	}
	w.tok = matrix(d.A+1+d.prompt, C)
	if d.positions == learnedPositions {
		w.pos = matrix(d.W, C)
	}
	if d.beginning > 0 {
		w.seg = matrix(2, C)
	}
	for l := range w.layers {
		y := &w.layers[l]
		y.wqkv, y.wo = matrix(C, d.proj), matrix(C, C)
		y.w1, y.w2 = matrix(C, d.hidden()), matrix(d.F, C)
	}
	if w.head = w.tok; !d.tied {
		w.head = matrix(d.A, C)
	}
	w.mixQ, w.mixK = matrix(C, d.mixK), matrix(C, d.mixK)
	for l := range w.layers {
		d.viewVectors(&w.layers[l], take)
	}
	if d.place == pre {
		w.gain, w.bias = d.viewNorm(take)
	}
	w.sentinel = take(d.mixK)
	return w, matrices
}

func (d dims) viewVectors(y *layer, take func(n int) []float32) {
	bias := func(n int) []float32 {
		if !d.biases {
			n = 0
		}
		return take(n)
	}
	y.gain1, y.bias1 = d.viewNorm(take)
	y.bqkv, y.bo = bias(d.proj), bias(d.C)
	if d.lags() {
		y.lag = take(d.H * d.W)
	}
	if d.F > 0 {
		y.gain2, y.bias2 = d.viewNorm(take)
		y.b1, y.b2 = bias(d.hidden()), bias(d.C)
	}
}

// viewNorm takes a norm's gain and bias.
func (d dims) viewNorm(take func(n int) []float32) (gain, bias []float32) {
	if d.norm != unnormed {
		gain = take(d.C)
	}
	if d.norm == layerNormed && d.biases {
		bias = take(d.C)
	}
	return gain, bias
}

// count is the number of parameters, and of those in matrices.
func (d dims) count() (all, matrices int) {
	_, matrices = d.view(func(n int) []float32 { all += n; return nil })
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
	scored   *weights  // what predictions use: w, unless its products are cut (rank.go)
	chosen   choice
	prompted prompted
	found    []int32 // symbols found by a search for a prompt
}

// A choice says what training kept.
type choice struct {
	Step      float64 // optimizer steps behind the weights kept
	ValidBits float64 // their mean loss on the validation sample; 0 if there was none
	TrainBits float64 // mean loss of the training windows drawn before them, since the look before
}

func newModel(cfg Config, A int) *model {
	f, err := cfg.form()
	if err != nil {
		panic(err) // New has checked
	}
	m := &model{cfg: cfg, dims: cfg.dims(A, f)}
	m.turns = m.newTurns()
	all, matrices := m.count()
	m.matrices = matrices
	m.adopt(make([]float32, all))
	return m
}

// adopt makes params the parameters.
func (m *model) adopt(params []float32) {
	m.params = params
	m.w, _ = m.view(slicer(params))
	switch m.positions {
	case sinusoidPositions:
		m.w.pos = make([]float32, m.W*m.C)
		m.sinusoids(m.w.pos)
	case alibiPositions:
		table := m.slopes()
		for l := range m.w.layers {
			m.w.layers[l].lag = table
		}
	}
	m.settle()
}

// slopes is ALiBi's table (Press, Smith & Lewis 2021, section 3): head h of H
// loses 2^{−8h/H} a lag, h from 1. The longest lag comes first.
func (d dims) slopes() []float32 {
	table := make([]float32, d.H*d.W)
	for h := range d.H {
		slope := math.Exp2(-8 * float64(h+1) / float64(d.H))
		for lag := range d.W {
			table[h*d.W+d.W-1-lag] = float32(-slope * float64(lag))
		}
	}
	return table
}

// initialize draws the weights so that every block begins as the identity
// and every unit of it in the same range: matrices that read the stream are
// normal with variance 1/C, those that write to it zero, and so is an untied
// head (Zhang, Dauphin & Ma 2019, Fixup, section 3), which makes the untrained
// model uniform. Positions are learned but begin as the sinusoids of Vaswani
// et al. 2017, section 3.5, in which a fixed distance is a fixed rotation. On
// Opticks, 300 steps from random positions reached 3.36 bits of validation loss
// and from sinusoids 3.10, all else equal (one run each). Gains are one, biases
// zero, those by lag too, and segments.
func (m *model) initialize(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, streamInit))
	normal := func(w []float32, sigma float64) {
		for i := range w {
			w[i] = float32(sigma * rng.NormFloat64())
		}
	}
	normal(m.w.tok[:(m.A+1)*m.C], inputScale)
	if m.positions == learnedPositions {
		m.sinusoids(m.w.pos)
	}
	normal(m.w.mixQ, 1/math.Sqrt(float64(m.C)))
	normal(m.w.mixK, 1/math.Sqrt(float64(m.C)))
	one(m.w.gain)
	for l := range m.w.layers {
		y := &m.w.layers[l]
		normal(y.wqkv, 1/math.Sqrt(float64(m.C)))
		normal(y.w1, 1/math.Sqrt(float64(m.C)))
		one(y.gain1)
		one(y.gain2)
	}
	m.settle()
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
	streamOnline
	streamPrompt
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
	part   []float32 // [M,C] a part's result before some of it is dropped
	logits []float32 // [M,A]
	mixQ   []float32 // [M,mixK] queries of the head with one-hot values
	mixK   []float32 // [M,mixK]
	mixW   []float32 // [M,W] its weights
	mix0   []float32 // [M] that of the sentinel
	mixQ0  []float32 // [M,A] what is fallen back on
	mixP   []float32 // [M,A] what is predicted
	noise  uint64    // what is dropped depends on it; 0 drops nothing
}

// A block holds what one block computed. norm(x) is n·gain + bias with n =
// (x − mean)·r.
type block struct {
	n1, r1 []float32 // [M,C], [M]
	a      []float32 // [M,C] what attention reads: norm(x), or x
	qkv    []float32 // [M,row]
	len    []float32 // [M,H] factors that gave keys their norm
	att    []float32 // [segments,H,W,W] attention weights
	total  []float32 // [segments,H,W] what they were divided by
	y      []float32 // [M,C] heads' results, joined
	n2, r2 []float32 // [M,C], [M]
	c      []float32 // [M,C] what the feed-forward part reads
	h      []float32 // [M,hidden] before the activation
	g      []float32 // [M,F] after
}

// newActivations makes room for M rows in segs segments, with att attention
// weights and logit rows of logits. kept says that all blocks are, for a
// backward pass.
func (d dims) newActivations(M, segs, att, logits int, kept bool) *activations {
	a := &activations{}
	size := 0
	d.carve(a, M, segs, att, logits, kept, func(n int) []float32 { size += n; return nil })
	d.carve(a, M, segs, att, logits, kept, slicer(make([]float32, size)))
	return a
}

func (d dims) carve(a *activations, M, segs, att, logits int, kept bool, take func(n int) []float32) {
	C, blocks := d.C, 1
	if kept {
		blocks = d.L
	}
	a.blocks = make([]block, blocks)
	a.x = take(M * C)
	for l := range a.blocks {
		b := &a.blocks[l]
		b.n1, b.r1, b.a = take(M*C), take(M), take(M*C)
		b.qkv, b.att, b.y = take(M*d.row), take(att), take(M*C)
		b.len, b.total = take(M*d.H), take(segs*d.H*d.W)
		if d.F > 0 {
			b.n2, b.r2, b.c = take(M*C), take(M), take(M*C)
			b.h, b.g = take(M*d.hidden()), take(M*d.F)
		}
	}
	a.n, a.r, a.f = take(M*C), take(M), take(M*C)
	if d.drop > 0 && kept {
		a.part = take(M * C)
	}
	a.logits = take(logits * d.A)
	switch {
	case d.oneHot && kept:
		a.mixQ, a.mixK, a.mixW, a.mix0 = take(M*d.mixK), take(M*d.mixK), take(M*d.W), take(M)
		a.mixQ0, a.mixP = take(M*d.A), take(M*d.A)
	case d.oneHot: // scoring takes one row at a time
		a.mixQ, a.mixW = take(d.mixK), take(d.W)
	}
}

// A segment is one window among the rows of a batch: rows row to row+n−1 are
// its positions 0 to n−1, the first opening of them the beginning that a segment
// embedding marks.
type segment struct{ row, n, opening int }

// forward computes the logits of every row, keeping what backward needs. ids
// are the inputs, one a row.
func (d dims) forward(w *weights, a *activations, segs []segment, ids []int32) {
	M := len(ids)
	for _, s := range segs {
		d.embed(a.x[s.row*d.C:], w, ids[s.row:s.row+s.n], 0, s.opening)
	}
	d.dropOut(a.x[:M*d.C], a.noise, inputPart)
	for l := range w.layers {
		y, b := &w.layers[l], &a.blocks[l]
		d.project(y, b, a.x, M)
		d.attention(y, b, segs)
		d.join(y, b, a, l, M)
		d.feedForward(y, b, a, l, M)
	}
	d.lastNorm(w, a, M)
	d.unembed(a.logits, a.f, w, M)
	if d.oneHot {
		d.mix(w, a, segs, ids)
	}
}

// lastNorm sets f to what the output head reads.
func (d dims) lastNorm(w *weights, a *activations, M int) {
	if d.place == pre {
		d.normalize(a.f, a.n, a.r[:M], a.x, w.gain, w.bias)
		return
	}
	copy(a.f, a.x[:M*d.C])
}

// gradients is the scratch of a backward pass, in one arena.
type gradients struct {
	x    []float32 // [M,C] of the residual stream
	part []float32 // [M,C] of a part's result; x itself unless some of it was dropped
	c    []float32 // [M,C] of what a part read, or of the heads' results
	qkv  []float32 // [M,row]
	h    []float32 // [M,hidden]
	g    []float32 // [M,F] of what the activation gave
	p    []float32 // [strip,W] of attention weights
	mixQ []float32 // [M,mixK] of the head with one-hot values
	mixK []float32 // [M,mixK]
	mixS []float32 // [W,W] of its scores
}

func (d dims) newGradients(M int) *gradients {
	parts := 2
	if d.drop > 0 {
		parts = 3
	}
	take := slicer(make([]float32, M*(parts*d.C+d.row+d.hidden()+d.F)+strip*d.W))
	s := &gradients{x: take(M * d.C), c: take(M * d.C), qkv: take(M * d.row), h: take(M * d.hidden()), g: take(M * d.F), p: take(strip * d.W)}
	if s.part = s.x; d.drop > 0 {
		s.part = take(M * d.C)
	}
	if d.oneHot {
		s.mixQ, s.mixK, s.mixS = make([]float32, M*d.mixK), make([]float32, M*d.mixK), make([]float32, d.W*d.W)
	}
	return s
}

// backward adds to dw the gradient of the loss with respect to w, given that
// with respect to the logits in a.logits: forward's steps in reverse.
func (d dims) backward(dw, w *weights, a *activations, s *gradients, segs []segment, ids []int32) {
	M := len(ids)
	if d.oneHot {
		d.mixBack(dw, w, a, s, segs, ids)
	}
	d.unembedBack(s.c, dw, a.logits, a.f, w, M)
	if d.oneHot {
		d.mixRead(s.c, dw, w, a, s, M)
	}
	if d.place == pre {
		clear(s.x[:M*d.C])
		d.normalizeBack(s.x, dw.gain, dw.bias, s.c, a.n, a.r[:M], w.gain)
	} else {
		copy(s.x, s.c[:M*d.C])
	}
	for l := len(w.layers) - 1; l >= 0; l-- {
		dy, y, b := &dw.layers[l], &w.layers[l], &a.blocks[l]
		d.feedForwardBack(dy, y, b, a, s, l, M)
		d.joinBack(dy, y, b, a, s, l, M)
		d.attentionBack(dy, y, b, s, segs)
		d.projectBack(dy, y, b, s, M)
	}
	d.dropOut(s.x[:M*d.C], a.noise, inputPart)
	for _, g := range segs {
		d.embedBack(dw, s.x[g.row*d.C:], ids[g.row:g.row+g.n], g.opening)
	}
}
