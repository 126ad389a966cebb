package contexttree

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

var all = flag.Bool("all", false, "check the known answers on all files, not on the short ones alone (minutes)")

// The worked example of Begleiter et al. 2004, section 3.4: depth 2 on
// 101011010, the first two bits context only. Several of its printed numbers
// are misprints; these are the definition's.
func TestWorkedExample(t *testing.T) {
	text := symbols{1, 0, 1, 0, 1, 1, 0, 1, 0}
	want := -math.Log2(55.0 / 8192)
	for _, form := range []string{"binary", "factored"} {
		p, err := (&CTWConfig{Depth: 2, Form: form, First: "low"}).New(predictors.Env{Alphabet: 2})
		if err != nil {
			t.Fatal(err)
		}
		p.Observe(text[0])
		p.Observe(text[1])
		if got := prequential(t, p, text[2:]); math.Abs(got-want) > 1e-12 {
			t.Errorf("ctw, %s: %v bits, want −log₂ 55/8192 = %v", form, got, want)
		}
	}

	p, err := (&KaryConfig{Depth: 2, Alpha: 0.5}).New(predictors.Env{Alphabet: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range text {
		p.(predictors.Learner).Learn(x)
	}
	tree, _ := MAP(p)
	if math.Abs(tree.LogEvidence+want) > 1e-12 {
		t.Errorf("ctw-kary: log₂ P_w = %v, want %v", tree.LogEvidence, -want)
	}
	m := p.(*kary).karyModel
	node := func(context ...int) int { // the newest symbol first
		i := 0
		for _, x := range context {
			i = int(m.child[i*2+x])
		}
		return i
	}
	for _, c := range []struct {
		context []int // as the paper writes it backwards
		n0, n1  uint32
		kt      float64
	}{
		{nil, 3, 4, 5.0 / 2048},
		{[]int{0}, 0, 3, 5.0 / 16},
		{[]int{1}, 3, 1, 5.0 / 128},
		{[]int{0, 1}, 0, 3, 5.0 / 16},
		{[]int{1, 0}, 2, 1, 1.0 / 16},
		{[]int{1, 1}, 1, 0, 1.0 / 2},
	} {
		i := node(c.context...)
		if m.count[2*i] != c.n0 || m.count[2*i+1] != c.n1 {
			t.Errorf("context %v: counts %d, want %d %d", c.context, m.count[2*i:2*i+2], c.n0, c.n1)
		}
		if got := math.Exp(m.logEstimate(i)); math.Abs(got-c.kt) > 1e-14 {
			t.Errorf("context %v: P_e = %v, want %v", c.context, got, c.kt)
		}
	}
	if m.child[2*node(0)] != 0 {
		t.Error("context 00, never seen, has a node")
	}
}

// Files of Calgary short enough for every day.
func short(n int) bool { return n < 45000 || *all }

func TestCalgary(t *testing.T) {
	for _, c := range calgary {
		b := corporatest.Read(t, "calgary/"+c.name)
		if !short(len(b)) {
			continue
		}
		for _, k := range []struct {
			name   string
			config predictors.Config
			want   int
		}{
			{"ctw", &CTWConfig{Depth: 48, Form: "binary", First: "low"}, c.ctw},
			{"facctw", &CTWConfig{Depth: 48, Form: "factored", First: "low"}, c.facctw},
			{"faccts", &CTSConfig{Depth: 48, Form: "factored", First: "low"}, c.faccts},
		} {
			// Their programs flush an arithmetic coder of 32 bits; in CTS they
			// approximate logarithms.
			got := bytesOf(prequential(t, make256(t, k.config), toSymbols(b)))
			if d := float64(got-k.want) / float64(k.want); math.Abs(float64(got-k.want)) > 8 && math.Abs(d) > 3e-4 {
				t.Errorf("%s, %s: %d bytes, want %d", c.name, k.name, got, k.want)
			}
			t.Logf("%s, %s: %d bytes, the authors' program %d", c.name, k.name, got, k.want)
		}
	}
}

func TestBegleiter(t *testing.T) {
	sum, bi, n := 0.0, 0.0, 0.0
	for _, c := range begleiter {
		b := corporatest.Read(t, "calgary/"+c.name)
		if !short(len(b)) {
			continue
		}
		de := halves(t, &VolfConfig{Depth: c.depth, Variant: "begleiter"}, b)
		if math.Abs(de-c.de) > 0.01 {
			t.Errorf("%s: de-ctw %.3f bits, want %.2f", c.name, de, c.de)
		}
		if c.rerun != 0 && math.Abs(de-c.rerun) > 0.002 {
			t.Errorf("%s: de-ctw %.4f bits, their code %.3f", c.name, de, c.rerun)
		}
		// They choose the depth by cross-validation from 8, 16, 32 and 64, and
		// their counts and β are held back as in DE-CTW, which is no exact
		// CTW: geo is 0.15 better there, pic and progp 0.10 and 0.12 worse.
		binary, band := halves(t, &CTWConfig{Depth: 32, Form: "binary", First: "high"}, b), 0.1
		if c.name == "geo" || c.name == "pic" || c.name == "progp" {
			band = 0.16
		}
		if math.Abs(binary-c.bi) > band {
			t.Errorf("%s: binary ctw %.3f bits, want %.2f ± %v", c.name, binary, c.bi, band)
		}
		better := halves(t, DefaultVolf(), b)
		t.Logf("%-7s de-ctw %.3f, published %.2f, their code %.3f; volf %.3f; binary %.3f, published %.2f", c.name, de, c.de, c.rerun, better, binary, c.bi)
		sum, bi, n = sum+de, bi+binary, n+1
	}
	t.Logf("mean of %.0f: de-ctw %.3f, binary %.3f", n, sum/n, bi/n)
}

// trees lists all complete trees of contexts up to a depth, as lists of
// leaves.
func trees(a, depth int, context []predictors.Symbol) [][][]predictors.Symbol {
	out := [][][]predictors.Symbol{{slices.Clone(context)}}
	if depth == 0 {
		return out
	}
	all := [][][]predictors.Symbol{nil}
	for x := range a {
		var longer [][][]predictors.Symbol
		for _, sub := range trees(a, depth-1, append(slices.Clip(context), predictors.Symbol(x))) {
			for _, t := range all {
				longer = append(longer, append(slices.Clip(t), sub...))
			}
		}
		all = longer
	}
	return append(out, all...)
}

// The MAP tree against all trees there are.
func TestMAPEqualsEnumeration(t *testing.T) {
	for _, c := range []struct{ a, depth int }{{2, 0}, {2, 1}, {2, 3}, {3, 2}, {4, 2}} {
		for seed := range uint64(6) {
			config := &KaryConfig{Depth: c.depth, Alpha: 0.5}
			p, err := config.New(predictors.Env{Alphabet: c.a})
			if err != nil {
				t.Fatal(err)
			}
			xs := tangle(c.a, 12<<seed, seed)
			for _, x := range xs {
				p.(predictors.Learner).Learn(x)
			}
			beta := 1 - math.Exp2(1-float64(c.a))
			total, best := number(0), number(0)
			var tree [][]predictors.Symbol
			for _, leaves := range trees(c.a, c.depth, nil) {
				d := 0
				q := number(1)
				for _, l := range leaves {
					if len(l) == c.depth {
						d++
					}
					var events []event
					for i := c.depth; i < len(xs); i++ {
						match := true
						for k, y := range l {
							match = match && xs[i-1-k] == y
						}
						if match {
							events = append(events, event{"", int(xs[i])})
						}
					}
					q.Mul(q, prior{a: c.a, alpha: 0.5}.estimate(events))
				}
				n := float64(len(leaves))
				q.Mul(q, number(math.Pow(1-beta, (n-1)/float64(c.a-1))*math.Pow(beta, n-float64(d))))
				total.Add(total, q)
				if q.Cmp(best) > 0 {
					best, tree = q, leaves
				}
			}
			got, _ := MAP(p)
			posterior, _ := best.Quo(best, total).Float64()
			if math.Abs(math.Exp2(got.LogPosterior)-posterior) > 1e-9 {
				t.Errorf("A = %d, depth %d, seed %d: posterior %v, want %v", c.a, c.depth, seed, math.Exp2(got.LogPosterior), posterior)
			}
			mantissa := number(0)
			evidence, _ := mantissa.Copy(total).Float64()
			if math.Abs(got.LogEvidence-math.Log2(evidence)) > 1e-8 {
				t.Errorf("A = %d, depth %d, seed %d: evidence %v, want %v", c.a, c.depth, seed, got.LogEvidence, math.Log2(evidence))
			}
			var leaves [][]predictors.Symbol
			for _, l := range got.Leaves {
				leaves = append(leaves, l.Context)
			}
			sortContexts(leaves)
			sortContexts(tree)
			if fmt.Sprint(leaves) != fmt.Sprint(tree) {
				t.Errorf("A = %d, depth %d, seed %d: tree %v, want %v", c.a, c.depth, seed, leaves, tree)
			}
		}
	}
}

func sortContexts(cs [][]predictors.Symbol) { slices.SortFunc(cs, slices.Compare[[]predictors.Symbol]) }

// treeSource draws from a variable-length Markov source of three symbols:
// contexts 0, 1, 20, 21 and 22, the newest symbol first.
func treeSource(n int) symbols {
	laws := map[string][3]float64{"0": {0.6, 0.2, 0.2}, "1": {0.1, 0.2, 0.7}, "20": {0.2, 0.7, 0.1}, "21": {0.8, 0.1, 0.1}, "22": {0.1, 0.3, 0.6}}
	r := rand.New(rand.NewPCG(3, 9))
	xs := symbols{0, 0}
	for len(xs) < n {
		key := fmt.Sprint(xs[len(xs)-1])
		if key == "2" {
			key += fmt.Sprint(xs[len(xs)-2])
		}
		law := laws[key]
		xs = append(xs, predictors.Sample(law[:], r.Float64()))
	}
	return xs
}

func TestMAPRecoversTheSource(t *testing.T) {
	p, err := (&KaryConfig{Depth: 8, Alpha: 0.5}).New(predictors.Env{Alphabet: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range treeSource(10000) {
		p.(predictors.Learner).Learn(x)
	}
	tree, _ := MAP(p)
	var got []string
	for _, l := range tree.Leaves {
		got = append(got, tree.label(l.Context))
	}
	if want := []string{"0", "1", "20", "21", "22"}; !slices.Equal(got, want) {
		t.Errorf("the tree has leaves %v, want %v", got, want)
	}
	if tree.LogPosterior < math.Log2(0.5) {
		t.Errorf("posterior %v, want above a half: the source's tree is far ahead of the others", math.Exp2(tree.LogPosterior))
	}
	if _, ok := MAP(p.Fork()); !ok {
		t.Error("no tree of a fork")
	}
}

func ExampleTree() {
	p, _ := (&KaryConfig{Depth: 4, Alpha: 0.5}).New(predictors.Env{Alphabet: 3})
	for _, x := range treeSource(5000) {
		p.(predictors.Learner).Learn(x)
	}
	tree, _ := MAP(p)
	fmt.Print(tree.String())
	fmt.Print(tree.DOT())
	// Output:
	// 5 leaves, posterior 0.9994
	//   0  [1383 444 456]  0.606 0.194 0.200
	//   1  [127 233 794]  0.110 0.202 0.688
	//     20  [93 320 43]  0.204 0.702 0.094
	//     21  [649 68 77]  0.817 0.086 0.097
	//     22  [31 89 189]  0.100 0.288 0.612
	// digraph contexts {
	// 	node [shape=point];
	// 	"λ" -> "0" [label="0"];
	// 	"0" [shape=box, label="0\n[1383 444 456]"];
	// 	"λ" -> "1" [label="1"];
	// 	"1" [shape=box, label="1\n[127 233 794]"];
	// 	"λ" -> "2" [label="2"];
	// 	"2" -> "20" [label="0"];
	// 	"20" [shape=box, label="20\n[93 320 43]"];
	// 	"2" -> "21" [label="1"];
	// 	"21" [shape=box, label="21\n[649 68 77]"];
	// 	"2" -> "22" [label="2"];
	// 	"22" [shape=box, label="22\n[31 89 189]"];
	// }
}

func TestHuffman(t *testing.T) {
	// abracadabra: 5, 2, 1, 1, 2 need 23 bits.
	h := newHuffman([]uint64{5, 2, 1, 1, 2}, false)
	bits := 0
	for x, n := range []int{5, 2, 1, 1, 2} {
		bits += n * len(h.word(x))
	}
	if bits != 23 {
		t.Errorf("abracadabra takes %d bits, want 23", bits)
	}
	r := rand.New(rand.NewPCG(1, 4))
	for _, a := range []int{1, 2, 3, 17, 256, 1000} {
		counts := make([]uint64, a)
		var pool []uint64
		for x := range counts {
			counts[x] = uint64(r.ExpFloat64() * r.ExpFloat64() * 10)
			pool = append(pool, counts[x])
		}
		want := uint64(0) // the sum of all joints
		for len(pool) > 1 {
			slices.Sort(pool)
			want += pool[0] + pool[1]
			pool = append(pool[2:], pool[0]+pool[1])
		}
		h, got, kraft := newHuffman(counts, a < 100), uint64(0), 0.0
		for x, n := range counts {
			got += n * uint64(len(h.word(x)))
			kraft += math.Exp2(-float64(len(h.word(x))))
			k := int32(0)
			for _, s := range h.word(x) {
				if int32(s>>1) != k {
					t.Fatalf("A = %d: the word of %d leaves the tree", a, x)
				}
				k = h.inner[k][s&1]
			}
			if a > 1 && k != ^int32(x) {
				t.Fatalf("A = %d: the word of %d leads to %d", a, x, ^k)
			}
		}
		if got != want || math.Abs(kraft-1) > 1e-12 {
			t.Errorf("A = %d: %d bits, want %d; Kraft's sum %v, want 1", a, got, want, kraft)
		}
	}
}

func TestBadConfigs(t *testing.T) {
	for _, c := range []struct {
		config predictors.Config
		a      int
		want   string
	}{
		{&CTWConfig{Depth: 65, Form: "binary", First: "low"}, 256, "ctw: depth = 65 bits, want 0 to 64 (binary, 256 symbols)"},
		{&CTWConfig{Depth: 58, Form: "factored", First: "low"}, 256, "ctw: depth = 58 bits, want 0 to 57 (factored, 256 symbols)"},
		{&CTWConfig{Depth: 8, Form: "forked", First: "low"}, 2, `ctw: form = "forked", want "binary" or "factored"`},
		{&CTSConfig{Depth: 8, Form: "binary", First: "top"}, 2, `cts: first = "top", want "low" or "high"`},
		{&CTSConfig{Depth: 8, Form: "binary", First: "low", Skips: 1}, 2, `cts: skips = 1, want 0, or 1 with form = "factored"`},
		{&CTSConfig{Depth: -1, Form: "binary", First: "low"}, 2, "cts: depth = -1 bits, want 0 to 64 (binary, 2 symbols)"},
		{&VolfConfig{Depth: 65, Variant: "volf"}, 2, "de-ctw: depth = 65, want 0 to 64 symbols"},
		{&VolfConfig{Depth: 8, Variant: "begleiter"}, 1025, `de-ctw: alphabet size = 1025, want at most 1024 with variant = "begleiter"`},
		{&VolfConfig{Depth: 8}, 2, `de-ctw: variant = "", want "volf" or "begleiter"`},
		{&VolfConfig{Depth: 8, Variant: "volf"}, 0, "de-ctw: alphabet size = 0, want 1 to 65536"},
		{&KaryConfig{Depth: 8, Alpha: 0.5}, 1025, "ctw-kary: alphabet size = 1025, want 1 to 1024"},
		{&KaryConfig{Depth: 8}, 2, "ctw-kary: alpha = 0, want > 0"},
		{&KaryConfig{Depth: 8, Alpha: 0.5, Beta: 1}, 2, "ctw-kary: beta = 1, want 0.5 to below 1, or 0 for 1 − 2^(1−A)"},
	} {
		if _, err := c.config.New(predictors.Env{Alphabet: c.a}); err == nil || err.Error() != c.want {
			t.Errorf("%+v with %d symbols: error %v, want %s", c.config, c.a, err, c.want)
		}
	}
}

// A saved model with any byte changed is refused, or walks without panic.
func TestDamagedModels(t *testing.T) {
	for _, c := range []predictors.Config{TinyCTW(), TinyCTS(), TinyVolf(), TinyKary()} {
		p, err := c.New(predictors.Env{Alphabet: 5})
		if err != nil {
			t.Fatal(err)
		}
		xs := tangle(5, 60, 1)
		for _, x := range xs {
			p.(predictors.Learner).Learn(x)
		}
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			t.Fatal(err)
		}
		q := make([]float64, 5)
		for i := 0; i < b.Len(); i += 17 {
			damaged := bytes.Clone(b.Bytes())
			damaged[i] ^= 1 << (i % 8)
			p, _ := c.New(predictors.Env{Alphabet: 5})
			if predictors.Load(bytes.NewReader(damaged), p) != nil {
				continue
			}
			for _, x := range xs {
				p.Predict(q)
				p.Observe(x)
			}
		}
	}
}

// Large alphabets, and more symbols than A is wide.
func TestLargeAlphabet(t *testing.T) {
	for _, c := range []predictors.Config{DefaultCTW(), DefaultCTS(), DefaultVolf()} {
		p, err := c.New(predictors.Env{Alphabet: 50000})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range tangle(50000, 300, 2) {
			p.(predictors.Learner).Learn(x)
		}
		q := make([]float64, 50000)
		p.Predict(q)
		if s := sum(q); math.Abs(s-1) > 1e-9 || slices.Min(q) <= 0 {
			t.Errorf("%T: probabilities sum to %v, the least is %v", c, s, slices.Min(q))
		}
	}
}

var benchmarks = []struct {
	name   string
	config predictors.Config
}{
	{"ctw-binary-48", &CTWConfig{Depth: 48, Form: "binary", First: "low"}},
	{"ctw-factored-48", DefaultCTW()},
	{"cts-48", DefaultCTS()},
	{"de-ctw-8", DefaultVolf()},
}

// Prequential scoring: a byte is scored and learned.
func BenchmarkPrequential(b *testing.B) {
	xs := toSymbols(corporatest.Read(b, "calgary/paper1"))
	bits := make([]float64, len(xs))
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(xs)))
			for b.Loop() {
				if err := predictors.ScoreLearning(make256(b, c.config), bits, nil, xs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Growth of memory: nodes and bytes a symbol, on text.
func BenchmarkMemory(b *testing.B) {
	text := toSymbols(corporatest.Read(b, "wiki/enwik7"))
	for _, c := range benchmarks {
		for _, n := range []int{1e4, 1e5, 1e6} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				for b.Loop() {
					p := make256(b, c.config)
					for _, x := range text[:n] {
						p.(predictors.Learner).Learn(x)
					}
					size, _ := predictors.Size(p)
					b.ReportMetric(float64(size)/float64(n), "bytes/symbol")
					b.ReportMetric(predictors.Describe(p)["nodes"]/float64(n), "nodes/symbol")
					runtime.GC()
				}
			})
		}
	}
}
