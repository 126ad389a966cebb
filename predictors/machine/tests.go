package machine

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// A pool is how often each future came to a state.
type pool struct {
	count   []float64
	n       float64
	support int // futures that came
}

func (p *pool) add(s *sample, sign float64) {
	for i, f := range s.future {
		before := p.count[f]
		p.count[f] += sign * s.count[i]
		p.n += sign * s.count[i]
		switch after := p.count[f]; {
		case before == 0 && after != 0:
			p.support++
		case before != 0 && after == 0:
			p.support--
		}
	}
}

// A test is the probability that two samples of one law differ as much.
type test func(s *sample, p *pool) float64

var tests = map[string]test{"chi-square": chiSquare, "kolmogorov-smirnov": kolmogorovSmirnov}

// chiSquare is Pearson's test that two samples, of n and m, have one law:
//
//	X² = Σ_f (√(m/n) r_f − √(n/m) c_f)² / (r_f + c_f)
//
// over the futures that came to either, has χ² with one degree of freedom less
// than there are such futures. Those that came only to the pool sum to
// (n/m) Σ c_f.
func chiSquare(s *sample, p *pool) float64 {
	if s.n == 0 || p.n == 0 {
		return 1
	}
	ratio := math.Sqrt(p.n / s.n)
	x2, rest, cells := 0.0, p.n, p.support
	for i, f := range s.future {
		r, c := s.count[i], p.count[f]
		d := ratio*r - c/ratio
		x2 += d * d / (r + c)
		rest -= c
		if c == 0 {
			cells++
		}
	}
	x2 += rest * s.n / p.n
	if cells < 2 {
		return 1
	}
	return distuv.ChiSquared{K: float64(cells - 1)}.Survival(x2)
}

// kolmogorovSmirnov is the two-sample test by the greatest distance D of the
// distribution functions, with futures in the order of their symbols:
//
//	p ≈ 2 Σ_j (−1)^{j−1} exp(−2 j² λ²),  λ = (√m + 0.12 + 0.11/√m) D,  m = n₁n₂/(n₁ + n₂)
//
// (Stephens 1970). For laws on few values it is conservative.
func kolmogorovSmirnov(s *sample, p *pool) float64 {
	if s.n == 0 || p.n == 0 {
		return 1
	}
	most, f1, f2, i := 0.0, 0.0, 0.0, 0
	for f, c := range p.count {
		if i < len(s.future) && int(s.future[i]) == f {
			f1 += s.count[i] / s.n
			i++
		}
		f2 += c / p.n
		most = max(most, math.Abs(f1-f2))
	}
	m := math.Sqrt(s.n * p.n / (s.n + p.n))
	lambda := (m + 0.12 + 0.11/m) * most
	if lambda < 0.2 {
		return 1 // within 1e-12, and the series converges slowly
	}
	sum, sign := 0.0, 2.0
	for j := 1.0; j <= 100; j++ {
		sum += sign * math.Exp(-2*j*j*lambda*lambda)
		sign = -sign
	}
	return min(1, max(0, sum))
}
