package markov

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
)

// PPM-C as it was run for table 3 of Begleiter, El-Yaniv & Yona 2004, "On
// Prediction Using Variable Order Markov Models": B. Carpenter's coder, which
// differs from the PPM-C of their section 3.2 (that one is kind ppm with
// escape C, exclusion "counts" and no update exclusion). With D the depth:
//
// A trie counts the strings of up to D + 1 symbols. Each symbol learned ends a
// window of the last D + 1 symbols, and the prefixes of the window, from two
// symbols on, are counted once more; so the first window is counted anew with
// each of its symbols, and the last D symbols do not yet count as contexts. A
// context of 1 to D symbols with n_x of x gives
//
//	P(x) = n_x/(N + U),  P(escape) = U/(N + U)
//
// where N is the sum over the symbols not yet ruled out, and U the number of
// all. One begins where a binary search over the lengths ends, which looks for
// the shortest context with a single successor or else the longest known, and
// escapes to the next shorter one with a successor not ruled out, from there
// on to the shortest of a row of contexts with a single successor. Below
// length 1 is a unigram that begins with 1 for each symbol and counts a symbol
// when that was coded there. A count above 8,192 halves those of its context
// (U too, rounded up), and what is then below 128 is forgotten with all that
// lies below it.
//
// The coder has two faults, which we keep because they are in the figures. The
// binary search runs before the symbols ruled out for the last symbol are
// forgotten, and passes over contexts in which nothing else has followed. And
// whenever its buffer of 32(D + 1) symbols is full, moving the window to the
// front puts the (D+1)-th symbol of the sequence before the newest; slip =
// false leaves that out.
//
// Departures. The coder's unigram has an end mark as one more symbol; here the
// alphabet is the environment's (of 257 symbols to get the coder's figures).
// Where every symbol left has been seen there is no escape.
//
// Prob takes O(D log D) look-ups and goes through the successors of the
// contexts on the way, Learn the same and D more. Space is as for ppm, 36
// bytes a context, for strings that occur in windows.

// A PPMVMMConfig configures the kind "ppm-c-vmm".
type PPMVMMConfig struct {
	// Depth is D, the length of the longest context, 1 to 64.
	Depth int `toml:"depth"`
	// Slip keeps the fault of the buffer.
	Slip bool `toml:"slip"`
}

// DefaultPPMVMM is of depth 5, which cross-validation chose most often.
func DefaultPPMVMM() predictors.Config { return &PPMVMMConfig{Depth: 5, Slip: true} }

// TinyPPMVMM is of depth 2.
func TinyPPMVMM() predictors.Config { return &PPMVMMConfig{Depth: 2, Slip: true} }

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *PPMVMMConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("ppm-c-vmm", env.Alphabet); err != nil {
		return nil, err
	}
	if c.Depth < 1 || c.Depth > maxDepth {
		return nil, fmt.Errorf("ppm-c-vmm: depth = %d, want 1 to %d", c.Depth, maxDepth)
	}
	m := &windowTrie{a: env.Alphabet, depth: c.Depth, slip: c.Slip}
	m.clear()
	p := &ppmVMM{windowTrie: m, learner: true, window: make([]uint32, 0, c.Depth+1)}
	p.Reset()
	return p, nil
}

const (
	windowLimit = 8192 // above it the counts of a context are halved
	windowKeep  = 128  // below it they are forgotten then
)

// A windowTrie holds the parameters. A context is the string that leads to it;
// the empty one only leads to those of length 1. A successor with count 0 is
// forgotten.
type windowTrie struct {
	contexts.Store
	a, depth int
	slip     bool
	u        []uint32 // U, beside list: what the escape gets
	alive    []uint32 // successors not forgotten
	unigram  []uint32
	sum      uint32 // of unigram

	budget int64 // bytes; 0 for no bound
	full   bool
	work   float64 // operations of learning
}

func (m *windowTrie) clear() {
	m.Store.Clear()
	m.u, m.alive = make([]uint32, 1), make([]uint32, 1)
	m.unigram = make([]uint32, m.a)
	for x := range m.unigram {
		m.unigram[x] = 1
	}
	m.sum = uint32(m.a)
}

func (m *windowTrie) node() uint32 {
	m.u, m.alive = append(m.u, 0), append(m.alive, 0)
	return m.Grow(0)
}

// known returns the successor x of c, or nil if there is none or it was
// forgotten.
func (m *windowTrie) known(c, x uint32) *contexts.Successor {
	if y := m.Find(c, x); y != nil && y.Count > 0 {
		return y
	}
	return nil
}

