package contexttree

import (
	"fmt"
	"io"
	"math"
	"math/bits"

	"horizon/predictors"
)

// Context-tree weighting (Willems, Shtarkov & Tjalkens 1995, IEEE Trans. Inf.
// Theory 41:653-664) over the bits of symbols. Node s of the tree has counted
// the bits n₀, n₁ that followed context s. With the estimator of Krichevsky &
// Trofimov, P_e(n₀+1)/P_e = (n₀+½)/(n₀+n₁+1), the weighted probability of
// what the node has seen is (eq. 10)
//
//	P_w(s) = P_e(s)                               at depth D
//	P_w(s) = ½ P_e(s) + ½ P_w(0s) P_w(1s)         above
//
// and the next bit has probability P_w(root, with it)/P_w(root).
//
// "factored" keeps a tree for every place in a word (Veness, Ng, Hutter &
// Silver 2011, section 4.2, do so for percepts), "binary" one for all. Before
// a document are zero bits.
//
// Nothing is taken to the power n: R(s) = P_e(s)/(P_w(0s) P_w(1s)) suffices
// (Willems & Tjalkens' β). Where child c is on the path,
//
//	p_w(x) = (R p_e(x) + p_w,c(x)) / (R+1),   R ← R p_e(x)/p_w,c(x).
//
// The nodes that are not branched at are never made. On a path of m nodes of
// which only the last one branches all have seen the same, so that
//
//	P_w(top) = (1−2⁻ᵐ) P_e + 2⁻ᵐ P_w(0s) P_w(1s):
//
// one node s with (2ᵐ−1) R in place of R. Cutting the path in two leaves R at
// the lower part, k nodes long, and gives the upper one
// R = P_e/P_w(lower) = 1/(1 − 2⁻ᵏ + 2⁻ᵏ/R). A path that never branches has
// P_w = P_e; one seen a single time takes no node but only the place in the
// history where that was. The result is CTW of depth D to rounding.
//
// Departure: R is held within 2^±900; what 900 bits of evidence have settled
// takes as many to unsettle, and not more.
//
// Time is O(branching nodes on the path) a bit, at most D. Space is a bit of
// history, and at most one node of 32 bytes, for each bit that is learned: it
// branches, or turns a context of D bits seen once into a leaf. On 1 MB of
// English that is 3.5 nodes, 110 to 140 bytes a symbol. Predict is A − 1
// binary predictions.

// A CTWConfig configures the kind "ctw".
type CTWConfig struct {
	// Depth is D in bits, 0 to 64; factored, the bits of the present symbol
	// come on top and all must fit into 64.
	Depth int `toml:"depth"`
	// Form is "binary" (one tree) or "factored" (one for each place in a word).
	Form string `toml:"form"`
	// First is the bit of a symbol that comes first: "low", as in the code of
	// Veness et al., or "high", which takes 0.03 bits a byte less on English.
	First string `toml:"first"`
}

// DefaultCTW is factored and of depth 48 bits: six bytes.
func DefaultCTW() predictors.Config {
	return &CTWConfig{Depth: 48, Form: "factored", First: "high"}
}

// TinyCTW is of depth 10 bits: ten binary symbols, or a byte and some.
func TinyCTW() predictors.Config {
	return &CTWConfig{Depth: 10, Form: "factored", First: "low"}
}

// New returns a predictor that has seen nothing and predicts uniformly if A is
// a power of two, and otherwise ½ for each bit that is free.
func (c *CTWConfig) New(env predictors.Env) (predictors.Predictor, error) {
	factored, high, err := checkBits("ctw", env.Alphabet, c.Depth, c.Form, c.First)
	if err != nil {
		return nil, err
	}
	m := &model{kind: "ctw", code: newCode(env.Alphabet, high), depth: c.Depth, factored: factored}
	m.forest = newWeighting(&m.history, reach(m.code, c.Depth, factored))
	m.reset()
	return &bitwise{model: m}, nil
}

// A branching is a node with two children, or one at depth D; it stands for
// the path down to it from just below its parent.
type branching struct {
	n     [2]uint32
	ratio float64   // R of the lowest node of the path
	child [2]uint32 // a node, or once + the place it was seen at, or 0
	at    uint32    // a place in the history with this context
	depth uint8
}

// once flags a context of depth D that was seen once.
const once = 1 << 31

const minRatio, maxRatio = 0x1p-900, 0x1p900

// odds[m] is 2ᵐ − 1.
var odds = func() (o [128]float64) { // as long as makes an index of 7 bits safe
	for m := range o {
		o[m] = math.Ldexp(1, m) - 1
	}
	return o
}()

