package kernel

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
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

// TestLambdaZeroIsTheNgram: with λ = 0 only equal contexts count, and the
// estimator is the m-gram smoothed towards the (m−1)-gram, counted here by
// strings.
func TestLambdaZeroIsTheNgram(t *testing.T) {
	const a, m, alpha = 3, 4, 1.7
	rng := rand.New(rand.NewPCG(1, 1))
	docs := source(rng, a, 400, 7)
	counts := map[string]float64{} // of the last j symbols and the next, as a string
	for _, doc := range docs {
		for i, x := range doc {
			for j := 0; j <= min(i, m); j++ {
				counts[key(doc[i-j:i])]++
				counts[key(doc[i-j:i])+"→"+key([]Symbol{x})]++
			}
		}
	}
	c := NadarayaWatsonConfig{Lags: m, Recency: "geometric", Beta: 1000, Rho: 1, Alpha: alpha, Folds: 2, Queries: 10}
	p := fit(t, &c, a, docs...)
	for j := 1; j <= m; j++ {
		if d := p.Describe(); p.width.b[j] != 0 || d["lambda_1"] != 0 {
			t.Fatalf("lag %d: b = %v, lambda = %v, want 0", j, p.width.b[j], d["lambda_1"])
		}
	}
	got := make([]float64, a)
	walked := []Symbol{}
	for _, x := range source(rng, a, 300)[0] {
		p.Predict(got)
		for y := range Symbol(a) {
			q := (counts[key(nil)+"→"+key([]Symbol{y})] + 0.5) / (counts[key(nil)] + a/2.0)
			for j := 1; j <= min(len(walked), m); j++ {
				context := key(walked[len(walked)-j:])
				q = (alpha*q + counts[context+"→"+key([]Symbol{y})]) / (alpha + counts[context])
			}
			if math.Abs(got[y]-q) > 1e-14 {
				t.Fatalf("after %v: q(%d) = %v, want %v", walked, y, got[y], q)
			}
		}
		p.Observe(x)
		walked = append(walked, x)
	}
}

func key(xs []Symbol) string {
	var b strings.Builder
	for _, x := range xs {
		b.WriteByte(byte('a' + x))
	}
	return b.String()
}

// TestBetaZeroIgnoresTheLag: contexts that differ there only are alike.
func TestBetaZeroIgnoresTheLag(t *testing.T) {
	const a, m = 5, 6
	rng := rand.New(rand.NewPCG(2, 1))
	docs := source(rng, a, 300)
	for lag := 1; lag <= m; lag++ {
		w := randomBandwidths(rng, a, m)
		for j := range w.beta[1:] {
			w.beta[j+1] += 0.5 // no other is ignored
		}
		w.beta[lag] = 0
		p := over(t, docs, a, m, 8, newBandwidths(w.beta, w.alpha))
		walked := slices.Clone(docs[0][100 : 100+m])
		other := slices.Clone(walked)
		other[m-lag] = (other[m-lag] + 1) % a
		if d := distance(p, walked, other); d > 1e-14 {
			t.Errorf("β_%d = 0, and changing that lag moves the prediction by %v", lag, d)
		}
		w.beta[lag] = 2
		p.width = newBandwidths(w.beta, w.alpha)
		if d := distance(p, walked, other); d < 1e-6 {
			t.Errorf("β_%d = 2, and changing that lag moves the prediction by no more than %v", lag, d)
		}
	}
}

// distance is the largest difference of the predictions after two contexts.
func distance(p *NadarayaWatson, c1, c2 []Symbol) (most float64) {
	q1, q2 := make([]float64, p.a), make([]float64, p.a)
	after(p, c1).Predict(q1)
	after(p, c2).Predict(q2)
	for y := range q1 {
		most = max(most, math.Abs(q1[y]-q2[y]))
	}
	return most
}

func after(p predictors.Predictor, xs []Symbol) predictors.Predictor {
	f := p.Fork()
	f.Reset()
	for _, x := range xs {
		f.Observe(x)
	}
	return f
}

