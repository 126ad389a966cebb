package results

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var env = Environment{GitCommit: "c0ffee", CodeSHA256: "ab", GoVersion: "go1.26", GOOS: "linux", GOARCH: "amd64",
	GOAMD64: "v1", CPU: "test", CPUFeatures: "fma", Kernels: "generic", Cores: 2, RAM: 1 << 33}

func open_(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func tempStore(t testing.TB) *Store {
	return open_(t, filepath.Join(t.TempDir(), "new folder", "results?.db"))
}

// plan is predictors × corpora cells of one experiment.
func plan(predictors, corpora []string) []Cell {
	var cells []Cell
	for _, c := range corpora {
		corpus := &Corpus{SHA256: "sha-" + c, Name: c, Kind: "process", Source: "drawn", Licence: "none", Bytes: 1000, Entropy: 2.0 / 3}
		slice := func(role string) *Slice {
			return &Slice{Digest: c + role, Role: role, Unit: "byte", Length: 500, Bytes: 500, Documents: 1, Alphabet: 2}
		}
		for _, p := range predictors {
			cells = append(cells, Cell{Key: "key-" + p + "-" + c, PredictorName: p, CorpusName: c, Mode: Frozen,
				Predictor: Predictor{Kind: p, CodeVersion: 1, Params: `{"order":5}`, Coder: p == "gzip"}, Corpus: corpus,
				Train: slice("train"), Test: slice("test"), Seeds: `{"init":1}`, Evaluate: `{"horizons":[1,2]}`})
		}
	}
	return cells
}

func put(t testing.TB, s *Store, digest, name string, cells []Cell) (environment string) {
	t.Helper()
	environment, err := s.PutEnvironment(env)
	if err == nil {
		err = s.PutExperiment(Experiment{Digest: digest, Name: name, Source: "name = 1", Resolved: "{}"}, cells)
	}
	if err != nil {
		t.Fatal(err)
	}
	return environment
}

func begin(t testing.TB, s *Store, cell, environment string) string {
	t.Helper()
	id, err := s.Begin(cell, environment, "0/1", "here", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func outcome(bits float64) Outcome {
	o := Outcome{TrainSeconds: 1.5, EvalSeconds: 0.5, WallSeconds: 2.25, CPUSeconds: 3, SymbolsPerSecond: 1000,
		ModelBytes: 4096, PeakRSS: 1 << 20, TrainSymbols: 500, Chosen: map[string]float64{"d2": 0.7, "d1": 0.5},
		Curve: []CurvePoint{{"valid_bits", 100, 0.1, bits + 1}, {"valid_bits", 200, math.NaN(), bits}},
		Proof: &Proof{bits * 500, 320, true}, Artifacts: []Artifact{{"cafe", "model", "m.bin"}}}
	nan := math.NaN()
	o.Scores = []Score{
		{"bits_per_byte", 1, 500, bits, bits - 0.1, bits + 0.1}, {"bits_per_symbol", 1, 500, bits, nan, nan},
		{"perplexity", 1, 500, Perplexity(bits), nan, nan}, {"top1", 1, 500, 0.75, nan, nan},
		{"regret", 1, 500, 0.3, 0.2, 0.4},
	}
	for _, k := range []int{1, 2} {
		b := bits + float64(k)/10
		o.Scores = append(o.Scores, Score{"ahead_bits", k, 50, b, b - 0.2, b + 0.2}, Score{"ahead_bits_raw", k, 50, b + 0.01, nan, nan},
			Score{"ahead_exact", k, 50, float64(2 - k), nan, nan}, Score{"points", k, 50, 50, nan, nan},
			Score{"rollouts", k, 50, 64, nan, nan}, Score{"optimum", k, 50, 0.5, nan, nan},
			Score{"regret_ahead", k, 50, 0.6, 0.5, 0.7})
	}
	for i := range 3 {
		o.Blocks = append(o.Blocks, BlockLoss{"log_loss", 1, i, int64(100 * i), 100, 100, 100 * bits})
	}
	return o
}

func TestStoreRoundTrip(t *testing.T) {
	s := tempStore(t)
	e := put(t, s, "d1", "quick", plan([]string{"unigram", "kn", "gzip"}, []string{"even", "golden"}))
	for i, p := range []string{"unigram", "kn", "gzip"} {
		o := outcome(3 - float64(i)/2)
		if p == "gzip" {
			o.Scores, o.Blocks, o.Curve = o.Scores[:1], nil, nil
		}
		if err := s.Finish(begin(t, s, "key-"+p+"-even", e), o); err != nil {
			t.Fatal(err)
		}
	}
	s.Fail(begin(t, s, "key-kn-golden", e), OutOfMem, "peak 3 GiB, limit 2 GiB")

	rows, err := s.Leaderboard(Filter{Corpus: "ev*"})
	if err != nil || len(rows) != 3 {
		t.Fatalf("leaderboard = %v, %v, want 3 rows", rows, err)
	}
	want := LeaderboardRow{ID: ID{"quick", "even", "kn", "kn", Frozen, `{"init":1}`, 1}, Series: "kn", Params: `{"order":5}`, BitsPerByte: 2.5,
		MatchLength: math.NaN(), Effective: math.NaN(), Fallback: math.NaN(),
		Lo: 2.4, Hi: 2.6, BitsPerSymbol: 2.5, Perplexity: Perplexity(2.5), Top1: 0.75, Regret: 0.3, RegretLo: 0.2, RegretHi: 0.4, TrainSeconds: 1.5, EvalSeconds: 0.5,
		SymbolsPerSecond: 1000, ModelBytes: 4096, PeakRSS: 1 << 20, TrainSymbols: 500, TestSymbols: 500, TestBytes: 500,
		Entropy: 2.0 / 3, Unit: "byte", State: Done}
	if d := cmp.Diff(want, rows[1], cmpopts.EquateNaNs()); d != "" {
		t.Errorf("leaderboard row: %s", d)
	}
	if rows[0].Predictor != "gzip" || !rows[0].Coder || !math.IsNaN(rows[0].Top1) || rows[2].Predictor != "unigram" {
		t.Errorf("order or missing values: %+v", rows)
	}

	hs, err := s.Horizons(Filter{Predictor: "kn"})
	if err != nil || len(hs) != 2 {
		t.Fatalf("horizon = %v, %v, want 2 rows", hs, err)
	}
	h := HorizonRow{ID: rows[1].ID, K: 2, Bits: 2.7, Lo: 2.5, Hi: 2.9, Raw: 2.71, Points: 50, Rollouts: 64, Optimum: 0.5, Regret: 0.6, RegretLo: 0.5, RegretHi: 0.7,
		Unigram: 3.2, Entropy: 2.0 / 3}
	if d := cmp.Diff(h, hs[1], cmpopts.EquateApprox(0, 1e-12)); d != "" || !hs[0].Exact {
		t.Errorf("horizon row: %s", d)
	}

	cs, err := s.Curves(Filter{Predictor: "kn"})
	if err != nil || len(cs) != 2 || cs[1].Value != 2.5 || !math.IsNaN(cs[1].Seconds) {
		t.Errorf("curves = %+v, %v", cs, err)
	}
	costs, err := s.Costs(Filter{})
	if err != nil || len(costs) != 3 || costs[1].WallSeconds != 2.25 || costs[1].CPU != "test" || !math.IsNaN(costs[1].TrainOps) {
		t.Errorf("costs = %+v, %v", costs, err)
	}
	missing, err := s.Missing(Filter{Predictor: "[^g]*"})
	wantMissing := []MissingRow{{"quick", 3, "golden", "unigram", Frozen, Pending, ""},
		{"quick", 4, "golden", "kn", Frozen, OutOfMem, "peak 3 GiB, limit 2 GiB"}}
	if d := cmp.Diff(wantMissing, missing); d != "" || err != nil {
		t.Errorf("missing: %v %s", err, d)
	}
	bs, err := s.BlockLosses(Filter{}, "log_loss", 1)
	if err != nil || len(bs) != 2 || len(bs[1].Blocks) != 3 || bs[1].Blocks[2] != (BlockLoss{"log_loss", 1, 2, 200, 100, 100, 250}) {
		t.Errorf("blocks = %+v, %v", bs, err)
	}
	states, err := s.States("d1")
	if err != nil || len(states) != 6 || states[0].State != Done || states[0].Attempts != 1 || states[0].WallSeconds != 2.25 ||
		states[4].State != OutOfMem || states[5].State != Pending {
		t.Errorf("states = %+v, %v", states, err)
	}
	if st, err := s.StateOf("no such cell"); st != Pending || err != nil {
		t.Errorf("StateOf = %v, %v", st, err)
	}
	cho, err := s.Chosen(Filter{Predictor: "k*"})
	if err != nil || len(cho) != 1 || cho[0].ID != rows[1].ID || len(cho[0].Chosen) != 2 || cho[0].Chosen["d2"] != 0.7 {
		t.Errorf("chosen = %+v, %v", cho, err)
	}
	var chosen string
	s.r.QueryRow(`SELECT params_chosen FROM cells WHERE params_chosen IS NOT NULL`).Scan(&chosen)
	if chosen != `{"d1":0.5,"d2":0.7}` {
		t.Errorf("params_chosen = %s", chosen)
	}
}

// A file from before there were budgets and evidence shows, once migrated, the
// bounds that predictors have in their parameters, the series that names stand
// in, and what blocks of evidence say.
func TestBudgetsAndEvidence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	s, err := open(path, migrations[:1])
	if err != nil {
		t.Fatal(err)
	}
	cells := plan([]string{"kn/model_bytes=4MiB", "plain"}, []string{"even"})
	cells[0].Predictor.Params = `{"budget":{"model_bytes":4194304,"symbols":1000,"train_ops":1e12,"train_seconds":1.5},"order":5}`
	cells[1].Predictor.Params = "not JSON"
	e := put(t, s, "d", "x", cells)
	o := outcome(2)
	nan := math.NaN()
	o.Scores = append(o.Scores, Score{"train_ops", 1, 500, 9e11, nan, nan}, Score{"n_eff", 1, 4, 30, nan, nan},
		Score{"match_length", 1, 4, 7.5, nan, nan})
	o.Blocks = append(o.Blocks, BlockLoss{"match_length", 1, 1, 100, 4, 0, 30}, BlockLoss{"n_eff", 1, 1, 100, 4, 0, 120})
	for _, c := range cells {
		if err := s.Finish(begin(t, s, c.Key, e), o); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open_(t, path)
	costs, err := s.Costs(Filter{})
	if err != nil || len(costs) != 2 {
		t.Fatalf("costs = %+v, %v", costs, err)
	}
	if c := costs[0]; c.Series != "kn" || c.Budget != (Bounds{1000, 4 << 20, 1.5, 1e12}) || c.TrainOps != 9e11 || c.BitsPerSymbol != 2 {
		t.Errorf("cost row: %+v", c)
	}
	if c := costs[1]; c.Series != "plain" || c.Budget != (Bounds{}) {
		t.Errorf("cost row without a budget: %+v", c)
	}
	rows, err := s.Leaderboard(Filter{})
	if err != nil || rows[0].Series != "kn" || rows[0].Budget.ModelBytes != 4<<20 || rows[0].MatchLength != 7.5 ||
		rows[0].Effective != 30 || !math.IsNaN(rows[0].Fallback) {
		t.Errorf("leaderboard = %+v, %v", rows, err)
	}
	ev, err := s.Evidence(Filter{Predictor: "kn*"})
	want := []EvidenceRow{{costs[0].ID, "kn", 1, 100, 2, 4, 7.5, 30, nan}}
	if d := cmp.Diff(want, ev, cmpopts.EquateNaNs()); d != "" || err != nil {
		t.Errorf("evidence: %v %s", err, d)
	}
	curves, err := s.Curves(Filter{Predictor: "kn*"})
	if err != nil || len(curves) != 2 || curves[0].Series != "kn" {
		t.Errorf("curves = %+v, %v", curves, err)
	}
}

func TestInfiniteAndUndefinedScores(t *testing.T) {
	s := tempStore(t)
	e := put(t, s, "d", "x", plan([]string{"a", "b", "c"}, []string{"even"}))
	for p, v := range map[string]float64{"a": math.NaN(), "b": math.Inf(1), "c": 1} {
		nan := math.NaN()
		o := Outcome{Scores: []Score{{"bits_per_byte", 1, 9, v, nan, math.Inf(1)}}}
		if !math.IsNaN(v) {
			o.Blocks = []BlockLoss{{"log_loss", 1, 0, 0, 9, 9, v}}
		}
		if err := s.Finish(begin(t, s, "key-"+p+"-even", e), o); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := s.Leaderboard(Filter{})
	if err != nil || rows[0].Predictor != "c" || !math.IsInf(rows[1].BitsPerByte, 1) || !math.IsNaN(rows[2].BitsPerByte) {
		t.Errorf("leaderboard = %+v, %v, want 1, +Inf, NaN", rows, err)
	}
	bs, err := s.BlockLosses(Filter{Predictor: "b"}, "log_loss", 1)
	if err != nil || len(bs) != 1 || !math.IsInf(bs[0].Blocks[0].Bits, 1) {
		t.Errorf("infinite block = %+v, %v", bs, err)
	}
	id := begin(t, s, "key-a-even2", e2(t, s))
	if err := s.Finish(id, Outcome{Blocks: []BlockLoss{{"log_loss", 1, 0, 0, 9, 9, math.NaN()}}}); err == nil {
		t.Error("a block of NaN bits was stored")
	}
	if st, _ := s.StateOf("key-a-even2"); st != Running {
		t.Errorf("after a refused outcome the attempt is %s, want running: nothing half stored", st)
	}
}

func e2(t *testing.T, s *Store) string {
	return put(t, s, "d2", "y", plan([]string{"a"}, []string{"even2"}))
}

func TestBeginRefuses(t *testing.T) {
	s := tempStore(t)
	e := put(t, s, "d", "x", plan([]string{"a"}, []string{"even"}))
	if _, err := s.Begin("unknown", e, "", "", 1); err == nil {
		t.Error("an unknown cell was claimed")
	}
	id := begin(t, s, "key-a-even", e)
	if _, err := s.Begin("key-a-even", e, "", "", 1); !errors.Is(err, ErrClaimed) {
		t.Errorf("claiming a running cell: %v, want ErrClaimed", err)
	}
	if err := s.Fail(id, Stopped, "interrupt"); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"beat": s.Beat(id), "fail": s.Fail(id, Failed, ""), "finish": s.Finish(id, Outcome{})} {
		if !errors.Is(err, ErrEnded) {
			t.Errorf("%s after the end: %v, want ErrEnded", what, err)
		}
	}
	if err := s.Fail(id, Done, ""); err == nil {
		t.Error("an attempt failed as done")
	}
	if err := s.Finish(begin(t, s, "key-a-even", e), outcome(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Begin("key-a-even", e, "", "", 1); !errors.Is(err, ErrDone) {
		t.Errorf("claiming a done cell: %v, want ErrDone", err)
	}
	if err := s.Supersede([]string{"key-a-even"}); err != nil {
		t.Fatal(err)
	}
	begin(t, s, "key-a-even", e)
}

func TestRecover(t *testing.T) {
	s := tempStore(t)
	e := put(t, s, "d", "x", plan([]string{"dead", "alive", "far", "fresh"}, []string{"even"}))
	at := func(cell, host string, pid int) string {
		id, err := s.Begin("key-"+cell+"-even", e, "", host, pid)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	dead, alive, far := at("dead", "here", 11), at("alive", "here", 12), at("far", "there", 11)
	for _, id := range []string{alive, far} { // silent for two hours, as far as the file knows
		w, err := s.writer()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Exec(`UPDATE attempt SET beat = ? WHERE id = ?`, timestamp(time.Now().Add(-2*time.Hour)), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Beat(alive); err != nil {
		t.Fatal(err)
	}
	at("fresh", "there", 11)
	n, err := s.Recover("here", func(pid int) bool { return pid == 12 }, time.Hour)
	if n != 2 || err != nil {
		t.Fatalf("Recover = %d, %v, want 2: the dead one and the one long silent", n, err)
	}
	for cell, want := range map[string]State{"dead": Lost, "alive": Running, "far": Lost, "fresh": Running} {
		if st, _ := s.StateOf("key-" + cell + "-even"); st != want {
			t.Errorf("%s is %s, want %s", cell, st, want)
		}
	}
	// The far one was only slow; its result counts, but only one may.
	if err := s.Finish(far, outcome(1)); err != nil {
		t.Errorf("finishing a lost attempt: %v", err)
	}
	if err := s.Finish(at("dead", "here", 12), outcome(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(dead, outcome(1)); !errors.Is(err, ErrDone) {
		t.Errorf("finishing twice: %v, want ErrDone", err)
	}
}

func TestExperimentAgain(t *testing.T) {
	s := tempStore(t)
	cells := plan([]string{"a", "b"}, []string{"even"})
	e := put(t, s, "old", "x", cells)
	if err := s.Finish(begin(t, s, "key-a-even", e), outcome(1)); err != nil {
		t.Fatal(err)
	}
	put(t, s, "old", "x", cells) // the same: no change
	put(t, s, "new", "x", plan([]string{"b", "c"}, []string{"even"}))
	names := func() string {
		rows, err := s.Leaderboard(Filter{Experiment: "x"})
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, r := range rows {
			out += r.Predictor
		}
		return out
	}
	if got := names(); got != "bc" {
		t.Errorf("leaderboard after an edit = %s, want bc", got)
	}
	put(t, s, "old", "x", cells)
	if got := names(); got != "ab" {
		t.Errorf("leaderboard after going back = %s, want ab", got)
	}
	// The code version rose: the same experiment has another cell.
	cells[1].Key, cells[1].Predictor.CodeVersion = "key-b2", 2
	put(t, s, "old", "x", cells)
	states, err := s.States("old")
	if err != nil || len(states) != 2 || states[0].State != Done || states[1].Key != "key-b2" {
		t.Errorf("states after a replanning = %+v, %v", states, err)
	}
	var all int
	s.r.QueryRow(`SELECT count(*) FROM cells WHERE NOT latest`).Scan(&all)
	if all != 2 {
		t.Errorf("view cells has %d older rows, want 2", all)
	}
}

func TestSkippedCellHasNoSlices(t *testing.T) {
	s := tempStore(t)
	c := plan([]string{"a"}, []string{"even"})
	c[0].Corpus, c[0].Train, c[0].Test = nil, nil, nil
	e := put(t, s, "d", "x", c)
	if err := s.Fail(begin(t, s, c[0].Key, e), Skipped, "no such file"); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Missing(Filter{})
	if err != nil || len(rows) != 1 || rows[0].State != Skipped || rows[0].Error != "no such file" {
		t.Errorf("missing = %+v, %v", rows, err)
	}
}

func TestQuery(t *testing.T) {
	s := tempStore(t)
	e := put(t, s, "d", "x", plan([]string{"a", "b"}, []string{"even"}))
	if err := s.Finish(begin(t, s, "key-a-even", e), outcome(1)); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	got, err := s.Query(ctx, `SELECT predictor, bits_per_byte, lo IS NULL FROM leaderboard`, 0)
	want := &Table{[]string{"predictor", "bits_per_byte", "lo IS NULL"}, [][]any{{"a", 1.0, int64(0)}, {"b", nil, int64(1)}}, false}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("query: %v %s", err, d)
	}
	if got, err := s.Query(ctx, " leaderboard;", 1); err != nil || len(got.Rows) != 1 || !got.Truncated || got.Columns[0] != "experiment" {
		t.Errorf("view by name = %+v, %v", got, err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	for _, bad := range []string{
		`DELETE FROM score`, `DROP VIEW leaderboard`, `PRAGMA query_only = 0`, `PRAGMA query_only = 0; DELETE FROM curve`,
		`SELECT 1; DELETE FROM curve`, `ATTACH '` + other + `' AS o`, `CREATE TEMP TABLE t(x)`, `VACUUM INTO '` + other + `'`,
		`PRAGMA user_version = 9`, `no_such_view`, `SELECT`,
	} {
		if got, err := s.Query(ctx, bad, 0); err == nil {
			t.Errorf("%s: %v, want an error", bad, got)
		}
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a query made a file: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = s.Query(short, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n`, 0)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("endless query: %v, want deadline exceeded", err)
	}
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(filepath.Join(dir, "none.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening nothing: %v, want not exist", err)
	}
	path := filepath.Join(dir, "r.db")
	put(t, open_(t, path), "d", "x", plan([]string{"a"}, []string{"even"}))
	s, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if rows, err := s.Missing(Filter{}); err != nil || len(rows) != 1 {
		t.Errorf("missing = %v, %v", rows, err)
	}
	if _, err := s.PutEnvironment(env); err == nil || !strings.Contains(err.Error(), "reading only") {
		t.Errorf("writing to a read-only store: %v", err)
	}
}

func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, x := range statements {
		if _, err := db.Exec(x); err != nil {
			t.Fatalf("%s: %v", x, err)
		}
	}
}

func TestRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	newer, foreign, noise := filepath.Join(dir, "newer.db"), filepath.Join(dir, "foreign.db"), filepath.Join(dir, "noise.db")
	open_(t, newer).Close()
	raw(t, newer, fmt.Sprintf(`PRAGMA user_version = %d`, len(migrations)+3))
	raw(t, foreign, `CREATE TABLE t(x)`)
	os.WriteFile(noise, []byte(strings.Repeat("not a database ", 100)), 0o644)
	for name, open := range map[string]func(string) (*Store, error){"Open": Open, "OpenReadOnly": OpenReadOnly} {
		var v *VersionError
		if _, err := open(newer); !errors.As(err, &v) || v.Got != len(migrations)+3 || v.Want != len(migrations) {
			t.Errorf("%s of a newer file: %v, want a VersionError", name, err)
		}
		if _, err := open(foreign); err == nil || !strings.Contains(err.Error(), "application id") {
			t.Errorf("%s of another program's file: %v", name, err)
		}
		if _, err := open(noise); err == nil {
			t.Errorf("%s of noise succeeded", name)
		}
	}
}

func TestMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.db")
	put(t, open_(t, path), "d", "x", plan([]string{"a"}, []string{"even"}))
	next := migration{len(migrations) + 1, "test", `ALTER TABLE corpus ADD COLUMN note TEXT; UPDATE corpus SET note = 'n'`}
	broken := migration{next.version + 1, "broken", `UPDATE corpus SET note = 'half done'; UPDATE no_such_table SET x = 1`}

	// A step that fails leaves the file at the step before it.
	steps := append(append([]migration(nil), migrations...), next, broken)
	if _, err := open(path, steps); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Fatalf("a broken migration: %v", err)
	}
	s, err := open(path, steps[:len(steps)-1])
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var note string
	if err := s.r.QueryRow(`SELECT note FROM corpus`).Scan(&note); err != nil || note != "n" {
		t.Errorf("after migrating: note = %q, %v, want n", note, err)
	}
	if rows, err := s.Missing(Filter{}); err != nil || len(rows) != 1 {
		t.Errorf("after migrating: missing = %v, %v", rows, err)
	}

	// The copy is the file as it was, and opens.
	copies, _ := filepath.Glob(fmt.Sprintf("%s.v%d-*.bak", path, len(migrations)))
	if len(copies) != 1 {
		t.Fatalf("copies = %v, want one", copies)
	}
	old := open_(t, copies[0])
	if rows, err := old.Missing(Filter{}); err != nil || len(rows) != 1 {
		t.Errorf("the copy: missing = %v, %v", rows, err)
	}
	var v *VersionError
	if _, err := Open(path); !errors.As(err, &v) {
		t.Errorf("the older program opened the migrated file: %v", err)
	}
}

func TestPragmas(t *testing.T) {
	s := tempStore(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1",
		"application_id": fmt.Sprint(applicationID), "user_version": fmt.Sprint(len(migrations))} {
		var got string
		if err := s.w.QueryRow(`PRAGMA ` + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, %v, want %s", pragma, got, err, want)
		}
	}
	// Every table is strict, as the schema's promises about types need.
	var loose int
	s.w.QueryRow(`SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'`).Scan(&loose)
	if loose != 0 {
		t.Errorf("%d tables are not strict", loose)
	}
}

func TestIDsSort(t *testing.T) {
	base := time.Unix(1_800_000_000, 0)
	last := ""
	for i := range 1000 {
		id := newID(base.Add(time.Duration(i) * 300 * time.Nanosecond))
		if id[14] != '7' || len(id) != 36 || !strings.ContainsRune("89ab", rune(id[19])) {
			t.Fatalf("id = %s, want a UUID of version 7", id)
		}
		if id[:18] < last {
			t.Fatalf("id %s sorts before %s, made earlier", id, last)
		}
		last = id[:18]
	}
}

// A leaderboard of 20,000 finished cells, to be well under a second.
func BenchmarkLeaderboard20k(b *testing.B) {
	s := tempStore(b)
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("kn/order=%d", i))
	}
	var corpora []string
	for i := range 20 {
		corpora = append(corpora, fmt.Sprintf("corpus%d", i))
	}
	cells := plan(names, corpora)
	e := put(b, s, "d", "big", cells)
	// Finishing one by one costs a sync each; here all go into one.
	err := s.inTx(func(tx *sql.Tx) error {
		for i, c := range cells {
			id := newID(time.Now())
			if _, err := tx.Exec(`INSERT INTO attempt (id, cell, environment, shard, host, pid, state, started, beat)
				VALUES (?,?,?,'','',1,'running','','')`, id, c.Key, e); err != nil {
				return err
			}
			o := outcome(1 + float64(i%977)/100)
			if err := errors.Join(finishAttempt(tx, id, o), putScores(tx, id, o.Scores)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rows, err := s.Leaderboard(Filter{})
		if err != nil || len(rows) != len(cells) || math.IsNaN(rows[0].BitsPerByte) {
			b.Fatal(len(rows), err)
		}
	}
}

func BenchmarkFinish(b *testing.B) {
	s := tempStore(b)
	e := put(b, s, "d", "x", plan([]string{"a"}, []string{"even"}))
	o := outcome(1)
	for i := range 400 {
		o.Blocks = append(o.Blocks, BlockLoss{"ahead", 2, i, int64(i), 1, 1, 1})
	}
	for b.Loop() {
		if err := s.Finish(begin(b, s, "key-a-even", e), o); err != nil {
			b.Fatal(err)
		}
		s.Supersede([]string{"key-a-even"})
	}
}
