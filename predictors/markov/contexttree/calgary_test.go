package contexttree

import (
	"math"
	"testing"

	"horizon/predictors"
)

type symbols = []predictors.Symbol

func toSymbols(b []byte) symbols {
	xs := make(symbols, len(b))
	for i, c := range b {
		xs[i] = predictors.Symbol(c)
	}
	return xs
}

// prequential is the loss in bits of learning xs while predicting it.
func prequential(t testing.TB, p predictors.Predictor, xs symbols) float64 {
	t.Helper()
	bits := make([]float64, len(xs))
	if err := predictors.ScoreLearning(p, bits, nil, xs); err != nil {
		t.Fatal(err)
	}
	return sum(bits)
}

func sum(xs []float64) float64 {
	s := 0.0
	for _, x := range xs {
		s += x
	}
	return s
}

func make256(t testing.TB, c predictors.Config) predictors.Predictor {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: 256})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// calgary holds the bytes that the authors' programs make of the files
// (Bellemare, Veness & Talvitie 2014, github.com/mgbellemare/SkipCTS, depth
// 48): CTW over all bits, CTW and CTS factored.
var calgary = []struct {
	name                string
	ctw, facctw, faccts int
}{
	{"bib", 31330, 29917, 25069},
	{"book1", 221775, 219341, 210936},
	{"book2", 161943, 158337, 144710},
	{"geo", 64185, 54544, 53458},
	{"news", 131184, 125857, 109891},
	{"obj1", 12447, 11156, 9820},
	{"obj2", 98378, 88702, 72619},
	{"paper1", 18883, 17757, 15130},
	{"paper2", 26576, 25684, 22833},
	{"pic", 57611, 51189, 50119},
	{"progc", 14856, 13825, 11516},
	{"progl", 18929, 18198, 14401},
	{"progp", 13792, 12877, 10071},
	{"trans", 24532, 22882, 16199},
}

// bytesOf is the size of the arithmetic code: its bits, rounded up to bytes.
func bytesOf(bits float64) int { return int(math.Ceil(bits / 8)) }
