package lempelziv

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"horizon/predictors"
)

// Suffix-blended Lempel-Ziv. A phrase of Ziv & Lempel 1978 walks down a tree of
// earlier phrases by the symbols that come, adds a node where the tree ends,
// and ends there itself. LZ78 parses one phrase at a time, predicts from its
// node alone, and so forgets at the end of each phrase all it knew (the
// programme's claim C4). Here each of these is a switch:
//
//   - starts: how many phrases are parsed at once, each from its own first
//     symbol. 1 is LZ78; 0 starts one at every symbol, as Active LeZi does
//     within its window (Gopalratnam & Cook 2007) and LZ-MS with all back-shifts
//     (Nisenson et al. 2003). The tree then has every suffix of every string it
//     has, and at most as many nodes as there were symbols, since a symbol that
//     lengthens the longest suffix in the tree by one adds no node, and each
//     node added shortens it by one;
//   - grow: how many nodes a phrase adds before it ends. 1 is Lempel-Ziv; at
//     the depth of the tree all strings up to that length are counted, which
//     makes it the trie of an n-gram;
//   - counts: N(a; z) goes up when a running phrase at z goes on by a
//     ("phrases"), or whenever z is a suffix of the past ("all"), or, "novel",
//     only at the longest suffix that knows a: what a longer context foresaw
//     tells a shorter one nothing (update exclusion, Moffat 1990; these are the
//     continuation counts of Kneser & Ney 1995, made by what the tree knew);
//   - rule: how the nodes of all suffixes of the past, z_0 (the root) to z_L,
//     are blended. With N and D the sum and number of the counts at z_j, N_k
//     the number of those that are k (N_3 of 3 and more),
//
//     longest      p = (N(a) + γ)/(N + γA) at z_L alone
//     witten-bell  p_j(a) = (N(a) + D p_{j−1}(a))/(N + D)
//     discount     p_j(a) = (N(a) − D_j(N(a)))/(N + θ_j) + ε_j p_{j−1}(a),
//     ε_j = (Σ_k D_jk N_k + θ_j)/(N + θ_j)
//     mix          p_j(a) = (1 − ε'_j) q_j(a) + ε'_j p_{j−1}(a), where q_j is the
//     normalised first term of discount and logit ε'_j = logit ε_j + Σ_f b_f
//
//     from p_{−1} = 1/A. Discount is the predictive rule of a hierarchical
//     Pitman-Yor process (Teh 2006) with discounts by count as in Chen &
//     Goodman 1999; mix adds to an escape's logit learned biases of the classes
//     that a node belongs to (depth, count, variety, whether one symbol only
//     came, how far below the longest suffix it is, how the last symbols were
//     found, the last symbol): logistic mixing as in Mahoney 2005, applied to
//     the choice between a context and the next shorter one, for which PPMd
//     (Shkarin 2002) keeps adaptive tables. D, θ and b are learned on the
//     validation part (blendtune.go).
//
// Without learning, a predictor keeps the nodes of the suffixes: each goes to
// its child or drops out, the root enters. Prob takes one look-up for each, of
// which there are at most depth; Predict visits their children. Learning on
// after training goes into an overlay (blendtree.go), which is merged when a
// refit ends, and by Save.

// A BlendConfig configures the kinds "lz-blend" and "large-lz".
type BlendConfig struct {
	// Depth is the length of the longest phrase, 2 to 62 symbols.
	Depth int `toml:"depth"`
	// Starts is how many phrases are parsed at once, ≥ 1, or 0 for one from
	// every symbol.
	Starts int `toml:"starts"`
	// Grow is how many nodes a phrase adds before it ends, 1 to 62.
	Grow int `toml:"grow"`
	// GrowAt is the count from which on a node may have children, ≥ 1.
	GrowAt int `toml:"grow_at"`
	// Counts is "phrases", "all" or "novel".
	Counts string `toml:"counts"`
	// Rule is "longest", "witten-bell", "discount" or "mix".
	Rule string `toml:"rule"`
	// Gamma is γ of the rule longest, > 0.
	Gamma float64 `toml:"gamma"`
	// CountBits is what a count takes in a trained model: 4, 8, 16 or 32.
	CountBits int `toml:"count_bits"`
	// Shards is in how many pieces the training part is learned, each by
	// itself and at once, 1 to 256.
	Shards int `toml:"shards"`
	// Join is "merge" for one tree with the shards' counts added up, or "mix"
	// for a tree a shard, whose predictions are mixed.
	Join string `toml:"join"`
	// MaxBytes bounds the trained model, ≥ 65,536 bytes; 0 does not.
	MaxBytes int64 `toml:"max_bytes"`
}

