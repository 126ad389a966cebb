package metrics

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"horizon/corpora"
	"horizon/predictors"
)

// shower is the Bayes filter itself, showing what show makes of its belief.
type shower struct {
	corpora.Filter
	show func(belief []float64) []float64
}

func (s *shower) Alphabet() int              { return 3 }
func (s *shower) Fork() predictors.Predictor { return &shower{s.Filter.Fork(), s.show} }
func (s *shower) Hidden(h []float64) []float64 {
	return append(h, s.show(s.Filter.(corpora.Believer).Belief(nil))...)
}

// TestProbe: a hidden state that is a linear image of the belief explains all
// of it, a curved one some, noise nothing.
func TestProbe(t *testing.T) {
	var law corpora.Config
	for _, k := range corpora.Kinds {
		if k.Name == "mess3" {
			law = k.Default()
		}
	}
	c, err := law.Load(context.Background(), corpora.Env{Name: "mess3", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(71, 72))
	noise := func(n int, sigma float64) (v []float64) {
		for range n {
			v = append(v, sigma*rng.NormFloat64())
		}
		return v
	}
	linear := func(b []float64) []float64 {
		return []float64{b[0] - 2*b[1], 3*b[1] + b[2], b[2], b[0] + b[1]} // of rank 3, one of them for the constant
	}
	for _, v := range []struct {
		name      string
		show      func(b []float64) []float64
		low, high float64
	}{
		{"an image", linear, 1 - 1e-9, 1},
		{"a curved image", func(b []float64) []float64 { return []float64{math.Exp(8 * b[0])} }, 0.05, 0.6},
		{"noise", func([]float64) []float64 { return noise(5, 1) }, -0.05, 0.02},
	} {
		o := Protocol{Block: 256, Points: 1000, Continue: true, ContextSymbols: 100}
		p, probe := &shower{c.Process.Filter(), v.show}, NewProbe(c, o)
		if _, err := Walk(context.Background(), p, c, o, []Metric{probe}, func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
		scores, _ := probe.Rows()
		if len(scores) != 1 || scores[0].N != 500 || scores[0].Value < v.low || scores[0].Value > v.high {
			t.Errorf("%s: %+v, want one score of 500 points from %v to %v", v.name, scores, v.low, v.high)
		}
	}
	few := Protocol{Block: 256, Points: 18}
	probe := NewProbe(c, few)
	Walk(context.Background(), &shower{c.Process.Filter(), linear}, c, few, []Metric{probe}, func(int64, int64) {})
	if scores, _ := probe.Rows(); scores != nil {
		t.Errorf("18 points for 5 coefficients: %v, want no score", scores)
	}
	many, err := (&corpora.Copy{Lag: 8, Flip: 0.1, ProcessOptions: corpora.ProcessOptions{Symbols: 5000, Split: corpora.Fractions(0.5, 0, 0.5)}}).
		Load(context.Background(), corpora.Env{Name: "copy", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(NewProbe(many, Protocol{Points: 500}).beliefs); n != 0 {
		t.Errorf("256 states and 250 points to fit: %d beliefs, want none", n)
	}
	if scores, _ := NewProbe(corpus(50), few).Rows(); scores != nil {
		t.Errorf("a text: %v, want no score", scores)
	}
}
