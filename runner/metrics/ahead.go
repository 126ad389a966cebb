package metrics

import (
	"context"
	"fmt"
	"math"
	"slices"

	"horizon/corpora"
	"horizon/predictors"
)

// Ahead is the k-step marginal loss L_k = −(1/n) Σ log₂ q_k(x_{t+k}; x_≤t) at
// the evaluation points (programme 2.2). Where q_k is an average over R
// rollouts, −log₂ of it is biased up by about Var(q)/(2 R q_k² ln 2); the
// jackknife 2 L(R) − (L(R/2) + L'(R/2))/2 over the two halves takes the term
// in 1/R away. Both values are kept.
type Ahead struct {
	a          int
	learning   bool
	forecaster *predictors.Forecaster
	ks         []int
	fair       []blocks  // per horizon, corrected losses
	raw        []float64 // per horizon, summed
	exact      []int
	direct     []int
	dropped    float64
	points     int
	riders     []Rider
	surveyed   *survey   // of a predictor that answers for all points at once
	losses     []float64 // of a point, by horizon: scratch
}

// A Rider sees what a predictor says at the evaluation points of the symbols
// ahead, so that no score needs forecasts of its own.
type Rider interface {
	// Whole reports whether it needs the whole laws or the losses alone.
	Whole() bool
	// Forecast takes the laws at a point and the corrected losses of the
	// symbols that came, by horizon. Both are valid during the call; laws are
	// there for those that need them.
	Forecast(pt Point, f *predictors.Forecast, losses []float64)
}

// A Passenger rides along and has scores with intervals.
type Passenger interface {
	Rider
	Ranger
}

// Riding is a StudyConfig that needs no forecasts of its own.
type Riding interface {
	Ride(c *corpora.Corpus, o Protocol) Passenger
}

// NewAhead measures over alphabets of size a; learning says that the predictor
// will have changed by the next point.
func NewAhead(a, block int, learning bool, o predictors.AheadOptions, riders ...Rider) *Ahead {
	h := &Ahead{a: a, learning: learning, forecaster: predictors.NewForecaster(a, o), ks: o.Horizons, riders: riders,
		raw: make([]float64, len(o.Horizons)), exact: make([]int, len(o.Horizons)), direct: make([]int, len(o.Horizons)),
		losses: make([]float64, len(o.Horizons))}
	for _, k := range o.Horizons {
		h.fair = append(h.fair, blocks{metric: "ahead", horizon: k, length: block})
	}
	return h
}

// Scored implements Metric.
func (h *Ahead) Scored(Run) {}

// At implements Metric.
func (h *Ahead) At(pt Point, p predictors.Predictor) error {
	if h.survey(pt, p) {
		return nil
	}
	f := h.forecaster.At(p, pt.Index)
	h.dropped = max(h.dropped, f.Dropped)
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
		h.raw[i] += raw
		h.losses[i] = fair
	}
	return h.take(pt, f)
}

// take enters the losses of a point and shows it to the riders.
func (h *Ahead) take(pt Point, f *predictors.Forecast) error {
	h.points++
	for i, k := range h.ks {
		bits := h.losses[i]
		if math.IsNaN(bits) || math.IsInf(bits, 0) {
			return fmt.Errorf("ahead: %d steps after test symbol %d: loss of symbol %d = %v, want finite", k, pt.First, pt.Future[k-1], bits)
		}
		h.fair[i].add(pt.First+k-1, bits, 1)
	}
	for _, r := range h.riders {
		r.Forecast(pt, f, h.losses)
	}
	return nil
}

// A survey collects the points for a predictors.Surveyor.
type survey struct {
	p      predictors.Surveyor
	places []uint32
	points []Point
}

// maxLaws is how many probabilities a survey may keep for riders.
const maxLaws = 1 << 26

// whole reports whether a rider needs whole laws.
func (h *Ahead) whole() bool { return slices.ContainsFunc(h.riders, Rider.Whole) }

// survey leaves the point for the end, if the predictor then answers for all.
func (h *Ahead) survey(pt Point, p predictors.Predictor) bool {
	s, ok := p.(predictors.Surveyor)
	if !ok || h.learning || h.whole() && pt.Index >= maxLaws/(h.a*len(h.ks)) {
		return false
	}
	place, ok := s.Place()
	if !ok {
		return false
	}
	if h.surveyed == nil {
		h.surveyed = &survey{p: s}
	}
	h.surveyed.places, h.surveyed.points = append(h.surveyed.places, place), append(h.surveyed.points, pt)
	return true
}

// Finish asks the predictor for what has been collected.
func (h *Ahead) Finish(ctx context.Context, report func(done, total int64)) error {
	s := h.surveyed
	if s == nil {
		return nil
	}
	wanted := h.wanted()
	column := make([]int, h.a) // of a wanted symbol
	for j, y := range wanted {
		column[y] = j
	}
	at := map[int]int{} // horizon → its index
	for i, k := range h.ks {
		at[k] = i
	}
	losses := make([]float64, len(s.points)*len(h.ks))
	var laws []float64
	if h.whole() {
		laws = make([]float64, len(losses)*h.a)
	}
	err := s.p.Survey(ctx, s.places, h.ks, wanted, func(i, k, j int, p []float64) {
		cell := i*len(h.ks) + at[k]
		if l := column[s.points[i].Future[k-1]] - j; 0 <= l && l < len(p) {
			losses[cell] = loss(p[l])
		}
		if laws != nil { // all symbols, in order
			copy(laws[cell*h.a+j:], p)
		}
	}, report)
	if err != nil {
		return err
	}
	for i, pt := range s.points {
		copy(h.losses, losses[i*len(h.ks):])
		f := &predictors.Forecast{Exact: make([]bool, len(h.ks)), Direct: make([]bool, len(h.ks))}
		for j := range h.ks {
			h.raw[j] += h.losses[j]
			h.exact[j]++
			f.Exact[j] = true
			if cell := i*len(h.ks) + j; laws != nil {
				f.P = append(f.P, laws[cell*h.a:(cell+1)*h.a])
			}
		}
		f.Half = [2][][]float64{f.P, f.P}
		if err := h.take(pt, f); err != nil {
			return err
		}
	}
	return nil
}

// wanted are the symbols whose probabilities are needed: all, for riders that
// want whole laws, or those that come.
func (h *Ahead) wanted() (ys []symbol) {
	if h.whole() {
		for y := range h.a {
			ys = append(ys, symbol(y))
		}
		return ys
	}
	for _, pt := range h.surveyed.points {
		for _, k := range h.ks {
			ys = append(ys, pt.Future[k-1])
		}
	}
	slices.Sort(ys)
	return slices.Compact(ys)
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
