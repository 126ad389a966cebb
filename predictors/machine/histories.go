package machine

import (
	"slices"

	"horizon/predictors"
)

// Histories of one length are numbered; of each position of the text is kept
// which of them ends there, −1 if it is not counted. Those of the next length
// are found from these and the symbol before.
type histories struct {
	a, future int
	symbols   []predictors.Symbol // all documents
	start     []int32             // of each position: where its document begins
	code      []int32             // the future from there, −1 if the document ends before
	length    int
	at        []int32 // number of the history that ends before each position
	n         int     // histories of this length
}

func newHistories(docs [][]predictors.Symbol, a, future int) *histories {
	h := &histories{a: a, future: future, n: 1}
	for _, doc := range docs {
		begin := int32(len(h.symbols))
		h.symbols = append(h.symbols, doc...)
		for t := range doc {
			h.start = append(h.start, begin)
			code := int32(-1)
			if t+future <= len(doc) {
				code = 0
				for _, x := range doc[t : t+future] {
					code = code*int32(a) + int32(x)
				}
			}
			h.code = append(h.code, code)
		}
	}
	h.at = make([]int32, len(h.symbols))
	return h
}

// values is the number of futures there can be.
func (h *histories) values() int {
	n := 1
	for range h.future {
		n *= h.a
	}
	return n
}

// lengthen goes on to the histories that are one symbol longer, of those that
// are seen min times or more. parent[i] is the history that i makes longer.
func (h *histories) lengthen(min int) (parent []int32) {
	type prolonged struct {
		of int32
		by predictors.Symbol
	}
	number := map[prolonged]int32{}
	var counts []int
	next := make([]int32, len(h.at))
	for t, i := range h.at {
		next[t] = -1
		before := int32(t-h.length) - 1
		if i < 0 || before < h.start[t] {
			continue
		}
		key := prolonged{i, h.symbols[before]}
		n, ok := number[key]
		if !ok {
			n = int32(len(counts))
			number[key] = n
			counts, parent = append(counts, 0), append(parent, i)
		}
		next[t] = n
		counts[n]++
	}
	kept := make([]int32, len(counts))
	h.n = 0
	for i, c := range counts {
		kept[i] = -1
		if c >= min {
			kept[i] = int32(h.n)
			parent[h.n] = parent[i]
			h.n++
		}
	}
	for t, i := range next {
		if i >= 0 {
			next[t] = kept[i]
		}
	}
	h.at, h.length = next, h.length+1
	return parent[:h.n]
}

// A sample is how often each future came, of those that did.
type sample struct {
	future []int32
	count  []float64
	n      float64
}

// samples are the futures of each history of this length.
func (h *histories) samples() []sample {
	keys := make([]uint64, 0, len(h.at))
	for t, i := range h.at {
		if i >= 0 && h.code[t] >= 0 {
			keys = append(keys, uint64(i)<<32|uint64(h.code[t]))
		}
	}
	slices.Sort(keys)
	out := make([]sample, h.n)
	for i := 0; i < len(keys); {
		j := i
		for j < len(keys) && keys[j] == keys[i] {
			j++
		}
		s := &out[keys[i]>>32]
		s.future, s.count = append(s.future, int32(keys[i]&0xffffffff)), append(s.count, float64(j-i))
		s.n += float64(j - i)
		i = j
	}
	return out
}