// weighting is the forest of CTW.
type weighting struct {
	h     *history
	reach []uint8     // D of each tree
	nodes []branching // those from 0 to len(reach) − 1 are the roots
	path  []step      // scratch of learn
}

// A step of a path: a node and how many it stands for.
type step struct{ node, m uint32 }

func newWeighting(h *history, reach []uint8) *weighting { return &weighting{h: h, reach: reach} }

func (f *weighting) clear() {
	f.nodes = make([]branching, len(f.reach))
	for i := range f.nodes {
		f.nodes[i].ratio = 1
		f.nodes[i].at = windowBits
	}
}

func (v *branching) kt(bit uint32) float64 {
	return (float64(v.n[bit]) + 0.5) / (float64(v.n[0]+v.n[1]) + 1)
}

// above is P_e/P_w of the lowest k nodes of v's path.
func (v *branching) above(k int, leaf bool) float64 {
	if leaf {
		return 1
	}
	// 1/(1 − 2⁻ᵏ + 2⁻ᵏ/R), both sides times 2ᵏ.
	return (odds[k] + 1) / (odds[k] + 1/v.ratio)
}

func (f *weighting) probs(walks []walk) {
	for i := range walks {
		s := &walks[i]
		s.p, s.w, s.node, s.m = 0, 1, uint32(s.tree), 1
	}
	for more := true; more; {
		more = false
		for i := range walks {
			if s := &walks[i]; s.m > 0 {
				f.step(s)
				more = true
			}
		}
	}
}

// step adds to p what the walk's node adds, and goes on to the next or ends
// the walk with m = 0. One division serves both quotients, by β+1 and by n+1.
func (f *weighting) step(s *walk) {
	v, depth, m := &f.nodes[s.node], f.reach[s.tree], s.m
	s.m = 0
	if m > 1 {
		if same := bits.LeadingZeros64(s.past ^ f.h.window(v.at)); same < int(v.depth) {
			beta := float64(odds[same-int(v.depth)+m] * v.above(int(v.depth)-same, v.depth == depth))
			s.p += float64(s.w * mix(beta, v.kt(1), 0.5))
			return
		}
	}
	if v.depth >= depth {
		s.p += float64(s.w * v.kt(1))
		return
	}
	beta, n := float64(odds[m&127]*v.ratio), float64(v.n[0]+v.n[1])+1
	r := s.w / float64((beta+1)*n)
	s.p += float64(float64(beta*(float64(v.n[1])+0.5)) * r)
	s.w = float64(n * r)
	c := v.child[s.past<<v.depth>>63]
	if c-1 >= once-1 { // no node
		s.p += float64(s.w * f.fresh(c, s.past, v.depth, depth))
		return
	}
	s.node, s.m = c, int(f.nodes[c].depth-v.depth)
}

// fresh is the probability of a 1 below depth d where the child is c: nothing,
// or a context seen once.
func (f *weighting) fresh(c uint32, past uint64, d, depth uint8) float64 {
	if c == 0 {
		return 0.5
	}
	at := c - once
	e := float64(f.h.bit(at))/2 + 0.25 // KT of one bit
	if same := bits.LeadingZeros64(past ^ f.h.window(at)); same < int(depth) {
		return mix(odds[same-int(d)], e, 0.5)
	}
	return e
}

// mix is (β p + q)/(β + 1).
func mix(beta, p, q float64) float64 { return (float64(beta*p) + q) / (beta + 1) }

// learn goes down the path, cuts a node's path or makes a leaf where the
// context has not been before, and updates the ratios on the way back up.
func (f *weighting) learn(tree int, past uint64, bit, t uint32) {
	leaf := f.descend(tree, past, t)
	q := 0.5 // of what is below the path: new, or if it is a leaf nothing
	nodes, path := f.nodes, f.path
	if leaf {
		v := &nodes[path[len(path)-1].node]
		q = v.kt(bit)
		v.n[bit]++
		path = path[:len(path)-1]
	}
	for i := len(path) - 1; i >= 0; i-- {
		s := path[i]
		v := &nodes[s.node]
		beta, n := float64(odds[s.m&127]*v.ratio), float64(v.n[0]+v.n[1])+1
		e := float64(v.n[bit]) + 0.5 // times 1/n the estimate
		r := 1 / float64((beta+1)*n)
		v.ratio = min(max(float64(v.ratio*e)/float64(n*q), minRatio), maxRatio)
		v.n[bit]++
		q = float64(float64(beta*e)*r) + float64(float64(n*r)*q)
	}
}

