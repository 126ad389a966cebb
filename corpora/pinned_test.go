package corpora

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/BurntSushi/toml"
)

// need loads a corpus of Kinds, or skips with the reason it cannot be had.
func need(t *testing.T, kind string, change func(*Options)) *Corpus {
	t.Helper()
	if testing.Short() {
		t.Skip("reads texts of the toolchain and of modules")
	}
	k, ok := Find(kind)
	if !ok {
		t.Fatalf("no kind %q", kind)
	}
	c := k.Default()
	if p, ok := c.(*Pinned); ok && change != nil {
		change(&p.Options)
	}
	got, err := c.Load(t.Context(), Env{Name: kind})
	var gone *Unavailable
	if errors.As(err, &gone) {
		t.Skip(gone.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPinned(t *testing.T) {
	for _, k := range Kinds {
		if k.SHA256 == "" {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			c := need(t, k.Name, nil)
			if c.SHA256 != k.SHA256 || c.Bytes != k.Bytes || c.Kind != k.Name || c.Licence != k.Licence {
				t.Errorf("%+v", c)
			}
			if slices.ContainsFunc(strings.Fields(c.Source), filepath.IsAbs) {
				t.Errorf("source %q names a path of this machine", c.Source)
			}
			if c.Train.Bytes+c.Valid.Bytes+c.Test.Bytes != k.Bytes {
				t.Error("the parts do not add up")
			}
			want := 256
			if k.Name == "text8-7m" {
				want = 27
			}
			if c.Alphabet.Size() != want {
				t.Errorf("alphabet of %d, want %d", c.Alphabet.Size(), want)
			}
		})
	}
}

// The unigram entropy of Opticks is the 4.52 bits that every family must beat.
func TestOpticksUnigram(t *testing.T) {
	c := need(t, "opticks", nil)
	var n [256]float64
	for _, x := range c.Train.Docs[0] {
		n[x]++
	}
	bits := 0.0
	for _, x := range c.Test.Docs[0] {
		bits -= math.Log2((n[x] + 0.5) / (float64(c.Train.Symbols) + 128))
	}
	if bits /= float64(c.Test.Bytes); math.Abs(bits-4.52) > 0.01 {
		t.Errorf("%.4f bits per byte, want 4.52", bits)
	}
}

// Both origins of Opticks have the same bytes.
func TestOpticksOrigins(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the toolchain and the module cache")
	}
	k, _ := Find("opticks")
	for _, o := range k.Default().(*Pinned).from {
		raw, from, err := o.read(t.Context())
		if err != nil {
			t.Skip(err)
		}
		if err := check(raw, k.Bytes, k.SHA256); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
}

// nowhere hides the go command, the toolchain and the module cache.
func nowhere(t *testing.T) (cache string) {
	t.Helper()
	cache = t.TempDir()
	t.Setenv("PATH", t.TempDir())
	was := builtWith
	builtWith = func() string { return "" }
	t.Cleanup(func() { builtWith = was })
	t.Setenv("GOMODCACHE", cache)
	return cache
}

func TestPinnedUnavailable(t *testing.T) {
	nowhere(t)
	for _, name := range []string{"opticks", "enwik7", "text8-7m", "alice29", "go-source"} {
		k, _ := Find(name)
		_, err := k.Default().Load(t.Context(), Env{Name: "wanted"})
		var gone *Unavailable
		if !errors.As(err, &gone) || gone.Corpus != "wanted" || gone.Reason == "" || strings.Contains(gone.Reason, "\n") {
			t.Errorf("%s: error %v, want Unavailable with a reason", name, err)
		}
	}
}

// An unreachable proxy makes a corpus unavailable, with the proxy's reason.
func TestProxyOff(t *testing.T) {
	if _, err := goCommand(); err != nil {
		t.Skip(err)
	}
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOPROXY", "off")
	_, _, err := enwik7.read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "module github.com/ulikunitz/xz v0.5.17: ") || !strings.Contains(err.Error(), "GOPROXY=off") {
		t.Errorf("error %v", err)
	}
}

// Other bytes than the pinned ones are an error that names both digests, and
// no other origin takes their place.
func TestPinnedChanged(t *testing.T) {
	cache := nowhere(t)
	put := func(f moduleFile, content string) {
		path := filepath.Join(cache, f.module+"@"+f.version, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, path, content)
	}
	put(newton, "Opticks, or")
	put(enwik7, "<mediawiki>")
	for _, tt := range []struct{ kind, got, want string }{
		{"opticks", "Opticks, or", "d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd"},
		{"enwik7", "<mediawiki>", enwik7Digest},
		{"text8-7m", "<mediawiki>", enwik7Digest},
	} {
		k, _ := Find(tt.kind)
		_, err := k.Default().Load(t.Context(), Env{Name: "x"})
		var gone *Unavailable
		if err == nil || errors.As(err, &gone) || !strings.Contains(err.Error(), digest([]byte(tt.got))) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that names both digests", tt.kind, err)
		}
	}
}

func TestPinnedCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, name := range []string{"opticks", "enwik7", "text8-7m", "go-source", "golden-mean"} {
		k, _ := Find(name)
		if _, err := k.Default().Load(ctx, Env{Name: "x"}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want context.Canceled", name, err)
		}
	}
}

func TestGoFiles(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	src := fstest.MapFS{
		"b/b.go": file("b"), "a/z.go": file("z"), "a/y.go": file("y"), "a/y_test.go": file("T"), "a.go": file("a"),
		"a/testdata/x.go": file("!"), "cmd/go/main.go": file("!"), "vendor/v/v.go": file("!"), "b/cmd/c.go": file("c"), "b/x.s": file("!"),
	}
	for tests, want := range map[bool]string{false: "yzabc", true: "yTzabc"} {
		got, err := goFiles(t.Context(), src, tests)
		if err != nil || string(got) != want {
			t.Errorf("tests = %v: %q, %v, want %q", tests, got, err, want)
		}
	}
}

func TestGoSource(t *testing.T) {
	c := need(t, "go-source", nil)
	if !strings.HasPrefix(c.Source, "Go toolchain go1.") || c.Train.Symbols+c.Valid.Symbols+c.Test.Symbols != 10_000_000 {
		t.Errorf("%s: %d symbols", c.Source, c.Train.Symbols+c.Valid.Symbols+c.Test.Symbols)
	}
	if !bytes.Contains(c.Train.Text(), []byte("\npackage ")) {
		t.Error("no package clause in Go source")
	}
}

