package predictors_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
)

type symbol = predictors.Symbol

// table predicts by a fixed matrix of the last symbol: a Markov chain.
type table struct {
	rows   [][]float64
	at     symbol
	merges bool
}

func (m *table) Alphabet() int              { return len(m.rows) }
func (m *table) Reset()                     { m.at = 0 }
func (m *table) Predict(p []float64)        { copy(p, m.rows[m.at]) }
func (m *table) Observe(x symbol)           { m.at = x }
func (m *table) Fork() predictors.Predictor { c := *m; return &c }

// merging is a table that can say where it is.
type merging struct{ *table }

func (m merging) Fork() predictors.Predictor { return merging{m.table.Fork().(*table)} }
func (m merging) State(b []byte) []byte      { return append(b, byte(m.at)) }

func randomTable(a int, seed uint64) *table {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := &table{}
	for range a {
		row, sum := make([]float64, a), 0.0
		for y := range row {
			row[y] = rng.ExpFloat64()
			sum += row[y]
		}
		for y := range row {
			row[y] /= sum
		}
		m.rows = append(m.rows, row)
	}
	return m
}

// power is row x of M^k, by repeated multiplication.
func (m *table) power(x symbol, k int) []float64 {
	p := make([]float64, len(m.rows))
	p[x] = 1
	for range k {
		q := make([]float64, len(p))
		for i, w := range p {
			for j, v := range m.rows[i] {
				q[j] += w * v
			}
		}
		p = q
	}
	return p
}

func TestForecastOfAChainIsItsMatrixPower(t *testing.T) {
	ks := []int{1, 2, 3, 7, 40}
	m := randomTable(6, 3)
	f := predictors.NewForecaster(6, predictors.AheadOptions{Horizons: ks, Rollouts: 2})
	got := f.At(merging{m}, 0)
	for i, k := range ks {
		if !got.Exact[i] {
			t.Errorf("k = %d: sampled, though six states are all there are", k)
		}
		want := m.power(0, k)
		for y := range want {
			if math.Abs(got.P[i][y]-want[y]) > 1e-10 {
				t.Errorf("k = %d: P(%d) = %v, want %v", k, y, got.P[i][y], want[y])
			}
		}
	}
}

func TestForecastBySampling(t *testing.T) {
	ks := []int{1, 2, 9}
	m := randomTable(3, 5)
	const r = 40_000
	f := predictors.NewForecaster(3, predictors.AheadOptions{Horizons: ks, Rollouts: r, States: 1, Seed: 8})
	got := f.At(m, 4)
	if !got.Exact[0] || got.Exact[1] || got.Exact[2] {
		t.Fatalf("exact = %v, want the first horizon only", got.Exact)
	}
	for i, k := range ks {
		want := m.power(0, k)
		for y := range want {
			// A mean of r values in [0, 1] has a standard error below 1/(2√r).
			if d := math.Abs(got.P[i][y] - want[y]); d > 4/(2*math.Sqrt(r)) {
				t.Errorf("k = %d: P(%d) = %v, want %v", k, y, got.P[i][y], want[y])
			}
			if d := (got.Half[0][i][y] + got.Half[1][i][y]) / 2; math.Abs(d-got.P[i][y]) > 1e-12 {
				t.Errorf("k = %d: the halves average to %v, not %v", k, d, got.P[i][y])
			}
		}
	}
	again := slices.Clone(got.P[2])
	if f.At(m, 4); !slices.Equal(again, got.P[2]) {
		t.Error("the same point forecast twice differs")
	}
	if f.At(m, 5); slices.Equal(again, got.P[2]) {
		t.Error("another point used the same random numbers")
	}
}

// Unmerged futures are followed while A^{k-1} stays within the limit.
func TestForecastByEnumeration(t *testing.T) {
	ks := []int{1, 2, 5, 8, 9}
	m := randomTable(2, 6)
	f := predictors.NewForecaster(2, predictors.AheadOptions{Horizons: ks, Rollouts: 2, States: 128})
	got := f.At(m, 0)
	if want := []bool{true, true, true, true, false}; !slices.Equal(got.Exact, want) {
		t.Fatalf("exact = %v, want %v", got.Exact, want)
	}
	for i, k := range ks[:4] {
		if want := m.power(0, k); math.Abs(got.P[i][0]-want[0]) > 1e-12 {
			t.Errorf("k = %d: %v, want %v", k, got.P[i], want)
		}
	}
}

