package ppmd

// The adaptive tables that make the estimates of PPMII: one for binary
// contexts, one for escapes from contexts that share symbols with those above.

const (
	binaryBits = 14 // a binary context's estimate is of 2¹⁴
	periodBits = 7  // and moves by 1/2⁷ at a time
	binaryFreq = 128
)

// estimators are the tables of one model.
type estimators struct {
	binary  []uint16 // P(its symbol) of binary contexts of like kind, binaryFreq rows of 64
	escapes []escape // rows of 16, see quantum
}

// binaryStart gives the first estimate of an escape from a binary context of
// frequency f, binaryStart/(f + 1), by the low three bits of its kind.
var binaryStart = [8]uint32{0x3cdd, 0x1f3f, 0x59bf, 0x48f3, 0x64a1, 0x5abc, 0x6632, 0x6051}

// escapeStart is the frequency that an escape gets in a context that stops
// being binary, by the sixteenth its binary estimate was in.
var escapeStart = [16]uint32{25, 14, 9, 7, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2}

func (e *estimators) clear(a int) {
	e.binary = append(e.binary[:0], make([]uint16, binaryFreq*64)...)
	for i := range e.binary {
		f := uint32(i/64) + 1
		e.binary[i] = uint16(1<<binaryBits - binaryStart[i%8]/(f+1))
	}
	rows := int(quantum(uint32(a))) + 1
	e.escapes = append(e.escapes[:0], make([]escape, 16*rows)...)
	for i := range e.escapes {
		e.escapes[i] = escape{sum: uint32(5*(i/16)+10) << (periodBits - 4), shift: periodBits - 4, left: 4}
	}
}

// expect moves the estimate of a kind of binary context by what came.
func (e *estimators) expect(kind uint32, hit bool) {
	v := uint32(e.binary[kind])
	v -= (v + 1<<(periodBits-2)) >> periodBits
	if hit {
		v += 1 << (binaryBits - periodBits)
	}
	e.binary[kind] = uint16(v)
}

// An escape estimates the frequency of escapes in contexts of like kind as the
// mean sum/2^shift of what it was when they came. The mean is over few at
// first and over 2⁷ in the end.
type escape struct {
	sum   uint32
	shift uint16
	left  uint16 // until the period doubles
}

// freq is the escape's frequency, at least 1.
func (e *escape) freq() uint32 { return max(1, e.sum>>e.shift) }

// visit decays the mean, at every look. Where the symbol was found, settle
// lengthens the period; where it was not, the escape was worth all of total.
func (e *escape) visit() { e.sum -= e.sum >> e.shift }

func (e *escape) settle() {
	if e.shift < periodBits {
		if e.left--; e.left == 0 {
			e.sum <<= 1
			e.left = 3 << e.shift & 0xff
			e.shift++
		}
	}
}

func (e *escape) escaped(total uint32) { e.sum += total }

// quantum maps n ≥ 1 symbols to 0, 1, 2, 3, 4, 4, 5, 5, 5, 6, …: about √(2n).
func quantum(n uint32) uint32 { return uint32(quanta[n-1]) }

var quanta = func() (q [1 << 16]uint16) {
	row, left := uint16(3), 1
	for i := range q {
		if i < 3 {
			q[i] = uint16(i)
			continue
		}
		q[i] = row
		if left--; left == 0 {
			row++
			left = int(row) - 2
		}
	}
	return q
}()

// binaryKind is the entry for a binary context of symbol x with frequency f:
// by f, whether the prediction before came true and was likely, how many
// symbols its suffix has seen, whether the symbol before and x are high, and
// whether a run of successes is on.
func (p *place) binaryKind(m *model, f, x, suffixSymbols uint32) uint32 {
	k := (f-1)*64 | p.success | m.high(uint32(p.last))<<3 | m.high(x)<<4
	switch {
	case suffixSymbols >= 12:
		k |= 6
	case suffixSymbols >= 3:
		k |= 4
	case suffixSymbols == 2:
		k |= 2
	}
	if p.run < 0 {
		k |= 32
	}
	return k
}

// high says whether x is in the upper three quarters of the alphabet: letters,
// if it is ASCII.
func (m *model) high(x uint32) uint32 {
	if 4*x >= uint32(m.a) {
		return 1
	}
	return 0
}

// escapeKind is the entry for the escape from context c after masked symbols
// have been ruled out: by how many are left, whether the suffix has more to
// add than that, whether they are frequent, whether fewer are left than are
// masked, and whether the symbol before is high.
func (p *place) escapeKind(m *model, c *context, masked uint32) uint32 {
	left := c.n - masked
	k := quantum(left)*16 | m.high(uint32(p.last))<<3
	if left < m.contexts[c.suffix].n-c.n {
		k |= 1
	}
	if c.total() < 11*c.n {
		k |= 2
	}
	if masked > left {
		k |= 4
	}
	return k
}
