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

// A seedling is a growing tree whose children are found but not listed.
type seedling struct {
	*listing
	a     int
	first []uint32 // the root's children by symbol, if A ≤ 256
	pairs []uint32 // theirs, by both symbols
	edges edges
}

func newSeedling(a int) seedling {
	s := seedling{listing: newListing(1), a: a}
	s.index()
	return s
}

// index makes the tables for the listing.
func (s *seedling) index() {
	s.edges = newEdges(len(s.parent))
	if s.a <= 256 {
		s.first, s.pairs = make([]uint32, s.a), make([]uint32, s.a<<8)
	}
	for i := 1; i < len(s.parent); i++ {
		parent, x := s.parent[i], uint32(s.symbol[i])
		switch {
		case s.first != nil && parent == 0:
			s.first[x] = uint32(i)
		case s.first != nil && s.parent[parent] == 0:
			s.pairs[uint32(s.symbol[parent])<<8|x] = uint32(i)
		default:
			s.edges.fill(s.edges.slot(parent, x), parent, x, uint32(i))
		}
	}
}

// child finds the child by x of node v, of depth j and last symbol last, or
// adds it if it may.
func (s *seedling) child(v uint32, j int, last, x uint32, add bool) (c uint32, added bool) {
	if j < 2 && s.first != nil {
		at := &s.first[0]
		if j == 0 {
			at = &s.first[x]
		} else {
			at = &s.pairs[last<<8|x]
		}
		if *at == 0 && add {
			*at = s.append(v, x)
			return *at, true
		}
		return *at, false
	}
	e := s.edges.slot(v, x)
	if e.node != 0 || !add {
		return e.node, false
	}
	c = s.append(v, x)
	s.edges.fill(e, v, x, c)
	return c, true
}

func (s *seedling) append(v, x uint32) uint32 {
	s.add(v, uint16(x), 1)
	return uint32(len(s.parent) - 1)
}

func (s *seedling) size() int      { return len(s.parent) }
func (s *seedling) list() *listing { return s.listing }

// phraseGrower parses one phrase at a time.
type phraseGrower struct {
	seedling
	parse parse
	depth int
	at    uint32 // the phrase's node
	j     int    // its length
	grown int
	last  uint32
}

func (g *phraseGrower) reset() { g.at, g.j, g.grown = 0, 0, 0 }

func (g *phraseGrower) learn(xs []predictors.Symbol) (ops int) {
	for _, symbol := range xs {
		x := uint32(symbol)
		ripe := g.j == 0 || g.parse.growAt <= 1 || g.count[g.at] >= g.parse.growAt
		c, added := g.child(g.at, g.j, g.last, x, ripe)
		switch {
		case added:
			g.grown++
		case c != 0:
			g.count[c] = addCounts(g.count[c], 1)
		}
		g.at, g.j, g.last = c, g.j+1, x
		if c == 0 || g.grown >= g.parse.grow || g.j >= g.depth {
			g.reset()
		}
	}
	return 2 * len(xs)
}

func (g *phraseGrower) trim(n int) {
	var to []uint32
	g.listing, to = g.keep(n, g.ranks(nil))
	g.index()
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
	j      int // its length
	t      int
	grown  [64]uint8 // by the number of a phrase's first symbol, modulo 64
	past   [64]uint32
}

func (g *suffixGrower) reset() { g.at, g.j, g.t, g.grown[0] = 0, 0, 0, 0 }

func (g *suffixGrower) learn(xs []predictors.Symbol) (ops int) {
	for _, x := range xs {
		ops += g.step(uint32(x))
	}
	return ops
}

func (g *suffixGrower) step(x uint32) (ops int) {
	v, j, longer, ripe := g.at, g.j, uint32(0), false
	g.at, g.j = 0, 0 // the root, if nothing longer goes on
	last := g.past[(g.t-1)&63]
	for {
		ripe = ripe || j == 0 || g.parse.growAt <= 1 || g.count[v] >= g.parse.growAt
		c, added := g.child(v, j, last, x, ripe)
		ops += 2
		if longer != 0 {
			g.suffix[longer] = c
		}
		goesOn := c != 0
		if added {
			g.suffix = append(g.suffix, 0)
			longer = c
			n := &g.grown[(g.t-j)&63]
			*n++
			goesOn = int(*n) < g.parse.grow
		}
		if goesOn && g.j == 0 {
			g.at, g.j = c, j+1
		}
		if c != 0 && !added {
			g.count[c] = addCounts(g.count[c], 1)
			break
		}
		if j == 0 {
			break
		}
		v, j = g.suffix[v], j-1
	}
	if g.j == g.depth {
		g.at, g.j = g.suffix[g.at], g.j-1
	}
	g.past[g.t&63] = x
	g.t++
	g.grown[g.t&63] = 0
	return ops
}

// trim keeps a node's suffix if it keeps the node.
func (g *suffixGrower) trim(n int) {
	l, to := g.keep(n, g.ranks(g.suffix))
	suffix := make([]uint32, len(l.parent))
	for i, s := range g.suffix {
		if to[i] != 0 {
			suffix[to[i]] = to[s]
		}
	}
	for ; g.j > 0 && to[g.at] == 0; g.j-- {
		g.at = g.suffix[g.at]
	}
	g.listing, g.suffix, g.at = l, suffix, to[g.at]
	g.index()
}
