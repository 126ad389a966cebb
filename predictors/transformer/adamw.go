package transformer

import (
	"math"

	"horizon/predictors/transformer/blas"
)

const (
	beta1   = 0.9  // decay of AdamW's first moment
	adamEps = 1e-8 // beside the second moment's root
)

// adam is the optimizer's state: the moments of every parameter's gradient.
type adam struct{ m, v []float32 }

// rule is AdamW at step t = 1, 2, … (Loshchilov & Hutter 2019, Algorithm 2).
func (c *Config) rule(t int) blas.AdamW {
	return blas.AdamW{
		Rate:    float32(c.learningRate(t - 1)),
		Beta1:   beta1,
		Beta2:   float32(c.Beta2),
		Epsilon: adamEps,
		Decay:   float32(c.WeightDecay),
		Bias1:   float32(1 - math.Pow(beta1, float64(t))),
		Bias2:   float32(1 - math.Pow(c.Beta2, float64(t))),
	}
}

// learningRate is that of step t = 0, 1, …: a linear warm-up, then half a
// cosine down to the share MinLearningRate at the last step (Loshchilov &
// Hutter 2017, SGDR, eq. 5, without restarts).
func (c *Config) learningRate(t int) float64 {
	if t < c.Warmup {
		return c.LearningRate * float64(t+1) / float64(c.Warmup)
	}
	done := float64(t-c.Warmup) / math.Max(1, float64(c.Steps-1-c.Warmup))
	low := c.LearningRate * c.MinLearningRate
	return low + (c.LearningRate-low)*(1+math.Cos(math.Pi*done))/2
}
