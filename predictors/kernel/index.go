package kernel

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"horizon/predictors"
)

// A memory is everything learnt from: the training symbols in their order and
// which of them are targets, so that a position stands for a context (the m
// symbols before it) and a next symbol (the one at it) at once.
type memory struct {
	text    []byte   // uint16 little-endian; every document follows a gap
	level   []uint8  // of the target at a position, see levels.go
	targets []uint32 // positions of the targets learnt, in order
	// ahead is k−1: the context of the target at pos ends before pos, and its
	// label, the symbol to be foreseen, is k−1 symbols further on.
	ahead int
	run   int // symbols learnt in a row
}

const (
	lanes   = 4 // symbols in a machine word
	words   = 3 // machine words of a context
	maxLags = lanes * words
	gap     = maxLags // missing symbols before each document
	missing = 0xffff  // stands where a document has not begun; equal to no symbol
)

// begin opens a document: contexts that reach before it find nothing to match.
func (mem *memory) begin() {
	for range gap {
		mem.add(missing)
	}
	mem.run = 0
}

// add appends a symbol that may be context but is not a target.
func (mem *memory) add(x Symbol) {
	mem.text = binary.LittleEndian.AppendUint16(mem.text, x)
	mem.level = append(mem.level, 0)
}

// learn appends the next symbol of a document; the target whose label it is
// is there now.
func (mem *memory) learn(x Symbol) {
	mem.add(x)
	if mem.run++; mem.run > mem.ahead {
		mem.targets = append(mem.targets, uint32(len(mem.level)-1-mem.ahead))
	}
}

// label is what is to be foreseen at a target.
func (mem *memory) label(pos uint32) Symbol { return mem.symbol(pos + uint32(mem.ahead)) }

func (mem *memory) bytes() int64 { return int64(cap(mem.text) + cap(mem.level) + 4*cap(mem.targets)) }

func (mem *memory) symbol(pos uint32) Symbol { return binary.LittleEndian.Uint16(mem.text[2*pos:]) }

// valid checks a memory read from a file.
func (mem *memory) valid(a, lags int) error {
	if len(mem.text)%2 != 0 {
		return fmt.Errorf("memory = %d bytes, want an even number", len(mem.text))
	}
	if len(mem.level) != len(mem.text)/2 {
		return fmt.Errorf("levels = %d, want %d", len(mem.level), len(mem.text)/2)
	}
	if v := slices.Max(append(mem.level, 0)); int(v) > lags {
		return fmt.Errorf("level = %d, want ≤ %d", v, lags)
	}
	for pos := range uint32(len(mem.text) / 2) {
		if x := mem.symbol(pos); int(x) >= a && x != missing {
			return fmt.Errorf("symbol = %d, want < %d", x, a)
		}
	}
	last := gap - 1
	for _, t := range mem.targets {
		if int(t) <= last || int(t)+mem.ahead >= len(mem.text)/2 || mem.label(t) == missing {
			return fmt.Errorf("target = %d after %d, want an ascending position in %d symbols", t, last, len(mem.text)/2)
		}
		last = int(t)
	}
	return nil
}

// A past is the last symbols of a sequence, packed as memory.text holds those
// before a position: lag 1 in the highest lane of word 0, lag 4 in its
// lowest, lag 5 in the highest of word 1.
type past struct {
	word  [words]uint64
	known int // how many lags there are, ≤ m
}

func (c *past) push(x Symbol, m int) {
	for i := words - 1; i > 0; i-- {
		c.word[i] = c.word[i]>>16 | c.word[i-1]<<48
	}
	c.word[0] = c.word[0]>>16 | uint64(x)<<48
	c.known = min(c.known+1, m)
}

// lag returns the symbol j ≤ known steps back; lag(1) is the last.
func (c *past) lag(j int) Symbol {
	return Symbol(c.word[(j-1)/lanes] >> (48 - 16*((j-1)%lanes)))
}

// matches says at which lags ≤ m the context before pos agrees with c: bit
// j−1 for lag j. Lags c does not know agree with nothing.
func (mem *memory) matches(c *past, pos uint32, m int) uint32 {
	at := mem.text[2*(pos-gap):][:2*gap]
	differ := unequal(c.word[0] ^ binary.LittleEndian.Uint64(at[16:]))
	if m > lanes {
		differ |= unequal(c.word[1]^binary.LittleEndian.Uint64(at[8:])) << lanes
		if m > 2*lanes {
			differ |= unequal(c.word[2]^binary.LittleEndian.Uint64(at)) << (2 * lanes)
		}
	}
	return ^differ & (1<<c.known - 1)
}

// unequal gathers which 16-bit lanes of x are not zero, highest lane first.
func unequal(x uint64) uint32 {
	const low = 0x7fff_7fff_7fff_7fff
	t := (x&low + low) | x // bit 15 of a lane is set iff the lane is not zero
	return uint32(t>>63 | t>>46&2 | t>>29&4 | t>>12&8)
}

