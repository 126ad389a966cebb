package markov

import (
	"fmt"
	"io"
	"unsafe"

	"horizon/corpora"
	"horizon/predictors"
)

// The n-gram kinds share one structure, a trie of counted strings read
// forwards: a node is a string, its children append a symbol, and a link leads
// to the string without its oldest symbol. Counts a(g) are of one of two
// sorts:
//
//   - raw: how often g occurs in the training documents;
//   - continuations, for Kneser-Ney: raw for strings of the full length n and
//     for those that begin a document; else the number of different symbols
//     that precede g. A document then begins with a mark <s>, which is a
//     context and never predicted.
//
// Both are kept up symbol by symbol, so learning the documents in turn equals
// counting them in one go. Raw counts go up for every suffix of the text;
// continuations only while an n-gram is new, since a second occurrence gives
// the n-gram without its oldest symbol no new predecessor.
//
// A walk stands at the longest suffix of the past, below n symbols, that is a
// node: what is not in the trie has no counts. Learn and a look-up are O(n) a
// symbol at worst. Space is 32 to 44 bytes an n-gram of full length, 56 to 68
// a shorter one, according to how full the hash table is; their number
// grows with n and the text.

const maxOrder = 64

// Operations. Learning visits a string of each length on its way: the entry
// that finds it, its count, its context's sums, the tally of counts, and the
// link; a new string is entered, linked from its context and from above. Prob
// reads as many at each length and does about eight floating-point operations,
// at all n lengths if every context was seen.
const (
	perLevel  = 5
	perString = 3
	perShare  = 8
)

// Ops counts what Learn did, and bounds Prob and Observe.
func (m *ngrams) Ops() (train, perSymbol float64) {
	return m.work, float64(m.n) * (perLevel + perShare)
}

func checkOrder(kind string, order, alphabet int) error {
	if err := predictors.CheckAlphabet(kind, alphabet); err != nil {
		return err
	}
	if order < 1 || order > maxOrder {
		return fmt.Errorf("%s: order = %d, want 1 to %d", kind, order, maxOrder)
	}
	return nil
}

// A walk is a place in the text, and the counts. Only the one that was made
// first learns; it alone keeps the past itself, which learning needs when the
// past holds a context not yet in the trie.
type walk struct {
	*ngrams
	node   uint32   // the context: the longest suffix of the past in the trie
	length int      // its length, below n
	past   []uint32 // the last n−1 symbols, the mark included; nil in forks

	// What find found last, for the Observe that follows a Prob.
	found uint32 // 1 + the symbol, or 0
	next  uint32 // where it leads
	reach int    // length of next
}

func newWalk(m *ngrams) walk {
	m.clear()
	w := walk{ngrams: m, past: make([]uint32, 0, m.n)}
	w.Reset()
	return w
}

func (w *walk) Alphabet() int { return w.a }

func (w *walk) Reset() {
	w.node, w.length = w.start()
	w.found = 0
	if w.past != nil {
		w.past = w.past[:0]
		if w.length > 0 {
			w.remember(mark)
		}
	}
}

// fork is the same place for a walk that does not learn.
func (w *walk) fork() walk {
	w.settle()
	return walk{ngrams: w.ngrams, node: w.node, length: w.length}
}

// find returns the longest n-gram of the context and x in the trie, its
// length k, or 0, 0.
func (w *walk) find(x predictors.Symbol) (g uint32, k int) {
	c := w.node
	for k = w.length + 1; k >= 1; k-- {
		if g = w.child(k, c, uint32(x)); g != 0 {
			break
		}
		c = w.nodes.at(c).suffix
	}
	w.found, w.next, w.reach = uint32(x)+1, g, k
	if k == w.n { // the oldest symbol falls out of the context
		w.next, w.reach = w.leaves.at(g).suffix, k-1
	}
	return g, k
}

func (w *walk) Observe(x predictors.Symbol) {
	if w.found != uint32(x)+1 {
		w.advance(x)
	} else {
		w.node, w.length = w.next, w.reach
	}
	w.found = 0
	if w.past != nil {
		w.remember(uint32(x))
	}
}

func (w *walk) advance(x predictors.Symbol) {
	c, k := w.node, w.length
	if k == w.n-1 {
		c, k = w.nodes.at(c).suffix, k-1
	}
	for ; k >= 0; k-- {
		if g := w.child(k+1, c, uint32(x)); g != 0 {
			w.node, w.length = g, k+1
			return
		}
		c = w.nodes.at(c).suffix
	}
	w.node, w.length = 0, 0
}