// Rules of wikifil.pl, each by an example worked by hand from the script.
func TestWikifil(t *testing.T) {
	const open = `<text xml:space="preserve">`
	tests := []struct{ in, want string }{
		{"<title>Not text</title>", ""},
		{open + "Hello, World</text>", " hello world "},
		{open + "#REDIRECT [[X]]</text>", ""},
		{open + "In 1984</text>", " in one nine eight four "},
		{open + "a [[target|label]] b [[plain]]</text>", " a label b plain "},
		{open + "[[Image:x.png|thumb|left|20px|caption]]</text>", " caption "},
		{open + "[[Category:Cats|sort]]</text>", " cats "},
		{open + "x[[fr:Chat]]y</text>", " xy "},
		{open + "see [http://a.b/c text] now</text>", " see text now "},
		{open + "{{stub}}q{| table |}r</text>", " qr "},
		{open + "a&lt;br&gt;b &amp;nbsp; c</text>", " ab c "},
		{open + "a&lt;ref name=x&gt;gone&lt;/ref&gt;b</text>", " ab "},
		{open + "caf\xc3\xa9</text>", " caf "},
		{open + "one</text><comment>no</comment>" + open + "two</text>", " one two "},
	}
	for _, tt := range tests {
		got, err := wikifil(t.Context(), []byte(tt.in), 1000)
		// What follows the opening tag is a stretch of its own, and so is what
		// follows </text>; the script gives each a space to begin with.
		if squeezed := strings.Join(strings.Fields(string(got)), " "); err != nil || squeezed != strings.TrimSpace(tt.want) {
			t.Errorf("%q: %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

// manifest is what is known of the real corpora.
type manifest struct {
	Corpus []struct {
		Name, File, SHA256 string
		Bytes              int64
		Runes              int
		ByteAlphabet       int `toml:"byte_alphabet"`
		RuneAlphabet       int `toml:"rune_alphabet"`
	}
}

// realCorpora finds their folder, or skips.
func realCorpora(t *testing.T) (dir string, m manifest) {
	t.Helper()
	if testing.Short() {
		t.Skip("reads megabytes")
	}
	dir = os.Getenv("HORIZON_CORPORA")
	if dir == "" {
		root, err := os.Getwd()
		for err == nil {
			if _, missing := os.Stat(filepath.Join(root, "go.mod")); missing == nil {
				break
			}
			if filepath.Dir(root) == root {
				t.Fatal("no go.mod above the working directory")
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "corpora")
	}
	if _, err := toml.DecodeFile(filepath.Join(dir, "MANIFEST.toml"), &m); err != nil {
		t.Skipf("no real corpora (HORIZON_CORPORA names their folder): %v", err)
	}
	return dir, m
}

func TestRealCorpora(t *testing.T) {
	dir, m := realCorpora(t)
	if len(m.Corpus) < 40 {
		t.Errorf("%d corpora in the manifest", len(m.Corpus))
	}
	for _, e := range m.Corpus {
		t.Run(e.Name, func(t *testing.T) {
			f := &File{Path: filepath.FromSlash(e.File), SHA256: e.SHA256, Bytes: e.Bytes, Options: defaults()}
			f.Alphabet = "seen"
			if e.Bytes < 10 {
				f.Split = Fractions(0, 0, 1)
			}
			c, err := f.Load(t.Context(), Env{Name: e.Name, Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if c.Alphabet.Size() != e.ByteAlphabet {
				t.Errorf("%d bytes seen, want %d", c.Alphabet.Size(), e.ByteAlphabet)
			}
			for _, k := range Kinds {
				if k.SHA256 == c.SHA256 && k.Bytes != c.Bytes {
					t.Errorf("%s: %d bytes, pinned at %d", k.Name, c.Bytes, k.Bytes)
				}
			}
			if e.Runes == 0 {
				return
			}
			f.Unit = "rune"
			if c, err = f.Load(t.Context(), Env{Name: e.Name, Dir: dir}); err != nil {
				t.Fatal(err)
			}
			if n := c.Train.Symbols + c.Valid.Symbols + c.Test.Symbols; n != e.Runes || c.Alphabet.Size() != e.RuneAlphabet {
				t.Errorf("%d runes of %d kinds, want %d of %d", n, c.Alphabet.Size(), e.Runes, e.RuneAlphabet)
			}
		})
	}
}

// The pinned texts are those of the real corpora, text8's derivation included.
func TestPinnedAreTheRealOnes(t *testing.T) {
	dir, m := realCorpora(t)
	names := map[string]string{"enwik7": "enwik7", "text8-7m": "text8-7M", "alice29": "canterbury/alice29.txt", "asyoulik": "canterbury/asyoulik.txt",
		"lcet10": "canterbury/lcet10.txt", "plrabn12": "canterbury/plrabn12.txt"}
	found := 0
	for kind, name := range names {
		k, _ := Find(kind)
		for _, e := range m.Corpus {
			if e.Name != name && e.Name != strings.TrimSuffix(name, ".txt") {
				continue
			}
			found++
			if e.SHA256 != k.SHA256 || e.Bytes != k.Bytes {
				t.Errorf("%s: %s of %d bytes, want %s of %d", kind, k.SHA256, k.Bytes, e.SHA256, e.Bytes)
			}
			if kind != "text8-7m" {
				continue
			}
			c := need(t, kind, func(o *Options) { o.Split = Fractions(0, 0, 1) })
			stored, err := os.Open(filepath.Join(dir, e.File))
			if err != nil {
				t.Fatal(err)
			}
			defer stored.Close()
			raw, err := decompress(stored, e.File, maxText)
			if err != nil || !bytes.Equal(raw, c.Test.Text()) {
				t.Errorf("text8 as derived is not text8: %v", err)
			}
		}
	}
	if found != len(names) {
		t.Errorf("%d of %d are in the manifest", found, len(names))
	}
}

func TestProteins(t *testing.T) {
	dir, _ := realCorpora(t)
	f := &File{Path: "protein/uniprot-a.fasta.gz", Options: defaults()}
	f.Format, f.Alphabet = "fasta", "seen"
	c, err := f.Load(t.Context(), Env{Name: "proteins", Dir: dir})
	var gone *Unavailable
	if errors.As(err, &gone) {
		t.Skip(gone.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	docs := 0
	for _, p := range c.Parts() {
		docs += len(p.Docs)
		if p.Continues {
			t.Errorf("%s begins inside a protein", p.Role)
		}
	}
	letters := strings.Join(c.Alphabet.Tokens, "")
	if docs != 5000 || strings.Trim(letters, "ABCDEFGHIKLMNPQRSTUVWXYZ") != "" || len(letters) < 20 {
		t.Errorf("%d proteins over %q, want 5000 over amino acids", docs, letters)
	}
}

// Tunes: as many as the description of the Nottingham collection says.
func TestTunes(t *testing.T) {
	dir, _ := realCorpora(t)
	f := &File{Path: "music/nottingham.abc.gz", Options: defaults()}
	f.Format = "abc"
	c, err := f.Load(t.Context(), Env{Name: "tunes", Dir: dir})
	var gone *Unavailable
	if errors.As(err, &gone) {
		t.Skip(gone.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Train.Docs) + len(c.Valid.Docs) + len(c.Test.Docs); n != 1037 {
		t.Errorf("%d tunes, want 1037", n)
	}
}

// Word units over real German: what is predicted and what is spelled is the
// text, and unknown words cost something.
func TestGermanWords(t *testing.T) {
	dir, _ := realCorpora(t)
	f := &File{Path: "text/grimm-de.txt.gz", Options: defaults()}
	f.Unit, f.Vocabulary = "word", 5000
	c, err := f.Load(t.Context(), Env{Name: "grimm", Dir: dir})
	var gone *Unavailable
	if errors.As(err, &gone) {
		t.Skip(gone.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	unknown := 0
	for _, x := range c.Test.Docs[0] {
		if int(x) == c.Alphabet.Unknown {
			unknown++
		}
	}
	per := c.Test.SpellBits / float64(unknown)
	if c.Alphabet.Size() != 5001 || unknown == 0 || per < 10 || per > 100 {
		t.Errorf("%d symbols, %d unknown words in test, %.1f bits each", c.Alphabet.Size(), unknown, per)
	}
	if n := c.Train.Bytes + c.Valid.Bytes + c.Test.Bytes; n != c.Bytes {
		t.Errorf("the parts have %d bytes, the text %d", n, c.Bytes)
	}
}
