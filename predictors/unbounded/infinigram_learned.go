package unbounded

import (
	"math"

	"horizon/predictors"
)

// learned is the text that came symbol by symbol after the fitted one, as the
// tree of its contexts (tree.go). The tree counts, beside what Kneser and Ney
// do, how often each symbol followed a node's context; N of the node is their
// sum. A context within an edge has the occurrences of the node below.
type learned struct {
	*tree
	totals []uint32 // N, beside nodes
}

func newLearned(a int) learned {
	l := learned{tree: &tree{a: a, depth: bound(0), extra: &extra{}}}
	l.clear()
	return l
}

func (l *learned) clear() {
	l.tree.clear()
	l.totals = make([]uint32, 1)
}

// add learns x where w is.
func (l *learned) add(w *pen, x symbol) {
	w.begin(l.tree)
	u, split, lower := w.insert(l.tree)
	for len(l.totals) < len(l.nodes) {
		l.totals = append(l.totals, 0)
	}
	if split != 0 {
		l.totals[split] = l.totals[lower] // they occur in the same places
	}
	l.text = append(l.text, x)
	l.tally(u, x)
	for v := u; ; v = l.nodes[v].parent {
		l.totals[v]++
		if v == 0 {
			break
		}
	}
	w.write(l.tree, x)
}

// followed is how often x followed the context of node u.
func (l *learned) followed(u uint32, x symbol) uint32 {
	if l.nodes[u].first == 0 {
		return l.counted(u, uint32(x)) // a leaf has one follower, once
	}
	return l.extra.raw[l.find(u, uint32(x))] // of entry 0, none: 0
}

// spread adds share to probs for each symbol that followed u.
func (l *learned) spread(probs []float64, u uint32, share float64) {
	z := &l.nodes[u]
	if z.first == 0 && z.total == 1 {
		probs[l.text[z.end]] += share
	}
	for e := z.first; e != 0; e = l.entries[e].next {
		probs[l.entries[e].symbol] += share * float64(l.extra.raw[e])
	}
}

// save lists the text; reading counts it again.
func (l *learned) save(a *predictors.Archive) {
	l.tree.save(a)
	if !a.Reading() {
		return
	}
	l.totals = make([]uint32, len(l.nodes))
	for e := 1; e < len(l.entries); e++ {
		l.totals[l.entries[e].node] += l.extra.raw[e]
	}
	for u := range l.nodes {
		if z := &l.nodes[u]; z.first == 0 {
			l.totals[u] = z.total
		}
	}
}

// A layer is the evidence of a context in both texts: an interval of the array,
// as in a level, empty where the fitted text does not have it, and a node of
// the tree, with count 0 where the learned text does not.
type layer struct {
	level
	node  uint32
	count uint32 // N of the node
	total int64  // N of both
	kinds int32  // T of both; 0 is not yet known
}

// join lists the layers, from the empty context on, one for each N. Where
// either text's count falls, N does.
func (p *infiniGram) join() []layer {
	if p.joined {
		return p.layers
	}
	p.path = p.path[:0]
	for u := p.node; ; u = p.learned.nodes[u].parent {
		p.path = append(p.path, u)
		if u == 0 {
			break
		}
	}
	p.layers = p.layers[:0]
	i, j := 0, len(p.path)-1
	for l := 0; ; {
		var v layer
		next := math.MaxInt
		if len(p.sa) > 0 && l <= int(p.reach) {
			if i+1 < len(p.levels) && int(p.levels[i+1].length) == l {
				i++
			}
			v.level, next = p.levels[i], int(p.reach)+1
			if i+1 < len(p.levels) {
				next = int(p.levels[i+1].length)
			}
		}
		if p.learned.learned > 0 && l <= p.length {
			if int(p.learned.nodes[p.path[j]].length) < l {
				j--
			}
			v.node = p.path[j]
			v.count = p.learned.totals[v.node]
			next = min(next, int(p.learned.nodes[v.node].length)+1, p.length+1)
		}
		v.total = int64(v.high-v.low) + int64(v.count)
		if v.total == 0 {
			break
		}
		if l == 0 {
			v.kinds = int32(p.kinds)
		}
		p.layers = append(p.layers, v)
		l = next
	}
	p.joined = true
	return p.layers
}

// occurred is n(x) in the context of v.
func (p *infiniGram) occurred(v *layer, x symbol) int64 {
	n := int64(0)
	if v.low < v.high {
		low, high := p.narrow(v.low, v.high, v.length, x)
		n = int64(high - low)
	}
	if v.count > 0 {
		n += int64(p.learned.followed(v.node, x))
	}
	return n
}

// A note is T of a layer that took long to count. A node's followers only
// grow in number, so that how many they were tells which.
type note struct {
	level
	node, own uint32
	kinds     int32
}

// followers is T, remembered with the layer and, for wide ones, in a table.
func (p *infiniGram) followers(v *layer) int32 {
	if v.kinds > 0 {
		return v.kinds
	}
	const wide, size = 32, 1 << 12
	n := note{level: v.level}
	if v.count > 0 {
		n.node, n.own = v.node, p.learned.nodes[v.node].kinds
	}
	var m *note
	if v.high-v.low >= wide {
		if p.memo == nil {
			p.memo = make([]note, size)
		}
		m = &p.memo[home(uint32(v.low)^n.node<<7, uint32(v.high), 64-12)]
		if m.level == n.level && m.node == n.node && m.own == n.own {
			v.kinds = m.kinds
			return v.kinds
		}
	}
	v.kinds = int32(n.own)
	for i := v.low; i < v.high; {
		s := p.at(i, v.length)
		if v.count == 0 || p.learned.followed(v.node, symbol(s-1)) == 0 {
			v.kinds++
		}
		i = p.upper(i, v.high, v.length, s)
	}
	if m != nil {
		n.kinds = v.kinds
		*m = n
	}
	return v.kinds
}

// Learn appends x to the learned text.
func (p *infiniGram) Learn(x symbol) {
	if p.fork {
		panic("infini-gram: a fork does not learn")
	}
	if !p.hasRoom() {
		p.Observe(x)
		return
	}
	p.work += 2 * perContext * p.learned.height()
	p.follow(x)
	if !p.occurs(x) {
		p.kinds++
	}
	p.learned.add(&p.pen, x)
}

// occurs reports whether x is in either text.
func (g *array) occurs(x symbol) bool {
	return g.first[x] < g.first[int(x)+1] || g.learned.followed(0, x) > 0
}
