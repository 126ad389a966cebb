package oracle

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/corpora"
	"horizon/predictors"
)

// golden is the golden mean process (no two zeros in a row; otherwise either
// symbol with probability ½), written out here so that the numbers below check
// the wrapper and not package corpora.
type golden struct{}

func (golden) Alphabet() int                      { return 2 }
func (golden) Entropy() (float64, bool)           { return 2. / 3, true }
func (golden) Filter() corpora.Filter             { return &belief{} }
func (golden) OptimalAhead(k int) (float64, bool) { return 0, false }

func (golden) Generate(n int, rng *rand.Rand) []corpora.Symbol {
	xs := make([]corpora.Symbol, n)
	for i := range xs {
		if i > 0 && xs[i-1] == 0 || rng.IntN(2) == 1 {
			xs[i] = 1
		}
	}
	return xs
}

// belief is the last symbol: 1 may be followed by either, 0 by 1 alone.
type belief struct{ zero bool }

func (b *belief) Reset()                   { b.zero = false }
func (b *belief) Observe(x corpora.Symbol) { b.zero = x == 0 }
func (b *belief) Fork() corpora.Filter     { c := *b; return &c }
func (b *belief) Predict(p []float64)      { b.PredictAhead(p, 1) }

func (b *belief) PredictAhead(p []float64, k int) {
	zero := 0.0
	if b.zero {
		zero = 1
	}
	for range k {
		zero = (1 - zero) / 2
	}
	p[0], p[1] = zero, 1-zero
}

func TestOracleReachesTheEntropy(t *testing.T) {
	p, err := DefaultOracle().New(predictors.Env{Alphabet: 2, Process: golden{}})
	if err != nil {
		t.Fatal(err)
	}
	xs := golden{}.Generate(200_000, rand.New(rand.NewPCG(1, 1)))
	bits, sum := make([]float64, len(xs)), 0.0
	predictors.Score(p, bits, nil, xs)
	for _, b := range bits {
		sum += b
	}
	if mean := sum / float64(len(xs)); math.Abs(mean-2./3) > 0.005 {
		t.Errorf("%.4f bits per symbol, want 2/3", mean)
	}
}

func TestOracleLooksAhead(t *testing.T) {
	p, err := DefaultOracle().New(predictors.Env{Alphabet: 2, Process: golden{}})
	if err != nil {
		t.Fatal(err)
	}
	p.Observe(0)
	f := predictors.NewForecaster(2, predictors.AheadOptions{Horizons: []int{1, 2, 3, 64}, Rollouts: 2}).At(p.Fork(), 0)
	for i, want := range []float64{0, 1. / 2, 1. / 4, 1. / 3} {
		if got := f.P[i][0]; math.Abs(got-want) > 1e-15 || !f.Exact[i] {
			t.Errorf("P(0) at horizon %d = %v (exact %v), want %v", i, got, f.Exact[i], want)
		}
	}
	q := make([]float64, 2)
	if p.Predict(q); q[0] != 0 {
		t.Errorf("P(0) after 0 = %v, want 0", q[0])
	}
	if p.Reset(); p.Alphabet() != 2 {
		t.Errorf("A = %d, want 2", p.Alphabet())
	}
	if p.Predict(q); q[0] != 0.5 {
		t.Errorf("P(0) after Reset = %v, want ½", q[0])
	}
}

func TestOracleNeedsAProcess(t *testing.T) {
	for _, c := range []struct {
		env  predictors.Env
		want string
	}{
		{predictors.Env{Alphabet: 2}, "oracle: needs a known process, and this corpus is a text"},
		{predictors.Env{Alphabet: 3, Process: golden{}}, "oracle: the process has 2 symbols, want the corpus's 3"},
	} {
		if _, err := DefaultOracle().New(c.env); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// On a process whose whole past matters, the oracle goes on from the end of
// the parts before the test part, however often it is reset, and loses what a
// filter does that saw all of it.
func TestOracleOfAnUnforgettingProcess(t *testing.T) {
	p, err := (&corpora.LZ78Source{Alphabet: 2, Gamma: 0.5}).Process(0)
	if err != nil {
		t.Fatal(err)
	}
	xs := p.Generate(3000, rand.New(rand.NewPCG(1, 1)))
	d := predictors.Data{Train: [][]corpora.Symbol{xs[:1500]}, Valid: [][]corpora.Symbol{xs[1500:2000]}}
	o, err := DefaultOracle().New(predictors.Env{Alphabet: 2, Process: p})
	if err != nil {
		t.Fatal(err)
	}
	if err := predictors.Train(t.Context(), o, d, nil); err != nil {
		t.Fatal(err)
	}
	f, q, r := p.Filter(), make([]float64, 2), make([]float64, 2)
	for _, x := range xs[:2000] {
		f.Observe(x)
	}
	start := f.Fork()
	for i, x := range xs[2000:] {
		if i == 400 {
			o.Reset()
			f = start.Fork()
		}
		o.Predict(q)
		if f.Predict(r); q[0] != r[0] {
			t.Fatalf("symbol %d: P(0) = %v, want %v", i, q[0], r[0])
		}
		o.Observe(x)
		f.Observe(x)
	}
	if !KeepsPast(o) {
		t.Error("the oracle does not say that it keeps its past")
	}
	o.Reset()
	far := predictors.NewForecaster(2, predictors.AheadOptions{Horizons: []int{1, 5}, Rollouts: 2}).At(o, 0)
	if start.PredictAhead(q, 5); math.Abs(far.P[1][0]-q[0]) > 1e-12 || !far.Exact[1] {
		t.Errorf("P(0) five ahead = %v (exact %v), want %v", far.P[1][0], far.Exact[1], q[0])
	}
	far = predictors.NewForecaster(2, predictors.AheadOptions{Horizons: []int{1, 5, 90}, Rollouts: 2}).At(o, 0)
	if !far.Exact[1] || far.Exact[2] {
		t.Errorf("exact: %v, want all but the farthest", far.Exact)
	}
}
