package baseline

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"horizon/predictors"
)

// opticks is Newton's Opticks, which comes with the Go toolchain.
func opticks(t testing.TB) []byte {
	text, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src/testdata/Isaac.Newton-Opticks.txt"))
	if err != nil {
		t.Skipf("this Go toolchain lacks Opticks: %v", err)
	}
	checkDigest(t, text, "d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd")
	return text
}

func checkDigest(t testing.TB, text []byte, want string) {
	t.Helper()
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:])[:len(want)]; got != want {
		t.Fatalf("the corpus has SHA-256 %s…, want %s…", got, want)
	}
}

// corpus reads a text of the shared corpora, which are not part of the
// repository.
func corpus(t testing.TB, name string) []byte {
	dir := os.Getenv("HORIZON_CORPORA")
	if dir == "" {
		dir = filepath.Join(repository(t), "..", "shared", "corpora")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func repository(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the test: not in a checkout")
		}
		dir = up
	}
}

// sizeOf is the compressed size of the texts put together, in bytes.
func sizeOf(t testing.TB, c predictors.CoderConfig, texts ...[]byte) int64 {
	t.Helper()
	coder, err := c.NewCoder()
	if err != nil {
		t.Fatal(err)
	}
	n, err := coder.(compressor).size(context.Background(), texts...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The usual programs on Opticks cut at byte 510,478: whole file, and the last
// tenth after the rest, in bits per byte. Ours may differ by as much as our
// encoders do (see compressors.go), and by no more.
func TestOpticks(t *testing.T) {
	text := opticks(t)
	const cut = 510478
	for _, c := range []struct {
		name         string
		config       predictors.CoderConfig
		whole, after float64 // of the program
		below, above float64 // how far ours may be off
	}{
		{"gzip", DefaultGzip(), 2.447, 2.624, 0.006, 0},
		{"bzip2", DefaultBzip2(), 1.868, 1.957, 0.0006, 0.0006},
		{"xz", DefaultXz(), 2.024, 2.117, 0, 0.44},
		{"zstd", DefaultZstd(), 2.068, 2.155, 0.001, 0.001},
		{"brotli", DefaultBrotli(), 1.999, 2.133, 0.002, 0.002},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.name == "brotli" {
				t.Skip("brotli at quality 11 takes seconds")
			}
			both, train := sizeOf(t, c.config, text[:cut], text[cut:]), sizeOf(t, c.config, text[:cut])
			whole := 8 * float64(both) / float64(len(text))
			after := 8 * float64(both-train) / float64(len(text)-cut)
			t.Logf("whole %.4f (the program %.3f), after the rest %.4f (%.3f)", whole, c.whole, after, c.after)
			for _, v := range [][2]float64{{whole, c.whole}, {after, c.after}} {
				if v[0] < v[1]-c.below || v[0] > v[1]+c.above {
					t.Errorf("%.4f bits per byte, the program %.3f, want within −%g and +%g", v[0], v[1], c.below, c.above)
				}
			}
		})
	}
}

// With other text in front of both, the difference stays: no setting depends
// on the size of the input. (bzip2's does not stay, as its tables serve a whole
// block; it has no such setting but the block.)
func TestFiller(t *testing.T) {
	text := opticks(t)
	train, test, filler := text[200_000:300_000], text[300_000:330_000], bytes.ToUpper(text[:100_000])
	for name, config := range map[string]predictors.CoderConfig{"gzip": DefaultGzip(), "xz": DefaultXz(), "zstd": DefaultZstd(), "brotli": &BrotliConfig{9, 24}} {
		bare := sizeOf(t, config, train, test) - sizeOf(t, config, train)
		filled := sizeOf(t, config, filler, train, test) - sizeOf(t, config, filler, train)
		t.Logf("%s: %d bytes, %d with other text in front", name, bare, filled)
		if math.Abs(float64(bare-filled)) > 0.02*float64(bare) {
			t.Errorf("%s: %d bytes, %d with other text in front, want within 2%%", name, bare, filled)
		}
	}
}

func TestCodeLengthIsTheDifference(t *testing.T) {
	coder, err := DefaultBzip2().NewCoder()
	if err != nil {
		t.Fatal(err)
	}
	train, test := bytes.Repeat([]byte("train"), 1000), []byte("test and train")
	bits, err := coder.CodeLength(context.Background(), train, test)
	want := 8 * (sizeOf(t, DefaultBzip2(), slices.Concat(train, test)) - sizeOf(t, DefaultBzip2(), train))
	if err != nil || bits != float64(want) {
		t.Errorf("%v bits, %v, want %d", bits, err, want)
	}
}

