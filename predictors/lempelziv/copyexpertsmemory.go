package lempelziv

import (
	"math/bits"

	"horizon/predictors"
)

// A copyMemory is text that may be copied from: the latest symbols learned, and
// an index of the positions that h given symbols precede. A position is that
// of a next symbol and counts from the first symbol ever learned. Documents do
// not run into each other: a bit marks where one starts.
//
// A symbol takes 1 byte (2 above 256 symbols), 1/8 for the mark and 4 for the
// chain of positions of equal hash; a bucket takes 4, and there is one for two
// symbols.
type copyMemory struct {
	a        int
	wide     bool // two bytes a symbol
	seed     int  // h
	capacity uint32
	n        uint32 // symbols learned; kept are those from oldest() on
	text     []byte
	starts   []uint64
	prev     []uint32 // by slot: an earlier position of the same bucket, or 0
	heads    []uint32 // by hash: the latest position, or 0
	run      int      // symbols learned in a row, up to seed
}

// copyLongest bounds how far back a match is looked at.
const copyLongest = 64

func newCopyMemory(a, seed int, capacity uint32) *copyMemory {
	m := &copyMemory{a: a, wide: a > 256, seed: seed, capacity: capacity}
	m.heads = make([]uint32, 16)
	return m
}

// oldest is the first position kept.
func (m *copyMemory) oldest() uint32 {
	if m.capacity == 0 || m.n <= m.capacity {
		return 0
	}
	return m.n - m.capacity
}

// slot is where a position lies: the text is a ring once it is full.
func (m *copyMemory) slot(pos uint32) uint32 {
	if m.capacity == 0 || pos < m.capacity {
		return pos
	}
	return pos % m.capacity
}

func (m *copyMemory) at(pos uint32) predictors.Symbol {
	s := m.slot(pos)
	if m.wide {
		return predictors.Symbol(m.text[2*s]) | predictors.Symbol(m.text[2*s+1])<<8
	}
	return predictors.Symbol(m.text[s])
}

// begins says whether a document starts at pos.
func (m *copyMemory) begins(pos uint32) bool {
	s := m.slot(pos)
	return m.starts[s/64]>>(s%64)&1 == 1
}

// holds says whether there is a symbol at pos.
func (m *copyMemory) holds(pos uint32) bool { return pos < m.n && pos >= m.oldest() }

// add learns a symbol, at the start of a document or after the last one, and
// enters the position after it in the index.
func (m *copyMemory) add(x predictors.Symbol, start bool) {
	m.grow()
	s := m.slot(m.n)
	if m.wide {
		m.text[2*s], m.text[2*s+1] = byte(x), byte(x>>8)
	} else {
		m.text[s] = byte(x)
	}
	m.starts[s/64] &^= 1 << (s % 64)
	if start {
		m.starts[s/64] |= 1 << (s % 64)
		m.run = 0
	}
	m.run = min(m.run+1, m.seed)
	m.n++
	m.enter(m.n, m.run)
}

// grow makes room for one more symbol.
func (m *copyMemory) grow() {
	if m.capacity == 0 || m.n < m.capacity {
		m.text = append(m.text, 0)
		if m.wide {
			m.text = append(m.text, 0)
		}
		m.prev = append(m.prev, 0)
		if int(m.n/64) == len(m.starts) {
			m.starts = append(m.starts, 0)
		}
	}
	if int(m.n) >= 2*len(m.heads) && (m.capacity == 0 || len(m.heads) <= int(m.capacity/2)) {
		m.reindex(2 * len(m.heads))
	}
}

// enter puts a position into the index that run symbols precede without a gap.
func (m *copyMemory) enter(pos uint32, run int) {
	if run < m.seed {
		return
	}
	h := uint64(0)
	for i := pos - uint32(m.seed); i < pos; i++ {
		h = copyHash(h, m.at(i))
	}
	b := m.bucket(h)
	m.prev[m.chain(pos)] = m.heads[b]
	m.heads[b] = pos
}

// chain is where the position before pos in its bucket is kept: with the
// symbol before pos, which is there whether the one at pos is or not.
func (m *copyMemory) chain(pos uint32) uint32 { return m.slot(pos - 1) }

func (m *copyMemory) reindex(buckets int) {
	m.heads = make([]uint32, buckets)
	run := 0
	for i := m.oldest(); i < m.n; i++ {
		if run++; m.begins(i) {
			run = 1
		}
		m.enter(i+1, run)
	}
}

