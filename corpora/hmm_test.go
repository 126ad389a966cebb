package corpora

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// laws are all of them, at the parameters the programme gives.
var laws = []Law{
	&Coin{P: 0.3}, &IID{Probabilities: []float64{0.2, 0, 0.5, 0.3}},
	&GoldenMean{P: 0.5}, &Even{P: 0.5}, &RRXOR{}, &Nemo{P: 0.5, Q: 0.5}, &Z1R{P: 0.5},
	&Mess3{X: 0.05, A: 0.85}, &SNS{P: 0.5, Q: 0.5}, &NoisyPeriodic{Word: "0120", Flip: 0.1},
	&RegimeCoin{Switch: 0.01, P: 0.9}, &Copy{Lag: 4, Flip: 0.1}, &DirichletMarkov{Order: 2, Alphabet: 3, Concentration: 0.5},
	&Dyck{Types: 2, Depth: 3, Push: 0.5},
	&Matrices{T: [][][]float64{{{0, 0.5, 0}, {0, 0, 0}, {0, 0.2, 0}}, {{0.5, 0, 0}, {1, 0, 0}, {0.8, 0, 0}}}},
}

func hmm(t testing.TB, l Law) *HMM {
	t.Helper()
	p, err := l.Process(1)
	if err != nil {
		t.Fatalf("%T: %v", l, err)
	}
	return p.(*HMM)
}

// The figures of the programme's section 3, to its four digits.
func TestKnownOptima(t *testing.T) {
	h2 := func(p float64) float64 { return entropy([]float64{p, 1 - p}) }
	flat := func(v float64) map[int]float64 { return map[int]float64{1: v, 2: v, 7: v, 64: v} }
	tests := []struct {
		law  Law
		want map[int]float64
	}{
		{&GoldenMean{P: 0.5}, map[int]float64{1: 2.0 / 3, 2: .8742, 3: .9067, 4: .9155, 8: .9183}},
		{&Even{P: 0.5}, map[int]float64{1: 2.0 / 3, 2: .8742, 3: .9067, 4: .9155, 8: .9183}},
		{&RRXOR{}, map[int]float64{1: 2.0 / 3, 2: 1, 3: 1, 10: 1}},
		{&Nemo{P: 0.5, Q: 0.5}, map[int]float64{1: .75, 2: .9056, 3: .9300, 4: .9358, 100: .9544}},
		{&Z1R{P: 0.5}, flat(1.0 / 3)},
		{&Mess3{X: 0.15, A: 0.6}, map[int]float64{1: 1.5709}},
		{&Mess3{X: 0.05, A: 0.85}, map[int]float64{1: 1.1447}},
		{&SNS{P: 0.5, Q: 0.5}, map[int]float64{1: .6779}},
		{&NoisyPeriodic{Word: "0010111", Flip: 0.1}, flat(h2(0.1))},
		{&NoisyPeriodic{Word: "01", Flip: 0.5}, flat(1)},
		{&NoisyPeriodic{Word: "0213", Flip: 0.2}, flat(h2(0.2) + 0.2*math.Log2(3))},
		{&Copy{Lag: 16, Flip: 0.1}, map[int]float64{1: .469, 16: .469, 17: .680, 32: .680}},
		{&Copy{Lag: 3, Flip: 0.2}, map[int]float64{3: h2(0.2), 4: h2((1 - 0.36) / 2), 7: h2((1 - 0.216) / 2)}},
		{&RegimeCoin{Switch: 0.01, P: 0.9}, map[int]float64{1: .5343, 2: .5556, 8: .6621, 32: .8791, 128: .9976}},
		{&RegimeCoin{Switch: 0.01, P: 0.7}, map[int]float64{1: .9184}},
		{&Dyck{Types: 2, Depth: 8, Push: 0.5}, map[int]float64{1: 1.375, 2: 1.855, 4: 1.942, 8: 1.976, 16: 1.993}},
		{&Dyck{Types: 2, Depth: 4, Push: 0.5}, map[int]float64{1: 1.25}},
		{&Coin{P: 0.1}, flat(h2(0.1))},
		{&IID{Probabilities: []float64{0.5, 0.25, 0.25}}, flat(1.5)},
	}
	for _, tt := range tests {
		p := hmm(t, tt.law)
		for k, want := range tt.want {
			got, ok := p.OptimalAhead(k)
			if !ok || math.Abs(got-want) > 6e-5 && !threeDigits(got, want) {
				t.Errorf("%T%+v: L_%d* = %.5f (known: %v), want %.4f", tt.law, tt.law, k, got, ok, want)
			}
		}
		h, ok := p.Entropy()
		if l1, _ := p.OptimalAhead(1); !ok || h != l1 {
			t.Errorf("%T: h = %v, L_1* = %v", tt.law, h, l1)
		}
	}
	if _, ok := hmm(t, &Even{P: 0.5}).OptimalAhead(0); ok {
		t.Error("L_0* is known")
	}
}

