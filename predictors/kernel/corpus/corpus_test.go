package corpus

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"horizon/predictors"
)

// noise draws documents of a source with some order: x is often one of the
// last three symbols plus one.
func noise(rng *rand.Rand, a int, lengths ...int) (docs [][]Symbol) {
	for _, n := range lengths {
		var doc []Symbol
		for i := range n {
			x := Symbol(rng.IntN(a))
			if back := 1 + rng.IntN(3); back <= i && rng.IntN(3) > 0 {
				x = (doc[i-back] + 1) % Symbol(a)
			}
			doc = append(doc, x)
		}
		docs = append(docs, doc)
	}
	return docs
}

func fit(t testing.TB, c *Config, a int, docs ...[]Symbol) *Smoother {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := predictors.Train(context.Background(), p, predictors.Data{Train: docs}, nil); err != nil {
		t.Fatal(err)
	}
	return p.(*Smoother)
}

func tiny(change func(*Config)) *Config {
	c := TinyConfig().(*Config)
	change(c)
	return c
}

// definition is q(·; c) and the weights, from the formulas at the head of
// corpus.go, given what was chosen.
func definition(p *Smoother, docs [][]Symbol, walked []Symbol, k int) (q []float64, weights []float64) {
	c, ch := &p.c, &p.choice
	q = make([]float64, p.a)
	lower := p.lower.Fork()
	lower.Reset()
	for _, x := range walked {
		lower.Observe(x)
	}
	if k == 1 {
		lower.Predict(q)
	} else {
		lower.(predictors.DirectForecaster).PredictDirect(q, k)
	}
	walked = walked[max(0, len(walked)-c.Lags):]
	var d2 []float64
	var labels []Symbol
	for _, doc := range docs {
		for i := c.Lags; i+k-1 < len(doc); i++ {
			d2 = append(d2, squaredDistance(p, doc[i-c.Lags:i], walked))
			labels = append(labels, doc[i+k-1])
		}
	}
	h2, last := ch.h*ch.h, math.Inf(1)
	if c.Neighbours > 0 {
		s := slices.Clone(d2)
		sort.Float64s(s)
		last = s[min(c.Neighbours, len(s))-1] + 1e-6 // of rounding to float32
		if c.Adaptive {
			h2 = s[min(c.Neighbours, len(s))-1]
		}
	}
	sums, all := make([]float64, p.a), 0.0
	for i, d := range d2 {
		w := 0.0
		if d <= last && d <= reach(c.Kernel, c.Cut)*h2*(1+1e-6) {
			w = kernelByDefinition(c.Kernel, d, h2)
		}
		if c.Tau > 0 {
			w *= math.Exp(-float64(len(d2)-1-i) / c.Tau)
		}
		weights = append(weights, w)
		sums[labels[i]] += w
		all += w
	}
	for y := range q {
		q[y] = (ch.alpha*q[y] + sums[y]) / (ch.alpha + all)
	}
	return q, weights
}

func kernelByDefinition(name string, d2, h2 float64) float64 {
	u := math.Sqrt(d2 / h2)
	if d2 < 1e-12 {
		u = 0
	}
	switch name {
	case "laplace":
		return math.Exp(-u)
	case "epanechnikov":
		return max(0, 1-u*u)
	case "tricube":
		return math.Pow(max(0, 1-u*u*u), 3)
	case "boxcar":
		if u <= 1+1e-6 {
			return 1
		}
		return 0
	case "product", "suffix":
		return math.Exp(-u * u)
	}
	return math.Exp(-u * u / 2)
}