// TestAitchisonAitken: b_j is (λ/(A−1))/(1−λ), the ratio of the kernel's two
// values in Aitchison and Aitken's form, for the λ that Describe reports.
func TestAitchisonAitken(t *testing.T) {
	const a = 7
	p := over(t, nil, a, 3, 1, newBandwidths([]float64{0, 0, 1.5, 9}, []float64{3.5, 1, 1, 1}))
	d := p.Describe()
	for j, name := range []string{1: "lambda_1", 2: "lambda_2", 3: "lambda_3"} {
		if j == 0 {
			continue
		}
		lambda := d[name]
		if ratio := lambda / (a - 1) / (1 - lambda); math.Abs(ratio-p.width.b[j]) > 1e-15 {
			t.Errorf("%s = %v: ratio %v, want %v", name, lambda, ratio, p.width.b[j])
		}
	}
	if want := (a - 1.0) / a; math.Abs(d["lambda_1"]-want) > 1e-15 {
		t.Errorf("lambda_1 = %v at β = 0, want its maximum %v", d["lambda_1"], want)
	}
}

// TestNear: w_S as the product it is.
func TestNear(t *testing.T) {
	w := newBandwidths([]float64{0, 0.3, 1, 2.5, 0}, []float64{1, 1, 1, 1, 1})
	for s := range 1 << 4 {
		want := 1.0
		for j := 1; s>>(j-1) > 0; j++ {
			if s>>(j-1)&1 == 1 {
				want *= 1 - w.b[j]
			} else {
				want *= w.b[j]
			}
		}
		if math.Abs(w.near[s]-want) > 1e-16 {
			t.Errorf("near[%04b] = %v, want %v", s, w.near[s], want)
		}
	}
}

func fit(t testing.TB, c predictors.Config, a int, docs ...[]Symbol) *NadarayaWatson {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := predictors.Train(context.Background(), p, predictors.Data{Train: docs}, nil); err != nil {
		t.Fatal(err)
	}
	return p.(*NadarayaWatson)
}

func meanBits(p predictors.Predictor, xs []Symbol) float64 {
	p.Reset()
	bits, sum := make([]float64, len(xs)), 0.0
	predictors.Score(p, bits, nil, xs)
	for _, b := range bits {
		sum += b
	}
	return sum / float64(len(xs))
}

// goldenMean and even draw the processes of ½ (programme section 3): in state
// A emit 1 and stay, or emit 0 (golden mean) or 1 (even) and go to B; in B
// emit 1 and go back. For the even process it is 0 that stays.
func goldenMean(n int, rng *rand.Rand) []Symbol { return twoState(n, rng, 1, 0) }
func even(n int, rng *rand.Rand) []Symbol       { return twoState(n, rng, 0, 1) }

func twoState(n int, rng *rand.Rand, stay, leave Symbol) []Symbol {
	xs, inB := make([]Symbol, n), false
	for i := range xs {
		switch {
		case inB:
			xs[i], inB = 1, false
		case rng.IntN(2) == 0:
			xs[i] = stay
		default:
			xs[i], inB = leave, true
		}
	}
	return xs
}

// TestKnownProcesses: the loss is near that of the best predictor that knows
// m symbols. Golden mean: the entropy rate, 2/3 bit. Even, with the default 8
// lags: after 8 ones the state is unknown, which costs
// P(1⁸)(H(next | 1⁸) − H(next | 1⁸, state)) = (1/16)(h2(1/3) − 2/3) = .0157
// bit more, and half that with 10 lags.
func TestKnownProcesses(t *testing.T) {
	for _, c := range []struct {
		name   string
		draw   func(int, *rand.Rand) []Symbol
		lags   int
		excess float64
	}{
		{"golden mean", goldenMean, 8, 0.004},
		{"golden mean", goldenMean, 1, 0.004},
		{"even", even, 8, 0.0157 + 0.004},
		{"even", even, 10, 0.0079 + 0.004},
	} {
		rng := rand.New(rand.NewPCG(7, 7))
		train, test := c.draw(80_000, rng), c.draw(80_000, rng)
		config := DefaultNadarayaWatson().(*NadarayaWatsonConfig)
		config.Lags = c.lags
		p := fit(t, config, 2, train)
		got, best := meanBits(p, test), entropyRate(test, c.name == "even")
		t.Logf("%s, %d lags: %.4f bits, %.4f above the optimum on the same symbols", c.name, c.lags, got, got-best)
		if got-best > c.excess || got < best {
			t.Errorf("%s, %d lags: excess = %.4f bits, want 0 to %.4f", c.name, c.lags, got-best, c.excess)
		}
	}
}

// entropyRate is the loss of a predictor that knows the state: one bit in A,
// none in B, whatever the source; it differs from 2/3 by luck.
func entropyRate(xs []Symbol, even bool) float64 {
	bits, inB := 0.0, false
	for _, x := range xs {
		switch {
		case inB:
			inB = false
		default:
			bits++
			inB = (x == 1) == even
		}
	}
	return bits / float64(len(xs))
}

