package predictors

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"
)

// Size is the bytes held by the parameters of p.
func Size(p Predictor) (int64, error) {
	s, ok := p.(Sizer)
	if !ok {
		return 0, fmt.Errorf("%T does not report its size", p)
	}
	return s.Bytes(), nil
}

// Save writes the parameters of p. What kind it is and how it was configured
// is written by the caller (see catalog.Save), who must make the same again
// before Load.
func Save(w io.Writer, p Predictor) error {
	s, ok := p.(Persister)
	if !ok {
		return fmt.Errorf("%T cannot be saved", p)
	}
	b := bufio.NewWriterSize(w, 1<<20)
	if _, err := s.WriteTo(b); err != nil {
		return err
	}
	return b.Flush()
}

// Load reads what Save wrote into a predictor newly made from the same Config
// and Env, and leaves it reset.
func Load(r io.Reader, p Predictor) error {
	s, ok := p.(Persister)
	if !ok {
		return fmt.Errorf("%T cannot be loaded", p)
	}
	if _, err := s.ReadFrom(bufio.NewReaderSize(r, 1<<20)); err != nil {
		return fmt.Errorf("%T: %w", p, err)
	}
	p.Reset()
	return nil
}

// A Mapper can take its parameters as Save wrote them without reading them:
// data, which begin at a multiple of 8 bytes and may be followed by more, stay
// as they are for good.
type Mapper interface{ MapFrom(data []byte) error }

// LoadFile is Load from where f stands. If p is a Mapper, and f is a file that
// can be mapped into memory and stands at a multiple of 8 bytes, nothing is
// read before it is needed, and processes share it. What is mapped stays so
// until the process ends; f may be closed.
func LoadFile(f *os.File, p Predictor) error {
	m, ok := p.(Mapper)
	if !ok {
		return Load(f, p)
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil || at%aligned != 0 {
		return Load(f, p)
	}
	data, err := mapFile(f)
	if err != nil || int64(len(data)) < at {
		return Load(f, p)
	}
	if err := m.MapFrom(data[at:]); err != nil {
		return fmt.Errorf("%T: %w", p, err)
	}
	p.Reset()
	return nil
}

// Flat is an element type whose slices are saved as they lie in memory.
type Flat interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int32 | ~int64 | ~float32 | ~float64
}

// An Archive writes or reads a sequence of flat slices; one method serves
// both ways, so that WriteTo and ReadFrom list a predictor's fields once:
//
//	func (m *model) fields(a *predictors.Archive) { predictors.Slice(a, &m.counts) }
//
// The byte order is little-endian, checked at start-up to be the machine's.
// The first error sticks.
type Archive struct {
	w    io.Writer
	r    io.Reader
	from []byte // if not nil, the rest of what is mapped
	n    int64
	err  error
}

// WriteArchive runs fields in writing direction.
func WriteArchive(w io.Writer, fields func(*Archive)) (int64, error) {
	a := &Archive{w: w}
	fields(a)
	return a.n, a.err
}

// ReadArchive runs fields in reading direction.
func ReadArchive(r io.Reader, fields func(*Archive)) (int64, error) {
	a := &Archive{r: r}
	fields(a)
	return a.n, a.err
}

// MapArchive runs fields in reading direction over data that stay as they are
// for good: slices are not copied but lie in data, and must not be written to.
func MapArchive(data []byte, fields func(*Archive)) error {
	a := &Archive{from: data}
	if a.from == nil {
		a.from = []byte{}
	}
	fields(a)
	return a.err
}

// Reading reports the direction, for what must be rebuilt after reading.
func (a *Archive) Reading() bool { return a.w == nil }

// Err is the first error, or nil.
func (a *Archive) Err() error { return a.err }

// Fail sets the error, for a reader that finds what it read inconsistent.
func (a *Archive) Fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// maxChunk bounds what a reader allocates on the word of a length it has just
// read, so that a damaged file ends in an error and not in a huge allocation.
const maxChunk = 1 << 20

// aligned is the multiple of bytes at which slices begin, counted from where
// the archive does.
const aligned = 8

// align goes on to where a slice may begin.
func (a *Archive) align() {
	var gap [aligned]byte
	a.raw(gap[:-a.n&(aligned-1)])
}

// Slice writes *s, or reads it with capacity equal to its length.
func Slice[T Flat](a *Archive, s *[]T) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	n := uint64(len(*s))
	Value(a, &n)
	a.align()
	switch {
	case a.err != nil:
		return
	case a.w != nil:
		a.raw(rawBytes(*s, size))
		return
	case a.from != nil:
		*s = mapped[T](a, n)
		return
	}
	out := make([]T, 0, min(n, maxChunk))
	for uint64(len(out)) < n && a.err == nil {
		at := len(out)
		m := min(n-uint64(at), maxChunk)
		grown := make([]T, at+int(m), max(uint64(at)+m, min(n, 2*uint64(at))))
		copy(grown, out)
		out = grown
		a.raw(rawBytes(out[at:], size))
	}
	if a.err == nil {
		*s = out[:len(out):len(out)]
	}
}

// mapped takes n elements as they lie.
func mapped[T Flat](a *Archive, n uint64) []T {
	var zero T
	size := uint64(unsafe.Sizeof(zero))
	if n > uint64(len(a.from))/size {
		a.err = io.ErrUnexpectedEOF
		return nil
	}
	at := unsafe.Pointer(unsafe.SliceData(a.from))
	if uintptr(at)%unsafe.Alignof(zero) != 0 {
		a.err = errors.New("the archive does not begin at a multiple of 8 bytes")
		return nil
	}
	a.from, a.n = a.from[n*size:], a.n+int64(n*size)
	return unsafe.Slice((*T)(at), n)
}

// Value writes or reads one number.
func Value[T Flat](a *Archive, v *T) {
	a.raw(rawBytes(unsafe.Slice(v, 1), int(unsafe.Sizeof(*v))))
}

func rawBytes[T Flat](s []T, size int) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*size)
}

func (a *Archive) raw(b []byte) {
	if a.err != nil {
		return
	}
	var n int
	switch {
	case a.w != nil:
		n, a.err = a.w.Write(b)
	case a.from != nil:
		if n = copy(b, a.from); n < len(b) {
			a.err = io.ErrUnexpectedEOF
		}
		a.from = a.from[n:]
	default:
		n, a.err = io.ReadFull(a.r, b)
	}
	a.n += int64(n)
}

func init() {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		panic("predictors: saved models are little-endian and this machine is not")
	}
}
