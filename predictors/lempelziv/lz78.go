package lempelziv

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"

	"horizon/predictors"
)

// The LZ78 tree with the sequential probability assignment of Sagan &
// Weissman 2024 (arXiv 2410.06589). Ziv & Lempel 1978 cut a
// sequence into phrases, each a phrase seen before and one more symbol: walk
// down a tree from its root by the symbols that come; where there is no child
// for the next one, add it and start again at the root. With N(a;z) the number
// of times a was next at node z, the added child's first time included, and
// N(z) = Σ_a N(a;z),
//
//	q(a; z) = (N(a;z) + γ) / (N(z) + γA)
//
// Every γ > 0 tends to the length of the LZ78 code; γ = 1/(A−1) is the
// estimate of Langdon 1983 and Rissanen, who count leaves. γ small beside 1
// says that few symbols follow a phrase, as in text.
//
// Walking without learning, a symbol with no child leads back to the root, so
// a childless node predicts uniformly once (as in the authors' code). Every
// document starts at the root. Departure: γ may be tuned on the validation
// part, and the tree has no floor, pruning or backshift.
//
// Learn and Prob are one hash look-up a symbol; Predict is O(A); a node takes
// 24 bytes and 6 to 12 of hash slots, and n symbols make at most about
// n/log_A n nodes. PredictAhead is exact: see ahead.go.

// An LZ78Config configures the kind "lz78".
type LZ78Config struct {
	// Gamma is γ, the Dirichlet prior's weight of each symbol, > 0; 1/2 is
	// Krichevsky & Trofimov's. 0 means the γ that predicts the validation part
	// best with the tree of the training part, or 1/A until there is one.
	Gamma float64 `toml:"gamma"`
}

// DefaultLZ78 tunes γ on the validation part.
func DefaultLZ78() predictors.Config { return &LZ78Config{} }

// TinyLZ78 is the same: there is nothing to make small.
func TinyLZ78() predictors.Config { return &LZ78Config{} }

// New returns a predictor whose tree is a root.
func (c *LZ78Config) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("lz78", env.Alphabet); err != nil {
		return nil, err
	}
	if !(c.Gamma >= 0) || math.IsInf(c.Gamma, 1) {
		return nil, fmt.Errorf("lz78: gamma = %v, want > 0, or 0 to tune it on the validation part", c.Gamma)
	}
	t := &tree{a: env.Alphabet, gamma: c.Gamma, tune: c.Gamma == 0}
	if t.tune {
		t.gamma = 1 / float64(t.a)
	}
	t.clear()
	return &lz78{tree: t}, nil
}

// lz78 is a place in a tree.
type lz78 struct {
	*tree
	at     uint32 // node
	fork   bool
	levels [2][]flow // scratch of PredictAhead
	fall   []float64 // likewise
}

func (p *lz78) Alphabet() int { return p.a }

func (p *lz78) Reset() { p.at = root }

func (p *lz78) Fork() predictors.Predictor { return &lz78{tree: p.tree, at: p.at, fork: true} }

func (p *lz78) Predict(probs []float64) {
	z := &p.nodes[p.at]
	total := p.total(z)
	for x := range probs {
		probs[x] = p.gamma / total
	}
	for c := z.first; c != 0; c = p.nodes[c].sibling {
		probs[p.nodes[c].symbol] = (float64(p.nodes[c].visits) + p.gamma) / total
	}
}

func (p *lz78) Prob(x predictors.Symbol) float64 {
	visits := p.nodes[p.find(p.at, uint32(x))].visits // of the root, 0: no child
	return (float64(visits) + p.gamma) / p.total(&p.nodes[p.at])
}

// Observe goes to the child, or to the root: find's 0.
func (p *lz78) Observe(x predictors.Symbol) { p.at = p.find(p.at, uint32(x)) }

// Learn counts x at this node, and ends the phrase if it is new there.
func (p *lz78) Learn(x predictors.Symbol) {
	if p.fork {
		panic("lz78: a fork does not learn")
	}
	p.forget()
	p.nodes[p.at].seen++
	c := p.find(p.at, uint32(x))
	if c == 0 {
		p.nodes[p.insert(p.at, uint32(x))].visits = 1
	} else {
		p.nodes[c].visits++
	}
	p.at = c
}

// State is the node.
func (p *lz78) State(b []byte) []byte {
	return append(b, byte(p.at), byte(p.at>>8), byte(p.at>>16), byte(p.at>>24))
}

