package features

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

func source(rng *rand.Rand, a, n int) []symbol {
	xs := make([]symbol, n)
	for i := range xs {
		xs[i] = symbol(rng.IntN(a))
		if back := 1 + rng.IntN(2); back <= i && rng.IntN(4) > 0 {
			xs[i] = (xs[i-back] + 1) % symbol(a)
		}
	}
	return xs
}

func made(t *testing.T, c *Config, a int) *Features {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*Features)
}

var kinds = []string{"fourier", "positive", "elu"}

// contextsOf lists the contexts of a text, the last symbol first.
func contextsOf(xs []symbol, m int) (all [][]symbol) {
	for i := range xs {
		var c []symbol
		for l := 1; l <= m && l <= i; l++ {
			c = append(c, xs[i-l])
		}
		all = append(all, c)
	}
	return all
}

// TestIsLinearAttention: the estimate is the output of linear attention by its
// recurrence, S_i = S_{i−1} + φ(k_i) v_iᵀ, z_i = z_{i−1} + φ(k_i), out
// φ(q)ᵀS/φ(q)ᵀz, at every position of a text, v_i being one-hot next symbols;
// with α = 0 in effect, and no negative sums.
func TestIsLinearAttention(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const a, m, d = 4, 3, 32
	for _, kind := range []string{"positive", "elu"} {
		p := made(t, &Config{Features: kind, Count: d, Lags: m, Beta: 1, Rho: 0.7, Alpha: 1e-12, Sample: 100}, a)
		xs := source(rng, a, 200)
		s, z, phi, q := make([][]float64, d), make([]float64, d), make([]float64, d), make([]float64, a)
		for i := range s {
			s[i] = make([]float64, a)
		}
		for i, c := range contextsOf(xs, m) {
			p.phi(phi, c)
			if i > 0 {
				out, norm := make([]float64, a), 0.0
				for r, f := range phi {
					norm += f * z[r]
					for y := range out {
						out[y] += f * s[r][y]
					}
				}
				p.Predict(q)
				for y := range q {
					if want := floor + (1-floor*a)*out[y]/norm; math.Abs(q[y]-want) > 1e-9 {
						t.Fatalf("%s: symbol %d: q(%d) = %v, linear attention %v", kind, i, y, q[y], want)
					}
				}
			}
			for r, f := range phi {
				s[r][xs[i]] += f
				z[r] += f
			}
			p.Learn(xs[i])
		}
	}
}

// TestEqualsDefinition: the estimate is the sum over all contexts learned, each
// compared with the query by an inner product.
func TestEqualsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const a, m, d = 5, 2, 20
	for _, kind := range kinds {
		p := made(t, &Config{Features: kind, Count: d, Lags: m, Beta: 1.5, Rho: 0.5, Alpha: 2, Sample: 100}, a)
		xs := source(rng, a, 120)
		all := contextsOf(xs, m)
		phis, q := make([][]float64, len(xs)), make([]float64, a)
		for i, c := range all {
			phis[i] = make([]float64, d)
			p.phi(phis[i], c)
			p.Predict(q)
			mass, counts, total := make([]float64, a), make([]float64, a), 0.0
			for j := range i {
				mass[xs[j]] += dot(phis[i], phis[j])
				counts[xs[j]]++
			}
			for y := range mass {
				mass[y] = max(0, mass[y])
				total += mass[y]
			}
			for y := range mass {
				q0 := (counts[y] + 0.5) / (float64(i) + a/2.)
				want := floor + (1-floor*a)*(2*q0+mass[y])/(2+total)
				if math.Abs(q[y]-want) > 1e-9 || math.Abs(p.Prob(symbol(y))-q[y]) > 1e-12 {
					t.Fatalf("%s: symbol %d: q(%d) = %v and Prob %v, want %v", kind, i, y, q[y], p.Prob(symbol(y)), want)
				}
			}
			p.Learn(xs[i])
		}
	}
}

// TestKernel: Fourier and positive features approach the product kernel
// ∏ e^{−β_l [differ at l]}, with an error that halves as D quadruples.
func TestKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const a, m = 6, 3
	for _, kind := range []string{"fourier", "positive"} {
		errors := map[int]float64{}
		for _, d := range []int{256, 4096} {
			p := made(t, &Config{Features: kind, Count: d, Lags: m, Beta: 0.4, Rho: 0.7, Alpha: 1, Sample: 100}, a)
			f, g, sum := make([]float64, d), make([]float64, d), 0.0
			for range 300 {
				c, c1, log := make([]symbol, m), make([]symbol, m), 0.0
				for l := range c {
					c[l], c1[l] = symbol(rng.IntN(a)), symbol(rng.IntN(a))
					if c[l] != c1[l] {
						log -= 0.4 * math.Pow(0.7, float64(l))
					}
				}
				p.phi(f, c)
				p.phi(g, c1)
				e := dot(f, g) - math.Exp(log)
				sum += e * e
			}
			errors[d] = math.Sqrt(sum / 300)
		}
		if errors[4096] > 0.05 || errors[4096] > errors[256]/2 {
			t.Errorf("%s: root mean square error %v with 256 features, %v with 4096", kind, errors[256], errors[4096])
		}
	}
}

// TestChooses: tuning beats the start on what it did not see, and finds that a
// source of order 1 needs its first lag most.
func TestChooses(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const a = 6
	draw := func(n int) []symbol {
		xs := make([]symbol, n)
		for i := 1; i < n; i++ {
			if xs[i] = symbol(rng.IntN(a)); rng.IntN(8) > 0 {
				xs[i] = (xs[i-1]*5 + 1) % a
			}
		}
		return xs
	}
	d := predictors.Data{Train: [][]symbol{draw(3000)}, Valid: [][]symbol{draw(1000)}}
	test := draw(1000)
	loss := func(c *Config) (float64, *Features) {
		p := made(t, c, a)
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		bits, _ := predictors.SampleLoss(p, [][]symbol{test}, len(test))
		return bits, p
	}
	for _, kind := range kinds {
		tuned, p := loss(&Config{Features: kind, Count: 128, Lags: 3, Sample: 1000})
		plain, _ := loss(&Config{Features: kind, Count: 128, Lags: 3, Beta: startBeta, Rho: startRho, Alpha: startAlpha, Sample: 1000})
		if tuned > plain+1e-3 || p.bits == 0 {
			t.Errorf("%s: tuned %v bits, untuned %v; chose %v", kind, tuned, plain, p.Describe())
		}
	}
}

func TestRefused(t *testing.T) {
	for want, c := range map[string]*Config{
		`random-features: features = "sine", want "fourier", "positive" or "elu"`: {Features: "sine", Count: 4, Lags: 1, Sample: 100},
		`random-features: count = 1, want 2 to 65536`:                             {Features: "elu", Count: 1, Lags: 1, Sample: 100},
		`random-features: count = 5, want an even number of Fourier features`:     {Features: "fourier", Count: 5, Lags: 1, Sample: 100},
		`random-features: rho = 2, want 0 to 1`:                                   {Features: "elu", Count: 4, Lags: 1, Rho: 2, Sample: 100},
		`random-features: lags = 0, want 1 to 64`:                                 {Features: "elu", Count: 4, Sample: 100},
	} {
		if _, err := c.New(predictors.Env{Alphabet: 3}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
