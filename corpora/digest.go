package corpora

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// digestVersion heads what is hashed: raise it when the layout changes.
const digestVersion = "horizon part 1"

// digest identifies what a part asks of a predictor. It is SHA-256 over, with
// strings preceded by their length and all numbers as 64-bit little-endian,
//
//	digestVersion, unit, Unknown, A, the A tokens,
//	Continues (0 or 1), number of documents, their lengths,
//	the symbols, 16-bit little-endian,
//	and, if the alphabet has an unknown symbol, the part's text,
//
// the last because two texts may differ in their unknown words alone. The
// role and the place in the corpus are left out: the same symbols ask the
// same thing wherever they stand.
func (p *Part) digest(a *Alphabet) string {
	h := sha256.New()
	buf := make([]byte, 0, 1<<16)
	number := func(v int) { buf = binary.LittleEndian.AppendUint64(buf, uint64(v)) }
	flush := func() { h.Write(buf); buf = buf[:0] }
	text := func(s string) {
		number(len(s))
		buf = append(buf, s...)
		if len(buf) > 1<<15 {
			flush()
		}
	}
	text(digestVersion)
	text(a.Unit)
	number(a.Unknown)
	number(len(a.Tokens))
	for _, t := range a.Tokens {
		text(t)
	}
	if p.Continues {
		number(1)
	} else {
		number(0)
	}
	number(len(p.Docs))
	for _, doc := range p.Docs {
		number(len(doc))
		if len(buf) > 1<<15 {
			flush()
		}
	}
	for _, doc := range p.Docs {
		for len(doc) > 0 {
			n := min(len(doc), 1<<14)
			for _, x := range doc[:n] {
				buf = binary.LittleEndian.AppendUint16(buf, x)
			}
			flush()
			doc = doc[n:]
		}
	}
	if a.Unknown >= 0 {
		flush()
		h.Write(p.text)
	}
	flush()
	return hex.EncodeToString(h.Sum(nil))
}
