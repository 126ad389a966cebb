// Package unbounded holds predictors whose context has no bound: the whole
// past of the document, as far as it has occurred before.
package unbounded

import (
	"fmt"
	"math/bits"
	"unsafe"

	"horizon/predictors"
)

// A tree holds every context a symbol was learned in, and what followed. Read
// backwards, from the last symbol to the oldest, contexts are the prefixes of
// a suffix tree (Wood, Archambeau, Gasthaus, James & Teh 2009, section 4): a
// node is a context, its children are longer, and a node with one child that
// never had a symbol learned in it is left out. So n symbols make at most 2n
// nodes, whatever their contexts' lengths. An edge is a slice of the text.
//
// The counts are Kneser and Ney's for every length at once: a symbol counts
// once in a context for each child in which it occurs, and once for each time
// it was learned in the context itself. A context within an edge has one
// extension only, so each symbol below it counts once there, and need not be
// stored. Which nodes and counts there are does not depend on any parameter.
//
// A symbol costs one walk from the root, a hash look-up for each node and a
// comparison for each symbol of the longest match.
type tree struct {
	a     int
	depth int      // longest context; maxInt if there is no bound
	text  []symbol // what was learned, and contexts copied for it
	// pieces are the stretches of text that contexts do not leave: begin, and
	// from where on symbols were learned.
	pieces  []piece
	learned uint64 // symbols
	nodes   []node // 0 is the empty context
	slots   []uint32
	shift   int
	// entries are the symbols counted in each node, linked from the node. A
	// node with total 1 and no entry is a leaf that counts text[end] once.
	// Entry 0 is none.
	entries []entry
	wide    []uint32 // hash slots of the entries of nodes with many kinds
	wshift  int
	nwide   int // entries in wide
	extra   *extra
}

type symbol = predictors.Symbol

type piece struct{ begin, learned uint32 }

// A node is the context text[end−length : end].
type node struct {
	end    uint32
	length uint32
	parent uint32
	symbol uint32 // of its edge, the first beyond the parent
	first  uint32 // entry
	total  uint32 // sum of counts
	kinds  uint32 // different symbols counted
}

type entry struct {
	node   uint32
	next   uint32
	symbol uint32
	count  uint32
}

// extra is what only some kinds keep.
type extra struct {
	raw  []uint32 // beside entries: how often the symbol followed the context
	fan  []uint32 // beside nodes: index into fans, 0 for leaves
	fans []fan
}

// classes of counts share a discount. least[j] is the smallest count of class
// j: as large as its discount may be.
const classes = 6

var least = [classes]float64{1, 2, 3, 4, 7, 15}

// class of a count ≥ 1.
func class(c uint32) int {
	switch {
	case c < 4:
		return int(c) - 1
	case c < 7:
		return 3
	case c < 15:
		return 4
	}
	return 5
}

// A fan says how many symbols have a count of each class in a context.
type fan [classes]uint32

func (x *extra) clear() {
	x.raw, x.fan, x.fans = make([]uint32, 1), make([]uint32, 1), make([]fan, 1)
}

func (x *extra) enter(t *tree, u, count uint32) {
	x.raw = append(x.raw, 0)
	for len(x.fan) < len(t.nodes) {
		x.fan = append(x.fan, 0)
	}
	if x.fan[u] == 0 {
		x.fan[u] = uint32(len(x.fans))
		x.fans = append(x.fans, fan{})
	}
	x.fans[x.fan[u]][class(count)]++
}

func (x *extra) grow(u, count uint32) {
	if a, b := class(count-1), class(count); a != b {
		f := &x.fans[x.fan[u]]
		f[a]--
		f[b]++
	}
}

// occur counts that s followed u and every shorter context. A leaf, which has
// no entry, has seen it once.
func (x *extra) occur(t *tree, u uint32, s symbol) {
	for ; ; u = t.nodes[u].parent {
		if e := t.find(u, uint32(s)); e != 0 {
			x.raw[e]++
		}
		if u == 0 {
			return
		}
	}
}

// few is how many kinds a node may have before they are hashed too.
const few = 8

