package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/results"
)

// Calibration at horizon (programme 2.7): of all the times that a predictor
// said q of a symbol k steps ahead, how often did it come? With the laws q_k at
// n evaluation points, and for each symbol y its points cut into bins of equal
// number by q_k(y), of confidence c_b (mean of q) and frequency f_b,
//
//	ECE   = (1/A) Σ_y Σ_b (n_b/n) |f_b − c_b|
//	Brier = (1/n) Σ_t Σ_y (q_k(y) − 1[y = x_{t+k}])² = reliability − resolution + uncertainty + within
//	reliability = Σ_y Σ_b (n_b/n)(f_b − c_b)²
//	resolution  = Σ_y Σ_b (n_b/n)(f_b − f)²,  uncertainty = Σ_y f (1 − f)
//
// (Murphy 1973; within is what bins of some width leave over). Finite bins make
// |f − c| positive even of a calibrated predictor: of each bin is taken off
// what noise of the size of f's own would add to it, E|N(f − c, f(1−f)/n_b)| −
// |f − c| (Kumar, Liang & Ma 2019, section 5), and of each (f − c)² its f(1−f)/
// (n_b − 1), so that both may come out below 0; of the resolution likewise. The diagram pools all symbols,
// in bins of fixed edges.
type calibrationConfig struct {
	StudyOptions
	Bins int `toml:"bins"` // of equal number, for each symbol, 2 to 100
}

var calibrationKind = StudyKind{
	Name: "calibration", Version: 1,
	Default: func() StudyConfig { return &calibrationConfig{Bins: 15} },
	Scores: []Info{
		{"brier", "squared probability", "lower", "Brier score of the k-step marginals: Σ_y (q_k(y) − 1[y came])²", true},
		{"brier_reliability", "squared probability", "lower", "of the Brier score, what miscalibration costs, debiased", false},
		{"brier_resolution", "squared probability", "higher", "of the Brier score, what telling places apart gains", false},
		{"brier_uncertainty", "squared probability", "", "of the Brier score, what the frequencies alone would cost", false},
		{"ece", "probability", "lower", "classwise expected calibration error of the k-step marginals, debiased", false},
		{"reliability_confidence", "probability", "", "mean q in a bin of the reliability diagram; horizon is 100 k + the bin", false},
		{"reliability_frequency", "probability", "", "how often the symbol came, in the same bins", false},
	},
	Cost:    "none beside the forecasts of evaluate.points, and A numbers a point and horizon kept",
	Needs:   "evaluate.points of at least a few hundred",
	Doc:     "whether probabilities at horizon are frequencies (Murphy 1973; Kumar, Liang & Ma 2019)",
	Pitfall: "the unigram is perfectly calibrated and knows nothing: ECE is no score to choose by; it also depends on the bins. The Brier score is proper",
}

func (c *calibrationConfig) Validate() error {
	if c.Bins < 2 || c.Bins > 100 {
		return fmt.Errorf("bins = %d, want 2 to 100", c.Bins)
	}
	return c.StudyOptions.Validate()
}

// New refuses: this one rides.
func (c *calibrationConfig) New(*Subject) (Study, error) {
	return nil, Inapplicable{"calibration: rides along with the walk over the test part"}
}

// Ride implements Riding.
func (c *calibrationConfig) Ride(corpus *corpora.Corpus, o Protocol) Passenger {
	n := len(o.Horizons)
	return &calibration{bins: c.Bins, ks: o.Horizons, a: corpus.Alphabet.Size(), q: make([][][]float32, n), came: make([][]symbol, n),
		apart: spacing(corpus, o), boot: results.Bootstrap{Resamples: 300, Seed: o.Seed}}
}

type calibration struct {
	bins, a int
	ks      []int
	q       [][][]float32 // by horizon, point and symbol
	came    [][]symbol
	apart   float64
	boot    results.Bootstrap
}

func (c *calibration) Whole() bool { return true }

func (c *calibration) Forecast(pt Point, f *predictors.Forecast, _ []float64) {
	for i, k := range c.ks {
		q := make([]float32, c.a)
		for y, v := range f.P[i] {
			q[y] = float32(v)
		}
		c.q[i], c.came[i] = append(c.q[i], q), append(c.came[i], pt.Future[k-1])
	}
}

func (c *calibration) Ranged() (out []Ranged) {
	if len(c.ks) == 0 || len(c.q[0]) == 0 {
		return nil
	}
	for i, k := range c.ks {
		out = append(out, c.brier(i, k)...)
		out = append(out, c.diagram(i, k)...)
	}
	return out
}

