package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"horizon/predictors"
	"horizon/results"
)

// Context effect (programme 2.9; Khandelwal, He, Qi & Jurafsky 2018, Sharp
// nearby, fuzzy far away): the loss of the next symbol when only its last c
// symbols are shown,
//
//	Δ(c) = L₁(context c) − L₁(context c_max),
//
// at the same target positions for every c. Truncated, what lies beyond c is
// left out; shuffled, it is there in random order, so that the difference of
// the two is what its mere vocabulary is worth. The effective context is the
// least c with Δ(c) ≤ 0.01 bit. Cost: points · Σ c symbols observed.
type truncationConfig struct {
	StudyOptions
	Points  int   `toml:"points"`  // target positions, ≥ 30
	Lengths []int `toml:"lengths"` // of contexts, ascending, ≥ 0; the last is c_max
	Shuffle bool  `toml:"shuffle"` // measure the shuffled context too
}

var truncationKind = StudyKind{
	Name: "context-length", Version: 1,
	Default: func() StudyConfig {
		return &truncationConfig{Points: 500, Lengths: []int{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512}, Shuffle: true}
	},
	Scores: []Info{
		{"context_bits", "bits/symbol", "lower", "log-loss of the next symbol when shown only its last c symbols (in the column horizon)", true},
		{"context_bits_shuffled", "bits/symbol", "", "the same when what lies further back, up to c_max, is there in random order", false},
		{"context_effect", "bits/symbol", "", "Δ(c): what contexts of length c lose to those of c_max", false},
		{"context_effect_shuffled", "bits/symbol", "", "what order beyond c is worth: the loss with it shuffled less that with it whole", false},
		{"effective_context", "symbols", "", "the least c whose loss is within 0.01 bit of c_max's", false},
	},
	Cost:    "points times the sum of the lengths, in symbols observed",
	Needs:   "documents longer than the longest context",
	Doc:     "how much of the past a predictor uses (Khandelwal et al. 2018)",
	Pitfall: "a predictor meets contexts here, cut off or shuffled, unlike those it was trained on: a loss may be surprise at the cut and not want of what was cut off",
}

// negligibleEffect is the Δ(c), in bits, that counts as none.
const negligibleEffect = 0.01

func (c *truncationConfig) Validate() error {
	switch {
	case c.Points < results.MinBlocks:
		return fmt.Errorf("points = %d, want >= %d", c.Points, results.MinBlocks)
	case len(c.Lengths) < 2 || c.Lengths[0] < 0 || !slices.IsSorted(c.Lengths) || len(slices.Compact(slices.Clone(c.Lengths))) < len(c.Lengths):
		return fmt.Errorf("lengths = %v, want at least two ascending numbers >= 0", c.Lengths)
	}
	return c.StudyOptions.Validate()
}

// unitPoints is how many points make a unit of work.
const unitPoints = 16

type truncation struct {
	c      truncationConfig
	s      *Subject
	points []place
}

// A place is a symbol of the test part with its document.
type place struct{ doc, at int }

func (c *truncationConfig) New(s *Subject) (Study, error) {
	longest := c.Lengths[len(c.Lengths)-1]
	t := &truncation{c: *c, s: s}
	// Places with c_max symbols before them, evenly spread.
	room := 0
	for _, d := range s.Corpus.Test.Docs {
		room += max(0, len(d)-longest)
	}
	if room < results.MinBlocks {
		return nil, Inapplicable{fmt.Sprintf("context-length: the test part has %d places with %d symbols before them, want %d", room, longest, results.MinBlocks)}
	}
	n := min(c.Points, room)
	passed, i := 0, 0
	for doc, d := range s.Corpus.Test.Docs {
		places := max(0, len(d)-longest)
		for ; i < n; i++ {
			at := (2*i+1)*room/(2*n) - passed
			if at >= places {
				break
			}
			t.points = append(t.points, place{doc, longest + at})
		}
		passed += places
	}
	return t, nil
}

func (t *truncation) Units() int { return (len(t.points) + unitPoints - 1) / unitPoints }

// Unit is the losses of a run of points: for each, those of every length, then
// those with the rest shuffled.
func (t *truncation) Unit(ctx context.Context, unit int) (out []float64, err error) {
	for i := unit * unitPoints; i < min((unit+1)*unitPoints, len(t.points)); i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out = append(out, t.at(i)...)
	}
	return out, nil
}

func (t *truncation) at(i int) (bits []float64) {
	pt := t.points[i]
	doc := t.s.Corpus.Test.Docs[pt.doc]
	longest := t.c.Lengths[len(t.c.Lengths)-1]
	for _, c := range t.c.Lengths {
		bits = append(bits, t.loss(doc[pt.at-c:pt.at], doc[pt.at]))
	}
	if !t.c.Shuffle {
		return bits
	}
	for _, c := range t.c.Lengths {
		past := slices.Clone(doc[pt.at-longest : pt.at])
		far := past[:longest-c]
		// The same numbers for every length and every predictor.
		rng := rand.New(rand.NewPCG(t.s.Seed, uint64(i)))
		rng.Shuffle(len(far), func(i, j int) { far[i], far[j] = far[j], far[i] })
		bits = append(bits, t.loss(past, doc[pt.at]))
	}
	return bits
}

func (t *truncation) loss(past []symbol, next symbol) float64 {
	f := t.s.Fork()
	for _, x := range past {
		f.Observe(x)
	}
	var bits [1]float64
	predictors.Score(f, bits[:], nil, []symbol{next})
	return bits[0]
}

// Report makes means with intervals of the losses, whose points lie far apart
// and are taken in their order for HAC.
func (t *truncation) Report(done [][]float64) ([]Ranged, error) {
	k := len(t.c.Lengths)
	width := k
	if t.c.Shuffle {
		width = 2 * k
	}
	columns := make([][]float64, width)
	for _, u := range done {
		for at := 0; at < len(u); at += width {
			for j := range width {
				columns[j] = append(columns[j], u[at+j])
			}
		}
	}
	if len(columns[0]) == 0 {
		return nil, errors.New("context-length: no points were measured")
	}
	full := columns[k-1]
	var out []Ranged
	effective := math.NaN()
	for j, c := range t.c.Lengths {
		effect := mean(minus(columns[j], full), 0)
		out = append(out, mean(columns[j], 0).as("context_bits", c), effect.as("context_effect", c))
		if math.IsNaN(effective) && effect.Value <= negligibleEffect {
			effective = float64(c)
		}
		if t.c.Shuffle {
			out = append(out, mean(columns[k+j], 0).as("context_bits_shuffled", c),
				mean(minus(columns[k+j], full), 0).as("context_effect_shuffled", c))
		}
	}
	return append(out, Exactly("effective_context", 1, len(full), effective)), nil
}
