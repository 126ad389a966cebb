// Package oracle holds the predictor that cannot be beaten: it knows the law
// the corpus was drawn from.
package oracle

import (
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
	return &oracle{env.Alphabet, env.Process.Filter()}, nil
}

type oracle struct {
	a int
	corpora.Filter
}

func (o *oracle) Alphabet() int { return o.a }

func (o *oracle) Fork() predictors.Predictor { return &oracle{o.a, o.Filter.Fork()} }

// PredictAhead is exact at every distance.
func (o *oracle) PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool) {
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
