// Package ppmd holds prediction by partial matching with information
// inheritance.
package ppmd

import (
	"encoding/binary"
	"fmt"
	"math"

	"horizon/predictors"
)

// PPMII of Shkarin 2002 ("PPM: one step to practicality", Data Compression
// Conference, pp. 202-211) with the constants of his program PPMd, variant H
// (2001), which 7-Zip runs (C/Ppmd7.c): our code lengths are its within a few
// bytes a file. With c the longest context there is, f(x) the frequency of x in
// it, e that of its escape,
//
//	P(x) = f(x)/(Σ f + e)  if c has seen x,  otherwise  e/(Σ f + e) · P'(x)
//
// where P' is the same for c without its oldest symbol, the symbols of c left
// out of f, Σ and the count (exclusion). What makes it PPMII:
//
//   - a context that has seen one symbol (a binary context) takes its P(x) from
//     an adaptive table by its kind (binaryKind);
//   - after an escape, e is an adaptive mean over contexts of its kind
//     (secondary escape estimation; escapeKind); before one, it is kept with
//     the context;
//   - a context is made when its string comes the second time, and what is new
//     in a context inherits its frequency: it starts at what the shorter
//     context that predicted it makes likely (inherit, enter);
//   - x counts in the context that predicted it and, half as much, in the next
//     shorter (update exclusion, in part; count, share), and frequencies are
//     halved where one exceeds a limit (rescale).
//
// The empty context has seen every symbol once to begin with.
//
// Departures. A context that has seen the whole alphabet has no escape: its
// share would be lost (PPMd keeps it for the end of the file). Estimates are
// those before the symbol, though one table entry be used for two escapes on
// its way. Sums of escapes do not wrap at 2¹⁶. Alphabets may have up to 2¹⁶
// symbols: the limit of frequencies is 124·⌈A/256⌉, and where PPMd looks
// whether a symbol is at least 64 we look at 4x ≥ A. When the model outgrows
// its memory it is cleared after the symbol, and memory is what our structures
// use of it (PPMd's take three quarters; slices grow by a quarter ahead). A document begins in the empty
// context.
//
// Without learning, the context after a symbol is the longest suffix of the
// past that is one. PPMd makes a context at the second coming of its string; a
// string that has come once is followed here without being made: it has seen
// the symbol that came then, with the frequency it would inherit (ghost).
//
// Learn and Prob take time in proportion to the states of the contexts walked,
// Predict O(A) more. Space is 16 bytes a context, 8 a
// state beyond the first and 2 a symbol of text.

// A Config configures the kind "ppmd".
type Config struct {
	// Order is the length of the longest context, 2 to 64.
	Order int `toml:"order"`
	// Memory is how many bytes the contexts may take before the model starts
	// anew, 2¹⁶ + 16 a symbol of the alphabet to 2³⁴.
	Memory int64 `toml:"memory"`
	// MixOrder is D ≥ 1 to mix PPMII's estimates with direct ones by the last
	// 0 to D symbols, at most 16 (see mix.go); 0 is PPMII alone.
	MixOrder int `toml:"mix_order"`
	// MixMemory is the bytes of the table of direct estimates, rounded down to
	// a power of two, 2¹⁶ to 2³⁴; it matters with a MixOrder only.
	MixMemory int64 `toml:"mix_memory"`
}

// Default is 7-Zip's PPMd of order 6 in 1 GiB, not mixed.
func Default() predictors.Config { return &Config{Order: 6, Memory: 1 << 30, MixMemory: 1 << 26} }

// Tiny is order 3.
func Tiny() predictors.Config { return &Config{Order: 3, Memory: 1 << 22, MixMemory: 1 << 20} }

const maxOrder = 64

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *Config) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("ppmd", env.Alphabet); err != nil {
		return nil, err
	}
	if c.Order < 2 || c.Order > maxOrder {
		return nil, fmt.Errorf("ppmd: order = %d, want 2 to %d", c.Order, maxOrder)
	}
	least := 1<<16 + 16*int64(env.Alphabet)
	if c.Memory < least || c.Memory > 1<<34 {
		return nil, fmt.Errorf("ppmd: memory = %d, want %d to %d bytes for %d symbols", c.Memory, least, int64(1)<<34, env.Alphabet)
	}
	if c.MixOrder < 0 || c.MixOrder > maxMixOrder {
		return nil, fmt.Errorf("ppmd: mix_order = %d, want 0 to %d", c.MixOrder, maxMixOrder)
	}
	if c.MixOrder > 0 && (c.MixMemory < 1<<16 || c.MixMemory > 1<<34) {
		return nil, fmt.Errorf("ppmd: mix_memory = %d, want %d to %d bytes", c.MixMemory, 1<<16, int64(1)<<34)
	}
	m := &model{a: env.Alphabet, order: c.Order, memory: c.Memory}
	m.limit = 124 * uint32((m.a+255)/256)
	m.clear()
	if c.MixOrder > 0 {
		m.mixer.init(c.MixOrder, c.MixMemory, c.Order, env.Alphabet)
	}
	p := &ppmd{model: m, learner: true}
	p.Reset()
	return p, nil
}