func squaredDistance(p *Smoother, c1, c2 []Symbol) (sum float64) {
	c := &p.c
	differs := func(j int) bool { return j > len(c2) || c1[len(c1)-j] != c2[len(c2)-j] }
	switch {
	case c.Embedding == "spectrum" || c.Embedding == "mismatch":
		e := c.Errors
		if c.Embedding == "spectrum" {
			e = 0
		}
		f := func(c []Symbol) []float64 { return mismatchFeatures(c, p.a, p.c.K, e) }
		return angle(f(c1), f(c2))
	case c.Embedding == "subsequence":
		return angle(subsequenceFeatures(c1, p.a, c.K, c.Decay), subsequenceFeatures(c2, p.a, c.K, c.Decay))
	case c.Mixing:
		v := p.metric.(*vectors)
		phi := func(c []Symbol) []float64 {
			out := make([]float64, v.d)
			for j := range c {
				for k, x := range v.of(j, c[len(c)-1-j]) {
					out[k] += float64(x)
				}
			}
			return out
		}
		f1, f2 := phi(c1), phi(c2)
		norm2, dot := 0.0, 0.0
		for k := range f1 {
			sum += (f1[k] - f2[k]) * (f1[k] - f2[k])
			norm2 += f2[k] * f2[k]
			dot += f1[k] * f2[k]
		}
		if v.dot {
			return 2 * (max(v.longer, norm2) - dot)
		}
		return sum
	case c.Embedding != "one-hot":
		l := p.metric.(*lagTables)
		for j := 1; j <= c.Lags; j++ {
			d := l.worst
			if j <= len(c2) {
				d = float64(squared(l.row(c1[len(c1)-j]), l.row(c2[len(c2)-j])))
			}
			sum += math.Pow(p.choice.rho, 2*float64(j-1)) * d
		}
		return sum
	}
	l := p.metric.(*lagCosts)
	before := false
	for j := 1; j <= c.Lags; j++ {
		if before = before && c.Kernel == "suffix" || differs(j); before {
			sum += l.cost[j-1]
		}
	}
	return sum
}

func angle(u, v []float64) float64 {
	uu, uv, vv := 0.0, 0.0, 0.0
	for i := range u {
		uu, uv, vv = uu+u[i]*u[i], uv+u[i]*v[i], vv+v[i]*v[i]
	}
	if uu == 0 || vv == 0 {
		return 2
	}
	return 2 - 2*uv/math.Sqrt(uu*vv)
}

// mismatchFeatures counts, for each of all A^k k-mers, those of c within e
// mismatches of it.
func mismatchFeatures(c []Symbol, a, k, e int) []float64 {
	out := make([]float64, int(math.Pow(float64(a), float64(k))))
	for g := range out {
		for p := 0; p+k <= len(c); p++ {
			h, rest := 0, g
			for i := range k {
				if int(c[p+i]) != rest%a {
					h++
				}
				rest /= a
			}
			if h <= e {
				out[g]++
			}
		}
	}
	return out
}

// subsequenceFeatures sums λ^length over the places of every subsequence of k.
func subsequenceFeatures(c []Symbol, a, k int, decay float64) []float64 {
	out := make([]float64, int(math.Pow(float64(a), float64(k))))
	for set := range 1 << len(c) {
		first, last, n, g := -1, 0, 0, 0
		for i, x := range c {
			if set>>i&1 == 1 {
				if first < 0 {
					first = i
				}
				last, n, g = i, n+1, g*a+int(x)
			}
		}
		if n == k {
			out[g] += math.Pow(decay, float64(last-first+1))
		}
	}
	return out
}

