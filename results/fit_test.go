package results

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func nearly(a, b, relative float64) bool { return math.Abs(a-b) <= relative*math.Abs(b) }

// sizes are powers of two from 2^from, and the losses there.
func sizes(from, count int, loss func(n float64) float64) (n, y []float64) {
	for i := range count {
		x := math.Exp2(float64(from + i))
		n, y = append(n, x), append(y, loss(x))
	}
	return n, y
}

var free = math.NaN()

// What was put in comes out, h and L fitted or given.
func TestFitLawRecovers(t *testing.T) {
	logLoss := func(n float64) float64 { return 0.9 + 31/math.Log2(n) }
	powerLoss := func(n float64) float64 { return 1.7 + 45*math.Pow(n, -0.31) }
	for _, c := range []struct {
		law   Law
		loss  func(float64) float64
		known float64
		want  []float64
	}{
		{LogLaw, logLoss, free, []float64{0.9, 31}},
		{LogLaw, logLoss, 0.9, []float64{0.9, 31}},
		{PowerLaw, powerLoss, free, []float64{1.7, 45, 0.31}},
		{PowerLaw, powerLoss, 1.7, []float64{1.7, 45, 0.31}},
		{PowerLaw, func(n float64) float64 { return 2 - 3*math.Pow(n, -1.5) }, free, []float64{2, -3, 1.5}},
		{PowerLaw, func(n float64) float64 { return 1 + 3e5*math.Pow(n, -1) }, free, []float64{1, 3e5, 1}},
	} {
		n, y := sizes(10, 9, c.loss)
		f, err := FitLaw(c.law, n, y, c.known)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if p := f.Params[i]; !nearly(p.Value, want, 1e-4) || p.Lo > p.Value || p.Hi < p.Value {
				t.Errorf("%s, known %v: %s = %+v, want %v", c.law.Formula, c.known, p.Name, p.Interval, want)
			}
		}
		if at := f.At(1e9); !nearly(at, c.loss(1e9), 1e-4) {
			t.Errorf("%s at 1e9 = %v, want %v", c.law.Formula, at, c.loss(1e9))
		}
		if f.Points != 9 || f.RMS > 1e-6 || f.Given != (c.known == c.known) {
			t.Errorf("%s: points, RMS, given = %d, %v, %v", c.law.Formula, f.Points, f.RMS, f.Given)
		}
	}
}

// The National Institute of Standards' data set DanWood, y = b₁ x^b₂ (Daniel &
// Wood 1980), certified to eleven digits, as a power law in 1/x without
// asymptote. Certified too are the standard deviations; t of 4 degrees of
// freedom is 2.7764.
func TestFitLawCertified(t *testing.T) {
	x := []float64{1.309, 1.471, 1.490, 1.565, 1.611, 1.680}
	y := []float64{2.138, 3.421, 3.597, 4.340, 4.882, 5.660}
	n := make([]float64, len(x))
	for i := range x {
		n[i] = 1 / x[i]
	}
	f, err := FitLaw(PowerLaw, n, y, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]float64{1: {0.76886226176, 0.018281973860}, 2: {3.8604055871, 0.051726610913}} {
		p := f.Params[i]
		if i > 0 && (!nearly(p.Value, want[0], 1e-6) || !nearly((p.Hi-p.Lo)/2, 2.7764451052*want[1], 1e-5)) {
			t.Errorf("%s = %.10f ± %.10f, want %v ± 2.776·%v", p.Name, p.Value, (p.Hi-p.Lo)/2, want[0], want[1])
		}
	}
	if sse := f.RMS * f.RMS * 6; !nearly(sse, 4.3173084083e-03, 1e-6) {
		t.Errorf("sum of squares = %v, want 0.0043173084083", sse)
	}
}

