package metric

import (
	"fmt"
	"math"
	"slices"

	"horizon/predictors"
)

// A prior is the law q0 that smoothing falls back on: an interpolated
// Witten-Bell n-gram (Bell, Cleary & Witten 1990; Witten & Bell 1991, method C)
// of low order,
//
//	q_j(y; c) = (n(cy) + T(c) q_{j−1}(y; c)) / (n(c) + T(c)),
//	q_{−1} = 1/A with A/2 in place of T
//
// T(c) being the number of different symbols after c. Memory is 6 bytes for
// each different (c, y) and 12 for each c; a law takes O(A + log n).
type prior struct {
	a      int
	orders []ngrams               // 0 to the order
	recent []map[uint64]followers // of each order, contexts counted on since; nil if there are none
}

// followers of a context and their counts.
type followers struct {
	follow []symbol
	count  []uint32
}

// ngrams of one order: contexts in ascending order of their symbols, packed,
// each with its followers.
type ngrams struct {
	contexts []uint64
	start    []uint32 // where each one's followers begin, and one end more
	follow   []symbol
	count    []uint32
}

const maxPrior = 3 // symbols of context that fit beside a follower in 64 bits

// newPrior counts the documents.
func newPrior(docs [][]symbol, a, order int) *prior {
	p := &prior{a: a, orders: make([]ngrams, order+1)}
	for j := range p.orders {
		var grams []uint64
		for _, doc := range docs {
			for i := j; i < len(doc); i++ {
				grams = append(grams, pack(doc[:i], j)<<16|uint64(doc[i]))
			}
		}
		slices.Sort(grams)
		p.orders[j].build(grams)
	}
	return p
}

// pack is the last j symbols of xs, the last in the highest place.
func pack(xs []symbol, j int) (key uint64) {
	for l := 1; l <= j; l++ {
		key = key<<16 | uint64(xs[len(xs)-l])
	}
	return key
}

func (g *ngrams) build(grams []uint64) {
	for i, v := range grams {
		if i > 0 && v == grams[i-1] {
			g.count[len(g.count)-1]++
			continue
		}
		if i == 0 || v>>16 != grams[i-1]>>16 {
			g.contexts, g.start = append(g.contexts, v>>16), append(g.start, uint32(len(g.follow)))
		}
		g.follow, g.count = append(g.follow, symbol(v)), append(g.count, 1)
	}
	g.start = append(g.start, uint32(len(g.follow)))
	g.contexts, g.start = slices.Clip(g.contexts), slices.Clip(g.start)
	g.follow, g.count = slices.Clip(g.follow), slices.Clip(g.count)
}

// find returns the followers of a context and their counts.
func (g *ngrams) find(context uint64) (follow []symbol, count []uint32) {
	i, ok := slices.BinarySearch(g.contexts, context)
	if !ok {
		return nil, nil
	}
	return g.follow[g.start[i]:g.start[i+1]], g.count[g.start[i]:g.start[i+1]]
}

// after returns the followers of a context of j symbols.
func (p *prior) after(j int, context uint64) (follow []symbol, count []uint32) {
	if p.recent != nil {
		if f, ok := p.recent[j][context]; ok {
			return f.follow, f.count
		}
	}
	return p.orders[j].find(context)
}

// learn counts y once more after c, the symbols before it that are known. A
// context's counts move to recent when they first change.
func (p *prior) learn(c []symbol, y symbol) {
	if p.recent == nil {
		for range p.orders {
			p.recent = append(p.recent, map[uint64]followers{})
		}
	}
	for j := 0; j < len(p.orders) && j <= len(c); j++ {
		context := pack(c, j)
		f, ok := p.recent[j][context]
		if !ok {
			follow, count := p.orders[j].find(context)
			f = followers{slices.Clone(follow), slices.Clone(count)}
		}
		if i := slices.Index(f.follow, y); i >= 0 {
			f.count[i]++
		} else {
			f.follow, f.count = append(f.follow, y), append(f.count, 1)
		}
		p.recent[j][context] = f
	}
}

