package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"horizon/predictors"
	"horizon/results"
)

// Entropy-rate drift (Braverman, Chen, Kakade, Narasimhan, Zhang & Zhang 2020,
// Calibration, entropy rates, and memory in language models; programme 2.6): on
// free-running generations,
//
//	H_t = E H(q(·; x_<t)),   x ~ q,   drift = H_late − L₁,
//
// with H_late over the second half of the generations and L₁ the loss on
// held-out text. A predictor that is the source has drift 0; one that writes
// itself into places it has not seen drifts up, one that repeats itself down.
// The slope is of H_t on log₂ t. Both means are of independent things: their
// errors add in squares.
type driftConfig struct {
	sampleOptions
	Heldout int `toml:"heldout"` // symbols of the test part that L₁ is taken from, ≥ 1000
}

var driftKind = StudyKind{
	Name: "entropy-drift", Version: 2,
	Default: func() StudyConfig { return &driftConfig{sampleOptions: defaultSamples(), Heldout: 20_000} },
	Scores: []Info{
		{"generated_entropy", "bits/symbol", "", "entropy of the predictor's own next-symbol law t symbols into what it writes; horizon is the least t of a doubling", false},
		{"entropy_drift", "bits/symbol", "", "mean of that over the second half of the texts less the loss on held-out text; 0 for the source itself", false},
		{"entropy_slope", "bits per doubling", "", "slope of that entropy on log2 t", false},
	},
	Cost:    "generations times length, in symbols predicted, and heldout symbols scored",
	Needs:   "a test part",
	Doc:     "whether what it writes stays as hard to foresee as what it read (Braverman et al. 2020)",
	Pitfall: "no drift is no merit by itself: the right entropy can be of the wrong text",
}

func (c *driftConfig) Validate() error {
	if c.Heldout < 1000 {
		return fmt.Errorf("heldout = %d, want >= 1000", c.Heldout)
	}
	return c.sampleOptions.Validate()
}

type drift struct {
	c *driftConfig
	s *Subject
}

func (c *driftConfig) New(s *Subject) (Study, error) {
	if s.Corpus.Test.Symbols == 0 {
		return nil, Inapplicable{"entropy-drift: there is no test part"}
	}
	return &drift{c, s}, nil
}

// Units are the generations, after one that scores held-out text.
func (d *drift) Units() int { return 1 + d.c.Generations }

func (d *drift) Unit(ctx context.Context, i int) ([]float64, error) {
	if i == 0 {
		return d.heldout(ctx)
	}
	g, err := d.s.generate(ctx, i-1, d.c.Length)
	return g.entropy, err
}

// entropyOf is H(q) in bits.
func entropyOf(q []float64) float64 { return stat.Entropy(q) / math.Ln2 }

// heldout are losses summed by heldoutBlock symbols, and the numbers of them.
func (d *drift) heldout(ctx context.Context) (out []float64, err error) {
	left := d.c.Heldout
	for _, doc := range d.s.Corpus.Test.Docs {
		f := d.s.Fork()
		doc = doc[:min(len(doc), left)]
		left -= len(doc)
		bits := make([]float64, min(heldoutBlock, len(doc)))
		for at := 0; at < len(doc); at += heldoutBlock {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			block := doc[at:min(at+heldoutBlock, len(doc))]
			predictors.Score(f, bits[:len(block)], nil, block)
			sum := 0.0
			for _, b := range bits[:len(block)] {
				sum += b
			}
			out = append(out, sum, float64(len(block)))
		}
	}
	return out, nil
}

const heldoutBlock = 200

func (d *drift) Report(done [][]float64) ([]Ranged, error) {
	runs := finished(done[1:])
	if done[0] == nil || len(runs) < minGroups {
		return nil, errors.New("entropy-drift: too little in the time there was")
	}
	var out []Ranged
	for t := 1; 2*t-1 <= d.c.Length; t *= 2 { // whole doublings
		doubling := meanOver(runs, func(h []float64) float64 { return stat.Mean(h[t-1:2*t-1], nil) })
		out = append(out, doubling.as("generated_entropy", t))
	}
	late := meanOver(runs, func(h []float64) float64 { return stat.Mean(h[len(h)/2:], nil) })
	var bits, n []float64
	for i := 0; i < len(done[0]); i += 2 {
		bits, n = append(bits, done[0][i]), append(n, done[0][i+1])
	}
	l1 := results.HAC(bits, n, 0)
	half := math.Hypot((late.Hi-late.Lo)/2, (l1.Hi-l1.Lo)/2)
	v := late.Value - l1.Value
	out = append(out, Between("entropy_drift", 1, len(runs), v, v-half, v+half))
	return append(out, meanOver(runs, slopeOnLog).as("entropy_slope", 1)), nil
}

// slopeOnLog is that of least squares on log₂ t.
func slopeOnLog(h []float64) float64 {
	x := make([]float64, len(h))
	for t := range x {
		x[t] = math.Log2(float64(t + 1))
	}
	_, slope := stat.LinearRegression(x, h, nil, false)
	return slope
}
