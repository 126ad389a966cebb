package unbounded

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"horizon/predictors"
)

// Kneser-Ney of no fixed order, with the counts of the infini-gram on top
// (claim C6: Liu et al. 2024 with Kneser & Ney 1995 and Chen & Goodman 1999).
// Let h_l be the last l symbols, L the largest l for which h_l has been
// followed by a symbol, r(h_l x) how often x followed (the infini-gram's count)
// and a(h_l x) the number of different symbols that came before h_l x, each
// document's beginning being one. With a(h·) = Σ_x a(hx), p_{−1} = 1/A,
//
//	p_l(x) = (a(h_l x) − D(a(h_l x)))/a(h_l·) + Σ_y D(a(h_l y))/a(h_l·) p_{l−1}(x)
//	s(x)   = (r(h_L x) − R(r(h_L x)))/r(h_L·) + Σ_y R(r(h_L y))/r(h_L·) p_{L−1}(x)
//	p(x)   = λ s(x) + (1 − λ) p_L(x)
//
// where D(0) = R(0) = 0. So s is Kneser-Ney's model of order L+1, an order
// chosen anew at each symbol, and p_L that of no highest order, as the sequence
// memoizer has it; the one counts what was seen twice after the same long past
// twice, the other once. counts = "raw" is λ = 1 and "continuation" λ = 0;
// "both" learns λ. Where h_l has been preceded by one symbol only, a = 1 for
// all that follows it; a row of such lengths is one step with the product of
// their D(1), so that the recursion has a step for each node of the tree.
//
// Discounts depend on the length, as in modified Kneser-Ney on the count, in
// classes 1, 2, 3, 4–6, 7–14, 15 and more (it has 1, 2, 3 and more), and on the
// number of different followers (rows, below). A closed form (Chen & Goodman,
// eq. 26) wants counts of counts of contexts of one length; here all discounts
// and λ climb the gradient of the log-probability of each symbol before it is
// learned, in the mean over a batch (Kingma & Ba 2015), and then that of the
// validation part with the counts as they are. D of count 1 is δ_l of
// discounts.go; the other D are shared from l = 16 on, R and λ by 17 ≤ L < 32
// and by L ≥ 32. A discount is at most the smallest count of its class. There
// is a share of the uniform distribution in every prediction (vanishing).
//
// Cost is that of the sequence memoizer in "ukn", and Learn counts x in every
// context on the path; a symbol takes some 30 bytes more.

// An InfiniKNConfig configures the kind "infini-kneser-ney".
type InfiniKNConfig struct {
	// Counts of the longest context are "raw", those of the infini-gram,
	// "continuation", as those of all others, or "both", mixed.
	Counts string `toml:"counts"`
	// Rate, Tune and Depth are as for the sequence memoizer.
	Rate  float64 `toml:"rate"`
	Tune  int     `toml:"tune"`
	Depth int     `toml:"depth"`
}

// DefaultInfiniKN mixes both counts; its depth is the sequence memoizer's.
func DefaultInfiniKN() predictors.Config {
	return &InfiniKNConfig{Counts: "both", Rate: 0.005, Tune: 20, Depth: 1024}
}

// TinyInfiniKN tunes little.
func TinyInfiniKN() predictors.Config {
	return &InfiniKNConfig{Counts: "both", Rate: 0.01, Tune: 3}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *InfiniKNConfig) New(env predictors.Env) (predictors.Predictor, error) {
	const kind = "infini-kneser-ney"
	if err := predictors.CheckAlphabet(kind, env.Alphabet); err != nil {
		return nil, err
	}
	if c.Counts != "raw" && c.Counts != "continuation" && c.Counts != "both" {
		return nil, fmt.Errorf("%s: counts = %q, want \"raw\", \"continuation\" or \"both\"", kind, c.Counts)
	}
	if err := checkClimb(kind, c.Rate, c.Tune, c.Depth); err != nil {
		return nil, err
	}
	m := &lengths{config: *c, d: newDiscounts(rows, mixAt-classAt+rows*tops),
		raw: c.Counts != "continuation", both: c.Counts == "both"}
	m.tree = &tree{a: env.Alphabet, depth: bound(c.Depth), extra: &extra{}}
	m.clear()
	m.start()
	return &infiniKN{lengths: m}, nil
}

// rows of contexts have discounts of their own: those with 1, 2, 3 or 4, 5 to
// 9, and 10 or more different followers.
const rows = 5

func row(kinds uint32) int {
	switch {
	case kinds <= 2:
		return int(kinds) - 1
	case kinds < 5:
		return 2
	case kinds < 10:
		return 3
	}
	return 4
}

