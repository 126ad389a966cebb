package lempelziv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"horizon/predictors"
)

// slowLZW is the definition: phrases from a set that has the alphabet, each
// beginning with the symbol that ended the one before.
type slowLZW struct{ *slow }

func newSlowLZW(a int, gamma float64) *slowLZW {
	s := &slowLZW{newSlow(a, gamma)}
	for x := range a {
		s.phrase[string(rune(x))] = true
	}
	return s
}

func (s *slowLZW) step(x predictors.Symbol, learns bool) {
	began := s.z == ""
	s.slow.step(x, learns)
	if !began && s.z == "" {
		s.slow.step(x, learns)
	}
}

func TestLZWAgainstDefinition(t *testing.T) {
	for _, a := range []int{2, 3, 256} {
		rng := rand.New(rand.NewPCG(uint64(a), 5))
		c := LZWConfig{PriorConfig{Gamma: 0.2}}
		made, err := c.New(predictors.Env{Alphabet: a})
		if err != nil {
			t.Fatal(err)
		}
		p, s := made.(*lz78), newSlowLZW(a, 0.2)
		q := make([]float64, a)
		walk := func(f *lz78, xs symbols, learns bool) {
			f.Reset()
			s.z = ""
			for i, x := range xs {
				f.Predict(q)
				for y := range q {
					if want := s.prob(y); math.Abs(q[y]-want) > 1e-14 || f.Prob(predictors.Symbol(y)) != q[y] {
						t.Fatalf("A = %d, learning %v: after %d symbols P(%d) = %v, want %v", a, learns, i, y, q[y], want)
					}
				}
				if s.step(x, learns); learns {
					f.Learn(x)
				} else {
					f.Observe(x)
				}
			}
		}
		all := make(symbols, a)
		for x := range all {
			all[x] = predictors.Symbol(x)
		}
		walk(p, noise(rng, a, 300), true)
		walk(p, noise(rng, a, 1), true)
		walk(p, append(all, all...), true) // from here on every symbol has its node
		walk(p.Fork().(*lz78), noise(rng, a, 200), false)
		walk(p, noise(rng, a, 200), false)
		walk(p, noise(rng, a, 200), true)
	}
}

