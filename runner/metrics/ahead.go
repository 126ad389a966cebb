package metrics

import (
	"context"
	"fmt"
	"math"
	"slices"

	"horizon/predictors"
)

// Ahead is the k-step marginal loss L_k = −(1/n) Σ log₂ q_k(x_{t+k}; x_≤t) at
// the evaluation points (programme 2.2). Where q_k is an average over R
// rollouts, −log₂ of it is biased up by about Var(q)/(2 R q_k² ln 2); the
// jackknife 2 L(R) − (L(R/2) + L'(R/2))/2 over the two halves takes the term
// in 1/R away. Both values are kept.
type Ahead struct {
	learning   bool
	forecaster *predictors.Forecaster
	ks         []int
	fair       []blocks  // per horizon, corrected losses
	raw        []float64 // per horizon, summed
	exact      []int
	direct     []int
	dropped    float64
	points     int
	surveyed   *survey // of a predictor that answers for all points at once
}

// A survey collects the points for a predictors.Surveyor.
type survey struct {
	p      predictors.Surveyor
	places []uint32
	points []Point
	losses [][]float64 // of each point, by horizon
}

// NewAhead measures over alphabets of size a; learning says that the predictor
// will have changed by the next point.
func NewAhead(a, block int, learning bool, o predictors.AheadOptions) *Ahead {
	h := &Ahead{learning: learning, forecaster: predictors.NewForecaster(a, o), ks: o.Horizons,
		raw: make([]float64, len(o.Horizons)), exact: make([]int, len(o.Horizons)), direct: make([]int, len(o.Horizons))}
	for _, k := range o.Horizons {
		h.fair = append(h.fair, blocks{metric: "ahead", horizon: k, length: block})
	}
	return h
}

// Scored implements Metric.
func (h *Ahead) Scored(Run) {}

// At implements Metric.
func (h *Ahead) At(pt Point, p predictors.Predictor) error {
	if s, ok := p.(predictors.Surveyor); ok && !h.learning && len(h.ks) > 0 {
		if place, ok := s.Place(); ok {
			if h.surveyed == nil {
				h.surveyed = &survey{p: s}
			}
			h.surveyed.add(pt, place, h.ks)
			return nil
		}
	}
	f := h.forecaster.At(p, pt.Index)
	h.dropped = max(h.dropped, f.Dropped)
	h.points++
	for i, k := range h.ks {
		x := pt.Future[k-1]
		raw := loss(f.P[i][x])
		fair := raw
		switch {
		case f.Exact[i]:
			h.exact[i]++
		case f.Direct[i]:
			h.direct[i]++
		default:
			fair = 2*raw - (loss(f.Half[0][i][x])+loss(f.Half[1][i][x]))/2
		}
		if math.IsNaN(fair) || math.IsInf(raw, 1) {
			return fmt.Errorf("ahead: %d steps after test symbol %d: P(%d) = %v, want > 0", k, pt.First, x, f.P[i][x])
		}
		h.raw[i] += raw
		h.fair[i].add(pt.First+k-1, fair, 1)
	}
	return nil
}

func (s *survey) add(pt Point, place uint32, ks []int) {
	s.places, s.points = append(s.places, place), append(s.points, pt)
	s.losses = append(s.losses, make([]float64, len(ks)))
}

// Finish asks the predictor for what has been collected.
func (h *Ahead) Finish(ctx context.Context, report func(done, total int64)) error {
	s := h.surveyed
	if s == nil {
		return nil
	}
	var wanted []symbol // that come
	at := map[int]int{} // horizon → its index
	for i, k := range h.ks {
		at[k] = i
		for _, pt := range s.points {
			wanted = append(wanted, pt.Future[k-1])
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	column := map[symbol]int{}
	for j, y := range wanted {
		column[y] = j
	}
	err := s.p.Survey(ctx, s.places, h.ks, wanted, func(i, k, j int, p []float64) {
		if l := column[s.points[i].Future[k-1]] - j; 0 <= l && l < len(p) {
			s.losses[i][at[k]] = loss(p[l])
		}
	}, report)
	if err != nil {
		return err
	}
	for i, pt := range s.points {
		h.points++
		for j, k := range h.ks {
			bits := s.losses[i][j]
			if math.IsNaN(bits) || math.IsInf(bits, 0) {
				return fmt.Errorf("ahead: %d steps after test symbol %d: loss %v, want finite", k, pt.First, bits)
			}
			h.exact[j]++
			h.raw[j] += bits
			h.fair[j].add(pt.First+k-1, bits, 1)
		}
	}
	return nil
}

func loss(p float64) float64 { return -math.Log2(p) }

// Rows implements Metric.
func (h *Ahead) Rows() (scores []Score, rows []Block) {
	if h.points == 0 {
		return nil, nil
	}
	n := float64(h.points)
	for i, k := range h.ks {
		mean, _ := h.fair[i].mean()
		scores = append(scores,
			Score{"ahead_bits", k, h.points, mean},
			Score{"ahead_bits_raw", k, h.points, h.raw[i] / n},
			Score{"ahead_exact", k, h.points, float64(h.exact[i]) / n})
		if h.direct[i] > 0 {
			scores = append(scores, Score{"ahead_direct", k, h.points, float64(h.direct[i]) / n})
		}
		rows = append(rows, h.fair[i].rows...)
	}
	if h.dropped > 0 {
		scores = append(scores, Score{"ahead_dropped", 1, h.points, h.dropped})
	}
	return scores, rows
}