// threeDigits says whether want is given, and met, to three digits only, as
// the programme has copy's.
func threeDigits(got, want float64) bool {
	return math.Round(want*1e3)/1e3 == want && math.Round(got*1e3)/1e3 == want
}

// An order-m Markov chain's L_k*, from the definition: the mean over contexts
// of the entropy of the k-step law, found by following all paths.
func TestDirichletMarkov(t *testing.T) {
	p := hmm(t, &DirichletMarkov{Order: 2, Alphabet: 3, Concentration: 0.5})
	if p.States() != 9 || !p.unifilar {
		t.Fatalf("%d states, unifilar = %v", p.States(), p.unifilar)
	}
	var ahead func(q []float64, state, k int, mass float64)
	ahead = func(q []float64, state, k int, mass float64) {
		for x := range 3 {
			m := mass * p.on(state, x)[0].p
			if to := (state*3 + x) % 9; int(p.on(state, x)[0].to) != to {
				t.Fatalf("context %d with %d goes to %d, want %d", state, x, p.on(state, x)[0].to, to)
			} else if k > 1 {
				ahead(q, to, k-1, m)
			} else {
				q[x] += m
			}
		}
	}
	for k := 1; k <= 4; k++ {
		want := 0.0
		for s, pi := range p.pi {
			q := make([]float64, 3)
			ahead(q, s, k, 1)
			want += pi * entropy(q)
		}
		if got, ok := p.OptimalAhead(k); !ok || math.Abs(got-want) > 1e-12 {
			t.Errorf("L_%d* = %v, want %v", k, got, want)
		}
	}
}

// Rows have the moments of the Dirichlet law: mean 1/A, variance
// (1/A)(1−1/A)/(Aα+1).
func TestDirichletMoments(t *testing.T) {
	const a, n = 4, 40_000
	for _, alpha := range []float64{0.05, 0.5, 1, 5} {
		rng := rand.New(rand.NewPCG(3, 4))
		row, sum, squares := make([]float64, a), 0.0, 0.0
		for range n {
			dirichlet(row, alpha, rng)
			total := 0.0
			for _, p := range row {
				if p < leastProbability/2 {
					t.Fatalf("α = %v: p = %v", alpha, p)
				}
				total += p
			}
			if math.Abs(total-1) > 1e-12 {
				t.Fatalf("α = %v: sums to %v", alpha, total)
			}
			sum += row[0]
			squares += row[0] * row[0]
		}
		mean, want := sum/n, (1.0/a)*(1-1.0/a)/(a*alpha+1)
		variance := squares/n - mean*mean
		if math.Abs(mean-1.0/a) > 5*math.Sqrt(want/n) || math.Abs(variance/want-1) > 0.05 {
			t.Errorf("α = %v: mean %v, variance %v, want %v, %v", alpha, mean, variance, 1.0/a, want)
		}
	}
}

