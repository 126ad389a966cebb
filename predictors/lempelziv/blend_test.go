package lempelziv

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// blendWith makes a predictor of the default config, changed.
func blendWith(t testing.TB, a int, change func(*BlendConfig)) *blend {
	t.Helper()
	c := DefaultBlend().(*BlendConfig)
	c.Depth = 5
	change(c)
	p, err := c.New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*blend)
}

// twin is the definition: the nodes are strings, counted in a map; a phrase is
// the string so far and how many nodes it has added.
type twin struct {
	c       BlendConfig
	a       int
	d       []discount
	n       map[string]int
	text    string
	phrases []twinPhrase // longest first
}

type twinPhrase struct {
	s     string
	grown int
}

func newTwin(p *blend) *twin {
	return &twin{c: p.c, a: p.a, d: p.blends[0].by, n: map[string]int{"": 0}, phrases: []twinPhrase{{}}}
}

// suffixes are those of the text that are nodes and may have children, longest
// first.
func (s *twin) suffixes() (out []string) {
	for k := min(len(s.text), s.c.Depth-1); k >= 0; k-- {
		if z := s.text[len(s.text)-k:]; s.has(z) {
			out = append(out, z)
		}
	}
	return out
}

func (s *twin) has(z string) bool { _, ok := s.n[z]; return ok }

func (s *twin) learn(x byte) {
	ended := func(z string) string { return z + string(x) }
	var old []string // nodes that x leads to
	for _, z := range s.suffixes() {
		if s.has(ended(z)) {
			old = append(old, ended(z))
		}
	}
	running := map[string]bool{}
	for _, f := range s.phrases {
		running[ended(f.s)] = true
	}
	ripe := ""
	for _, f := range slices.Backward(s.phrases) { // the shortest first
		if !s.has(ended(f.s)) && s.n[f.s] >= s.c.GrowAt {
			ripe = f.s
		}
	}
	for i, z := range old {
		if s.c.Counts == "all" || s.c.Counts == "novel" && i == 0 || s.c.Counts == "phrases" && running[z] {
			s.n[z]++
		}
	}
	var next []twinPhrase
	for _, f := range s.phrases {
		z := ended(f.s)
		if !s.has(z) {
			if len(f.s) > len(ripe) {
				continue
			}
			s.n[z] = 1
			f.grown++
		}
		if f.grown < s.c.Grow && len(z) < s.c.Depth {
			next = append(next, twinPhrase{z, f.grown})
		}
	}
	s.start(next)
	s.text += string(x)
}

func (s *twin) observe(x byte) {
	var next []twinPhrase
	for _, f := range s.phrases {
		if z := f.s + string(x); s.has(z) && len(z) < s.c.Depth {
			next = append(next, twinPhrase{z, f.grown})
		}
	}
	s.start(next)
	s.text += string(x)
}

func (s *twin) start(next []twinPhrase) {
	if s.c.Starts == 0 || len(next) < s.c.Starts {
		next = append(next, twinPhrase{})
	}
	s.phrases = next
}

func (s *twin) reset() { s.text, s.phrases = "", []twinPhrase{{}} }

func (s *twin) prob(x byte) float64 {
	chain := s.suffixes()
	p := 1 / float64(s.a)
	slices.Reverse(chain)
	if s.c.Rule == "longest" {
		for _, z := range slices.Backward(chain) {
			if f := s.fan(z); f.total > 0 {
				return (float64(s.n[z+string(x)]) + s.c.Gamma) / (float64(f.total) + s.c.Gamma*float64(s.a))
			}
		}
		return p
	}
	for _, z := range chain {
		f, n := s.fan(z), float64(s.n[z+string(x)])
		total, kinds := float64(f.total), float64(f.kinds())
		if f.total == 0 {
			continue
		}
		if s.c.Rule == "witten-bell" {
			p = (n + kinds*p) / (total + kinds)
			continue
		}
		d := s.d[len(z)].d
		by := []float64{0, d[1], d[2], d[3]}[min(s.n[z+string(x)], 3)]
		free := d[1]*float64(f.once) + d[2]*float64(f.twice) + d[3]*float64(f.more)
		p = (n-by)/(total+d[0]) + (free+d[0])/(total+d[0])*p
	}
	return p
}

func (s *twin) fan(z string) (f fan) {
	for x := range s.a {
		f.add(uint32(s.n[z+string(byte(x))]))
	}
	return f
}

