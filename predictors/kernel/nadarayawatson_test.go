package kernel

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
	c := NadarayaWatsonConfig{Kernel: "aitchison-aitken", Backoff: "dirichlet", Tune: "blocks", Lags: m, Recency: "geometric", Beta: 1000, Rho: 1, Alpha: alpha, Folds: 2, Queries: 10}
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
		p := over(t, "dirichlet", docs, a, m, 8, newBandwidths(w.beta, w.alpha, w.discount))
		walked := slices.Clone(docs[0][100 : 100+m])
		other := slices.Clone(walked)
		other[m-lag] = (other[m-lag] + 1) % a
		if d := distance(p, walked, other); d > 1e-14 {
			t.Errorf("β_%d = 0, and changing that lag moves the prediction by %v", lag, d)
		}
		w.beta[lag] = 2
		p.width = newBandwidths(w.beta, w.alpha, w.discount)
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
	p := over(t, "dirichlet", nil, a, 3, 1, newBandwidths([]float64{0, 0, 1.5, 9}, []float64{3.5, 1, 1, 1}, make([]float64, 12)))
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
	w := newBandwidths([]float64{0, 0.3, 1, 2.5, 0}, []float64{1, 1, 1, 1, 1}, nil)
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
		config.Lags, config.Queries = c.lags, 300
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
	p := over(t, "kneser-ney", docs, 6, 8, 2, w)
	size := len(p.index.next) + len(p.index.leafs)
	if newBuilder(context.Background(), &p.memory, 3000, 6, 8, 2, size/2).run() {
		t.Errorf("an index of more than %d entries fits a limit of %d", size, size/2)
	}
	larger := over(t, "kneser-ney", docs, 6, 8, 500, w)
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
	if d1["cv_bits"] <= 0 {
		t.Errorf("cv_bits = %v, want > 0", d1["cv_bits"])
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
		c := &NadarayaWatsonConfig{Kernel: "aitchison-aitken", Backoff: "kneser-ney", Tune: "blocks", Lags: 5, Recency: recency, Folds: 4, Queries: 600}
		p := fit(t, c, 8, docs...)
		loss[recency] = p.width.bits
		v, err := newValidation(context.Background(), &p.memory, c, 8, blockQueries(&p.memory, c, rand.New(rand.NewPCG(p.seed, 0x6e77))), func(predictors.Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		for j := 1; j <= c.Lags; j++ {
			for _, factor := range []float64{0.6, 1.6} {
				alpha := slices.Clone(p.width.alpha)
				alpha[j] *= factor
				if got := v.set(p.width.b).loss(alpha, p.width.discount); got < p.width.bits-2e-3 {
					t.Errorf("%s: %v times alpha_%d gives %v bits, want ≥ %v", recency, factor, j, got, p.width.bits)
				}
			}
		}
		for _, factor := range []float64{0.8, 1.25} {
			beta := slices.Clone(p.width.beta)
			for j := range beta {
				beta[j] *= factor
			}
			if got := v.set(factors(beta)).loss(p.width.alpha, p.width.discount); got < p.width.bits-2e-3 {
				t.Errorf("%s: %v times beta gives %v bits, want ≥ %v", recency, factor, got, p.width.bits)
			}
		}
	}
	if loss["free"] > loss["power"]+1e-9 {
		t.Errorf("free: %v bits, want ≤ %v", loss["free"], loss["power"])
	}
	fixed := &NadarayaWatsonConfig{Kernel: "aitchison-aitken", Backoff: "dirichlet", Tune: "blocks", Lags: 3, Recency: "power", Beta: 2.5, Gamma: 0.7, Alpha: 3, Folds: 2, Queries: 50}
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
		`nadaraya-watson: kernel = "rbf", want "aitchison-aitken" or "li-racine"`:  func(c *NadarayaWatsonConfig) { c.Kernel = "rbf" },
		`nadaraya-watson: backoff = "katz", want "dirichlet" or "kneser-ney"`:      func(c *NadarayaWatsonConfig) { c.Backoff = "katz" },
		`nadaraya-watson: tune = "test", want "valid" or "blocks"`:                 func(c *NadarayaWatsonConfig) { c.Tune = "test" },
		"nadaraya-watson: direct = [1 2], want horizons from 2 to 1024, ascending": func(c *NadarayaWatsonConfig) { c.Direct = []int{1, 2} },
		"nadaraya-watson: truncate = 2, want 0 to 0.99":                            func(c *NadarayaWatsonConfig) { c.Truncate = 2 },
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
	c.Queries = 300
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

// TestTinyShakespeare: from the first 100,000 characters, tuned on distant
// ones, a brute-force Nadaraya-Watson with 8 lags has 3.038 bits per character
// on the last tenth, and KenLM of order 6 has 2.975.
func TestTinyShakespeare(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds of training")
	}
	xs, a := corporatest.Packed(t, "shakespeare/tinyshakespeare.txt")
	c := DefaultNadarayaWatson().(*NadarayaWatsonConfig)
	c.Queries = 1000
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	d := predictors.Data{Train: [][]Symbol{xs[:100_000]}, Valid: [][]Symbol{xs[500_000:1_003_854]}}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
	got := meanBits(p, xs[1_003_854:])
	t.Logf("%.4f bits per character, %v", got, predictors.Describe(p))
	if got > 2.95 {
		t.Errorf("bits per character = %.4f, want < 2.95", got)
	}
}

func symbols(text []byte) []Symbol {
	xs := make([]Symbol, len(text))
	for i, c := range text {
		xs[i] = Symbol(c)
	}
	return xs
}

// TestKneserNeyLimit: with β = ∞ and α all but 0 the estimator is interpolated
// modified Kneser-Ney with the same discounts, counted here by strings.
func TestKneserNeyLimit(t *testing.T) {
	const a, m = 4, 3
	rng := rand.New(rand.NewPCG(21, 1))
	docs := source(rng, a, 600)
	w := randomBandwidths(rng, a, m)
	for j := 1; j <= m; j++ {
		w.beta[j], w.alpha[j] = 2000, 1e-300
	}
	p := over(t, "kneser-ney", docs, a, m, 8, newBandwidths(w.beta, w.alpha, w.discount))
	count := continuations(docs[0], a, m)
	walked := slices.Clone(docs[0][:m])
	p.Reset()
	for _, x := range walked {
		p.Observe(x)
	}
	for _, x := range source(rng, a, 200)[0] {
		q := make([]float64, a)
		for y := range q {
			q[y] = 1.0 / a
		}
		for j := 0; j <= m; j++ {
			n, give := w.alpha[j], w.alpha[j]
			for y := range Symbol(a) {
				e := count[j][key(walked[len(walked)-j:])+key([]Symbol{y})]
				n += float64(e)
				if e > 0 {
					give += w.discount[3*j+min(e, 3)-1]
				}
			}
			for y := range Symbol(a) {
				e := count[j][key(walked[len(walked)-j:])+key([]Symbol{y})]
				q[y] *= give
				if e > 0 {
					q[y] += float64(e) - w.discount[3*j+min(e, 3)-1]
				}
				q[y] /= n
			}
		}
		compare(t, fmt.Sprint("after ", walked[len(walked)-m:]), p, q)
		p.Observe(x)
		walked = append(walked, x)
	}
}

// continuations counts, for j < m, the distinct symbols before every string of
// j+1 symbols, the start of the document being a new one each time; for m, the
// strings.
func continuations(doc []Symbol, a, m int) []map[string]int {
	out := make([]map[string]int, m+1)
	for j := range out {
		out[j] = map[string]int{}
		before := map[string]bool{}
		for i := j; i < len(doc); i++ {
			g := key(doc[i-j : i+1])
			if j < m && i > j {
				longer := key(doc[i-j-1 : i+1])
				if before[longer] {
					continue
				}
				before[longer] = true
			}
			out[j][g]++
		}
	}
	return out
}

// TestTruncate: what is left out moves no probability by more than it weighs,
// and saves nodes.
func TestTruncate(t *testing.T) {
	docs := source(rand.New(rand.NewPCG(22, 1)), 6, 3000)
	c := TinyNadarayaWatson().(*NadarayaWatsonConfig)
	c.Lags, c.Beta, c.Rho, c.Tune = 8, 9, 0.9, "blocks"
	whole := fit(t, c, 6, docs...)
	c.Truncate = 1e-4
	cut := fit(t, c, 6, docs...)
	if n, all := len(cut.index.table), len(whole.index.table); n > all/2 {
		t.Errorf("nodes = %d, want fewer than half of %d", n, all)
	}
	want := losses(whole, 300)
	for i, b := range losses(cut, 300) {
		if math.Abs(b-want[i]) > 1e-2 {
			t.Errorf("symbol %d: %v bits, want %v", i, b, want[i])
		}
	}
}

// TestDirect: the smoother for horizon k is the definition with targets
// x_{t+k}, also after learning, saving and loading, and is what a forecast
// holds.
func TestDirect(t *testing.T) {
	const a, m, k = 3, 3, 4
	rng := rand.New(rand.NewPCG(23, 1))
	docs := source(rng, a, 300, 2, 50)
	c := TinyNadarayaWatson().(*NadarayaWatsonConfig)
	c.Lags, c.Direct = m, []int{2, k}
	p := fit(t, c, a, docs...)
	all := rememberAhead(docs, k)
	check := func(p *NadarayaWatson, walked []Symbol) {
		t.Helper()
		w := &p.direct[1].width
		want := estimateByDefinition(a, all, levelsByDefinition(all, m), w, walked)
		f := predictors.NewForecaster(a, predictors.AheadOptions{Horizons: []int{1, k}, Rollouts: 2}).At(p, 0)
		for y := range want {
			if math.Abs(f.P[1][y]-want[y]) > 1e-10 || !f.Direct[1] || f.Exact[1] {
				t.Fatalf("P(x_{t+%d} = %d) = %v (direct %v, exact %v), want %v", k, y, f.P[1][y], f.Direct[1], f.Exact[1], want[y])
			}
		}
		if !f.Exact[0] || f.Direct[0] {
			t.Errorf("one step ahead: exact, direct = %v, %v, want true, false", f.Exact[0], f.Direct[0])
		}
	}
	check(p, nil)
	var walked []Symbol
	for _, x := range source(rng, a, 40)[0] {
		p.Learn(x)
		walked = append(walked, x)
	}
	all = append(all, rememberAhead([][]Symbol{walked}, k)...)
	check(p, walked)
	var file bytes.Buffer
	if err := predictors.Save(&file, p); err != nil {
		t.Fatal(err)
	}
	q, _ := c.New(predictors.Env{Alphabet: a})
	if err := predictors.Load(&file, q); err != nil {
		t.Fatal(err)
	}
	check(after(q, walked).(*NadarayaWatson), walked)
}

// rememberAhead lists the contexts of the documents with the symbols k after.
func rememberAhead(docs [][]Symbol, k int) (all []remembered) {
	for _, doc := range docs {
		for i := range max(0, len(doc)-k+1) {
			all = append(all, remembered{doc[:i], doc[i+k-1]})
		}
	}
	return all
}

// TestEvidence: n_eff and the share left to order 0 are those of the weights
// worked out from the definition, and a match is as long as the longest
// suffix of the past that was followed by something.
func TestEvidence(t *testing.T) {
	const a, m = 5, 4
	rng := rand.New(rand.NewPCG(24, 1))
	docs := source(rng, a, 400)
	all := remember(docs)
	level := levelsByDefinition(all, m)
	w := randomBandwidths(rng, a, m)
	clear(w.discount)
	p := over(t, "kneser-ney", docs, a, m, 8, newBandwidths(w.beta, w.alpha, w.discount))
	var walked []Symbol
	for _, x := range source(rng, a, 30)[0] {
		p.Observe(x)
		walked = append(walked, x)
		got := p.Evidence()
		weights, match, rest := make([]float64, len(all)), 0, 1.0
		for j := 1; j <= m; j++ {
			total := 0.0
			for i, r := range all {
				if level[i] <= j {
					total += kernelByDefinition(j, w.beta, r.before, walked)
				}
				if agrees(r.before, walked, j) {
					match = max(match, j)
				}
			}
			rest *= w.alpha[j] / (w.alpha[j] + total)
			for i, r := range all {
				weights[i] *= w.alpha[j] / (w.alpha[j] + total)
				if level[i] <= j {
					weights[i] += kernelByDefinition(j, w.beta, r.before, walked) / (w.alpha[j] + total)
				}
			}
		}
		sum, squares := 0.0, 0.0
		for _, x := range weights {
			sum, squares = sum+x, squares+x*x
		}
		if n := sum * sum / squares; math.Abs(got.Effective-n) > 1e-8*n || math.Abs(got.Fallback-rest) > 1e-12 || got.Match != float64(match) {
			t.Fatalf("after %d: evidence = %+v, want match %d, n_eff %v, fallback %v", len(walked), got, match, n, rest)
		}
	}
}

// TestBudget: bounds are kept, by remembering the most recent contexts.
func TestBudget(t *testing.T) {
	docs := source(rand.New(rand.NewPCG(25, 1)), 20, 5000)
	whole := fit(t, TinyNadarayaWatson(), 20, docs...)
	for _, b := range []predictors.Budget{{ModelBytes: whole.Bytes() / 3}, {TrainOps: 60_000}, {TrainSeconds: 60_000 / nominalRate}} {
		p, _ := TinyNadarayaWatson().New(predictors.Env{Alphabet: 20, Seed: 5})
		if err := p.(predictors.Budgeter).SetBudget(b); err != nil {
			t.Fatal(err)
		}
		if err := predictors.Train(context.Background(), p, predictors.Data{Train: docs}, nil); err != nil {
			t.Fatal(err)
		}
		q := p.(*NadarayaWatson)
		if b.ModelBytes > 0 && q.Bytes() > b.ModelBytes {
			t.Errorf("bytes = %d, want ≤ %d", q.Bytes(), b.ModelBytes)
		}
		if ops, _ := q.Ops(); b.ModelBytes == 0 && ops > 60_000 {
			t.Errorf("operations = %v, want ≤ 60,000", ops)
		}
		n := len(q.memory.targets)
		if n == 0 || n == len(whole.memory.targets) {
			t.Fatalf("%+v: %d contexts, want some of %d", b, n, len(whole.memory.targets))
		}
		for i := range n {
			if x := q.memory.label(q.memory.targets[n-1-i]); x != docs[0][len(docs[0])-1-i] {
				t.Fatalf("context %d from the end is not the text's", i)
			}
		}
	}
	p, _ := TinyNadarayaWatson().New(predictors.Env{Alphabet: 20})
	p.(predictors.Budgeter).SetBudget(predictors.Budget{ModelBytes: 10})
	if err := predictors.Train(context.Background(), p, predictors.Data{Train: docs}, nil); err == nil {
		t.Error("a model of 10 bytes is promised")
	}
}
