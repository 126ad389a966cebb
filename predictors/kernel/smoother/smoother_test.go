package smoother

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

func normals[F Float](rng *rand.Rand, n int) []F {
	x := make([]F, n)
	for i := range x {
		x[i] = F(rng.NormFloat64())
	}
	return x
}

// kernelByDefinition is K(q, k) written out.
func kernelByDefinition[F Float](s Smoother[F], q, k []F) float64 {
	dot, d2 := 0.0, 0.0
	for i := range q {
		dot += float64(q[i]) * float64(k[i])
		d2 += (float64(q[i]) - float64(k[i])) * (float64(q[i]) - float64(k[i]))
	}
	u := math.Sqrt(s.Scale * d2)
	inside := 1.0
	if u >= 1 {
		inside = 0
	}
	switch s.Kernel {
	case ExpDot:
		return math.Exp(s.Scale * dot)
	case Gaussian:
		return math.Exp(-d2 / (2 / s.Scale))
	case Laplace:
		return math.Exp(-u)
	case Epanechnikov:
		return inside * (1 - u*u)
	case Tricube:
		return inside * math.Pow(1-math.Pow(u, 3), 3)
	}
	return inside
}

// nadarayaWatson is Σ K v / Σ K over the keys that the mask shows.
func nadarayaWatson[F Float](s Smoother[F], q, k, v []F, m, n int, mask Mask) []float64 {
	y := make([]float64, m*s.V)
	for i := range m {
		low, high := 0, n
		if mask != nil {
			low, high = mask(i)
		}
		total := 0.0
		for j := low; j < high; j++ {
			w := kernelByDefinition(s, q[i*s.D:][:s.D], k[j*s.D:][:s.D])
			total += w
			for c := range s.V {
				y[i*s.V+c] += w * float64(v[j*s.V+c])
			}
		}
		for c := range s.V {
			if total > 0 {
				y[i*s.V+c] /= total
			}
		}
	}
	return y
}

func smooth[F Float](s Smoother[F], q, k, v []F, m, n int, mask Mask) []F {
	y, w := make([]F, m*s.V), make([]F, m*n)
	s.Smooth(y, s.V, w, q, s.D, k, s.D, v, s.V, m, n, mask)
	return y
}

