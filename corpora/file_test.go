package corpora

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/andybalholm/brotli"
	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// packers compress, for each suffix.
var packers = map[string]func(io.Writer) (io.WriteCloser, error){
	".gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	".bz2": func(w io.Writer) (io.WriteCloser, error) { return bzip2.NewWriter(w, nil) },
	".xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	".zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	".br":  func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil },
}

func pack(t testing.TB, suffix, text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := packers[suffix](&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

var sample = strings.Repeat("To be, or not to be, that is the question. ", 500)

func TestPackings(t *testing.T) {
	for suffix := range packers {
		t.Run(suffix, func(t *testing.T) {
			stored := pack(t, suffix, sample)
			got, err := decompress(strings.NewReader(stored), "x"+suffix, maxText)
			if err != nil || string(got) != sample {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if suffix != ".br" { // which has no content to go by
				if got, err = decompress(strings.NewReader(stored), "x.txt", maxText); err != nil || string(got) != sample {
					t.Errorf("by content: %d bytes, %v", len(got), err)
				}
				got, err = decompress(strings.NewReader(stored+pack(t, suffix, "And again.")), "x", maxText)
				if err != nil || string(got) != sample+"And again." {
					t.Errorf("two members: %d bytes, %v", len(got), err)
				}
			}
			for _, bad := range []string{stored[:len(stored)-5], stored + "garbage"} {
				if _, err := decompress(strings.NewReader(bad), "x"+suffix, maxText); err == nil || !strings.HasPrefix(err.Error(), suffix+": ") {
					t.Errorf("%d of %d bytes: error %v", len(bad), len(stored), err)
				}
			}
			if _, err := decompress(strings.NewReader(sample), "x"+suffix, maxText); err == nil {
				t.Error("plain text passed for packed")
			}
			if _, err := decompress(strings.NewReader(stored), "x"+suffix, 1000); err == nil || !strings.Contains(err.Error(), "more than 1000 bytes") {
				t.Errorf("limit: error %v", err)
			}
		})
	}
}

// Texts that begin like a packed file, or nearly so.
func TestNotPacked(t *testing.T) {
	for _, in := range []string{"", "B", "BZh", "BZh9 is how bzip2 begins", "\x1f", "PK", "P*M", "\xfd7zXY rest"} {
		got, err := decompress(strings.NewReader(in), "x.txt", maxText)
		if err != nil || string(got) != in {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func load(t testing.TB, dir, config string) (*Corpus, error) {
	t.Helper()
	f := &File{Options: defaults()}
	if _, err := toml.Decode(config, f); err != nil {
		t.Fatal(err)
	}
	return f.Load(context.Background(), Env{Name: "mine", Dir: dir})
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "be.txt.xz"), pack(t, ".xz", sample))
	c, err := load(t, dir, `path = "be.txt.xz"
licence = "public domain"
split = "half/half"`)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "mine" || c.Kind != "file" || c.Source != "file be.txt.xz" || c.Licence != "public domain" ||
		c.SHA256 != digest([]byte(sample)) || c.Bytes != int64(len(sample)) || string(c.Train.Text())+string(c.Test.Text()) != sample {
		t.Errorf("%+v", c)
	}
	good := digest([]byte(sample))
	if _, err := load(t, t.TempDir(), `path = "`+filepath.ToSlash(filepath.Join(dir, "be.txt.xz"))+`"
bytes = 21500
sha256 = "`+strings.ToUpper(good)+`"`); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(dir, "empty"), "")
	write(t, filepath.Join(dir, "bad.gz"), "not gzip")
	bad := strings.Repeat("0", 64)
	for _, tt := range []struct{ config, err string }{
		{`path = ""`, `corpora.mine: path = "", want a file`},
		{`path = "empty"`, "corpora.mine: the text is empty"},
		{`path = "bad.gz"`, "corpora.mine: bad.gz: the name ends in .gz but the content does not begin like it"},
		{`path = "."`, "is a directory"},
		{`path = "be.txt.xz"
sha256 = "` + bad + `"`, "corpora.mine: be.txt.xz: sha256 = " + good + " (21500 bytes), want " + bad},
		{`path = "be.txt.xz"
bytes = 7`, "corpora.mine: be.txt.xz: bytes = 21500, want 7"},
		{`path = "be.txt.xz"
sha256 = "abc"`, `sha256 = "abc", want 64 hexadecimal digits`},
		{`path = "be.txt.xz"
bytes = -1`, `bytes = -1, want ≥ 0`},
	} {
		_, err := load(t, dir, tt.config)
		var gone *Unavailable
		if err == nil || !strings.Contains(err.Error(), tt.err) || errors.As(err, &gone) {
			t.Errorf("%s: error %v, want %q", tt.config, err, tt.err)
		}
	}
}

func TestFileMissing(t *testing.T) {
	_, err := load(t, t.TempDir(), `path = "none.txt"`)
	var gone *Unavailable
	if !errors.As(err, &gone) || gone.Corpus != "mine" || !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "corpora.mine: cannot be had: none.txt: ") {
		t.Errorf("error %v, want Unavailable", err)
	}
}

func TestFileCancelled(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), sample)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f := &File{Path: "a", Options: defaults()}
	if _, err := f.Load(ctx, Env{Name: "mine", Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// FuzzFile sends any bytes through every unit and splitter: nothing panics,
// and what is read is parted as promised.
func FuzzFile(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	f.Add("x.txt", []byte(sample[:200]), "", uint16(0))
	f.Add("x", noise, "\x00", uint16(100))
	f.Add("x", []byte(">a\nACGT\n>b\nMKV\n"), "", uint16(3))
	f.Add("x", []byte("X:1\nABc|\n\nX:2\ndef\n"), "\n\n", uint16(0))
	f.Add("x", []byte("né à|ü世 界|\xff"), "|", uint16(4))
	f.Add("x", []byte("a"), "a", uint16(1))
	for suffix := range packers {
		f.Add("x"+suffix, []byte(pack(f, suffix, "a b c d e f g h i j")), "", uint16(0))
	}
	splits := []Split{Fractions(0.8, 0.1, 0.1), Fractions(0, 0, 1), Counts(3, 1, 2), HalfHalf()}
	f.Fuzz(func(t *testing.T, name string, stored []byte, separator string, most uint16) {
		raw, err := decompress(bytes.NewReader(stored), name, 1<<16)
		if err != nil {
			return
		}
		for _, unit := range []string{"byte", "rune", "word"} {
			for _, alphabet := range []string{"full", "seen"} {
				for _, format := range []string{"plain", "fasta", "abc"} {
					for _, split := range splits {
						o := defaults()
						o.Unit, o.Alphabet, o.Format, o.Split = unit, alphabet, format, split
						o.MaxSymbols = int(most)
						o.Vocabulary = int(most % 7)
						if format == "plain" {
							o.Separator = separator
						}
						c, err := o.build(context.Background(), Env{Name: "x"}, source{raw: raw})
						if err != nil {
							continue
						}
						if err := partition(c, &o, raw); err != nil {
							t.Fatalf("%+v: %v", o, err)
						}
					}
				}
			}
		}
	})
}

func TestPathsFromTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("abracadabra"), 0o666); err != nil {
		t.Fatal(err)
	}
	f := &File{Path: "${HORIZON_TEST_FOLDER}/a.txt", Options: defaults()}
	var u *Unavailable
	if _, err := f.Load(context.Background(), Env{Name: "a"}); !errors.As(err, &u) || !strings.Contains(u.Reason, "HORIZON_TEST_FOLDER is not set") {
		t.Errorf("unset variable: %v", err)
	}
	t.Setenv("HORIZON_TEST_FOLDER", dir)
	c, err := f.Load(context.Background(), Env{Name: "a"})
	if err != nil || c.Bytes != 11 {
		t.Errorf("%v, %v, want 11 bytes", c, err)
	}
	if strings.Contains(c.Source, dir) {
		t.Errorf("source %q tells where the user keeps it", c.Source)
	}
}
