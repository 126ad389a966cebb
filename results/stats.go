package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Intervals for a mean loss R = Σ bᵢ / Σ nᵢ from the losses bᵢ of m blocks of
// nᵢ neighbouring symbols (or bytes). Neighbouring blocks are dependent, and
// the last may be shorter, so R is a ratio of means of a stationary pair of
// series. By the delta method it behaves as the mean of
//
//	eᵢ = (bᵢ − R nᵢ) / n̄,   n̄ = Σ nᵢ / m.
//
// HAC: the variance of the mean of e is V/m with the long-run variance
// (Newey & West 1987, Econometrica 55:703, eq. 5)
//
//	V = γ₀ + 2 Σ_{l=1..L} (1 − l/(L+1)) γ_l,   γ_l = (1/m) Σ eᵢ eᵢ₊ₗ.
//
// The lag L is at least that of programme.md, max(k−1, 4(m/100)^{2/9}), and at
// least 1.3 √m, with the critical value made for it (Lazarus, Lewis, Stock &
// Watson 2018, J. Bus. Econ. Stat. 36:541, eq. 3): the shorter lag with a
// normal quantile covers 93% at best where neighbouring blocks correlate by
// 0.3. Time O(mL), space O(m).
//
// Bootstrap: runs of blocks starting anywhere, of geometric length, around the
// end to the beginning (Politis & Romano 1994, JASA 89:1303), of the mean
// length chosen by Politis & White (2004, Econometric Reviews 23:53) as
// corrected by Patton, Politis & White (2009, ibid. 28:372). Time O(m/length)
// per resample, space O(m + resamples). It serves statistics that are not
// means; of a mean it covers less than HAC (the tests say how much).

// MinBlocks is the fewest blocks an interval is computed from: below it, no
// interval is better than a wrong one.
const MinBlocks = 30

// Level is the confidence level of all intervals.
const Level = 0.95

// Perplexity is 2^bits for a mean loss in bits; its unit is that of the loss:
// per symbol, or per byte.
func Perplexity(bits float64) float64 { return math.Exp2(bits) }

// An Interval is an estimate with the ends of its 95% confidence interval,
// which are NaN unless OK.
type Interval struct {
	Value, Lo, Hi float64
	OK            bool
}

// Per says what a loss is divided by.
type Per int

const (
	PerSymbol Per = iota // N: symbols, or evaluation points
	PerByte
)

// Losses lays out blocks for HAC and StationaryBootstrap: bits, and symbols or
// bytes.
func Losses(blocks []BlockLoss, per Per) (bits, n []float64) {
	bits, n = make([]float64, len(blocks)), make([]float64, len(blocks))
	for i, b := range blocks {
		bits[i], n[i] = b.Bits, float64(b.N)
		if per == PerByte {
			n[i] = float64(b.Bytes)
		}
	}
	return bits, n
}

// Paired is Losses of the difference a − b of two predictors, block by block,
// which removes the difficulty they share. The blocks must be the same.
func Paired(a, b []BlockLoss, per Per) (bits, n []float64, err error) {
	if len(a) != len(b) {
		return nil, nil, fmt.Errorf("paired: blocks = %d and %d, want as many", len(a), len(b))
	}
	bits, n = Losses(a, per)
	for i, x := range a {
		y := b[i]
		if x.First != y.First || x.N != y.N || x.Bytes != y.Bytes || x.Horizon != y.Horizon || x.Metric != y.Metric {
			return nil, nil, fmt.Errorf("paired: block %d = %s at horizon %d, symbols %d+%d, and %s at horizon %d, symbols %d+%d, want the same",
				i, x.Metric, x.Horizon, x.First, x.N, y.Metric, y.Horizon, y.First, y.N)
		}
		bits[i] -= y.Bits
	}
	return bits, n, nil
}

// MeanBlocks are the block losses of a predictor trained from several seeds:
// the mean of each block's. The blocks must be the same.
func MeanBlocks(of [][]BlockLoss) ([]BlockLoss, error) {
	mean := slices.Clone(of[0])
	for i, blocks := range of[1:] {
		if _, _, err := Paired(blocks, of[0], PerSymbol); err != nil {
			return nil, fmt.Errorf("replicate %d: %w", i+1, err)
		}
		for j, b := range blocks {
			mean[j].Bits += b.Bits
		}
	}
	for j := range mean {
		mean[j].Bits /= float64(len(of))
	}
	return mean, nil
}

// MinLag is how many blocks apart losses k steps ahead still overlap: what HAC
// must not take for independent.
func MinLag(k int, blocks []BlockLoss) int {
	m := len(blocks)
	if k <= 1 || m < 2 {
		return 0
	}
	apart := float64(blocks[m-1].First-blocks[0].First) / float64(m-1) // symbols
	return int(min(math.Ceil(float64(k-1)/max(apart, 1)), float64(m-1)))
}

