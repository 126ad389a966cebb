package plots

import (
	"bytes"
	"strings"
	"testing"

	"gonum.org/v1/gonum/graph/encoding/dot"
	"gonum.org/v1/gonum/graph/multi"
)

// wheel goes round n states in the order of their numbers times 5, and stays
// with a small probability.
func wheel(n int) *Automaton {
	a := &Automaton{Title: "wheel", Note: "A note."}
	for s := range n {
		a.States = append(a.States, 1/float64(n))
		a.Arcs = append(a.Arcs, Arc{s, (s + 5) % n, "a", 0.7}, Arc{s, (s + 5) % n, `"`, 0.298}, Arc{s, s, "\n", 0.002})
	}
	return a
}

// TestAutomatonOrder: the circle on which each arc is one step is found.
func TestAutomatonOrder(t *testing.T) {
	for _, n := range []int{2, 3, 6, 12} {
		j := wheel(n).joints()
		if got := tangle(fewCrossings(n, j), j); got != n {
			t.Errorf("a wheel of %d states comes to %d steps and crossings, want %d", n, got, n)
		}
	}
}

// TestAutomatonSVG: every state and every arc's symbols are there, twice the
// same, and too many states are refused.
func TestAutomatonSVG(t *testing.T) {
	for _, n := range []int{1, 2, 7} {
		b, err := wheel(n).SVG()
		if err != nil {
			t.Fatal(err)
		}
		again, _ := wheel(n).SVG()
		if !bytes.Equal(b, again) {
			t.Error("two drawings of one machine differ")
		}
		for _, c := range []struct {
			text string
			n    int
		}{{">wheel<", 1}, {">A<", 1}, {">" + StateName(n-1) + "<", 1}, {">a: 0.70<", n}, {">↵: &lt; 0.01<", n}} {
			if got := strings.Count(string(b), c.text); got != c.n {
				t.Errorf("%d states: %q is there %d times, want %d", n, c.text, got, c.n)
			}
		}
	}
	if _, err := wheel(MostDrawn + 1).SVG(); err == nil || !strings.Contains(err.Error(), "121 states") {
		t.Errorf("err = %v for 121 states", err)
	}
}

// TestAutomatonDOT: what is written is DOT with a node a state and a line for
// all arcs between two.
func TestAutomatonDOT(t *testing.T) {
	b, err := wheel(6).DOT()
	if err != nil {
		t.Fatal(err)
	}
	g := multi.NewDirectedGraph()
	if err := dot.UnmarshalMulti(b, g); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if g.Nodes().Len() != 6 || g.Edges().Len() != 12 {
		t.Errorf("%d nodes and %d edges, want 6 and 12", g.Nodes().Len(), g.Edges().Len())
	}
}

func TestStateName(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 27: "AB", 52: "BA", 701: "ZZ", 702: "AAA"} {
		if got := StateName(i); got != want {
			t.Errorf("state %d is %s, want %s", i, got, want)
		}
	}
}
