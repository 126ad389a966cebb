package catalog_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
)

// Every kind passes the conformance suite.
func TestConformance(t *testing.T) {
	for _, k := range catalog.Kinds {
		t.Run(k.Name, func(t *testing.T) {
			predictortest.Run(t, k)
		})
	}
}

func TestKindsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range catalog.Kinds {
		if k.Name == "" || k.Doc == "" || k.Paper == "" || k.Version < 1 || k.Default == nil || k.Tiny == nil {
			t.Errorf("kind %q: want a name, a line of doc, a paper, a version ≥ 1, defaults and a tiny config", k.Name)
		}
		if seen[k.Name] {
			t.Errorf("kind %q is listed twice", k.Name)
		}
		seen[k.Name] = true
	}
}

// FuzzPredictors sends any bytes through every predictor: half of them to
// learn, the rest to be scored and, where it can, learned. Whatever they are,
// probabilities stay probabilities and the code of what was scored decodes.
func FuzzPredictors(f *testing.F) {
	f.Add([]byte("abracadabra, abracadabra"), uint8(0))
	f.Add([]byte{0}, uint8(1))
	f.Add([]byte{}, uint8(2))
	f.Add([]byte("\x00\xff\x00\xff\xff\xff\xfe"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, n uint8) {
		var kinds []catalog.Kind
		for _, k := range catalog.Kinds {
			if !k.Oracle {
				kinds = append(kinds, k)
			}
		}
		k := kinds[int(n)%len(kinds)]
		xs := make([]predictors.Symbol, min(len(text), 400))
		for i := range xs {
			xs[i] = predictors.Symbol(text[i])
		}
		half := len(xs) / 2
		p, err := k.Tiny().New(predictors.Env{Alphabet: 256, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		data := predictors.Data{Train: [][]predictors.Symbol{xs[:half]}}
		if half == 0 {
			data.Train = nil
		}
		if err := predictors.Train(context.Background(), p, data, nil); err != nil {
			t.Skip(err) // a clear refusal
		}
		code, err := predictors.Encode(p.Fork(), xs[half:], false)
		if err != nil {
			t.Fatal(err)
		}
		back, err := predictors.Decode(p.Fork(), code, len(xs)-half, false)
		if err != nil || !slices.Equal(back, xs[half:]) {
			t.Fatalf("%s: decoded %v, %v, want %v", k.Name, back, err, xs[half:])
		}
		bits, q := make([]float64, len(xs)-half), make([]float64, 256)
		score := func() error { predictors.Score(p, bits, nil, xs[half:]); return nil }
		if predictors.CanLearn(p) == nil {
			score = func() error { return predictors.ScoreLearning(p, bits, nil, xs[half:]) }
		}
		if err := score(); err != nil {
			t.Fatal(err)
		}
		p.Predict(q)
		sum := 0.0
		for x, v := range q {
			if !(v > 0) {
				t.Fatalf("%s: P(%d) = %v", k.Name, x, v)
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("%s: probabilities sum to %v", k.Name, sum)
		}
		for i, b := range bits {
			if !(b >= -1e-9) || math.IsInf(b, 1) {
				t.Fatalf("%s: symbol %d costs %v bits", k.Name, i, b)
			}
		}
	})
}