// peaked gives one symbol almost all the mass and the others very little.
func peaked(a int) *table {
	m := &table{}
	for x := range a {
		row := make([]float64, a)
		for y := range row {
			row[y] = 1e-8
		}
		row[(x+1)%a] = 1 - 1e-8*float64(a-1)
		m.rows = append(m.rows, row)
	}
	return m
}

func TestCoderMeetsTheLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	noise := func(a, n int) []symbol {
		xs := make([]symbol, n)
		for i := range xs {
			xs[i] = symbol(rng.IntN(a))
		}
		return xs
	}
	ring := make([]symbol, 5000)
	for i := range ring {
		ring[i] = symbol((i + 1) % 300)
	}
	for _, c := range []struct {
		name string
		p    *table
		xs   []symbol
	}{
		{"binary", randomTable(2, 1), noise(2, 20_000)},
		{"bytes", randomTable(256, 2), noise(256, 20_000)},
		{"large alphabet", randomTable(3000, 3), noise(3000, 500)},
		{"certain and right", peaked(300), ring},
		{"certain and wrong", peaked(300), noise(300, 500)},
		{"one symbol", &table{rows: [][]float64{{1}}}, make([]symbol, 1000)},
		{"empty", randomTable(2, 1), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bits := make([]float64, len(c.xs))
			predictors.Score(c.p.Fork(), bits, nil, c.xs)
			claimed := 0.0
			for _, b := range bits {
				claimed += b
			}
			code, err := predictors.Encode(c.p.Fork(), c.xs, false)
			if err != nil {
				t.Fatal(err)
			}
			// The last term: 2⁻³⁰ is added to probabilities of 1e-8.
			if got := float64(8 * len(code)); math.Abs(got-claimed) > 64+claimed*1e-6 && c.name != "certain and wrong" {
				t.Errorf("coded %v bits, claimed %v", got, claimed)
			}
			back, err := predictors.Decode(c.p.Fork(), code, len(c.xs), false)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(back, c.xs) {
				t.Error("decoding gives another sequence")
			}
		})
	}
}

// The decoder must survive any bytes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{}, 10)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255}, 100)
	m := randomTable(7, 1)
	f.Fuzz(func(t *testing.T, code []byte, n int) {
		n = min(max(n, 0), 1000)
		xs, err := predictors.Decode(m.Fork(), code, n, false)
		if err == nil && len(xs) != n {
			t.Errorf("decoded %d symbols, asked for %d", len(xs), n)
		}
	})
}

func FuzzCoder(f *testing.F) {
	f.Add([]byte("abracadabra"), uint64(1))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		m := randomTable(256, seed%8)
		xs := make([]symbol, len(text))
		for i, b := range text {
			xs[i] = symbol(b)
		}
		code, err := predictors.Encode(m.Fork(), xs, false)
		if err != nil {
			t.Fatal(err)
		}
		back, err := predictors.Decode(m.Fork(), code, len(xs), false)
		if err != nil || !slices.Equal(back, xs) {
			t.Fatalf("decoded %v, %v", back, err)
		}
	})
}

type saved struct {
	table
	a []uint32
	b []float64
	c []uint8
	n uint64
}

func (s *saved) fields(a *predictors.Archive) {
	predictors.Slice(a, &s.a)
	predictors.Slice(a, &s.b)
	predictors.Slice(a, &s.c)
	predictors.Value(a, &s.n)
}
func (s *saved) WriteTo(w io.Writer) (int64, error)  { return predictors.WriteArchive(w, s.fields) }
func (s *saved) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, s.fields) }

func TestArchive(t *testing.T) {
	big := make([]uint32, 3<<20) // longer than a chunk
	for i := range big {
		big[i] = uint32(i * i)
	}
	in := &saved{a: big, b: []float64{math.Pi, math.Inf(1)}, n: 9}
	var w bytes.Buffer
	if err := predictors.Save(&w, in); err != nil {
		t.Fatal(err)
	}
	out := &saved{}
	if err := predictors.Load(bytes.NewReader(w.Bytes()), out); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(in.a, out.a) || !slices.Equal(in.b, out.b) || len(out.c) != 0 || out.n != 9 {
		t.Error("read back something else")
	}
	for _, n := range []int{0, 3, 8, 100, w.Len() - 1} {
		if err := predictors.Load(bytes.NewReader(w.Bytes()[:n]), &saved{}); err == nil {
			t.Errorf("cut off at byte %d: no error", n)
		}
	}
	huge := append(bytes.Repeat([]byte{0xff}, 8), make([]byte, 100)...)
	if err := predictors.Load(bytes.NewReader(huge), &saved{}); err == nil {
		t.Error("a length of 2^64-1: no error")
	}
}

