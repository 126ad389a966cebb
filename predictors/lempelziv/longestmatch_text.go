package lempelziv

import (
	"fmt"
	"math"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
)

// A matchText is what a longest-match predictor has learned: a text of one or
// more documents and the suffix automaton of it. With N(s) the number of
// counted positions that follow the string s within their document and n(s, x)
// how many of them hold x, a class of strings has N and n as its Total and its
// successors' counts, for every string of at most longest symbols.
//
// Counted are the last window symbols, each with its context in full; what was
// learned before is dropped by making the automaton anew from the end of the
// text when it has become twice as long as is needed. The predictions do not
// show when.
type matchText struct {
	contexts.Automaton
	kind    string
	a       int
	longest int   // M, the longest context
	window  int   // W
	limit   int64 // bytes that the automaton may hold

	text    []predictors.Symbol
	starts  []uint32 // where documents begin in text
	last    uint32   // the class of the present document, of which it is the longest string
	pen     contexts.Spot
	counted int           // text[counted:] is counted
	tail    contexts.Spot // the context of text[counted]
	begun   int           // documents that begin before or at text[counted]
	ops     float64
	levels  float64 // contexts in which symbols were counted
	learned float64 // symbols, those dropped too

	left *matchLefts // nil if nobody asks for it
}

func newMatchText(kind string, a, longest, window int) *matchText {
	m := &matchText{kind: kind, a: a, longest: orUnbounded(longest), window: orUnbounded(window), limit: math.MaxInt64}
	m.reset()
	return m
}

// orUnbounded reads 0 as no bound.
func orUnbounded(n int) int {
	if n == 0 {
		return math.MaxInt
	}
	return n
}

func (m *matchText) reset() {
	m.Automaton.Clear()
	m.text, m.starts = nil, nil
	m.last, m.pen, m.tail = 0, contexts.Spot{}, contexts.Spot{}
	m.counted, m.begun = 0, 0
	if m.left != nil {
		m.left.reset(m)
	}
}

// begin opens a document.
func (m *matchText) begin() {
	m.starts = append(m.starts, uint32(len(m.text)))
	m.last, m.pen = 0, contexts.Spot{}
	if m.left != nil {
		m.left.pen = contexts.Spot{}
	}
}

// add appends x to the present document.
func (m *matchText) add(x predictors.Symbol) {
	m.count(x)
	m.last = m.Extend(m.last, uint32(x))
	m.Settle(&m.pen)
	m.pen = m.Follow(m.pen, x, m.longest)
	if m.left != nil {
		m.left.enter(m, x)
	}
	m.text = append(m.text, x)
	for len(m.text)-m.counted > m.window {
		m.expire()
	}
}

// count counts x in every context that has seen it; Extend does in the others.
func (m *matchText) count(x predictors.Symbol) {
	m.Settle(&m.pen)
	m.learned++
	for c := m.pen.Class; ; c = m.List[c].Suffix {
		if y := m.Find(c, uint32(x)); y != nil {
			y.Count++
			m.List[c].Total++
		}
		m.levels++
		if c == 0 {
			return
		}
	}
}

// expire takes the oldest counted symbol out of all counts.
func (m *matchText) expire() {
	x := m.text[m.counted]
	if m.begun < len(m.starts) && int(m.starts[m.begun]) == m.counted {
		m.begun++
		m.tail = contexts.Spot{}
	}
	m.Settle(&m.tail)
	for c := m.tail.Class; ; c = m.List[c].Suffix {
		m.Find(c, uint32(x)).Count--
		m.List[c].Total--
		if c == 0 {
			break
		}
	}
	m.tail = m.Follow(m.tail, x, m.longest)
	if m.left != nil {
		m.left.expire(m, x)
	}
	m.counted++
}

// shrink drops the oldest symbols when more are held than the window or the
// bytes allow, and reports whether it did.
func (m *matchText) shrink() bool {
	if m.window < math.MaxInt && len(m.text) > 2*m.window+m.longest+1024 {
		m.keep(m.window + m.longest)
		return true
	}
	if m.Bytes() <= m.limit {
		return false
	}
	for m.Bytes() > m.limit && len(m.text) > 0 {
		m.keep(len(m.text) * 3 / 4)
	}
	return true
}

// keep learns the last n symbols anew. Documents begin where they did, and
// the first that is left where it is cut.
func (m *matchText) keep(n int) {
	text, starts := m.text, m.starts
	levels, learned := m.levels, m.learned
	m.reset()
	m.relearn(text, starts, len(text)-n)
	m.ops += 3 * (m.levels - levels)
	m.levels, m.learned = levels, learned
}

// relearn learns text[from:].
func (m *matchText) relearn(text []predictors.Symbol, starts []uint32, from int) {
	m.text = make([]predictors.Symbol, 0, len(text)-from)
	i := 0
	for i < len(starts) && int(starts[i]) <= from {
		i++
	}
	m.begin()
	for t := from; t < len(text); t++ {
		if i < len(starts) && int(starts[i]) == t {
			m.begin()
			i++
		}
		m.add(text[t])
	}
}

// Bytes counts the automaton and the text.
func (m *matchText) Bytes() int64 {
	n := m.Automaton.Bytes() + int64(cap(m.text))*2 + int64(cap(m.starts))*4
	if m.left != nil {
		n += int64(cap(m.left.ends)+cap(m.left.kinds)) * 4
	}
	return n
}

