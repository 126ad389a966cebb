package lempelziv

import (
	"math"

	"horizon/predictors"
)

// Growers of trees for training. What walk.learn does for any settings with a
// look-up for every suffix, these do for the two that matter with one or two a
// symbol, and no lists of children:
//
//   - one phrase at a time, counted where it goes (LZ78): one look-up;
//   - a phrase from every symbol, counts of novelties: a node links to that of
//     its string without the first symbol, so that only the longest phrase need
//     be followed. Where x is new, it adds a node and goes on with the suffix,
//     down to the first that knows x, counts there and stops: shorter ones know
//     x too. Since a symbol adds one node on average, that is two look-ups.
//     (So do PPM's vine pointers, Moffat 1990, and Ukkonen's suffix trees.)
//
// Children of the root and of its children are found in tables, if there are
// at most 256 symbols; the tests hold all of them to the same trees.
type grower interface {
	reset()
	// learn learns part of a document and returns the entries of the tree
	// that it read or wrote.
	learn(xs []predictors.Symbol) (ops int)
	size() int
	// trim cuts the tree back to n nodes at most.
	trim(n int)
	list() *listing
}

func (p *blend) newGrower() grower {
	r := p.parse
	r.maxSize = math.MaxInt32
	switch {
	case r.growAt > 1:
	case r.starts == 1 && r.counts == countPhrases:
		return &phraseGrower{seedling: newSeedling(p.a), parse: r, depth: p.c.Depth}
	case r.starts == 0 && r.counts == countNovel:
		return &suffixGrower{seedling: newSeedling(p.a), parse: r, depth: p.c.Depth, suffix: make([]uint32, 1)}
	}
	m := &blendModel{kind: p.kind, c: p.c, a: p.a, parse: r}
	m.hold(newTree(m.a, 32))
	return &walkGrower{&blend{blendModel: m, learner: true}}
}

// walkGrower learns as a predictor does.
type walkGrower struct{ *blend }

func (g *walkGrower) reset() { g.Reset() }

func (g *walkGrower) learn(xs []predictors.Symbol) int {
	before := g.ops
	for _, x := range xs {
		g.Learn(x)
	}
	return int(g.ops - before)
}

func (g *walkGrower) size() int      { return g.trees[0].size() }
func (g *walkGrower) list() *listing { return g.trees[0].listAll() }

func (g *walkGrower) trim(n int) {
	g.replant(func(l *listing) *trie {
		l, _ = l.keep(n, l.ranks(nil))
		return l.layOut(g.a, 32)
	})
}

// A seedling is a growing tree whose children are found but not listed, and
// counted where they are found.
type seedling struct {
	*listing // without counts
	a        int
	first    []edge // the root's children by symbol, if A ≤ 256
	pairs    []edge // theirs, by both symbols
	edges    edges
}

func newSeedling(a int) seedling {
	s := seedling{a: a}
	s.replant(newListing(1))
	return s
}

// replant takes a listing for its tree.
func (s *seedling) replant(l *listing) {
	s.listing, s.edges = l, newEdges(len(l.parent))
	if s.a <= 256 {
		s.first, s.pairs = make([]edge, s.a), make([]edge, s.a<<8)
	}
	for i := 1; i < len(l.parent); i++ {
		v, x := l.parent[i], uint32(l.symbol[i])
		j := min(v, 1)
		if v != 0 && l.parent[v] != 0 {
			j = 2
		}
		e := s.edge(v, j, uint32(l.symbol[v]), x)
		e.node, e.count = uint32(i), l.count[i]
		if j == 2 || s.first == nil {
			s.edges.fill(e, v, x, uint32(i), l.count[i])
		}
	}
}

// edge is where the child by x of node v is or belongs, v being of depth j (2
// for more) and of last symbol last.
func (s *seedling) edge(v, j, last, x uint32) *edge {
	switch {
	case j > 1 || s.first == nil:
		return s.edges.slot(v, x)
	case j == 0:
		return &s.first[x]
	}
	return &s.pairs[last<<8|x]
}

