package unbounded

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"horizon/predictors"
)

// corpus reads a text of the shared corpora, which are not part of the
// repository: the folder that HORIZON_CORPORA names, or ../shared/corpora
// beside it.
func corpus(t testing.TB, name string) []symbol {
	t.Helper()
	dir := os.Getenv("HORIZON_CORPORA")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared", "corpora")
	}
	var text []byte
	if f, err := os.Open(filepath.Join(dir, name+".gz")); err == nil {
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if text, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	} else if text, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	xs := make([]symbol, len(text))
	for i, b := range text {
		xs[i] = symbol(b)
	}
	return xs
}

func root(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the test: not in a checkout")
		}
		dir = up
	}
}

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
