package corpora

import (
	"context"
	"fmt"
)

// SemiMarkov is a hidden semi-Markov process: a regime holds for a duration
// drawn when it begins, uniformly from Shortest..Longest, and then gives way to
// the next regime in turn, or to any of the others alike; each emits 1s with a
// probability of its own.
//
//	T^x[(r,d),(r,d−1)] = e_r(x), d > 1
//	T^x[(r,1),(s,d)]   = e_r(x) · P(s | r) · P(D = d)
//
// The state is the regime and what is left of it (Yu 2010, Hidden semi-Markov
// models, section 2: the residual-time form), π(r,d) ∝ P(D ≥ d).
type SemiMarkov struct {
	P        []float64 `toml:"p"`        // of a 1 in each regime
	Shortest int       `toml:"shortest"` // duration of a regime
	Longest  int       `toml:"longest"`
	Cyclic   bool      `toml:"cyclic"` // regimes follow in order; otherwise any other may be next
	ProcessOptions
}

// mostStates bounds the states that a law of our own making may have.
const mostStates = 1 << 16

// Validate checks ranges.
func (c *SemiMarkov) Validate() error {
	if n := len(c.P); n < 2 || n > 256 {
		return fmt.Errorf("p: %d regimes, want 2 to 256", n)
	}
	for r, p := range c.P {
		if err := between(fmt.Sprintf("p[%d]", r), p, 0, 1); err != nil {
			return err
		}
	}
	err := first(atLeast("shortest", c.Shortest, 1), between("longest", float64(c.Longest), float64(c.Shortest), mostStates/2), c.validate())
	if n := len(c.P) * c.Longest; err == nil && n > mostStates {
		err = fmt.Errorf("longest = %d in %d regimes makes %d states, want at most %d", c.Longest, len(c.P), n, mostStates)
	}
	return err
}

// Process makes the law. State r·Longest + d − 1 has d symbols of regime r left.
func (c *SemiMarkov) Process(uint64) (Process, error) {
	n, longest := len(c.P), c.Longest
	length := 1 / float64(longest-c.Shortest+1)
	var ts []transition
	for r, p := range c.P {
		for x, e := range [2]float64{1 - p, p} {
			for d := 1; d < longest; d++ {
				ts = append(ts, transition{r*longest + d, Symbol(x), r*longest + d - 1, e})
			}
			for s, follows := range c.next(r, n) {
				for d := c.Shortest; follows > 0 && d <= longest; d++ {
					ts = append(ts, transition{r * longest, Symbol(x), s*longest + d - 1, e * follows * length})
				}
			}
		}
	}
	return law(newHMM(2, n*longest, ts))
}

// next is P(s | r).
func (c *SemiMarkov) next(r, n int) []float64 {
	p := make([]float64, n)
	for s := range p {
		switch {
		case c.Cyclic && s == (r+1)%n:
			p[s] = 1
		case !c.Cyclic && s != r:
			p[s] = 1 / float64(n-1)
		}
	}
	return p
}

// Load draws from it.
func (c *SemiMarkov) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "semi-markov", c)
}
