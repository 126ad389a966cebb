package statemachine

import (
	"context"
	"slices"
)

// A suffixTree is the parameters of a prediction suffix tree, and the
// automaton that walks it.
type suffixTree struct {
	PSTConfig
	a int
	choice

	// Contexts, suffixes first; 0 is the empty one.
	suffix []uint32 // without the oldest symbol
	oldest []uint32 // that symbol
	total  []uint32 // N(s)
	counts pairs    // N(sσ)

	// States, pieces of contexts; 0 is the empty one.
	link    []uint32 // the state without the oldest symbol
	context []uint32 // the longest suffix that is a context
	edges   pairs    // with one symbol more at the end

	budget int64   // bytes; 0 for no bound
	work   float64 // operations of learning
}

// smooth is γ_s(σ) from N(sσ) and N(s).
func (t *suffixTree) smooth(n, total uint32) float64 {
	if total == 0 {
		return 1 / float64(t.a)
	}
	return float64((1-float64(t.a)*t.gamma)*(float64(n)/float64(total))) + t.gamma
}

// plant makes the tree of the empty context, with no counts.
func (t *suffixTree) plant() {
	t.suffix, t.oldest, t.total = []uint32{0}, []uint32{0}, []uint32{0}
	t.counts.clear(1)
	t.automaton()
}

// lay puts the documents one after another, each behind a mark, and a mark at
// the end, so that one look to the left or right tells where one ends.
func lay(docs [][]uint16, a int) (text []uint32) {
	n := 1
	for _, doc := range docs {
		n += len(doc) + 1
	}
	text = make([]uint32, 0, n)
	for _, doc := range docs {
		text = append(text, uint32(a))
		for _, x := range doc {
			text = append(text, uint32(x))
		}
	}
	return append(text, uint32(a))
}

// A candidate context, and where it occurs: before the places lo to hi of its
// level's list.
type candidate struct {
	suffix   int // among the candidates
	oldest   uint32
	length   uint32
	lo, hi   int
	row      [2]int  // N(sσ): rows[row[0]:row[1]], by ascending symbol
	share    float64 // of the places where it fits
	kept     bool
	smoothed bool // the program of Begleiter et al. would compare with γ_s
}

// A nursery is where a tree grows: candidates by length, each length after the
// shorter ones.
type nursery struct {
	t       *suffixTree
	text    []uint32
	pMin    float64
	list    []candidate
	rows    []pair   // symbol and value of N(sσ)
	places  []int32  // of the next symbol, for the candidates of this length
	longer  []int32  // and of the next
	tally   []uint32 // of symbols; all 0 between uses
	met     []uint32 // symbols with a tally
	lengths []int    // of documents, descending
}

// gather finds the candidates, for D up to depth and Pmin from pMin on, in the
// text, which lay has made.
func (t *suffixTree) gather(ctx context.Context, text []uint32, depth int, pMin float64) (*nursery, error) {
	g := &nursery{t: t, text: text, pMin: pMin, tally: make([]uint32, t.a)}
	begin := 0
	for i, x := range text {
		if int(x) < t.a {
			g.places = append(g.places, int32(i))
		} else {
			g.lengths = append(g.lengths, i-begin)
			begin = i + 1
		}
	}
	g.list = append(g.list, candidate{hi: len(g.places), share: 1})
	g.count(0)
	for first, length := 0, 0; length < depth && first < len(g.list); length++ {
		last := len(g.list)
		g.longer = g.longer[:0]
		for c := first; c < last; c++ {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			g.prolong(c, length)
		}
		g.places, g.longer = g.longer, g.places
		for c := last; c < len(g.list); c++ {
			g.count(c)
		}
		first = last
	}
	return g, ctx.Err()
}

// grow makes the tree for the D, Pmin and γ it has now.
func (g *nursery) grow() {
	for c := range g.list {
		g.list[c].kept, g.list[c].smoothed = c == 0, false
	}
	for c := range g.list {
		if s := &g.list[c]; c > 0 && s.length <= g.t.depth && s.share > g.t.pMin {
			g.test(c)
		}
	}
	g.harvest()
}

// fitting is the number of places where a string of that length fits.
func (g *nursery) fitting(length int) (n int) {
	for _, l := range g.lengths {
		n += max(0, l-length+1)
	}
	return n
}

// add tallies a symbol.
func (g *nursery) add(x uint32) {
	if g.tally[x] == 0 {
		g.met = append(g.met, x)
	}
	g.tally[x]++
}

// count makes the row of candidate c.
func (g *nursery) count(c int) {
	s := &g.list[c]
	g.met = g.met[:0]
	for _, at := range g.places[s.lo:s.hi] {
		g.add(g.text[at])
	}
	slices.Sort(g.met)
	s.row[0] = len(g.rows)
	for _, x := range g.met {
		g.rows = append(g.rows, pair{symbol: x, value: g.tally[x]})
		g.tally[x] = 0
	}
	s.row[1] = len(g.rows)
}

