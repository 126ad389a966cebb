package lempelziv

import (
	"fmt"
	"io"
	"math"

	"horizon/predictors"
)

// Active LeZi (Gopalratnam & Cook 2007, IEEE Intelligent Systems 22(1)): LZ78
// for the length of contexts, and counts of all contexts that long.
//
// LZ78 parses the text; the window is its last symbols, as many as the longest
// phrase so far has. Every symbol v counts all the strings of the window that
// end in it, n(c) for c = v, uv, …. With c_j the last j symbols of the window,
// the prediction blends from short contexts to long ones
//
//	P_j(a) = n(c_j a)/n(c_j) + e_j P_{j−1}(a),   e_j = 1 − Σ_b n(c_j b)/n(c_j)
//
// e_j > 0, for c_j has just come once more than it was followed. (The window
// itself was never followed by a symbol that was counted with it.)
//
// Departures. The paper's order 0 gives nothing to symbols that never came;
// ours has a Dirichlet prior, P_0(a) = (n(a) + γ)/(n + γA). A context walked
// without learning counts as come once more, too, or else a context that was
// always followed would leave new symbols nothing. Contexts may be bounded in
// length: they grow like log n, and on a text of one symbol like √n.
//
// With L the window, a symbol learned takes L look-ups and up to L new nodes,
// Prob L look-ups, Predict O(L·A) at most. The state is the node of the longest
// context: futures are followed from state to state.

// An ActiveLeZiConfig configures the kind "active-lezi".
type ActiveLeZiConfig struct {
	// Gamma is γ of order 0, the prior's weight of each symbol, > 0.
	Gamma float64 `toml:"gamma"`
	// Window bounds the window's length, at least 1; 0 does not.
	Window int `toml:"window"`
}

// DefaultActiveLeZi bounds the window at 5 symbols, which serves a megabyte of
// text best: longer contexts are blended in before they have come often.
func DefaultActiveLeZi() predictors.Config { return &ActiveLeZiConfig{Gamma: 0.5, Window: 5} }

// TinyActiveLeZi has the window that the phrases ask for.
func TinyActiveLeZi() predictors.Config { return &ActiveLeZiConfig{Gamma: 0.5} }

// New returns a predictor that has counted nothing.
func (c *ActiveLeZiConfig) New(env predictors.Env) (predictors.Predictor, error) {
	const kind = "active-lezi"
	if err := predictors.CheckAlphabet(kind, env.Alphabet); err != nil {
		return nil, err
	}
	if !(c.Gamma > 0) || math.IsInf(c.Gamma, 1) {
		return nil, fmt.Errorf("%s: gamma = %v, want > 0", kind, c.Gamma)
	}
	if c.Window < 0 {
		return nil, fmt.Errorf("%s: window = %d, want at least 1, or 0 for no bound", kind, c.Window)
	}
	t := &leziTree{tree: tree{kind: kind, a: env.Alphabet, gamma: c.Gamma, spa: plainSPA}, most: c.Window, phrases: make([]uint64, 1)}
	t.clear()
	return &activeLeZi{leziTree: t, suffixes: make([]spot, 1)}, nil
}

// A leziTree is the parameters: the tree of all contexts, some of them phrases.
type leziTree struct {
	tree
	phrases []uint64 // a bit a node: it is a phrase of the parse
	longest int      // phrase
	most    int      // bound on the window, or 0
}

// window is its length once the text is that long.
func (t *leziTree) window() int {
	if t.most > 0 {
		return min(t.longest, t.most)
	}
	return t.longest
}

// activeLeZi is a place in a text.
type activeLeZi struct {
	*leziTree
	suffixes []spot // of the window in the tree, by length; the first is the root
	phrase   int    // length of the phrase being parsed: it is a suffix
	run      int    // symbols learned since one was only observed
	fork     bool
}

func (p *activeLeZi) Alphabet() int { return p.a }

func (p *activeLeZi) Reset() {
	p.suffixes, p.phrase, p.run = append(p.suffixes[:0], spot{}), 0, 0
}

