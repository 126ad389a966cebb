package unbounded

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"horizon/predictors"
)

// babble is a text with long repeats: noise, runs, and copies of what was.
func babble(rng *rand.Rand, a, n int) []symbol {
	var xs []symbol
	for len(xs) < n {
		switch k := rng.IntN(4); {
		case k == 0 && len(xs) > 5:
			from := rng.IntN(len(xs) - 3)
			xs = append(xs, xs[from:min(len(xs), from+rng.IntN(30))]...)
		case k == 1:
			x := symbol(rng.IntN(a))
			for range rng.IntN(8) {
				xs = append(xs, x)
			}
		default:
			xs = append(xs, symbol(rng.IntN(a)))
		}
	}
	return xs[:n]
}

func docs(rng *rand.Rand, a int) [][]symbol {
	all := [][]symbol{babble(rng, a, 120), {}, babble(rng, a, 1), babble(rng, a, 60)}
	return append(all, slices.Clone(all[0][:40])) // begins as another does
}

func mustNew[P any](t testing.TB, c predictors.Config, a int) P {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return p.(P)
}

func train(t testing.TB, p predictors.Predictor, d predictors.Data) {
	t.Helper()
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
}

func word(xs []symbol) string {
	b := make([]rune, len(xs))
	for i, x := range xs {
		b[i] = rune(x) + 0x20000
	}
	return string(b)
}

// A trie has every context by itself, and what was counted in it.
type trie struct {
	a     int
	count map[string][]float64 // a: once for each child that counts it
	raw   map[string][]float64 // r: each time it followed
}

func newTrie(a int, docs ...[]symbol) *trie {
	t := &trie{a: a, count: map[string][]float64{}, raw: map[string][]float64{}}
	for _, doc := range docs {
		for i := range doc {
			t.learn(doc[:i], doc[i])
		}
	}
	return t
}

func (t *trie) row(m map[string][]float64, c string) []float64 {
	if m[c] == nil {
		m[c] = make([]float64, t.a)
	}
	return m[c]
}

func (t *trie) learn(past []symbol, x symbol) {
	fresh := true
	for i := 0; i <= len(past); i++ {
		if fresh {
			r := t.row(t.count, word(past[i:]))
			fresh = r[x] == 0
			r[x]++
		}
		t.row(t.raw, word(past[i:]))[x]++
	}
}

// suffixes are those of the past that have been followed, shortest first.
func (t *trie) suffixes(past []symbol) []string {
	var out []string
	for l := 0; l <= len(past); l++ {
		c := word(past[len(past)-l:])
		if t.raw[c] == nil {
			break
		}
		out = append(out, c)
	}
	return out
}

// pitmanYor is the recursion over contexts of every length, one table a dish.
func (t *trie) pitmanYor(past []symbol, c *chain, theta float64) []float64 {
	p := slices.Repeat([]float64{1 / float64(t.a)}, t.a)
	for l, s := range t.suffixes(past) {
		d := c.between(l-1, l)
		theta *= d
		n, tables := 0.0, 0.0
		for _, v := range t.count[s] {
			n, tables = n+v, tables+min(v, 1)
		}
		for x, v := range t.count[s] {
			p[x] = (v - d*min(v, 1) + (d*tables+theta)*p[x]) / (n + theta)
		}
	}
	return floored(p)
}

func floored(p []float64) []float64 {
	for x := range p {
		p[x] = (1-vanishing)*p[x] + vanishing/float64(len(p))
	}
	return p
}

func agree(t *testing.T, p predictors.Predictor, want []float64, where ...any) {
	t.Helper()
	got := make([]float64, len(want))
	p.Predict(got)
	for x := range want {
		if !(math.Abs(got[x]-want[x]) <= 1e-10) {
			t.Fatalf("%v: P(%d) = %v, by the definition %v", where, x, got[x], want[x])
		}
		if q := p.(predictors.Prober).Prob(symbol(x)); !(math.Abs(q-want[x]) <= 1e-10) {
			t.Fatalf("%v: Prob(%d) = %v, by the definition %v", where, x, q, want[x])
		}
	}
}

