package metrics

import (
	"math"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/results"
)

// Divergence is how far a predictor's k-step marginals are from the truth of a
// known process (programme, fact 3 and 2.12), in the mean over the evaluation
// points, in bits:
//
//	D_k = E KL(p_k ‖ q_k),   ρ_k = D_k / (k D_1)
//
// with p_k the exact Bayes filter's. It is the expected regret: unlike the
// regret on the symbols that came, it has none of their luck. By the chain rule
// and data processing D_k ≤ k D_1, so that ρ_k is in [0, 1] in expectation: how
// much of what next-symbol errors could do k steps ahead they do. Where q_k is
// an average over rollouts, its divergence is biased up as its loss is, and
// corrected alike.
type Divergence struct {
	ks    []int
	truth [][][]float64 // by point and horizon
	d     [][]float64   // by horizon, then point
	rows  []blocks      // by horizon, for paired comparisons
	apart float64
	boot  results.Bootstrap
}

// NewDivergence walks the filter of c's process; nil if the law is not known,
// or too much would have to be kept.
func NewDivergence(c *corpora.Corpus, o Protocol) *Divergence {
	a := c.Alphabet.Size()
	if c.Process == nil || len(o.Horizons) == 0 || o.Points*len(o.Horizons)*a > maxLaws {
		return nil
	}
	d := &Divergence{ks: o.Horizons, d: make([][]float64, len(o.Horizons)), apart: spacing(c, o),
		boot: results.Bootstrap{Resamples: fewResamples, Seed: o.Seed}}
	for _, k := range o.Horizons {
		d.rows = append(d.rows, blocks{metric: "divergence", horizon: k, length: o.Block})
	}
	eachPoint(c, o, func(f corpora.Filter) {
		laws := make([][]float64, len(d.ks))
		for i, k := range d.ks {
			laws[i] = make([]float64, a)
			f.PredictAhead(laws[i], k)
		}
		d.truth = append(d.truth, laws)
	})
	return d
}

// Whole implements Rider.
func (d *Divergence) Whole() bool { return true }

// Forecast implements Rider.
func (d *Divergence) Forecast(pt Point, f *predictors.Forecast, _ []float64) {
	for i, p := range d.truth[pt.Index] {
		v := divergence(p, f.P[i])
		if !f.Exact[i] && !f.Direct[i] {
			v = 2*v - (divergence(p, f.Half[0][i])+divergence(p, f.Half[1][i]))/2
		}
		d.d[i] = append(d.d[i], v)
		d.rows[i].add(pt.First, v, 1)
	}
}

// Scored implements Metric.
func (d *Divergence) Scored(Run) {}

// At implements Metric.
func (d *Divergence) At(Point, predictors.Predictor) error { return nil }

// Rows implements Metric.
func (d *Divergence) Rows() (_ []Score, rows []Block) {
	for _, b := range d.rows {
		rows = append(rows, b.rows...)
	}
	return nil, rows
}

// divergence is KL(p ‖ q) in bits.
func divergence(p, q []float64) (bits float64) {
	for x, v := range p {
		if v > 0 {
			bits += v * math.Log2(v/q[x])
		}
	}
	return bits
}

// negligible is the divergence, in bits, that is rounding and no error.
const negligible = 1e-9

// Ranged implements Ranger.
func (d *Divergence) Ranged() (out []Ranged) {
	if len(d.d[0]) == 0 {
		return nil
	}
	n := len(d.d[0])
	for i, k := range d.ks {
		out = append(out, mean(d.d[i], overlap(k, d.apart)).as("divergence", k))
	}
	if d.ks[0] != 1 || out[0].Value < negligible {
		return out
	}
	for i, k := range d.ks {
		ratio := func(at []int) float64 {
			far, near := 0.0, 0.0
			for _, j := range at {
				far += d.d[i][j]
				near += d.d[0][j]
			}
			return far / (float64(k) * near)
		}
		length := runLength(d.d[0], overlap(k, d.apart))
		out = append(out, resampled(n, length, d.boot, ratio).as("bound_ratio", k))
	}
	return out
}
