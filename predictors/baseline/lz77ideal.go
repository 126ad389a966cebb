package baseline

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
)

// gzip-lm with ideal = true: what deflate (Deutsch 1996, RFC 1951) would say of
// the next symbol if its code had fractions of a bit. A text is parsed greedily
// into literals and copies of 3 to 258 symbols from what was learned. A literal
// a costs −log₂ P(a) bits, and a copy
//
//	−log₂ P(class of the length) + log₂ (lengths in it)
//	−log₂ P(class of the distance) + log₂ (distances in it)
//
// where literals and classes of lengths are one alphabet, as in deflate, and P
// are the frequencies so far of both alphabets, with ½ added (Krichevsky &
// Trofimov 1981). Lengths have four classes an octave, distances two. With O the
// cost of the symbols that have come since the last copy or literal that was
// settled, as literals or, from 3 on, as one copy if that is less,
//
//	Δ(a) = O(with a) − O    if these and a have occurred,
//	     = −log₂ P(a)       if not: they are settled and a begins anew
//	q(a) = 2^(−Δ(a)) / Σ_b 2^(−Δ(b))
//
// A document's last phrase is never settled. It is a law, and so the loss is
// that of an arithmetic coder; as a model it is what LZ77 is: literals know no
// context, and only within a copy is much known of what comes. It takes more
// than gzip on a text (2.91 bits a byte on the first 200,000 of Opticks, gzip -9
// 2.46): the sum over b has each continuation of a copy at about its full
// weight, where a code has spent its bits on one, and the parse is greedy.
//
// The copy is from the latest occurrence, at most Prefix symbols back (0: any
// number); when the model is frozen, back from the end of what was learned.
// Occurrences come from a suffix automaton: Learn takes a step for each class of
// suffixes that the symbol ends, Observe, amortised, O(1); Prob takes one for
// each symbol that has followed the copy so far, Predict A more. Space is about
// 75 bytes a symbol learned.

const (
	leastCopy   = 3
	longestCopy = 258
)

// An idealParse is the parameters.
type idealParse struct {
	contexts.Automaton
	a, reach int // reach: the largest distance, maxInt for any
	text     []predictors.Symbol
	starts   []uint32
	last     uint32        // class of the document so far
	pen      contexts.Spot // of its last longestCopy symbols
	latest   []uint32      // beside classes: where their strings ended last
	// literals counts literals and then classes of lengths, distances those of
	// distances; what they sum to, and literals alone.
	literals, distances       []uint32
	settled, copies, litTotal float64
}

func (c *CompressorLMConfig) newIdeal(a int) (predictors.Predictor, error) {
	if c.kind != "gzip-lm" {
		return nil, fmt.Errorf("%s: ideal = true, which gzip-lm alone knows", c.kind)
	}
	if err := within(c.kind, "prefix", c.Prefix, 0, math.MaxInt32); err != nil {
		return nil, err
	}
	m := &idealParse{a: a, reach: c.Prefix}
	if m.reach == 0 {
		m.reach = math.MaxInt
	}
	m.Parted = func(part, from uint32) {
		m.grow()
		m.latest[part] = m.latest[from]
	}
	m.clear()
	return &ideal{idealParse: m, learner: true}, nil
}

func (m *idealParse) grow() {
	for len(m.latest) < len(m.List) {
		m.latest = append(m.latest, 0)
	}
}

func (m *idealParse) clear() {
	m.Automaton.Clear()
	m.text, m.starts, m.latest = nil, nil, make([]uint32, 1)
	m.last, m.pen = 0, contexts.Spot{}
	m.literals = make([]uint32, m.a+lengthClass(longestCopy)+1)
	m.distances = make([]uint32, distanceClass(math.MaxInt32)+1)
	m.settled, m.copies, m.litTotal = 0, 0, 0
}

// lengthClass and distanceClass give classes of 2^k numbers.
func lengthClass(length int) int     { return classOf(length-leastCopy, 2) }
func distanceClass(distance int) int { return classOf(distance-1, 1) }

// classOf keeps the leading bit of v and so many after it.
func classOf(v, after int) int {
	if v < 2<<after {
		return v
	}
	dropped := bits.Len(uint(v)) - after - 1
	return dropped<<after + v>>dropped
}

// classBits is log₂ of how many numbers are in the class of v.
func classBits(v, after int) float64 {
	return float64(max(bits.Len(uint(v))-after-1, 0))
}

