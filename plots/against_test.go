package plots

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"horizon/results"
)

// says is the text of a figure's SVG.
func says(t *testing.T, s *results.Store, c Config) (svg string, files []string) {
	t.Helper()
	files, err := c.Draw(s, results.Filter{}, "fig", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(tags.ReplaceAllString(string(read(t, files[0])), " ")), " "), files
}

// against is the default with changes.
func against(change func(*Against)) Config {
	c := DefaultAgainst().(*Against)
	change(c)
	return c
}

// The parameters that the points were made from come out in the table, within
// their intervals; the test text's difficulty is the intervals' whole width,
// so that they are those of the law as the text at hand scales it.
func TestFitsTable(t *testing.T) {
	s := sweepStore(t, 20)
	_, files := says(t, s, against(func(c *Against) {
		c.FitLog, c.FitPower, c.Corpus = []string{"large*"}, []string{"*"}, "go-source"
	}))
	if len(files) != 3 {
		t.Fatalf("files = %v, want an SVG, a PNG and a CSV", files)
	}
	rows, err := csv.NewReader(strings.NewReader(string(read(t, files[2])))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	hard := blockMean(sweepBlocks("log_loss", 1, 1)) // of the text at hand
	want := map[string]float64{
		"large-lempel-ziv h": 0.5 * hard, "large-lempel-ziv c": 31 * hard,
		"modified-kneser-ney L": 1.7 * hard, "modified-kneser-ney b": 45 * hard, "modified-kneser-ney beta": 0.31,
		"transformer L": 1.5 * hard, "transformer b": 900 * hard, "transformer beta": 0.5,
	}
	for _, row := range rows[1:] {
		value, lo, hi := parse(t, row[6]), parse(t, row[7]), parse(t, row[8])
		key := row[1] + " " + row[5]
		if v, ok := want[key]; ok {
			if math.Abs(value-v) > 1e-3*v || lo > value || hi < value {
				t.Errorf("%s = %v [%v, %v], want %v", key, value, lo, hi, v)
			}
			delete(want, key)
		}
		if row[12] != "scatter and test text" || row[10] != strconv.Itoa(map[bool]int{true: 4, false: 5}[row[1] == "transformer"]) {
			t.Errorf("%s: intervals of %s from %s points", key, row[12], row[10])
		}
	}
	if len(want) > 0 {
		t.Errorf("the table lacks %v", want)
	}
}

// A known entropy is not fitted, and too few points are no fit.
func TestFitsSay(t *testing.T) {
	s := sweepStore(t, 12) // three points a series
	text, files := says(t, s, against(func(c *Against) {
		c.FitLog, c.FitPower, c.KnownEntropy, c.Corpus, c.Frontier = []string{"large*"}, []string{"mod*", "inf*"}, true, "golden-mean", true
	}))
	for _, w := range []string{"h = 0.6667 given", "fit h + c/log2 n", "frontier", "entropy rate", "L = 0.6667 given"} {
		if !strings.Contains(text, w) {
			t.Errorf("the figure does not say %q: %s", w, text)
		}
	}
	if len(files) != 3 {
		t.Errorf("files = %v, want a CSV among them", files)
	}
	text, files = says(t, s, against(func(c *Against) { c.FitPower, c.Corpus = []string{"mod*", "inf*"}, "go-source" }))
	if w := "No fit: modified-kneser-ney, infini-gram-of-unbounded-order on go-source (different amounts = 3, want ≥ 4)."; !strings.Contains(text, w) {
		t.Errorf("the figure does not say %q: %s", w, text)
	}
	if len(files) != 2 {
		t.Errorf("files = %v, want no CSV of no fits", files)
	}
}

// The vertical axis may be another loss, the horizontal one a parameter.
func TestAgainstAxes(t *testing.T) {
	s := sweepStore(t, 12)
	for _, c := range []struct {
		config Config
		want   []string
	}{
		{against(func(c *Against) { c.X = "gamma" }), []string{"gamma", "0.01 0.1 1", "large-lempel-ziv/symbols=16384", "large-lempel-ziv/symbols=65536"}},
		{against(func(c *Against) { c.X, c.Sweep = "gamma", []string{"sym*"} }), []string{"gamma", "0.01 0.1 1", "large-lempel-ziv modified-kneser-ney"}},
		{against(func(c *Against) { c.X, c.Scale = "budget.symbols", "linear" }), []string{"training symbols allowed", "0 50000 100000"}},
		{against(func(c *Against) { c.Score, c.X = "bits_per_symbol", "train_ops" }), []string{"bits per symbol", "training operations", "1M 2M 5M 10M"}},
		{against(func(c *Against) { c.Score, c.Values = "model_bytes", "log" }), []string{"model size (bytes)", "training symbols", "1M"}},
		{against(func(c *Against) { c.Horizon, c.X = 4, "cpu_s" }), []string{"loss 4 steps ahead (bits per symbol)", "processor time (s)"}},
	} {
		text, _ := says(t, s, c.config)
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("%+v does not say %q: %s", c.config, w, text)
			}
		}
	}
	text, _ := says(t, fakeStore(t), against(func(c *Against) { c.X, c.Corpus = "train_s", "opticks" }))
	if w := "Without a place on the horizontal axis: uniform, gzip, bzip2, xz on opticks."; !strings.Contains(text, w) {
		t.Errorf("against seconds: %s, want %q", text, w)
	}
	_, err := against(func(c *Against) { c.X = "ops_per_symbol" }).Draw(s, results.Filter{}, "fig", t.TempDir())
	if !errors.Is(err, ErrEmpty) {
		t.Errorf("against what was not measured: %v, want ErrEmpty", err)
	}
}

