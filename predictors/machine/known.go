package machine

import (
	"errors"
	"fmt"
	"math"

	"horizon/corpora"
)

// ErrNotUnifilar is why a process has no machine to compare with: its causal
// states are not the states of its presentation, and may be infinitely many.
var ErrNotUnifilar = errors.New("the process is not known by a unifilar presentation: its causal states may be infinitely many")

// True is the ε-machine of a process that is given by a unifilar presentation:
// its causal states are the presentation's states that no future tells apart
// (Shalizi & Crutchfield 2001), since in the limit the past determines the
// presentation's state. Probabilities within 1e-9 count as equal.
func True(p corpora.Process) (*Machine, error) {
	h, ok := p.(*corpora.HMM)
	if !ok {
		return nil, ErrNotUnifilar
	}
	next, probs, ok := h.Unifilar()
	if !ok {
		return nil, ErrNotUnifilar
	}
	m, err := New(h.Alphabet(), next, probs)
	if err != nil {
		return nil, err
	}
	return m.Minimise(func(s, t int) bool { return m.apart(s, m, t) < 1e-9 })
}

// apart is the greatest difference of the probabilities of a symbol in state s
// and in state t of another machine.
func (m *Machine) apart(s int, o *Machine, t int) (most float64) {
	for x := range m.A {
		most = max(most, math.Abs(m.P[s*m.A+x]-o.P[t*o.A+x]))
	}
	return most
}

// Same compares machines up to the names of their states: it returns nil if
// there is a one-to-one map between them under which each symbol leads to
// corresponding states and has probabilities within tolerance. What may be
// missing in one is a transition of probability up to tolerance in both.
//
// The states of either are all reachable from one another, so that one pair of
// corresponding states determines the map: each is tried for state 0, in time
// O(S²A).
func Same(m, o *Machine, tolerance float64) error {
	if m.A != o.A {
		return fmt.Errorf("%d symbols, not %d", m.A, o.A)
	}
	if m.States() != o.States() {
		return fmt.Errorf("%d states, not %d", m.States(), o.States())
	}
	var why error
	for t := range o.States() {
		if why = m.maps(o, t, tolerance); why == nil {
			return nil
		}
	}
	if m.States() == 1 {
		return why
	}
	return fmt.Errorf("no map of the %d states agrees in transitions and, within %v, in probabilities", m.States(), tolerance)
}

// maps follows both machines from state 0 and from t.
func (m *Machine) maps(o *Machine, t int, tolerance float64) error {
	to, from := make([]int, m.States()), make([]int, o.States())
	for s := range to {
		to[s], from[s] = -1, -1
	}
	to[0], from[t] = t, 0
	for stack := []int{0}; len(stack) > 0; {
		s := stack[len(stack)-1]
		t := to[s]
		stack = stack[:len(stack)-1]
		if d := m.apart(s, o, t); !(d <= tolerance) {
			return fmt.Errorf("probabilities differ by %.3g", d)
		}
		for x := range m.A {
			i, j := m.Next[s*m.A+x], o.Next[t*o.A+x]
			rare := m.P[s*m.A+x] <= tolerance && o.P[t*o.A+x] <= tolerance
			switch {
			case rare:
			case i < 0 || j < 0:
				return fmt.Errorf("one has no transition on %d", x)
			case to[i] < 0 && from[j] < 0:
				to[i], from[j] = int(j), int(i)
				stack = append(stack, int(i))
			case to[i] != int(j):
				return fmt.Errorf("transitions on %d differ", x)
			}
		}
	}
	return nil
}
