package ppmd

import (
	"fmt"

	"horizon/predictors"
)

// A bound on the model's bytes is another end of its memory than PPMd's: a
// model that is cleared when it is full may know next to nothing when training
// ends. So one with a budget stops learning instead, and Train begins anew with
// contexts one symbol shorter until nothing is left out.

// SetBudget bounds the bytes of the model.
func (m *model) SetBudget(b predictors.Budget) error {
	if m.budgeted = b.ModelBytes > 0; !m.budgeted {
		return nil
	}
	least := m.fixedBytes() + m.used() + m.slack()
	if b.ModelBytes < least {
		return fmt.Errorf("model_bytes = %d: ppmd takes %d before it has learned anything", b.ModelBytes, least)
	}
	m.memory = min(m.memory, b.ModelBytes-m.fixedBytes())
	return nil
}

// fixedBytes are the tables'.
func (m *model) fixedBytes() int64 {
	empty := *m
	empty.contexts, empty.states, empty.text, empty.ends = nil, nil, nil, nil
	return empty.Bytes()
}

// slack is what a symbol may take at most: a context for each suffix, and a
// larger block of states for each but the longest.
func (m *model) slack() int64 { return int64(m.order+1)*(16+64) + 12*int64(m.a) + 32 }

// Full reports that symbols were left out for want of bytes.
func (m *model) Full() bool { return m.full }

// Shrink makes the longest context one symbol shorter.
func (p *ppmd) Shrink() bool {
	if p.order == 2 {
		return false
	}
	p.order--
	p.full = false
	p.model.clear()
	p.Reset()
	return true
}

// Trim gives back spare capacity.
func (m *model) Trim() {
	m.contexts, m.states = predictors.Trimmed(m.contexts), predictors.Trimmed(m.states)
	m.text, m.ends = predictors.Trimmed(m.text), predictors.Trimmed(m.ends)
	m.free, m.rank = predictors.Trimmed(m.free), predictors.Trimmed(m.rank)
}

// Ops counts, while learning, for every context looked at its states, itself
// and the two estimates that are moved; and takes as many contexts as are long
// for a symbol, of average size.
func (m *model) Ops() (train, perSymbol float64) {
	return m.work, float64(m.order+1) * (perLook + float64(len(m.states))/float64(len(m.contexts)))
}

const perLook = 4

// looked is the operations of learning by a walk.
func (m *model) looked(w *walk) (ops float64) {
	for i := range w.passed {
		ops += perLook + float64(m.contexts[w.passed[i].context].n)
	}
	return ops + perLook + float64(w.rank+1)
}