// Where the discounts are among the free parameters: those of classes 1 up,
// row by row and length by length, then those on top. Each is the logit of its
// share of the class's smallest count.
const (
	classAt = rows * links
	topAt   = classAt + rows*(deep+1)*(classes-1)
	mixAt   = topAt + rows*tops*classes // logits of λ
	tops    = deep + 3
)

func classPlace(row, l, j int) int { return classAt + (row*(deep+1)+min(l, deep))*(classes-1) + j - 1 }
func topPlace(row, l, j int) int   { return topAt + (row*tops+topBucket(l))*classes + j }
func mixPlace(row, l int) int      { return mixAt + row*tops + topBucket(l) }

func topBucket(l int) int {
	switch {
	case l <= deep:
		return l
	case l < 2*deep:
		return deep + 1
	}
	return deep + 2
}

// lengths is the parameters.
type lengths struct {
	*tree
	config InfiniKNConfig
	raw    bool // the infini-gram's counts are used
	both   bool // and the others beside them
	d      *discounts
	by     [rows][deep + 1]levels // D_l by class; class 0 is elsewhere
	top    [rows][tops]levels     // R_L by bucket
	wait   int
	path   []rung
	mate   rung    // beside path[0]
	price  float64 // of the traced symbol
	room
}

// levels are discounts by class of count.
type levels [classes]float64

// start sets D(c) = δ √c, halfway between one table a symbol and a table each.
func (m *lengths) start() {
	m.each(func(i, l, j int, _ *float64) {
		m.d.free[i] = logit(startDiscounts[min(l, len(startDiscounts)-1)] / math.Sqrt(least[j]))
	})
	m.settle()
}

func (m *lengths) settle() {
	m.each(func(i, _, j int, v *float64) { *v = least[j] * sigmoid(m.d.free[i]) })
}

// each goes through the discounts outside the chains: the place of the free
// parameter, length, class and where the value is.
func (m *lengths) each(f func(i, l, j int, v *float64)) {
	for q := range rows {
		for l := range deep + 1 {
			for j := 1; j < classes; j++ {
				f(classPlace(q, l, j), l, j, &m.by[q][l][j])
			}
		}
		for b := range tops {
			for j := range classes {
				f(topAt+(q*tops+b)*classes+j, b, j, &m.top[q][b][j])
			}
		}
	}
}

// infiniKN is a place in it.
type infiniKN struct {
	*lengths
	pen
	fork bool
}

func (p *infiniKN) Alphabet() int { return p.a }

func (p *infiniKN) Reset() { p.lift(p.tree) }

func (p *infiniKN) Fork() predictors.Predictor {
	return &infiniKN{lengths: p.lengths, pen: pen{place: p.place}, fork: true}
}

func (p *infiniKN) Observe(x symbol) { p.move(p.tree, x) }

// State is the place.
func (p *infiniKN) State(b []byte) []byte { return p.place.state(b) }

// A rung is one step of the recursion: the counts of a node, or a row of
// contexts on the edge above it, each with count 1 for what follows.
type rung struct {
	node      uint32
	kind      int // node, edge or top
	row       int
	low, high int // lengths: those of an edge are (low, high]; else high is the context's, low = high − 1
	level     levels
	n         float64 // sum of counts
	fan       fan     // symbols by class
	d         float64 // an edge's discount
	c         uint32  // count of the symbol
	p         float64 // outcome
}

const (
	onNode = iota
	onEdge
	onTop
)

// back is the share of the shorter contexts.
func (r *rung) back() float64 {
	if r.kind == onEdge {
		return r.d
	}
	sum := 0.0
	for j, n := range r.fan {
		sum += r.level[j] * float64(n)
	}
	return sum / r.n
}

// own is the share of a symbol of count c.
func (r *rung) own(c uint32) float64 {
	switch {
	case c == 0:
		return 0
	case r.kind == onEdge:
		return (1 - r.d) / r.n
	}
	return (float64(c) - r.level[class(c)]) / r.n
}

// countOf is the count of a symbol.
func (m *lengths) countOf(r *rung, x symbol) uint32 {
	c := m.counted(r.node, uint32(x))
	switch {
	case c == 0:
		return 0
	case r.kind == onEdge:
		return 1
	case r.kind == onTop && m.nodes[r.node].first != 0:
		return m.extra.raw[m.find(r.node, uint32(x))]
	}
	return c
}

// firstRung is the one a place is on, nextRung the one below r. ok is false
// below the empty context, and there if nothing has been learned.
func (m *lengths) firstRung(at place) (r rung, ok bool) {
	z := &m.nodes[at.node]
	if z.total == 0 {
		return r, false
	}
	if m.raw {
		return m.topRung(at), true
	}
	if at.length < int(z.length) {
		return m.edgeRung(at.node, at.length), true
	}
	return m.nodeRung(at.node), true
}