func (p *activeLeZi) Fork() predictors.Predictor {
	f := &activeLeZi{leziTree: p.leziTree, run: p.run, fork: true}
	f.suffixes = append(make([]spot, 0, p.window()+1), p.suffixes...)
	return f
}

// come is n(c) of a suffix, having come now included.
func (p *activeLeZi) come(at spot) float64 {
	n := float64(p.node(at.node).visits)
	if int(at.depth) > p.run {
		n++
	}
	return n
}

func (p *activeLeZi) Predict(q []float64) {
	l := p.lawAt(spot{})
	for x := range q {
		q[x] = l.value(0)
	}
	for c := p.node(root).first; c != 0; {
		z := p.node(c)
		q[z.symbol], c = l.value(z.visits), z.sibling
	}
	for _, at := range p.suffixes[1:] {
		p.blend(q, at)
	}
}

// blend makes P_j of P_{j−1}.
func (p *activeLeZi) blend(q []float64, at spot) {
	z := p.node(at.node)
	if z.seen == 0 {
		return
	}
	n := p.come(at)
	escape := (n - float64(z.seen)) / n
	for x := range q {
		q[x] *= escape
	}
	for c := z.first; c != 0; {
		child := p.node(c)
		q[child.symbol] += float64(child.visits) / n
		c = child.sibling
	}
}

func (p *activeLeZi) Prob(x predictors.Symbol) float64 {
	l := p.lawAt(spot{})
	q := l.value(p.node(p.child(spot{}, uint32(x)).node).visits)
	for _, at := range p.suffixes[1:] {
		if seen := p.node(at.node).seen; seen > 0 {
			n := p.come(at)
			q = q*((n-float64(seen))/n) + float64(p.node(p.child(at, uint32(x)).node).visits)/n
		}
	}
	return q
}

// Observe goes from every suffix to the one longer by x, if it is there. The
// tree has the suffixes of what it has, so that those are the short ones.
func (p *activeLeZi) Observe(x predictors.Symbol) {
	p.run, p.phrase = 0, 0
	p.advance(func(at spot) spot { return p.child(at, uint32(x)) })
}

// advance replaces each suffix by what step makes of it, up to the first of
// which it makes nothing.
func (p *activeLeZi) advance(step func(at spot) spot) {
	var before spot
	n := min(len(p.suffixes), p.window())
	for i := range n {
		next := step(p.suffixes[i])
		p.suffixes[i] = before
		if next.node == root {
			p.suffixes = p.suffixes[:i+1]
			return
		}
		before = next
	}
	p.suffixes = append(p.suffixes[:n], before)
}

// Learn parses x and counts the window's strings that end in it, of symbols
// learned without one between that was only observed.
func (p *activeLeZi) Learn(x predictors.Symbol) {
	if p.fork {
		panic(p.kind + ": a fork does not learn")
	}
	length, ended := p.phrase+1, !p.isPhrase(p.phrase, uint32(x))
	if ended {
		p.longest = max(p.longest, length)
	}
	p.advance(func(at spot) spot {
		if int(at.depth) > p.run {
			return p.child(at, uint32(x))
		}
		next, _ := p.tally(at, uint32(x))
		return next
	})
	for len(p.phrases) <= p.count/64 {
		p.phrases = append(p.phrases, 0)
	}
	p.run++
	if p.phrase = length; ended {
		p.phrase = 0
		p.mark(length)
	}
}

// isPhrase reports whether the suffix of that length and x are one.
func (p *activeLeZi) isPhrase(length int, x uint32) bool {
	if length >= len(p.suffixes) {
		return false // the window or the budget is too small for it
	}
	c := p.child(p.suffixes[length], x).node
	return c != root && p.phrases[c/64]>>(c%64)&1 != 0
}

// mark makes the suffix of that length a phrase.
func (p *activeLeZi) mark(length int) {
	if length < len(p.suffixes) {
		c := p.suffixes[length].node
		p.phrases[c/64] |= 1 << (c % 64)
	}
}

