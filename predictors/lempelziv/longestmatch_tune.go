package lempelziv

import (
	"context"
	"math"
	"slices"

	"horizon/predictors"
)

// matchTuned is how many validation symbols, the first of each document until
// there are so many, γ or the discounts are tuned on.
const matchTuned = 1 << 15

// matchMet is a level met on the validation part and the count of the symbol
// that came.
type matchMet struct {
	n uint32
	matchCounts
}

// matchMeetings are the levels of each symbol, one symbol after the other;
// symbol i's end at ends[i].
type matchMeetings struct {
	levels []matchMet
	ends   []int
}

// Tune sets γ, or the discounts, unless given, to values that lose little on
// the validation part, each document walked from the empty context without
// learning. The counts are looked up once.
func (p *lz77) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if !p.tune {
		return nil
	}
	ms, err := p.meet(ctx, d.Valid, report)
	if err != nil || len(ms.ends) == 0 {
		return err
	}
	p.ops += matchRounds * 10 * float64(len(ms.levels))
	return p.descend(ctx, &ms)
}

// meet walks the validation part.
func (p *lz77) meet(ctx context.Context, docs [][]predictors.Symbol, report func(predictors.Progress)) (ms matchMeetings, err error) {
	f := p.Fork().(*lz77)
	for _, doc := range docs {
		f.Reset()
		for _, x := range doc[:min(len(doc), matchTuned-len(ms.ends))] {
			if len(ms.ends)%4096 == 0 {
				if err := ctx.Err(); err != nil {
					return ms, err
				}
				report(predictors.Progress{Stage: "tune", Done: int64(len(ms.ends)), Total: matchTuned})
			}
			for v, ok := f.first(f.at, f.least); ok; v, ok = f.next(&v, f.least) {
				met := matchMet{matchCounts: f.counts(&v)}
				if y := f.Find(v.c, uint32(x)); y != nil {
					met.n = f.seen(&v, y)
				}
				ms.levels = append(ms.levels, met)
			}
			ms.ends = append(ms.ends, len(ms.levels))
			f.Observe(x)
		}
	}
	return ms, nil
}

// matchRounds is how many steps are made down the slope.
const matchRounds = 40

// descend goes down the slope of the loss by resilient propagation (iRprop−,
// Igel & Hüsken 2003): each parameter has its own step, made longer while its
// gradient keeps its sign and halved when that changes. γ is moved by its
// logarithm, D by the logit of its share of the smallest count it is taken from.
func (p *lz77) descend(ctx context.Context, ms *matchMeetings) error {
	values := p.gammas
	if p.kn {
		values = p.discounts
	}
	free, grad := make([]float64, len(values)), make([]float64, len(values))
	last, step := make([]float64, len(values)), make([]float64, len(values))
	best, least := slices.Clone(values), math.Inf(1)
	for i, v := range values {
		step[i] = 0.3
		if free[i] = math.Log(v); p.kn {
			free[i] -= math.Log(float64(i%3+1) - v)
		}
	}
	for range matchRounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		clear(grad)
		if l := p.slope(ms, grad); l < least {
			least = l
			copy(best, values)
		}
		for i := range free {
			switch product := grad[i] * last[i]; {
			case product > 0:
				step[i] = min(1.2*step[i], 1)
			case product < 0:
				step[i] /= 2
				grad[i] = 0
			}
			if last[i] = grad[i]; grad[i] != 0 {
				free[i] = min(max(free[i]-math.Copysign(step[i], grad[i]), -10), 10)
			}
			if values[i] = math.Exp(free[i]); p.kn {
				values[i] = float64(i%3+1) / (1 + math.Exp(-free[i]))
			}
		}
	}
	copy(values, best)
	return ctx.Err()
}

// slope is the loss of the symbols met, in nats, and adds its gradient by the
// free parameters to grad.
func (m *lz77Model) slope(ms *matchMeetings, grad []float64) (loss float64) {
	var shares []matchShares
	var probs []float64 // p_i of the symbol
	at := 0
	for _, end := range ms.ends {
		levels := ms.levels[at:end]
		at = end
		shares, probs = shares[:0], append(probs[:0], make([]float64, len(levels)+1)...)
		for i := range levels {
			shares = append(shares, m.weigh(&levels[i].matchCounts))
		}
		probs[len(levels)] = 1 / float64(m.a)
		for i := len(levels) - 1; i >= 0; i-- {
			probs[i] = shares[i].own(levels[i].n) + shares[i].back*probs[i+1]
		}
		loss -= math.Log(probs[0])
		weight := -1 / probs[0] // ∂loss/∂p_i
		for i := range levels {
			m.lean(grad, &levels[i], &shares[i], weight, probs[i], probs[i+1])
			weight *= shares[i].back
		}
	}
	return loss
}

// lean adds one level's part of the gradient: of ∂p_i/∂γ = (p_{i+1} − p_i)/(N +
// γ), or of ∂p_i/∂D_j = (T_j p_{i+1} − 1[x is of class j])/N.
func (m *lz77Model) lean(grad []float64, e *matchMet, s *matchShares, weight, prob, below float64) {
	if !m.kn {
		grad[e.bucket] += weight * (below - prob) / s.total * m.gammas[e.bucket]
		return
	}
	at := discountsAt(e.top, int(e.bucket))
	for j, n := range e.kinds {
		by := float64(n) * below
		if e.n > 0 && int(min(e.n, 3))-1 == j {
			by--
		}
		d := s.discounts[j]
		grad[at+j] += weight * by / s.total * d * (1 - d/float64(j+1))
	}
}