// TestPredictAhead: the marginals are those of summing over all futures, also
// from contexts shorter than m.
func TestPredictAhead(t *testing.T) {
	const a, m = 3, 4
	rng := rand.New(rand.NewPCG(8, 8))
	c := TinyNadarayaWatson().(*NadarayaWatsonConfig)
	c.Lags = m
	p := fit(t, c, a, source(rng, a, 500)...)
	if p.table == nil {
		t.Fatal("no table for 3 symbols and 4 lags")
	}
	for _, n := range []int{0, 2, 3, 4, 9} {
		f := after(p, source(rng, a, n)[0]).(*NadarayaWatson)
		ks := []int{1, 2, 5, 6}
		got := [][]float64{make([]float64, a), make([]float64, a), make([]float64, a), make([]float64, a)}
		if dropped, ok := f.PredictAhead(got, ks); !ok || dropped != 0 {
			t.Fatalf("dropped, ok = %v, %v, want 0, true", dropped, ok)
		}
		for i, k := range ks {
			want := make([]float64, a)
			sumFutures(want, f, k, 1)
			for y := range want {
				if math.Abs(got[i][y]-want[y]) > 1e-12 {
					t.Errorf("after %d, %d ahead: q(%d) = %v, want %v", n, k, y, got[i][y], want[y])
				}
			}
		}
	}
}

func sumFutures(out []float64, p predictors.Predictor, k int, mass float64) {
	q := make([]float64, p.Alphabet())
	p.Predict(q)
	for x := range q {
		if k == 1 {
			out[x] += mass * q[x]
			continue
		}
		f := p.Fork()
		f.Observe(Symbol(x))
		sumFutures(out, f, k-1, mass*q[x])
	}
}

// TestTable: a table holds the very bits that would be worked out, and place
// and context are inverse.
func TestTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	c := TinyNadarayaWatson().(*NadarayaWatsonConfig)
	p := fit(t, c, 4, source(rng, 4, 700)...)
	for at := range len(p.table.p) / 4 {
		c := p.table.context(at)
		if got := p.table.place(&c); got != at {
			t.Fatalf("place of context %d = %d", at, got)
		}
	}
	plain := &model{c: p.c, a: p.a, learnt: p.learnt} // but for the table
	plain.table = nil
	if d := losses(p, 500); !slices.Equal(d, losses(&NadarayaWatson{model: plain}, 500)) {
		t.Error("losses with and without a table differ")
	}
	if p := fit(t, c, 256); p.table != nil {
		t.Error("a table was made for 256 symbols")
	}
}

// losses are those of a walk that depends on the alphabet only.
func losses(p predictors.Predictor, n int) []float64 {
	p.Reset()
	bits := make([]float64, n)
	predictors.Score(p, bits, nil, source(rand.New(rand.NewPCG(0, 0)), p.Alphabet(), n)[0])
	return bits
}

// TestLargerLeaves: an index too large for its limit is refused, and made
// again with larger leaves that give the same sums.
func TestLargerLeaves(t *testing.T) {
	docs := source(rand.New(rand.NewPCG(10, 1)), 6, 3000)
	w := randomBandwidths(rand.New(rand.NewPCG(10, 2)), 6, 8)
	p := over(t, docs, 6, 8, 2, w)
	size := len(p.index.next) + len(p.index.leafs)
	if newBuilder(context.Background(), &p.memory, 3000, 6, 8, 2, size/2).run() {
		t.Errorf("an index of more than %d entries fits a limit of %d", size, size/2)
	}
	larger := over(t, docs, 6, 8, 500, w)
	if n := len(larger.index.next) + len(larger.index.leafs); n >= size {
		t.Errorf("entries with leaves below 500 = %d, want < %d", n, size)
	}
	want := losses(larger, 300)
	for i, b := range losses(p, 300) {
		if math.Abs(b-want[i]) > 1e-10 {
			t.Fatalf("symbol %d: %v bits, want %v", i, b, want[i])
		}
	}
}

