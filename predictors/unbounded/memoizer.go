package unbounded

import (
	"context"
	"fmt"
	"io"
	"math"

	"horizon/predictors"
)

// The sequence memoizer: a Pitman-Yor process for each context of any length,
// centred on that of the context without its oldest symbol (Wood, Archambeau,
// Gasthaus, James & Teh 2009; as a predictor of the next symbol Gasthaus, Wood
// & Teh, DCC 2010, eq. 1). In the restaurant of context u, c(s) customers have
// eaten dish s at t(s) tables; N = Σ c, T = Σ t; d discounts it and θ is its
// concentration; u' is the next shorter context that is stored. Then
//
//	p(x; u) = (c(x) − d t(x))/(N + θ) + (d T + θ)/(N + θ) p(x; u')
//	p(x; no context at all) = 1/A
//
// Where u has never been followed by anything, p(x; u) = p(x; u'). Each table
// sends one customer to u'. Discounts multiply along a path and θ with them,
// θ(u) = θ₀ δ_0 δ_1 … δ_|u| (Gasthaus & Teh 2010, section 3): contexts that
// are not stored are then integrated out. See discounts.go for δ.
//
// How many tables there are is inferred in one of two ways. "ukn": one for
// each dish, t = min(c, 1), which is Kneser-Ney of unbounded order; nothing is
// random, and a context within an edge has c = t = 1 for each symbol below it.
// "particle": customers are seated one by one as the process has it, without
// a second thought (a particle filter with one particle); see particle.go.
//
// The discounts climb the gradient of the log-probability of each learned
// symbol before it is learned, in the mean over a batch, by the method of
// Kingma & Ba 2015 (the authors take plain steps), and may then be tuned on
// the validation part with the counts as they are.
//
// Departures: ρ of discounts.go, and a share of the uniform distribution in
// every prediction (vanishing).
//
// The longest suffix that is a context of the tree, stored or not, predicts.
// Learn, Prob and Observe are O(length of the longest match), in look-ups
// O(stored contexts on the path); Predict adds the symbols of those contexts.
// Space is O(n), see the tests for bytes a symbol.

// A MemoizerConfig configures the kind "sequence-memoizer".
type MemoizerConfig struct {
	// Inference is "ukn", one table a dish, or "particle".
	Inference string `toml:"inference"`
	// Concentration is θ₀ ≥ 0 to begin with; 0 stays 0.
	Concentration float64 `toml:"concentration"`
	// Rate is the step, 0 to 1, by which the logits of the discounts follow
	// their gradient while learning; 0 leaves them as they are.
	Rate float64 `toml:"rate"`
	// Tune is how often the validation part, or its first 50,000 symbols, is
	// gone through to tune the discounts after training; 0 to 1,000.
	Tune int `toml:"tune"`
	// Depth bounds the context, 0 if nothing does: then a run of n equal
	// symbols takes n²/2 steps.
	Depth int `toml:"depth"`
}

// DefaultMemoizer is deterministic and learns its discounts. Its depth bounds
// the time that long runs take; texts do not notice it.
func DefaultMemoizer() predictors.Config {
	return &MemoizerConfig{Inference: "ukn", Rate: 0.01, Tune: 20, Depth: 1024}
}

// TinyMemoizer seats customers, the harder case, and tunes little.
func TinyMemoizer() predictors.Config {
	return &MemoizerConfig{Inference: "particle", Concentration: 0.5, Rate: 0.01, Tune: 3}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *MemoizerConfig) New(env predictors.Env) (predictors.Predictor, error) {
	const kind = "sequence-memoizer"
	if err := predictors.CheckAlphabet(kind, env.Alphabet); err != nil {
		return nil, err
	}
	if c.Inference != "ukn" && c.Inference != "particle" {
		return nil, fmt.Errorf("%s: inference = %q, want \"ukn\" or \"particle\"", kind, c.Inference)
	}
	if !(c.Concentration >= 0 && c.Concentration <= 1000) {
		return nil, fmt.Errorf("%s: concentration = %v, want 0 to 1000", kind, c.Concentration)
	}
	if err := checkClimb(kind, c.Rate, c.Tune, c.Depth); err != nil {
		return nil, err
	}
	m := &memory{config: *c, seed: env.Seed}
	m.tree = &tree{a: env.Alphabet, depth: bound(c.Depth)}
	m.clear()
	m.begun()
	if c.Inference == "particle" {
		m.seats = &seating{tree: m.tree}
		m.seats.clear()
	}
	return &memoizer{memory: m}, nil
}

