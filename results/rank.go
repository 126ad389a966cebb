package results

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
)

// Rank agreement across horizons (claim D1; programme 2.8): do the predictors
// that are best at the next symbol stay so k steps ahead? Kendall's τ_b
// (Kendall 1945) between their mean losses at one horizon and at another says
// how much of the order is kept; its interval comes from resampling the
// predictors and, for each, the blocks of losses its means are made of. Fewer
// than about thirty predictors leave it uninformative, so each significant
// reversal is listed: two predictors of which one is better near and the other
// far, both by paired differences, at a level that Holm (1979) corrects for the
// number of pairs.

// KendallTau is τ_b of two columns, NaN where one of them is constant:
//
//	(concordant − discordant) / √((n₀ − ties in x)(n₀ − ties in y))
func KendallTau(x, y []float64) float64 {
	at := make([]int, len(x))
	for i := range at {
		at[i] = i
	}
	return tauOf(x, y, at)
}

// tauOf is τ_b of the pairs at those places. A place that is there twice is not
// compared with itself.
func tauOf(x, y []float64, at []int) float64 {
	var agree, untiedX, untiedY float64
	for i, a := range at {
		for _, b := range at[:i] {
			if a != b {
				s, t := sign(x[a]-x[b]), sign(y[a]-y[b])
				agree += s * t
				untiedX += s * s
				untiedY += t * t
			}
		}
	}
	return agree / math.Sqrt(untiedX*untiedY)
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// An Agreement compares the order of predictors at two horizons.
type Agreement struct {
	Near, Far []Interval // mean losses, in the order of the predictors
	Tau       Interval
	Pairs     int        // of predictors
	Reversals []Reversal // significant ones, the surest first
}

// A Reversal is two predictors, by their places, of which A is the better near
// and B far.
type Reversal struct {
	A, B      int
	Near, Far Interval // loss of A less that of B: negative near, positive far
	P         float64  // the greater of the two p-values, corrected for the number of pairs
}

// RankAgreement compares predictors whose block losses near and far are given
// in one order, each on the same blocks for all. near and far are their
// horizons.
func RankAgreement(near, far [][]BlockLoss, kNear, kFar int, o Bootstrap) (*Agreement, error) {
	if len(near) != len(far) || len(near) < 2 {
		return nil, fmt.Errorf("rank agreement: %d and %d predictors, want as many and at least 2", len(near), len(far))
	}
	n, err := newRanked(near, kNear)
	if err != nil {
		return nil, err
	}
	f, err := newRanked(far, kFar)
	if err != nil {
		return nil, err
	}
	a := &Agreement{Near: n.means, Far: f.means, Pairs: len(near) * (len(near) - 1) / 2}
	a.Tau = tauInterval(n, f, o)
	a.Reversals = reversals(n, f)
	return a, nil
}

// ranked are predictors at one horizon.
type ranked struct {
	blocks [][]BlockLoss
	bits   [][]float64
	n      []float64
	lag    int
	means  []Interval
	crit   float64 // critical value of the intervals
}

func newRanked(blocks [][]BlockLoss, k int) (*ranked, error) {
	r := &ranked{blocks: blocks, lag: MinLag(k, blocks[0])}
	for i, b := range blocks {
		if _, _, err := Paired(b, blocks[0], PerSymbol); err != nil {
			return nil, fmt.Errorf("rank agreement: predictor %d: %w", i, err)
		}
		bits, n := Losses(b, PerSymbol)
		r.bits, r.n = append(r.bits, bits), n
		iv, critical := hac(bits, n, r.lag)
		r.means, r.crit = append(r.means, iv), critical
	}
	return r, nil
}

// difference is the loss of predictor i less that of j, with its interval.
func (r *ranked) difference(i, j int) Interval {
	d := make([]float64, len(r.n))
	for t := range d {
		d[t] = r.bits[i][t] - r.bits[j][t]
	}
	return HAC(d, r.n, r.lag)
}

// length is of the runs of blocks that are kept together: as the first
// predictor's losses, and some difference of two, ask for.
func (r *ranked) length() float64 {
	return max(BlockLength(r.bits[0]), BlockLength(r.bits[len(r.bits)-1]), 2*float64(r.lag))
}

// mean is the loss of predictor i over the blocks at.
func (r *ranked) mean(i int, at []int) float64 {
	bits, n := 0.0, 0.0
	for _, t := range at {
		bits += r.bits[i][t]
		n += r.n[t]
	}
	return bits / n
}

// tauInterval is τ with the percentile interval over resamples of blocks and of
// predictors.
func tauInterval(near, far *ranked, o Bootstrap) Interval {
	values := func(r *ranked) (v []float64) {
		for _, m := range r.means {
			v = append(v, m.Value)
		}
		return v
	}
	tau := KendallTau(values(near), values(far))
	if len(near.n) < MinBlocks || len(far.n) < MinBlocks || math.IsNaN(tau) {
		return unavailable(tau)
	}
	p := len(near.bits)
	rng := rand.New(rand.NewPCG(o.Seed, 0x7461751)) // of predictors
	var samples []float64
	next, stop := iter.Pull(Resamples(len(far.n), far.length(), Bootstrap{Resamples: o.Resamples, Seed: o.Seed + 1}))
	defer stop()
	x, y := make([]float64, p), make([]float64, p)
	for at := range Resamples(len(near.n), near.length(), o) {
		there, _ := next()
		for i := range p {
			x[i], y[i] = near.mean(i, at), far.mean(i, there)
		}
		if v := resampledTau(x, y, rng); !math.IsNaN(v) {
			samples = append(samples, v)
		}
	}
	lo, hi := percentiles(samples)
	return Interval{tau, lo, hi, true}
}

// resampledTau is τ of as many predictors, drawn with replacement.
func resampledTau(x, y []float64, rng *rand.Rand) float64 {
	at := make([]int, len(x))
	for i := range at {
		at[i] = rng.IntN(len(x))
	}
	return tauOf(x, y, at)
}

// reversals are the pairs whose order is one near and the other far.
func reversals(near, far *ranked) []Reversal {
	var all []Reversal
	for i := range near.bits {
		for j := range near.bits {
			if near.means[i].Value >= near.means[j].Value {
				continue // i is the better near
			}
			r := Reversal{A: i, B: j, Near: near.difference(i, j), Far: far.difference(i, j), P: 1}
			if p := max(pValue(r.Near, near.crit), pValue(r.Far, far.crit)); r.Far.Value > 0 && !math.IsNaN(p) {
				r.P = p // both must be shown
			}
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b Reversal) int { return cmp.Compare(a.P, b.P) })
	worst := 0.0
	for i := range all { // Holm's step-down
		worst = max(worst, min(1, all[i].P*float64(len(all)-i)))
		if all[i].P = worst; worst > 1-Level {
			return all[:i]
		}
	}
	return all
}