// literal is P(a).
func (m *idealParse) literal(x predictors.Symbol) float64 {
	return (float64(m.literals[x]) + 0.5) / (m.settled + 0.5*float64(len(m.literals)))
}

// anyLiteral is Σ_a P(a).
func (m *idealParse) anyLiteral() float64 {
	return (m.litTotal + 0.5*float64(m.a)) / (m.settled + 0.5*float64(len(m.literals)))
}

// copied is the cost of a copy in bits.
func (m *idealParse) copied(length, distance int) float64 {
	ll := (float64(m.literals[m.a+lengthClass(length)]) + 0.5) / (m.settled + 0.5*float64(len(m.literals)))
	d := (float64(m.distances[distanceClass(distance)]) + 0.5) / (m.copies + 0.5*float64(len(m.distances)))
	return classBits(length-leastCopy, 2) + classBits(distance-1, 1) - math.Log2(ll*d)
}

// An open phrase is the symbols since the last that were settled.
type openPhrase struct {
	at       contexts.Spot // length 0: they have not occurred
	begin    int           // where it begins in the text, or the text's end
	distance int
	literals float64 // cost as literals
	cost     float64 // O
}

// extended is the phrase with y after it; ok is false if it cannot be.
func (m *idealParse) extended(o *openPhrase, y *contexts.Successor) (next openPhrase, ok bool) {
	length := o.at.Length + 1
	distance := o.begin + length - int(m.latest[y.Next])
	if o.at.Length == 0 || length > longestCopy || distance > m.reach {
		return next, false
	}
	next = openPhrase{at: contexts.Spot{Class: y.Next, Length: length}, begin: o.begin, distance: distance}
	next.literals = o.literals - math.Log2(m.literal(predictors.Symbol(y.Symbol)))
	if next.cost = next.literals; length >= leastCopy {
		next.cost = min(next.cost, m.copied(length, distance))
	}
	return next, true
}

// opened is the phrase x alone.
func (m *idealParse) opened(x predictors.Symbol) openPhrase {
	cost := -math.Log2(m.literal(x))
	o := openPhrase{begin: len(m.text), literals: cost, cost: cost}
	if y := m.Find(0, uint32(x)); y != nil {
		if o.distance = len(m.text) + 1 - int(m.latest[y.Next]); o.distance <= m.reach {
			o.at = contexts.Spot{Class: y.Next, Length: 1}
			m.Settle(&o.at)
		}
	}
	return o
}

// step is the phrase after x.
func (m *idealParse) step(o *openPhrase, x predictors.Symbol) (next openPhrase, extends bool) {
	if y := m.Find(o.at.Class, uint32(x)); y != nil {
		if next, ok := m.extended(o, y); ok {
			m.Settle(&next.at)
			return next, true
		}
	}
	return m.opened(x), false
}

// settle counts a phrase of the text.
func (m *idealParse) settle(o *openPhrase) {
	end := len(m.text)
	switch {
	case o.begin == end:
	case o.cost < o.literals:
		m.literals[m.a+lengthClass(end-o.begin)]++
		m.distances[distanceClass(o.distance)]++
		m.settled++
		m.copies++
	default:
		for _, x := range m.text[o.begin:] {
			m.literals[x]++
		}
		m.settled += float64(end - o.begin)
		m.litTotal += float64(end - o.begin)
	}
}

// add appends x to the text.
func (m *idealParse) add(x predictors.Symbol) {
	m.last = m.Extend(m.last, uint32(x))
	m.grow()
	m.text = append(m.text, x)
	m.Settle(&m.pen)
	m.pen = m.Follow(m.pen, x, longestCopy)
	for c := m.pen.Class; c != 0; c = m.List[c].Suffix {
		m.latest[c] = uint32(len(m.text))
	}
}

// ideal is a place in it.
type ideal struct {
	*idealParse
	open    openPhrase
	writing bool // the phrase is the text's last
	learner bool
}

func (p *ideal) Alphabet() int { return p.a }

// Reset lets the phrase go that was being learned: it settles nothing.
func (p *ideal) Reset() { p.open, p.writing = openPhrase{}, false }

func (p *ideal) Fork() predictors.Predictor { return &ideal{idealParse: p.idealParse, open: p.open} }

func (p *ideal) Observe(x predictors.Symbol) {
	p.open, _ = p.step(&p.open, x)
	p.writing = false
}

