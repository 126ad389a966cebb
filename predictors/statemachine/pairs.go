package statemachine

import (
	"fmt"
	"math/bits"
	"unsafe"

	"horizon/predictors"
)

// A pair says what an owner (a context, a state) has under a symbol.
type pair struct {
	owner   uint32
	symbol  uint32
	value   uint32
	sibling uint32 // the owner's next pair, or 0
}

// A pairs table finds values by owner and symbol, and lists them by owner:
// open addressing with linear probing over slots that hold pair numbers, at
// most two thirds full. Pair 0 is none. Time is O(1) expected, space 16 bytes
// a pair, 4 an owner and 6 to 12 of slots.
type pairs struct {
	list  []pair
	first []uint32 // of each owner's pairs, or 0
	slots []uint32 // 0 is empty; a power of two
	shift int      // 64 − log₂ len(slots)
}

func (t *pairs) clear(owners int) {
	t.list, t.first = make([]pair, 1), make([]uint32, owners)
	t.rehash(16)
}

// home is the slot to look in first (Knuth's multiplicative hash).
func (t *pairs) home(owner, symbol uint32) int {
	return int((uint64(owner)<<16 | uint64(symbol)) * 0x9e3779b97f4a7c15 >> t.shift)
}

// find returns the number of a pair, or 0.
func (t *pairs) find(owner, symbol uint32) uint32 {
	mask := len(t.slots) - 1
	for i := t.home(owner, symbol); ; i++ {
		n := t.slots[i&mask]
		if n == 0 {
			return 0
		}
		if p := &t.list[n]; p.owner == owner && p.symbol == symbol {
			return n
		}
	}
}

// insert appends a pair that is not there.
func (t *pairs) insert(owner, symbol, value uint32) {
	if len(t.list)*3 >= len(t.slots)*2 {
		t.rehash(2 * len(t.slots))
	}
	n := uint32(len(t.list))
	t.list = append(t.list, pair{owner, symbol, value, t.first[owner]})
	t.first[owner] = n
	t.place(n)
}

func (t *pairs) place(n uint32) {
	mask := len(t.slots) - 1
	i := t.home(t.list[n].owner, t.list[n].symbol)
	for ; t.slots[i&mask] != 0; i++ {
	}
	t.slots[i&mask] = n
}

func (t *pairs) rehash(size int) {
	t.slots, t.shift = make([]uint32, size), 64-bits.Len(uint(size-1))
	for n := 1; n < len(t.list); n++ {
		t.place(uint32(n))
	}
}

func (t *pairs) bytes() int64 {
	return int64(cap(t.list))*int64(unsafe.Sizeof(pair{})) + int64(cap(t.first)+cap(t.slots))*4
}

// fields writes or reads the pairs column by column, those read as pairs of
// so many owners over symbols below alphabet.
func (t *pairs) fields(a *predictors.Archive, owners, alphabet int) {
	var columns [3][]uint32
	if !a.Reading() {
		for _, p := range t.list[1:] {
			columns[0] = append(columns[0], p.owner)
			columns[1] = append(columns[1], p.symbol)
			columns[2] = append(columns[2], p.value)
		}
	}
	for i := range columns {
		predictors.Slice(a, &columns[i])
	}
	if !a.Reading() || a.Err() != nil {
		return
	}
	n := len(columns[0])
	if len(columns[1]) != n || len(columns[2]) != n {
		a.Fail(fmt.Errorf("pst: saved columns of %d, %d and %d counts, want as many", n, len(columns[1]), len(columns[2])))
		return
	}
	t.clear(owners)
	for i, o := range columns[0] {
		x := columns[1][i]
		if int(o) >= owners || int(x) >= alphabet || t.find(o, x) != 0 {
			a.Fail(fmt.Errorf("pst: saved count %d is of context %d and symbol %d, want below %d and %d, each once", i, o, x, owners, alphabet))
			return
		}
		t.insert(o, x, columns[2][i])
	}
}
