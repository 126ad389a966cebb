package lempelziv

import (
	"fmt"

	"horizon/predictors"
)

// fields writes or reads the counts: contexts by their keys, and of followers
// keys and counts while it grows, or the packed columns.
func (g *quantGrams) fields(a *predictors.Archive) {
	var c quantColumns
	if a.Reading() {
		g.class = nil
	} else {
		c = g.columns()
	}
	predictors.Value(a, &c.packed)
	predictors.Slice(a, &g.class)
	predictors.Slice(a, &g.labels.keys)
	predictors.Slice(a, &c.keys)
	for _, column := range []*[]uint32{&c.counts, &c.totals, &c.kinds, &c.firsts} {
		predictors.Slice(a, column)
	}
	predictors.Slice(a, &c.symbols)
	g.quantBlend.fields(a, g.order)
	if !a.Reading() {
		return
	}
	if a.Err() == nil {
		a.Fail(g.rebuild(&c))
	}
	if a.Err() != nil {
		g.class = nil
		g.clear()
	}
}

type quantColumns struct {
	packed                        uint8
	keys                          []uint64 // of followers while it grows
	counts, totals, kinds, firsts []uint32
	symbols                       []predictors.Symbol
}

func (g *quantGrams) columns() (c quantColumns) {
	if !g.packed {
		c.keys = g.pairs.keys
		for _, f := range g.followers {
			c.counts = append(c.counts, f.count)
		}
		return c
	}
	c.packed, c.symbols, c.counts = 1, g.symbols, g.counts
	for _, h := range g.contexts {
		c.totals, c.kinds, c.firsts = append(c.totals, h.total), append(c.kinds, h.kinds), append(c.firsts, h.first)
	}
	return c
}

// rebuild derives lists, sums and slots, and refuses what is no context tree.
func (g *quantGrams) rebuild(c *quantColumns) error {
	if len(g.class) == 0 {
		g.class = nil
	} else if len(g.class) != g.a {
		return fmt.Errorf("lempelziv: %d saved classes, want one for each of %d symbols", len(g.class), g.a)
	}
	for x, c := range g.class {
		if int(c) >= g.a {
			return fmt.Errorf("lempelziv: saved class of symbol %d = %d, want < %d", x, c, g.a)
		}
	}
	labels := g.labels.keys
	depth := make([]uint8, len(labels))
	for c := 1; c < len(labels); c++ {
		up := labels[c] >> 16
		if up >= uint64(c) || int(labels[c]&0xffff) >= g.a || int(depth[up]) >= g.order {
			return fmt.Errorf("lempelziv: saved context %d is damaged", c)
		}
		depth[c] = depth[up] + 1
	}
	if len(labels) == 0 || len(c.counts) != max(len(c.keys), len(c.symbols)) {
		return fmt.Errorf("lempelziv: saved %d contexts, %d followers and %d counts, want at least 1 and as many counts as followers",
			len(labels), max(len(c.keys), len(c.symbols)), len(c.counts))
	}
	g.labels.rehash(slotsFor(len(labels)))
	if g.packed = c.packed == 1; g.packed {
		return g.unpackColumns(c)
	}
	return g.growColumns(c)
}

func (g *quantGrams) growColumns(c *quantColumns) error {
	n := len(c.keys)
	if n == 0 {
		return fmt.Errorf("lempelziv: no saved followers, want the unused one")
	}
	g.symbols, g.counts = nil, nil
	g.contexts = make([]quantContext, len(g.labels.keys))
	g.pairs.keys, g.followers = make([]uint64, 1, n), make([]quantFollower, 1, n)
	g.pairs.slots = make([]uint32, slotsFor(n))
	for f := 1; f < n; f++ {
		owner := c.keys[f] >> 16
		if owner >= uint64(len(g.contexts)) || int(c.keys[f]&0xffff) >= g.a || c.counts[f] == 0 {
			return fmt.Errorf("lempelziv: saved follower %d is damaged", f)
		}
		g.follow(uint32(owner), predictors.Symbol(c.keys[f]), c.counts[f])
	}
	return nil
}

func (g *quantGrams) unpackColumns(c *quantColumns) error {
	n := len(g.labels.keys)
	if len(c.totals) != n+1 || len(c.kinds) != n+1 || len(c.firsts) != n+1 || c.firsts[0] != 0 || int(c.firsts[n]) != len(c.symbols) {
		return fmt.Errorf("lempelziv: saved columns of %d, %d and %d contexts, want %d", len(c.totals), len(c.kinds), len(c.firsts), n+1)
	}
	g.pairs, g.followers, g.symbols, g.counts = quantTable{}, nil, c.symbols, c.counts
	g.contexts = make([]quantContext, n+1)
	for i := range g.contexts {
		h := quantContext{first: c.firsts[i], total: c.totals[i], kinds: c.kinds[i]}
		if i < n && (c.firsts[i] > c.firsts[i+1] || int(c.firsts[i+1]) > len(c.symbols) || h.total > 0 && h.kinds == 0) {
			return fmt.Errorf("lempelziv: saved context %d is damaged", i)
		}
		for f := h.first; i < n && f < c.firsts[i+1]; f++ {
			if int(c.symbols[f]) >= g.a || f > h.first && c.symbols[f] <= c.symbols[f-1] || c.counts[f] > h.total-h.mass {
				return fmt.Errorf("lempelziv: saved follower %d is damaged", f)
			}
			h.mass += c.counts[f]
		}
		g.contexts[i] = h
	}
	return nil
}
