package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"horizon/predictors/catalog"
	"horizon/results"
)

// runOptions are the flags of `run`.
type runOptions struct {
	workers    int
	failFast   bool
	force      bool
	saveModels bool
	quiet      bool
	db         string // whose neighbours the saved models are
}

// beatEvery is how often a running attempt says that it lives; after staleAfter
// without, one on another host is taken for dead.
const (
	beatEvery  = 5 * time.Second
	staleAfter = 2 * time.Minute
)

// A runner works off a plan.
type runner struct {
	plan  *plan
	store *results.Store
	opt   runOptions
	env   string // digest of the environment
	host  string
	show  *display
	queue chan int

	mu  sync.Mutex
	err error // of the store: ends the run
}

// tally is what a run came to.
type tally struct {
	done, failed, elsewhere int
	skipped                 int // of which for want of a corpus:
	unavailable             int
	before                  int // done before this run
}

// todo lists the cells that are not done, longest first, so that the last
// ones to finish are short.
func (p *plan) todo(store *results.Store, force bool) (cells []int, done int, err error) {
	states, err := store.States(p.record.Digest)
	if err != nil {
		return nil, 0, err
	}
	isDone := map[string]bool{}
	for _, s := range states {
		isDone[s.Key] = s.State == results.Done
	}
	listed := map[string]bool{} // one cell may go by two names
	for i := range p.cells {
		switch c := &p.cells[i]; {
		case c.left, listed[c.Key]:
		case isDone[c.Key] && !force:
			done++
		default:
			cells = append(cells, i)
			listed[c.Key] = true
		}
	}
	if err := p.expectations(store); err != nil {
		return nil, 0, err
	}
	slices.SortStableFunc(cells, func(a, b int) int {
		switch d := p.cells[b].weight() - p.cells[a].weight(); {
		case d > 0:
			return 1
		case d < 0:
			return -1
		}
		return 0
	})
	return cells, done, nil
}

// weight orders the cells: expected seconds, or a guess that puts what trains
// in many random steps first.
func (c *plannedCell) weight() float64 {
	if c.expect > 0 {
		return c.expect
	}
	w := 1e-9
	if c.Train != nil {
		w *= float64(c.Train.Length)
	}
	if kind, ok := catalog.Find(c.Predictor.Kind); ok && kind.Random {
		w *= 1000
	}
	return w
}

// expectations sets what each cell is expected to take from what cells of the
// same kind on the same corpus took before.
func (p *plan) expectations(store *results.Store) error {
	costs, err := store.Costs(results.Filter{})
	if err != nil {
		return err
	}
	seen := map[[2]string][]float64{}
	for _, c := range costs {
		key := [2]string{c.Kind, c.Corpus}
		seen[key] = append(seen[key], c.WallSeconds)
	}
	for i := range p.cells {
		c := &p.cells[i]
		c.expect = median(seen[[2]string{c.Predictor.Kind, c.CorpusName}])
	}
	return nil
}

// execute runs the cells that are not done. Its error is of the store, the
// machine, or ctx; that cells failed is in the tally.
func execute(ctx context.Context, p *plan, store *results.Store, opt runOptions) (tally, error) {
	if err := store.PutExperiment(p.record, p.resultCells()); err != nil {
		return tally{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		return tally{}, err
	}
	if _, err := store.Recover(host, alive, staleAfter); err != nil {
		return tally{}, err
	}
	cells, before, err := p.todo(store, opt.force)
	if err != nil || len(cells) == 0 {
		return tally{before: before}, err
	}
	if opt.force {
		var keys []string
		for _, i := range cells {
			keys = append(keys, p.cells[i].Key)
		}
		if err := store.Supersede(keys); err != nil {
			return tally{}, err
		}
	}
	e, err := environment()
	if err != nil {
		return tally{}, err
	}
	env, err := store.PutEnvironment(e)
	if err != nil {
		return tally{}, err
	}
	r := &runner{plan: p, store: store, opt: opt, env: env, host: host, queue: make(chan int)}
	t, err := r.work(ctx, cells)
	t.before = before
	return t, err
}

func (p *plan) resultCells() (cells []results.Cell) {
	for _, c := range p.cells {
		cells = append(cells, c.Cell)
	}
	return cells
}

// work hands the cells to the workers and waits.
func (r *runner) work(ctx context.Context, cells []int) (t tally, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := min(r.opt.workers, len(cells))
	var names []string
	var expect []float64
	for _, i := range cells {
		names = append(names, r.plan.cells[i].name(r.plan))
		expect = append(expect, r.plan.cells[i].expect)
	}
	r.show = newDisplay(os.Stderr, r.opt.quiet, workers, names, expect)
	defer r.show.close()

	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for n := range r.queue {
				state, err := r.cell(ctx, n, &r.plan.cells[cells[n]])
				r.mu.Lock()
				t.count(state)
				if r.plan.cells[cells[n]].unavailable != "" {
					t.unavailable++
				}
				if err != nil && r.err == nil {
					r.err = err
				}
				r.mu.Unlock()
				if err != nil || (state == results.Failed && r.opt.failFast) {
					cancel()
				}
			}
		})
	}
