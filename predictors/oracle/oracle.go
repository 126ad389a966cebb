// Package oracle holds the predictor that cannot be beaten: it knows the law
// the corpus was drawn from.
package oracle

import (
	"context"
	"errors"
	"fmt"
	"io"

	"horizon/corpora"
	"horizon/predictors"
)

// The Bayes filter of the corpus's process: P(x_{t+k} | x_{≤t}) under the true
// law, by the very code that generated the data. Its mean loss tends to the
// entropy rate and its loss k steps ahead to the optimal L_k*; a predictor's
// regret is its loss less the oracle's on the same symbols. It may say 0. Time
// and space are the filter's.
//
// Where all that a process ever drew matters to what it draws next
// (corpora.Unforgetting), the oracle's training is to be shown the train and
// valid parts, in order, and it resets to their end. A budget of symbols then
// takes it to another place than the test part's beginning: its loss is the
// optimum without one only.

// A Config configures the kind "oracle"; there is nothing to set.
type Config struct{}

// DefaultOracle is the only oracle.
func DefaultOracle() predictors.Config { return &Config{} }

// TinyOracle is the same.
func TinyOracle() predictors.Config { return &Config{} }

// New wraps the process of env, which a text does not have.
func (*Config) New(env predictors.Env) (predictors.Predictor, error) {
	if env.Process == nil {
		return nil, errors.New("oracle: needs a known process, and this corpus is a text")
	}
	if a := env.Process.Alphabet(); a != env.Alphabet {
		return nil, fmt.Errorf("oracle: the process has %d symbols, want the corpus's %d", a, env.Alphabet)
	}
	o := oracle{env.Alphabet, env.Process.Filter()}
	if _, ok := o.Filter.(corpora.Unforgetting); ok {
		return &heir{oracle: o}, nil
	}
	return &o, nil
}

// KeepsPast reports whether p is an oracle that resets to the end of what it
// was trained on, so that the test part continues it as it is.
func KeepsPast(p predictors.Predictor) bool {
	_, ok := p.(*heir)
	return ok
}

type oracle struct {
	a int
	corpora.Filter
}

func (o *oracle) Alphabet() int { return o.a }

func (o *oracle) Fork() predictors.Predictor { return &oracle{o.a, o.Filter.Fork()} }

// PredictAhead is exact at every distance, but for what the filter says that it
// left out.
func (o *oracle) PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool) {
	if w, ok := o.Filter.(corpora.Within); ok {
		return w.AheadWithin(ps, ks)
	}
	for i, k := range ks {
		o.Filter.PredictAhead(ps[i], k)
	}
	return 0, true
}

// Bytes is 0: nothing was learned.
func (o *oracle) Bytes() int64 { return 0 }

// WriteTo writes nothing.
func (o *oracle) WriteTo(io.Writer) (int64, error) { return 0, nil }

// ReadFrom reads nothing.
func (o *oracle) ReadFrom(io.Reader) (int64, error) { return 0, nil }

// An heir is an oracle whose contexts all begin with the same past.
type heir struct {
	oracle
	past corpora.Filter // nil before there is one
}

// Fit observes all that came before the test part.
func (h *heir) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	f := h.Filter
	f.Reset()
	for _, docs := range [][][]predictors.Symbol{d.Train, d.Valid} {
		for _, doc := range docs {
			for i, x := range doc {
				if i&0xffff == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
				f.Observe(x)
			}
		}
	}
	h.past = f.Fork()
	return nil
}

// Reset goes to the end of what was fitted.
func (h *heir) Reset() {
	if h.past == nil {
		h.Filter.Reset()
		return
	}
	h.Filter = h.past.Fork()
}

func (h *heir) Fork() predictors.Predictor {
	return &heir{oracle{h.a, h.Filter.Fork()}, h.past}
}

// Learn observes: a document that is learned stays learned only until Reset,
// since it is the process that has gone on, not what is known of it.
func (h *heir) Learn(x predictors.Symbol) { h.Observe(x) }
