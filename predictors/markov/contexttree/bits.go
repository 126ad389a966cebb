// Package contexttree holds predictors that average over all context trees up
// to a depth: every pruning of the tree of contexts is a model that predicts
// from the leaf its context falls into, and a recursion over the nodes of one
// tree mixes all of them at once.
package contexttree

import (
	"fmt"
	"math/bits"
	"unsafe"

	"horizon/predictors"
)

// windowBits is how much of the past is within reach of a binary tree: a
// context is one machine word, and comparing two is one instruction.
const windowBits = 64

// A code writes symbols as words of ⌈log₂ A⌉ bits. A bit that the alphabet
// leaves no choice for (A no power of two) is certain: it is neither priced
// nor learned, though it is seen in contexts. So the symbols are the leaves of
// a binary tree without idle branches, and their probabilities, products of
// those of the branches, sum to one.
//
// The first j bits of a word are known by the smallest symbol that begins
// with them, s; with a 1 next, the smallest is s + weight(j).
type code struct {
	a, width int
	high     bool // the most significant bit comes first
}

func newCode(a int, high bool) code { return code{a: a, width: bits.Len(uint(a - 1)), high: high} }

func (c *code) weight(j int) int {
	if c.high {
		return 1 << (c.width - 1 - j)
	}
	return 1 << j
}

// stride is the distance of the symbols s of j bits.
func (c *code) stride(j int) int {
	if c.high {
		return 1 << (c.width - j)
	}
	return 1
}

// extend appends the first j bits of x to a past, whose newest bit is its
// highest.
func (c *code) extend(past uint64, x, j int) uint64 {
	if c.high {
		return past>>j | bits.Reverse64(uint64(x>>(c.width-j)))
	}
	return past>>j | uint64(x)<<(windowBits-j)
}

// A history is what was learned, bit by bit. Contexts are read out of it
// rather than stored at the nodes.
type history struct {
	words []uint64 // bit t is words[t/64]>>(t%64)&1; there is always one more word than needed
	n     uint32   // bits
}

// clear leaves the past of a document's beginning, all zero.
func (h *history) clear() { h.words, h.n = make([]uint64, 2), windowBits }

// push appends the k lowest bits of x, the lowest first.
func (h *history) push(x uint64, k int) {
	i, s := h.n/64, h.n%64
	h.words[i] |= x << s
	if int(s)+k >= 64 {
		h.words = append(h.words, 0)
		h.words[i+1] = x >> (64 - s)
	}
	h.n += uint32(k)
}

func (h *history) bit(t uint32) uint32 { return uint32(h.words[t/64]>>(t%64)) & 1 }

// window is the 64 bits before bit t, the newest highest.
func (h *history) window(t uint32) uint64 {
	i, s := t/64, t%64
	return h.words[i-1]>>s | h.words[i]<<(64-s)
}

func (h *history) bytes() int64 { return int64(cap(h.words)) * 8 }

func (h *history) fields(a *predictors.Archive) {
	predictors.Value(a, &h.n)
	predictors.Slice(a, &h.words)
	if a.Err() == nil && (h.n < windowBits || uint64(len(h.words)) != uint64(h.n)/64+1) {
		a.Fail(fmt.Errorf("context tree: saved history has %d bits in %d words", h.n, len(h.words)))
	}
}

// A forest holds the trees that predict the bits: one for all, or one for each
// place in a word. Its nodes may refer to places of the history.
type forest interface {
	// probs sets p of each walk, which is at its start, to the probability
	// that the next bit is 1.
	probs(walks []walk)
	// learn counts the bit that is about to become bit t of the history.
	learn(tree int, past uint64, bit, t uint32)
	clear()
	// nodes is how many there are, and bytes what they take.
	size() (nodes int, bytes int64)
	// steps is how many nodes the last path of learn had.
	steps() int
	// used is the bytes in use when a word of so many bits has been learned.
	used(bits int) int64
	// deepen sets the depth of each tree, before clear.
	deepen(reach []uint8)
	trim()
	fields(a *predictors.Archive)
}

// A walk is the way down a tree by a context. Those of the bits of a word, and
// of different words, do not depend on each other: taking turns, one waits for
// memory while others go on.
type walk struct {
	tree int
	past uint64
	p    float64
	w    float64 // weight left for what is below
	node uint32
	m    int // nodes that node stands for
}

// batch is how many walks take turns.
const batch = 16

// A model is the parameters: the history and a forest upon it.
type model struct {
	kind     string
	code     code
	depth    int // in bits
	factored bool
	history
	forest
	room
	work, learned float64 // operations of learning, and symbols
}

// bitwise predicts symbols bit by bit.
type bitwise struct {
	*model
	past  uint64 // the newest bit highest; zero before a document
	fork  bool
	walks [batch]walk // scratch
}

// checkBits refuses what no word can hold; form is "binary" or "factored",
// first "low" or "high".
func checkBits(kind string, a, depth int, form, first string) (factored, high bool, err error) {
	if err := predictors.CheckAlphabet(kind, a); err != nil {
		return false, false, err
	}
	factored, high = form == "factored", first == "high"
	limit := windowBits
	if factored {
		limit -= bits.Len(uint(a-1)) - 1
	}
	switch {
	case form != "binary" && form != "factored":
		return false, false, fmt.Errorf("%s: form = %q, want \"binary\" or \"factored\"", kind, form)
	case first != "low" && first != "high":
		return false, false, fmt.Errorf("%s: first = %q, want \"low\" or \"high\"", kind, first)
	case depth < 0 || depth > limit:
		return false, false, fmt.Errorf("%s: depth = %d bits, want 0 to %d (%s, %d symbols)", kind, depth, limit, form, a)
	}
	return factored, high, nil
}

