package corpora

import (
	"bytes"
	"fmt"
)

// A text is bytes in documents, which lie one behind the other.
type text struct {
	bytes []byte
	ends  []int // where each document ends: ascending, the last at len(bytes)
	// origin maps an offset in bytes to one in the file, for messages.
	origin func(int) int
}

// documents reads the format.
func (o *Options) documents(raw []byte) (t text, err error) {
	t.origin = func(at int) int { return at }
	switch o.Format {
	case "fasta":
		t, err = fasta(raw)
	case "abc":
		t.bytes, t.ends = raw, starts(raw, []byte("X:"))
	default:
		t.bytes, t.ends = raw, separate(raw, []byte(o.Separator))
	}
	if err == nil && len(t.bytes) == 0 {
		err = fmt.Errorf("the text is empty (%d bytes, format %q)", len(raw), o.Format)
	}
	return t, err
}

// separate ends a document behind each separator and at the end of the text.
func separate(raw, sep []byte) (ends []int) {
	for at := 0; at < len(raw); {
		i := -1
		if len(sep) > 0 {
			i = bytes.Index(raw[at:], sep)
		}
		if i < 0 {
			at = len(raw)
		} else {
			at += i + len(sep)
		}
		ends = append(ends, at)
	}
	return ends
}

// starts begins a document at each line that begins with mark; what comes
// before the first such line belongs to the first document.
func starts(raw, mark []byte) (ends []int) {
	seen := false
	for at := 0; at < len(raw); at = lineEnd(raw, at) {
		if bytes.HasPrefix(raw[at:], mark) {
			if seen {
				ends = append(ends, at)
			}
			seen = true
		}
	}
	if len(raw) > 0 {
		ends = append(ends, len(raw))
	}
	return ends
}

// lineEnd is the offset behind the line that begins at at.
func lineEnd(raw []byte, at int) int {
	if i := bytes.IndexByte(raw[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(raw)
}

// fasta keeps the sequences (Pearson & Lipman 1988): a line that begins with
// ">" opens a record, the lines up to the next one are its sequence. Line ends
// and the blanks beside them are dropped, empty records too.
func fasta(raw []byte) (t text, err error) {
	t.bytes = make([]byte, 0, len(raw))
	type jump struct{ to, from int } // bytes[to:] come from raw[from:]
	var jumps []jump
	end := func() {
		if n := len(t.bytes); n > 0 && (len(t.ends) == 0 || t.ends[len(t.ends)-1] < n) {
			t.ends = append(t.ends, n)
		}
	}
	open, next := false, 0
	for at, line := 0, 1; at < len(raw); at, line = next, line+1 {
		next = lineEnd(raw, at)
		if raw[at] == '>' {
			end()
			open = true
			continue
		}
		seq := bytes.Trim(raw[at:next], " \t\r\n")
		if len(seq) == 0 {
			continue
		}
		if !open {
			return t, fmt.Errorf("fasta: line %d stands before the first record, want a line that begins with \">\"", line)
		}
		jumps = append(jumps, jump{len(t.bytes), at + bytes.Index(raw[at:next], seq)})
		t.bytes = append(t.bytes, seq...)
	}
	end()
	t.origin = func(at int) int {
		for i := len(jumps) - 1; i >= 0; i-- {
			if jumps[i].to <= at {
				return jumps[i].from + at - jumps[i].to
			}
		}
		return at
	}
	return t, nil
}
