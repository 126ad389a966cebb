package plots

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"horizon/results"
)

var (
	update = flag.Bool("update", false, "rewrite testdata/*.svg")
	keep   = flag.String("keep", "", "folder to leave the figures in, to be looked at")
)

// Pictures that nobody looks at are small.
func TestMain(m *testing.M) {
	if flag.Parse(); *keep == "" {
		dpi = 30
	}
	os.Exit(m.Run())
}

// A made-up experiment of ten predictors on three corpora, of the size and
// shape of real ones.
type fake struct {
	name   string
	coder  bool
	bits   [3]float64 // bits per byte on each corpus
	decay  float64    // how fast it loses sight of what is ahead
	train  float64    // seconds
	model  int64      // bytes
	bigger float64    // loss before training
}

var fakes = []fake{
	{"uniform", false, [3]float64{8, 1, 1}, 0, 0, 0, 0},
	{"unigram", false, [3]float64{4.52, 0.9183, 0.9183}, 0, 0.003, 2048, 0},
	{"kneser-ney", false, [3]float64{2.29, 0.6668, 0.6731}, 0.9, 0.9, 31e6, 1.9},
	{"lz78", false, [3]float64{3.01, 0.6841, 0.6966}, 0.7, 0.21, 9.1e6, 1.2},
	{"nadaraya-watson", false, [3]float64{2.61, 0.6669, 0.6790}, 0.8, 14, 5.4e5, 1.3},
	{"transformer", false, [3]float64{2.38, 0.6671, 0.6672}, 1.1, 61, 8.4e5, 5},
	{"oracle", false, [3]float64{math.NaN(), 0.6666, 0.6667}, 1, 0, 96, 0},
	{"gzip", true, [3]float64{2.83, 1.31, 1.30}, 0, 0, 0, 0},
	{"bzip2", true, [3]float64{2.31, 1.19, 1.18}, 0, 0, 0, 0},
	{"xz", true, [3]float64{2.56, 1.26, 1.27}, 0, 0, 0, 0},
}

var fakeCorpora = []string{"opticks", "golden-mean", "even"}

var fakeHorizons = []int{1, 2, 4, 8, 16, 32}

// fakeStore holds the made-up experiment; the transformer on the last corpus
// has three replicates, and one cell has run out of time.
func fakeStore(t testing.TB) *results.Store {
	rng := rand.New(rand.NewPCG(1, 1))
	var cells []results.Cell
	var outcomes []results.Outcome
	for c, corpus := range fakeCorpora {
		for _, f := range fakes {
			if math.IsNaN(f.bits[c]) {
				continue
			}
			replicates := 1
			if f.name == "transformer" && corpus == "even" {
				replicates = 3
			}
			for r := range replicates {
				cells = append(cells, fakeCell(f, corpus, c, r))
				g := f
				g.bits[c] += 0.002 * float64(r)
				outcomes = append(outcomes, fakeOutcome(rng, g, c))
			}
		}
	}
	return storeOf(t, "quickstart", cells, outcomes, "nadaraya-watson on even")
}