// SetBudget bounds the bytes: the most recent symbols that fit are kept, three
// quarters of those at hand each time the bound is met.
func (m *matchText) SetBudget(b predictors.Budget) error {
	m.limit = math.MaxInt64
	if b.ModelBytes == 0 {
		return nil
	}
	empty := newMatchText(m.kind, m.a, m.longest, m.window)
	if least := empty.Bytes() + 4096; b.ModelBytes < least {
		return fmt.Errorf("%s: model_bytes = %d, want at least %d, for a few symbols", m.kind, b.ModelBytes, least)
	}
	m.limit = b.ModelBytes
	return nil
}

// Ops counts, for each symbol and context it was counted in, a look-up and two
// counts, and as much for the classes and transitions it made. A symbol that
// is scored is looked up in as many contexts and weighed in each.
func (m *matchText) Ops() (train, perSymbol float64) {
	if m.learned == 0 {
		return m.ops, 3
	}
	return m.ops + 3*m.levels + 6*m.learned, 1 + 4*m.levels/m.learned
}

// save lists the text, from which reading makes the automaton again.
func (m *matchText) save(a *predictors.Archive) {
	text, starts := m.text, m.starts
	predictors.Slice(a, &text)
	predictors.Slice(a, &starts)
	predictors.Value(a, &m.levels)
	predictors.Value(a, &m.learned)
	predictors.Value(a, &m.ops)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := m.restore(text, starts); err != nil {
		m.reset()
		a.Fail(err)
	}
}

func (m *matchText) restore(text []predictors.Symbol, starts []uint32) error {
	for t, x := range text {
		if int(x) >= m.a {
			return fmt.Errorf("%s: saved symbol %d = %d, want below %d", m.kind, t, x, m.a)
		}
	}
	for i, s := range starts {
		if int(s) >= len(text) || i == 0 && s != 0 || i > 0 && s <= starts[i-1] {
			return fmt.Errorf("%s: saved document %d begins at symbol %d of %d", m.kind, i, s, len(text))
		}
	}
	if len(text) > 0 && len(starts) == 0 {
		return fmt.Errorf("%s: %d saved symbols are in no document", m.kind, len(text))
	}
	levels, learned, ops := m.levels, m.learned, m.ops
	m.reset()
	if len(text) > 0 {
		m.relearn(text, starts, 0)
	}
	m.levels, m.learned, m.ops = levels, learned, ops
	return nil
}

// matchLefts counts the symbols that precede strings: for the longest string
// of a class, kinds is the number of different symbols to its left at counted
// positions, each beginning of a document being one of its own. They are its
// children among the classes, as far as these have counted ends.
type matchLefts struct {
	ends  []uint32 // beside the classes: counted positions that end with its strings
	kinds []uint32
	pen   contexts.Spot // like those of the text, but two symbols longer at most,
	tail  contexts.Spot // and behind the symbol
}

func (l *matchLefts) reset(m *matchText) {
	*l = matchLefts{ends: make([]uint32, 1), kinds: make([]uint32, 1)}
	m.Parted = func(part, from uint32) {
		l.grow(m)
		l.ends[part] = l.ends[from]
		if l.ends[from] > 0 {
			l.kinds[part] = 1
		}
	}
}

func (l *matchLefts) grow(m *matchText) {
	for len(l.ends) < len(m.List) {
		l.ends, l.kinds = append(l.ends, 0), append(l.kinds, 0)
	}
}

// reach is the longest string whose left neighbours may be asked for, with
// its neighbour.
func (l *matchLefts) reach(m *matchText) int {
	if m.longest > math.MaxInt-2 {
		return math.MaxInt
	}
	return m.longest + 2
}

// enter counts the end of the document, which x has just become.
func (l *matchLefts) enter(m *matchText, x predictors.Symbol) {
	l.grow(m)
	m.Settle(&l.pen)
	l.pen = m.Follow(l.pen, x, l.reach(m))
	for c := l.pen.Class; c != 0; c = m.List[c].Suffix {
		if l.ends[c]++; l.ends[c] == 1 {
			l.kinds[m.List[c].Suffix]++
		}
	}
	if n := int(m.Length[m.last]); n <= l.reach(m) {
		l.kinds[m.last]++
	}
}

// expire takes back what enter did when x, at text[counted], came.
func (l *matchLefts) expire(m *matchText, x predictors.Symbol) {
	first := int(m.starts[m.begun-1])
	if first == m.counted {
		l.tail = contexts.Spot{}
	}
	m.Settle(&l.tail)
	l.tail = m.Follow(l.tail, x, l.reach(m))
	for c := l.tail.Class; c != 0; c = m.List[c].Suffix {
		if l.ends[c]--; l.ends[c] == 0 {
			l.kinds[m.List[c].Suffix]--
		}
	}
	if n := m.counted - first + 1; n <= l.reach(m) {
		l.kinds[l.tail.Class]--
	}
}

// before is the number of different symbols before the string that is the
// longest of c and then y.
func (l *matchLefts) before(m *matchText, c uint32, y *contexts.Successor) uint32 {
	if m.Length[y.Next] > m.Length[c]+1 {
		return 1
	}
	return l.kinds[y.Next]
}
