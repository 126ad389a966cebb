package markov

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

// A twin is p(x; h) from maps, h being at most n−1 symbols.
type twin func(x int, h []rune) float64

// slowCounts are a(hx) as after[h][x], raw and without a mark, or those of the
// twin of Kneser-Ney.
type slowCounts struct {
	a, n  int
	after map[string]map[int]int
	tally []tally
}

func rawCounts(a, n int, docs []symbols) *slowCounts {
	s := &slowCounts{a: a, n: n, after: map[string]map[int]int{}}
	for _, doc := range docs {
		text := runes(doc)
		for end := range text {
			for k := 0; k < n && k <= end; k++ {
				h := spell(text[end-k : end])
				if s.after[h] == nil {
					s.after[h] = map[int]int{}
				}
				s.after[h][int(doc[end])]++
			}
		}
	}
	s.count()
	return s
}

func continuationCounts(a, n int, docs []symbols) *slowCounts {
	s := &slowCounts{a: a, n: n, after: newSlow(a, n, false, docs).after}
	s.count()
	return s
}

func (s *slowCounts) count() {
	s.tally = make([]tally, s.n+1)
	for h, next := range s.after {
		for _, c := range next {
			if c < 7 {
				s.tally[len([]rune(h))+1][c]++
			}
		}
	}
}

func (s *slowCounts) of(h []rune) (next map[int]int, total float64) {
	next = s.after[spell(h)]
	for _, c := range next {
		total += float64(c)
	}
	return next, total
}

func (s *slowCounts) lower(p twin, x int, h []rune) float64 {
	if len(h) == 0 {
		return 1 / float64(s.a)
	}
	return p(x, h[1:])
}

func (s *slowCounts) additive(delta float64) (p twin) {
	return func(x int, h []rune) float64 {
		next, total := s.of(h)
		return (float64(next[x]) + delta) / (total + delta*float64(s.a))
	}
}

func (s *slowCounts) wittenBell() (p twin) {
	p = func(x int, h []rune) float64 {
		next, total := s.of(h)
		if total == 0 {
			return s.lower(p, x, h)
		}
		kinds := float64(len(next))
		return (float64(next[x]) + kinds*s.lower(p, x, h)) / (total + kinds)
	}
	return p
}

func (s *slowCounts) absolute() (p twin) {
	p = func(x int, h []rune) float64 {
		next, total := s.of(h)
		if total == 0 {
			return s.lower(p, x, h)
		}
		n, d := s.tally[len(h)+1], 0.75
		if n[1] > 0 {
			d = float64(n[1]) / float64(n[1]+2*n[2])
		}
		return max(float64(next[x])-d, 0)/total + d*float64(len(next))/total*s.lower(p, x, h)
	}
	return p
}

// backoff is α and all by summation.
func (s *slowCounts) backoff(rule func(n tally, c int) float64) (p twin) {
	p = func(x int, h []rune) float64 {
		next, total := s.of(h)
		if total == 0 {
			return s.lower(p, x, h)
		}
		keep, z := 0.0, total
		for _, c := range next {
			keep += float64(c) - rule(s.tally[len(h)+1], c)
		}
		switch {
		case len(next) == s.a:
			z = keep
		case keep == total:
			z = total + 1
		}
		if c := next[x]; c > 0 {
			return (float64(c) - rule(s.tally[len(h)+1], c)) / z
		}
		below := 0.0
		for y := range next {
			below += s.lower(p, y, h)
		}
		return (1 - keep/z) / (1 - below) * s.lower(p, x, h)
	}
	return p
}

// katzRule is c − d_c c, worked by hand from the counts of counts.
func katzRule(n tally, c int) float64 {
	for k := 5; k >= 1; k-- {
		var d [6]float64
		good := true
		for r := 1; r <= k; r++ {
			a := float64((k+1)*int(n[k+1])) / float64(n[1])
			d[r] = (float64((r+1)*int(n[r+1]))/float64(r*int(n[r])) - a) / (1 - a)
			good = good && n[r] > 0 && n[r+1] > 0 && a < 1 && d[r] > 0 && d[r] < 1
		}
		if good && c <= k {
			return float64(c) * (1 - d[c])
		}
		if good {
			return 0
		}
	}
	return 0
}

func backoffRule(single bool) func(tally, int) float64 {
	return func(n tally, c int) float64 {
		y := float64(n[1]) / float64(n[1]+2*n[2])
		if single {
			if n[1] == 0 || n[2] == 0 {
				return 0.75
			}
			return y
		}
		var d [4]float64
		for j := 1; j <= 3; j++ {
			d[j] = float64(j) - float64(j+1)*y*float64(n[j+1])/float64(n[j])
			if n[j] == 0 || d[j] <= 0 || d[j] >= float64(j) {
				d = [4]float64{0, .5, 1, 1.5}
				break
			}
		}
		return d[min(c, 3)]
	}
}