// onlyFits is trained in one go.
type onlyFits struct{ table }

func (onlyFits) Fit(context.Context, predictors.Data, func(predictors.Progress)) error { return nil }

func TestPrequentialIsRefusedToWhatCannotLearn(t *testing.T) {
	p := &onlyFits{*randomTable(2, 1)}
	if err := predictors.ScoreLearning(p, make([]float64, 1), nil, []symbol{0}); err == nil {
		t.Error("no error")
	}
	if _, err := predictors.Encode(p, []symbol{0}, true); err == nil {
		t.Error("Encode: no error")
	}
	if err := predictors.ScoreLearning(randomTable(2, 1), make([]float64, 1), nil, []symbol{0}); err != nil {
		t.Errorf("nothing to train: %v", err)
	}
}

func TestSample(t *testing.T) {
	p := []float64{0, 0.25, 0, 0.75, 0}
	for _, c := range []struct {
		u    float64
		want symbol
	}{{0, 1}, {0.2499, 1}, {0.25, 3}, {0.999999, 3}, {math.Nextafter(1, 0), 3}} {
		if got := predictors.Sample(p, c.u); got != c.want {
			t.Errorf("Sample(%v) = %d, want %d", c.u, got, c.want)
		}
	}
	// Rounding may leave the sum below u; the last possible symbol is meant.
	if got := predictors.Sample([]float64{0.3, 0.3, 0}, 0.9); got != 1 {
		t.Errorf("Sample past the sum = %d, want 1", got)
	}
}

func ExampleScore() {
	p := &table{rows: [][]float64{{0.25, 0.75}, {0.5, 0.5}}}
	bits, top := make([]float64, 3), make([]symbol, 3)
	predictors.Score(p, bits, top, []symbol{0, 1, 0})
	fmt.Printf("%.3f %v\n", bits, top)
	// Output: [2.000 0.415 1.000] [1 1 0]
}

// counts is a learner that is tuned.
type counts struct {
	n     []float64
	delta float64
}

func (c *counts) Alphabet() int { return len(c.n) }
func (c *counts) Reset()        {}
func (c *counts) Predict(p []float64) {
	sum := 0.0
	for x, n := range c.n {
		p[x] = n + c.delta
		sum += p[x]
	}
	for x := range p {
		p[x] /= sum
	}
}
func (c *counts) Observe(symbol)             {}
func (c *counts) Learn(x symbol)             { c.n[x]++ }
func (c *counts) Fork() predictors.Predictor { d := *c; return &d }
func (c *counts) Tune(context.Context, predictors.Data, func(predictors.Progress)) error {
	c.delta = 0.5
	return nil
}

func TestTrainDrawsALearningCurve(t *testing.T) {
	xs := make([]symbol, 5000)
	for i := range xs {
		xs[i] = symbol(i * i % 3)
	}
	c := &counts{n: make([]float64, 3), delta: 100}
	var at []int64
	var last float64
	err := predictors.Train(context.Background(), c, predictors.Data{Train: [][]symbol{xs[:3000], xs[3000:4000]}, Valid: [][]symbol{xs[4000:]}},
		func(p predictors.Progress) {
			if p.Metric == "valid_bits" {
				at, last = append(at, p.Symbols), p.Value
			}
		})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int64{1024, 2048, 4000}; !slices.Equal(at, want) {
		t.Errorf("points at %v symbols, want %v", at, want)
	}
	if want, _ := predictors.SampleLoss(c, [][]symbol{xs[4000:]}, 1<<20); last != want {
		t.Errorf("the last point is %v bits, the tuned predictor's loss %v", last, want)
	}
}

func TestRefitLearnsTheValidationPart(t *testing.T) {
	d := predictors.Data{Train: [][]symbol{{0, 0}}, Valid: [][]symbol{{1, 1, 2}, {2}}}
	for _, refit := range []bool{false, true} {
		c := &counts{n: make([]float64, 3), delta: 100}
		d.Refit = refit
		if err := predictors.Train(context.Background(), c, d, nil); err != nil {
			t.Fatal(err)
		}
		want := []float64{2, 0, 0}
		if refit {
			want = []float64{2, 2, 2}
		}
		if !slices.Equal(c.n, want) || c.delta != 0.5 {
			t.Errorf("refit = %v: counts %v, δ %v, want %v and the tuned 0.5", refit, c.n, c.delta, want)
		}
	}
}
