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
	"slices"

	"horizon/predictors"
)

// The Nadaraya-Watson estimate of the next symbol's law (Nadaraya 1964; Watson
// 1964), over all training contexts, with a product kernel over lags for
// unordered categories (Aitchison & Aitken 1976) and hierarchical back-off.
//
//	q_j(y; c) = (ε_j q_{j−1}(y; c) + Σ_i K_j(c_i, c) 1[x_{i+k} = y] − D_j(e_j(y)))
//	            / (α_j + Σ_i K_j(c_i, c)),                 j = 0 … m
//	ε_j        = α_j + Σ_z D_j(e_j(z)),   q_{−1} = 1/A
//	K_j(c', c) = ∏_{l ≤ j} (1 if c' and c agree at lag l, else e^{−β_l})
//
// and the prediction is q_m. In the terms of Aitchison and Aitken a lag's
// factor is 1−λ or λ/(A−1), which differs from ours by the common factor 1−λ
// that the ratio cancels, with β = ln[(1−λ)(A−1)/λ]; in those of Li and Racine
// (2003) it is 1 or λ, with β = −ln λ. So β = ∞ (λ = 0) is the m-gram, and
// β = 0 ignores the lag. Recency over lags: β_j = β ρ^{j−1} ("geometric"),
// β j^{−γ} ("power"), or every β_j on its own ("free"). A lag before the start
// of a document agrees with nothing, in the training contexts and in the query
// alike.
//
// Back-off is the textbook's, "dirichlet", where D = 0 and every i counts in
// every order: a Dirichlet prior of weight α_j on the next lower order
// (MacKay & Peto 1995). Or it is "kneser-ney": what made n-grams good, for
// kernels. In order j < m only the first i of its kind counts, of those with
// the same label after the same j+1 symbols (Kneser & Ney 1995; levels.go). And
// a label seen e_j(y) times after the very context, all lags 1 … j, gives
// D_j(1), D_j(2) or D_j(3+) to the lower order (Chen & Goodman 1999). With
// β = ∞ and α = 0 that is interpolated modified Kneser-Ney. On text it is
// worth a tenth of a bit, and makes the best kernels sharper.
//
// Departures: weights are in units of a context that agrees throughout, so
// that α_j counts contexts; α_0 = A/2. The other α_j, the β_j and the D_j
// maximise the likelihood of the validation part, or a cross-validated one,
// under a weak prior on α_j; see bandwidth.go.
//
// k = 1 but for the direct horizons, each of which is a smoother of its own
// with labels x_{i+k} and bandwidths chosen for them.
//
// The sum over the n contexts does not visit them. A factor is
// b_l + (1−b_l)·[agree at l], b_l = e^{−β_l}; multiplied out,
//
//	K_j = Σ_{S ⊆ 1…j} w_S^j [agree on S],  w_S^j = ∏_{l∈S} (1−b_l) ∏_{l≤j, l∉S} b_l,
//
// a sum over skip-gram counts: 2^m hash probes in place of n comparisons, and
// all orders j from the same counts. Full tables for every S would repeat the
// text 2^m times, but nearly all of the tables belong to large S, where few
// contexts are left to tell apart; so they stop where 32 targets are left, which
// are compared one by one (index.go). And a set whose contexts all together
// weigh less than 10⁻⁴ of one that agrees throughout is left out (truncate),
// which changes no loss in the fourth digit, and leaves a tenth of the index:
// for 10⁶ characters and m = 8, 68 MB and 25 µs a prediction, bound by cache
// misses. With truncate = 0 the sum is exact.
//
// Training takes O(2^m n) at worst for the index and O(n) per query of the
// tuning (3 s for 2,000 at 10⁶). A saved model is 7 bytes a symbol; the index is
// made again on loading.

// NadarayaWatsonConfig is the parameters of the kind nadaraya-watson.
type NadarayaWatsonConfig struct {
	Kernel  string  `toml:"kernel"`  // "aitchison-aitken" or "li-racine": how the same weights are written, as lambda_j
	Backoff string  `toml:"backoff"` // "dirichlet" or "kneser-ney"
	Lags    int     `toml:"lags"`    // m, 1 to 12; time and cross-validation grow as 2^m
	Recency string  `toml:"recency"` // of β over lags: "geometric", "power" or "free"
	Beta    float64 `toml:"beta"`    // β_1 in nats, 0 to 1000; 0 chooses by cross-validation
	Rho     float64 `toml:"rho"`     // of "geometric", 0 to 1; 0 chooses
	Gamma   float64 `toml:"gamma"`   // of "power", 0 to 10; 0 chooses
	Alpha   float64 `toml:"alpha"`   // every α_j, in contexts, 0 to 1e6; 0 chooses each

	// Truncate leaves out the sets of lags all of whose contexts together weigh
	// less than so many contexts that agree throughout, 0 to 1; 0 leaves out
	// none.
	Truncate float64 `toml:"truncate"`
	// Direct lists horizons k ≥ 2, ascending, that are foreseen by smoothers of
	// their own with targets x_{t+k}; others are foreseen by iterating.
	Direct []int `toml:"direct"`

	Tune    string `toml:"tune"`       // bandwidths on the validation part where there is one, "valid", or always by "blocks"
	Folds   int    `toml:"folds"`      // contiguous blocks of the cross-validation, 2 to 100
	Queries int    `toml:"cv_queries"` // training positions it is measured at, 1 to 100,000; each costs a pass over the training part
}

