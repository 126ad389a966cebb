package lempelziv

import (
	"math/bits"

	"horizon/predictors"
)

// The context model below the approximate kinds. A context of j labels is the
// last j symbols, of which those at lags 1 to exact are seen as they are and
// those further back through their class; what follows is always a symbol.
// N(h) counts how often context h was met, N(hx) how often x came next, T(h)
// the different x, and M(h) ≤ N(h) sums the N(hx) that are stored. With h' the
// context without its oldest label,
//
//	p(x; h) = λ(h) N(hx)/N(h) + (1 − λ(h) M(h)/N(h)) p(x; h')
//	p(x; no context at all) = 1/A
//
// and p(x; h) = p(x; h') for a context not stored: what was dropped for want
// of bytes (quantisedprune.go) is left to the shorter context. How λ is chosen
// stands in quantisedblend.go. Counts are raw at every length (Jelinek &
// Mercer 1980), not continuations as of Kneser & Ney: a count then stays true
// when others are dropped.
//
// Learn and Prob are O(m) look-ups a symbol, Predict O(A + followers of the
// m+1 contexts). While it grows, a context takes 30 bytes and a follower 22,
// hash slots included, and up to twice as much; packed, followers lie side by
// side in order and take 6.

// maxQuantOrder bounds the length of contexts.
const maxQuantOrder = 32

// A quantTable numbers pairs (owner, symbol) in the order they come, from 1,
// and finds them: open addressing with linear probing over any number of
// slots, at most two thirds full.
type quantTable struct {
	keys  []uint64 // owner<<16 | symbol
	slots []uint32 // 0 is empty
}

func (t *quantTable) clear() {
	t.keys = make([]uint64, 1, 8) // 0 is never found
	t.slots = make([]uint32, 16)
}

// home is the slot to look in first: the fraction of 2⁶⁴ that Knuth's
// multiplicative hash is, times the number of slots.
func (t *quantTable) home(key uint64) int {
	hi, _ := bits.Mul64((key+1)*0x9e3779b97f4a7c15, uint64(len(t.slots)))
	return int(hi)
}

func (t *quantTable) find(owner uint32, symbol predictors.Symbol) uint32 {
	key := uint64(owner)<<16 | uint64(symbol)
	for i := t.home(key); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		g := t.slots[i]
		if g == 0 || t.keys[g] == key {
			return g
		}
	}
}

// insert appends a pair that is not there.
func (t *quantTable) insert(owner uint32, symbol predictors.Symbol) uint32 {
	t.keys = append(t.keys, uint64(owner)<<16|uint64(symbol))
	if len(t.keys)*3 > len(t.slots)*2 {
		t.rehash(2 * len(t.slots))
	} else {
		t.place(uint32(len(t.keys) - 1))
	}
	return uint32(len(t.keys) - 1)
}

