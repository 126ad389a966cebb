package corpora

import (
	"context"
	"math"
	"math/bits"
	"math/rand/v2"
)

// BroadcastTree is the leaves, in order, of a binary tree of fair bits in which
// every node is its parent's bit, flipped with probability ε: the simplest
// probabilistic context-free grammar (Lin & Tegmark 2017, section on
// context-free grammars; broadcasting on trees: Evans et al. 2000). With
// θ = 1−2ε, leaves whose last common ancestor is j above them have correlation
// θ^{2j}, so that their information falls as a power of their distance,
//
//	I(d) ∝ d^{4 log₂ θ}
//
// which no finite-state process can do. Each tree of 2^Depth leaves is a
// document; the first 2^j leaves have the law of a tree of depth j, so that a
// deep tree begun is a tree without end.
type BroadcastTree struct {
	Flip  float64 `toml:"flip"`  // ε on each edge
	Depth int     `toml:"depth"` // 2^Depth leaves to a tree
	ProcessOptions
}

// Validate checks ranges.
func (c *BroadcastTree) Validate() error {
	return first(inside("flip", c.Flip, 0, 1), between("depth", float64(c.Depth), 1, maxTreeDepth), c.validate())
}

// maxTreeDepth makes trees of at most as many leaves as can be drawn.
const maxTreeDepth = 30

// Process makes the law.
func (c *BroadcastTree) Process(uint64) (Process, error) {
	return &tree{theta: 1 - 2*c.Flip, depth: c.Depth}, nil
}

// Load draws from it.
func (c *BroadcastTree) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "broadcast-tree", c)
}

// A tree is the process: trees one after another.
type tree struct {
	theta float64 // 1 − 2ε
	depth int
}

// Alphabet is 2.
func (t *tree) Alphabet() int { return 2 }

func (t *tree) document() int { return 1 << t.depth }

// Generate draws n leaves, the first of them the first of a tree.
func (t *tree) Generate(n int, rng *rand.Rand) []Symbol { return generate(t, n, rng) }

// Source begins with the first leaf of a tree.
func (t *tree) Source(rng *rand.Rand) Source {
	return &treeSource{tree: t, rng: rng, node: make([]bool, t.depth+1)}
}

// treeSource holds the path from the root to the next leaf: constant time a
// leaf in the mean, memory for one path.
type treeSource struct {
	*tree
	rng  *rand.Rand
	at   uint   // number of the next leaf
	node []bool // node[j] is the ancestor j above it
}

func (s *treeSource) Draw(xs []Symbol) {
	for i := range xs {
		// The ancestors that the last leaf did not have.
		fresh := min(bits.TrailingZeros(s.at), s.depth)
		if fresh == s.depth {
			s.node[s.depth] = s.rng.IntN(2) == 1
			fresh--
		}
		for j := fresh; j >= 0; j-- {
			s.node[j] = s.node[j+1] != (s.rng.Float64() >= (1+s.theta)/2)
		}
		xs[i] = 0
		if s.node[0] {
			xs[i] = 1
		}
		s.at = (s.at + 1) % (1 << s.depth)
	}
}

// Filter stands before the first leaf of a tree.
func (t *tree) Filter() Filter {
	f := &treeFilter{tree: t, down: make([]float64, t.depth+1), up: make([]float64, t.depth+1)}
	f.Reset()
	return f
}

// treeFilter is belief propagation (Pearl 1988) along the path from the root to
// the next leaf t. A belief in a bit is m = P(0) − P(1); passing an edge makes
// it θm, and independent beliefs combine to (m + m')/(1 + mm'). With h counted
// up from the leaves,
//
//	down[h]  of the path's node, from the leaves left of what hangs from it
//	up[h]    of its finished left sibling, from what hangs from that
//
// At each turn to the right the sibling's is multiplied in, at each turn to the
// left nothing: unseen leaves send uniform messages. O(log n) a symbol at most,
// O(1) in the mean.
type treeFilter struct {
	*tree
	at       uint
	down, up []float64
}

func (f *treeFilter) Reset() {
	f.at = 0
	clear(f.down)
}

// combine is the belief from two independent ones.
func combine(m, n float64) float64 { return (m + n) / (1 + m*n) }

func (f *treeFilter) Predict(p []float64) { say(p, f.down[0]) }

func say(p []float64, m float64) { p[0], p[1] = (1+m)/2, (1-m)/2 }

func (f *treeFilter) Observe(x Symbol) {
	m, h := 1-2*float64(x), 0
	for ; h < f.depth && f.at>>h&1 == 1; h++ { // right children finish their parents
		m = combine(f.theta*f.up[h], f.theta*m)
	}
	if h == f.depth { // and the last finishes the tree
		f.Reset()
		return
	}
	f.up[h] = m
	f.at++
	// The path goes right at height h, and left from there on.
	f.down[h] = f.theta * combine(f.down[h+1], f.theta*m)
	for ; h > 0; h-- {
		f.down[h-1] = f.theta * f.down[h]
	}
}

// PredictAhead goes up to the last common ancestor of the next leaf t and the
// one asked for, and down to that past unseen leaves. On the way up it gathers
// what is known of the part of the tree that t is in. O(log k).
func (f *treeFilter) PredictAhead(p []float64, k int) {
	checkAhead(k)
	target := f.at + uint(k-1)
	if target>>f.depth != 0 { // in another tree
		say(p, 0)
		return
	}
	height := bits.Len(f.at ^ target)
	if height == 0 {
		f.Predict(p)
		return
	}
	m := 0.0 // of the path's node, from the leaves seen below it
	for h := range height - 1 {
		m *= f.theta
		if f.at>>h&1 == 1 {
			m = combine(f.theta*f.up[h], m)
		}
	}
	say(p, combine(f.down[height], f.theta*m)*math.Pow(f.theta, float64(height)))
}

func (f *treeFilter) Fork() Filter {
	c := *f
	c.down = append([]float64(nil), f.down...)
	c.up = append([]float64(nil), f.up...)
	return &c
}

// mutualInformation is I(x_t; x_{t+d}) in bits of leaves of one tree d apart,
// their place in it being uniform and unknown: the correlation of a pair is
// θ^{2j} with j the height of its last common ancestor.
func (t *tree) mutualInformation(d int) float64 {
	n, rho := float64(int(1)<<t.depth-d), 0.0
	for j := bits.Len(uint(d)); j <= t.depth; j++ {
		rho += straddling(d, j) * math.Exp2(float64(t.depth-j)) / n * math.Pow(t.theta, 2*float64(j))
	}
	return 1 - entropy([]float64{(1 + rho) / 2, (1 - rho) / 2})
}

// straddling is how many pairs d apart a tree of depth j has whose last common
// ancestor is its root.
func straddling(d, j int) float64 {
	half := 1 << (j - 1)
	return float64(max(0, min(d, 2*half-d)))
}
