package transformer

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"horizon/predictors"
)

func small() *Config {
	c := *Tiny().(*Config)
	return &c
}

func fit(t *testing.T, c *Config, A int, d predictors.Data, report func(predictors.Progress)) *Transformer {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: A, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if report == nil {
		report = func(predictors.Progress) {}
	}
	if err := p.(*Transformer).Fit(context.Background(), d, report); err != nil {
		t.Fatal(err)
	}
	return p.(*Transformer)
}

func meanBits(p predictors.Predictor, xs []predictors.Symbol) float64 {
	bits, sum := make([]float64, len(xs)), 0.0
	p.Reset()
	predictors.Score(p, bits, nil, xs)
	for _, b := range bits {
		sum += b
	}
	return sum / float64(len(xs))
}

// goldenMean draws from the process without two zeros in a row: state A emits
// 1 and stays or 0 and goes to B, evenly; B emits 1 and goes to A. h = 2/3 bit.
func goldenMean(n int, rng *rand.Rand) []predictors.Symbol {
	xs := make([]predictors.Symbol, n)
	for i := range xs {
		if i > 0 && xs[i-1] == 0 || rng.IntN(2) == 0 {
			xs[i] = 1
		}
	}
	return xs
}

// realised is the loss of the exact filter on the same symbols: the optimum
// without the luck of the draw.
func realised(xs []predictors.Symbol) float64 {
	sum := 0.0
	for i := range xs {
		if i == 0 || xs[i-1] == 1 {
			sum++
		}
	}
	return sum / float64(len(xs))
}

func TestLearnsGoldenMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	d := predictors.Data{Train: [][]predictors.Symbol{goldenMean(20000, rng)}, Valid: [][]predictors.Symbol{goldenMean(4000, rng)}}
	test := goldenMean(10000, rng)
	c := small()
	c.Steps = 300
	got, want := meanBits(fit(t, c, 2, d, nil), test), realised(test)
	if got < want-0.005 || got > want+0.02 {
		t.Errorf("golden mean: %v bits per symbol, want %v to %v", got, want, want+0.02)
	}
	t.Logf("golden mean: %.4f, optimum %.4f on these symbols", got, want)
}

// TestLearnsPeriod: a sequence of period 3 is certain once its phase is seen.
func TestLearnsPeriod(t *testing.T) {
	var xs []predictors.Symbol
	for i := range 3000 {
		xs = append(xs, []predictors.Symbol{0, 1, 1}[i%3])
	}
	d := predictors.Data{Train: [][]predictors.Symbol{xs[:2000]}, Valid: [][]predictors.Symbol{xs[2000:]}}
	c := small()
	c.Stride = 4
	c.Steps = 300
	if got := meanBits(fit(t, c, 2, d, nil), xs[2000:]); got > 0.02 {
		t.Errorf("period 3: %v bits per symbol, want ≤ 0.02", got)
	}
}

// TestLearnsCopy: x_t = x_{t−5} flipped with probability 1/10, from random
// beginnings, so h = h2(0.1) = 0.4690. No model of order below 5 does better
// than one bit: attention has to reach back.
func TestLearnsCopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	draw := func(n int) []predictors.Symbol {
		xs := randomSymbols(n, 2, rng)
		for i := 5; i < n; i++ {
			xs[i] = xs[i-5]
			if rng.IntN(10) == 0 {
				xs[i] ^= 1
			}
		}
		return xs
	}
	test := draw(10000)
	flips := 0
	for i := 5; i < len(test); i++ {
		flips += int(test[i] ^ test[i-5])
	}
	f := float64(flips) / float64(len(test)-5)
	want := -f*math.Log2(0.1) - (1-f)*math.Log2(0.9)
	c := small()
	c.Steps, c.Batch, c.LearningRate = 1000, 16, 5e-3
	got := meanBits(fit(t, c, 2, predictors.Data{Train: [][]predictors.Symbol{draw(40000)}, Valid: [][]predictors.Symbol{draw(4000)}}, nil), test)
	if got > want+0.02 || got < want-0.01 {
		t.Errorf("copy: %v bits per symbol, want %v to %v", got, want, want+0.02)
	}
	t.Logf("copy: %.4f, optimum %.4f on these symbols", got, want)
}

