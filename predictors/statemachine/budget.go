package statemachine

import (
	"fmt"
	"math"
	"unsafe"

	"horizon/predictors"
)

// SetBudget bounds the states by the bytes they take; what happens at that
// bound is the configuration's to say.
func (m *machine) SetBudget(b predictors.Budget) error {
	if b.ModelBytes == 0 {
		return nil
	}
	most := (b.ModelBytes - 8) / int64(unsafe.Sizeof(state{}))
	if most < int64(m.beginnings()+m.b) {
		return fmt.Errorf("model_bytes = %d: dmc begins with %d states of %d bytes", b.ModelBytes, m.beginnings(), unsafe.Sizeof(state{}))
	}
	m.MaxStates = int(min(int64(m.MaxStates), most))
	return nil
}

// Full is never so: a machine that is full goes on counting.
func (p *dmc) Full() bool { return false }

// Shrink does nothing: there is no smaller size.
func (p *dmc) Shrink() bool { return false }

// Trim gives back spare capacity.
func (m *machine) Trim() { m.states = predictors.Trimmed(m.states) }

// Ops counts for each bit the state, its two counts, that of the state ahead
// and the comparisons that decide on a clone; of a bit to come, the state, an
// addition, a division and two products.
func (m *machine) Ops() (train, perSymbol float64) {
	return 7 * float64(m.b) * m.learned, 5 * float64(max(1, m.b))
}

// Ops counts what Fit and Learn did at the contexts, and for a symbol to come
// the state, its context, a count and three operations of smoothing.
func (t *suffixTree) Ops() (train, perSymbol float64) { return t.work, 6 }

// perPass is the operations of an iteration on one symbol: a product and a sum
// for each transition forwards, backwards and in the counts.
func (m *model) perPass() float64 { return 6 * float64(m.n) * float64(m.n) }

// Ops counts the symbols that iterations went through; a symbol to come takes
// a step forwards and a sum over the states.
func (m *model) Ops() (train, perSymbol float64) {
	return m.work, 2*float64(m.n)*float64(m.n) + 4*float64(m.n)
}

// SetBudget refuses fewer bytes than the law takes, and to stop early: an
// iteration goes over all the text.
func (p *hmm) SetBudget(b predictors.Budget) error {
	if err := predictors.NoClock("hmm", "climbs by whole passes from many beginnings, and says how many in its configuration", b); err != nil {
		return err
	}
	return predictors.FixedBytes("an hmm of so many states", p.Bytes(), b)
}

// SetBudget bounds the bytes of the tree.
func (t *suffixTree) SetBudget(b predictors.Budget) error {
	if err := predictors.NoClock("pst", "decides on contexts when all of them are counted", b); err != nil {
		return err
	}
	t.budget = b.ModelBytes
	return nil
}

// prune raises Pmin, by halving, to the least that keeps the tree within its
// bytes.
func (t *suffixTree) prune(g *nursery) {
	t.trim()
	if t.budget == 0 || t.Bytes() <= t.budget {
		return
	}
	low, high := max(t.pMin, 1e-9), 1.0
	for range 20 {
		t.pMin = low * math.Sqrt(high/low)
		g.grow()
		if t.trim(); t.Bytes() <= t.budget {
			high = t.pMin
		} else {
			low = t.pMin
		}
	}
	t.pMin = high
	g.grow()
	t.trim()
}

// trim gives back spare capacity.
func (t *suffixTree) trim() {
	t.suffix, t.oldest, t.total = predictors.Trimmed(t.suffix), predictors.Trimmed(t.oldest), predictors.Trimmed(t.total)
	t.link, t.context = predictors.Trimmed(t.link), predictors.Trimmed(t.context)
	for _, p := range []*pairs{&t.counts, &t.edges} {
		p.list, p.first = predictors.Trimmed(p.list), predictors.Trimmed(p.first)
	}
}

// hasRoom reports whether a count can be added.
func (t *suffixTree) hasRoom() bool { return t.budget == 0 || 2*t.counts.bytes() < t.budget-t.Bytes() }
