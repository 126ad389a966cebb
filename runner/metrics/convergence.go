package metrics

import (
	"fmt"
	"math"
	"slices"

	"horizon/results"
)

// Entropy convergence (Crutchfield & Feldman 2003, Regularities unseen,
// randomness observed; programme 2.4): with H(L) the entropy of blocks of L
// symbols,
//
//	h(L) = H(L) − H(L−1),   E = Σ_L (h(L) − h),   TI = Σ_L L (h(L) − h)
//
// in bits: how the uncertainty of the next symbol falls to the entropy rate h
// with the length of the past seen, the excess entropy, and the transient
// information. h(L) is between two estimates. Frequencies of blocks,
//
//	lower(L) = −(1/n) Σ_t log₂ n(x_{t−L+1..t}) / n(x_{t−L+1..t−1}),
//
// have seen what they predict, and are too low once A^L comes near the length
// of the text. The loss on each half of the texts of Witten-Bell n-grams of the
// other, p_j = (n(hx) + d(h) p_{j−1}) / (n(h) + d(h)) with d(h) different
// symbols after h, is too high: nothing that sees L − 1 symbols loses less than
// h(L) in expectation. Both are reported, up to the L at which they are more
// than `bracket` apart. With L* the depth, at which the loss is least (or within
// 0.001 bit of it), the sums are between
//
//	Σ_{L≤L*} max(0, lower(L) − upper(L*))  and  Σ_{L≤L*} (upper(L) − lower(L*)),
//
// TI's with each term L-fold. Their middle is the value, and the interval is
// from end to end, widened by the half-width of the jackknife over texts of what
// each contributes (the derivative of h(L) in the law is −log₂ p(x; context)).
// What a source goes on to tell beyond L* is in neither.
type convergenceConfig struct {
	sampleOptions
	Longest int     `toml:"longest"` // L, 1 to 24
	Bracket float64 `toml:"bracket"` // bits/symbol: wider, and L grows no more; > 0
}

var convergenceKind = StudyKind{
	Name: "entropy-convergence", Version: 2,
	Default: func() StudyConfig { return &convergenceConfig{defaultSamples(), 16, 0.5} },
	Scores: []Info{
		{"entropy_lower", "bits/symbol", "", "h(L) of what it writes from frequencies of blocks, biased down; horizon is L", false},
		{"entropy_upper", "bits/symbol", "", "h(L) of what it writes as a held-out loss, biased up", false},
		{"entropy_lower_corpus", "bits/symbol", "", "the first of the training text", false},
		{"entropy_upper_corpus", "bits/symbol", "", "the second of the training text", false},
		{"excess_entropy_samples", "bits", "", "E of what it writes, up to the depth; its interval is the bracket, widened by sampling", false},
		{"excess_entropy_corpus", "bits", "", "E of the training text, likewise", false},
		{"transient_information_samples", "bits", "", "TI of what it writes, likewise", false},
		{"transient_information_corpus", "bits", "", "TI of the training text, likewise", false},
		{"entropy_depth_samples", "symbols", "", "the L* at which the held-out loss is least, up to which the sums of what it writes go", false},
		{"entropy_depth_corpus", "symbols", "", "the same of the training text", false},
	},
	Cost:    "generations times length, in symbols predicted; that times longest, in blocks counted",
	Needs:   "training documents of at least the length of a generation",
	Doc:     "how uncertainty falls with the past seen, of samples beside the text (Crutchfield & Feldman 2003)",
	Pitfall: "of a large alphabet the two are far apart after three or four symbols: E and TI are then of those alone, to be compared with the corpus's and with nothing exact",
}

func (c *convergenceConfig) Validate() error {
	switch {
	case c.Longest < 1 || c.Longest > 24:
		return fmt.Errorf("longest = %d, want 1 to 24", c.Longest)
	case !(c.Bracket > 0):
		return fmt.Errorf("bracket = %v, want > 0", c.Bracket)
	}
	return c.sampleOptions.Validate()
}

func (c *convergenceConfig) New(s *Subject) (Study, error) {
	corpus, err := c.corpus("entropy-convergence", s)
	if err != nil {
		return nil, err
	}
	return &writing{s, c.sampleOptions, func(s *Subject, samples []text) ([]Ranged, error) {
		return append(c.rows(s.A, samples, "", "_samples"), c.rows(s.A, corpus, "_corpus", "_corpus")...), nil
	}}, nil
}

// rows are the scores of texts.
func (c *convergenceConfig) rows(a int, texts []text, suffix, of string) (out []Ranged) {
	e := c.converge(a, texts)
	n := len(texts) * len(texts[0])
	for i, v := range e.lower {
		out = append(out, e.lowerBy[i].about(v, n).as("entropy_lower"+suffix, i+1),
			e.upperBy[i].about(e.upper[i], n).as("entropy_upper"+suffix, i+1))
	}
	excess, transient := make(each, len(texts)), make(each, len(texts))
	for i := range e.depth {
		for t := range texts {
			d := e.lowerBy[i][t] - e.lowerBy[e.depth-1][t]
			excess[t] += d
			transient[t] += float64(i+1) * d
		}
	}
	return append(out, e.excess.widened(excess, n).as("excess_entropy"+of, 1),
		e.transient.widened(transient, n).as("transient_information"+of, 1), Exactly("entropy_depth"+of, 1, n, float64(e.depth)))
}

// An entropyCurve is h(L), L = 1, 2, …, from below and above, with what each
// text contributes, and the sums.
type entropyCurve struct {
	lower, upper      []float64
	lowerBy, upperBy  []each
	depth             int
	excess, transient bracket
}