func TestBlendAgainstDefinition(t *testing.T) {
	for i, c := range []BlendConfig{
		{Starts: 1, Grow: 1, GrowAt: 1, Counts: "phrases", Rule: "longest"},
		{Starts: 1, Grow: 1, GrowAt: 1, Counts: "all", Rule: "witten-bell"},
		{Starts: 1, Grow: 3, GrowAt: 1, Counts: "phrases", Rule: "discount"},
		{Starts: 2, Grow: 1, GrowAt: 1, Counts: "novel", Rule: "discount"},
		{Starts: 0, Grow: 1, GrowAt: 1, Counts: "novel", Rule: "discount"},
		{Starts: 0, Grow: 1, GrowAt: 3, Counts: "novel", Rule: "discount"},
		{Starts: 0, Grow: 2, GrowAt: 2, Counts: "all", Rule: "witten-bell"},
		{Starts: 0, Grow: 5, GrowAt: 1, Counts: "novel", Rule: "longest"},
	} {
		for _, a := range []int{1, 2, 6} {
			t.Run(fmt.Sprintf("%d/A=%d", i, a), func(t *testing.T) {
				p := blendWith(t, a, func(d *BlendConfig) {
					c.Depth, c.Gamma, c.CountBits, c.Shards, c.Join = 5, 0.3, 32, 1, "merge"
					*d = c
				})
				s := newTwin(p)
				rng := rand.New(rand.NewPCG(uint64(a), uint64(i)))
				compareWalks(t, p, s, noise(rng, a, 300), true)
				compareWalks(t, p, s, noise(rng, a, 100), false)
				p.settle() // at rest it is the same
				p.Reset()
				s.reset()
				compareWalks(t, p, s, noise(rng, a, 100), false)
				compareWalks(t, p, s, noise(rng, a, 300), true)
			})
		}
	}
}

// compareWalks walks over xs from where both are and compares all
// probabilities; in the middle p is settled, which must change nothing.
func compareWalks(t *testing.T, p *blend, s *twin, xs symbols, learns bool) {
	t.Helper()
	q := make([]float64, p.a)
	for i, x := range xs {
		p.Predict(q)
		for y := range q {
			want := s.prob(byte(y))
			if got := p.Prob(predictors.Symbol(y)); math.Abs(q[y]-want) > 1e-12 || got != q[y] {
				t.Fatalf("learning %v: after %d symbols P(%d) = %v and %v, want %v", learns, i, y, q[y], got, want)
			}
		}
		if learns && i == len(xs)/2 {
			p.settle()
		}
		if learns {
			p.Learn(x)
			s.learn(byte(x))
		} else {
			p.Observe(x)
			s.observe(byte(x))
		}
	}
	if p.trees[0].size() != len(s.n) {
		t.Fatalf("%d nodes, want %d", p.trees[0].size(), len(s.n))
	}
}

// With phrases from every symbol, that grow to the depth, the counts are those
// of Kneser & Ney: occurrences of the longest strings, and for shorter ones how
// many different symbols came before, the start of the text being one.
func TestNovelCountsAreContinuations(t *testing.T) {
	const a, depth = 4, 3
	p := blendWith(t, a, func(c *BlendConfig) { c.Depth, c.Grow = depth, depth })
	xs := noise(rand.New(rand.NewPCG(1, 8)), a, 400)
	before := map[string]map[int]bool{}
	occurs := map[string]int{}
	for i := range xs {
		p.Learn(xs[i])
		for k := 1; k <= min(depth, i+1); k++ {
			z, first := fmt.Sprint(xs[i+1-k:i+1]), -1
			if i >= k {
				first = int(xs[i-k])
			}
			if before[z] == nil {
				before[z] = map[int]bool{}
			}
			before[z][first] = true
			occurs[z]++
		}
	}
	l := p.trees[0].listAll()
	if len(l.parent)-1 != len(occurs) {
		t.Fatalf("%d nodes, want %d", len(l.parent)-1, len(occurs))
	}
	for i, z := range stringsOf(l) {
		key := fmt.Sprint(z)
		want := len(before[key])
		if len(z) == depth {
			want = occurs[key]
		}
		if i > 0 && int(l.count[i]) != want {
			t.Errorf("%v counts %d, want %d", z, l.count[i], want)
		}
	}
}

