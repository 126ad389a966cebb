package ppmd

import (
	"slices"

	"horizon/predictors"
)

// root is the empty context. No successor leads to it, so 0 also says that a
// successor is not known.
const root = 0

// A state is a symbol seen in a context: how often, in units of a quarter
// occurrence and after halvings, and what context comes next.
type state struct {
	next uint32 // a context, or raw|position in the text, or 0
	key  uint32 // symbol·2¹⁶ + frequency
}

func (s *state) symbol() uint32 { return s.key >> 16 }
func (s *state) freq() uint32   { return s.key & 0xffff }

func (s *state) setFreq(f uint32) { s.key = s.key&^0xffff | f }

// raw marks a successor that is not a context yet: the symbol has been seen
// once in its context, and what followed is read in the text. The context is
// made when the symbol comes the second time.
const raw = 1 << 31

func isContext(next uint32) bool { return next != 0 && next < raw }

// A context lists the symbols seen after it. One that has seen a single symbol
// (a binary context: that symbol or another) holds its state in place.
type context struct {
	suffix uint32 // the context without its oldest symbol
	n      uint32 // symbols seen
	body   state  // n = 1: the state; otherwise next is the first of n states, key the total
}

// total is the sum of the frequencies and of the escape's.
func (c *context) total() uint32 { return c.body.key }

// A tree holds contexts, their states and the text they came from, in flat
// slices.
type tree struct {
	contexts []context // the root first, a suffix before what it is the suffix of
	states   []state   // blocks of the sizes of sizeOf; the root's first
	text     []predictors.Symbol
	ends     []uint32 // positions of text, ascending, that hold no symbol
	free     []uint32 // of each size class the first free block, linked by next; 0 is none
	rank     []uint32 // where each symbol is among the root's states
}

// end marks the end of the text, where learning breaks off: what is raw there
// will not be followed by anything.
func (t *tree) end() {
	t.ends = append(t.ends, uint32(len(t.text)))
	t.text = append(t.text, 0)
}

// ended says whether nothing was learned since the last end.
func (t *tree) ended() bool { return int(t.ends[len(t.ends)-1]) == len(t.text)-1 }

// follower is the symbol at a raw successor, if one came.
func (t *tree) follower(next uint32) (y uint32, known bool) {
	at := next &^ raw
	if next < raw || int(at) >= len(t.text) {
		return 0, false
	}
	_, isEnd := slices.BinarySearch(t.ends, at)
	return uint32(t.text[at]), !isEnd
}

// clear makes the root, with every symbol of the alphabet once.
func (t *tree) clear(a int) {
	t.contexts = append(t.contexts[:0], context{n: uint32(a), body: state{key: uint32(a) + 1}})
	t.states, t.rank = t.states[:0], t.rank[:0]
	for x := range uint32(a) {
		t.states = append(t.states, state{key: x<<16 | 1})
		t.rank = append(t.rank, x)
	}
	t.text, t.ends = t.text[:0], t.ends[:0]
	t.end() // so that no place of the text is 0
	if t.free == nil {
		t.free = make([]uint32, classOf(uint32(a))+1)
	}
	clear(t.free)
}

// of lists the states of c, which are more than one.
func (t *tree) of(c *context) []state { return t.states[c.body.next : c.body.next+c.n] }

// find returns the state of x in context c, or nil.
func (t *tree) find(c, x uint32) *state {
	d := &t.contexts[c]
	if d.n == 1 {
		if d.body.symbol() == x {
			return &d.body
		}
		return nil
	}
	if i := t.rankIn(c, x); i < d.n {
		return &t.of(d)[i]
	}
	return nil
}

// rankIn returns where x is among the several states of context c, or their
// number.
func (t *tree) rankIn(c, x uint32) uint32 {
	if c == root {
		return t.rank[x]
	}
	all := t.of(&t.contexts[c])
	for i := range all {
		if all[i].symbol() == x {
			return uint32(i)
		}
	}
	return uint32(len(all))
}

// swap exchanges the states i and i − 1 of context c.
func (t *tree) swap(c uint32, i uint32) {
	all := t.of(&t.contexts[c])
	all[i], all[i-1] = all[i-1], all[i]
	if c == root {
		t.rank[all[i].symbol()], t.rank[all[i-1].symbol()] = i, i-1
	}
}

// grow gives context c room for one more state and returns its states.
func (t *tree) grow(c *context) []state {
	n := c.n
	if n == 1 {
		only := c.body
		c.body.next = t.allocate(classOf(2))
		t.states[c.body.next] = only
	} else if k := classOf(n); k != classOf(n+1) {
		t.move(c, k, k+1)
	}
	c.n++
	return t.of(c)
}

// shrink cuts the states of c, which are at least m > 1, down to the first m.
func (t *tree) shrink(c *context, m uint32) {
	from, to := classOf(c.n), classOf(m)
	c.n = m
	if from != to {
		t.move(c, from, to)
	}
}

// move takes the n states of c from a block of one class to one of another.
func (t *tree) move(c *context, from, to int) {
	old := c.body.next
	c.body.next = t.allocate(to)
	copy(t.of(c), t.states[old:])
	t.release(old, from)
}

func (t *tree) allocate(class int) uint32 {
	if at := t.free[class]; at != 0 {
		t.free[class] = t.states[at].next
		return at
	}
	at := len(t.states)
	size := sizeOf(class)
	t.states = slices.Grow(t.states, size)[:at+size]
	clear(t.states[at:])
	return uint32(at)
}

func (t *tree) release(at uint32, class int) {
	t.states[at] = state{next: t.free[class]}
	t.free[class] = at
}

// used is the bytes of contexts, states and text in use.
func (t *tree) used() int64 {
	return 16*int64(len(t.contexts)) + 8*int64(len(t.states)) + 2*int64(len(t.text)) + 4*int64(len(t.ends))
}

// Blocks hold 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, … states: classes
// are an eighth apart, so that few states lie idle and few blocks are of no
// use to others.
var sizes, classes = sizeClasses()

func sizeClasses() (sizes []int, classes []uint16) {
	classes = append(classes, 0)
	for size := 2; len(classes) <= 1<<16; size += 2 * max(1, (size+8)/16) {
		for len(classes) <= size {
			classes = append(classes, uint16(len(sizes)))
		}
		sizes = append(sizes, size)
	}
	return sizes, classes
}

// classOf is the class of the smallest block for n states, n ≤ 2¹⁶.
func classOf(n uint32) int { return int(classes[n]) }

func sizeOf(class int) int { return sizes[class] }
