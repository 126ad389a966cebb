package blas

import "math"

// Exp sets dst[i] = exp(src[i]), within 2e-7 of it where the result is a normal
// number; it is 0 below -104 and +Inf above 88.73. dst may be src.
func Exp(dst, src []float32) { ExpShifted(dst, src, 0) }

// ExpShifted sets dst[i] = exp(src[i] - shift): with the largest src as shift,
// the numerators of a softmax. dst may be src.
func ExpShifted(dst, src []float32, shift float32) {
	sameLength("Exp", "dst", len(dst), len(src))
	if len(src) == 0 {
		return
	}
	if active != generic {
		vectorExp(len(src), &dst[0], &src[0], shift)
		return
	}
	for i, x := range src {
		dst[i] = float32(math.Exp(float64(x - shift)))
	}
}

// GELU by its tanh form (Hendrycks & Gimpel 2016, section 2; GPT-2's):
//
//	gelu(x) = x/2 · (1 + tanh u),  u = √(2/π) (x + 0.044715 x³)
//
// (1 + tanh u)/2 is 1/(1 + exp(-2u)), which loses nothing where tanh u nears -1.
const (
	geluScale = 0.79788456080286535588 // √(2/π)
	geluCubic = 0.044715
)

// Gelu sets dst[i] = gelu(x[i]) for finite x. dst may be x.
func Gelu(dst, x []float32) {
	sameLength("Gelu", "dst", len(dst), len(x))
	if len(x) == 0 {
		return
	}
	if active != generic {
		vectorGelu(len(x), &dst[0], &x[0])
		return
	}
	for i, x := range x {
		x := float64(x)
		dst[i] = float32(x * geluGate(x))
	}
}

// geluGate is (1 + tanh u)/2.
func geluGate(x float64) float64 {
	return 1 / (1 + math.Exp(-2*geluScale*(x+geluCubic*x*x*x)))
}

// GeluGrad sets dx[i] = dy[i] gelu'(x[i]) for finite x. dx may be dy or x.
func GeluGrad(dx, dy, x []float32) {
	sameLength("GeluGrad", "dx", len(dx), len(x))
	sameLength("GeluGrad", "dy", len(dy), len(x))
	if len(x) == 0 {
		return
	}
	if active != generic {
		vectorGeluGrad(len(x), &dx[0], &dy[0], &x[0])
		return
	}
	for i, x := range x {
		x := float64(x)
		s := geluGate(x)
		slope := 2 * geluScale * (1 + 3*geluCubic*x*x)
		dx[i] = float32(float64(dy[i]) * (s + x*slope*s*(1-s)))
	}
}

// Axpy adds alpha x to y.
func Axpy(y []float32, alpha float32, x []float32) {
	sameLength("Axpy", "x", len(x), len(y))
	if len(y) == 0 {
		return
	}
	if active != generic {
		vectorAxpy(len(y), &y[0], &x[0], alpha)
		return
	}
	addScaled(y, alpha, x)
}

// Scale multiplies x by alpha.
func Scale(x []float32, alpha float32) {
	if len(x) == 0 {
		return
	}
	if active != generic {
		vectorScale(len(x), &x[0], alpha)
		return
	}
	for i := range x {
		x[i] *= alpha
	}
}

// Shift sets dst[i] = x[i] + alpha. dst may be x.
func Shift(dst, x []float32, alpha float32) {
	sameLength("Shift", "x", len(x), len(dst))
	if len(x) == 0 {
		return
	}
	if active != generic {
		vectorShift(len(x), &dst[0], &x[0], alpha)
		return
	}
	for i, v := range x {
		dst[i] = v + alpha
	}
}

// Mul sets dst[i] = x[i] y[i]. dst may be x or y.
func Mul(dst, x, y []float32) {
	sameLength("Mul", "x", len(x), len(dst))
	sameLength("Mul", "y", len(y), len(dst))
	if len(x) == 0 {
		return
	}
	if active != generic {
		vectorMul(len(x), &dst[0], &x[0], &y[0])
		return
	}
	for i, v := range x {
		dst[i] = v * y[i]
	}
}

// MulAdd sets dst[i] = x[i] y[i] + z[i]. dst may be any of them.
func MulAdd(dst, x, y, z []float32) {
	sameLength("MulAdd", "x", len(x), len(dst))
	sameLength("MulAdd", "y", len(y), len(dst))
	sameLength("MulAdd", "z", len(z), len(dst))
	if len(x) == 0 {
		return
	}
	if active != generic {
		vectorMulAdd(len(x), &dst[0], &x[0], &y[0], &z[0])
		return
	}
	for i, v := range x {
		dst[i] = float32(v*y[i]) + z[i]
	}
}

// reductionLanes is how many partial sums Sum and Dot keep: element i goes to
// sum i mod 64, and the sums are then added by halves, i to i+32, i to i+16 and
// so on. Every kernel does the same.
const reductionLanes = 64

