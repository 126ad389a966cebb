package predictortest

import (
	"math"
	"math/rand/v2"

	"horizon/corpora"
)

// A chain is a stationary Markov chain of order one with random rows: the
// suite's source. It is written here, apart from package corpora, so that a
// mistake there cannot hide one in a predictor.
type chain struct {
	rows [][]float64 // rows[x][y] = P(y | x)
	pi   []float64   // stationary law
}

// newChain draws rows whose mass lies mostly on a few symbols.
func newChain(a int, seed uint64) *chain {
	rng := rand.New(rand.NewPCG(seed, 0xc4a1))
	c := &chain{rows: make([][]float64, a), pi: make([]float64, a)}
	for x := range c.rows {
		row := make([]float64, a)
		for y := range row {
			row[y] = 1e-3 / float64(a)
		}
		for range 3 {
			row[rng.IntN(a)] += rng.ExpFloat64()
		}
		// One step round a ring keeps the chain irreducible.
		row[(x+1)%a] += 0.1
		scale(row)
		c.rows[x] = row
		c.pi[x] = 1 / float64(a)
	}
	for range 2000 {
		c.pi = c.push(c.pi)
	}
	return c
}

func scale(p []float64) {
	sum := 0.0
	for _, v := range p {
		sum += v
	}
	for i := range p {
		p[i] /= sum
	}
}

func (c *chain) push(p []float64) []float64 {
	q := make([]float64, len(p))
	for x, w := range p {
		for y, v := range c.rows[x] {
			q[y] += w * v
		}
	}
	return q
}

func (c *chain) Alphabet() int { return len(c.rows) }

func (c *chain) Generate(n int, rng *rand.Rand) []corpora.Symbol {
	xs := make([]corpora.Symbol, n)
	p := c.pi
	for i := range xs {
		u, x := rng.Float64(), 0
		for u -= p[0]; u >= 0 && x < len(p)-1; u -= p[x] {
			x++
		}
		xs[i] = corpora.Symbol(x)
		p = c.rows[x]
	}
	return xs
}

func (c *chain) Entropy() (float64, bool) {
	h := 0.0
	for x, w := range c.pi {
		h += w * entropy(c.rows[x])
	}
	return h, true
}

func (c *chain) OptimalAhead(k int) (float64, bool) {
	l := 0.0
	for x, w := range c.pi {
		p := c.rows[x]
		for range k - 1 {
			p = c.push(p)
		}
		l += w * entropy(p)
	}
	return l, true
}

func entropy(p []float64) float64 {
	h := 0.0
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log2(v)
		}
	}
	return h
}

func (c *chain) Filter() corpora.Filter { return &chainFilter{c: c, p: c.pi} }

type chainFilter struct {
	c *chain
	p []float64
}

func (f *chainFilter) Reset()                   { f.p = f.c.pi }
func (f *chainFilter) Predict(p []float64)      { copy(p, f.p) }
func (f *chainFilter) Observe(x corpora.Symbol) { f.p = f.c.rows[x] }
func (f *chainFilter) Fork() corpora.Filter     { g := *f; return &g }
func (f *chainFilter) PredictAhead(p []float64, k int) {
	q := f.p
	for range k - 1 {
		q = f.c.push(q)
	}
	copy(p, q)
}
