package corpus

import (
	"cmp"
	"slices"
)

// buckets lists the contexts by their last r symbols.
type buckets struct {
	r      int
	keys   []uint64 // ascending, one a bucket
	starts []uint32 // of bucket k at k, and the end
	order  []uint32 // contexts, by bucket, ascending
}

func newBuckets(t *text, m, r int) *buckets {
	type entry struct {
		key uint64
		i   uint32
	}
	var all []entry
	for i := range t.n {
		if t.room[i] > 0 {
			all = append(all, entry{hashOf(t.symbols[i+m-r : i+m]), uint32(i)})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.i, b.i)) })
	b := &buckets{r: r, order: make([]uint32, 0, len(all))}
	for _, e := range all {
		if n := len(b.keys); n == 0 || b.keys[n-1] != e.key {
			b.keys = append(b.keys, e.key)
			b.starts = append(b.starts, uint32(len(b.order)))
		}
		b.order = append(b.order, e.i)
	}
	b.starts = append(b.starts, uint32(len(b.order)))
	return b
}

// hashOf mixes symbols (FNV-1a with its 64-bit constants). Should two strings
// fall together, a bucket has more contexts than it must.
func hashOf(xs []Symbol) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, x := range xs {
		h = (h ^ uint64(x)) * 0x100000001b3
	}
	return h ^ h>>29
}

// of lists the contexts that share the last r symbols with c.
func (b *buckets) of(s *scratch, c *past) []uint32 {
	if c.known < b.r {
		return nil
	}
	s.suffix = s.suffix[:0]
	for j := b.r - 1; j >= 0; j-- {
		s.suffix = append(s.suffix, c.symbols[j])
	}
	k, ok := slices.BinarySearch(b.keys, hashOf(s.suffix))
	if !ok {
		return nil
	}
	return b.order[b.starts[k]:b.starts[k+1]]
}

func (b *buckets) bytes() int64 {
	if b == nil {
		return 0
	}
	return 8*int64(cap(b.keys)) + 4*int64(cap(b.starts)+cap(b.order))
}
