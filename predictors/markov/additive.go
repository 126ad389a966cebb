package markov

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"horizon/predictors"
)

// The n-gram of order n with δ added to every count (Lidstone 1920; δ = 1 is
// Laplace's, δ = ½ Krichevsky & Trofimov's 1981; Chen & Goodman 1999, section
// 2.1): with h the last n−1 symbols,
//
//	p(x; h) = (a(hx) + δ) / (a(h·) + δA)
//
// There is no back-off: after a context never seen every symbol is alike.
// Nearer than n−1 symbols to a document's beginning, h is what there is.
//
// Where the configuration leaves δ open it is the one that gives the
// validation part the least loss: the best power of two between 2⁻²⁴ and 2⁸,
// then a golden section between its neighbours (Kiefer 1953) to within a
// thousandth of an octave. Without validation text it is ½.
//
// Learn is O(n) a symbol, Prob O(1) look-ups, Predict O(A). The strings below
// order n are kept though only the contexts among them count, as in the other
// kinds, for the walk along them.

// An AdditiveConfig configures the kind "additive".
type AdditiveConfig struct {
	// Order is n, 1 to 64: the context is n − 1 symbols.
	Order int `toml:"order"`
	// Delta is δ, what is added to every count; 0 chooses it on the validation
	// part.
	Delta float64 `toml:"delta"`
}

// DefaultAdditive is of order 4, δ chosen.
func DefaultAdditive() predictors.Config { return &AdditiveConfig{Order: 4} }

// TinyAdditive is of order 2, δ chosen.
func TinyAdditive() predictors.Config { return &AdditiveConfig{Order: 2} }

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *AdditiveConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := checkOrder("additive", c.Order, env.Alphabet); err != nil {
		return nil, err
	}
	if !(c.Delta >= 0) || math.IsInf(c.Delta, 1) {
		return nil, fmt.Errorf("additive: delta = %v, want 0 (to be chosen) or more", c.Delta)
	}
	m := &pseudocounts{ngrams: &ngrams{a: env.Alphabet, n: c.Order, raw: true}, delta: c.Delta, open: c.Delta == 0}
	if m.open {
		m.delta = 0.5
	}
	return &additive{walk: newWalk(m.ngrams), m: m}, nil
}

type additive struct {
	walk
	m     *pseudocounts
	depth int // symbols of context there are, in the trie or not, up to n−1
}

// pseudocounts are the parameters.
type pseudocounts struct {
	*ngrams
	delta float64
	open  bool // to be chosen on the validation part
}

func (p *additive) Reset() {
	p.walk.Reset()
	p.depth = 0
}

func (p *additive) Observe(x predictors.Symbol) {
	p.walk.Observe(x)
	p.depth = min(p.depth+1, p.n-1)
}

func (p *additive) Learn(x predictors.Symbol) {
	p.walk.Learn(x)
	p.depth = min(p.depth+1, p.n-1)
}

func (p *additive) Fork() predictors.Predictor { return &additive{p.fork(), p.m, p.depth} }

// State tells a short context that is all there is from the rest of a longer
// one that was never seen.
func (p *additive) State(b []byte) []byte { return append(p.walk.State(b), byte(p.depth)) }

// Full reports that the strings take more than the budget. Without back-off no
// string can be left out, so the order has to do.
func (p *additive) Full() bool {
	return p.budget > 0 && p.sizeOf(p.short.size(), p.long.size()) > p.budget
}

// Trim ends training.
func (p *additive) Trim() {
	p.tighten()
	p.watched = true
}

// Shrink makes the longest n-gram one symbol shorter.
func (p *additive) Shrink() bool {
	if p.n == 1 {
		return false
	}
	p.m.n--
	p.walk = newWalk(p.m.ngrams)
	p.Reset()
	return true
}

// context is h, or nil if it was never seen.
func (p *additive) context() *fan {
	if h := &p.nodes.at(p.node).fan; p.length == p.depth && h.total > 0 {
		return h
	}
	return nil
}

func (p *additive) Predict(probs []float64) {
	h := p.context()
	if h == nil {
		h = &fan{}
	}
	z := float64(h.total) + p.m.delta*float64(p.a)
	for x := range probs {
		probs[x] = p.m.delta / z
	}
	for g, k := h.first, p.depth+1; g != 0; g = p.entry(k, g).sibling {
		probs[p.entry(k, g).symbol] = (float64(p.gram(k, g).count) + p.m.delta) / z
	}
}