// bzip2 -9 of Debian 12 on tinyshakespeare, where a block ends inside: 2.356
// bits a character, 2.398 for the last tenth after the rest.
func TestBzip2OnShakespeare(t *testing.T) {
	text := corpus(t, "shakespeare/tinyshakespeare.txt.gz")
	checkDigest(t, text, "86c4e6aa9db7c042")
	const cut = 1003854
	both, train := sizeOf(t, DefaultBzip2(), text), sizeOf(t, DefaultBzip2(), text[:cut])
	whole, after := 8*float64(both)/float64(len(text)), 8*float64(both-train)/float64(len(text)-cut)
	if math.Abs(after-2.398) > 0.0006 || math.Abs(whole-2.356) > 0.0006 {
		t.Errorf("%.4f and %.4f bits per byte, want 2.398 and 2.356", after, whole)
	}
}

// Sizes of bzip2 -9 (libbzip2 1.0.8) on the Canterbury corpus; as bits per
// byte they are those of Gleave 2016, table of that corpus.
func TestBzip2OnCanterbury(t *testing.T) {
	for name, want := range map[string]int64{"alice29.txt": 43202, "asyoulik.txt": 39569, "cp.html": 7624,
		"kennedy.xls": 130280, "lcet10.txt": 107706, "plrabn12.txt": 145577, "ptt5": 49759, "sum": 12909} {
		t.Run(name, func(t *testing.T) {
			text := corpus(t, "canterbury/"+name+".gz")
			if got := sizeOf(t, DefaultBzip2(), text); got != want {
				t.Errorf("%d bytes, want %d", got, want)
			}
		})
	}
}

// What is written is bzip2: the standard library reads it back.
func TestBzip2RoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	random := func(n, a int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.IntN(a))
		}
		return b
	}
	texts := [][]byte{nil, {0}, []byte("banana"), []byte("abababab"), bytes.Repeat([]byte{'x'}, 3), bytes.Repeat([]byte{'x'}, 4),
		bytes.Repeat([]byte{'x'}, 255), bytes.Repeat([]byte{'x'}, 256), bytes.Repeat([]byte{'x'}, 700_000),
		bytes.Repeat([]byte("ab"), 30_000), random(1000, 256), random(250_000, 3), random(120_000, 256),
		bytes.Repeat([]byte("aaaaabbbbbb"), 40_000)}
	for i, text := range texts {
		for _, level := range []int{1, 9} {
			var b bytes.Buffer
			w := newBzip2Writer(&b, level)
			for rest := text; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(70_000))
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			back, err := io.ReadAll(bzip2.NewReader(&b))
			if err != nil || !bytes.Equal(back, text) {
				t.Errorf("text %d of %d bytes at level %d: read back %d bytes, %v", i, len(text), level, len(back), err)
			}
		}
	}
}

func TestRotationsAreSorted(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 300 {
		s := make([]byte, 1+rng.IntN(40))
		for i := range s {
			s[i] = "ab\xff"[rng.IntN(1+rng.IntN(3))]
		}
		var want []string
		for i := range s {
			want = append(want, string(s[i:])+string(s[:i]))
		}
		slices.Sort(want)
		for row, i := range sortRotations(s) {
			if got := string(s[i:]) + string(s[:i]); got != want[row] {
				t.Fatalf("%q: row %d is %q, want %q", s, row, got, want[row])
			}
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestBzip2ReportsWriteErrors(t *testing.T) {
	w := newBzip2Writer(failing{}, 1)
	w.Write([]byte("text"))
	if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Close = %v, want %v", err, io.ErrShortWrite)
	}
}

func TestCodersStopWhenCancelled(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	for _, c := range []predictors.CoderConfig{DefaultGzip(), DefaultBzip2(), DefaultXz(), DefaultZstd(), DefaultBrotli()} {
		coder, err := c.NewCoder()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := coder.CodeLength(ctx, []byte("train"), []byte("test")); !errors.Is(err, context.Canceled) {
			t.Errorf("%T: %v, want context.Canceled", c, err)
		}
		if bits, err := coder.CodeLength(context.Background(), nil, nil); bits != 0 || err != nil {
			t.Errorf("%T: nothing after nothing = %v bits, %v", c, bits, err)
		}
	}
}

func TestCoderConfigErrors(t *testing.T) {
	for _, c := range []struct {
		config predictors.CoderConfig
		want   string
	}{
		{&GzipConfig{0}, "gzip: level = 0, want 1 to 9"},
		{&Bzip2Config{10}, "bzip2: level = 10, want 1 to 9"},
		{&XzConfig{0}, "xz: dictionary_mib = 0, want 1 to 1024"},
		{&ZstdConfig{40}, "zstd: level = 40, want 1 to 22"},
		{&BrotliConfig{12, 24}, "brotli: quality = 12, want 0 to 11"},
		{&BrotliConfig{11, 30}, "brotli: window_log = 30, want 10 to 24"},
	} {
		if _, err := c.config.NewCoder(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.config, err, c.want)
		}
	}
}