// begun sets the discounts and the concentration to what they begin with.
func (m *memory) begun() {
	m.d = newDiscounts(1, 1)
	m.chain = &m.d.chains[0]
	m.d.free[concentrationAt] = math.Log(max(m.config.Concentration, 1e-3))
}

func checkClimb(kind string, rate float64, tune, depth int) error {
	if !(rate >= 0 && rate <= 1) {
		return fmt.Errorf("%s: rate = %v, want 0 to 1", kind, rate)
	}
	if tune < 0 || tune > 1000 {
		return fmt.Errorf("%s: tune = %d, want 0 to 1000", kind, tune)
	}
	if depth < 0 {
		return fmt.Errorf("%s: depth = %d, want ≥ 1, or 0 for no bound", kind, depth)
	}
	return nil
}

func bound(depth int) int {
	if depth == 0 {
		return math.MaxInt
	}
	return depth
}

// concentrationAt is where the logarithm of θ₀ is among the free parameters.
const concentrationAt = links

// memory is the parameters.
type memory struct {
	*tree
	config MemoizerConfig
	d      *discounts
	chain  *chain   // the discounts themselves
	seats  *seating // nil for ukn
	seed   uint64
	wait   int // symbols of the present batch
	path   []table
	room
}

// batch is how many symbols share a step of the discounts.
const batch = 32

// memoizer is a place in a memory.
type memoizer struct {
	*memory
	pen
	fork bool
}

func (p *memoizer) Alphabet() int { return p.a }

func (p *memoizer) Reset() { p.lift(p.tree) }

func (p *memoizer) Fork() predictors.Predictor {
	return &memoizer{memory: p.memory, pen: pen{place: p.place}, fork: true}
}

func (p *memoizer) Observe(x symbol) { p.move(p.tree, x) }

// A table says what one restaurant on the path does to the probability of one
// symbol: p = (c − d t)/(N + θ) + (d T + θ)/(N + θ) p'.
type table struct {
	c, t, n, tables float64
	low, high       int // lengths of the contexts u' and u
	d, theta        float64
	p               float64 // outcome
	node            uint32
}

func (s *table) own() float64  { return (s.c - s.d*s.t) / (s.n + s.theta) }
func (s *table) back() float64 { return (s.d*s.tables + s.theta) / (s.n + s.theta) }

// restaurant fills in what of a table does not depend on the symbol, for the
// context of that length at or above u.
func (m *memory) restaurant(u uint32, length int) (s table) {
	z := &m.nodes[u]
	s.node, s.low, s.high = u, m.above(z), length
	s.d = m.chain.between(s.low, length)
	s.theta = m.theta(length)
	switch {
	case length < int(z.length) && m.seats == nil:
		s.n, s.tables = float64(z.kinds), float64(z.kinds)
	case length < int(z.length):
		s.n, s.tables = m.seats.within(m, u, s.low, length)
	case m.seats == nil:
		s.n, s.tables = float64(z.total), float64(z.kinds)
	default:
		s.n, s.tables = float64(z.total), float64(m.seats.tables(u))
	}
	return s
}

// dish fills in what depends on the symbol.
func (m *memory) dish(s *table, x symbol) {
	z := &m.nodes[s.node]
	c := m.counted(s.node, uint32(x))
	s.c, s.t = float64(c), float64(min(c, 1))
	switch {
	case s.high < int(z.length) && m.seats == nil:
		s.c = s.t
	case c > 1 && s.high < int(z.length):
		s.c, s.t = m.seats.part(m, s.node, m.find(s.node, uint32(x)), s.low, s.high)
	case c > 1 && m.seats != nil:
		s.t = float64(m.seats.of[m.find(s.node, uint32(x))].tables)
	}
}

func (m *memory) theta(length int) float64 {
	if m.config.Concentration == 0 {
		return 0
	}
	return math.Exp(m.d.free[concentrationAt] + m.chain.sum(length))
}

// vanishing is the share of the uniform distribution in every prediction: down
// a path of a thousand contexts, as in a run of zeros, a symbol that was never
// next would otherwise get the product of a thousand small shares, 0 in
// floating point. It costs 1.4e-6 bits a symbol.
const vanishing = 1e-6

