package contexttree

import (
	"fmt"
	"io"
	"math"

	"horizon/predictors"
)

// Context-tree weighting over symbols of a small alphabet, as the mixture of
// all Bayesian context trees (Kontoyiannis, Mertzanis, Panotopoulou,
// Papageorgiou & Skoularidou 2022, "Bayesian Context Trees", J. R. Stat. Soc.
// B 84:1287-1323). A model is a tree of contexts up to depth D in which every
// inner node has A children; with ℓ leaves, d of them at depth D, its prior is
// (eq. 1)
//
//	π(T) = (1−β)^((ℓ−1)/(A−1)) β^(ℓ−d)
//
// and at each leaf symbols are drawn from a law with a Dirichlet prior of
// weight α a symbol (½: Krichevsky & Trofimov). Summed over all trees
// (theorem 1),
//
//	P_w(s) = P_e(s)                                 at depth D
//	P_w(s) = β P_e(s) + (1−β) Π_x P_w(sx)           above
//
// with P_e(s) the estimate of what followed context s; the maximal posterior
// and its tree, see MAP, are the same with a maximum in place of the sum
// (theorem 2). A = 2, α = β = ½ is Willems, Shtarkov & Tjalkens 1995.
//
// As in the paper the first D symbols of a document are context only: they are
// predicted from as much past as there is, and not counted. A document no
// longer than D teaches nothing.
//
// As for "ctw" the ratios R(s) = P_e(s)/Π P_w(sx) are kept in place of the
// probabilities, within 2^±900. Time is O(D) a symbol for Learn and Prob,
// O(DA) for Predict; space is 8A + 13 bytes a node, and at most D nodes a
// symbol.

// A KaryConfig configures the kind "ctw-kary".
type KaryConfig struct {
	// Depth is D in symbols, 0 to 64.
	Depth int `toml:"depth"`
	// Alpha is the Dirichlet prior's weight of each symbol, > 0.
	Alpha float64 `toml:"alpha"`
	// Beta is β, ½ to below 1; 0 means 1 − 2^(1−A), as the authors recommend,
	// with A taken for 16 if it is larger.
	Beta float64 `toml:"beta"`
}

// DefaultKary is of depth 10 with α = ½.
func DefaultKary() predictors.Config { return &KaryConfig{Depth: 10, Alpha: 0.5} }

// TinyKary is of depth 2, with a prior that large alphabets need.
func TinyKary() predictors.Config { return &KaryConfig{Depth: 2, Alpha: 0.02, Beta: 0.5} }

// maxKary bounds the alphabet: nodes have room for every symbol.
const maxKary = 1024

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *KaryConfig) New(env predictors.Env) (predictors.Predictor, error) {
	a := env.Alphabet
	switch {
	case a < 1 || a > maxKary:
		return nil, fmt.Errorf("ctw-kary: alphabet size = %d, want 1 to %d", a, maxKary)
	case c.Depth < 0 || c.Depth > maxSymbols:
		return nil, fmt.Errorf("ctw-kary: depth = %d, want 0 to %d symbols", c.Depth, maxSymbols)
	case !(c.Alpha > 0) || math.IsInf(c.Alpha, 1):
		return nil, fmt.Errorf("ctw-kary: alpha = %v, want > 0", c.Alpha)
	case c.Beta != 0 && !(c.Beta >= 0.5 && c.Beta < 1):
		return nil, fmt.Errorf("ctw-kary: beta = %v, want 0.5 to below 1, or 0 for 1 − 2^(1−A)", c.Beta)
	}
	m := &karyModel{a: a, d: c.Depth, alpha: c.Alpha, beta: c.Beta}
	if m.beta == 0 {
		m.beta = max(0.5, 1-math.Ldexp(1, 1-min(a, 16)))
	}
	m.clear()
	return &kary{karyModel: m}, nil
}

// kary is a place in a model.
type kary struct {
	*karyModel
	past   [maxSymbols]predictors.Symbol // the newest first
	length int                           // of the past, at most D
	fork   bool
}

// karyModel is the parameters: nodes that have counted something. Node 0 is
// the root, and children come after their parents.
type karyModel struct {
	a, d        int
	alpha, beta float64
	count       []uint32  // [nodes, A]
	child       []uint32  // [nodes, A], 0 is none
	total       []uint32  // [nodes], Σ count
	ratio       []float64 // [nodes], R
	depth       []uint8   // [nodes]
	path        []uint32  // scratch of Learn
	room
	work float64 // operations of learning
}

func (m *karyModel) clear() {
	m.count, m.child, m.total, m.ratio, m.depth = nil, nil, nil, nil, nil
	m.add(0)
}

func (m *karyModel) add(depth int) uint32 {
	for range m.a {
		m.count = append(m.count, 0)
		m.child = append(m.child, 0)
	}
	m.total = append(m.total, 0)
	m.ratio = append(m.ratio, 1)
	m.depth = append(m.depth, uint8(depth))
	return uint32(len(m.total) - 1)
}

func (p *kary) Alphabet() int { return p.a }

func (p *kary) Reset() { p.length = 0 }

func (p *kary) Fork() predictors.Predictor {
	q := *p
	q.fork = true
	return &q
}

// estimate is p_e(x) at node i.
func (m *karyModel) estimate(i uint32, x int) float64 {
	return (float64(m.count[int(i)*m.a+x]) + m.alpha) / (float64(m.total[i]) + float64(m.alpha*float64(m.a)))
}

