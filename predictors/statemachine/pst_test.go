package statemachine

import (
	"math"
	"slices"
	"testing"

	"horizon/predictors"
)

func index(alphabet, text string) symbols {
	xs := make(symbols, len(text))
	for i := range text {
		xs[i] = predictors.Symbol(slices.Index([]byte(alphabet), text[i]))
	}
	return xs
}

// spell is context c read forwards.
func spell(t *suffixTree, c uint32) (xs symbols) {
	for ; c != 0; c = t.suffix[c] {
		xs = append(xs, predictors.Symbol(t.oldest[c]))
	}
	return xs
}

// Begleiter, El-Yaniv & Yona 2004, figure 5. The first row is printed so that
// it sums to one, (.45, .183, .092, .092, .183).
func TestPSTAbracadabra(t *testing.T) {
	const alphabet = "abcdr"
	for _, compare := range []string{"raw", "smoothed"} {
		p := mustNew(t, &PSTConfig{PMin: 0.001, Gamma: 0.001, Alpha: 0.01, R: 1.05, Depth: 12, Compare: compare}, 5).(*pst)
		mustTrain(t, p, predictors.Data{Train: []symbols{index(alphabet, "abracadabra")}})
		var contexts []string
		for c := range p.suffix {
			s := ""
			for _, x := range spell(p.suffixTree, uint32(c)) {
				s += alphabet[x : x+1]
			}
			contexts = append(contexts, s)
		}
		slices.Sort(contexts)
		if want := []string{"", "a", "b", "c", "ca", "d", "da", "r", "ra"}; !slices.Equal(contexts, want) {
			t.Errorf("compare %s: contexts %q, want %q", compare, contexts, want)
		}
		for _, c := range []struct {
			past string
			row  [5]float64
			band float64
		}{
			{"", [5]float64{.45, .183, .092, .092, .183}, 0.005},
			{"a", [5]float64{.001, .498, .25, .25, .001}, 0.001},
			{"ba", [5]float64{.001, .498, .25, .25, .001}, 0.001},
			{"ca", [5]float64{.001, .001, .001, .996, .001}, 0.0005},
			{"da", [5]float64{.001, .996, .001, .001, .001}, 0.0005},
			{"bra", [5]float64{.001, .001, .996, .001, .001}, 0.0005},
			{"ab", [5]float64{.001, .001, .001, .001, .996}, 0.0005},
			{"c", [5]float64{.996, .001, .001, .001, .001}, 0.0005},
			{"dad", [5]float64{.996, .001, .001, .001, .001}, 0.0005},
			{"abr", [5]float64{.996, .001, .001, .001, .001}, 0.0005},
		} {
			p.Reset()
			for _, x := range index(alphabet, c.past) {
				p.Observe(x)
			}
			q := make([]float64, 5)
			p.Predict(q)
			for x, want := range c.row {
				if math.Abs(q[x]-want) > c.band {
					t.Errorf("compare %s: P(%c | %s) = %v, print has %v", compare, alphabet[x], c.past, q[x], want)
				}
			}
		}
		// and exactly, by the formula
		p.Reset()
		if got, want := p.Prob(0), 0.995*5/11+0.001; math.Abs(got-want) > 1e-15 {
			t.Errorf("P(a) = %v, want %v", got, want)
		}
	}
}