// settle moves recent counts to where the others are.
func (p *prior) settle() {
	for j, recent := range p.recent {
		g := p.orders[j]
		contexts := slices.Clone(g.contexts)
		for context := range recent {
			if _, ok := slices.BinarySearch(g.contexts, context); !ok {
				contexts = append(contexts, context)
			}
		}
		slices.Sort(contexts)
		var out ngrams
		for _, context := range contexts {
			follow, count := p.after(j, context)
			out.contexts, out.start = append(out.contexts, context), append(out.start, uint32(len(out.follow)))
			out.follow, out.count = append(out.follow, follow...), append(out.count, count...)
		}
		out.start = append(out.start, uint32(len(out.follow)))
		p.orders[j] = out
		clear(recent)
	}
	p.recent = nil
}

// law sets q to q0(·; c), the symbols before being known.
func (p *prior) law(q []float64, c []symbol) {
	for y := range q {
		q[y] = 1 / float64(p.a)
	}
	for j := 0; j < len(p.orders) && j <= len(c); j++ {
		follow, count := p.after(j, pack(c, j))
		n := 0.0
		for _, v := range count {
			n += float64(v)
		}
		back := p.back(j, len(follow))
		if n+back == 0 {
			continue
		}
		for y := range q {
			q[y] *= back / (n + back)
		}
		for i, y := range follow {
			q[y] += float64(count[i]) / (n + back)
		}
	}
}

func (p *prior) back(j, different int) float64 {
	if j == 0 {
		return float64(p.a) / 2
	}
	return float64(different)
}

// without is q0(y; c) had this one occurrence of y after c not been counted.
func (p *prior) without(c []symbol, y symbol) float64 {
	q := 1 / float64(p.a)
	for j := 0; j < len(p.orders) && j <= len(c); j++ {
		follow, count := p.after(j, pack(c, j))
		n, own, different := -1.0, -1.0, len(follow)
		for i, v := range count {
			n += float64(v)
			if follow[i] == y {
				own += float64(v)
				if v == 1 {
					different--
				}
			}
		}
		if back := p.back(j, different); n+back > 0 {
			q = (own + back*q) / (n + back)
		}
	}
	return q
}

func (p *prior) order() int { return len(p.orders) - 1 }

func (p *prior) bytes() (n int64) {
	for _, g := range p.orders {
		n += 8*int64(cap(g.contexts)) + 4*int64(cap(g.start)+cap(g.count)) + 2*int64(cap(g.follow))
	}
	for _, recent := range p.recent {
		for _, f := range recent {
			n += 8 + 4*int64(cap(f.count)) + 2*int64(cap(f.follow))
		}
	}
	return n
}

func (p *prior) fields(a *predictors.Archive) {
	if !a.Reading() {
		p.settle()
	}
	order := uint8(p.order())
	predictors.Value(a, &order)
	if a.Reading() && a.Err() == nil {
		if int(order) > p.order() {
			a.Fail(fmt.Errorf("n-grams: order = %d, want ≤ %d", order, p.order()))
			return
		}
		p.orders = p.orders[:order+1]
	}
	for j := range p.orders {
		g := &p.orders[j]
		predictors.Slice(a, &g.contexts)
		predictors.Slice(a, &g.start)
		predictors.Slice(a, &g.follow)
		predictors.Slice(a, &g.count)
		if a.Reading() && a.Err() == nil {
			if err := g.valid(p.a); err != nil {
				a.Fail(err)
			}
		}
	}
}

func (g *ngrams) valid(a int) error {
	n := len(g.follow)
	if len(g.count) != n || len(g.start) != len(g.contexts)+1 || !slices.IsSorted(g.contexts) || !slices.IsSorted(g.start) ||
		g.start[0] != 0 || int(g.start[len(g.contexts)]) != n || n > math.MaxUint32 {
		return fmt.Errorf("n-grams: %d contexts, %d starts, %d followers, %d counts do not fit", len(g.contexts), len(g.start), n, len(g.count))
	}
	for i, y := range g.follow {
		if int(y) >= a || g.count[i] == 0 {
			return fmt.Errorf("n-grams: symbol = %d, count = %d, want < %d, > 0", y, g.count[i], a)
		}
	}
	return nil
}
