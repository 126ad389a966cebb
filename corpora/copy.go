package corpora

import "context"

// Copy repeats, with errors, what it said m symbols ago:
//
//	x_t = x_{t−m} xor Bernoulli(ε)
//
// Its state is the last m symbols, 2^m of them, and a predictor that sees
// fewer than m symbols back sees fair coin flips. Looking k ahead goes through
// j = ⌈k/m⌉ copies: L_k* = h_2((1 − (1−2ε)^j)/2).
type Copy struct {
	Lag  int     `toml:"lag"`  // m
	Flip float64 `toml:"flip"` // ε
	ProcessOptions
}

// Validate checks ranges.
func (c *Copy) Validate() error {
	return first(between("lag", float64(c.Lag), 1, 16), inside("flip", c.Flip, 0, 1), c.validate())
}

// Process makes the law. State s holds the last m symbols, the oldest in its
// highest bit.
func (c *Copy) Process(uint64) (Process, error) {
	n := 1 << c.Lag
	ts := make([]transition, 0, 2*n)
	for s := range n {
		p := c.Flip
		if s >= n/2 {
			p = 1 - c.Flip
		}
		ts = append(ts, flip(s, p, 2*s%n, (2*s+1)%n)...)
	}
	h, err := newHMM(2, n, ts)
	if err != nil {
		return nil, err
	}
	// E = m(1 − h_2(ε)): h(L) = 1 until the symbol m back has been seen, and
	// h_2(ε) from then on.
	h.closed = func(*HMM) (E, TI Quantity) {
		gain, m := 1-entropy([]float64{c.Flip, 1 - c.Flip}), float64(c.Lag)
		return Quantity{Value: m * gain, How: Exact}, Quantity{Value: m * (m + 1) / 2 * gain, How: Exact}
	}
	return h, nil
}

// Load draws from it.
func (c *Copy) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "copy", c)
}
