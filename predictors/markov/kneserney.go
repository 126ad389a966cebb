// Package markov holds predictors that see the last few symbols.
package markov

import (
	"fmt"
	"io"
	"strconv"
	"unsafe"

	"horizon/corpora"
	"horizon/predictors"
)

// Interpolated modified Kneser-Ney of order n (Chen & Goodman 1999, section 3;
// equations numbered as in their report TR-10-98 of 1998; Kneser & Ney 1995 for
// the counts of the lower orders). With h the last k−1 symbols and h' those without the oldest,
//
//	p(x; h) = (a(hx) − D(a(hx)))/a(h·) + γ(h) p(x; h')
//	γ(h)    = (D₁ N₁(h) + D₂ N₂(h) + D₃ N₃₊(h)) / a(h·)
//	p(x; no symbol at all) = 1/A
//
// where a(h·) = Σ_x a(hx), N_j(h) is the number of symbols x with a(hx) = j,
// and for a context never seen (a(h·) = 0) p(x; h) = p(x; h'). Counts a(g) are
// raw for n-grams of the full length n, and for shorter ones the number of
// different symbols that precede g: what matters for backing off to g is how
// many contexts it completes, not how often. A document begins with a mark
// <s>, which is a context and never predicted; an n-gram that begins with it
// has nothing before it and keeps its raw count (as in KenLM, Heafield et al.
// 2013, section 3.1). The discounts of each order are estimated from the
// number n_j of its n-grams counted j times:
//
//	Y = n₁/(n₁+2n₂),  D_j = j − (j+1) Y n_{j+1}/n_j   (eq. 26)
//
// Departures. There is no end mark: a document's end is not predicted. Where
// n₁, n₂ or n₃ is 0 or a D_j falls outside (0, j], the three discounts of that
// order are ½, 1, 1½ (lmplz --discount_fallback; D_j > 0 also keeps every
// probability positive). The counts are kept up symbol by symbol: an n-gram
// that is new gives the one without its oldest symbol one more predecessor,
// and so on down while they are new. So learning the documents in turn equals
// counting them in one go, and one may go on learning while predicting.
//
// The n-grams are a trie read forwards: a node is a string, its children
// append a symbol, and a link leads to the string without its oldest symbol.
// The state is the longest suffix of the past, below n symbols, that is a
// node. Learn and Prob are O(n) a symbol at worst, one look-up when nothing is
// new; Predict is O(A + children of the n contexts). Space is 26 to 32 bytes
// an n-gram of full length and 46 to 52 a shorter one, spare capacity aside;
// their number grows with n and the text.

// A KneserNeyConfig configures the kind "kneser-ney".
type KneserNeyConfig struct {
	// Order is the length of the longest n-gram, 1 to 64: the context is
	// Order − 1 symbols.
	Order int `toml:"order"`
	// Discounts is "modified" for D₁, D₂, D₃₊ of Chen & Goodman, or "single"
	// for Kneser & Ney's one D = n₁/(n₁+2n₂) for every count (¾ where n₁ = 0).
	Discounts string `toml:"discounts"`
}

const maxOrder = 64

// DefaultKneserNey is of order 8, which the validation part of Opticks
// prefers among 3 to 8 (see the tests; from 7 on they differ by less than
// 0.01 bit).
func DefaultKneserNey() predictors.Config {
	return &KneserNeyConfig{Order: 8, Discounts: "modified"}
}

// TinyKneserNey is of order 3.
func TinyKneserNey() predictors.Config {
	return &KneserNeyConfig{Order: 3, Discounts: "modified"}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *KneserNeyConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("kneser-ney", env.Alphabet); err != nil {
		return nil, err
	}
	if c.Order < 1 || c.Order > maxOrder {
		return nil, fmt.Errorf("kneser-ney: order = %d, want 1 to %d", c.Order, maxOrder)
	}
	if c.Discounts != "modified" && c.Discounts != "single" {
		return nil, fmt.Errorf("kneser-ney: discounts = %q, want \"modified\" or \"single\"", c.Discounts)
	}
	m := &ngrams{a: env.Alphabet, n: c.Order, single: c.Discounts == "single",
		seen: make([][5]uint64, c.Order+1), d: make([][4]float64, c.Order+1)}
	m.clear()
	p := &kneserNey{ngrams: m, past: make([]uint32, 0, c.Order)}
	p.Reset()
	return p, nil
}

