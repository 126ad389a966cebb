package config

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// seeds adds every malformed experiment and a sound one to a corpus.
func seeds(f *testing.F, add func(main, other, set string)) {
	paths, _ := filepath.Glob("testdata/malformed/*.txtar")
	for _, path := range paths {
		files, opt, a := archive(f, path)
		set, other := "", ""
		if len(opt.Sets) > 0 {
			set = opt.Sets[0]
		}
		if len(a.Files) > 1 && a.Files[1].Name != "want" && a.Files[1].Name != "flags" {
			other = string(a.Files[1].Data)
		}
		add(string(files["main.toml"]), other, set)
	}
	add("extends = [\"b\"]\nname = \"y\"\n[predictors.tf]\nkind = \"transformer\"\ngrid = { lags = [[1], [2]], train = { steps = [1, 2] } }\nskip = [{ lags = [1] }]\non = { \"g*\" = { width = 8 } }\n",
		head+"[budget]\nsymbols = [1, 2]\n[predictors.'q']\nkind = \"\"\"\nlz78\"\"\"\ngamma = 1e-3 # small\n[plots.p]\nkind = \"bits\"\n", "seeds.init=[1,2]")
}

// FuzzConfig reads any text: it ends in an experiment that can be resolved,
// or in problems each of which says where it is.
func FuzzConfig(f *testing.F) {
	seeds(f, func(main, other, set string) { f.Add(main, other, set) })
	f.Fuzz(func(t *testing.T, main, other, set string) {
		opt := Options{Registries: fakes, ReadFile: inMemory(map[string][]byte{"a.toml": []byte(other), "b": []byte(other)})}
		if set != "" {
			opt.Sets = []string{set}
		}
		e, err := Parse("main.toml", []byte(main), opt)
		if err == nil {
			sound(t, e)
			return
		}
		var ps Problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("%T %v, want problems", err, err)
		}
		for _, p := range ps {
			if p.At == (Origin{}) || p.Why == "" || strings.HasSuffix(p.Error(), ": ") {
				t.Errorf("%+v: nobody could find it", p)
			}
		}
		if _, again := Parse("main.toml", []byte(main), opt); again == nil || again.Error() != err.Error() {
			t.Errorf("said first\n%v\nthen\n%v", err, again)
		}
	})
}

// sound checks what an accepted experiment promises.
func sound(t *testing.T, e *Experiment) {
	if e.Name == "" || len(e.Corpora) == 0 || len(e.Predictors) == 0 || len(e.JSON()) == 0 || len(e.Resolved()) == 0 {
		t.Errorf("%+v", e)
	}
	names := map[string]bool{}
	for _, p := range e.Predictors {
		if names[p.Name] || p.params() == nil {
			t.Errorf("%+v", p)
		}
		names[p.Name] = true
		for _, r := range p.Runs {
			if !slices.ContainsFunc(e.Corpora, func(c Corpus) bool { return c.Name == r.Corpus }) {
				t.Errorf("%s runs on %s", p.Name, r.Corpus)
			}
		}
	}
	if v := e.Evaluate; v.Rollouts < 2 || v.Rollouts%2 != 0 || len(v.Horizons) == 0 || v.Horizons[0] < 1 || len(v.Mode) == 0 {
		t.Errorf("%+v", v)
	}
}

// FuzzScan holds the scanner against the parser: on any text that parses they
// find the same keys, and every key is on the line the scanner says.
func FuzzScan(f *testing.F) {
	seeds(f, func(main, _, _ string) { f.Add(main) })
	for _, src := range []string{
		"a = \"\"\"\nx = 1\\\n  \"\"\"\"\"\nb = '''\n''''\nc = '#'# c = 2\n",
		"'a.b'.\"c\\n\" . d = [ [1, # ]\n2], {x = \"}\", 'y z' = [],}, ] # {\n[[t.u]]\nv = 07:32:00\n[[t.u]]\n[t.u.w]\nd = 1979-05-27 07:32:00\n",
		"\xef\xbb\xbfa = {\n b.c = 1, # x\n d = { }\n}\r\n[ x . \"y\" ]\r\nz=+inf",
		"\"\" = 1\n''.'' = 2", "a = \"\\\"\"\nb = '\\'\n", "[a]\n[a.b]\n[[c]]\n[c.d]\n[[c]]\n",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		tree := scan(src, Origin{File: "f"}) // ends, whatever it is
		values, err := decodeTOML(src)
		if err != nil {
			return
		}
		agree(t, strings.Split(src, "\n"), "", tree, values)
	})
}

// agree compares a scanned tree with a parsed value.
func agree(t *testing.T, lines []string, path string, n *node, value any) {
	switch v := value.(type) {
	case map[string]any:
		if got, want := slices.Sorted(slices.Values(n.keys)), slices.Sorted(maps.Keys(v)); !slices.Equal(got, want) {
			t.Fatalf("%s: keys %q, parsed %q", path, got, want)
		}
		for k, inner := range v {
			at := n.table[k].from.Line
			if bare := quoteKey(k) == k; at < 1 || at > len(lines) || bare && !strings.Contains(lines[at-1], k) && !strings.Contains(lines[at-1], `\`) {
				t.Fatalf("%s: %q is not on line %d", path, k, at)
			}
			agree(t, lines, path+"."+k, n.table[k], inner)
		}
	case []map[string]any:
		for i, inner := range v {
			agree(t, lines, path, n.items[i], inner)
		}
	case []any:
		if len(n.items) != len(v) {
			t.Fatalf("%s: %d items, parsed %d", path, len(n.items), len(v))
		}
		for i, inner := range v {
			agree(t, lines, path, n.items[i], inner)
		}
	default:
		if n.list || n.table != nil {
			t.Fatalf("%s: scanned as a list or table, parsed %v", path, v)
		}
	}
}

// TestKeyOrder: keys come as toml.MetaData lists them, which is file order.
func TestKeyOrder(t *testing.T) {
	src := "z = 1\na.y = 2\n[m]\nc = { q = 1, b = 2 }\na = 1\n[a.x]\n[k]\n"
	var v map[string]any
	md, err := toml.Decode(src, &v)
	if err != nil {
		t.Fatal(err)
	}
	tree := scan(src, Origin{})
	var got, want []string
	for _, k := range tree.keys {
		got = append(got, k)
	}
	for _, k := range md.Keys() {
		if !slices.Contains(want, k[0]) {
			want = append(want, k[0])
		}
	}
	if !slices.Equal(got, want) || !slices.Equal(tree.get("m", "c").keys, []string{"q", "b"}) {
		t.Errorf("%v, want %v", got, want)
	}
}
