package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"horizon/predictors"
)

const sweep = head + `[predictors.kn]
kind = "kneser-ney"
grid = { order = [3, 4] }
[predictors.lz]
kind = "lz78"
budget = { model_bytes = "8MiB", train_seconds = 1.5 }
[predictors.zip]
kind = "gzip"
corpora = ["opticks"]
[predictors.lz.on.golden]
budget = { symbols = 10 }
[budget]
model_bytes = ["1MiB", "2MiB"]
symbols = 1_000
`

func TestBudgets(t *testing.T) {
	e := load(t, nil, "main.toml", sweep)
	type run struct {
		Name, Corpus string
		Budget       predictors.Budget
		Params       string
	}
	var got []run
	for _, p := range e.Predictors {
		for _, r := range p.Runs {
			got = append(got, run{p.Name, r.Corpus, r.Budget, string(r.Params)})
		}
	}
	kn := func(order, mib string, corpus string, bytes int64, digits string) run {
		return run{"kn/order=" + order + ",model_bytes=" + mib, corpus, predictors.Budget{Symbols: 1000, ModelBytes: bytes},
			`{"budget":{"model_bytes":` + digits + `,"symbols":1000},"discounts":"modified","order":` + order + `}`}
	}
	var want []run
	for _, order := range []string{"3", "4"} {
		for _, corpus := range []string{"opticks", "golden"} {
			want = append(want, kn(order, "1MiB", corpus, 1<<20, "1048576"))
		}
		for _, corpus := range []string{"opticks", "golden"} {
			want = append(want, kn(order, "2MiB", corpus, 2<<20, "2097152"))
		}
	}
	lz := func(corpus string, symbols int64, digits string) run {
		return run{"lz", corpus, predictors.Budget{Symbols: symbols, ModelBytes: 8 << 20, TrainSeconds: 1.5},
			`{"budget":{"model_bytes":8388608,"symbols":` + digits + `,"train_seconds":1.5},"gamma":0.5,"tune":false}`}
	}
	want = append(want, lz("opticks", 1000, "1000"), lz("golden", 10, "10"))
	for mib, bytes := range map[string]int64{"1MiB": 1 << 20, "2MiB": 2 << 20} {
		b := predictors.Budget{Symbols: 1000, ModelBytes: bytes}
		want = append(want, run{"zip/model_bytes=" + mib, "opticks", b, string(canonical(map[string]any{"budget": boundsJSON(b), "level": 9}))})
	}
	slices.SortFunc(want[len(want)-2:], func(a, b run) int { return strings.Compare(a.Name, b.Name) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	shown := ""
	for _, s := range e.Resolved() {
		shown += s.Key + " = " + s.Value + "  " + s.From + "\n"
	}
	for _, line := range []string{`budget.model_bytes = ["1MiB","2MiB"]  main.toml:19`, `budget.symbols = 1000  main.toml:20`,
		`predictors.lz.budget.train_seconds = 1.5  main.toml:12`, `predictors.lz.on.golden.budget.symbols = 10  main.toml:17`} {
		if !strings.Contains(shown, line+"\n") {
			t.Errorf("resolved lacks %q:\n%s", line, shown)
		}
	}
}

// Without a budget parameters are what they were before there were any.
func TestNoBudgetNoTrace(t *testing.T) {
	e := load(t, nil, "main.toml", head+"[predictors.kn]\nkind = \"kneser-ney\"\n")
	if got := string(e.Predictors[0].Params); got != `{"discounts":"modified","order":5}` {
		t.Error(got)
	}
	for _, s := range e.Resolved() {
		if strings.Contains(s.Key, "budget") {
			t.Error(s)
		}
	}
}

func TestBudgetsInSetsAndGrids(t *testing.T) {
	kn := head + "[predictors.kn]\nkind = \"kneser-ney\"\n"
	for _, c := range []struct {
		sets  string
		file  string
		names string
	}{
		{"budget.model_bytes=4MiB", kn, "kn"},
		{`predictors.kn.budget={ train_ops = [1e9, 2.5e9] }`, kn, "kn/train_ops=1000000000 kn/train_ops=2500000000"},
		{`budget.train_seconds=[1, 2]`, kn + "budget = { train_seconds = 7 }\n", "kn"},
		{"", kn + "grid = { budget = { symbols = [5, 6] }, order = 3 }\n", "kn/symbols=5 kn/symbols=6"},
		{`budget.symbols=[1, 2, 3]`, kn + "grid = { budget.symbols = [5, 6] }\n", "kn/symbols=5 kn/symbols=6"},
		{"", kn + "grid = { budget = { symbols = [5, 6], train_ops = [1, 2] } }\nskip = [{ budget = { symbols = 5, train_ops = 2 } }]\n",
			"kn/symbols=5,train_ops=1 kn/symbols=6,train_ops=1 kn/symbols=6,train_ops=2"},
	} {
		var sets []string
		if c.sets != "" {
			sets = []string{c.sets}
		}
		e := load(t, sets, "main.toml", c.file)
		var names []string
		for _, p := range e.Predictors {
			names = append(names, p.Name)
			if p.Budget == (predictors.Budget{}) || p.Table != "kn" {
				t.Errorf("%s: %+v", c.sets, p)
			}
		}
		if got := strings.Join(names, " "); got != c.names {
			t.Errorf("%s: %s, want %s", c.sets, got, c.names)
		}
	}
}
