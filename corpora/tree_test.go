package corpora

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// slowLeaves is P(leaves | root) of a tree, from the definition: −1 is any leaf.
func slowLeaves(theta float64, root int, leaves []int) float64 {
	if len(leaves) == 1 {
		if leaves[0] < 0 || leaves[0] == root {
			return 1
		}
		return 0
	}
	half, p := len(leaves)/2, 1.0
	for _, part := range [][]int{leaves[:half], leaves[half:]} {
		sum := 0.0
		for child := range 2 {
			edge := (1 + theta) / 2
			if child != root {
				edge = (1 - theta) / 2
			}
			sum += edge * slowLeaves(theta, child, part)
		}
		p *= sum
	}
	return p
}

func slowTree(theta float64, leaves []int) float64 {
	return slowLeaves(theta, 0, leaves)/2 + slowLeaves(theta, 1, leaves)/2
}

// Belief propagation's next-leaf and k-step laws against sums over all inner
// nodes, through the end of a tree into the next.
func TestTreeFilterAgainstAllNodes(t *testing.T) {
	for _, tr := range []*tree{{0.8, 3}, {0.9, 4}, {-0.5, 2}, {0, 3}} {
		n := tr.document()
		f, q := tr.Filter(), make([]float64, 2)
		for i, x := range tr.Generate(2*n, rand.New(rand.NewPCG(3, 3))) {
			at := i % n
			if at == 0 {
				f = f.Fork() // a fork goes on as its parent would
			}
			seen := slices.Repeat([]int{-1}, n)
			for j := range at {
				seen[j] = int(tr.Generate(2*n, rand.New(rand.NewPCG(3, 3)))[i-at+j])
			}
			for k := 1; k <= n; k++ {
				f.PredictAhead(q, k)
				want := []float64{0.5, 0.5}
				if at+k-1 < n {
					for y := range want {
						then := slices.Clone(seen)
						then[at+k-1] = y
						want[y] = slowTree(tr.theta, then) / slowTree(tr.theta, seen)
					}
				}
				if math.Abs(q[0]-want[0]) > 1e-12 || math.Abs(q[1]-want[1]) > 1e-12 {
					t.Fatalf("θ = %v, leaf %d: %d ahead %v, want %v", tr.theta, i, k, q, want)
				}
				if r := make([]float64, 2); k == 1 {
					if f.Predict(r); !slices.Equal(q, r) {
						t.Fatalf("one leaf ahead %v, next %v", q, r)
					}
				}
			}
			f.Observe(x)
		}
		f.Observe(1)
		f.Reset()
		if f.Predict(q); q[0] != 0.5 {
			t.Errorf("P(0) = %v after Reset, want ½", q[0])
		}
	}
}

// Draws have the tree's law: the first four leaves of the second tree.
func TestTreeGenerate(t *testing.T) {
	const n = 40_000
	tr, count := &tree{0.7, 2}, make([]float64, 16)
	rng := rand.New(rand.NewPCG(4, 4))
	for range n {
		w := 0
		for _, x := range tr.Generate(8, rng)[4:] {
			w = 2*w + int(x)
		}
		count[w]++
	}
	chi := 0.0
	for w, c := range count {
		want := n * slowTree(tr.theta, []int{w >> 3, w >> 2 & 1, w >> 1 & 1, w & 1})
		chi += (c - want) * (c - want) / want
	}
	if chi > 15+5*math.Sqrt(30) {
		t.Errorf("χ² = %.1f with 15 degrees of freedom", chi)
	}
}

// The bracket holds the entropy of all words of leaves.
func TestTreeEntropy(t *testing.T) {
	for _, tr := range []*tree{{0.9, 1}, {0.9, 3}, {0.6, 3}, {-0.8, 3}, {0, 2}} {
		n := tr.document()
		want := 0.0
		for w := range 1 << n {
			leaves := make([]int, n)
			for i := range leaves {
				leaves[i] = w >> i & 1
			}
			p := slowTree(tr.theta, leaves)
			want -= p * math.Log2(p) / float64(n)
		}
		lo, hi := tr.bracketEntropy()
		if lo > want+1e-9 || hi < want-1e-9 || hi-lo > gridGap {
			t.Errorf("θ = %v, depth %d: h in [%v, %v], want around %v", tr.theta, tr.depth, lo, hi, want)
		}
	}
}

// The programme's figures: h by its Monte Carlo, to the error of such, and the
// exponents of the decay of information. And our own draw.
func TestTreeKnown(t *testing.T) {
	for _, tt := range []struct{ flip, h, exponent float64 }{{0.05, 0.517, -0.608}, {0.1, 0.760, -1.288}} {
		tr := &tree{1 - 2*tt.flip, 16}
		h, ok := tr.Entropy()
		if !ok || math.Abs(h-tt.h) > 0.0025 {
			t.Errorf("ε = %v: h = %v, want %v", tt.flip, h, tt.h)
		}
		deep := &tree{tr.theta, maxTreeDepth}
		got := math.Log2(deep.mutualInformation(1<<19) / deep.mutualInformation(1<<18))
		if math.Abs(got-tt.exponent) > 0.002 {
			t.Errorf("ε = %v: I(d) falls with exponent %.4f, want %v", tt.flip, got, tt.exponent)
		}
		xs := tr.Generate(1<<18, rand.New(rand.NewPCG(5, 5)))
		f, q, bits := tr.Filter(), make([]float64, 2), 0.0
		for _, x := range xs {
			f.Predict(q)
			bits -= math.Log2(q[x])
			f.Observe(x)
		}
		if mean := bits / float64(len(xs)); math.Abs(mean-h) > 0.01 {
			t.Errorf("ε = %v: the filter loses %.4f bits, want %.4f", tt.flip, mean, h)
		}
	}
}

// Information at a distance against counts of pairs.
func TestTreeMutualInformation(t *testing.T) {
	tr := &tree{0.8, 4}
	for d := 1; d < 16; d++ {
		joint, n := [2][2]float64{}, float64(16-d)
		for i := range 16 - d {
			for x := range 2 {
				for y := range 2 {
					leaves := slices.Repeat([]int{-1}, 16)
					leaves[i], leaves[i+d] = x, y
					joint[x][y] += slowTree(tr.theta, leaves) / n
				}
			}
		}
		want := 0.0
		for _, row := range joint {
			for _, p := range row {
				want += p * math.Log2(p/0.25)
			}
		}
		if got := tr.mutualInformation(d); math.Abs(got-want) > 1e-12 {
			t.Errorf("I(%d) = %v, want %v", d, got, want)
		}
	}
}

// Every tree is a document, and parts begin where trees do.
func TestTreeDocuments(t *testing.T) {
	c := &BroadcastTree{Flip: 0.05, Depth: 4, ProcessOptions: ProcessOptions{Symbols: 100, Split: Fractions(0.5, 0.2, 0.3)}}
	got, err := c.Load(t.Context(), Env{Name: "x", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Train.Docs) != 3 || got.Train.Symbols != 48 || got.Valid.First != 48 || got.Test.Continues || len(got.Test.Docs[0]) != 16 {
		t.Errorf("train %d of %d, valid from %d, test from %d", len(got.Train.Docs), got.Train.Symbols, got.Valid.First, got.Test.First)
	}
}
