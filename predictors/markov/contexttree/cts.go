package contexttree

import (
	"fmt"
	"math"
	"math/bits"

	"horizon/predictors"
)

// Context-tree switching (Veness, Ng, Hutter & Bowling 2012, "Context Tree
// Switching", DCC; arXiv 1111.3182) over the bits of symbols, and with skips
// (Bellemare, Veness & Talvitie 2014, "Skip Context Tree Switching", ICML).
// Where context-tree weighting puts a prior on one tree for all time, every
// node here tracks which of its two models predicts better now, its own
// estimate or its children's: with posterior weights w_i, Σ w_i = 1, models'
// probabilities p_i and α_t = 1/(t+3) after t bits,
//
//	p = Σ_i w_i p_i
//	w_i ← (α_t + ((1−α_t) N − 1) w_i p_i/p) / (N−1)
//
// for N models (2012, algorithm 1 for N = 2, where it is α + (1−2α) w_i p_i/p;
// 2014, section 3.3). Estimates are of Krichevsky & Trofimov's kind with 1/16
// in place of ½ and counts that decay by 0.98 a visit; the prior weight of the
// estimate is 0.075: all as in the authors' code, which finds them much better
// than the ½, 1, ½ of the paper.
//
// With skips a node also has models whose context leaves a stretch of the past
// out and goes on behind it, without another skip: prior weights 0.075 for the
// estimate, 0.85 for the children and 0.075 for all skips together. Departure:
// a skip begins and ends at the border of a symbol. Bits may begin anywhere in
// the paper, at a cost of O(D³) a bit; its authors suggest this for speed.
//
// Nodes of a context seen in one way only are not made (unique path pruning,
// 2012 section 4): all below have seen the same bits and predict alike, so
// their weights develop alike. With skips, where N differs from node to node,
// w − 1/N shrinks by Π(1 − α_t N/(N−1)); kept is the product for N = 2, and
// its power N/(2(N−1)) taken, which is the same to first order in α.
//
// Time is O(D) a bit, with skips O(D²/width); space is 32 bytes a node: 11
// nodes a symbol on 1 MB of English and 20 on short texts, with skips about
// 150 there. Predict is A − 1 binary predictions.

// A CTSConfig configures the kind "cts".
type CTSConfig struct {
	// Depth is D in bits, 0 to 64; factored, the bits of the present symbol
	// come on top and all must fit into 64.
	Depth int `toml:"depth"`
	// Form is "binary" (one tree) or "factored" (one for each place in a word).
	Form string `toml:"form"`
	// First is the bit of a symbol that comes first: "low", as in the authors'
	// code, or "high", which takes 0.03 bits a byte less on English.
	First string `toml:"first"`
	// Skips is 0, or 1 for contexts that may leave out some symbols once;
	// factored form only.
	Skips int `toml:"skips"`
}

// DefaultCTS is factored, without skips, and of depth 48 bits: six bytes.
func DefaultCTS() predictors.Config {
	return &CTSConfig{Depth: 48, Form: "factored", First: "high"}
}

// TinyCTS is of depth 10 bits, with skips where those are two symbols or more.
func TinyCTS() predictors.Config {
	return &CTSConfig{Depth: 10, Form: "factored", First: "low", Skips: 1}
}

// New returns a predictor that has seen nothing.
func (c *CTSConfig) New(env predictors.Env) (predictors.Predictor, error) {
	factored, high, err := checkBits("cts", env.Alphabet, c.Depth, c.Form, c.First)
	if err != nil {
		return nil, err
	}
	if c.Skips < 0 || c.Skips > 1 || c.Skips > 0 && !factored {
		return nil, fmt.Errorf("cts: skips = %d, want 0, or 1 with form = \"factored\"", c.Skips)
	}
	m := &model{kind: "cts", code: newCode(env.Alphabet, high), depth: c.Depth, factored: factored}
	f := &switching{h: &m.history, reach: reach(m.code, c.Depth, factored)}
	if c.Skips > 0 {
		f.width = m.code.width
	}
	m.forest = f
	m.reset()
	return &bitwise{model: m}, nil
}

const (
	ktCTS      = 1.0 / 16
	decay      = float32(0.98)
	priorStop  = 0.075
	priorSkips = 0.075
)