// Among points that scatter, the intervals hold the truth 95 times in 100.
func TestFitLawCovers(t *testing.T) {
	const draws = 400
	for _, c := range []struct {
		law   Law
		truth []float64
		loss  func(float64) float64
	}{
		{LogLaw, []float64{0.9, 31}, func(n float64) float64 { return 0.9 + 31/math.Log2(n) }},
		{PowerLaw, []float64{1.7, 45, 0.31}, func(n float64) float64 { return 1.7 + 45*math.Pow(n, -0.31) }},
	} {
		rng := rand.New(rand.NewPCG(5, 5))
		held := make([]int, len(c.truth))
		for range draws {
			n, y := sizes(8, 10, func(n float64) float64 { return c.loss(n) + 0.01*rng.NormFloat64() })
			f, err := FitLaw(c.law, n, y, free)
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range f.Params {
				if p.Lo <= c.truth[i] && c.truth[i] <= p.Hi {
					held[i]++
				}
			}
		}
		for i, h := range held { // three standard deviations below 95%
			if share := float64(h) / draws; share < 0.95-3*math.Sqrt(0.95*0.05/draws) || share > 0.99 {
				t.Errorf("%s: the interval of %s held the truth in %.3f of draws, want 0.95", c.law.Formula, c.law.Params[i], share)
			}
		}
	}
}

func TestFitLawRefuses(t *testing.T) {
	two, three := []float64{10, 100}, []float64{10, 100, 1000}
	inf := math.Inf(1)
	for _, c := range []struct {
		law     Law
		n, loss []float64
		known   float64
		want    string
	}{
		{LogLaw, two, two, free, "different amounts = 2, want ≥ 3"},
		{LogLaw, []float64{10, 100, 100}, three, free, "different amounts = 2, want ≥ 3"},
		{LogLaw, two[:1], two[:1], 1, "different amounts = 1, want ≥ 2"},
		{PowerLaw, three, three, free, "different amounts = 3, want ≥ 4"},
		{PowerLaw, two, two, 0, "different amounts = 2, want ≥ 3"},
		{LogLaw, []float64{1, 10, 100}, three, free, "point 0 = (1, 10)"},
		{PowerLaw, []float64{0, 10, 100}, three, free, "point 0 = (0, 10)"},
		{PowerLaw, three, []float64{1, 2, inf}, free, "point 2"},
		{LogLaw, three, two, free, "amounts = 3 and losses = 2"},
		{PowerLaw, []float64{2, 4, 8, 16, 32}, []float64{5, 4, 3, 2, 1}, free, "beta runs to 0.01"}, // a line against log n
	} {
		if _, err := FitLaw(c.law, c.n, c.loss, c.known); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("fit of %s to %v, %v, known %v: %v, want an error that says %q", c.law.Formula, c.n, c.loss, c.known, err, c.want)
		}
	}
}

// curveBlocks are block losses of a test part whose difficulty, common to all
// points, varies by block; the expected losses lie on the curve.
func curveBlocks(rng *rand.Rand, n []float64, loss func(float64) float64, blocks int) (y []float64, out [][]BlockLoss) {
	out = make([][]BlockLoss, len(n))
	for b := range blocks {
		hard := 1 + 0.2*rng.NormFloat64()
		for i, x := range n {
			out[i] = append(out[i], BlockLoss{Metric: "log_loss", Horizon: 1, Block: b, First: int64(100 * b), N: 100, Bytes: 100, Bits: 100 * hard * loss(x)})
		}
	}
	for _, b := range out {
		bits, m := Losses(b, PerSymbol)
		y = append(y, HAC(bits, m, 0).Value)
	}
	return y, out
}

// Where the points lie on a curve and the test text alone is chance, resampling
// finds that error, and the curvature does not.
func TestResampleCovers(t *testing.T) {
	const draws = 60
	truth := []float64{0.9, 31}
	loss := func(n float64) float64 { return truth[0] + truth[1]/math.Log2(n) }
	rng := rand.New(rand.NewPCG(6, 6))
	n, _ := sizes(8, 8, loss)
	held, before := 0, 0
	for d := range draws {
		y, blocks := curveBlocks(rng, n, loss, 100)
		f, err := FitLaw(LogLaw, n, y, free)
		if err != nil {
			t.Fatal(err)
		}
		if p := f.Params[1]; p.Lo <= truth[1] && truth[1] <= p.Hi {
			before++
		}
		if err := f.Resample(blocks, PerSymbol, Bootstrap{Resamples: 400, Seed: uint64(d)}); err != nil {
			t.Fatal(err)
		}
		if p := f.Params[1]; p.Lo <= truth[1] && truth[1] <= p.Hi {
			held++
		}
	}
	if held < 51 || before > 5 { // 57 expected, less three standard deviations
		t.Errorf("the interval of c held the truth in %d of %d draws, %d without resampling, want 57 and hardly any", held, draws, before)
	}
}