// π = πT, by elimination and by iteration.
func TestStationary(t *testing.T) {
	all := append(slices.Clone(laws), &DirichletMarkov{Order: 5, Alphabet: 4, Concentration: 0.3}, &DirichletMarkov{Order: 0, Alphabet: 4, Concentration: 1})
	for _, l := range all {
		p := hmm(t, l)
		pi, err := p.iterate()
		if err != nil {
			t.Fatalf("%T: %v", l, err)
		}
		image := make([]float64, p.n)
		sum := 0.0
		for i, w := range p.pi {
			sum += w
			if math.Abs(w-pi[i]) > 1e-10 {
				t.Errorf("%T: π_%d = %v by iteration, %v", l, i, pi[i], w)
			}
			for _, e := range p.out(i) {
				image[e.to] += w * e.p
			}
		}
		for i := range image {
			if math.Abs(image[i]-p.pi[i]) > 1e-13 {
				t.Errorf("%T: (πT)_%d = %v, π_%d = %v", l, i, image[i], i, p.pi[i])
			}
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("%T: π sums to %v", l, sum)
		}
	}
}

// States that the stationary process leaves for good are dropped.
func TestTransientStates(t *testing.T) {
	p, err := NewHMM([][][]float64{
		{{0.5, 0.25, 0}, {0, 0, 0.5}, {0, 0, 0}},
		{{0, 0, 0.25}, {0, 0.5, 0}, {0, 1, 0}},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden := hmm(t, &GoldenMean{P: 0.5})
	if p.States() != 2 || !slices.Equal(p.pi, golden.pi) {
		t.Errorf("%d states, π = %v, want the golden mean's %v", p.States(), p.pi, golden.pi)
	}
}

// anyHMM draws processes of up to three states and symbols.
func anyHMM(t *rapid.T) ([][][]float64, *HMM) {
	n, a := rapid.IntRange(1, 3).Draw(t, "states"), rapid.IntRange(1, 3).Draw(t, "symbols")
	T := make([][][]float64, a)
	for x := range T {
		T[x] = rows(n, n)
	}
	for i := range n {
		sum := 0.0
		for x := range a {
			for j := range n {
				T[x][i][j] = rapid.SampledFrom([]float64{0, 0, 1, 2, 5}).Draw(t, "weight")
				sum += T[x][i][j]
			}
		}
		if sum == 0 {
			T[0][i][0], sum = 1, 1
		}
		for x := range a {
			for j := range n {
				T[x][i][j] /= sum
			}
		}
	}
	p, err := NewHMM(T)
	if err != nil {
		t.Skip("no unique stationary law")
	}
	return T, p
}

// slowWord is P(word), summed over all hidden paths; −1 in word is any symbol.
func slowWord(p *HMM, word []int) float64 {
	var paths func(state int, word []int) float64
	paths = func(state int, word []int) float64 {
		if len(word) == 0 {
			return 1
		}
		sum := 0.0
		for x := range p.a {
			if word[0] == x || word[0] < 0 {
				for _, e := range p.on(state, x) {
					sum += e.p * paths(int(e.to), word[1:])
				}
			}
		}
		return sum
	}
	sum := 0.0
	for s, w := range p.pi {
		sum += w * paths(s, word)
	}
	return sum
}

// The filter's next-symbol and k-step laws against ratios of word
// probabilities from all hidden paths.
func TestFilterAgainstAllPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, p := anyHMM(t)
		f := p.Filter()
		past := []int{}
		q := make([]float64, p.a)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for _, x := range p.Generate(4, rng) {
			base := slowWord(p, past)
			for k := 1; k <= 3; k++ {
				f.PredictAhead(q, k)
				if k == 1 {
					r := make([]float64, p.a)
					f.Predict(r)
					if !slices.Equal(q, r) {
						t.Fatalf("one step ahead %v, next %v", q, r)
					}
				}
				for y := range q {
					word := append(slices.Clone(past), slices.Repeat([]int{-1}, k-1)...)
					want := slowWord(p, append(word, y)) / base
					if math.Abs(q[y]-want) > 1e-12 {
						t.Fatalf("P(x_{t+%d} = %d | %v) = %v, want %v", k, y, past, q[y], want)
					}
				}
			}
			f.Observe(x)
			past = append(past, int(x))
		}
	})
}

