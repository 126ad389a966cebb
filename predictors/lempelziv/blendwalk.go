package lempelziv

import (
	"encoding/binary"
	"math/bits"
)

// A walk is a place in a text as one tree sees it: the node of each suffix of
// the past that the tree has, and, in the predictor that learns, the phrases
// that are being parsed.
type walk struct {
	*growingTree
	at   []place // at[j] is the node of the last j symbols, at[0] the root; node 0 elsewhere: there is none
	top  int     // the longest there is
	past uint8   // how far below the longest suffix the last symbols were found, two bits each
	last uint32  // 1 + the last symbol, or 0

	children []uint32 // of at[0] to at[top] by the symbol known − 1, or 0
	known    uint32   // 0: of none
	gap      uint8    // how far below the longest suffix it is found, at most 3

	phrases uint64  // bit j: a phrase of the last j symbols goes on
	grown   []uint8 // by the length of a phrase: how many nodes it has added
}

func newWalk(t *growingTree, depth int) walk {
	w := walk{growingTree: t, at: make([]place, depth), children: make([]uint32, depth), grown: make([]uint8, depth+1)}
	w.reset()
	return w
}

func (w *walk) reset() {
	w.at[0], w.top, w.past, w.last, w.known, w.phrases = w.place(0), 0, 0, 0, 0, 1
	w.grown[0] = 0
}

// fork copies what predictions depend on.
func (w *walk) fork() walk {
	f := newWalk(w.growingTree, len(w.at))
	copy(f.at, w.at[:w.top+1])
	f.top, f.past, f.last = w.top, w.past, w.last
	return f
}

// lookUp finds the children by x of all suffixes.
func (w *walk) lookUp(x uint32) {
	if w.known == x+1 {
		return
	}
	w.known, w.gap = x+1, 3
	for j := 0; j <= w.top; j++ {
		c := uint32(0)
		if p := w.at[j]; p.node != 0 || j == 0 {
			c = w.find(p, x)
		}
		w.children[j] = c
		if c != 0 {
			w.gap = uint8(min(w.top-j, 3))
		}
	}
}

// move goes on by x, whose children are known: each suffix to its child or
// out.
func (w *walk) move(x uint32) {
	top := 0
	for j := min(w.top, len(w.at)-2); j >= 0; j-- {
		c := w.children[j]
		if c == 0 {
			w.at[j+1] = place{}
			continue
		}
		w.at[j+1] = w.place(c)
		top = max(top, j+1)
	}
	w.past = w.past<<2&15 | w.gap
	w.top, w.last, w.known = top, x+1, 0
	w.at[0] = w.place(0)
}

// state says where the walk is.
func (w *walk) state(b []byte) []byte {
	b = append(b, uint8(w.top), w.past)
	b = binary.LittleEndian.AppendUint32(b, w.last)
	for _, p := range w.at[1 : w.top+1] {
		b = binary.LittleEndian.AppendUint32(b, p.node)
	}
	return b
}

// A parse is how phrases are cut and counted.
type parse struct {
	starts  int // phrases at once, 0 for one from every symbol
	grow    int // nodes that a phrase adds before it ends
	growAt  uint32
	counts  countRule
	maxSize int // nodes, the root included
}

type countRule uint8

var countNames = []string{"phrases", "all", "novel"}

const (
	countPhrases countRule = iota
	countAll
	countNovel
)

// observe goes on by x without learning; phrases that leave the tree end.
func (w *walk) observe(x uint32, r *parse) {
	w.lookUp(x)
	w.advance(r, 0)
	w.move(x)
}

// learn counts x and grows the tree by it (see blend.go), and goes on. It
// returns the nodes read or written.
func (w *walk) learn(x uint32, r *parse) (ops int) {
	w.thaw()
	w.lookUp(x)
	ripe := w.ripe(r)
	ops = w.top + 1 + w.tally(r)
	sprouted := w.sproutAll(x, ripe, r)
	w.advance(r, sprouted)
	w.move(x)
	return ops + bits.OnesCount64(sprouted)
}

// tally counts x where it has been before, and says at how many nodes.
func (w *walk) tally(r *parse) (n int) {
	for j := w.top; j >= 0; j-- {
		c := w.children[j]
		if c == 0 || r.counts == countPhrases && w.phrases>>j&1 == 0 {
			continue
		}
		w.bump(w.at[j].node, c)
		if n++; r.counts == countNovel {
			break
		}
	}
	return n
}

// ripe is the longest phrase that x may lengthen: its node has been counted
// often enough. Shorter ones then may too, so that the tree has all suffixes
// of what it has, if a phrase starts at every symbol.
func (w *walk) ripe(r *parse) int {
	for j := w.top; j > 0; j-- {
		if w.phrases>>j&1 == 1 && w.children[j] == 0 && w.count(w.at[j].node) >= r.growAt {
			return j
		}
	}
	return 0
}

// sproutAll adds the children that x lacks in phrases up to the ripe one, from
// the longest down, and returns the phrases that did.
func (w *walk) sproutAll(x uint32, ripe int, r *parse) (sprouted uint64) {
	for j := ripe; j >= 0; j-- {
		if w.phrases>>j&1 == 1 && w.children[j] == 0 && w.size() < r.maxSize {
			w.children[j] = w.sprout(w.at[j].node, x)
			sprouted |= 1 << j
		}
	}
	return sprouted
}

// advance moves the phrases by the symbol known: those that it continues, and
// those that sprouted and may do so again. A new one starts if there are too
// few.
func (w *walk) advance(r *parse, sprouted uint64) {
	var next uint64
	for p := w.phrases; p != 0; {
		j := 63 - bits.LeadingZeros64(p)
		p &^= 1 << j
		n := w.grown[j] + uint8(sprouted>>j&1)
		w.grown[j+1] = n
		if j+1 < len(w.at) && w.children[j] != 0 && int(n) < r.grow {
			next |= 1 << (j + 1)
		}
	}
	if r.starts == 0 || bits.OnesCount64(next) < r.starts {
		next |= 1
		w.grown[0] = 0
	}
	w.phrases = next
}
