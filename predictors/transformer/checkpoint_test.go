package transformer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"horizon/predictors"
)

// A shelf is a checkpoint in memory that may be told to break training off
// after a save.
type shelf struct {
	saved []byte
	saves int
	stop  int // the save after which training breaks off; 0 for none
}

var errBroken = errors.New("broken off")

func (s *shelf) Load(read func(io.Reader) error) (bool, error) {
	if s.saved == nil {
		return false, nil
	}
	return true, read(bytes.NewReader(s.saved))
}

func (s *shelf) Save(write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	s.saved = b.Bytes()
	if s.saves++; s.saves == s.stop {
		return errBroken
	}
	return nil
}

func resumable() (*Config, predictors.Data) {
	rng := rand.New(rand.NewPCG(41, 42))
	c := small()
	c.Steps, c.Batch, c.Accumulate, c.ValidEvery, c.CheckpointEvery, c.Dropout = 40, 4, 2, 6, 7, 0.1
	return c, predictors.Data{Train: [][]predictors.Symbol{goldenMean(2000, rng), goldenMean(5, rng)}, Valid: [][]predictors.Symbol{goldenMean(400, rng)}}
}

// train fits a new transformer and returns what it reported with a metric.
func train(t *testing.T, c *Config, d predictors.Data) (p *Transformer, curve []predictors.Progress, err error) {
	t.Helper()
	q, err := c.New(predictors.Env{Alphabet: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	p = q.(*Transformer)
	if err := p.SetBudget(d.Budget); err != nil {
		t.Fatal(err)
	}
	err = p.Fit(context.Background(), d, func(r predictors.Progress) {
		if r.Metric != "" {
			curve = append(curve, r)
		}
	})
	return p, curve, err
}

// TestResume: broken off at any save and begun again, even with saves at other
// steps, training ends with the same bits, and its curve goes on as it would
// have; within a budget of operations too, which ends it earlier.
func TestResume(t *testing.T) {
	for ops, saves := range map[float64]int{0: 5, 130e6: 4} {
		c, d := resumable()
		d.Budget.TrainOps = ops
		undisturbed := &shelf{}
		d.Checkpoint = undisturbed
		whole, curve, err := train(t, c, d)
		if err != nil {
			t.Fatal(err)
		}
		if undisturbed.saves != saves {
			t.Errorf("within %v operations: saves = %d, want %d, at every seventh of %v steps", ops, undisturbed.saves, saves, curve[len(curve)-1].Done)
		}
		for stop := 1; stop <= saves; stop++ {
			d.Checkpoint = &shelf{stop: stop}
			_, first, err := train(t, c, d)
			if !errors.Is(err, errBroken) {
				t.Fatalf("save %d: error = %v, want the one of Save", stop, err)
			}
			again := *c
			again.CheckpointEvery = 3
			p, rest, err := train(t, &again, d)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.params, whole.params) || p.chosen != whole.chosen || math.Abs(p.work/whole.work-1) > 1e-9 {
				t.Errorf("within %v operations, broken off at save %d: other bits or operations than of a whole training", ops, stop)
			}
			if got := append(first, rest...); !reflect.DeepEqual(got, curve) {
				t.Errorf("within %v operations, broken off at save %d: curve = %v, want %v", ops, stop, got, curve)
			}
		}
	}
}

// TestForeignCheckpoint: what another training saved is refused, and so is a
// damaged file.
func TestForeignCheckpoint(t *testing.T) {
	c, d := resumable()
	s := &shelf{stop: 2}
	d.Checkpoint = s
	train(t, c, d)
	whole := s.saved
	for name, change := range map[string]func(c *Config, d *predictors.Data){
		"config": func(c *Config, _ *predictors.Data) { c.LearningRate /= 2 },
		"text":   func(_ *Config, d *predictors.Data) { d.Train = d.Train[:1] },
		"end":    func(*Config, *predictors.Data) { s.saved = whole[:len(whole)-9] },
	} {
		other, data := *c, d
		s.saved, s.stop = whole, 0
		change(&other, &data)
		_, _, err := train(t, &other, data)
		if err == nil || !strings.HasPrefix(err.Error(), "transformer: going on from a checkpoint: ") {
			t.Errorf("another %s: error = %v, want a refusal", name, err)
		}
	}
}

// TestAccumulate: a step on two batches is that of one batch twice as large.
func TestAccumulate(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	d := predictors.Data{Train: [][]predictors.Symbol{goldenMean(300, rng), goldenMean(3, rng), goldenMean(9, rng)}}
	gradient := func(batch, accumulate int) (nats float64, g []float32) {
		c := small()
		c.Batch, c.Accumulate, c.Clip = batch, accumulate, 1e9
		tr := newTrainer(randomModel(*c, 2, rand.New(rand.NewPCG(1, 1))), 1, d)
		defer tr.team.close()
		return tr.advance(), tr.adam.m
	}
	wantNats, want := gradient(12, 0)
	for _, split := range [][2]int{{12, 1}, {6, 2}, {4, 3}, {1, 12}} {
		nats, got := gradient(split[0], split[1])
		if math.Abs(nats-wantNats) > 1e-6 {
			t.Errorf("batch, accumulate = %v: loss = %v, want %v", split, nats, wantNats)
		}
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > 1e-7+1e-5*math.Abs(float64(want[i])) {
				t.Fatalf("batch, accumulate = %v: moment %d = %v, want %v", split, i, got[i], want[i])
			}
		}
	}
}

// TestPatience: training ends at the look after which as many in a row were no
// better, with the best weights, which a longer patience might not have kept.
func TestPatience(t *testing.T) {
	rng := rand.New(rand.NewPCG(45, 46))
	// 300 random symbols: what is learned of them is wrong for the others.
	d := predictors.Data{Train: [][]predictors.Symbol{randomSymbols(300, 4, rng)}, Valid: [][]predictors.Symbol{randomSymbols(300, 4, rng)}}
	c := small()
	c.Steps, c.ValidEvery, c.Patience = 1000, 5, 3
	fitOn := func(c *Config) (p *Transformer, valid []float64, last int64) {
		q, err := c.New(predictors.Env{Alphabet: 4, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		p = q.(*Transformer)
		if err := p.Fit(context.Background(), d, func(r predictors.Progress) {
			if last = r.Done; r.Metric == "valid_bits" {
				valid = append(valid, r.Value)
			}
		}); err != nil {
			t.Fatal(err)
		}
		return p, valid, last
	}
	p, valid, last := fitOn(c)
	best := slices.Index(valid, slices.Min(valid))
	if len(valid) != best+1+3 || last != int64(5*len(valid)) || last >= 1000 {
		t.Errorf("ended at step %d after looks %v, want 3 behind the best", last, valid)
	}
	if p.chosen.Step != float64(5*(best+1)) || p.chosen.ValidBits != valid[best] {
		t.Errorf("chosen = %+v, want look %d of %v", p.chosen, best+1, valid)
	}
	d.Valid = nil
	q, _ := c.New(predictors.Env{Alphabet: 4, Seed: 1})
	err := q.(*Transformer).Fit(context.Background(), d, func(predictors.Progress) {})
	if err == nil || err.Error() != "transformer: patience = 3 without a validation part to look at" {
		t.Errorf("error = %v, want one about patience", err)
	}
}