// An index finds, for every set S of lags, the training contexts that agree
// with a query on S, without looking at the others.
//
// It is a trie over sets: the children of node (S, symbols at S) are (S ∪ {j},
// …) for all lags j > max S, so that each pair of a set and symbols has one
// path. A node of many targets is *split*: it holds how often each symbol
// followed, and has children. A node of few is a *leaf*: it holds the targets
// themselves, to be compared with the query at the lags beyond max S, and so
// stands for all the nodes that would have been below it.
//
// There are no node objects: a node is an entry of one hash table, found
// under its parent's place in that table, a lag and a symbol, so that a step
// costs one cache miss, whether it leads anywhere or not.
type index struct {
	lags    int
	targets int     // how many of memory.targets are in it
	fewest  int     // targets of a split node
	root    entry   // S = ∅; its place is rootPlace
	table   []entry // linear probing
	shift   uint    // 64 − log₂ len(table)
	// next holds for a split node its number of targets of each level from
	// max S to m, lower ones counting as max S; then follow words.
	next  []uint32
	leafs []uint32 // targets of the leaves of more than one
}

type entry struct {
	key   uint64 // 0 is free; see edge
	start uint32 // into leafs or next; of a leaf with one target, the target
	size  uint32 // targets of a leaf; of a split node splitMark and its follow words
}

const splitMark = 1 << 31

func (e entry) split() bool { return e.size&splitMark != 0 }

// A follow word is a label, shifted by 16, a level, shifted by 12, and how
// often they occurred. A count that does not fit takes several words.
const maxFollow = 1<<12 - 1

// rootPlace is no place in the table.
const rootPlace = 1<<32 - 1

// edge is the key of a node by its parent's place, lag ≥ 1 and symbol.
func edge(parent uint32, lag int, x Symbol) uint64 {
	return uint64(parent)<<20 | uint64(lag)<<16 | uint64(x)
}

// find returns the place of a key, or of the free entry where it belongs.
func (ix *index) find(key uint64) uint32 {
	mask := uint64(len(ix.table) - 1)
	i := key * 0x9e3779b97f4a7c15 >> ix.shift
	for k := ix.table[i].key; k != key && k != 0; k = ix.table[i].key {
		i = (i + 1) & mask
	}
	return uint32(i)
}

func (ix *index) bytes() int64 {
	return int64(16*cap(ix.table) + 4*cap(ix.next) + 4*cap(ix.leafs))
}

const (
	// fewestTargets is about where comparing a node's targets (a load from
	// the text, which is in cache, and 20 operations each) gets dearer than
	// its children (up to m cache misses, and the follow words).
	fewestTargets = 32
	// maxEntries bounds what an index may hold: nodes, of 16 bytes in a table
	// that is ⅜ to ¾ full, and follow words and targets of 4.
	maxEntries = 1 << 25
)

// newIndex indexes the first n targets of mem over an alphabet of size a. An
// index that would be too large is made with larger leaves: that costs time
// at each query but changes no result.
//
// Nodes that no prediction with factors b enters, as all their targets together
// weigh less than truncate, are not made.
func newIndex(ctx context.Context, mem *memory, n, a, lags int, b []float64, truncate float64, report func(predictors.Progress)) (*index, error) {
	for fewest := fewestTargets; ; fewest *= 2 {
		b := newBuilder(ctx, mem, n, a, lags, fewest, maxEntries).without(b, truncate)
		if report != nil {
			b.report = report
		}
		if ok := b.run(); ctx.Err() != nil {
			return nil, ctx.Err()
		} else if ok {
			return b.index, nil
		}
	}
}

// A builder makes the nodes in depth-first order.
type builder struct {
	*index
	ctx    context.Context
	report func(predictors.Progress)
	done   int64 // of the lags·targets of the first level
	mem    *memory
	limit  int
	nodes  []entry // with the parent's number for its place in the key
	b      []float64
	least  float64  // what a node's targets must weigh together
	count  []uint32 // per symbol and level; zero between uses
	order  []Symbol // the symbols in use, in order of appearance
	seen   []uint32 // the places of count in use, in order of appearance
	groups [maxLags + 1]struct {
		targets []uint32
		order   []Symbol
		ends    []uint32
	}
}

func newBuilder(ctx context.Context, mem *memory, n, a, lags, fewest, limit int) *builder {
	return &builder{
		index: &index{lags: lags, targets: n, fewest: fewest},
		ctx:   ctx, report: func(predictors.Progress) {},
		mem: mem, limit: limit,
		count: make([]uint32, a*(lags+1)),
	}
}

