package markov

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// dense numbers the bytes that occur, in order, and returns how many do.
func dense(text []byte) (xs symbols, a int) {
	var index [256]predictors.Symbol
	for b := range index {
		if bytes.IndexByte(text, byte(b)) >= 0 {
			index[b] = predictors.Symbol(a)
			a++
		}
	}
	for _, b := range text {
		xs = append(xs, index[b])
	}
	return xs, a
}

// Losses in nats of the n-grams with 0 to 6 symbols of context on
// tinyshakespeare (first 1,003,854 characters train), measured by others with
// this recursion over the 65 characters that occur: in windows of 64
// predictions over the first 54·32·64 of the rest, each knowing nothing
// before its window, and with all of the past.
func TestWittenBellOnTinyShakespeare(t *testing.T) {
	text, a := dense(tinyShakespeare(t))
	const cut, windows = 1003854, 54 * 32
	train, valid := text[:cut], text[cut:]
	for i, want := range [7][2]float64{
		{3.3468, 3.3473}, {2.4850, 2.4857}, {2.0541, 2.0492}, {1.7873, 1.7738},
		{1.6854, 1.6688}, {1.7120, 1.6980}, {1.7869, 1.7792},
	} {
		if testing.Short() && i != 4 {
			continue
		}
		p := mustMake(t, &WittenBellConfig{Order: i + 1}, a)
		mustTrain(t, p, []symbols{train}, nil)
		sum := 0.0
		for w := range windows {
			p.Reset()
			p.Observe(valid[64*w])
			sum += 64 * meanLoss(p, valid[64*w+1:64*w+65])
		}
		cutShort := sum / (64 * windows) * math.Ln2
		p.Reset()
		p.Observe(valid[0])
		full := meanLoss(p, valid[1:]) * math.Ln2
		t.Logf("order %d: %.4f in windows, %.4f in full", i+1, cutShort, full)
		if math.Abs(cutShort-want[0]) > 1e-3 || math.Abs(full-want[1]) > 1e-3 {
			t.Errorf("order %d: %.4f and %.4f nats, want %.4f and %.4f", i+1, cutShort, full, want[0], want[1])
		}
	}
}

func TestGoodTuringDiscounts(t *testing.T) {
	// n₁ … n₆ = 100, 40, 20, 12, 8, 5: (k+1)n_{k+1}/n₁ = 0.3 for k = 5, and
	// r*/r = 0.8, 0.75, 0.8, 0.8333, 0.75.
	got := goodTuring(&tally{0, 100, 40, 20, 12, 8, 5})
	for r, ratio := range []float64{0, .8, .75, .8, 5. / 6, .75} {
		want := 0.0
		if r > 0 {
			want = float64(r) * (1 - (ratio-.3)/.7)
		}
		if math.Abs(got[r]-want) > 1e-12 {
			t.Errorf("what is taken from %d = %v, want %v", r, got[r], want)
		}
	}
	// Σ_r n_r r (1 − d_r) = n₁: what is set free is what Turing gives the unseen.
	free := 0.0
	for r, n := range []float64{0, 100, 40, 20, 12, 8} {
		free += n * got[r]
	}
	if math.Abs(free-100) > 1e-9 {
		t.Errorf("%v is set free, want n₁ = 100", free)
	}
	// With n₆ = 0, k = 4: 5·8/100 = 0.4.
	if got, want := goodTuring(&tally{0, 100, 40, 20, 12, 8, 0})[1], 1-(.8-.4)/.6; math.Abs(got-want) > 1e-12 {
		t.Errorf("with n₆ = 0, %v is taken from 1, want %v", got, want)
	}
	for _, n := range []tally{{}, {0, 5}, {0, 5, 9}, {0, 0, 3, 3, 3, 3, 3}} {
		if got := goodTuring(&n); got != (discounts{}) {
			t.Errorf("%v: %v, want none", n, got)
		}
	}
}