// fold adds partial sums by halves.
func fold(s *[reductionLanes]float32) float32 {
	for half := reductionLanes / 2; half > 0; half /= 2 {
		for i := range half {
			s[i] += s[i+half]
		}
	}
	return s[0]
}

// Sum returns the sum of x, 0 if empty. Its bits are the same for all kernels.
func Sum(x []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	if active != generic {
		return vectorSum(len(x), &x[0])
	}
	var s [reductionLanes]float32
	for i, v := range x {
		s[i%reductionLanes] += v
	}
	return fold(&s)
}

// Dot returns the inner product of x and y, 0 if empty.
func Dot(x, y []float32) float32 {
	sameLength("Dot", "y", len(y), len(x))
	if len(x) == 0 {
		return 0
	}
	if active != generic {
		return vectorDot(len(x), &x[0], &y[0])
	}
	var s [reductionLanes]float32
	for i, v := range x {
		s[i%reductionLanes] += float32(v * y[i])
	}
	return fold(&s)
}

// Max returns the largest of x, none of them a NaN; -Inf if empty.
func Max(x []float32) float32 {
	if active != generic && len(x) > 0 {
		return vectorMax(len(x), &x[0])
	}
	largest := float32(math.Inf(-1))
	for _, v := range x {
		largest = max(largest, v)
	}
	return largest
}

// Softmax replaces x by exp(scale·x_i)/Σ exp(scale·x_j), exponentials shifted by
// the largest. It gives the bits of Scale, Max, ExpShifted, Sum and Scale.
func Softmax(x []float32, scale float32) {
	if len(x) == 0 {
		return
	}
	if active != generic {
		vectorSoftmax(len(x), &x[0], scale)
		return
	}
	Scale(x, scale)
	ExpShifted(x, x, Max(x))
	Scale(x, 1/Sum(x))
}

// SoftmaxGrad replaces dp, the gradient of p = Softmax(x, scale), by that of x:
// scale p_i (dp_i - Σ p_j dp_j).
func SoftmaxGrad(dp, p []float32, scale float32) {
	sameLength("SoftmaxGrad", "p", len(p), len(dp))
	if len(dp) == 0 {
		return
	}
	mean := Dot(dp, p)
	if active != generic {
		vectorSoftmaxGrad(len(dp), &dp[0], &p[0], mean, scale)
		return
	}
	for i, w := range p {
		dp[i] = float32(w*(dp[i]-mean)) * scale
	}
}

// AdamW is one step of Adam with decoupled weight decay (Loshchilov & Hutter
// 2019, algorithm 2, with the schedule's factor inside Rate, as in GPT-2's
// training: the decay is scaled by the rate too).
type AdamW struct {
	Rate         float32 // η
	Beta1, Beta2 float32 // decay of the two moments
	Epsilon      float32
	Decay        float32 // λ
	Bias1, Bias2 float32 // 1 - β₁ᵗ and 1 - β₂ᵗ at step t = 1, 2, …
	Clip         float32 // multiplies the gradient first; 0 stands for 1
}

// adamScalars is what a step reads, in the order the assembly reads it.
type adamScalars struct {
	clip, beta1, rest1, beta2, rest2, correct1, correct2, epsilon, decay, rate float32
}

// Step moves the parameters p against their gradient g, with first and second
// moments m and v, for each element:
//
//	m ← β₁m + (1-β₁)g
//	v ← β₂v + (1-β₂)g²
//	p ← p - η (m/Bias1 / (√(v/Bias2) + ε) + λp)
//
// It is elementwise: any cut of the parameters into slices gives the same bits.
func (o AdamW) Step(p, g, m, v []float32) {
	sameLength("AdamW", "g", len(g), len(p))
	sameLength("AdamW", "m", len(m), len(p))
	sameLength("AdamW", "v", len(v), len(p))
	if len(p) == 0 {
		return
	}
	if o.Clip == 0 {
		o.Clip = 1
	}
	s := adamScalars{
		o.Clip, o.Beta1, 1 - o.Beta1, o.Beta2, 1 - o.Beta2,
		1 / o.Bias1, 1 / o.Bias2, o.Epsilon, o.Decay, o.Rate,
	}
	if active != generic {
		vectorAdamW(len(p), &p[0], &g[0], &m[0], &v[0], &s)
		return
	}
	for i := range p {
		g := float32(s.clip * g[i])
		m[i] = float32(s.beta1*m[i]) + float32(s.rest1*g)
		v[i] = float32(s.beta2*v[i]) + float32(s.rest2*float32(g*g))
		root := float32(math.Sqrt(float64(float32(v[i] * s.correct2))))
		step := float32(m[i]*s.correct1)/(root+s.epsilon) + float32(s.decay*p[i])
		p[i] -= float32(s.rate * step)
	}
}
