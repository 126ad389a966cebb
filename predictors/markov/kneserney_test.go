package markov

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"horizon/predictors"
)

type symbols = []predictors.Symbol

// slow is the definition: maps from strings to counts, counted in one go, and
// the formulas of Chen & Goodman as they stand.
type slow struct {
	a, n   int
	single bool
	count  map[string]int         // a(g), for every string g that occurs
	after  map[string]map[int]int // after[h][x] = a(hx)
	d      [][4]float64
}

const startRune = rune(0x10fffd)

func spell(xs []rune) string { return string(xs) }

func runes(xs symbols) []rune {
	out := make([]rune, len(xs))
	for i, x := range xs {
		out[i] = rune(x) + 0x20000 // beyond the surrogates
	}
	return out
}

func newSlow(a, n int, single bool, docs []symbols) *slow {
	s := &slow{a: a, n: n, single: single, count: map[string]int{}, after: map[string]map[int]int{}, d: make([][4]float64, n+1)}
	raw, before := map[string]int{}, map[string]map[rune]bool{}
	for _, doc := range docs {
		text := append([]rune{startRune}, runes(doc)...)
		for end := 2; end <= len(text); end++ {
			for k := 1; k <= n && k <= end; k++ {
				g := spell(text[end-k : end])
				raw[g]++
				if k < end {
					if before[g] == nil {
						before[g] = map[rune]bool{}
					}
					before[g][text[end-k-1]] = true
				}
			}
		}
	}
	for g, c := range raw {
		r := []rune(g)
		if len(r) < n && r[0] != startRune {
			c = len(before[g])
		}
		s.count[g] = c
		h := spell(r[:len(r)-1])
		if s.after[h] == nil {
			s.after[h] = map[int]int{}
		}
		s.after[h][int(r[len(r)-1]-0x20000)] = c
	}
	for k := 1; k <= n; k++ {
		s.d[k] = s.discounts(k)
	}
	return s
}

func (s *slow) discounts(k int) [4]float64 {
	var n [5]float64
	for g, c := range s.count {
		if len([]rune(g)) == k && c <= 4 {
			n[c]++
		}
	}
	if s.single {
		if n[1] == 0 {
			return [4]float64{0, .75, .75, .75}
		}
		d := n[1] / (n[1] + 2*n[2])
		return [4]float64{0, d, d, d}
	}
	if n[1] == 0 || n[2] == 0 || n[3] == 0 {
		return [4]float64{0, .5, 1, 1.5}
	}
	y := n[1] / (n[1] + 2*n[2])
	d := [4]float64{0, 1 - 2*y*n[2]/n[1], 2 - 3*y*n[3]/n[2], 3 - 4*y*n[4]/n[3]}
	for j := 1; j <= 3; j++ {
		if d[j] <= 0 || d[j] > float64(j) {
			return [4]float64{0, .5, 1, 1.5}
		}
	}
	return d
}

// prob is p(x; h) by recursion; h holds at most n−1 symbols.
func (s *slow) prob(x int, h []rune) float64 {
	lower := 1 / float64(s.a)
	if len(h) > 0 {
		lower = s.prob(x, h[1:])
	}
	d := s.d[len(h)+1]
	next := s.after[spell(h)]
	total, free := 0.0, 0.0
	for _, c := range next {
		total += float64(c)
		free += d[min(c, 3)]
	}
	if total == 0 {
		return lower
	}
	c := next[x]
	return math.Max(float64(c)-d[min(c, 3)], 0)/total + free/total*lower
}

// context is the last n−1 symbols of <s> and the past.
func (s *slow) context(past symbols) []rune {
	h := append([]rune{startRune}, runes(past)...)
	return h[max(0, len(h)-s.n+1):]
}

func mustNew(t testing.TB, c KneserNeyConfig, a int) *kneserNey {
	t.Helper()
	if c.Discounts == "" {
		c.Discounts = "modified"
	}
	p, err := c.New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*kneserNey)
}

// random text with some repetition, so that counts reach beyond four
func babble(rng *rand.Rand, a, n int) symbols {
	xs := make(symbols, n)
	for i := range xs {
		switch {
		case i > 3 && rng.Float64() < 0.7:
			xs[i] = (xs[i-1] + xs[i-3]) % predictors.Symbol(a)
		default:
			xs[i] = predictors.Symbol(rng.IntN(a))
		}
	}
	return xs
}

