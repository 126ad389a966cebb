// Package mixture mixes predictors of any kinds linearly.
package mixture

import (
	"fmt"
	"io"
	"math"
	"slices"

	"horizon/predictors"
)

// The mixture of K predictors q_k with weights w_k ≥ 0, Σ_k w_k = 1:
//
//	q(y; c) = Σ_k w_k q_k(y; c)
//
// with the weights given, or chosen on the validation part by expectation
// maximisation (Dempster, Laird & Rubin 1977; Jelinek & Mercer 1980),
//
//	w_k ← (1/n) Σ_t w_k q_k(x_t) / Σ_j w_j q_j(x_t),
//
// for all contexts together or for buckets of contexts (weights.go); or given
// by the posterior of a Bayesian who believes that one of the parts is right
// and that with probability s (switch) at each symbol another draw from the
// prior v takes over (Herbster & Warmuth 1998, "variable share" with the prior
// for the uniform law; s = 0 is Bayes' rule for one part for ever):
//
//	w_k ← (1−s) w_k q_k(x) / Σ_j w_j q_j(x) + s v_k.
//
// The interpolation of a kernel smoother over a corpus memory with any other
// predictor, λ p_kernel + (1−λ) p (Khandelwal et al. 2020, eq. 4), is one with
// two parts.
//
// A part is trained on the training part, seeing the validation part for what
// it tunes itself; the weights are tuned on the validation part after it, so
// that a part that fits that part closely is weighed a little too high. A
// posterior is state: Reset goes back to the prior.
//
// Time and space are the parts', and A multiplications a part for Predict.

type symbol = predictors.Symbol

// A Mixture is a place in a sequence: the parts' places and, of "bayes", the
// posterior.
type Mixture struct {
	*model
	parts     []predictors.Predictor
	posterior []float64 // of "bayes"
	scratch   *scratch  // nil until needed
}

// A model is what forks share.
type model struct {
	config *Config
	env    predictors.Env
	names  []string // of the parts
	prior  []float64
	chosen
	budget predictors.Budget
	ops    float64 // of tuning
}

// chosen is what tuning chooses.
type chosen struct {
	weights []float64 // [buckets,K]
	cuts    []float64 // [K,levels−1]: upper ends of the levels but the last; empty but of "bucketed"
	average []float64 // [K], weights over the validation part, for Describe; nil before
	bits    float64   // of the validation part, 0 before
}

type scratch struct {
	rows [][]float64 // [K][A], the parts' predictions
	w    []float64   // [K]
	bits [][]float64 // [K][n], losses of a block
}

func newMixture(c *Config, env predictors.Env) (*Mixture, error) {
	parts, err := c.make(env)
	if err != nil {
		return nil, err
	}
	m := &model{config: c, env: env, names: c.names()}
	m.prior, _ = c.shares(m.names)
	m.weights = slices.Clone(m.prior)
	p := &Mixture{model: m, parts: parts}
	p.Reset()
	return p, nil
}

// Alphabet is A.
func (p *Mixture) Alphabet() int { return p.env.Alphabet }

// Reset goes back to the empty context and the prior.
func (p *Mixture) Reset() {
	for _, part := range p.parts {
		part.Reset()
	}
	p.posterior = append(p.posterior[:0], p.prior...)
}

// Fork returns a mixture of forks.
func (p *Mixture) Fork() predictors.Predictor {
	f := &Mixture{model: p.model, parts: make([]predictors.Predictor, len(p.parts)), posterior: slices.Clone(p.posterior)}
	for k, part := range p.parts {
		f.parts[k] = part.Fork()
	}
	return f
}

// own is the scratch.
func (p *Mixture) own() *scratch {
	if p.scratch == nil {
		n := len(p.parts)
		p.scratch = &scratch{rows: make([][]float64, n), w: make([]float64, n), bits: make([][]float64, n)}
		for k := range p.scratch.rows {
			p.scratch.rows[k] = make([]float64, p.env.Alphabet)
		}
	}
	return p.scratch
}

// Predict sets q to Σ_k w_k q_k.
func (p *Mixture) Predict(q []float64) {
	s := p.own()
	for k, part := range p.parts {
		part.Predict(s.rows[k])
	}
	clear(q)
	for k, w := range p.weigh() {
		for y, v := range s.rows[k] {
			q[y] += w * v
		}
	}
}

// weigh returns the weights here. Of "bucketed" the parts' predictions must be
// in the scratch.
func (p *Mixture) weigh() []float64 {
	switch p.config.Weights {
	case "bayes":
		return p.posterior
	case "bucketed":
		n := len(p.parts)
		return p.weights[p.bucket()*n:][:n]
	}
	return p.weights
}

// Prob is Predict for one symbol.
func (p *Mixture) Prob(x symbol) float64 {
	if p.config.Weights == "bucketed" {
		for k, part := range p.parts {
			part.Predict(p.own().rows[k])
		}
		sum := 0.0
		for k, w := range p.weigh() {
			sum += w * p.scratch.rows[k][x]
		}
		return sum
	}
	sum := 0.0
	for k, w := range p.weigh() {
		sum += w * p.prob(k, x)
	}
	return sum
}