// Every δ near the chosen one loses more.
func TestDeltaIsTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	train, valid := babble(rng, 5, 2000), babble(rng, 5, 500)
	p := mustMake(t, &AdditiveConfig{Order: 3}, 5)
	mustTrain(t, p, []symbols{train}, []symbols{valid[:200], valid[200:]})
	delta := p.(*additive).m.delta
	loss := func(delta float64) float64 {
		q := mustMake(t, &AdditiveConfig{Order: 3, Delta: delta}, 5)
		mustTrain(t, q, []symbols{train}, nil)
		a := meanLoss(q, valid[:200]) * 200
		q.Reset()
		return (a + meanLoss(q, valid[200:])*300) / 500
	}
	least := loss(delta)
	for e := -20.0; e <= 8; e += 0.25 {
		if d := math.Exp2(e); loss(d) < least-1e-6 {
			t.Errorf("δ = %v loses %v bits, the chosen %v loses %v", d, loss(d), delta, least)
		}
	}
}

// bucketOf is the bin by arithmetic: quarters of octaves, linear within them.
func bucketOf(s *slowCounts, average bool, h []rune) int {
	next, v := s.of(h)
	if average {
		v /= float64(len(next))
	}
	e := int(math.Floor(math.Log2(v)))
	return 4*e + int(4*(v/math.Exp2(float64(e))-1))
}

func (s *slowCounts) jelinekMercer(average bool, lambda []float64) (p twin) {
	p = func(x int, h []rune) float64 {
		next, total := s.of(h)
		if total == 0 {
			return s.lower(p, x, h)
		}
		l := lambda[(len(h)+1)*bins+bucketOf(s, average, h)]
		return l*float64(next[x])/total + (1-l)*s.lower(p, x, h)
	}
	return p
}

// The law is that of the formula; and the weights are the mode: moving those
// of a bucket either way makes the held-out text times the prior less likely.
func TestJelinekMercer(t *testing.T) {
	const a, n = 4, 3
	for _, buckets := range []string{"average", "count"} {
		rng := rand.New(rand.NewPCG(6, 6))
		docs, held := []symbols{babble(rng, a, 700), babble(rng, a, 300)}, []symbols{babble(rng, a, 900), babble(rng, a, 400)}
		p := mustMake(t, &JelinekMercerConfig{Order: n, Buckets: buckets}, a).(*jelinekMercer)
		mustTrain(t, p, docs, held)
		slow := rawCounts(a, n, docs)
		want := slow.jelinekMercer(buckets == "average", p.m.lambda)
		xs := babble(rng, a, 60)
		for i, x := range xs {
			agree(t, buckets, p, want, lastOf(xs[:i], n, false))
			p.Observe(x)
		}
		likelihood := func() (sum float64) {
			for _, doc := range held {
				p.Reset()
				sum -= meanLoss(p, doc) * float64(len(doc)) * math.Ln2
			}
			return sum
		}
		best, tried := likelihood(), 0
		for k := 1; k <= n; k++ {
			for from := k * bins; from < (k+1)*bins; {
				to, old := from+1, p.m.lambda[from]
				for to < (k+1)*bins && p.m.lambda[to] == old {
					to++
				}
				for _, l := range []float64{old * 0.97, 1 - (1-old)*0.97} {
					set(p.m.lambda[from:to], l)
					gain := likelihood() - best + math.Log(l*(1-l)) - math.Log(old*(1-old))
					if gain > 0.02 { // of 1,300 symbols; the rounds end a little short
						t.Errorf("%s: λ of %d-grams from %v: %v gains %v nats over %v", buckets, k, edge(from-k*bins), l, gain, old)
					}
					tried++
				}
				set(p.m.lambda[from:to], old)
				from = to
			}
		}
		if tried < 2*n+2 {
			t.Errorf("%s: only %d weights tried", buckets, tried)
		}
	}
}

func set(xs []float64, v float64) {
	for i := range xs {
		xs[i] = v
	}
}

// slowCache is the formula over the whole past.
func slowCache(past symbols, lambda []float64, half, inner float64, x predictors.Symbol) float64 {
	p, sum := inner, lambda[0]*inner
	for k := 1; k < len(lambda); k++ {
		count, total := 0.0, 0.0
		for s := k - 1; s < len(past); s++ { // past[s] followed the k−1 before it
			if len(past) >= k-1 && slices.Equal(past[s-k+1:s], past[len(past)-k+1:]) {
				w := math.Exp2(-float64(len(past)-s) / half)
				total += w
				if past[s] == x {
					count += w
				}
			}
		}
		p = (count + p) / (total + 1)
		sum += lambda[k] * p
	}
	return sum
}

