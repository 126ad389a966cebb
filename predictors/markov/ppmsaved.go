package markov

import (
	"fmt"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
)

// A savedTrie is a trie of contexts in breadth-first order: how many
// successors each has, then their symbols and counts. A context shorter than
// the depth has a context below it for each successor.
type savedTrie struct {
	fan     []uint32
	symbols []uint16
	counts  []uint32
}

func (t *savedTrie) fields(a *predictors.Archive) {
	predictors.Slice(a, &t.fan)
	predictors.Slice(a, &t.symbols)
	predictors.Slice(a, &t.counts)
}

// export lists the contexts of m, a trie, the successors of each in
// the order in which they came, those with count 0 left out, and returns the
// contexts in the order listed.
func (t *savedTrie) export(m *contexts.Store, depth int) (order []uint32) {
	order = append(order, 0)
	for i, length, end := 0, 0, 1; i < end; length++ {
		for ; i < end; i++ {
			n := uint32(0)
			for _, y := range m.Of(order[i]) {
				if y.Count == 0 {
					continue
				}
				n++
				t.symbols, t.counts = append(t.symbols, y.Symbol), append(t.counts, y.Count)
				if length < depth {
					order = append(order, y.Next)
				}
			}
			t.fan = append(t.fan, n)
		}
		end = len(order)
	}
	return order
}

// restore hands every successor to add, with the number and length of its
// context, and refuses what is no trie of this depth over a symbols.
func (t *savedTrie) restore(kind string, depth, a int, add func(c uint32, length int, symbol uint16, count uint32) error) error {
	if len(t.symbols) != len(t.counts) {
		return fmt.Errorf("%s: %d saved symbols have %d counts", kind, len(t.symbols), len(t.counts))
	}
	c, at := 0, 0
	for length, end := 0, 1; c < end; length++ {
		first := at
		for ; c < end; c++ {
			if c >= len(t.fan) || uint64(t.fan[c]) > uint64(min(len(t.symbols)-at, a)) {
				return fmt.Errorf("%s: saved context %d is damaged", kind, c)
			}
			for n := t.fan[c]; n > 0; n, at = n-1, at+1 {
				if int(t.symbols[at]) >= a || t.counts[at] == 0 {
					return fmt.Errorf("%s: saved context %d is damaged: symbol %d, count %d", kind, c, t.symbols[at], t.counts[at])
				}
				if err := add(uint32(c), length, t.symbols[at], t.counts[at]); err != nil {
					return fmt.Errorf("%s: saved context %d is damaged: %w", kind, c, err)
				}
			}
		}
		if length < depth {
			end += at - first
		}
	}
	if c != len(t.fan) || at != len(t.symbols) {
		return fmt.Errorf("%s: %d contexts with %d successors are saved, want %d and %d", kind, len(t.fan), len(t.symbols), c, at)
	}
	return nil
}