// The compressed tree predicts as the trie with every context in it does,
// learning and frozen, over several documents.
func TestMemoizerEqualsUncompressedTrie(t *testing.T) {
	for _, c := range []MemoizerConfig{
		{Inference: "ukn"}, {Inference: "ukn", Concentration: 2}, {Inference: "ukn", Concentration: 0.3, Rate: 0.05},
	} {
		for a := 1; a <= 4; a++ {
			rng := rand.New(rand.NewPCG(uint64(a), 1))
			p := mustNew[*memoizer](t, &c, a)
			slow, d := newTrie(a), docs(rng, a)
			theta := func() float64 {
				if c.Concentration == 0 {
					return 0
				}
				return math.Exp(p.d.free[concentrationAt])
			}
			for _, doc := range d {
				p.Reset()
				for i, x := range doc {
					agree(t, p, slow.pitmanYor(doc[:i], p.chain, theta()), c, a, i)
					p.Learn(x)
					slow.learn(doc[:i], x)
				}
			}
			test := append(babble(rng, a, 100), d[0][10:60]...)
			p.Reset()
			for i, x := range test {
				agree(t, p, slow.pitmanYor(test[:i], p.chain, theta()), "frozen", c, a, i)
				p.Observe(x)
			}
		}
	}
}

// kneserNey is the recursion of infinikneserney.go, context by context.
func (t *trie) kneserNey(past []symbol, m *lengths) []float64 {
	p := slices.Repeat([]float64{1 / float64(t.a)}, t.a)
	all := t.suffixes(past)
	for l, s := range all {
		if l < len(all)-1 || !m.raw {
			p = t.kneserNeyStep(p, t.count[s], l, false, m)
			continue
		}
		mix, q := 1.0, t.kneserNeyStep(p, t.raw[s], l, true, m)
		if m.both {
			mix = sigmoid(m.d.free[mixPlace(row(kinds(t.raw[s])), l)])
		}
		p = t.kneserNeyStep(p, t.count[s], l, false, m)
		for x := range p {
			p[x] = mix*q[x] + (1-mix)*p[x]
		}
	}
	return floored(p)
}

func kinds(counts []float64) (n uint32) {
	for _, v := range counts {
		n += uint32(min(v, 1))
	}
	return n
}

func (t *trie) kneserNeyStep(shorter, counts []float64, l int, top bool, m *lengths) []float64 {
	n, free, q := 0.0, 0.0, row(kinds(counts))
	discount := func(v float64) float64 {
		j := class(uint32(v))
		switch {
		case top:
			return m.top[q][topBucket(l)][j]
		case j == 0:
			return m.d.chains[q].between(l-1, l)
		}
		return m.by[q][min(l, deep)][j]
	}
	for _, v := range counts {
		if n += v; v > 0 {
			free += discount(v)
		}
	}
	p := make([]float64, t.a)
	for x, v := range counts {
		p[x] = free / n * shorter[x]
		if v > 0 {
			p[x] += (v - discount(v)) / n
		}
	}
	return p
}

func TestInfiniKNEqualsUncompressedTrie(t *testing.T) {
	for _, c := range []InfiniKNConfig{{Counts: "raw", Rate: 0.05}, {Counts: "continuation", Rate: 0.05}, {Counts: "both", Rate: 0.05}} {
		for _, a := range []int{1, 2, 3, 5, 40} {
			rng := rand.New(rand.NewPCG(uint64(a), 2))
			p := mustNew[*infiniKN](t, &c, a)
			slow, d := newTrie(a), docs(rng, a)
			for _, doc := range d {
				p.Reset()
				for i, x := range doc {
					agree(t, p, slow.kneserNey(doc[:i], p.lengths), c, a, i)
					p.Learn(x)
					slow.learn(doc[:i], x)
				}
			}
			test := append(babble(rng, a, 100), d[0][10:60]...)
			p.Reset()
			for i, x := range test {
				agree(t, p, slow.kneserNey(test[:i], p.lengths), "frozen", c, a, i)
				p.Observe(x)
			}
		}
	}
}

// What the trie counts once for each child is what Kneser and Ney count: the
// different symbols before a string, a document's beginning being one each time.
func TestTrieCountsPredecessors(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	d := docs(rng, 3)
	slow := newTrie(3, d...)
	before := map[string]map[int]bool{}
	for k, doc := range d {
		for end := 1; end <= len(doc); end++ {
			for begin := range end {
				g := word(doc[begin:end])
				if before[g] == nil {
					before[g] = map[int]bool{}
				}
				if begin == 0 {
					before[g][-1-k] = true
				} else {
					before[g][int(doc[begin-1])] = true
				}
			}
		}
	}
	for c, row := range slow.count {
		for x, v := range row {
			if got := len(before[c+word([]symbol{symbol(x)})]); float64(got) != v {
				t.Fatalf("%q then %d: %v, want %d predecessors", c, x, v, got)
			}
		}
	}
}

