package lempelziv

import (
	"math/bits"

	"horizon/predictors"
)

// An alignment is a place in the memory laid beside the present: if the text
// goes on as it did there, its next symbol comes next.
type alignment struct {
	differ uint64 // bit j−1: lag j differs, or is not known
	pos    uint32 // of the next symbol
	age    uint8  // symbols since it began to match, up to copyLongest
	idle   uint8  // how long it has not been listened to
}

// alignments are those that are followed, in one direction, the latest first.
// All move by a symbol at a time, so they stay in order.
type alignments struct {
	list, spare []alignment
	reverse     bool
}

func newAlignments(room int, reverse bool) alignments {
	return alignments{list: make([]alignment, 0, room), spare: make([]alignment, 0, room), reverse: reverse}
}

func (l *alignments) fork() alignments {
	f := newAlignments(cap(l.list), l.reverse)
	f.list = append(f.list, l.list...)
	return f
}

// symbol is what an alignment says comes next.
func (m *copyMemory) symbol(v *alignment, reverse bool) predictors.Symbol {
	if reverse {
		return complement(m.at(v.pos), m.a)
	}
	return m.at(v.pos)
}

// step moves all past x, and drops those that leave their document or the
// memory, which holds the positions from oldest to before end when that is done.
func (l *alignments) step(m *copyMemory, x predictors.Symbol, oldest, end uint32) {
	kept := l.list[:0]
	for i := range l.list {
		v := l.list[i]
		v.differ <<= 1
		if m.symbol(&v, l.reverse) != x {
			v.differ |= 1
		}
		if l.reverse {
			if m.begins(v.pos) || v.pos <= oldest {
				continue
			}
			v.pos--
		} else if v.pos++; v.pos >= end || v.pos < oldest || v.pos < m.n && m.begins(v.pos) {
			continue
		}
		v.age = min(v.age+1, copyLongest)
		kept = append(kept, v)
	}
	l.list = kept
}

// propose adds the places that agree with the last seed symbols, the latest
// first, until there are room of them altogether (0: no bound) or twice as
// many were looked at.
func (l *alignments) propose(m *copyMemory, p *copyPast, room int) {
	if p.known < m.seed || room > 0 && len(l.list) >= room {
		return
	}
	hash := p.hash(m.seed)
	if l.reverse {
		hash = p.hashReverse(m.seed, m.a)
	}
	fresh, i, chain := l.spare[:0], 0, 2*room
	free := room - len(l.list)
	for c := m.first(hash); c != 0 && (room == 0 || free > 0 && chain > 0); c = m.next(c) {
		chain--
		pos, ok := l.place(m, c)
		if !ok {
			continue
		}
		for ; i < len(l.list) && l.list[i].pos > pos; i++ {
			fresh = append(fresh, l.list[i])
		}
		if i < len(l.list) && l.list[i].pos == pos {
			continue
		}
		v := alignment{pos: pos}
		if l.reverse {
			v.differ = m.ahead(p, pos)
		} else {
			v.differ = m.behind(p, pos)
		}
		if bits.TrailingZeros64(v.differ) < m.seed {
			continue
		}
		v.age = uint8(bits.TrailingZeros64(v.differ))
		fresh = append(fresh, v)
		free--
	}
	if len(fresh) > i {
		fresh = append(fresh, l.list[i:]...)
		l.list, l.spare = fresh, l.list
	}
}

// place is the position of the next symbol if the seed ends before c.
func (l *alignments) place(m *copyMemory, c uint32) (pos uint32, ok bool) {
	if !l.reverse {
		return c, m.holds(c) && !m.begins(c)
	}
	first := c - uint32(m.seed)
	return first - 1, first > m.oldest() && !m.begins(first)
}