func (t *tree) clear() {
	t.text, t.pieces, t.learned = nil, nil, 0
	t.nodes, t.entries = make([]node, 1), make([]entry, 1)
	t.wide, t.nwide = nil, 0
	t.rehash(16)
	t.rehashWide(16)
	if t.extra != nil {
		t.extra.clear()
	}
}

func home(key, key2 uint32, shift int) int {
	return int((uint64(key)<<17 | uint64(key2)) * 0x9e3779b97f4a7c15 >> shift)
}

// child returns the node below u whose edge begins with s, or 0.
func (t *tree) child(u, s uint32) uint32 {
	mask := len(t.slots) - 1
	for i := home(u, s, t.shift); ; i++ {
		c := t.slots[i&mask]
		if c == 0 {
			return 0
		}
		if z := &t.nodes[c]; z.parent == u && z.symbol == s {
			return c
		}
	}
}

// add appends a node and lists it under its parent.
func (t *tree) add(z node) uint32 {
	if len(t.nodes)*3 >= len(t.slots)*2 {
		t.rehash(2 * len(t.slots))
	}
	c := uint32(len(t.nodes))
	t.nodes = append(t.nodes, z)
	t.place(c)
	return c
}

func (t *tree) place(c uint32) {
	mask := len(t.slots) - 1
	i := home(t.nodes[c].parent, t.nodes[c].symbol, t.shift)
	for ; t.slots[i&mask] != 0; i++ {
	}
	t.slots[i&mask] = c
}

func (t *tree) rehash(size int) {
	t.slots, t.shift = make([]uint32, size), 64-bits.Len(uint(size-1))
	for c := 1; c < len(t.nodes); c++ {
		t.place(uint32(c))
	}
}

// find returns the entry of s in node u, or 0. A leaf has none.
func (t *tree) find(u uint32, s uint32) uint32 {
	z := &t.nodes[u]
	if z.kinds <= few {
		e := z.first
		for e != 0 && t.entries[e].symbol != s {
			e = t.entries[e].next
		}
		return e
	}
	mask := len(t.wide) - 1
	for i := home(u, s, t.wshift); ; i++ {
		e := t.wide[i&mask]
		if e == 0 {
			return 0
		}
		if r := &t.entries[e]; r.node == u && r.symbol == s {
			return e
		}
	}
}

// counted is how often s counts in node u.
func (t *tree) counted(u uint32, s uint32) uint32 {
	z := &t.nodes[u]
	if z.first == 0 {
		if z.total == 1 && uint32(t.text[z.end]) == s {
			return 1
		}
		return 0
	}
	return t.entries[t.find(u, s)].count // of entry 0, none: 0
}

// enter appends an entry for s, new in u.
func (t *tree) enter(u, s, count uint32) uint32 {
	z, e := &t.nodes[u], uint32(len(t.entries))
	t.entries = append(t.entries, entry{u, z.first, s, count})
	z.first = e
	z.total += count
	z.kinds++
	switch {
	case z.kinds == few+1:
		for e := z.first; e != 0; e = t.entries[e].next {
			t.widen(e)
		}
	case z.kinds > few:
		t.widen(e)
	}
	if t.extra != nil {
		t.extra.enter(t, u, count)
	}
	return e
}

func (t *tree) widen(e uint32) {
	if t.nwide++; t.nwide*3 >= len(t.wide)*2 {
		t.rehashWide(2 * len(t.wide))
	}
	t.placeWide(e)
}

func (t *tree) placeWide(e uint32) {
	mask := len(t.wide) - 1
	i := home(t.entries[e].node, t.entries[e].symbol, t.wshift)
	for ; t.wide[i&mask] != 0; i++ {
	}
	t.wide[i&mask] = e
}

func (t *tree) rehashWide(size int) {
	old := t.wide
	t.wide, t.wshift = make([]uint32, size), 64-bits.Len(uint(size-1))
	for _, e := range old {
		if e != 0 {
			t.placeWide(e)
		}
	}
}