// occurrences are how often each symbol followed c within a document.
func occurrences(docs [][]symbol, c []symbol, a int) (n []float64, total, kinds float64) {
	n = make([]float64, a)
	for _, doc := range docs {
		for i := 0; i+len(c) < len(doc); i++ {
			if slices.Equal(doc[i:i+len(c)], c) {
				n[doc[i+len(c)]]++
			}
		}
	}
	for _, v := range n {
		total, kinds = total+v, kinds+min(v, 1)
	}
	return n, total, kinds
}

func slowInfiniGram(docs [][]symbol, past []symbol, a int, backoff string, tau float64) []float64 {
	return backOff(func(c []symbol) ([]float64, float64, float64) { return occurrences(docs, c, a) }, past, a, backoff, tau)
}

// backOff is the formula over what counts says followed a context.
func backOff(counts func(c []symbol) (n []float64, total, kinds float64), past []symbol, a int, backoff string, tau float64) []float64 {
	p := slices.Repeat([]float64{1 / float64(a)}, a)
	var q []float64
	last := math.Inf(1)
	for l := 0; l <= len(past); l++ {
		n, total, kinds := counts(past[len(past)-l:])
		if total == 0 {
			break
		}
		q = make([]float64, a)
		for x := range q {
			q[x] = n[x] / total
		}
		if total == last || backoff == "longest" && l > 0 {
			continue
		}
		w := tau
		switch backoff {
		case "witten-bell":
			w = tau * kinds
		case "longest":
			w = kinds
		}
		last = total
		for x := range p {
			p[x] = (n[x] + w*p[x]) / (total + w)
		}
	}
	// Contexts with the empty one's count have its distribution, and add none.
	if _, total, _ := counts(nil); backoff == "longest" && q != nil && longer(counts, past, total) {
		for x := range p {
			p[x] = (1-tau)*q[x] + tau*p[x]
		}
	}
	return p
}

// longer reports whether a context of the past has a count below total.
func longer(counts func(c []symbol) (n []float64, total, kinds float64), past []symbol, total float64) bool {
	for l := range past {
		if _, n, _ := counts(past[len(past)-l-1:]); n > 0 && n < total {
			return true
		}
	}
	return false
}

func TestInfiniGramEqualsCounting(t *testing.T) {
	for _, c := range []InfiniGramConfig{{"witten-bell", 0.7}, {"dirichlet", 2.5}, {"longest", 0.2}} {
		for _, a := range []int{1, 2, 3, 60} {
			rng := rand.New(rand.NewPCG(uint64(a), 4))
			d := docs(rng, a)
			p := mustNew[*infiniGram](t, &c, a)
			train(t, p, predictors.Data{Train: d})
			test := append(babble(rng, a, 60), d[0][10:60]...)
			for i, x := range test {
				want := slowInfiniGram(d, test[:i], a, c.Backoff, c.Tau)
				agree(t, p, want, c, a, i)
				if i%2 == 0 {
					p.Prob(symbol(rng.IntN(a))) // what Prob keeps must not mislead Observe
				}
				p.Observe(x)
			}
		}
	}
}

func TestSuffixArray(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for n := range 200 {
		a := 1 + rng.IntN(5)
		var text []int32
		for _, x := range babble(rng, a, n) {
			text = append(text, int32(x)+1)
		}
		text = append(text, 0)
		got, want := make([]int32, len(text)), make([]int32, len(text))
		sortSuffixes(text, got, a+1)
		for i := range want {
			want[i] = int32(i)
		}
		sort.Slice(want, func(i, j int) bool { return slices.Compare(text[want[i]:], text[want[j]:]) < 0 })
		if !slices.Equal(got, want) {
			t.Fatalf("%v: %v, want %v", text, got, want)
		}
	}
}

