package lempelziv

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"

	"horizon/predictors"
	"horizon/predictors/internal/hugepages"
)

// root is the node without parent, and, since it is nobody's child, also what
// stands for a child that is not there.
const root = 0

// A node of the tree; its string is its parent's and then the symbol.
type node struct {
	parent  uint32
	symbol  uint32
	visits  uint32 // N(symbol; parent)
	seen    uint32 // N(z) = Σ of its children's visits
	first   uint32 // child, or 0
	sibling uint32 // the parent's next child, or 0
}

// A spot is a node as a walk comes to it. The zero spot is the root.
type spot struct {
	hash  uint64 // of the node's string
	node  uint32
	depth uint32 // length of the string
}

// extend hashes a string from its prefix's hash and its last symbol.
func extend(hash uint64, x uint32) uint64 {
	h := (hash ^ uint64(x+1)) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// A table holds the nodes and finds them by parent and symbol: open addressing
// with linear probing, at most three quarters full.
//
// What it costs is waiting for memory, and two choices keep the waits apart
// from each other. A slot is looked for by the hash of the whole string, which
// is known before the parent is found, so that a processor that takes the next
// symbol to be there too (it is, but at a phrase's end) fetches the next slot
// and node meanwhile. And a slot keeps half of the hash, so that the node it
// names is but confirmed. Nodes lie in chunks, which are never moved.
type table struct {
	chunks [][]node // the first grows, the others hold chunkNodes
	count  int      // nodes, the root too
	inner  int      // nodes with children
	slots  []slot   // a power of two
	shift  int      // 32 − log₂ len(slots)
	limit  int64    // of bytes(); 0 is none
}

// A slot is the upper half of a string's hash and then the node; 0 is empty.
type slot uint64

const (
	chunkBits  = 12
	chunkNodes = 1 << chunkBits
	firstSlots = 16
	maxNodes   = math.MaxUint32
	nodeBytes  = int64(unsafe.Sizeof(node{}))
)

func (t *table) clear() {
	t.chunks, t.count, t.inner = [][]node{make([]node, 1)}, 1, 0
	t.setSlots(firstSlots)
}

func (t *table) setSlots(n int) {
	t.slots, t.shift = hugepages.Advise(make([]slot, n)), 32-bits.Len(uint(n-1))
}

func (t *table) node(c uint32) *node { return &t.chunks[c>>chunkBits][c%chunkNodes] }

// child returns the spot of the child of at by x, or the root.
func (t *table) child(at spot, x uint32) spot {
	h := extend(at.hash, x)
	if c := t.find(h, at.node, x); c != root {
		return spot{h, c, at.depth + 1}
	}
	return spot{}
}

// find returns the child of parent by x, h being its string's hash, or root.
func (t *table) find(h uint64, parent, x uint32) uint32 {
	tag := uint32(h >> 32)
	slots := t.slots
	mask := len(slots) - 1
	for i := int(tag >> t.shift); ; i++ {
		s := slots[i&mask]
		if s == 0 {
			return root
		}
		if uint32(s>>32) != tag {
			continue
		}
		if z := t.node(uint32(s)); z.parent == parent && z.symbol == x {
			return uint32(s)
		}
	}
}

// insert appends a child that is not there, without visits, or returns the
// root where the limit leaves no room for it.
func (t *table) insert(at spot, x uint32) spot {
	if !t.makeRoom() {
		return spot{}
	}
	c := uint32(t.count)
	t.count++
	h := extend(at.hash, x)
	t.put(slot(h>>32<<32 | uint64(c)))
	parent := t.node(at.node)
	if parent.first == 0 {
		t.inner++
	}
	*t.node(c) = node{parent: at.node, symbol: x, sibling: parent.first}
	parent.first = c
	return spot{h, c, at.depth + 1}
}

// put stores a slot where the search for it will come by.
func (t *table) put(s slot) {
	mask := len(t.slots) - 1
	i := int(s >> 32 >> t.shift)
	for ; t.slots[i&mask] != 0; i++ {
	}
	t.slots[i&mask] = s
}

// makeRoom provides for one node more; false where that would pass the limit.
func (t *table) makeRoom() bool {
	nodes, slots := t.growth()
	if t.count == maxNodes || t.limit > 0 && (nodes > 0 || slots > 0) && t.bytes()+nodes*nodeBytes+8*slots > t.limit {
		return false
	}
	if nodes > 0 {
		t.addNodes(int(nodes))
	}
	if slots > 0 {
		t.double()
	}
	return true
}

// growth is by how many nodes and slots the table grows before the next node.
func (t *table) growth() (nodes, slots int64) {
	last := len(t.chunks) - 1
	switch in := t.count - last*chunkNodes; {
	case in == chunkNodes:
		nodes = chunkNodes
	case in == cap(t.chunks[last]): // the first one's
		nodes = int64(in)
	}
	if 4*t.count >= 3*len(t.slots) {
		slots = int64(len(t.slots))
	}
	return nodes, slots
}

func (t *table) addNodes(n int) {
	if n == chunkNodes {
		t.chunks = append(t.chunks, make([]node, n))
		return
	}
	grown := make([]node, 2*n)
	copy(grown, t.chunks[0])
	t.chunks[0] = grown
}

// double goes through the slots in order, from the start of a run, and so
// writes the new ones in order too.
func (t *table) double() {
	old := t.slots
	start := 0
	for old[start] != 0 {
		start++
	}
	t.setSlots(2 * len(old))
	for i := range old {
		if s := old[(start+i)&(len(old)-1)]; s != 0 {
			t.put(s)
		}
	}
}

// path appends the last symbols of a node's string, at most n, to xs, the last
// first.
func (t *table) path(xs []predictors.Symbol, c uint32, n int) []predictors.Symbol {
	for ; c != root && n > 0; n-- {
		z := t.node(c)
		xs = append(xs, predictors.Symbol(z.symbol))
		c = z.parent
	}
	return xs
}

func (t *table) bytes() int64 {
	n := int64(cap(t.chunks[0]) + (len(t.chunks)-1)*chunkNodes)
	return n*nodeBytes + 8*int64(len(t.slots))
}

// fields writes or reads the nodes but the root, column by column; sums,
// lists and slots follow from parents, symbols and visits.
func (t *table) fields(a *predictors.Archive, alphabet int) {
	var columns [3][]uint32
	if !a.Reading() {
		columns = t.columns(func(uint32) bool { return true })
	}
	for i := range columns {
		predictors.Slice(a, &columns[i])
	}
	if a.Reading() && a.Err() == nil {
		if err := t.rebuild(columns, alphabet); err != nil {
			t.clear()
			a.Fail(err)
		}
	}
}

// columns lists parents, symbols and visits of the nodes that keep wants and
// whose parents are kept too, renumbered without gaps.
func (t *table) columns(keep func(c uint32) bool) (columns [3][]uint32) {
	for i := range columns {
		columns[i] = make([]uint32, 0, t.count-1)
	}
	number := make([]uint32, t.count) // 0: not kept
	for c := uint32(1); int(c) < t.count; c++ {
		z := t.node(c)
		if z.parent != root && number[z.parent] == 0 || !keep(c) {
			continue
		}
		columns[0] = append(columns[0], number[z.parent])
		columns[1] = append(columns[1], z.symbol)
		columns[2] = append(columns[2], z.visits)
		number[c] = uint32(len(columns[0]))
	}
	return columns
}

func (t *table) rebuild(columns [3][]uint32, alphabet int) error {
	n := len(columns[0])
	if len(columns[1]) != n || len(columns[2]) != n {
		return fmt.Errorf("saved columns of %d, %d and %d nodes, want as many", n, len(columns[1]), len(columns[2]))
	}
	limit := t.limit
	t.limit = 0
	t.clear()
	places := make([]spot, 1, n+1)
	for i := range n {
		parent, symbol := columns[0][i], columns[1][i]
		if int(parent) > i || int(symbol) >= alphabet {
			return fmt.Errorf("saved node %d has parent %d and symbol %d, want below %d and %d", i+1, parent, symbol, i+1, alphabet)
		}
		p := t.insert(places[parent], symbol)
		places = append(places, p)
		t.node(p.node).visits = columns[2][i]
		t.node(parent).seen += columns[2][i]
	}
	t.limit = limit
	return nil
}