// Draws have the process's law: words of three, against their probabilities.
func TestGenerate(t *testing.T) {
	const n = 60_000
	for _, l := range laws {
		p := hmm(t, l)
		words := p.a * p.a * p.a
		count := make([]float64, words)
		// One word from each draw, so that they are independent.
		rng := rand.New(rand.NewPCG(5, 6))
		for range n {
			w := 0
			for _, x := range p.Generate(3, rng) {
				w = w*p.a + int(x)
			}
			count[w]++
		}
		chi, free := 0.0, -1.0
		for w, c := range count {
			want := n * slowWord(p, []int{w / p.a / p.a, w / p.a % p.a, w % p.a})
			if want == 0 && c > 0 {
				t.Errorf("%T: word %d came %v times, want never", l, w, c)
			}
			if want > 5 {
				chi += (c - want) * (c - want) / want
				free++
			}
		}
		if limit := free + 5*math.Sqrt(2*free) + 5; chi > limit {
			t.Errorf("%T: χ² = %.1f with %.0f degrees of freedom", l, chi, free)
		}
	}
}

// The filter's mean loss on a long draw is what Entropy and OptimalAhead say.
func TestLossIsOptimal(t *testing.T) {
	const n = 60_000
	for _, l := range laws {
		p := hmm(t, l)
		xs := p.Generate(n, rand.New(rand.NewPCG(7, 8)))
		f, q := p.Filter(), make([]float64, p.a)
		ks := []int{1, 2, 5}
		var sum, squares [3]float64
		for t, x := range xs[:n-8] {
			for i, k := range ks {
				f.PredictAhead(q, k)
				bits := -math.Log2(q[xs[t+k-1]])
				sum[i] += bits
				squares[i] += bits * bits
			}
			f.Observe(x)
		}
		for i, k := range ks {
			mean := sum[i] / (n - 8)
			sd := math.Sqrt(max(0, squares[i]/(n-8)-mean*mean))
			want, ok := p.OptimalAhead(k)
			// Losses are correlated over some symbols: allow for eight.
			if limit := 4*sd*math.Sqrt(8.0/n) + 1e-3; !ok || math.Abs(mean-want) > limit {
				t.Errorf("%T: the filter loses %.4f bits %d ahead, want %.4f ± %.4f", l, mean, k, want, limit)
			}
		}
	}
}

func TestFilterForksAndResets(t *testing.T) {
	for _, l := range laws {
		p := hmm(t, l)
		xs := p.Generate(200, rand.New(rand.NewPCG(9, 1)))
		f := p.Filter()
		trace := func(f Filter) (out []string) {
			q := make([]float64, p.a)
			for _, x := range xs {
				f.PredictAhead(q, 3)
				out = append(out, fmt.Sprint(q))
				f.Predict(q)
				out = append(out, fmt.Sprint(q))
				f.Observe(x)
			}
			return out
		}
		want := trace(f)
		f.Reset()
		forks, got := make([]Filter, 4), make([][]string, 4)
		for i := range forks {
			forks[i] = f.Fork()
		}
		var wg sync.WaitGroup
		for i := range forks {
			wg.Go(func() { got[i] = trace(forks[i]) })
		}
		wg.Wait()
		for _, g := range append(got, trace(f)) {
			if !slices.Equal(g, want) {
				t.Errorf("%T: a fork or a reset filter goes another way", l)
			}
		}
		a, b := f.Fork().(*hmmFilter), f.(*hmmFilter)
		if string(a.State(nil)) != string(b.State(nil)) {
			t.Errorf("%T: a fork is in another state", l)
		}
	}
}

