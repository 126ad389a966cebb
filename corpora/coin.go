package corpora

import (
	"context"
	"fmt"
)

// Coin is independent flips.
type Coin struct {
	P float64 `toml:"p"` // of a 1
	ProcessOptions
}

// Validate checks ranges.
func (c *Coin) Validate() error { return first(between("p", c.P, 0, 1), c.validate()) }

// Process makes the law.
func (c *Coin) Process(uint64) (Process, error) { return law(newHMM(2, 1, flip(0, c.P, 0, 0))) }

// Load draws from it.
func (c *Coin) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "coin", c)
}

// IID is independent symbols.
type IID struct {
	Probabilities []float64 `toml:"probabilities"` // of each symbol, summing to one
	ProcessOptions
}

// Validate checks ranges.
func (c *IID) Validate() error {
	if n := len(c.Probabilities); n < 1 || n > 256 {
		return fmt.Errorf("probabilities: %d symbols, want 1 to 256", n)
	}
	sum := 0.0
	for x, p := range c.Probabilities {
		if err := between(fmt.Sprintf("probabilities[%d]", x), p, 0, 1); err != nil {
			return err
		}
		sum += p
	}
	return first(between("sum of probabilities", sum, 1-rowError, 1+rowError), c.validate())
}

// Process makes the law.
func (c *IID) Process(uint64) (Process, error) {
	var ts []transition
	for x, p := range c.Probabilities {
		ts = append(ts, transition{0, Symbol(x), 0, p})
	}
	return law(newHMM(len(c.Probabilities), 1, ts))
}

// Load draws from it.
func (c *IID) Load(ctx context.Context, env Env) (*Corpus, error) { return c.load(ctx, env, "iid", c) }