func (t *tree) floor(prob float64) float64 {
	return (1-vanishing)*prob + vanishing/float64(t.a)
}

// Prob goes from the longest context to the shortest.
func (p *memoizer) Prob(x symbol) float64 {
	prob, weight := 0.0, 1.0
	for u, length := p.node, p.length; ; length = int(p.nodes[u].length) {
		if s := p.restaurant(u, length); s.n > 0 {
			p.dish(&s, x)
			prob += weight * s.own()
			weight *= s.back()
		}
		if u == 0 {
			return p.floor(prob + weight/float64(p.a))
		}
		u = p.nodes[u].parent
	}
}

// Predict does the same for all symbols at once.
func (p *memoizer) Predict(probs []float64) {
	clear(probs)
	weight := 1.0
	for u, length := p.node, p.length; ; length = int(p.nodes[u].length) {
		if s := p.restaurant(u, length); s.n > 0 {
			p.serve(probs, &s, weight)
			weight *= s.back()
		}
		if u == 0 {
			break
		}
		u = p.nodes[u].parent
	}
	for x := range probs {
		probs[x] = p.floor(probs[x] + weight/float64(p.a))
	}
}

// serve adds the restaurant's own share of every symbol.
func (p *memoizer) serve(probs []float64, s *table, weight float64) {
	z := &p.nodes[s.node]
	one := weight * (1 - s.d) / (s.n + s.theta) // a single customer
	if z.first == 0 {
		probs[p.text[z.end]] += one
		return
	}
	within := s.high < int(z.length)
	for e := z.first; e != 0; e = p.entries[e].next {
		r := &p.entries[e]
		switch {
		case r.count == 1 || within && p.seats == nil:
			probs[r.symbol] += one
			continue
		case p.seats == nil:
			s.c, s.t = float64(r.count), 1
		case within:
			s.c, s.t = p.seats.part(p.memory, s.node, e, s.low, s.high)
		default:
			s.c, s.t = float64(r.count), float64(p.seats.of[e].tables)
		}
		probs[r.symbol] += weight * s.own()
	}
}

// State is the place.
func (p *memoizer) State(b []byte) []byte { return p.place.state(b) }

func (p place) state(b []byte) []byte {
	l := uint32(p.length)
	return append(b, byte(p.node), byte(p.node>>8), byte(p.node>>16), byte(p.node>>24),
		byte(l), byte(l>>8), byte(l>>16), byte(l>>24))
}

// trace prices x along the path, shortest context first, and returns its
// probability.
func (m *memory) trace(at place, x symbol) float64 {
	m.path = m.path[:0]
	for u, length := at.node, at.length; ; length = int(m.nodes[u].length) {
		if s := m.restaurant(u, length); s.n > 0 {
			m.dish(&s, x)
			m.path = append(m.path, s)
		}
		if u == 0 {
			break
		}
		u = m.nodes[u].parent
	}
	prob := 1 / float64(m.a)
	for i := len(m.path) - 1; i >= 0; i-- {
		s := &m.path[i]
		prob = s.own() + s.back()*prob
		s.p = prob
	}
	return m.floor(prob)
}

// slope adds the gradient of log p of the traced symbol by the free parameters.
func (m *memory) slope() {
	if len(m.path) == 0 {
		return
	}
	g := (1 - vanishing) / m.floor(m.path[0].p) // ∂ log p/∂p of the context at hand
	for i := range m.path {
		s := &m.path[i]
		shorter := 1 / float64(m.a)
		if i+1 < len(m.path) {
			shorter = m.path[i+1].p
		}
		byD := g * (s.tables*shorter - s.t) / (s.n + s.theta)
		byTheta := g * (shorter - s.p) / (s.n + s.theta) * s.theta
		m.chain.pull(s.high, byD*s.d+byTheta)
		m.chain.pull(s.low, -byD*s.d)
		m.d.grad[concentrationAt] += byTheta
		g *= s.back()
	}
}

// climb takes a step of the discounts once a batch is full.
func (m *memory) climb() {
	m.slope()
	if m.wait++; m.wait == batch {
		m.wait = 0
		m.d.step(m.config.Rate)
	}
}

