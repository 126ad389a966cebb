package predictors

import (
	"context"
	"fmt"
	"math"
)

// tick is how many symbols pass between two looks at ctx.
const tick = 1 << 16

// curveSample is how many validation symbols a point of the learning curve is
// measured on: enough for a second digit, few enough to cost nothing.
const curveSample = 4096

// Train fits p to d and leaves it reset. A Fitter fits itself; a Learner
// learns every training document in turn from the empty context and is then
// tuned, if it is a Tuner. Anything else has nothing to train. Whatever is
// trained ends with a point of its learning curve, measured before a refit.
func Train(ctx context.Context, p Predictor, d Data, report func(Progress)) error {
	if report == nil {
		report = func(Progress) {}
	}
	f, fits := p.(Fitter)
	l, learns := p.(Learner)
	if !fits && !learns {
		p.Reset()
		return ctx.Err()
	}
	drawn := int64(0) // the last point reported
	noting := func(m Progress) {
		if m.Metric == validBits {
			drawn = m.Symbols
		}
		report(m)
	}
	var err error
	if fits {
		err = f.Fit(ctx, d, noting)
	} else {
		err = learn(ctx, p, l, d, noting)
	}
	if t, ok := p.(Tuner); ok && !fits && err == nil {
		err = t.Tune(ctx, d, report)
	}
	p.Reset()
	if n := int64(d.Symbols()); err == nil && drawn < n {
		curvePoint(p, d, n, report)
	}
	if d.Refit && learns && err == nil {
		err = learn(ctx, p, l, Data{Train: d.Valid}, report)
		p.Reset()
	}
	return err
}

// validBits is the metric of learning curves: bits per symbol on a sample of
// the validation part.
const validBits = "valid_bits"

// learn drives a Learner over the training documents. At 1,024 symbols and
// every doubling it measures a sample of the validation part with a fork, so
// that every learner has a learning curve.
func learn(ctx context.Context, p Predictor, l Learner, d Data, report func(Progress)) error {
	total, n, next := int64(d.Symbols()), int64(0), int64(1024)
	for _, doc := range d.Train {
		p.Reset()
		for _, x := range doc {
			l.Learn(x)
			n++
			if n == next && n < total {
				next *= 2
				curvePoint(p, d, n, report)
			}
			if n%tick == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				report(Progress{Stage: "train", Done: n, Total: total})
			}
		}
	}
	return ctx.Err()
}

func curvePoint(p Predictor, d Data, n int64, report func(Progress)) {
	if bits, ok := SampleLoss(p, d.Valid, curveSample); ok {
		report(Progress{Stage: "train", Metric: validBits, Symbols: n, Value: bits,
			Done: n, Total: int64(d.Symbols())})
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
