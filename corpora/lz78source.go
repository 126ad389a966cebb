package corpora

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"

	"gonum.org/v1/gonum/mathext"
)

// LZ78Source is the process whose own LZ78 tree is its law (Sagan, Dembo, Ho &
// Weissman 2025, The LZ78 source): every node z of the tree has a law of the
// next symbol of its own, θ_z ~ Dirichlet(γ, …, γ); the symbols drawn are
// parsed as they come (at symbol a follow child a if there is one, otherwise
// make it and return to the root), and the next is drawn from θ of the node
// reached. Given the past,
//
//	P(a | x_{≤t}) = (N_a + γ)/(N + γA)
//
// with N_a the symbols a drawn at the node so far: the posterior mean, which is
// also how it is drawn, since Pólya's urn has the law of draws from a θ that is
// itself drawn (Blackwell & MacQueen 1973). Its entropy rate is the mean
// entropy of θ, while any finite-state predictor tends to log₂ A bits.
//
// Nothing drawn is ever forgotten: the tree has n/log n nodes, and so have the
// generator and the filter.
type LZ78Source struct {
	Alphabet int     `toml:"alphabet"` // A
	Gamma    float64 `toml:"gamma"`    // γ
	ProcessOptions
}

// Validate checks ranges.
func (c *LZ78Source) Validate() error {
	return first(between("alphabet", float64(c.Alphabet), 2, 256), between("gamma", c.Gamma, 1e-3, 1e6), c.validate())
}

// Process makes the law.
func (c *LZ78Source) Process(uint64) (Process, error) {
	return &lz78{a: c.Alphabet, gamma: c.Gamma}, nil
}

// Load draws from it.
func (c *LZ78Source) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "lz78-source", c)
}

type lz78 struct {
	a     int
	gamma float64
}

// Alphabet is A.
func (s *lz78) Alphabet() int { return s.a }

// Entropy is E H(θ) = ψ(Aγ+1) − ψ(γ+1) nats, θ ~ Dirichlet(γ, …, γ).
func (s *lz78) Entropy() (float64, bool) {
	return (mathext.Digamma(float64(s.a)*s.gamma+1) - mathext.Digamma(s.gamma+1)) / math.Ln2, true
}

// OptimalAhead is known for k = 1 alone.
func (s *lz78) OptimalAhead(k int) (float64, bool) {
	if k != 1 {
		return 0, false
	}
	return s.Entropy()
}

// Generate draws n symbols from the empty tree.
func (s *lz78) Generate(n int, rng *rand.Rand) []Symbol { return generate(s, n, rng) }

// Source begins with the empty tree.
func (s *lz78) Source(rng *rand.Rand) Source {
	return &lz78Source{newPhraseTree(s), rng, make([]float64, s.a)}
}

type lz78Source struct {
	tree *phraseTree
	rng  *rand.Rand
	p    []float64
}

func (s *lz78Source) Draw(xs []Symbol) {
	for t := range xs {
		s.tree.Predict(s.p)
		u, x := s.rng.Float64(), 0
		for ; x < len(s.p)-1; x++ {
			if u -= s.p[x]; u < 0 {
				break
			}
		}
		xs[t] = Symbol(x)
		s.tree.Observe(xs[t])
	}
}

// Filter is at the empty tree.
func (s *lz78) Filter() Filter { return newPhraseTree(s) }

// A phraseTree is the LZ78 tree of a sequence and the place in it, with how
// often each symbol followed at each node. Word z·A + x of the shelf has the
// count of x at node z in its lower half and the child in its upper, 0 being
// the root and hence no child.
type phraseTree struct {
	*lz78
	shelf *shelf
	nodes int
	at    int
}

func newPhraseTree(s *lz78) *phraseTree {
	t := &phraseTree{lz78: s}
	t.Reset()
	return t
}

// Unforgetting: the tree is of all that was drawn.
func (t *phraseTree) Unforgetting() {}

func (t *phraseTree) Reset() {
	t.shelf, t.nodes, t.at = newShelf(), 0, 0
	t.grow()
}

// grow adds a node and returns its number.
func (t *phraseTree) grow() int {
	t.nodes++
	t.shelf.reach(t.nodes * t.a)
	return t.nodes - 1
}

func (t *phraseTree) word(z, x int) uint64 { return t.shelf.get(z*t.a + x) }

// Predict sets p[a] = (N_a + γ)/(N + γA).
func (t *phraseTree) Predict(p []float64) { t.posterior(p, t.at) }

func (t *phraseTree) posterior(p []float64, z int) {
	sum := 0.0
	for x := range p {
		p[x] = float64(uint32(t.word(z, x))) + t.gamma
		sum += p[x]
	}
	for x := range p {
		p[x] /= sum
	}
}

