package unbounded

import (
	"testing"

	"horizon/predictors"
)

// packed numbers the symbols that occur in xs from 0 and returns how many
// there are.
func packed(xs []symbol) ([]symbol, int) {
	var number [1 << 16]int
	for _, x := range xs {
		number[x] = 1
	}
	a := 0
	for x, used := range number {
		if used == 1 {
			number[x], a = a, a+1
		}
	}
	out := make([]symbol, len(xs))
	for i, x := range xs {
		out[i] = symbol(number[x])
	}
	return out, a
}

func mean(bits []float64) float64 {
	sum := 0.0
	for _, b := range bits {
		sum += b
	}
	return sum / float64(len(bits))
}

// frozen and adaptive are mean losses in bits a symbol.
func frozen(p predictors.Predictor, xs []symbol) float64 {
	bits := make([]float64, len(xs))
	predictors.Score(p, bits, nil, xs)
	return mean(bits)
}

func adaptive(t testing.TB, p predictors.Predictor, xs []symbol) float64 {
	t.Helper()
	bits := make([]float64, len(xs))
	if err := predictors.ScoreLearning(p, bits, nil, xs); err != nil {
		t.Fatal(err)
	}
	return mean(bits)
}