// prob is part k's probability of x.
func (p *Mixture) prob(k int, x symbol) float64 {
	if f, ok := p.parts[k].(predictors.Prober); ok {
		return f.Prob(x)
	}
	row := p.own().rows[k]
	p.parts[k].Predict(row)
	return row[x]
}

// Observe moves the parts and the posterior on.
func (p *Mixture) Observe(x symbol) {
	p.update(x)
	for _, part := range p.parts {
		part.Observe(x)
	}
}

// update moves the posterior on by the symbol to come. A symbol that no part
// thought possible, which only oracles do, is evidence for none.
func (p *Mixture) update(x symbol) {
	if p.config.Weights != "bayes" {
		return
	}
	total, w := 0.0, p.own().w
	for k := range w {
		w[k] = p.posterior[k] * p.prob(k, x)
		total += w[k]
	}
	if total <= 0 {
		return
	}
	s := p.config.Switch
	for k := range w {
		p.posterior[k] = (1-s)*w[k]/total + s*p.prior[k]
	}
}

// blockSize bounds the scratch of Score.
const blockSize = 1024

// Score has the parts score where that is all it takes: where the weights do
// not depend on the context and nobody asks for the most probable symbol.
func (p *Mixture) Score(bits []float64, top []symbol, xs []symbol) {
	if top != nil || p.config.Weights == "bayes" || p.config.Weights == "bucketed" {
		p.scoreEach(bits, top, xs)
		return
	}
	p.blocks(bits, xs, func(part predictors.Predictor, bits []float64, xs []symbol) { predictors.Score(part, bits, nil, xs) })
}

// blocks mixes the losses that score gives for each part, block by block.
func (p *Mixture) blocks(bits []float64, xs []symbol, score func(predictors.Predictor, []float64, []symbol)) {
	s := p.own()
	for i := 0; i < len(xs); i += blockSize {
		block := xs[i:min(i+blockSize, len(xs))]
		for k, part := range p.parts {
			if len(s.bits[k]) < len(block) {
				s.bits[k] = make([]float64, len(block))
			}
			score(part, s.bits[k][:len(block)], block)
		}
		for t := range block {
			q := 0.0
			for k, w := range p.weights {
				q += w * math.Exp2(-s.bits[k][t])
			}
			bits[i+t] = -math.Log2(q)
		}
	}
}

func (p *Mixture) scoreEach(bits []float64, top []symbol, xs []symbol) {
	if top == nil {
		for i, x := range xs {
			bits[i] = -math.Log2(p.Prob(x))
			p.Observe(x)
		}
		return
	}
	q := make([]float64, p.env.Alphabet)
	for i, x := range xs {
		p.Predict(q)
		bits[i], top[i] = -math.Log2(q[x]), predictors.Argmax(q)
		p.Observe(x)
	}
}

// A learner is a mixture whose parts all learn on, or have nothing to learn.
type learner struct{ *Mixture }

// Learn moves the posterior on and has the parts learn.
func (p *learner) Learn(x symbol) {
	p.update(x)
	for _, part := range p.parts {
		if l, ok := part.(predictors.Learner); ok {
			l.Learn(x)
		} else {
			part.Observe(x)
		}
	}
}

// ScoreLearning has the parts score and learn where Score has them score.
func (p *learner) ScoreLearning(bits []float64, top []symbol, xs []symbol) {
	if top == nil && p.config.Weights != "bayes" && p.config.Weights != "bucketed" {
		p.blocks(bits, xs, func(part predictors.Predictor, bits []float64, xs []symbol) {
			if err := predictors.ScoreLearning(part, bits, nil, xs); err != nil {
				panic(err) // New has asked
			}
		})
		return
	}
	for i, x := range xs {
		p.Mixture.scoreOne(bits[i:i+1], top, i, x)
		p.Learn(x)
	}
}

// scoreOne prices x without moving on.
func (p *Mixture) scoreOne(bits []float64, top []symbol, i int, x symbol) {
	if top == nil {
		bits[0] = -math.Log2(p.Prob(x))
		return
	}
	q := make([]float64, p.env.Alphabet)
	p.Predict(q)
	bits[0], top[i] = -math.Log2(q[x]), predictors.Argmax(q)
}

// Evidence is the longest match among the parts' and the share of the
// prediction that is no position's. n_eff does not follow from the parts'.
func (p *Mixture) Evidence() predictors.Evidence {
	e := predictors.Evidence{Match: math.NaN(), Effective: math.NaN()}
	if p.config.Weights == "bucketed" {
		for k, part := range p.parts {
			part.Predict(p.own().rows[k])
		}
	}
	for k, w := range p.weigh() {
		own := p.evidence(k)
		e.Fallback += w * own.Fallback
		if !(e.Match >= own.Match) && !math.IsNaN(own.Match) {
			e.Match = own.Match
		}
	}
	return e
}

// evidence is part k's, all NaN if it is no witness.
func (p *Mixture) evidence(k int) predictors.Evidence {
	if w, ok := p.parts[k].(predictors.Witness); ok {
		return w.Evidence()
	}
	return predictors.Evidence{Match: math.NaN(), Effective: math.NaN(), Fallback: math.NaN()}
}