// storeOf holds one experiment, all of it done but for a cell named as captions
// do, which has run out of time.
func storeOf(t testing.TB, name string, cells []results.Cell, outcomes []results.Outcome, failed string) *results.Store {
	t.Helper()
	s, err := results.Open(filepath.Join(t.TempDir(), name+".db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	env, err := s.PutEnvironment(results.Environment{CPU: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutExperiment(results.Experiment{Digest: "d", Name: name}, cells); err != nil {
		t.Fatal(err)
	}
	for i, c := range cells {
		id, err := s.Begin(c.Key, env, "", "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if c.PredictorName+" on "+c.CorpusName == failed {
			err = s.Fail(id, results.TimedOut, "over 60 s")
		} else {
			err = s.Finish(id, outcomes[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func fakeCell(f fake, corpus string, c, replicate int) results.Cell {
	k := &results.Corpus{SHA256: corpus, Name: corpus, Entropy: []float64{math.NaN(), 2.0 / 3, 2.0 / 3}[c]}
	slice := func(role string) *results.Slice {
		return &results.Slice{Digest: corpus + role, Role: role, Unit: "byte", Length: 56720, Bytes: 56720, Documents: 1, Alphabet: 256}
	}
	return results.Cell{Key: fmt.Sprint(f.name, corpus, replicate), PredictorName: f.name, CorpusName: corpus, Mode: results.Frozen,
		Predictor: results.Predictor{Kind: f.name, Params: "{}", Coder: f.coder}, Corpus: k,
		Train: slice("train"), Test: slice("test"), Seeds: fmt.Sprintf(`{"init":%d}`, replicate), Evaluate: "{}"}
}

// fakeFar are scores that figures of horizons show, beside the losses.
func fakeFar(k int, skill, regret, half float64) (out []results.Score) {
	nan := math.NaN()
	add := func(metric string, at int, v, lo, hi float64) {
		out = append(out, results.Score{Metric: metric, Horizon: at, N: 400, Value: v, Lo: lo, Hi: hi})
	}
	add("skill", k, skill, skill-half, skill+half)
	if regret > 0 && k <= 8 {
		add("divergence", k, regret, 0.8*regret, 1.3*regret)
		add("bound_ratio", k, math.Pow(float64(k), -1.5), nan, nan)
	}
	x := float64(k)
	for metric, v := range map[string]float64{
		"mutual_information": 0.4*math.Pow(x, -1.2) - 0.01*skill, "mutual_information_corpus": 0.5 / x, "entropy_upper": 2 + skill/x, "entropy_lower": 2 + skill/x - 0.02*x,
		"entropy_upper_corpus": 2.2 + 1/x, "entropy_lower_corpus": 2.1 + 1/x - 0.03*x, "generated_entropy": 2 + 0.05*math.Log2(x)*skill,
		"context_bits": 2 + skill/x, "context_bits_shuffled": 2 + 0.5*skill/x, "prompt_tv": skill * math.Pow(0.8, x),
	} {
		add(metric, k, v, v-half*v, v+half*v)
	}
	add("mutual_information_floor", k, 0.01, nan, nan)
	add("prompt_tv_noise", k, 0.001, nan, nan)
	if regret > 0 && k == 1 { // a process, whose machine some find
		found := float64(int(1e4*skill) % 2)
		add("machine_complexity", 1, 1.5+(1-found)*2*regret, nan, nan)
		add("machine_states", 1, 3+math.Round((1-found)*40*regret), nan, nan)
		add("machine_recovered", 1, found, nan, nan)
		add("machine_complexity_true", 1, 1.5, nan, nan)
		add("machine_states_true", 1, 3, nan, nan)
	} else if k == 1 {
		add("machine_complexity", 1, 4*skill, nan, nan)
		add("machine_states", 1, math.Round(80*skill), nan, nan)
	}
	for bin := range 5 {
		q := 0.1 + 0.2*float64(bin)
		add("reliability_confidence", 100*k+bin, q, nan, nan)
		add("reliability_frequency", 100*k+bin, math.Pow(q, 1+skill), q/2, min(1, 1.2*q))
	}
	return out
}

func fakeOutcome(rng *rand.Rand, f fake, c int) results.Outcome {
	nan, b := math.NaN(), f.bits[c]
	o := results.Outcome{TrainSeconds: f.train, TrainSymbols: 453_760, ModelBytes: f.model, EvalSeconds: 1, WallSeconds: nan, CPUSeconds: nan, SymbolsPerSecond: nan}
	half := []float64{0.05, 0.004, 0.004}[c]
	if f.coder {
		o.Scores = []results.Score{{Metric: "bits_per_byte", Horizon: 1, N: 56720, Value: b, Lo: nan, Hi: nan}}
		return o
	}
	o.Scores = []results.Score{{Metric: "bits_per_byte", Horizon: 1, N: 56720, Value: b, Lo: b - half, Hi: b + half}}
	o.Blocks = sweepBlocks("log_loss", 1, b)
	if f.name == "nadaraya-watson" {
		o.Chosen = map[string]float64{"beta_1": 2.5, "beta_2": 1.25, "beta_3": 0.5, "gamma": 0.3}
	}
	if f.name == "transformer" {
		o.TrainSymbols *= 20
	}
	o.Scores = append(o.Scores, results.Score{Metric: "bits_per_symbol", Horizon: 1, N: 56720, Value: b, Lo: b - half, Hi: b + half})
	far := []float64{4.52, 0.9183, 0.9183}[c] // the unigram's
	// L_k of the golden mean and even processes, from their tables.
	known := map[int]float64{1: 2.0 / 3, 2: 0.8742, 4: 0.9155, 8: 0.9183, 16: 0.9183, 32: 0.9183}
	for _, k := range fakeHorizons {
		v := b + (far-b)*(1-math.Pow(float64(k), -f.decay))
		if c > 0 && f.decay > 0 {
			v = known[k] + (b-2.0/3)*math.Pow(float64(k), -0.5)
		}
		o.Scores = append(o.Scores, results.Score{Metric: "ahead_bits", Horizon: k, N: 400, Value: v, Lo: v - 2*half, Hi: v + 2*half})
		o.Scores = append(o.Scores, fakeFar(k, 1-v/far, v-known[k], half)...)
		o.Blocks = append(o.Blocks, sweepBlocks("ahead", k, v)...)
		if c > 0 {
			o.Scores = append(o.Scores, results.Score{Metric: "optimum", Horizon: k, N: 400, Value: known[k], Lo: nan, Hi: nan})
		}
	}
	if f.bigger > 0 {
		points := 9
		if f.name == "transformer" {
			points = 60
		}
		for i := range points {
			x := float64(i) / float64(points-1)
			v := b + f.bigger*(1-b/8)*math.Exp(-4*x)*b/2.3 + 0.01*b*rng.NormFloat64()*(1-x)
			symbols := int64(1024 * math.Pow(2, 9*x))
			if f.name == "transformer" {
				symbols = int64(8192 * math.Pow(2, 11*x))
			}
			o.Curve = append(o.Curve, results.CurvePoint{Metric: "valid_bits", Symbols: symbols, Seconds: nan, Value: v})
		}
	}
	return o
}

// Every kind, with its defaults, against the figure in testdata; a second
// drawing is the same to the byte.
func TestGolden(t *testing.T) {
	s := fakeStore(t)
	for _, k := range Kinds {
		t.Run(k.Name, func(t *testing.T) { golden(t, s, k.Default, k.Name) })
	}
}

func golden(t *testing.T, s *results.Store, config func() Config, name string) {
	dir := t.TempDir()
	if *keep != "" {
		dir = *keep
	}
	files, err := config().Draw(s, results.Filter{}, name, dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := config().Draw(s, results.Filter{Experiment: "*"}, name, t.TempDir())
	if err != nil || len(files) < 2 || len(again) != len(files) {
		t.Fatalf("files = %v, then %v, %v, want an SVG, a PNG and perhaps a CSV", files, again, err)
	}
	for i := range files {
		if !bytes.Equal(read(t, files[i]), read(t, again[i])) {
			t.Errorf("%s is not the same when drawn again", files[i])
		}
		ext := filepath.Ext(files[i])
		if ext == ".png" {
			continue
		}
		golden := filepath.Join("testdata", name+ext)
		if *update {
			if err := os.WriteFile(golden, read(t, files[i]), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(read(t, files[i]), read(t, golden)) {
			t.Errorf("%s differs from %s (rewrite with -update, and look at it)", files[i], golden)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var tags = regexp.MustCompile(`<[^>]*>`)

// What a figure says, read off its SVG.
func TestSays(t *testing.T) {
	s := fakeStore(t)
	for _, c := range []struct {
		kind           string
		filter         results.Filter
		want, wantNone []string
	}{
		{"bits", results.Filter{}, []string{"opticks", "2.290", "kneser-ney", "bits per byte",
			"nadaraya-watson on even (timeout)"}, nil},
		{"bits", results.Filter{Corpus: "even"}, []string{"even", "1.180"}, []string{"opticks", "2.290"}},
		{"horizon", results.Filter{}, []string{"optimum", "steps ahead k (symbols)", "8 16 32", "uniform on opticks"}, []string{"gzip"}},
		{"curves", results.Filter{Predictor: "[tk]*"}, []string{"validation loss (bits per symbol)", "transformer", "entropy rate"}, []string{"lz78"}},
		{"pareto-seconds", results.Filter{}, []string{"training time (s)", "frontier", "uniform, gzip, bzip2, xz, oracle"}, nil},
		{"pareto-bytes", results.Filter{}, []string{"model size (bytes)"}, nil},
		{"against", results.Filter{Predictor: "[lok]*"}, []string{"training symbols", "entropy rate", "lz78"}, []string{"fit", "frontier", "gzip"}},
		{"increments", results.Filter{Corpus: "opticks"}, []string{"2.290 −2.230 ±0.060 41%", "gap to the last step", "2.830 +0.450 −8%"}, []string{"Dotted"}},
		{"mi-decay", results.Filter{}, []string{"distance d (symbols)", "corpus", "Left out: what is below mutual_information_floor."}, []string{"dotted"}},
		{"entropy-convergence", results.Filter{}, []string{"dotted: entropy_lower", "corpus, entropy_lower_corpus"}, []string{"Left out"}},
		{"drift", results.Filter{}, []string{"symbols written", "dotted: bits_per_symbol"}, nil},
		{"forgetting", results.Filter{}, []string{"total variation distance", "Left out: what is below prompt_tv_noise."}, nil},
		{"lags", results.Filter{}, []string{"beta", "lag (symbols)", "nadaraya-watson"}, []string{"kneser-ney", "Bars"}},
	} {
		files, err := kind(c.kind).Draw(s, c.filter, "x", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		svg := strings.Join(strings.Fields(tags.ReplaceAllString(string(read(t, files[0])), " ")), " ")
		for _, w := range c.want {
			if !strings.Contains(svg, w) {
				t.Errorf("%s %+v does not say %q", c.kind, c.filter, w)
			}
		}
		for _, w := range c.wantNone {
			if strings.Contains(svg, w) {
				t.Errorf("%s %+v says %q", c.kind, c.filter, w)
			}
		}
	}
}

func kind(name string) Config {
	for _, k := range Kinds {
		if k.Name == name {
			return k.Default()
		}
	}
	return nil
}

// A predictor keeps its colour whatever a figure leaves out.
func TestLooksStay(t *testing.T) {
	s := fakeStore(t)
	colour := fmt.Sprintf("#%02X%02X%02X", colours[5].R, colours[5].G, colours[5].B) // the sixth is the transformer
	files, err := kind("curves").Draw(s, results.Filter{Predictor: "transformer"}, "x", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if svg := string(read(t, files[0])); !strings.Contains(svg, "stroke:"+colour) {
		t.Errorf("the transformer alone is not drawn in %s", colour)
	}
}

// A figure may be told which predictors to show: no others are drawn or named,
// and what is missing of others is not.
func TestOnly(t *testing.T) {
	s := fakeStore(t)
	only := Common{Width: 17.5, Only: []string{"kn*", "transformer"}}
	for _, c := range []Config{&Bits{only}, &Horizon{Common: only}, &Curves{Common: only, Metric: "valid_bits"}, &Pareto{only, "train_s"},
		&Against{Common: only, X: "train_symbols", Score: "bits_per_byte", Scale: "auto"}, &Increments{Common: only, Score: "bits_per_byte"}} {
		text, _ := says(t, s, c)
		for name, want := range map[string]bool{"kneser-ney": true, "transformer": true, "lz78": false, "gzip": false, "nadaraya": false, "oracle": false} {
			if got := strings.Contains(text, name); got != want {
				t.Errorf("%T of kn* and transformer names %s: %v, want %v", c, name, got, want)
			}
		}
	}
	if _, err := (&Lags{Common: only, Prefix: "beta_", Panels: "corpus", Scale: "log", Values: "log"}).Draw(s, results.Filter{}, "fig", t.TempDir()); !errors.Is(err, ErrEmpty) {
		t.Errorf("lags of what has none: %v, want ErrEmpty", err)
	}
}

func TestLooksDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range 252 {
		l := lookOf(i)
		key := fmt.Sprint(l)
		if j, ok := seen[key]; ok {
			t.Fatalf("predictors %d and %d look the same", i, j)
		}
		seen[key] = i
	}
}

func TestRefuses(t *testing.T) {
	s := fakeStore(t)
	for name, c := range map[string]Config{
		"width = 1":                           &Bits{Common{Width: 1}},
		"width = NaN":                         &Bits{Common{Width: math.NaN()}},
		"height = 1":                          &Curves{Common: Common{Width: 9, Height: 1}, Metric: "valid_bits"},
		"height = 4.0":                        &Horizon{Common: Common{Width: 8.5, Height: 4, Corpus: "[go]*"}},
		"x = rss":                             &Pareto{Common{Width: 9}, "rss"},
		"corpus = \"a\"":                      &Bits{Common{Width: 9, Corpus: "a"}},
		"x = \"\", want one of train_symbols": &Against{Common: Common{Width: 9}, Score: "bits_per_byte", Scale: "auto"},
		"x = \"gamma\"":                       &Against{Common: Common{Width: 9}, X: "gamma", Score: "bits_per_byte", Scale: "auto"},
		"score = \"top1\"":                    &Against{Common: Common{Width: 9}, X: "train_s", Score: "top1", Scale: "auto"},
		"scale = \"logg\"":                    &Against{Common: Common{Width: 9}, X: "train_s", Score: "bits_per_byte", Scale: "logg"},
		"horizon = -1":                        &Increments{Common: Common{Width: 9}, Score: "bits_per_byte", Horizon: -1},
		"predictors = \"lz\"":                 &Increments{Common: Common{Width: 9}, Score: "bits_per_byte", Predictors: []string{"lz78", "lz"}},
		"references = \"kn\", want one of":    &Increments{Common: Common{Width: 9}, Score: "bits_per_byte", References: []string{"kn"}},
		"panels = \"both\"":                   &Lags{Common: Common{Width: 9}, Prefix: "a", Panels: "both", Scale: "log", Values: "log"},
		"prefix = \"\"":                       &Lags{Common: Common{Width: 9}, Panels: "corpus", Scale: "log", Values: "log"},
	} {
		f := results.Filter{}
		if strings.HasPrefix(name, "corpus") {
			f.Corpus = "b"
		}
		_, err := c.Draw(s, f, "fig", t.TempDir())
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "plots.fig") {
			t.Errorf("error = %v, want one that says %s in plots.fig", err, name)
		}
	}
	for _, k := range Kinds {
		dir := t.TempDir()
		if _, err := k.Default().Draw(s, results.Filter{Corpus: "none"}, "fig", dir); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s of nothing: %v, want ErrEmpty", k.Name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s of nothing left files", k.Name)
		}
	}
}

// Tables decode onto the defaults, key by key, and unknown keys are noticed.
func TestDecode(t *testing.T) {
	for _, k := range Kinds {
		var file struct {
			Plots map[string]toml.Primitive `toml:"plots"`
		}
		md, err := toml.Decode("[plots.fig]\ncorpus = \"even\"\nwidth = 8.5\ntitel = \"x\"", &file)
		if err != nil {
			t.Fatal(err)
		}
		c := k.Default()
		if err := md.PrimitiveDecode(file.Plots["fig"], c); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%+v", c); !strings.Contains(got, "Corpus:even") || !strings.Contains(got, "Width:8.5") {
			t.Errorf("%s decoded to %s", k.Name, got)
		}
		if left := md.Undecoded(); len(left) != 1 || left[0].String() != "plots.fig.titel" {
			t.Errorf("%s left %v undecoded, want plots.fig.titel", k.Name, left)
		}
	}
}

func TestFrontier(t *testing.T) {
	at := func(cost, bits float64) point {
		return point{score{"", results.Interval{Value: bits}}, cost}
	}
	got := frontier([]point{at(3, 1), at(1, 3), at(2, 3), at(2, 2), at(9, 1.5), at(10, 0.5), at(2, 2)})
	want := []point{at(1, 3), at(2, 2), at(3, 1), at(10, 0.5)}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("frontier = %v, want %v", got, want)
	}
}

func TestTicks(t *testing.T) {
	labels := func(lo, hi float64, log bool) string {
		var out []string
		ticks := linearTicks{5}.Ticks(lo, hi)
		if log {
			ticks = logTicks{}.Ticks(lo, hi)
		}
		for _, x := range ticks {
			if !x.IsMinor() {
				out = append(out, x.Label)
			}
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		lo, hi float64
		log    bool
		want   string
	}{
		{0, 1, false, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{-0.1, 0.11, false, "-0.10 -0.05 0.00 0.05 0.10"},
		{2.21, 8.3, false, "4 6 8"},
		{900, 6e5, true, "1k 10k 100k"},
		{0.9, 11, true, "1 2 5 10"},
		{2e-4, 3e3, true, "0.01 1 100"},
		{2e-7, 3e-3, true, "1e−6 1e−5 0.0001 0.001"},
	} {
		if got := labels(c.lo, c.hi, c.log); got != c.want {
			t.Errorf("ticks of [%v, %v], log %v: %s, want %s", c.lo, c.hi, c.log, got, c.want)
		}
	}
}

// The least there can be: one predictor, one corpus, one point of each thing.
func TestOnePoint(t *testing.T) {
	s, err := results.Open(filepath.Join(t.TempDir(), "one.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	env, _ := s.PutEnvironment(results.Environment{})
	c := fakeCell(fakes[2], "opticks", 0, 0)
	if err := s.PutExperiment(results.Experiment{Digest: "d", Name: "one"}, []results.Cell{c}); err != nil {
		t.Fatal(err)
	}
	id, err := s.Begin(c.Key, env, "", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	o := fakeOutcome(rand.New(rand.NewPCG(1, 1)), fakes[2], 0)
	o.Chosen = map[string]float64{"beta_1": 0}
	o.Curve = o.Curve[:1]
	seen := map[string]bool{}
	o.Scores = slices.DeleteFunc(o.Scores, func(s results.Score) bool {
		had := seen[s.Metric]
		seen[s.Metric] = true
		return had
	})
	if err := s.Finish(id, o); err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds {
		if k.Name == "near-far" { // an order of one is none
			continue
		}
		if files, err := k.Default().Draw(s, results.Filter{}, k.Name, t.TempDir()); err != nil || len(files) < 2 {
			t.Errorf("%s of one point: %v, %v", k.Name, files, err)
		}
	}
}

// Two experiments in one figure would have two looks for one predictor.
func TestTwoExperiments(t *testing.T) {
	s := fakeStore(t)
	if err := s.PutExperiment(results.Experiment{Digest: "e", Name: "other"}, []results.Cell{fakeCell(fakes[0], "even", 2, 0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := kind("bits").Draw(s, results.Filter{}, "x", t.TempDir()); err == nil || !strings.Contains(err.Error(), "want one") {
		t.Errorf("two experiments: %v, want an error", err)
	}
	if _, err := kind("bits").Draw(s, results.Filter{Experiment: "quick*"}, "x", t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestPNGSize(t *testing.T) {
	defer func(was int) { dpi = was }(dpi)
	dpi = 300
	c := &Bits{Common{Width: 8.5, Corpus: "even"}}
	files, err := c.Draw(fakeStore(t), results.Filter{}, "x", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.DecodeConfig(bytes.NewReader(read(t, files[1])))
	if want := 8.5 / 2.54 * float64(dpi); err != nil || math.Abs(float64(img.Width)-want) > 1.5 {
		t.Errorf("width = %d pixels, %v, want %.0f", img.Width, err, want)
	}
}

func TestWholeTicks(t *testing.T) {
	for _, c := range []struct {
		hi   float64
		want string
	}{{2.5, "1 2"}, {3.5, "1 2 3"}, {7.5, "1 2 3 4 5 6 7"}, {16.5, "5 10 15"}, {300.5, "50 100 150 200 250 300"}} {
		var labels []string
		for _, x := range (wholeTicks{}).Ticks(0.5, c.hi) {
			labels = append(labels, x.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("ticks up to %v: %s, want %s", c.hi, got, c.want)
		}
	}
}