// lookup returns the context with these symbols, or 0.
func (m *windowTrie) lookup(context []uint32) uint32 {
	c := uint32(0)
	for _, x := range context {
		y := m.known(c, x)
		if y == nil {
			return 0
		}
		c = y.Next
	}
	return c
}

// countWindow counts the prefixes of a window once more.
func (m *windowTrie) countWindow(window []uint32) {
	c := uint32(0)
	for length, x := range window {
		y := m.known(c, x)
		if y == nil {
			y = m.enter(c, length, x)
		} else if length > 0 {
			y.Count++
			m.List[c].Total++
		}
		next := y.Next
		if y.Count > windowLimit {
			m.halve(c)
		}
		c = next
	}
}

// enter gives c, of the given length, the new successor x.
func (m *windowTrie) enter(c uint32, length int, x uint32) *contexts.Successor {
	next := uint32(0)
	if length < m.depth {
		next = m.node()
	}
	m.u[c]++
	m.alive[c]++
	if y := m.Find(c, x); y != nil { // forgotten, with all that lay below it
		y.Next, y.Count = next, 1
		m.List[c].Total++
	} else {
		m.Add(c, contexts.Successor{Next: next, Count: 1, Symbol: uint16(x)})
	}
	return m.Find(c, x)
}

// halve halves the counts of c.
func (m *windowTrie) halve(c uint32) {
	m.u[c] = (m.u[c] + 1) / 2
	m.alive[c], m.List[c].Total = 0, 0
	all := m.Of(c)
	for i := range all {
		y := &all[i]
		if y.Count /= 2; y.Count < windowKeep {
			y.Count = 0
			continue
		}
		m.alive[c]++
		m.List[c].Total += y.Count
	}
}

// countUnigram counts a symbol that no context has coded.
func (m *windowTrie) countUnigram(x uint32) {
	m.unigram[x]++
	m.sum++
	if m.unigram[x] > windowLimit {
		m.sum = 0
		for y := range m.unigram {
			m.unigram[y] = (m.unigram[y] + 1) / 2
			m.sum += m.unigram[y]
		}
	}
}

// ppmVMM is a place in a windowTrie. Only the one that was made by New learns.
type ppmVMM struct {
	*windowTrie
	learner bool
	window  []uint32 // the last D + 1 symbols, with the fault of the buffer
	past    int      // symbols since Reset; beyond the first slip it stays below 63(D + 1)
	stale   uint32   // the (D+1)-th of them
	at      uint32   // the context to begin with, or 0
	length  int      // its length

	// Scratch: seen[x] = stamp if x is ruled out; how many are, and their
	// share of the unigram.
	seen        []uint32
	stamp       uint32
	ruled       int
	ruledCounts uint32
}

func (p *ppmVMM) Alphabet() int { return p.a }

func (p *ppmVMM) Reset() {
	p.window, p.past, p.stale, p.at, p.length = p.window[:0], 0, 0, 0, 0
}

func (p *ppmVMM) Fork() predictors.Predictor {
	f := *p
	f.window = append(make([]uint32, 0, p.depth+1), p.window...)
	f.seen, f.learner = nil, false
	return &f
}

// Prob follows the escapes down to the first context that knows x.
func (p *ppmVMM) Prob(x predictors.Symbol) float64 {
	p.begin()
	weight := 1.0
	for c, length := p.at, p.length; c != 0; c, length = p.shorter(length - 1) {
		d, escape := p.shares(c)
		if y := p.known(c, uint32(x)); y != nil {
			return float64(weight * (float64(y.Count) / d))
		}
		weight = max(float64(weight*(escape/d)), tiny)
		p.rule(c)
	}
	return float64(weight * (float64(p.unigram[x]) / float64(p.sum-p.ruledCounts)))
}

// Predict is Prob for all symbols at once.
func (p *ppmVMM) Predict(probs []float64) {
	p.begin()
	weight := 1.0
	for c, length := p.at, p.length; c != 0; c, length = p.shorter(length - 1) {
		d, escape := p.shares(c)
		for _, y := range p.Of(c) {
			if y.Count > 0 && !p.isRuled(uint32(y.Symbol)) {
				probs[y.Symbol] = float64(weight * (float64(y.Count) / d))
			}
		}
		weight = max(float64(weight*(escape/d)), tiny)
		p.rule(c)
		if p.ruled == p.a {
			return
		}
	}
	d := float64(p.sum - p.ruledCounts)
	for x, n := range p.unigram {
		if !p.isRuled(uint32(x)) {
			probs[x] = float64(weight * (float64(n) / d))
		}
	}
}

// Observe goes on by x. What was ruled out on the way to x still counts in
// the search for the next context.
func (p *ppmVMM) Observe(x predictors.Symbol) {
	p.code(uint32(x))
	p.push(uint32(x))
	p.search()
}