func (m *lengths) nextRung(r *rung) (rung, bool) {
	z := &m.nodes[r.node]
	if r.low > m.above(z) {
		return m.edgeRung(r.node, r.low), true
	}
	if r.node == 0 {
		return rung{}, false
	}
	return m.nodeRung(z.parent), true
}

// mateRung has the continuation counts of the context that a place is on, and
// like the top one leads to the next shorter length.
func (m *lengths) mateRung(at place) rung {
	if at.length == int(m.nodes[at.node].length) {
		return m.nodeRung(at.node)
	}
	r := m.edgeRung(at.node, at.length)
	r.low = at.length - 1
	r.d = m.d.chains[r.row].between(r.low, r.high)
	return r
}

// mix is λ_L, the share of the infini-gram's counts.
func (m *lengths) mix(r *rung) float64 { return sigmoid(m.d.free[mixPlace(r.row, r.high)]) }

func (m *lengths) topRung(at place) rung {
	z := &m.nodes[at.node]
	q := row(z.kinds)
	r := rung{node: at.node, kind: onTop, row: q, low: at.length - 1, high: at.length, level: m.top[q][topBucket(at.length)]}
	if z.first == 0 {
		r.n, r.fan[0] = 1, 1
	}
	sum := uint64(0)
	for e := z.first; e != 0; e = m.entries[e].next {
		c := m.extra.raw[e]
		sum += uint64(c)
		r.fan[class(c)]++
	}
	if z.first != 0 {
		r.n = float64(sum)
	}
	return r
}

func (m *lengths) edgeRung(u uint32, high int) rung {
	z := &m.nodes[u]
	low, q := m.above(z), row(z.kinds)
	return rung{node: u, kind: onEdge, row: q, low: low, high: high, n: float64(z.kinds), d: m.d.chains[q].between(low, high)}
}

func (m *lengths) nodeRung(u uint32) rung {
	z := &m.nodes[u]
	l, q := int(z.length), row(z.kinds)
	r := rung{node: u, kind: onNode, row: q, low: l - 1, high: l, n: float64(z.total), level: m.by[q][min(l, deep)]}
	r.level[0] = m.d.chains[q].between(l-1, l)
	if z.first == 0 {
		r.fan[0] = 1
	} else {
		r.fan = m.extra.fans[m.extra.fan[u]]
	}
	return r
}

// Prob goes from the longest context to the shortest.
func (p *infiniKN) Prob(x symbol) float64 {
	prob, weight := 0.0, 1.0
	r, ok := p.firstRung(p.place)
	if ok && p.both {
		mate, mix := p.mateRung(p.place), p.mix(&r)
		prob = mix*r.own(p.countOf(&r, x)) + (1-mix)*mate.own(p.countOf(&mate, x))
		weight = mix*r.back() + (1-mix)*mate.back()
		r, ok = p.nextRung(&r)
	}
	for ; ok; r, ok = p.nextRung(&r) {
		prob += weight * r.own(p.countOf(&r, x))
		weight *= r.back()
	}
	return p.floor(prob + weight/float64(p.a))
}

// Predict does the same for all symbols at once.
func (p *infiniKN) Predict(probs []float64) {
	clear(probs)
	weight := 1.0
	r, ok := p.firstRung(p.place)
	if ok && p.both {
		mate, mix := p.mateRung(p.place), p.mix(&r)
		p.serve(probs, &r, mix)
		p.serve(probs, &mate, 1-mix)
		weight = mix*r.back() + (1-mix)*mate.back()
		r, ok = p.nextRung(&r)
	}
	for ; ok; r, ok = p.nextRung(&r) {
		p.serve(probs, &r, weight)
		weight *= r.back()
	}
	for x := range probs {
		probs[x] = p.floor(probs[x] + weight/float64(p.a))
	}
}

// serve adds a rung's own share of every symbol.
func (m *lengths) serve(probs []float64, r *rung, weight float64) {
	z := &m.nodes[r.node]
	if z.first == 0 {
		probs[m.text[z.end]] += weight * r.own(1)
	}
	for e := z.first; e != 0; e = m.entries[e].next {
		c := m.entries[e].count
		switch r.kind {
		case onEdge:
			c = 1
		case onTop:
			c = m.extra.raw[e]
		}
		probs[m.entries[e].symbol] += weight * r.own(c)
	}
}

// trace prices x along the path and returns its probability.
func (m *lengths) trace(at place, x symbol) float64 {
	m.path = m.path[:0]
	for r, ok := m.firstRung(at); ok; r, ok = m.nextRung(&r) {
		r.c = m.countOf(&r, x)
		m.path = append(m.path, r)
	}
	prob, shorter := 1/float64(m.a), 0.0
	for i := len(m.path) - 1; i >= 0; i-- {
		r := &m.path[i]
		shorter, prob = prob, r.own(r.c)+r.back()*prob
		r.p = prob
	}
	if m.both && len(m.path) > 0 {
		m.mate = m.mateRung(at)
		m.mate.c = m.countOf(&m.mate, x)
		m.mate.p = m.mate.own(m.mate.c) + m.mate.back()*shorter
		mix := m.mix(&m.path[0])
		prob = mix*prob + (1-mix)*m.mate.p
	}
	m.price = m.floor(prob)
	return m.price
}

