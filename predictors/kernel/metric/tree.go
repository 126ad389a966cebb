package metric

import "slices"

// A tree is the contexts by their endings: a level holds every different ending
// of one symbol more than the level before, so that what a lag adds to a score
// is added once for all contexts that agree up to there. Of 10⁶ characters of
// text that is 1.4 million additions in place of 8, and an exponential for each
// of 560,000 contexts. Where all contexts are looked at, this is how.
type tree struct {
	levels []level
	pairs  pairs
}

// A level is the endings of one length, in order.
type level struct {
	symbol []symbol // the symbol furthest back
	parent []uint32 // the ending without it, on the level before
}

// pairs are the different pairs of a context and a next symbol; without leaves,
// one of each context.
type pairs struct {
	leaf  []uint32 // the context, on the last level
	next  []symbol
	count []float32 // how often they come together
}

// newTree groups sorted contexts over an alphabet of a symbols.
func newTree(m *contexts, a int) *tree {
	t := &tree{}
	at := make([]uint32, len(m.next)) // of each context, its ending on the level at hand
	for _, xs := range m.lags {
		var v level
		before := uint32(0)
		for i, x := range xs {
			if i == 0 || at[i] != before || x != xs[i-1] {
				v.symbol, v.parent = append(v.symbol, x), append(v.parent, at[i])
			}
			before = at[i]
			at[i] = uint32(len(v.symbol) - 1)
		}
		v.symbol, v.parent = slices.Clip(v.symbol), slices.Clip(v.parent)
		t.levels = append(t.levels, v)
	}
	t.pairs.build(at, m.next, a)
	return t
}

func (p *pairs) build(leaf []uint32, next []symbol, a int) {
	place := make([]int, a) // of each next symbol in the pairs, from first on
	for i, y := range next {
		if j := place[y]; j < len(p.leaf) && p.leaf[j] == leaf[i] && p.next[j] == y {
			p.count[j]++
			continue
		}
		place[y] = len(p.leaf)
		p.leaf, p.next, p.count = append(p.leaf, leaf[i]), append(p.next, y), append(p.count, 1)
	}
	p.leaf, p.next, p.count = slices.Clip(p.leaf), slices.Clip(p.next), slices.Clip(p.count)
}

// scores returns log K of every different context, for the query's table u
// [M·S]. The two buffers are scratch and kept.
func (t *tree) scores(buffers *[2][]float32, u []float32, S int) []float32 {
	above := append(buffers[1][:0], 0)
	buffers[1] = above
	for l, v := range t.levels {
		s := slices.Grow(buffers[l%2][:0], len(v.symbol))[:len(v.symbol)]
		row := u[l*S : (l+1)*S]
		parent := v.parent[:len(s)]
		for i, x := range v.symbol[:len(s)] {
			s[i] = above[parent[i]] + row[x]
		}
		buffers[l%2], above = s, s
	}
	return above
}

// ops of a prediction: an addition and a look-up an ending, an exponential a
// context, a product and a sum each of weights and of their squares a pair.
func (t *tree) ops() (n float64) {
	for _, v := range t.levels {
		n += 2 * float64(len(v.symbol))
	}
	if last := len(t.levels) - 1; last >= 0 {
		n += float64(len(t.levels[last].symbol))
	}
	return n + 4*float64(len(t.pairs.leaf))
}

func (t *tree) bytes() (n int64) {
	if t == nil {
		return 0
	}
	for _, v := range t.levels {
		n += 2*int64(cap(v.symbol)) + 4*int64(cap(v.parent))
	}
	return n + 4*int64(cap(t.pairs.leaf)+cap(t.pairs.count)) + 2*int64(cap(t.pairs.next))
}

// add adds the weights of the contexts to their next symbols and returns their
// sum and that of their squares.
func (p pairs) add(q []float64, weights []float32) (total, squares float64) {
	if p.leaf == nil {
		for j, y := range p.next[:len(weights)] {
			w := float64(weights[j])
			q[y] += w
			total += w
			squares += w * w
		}
		return total, squares
	}
	n := len(p.leaf) &^ 1
	leaf, count, next := p.leaf[:n], p.count[:n], p.next[:n]
	total2, squares2 := 0.0, 0.0 // two sums each, since one would wait for itself
	for j := 0; j < n; j += 2 {
		v, w := float64(weights[leaf[j]]), float64(weights[leaf[j+1]])
		vs, ws := v*float64(count[j]), w*float64(count[j+1])
		q[next[j]] += vs
		q[next[j+1]] += ws
		total += vs
		total2 += ws
		squares += v * vs
		squares2 += w * ws
	}
	if n < len(p.leaf) {
		w := float64(weights[p.leaf[n]])
		ws := w * float64(p.count[n])
		q[p.next[n]] += ws
		total += ws
		squares += w * ws
	}
	return total + total2, squares + squares2
}
