package corpora

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestKinds(t *testing.T) {
	hexadecimal := regexp.MustCompile(`^[0-9a-f]{64}$`)
	needs := map[string]string{ // what has no default
		"file": "path = \"a.txt\"\n",
		"iid":  "probabilities = [0.25, 0.75]\n",
		"hmm":  "matrices = [[[0, 0.5], [0.0, 0.0]], [[0.5, 0.0], [1, 0]]]\n",
	}
	seen := map[string]bool{}
	for _, k := range Kinds {
		t.Run(k.Name, func(t *testing.T) {
			if seen[k.Name] {
				t.Fatal("named twice")
			}
			seen[k.Name] = true
			for _, text := range []string{k.Doc, k.Source, k.Unit, k.Licence} {
				if text == "" || strings.Contains(text, "/home") || strings.Contains(text, "/usr") {
					t.Errorf("%+v: wants words, no machine paths", k)
				}
			}
			if (k.SHA256 != "") != (k.Bytes > 0) || k.SHA256 != "" && !hexadecimal.MatchString(k.SHA256) {
				t.Errorf("%d bytes, sha256 = %q", k.Bytes, k.SHA256)
			}
			if _, law := k.Default().(Law); law != k.Process {
				t.Errorf("process = %v, law = %v", k.Process, law)
			}
			decodes(t, k, needs[k.Name]+"split = { train = 0.5, valid = 0.25, test = 0.25 }\n")
			if needs[k.Name] != "" && k.Default().Validate() == nil {
				t.Error("the default validates, but it lacks something")
			}
			got, ok := Find(k.Name)
			if !ok || got.Doc != k.Doc {
				t.Errorf("Find: %v, %v", got, ok)
			}
		})
	}
	if _, ok := Find("nothing"); ok {
		t.Error("Find found nothing")
	}
}

