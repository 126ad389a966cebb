package metrics

import (
	"math"

	"horizon/results"
)

// What scores are made of: means and other statistics of what was measured at
// places or in texts, with their intervals.

// An average is a statistic with its interval and the number of terms.
type average struct {
	results.Interval
	n int
}

// as is the average as a score.
func (a average) as(metric string, at int) Ranged {
	return Between(metric, at, a.n, a.Value, a.Lo, a.Hi)
}

// mean is that of a series of neighbours, of which those up to lag apart have
// something in common, with its HAC interval.
func mean(v []float64, lag int) average {
	return average{results.HAC(v, ones(len(v)), lag), len(v)}
}

// meanOver is the mean of a number of each of independent things, with the
// interval of Student's t.
func meanOver[T any](of []T, value func(T) float64) average {
	each := make([]results.Interval, len(of))
	for i, x := range of {
		each[i] = results.Interval{Value: value(x), Lo: math.NaN(), Hi: math.NaN()}
	}
	return average{results.Replicates(each), len(of)}
}

// resampled is a statistic of n neighbouring observations, given the indices of
// those drawn, with its interval by the stationary bootstrap with runs of that
// mean length.
func resampled(n int, length float64, o results.Bootstrap, statistic func(at []int) float64) average {
	return average{results.BootstrapOf(statistic(all(n)), n, length, o, statistic), n}
}

// fewResamples are enough for the ends of a 95% interval to two digits.
const fewResamples = 1000

// runLength is the mean length of runs for a series of which those up to lag
// apart have something in common.
func runLength(series []float64, lag int) float64 {
	return max(results.BlockLength(series), 2*float64(lag))
}

// finished are the units that were done in time.
func finished(done [][]float64) (out [][]float64) {
	for _, u := range done {
		if u != nil {
			out = append(out, u)
		}
	}
	return out
}

// column is number j of each.
func column(rows [][]float64, j int) []float64 {
	v := make([]float64, len(rows))
	for i, r := range rows {
		v[i] = r[j]
	}
	return v
}

// all are the indices of n things.
func all(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return at
}

func ones(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

func minus(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}