func TestCacheEqualsItsFormula(t *testing.T) {
	const a = 3
	rng := rand.New(rand.NewPCG(7, 7))
	train, held := babble(rng, a, 500), babble(rng, a, 300)
	for _, c := range []struct {
		half float64
		tol  float64
	}{{20, 1e-12}, {3, 1e-5}} { // 20·20 is more than the text; 20·3 is less
		inner := mustMake(t, &WittenBellConfig{Order: 3}, a)
		mustTrain(t, inner, []symbols{train}, nil)
		p := mustMake(t, &CacheConfig{Smoothing: "witten-bell", Order: 3, CacheOrder: 4, HalfLife: c.half}, a).(*cache)
		mustTrain(t, p, []symbols{train}, []symbols{held})
		xs := babble(rng, a, 390)
		q := make([]float64, a)
		for i, x := range xs {
			p.Predict(q)
			for y := range q {
				want := slowCache(xs[:i], p.lambda, c.half, inner.(predictors.Prober).Prob(predictors.Symbol(y)), predictors.Symbol(y))
				if got := p.Prob(predictors.Symbol(y)); math.Abs(got-want) > c.tol || math.Abs(q[y]-want) > c.tol {
					t.Fatalf("half-life %v, after %d symbols: Prob(%d) = %v, Predict %v, want %v", c.half, i, y, got, q[y], want)
				}
			}
			p.Observe(x)
			inner.Observe(x)
		}
	}
}

// A fork walks on by itself, far beyond what it keeps in a list, while its
// parent goes elsewhere; after Reset it knows nothing of before.
func TestForkOfACache(t *testing.T) {
	const a = 3
	rng := rand.New(rand.NewPCG(8, 7))
	config := &CacheConfig{Smoothing: "witten-bell", Order: 2, CacheOrder: 3, HalfLife: 30}
	train, before := []symbols{babble(rng, a, 200)}, babble(rng, a, 150)
	walked := func(xs ...symbols) predictors.Predictor {
		p := mustMake(t, config, a)
		mustTrain(t, p, train, nil)
		for _, x := range slices.Concat(xs...) {
			p.Observe(x)
		}
		return p
	}
	same := func(name string, p, q predictors.Predictor) {
		t.Helper()
		for x := range predictors.Symbol(a) {
			if got, want := p.(predictors.Prober).Prob(x), q.(predictors.Prober).Prob(x); math.Abs(got-want) > 1e-14 {
				t.Fatalf("%s: Prob(%d) = %v, want %v", name, x, got, want)
			}
		}
	}
	parent := walked(before)
	first := parent.Fork()
	second := first.Fork()
	for _, n := range []int{1, 100, 300, 900} {
		x, y, z := babble(rng, a, n), babble(rng, a, n), babble(rng, a, n)
		for i := range n {
			parent.Observe(x[i])
			first.Observe(y[i])
			second.Observe(z[i])
		}
		same("parent", parent, walked(before, x))
		same("fork", first, walked(before, y))
		same("fork of the fork", second, walked(before, z))
		third := second.Fork()
		third.Reset()
		for _, v := range x[:1] {
			third.Observe(v)
		}
		same("after Reset", third, walked(x[:1]))
		parent.Reset()
		for _, v := range before {
			parent.Observe(v)
		}
		first, second = parent.Fork(), parent.Fork()
	}
}

// The chosen shares are the best: moving a little of one to another loses.
func TestCacheShares(t *testing.T) {
	const a = 4
	rng := rand.New(rand.NewPCG(17, 7))
	train, held := babble(rng, a, 300), babble(rng, a, 600)
	p := mustMake(t, &CacheConfig{Smoothing: "katz", Order: 3, CacheOrder: 3, HalfLife: 50}, a).(*cache)
	mustTrain(t, p, []symbols{train}, []symbols{held})
	loss := func() float64 {
		p.Reset()
		return meanLoss(p, held)
	}
	best := loss()
	for i := range p.lambda {
		for j := range p.lambda {
			step := min(0.02, p.lambda[i])
			p.lambda[i] -= step
			p.lambda[j] += step
			if l := loss(); l < best-1e-5 {
				t.Errorf("moving %v from share %d to %d loses %v bits, chosen were %v", step, i, j, l, best)
			}
			p.lambda[i] += step
			p.lambda[j] -= step
		}
	}
}

