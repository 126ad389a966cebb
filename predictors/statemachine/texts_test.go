package statemachine

import (
	"context"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

type symbols = []predictors.Symbol

// shakespeare is tinyshakespeare over its own characters, nine tenths to
// train on.
func shakespeare(t testing.TB) (train, valid symbols, a int) {
	xs := corporatest.Symbols(t, "shakespeare/tinyshakespeare.txt")
	var number [256]int
	for _, x := range xs {
		if number[x] == 0 {
			a++
			number[x] = a
		}
	}
	for i, x := range xs {
		xs[i] = predictors.Symbol(number[x] - 1)
	}
	cut := len(xs) * 9 / 10
	return xs[:cut], xs[cut:], a
}

var calgary14 = []string{"bib", "book1", "book2", "geo", "news", "obj1", "obj2", "paper1", "paper2", "pic", "progc", "progl", "progp", "trans"}

func mustNew(t testing.TB, c predictors.Config, a int) predictors.Predictor {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustTrain(t testing.TB, p predictors.Predictor, d predictors.Data) {
	t.Helper()
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
}

// mean is the loss of xs in bits per symbol.
func mean(p predictors.Predictor, xs symbols) float64 {
	bits := make([]float64, len(xs))
	predictors.Score(p, bits, nil, xs)
	return average(bits)
}

// meanLearning is the same with learning.
func meanLearning(t testing.TB, p predictors.Predictor, xs symbols) float64 {
	t.Helper()
	bits := make([]float64, len(xs))
	if err := predictors.ScoreLearning(p, bits, nil, xs); err != nil {
		t.Fatal(err)
	}
	return average(bits)
}

func average(bits []float64) float64 {
	sum := 0.0
	for _, b := range bits {
		sum += b
	}
	return sum / float64(len(bits))
}
