// Package kernel holds the predictors that smooth over training contexts with
// a kernel: weights that fall off with the distance of two contexts instead
// of the equality that n-grams ask for.
package kernel

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"horizon/predictors"
)

// The Nadaraya-Watson estimate of the next symbol's law (Nadaraya 1964; Watson
// 1964), over all training contexts, with a product kernel over lags for
// unordered categories (Aitchison & Aitken 1976) and hierarchical back-off.
//
//	q_j(y; c) = (α_j q_{j−1}(y; c) + Σ_i K_j(c_i, c) 1[x_{i+1} = y])
//	            / (α_j + Σ_i K_j(c_i, c)),                 j = 1 … m
//	q_0(y)    = (n_y + ½) / (n + A/2)
//	K_j(c', c) = ∏_{l ≤ j} (1 if c' and c agree at lag l, else e^{−β_l})
//
// and the prediction is q_m. In the terms of Aitchison and Aitken a lag's
// factor is 1−λ or λ/(A−1), which differs from ours by the common factor 1−λ
// that the ratio cancels, with β = ln[(1−λ)(A−1)/λ]. So β = ∞ (λ = 0) is the
// m-gram, smoothed towards the next lower order by a Dirichlet prior of weight
// α_j (MacKay & Peto 1995), and β = 0 ignores the lag. Recency over lags:
// β_j = β ρ^{j−1} ("geometric"), β j^{−γ} ("power"), or every β_j on its own
// ("free"). A lag before the start of a document agrees with nothing, in the
// training contexts and in the query alike.
//
// Departures: weights are in units of a context that agrees throughout, so
// that α_j counts contexts; q_0 is worked out as order 0 of the recursion, with
// α_0 = A/2 and the uniform law below it. Bandwidths and α_j maximise a
// cross-validated likelihood, under a weak prior on α_j; see bandwidth.go.
//
// The sum over the n contexts is exact and does not visit them. A factor is
// b_l + (1−b_l)·[agree at l], b_l = e^{−β_l}; multiplied out,
//
//	K_j = Σ_{S ⊆ 1…j} w_S^j [agree on S],  w_S^j = ∏_{l∈S} (1−b_l) ∏_{l≤j, l∉S} b_l,
//
// a sum over skip-gram counts: 2^m hash probes in place of n comparisons, and
// all orders j from the same counts. Full tables for every S would repeat the
// text 2^m times (for 450 kB of English and m = 8: 17M contexts with 31M next
// symbols, over 500 MB), and a scan of the 220,000 distinct contexts costs
// about as many nanoseconds. But nearly all of the tables belong to large S,
// where few contexts are left to tell apart; so they stop where 32 targets are
// left, which are compared one by one (index.go). There that leaves, for each
// prediction, 160 tables with 3,600 next symbols to add up and 300 comparisons,
// bound by cache misses: tens of microseconds (m = 6: 52 tables, a fifth).
//
// Training takes O(2^m n) at worst for the index (2 s there, and 210 MB) and
// O(n) per query of the cross-validation (1 s for 2,000). A saved model is 6
// bytes a symbol; the index is made again on loading.

// NadarayaWatsonConfig is the parameters of the kind nadaraya-watson.
type NadarayaWatsonConfig struct {
	Lags    int     `toml:"lags"`    // m, 1 to 12; time and cross-validation grow as 2^m
	Recency string  `toml:"recency"` // of β over lags: "geometric", "power" or "free"
	Beta    float64 `toml:"beta"`    // β_1 in nats, 0 to 1000; 0 chooses by cross-validation
	Rho     float64 `toml:"rho"`     // of "geometric", 0 to 1; 0 chooses
	Gamma   float64 `toml:"gamma"`   // of "power", 0 to 10; 0 chooses
	Alpha   float64 `toml:"alpha"`   // every α_j, in contexts, 0 to 1e6; 0 chooses each

	Folds   int `toml:"folds"`      // contiguous blocks of the cross-validation, 2 to 100
	Queries int `toml:"cv_queries"` // training positions it is measured at, 1 to 100,000; each costs a pass over the training part
}

// DefaultNadarayaWatson is what the validation part of Opticks preferred, and
// of tinyshakespeare, after training on its first 100,000 characters, those
// from 600,000 on. Two folds, the larger left-out blocks, beat four and eight
// on both: what is to be predicted lies about as far from the training part as
// one half of it does from the other, and near text flatters sharp kernels.
// "geometric" beat "power" on both, and "free" too, which fits the training
// part best.
func DefaultNadarayaWatson() predictors.Config {
	return &NadarayaWatsonConfig{Lags: 8, Recency: "geometric", Folds: 2, Queries: 2000}
}