// Learn counts the window that x ends.
func (p *ppmVMM) Learn(x predictors.Symbol) {
	if !p.learner {
		panic("ppm-c-vmm: a fork does not learn")
	}
	if c := p.code(uint32(x)); c == 0 {
		p.countUnigram(uint32(x))
	}
	p.push(uint32(x))
	p.work += 4 * float64(len(p.window))
	if p.full = p.full || p.budget > 0 && p.used() > p.budget; !p.full {
		p.countWindow(p.window)
	}
	p.search()
}

// code returns the context that codes x, 0 for the unigram, and rules out the
// symbols of those before it.
func (p *ppmVMM) code(x uint32) uint32 {
	p.begin()
	c, length := p.at, p.length
	for c != 0 && p.known(c, x) == nil {
		p.rule(c)
		c, length = p.shorter(length - 1)
	}
	return c
}

// push appends x to the window.
func (p *ppmVMM) push(x uint32) {
	w := p.depth + 1
	if p.past == p.depth {
		p.stale = x
	}
	if p.slip && p.past >= 32*w && (p.past-32*w)%(31*w) == 0 {
		p.past = 32 * w
		p.shift(p.stale)
	}
	p.past++
	p.shift(x)
}

func (p *ppmVMM) shift(x uint32) {
	if len(p.window) > p.depth {
		copy(p.window, p.window[1:])
		p.window = p.window[:p.depth]
	}
	p.window = append(p.window, x)
}

// search sets the context to begin with, by bisection over the lengths. It
// takes shorter contexts to have more successors, which is not always so, and
// its outcome then is whatever it is.
func (p *ppmVMM) search() {
	low, high := 1, min(p.depth, len(p.window))
	p.at, p.length = 0, 0
	for single := false; high >= low; {
		length := (high + low) / 2
		c := p.suffix(length)
		switch {
		case c == 0 || p.exhausted(c):
			high = min(length, high-1)
		case p.alive[c] == 1:
			p.at, p.length, single = c, length, true
			high = min(length, high-1)
		default:
			if !single {
				p.at, p.length = c, length
			}
			low = max(length, low+1)
		}
	}
}

// shorter returns the context to escape to, of at most the given length, or
// 0: the longest with a successor not ruled out; or if it has a single one,
// the shortest of the row of such contexts that it begins.
func (p *ppmVMM) shorter(length int) (uint32, int) {
	for ; length >= 1; length-- {
		c := p.suffix(length)
		if c == 0 || p.exhausted(c) {
			continue
		}
		for length > 1 && p.alive[c] == 1 {
			next := p.suffix(length - 1)
			if next == 0 || p.alive[next] != 1 {
				break
			}
			c, length = next, length-1
		}
		return c, length
	}
	return 0, 0
}

// suffix returns the context of the last symbols, as many as length says.
func (p *ppmVMM) suffix(length int) uint32 { return p.lookup(p.window[len(p.window)-length:]) }

// shares returns N + U of c and U, which is 0 where every symbol left is
// known to c.
func (p *ppmVMM) shares(c uint32) (d, escape float64) {
	n, free := uint32(0), 0
	for _, y := range p.Of(c) {
		if y.Count > 0 && !p.isRuled(uint32(y.Symbol)) {
			n += y.Count
			free++
		}
	}
	if p.ruled+free < p.a {
		escape = float64(p.u[c])
	}
	return float64(n) + escape, escape
}

// exhausted reports whether all successors of c are ruled out.
func (p *ppmVMM) exhausted(c uint32) bool {
	for _, y := range p.Of(c) {
		if y.Count > 0 && !p.isRuled(uint32(y.Symbol)) {
			return false
		}
	}
	return true
}

// begin forgets which symbols are ruled out.
func (p *ppmVMM) begin() {
	if p.seen == nil {
		p.seen = make([]uint32, p.a)
	}
	if p.stamp++; p.stamp == 0 {
		clear(p.seen)
		p.stamp = 1
	}
	p.ruled, p.ruledCounts = 0, 0
}

func (p *ppmVMM) isRuled(x uint32) bool { return p.seen[x] == p.stamp }

// rule rules out the successors of c.
func (p *ppmVMM) rule(c uint32) {
	for _, y := range p.Of(c) {
		if x := uint32(y.Symbol); y.Count > 0 && !p.isRuled(x) {
			p.seen[x] = p.stamp
			p.ruled++
			p.ruledCounts += p.unigram[x]
		}
	}
}