// kneserNey is a place in a model. Only the one that was made by New learns;
// it alone keeps the past itself, which learning needs when the past holds a
// context not yet in the trie.
type kneserNey struct {
	*ngrams
	node   uint32   // the context: the longest suffix of the past in the trie
	length int      // its length, below n
	past   []uint32 // the last n−1 symbols, the mark included; nil in forks
}

func (p *kneserNey) Alphabet() int { return p.a }

func (p *kneserNey) Reset() {
	p.node, p.length = p.start()
	if p.past != nil {
		p.past = p.past[:0]
		p.remember(mark)
	}
}

func (p *kneserNey) Fork() predictors.Predictor {
	return &kneserNey{ngrams: p.ngrams, node: p.node, length: p.length}
}

// Predict adds up the orders from the longest down, as Prob does: the weight
// of an order is the product of the γ of those above it.
func (p *kneserNey) Predict(probs []float64) {
	clear(probs)
	weight, c := 1.0, p.node
	for k := p.length + 1; k >= 1; k-- {
		f, d := &p.fan[c], &p.d[k]
		if f.total > 0 {
			total, grams := float64(f.total), p.table(k).grams
			for g := f.first; g != 0; g = grams[g].sibling {
				if count := grams[g].count; count > 0 {
					probs[grams[g].symbol] += share(weight, count, d, total)
				}
			}
			weight = float64(weight * f.gamma(d))
		}
		c = p.short.grams[c].suffix
	}
	uniform := weight / float64(p.a)
	for x := range probs {
		probs[x] += uniform
	}
}

// Prob looks the symbol up from the longest context down until it is found;
// from there on links lead to the shorter n-grams.
func (p *kneserNey) Prob(x predictors.Symbol) float64 {
	prob, weight, c, g := 0.0, 1.0, p.node, uint32(0)
	for k := p.length + 1; k >= 1; k-- {
		f, d, t := &p.fan[c], &p.d[k], p.table(k)
		if f.total > 0 {
			if g == 0 {
				g = t.find(c, uint32(x))
			}
			if g != 0 && t.grams[g].count > 0 {
				prob += share(weight, t.grams[g].count, d, float64(f.total))
			}
			weight = float64(weight * f.gamma(d))
		}
		g, c = t.grams[g].suffix, p.short.grams[c].suffix
	}
	return prob + weight/float64(p.a)
}

// share is weight·(a(hx) − D(a(hx)))/a(h·). The conversions keep compilers
// from fusing the product into a sum, so that Prob and Predict agree to the
// bit on every machine.
func share(weight float64, count uint32, d *[4]float64, total float64) float64 {
	return float64(weight * ((float64(count) - d[min(count, 3)]) / total))
}

func (p *kneserNey) Observe(x predictors.Symbol) {
	if p.n == 1 {
		return
	}
	c, k := p.node, p.length
	if k == p.n-1 { // the oldest symbol falls out of the context
		c, k = p.short.grams[c].suffix, k-1
	}
	next := p.short.find(c, uint32(x))
	for ; next == 0 && k > 0; k-- {
		c = p.short.grams[c].suffix
		next = p.short.find(c, uint32(x))
	}
	if next != 0 {
		k++
	}
	p.node, p.length = next, k
	if p.past != nil {
		p.remember(uint32(x))
	}
}

// Learn counts the n-gram that x completes and, while they are new, those
// without their oldest symbols.
func (p *kneserNey) Learn(x predictors.Symbol) {
	if p.past == nil {
		panic("kneser-ney: a fork does not learn")
	}
	if p.length < len(p.past) {
		p.node, p.length = p.enter(p.past), len(p.past)
	}
	longest, above := uint32(0), uint32(0) // above is a new n-gram one longer
	c, k := p.node, p.length+1
	for {
		t := p.table(k)
		g := t.find(c, uint32(x))
		fresh := g == 0
		if fresh {
			g = p.add(k, c, uint32(x))
		}
		if above != 0 {
			p.table(k + 1).grams[above].suffix = g
		}
		if longest == 0 {
			longest = g
		}
		// A second predecessor of g changes nothing further down.
		if first := p.count(k, c, g); !first || k == 1 {
			break
		}
		above = 0
		if fresh {
			above = g
		}
		c, k = p.short.grams[c].suffix, k-1
	}
	if p.length < p.n-1 {
		p.node, p.length = longest, p.length+1
	} else {
		p.node = p.long.grams[longest].suffix
	}
	p.remember(uint32(x))
}

