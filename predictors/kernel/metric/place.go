package metric

import (
	"encoding/binary"
	"fmt"
	"slices"

	"horizon/predictors"
)

// A memory is what is smoothed over. smooth sets q to the law after the last
// symbols of a sequence, of which past has M missing ones before the first, and
// says what it rests on.
type memory interface {
	smooth(q []float64, past []symbol) mixed
}

// A place in a sequence, and the law there once that has been asked for.
type place struct {
	kind   string
	memory memory
	a, m   int
	span   int      // symbols before the last m that laws depend on
	past   []symbol // m missing symbols and those of the sequence, the last at its end
	probs  []float64
	rests  mixed
	fresh  bool
}

func newPlace(kind string, of memory, s shape, span int) place {
	p := place{kind: kind, memory: of, a: s.A, m: s.M, span: span}
	p.Reset()
	return p
}

// Alphabet is A.
func (p *place) Alphabet() int { return p.a }

// Reset goes back to the empty context.
func (p *place) Reset() {
	p.past = p.past[:0]
	for range p.m {
		p.past = append(p.past, symbol(p.a))
	}
	p.fresh = false
}

// Observe moves on by a symbol.
func (p *place) Observe(x symbol) {
	p.check(x)
	if keep := p.span + p.m; len(p.past) >= 2*keep {
		n := copy(p.past, p.past[len(p.past)-keep:])
		p.past = p.past[:n]
	}
	p.past = append(p.past, x)
	p.fresh = false
}

func (p *place) check(x symbol) {
	if int(x) >= p.a {
		panic(fmt.Sprintf("%s: symbol = %d, want < %d", p.kind, x, p.a))
	}
}

// fork is the same place, with a past of its own.
func (p *place) fork() place {
	f := *p
	f.past, f.probs, f.fresh = slices.Clone(p.seen()), nil, false
	return f
}

// seen is what the future depends on.
func (p *place) seen() []symbol { return p.past[max(0, len(p.past)-p.span-p.m):] }

// State is what the future depends on, in two bytes a symbol.
func (p *place) State(b []byte) []byte {
	for _, x := range p.seen() {
		b = binary.LittleEndian.AppendUint16(b, x)
	}
	return b
}

// Predict sets q to the smoothed law.
func (p *place) Predict(q []float64) {
	p.refresh()
	copy(q, p.probs)
}

// Prob is Predict for one symbol.
func (p *place) Prob(x symbol) float64 {
	p.refresh()
	return p.probs[x]
}

func (p *place) refresh() {
	if p.fresh {
		return
	}
	if p.probs == nil {
		p.probs = make([]float64, p.a)
	}
	p.rests = p.memory.smooth(p.probs, p.past)
	p.fresh = true
}

// Evidence is that of the present prediction.
func (p *place) Evidence() predictors.Evidence {
	p.refresh()
	return predictors.Evidence{Match: p.rests.match, Effective: p.rests.effective, Fallback: p.rests.fallback}
}

// model is what both memories have, and forks share.
type model struct {
	kind   string
	env    predictors.Env
	train  Training
	order  int // of q0, at most
	shape  shape
	params *params[float32]
	prior  *prior
	chosen choice
	budget predictors.Budget
	ops    float64 // of training
	shelf  shelf[*head[float32]]
}

func newModel(kind string, s shape, order int, t Training, env predictors.Env) *model {
	m := &model{kind: kind, env: env, train: t, order: order, shape: s, params: newParams[float32](s), prior: newPrior(nil, env.Alphabet, order)}
	m.shelf.fresh = func() *head[float32] { return newHead[float32](s) }
	return m
}

// lower sets q to q0 after past.
func (m *model) lower(q []float64, past []symbol) {
	m.prior.law(q, known(past, m.shape.A, m.prior.order()))
}

// count has q0 count a symbol after past.
func (m *model) count(past []symbol, x symbol) {
	m.prior.learn(known(past, m.shape.A, m.prior.order()), x)
	m.ops += float64(m.prior.order() + 1)
}

// known is the part of the last symbols that the document has, of at most n.
func known(past []symbol, a, n int) []symbol {
	past = past[max(0, len(past)-n):]
	for len(past) > 0 && int(past[0]) == a {
		past = past[1:]
	}
	return past
}

// SetBudget bounds the time, operations and bytes of the next training: of the
// window memory, q0 is of as high an order as there is room for, and a corpus
// memory forgets its oldest contexts.
func (m *model) SetBudget(b predictors.Budget) error {
	m.budget = b
	return predictors.FixedBytes(m.kind, 4*int64(len(m.params.flat)+len(m.params.vectors)), b)
}

// overBudget refuses a bound on bytes.
func overBudget(b predictors.Budget, what string, own int64) error {
	return &predictors.BudgetError{Err: fmt.Errorf("model_bytes = %d: %s alone take %d bytes", b.ModelBytes, what, own)}
}

// start sets the parameters to where training starts.
func (m *model) start(docs [][]symbol, slope, null float64) {
	m.params.initialize(m.env.Seed, slope, null)
	m.params.learnVectors(docs, m.env.Seed)
	m.chosen, m.ops = choice{}, 0
}

// trainer is one of these parameters.
func (m *model) trainer() trainer {
	return trainer{Training: &m.train, p: m.params, chosen: &m.chosen, budget: m.budget, ops: &m.ops}
}

// bytes are parameters, vectors and q0.
func (m *model) bytes() int64 {
	return 4*int64(cap(m.params.flat)+cap(m.params.vectors)) + m.prior.bytes()
}

// describe reports β_l, γ_l and α, the step that was kept and valid_bits there.
func (m *model) describe() map[string]float64 {
	out := map[string]float64{"step": m.chosen.Step}
	m.params.describe(out)
	if m.chosen.ValidBits > 0 {
		out["valid_bits"] = m.chosen.ValidBits
	}
	return out
}

func (m *model) fields(a *predictors.Archive) {
	m.params.fields(a)
	m.prior.fields(a)
	predictors.Value(a, &m.chosen.Step)
	predictors.Value(a, &m.chosen.ValidBits)
}