// DefaultNadarayaWatson is what the validation part of Opticks preferred, and
// of tinyshakespeare, after training on its first 100,000 characters, those
// from 600,000 on. Two folds, the larger left-out blocks, beat four and eight
// on both: what is to be predicted lies about as far from the training part as
// one half of it does from the other, and near text flatters sharp kernels.
// "geometric" beat "power" on both, and "free" too, which fits the training
// part best.
func DefaultNadarayaWatson() predictors.Config {
	return &NadarayaWatsonConfig{Kernel: "aitchison-aitken", Backoff: "kneser-ney", Lags: 8, Recency: "geometric", Truncate: 1e-4, Tune: "valid", Folds: 2, Queries: 2000}
}

// TinyNadarayaWatson trains in milliseconds.
func TinyNadarayaWatson() predictors.Config {
	return &NadarayaWatsonConfig{Kernel: "aitchison-aitken", Backoff: "kneser-ney", Lags: 4, Recency: "geometric", Tune: "valid", Folds: 4, Queries: 500}
}

func (c *NadarayaWatsonConfig) discounts() bool { return c.Backoff == "kneser-ney" }

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
	if c.Kernel != "aitchison-aitken" && c.Kernel != "li-racine" {
		return fmt.Errorf("nadaraya-watson: kernel = %q, want \"aitchison-aitken\" or \"li-racine\"", c.Kernel)
	}
	if len(c.Direct) > 0 && (!predictors.ValidHorizons(c.Direct) || c.Direct[0] < 2 || c.Direct[len(c.Direct)-1] > maxDirect) {
		return fmt.Errorf("nadaraya-watson: direct = %v, want horizons from 2 to %d, ascending", c.Direct, maxDirect)
	}
	if c.Backoff != "dirichlet" && c.Backoff != "kneser-ney" {
		return fmt.Errorf("nadaraya-watson: backoff = %q, want \"dirichlet\" or \"kneser-ney\"", c.Backoff)
	}
	if c.Tune != "valid" && c.Tune != "blocks" {
		return fmt.Errorf("nadaraya-watson: tune = %q, want \"valid\" or \"blocks\"", c.Tune)
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
		{"truncate", c.Truncate, 0, 0.99},
		{"folds", float64(c.Folds), 2, 100},
		{"cv_queries", float64(c.Queries), 1, 100_000},
	} {
		if !(v.lo <= v.v && v.v <= v.hi) {
			return fmt.Errorf("nadaraya-watson: %s = %v, want %v to %v", v.name, v.v, v.lo, v.hi)
		}
	}
	return nil
}

// maxDirect is the furthest direct horizon.
const maxDirect = 1024

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
	c      NadarayaWatsonConfig
	a      int // A
	seed   uint64
	budget predictors.Budget
	learnt
	shelf  shelf
	direct []*model // by number of horizon in c.Direct
}

// learnt is what Fit, Learn and ReadFrom replace.
type learnt struct {
	memory memory
	index  *index
	width  bandwidths
	table  *table // nil unless contexts are few and nothing was learnt since Fit

	trainOps, perSymbol float64 // of OpCounter
}

func newNadarayaWatson(c NadarayaWatsonConfig, env predictors.Env) *NadarayaWatson {
	m := newModel(c, env, 1)
	for _, k := range c.Direct {
		m.direct = append(m.direct, newModel(c, env, k))
	}
	return &NadarayaWatson{model: m}
}

