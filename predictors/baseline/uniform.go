// Package baseline holds what every other predictor must beat: the uniform
// law, the symbol frequencies, and the everyday compressors.
package baseline

import (
	"io"

	"horizon/predictors"
)

// The uniform law, p(x) = 1/A: log₂ A bits a symbol whatever comes. Predict is
// O(A), Prob O(1); there are no parameters.

// A UniformConfig configures the kind "uniform"; there is nothing to set.
type UniformConfig struct{}

// DefaultUniform is the only uniform.
func DefaultUniform() predictors.Config { return &UniformConfig{} }

// TinyUniform is the same.
func TinyUniform() predictors.Config { return &UniformConfig{} }

// New returns the uniform law over the alphabet.
func (*UniformConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("uniform", env.Alphabet); err != nil {
		return nil, err
	}
	return uniform(env.Alphabet), nil
}

// uniform is A.
type uniform int

func (u uniform) Alphabet() int { return int(u) }

func (u uniform) Reset() {}

func (u uniform) Observe(predictors.Symbol) {}

func (u uniform) Fork() predictors.Predictor { return u }

func (u uniform) Predict(p []float64) {
	for x := range p {
		p[x] = 1 / float64(u)
	}
}

func (u uniform) Prob(predictors.Symbol) float64 { return 1 / float64(u) }

// PredictAhead is the same law at every distance.
func (u uniform) PredictAhead(ps [][]float64, _ []int) (dropped float64, ok bool) {
	for _, p := range ps {
		u.Predict(p)
	}
	return 0, true
}

// State is empty: there is one place only.
func (u uniform) State(b []byte) []byte { return b }

func (u uniform) Bytes() int64 { return 0 }

// Ops is a division a symbol.
func (u uniform) Ops() (train, perSymbol float64) { return 0, 1 }

// Evidence is none: all is prior.
func (u uniform) Evidence() predictors.Evidence { return predictors.Evidence{Fallback: 1} }

// WriteTo writes nothing.
func (u uniform) WriteTo(io.Writer) (int64, error) { return 0, nil }

// ReadFrom reads nothing.
func (u uniform) ReadFrom(io.Reader) (int64, error) { return 0, nil }
