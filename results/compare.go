package results

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Comparisons of predictors on identical targets, from stored block losses.

// A Method is how a difference is tested.
type Method string

const (
	// ByHAC is the test of Diebold & Mariano (1995, J. Bus. Econ. Stat. 13:253)
	// with the long-run variance of HAC and its critical value, times the
	// correction for losses k steps ahead of Harvey, Leybourne & Newbold (1997,
	// Int. J. Forecasting 13:281, eq. 8), √((m + 1 − 2k + k(k−1)/m)/m), k being
	// the number of neighbouring blocks whose losses overlap, of m.
	ByHAC Method = "hac"
	// ByBootstrap is the stationary bootstrap of the paired differences; p is
	// the share of resamples farther from the difference than that is from 0.
	ByBootstrap Method = "bootstrap"
)

// A Comparison is the mean loss of A less that of B on the same blocks.
type Comparison struct {
	A, B       int      // places in the list compared
	Difference Interval // bits; negative where A is the better
	P          float64  // of no difference; NaN without an interval
	Holm       float64  // p corrected for the number of pairs (Holm 1979)
	Seeds      int      // of training that the difference is a mean over, at most
}

// Shown reports whether the two have been told apart, all pairs considered.
func (c Comparison) Shown() bool { return c.Holm <= 1-Level }

// A Contender is a predictor's block losses, from each of its training seeds.
type Contender [][]BlockLoss

// Compare compares every pair, at horizon k. With several seeds the difference
// is the mean of that of each, and its interval has the variation of training
// for its outer level (Replicates): seeds are paired in order, and what has one
// is compared with each of the other's.
func Compare(list []Contender, k int, m Method, o Bootstrap) ([]Comparison, error) {
	var out []Comparison
	for i := range list {
		for j := i + 1; j < len(list); j++ {
			c, err := compare(list[i], list[j], k, m, o)
			if err != nil {
				return nil, fmt.Errorf("%d and %d: %w", i, j, err)
			}
			c.A, c.B = i, j
			out = append(out, *c)
		}
	}
	holm(out)
	return out, nil
}

func compare(a, b Contender, k int, m Method, o Bootstrap) (*Comparison, error) {
	if len(a) == 0 || len(b) == 0 {
		return nil, errors.New("compare: no losses")
	}
	seeds := max(len(a), len(b))
	if min(len(a), len(b)) > 1 {
		seeds = min(len(a), len(b))
	}
	var each []Interval
	var ps []float64
	for s := range seeds {
		x, y := a[min(s, len(a)-1)], b[min(s, len(b)-1)]
		bits, n, err := Paired(x, y, PerSymbol)
		if err != nil {
			return nil, err
		}
		iv, p := difference(bits, n, MinLag(k, x), m, o)
		each, ps = append(each, iv), append(ps, p)
	}
	c := &Comparison{Difference: Replicates(each), P: ps[0], Seeds: seeds}
	if seeds > 1 {
		c.P = pValue(c.Difference, StudentT(float64(seeds-1)))
	}
	return c, nil
}

// difference is the mean of paired differences with its interval, and the
// p-value of no difference.
func difference(bits, n []float64, lag int, m Method, o Bootstrap) (Interval, float64) {
	if m == ByBootstrap {
		o.MinLength = 2 * float64(lag)
		iv := StationaryBootstrap(bits, n, o)
		return iv, bootstrapP(bits, n, iv, o)
	}
	iv, critical := hac(bits, n, lag)
	if iv.OK {
		blocks, k := float64(len(bits)), float64(lag+1)
		if c := (blocks + 1 - 2*k + k*(k-1)/blocks) / blocks; c > 0 && c < 1 {
			half := (iv.Hi - iv.Lo) / 2 / math.Sqrt(c)
			iv.Lo, iv.Hi = iv.Value-half, iv.Value+half
		}
	}
	return iv, pValue(iv, critical)
}

func bootstrapP(bits, n []float64, iv Interval, o Bootstrap) float64 {
	v, e, ok := residuals(bits, n)
	if !ok {
		return math.NaN()
	}
	r := newResampler(bits, n, max(BlockLength(e), o.MinLength), o.Seed)
	farther := 0
	for range o.resamples() {
		if math.Abs(r.ratio()-v) >= math.Abs(v) {
			farther++
		}
	}
	return float64(farther+1) / float64(o.resamples()+1)
}

// pValue is that of the hypothesis that the value is 0, of an interval of so
// many standard errors either way: 0.05 where it ends at 0. The statistic's tails
// are taken for those of the Student law that has this critical value, since a
// long-run variance is itself uncertain; a normal law's would make p-values far
// below 0.05, which corrections for many pairs need, too small.
func pValue(iv Interval, critical float64) float64 {
	if !iv.OK {
		return math.NaN()
	}
	half := (iv.Hi - iv.Lo) / 2
	if half == 0 {
		if iv.Value == 0 {
			return 1
		}
		return 0
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: degreesOf(critical)}
	return 2 * t.Survival(critical*math.Abs(iv.Value)/half)
}

