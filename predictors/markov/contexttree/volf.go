package contexttree

import (
	"context"
	"fmt"
	"io"
	"slices"

	"horizon/predictors"
)

// Decomposed context-tree weighting (Volf 2002, "Weighting Techniques in Data
// Compression", thesis, TU Eindhoven, chapter 4; as "DE-CTW" the best
// predictor of Begleiter, El-Yaniv & Yona 2004, JAIR 22:385-421, section 3.4).
// A symbol is a path down a Huffman tree of the training counts, and every
// inner node of that has a context tree of its own: it branches on the last D
// symbols and counts at its nodes only whether the path went left or right.
// What is far along a path is asked in few contexts, so the trees are small.
// At a node that has counted n₀, n₁,
//
//	p_e(x) = (n_x + 1/16)/(n₀ + n₁ + 1/8)
//	p_w(x) = (β p_e(x) + p_w,c(x))/(β + 1),   β ← β p_e(x)/p_w,c(x)
//
// where c is the child of the next older symbol (Volf, section 4.3.2), p_w =
// p_e at depth D, and a context never seen predicts ½. The counts of a node are
// halved, rounding up, when one exceeds 256, and β is held within 1,500,000
// and its inverse, both of them Volf's: so the weights adapt and are no block
// probabilities.
//
// Frozen, counts and weights β stay and the context alone moves. Before a
// document is a mark, a symbol of contexts only. Departures from the code of
// Begleiter et al.: it shortens the context there; its β, once beyond the
// bounds, is halved or doubled instead of updated; and see VolfConfig.Variant.
//
// The decomposition is that of the training part, fitted as a whole; one that
// was not fitted is of symbols taken to be equally likely. Learning goes on
// with the same tree.
//
// Nodes of contexts seen in one way only are not made: those below would have
// the same counts and β = 1. Time is O(D) a decision, a symbol taking about
// its code length of them, and Predict A − 1; space is 24 bytes a node and 6
// to 12 of hash slots, at most D + 1 nodes a decision: on 1 MB of English 5 a
// symbol, 154 bytes.

// A VolfConfig configures the kind "de-ctw".
type VolfConfig struct {
	// Depth is D in symbols, 0 to 64.
	Depth int `toml:"depth"`
	// Variant is "volf", or "begleiter" to do as the code of Begleiter et al.
	// does: symbols never seen share no tree of their own but hang one below
	// the other, and when counts are halved an odd n becomes ⌊n/4⌋. It is
	// there to compare with their figures; alphabets up to 1,024.
	Variant string `toml:"variant"`
}

// DefaultVolf is of depth 8, near the 7 that Begleiter et al. choose on text.
func DefaultVolf() predictors.Config { return &VolfConfig{Depth: 8, Variant: "volf"} }

// TinyVolf is of depth 3.
func TinyVolf() predictors.Config { return &VolfConfig{Depth: 3, Variant: "volf"} }

// New returns a predictor that predicts nearly uniformly: 2⁻ᵏ for the symbols
// with codes of k bits, k = ⌈log₂ A⌉ or one less.
func (c *VolfConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("de-ctw", env.Alphabet); err != nil {
		return nil, err
	}
	if c.Depth < 0 || c.Depth > maxSymbols {
		return nil, fmt.Errorf("de-ctw: depth = %d, want 0 to %d symbols", c.Depth, maxSymbols)
	}
	theirs := c.Variant == "begleiter"
	if !theirs && c.Variant != "volf" {
		return nil, fmt.Errorf("de-ctw: variant = %q, want \"volf\" or \"begleiter\"", c.Variant)
	}
	if theirs && env.Alphabet > maxChain {
		return nil, fmt.Errorf("de-ctw: alphabet size = %d, want at most %d with variant = \"begleiter\"", env.Alphabet, maxChain)
	}
	m := &volfModel{a: env.Alphabet, depth: c.Depth, theirs: theirs}
	m.clear(make([]uint64, env.Alphabet))
	p := &volf{volfModel: m, past: make([]uint32, c.Depth)}
	p.Reset()
	return p, nil
}

const (
	maxSymbols = 64
	maxChain   = 1024 // Σ of code lengths is up to A²/2
	ktVolf     = 1.0 / 16
	maxCount   = 256
	maxBeta    = 1500000
)

// volf is a place in a model.
type volf struct {
	*volfModel
	past []uint32  // the last D symbols, the newest first; A is the mark
	mass []float64 // scratch of Predict
	fork bool
}

// volfModel is the parameters.
type volfModel struct {
	a, depth int
	theirs   bool     // variant "begleiter"
	counts   []uint64 // of symbols, which make the Huffman tree
	huffman
	hist []uint32 // what was learned, marks included
	table
	path []uint32 // scratch of learn
	room
	work, learned float64 // operations of learning, and symbols
}