var smoothings = []struct {
	name   string
	config func(n int) predictors.Config
	twin   func(a, n int, docs []symbols) twin
	mark   bool
}{
	{"additive", func(n int) predictors.Config { return &AdditiveConfig{Order: n, Delta: 0.3} },
		func(a, n int, docs []symbols) twin { return rawCounts(a, n, docs).additive(0.3) }, false},
	{"witten-bell", func(n int) predictors.Config { return &WittenBellConfig{Order: n} },
		func(a, n int, docs []symbols) twin { return rawCounts(a, n, docs).wittenBell() }, false},
	{"absolute-discounting", func(n int) predictors.Config { return &AbsoluteConfig{Order: n} },
		func(a, n int, docs []symbols) twin { return rawCounts(a, n, docs).absolute() }, false},
	{"katz", func(n int) predictors.Config { return &KatzConfig{Order: n} },
		func(a, n int, docs []symbols) twin { return rawCounts(a, n, docs).backoff(katzRule) }, false},
	{"kneser-ney-backoff", func(n int) predictors.Config { return &BackoffKneserNeyConfig{Order: n, Discounts: "modified"} },
		func(a, n int, docs []symbols) twin { return continuationCounts(a, n, docs).backoff(backoffRule(false)) }, true},
	{"kneser-ney-backoff single", func(n int) predictors.Config { return &BackoffKneserNeyConfig{Order: n, Discounts: "single"} },
		func(a, n int, docs []symbols) twin { return continuationCounts(a, n, docs).backoff(backoffRule(true)) }, true},
}

// lastOf is the context of order n.
func lastOf(past symbols, n int, mark bool) []rune {
	h := runes(past)
	if mark {
		h = append([]rune{startRune}, h...)
	}
	return h[max(0, len(h)-n+1):]
}

func mustMake(t testing.TB, c predictors.Config, a int) predictors.Predictor {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustTrain(t testing.TB, p predictors.Predictor, train, valid []symbols) {
	t.Helper()
	if err := predictors.Train(context.Background(), p, predictors.Data{Train: train, Valid: valid}, nil); err != nil {
		t.Fatal(err)
	}
}

// agree compares every probability of p with the twin's.
func agree(t *testing.T, name string, p predictors.Predictor, want twin, h []rune) {
	t.Helper()
	q := make([]float64, p.Alphabet())
	p.Predict(q)
	for x := range q {
		exact := want(x, h)
		if math.Abs(q[x]-exact) > 1e-12 {
			t.Fatalf("%s: P(%d; %q) = %v, want %v", name, x, h, q[x], exact)
		}
		if got := p.(predictors.Prober).Prob(predictors.Symbol(x)); math.Abs(got-exact) > 1e-12 {
			t.Fatalf("%s: Prob(%d; %q) = %v, want %v", name, x, h, got, exact)
		}
	}
}

func TestSmoothingsEqualTheirFormulas(t *testing.T) {
	for _, s := range smoothings {
		for _, a := range []int{1, 2, 3, 11} {
			for _, n := range []int{1, 2, 3, 5} {
				rng := rand.New(rand.NewPCG(uint64(a), uint64(n)))
				docs := []symbols{babble(rng, a, 300), babble(rng, a, 1), babble(rng, a, 2), babble(rng, a, 200)}
				p := mustMake(t, s.config(n), a)
				mustTrain(t, p, docs, nil)
				want := s.twin(a, n, docs)
				xs := babble(rng, a, 40)
				for i, x := range xs {
					agree(t, fmt.Sprintf("%s, A = %d, order %d", s.name, a, n), p, want, lastOf(xs[:i], n, s.mark))
					p.Observe(x)
				}
			}
		}
	}
}

// Prequentially, every prediction is that of a model counted from scratch.
func TestSmoothingsLearnAsTheyCount(t *testing.T) {
	const a, n = 3, 4
	for _, s := range smoothings {
		xs := babble(rand.New(rand.NewPCG(5, 6)), a, 150)
		p := mustMake(t, s.config(n), a)
		for i, x := range xs {
			agree(t, s.name, p, s.twin(a, n, []symbols{xs[:i]}), lastOf(xs[:i], n, s.mark))
			p.(predictors.Learner).Learn(x)
		}
	}
}

// A Prob of one symbol does not lead astray an Observe of another.
func TestObserveAfterProbOfAnother(t *testing.T) {
	const a, n = 4, 4
	rng := rand.New(rand.NewPCG(1, 9))
	train, xs := babble(rng, a, 300), babble(rng, a, 100)
	for _, s := range smoothings {
		p, q := mustMake(t, s.config(n), a), mustMake(t, s.config(n), a)
		mustTrain(t, p, []symbols{train}, nil)
		mustTrain(t, q, []symbols{train}, nil)
		for _, x := range xs {
			want := q.(predictors.Prober).Prob(2)
			if got := p.(predictors.Prober).Prob(2); got != want {
				t.Fatalf("%s: %v, want %v", s.name, got, want)
			}
			y := predictors.Symbol(rng.IntN(a))
			p.(predictors.Prober).Prob(y)
			if y == x && rng.IntN(2) == 0 {
				p.Reset()
				q.Reset()
			}
			p.Observe(x)
			q.Observe(x)
		}
	}
}