// odds is the weight of node i's own estimate over that of its children.
func (m *karyModel) odds(i uint32) float64 { return float64(m.beta / (1 - m.beta) * m.ratio[i]) }

// Predict sums down the path what each node adds: w is the weight that those
// above have left.
func (p *kary) Predict(probs []float64) {
	clear(probs)
	w := p.walk(func(i uint32, w float64) {
		for x := range probs {
			probs[x] += float64(w * p.estimate(i, x))
		}
	})
	for x := range probs {
		probs[x] += w / float64(p.a)
	}
}

// Prob adds as Predict does.
func (p *kary) Prob(x predictors.Symbol) float64 {
	prob := 0.0
	w := p.walk(func(i uint32, w float64) { prob += float64(w * p.estimate(i, int(x))) })
	return prob + w/float64(p.a)
}

// walk calls visit for the nodes of the context with their weights and returns
// the weight of a context never seen.
func (p *kary) walk(visit func(node uint32, weight float64)) float64 {
	w, i := 1.0, uint32(0)
	for d := 0; d < p.length; d++ {
		beta := p.odds(i)
		w /= beta + 1
		visit(i, float64(w*beta))
		if i = p.child[int(i)*p.a+int(p.past[d])]; i == 0 {
			return w
		}
	}
	visit(i, w)
	return 0
}

func (p *kary) Observe(x predictors.Symbol) {
	if p.d == 0 {
		return
	}
	copy(p.past[1:p.d], p.past[:p.d-1])
	p.past[0] = x
	p.length = min(p.length+1, p.d)
}

// Learn counts x at the nodes of the context, which it makes if need be.
func (p *kary) Learn(x predictors.Symbol) {
	if p.fork {
		panic("ctw-kary: a fork does not learn")
	}
	if p.length == p.d && (p.budget == 0 || p.has(p.used())) {
		p.work += perNode * float64(p.d+1)
		p.learn(p.past[:p.d], int(x))
	}
	p.Observe(x)
}

func (m *karyModel) learn(past []predictors.Symbol, x int) {
	i := uint32(0)
	m.path = append(m.path[:0], 0)
	for d, y := range past {
		at := int(i)*m.a + int(y)
		c := m.child[at]
		if c == 0 {
			c = m.add(d + 1)
			m.child[at] = c
		}
		m.path, i = append(m.path, c), c
	}
	q := m.estimate(i, x)
	m.tally(i, x)
	for d := len(past) - 1; d >= 0; d-- {
		i := m.path[d]
		e := m.estimate(i, x)
		p := mix(m.odds(i), e, q)
		m.ratio[i] = min(max(float64(m.ratio[i]*e)/q, minRatio), maxRatio)
		m.tally(i, x)
		q = p
	}
}

func (m *karyModel) tally(i uint32, x int) {
	m.count[int(i)*m.a+x]++
	m.total[i]++
}

// State is the context.
func (p *kary) State(b []byte) []byte {
	b = append(b, byte(p.length))
	for _, x := range p.past[:p.length] {
		b = append(b, byte(x), byte(x>>8))
	}
	return b
}

// Bytes counts nodes.
func (m *karyModel) Bytes() int64 {
	return sliceBytes(m.count) + sliceBytes(m.child) + sliceBytes(m.total) + sliceBytes(m.ratio) + sliceBytes(m.depth)
}

// Describe counts nodes, and gives the number of leaves of the MAP tree, its
// greatest depth and log₂ of its posterior probability.
func (m *karyModel) Describe() map[string]float64 {
	t := m.MAP()
	depth := 0
	for _, l := range t.Leaves {
		depth = max(depth, len(l.Context))
	}
	return map[string]float64{"nodes": float64(len(m.total)), "beta": m.beta, "map_leaves": float64(len(t.Leaves)),
		"map_depth": float64(depth), "map_log2_posterior": t.LogPosterior}
}

// WriteTo writes the counts and ratios.
func (m *karyModel) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them.
func (m *karyModel) ReadFrom(r io.Reader) (int64, error) {
	n, err := predictors.ReadArchive(r, m.fields)
	if err != nil {
		m.clear()
	}
	return n, err
}

func (m *karyModel) fields(a *predictors.Archive) {
	savedDepth(a, "ctw-kary", &m.d)
	predictors.Slice(a, &m.count)
	predictors.Slice(a, &m.child)
	predictors.Slice(a, &m.ratio)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := m.rebuild(); err != nil {
		a.Fail(err)
	}
}

// rebuild derives totals and depths, and refuses what is no tree.
func (m *karyModel) rebuild() error {
	n := len(m.ratio)
	if n < 1 || len(m.count) != n*m.a || len(m.child) != n*m.a {
		return fmt.Errorf("ctw-kary: saved %d ratios, %d counts and %d children, want %d symbols a node", n, len(m.count), len(m.child), m.a)
	}
	m.total, m.depth = make([]uint32, n), make([]uint8, n)
	for i := range n {
		if !(m.ratio[i] >= minRatio && m.ratio[i] <= maxRatio) || i > 0 && m.depth[i] == 0 {
			return fmt.Errorf("ctw-kary: saved node %d is damaged", i)
		}
		for x := range m.a {
			m.total[i] += m.count[i*m.a+x]
			c := int(m.child[i*m.a+x])
			if c == 0 {
				continue
			}
			if c <= i || c >= n || int(m.depth[i]) == m.d || m.depth[c] != 0 {
				return fmt.Errorf("ctw-kary: saved node %d is damaged", i)
			}
			m.depth[c] = m.depth[i] + 1
		}
	}
	return nil
}
