package predictors

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// tick is how many symbols pass between two looks at ctx; glance, between two
// at a budget.
const (
	tick   = 1 << 16
	glance = 1 << 8
)

// curveSample is how many validation symbols a point of the learning curve is
// measured on: enough for a second digit, few enough to cost nothing.
const curveSample = 4096

// learningShare is the share of TrainSeconds after which a Learner stops that
// has yet to be tuned.
const learningShare = 0.8

// Train fits p to d and leaves it reset. A Fitter fits itself; a Learner
// learns every training document in turn from the empty context and is then
// tuned, if it is a Tuner. Anything else has nothing to train. Whatever is
// trained ends with a point of its learning curve, measured before a refit.
//
// It keeps d.Budget, or refuses it in a *BudgetError before anything is done
// or when the model turns out too large. A Learner that is to be tuned learns
// for four fifths of its seconds, and tuning ends with them; measuring the
// learning curve counts. The last report says how many symbols were seen.
func Train(ctx context.Context, p Predictor, d Data, report func(Progress)) error {
	if report == nil {
		report = func(Progress) {}
	}
	if err := SetBudget(p, d.Budget); err != nil {
		return err
	}
	d = d.within(d.Budget.Symbols)
	t := &training{p: p, d: d, report: report, meter: newMeter(p, d.Budget)}
	t.fitter, _ = p.(Fitter)
	t.learner, _ = p.(Learner)
	if t.fitter == nil && t.learner == nil {
		p.Reset()
		return ctx.Err()
	}
	err := t.run(ctx)
	p.Reset()
	if err != nil {
		return err
	}
	report(Progress{Stage: "train", Done: t.seen, Total: t.seen, Symbols: t.seen})
	return keepsBytes(p, d.Budget)
}

// A training is one run of Train.
type training struct {
	p       Predictor
	fitter  Fitter  // nil if it is none
	learner Learner // nil if it is none
	// shrinker is nil if it is none or there are no bytes to keep.
	shrinker Shrinker
	d        Data
	report   func(Progress)
	*meter
	seen  int64 // training symbols
	drawn int64 // of them at the last point of the curve
	next  int64 // of them at the next one, while learning; 0 for none
}

func (t *training) run(ctx context.Context) error {
	if err := t.train(ctx); err != nil {
		return err
	}
	t.p.Reset()
	if t.drawn < t.seen {
		t.point(t.seen)
	}
	if r, ok := t.p.(Refitter); ok && !r.Refits() {
		return nil
	}
	if !t.d.Refit || t.learner == nil || t.spent(1) {
		return nil
	}
	more := t.d.Valid
	if n := t.d.Budget.Symbols; n > 0 {
		more = firstSymbols(more, max(0, n-t.seen))
	}
	_, _, err := t.learn(ctx, more, 1)
	return err
}

// train fits, or learns and tunes.
func (t *training) train(ctx context.Context) error {
	if t.fitter != nil {
		err := t.fitter.Fit(ctx, t.d, func(m Progress) {
			t.drawn = max(t.drawn, t.note(m))
			t.seen = max(t.seen, m.Symbols)
			t.report(m)
		})
		if t.seen == 0 {
			t.seen = int64(t.d.Symbols())
		}
		return err
	}
	tuner, tunes := t.p.(Tuner)
	share := 1.0
	if tunes && len(t.d.Valid) > 0 {
		share = learningShare
	}
	if err := t.learnAll(ctx, share); err != nil || !tunes {
		return err
	}
	return t.tune(ctx, tuner)
}

// note is how many symbols a point of the learning curve stands for.
func (t *training) note(m Progress) int64 {
	if m.Metric == validBits {
		return m.Symbols
	}
	return 0
}

// tune tunes for what is left of the seconds. A Tuner that is stopped keeps
// what it has chosen so far.
func (t *training) tune(ctx context.Context, p Tuner) error {
	within, cancel := ctx, func() {}
	if t.b.TrainSeconds > 0 {
		within, cancel = context.WithDeadline(ctx, t.deadline())
	}
	defer cancel()
	err := p.Tune(within, t.d, t.report)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// learnAll learns the training part, again and again if need be until it is
// small enough to learn all of it.
func (t *training) learnAll(ctx context.Context, share float64) (err error) {
	if t.d.Budget.ModelBytes > 0 {
		t.shrinker, _ = t.p.(Shrinker)
	}
	for again := true; again && err == nil; {
		t.next = 1024
		t.seen, again, err = t.learn(ctx, t.d.Train, share)
	}
	if t.shrinker != nil {
		t.shrinker.Trim()
	}
	t.next, t.shrinker = 0, nil
	return err
}

// validBits is the metric of learning curves: bits per symbol on a sample of
// the validation part.
const validBits = "valid_bits"

// learn drives a Learner over documents until they end or the budget is spent,
// and returns how many symbols were learned. At t.next symbols and every
// doubling it measures a sample of the validation part with a fork, so that
// every learner has a learning curve. A Shrinker that is full and has been made
// smaller is to learn them again.
func (t *training) learn(ctx context.Context, docs [][]Symbol, share float64) (n int64, again bool, err error) {
	total := int64(Data{Train: docs}.Symbols())
	for _, doc := range docs {
		t.p.Reset()
		for _, x := range doc {
			t.learner.Learn(x)
			n++
			if n == t.next && n < total {
				t.next *= 2
				t.point(n)
			}
			if n%glance == 0 {
				if t.spent(share) {
					return n, false, ctx.Err()
				}
				if t.shrunk() {
					return n, true, ctx.Err()
				}
			}
			if n%tick == 0 {
				if err := ctx.Err(); err != nil {
					return n, false, err
				}
				t.report(Progress{Stage: "train", Done: n, Total: total})
			}
		}
	}
	return n, t.shrunk(), ctx.Err()
}

// shrunk reports that the model was full and is smaller now.
func (t *training) shrunk() bool {
	return t.shrinker != nil && t.shrinker.Full() && t.shrinker.Shrink()
}

// point measures a point of the learning curve, unless the model has yet to be
// cut to its budget: that would be another model's.
func (t *training) point(n int64) {
	if keepsBytes(t.p, t.d.Budget) != nil {
		return
	}
	if bits, ok := SampleLoss(t.p, t.d.Valid, curveSample); ok {
		t.drawn = n
		t.report(Progress{Stage: "train", Metric: validBits, Symbols: n, Value: bits,
			Done: n, Total: int64(t.d.Symbols())})
	}
}

// SampleLoss is the mean loss, in bits per symbol, of a fork of p over the
// first n symbols of docs; ok is false when there are none.
func SampleLoss(p Predictor, docs [][]Symbol, n int) (bits float64, ok bool) {
	f, sum, count := p.Fork(), 0.0, 0
	for _, doc := range docs {
		xs := doc[:min(len(doc), n-count)]
		f.Reset()
		losses := make([]float64, len(xs))
		Score(f, losses, nil, xs)
		for _, b := range losses {
			sum += b
		}
		if count += len(xs); count == n {
			break
		}
	}
	return sum / float64(count), count > 0
}

// Describe returns what training chose, or nil.
func Describe(p Predictor) map[string]float64 {
	if d, ok := p.(Describer); ok {
		return d.Describe()
	}
	return nil
}

// CheckAlphabet refuses alphabets no Symbol can index.
func CheckAlphabet(kind string, a int) error {
	if a < 1 || a > math.MaxUint16+1 {
		return fmt.Errorf("%s: alphabet size = %d, want 1 to 65536", kind, a)
	}
	return nil
}