// variants are the configurations whose predictions are compared with the
// definition.
var variants = map[string]func(*Config){
	"product":              func(c *Config) {},
	"product fixed":        func(c *Config) { c.Rho, c.Bandwidth, c.Alpha = 0.5, 0.6, 3 },
	"suffix":               func(c *Config) { c.Kernel = "suffix" },
	"gaussian":             func(c *Config) { c.Kernel = "gaussian" },
	"laplace":              func(c *Config) { c.Kernel = "laplace" },
	"epanechnikov":         func(c *Config) { c.Kernel = "epanechnikov" },
	"tricube":              func(c *Config) { c.Kernel = "tricube" },
	"boxcar":               func(c *Config) { c.Kernel = "boxcar" },
	"recency":              func(c *Config) { c.Kernel, c.Tau = "gaussian", 40 },
	"direct":               func(c *Config) { c.Direct = []int{3} },
	"neighbours":           func(c *Config) { c.Kernel, c.Neighbours = "laplace", 20 },
	"adaptive":             func(c *Config) { c.Kernel, c.Neighbours, c.Adaptive = "tricube", 60, true },
	"ppmi":                 func(c *Config) { c.Kernel, c.Embedding = "gaussian", "ppmi" },
	"random":               func(c *Config) { c.Kernel, c.Embedding = "epanechnikov", "random" },
	"one-hot, mixed":       func(c *Config) { c.Kernel, c.Mixing = "gaussian", true },
	"ppmi, mixed":          func(c *Config) { c.Kernel, c.Embedding, c.Mixing = "laplace", "ppmi", true },
	"dot":                  func(c *Config) { c.Kernel, c.Embedding, c.Mixing = "dot", "random", true },
	"spectrum":             func(c *Config) { c.Kernel, c.Embedding, c.Lags, c.K = "gaussian", "spectrum", 5, 2 },
	"mismatch":             func(c *Config) { c.Kernel, c.Embedding, c.Lags, c.K, c.Errors = "laplace", "mismatch", 6, 3, 1 },
	"subsequence":          func(c *Config) { c.Kernel, c.Embedding, c.Lags, c.K = "gaussian", "subsequence", 5, 3 },
	"subsequence, nearest": func(c *Config) { c.Kernel, c.Embedding, c.K, c.Neighbours = "boxcar", "subsequence", 2, 9 },
}

// TestEqualsDefinition: every kernel of every distance predicts what the
// formulas say, over several documents and blocks, from the first symbol on.
func TestEqualsDefinition(t *testing.T) {
	for name, change := range variants {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(len(name))))
			a := 4
			docs := noise(rng, a, 400, 3, 2, 90, 1)
			c := tiny(change)
			p := fit(t, c, a, docs...)
			k := 1
			if len(c.Direct) > 0 {
				k = c.Direct[0]
			}
			var walked []Symbol
			for _, x := range noise(rng, a, 12)[0] {
				want, weights := definition(p, docs, walked, k)
				got := make([]float64, a)
				if k == 1 {
					p.Predict(got)
				} else if !p.PredictDirect(got, k) {
					t.Fatal("no direct forecast")
				}
				for y := range want {
					if math.Abs(got[y]-want[y]) > 2e-5 {
						t.Fatalf("after %v: q(%d) = %v, want %v (h %v, α %v)", walked, y, got[y], want[y], p.choice.h, p.choice.alpha)
					}
				}
				if k == 1 {
					checkEvidence(t, p.Evidence(), weights, p.choice.alpha)
				}
				p.Observe(x)
				walked = append(walked, x)
			}
		})
	}
}

func checkEvidence(t *testing.T, e predictors.Evidence, weights []float64, alpha float64) {
	t.Helper()
	sum, squares := 0.0, 0.0
	for _, w := range weights {
		sum, squares = sum+w, squares+w*w
	}
	if math.Abs(e.Fallback-alpha/(alpha+sum)) > 1e-4 {
		t.Errorf("fallback = %v, want %v", e.Fallback, alpha/(alpha+sum))
	}
	if n := sum * sum / squares; squares > 1e-12 && math.Abs(e.Effective-n) > 1e-2*n {
		t.Errorf("n_eff = %v, want %v", e.Effective, n)
	}
}

// TestSharpLimits: with a bandwidth of next to nothing only equal contexts
// count, whatever the kernel: the m-gram, with a Dirichlet prior on q0. With
// the nearest neighbour by common suffix it is the longest match, infini-gram.
func TestSharpLimits(t *testing.T) {
	const a = 4
	rng := rand.New(rand.NewPCG(2, 1))
	docs := noise(rng, a, 2000)
	for _, kernel := range []string{"product", "suffix", "gaussian", "laplace", "epanechnikov", "tricube", "boxcar", "dot"} {
		p := fit(t, tiny(func(c *Config) { c.Kernel, c.Bandwidth, c.Rho, c.Alpha = kernel, 0.01, 1, 2 }), a, docs...)
		compareMatches(t, kernel, p, docs[0], func(run int) float64 {
			if run == p.c.Lags {
				return 1
			}
			return 0
		})
	}
	p := fit(t, tiny(func(c *Config) {
		c.Kernel, c.Lags, c.Neighbours, c.Adaptive, c.Alpha = "suffix", 12, 1, true, 1e-9
	}), a, docs...)
	compareMatches(t, "longest match", p, docs[0], nil)
}

