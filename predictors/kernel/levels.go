package kernel

import "math/bits"

// A target has a *level*: the least j such that no target before it has the
// same next symbol after the same j+1 symbols, or m if there is none. The
// targets of level ≤ j are thus one for each kind of event of j+1 symbols of
// context, in place of one for each event: what Kneser and Ney (1995) count in
// lower orders. Where all levels are 0 every event counts in every order.

// A namer gives equal names to targets that agree on their next symbol and
// their last symbols, an order at a time: the name for one lag more is that of
// the pair (name, symbol) (Karp, Miller & Rosenberg 1972).
type namer struct {
	table []uint64 // pairs, by linear probing; a pair's place is its name
	twice []bool   // whether a name has been given more than once
	shift uint
}

// reset makes room for n pairs.
func (nm *namer) reset(n int) {
	log := bits.Len(uint(2*n)) + 1
	if size := 1 << log; size <= cap(nm.table) {
		nm.table, nm.twice = nm.table[:size], nm.twice[:size]
		clear(nm.table)
		clear(nm.twice)
	} else {
		nm.table, nm.twice = make([]uint64, size), make([]bool, size)
	}
	nm.shift = uint(64 - log)
}

// name returns the name of a pair and whether it is new.
func (nm *namer) name(last uint32, x Symbol) (name uint32, fresh bool) {
	key := uint64(last)<<16 | uint64(x) + 1 // 0 is free
	mask := uint64(len(nm.table) - 1)
	i := key * 0x9e3779b97f4a7c15 >> nm.shift
	for ; nm.table[i] != key; i = (i + 1) & mask {
		if nm.table[i] == 0 {
			nm.table[i] = key
			return uint32(i), true
		}
	}
	nm.twice[i] = true
	return uint32(i), false
}

// levels sets level[pos] of the targets, as if those from number first to
// before last did not exist. A lag before the start of a document agrees with
// nothing. Expected time O(m n), most of it for the targets not yet unique.
func (mem *memory) levels(level []uint8, lags, first, last int) {
	type named struct{ pos, name uint32 }
	open := make([]named, 0, len(mem.targets)-(last-first))
	for _, part := range [][]uint32{mem.targets[:first], mem.targets[last:]} {
		for _, pos := range part {
			open = append(open, named{pos, uint32(mem.label(pos))})
			level[pos] = uint8(lags)
		}
	}
	var nm namer
	for j := range uint8(lags) {
		nm.reset(len(open))
		kept := open[:0]
		for _, t := range open {
			x := mem.symbol(t.pos - uint32(j) - 1)
			if x == missing {
				level[t.pos] = min(level[t.pos], j)
				continue
			}
			name, fresh := nm.name(t.name, x)
			if fresh {
				level[t.pos] = min(level[t.pos], j)
			}
			kept = append(kept, named{t.pos, name})
		}
		open = kept
		kept = open[:0]
		for _, t := range open { // what is alone stays alone
			if nm.twice[t.name] {
				kept = append(kept, t)
			}
		}
		open = kept
	}
}

// level is that of a next symbol x after c: the least j with e_{j+1}(x) = 0.
func (s *smoother) level(x Symbol, c *past) uint8 {
	s.past = *c
	s.gather()
	for _, at := range s.cells {
		s.mass[at] = 0
	}
	s.tallyChain(true)
	j := 0
	for j < s.c.Lags && s.tally.seen(j+1, x) > 0 {
		j++
	}
	s.tally.clear()
	return uint8(j)
}
