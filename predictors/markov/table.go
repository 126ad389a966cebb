package markov

import (
	"fmt"
	"math/bits"
	"unsafe"

	"horizon/predictors"
)

// A table holds n-grams and finds them by parent and symbol: open addressing
// with linear probing over slots that hold indices into the n-grams, at most
// two thirds full. N-gram 0 is never found.
type table struct {
	grams []gram
	slots []uint32 // 0 is empty; a power of two
	shift int      // 64 − log₂ len(slots)
}

func (t *table) clear() {
	t.grams = make([]gram, 1)
	t.rehash(16)
}

// home is the slot to look in first (Knuth's multiplicative hash).
func (t *table) home(parent, symbol uint32) int {
	return int((uint64(parent)<<17 | uint64(symbol)) * 0x9e3779b97f4a7c15 >> t.shift)
}

// find returns the n-gram parent·symbol, or 0.
func (t *table) find(parent, symbol uint32) uint32 {
	slots := t.slots
	mask := len(slots) - 1
	for i := t.home(parent, symbol); ; i++ {
		g := slots[i&mask]
		if g == 0 {
			return 0
		}
		if s := &t.grams[g]; s.parent == parent && s.symbol == symbol {
			return g
		}
	}
}

// insert appends parent·symbol, which must not be there.
func (t *table) insert(parent, symbol uint32) uint32 {
	if len(t.grams)*3 >= len(t.slots)*2 {
		t.rehash(2 * len(t.slots))
	}
	g := uint32(len(t.grams))
	t.grams = append(t.grams, gram{parent: parent, symbol: symbol})
	t.place(g)
	return g
}

func (t *table) place(g uint32) {
	mask := len(t.slots) - 1
	i := t.home(t.grams[g].parent, t.grams[g].symbol)
	for ; t.slots[i&mask] != 0; i++ {
	}
	t.slots[i&mask] = g
}

func (t *table) rehash(size int) {
	t.slots, t.shift = make([]uint32, size), 64-bits.Len(uint(size-1))
	for g := 1; g < len(t.grams); g++ {
		t.place(uint32(g))
	}
}

func (t *table) bytes() int64 {
	return int64(cap(t.grams))*int64(unsafe.Sizeof(gram{})) + int64(cap(t.slots))*4
}

// fields writes or reads the n-grams column by column.
func (t *table) fields(a *predictors.Archive) {
	columns := []func(*gram) *uint32{
		func(g *gram) *uint32 { return &g.parent },
		func(g *gram) *uint32 { return &g.symbol },
		func(g *gram) *uint32 { return &g.suffix },
		func(g *gram) *uint32 { return &g.count },
	}
	for i, field := range columns {
		var column []uint32
		if !a.Reading() {
			column = make([]uint32, len(t.grams))
			for g := range t.grams {
				column[g] = *field(&t.grams[g])
			}
		}
		predictors.Slice(a, &column)
		if !a.Reading() || a.Err() != nil {
			continue
		}
		if i == 0 {
			t.grams = make([]gram, len(column))
		}
		if len(column) != len(t.grams) || len(column) == 0 {
			a.Fail(fmt.Errorf("kneser-ney: column %d has %d n-grams, want %d and at least 1", i, len(column), len(t.grams)))
			return
		}
		for g := range t.grams {
			*field(&t.grams[g]) = column[g]
		}
	}
	if a.Reading() && a.Err() == nil {
		t.grams[0] = gram{} // nobody's string, whatever the file says
		size := 16
		for len(t.grams)*3 >= size*2 {
			size *= 2
		}
		t.rehash(size)
	}
}
