package metric

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
	"horizon/predictors/kernel/smoother"
)

// shapes are all forms of B on a small alphabet.
func shapes(a, m int) (list []shape) {
	base := shape{A: a, M: m, S: a + 1, R: 5, E: 3, Span: 1}
	for _, f := range forms {
		s := base
		s.form = f
		list = append(list, s)
		if f == lowRank || f == full {
			s.symmetric = true
			list = append(list, s)
		}
		if f == lowRank {
			s.symmetric, s.gaussian = false, true
			list = append(list, s)
		}
	}
	return list
}

func (s shape) String() string {
	return fmt.Sprintf("%s, symmetric %v, gaussian %v", s.form, s.symmetric, s.gaussian)
}

// randomParams has every parameter at random.
func randomParams(rng *rand.Rand, s shape) *params[float64] {
	p := newParams[float64](s)
	for i := range p.flat {
		p.flat[i] = rng.NormFloat64() / 2
	}
	for i := range p.vectors {
		p.vectors[i] = rng.NormFloat64()
	}
	return p
}

func narrowed(p *params[float64]) *params[float32] {
	q := newParams[float32](p.shape)
	for i, v := range p.flat {
		q.flat[i] = float32(v)
	}
	for i, v := range p.vectors {
		q.vectors[i] = float32(v)
	}
	return q
}

// bilinear is log K(c', c) by the definition at the head of metric.go.
func bilinear(p *params[float64], c1, c []symbol) (sum float64) {
	if p.form == lowRank {
		q, k := make([]float64, p.R), make([]float64, p.R)
		for l := range c {
			for r := range p.R {
				q[r] += p.wq[(l*p.S+int(c[l]))*p.R+r]
				k[r] += p.wk[(l*p.S+int(c1[l]))*p.R+r]
			}
		}
		for r := range q {
			if p.gaussian {
				sum -= (q[r] - k[r]) * (q[r] - k[r]) / 2
			} else {
				sum += q[r] * k[r]
			}
		}
		return sum / math.Sqrt(float64(p.R))
	}
	for l := range c {
		beta := 0.0
		switch p.form {
		case flat:
			beta = math.Exp(p.beta[0])
		case geometric:
			beta = math.Exp(p.beta[0]) * math.Pow(math.Exp(p.beta[1]), float64(l))
		default:
			beta = math.Exp(p.beta[l])
		}
		switch {
		case int(c[l]) == p.A || int(c1[l]) == p.A:
		case p.form == embedded:
			for e := range p.E {
				sum += beta * math.Exp(p.gamma[l]) * p.vectors[int(c[l])*p.E+e] * p.vectors[int(c1[l])*p.E+e]
			}
			if c[l] == c1[l] {
				sum += beta
			}
		case c[l] == c1[l]:
			sum += beta
		}
		for l1 := 0; p.form == full && l1 < len(c1); l1++ {
			i, j, n := l*p.S+int(c[l]), l1*p.S+int(c1[l1]), p.M*p.S
			if p.symmetric {
				sum += (p.wq[i*n+j] + p.wq[j*n+i]) / 2
			} else {
				sum += p.wq[i*n+j]
			}
		}
	}
	return sum
}

// law is the estimate by its definition: positions with contexts and next
// symbols, and how much their scores fall with distance.
func law(p *params[float64], q0 []float64, c []symbol, contexts [][]symbol, next []symbol, rate float64) []float64 {
	q := make([]float64, p.A)
	total := math.Exp(p.null[0])
	for y := range q {
		q[y] = total * q0[y]
	}
	for j, c1 := range contexts {
		w := math.Exp(bilinear(p, c1, c) - rate*float64(len(contexts)-j))
		q[next[j]] += w
		total += w
	}
	for y := range q {
		q[y] /= total
	}
	return q
}

func reversed(xs []symbol, end, m, a int) []symbol {
	c := make([]symbol, m)
	for l := range c {
		c[l] = symbol(a)
		if i := end - 1 - l; i >= 0 {
			c[l] = xs[i]
		}
	}
	return c
}

// last lists the last m symbols of a past, the last first.
func last(past []symbol, m int) []symbol { return reversed(past, len(past), m, 0) }