// HAC is the interval of Σ bits / Σ n. minLag is the least lag in blocks:
// ⌈(k−1)/(symbols a block)⌉ for losses k steps ahead, whose terms overlap; 0
// for the next symbol.
func HAC(bits, n []float64, minLag int) Interval {
	iv, _ := hac(bits, n, minLag)
	return iv
}

// hac also returns the critical value, half the interval over the standard
// error.
func hac(bits, n []float64, minLag int) (iv Interval, critical float64) {
	v, e, ok := residuals(bits, n)
	if !ok {
		return unavailable(v), math.NaN()
	}
	m := float64(len(e))
	lag := float64(minLag)
	lag = max(lag, math.Ceil(4*math.Pow(m/100, 2.0/9)), math.Ceil(1.3*math.Sqrt(m)))
	lag = min(lag, m-1)
	se := math.Sqrt(longRunVariance(e, int(lag)) / m)
	critical = fixedB((lag + 1) / m)
	return Interval{v, v - critical*se, v + critical*se, true}, critical
}

func unavailable(v float64) Interval { return Interval{v, math.NaN(), math.NaN(), false} }

// residuals are R and the eᵢ above; ok is false where there is no interval:
// too few blocks, or infinite losses.
func residuals(bits, n []float64) (r float64, e []float64, ok bool) {
	sb, sn := 0.0, 0.0
	for i, b := range bits {
		sb += b
		sn += n[i]
	}
	r = sb / sn
	if len(bits) < MinBlocks || math.IsNaN(r) || math.IsInf(r, 0) {
		return r, nil, false
	}
	e = make([]float64, len(bits))
	for i, b := range bits {
		e[i] = (b - r*n[i]) * float64(len(bits)) / sn
	}
	return r, e, true
}

// longRunVariance is Newey and West's V of a series of mean zero.
func longRunVariance(e []float64, lag int) float64 {
	v := autocovariance(e, 0)
	for l := 1; l <= lag; l++ {
		v += 2 * (1 - float64(l)/float64(lag+1)) * autocovariance(e, l)
	}
	return max(v, 0) // ≥ 0 by the weights, but for rounding
}

func autocovariance(e []float64, lag int) float64 {
	sum := 0.0
	for i, x := range e[lag:] {
		sum += x * e[i]
	}
	return sum / float64(len(e))
}

// fixedB is the 97.5% point of mean/√(V/m) when the lag is the share b of the
// length, however long the series: V then does not converge, and its own
// noise fattens the tails (Kiefer & Vogelsang 2005, Econometric Theory
// 21:1130, table 1, Bartlett kernel).
func fixedB(b float64) float64 {
	return 1.9600 + b*(2.9694+b*(0.4160-b*0.5324))
}

// Bootstrap says how to resample.
type Bootstrap struct {
	Resamples int     // 0 means 10,000
	Seed      uint64  // equal seeds give equal intervals
	Length    float64 // mean length of a run, in blocks; 0 means BlockLength
	MinLength float64 // the least Length chosen: twice the horizon, in blocks
}

// StationaryBootstrap is the percentile interval of Σ bits / Σ n.
func StationaryBootstrap(bits, n []float64, o Bootstrap) Interval {
	v, e, ok := residuals(bits, n)
	if !ok {
		return unavailable(v)
	}
	length := o.Length
	if length == 0 {
		length = max(BlockLength(e), o.MinLength)
	}
	r := newResampler(bits, n, length, o.Seed)
	means := make([]float64, o.resamples())
	for i := range means {
		means[i] = r.ratio()
	}
	lo, hi := percentiles(means)
	return Interval{v, lo, hi, true}
}

func (o Bootstrap) resamples() int {
	if o.Resamples == 0 {
		return 10_000
	}
	return o.Resamples
}

// percentiles are the ends of the middle 95% of values, which it sorts.
func percentiles(values []float64) (lo, hi float64) {
	slices.Sort(values)
	tail := (1 - Level) / 2
	return stat.Quantile(tail, stat.Empirical, values, nil), stat.Quantile(1-tail, stat.Empirical, values, nil)
}

// resampler draws stationary resamples of a pair of series. A run of blocks is
// a difference of two sums over the series laid out twice, so that its length
// costs nothing.
type resampler struct {
	m        int
	sb, sn   []float64 // sums of the first i of 2m terms
	rng      *rand.Rand
	stopping float64 // −log of the probability that a run goes on
}