// stringsOf spells out the nodes.
func stringsOf(l *listing) []symbols {
	out := make([]symbols, len(l.parent))
	for i := 1; i < len(out); i++ {
		out[i] = append(slices.Clone(out[l.parent[i]]), predictors.Symbol(l.symbol[i]))
	}
	return out
}

// counted is a listing as a map from strings.
func counted(l *listing) map[string]uint32 {
	out := map[string]uint32{}
	for i, z := range stringsOf(l) {
		if i > 0 {
			out[fmt.Sprint(z)] = l.count[i]
		}
	}
	return out
}

func TestGradientOfTuning(t *testing.T) {
	for _, r := range []string{"discount", "mix", "discount, cut", "mix, cut"} {
		r, cut, _ := strings.Cut(r, ", ")
		p := blendWith(t, 6, func(c *BlendConfig) { c.Rule = r })
		rng := rand.New(rand.NewPCG(5, 5))
		for _, x := range noise(rng, 6, 800) {
			p.Learn(x)
		}
		if cut != "" {
			cutSome(p, rng)
		}
		b := p.blends[0]
		w := newWalk(p.trees[0], p.c.Depth)
		met, err := b.meet(context.Background(), &w, []symbols{noise(rng, 6, 60)}, &p.parse)
		if err != nil {
			t.Fatal(err)
		}
		u := newTuner(b)
		for i := range u.v {
			u.v[i] += 0.3 * rng.NormFloat64()
		}
		loss := func() (sum float64) {
			u.apply()
			for _, v := range b.probs(met) {
				sum -= math.Log(v)
			}
			return sum
		}
		loss()
		for i := range met.start[1:] {
			e := met.met[met.start[i]:met.start[i+1]]
			u.backward(e, u.forward(e))
		}
		for i, g := range slices.Clone(u.grad) {
			const h = 1e-5
			v := u.v[i]
			u.v[i] = v + h
			up := loss()
			u.v[i] = v - h
			down := loss()
			u.v[i] = v
			if want := (up - down) / (2 * h); math.Abs(g-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("%s: gradient %d is %v, by differences %v", r, i, g, want)
			}
		}
	}
}

// cutSome says of the families of p's tree that children were cut away.
func cutSome(p *blend, rng *rand.Rand) {
	p.settle()
	p.Reset()
	tree := p.trees[0].trie
	for i := range uint32(tree.n) {
		if lo, hi := tree.family(i); lo < hi {
			tree.cut = append(tree.cut, uint8(rng.IntN(4)))
		}
	}
	tree.keepFans()
}

// The share of children cut away is the shorter contexts', and nobody's lost.
func TestCutTreesSumToOne(t *testing.T) {
	for _, r := range ruleNames {
		p := blendWith(t, 6, func(c *BlendConfig) { c.Rule = r })
		rng := rand.New(rand.NewPCG(5, 6))
		for _, x := range noise(rng, 6, 800) {
			p.Learn(x)
		}
		cutSome(p, rng)
		q := make([]float64, 6)
		for i, x := range noise(rng, 6, 400) {
			p.Predict(q)
			sum := 0.0
			for _, v := range q {
				sum += v
			}
			if math.Abs(sum-1) > 1e-12 || math.Abs(p.Prob(x)-q[x]) > 1e-12 {
				t.Fatalf("%s: after %d symbols probabilities sum to %v, and P(%d) is %v or %v", r, i, sum, x, q[x], p.Prob(x))
			}
			if i < 200 {
				p.Observe(x)
			} else {
				p.Learn(x)
			}
		}
	}
}

func TestTuningLowersTheLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	d := predictors.Data{Train: []symbols{noise(rng, 8, 4000)}, Valid: []symbols{noise(rng, 8, 3000)}}
	test := noise(rng, 8, 3000)
	at := func(d predictors.Data, r string) float64 {
		p := blendWith(t, 8, func(c *BlendConfig) { c.Rule = r })
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		return meanLoss(p, test)
	}
	for _, r := range []string{"discount", "mix"} {
		tuned, untuned := at(d, r), at(predictors.Data{Train: d.Train}, r)
		t.Logf("%s: %.4f bits tuned, %.4f not", r, tuned, untuned)
		if !(tuned < untuned) {
			t.Errorf("%s: tuned on the validation part it loses %v bits, untuned %v", r, tuned, untuned)
		}
	}
}