// slope adds the gradient of log p of the traced symbol by the free parameters.
func (m *lengths) slope() {
	if len(m.path) == 0 {
		return
	}
	g := (1 - vanishing) / m.price
	for i := range m.path {
		r := &m.path[i]
		shorter := 1 / float64(m.a)
		if i+1 < len(m.path) {
			shorter = m.path[i+1].p
		}
		if i == 0 && m.both {
			mix := m.mix(r)
			m.d.grad[mixPlace(r.row, r.high)] += g * (r.p - m.mate.p) * mix * (1 - mix)
			m.lean(r, g*mix, shorter)
			m.lean(&m.mate, g*(1-mix), shorter)
			g *= mix*r.back() + (1-mix)*m.mate.back()
			continue
		}
		m.lean(r, g, shorter)
		g *= r.back()
	}
}

// lean adds one rung's: ∂p/∂D_j = (n_j p' − 1[x is of class j])/N.
func (m *lengths) lean(r *rung, g, shorter float64) {
	chain := &m.d.chains[r.row]
	if r.kind == onEdge {
		one := 0.0
		if r.c > 0 {
			one = 1 / r.n
		}
		by := g * (shorter - one) * r.d
		chain.pull(r.high, by)
		chain.pull(r.low, -by)
		return
	}
	for j, n := range r.fan {
		if n == 0 {
			continue
		}
		by := float64(n) * shorter
		if r.c > 0 && class(r.c) == j {
			by--
		}
		by *= g / r.n
		d := r.level[j]
		switch {
		case r.kind == onTop:
			m.d.grad[topPlace(r.row, r.high, j)] += by * d * (1 - d/least[j])
		case j == 0:
			chain.pull(r.high, by*d)
			chain.pull(r.high-1, -by*d)
		default:
			m.d.grad[classPlace(r.row, r.high, j)] += by * d * (1 - d/least[j])
		}
	}
}

// Learn moves the discounts, makes the context a node and counts x there.
func (p *infiniKN) Learn(x symbol) {
	if p.fork {
		panic("infini-kneser-ney: a fork does not learn")
	}
	p.spend()
	if p.budget > 0 && !p.has(p.used()+p.d.bytes()) {
		p.Observe(x)
		return
	}
	if p.config.Rate > 0 {
		p.trace(p.place, x)
		p.slope()
		if p.wait++; p.wait == batch {
			p.wait = 0
			p.d.step(p.config.Rate)
			p.settle()
		}
	}
	p.begin(p.tree)
	u, _, _ := p.insert(p.tree)
	p.text = append(p.text, x)
	p.tally(u, x)
	p.write(p.tree, x)
}

// Tune climbs the gradient of the validation part's log-probability with the
// counts as they are.
func (p *infiniKN) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	m := p.lengths
	defer m.settle()
	return ascend(ctx, m.d, m.settle, m.tree, d.Valid, m.config.Tune, report, func(at place, x symbol) float64 {
		prob := m.trace(at, x)
		m.slope()
		return prob
	})
}

// Bytes counts the tree and the discounts.
func (m *lengths) Bytes() int64 { return m.tree.bytes() + m.d.bytes() }

// Describe names δ_l of contexts with q followers (3: or more) d_l_q, D_l of
// class j, from 2 on, Dj_l_q, and R_L of class j Rj_L_q, L a bucket.
func (m *lengths) Describe() map[string]float64 {
	out := map[string]float64{"symbols": float64(len(m.text)), "contexts": float64(len(m.nodes)),
		"counts": float64(len(m.entries) - 1)}
	for q := range rows {
		name := "_" + strconv.Itoa(q+1)
		m.d.chains[q].describe(out, name)
		for l := range tops {
			for j := range classes {
				at := strconv.Itoa(j+1) + "_" + strconv.Itoa(l) + name
				if m.raw {
					out["R"+at] = m.top[q][l][j]
				}
				if l <= deep && j > 0 {
					out["D"+at] = m.by[q][l][j]
				}
			}
		}
	}
	return out
}

// WriteTo writes the text, from which ReadFrom rebuilds the tree, and the
// discounts.
func (m *lengths) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them.
func (m *lengths) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *lengths) fields(a *predictors.Archive) {
	if m.savedDepth(a); a.Err() != nil {
		return
	}
	m.tree.save(a)
	m.d.save(a)
	m.d.saveBatch(a, &m.wait)
	m.settle()
}