// decodes does what the runner does: a primitive, decoded onto the defaults,
// after which every key must be known.
func decodes(t *testing.T, k Kind, in string) {
	t.Helper()
	var file struct {
		Corpora map[string]toml.Primitive `toml:"corpora"`
	}
	in = "[corpora.a]\n" + in + "[corpora.b]\n" + in + "unknown_key = 1\n"
	md, err := toml.Decode(in, &file)
	if err != nil {
		t.Fatal(err)
	}
	a, b := k.Default(), k.Default()
	if err := md.PrimitiveDecode(file.Corpora["a"], a); err != nil {
		t.Fatal(err)
	}
	if err := md.PrimitiveDecode(file.Corpora["b"], b); err != nil {
		t.Fatal(err)
	}
	if u := md.Undecoded(); len(u) != 1 || u[0].String() != "corpora.b.unknown_key" {
		t.Errorf("undecoded: %v, want the unknown key alone", u)
	}
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(text), `{"by":"fractions","train":0.5,"valid":0.25,"test":0.25}`) {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

// Out-of-range values are refused before anything is read or drawn.
func TestProcessRanges(t *testing.T) {
	for _, tt := range []struct{ kind, toml, err string }{
		{"golden-mean", `p = 1.0`, "p = 1, want more than 0 and less than 1"},
		{"golden-mean", `p = nan`, "p = NaN, want more than 0 and less than 1"},
		{"golden-mean", `symbols = 0`, "symbols = 0, want 1 to"},
		{"even", `p = -0.5`, "p = -0.5, want more than 0"},
		{"rrxor", `split = { train = 0.5, test = 0.6 }`, "sums to 1.1, want 1"},
		{"nemo", `q = 2.0`, "q = 2, want 0 to 1"},
		{"z1r", `p = 2.0`, "p = 2, want 0 to 1"},
		{"mess3", `x = 0.6`, "x = 0.6, want 0 to 0.5"},
		{"mess3", `x = 0.0`, "x = 0, want more than 0 and less than 0.5"},
		{"mess3", `a = inf`, "a = +Inf, want 0 to 1"},
		{"sns", `q = 0.0`, "q = 0, want more than 0"},
		{"noisy-periodic", `word = "01a"`, `word = "01a", want digits`},
		{"noisy-periodic", `word = ""`, `word = "", want digits`},
		{"noisy-periodic", `flip = 1.1`, "flip = 1.1, want 0 to 1"},
		{"regime-coin", `switch = 0.0`, "switch = 0, want more than 0"},
		{"regime-coin", `p = 1.5`, "p = 1.5, want 0 to 1"},
		{"copy", `lag = 17`, "lag = 17, want 1 to 16"},
		{"copy", `flip = 0.0`, "flip = 0, want more than 0"},
		{"coin", `p = -1.0`, "p = -1, want 0 to 1"},
		{"iid", ``, "probabilities: 0 symbols, want 1 to 256"},
		{"iid", `probabilities = [0.5, 0.6]`, "sum of probabilities = 1.1, want"},
		{"iid", `probabilities = [1.5, -0.5]`, "probabilities[0] = 1.5, want 0 to 1"},
		{"dirichlet-markov", `order = 17`, "order = 17, want 0 to 16"},
		{"dirichlet-markov", `order = 9`, "order = 9 with alphabet = 4 makes 262144 contexts, want at most 65536"},
		{"dirichlet-markov", `alphabet = 1`, "alphabet = 1, want 2 to 256"},
		{"dirichlet-markov", `concentration = 0.0`, "concentration = 0, want 0.001 to"},
		{"semi-markov", `p = [0.5]`, "p: 1 regimes, want 2 to 256"},
		{"semi-markov", `p = [0.5, 2.0]`, "p[1] = 2, want 0 to 1"},
		{"semi-markov", `shortest = 0`, "shortest = 0, want ≥ 1"},
		{"semi-markov", `longest = 3`, "longest = 3, want 8 to"},
		{"semi-markov", `p = [0.1, 0.2, 0.3]
longest = 30000`, "longest = 30000 in 3 regimes makes 90000 states, want at most 65536"},
		{"dyck", `types = 0`, "types = 0, want 1 to 128"},
		{"dyck", `push = 1.0`, "push = 1, want more than 0 and less than 1"},
		{"dyck", `depth = 20`, "depth = 20 with types = 2 makes 2097151 stacks, want at most 65536"},
		{"broadcast-tree", `flip = 0.0`, "flip = 0, want more than 0 and less than 1"},
		{"broadcast-tree", `depth = 31`, "depth = 31, want 1 to 30"},
		{"lz78-source", `alphabet = 1`, "alphabet = 1, want 2 to 256"},
		{"lz78-source", `gamma = 0.0`, "gamma = 0, want 0.001 to"},
		{"hmm", ``, "matrices: none, want"},
		{"hmm", `matrices = [[[1.0]]]
alphabet = 2`, "alphabet = 2, want 1"},
		{"hmm", `matrices = [[[0.5]], [[0.4]]]`, "matrices: transitions out of state 0 sum to 0.9, want 1"},
		{"hmm", `matrices = [[[0.5]], [[nan]]]`, "matrices[1][0][0] = NaN, want 0 to 1"},
		{"hmm", `matrices = [[[1.5]], [[-0.5]]]`, "matrices[0][0][0] = 1.5, want 0 to 1"},
		{"hmm", `matrices = [[[0.5, 0.5]]]`, "matrices[0][0]: 2 columns, want 1"},
		{"hmm", `matrices = [[[1.0]], []]`, "matrices[1]: 0 rows, want 1"},
		{"hmm", `matrices = [[[1.0, 0.0], [0.0, 1.0]]]`, "matrices: the stationary law is not unique: state 1 cannot be reached from state 0"},
	} {
		k, _ := Find(tt.kind)
		c := k.Default()
		if _, err := toml.Decode(tt.toml, c); err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %s: error %v, want %q", tt.kind, tt.toml, err, tt.err)
		}
		if _, err := c.Load(t.Context(), Env{Name: "x"}); err == nil || !strings.HasPrefix(err.Error(), "corpora.x: ") {
			t.Errorf("%s: %s: loads with error %v", tt.kind, tt.toml, err)
		}
	}
}