// DefaultBlend starts a phrase at every symbol and mixes.
func DefaultBlend() predictors.Config {
	return &BlendConfig{Depth: 16, Grow: 1, GrowAt: 1, Counts: "novel", Rule: "mix", Gamma: 0.02,
		CountBits: 32, Shards: 1, Join: "merge"}
}

// TinyBlend has short phrases.
func TinyBlend() predictors.Config {
	c := DefaultBlend().(*BlendConfig)
	c.Depth = 4
	return c
}

const maxPhrase = 62 // phrases in progress are bits of a word

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *BlendConfig) New(env predictors.Env) (predictors.Predictor, error) {
	return c.make("lz-blend", env)
}

func (c *BlendConfig) make(kind string, env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet(kind, env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	m := &blendModel{kind: kind, c: *c, a: env.Alphabet, maxBytes: c.MaxBytes}
	m.parse = parse{starts: c.Starts, grow: c.Grow, growAt: uint32(c.GrowAt), maxSize: math.MaxInt32,
		counts: countRule(slices.Index(countNames, c.Counts))}
	m.hold(newTree(m.a, c.CountBits))
	p := &blend{blendModel: m, learner: true}
	p.Reset()
	return p, nil
}

func (c *BlendConfig) check() error {
	for _, v := range []struct {
		key          string
		n, low, high int64
	}{
		{"depth", int64(c.Depth), 2, maxPhrase}, {"starts", int64(c.Starts), 0, maxPhrase},
		{"grow", int64(c.Grow), 1, maxPhrase}, {"grow_at", int64(c.GrowAt), 1, math.MaxInt32},
		{"shards", int64(c.Shards), 1, 256},
	} {
		if v.n < v.low || v.n > v.high {
			return fmt.Errorf("%s = %d, want %d to %d", v.key, v.n, v.low, v.high)
		}
	}
	switch {
	case !slices.Contains(countNames, c.Counts):
		return fmt.Errorf("counts = %q, want one of %q", c.Counts, countNames)
	case !slices.Contains(ruleNames, c.Rule):
		return fmt.Errorf("rule = %q, want one of %q", c.Rule, ruleNames)
	case !(c.Gamma > 0) || math.IsInf(c.Gamma, 1):
		return fmt.Errorf("gamma = %v, want > 0", c.Gamma)
	case c.Join != "merge" && c.Join != "mix":
		return fmt.Errorf("join = %q, want \"merge\" or \"mix\"", c.Join)
	case c.MaxBytes != 0 && c.MaxBytes < leastBytes:
		return fmt.Errorf("max_bytes = %d, want at least %d, or 0 for no bound", c.MaxBytes, leastBytes)
	}
	return checkCountBits(c.CountBits)
}

// A blendModel is the parameters: a tree, or one a shard, and how to blend
// them.
type blendModel struct {
	kind     string
	c        BlendConfig
	a        int
	parse    parse
	trees    []*growingTree
	blends   []*blending
	mixture  []float64 // the trees' shares
	maxBytes int64     // 0: any number
	bounds   predictors.Budget
	ops      float64 // of training
	refit    int     // symbols still to be learned before the overlay is merged
}

// hold makes the model one of these trees, with blendings as at the start.
func (m *blendModel) hold(trees ...*growingTree) {
	m.trees = trees
	m.blends = make([]*blending, len(trees))
	m.mixture = make([]float64, len(trees))
	for i := range trees {
		m.blends[i] = newBlending(rule(slices.Index(ruleNames, m.c.Rule)), m.a, m.c.Depth, m.c.Gamma)
		m.mixture[i] = 1 / float64(len(trees))
	}
}

// blend is a place in a text.
type blend struct {
	*blendModel
	walks   []walk // one a tree
	learner bool
	recent  []uint32 // the last symbols, of the learner: see settle
}

func (p *blend) Alphabet() int { return p.a }

func (p *blend) Reset() {
	if len(p.walks) != len(p.trees) {
		p.walks = make([]walk, len(p.trees))
	}
	for i, t := range p.trees {
		if p.walks[i].growingTree == t {
			p.walks[i].reset()
		} else {
			p.walks[i] = newWalk(t, p.c.Depth)
		}
	}
	p.recent = p.recent[:0]
}

func (p *blend) Fork() predictors.Predictor {
	f := &blend{blendModel: p.blendModel, walks: make([]walk, len(p.walks))}
	for i := range f.walks {
		f.walks[i] = p.walks[i].fork()
	}
	return f
}

func (p *blend) Predict(probs []float64) {
	clear(probs)
	for i := range p.walks {
		p.blends[i].predict(&p.walks[i], probs, p.mixture[i])
	}
}

func (p *blend) Prob(x predictors.Symbol) float64 {
	sum := 0.0
	for i := range p.walks {
		sum += float64(p.mixture[i] * p.blends[i].prob(&p.walks[i], uint32(x)))
	}
	return sum
}

func (p *blend) Observe(x predictors.Symbol) {
	for i := range p.walks {
		p.walks[i].observe(uint32(x), &p.parse)
	}
	p.recall(x)
}

// Learn grows the tree, the last shard's if there are several.
func (p *blend) Learn(x predictors.Symbol) {
	if !p.learner {
		panic(p.kind + ": a fork does not learn")
	}
	last := len(p.walks) - 1
	for i := range p.walks[:last] {
		p.walks[i].observe(uint32(x), &p.parse)
	}
	p.ops += float64(p.walks[last].learn(uint32(x), &p.parse))
	p.recall(x)
	if p.refit > 0 {
		if p.refit--; p.refit == 0 {
			p.settle()
		}
	}
}

// recall keeps as many symbols as a context has.
func (p *blend) recall(x predictors.Symbol) {
	if !p.learner {
		return
	}
	if len(p.recent) == p.c.Depth-1 {
		copy(p.recent, p.recent[1:])
		p.recent = p.recent[:len(p.recent)-1]
	}
	p.recent = append(p.recent, uint32(x))
}

// settle merges what was learned since into the tree at rest.
func (p *blend) settle() {
	p.refit = 0
	if p.trees[len(p.trees)-1].over != nil {
		p.replant(p.rest)
	}
}

// replant lays out the last tree anew and finds the place in it again.
func (p *blend) replant(layOut func(*listing) *trie) {
	last := len(p.trees) - 1
	p.trees[last] = &growingTree{trie: layOut(p.trees[last].listAll())}
	old, r := p.walks[last], p.parse
	p.walks[last] = newWalk(p.trees[last], p.c.Depth)
	w := &p.walks[last]
	for _, x := range p.recent {
		w.observe(x, &r)
	}
	w.past, w.last, w.phrases, w.grown = old.past, old.last, 0, old.grown
	for j := 0; j <= w.top; j++ {
		if j == 0 || w.at[j].node != 0 {
			w.phrases |= old.phrases & (1 << j)
		}
	}
}

// State is where each walk is: the nodes of all suffixes, and what the biases
// depend on.
func (p *blend) State(b []byte) []byte {
	for i := range p.walks {
		b = p.walks[i].state(b)
	}
	return b
}

// Describe reports the nodes, what a node of the trees at rest takes in bytes,
// the trees' shares if there are several, and the discounts of the first
// tree, D1_5 being D₁ at depth 5 and D0_5 its θ.
func (p *blend) Describe() map[string]float64 {
	nodes, bytes := 0, int64(0)
	for _, t := range p.trees {
		nodes += t.size()
		bytes += t.bytes()
	}
	out := map[string]float64{"nodes": float64(nodes), "bytes_per_node": float64(bytes) / float64(nodes)}
	for i, w := range p.mixture {
		if len(p.mixture) > 1 {
			out["share_"+strconv.Itoa(i)] = w
		}
	}
	b := p.blends[0]
	for j := range b.by {
		for k, v := range b.by[j].d {
			if b.rule >= ruleDiscount {
				out["D"+strconv.Itoa(k)+"_"+strconv.Itoa(j)] = v
			}
		}
	}
	return out
}

// Evidence adds up the walks: a position that the longest j symbols match has
// weight from every suffix up to j. What a count stands for is taken for so
// many positions, though counts of novelties are fewer than these.
func (p *blend) Evidence() predictors.Evidence {
	var e predictors.Evidence
	sum, squares := 0.0, 0.0
	for i := range p.walks {
		match, s, s2 := p.blends[i].evidence(&p.walks[i])
		e.Match = max(e.Match, match)
		sum += p.mixture[i] * s
		squares += p.mixture[i] * p.mixture[i] * s2
	}
	if squares > 0 {
		e.Effective = sum * sum / squares
	}
	e.Fallback = max(0, 1-sum)
	return e
}

// Ops counts entries of the tree read or written in training; a symbol takes,
// for each of about half the depth of suffixes, a look-up, a sum over a family
// of about three and some twelve operations of the rule.
func (p *blend) Ops() (train, perSymbol float64) {
	return p.ops, float64(len(p.trees)) * float64(p.c.Depth) / 2 * 16
}

// Bytes counts trees and blendings. It ends a refit that was cut short.
func (p *blend) Bytes() int64 {
	if p.learner && p.refit > 0 && p.trees[len(p.trees)-1].over != nil {
		p.settle()
	}
	n := int64(8 * cap(p.mixture))
	for i, t := range p.trees {
		n += t.bytes() + p.blends[i].bytes()
	}
	return n
}
