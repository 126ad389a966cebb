package metrics

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Entropy convergence (Crutchfield & Feldman 2003, Regularities unseen,
// randomness observed; programme 2.4): with H(L) the entropy of blocks of L
// symbols,
//
//	h(L) = H(L) − H(L−1),   E = Σ_L (h(L) − h),   TI = Σ_L L (h(L) − h)
//
// in bits: how the uncertainty of the next symbol falls to the entropy rate h
// with the length of the past seen, the excess entropy, and the transient
// information. Frequencies of blocks make h(L) too low once A^L comes near the
// length of the text; the loss on one half of the texts of Witten-Bell
// n-grams of order L counted on the other is too high. Both are reported; where
// they are no more than `bracket` apart their middle is taken for h(L), and h is
// that of the longest such L. E and TI stop there, and are too low by what comes
// later.
type convergenceConfig struct {
	sampleOptions
	Longest int     `toml:"longest"` // L, 1 to 24
	Bracket float64 `toml:"bracket"` // bits/symbol, > 0
}

var convergenceKind = StudyKind{
	Name: "entropy-convergence", Version: 1,
	Default: func() StudyConfig { return &convergenceConfig{defaultSamples(), 8, 0.1} },
	Scores: []Info{
		{"entropy_lower", "bits/symbol", "", "h(L) of what it writes from frequencies of blocks, biased down; horizon is L", false},
		{"entropy_upper", "bits/symbol", "", "h(L) of what it writes as a held-out loss, biased up", false},
		{"entropy_lower_corpus", "bits/symbol", "", "the first of the training text", false},
		{"entropy_upper_corpus", "bits/symbol", "", "the second of the training text", false},
		{"excess_entropy_samples", "bits", "", "E of what it writes, up to the longest L at which the two are close", false},
		{"excess_entropy_corpus", "bits", "", "E of the training text, likewise", false},
		{"transient_information_samples", "bits", "", "TI of what it writes, likewise", false},
		{"transient_information_corpus", "bits", "", "TI of the training text, likewise", false},
		{"entropy_depth_samples", "symbols", "", "the longest L at which the two are close, of what it writes", false},
		{"entropy_depth_corpus", "symbols", "", "the same of the training text", false},
	},
	Cost:    "generations times length, in symbols predicted; that times longest, in blocks counted, some twenty times for intervals",
	Needs:   "training documents of at least the length of a generation",
	Doc:     "how uncertainty falls with the past seen, of samples beside the text (Crutchfield & Feldman 2003)",
	Pitfall: "E and TI of a long-memory text are lower bounds: what lies beyond the depth is not in them",
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
	corpus := pieces(s.Corpus.Train.Docs, c.Generations, c.Length)
	if len(corpus) < minGroups {
		return nil, Inapplicable{fmt.Sprintf("entropy-convergence: the training part has %d texts of %d symbols, want %d", len(corpus), c.Length, minGroups)}
	}
	return &writing{s, c.sampleOptions, func(s *Subject, samples []text) ([]Ranged, error) {
		out := append(c.rows(s.A, samples, "", "_samples"), c.rows(s.A, corpus, "_corpus", "_corpus")...)
		if len(out) == 0 {
			return nil, errors.New("entropy-convergence: nothing could be counted")
		}
		return out, nil
	}}, nil
}

// rows are the scores of texts.
func (c *convergenceConfig) rows(a int, texts []text, suffix, of string) (out []Ranged) {
	v, lo, hi := jackknife(texts, minGroups, func(t []text) []float64 { return c.curve(a, t) })
	n := len(texts) * len(texts[0])
	for i := range c.Longest {
		l := i + 1
		out = append(out, Between("entropy_lower"+suffix, l, n, v[i], lo[i], hi[i]),
			Between("entropy_upper"+suffix, l, n, v[c.Longest+i], lo[c.Longest+i], hi[c.Longest+i]))
	}
	at := 2 * c.Longest
	return append(out, Between("excess_entropy"+of, 1, n, v[at], lo[at], hi[at]),
		Between("transient_information"+of, 1, n, v[at+1], lo[at+1], hi[at+1]), Exactly("entropy_depth"+of, 1, n, v[at+2]))
}

// curve is the lower h(L) by L, the upper, E, TI and the depth.
func (c *convergenceConfig) curve(a int, texts []text) []float64 {
	lower := plugIn(texts, c.Longest)
	upper := heldOut(a, texts, c.Longest)
	depth := 0
	for depth < c.Longest && upper[depth]-lower[depth] <= c.Bracket {
		depth++
	}
	e, ti := math.NaN(), math.NaN()
	if depth > 0 {
		e, ti = 0, 0
		middle := func(l int) float64 { return (lower[l-1] + upper[l-1]) / 2 }
		for l := 1; l <= depth; l++ {
			e += middle(l) - middle(depth)
			ti += float64(l) * (middle(l) - middle(depth))
		}
	}
	return slices.Concat(lower, upper, []float64{e, ti, float64(depth)})
}

// A gram is the name of a block: a hash, of which two of a few million have an
// even chance of less than one in a million to be equal.
type gram uint64

// next is the block with a symbol more. The multipliers are those of
// splitmix64 (Steele, Lea & Flood 2014).
func (g gram) next(x symbol) gram {
	z := uint64(g) + 0x9e3779b97f4a7c15*(uint64(x)+1)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return gram(z ^ z>>31)
}

// plugIn is h(L), L = 1 … longest, from the frequencies of blocks.
func plugIn(texts []text, longest int) (h []float64) {
	before := 0.0
	for l := 1; l <= longest; l++ {
		counts, n := map[gram]float64{}, 0.0
		for _, x := range texts {
			for t := 0; t+l <= len(x); t++ {
				g := gram(0)
				for _, y := range x[t : t+l] {
					g = g.next(y)
				}
				counts[g]++
				n++
			}
		}
		list := make([]float64, 0, len(counts))
		for _, v := range counts {
			list = append(list, v)
		}
		slices.Sort(list) // one sum, whatever the order of the map
		block := entropyOfCounts(list, n)
		h = append(h, block-before)
		before = block
	}
	return h
}

// heldOut is the loss of each half of the texts by Witten-Bell n-grams of the
// other, of orders 1 … longest.
func heldOut(a int, texts []text, longest int) []float64 {
	sum, n := make([]float64, longest), 0.0
	for half := range 2 {
		m := newBlocks(longest)
		for i, x := range texts {
			if i%2 == half {
				m.count(x)
			}
		}
		for i, x := range texts {
			if i%2 != half {
				n += float64(len(x) - longest + 1)
				m.losses(a, x, sum)
			}
		}
	}
	for l := range sum {
		sum[l] /= n
	}
	return sum
}

// countedBlocks are how often blocks came and with how many different symbols
// they went on.
type countedBlocks struct {
	longest  int
	n        map[gram]float64
	followed map[gram]float64
	total    map[gram]float64
}

func newBlocks(longest int) *countedBlocks {
	return &countedBlocks{longest, map[gram]float64{}, map[gram]float64{}, map[gram]float64{}}
}

// contextOf names the l symbols before t, apart from blocks that end in them.
func contextOf(x text, t, l int) gram {
	g := gram(l + 1)
	for _, y := range x[t-l : t] {
		g = g.next(y)
	}
	return g
}

func (b *countedBlocks) count(x text) {
	for t := b.longest - 1; t < len(x); t++ {
		for l := range b.longest {
			h := contextOf(x, t, l)
			g := h.next(x[t])
			if b.n[g]++; b.n[g] == 1 {
				b.followed[h]++
			}
			b.total[h]++
		}
	}
}

// losses adds −log₂ p of each symbol that has longest − 1 before it, by order:
// p_l = (n(hx) + d(h) p_{l−1}) / (n(h) + d(h)).
func (b *countedBlocks) losses(a int, x text, sum []float64) {
	for t := b.longest - 1; t < len(x); t++ {
		p := 1 / float64(a)
		for l := range b.longest {
			h := contextOf(x, t, l)
			if total := b.total[h]; total > 0 {
				p = (b.n[h.next(x[t])] + b.followed[h]*p) / (total + b.followed[h])
			}
			sum[l] += loss(p)
		}
	}
}
