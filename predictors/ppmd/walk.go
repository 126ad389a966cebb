package ppmd

// A walk says how a symbol is coded at a place: passed by contexts that have
// not seen it, found in one that has.
type walk struct {
	known    bool // whether it is that of x at the present place
	x        uint32
	prob     float64
	mixed    float64 // P_mix, once answered
	answered bool

	passed []look // the contexts escaped from, longest first
	found  look
	rank   uint32 // of x among the states of the context found
	kind   uint32 // of the binary context the walk starts in
	only   uint32 // its symbol

	masks []uint32 // now for symbols that contexts passed have seen
	now   uint32
}

// A look is at one context.
type look struct {
	context uint32
	means   means
	total   uint32 // of the frequencies not ruled out and the escape's
}

// means says what estimates the escape at a look: the table of binary
// contexts, the context itself, or from 0 on an entry of escapes.
type means int32

const (
	byKind    means = -1
	byContext means = -2
)

// unmask begins a walk.
func (w *walk) unmask(a int) {
	if w.now++; w.masks == nil || w.now == 0 {
		w.masks, w.now = make([]uint32, a), 1
	}
}

func (w *walk) mask(all []state) {
	masks, now := w.masks, w.now
	for i := range all {
		masks[all[i].symbol()] = now
	}
}

// trace finds out how x is coded, unless it is known.
func (p *ppmd) trace(x uint32) *walk {
	w := &p.walk
	if w.known && w.x == x {
		return w
	}
	w.known, w.answered, w.x, w.prob, w.rank, w.passed = true, false, x, 1, 0, w.passed[:0]
	c, masked := p.at, uint32(0)
	if only, kind, ok := p.binaryTop(); ok {
		l, pr := look{context: c, means: byKind}, p.likely(kind)
		w.only, w.kind = only, kind
		if only == x {
			w.prob, w.found = pr, l
			return w
		}
		w.prob, w.passed = 1-pr, append(w.passed, l)
		w.unmask(p.a)
		w.masks[only] = w.now
		c, masked = p.underBinary(), 1
	} else if c != root {
		if p.lookFirst(w, c) {
			return w
		}
		d := &p.contexts[c]
		w.unmask(p.a)
		w.mask(p.of(d))
		c, masked = p.skip(d.suffix, d.n), d.n
	}
	for c != root {
		if p.lookNext(w, c, masked) {
			return w
		}
		d := &p.contexts[c]
		c, masked = p.skip(d.suffix, d.n), d.n
	}
	l := look{root, byContext, p.leftAtRoot(w, masked)}
	w.take(l, p.of(&p.contexts[root]), p.rank[x])
	return w
}

// binaryTop returns the symbol and the kind of the binary context that a walk
// starts in, if it does.
func (p *ppmd) binaryTop() (only, kind uint32, ok bool) {
	if p.ghost.text != 0 {
		only = uint32(p.text[p.ghost.text])
		return only, p.binaryKind(p.model, p.ghost.freq, only, p.ghost.suffixSymbols(&p.place, p.model)), true
	}
	c := &p.contexts[p.at]
	if c.n > 1 {
		return 0, 0, false
	}
	only = c.body.symbol()
	return only, p.binaryKind(p.model, c.body.freq(), only, p.contexts[c.suffix].n), true
}

// likely is the estimate that a binary context's symbol comes.
func (p *ppmd) likely(kind uint32) float64 {
	return float64(p.binary[kind]) / (1 << binaryBits)
}

// underBinary is the context to escape to from the binary one on top.
func (p *ppmd) underBinary() uint32 {
	if p.ghost.text != 0 {
		return p.skip(p.at, 1)
	}
	return p.skip(p.contexts[p.at].suffix, 1)
}

// skip goes to the first context from c on that has seen more than the symbols
// masked, which c has seen all.
func (m *model) skip(c, masked uint32) uint32 {
	for m.contexts[c].n == masked {
		c = m.contexts[c].suffix
	}
	return c
}

// lookFirst looks for the walk's symbol in context c, of several symbols, none
// of which is ruled out.
func (p *ppmd) lookFirst(w *walk, c uint32) bool {
	d := &p.contexts[c]
	all, sum := p.of(d), uint32(0)
	l := look{c, byContext, d.total()} // its escape is in it
	if d.n == uint32(p.a) {
		l.total = sumOf(all)
	}
	for i := range all {
		if all[i].symbol() == w.x {
			w.take(l, all, uint32(i))
			return true
		}
		sum += all[i].freq()
	}
	w.pass(l, l.total-sum)
	return false
}

// lookNext looks for it in a context where masked symbols are ruled out, and
// rules out the others.
func (p *ppmd) lookNext(w *walk, c, masked uint32) bool {
	d := &p.contexts[c]
	all := p.of(d)
	escape, by := p.escape(c, masked, 0)
	sum, rank := w.left(all)
	l := look{c, by, sum + escape}
	if rank < uint32(len(all)) {
		w.take(l, all, rank)
		return true
	}
	w.pass(l, escape)
	return false
}

// pass goes on from a look by the escape.
func (w *walk) pass(l look, escape uint32) {
	w.prob = w.prob * float64(escape) / float64(l.total)
	w.passed = append(w.passed, l)
}

// take ends the walk at a state.
func (w *walk) take(l look, all []state, rank uint32) {
	w.found, w.rank = l, rank
	w.prob = w.prob * float64(all[rank].freq()) / float64(l.total)
}

// foundState is the state that w has found.
func (p *ppmd) foundState(w *walk) *state {
	d := &p.contexts[w.found.context]
	if d.n == 1 {
		return &d.body
	}
	return &p.states[d.body.next+w.rank]
}

// escape is the frequency of the escape from a context of several symbols,
// masked of which are ruled out; sum is that of the frequencies of the others.
func (p *ppmd) escape(c, masked, sum uint32) (freq uint32, by means) {
	d := &p.contexts[c]
	switch {
	case d.n == uint32(p.a):
		return 0, byContext
	case masked == 0:
		return d.total() - sum, byContext
	default:
		k := p.escapeKind(p.model, d, masked)
		return p.escapes[k].freq(), means(k)
	}
}

func sumOf(all []state) uint32 {
	sum := uint32(0)
	for i := range all {
		sum += all[i].freq()
	}
	return sum
}

// unmasked sums the frequencies of the states not masked.
func (w *walk) unmasked(all []state) (sum uint32) {
	for i := range all {
		if w.masks[all[i].symbol()] != w.now {
			sum += all[i].freq()
		}
	}
	return sum
}

// left sums the frequencies of the states not masked, masks them and finds the
// walk's symbol. Which are masked is hard to foretell, so nothing branches on it.
func (w *walk) left(all []state) (sum, rank uint32) {
	rank = uint32(len(all))
	masks, now, x := w.masks, w.now, w.x
	for i := range all {
		y := all[i].symbol()
		if y == x {
			rank = uint32(i)
		}
		sum += all[i].freq() & -one(masks[y] != now)
		masks[y] = now
	}
	return sum, rank
}

// leftAtRoot does so in the root by way of the last context passed, which may
// be much smaller.
func (p *ppmd) leftAtRoot(w *walk, masked uint32) uint32 {
	sum := p.contexts[root].total() - 1
	if masked == 0 {
		return sum
	}
	last := w.passed[len(w.passed)-1]
	if last.means == byKind {
		return sum - p.states[p.rank[w.only]].freq()
	}
	for _, s := range p.of(&p.contexts[last.context]) {
		sum -= p.states[p.rank[s.symbol()]].freq()
	}
	return sum
}
