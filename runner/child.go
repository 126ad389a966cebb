package main

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"horizon/corpora"
	"horizon/predictors"
)

// Each cell runs in a process of its own: its peak memory and processor time
// are then its own, and a cell that runs out of memory or panics takes no
// other with it. Parent and child speak gob over the child's standard input
// and output.

// A message goes from child to parent.
type message struct {
	Progress *predictors.Progress
	Outcome  *outcome
	Error    string // empty, or why there is no outcome
	Skip     bool   // the error is a reason to skip, not a failure
}

// progressEvery is the least time between two messages of progress.
const progressEvery = 100 * time.Millisecond

// runChild is the whole life of a child process.
func runChild(in io.Reader, out io.Writer) error {
	var j job
	if err := gob.NewDecoder(in).Decode(&j); err != nil {
		return fmt.Errorf("cell: reading the job: %w", err)
	}
	// The parent keeps our standard input open. When it ends, however the
	// parent died, so do we.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		io.Copy(io.Discard, in)
		cancel()
		time.Sleep(2 * time.Second)
		os.Exit(exitStopped)
	}()
	enc := gob.NewEncoder(out)
	var last time.Time
	report := func(p predictors.Progress) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			enc.Encode(message{Progress: &p}) // a parent that is gone is noticed above
		}
	}
	result, err := computeSafely(ctx, &j, report)
	m := message{Outcome: result}
	if err != nil {
		var u unavailable
		var c *corpora.Unavailable
		m = message{Error: err.Error(), Skip: errors.As(err, &u) || errors.As(err, &c)}
	}
	return enc.Encode(m)
}

// computeSafely turns a panic into an error that carries its stack.
func computeSafely(ctx context.Context, j *job, report func(predictors.Progress)) (out *outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return j.compute(ctx, report)
}

// usage is what a finished child has used.
type usage struct {
	CPUSeconds float64
	PeakRSS    int64 // bytes
}

// limits bound a child.
type limits struct {
	Time   time.Duration // 0: none
	Memory int64         // bytes of resident memory; 0: none
}

// Why a child was ended by its parent.
var (
	errTimeout = errors.New("ran longer than its limit")
	errMemory  = errors.New("used more memory than its limit")
	errSkip    = errors.New("skipped")
	errGone    = errors.New("the cell's process ended without a result")
)

// runInChild computes the job in a child process. The error is errTimeout or
// errMemory (wrapped, with the limit), errSkip (with the reason), ctx's,
// errGone, or what went wrong.
func runInChild(ctx context.Context, j *job, lim limits, report func(predictors.Progress)) (*outcome, usage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, usage{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if lim.Time > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, lim.Time, fmt.Errorf("%w of %v", errTimeout, lim.Time))
		defer stop()
	}
	cmd := exec.CommandContext(ctx, self, childVerb)
	cmd.Env = os.Environ()
	if lim.Memory > 0 {
		cmd.Env = append(cmd.Env, "GOMEMLIMIT="+strconv.FormatInt(lim.Memory/10*9, 10))
	}
	cmd.SysProcAttr = childAttributes() // an interrupt at the terminal is for the parent
	var stderr tail
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, usage{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, usage{}, err
	}
	// The kernel's promise to kill a child with its parent is tied to the
	// thread that started it, which must therefore stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return nil, usage{}, err
	}
	if lim.Memory > 0 {
		go watchMemory(ctx, cmd.Process.Pid, lim.Memory, cancel)
	}
	var last message
	var spoken error
	if err := gob.NewEncoder(stdin).Encode(j); err == nil {
		last, spoken = listen(stdout, report)
	}
	waited := cmd.Wait()
	used := usageOf(cmd.ProcessState)
	switch {
	case last.Outcome != nil:
		return last.Outcome, used, nil
	case last.Skip:
		return nil, used, fmt.Errorf("%w: %s", errSkip, last.Error)
	case last.Error != "" && ctx.Err() == nil:
		return nil, used, errors.New(last.Error)
	case ctx.Err() != nil:
		return nil, used, context.Cause(ctx)
	default:
		return nil, used, fmt.Errorf("%w (%v, %v)\n%s", errGone, waited, spoken, stderr.String())
	}
}

// listen reads messages until the last one.
func listen(r io.Reader, report func(predictors.Progress)) (message, error) {
	dec := gob.NewDecoder(r)
	for {
		var m message
		if err := dec.Decode(&m); err != nil {
			return m, err
		}
		if m.Progress == nil {
			return m, nil
		}
		report(*m.Progress)
	}
}

// watchMemory cancels with errMemory when the process holds more than limit
// bytes. It looks at resident memory, since a Go program's address space says
// nothing about what it uses.
func watchMemory(ctx context.Context, pid int, limit int64, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
			if rss := residentBytes(pid); rss > limit {
				cancel(fmt.Errorf("%w of %s (held %s)", errMemory, formatBytes(limit), formatBytes(rss)))
				return
			}
		}
	}
}

// residentBytes is the resident memory of a process, 0 where it cannot be
// told (another system than Linux, or the process has gone).
func residentBytes(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	fmt.Sscan(string(b), &size, &pages)
	return pages * int64(os.Getpagesize())
}

func usageOf(s *os.ProcessState) usage {
	if s == nil {
		return usage{}
	}
	u := usage{CPUSeconds: (s.UserTime() + s.SystemTime()).Seconds()}
	if r, ok := s.SysUsage().(*syscall.Rusage); ok {
		u.PeakRSS = r.Maxrss // kilobytes on Linux and the BSDs, bytes on macOS
		if runtime.GOOS != "darwin" {
			u.PeakRSS *= 1024
		}
	}
	return u
}

// A tail keeps the last few kilobytes written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > tailBytes {
		t.b = t.b[len(t.b)-tailBytes:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