func newResampler(bits, n []float64, length float64, seed uint64) *resampler {
	r := &resampler{m: len(bits), sb: []float64{0}, sn: []float64{0}}
	for i := range 2 * r.m {
		r.sb = append(r.sb, r.sb[i]+bits[i%r.m])
		r.sn = append(r.sn, r.sn[i]+n[i%r.m])
	}
	r.rng = rand.New(rand.NewPCG(seed, uint64(r.m)))
	r.stopping = -math.Log(1 - 1/max(length, 1)) // +∞ for length 1
	return r
}

func (r *resampler) ratio() float64 {
	b, n := 0.0, 0.0
	for left := r.m; left > 0; {
		i := r.rng.IntN(r.m)
		run := min(r.run(), left)
		b += r.sb[i+run] - r.sb[i]
		n += r.sn[i+run] - r.sn[i]
		left -= run
	}
	return b / n
}

// run is a geometric length ≥ 1, at most m: one and the whole part of an
// exponential variable.
func (r *resampler) run() int {
	return 1 + int(min(r.rng.ExpFloat64()/r.stopping, float64(r.m-1)))
}

// BlockLength is the mean run length that minimises the mean squared error of
// the stationary bootstrap's variance of the mean of e:
//
//	b = (2 Ĝ² / D)^{1/3} m^{1/3},   D = 2 ĝ(0)²,
//	Ĝ = Σ_{|k|≤M} λ(k/M) |k| γ_k,   ĝ(0) = Σ_{|k|≤M} λ(k/M) γ_k,
//
// with the flat-top window λ (Politis & White 2004, sec. 3.2; D from the
// correction of 2009, eq. 2). M is twice the lag beyond which the
// autocorrelations are insignificant. At most 3√m and m/3.
func BlockLength(series []float64) float64 {
	e, m := centred(series), float64(len(series))
	window := flatTopLag(e)
	g, g0 := 0.0, autocovariance(e, 0)
	for k := 1; k <= window; k++ {
		c := 2 * flatTop(float64(k)/float64(window)) * autocovariance(e, k)
		g += float64(k) * c
		g0 += c
	}
	if g == 0 || g0 == 0 { // a constant series, or nothing to keep together
		return 1
	}
	b := math.Cbrt(g * g / (g0 * g0) * m)
	return min(max(b, 1), math.Ceil(min(3*math.Sqrt(m), m/3)))
}

func centred(series []float64) []float64 {
	mean := stat.Mean(series, nil)
	e := make([]float64, len(series))
	for i, x := range series {
		e[i] = x - mean
	}
	return e
}

// flatTop is λ: 1 up to 1/2, then straight down to 0 at 1.
func flatTop(t float64) float64 { return min(1, 2*(1-t)) }

// flatTopLag is M = 2 m̂, where m̂ ≥ 1 is the first of K lags in a row whose
// autocorrelations are below 2 √(log₁₀ m / m), K = max(5, log₁₀ m) (Politis &
// White 2004, sec. 3.2 and footnote c), and at most √m + K. The paper says the
// last lag before them; the programs that circulate say the first of them, and
// so do we, for the sake of comparison.
func flatTopLag(e []float64) int {
	m := float64(len(e))
	k := max(5, int(math.Log10(m)))
	most := min(int(math.Ceil(math.Sqrt(m)))+k, len(e)-1)
	bound := 2 * math.Sqrt(math.Log10(m)/m) * autocovariance(e, 0)
	quiet := 0
	for lag := 1; lag <= most; lag++ {
		quiet++
		if math.Abs(autocovariance(e, lag)) >= bound {
			quiet = 0
		}
		if quiet == k {
			return min(2*(lag-k+1), most)
		}
	}
	return most
}

// StudentT is how many standard errors a 95% interval reaches to either side, of
// a mean whose variance was estimated with so many degrees of freedom.
func StudentT(degrees float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: degrees}.Quantile((1 + Level) / 2)
}

// Replicates joins the intervals of one predictor trained from several seeds
// and tested on the same symbols. The sampling error of the test part is
// common to all and does not shrink with their number; that of training does:
//
//	half² = mean(halfᵢ)² + t²_{r−1} s² / r.
//
// Where a replicate has no interval there is none, unless training is all
// that varies (every half-width unavailable), when r ≥ 2 gives the second
// term alone.
func Replicates(of []Interval) Interval {
	values, half, have := make([]float64, len(of)), 0.0, 0
	for i, x := range of {
		values[i] = x.Value
		if x.OK {
			half += (x.Hi - x.Lo) / 2
			have++
		}
	}
	r := len(of)
	if r == 1 {
		return of[0]
	}
	mean, sd := stat.MeanStdDev(values, nil)
	if r == 0 || have != 0 && have != r || math.IsNaN(sd) || math.IsInf(mean, 0) {
		return unavailable(mean)
	}
	h := math.Hypot(half/float64(r), StudentT(float64(r-1))*sd/math.Sqrt(float64(r)))
	return Interval{mean, mean - h, mean + h, true}
}
