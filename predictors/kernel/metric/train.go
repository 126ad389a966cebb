package metric

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"horizon/predictors"
	"horizon/predictors/transformer/blas"
)

func expShifted(s []float32, top float32) { blas.ExpShifted(s, s, top) }

// Training is what the kinds of this package have in common to train by.
type Training struct {
	Batch        int     `toml:"batch"`         // predictions a step, 1 to 65,536
	Steps        int     `toml:"steps"`         // optimizer steps, ≥ 0; 0 leaves the parameters at their start
	LearningRate float64 `toml:"learning_rate"` // of matrices
	BetaRate     float64 `toml:"beta_rate"`     // learning rate of bandwidths (logarithms) and scores of falling back
	WeightDecay  float64 `toml:"weight_decay"`  // of matrices, decoupled
	ValidEvery   int     `toml:"valid_every"`   // steps between looks at the validation sample
}

func (t *Training) check(kind string) error {
	switch {
	case t.Batch < 1 || t.Batch > 1<<16:
		return fmt.Errorf("%s: batch = %d, want 1 to 65536", kind, t.Batch)
	case t.Steps < 0 || t.Steps > 1<<30:
		return fmt.Errorf("%s: steps = %d, want ≥ 0", kind, t.Steps)
	case !(t.LearningRate > 0 && t.LearningRate <= 1):
		return fmt.Errorf("%s: learning_rate = %v, want > 0 and ≤ 1", kind, t.LearningRate)
	case !(t.BetaRate > 0 && t.BetaRate <= 1):
		return fmt.Errorf("%s: beta_rate = %v, want > 0 and ≤ 1", kind, t.BetaRate)
	case !(t.WeightDecay >= 0 && t.WeightDecay*t.LearningRate < 1):
		return fmt.Errorf("%s: weight_decay = %v, want ≥ 0 and < 1/learning_rate", kind, t.WeightDecay)
	case t.ValidEvery < 1:
		return fmt.Errorf("%s: valid_every = %d, want ≥ 1", kind, t.ValidEvery)
	}
	return nil
}

const (
	validSample = 8192 // validation symbols that a look is measured on
	warmup      = 20   // steps of linear rise
	lastRate    = 0.05 // share of the rate at the last step
	clipNorm    = 1    // largest norm of the gradient
)

// A trainer minimises the loss by AdamW (Loshchilov & Hutter 2019), keeping
// the parameters that did best on a sample of the validation part; without
// one, the last.
type trainer struct {
	*Training
	p      *params[float32]
	d      *params[float32] // gradient
	m, v   []float32        // its moments
	best   []float32
	chosen *choice
	budget predictors.Budget
	ops    *float64 // counted so far
	start  time.Time

	// batch adds to d the gradient of the mean loss over a batch and returns
	// the sum of losses and their number.
	batch func(d *params[float32], rng *rand.Rand) (nats float64, n int)
	// look is the loss of the validation sample in bits, false without one.
	look func() (bits float64, ok bool)
}

// A choice says what training kept.
type choice struct {
	Step      float64
	ValidBits float64 // 0 if there was no validation part
}

func (t *trainer) run(ctx context.Context, seed uint64, report func(predictors.Progress)) error {
	n := len(t.p.flat)
	t.d, t.m, t.v = t.p.zero(), make([]float32, n), make([]float32, n)
	rng := rand.New(rand.NewPCG(seed, 0x7261))
	t.consider(0, 0, report)
	seen := 0
	for step := 1; step <= t.Steps && !t.spent(); step++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		clear(t.d.flat)
		nats, count := t.batch(t.d, rng)
		if seen += count; math.IsNaN(nats) || math.IsInf(nats, 0) {
			return fmt.Errorf("loss at step %d = %v, want a number (learning_rate = %v may be too high)", step, nats, t.LearningRate)
		}
		t.update(step)
		report(predictors.Progress{Stage: "train", Done: int64(step), Total: int64(t.Steps), Symbols: int64(seen)})
		if step%t.ValidEvery == 0 || step == t.Steps || t.spent() {
			t.consider(step, seen, report)
		}
	}
	if t.best != nil {
		copy(t.p.flat, t.best)
	}
	return ctx.Err()
}

// spent says that the budget of time or operations is used up.
func (t *trainer) spent() bool {
	return t.budget.TrainSeconds > 0 && time.Since(t.start).Seconds() > t.budget.TrainSeconds ||
		t.budget.TrainOps > 0 && *t.ops > t.budget.TrainOps
}

// consider keeps the parameters if they are the best so far.
func (t *trainer) consider(step, seen int, report func(predictors.Progress)) {
	bits, ok := t.look()
	if !ok {
		*t.chosen = choice{Step: float64(step)}
		return
	}
	report(predictors.Progress{Stage: "train", Done: int64(step), Total: int64(t.Steps),
		Metric: "valid_bits", Symbols: int64(seen), Value: bits})
	if t.best == nil || bits < t.chosen.ValidBits {
		t.best = append(t.best[:0], t.p.flat...)
		*t.chosen = choice{float64(step), bits}
	}
}

// update takes one step of AdamW against the gradient in t.d.
func (t *trainer) update(step int) {
	if norm := math.Sqrt(float64(blas.Dot(t.d.flat, t.d.flat))); norm > clipNorm {
		blas.Scale(t.d.flat, float32(clipNorm/norm))
	}
	share := t.schedule(step)
	rule := blas.AdamW{Rate: float32(t.LearningRate * share), Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8, Decay: float32(t.WeightDecay),
		Bias1: float32(1 - math.Pow(0.9, float64(step))), Bias2: float32(1 - math.Pow(0.99, float64(step)))}
	n := t.p.matrices
	rule.Step(t.p.flat[:n], t.d.flat[:n], t.m[:n], t.v[:n])
	rule.Rate, rule.Decay = float32(t.BetaRate*share), 0
	rule.Step(t.p.flat[n:], t.d.flat[n:], t.m[n:], t.v[n:])
}

// schedule is the share of the learning rate: a linear warm-up, then half a
// cosine down to lastRate.
func (t *trainer) schedule(step int) float64 {
	if step <= warmup {
		return float64(step) / warmup
	}
	done := float64(step-warmup) / float64(max(1, t.Steps-warmup))
	return lastRate + (1-lastRate)*(1+math.Cos(math.Pi*done))/2
}