// TinyNadarayaWatson trains in milliseconds.
func TinyNadarayaWatson() predictors.Config {
	return &NadarayaWatsonConfig{Lags: 4, Recency: "geometric", Folds: 4, Queries: 500}
}

// New checks the parameters.
func (c *NadarayaWatsonConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := c.check(env); err != nil {
		return nil, err
	}
	return newNadarayaWatson(*c, env), nil
}

func (c *NadarayaWatsonConfig) check(env predictors.Env) error {
	if err := predictors.CheckAlphabet("nadaraya-watson", env.Alphabet); err != nil {
		return err
	}
	if env.Alphabet > missing {
		return fmt.Errorf("nadaraya-watson: alphabet size = %d, want ≤ %d: one symbol stands for what lies before a document", env.Alphabet, missing)
	}
	if c.Recency != "geometric" && c.Recency != "power" && c.Recency != "free" {
		return fmt.Errorf("nadaraya-watson: recency = %q, want \"geometric\", \"power\" or \"free\"", c.Recency)
	}
	for _, v := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"lags", float64(c.Lags), 1, maxLags},
		{"beta", c.Beta, 0, 1000},
		{"rho", c.Rho, 0, 1},
		{"gamma", c.Gamma, 0, 10},
		{"alpha", c.Alpha, 0, 1e6},
		{"folds", float64(c.Folds), 2, 100},
		{"cv_queries", float64(c.Queries), 1, 100_000},
	} {
		if !(v.lo <= v.v && v.v <= v.hi) {
			return fmt.Errorf("nadaraya-watson: %s = %v, want %v to %v", v.name, v.v, v.lo, v.hi)
		}
	}
	return nil
}

// NadarayaWatson is the predictor.
type NadarayaWatson struct {
	*model
	past past
	// heir says that the memory ends with exactly this past, so that what is
	// learnt next may be appended.
	heir bool
}

// A model is what forks share.
type model struct {
	c    NadarayaWatsonConfig
	a    int // A
	seed uint64
	learnt
	shelf shelf
}

// learnt is what Fit, Learn and ReadFrom replace.
type learnt struct {
	memory memory
	index  *index
	width  bandwidths
	table  *table // nil unless contexts are few and nothing was learnt since Fit
}

func newNadarayaWatson(c NadarayaWatsonConfig, env predictors.Env) *NadarayaWatson {
	m := &model{c: c, a: env.Alphabet, seed: env.Seed}
	m.width = startBandwidths(&c, env.Alphabet)
	m.index, _ = newIndex(context.Background(), &m.memory, 0, m.a, c.Lags, nil)
	return &NadarayaWatson{model: m}
}

// Alphabet is A.
func (p *NadarayaWatson) Alphabet() int { return p.a }

// Reset goes back to the empty context.
func (p *NadarayaWatson) Reset() { p.past, p.heir = past{}, false }

// Observe moves the context on.
func (p *NadarayaWatson) Observe(x Symbol) {
	p.past.push(p.check(x), p.c.Lags)
	p.heir = false
}

func (p *NadarayaWatson) check(x Symbol) Symbol {
	if int(x) >= p.a {
		panic(fmt.Sprintf("nadaraya-watson: symbol = %d, want < %d", x, p.a))
	}
	return x
}

// Fork returns a predictor at the same place that shares the model.
func (p *NadarayaWatson) Fork() predictors.Predictor {
	return &NadarayaWatson{model: p.model, past: p.past}
}

// State is the last m symbols.
func (p *NadarayaWatson) State(b []byte) []byte {
	for j := 1; j <= p.past.known; j++ {
		b = binary.LittleEndian.AppendUint16(b, p.past.lag(j))
	}
	return b
}

// Predict sets q to q_m(·; c).
func (p *NadarayaWatson) Predict(q []float64) {
	if p.table != nil {
		copy(q, p.table.row(p.table.place(&p.past)))
		return
	}
	s := p.shelf.take(p.model)
	s.predict(q, &p.past)
	p.shelf.put(s)
}

// Fit remembers the training part and chooses the bandwidths on it.
func (p *NadarayaWatson) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if report == nil {
		report = func(predictors.Progress) {}
	}
	var l learnt
	for _, doc := range d.Train {
		l.memory.begin()
		for _, x := range doc {
			l.memory.learn(p.check(x))
		}
	}
	var err error
	if l.width, err = chooseBandwidths(ctx, &l.memory, &p.c, p.a, p.seed, report); err != nil {
		return err
	}
	if l.index, err = newIndex(ctx, &l.memory, len(l.memory.targets), p.a, p.c.Lags, report); err != nil {
		return err
	}
	p.learnt = l
	p.table, err = p.newTable(ctx)
	p.Reset()
	return err
}

