package plots

import (
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/vg"

	"horizon/results"
)

// sweepStore holds a made-up experiment of as many predictors as asked for, of
// the long names that grids give, on two corpora: sweeps of training symbols
// of four series, the first two of which follow the laws that are fitted.
func sweepStore(t testing.TB, predictors int) *results.Store {
	var cells []results.Cell
	var outcomes []results.Outcome
	for c, corpus := range []string{"go-source", "golden-mean"} {
		rng := rand.New(rand.NewPCG(2, 2)) // the same noise on both
		for i := range predictors {
			cell, o := sweepCell(rng, corpus, c, i)
			cells, outcomes = append(cells, cell), append(outcomes, o)
		}
	}
	failed := ""
	if predictors > 2 {
		failed = cells[predictors-1].PredictorName + " on go-source"
	}
	return storeOf(t, "sweep", cells, outcomes, failed)
}

var sweepSeries = []struct {
	table string
	bits  func(n float64) float64
}{
	{"large-lempel-ziv", func(n float64) float64 { return 0.5 + 31/math.Log2(n) }},
	{"modified-kneser-ney", func(n float64) float64 { return 1.7 + 45*math.Pow(n, -0.31) }},
	{"infini-gram-of-unbounded-order", func(n float64) float64 { return 1.75 + 40*math.Pow(n, -0.27) }},
	{"transformer", func(n float64) float64 { return 1.5 + 900*math.Pow(n, -0.5) }},
}

func sweepCell(rng *rand.Rand, corpus string, c, i int) (results.Cell, results.Outcome) {
	f := sweepSeries[i%4]
	step := i / 4
	symbols := int64(16384) << (2 * step)
	name := fmt.Sprintf("%s/symbols=%d", f.table, symbols)
	cell := fakeCell(fake{name: name}, corpus, min(c, 1), 0)
	cell.Predictor.Kind = f.table
	cell.Predictor.Params = fmt.Sprintf(`{"budget":{"symbols":%d},"gamma":%v,"name":"x"}`, symbols, math.Pow(10, float64(-step)))
	bits := f.bits(float64(symbols)) * (1 - 0.55*float64(c))
	o := results.Outcome{TrainSeconds: float64(symbols) / 1e6, CPUSeconds: float64(symbols) / 5e5, EvalSeconds: 1, WallSeconds: math.NaN(),
		SymbolsPerSecond: math.NaN(), ModelBytes: symbols * int64(3+i%4), TrainSymbols: symbols, Chosen: map[string]float64{"gamma": 0.1}}
	for lag := 1; lag <= 16; lag++ {
		o.Chosen[fmt.Sprintf("beta_%d", lag)] = math.Exp(-float64(lag)/float64(3+i)) * (1 + 0.1*float64(i))
	}
	o.Blocks = sweepBlocks("log_loss", 1, bits)
	v := blockMean(o.Blocks)
	o.Scores = []results.Score{{Metric: "bits_per_byte", Horizon: 1, N: 6400, Value: v, Lo: v - 0.05, Hi: v + 0.05},
		{Metric: "bits_per_symbol", Horizon: 1, N: 6400, Value: v}, {Metric: "train_ops", Horizon: 1, N: 1, Value: float64(symbols) * 40}}
	for _, k := range []int{1, 2, 4, 8, 16, 32} {
		blocks := sweepBlocks("ahead", k, bits+(4.5-bits)*(1-math.Pow(float64(k), -0.6-0.02*float64(i))))
		v := blockMean(blocks)
		o.Blocks = append(o.Blocks, blocks...)
		o.Scores = append(o.Scores, results.Score{Metric: "ahead_bits", Horizon: k, N: 400, Value: v, Lo: v - 0.1, Hi: v + 0.1})
		o.Scores = append(o.Scores, fakeFar(k, 1-v/4.5, v-1, 0.02)...)
	}
	for p := range 10 {
		x := float64(p) / 9
		o.Curve = append(o.Curve, results.CurvePoint{Metric: "valid_bits", Symbols: int64(1024 * math.Pow(2, 9*x)),
			Seconds: math.NaN(), Value: bits + 2*math.Exp(-4*x) + 0.01*rng.NormFloat64()})
	}
	return cell, o
}

// sweepBlocks are of one test part: hard and easy blocks are so for all.
func sweepBlocks(metric string, horizon int, bits float64) []results.BlockLoss {
	rng := rand.New(rand.NewPCG(3, 3))
	var out []results.BlockLoss
	for b := range 64 {
		out = append(out, results.BlockLoss{Metric: metric, Horizon: horizon, Block: b, First: int64(100 * b), N: 100, Bytes: 100,
			Bits: 100 * bits * (1 + 0.1*rng.NormFloat64())})
	}
	return out
}