func source(rng *rand.Rand, a, n int) []symbol {
	xs := make([]symbol, n)
	for i := range xs {
		xs[i] = symbol(rng.IntN(a))
		if back := 1 + rng.IntN(3); back <= i && rng.IntN(4) > 0 {
			xs[i] = (xs[i-back] + 1) % symbol(a)
		}
	}
	return xs
}

func compare(t *testing.T, what string, got, want []float64, within float64) {
	t.Helper()
	for y := range want {
		if w := floor + (1-floor*float64(len(want)))*want[y]; !(math.Abs(got[y]-w) <= within) {
			t.Fatalf("%s: q(%d) = %v, want %v", what, y, got[y], w)
		}
	}
}

// TestWindowEqualsDefinition: every form of kernel over the window is the
// estimate by its definition, from the first symbol on and past the window's
// length.
func TestWindowEqualsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const a, m, window = 4, 3, 12
	for _, s := range shapes(a, m) {
		ref := randomParams(rng, s)
		ref.slope[0] = -3
		p := newWindow("window", s, window, 1, Training{}, predictors.Env{Alphabet: a})
		p.params, p.prior = narrowed(ref), newPrior([][]symbol{source(rng, a, 50)}, a, 1)
		xs, got, q0 := source(rng, a, 60), make([]float64, a), make([]float64, a)
		for i, x := range xs {
			var contexts [][]symbol
			low := max(0, i-window)
			for j := low; j < i; j++ {
				contexts = append(contexts, reversed(xs, j, m, a))
			}
			p.prior.law(q0, xs[max(0, i-1):i])
			p.Predict(got)
			compare(t, s.String(), got, law(ref, q0, reversed(xs, i, m, a), contexts, xs[low:i], math.Exp(ref.slope[0])), 2e-6)
			p.Observe(x)
		}
	}
}

// TestCorpusEqualsDefinition: with all contexts as candidates a corpus memory
// is the estimate by its definition over the training text.
func TestCorpusEqualsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const a, m = 4, 3
	docs := [][]symbol{source(rng, a, 90), source(rng, a, 1), source(rng, a, 40)}
	var contexts [][]symbol
	var next []symbol
	for _, doc := range docs {
		for i, x := range doc {
			contexts, next = append(contexts, reversed(doc, i, m, a)), append(next, x)
		}
	}
	for _, s := range shapes(a, m) {
		p := newCorpus("corpus", s, 0, 0, 2, 1, Training{Batch: 1}, predictors.Env{Alphabet: a})
		if err := p.Fit(context.Background(), predictors.Data{Train: docs}, nil); err != nil {
			t.Fatal(err)
		}
		ref := randomParams(rng, s)
		p.params = narrowed(ref)
		p.measureLengths()
		xs, got, q0 := source(rng, a, 30), make([]float64, a), make([]float64, a)
		for i, x := range xs {
			p.prior.law(q0, xs[max(0, i-1):i])
			p.Predict(got)
			compare(t, s.String(), got, law(ref, q0, reversed(xs, i, m, a), contexts, next, 0), 2e-6)
			if r := p.contexts.find(last(p.past, m), 0); r.high-r.low != len(next) {
				t.Fatalf("candidates = %d, want all %d", r.high-r.low, len(next))
			}
			p.Observe(x)
		}
	}
}

// TestTree: a tree holds the contexts with their next symbols, no two alike.
func TestTree(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	const a, m = 3, 4
	for _, n := range []int{0, 1, 500} {
		p := newCorpus("corpus", shape{A: a, M: m, S: a + 1, form: free}, 0, 0, 2, 0, Training{Batch: 1}, predictors.Env{Alphabet: a})
		b := newCorpusBatch(p.corpusModel, [][]symbol{source(rng, a, n)}, n)
		tree := newTree(&b.contexts, a)
		want, got := map[string]int{}, map[string]int{}
		for i, y := range b.contexts.next {
			key := ""
			for _, xs := range b.contexts.lags {
				key = fmt.Sprint(xs[i], key)
			}
			want[fmt.Sprint(key, y)]++
		}
		for j, y := range tree.pairs.next {
			key, at := "", tree.pairs.leaf[j]
			for l := m - 1; l >= 0; l-- {
				v := tree.levels[l]
				key += fmt.Sprint(v.symbol[at], "")
				at = v.parent[at]
			}
			got[fmt.Sprint(key, y)] += int(tree.pairs.count[j])
		}
		if !maps.Equal(got, want) || len(tree.pairs.leaf) != len(want) {
			t.Fatalf("%d contexts: %d pairs %v, want %v", n, len(tree.pairs.leaf), got, want)
		}
	}
}

