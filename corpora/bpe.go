package corpora

import (
	"cmp"
	"container/heap"
	"slices"
	"unicode/utf8"
)

// Byte-pair encoding (Gage 1994; Sennrich, Haddow & Birch 2016, Algorithm 1;
// over bytes: Radford et al. 2019). The alphabet starts as the 256 bytes;
// then, as often as there is room, the two neighbouring tokens that occur most
// often together in the training part become one token. A text is encoded by
// the same merges in the same order. No merge crosses a word (as unit = "word"
// cuts them; a byte that is no UTF-8 is a word by itself), so that each word is
// encoded once.
//
// Pairs that are as frequent are taken in the order of their tokens' numbers:
// the same text gives the same alphabet everywhere. Training takes
// O(n log n) for n bytes of different words, roughly.
type bpe struct {
	tokens []string         // the alphabet, bytes first
	rank   map[bytePair]int // of each merge: the token it makes
}

// A bytePair is two neighbouring tokens.
type bytePair struct{ left, right Symbol }

// A wordCount is a word of the training part, as tokens, and its frequency.
type wordCount struct {
	text   string
	tokens []Symbol
	n      int
}

// trainBPE learns at most vocabulary tokens from words, which it uses up.
func trainBPE(words []wordCount, vocabulary int) *bpe {
	b := &bpe{rank: map[bytePair]int{}}
	for c := range 256 {
		b.tokens = append(b.tokens, string([]byte{byte(c)}))
	}
	m := newMerger(words)
	for len(b.tokens) < vocabulary {
		pair, ok := m.best()
		if !ok {
			break
		}
		made := Symbol(len(b.tokens))
		b.rank[pair] = int(made)
		b.tokens = append(b.tokens, b.tokens[pair.left]+b.tokens[pair.right])
		m.merge(pair, made)
	}
	return b
}

// A merger keeps the count of every pair and the words it is in. Its queue
// may be behind the counts: an entry is believed only if it agrees with them.
type merger struct {
	words []wordCount
	count map[bytePair]int
	in    map[bytePair][]int // words that had the pair; some may have it no more
	queue pairQueue
}

func newMerger(words []wordCount) *merger {
	m := &merger{words: words, count: map[bytePair]int{}, in: map[bytePair][]int{}}
	for i := range words {
		m.add(i, 1)
	}
	for pair, n := range m.count {
		m.queue = append(m.queue, pairCount{pair, n})
	}
	heap.Init(&m.queue)
	return m
}

// add counts the pairs of word i sign times, and notes them if that is more.
func (m *merger) add(i, sign int) {
	w := &m.words[i]
	for j := 1; j < len(w.tokens); j++ {
		pair := bytePair{w.tokens[j-1], w.tokens[j]}
		m.count[pair] += sign * w.n
		if at := m.in[pair]; sign > 0 && (len(at) == 0 || at[len(at)-1] != i) {
			m.in[pair] = append(at, i)
		}
	}
}

// best takes the most frequent pair that occurs at least twice.
func (m *merger) best() (bytePair, bool) {
	for len(m.queue) > 0 {
		top := heap.Pop(&m.queue).(pairCount)
		switch n := m.count[top.pair]; {
		case n < 2:
		case n != top.n:
			heap.Push(&m.queue, pairCount{top.pair, n})
		default:
			return top.pair, true
		}
	}
	return bytePair{}, false
}

// merge makes the pair one token wherever it is.
func (m *merger) merge(pair bytePair, made Symbol) {
	fresh := map[bytePair]bool{}
	for _, i := range m.in[pair] {
		m.add(i, -1)
		w := &m.words[i]
		w.tokens = joinPair(w.tokens, pair, made)
		m.add(i, 1)
		for j := 1; j < len(w.tokens); j++ {
			if p := (bytePair{w.tokens[j-1], w.tokens[j]}); p.left == made || p.right == made {
				fresh[p] = true
			}
		}
	}
	delete(m.in, pair)
	delete(m.count, pair)
	for p := range fresh {
		heap.Push(&m.queue, pairCount{p, m.count[p]})
	}
}