func (m *volfModel) clear(counts []uint64) {
	m.counts = counts
	m.huffman = newHuffman(counts, m.theirs)
	m.hist = nil
	m.table.clear(max(1, m.a-1))
}

func (p *volf) Alphabet() int { return p.a }

func (p *volf) Reset() {
	for i := range p.past {
		p.past[i] = uint32(p.a)
	}
}

func (p *volf) Fork() predictors.Predictor {
	return &volf{volfModel: p.volfModel, past: slices.Clone(p.past), fork: true}
}

// Predict splits the mass of each inner node of the Huffman tree.
func (p *volf) Predict(probs []float64) {
	if p.mass == nil {
		p.mass = make([]float64, max(1, p.a-1))
	}
	probs[0], p.mass[0] = 1, 1
	for k, sides := range p.inner {
		one := p.prob(uint32(k), p.past)
		for side, q := range [2]float64{1 - one, one} {
			if c := sides[side]; c >= 0 {
				p.mass[c] = p.mass[k] * q
			} else {
				probs[^c] = p.mass[k] * q
			}
		}
	}
}

// Prob multiplies as Predict does.
func (p *volf) Prob(x predictors.Symbol) float64 {
	prob := 1.0
	for _, s := range p.word(int(x)) {
		one := p.prob(s>>1, p.past)
		if s&1 == 0 {
			one = 1 - one
		}
		prob *= one
	}
	return prob
}

func (p *volf) Observe(x predictors.Symbol) {
	if p.depth > 0 {
		copy(p.past[1:], p.past)
		p.past[0] = uint32(x)
	}
}

// Learn counts the decisions on the way to x.
func (p *volf) Learn(x predictors.Symbol) {
	if p.fork {
		panic("de-ctw: a fork does not learn")
	}
	word := p.word(int(x))
	if p.learned++; p.budget > 0 && !p.has(p.used(len(word))) {
		p.Observe(x)
		return
	}
	if !p.follows(p.past) { // what came before was not learned
		for i := len(p.past) - 1; i >= 0; i-- {
			p.hist = append(p.hist, p.past[i])
		}
	}
	for _, s := range word {
		p.learn(s>>1, s&1, p.past)
		p.work += perNode * float64(len(p.path))
	}
	p.hist = append(p.hist, uint32(x))
	p.Observe(x)
}

// State is the context.
func (p *volf) State(b []byte) []byte {
	for _, x := range p.past {
		b = append(b, byte(x), byte(x>>8), byte(x>>16))
	}
	return b
}

// Fit counts symbols for the Huffman tree and then learns every document.
func (p *volf) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	counts := make([]uint64, p.a)
	for _, doc := range d.Train {
		for _, x := range doc {
			counts[x]++
		}
	}
	p.clear(counts)
	p.full = false
	p.Reset()
	return predictors.Train(ctx, onlyLearner{p}, d, report)
}

// An onlyLearner hides Fit.
type onlyLearner struct{ *volf }

func (onlyLearner) Fit() {} // not of the interface Fitter

// follows reports whether the history ends in past.
func (m *volfModel) follows(past []uint32) bool {
	if len(m.hist) < len(past) {
		return false
	}
	for i, x := range past {
		if m.hist[len(m.hist)-1-i] != x {
			return false
		}
	}
	return true
}

// agree is the first position from d on where past and the context of place
// at in the history differ, or D.
func (m *volfModel) agree(past []uint32, at uint32, d int) int {
	for d < len(past) && m.hist[int(at)-1-d] == past[d] {
		d++
	}
	return d
}

func (v *decision) kt(bit uint32) float64 {
	return (float64(v.n[bit]) + ktVolf) / (float64(uint32(v.n[0])+uint32(v.n[1])) + 2*ktVolf)
}

// prob is the probability of a 1 at inner node k.
func (m *volfModel) prob(k uint32, past []uint32) float64 {
	p, w, i := 0.0, 1.0, k
	for d := 0; ; d++ {
		v := &m.nodes[i]
		if d == m.depth {
			return p + float64(w*v.kt(1))
		}
		if v.tail != 0 {
			e, q := v.kt(1), 0.0
			if same := m.agree(past, v.tail-1, d); same < m.depth {
				q = 0.5 - e // times ½ for each node that agrees
				for ; d <= same; d++ {
					q /= 2
				}
			}
			return p + float64(w*(e+q))
		}
		w /= v.beta + 1
		p += float64(float64(w*v.beta) * v.kt(1))
		if i = m.find(i, past[d]); i == 0 {
			return p + w/2
		}
	}
}

