package metrics

import (
	"fmt"
	"math"

	"horizon/predictors"
)

// Evidence is what predictions rest on (predictors.Evidence), in the mean over
// the evaluation points of each block and of the whole test part: the length
// of the match, n_eff = (Σw)²/Σw² and the share of what ignores the context.
// n_eff spreads over orders of magnitude, so its geometric mean, over the
// points where it is above 0, is there beside the mean. Predictors that do not
// say, and points where a figure has no meaning for them, leave no rows.
type Evidence struct {
	match, effective, fallback blocks
	logs                       float64 // Σ ln n_eff
	positive                   int     // points in it
}

// NewEvidence keeps its sums by blocks of the given number of symbols.
func NewEvidence(block int) *Evidence {
	sums := func(metric string) blocks { return blocks{metric: metric, horizon: 1, length: block} }
	return &Evidence{match: sums("match_length"), effective: sums("n_eff"), fallback: sums("fallback")}
}

// Scored implements Metric.
func (e *Evidence) Scored(Run) {}

// At implements Metric.
func (e *Evidence) At(pt Point, p predictors.Predictor) error {
	w, ok := p.(predictors.Witness)
	if !ok {
		return nil
	}
	v := w.Evidence()
	if v.Match < 0 || v.Effective < 0 || math.IsInf(v.Effective, 0) || v.Fallback < -tolerance || v.Fallback > 1+tolerance {
		return fmt.Errorf("test symbol %d: evidence %+v, want a match and n_eff of at least 0 and a fallback from 0 to 1", pt.First, v)
	}
	for _, f := range []struct {
		b     *blocks
		value float64
	}{{&e.match, v.Match}, {&e.effective, v.Effective}, {&e.fallback, v.Fallback}} {
		if !math.IsNaN(f.value) {
			f.b.add(pt.First, f.value, 0)
		}
	}
	if v.Effective > 0 {
		e.logs += math.Log(v.Effective)
		e.positive++
	}
	return nil
}

// Rows implements Metric.
func (e *Evidence) Rows() (scores []Score, rows []Block) {
	for _, b := range []*blocks{&e.match, &e.effective, &e.fallback} {
		if mean, n := b.mean(); n > 0 {
			scores, rows = append(scores, Score{b.metric, 1, n, mean}), append(rows, b.rows...)
		}
	}
	if e.positive > 0 {
		scores = append(scores, Score{"n_eff_geometric", 1, e.positive, math.Exp(e.logs / float64(e.positive))})
	}
	return scores, rows
}