func TestFilterAllocatesNothing(t *testing.T) {
	for _, l := range laws {
		p := hmm(t, l)
		f, q := p.Filter(), make([]float64, p.a)
		xs := p.Generate(1000, rand.New(rand.NewPCG(2, 1)))
		i := 0
		if n := testing.AllocsPerRun(100, func() {
			for range 5 {
				f.Predict(q)
				f.PredictAhead(q, 6)
				f.Observe(xs[i])
				i++
			}
			f.Reset()
		}); n != 0 {
			t.Errorf("%T: %v allocations", l, n)
		}
	}
}

// After what cannot happen the filter goes on from the last symbol alone.
func TestImpossibleSymbol(t *testing.T) {
	p := hmm(t, &GoldenMean{P: 0.5})
	f, q := p.Filter(), make([]float64, 2)
	f.Observe(0)
	f.Observe(0)
	if f.Predict(q); !slices.Equal(q, []float64{0, 1}) {
		t.Errorf("after two 0s: %v, want as after one", q)
	}
	p = hmm(t, &IID{Probabilities: []float64{0.2, 0, 0.8}})
	f, q = p.Filter(), make([]float64, 3)
	f.Observe(1)
	if f.Predict(q); !slices.Equal(q, []float64{0.2, 0, 0.8}) {
		t.Errorf("after a symbol that never comes: %v", q)
	}
}

// The synchronised golden-mean filter is exactly in one state: probabilities
// are exactly ½ and 1 however long it runs.
func TestSynchronisedExactly(t *testing.T) {
	p := hmm(t, &Even{P: 0.5})
	f, q := p.Filter(), make([]float64, 2)
	f.Observe(0)
	for range 1001 {
		f.Observe(1)
	}
	if f.Predict(q); q[0] != 0 || q[1] != 1 {
		t.Errorf("inside a pair: %v, want 0, 1", q)
	}
}

func TestDraw(t *testing.T) {
	k, _ := Find("golden-mean")
	draw := func(seed uint64) *Corpus {
		c, err := k.Default().Load(t.Context(), Env{Name: "gm", Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := draw(1)
	if c.ID != "gm" || c.Kind != "golden-mean" || c.Process == nil || c.Bytes != 100_000 || c.Train.Symbols != 80_000 || !c.Test.Continues ||
		c.Alphabet.Unit != "symbol" || !slices.Equal(c.Alphabet.Tokens, []string{"0", "1"}) || c.Test.Bytes != 10_000 || c.Test.SpellBits != 0 {
		t.Errorf("%+v", c)
	}
	for _, p := range c.Parts() {
		if p.Digest != slowDigest(c, p) {
			t.Errorf("%s: digest %s, want %s", p.Role, p.Digest, slowDigest(c, p))
		}
	}
	if d := draw(1); d.SHA256 != c.SHA256 || d.Test.Digest != c.Test.Digest {
		t.Error("one seed, two draws")
	}
	if draw(2).SHA256 == c.SHA256 {
		t.Error("two seeds, one draw")
	}
	// A fixed value: results of other days were measured on this draw.
	if want := "f43c74d46e81df56cedb5733847d8807537873cb7dbd57f8685af793f6483122"; c.SHA256 != want {
		t.Errorf("sha256 = %s, want %s", c.SHA256, want)
	}
}

// A random law depends on the seed alone, not on how much is drawn.
func TestRandomLaw(t *testing.T) {
	l := &DirichletMarkov{Order: 1, Alphabet: 3, Concentration: 1, ProcessOptions: draws()}
	a, _ := l.Process(1)
	b, _ := l.Process(2)
	l.Symbols = 500
	c, err := l.Load(t.Context(), Env{Name: "x", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.(*HMM).edges, c.Process.(*HMM).edges) || slices.Equal(a.(*HMM).edges, b.(*HMM).edges) {
		t.Error("the law is not a function of the seed alone")
	}
}
