package lempelziv

import "slices"

// A growingTree is a trie at rest and what has been learned since: new nodes,
// numbered on from it, and the counts of all. Until something is learned there
// is nothing but the trie.
type growingTree struct {
	*trie
	over *overlay // nil until something is learned
}

type overlay struct {
	counts  []uint32 // of all nodes
	first   []uint32 // of all nodes: the newest child that the trie lacks, or 0
	sibling []uint32 // of new nodes: the next older of those
	symbols []uint16 // of new nodes
	fans    []fan    // as the trie's, kept up
	edges   edges    // to new nodes
}

func newTree(a, bits int) *growingTree {
	return &growingTree{trie: newListing(1).layOut(a, bits)}
}

// thaw makes the tree ready to learn.
func (t *growingTree) thaw() {
	if t.over != nil {
		return
	}
	o := &overlay{counts: make([]uint32, t.n), first: make([]uint32, t.n), fans: slices.Clone(t.fans), edges: newEdges(0)}
	for i := range o.counts {
		o.counts[i] = t.counts.at(uint32(i))
	}
	t.over = o
}

// size is the number of nodes.
func (t *growingTree) size() int {
	if t.over == nil {
		return t.n
	}
	return len(t.over.counts)
}

// A place is a node and its children in the trie.
type place struct{ node, lo, hi uint32 }

func (t *growingTree) place(node uint32) place {
	if int(node) >= t.n {
		return place{node: node}
	}
	lo, hi := t.family(node)
	return place{node, lo, hi}
}

// find is the child of p by x, or 0.
func (t *growingTree) find(p place, x uint32) uint32 {
	if p.lo < p.hi {
		if c := t.search(p.lo, p.hi, x); c != 0 {
			return c
		}
	}
	if t.over == nil {
		return 0
	}
	return t.over.edges.find(p.node, x)
}

func (t *growingTree) count(node uint32) uint32 {
	if t.over != nil {
		return t.over.counts[node]
	}
	return t.counts.at(node)
}

// each calls f with every child of p.
func (t *growingTree) each(p place, f func(x, n uint32)) {
	if t.over == nil {
		for c := p.lo; c < p.hi; c++ {
			f(t.symbol(c), t.counts.at(c))
		}
		return
	}
	for c := p.lo; c < p.hi; c++ {
		f(t.symbol(c), t.over.counts[c])
	}
	for c := t.over.first[p.node]; c != 0; c = t.over.sibling[int(c)-t.n] {
		f(uint32(t.over.symbols[int(c)-t.n]), t.over.counts[c])
	}
}

// fanOf sums up the children of p.
func (t *growingTree) fanOf(p place) fan {
	switch {
	case t.over == nil && p.lo == p.hi:
		return fan{}
	case t.over == nil:
		return t.fan(p.node, p.lo, p.hi)
	case int(p.node) < len(t.over.fans):
		return t.over.fans[p.node]
	}
	var f fan
	t.each(p, func(_, n uint32) { f.add(n) })
	t.addCut(&f, p.node, p.lo, p.hi)
	return f
}

// bump counts a child of parent once more.
func (t *growingTree) bump(parent, child uint32) {
	o := t.over
	n := o.counts[child]
	if n == 1<<32-1 {
		return
	}
	o.counts[child]++
	if int(parent) < len(o.fans) {
		o.fans[parent].raise(n)
	}
}

// raise says that a count of n has become n + 1.
func (f *fan) raise(n uint32) {
	f.total++
	switch n {
	case 0:
		f.once++
	case 1:
		f.once--
		f.twice++
	case 2:
		f.twice--
		f.more++
	}
}

// sprout adds a child that parent lacks.
func (t *growingTree) sprout(parent, x uint32) uint32 {
	o := t.over
	c := uint32(len(o.counts))
	o.counts, o.first = append(o.counts, 1), append(o.first, 0)
	o.sibling, o.symbols = append(o.sibling, o.first[parent]), append(o.symbols, uint16(x))
	o.first[parent] = c
	o.edges.fill(o.edges.slot(parent, x), parent, x, c, 1)
	if int(parent) < len(o.fans) {
		o.fans[parent].raise(0)
	}
	return c
}

// listAll lists the trie and what was learned since.
func (t *growingTree) listAll() *listing {
	l := t.list()
	if t.over == nil {
		return l
	}
	o := t.over
	copy(l.count, o.counts)
	for range o.sibling {
		l.add(0, 0, 0)
	}
	for i := range o.edges.slots {
		if s := &o.edges.slots[i]; s.node != 0 {
			l.parent[s.node], l.symbol[s.node], l.count[s.node] = s.parent, uint16(s.symbol), o.counts[s.node]
		}
	}
	return l
}

// bytes counts the trie and what was learned since.
func (t *growingTree) bytes() int64 {
	if t.over == nil {
		return t.trie.bytes()
	}
	o := t.over
	return t.trie.bytes() + 4*int64(cap(o.counts)+cap(o.first)+cap(o.sibling)) + 2*int64(cap(o.symbols)) +
		24*int64(cap(o.fans)) + o.edges.bytes()
}
