package transformer

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
)

// cutScore is x B yᵀ + b_q·(y Wk) of head h, with B of the twin's rank: what a
// query cannot tell apart is left out. It knows no queries and no keys.
func (t *twin) cutScore(w twinLayer, h int, x, y []float64) float64 {
	C, n := len(x), len(w.wqkv[0])
	K := (n - C) / t.H / 2
	q, k := h*K, (n-C)/2+h*K
	bilinear := t.cfg.Attention == "bilinear"
	if bilinear {
		K, q = C, h*C
	}
	b := make([][]float64, C)
	var key []float64 // what a query's bias is multiplied with
	for i := range b {
		b[i] = make([]float64, C)
		for j := range b[i] {
			if b[i][j] = w.wqkv[i][q+j%K]; !bilinear {
				b[i][j] = inner(w.wqkv[i][q:q+K], w.wqkv[j][k:k+K])
			}
		}
	}
	if key = y; !bilinear {
		key = times(y, w.wqkv)[k : k+K]
	}
	s := inner(times(x, lowRank(b, t.rank)), y)
	if len(w.bqkv) > 0 {
		s += inner(w.bqkv[q:q+K], key)
	}
	return s
}

// lowRank is Σ σ u vᵀ over the r largest singular values of b, each found by
// repeated multiplication with what is left of bᵀb.
func lowRank(b [][]float64, r int) [][]float64 {
	n := len(b)
	left, out := make([][]float64, n), make([][]float64, n)
	for i := range b {
		left[i], out[i] = slices.Clone(b[i]), make([]float64, n)
	}
	transposed := func(x []float64) []float64 { // b x
		y := make([]float64, n)
		for i := range y {
			y[i] = inner(left[i], x)
		}
		return y
	}
	for range r {
		v := make([]float64, n)
		for i := range v {
			v[i] = math.Cos(float64(3 * i)) // any will do
		}
		for range 500 {
			v = times(transposed(v), left)
			length := math.Sqrt(inner(v, v)) + 1e-300
			for i := range v {
				v[i] /= length
			}
		}
		u := transposed(v)
		for i := range n {
			for j := range n {
				out[i][j] += u[i] * v[j]
				left[i][j] -= u[i] * v[j]
			}
		}
	}
	return out
}

var rankShapes = []Config{
	{Layers: 2, Heads: 2, Width: 6, Window: 9, Stride: 4, Tied: true, FeedForward: 2, Biases: true},
	{Layers: 1, Heads: 2, Width: 8, Window: 9, Stride: 4, FeedForward: 2, Positions: "relative"},
	{Layers: 1, Heads: 2, Width: 6, Window: 9, Stride: 4, FeedForward: 2, Biases: true, Attention: "bilinear"},
}

// TestRankMatchesTwin (A5): predictions with products of rank r are those of a
// model that has nothing but the product and cuts it by a method of its own.
func TestRankMatchesTwin(t *testing.T) {
	for _, c := range rankShapes {
		full := c.dims(3, form{}).K
		if c.Attention == "bilinear" {
			full = c.Width
		}
		xs := randomSymbols(c.Window-1, 3, rand.New(rand.NewPCG(61, 1)))
		ids := []int32{3}
		for _, x := range xs {
			ids = append(ids, int32(x))
		}
		whole := lawAfter(randomModel(c, 3, rand.New(rand.NewPCG(61, 2))), xs)
		for r := 1; r <= full; r++ {
			c.Rank = r
			m := randomModel(c, 3, rand.New(rand.NewPCG(61, 2)))
			slow, _ := newTwin(m)
			slow.rank = r
			got, rows := lawAfter(m, xs), slow.logits(ids)
			want := softmax64(rows[len(rows)-1])
			if d := distance(got, want); d > 1e-5 {
				t.Errorf("%+v: a probability differs by %v from the twin's", c, d)
			}
			switch d := distance(got, whole); {
			case r == full && d > 1e-5:
				t.Errorf("%+v: full rank changes a probability by %v", c, d)
			case r == 1 && d < 1e-4:
				t.Errorf("%+v: rank 1 changes a probability by %v only: nothing is tested", c, d)
			}
		}
	}
}

// TestRankIsNotTrained: a model is trained whole, whatever its rank, and one
// that is loaded is cut like the one that was saved.
func TestRankIsNotTrained(t *testing.T) {
	d := predictors.Data{Train: [][]predictors.Symbol{goldenMean(500, rand.New(rand.NewPCG(62, 1)))}}
	c := small()
	c.Steps = 30
	whole := fit(t, c, 2, d, nil)
	c.Rank = 1
	cut := fit(t, c, 2, d, nil)
	if !slices.Equal(whole.params, cut.params) {
		t.Error("rank = 1 changes what is trained")
	}
	xs := d.Train[0][:100]
	if a, b := meanBits(whole, xs), meanBits(cut, xs); a == b {
		t.Error("rank = 1 changes no loss")
	}
	var saved bytes.Buffer
	again := newTransformer(newModel(*c, 2), 1)
	if _, err := cut.WriteTo(&saved); err != nil {
		t.Fatal(err)
	}
	if _, err := again.ReadFrom(&saved); err != nil {
		t.Fatal(err)
	}
	if meanBits(again, xs) != meanBits(cut, xs) {
		t.Error("a model loses its rank when it is saved")
	}
}