// A switcher is a node. Without children it stands for all below it: its
// context has been seen in one way only, or it is at depth D.
type switcher struct {
	n     [2]float32
	stop  float64 // weight of the node's own estimate
	child [2]uint32
	at    uint32 // without children: a place in the history with its context; 0 before the first
	skips uint32 // 0, or 1 + the place of its skips in switching.skips
}

// A skip is one of a node's models behind a skip.
type skip struct {
	weight float64
	child  [2]uint32 // by the first bit behind it
}

// switching is the forest of CTS.
type switching struct {
	h       *history
	reach   []uint8 // D of each tree
	width   int     // of a symbol if there are skips, else 0
	nodes   []switcher
	skips   []skip
	path    []uint32 // scratch of learn
	subpath []uint32
}

func (f *switching) clear() {
	f.nodes, f.skips = make([]switcher, len(f.reach)), nil
	for i := range f.nodes {
		f.nodes[i].stop = priorStop
	}
}

func (v *switcher) kt(bit uint32) float64 {
	return (float64(v.n[bit]) + ktCTS) / (float64(v.n[0]) + float64(v.n[1]) + 2*ktCTS)
}

func (v *switcher) childless() bool { return v.child[0]|v.child[1] == 0 }

// skipsAt is how many skips a node of the given tree and depth has: there
// must be a symbol behind the last.
func (f *switching) skipsAt(tree, d int) int {
	if f.width == 0 || d < tree || (d-tree)%f.width != 0 {
		return 0
	}
	return max(0, (int(f.reach[tree])-d)/f.width-1)
}

// alpha is the rate of switching after t−64 bits of history, less the bits of
// the present symbol (as in the authors' factored code).
func alpha(t uint32, tree int) float64 { return 1 / float64(int(t)-windowBits-tree+3) }

func (f *switching) probs(walks []walk) {
	for i := range walks {
		s := &walks[i]
		s.p = f.probBelow(uint32(s.tree), s.tree, 0, s.past, true)
	}
}

// probBelow is the probability of a 1 at node i of depth d; whole says that no
// skip has led there. It sums down the path what each node adds.
func (f *switching) probBelow(i uint32, tree, d int, past uint64, whole bool) float64 {
	p, w, reach := 0.0, 1.0, int(f.reach[tree])
	for ; ; d++ {
		v := &f.nodes[i]
		if d == reach {
			return p + float64(w*v.kt(1))
		}
		if v.childless() {
			return p + float64(w*f.probTail(v, tree, d, past, whole))
		}
		p += float64(float64(w*v.stop) * v.kt(1))
		split := 1 - v.stop
		if v.skips != 0 {
			for s := range f.skipsAt(tree, d) {
				k := &f.skips[int(v.skips)-1+s]
				q, e := 0.5, d+(s+1)*f.width
				if c := k.child[past<<e>>63]; c != 0 {
					q = f.probBelow(c, tree, e+1, past, false)
				}
				p += float64(float64(w*k.weight) * q)
				split -= k.weight
			}
		}
		w *= split
		c := v.child[past<<d>>63]
		if c == 0 {
			return p + w/2
		}
		i = c
	}
}

// probTail is probBelow where there are no nodes: as if they were made, and
// the context new where it leaves the one seen.
func (f *switching) probTail(v *switcher, tree, d int, past uint64, whole bool) float64 {
	if v.at == 0 {
		return 0.5
	}
	reach, e := int(f.reach[tree]), v.kt(1)
	differ := past ^ f.h.window(v.at)
	same := min(reach, d+bits.LeadingZeros64(differ<<d))
	if same == reach || !whole || f.width == 0 {
		return f.leave(v, e, d, same, reach)
	}
	q := 0.5
	for ; same >= d; same-- {
		n := f.skipsAt(tree, same)
		if n == 0 {
			q += float64(v.stop * (e - q))
			continue
		}
		stop, split, each := v.spread(n)
		q = float64(stop*e) + float64(split*q)
		for s := range n {
			k, r := same+(s+1)*f.width, 0.5
			if differ<<k>>63 == 0 {
				k++
				r = f.leave(v, e, k, min(reach, k+bits.LeadingZeros64(differ<<k)), reach)
			}
			q += float64(each * r)
		}
	}
	return q
}