// copyHash takes one symbol more into a hash.
func copyHash(h uint64, x predictors.Symbol) uint64 {
	return (h + uint64(x) + 1) * 0x9e3779b97f4a7c15
}

func (m *copyMemory) bucket(h uint64) uint64 {
	hi, _ := bits.Mul64(h^h>>29, uint64(len(m.heads)))
	return hi
}

// next is the position before pos in its bucket, or 0.
func (m *copyMemory) next(pos uint32) uint32 {
	if p := m.prev[m.chain(pos)]; p > m.oldest() && p < pos {
		return p
	}
	return 0
}

// first is the latest position of a hash, or 0.
func (m *copyMemory) first(h uint64) uint32 {
	if p := m.heads[m.bucket(h)]; p > m.oldest() {
		return p
	}
	return 0
}

// shrink keeps the latest symbols, as many as fit into limit bytes, and gives
// back room that is not used.
func (m *copyMemory) shrink(limit int64) {
	keep := m.n - m.oldest()
	if limit > 0 {
		keep = uint32(min(int64(keep), m.fitting(limit)))
	}
	s := newCopyMemory(m.a, m.seed, 0)
	s.prev, s.starts, s.heads = make([]uint32, 0, keep), make([]uint64, 0, keep/64+1), make([]uint32, keep/2+1)
	width := uint32(1)
	if m.wide {
		width = 2
	}
	s.text = make([]byte, 0, keep*width)
	if limit > 0 {
		s.capacity = max(keep, 1)
	}
	for i := m.n - keep; i < m.n; i++ {
		s.add(m.at(i), i == m.n-keep || m.begins(i))
	}
	*m = *s
}

// fitting is how many symbols fit into limit bytes.
func (m *copyMemory) fitting(limit int64) int64 {
	return max(0, limit-64) * 1000 / m.milli()
}

// milli is the bytes that a thousand symbols take.
func (m *copyMemory) milli() int64 {
	each := int64(1000 + 125 + 4000 + 2000)
	if m.wide {
		each += 1000
	}
	return each
}

func (m *copyMemory) bytes() int64 {
	return int64(cap(m.text)) + 8*int64(cap(m.starts)) + 4*int64(cap(m.prev)+cap(m.heads))
}

// A copyPast is the latest symbols of a walk, latest first.
type copyPast struct {
	last  [copyLongest]predictors.Symbol
	known int
}

func (p *copyPast) push(x predictors.Symbol) {
	copy(p.last[1:], p.last[:copyLongest-1])
	p.last[0] = x
	p.known = min(p.known+1, copyLongest)
}

// hash is that of the last n symbols in their order.
func (p *copyPast) hash(n int) uint64 {
	h := uint64(0)
	for i := n - 1; i >= 0; i-- {
		h = copyHash(h, p.last[i])
	}
	return h
}

// hashReverse is that of their reverse complement.
func (p *copyPast) hashReverse(n, a int) uint64 {
	h := uint64(0)
	for i := range n {
		h = copyHash(h, complement(p.last[i], a))
	}
	return h
}

// complement is A−1−x: of the bases acgt in this order, the opposite one.
func complement(x predictors.Symbol, a int) predictors.Symbol {
	return predictors.Symbol(a-1) - x
}

// behind compares the past with the text before pos: bit j−1 of the result is
// set where lag j differs, or is not known on both sides.
func (m *copyMemory) behind(p *copyPast, pos uint32) (differ uint64) {
	j := 0
	for oldest := m.oldest(); j < p.known && pos-uint32(j) > oldest; j++ {
		if j > 0 && m.begins(pos-uint32(j)) || j == 0 && pos < m.n && m.begins(pos) {
			break
		}
		if m.at(pos-uint32(j)-1) != p.last[j] {
			differ |= 1 << j
		}
	}
	return differ | ^uint64(0)<<j
}

// ahead compares the past with the complement of the text that follows pos,
// for a copy that runs backwards.
func (m *copyMemory) ahead(p *copyPast, pos uint32) (differ uint64) {
	j := 0
	for ; j < p.known && pos+uint32(j)+1 < m.n && !m.begins(pos+uint32(j)+1); j++ {
		if complement(m.at(pos+uint32(j)+1), m.a) != p.last[j] {
			differ |= 1 << j
		}
	}
	return differ | ^uint64(0)<<j
}
