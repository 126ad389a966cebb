package corpora

import "context"

// The processes of the programme's section 3 that have a few states, each by
// its nonzero T^x[i,j]: the probability to emit x and go to j when in i.

// flip is the transitions of a state that emits 1 with probability p, and
// where each symbol leads.
func flip(from int, p float64, zero, one int) []transition {
	return []transition{{from, 0, zero, 1 - p}, {from, 1, one, p}}
}

func join(parts ...[]transition) (ts []transition) {
	for _, p := range parts {
		ts = append(ts, p...)
	}
	return ts
}

// GoldenMean has no two 0s in a row (the golden mean shift when p = ½):
//
//	T1[A,A] = p, T0[A,B] = 1−p, T1[B,A] = 1
type GoldenMean struct {
	P float64 `toml:"p"` // of a 1 where both symbols may come
	ProcessOptions
}

// Validate checks ranges.
func (c *GoldenMean) Validate() error { return first(inside("p", c.P, 0, 1), c.validate()) }

// Process makes the law.
func (c *GoldenMean) Process(uint64) (Process, error) {
	return law(newHMM(2, 2, join(flip(0, c.P, 1, 0), flip(1, 1, 0, 0))))
}

// Load draws from it.
func (c *GoldenMean) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "golden-mean", c)
}

// Even has runs of 1s of even length between 0s: the parity of the run must
// be remembered however long it is, so no finite order suffices.
//
//	T0[E,E] = 1−p, T1[E,O] = p, T1[O,E] = 1
type Even struct {
	P float64 `toml:"p"` // of beginning a pair of 1s
	ProcessOptions
}

// Validate checks ranges.
func (c *Even) Validate() error { return first(inside("p", c.P, 0, 1), c.validate()) }

// Process makes the law.
func (c *Even) Process(uint64) (Process, error) {
	return law(newHMM(2, 2, join(flip(0, c.P, 0, 1), flip(1, 1, 0, 0))))
}

// Load draws from it.
func (c *Even) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "even", c)
}

// RRXOR emits two random bits and their exclusive or, over and over:
//
//	T0[S,0] = T1[S,1] = ½; T0[0,F] = T1[0,T] = ½; T0[1,T] = T1[1,F] = ½; T0[F,S] = T1[T,S] = 1
type RRXOR struct{ ProcessOptions }

// Validate checks ranges.
func (c *RRXOR) Validate() error { return c.validate() }

// Process makes the law.
func (c *RRXOR) Process(uint64) (Process, error) {
	const S, zero, one, F, T = 0, 1, 2, 3, 4
	return law(newHMM(2, 5, join(flip(S, 0.5, zero, one),
		flip(zero, 0.5, F, T), flip(one, 0.5, T, F), flip(F, 0, S, S), flip(T, 1, S, S))))
}

// Load draws from it.
func (c *RRXOR) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "rrxor", c)
}

// Nemo (Mahoney, Ellison & Crutchfield 2009) hides most of what its state is:
//
//	T1[A,A] = p, T0[A,B] = 1−p; T0[B,C] = 1; T0[C,A] = 1−q, T1[C,A] = q
type Nemo struct {
	P float64 `toml:"p"` // of a 1, and of staying, in A
	Q float64 `toml:"q"` // of a 1 in C
	ProcessOptions
}

// Validate checks ranges.
func (c *Nemo) Validate() error {
	return first(inside("p", c.P, 0, 1), between("q", c.Q, 0, 1), c.validate())
}

// Process makes the law.
func (c *Nemo) Process(uint64) (Process, error) {
	return law(newHMM(2, 3, join(flip(0, c.P, 1, 0), flip(1, 0, 2, 2), flip(2, c.Q, 0, 0))))
}

// Load draws from it.
func (c *Nemo) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "nemo", c)
}

// Z1R emits a zero, a one and a random bit, over and over:
//
//	T0[0,1] = 1; T1[1,R] = 1; T0[R,0] = 1−p, T1[R,0] = p
type Z1R struct {
	P float64 `toml:"p"` // of a 1 where the bit is random
	ProcessOptions
}

