package lempelziv

import (
	"cmp"
	"context"
	"math"
	"slices"

	"horizon/predictors"
)

// Choosing γ on the validation part, each document walked from the root
// without learning.
//
// Where a node's prediction is (N(a;z) + γs)/(N(z) + γsA), s scaling γ, the
// loss depends on the triples (N(a;z), N(z), s) met on the way alone, so one
// walk serves every γ. There may be several minima: a grid of ten values a
// decade from 10⁻⁶ to 100 finds the valley, golden sections its bottom to
// 10⁻³. With floor, temperature or ensemble every γ takes a walk, so that the
// grid has but two values a decade and a walk 65,536 symbols.

// sample is how many validation symbols a walk for one γ takes.
const sample = 1 << 16

// A walker reads a tree.
type walker interface {
	predictors.Predictor
	Prob(x predictors.Symbol) float64
	here() spot
}

func (p *lz78) here() spot { return p.at }

// Tune prunes the tree and then sets γ, unless it was given, to the value with
// the least loss on the validation part.
func (p *lz78) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if err := p.prune(); err != nil {
		return err
	}
	p.Reset()
	return p.tuneGamma(ctx, p.Fork().(walker), d.Valid, report)
}

func (t *tree) tuneGamma(ctx context.Context, w walker, valid [][]predictors.Symbol, report func(predictors.Progress)) error {
	total := predictors.Data{Train: valid}.Symbols()
	if !t.tuned || total == 0 {
		return nil
	}
	defer t.forget()
	if t.spa.linear() {
		met, err := t.meet(ctx, w, valid, report)
		if err == nil {
			t.gamma = bestGamma(met, t.a)
		}
		return err
	}
	tried := 0
	chosen := bestExponent(0.5, 3e-2, func(lg float64) float64 {
		if ctx.Err() != nil {
			return math.Inf(1)
		}
		t.gamma = math.Pow(10, lg)
		bits, _ := predictors.SampleLoss(w, valid, sample)
		tried++
		report(predictors.Progress{Stage: "tune", Done: int64(tried)})
		return bits
	})
	t.gamma = math.Pow(10, chosen)
	return ctx.Err()
}

// A meeting is what decided a prediction, and how often it was met.
type meeting struct{ n, total, scale, times float64 }

// meet walks the documents and counts what is met.
func (t *tree) meet(ctx context.Context, w walker, docs [][]predictors.Symbol, report func(predictors.Progress)) ([]meeting, error) {
	total := predictors.Data{Train: docs}.Symbols()
	met := make([]meeting, 0, total)
	for _, doc := range docs {
		w.Reset()
		for _, x := range doc {
			at := w.here()
			seen := t.node(at.node).seen
			met = append(met, meeting{
				n:     float64(t.node(t.child(at, uint32(x)).node).visits),
				total: float64(seen), scale: t.spa.scale(at.depth, seen), times: 1,
			})
			w.Observe(x)
			if len(met)%(1<<16) == 0 {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				report(predictors.Progress{Stage: "tune", Done: int64(len(met)), Total: int64(total)})
			}
		}
	}
	return merge(met), ctx.Err()
}

// tally counts equal pairs n·2³² + N, met where γ is not scaled.
func tally(pairs []uint64) []meeting {
	met := make([]meeting, len(pairs))
	for i, v := range pairs {
		met[i] = meeting{n: float64(v >> 32), total: float64(uint32(v)), scale: 1, times: 1}
	}
	return merge(met)
}

// merge sorts the meetings and counts equal ones.
func merge(met []meeting) []meeting {
	slices.SortFunc(met, func(x, y meeting) int {
		return cmp.Or(cmp.Compare(x.n, y.n), cmp.Compare(x.total, y.total), cmp.Compare(x.scale, y.scale))
	})
	var out []meeting
	for _, m := range met {
		if last := len(out) - 1; last >= 0 && out[last].n == m.n && out[last].total == m.total && out[last].scale == m.scale {
			out[last].times++
			continue
		}
		out = append(out, m)
	}
	return out
}

// loss is Σ −ln q over the meetings, in nats.
func loss(ms []meeting, gamma float64, a int) float64 {
	sum := 0.0
	for _, m := range ms {
		g := gamma * m.scale
		sum -= m.times * math.Log((m.n+g)/(m.total+g*float64(a)))
	}
	return sum
}

func bestGamma(ms []meeting, a int) float64 {
	return math.Pow(10, bestExponent(0.1, 1e-3, func(lg float64) float64 {
		return loss(ms, math.Pow(10, lg), a)
	}))
}

// bestExponent minimises f over the logarithms of γ.
func bestExponent(step, precision float64, f func(lg float64) float64) float64 {
	const low, high = -6, 2
	best, least := 0.0, math.Inf(1)
	for i := range int(math.Round((high-low)/step)) + 1 {
		lg := low + step*float64(i)
		if l := f(lg); l < least {
			best, least = lg, l
		}
	}
	return goldenSection(f, max(low, best-step), min(high, best+step), precision)
}

// goldenSection minimises f between lo and hi to within the precision of a
// unit of ln 10^x, that is relatively.
func goldenSection(f func(float64) float64, lo, hi, precision float64) float64 {
	const r = 1 / math.Phi
	b, c := hi-r*(hi-lo), lo+r*(hi-lo)
	fb, fc := f(b), f(c)
	for (hi-lo)*math.Ln10 > precision {
		if fb <= fc {
			hi, c, fc = c, b, fb
			b = hi - r*(hi-lo)
			fb = f(b)
		} else {
			lo, b, fb = b, c, fc
			c = lo + r*(hi-lo)
			fc = f(c)
		}
	}
	return (lo + hi) / 2
}