// leave is the probability of a 1 where a context leaves that of v at depth
// same, for e at v and from depth d on.
func (f *switching) leave(v *switcher, e float64, d, same, reach int) float64 {
	if same >= reach {
		return e
	}
	q := 0.5 - e
	for split := 1 - v.stop; d <= same; d++ {
		q *= split
	}
	return e + q
}

// spread is the weights that a node with n skips has if all its models have
// always agreed and that of two models stands at v.stop.
func (v *switcher) spread(n int) (stop, split, each float64) {
	models := float64(n + 2)
	shrunk := math.Pow(max(0, (v.stop-0.5)/(priorStop-0.5)), models/(2*(models-1)))
	at := func(prior float64) float64 { return 1/models + float64((prior-1/models)*shrunk) }
	stop, each = at(priorStop), at(priorSkips/float64(n))
	return stop, 1 - stop - float64(each*float64(n)), each
}

func (f *switching) learn(tree int, past uint64, bit, t uint32) {
	f.path = f.descend(f.path[:0], uint32(tree), tree, 0, past, t, true)
	f.update(f.path, tree, 0, past, bit, t)
}

// descend appends to path the nodes of a context from i at depth d on. It
// makes those down to where the context is new, and one there.
func (f *switching) descend(path []uint32, i uint32, tree, d int, past uint64, t uint32, whole bool) []uint32 {
	reach := int(f.reach[tree])
	for path = append(path, i); d < reach; d++ {
		v := &f.nodes[i]
		if v.childless() {
			if v.at == 0 {
				v.at = t
				break
			}
			if d+bits.LeadingZeros64((past^f.h.window(v.at))<<d) >= reach {
				break
			}
			f.unfold(i, tree, d, whole)
		}
		dir := past << d >> 63
		c := f.nodes[i].child[dir]
		if c == 0 {
			c = f.add(switcher{stop: priorStop, at: t})
			f.nodes[i].child[dir] = c
			return append(path, c)
		}
		path, i = append(path, c), c
	}
	return path
}

func (f *switching) add(v switcher) uint32 {
	f.nodes = append(f.nodes, v)
	return uint32(len(f.nodes) - 1)
}

// unfold gives a childless node the child it stood for, and its skips.
func (f *switching) unfold(i uint32, tree, d int, whole bool) {
	v := f.nodes[i]
	seen := f.h.window(v.at)
	f.nodes[i].child[seen<<d>>63] = f.add(v)
	n := 0
	if whole {
		n = f.skipsAt(tree, d)
	}
	if n == 0 {
		return
	}
	stop, _, each := v.spread(n)
	f.nodes[i].stop, f.nodes[i].skips = stop, uint32(len(f.skips)+1)
	for s := range n {
		k := skip{weight: each}
		k.child[seen<<(d+(s+1)*f.width)>>63] = f.add(v)
		f.skips = append(f.skips, k)
	}
}

// update counts the bit at the nodes of a path that begins at depth d, and
// returns the probability that the first of them gave it.
func (f *switching) update(path []uint32, tree, d int, past uint64, bit, t uint32) float64 {
	a := alpha(t, tree)
	q := 0.0
	for k := len(path) - 1; k >= 0; k-- {
		v := &f.nodes[path[k]]
		e := v.kt(bit)
		switch {
		case k < len(path)-1 && v.skips != 0:
			q = f.updateSkips(path[k], tree, d+k, past, bit, t, e, q)
			v = &f.nodes[path[k]]
		case k < len(path)-1:
			p := float64(v.stop*e) + float64((1-v.stop)*q)
			v.stop = a + float64((1-2*a)*float64(v.stop*e))/p
			q = p
		default:
			v.stop = a + float64((1-2*a)*v.stop)
			q = e
		}
		v.n[0] *= decay
		v.n[1] *= decay
		v.n[bit]++
	}
	return q
}

