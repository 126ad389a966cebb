package transformer

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
	"horizon/predictors/kernel/smoother"
)

// TestOneHotIsTheKernels: the head's loss and its gradient in the scores are
// those of the kernel family's learned metric, to which it is written otherwise.
func TestOneHotIsTheKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 62))
	for n := range 12 {
		const A = 5
		logits, s, next, follow := make([]float32, A), make([]float32, n), make([]int32, n), make([]predictors.Symbol, n)
		scores := make([]float64, n)
		for i := range logits {
			logits[i] = float32(rng.NormFloat64())
		}
		for j := range s {
			s[j] = float32(2 * rng.NormFloat64())
			scores[j], next[j] = float64(s[j]), int32(rng.IntN(A))
			follow[j] = predictors.Symbol(next[j])
		}
		sentinel, y := rng.NormFloat64(), rng.IntN(A)
		q0, p, g := make([]float32, A), make([]float32, A), make([]float32, n)
		w0 := mixRow(logits, s, float32(sentinel), next, q0, p)
		nats := crossEntropy(logits, []int32{int32(y)}, A, 0, 1)
		ds0 := mixRowBack(logits, g, s, q0, p, w0, next)

		want, want0 := 0.0, 0.0
		if n == 0 { // the kernels have no loss without a key
			want = -math.Log(float64(q0[y]))
		} else {
			want, want0 = smoother.OneHotLoss(scores, follow, predictors.Symbol(y), sentinel, float64(q0[y]), 1)
		}
		if math.Abs(nats-want) > 1e-5 || math.Abs(float64(ds0)-want0) > 1e-5 {
			t.Errorf("%d keys: loss %v and gradient of the sentinel's score %v, want %v and %v", n, nats, ds0, want, want0)
		}
		for j := range g {
			if math.Abs(float64(g[j])-scores[j]) > 1e-5 {
				t.Errorf("%d keys: gradient of score %d = %v, want %v", n, j, g[j], scores[j])
			}
		}
	}
}

// TestOneHotCopies: after a symbol that came once before comes what came then.
// Without layers or positions only that head can know.
func TestOneHotCopies(t *testing.T) {
	const A = 12
	rng := rand.New(rand.NewPCG(63, 64))
	draw := func(n int) (docs [][]predictors.Symbol) {
		for range n { // two rounds of a random cycle
			once := make([]predictors.Symbol, 0, 2*A)
			for _, x := range rng.Perm(A) {
				once = append(once, predictors.Symbol(x))
			}
			docs = append(docs, append(once, once...))
		}
		return docs
	}
	second := func(values string) (bits float64) {
		c := small()
		c.Values, c.Layers, c.Positions, c.Window, c.Stride, c.Steps, c.Tied = values, 1, "none", 2*A, A, 300, false
		if values == "one-hot" {
			c.Layers = 0
		}
		p := fit(t, c, A, predictors.Data{Train: draw(300)}, nil)
		docs := draw(20)
		for _, doc := range docs {
			b := make([]float64, len(doc))
			p.Reset()
			p.Score(b, nil, doc)
			for _, v := range b[A+1:] {
				bits += v / float64((A-1)*len(docs))
			}
		}
		return bits
	}
	got, without := second("one-hot"), second("learned")
	if got > 0.3 || without < 1.5 {
		t.Errorf("second round: %v bits, and %v by a layer whose values are learned; want ≤ 0.3 and ≥ 1.5", got, without)
	}
	t.Logf("second round: %.3f bits, %.3f by a layer whose values are learned", got, without)
}