// compareMatches walks noise and compares with counts of the contexts, weighted
// by the length of their common suffix with the past; nil weighs the longest.
func compareMatches(t *testing.T, name string, p *Smoother, doc []Symbol, weight func(run int) float64) {
	t.Helper()
	got, q0 := make([]float64, p.a), make([]float64, p.a)
	var walked []Symbol
	p.Reset()
	for _, x := range noise(rand.New(rand.NewPCG(7, 7)), p.a, 60)[0] {
		p.q0.Predict(q0)
		p.Predict(got)
		counts := make([][]float64, p.c.Lags+1)
		for run := range counts {
			counts[run] = make([]float64, p.a)
		}
		longest := 0
		for i := p.c.Lags; i < len(doc); i++ {
			run := 0
			for run < min(len(walked), p.c.Lags) && doc[i-1-run] == walked[len(walked)-1-run] {
				run++
			}
			counts[run][doc[i]]++
			longest = max(longest, run)
		}
		want, total := make([]float64, p.a), p.choice.alpha
		for run, row := range counts {
			w := 0.0
			if weight != nil {
				w = weight(run)
			} else if run == longest {
				w = math.Exp(-1)
				if run == p.c.Lags {
					w = 1
				}
			}
			for y, n := range row {
				want[y] += w * n
				total += w * n
			}
		}
		for y := range want {
			want[y] = (want[y] + p.choice.alpha*q0[y]) / total
			if math.Abs(got[y]-want[y]) > 1e-6 {
				t.Fatalf("%s, after %v: q(%d) = %v, want %v", name, walked, y, got[y], want[y])
			}
		}
		p.Observe(x)
		walked = append(walked, x)
	}
}

// TestGaussianIsTheProduct: on one-hot vectors, that are all of one length, the
// Gaussian and the exponential of the dot product are product kernels with
// β_j = ρ^{2(j−1)}/2h².
func TestGaussianIsTheProduct(t *testing.T) {
	const a = 5
	docs := noise(rand.New(rand.NewPCG(3, 1)), a, 900)
	probe := noise(rand.New(rand.NewPCG(3, 2)), a, 100)[0]
	losses := func(kernel string, rho, h float64) []float64 {
		p := fit(t, tiny(func(c *Config) { c.Kernel, c.Rho, c.Bandwidth, c.Alpha, c.Cut = kernel, rho, h, 3, 30 }), a, docs...)
		bits := make([]float64, len(probe))
		predictors.Score(p, bits, nil, probe)
		return bits
	}
	want := losses("product", 0.8*0.8, 0.5*math.Sqrt2)
	for _, kernel := range []string{"gaussian", "dot"} {
		for i, b := range losses(kernel, 0.8, 0.5) {
			if math.Abs(b-want[i]) > 1e-9 {
				t.Errorf("%s: symbol %d costs %v bits, want %v", kernel, i, b, want[i])
			}
		}
	}
}

// TestCopiedLag: a source that copies the symbol 16 back gives its weight to
// that lag, and what is predicted is near the optimum.
func TestCopiedLag(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	xs := make([]Symbol, 40_000)
	for i := range xs {
		xs[i] = Symbol(rng.IntN(2))
		if i >= 16 {
			xs[i] = xs[i-16]
			if rng.Float64() < 0.1 {
				xs[i] = 1 - xs[i]
			}
		}
	}
	c := DefaultConfig().(*Config)
	c.Kernel, c.Lags, c.Backoff, c.Queries = "product", 16, 2, 1000
	p := fit(t, c, 2, xs[:38_000])
	d := p.Describe()
	for j := 1; j < 16; j++ {
		if b := d[fmt.Sprintf("beta_%d", j)]; b > d["beta_16"]/4 {
			t.Errorf("beta_%d = %v, beta_16 = %v", j, b, d["beta_16"])
		}
	}
	bits, sum := make([]float64, 2000), 0.0
	p.Reset()
	predictors.Score(p, bits, nil, xs[38_000:])
	for _, b := range bits[16:] {
		sum += b / float64(len(bits)-16)
	}
	flips := 0.0
	for i := 38_016; i < 40_000; i++ {
		if xs[i] != xs[i-16] {
			flips++
		}
	}
	share := flips / 1984
	best := -share*math.Log2(0.1) - (1-share)*math.Log2(0.9)
	t.Logf("%.4f bits, the optimum on these symbols %.4f; %v", sum, best, d)
	if sum > best+0.02 {
		t.Errorf("bits = %v, want at most %v", sum, best+0.02)
	}
}