// State is the longest suffix in the tree, whose suffixes the others are, and
// how many of them have counted the last symbol.
func (p *activeLeZi) State(b []byte) []byte {
	last := p.suffixes[len(p.suffixes)-1]
	return appendNode(appendNode(b, last.node), uint32(min(p.run, int(last.depth))))
}

// Evidence says of a position of the text what the contexts give it together
// that it follows: each longer one with those below.
func (p *activeLeZi) Evidence() predictors.Evidence {
	l := p.lawAt(spot{})
	e := predictors.Evidence{Fallback: float64(p.a) * l.value(0)}
	escape := 1.0 // of the longer contexts
	sum, squares, weight := 0.0, 0.0, 0.0
	weights := make([]float64, len(p.suffixes))
	for j := len(p.suffixes) - 1; j >= 0; j-- {
		n := l.total
		if j > 0 {
			n = p.come(p.suffixes[j])
		}
		weights[j] = escape / n
		if seen := p.seen(j); seen > 0 && j > 0 {
			escape *= (n - seen) / n
			e.Match = max(e.Match, float64(j))
		}
	}
	e.Fallback *= escape
	for j := range weights {
		weight += weights[j]
		only := p.seen(j) // positions that no longer context has
		if j+1 < len(weights) {
			only -= p.seen(j + 1)
		}
		sum, squares = sum+only*weight, squares+only*weight*weight
	}
	if squares > 0 {
		e.Effective = sum * sum / squares
	}
	return e
}

// seen is how often the suffix of that length was followed.
func (p *activeLeZi) seen(length int) float64 {
	return float64(p.node(p.suffixes[length].node).seen)
}

// SetBudget bounds the bytes of the tree, less a bit a node: see tree.SetBudget.
func (t *leziTree) SetBudget(b predictors.Budget) error {
	const share = 64 // of the bytes, more than the bits take
	if b.ModelBytes > 0 && b.ModelBytes < t.Bytes()*share/(share-1) {
		return fmt.Errorf("model_bytes = %d: the tree of %s takes %d before it is trained", b.ModelBytes, t.kind, t.Bytes())
	}
	b.ModelBytes -= b.ModelBytes / share
	return t.tree.SetBudget(b)
}

// Ops counts 3 entries a context learned and 2 a node, and for a prediction 5
// operations a context and its entry for the next: see tree.Ops.
func (t *leziTree) Ops() (train, perSymbol float64) {
	train, _ = t.tree.Ops()
	return train, 6 * float64(t.window()+1)
}

// Describe reports the longest phrase and the number of contexts.
func (t *leziTree) Describe() map[string]float64 {
	return map[string]float64{"longest": float64(t.longest), "contexts": float64(t.count)}
}

// Bytes counts nodes, hash slots and the bits.
func (t *leziTree) Bytes() int64 { return t.tree.Bytes() + 8*int64(cap(t.phrases)) }

// WriteTo writes the tree, which of it are phrases, and the longest.
func (t *leziTree) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, t.save) }

// ReadFrom replaces them.
func (t *leziTree) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, t.save) }

func (t *leziTree) save(a *predictors.Archive) {
	t.tree.save(a)
	longest, phrases := uint32(t.longest), t.phrases
	predictors.Value(a, &longest)
	predictors.Slice(a, &phrases)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := t.checkSaved(int(longest), phrases); err != nil {
		a.Fail(err)
		return
	}
	t.longest, t.phrases = int(longest), phrases
}

func (t *leziTree) checkSaved(longest int, phrases []uint64) error {
	if longest >= t.count || len(phrases) != t.count/64+1 {
		return fmt.Errorf("%s: saved a longest phrase of %d symbols and the phrases of %d nodes, want less than %d and %d",
			t.kind, longest, 64*len(phrases), t.count, 64*(t.count/64+1))
	}
	for c := 1; c < t.count; c++ {
		if z := t.node(uint32(c)); z.seen > z.visits {
			return fmt.Errorf("%s: saved node %d is followed %d times, want at most the %d it came", t.kind, c, z.seen, z.visits)
		}
	}
	return nil
}