// A model is the parameters.
type model struct {
	a, order int
	memory   int64
	limit    uint32 // of frequencies
	tree
	estimators
	mixer
	restarts uint64

	budgeted bool // stop when the memory is full
	full     bool
	work     float64 // operations of learning
}

func (m *model) clear() {
	m.tree.clear(m.a)
	m.estimators.clear(m.a)
}

// A place is the state: a context and what the codec remembers of its last
// predictions.
type place struct {
	at      uint32 // the longest context there is
	depth   int    // its length
	ghost   ghost
	run     int32  // predictions that came true, from −min(order, 12) − 1 up; below 0 or not matters
	success uint32 // 1 if the last symbol was predicted at first and likely
	last    predictors.Symbol
	past    past // kept for the mixture only
}

// start is the place of a text of no symbols.
func (m *model) start() place { return place{run: m.initialRun()} }

func (m *model) initialRun() int32 { return -int32(min(m.order, 12)) - 1 }

// ppmd is a place in a model. Only the one that New made learns.
type ppmd struct {
	*model
	place
	learner bool
	joined  bool // the text ends where the place is
	walk    walk
	touched uint32               // keeps the loads of touch from being dropped
	once    [maxOrder + 1]*state // scratch of make
	mixing
}

func (p *ppmd) Alphabet() int { return p.a }

func (p *ppmd) Reset() {
	p.place = p.start()
	p.walk.known, p.joined = false, false
}

func (p *ppmd) Fork() predictors.Predictor { return &ppmd{model: p.model, place: p.place} }

// Prob walks down to where x is found.
func (p *ppmd) Prob(x predictors.Symbol) float64 {
	if p.a == 1 {
		return 1
	}
	w := p.trace(uint32(x))
	if p.orders == 0 {
		return w.prob
	}
	return blend(w.prob, p.mixed(w))
}

// Predict walks down to a context that has every symbol, at last the root.
func (p *ppmd) Predict(probs []float64) {
	switch {
	case p.a == 1:
		probs[0] = 1
	case p.orders == 0:
		p.predict(probs)
	default:
		p.predict(probs)
		p.predictMixed(probs)
	}
}

func (p *ppmd) predict(probs []float64) {
	w := &p.walk
	w.unmask(p.a)
	mass, c, masked := 1.0, p.at, uint32(0)
	if only, kind, ok := p.binaryTop(); ok {
		probs[only] = p.likely(kind)
		w.masks[only] = w.now
		mass, c, masked = 1-probs[only], p.underBinary(), 1
	}
	for {
		mass = p.spread(probs, c, masked, mass)
		d := &p.contexts[c]
		if d.n == uint32(p.a) {
			return
		}
		c, masked = p.skip(d.suffix, d.n), d.n
	}
}

// spread gives the symbols of context c, but for those masked, their shares of
// mass, masks them and returns what is left for shorter contexts.
func (p *ppmd) spread(probs []float64, c, masked uint32, mass float64) float64 {
	w, all := &p.walk, p.of(&p.contexts[c])
	sum := w.unmasked(all)
	escape, _ := p.escape(c, masked, sum)
	total := float64(sum + escape)
	for i := range all {
		if x := all[i].symbol(); w.masks[x] != w.now {
			probs[x] = mass * float64(all[i].freq()) / total
		}
	}
	w.mask(all)
	return mass * float64(escape) / total
}

// Observe goes on to the longest suffix of the past that is a context, or
// that would be one at its second coming.
func (p *ppmd) Observe(x predictors.Symbol) {
	p.joined = false
	if p.a == 1 {
		return
	}
	w := p.trace(uint32(x))
	w.known = false
	p.recall(w)
	p.move(w)
}