// TestBucket: a search by bucket finds the contexts with the same last symbols,
// no others, and says what share of the weight they have.
func TestBucket(t *testing.T) {
	const a = 5
	docs := noise(rand.New(rand.NewPCG(5, 1)), a, 3000)
	change := func(c *Config) { c.Kernel, c.Bandwidth, c.Rho, c.Alpha = "gaussian", 0.6, 0.8, 2 }
	brute := fit(t, tiny(change), a, docs...)
	c := tiny(change)
	c.Search, c.Bucket = "bucket", 2
	p := fit(t, c, a, docs...)
	s, q := brute.take(), make([]float64, a)
	shares, n := 0.0, 0
	for _, x := range noise(rand.New(rand.NewPCG(5, 2)), a, 200)[0] {
		p.Observe(x)
		brute.Observe(x)
		_, sum := brute.predict(s, q, &brute.past, 1, true)
		want := 0.0
		for _, f := range s.found {
			last := brute.text.symbols[f.i : f.i+p.c.Lags]
			if p.past.known >= 2 && last[p.c.Lags-1] == p.past.symbols[0] && last[p.c.Lags-2] == p.past.symbols[1] {
				want += f.w
			}
		}
		e := p.Evidence()
		if got := p.choice.alpha * (1/e.Fallback - 1); math.Abs(got-want) > 1e-3 {
			t.Fatalf("weight found = %v, want %v", got, want)
		}
		shares, n = shares+want/sum, n+1
	}
	if got := p.Describe()["recall"]; math.Abs(got-shares/float64(n)) > 0.1 {
		t.Errorf("recall = %v, on other text %v", got, shares/float64(n))
	}
}

// TestPPMI: symbols with the same neighbours get the same vectors.
func TestPPMI(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	var doc []Symbol
	for range 4000 { // 0 and 1 are each followed by 2 or 3, 4 by 5
		doc = append(doc, []Symbol{Symbol(rng.IntN(2)), Symbol(2 + rng.IntN(2)), 4, 5}...)
	}
	e := ppmiVectors(newText([][]Symbol{doc}, 1, 0), 6, 4, 1)
	near, far := squared(e[:4], e[4:8]), squared(e[:4], e[16:20])
	if near > 0.02*far {
		t.Errorf("‖e(0) − e(1)‖² = %v, ‖e(0) − e(4)‖² = %v: want the first next to nothing", near, far)
	}
}

func TestRotation(t *testing.T) {
	const d = 20
	r := rotation(d, rand.New(rand.NewPCG(1, 1)))
	for i := range d {
		for j := range d {
			p := 0.0
			for k := range d {
				p += float64(r[i*d+k]) * float64(r[j*d+k])
			}
			if want := map[bool]float64{true: 1}[i == j]; math.Abs(p-want) > 1e-5 {
				t.Fatalf("row %d · row %d = %v, want %v", i, j, p, want)
			}
		}
	}
}

func TestNth(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for range 200 {
		xs := make([]float32, 1+rng.IntN(50))
		for i := range xs {
			xs[i] = float32(rng.IntN(10))
		}
		sorted := slices.Sorted(slices.Values(xs))
		n := 1 + rng.IntN(len(xs)+3)
		if got, want := nth(slices.Clone(xs), n), sorted[min(n, len(xs))-1]; got != want {
			t.Fatalf("number %d of %v = %v, want %v", n, sorted, got, want)
		}
	}
}

