package corpora

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Pinned is a corpus whose bytes are known by their digest.
type Pinned struct {
	Options
	kind Kind
	from []origin
}

// An origin is a place that may have a text.
type origin interface {
	// read returns the text and where it came from, in words.
	read(ctx context.Context) (raw []byte, from string, err error)
}

// Load takes the text from the first origin that can be had, and checks it.
// An origin that has other bytes than the pinned ones is not passed over.
func (p *Pinned) Load(ctx context.Context, env Env) (*Corpus, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("corpora.%s: %w", env.Name, err)
	}
	var missing []error
	for _, o := range p.from {
		raw, from, err := o.read(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var changed *changedError
		if errors.As(err, &changed) {
			return nil, fmt.Errorf("corpora.%s: %w", env.Name, err)
		}
		if err != nil {
			missing = append(missing, err)
			continue
		}
		if err := check(raw, p.kind.Bytes, p.kind.SHA256); err != nil {
			return nil, fmt.Errorf("corpora.%s: %s: %w", env.Name, from, err)
		}
		return p.build(ctx, env, source{p.kind.Name, from, p.kind.Licence, raw})
	}
	err := errors.Join(missing...)
	return nil, &Unavailable{env.Name, strings.ReplaceAll(err.Error(), "\n", "; "), err}
}

// changedError says that what an origin derives its text from is not what it
// should be: not a matter of availability.
type changedError struct{ err error }

func (c *changedError) Error() string { return c.err.Error() }
func (c *changedError) Unwrap() error { return c.err }

// A toolchainFile is a file of the Go toolchain, by its path below GOROOT.
type toolchainFile string

func (f toolchainFile) read(ctx context.Context) ([]byte, string, error) {
	var missing []error
	for _, root := range goroots(ctx) {
		raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(string(f))))
		if err == nil {
			return raw, fmt.Sprintf("Go toolchain %s, %s", goVersion(root), f), nil
		}
		missing = append(missing, err)
	}
	if len(missing) == 0 {
		return nil, "", fmt.Errorf("%s: %w", f, errNoGo)
	}
	return nil, "", errors.Join(missing...)
}

// goroots lists where the toolchain may be: what the go command says, then
// what this program was built with, which may be gone or was never recorded.
func goroots(ctx context.Context) (roots []string) {
	if command, err := goCommand(); err == nil {
		if out, err := exec.CommandContext(ctx, command, "env", "GOROOT").Output(); err == nil {
			roots = append(roots, strings.TrimSpace(string(out)))
		}
	}
	if root := builtWith(); root != "" && (len(roots) == 0 || roots[0] != root) {
		roots = append(roots, root)
	}
	return roots
}

// builtWith is GOROOT as it was at build time, or as the environment has it.
// It is deprecated for being no more than a guess, which is what it is here.
var builtWith = runtime.GOROOT

// goCommand finds the go command on PATH or below GOROOT.
func goCommand() (string, error) {
	path, err := exec.LookPath("go")
	if err == nil {
		return path, nil
	}
	if root := builtWith(); root != "" {
		if p, err := exec.LookPath(filepath.Join(root, "bin", "go")); err == nil {
			return p, nil
		}
	}
	return "", err
}

// goVersion is the first line of GOROOT/VERSION, such as "go1.26.1".
func goVersion(root string) string {
	b, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil {
		return "of unknown version"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

// A moduleFile is a file inside a version of a Go module: the module proxy is
// a library of files that never change and that any machine with Go can reach.
type moduleFile struct{ module, version, path string }

// downloadTime bounds a download, since a network may swallow requests.
const downloadTime = 5 * time.Minute

func (f moduleFile) read(ctx context.Context) ([]byte, string, error) {
	from := fmt.Sprintf("Go module %s %s, %s", f.module, f.version, f.path)
	// The module cache first: it works without a go command, and its content
	// is checked by the caller in any case.
	if dir := moduleCache(); dir != "" {
		if raw, err := os.ReadFile(filepath.Join(dir, f.module+"@"+f.version, filepath.FromSlash(f.path))); err == nil {
			return raw, from, nil
		}
	}
	dir, err := f.download(ctx)
	if err != nil {
		return nil, "", err
	}
	raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.path)))
	return raw, from, err
}

// download has the go command fetch the module and say where it put it. It
// runs outside of any module, so as to depend on none.
func (f moduleFile) download(ctx context.Context) (dir string, err error) {
	command, err := goCommand()
	if err != nil {
		return "", fmt.Errorf("module %s %s: %w", f.module, f.version, err)
	}
	ctx, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, "mod", "download", "-json", f.module+"@"+f.version)
	cmd.Dir = os.TempDir()
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var answer struct{ Dir, Error string }
	switch bad := json.Unmarshal(out, &answer); {
	case bad == nil && answer.Error != "":
		err = errors.New(answer.Error)
	case err != nil:
		err = fmt.Errorf("go mod download: %w: %s", err, strings.TrimSpace(stderr.String()))
	case bad != nil:
		err = fmt.Errorf("go mod download: %w", bad)
	}
	if err != nil {
		return "", fmt.Errorf("module %s %s: %w", f.module, f.version, err)
	}
	return answer.Dir, nil
}

// moduleCache is where the go command keeps modules unless it was configured
// otherwise by a file, in which case the go command is asked after all.
func moduleCache() string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	if list := filepath.SplitList(os.Getenv("GOPATH")); len(list) > 0 && list[0] != "" {
		return filepath.Join(list[0], "pkg", "mod")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, "go", "pkg", "mod")
	}
	return ""
}
