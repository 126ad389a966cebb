package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"horizon/predictors"
)

// A display shows a run as it goes: bars on a terminal, a line every ten
// seconds elsewhere. It also keeps the books that the time left is told from.
type display struct {
	mu      sync.Mutex
	out     io.Writer
	bars    *mpb.Progress // nil off a terminal
	total   *mpb.Bar
	workers int
	expect  []float64 // seconds each cell is expected to take; 0: unknown
	state   []cellProgress
	ended   []float64 // seconds taken by cells ended in this run
	stop    chan struct{}
	stopped sync.WaitGroup
}

type cellProgress struct {
	name     string
	started  time.Time // zero: not yet
	over     bool
	stage    string
	fraction float64 // of the stage
	bar      *mpb.Bar
}

// lineEvery is how often a line is printed where there is no terminal.
const lineEvery = 10 * time.Second

// barScale is the resolution of a cell's bar.
const barScale = 1000

// newDisplay starts a display of the named cells on out.
func newDisplay(out *os.File, quiet bool, workers int, names []string, expect []float64) *display {
	d := &display{out: out, workers: workers, expect: expect, stop: make(chan struct{})}
	if quiet {
		d.out = io.Discard
	}
	for _, n := range names {
		d.state = append(d.state, cellProgress{name: n})
	}
	if !quiet && term.IsTerminal(int(out.Fd())) {
		d.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(48), mpb.WithRefreshRate(200*time.Millisecond))
		d.total = d.bars.AddBar(int64(len(names)), mpb.BarPriority(1<<30),
			mpb.PrependDecorators(decor.Name("all cells", decor.WCSyncSpaceR), decor.CountersNoUnit("%d / %d", decor.WCSyncSpace)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return d.timeLeft() })))
		return d
	}
	d.stopped.Go(func() {
		t := time.NewTicker(lineEvery)
		defer t.Stop()
		for {
			select {
			case <-d.stop:
				return
			case <-t.C:
				d.line()
			}
		}
	})
	return d
}

// No call into mpb is made with mu held: its renderer calls our decorators,
// which take it.
func (d *display) start(i int) {
	d.mu.Lock()
	s := &d.state[i]
	s.started = time.Now()
	d.mu.Unlock()
	if d.bars == nil {
		return
	}
	stage := decor.Any(func(decor.Statistics) string {
		d.mu.Lock()
		defer d.mu.Unlock()
		return s.stage
	}, decor.WCSyncSpace)
	bar := d.bars.AddBar(barScale, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(s.name, decor.WCSyncSpaceR), stage),
		mpb.AppendDecorators(decor.NewPercentage("%d")))
	d.mu.Lock()
	s.bar = bar
	d.mu.Unlock()
}

func (d *display) progress(i int, p predictors.Progress) {
	d.mu.Lock()
	s := &d.state[i]
	s.stage = p.Stage
	if p.Total > 0 {
		s.fraction = min(1, float64(p.Done)/float64(p.Total))
	}
	bar, at := s.bar, int64(s.fraction*(barScale-1))
	d.mu.Unlock()
	if bar != nil {
		bar.SetCurrent(at)
	}
}

// finish ends cell i and says how it went.
func (d *display) finish(i int, what string) {
	d.mu.Lock()
	s := &d.state[i]
	s.over = true
	if !s.started.IsZero() {
		d.ended = append(d.ended, time.Since(s.started).Seconds())
	}
	bar := s.bar
	d.mu.Unlock()
	if bar != nil {
		bar.Abort(true)
	}
	d.say("%s: %s", s.name, what)
	if d.total != nil {
		d.total.Increment()
	}
}

// say prints a line, above the bars if there are any.
func (d *display) say(format string, args ...any) {
	line := fmt.Sprintf(format+"\n", args...)
	if d.bars != nil {
		fmt.Fprint(d.bars, line)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	io.WriteString(d.out, line)
}

// close takes the bars down.
func (d *display) close() {
	close(d.stop)
	d.stopped.Wait()
	if d.bars != nil {
		d.total.Abort(false)
		d.bars.Wait()
	}
}

func (d *display) line() {
	d.mu.Lock()
	running, over := "", 0
	for _, s := range d.state {
		if s.over {
			over++
		} else if !s.started.IsZero() {
			running += fmt.Sprintf(", %s %s %.0f%%", s.name, s.stage, 100*s.fraction)
		}
	}
	n := len(d.state)
	d.mu.Unlock()
	d.say("%d of %d cells%s, %s", over, n, running, d.timeLeft())
}

// timeLeft says how long the rest will take, from what cells took in earlier
// runs or, failing that, in this one; it says so when it cannot know.
func (d *display) timeLeft() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	typical, known := median(d.ended), len(d.ended) > 0
	sum, longest, guess := 0.0, 0.0, false
	for i, s := range d.state {
		if s.over {
			continue
		}
		left := d.expect[i]
		if left == 0 {
			guess = true
			left = typical
		}
		if !s.started.IsZero() {
			spent := time.Since(s.started).Seconds()
			switch {
			case d.expect[i] > spent:
				left = d.expect[i] - spent
			case s.fraction > 0.02:
				left, known = spent*(1-s.fraction)/s.fraction, true
			default:
				left = max(1, spent/10)
			}
		} else if d.expect[i] == 0 && !known {
			return "ETA unknown"
		}
		sum += left
		longest = max(longest, left)
	}
	left := time.Duration(max(sum/float64(d.workers), longest) * float64(time.Second)).Round(time.Second)
	if guess {
		return fmt.Sprintf("ETA ~%v", left)
	}
	return fmt.Sprintf("ETA %v", left)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
