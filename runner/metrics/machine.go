package metrics

import (
	"context"
	"fmt"
	"math"

	"horizon/predictors/machine"
)

// Minimal machine (programme, claim D3): the state machine that a predictor
// comes to when the places it foresees alike are taken for one (predictors/
// machine/merge.go says how). Its states and their entropy say what the
// predictor distinguishes; on a process whose causal states are known, whether
// it has found them. The places are the first of the test part; machine and
// predictor are scored on what comes after.
type machineConfig struct {
	StudyOptions
	Horizon   int     `toml:"horizon"`   // k: places are alike if the laws of their next k symbols are
	Delta     float64 `toml:"delta"`     // Jensen-Shannon divergence, in bits, below which laws are alike
	Length    int     `toml:"length"`    // symbols of the past that are shown; 0 for all
	Points    int     `toml:"points"`    // places
	Tolerance float64 `toml:"tolerance"` // share of a state's places that may lead elsewhere
	Within    float64 `toml:"within"`    // of the true probabilities: what counts as recovered
	Score     int     `toml:"score"`     // at most so many symbols are scored
}

var machineKind = StudyKind{
	Name: "machine", Version: 1,
	Default: func() StudyConfig {
		o := machine.DefaultOptions()
		return &machineConfig{Horizon: o.Horizon, Delta: o.Delta, Length: o.Length, Points: o.Points, Tolerance: o.Tolerance, Within: 0.05, Score: 50_000}
	},
	Scores: []Info{
		{"machine_states", "states", "", "states of the machine that the predictor's places merge into", false},
		{"machine_complexity", "bits", "", "entropy of its state: the statistical complexity of what the predictor distinguishes", false},
		{"machine_entropy", "bits/symbol", "", "its entropy rate", false},
		{"machine_loss", "bits/symbol", "lower", "its loss on the test symbols after the places it was made from", true},
		{"machine_loss_excess", "bits/symbol", "lower", "that loss less the predictor's own on the same symbols: what merging lost, or gained", false},
		{"machine_states_true", "states", "", "causal states of the process, where known", false},
		{"machine_complexity_true", "bits", "", "its statistical complexity", false},
		{"machine_entropy_true", "bits/symbol", "", "its entropy rate", false},
		{"machine_recovered", "0 or 1", "higher", "whether the machine is the process's: the same transitions, and its probabilities within what `within` says", false},
	},
	Cost:    "points times A^(horizon + 1) predictions, and points times classes times A^horizon operations",
	Needs:   "a test part longer than its points, and A^horizon up to 4096",
	Doc:     "the least state machine that foresees as the predictor does (Shalizi & Crutchfield 2001; Lin 1991)",
	Pitfall: "few states are not good in themselves, a unigram has one; delta is a resolution, and states whose laws differ by less are merged. On a process the predictor has not learned, noise splits states without end",
}

func (c *machineConfig) merging() machine.Options {
	return machine.Options{Horizon: c.Horizon, Delta: c.Delta, Length: c.Length, Points: c.Points, Tolerance: c.Tolerance}
}

func (c *machineConfig) Validate() error {
	switch {
	case !(c.Within > 0 && c.Within < 1):
		return fmt.Errorf("within = %v, want above 0 and below 1", c.Within)
	case c.Score < 1:
		return fmt.Errorf("score = %d, want >= 1", c.Score)
	}
	if err := c.merging().Check(0); err != nil {
		return err
	}
	return c.StudyOptions.Validate()
}

func (c *machineConfig) New(s *Subject) (Study, error) {
	if err := c.merging().Check(s.A); err != nil {
		return nil, Inapplicable{"machine: " + err.Error()}
	}
	if n := s.Corpus.Test.Symbols; n <= c.Points {
		return nil, Inapplicable{fmt.Sprintf("machine: the test part has %d symbols, want more than points = %d", n, c.Points)}
	}
	return &machineStudy{*c, s}, nil
}

type machineStudy struct {
	c machineConfig
	s *Subject
}

// Units is one: merging needs all places.
func (m *machineStudy) Units() int { return 1 }

// Unit is the numbers of Report: n, states, complexity, entropy, loss and that
// of the predictor, then the true three and whether they are the same.
func (m *machineStudy) Unit(ctx context.Context, _ int) ([]float64, error) {
	docs := m.s.Corpus.Test.Docs
	got, used, err := machine.Merge(ctx, m.s.Fork(), docs, m.c.merging(), nil)
	if err != nil {
		return nil, err
	}
	l, err := machine.Compare(ctx, got, m.s.Fork(), docs, used, m.c.Score)
	if err != nil {
		return nil, err
	}
	out := []float64{float64(l.N), float64(got.States()), got.Complexity(), got.Rate, l.Machine, l.Predictor,
		math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	want, err := machine.True(m.s.Corpus.Process)
	if err != nil {
		return out, nil // the process is not known so
	}
	same := 0.0
	if machine.Same(got, want, m.c.Within) == nil {
		same = 1
	}
	copy(out[6:], []float64{float64(want.States()), want.Complexity(), want.Rate, same})
	return out, nil
}

// Report names the numbers.
func (m *machineStudy) Report(done [][]float64) (out []Ranged, err error) {
	v := done[0]
	n := int(v[0])
	add := func(name string, n int, value float64) {
		if !math.IsNaN(value) {
			out = append(out, Exactly(name, 1, n, value))
		}
	}
	add("machine_states", m.c.Points, v[1])
	add("machine_complexity", m.c.Points, v[2])
	add("machine_entropy", m.c.Points, v[3])
	add("machine_loss", n, v[4])
	add("machine_loss_excess", n, v[4]-v[5])
	add("machine_states_true", m.c.Points, v[6])
	add("machine_complexity_true", m.c.Points, v[7])
	add("machine_entropy_true", m.c.Points, v[8])
	add("machine_recovered", m.c.Points, v[9])
	return out, nil
}
