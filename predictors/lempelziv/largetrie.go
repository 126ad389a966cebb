package lempelziv

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
)

// A trie is a tree of counted strings at rest: a node is a string, its parent
// the string without its last symbol. Nodes are numbered breadth first, the
// children of a node by symbol, so that they lie side by side and so do the
// families of consecutive parents (as in Jacobson 1989's level-order trees).
// Two bits a node then say where everything is: whether it has children, and
// whether it is the last of its family. For every 64 nodes stand their bits
// and where the first family of theirs begins; the family of the k-th parent
// among them is found by skipping k ends of families from there. With one byte
// for the symbol that makes 1.375 bytes a node before counts, which take 4 to
// 32 bits (see largecounts.go); all are flat arrays.
//
// A child is found by scanning its family's bytes, and a family is listed for
// nothing.
type trie struct {
	n      int      // nodes, the root included
	index  []uint64 // three words for 64 nodes: parents, ends of families, first child | families before << 32
	syms   []uint8  // a node's symbol
	high   []uint8  // its high byte, for alphabets over 256
	counts countArray
	cut    []uint8 // by family: children cut that had come once, 255 for more; empty if none was
	fans   []fan   // of the first nodes, whose families are large; not saved
}

// A fan sums up a family: what its counts add up to, and how many of them are
// 1, 2 and more. Of those that are 1, cut are of children cut away: they say how
// often something new came, but nobody has their share of the prediction, so
// that it is the shorter contexts'.
type fan struct {
	total                  uint64
	once, twice, more, cut uint32
}

// fansKept is how many of n nodes have their fans kept: the root, its children
// and the first of theirs.
func fansKept(n int) int { return min(1+n/32, 4096) }

func (f *fan) add(n uint32) {
	f.total += uint64(n)
	switch n {
	case 0:
	case 1:
		f.once++
	case 2:
		f.twice++
	default:
		f.more++
	}
}

// kinds is how many different symbols came.
func (f *fan) kinds() uint32 { return f.once + f.twice + f.more }

// family is the range of a node's children.
func (t *trie) family(i uint32) (lo, hi uint32) {
	w := 3 * (i >> 6)
	parents, bit := t.index[w], uint64(1)<<(i&63)
	if parents&bit == 0 {
		return 0, 0
	}
	lo = t.after(uint32(t.index[w+2]), bits.OnesCount64(parents&(bit-1)))
	return lo, t.after(lo, 1)
}

// rank is the number of a family: how many nodes before its parent have
// children.
func (t *trie) rank(parent uint32) uint32 {
	w := 3 * (parent >> 6)
	before := t.index[w] & (1<<(parent&63) - 1)
	return uint32(t.index[w+2]>>32) + uint32(bits.OnesCount64(before))
}

// after is the node behind the k-th end of a family from node i on.
func (t *trie) after(i uint32, k int) uint32 {
	if k == 0 {
		return i
	}
	w := i >> 6
	ends := t.index[3*w+1] >> (i & 63) << (i & 63)
	for {
		n := bits.OnesCount64(ends)
		if n >= k {
			break
		}
		k -= n
		w++
		ends = t.index[3*w+1]
	}
	for ; k > 1; k-- {
		ends &= ends - 1
	}
	return w<<6 + uint32(bits.TrailingZeros64(ends)) + 1
}

// symbol is the last of a node's string.
func (t *trie) symbol(i uint32) uint32 {
	if t.high == nil {
		return uint32(t.syms[i])
	}
	return uint32(t.syms[i]) | uint32(t.high[i])<<8
}

// search finds symbol x in a family; 0, which is nobody's child, if it is not
// there.
func (t *trie) search(lo, hi, x uint32) uint32 {
	if t.high != nil {
		return t.searchWide(lo, hi, x)
	}
	if at := bytes.IndexByte(t.syms[lo:hi], uint8(x)); at >= 0 {
		return lo + uint32(at)
	}
	return 0
}

