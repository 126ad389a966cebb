// Package corporatest gives tests the real texts that are not part of the
// repository.
package corporatest

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"horizon/corpora"
)

// Read returns a text of the folder that HORIZON_CORPORA names, or of
// shared/corpora beside the repository: name is a path in it, such as
// "calgary/bib", and the file may be packed as name.gz. A test that asks for
// a text that is not there is skipped.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	path := filepath.Join(folder(t), filepath.FromSlash(name))
	if f, err := os.Open(path + ".gz"); err == nil {
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatalf("%s.gz: %v", path, err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatalf("%s.gz: %v", path, err)
		}
		return text
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the corpus is not here (HORIZON_CORPORA names the folder): %v", err)
	}
	return text
}

// Symbols returns the bytes of a text as symbols, A = 256.
func Symbols(t testing.TB, name string) []corpora.Symbol {
	t.Helper()
	text := Read(t, name)
	xs := make([]corpora.Symbol, len(text))
	for i, b := range text {
		xs[i] = corpora.Symbol(b)
	}
	return xs
}

// Packed returns a text over the symbols that occur in it, in order of byte
// value, and how many there are.
func Packed(t testing.TB, name string) (xs []corpora.Symbol, a int) {
	t.Helper()
	xs = Symbols(t, name)
	var rank [256]corpora.Symbol
	for _, x := range xs {
		rank[x] = 1
	}
	for b := range rank {
		if rank[b] != 0 {
			rank[b], a = corpora.Symbol(a), a+1
		}
	}
	for i, x := range xs {
		xs[i] = rank[x]
	}
	return xs, a
}

func folder(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("HORIZON_CORPORA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "corpora")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the test: not in a checkout")
		}
		dir = up
	}
}