// remember appends to the past and forgets what is older than n−1 symbols.
func (p *kneserNey) remember(x uint32) {
	if p.n == 1 {
		return
	}
	if len(p.past) == p.n-1 {
		copy(p.past, p.past[1:])
		p.past = p.past[:p.n-2]
	}
	p.past = append(p.past, x)
}

// State is the context: what it has not kept of the past it cannot use.
func (p *kneserNey) State(b []byte) []byte {
	return append(b, byte(p.node), byte(p.node>>8), byte(p.node>>16), byte(p.node>>24))
}

// mark is <s>, the symbol before a document. It is followed and never
// predicted.
const mark = corpora.MaxAlphabet

// A gram is an n-gram: a string that its parent and then the symbol spell.
type gram struct {
	parent  uint32
	symbol  uint32 // below A, or mark
	suffix  uint32 // the string without its oldest symbol
	sibling uint32 // the next child of the parent, or 0
	count   uint32 // a: raw or of different predecessors
}

// A fan sums up the continuations of a context.
type fan struct {
	first             uint32 // child
	total             uint32 // a(h·)
	once, twice, more uint32 // N₁, N₂, N₃₊
}

// gamma is γ(h), the mass that discounting sets free.
func (f *fan) gamma(d *[4]float64) float64 {
	free := float64(d[1]*float64(f.once)) + float64(d[2]*float64(f.twice)) + float64(d[3]*float64(f.more))
	return free / float64(f.total)
}

// ngrams are the parameters. Strings of full length n have no continuations,
// and there are many of them, so they live in a table of their own.
type ngrams struct {
	a, n   int
	single bool
	short  table // strings of up to n−1 symbols; 0 is the empty one
	long   table // strings of n symbols; 0 is none
	fan    []fan // beside short.grams
	// seen[k][j] counts the n-grams of length k counted j = 1 to 4 times, and
	// d[k] are the discounts that follow: D(a) = d[k][min(a, 3)], d[k][0] = 0.
	seen [][5]uint64
	d    [][4]float64
}

func (m *ngrams) clear() {
	m.short.clear()
	m.long.clear()
	m.fan = make([]fan, 1)
	for k := range m.seen {
		m.seen[k] = [5]uint64{}
		m.d[k] = discounts(&m.seen[k], m.single)
	}
	if m.n > 1 {
		m.add(1, 0, mark)
	}
}

// start is the context of a document's beginning: the mark, if the context
// has room for it.
func (m *ngrams) start() (node uint32, length int) {
	if m.n == 1 {
		return 0, 0
	}
	return 1, 1
}

// table holds the strings of k symbols.
func (m *ngrams) table(k int) *table {
	if k == m.n {
		return &m.long
	}
	return &m.short
}

// add appends the string c·x of k symbols, not yet counted.
func (m *ngrams) add(k int, c, x uint32) uint32 {
	t := m.table(k)
	g := t.insert(c, x)
	m.adopt(t, g)
	if k < m.n {
		m.fan = append(m.fan, fan{})
	}
	return g
}

// adopt lists g under its parent. The mark is no continuation.
func (m *ngrams) adopt(t *table, g uint32) {
	if s := &t.grams[g]; s.symbol != mark {
		s.sibling, m.fan[s.parent].first = m.fan[s.parent].first, g
	}
}

