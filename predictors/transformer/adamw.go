package transformer

import "math"

const (
	beta1   = 0.9  // of the first moment
	adamEps = 1e-8 // beside the second moment's root
)

// adam is the optimizer's state: the moments of every parameter's gradient.
type adam struct {
	m, v []float32
	beta2,
	decay float64
}

// An update is the numbers of one step of AdamW (Loshchilov & Hutter 2019,
// Algorithm 2, with the bias corrections moved into rate and eps):
//
//	m = β1 m + (1−β1) g,  v = β2 v + (1−β2) g²
//	w = w − keep w − rate·m/(√v + eps),  keep = η λ
type update struct {
	scale float32 // of g, which clips it
	beta2 float32
	rate  float32 // η √(1−β2^t)/(1−β1^t)
	eps   float32 // ε √(1−β2^t)
	decay float32 // η λ
}

// at is the update of step t = 1, 2, … at learning rate eta, for a gradient
// to be scaled by scale.
func (a *adam) at(t int, eta, scale float64) update {
	root := math.Sqrt(1 - math.Pow(a.beta2, float64(t)))
	return update{
		scale: float32(scale),
		beta2: float32(a.beta2),
		rate:  float32(eta * root / (1 - math.Pow(beta1, float64(t)))),
		eps:   float32(adamEps * root),
		decay: float32(eta * a.decay),
	}
}

// apply takes one step on w with gradient g and moments m, v.
func (u update) apply(w, g, m, v []float32) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i := range w {
		d := g[i] * u.scale
		m[i] = beta1*m[i] + (1-beta1)*d
		v[i] = u.beta2*v[i] + (1-u.beta2)*d*d
		w[i] -= u.decay*w[i] + u.rate*m[i]/(float32(math.Sqrt(float64(v[i])))+u.eps)
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