// joinPair replaces the pair in xs by made, from the left, in place.
func joinPair(xs []Symbol, pair bytePair, made Symbol) []Symbol {
	out := xs[:0]
	for i := 0; i < len(xs); i++ {
		if i+1 < len(xs) && xs[i] == pair.left && xs[i+1] == pair.right {
			out = append(out, made)
			i++
			continue
		}
		out = append(out, xs[i])
	}
	return out
}

// encode gives a word its tokens: the earliest learned merge first.
func (b *bpe) encode(word []byte) []Symbol {
	xs := bytesOf(word)
	for {
		least, at := len(b.tokens), bytePair{}
		for i := 1; i < len(xs); i++ {
			pair := bytePair{xs[i-1], xs[i]}
			if made, ok := b.rank[pair]; ok && made < least {
				least, at = made, pair
			}
		}
		if least == len(b.tokens) {
			return xs
		}
		xs = joinPair(xs, at, Symbol(least))
	}
}

func bytesOf(word []byte) []Symbol {
	xs := make([]Symbol, len(word))
	for i, c := range word {
		xs[i] = Symbol(c)
	}
	return xs
}

// A pairCount is a pair and how often it occurred when it was queued.
type pairCount struct {
	pair bytePair
	n    int
}

// A pairQueue is a heap, the most frequent pair first.
type pairQueue []pairCount

func (q pairQueue) Len() int      { return len(q) }
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *pairQueue) Push(x any)   { *q = append(*q, x.(pairCount)) }

func (q *pairQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}

func (q pairQueue) Less(i, j int) bool {
	a, b := q[i], q[j]
	return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.pair.left, b.pair.left), cmp.Compare(a.pair.right, b.pair.right)) < 0
}

// encodeBPE learns an alphabet of at most vocabulary tokens on bytes [0, at[1])
// of t, whose tokens are bytes, and encodes all of it. Words end where parts
// and documents do. It moves the ends of the parts, at, and of documents from
// bytes to tokens.
func encodeBPE(t *tokens, at []int, vocabulary int) *coded {
	cuts := slices.Sorted(slices.Values(append(slices.Clone(at), t.ends...)))
	b := trainBPE(tallyWords(t.text[at[0]:at[1]], within(cuts, at[0], at[1])), vocabulary)
	c := &coded{tokens: &tokens{unit: t.unit, text: t.text}, alphabet: Alphabet{Unit: t.unit, Unknown: -1, Tokens: b.tokens}}
	moved := map[int]int{0: 0} // from bytes to tokens
	known := map[string][]Symbol{}
	eachWord(t.text, cuts, func(word []byte, end int) {
		xs, ok := known[string(word)]
		if !ok {
			xs = b.encode(word)
			known[string(word)] = xs
		}
		for _, x := range xs {
			c.widths = append(c.widths, uint16(len(b.tokens[x])))
		}
		c.symbols = append(c.symbols, xs...)
		moved[end] = len(c.symbols)
	})
	for i, from := range at {
		at[i] = moved[from]
	}
	for _, end := range t.ends {
		c.ends = append(c.ends, moved[end])
	}
	c.n = len(c.symbols)
	return c
}

// within are the cuts in (a, b], counted from a.
func within(cuts []int, a, b int) (out []int) {
	for _, c := range cuts {
		if a < c && c <= b {
			out = append(out, c-a)
		}
	}
	return out
}

// tallyWords counts the words of a text, in order of first occurrence.
func tallyWords(text []byte, cuts []int) (words []wordCount) {
	index := map[string]int{}
	eachWord(text, cuts, func(word []byte, _ int) {
		i, ok := index[string(word)]
		if !ok {
			i = len(words)
			index[string(word)] = i
			words = append(words, wordCount{text: string(word), tokens: bytesOf(word)})
		}
		words[i].n++
	})
	return words
}

// eachWord calls do with each word and where it ends. Words end at cuts, which
// are ascending and end with the text's length, unless it is empty.
func eachWord(text []byte, cuts []int, do func(word []byte, end int)) {
	at := 0
	for _, cut := range cuts {
		for at < cut {
			w := 1
			if r, n := utf8.DecodeRune(text[at:cut]); r != utf8.RuneError || n > 1 {
				w = wordWidth(text[at:cut])
			}
			do(text[at:at+w], at+w)
			at += w
		}
	}
}
