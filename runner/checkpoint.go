package main

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// A checkpoint is the file in which a cell's training keeps where it stands, so
// that a run that was killed loses minutes at most. It begins with what the
// cell found so far, which the predictor does not know. A file of another cell
// or another version of this program is no checkpoint.
type checkpoint struct {
	file   string
	key    string // the cell's
	out    *outcome
	start  time.Time // of training in this process
	before spent     // by processes that were interrupted
}

// spent is what a cell has cost up to its last checkpoint.
type spent struct{ Seconds, CPUSeconds float64 }

// progressSoFar begins the file.
type progressSoFar struct {
	Key   string
	Spent spent
	Curve []curvePoint
}

// checkpointFile is where a cell that is not done keeps where it stands: beside
// the models.
func checkpointFile(db, key string) string {
	return filepath.Join(filepath.Dir(db), "models", key[:32]+".training")
}

// seconds is how long the cell has trained, in this process and before.
func (c *checkpoint) seconds() float64 { return c.before.Seconds + time.Since(c.start).Seconds() }

// Save writes the file anew.
func (c *checkpoint) Save(write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(c.file), 0o777); err != nil {
		return err
	}
	t, err := renameio.NewPendingFile(c.file) // whole or not at all
	if err != nil {
		return err
	}
	defer t.Cleanup()
	b := bufio.NewWriterSize(t, 1<<20)
	cost := spent{c.seconds(), c.before.CPUSeconds + processorSeconds()}
	if err := gob.NewEncoder(b).Encode(progressSoFar{c.key, cost, c.out.Curve}); err != nil {
		return err
	}
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return t.CloseAtomicallyReplace()
}

// Load reads the file, if there is one of this cell.
func (c *checkpoint) Load(read func(io.Reader) error) (bool, error) {
	f, err := os.Open(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	b := bufio.NewReaderSize(f, 1<<20)
	var p progressSoFar
	if err := gob.NewDecoder(b).Decode(&p); err != nil || p.Key != c.key {
		return false, nil // replaced at the first save
	}
	if err := read(b); err != nil {
		return false, fmt.Errorf("%s: %w", filepath.Base(c.file), err)
	}
	c.before, c.out.Curve, c.out.Before = p.Spent, p.Curve, p.Spent
	return true, nil
}

// processorSeconds is the processor time of this process so far.
func processorSeconds() float64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return (time.Duration(r.Utime.Nano()) + time.Duration(r.Stime.Nano())).Seconds()
}