// Learn counts the n-gram that x completes and those without its oldest
// symbols: all of them, or for continuations while they are new.
func (w *walk) Learn(x predictors.Symbol) {
	if w.past == nil {
		panic("markov: a fork does not learn")
	}
	if w.watched && !w.frozen {
		w.watch()
	}
	if w.frozen {
		w.recognize(x)
		return
	}
	if w.length < len(w.past) {
		w.node, w.length = w.enter(w.past), len(w.past)
	}
	longest, above := uint32(0), uint32(0) // above is a new n-gram one longer
	for c, k, g := w.node, w.length+1, uint32(0); ; k-- {
		if g == 0 {
			g = w.child(k, c, uint32(x))
		}
		fresh := g == 0
		if fresh {
			g = w.add(k, c, uint32(x))
		}
		if above != 0 {
			w.gram(k+1, above).suffix = g
		}
		if longest == 0 {
			longest = g
		}
		if w.work += perLevel; fresh {
			w.work += perString
		}
		first := w.count(k, c, g)
		if k == 1 || !first && !w.raw {
			break
		}
		if above = 0; fresh {
			above = g
		}
		c, g = w.nodes.at(c).suffix, w.gram(k, g).suffix
	}
	if w.found = 0; w.length < w.n-1 {
		w.node, w.length = longest, w.length+1
	} else {
		w.node = w.leaves.at(longest).suffix
	}
	w.remember(uint32(x))
}

// remember appends to the past and forgets what is older than n−1 symbols.
func (w *walk) remember(x uint32) {
	if w.n == 1 {
		return
	}
	if len(w.past) == w.n-1 {
		copy(w.past, w.past[1:])
		w.past = w.past[:w.n-2]
	}
	w.past = append(w.past, x)
}

// State is the context: what it has not kept of the past it cannot use.
func (w *walk) State(b []byte) []byte {
	return append(b, byte(w.node), byte(w.node>>8), byte(w.node>>16), byte(w.node>>24))
}

// mark is <s>, the symbol before a document. It is followed and never
// predicted.
const mark = corpora.MaxAlphabet

// A gram is what is known of a string; parent, last symbol and sibling are in
// its table.
type gram struct {
	suffix uint32 // the string without its oldest symbol
	count  uint32 // a
}

// A fan sums up the continuations of a context.
type fan struct {
	first             uint32 // child
	only              uint32 // 1 + the symbol of the only child, or 0
	total             uint32 // a(h·)
	once, twice, more uint32 // N₁, N₂, N₃₊
}

// kinds is N₁₊(h), the number of different continuations.
func (f *fan) kinds() uint32 { return f.once + f.twice + f.more }

// A node is a string that can be a context: half a cache line.
type node struct {
	gram
	fan
}

// A tally counts, in entry j, the n-grams of one length counted j = 1 to 6
// times: what discounts are estimated from. Entry 0 is not used.
type tally [7]uint64

// Discounts are what is taken from a count of 0 to 5, and from all above.
type discounts [7]float64

func (d *discounts) of(count uint32) float64 { return d[min(count, 6)] }

// ngrams are the counts. Strings of full length n have no continuations, and
// there are many of them, so they are kept apart.
type ngrams struct {
	a, n int
	raw  bool // counts; else continuations
	// rule estimates the discounts of an order from its tally; nil if the
	// kind knows none.
	rule   func(*tally) discounts
	short  table // strings of up to n−1 symbols; 0 is the empty one
	nodes  pages[node]
	long   table // strings of n symbols; 0 is none
	leaves pages[gram]
	seen   []tally     // by order
	d      []discounts // by order; follow from seen where not stale
	stale  uint64      // bit k−1: seen[k] has changed since d[k] was computed

	budget  int64    // bytes; 0 for no bound
	watched bool     // trained: what is learned from now on may not exceed the budget
	looked  int      // symbols learned since
	frozen  bool     // no string is added any more
	bare    bool     // nothing is laid up
	lost    []uint32 // of each context's total, what was cut; nil for nothing
	work    float64  // operations of learning
}

func (m *ngrams) clear() {
	m.short.clear()
	m.long.clear()
	m.nodes, m.leaves = pages[node]{}, pages[gram]{}
	m.nodes.push(node{})
	m.leaves.push(gram{})
	m.seen, m.d = make([]tally, m.n+1), make([]discounts, m.n+1)
	m.stale = ^uint64(0) >> (64 - m.n)
	m.watched, m.frozen, m.bare, m.lost = false, false, false, nil
	m.settle()
	if !m.raw && m.n > 1 {
		m.add(1, 0, mark)
	}
}

