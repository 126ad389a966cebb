package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"horizon/results"
	"horizon/runner/config"
)

var update = flag.Bool("update", false, "rewrite golden files")

// goldenSQL is what experiments/smoke.toml comes to, but for clocks. The
// transformer is left to a band: its last digits depend on the processor's
// vector units.
const goldenSQL = `SELECT l.corpus, l.mode, l.predictor, printf('%.3f', l.bits_per_byte) AS bits,
	coalesce(printf('%.3f', l.lo) || '–' || printf('%.3f', nullif(l.hi, 0)), '') AS interval, printf('%.3f', l.top1) AS top1,
	(SELECT group_concat(k || ':' || printf('%.3f', bits), ' ') FROM (SELECT k, bits FROM horizon h
	 WHERE h.corpus = l.corpus AND h.mode = l.mode AND h.predictor = l.predictor ORDER BY k)) AS ahead
	FROM leaderboard l WHERE l.state = 'done' AND l.kind <> 'transformer' ORDER BY l.corpus, l.mode, l.predictor`

// The whole main job in small: every family, both modes, proofs, plots.
func TestSmokeExperiment(t *testing.T) {
	dir := t.TempDir()
	experiment, err := filepath.Abs("../experiments/smoke.toml")
	if err != nil {
		t.Fatal(err)
	}
	out, err := horizon(dir, "run", experiment, "--db", "smoke.db", "-q").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s, err := results.OpenReadOnly(filepath.Join(dir, "smoke.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	query := func(sql string) [][]any {
		table, err := s.Query(context.Background(), sql, 0)
		if err != nil {
			t.Fatal(err)
		}
		return table.Rows
	}
	var got strings.Builder
	for _, row := range query(goldenSQL) {
		fmt.Fprintln(&got, row...)
	}
	golden := filepath.Join("testdata", "smoke.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	for _, row := range query(`SELECT bits_per_byte, (SELECT bits_per_byte FROM leaderboard o WHERE o.corpus = l.corpus AND o.kind = 'oracle' AND o.mode = l.mode)
		FROM leaderboard l WHERE kind = 'transformer' AND state = 'done'`) {
		bits, best := row[0].(float64), row[1].(float64)
		if bits < best-0.005 || bits > best+0.03 {
			t.Errorf("the transformer on the golden mean: %v bits, the oracle %v", bits, best)
		}
	}
	for _, row := range query(`SELECT predictor, corpus, mode, claimed_bits, coded_bytes, round_trip FROM proof JOIN cells USING (attempt)`) {
		if d := 8*float64(row[4].(int64)) - row[3].(float64); row[5] != int64(1) || math.Abs(d) > 64 {
			t.Errorf("proof of %v: coded size less claim is %v bits", row[:3], d)
		}
	}
	if n := query(`SELECT count(*) FROM proof`)[0][0]; n.(int64) < 20 {
		t.Errorf("%v proofs, want one for each predictor, corpus and mode", n)
	}
	for _, f := range []string{"bits.svg", "bits.png", "horizon.svg", "horizon.png"} {
		if info, err := os.Stat(filepath.Join(dir, "plots", "smoke", f)); err != nil || info.Size() < 5000 {
			t.Errorf("plot %s: %v", f, err)
		}
	}
}

// Every experiment that is committed can be read, plots and all.
func TestExperimentsDecode(t *testing.T) {
	if err := registries().Check(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../experiments/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		e, err := config.Load(f, config.Options{Registries: registries()})
		if err != nil {
			t.Error(err)
			continue
		}
		if len(e.Plots) == 0 {
			t.Errorf("%s draws nothing", f)
		}
	}
}
