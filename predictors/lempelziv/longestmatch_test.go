package lempelziv

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
	"horizon/predictors/unbounded"
)

// slowMatches is the definition: documents, and the counts of strings by
// looking at every position.
type slowMatches struct {
	docs            []symbols
	window, longest int // maxInt: none
}

func (s *slowMatches) learn(x predictors.Symbol, begins bool) {
	if begins || len(s.docs) == 0 {
		s.docs = append(s.docs, nil)
	}
	last := &s.docs[len(s.docs)-1]
	*last = append(*last, x)
}

// each calls f with every counted position: a document and a place in it.
func (s *slowMatches) each(f func(doc symbols, i int)) {
	total := 0
	for _, doc := range s.docs {
		total += len(doc)
	}
	seen := 0
	for _, doc := range s.docs {
		for i := range doc {
			if seen++; total-seen < s.window {
				f(doc, i)
			}
		}
	}
}

// followers is n(c, x) for each x.
func (s *slowMatches) followers(c symbols) map[predictors.Symbol]int {
	n := map[predictors.Symbol]int{}
	s.each(func(doc symbols, i int) {
		if i >= len(c) && slices.Equal(doc[i-len(c):i], c) {
			n[doc[i]]++
		}
	})
	return n
}

// before is the number of different symbols to the left of c x, for each x.
func (s *slowMatches) before(c symbols) map[predictors.Symbol]int {
	left := map[string]bool{}
	n := map[predictors.Symbol]int{}
	at := 0
	s.each(func(doc symbols, i int) {
		at++
		if i < len(c) || !slices.Equal(doc[i-len(c):i], c) {
			return
		}
		key := fmt.Sprint("begins ", at)
		if i > len(c) {
			key = fmt.Sprint(doc[i-len(c)-1], " ", doc[i])
		}
		if !left[key] {
			left[key] = true
			n[doc[i]]++
		}
	})
	return n
}

func sum(n map[predictors.Symbol]int) (total int) {
	for _, v := range n {
		total += v
	}
	return total
}

// levels lists the contexts of a past, the longest first.
func (s *slowMatches) levels(past symbols, least int) (levels []symbols) {
	total := 0
	for l := min(len(past), s.longest); l >= 0; l-- {
		c := past[len(past)-l:]
		if n := sum(s.followers(c)); n > total && (l >= least || l == 0) {
			levels, total = append(levels, c), n
		}
	}
	return levels
}

// lz77 is the probability of x by recursion over the levels.
func (s *slowMatches) lz77(m *lz77Model, past symbols, x predictors.Symbol) float64 {
	levels := s.levels(past, m.least)
	prob := 1 / float64(m.a)
	for i := len(levels) - 1; i >= 0; i-- {
		n := s.followers(levels[i])
		bucket := matchBucket(len(levels[i]))
		if !m.kn {
			gamma := m.gammas[bucket]
			prob = (float64(n[x]) + gamma*prob) / (float64(sum(n)) + gamma)
			continue
		}
		d := m.discounts[3*bucket:]
		if i > 0 {
			d, n = m.discounts[3*(len(matchLengths)+bucket):], s.before(levels[i])
		}
		off := 0.0
		for _, v := range n {
			off += d[min(v, 3)-1]
		}
		own := 0.0
		if v := n[x]; v > 0 {
			own = float64(v) - d[min(v, 3)-1]
		}
		prob = (own + off*prob) / float64(sum(n))
	}
	return prob
}

// spm is the probability of x after the last ⌈α D⌉ symbols.
func (s *slowMatches) spm(m *spmModel, past symbols, x predictors.Symbol) float64 {
	match := 0
	for l := 1; l <= min(len(past), s.longest); l++ {
		if sum(s.followers(past[len(past)-l:])) > 0 {
			match = l
		}
	}
	k := int(math.Ceil(m.alpha * float64(match)))
	n := s.followers(past[len(past)-k:])
	return (float64(n[x]) + m.gamma) / (float64(sum(n)) + m.gamma*float64(m.a))
}