// brier are the Brier score of horizon i and what bins say of it.
func (c *calibration) brier(i, k int) []Ranged {
	n := len(c.q[i])
	scores := make([]float64, n)
	for t, q := range c.q[i] {
		for y, v := range q {
			scores[t] += square(float64(v) - came(c.came[i][t], y))
		}
	}
	lag := overlap(k, c.apart)
	out := []Ranged{mean(scores, lag).as("brier", k)}
	of := c.binned(i)
	length := runLength(scores, lag)
	value, raw := c.split(i, of, all(n))
	var samples [4][]float64
	if n >= results.MinBlocks {
		for at := range results.Resamples(n, length, c.boot) {
			again, _ := c.split(i, of, at)
			for j, v := range again {
				samples[j] = append(samples[j], v-raw[j])
			}
		}
	}
	for j, name := range []string{"brier_reliability", "brier_resolution", "brier_uncertainty", "ece"} {
		lo, hi := basic(value[j], samples[j])
		out = append(out, Between(name, k, n, value[j], lo, hi))
	}
	return out
}

// basic is the basic bootstrap interval: v less the percentiles of its error.
// In the bootstrap's world the truth is the sample's statistic as it is, of
// which a resample's debiased one is the estimate.
func basic(v float64, errors []float64) (lo, hi float64) {
	if len(errors) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(errors)
	n := float64(len(errors) - 1)
	return v - errors[int(0.975*n)], v - errors[int(0.025*n)]
}

func square(v float64) float64 { return v * v }

func came(x symbol, y int) float64 {
	if int(x) == y {
		return 1
	}
	return 0
}

// binned gives each point, for each symbol, its bin of equal number.
func (c *calibration) binned(i int) (of [][]uint8) {
	n := len(c.q[i])
	order := all(n)
	for y := range c.a {
		slices.SortFunc(order, func(s, t int) int { return cmp.Or(cmp.Compare(c.q[i][s][y], c.q[i][t][y]), s-t) })
		bins := make([]uint8, n)
		bin := uint8(0)
		for rank, t := range order { // equal forecasts share a bin
			if rank == 0 || c.q[i][t][y] != c.q[i][order[rank-1]][y] {
				bin = uint8(rank * c.bins / n)
			}
			bins[t] = bin
		}
		of = append(of, bins)
	}
	return of
}

// split is reliability, resolution, uncertainty and ECE over the points at, and
// the same not debiased.
func (c *calibration) split(i int, of [][]uint8, at []int) (v, raw [4]float64) {
	n := float64(len(at))
	for y := range c.a {
		var count, conf, freq [100]float64
		total := 0.0
		for _, t := range at {
			b := of[y][t]
			count[b]++
			conf[b] += float64(c.q[i][t][y])
			if int(c.came[i][t]) == y {
				freq[b]++
				total++
			}
		}
		base := total / n
		raw[2] += base * (1 - base)
		for b := range c.bins {
			if count[b] == 0 {
				continue
			}
			m, f, d := count[b], freq[b]/count[b], (freq[b]-conf[b])/count[b]
			noise := f * (1 - f) / max(1, m-1)
			raw[0] += m / n * d * d
			raw[1] += m / n * square(f-base)
			raw[3] += m / n * math.Abs(d) / float64(c.a)
			v[0] -= m / n * noise
			v[1] -= m / n * noise * (1 - m/n)
			v[3] -= m / n * (absNormal(d, f*(1-f)/m) - math.Abs(d)) / float64(c.a)
		}
	}
	for j := range v {
		v[j] += raw[j]
	}
	return v, raw
}

// absNormal is E|N(mean, variance)|.
func absNormal(mean, variance float64) float64 {
	if variance == 0 {
		return math.Abs(mean)
	}
	sd := math.Sqrt(variance)
	z := mean / sd
	return sd*math.Sqrt(2/math.Pi)*math.Exp(-z*z/2) + mean*(1-2*distuv.UnitNormal.CDF(-z))
}

// edges of the bins of the diagram: finer where most probabilities are.
var edges = []float32{0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95}

// horizonStride tells the bins of one horizon's diagram from the next's.
const horizonStride = 100

// diagram is the reliability diagram of horizon i, with an interval for the
// frequency of each bin over resampled points.
func (c *calibration) diagram(i, k int) (out []Ranged) {
	bins := len(edges) + 1
	n := len(c.q[i])
	count, conf, freq := make([][]float64, bins), make([]float64, bins), make([][]float64, bins)
	total := make([]float64, bins)
	for b := range bins {
		count[b], freq[b] = make([]float64, n), make([]float64, n)
	}
	for t, q := range c.q[i] {
		for y, v := range q {
			b, exact := slices.BinarySearch(edges, v)
			if exact {
				b++
			}
			count[b][t]++
			total[b]++
			conf[b] += float64(v)
			freq[b][t] += came(c.came[i][t], y)
		}
	}
	for b := range bins {
		if total[b] < minInBin {
			continue
		}
		iv := results.HAC(freq[b], count[b], overlap(k, c.apart)) // a ratio of sums
		at := horizonStride*k + b
		out = append(out, Exactly("reliability_confidence", at, int(total[b]), conf[b]/total[b]),
			Between("reliability_frequency", at, int(total[b]), iv.Value, max(0, iv.Lo), min(1, iv.Hi)))
	}
	return out
}

// minInBin is the fewest forecasts that a bin of the diagram is drawn from.
const minInBin = 20
