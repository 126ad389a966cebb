package blas

import (
	"math"
	"slices"
	"testing"
)

// spread returns about count float32 from lo to hi, evenly spread over their
// bits.
func spread(lo, hi float32, count int) []float32 {
	key := func(x float32) int64 { // orders float32 as their values
		b := int64(math.Float32bits(x))
		if b >= 1<<31 {
			return 1<<31 - b
		}
		return b
	}
	from, to := key(lo), key(hi)
	x := make([]float32, 0, count+1)
	for i := range int64(count) {
		k := from + (to-from)/int64(count)*i + i%7
		if k < 0 {
			k = 1<<31 - k
		}
		x = append(x, math.Float32frombits(uint32(k)))
	}
	return append(x, hi)
}

func TestExp(t *testing.T) {
	const smallest, least = 0x1p-149, 0x1p-126 // subnormal and normal
	x := append(spread(-110, 89, 200_000), numbers(1, 100_000)...)
	for i := range 200_000 {
		x = append(x, float32(i)*1e-3-105)
	}
	y := make([]float32, len(x))
	var vectors []float32 // the first vector kernel's
	eachKernel(t, func(t *testing.T) {
		Exp(y, x)
		if active != generic && vectors != nil { // they scale in different ways
			equalBits(t, "avx2 against avx512", y, vectors)
		}
		if active == avx512 {
			vectors = slices.Clone(y)
		}
		worst := 0.0
		for i, got := range y {
			want := math.Exp(float64(x[i]))
			switch err := math.Abs(float64(got) - want); {
			case want > math.MaxFloat32*(1+0x1p-25):
				if !math.IsInf(float64(got), 1) {
					t.Fatalf("exp(%v) = %v, want +Inf", x[i], got)
				}
			case want < least:
				if err > smallest {
					t.Fatalf("exp(%v) = %v, want %v", x[i], got, want)
				}
			default:
				if worst = max(worst, err/want); err > 2e-7*want {
					t.Fatalf("exp(%v) = %v, want %v", x[i], got, want)
				}
			}
		}
		t.Logf("largest relative error %.3g", worst)
	})
}

func TestExpExtremes(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, nan, 1e30, -1e30, 88.73, -104, math.MaxFloat32, -math.MaxFloat32, 0x1p-149}
	want := []float32{1, 1, inf, 0, nan, inf, 0, inf, 0, inf, 0, 1}
	eachKernel(t, func(t *testing.T) {
		y := make([]float32, len(x))
		Exp(y, x)
		for i := range x {
			if y[i] != want[i] && !(y[i] != y[i] && want[i] != want[i]) {
				t.Errorf("exp(%v) = %v, want %v", x[i], y[i], want[i])
			}
		}
		ExpShifted(y, []float32{3, 2, 1, 3, 3, 3, 3, 3, 3, 3, 3, -inf}, 3)
		for i, w := range []float64{1, math.Exp(-1), math.Exp(-2), 1, 1, 1, 1, 1, 1, 1, 1, 0} {
			if math.Abs(float64(y[i])-w) > 2e-7*w {
				t.Errorf("exp shifted [%d] = %v, want %v", i, y[i], w)
			}
		}
	})
}

// geluTwin and its derivative, from the definition, in float64.
func geluTwin(x float64) (y, slope float64) {
	u := math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
	du := math.Sqrt(2/math.Pi) * (1 + 3*0.044715*x*x)
	h := math.Tanh(u)
	return x / 2 * (1 + h), (1+h)/2 + x/2*(1-h*h)*du
}