// A tree is the parameters.
type tree struct {
	a     int
	gamma float64
	tune  bool // gamma is chosen, not given
	table
	returns atomic.Pointer[[][]float64] // see ahead.go
}

// total is N(z) + γA.
func (t *tree) total(z *node) float64 { return float64(z.seen) + t.gamma*float64(t.a) }

// Tune sets γ, unless it was given, to the value with the least loss on the
// validation part, each document walked from the root without learning. The
// loss depends on the pairs (N(a;z), N(z)) met on the way alone, so one walk
// serves every γ. There may be several minima: a grid of ten values a decade
// from 10⁻⁶ to 100 finds the valley, golden sections its bottom to 10⁻³.
func (p *lz78) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if !p.tune {
		return nil
	}
	total := int64(0)
	for _, doc := range d.Valid {
		total += int64(len(doc))
	}
	if total == 0 {
		return nil
	}
	met := make([]uint64, 0, total) // N(a;z)·2³² + N(z)
	walk := lz78{tree: p.tree}
	for _, doc := range d.Valid {
		walk.Reset()
		for _, x := range doc {
			c := p.find(walk.at, uint32(x))
			met = append(met, uint64(p.nodes[c].visits)<<32|uint64(p.nodes[walk.at].seen))
			walk.at = c
			if len(met)%(1<<16) == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				report(predictors.Progress{Stage: "tune", Done: int64(len(met)), Total: total})
			}
		}
	}
	p.gamma = bestGamma(tally(met), p.a)
	p.forget()
	return ctx.Err()
}

// A meeting is a pair (N(a;z), N(z)) and how often it was met.
type meeting struct{ n, total, times float64 }

// tally sorts the pairs and counts equal ones.
func tally(met []uint64) []meeting {
	slices.Sort(met)
	var out []meeting
	for i, v := range met {
		if i == 0 || v != met[i-1] {
			out = append(out, meeting{n: float64(v >> 32), total: float64(uint32(v))})
		}
		out[len(out)-1].times++
	}
	return out
}

// loss is Σ −ln q over the pairs, in nats.
func loss(ms []meeting, gamma float64, a int) float64 {
	sum := 0.0
	for _, m := range ms {
		sum -= m.times * math.Log((m.n+gamma)/(m.total+gamma*float64(a)))
	}
	return sum
}

func bestGamma(ms []meeting, a int) float64 {
	at := func(lg float64) float64 { return loss(ms, math.Pow(10, lg), a) }
	const low, high, step = -6, 2, 0.1
	best, least := 0.0, math.Inf(1)
	for i := range 81 {
		lg := low + step*float64(i)
		if l := at(lg); l < least {
			best, least = lg, l
		}
	}
	return math.Pow(10, goldenSection(at, max(low, best-step), min(high, best+step)))
}

// goldenSection minimises f between lo and hi to within 10⁻³ of a unit of
// ln 10^x, that is relatively.
func goldenSection(f func(float64) float64, lo, hi float64) float64 {
	const r = 1 / math.Phi
	b, c := hi-r*(hi-lo), lo+r*(hi-lo)
	fb, fc := f(b), f(c)
	for (hi-lo)*math.Ln10 > 1e-3 {
		if fb <= fc {
			hi, c, fc = c, b, fb
			b = hi - r*(hi-lo)
			fb = f(b)
		} else {
			lo, b, fb = b, c, fc
			c = lo + r*(hi-lo)
			fc = f(c)
		}
	}
	return (lo + hi) / 2
}

// Describe reports γ, tuned or not, and the number of phrases.
func (t *tree) Describe() map[string]float64 {
	return map[string]float64{"gamma": t.gamma, "phrases": float64(len(t.nodes) - 1)}
}

// Bytes counts nodes and hash slots.
func (t *tree) Bytes() int64 { return t.bytes() + 8 }

// WriteTo writes the tree and γ.
func (t *tree) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, t.save) }

// ReadFrom replaces the tree and γ.
func (t *tree) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, t.save) }

func (t *tree) save(a *predictors.Archive) {
	gamma := t.gamma
	predictors.Value(a, &gamma)
	t.fields(a, t.a)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if !(gamma > 0) || math.IsInf(gamma, 1) {
		a.Fail(fmt.Errorf("lz78: the saved gamma = %v, want > 0", gamma))
		return
	}
	t.gamma = gamma
	t.forget()
}