func blockMean(blocks []results.BlockLoss) float64 {
	bits, n := results.Losses(blocks, results.PerSymbol)
	return results.HAC(bits, n, 0).Value
}

// Every kind at 2, 8 and 20 predictors of long names, in a column and on a
// page: all text is within the figure, and none on other text.
func TestCrowds(t *testing.T) {
	for _, n := range []int{2, 8, 20} {
		s := sweepStore(t, n)
		for _, width := range []float64{8.5, 17.5} {
			for _, k := range Kinds {
				name := fmt.Sprintf("crowd-%s-%d-%v", k.Name, n, width)
				dir := t.TempDir()
				if *keep != "" {
					dir = *keep
				}
				files, err := widened(k, width).Draw(s, results.Filter{}, name, dir)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				checkTexts(t, name, string(read(t, files[0])))
			}
		}
	}
}

var (
	svgSize = regexp.MustCompile(`viewBox="0 0 ([\d.]+) ([\d.]+)"`)
	svgText = regexp.MustCompile(`(rotate\(90\)">\s*)?<text x="([-\d.]+)" y="([-\d.]+)" transform="scale\(1, -1\)"\s+style="[^"]*font-weight:(\w+)[^"]*font-size:([\d.]+)px[^"]*">([^<]*)</text>`)
)

// A box is what a text covers: from its baseline up by the height of digits.
type box struct {
	text                   string
	left, right, low, high float64
}

func (b box) meets(o box) bool {
	return b.left < o.right && o.left < b.right && b.low < o.high && o.low < b.high
}

func checkTexts(t *testing.T, name, svg string) {
	t.Helper()
	size := svgSize.FindStringSubmatch(svg)
	width, height := parse(t, size[1]), parse(t, size[2])
	texts := svgText.FindAllStringSubmatch(svg, -1)
	if len(texts) < 5 || len(texts) != strings.Count(svg, "<text") {
		t.Fatalf("%s: texts = %d, understood %d, want all", name, strings.Count(svg, "<text"), len(texts))
	}
	var boxes []box
	for _, m := range texts {
		b := boxOf(t, m[1] != "", parse(t, m[2]), -parse(t, m[3]), m[4] == "bold", parse(t, m[5]), html.UnescapeString(m[6]))
		if b.left < -0.01 || b.right > width+0.01 || b.low < 0 || b.high > height {
			t.Errorf("%s: %q leaves the figure: %+v of %v × %v", name, b.text, b, width, height)
		}
		for _, o := range boxes {
			if b.meets(o) {
				t.Errorf("%s: %q lies on %q", name, b.text, o.text)
			}
		}
		boxes = append(boxes, b)
	}
}

func boxOf(t *testing.T, upright bool, x, y float64, bold bool, size float64, text string) box {
	sty := textStyle(vg.Length(size), black)
	if bold {
		sty.Font.Weight = xfont.WeightBold
	}
	width, high := float64(sty.Width(text)), 0.7*size
	if upright { // the label of a vertical axis, turned to the left
		return box{text, -y - high, -y, x, x + width}
	}
	return box{text, x, x + width, y, y + high}
}

func parse(t *testing.T, number string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func widened(k Kind, width float64) Config {
	c := k.Default()
	switch f := c.(type) {
	case *Bits:
		f.Width = width
	case *Horizon:
		f.Width = width
	case *Curves:
		f.Width = width
	case *Against:
		f.Width, f.FitLog, f.FitPower, f.Frontier = width, []string{"large*"}, []string{"*"}, true
	case *Increments:
		f.Width, f.References = width, []string{"modified-kneser-ney/symbols=16384"}
	case *Lags:
		f.Width = width
	case *Pareto:
		f.Width = width
	}
	return c
}

// Sweeps with fits, and an order of increments with references, against the
// figures and tables in testdata.
func TestGoldenSweep(t *testing.T) {
	s := sweepStore(t, 20)
	names := func(table string) (out []string) {
		for _, n := range []int{16384, 65536, 262144, 1048576, 4194304} {
			out = append(out, fmt.Sprintf("%s/symbols=%d", table, n))
		}
		return out
	}
	golden(t, s, func() Config {
		c := DefaultAgainst().(*Against)
		c.FitLog, c.FitPower, c.Predictor = []string{"large*"}, []string{"modified*", "transformer"}, "[^i]*"
		return c
	}, "sweep-against")
	golden(t, s, func() Config {
		c := DefaultIncrements().(*Increments)
		c.Predictors, c.References = names("large-lempel-ziv"), names("modified-kneser-ney")[4:]
		return c
	}, "sweep-increments")
}
