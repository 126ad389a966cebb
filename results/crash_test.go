package results

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests below run this test binary again as a worker: a process that
// claims and finishes the cells of a store and prints each key it has been
// told is done.
const workerEnv = "RESULTS_TEST_WORKER"

func TestMain(m *testing.M) {
	if path := os.Getenv(workerEnv); path != "" {
		if err := work(path, os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work claims every cell that is free, starting at a place of its own.
func work(path, seed string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	e, err := s.PutEnvironment(env)
	if err != nil {
		return err
	}
	cells := crashCells()
	if err := s.PutExperiment(Experiment{Digest: "d", Name: "crash"}, cells); err != nil {
		return err
	}
	n, err := strconv.Atoi(seed)
	if err != nil {
		return err
	}
	for i := range cells {
		key := cells[(i+n)%len(cells)].Key
		id, err := s.Begin(key, e, seed, "here", os.Getpid())
		if errors.Is(err, ErrDone) || errors.Is(err, ErrClaimed) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.Finish(id, crashOutcome(key)); err != nil {
			return err
		}
		fmt.Println(key)
	}
	return nil
}

func crashCells() []Cell {
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprint("p", i))
	}
	return plan(names, []string{"even"})
}

// crashOutcome has a value only this cell can have, and enough rows for the
// transaction to be torn.
func crashOutcome(key string) Outcome {
	o := outcome(float64(len(key)))
	for i := range 60 {
		o.Blocks = append(o.Blocks, BlockLoss{"ahead", 4, i, int64(i), 1, 1, float64(i)})
	}
	return o
}

func startWorker(t *testing.T, path string, seed int) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], strconv.Itoa(seed))
	cmd.Env = append(os.Environ(), workerEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

func checkClean(t *testing.T, s *Store) {
	t.Helper()
	var integrity string
	if err := s.r.QueryRow(`PRAGMA integrity_check`).Scan(&integrity); err != nil || integrity != "ok" {
		t.Fatalf("integrity_check = %s, %v", integrity, err)
	}
	rows, err := s.r.Query(`PRAGMA foreign_key_check`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() {
		t.Fatal("foreign_key_check found a row without its parent")
	}
	// A done attempt is whole: Finish wrote all of its rows or none.
	for _, table := range []string{"score", "block_loss", "curve", "proof", "artifact"} {
		var torn int
		err := s.r.QueryRow(`SELECT count(*) FROM attempt a WHERE (a.state = 'done') <>
			EXISTS (SELECT 1 FROM ` + table + ` x WHERE x.attempt = a.id)`).Scan(&torn)
		if err != nil || torn != 0 {
			t.Fatalf("%d attempts are torn between attempt and %s, %v", torn, table, err)
		}
	}
}

// Workers are killed at random moments, opening and migrating included; what
// a worker was told is done must still be so.
func TestKilledWorkersLoseNothing(t *testing.T) {
	const files, kills = 5, 10 // a new file now and then, before all its cells are done
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)) // the moments are random anyway
	told, inFlight := 0, 0
	for file := range files {
		path := filepath.Join(dir, fmt.Sprint(file), "crash.db")
		done := map[string]bool{}
		for kill := range kills {
			cmd, out := startWorker(t, path, kill)
			// Half after a time, to hit opening too; half after so many cells,
			// so that a fast machine is not done with all of them first.
			after := rng.IntN(15)
			if kill%2 == 0 {
				time.AfterFunc(time.Duration(rng.IntN(50))*time.Millisecond, func() { cmd.Process.Kill() })
			}
			heard := 0
			for lines := bufio.NewScanner(out); lines.Scan(); heard++ {
				done[lines.Text()] = true
				if kill%2 == 1 && heard == after { // a moment later: inside the next
					time.AfterFunc(time.Duration(rng.IntN(2000))*time.Microsecond, func() { cmd.Process.Kill() })
				}
			}
			cmd.Wait()
			s, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			n, err := s.Recover("here", func(int) bool { return false }, 0)
			if err != nil {
				t.Fatal(err)
			}
			inFlight += n
			checkClean(t, s)
			for key := range done {
				if st, err := s.StateOf(key); st != Done {
					t.Fatalf("cell %s was acknowledged and is %s, %v", key, st, err)
				}
			}
			s.Close()
		}
		told += len(done)
	}
	t.Logf("%d kills, %d cells acknowledged, %d in flight when killed", files*kills, told, inFlight)
	if told == 0 || inFlight == 0 {
		t.Errorf("acknowledged = %d, in flight = %d: the kills hit nothing", told, inFlight)
	}
}

// Four processes share one new file: every cell is finished exactly once, and
// none of them sees an error (a locked database would be one).
func TestProcessesShare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared.db")
	var mu sync.Mutex
	finished := map[string]int{}
	var wg sync.WaitGroup
	for i := range 4 {
		cmd, out := startWorker(t, path, 50*i)
		wg.Go(func() {
			text, err := io.ReadAll(out)
			if werr := cmd.Wait(); werr != nil || err != nil {
				t.Errorf("worker %d: %v, %v", i, werr, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, key := range strings.Fields(string(text)) {
				finished[key]++
			}
		})
	}
	wg.Wait()
	for _, c := range crashCells() {
		if finished[c.Key] != 1 {
			t.Errorf("%s was finished %d times, want once", c.Key, finished[c.Key])
		}
	}
	s := open_(t, path)
	checkClean(t, s)
	var done int
	if err := s.r.QueryRow(`SELECT count(*) FROM attempt WHERE state = 'done'`).Scan(&done); err != nil || done != 200 {
		t.Errorf("done attempts = %d, %v, want 200", done, err)
	}
}