func TestGelu(t *testing.T) {
	var x []float32
	for i := -40_000; i <= 40_000; i++ {
		x = append(x, float32(i)*3e-4)
	}
	x = append(x, 0, 1e-30, -1e-30, 31, -31, 1e10, -1e10, 1e20, -1e20, math.MaxFloat32, -math.MaxFloat32)
	y, dx, dy := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	for i := range dy {
		dy[i] = float32(1 + i%3)
	}
	eachKernel(t, func(t *testing.T) {
		Gelu(y, x)
		GeluGrad(dx, dy, x)
		var worst, worstSlope float64
		for i := range x {
			want, slope := geluTwin(float64(x[i]))
			if math.Abs(float64(x[i])) > 30 { // x³ and what it is multiplied by may overflow
				want, slope = max(float64(x[i]), 0), min(max(float64(x[i]), 0), 1)
			}
			err := math.Abs(float64(y[i])-want) / (1 + math.Abs(want))
			errSlope := math.Abs(float64(dx[i])/float64(dy[i]) - slope)
			if !(err <= 2e-7) || !(errSlope <= 1e-6) {
				t.Fatalf("gelu(%v) = %v, want %v; slope %v, want %v", x[i], y[i], want, dx[i]/dy[i], slope)
			}
			worst, worstSlope = max(worst, err), max(worstSlope, errSlope)
		}
		t.Logf("largest error %.3g, of the slope %.3g", worst, worstSlope)
	})
}

// TestGeluTwin checks the twin's derivative against finite differences.
func TestGeluTwin(t *testing.T) {
	const h = 1e-5
	for x := -6.0; x <= 6; x += 0.1 {
		up, _ := geluTwin(x + h)
		down, _ := geluTwin(x - h)
		if _, slope := geluTwin(x); math.Abs((up-down)/(2*h)-slope) > 1e-8 {
			t.Errorf("gelu'(%v) = %v, want %v", x, slope, (up-down)/(2*h))
		}
	}
}

// elementwise are all functions of one number at a time, of up to four slices.
var elementwise = []struct {
	name string
	run  func(s [4][]float32)
}{
	{"Exp", func(s [4][]float32) { Exp(s[0], s[1]) }},
	{"ExpShifted", func(s [4][]float32) { ExpShifted(s[0], s[1], 0.7) }},
	{"Exp in place", func(s [4][]float32) { Exp(s[0], s[0]) }},
	{"Gelu", func(s [4][]float32) { Gelu(s[0], s[1]) }},
	{"GeluGrad", func(s [4][]float32) { GeluGrad(s[0], s[1], s[2]) }},
	{"GeluGrad in place", func(s [4][]float32) { GeluGrad(s[0], s[0], s[2]) }},
	{"Axpy", func(s [4][]float32) { Axpy(s[0], 0.3, s[1]) }},
	{"Scale", func(s [4][]float32) { Scale(s[0], 0.3) }},
	{"Shift", func(s [4][]float32) { Shift(s[0], s[1], 0.7) }},
	{"Mul", func(s [4][]float32) { Mul(s[0], s[1], s[2]) }},
	{"MulAdd", func(s [4][]float32) { MulAdd(s[0], s[1], s[2], s[3]) }},
	{"AdamW", func(s [4][]float32) { testAdamW.Step(s[0], s[1], s[2], s[3]) }},
}

var testAdamW = AdamW{Rate: 1e-2, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8, Decay: 0.1, Bias1: 0.19, Bias2: 0.02}

// four returns four slices of random numbers, the last of squares as AdamW's v.
func four(n int) (s [4][]float32) {
	for i := range s {
		s[i] = numbers(uint64(i), n)
	}
	for i, v := range s[3] {
		s[3][i] = v * v
	}
	return s
}

// TestElementwise: an element's bits do not depend on its index or the slice's
// length; numbers around the slice stay; and the vector kernels agree.
func TestElementwise(t *testing.T) {
	const n = 150
	for _, f := range elementwise {
		t.Run(f.name, func(t *testing.T) {
			var vectors [4][]float32
			eachKernel(t, func(t *testing.T) {
				whole, before := four(n), four(n)
				f.run(whole)
				if active != generic && vectors[0] != nil {
					for i := range whole {
						equalBits(t, "avx2 against avx512", whole[i], vectors[i])
					}
				}
				if active == avx512 {
					vectors = whole
				}
				for from := range 20 {
					for to := from; to <= n; to++ {
						part := four(n)
						var window [4][]float32
						for i := range window {
							window[i] = part[i][from:to]
						}
						f.run(window)
						for i := range part {
							equalBits(t, "before", part[i][:from], before[i][:from])
							equalBits(t, "inside", part[i][from:to], whole[i][from:to])
							equalBits(t, "behind", part[i][to:], before[i][to:])
						}
					}
				}
			})
		})
	}
}

func equalBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if i := differ(got, want); i >= 0 {
		t.Fatalf("%s: [%d] = %v, want %v", what, i, got[i], want[i])
	}
}

func TestAxpyScale(t *testing.T) {
	const n = 1000
	eachKernel(t, func(t *testing.T) {
		x, y, z := numbers(1, n), numbers(2, n), numbers(2, n)
		Axpy(z, 0.3, x)
		for i := range z {
			if want := twin(active, y[i], 0.3, x[i]); z[i] != want {
				t.Fatalf("axpy: [%d] = %v, want %v", i, z[i], want)
			}
		}
		Scale(y, 0.3)
		for i, v := range numbers(2, n) {
			if want := v * 0.3; y[i] != want {
				t.Fatalf("scale: [%d] = %v, want %v", i, y[i], want)
			}
		}
	})
}

func TestShiftMulMulAdd(t *testing.T) {
	const n = 1000
	eachKernel(t, func(t *testing.T) {
		x, y, z := numbers(1, n), numbers(2, n), numbers(3, n)
		shifted, product, sum := make([]float32, n), make([]float32, n), append([]float32(nil), z...)
		Shift(shifted, x, 0.3)
		Mul(product, x, y)
		MulAdd(sum, x, y, sum) // onto one of its terms
		for i := range x {
			if want := x[i] + 0.3; shifted[i] != want {
				t.Fatalf("shift: [%d] = %v, want %v", i, shifted[i], want)
			}
			if want := x[i] * y[i]; product[i] != want {
				t.Fatalf("mul: [%d] = %v, want %v", i, product[i], want)
			}
			if want := twin(active, z[i], x[i], y[i]); sum[i] != want {
				t.Fatalf("mulAdd: [%d] = %v, want %v", i, sum[i], want)
			}
		}
	})
}

// TestAdamW takes many steps beside the same algorithm in float64.
func TestAdamW(t *testing.T) {
	const n, steps = 100, 50
	eachKernel(t, func(t *testing.T) {
		p, m, v := numbers(1, n), make([]float32, n), make([]float32, n)
		P, M, V := make([]float64, n), make([]float64, n), make([]float64, n)
		for i, x := range p {
			P[i] = float64(x)
		}
		for s := 1; s <= steps; s++ {
			g := numbers(uint64(100+s), n)
			b1, b2 := float64(float32(0.9)), float64(float32(0.999))
			c1, c2 := 1-math.Pow(b1, float64(s)), 1-math.Pow(b2, float64(s))
			o := AdamW{Rate: 1e-2, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Decay: 0.1, Bias1: float32(c1), Bias2: float32(c2), Clip: 0.5}
			o.Step(p, g, m, v)
			for i, x := range g {
				x := 0.5 * float64(x)
				M[i] = b1*M[i] + (1-b1)*x
				V[i] = b2*V[i] + (1-b2)*x*x
				P[i] -= float64(o.Rate) * (M[i]/c1/(math.Sqrt(V[i]/c2)+1e-8) + float64(o.Decay)*P[i])
			}
		}
		for i := range p {
			if math.Abs(float64(p[i])-P[i]) > 2e-6 || math.Abs(float64(m[i])-M[i]) > 1e-6 || math.Abs(float64(v[i])-V[i]) > 1e-6 {
				t.Fatalf("[%d]: p, m, v = %v, %v, %v, want %v, %v, %v", i, p[i], m[i], v[i], P[i], M[i], V[i])
			}
		}
	})
}