func (p *additive) Prob(x predictors.Symbol) float64 {
	count, total := p.counts(x)
	return (float64(count) + p.m.delta) / (float64(total) + p.m.delta*float64(p.a))
}

// counts are a(hx) and a(h·).
func (p *additive) counts(x predictors.Symbol) (count, total uint32) {
	h := p.context()
	if h == nil {
		return 0, 0
	}
	if g := p.child(p.depth+1, p.node, uint32(x)); g != 0 {
		count = p.gram(p.depth+1, g).count
	}
	return count, h.total
}

// Tune chooses δ.
func (p *additive) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if !p.m.open {
		return nil
	}
	var seen []event
	f := p.Fork().(*additive)
	for _, doc := range d.Valid {
		f.Reset()
		for _, x := range doc {
			count, total := f.counts(x)
			seen = append(seen, event{count, total, 1})
			f.Observe(x)
			if len(seen)%(1<<16) == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				report(predictors.Progress{Stage: "tune", Done: int64(len(seen))})
			}
		}
	}
	if len(seen) > 0 {
		seen = merge(seen)
		p.m.delta = math.Exp2(minimize(-24, 8, func(l float64) float64 { return lidstoneLoss(seen, math.Exp2(l), p.a) }))
	}
	return ctx.Err()
}

// An event is a symbol with a count in a context with a total, and how often
// that happened.
type event struct{ count, total, times uint32 }

// merge adds up equal events.
func merge(seen []event) []event {
	slices.SortFunc(seen, func(e, f event) int {
		if e.total != f.total {
			return int(int64(e.total) - int64(f.total))
		}
		return int(int64(e.count) - int64(f.count))
	})
	out := seen[:0]
	for _, e := range seen {
		if n := len(out); n > 0 && out[n-1].count == e.count && out[n-1].total == e.total {
			out[n-1].times += e.times
		} else {
			out = append(out, e)
		}
	}
	return out
}

// lidstoneLoss is the loss of the events under δ, in nats.
func lidstoneLoss(seen []event, delta float64, a int) (sum float64) {
	for _, e := range seen {
		p := (float64(e.count) + delta) / (float64(e.total) + delta*float64(a))
		sum -= float64(e.times) * math.Log(p)
	}
	return sum
}

// minimize looks at the integers from lo to hi, then between the neighbours
// of the best by golden section.
func minimize(lo, hi float64, f func(float64) float64) float64 {
	best, least := lo, f(lo)
	for x := lo + 1; x <= hi; x++ {
		if y := f(x); y < least {
			best, least = x, y
		}
	}
	const golden = 0.6180339887498949
	a, b := max(best-1, lo), min(best+1, hi)
	x, y := b-golden*(b-a), a+golden*(b-a)
	for fx, fy := f(x), f(y); b-a > 1e-3; {
		if fx <= fy {
			b, y, fy = y, x, fx
			x = b - golden*(b-a)
			fx = f(x)
		} else {
			a, x, fx = x, y, fy
			y = a + golden*(b-a)
			fy = f(y)
		}
	}
	return (a + b) / 2
}

// Describe gives δ.
func (p *additive) Describe() map[string]float64 {
	out := p.ngrams.Describe()
	out["delta"] = p.m.delta
	return out
}

// WriteTo writes n-grams and δ.
func (p *additive) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, p.m.fields) }

// ReadFrom replaces them.
func (p *additive) ReadFrom(r io.Reader) (int64, error) {
	n, err := predictors.ReadArchive(r, p.m.fields)
	if len(p.past) > p.n-1 || cap(p.past) > p.n { // of a longer order
		p.past = make([]uint32, 0, p.n)
	}
	return n, err
}

func (m *pseudocounts) fields(a *predictors.Archive) {
	order := uint8(m.n)
	predictors.Value(a, &order)
	if a.Reading() && a.Err() == nil && int(order) != m.n { // a budget made it shorter
		if order < 1 || int(order) > m.n {
			a.Fail(fmt.Errorf("additive: saved order = %d, want 1 to %d", order, m.n))
			return
		}
		m.n = int(order)
		m.clear()
	}
	m.ngrams.fields(a)
	delta := m.delta
	predictors.Value(a, &delta)
	if a.Err() != nil {
		return
	}
	if !(delta > 0) || math.IsInf(delta, 1) {
		a.Fail(fmt.Errorf("additive: saved delta = %v, want > 0", delta))
		return
	}
	m.delta = delta
}
