package baseline

import (
	"fmt"
	"io"
	"math"

	"horizon/predictors"
)

// The frequencies of symbols, with δ added to each count (Lidstone 1920; δ = ½
// is Krichevsky & Trofimov 1981):
//
//	p(x) = (n(x) + δ) / (n + δA)
//
// It knows no context, so the law of every symbol ahead is the same: the line
// that a forecast tends to when it has forgotten the past. Learn and Prob are
// O(1), Predict O(A); space is 8 bytes a symbol of the alphabet.

// A UnigramConfig configures the kind "unigram".
type UnigramConfig struct {
	// Delta is δ, what is added to every count, > 0.
	Delta float64 `toml:"delta"`
}

// DefaultUnigram adds ½.
func DefaultUnigram() predictors.Config { return &UnigramConfig{Delta: 0.5} }

// TinyUnigram is the same: there is nothing to make small.
func TinyUnigram() predictors.Config { return DefaultUnigram() }

// New returns a predictor with all counts zero, which is uniform.
func (c *UnigramConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("unigram", env.Alphabet); err != nil {
		return nil, err
	}
	if !(c.Delta > 0) || math.IsInf(c.Delta, 1) {
		return nil, fmt.Errorf("unigram: delta = %v, want > 0", c.Delta)
	}
	return &unigram{frequencies: &frequencies{delta: c.Delta, n: make([]uint64, env.Alphabet)}}, nil
}

// unigram has no state of its own.
type unigram struct {
	*frequencies
	fork bool
}

// frequencies are the parameters.
type frequencies struct {
	delta float64
	n     []uint64 // n[x]
	total uint64   // n
}

func (p *unigram) Reset() {}

func (p *unigram) Observe(predictors.Symbol) {}

func (p *unigram) Fork() predictors.Predictor { return &unigram{p.frequencies, true} }

func (p *unigram) Learn(x predictors.Symbol) {
	if p.fork {
		panic("unigram: a fork does not learn")
	}
	p.n[x]++
	p.total++
}

// SetBudget refuses fewer bytes than the counts take.
func (p *unigram) SetBudget(b predictors.Budget) error {
	return predictors.FixedBytes("unigram", p.Bytes(), b)
}

// Ops are two counts written for each symbol learned; Prob reads two, adds
// twice, multiplies and divides.
func (f *frequencies) Ops() (train, perSymbol float64) { return 2 * float64(f.total), 6 }

// Evidence is every position alike, but for what δ adds.
func (f *frequencies) Evidence() predictors.Evidence {
	var n predictors.Nest
	n.Add(float64(f.total)/(float64(f.total)+f.delta*float64(len(f.n))), float64(f.total))
	return n.Evidence(0)
}

// PredictAhead is the same law at every distance.
func (p *unigram) PredictAhead(ps [][]float64, _ []int) (dropped float64, ok bool) {
	for _, q := range ps {
		p.Predict(q)
	}
	return 0, true
}

func (f *frequencies) Alphabet() int { return len(f.n) }

func (f *frequencies) Predict(p []float64) {
	for x := range p {
		p[x] = f.Prob(predictors.Symbol(x))
	}
}

func (f *frequencies) Prob(x predictors.Symbol) float64 {
	return (float64(f.n[x]) + f.delta) / (float64(f.total) + f.delta*float64(len(f.n)))
}

// State is empty: there is one place only.
func (f *frequencies) State(b []byte) []byte { return b }

// Bytes counts the counts.
func (f *frequencies) Bytes() int64 { return int64(cap(f.n)) * 8 }

// WriteTo writes the counts.
func (f *frequencies) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, f.fields)
}

// ReadFrom replaces the counts.
func (f *frequencies) ReadFrom(r io.Reader) (int64, error) {
	return predictors.ReadArchive(r, f.fields)
}

func (f *frequencies) fields(a *predictors.Archive) {
	n := f.n
	predictors.Slice(a, &n)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(n) != len(f.n) {
		a.Fail(fmt.Errorf("unigram: %d saved counts, want %d", len(n), len(f.n)))
		return
	}
	f.n, f.total = n, 0
	for _, c := range n {
		f.total += c
	}
}