// descend puts the nodes of the context on f.path, and reports whether the
// last is a leaf.
func (f *weighting) descend(tree int, past uint64, t uint32) (leaf bool) {
	depth := f.reach[tree]
	f.path = f.path[:0]
	i, m := uint32(tree), 1
	for {
		f.path = append(f.path, step{i, uint32(m)})
		v := &f.nodes[i]
		d := v.depth
		if d == depth {
			return true
		}
		dir := past << d >> 63
		c := v.child[dir]
		if c == 0 {
			v.child[dir] = once + t
			return false
		}
		var u branching
		if c >= once {
			u = f.second(c, past, depth, t)
		} else {
			low := &f.nodes[c]
			m = int(low.depth - d)
			same := int(low.depth)
			if m > 1 {
				same = min(same, bits.LeadingZeros64(past^f.h.window(low.at)))
			}
			if same == int(low.depth) {
				i = c
				continue
			}
			u = branching{n: low.n, ratio: low.above(int(low.depth)-same, low.depth == depth), at: low.at, depth: uint8(same)}
			u.fork(past, c, t)
		}
		i = uint32(len(f.nodes))
		f.nodes = append(f.nodes, u)
		v = &f.nodes[f.path[len(f.path)-1].node]
		v.child[dir] = i
		f.path = append(f.path, step{i, uint32(u.depth - d)})
		return u.depth == depth
	}
}

// second is the node for a context c seen once before: a leaf if it is the
// same one again, else where the two part.
func (f *weighting) second(c uint32, past uint64, depth uint8, t uint32) branching {
	at := c - once
	same := bits.LeadingZeros64(past ^ f.h.window(at))
	u := branching{ratio: 1, at: at, depth: uint8(min(same, int(depth)))}
	u.n[f.h.bit(at)] = 1
	if u.depth < depth {
		u.fork(past, c, t)
	}
	return u
}

// fork makes old one child of u and the context of bit t the other.
func (u *branching) fork(past uint64, old, t uint32) {
	dir := past << u.depth >> 63
	u.child[dir], u.child[1-dir] = once+t, old
}

func (f *weighting) steps() int { return len(f.path) }

func (f *weighting) size() (int, int64) { return len(f.nodes), sliceBytes(f.nodes) }

// WriteTo writes history and nodes.
func (m *model) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces history and nodes.
func (m *model) ReadFrom(r io.Reader) (int64, error) {
	n, err := predictors.ReadArchive(r, m.fields)
	if err != nil {
		m.reset()
	}
	return n, err
}

func (m *model) fields(a *predictors.Archive) {
	if savedDepth(a, m.kind, &m.depth); a.Err() != nil {
		return
	}
	m.forest.deepen(reach(m.code, m.depth, m.factored))
	m.history.fields(a)
	if a.Err() == nil {
		m.forest.fields(a)
	}
}

func (f *weighting) fields(a *predictors.Archive) {
	if a.Reading() {
		f.nodes = nil
	}
	for x := range 2 {
		column(a, &f.nodes, func(v *branching) *uint32 { return &v.n[x] })
		column(a, &f.nodes, func(v *branching) *uint32 { return &v.child[x] })
	}
	column(a, &f.nodes, func(v *branching) *float64 { return &v.ratio })
	column(a, &f.nodes, func(v *branching) *uint32 { return &v.at })
	column(a, &f.nodes, func(v *branching) *uint8 { return &v.depth })
	if a.Reading() && a.Err() == nil {
		if err := f.check(); err != nil {
			a.Fail(err)
		}
	}
}

// check refuses nodes on which a walk could leave the slices or go on forever.
func (f *weighting) check() error {
	if len(f.nodes) < len(f.reach) {
		return fmt.Errorf("ctw: %d nodes saved, want at least the %d roots", len(f.nodes), len(f.reach))
	}
	for i := range f.nodes {
		v := &f.nodes[i]
		ok := v.ratio >= minRatio && v.ratio <= maxRatio && v.depth <= windowBits && (i >= len(f.reach) || v.depth == 0) && f.place(v.at)
		for dir, c := range v.child {
			if !ok || c == 0 {
				continue
			}
			at := c - once
			if c < once {
				if int(c) < len(f.reach) || int(c) >= len(f.nodes) || f.nodes[c].depth <= v.depth {
					ok = false
					continue
				}
				at = f.nodes[c].at
			}
			ok = f.place(at) && f.goes(v, dir, at)
		}
		if !ok {
			return fmt.Errorf("ctw: saved node %d is damaged", i)
		}
	}
	return nil
}

// place reports whether there is a context before place at of the history.
func (f *weighting) place(at uint32) bool { return at >= windowBits && at < max(f.h.n, windowBits+1) }

// goes reports whether the context of place at is that of v and then dir.
func (f *weighting) goes(v *branching, dir int, at uint32) bool {
	w := f.h.window(at)
	return bits.LeadingZeros64(w^f.h.window(v.at)) >= int(v.depth) && int(w<<v.depth>>63) == dir
}