// TestSaveAfterLearn: a model saved with symbols learnt since its index was
// made predicts the same bits when loaded, and goes on learning alike.
func TestSaveAfterLearn(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	const a = 30
	p := fit(t, TinyNadarayaWatson(), a, source(rng, a, 2000)...)
	for _, x := range source(rng, a, 100)[0] {
		p.Learn(x)
	}
	var file bytes.Buffer
	if err := predictors.Save(&file, p); err != nil {
		t.Fatal(err)
	}
	saved := file.Bytes()
	load := func(b []byte) (*NadarayaWatson, error) {
		q, _ := TinyNadarayaWatson().New(predictors.Env{Alphabet: a})
		err := predictors.Load(bytes.NewReader(b), q)
		return q.(*NadarayaWatson), err
	}
	q, err := load(saved)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(losses(p, 300), losses(q, 300)) {
		t.Error("losses differ after loading")
	}
	d1, d2 := p.Describe(), q.Describe()
	for name, v := range d1 {
		if d2[name] != v {
			t.Errorf("%s = %v after loading, want %v", name, d2[name], v)
		}
	}
	if d1["cv_bits"] <= 0 || d1["n_eff"] < 1 {
		t.Errorf("cv_bits, n_eff = %v, %v, want > 0, ≥ 1", d1["cv_bits"], d1["n_eff"])
	}
	for i := 0; i < len(saved); i += 23 {
		bad := slices.Clone(saved)
		bad[i] ^= 0x80
		if q, err := load(bad); err == nil { // an undetected change must do no harm
			losses(q, 20)
		}
		if i%3 == 0 {
			if _, err := load(saved[:i]); err == nil {
				t.Errorf("a file cut at %d of %d bytes is read without error", i, len(saved))
			}
		}
	}
}

