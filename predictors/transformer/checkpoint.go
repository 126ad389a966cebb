package transformer

import (
	"fmt"
	"io"
	"time"

	"horizon/predictors"
)

// What changes in training is small: weights, their two moments and the best so
// far, a generator, and a few counters. Saved whole, they make the rest of a
// training a function of the file, so that an interrupted one ends with the
// same bits. Sixteen bytes a parameter.

// save keeps where training stands, if that is due. The last step is no such
// place: it is done again by whoever resumes, so that its reports are heard.
func (t *trainer) save() error {
	every := t.cfg.CheckpointEvery
	if t.checkpoint == nil || every == 0 || t.step%every != 0 || t.ended() {
		return nil
	}
	return t.checkpoint.Save(func(w io.Writer) error {
		_, err := predictors.WriteArchive(w, t.fields)
		return err
	})
}

// resume goes where a training was that was interrupted, if one was.
func (t *trainer) resume(report func(predictors.Progress)) error {
	if t.checkpoint == nil || t.cfg.CheckpointEvery == 0 {
		return nil
	}
	found, err := t.checkpoint.Load(func(r io.Reader) error {
		_, err := predictors.ReadArchive(r, t.fields)
		return err
	})
	if err != nil {
		return fmt.Errorf("transformer: going on from a checkpoint: %w", err)
	}
	if found {
		report(t.point("", 0))
	}
	return nil
}

// fields writes or reads all that a step changes.
func (t *trainer) fields(a *predictors.Archive) {
	whose := t.whose()
	if predictors.Slice(a, &whose); a.Err() == nil && string(whose) != string(t.whose()) {
		a.Fail(fmt.Errorf("it is of another training: %s; want %s", whose, t.whose()))
	}
	for _, s := range [][]float32{t.params, t.adam.m, t.adam.v, t.best} {
		got := s
		if predictors.Slice(a, &got); a.Err() == nil && len(got) != len(s) {
			a.Fail(fmt.Errorf("saved numbers = %d, want %d", len(got), len(s)))
		}
		copy(s, got)
	}
	for _, v := range []*float64{&t.chosen.Step, &t.chosen.ValidBits, &t.chosen.TrainBits, &t.since.nats} {
		predictors.Value(a, v)
	}
	counts := []int64{int64(t.step), int64(t.waited), t.since.symbols, t.seen, 0,
		int64(t.cfg.Steps), int64(t.cfg.Warmup), int64(time.Since(t.schedule.start))} // as a budget left them
	if t.kept {
		counts[4] = 1
	}
	predictors.Slice(a, &counts)
	draw, err := t.draw.pcg.MarshalBinary()
	if err != nil {
		a.Fail(err)
	}
	if predictors.Slice(a, &draw); !a.Reading() || a.Err() != nil {
		return
	}
	if len(counts) != 8 || counts[0] < 1 || counts[0] >= counts[5] || counts[5] > int64(t.cfg.Steps) {
		a.Fail(fmt.Errorf("saved counts = %v, want eight, a step before the last of at most %d among them", counts, t.cfg.Steps))
		return
	}
	t.step, t.waited, t.since.symbols, t.seen, t.kept = int(counts[0]), int(counts[1]), counts[2], counts[3], counts[4] == 1
	t.cfg.Steps, t.cfg.Warmup = int(counts[5]), int(counts[6])
	t.schedule.start = time.Now().Add(-time.Duration(counts[7]))
	if err := t.draw.pcg.UnmarshalBinary(draw); err != nil {
		a.Fail(err)
	}
}

// whose says which training this is: what it learns, and how.
func (t *trainer) whose() []byte {
	c := t.cfg
	c.CheckpointEvery = 0 // how often it is saved makes no difference
	c.Steps, c.Warmup = t.schedule.plan[0], t.schedule.plan[1]
	symbols := 0
	if n := len(t.draw.ends); n > 0 {
		symbols = t.draw.ends[n-1]
	}
	return fmt.Appendf(nil, "%+v within %+v on %d symbols of %d, %d validation windows, seed %d", c, t.schedule.b, symbols, t.A, len(t.valid), t.seed)
}