func TestSmoothingConfigErrors(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		c    predictors.Config
		want string
	}{
		{&AdditiveConfig{Order: 0}, "additive: order = 0, want 1 to 64"},
		{&AdditiveConfig{Order: 2, Delta: -1}, "additive: delta = -1, want 0 (to be chosen) or more"},
		{&AdditiveConfig{Order: 2, Delta: inf}, "additive: delta = +Inf, want 0 (to be chosen) or more"},
		{&WittenBellConfig{Order: 65}, "witten-bell: order = 65, want 1 to 64"},
		{&AbsoluteConfig{Order: -1}, "absolute-discounting: order = -1, want 1 to 64"},
		{&KatzConfig{Order: 99}, "katz: order = 99, want 1 to 64"},
		{&JelinekMercerConfig{Order: 3, Buckets: "all"}, `jelinek-mercer: buckets = "all", want "average" or "count"`},
		{&BackoffKneserNeyConfig{Order: 3}, `kneser-ney-backoff: discounts = "", want "modified" or "single"`},
		{&CacheConfig{Smoothing: "katz", Order: 3, HalfLife: 1}, "cache: cache_order = 0, want 1 to 8"},
		{&CacheConfig{Smoothing: "katz", Order: 3, CacheOrder: 1}, "cache: half_life = 0, want > 0 and at most 1000000"},
		{&CacheConfig{Smoothing: "katz", Order: 0, CacheOrder: 1, HalfLife: 9}, "cache: katz: order = 0, want 1 to 64"},
		{&CacheConfig{Smoothing: "cache", Order: 3, CacheOrder: 1, HalfLife: 9}, `cache: smoothing = "cache", want "additive", "jelinek-mercer", "katz", "witten-bell", "absolute-discounting", "kneser-ney" or "kneser-ney-backoff"`},
	} {
		if _, err := c.c.New(predictors.Env{Alphabet: 4}); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.c, err, c.want)
		}
	}
}

// Whatever bytes are changed, reading ends, and what it accepts predicts.
func TestDamagedSmoothingsAreRefused(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	docs, held := []symbols{babble(rng, 4, 300)}, []symbols{babble(rng, 4, 300)}
	for _, c := range []predictors.Config{
		&AdditiveConfig{Order: 3}, &KatzConfig{Order: 3}, &JelinekMercerConfig{Order: 3, Buckets: "count"},
		&BackoffKneserNeyConfig{Order: 3, Discounts: "single"},
		&CacheConfig{Smoothing: "absolute-discounting", Order: 3, CacheOrder: 2, HalfLife: 9},
	} {
		p := mustMake(t, c, 4)
		mustTrain(t, p, docs, held)
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			damaged := slices.Clone(b.Bytes())
			for range 1 + rng.IntN(3) {
				damaged[rng.IntN(len(damaged))] ^= byte(1 << rng.IntN(8))
			}
			q := mustMake(t, c, 4)
			if predictors.Load(bytes.NewReader(damaged), q) != nil {
				continue
			}
			for range 50 {
				q.(predictors.Prober).Prob(1)
				q.Observe(predictors.Symbol(rng.IntN(4)))
			}
		}
	}
}

func TestLargestAlphabetOfSmoothings(t *testing.T) {
	const a = 65536
	for _, s := range smoothings {
		rng := rand.New(rand.NewPCG(3, 4))
		p := mustMake(t, s.config(64), a)
		for range 300 {
			p.(predictors.Learner).Learn(predictors.Symbol(65535 - rng.IntN(30)*rng.IntN(20)))
		}
		q, sum := make([]float64, a), 0.0
		p.Predict(q)
		for _, v := range q {
			sum += v
		}
		if math.Abs(sum-1) > 1e-9 || slices.Min(q) <= 0 {
			t.Errorf("%s: probabilities sum to %v, the least is %v", s.name, sum, slices.Min(q))
		}
	}
}