func TestLearningEqualsCountingInOneGo(t *testing.T) {
	for _, a := range []int{1, 2, 3, 11} {
		for _, n := range []int{1, 2, 3, 5} {
			for _, discounts := range []string{"modified", "single"} {
				rng := rand.New(rand.NewPCG(uint64(a), uint64(n)))
				docs := []symbols{babble(rng, a, 400), babble(rng, a, 1), babble(rng, a, 2), babble(rng, a, 300)}
				p := mustNew(t, KneserNeyConfig{Order: n, Discounts: discounts}, a)
				if err := predictors.Train(context.Background(), p, predictors.Data{Train: docs}, nil); err != nil {
					t.Fatal(err)
				}
				want := newSlow(a, n, discounts == "single", docs)
				compare(t, fmt.Sprintf("A = %d, order %d, %s", a, n, discounts), p, want, babble(rng, a, 60), p.Observe)
			}
		}
	}
}

// compare walks xs with both and compares every probability.
func compare(t *testing.T, name string, p *kneserNey, want *slow, xs symbols, step func(predictors.Symbol)) {
	t.Helper()
	q := make([]float64, want.a)
	for i := 0; i <= len(xs); i++ {
		p.Predict(q)
		h := want.context(xs[:i])
		for x := range q {
			exact := want.prob(x, h)
			if math.Abs(q[x]-exact) > 1e-12 {
				t.Fatalf("%s: after %d symbols P(%d) = %v, want %v", name, i, x, q[x], exact)
			}
			if got := p.Prob(predictors.Symbol(x)); math.Abs(got-q[x]) > 1e-14 {
				t.Fatalf("%s: after %d symbols Prob(%d) = %v, Predict says %v", name, i, x, got, q[x])
			}
		}
		if i < len(xs) {
			step(xs[i])
		}
	}
}

// Prequentially, every prediction is that of a model counted from scratch.
func TestPrequentialEqualsCountingAfresh(t *testing.T) {
	const a, n = 3, 4
	xs := babble(rand.New(rand.NewPCG(5, 5)), a, 120)
	p := mustNew(t, KneserNeyConfig{Order: n}, a)
	q := make([]float64, a)
	for i, x := range xs {
		want := newSlow(a, n, false, []symbols{xs[:i]})
		p.Predict(q)
		for y := range q {
			if exact := want.prob(y, want.context(xs[:i])); math.Abs(q[y]-exact) > 1e-12 {
				t.Fatalf("after %d symbols P(%d) = %v, want %v", i, y, q[y], exact)
			}
		}
		p.Learn(x)
	}
}

// A context that was only observed is learned in at full length all the same.
func TestLearnAfterObserve(t *testing.T) {
	const a, n = 5, 4
	rng := rand.New(rand.NewPCG(8, 8))
	train, seen, more := babble(rng, a, 150), babble(rng, a, 30), babble(rng, a, 80)
	p := mustNew(t, KneserNeyConfig{Order: n}, a)
	for _, x := range train {
		p.Learn(x)
	}
	p.Reset()
	for _, x := range seen {
		p.Observe(x)
	}
	for _, x := range more {
		p.Learn(x)
	}
	// By definition: the n-grams that end in train and in more are counted.
	want := newSlow(a, n, false, []symbols{train, slices.Concat(seen, more)})
	observed := newSlow(a, n, false, []symbols{seen})
	p.Reset()
	q := make([]float64, a)
	for _, x := range slices.Concat(seen, more) {
		p.Predict(q)
		sum := 0.0
		for _, v := range q {
			sum += v
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Fatalf("probabilities sum to %v", sum)
		}
		p.Observe(x)
	}
	// The raw counts of full n-grams add up: each is one of train, seen, more.
	for g, c := range want.count {
		if r := []rune(g); len(r) == n {
			id, c0 := uint32(0), uint32(0)
			for k, x := range r {
				s := uint32(mark)
				if x != startRune {
					s = uint32(x - 0x20000)
				}
				if id = p.table(k+1).find(id, s); id == 0 {
					break
				}
			}
			if id != 0 {
				c0 = p.leaves.at(id).count
			}
			if int(c0) != c-observed.count[g] {
				t.Fatalf("n-gram %q is counted %d times, want %d", g, c0, c-observed.count[g])
			}
		}
	}
}

func TestNothingLearnedIsUniform(t *testing.T) {
	for _, a := range []int{1, 7, 65536} {
		p := mustNew(t, KneserNeyConfig{Order: 3}, a)
		q := make([]float64, a)
		for range 3 {
			p.Predict(q)
			if q[0] != 1/float64(a) || q[a-1] != 1/float64(a) {
				t.Fatalf("A = %d: %v, want 1/A", a, q[0])
			}
			p.Observe(predictors.Symbol(a - 1))
		}
	}
}