type learner interface {
	predictors.Predictor
	predictors.Learner
	predictors.Prober
}

// compare walks p and its twin over documents, learning and not, and holds
// every probability on the way to the twin's.
func compare(t *testing.T, rng *rand.Rand, p learner, s *slowMatches, want func(past symbols, x predictors.Symbol) float64) {
	t.Helper()
	q := make([]float64, p.Alphabet())
	for step := range 7 {
		p.Reset()
		var past symbols
		writing := false
		for i, x := range noise(rng, p.Alphabet(), 1+rng.IntN(60)) {
			if i%3 == 0 {
				p.Predict(q)
				for y := range q {
					v := want(past, predictors.Symbol(y))
					if math.Abs(q[y]-v) > 1e-12 || math.Abs(p.Prob(predictors.Symbol(y))-v) > 1e-12 {
						t.Fatalf("walk %d, after %d symbols: P(%d) = %v and %v, want %v", step, i, y, q[y], p.Prob(predictors.Symbol(y)), v)
					}
				}
			}
			if step%3 == 2 || step == 4 && i < 10 {
				p.Observe(x)
				writing = false
			} else {
				p.Learn(x)
				s.learn(x, !writing)
				writing = true
			}
			past = append(past, x)
		}
	}
}

func TestLZ77AgainstDefinition(t *testing.T) {
	for _, c := range []LZ77Config{
		{Backoff: "dirichlet"},
		{Backoff: "dirichlet", Gamma: 0.1, Window: 40, Longest: 6},
		{Backoff: "dirichlet", Gamma: 5, MinMatch: 3, Longest: 4},
		{Backoff: "kneser-ney"},
		{Backoff: "kneser-ney", Discount: 0.7, Longest: 3},
		{Backoff: "kneser-ney", Discount: 0.3, Window: 50, Longest: 5, MinMatch: 2},
		{Backoff: "kneser-ney", Window: 5, Longest: 9},
	} {
		for _, a := range []int{1, 2, 6, 40} {
			t.Run(fmt.Sprint(c, a), func(t *testing.T) {
				made, err := c.New(predictors.Env{Alphabet: a})
				if err != nil {
					t.Fatal(err)
				}
				p := made.(*lz77)
				for i := range p.gammas {
					p.gammas[i] *= 1 + 0.1*float64(i)
				}
				for i := range p.discounts {
					p.discounts[i] *= 1 - 0.01*float64(i)
				}
				s := &slowMatches{window: orUnbounded(c.Window), longest: orUnbounded(c.Longest)}
				compare(t, rand.New(rand.NewPCG(uint64(a), 5)), p, s, func(past symbols, x predictors.Symbol) float64 {
					return s.lz77(p.lz77Model, past, x)
				})
			})
		}
	}
}

func TestSPMAgainstDefinition(t *testing.T) {
	for _, c := range []SPMConfig{{Alpha: 0.5}, {Alpha: 0.9, Gamma: 0.3, Longest: 4}, {Alpha: 0.01, Gamma: 2}} {
		for _, a := range []int{1, 2, 6} {
			made, err := c.New(predictors.Env{Alphabet: a})
			if err != nil {
				t.Fatal(err)
			}
			p := made.(*spm)
			s := &slowMatches{window: math.MaxInt, longest: orUnbounded(c.Longest)}
			compare(t, rand.New(rand.NewPCG(uint64(a), 6)), p, s, func(past symbols, x predictors.Symbol) float64 {
				return s.spm(p.spmModel, past, x)
			})
		}
	}
}