// sprout adds a child at its edge.
func (s *seedling) sprout(e *edge, v, j, x uint32) uint32 {
	c := uint32(len(s.parent))
	s.parent, s.symbol = append(s.parent, v), append(s.symbol, uint16(x))
	if s.cut != nil {
		s.cut = append(s.cut, 0)
	}
	if j > 1 || s.first == nil {
		s.edges.fill(e, v, x, c, 1)
	} else {
		e.node, e.count = c, 1
	}
	return c
}

func (e *edge) bump() {
	if e.count != math.MaxUint32 {
		e.count++
	}
}

func (s *seedling) size() int { return len(s.parent) }

// list adds the counts.
func (s *seedling) list() *listing {
	s.count = make([]uint32, len(s.parent))
	for _, es := range [][]edge{s.first, s.pairs, s.edges.slots} {
		for i := range es {
			s.count[es[i].node] = es[i].count
		}
	}
	s.count[0] = 0
	return s.listing
}

// phraseGrower parses one phrase at a time.
type phraseGrower struct {
	seedling
	parse parse
	depth int
	at    uint32 // the phrase's node
	j     uint32 // its length
	grown int
	last  uint32
}

func (g *phraseGrower) reset() { g.at, g.j, g.grown = 0, 0, 0 }

func (g *phraseGrower) learn(xs []predictors.Symbol) (ops int) {
	for _, x := range xs {
		g.step(uint32(x))
	}
	return 2 * len(xs)
}

func (g *phraseGrower) step(x uint32) {
	e := g.edge(g.at, g.j, g.last, x)
	c := e.node
	if c == 0 {
		c = g.sprout(e, g.at, g.j, x)
		g.grown++
	} else {
		e.bump()
	}
	g.at, g.j, g.last = c, g.j+1, x
	if g.grown >= g.parse.grow || int(g.j) >= g.depth {
		g.reset()
	}
}

func (g *phraseGrower) trim(n int) {
	l := g.list()
	l, to := l.keep(n, l.ranks(nil))
	g.replant(l)
	if g.at != 0 && to[g.at] == 0 {
		g.reset()
	}
	g.at = to[g.at]
}

// suffixGrower parses a phrase from every symbol. Those that go on are the
// longest, at, and all its suffixes.
type suffixGrower struct {
	seedling
	suffix []uint32 // by node: that of its string without the first symbol
	parse  parse
	depth  int
	at     uint32
	j      uint32 // its length
	t      uint32
	grown  [64]uint8 // by the number of a phrase's first symbol, modulo 64
	past   uint32
}

func (g *suffixGrower) reset() { g.at, g.j, g.t, g.grown[0] = 0, 0, 0, 0 }

func (g *suffixGrower) learn(xs []predictors.Symbol) (ops int) {
	for _, x := range xs {
		ops += g.step(uint32(x))
	}
	return ops
}

func (g *suffixGrower) step(x uint32) (ops int) {
	v, j, longer := g.at, g.j, uint32(0)
	g.at, g.j = 0, 0 // the root, if nothing longer goes on
	last := g.past
	for {
		e := g.edge(v, j, last, x)
		ops += 2
		c := e.node
		known := c != 0
		if !known {
			c = g.sprout(e, v, j, x)
			g.suffix = append(g.suffix, 0)
			g.grown[(g.t-j)&63]++
		} else {
			e.bump()
		}
		if longer != 0 {
			g.suffix[longer] = c
		}
		longer = c
		if g.j == 0 && (known || int(g.grown[(g.t-j)&63]) < g.parse.grow) {
			g.at, g.j = c, j+1
		}
		if known || j == 0 {
			break
		}
		v, j = g.suffix[v], j-1
	}
	if int(g.j) == g.depth {
		g.at, g.j = g.suffix[g.at], g.j-1
	}
	g.past = x
	g.t++
	g.grown[g.t&63] = 0
	return ops
}

// trim keeps a node's suffix if it keeps the node.
func (g *suffixGrower) trim(n int) {
	l := g.list()
	l, to := l.keep(n, l.ranks(g.suffix))
	suffix := make([]uint32, len(l.parent))
	for i, s := range g.suffix {
		if to[i] != 0 {
			suffix[to[i]] = to[s]
		}
	}
	for ; g.j > 0 && to[g.at] == 0; g.j-- {
		g.at = g.suffix[g.at]
	}
	g.suffix, g.at = suffix, to[g.at]
	g.replant(l)
}