// TestLagGradient: that of the loss by finite differences.
func TestLagGradient(t *testing.T) {
	const a = 3
	docs := noise(rand.New(rand.NewPCG(9, 1)), a, 500)
	p := fit(t, tiny(func(c *Config) { c.Lags = 10 }), a, docs...)
	l := newLagLearner(p.model, p.queries(noise(rand.New(rand.NewPCG(9, 2)), a, 60), 50))
	x, g, drop := make([]float64, 11), make([]float64, 11), make([]float64, 11)
	for j := range x {
		x[j] = 0.3*float64(j%4) - 0.5
	}
	l.gradient(x, g)
	loss := func() (sum float64) {
		for q := range l.qs {
			hit, all := 0.0, 0.0
			for i, mask := range l.masks[q*l.each:][:l.each] {
				cost := 0.0
				for j := range 10 {
					cost += float64(mask>>j&1) * math.Exp(x[j])
				}
				all += math.Exp(-cost)
				if l.hit[q*l.each+i] {
					hit += math.Exp(-cost)
				}
			}
			alpha := math.Exp(x[10])
			sum -= math.Log((alpha*l.qs[q].q0 + hit) / (alpha + all))
		}
		return sum
	}
	for j := range x {
		const e = 1e-5
		x[j] += e
		up := loss()
		x[j] -= 2 * e
		drop[j] = (up - loss()) / (2 * e)
		x[j] += e
		if math.Abs(drop[j]-g[j]) > 1e-4*(1+math.Abs(drop[j])) {
			t.Errorf("∂/∂x_%d = %v, want %v", j, g[j], drop[j])
		}
	}
}

// TestMemory: the most recent contexts are kept, as many as asked for, and a
// budget of bytes is kept too.
func TestMemory(t *testing.T) {
	const a = 6
	docs := noise(rand.New(rand.NewPCG(10, 1)), a, 1500, 1500)
	p := fit(t, tiny(func(c *Config) { c.Memory = 1000 }), a, docs...)
	if got := p.text.count; got != 1000 {
		t.Errorf("contexts = %d, want 1000", got)
	}
	whole := fit(t, tiny(func(c *Config) {}), a, docs...)
	q, _ := TinyConfig().New(predictors.Env{Alphabet: a})
	b := predictors.Budget{ModelBytes: whole.Bytes() * 2 / 3}
	if err := q.(predictors.Budgeter).SetBudget(b); err != nil {
		t.Fatal(err)
	}
	if err := predictors.Train(context.Background(), q, predictors.Data{Train: docs}, nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := predictors.Size(q); got > b.ModelBytes {
		t.Errorf("bytes = %d, want at most %d", got, b.ModelBytes)
	}
}

func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`kernel = "cosine", want one of`:                 func(c *Config) { c.Kernel = "cosine" },
		`embedding = "bert", want one of`:                func(c *Config) { c.Embedding = "bert" },
		`lags = 33, want 1 to 32`:                        func(c *Config) { c.Lags = 33 },
		`kernel = "product" compares symbols`:            func(c *Config) { c.Kernel, c.Embedding = "product", "ppmi" },
		`mixing = true with embedding = "spectrum"`:      func(c *Config) { c.Kernel, c.Embedding, c.Mixing = "laplace", "spectrum", true },
		`lags = 3, want at least k = 5`:                  func(c *Config) { c.Kernel, c.Embedding, c.K = "laplace", "subsequence", 5 },
		`kernel = "dot" with embedding = "ppmi"`:         func(c *Config) { c.Kernel, c.Embedding = "dot", "ppmi" },
		`adaptive = true needs neighbours`:               func(c *Config) { c.Adaptive = true },
		`bucket = 4, want 1 to 3`:                        func(c *Config) { c.Bucket = 4 },
		`nadaraya-watson: lags = 0, want 1 to 12`:        func(c *Config) { c.Backoff = 0 },
		`nadaraya-watson: direct = [1], want horizons `:  func(c *Config) { c.Direct = []int{1} },
		`kernel-smoother: search = "tree", want one of `: func(c *Config) { c.Search = "tree" },
	} {
		_, err := tiny(change).New(predictors.Env{Alphabet: 4})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
}