// Ops adds up the parts' and K multiplications and additions a symbol.
func (p *Mixture) Ops() (train, perSymbol float64) {
	train, perSymbol = p.ops, 2*float64(len(p.parts))
	for _, part := range p.parts {
		if c, ok := part.(predictors.OpCounter); ok {
			t, s := c.Ops()
			train, perSymbol = train+t, perSymbol+s
		} else {
			train, perSymbol = math.NaN(), math.NaN() // nobody knows
		}
	}
	return train, perSymbol
}

// SetBudget bounds the next training. Bytes, seconds and operations are shared
// out among the parts, each getting an equal share of what those before it
// have left.
func (p *Mixture) SetBudget(b predictors.Budget) error {
	for k, part := range p.parts {
		if _, ok := part.(predictors.Budgeter); !ok && b.ModelBytes > 0 {
			return fmt.Errorf("mixture: model_bytes = %d: parts.%s cannot bound its model", b.ModelBytes, p.names[k])
		}
	}
	p.budget = b
	return nil
}

// Bytes are the parts' and the weights'.
func (p *Mixture) Bytes() int64 {
	n := p.ownBytes()
	for _, part := range p.parts {
		size, err := predictors.Size(part)
		if err != nil {
			panic(err) // the suite asks every kind
		}
		n += size
	}
	return n
}

// ownBytes are the weights'.
func (p *Mixture) ownBytes() int64 {
	return 8 * int64(cap(p.weights)+cap(p.cuts)+cap(p.average)+cap(p.prior))
}

// Describe reports the weights (averages over the validation part, of
// "bucketed"; the prior of "bayes"), valid_bits, the loss there in bits per
// symbol, and under each part's name what it chose itself.
func (p *Mixture) Describe() map[string]float64 {
	out := map[string]float64{}
	for k, name := range p.names {
		switch {
		case p.config.Weights == "bayes":
			out["weight_"+name] = p.prior[k]
		case p.average != nil:
			out["weight_"+name] = p.average[k]
		default:
			out["weight_"+name] = p.weights[k]
		}
		for key, v := range predictors.Describe(p.parts[k]) {
			out[name+"."+key] = v
		}
	}
	if p.bits > 0 {
		out["valid_bits"] = p.bits
	}
	return out
}

// WriteTo writes weights and parts.
func (p *Mixture) WriteTo(w io.Writer) (int64, error) {
	n, err := predictors.WriteArchive(w, p.fields)
	for _, part := range p.parts {
		if err != nil {
			break
		}
		s, ok := part.(predictors.Persister)
		if !ok {
			return n, fmt.Errorf("%T cannot be saved", part)
		}
		var m int64
		m, err = s.WriteTo(w)
		n += m
	}
	return n, err
}

// ReadFrom reads what WriteTo wrote; after an error p is as it was.
func (p *Mixture) ReadFrom(r io.Reader) (int64, error) {
	fresh, err := newMixture(p.config, p.env)
	if err != nil {
		return 0, err
	}
	n, err := predictors.ReadArchive(r, fresh.fields)
	for k, part := range fresh.parts {
		if err != nil {
			return n, err
		}
		var m int64
		m, err = part.(predictors.Persister).ReadFrom(r)
		n += m
		if err != nil {
			err = fmt.Errorf("parts.%s: %w", p.names[k], err)
		}
	}
	if err == nil {
		p.chosen, p.parts = fresh.chosen, fresh.parts
		p.Reset()
	}
	return n, err
}

func (p *Mixture) fields(a *predictors.Archive) {
	predictors.Slice(a, &p.weights)
	predictors.Slice(a, &p.cuts)
	predictors.Slice(a, &p.average)
	predictors.Value(a, &p.bits)
	if a.Reading() && a.Err() == nil {
		if err := p.valid(); err != nil {
			a.Fail(err)
		}
	}
}

// valid checks what has been read.
func (p *Mixture) valid() error {
	n, buckets := len(p.parts), 1
	if p.config.Weights == "bucketed" && len(p.cuts) > 0 {
		buckets = p.buckets()
	}
	if len(p.weights) != n*buckets || len(p.cuts) != 0 && len(p.cuts) != n*(p.config.Levels-1) {
		return fmt.Errorf("mixture: weights, cuts = %d, %d, want %d, %d", len(p.weights), len(p.cuts), n*buckets, n*(p.config.Levels-1))
	}
	for at := 0; at < len(p.weights); at += n {
		sum := 0.0
		for _, w := range p.weights[at : at+n] {
			if !(w >= 0) {
				return fmt.Errorf("mixture: weight = %v, want ≥ 0", w)
			}
			sum += w
		}
		if !(math.Abs(sum-1) < 1e-6) {
			return fmt.Errorf("mixture: weights sum to %v, want 1", sum)
		}
	}
	if len(p.average) != 0 && len(p.average) != n {
		return fmt.Errorf("mixture: average weights = %d, want %d", len(p.average), n)
	}
	return nil
}
