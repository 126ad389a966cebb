package machine

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"horizon/predictors"
)

// CSSR, causal state splitting reconstruction (Shalizi & Klinkner 2004, Blind
// construction of optimal nonlinear recursive predictors for discrete
// sequences, UAI; procedures I to III of their section 3). A state is a set of
// histories, finite strings, after which the future has one law.
//
//	I.   One state, of the empty history.
//	II.  For L = 1 … L_max: is the law of what follows the history ax, one
//	     symbol a longer than x, that of x's state? A test of size α says. If
//	     not, ax goes to the state whose law it agrees with best, if with any
//	     at size α, else it is a state of its own.
//	III. States whose histories x go, on some symbol b, to different states xb
//	     are split until there are none; states that are left for ever are
//	     removed.
//
// Departures. (a) In II, histories of a length come in order of their counts,
// and a state's law is that of its histories of the length before. (b) In III, a state's histories are those of up to
// L_max − 1 symbols, so that xb is no longer than L_max and was itself tested;
// where the loss of the oldest symbol makes xb's longest history shorter than
// that another state by II, only the class of xb that II found is held against
// a state, not its parts. So a machine can remember more than L_max symbols,
// as that of the even process must. (c) Laws may be those of the next `future`
// symbols together. One symbol, theirs, is enough in the limit, as III finds
// the rest; but longer futures are told apart before L_max is. (d) At the end,
// states are merged that no future tells apart, by the same test: II may have
// split by chance. (e) Histories seen less than min_count times are not tested
// and count as the next shorter.
//
// The predictor is the machine's Bayes filter (walker.go), with
//
//	P(x | s) = (n(s,x) + prior/A) / (n(s) + prior).
//
// Training takes O(n L_max) and a test for each history and state; space is
// 12·A bytes a state.

// A CSSRConfig configures the kind "cssr".
type CSSRConfig struct {
	// Length is L_max, the longest history, 2 to 64. It should exceed what
	// tells states apart; A^L_max should be well below the training symbols.
	Length int `toml:"length"`
	// Alpha is the size of tests, in (0, 1).
	Alpha float64 `toml:"alpha"`
	// Test is "chi-square" (Pearson's, of two samples) or "kolmogorov-smirnov".
	Test string `toml:"test"`
	// Future is how many symbols ahead laws are of, ≥ 1, A^future ≤ 4096.
	Future int `toml:"future"`
	// MinCount is the least count of a history that is tested, ≥ 1.
	MinCount int `toml:"min_count"`
	// MaxStates bounds the states of II, 1 to 10,000: from then on a history
	// goes to the state it agrees with best.
	MaxStates int `toml:"max_states"`
	// Prior is the weight of the uniform law in each state's, in counts, > 0.
	Prior float64 `toml:"prior"`
}

// DefaultCSSR has the significance of the paper's experiments.
func DefaultCSSR() predictors.Config {
	return &CSSRConfig{Length: 5, Alpha: 1e-3, Test: "chi-square", Future: 1, MinCount: 10, MaxStates: 1000, Prior: 1}
}

// TinyCSSR remembers two symbols.
func TinyCSSR() predictors.Config {
	c := *DefaultCSSR().(*CSSRConfig)
	c.Length = 3
	return &c
}