func TestParameter(t *testing.T) {
	params := `{"budget":{"symbols":1000},"delta":0.5,"name":"7","floor":null}`
	for path, want := range map[string]float64{"budget.symbols": 1000, "delta": 0.5, "name": -1, "floor": -1, "budget": -1, "delta.x": -1, "": -1} {
		got, ok := parameter(params, path)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("parameter %q of %s = %v, %v, want %v", path, params, got, ok, want)
		}
	}
}

func TestSeriesName(t *testing.T) {
	symbols, bytes := &abscissa{bound: "symbols"}, &abscissa{bound: "model_bytes"}
	key := func(k string) *abscissa { return &abscissa{key: k} }
	for _, c := range []struct {
		predictor string
		x         *abscissa
		sweep     []string
		want      string
	}{
		{"kn", symbols, nil, "kn"},
		{"kn/order=3", symbols, nil, "kn"},
		{"kn/order=3,symbols=1000", symbols, nil, "kn/order=3"},
		{"kn/order=3,symbols=1000", bytes, nil, "kn/order=3"},
		{"kn/model_bytes=64,symbols=1000", bytes, nil, "kn/symbols=1000"},
		{"kn/order=3,symbols=1000", key("budget.symbols"), nil, "kn/order=3"},
		{"kn/order=3,delta=0.5", key("delta"), nil, "kn/order=3"},
		{"kn/order=3,delta=0.5", key("gamma"), nil, "kn/order=3,delta=0.5"},
		{"kn/order=3,delta=0.5", symbols, []string{"o*"}, "kn/delta=0.5"},
		{"kn/list=1,2,delta=0.5", symbols, []string{"delta"}, "kn/list=1,2"},
		{"kn/base=a/b,delta=0.5", key("delta"), nil, "kn/base=a/b"},
		{"source/symbols=9,order=3", key("order"), nil, "source/symbols=9"}, // a parameter, no bound
	} {
		series, _, _ := strings.Cut(c.predictor, "/")
		row := results.LeaderboardRow{ID: results.ID{Predictor: c.predictor}, Series: series}
		if series == "kn" {
			row.Budget = results.Bounds{Symbols: 1000, ModelBytes: 64}
		}
		if got := seriesName(row, c.x, c.sweep); got != c.want {
			t.Errorf("series of %s on %+v, swept %v: %s, want %s", c.predictor, c.x, c.sweep, got, c.want)
		}
	}
}

// What is in front is in colour, the rest grey and named; those asked for, or
// the best eight; all, where there are no more.
func TestCrowdRecedes(t *testing.T) {
	lines := func(n int) (s *scene, panel []track) {
		s = &scene{looks: map[string]look{}}
		for i := range n {
			name := fmt.Sprint("p", i)
			s.order = append(s.order, name)
			s.looks[name] = lookOf(i)
			panel = append(panel, track{name: name, v: []results.Interval{{Value: float64(n - i)}, {Value: float64(i)}, {Value: -3 * float64(i)}}})
		}
		return s, panel
	}
	for _, c := range []struct {
		n     int
		front []string
		back  []string
	}{
		{8, []string{"p1"}, nil},
		{10, nil, []string{"p1", "p0"}}, // the mean falls with i
		{10, []string{"none"}, []string{"p1", "p0"}},
		{10, []string{"p[0-7]"}, []string{"p9", "p8"}},
	} {
		s, panel := lines(c.n)
		legend := Crowd{c.front}.arrange(s, [][]track{panel})
		if legend[0] != fmt.Sprint("p", c.n-1) || len(legend) != c.n {
			t.Errorf("legend of %d = %v, want all, the lowest end first", c.n, legend)
		}
		var back []string
		for _, l := range panel[:c.n-len(s.inFront(panel))] {
			back = append(back, l.name)
		}
		slices.Sort(back)
		if want := slices.Sorted(slices.Values(c.back)); !slices.Equal(back, want) {
			t.Errorf("%d lines, front %v: grey first %v, want %v", c.n, c.front, back, want)
		}
		if note := strings.Join(s.notes, " "); len(c.back) > 0 && !strings.Contains(note, strings.Join(c.back, "; ")) {
			t.Errorf("%d lines, front %v: note %q, want %v named best first", c.n, c.front, note, c.back)
		}
	}
}