// recall notes what later estimates depend on: whether the prediction came
// true and the symbol.
func (p *ppmd) recall(w *walk) {
	switch {
	case len(w.passed) > 0:
		p.success, p.run = 0, p.initialRun()
	case w.found.means == byKind:
		p.success, p.run = 1, min(p.run+1, 0)
	default:
		p.success = 0
		d := &p.contexts[w.found.context]
		if w.rank == 0 && 2*p.of(d)[0].freq() > d.total() {
			p.success, p.run = 1, min(p.run+1, 0)
		}
	}
	p.last = predictors.Symbol(w.x)
	if p.orders > 0 {
		p.past.push(w.x)
	}
}

// Learn does to the model what coding x does to PPMd's.
func (p *ppmd) Learn(x predictors.Symbol) {
	if !p.learner {
		panic("ppmd: a fork does not learn")
	}
	if p.a == 1 {
		return
	}
	if p.full {
		p.Observe(x)
		return
	}
	p.join()
	p.learn(p.trace(uint32(x)))
}

// ScoreLearning is −log₂ Prob and Learn of each symbol, without what lies
// between them. The logarithms are taken together: so many are under way at
// once.
func (p *ppmd) ScoreLearning(bits []float64, _ []predictors.Symbol, xs []predictors.Symbol) {
	const block = 512
	for len(xs) > 0 {
		n := min(block, len(xs))
		for i, x := range xs[:n] {
			bits[i] = p.Prob(x)
			if p.joined && !p.full {
				p.learn(&p.walk)
			} else { // at a start
				p.Learn(x)
			}
		}
		for i, v := range bits[:n] {
			bits[i] = -math.Log2(v)
		}
		bits, xs = bits[n:], xs[n:]
	}
}

// learn learns the symbol of w.
func (p *ppmd) learn(w *walk) {
	w.known = false
	p.work += p.looked(w)
	if p.orders > 0 {
		p.mixed(w)
		p.learnMix(w.x)
		p.work += 4 * float64(p.orders)
	}
	p.recall(w)
	p.update(w)
	if p.budgeted {
		p.full = p.used()+p.slack() > p.memory || len(p.text) == raw-1
		return
	}
	if p.used() > p.memory || len(p.text) == raw-1 {
		p.restart()
	}
}

// restart clears what PPMII has learned; the mixture's estimates stay.
func (p *ppmd) restart() {
	p.clear()
	p.restarts++
	h := p.past
	p.place, p.joined = p.start(), false
	p.past = h
}

// A ghost is a context longer than any that is made: its string has come once,
// and with it the symbol at text.
type ghost struct {
	text  uint32 // 0 is none
	depth int
	freq  uint32 // that the symbol would inherit
}

// suffixSymbols is how many symbols a ghost's suffix has seen, which is the
// longest context there is or a ghost too.
func (g *ghost) suffixSymbols(p *place, m *model) uint32 {
	if g.depth == p.depth+1 {
		return m.contexts[p.at].n
	}
	return 1
}

// move goes on by x to the longest suffix of the past that is a context, and
// to the ghost over it if there is one.
func (p *ppmd) move(w *walk) {
	c, x, g := w.found.context, w.x, ghost{}
	if p.ghost.text != 0 && len(w.passed) == 0 {
		g = ghost{text: p.ghost.text + 1, depth: p.ghost.depth + 1}
	}
	for i := p.at; i != c; i = p.contexts[i].suffix {
		p.depth--
	}
	for {
		s := p.find(c, x)
		if isContext(s.next) {
			p.at, p.depth = s.next, min(p.depth+1, p.order)
			break
		}
		if _, known := p.follower(s.next); known && g.text == 0 {
			g = ghost{text: s.next &^ raw, depth: p.depth + 1}
		}
		if c == root { // no context of even one symbol
			p.at, p.depth = root, 0
			break
		}
		c = p.contexts[c].suffix
		p.depth--
	}
	p.ghost = p.haunt(g)
}

// haunt completes a ghost, or says that there is none: a context is as long,
// or what came then is not known.
func (p *ppmd) haunt(g ghost) ghost {
	g.depth = min(g.depth, p.order)
	if heir := p.heir(raw|g.text, p.at); heir != nil && g.depth > p.depth {
		g.freq = p.inherit(p.at, heir)
		return g
	}
	return ghost{}
}

// State is all of the place that predictions without learning depend on.
func (p *ppmd) State(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, p.at)
	b = binary.LittleEndian.AppendUint32(b, p.ghost.text)
	b = append(b, byte(p.ghost.depth), byte(-p.run), byte(p.success)|byte(p.high(uint32(p.last)))<<1)
	for _, x := range p.past[:max(0, p.orders-1)] {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}