// Learn moves the discounts, makes the context a node and seats x there.
func (p *memoizer) Learn(x symbol) {
	if p.fork {
		panic("sequence-memoizer: a fork does not learn")
	}
	p.work += p.height() * perContext
	if p.budget > 0 && !p.has(p.used()) {
		p.Observe(x)
		return
	}
	if p.config.Rate > 0 {
		p.work += p.height() * 2 * perShare
		p.trace(p.place, x)
		p.climb()
	}
	p.begin(p.tree)
	var u, split, lower uint32
	if p.seats == nil {
		u, _, _ = p.insert(p.tree)
		p.text = append(p.text, x)
		p.tally(u, x)
	} else {
		low, length := p.above(&p.nodes[p.node]), p.length
		u, split, lower = p.insert(p.tree)
		p.text = append(p.text, x)
		if split != 0 {
			p.seats.fragment(p.memory, lower, split, low, length)
		}
		p.seats.arrive(p.memory, u, x)
	}
	p.write(p.tree, x)
}

// Tune climbs the gradient of the validation part's log-probability with the
// counts as they are.
func (p *memoizer) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	m := p.memory
	return ascend(ctx, m.d, func() {}, m.tree, d.Valid, m.config.Tune, report, func(at place, x symbol) float64 {
		prob := m.trace(at, x)
		m.slope()
		return prob
	})
}

// tuned is how many validation symbols are gone through at most.
const tuned = 50_000

// ascend takes one step for each of rounds walks over docs and keeps the best
// parameters met. price returns a symbol's probability and adds its gradient;
// settle is called when the parameters have changed.
func ascend(ctx context.Context, d *discounts, settle func(), t *tree, docs [][]symbol, rounds int,
	report func(predictors.Progress), price func(place, symbol) float64) error {
	total := 0
	for _, doc := range docs {
		total += len(doc)
	}
	if total = min(total, tuned); total == 0 || rounds == 0 {
		return ctx.Err()
	}
	d.adam.clear(len(d.free))
	clear(d.grad)
	best, kept := math.Inf(-1), append([]float64(nil), d.free...)
	for round := 0; round <= rounds; round++ {
		gain, err := wander(ctx, t, docs, total, price)
		if err != nil { // the best so far
			copy(d.free, kept)
			d.settle()
			settle()
			return err
		}
		if gain > best {
			best = gain
			copy(kept, d.free)
		}
		report(predictors.Progress{Stage: "tune", Done: int64(round), Total: int64(rounds)})
		d.gather()
		for i := range d.grad {
			d.grad[i] /= float64(total)
		}
		// Long steps first: the rate falls to nothing in a straight line.
		d.step(0.2 * (1 - float64(round)/float64(rounds+1)))
		settle()
	}
	copy(d.free, kept)
	d.adam.clear(len(d.free))
	d.settle()
	return nil
}

func wander(ctx context.Context, t *tree, docs [][]symbol, total int, price func(place, symbol) float64) (gain float64, err error) {
	n := 0
	for _, doc := range docs {
		at := place{}
		for _, x := range doc[:min(len(doc), total-n)] {
			gain += math.Log(price(at, x))
			at = t.observe(at, x)
			if n++; n%4096 == 0 && ctx.Err() != nil {
				return 0, ctx.Err()
			}
		}
	}
	return gain, nil
}

// Bytes counts the tree, the seating and the discounts.
func (m *memory) Bytes() int64 {
	n := m.tree.bytes() + m.d.bytes()
	if m.seats != nil {
		n += m.seats.bytes()
	}
	return n
}

// Describe names δ_l d_l, ρ decay and θ₀ concentration.
func (m *memory) Describe() map[string]float64 {
	out := map[string]float64{"symbols": float64(len(m.text)), "contexts": float64(len(m.nodes)),
		"counts": float64(len(m.entries) - 1)}
	m.chain.describe(out, "")
	if m.config.Concentration > 0 {
		out["concentration"] = math.Exp(m.d.free[concentrationAt])
	}
	return out
}

// WriteTo writes the text, from which ReadFrom rebuilds the tree, the
// discounts and who sits where.
func (m *memory) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them.
func (m *memory) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *memory) fields(a *predictors.Archive) {
	if m.savedDepth(a); a.Err() != nil {
		return
	}
	m.tree.save(a)
	m.d.save(a)
	m.d.saveBatch(a, &m.wait)
	if m.seats != nil {
		m.seats.save(a)
		if a.Reading() && a.Err() != nil {
			m.tree.clear()
			m.seats.clear()
		}
	}
}