// TestCells: every level holds the endings of its length, how many contexts end
// so, and what follows.
func TestCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	const a, m = 3, 4
	for _, n := range []int{0, 1, 500} {
		p := newCorpus("corpus", shape{A: a, M: m, S: a + 1, form: free}, 0, 0, 2, 0, Training{Batch: 1}, predictors.Env{Alphabet: a})
		b := newCorpusBatch(p.corpusModel, [][]symbol{source(rng, a, n)}, n)
		tree := newCells(&b.contexts, a)
		for l := range m {
			want := map[string]float32{}
			for i, y := range b.contexts.next {
				want[spell(b.contexts.lags[:l+1], i)]++
				want[fmt.Sprint(spell(b.contexts.lags[:l+1], i), y)]++
			}
			got := map[string]float32{}
			tree.spell(func(key string, j int) {
				v := tree.levels[l]
				got[key] += v.count[j]
				for at := v.start[j]; at < v.start[j+1]; at++ {
					got[fmt.Sprint(key, v.next[at])] += v.times[at]
				}
			}, l)
			if !maps.Equal(got, want) {
				t.Fatalf("%d contexts, level %d: %v, want %v", n, l, got, want)
			}
		}
	}
}

// spell is the last symbols of context i, the last first.
func spell(lags [][]symbol, i int) (key string) {
	for _, xs := range lags {
		key += fmt.Sprintf("%d|", xs[i])
	}
	return key
}

// spell calls f with every ending of a level.
func (t *cells) spell(f func(key string, j int), l int) {
	var down func(key string, at int, i uint32)
	down = func(key string, at int, i uint32) {
		from, to := t.below(at, i)
		for j := from; j < to; j++ {
			if key := key + fmt.Sprintf("%d|", t.levels[at].symbol[j]); at == l {
				f(key, int(j))
			} else {
				down(key, at+1, j)
			}
		}
	}
	down("", 0, 0)
}

// TestLearn: what is learned symbol by symbol is remembered as what training
// remembers, sorted in or not, and saved so; the metric stays as it is.
func TestLearn(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	const a, m = 4, 3
	docs := [][]symbol{source(rng, a, 900), source(rng, a, 1500), source(rng, a, 700)}
	more, got, want := source(rng, a, 40), make([]float64, a), make([]float64, a)
	for _, s := range shapes(a, m) {
		for _, tolerance := range []float64{0, 1e-9} {
			fit := func(docs [][]symbol) *Corpus {
				p := newCorpus("corpus", s, 0, tolerance, 2, 2, Training{Batch: 1}, predictors.Env{Alphabet: a})
				if err := p.Fit(context.Background(), predictors.Data{Train: docs}, nil); err != nil {
					t.Fatal(err)
				}
				return p
			}
			p, all := fit(docs[:1]), fit(docs)
			for _, doc := range docs[1:] {
				p.Reset()
				for _, x := range doc {
					p.Learn(x)
				}
			}
			if n := len(p.contexts.next); n <= 900 || n+len(p.tail.next) != 3100 || len(p.tail.next) == 0 {
				t.Fatalf("%d contexts sorted and %d not, want some of each and 3100 in all", n, len(p.tail.next))
			}
			all.params = p.params
			all.measureLengths()
			var saved bytes.Buffer
			if _, err := p.WriteTo(&saved); err != nil {
				t.Fatal(err)
			}
			loaded := newCorpus("corpus", s, 0, tolerance, 2, 2, Training{Batch: 1}, predictors.Env{Alphabet: a})
			if _, err := loaded.ReadFrom(&saved); err != nil {
				t.Fatal(err)
			}
			p.Reset()
			all.Reset()
			for _, x := range more {
				p.Predict(got)
				all.Predict(want)
				compare(t, s.String(), got, want, 2e-6)
				loaded.Predict(want)
				if !slices.Equal(got, want) {
					t.Fatalf("%v: saved and loaded %v, want %v", s, want, got)
				}
				if e, f := p.Evidence(), all.Evidence(); e.Match != f.Match {
					t.Fatalf("%v: match = %v, want %v", s, e.Match, f.Match)
				}
				for _, q := range []*Corpus{p, all, loaded} {
					q.Observe(x)
				}
			}
		}
	}
}

