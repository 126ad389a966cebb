package metrics

import (
	"context"
	"errors"
	"fmt"

	"horizon/predictors"
	"horizon/results"
)

// Recursion defect (claim D2; Shalizi & Crutchfield 2001): a state that
// suffices to predict, and can be brought up to date by the next symbol alone,
// forgets nothing it will need. A model of a window does not have one: the
// oldest symbol falls out. What that changes,
//
//	E KL(q(·; c_{1:K}) ‖ q(·; c_{2:K}))   in bits,
//
// over contexts of K symbols of the test part, is 0 once K is beyond the order of
// a Markov model.
type recursionConfig struct {
	StudyOptions
	Points  int   `toml:"points"`  // contexts, ≥ 30
	Lengths []int `toml:"lengths"` // K, ascending, ≥ 1
}

var recursionKind = StudyKind{
	Name: "recursion-defect", Version: 1,
	Default: func() StudyConfig { return &recursionConfig{Points: 300, Lengths: []int{1, 2, 4, 8, 16, 32, 64, 128}} },
	Scores: []Info{
		{"recursion_defect", "bits", "lower", "divergence of the prediction from a context of K symbols from that without its oldest; horizon is K", false},
	},
	Cost:    "points times twice the sum of the lengths, in symbols observed",
	Needs:   "test documents longer than the longest context",
	Doc:     "what a prediction loses with the oldest symbol of its context (Shalizi & Crutchfield 2001)",
	Pitfall: "no defect is no merit: a unigram has none",
}

func (c *recursionConfig) Validate() error {
	switch {
	case c.Points < results.MinBlocks:
		return fmt.Errorf("points = %d, want >= %d", c.Points, results.MinBlocks)
	case !predictors.ValidHorizons(c.Lengths):
		return fmt.Errorf("lengths = %v, want ascending numbers >= 1", c.Lengths)
	}
	return c.StudyOptions.Validate()
}

type recursion struct {
	c        *recursionConfig
	s        *Subject
	contexts []text
}

func (c *recursionConfig) New(s *Subject) (Study, error) {
	contexts := pieces(s.Corpus.Test.Docs, c.Points, c.Lengths[len(c.Lengths)-1])
	if len(contexts) < results.MinBlocks {
		return nil, Inapplicable{fmt.Sprintf("recursion-defect: the test part has %d contexts of %d symbols, want %d",
			len(contexts), c.Lengths[len(c.Lengths)-1], results.MinBlocks)}
	}
	return &recursion{c, s, contexts}, nil
}

func (r *recursion) Units() int { return len(r.contexts) }

func (r *recursion) Unit(ctx context.Context, i int) ([]float64, error) {
	x := r.contexts[i]
	var out []float64
	for _, k := range r.c.Lengths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out = append(out, divergence(r.law(x[len(x)-k:]), r.law(x[len(x)-k+1:])))
	}
	return out, nil
}

func (r *recursion) law(x text) []float64 {
	f, q := r.s.Fork(), make([]float64, r.s.A)
	for _, y := range x {
		f.Observe(y)
	}
	f.Predict(q)
	return q
}

func (r *recursion) Report(done [][]float64) (out []Ranged, err error) {
	points := finished(done)
	if len(points) == 0 {
		return nil, errors.New("recursion-defect: no points were measured")
	}
	for j, k := range r.c.Lengths {
		out = append(out, mean(column(points, j), 0).as("recursion_defect", k))
	}
	return out, nil
}
