package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"horizon/predictors"
	"horizon/results"
)

// Forgetting of the prompt (claim C7; Zekri et al. 2024, Large language models as
// Markov chains): with q_k the k-step marginal after one context and q'_k after
// another, both from the test part,
//
//	TV(k) = ½ Σ_y |q_k(y) − q'_k(y)|
//
// in the mean over pairs of contexts. An ergodic chain forgets: TV(k) falls as
// λᵏ, with λ its second eigenvalue. λ is fitted by least squares to log TV(k)
// over the k at which TV is above its noise. Where marginals are averages over
// rollouts TV is too high; how much is seen from the two halves of the rollouts
// of one context, whose distance, halved, stands for the noise of the whole (each
// half has twice the variance, and there are two of them), and its square is
// taken off the square of TV.
type forgettingConfig struct {
	StudyOptions
	Pairs    int   `toml:"pairs"`    // of contexts, ≥ 30
	Context  int   `toml:"context"`  // symbols of each, ≥ 1
	Horizons []int `toml:"horizons"` // k, ascending, ≥ 1
	Rollouts int   `toml:"rollouts"` // where marginals are not exact, even, ≥ 2
}

var forgettingKind = StudyKind{
	Name: "prompt-forgetting", Version: 1,
	Default: func() StudyConfig {
		return &forgettingConfig{Pairs: 60, Context: 256, Horizons: []int{1, 2, 4, 8, 16, 32, 64}, Rollouts: 64}
	},
	Scores: []Info{
		{"prompt_tv", "probability", "", "total variation distance of what is foreseen k steps after two different contexts, in the mean over pairs", false},
		{"prompt_tv_noise", "probability", "", "what sampling alone would show of it", false},
		{"forgetting_rate", "per symbol", "", "λ of TV(k) ~ λ^k, fitted where TV is above its noise; 1 forgets nothing", false},
	},
	Cost:    "pairs times two contexts, each with the forecasts of all horizons",
	Needs:   "test documents longer than the context",
	Doc:     "how fast what is foreseen loses the prompt (Zekri et al. 2024)",
	Pitfall: "a plateau above 0 may be the noise of few rollouts; and one rate fits a decay of several only at the end",
}

func (c *forgettingConfig) Validate() error {
	switch {
	case c.Pairs < results.MinBlocks:
		return fmt.Errorf("pairs = %d, want >= %d", c.Pairs, results.MinBlocks)
	case c.Context < 1:
		return fmt.Errorf("context = %d, want >= 1", c.Context)
	case !predictors.ValidHorizons(c.Horizons):
		return fmt.Errorf("horizons = %v, want ascending numbers >= 1", c.Horizons)
	case c.Rollouts < 2 || c.Rollouts%2 != 0:
		return fmt.Errorf("rollouts = %d, want an even number >= 2", c.Rollouts)
	}
	return c.StudyOptions.Validate()
}

type forgetting struct {
	c        *forgettingConfig
	s        *Subject
	contexts []text
}

func (c *forgettingConfig) New(s *Subject) (Study, error) {
	contexts := pieces(s.Corpus.Test.Docs, 2*c.Pairs, c.Context)
	if len(contexts) < 2*results.MinBlocks {
		return nil, Inapplicable{fmt.Sprintf("prompt-forgetting: the test part has %d contexts of %d symbols, want %d", len(contexts), c.Context, 2*results.MinBlocks)}
	}
	return &forgetting{c, s, contexts}, nil
}

func (f *forgetting) Units() int { return len(f.contexts) / 2 }

// Unit is TV(k) of a pair of contexts far apart, then its noise, by horizon.
func (f *forgetting) Unit(ctx context.Context, i int) ([]float64, error) {
	k := len(f.c.Horizons)
	out := make([]float64, 2*k)
	var laws [2]*predictors.Forecast
	for side := range 2 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := f.s.Fork()
		for _, x := range f.contexts[i+side*f.Units()] {
			p.Observe(x)
		}
		// Different random numbers, since the noise is to be that of two.
		laws[side] = predictors.NewForecaster(f.s.A, predictors.AheadOptions{Horizons: f.c.Horizons, Rollouts: f.c.Rollouts, Seed: f.s.Seed + 1}).
			At(p, 2*i+side)
	}
	for j := range k {
		out[j] = variation(laws[0].P[j], laws[1].P[j])
		for _, l := range laws {
			out[k+j] += variation(l.Half[0][j], l.Half[1][j]) / 2 / math.Sqrt2
		}
	}
	return out, nil
}

// variation is the total variation distance.
func variation(p, q []float64) (d float64) {
	for x, v := range p {
		d += math.Abs(v-q[x]) / 2
	}
	return d
}

func (f *forgetting) Report(done [][]float64) (out []Ranged, err error) {
	pairs := finished(done)
	if len(pairs) < results.MinBlocks {
		return nil, errors.New("prompt-forgetting: too few pairs in the time there was")
	}
	boot := results.Bootstrap{Resamples: fewResamples, Seed: f.s.Seed}
	for j, k := range f.c.Horizons {
		tv := func(at []int) float64 { v, _ := f.tv(pairs, at, j); return v }
		_, noise := f.tv(pairs, all(len(pairs)), j)
		out = append(out, resampled(len(pairs), 1, boot, tv).as("prompt_tv", k), Exactly("prompt_tv_noise", k, len(pairs), noise))
	}
	rate := resampled(len(pairs), 1, boot, func(at []int) float64 { return f.rate(pairs, at) })
	if !math.IsNaN(rate.Value) {
		out = append(out, rate.as("forgetting_rate", 1))
	}
	return out, nil
}

// tv is the mean distance at horizon j, its noise taken off.
func (f *forgetting) tv(pairs [][]float64, at []int, j int) (v, noise float64) {
	for _, i := range at {
		v += pairs[i][j] / float64(len(at))
		noise += pairs[i][len(f.c.Horizons)+j] / float64(len(at))
	}
	return math.Sqrt(max(0, v*v-noise*noise)), noise
}

// leastVariation is the distance that is rounding and no memory.
const leastVariation = 1e-9

// rate is λ; NaN if TV is above its noise at fewer than two horizons.
func (f *forgetting) rate(pairs [][]float64, at []int) float64 {
	var x, y []float64
	for j, k := range f.c.Horizons {
		v, noise := f.tv(pairs, at, j)
		if v < max(2*noise, leastVariation) {
			break
		}
		x, y = append(x, float64(k)), append(y, math.Log(v))
	}
	if len(x) < 2 {
		return math.NaN()
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return math.Exp(slope)
}
