package markov

import (
	"fmt"
	"math/bits"
	"unsafe"

	"horizon/predictors"
)

// contexts are the contexts of a PPM model and what has followed each. A
// context is an index; 0 is the empty one, and suffix leads from each other
// one to a shorter one with fewer occurrences told apart.
//
// What all PPM models here have in common, and the walk down the escapes
// relies on, is that the successors of a context are successors of its suffix
// too: a symbol that is new in a context is entered there and in every shorter
// one that lacks it.
//
// A context that has had one successor holds it in place (most are such, and
// it saves a cache miss); more of them lie together in arena, in a block of
// the next power of two, so that going through them is one run of memory.
// A context with more than scanLimit successors also has them in index.
type contexts struct {
	list  []ppmContext
	arena []successor
	free  [33]uint32 // free[k] is a free block of 2^k successors, or 0; its first next is another
	index successorIndex
}

// A ppmContext is 28 bytes.
type ppmContext struct {
	one    [1]successor // the successor if n is 1; if n is more, one[0].next is where they lie
	n      uint32       // U, how many symbols have followed
	total  uint32       // N, the sum of their counts
	suffix uint32
}

// A successor is 12 bytes.
type successor struct {
	next   uint32 // the context after symbol
	count  uint32
	symbol uint16
}

// scanLimit is the number of successors up to which a scan beats a hash table.
const scanLimit = 32

func (m *contexts) clear() {
	*m = contexts{list: make([]ppmContext, 1), arena: make([]successor, 1)}
	m.index.clear()
}

// of returns the successors of c, valid until one is added to any context.
func (m *contexts) of(c uint32) []successor {
	s := &m.list[c]
	if s.n < 2 {
		return s.one[:s.n]
	}
	at := s.one[0].next
	return m.arena[at : at+s.n]
}

// find returns the successor x of c, or nil.
func (m *contexts) find(c, x uint32) *successor {
	s := &m.list[c]
	if s.n > scanLimit {
		i, ok := m.index.find(c, x)
		if !ok {
			return nil
		}
		return &m.arena[s.one[0].next+i]
	}
	all := m.of(c)
	for i := range all {
		if uint32(all[i].symbol) == x {
			return &all[i]
		}
	}
	return nil
}

// grow appends a context without successors.
func (m *contexts) grow(suffix uint32) uint32 {
	m.list = append(m.list, ppmContext{suffix: suffix})
	return uint32(len(m.list) - 1)
}

// add gives c a successor that it does not have.
func (m *contexts) add(c uint32, y successor) {
	s := &m.list[c]
	n := s.n
	s.n, s.total = n+1, s.total+y.count
	if n == 0 {
		s.one[0] = y
		return
	}
	if n&(n-1) == 0 { // the block is full
		k := bits.Len32(n - 1) // n = 2^k
		at := m.block(k + 1)
		copy(m.arena[at:], m.before(s, n))
		if n > 1 {
			m.release(s.one[0].next, k)
		}
		s.one[0].next = at
	}
	at := s.one[0].next
	m.arena[at+n] = y
	switch {
	case n == scanLimit:
		for i, y := range m.arena[at : at+n+1] {
			m.index.insert(c, uint32(y.symbol), uint32(i))
		}
	case n > scanLimit:
		m.index.insert(c, uint32(y.symbol), n)
	}
}

// before returns the n successors of s that were there before one was added.
func (m *contexts) before(s *ppmContext, n uint32) []successor {
	if n == 1 {
		return s.one[:]
	}
	return m.arena[s.one[0].next : s.one[0].next+n]
}

// block returns a free block of 2^k successors.
func (m *contexts) block(k int) uint32 {
	if at := m.free[k]; at != 0 {
		m.free[k] = m.arena[at].next
		return at
	}
	at := len(m.arena)
	m.arena = append(m.arena, make([]successor, 1<<k)...)
	return uint32(at)
}

func (m *contexts) release(at uint32, k int) {
	m.arena[at].next, m.free[k] = m.free[k], at
}

// successors counts the pairs of a context and a symbol that has followed it.
func (m *contexts) successors() (sum int) {
	for c := range m.list {
		sum += int(m.list[c].n)
	}
	return sum
}

// Bytes counts contexts, successors and the index.
func (m *contexts) Bytes() int64 {
	return int64(cap(m.list))*int64(unsafe.Sizeof(ppmContext{})) +
		int64(cap(m.arena))*int64(unsafe.Sizeof(successor{})) +
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

// A savedTrie is a trie of contexts in breadth-first order: how many
// successors each has, then their symbols and counts. A context shorter than
// the depth has a context below it for each successor.
type savedTrie struct {
	fan     []uint32
	symbols []uint16
	counts  []uint32
}

func (t *savedTrie) fields(a *predictors.Archive) {
	predictors.Slice(a, &t.fan)
	predictors.Slice(a, &t.symbols)
	predictors.Slice(a, &t.counts)
}

// export lists the contexts of m, a trie, into t, the successors of each in
// the order in which they came, those with count 0 left out, and returns the
// contexts in the order listed.
func (m *contexts) export(t *savedTrie, depth int) (order []uint32) {
	order = append(order, 0)
	for i, length, end := 0, 0, 1; i < end; length++ {
		for ; i < end; i++ {
			n := uint32(0)
			for _, y := range m.of(order[i]) {
				if y.count == 0 {
					continue
				}
				n++
				t.symbols, t.counts = append(t.symbols, y.symbol), append(t.counts, y.count)
				if length < depth {
					order = append(order, y.next)
				}
			}
			t.fan = append(t.fan, n)
		}
		end = len(order)
	}
	return order
}

// restore hands every successor to add, with the number and length of its
// context, and refuses what is no trie of this depth over a symbols.
func (t *savedTrie) restore(kind string, depth, a int, add func(c uint32, length int, symbol uint16, count uint32) error) error {
	if len(t.symbols) != len(t.counts) {
		return fmt.Errorf("%s: %d saved symbols have %d counts", kind, len(t.symbols), len(t.counts))
	}
	c, at := 0, 0
	for length, end := 0, 1; c < end; length++ {
		first := at
		for ; c < end; c++ {
			if c >= len(t.fan) || uint64(t.fan[c]) > uint64(min(len(t.symbols)-at, a)) {
				return fmt.Errorf("%s: saved context %d is damaged", kind, c)
			}
			for n := t.fan[c]; n > 0; n, at = n-1, at+1 {
				if int(t.symbols[at]) >= a || t.counts[at] == 0 {
					return fmt.Errorf("%s: saved context %d is damaged: symbol %d, count %d", kind, c, t.symbols[at], t.counts[at])
				}
				if err := add(uint32(c), length, t.symbols[at], t.counts[at]); err != nil {
					return fmt.Errorf("%s: saved context %d is damaged: %w", kind, c, err)
				}
			}
		}
		if length < depth {
			end += at - first
		}
	}
	if c != len(t.fan) || at != len(t.symbols) {
		return fmt.Errorf("%s: %d contexts with %d successors are saved, want %d and %d", kind, len(t.fan), len(t.symbols), c, at)
	}
	return nil
}
