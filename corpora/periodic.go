package corpora

import (
	"context"
	"fmt"
)

// NoisyPeriodic repeats a word of digits, each symbol changed to one of the
// A−1 others, all alike, with probability ε:
//
//	T^x[i, i+1 mod n] = 1−ε if x = word[i], else ε/(A−1)
//
// A is one more than the word's largest digit, and at least 2. The phase is
// learned in the limit, so L_k* = h_2(ε) + ε·log₂(A−1) for every k: looking
// further ahead loses nothing.
type NoisyPeriodic struct {
	Word string  `toml:"word"` // digits
	Flip float64 `toml:"flip"` // ε
	ProcessOptions
}

// Validate checks ranges.
func (c *NoisyPeriodic) Validate() error {
	if c.Word == "" {
		return fmt.Errorf("word = \"\", want digits")
	}
	for _, r := range c.Word {
		if r < '0' || r > '9' {
			return fmt.Errorf("word = %q, want digits", c.Word)
		}
	}
	return first(between("flip", c.Flip, 0, 1), c.validate())
}

// Process makes the law.
func (c *NoisyPeriodic) Process(uint64) (Process, error) {
	a := 2
	for _, d := range []byte(c.Word) {
		a = max(a, int(d-'0')+1)
	}
	var ts []transition
	for i, d := range []byte(c.Word) {
		for x := range a {
			p := c.Flip / float64(a-1)
			if x == int(d-'0') {
				p = 1 - c.Flip
			}
			ts = append(ts, transition{i, Symbol(x), (i + 1) % len(c.Word), p})
		}
	}
	h, err := newHMM(a, len(c.Word), ts)
	if err != nil {
		return nil, err
	}
	// E = log₂ P, the phase: it is never lost, and known from either side.
	if c.Flip > 0 {
		h.closed = func(m *HMM) (E, TI Quantity) {
			return Quantity{Value: entropy(m.pi), How: Exact}, unknown()
		}
	}
	return h, nil
}

// Load draws from it.
func (c *NoisyPeriodic) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "noisy-periodic", c)
}