func (t *trie) searchWide(lo, hi, x uint32) uint32 {
	end := hi
	for lo < hi {
		if mid := (lo + hi) >> 1; t.symbol(mid) < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < end && t.symbol(lo) == x {
		return lo
	}
	return 0
}

// fan is that of the family lo to hi of a parent.
func (t *trie) fan(parent, lo, hi uint32) fan {
	if int(parent) < len(t.fans) {
		return t.fans[parent]
	}
	return t.sum(parent, lo, hi)
}

func (t *trie) sum(parent, lo, hi uint32) fan {
	var f fan
	for c := lo; c < hi; c++ {
		f.add(t.counts.at(c))
	}
	t.addCut(&f, parent, lo, hi)
	return f
}

// addCut counts the children cut from a family.
func (t *trie) addCut(f *fan, parent, lo, hi uint32) {
	if len(t.cut) == 0 || lo == hi {
		return
	}
	n := uint32(t.cut[t.rank(parent)])
	f.once += n
	f.cut += n
	f.total += uint64(n)
}

// keepFans lays up the first nodes' fans.
func (t *trie) keepFans() {
	t.fans = nil
	fans := make([]fan, fansKept(t.n))
	for i := range fans {
		lo, hi := t.family(uint32(i))
		fans[i] = t.sum(uint32(i), lo, hi)
	}
	t.fans = fans
}

// bytes counts everything, the fans too.
func (t *trie) bytes() int64 {
	return 8*int64(cap(t.index)) + int64(cap(t.syms)+cap(t.high)+cap(t.cut)) + t.counts.bytes() + 24*int64(cap(t.fans))
}

// A listing is a tree as a list of nodes, parents before children, node 0
// being the root, whose entries mean nothing.
type listing struct {
	parent []uint32
	symbol []uint16
	count  []uint32
	cut    []uint8 // by parent: children cut that had come once; nil if none was
}

func newListing(n int) *listing {
	return &listing{parent: make([]uint32, n), symbol: make([]uint16, n), count: make([]uint32, n)}
}

func (l *listing) add(parent uint32, symbol uint16, count uint32) {
	l.parent = append(l.parent, parent)
	l.symbol = append(l.symbol, symbol)
	l.count = append(l.count, count)
	if l.cut != nil {
		l.cut = append(l.cut, 0)
	}
}

// list turns a trie into a listing with the same numbers.
func (t *trie) list() *listing {
	l := newListing(t.n)
	if len(t.cut) > 0 {
		l.cut = make([]uint8, t.n)
	}
	for i := range uint32(t.n) {
		lo, hi := t.family(i)
		for c := lo; c < hi; c++ {
			l.parent[c], l.symbol[c], l.count[c] = i, uint16(t.symbol(c)), t.counts.at(c)
		}
		if lo < hi && l.cut != nil {
			l.cut[i] = t.cut[t.rank(i)]
		}
	}
	return l
}

// families gathers the children of each node: those of i are
// children[start[i]:start[i+1]], by symbol.
func (l *listing) families() (start, children []uint32) {
	n := len(l.parent)
	start = make([]uint32, n+1)
	for _, p := range l.parent[1:] {
		start[p+1]++
	}
	for i := range n {
		start[i+1] += start[i]
	}
	children = make([]uint32, max(n-1, 0))
	next := slices.Clone(start[:n])
	for i := 1; i < n; i++ {
		p := l.parent[i]
		children[next[p]] = uint32(i)
		next[p]++
	}
	for i := range n {
		f := children[start[i]:start[i+1]]
		if len(f) > 1 {
			l.sort(f)
		}
	}
	return start, children
}

// sort orders a family by symbol: most are so small that insertion is best.
func (l *listing) sort(f []uint32) {
	if len(f) > 24 {
		slices.SortFunc(f, func(a, b uint32) int { return int(l.symbol[a]) - int(l.symbol[b]) })
		return
	}
	for i := 1; i < len(f); i++ {
		c, j := f[i], i
		for ; j > 0 && l.symbol[f[j-1]] > l.symbol[c]; j-- {
			f[j] = f[j-1]
		}
		f[j] = c
	}
}

// layOut makes the trie of a listing; a is the size of the alphabet, bits that
// of a count.
func (l *listing) layOut(a, bits int) *trie {
	n := len(l.parent)
	t := &trie{n: n, index: make([]uint64, 3*((n+63)/64)), syms: make([]uint8, n)}
	if a > 256 {
		t.high = make([]uint8, n)
	}
	start, children := l.families()
	order := make([]uint32, 1, n) // order[new] = old; also the queue
	counts := make([]uint32, n)
	t.index[1] = 1 // the root ends its family of one
	rank := uint64(0)
	for i := 0; i < n; i++ {
		w, bit := 3*(i>>6), uint64(1)<<(i&63)
		if i&63 == 0 {
			t.index[w+2] = uint64(len(order)) | rank<<32
		}
		old := order[i]
		f := children[start[old]:start[old+1]]
		if len(f) == 0 {
			continue
		}
		t.index[w] |= bit
		rank++
		for _, c := range f {
			at := len(order)
			order = append(order, c)
			t.syms[at], counts[at] = uint8(l.symbol[c]), l.count[c]
			if a > 256 {
				t.high[at] = uint8(l.symbol[c] >> 8)
			}
		}
		end := len(order) - 1
		t.index[3*(end>>6)+1] |= 1 << (end & 63)
		if l.cut != nil {
			t.cut = append(t.cut, l.cut[old])
		}
	}
	t.cut = slices.Clip(t.cut)
	t.counts = packCounts(counts, bits)
	t.keepFans()
	return t
}

// check finds what would lead a walk astray in a trie that was read, or, if not
// whole, arrays of the wrong length.
func (t *trie) check(a int, whole bool) error {
	words := (t.n + 63) / 64
	switch {
	case t.n < 1 || len(t.index) != 3*words || len(t.syms) != t.n || (a > 256) != (t.high != nil) || t.high != nil && len(t.high) != t.n:
		return fmt.Errorf("a tree of %d nodes has %d index words and %d symbols", t.n, len(t.index), len(t.syms))
	}
	if !whole {
		return nil
	}
	families, ends := uint64(0), 0
	for w := range words {
		parents, last := t.index[3*w], t.index[3*w+1]
		if tail := t.n - 64*w; tail < 64 && (parents|last)>>tail != 0 {
			return fmt.Errorf("the tree goes on behind its last node")
		}
		if t.index[3*w+2]>>32 != families {
			return fmt.Errorf("the tree counts %d families before node %d, want %d", t.index[3*w+2]>>32, 64*w, families)
		}
		families += uint64(bits.OnesCount64(parents))
		ends += bits.OnesCount64(last)
	}
	if t.index[1]&1 == 0 || uint64(ends) != families+1 || t.index[3*((t.n-1)>>6)+1]>>((t.n-1)&63) != 1 {
		return fmt.Errorf("the tree has %d families and %d ends of families", families, ends)
	}
	if len(t.cut) != 0 && uint64(len(t.cut)) != families {
		return fmt.Errorf("%d families, but cuts of %d", families, len(t.cut))
	}
	return t.checkFamilies(a)
}

func (t *trie) checkFamilies(a int) error {
	next := uint32(1)
	for i := range uint32(t.n) {
		if i&63 == 0 && uint32(t.index[3*(i>>6)+2]) != next {
			return fmt.Errorf("the families from node %d on begin at %d, want %d", i, uint32(t.index[3*(i>>6)+2]), next)
		}
		lo, hi := t.family(i)
		if lo == hi {
			continue
		}
		if lo != next || lo <= i {
			return fmt.Errorf("the children of node %d begin at %d, want %d", i, lo, next)
		}
		for c := lo; c < hi; c++ {
			if int(t.symbol(c)) >= a || c > lo && t.symbol(c) <= t.symbol(c-1) {
				return fmt.Errorf("node %d has symbol %d out of order or of the alphabet", c, t.symbol(c))
			}
		}
		next = hi
	}
	return nil
}
