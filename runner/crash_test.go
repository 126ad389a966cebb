package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"horizon/results"
)

// manyCells is an experiment of 60 cells of some milliseconds each.
const manyCells = `schema = 1
name = "many"
[corpora.golden]
kind = "golden-mean"
symbols = 30_000
split = { train = 0.8, valid = 0.1, test = 0.1 }
[corpora.even]
kind = "even"
symbols = 30_000
split = { train = 0.8, valid = 0.1, test = 0.1 }
[predictors.kn]
kind = "kneser-ney"
grid = { order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], discounts = ["modified", "single"] }
[predictors.lz]
kind = "lz78"
grid = { gamma = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0] }
[evaluate]
horizons = [1, 2, 4]
points = 50
rollouts = 4
`

// longCells is one cell that takes hours and one that takes none.
const longCells = `schema = 1
name = "long"
[corpora.golden]
kind = "golden-mean"
symbols = 3000
split = { train = 0.8, valid = 0.1, test = 0.1 }
[predictors.tf]
kind = "transformer"
steps = 1_000_000
[predictors.uniform]
kind = "uniform"
`

// experimentFile writes an experiment into a folder of its own.
func experimentFile(t *testing.T, text string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "experiment.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

func horizon(dir string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Dir = dir
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

var finished = regexp.MustCompile(`(?m)^(\S+@\S+): [\d.]+ bits/byte`)

// scores is what the database says, in an order that does not depend on how
// it got there, without what was measured with a clock.
func scores(t *testing.T, db string) string {
	t.Helper()
	s, err := results.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b strings.Builder
	for _, q := range []string{
		`SELECT cell, metric, horizon, n, value, lo, hi FROM score JOIN attempt a ON a.id = attempt WHERE a.state = 'done' ORDER BY 1, 2, 3`,
		`SELECT cell, metric, horizon, block, n, bytes, bits FROM block_loss JOIN attempt a ON a.id = attempt WHERE a.state = 'done' ORDER BY 1, 2, 3, 4`,
	} {
		table, err := s.Query(context.Background(), q, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range table.Rows {
			fmt.Fprintln(&b, row...)
		}
	}
	return b.String()
}

// A run killed again and again loses nothing that it said was done, leaves a
// sound database, and ends with the very numbers of a run left in peace.
func TestKilledRunsResume(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 3
	}
	dir, file := experimentFile(t, manyCells)
	rng := rand.New(rand.NewPCG(1, uint64(kills)))
	acknowledged := map[string]bool{}
	for i := range kills {
		var out bytes.Buffer
		c := horizon(dir, "run", file, "--db", "killed.db", "--no-plots", "-j", "2")
		c.Stderr = &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(50+rng.IntN(250)) * time.Millisecond)
		c.Process.Signal(syscall.SIGKILL)
		c.Wait()
		for _, m := range finished.FindAllStringSubmatch(out.String(), -1) {
			if acknowledged[m[1]] {
				t.Errorf("kill %d: %s was computed although it was done", i, m[1])
			}
			acknowledged[m[1]] = true
		}
		checkSound(t, filepath.Join(dir, "killed.db"), acknowledged)
	}
	if out, err := horizon(dir, "run", file, "--db", "killed.db", "--no-plots", "-q").CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}
	if out, err := horizon(dir, "run", file, "--db", "peace.db", "--no-plots", "-q", "-j", "1").CombinedOutput(); err != nil {
		t.Fatalf("a run in peace: %v\n%s", err, out)
	}
	if scores(t, filepath.Join(dir, "killed.db")) != scores(t, filepath.Join(dir, "peace.db")) {
		t.Error("killed and resumed, the run gives other numbers")
	}
	t.Logf("%d cells acknowledged over %d kills", len(acknowledged), kills)
}