func TestElide(t *testing.T) {
	sty := textStyle(tickSize, black)
	const name = "large-lempel-ziv/symbols=16384"
	if got := elide(name, sty, sty.Width(name)); got != name {
		t.Errorf("elided to %q though there is room", got)
	}
	got := elide(name, sty, sty.Width(name)/2)
	if !strings.HasPrefix(got, "large") || !strings.HasSuffix(got, "16384") || !strings.Contains(got, "…") || sty.Width(got) > sty.Width(name)/2 {
		t.Errorf("elided to %q, want both ends in half the room", got)
	}
}

// Replicates are one line with intervals over seeds, in panels of predictors
// too.
func TestLags(t *testing.T) {
	rows := []results.ChosenRow{
		{ID: results.ID{Corpus: "even", Predictor: "nw", Seeds: "1"}, Chosen: map[string]float64{"beta_1": 2, "beta_2": 0, "beta_12": 0.5, "beta_x": 7, "alpha_1": 9}},
		{ID: results.ID{Corpus: "even", Predictor: "nw", Seeds: "2"}, Chosen: map[string]float64{"beta_1": 4, "beta_2": 1}},
	}
	s := &scene{names: map[string]string{"nw\x00": "nw"}, order: []string{"nw", "even"}}
	l := DefaultLags().(*Lags)
	p := l.panel(s, "even", rows)
	if len(p.lines) != 1 || !slices.Equal(p.lines[0].at, []float64{1, 2, 12}) || p.lines[0].v[0].Value != 3 || !p.lines[0].v[0].OK || p.lines[0].v[2].OK {
		t.Errorf("lines = %+v, want lags 1, 2, 12 of mean 3 with an interval at the first", p.lines)
	}
	l.Panels, l.Values = "predictor", "log"
	if p := l.panel(s, "nw", rows); len(p.lines) != 1 || p.lines[0].name != "even" || p.lines[0].v[1].Value != 1 || p.lines[0].v[1].OK {
		t.Errorf("lines = %+v, want that of the corpus, without the zero", p.lines)
	}
	text, _ := says(t, sweepStore(t, 4), &Lags{Common: Common{Width: 17.5}, Prefix: "beta_", Label: "weight", Panels: "predictor", Scale: "log", Values: "log"})
	for _, w := range []string{"weight", "go-source golden-mean", "1 2 5 10", "transformer/symbols=16384"} {
		if !strings.Contains(text, w) {
			t.Errorf("the figure does not say %q: %s", w, text)
		}
	}
}

// The steps' changes add up to the gap, and their intervals are those of the
// paired differences, here much narrower than the losses'.
func TestIncrementsTable(t *testing.T) {
	c := DefaultIncrements().(*Increments)
	c.Corpus, c.Predictors = "go-source", []string{"large-lempel-ziv/symbols=16384", "large-lempel-ziv/symbols=65536", "large-lempel-ziv/symbols=262144"}
	c.References = []string{"modified-kneser-ney/symbols=262144"}
	for _, horizon := range []int{0, 4} {
		c.Horizon = horizon
		_, files := says(t, sweepStore(t, 12), c)
		rows, err := csv.NewReader(strings.NewReader(string(read(t, files[2])))).ReadAll()
		if err != nil || len(rows) != 5 || rows[4][2] != "reference" || rows[1][7] != "" {
			t.Fatalf("table = %v, %v, want three steps and a reference", rows, err)
		}
		first, reference := parse(t, rows[1][4]), parse(t, rows[4][4])
		sum := parse(t, rows[4][7])
		for _, row := range rows[2:4] {
			change := parse(t, row[7])
			sum += change
			if got := parse(t, row[10]); math.Abs(got-change/(reference-first)) > 1e-9 {
				t.Errorf("share of %s = %v, want %v", row[1], got, change/(reference-first))
			}
			if lo, hi, wide := parse(t, row[8]), parse(t, row[9]), parse(t, row[6])-parse(t, row[5]); lo > change || hi < change || hi-lo > wide/2 {
				t.Errorf("change of %s = %v [%v, %v], want an interval narrower than half %v", row[1], change, lo, hi, wide)
			}
		}
		if math.Abs(sum-(reference-first)) > 1e-9 {
			t.Errorf("changes add up to %v, want %v", sum, reference-first)
		}
	}
}