// A frozen n-gram is a finite automaton: its marginals far ahead are exact.
// Here they are carried along by strings of the last n−1 symbols, with no
// word of nodes.
func TestForecastsAreExact(t *testing.T) {
	const a, n = 3, 4
	ks := []int{1, 2, 4, 8, 16, 32}
	rng := rand.New(rand.NewPCG(2, 3))
	docs := []symbols{babble(rng, a, 800)}
	past := babble(rng, a, 20)
	for _, s := range smoothings {
		p := mustMake(t, s.config(n), a)
		mustTrain(t, p, docs, nil)
		for _, x := range past {
			p.Observe(x)
		}
		got := predictors.NewForecaster(a, predictors.AheadOptions{Horizons: ks, Rollouts: 2}).At(p, 0)
		want := s.twin(a, n, docs)
		mass := map[string]float64{spell(lastOf(past, n, s.mark)): 1}
		for k, i := 1, 0; i < len(ks); k++ {
			next, law := map[string]float64{}, make([]float64, a)
			for h, m := range mass {
				for x := range a {
					q := m * want(x, []rune(h))
					law[x] += q
					g := append([]rune(h), runes(symbols{predictors.Symbol(x)})...)
					next[spell(g[max(0, len(g)-n+1):])] += q
				}
			}
			if mass = next; k != ks[i] {
				continue
			}
			for x := range law {
				if !got.Exact[i] || math.Abs(got.P[i][x]-law[x]) > 1e-9 {
					t.Errorf("%s: P(%d in %d steps) = %v (exact: %v), want %v", s.name, x, k, got.P[i][x], got.Exact[i], law[x])
				}
			}
			i++
		}
	}
}

// Words: WikiText-2's test part, half to train, half to predict, its
// vocabulary that of the whole.
func TestSmoothingsOfWords(t *testing.T) {
	text := corporatest.Read(t, "wiki/wikitext2.test.tokens")
	words := bytes.Fields(bytes.ReplaceAll(text, []byte("\n"), []byte(" <eos> ")))
	index, xs := map[string]predictors.Symbol{}, symbols{}
	half := len(words) / 2
	for _, w := range words {
		x, ok := index[string(w)]
		if !ok {
			x = predictors.Symbol(len(index))
			index[string(w)] = x
		}
		xs = append(xs, x)
	}
	a := len(index)
	if a < 10_000 {
		t.Fatalf("%d words, want 10,000 or more", a)
	}
	cut := half - half/10
	perplexity := map[string]float64{}
	for _, s := range []struct {
		name string
		c    predictors.Config
	}{
		{"additive", &AdditiveConfig{Order: 3}},
		{"witten-bell", &WittenBellConfig{Order: 3}},
		{"absolute-discounting", &AbsoluteConfig{Order: 3}},
		{"katz", &KatzConfig{Order: 3}},
		{"kneser-ney-backoff", &BackoffKneserNeyConfig{Order: 3, Discounts: "modified"}},
		{"jelinek-mercer", &JelinekMercerConfig{Order: 3, Buckets: "average"}},
		{"kneser-ney", &KneserNeyConfig{Order: 3, Discounts: "modified"}},
		{"cache", &CacheConfig{Smoothing: "kneser-ney", Order: 3, CacheOrder: 2, HalfLife: 500}},
	} {
		start := time.Now()
		p := mustMake(t, s.c, a)
		mustTrain(t, p, []symbols{xs[:cut]}, []symbols{xs[cut:half]})
		perplexity[s.name] = math.Exp2(meanLoss(p, xs[half:]))
		p.Reset()
		q := make([]float64, a)
		for i, x := range xs[half : half+2000] {
			if i%500 == 0 {
				p.Predict(q)
				sum := 0.0
				for _, v := range q {
					sum += v
				}
				if math.Abs(sum-1) > 1e-9 || slices.Min(q) <= 0 {
					t.Errorf("%s: probabilities sum to %v, the least is %v", s.name, sum, slices.Min(q))
				}
			}
			p.(predictors.Learner).Learn(x)
		}
		t.Logf("%-22s order 3, A = %d, %d words to train on: perplexity %.1f (%v)", s.name, a, cut, perplexity[s.name], time.Since(start))
	}
	// The order that Chen & Goodman found on every text.
	for _, s := range [][2]string{{"witten-bell", "additive"}, {"katz", "witten-bell"}, {"kneser-ney", "katz"},
		{"kneser-ney", "absolute-discounting"}, {"kneser-ney", "kneser-ney-backoff"}, {"cache", "kneser-ney"}} {
		if !(perplexity[s[0]] < perplexity[s[1]]) {
			t.Errorf("%s has perplexity %.1f a word, %s %.1f: want less", s[0], perplexity[s[0]], s[1], perplexity[s[1]])
		}
	}
}