func TestLargestAlphabet(t *testing.T) {
	const a = 65536
	p := mustNew(t, KneserNeyConfig{Order: 4}, a)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 5000 {
		p.Learn(predictors.Symbol(65535 - rng.IntN(300)*rng.IntN(200)))
	}
	q, sum := make([]float64, a), 0.0
	p.Predict(q)
	for x, v := range q {
		if v <= 0 {
			t.Fatalf("P(%d) = %v", x, v)
		}
		sum += v
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Fatalf("probabilities sum to %v", sum)
	}
}

// With one document the mark has one successor; with many that begin alike it
// learns how they begin.
func TestDocumentsBeginAtTheMark(t *testing.T) {
	p := mustNew(t, KneserNeyConfig{Order: 3}, 4)
	docs := []symbols{{2, 0, 1, 0, 1, 3}, {2, 1, 1, 0, 3}, {2, 0, 0, 1, 3}, {2, 3, 0, 1, 0, 3}, {2, 2, 0, 1, 3}}
	if err := predictors.Train(context.Background(), p, predictors.Data{Train: docs}, nil); err != nil {
		t.Fatal(err)
	}
	if got := p.Prob(2); got < 0.6 {
		t.Errorf("P(2) at a document's start = %v, though all begin with it", got)
	}
	p.Observe(1)
	if got := p.Prob(2); got > 0.2 {
		t.Errorf("P(2) after 1 = %v, though it never follows", got)
	}
}

func TestDiscountsAreThoseOfTheFormula(t *testing.T) {
	// n₁ = 10, n₂ = 4, n₃ = 2, n₄ = 1: Y = 10/18.
	d := modifiedDiscounts(&tally{0, 10, 4, 2, 1})
	want := [4]float64{0, 1 - 2*5./9*4/10, 2 - 3*5./9*2/4, 3 - 4*5./9*1/2}
	for j := range want {
		if math.Abs(d[j]-want[j]) > 1e-15 {
			t.Errorf("D%d = %v, want %v", j, d[j], want[j])
		}
	}
	for _, n := range []tally{{}, {0, 5}, {0, 5, 5, 0, 3}, {0, 10, 1, 20, 1}} {
		if d := modifiedDiscounts(&n); d != (discounts{0, .5, 1, 1.5, 1.5, 1.5, 1.5}) {
			t.Errorf("discounts of %v = %v, want the fall-back", n, d)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		c    KneserNeyConfig
		a    int
		want string
	}{
		{KneserNeyConfig{0, "modified"}, 2, "kneser-ney: order = 0, want 1 to 64"},
		{KneserNeyConfig{65, "modified"}, 2, "kneser-ney: order = 65, want 1 to 64"},
		{KneserNeyConfig{3, "both"}, 2, `kneser-ney: discounts = "both", want "modified" or "single"`},
		{KneserNeyConfig{3, "single"}, 0, "kneser-ney: alphabet size = 0, want 1 to 65536"},
	} {
		if _, err := c.c.New(predictors.Env{Alphabet: c.a}); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.c, err, c.want)
		}
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	p := mustNew(t, KneserNeyConfig{Order: 3}, 4)
	for _, x := range babble(rand.New(rand.NewPCG(1, 1)), 4, 300) {
		p.Learn(x)
	}
	var b bytes.Buffer
	if err := predictors.Save(&b, p); err != nil {
		t.Fatal(err)
	}
	if err := predictors.Load(bytes.NewReader(b.Bytes()), mustNew(t, KneserNeyConfig{Order: 4}, 4)); err == nil {
		t.Error("a model of order 3 is read as one of order 4")
	}
	// Whatever bytes are changed, reading ends, and what it accepts predicts.
	rng := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		damaged := slices.Clone(b.Bytes())
		for range 1 + rng.IntN(3) {
			damaged[rng.IntN(len(damaged))] ^= byte(1 << rng.IntN(8))
		}
		q := mustNew(t, KneserNeyConfig{Order: 3}, 4)
		if predictors.Load(bytes.NewReader(damaged), q) != nil {
			continue
		}
		for range 50 {
			q.Prob(1)
			q.Observe(predictors.Symbol(rng.IntN(4)))
		}
	}
}

func TestForkOfALearnerStopsLearning(t *testing.T) {
	p := mustNew(t, KneserNeyConfig{Order: 3}, 2)
	defer func() {
		if recover() == nil {
			t.Error("a fork learned")
		}
	}()
	p.Fork().(predictors.Learner).Learn(0)
}

func checkDigest(t testing.TB, text []byte, digest string) {
	t.Helper()
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:]); !strings.HasPrefix(got, digest) {
		t.Fatalf("the corpus has SHA-256 %s, want %s…", got, digest)
	}
}

