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
		push := c.Push
		switch d {
		case 0:
			push = 1
		case c.Depth:
			push = 0
		}
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
	return law(h, err)
}

// Load draws from it.
func (c *Dyck) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "dyck", c)
}