// slopes compares the gradient of log p with finite differences.
func slopes(t *testing.T, d *discounts, settle func(), price func() float64) {
	t.Helper()
	clear(d.grad)
	price()
	d.gather()
	grad := slices.Clone(d.grad)
	for i, v := range d.free {
		const h = 1e-5
		var logs [2]float64
		for k, step := range []float64{-h, h} {
			d.free[i] = v + step
			d.settle()
			settle()
			logs[k] = math.Log(price())
		}
		d.free[i] = v
		d.settle()
		settle()
		if want := (logs[1] - logs[0]) / (2 * h); math.Abs(want-grad[i]) > 1e-6*(1+math.Abs(want)) {
			t.Errorf("parameter %d: gradient %v, finite difference %v", i, grad[i], want)
		}
	}
	for i := range d.chains {
		clear(d.chains[i].weight[:])
		d.chains[i].byRho = 0
	}
	clear(d.grad)
}

func TestGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	xs := babble(rng, 6, 400)
	long := slices.Repeat([]symbol{1}, 40) // contexts beyond 2K
	xs = append(append(xs, long...), xs[100:150]...)
	for _, inference := range []string{"ukn", "particle"} {
		p := mustNew[*memoizer](t, &MemoizerConfig{Inference: inference, Concentration: 0.7}, 6)
		train(t, p, predictors.Data{Train: [][]symbol{xs}})
		for i, x := range append(long[:35:35], xs[90:130]...) {
			if i%7 != 0 {
				p.Observe(x)
				continue
			}
			// Where a cut is drawn its draws move with the discounts.
			if inference == "ukn" || p.length == int(p.nodes[p.node].length) {
				slopes(t, p.d, func() {}, func() float64 { q := p.trace(p.place, x); p.slope(); return q })
			}
			if t.Failed() {
				t.Fatalf("%s: after %d symbols", inference, i)
			}
			p.Observe(x)
		}
	}
	for _, counts := range []string{"raw", "continuation", "both"} {
		p := mustNew[*infiniKN](t, &InfiniKNConfig{Counts: counts}, 6)
		train(t, p, predictors.Data{Train: [][]symbol{xs}})
		for i, x := range append(long[:35:35], xs[90:110]...) {
			if i%9 != 0 {
				p.Observe(x)
				continue
			}
			slopes(t, p.d, p.settle, func() float64 { q := p.trace(p.place, x); p.slope(); return q })
			if t.Failed() {
				t.Fatalf("%s: after %d symbols", counts, i)
			}
			p.Observe(x)
		}
	}
}

// The seating keeps its books: each table sends one customer to the restaurant
// above, and who is there came from below or learned there.
func TestSeatingBooks(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const a = 4
	p := mustNew[*memoizer](t, &MemoizerConfig{Inference: "particle", Concentration: 0.4}, a)
	d := docs(rng, a)
	train(t, p, predictors.Data{Train: d})
	q := p.seats
	type key struct {
		u uint32
		x int
	}
	sent, several := map[key]uint32{}, 0
	for u := range p.nodes {
		total, tables := uint32(0), uint32(0)
		for x := range a {
			c := p.counted(uint32(u), uint32(x))
			if c == 0 {
				continue
			}
			k := uint32(1)
			if p.nodes[u].first != 0 {
				e := p.find(uint32(u), uint32(x))
				k = q.of[e].tables
				sum, n := uint32(0), uint32(0)
				for i := q.of[e].first; i != 0; i = q.sizes[i].next {
					sum, n = sum+q.sizes[i].n, n+1
				}
				if k > 1 && (sum != c || n != k) || k == 1 && n != 0 {
					t.Fatalf("node %d dish %d: %d customers at %d tables, listed %d at %d", u, x, c, k, sum, n)
				}
			}
			if several += int(k - 1); u != 0 {
				sent[key{p.nodes[u].parent, x}] += k
			}
			total, tables = total+c, tables+k
		}
		if total != p.nodes[u].total || tables != q.tables(uint32(u)) {
			t.Fatalf("node %d: %d customers, %d tables, want %d, %d", u, p.nodes[u].total, q.tables(uint32(u)), total, tables)
		}
	}
	if several == 0 {
		t.Error("no dish has two tables")
	}
	// Those not sent learned there: as many as symbols, counted over the tree.
	own := 0
	for u := range p.nodes {
		for x := range a {
			c, s := p.counted(uint32(u), uint32(x)), sent[key{uint32(u), x}]
			if s > c {
				t.Fatalf("node %d dish %d: %d customers, %d were sent", u, x, c, s)
			}
			own += int(c - s)
		}
	}
	if own != len(p.text) {
		t.Errorf("%d customers learned, want %d", own, len(p.text))
	}
}