// TestPriorLearns: counting on is counting in one go.
func TestPriorLearns(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	const a, order = 5, 3
	first, second := source(rng, a, 60), source(rng, a, 200)
	p, all := newPrior([][]symbol{first}, a, order), newPrior([][]symbol{first, second}, a, order)
	got, want := make([]float64, a), make([]float64, a)
	check := func(what string) {
		t.Helper()
		for i := range second {
			c := second[max(0, i-order):i]
			p.law(got, c)
			all.law(want, c)
			for y := range want {
				if math.Abs(got[y]-want[y]) > 1e-12 || math.Abs(p.without(c, second[i])-all.without(c, second[i])) > 1e-12 {
					t.Fatalf("%s: q0(%d; %v) = %v, want %v", what, y, c, got[y], want[y])
				}
			}
		}
	}
	for i, x := range second {
		p.learn(second[max(0, i-order):i], x)
	}
	check("recent")
	p.settle()
	if p.recent != nil || !slices.Equal(p.orders[2].contexts, all.orders[2].contexts) {
		t.Errorf("contexts %v, want %v", p.orders[2].contexts, all.orders[2].contexts)
	}
	check("settled")
}

// TestTolerance: with none, cells are the exact estimate; with a little they are
// near it, and with more less near.
func TestTolerance(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	const a, m = 5, 4
	for _, s := range shapes(a, m) {
		if s.gaussian {
			continue
		}
		p := newCorpus("corpus", s, 0, 0, 2, 1, Training{Batch: 1}, predictors.Env{Alphabet: a})
		if err := p.Fit(context.Background(), predictors.Data{Train: [][]symbol{source(rng, a, 3000)}}, nil); err != nil {
			t.Fatal(err)
		}
		p.params = narrowed(randomParams(rng, s))
		whole, q, exact := newCells(&p.contexts, a), make([]float64, a), make([]float64, a)
		off := map[float64]float64{} // Σ |ln q − ln exact| by tolerance
		for _, x := range source(rng, a, 60) {
			p.Predict(exact)
			grouped := p.agree
			p.cells, p.agree = whole, nil
			for _, p.tolerance = range []float64{0, 1e-4, 1e-2} {
				p.fresh = false
				p.Predict(q)
				for y := range q {
					off[p.tolerance] += math.Abs(math.Log(q[y] / exact[y]))
				}
			}
			p.cells, p.agree = nil, grouped
			p.Observe(x)
		}
		if n := 60. * a; off[0] > 2e-5*n || off[1e-4] > 0.01*n || off[1e-4] >= off[1e-2] {
			t.Errorf("%v: mean |ln q − ln exact| = %.2g, %.2g, %.2g for tolerances 0, 1e-4, 1e-2", s, off[0]/n, off[1e-4]/n, off[1e-2]/n)
		}
	}
}

// TestHeadIsAttention (claim A1): the low-rank head over a window, without
// recency and with nothing to fall back on, is a head of attention with
// one-hot next symbols for values, as package smoother computes it.
func TestHeadIsAttention(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const a, m, n = 5, 4, 30
	s := shape{A: a, M: m, S: a + 1, R: 6, form: lowRank}
	ref := randomParams(rng, s)
	ref.slope[0], ref.null[0] = math.Inf(-1), -40
	p := newWindow("window", s, 100, 0, Training{}, predictors.Env{Alphabet: a})
	p.params = narrowed(ref)
	xs := source(rng, a, n)
	q, k, v := make([]float64, s.R), make([]float64, n*s.R), make([]float64, n*a)
	for i, x := range xs {
		ref.key(k[i*s.R:][:s.R], ref.wk, reversed(xs, i, m, a))
		v[i*a+int(x)] = 1
		p.Observe(x)
	}
	ref.key(q, ref.wq, reversed(xs, n, m, a))
	head := smoother.Smoother[float64]{Kernel: smoother.ExpDot, Scale: 1 / math.Sqrt(float64(s.R)), D: s.R, V: a}
	want, got := make([]float64, a), make([]float64, a)
	head.Smooth(want, a, make([]float64, n), q, s.R, k, s.R, v, a, 1, n, nil)
	p.Predict(got)
	compare(t, "attention", got, want, 1e-6)
}