func TestBlendConfigErrors(t *testing.T) {
	for _, c := range []struct {
		change func(*BlendConfig)
		want   string
	}{
		{func(c *BlendConfig) { c.Depth = 1 }, "lz-blend: depth = 1, want 2 to 62"},
		{func(c *BlendConfig) { c.Starts = -1 }, "lz-blend: starts = -1, want 0 to 62"},
		{func(c *BlendConfig) { c.Grow = 0 }, "lz-blend: grow = 0, want 1 to 62"},
		{func(c *BlendConfig) { c.GrowAt = 0 }, "lz-blend: grow_at = 0, want 1 to 2147483647"},
		{func(c *BlendConfig) { c.Shards = 257 }, "lz-blend: shards = 257, want 1 to 256"},
		{func(c *BlendConfig) { c.Counts = "none" }, `lz-blend: counts = "none", want one of ["phrases" "all" "novel"]`},
		{func(c *BlendConfig) { c.Rule = "" }, `lz-blend: rule = "", want one of ["longest" "witten-bell" "discount" "mix"]`},
		{func(c *BlendConfig) { c.Gamma = 0 }, "lz-blend: gamma = 0, want > 0"},
		{func(c *BlendConfig) { c.Join = "add" }, `lz-blend: join = "add", want "merge" or "mix"`},
		{func(c *BlendConfig) { c.CountBits = 12 }, "lz-blend: count_bits = 12, want 4, 8, 16 or 32"},
		{func(c *BlendConfig) { c.MaxBytes = 5 }, "lz-blend: max_bytes = 5, want at least 65536, or 0 for no bound"},
	} {
		config := DefaultBlend().(*BlendConfig)
		c.change(config)
		if _, err := config.New(predictors.Env{Alphabet: 2}); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// The weights of the evidence are those by which p rests on positions: the
// probability of a symbol is its positions' weights and its part of the
// fallback.
func TestBlendEvidence(t *testing.T) {
	p := blendWith(t, 3, func(c *BlendConfig) { c.Rule, c.Counts = "discount", "all" })
	if e := p.Evidence(); e.Match != 0 || e.Effective != 0 || e.Fallback != 1 {
		t.Errorf("of nothing learned: %+v", e)
	}
	for _, x := range noise(rand.New(rand.NewPCG(2, 2)), 3, 500) {
		p.Learn(x)
	}
	q := make([]float64, 3)
	for _, x := range noise(rand.New(rand.NewPCG(2, 3)), 3, 50) {
		p.Observe(x)
		e := p.Evidence()
		w := &p.walks[0]
		deepest := -1
		for j := w.top; j >= 0 && deepest < 0; j-- {
			if f := w.fanOf(w.at[j]); f.total > 0 {
				deepest = j
			}
		}
		p.Predict(q)
		if int(e.Match) != deepest || e.Effective < 1 || e.Effective > 500 || e.Fallback < 0 || e.Fallback > 3*slices.Min(q)+1e-12 {
			t.Fatalf("%+v at suffix %d with probabilities %v", e, deepest, q)
		}
	}
}

func TestSharesMaximiseTheLikelihood(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	probs := [][]float64{make([]float64, 400), make([]float64, 400)}
	for i := range probs[0] {
		probs[0][i], probs[1][i] = rng.Float64(), rng.Float64()*rng.Float64()+0.1
	}
	loss := func(w float64) (sum float64) {
		for i := range probs[0] {
			sum -= math.Log(w*probs[0][i] + (1-w)*probs[1][i])
		}
		return sum
	}
	w := shares(probs)
	for _, other := range []float64{w[0] - 0.05, w[0] + 0.05, 0.5} {
		if loss(other) < loss(w[0]) {
			t.Errorf("share %v loses less than %v", other, w[0])
		}
	}
}

// trainedBlend is a model of tests that need one.
func trainedBlend(t testing.TB, a int, change func(*BlendConfig)) *blend {
	t.Helper()
	p := blendWith(t, a, change)
	rng := rand.New(rand.NewPCG(uint64(a), 3))
	d := predictors.Data{Train: []symbols{noise(rng, a, 3000), noise(rng, a, 10), noise(rng, a, 2000)}, Valid: []symbols{noise(rng, a, 600)}, Refit: true}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMappedIsRead(t *testing.T) {
	for _, c := range []struct {
		a      int
		change func(*BlendConfig)
	}{
		{7, func(*BlendConfig) {}},
		{256, func(c *BlendConfig) { c.CountBits = 8 }},
		{300, func(c *BlendConfig) { c.CountBits, c.Shards, c.Join = 16, 3, "mix" }},
		{5, func(c *BlendConfig) { c.CountBits, c.MaxBytes = 4, leastBytes }},
	} {
		p := trainedBlend(t, c.a, c.change)
		if p.trees[0].over != nil {
			t.Error("the refit left an overlay")
		}
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "model")
		if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		mapped, read := blendWith(t, c.a, c.change), blendWith(t, c.a, c.change)
		if err := predictors.LoadFile(f, mapped); err != nil {
			t.Fatal(err)
		}
		if err := predictors.Load(bytes.NewReader(b.Bytes()), read); err != nil {
			t.Fatal(err)
		}
		xs := noise(rand.New(rand.NewPCG(1, 1)), c.a, 400)
		want, got := make([]float64, 400), make([]float64, 400)
		predictors.Score(p, want, nil, xs)
		for _, q := range []*blend{mapped, read} {
			predictors.Score(q, got, nil, xs)
			if !slices.Equal(want, got) {
				t.Errorf("A = %d: what was loaded predicts otherwise", c.a)
			}
		}
		if err := predictors.ScoreLearning(mapped, want, nil, xs); err != nil {
			t.Fatal(err)
		}
		if err := predictors.ScoreLearning(read, got, nil, xs); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want, got) {
			t.Errorf("A = %d: what was mapped learns otherwise than what was read", c.a)
		}
	}
}

func TestDamagedTreesAreRefused(t *testing.T) {
	p := trainedBlend(t, 5, func(c *BlendConfig) { c.CountBits = 8 })
	var b bytes.Buffer
	if err := predictors.Save(&b, p); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		damaged := slices.Clone(b.Bytes())
		for range 1 + rng.IntN(3) {
			damaged[rng.IntN(len(damaged))] ^= byte(1 << rng.IntN(8))
		}
		q := blendWith(t, 5, func(c *BlendConfig) { c.CountBits = 8 })
		if predictors.Load(bytes.NewReader(damaged), q) != nil {
			continue
		}
		for range 50 {
			q.Prob(1)
			q.Observe(predictors.Symbol(rng.IntN(5)))
		}
	}
}