// A prediction within an edge is that of the node which learning then puts
// there.
func TestLearningMakesTheForeseenCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	const a = 3
	p := mustNew[*memoizer](t, &MemoizerConfig{Inference: "particle"}, a)
	cuts := 0
	for _, x := range babble(rng, a, 3000) {
		before := make([]float64, a)
		p.Predict(before)
		drawn := false
		if z := p.nodes[p.node]; p.length < int(z.length) && z.first != 0 {
			for e := z.first; e != 0; e = p.entries[e].next {
				drawn = drawn || p.entries[e].count > p.seats.of[e].tables
			}
		}
		if drawn {
			low, length := p.above(&p.nodes[p.node]), p.length
			p.begin(p.tree)
			u, split, lower := p.insert(p.tree)
			p.text = append(p.text, x)
			p.seats.fragment(p.memory, lower, split, low, length)
			p.pen.place = place{split, length}
			after := make([]float64, a)
			p.Predict(after)
			for y := range after {
				if math.Abs(after[y]-before[y]) > 1e-12 {
					t.Fatalf("P(%d) = %v before the cut, %v after", y, before[y], after[y])
				}
			}
			p.seats.arrive(p.memory, u, x)
			p.write(p.tree, x)
			cuts++
			continue
		}
		p.Learn(x)
	}
	if cuts < 20 {
		t.Errorf("%d cuts were drawn, want more", cuts)
	}
}

// divide keeps the law of a Chinese restaurant: with discount d and
// concentration θ the mean number of tables is that of its recursion.
func TestDivide(t *testing.T) {
	const n, d, theta, times = 12, 0.6, -0.3, 20000
	want := 1.0 // E K_{i+1} = E K_i + (θ + d E K_i)/(θ + i)
	for i := 1; i < n; i++ {
		want += (theta + d*want) / (theta + float64(i))
	}
	sum, ones := 0, 0
	for k := range times {
		c := cut{d, theta, draw(1, uint64(k), 2)}
		var parts []uint32
		got := c.divide(n, &parts)
		total := uint32(0)
		for _, m := range parts {
			total += m
		}
		c = cut{d, theta, draw(1, uint64(k), 2)}
		if blind := c.divide(n, nil); blind != got || len(parts) != got || total != n {
			t.Fatalf("%d tables of %v, %d when not told their sizes", got, parts, blind)
		}
		if sum += got; got == 1 {
			ones++
		}
	}
	if got := float64(sum) / times; math.Abs(got-want) > 0.05 {
		t.Errorf("%v tables in the mean, want %v", got, want)
	}
	one := 1.0 // P(a single table) = Π (i − d)/(i + θ)
	for i := 1.0; i < n; i++ {
		one *= (i - d) / (i + theta)
	}
	if got := float64(ones) / times; math.Abs(got-one) > 0.015 {
		t.Errorf("one table in %v of cases, want %v", got, one)
	}
}

// Loading rebuilds the very tree, contexts that were only observed included.
func TestRebuild(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	const a = 3
	p := mustNew[*memoizer](t, &MemoizerConfig{Inference: "particle", Rate: 0.02}, a)
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
	q := mustNew[*memoizer](t, &MemoizerConfig{Inference: "particle", Rate: 0.02}, a)
	if err := predictors.Load(bytes.NewReader(b.Bytes()), q); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.nodes, q.nodes) || !slices.Equal(p.entries, q.entries) || p.learned != q.learned {
		t.Error("the tree loaded is another")
	}
	// Whatever is changed, reading ends, and what it accepts predicts.
	for range 300 {
		damaged := slices.Clone(b.Bytes())
		for range 1 + rng.IntN(3) {
			damaged[rng.IntN(len(damaged))] ^= byte(1 << rng.IntN(8))
		}
		q := mustNew[*memoizer](t, &MemoizerConfig{Inference: "particle"}, a)
		if predictors.Load(bytes.NewReader(damaged), q) != nil {
			continue
		}
		for range 30 {
			if v := q.Prob(1); !(v > 0 && v < 1) {
				t.Fatalf("a damaged file predicts %v", v)
			}
			q.Observe(symbol(rng.IntN(a)))
		}
	}
}

