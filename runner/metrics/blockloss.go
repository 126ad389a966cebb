package metrics

import (
	"math"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/results"
)

// BlockLoss scores the next m symbols at once, each given those before it
// (programme 2.3):
//
//	B_m = −(1/m) log₂ q(x_{t+1:t+m})
//
// at the evaluation points, for the m of the horizons. By the chain rule its
// mean is that of the next symbol's loss, so it is no longer-range score; what
// it adds is its spread over places, its value without the past (cold), and
//
//	TC_m = Σ_{k≤m} L_k − m B_m,
//
// the dependence among the future symbols that their marginals miss, where all
// L_1 … L_m are measured.
type BlockLoss struct {
	ms         []int
	warm, cold [][]float64 // by m, then point: bits of the block
	marginal   [][]float64 // by m: Σ_{k≤m} of the losses ahead
	apart      float64
	boot       results.Bootstrap
	bits       []float64 // scratch
}

// NewBlockLoss measures blocks of the lengths of the horizons.
func NewBlockLoss(c *corpora.Corpus, o Protocol) *BlockLoss {
	n := len(o.Horizons)
	return &BlockLoss{ms: o.Horizons, warm: make([][]float64, n), cold: make([][]float64, n), marginal: make([][]float64, n),
		apart: spacing(c, o), boot: results.Bootstrap{Resamples: fewResamples, Seed: o.Seed}, bits: make([]float64, farthest(o))}
}

// Scored implements Metric.
func (b *BlockLoss) Scored(Run) {}

// At implements Metric.
func (b *BlockLoss) At(pt Point, p predictors.Predictor) error {
	future := pt.Future[:len(b.bits)]
	f := p.Fork()
	predictors.Score(f, b.bits, nil, future)
	b.enter(b.warm)
	f = p.Fork()
	f.Reset()
	predictors.Score(f, b.bits, nil, future)
	b.enter(b.cold)
	return nil
}

// enter adds up the bits of a point's blocks.
func (b *BlockLoss) enter(to [][]float64) {
	sum, i := 0.0, 0
	for k, v := range b.bits {
		if sum += v; b.ms[i] == k+1 {
			to[i] = append(to[i], sum)
			i++
		}
	}
}

// Whole implements Rider.
func (b *BlockLoss) Whole() bool { return false }

// Forecast implements Rider.
func (b *BlockLoss) Forecast(_ Point, _ *predictors.Forecast, losses []float64) {
	sum := 0.0
	for i, m := range b.ms {
		if m != i+1 { // not all horizons up to m
			return
		}
		sum += losses[i]
		b.marginal[i] = append(b.marginal[i], sum)
	}
}

// Rows implements Metric.
func (b *BlockLoss) Rows() ([]Score, []Block) { return nil, nil }

// Ranged implements Ranger.
func (b *BlockLoss) Ranged() (out []Ranged) {
	if len(b.ms) == 0 || len(b.warm[0]) == 0 {
		return nil
	}
	n := len(b.warm[0])
	for i, m := range b.ms {
		lag := overlap(m, b.apart)
		per := func(metric string, bits []float64, each int) {
			iv := mean(bits, lag)
			e := float64(each)
			out = append(out, Between(metric, m, n, iv.Value/e, iv.Lo/e, iv.Hi/e))
		}
		per("block_bits", b.warm[i], m)
		per("block_bits_cold", b.cold[i], m)
		spread := func(at []int) float64 {
			sum, squares := 0.0, 0.0
			for _, j := range at {
				v := b.warm[i][j] / float64(m)
				sum += v
				squares += v * v
			}
			mean := sum / float64(len(at))
			return math.Sqrt(max(0, squares/float64(len(at))-mean*mean))
		}
		out = append(out, resampled(n, runLength(b.warm[i], lag), b.boot, spread).as("block_sd", m))
		if len(b.marginal[i]) == n {
			per("total_correlation", minus(b.marginal[i], b.warm[i]), 1)
		}
	}
	return out
}
