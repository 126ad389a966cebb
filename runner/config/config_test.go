package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/predictors/catalog"
)

// load reads main.toml among the files (name, text, name, text …).
func load(t *testing.T, sets []string, files ...string) *Experiment {
	t.Helper()
	e, err := tryLoad(sets, files...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func tryLoad(sets []string, files ...string) (*Experiment, error) {
	m := map[string][]byte{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = []byte(files[i+1])
	}
	return Load(files[0], Options{Registries: fakes, Sets: sets, ReadFile: inMemory(m)})
}

const head = `schema = 1
name = "x"
[corpora.opticks]
kind = "opticks"
[corpora.golden]
kind = "golden-mean"
`

func TestFull(t *testing.T) {
	e := load(t, nil, "main.toml", `
schema = 1
name = "quickstart"
title = "Four families"
save_models = true
seeds = { corpus = 8, init = [1, 2, 3], bootstrap = 21, rollouts = 6 }
[corpora.opticks]
kind = "opticks"
split.train = 0.5
[predictors.lz]
kind = "lz78"
[predictors.zip]
kind = "gzip"
level = 6
[evaluate]
mode = ["prequential", "frozen"]
horizons = [1, 3]
points = 0
rollouts = 2
block = 1
context = "continue"
context_symbols = 10
proof = true
top1 = false
refit = true
[limits]
workers = 2
cells = 7
time = "1h30m"
memory = "1.5GiB"
[plots.b]
kind = "bits"
width = 8
`)
	got := e.document()
	want := document{1, "quickstart", "Four families", true,
		Seeds{8, OneOrMore[uint64]{1, 2, 3}, 21, 6},
		Evaluate{OneOrMore[string]{Prequential, Frozen}, []int{1, 3}, 0, 2, 1, Continue, 10, true, false, true},
		Limits{2, 7, 90 * time.Minute, 3 << 29}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := string(e.Corpora[0].Params); got != `{"path":"","split":{"test":0.1,"train":0.5,"valid":0.1}}` {
		t.Error(got)
	}
	if p := e.Plots[0]; p.Name != "b" || p.Kind != "bits" || p.Config.(*fakePlot).Width != 8 {
		t.Error(p)
	}
	zip := e.Predictors[1]
	if zip.Config != nil || zip.Coder.(*fakeGzip).Level != 6 || zip.Runs[0].Coder.(*fakeGzip).Level != 6 {
		t.Error(zip)
	}
}

func TestDefaults(t *testing.T) {
	e := load(t, nil, "main.toml", head+"[predictors.kn]\nkind = \"kneser-ney\"\n")
	want := document{1, "x", "", false, DefaultSeeds(), DefaultEvaluate(), DefaultLimits()}
	if diff := cmp.Diff(want, e.document()); diff != "" {
		t.Error(diff)
	}
	if p := e.Predictors[0]; *p.Config.(*fakeKN) != (fakeKN{5, "modified"}) || p.Version != 2 {
		t.Error(p)
	}
	e = load(t, []string{"evaluate.mode=prequential", "seeds.init=4"}, "main.toml", head+"[predictors.kn]\nkind = \"kneser-ney\"\n")
	if e.Evaluate.Mode[0] != Prequential || e.Seeds.Init[0] != 4 {
		t.Error("one-element lists", e.Evaluate.Mode, e.Seeds.Init)
	}
}

// TestMerge is the order of strength: defaults, extends left to right, the
// file, --set left to right.
func TestMerge(t *testing.T) {
	orderOf := func(sets []string, files ...string) string {
		return string(load(t, sets, files...).Predictors[0].Params)
	}
	kn := func(body string) string { return "[predictors.kn]\nkind = \"kneser-ney\"\n" + body }
	a, b := kn("order = 1\ndiscounts = \"a\"\n"), kn("order = 2\n")
	main := func(extends, body string) string { return extends + head + kn(body) }
	for _, test := range []struct {
		name  string
		sets  []string
		files []string
		want  string
	}{
		{"defaults", nil, []string{"m", main("", "")}, `{"discounts":"modified","order":5}`},
		{"extends", nil, []string{"m", main(`extends = ["a"]`+"\n", ""), "a", a}, `{"discounts":"a","order":1}`},
		{"extends in order", nil, []string{"m", main(`extends = ["a", "b"]`+"\n", ""), "a", a, "b", b}, `{"discounts":"a","order":2}`},
		{"extends in the other order", nil, []string{"m", main(`extends = ["b", "a"]`+"\n", ""), "a", a, "b", b}, `{"discounts":"a","order":1}`},
		{"the file is stronger", nil, []string{"m", main(`extends = ["a"]`+"\n", "order = 3\n"), "a", a}, `{"discounts":"a","order":3}`},
		{"folders", nil, []string{"d/m", main(`extends = ["../e/a"]`+"\n", ""), "e/a", `extends = ["b"]` + "\n" + kn("discounts = \"a\"\n"), "e/b", b}, `{"discounts":"a","order":2}`},
		{"diamond", nil, []string{"m", main(`extends = ["a", "b"]`+"\n", ""), "a", `extends = ["c"]` + "\n" + kn("order = 7\n"), "b", `extends = ["c"]` + "\n", "c", b}, `{"discounts":"modified","order":2}`},
		{"set", []string{"predictors.kn.order=9"}, []string{"m", main("", "order = 3\n")}, `{"discounts":"modified","order":9}`},
		{"last set", []string{"predictors.kn.order=9", `predictors."kn".order = 8`}, []string{"m", main("", "")}, `{"discounts":"modified","order":8}`},
		{"bare word", []string{"predictors.kn.discounts=single"}, []string{"m", main("", "")}, `{"discounts":"single","order":5}`},
		{"quoted", []string{`predictors.kn.discounts="si = ngle"`}, []string{"m", main("", "")}, `{"discounts":"si = ngle","order":5}`},
		{"number as a word", []string{`predictors.kn.discounts='1'`}, []string{"m", main("", "")}, `{"discounts":"1","order":5}`},
		{"not quite a number", []string{`predictors.kn.discounts=1.2.3`}, []string{"m", main("", "")}, `{"discounts":"1.2.3","order":5}`},
		{"a set table merges", []string{`predictors.kn.order=1`, `predictors.kn.discounts=b`}, []string{"m", main("", "")}, `{"discounts":"b","order":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := orderOf(test.sets, test.files...); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	e := load(t, nil, "d/m", main(`extends = ["a", "b"]`+"\n", ""), "d/a", a, "d/b", b)
	if want := []string{"d/a", "d/b", "d/m"}; !slices.Equal(e.Files, want) {
		t.Errorf("files %v, want %v", e.Files, want)
	}
}

// TestInline shows the difference between the two ways to write a table.
func TestInline(t *testing.T) {
	base := head + "[predictors.kn]\nkind = \"kneser-ney\"\ngrid = { order = [1, 2], discounts = [\"a\", \"b\"] }\n"
	names := func(body string, sets ...string) string {
		return strings.Join(predictorNames(load(t, sets, "m", "extends = [\"b\"]\nname = \"y\"\n"+body, "b", base)), " ")
	}
	for _, test := range []struct{ body, set, want string }{
		{"[predictors.kn]\ngrid = { order = [3] }", "", "kn/order=3"},
		{"[predictors.kn.grid]\norder = [3]", "", "kn/order=3,discounts=a kn/order=3,discounts=b"},
		{"predictors.kn.grid.order = 3", "", "kn/discounts=a kn/discounts=b"},
		{"", "predictors.kn.grid.order=[3]", "kn/order=3,discounts=a kn/order=3,discounts=b"},
		{"", "predictors.kn.grid={ order = [3] }", "kn/order=3"},
	} {
		var sets []string
		if test.set != "" {
			sets = []string{test.set}
		}
		if got := names(test.body, sets...); got != test.want {
			t.Errorf("%s%s: %s, want %s", test.body, test.set, got, test.want)
		}
	}
}

func predictorNames(e *Experiment) []string {
	names := make([]string, len(e.Predictors))
	for i, p := range e.Predictors {
		names[i] = p.Name
	}
	return names
}

func TestGrid(t *testing.T) {
	for _, test := range []struct{ kind, body, want string }{
		{"kneser-ney", "order = 6\ngrid = { order = [4, 5, 6] }\n", "order=4 order=5 order=6"},
		{"kneser-ney", "grid = { order = [4, 5], discounts = [\"a\", \"b\"] }\n",
			"order=4,discounts=a order=4,discounts=b order=5,discounts=a order=5,discounts=b"},
		{"kneser-ney", "grid = { discounts = [\"a\", \"b\"], order = 4 }\n", "discounts=a discounts=b"},
		{"kneser-ney", "grid = { order = [4] }\n", "order=4"},
		{"kneser-ney", "grid = { order = 4 }\n", ""},
		{"lz78", "grid = { gamma = [0.5, 1, 1e-3, 0.1], tune = true }\n", "gamma=0.5 gamma=1 gamma=0.001 gamma=0.1"},
		{"transformer", "grid = { lags = [[1], [1, 2]], train = { steps = [10, 20], lr = 0.1 } }\n",
			"lags=[1],train.steps=10 lags=[1],train.steps=20 lags=[1, 2],train.steps=10 lags=[1, 2],train.steps=20"},
		{"kneser-ney", "grid = { order = [4, 5], discounts = [\"a\", \"b\"] }\nskip = [{ order = 4, discounts = \"b\" }]\n",
			"order=4,discounts=a order=5,discounts=a order=5,discounts=b"},
		{"kneser-ney", "grid = { order = [4, 5], discounts = [\"a\", \"b\"] }\nskip = [{ order = 4 }, { discounts = \"b\" }]\n",
			"order=5,discounts=a"},
		{"lz78", "grid = { gamma = [1.0, 2] }\nskip = [{ gamma = 2.0 }]\n", "gamma=1"},
		{"transformer", "grid = { lags = [[1], [1, 2]], train.steps = [10, 20] }\nskip = [{ lags = [1], train = { steps = 20 } }]\n",
			"lags=[1],train.steps=10 lags=[1, 2],train.steps=10 lags=[1, 2],train.steps=20"},
	} {
		e := load(t, nil, "m", head+"[predictors.p]\nkind = \""+test.kind+"\"\n"+test.body)
		var got []string
		for _, p := range e.Predictors {
			got = append(got, strings.TrimPrefix(strings.TrimPrefix(p.Name, "p"), "/"))
			if p.Table != "p" || len(p.Runs) != 2 {
				t.Errorf("%s: table %s, runs %d", p.Name, p.Table, len(p.Runs))
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s, want %s", test.body, strings.Join(got, " "), test.want)
		}
	}
}

func TestGridValues(t *testing.T) {
	e := load(t, nil, "m", head+`[predictors.tf]
kind = "transformer"
width = 8
grid = { lags = [[1], [2, 3]], train = { lr = 0.5 } }
`)
	p := e.Predictors[1]
	c := p.Config.(*fakeTransformer)
	if diff := cmp.Diff([]int{2, 3}, c.Lags); diff != "" || c.Train != (fakeTrain{300, 0.5}) || c.Width != 8 {
		t.Errorf("%+v", c)
	}
	if diff := cmp.Diff([]GridValue{{"lags", "[2, 3]"}}, p.Grid); diff != "" {
		t.Error(diff)
	}
	if e.Predictors[0].Runs[0].Config == e.Predictors[0].Runs[1].Config {
		t.Error("two runs share a config")
	}
	if !slices.Equal(aBeta, []int{1, 2}) {
		t.Errorf("decoding changed the default: %v", aBeta)
	}
}

func TestOn(t *testing.T) {
	e := load(t, nil, "m", head+`
[corpora.even]
kind = "golden-mean"
[predictors.tf]
kind = "transformer"
width = 8
grid = { layers = [1, 2] }
corpora = ["e*", "opticks", "golden"]
[predictors.tf.on."*e*"]
width = 16
train.steps = 5
[predictors.tf.on.golden]
width = 4
[predictors.tf.on."nothing*"]
width = 12
`)
	var got []string
	for _, p := range e.Predictors {
		for _, r := range p.Runs {
			c := r.Config.(*fakeTransformer)
			got = append(got, fmt.Sprintf("%s@%s %d %d %d", p.Name, r.Corpus, c.Layers, c.Width, c.Train.Steps))
		}
	}
	want := []string{
		"tf/layers=1@opticks 1 8 300", "tf/layers=1@golden 1 4 5", "tf/layers=1@even 1 16 5",
		"tf/layers=2@opticks 2 8 300", "tf/layers=2@golden 2 4 5", "tf/layers=2@even 2 16 5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if w := e.Predictors[0].Config.(*fakeTransformer).Width; w != 8 {
		t.Errorf("the table's own width = %d, want 8", w)
	}
}

func TestCorporaAndOracles(t *testing.T) {
	e := load(t, nil, "m", head+`
[predictors.all]
kind = "lz78"
[predictors.some]
kind = "lz78"
corpora = ["g*"]
[predictors.best]
kind = "oracle"
[predictors.best2]
kind = "oracle"
corpora = ["*"]
`)
	got := map[string]string{}
	for _, p := range e.Predictors {
		for _, r := range p.Runs {
			got[p.Name] += r.Corpus + " "
		}
	}
	want := map[string]string{"all": "opticks golden ", "some": "golden ", "best": "golden ", "best2": "golden "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	e = load(t, nil, "m", "schema = 1\nname = \"x\"\n[corpora.o]\nkind = \"opticks\"\n[predictors.best]\nkind = \"oracle\"\n")
	if n := len(e.Predictors[0].Runs); n != 0 {
		t.Errorf("an oracle on no known process has %d runs, want none and no complaint", n)
	}
}

func TestFileOrder(t *testing.T) {
	e := load(t, []string{"predictors.c.kind=lz78"}, "m", `extends = ["b"]
name = "y"
[predictors.z]
kind = "lz78"
[predictors.a]
kind = "lz78"
`, "b", head+"[predictors.m]\nkind = \"lz78\"\n[predictors.a]\nkind = \"kneser-ney\"\n")
	if got, want := predictorNames(e), []string{"m", "a", "z", "c"}; !slices.Equal(got, want) {
		t.Errorf("%v, want the order of first appearance %v", got, want)
	}
	if e.Corpora[0].Name != "opticks" || e.Corpora[1].Name != "golden" {
		t.Error(e.Corpora)
	}
}

// TestCanonical: what means the same is the same bytes, whatever the order
// and spelling, and every parameter is there.
func TestCanonical(t *testing.T) {
	write := func(body string) (string, string) {
		e := load(t, nil, "m", head+"[predictors.tf]\nkind = \"transformer\"\n"+body)
		return string(e.Predictors[0].Params), string(e.JSON())
	}
	a, whole := write("width = 8\nscales = { b = 1, a = 0.1 }\nwarm = \"1024MiB\"\n[predictors.tf.train]\nlr = 0.001\nsteps = 1_000_000\n")
	want := `{"betas":[0.9,0.95],"cap":null,"free":null,"lags":[1,2],"layers":2,"scales":{"a":0.1,"b":1},` +
		`"train":{"lr":0.001,"steps":1000000},"warm":"1GiB","width":8}`
	if a != want {
		t.Errorf("%s\nwant\n%s", a, want)
	}
	b, same := write("train = { steps = 0xF4240, lr = 1e-3 }\nwarm = \"1 GiB\"\nscales.a = 1e-1\nscales.b = 1.0\nwidth = 0o10\nlags = [1, 2]\n")
	if a != b || whole != same {
		t.Errorf("%s\nthen\n%s", whole, same)
	}
	for range 20 {
		if b, same := write("warm = \"1GiB\"\ntrain = { steps = 1000000, lr = 0.001 }\nscales = { a = 0.1, b = 1 }\nwidth = 8\n"); a != b || whole != same {
			t.Fatal("not stable")
		}
	}
	c, _ := write("cap = 3\nfree = [1, \"<&>\"]\nwarm = \"2GB\"")
	if want := `"cap":3,"free":[1,"<&>"]`; !strings.Contains(c, want) || !strings.Contains(c, `"warm":"2GB"`) {
		t.Errorf("%s, want %s", c, want)
	}
	for _, test := range []struct {
		v    any
		want string
	}{
		{math.Copysign(0, -1), "0"}, {math.NaN(), `"NaN"`}, {1e21, "1e+21"}, {0.1, "0.1"}, {float32(0.1), "0.1"},
		{[]int(nil), "[]"}, {[]int{}, "[]"}, {time.Minute, `"1m0s"`}, {Size(0), `"0B"`}, {uint64(math.MaxUint64), "18446744073709551615"},
	} {
		if got := string(canonical(test.v)); got != test.want {
			t.Errorf("canonical(%v) = %s, want %s", test.v, got, test.want)
		}
	}
}

func TestResolved(t *testing.T) {
	e := load(t, []string{"predictors.kn.discounts=single", "limits.time=5m"}, "d/m", `extends = ["b"]
name = "y"
[predictors.kn]
grid = { order = [1,
  2] }
skip = [{ order = 2 }]
[predictors.kn.on."go*"]
discounts = "none"
[evaluate]
points = 3
`, "d/b", head+"[predictors.kn]\nkind = \"kneser-ney\"\n[plots.p]\nkind = \"bits\"\n")
	var got strings.Builder
	for _, s := range e.Resolved() {
		fmt.Fprintf(&got, "%s = %s # %s\n", s.Key, s.Value, s.From)
	}
	want := `schema = 1 # d/b:1
name = "y" # d/m:2
title = "" # default
save_models = false # default
seeds.corpus = 7 # default
seeds.init = [1] # default
seeds.bootstrap = 20 # default
seeds.rollouts = 5 # default
evaluate.mode = ["frozen"] # default
evaluate.horizons = [1,2,4,8,16,32] # default
evaluate.points = 3 # d/m:10
evaluate.rollouts = 16 # default
evaluate.block = 256 # default
evaluate.context = "empty" # default
evaluate.context_symbols = 4096 # default
evaluate.proof = false # default
evaluate.top1 = true # default
evaluate.refit = false # default
limits.workers = 0 # default
limits.cells = 1000 # default
limits.time = "5m0s" # --set limits.time=5m
limits.memory = "2GiB" # default
corpora.opticks.kind = "opticks" # d/b:4
corpora.opticks.path = "" # default
corpora.opticks.split.train = 0.8 # default
corpora.opticks.split.valid = 0.1 # default
corpora.opticks.split.test = 0.1 # default
corpora.golden.kind = "golden-mean" # d/b:6
corpora.golden.p = 0.5 # default
corpora.golden.symbols = 1000 # default
predictors.kn.kind = "kneser-ney" # d/b:8
predictors.kn.grid.order = [1,2] # d/m:4
predictors.kn.skip = [{"order":2}] # d/m:6
predictors.kn.discounts = "single" # --set predictors.kn.discounts=single
predictors.kn.on."go*".discounts = "none" # d/m:8
plots.p.kind = "bits" # d/b:10
plots.p.width = 12 # default
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

// TestRefuse is what New finds out, told as if it had been found here.
func TestRefuse(t *testing.T) {
	e := load(t, []string{"predictors.kn3.order=-1"}, "m", head+`
[predictors.kn]
kind = "kneser-ney"
grid = { discounts = ["modified", "none"],
  order = [0, 1] }
[predictors.kn2]
kind = "kneser-ney"
[predictors.kn2.on.golden]
order = 0
[predictors.kn3]
kind = "kneser-ney"
[predictors.zip]
kind = "gzip"
`)
	var got []string
	for _, p := range e.Predictors {
		for _, r := range p.Runs {
			var err error
			if r.Coder != nil {
				_, err = r.Coder.NewCoder()
			} else {
				_, err = r.Config.New(predictors.Env{Alphabet: 2})
			}
			if told := r.Refuse(err); told != nil {
				got = append(got, p.Name+"@"+r.Corpus+" "+told.Error())
				if !errors.Is(told, err) {
					t.Errorf("%v hides its cause", told)
				}
			}
		}
	}
	want := []string{
		"kn/discounts=modified,order=0@opticks m:11: predictors.kn.grid.order = 0, want ≥ 1",
		"kn/discounts=modified,order=0@golden m:11: predictors.kn.grid.order = 0, want ≥ 1",
		"kn/discounts=none,order=0@opticks m:11: predictors.kn.grid.order = 0, want ≥ 1",
		"kn/discounts=none,order=0@golden m:11: predictors.kn.grid.order = 0, want ≥ 1",
		"kn/discounts=none,order=1@opticks m:9: predictors.kn: markov: what is subtracted must go somewhere",
		"kn/discounts=none,order=1@golden m:9: predictors.kn: markov: what is subtracted must go somewhere",
		"kn2@golden m:15: predictors.kn2.on.golden.order = 0, want ≥ 1",
		"kn3@opticks --set predictors.kn3.order=-1: want ≥ 1",
		"kn3@golden --set predictors.kn3.order=-1: want ≥ 1",
		"zip@opticks m:19: predictors.zip.level = 9, want 1 to 9",
		"zip@golden m:19: predictors.zip.level = 9, want 1 to 9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c := e.Corpora[0]
	err := &corpora.Unavailable{Corpus: "opticks", Reason: "gone", Err: fs.ErrNotExist}
	if told := c.Refuse(err); !errors.Is(told, fs.ErrNotExist) || told.Error() != "m:4: corpora.opticks: cannot be had: gone" {
		t.Error(told)
	}
	if c.Refuse(nil) != nil || e.Predictors[0].Refuse(nil) != nil {
		t.Error("an error made of none")
	}
}

func TestDir(t *testing.T) {
	files := []string{"d/m", "extends = [\"e/b\"]\nname = \"y\"\n[corpora.mine]\nsplit.train = 0.5\n",
		"d/e/b", head + "[corpora.mine]\nkind = \"file\"\npath = \"x.txt\"\n[predictors.lz]\nkind = \"lz78\"\n"}
	if got := load(t, nil, files...).Corpora[2].Dir(); got != "d/e" {
		t.Errorf("%s, want the folder of the file that says path", got)
	}
	if got := load(t, []string{"corpora.mine.path=y"}, files...).Corpora[2].Dir(); got != "." {
		t.Errorf("%s, want the working folder", got)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.toml")
	if err := os.WriteFile(path, []byte(head+"[predictors.lz]\nkind = \"lz78\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, Options{Registries: fakes}); err != nil {
		t.Error(err)
	}
	big := filepath.Join(dir, "big.toml")
	if err := os.WriteFile(big, make([]byte, maxFileBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "no.toml"): "there is no such file",
		dir:                           "is not a regular file",
		"/dev/zero":                   "is not a regular file",
		big:                           "want at most",
	} {
		var ps Problems
		if _, err := Load(path, Options{Registries: fakes}); !errors.As(err, &ps) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestOddBytes(t *testing.T) {
	for _, test := range []struct{ src, set, want string }{
		{"name = \"\xe9\"", "", "m:1: name: invalid UTF-8 byte: 0xe9"},
		{"a\x00b = 1", "", "m:1: files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8"},
		{head, "title=1\nname = 2", "--set title=1\nname = 2: value 1\nname = 2 is not TOML"},
		{head, "a]\n[b=1", "--set a]\n[b=1: key \"a]\\n[b\": want names joined by dots"},
	} {
		var sets []string
		if test.set != "" {
			sets = []string{test.set}
		}
		if _, err := tryLoad(sets, "m", test.src); err == nil || err.Error() != test.want {
			t.Errorf("%q: %v, want %s", test.src, err, test.want)
		}
	}
}

// TestPathological are texts that cost a naive reader its stack or its time.
func TestPathological(t *testing.T) {
	start := time.Now()
	for _, src := range []string{
		"a = " + strings.Repeat("[", 100_000),
		"a = " + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
		"a = " + strings.Repeat("{a=", 1_000) + "1" + strings.Repeat("}", 1_000),
		strings.Repeat("a.", 1_000) + "a = 1",
		"[predictors.lz]\nkind = \"lz78\"\n[predictors.lz.grid]\ngamma = [" + strings.Repeat("1,", 50_000) + "]\n",
		head + "[predictors.tf]\nkind = \"transformer\"\nlags = [" + strings.Repeat("true,\n", 40_000) + "]\n",
		"extends = [" + strings.Repeat(`"m",`, 50_000) + "]",
	} {
		if _, err := tryLoad(nil, "m", src); err == nil {
			t.Errorf("%.20s… accepted", src)
		}
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ordr", "order", 1}, {"odrer", "order", 1}, {"ca", "abc", 3}, {"é", "e", 1}} {
		if got := distance(test.a, test.b); got != test.want || distance(test.b, test.a) != got {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
	known := []string{"context_symbols", "kneser-ney", "order", "p"}
	for name, want := range map[string]string{"ordr": "order", "Kneser_Ney": "kneser-ney", "contextsymbol": "context_symbols", "gamma": "", "q": "", "": "", "on": ""} {
		if got, _ := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSplitKey(t *testing.T) {
	for _, path := range [][]string{{"a"}, {"a", "b.c", ""}, {"x-1", "[*]\n", `q"'\`, "é"}} {
		key := ""
		for _, k := range path {
			key = join(key, k)
		}
		if got := splitKey(key); !slices.Equal(got, path) {
			t.Errorf("%s: %q, want %q", key, got, path)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"*", "", true}, {"**", "x", true}, {"?", "", false}, {"a", "ab", false}, {"a*", "ab", true},
		{"*b", "ab", true}, {"*b", "abc", false}, {"a*c*e", "abcde", true}, {"a*c*e", "abcd", false}, {"kn*", "kn/order=4", true},
		{"?é?", "aéb", true}, {"[a]", "a", false}, {strings.Repeat("*a", 30) + "b", strings.Repeat("a", 1000), false},
	} {
		if got := Match(test.pattern, test.name); got != test.want {
			t.Errorf("Match(%q, %q) = %v", test.pattern, test.name, got)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0B": 0, "1B": 1, "1.5KiB": 1536, "2 GB": 2e9, "8kB": 8000, "1TiB": 1 << 40, "0.1B": 0} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v, want %d", text, s, err, want)
		}
		var back Size
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Errorf("%d is written %s and read %d, %v", s, s, back, err)
		}
	}
	for _, text := range []string{"", "1", "-1B", "1KB", "1gib", "1.B", "1e3B", " 1B", "1B "} {
		if new(Size).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q accepted", text)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := fakes.Check(); err != nil {
		t.Error(err)
	}
	type taken struct {
		fakeLZ
		Grid []int `toml:"grid"`
	}
	type odd struct {
		fakeLZ
		C chan int `toml:"c"`
	}
	bad := Registries{
		Predictors: []catalog.Kind{
			{Name: "a", Default: func() predictors.Config { return &taken{} }},
			{Name: "b", Default: func() predictors.Config { return &odd{} }},
			{Name: "gzip", Default: func() predictors.Config { return &fakeKN{} }},
		},
		Coders:  fakes.Coders,
		Plots:   []Kind{{Name: "p", Default: func() any { return fakePlot{} }}},
		Corpora: []Kind{{Name: "c", Default: func() any { return &fakePlot{} }}},
	}
	want := `kinds: corpora.c: defaults are *config.fakePlot, want a corpora.Config; predictors.a: parameter "grid": the name is taken; predictors.b: parameter "c": TOML has no value for a chan int; ` +
		`predictors.gzip: want a name of its own; plots.p: defaults are config.fakePlot, want a pointer to a struct`
	if err := bad.Check(); err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}
