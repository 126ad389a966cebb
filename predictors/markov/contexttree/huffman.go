package contexttree

import (
	"cmp"
	"container/heap"
	"slices"
)

// huffman is a binary tree whose leaves are the symbols. Inner nodes are
// numbered from the root, 0, parents before children.
type huffman struct {
	inner [][2]int32 // by side: an inner node, or ^symbol
	start []uint32   // word x is steps[start[x]:start[x+1]]
	steps []uint32   // twice the inner node, plus the side
}

// newHuffman takes the code lengths of Huffman 1952 and, among the trees that
// have them, one where neighbours in the alphabet are neighbours: at each
// level from the lowest up, those with the largest symbols are paired first.
// So does the code of Begleiter et al., from which the keys of pairs are taken
// too. With chain, symbols never seen make a chain, as there, and no tree as
// low as can be: at a loss of 0.4 bit on their shortest files, of 6,000 bytes.
func newHuffman(counts []uint64, chain bool) huffman {
	levels := codeLengths(counts, chain)
	type node struct {
		key int   // a symbol below
		ref int32 // ^symbol, or the number of the pair
	}
	var byLevel [][]node
	for x, l := range levels {
		for len(byLevel) <= l {
			byLevel = append(byLevel, nil)
		}
		byLevel[l] = append(byLevel[l], node{x, ^int32(x)})
	}
	var pairs [][2]int32
	for l := len(byLevel) - 1; l > 0; l-- {
		row := byLevel[l]
		slices.SortFunc(row, func(a, b node) int { return cmp.Compare(a.key, b.key) })
		for i := len(row) - 1; i > 0; i -= 2 {
			low, high := row[i-1], row[i]
			key := low.key
			if low.ref >= 0 && high.ref < 0 { // of a pair with one symbol, that one's
				key = high.key
			}
			byLevel[l-1] = append(byLevel[l-1], node{key, int32(len(pairs))})
			pairs = append(pairs, [2]int32{low.ref, high.ref})
		}
	}
	h := huffman{inner: make([][2]int32, len(pairs))}
	last := int32(len(pairs) - 1)
	for i, p := range pairs { // the root came last
		for side, ref := range p {
			if ref >= 0 {
				ref = last - ref
			}
			h.inner[int(last)-i][side] = ref
		}
	}
	h.spell(len(counts))
	return h
}

// spell lists the words.
func (h *huffman) spell(a int) {
	words := make([][]uint32, len(h.inner))
	leaves := make([][]uint32, a)
	for k, sides := range h.inner {
		for side, c := range sides {
			word := append(slices.Clip(words[k]), uint32(2*k+side))
			if c >= 0 {
				words[c] = word
			} else {
				leaves[^c] = word
			}
		}
		words[k] = nil
	}
	h.start = make([]uint32, a+1)
	for x, w := range leaves {
		h.steps = append(h.steps, w...)
		h.start[x+1] = uint32(len(h.steps))
	}
}

func (h *huffman) word(x int) []uint32 { return h.steps[h.start[x]:h.start[x+1]] }

func (h *huffman) bytes() int64 {
	return sliceBytes(h.inner) + sliceBytes(h.start) + sliceBytes(h.steps)
}

// codeLengths are those of a Huffman code. The two rarest are joined again and
// again; of equally rare ones those of fewest symbols and then those with the
// largest, unless those never seen are to make a chain: with the largest.
func codeLengths(counts []uint64, chain bool) []int {
	n := len(counts)
	up := make([]int, 2*n) // parents; joints are numbered from n
	h := make(rarest, n)
	for x, c := range counts {
		h[x] = group{c, 1, x, x}
	}
	heap.Init(&h)
	next := n
	for ; h.Len() > 1; next++ {
		a := heap.Pop(&h).(group)
		b := heap.Pop(&h).(group)
		up[a.id], up[b.id] = next, next
		size := a.size + b.size
		if chain {
			size = 1
		}
		heap.Push(&h, group{a.count + b.count, size, max(a.key, b.key), next})
	}
	depth := make([]int, next)
	for i := next - 2; i >= 0; i-- {
		depth[i] = depth[up[i]] + 1
	}
	return depth[:n]
}

// A group of symbols: how often they were seen, how many they are, the largest
// of them, and a number of its own.
type group struct {
	count         uint64
	size, key, id int
}

type rarest []group

func (h rarest) Len() int { return len(h) }
func (h rarest) Less(i, j int) bool {
	if h[i].count != h[j].count {
		return h[i].count < h[j].count
	}
	if h[i].size != h[j].size {
		return h[i].size < h[j].size
	}
	return h[i].key > h[j].key
}
func (h rarest) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *rarest) Push(x any)   { *h = append(*h, x.(group)) }
func (h *rarest) Pop() any {
	g := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return g
}