// Validate checks ranges.
func (c *Z1R) Validate() error { return first(between("p", c.P, 0, 1), c.validate()) }

// Process makes the law.
func (c *Z1R) Process(uint64) (Process, error) {
	return law(newHMM(2, 3, join(flip(0, 0, 1, 1), flip(1, 1, 2, 2), flip(2, c.P, 0, 0))))
}

// Load draws from it.
func (c *Z1R) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "z1r", c)
}

// Mess3 (Shai et al. 2024, whose code has x = .15, a = .6) wanders among three
// states, each heard as its own symbol with probability a, and as each of the
// others with b = (1−a)/2:
//
//	T^s[i,j] = (1−2x if i = j, else x) · (a if s = j, else b)
type Mess3 struct {
	X float64 `toml:"x"` // of going to each of the other states
	A float64 `toml:"a"` // of a state's own symbol
	ProcessOptions
}

// Validate checks ranges.
func (c *Mess3) Validate() error {
	err := first(between("x", c.X, 0, 0.5), between("a", c.A, 0, 1), c.validate())
	if err == nil && c.X == 0 {
		err = inside("x", c.X, 0, 0.5) // the state would never change
	}
	return err
}

// Process makes the law.
func (c *Mess3) Process(uint64) (Process, error) {
	var ts []transition
	for i := range 3 {
		for j := range 3 {
			move := c.X
			if i == j {
				move = 1 - 2*c.X
			}
			for s := range 3 {
				heard := (1 - c.A) / 2
				if s == j {
					heard = c.A
				}
				ts = append(ts, transition{i, Symbol(s), j, move * heard})
			}
		}
	}
	return law(newHMM(3, 3, ts))
}

// Load draws from it.
func (c *Mess3) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "mess3", c)
}

// SNS is the simple non-unifilar source (Crutchfield 1994; Marzen &
// Crutchfield 2015): only a 0 tells the state, so a belief is how long ago
// that was.
//
//	T1[A,A] = 1−p, T1[A,B] = p; T1[B,B] = 1−q, T0[B,A] = q
type SNS struct {
	P float64 `toml:"p"` // of leaving A
	Q float64 `toml:"q"` // of leaving B
	ProcessOptions
}

// Validate checks ranges.
func (c *SNS) Validate() error {
	return first(inside("p", c.P, 0, 1), inside("q", c.Q, 0, 1), c.validate())
}

// Process makes the law.
func (c *SNS) Process(uint64) (Process, error) {
	return law(newHMM(2, 2, []transition{{0, 1, 0, 1 - c.P}, {0, 1, 1, c.P}, {1, 1, 1, 1 - c.Q}, {1, 0, 0, c.Q}}))
}

// Load draws from it.
func (c *SNS) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "sns", c)
}

// RegimeCoin flips a coin whose bias changes sides with probability λ:
//
//	T^x[i,j] = e_i(x) · (1−λ if i = j, else λ),  e_0(1) = p, e_1(1) = 1−p
type RegimeCoin struct {
	Switch float64 `toml:"switch"` // λ
	P      float64 `toml:"p"`      // of a 1 in the first regime
	ProcessOptions
}

// Validate checks ranges.
func (c *RegimeCoin) Validate() error {
	return first(inside("switch", c.Switch, 0, 1), between("p", c.P, 0, 1), c.validate())
}

// Process makes the law.
func (c *RegimeCoin) Process(uint64) (Process, error) {
	var ts []transition
	for i, p := range [2]float64{c.P, 1 - c.P} {
		for x, e := range [2]float64{1 - p, p} {
			ts = append(ts, transition{i, Symbol(x), i, e * (1 - c.Switch)}, transition{i, Symbol(x), 1 - i, e * c.Switch})
		}
	}
	return law(newHMM(2, 2, ts))
}

// Load draws from it.
func (c *RegimeCoin) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "regime-coin", c)
}

// law is a Process from an HMM: a nil *HMM must not become a Process.
func law(h *HMM, err error) (Process, error) {
	if err != nil {
		return nil, err
	}
	return h, nil
}
