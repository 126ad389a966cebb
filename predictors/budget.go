package predictors

import (
	"fmt"
	"math"
	"time"
)

// A Budget bounds the resources of training; a field that is 0 bounds nothing.
// With it "given equivalent resources" is a setting: the same bounds for every
// family, and the amounts achieved recorded with the result.
//
// What stops by the clock stops elsewhere on another machine or another day: a
// result under TrainSeconds is not reproducible to the bit. TrainOps is, and
// compares work rather than machines.
type Budget struct {
	// Symbols is how many training symbols may be seen, the first of the
	// training part; passing over them again costs nothing here.
	Symbols int64
	// ModelBytes bounds Size after training.
	ModelBytes int64
	// TrainSeconds bounds the wall-clock time of training and tuning together.
	TrainSeconds float64
	// TrainOps bounds the operations of training as OpCounter counts them.
	TrainOps float64
}

// A Budgeter bounds its own training where Train cannot do it from outside:
// its model's bytes always, seconds and operations if it is a Fitter. (Train
// itself cuts the training part to Symbols, and stops a Learner when its time
// or operations are used up.)
type Budgeter interface {
	// SetBudget says what the next training may use. Its error names the bound
	// that cannot be kept, and why.
	SetBudget(b Budget) error
}

// A Shrinker is a Learner that keeps ModelBytes by leaving out what comes when
// it is full, and that would rather be smaller and learn all: Train then
// begins anew at the next smaller size, as long as there is one.
type Shrinker interface {
	// Full reports that something was left out for want of bytes.
	Full() bool
	// Shrink forgets everything and takes the next smaller size, such as a
	// context one symbol shorter; it does nothing and returns false if there
	// is none.
	Shrink() bool
	// Trim gives back spare capacity: training has ended.
	Trim()
}

// An OpCounter counts operations, so that families can be compared at equal
// work whatever the machine. An operation is one multiplication, addition,
// comparison or transcendental function of floating-point numbers, or one
// entry of a table or tree that is read or written: what a straightforward
// program of this algorithm cannot avoid, not what the compiler made of it.
type OpCounter interface {
	// Ops is the operations of training so far and, as an estimate from the
	// model's size or from what was scored, of one Prob and Observe.
	Ops() (train, perSymbol float64)
}

// A BudgetError says which bound a predictor cannot keep, and why. It is no
// fault of the predictor's: such a comparison cannot be made.
type BudgetError struct{ Err error }

func (e *BudgetError) Error() string { return "budget: " + e.Err.Error() }

func (e *BudgetError) Unwrap() error { return e.Err }

func refuse(format string, args ...any) error {
	return &BudgetError{fmt.Errorf(format, args...)}
}

// Check refuses amounts that are none.
func (b Budget) Check() error {
	for _, v := range []struct {
		name  string
		value float64
	}{{"symbols", float64(b.Symbols)}, {"model_bytes", float64(b.ModelBytes)},
		{"train_seconds", b.TrainSeconds}, {"train_ops", b.TrainOps}} {
		if !(v.value >= 0) || math.IsInf(v.value, 1) {
			return refuse("%s = %v, want > 0, or 0 for no bound", v.name, v.value)
		}
	}
	return nil
}

// SetBudget tells p, before it is trained, what its training may use, or says
// in a *BudgetError which bound it cannot keep and why.
func SetBudget(p Predictor, b Budget) error {
	if err := b.Check(); err != nil || b == (Budget{}) {
		return err
	}
	_, fits := p.(Fitter)
	_, learns := p.(Learner)
	_, counts := p.(OpCounter)
	own, bounds := p.(Budgeter)
	switch {
	case !fits && !learns: // nothing to train: it is as large as it is
		return keepsBytes(p, b)
	case b.ModelBytes > 0 && !bounds:
		return refuse("model_bytes = %d: this predictor grows with what it learns and has no means to stop it", b.ModelBytes)
	case b.TrainSeconds > 0 && fits && !bounds:
		return refuse("train_seconds = %v: this predictor is trained in one go and has no means to stop it", b.TrainSeconds)
	case b.TrainOps > 0 && fits && !bounds:
		return refuse("train_ops = %v: this predictor is trained in one go and has no means to stop it", b.TrainOps)
	case b.TrainOps > 0 && !fits && !counts:
		return refuse("train_ops = %v: this predictor does not count its operations", b.TrainOps)
	case bounds:
		if err := own.SetBudget(b); err != nil {
			return &BudgetError{err}
		}
	}
	return nil
}

// keepsBytes says that a trained p is too large, if it is.
func keepsBytes(p Predictor, b Budget) error {
	if b.ModelBytes == 0 {
		return nil
	}
	size, err := Size(p)
	if err == nil && size > b.ModelBytes {
		err = refuse("model_bytes = %d: the model takes %d bytes and cannot be smaller", b.ModelBytes, size)
	}
	return err
}

// FixedBytes is SetBudget for the bytes of a model whose size training does
// not change.
func FixedBytes(kind string, size int64, b Budget) error {
	if b.ModelBytes > 0 && size > b.ModelBytes {
		return fmt.Errorf("model_bytes = %d: %s takes %d bytes whatever it learns", b.ModelBytes, kind, size)
	}
	return nil
}

// NoClock is SetBudget for the seconds and operations of a Fitter that cannot
// be stopped early, and why: what it would leave is no model.
func NoClock(kind, why string, b Budget) error {
	switch {
	case b.TrainSeconds > 0:
		return fmt.Errorf("train_seconds = %v: %s %s", b.TrainSeconds, kind, why)
	case b.TrainOps > 0:
		return fmt.Errorf("train_ops = %v: %s %s", b.TrainOps, kind, why)
	}
	return nil
}

// Trimmed is s without spare capacity.
func Trimmed[T any](s []T) []T {
	if len(s) == cap(s) {
		return s
	}
	t := make([]T, len(s))
	copy(t, s)
	return t
}

// within cuts the training part to its first n symbols, if n > 0.
func (d Data) within(n int64) Data {
	if n == 0 || int64(d.Symbols()) <= n {
		return d
	}
	d.Train = firstSymbols(d.Train, n)
	return d
}

func firstSymbols(docs [][]Symbol, n int64) (out [][]Symbol) {
	for _, doc := range docs {
		if n == 0 {
			break
		}
		doc = doc[:min(int64(len(doc)), n)]
		out, n = append(out, doc), n-int64(len(doc))
	}
	return out
}

// A meter watches over the seconds and operations of a training.
type meter struct {
	b     Budget
	start time.Time
	ops   OpCounter // nil if none counts
}

func newMeter(p Predictor, b Budget) *meter {
	m := &meter{b: b, start: time.Now()}
	m.ops, _ = p.(OpCounter)
	return m
}

// spent reports whether that share of the seconds, or all operations, are
// used up.
func (m *meter) spent(share float64) bool {
	if m.b.TrainSeconds > 0 && time.Since(m.start).Seconds() >= share*m.b.TrainSeconds {
		return true
	}
	if m.b.TrainOps > 0 && m.ops != nil {
		train, _ := m.ops.Ops()
		return train >= m.b.TrainOps
	}
	return false
}

// deadline is when the seconds are used up.
func (m *meter) deadline() time.Time {
	return m.start.Add(time.Duration(m.b.TrainSeconds * float64(time.Second)))
}