// updateSkips updates the weights of node i and the models behind its skips.
// Its own estimate gives the bit probability e, its child q.
func (f *switching) updateSkips(i uint32, tree, d int, past uint64, bit, t uint32, e, q float64) float64 {
	n, first, stop := f.skipsAt(tree, d), int(f.nodes[i].skips)-1, f.nodes[i].stop
	a, models := alpha(t, tree), float64(f.skipsAt(tree, d)+2)
	keep := (float64((1-a)*models) - 1) / (models - 1)
	a /= models - 1
	split, p := 1-stop, 0.0
	var probs [windowBits]float64
	for s := range n {
		probs[s] = f.learnSkip(first+s, tree, d+(s+1)*f.width, past, bit, t)
		w := f.skips[first+s].weight
		split -= w
		p += float64(w * probs[s])
	}
	p += float64(stop*e) + float64(split*q)
	for s := range n {
		k := &f.skips[first+s]
		k.weight = a + float64(keep*float64(k.weight*probs[s]))/p
	}
	f.nodes[i].stop = a + float64(keep*float64(stop*e))/p
	return p
}

// learnSkip learns the bit in the tree behind a skip to depth d, and returns
// the probability it gave it.
func (f *switching) learnSkip(s, tree, d int, past uint64, bit, t uint32) float64 {
	dir := past << d >> 63
	c := f.skips[s].child[dir]
	if c == 0 {
		c = f.add(switcher{stop: priorStop, at: t})
		f.skips[s].child[dir] = c
	}
	f.subpath = f.descend(f.subpath[:0], c, tree, d+1, past, t, false)
	return f.update(f.subpath, tree, d+1, past, bit, t)
}

func (f *switching) steps() int { return len(f.path) }

func (f *switching) size() (int, int64) {
	return len(f.nodes), sliceBytes(f.nodes) + sliceBytes(f.skips)
}

func (f *switching) fields(a *predictors.Archive) {
	if a.Reading() {
		f.nodes, f.skips = nil, nil
	}
	for x := range 2 {
		column(a, &f.nodes, func(v *switcher) *float32 { return &v.n[x] })
		column(a, &f.nodes, func(v *switcher) *uint32 { return &v.child[x] })
		column(a, &f.skips, func(k *skip) *uint32 { return &k.child[x] })
	}
	column(a, &f.nodes, func(v *switcher) *float64 { return &v.stop })
	column(a, &f.nodes, func(v *switcher) *uint32 { return &v.at })
	column(a, &f.nodes, func(v *switcher) *uint32 { return &v.skips })
	column(a, &f.skips, func(k *skip) *float64 { return &k.weight })
	if a.Reading() && a.Err() == nil {
		if err := f.check(); err != nil {
			a.Fail(err)
		}
	}
}

// check walks all trees, and refuses what is no tree of nodes within their
// depths.
func (f *switching) check() error {
	if len(f.nodes) < len(f.reach) {
		return fmt.Errorf("cts: %d nodes saved, want at least the %d roots", len(f.nodes), len(f.reach))
	}
	type place struct {
		node    uint32
		tree, d int
		whole   bool
	}
	met := make([]bool, len(f.nodes))
	var todo []place
	for tree := range f.reach {
		todo = append(todo, place{uint32(tree), tree, 0, true})
	}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		bad := fmt.Errorf("cts: saved node %d is damaged", at.node)
		if int(at.node) >= len(f.nodes) || met[at.node] || at.d > int(f.reach[at.tree]) {
			return bad
		}
		met[at.node] = true
		v, skips := &f.nodes[at.node], 0
		if at.whole && !v.childless() {
			skips = f.skipsAt(at.tree, at.d)
		}
		if v.at != 0 && v.at < windowBits || v.at > f.h.n || !(v.n[0] >= 0 && v.n[1] >= 0 && v.stop > 0 && v.stop < 1) ||
			(v.skips != 0) != (skips != 0) || skips != 0 && int(v.skips)-1+skips > len(f.skips) {
			return bad
		}
		for _, c := range v.child {
			if c != 0 {
				todo = append(todo, place{c, at.tree, at.d + 1, at.whole})
			}
		}
		for s := range skips {
			k := &f.skips[int(v.skips)-1+s]
			if !(k.weight > 0 && k.weight < 1) {
				return bad
			}
			for _, c := range k.child {
				if c != 0 {
					todo = append(todo, place{c, at.tree, at.d + (s+1)*f.width + 1, false})
				}
			}
		}
	}
	return nil
}