// settle recomputes the discounts of the orders whose tallies have changed.
// Whoever learned does so before it predicts or forks, hence no fork does.
func (m *ngrams) settle() {
	if m.stale == 0 {
		return
	}
	for k := 1; k <= m.n; k++ {
		if m.rule != nil && m.stale>>(k-1)&1 == 1 {
			m.d[k] = m.rule(&m.seen[k])
		}
	}
	m.stale = 0
}

// start is the context of a document's beginning: the mark, if it is used and
// the context has room for it.
func (m *ngrams) start() (node uint32, length int) {
	if m.raw || m.n == 1 {
		return 0, 0
	}
	return 1, 1
}

// table finds the strings of k symbols.
func (m *ngrams) table(k int) *table {
	if k == m.n {
		return &m.long
	}
	return &m.short
}

// gram is string g of k symbols.
func (m *ngrams) gram(k int, g uint32) *gram {
	if k == m.n {
		return m.leaves.at(g)
	}
	return &m.nodes.at(g).gram
}

// entry is the last symbol of string g of k symbols, and its sibling.
func (m *ngrams) entry(k int, g uint32) *entry { return m.table(k).keys.at(g) }

// child is the string c·x of k symbols, or 0. Most long contexts have one
// child and need no search.
func (m *ngrams) child(k int, c, x uint32) uint32 {
	h := m.nodes.at(c)
	switch {
	case h.only == x+1:
		return h.first
	case h.only != 0 || h.first == 0 && x != mark:
		return 0
	}
	return m.table(k).find(c, x)
}

// add appends the string c·x of k symbols, not yet counted.
func (m *ngrams) add(k int, c, x uint32) uint32 {
	g := m.table(k).insert(c, x)
	if k == m.n {
		m.leaves.push(gram{})
	} else {
		m.nodes.push(node{})
	}
	m.adopt(k, c, x, g)
	return g
}

// adopt lists g under its parent c. The mark is no continuation.
func (m *ngrams) adopt(k int, c, x, g uint32) {
	if x == mark {
		return
	}
	f := m.nodes.at(c)
	if f.only = 0; f.first == 0 {
		f.only = x + 1
	}
	m.entry(k, g).sibling, f.first = f.first, g
}

// count counts g = c·x of k symbols once more, and reports whether that was
// the first time.
func (m *ngrams) count(k int, c, g uint32) (first bool) {
	s := m.gram(k, g)
	s.count++
	m.nodes.at(c).grow(s.count)
	if s.count <= 7 {
		n := &m.seen[k]
		if s.count > 1 {
			n[s.count-1]--
		}
		if s.count < 7 {
			n[s.count]++
		}
		m.stale |= 1 << (k - 1)
	}
	return s.count == 1
}

// grow says that the count of one continuation has become count.
func (f *fan) grow(count uint32) {
	f.total++
	switch count {
	case 1:
		f.once++
	case 2:
		f.once--
		f.twice++
	case 3:
		f.twice--
		f.more++
	}
}

// enter returns the node of a context of up to n−1 symbols and puts it there
// if need be, with every string inside it, none counted: such contexts were
// observed and not learned.
func (m *ngrams) enter(context []uint32) uint32 {
	var rows [2][maxOrder]uint32
	row, below := &rows[0], &rows[1]
	for l := 1; l <= len(context); l++ {
		// row[j] is the first j of the last l symbols; below, of the last l−1.
		row, below = below, row
		row[0] = 0
		for j, x := range context[len(context)-l:] {
			g := m.child(j+1, row[j], x)
			if g == 0 {
				g = m.add(j+1, row[j], x)
				m.nodes.at(g).suffix = below[j]
			}
			row[j+1] = g
		}
	}
	return row[len(context)]
}

// lengths are those of the strings in short.
func (m *ngrams) lengths() []uint8 {
	out := make([]uint8, m.short.size())
	for g := range out[1:] { // parents come before their children
		out[g+1] = out[m.short.keys.at(uint32(g+1)).parent] + 1
	}
	return out
}

// Bytes counts n-grams, hash slots and discounts.
func (m *ngrams) Bytes() int64 {
	return m.short.bytes() + m.long.bytes() + m.nodes.bytes() + m.leaves.bytes() + 4*int64(cap(m.lost)) + m.fixed()
}

