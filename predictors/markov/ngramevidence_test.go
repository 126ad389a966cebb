package markov

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
)

// What Witten-Bell n-grams say they rest on is what one finds by going through
// the training text position by position.
func TestEvidenceOfNgrams(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	xs := make(symbols, 400)
	for i := range xs {
		if xs[i] = predictors.Symbol(rng.IntN(3)); i > 3 && rng.IntN(3) > 0 {
			xs[i] = xs[i-4]
		}
	}
	const order = 5
	p, err := (&WittenBellConfig{Order: order}).New(predictors.Env{Alphabet: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := predictors.Train(context.Background(), p, predictors.Data{Train: []symbols{xs}}, nil); err != nil {
		t.Fatal(err)
	}
	past := symbols{}
	for i := range 60 {
		got, want := p.(predictors.Witness).Evidence(), slowEvidence(xs, past, order)
		if got.Match != want.Match || math.Abs(got.Effective-want.Effective) > 1e-9*want.Effective || math.Abs(got.Fallback-want.Fallback) > 1e-12 {
			t.Fatalf("after %d symbols: %+v, position by position %+v", i, got, want)
		}
		x := predictors.Symbol(rng.IntN(3))
		p.Observe(x)
		past = append(past, x)
	}
}

// slowEvidence weighs every position of xs by the definition.
func slowEvidence(xs, past symbols, order int) (e predictors.Evidence) {
	w, left := make([]float64, len(xs)), 1.0
	for l := min(order-1, len(past)); l >= 1; l-- {
		var at []int
		kinds := map[predictors.Symbol]bool{}
		for i := l; i < len(xs); i++ {
			if slices.Equal(xs[i-l:i], past[len(past)-l:]) {
				at = append(at, i)
				kinds[xs[i]] = true
			}
		}
		if len(at) == 0 {
			continue
		}
		e.Match = max(e.Match, float64(l))
		lambda := float64(len(at)) / float64(len(at)+len(kinds))
		for _, i := range at {
			w[i] += left * lambda / float64(len(at))
		}
		left *= 1 - lambda
	}
	sum, squares := 0.0, 0.0
	for _, v := range w {
		sum += v
		squares += v * v
	}
	if e.Fallback = 1 - sum; squares > 0 {
		e.Effective = sum * sum / squares
	}
	return e
}