feed:
	for n := range cells {
		select {
		case r.queue <- n:
		case <-ctx.Done():
			break feed
		}
	}
	close(r.queue)
	wg.Wait()
	return t, r.err
}

func (t *tally) count(s results.State) {
	switch s {
	case results.Done:
		t.done++
	case results.Skipped:
		t.skipped++
	case results.Running:
		t.elsewhere++
	case results.Failed, results.TimedOut, results.OutOfMem:
		t.failed++
	}
}

// cell claims, computes and stores one cell. The error is of the store.
func (r *runner) cell(ctx context.Context, n int, c *plannedCell) (results.State, error) {
	id, err := r.store.Begin(c.Key, r.env, "", r.host, os.Getpid())
	switch {
	case errors.Is(err, results.ErrDone):
		os.Remove(checkpointFile(r.opt.db, c.Key))
		os.Remove(journalFile(r.opt.db, c.Key))
		r.show.finish(n, "done elsewhere")
		return results.Done, nil
	case errors.Is(err, results.ErrClaimed):
		r.show.finish(n, "running elsewhere")
		return results.Running, nil
	case err != nil:
		return "", err
	}
	r.show.start(n)
	if why := cmp.Or(c.unavailable, c.refused); why != "" {
		r.show.finish(n, "skipped: "+why)
		return results.Skipped, r.store.Fail(id, results.Skipped, why)
	}
	stopBeating := r.beat(id)
	start := time.Now()
	job := c.job
	job.SaveModel = r.opt.saveModels
	job.ModelFile = modelFile(r.opt.db, job.TrainKey)
	job.CheckpointFile = checkpointFile(r.opt.db, job.Key)
	job.JournalFile = journalFile(r.opt.db, job.Key)
	lim := limits{Time: r.plan.experiment.Limits.Time, Memory: int64(r.plan.experiment.Limits.Memory)}
	out, used, err := runInChild(ctx, &job, lim, func(p progress) { r.show.progress(n, p) })
	stopBeating()
	if ctx.Err() == nil && !errors.Is(err, errGone) { // not interrupted: done, or to be begun anew
		os.Remove(job.CheckpointFile)
		os.Remove(job.JournalFile)
	}
	if err != nil {
		state := stateOf(ctx, err)
		why := strings.TrimPrefix(err.Error(), errSkip.Error()+": ")
		r.show.finish(n, fmt.Sprintf("%s: %s", state, why))
		r.store.SetUsage(id, used.CPUSeconds, used.PeakRSS)
		return state, r.store.Fail(id, state, why)
	}
	wall := time.Since(start).Seconds() + out.Before.Seconds
	used.CPUSeconds += out.Before.CPUSeconds
	if err := r.store.Finish(id, toResults(out, used, wall, job.Protocol)); err != nil && !errors.Is(err, results.ErrDone) {
		return "", err
	}
	r.show.finish(n, summary(out, wall))
	return results.Done, nil
}

// beat keeps saying that the attempt lives until it is told to stop.
func (r *runner) beat(id string) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(beatEvery)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				r.store.Beat(id) // a missed one is made up by the next
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

// stateOf is the state in which an error leaves an attempt.
func stateOf(ctx context.Context, err error) results.State {
	switch {
	case errors.Is(err, errSkip):
		return results.Skipped
	case errors.Is(err, errTimeout):
		return results.TimedOut
	case errors.Is(err, errMemory):
		return results.OutOfMem
	case ctx.Err() != nil:
		return results.Stopped
	}
	return results.Failed
}

// summary is one line on a finished cell.
func summary(o *outcome, wall float64) string {
	for _, s := range o.Scores {
		if s.Metric == "bits_per_byte" {
			return fmt.Sprintf("%.4f bits/byte in %s", s.Value, formatSeconds(wall))
		}
	}
	for _, s := range o.Scores {
		if s.Metric == "bits_per_symbol" {
			return fmt.Sprintf("%.4f bits/symbol in %s", s.Value, formatSeconds(wall))
		}
	}
	return "done in " + formatSeconds(wall)
}

// alive reports whether a process of this host exists.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// modelFile is where the model of a training is kept: beside the database.
func modelFile(db, trainKey string) string {
	return filepath.Join(filepath.Dir(db), "models", trainKey[:32]+".model")
}
