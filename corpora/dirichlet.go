package corpora

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// DirichletMarkov is Markov of order m with rows drawn from the symmetric
// Dirichlet law, p(· | c) ~ Dir(α, …, α) for each of the A^m contexts c:
//
//	T^x[c, (cA + x) mod A^m] = p(x | c)
//
// The rows come from the seed, by a stream of their own: equal seeds give
// equal laws for any number of symbols. A row is a normalised vector of gamma
// variates (Devroye 1986, XI.4), taken as logarithms because with a small α
// nearly all of them are below the smallest double. Departure: a probability
// is at least 10⁻⁹ (before rescaling), so that the stationary law is unique.
type DirichletMarkov struct {
	Order         int     `toml:"order"`         // m
	Alphabet      int     `toml:"alphabet"`      // A
	Concentration float64 `toml:"concentration"` // α; small makes rows peaked, 1 is uniform on the simplex
	ProcessOptions
}

// maxContexts bounds A^m.
const maxContexts = 1 << 16

// leastProbability keeps every symbol possible everywhere.
const leastProbability = 1e-9

// Validate checks ranges.
func (c *DirichletMarkov) Validate() error {
	err := first(between("order", float64(c.Order), 0, 16), between("alphabet", float64(c.Alphabet), 2, 256),
		between("concentration", c.Concentration, 1e-3, 1e6), c.validate())
	if n := math.Pow(float64(c.Alphabet), float64(c.Order)); err == nil && n > maxContexts {
		err = fmt.Errorf("order = %d with alphabet = %d makes %.0f contexts, want at most %d", c.Order, c.Alphabet, n, maxContexts)
	}
	return err
}

// Process draws the rows.
func (c *DirichletMarkov) Process(seed uint64) (Process, error) {
	rng := rand.New(rand.NewPCG(seed, lawStream))
	n := 1
	for range c.Order {
		n *= c.Alphabet
	}
	ts := make([]transition, 0, n*c.Alphabet)
	row := make([]float64, c.Alphabet)
	for i := range n {
		dirichlet(row, c.Concentration, rng)
		for x, p := range row {
			ts = append(ts, transition{i, Symbol(x), (i*c.Alphabet + x) % n, p})
		}
	}
	return law(newHMM(c.Alphabet, n, ts))
}

// Load draws from it.
func (c *DirichletMarkov) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "dirichlet-markov", c)
}

// dirichlet draws p ~ Dir(α, …, α), floored.
func dirichlet(p []float64, alpha float64, rng *rand.Rand) {
	top := math.Inf(-1)
	for x := range p {
		p[x] = logGamma(alpha, rng)
		top = max(top, p[x])
	}
	for x := range p {
		p[x] = math.Exp(p[x] - top)
	}
	scale(p)
	for x := range p {
		p[x] = max(p[x], leastProbability)
	}
	scale(p)
}

// logGamma draws ln G, G ~ Gamma(α, 1), by Marsaglia & Tsang (2000); below
// α = 1 by their boost G(α) = G(α+1)·U^{1/α}.
func logGamma(alpha float64, rng *rand.Rand) float64 {
	if alpha < 1 {
		return logGamma(alpha+1, rng) + math.Log(1-rng.Float64())/alpha
	}
	d := alpha - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		z := rng.NormFloat64()
		v := 1 + c*z
		if v <= 0 {
			continue
		}
		v = v * v * v
		u := 1 - rng.Float64() // in (0, 1]
		if math.Log(u) < z*z/2+d-d*v+d*math.Log(v) {
			return math.Log(d * v)
		}
	}
}