func (t *quantTable) place(g uint32) {
	i := t.home(t.keys[g])
	for t.slots[i] != 0 {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	t.slots[i] = g
}

func (t *quantTable) rehash(size int) {
	t.slots = make([]uint32, size)
	for g := 1; g < len(t.keys); g++ {
		t.place(uint32(g))
	}
}

// slotsFor is the least number of slots for n keys, the unused one included.
func slotsFor(n int) int { return max(16, n*3/2+1) }

func (t *quantTable) trim() {
	t.keys = append(make([]uint64, 0, len(t.keys)), t.keys...)
	t.rehash(slotsFor(len(t.keys)))
}

func (t *quantTable) bytes() int64 { return 8*int64(cap(t.keys)) + 4*int64(cap(t.slots)) }

func (t *quantTable) owner(g uint32) uint32             { return uint32(t.keys[g] >> 16) }
func (t *quantTable) symbol(g uint32) predictors.Symbol { return predictors.Symbol(t.keys[g]) }

// A quantContext sums up what followed a context.
type quantContext struct {
	first uint32 // follower, or 0; packed: where its followers begin
	total uint32 // N(h)
	kinds uint32 // T(h)
	mass  uint32 // M(h)
}

// A quantFollower is a symbol that followed a context.
type quantFollower struct {
	next  uint32 // the context's next follower, or 0
	count uint32 // N(hx)
}

// quantGrams are the counts.
type quantGrams struct {
	a, order, exact int
	class           []predictors.Symbol // by symbol; nil: each is its own
	labels          quantTable          // contexts by parent and oldest label; 0 is the empty one
	contexts        []quantContext      // packed: and one more, where the last one's followers end
	pairs           quantTable          // while it grows: followers by context and symbol; 0 is none
	followers       []quantFollower     // likewise
	symbols         []predictors.Symbol // packed: the followers, by context and symbol
	counts          []uint32            // packed: their N(hx)
	packed          bool                // count what is stored, store nothing new
	quantBlend
	ops float64
}

func newQuantGrams(a, order, exact int) *quantGrams {
	g := &quantGrams{a: a, order: order, exact: exact}
	g.clear()
	return g
}

func (g *quantGrams) clear() {
	g.labels.clear()
	g.pairs.clear()
	g.contexts, g.followers = make([]quantContext, 1, 8), make([]quantFollower, 1, 8)
	g.symbols, g.counts, g.packed = nil, nil, false
}

// label is what a context sees of x at a lag.
func (g *quantGrams) label(lag int, x predictors.Symbol) predictors.Symbol {
	if lag <= g.exact || g.class == nil {
		return x
	}
	return g.class[x]
}

// count counts x after context c.
func (g *quantGrams) count(c uint32, x predictors.Symbol) {
	h := &g.contexts[c]
	g.ops += 4
	f, ok := g.find(c, x)
	switch {
	case ok && g.packed:
		g.counts[f]++
	case ok:
		g.followers[f].count++
	case g.packed:
		h.total++
		return
	default:
		g.follow(c, x, 1)
		return
	}
	h.total++
	h.mass++
}

// follow appends a follower of c.
func (g *quantGrams) follow(c uint32, x predictors.Symbol, count uint32) {
	f := g.pairs.insert(c, x)
	h := &g.contexts[c]
	g.followers = append(g.followers, quantFollower{next: h.first, count: count})
	h.first = f
	h.kinds++
	h.total += count
	h.mass += count
}

// find returns where x is among the followers of c.
func (g *quantGrams) find(c uint32, x predictors.Symbol) (f uint32, ok bool) {
	if !g.packed {
		f = g.pairs.find(c, x)
		return f, f != 0
	}
	low, high := g.contexts[c].first, g.contexts[c+1].first
	for low < high {
		if mid := (low + high) / 2; g.symbols[mid] < x {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < g.contexts[c+1].first && g.symbols[low] == x
}

// countOf is N(hx), or 0 if it is not stored.
func (g *quantGrams) countOf(c uint32, x predictors.Symbol) uint32 {
	f, ok := g.find(c, x)
	switch {
	case !ok:
		return 0
	case g.packed:
		return g.counts[f]
	}
	return g.followers[f].count
}

// addTo adds unit·N(hx) to p[x] for every follower of c.
func (g *quantGrams) addTo(p []float64, c uint32, unit float64) {
	if !g.packed {
		for f := g.contexts[c].first; f != 0; f = g.followers[f].next {
			p[g.pairs.symbol(f)] += float64(unit * float64(g.followers[f].count))
		}
		return
	}
	for f := g.contexts[c].first; f < g.contexts[c+1].first; f++ {
		p[g.symbols[f]] += float64(unit * float64(g.counts[f]))
	}
}

// A quantWalk is a place in a text.
type quantWalk struct {
	*quantGrams
	past  [maxQuantOrder]predictors.Symbol // latest first
	known int                              // how many of them there are, ≤ order
	path  []uint32                         // the stored contexts of 0, 1, … labels
}

func newQuantWalk(g *quantGrams) quantWalk {
	return quantWalk{quantGrams: g, path: make([]uint32, 1, g.order+1)}
}

func (w *quantWalk) fork() quantWalk {
	f := *w
	f.path = append(make([]uint32, 0, w.order+1), w.path...)
	return f
}

func (w *quantWalk) reset() {
	w.known = 0
	w.path = append(w.path[:0], 0)
}

// observe moves on and finds the contexts there.
func (w *quantWalk) observe(x predictors.Symbol) {
	copy(w.past[1:], w.past[:w.order])
	w.past[0] = x
	w.known = min(w.known+1, w.order)
	w.locate()
}

func (w *quantWalk) locate() {
	w.path = append(w.path[:0], 0)
	c := uint32(0)
	for lag := 1; lag <= w.known; lag++ {
		if c = w.labels.find(c, w.label(lag, w.past[lag-1])); c == 0 {
			return
		}
		w.path = append(w.path, c)
	}
}

// learn counts x in every context of its past, new ones included.
func (w *quantWalk) learn(x predictors.Symbol) {
	for lag := len(w.path); lag <= w.known && !w.packed; lag++ {
		c := w.labels.insert(w.path[lag-1], w.label(lag, w.past[lag-1]))
		w.contexts = append(w.contexts, quantContext{})
		w.path = append(w.path, c)
	}
	for _, c := range w.path {
		w.count(c, x)
	}
	w.ops += 2 * float64(w.known)
	w.observe(x)
}

func (w *quantWalk) predict(probs []float64) {
	clear(probs)
	weight := 1.0
	for j := len(w.path) - 1; j >= 0; j-- {
		h := &w.contexts[w.path[j]]
		if h.total == 0 {
			continue
		}
		unit := w.lambda(j, h) / float64(h.total)
		w.addTo(probs, w.path[j], weight*unit)
		weight *= 1 - float64(unit*float64(h.mass))
	}
	uniform := weight / float64(w.a)
	for x := range probs {
		probs[x] += uniform
	}
}

func (w *quantWalk) prob(x predictors.Symbol) float64 {
	p := 1 / float64(w.a)
	for j, c := range w.path {
		h := &w.contexts[c]
		if h.total == 0 {
			continue
		}
		unit := w.lambda(j, h) / float64(h.total)
		p = float64(unit*float64(w.countOf(c, x))) + float64((1-float64(unit*float64(h.mass)))*p)
	}
	return p
}

// evidence: a position that agrees on exactly ℓ labels has weight W_ℓ =
// Σ_{j≤ℓ} g_j/M_j, g_j being the share of the contexts of j labels.
func (w *quantWalk) evidence() predictors.Evidence {
	var share, mass [maxQuantOrder + 2]float64
	weight, longest := 1.0, -1
	for j := len(w.path) - 1; j >= 0; j-- {
		h := &w.contexts[w.path[j]]
		if mass[j] = float64(h.mass); h.mass == 0 {
			continue
		}
		longest = max(longest, j)
		share[j] = weight * w.lambda(j, h) * mass[j] / float64(h.total)
		weight -= share[j]
	}
	each, squares, sum := 0.0, 0.0, 0.0
	for j := 0; j <= longest; j++ {
		if mass[j] > 0 {
			each += share[j] / mass[j]
		}
		squares += max(0, mass[j]-mass[j+1]) * each * each
		sum += share[j]
	}
	e := predictors.Evidence{Match: float64(max(longest, 0)), Fallback: 1 - sum + share[0]}
	if squares > 0 {
		e.Effective = sum * sum / squares
	}
	return e
}

// bytes counts contexts, followers, classes and weights.
func (g *quantGrams) bytes() int64 {
	return g.labels.bytes() + g.pairs.bytes() + 16*int64(cap(g.contexts)) + 8*int64(cap(g.followers)) +
		2*int64(cap(g.class)+cap(g.symbols)) + 4*int64(cap(g.counts)) + g.quantBlend.bytes()
}

// opsPerSymbol is what a prediction costs in table entries and arithmetic.
func (g *quantGrams) opsPerSymbol() float64 { return 8 * float64(g.order+1) }

func (g *quantGrams) describe(into map[string]float64) {
	into["contexts"] = float64(len(g.contexts))
	into["followers"] = float64(len(g.followers) - 1)
	if g.packed {
		into["contexts"], into["followers"] = float64(len(g.contexts)-1), float64(len(g.symbols))
	}
}
