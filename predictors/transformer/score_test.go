package transformer

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"horizon/predictors"
)

func randomSymbols(n, A int, rng *rand.Rand) []predictors.Symbol {
	xs := make([]predictors.Symbol, n)
	for i := range xs {
		xs[i] = predictors.Symbol(rng.IntN(A))
	}
	return xs
}

var scoringShapes = append([]shape{
	{Config{Layers: 2, Heads: 2, Width: 12, Window: 9, Stride: 4, Tied: true, FeedForward: 4, Biases: true}, 5, nil},
	{Config{Layers: 2, Heads: 1, Width: 16, Window: 2*strip + 7, Stride: strip + 3, FeedForward: 4, Biases: true}, 3, nil},
	{Config{Layers: 1, Heads: 4, Width: 8, Window: 6, Stride: 6, Tied: true, FeedForward: 4, Biases: true}, 7, nil},
	{Config{Layers: 1, Heads: 2, Width: 8, Window: 6, Stride: 1, FeedForward: 4, Biases: true}, 2, nil},
	{Config{Layers: 1, Heads: 1, Width: 8, Window: 1, Stride: 1, FeedForward: 4, Biases: true}, 4, nil},
	{Config{Layers: 1, Heads: 1, Width: 20, Window: 50, Stride: 49, FeedForward: 4, Biases: true}, 1, nil},
}, scoredVariants()...)

// scoredVariants are the variants with windows that overlap.
func scoredVariants() (out []shape) {
	for _, s := range variants() {
		s.cfg.Stride = 2
		out = append(out, s)
	}
	return out
}

// each scores xs symbol by symbol, through Predict.
func each(p predictors.Predictor, xs []predictors.Symbol) (bits []float64, top []predictors.Symbol) {
	probs := make([]float64, p.Alphabet())
	for _, x := range xs {
		p.Predict(probs)
		bits = append(bits, -math.Log2(probs[x]))
		top = append(top, predictors.Argmax(probs))
		p.Observe(x)
	}
	return bits, top
}

// TestScoreMatchesTwin computes every prediction from the definition of the
// windows and the twin.
func TestScoreMatchesTwin(t *testing.T) {
	for _, s := range scoringShapes {
		rng := rand.New(rand.NewPCG(5, 6))
		m := randomModel(s.cfg, s.A, rng)
		slow, _ := newTwin(m)
		xs := randomSymbols(3*s.cfg.Window+5, s.A, rng)
		bits := make([]float64, len(xs))
		newTransformer(m, 0).Score(bits, nil, xs)
		for i, x := range xs {
			// Window n predicts the symbols from n·stride + keep on; the
			// first those before, too.
			room := s.cfg.Window - s.cfg.Prompt // for symbols and the start
			n := max(0, (i-(room-s.cfg.Stride))/s.cfg.Stride)
			if i < room {
				n = 0
			}
			slow.past = n * s.cfg.Stride
			ids := []int32{int32(s.A)}
			for j := range s.cfg.Prompt {
				ids = append(ids, int32(s.A+1+j))
			}
			for _, y := range xs[n*s.cfg.Stride : i] {
				ids = append(ids, int32(y))
			}
			rows := slow.logits(ids)
			p := softmax64(rows[len(rows)-1])[x]
			want := -math.Log2(floor + (1-floor*float64(s.A))*p)
			if math.Abs(bits[i]-want) > 1e-4*(1+want) {
				t.Fatalf("%+v: bits[%d] = %v, want %v", s.cfg, i, bits[i], want)
			}
		}
	}
}

// TestBlocking: Score in random blocks, with an occasional Predict between
// them, equals Predict symbol by symbol to the last bit.
func TestBlocking(t *testing.T) {
	for _, s := range scoringShapes {
		rng := rand.New(rand.NewPCG(7, 8))
		m := randomModel(s.cfg, s.A, rng)
		p := newTransformer(m, 0)
		xs := randomSymbols(5*s.cfg.Window+7, s.A, rng)
		wantBits, wantTop := each(p, xs)
		probs := make([]float64, s.A)
		for range 10 {
			p.Reset()
			for i := 0; i < len(xs); {
				n := min(1+rng.IntN(2*s.cfg.Window), len(xs)-i)
				switch rng.IntN(3) {
				case 0:
					p.Predict(probs)
				case 1:
					p.Observe(xs[i])
					i++
					continue
				}
				bits, top := make([]float64, n), make([]predictors.Symbol, n)
				p.Score(bits, top, xs[i:i+n])
				if !slices.Equal(bits, wantBits[i:i+n]) || !slices.Equal(top, wantTop[i:i+n]) {
					t.Fatalf("%+v: symbols %d to %d: %v %v, want %v %v", s.cfg, i, i+n, bits, top, wantBits[i:i+n], wantTop[i:i+n])
				}
				i += n
			}
		}
	}
}

