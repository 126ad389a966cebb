package lempelziv

import (
	"fmt"
	"math"
	"math/bits"

	"horizon/predictors"
)

// λ(h), the share of a context's own frequencies, depends on its length, N(h)
// and T(h), the latter two by octaves. It maximises the likelihood of the
// validation part, up to its first 2¹⁸ symbols: a mixture that is left at one
// of its levels, estimated by Baum-Welch (Jelinek & Mercer 1980). With r_j =
// N(hx)/N(h) and m_j = M(h)/N(h) for the context of j labels,
//
//	p_j = λ_j r_j + (1 − λ_j m_j) p_{j−1}
//	P(own frequencies | j reached) = λ_j (r_j + (1−m_j) p_{j−1}) / p_j
//
// where those of the followers that are not stored lead on. Two symbols that
// do as Witten & Bell 1991 say, λ = N/(N+T), are added to each bucket; without
// a validation part that is λ. There are 60
// rounds.

const (
	quantTotals  = 12 // octaves of N
	quantKinds   = 6  // octaves of T
	quantHeldOut = 1 << 18
	quantRounds  = 60
)

type quantBlend struct {
	table []float64 // nil until tuned
}

func quantOctave(n uint32, most int) int { return min(bits.Len32(n)-1, most-1) }

func quantBucket(j int, h *quantContext) int {
	return (j*quantTotals+quantOctave(h.total, quantTotals))*quantKinds + quantOctave(h.kinds, quantKinds)
}

func (b *quantBlend) lambda(j int, h *quantContext) float64 {
	if b.table == nil {
		return float64(h.total) / float64(h.total+h.kinds)
	}
	return b.table[quantBucket(j, h)]
}

func (b *quantBlend) bytes() int64 { return 8 * int64(cap(b.table)) }

func (b *quantBlend) fields(a *predictors.Archive, order int) {
	predictors.Slice(a, &b.table)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(b.table) == 0 {
		b.table = nil
		return
	}
	if want := len(newQuantTable(order)); len(b.table) != want {
		a.Fail(fmt.Errorf("lempelziv: %d saved weights, want %d", len(b.table), want))
	}
	for _, l := range b.table {
		if !(l >= 0 && l < 1) {
			a.Fail(fmt.Errorf("lempelziv: a saved weight = %v, want 0 to below 1", l))
		}
	}
	if a.Err() != nil {
		b.table = nil
	}
}

// newQuantTable has Witten & Bell's λ at the middle of each bucket.
func newQuantTable(order int) []float64 {
	out := make([]float64, 0, (order+1)*quantTotals*quantKinds)
	for range order + 1 {
		for n := range quantTotals {
			for t := range quantKinds {
				total := math.Exp2(float64(n))
				kinds := min(math.Exp2(float64(t)), total)
				out = append(out, total/(total+kinds))
			}
		}
	}
	return out
}

// A quantLevel is a context met in the validation part.
type quantLevel struct {
	bucket        int32
	ratio, stored float32 // r and m
}

// tune walks the validation part and chooses λ, unless there is none.
func (w *quantWalk) tune(d predictors.Data) {
	var levels []quantLevel // of each symbol the longest first
	var ends []int32
	w.table = nil
	w.walkValid(d, func(x predictors.Symbol) {
		for j := len(w.path) - 1; j >= 0; j-- {
			c := w.path[j]
			if h := &w.contexts[c]; h.total > 0 {
				n := float32(h.total)
				levels = append(levels, quantLevel{int32(quantBucket(j, h)), float32(w.countOf(c, x)) / n, float32(h.mass) / n})
			}
		}
		ends = append(ends, int32(len(levels)))
	})
	w.reset()
	if len(levels) == 0 {
		return
	}
	start := newQuantTable(w.order)
	w.table = start
	w.ops += quantRounds * 12 * float64(len(levels))
	for range quantRounds {
		w.table = quantRound(levels, ends, w.table, start, w.a)
	}
}

// walkValid calls f for each symbol of the validation part before the walk
// goes past it, up to quantHeldOut of them.
func (w *quantWalk) walkValid(d predictors.Data, f func(x predictors.Symbol)) {
	left := quantHeldOut
	for _, doc := range d.Valid {
		w.reset()
		for _, x := range doc[:min(len(doc), left)] {
			f(x)
			w.observe(x)
		}
		left -= min(len(doc), left)
	}
}

// quantRound is a step of Baum-Welch.
func quantRound(levels []quantLevel, ends []int32, lambda, prior []float64, a int) []float64 {
	const added = 2
	own, reached := make([]float64, len(lambda)), make([]float64, len(lambda))
	var below [maxQuantOrder + 1]float64 // p_{j−1} at each level
	start := int32(0)
	for _, end := range ends {
		path := levels[start:end]
		start = end
		p := 1 / float64(a)
		for i := len(path) - 1; i >= 0; i-- {
			below[i] = p
			l := lambda[path[i].bucket]
			p = l*float64(path[i].ratio) + (1-l*float64(path[i].stored))*p
		}
		reach := 1.0
		for i, v := range path {
			l, b, m := lambda[v.bucket], below[i], float64(v.stored)
			p := l*float64(v.ratio) + (1-l*m)*b
			own[v.bucket] += reach * l * (float64(v.ratio) + (1-m)*b) / p
			reached[v.bucket] += reach
			reach *= (1 - l*m) * b / p
		}
	}
	for b := range own {
		own[b] = (own[b] + added*prior[b]) / (reached[b] + added)
	}
	return own
}
