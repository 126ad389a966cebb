package markov

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// TestSurvey holds the marginals of all contexts at once to their definition:
// following every future from each by itself.
func TestSurvey(t *testing.T) {
	t.Run("3", func(t *testing.T) { testSurvey(t, 3) })
	t.Run("19", func(t *testing.T) { testSurvey(t, 19) }) // more than one stretch
}

func testSurvey(t *testing.T, a int) {
	rng := rand.New(rand.NewPCG(3, 9))
	docs := [][]predictors.Symbol{make([]predictors.Symbol, 150), make([]predictors.Symbol, 40)}
	for _, d := range docs {
		for i := range d {
			d[i] = predictors.Symbol(min(rng.IntN(a+1), a-1) * rng.IntN(2)) // uneven, so that much is unseen
			if i > 2 && rng.IntN(3) > 0 {
				d[i] = d[i-3]
			}
		}
	}
	configs := map[string]predictors.Config{
		"kneser-ney":          &KneserNeyConfig{Order: 4, Discounts: "modified"},
		"kneser-ney order 1":  &KneserNeyConfig{Order: 1, Discounts: "modified"},
		"kneser-ney order 2":  &KneserNeyConfig{Order: 2, Discounts: "single"},
		"kneser-ney back-off": DefaultBackoffKneserNey(),
		"witten-bell":         &WittenBellConfig{Order: 4},
		"katz":                DefaultKatz(),
		"absolute":            DefaultAbsolute(),
		"jelinek-mercer":      DefaultJelinekMercer(),
	}
	for name, c := range configs {
		for _, bytes := range []int64{0, 6000} {
			t.Run(fmt.Sprintf("%s/%d", name, bytes), func(t *testing.T) {
				p, err := c.New(predictors.Env{Alphabet: a})
				if err != nil {
					t.Fatal(err)
				}
				d := predictors.Data{Train: docs, Valid: docs[1:], Budget: predictors.Budget{ModelBytes: bytes}}
				if err := predictors.Train(t.Context(), p, d, func(predictors.Progress) {}); err != nil {
					if bytes > 0 {
						t.Skip(err)
					}
					t.Fatal(err)
				}
				checkSurvey(t, p.(predictors.Surveyor), p, a)
			})
		}
	}
}

func checkSurvey(t *testing.T, s predictors.Surveyor, p predictors.Predictor, a int) {
	var places []uint32
	var at []predictors.Predictor
	p.Reset()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 25 {
		place, _ := s.Place()
		places, at = append(places, place), append(at, p.Fork())
		p.Observe(predictors.Symbol(rng.IntN(a)))
	}
	ks, symbols := []int{1, 2, 3, 6}, []predictors.Symbol{}
	if a > 3 {
		ks = ks[:3]
	}
	for y := range a { // in no order
		symbols = append(symbols, predictors.Symbol((5*y+2)%a))
	}
	got := map[[2]int][]float64{}
	var mu sync.Mutex
	err := s.Survey(t.Context(), places, ks, symbols, func(i, k, j int, q []float64) {
		mu.Lock()
		defer mu.Unlock()
		if got[[2]int{i, k}] == nil {
			got[[2]int{i, k}] = make([]float64, a)
		}
		for l, v := range q {
			got[[2]int{i, k}][symbols[j+l]] = v
		}
	}, func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range at {
		for _, k := range ks {
			want := make([]float64, a)
			follow(f, want, 1, k)
			for y, w := range want {
				if d := math.Abs(got[[2]int{i, k}][y] - w); !(d < 1e-12) {
					t.Fatalf("place %d, k = %d: P(%d) = %v, want %v", i, k, y, got[[2]int{i, k}][y], w)
				}
			}
		}
	}
}

// follow adds the k-step marginal from where p stands, by the definition.
func follow(p predictors.Predictor, sum []float64, mass float64, k int) {
	q := make([]float64, len(sum))
	p.Predict(q)
	for x, v := range q {
		if k == 1 {
			sum[x] += mass * v
			continue
		}
		f := p.Fork()
		f.Observe(predictors.Symbol(x))
		follow(f, sum, mass*v, k-1)
	}
}

// BenchmarkSurvey is L_k at 32 horizons of Kneser-Ney over every one of the
// last 111,540 characters of tinyshakespeare, the others learned.
func BenchmarkSurvey(b *testing.B) {
	text, a := corporatest.Packed(b, "shakespeare/tinyshakespeare.txt")
	train, test := text[:1_003_854], text[1_003_854:]
	var ks []int
	for k := range 32 {
		ks = append(ks, k+1)
	}
	var symbols []predictors.Symbol
	for y := range a {
		symbols = append(symbols, predictors.Symbol(y))
	}
	for _, order := range []int{6, 8} {
		b.Run(fmt.Sprintf("order=%d", order), func(b *testing.B) {
			p, err := (&KneserNeyConfig{Order: order, Discounts: "modified"}).New(predictors.Env{Alphabet: a})
			if err != nil {
				b.Fatal(err)
			}
			err = predictors.Train(b.Context(), p, predictors.Data{Train: [][]predictors.Symbol{train}}, func(predictors.Progress) {})
			if err != nil {
				b.Fatal(err)
			}
			var places []uint32
			p.Reset()
			for _, x := range test {
				place, _ := p.(predictors.Surveyor).Place()
				places = append(places, place)
				p.Observe(x)
			}
			for b.Loop() {
				losses := make([]float64, len(symbols)/stretch+1) // one each, so that none waits
				err := p.(predictors.Surveyor).Survey(b.Context(), places, ks, symbols, func(i, k, j int, q []float64) {
					if at := i + k - 1; at < len(test) {
						if l := int(test[at]) - j; 0 <= l && l < len(q) {
							losses[j/stretch] -= math.Log2(q[l])
						}
					}
				}, func(int64, int64) {})
				if err != nil {
					b.Fatal(err)
				}
				sum := 0.0
				for _, l := range losses {
					sum += l
				}
				b.ReportMetric(sum/float64(32*len(test)), "bits")
			}
		})
	}
}
