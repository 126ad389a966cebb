package corpora

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// File is a text of the user.
type File struct {
	Path    string `toml:"path"`    // relative to the TOML file; $NAME and ${NAME} are taken from the environment
	SHA256  string `toml:"sha256"`  // of the decompressed content; "" trusts it
	Bytes   int64  `toml:"bytes"`   // of the decompressed content; 0 trusts it
	Licence string `toml:"licence"` // recorded with the results
	Options
}

// maxText bounds a text, so that a small file that decompresses to a huge one
// ends in an error and not in swapping. Symbols take twice as much again.
const maxText = 1 << 30

// Validate checks ranges.
func (f *File) Validate() error {
	if f.Path == "" {
		return fmt.Errorf("path = \"\", want a file")
	}
	if n := len(f.SHA256); n != 0 && (n != 64 || strings.Trim(strings.ToLower(f.SHA256), "0123456789abcdef") != "") {
		return fmt.Errorf("sha256 = %q, want 64 hexadecimal digits", f.SHA256)
	}
	return first(atLeast("bytes", f.Bytes, 0), f.Options.Validate())
}

// Load reads, decompresses, checks and cuts the file.
func (f *File) Load(ctx context.Context, env Env) (*Corpus, error) {
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("corpora.%s: %w", env.Name, err)
	}
	path, err := expand(f.Path)
	if err != nil {
		return nil, &Unavailable{env.Name, fmt.Sprintf("%s: %v", f.Path, err), err}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.Dir, path)
	}
	stored, err := os.Open(path)
	if err != nil {
		return nil, &Unavailable{env.Name, fmt.Sprintf("%s: %v", f.Path, plain(err)), err}
	}
	defer stored.Close()
	raw, err := decompress(stopping{ctx, stored}, path, maxText)
	if err == nil {
		err = check(raw, f.Bytes, strings.ToLower(f.SHA256))
	}
	if err != nil {
		return nil, fmt.Errorf("corpora.%s: %s: %w", env.Name, f.Path, err)
	}
	// Where the user keeps it says nothing about what it is.
	return f.build(ctx, env, source{"file", "file " + filepath.Base(path), f.Licence, raw})
}

// expand puts environment variables into a path, so that an experiment can say
// which file it needs and each user where such files are.
func expand(path string) (string, error) {
	var missing error
	out := os.Expand(path, func(name string) string {
		v, ok := os.LookupEnv(name)
		if !ok && missing == nil {
			missing = fmt.Errorf("the environment variable %s is not set", name)
		}
		return v
	})
	return out, missing
}

// plain is what the system says, without the machine's path.
func plain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// check refuses bytes other than the wanted ones; 0 and "" want nothing.
func check(raw []byte, size int64, sum string) error {
	if got := digest(raw); sum != "" && got != sum {
		return fmt.Errorf("sha256 = %s (%d bytes), want %s%s", got, len(raw), sum, wantSize(size))
	}
	if size > 0 && int64(len(raw)) != size {
		return fmt.Errorf("bytes = %d, want %d", len(raw), size)
	}
	return nil
}

func wantSize(size int64) string {
	if size == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d bytes)", size)
}

// A stopping reader ends with the context.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// A packing is a way to compress files.
type packing struct {
	suffix string
	magic  func(head []byte) bool // recognises the content; nil where there is nothing to recognise
	open   func(io.Reader) (io.Reader, error)
}

var packings = []packing{
	{".gz", prefix("\x1f\x8b\x08"), func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{".bz2", isBzip2, func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{".xz", prefix("\xfd7zXZ\x00"), func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
	{".zst", isZstd, func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<27))
	}},
	// Brotli has no magic number: the name must tell, and decoding to the very
	// end of the file verifies it.
	{".br", nil, func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }},
}

func prefix(magic string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }
}

// isBzip2 looks for the level and for the mark of a block or of the end too,
// since a text may well begin with BZh.
func isBzip2(b []byte) bool {
	if len(b) < 10 || string(b[:3]) != "BZh" || b[3] < '1' || b[3] > '9' {
		return false
	}
	mark := string(b[4:10])
	return mark == "\x31\x41\x59\x26\x53\x59" || mark == "\x17\x72\x45\x38\x50\x90"
}

// isZstd knows frames and skippable frames (RFC 8878, 3.1).
func isZstd(b []byte) bool {
	return len(b) >= 4 && (string(b[:4]) == "\x28\xb5\x2f\xfd" || b[0]&0xf0 == 0x50 && string(b[1:4]) == "\x2a\x4d\x18")
}

// decompress reads all of r, in whatever way its content is packed. A name
// that promises a packing the content does not have is an error.
func decompress(r io.Reader, name string, limit int64) ([]byte, error) {
	head := make([]byte, 16)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	head = head[:n]
	r = io.MultiReader(bytes.NewReader(head), r)
	p, err := packingOf(head, strings.ToLower(filepath.Ext(name)))
	if err != nil {
		return nil, err
	}
	if p != nil {
		if r, err = p.open(r); err != nil {
			return nil, fmt.Errorf("%s: %w", p.suffix, err)
		}
		if z, ok := r.(*zstd.Decoder); ok {
			defer z.Close()
		}
	}
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil && p != nil:
		return nil, fmt.Errorf("%s: after %d bytes: %w", p.suffix, len(raw), err)
	case err != nil:
		return nil, err
	case int64(len(raw)) > limit:
		return nil, fmt.Errorf("more than %d bytes of text, want at most so many", limit)
	}
	return raw, nil
}

// packingOf goes by content, and by the suffix only where content cannot tell.
func packingOf(head []byte, suffix string) (*packing, error) {
	for i := range packings {
		if p := &packings[i]; p.magic != nil && p.magic(head) {
			return p, nil
		}
	}
	for i := range packings {
		switch p := &packings[i]; {
		case suffix != p.suffix:
		case p.magic == nil:
			return p, nil
		default:
			return nil, fmt.Errorf("the name ends in %s but the content does not begin like it", suffix)
		}
	}
	return nil, nil
}
