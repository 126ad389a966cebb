package corpora

import (
	"context"
	"fmt"
	"math"
)

// Dyck is balanced brackets of some types, nested to a bounded depth: with
// probability push another is opened, its type drawn uniformly, and otherwise
// the last is closed; an empty stack must be pushed to, a full one popped.
// Symbol y < types opens type y, symbol types+y closes it.
//
//	T^{y}[s, s·y] = push/types,  T^{types+y}[s·y, s] = 1 − push
//
// The state is the stack (the Dyck language of bounded depth of Hewitt et al.
// 2020): Σ_d types^d of them. Which type a bracket closes
// can be known from the past however far it was opened, so a predictor that
// counts to less than the longest bracket loses. The depth's parity alternates:
// the process has period 2.
type Dyck struct {
	Types int     `toml:"types"` // of brackets
	Depth int     `toml:"depth"` // of the deepest
	Push  float64 `toml:"push"`  // probability to open where one may also close
	ProcessOptions
}

// Validate checks ranges.
func (c *Dyck) Validate() error {
	err := first(between("types", float64(c.Types), 1, 128), between("depth", float64(c.Depth), 1, mostStates-1), inside("push", c.Push, 0, 1), c.validate())
	if err != nil {
		return err
	}
	if n := c.stacks(); n > mostStates {
		return fmt.Errorf("depth = %d with types = %d makes %.0f stacks, want at most %d", c.Depth, c.Types, n, mostStates)
	}
	return nil
}

// stacks is Σ_{d ≤ depth} types^d.
func (c *Dyck) stacks() (n float64) {
	for d := range c.Depth + 1 {
		n += math.Pow(float64(c.Types), float64(d))
	}
	return n
}

// Process makes the law. Stacks are numbered by depth, then as numbers to the
// base types whose last digit is the top.
func (c *Dyck) Process(uint64) (Process, error) {
	var ts []transition
	first, width := 0, 1 // of the stacks of depth d
	for d := range c.Depth + 1 {
		push := c.opens(d)
		below := first - width/c.Types
		for s := range width {
			for y := 0; y < c.Types && push > 0; y++ {
				ts = append(ts, transition{first + s, Symbol(y), first + width + s*c.Types + y, push / float64(c.Types)})
			}
			if push < 1 {
				ts = append(ts, transition{first + s, Symbol(c.Types + s%c.Types), below + s/c.Types, 1 - push})
			}
		}
		first, width = first+width, width*c.Types
	}
	h, err := newHMM(2*c.Types, first, ts)
	if err != nil {
		return nil, err
	}
	h.closed = c.convergence
	return h, nil
}

// convergence is E and TI. The future tells the stack, which is emptied sooner
// or later, so E = I(stack; future) = H(stack) = C_μ. Types are drawn uniformly and say
// nothing of the depth, so the L-th symbol's entropy is that of its direction,
// given the directions, and of its type, given it: of what is opened always, of
// what is closed only where that was opened before the first symbol seen,
//
//	h(L) − h = h_d(L) − h_d + log₂ types · P(the L-th closes what was not seen to be opened)
//
// h_d being that of the walk over depths. TI is summed exactly from the second
// term, and from the first as far as the walk's beliefs are few.
func (c *Dyck) convergence(m *HMM) (E, TI Quantity) {
	E = Quantity{Value: entropy(m.pi), How: Exact}
	walk, err := c.walk()
	if err != nil {
		return E, unknown()
	}
	_, TI, ok := walk.minimal().synchronise()
	if !ok {
		TI = simulate(walk, nil).transient
	}
	TI.Value += math.Log2(float64(c.Types)) * c.unseen(walk)
	return E, TI
}

// walk is the process of depths: 0 goes one up, 1 down.
func (c *Dyck) walk() (*HMM, error) {
	var ts []transition
	for d := range c.Depth + 1 {
		up := c.opens(d)
		if up > 0 {
			ts = append(ts, transition{d, 0, d + 1, up})
		}
		if up < 1 {
			ts = append(ts, transition{d, 1, d - 1, 1 - up})
		}
	}
	return newHMM(2, c.Depth+1, ts)
}

// opens is the probability to open at depth d.
func (c *Dyck) opens(d int) float64 {
	switch d {
	case 0:
		return 1
	case c.Depth:
		return 0
	}
	return c.Push
}

// unseen is Σ_L L·P_L, with P_L the probability that the L-th symbol
// goes below the least depth so far: by the law of depth and least depth.
func (c *Dyck) unseen(walk *HMM) (late float64) {
	now := rows(c.Depth+1, c.Depth+1) // now[least][depth]
	for d, p := range walk.pi {
		now[d][d] = p
	}
	for L, left := 1, 1.0; left > 1e-13 && L < 1<<16; L++ {
		next := rows(c.Depth+1, c.Depth+1)
		left = 0
		for least := range now {
			for d, p := range now[least] {
				if p == 0 {
					continue
				}
				left += p * float64(least)
				up := c.opens(d)
				if up > 0 {
					next[least][d+1] += p * up
				}
				if up < 1 {
					next[min(least, d-1)][d-1] += p * (1 - up)
					if d == least {
						late += float64(L) * p * (1 - up)
					}
				}
			}
		}
		now = next
	}
	return late
}

// Load draws from it.
func (c *Dyck) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "dyck", c)
}
