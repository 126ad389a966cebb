package unbounded

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
)

// A document is a text of which the symbols before known are context only.
type document struct {
	xs    []symbol
	known int
}

// countIn is occurrences without those whose follower was not learned.
func countIn(docs []document, a int) func(c []symbol) (n []float64, total, kinds float64) {
	return func(c []symbol) (n []float64, total, kinds float64) {
		n = make([]float64, a)
		for _, d := range docs {
			for i := max(0, d.known-len(c)); i+len(c) < len(d.xs); i++ {
				if slices.Equal(d.xs[i:i+len(c)], c) {
					n[d.xs[i+len(c)]]++
				}
			}
		}
		for _, v := range n {
			total, kinds = total+v, kinds+min(v, 1)
		}
		return n, total, kinds
	}
}

// history does by the definition what infiniGram does.
type history struct {
	a             int
	docs, learned []document
	past          []symbol
	open          bool // the last document is being learned
}

func (h *history) reset()           { h.past, h.open = nil, false }
func (h *history) observe(x symbol) { h.past, h.open = append(h.past, x), false }

func (h *history) learn(x symbol) {
	if !h.open {
		c := h.past
		for {
			if _, total, _ := countIn(h.learned, h.a)(c); total > 0 || len(c) == 0 {
				break
			}
			c = c[1:]
		}
		h.learned, h.open = append(h.learned, document{slices.Clone(c), len(c)}), true
	}
	d := &h.learned[len(h.learned)-1]
	d.xs = append(d.xs, x)
	h.past = append(h.past, x)
}

func (h *history) agrees(t *testing.T, p *infiniGram, c InfiniGramConfig, where ...any) {
	t.Helper()
	want := backOff(countIn(slices.Concat(h.docs, h.learned), h.a), h.past, h.a, c.Backoff, c.Tau)
	got := make([]float64, h.a)
	p.Predict(got)
	for x := range want {
		if !(math.Abs(got[x]-want[x]) <= 1e-12) {
			t.Fatalf("%v %v: P(%d) = %v, by counting %v", c, where, x, got[x], want[x])
		}
		if q := p.Prob(symbol(x)); !(math.Abs(q-want[x]) <= 1e-12) {
			t.Fatalf("%v %v: Prob(%d) = %v, by counting %v", c, where, x, q, want[x])
		}
	}
}

var backedOff = []InfiniGramConfig{{"witten-bell", 0.7}, {"dirichlet", 2.5}, {"longest", 0.2}}

// Fitted, learned, observed and fitted again, in any mixture.
func TestInfiniGramLearnsByCounting(t *testing.T) {
	for _, c := range backedOff {
		for _, a := range []int{1, 2, 3, 60} {
			for _, fits := range []bool{false, true} {
				rng := rand.New(rand.NewPCG(uint64(a), 6))
				p, h := mustNew[*infiniGram](t, &c, a), &history{a: a}
				all := docs(rng, a)
				if fits {
					p.Learn(0) // is forgotten
					train(t, p, predictors.Data{Train: all})
					for _, d := range all {
						h.docs = append(h.docs, document{xs: d})
					}
				}
				// Copies of what was fitted make long matches in both texts.
				for k, doc := range append(all[2:], all[0][20:70], babble(rng, a, 40), babble(rng, a, 40)) {
					p.Reset()
					h.reset()
					for i, x := range doc {
						if i%3 == 0 {
							h.agrees(t, p, c, a, fits, k, i)
						}
						if k%2 == 1 && i/7%3 == 1 {
							p.Observe(x)
							h.observe(x)
						} else {
							p.Learn(x)
							h.learn(x)
						}
					}
				}
			}
		}
	}
}

// What is learned document by document is what is fitted at once.
func TestInfiniGramLearnsWhatItFits(t *testing.T) {
	const a = 4
	for _, c := range backedOff {
		rng := rand.New(rand.NewPCG(7, 7))
		var all [][]symbol
		for range 5 {
			all = append(all, babble(rng, a, 600))
		}
		fitted, learned, both := mustNew[*infiniGram](t, &c, a), mustNew[*infiniGram](t, &c, a), mustNew[*infiniGram](t, &c, a)
		train(t, fitted, predictors.Data{Train: all})
		train(t, both, predictors.Data{Train: all[:3], Valid: all[3:], Refit: true})
		for _, doc := range all {
			learned.Reset()
			for _, x := range doc {
				learned.Learn(x)
			}
		}
		learned.Reset()
		want, got := make([]float64, a), make([]float64, a)
		for i, x := range append(babble(rng, a, 300), all[4][100:300]...) {
			fitted.Predict(want)
			for _, p := range []*infiniGram{learned, both} {
				p.Predict(got)
				for y := range want {
					if !(math.Abs(got[y]-want[y]) <= 1e-12) {
						t.Fatalf("%v, symbol %d: P(%d) = %v learned, %v fitted", c, i, y, got[y], want[y])
					}
				}
				p.Observe(x)
			}
			fitted.Observe(x)
		}
	}
}