func TestLargestAlphabet(t *testing.T) {
	const a = 65536
	rng := rand.New(rand.NewPCG(3, 3))
	xs := make([]symbol, 4000)
	for i := range xs {
		xs[i] = symbol(65535 - rng.IntN(300)*rng.IntN(200))
	}
	for _, c := range []predictors.Config{DefaultInfiniGram(), DefaultMemoizer(), TinyMemoizer(), DefaultInfiniKN()} {
		p := mustNew[predictors.Predictor](t, c, a)
		train(t, p, predictors.Data{Train: [][]symbol{xs}})
		p.Observe(65535)
		q, sum := make([]float64, a), 0.0
		p.Predict(q)
		for x, v := range q {
			if v <= 0 {
				t.Fatalf("%T: P(%d) = %v", p, x, v)
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("%T: probabilities sum to %v", p, sum)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		c    predictors.Config
		a    int
		want string
	}{
		{&InfiniGramConfig{Backoff: "none"}, 2, `infini-gram: backoff = "none", want "witten-bell", "dirichlet" or "longest"`},
		{&InfiniGramConfig{Backoff: "longest", Tau: 1}, 2, "infini-gram: tau = 1, want > 0 and at most 0.999, or 0 to tune it on the validation part"},
		{&MemoizerConfig{Inference: "gibbs"}, 2, `sequence-memoizer: inference = "gibbs", want "ukn" or "particle"`},
		{&MemoizerConfig{Inference: "ukn", Concentration: -1}, 2, "sequence-memoizer: concentration = -1, want 0 to 1000"},
		{&MemoizerConfig{Inference: "ukn", Rate: math.NaN()}, 2, "sequence-memoizer: rate = NaN, want 0 to 1"},
		{&MemoizerConfig{Inference: "ukn"}, 0, "sequence-memoizer: alphabet size = 0, want 1 to 65536"},
		{&InfiniKNConfig{Counts: "raw", Depth: -1}, 2, "infini-kneser-ney: depth = -1, want ≥ 1, or 0 for no bound"},
		{&InfiniKNConfig{Counts: "all"}, 2, `infini-kneser-ney: counts = "all", want "raw", "continuation" or "both"`},
		{&InfiniKNConfig{Counts: "raw", Tune: 1001}, 2, "infini-kneser-ney: tune = 1001, want 0 to 1000"},
	} {
		if _, err := c.c.New(predictors.Env{Alphabet: c.a}); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.c, err, c.want)
		}
	}
}

// Tuning finds what the validation part likes best.
func TestTuning(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	const a = 8
	source := babble(rng, a, 6000)
	d := predictors.Data{Train: [][]symbol{source[:4000]}, Valid: [][]symbol{source[4000:5000], source[5000:]}}
	loss := func(p predictors.Predictor) float64 {
		bits, _ := predictors.SampleLoss(p, d.Valid, 2000)
		return bits
	}
	for name := range backoffs {
		p := mustNew[*infiniGram](t, &InfiniGramConfig{Backoff: name}, a)
		train(t, p, d)
		best := loss(p)
		for _, f := range []float64{0.5, 0.9, 1.1, 1.5} {
			tau := p.tau * f
			if tau > p.rule.most {
				continue
			}
			q := mustNew[*infiniGram](t, &InfiniGramConfig{Backoff: name, Tau: tau}, a)
			train(t, q, d)
			if got := loss(q); got < best-1e-6 {
				t.Errorf("%s: %v bits with the tuned tau = %v, %v with %v", name, best, p.tau, got, tau)
			}
		}
	}
	for _, c := range [][2]predictors.Config{
		{&MemoizerConfig{Inference: "ukn", Rate: 0.01}, &MemoizerConfig{Inference: "ukn", Rate: 0.01, Tune: 20}},
		{&InfiniKNConfig{Counts: "both", Rate: 0.01}, &InfiniKNConfig{Counts: "both", Rate: 0.01, Tune: 20}},
	} {
		p, q := mustNew[predictors.Predictor](t, c[0], a), mustNew[predictors.Predictor](t, c[1], a)
		train(t, p, d)
		train(t, q, d)
		if before, after := loss(p), loss(q); !(after < before) {
			t.Errorf("%T: %v bits on the validation part before tuning, %v after", p, before, after)
		}
	}
}

func TestForkOfALearnerDoesNotLearn(t *testing.T) {
	for _, c := range []predictors.Config{DefaultInfiniGram(), DefaultMemoizer(), DefaultInfiniKN()} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a fork of %T learned", c)
				}
			}()
			mustNew[predictors.Predictor](t, c, 2).Fork().(predictors.Learner).Learn(0)
		}()
	}
}