// TestDeterminism: the same seed gives the same bits on any number of
// processors, another seed others.
func TestDeterminism(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	d := predictors.Data{Train: [][]predictors.Symbol{goldenMean(500, rng), goldenMean(7, rng), goldenMean(1, rng)}, Valid: [][]predictors.Symbol{goldenMean(100, rng)}}
	c := small()
	c.Steps, c.ValidEvery = 20, 5
	var want []float32
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, n := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(n)
		got := fit(t, c, 2, d, nil).params
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("GOMAXPROCS = %d gives other parameters than 1", n)
		}
	}
	p, _ := c.New(predictors.Env{Alphabet: 2, Seed: 2})
	if err := p.(*Transformer).Fit(context.Background(), d, func(predictors.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(p.(*Transformer).params, want) {
		t.Error("another seed gives the same parameters")
	}
}

func TestReports(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	d := predictors.Data{Train: [][]predictors.Symbol{goldenMean(3000, rng)}, Valid: [][]predictors.Symbol{goldenMean(500, rng), goldenMean(3, rng)}}
	c := small()
	c.Steps, c.ValidEvery = 25, 10
	points := map[string][]predictors.Progress{}
	p := fit(t, c, 2, d, func(r predictors.Progress) { points[r.Metric] = append(points[r.Metric], r) })
	if got := len(points[""]); got != c.Steps {
		t.Errorf("plain reports = %d, want one a step, %d", got, c.Steps)
	}
	for _, metric := range []string{"train_bits", "valid_bits"} {
		var at []int64
		for _, r := range points[metric] {
			at = append(at, r.Symbols)
		}
		per := int64(c.Batch * c.Window)
		if want := []int64{10 * per, 20 * per, 25 * per}; !slices.Equal(at, want) {
			t.Errorf("%s after %v symbols, want %v", metric, at, want)
		}
	}
	best := slices.MinFunc(points["valid_bits"], func(a, b predictors.Progress) int { return int(math.Copysign(1, a.Value-b.Value)) })
	if p.chosen.ValidBits != best.Value || p.chosen.Step != float64(best.Done) {
		t.Errorf("chosen = %+v, want the best point %+v", p.chosen, best)
	}
	// The sample here is all of the validation part, so its loss is Score's.
	sum := 0.0
	for _, doc := range d.Valid {
		sum += meanBits(p, doc) * float64(len(doc))
	}
	if want := sum / 503; math.Abs(best.Value-want) > 1e-5 {
		t.Errorf("valid_bits = %v, want Score's %v", best.Value, want)
	}
}

// TestValidWindows: together they predict every symbol once.
func TestValidWindows(t *testing.T) {
	for _, s := range scoringShapes {
		m := newModel(s.cfg, s.A)
		for n := range 4 * s.cfg.Window {
			doc := make([]predictors.Symbol, n)
			got := 0
			for _, w := range m.validWindows([][]predictors.Symbol{doc}, 0) {
				got += len(w.xs) - w.skip
			}
			if got != n {
				t.Fatalf("%+v: windows of %d symbols predict %d", s.cfg, n, got)
			}
		}
	}
}

func TestSampler(t *testing.T) {
	docs := [][]predictors.Symbol{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {10}, {}, {11, 12, 13}}
	s := newSampler(docs, 4, rand.NewPCG(29, 30))
	seen, starts := make([]int, 14), 0
	const n = 20000
	for range n {
		w := s.window()
		xs := w.xs
		if want := map[bool]int{true: 4}[xs[0] < 10]; want > 0 && len(xs) != want {
			t.Fatalf("window = %v, want 4 symbols", xs)
		}
		for i, x := range xs {
			seen[x]++
			if int(x) != int(xs[0])+i {
				t.Fatalf("window = %v crosses documents", xs)
			}
		}
		if xs[0] == 0 {
			starts++
		}
	}
	for x, c := range seen {
		if x < 10 && math.Abs(float64(c)*14/n-4) > 1.6 {
			t.Errorf("symbol %d is in %v windows of a draw, want about 4/14", x, float64(c)/n)
		}
	}
	// From 0 start the windows around symbols 0 to 3 that would begin there
	// or before: 4/4 + 3/4 + 2/4 + 1/4 of a symbol.
	if got, want := float64(starts)/n, 2.5/14; math.Abs(got-want) > 0.01 {
		t.Errorf("share of windows at a document's start = %v, want %v", got, want)
	}
}

// TestTrainWindow: what is trained on short windows does not know of longer
// ones, which may then be scored: where places need no training, its weights
// are those of a model that has no longer ones, and within the short window it
// predicts alike.
func TestTrainWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 31))
	xs := goldenMean(40, rng)
	d := predictors.Data{Train: [][]predictors.Symbol{goldenMean(3000, rng), goldenMean(5, rng)}}
	for _, positions := range []string{"none", "sinusoidal", "alibi", "rotary"} {
		c := small()
		c.Positions, c.Window, c.Stride, c.Steps = positions, 12, 6, 30
		long := *c
		long.Window, long.TrainWindow = 40, 12
		short, longer := fit(t, c, 2, d, nil), fit(t, &long, 2, d, nil)
		if !slices.Equal(short.params, longer.params) {
			t.Errorf("%s: trained alike on windows of 12, a window of 40 gives other weights", positions)
		}
		if got, want := meanBits(longer, xs[:12]), meanBits(short, xs[:12]); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %v bits within the short window, want %v", positions, got, want)
		}
		if got := meanBits(longer, xs); math.IsNaN(got) || got == meanBits(short, xs) {
			t.Errorf("%s: %v bits, the same with a longer window: it has no effect", positions, got)
		}
	}
	for _, set := range []func(c *Config){
		func(c *Config) { c.Positions = "learned" },
		func(c *Config) { c.Positions = "relative" },
		func(c *Config) { c.Positions, c.Attention = "none", "lag" },
	} {
		c := small()
		c.TrainWindow = 8
		set(c)
		if _, err := c.New(predictors.Env{Alphabet: 2}); err == nil || !strings.HasPrefix(err.Error(), "transformer: train_window = 8 of window = 16: ") {
			t.Errorf("error = %v, want one about places that are not trained", err)
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	rng := rand.New(rand.NewPCG(31, 32))
	p, _ := small().New(predictors.Env{Alphabet: 2, Seed: 1})
	tr := newTrainer(p.(*Transformer).model, 1, predictors.Data{
		Train: [][]predictors.Symbol{goldenMean(3000, rng)}, Valid: [][]predictors.Symbol{goldenMean(500, rng)},
	})
	defer tr.team.close()
	tr.advance()
	if n := testing.AllocsPerRun(20, func() { tr.advance(); tr.validBits() }); n != 0 {
		t.Errorf("allocations per step = %v, want 0", n)
	}
}

func TestCancel(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	p, _ := small().New(predictors.Env{Alphabet: 2, Seed: 1})
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	err := p.(*Transformer).Fit(ctx, predictors.Data{Train: [][]predictors.Symbol{goldenMean(3000, rng)}}, func(r predictors.Progress) {
		if steps++; steps == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || steps != 3 {
		t.Errorf("after %d reports: %v, want 3 and a cancellation", steps, err)
	}
}

func TestNothingToLearn(t *testing.T) {
	c := small()
	c.Tied = false
	p := fit(t, c, 3, predictors.Data{}, nil)
	if got := meanBits(p, []predictors.Symbol{0, 1, 2}); math.Abs(got-math.Log2(3)) > 1e-12 {
		t.Errorf("untrained: %v bits, want log2 3", got)
	}
	// Without validation data the last weights stay.
	c.Steps, c.Warmup = 5, 0
	p = fit(t, c, 3, predictors.Data{Train: [][]predictors.Symbol{{2}}}, nil)
	if p.chosen.Step != 5 || p.chosen.ValidBits != 0 {
		t.Errorf("chosen = %+v, want step 5 and no validation", p.chosen)
	}
}

// TestAdamW compares two steps with Algorithm 2 of Loshchilov & Hutter 2019
// as printed, in float64.
func TestAdamW(t *testing.T) {
	const eta, beta2, lambda, scale = 0.01, 0.95, 0.1, 0.5
	c := Config{LearningRate: eta, MinLearningRate: 1, Steps: 2, Beta2: beta2, WeightDecay: lambda}
	w, m, v := []float32{1, -2, 0.5}, make([]float32, 3), make([]float32, 3)
	want, m64, v64 := []float64{1, -2, 0.5}, make([]float64, 3), make([]float64, 3)
	for step, g := range [][]float32{{0.3, -4, 0}, {-0.1, 2, 1e-7}} {
		c.rule(step+1).Step(w, []float32{g[0] * scale, g[1] * scale, g[2] * scale}, m, v)
		t64 := float64(step + 1)
		for i := range want {
			d := float64(g[i]) * scale
			m64[i] = 0.9*m64[i] + 0.1*d
			v64[i] = beta2*v64[i] + (1-beta2)*d*d
			mHat, vHat := m64[i]/(1-math.Pow(0.9, t64)), v64[i]/(1-math.Pow(beta2, t64))
			want[i] -= eta * (mHat/(math.Sqrt(vHat)+1e-8) + lambda*want[i])
			if math.Abs(float64(w[i])-want[i]) > 1e-6 {
				t.Errorf("step %d: w[%d] = %v, want %v", step+1, i, w[i], want[i])
			}
		}
	}
}

// TestDecay: biases and gains keep their size under decay, matrices do not.
func TestDecay(t *testing.T) {
	c := small()
	c.WeightDecay, c.LearningRate = 0.5, 0.1
	rng := rand.New(rand.NewPCG(35, 36))
	m := randomModel(*c, 3, rng)
	tr := newTrainer(m, 1, predictors.Data{Train: [][]predictors.Symbol{{0, 1, 2}}})
	defer tr.team.close()
	before, _ := newTwin(m)
	c.Warmup = 0
	tr.now, tr.clip = c.rule(1), 1
	tr.team.run(tr, (*trainer).update, 0) // with gradient zero
	after, _ := newTwin(m)
	if got, want := after.layers[0].w2[3][2], before.layers[0].w2[3][2]*0.95; math.Abs(got-want) > 1e-6 {
		t.Errorf("matrix: %v, want %v", got, want)
	}
	if got, want := after.tok[3][1], before.tok[3][1]*0.95; math.Abs(got-want) > 1e-6 {
		t.Errorf("embedding: %v, want %v", got, want)
	}
	if !slices.Equal(after.layers[0].b1, before.layers[0].b1) || !slices.Equal(after.gain, before.gain) || !slices.Equal(after.layers[0].gain1, before.layers[0].gain1) {
		t.Error("a vector decayed")
	}
}

// TestClip: a step with a gradient longer than Clip is that of the gradient
// cut to it.
func TestClip(t *testing.T) {
	rng := rand.New(rand.NewPCG(37, 38))
	d := predictors.Data{Train: [][]predictors.Symbol{goldenMean(100, rng)}}
	moments := func(clip float64) (squares float64) {
		c := small()
		c.Clip = clip
		tr := newTrainer(randomModel(*c, 2, rand.New(rand.NewPCG(1, 1))), 1, d)
		defer tr.team.close()
		tr.advance()
		for _, m := range tr.adam.m {
			squares += float64(m) * float64(m) * 100 // m = g/10 after one step
		}
		return math.Sqrt(squares)
	}
	free := moments(1e9)
	if got, want := moments(free/3), free/3; math.Abs(got/want-1) > 1e-3 {
		t.Errorf("norm of the clipped gradient = %v, want %v", got, want)
	}
}

func TestLearningRate(t *testing.T) {
	c := Config{LearningRate: 0.5, MinLearningRate: 0.1, Warmup: 4, Steps: 105}
	for step, want := range map[int]float64{0: 0.125, 3: 0.5, 4: 0.5, 54: 0.275, 104: 0.05} {
		if got := c.learningRate(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("rate at step %d = %v, want %v", step, got, want)
		}
	}
}

func TestDivergence(t *testing.T) {
	c := small()
	p, err := c.New(predictors.Env{Alphabet: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	p.(*Transformer).params[0] = float32(math.NaN())
	err = p.(*Transformer).Fit(context.Background(), predictors.Data{Train: [][]predictors.Symbol{{0, 1, 0, 1}}}, func(predictors.Progress) {})
	if err == nil || !strings.Contains(err.Error(), "transformer: loss at step 1 = NaN") {
		t.Errorf("error = %v, want one about the loss", err)
	}
}

func TestForeignSymbol(t *testing.T) {
	for _, d := range []predictors.Data{{Train: [][]predictors.Symbol{{0, 2}}}, {Train: [][]predictors.Symbol{{0}}, Valid: [][]predictors.Symbol{{0}, {2}}}} {
		p, _ := small().New(predictors.Env{Alphabet: 2, Seed: 1})
		err := p.(*Transformer).Fit(context.Background(), d, func(predictors.Progress) {})
		if err == nil || err.Error() != "transformer: symbol = 2, want < 2" {
			t.Errorf("error = %v, want one about symbol 2", err)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		change func(c *Config)
		want   string
	}{
		{func(c *Config) { c.Width, c.Heads = 64, 3 }, "transformer: heads = 3, want a divisor of width = 64"},
		{func(c *Config) { c.Layers = 0 }, "transformer: layers = 0, want 1 to 1024"},
		{func(c *Config) { c.Heads = 0 }, "transformer: heads = 0, want 1 to 16"},
		{func(c *Config) { c.Width = -1 }, "transformer: width = -1, want 1 to 1048576"},
		{func(c *Config) { c.Window = 0 }, "transformer: window = 0, want 1 to 1048576"},
		{func(c *Config) { c.Stride = 17 }, "transformer: stride = 17, want 1 to 16"},
		{func(c *Config) { c.Batch = 0 }, "transformer: batch = 0, want 1 to 1048576"},
		{func(c *Config) { c.Warmup = 61 }, "transformer: warmup = 61, want 0 to 60"},
		{func(c *Config) { c.ValidEvery = 0 }, "transformer: valid_every = 0, want 1 to 1073741824"},
		{func(c *Config) { c.LearningRate = math.NaN() }, "transformer: learning_rate = NaN, want > 0 and ≤ 1"},
		{func(c *Config) { c.MinLearningRate = 1.5 }, "transformer: min_learning_rate = 1.5, want a share of learning_rate, 0 to 1"},
		{func(c *Config) { c.Beta2 = 1 }, "transformer: beta2 = 1, want ≥ 0 and < 1"},
		{func(c *Config) { c.WeightDecay = -1 }, "transformer: weight_decay = -1, want ≥ 0 and < 1/learning_rate"},
		{func(c *Config) { c.Clip = 0 }, "transformer: clip = 0, want > 0"},
		{func(c *Config) { c.Values = "one" }, `transformer: values = "one", want one of learned, one-hot`},
		{func(c *Config) {
			c.Values, c.Attention, c.Positions, c.Recurrent = "one-hot", "linear", "none", "window"
		},
			`transformer: recurrent = "window" with values = "one-hot": that head looks back at keys, which no recurrence keeps`},
		{func(c *Config) { c.TrainWindow = 17 }, "transformer: train_window = 17, want 0 to 16"},
		{func(c *Config) { c.Accumulate = -1 }, "transformer: accumulate = -1, want 0 to 1048576"},
		{func(c *Config) { c.Patience = -1 }, "transformer: patience = -1, want 0 to 1073741824"},
		{func(c *Config) { c.Rank = 17 }, "transformer: rank = 17, want 0 to 16"},
		{func(c *Config) { c.Rank, c.Attention = 2, "gaussian" },
			`transformer: rank = 2 with attention = "gaussian", want "softmax" or "bilinear": no other kernel is a function of that product alone`},
		{func(c *Config) { c.Rank, c.Positions = 2, "rotary" },
			`transformer: rank = 2 with positions = "rotary": queries and keys are turned before they are multiplied`},
		{func(c *Config) { c.Prompt = 16 }, "transformer: prompt = 16, want 0 to 15"},
		{func(c *Config) { c.Prompt = 9 }, "transformer: stride = 8, want 1 to 7"},
		{func(c *Config) { c.Prompt, c.PromptShare = 1, 1 }, "transformer: prompt_share = 1, want ≥ 0 and < 1"},
		{func(c *Config) { c.Prompt, c.PromptSteps = 1, 0 }, "transformer: prompt_steps = 0, want 1 to 1073741824"},
		{func(c *Config) { c.Prompt, c.PromptBeam = 1, -1 }, "transformer: prompt_beam = -1, want 0 to 1048576"},
		{func(c *Config) { c.Prompt, c.PromptRate = 1, math.Inf(1) }, "transformer: prompt_rate = +Inf, want > 0 and ≤ 1"},
		{func(c *Config) { c.Prompt, c.Values = 1, "one-hot" },
			`transformer: prompt = 1 with values = "one-hot": its vectors are no symbols that could come next`},
		{func(c *Config) { c.Segment = -1 }, "transformer: segment = -1, want 0 to 1073741824"},
		{func(c *Config) { c.Segment, c.Attention, c.Positions, c.Recurrent = 1, "linear", "none", "endless" },
			`transformer: recurrent = "endless" with prompt = 0 and segment = 1, want 0: there is no window that they could begin`},
		{func(c *Config) { c.CheckpointEvery = -1 }, "transformer: checkpoint_every = -1, want 0 to 1073741824"},
	} {
		cfg := small()
		c.change(cfg)
		if _, err := cfg.New(predictors.Env{Alphabet: 2}); err == nil || err.Error() != c.want {
			t.Errorf("error = %v, want %s", err, c.want)
		}
	}
	huge := small()
	huge.Width, huge.Layers = maxSize, 1024
	if _, err := huge.New(predictors.Env{Alphabet: 2}); err == nil || !strings.Contains(err.Error(), "too large together") {
		t.Errorf("error = %v, want one about size", err)
	}
	if _, err := small().New(predictors.Env{}); err == nil {
		t.Error("took an empty alphabet")
	}
	for _, c := range []predictors.Config{Default(), Tiny()} {
		if _, err := c.New(predictors.Env{Alphabet: 4}); err != nil {
			t.Error(err)
		}
	}
}
