package baseline

import (
	"bytes"
	"context"
	"math"
	"testing"

	"horizon/predictors"
)

func mustNew(t testing.TB, c predictors.Config, a int) predictors.Predictor {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUniform(t *testing.T) {
	for _, a := range []int{1, 2, 27, 65536} {
		p := mustNew(t, DefaultUniform(), a)
		bits := make([]float64, 2)
		predictors.Score(p, bits, nil, []predictors.Symbol{0, predictors.Symbol(a - 1)})
		if want := math.Log2(float64(a)); math.Abs(bits[0]-want) > 1e-12 || math.Abs(bits[1]-want) > 1e-12 {
			t.Errorf("A = %d: %v bits, want %v", a, bits, want)
		}
	}
}

// Krichevsky & Trofimov's estimate gives a binary string with n₀ zeros and n₁
// ones the probability (½·3/2···)(½·3/2···)/(n₀+n₁)!, in any order: for two of
// one and one of the other ½·¾·(½/3) = 1/16, as at a node of the worked example
// of Begleiter, El-Yaniv & Yona 2004.
func TestUnigramIsKrichevskyTrofimov(t *testing.T) {
	for _, xs := range [][]predictors.Symbol{{1, 1, 0}, {1, 0, 1}, {0, 1, 1}} {
		bits, sum := make([]float64, 3), 0.0
		if err := predictors.ScoreLearning(mustNew(t, DefaultUnigram(), 2), bits, nil, xs); err != nil {
			t.Fatal(err)
		}
		for _, b := range bits {
			sum += b
		}
		if math.Abs(sum-4) > 1e-12 {
			t.Errorf("%v costs %v bits, want 4", xs, sum)
		}
	}
}

func TestUnigramAddsDelta(t *testing.T) {
	for _, a := range []int{1, 3, 65536} {
		p := mustNew(t, &UnigramConfig{Delta: 0.1}, a)
		docs := [][]predictors.Symbol{{0, 0, predictors.Symbol(a - 1)}, {0}}
		if err := predictors.Train(context.Background(), p, predictors.Data{Train: docs}, nil); err != nil {
			t.Fatal(err)
		}
		zeros := 3.0
		if a == 1 {
			zeros = 4
		}
		q, ps := make([]float64, a), [][]float64{make([]float64, a), make([]float64, a)}
		p.Predict(q)
		if dropped, ok := p.(predictors.Aheader).PredictAhead(ps, []int{1, 32}); dropped != 0 || !ok {
			t.Fatal("the marginals are not exact")
		}
		sum := 0.0
		for x := range q {
			sum += q[x]
			if ps[0][x] != q[x] || ps[1][x] != q[x] {
				t.Fatalf("A = %d: the law ahead of %d differs", a, x)
			}
		}
		if want := (zeros + 0.1) / (4 + 0.1*float64(a)); math.Abs(q[0]-want) > 1e-15 || math.Abs(sum-1) > 1e-9 {
			t.Errorf("A = %d: P(0) = %v, want %v; sum %v", a, q[0], want, sum)
		}
	}
}

// A tenth of Opticks by the letter frequencies of the first eight: 4.52 bits.
func TestUnigramOnOpticks(t *testing.T) {
	text := opticks(t)
	p, xs := mustNew(t, DefaultUnigram(), 256), make([]predictors.Symbol, len(text))
	for i, b := range text {
		xs[i] = predictors.Symbol(b)
	}
	if err := predictors.Train(context.Background(), p, predictors.Data{Train: [][]predictors.Symbol{xs[:453758]}}, nil); err != nil {
		t.Fatal(err)
	}
	bits, sum := make([]float64, len(xs)-510478), 0.0
	predictors.Score(p, bits, nil, xs[510478:])
	for _, b := range bits {
		sum += b
	}
	if mean := sum / float64(len(bits)); math.Abs(mean-4.52) > 0.005 {
		t.Errorf("%.4f bits per byte, want 4.52", mean)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, d := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := (&UnigramConfig{Delta: d}).New(predictors.Env{Alphabet: 2}); err == nil {
			t.Errorf("delta = %v is accepted", d)
		}
	}
	for _, c := range []predictors.Config{DefaultUniform(), DefaultUnigram()} {
		for _, a := range []int{0, 65537} {
			if _, err := c.New(predictors.Env{Alphabet: a}); err == nil {
				t.Errorf("%T: an alphabet of %d is accepted", c, a)
			}
		}
	}
}

func TestUnigramRefusesAnotherAlphabet(t *testing.T) {
	var b bytes.Buffer
	if err := predictors.Save(&b, mustNew(t, DefaultUnigram(), 5)); err != nil {
		t.Fatal(err)
	}
	if predictors.Load(&b, mustNew(t, DefaultUnigram(), 6)) == nil {
		t.Error("counts of 5 symbols are read as those of 6")
	}
}