// count counts g = c·x of k symbols once more, and reports whether that was
// the first time.
func (m *ngrams) count(k int, c, g uint32) (first bool) {
	s := &m.table(k).grams[g]
	s.count++
	m.fan[c].grow(s.count)
	if s.count <= 5 {
		n := &m.seen[k]
		if s.count > 1 {
			n[s.count-1]--
		}
		if s.count < 5 {
			n[s.count]++
		}
		m.d[k] = discounts(n, m.single)
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

// discounts are D₁, D₂ and D₃₊ at indices 1 to 3 (eq. 26).
func discounts(n *[5]uint64, single bool) (d [4]float64) {
	y := float64(n[1]) / float64(n[1]+2*n[2])
	if single {
		if n[1] == 0 {
			y = 0.75
		}
		return [4]float64{0, y, y, y}
	}
	for j := 1; j <= 3; j++ {
		d[j] = float64(j) - float64(j+1)*y*float64(n[j+1])/float64(n[j])
		if n[j] == 0 || !(d[j] > 0 && d[j] <= float64(j)) {
			return [4]float64{0, 0.5, 1, 1.5}
		}
	}
	return d
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
			g := m.short.find(row[j], x)
			if g == 0 {
				g = m.add(j+1, row[j], x)
				m.short.grams[g].suffix = below[j]
			}
			row[j+1] = g
		}
	}
	return row[len(context)]
}

// Bytes counts n-grams, hash slots and discounts.
func (m *ngrams) Bytes() int64 {
	return m.short.bytes() + m.long.bytes() +
		int64(cap(m.fan))*int64(unsafe.Sizeof(fan{})) +
		int64(cap(m.seen))*5*8 + int64(cap(m.d))*4*8
}

// Describe names the discounts of each order, D1_5 being D₁ of 5-grams, and
// counts the n-grams.
func (m *ngrams) Describe() map[string]float64 {
	out := map[string]float64{"ngrams": float64(len(m.short.grams) + len(m.long.grams) - 2)}
	for k := 1; k <= m.n; k++ {
		for j := 1; j <= 3; j++ {
			out["D"+strconv.Itoa(j)+"_"+strconv.Itoa(k)] = m.d[k][j]
		}
	}
	return out
}

// WriteTo writes the n-grams; what follows from them is rebuilt by ReadFrom.
func (m *ngrams) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces the n-grams.
func (m *ngrams) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *ngrams) fields(a *predictors.Archive) {
	m.short.fields(a)
	m.long.fields(a)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := m.rebuild(); err != nil {
		m.clear()
		a.Fail(err)
	}
}

// rebuild derives child lists, sums and discounts from the n-grams, and
// refuses n-grams that are no trie of this order and alphabet.
func (m *ngrams) rebuild() error {
	if m.n > 1 && (len(m.short.grams) < 2 || m.short.grams[1].symbol != mark) {
		return fmt.Errorf("kneser-ney: the saved n-grams lack the start mark: want a model of order %d", m.n)
	}
	m.fan = make([]fan, len(m.short.grams))
	clear(m.seen)
	length := make([]uint8, len(m.short.grams)) // of the strings in short
	for _, t := range []*table{&m.short, &m.long} {
		for g := 1; g < len(t.grams); g++ {
			s := &t.grams[g]
			if int(s.parent) >= len(m.fan) || int(s.suffix) >= len(m.fan) ||
				t == &m.short && int(s.parent) >= g || int(s.symbol) >= m.a && s.symbol != mark {
				return fmt.Errorf("kneser-ney: saved n-gram %d is damaged", g)
			}
			k := int(length[s.parent]) + 1
			if (k == m.n) != (t == &m.long) {
				return fmt.Errorf("kneser-ney: saved n-gram %d has %d symbols: want a model of order %d", g, k, m.n)
			}
			if t == &m.short {
				length[g] = uint8(k)
			}
			m.recount(t, uint32(g), k)
		}
	}
	// Links lead to strings one shorter: no walk along them goes on forever.
	for _, t := range []*table{&m.short, &m.long} {
		for g := 1; g < len(t.grams); g++ {
			if s := &t.grams[g]; length[s.suffix] != length[s.parent] {
				return fmt.Errorf("kneser-ney: saved n-gram %d is damaged", g)
			}
		}
	}
	for k := range m.seen {
		m.d[k] = discounts(&m.seen[k], m.single)
	}
	return nil
}

// recount enters n-gram g of k symbols into the sums.
func (m *ngrams) recount(t *table, g uint32, k int) {
	m.adopt(t, g)
	s := &t.grams[g]
	if s.count == 0 {
		return
	}
	f := &m.fan[s.parent]
	f.total += s.count
	switch s.count {
	case 1:
		f.once++
	case 2:
		f.twice++
	default:
		f.more++
	}
	if s.count < 5 {
		m.seen[k][s.count]++
	}
}
