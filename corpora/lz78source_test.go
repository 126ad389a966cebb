package corpora

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// slowLZ is P(word) of the LZ78 source from the definition, nodes named by
// their strings: the product of posterior means along the parse.
func slowLZ(s *lz78, word []Symbol) float64 {
	counts, p, at := map[string][]float64{"": make([]float64, s.a)}, 1.0, ""
	for _, x := range word {
		n := counts[at]
		p *= (n[x] + s.gamma) / (total(n) + s.gamma*float64(s.a))
		n[x]++
		at += string(rune(x))
		if counts[at] == nil {
			counts[at] = make([]float64, s.a)
			at = ""
		}
	}
	return p
}

// The filter's laws against ratios of word probabilities.
func TestLZ78SourceAgainstWords(t *testing.T) {
	for _, s := range []*lz78{{2, 0.5}, {3, 0.2}} {
		xs := s.Generate(150, rand.New(rand.NewPCG(1, 2)))
		f, q := s.Filter(), make([]float64, s.a)
		for i, x := range xs {
			for k := 1; k <= 4 && i%7 == 0; k++ {
				want := make([]float64, s.a)
				var follow func(word []Symbol)
				follow = func(word []Symbol) {
					if len(word) == i+k {
						want[word[i+k-1]] += slowLZ(s, word) / slowLZ(s, xs[:i])
						return
					}
					for y := range s.a {
						follow(append(slices.Clone(word), Symbol(y)))
					}
				}
				follow(slices.Clone(xs[:i]))
				f.PredictAhead(q, k)
				for y := range q {
					if math.Abs(q[y]-want[y]) > 1e-9 {
						t.Fatalf("symbol %d: %d ahead %v, want %v", i, k, q, want)
					}
				}
			}
			f.Observe(x)
		}
	}
}

// Several horizons at once are as each by itself, little is left out as long
// as futures are few, and where they are not that is said.
func TestLZ78SourceAhead(t *testing.T) {
	s := &lz78{2, 0.5}
	f := s.Filter().(*phraseTree)
	for _, x := range s.Generate(3000, rand.New(rand.NewPCG(2, 2))) {
		f.Observe(x)
	}
	ks, ps := []int{1, 3, 12}, rows(3, 2)
	dropped, ok := f.AheadWithin(ps, ks)
	if !ok || dropped > 1e-5 {
		t.Errorf("dropped %v, %v", dropped, ok)
	}
	for i, k := range ks {
		q := make([]float64, 2)
		if f.PredictAhead(q, k); math.Abs(q[0]-ps[i][0]) > 1e-5 {
			t.Errorf("%d ahead: %v, alone %v", k, ps[i], q)
		}
	}
	if _, ok := f.AheadWithin(rows(1, 2), []int{200}); ok {
		t.Error("all of 2^199 futures were followed")
	}
}

// A law that is drawn at each node, as the definition has it, gives words the
// probabilities of the filter, which integrates over the laws.
func TestLZ78SourceIsDirichlet(t *testing.T) {
	const n, length = 60_000, 6
	s := &lz78{2, 0.5}
	rng := rand.New(rand.NewPCG(6, 6))
	literal, drawn := make([]float64, 1<<length), make([]float64, 1<<length)
	number := func(word []Symbol) (w int) {
		for _, x := range word {
			w = 2*w + int(x)
		}
		return w
	}
	for range n {
		laws, at, word := map[string][]float64{}, "", []Symbol{}
		law := func() []float64 {
			p := make([]float64, s.a)
			dirichlet(p, s.gamma, rng)
			return p
		}
		laws[""] = law()
		for range length {
			x := 0
			if rng.Float64() < laws[at][1] {
				x = 1
			}
			word = append(word, Symbol(x))
			at += string(rune(x))
			if laws[at] == nil {
				laws[at] = law()
				at = ""
			}
		}
		literal[number(word)]++
		drawn[number(s.Generate(length, rng))]++
	}
	for name, count := range map[string][]float64{"literal": literal, "generator": drawn} {
		chi := 0.0
		for w, c := range count {
			word := make([]Symbol, length)
			for i := range word {
				word[i] = Symbol(w >> (length - 1 - i) & 1)
			}
			want := n * slowLZ(s, word)
			chi += (c - want) * (c - want) / want
		}
		if free := float64(len(count) - 1); chi > free+5*math.Sqrt(2*free) {
			t.Errorf("%s: χ² = %.1f with %.0f degrees of freedom", name, chi, free)
		}
	}
}

// A fork and its parent go their own ways, several forks at once, whichever
// writes first.
func TestLZ78SourceForks(t *testing.T) {
	s := &lz78{3, 0.5}
	rng := rand.New(rand.NewPCG(8, 8))
	past := s.Generate(5000, rng)
	f := s.Filter()
	for _, x := range past {
		f.Observe(x)
	}
	futures := [][]Symbol{s.Generate(2000, rng), s.Generate(2000, rng), s.Generate(2000, rng), s.Generate(2000, rng)}
	trace := func(f Filter, xs []Symbol) (out []float64) {
		q := make([]float64, 3)
		for i, x := range xs {
			if i == 1000 {
				f = f.Fork().Fork()
			}
			f.Predict(q)
			out = append(out, q...)
			f.Observe(x)
		}
		return out
	}
	got := make([][]float64, len(futures))
	var wg sync.WaitGroup
	for i := range futures {
		c := f.Fork()
		wg.Go(func() { got[i] = trace(c, futures[i]) })
	}
	wg.Wait()
	got[0] = trace(f, futures[0]) // the parent itself, after its forks
	for i, future := range futures {
		fresh := s.Filter()
		for _, x := range past {
			fresh.Observe(x)
		}
		if !slices.Equal(got[i], trace(fresh, future)) {
			t.Errorf("future %d: a fork goes another way than a filter of its own", i)
		}
	}
}

// The entropy rate is the programme's, and the mean entropy of laws drawn; the
// filter's loss comes down to it as 1/log n.
func TestLZ78SourceEntropy(t *testing.T) {
	s := &lz78{2, 0.5}
	h, ok := s.Entropy()
	if !ok || math.Abs(h-0.5573) > 5e-5 {
		t.Errorf("h = %v, want .5573", h)
	}
	for _, s := range []*lz78{{2, 0.5}, {4, 0.1}, {5, 3}} {
		const n = 40_000
		rng, p, sum, squares := rand.New(rand.NewPCG(9, 9)), make([]float64, s.a), 0.0, 0.0
		for range n {
			dirichlet(p, s.gamma, rng)
			sum += entropy(p)
			squares += entropy(p) * entropy(p)
		}
		mean := sum / n
		if h, _ := s.Entropy(); math.Abs(mean-h) > 5*math.Sqrt((squares/n-mean*mean)/n) {
			t.Errorf("%+v: h = %v, laws drawn have %v", *s, h, mean)
		}
	}
	// Of many draws, the mean loss per symbol falls toward h from above.
	loss := func(n, draws int) (mean float64) {
		for i := range draws {
			xs := s.Generate(n, rand.New(rand.NewPCG(uint64(i), 1)))
			f, q := s.Filter(), make([]float64, 2)
			for _, x := range xs {
				f.Predict(q)
				mean -= math.Log2(q[x]) / float64(n*draws)
				f.Observe(x)
			}
		}
		return mean
	}
	early, late := loss(1000, 100), loss(60_000, 20)
	if !(early > late && late > h && late < h+0.1) {
		t.Errorf("%.4f bits over 1,000 symbols, %.4f over 60,000, h = %.4f", early, late, h)
	}
}
