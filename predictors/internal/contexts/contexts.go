// Package contexts keeps the contexts of a predictor with what has followed
// each and how often: the store that tries and suffix automata share, and the
// suffix automaton of a growing text.
package contexts

import (
	"math/bits"
	"unsafe"
)

// A Store is a list of contexts and what has followed each. A context is an
// index; 0 is the empty one, and Suffix leads from each other one to a shorter
// one with fewer occurrences told apart.
//
// What the models that use it have in common, and walks down the suffixes rely
// on, is that the successors of a context are successors of its suffix too: a
// symbol that is new in a context is entered there and in every shorter one
// that lacks it.
//
// A context that has had one successor holds it in place (most are such, and
// it saves a cache miss); more of them lie together in arena, in a block of
// the next power of two, so that going through them is one run of memory.
// A context with more than ScanLimit successors also has them in index.
type Store struct {
	List  []Context
	arena []Successor
	free  [33]uint32 // free[k] is a free block of 2^k successors, or 0; its first Next is another
	index successorIndex
}

// A Context is 28 bytes.
type Context struct {
	one    [1]Successor // the successor if N is 1; if N is more, one[0].Next is where they lie
	N      uint32       // how many symbols have followed
	Total  uint32       // the sum of their counts
	Suffix uint32
}

// A Successor is 12 bytes.
type Successor struct {
	Next   uint32 // the context after Symbol
	Count  uint32
	Symbol uint16
}

// ScanLimit is the number of successors up to which a scan beats a hash table.
const ScanLimit = 32

// Clear leaves the empty context alone.
func (m *Store) Clear() {
	*m = Store{List: make([]Context, 1), arena: make([]Successor, 1)}
	m.index.clear()
}

// Of returns the successors of c, valid until one is added to any context.
func (m *Store) Of(c uint32) []Successor {
	s := &m.List[c]
	if s.N < 2 {
		return s.one[:s.N]
	}
	at := s.one[0].Next
	return m.arena[at : at+s.N]
}

// Find returns the successor x of c, or nil.
func (m *Store) Find(c, x uint32) *Successor {
	s := &m.List[c]
	if s.N > ScanLimit {
		i, ok := m.index.find(c, x)
		if !ok {
			return nil
		}
		return &m.arena[s.one[0].Next+i]
	}
	all := m.Of(c)
	for i := range all {
		if uint32(all[i].Symbol) == x {
			return &all[i]
		}
	}
	return nil
}

// Grow appends a context without successors.
func (m *Store) Grow(suffix uint32) uint32 {
	m.List = append(m.List, Context{Suffix: suffix})
	return uint32(len(m.List) - 1)
}

// Add gives c a successor that it does not have.
func (m *Store) Add(c uint32, y Successor) {
	s := &m.List[c]
	n := s.N
	s.N, s.Total = n+1, s.Total+y.Count
	if n == 0 {
		s.one[0] = y
		return
	}
	if n&(n-1) == 0 { // the block is full
		k := bits.Len32(n - 1) // n = 2^k
		at := m.block(k + 1)
		copy(m.arena[at:], m.before(s, n))
		if n > 1 {
			m.release(s.one[0].Next, k)
		}
		s.one[0].Next = at
	}
	at := s.one[0].Next
	m.arena[at+n] = y
	switch {
	case n == ScanLimit:
		for i, y := range m.arena[at : at+n+1] {
			m.index.insert(c, uint32(y.Symbol), uint32(i))
		}
	case n > ScanLimit:
		m.index.insert(c, uint32(y.Symbol), n)
	}
}

// before returns the n successors of s that were there before one was added.
func (m *Store) before(s *Context, n uint32) []Successor {
	if n == 1 {
		return s.one[:]
	}
	return m.arena[s.one[0].Next : s.one[0].Next+n]
}

// block returns a free block of 2^k successors.
func (m *Store) block(k int) uint32 {
	if at := m.free[k]; at != 0 {
		m.free[k] = m.arena[at].Next
		return at
	}
	at := len(m.arena)
	m.arena = append(m.arena, make([]Successor, 1<<k)...)
	return uint32(at)
}

func (m *Store) release(at uint32, k int) {
	m.arena[at].Next, m.free[k] = m.free[k], at
}

// Successors counts the pairs of a context and a symbol that has followed it.
func (m *Store) Successors() (sum int) {
	for c := range m.List {
		sum += int(m.List[c].N)
	}
	return sum
}

// Bytes counts contexts, successors and the index.
func (m *Store) Bytes() int64 {
	return int64(cap(m.List))*int64(unsafe.Sizeof(Context{})) +
		int64(cap(m.arena))*int64(unsafe.Sizeof(Successor{})) +
		int64(cap(m.index.slots))*int64(unsafe.Sizeof(indexSlot{}))
}

// A successorIndex maps a context and a symbol to a place among the context's
// successors: open addressing with linear probing, at most two thirds full.
type successorIndex struct {
	slots []indexSlot // a power of two
	used  int
}

type indexSlot struct {
	context, symbol uint32
	place           uint32 // plus one; 0 is an empty slot
}

func (t *successorIndex) clear() { *t = successorIndex{slots: make([]indexSlot, 16)} }

func (t *successorIndex) find(c, x uint32) (place uint32, ok bool) {
	mask := len(t.slots) - 1
	for i := t.home(c, x); ; i++ {
		s := &t.slots[i&mask]
		if s.place == 0 {
			return 0, false
		}
		if s.context == c && s.symbol == x {
			return s.place - 1, true
		}
	}
}

// insert enters a pair that is not there.
func (t *successorIndex) insert(c, x, place uint32) {
	if t.used*3 >= len(t.slots)*2 {
		old := t.slots
		t.slots = make([]indexSlot, 2*len(old))
		for _, s := range old {
			if s.place != 0 {
				t.put(s)
			}
		}
	}
	t.used++
	t.put(indexSlot{c, x, place + 1})
}

func (t *successorIndex) put(s indexSlot) {
	mask := len(t.slots) - 1
	i := t.home(s.context, s.symbol)
	for ; t.slots[i&mask].place != 0; i++ {
	}
	t.slots[i&mask] = s
}

// home is the slot to look in first (Knuth's multiplicative hash).
func (t *successorIndex) home(c, x uint32) int {
	return int((uint64(c)<<16 | uint64(x)) * 0x9e3779b97f4a7c15 >> (64 - bits.Len(uint(len(t.slots)-1))))
}