func TestProbabilities(t *testing.T) {
	check := func(p []float64) {
		t.Helper()
		sum := 0.0
		for x, v := range p {
			sum += v
			if !(v >= floor) {
				t.Errorf("p[%d] = %v, want ≥ %v", x, v, floor)
			}
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("Σ p = %v, want 1", sum)
		}
	}
	p := make([]float64, 3)
	probabilities(p, []float32{300, -3e38, 300})
	check(p)
	if math.Abs(p[0]-0.5) > 1e-8 || math.Abs(p[1]-floor) > 1e-15 {
		t.Errorf("p = %v, want 1/2, floor, 1/2", p)
	}
	for _, A := range []int{1, 2, 256, 1 << 16} {
		q, err := (&Config{Layers: 1, Heads: 1, Width: 4, Window: 4, Stride: 2, Batch: 1, Steps: 1, LearningRate: 1, Beta2: 0.9, Clip: 1, ValidEvery: 1, OnlineEvery: 1, OnlineRate: 1e-3}).New(predictors.Env{Alphabet: A, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		p := make([]float64, A)
		for i := range 6 {
			q.Predict(p) // untrained
			check(p)
			if got := q.(predictors.Prober).Prob(predictors.Symbol(A - 1)); got != p[A-1] {
				t.Errorf("Prob = %v, want %v", got, p[A-1])
			}
			q.Observe(predictors.Symbol(i % A))
		}
	}
}

// TestCausality: a changed symbol changes no prediction before it, and one
// older than the window none at all (claim C2 of the programme).
func TestCausality(t *testing.T) {
	for _, s := range scoringShapes {
		if s.A < 2 {
			continue
		}
		rng := rand.New(rand.NewPCG(9, 10))
		p := newTransformer(randomModel(s.cfg, s.A, rng), 0)
		xs := randomSymbols(4*s.cfg.Window, s.A, rng)
		want, _ := each(p, xs)
		for range 20 {
			at := rng.IntN(len(xs))
			ys := slices.Clone(xs)
			ys[at] = (ys[at] + 1) % predictors.Symbol(s.A)
			p.Reset()
			got, _ := each(p, ys)
			after := min(len(xs), at+s.cfg.Window)
			if !slices.Equal(got[:at], want[:at]) || !slices.Equal(got[after:], want[after:]) {
				t.Errorf("%+v: symbol %d changed a prediction before it or %d after", s.cfg, at, s.cfg.Window)
			}
			if s.cfg.Window > 1 && s.cfg.Stride < s.cfg.Window && at+1 < len(xs) && got[at+1] == want[at+1] {
				t.Errorf("%+v: symbol %d did not change the next prediction", s.cfg, at)
			}
		}
	}
}

// TestForks: forks made anywhere go their own ways at once, as a predictor
// that had gone there alone, and leave their parent alone.
func TestForks(t *testing.T) {
	for _, s := range scoringShapes {
		rng := rand.New(rand.NewPCG(11, 12))
		m := randomModel(s.cfg, s.A, rng)
		p := newTransformer(m, 0)
		xs := randomSymbols(3*s.cfg.Window, s.A, rng)
		wantBits, _ := each(newTransformer(m, 0), xs)
		var wait sync.WaitGroup
		for i, x := range xs {
			if i%3 == 0 {
				p.Prob(x) // some forks are made with a distribution, some without
			}
			f, tail := p.Fork(), randomSymbols(s.cfg.Window+3, s.A, rng)
			wait.Add(1)
			go func() {
				defer wait.Done()
				want, _ := each(newTransformer(m, 0), append(slices.Clone(xs[:i]), tail...))
				got := make([]float64, 3)
				f.(*Transformer).Score(got, nil, tail[:3])
				rest, _ := each(f.Fork(), tail[3:])
				got = append(got, rest...)
				if !slices.Equal(got, want[i:]) {
					t.Errorf("%+v: fork at %d: %v, want %v", s.cfg, i, got, want[i:])
				}
			}()
			if got := -math.Log2(p.Prob(x)); got != wantBits[i] {
				t.Errorf("%+v: the parent's bits[%d] = %v, want %v", s.cfg, i, got, wantBits[i])
			}
			p.Observe(x)
		}
		wait.Wait()
	}
}

func TestPredictAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	s := scoringShapes[0]
	rng := rand.New(rand.NewPCG(13, 14))
	p := newTransformer(randomModel(s.cfg, s.A, rng), 0)
	probs := make([]float64, s.A)
	xs := randomSymbols(200, s.A, rng)
	i := 0
	if n := testing.AllocsPerRun(150, func() {
		p.Predict(probs)
		p.Observe(xs[i%len(xs)])
		i++
	}); n != 0 {
		t.Errorf("allocations per Predict and Observe = %v, want 0", n)
	}
	bits, top := make([]float64, len(xs)), make([]predictors.Symbol, len(xs))
	p.Score(bits, top, xs)
	if n := testing.AllocsPerRun(10, func() { p.Score(bits, top, xs) }); n != 0 {
		t.Errorf("allocations per Score = %v, want 0", n)
	}
}

func TestSave(t *testing.T) {
	s := scoringShapes[0]
	rng := rand.New(rand.NewPCG(15, 16))
	p := newTransformer(randomModel(s.cfg, s.A, rng), 0)
	p.chosen = choice{30, 1.5, 1.25}
	xs := randomSymbols(50, s.A, rng)
	want, _ := each(p, xs)
	var saved bytes.Buffer
	if err := predictors.Save(&saved, p); err != nil {
		t.Fatal(err)
	}
	q := newTransformer(newModel(s.cfg, s.A), 0)
	if err := predictors.Load(bytes.NewReader(saved.Bytes()), q); err != nil {
		t.Fatal(err)
	}
	if got, _ := each(q, xs); !slices.Equal(got, want) {
		t.Errorf("loaded: %v, want %v", got, want)
	}
	if q.chosen != p.chosen || q.Describe()["valid_bits"] != 1.5 {
		t.Errorf("loaded: %+v, want %+v", q.chosen, p.chosen)
	}
	if got, want := q.Bytes(), int64(4*len(p.params)); got != want {
		t.Errorf("Bytes = %d, want %d", got, want)
	}
	other := newTransformer(newModel(s.cfg, s.A+1), 0)
	before := slices.Clone(other.params)
	if err := predictors.Load(bytes.NewReader(saved.Bytes()), other); err == nil {
		t.Error("loaded parameters of another alphabet")
	}
	if err := predictors.Load(bytes.NewReader(saved.Bytes()[:saved.Len()-1]), q); err == nil {
		t.Error("loaded a file cut short")
	}
	if !slices.Equal(other.params, before) {
		t.Error("a failed load changed the parameters")
	}
}

func TestMisuse(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Observe took a symbol outside the alphabet")
		}
	}()
	s := scoringShapes[0]
	newTransformer(newModel(s.cfg, s.A), 0).Observe(predictors.Symbol(s.A))
}

// TestHidden: the prediction is the softmax of the hidden state's product with
// the head, for a fork too.
func TestHidden(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	s := scoringShapes[0]
	p := newTransformer(randomModel(s.cfg, s.A, rng), 0)
	probs := make([]float64, s.A)
	for _, x := range randomSymbols(30, s.A, rng) {
		p.Observe(x)
		f := p.Fork().(*Transformer)
		h := f.Hidden([]float64{7})
		if len(h) != 1+p.C || !slices.Equal(h[1:], p.Hidden(nil)) {
			t.Fatalf("hidden state of a fork = %v, want %v", h[1:], p.Hidden(nil))
		}
		var logits []float64
		for y := range s.A {
			sum := 0.0
			for i, v := range h[1:] {
				sum += v * float64(p.w.head[y*p.C+i])
			}
			logits = append(logits, sum)
		}
		p.Predict(probs)
		for y, want := range softmax64(logits) {
			if math.Abs(probs[y]-want) > 1e-5 {
				t.Fatalf("P(%d) = %v, want %v from the hidden state", y, probs[y], want)
			}
		}
	}
}
