package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds on what is read, far above any honest experiment: a device file or a
// web of files extending each other ends in an error and not in a wait.
const (
	maxFileBytes = 256 << 10
	maxFiles     = 64
)

// Schema is the version of the format of experiments.
const Schema = 1

// A loader merges an experiment from its files and flags, weakest first.
type loader struct {
	read     func(path string) ([]byte, error)
	files    []string // read so far, in order of strength
	sets     []string
	opened   int
	problems Problems
}

// merged is the whole tree: what the file extends, left to right, the file,
// then --set. It is only of use if there are no problems.
func (l *loader) merged(path string, src []byte) *node {
	root := l.tree(path, src, nil)
	for _, arg := range l.sets {
		set, err := parseSet(arg)
		switch {
		case err != nil:
			l.problems.add(err.(Problem))
		case set.get("extends") != nil:
			l.problems.add(Problem{At: Origin{Set: arg}, Why: "a file says itself what it extends"})
		default:
			l.checkSchema(set)
			root.merge(set)
		}
	}
	return root
}

// tree is one file on top of what it extends. chain holds the files that led
// to it, to find cycles.
func (l *loader) tree(path string, src []byte, chain []string) *node {
	here := Origin{File: path}
	root := newTable(here)
	own, err := parse(src, here)
	if err != nil {
		l.problems.add(err.(Problem))
		return root
	}
	l.checkSchema(own)
	chain = append(slices.Clone(chain), filepath.Clean(path))
	for _, item := range l.extends(own) {
		if parent := l.parent(path, item, chain); parent != nil {
			parent.remove("name") // an experiment's own
			parent.remove("title")
			root.merge(parent)
		}
	}
	own.remove("extends")
	root.merge(own)
	l.files = append(l.files, path)
	return root
}

// extends reads the list of that name.
func (l *loader) extends(n *node) []*node {
	list := n.get("extends")
	if list == nil {
		return nil
	}
	refuse := func(at *node) []*node {
		l.problems.add(Problem{At: at.from, Key: "extends", Got: clip(list.String()), Why: "want a list of file names"})
		return nil
	}
	if !list.list || len(list.items) == 0 {
		return refuse(list)
	}
	for _, item := range list.items {
		if s, ok := item.scalar.(string); !ok || s == "" {
			return refuse(item)
		}
	}
	return list.items
}

// parent reads a file named in extends, relative to the file that names it.
func (l *loader) parent(child string, item *node, chain []string) *node {
	name := item.scalar.(string)
	refuse := func(format string, args ...any) *node {
		l.problems.add(Problem{At: item.from, Key: "extends", Got: item.String(), Why: fmt.Sprintf(format, args...)})
		return nil
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(child), path)
	}
	if i := slices.Index(chain, filepath.Clean(path)); i >= 0 {
		return refuse("a cycle: %s", strings.Join(append(slices.Clone(chain[i:]), path), " extends "))
	}
	if l.opened++; l.opened > maxFiles {
		return refuse("want at most %d files in all", maxFiles)
	}
	src, err := l.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return refuse("there is no file %s", path)
	}
	if err != nil {
		return refuse("%v", err)
	}
	return l.tree(path, src, chain)
}

// checkSchema refuses a file of another version by itself: what else is wrong
// with it is not ours to say.
func (l *loader) checkSchema(n *node) {
	s := n.get("schema")
	if s == nil || s.scalar == int64(Schema) {
		return
	}
	why := fmt.Sprintf("want %d", Schema)
	if v, ok := s.scalar.(int64); ok && v > Schema {
		why += ": the file is for a newer version of this program"
	}
	l.problems.add(Problem{At: s.from, Key: "schema", Got: clip(s.String()), Why: why})
}

// rank orders origins by strength, defaults first.
func (l *loader) rank(o Origin) int {
	switch {
	case o.Set != "":
		return 1 + len(l.files) + lastIndex(l.sets, o.Set)
	case o.File != "":
		return 1 + lastIndex(l.files, o.File)
	}
	return 0
}

func lastIndex(list []string, s string) int {
	for i, x := range slices.Backward(list) {
		if x == s {
			return i
		}
	}
	return -1
}

// readFile reads a regular file; it asks first, since to open a pipe is to wait.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%s has %d bytes, want at most %d", path, info.Size(), maxFileBytes)
	}
	return os.ReadFile(path)
}