// prolong adds the candidates with one symbol before candidate c, which is of
// that length, and sorts its places among them.
func (g *nursery) prolong(c, length int) {
	s := g.list[c]
	g.met = g.met[:0]
	before := func(at int32) uint32 { return g.text[int(at)-length-1] }
	for _, at := range g.places[s.lo:s.hi] {
		if x := before(at); int(x) < g.t.a {
			g.add(x)
		}
	}
	slices.Sort(g.met)
	fitting := float64(g.fitting(length + 1))
	end := len(g.longer)
	for _, x := range g.met {
		n := int(g.tally[x])
		g.tally[x] = 0
		if share := float64(n) / fitting; share > g.pMin {
			g.list = append(g.list, candidate{suffix: c, oldest: x, length: uint32(length + 1), lo: end, hi: end + n, share: share})
			end += n
			g.tally[x] = uint32(end) // where its places end, to be filled from behind
		}
	}
	g.longer = slices.Grow(g.longer, end-len(g.longer))[:end]
	for i := s.hi - 1; i >= s.lo; i-- {
		if x := before(g.places[i]); int(x) < g.t.a && g.tally[x] > 0 {
			g.tally[x]--
			g.longer[g.tally[x]] = g.places[i]
		}
	}
	for _, x := range g.met {
		g.tally[x] = 0
	}
}

// test keeps candidate c and its suffixes if it tells something new.
func (g *nursery) test(c int) {
	s := &g.list[c]
	if !g.tells(c) {
		return
	}
	s.smoothed = g.t.Compare == "smoothed" && g.list[s.suffix].kept
	for ; !g.list[c].kept; c = g.list[c].suffix {
		g.list[c].kept = true
	}
}

// tells is step 2. Every symbol that came after s came after its suffix.
func (g *nursery) tells(c int) bool {
	t, s := g.t, &g.list[c]
	u := &g.list[s.suffix]
	n, nu := float64(s.hi-s.lo), float64(u.hi-u.lo)
	below := g.rows[u.row[0]:u.row[1]]
	for _, e := range g.rows[s.row[0]:s.row[1]] {
		for below[0].symbol < e.symbol {
			below = below[1:]
		}
		p := float64(e.value) / n
		if p < (1+t.Alpha)*t.gamma {
			continue
		}
		q := float64(below[0].value) / nu
		if u.smoothed {
			q = float64((1-float64(t.a)*t.gamma)*q) + t.gamma
		}
		if ratio := p / q; ratio >= t.R || ratio <= 1/t.R {
			return true
		}
	}
	return false
}

// harvest takes the kept candidates over into the tree.
func (g *nursery) harvest() {
	t := g.t
	number := make([]uint32, len(g.list))
	t.suffix, t.oldest, t.total = nil, nil, nil
	for c := range g.list {
		if s := &g.list[c]; s.kept {
			number[c] = uint32(len(t.suffix))
			t.suffix = append(t.suffix, number[s.suffix])
			t.oldest = append(t.oldest, s.oldest)
			t.total = append(t.total, uint32(s.hi-s.lo))
		}
	}
	t.counts.clear(len(t.suffix))
	for c := range g.list {
		if s := &g.list[c]; s.kept {
			for _, e := range g.rows[s.row[0]:s.row[1]] {
				t.counts.insert(number[c], e.symbol, e.value)
			}
		}
	}
	t.automaton()
}

// automaton makes the states: a trie of the contexts, read forwards. Contexts
// hold their suffixes, so the trie holds with a state the one without its
// oldest symbol, and its link is found by one step from its parent's.
func (t *suffixTree) automaton() {
	const none = ^uint32(0)
	t.link, t.context = []uint32{0}, []uint32{none}
	t.edges.clear(1)
	for c := range t.suffix {
		s := uint32(0)
		for u := uint32(c); u != 0; u = t.suffix[u] { // spells the context, oldest first
			n := t.edges.find(s, t.oldest[u])
			if n == 0 {
				n = uint32(len(t.edges.list))
				t.edges.insert(s, t.oldest[u], uint32(len(t.link)))
				t.edges.first = append(t.edges.first, 0)
				t.link, t.context = append(t.link, 0), append(t.context, none)
			}
			s = t.edges.list[n].value
		}
		t.context[s] = uint32(c)
	}
	for at, queue := 0, []uint32{0}; at < len(queue); at++ { // shorter states first
		s := queue[at]
		if s != 0 && t.context[s] == none {
			t.context[s] = t.context[t.link[s]]
		}
		for n := t.edges.first[s]; n != 0; n = t.edges.list[n].sibling {
			e := t.edges.list[n]
			if s != 0 {
				t.link[e.value] = t.edges.list[t.edges.find(t.link[s], e.symbol)].value
			}
			queue = append(queue, e.value)
		}
	}
}

// Bytes counts contexts, counts, states and edges.
func (t *suffixTree) Bytes() int64 {
	return 4*int64(cap(t.suffix)+cap(t.oldest)+cap(t.total)+cap(t.link)+cap(t.context)) +
		t.counts.bytes() + t.edges.bytes() + 16
}