func (c *convergenceConfig) converge(a int, texts []text) *entropyCurve {
	e := &entropyCurve{}
	b := newGrown(a, texts)
	for l := 1; l <= c.Longest; l++ {
		b.grow()
		lower, lowerBy := b.plugIn()
		upper, upperBy := b.heldOut()
		if l > 1 && upper-lower > c.Bracket {
			break
		}
		e.lower, e.lowerBy = append(e.lower, lower), append(e.lowerBy, lowerBy)
		e.upper, e.upperBy = append(e.upper, upper), append(e.upperBy, upperBy)
	}
	e.sum()
	return e
}

// nearLeast is how much more than the least loss, in bits, is as good: contexts
// longer still only widen the bracket.
const nearLeast = 0.001

// sum makes E and TI.
func (e *entropyCurve) sum() {
	least := slices.Min(e.upper)
	at := slices.IndexFunc(e.upper, func(v float64) bool { return v <= least+nearLeast })
	for i := range at + 1 {
		lo, hi := max(0, e.lower[i]-e.upper[at]), max(0, e.upper[i]-e.lower[at])
		e.excess.lo, e.excess.hi = e.excess.lo+lo, e.excess.hi+hi
		e.transient.lo, e.transient.hi = e.transient.lo+float64(i+1)*lo, e.transient.hi+float64(i+1)*hi
	}
	e.depth = at + 1
}

// each is what each text contributes to a mean.
type each []float64

// about is the interval of the mean, moved to about a value measured on n
// symbols.
func (v each) about(value float64, n int) average {
	iv := meanOver(v, func(x float64) float64 { return x })
	d := value - iv.Value
	return average{results.Interval{Value: value, Lo: iv.Lo + d, Hi: iv.Hi + d, OK: iv.OK}, n}
}

// A bracket is what a number is between.
type bracket struct{ lo, hi float64 }

// widened is the middle of a bracket, and the bracket with the half-width of a
// mean at either end.
func (b bracket) widened(by each, n int) average {
	iv := by.about(0, n)
	return average{results.Interval{Value: (b.lo + b.hi) / 2, Lo: b.lo + iv.Lo, Hi: b.hi + iv.Hi, OK: true}, n}
}

// grown numbers the blocks of l symbols in texts, l growing by one at a time,
// so that each takes one look-up whatever its length.
type grown struct {
	texts []text
	l     int
	// ids[i][t] numbers the block of l symbols at t of text i, contexts those of
	// l−1. Equal blocks have equal numbers.
	ids, contexts         [][]int32
	kinds, kindsOfContext int
	p                     [][]float64 // of each symbol, by the n-grams of order l−1
}

func newGrown(a int, texts []text) *grown {
	b := &grown{texts: texts, kinds: 1}
	for _, x := range texts {
		b.ids = append(b.ids, make([]int32, len(x)+1))
		p := make([]float64, len(x))
		for t := range p {
			p[t] = 1 / float64(a)
		}
		b.p = append(b.p, p)
	}
	return b
}

// grow goes on to blocks of a symbol more.
func (b *grown) grow() {
	b.l++
	b.contexts, b.kindsOfContext = b.ids, b.kinds
	b.ids = make([][]int32, len(b.texts))
	number := map[uint64]int32{}
	for i, x := range b.texts {
		b.ids[i] = make([]int32, max(0, len(x)-b.l+1))
		for t := range b.ids[i] {
			key := uint64(b.contexts[i][t])<<16 | uint64(x[t+b.l-1])
			id, ok := number[key]
			if !ok {
				id = int32(len(number))
				number[key] = id
			}
			b.ids[i][t] = id
		}
	}
	b.kinds = len(number)
}

// count counts, in some of the texts, blocks, their contexts, and how many
// different symbols follow those.
func (b *grown) count(in func(text int) bool) (blocks, contexts, followed []float64) {
	blocks = make([]float64, b.kinds)
	contexts, followed = make([]float64, b.kindsOfContext), make([]float64, b.kindsOfContext)
	for i, ids := range b.ids {
		if !in(i) {
			continue
		}
		for t, id := range ids {
			c := b.contexts[i][t]
			if blocks[id]++; blocks[id] == 1 {
				followed[c]++
			}
			contexts[c]++
		}
	}
	return blocks, contexts, followed
}

// plugIn is h(l) from the frequencies of blocks.
func (b *grown) plugIn() (h float64, by each) {
	blocks, contexts, _ := b.count(func(int) bool { return true })
	return b.mean(func(i, t int) float64 { return math.Log2(contexts[b.contexts[i][t]] / blocks[b.ids[i][t]]) })
}

// heldOut is the loss of either half of the texts by the n-grams of the other,
// of order l. It is called for each l in turn: an order backs off to that below.
func (b *grown) heldOut() (loss float64, by each) {
	for half := range 2 {
		learned := func(i int) bool { return i%2 == half }
		blocks, contexts, followed := b.count(learned)
		for i, ids := range b.ids {
			if learned(i) {
				continue
			}
			for t, id := range ids {
				c, p := b.contexts[i][t], &b.p[i][t+b.l-1]
				if contexts[c] > 0 {
					*p = (blocks[id] + followed[c]**p) / (contexts[c] + followed[c])
				}
			}
		}
	}
	return b.mean(func(i, t int) float64 { return -math.Log2(b.p[i][t+b.l-1]) })
}

// mean is that of a number of every block, and that in each text.
func (b *grown) mean(of func(text, t int) float64) (mean float64, by each) {
	n := 0
	for i, ids := range b.ids {
		sum := 0.0
		for t := range ids {
			sum += of(i, t)
		}
		by = append(by, sum/float64(max(1, len(ids))))
		mean += sum
		n += len(ids)
	}
	return mean / float64(n), by
}
