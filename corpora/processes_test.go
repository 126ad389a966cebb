package corpora

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A source's pieces are its draw at once, whatever their sizes.
func TestSourcePieces(t *testing.T) {
	for _, l := range append(slices.Clone(laws), &BroadcastTree{Flip: 0.1, Depth: 5}, &LZ78Source{Alphabet: 3, Gamma: 0.4},
		&SemiMarkov{P: []float64{0.9, 0.1}, Shortest: 2, Longest: 4}) {
		p, err := l.Process(1)
		if err != nil {
			t.Fatal(err)
		}
		want := p.Generate(500, rand.New(rand.NewPCG(1, 1)))
		s, got := p.(Streamer).Source(rand.New(rand.NewPCG(1, 1))), make([]Symbol, 500)
		for at, n := 0, 1; at < 500; at, n = at+n, n+1 {
			s.Draw(got[at:min(500, at+n)])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%T: pieces differ from the whole", l)
		}
	}
}

// Brackets match and are as deep as they may be, and no deeper.
func TestDyckIsBalanced(t *testing.T) {
	for _, c := range []*Dyck{{Types: 2, Depth: 8, Push: 0.5}, {Types: 5, Depth: 3, Push: 0.7}, {Types: 1, Depth: 4, Push: 0.4}} {
		p, err := c.Process(0)
		if err != nil {
			t.Fatal(err)
		}
		h := p.(*HMM)
		if h.States() != int(c.stacks()) || !h.unifilar || h.Alphabet() != 2*c.Types {
			t.Errorf("%+v: %d states, unifilar = %v", *c, h.States(), h.unifilar)
		}
		// Begin where the stack is known to be empty: at the deepest fall.
		xs := p.Generate(20_000, rand.New(rand.NewPCG(2, 3)))
		depth, least, at := 0, 0, 0
		for i, x := range xs {
			if int(x) < c.Types {
				depth++
			} else if depth--; depth < least {
				least, at = depth, i+1
			}
		}
		var stack []int
		deepest := 0
		for i, x := range xs[at:] {
			if int(x) < c.Types {
				stack = append(stack, int(x))
				deepest = max(deepest, len(stack))
				continue
			}
			if n := len(stack) - 1; n < 0 || stack[n] != int(x)-c.Types {
				t.Fatalf("%+v: symbol %d closes what was not opened last", *c, at+i)
			}
			stack = stack[:len(stack)-1]
		}
		if deepest != c.Depth {
			t.Errorf("%+v: brackets %d deep", *c, deepest)
		}
	}
}

// With regimes that can be heard, runs have the durations asked for; the
// stationary law of what is left is P(D ≥ d).
func TestSemiMarkovDurations(t *testing.T) {
	c := &SemiMarkov{P: []float64{1, 0}, Shortest: 3, Longest: 6}
	p, err := c.Process(0)
	if err != nil {
		t.Fatal(err)
	}
	h := p.(*HMM)
	tail := []float64{1, 1, 1, 0.75, 0.5, 0.25}
	for i, w := range h.pi {
		if want := tail[i%6] / total(tail) / 2; math.Abs(w-want) > 1e-12 {
			t.Errorf("π(%d, %d) = %v, want %v", i/6, i%6+1, w, want)
		}
	}
	xs, runs, count := p.Generate(90_000, rand.New(rand.NewPCG(4, 5))), 0.0, make([]float64, 10_000)
	for i, from := 1, 0; i < len(xs); i++ {
		if xs[i] != xs[i-1] {
			if from > 0 {
				count[i-from]++
				runs++
			}
			from = i
		}
	}
	for d, n := range count {
		want := 0.0
		if d >= 3 && d <= 6 {
			want = runs / 4
		}
		if math.Abs(n-want) > 5*math.Sqrt(want) {
			t.Errorf("%v of %v runs of %d, want %v", n, runs, d, want)
		}
	}
}

// Three regimes in turn, and any of the others.
func TestSemiMarkovOrder(t *testing.T) {
	c := &SemiMarkov{P: []float64{0, 0.5, 1}, Shortest: 1, Longest: 1, Cyclic: true}
	if got := c.next(2, 3); !slices.Equal(got, []float64{1, 0, 0}) {
		t.Errorf("after the last regime: %v", got)
	}
	c.Cyclic = false
	if got := c.next(1, 3); !slices.Equal(got, []float64{0.5, 0, 0.5}) {
		t.Errorf("after the second regime: %v", got)
	}
}
