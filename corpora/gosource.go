package corpora

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// GoSource is the source of the Go standard library: every .go file below
// GOROOT/src in the order of their paths (folder by folder, names as bytes),
// one after another as one document. Folders cmd, vendor and testdata are left
// out: the first is not the library, the others hold other people's code and
// files made to be odd. Its bytes depend on the Go version, which is recorded.
type GoSource struct {
	Tests bool `toml:"tests"` // with files _test.go
	Options
}

// defaultGoSource takes the first 10⁷ bytes, as much as enwik7.
func defaultGoSource() *GoSource {
	g := &GoSource{Options: defaults()}
	g.MaxSymbols = 10_000_000
	return g
}

// Load reads the toolchain's source.
func (g *GoSource) Load(ctx context.Context, env Env) (*Corpus, error) {
	if err := g.Validate(); err != nil {
		return nil, fmt.Errorf("corpora.%s: %w", env.Name, err)
	}
	reason := errNoGo
	for _, root := range goroots(ctx) {
		// The src of a distribution's Go may be a link, which a walk does not follow.
		src, err := filepath.EvalSymlinks(filepath.Join(root, "src"))
		if err != nil {
			reason = err
			continue
		}
		raw, err := goFiles(ctx, os.DirFS(src), g.Tests)
		if err != nil {
			return nil, fmt.Errorf("corpora.%s: %w", env.Name, err)
		}
		from := fmt.Sprintf("Go toolchain %s, src", goVersion(root))
		return g.build(ctx, env, source{"go-source", from, goLicence, raw})
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, &Unavailable{env.Name, reason.Error(), reason}
}

var errNoGo = errors.New("no Go toolchain found (neither a go command nor GOROOT)")

// goFiles joins the files. WalkDir goes in lexical order.
func goFiles(ctx context.Context, src fs.FS, tests bool) (out []byte, err error) {
	err = fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if name == "cmd" || base == "vendor" || base == "testdata" {
				return fs.SkipDir
			}
			return ctx.Err()
		}
		if !strings.HasSuffix(base, ".go") || !tests && strings.HasSuffix(base, "_test.go") {
			return nil
		}
		b, err := fs.ReadFile(src, name)
		out = append(out, b...)
		return err
	})
	return out, err
}