// Welch's dictionary of "abracadabra": ab, br, ra, ac, ca, ad, da, abr beside
// the alphabet.
func TestAbracadabraLZW(t *testing.T) {
	p, err := (&LZWConfig{PriorConfig{Gamma: 1}}).New(predictors.Env{Alphabet: 5})
	if err != nil {
		t.Fatal(err)
	}
	learn(p.(*lz78), index("abcdr", "abracadabra"))
	const want = "a,ab,b,br,r,ra,ac,c,ca,ad,d,da,abr"
	if got := strings.Join(phrases(&p.(*lz78).table, "abcdr"), ","); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// slowLeZi is the definition: counts of strings.
type slowLeZi struct {
	a, most int
	gamma   float64
	n       map[string]float64 // n(c)
	phrase  map[string]bool
	longest int
	w       string // the phrase being parsed
	window  []rune
	fresh   bool // the last symbol was not learned
}

func newSlowLeZi(a, most int, gamma float64) *slowLeZi {
	return &slowLeZi{a: a, most: most, gamma: gamma, n: map[string]float64{}, phrase: map[string]bool{}}
}

func (s *slowLeZi) reset() { s.w, s.window, s.fresh = "", nil, false }

func (s *slowLeZi) advance(x predictors.Symbol, learns bool) {
	if s.fresh = !learns; learns {
		if s.w += string(rune(x)); !s.phrase[s.w] {
			s.phrase[s.w] = true
			s.longest, s.w = max(s.longest, len([]rune(s.w))), ""
		}
	}
	length := s.longest
	if s.most > 0 {
		length = min(length, s.most)
	}
	s.window = append(s.window, rune(x))
	s.window = s.window[max(0, len(s.window)-length):]
	for i := range s.window {
		if learns {
			s.n[string(s.window[i:])]++
		}
	}
}

func (s *slowLeZi) prob(x int) float64 {
	total := 0.0
	for y := range s.a {
		total += s.n[string(rune(y))]
	}
	p := (s.n[string(rune(x))] + s.gamma) / (total + s.gamma*float64(s.a))
	for j := range s.window {
		c := string(s.window[len(s.window)-1-j:])
		n, followed := s.n[c], 0.0
		if s.fresh {
			n++
		}
		for y := range s.a {
			followed += s.n[c+string(rune(y))]
		}
		if n > 0 {
			p = s.n[c+string(rune(x))]/n + (1-followed/n)*p
		}
	}
	return p
}

func TestActiveLeZiAgainstDefinition(t *testing.T) {
	for _, c := range [][2]int{{2, 0}, {3, 0}, {3, 4}, {256, 0}} {
		rng := rand.New(rand.NewPCG(uint64(c[0]), uint64(c[1])))
		made, err := (&ActiveLeZiConfig{Gamma: 0.1, Window: c[1]}).New(predictors.Env{Alphabet: c[0]})
		if err != nil {
			t.Fatal(err)
		}
		p, s := made.(*activeLeZi), newSlowLeZi(c[0], c[1], 0.1)
		q := make([]float64, c[0])
		walk := func(f *activeLeZi, xs symbols, learns bool) {
			f.Reset()
			s.reset()
			for i, x := range xs {
				f.Predict(q)
				for _, y := range []int{0, int(x), c[0] - 1} {
					want := s.prob(y)
					if math.Abs(q[y]/want-1) > 1e-9 || math.Abs(f.Prob(predictors.Symbol(y))/want-1) > 1e-9 {
						t.Fatalf("%v, learning %v: after %d symbols P(%d) = %v and %v, want %v", c, learns, i, y, q[y], f.Prob(predictors.Symbol(y)), want)
					}
				}
				if s.advance(x, learns); learns {
					f.Learn(x)
				} else {
					f.Observe(x)
				}
			}
		}
		walk(p, noise(rng, c[0], 300), true)
		walk(p, noise(rng, c[0], 1), true)
		walk(p, make(symbols, 60), true)
		walk(p.Fork().(*activeLeZi), noise(rng, c[0], 100), false)
		walk(p, noise(rng, c[0], 100), false)
		walk(p, noise(rng, c[0], 200), true)
	}
}

// Gopalratnam & Cook's text: after it, a follows aa in two of five, a in five
// of ten, and is ten of 23 symbols; the rest escapes.
func TestActiveLeZiOnItsPapersText(t *testing.T) {
	const text = "aaababbbbbaabccddcbaaaa"
	p, err := (&ActiveLeZiConfig{Gamma: 1e-9}).New(predictors.Env{Alphabet: 4})
	if err != nil {
		t.Fatal(err)
	}
	l := p.(*activeLeZi)
	for _, x := range index("abcd", text) {
		l.Learn(x)
	}
	if l.longest != 3 {
		t.Errorf("the longest phrase has %d symbols, want 3", l.longest)
	}
	if got, want := l.Prob(0), 2./5+2./5*(5./10+2./10*10./23); math.Abs(got-want) > 1e-8 {
		t.Errorf("P(a) = %v, want %v", got, want)
	}
	e := l.Evidence()
	if e.Match != 2 || e.Effective <= 1 || e.Effective > 23 || e.Fallback > 1e-6 {
		t.Errorf("%+v", e)
	}
}

// Learning after symbols that were only observed counts no string with them.
func TestActiveLeZiObservesBetween(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	p, _ := (&ActiveLeZiConfig{Gamma: 0.5}).New(predictors.Env{Alphabet: 2})
	l, q := p.(*activeLeZi), make([]float64, 2)
	for i, x := range noise(rng, 2, 2000) {
		if l.Predict(q); !(q[0] > 0 && q[1] > 0) || math.Abs(q[0]+q[1]-1) > 1e-12 {
			t.Fatalf("after %d symbols: %v", i, q)
		}
		if rng.IntN(5) == 0 {
			l.Observe(x)
		} else {
			l.Learn(x)
		}
	}
	for c := 1; c < l.count; c++ {
		if z := l.node(uint32(c)); z.seen > z.visits {
			t.Fatalf("node %d came %d times and was followed %d times", c, z.visits, z.seen)
		}
	}
}

func TestActiveLeZiConfigErrors(t *testing.T) {
	for want, c := range map[string]ActiveLeZiConfig{
		"active-lezi: gamma = 0, want > 0":                                     {},
		"active-lezi: window = -1, want at least 1, or 0 for no bound":         {Gamma: 1, Window: -1},
		fmt.Sprintf("active-lezi: alphabet size = %d, want 1 to 65536", 1<<17): {Gamma: 1},
	} {
		a := 2
		if strings.Contains(want, "alphabet") {
			a = 1 << 17
		}
		if _, err := c.New(predictors.Env{Alphabet: a}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