// New returns a predictor that has seen nothing: one state.
func (c *CSSRConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("cssr", env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(env.Alphabet); err != nil {
		return nil, err
	}
	next, p := make([]int32, env.Alphabet), make([]float64, env.Alphabet)
	for x := range p {
		p[x] = 1 / float64(env.Alphabet)
	}
	m, err := New(env.Alphabet, next, p)
	if err != nil {
		return nil, err
	}
	t := &cssr{CSSRConfig: *c}
	t.place(m)
	return t, nil
}

// maxFutures is the most values of a future.
const maxFutures = 4096

func (c *CSSRConfig) check(a int) error {
	switch {
	case c.Length < 2 || c.Length > 64:
		return fmt.Errorf("cssr: length = %d, want 2 to 64", c.Length)
	case !(c.Alpha > 0 && c.Alpha < 1):
		return fmt.Errorf("cssr: alpha = %v, want above 0 and below 1", c.Alpha)
	case tests[c.Test] == nil:
		return fmt.Errorf("cssr: test = %q, want \"chi-square\" or \"kolmogorov-smirnov\"", c.Test)
	case c.Future < 1 || c.Future > 1 && math.Pow(float64(a), float64(c.Future)) > maxFutures:
		return fmt.Errorf("cssr: future = %d of %d symbols, want ≥ 1, and at most %d futures", c.Future, a, maxFutures)
	case c.MinCount < 1:
		return fmt.Errorf("cssr: min_count = %d, want ≥ 1", c.MinCount)
	case c.MaxStates < 1 || c.MaxStates > 10_000:
		return fmt.Errorf("cssr: max_states = %d, want 1 to 10000", c.MaxStates)
	case !(c.Prior > 0) || math.IsInf(c.Prior, 1):
		return fmt.Errorf("cssr: prior = %v, want > 0", c.Prior)
	}
	return nil
}

// cssr is a place in a machine learned from a text.
type cssr struct {
	CSSRConfig
	walker
	work  float64
	found float64 // states of II
}

// place goes to the empty past of a machine.
func (p *cssr) place(m *Machine) {
	p.walker = walker{law: newLaw(m)}
	p.Reset()
}

func (p *cssr) Fork() predictors.Predictor {
	return &cssr{CSSRConfig: p.CSSRConfig, walker: *p.walker.fork(), work: p.work, found: p.found}
}

// Machine is what was learned.
func (p *cssr) machine() *Machine { return p.law.Machine }

// Fit learns the machine of the training part.
func (p *cssr) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	a := p.A
	h := newHistories(d.Train, a, p.Future)
	r := &reconstruction{CSSRConfig: p.CSSRConfig, h: h, test: tests[p.Test]}
	r.begin()
	for l := 1; l <= p.Length && ctx.Err() == nil; l++ {
		last := r.lengthen(ctx)
		report(predictors.Progress{Stage: "train", Done: int64(l), Total: int64(p.Length)})
		if last {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.work, p.found = r.work, float64(len(r.states))
	m, err := r.machine()
	if err != nil {
		return err
	}
	p.place(m)
	report(predictors.Progress{Stage: "train", Done: int64(p.Length), Total: int64(p.Length), Symbols: int64(d.Symbols())})
	return nil
}

// Describe reports the machine: its states, statistical complexity and entropy
// rate in bits, and how many states II found.
func (p *cssr) Describe() map[string]float64 {
	return map[string]float64{"states": float64(p.States()), "complexity": p.Complexity(), "entropy_rate": p.Rate, "states_before_splitting": p.found}
}

// Ops counts the histories interned and tests' terms; a symbol to come takes
// its probability and the next state.
func (p *cssr) Ops() (train, perSymbol float64) { return p.work, 2 }

// SetBudget refuses to stop early; the bytes are known at the end.
func (p *cssr) SetBudget(b predictors.Budget) error {
	if err := predictors.NoClock("cssr", "decides on states when all histories are counted", b); err != nil {
		return err
	}
	return nil
}

// Bytes counts the machine and the states listed by symbol.
func (p *cssr) Bytes() int64 {
	n := p.Machine.Bytes() + 8*int64(cap(p.mass))
	for _, s := range p.into {
		n += 4 * int64(cap(s))
	}
	return n
}

// WriteTo writes the machine.
func (p *cssr) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, p.fields) }

// ReadFrom replaces it.
func (p *cssr) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, p.fields) }

func (p *cssr) fields(a *predictors.Archive) {
	next, probs, pi, found := p.Next, p.P, p.Pi, p.found
	predictors.Slice(a, &next)
	predictors.Slice(a, &probs)
	predictors.Slice(a, &pi)
	predictors.Value(a, &found)
	if !a.Reading() || a.Err() != nil {
		return
	}
	saved := &Machine{A: p.A, Next: next, P: probs}
	if err := saved.check(); err != nil {
		a.Fail(fmt.Errorf("cssr: %w", err))
		return
	}
	m, err := New(p.A, next, probs)
	if err != nil {
		a.Fail(fmt.Errorf("cssr: %w", err))
		return
	}
	if !slices.Equal(m.Pi, pi) {
		a.Fail(fmt.Errorf("cssr: the saved stationary law is not that of the saved transitions"))
		return
	}
	p.found = found
	p.place(m)
}
