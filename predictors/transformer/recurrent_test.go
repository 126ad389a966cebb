package transformer

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

// recurrentTwin is a model of always the same random weights, scored as given.
func recurrentTwin(t *testing.T, window int, how string) *Transformer {
	t.Helper()
	c := Config{Layers: 2, Heads: 2, Width: 8, Window: window, Stride: 5, Tied: true, FeedForward: 2, Biases: true,
		Attention: "linear", KeyWidth: 3, Positions: "none", Recurrent: how}
	m := newModel(c, 3)
	rng := rand.New(rand.NewPCG(8, 9))
	for i := range m.params {
		m.params[i] = float32(0.4 * rng.NormFloat64())
	}
	return newTransformer(m, 1)
}

func differ(t *testing.T, a, b *Transformer, xs []predictors.Symbol) (largest float64) {
	t.Helper()
	x, y := make([]float64, len(xs)), make([]float64, len(xs))
	predictors.Score(a, x, nil, xs)
	predictors.Score(b, y, nil, xs)
	for i := range x {
		largest = math.Max(largest, math.Abs(x[i]-y[i]))
	}
	return largest
}

// The recurrence gives what keys and values give, over several windows.
func TestRecurrenceEqualsParallel(t *testing.T) {
	xs := randomSymbols(200, 3, rand.New(rand.NewPCG(1, 2)))
	if d := differ(t, recurrentTwin(t, 12, "none"), recurrentTwin(t, 12, "window"), xs); d > 1e-4 {
		t.Errorf("losses differ by %v bits", d)
	}
}

// Endless, it is a model whose one window holds everything.
func TestEndlessIsOneWindow(t *testing.T) {
	xs := randomSymbols(200, 3, rand.New(rand.NewPCG(3, 4)))
	if d := differ(t, recurrentTwin(t, 12, "endless"), recurrentTwin(t, 300, "none"), xs); d > 1e-4 {
		t.Errorf("losses differ by %v bits from those of a window of 300", d)
	}
	if d := differ(t, recurrentTwin(t, 12, "endless"), recurrentTwin(t, 12, "window"), xs); d < 1e-3 {
		t.Errorf("an endless recurrence and one of windows differ by %v bits only: nothing was tested", d)
	}
}

// Its memory does not grow with what has been seen.
func TestRecurrenceIsOfConstantSize(t *testing.T) {
	p := recurrentTwin(t, 12, "endless")
	before := len(p.cache.kv)
	predictors.Score(p, make([]float64, 5000), nil, randomSymbols(5000, 3, rand.New(rand.NewPCG(5, 6))))
	if after := len(p.cache.kv); after != before || before != p.L*p.H*p.K*(p.D+1) {
		t.Errorf("numbers kept = %d, then %d, want %d", before, after, p.L*p.H*p.K*(p.D+1))
	}
}