// learn counts one decision at inner node k.
func (m *volfModel) learn(k, bit uint32, past []uint32) {
	m.path = m.descend(m.path[:0], k, past)
	q := 0.0
	for d := len(m.path) - 1; d >= 0; d-- {
		v := &m.nodes[m.path[d]]
		e := v.kt(bit)
		if d == len(m.path)-1 && (d == m.depth || v.tail != 0) {
			q = e
		} else {
			p := mix(v.beta, e, q)
			v.beta = min(max(float64(v.beta*e)/q, 1/float64(maxBeta)), maxBeta)
			q = p
		}
		v.count(bit, m.theirs)
	}
}

func (v *decision) count(bit uint32, theirs bool) {
	if v.n[bit]++; v.n[bit] <= maxCount {
		return
	}
	for i, n := range v.n {
		if theirs {
			v.n[i] = n >> (1 + n&1)
		} else {
			v.n[i] = (n + 1) / 2
		}
	}
}

// descend appends to path the nodes of the context, and makes those down to
// where it is new and one there.
func (m *volfModel) descend(path []uint32, i uint32, past []uint32) []uint32 {
	path = append(path, i)
	for d := 0; d < m.depth; d++ {
		if v := m.nodes[i]; v.tail != 0 {
			if m.agree(past, v.tail-1, d) == m.depth {
				break
			}
			m.nodes[i].tail = 0
			v.parent, v.symbol = i, m.hist[int(v.tail-1)-1-d]
			m.insert(v)
		}
		c := m.find(i, past[d])
		if c == 0 {
			c = m.insert(decision{parent: i, symbol: past[d], beta: 1, tail: uint32(len(m.hist)) + 1})
			return append(path, c)
		}
		path, i = append(path, c), c
	}
	return path
}

// ReadFrom replaces the model.
func (p *volf) ReadFrom(r io.Reader) (int64, error) {
	n, err := p.volfModel.ReadFrom(r)
	p.past = p.past[:p.depth]
	return n, err
}

// Bytes counts nodes, slots, history and the Huffman tree.
func (m *volfModel) Bytes() int64 {
	return m.table.bytes() + m.huffman.bytes() + sliceBytes(m.hist) + sliceBytes(m.counts)
}

// Describe counts the nodes of all context trees, and the mean code length of
// the training symbols in bits (0 if there were none).
func (m *volfModel) Describe() map[string]float64 {
	n, bits := 0.0, 0.0
	for x, c := range m.counts {
		n += float64(c)
		bits += float64(c) * float64(len(m.word(x)))
	}
	return map[string]float64{"nodes": float64(len(m.nodes)), "huffman_bits": bits / max(1, n)}
}

// WriteTo writes symbol counts, history and nodes.
func (m *volfModel) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, m.fields)
}

// ReadFrom replaces them.
func (m *volfModel) ReadFrom(r io.Reader) (int64, error) {
	n, err := predictors.ReadArchive(r, m.fields)
	if err != nil {
		m.clear(make([]uint64, m.a))
	}
	return n, err
}

func (m *volfModel) fields(a *predictors.Archive) {
	if savedDepth(a, "de-ctw", &m.depth); a.Err() != nil {
		return
	}
	counts := m.counts
	predictors.Slice(a, &counts)
	if a.Reading() && a.Err() == nil {
		if len(counts) != m.a {
			a.Fail(fmt.Errorf("de-ctw: saved counts of %d symbols, want %d", len(counts), m.a))
			return
		}
		m.clear(counts)
	}
	predictors.Slice(a, &m.hist)
	m.table.fields(a)
	if a.Reading() && a.Err() == nil {
		if err := m.check(); err != nil {
			a.Fail(err)
		}
	}
}

// check refuses nodes on which a walk could leave the slices; it ends at
// depth D.
func (m *volfModel) check() error {
	if len(m.nodes) < max(1, m.a-1) {
		return fmt.Errorf("de-ctw: %d nodes saved, want at least %d", len(m.nodes), max(1, m.a-1))
	}
	for _, x := range m.hist {
		if int(x) > m.a {
			return fmt.Errorf("de-ctw: saved history has symbol %d, want at most %d", x, m.a)
		}
	}
	for i := range m.nodes {
		v := &m.nodes[i]
		tail := int64(v.tail) - 1
		if int(v.parent) >= len(m.nodes) || tail >= 0 && (tail < int64(m.depth) || tail > int64(len(m.hist))) ||
			!(v.beta >= 1/float64(maxBeta) && v.beta <= maxBeta) {
			return fmt.Errorf("de-ctw: saved node %d is damaged", i)
		}
	}
	return nil
}
