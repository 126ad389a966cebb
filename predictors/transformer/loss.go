package transformer

import (
	"math"

	"horizon/predictors/transformer/blas"
)

// crossEntropy returns Σ_i −ln softmax(logits_i)[y_i] over the rows from skip
// on that have a target y ≥ 0 and, if scale is not zero, replaces logits by scale
// times the gradient. logits [len(ids),A].
func crossEntropy(logits []float32, ids []int32, A, skip int, scale float32) (nats float64) {
	for i := skip; i < len(ids); i++ {
		row, y := logits[i*A:(i+1)*A], ids[i]
		if y < 0 {
			if scale != 0 {
				clear(row)
			}
			continue
		}
		top := blas.Max(row)
		own := row[y] - top
		blas.ExpShifted(row, row, top)
		total := blas.Sum(row)
		nats += math.Log(float64(total)) - float64(own)
		if scale != 0 {
			blas.Scale(row, scale/total)
			row[y] -= scale
		}
	}
	return nats
}

// floor is the least probability of a symbol: just above the coder's unit of
// 2⁻³⁰, so that no symbol costs more than it claims. Keeping A symbols above
// it takes at most A·floor/ln 2 bits per symbol (4e-7 for bytes).
const floor = 1e-9

// probabilities sets p = floor + (1 − A·floor)·softmax(logits), in float64.
func probabilities(p []float64, logits []float32) {
	top := logits[0]
	for _, v := range logits {
		top = max(top, v)
	}
	total := 0.0
	for x, v := range logits {
		p[x] = math.Exp(float64(v) - float64(top))
		total += p[x]
	}
	r := (1 - floor*float64(len(p))) / total
	for x := range p {
		p[x] = floor + p[x]*r
	}
}
