package lempelziv

import (
	"fmt"
	"math/bits"
	"unsafe"

	"horizon/predictors"
)

// root is the node without parent, and, since it is nobody's child, also what
// find returns for a child that is not there.
const root = 0

// A node of the tree; its string is its parent's and then the symbol.
type node struct {
	parent  uint32
	symbol  uint32
	visits  uint32 // N(symbol; parent)
	seen    uint32 // N(z), the symbols that came at this node
	first   uint32 // child, or 0
	sibling uint32 // the parent's next child, or 0
}

// A table holds the nodes and finds them by parent and symbol: open addressing
// with linear probing over slots that hold node numbers, at most two thirds
// full.
type table struct {
	nodes []node
	slots []uint32 // 0 is empty; a power of two
	shift int      // 64 − log₂ len(slots)
}

func (t *table) clear() {
	t.nodes = make([]node, 1)
	t.rehash(16)
}

// home is the slot to look in first (Knuth's multiplicative hash).
func (t *table) home(parent, symbol uint32) int {
	return int((uint64(parent)<<16 | uint64(symbol)) * 0x9e3779b97f4a7c15 >> t.shift)
}

// find returns the child of parent by symbol, or root.
func (t *table) find(parent, symbol uint32) uint32 {
	slots := t.slots
	mask := len(slots) - 1
	for i := t.home(parent, symbol); ; i++ {
		c := slots[i&mask]
		if c == 0 {
			return root
		}
		if z := &t.nodes[c]; z.parent == parent && z.symbol == symbol {
			return c
		}
	}
}

// insert appends a child that is not there.
func (t *table) insert(parent, symbol uint32) uint32 {
	if len(t.nodes)*3 >= len(t.slots)*2 {
		t.rehash(2 * len(t.slots))
	}
	c := uint32(len(t.nodes))
	t.nodes = append(t.nodes, node{parent: parent, symbol: symbol})
	t.adopt(c)
	t.place(c)
	return c
}

// adopt lists c under its parent.
func (t *table) adopt(c uint32) {
	z := &t.nodes[t.nodes[c].parent]
	t.nodes[c].sibling, z.first = z.first, c
}

func (t *table) place(c uint32) {
	mask := len(t.slots) - 1
	i := t.home(t.nodes[c].parent, t.nodes[c].symbol)
	for ; t.slots[i&mask] != 0; i++ {
	}
	t.slots[i&mask] = c
}

func (t *table) rehash(size int) {
	t.slots, t.shift = make([]uint32, size), 64-bits.Len(uint(size-1))
	for c := 1; c < len(t.nodes); c++ {
		t.place(uint32(c))
	}
}

func (t *table) bytes() int64 {
	return int64(cap(t.nodes))*int64(unsafe.Sizeof(node{})) + int64(cap(t.slots))*4
}

// fields writes or reads the nodes but the root, column by column; sums,
// lists and slots follow from parents, symbols and visits.
func (t *table) fields(a *predictors.Archive, alphabet int) {
	var columns [3][]uint32
	if !a.Reading() {
		for i := range columns {
			columns[i] = make([]uint32, 0, len(t.nodes)-1)
		}
		for _, z := range t.nodes[1:] {
			columns[0] = append(columns[0], z.parent)
			columns[1] = append(columns[1], z.symbol)
			columns[2] = append(columns[2], z.visits)
		}
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

func (t *table) rebuild(columns [3][]uint32, alphabet int) error {
	n := len(columns[0])
	if len(columns[1]) != n || len(columns[2]) != n {
		return fmt.Errorf("lz78: saved columns of %d, %d and %d nodes, want as many", n, len(columns[1]), len(columns[2]))
	}
	t.nodes = make([]node, n+1)
	for i := range n {
		c := i + 1
		z := node{parent: columns[0][i], symbol: columns[1][i], visits: columns[2][i]}
		if int(z.parent) >= c || int(z.symbol) >= alphabet {
			return fmt.Errorf("lz78: saved node %d has parent %d and symbol %d, want below %d and %d", c, z.parent, z.symbol, c, alphabet)
		}
		t.nodes[c] = z
		t.nodes[z.parent].seen += z.visits
		t.adopt(uint32(c))
	}
	size := 16
	for len(t.nodes)*3 >= size*2 {
		size *= 2
	}
	t.rehash(size)
	return nil
}
