package results

import (
	"iter"
	"math"
	"math/rand/v2"
)

// Resamples yields stationary resamples of n neighbouring observations (Politis
// & Romano 1994), each the indices of those drawn: runs that start anywhere, of
// geometric length with the given mean, around the end to the beginning. The
// slice is used again by the next.
func Resamples(n int, length float64, o Bootstrap) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		rng := rand.New(rand.NewPCG(o.Seed, uint64(n)))
		stop := 1 / max(length, 1)
		at := make([]int, n)
		for range o.resamples() {
			for i := range at {
				if i == 0 || rng.Float64() < stop {
					at[i] = rng.IntN(n)
				} else {
					at[i] = (at[i-1] + 1) % n
				}
			}
			if !yield(at) {
				return
			}
		}
	}
}

// BootstrapOf is the percentile interval of a statistic that is no mean, of n
// neighbouring observations: statistic is called with the indices of those
// drawn. A resample on which it is not a number says nothing; where more than
// one in twenty say nothing there is no interval.
func BootstrapOf(value float64, n int, length float64, o Bootstrap, statistic func(at []int) float64) Interval {
	if n < MinBlocks || math.IsNaN(value) || math.IsInf(value, 0) {
		return unavailable(value)
	}
	var values []float64
	for at := range Resamples(n, length, o) {
		if v := statistic(at); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if 20*len(values) < 19*o.resamples() {
		return unavailable(value)
	}
	lo, hi := percentiles(values)
	return Interval{value, lo, hi, true}
}
