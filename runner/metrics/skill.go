package metrics

import (
	"math"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/results"
)

// A Ranger has scores with intervals of their own, beside its Rows.
type Ranger interface{ Ranged() []Ranged }

// Skill is what looking at the context is worth k steps ahead (programme 2.2):
//
//	S_k = 1 − L_k / U_k
//
// with U_k the loss of the training part's symbol frequencies on the same
// symbols, (n_x + ½)/(n + A/2). The half-life is the least k at which the
// information U_k − L_k has fallen to half of that at k = 1, on the straight
// line between the horizons measured; infinite if it has not by the last.
type Skill struct {
	ks    []int
	bits  []float64   // −log₂ of the frequency of each symbol
	l, u  [][]float64 // by horizon, then point
	apart float64     // symbols between points
	boot  results.Bootstrap
}

// NewSkill takes the frequencies of c's training part.
func NewSkill(c *corpora.Corpus, o Protocol) *Skill {
	a := c.Alphabet.Size()
	s := &Skill{ks: o.Horizons, bits: make([]float64, a), l: make([][]float64, len(o.Horizons)), u: make([][]float64, len(o.Horizons)),
		apart: spacing(c, o), boot: results.Bootstrap{Resamples: fewResamples, Seed: o.Seed}}
	n := 0
	for _, d := range c.Train.Docs {
		for _, x := range d {
			s.bits[x]++
		}
		n += len(d)
	}
	for x, count := range s.bits {
		s.bits[x] = loss((count + 0.5) / (float64(n) + float64(a)/2))
	}
	return s
}

// spacing is how many symbols lie between two evaluation points in the mean.
func spacing(c *corpora.Corpus, o Protocol) float64 {
	return max(1, float64(c.Test.Symbols)/float64(max(1, o.Points)))
}

// overlap is how many points apart losses k steps ahead still share symbols.
func overlap(k int, apart float64) int { return int(math.Ceil(float64(k-1) / apart)) }

// Whole implements Rider.
func (s *Skill) Whole() bool { return false }

// Forecast implements Rider.
func (s *Skill) Forecast(pt Point, _ *predictors.Forecast, losses []float64) {
	for i, k := range s.ks {
		s.l[i] = append(s.l[i], losses[i])
		s.u[i] = append(s.u[i], s.bits[pt.Future[k-1]])
	}
}

// Ranged implements Ranger.
func (s *Skill) Ranged() (out []Ranged) {
	if len(s.ks) == 0 || len(s.l[0]) == 0 {
		return nil
	}
	n := len(s.l[0])
	for i, k := range s.ks {
		r := results.HAC(s.l[i], s.u[i], overlap(k, s.apart)) // of ΣL/ΣU
		out = append(out, Between("skill", k, n, 1-r.Value, 1-r.Hi, 1-r.Lo))
	}
	if s.ks[0] != 1 || len(s.ks) == 1 {
		return out
	}
	length := runLength(s.l[0], overlap(s.ks[len(s.ks)-1], s.apart))
	if half := resampled(n, length, s.boot, s.halfLife); !math.IsNaN(half.Value) {
		out = append(out, half.as("half_life", 1))
	}
	return out
}

// halfLife is that of the points at; NaN if nothing is known even at k = 1.
func (s *Skill) halfLife(at []int) float64 {
	before, first := 0.0, 0.0
	for i, k := range s.ks {
		info := 0.0
		for _, j := range at {
			info += s.u[i][j] - s.l[i][j]
		}
		switch {
		case i == 0 && info <= 0:
			return math.NaN()
		case i == 0:
			first = info
		case info <= first/2:
			last := float64(s.ks[i-1])
			return last + (float64(k)-last)*(before-first/2)/(before-info)
		}
		before = info
	}
	return math.Inf(1)
}