// tree is the number of the tree that predicts bit j of a word.
func (m *model) tree(j int) int {
	if m.factored {
		return j
	}
	return 0
}

// reach is the depth of each tree: factored, a tree sees the bits of the
// present symbol and depth bits more (as the authors' code has it).
func reach(c code, depth int, factored bool) []uint8 {
	if !factored {
		return []uint8{uint8(depth)}
	}
	out := make([]uint8, max(1, c.width))
	for j := range out {
		out[j] = uint8(depth + j)
	}
	return out
}

func (p *bitwise) Alphabet() int { return p.code.a }

func (p *bitwise) Reset() { p.past = 0 }

func (p *bitwise) Fork() predictors.Predictor {
	return &bitwise{model: p.model, past: p.past, fork: true}
}

// Predict splits the mass of each beginning of a word between 0 and 1, one
// bit of all words after the other: A − 1 binary predictions.
func (p *bitwise) Predict(probs []float64) {
	probs[0] = 1
	var at [batch]int
	for j := range p.code.width {
		w, stride := p.code.weight(j), p.code.stride(j)
		n, end := 0, stride<<j
		for s := 0; s < end; s += stride {
			if s+w < p.code.a { // there is a choice
				at[n], p.walks[n] = s, p.start(s, j)
				n++
			}
			if n < batch && s+stride < end {
				continue
			}
			p.probs(p.walks[:n])
			for i, s := range at[:n] {
				one := p.walks[i].p
				probs[s+w] = probs[s] * one
				probs[s] *= 1 - one
			}
			n = 0
		}
	}
}

// start is the walk for bit j of the words whose first bits are those of s.
func (p *bitwise) start(s, j int) walk {
	return walk{tree: p.tree(j), past: p.code.extend(p.past, s, j)}
}

// Prob multiplies as Predict does.
func (p *bitwise) Prob(x predictors.Symbol) float64 {
	n, ones, s := 0, 0, 0
	for j := range p.code.width {
		w := p.code.weight(j)
		if s+w >= p.code.a {
			continue
		}
		p.walks[n] = p.start(s, j)
		if int(x)&w != 0 {
			ones |= 1 << n
			s += w
		}
		n++
	}
	p.probs(p.walks[:n])
	prob := 1.0
	for i := range n {
		if ones>>i&1 != 0 {
			prob *= p.walks[i].p
		} else {
			prob *= 1 - p.walks[i].p
		}
	}
	return prob
}

func (p *bitwise) Observe(x predictors.Symbol) {
	p.past = p.code.extend(p.past, int(x), p.code.width)
}

// Learn learns the bits of x, each after those before it.
func (p *bitwise) Learn(x predictors.Symbol) {
	if p.fork {
		panic(p.kind + ": a fork does not learn")
	}
	if p.learned++; p.budget > 0 && !p.has(p.model.used()) {
		p.Observe(x)
		return
	}
	h := &p.history
	if h.n >= maxHistory {
		panic(fmt.Sprintf("%s: more than 2³¹ bits learned", p.kind))
	}
	if h.window(h.n) != p.past { // what came before was not learned
		h.push(p.past, windowBits)
	}
	s := 0
	for j := range p.code.width {
		w, bit := p.code.weight(j), uint32(0)
		if int(x)&w != 0 {
			bit = 1
		}
		if s+w < p.code.a {
			p.learn(p.tree(j), p.code.extend(p.past, s, j), bit, h.n)
			p.work += perNode * float64(p.steps())
		}
		s += int(bit) * w
		h.push(uint64(bit), 1)
	}
	p.Observe(x)
}

// maxHistory leaves the highest bit of a place in the history for a flag.
const maxHistory = 1<<31 - 2*windowBits

// State is the last depth bits: no tree sees further back from the beginning
// of a symbol.
func (p *bitwise) State(b []byte) []byte {
	seen := p.past >> (windowBits - p.depth)
	for range (p.depth + 7) / 8 {
		b = append(b, byte(seen))
		seen >>= 8
	}
	return b
}

// Bytes counts nodes and history.
func (m *model) Bytes() int64 {
	_, b := m.size()
	return b + m.history.bytes()
}

// Describe counts the nodes and the bits learned.
func (m *model) Describe() map[string]float64 {
	n, b := m.size()
	return map[string]float64{"nodes": float64(n), "node_bytes": float64(b) / float64(n), "history_bits": float64(m.n)}
}

func (m *model) reset() {
	m.history.clear()
	m.forest.clear()
}

// column writes or reads one field of all nodes, which must be as many as
// rows (read first, if rows is negative).
func column[N any, T predictors.Flat](a *predictors.Archive, nodes *[]N, field func(*N) *T) {
	var col []T
	if !a.Reading() {
		col = make([]T, len(*nodes))
		for i := range *nodes {
			col[i] = *field(&(*nodes)[i])
		}
	}
	predictors.Slice(a, &col)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if *nodes == nil {
		*nodes = make([]N, len(col))
	}
	if len(col) != len(*nodes) {
		a.Fail(fmt.Errorf("context tree: a saved column has %d nodes, want %d", len(col), len(*nodes)))
		return
	}
	for i := range col {
		*field(&(*nodes)[i]) = col[i]
	}
}

func sliceBytes[T any](s []T) int64 {
	var zero T
	return int64(cap(s)) * int64(unsafe.Sizeof(zero))
}
