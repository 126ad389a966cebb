package transformer

import (
	"fmt"
	"time"

	"horizon/predictors"
)

// A transformer is as large as its shape says. Within seconds or operations it
// takes the steps that fit, and its learning rate is at its least when they
// end: for operations their number is known beforehand, for seconds it is
// reckoned from what the steps so far took, again and again, so that a result
// under the clock is not one to the bit.

// SetBudget bounds the next Fit.
func (p *Transformer) SetBudget(b predictors.Budget) error {
	if err := predictors.FixedBytes("a transformer of this shape", p.Bytes(), b); err != nil {
		return err
	}
	if p.prompt > 0 && p.cfg.PromptBeam > 0 && (b.TrainSeconds > 0 || b.TrainOps > 0) {
		return &predictors.BudgetError{Err: fmt.Errorf("prompt_beam = %d: a search for a prompt of symbols takes what it takes", p.cfg.PromptBeam)}
	}
	p.budget = b
	return nil
}

// Ops counts what matrices and attention take, for all of which a forward pass
// is two operations a parameter and symbol, and two for each of the C numbers
// of a key and of a value that a position attends to, half a window of them in
// the mean; the backward pass is twice that (Kaplan et al. 2020, section 2.1),
// and the optimizer a dozen operations a parameter and step. Scoring computes
// again what a window inherits.
func (p *Transformer) Ops() (train, perSymbol float64) {
	return p.work, p.forwardOps() * float64(p.W) / float64(p.cfg.Stride)
}

func (m *model) forwardOps() float64 {
	return 2*float64(len(m.params)) + (2*float64(m.cfg.Layers*m.cfg.Width)+float64(m.mixK))*float64(m.W+1)
}

const perUpdate = 12

// stepOps is the operations of a step that predicts so many symbols.
func (m *model) stepOps(symbols int) float64 {
	return 3*m.forwardOps()*float64(symbols) + perUpdate*float64(len(m.params))
}

// A schedule is what a budget makes of the steps.
type schedule struct {
	b     predictors.Budget
	start time.Time
	first time.Time // when the first step was done: it also warms up the machine
	from  int       // the step it was
	work  float64   // operations so far
	plan  [2]int    // steps and warm-up without a budget
}

const (
	reckonings  = 32   // how often the steps are reckoned anew
	forWarmup   = 0.1  // share of the steps that may be warm-up
	forTheTrain = 0.95 // share of the seconds for steps; looks take the rest
)

// affordable refuses operations that do not pay for a step and the look behind
// it.
func (t *trainer) affordable() error {
	least := t.stepOps(t.cfg.Batch*t.cfg.batches()*t.W) + t.lookOps()
	if have := t.schedule.b.TrainOps; have > 0 && have < least {
		return &predictors.BudgetError{Err: fmt.Errorf("train_ops = %.3g: a step and a look at the validation sample take %.3g", have, least)}
	}
	return nil
}

// within fits the steps into the budget, before the first and now and then.
func (t *trainer) within() {
	s := &t.schedule
	if s.b.TrainOps > 0 && t.step == 0 {
		full := t.cfg.Batch * t.cfg.batches() * t.W
		looks := t.lookOps()
		t.limit(int((s.b.TrainOps - looks) / (t.stepOps(full) + looks/float64(t.cfg.ValidEvery))))
	}
	if s.b.TrainSeconds == 0 {
		return
	}
	if s.first.IsZero() {
		if t.step > s.from {
			s.first, s.from = time.Now(), t.step
		}
		return
	}
	if done := t.step - s.from; done >= 1 && done%max(1, (t.cfg.Steps-s.from)/reckonings) == 0 {
		each := time.Since(s.first).Seconds() / float64(done)
		left := forTheTrain*s.b.TrainSeconds - time.Since(s.start).Seconds()
		t.limit(t.step + int(left/each))
	}
}

// limit sets the number of steps, to what the configuration says at most.
func (t *trainer) limit(steps int) {
	t.cfg.Steps = min(t.schedule.plan[0], max(steps, t.step, 1))
	t.cfg.Warmup = min(t.schedule.plan[1], int(forWarmup*float64(t.cfg.Steps)))
}

// spent reports whether the budget ends training before the steps do.
func (t *trainer) spent() bool {
	s := &t.schedule
	return s.b.TrainSeconds > 0 && t.step > 0 && time.Since(s.start).Seconds() >= s.b.TrainSeconds ||
		s.b.TrainOps > 0 && t.step > 0 && s.work >= s.b.TrainOps
}

// doneOps is the operations of a training that was interrupted.
func (t *trainer) doneOps() float64 {
	return 3*t.forwardOps()*float64(t.seen) + perUpdate*float64(len(t.params))*float64(t.step) +
		t.lookOps()*float64(t.step/t.cfg.ValidEvery)
}

// lookOps is the operations of a look at the validation sample.
func (t *trainer) lookOps() (ops float64) {
	for _, w := range t.valid {
		ops += t.forwardOps() * float64(len(w.xs))
	}
	return ops
}
