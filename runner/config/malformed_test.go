package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite golden files")

// archive reads a test case: files by name, and flags one a line.
func archive(t testing.TB, path string) (files map[string][]byte, opt Options, a *txtar.Archive) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for _, f := range a.Files {
		if f.Name == "flags" {
			opt.Sets = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
			continue
		}
		files[f.Name] = f.Data
	}
	opt.Registries, opt.ReadFile = fakes, inMemory(files)
	return files, opt, a
}

func inMemory(files map[string][]byte) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if src, ok := files[path]; ok {
			return src, nil
		}
		return nil, os.ErrNotExist
	}
}

// TestMalformed holds every message to the letter. Run it with -update after
// a change and read what changed.
func TestMalformed(t *testing.T) {
	paths, _ := filepath.Glob("testdata/malformed/*.txtar")
	if len(paths) < 40 {
		t.Fatalf("%d malformed experiments, want at least 40", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			files, opt, a := archive(t, path)
			_, err := Load("main.toml", opt)
			if err == nil {
				t.Fatal("accepted")
			}
			got := err.Error() + "\n"
			if *update {
				a.Files[len(a.Files)-1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(files["want"]), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for range 3 { // no message depends on the order of a map
				if _, again := Load("main.toml", opt); again.Error()+"\n" != got {
					t.Errorf("then it said\n%v", again)
				}
			}
		})
	}
}
