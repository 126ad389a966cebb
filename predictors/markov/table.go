package markov

import (
	"math/bits"
	"unsafe"

	"horizon/predictors/internal/hugepages"
)

// A table numbers n-grams in the order they come, from 1, and finds them by
// parent and symbol: open addressing with linear probing, at most two thirds
// full. A slot holds the upper half of the hash beside the number, so that a
// look-up that ends in nothing touches no key, and doubling reads slots only.
type table struct {
	keys  pages[entry]
	slots []uint64 // hash<<32 | number; 0 is empty; a power of two
	shift int      // 32 − log₂ len(slots)
}

// A key is an n-gram: the string of its parent and then a symbol.
type key struct{ parent, symbol uint32 }

// An entry is what one needs to list the children of a parent.
type entry struct {
	key
	sibling uint32 // the next child of the parent, or 0
}

// hash mixes by a multiplication (Knuth), upper half.
func (k key) hash() uint64 {
	return (uint64(k.parent)<<17 ^ uint64(k.symbol)) * 0x9e3779b97f4a7c15 >> 32
}

func (t *table) clear() {
	*t = table{}
	t.keys.push(entry{}) // 0 is never found
	t.resize(16)
}

// size is one more than the number of n-grams.
func (t *table) size() int { return t.keys.n }

// find returns the n-gram parent·symbol, or 0.
func (t *table) find(parent, symbol uint32) uint32 {
	k := key{parent, symbol}
	h, slots := k.hash(), t.slots
	mask := len(slots) - 1
	for i := int(h >> t.shift); ; i++ {
		s := slots[i&mask]
		if s == 0 {
			return 0
		}
		if s>>32 == h && t.keys.at(uint32(s)).key == k {
			return uint32(s)
		}
	}
}

// insert appends parent·symbol, which must not be there.
func (t *table) insert(parent, symbol uint32) uint32 {
	if t.keys.n*3 >= len(t.slots)*2 {
		t.resize(2 * len(t.slots))
	}
	k, g := key{parent, symbol}, uint32(t.keys.n)
	t.keys.push(entry{key: k})
	t.place(k.hash()<<32 | uint64(g))
	return g
}

func (t *table) place(s uint64) {
	mask := len(t.slots) - 1
	i := int(s >> 32 >> t.shift)
	for ; t.slots[i&mask] != 0; i++ {
	}
	t.slots[i&mask] = s
}

func (t *table) resize(size int) {
	old := t.slots
	t.slots, t.shift = hugepages.Advise(make([]uint64, size)), 32-bits.Len(uint(size-1))
	for _, s := range old {
		if s != 0 {
			t.place(s)
		}
	}
}

func (t *table) bytes() int64 { return t.keys.bytes() + int64(cap(t.slots))*8 }

// Pages are a slice that grows without being copied, so that growing leaves
// no garbage of the model's own size behind.
type pages[T any] struct {
	list [][]T
	n    int
}

const (
	pageBits = 16
	pageSize = 1 << pageBits
)

func (s *pages[T]) at(i uint32) *T { return &s.list[i>>pageBits][i&(pageSize-1)] }

func (s *pages[T]) push(v T) {
	if s.n%pageSize == 0 {
		first := 16 // a small model stays small
		if s.n > 0 {
			first = pageSize
		}
		s.list = append(s.list, hugepages.Advise(make([]T, 0, first)))
	}
	last := &s.list[len(s.list)-1]
	*last = append(*last, v)
	s.n++
}

func (s *pages[T]) bytes() (sum int64) {
	var zero T
	for _, page := range s.list {
		sum += int64(cap(page)) * int64(unsafe.Sizeof(zero))
	}
	return sum
}
