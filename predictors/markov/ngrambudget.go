package markov

import (
	"fmt"
	"math"
	"unsafe"

	"horizon/predictors"
)

// An n-gram model that may take so many bytes learns all it is shown and is
// then cut: what a string hx adds to the likelihood of the training text over
// what the shorter context would have said of x there,
//
//	a(hx) ln( p(x; h) / (b(h) p(x; h')) )
//
// with b(h) the weight of the shorter context (the weighted difference of
// Seymore & Rosenfeld 1996, which is the first term of Stolcke 1998), ranks the
// strings. Those of least worth are left out until the rest fits; a string
// stays as long as one that continues it or ends with it does. What was left
// out after h goes to the shorter context: b(h) is 1 less what is kept. Counts
// a(h·) and discounts stay those of the whole text.
//
// For the lower orders of Kneser & Ney a is the number of predecessors, which
// is less than the number of occurrences; so they are worth more than it says,
// but most of them are suffixes of longer strings anyway.
//
// Training takes the memory of the whole model. Nothing is laid up for speed if
// that would not fit beside it. A model that was cut counts what it has kept,
// should it learn on, and adds no string: for Kneser-Ney strings of full length
// only, since whether a shorter one has met a new predecessor it cannot tell.

// A smoother says what a law is made of: for a context c of k-grams, what a
// count of its continuation gives, and the weight of the shorter context's
// law. It interpolates if it adds the two up where there is a count, else it
// backs off.
type smoother interface {
	own(k int, c, count uint32) float64
	back(k int, c uint32) float64
	interpolates() bool
}

// SetBudget bounds the bytes of the model.
func (m *ngrams) SetBudget(b predictors.Budget) error {
	m.budget = b.ModelBytes
	return nil
}

// cut ends training: it leaves out strings until the rest fits. Without a
// budget it does nothing.
func (m *ngrams) cut(s smoother) {
	if m.budget == 0 || m.frozen {
		return
	}
	m.settle()
	m.tighten()
	if m.watched = true; m.Bytes() <= m.budget {
		return
	}
	short, long := m.worth(s)
	m.keep(short, long, m.cutAt(short, long))
	m.frozen = true
}

// layable reports whether so many bytes more would fit.
func (m *ngrams) layable(bytes int64) bool {
	m.bare = m.frozen || m.budget > 0 && m.Bytes()+bytes > m.budget
	return !m.bare
}

// watchEvery is how many symbols a model that learns on after training learns
// between two looks at its size.
const watchEvery = 64

// watch freezes a model that learns on when it is about to be too large.
func (m *ngrams) watch() {
	if m.looked++; m.looked%watchEvery != 0 {
		return
	}
	if m.sizeOf(m.short.size()+watchEvery*m.n, m.long.size()+watchEvery) > m.budget {
		m.frozen = true
		m.tighten()
	}
}

// worth is what each string is worth, or the worthiest that depends on it.
func (m *ngrams) worth(s smoother) (short, long []float32) {
	lengths := m.lengths()
	byLength := make([][]uint32, m.n)
	for g, l := range lengths {
		byLength[l] = append(byLength[l], uint32(g))
	}
	short, long = make([]float32, len(lengths)), make([]float32, m.long.size())
	probs := make([]float64, len(lengths)) // p(x; h) of the strings
	probs[0] = 1 / float64(m.a)
	value := func(k int, g uint32) (worth float32, prob float64) {
		c, r := m.entry(k, g).parent, m.gram(k, g)
		if m.nodes.at(c).total == 0 {
			return float32(math.Inf(-1)), probs[r.suffix]
		}
		rest := s.back(k, c) * probs[r.suffix]
		if r.count == 0 {
			return float32(math.Inf(-1)), rest
		}
		if prob = s.own(k, c, r.count); s.interpolates() {
			prob += rest
		}
		return float32(float64(r.count) * math.Log(prob/rest)), prob
	}
	for k := 1; k < m.n; k++ {
		for _, g := range byLength[k] {
			short[g], probs[g] = value(k, g)
		}
	}
	for g := range long[1:] {
		long[g+1], _ = value(m.n, uint32(g+1))
	}
	m.spreadWorth(short, long, byLength)
	return short, long
}