// Learn adds the present context and x to those smoothed over, with the
// bandwidths as they are.
func (p *NadarayaWatson) Learn(x Symbol) {
	if p.check(x); !p.heir {
		p.memory.begin()
		for j := p.past.known; j > 0; j-- {
			p.memory.add(p.past.lag(j))
		}
	}
	p.memory.learn(x)
	p.table = nil
	p.past.push(x, p.c.Lags)
	p.heir = true
	p.reindex()
}

// reindex makes the index again once comparing what has come since costs
// more than looking up the rest: the logarithmic method of Bentley and Saxe
// (1980) with two levels.
func (p *NadarayaWatson) reindex() {
	n := len(p.memory.targets)
	if n-p.index.targets > max(1024, n/16) {
		p.index, _ = newIndex(context.Background(), &p.memory, n, p.a, p.c.Lags, nil)
	}
}

// Describe reports β_j and α_j, λ_j of Aitchison and Aitken's form, and from
// the cross-validation cv_bits, its loss in bits per symbol, and n_eff, the
// geometric mean of the effective number of contexts 1/Σ w_i² in a
// prediction.
func (p *NadarayaWatson) Describe() map[string]float64 {
	out := map[string]float64{}
	for j := 1; j <= p.c.Lags; j++ {
		beta := p.width.beta[j]
		out[fmt.Sprintf("beta_%d", j)] = beta
		out[fmt.Sprintf("lambda_%d", j)] = float64(p.a-1) / (float64(p.a-1) + math.Exp(beta))
		out[fmt.Sprintf("alpha_%d", j)] = p.width.alpha[j]
	}
	if p.width.effective > 0 {
		out["cv_bits"], out["n_eff"] = p.width.bits, p.width.effective
	}
	return out
}

// Bytes counts memory, index, table and bandwidths.
func (p *NadarayaWatson) Bytes() int64 {
	return int64(cap(p.memory.text)+4*cap(p.memory.targets)) + p.index.bytes() + p.width.bytes() + p.table.bytes()
}

// WriteTo writes the memory and the bandwidths; the rest follows from them.
func (p *NadarayaWatson) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, p.fields)
}

// ReadFrom reads what WriteTo wrote; after an error p is as it was.
func (p *NadarayaWatson) ReadFrom(r io.Reader) (int64, error) {
	fresh := newNadarayaWatson(p.c, predictors.Env{Alphabet: p.a, Seed: p.seed})
	n, err := predictors.ReadArchive(r, fresh.fields)
	if err == nil {
		p.learnt = fresh.learnt
		p.Reset()
	}
	return n, err
}

func (p *NadarayaWatson) fields(a *predictors.Archive) {
	indexed := uint64(p.index.targets)
	predictors.Value(a, &indexed)
	predictors.Slice(a, &p.memory.text)
	predictors.Slice(a, &p.memory.targets)
	predictors.Slice(a, &p.width.beta)
	predictors.Slice(a, &p.width.alpha)
	predictors.Value(a, &p.width.bits)
	predictors.Value(a, &p.width.effective)
	if a.Reading() && a.Err() == nil {
		if err := p.restore(indexed); err != nil {
			a.Fail(fmt.Errorf("nadaraya-watson: %w", err))
		}
	}
}

// restore checks what has been read and makes the index of the first targets
// again, so that sums come in the order they came in before.
func (p *NadarayaWatson) restore(indexed uint64) error {
	if err := p.memory.valid(p.a); err != nil {
		return err
	}
	if n := uint64(len(p.memory.targets)); indexed > n {
		return fmt.Errorf("indexed targets = %d, want ≤ %d", indexed, n)
	}
	if b, a := len(p.width.beta), len(p.width.alpha); b != p.c.Lags+1 || a != p.c.Lags+1 {
		return fmt.Errorf("bandwidths = %d and %d, want %d", b, a, p.c.Lags+1)
	}
	for j, beta := range p.width.beta {
		if alpha := p.width.alpha[j]; !(beta >= 0 && alpha > 0) || math.IsInf(alpha, 1) {
			return fmt.Errorf("order %d: beta, alpha = %v, %v, want ≥ 0 and > 0", j, beta, alpha)
		}
	}
	bits, effective := p.width.bits, p.width.effective
	p.width = newBandwidths(p.width.beta, p.width.alpha)
	p.width.bits, p.width.effective = bits, effective
	var err error
	if p.index, err = newIndex(context.Background(), &p.memory, int(indexed), p.a, p.c.Lags, nil); err != nil {
		return err
	}
	if int(indexed) == len(p.memory.targets) {
		p.table, err = p.newTable(context.Background())
	}
	return err
}

// Symbol is an index into the alphabet.
type Symbol = predictors.Symbol