// newModel makes an empty one for horizon k.
func newModel(c NadarayaWatsonConfig, env predictors.Env, k int) *model {
	m := &model{c: c, a: env.Alphabet, seed: env.Seed}
	m.width = startBandwidths(&c, env.Alphabet)
	m.memory.ahead = k - 1
	m.index, _ = newIndex(context.Background(), &m.memory, 0, m.a, c.Lags, nil, 0, nil)
	return m
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
func (p *NadarayaWatson) Predict(q []float64) { p.predict(q, &p.past) }

func (m *model) predict(q []float64, c *past) {
	if m.table != nil {
		copy(q, m.table.row(m.table.place(c)))
		return
	}
	s := m.shelf.take(m)
	s.predict(q, c)
	m.shelf.put(s)
}

// PredictDirect answers the direct horizons.
func (p *NadarayaWatson) PredictDirect(q []float64, k int) bool {
	i := slices.Index(p.c.Direct, k)
	if i >= 0 {
		p.direct[i].predict(q, &p.past)
	}
	return i >= 0
}

// Describe reports β_j, α_j and λ_j, with discounts D_j(1), D_j(2) and D_j(3+)
// too, and from tuning cv_bits, its loss in bits per symbol, and n_eff, the
// geometric mean of the effective number of contexts in a prediction of a
// sample of the validation part. Those of a direct horizon k end in _ahead_k.
func (p *NadarayaWatson) Describe() map[string]float64 {
	out := map[string]float64{}
	p.describe(out, "")
	for i, k := range p.c.Direct {
		p.direct[i].describe(out, fmt.Sprintf("_ahead_%d", k))
	}
	return out
}

func (m *model) describe(out map[string]float64, end string) {
	w := &m.width
	for j := 1; j <= m.c.Lags; j++ {
		name := func(s string) string { return fmt.Sprintf("%s_%d%s", s, j, end) }
		out[name("beta")], out[name("lambda")], out[name("alpha")] = w.beta[j], m.lambda(w.beta[j]), w.alpha[j]
		if m.c.discounts() {
			out[name("D1")], out[name("D2")], out[name("D3")] = w.discount[3*j], w.discount[3*j+1], w.discount[3*j+2]
		}
	}
	for name, v := range map[string]float64{"cv_bits": w.bits, "n_eff": w.effective} {
		if v > 0 {
			out[name+end] = v
		}
	}
	out["contexts"+end] = float64(len(m.memory.targets))
}

// lambda is β in the terms of the kernel.
func (m *model) lambda(beta float64) float64 {
	if m.c.Kernel == "li-racine" {
		return math.Exp(-beta)
	}
	return float64(m.a-1) / (float64(m.a-1) + math.Exp(beta))
}

// Bytes counts memory, index, table and bandwidths, of direct horizons too.
func (p *NadarayaWatson) Bytes() int64 {
	n := p.learnt.bytes()
	for _, m := range p.direct {
		n += m.learnt.bytes()
	}
	return n
}

func (l *learnt) bytes() int64 {
	return l.memory.bytes() + l.index.bytes() + l.width.bytes() + l.table.bytes()
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
		for i, m := range p.direct {
			m.learnt = fresh.direct[i].learnt
		}
		p.Reset()
	}
	return n, err
}

func (p *NadarayaWatson) fields(a *predictors.Archive) {
	p.model.fields(a)
	for _, m := range p.direct {
		m.fields(a)
	}
}

func (m *model) fields(a *predictors.Archive) {
	indexed, run := uint64(m.index.targets), uint64(m.memory.run)
	predictors.Value(a, &indexed)
	predictors.Value(a, &run)
	predictors.Slice(a, &m.memory.text)
	predictors.Slice(a, &m.memory.level)
	predictors.Slice(a, &m.memory.targets)
	predictors.Slice(a, &m.width.beta)
	predictors.Slice(a, &m.width.alpha)
	predictors.Slice(a, &m.width.discount)
	for _, v := range []*float64{&m.width.bits, &m.width.effective, &m.trainOps, &m.perSymbol} {
		predictors.Value(a, v)
	}
	if a.Reading() && a.Err() == nil {
		m.memory.run = int(run)
		if err := m.restore(indexed); err != nil {
			a.Fail(fmt.Errorf("nadaraya-watson: %w", err))
		}
	}
}

// restore checks what has been read and makes the index of the first targets
// again, so that sums come in the order they came in before.
func (m *model) restore(indexed uint64) error {
	if err := m.memory.valid(m.a, m.c.Lags); err != nil {
		return err
	}
	if n := uint64(len(m.memory.targets)); indexed > n {
		return fmt.Errorf("indexed targets = %d, want ≤ %d", indexed, n)
	}
	n := m.c.Lags + 1
	if b, a, d := len(m.width.beta), len(m.width.alpha), len(m.width.discount); b != n || a != n || d != 3*n {
		return fmt.Errorf("bandwidths = %d, %d and %d, want %d, %d and %d", b, a, d, n, n, 3*n)
	}
	for i, d := range m.width.discount {
		if !(d >= 0 && d < float64(i%3+1)) {
			return fmt.Errorf("order %d: discount = %v, want 0 to %d", i/3, d, i%3+1)
		}
	}
	for j, beta := range m.width.beta {
		if alpha := m.width.alpha[j]; !(beta >= 0 && alpha > 0) || math.IsInf(alpha, 1) {
			return fmt.Errorf("order %d: beta, alpha = %v, %v, want ≥ 0 and > 0", j, beta, alpha)
		}
	}
	bits, effective := m.width.bits, m.width.effective
	m.width = newBandwidths(m.width.beta, m.width.alpha, m.width.discount)
	m.width.bits, m.width.effective = bits, effective
	var err error
	if m.index, err = newIndex(context.Background(), &m.memory, int(indexed), m.a, m.c.Lags, m.width.b, m.c.Truncate, nil); err != nil {
		return err
	}
	if int(indexed) == len(m.memory.targets) {
		m.table, err = m.newTable(context.Background())
	}
	return err
}

// Symbol is an index into the alphabet.
type Symbol = predictors.Symbol
