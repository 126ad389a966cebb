package lempelziv

import (
	"math/bits"

	"horizon/predictors/internal/hugepages"
)

// An edge leads from a parent by a symbol to a node, and may count it: 16
// bytes, so that a look-up mostly costs one line of memory.
type edge struct{ parent, symbol, node, count uint32 }

// edges finds a node by parent and symbol: open addressing with linear
// probing, at most two thirds full. Node 0, the root, is nobody's child, and
// an edge to it an empty slot.
type edges struct {
	slots []edge // a power of two
	used  int
	shift uint // 64 − log₂ len(slots)
}

func newEdges(room int) edges {
	size := 16
	for 2*size < 3*room {
		size *= 2
	}
	e := edges{}
	e.resize(size)
	return e
}

func (e *edges) resize(size int) {
	old := e.slots
	e.slots, e.shift = hugepages.Advise(make([]edge, size)), uint(64-bits.Len(uint(size-1)))
	for i := range old {
		if s := &old[i]; s.node != 0 {
			*e.slot(s.parent, s.symbol) = *s
		}
	}
}

// slot is where the edge of parent and symbol is or belongs.
func (e *edges) slot(parent, symbol uint32) *edge {
	mask := uint64(len(e.slots) - 1)
	// Fibonacci hashing (Knuth 1973, section 6.4).
	i := (uint64(parent)<<16 | uint64(symbol)) * 0x9e3779b97f4a7c15 >> e.shift
	for {
		s := &e.slots[i&mask]
		if s.node == 0 || s.parent == parent && s.symbol == symbol {
			return s
		}
		i++
	}
}

// find is the node that symbol leads to from parent, or 0.
func (e *edges) find(parent, symbol uint32) uint32 {
	if e.used == 0 {
		return 0
	}
	return e.slot(parent, symbol).node
}

// fill puts an edge into the empty slot that slot returned for it.
func (e *edges) fill(s *edge, parent, symbol, node, count uint32) {
	*s = edge{parent, symbol, node, count}
	if e.used++; 3*e.used > 2*len(e.slots) {
		e.resize(2 * len(e.slots))
	}
}

func (e *edges) bytes() int64 { return 16 * int64(cap(e.slots)) }