// What is dropped makes no difference to the window that is left.
func TestWindowOutlivesTheText(t *testing.T) {
	c := LZ77Config{Backoff: "kneser-ney", Window: 30, Longest: 8}
	made, err := c.New(predictors.Env{Alphabet: 3})
	if err != nil {
		t.Fatal(err)
	}
	p, rng := made.(*lz77), rand.New(rand.NewPCG(8, 8))
	s := &slowMatches{window: 30, longest: 8}
	var past symbols
	for i, x := range noise(rng, 3, 4000) {
		if i > 1000 && i%97 == 0 {
			for y := range 3 {
				want := s.lz77(p.lz77Model, past, predictors.Symbol(y))
				if got := p.Prob(predictors.Symbol(y)); math.Abs(got-want) > 1e-12 {
					t.Fatalf("after %d symbols: P(%d) = %v, want %v", i, y, got, want)
				}
			}
		}
		p.Learn(x)
		s.learn(x, i == 0)
		past = append(past, x)
		if len(past) > 200 { // the twin is slow
			past = past[100:]
			s.docs[0] = s.docs[0][100:]
		}
	}
	if len(p.text) > 2*30+8+1024 {
		t.Errorf("%d symbols are held for a window of 30", len(p.text))
	}
}

// Worked by hand. After abracadabra, "abra" has been followed by c once, its
// suffixes "bra", "ra" and "a" have the same and then more followers: a by b
// twice, c once and d once; all but the last symbol of the text follow the
// empty context, the first too.
func TestLZ77Abracadabra(t *testing.T) {
	const alphabet = "abcdr"
	for _, c := range []struct {
		config LZ77Config
		next   byte
		want   float64
	}{
		// Levels abra (N = 1), a (N = 4), empty (N = 11), γ = 1:
		// p(b) = ½·(2 + (2 + 1/5)/12)/5 = ½·131/300.
		{LZ77Config{Backoff: "dirichlet", Gamma: 1}, 'b', 131. / 600},
		// p(c) = ½ + ½·(1 + (1 + 1/5)/12)/5.
		{LZ77Config{Backoff: "dirichlet", Gamma: 1}, 'c', 0.5 + 0.5*1.1/5},
		// Matches below 5 do not count: the empty context alone.
		{LZ77Config{Backoff: "dirichlet", Gamma: 1, MinMatch: 5}, 'a', (5 + 0.2) / 12},
		// D = ½. abra: c once. a: each of b, c, d after r, c and d… once: ab
		// follows the beginning and d; ac follows r; ad follows c: counts 2, 1,
		// 1. Empty: a after the beginning, r, c, d: 4; b after a: 1; r after b:
		// 1; c and d after a: 1 each; 8 in all.
		// p(b) = ½·((1.5 + 1.5·p₀(b))/4), p₀(b) = (0.5 + 2.5/5)/8.
		{LZ77Config{Backoff: "kneser-ney", Discount: 0.5}, 'b', 0.5 * (1.5 + 1.5*0.125) / 4},
		{LZ77Config{Backoff: "kneser-ney", Discount: 0.5}, 'c', 0.5 + 0.5*(0.5+1.5*0.125)/4},
	} {
		made, err := c.config.New(predictors.Env{Alphabet: 5})
		if err != nil {
			t.Fatal(err)
		}
		p := made.(*lz77)
		for _, x := range index(alphabet, "abracadabra") {
			p.Learn(x)
		}
		if got := p.Prob(index(alphabet, string(c.next))[0]); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%+v: P(%c) = %v, want %v", c.config, c.next, got, c.want)
		}
	}
	// SPM: the match is abra; of it, ⌈0.3·4⌉ = 2 symbols, "ra", followed by c;
	// or 1, "a", followed by b twice, c and d.
	for _, c := range []struct {
		alpha float64
		next  byte
		want  float64
	}{{0.3, 'c', 2. / 6}, {0.3, 'b', 1. / 6}, {0.25, 'b', 3. / 9}, {0.25, 'r', 1. / 9}} {
		made, err := (&SPMConfig{Alpha: c.alpha, Gamma: 1}).New(predictors.Env{Alphabet: 5})
		if err != nil {
			t.Fatal(err)
		}
		p := made.(*spm)
		for _, x := range index(alphabet, "abracadabra") {
			p.Learn(x)
		}
		if got := p.Prob(index(alphabet, string(c.next))[0]); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("spm, alpha = %v: P(%c) = %v, want %v", c.alpha, c.next, got, c.want)
		}
	}
}