// degreesOf is the degrees of freedom of the Student law whose quantile that is;
// so many as to be normal for the normal's or less.
func degreesOf(critical float64) float64 {
	lo, hi := 0.5, 1e6
	if critical <= StudentT(hi) {
		return hi
	}
	for hi/lo > 1.0001 { // the quantile falls with the degrees
		if mid := math.Sqrt(lo * hi); StudentT(mid) > critical {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// holm corrects p-values for their number (Holm 1979, Scand. J. Statistics
// 6:65): step-down, so that the chance of any false claim stays at the level.
func holm(list []Comparison) {
	order := make([]int, 0, len(list))
	for i := range list {
		if list[i].Holm = math.NaN(); !math.IsNaN(list[i].P) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(list[i].P, list[j].P) })
	worst := 0.0
	for rank, i := range order {
		worst = max(worst, min(1, list[i].P*float64(len(order)-rank)))
		list[i].Holm = worst
	}
}

// ConfidenceSet is the model confidence set at 95% (Hansen, Lunde & Nason 2011,
// Econometrica 79:453): predictors among which the best is with that
// probability. The one farthest above the mean of those left, by
//
//	T_max = max_i d̄_i / se(d̄_i),   d̄_i = mean loss of i less the mean over all left
//
// is taken out as long as T_max is beyond what the stationary bootstrap makes
// of predictors that are alike (its section 3.1.2 and 4.1). p[i] is the MCS
// p-value: i is in the set of confidence 1 − α if p[i] > α.
func ConfidenceSet(list []Contender, k int, o Bootstrap) (p []float64, err error) {
	var blocks [][]BlockLoss
	for i, c := range list {
		mean, err := MeanBlocks(c)
		if err != nil {
			return nil, err
		}
		if _, _, err := Paired(mean, list[0][0], PerSymbol); err != nil {
			return nil, fmt.Errorf("predictor %d: %w", i, err)
		}
		blocks = append(blocks, mean)
	}
	r, err := newRanked(blocks, k)
	if err != nil {
		return nil, err
	}
	p = make([]float64, len(list))
	if len(r.n) < MinBlocks {
		for i := range p {
			p[i] = math.NaN()
		}
		return p, nil
	}
	return r.eliminate(r.resampledMeans(o)), nil
}

// resampledMeans are the losses of all predictors, by resample.
func (r *ranked) resampledMeans(o Bootstrap) (means [][]float64) {
	for at := range Resamples(len(r.n), r.length(), o) {
		row := make([]float64, len(r.bits))
		for i := range row {
			row[i] = r.mean(i, at)
		}
		means = append(means, row)
	}
	return means
}

func (r *ranked) eliminate(samples [][]float64) []float64 {
	p := make([]float64, len(r.bits))
	left := make([]int, len(p))
	for i := range left {
		left[i] = i
	}
	value := make([]float64, len(p))
	for i, m := range r.means {
		value[i] = m.Value
	}
	sofar := 0.0
	for len(left) > 1 {
		worst, share := maxTest(left, value, samples)
		sofar = max(sofar, share)
		p[left[worst]] = sofar
		left = slices.Delete(left, worst, worst+1)
	}
	p[left[0]] = 1
	return p
}

// maxTest returns which of those left is farthest above their mean, and the
// share of resamples in which one of predictors that were alike is as far.
func maxTest(left []int, value []float64, samples [][]float64) (worst int, share float64) {
	relative := func(row []float64) []float64 {
		mean := 0.0
		for _, i := range left {
			mean += row[i] / float64(len(left))
		}
		d := make([]float64, len(left))
		for j, i := range left {
			d[j] = row[i] - mean
		}
		return d
	}
	d := relative(value)
	se := make([]float64, len(left))
	deviations := make([][]float64, len(samples))
	for b, row := range samples {
		deviations[b] = relative(row)
		for j := range d {
			deviations[b][j] -= d[j]
			se[j] += deviations[b][j] * deviations[b][j] / float64(len(samples))
		}
	}
	t := math.Inf(-1)
	for j := range d {
		if v := d[j] / math.Sqrt(se[j]); v > t || j == 0 {
			t, worst = v, j
		}
	}
	if math.IsNaN(t) { // no difference anywhere
		return worst, 1
	}
	beyond := 0
	for _, dev := range deviations {
		for j, v := range dev {
			if se[j] > 0 && v/math.Sqrt(se[j]) >= t {
				beyond++
				break
			}
		}
	}
	return worst, float64(beyond) / float64(len(samples))
}

// Groups numbers predictors, best first, by what has been told apart: the next
// begins a group if it is shown to differ from the first of the present one, all
// pairs considered. Two of one group may differ from each other.
func Groups(n int, list []Comparison) []int {
	shown := map[[2]int]bool{}
	for _, c := range list {
		shown[[2]int{min(c.A, c.B), max(c.A, c.B)}] = c.Shown()
	}
	group, first := make([]int, n), 0
	for i := range group {
		if group[i] = 1; i > 0 {
			group[i] = group[i-1]
			if shown[[2]int{first, i}] {
				group[i]++
				first = i
			}
		}
	}
	return group
}
