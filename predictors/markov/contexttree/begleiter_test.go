package contexttree

import (
	"context"
	"testing"

	"horizon/predictors"
)

// halves trains on the first half and returns the frozen loss on the second,
// bits a symbol, from the empty context (Begleiter et al. 2004, section 5).
func halves(t testing.TB, c predictors.Config, b []byte) float64 {
	t.Helper()
	xs := toSymbols(b)
	p := make256(t, c)
	d := predictors.Data{Train: []symbols{xs[:len(xs)/2]}}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
	test := xs[len(xs)/2:]
	bits := make([]float64, len(test))
	predictors.Score(p, bits, nil, test)
	return sum(bits) / float64(len(test))
}

// begleiter is table 3 of Begleiter, El-Yaniv & Yona 2004: loss on the second
// half of the Calgary files, BI-CTW and DE-CTW, the depth of DE-CTW (of those
// they chose from by cross-validation the one that gives their figure), and
// for some files what their code gives for DE-CTW of depth 8. Their book1 was
// another file.
var begleiter = []struct {
	name   string
	bi, de float64
	depth  int
	rerun  float64
}{
	{"bib", 2.15, 1.80, 8, 1.799},
	{"book2", 2.50, 2.36, 4, 0},
	{"geo", 4.93, 4.47, 4, 0},
	{"news", 3.04, 2.81, 4, 0},
	{"obj1", 7.00, 6.82, 8, 6.817},
	{"obj2", 3.92, 3.56, 4, 0},
	{"paper1", 3.48, 2.95, 8, 2.953},
	{"paper2", 2.75, 2.49, 8, 0},
	{"paper3", 2.96, 2.59, 8, 0},
	{"paper4", 3.87, 3.63, 8, 3.628},
	{"paper5", 4.57, 4.50, 8, 4.501},
	{"paper6", 3.90, 3.21, 8, 0},
	{"pic", 0.75, 0.71, 4, 0},
	{"progc", 3.28, 2.85, 8, 2.845},
	{"progl", 3.20, 2.85, 8, 0},
	{"progp", 2.88, 2.53, 8, 0},
	{"trans", 2.65, 2.08, 8, 0},
}