// The fitted text 0 0 and the learned 1 do not make 0 be followed by 1. By
// hand, with A = 2 and τ = 1: the empty context has N = 3, T = 2 and n(1) = 1,
// P = (1 + 2/2)/(3 + 2); after 0, N = T = 1 and n(1) = 0, P = (0 + 2/5)/(1 + 1).
func TestNoMatchStraddlesTheBorder(t *testing.T) {
	p := mustNew[*infiniGram](t, &InfiniGramConfig{"witten-bell", 1}, 2)
	train(t, p, predictors.Data{Train: [][]symbol{{0, 0}}})
	p.Learn(1)
	p.Reset()
	if got := p.Prob(1); math.Abs(got-2./5) > 1e-15 {
		t.Errorf("P(1) = %v, want 2/5", got)
	}
	p.Observe(0)
	if got := p.Prob(1); math.Abs(got-1./5) > 1e-15 {
		t.Errorf("P(1 | 0) = %v, want 1/5", got)
	}
}

func TestInfiniGramSavesWhatItLearned(t *testing.T) {
	const a = 3
	rng := rand.New(rand.NewPCG(8, 8))
	p := mustNew[*infiniGram](t, DefaultInfiniGram(), a)
	train(t, p, predictors.Data{Train: docs(rng, a)})
	for _, doc := range docs(rng, a) {
		p.Reset()
		for i, x := range doc {
			if i/10%3 == 1 {
				p.Observe(x)
			} else {
				p.Learn(x)
			}
		}
	}
	var b bytes.Buffer
	if err := predictors.Save(&b, p); err != nil {
		t.Fatal(err)
	}
	q := mustNew[*infiniGram](t, DefaultInfiniGram(), a)
	if err := predictors.Load(bytes.NewReader(b.Bytes()), q); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.learned.totals, q.learned.totals) || !slices.Equal(p.learned.extra.raw, q.learned.extra.raw) || p.kinds != q.kinds {
		t.Error("the counts loaded are others")
	}
	p.Reset()
	for _, x := range babble(rng, a, 200) {
		for y := range symbol(a) {
			if v, w := p.Prob(y), q.Prob(y); v != w {
				t.Fatalf("P(%d) = %v, loaded %v", y, v, w)
			}
		}
		p.Learn(x)
		q.Learn(x)
	}
	// Whatever is changed, reading ends, and what it accepts predicts.
	for range 300 {
		damaged := slices.Clone(b.Bytes())
		for range 1 + rng.IntN(3) {
			damaged[rng.IntN(len(damaged))] ^= byte(1 << rng.IntN(8))
		}
		q := mustNew[*infiniGram](t, DefaultInfiniGram(), a)
		if predictors.Load(bytes.NewReader(damaged), q) != nil {
			continue
		}
		for range 30 {
			if v := q.Prob(1); !(v > 0 && v <= 1) { // 1 by rounding, if τ was made tiny
				t.Fatalf("a damaged file predicts %v", v)
			}
			q.Learn(symbol(rng.IntN(a)))
		}
	}
}

// Wide contexts, whose followers are remembered, go on being counted.
func TestRememberedFollowersGrow(t *testing.T) {
	const a = 65536
	rng := rand.New(rand.NewPCG(9, 9))
	draw := func(n int) []symbol {
		xs := make([]symbol, 0, 2*n)
		for range n {
			xs = append(xs, 65535, symbol(rng.IntN(300)*rng.IntN(200)))
		}
		return xs
	}
	fit, more := draw(300), draw(300)
	p := mustNew[*infiniGram](t, &InfiniGramConfig{"witten-bell", 1}, a)
	train(t, p, predictors.Data{Train: [][]symbol{fit}})
	h := &history{a: a, docs: []document{{xs: fit}}}
	for i, x := range more {
		if i%60 == 0 || i%60 == 1 { // after any symbol, after 65535
			want := backOff(countIn(slices.Concat(h.docs, h.learned), a), h.past[max(0, len(h.past)-4):], a, "witten-bell", 1)
			for range 2 {
				if got := p.Prob(x); math.Abs(got-want[x]) > 1e-12 {
					t.Fatalf("symbol %d: Prob = %v, by counting %v", i, got, want[x])
				}
			}
			p.Fork().(predictors.Prober).Prob(x)
		}
		p.Prob(more[i]) // fills the memory
		p.Learn(x)
		h.learn(x)
	}
	if n := testing.AllocsPerRun(100, func() { p.Prob(3); p.Observe(65535); p.Prob(7) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