// count counts s once more in u and reports whether it is new there.
func (t *tree) count(u, s uint32) (fresh bool) {
	z := &t.nodes[u]
	if z.total == 0 && z.length > 0 && len(t.text) > int(z.end) && uint32(t.text[z.end]) == s {
		z.total, z.kinds = 1, 1 // a leaf
		return true
	}
	t.open(u)
	if e := t.find(u, s); e != 0 {
		t.entries[e].count++
		z.total++
		if t.extra != nil {
			t.extra.grow(u, t.entries[e].count)
		}
		return false
	}
	t.enter(u, s, 1)
	return true
}

// open gives a leaf the entry it does without.
func (t *tree) open(u uint32) {
	if z := &t.nodes[u]; z.first == 0 && z.total == 1 {
		z.total, z.kinds = 0, 0
		e := t.enter(u, uint32(t.text[z.end]), 1)
		if t.extra != nil {
			t.extra.raw[e] = 1
		}
	}
}

// split puts a node into the edge above c where length symbols are read. Every
// symbol that c counts counts once there, for c.
func (t *tree) split(c, length uint32) uint32 {
	z := t.nodes[c]
	b := uint32(len(t.nodes))
	t.nodes = append(t.nodes, node{end: z.end, length: length, parent: z.parent, symbol: z.symbol})
	mask := len(t.slots) - 1
	i := home(z.parent, z.symbol, t.shift)
	for t.slots[i&mask] != c {
		i++
	}
	t.slots[i&mask] = b
	t.nodes[c].parent, t.nodes[c].symbol = b, uint32(t.text[z.end-length-1])
	if len(t.nodes)*3 >= len(t.slots)*2 {
		t.rehash(2 * len(t.slots))
	} else {
		t.place(c)
	}
	if z.first == 0 {
		f := t.enter(b, uint32(t.text[z.end]), 1)
		if t.extra != nil {
			t.extra.raw[f] = 1
		}
	}
	for e := z.first; e != 0; e = t.entries[e].next {
		f := t.enter(b, t.entries[e].symbol, 1)
		if t.extra != nil {
			t.extra.raw[f] = t.extra.raw[e] // they occur in the same places
		}
	}
	return b
}

// walk reads backwards from x, then text[at−1], text[at−2], … and returns how
// many of at most n symbols it could read, and the node it was on the way to
// or reached.
func (t *tree) walk(x symbol, at uint32, n int) (u uint32, length int) {
	for length < n {
		s := x
		if length > 0 {
			s = t.text[int(at)-length]
		}
		c := t.child(u, uint32(s))
		if c == 0 {
			break
		}
		z := &t.nodes[c]
		m, j := min(int(z.length), n), length+1
		for j < m && t.text[int(z.end)-1-j] == t.text[int(at)-j] {
			j++
		}
		u, length = c, j
		if j < int(z.length) {
			break
		}
	}
	return u, length
}

// above is the length of u's parent, −1 for the root.
func (t *tree) above(z *node) int {
	if z.length == 0 {
		return -1
	}
	return int(t.nodes[z.parent].length)
}

func (t *tree) bytes() int64 {
	return int64(cap(t.text))*2 + int64(cap(t.pieces))*8 +
		int64(cap(t.nodes))*int64(unsafe.Sizeof(node{})) + int64(cap(t.slots))*4 +
		int64(cap(t.entries))*int64(unsafe.Sizeof(entry{})) + int64(cap(t.wide))*4 + t.extra.bytes()
}

func (x *extra) bytes() int64 {
	if x == nil {
		return 0
	}
	return int64(cap(x.raw)+cap(x.fan))*4 + int64(cap(x.fans))*int64(unsafe.Sizeof(fan{}))
}

// A place is where a walk through a tree has led: the longest suffix of the
// past that is a context of the tree. It lies on the edge above node, or at
// its end.
type place struct {
	node   uint32
	length int
}

// observe moves on over x. The context after x is at most one longer than the
// one before it: every suffix of a context in the tree is in the tree.
func (t *tree) observe(p place, x symbol) place {
	node, length := t.walk(x, t.nodes[p.node].end, min(p.length+1, t.depth))
	return place{node, length}
}

// A pen is where a learner writes: it follows the text's last piece.
type pen struct {
	place
	down bool // the place is that of the text's end
}

