package baseline

import (
	"compress/flate"
	"fmt"
	"io"
	"math/bits"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

// A sizer compresses texts after a prefix that it knows, one by one, each from
// the same state. Writing to a counter does not fail, nor do these encoders
// with parameters that they were made with.
type sizer interface{ size(text []byte) int }

// resettable is a writer that can be used again.
type resettable interface {
	io.WriteCloser
	Reset(io.Writer)
}

// A reset sizer goes back to the state of its preset dictionary, or writes
// the prefix first.
type resetSizer struct {
	w      resettable
	prefix []byte
	n      counter
}

func (z *resetSizer) size(text []byte) int {
	z.n = 0
	z.w.Reset(&z.n)
	writeAll(z.w, z.prefix, text)
	return int(z.n)
}

func writeAll(w io.WriteCloser, texts ...[]byte) {
	for _, t := range texts {
		if _, err := w.Write(t); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
}

func openDeflate(level int, prefix []byte, _ int) (sizer, error) {
	z := &resetSizer{}
	w, err := flate.NewWriterDict(&z.n, level, prefix)
	z.w = w
	return z, err
}

func openBrotli(level int, prefix []byte, most int) (sizer, error) {
	window := min(max(bits.Len(uint(len(prefix)+most+16)), 10), 24)
	w := brotli.NewWriterOptions(io.Discard, brotli.WriterOptions{Quality: level, LGWin: window})
	return &resetSizer{w: w, prefix: prefix}, nil
}

// A newSizer makes a writer for each text, after the prefix.
type newSizer struct {
	open   func(io.Writer) (io.WriteCloser, error)
	prefix []byte
}

func (z *newSizer) size(text []byte) int {
	var n counter
	w, err := z.open(&n)
	if err != nil {
		panic(err)
	}
	writeAll(w, z.prefix, text)
	return int(n)
}

// openLZMA has the smallest window that a text fits in: what xz would add to
// it, headers and a check, is the same for all.
func openLZMA(_ int, prefix []byte, most int) (sizer, error) {
	c := lzma.WriterConfig{DictCap: lzma.MinDictCap}
	for c.DictCap < len(prefix)+most {
		c.DictCap *= 2
	}
	if err := c.Verify(); err != nil {
		return nil, fmt.Errorf("xz-lm: %w", err)
	}
	return &newSizer{func(w io.Writer) (io.WriteCloser, error) { return c.NewWriter(w) }, prefix}, nil
}

func openBzip2(level int, prefix []byte, _ int) (sizer, error) {
	return &newSizer{func(w io.Writer) (io.WriteCloser, error) { return newBzip2Writer(w, level), nil }, prefix}, nil
}

// A zstdSizer compresses in one block.
type zstdSizer struct {
	e   *zstd.Encoder
	out []byte
}

func (z *zstdSizer) size(text []byte) int {
	z.out = z.e.EncodeAll(text, z.out[:0])
	return len(z.out)
}

func openZstd(level int, prefix []byte, _ int) (sizer, error) {
	options := []zstd.EOption{zstd.WithEncoderLevel(zstd.EncoderLevel(level)), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(1 << 20), zstd.WithLowerEncoderMem(true)}
	if len(prefix) >= 8 { // less is no dictionary
		options = append(options, zstd.WithEncoderDictRaw(1, prefix))
	}
	e, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, fmt.Errorf("zstd-lm: %w", err)
	}
	return &zstdSizer{e: e}, nil
}
