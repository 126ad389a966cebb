package corpus

import (
	"horizon/predictors/kernel/corpus/agree"
)

// Symbol is an index into the alphabet.
type Symbol = uint16

// A text is what is remembered: the documents one after the other. Context i is
// the m symbols from i on; those that end with their document or reach over
// its end are there too, but have no room for a target.
type text struct {
	symbols []Symbol
	room    []uint16 // symbols of the document that follow a context, up to 65,535; 0 if it is none
	bytes   []byte   // the symbols, if they fit and are compared as bytes
	n       int      // contexts, rounded up to a block
	count   int      // contexts with a target
}

// newText remembers the last contexts of the documents, keep at most unless 0.
func newText(docs [][]Symbol, m, keep int) *text {
	t := &text{}
	for _, doc := range docs {
		t.count += max(0, len(doc)-m)
	}
	skip := 0
	if keep > 0 {
		skip = max(0, t.count-keep)
		t.count -= skip
	}
	for _, doc := range docs {
		cut := min(skip, max(0, len(doc)-m))
		if skip -= cut; len(doc)-cut <= m {
			continue
		}
		for i, x := range doc[cut:] {
			t.symbols = append(t.symbols, x)
			t.room = append(t.room, uint16(max(0, min(len(doc)-cut-i-m, 65535))))
		}
	}
	t.pad(m)
	return t
}

// pad makes the contexts whole blocks.
func (t *text) pad(m int) {
	t.n = (len(t.symbols) + agree.Block - 1) / agree.Block * agree.Block
	t.symbols = append(t.symbols, make([]Symbol, t.n+m-1-len(t.symbols))...)
	t.room = append(t.room, make([]uint16, t.n-len(t.room))...)
	t.symbols, t.room = append([]Symbol(nil), t.symbols...), append([]uint16(nil), t.room...)
	t.count = 0
	for _, r := range t.room {
		if r > 0 {
			t.count++
		}
	}
}

// documents are those of the text, each of which begins with a context that has
// room and ends with one that has none.
func (t *text) documents() (docs [][]Symbol) {
	m, first, end := len(t.symbols)-t.n+1, 0, 0
	for i, room := range t.room {
		if room == 0 {
			continue
		}
		if i > 0 && t.room[i-1] == 0 {
			docs, first = append(docs, t.symbols[first:i]), i
		}
		end = i + m + 1
	}
	if end > first {
		docs = append(docs, t.symbols[first:end])
	}
	return docs
}

// pack makes the bytes.
func (t *text) pack() {
	t.bytes = make([]byte, len(t.symbols))
	for i, x := range t.symbols {
		t.bytes[i] = byte(x)
	}
}

// a past is the last symbols of a sequence.
type past struct {
	symbols [32]Symbol // lag j at j−1
	known   int
}

func (c *past) push(x Symbol, m int) {
	copy(c.symbols[1:m], c.symbols[:m-1])
	c.symbols[0] = x
	c.known = min(c.known+1, m)
}