// lift ends the piece.
func (w *pen) lift(t *tree) { *w = pen{} }

// move follows x without learning it.
func (w *pen) move(t *tree, x symbol) { w.place, w.down = t.observe(w.place, x), false }

// begin opens a piece where w is, unless it goes on writing: it copies the
// context it is in, as what was only observed is not in the text.
func (w *pen) begin(t *tree) {
	if w.down {
		return
	}
	first := uint32(len(t.text))
	end := int(t.nodes[w.node].end)
	t.text = append(t.text, t.text[end-w.length:end]...)
	t.pieces = append(t.pieces, piece{first, uint32(len(t.text))})
	w.down = true
}

// context is the number of symbols before the text's end that are its context.
func (t *tree) context() int {
	return min(len(t.text)-int(t.pieces[len(t.pieces)-1].begin), t.depth)
}

// insert makes the context at the text's end a node, and returns it together
// with the node that was split for it and the lower part, or 0 and 0.
func (w *pen) insert(t *tree) (u, split, lower uint32) {
	full, u := t.context(), w.node
	t.learned++
	if w.length < int(t.nodes[u].length) {
		lower = u
		u = t.split(lower, uint32(w.length))
		split = u
	}
	if w.length < full {
		at := uint32(len(t.text))
		u = t.add(node{end: at, length: uint32(full), parent: u, symbol: uint32(t.text[int(at)-w.length-1])})
	}
	return u, split, lower
}

// write appends x to the text and moves to the context it ends.
func (w *pen) write(t *tree, x symbol) {
	at := uint32(len(t.text) - 1)
	w.node, w.length = t.walk(x, at, t.context())
}

// tally counts x in u and, as long as it is new there, above.
func (t *tree) tally(u uint32, x symbol) {
	for v := u; t.count(v, uint32(x)) && v != 0; {
		v = t.nodes[v].parent
	}
	if t.extra != nil {
		t.extra.occur(t, u, x)
	}
}

// save lists what the tree is made from: the text in its pieces.
func (t *tree) save(a *predictors.Archive) {
	var begin, learned []uint32
	for _, p := range t.pieces {
		begin, learned = append(begin, p.begin), append(learned, p.learned)
	}
	text := t.text
	predictors.Slice(a, &text)
	predictors.Slice(a, &begin)
	predictors.Slice(a, &learned)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := t.rebuild(text, begin, learned); err != nil {
		t.clear()
		a.Fail(err)
	}
}

// rebuild learns the text again.
func (t *tree) rebuild(text []symbol, begin, learned []uint32) error {
	if len(begin) != len(learned) {
		return fmt.Errorf("unbounded: %d pieces begin, %d are learned", len(begin), len(learned))
	}
	t.clear()
	for i := range begin {
		end := uint32(len(text))
		if i+1 < len(begin) {
			end = begin[i+1]
		}
		if int(begin[i]) != len(t.text) || learned[i] < begin[i] || end < learned[i] || int(end) > len(text) {
			return fmt.Errorf("unbounded: saved piece %d is damaged", i)
		}
		if err := t.reread(text[begin[i]:end], int(learned[i]-begin[i])); err != nil {
			return err
		}
	}
	if len(t.text) != len(text) {
		return fmt.Errorf("unbounded: %d of %d saved symbols are in a piece", len(t.text), len(text))
	}
	t.text = t.text[:len(t.text):len(t.text)]
	return nil
}

// reread learns one piece, of which the first known symbols are context.
func (t *tree) reread(xs []symbol, known int) error {
	for i, x := range xs {
		if int(x) >= t.a {
			return fmt.Errorf("unbounded: saved symbol %d = %d, want below %d", len(t.text)+i, x, t.a)
		}
	}
	t.pieces = append(t.pieces, piece{uint32(len(t.text)), uint32(len(t.text) + known)})
	t.text = append(t.text, xs[:known]...)
	w := pen{down: true}
	if known > 0 {
		w.write(t, xs[known-1])
	}
	for _, x := range xs[known:] {
		u, _, _ := w.insert(t)
		t.text = append(t.text, x)
		t.tally(u, x)
		w.write(t, x)
	}
	return nil
}