func (t *phraseTree) Observe(x Symbol) {
	i := t.at*t.a + int(x)
	w := t.shelf.get(i) + 1
	child := int(w >> 32)
	t.at = child
	if child == 0 {
		w |= uint64(t.grow()) << 32
	}
	t.shelf.set(i, w)
}

// Fork shares all pages of the tree until one of the two writes to them.
func (t *phraseTree) Fork() Filter {
	c := *t
	c.shelf = t.shelf.fork()
	return &c
}

// Bounds on following all futures of a phraseTree.
const (
	lzSteps   = 1 << 18 // nodes visited at most
	lzDropped = 1e-3    // probability left out at most
	lzLeast   = 1e-9    // of a path that is followed
)

// AheadWithin follows every future of the tree through phrases that end and
// begin, with the counts it makes on its way (a node can be come by again): exact
// but for futures less likely than 10⁻⁹, as long as there are few enough of
// them. With two symbols that is to k = 17 or so.
func (t *phraseTree) AheadWithin(ps [][]float64, ks []int) (dropped float64, ok bool) {
	w := t.walk(ps, ks, lzLeast)
	return w.dropped, w.steps < lzSteps && w.dropped <= lzDropped
}

// PredictAhead is the law of the futures followed (see AheadWithin), rarer ones
// left out as there are too many.
func (t *phraseTree) PredictAhead(p []float64, k int) {
	checkAhead(k)
	ps, ks := [][]float64{p}, []int{k}
	w := t.walk(ps, ks, lzLeast)
	for least := 1e-7; w.steps >= lzSteps; least *= 10 {
		w = t.walk(ps, ks, least)
	}
}

// A lzWalk sums the laws of the next symbol over futures. fresh are the nodes
// that were made on the way, numbered from the tree's own on; extra the counts.
type lzWalk struct {
	t       *phraseTree
	ps      [][]float64
	row     map[int][]float64 // k to its law
	last    int
	least   float64
	steps   int
	dropped float64
	q       [][]float64
}

func (t *phraseTree) walk(ps [][]float64, ks []int, least float64) *lzWalk {
	c := t.Fork().(*phraseTree) // written to and put back
	w := &lzWalk{t: c, ps: ps, row: map[int][]float64{}, least: least}
	for i, k := range ks {
		clear(ps[i])
		w.row[k] = ps[i]
		w.last = max(w.last, k)
	}
	w.q = rows(w.last+1, t.a)
	w.follow(1, 1)
	for _, p := range ps {
		if sum := total(p); sum > 0 {
			scale(p)
		}
	}
	return w
}

func total(p []float64) (sum float64) {
	for _, v := range p {
		sum += v
	}
	return sum
}

// follow adds what may come k ahead, on a path of probability mass.
func (w *lzWalk) follow(k int, mass float64) {
	if w.steps++; w.steps >= lzSteps {
		return
	}
	t, q := w.t, w.q[k]
	t.Predict(q)
	if row := w.row[k]; row != nil {
		for x, v := range q {
			row[x] += mass * v
		}
	}
	if k == w.last {
		return
	}
	for x, v := range q {
		if m := mass * v; m >= w.least {
			at, nodes, i := t.at, t.nodes, t.at*t.a+x
			before := t.shelf.get(i)
			t.Observe(Symbol(x))
			w.follow(k+1, m)
			if t.nodes > nodes {
				for x := range t.a {
					t.shelf.set(nodes*t.a+x, 0)
				}
			}
			t.at, t.nodes = at, nodes
			t.shelf.set(i, before)
		} else {
			w.dropped += m
		}
	}
}

// A shelf is an array of words that can be forked at the cost of its table of
// pages: a page belongs to the shelf that wrote it, and whoever else writes to
// it takes a copy (Driscoll et al. 1989, by whole pages).
type shelf struct {
	pages  []*page
	owner  *int        // what the pages that may be written to are marked with
	shared atomic.Bool // forked since: those pages are no longer this shelf's alone
}

const pageWords = 256

type page struct {
	owner *int
	words [pageWords]uint64
}

func newShelf() *shelf { return &shelf{owner: new(int)} }

// reach makes room for n words, the new ones 0.
func (s *shelf) reach(n int) {
	for len(s.pages)*pageWords < n {
		s.pages = append(s.pages, &page{owner: s.owner})
	}
}

func (s *shelf) get(i int) uint64 { return s.pages[i/pageWords].words[i%pageWords] }

func (s *shelf) set(i int, w uint64) {
	if s.shared.Load() {
		s.owner = new(int)
		s.shared.Store(false)
	}
	p := s.pages[i/pageWords]
	if p.owner != s.owner {
		p = &page{s.owner, p.words}
		s.pages[i/pageWords] = p
	}
	p.words[i%pageWords] = w
}

// fork may be called by several at once, but not while s is being written to.
func (s *shelf) fork() *shelf {
	s.shared.Store(true)
	return &shelf{pages: append([]*page(nil), s.pages...), owner: new(int)}
}