func (m *ngrams) fixed() int64 {
	return int64(cap(m.seen))*int64(unsafe.Sizeof(tally{})) + int64(cap(m.d))*int64(unsafe.Sizeof(discounts{}))
}

// Describe counts the n-grams.
func (m *ngrams) Describe() map[string]float64 {
	return map[string]float64{"ngrams": float64(m.short.size() + m.long.size() - 2)}
}

// WriteTo writes the n-grams; what follows from them is rebuilt by ReadFrom.
func (m *ngrams) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces the n-grams.
func (m *ngrams) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *ngrams) fields(a *predictors.Archive) {
	if a.Reading() {
		m.nodes, m.leaves = pages[node]{}, pages[gram]{}
	}
	m.columns(a, &m.short, func(g uint32) *gram { return &m.nodes.at(g).gram }, func(s gram) { m.nodes.push(node{gram: s}) })
	m.columns(a, &m.long, m.leaves.at, m.leaves.push)
	seen := m.bounds(a)
	if !a.Reading() {
		return
	}
	if a.Err() == nil {
		if err := m.rebuild(seen); err != nil {
			a.Fail(err)
		}
	}
	if a.Err() != nil {
		m.clear()
	}
}

// columns writes or reads one table.
func (m *ngrams) columns(a *predictors.Archive, t *table, at func(uint32) *gram, push func(gram)) {
	var parents, symbols, suffixes, counts []uint32
	if !a.Reading() {
		for g := range uint32(t.size()) {
			k, s := t.keys.at(g), at(g)
			parents, symbols = append(parents, k.parent), append(symbols, k.symbol)
			suffixes, counts = append(suffixes, s.suffix), append(counts, s.count)
		}
	}
	for i, c := range []*[]uint32{&parents, &symbols, &suffixes, &counts} {
		predictors.Slice(a, c)
		if a.Err() == nil && (len(*c) != len(parents) || len(parents) == 0) {
			a.Fail(fmt.Errorf("markov: saved column %d has %d n-grams, want %d and at least 1", i, len(*c), len(parents)))
		}
	}
	if !a.Reading() || a.Err() != nil {
		return
	}
	t.clear()
	push(gram{}) // nobody's string, whatever the file says
	for g := 1; g < len(parents); g++ {
		t.insert(parents[g], symbols[g])
		push(gram{suffix: suffixes[g], count: counts[g]})
	}
}

// rebuild derives child lists, sums and discounts from the n-grams, and
// refuses n-grams that are no trie of this order and alphabet.
func (m *ngrams) rebuild(seen []uint64) error {
	if !m.raw && m.n > 1 && (m.short.size() < 2 || m.short.keys.at(1).symbol != mark) {
		return fmt.Errorf("markov: the saved n-grams lack the start mark: want a model of order %d", m.n)
	}
	clear(m.seen)
	length := make([]uint8, m.short.size()) // of the strings in short
	for _, t := range []*table{&m.short, &m.long} {
		for g := uint32(1); g < uint32(t.size()); g++ {
			s := t.keys.at(g)
			if int(s.parent) >= len(length) || t == &m.short && s.parent >= g || int(s.symbol) >= m.a && s.symbol != mark {
				return fmt.Errorf("markov: saved n-gram %d is damaged", g)
			}
			k := int(length[s.parent]) + 1
			if (k == m.n) != (t == &m.long) {
				return fmt.Errorf("markov: saved n-gram %d has %d symbols: want a model of order %d", g, k, m.n)
			}
			if t == &m.short {
				length[g] = uint8(k)
			}
			m.adopt(k, s.parent, s.symbol, g)
			m.recount(k, s.parent, g)
		}
	}
	// Links lead to strings one shorter: no walk along them goes on forever.
	for i, t := range []*table{&m.long, &m.short} {
		k := m.n - i
		for g := uint32(1); g < uint32(t.size()); g++ {
			if s := m.gram(k, g).suffix; int(s) >= len(length) || length[s] != length[t.keys.at(g).parent] {
				return fmt.Errorf("markov: saved n-gram %d is damaged", g)
			}
		}
	}
	if err := m.recall(seen); err != nil {
		return err
	}
	m.stale = ^uint64(0) >> (64 - m.n)
	m.settle()
	return nil
}

// recount enters n-gram g of k symbols with parent c into the sums.
func (m *ngrams) recount(k int, c, g uint32) {
	count, f := m.gram(k, g).count, m.nodes.at(c)
	f.total += count
	f.tally(count)
	if count > 0 && count < 7 {
		m.seen[k][count]++
	}
}