// With dirichlet and nothing bounded, lz77 and the infini-gram are two
// programs for one formula, and γ → 0 makes both the longest match's counts.
func TestLZ77IsTheInfiniGram(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const a = 4
	d := predictors.Data{Train: []symbols{noise(rng, a, 700), noise(rng, a, 5), noise(rng, a, 300)}}
	train := func(c predictors.Config) predictors.Predictor {
		p, err := c.New(predictors.Env{Alphabet: a})
		if err != nil {
			t.Fatal(err)
		}
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const gamma = 1e-9
	ours, limit := train(&LZ77Config{Backoff: "dirichlet", Gamma: 2}), train(&LZ77Config{Backoff: "dirichlet", Gamma: gamma}).(*lz77)
	theirs := train(&unbounded.InfiniGramConfig{Backoff: "dirichlet", Tau: 2})
	bare := train(&unbounded.InfiniGramConfig{Backoff: "longest", Tau: gamma})
	p, q, r, g := make([]float64, a), make([]float64, a), make([]float64, a), make([]float64, a)
	for i, x := range noise(rng, a, 400) {
		ours.Predict(p)
		theirs.Predict(q)
		limit.Predict(r)
		bare.Predict(g)
		for y := range p {
			if math.Abs(p[y]-q[y]) > 1e-12 {
				t.Fatalf("after %d symbols: P(%d) = %v, the infini-gram's %v", i, y, p[y], q[y])
			}
			if limit.at.Length > 0 && g[y] > 1e-6 && math.Abs(r[y]-g[y]) > 1e-7 {
				t.Fatalf("after %d symbols: P(%d) = %v for γ → 0, the infini-gram's %v", i, y, r[y], g[y])
			}
		}
		ours.Observe(x)
		theirs.Observe(x)
		limit.Observe(x)
		bare.Observe(x)
	}
}

func TestLZ77Slope(t *testing.T) {
	for _, backoff := range []string{"dirichlet", "kneser-ney"} {
		rng := rand.New(rand.NewPCG(5, 5))
		made, err := (&LZ77Config{Backoff: backoff}).New(predictors.Env{Alphabet: 5})
		if err != nil {
			t.Fatal(err)
		}
		p := made.(*lz77)
		for _, x := range noise(rng, 5, 600) {
			p.Learn(x)
		}
		ms, err := p.meet(context.Background(), []symbols{noise(rng, 5, 200)}, func(predictors.Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		values := append(p.gammas, p.discounts...)
		grad := make([]float64, len(values))
		p.slope(&ms, grad)
		met := 0
		for i, v := range values {
			free, most := math.Log(v), float64(i%3+1)
			set := func(f float64) float64 {
				if p.kn {
					p.discounts[i] = most / (1 + math.Exp(-f))
				} else {
					p.gammas[i] = math.Exp(f)
				}
				return p.slope(&ms, make([]float64, len(values)))
			}
			if p.kn {
				free -= math.Log(most - v)
			}
			const h = 1e-5
			want := (set(free+h) - set(free-h)) / (2 * h)
			set(free)
			if math.Abs(grad[i]-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("%s: gradient %d = %v, by differences %v", backoff, i, grad[i], want)
			}
			if want != 0 {
				met++
			}
		}
		if met < 6 {
			t.Errorf("%s: only %d parameters matter", backoff, met)
		}
	}
}

func TestLZ77Tuning(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	const a = 8
	d := predictors.Data{Train: []symbols{noise(rng, a, 4000)}, Valid: []symbols{noise(rng, a, 500), noise(rng, a, 300)}}
	train := func(c predictors.Config) predictors.Predictor {
		p, err := c.New(predictors.Env{Alphabet: a})
		if err != nil {
			t.Fatal(err)
		}
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		return p
	}
	at := func(p predictors.Predictor) float64 {
		bits, _ := predictors.SampleLoss(p, d.Valid, 1<<20)
		return bits
	}
	for _, given := range []LZ77Config{{Backoff: "dirichlet"}, {Backoff: "dirichlet", Gamma: 0.2}, {Backoff: "dirichlet", Gamma: 5},
		{Backoff: "kneser-ney"}, {Backoff: "kneser-ney", Discount: 0.2}, {Backoff: "kneser-ney", Discount: 0.8}} {
		tuned := train(&LZ77Config{Backoff: given.Backoff})
		if got, best := at(train(&given)), at(tuned); got < best {
			t.Errorf("%+v loses %v, the tuned %v", given, got, best)
		}
	}
	s := train(&SPMConfig{}).(*spm)
	best := at(s)
	for _, c := range []SPMConfig{{Alpha: 0.5}, {Alpha: 0.9}, {Gamma: 0.5}, {Alpha: 0.2, Gamma: 0.01}} {
		if q := train(&c); at(q) < best-1e-9 {
			t.Errorf("%+v loses less than the tuned %v", c, s.Describe())
		}
	}
}

// Under a bound of bytes the most recent symbols stay, and the loss is still
// that of a law that learned them.
func TestLongestMatchBudget(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	xs := noise(rng, 20, 20_000)
	for _, c := range []predictors.Config{DefaultLZ77(), DefaultSPM()} {
		p, err := c.New(predictors.Env{Alphabet: 20})
		if err != nil {
			t.Fatal(err)
		}
		b := p.(predictors.Budgeter)
		if err := b.SetBudget(predictors.Budget{ModelBytes: 100}); err == nil || !strings.Contains(err.Error(), "model_bytes = 100, want at least") {
			t.Errorf("a budget of 100 bytes: %v", err)
		}
		const bound = 400_000
		if err := b.SetBudget(predictors.Budget{ModelBytes: bound}); err != nil {
			t.Fatal(err)
		}
		for _, x := range xs {
			p.(predictors.Learner).Learn(x)
		}
		size, _ := predictors.Size(p)
		held := int(predictors.Describe(p)["symbols"])
		if size > bound || held < 1500 || held == len(xs) {
			t.Errorf("%T holds %d symbols in %d bytes, want at most %d", p, held, size, bound)
		}
		var text symbols
		switch p := p.(type) {
		case *lz77:
			text = p.text
		case *spm:
			text = p.text
		}
		if !slices.Equal(text, xs[len(xs)-held:]) {
			t.Errorf("%T does not hold the last symbols", p)
		}
		if train, each := p.(predictors.OpCounter).Ops(); train < 3*float64(len(xs)) || each < 5 {
			t.Errorf("%T: %v operations of training, %v a symbol", p, train, each)
		}
	}
}

// The evidence is that of the weights of positions, written out.
func TestLZ77Evidence(t *testing.T) {
	made, err := (&LZ77Config{Backoff: "dirichlet", Gamma: 1}).New(predictors.Env{Alphabet: 5})
	if err != nil {
		t.Fatal(err)
	}
	p := made.(*lz77)
	if e := p.Evidence(); e.Match != 0 || e.Effective != 0 || e.Fallback != 1 {
		t.Errorf("before learning: %+v", e)
	}
	for _, x := range index("abcdr", "abracadabra") {
		p.Learn(x)
	}
	// abra: one position with ½, and with the other three after a, a tenth each.
	want := predictors.Evidence{Match: 4, Effective: 0.9 * 0.9 / (0.6*0.6 + 3*0.1*0.1), Fallback: 0.1}
	if e := p.Evidence(); e.Match != want.Match || math.Abs(e.Effective-want.Effective) > 1e-12 || math.Abs(e.Fallback-want.Fallback) > 1e-12 {
		t.Errorf("%+v, want %+v", e, want)
	}
}

func TestLongestMatchConfigErrors(t *testing.T) {
	for want, c := range map[string]predictors.Config{
		`lz77: backoff = "", want "dirichlet" or "kneser-ney"`: &LZ77Config{},
		"lz77: longest = 0, no bound, with a window":           &LZ77Config{Backoff: "dirichlet", Window: 3},
		"lz77: min_match = 5, want 0 to longest = 4":           &LZ77Config{Backoff: "dirichlet", MinMatch: 5, Longest: 4},
		"lz77: discount = 1, want > 0 and < 1":                 &LZ77Config{Backoff: "kneser-ney", Discount: 1},
		"spm: alpha = 1, want > 0 and < 1":                     &SPMConfig{Alpha: 1},
		"spm: gamma = NaN, want > 0":                           &SPMConfig{Gamma: math.NaN()},
	} {
		if _, err := c.New(predictors.Env{Alphabet: 2}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s…", c, err, want)
		}
	}
}

func TestDamagedMatchesAreRefused(t *testing.T) {
	for _, c := range []predictors.Config{TinyLZ77(), TinySPM()} {
		p, err := c.New(predictors.Env{Alphabet: 3})
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range 3 {
			p.Reset()
			for _, x := range noise(rng, 3, 60) {
				p.(predictors.Learner).Learn(x)
			}
		}
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			t.Fatal(err)
		}
		for range 300 {
			damaged := slices.Clone(b.Bytes())
			for range 1 + rng.IntN(3) {
				damaged[rng.IntN(len(damaged))] ^= byte(1 << rng.IntN(8))
			}
			q, _ := c.New(predictors.Env{Alphabet: 3})
			if predictors.Load(bytes.NewReader(damaged), q) != nil {
				continue
			}
			for range 50 {
				q.(predictors.Prober).Prob(1)
				q.Observe(predictors.Symbol(rng.IntN(3)))
			}
		}
	}
}

// tinyshakespeare as in the table of BENCHMARKS.md: trained on the first
// 1,003,854 symbols, tuned on the last tenth of these, frozen on the rest.
func TestLongestMatchShakespeare(t *testing.T) {
	if testing.Short() {
		t.Skip("a million symbols each")
	}
	xs, a := corporatest.Packed(t, "shakespeare/tinyshakespeare.txt")
	const cut, tuned = 1003854, 903469
	for _, c := range []struct {
		name   string
		config predictors.Config
		most   float64
		slow   bool
	}{
		{"lz77 kneser-ney", DefaultLZ77(), 2.19, false},
		{"lz77 dirichlet", &LZ77Config{Backoff: "dirichlet", Longest: 258}, 2.31, true},
		{"spm", DefaultSPM(), 2.49, true},
	} {
		if c.slow && os.Getenv("HORIZON_SLOW") == "" {
			t.Logf("%s: takes seconds: set HORIZON_SLOW=1 to run it", c.name)
			continue
		}
		p, err := c.config.New(predictors.Env{Alphabet: a})
		if err != nil {
			t.Fatal(err)
		}
		d := predictors.Data{Train: []symbols{xs[:tuned]}, Valid: []symbols{xs[tuned:cut]}, Refit: true}
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		bits := meanLoss(p, xs[cut:])
		t.Logf("%s: %.4f bits, %.1f MB; %v", c.name, bits, float64(p.(predictors.Sizer).Bytes())/1e6, predictors.Describe(p))
		if bits > c.most {
			t.Errorf("%s: %.4f bits, want at most %v", c.name, bits, c.most)
		}
	}
}