// checkSound opens the database as a user would and compares it with what was
// said to be done.
func checkSound(t *testing.T, db string, acknowledged map[string]bool) {
	t.Helper()
	if _, err := os.Stat(db); err != nil {
		if len(acknowledged) > 0 {
			t.Fatal(err)
		}
		return // killed before there was one
	}
	s, err := results.OpenReadOnly(db)
	if err != nil {
		if len(acknowledged) > 0 {
			t.Fatal(err)
		}
		return // killed while it was being made
	}
	defer s.Close()
	table, err := s.Query(context.Background(), `SELECT (SELECT group_concat(integrity_check) FROM pragma_integrity_check),
		(SELECT count(*) FROM pragma_foreign_key_check)`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(table.Rows[0]...); got != "ok 0" && got != "ok0" {
		t.Fatalf("integrity and foreign keys: %s", got)
	}
	done, err := s.Query(context.Background(), `SELECT predictor || '@' || corpus FROM cells WHERE state = 'done'`, 0)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, row := range done.Rows {
		have[fmt.Sprint(row[0])] = true
	}
	for name := range acknowledged {
		if !have[name] {
			t.Errorf("%s was said to be done and is lost", name)
		}
	}
}

// Two runs of one experiment at once share the work and do nothing twice.
func TestRunsAtOnceShareTheWork(t *testing.T) {
	dir, file := experimentFile(t, manyCells)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			horizon(dir, "run", file, "--db", "shared.db", "--no-plots", "-q").Run()
		})
	}
	wg.Wait()
	if out, err := horizon(dir, "run", file, "--db", "shared.db", "--no-plots", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s, err := results.OpenReadOnly(filepath.Join(dir, "shared.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	table, err := s.Query(context.Background(), `SELECT count(*), count(DISTINCT cell), sum(state = 'done') FROM attempt`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(table.Rows[0]); got != "[60 60 60]" {
		t.Errorf("attempts, cells, done = %s, want [60 60 60]", got)
	}
}

// oneTraining is one cell that trains for some seconds and saves often.
const oneTraining = `schema = 1
name = "training"
[corpora.golden]
kind = "golden-mean"
symbols = 20_000
split = { train = 0.8, valid = 0.1, test = 0.1 }
[predictors.tf]
kind = "transformer"
layers = 1
heads = 2
width = 32
window = 32
stride = 16
batch = 8
steps = 1500
valid_every = 100
checkpoint_every = 20
dropout = 0.1
[evaluate]
points = 0
`

// A training that is killed goes on from its last checkpoint, and ends with the
// bits and the curve of one left in peace. Nothing is left behind.
func TestKilledTrainingGoesOn(t *testing.T) {
	dir, file := experimentFile(t, oneTraining)
	run := func(db string) *exec.Cmd { return horizon(dir, "run", file, "--db", db, "--no-plots", "-q") }
	models := filepath.Join(dir, "models")
	var last progressSoFar
	for kill := range 3 {
		c := run("killed.db")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if kill == 0 {
			for len(last.Curve) < 4 {
				last = awaitSave(t, models, last)
			}
		}
		before := last
		last = awaitSave(t, models, last)
		c.Process.Signal(syscall.SIGKILL)
		c.Wait()
		// A training begun anew would have no curve at its first save.
		if len(last.Curve) < len(before.Curve) || last.Spent.CPUSeconds <= before.Spent.CPUSeconds {
			t.Errorf("kill %d: saved %+v after %+v: it did not go on", kill, last, before)
		}
	}
	for _, db := range []string{"killed.db", "peace.db"} {
		if out, err := run(db).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", db, err, out)
		}
	}
	killed, peace := filepath.Join(dir, "killed.db"), filepath.Join(dir, "peace.db")
	if got, want := scores(t, killed)+trainingCurve(t, killed), scores(t, peace)+trainingCurve(t, peace); got != want {
		t.Errorf("killed and resumed, training gives\n%s\nwant\n%s", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(models, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// awaitSave waits for a save after the last one seen.
func awaitSave(t *testing.T, models string, last progressSoFar) (p progressSoFar) {
	t.Helper()
	for range 3000 {
		time.Sleep(5 * time.Millisecond)
		files, _ := filepath.Glob(filepath.Join(models, "*.training"))
		if len(files) == 0 {
			continue
		}
		p = progressSoFar{}
		b, err := os.ReadFile(files[0])
		if err != nil || gob.NewDecoder(bytes.NewReader(b)).Decode(&p) != nil {
			t.Fatalf("a checkpoint that cannot be read: %v", err)
		}
		if p.Spent != last.Spent {
			return p
		}
	}
	t.Fatal("no checkpoint in a quarter of a minute")
	return p
}

// trainingCurve is the stored learning curves, without seconds.
func trainingCurve(t *testing.T, db string) string {
	t.Helper()
	s, err := results.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	table, err := s.Query(context.Background(), `SELECT metric, symbols, value FROM curve JOIN attempt a ON a.id = attempt WHERE a.state = 'done' ORDER BY 1, 2`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) < 20 {
		t.Errorf("%s: points of the curve = %d, want at least 20", db, len(table.Rows))
	}
	return fmt.Sprint(table.Rows)
}

// An interrupt stops the run at once, marks what was running, and exits 75.
func TestInterrupt(t *testing.T) {
	dir, file := experimentFile(t, longCells)
	c := horizon(dir, "run", file, "--db", "long.db", "-q")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	c.Process.Signal(os.Interrupt)
	start := time.Now()
	err := c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitStopped {
		t.Errorf("exit code %d (%v), want %d", code, err, exitStopped)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v to stop", d)
	}
	s, err := results.OpenReadOnly(filepath.Join(dir, "long.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	table, err := s.Query(context.Background(), `SELECT predictor, state FROM cells ORDER BY 1`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(table.Rows); got != "[[tf stopped] [uniform done]]" {
		t.Errorf("states %s, want tf stopped and uniform done", got)
	}
}

// When the run is killed, the processes of its cells die with it.
func TestNoCellOutlivesItsRun(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs /proc to look for processes")
	}
	dir, file := experimentFile(t, longCells)
	c := horizon(dir, "run", file, "--db", "orphans.db", "-q")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(700 * time.Millisecond)
	kids := children(c.Process.Pid)
	if len(kids) == 0 {
		t.Error("the run had no processes for its cells")
	}
	c.Process.Kill()
	c.Wait()
	for range 40 {
		time.Sleep(100 * time.Millisecond)
		left := 0
		for _, pid := range kids {
			if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && bytes.Contains(b, []byte(childVerb)) {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
	t.Error("cells go on after their run was killed")
}

func children(pid int) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var id, parent int
		var name, state string
		if _, err := fmt.Sscanf(string(b), "%d %s %s %d", &id, &name, &state, &parent); err == nil && parent == pid {
			pids = append(pids, id)
		}
	}
	return pids
}