// TestCandidatesShareEndings: fewer candidates are those that share the
// longest ending that enough share, and the longest match is found.
func TestCandidatesShareEndings(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const a, m = 3, 4
	doc := source(rng, a, 400)
	s := shape{A: a, M: m, S: a + 1, form: free}
	p := newCorpus("corpus", s, 20, 0, 2, 0, Training{Batch: 1}, predictors.Env{Alphabet: a})
	if err := p.Fit(context.Background(), predictors.Data{Train: [][]symbol{doc}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, x := range source(rng, a, 50) {
		p.Observe(x)
		c := last(p.past, m)
		r := p.contexts.find(c, 20)
		shared := func(i int) (n int) {
			for n < m && p.contexts.lags[n][i] == c[n] {
				n++
			}
			return n
		}
		counts := make([]int, m+1) // contexts that share at least so many
		for i := range doc {
			for n := shared(i); n >= 0; n-- {
				counts[n]++
			}
		}
		depth, match := 0, 0
		for n := 1; n <= m; n++ {
			if counts[n] >= 20 {
				depth = n
			}
			if counts[n] > 0 {
				match = n
			}
		}
		if r.high-r.low != counts[depth] || r.match != match {
			t.Fatalf("%d candidates, match %d, want %d, %d", r.high-r.low, r.match, counts[depth], match)
		}
		for i := r.low; i < r.high; i++ {
			if shared(i) < depth {
				t.Fatalf("candidate %d shares %d symbols, want %d", i, shared(i), depth)
			}
		}
	}
}

// TestGradients: central differences for every parameter of every form, in
// both memories, and the parallel form of "low-rank" against one symbol at a
// time.
func TestGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const a, m = 3, 2
	doc := source(rng, a, 14)
	for _, s := range shapes(a, m) {
		p := randomParams(rng, s)
		p.slope[0] = -2
		w := &windowBatch[float64]{window: 6, stretch: 8, per: 1, head: newHead[float64](s), params: p}
		w.load([][]symbol{doc}, newPrior([][]symbol{doc}, a, 1))
		one := &windowBatch[float64]{window: 6, head: newHead[float64](s), params: p, docs: w.docs, q0: w.q0}
		each := func(d *params[float64]) (nats float64) { // symbol by symbol, whatever the form
			xs := w.docs[0]
			for i := 1; i < 12; i++ {
				at := i + m
				low := max(m, at-6)
				nats += one.head.gradient(p, d, target[float64]{c: one.head.context(xs, at), lags: one.head.view(xs, low, at), next: xs[low:at],
					y: xs[at], q0y: w.q0[0][i], rate: math.Exp(p.slope[0])}, 0.5)
			}
			return nats
		}
		all := func(d *params[float64]) float64 { return w.gradient(d, 0, 1, 12, 0.5) }
		d, d2 := p.zero(), p.zero()
		if one, two := each(d), all(d2); math.Abs(one-two) > 1e-10 {
			t.Fatalf("%v: loss %v symbol by symbol, %v at once", s, one, two)
		}
		for i := range p.flat {
			if math.Abs(d.flat[i]-d2.flat[i]) > 1e-10 {
				t.Fatalf("%v: gradient %d = %v symbol by symbol, %v at once", s, i, d.flat[i], d2.flat[i])
			}
			const h = 1e-5
			x := p.flat[i]
			p.flat[i] = x + h
			up := all(p.zero())
			p.flat[i] = x - h
			down := all(p.zero())
			p.flat[i] = x
			if want := (up - down) / (2 * h) / 2; math.Abs(d.flat[i]-want) > 1e-7*(1+math.Abs(want)) {
				t.Fatalf("%v: gradient %d = %v, difference %v", s, i, d.flat[i], want)
			}
		}
	}
}

// TestGather: a training symbol is predicted from contexts outside its fold,
// and a sample's biases make up for what is left out.
func TestGather(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const a, m, n = 2, 3, 30000
	s := shape{A: a, M: m, S: a + 1, form: free}
	p := newCorpus("corpus", s, 0, 0, 4, 0, Training{Batch: 1}, predictors.Env{Alphabet: a})
	b := newCorpusBatch(p.corpusModel, [][]symbol{source(rng, a, n)}, n)
	for range 20 {
		d := b.draw(rng)
		if len(d.next) > most+2*m || len(d.next) < most/4 {
			t.Fatalf("candidates = %d, want up to %d", len(d.next), most)
		}
		stands := 0.0
		for _, v := range d.bias {
			stands += math.Exp(float64(v))
		}
		if math.Abs(stands-n*3/4) > n/10 {
			t.Fatalf("candidates stand for %v contexts, want about %d", stands, n*3/4)
		}
	}
	b.gather(1000, 29000, rng)
	if len(b.next) > 2000 {
		t.Errorf("%d candidates of the fold left out", len(b.next)-2000)
	}
}

// TestPriorWithout: a law without one occurrence is that of the text without
// it.
func TestPriorWithout(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	const a = 4
	grams := [][]symbol{}
	for range 40 { // documents of two symbols, so that leaving one out is easy
		grams = append(grams, source(rng, a, 2))
	}
	p := newPrior(grams, a, 1)
	for i, doc := range grams {
		// Only the pair and its second symbol's own count go.
		rest := slices.Concat(grams[:i], grams[i+1:], [][]symbol{doc[:1]})
		q := make([]float64, a)
		newPrior(rest, a, 1).law(q, doc[:1])
		if got := p.without(doc[:1], doc[1]); math.Abs(got-q[doc[1]]) > 1e-12 {
			t.Fatalf("without: %v, want %v", got, q[doc[1]])
		}
	}
}

// TestLearnsWhichLagMatters: where a symbol depends on lag 3 only, that lag's
// weight is learned to be the largest by far, in both memories.
func TestLearnsWhichLagMatters(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	const a, m = 8, 4
	draw := func(n int) []symbol {
		xs := make([]symbol, n)
		for i := range xs {
			xs[i] = symbol(rng.IntN(a))
			if i >= 3 && rng.IntN(10) > 0 {
				xs[i] = (xs[i-3]*3 + 1) % a
			}
		}
		return xs
	}
	d := predictors.Data{Train: [][]symbol{draw(2500)}, Valid: [][]symbol{draw(400)}}
	for _, memory := range []string{"corpus", "window"} {
		c := Default().(*Config)
		c.Memory, c.Form, c.Lags, c.Window, c.Steps = memory, "free", m, 150, 100
		c.BetaRate, c.Candidates = 0.15, 0
		p, err := c.New(predictors.Env{Alphabet: a, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		w := predictors.Describe(p)
		for _, l := range []string{"beta_1", "beta_2", "beta_4"} {
			if w[l] > w["beta_3"]/3 {
				t.Errorf("%s: %s = %.2f beside beta_3 = %.2f", memory, l, w[l], w["beta_3"])
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`learned-metric: memory = "both", want "corpus" or "window"`:                                                      func(c *Config) { c.Memory = "both" },
		`learned-metric: form = "round", want one of flat, geometric, free, embedding, low-rank, full`:                    func(c *Config) { c.Form = "round" },
		`learned-metric: kernel = "tricube", want "dot" or "gaussian"`:                                                    func(c *Config) { c.Kernel = "tricube" },
		`learned-metric: kernel = "gaussian", want "dot" where form = "full": on vectors of one length they are the same`: func(c *Config) { c.Kernel, c.Form = "gaussian", "full" },
		`learned-metric: symmetric = true, want false where form = "free", which is anyway`:                               func(c *Config) { c.Symmetric, c.Form = true, "free" },
		`learned-metric: lags = 0, want 1 to 64`:                                                                          func(c *Config) { c.Lags = 0 },
		`learned-metric: batch = 0, want 1 to 65536`:                                                                      func(c *Config) { c.Batch = 0 },
		`learned-metric: learning_rate = 2, want > 0 and ≤ 1`:                                                             func(c *Config) { c.LearningRate = 2 },
	} {
		c := Tiny().(*Config)
		change(c)
		if _, err := c.New(predictors.Env{Alphabet: 4}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	c := Default().(*Config)
	if _, err := c.New(predictors.Env{Alphabet: 5000}); err == nil {
		t.Error("a full B over 5,000 symbols is not refused")
	}
	w := TinyWindow().(*WindowConfig)
	w.Weights = "full"
	if _, err := w.New(predictors.Env{Alphabet: 4}); err == nil || err.Error() != `window-nadaraya-watson: weights = "full", want "flat", "geometric" or "free"` {
		t.Errorf("%v", err)
	}
}