func TestShards(t *testing.T) {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	for _, join := range []string{"merge", "mix"} {
		var want []byte
		for _, procs := range []int{1, 2, 4} {
			runtime.GOMAXPROCS(procs)
			p := trainedBlend(t, 6, func(c *BlendConfig) { c.Shards, c.Join = 3, join })
			var b bytes.Buffer
			if err := predictors.Save(&b, p); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = b.Bytes()
			} else if !bytes.Equal(want, b.Bytes()) {
				t.Errorf("join %s: %d processors make another model than 1", join, procs)
			}
		}
	}
}

func TestMergedShardsAddUp(t *testing.T) {
	const a = 5
	docs := []symbols{noise(rand.New(rand.NewPCG(4, 4)), a, 700), noise(rand.New(rand.NewPCG(4, 5)), a, 300)}
	pieces := cutPieces(docs, 3)
	want := map[string]uint32{}
	n := 0
	for _, piece := range pieces {
		p := blendWith(t, a, func(*BlendConfig) {})
		for _, doc := range piece {
			p.Reset()
			n += len(doc)
			for _, x := range doc {
				p.Learn(x)
			}
		}
		for z, c := range counted(p.trees[0].listAll()) {
			want[z] += c
		}
	}
	p := blendWith(t, a, func(c *BlendConfig) { c.Shards = 3 })
	if err := predictors.Train(context.Background(), p, predictors.Data{Train: docs}, nil); err != nil {
		t.Fatal(err)
	}
	got := counted(p.trees[0].listAll())
	if n != 1000 || len(got) != len(want) {
		t.Fatalf("%d symbols in the pieces, %d nodes, want 1000 and %d", n, len(got), len(want))
	}
	for z, c := range want {
		if got[z] != c {
			t.Errorf("%s counts %d, want %d", z, got[z], c)
		}
	}
}

func TestModelBytesAreKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	d := predictors.Data{Train: []symbols{noise(rng, 200, 60_000)}, Valid: []symbols{noise(rng, 200, 6000)}}
	for _, c := range []struct {
		bits, shards int
		join         string
		refit        bool
	}{{32, 1, "merge", false}, {8, 1, "merge", true}, {4, 2, "merge", false}, {8, 2, "mix", true}} {
		const bytes = 150_000
		p := blendWith(t, 200, func(b *BlendConfig) { b.CountBits, b.Shards, b.Join = c.bits, c.shards, c.join })
		d.Refit, d.Budget = c.refit, predictors.Budget{ModelBytes: bytes}
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		if size, _ := predictors.Size(p); size > bytes || size < bytes*9/10 {
			t.Errorf("%+v: the model takes %d bytes, want 90 to 100%% of %d", c, size, bytes)
		}
	}
	p := blendWith(t, 5, func(*BlendConfig) {})
	if err := predictors.SetBudget(p, predictors.Budget{ModelBytes: 100}); err == nil || !strings.Contains(err.Error(), "needs at least 65536") {
		t.Errorf("100 bytes: %v", err)
	}
}

func TestOpsAndSecondsAreKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	d := predictors.Data{Train: []symbols{noise(rng, 4, 200_000)}}
	full := blendWith(t, 4, func(c *BlendConfig) { c.Shards = 2 })
	if err := predictors.Train(context.Background(), full, d, nil); err != nil {
		t.Fatal(err)
	}
	all, _ := full.Ops()
	d.Budget.TrainOps = all / 2
	half := blendWith(t, 4, func(c *BlendConfig) { c.Shards = 2 })
	if err := predictors.Train(context.Background(), half, d, nil); err != nil {
		t.Fatal(err)
	}
	if ops, _ := half.Ops(); ops < all*0.45 || ops > all*0.55 {
		t.Errorf("%v operations, want about %v", ops, all/2)
	}
	d.Valid = []symbols{noise(rng, 4, 5_000)} // tuning on them would take more than growing
	d.Budget.TrainOps = 10 * all
	tuned := blendWith(t, 4, func(c *BlendConfig) { c.Shards = 2 })
	if err := predictors.Train(context.Background(), tuned, d, nil); err != nil {
		t.Fatal(err)
	}
	if ops, _ := tuned.Ops(); ops < all*9 || ops > all*10.2 {
		t.Errorf("%v operations with tuning, want about %v", ops, 10*all)
	}
	d.Budget = predictors.Budget{TrainSeconds: 1e-9}
	none := blendWith(t, 4, func(*BlendConfig) {})
	if err := predictors.Train(context.Background(), none, d, nil); err != nil {
		t.Fatal(err)
	}
	if n := none.trees[0].size(); n >= full.trees[0].size() {
		t.Errorf("%d nodes in no time, %d in any", n, full.trees[0].size())
	}
}

// Tuned on the last tenth of the training part and then refitted with it.
func TestBlendOnTinyShakespeare(t *testing.T) {
	if testing.Short() {
		t.Skip("learns a million symbols")
	}
	xs, a := corporatest.Packed(t, "shakespeare/tinyshakespeare.txt")
	const cut, valid = 1003854, 903_854
	p, err := DefaultBlend().New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	d := predictors.Data{Train: []symbols{xs[:valid]}, Valid: []symbols{xs[valid:cut]}, Refit: true}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
	got := meanLoss(p, xs[cut:])
	t.Logf("%.4f bits, %v", got, predictors.Describe(p)["nodes"])
	if got > 2.155 {
		t.Errorf("%.4f bits, want under 2.155", got)
	}
}

// In a tree that had all strings cut that came once nothing tells their
// discount; it must not wander off, for a refit brings new ones.
func TestUntoldDiscountsStay(t *testing.T) {
	p := blendWith(t, 20, func(c *BlendConfig) { c.Rule = "discount" })
	rng := rand.New(rand.NewPCG(3, 9))
	for _, x := range noise(rng, 20, 20_000) {
		p.Learn(x)
	}
	l := p.trees[0].listAll()
	often := 1
	for _, r := range l.ranks(nil)[1:] {
		if r >= 2*64 {
			often++
		}
	}
	l, _ = l.keep(often, l.ranks(nil))
	p.hold(&growingTree{trie: l.layOut(20, 32)})
	p.Reset()
	if err := p.tuneAll(context.Background(), []symbols{noise(rng, 20, 5000)}, func(predictors.Progress) {}); err != nil {
		t.Fatal(err)
	}
	for j, d := range p.blends[0].by {
		if d.d[1] < 0.3 || d.d[1] > 0.9 {
			t.Errorf("depth %d: the discount of 1 is %v", j, d.d[1])
		}
	}
}