// State is the context, the window and what the buffer's fault depends on.
func (p *ppmVMM) State(b []byte) []byte {
	b = append(b, byte(p.length))
	for _, x := range p.window {
		b = binary.LittleEndian.AppendUint16(b, uint16(x))
	}
	if p.slip {
		b = binary.LittleEndian.AppendUint16(b, uint16(p.stale))
		b = binary.LittleEndian.AppendUint32(b, uint32(p.past))
	}
	return b
}

// SetBudget bounds the bytes of the model.
func (m *windowTrie) SetBudget(b predictors.Budget) error {
	m.budget = b.ModelBytes
	return nil
}

// used is the bytes in use when another window has been counted.
func (m *windowTrie) used() int64 {
	return m.Used(m.depth+1) + 4*int64(len(m.u)+len(m.alive)+2*m.depth+2+m.a)
}

// Full reports that windows were left out for want of bytes.
func (m *windowTrie) Full() bool { return m.full }

// Shrink makes the longest context one symbol shorter.
func (p *ppmVMM) Shrink() bool {
	if p.depth == 1 {
		return false
	}
	p.depth--
	p.full = false
	p.clear()
	p.window = make([]uint32, 0, p.depth+1)
	p.Reset()
	return true
}

// Trim gives back spare capacity.
func (m *windowTrie) Trim() {
	m.Store.Trim()
	m.u, m.alive = predictors.Trimmed(m.u), predictors.Trimmed(m.alive)
}

// Ops counts a look-up, two counts and U for each prefix of the window. Prob
// looks for its context by bisection, D look-ups for each of log₂ D lengths,
// and has two look-ups, sums and five floating-point operations on the way down.
func (m *windowTrie) Ops() (train, perSymbol float64) {
	d := float64(m.depth)
	return m.work, d*math.Log2(d+1) + 8*(d+1)
}

// Bytes counts contexts, successors, the index and the unigram.
func (m *windowTrie) Bytes() int64 {
	return m.Store.Bytes() + 4*int64(cap(m.u)+cap(m.alive)+cap(m.unigram))
}

// Describe counts contexts and their successors.
func (m *windowTrie) Describe() map[string]float64 {
	return map[string]float64{"contexts": float64(len(m.List)), "successors": float64(m.Successors())}
}

// WriteTo writes the trie in breadth-first order, U of each context and the
// unigram.
func (m *windowTrie) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them.
func (m *windowTrie) ReadFrom(r io.Reader) (int64, error) {
	return predictors.ReadArchive(r, m.fields)
}

func (m *windowTrie) fields(a *predictors.Archive) {
	depth := uint8(m.depth) // a budget may have made it smaller
	predictors.Value(a, &depth)
	if a.Reading() && a.Err() == nil {
		if depth < 1 || int(depth) > m.depth {
			a.Fail(fmt.Errorf("ppm-c-vmm: saved depth = %d, want 1 to %d", depth, m.depth))
			return
		}
		m.depth = int(depth)
	}
	var t savedTrie
	var u []uint32
	unigram := m.unigram
	if !a.Reading() {
		for _, c := range t.export(&m.Store, m.depth) {
			u = append(u, m.u[c])
		}
	}
	t.fields(a)
	predictors.Slice(a, &u)
	predictors.Slice(a, &unigram)
	if !a.Reading() || a.Err() != nil {
		return
	}
	m.clear()
	if err := m.rebuild(&t, u, unigram); err != nil {
		m.clear()
		a.Fail(err)
	}
}

func (m *windowTrie) rebuild(t *savedTrie, u, unigram []uint32) error {
	if err := t.restore("ppm-c-vmm", m.depth, m.a, m.restore); err != nil {
		return err
	}
	if len(u) != len(m.u) || len(unigram) != m.a {
		return fmt.Errorf("ppm-c-vmm: %d escape counts and %d unigrams are saved, want %d and %d", len(u), len(unigram), len(m.u), m.a)
	}
	for c := range u {
		if u[c] > 1<<24 || c > 0 && m.List[c].N > 0 && u[c] == 0 {
			return fmt.Errorf("ppm-c-vmm: saved context %d is damaged: escape count %d", c, u[c])
		}
	}
	m.sum = 0
	for x, n := range unigram {
		if n < 1 || n > windowLimit {
			return fmt.Errorf("ppm-c-vmm: the saved count of symbol %d is %d, want 1 to %d", x, n, windowLimit)
		}
		m.sum += n
	}
	m.u, m.unigram = u, unigram
	return nil
}

func (m *windowTrie) restore(c uint32, length int, symbol uint16, count uint32) error {
	if count > windowLimit || m.Find(c, uint32(symbol)) != nil {
		return fmt.Errorf("symbol %d, count %d", symbol, count)
	}
	y := m.enter(c, length, uint32(symbol))
	m.List[c].Total += count - y.Count
	y.Count = count
	return nil
}