func tinyShakespeare(t testing.TB) []byte {
	return corpusFile(t, "shakespeare/tinyshakespeare.txt", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed")
}

// opticks is Newton's Opticks, which comes with the Go toolchain.
func opticks(t testing.TB) symbols {
	text, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src/testdata/Isaac.Newton-Opticks.txt"))
	if err != nil {
		t.Skipf("this Go toolchain lacks Opticks: %v", err)
	}
	checkDigest(t, text, "d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd")
	xs := make(symbols, len(text))
	for i, b := range text {
		xs[i] = predictors.Symbol(b)
	}
	return xs
}

func meanLoss(p predictors.Predictor, xs symbols) float64 {
	bits, sum := make([]float64, len(xs)), 0.0
	predictors.Score(p, bits, nil, xs)
	for _, b := range bits {
		sum += b
	}
	return sum / float64(len(xs))
}

// KenLM 4cb443e (lmplz --discount_fallback, build_binary probing, query),
// measured on the nanoGPT split of tinyshakespeare: the whole of each part is
// one sentence and its end mark is a token like any other. Its vocabulary
// holds the 65 characters, the end mark and the unknown word, hence A = 67.
// The figures are the sum of query -v word in double precision: its summary
// adds up a sentence in single precision and is up to 2e-5 bit off. What is
// left between us is the seven digits it prints.
func TestKenLM(t *testing.T) {
	text := tinyShakespeare(t)
	var index [256]int
	for _, b := range text {
		index[b] = 1
	}
	next := 0
	for b, used := range index {
		if used == 1 {
			index[b], next = next, next+1
		}
	}
	if next != 65 {
		t.Fatalf("%d characters, want 65", next)
	}
	part := func(text []byte) symbols {
		xs := make(symbols, 0, len(text)+1)
		for _, b := range text {
			xs = append(xs, predictors.Symbol(index[b]))
		}
		return append(xs, 65)
	}
	const cut = 1003854
	train, valid := part(text[:cut]), part(text[cut:])
	for _, c := range []struct {
		order int
		want  float64
	}{{5, 2.2524496}, {6, 2.1968576}, {7, 2.1880407}, {8, 2.1919155}, {10, 2.1966672}} {
		if testing.Short() && c.order != 6 {
			continue
		}
		p := mustNew(t, KneserNeyConfig{Order: c.order}, 67)
		for _, x := range train {
			p.Learn(x)
		}
		p.Reset()
		got := meanLoss(p, valid)
		t.Logf("order %d: %.7f bits, KenLM %.7f; %d MB", c.order, got, c.want, p.Bytes()>>20)
		if math.Abs(got-c.want) > 1e-6 {
			t.Errorf("order %d: %.7f bits per symbol, KenLM has %.7f", c.order, got, c.want)
		}
	}
}

// The order is chosen on the validation part of Opticks, and the test part
// then stays under 2.35 bits per byte (Witten-Bell of order 4 has 2.397).
func TestOpticks(t *testing.T) {
	xs := opticks(t)
	train, valid, test := xs[:453758], xs[453758:510478], xs[510478:]
	best, chosen, tested := math.Inf(1), 0, 0.0
	for n := 3; n <= 8; n++ {
		p := mustNew(t, KneserNeyConfig{Order: n}, 256)
		for _, x := range train {
			p.Learn(x)
		}
		p.Reset()
		v := meanLoss(p, valid)
		p.Reset()
		u := meanLoss(p, test)
		t.Logf("order %d: %.4f bits on the validation part, %.4f on the test part, %.1f MB", n, v, u, float64(p.Bytes())/1e6)
		if v < best {
			best, chosen, tested = v, n, u
		}
	}
	if want := DefaultKneserNey().(*KneserNeyConfig).Order; chosen != want {
		t.Errorf("the validation part chooses order %d, the default is %d", chosen, want)
	}
	if tested >= 2.35 {
		t.Errorf("%.4f bits per byte on the test part, want below 2.35", tested)
	}
}

func BenchmarkKneserNey(b *testing.B) {
	xs := opticks(b)
	p := mustNew(b, *DefaultKneserNey().(*KneserNeyConfig), 256)
	b.Run("learn", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if i%len(xs) == 0 {
				p = mustNew(b, *DefaultKneserNey().(*KneserNeyConfig), 256)
			}
			p.Learn(xs[i%len(xs)])
		}
	})
	p = mustNew(b, *DefaultKneserNey().(*KneserNeyConfig), 256)
	for _, x := range xs[:453758] {
		p.Learn(x)
	}
	test := xs[510478:]
	b.Run("prob+observe", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			p.Prob(test[i%len(test)])
			p.Observe(test[i%len(test)])
		}
	})
	b.Run("predict+observe", func(b *testing.B) {
		q := make([]float64, 256)
		for i := 0; b.Loop(); i++ {
			p.Predict(q)
			p.Observe(test[i%len(test)])
		}
	})
}
