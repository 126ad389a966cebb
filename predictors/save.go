package predictors

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
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
	w   io.Writer
	r   io.Reader
	n   int64
	err error
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

// Reading reports the direction, for what must be rebuilt after reading.
func (a *Archive) Reading() bool { return a.r != nil }

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

// Slice writes *s, or reads it with capacity equal to its length.
func Slice[T Flat](a *Archive, s *[]T) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	n := uint64(len(*s))
	Value(a, &n)
	if a.err != nil {
		return
	}
	if a.w != nil {
		a.raw(rawBytes(*s, size))
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
	if a.w != nil {
		n, a.err = a.w.Write(b)
	} else {
		n, a.err = io.ReadFull(a.r, b)
	}
	a.n += int64(n)
}

func init() {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		panic("predictors: saved models are little-endian and this machine is not")
	}
}
