package metrics

import (
	"context"
	"fmt"
	"slices"

	"horizon/predictors"
	"horizon/results"
)

// Novelty and memory (programme 2.10; Merrill, Smith & Elazar 2024, Evaluating
// n-gram novelty; Carlini et al. 2022, Quantifying memorization): the share of
// the n-grams a predictor writes that are not in its training text, beside the
// share of those of held-out text, which repeats the training text too. Since an
// n-gram is known just if the longest match that ends with it has n symbols or
// more, the shares by n are the distribution of the longest match. Exact
// continuation is how often the most probable continuation of p symbols of the
// training text is the text's own for `continued` symbols on.
type noveltyConfig struct {
	sampleOptions
	Sizes     []int `toml:"sizes"`     // n, ascending, ≥ 1
	Prompts   int   `toml:"prompts"`   // of the training text, for exact continuation; 0 for none
	Prompted  []int `toml:"prompted"`  // p, ascending, ≥ 1
	Continued int   `toml:"continued"` // ≥ 1
	Known     int   `toml:"known"`     // symbols of training text looked in at most, its last; ≥ 1000
}

var noveltyKind = StudyKind{
	Name: "novelty", Version: 1,
	Default: func() StudyConfig {
		return &noveltyConfig{defaultSamples(), []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32}, 100, []int{8, 32, 128}, 32, 4_000_000}
	},
	Scores: []Info{
		{"novelty", "share", "", "of the n-grams it writes, those that are not in the training text; horizon is n", false},
		{"novelty_heldout", "share", "", "the same of the test part", false},
		{"exact_continuation", "share", "", "of passages of the training text, those it goes on with word for word after p symbols; horizon is p", false},
		{"exact_continuation_heldout", "share", "", "the same of the test part, which it cannot remember", false},
	},
	Cost:    "generations times length, in symbols predicted; one pass over the training text for each size",
	Needs:   "a training and a test part",
	Doc:     "how much of what it writes it has read (Merrill et al. 2024; Carlini et al. 2022)",
	Pitfall: "held-out text repeats the training text too: only the difference from it says anything, and less novelty than that is copying",
}

func (c *noveltyConfig) Validate() error {
	switch {
	case !predictors.ValidHorizons(c.Sizes):
		return fmt.Errorf("sizes = %v, want ascending numbers >= 1", c.Sizes)
	case c.Prompts != 0 && !predictors.ValidHorizons(c.Prompted):
		return fmt.Errorf("prompted = %v, want ascending numbers >= 1", c.Prompted)
	case c.Prompts < 0:
		return fmt.Errorf("prompts = %d, want >= 0", c.Prompts)
	case c.Continued < 1:
		return fmt.Errorf("continued = %d, want >= 1", c.Continued)
	case c.Known < 1000:
		return fmt.Errorf("known = %d, want >= 1000", c.Known)
	}
	return c.sampleOptions.Validate()
}

type novelty struct {
	c               *noveltyConfig
	s               *Subject
	passages, apart []text // of the training and of the test part
}

func (c *noveltyConfig) New(s *Subject) (Study, error) {
	n := &novelty{c: c, s: s}
	if s.Corpus.Train.Symbols == 0 || s.Corpus.Test.Symbols == 0 {
		return nil, Inapplicable{"novelty: want a training and a test part"}
	}
	if c.Prompts > 0 {
		length := c.Prompted[len(c.Prompted)-1] + c.Continued
		n.passages, n.apart = pieces(s.Corpus.Train.Docs, c.Prompts, length), pieces(s.Corpus.Test.Docs, c.Prompts, length)
	}
	return n, nil
}

// Units are generations, passages of the training part, and of the test part.
func (n *novelty) Units() int { return n.c.Generations + len(n.passages) + len(n.apart) }

func (n *novelty) Unit(ctx context.Context, i int) ([]float64, error) {
	if i < n.c.Generations {
		g, err := n.s.generate(ctx, i, n.c.Length)
		return g.values(), err
	}
	if i -= n.c.Generations; i < len(n.passages) {
		return n.continues(n.passages[i]), nil
	}
	return n.continues(n.apart[i-len(n.passages)]), nil
}

// continues is, by prompt length, whether the most probable continuation is the
// passage's.
func (n *novelty) continues(x text) (out []float64) {
	end := len(x) - n.c.Continued
	q := make([]float64, n.s.A)
	for _, p := range n.c.Prompted {
		f, exact := n.s.Fork(), 1.0
		for _, y := range x[end-p : end] {
			f.Observe(y)
		}
		for _, y := range x[end:] {
			f.Predict(q)
			if top := slices.Index(q, slices.Max(q)); top != int(y) {
				exact = 0
				break
			}
			f.Observe(y)
		}
		out = append(out, exact)
	}
	return out
}

func (n *novelty) Report(done [][]float64) (out []Ranged, err error) {
	samples := written(done[:n.c.Generations])
	if len(samples) < minGroups {
		return nil, fmt.Errorf("novelty: %d generations in the time there was, want %d", len(samples), minGroups)
	}
	known := lastOf(n.s.Corpus.Train.Docs, n.c.Known)
	heldout := pieces(n.s.Corpus.Test.Docs, n.c.Generations, min(n.c.Length, longestDoc(n.s.Corpus.Test.Docs)))
	for _, size := range n.c.Sizes {
		set := grams(known, size)
		out = append(out, news(set, samples, size).as("novelty", size))
		if len(heldout) >= minGroups {
			out = append(out, news(set, heldout, size).as("novelty_heldout", size))
		}
	}
	at := n.c.Generations
	out = append(out, n.exact("exact_continuation", done[at:at+len(n.passages)])...)
	return append(out, n.exact("exact_continuation_heldout", done[at+len(n.passages):])...), nil
}

// exact are the shares by prompt length.
func (n *novelty) exact(metric string, done [][]float64) (out []Ranged) {
	passages := finished(done)
	if len(passages) < results.MinBlocks {
		return nil
	}
	for j, p := range n.c.Prompted {
		out = append(out, mean(column(passages, j), 0).as(metric, p))
	}
	return out
}

// news is the share of the n-grams of texts that are not in the set.
func news(set map[gram]struct{}, texts []text, n int) average {
	share := meanOver(texts, func(x text) float64 {
		fresh, total := 0, 0
		for t := n; t <= len(x); t++ {
			total++
			if _, ok := set[gramOf(x[t-n:t])]; !ok {
				fresh++
			}
		}
		return float64(fresh) / float64(max(total, 1))
	})
	share.Lo, share.Hi = max(share.Lo, 0), min(share.Hi, 1)
	return share
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

func gramOf(x []symbol) gram {
	g := gram(0)
	for _, y := range x {
		g = g.next(y)
	}
	return g
}

// grams are the different n-grams of documents.
func grams(docs []text, n int) map[gram]struct{} {
	set := map[gram]struct{}{}
	for _, x := range docs {
		for t := n; t <= len(x); t++ {
			set[gramOf(x[t-n:t])] = struct{}{}
		}
	}
	return set
}

// lastOf are the last n symbols of documents.
func lastOf(docs [][]symbol, n int) (out []text) {
	for i := len(docs) - 1; i >= 0 && n > 0; i-- {
		d := docs[i][max(0, len(docs[i])-n):]
		out = append(out, text(d))
		n -= len(d)
	}
	return out
}

func longestDoc(docs [][]symbol) (n int) {
	for _, d := range docs {
		n = max(n, len(d))
	}
	return n
}
