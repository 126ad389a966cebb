package metrics

import (
	"math"
	"slices"

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
//
// Horizons at which the filter's own law is not exact are left out.
type Divergence struct {
	ks    []int
	truth *Truth
	d     [][]float64 // by horizon, then point
	rows  []blocks    // by horizon, for paired comparisons
	apart float64
	boot  results.Bootstrap
}

// A Truth keeps what the exact Bayes filter of a known process says at the
// evaluation points. It rides along with the oracle.
type Truth struct {
	laws  [][][]float64 // by point and horizon
	exact []bool        // by horizon: at all points
}

// NewTruth returns nil if too much would have to be kept.
func NewTruth(c *corpora.Corpus, o Protocol) *Truth {
	if o.Points*len(o.Horizons)*c.Alphabet.Size() > maxLaws {
		return nil
	}
	t := &Truth{exact: make([]bool, len(o.Horizons))}
	for i := range t.exact {
		t.exact[i] = true
	}
	return t
}

// Whole implements Rider.
func (t *Truth) Whole() bool { return true }

// Forecast implements Rider.
func (t *Truth) Forecast(_ Point, f *predictors.Forecast, _ []float64) {
	laws := make([][]float64, len(f.P))
	for i, p := range f.P {
		laws[i] = slices.Clone(p)
		t.exact[i] = t.exact[i] && f.Exact[i]
	}
	t.laws = append(t.laws, laws)
}

// NewDivergence measures from the truth, which the oracle has told.
func NewDivergence(truth *Truth, c *corpora.Corpus, o Protocol) *Divergence {
	d := &Divergence{ks: o.Horizons, truth: truth, d: make([][]float64, len(o.Horizons)), apart: spacing(c, o),
		boot: results.Bootstrap{Resamples: fewResamples, Seed: o.Seed}}
	for _, k := range o.Horizons {
		d.rows = append(d.rows, blocks{metric: "divergence", horizon: k, length: o.Block})
	}
	return d
}

// Whole implements Rider.
func (d *Divergence) Whole() bool { return true }

// Forecast implements Rider.
func (d *Divergence) Forecast(pt Point, f *predictors.Forecast, _ []float64) {
	for i, p := range d.truth.laws[pt.Index] {
		if !d.truth.exact[i] {
			continue
		}
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
	var at []int // horizons that were measured
	for i := range d.ks {
		if len(d.d[i]) > 0 {
			at = append(at, i)
		}
	}
	for _, i := range at {
		out = append(out, mean(d.d[i], overlap(d.ks[i], d.apart)).as("divergence", d.ks[i]))
	}
	if len(at) == 0 || d.ks[at[0]] != 1 || out[0].Value < negligible {
		return out
	}
	near := d.d[at[0]]
	for _, i := range at {
		ratio := func(points []int) float64 {
			far, next := 0.0, 0.0
			for _, j := range points {
				far += d.d[i][j]
				next += near[j]
			}
			return far / (float64(d.ks[i]) * next)
		}
		length := runLength(near, overlap(d.ks[i], d.apart))
		out = append(out, resampled(len(near), length, d.boot, ratio).as("bound_ratio", d.ks[i]))
	}
	return out
}