func near[F Float](t *testing.T, what string, got []F, want []float64, within float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(float64(got[i])-want[i]) <= within) {
			t.Fatalf("%s: y[%d] = %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestNadarayaWatson (claim A1): the smoother is the estimate written from its
// definition, for every kernel, with and without a causal mask.
func TestNadarayaWatson(t *testing.T) {
	testNadarayaWatson[float64](t, 1e-12)
	testNadarayaWatson[float32](t, 1e-6)
}

func testNadarayaWatson[F Float](t *testing.T, within float64) {
	rng := rand.New(rand.NewPCG(1, 2))
	for kernel := ExpDot; kernel <= Boxcar; kernel++ {
		for range 10 {
			m, d, v := 1+rng.IntN(9), 1+rng.IntN(12), 1+rng.IntN(5)
			n := m + rng.IntN(20)
			s := Smoother[F]{kernel, 0.3 / math.Sqrt(float64(d)), d, v}
			q, k, values := normals[F](rng, m*d), normals[F](rng, n*d), normals[F](rng, n*v)
			for _, mask := range []Mask{nil, Causal(n - m), func(i int) (int, int) { return i, n - m + i }} {
				want := nadarayaWatson(s, q, k, values, m, n, mask)
				near(t, "Nadaraya-Watson", smooth(s, q, k, values, m, n, mask), want, within)
			}
		}
	}
}

// TestEqualNormsAreGaussian (A1): on keys of one length exp(q·k/√D) is the
// Gaussian kernel with h² = √D.
func TestEqualNormsAreGaussian(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const m, n, d, v = 7, 30, 16, 5
	q, k, values := normals[float64](rng, m*d), normals[float64](rng, n*d), normals[float64](rng, n*v)
	for j := range n {
		key := k[j*d : (j+1)*d]
		length := math.Sqrt(distance2(key, make([]float64, d)))
		scale(key, 3/length)
	}
	dot := smooth(Smoother[float64]{ExpDot, 1 / math.Sqrt(d), d, v}, q, k, values, m, n, nil)
	near(t, "Gaussian", smooth(Smoother[float64]{Gaussian, 1 / math.Sqrt(d), d, v}, q, k, values, m, n, nil), dot, 1e-6)
}

// TestHeadsAreASum (A4): H heads with values X Wv_h and outputs Wo_h are the
// sum of H smoothers of X, each followed by a linear map of its own, Wv_h Wo_h.
func TestHeadsAreASum(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const n, c, h, d = 12, 8, 4, 2
	x := normals[float64](rng, n*c)
	want, got := make([]float64, n*c), make([]float64, n*c)
	for range h {
		wq, wk, wv, wo := normals[float64](rng, c*d), normals[float64](rng, c*d), normals[float64](rng, c*d), normals[float64](rng, d*c)
		q, k, v := matrix(x, wq, n, c, d), matrix(x, wk, n, c, d), matrix(x, wv, n, c, d)
		head := smooth(Smoother[float64]{ExpDot, 1 / math.Sqrt(d), d, d}, q, k, v, n, n, Causal(0))
		NN(n, c, d, head, d, wo, c, 1, want, c)

		smoothed := smooth(Smoother[float64]{ExpDot, 1 / math.Sqrt(d), d, c}, q, k, x, n, n, Causal(0))
		NN(n, c, c, smoothed, c, matrix(wv, wo, c, d, c), c, 1, got, c)
	}
	near(t, "sum of smoothers", got, want, 1e-6)
}

// matrix is a [m,k] times b [k,n].
func matrix(a, b []float64, m, k, n int) []float64 {
	c := make([]float64, m*n)
	NN(m, n, k, a, k, b, n, 0, c, n)
	return c
}

// TestReparameterisation (A5): only Wq Wkᵀ matters: Wq M and Wk M⁻ᵀ give the
// same head.
func TestReparameterisation(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const n, c, d = 10, 6, 2
	x := normals[float64](rng, n*c)
	wq, wk := normals[float64](rng, c*d), normals[float64](rng, c*d)
	m := normals[float64](rng, d*d)
	det := m[0]*m[3] - m[1]*m[2]
	inverseT := []float64{m[3] / det, -m[2] / det, -m[1] / det, m[0] / det}
	s := Smoother[float64]{ExpDot, 1 / math.Sqrt(d), d, c}
	want := smooth(s, matrix(x, wq, n, c, d), matrix(x, wk, n, c, d), x, n, n, Causal(0))
	q, k := matrix(x, matrix(wq, m, c, d, d), n, c, d), matrix(x, matrix(wk, inverseT, c, d, d), n, c, d)
	near(t, "reparameterised", smooth(s, q, k, x, n, n, Causal(0)), want, 1e-6)
}

// TestPermutation (A6): without positions the order of the keys makes no
// difference.
func TestPermutation(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const n, d, v = 25, 8, 4
	q, k, values := normals[float64](rng, d), normals[float64](rng, n*d), normals[float64](rng, n*v)
	s := Smoother[float64]{ExpDot, 1 / math.Sqrt(d), d, v}
	want := smooth(s, q, k, values, 1, n, nil)
	k2, values2 := make([]float64, n*d), make([]float64, n*v)
	for to, from := range rng.Perm(n) {
		copy(k2[to*d:(to+1)*d], k[from*d:])
		copy(values2[to*v:(to+1)*v], values[from*v:])
	}
	near(t, "permuted", smooth(s, q, k2, values2, 1, n, nil), want, 1e-6)
}

// TestNothingInReach: where no key has weight the result is zero, and the mass
// says so.
func TestNothingInReach(t *testing.T) {
	s := Smoother[float64]{Boxcar, 1, 1, 1}
	if y := smooth(s, []float64{0}, []float64{5, 9}, []float64{1, 1}, 1, 2, nil); y[0] != 0 {
		t.Errorf("y = %v, want 0", y[0])
	}
	if mass := Normalize([]float64{math.Inf(-1)}); !math.IsInf(mass, -1) {
		t.Errorf("log mass = %v, want −∞", mass)
	}
}

// headLoss is the loss of m queries of a one-hot head, each weighing 1.
func headLoss(s Smoother[float64], q, k, s0, q0 []float64, next, y []predictors.Symbol, ds, ds0 []float64) (nats float64) {
	m, n := len(y), len(next)
	s.Scores(ds, n, q, s.D, k, s.D, m, n)
	for i := range m {
		var loss float64
		loss, ds0[i] = OneHotLoss(ds[i*n:(i+1)*n], next, y[i], s0[i], q0[i], 1)
		nats += loss
	}
	return nats
}

// TestGradients: central differences of the loss in every query, key and
// fallback score.
func TestGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const m, n, d, a = 5, 9, 3, 4
	for _, kernel := range []Kernel{ExpDot, Gaussian} {
		s := Smoother[float64]{kernel, 0.7, d, 0}
		q, k, s0 := normals[float64](rng, m*d), normals[float64](rng, n*d), normals[float64](rng, m)
		q0 := make([]float64, m)
		next, y := make([]predictors.Symbol, n), make([]predictors.Symbol, m)
		for i := range q0 {
			q0[i], y[i] = 0.1+0.8*rng.Float64(), predictors.Symbol(rng.IntN(a))
		}
		for j := range next {
			next[j] = predictors.Symbol(rng.IntN(a - 1)) // symbol a−1 is only to be fallen back on
		}
		ds, ds0, scratch := make([]float64, m*n), make([]float64, m), make([]float64, m*n)
		headLoss(s, q, k, s0, q0, next, y, ds, ds0)
		dq, dk := make([]float64, m*d), make([]float64, n*d)
		s.ScoresBack(dq, d, dk, d, ds, n, q, d, k, d, m, n)
		for _, p := range []struct {
			name string
			x, g []float64
		}{{"q", q, dq}, {"k", k, dk}, {"s0", s0, ds0}} {
			g := append([]float64(nil), p.g...)
			for i := range p.x {
				const h = 1e-5
				x := p.x[i]
				p.x[i] = x + h
				up := headLoss(s, q, k, s0, q0, next, y, scratch, make([]float64, m))
				p.x[i] = x - h
				down := headLoss(s, q, k, s0, q0, next, y, scratch, make([]float64, m))
				p.x[i] = x
				if want := (up - down) / (2 * h); math.Abs(g[i]-want) > 1e-7*(1+math.Abs(want)) {
					t.Fatalf("kernel %d: d%s[%d] = %v, want %v", kernel, p.name, i, g[i], want)
				}
			}
		}
	}
}