// TestSoftmax: softmax and its gradient give the bits of their steps and, but
// for rounding, what they are by definition; numbers around the slice stay.
func TestSoftmax(t *testing.T) {
	const most, scale = 300, 0.7
	eachKernel(t, func(t *testing.T) {
		for n := 1; n <= most; n++ {
			s := four(most + 20)
			Scale(s[0], 20) // the largest is far from the others
			before := slices.Clone(s[0])
			for from := range 3 {
				copy(s[0], before)
				p, dp := s[0][from:from+n], slices.Clone(s[1][:n])
				steps := slices.Clone(p)
				Softmax(p, scale)
				Scale(steps, scale)
				ExpShifted(steps, steps, Max(steps))
				Scale(steps, 1/Sum(steps))
				equalBits(t, "softmax", p, steps)
				equalBits(t, "before", s[0][:from], before[:from])
				equalBits(t, "behind", s[0][from+n:], before[from+n:])
				total, mean := 0.0, 0.0
				for i, x := range before[from : from+n] {
					total += math.Exp(scale * float64(x))
					mean += float64(p[i]) * float64(dp[i])
				}
				SoftmaxGrad(dp, p, scale)
				for i, x := range before[from : from+n] {
					if want := math.Exp(scale*float64(x)) / total; math.Abs(float64(p[i])-want) > 3e-6*want+1e-38 {
						t.Fatalf("softmax of %d: [%d] = %v, want %v", n, i, p[i], want)
					}
					if want := scale * float64(p[i]) * (float64(s[1][i]) - mean); math.Abs(float64(dp[i])-want) > 1e-6 {
						t.Fatalf("gradient of %d: [%d] = %v, want %v", n, i, dp[i], want)
					}
				}
				grad := slices.Clone(s[1][:n])
				Shift(grad, grad, -Dot(grad, p))
				Mul(grad, grad, p)
				Scale(grad, scale)
				equalBits(t, "gradient", dp, grad)
			}
		}
	})
}

// TestReductions compares with the definition in 64 lanes, to the bit, with
// float64 within Higham's bound, and leaves the slice's place without influence.
func TestReductions(t *testing.T) {
	const unit = 0x1p-24
	x, y := numbers(1, 5000), numbers(2, 5000)
	lengths := []int{1000, 4095, 4096, 5000}
	for n := range 300 {
		lengths = append(lengths, n)
	}
	eachKernel(t, func(t *testing.T) {
		for _, n := range lengths {
			var sums, dots [reductionLanes]float32
			var sum, dot, sumSize, dotSize float64
			largest := float32(math.Inf(-1))
			for i := range n {
				sums[i%64] += x[i]
				dots[i%64] = twin(active, dots[i%64], x[i], y[i])
				sum += float64(x[i])
				dot += float64(x[i]) * float64(y[i])
				sumSize += math.Abs(float64(x[i]))
				dotSize += math.Abs(float64(x[i]) * float64(y[i]))
				largest = max(largest, x[i])
			}
			for half := 32; half > 0; half /= 2 {
				for i := range half {
					sums[i] += sums[i+half]
					dots[i] += dots[i+half]
				}
			}
			for from := range 3 { // other addresses, same numbers
				a := append(make([]float32, from), x[:n]...)[from:]
				b := append(make([]float32, 2*from), y[:n]...)[2*from:]
				if got := Sum(a); got != sums[0] || math.Abs(float64(got)-sum) > float64(n/64+8)*unit*sumSize {
					t.Fatalf("sum of %d = %v, want %v (%v)", n, got, sums[0], sum)
				}
				if got := Dot(a, b); got != dots[0] || math.Abs(float64(got)-dot) > float64(n/64+8)*unit*dotSize {
					t.Fatalf("dot of %d = %v, want %v (%v)", n, got, dots[0], dot)
				}
				if got := Max(a); got != largest {
					t.Fatalf("max of %d = %v, want %v", n, got, largest)
				}
			}
		}
		neg := make([]float32, 70)
		for i := range neg {
			neg[i] = -5
		}
		for n := 1; n <= 70; n++ { // no zero of an unused lane
			if got := Max(neg[:n]); got != -5 {
				t.Fatalf("max of %d × -5 = %v", n, got)
			}
		}
	})
}