// Losses that lie above those of the blocks by something without chance, as
// spelled-out words do, have the same intervals, so much higher.
func TestResampleShifted(t *testing.T) {
	loss := func(n float64) float64 { return 0.9 + 31/math.Log2(n) }
	n, _ := sizes(8, 8, loss)
	y, blocks := curveBlocks(rand.New(rand.NewPCG(9, 9)), n, loss, 50)
	higher := make([]float64, len(y))
	for i, v := range y {
		higher[i] = v + 5
	}
	var fits []Fit
	for _, losses := range [][]float64{y, higher} {
		f, err := FitLaw(LogLaw, n, losses, free)
		if err == nil {
			err = f.Resample(blocks, PerSymbol, Bootstrap{Resamples: 100})
		}
		if err != nil {
			t.Fatal(err)
		}
		fits = append(fits, f)
	}
	a, b := fits[0].Params[0], fits[1].Params[0]
	if !nearly(b.Lo, a.Lo+5, 1e-9) || !nearly(b.Hi, a.Hi+5, 1e-9) || a.Hi-a.Lo < 1e-3 {
		t.Errorf("h = %+v, and %+v of losses higher by 5", a.Interval, b.Interval)
	}
}

// A given asymptote stays, and resampling a power law is repeatable.
func TestResampleGiven(t *testing.T) {
	loss := func(n float64) float64 { return 1.7 + 45*math.Pow(n, -0.31) }
	n, _ := sizes(8, 8, loss)
	y, blocks := curveBlocks(rand.New(rand.NewPCG(7, 7)), n, loss, 50)
	var fits []Fit
	for range 2 {
		f, err := FitLaw(PowerLaw, n, y, 1.7)
		if err != nil {
			t.Fatal(err)
		}
		was := f.Params[2]
		if err := f.Resample(blocks, PerSymbol, Bootstrap{Resamples: 100, Seed: 3}); err != nil {
			t.Fatal(err)
		}
		if p := f.Params[0]; p.Value != 1.7 || p.Lo != 1.7 || p.Hi != 1.7 {
			t.Errorf("L = %+v, want 1.7 as given", p.Interval)
		}
		if p := f.Params[2]; p.Value != was.Value || p.Lo >= was.Lo || p.Hi <= was.Hi {
			t.Errorf("beta = %+v, before resampling %+v, want the same with a wider interval", p.Interval, was.Interval)
		}
		fits = append(fits, f)
	}
	if fits[0].Params[2] != fits[1].Params[2] {
		t.Errorf("beta = %+v, then %+v, want the same", fits[0].Params[2], fits[1].Params[2])
	}
}

func TestResampleRefuses(t *testing.T) {
	loss := func(n float64) float64 { return 1 + 9/math.Log2(n) }
	n, _ := sizes(8, 4, loss)
	y, blocks := curveBlocks(rand.New(rand.NewPCG(8, 8)), n, loss, 40)
	f, err := FitLaw(LogLaw, n, y, free)
	if err != nil {
		t.Fatal(err)
	}
	was := f.Params[0]
	few, other := make([][]BlockLoss, 4), make([][]BlockLoss, 4)
	for i, b := range blocks {
		few[i], other[i] = b[:MinBlocks-1], b
	}
	other[2] = blocks[2][1:]
	for name, b := range map[string][][]BlockLoss{"blocks = 29": few, "blocks = 39 and 40": other, "blocks of 3": blocks[:3]} {
		if err := f.Resample(b, PerSymbol, Bootstrap{Resamples: 10}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want an error that says %q", err, name)
		}
	}
	if f.Params[0] != was {
		t.Errorf("h = %+v after refusals, want %+v as before", f.Params[0], was)
	}
}