// without has the builder leave out nodes of less than this weight.
func (b *builder) without(factors []float64, weight float64) *builder {
	b.b, b.least = factors, weight
	return b
}

// run makes the index; ok is false if that took more than limit entries, or
// was cancelled.
func (b *builder) run() (ok bool) {
	b.build(b.mem.targets[:b.targets], 0, 0, 1)
	if b.full() || b.ctx.Err() != nil {
		return false
	}
	b.hash()
	b.next = append([]uint32(nil), b.next...) // without spare capacity
	b.leafs = append([]uint32(nil), b.leafs...)
	return true
}

func (b *builder) full() bool { return len(b.nodes)+len(b.next)+len(b.leafs) > b.limit }

// build makes the node of the given targets, whose largest lag in S is top,
// and everything below it. skip is ∏ b_l over the lags l < top not in S.
func (b *builder) build(targets []uint32, key uint64, top int, skip float64) {
	id := uint32(len(b.nodes))
	n := len(targets)
	switch {
	case b.full() || n > 4096 && b.ctx.Err() != nil: // run has nothing to show
	case n == 1:
		b.nodes = append(b.nodes, entry{key, targets[0], 1})
	case n < b.fewest && (top < b.lags || n < 4):
		b.nodes = append(b.nodes, entry{key, uint32(len(b.leafs)), uint32(n)})
		b.leafs = append(b.leafs, targets...)
	default:
		start := len(b.next)
		b.follow(targets, top)
		words := len(b.next) - start - (b.lags - top + 1)
		b.nodes = append(b.nodes, entry{key, uint32(start), splitMark | uint32(words)})
		for lag := top + 1; lag <= b.lags && skip*float64(n) >= b.least; lag++ {
			b.split(id, targets, lag, skip)
			if b.b != nil {
				skip *= b.b[lag]
			}
		}
	}
}

// follow writes how often each label and level occur.
func (b *builder) follow(targets []uint32, top int) {
	levels := b.lags + 1
	b.seen = b.seen[:0]
	totals := len(b.next)
	b.next = append(b.next, make([]uint32, levels-top)...)
	for _, t := range targets {
		v := max(int(b.mem.level[t]), top)
		at := uint32(int(b.mem.label(t))*levels + v)
		if b.count[at] == 0 {
			b.seen = append(b.seen, at)
		}
		b.count[at]++
		b.next[totals+v-top]++
	}
	for _, at := range b.seen {
		x, v := at/uint32(levels), at%uint32(levels)
		for n := b.count[at]; n > 0; n -= min(n, maxFollow) {
			b.next = append(b.next, x<<16|v<<12|min(n, maxFollow))
		}
		b.count[at] = 0
	}
}

// split makes the children of a node at one lag.
func (b *builder) split(parent uint32, targets []uint32, lag int, skip float64) {
	b.tally(targets, lag)
	g := &b.groups[lag] // children use those of larger lags only
	g.targets = append(g.targets[:0], targets...)
	g.order = append(g.order[:0], b.order...)
	g.ends = g.ends[:0]
	at := uint32(0)
	for _, x := range g.order {
		at, b.count[x] = at+b.count[x], at
		g.ends = append(g.ends, at)
	}
	for _, t := range targets {
		if x := b.mem.symbol(t - uint32(lag)); x != missing {
			g.targets[b.count[x]] = t
			b.count[x]++
		}
	}
	for _, x := range g.order {
		b.count[x] = 0
	}
	at = 0
	for i, x := range g.order {
		if skip*float64(g.ends[i]-at) >= b.least {
			b.build(g.targets[at:g.ends[i]], edge(parent, lag, x), lag, skip)
		}
		if parent == 0 {
			b.done += int64(g.ends[i] - at)
			b.report(predictors.Progress{Stage: "index", Done: b.done, Total: int64(b.lags) * int64(b.targets)})
		}
		at = g.ends[i]
	}
}

// tally counts the targets by their symbol at a lag.
func (b *builder) tally(targets []uint32, lag int) {
	b.order = b.order[:0]
	for _, t := range targets {
		x := b.mem.symbol(t - uint32(lag))
		if x == missing {
			continue
		}
		if b.count[x] == 0 {
			b.order = append(b.order, x)
		}
		b.count[x]++
	}
}

// hash moves the nodes into the table, at most ¾ full, parents first.
func (b *builder) hash() {
	b.root = b.nodes[0]
	log := bits.Len(uint(4 * len(b.nodes) / 3))
	b.shift, b.table = uint(64-log), make([]entry, 1<<log)
	place := make([]uint32, len(b.nodes))
	place[0] = rootPlace
	for id, n := range b.nodes[1:] {
		n.key = edge(place[n.key>>20], 0, 0) | n.key&(1<<20-1)
		place[id+1] = b.find(n.key)
		b.table[place[id+1]] = n
	}
}