// TestSearch: what is fixed stays fixed; what is not is no worse than the
// values around it; and the free bandwidths do no worse than the curve they
// start from.
func TestSearch(t *testing.T) {
	docs := source(rand.New(rand.NewPCG(12, 1)), 8, 6000)
	loss := map[string]float64{}
	for _, recency := range []string{"geometric", "power", "free"} {
		c := &NadarayaWatsonConfig{Lags: 5, Recency: recency, Folds: 4, Queries: 600}
		p := fit(t, c, 8, docs...)
		loss[recency] = p.width.bits
		v, err := newValidation(context.Background(), &p.memory, c, 8, p.seed, func(predictors.Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		for j := 1; j <= c.Lags; j++ {
			for _, factor := range []float64{0.6, 1.6} {
				alpha := slices.Clone(p.width.alpha)
				alpha[j] *= factor
				if got := v.set(p.width.b).loss(alpha); got < p.width.bits-2e-3 {
					t.Errorf("%s: %v times alpha_%d gives %v bits, want ≥ %v", recency, factor, j, got, p.width.bits)
				}
			}
		}
		for _, factor := range []float64{0.8, 1.25} {
			beta := slices.Clone(p.width.beta)
			for j := range beta {
				beta[j] *= factor
			}
			if got := v.set(factors(beta)).loss(p.width.alpha); got < p.width.bits-2e-3 {
				t.Errorf("%s: %v times beta gives %v bits, want ≥ %v", recency, factor, got, p.width.bits)
			}
		}
	}
	if loss["free"] > loss["power"]+1e-9 {
		t.Errorf("free: %v bits, want ≤ %v", loss["free"], loss["power"])
	}
	fixed := &NadarayaWatsonConfig{Lags: 3, Recency: "power", Beta: 2.5, Gamma: 0.7, Alpha: 3, Folds: 2, Queries: 50}
	p := fit(t, fixed, 8, docs...)
	for j := 1; j <= 3; j++ {
		if want := 2.5 * math.Pow(float64(j), -0.7); math.Abs(p.width.beta[j]-want) > 1e-12 || math.Abs(p.width.alpha[j]-3) > 1e-12 {
			t.Errorf("beta_%d, alpha_%d = %v, %v, want %v, 3", j, j, p.width.beta[j], p.width.alpha[j], want)
		}
	}
}

func TestGolden(t *testing.T) {
	f := func(x float64) float64 { return (x - 1.3) * (x - 1.3) }
	if x := golden(0, -3, 3, f); math.Abs(x-1.3) > 6.0/40 {
		t.Errorf("minimum of (x−1.3)² = %v", x)
	}
	if x := golden(0.25, -1, 1, func(x float64) float64 { return math.Abs(x - 0.25) }); x != 0.25 {
		t.Errorf("x = %v, want to stay where nothing is better", x)
	}
}

func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(*NadarayaWatsonConfig){
		"nadaraya-watson: lags = 0, want 1 to 12":                                  func(c *NadarayaWatsonConfig) { c.Lags = 0 },
		"nadaraya-watson: lags = 13, want 1 to 12":                                 func(c *NadarayaWatsonConfig) { c.Lags = 13 },
		`nadaraya-watson: recency = "linear", want "geometric", "power" or "free"`: func(c *NadarayaWatsonConfig) { c.Recency = "linear" },
		"nadaraya-watson: beta = -1, want 0 to 1000":                               func(c *NadarayaWatsonConfig) { c.Beta = -1 },
		"nadaraya-watson: rho = 1.5, want 0 to 1":                                  func(c *NadarayaWatsonConfig) { c.Rho = 1.5 },
		"nadaraya-watson: gamma = NaN, want 0 to 10":                               func(c *NadarayaWatsonConfig) { c.Gamma = math.NaN() },
		"nadaraya-watson: alpha = +Inf, want 0 to 1e+06":                           func(c *NadarayaWatsonConfig) { c.Alpha = math.Inf(1) },
		"nadaraya-watson: folds = 1, want 2 to 100":                                func(c *NadarayaWatsonConfig) { c.Folds = 1 },
		"nadaraya-watson: cv_queries = 0, want 1 to 100000":                        func(c *NadarayaWatsonConfig) { c.Queries = 0 },
	} {
		c := DefaultNadarayaWatson().(*NadarayaWatsonConfig)
		change(c)
		if _, err := c.New(predictors.Env{Alphabet: 2}); err == nil || err.Error() != want {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
	for _, a := range []int{0, missing + 1} {
		if _, err := DefaultNadarayaWatson().New(predictors.Env{Alphabet: a}); err == nil {
			t.Errorf("an alphabet of %d symbols is accepted", a)
		}
	}
}

// TestOpticks: against plain Witten-Bell of order 4, which has 2.397 bits per
// byte here (train 80, valid 10, test 10 per cent).
func TestOpticks(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds of training")
	}
	text, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src", "testdata", "Isaac.Newton-Opticks.txt"))
	if err != nil {
		t.Skipf("no Opticks: %v", err)
	}
	xs := symbols(text)
	c := DefaultNadarayaWatson().(*NadarayaWatsonConfig)
	c.Lags = 5 // the default 8 are better and take longer
	p := fit(t, c, 256, xs[:453_758])
	got := meanBits(p, xs[510_478:])
	t.Logf("%.4f bits per byte, %d MiB, %v", got, p.Bytes()>>20, p.Describe())
	if got > 2.397 {
		t.Errorf("bits per byte = %.4f, want < 2.397", got)
	}
	if size := p.Bytes(); size > 500<<20 {
		t.Errorf("bytes = %d, want < 500 MiB", size)
	}
}

// TestTinyShakespeare: against a brute-force Nadaraya-Watson with 8 lags on
// the first 100,000 characters, which has 3.038 bits per character on the
// last tenth, and KenLM of order 6, which has 2.975.
func TestTinyShakespeare(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds of training")
	}
	xs := tinyShakespeare(t)
	p := fit(t, DefaultNadarayaWatson(), 256, xs[:100_000])
	valid := xs[1_003_854:]
	sum, n := 0.0, 0
	for i := 0; i+1000 <= len(valid); i += 10_000 { // 12 stretches
		sum += 1000 * meanBits(p, valid[i:i+1000])
		n += 1000
	}
	t.Logf("%.4f bits per character, %v", sum/float64(n), p.Describe())
	if got := sum / float64(n); got > 3.038 {
		t.Errorf("bits per character = %.4f, want < 3.038", got)
	}
}

func tinyShakespeare(t *testing.T) []Symbol {
	dir := os.Getenv("HORIZON_CORPORA")
	if dir == "" {
		root, _ := filepath.Abs(".")
		for ; root != filepath.Dir(root); root = filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
		}
		dir = filepath.Join(root, "..", "shared", "corpora")
	}
	f, err := os.Open(filepath.Join(dir, "shakespeare", "tinyshakespeare.txt.gz"))
	if err != nil {
		t.Skipf("no tinyshakespeare: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || len(text) != 1_115_394 {
		t.Fatalf("tinyshakespeare: %d bytes, want 1115394 (%v)", len(text), err)
	}
	return symbols(text)
}

func symbols(text []byte) []Symbol {
	xs := make([]Symbol, len(text))
	for i, c := range text {
		xs[i] = Symbol(c)
	}
	return xs
}