// spreadWorth makes every string as worthy as those that need it.
func (m *ngrams) spreadWorth(short, long []float32, byLength [][]uint32) {
	need := func(k int, g uint32, worth float32) {
		parent, suffix := m.entry(k, g).parent, m.gram(k, g).suffix
		short[parent] = max(short[parent], worth)
		short[suffix] = max(short[suffix], worth)
	}
	for g, worth := range long[1:] {
		need(m.n, uint32(g+1), worth)
	}
	for k := m.n - 1; k >= 1; k-- {
		for _, g := range byLength[k] {
			need(k, g, short[g])
		}
	}
	short[0] = float32(math.Inf(1))
	if node, _ := m.start(); node != 0 {
		short[node] = short[0]
	}
}

// cutAt is the least worth that can be kept: the bits of a float32, turned so
// that they sort like the numbers, are halved in.
func (m *ngrams) cutAt(short, long []float32) float32 {
	low, high := uint32(0), sortable(float32(math.Inf(1)))
	for low < high {
		mid := low + (high-low)/2
		at := fromSortable(mid)
		if m.sizeOf(atLeast(short, at), atLeast(long[1:], at)+1) <= m.budget {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return fromSortable(low)
}

func sortable(v float32) uint32 {
	b := math.Float32bits(v)
	if b>>31 != 0 {
		return ^b
	}
	return b | 1<<31
}

func fromSortable(b uint32) float32 {
	if b>>31 != 0 {
		return math.Float32frombits(b &^ (1 << 31))
	}
	return math.Float32frombits(^b)
}

func atLeast(list []float32, at float32) (n int) {
	for _, v := range list {
		if v >= at {
			n++
		}
	}
	return n
}

// sizeOf is Bytes of a cut model of so many strings, those of number 0 counted.
func (m *ngrams) sizeOf(short, long int) int64 {
	slots := func(n int) int64 {
		size := 16
		for (n-1)*3 >= size*2 { // as insert has it: n − 1 before the last
			size *= 2
		}
		return 8 * int64(size)
	}
	return int64(short)*int64(unsafe.Sizeof(entry{})+unsafe.Sizeof(node{})+4) + slots(short) +
		int64(long)*int64(unsafe.Sizeof(entry{})+unsafe.Sizeof(gram{})) + slots(long) + m.fixed()
}

// keep rebuilds the model of the strings that are worth at least at.
func (m *ngrams) keep(short, long []float32, at float32) {
	old := *m
	number := make([]uint32, len(short)) // new ones of the short strings
	m.short.clear()
	m.long.clear()
	m.nodes, m.leaves = pages[node]{}, pages[gram]{}
	m.leaves.push(gram{})
	m.lost = nil
	for g := range uint32(len(short)) {
		n := *old.nodes.at(g)
		if g > 0 && !(short[g] >= at) {
			continue
		}
		if g > 0 {
			e := old.short.keys.at(g)
			number[g] = m.short.insert(number[e.parent], e.symbol)
		}
		m.nodes.push(node{gram: n.gram, fan: fan{total: n.total}})
		m.lost = append(m.lost, n.total)
	}
	for g := uint32(1); g < uint32(old.long.size()); g++ {
		if long[g] >= at {
			e := old.long.keys.at(g)
			m.long.insert(number[e.parent], e.symbol)
			r := *old.leaves.at(g)
			m.leaves.push(gram{suffix: number[r.suffix], count: r.count})
		}
	}
	for c := uint32(1); c < uint32(m.nodes.n); c++ {
		r := &m.nodes.at(c).gram
		r.suffix = number[r.suffix]
	}
	m.relist()
	m.tighten()
}

// relist lists the children of each context of a cut model anew, and takes
// what they were counted off what is lost. Contexts that have lost all might as
// well never have been seen.
func (m *ngrams) relist() {
	lengths := m.lengths()
	for _, t := range []*table{&m.short, &m.long} {
		for g := uint32(1); g < uint32(t.size()); g++ {
			e := *t.keys.at(g)
			k := int(lengths[e.parent]) + 1
			m.adopt(k, e.parent, e.symbol, g)
			count := m.gram(k, g).count
			m.lost[e.parent] -= count
			m.nodes.at(e.parent).tally(count)
		}
	}
	for c := range m.lost {
		if n := m.nodes.at(uint32(c)); m.lost[c] == n.total {
			n.total, m.lost[c] = 0, 0
		}
	}
}

// tally enters a continuation with that count.
func (f *fan) tally(count uint32) {
	switch count {
	case 0:
	case 1:
		f.once++
	case 2:
		f.twice++
	default:
		f.more++
	}
}

// tighten gives back spare capacity.
func (m *ngrams) tighten() {
	m.lost = predictors.Trimmed(m.lost)
	m.short.keys.tighten()
	m.long.keys.tighten()
	m.nodes.tighten()
	m.leaves.tighten()
}

func (s *pages[T]) tighten() {
	for i, page := range s.list {
		s.list[i] = predictors.Trimmed(page)
	}
}

// missing is how much of the count a(h·) of context c was left out.
func (m *ngrams) missing(c uint32) uint32 {
	if m.lost == nil {
		return 0
	}
	return m.lost[c]
}

// recognize learns x in a model that was cut: what it has is counted.
func (w *walk) recognize(x predictors.Symbol) {
	g, k := w.find(x)
	for whole := k == w.n; k >= 1 && (w.raw || whole); k-- {
		s := w.gram(k, g)
		s.count++
		w.nodes.at(w.entry(k, g).parent).grow(s.count)
		g = s.suffix
		if whole = false; !w.raw {
			break
		}
	}
	w.Observe(x)
}

// bounds writes or reads what a budget made of the model; seen are the tallies
// of counts, which follow from the strings unless some were cut.
func (m *ngrams) bounds(a *predictors.Archive) (seen []uint64) {
	flags := uint8(0)
	for i, f := range []bool{m.watched, m.frozen, m.bare} {
		if f {
			flags |= 1 << i
		}
	}
	if m.lost != nil && !a.Reading() {
		for _, n := range m.seen {
			seen = append(seen, n[:]...)
		}
	}
	lost := m.lost
	predictors.Value(a, &m.budget)
	predictors.Value(a, &flags)
	predictors.Slice(a, &lost)
	predictors.Slice(a, &seen)
	if a.Reading() && a.Err() == nil {
		m.watched, m.frozen, m.bare = flags&1 != 0, flags&2 != 0, flags&4 != 0
		if m.lost = nil; len(lost) > 0 {
			m.lost = lost
		}
	}
	return seen
}

// recall completes a model that was cut, when its strings have been read.
func (m *ngrams) recall(seen []uint64) error {
	if m.lost == nil {
		return nil
	}
	if len(m.lost) != m.short.size() || len(seen) != len(m.seen)*len(tally{}) {
		return fmt.Errorf("markov: %d saved losses and %d tallies, want %d and %d", len(m.lost), len(seen), m.short.size(), len(m.seen)*len(tally{}))
	}
	for c, l := range m.lost {
		n := m.nodes.at(uint32(c))
		if uint64(n.total)+uint64(l) > math.MaxUint32 {
			return fmt.Errorf("markov: saved n-gram %d is damaged", c)
		}
		n.total += l
	}
	for k := range m.seen {
		copy(m.seen[k][:], seen[k*len(tally{}):])
	}
	m.tighten()
	return nil
}