// Learn settles the phrase if x is not its next symbol.
func (p *ideal) Learn(x predictors.Symbol) {
	if !p.learner {
		panic("gzip-lm: a fork does not learn")
	}
	if !p.writing {
		p.starts = append(p.starts, uint32(len(p.text)))
		p.last, p.pen, p.writing = 0, contexts.Spot{}, true
		p.open = openPhrase{begin: len(p.text)}
	}
	next, extends := p.step(&p.open, x)
	if !extends {
		p.settle(&p.open)
	}
	p.add(x)
	p.Settle(&next.at)
	p.open = next
}

// weights calls f with each symbol that the phrase may go on with, and its
// 2^−Δ, and returns what all symbols sum to.
func (p *ideal) weights(f func(x predictors.Symbol, w float64)) (sum float64) {
	sum = p.anyLiteral()
	if p.open.at.Length == 0 {
		return sum
	}
	all := p.Of(p.open.at.Class)
	for i := range all {
		if next, ok := p.extended(&p.open, &all[i]); ok {
			x := predictors.Symbol(all[i].Symbol)
			w := math.Exp2(p.open.cost - next.cost)
			sum += w - p.literal(x)
			f(x, w)
		}
	}
	return sum
}

// Predict is 2^−Δ over its sum.
func (p *ideal) Predict(probs []float64) {
	for x := range probs {
		probs[x] = p.literal(predictors.Symbol(x))
	}
	sum := p.weights(func(x predictors.Symbol, w float64) { probs[x] = w })
	for x := range probs {
		probs[x] /= sum
	}
}

// Prob is the same for one symbol.
func (p *ideal) Prob(x predictors.Symbol) float64 {
	own := p.literal(x)
	sum := p.weights(func(y predictors.Symbol, w float64) {
		if y == x {
			own = w
		}
	})
	return own / sum
}

// State is the open phrase.
func (p *ideal) State(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, p.open.at.Class)
	b = binary.LittleEndian.AppendUint32(b, uint32(p.open.at.Length))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.open.begin))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.open.literals))
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(p.open.cost))
}

// Describe counts the phrases settled.
func (m *idealParse) Describe() map[string]float64 {
	return map[string]float64{"symbols": float64(len(m.text)), "literals": m.litTotal, "copies": m.copies}
}

// Bytes counts text, automaton and frequencies.
func (m *idealParse) Bytes() int64 {
	return m.Automaton.Bytes() + 2*int64(cap(m.text)) + 4*int64(cap(m.starts)+cap(m.latest)+cap(m.literals)+cap(m.distances))
}

// WriteTo writes the text and the frequencies.
func (m *idealParse) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them, and makes the automaton again.
func (m *idealParse) ReadFrom(r io.Reader) (int64, error) {
	return predictors.ReadArchive(r, m.fields)
}

func (m *idealParse) fields(a *predictors.Archive) {
	text, starts, literals, distances := m.text, m.starts, m.literals, m.distances
	predictors.Slice(a, &text)
	predictors.Slice(a, &starts)
	predictors.Slice(a, &literals)
	predictors.Slice(a, &distances)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := m.restore(text, starts, literals, distances); err != nil {
		m.clear()
		a.Fail(err)
	}
}

func (m *idealParse) restore(text []predictors.Symbol, starts, literals, distances []uint32) error {
	if len(literals) != len(m.literals) || len(distances) != len(m.distances) {
		return fmt.Errorf("gzip-lm: %d and %d saved frequencies, want %d and %d", len(literals), len(distances), len(m.literals), len(m.distances))
	}
	m.clear()
	for t, x := range text {
		if int(x) >= m.a {
			return fmt.Errorf("gzip-lm: saved symbol %d = %d, want below %d", t, x, m.a)
		}
		if len(m.starts) < len(starts) && int(starts[len(m.starts)]) == t {
			m.starts = append(m.starts, uint32(t))
			m.last, m.pen = 0, contexts.Spot{}
		}
		m.add(x)
	}
	if len(m.starts) != len(starts) {
		return fmt.Errorf("gzip-lm: saved document %d of %d begins outside the text", len(m.starts), len(starts))
	}
	m.literals, m.distances = literals, distances
	for i, n := range literals {
		if m.settled += float64(n); i < m.a {
			m.litTotal += float64(n)
		}
	}
	for _, n := range distances {
		m.copies += float64(n)
	}
	return nil
}
