package contexttree

import (
	"math/bits"

	"horizon/predictors"
)

// A decision is a node of a context tree over symbols that counts decisions.
type decision struct {
	parent uint32
	symbol uint32 // the oldest of its context
	tail   uint32 // 0, or 1 + a place in the history: the node stands for all below it too
	n      [2]uint16
	beta   float64
}

// A table holds the nodes of all trees and finds them by parent and symbol:
// open addressing with linear probing over slots that hold node numbers, at
// most two thirds full. The first nodes are the roots, and never found.
type table struct {
	nodes []decision
	roots int
	slots []uint32 // 0 is empty; a power of two
	shift int      // 64 − log₂ len(slots)
}

func (t *table) clear(roots int) {
	t.nodes, t.roots = make([]decision, roots), roots
	for i := range t.nodes {
		t.nodes[i].beta = 1
	}
	t.rehash(16)
}

// home is the slot to look in first (Knuth's multiplicative hash).
func (t *table) home(parent, symbol uint32) int {
	return int((uint64(parent)<<17 | uint64(symbol)) * 0x9e3779b97f4a7c15 >> t.shift)
}

// find returns the child of parent by symbol, or 0.
func (t *table) find(parent, symbol uint32) uint32 {
	slots := t.slots
	mask := len(slots) - 1
	for i := t.home(parent, symbol); ; i++ {
		c := slots[i&mask]
		if c == 0 {
			return 0
		}
		if v := &t.nodes[c]; v.parent == parent && v.symbol == symbol {
			return c
		}
	}
}

// insert appends a node that is not there.
func (t *table) insert(v decision) uint32 {
	if (len(t.nodes)-t.roots)*3 >= len(t.slots)*2 {
		t.rehash(2 * len(t.slots))
	}
	c := uint32(len(t.nodes))
	t.nodes = append(t.nodes, v)
	t.place(c)
	return c
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
	for c := t.roots; c < len(t.nodes); c++ {
		t.place(uint32(c))
	}
}

func (t *table) bytes() int64 { return sliceBytes(t.nodes) + sliceBytes(t.slots) }

func (t *table) fields(a *predictors.Archive) {
	if a.Reading() {
		t.nodes = nil
	}
	column(a, &t.nodes, func(v *decision) *uint32 { return &v.parent })
	column(a, &t.nodes, func(v *decision) *uint32 { return &v.symbol })
	column(a, &t.nodes, func(v *decision) *uint32 { return &v.tail })
	for x := range 2 {
		column(a, &t.nodes, func(v *decision) *uint16 { return &v.n[x] })
	}
	column(a, &t.nodes, func(v *decision) *float64 { return &v.beta })
	if a.Reading() && a.Err() == nil {
		size := 16
		for (len(t.nodes)-t.roots)*3 >= size*2 {
			size *= 2
		}
		t.rehash(size)
	}
}
