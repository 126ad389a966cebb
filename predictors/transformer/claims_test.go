package transformer

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

// What the claims about attention (programme A5, A6, C2) say a model cannot
// tell must make no difference to ours.

// lawAfter is the law of the next symbol after xs.
func lawAfter(m *model, xs []predictors.Symbol) []float64 {
	p, q := newTransformer(m, 1), make([]float64, m.A)
	for _, x := range xs {
		p.Observe(x)
	}
	p.Predict(q)
	return q
}

func distance(p, q []float64) (d float64) {
	for i := range p {
		d = math.Max(d, math.Abs(p[i]-q[i]))
	}
	return d
}

// A6: without positions a last output is a function of the set of the earlier
// inputs in one layer; a second, causal layer tells their order.
func TestOneLayerWithoutPositionsKnowsNoOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	xs := randomSymbols(14, 3, rng)
	ys := append([]predictors.Symbol(nil), xs...)
	rng.Shuffle(len(ys)-1, func(i, j int) { ys[i], ys[j] = ys[j], ys[i] })
	for _, attention := range kernelNames {
		if attention == "lag" {
			continue // it is positions
		}
		for _, how := range []struct {
			layers    int
			positions string
		}{{1, "none"}, {2, "none"}, {1, "learned"}} {
			c := Config{Layers: how.layers, Heads: 2, Width: 8, Window: 16, Stride: 8, FeedForward: 2, Biases: true,
				Attention: attention, Positions: how.positions}
			m := randomModel(c, 3, rand.New(rand.NewPCG(7, 8)))
			d := distance(lawAfter(m, xs), lawAfter(m, ys))
			switch blind := how.layers == 1 && how.positions == "none"; {
			case blind && d > 1e-6:
				t.Errorf("%s, one layer, no positions: shuffling the past changes a probability by %v", attention, d)
			case !blind && d < 1e-5:
				t.Errorf("%s, %d layers, positions %q: shuffling the past changes nothing", attention, how.layers, how.positions)
			}
		}
	}
}

// A5: queries and keys enter by their products alone, values and their output
// matrix likewise: Wq M and Wk M⁻ᵀ, Wv N and N⁻¹ Wo are the same model.
func TestOnlyProductsOfMatricesMatter(t *testing.T) {
	c := Config{Layers: 1, Heads: 2, Width: 4, Window: 12, Stride: 6, FeedForward: 2, Tied: true}
	m := randomModel(c, 3, rand.New(rand.NewPCG(9, 1)))
	xs := randomSymbols(11, 3, rand.New(rand.NewPCG(9, 2)))
	before := lawAfter(m, xs)
	// M = (a b; 0 1/a), its inverse transposed (1/a 0; −b a).
	const a, b = 1.5, -0.7
	y := &m.w.layers[0]
	pairs := func(w []float32, ld, at int, e, f, g, h float32) { // columns at, at+1 times (e f; g h)
		for row := 0; row < len(w); row += ld {
			u, v := w[row+at], w[row+at+1]
			w[row+at], w[row+at+1] = u*e+v*g, u*f+v*h
		}
	}
	pairs(y.wqkv, m.row, 0, a, b, 0, 1/a)
	if d := distance(before, lawAfter(m, xs)); d < 1e-4 {
		t.Fatalf("turning the queries alone changes a probability by %v only: nothing is tested", d)
	}
	pairs(y.wqkv, m.row, m.k, 1/a, 0, -b, a)
	if d := distance(before, lawAfter(m, xs)); d > 1e-5 {
		t.Errorf("Wq M with Wk M⁻ᵀ changes a probability by %v", d)
	}
	pairs(y.wqkv, m.row, m.v, a, b, 0, 1/a)
	// N⁻¹ = (1/a −b; 0 a) on rows 0 and 1 of Wo.
	for j := range m.C {
		u, v := y.wo[j], y.wo[m.C+j]
		y.wo[j], y.wo[m.C+j] = u/a-b*v, a*v
	}
	if d := distance(before, lawAfter(m, xs)); d > 1e-5 {
		t.Errorf("Wv N with N⁻¹ Wo changes a probability by %v", d)
	}
}

// C2: symbols older than the window have no influence, to the last bit.
func TestNothingOlderThanTheWindow(t *testing.T) {
	for _, s := range variants() {
		c := s.cfg
		c.Stride = 2
		m := randomModel(c, s.A, rand.New(rand.NewPCG(11, 3)))
		xs := randomSymbols(60, s.A, rand.New(rand.NewPCG(11, 4)))
		ys := append([]predictors.Symbol(nil), xs...)
		for i := range ys[:60-c.Window+1] {
			ys[i] = predictors.Symbol((int(ys[i]) + 1) % s.A)
		}
		if d := distance(lawAfter(m, xs), lawAfter(m, ys)); d != 0 {
			t.Errorf("%+v: symbols before the window change a probability by %v", c, d)
		}
	}
}
