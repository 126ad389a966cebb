package lempelziv

import (
	"fmt"
	"math"
	"slices"

	"horizon/predictors"
)

// Pruning: which followers to keep in so many bytes. To keep x after context h
// is worth about what it saves in the training text,
//
//	(N(hx) − ¾) ln p(x; h)/q(x)
//
// with p(x; h) = (N(hx) + T(h) q(x))/(N(h) + T(h)) and q(x) = N(h'x)/N(h') the
// frequency after the shorter context (the weighted difference of Seymore &
// Rosenfeld 1996; ¾ because a count promises less than itself). All that is
// worth more than a threshold is kept, with the contexts on the way to it, and
// the threshold is as low as the bytes allow. The frequencies of symbols
// without context stay.

const (
	quantContextBytes  = 8 + 16 + 6 // of a context, hash slots included
	quantFollowerBytes = 2 + 4      // of a follower, packed
)

// prune packs the counts within limit bytes; without a limit, 0, it only gives
// back room that is not used.
func (g *quantGrams) prune(limit int64) error {
	if limit == 0 {
		g.labels.trim()
		g.pairs.trim()
		g.contexts = append(make([]quantContext, 0, len(g.contexts)), g.contexts...)
		g.followers = append(make([]quantFollower, 0, len(g.followers)), g.followers...)
		return nil
	}
	worth := g.worths()
	threshold, ok := g.threshold(worth, limit)
	if !ok {
		return fmt.Errorf("%d bytes, want at least the %d that symbol frequencies take", limit, g.kept(worth, math.Inf(1)).bytes+g.fixed())
	}
	g.pack(worth, threshold)
	return nil
}

// fixed is what does not depend on the number of contexts.
func (g *quantGrams) fixed() int64 { return 2*int64(cap(g.class)) + g.quantBlend.bytes() + 128 }

// worths values each follower.
func (g *quantGrams) worths() []float32 {
	out := make([]float32, len(g.followers))
	g.ops += 8 * float64(len(out))
	for f := 1; f < len(out); f++ {
		c := g.pairs.owner(uint32(f))
		if c == 0 {
			out[f] = float32(math.Inf(1))
			continue
		}
		h, up := &g.contexts[c], g.labels.owner(c)
		q := float64(g.countOf(up, g.pairs.symbol(uint32(f)))) / float64(g.contexts[up].total)
		n, kinds := float64(g.followers[f].count), float64(h.kinds)
		out[f] = float32((n - 0.75) * math.Log((n/q+kinds)/(float64(h.total)+kinds)))
	}
	return out
}

// A quantSelection says what a threshold keeps.
type quantSelection struct {
	needed []bool // by context
	bytes  int64
}

// kept goes from the latest context to the first, children before parents.
func (g *quantGrams) kept(worth []float32, threshold float64) quantSelection {
	s := quantSelection{needed: make([]bool, len(g.contexts))}
	for f := 1; f < len(worth); f++ {
		if float64(worth[f]) > threshold || math.IsInf(float64(worth[f]), 1) {
			s.needed[g.pairs.owner(uint32(f))] = true
			s.bytes += quantFollowerBytes
		}
	}
	s.needed[0] = true
	for c := len(s.needed) - 1; c >= 0; c-- {
		if s.needed[c] {
			s.needed[g.labels.owner(uint32(c))] = true
			s.bytes += quantContextBytes
		}
	}
	return s
}

// threshold bisects the followers in order of worth.
func (g *quantGrams) threshold(worth []float32, limit int64) (least float64, ok bool) {
	sorted := slices.Clone(worth[1:])
	slices.Sort(sorted)
	at := func(i int) float64 {
		if i == 0 {
			return math.Inf(-1)
		}
		return float64(sorted[i-1])
	}
	fits := func(i int) bool { return g.kept(worth, at(i)).bytes+g.fixed() <= limit }
	low, high := 0, len(sorted)
	if !fits(high) {
		return 0, false
	}
	for low < high {
		if mid := (low + high) / 2; fits(mid) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return at(low), true
}

// pack keeps what is worth more than the threshold.
func (g *quantGrams) pack(worth []float32, threshold float64) {
	s := g.kept(worth, threshold)
	old := *g
	g.clear()
	g.pairs, g.followers, g.packed = quantTable{}, nil, true
	number := make([]uint32, len(old.contexts)) // 1 + the new one
	contexts := make([]quantContext, 0, len(old.contexts))
	var found []quantFound
	for c, needed := range s.needed {
		if !needed {
			continue
		}
		if c > 0 {
			g.labels.insert(number[old.labels.owner(uint32(c))]-1, old.labels.symbol(uint32(c)))
		}
		h := old.contexts[c]
		number[c] = uint32(len(contexts)) + 1
		found = found[:0]
		for f := h.first; f != 0; f = old.followers[f].next {
			if c == 0 || float64(worth[f]) > threshold {
				found = append(found, quantFound{old.pairs.symbol(f), old.followers[f].count})
			}
		}
		slices.SortFunc(found, func(a, b quantFound) int { return int(a.symbol) - int(b.symbol) })
		h.first, h.mass = uint32(len(g.symbols)), 0
		for _, f := range found {
			g.symbols, g.counts = append(g.symbols, f.symbol), append(g.counts, f.count)
			h.mass += f.count
		}
		contexts = append(contexts, h)
	}
	contexts = append(contexts, quantContext{first: uint32(len(g.symbols))})
	g.contexts = append(make([]quantContext, 0, len(contexts)), contexts...)
	g.symbols = append(make([]predictors.Symbol, 0, len(g.symbols)), g.symbols...)
	g.counts = append(make([]uint32, 0, len(g.counts)), g.counts...)
	g.labels.trim()
}

type quantFound struct {
	symbol predictors.Symbol
	count  uint32
}
