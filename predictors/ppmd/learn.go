package ppmd

import (
	"slices"

	"horizon/predictors"
)

// Frequencies count an occurrence as four. This bound and its fractions are PPMd's.
const freqLimit = 124 // at which a context's frequencies are halved, for A ≤ 256

// join makes the text end where the place is: unless the last symbol of the
// text led here, raw successors at its end lead nowhere.
func (p *ppmd) join() {
	if p.joined {
		return
	}
	if !p.ended() {
		p.end()
	}
	if p.ghost.text != 0 {
		p.ghost = ghost{}
		p.walk.known = false
	}
	p.joined = true
}

// update learns the symbol of w: in the estimators that were looked at, in the
// context that has it and half in the next shorter, then in the longer ones
// that had not seen it, and goes on to the next context.
func (p *ppmd) update(w *walk) {
	p.contexts = slices.Grow(p.contexts, p.order+1) // keeps pointers to states valid
	p.touch(p.foundState(w).next)
	start := p.adapt(w)
	from, c := p.at, w.found.context
	for i := from; i != c; i = p.contexts[i].suffix {
		p.depth--
	}
	s := p.count(w)
	if p.depth == p.order && isContext(s.next) {
		p.at = s.next
		return
	}
	below := p.share(c, s)
	fresh := p.advance(c, s, below, w.x, from != c)
	if from != c {
		p.enter(from, c, s.freq(), state{next: fresh, key: w.x << 16}, start)
	}
}

// touch loads what the next walk begins with, the context next, the first of
// its states and its suffix, so that they come from memory while this symbol is
// learned. To branch on what is loaded would be to wait for it.
func (p *ppmd) touch(next uint32) {
	if next >= uint32(len(p.contexts)) {
		return
	}
	d := &p.contexts[next]
	first := d.body.next & -one(d.n != 1)
	p.touched = p.contexts[d.suffix].n + p.states[first].key
}

// adapt moves the estimators that w has looked at. It returns the frequency
// of the escape from a context that stops being binary.
func (p *ppmd) adapt(w *walk) (start uint32) {
	for _, l := range w.passed {
		if l.means == byKind {
			p.expect(w.kind, false)
			start = escapeStart[p.binary[w.kind]>>(binaryBits-4)]
		} else if l.means >= 0 {
			e := &p.escapes[l.means]
			e.visit()
			e.escaped(l.total)
		}
	}
	if l := w.found; l.means == byKind {
		p.expect(w.kind, true)
	} else if l.means >= 0 {
		e := &p.escapes[l.means]
		e.visit()
		e.settle()
	}
	return start
}

// count adds an occurrence to the state found, four to its frequency, and
// returns it where it is then.
func (p *ppmd) count(w *walk) *state {
	c := w.found.context
	d := &p.contexts[c]
	if d.n == 1 {
		d.body.setFreq(min(d.body.freq()+1, binaryFreq))
		return &d.body
	}
	all, i := p.of(d), w.rank
	d.body.key += 4
	all[i].key += 4
	if len(w.passed) == 0 && i > 0 && all[i].freq() > all[i-1].freq() {
		p.swap(c, i)
		i--
	}
	if all[i].freq() > p.limit {
		return p.rescale(c, i)
	}
	return &all[i]
}

// share adds half an occurrence of the symbol of s, a state of c, to the
// suffix of c while it is rare in c. It returns its state there if it has
// looked for it.
func (p *ppmd) share(c uint32, s *state) *state {
	if c == root || s.freq() >= freqLimit/4 {
		return nil
	}
	b := p.contexts[c].suffix
	d := &p.contexts[b]
	if d.n == 1 {
		if d.body.freq() < 32 {
			d.body.key++
		}
		return &d.body
	}
	all, i := p.of(d), p.rankIn(b, s.symbol())
	if i > 0 && all[i].freq() >= all[i-1].freq() {
		p.swap(b, i)
		i--
	}
	if all[i].freq() < p.limit-9 {
		all[i].key += 2
		d.body.key += 2
	}
	return &all[i]
}

// advance moves the place on from context c by its state s of x: to the
// context that follows, made if the string has come twice now. It returns
// what follows x in the contexts that have not seen it. fell says that there
// below is the state of x in the suffix of c, or nil.
func (p *ppmd) advance(c uint32, s, below *state, x uint32, fell bool) (fresh uint32) {
	full := p.depth == p.order
	if !full {
		p.text = append(p.text, predictors.Symbol(x))
	}
	if isContext(s.next) {
		p.at = s.next
		p.depth++
	} else {
		p.make(c, s, below, x, full)
	}
	if p.depth < p.order {
		return raw | uint32(len(p.text))
	}
	if fell {
		// x is read by nobody: the contexts that meet it have a successor.
		p.text = p.text[:len(p.text)-1]
	}
	return p.at
}

// make makes the contexts that follow x, whose state in context c is s, in c
// and in those of its suffixes where x has also come once before; if c is of
// full length, in those suffixes only. Each has seen the one symbol that came
// then, and inherits its frequency. The place moves to the longest; if none is
// to be made, or what came then is not known, to the longest there is.
//
// The states of x whose contexts are not made all point to the same place of
// the text, or above that to ends, where learning broke off.
func (p *ppmd) make(c uint32, s, below *state, x uint32, full bool) {
	once := append(p.once[:0], s)
	base := uint32(root)
	for p.depth++; c != root; {
		c = p.contexts[c].suffix
		t := below
		if below = nil; t == nil {
			t = p.find(c, x)
		}
		p.depth--
		if base = t.next; isContext(base) {
			break
		}
		once = append(once, t)
	}
	then := once[len(once)-1].next
	if !isContext(base) {
		base, p.depth = root, 0
	}
	p.at = base
	if full {
		once = once[1:]
	}
	heir := p.heir(then, base)
	switch {
	case len(once) == 0:
		s.next = base
	case heir != nil:
		only := state{next: then + 1, key: heir.symbol()<<16 | p.inherit(base, heir)}
		for i := len(once) - 1; i >= 0; i-- {
			p.contexts = append(p.contexts, context{suffix: p.at, n: 1, body: only})
			p.at = uint32(len(p.contexts) - 1)
			p.depth++
			once[i].next = p.at
		}
		s.next = p.at
	default:
		if full {
			p.text = append(p.text, predictors.Symbol(x))
			s.next = raw | uint32(len(p.text))
		}
		for _, t := range once {
			t.next = raw | uint32(len(p.text))
		}
	}
}

// heir is the state in context b of the symbol at a raw successor, or nil if
// none came.
func (t *tree) heir(next, b uint32) *state {
	if y, known := t.follower(next); known {
		return t.find(b, y)
	}
	return nil
}

// inherit is the frequency with which the symbol of s starts as the only one
// of a context whose suffix is b: about its odds in b, where s is its state.
func (m *model) inherit(b uint32, s *state) uint32 {
	d := &m.contexts[b]
	if d.n == 1 {
		return s.freq()
	}
	f := s.freq() - 1
	rest := d.total() - d.n - f
	switch {
	case 2*f > rest:
		return min(1+(2*f+3*rest-1)/(2*rest), binaryFreq)
	case 5*f > rest:
		return 2
	default:
		return 1
	}
}

// enter adds the state s, without its frequency, to the contexts from one down
// to before c, where the symbol was found with frequency f. It starts with
// the frequency that gives it about the odds it has in c.
func (p *ppmd) enter(from, c, f uint32, s state, start uint32) {
	n := p.contexts[c].n
	rest := p.contexts[c].total() - n - (f - 1)
	for b := from; b != c; b = p.contexts[b].suffix {
		d := &p.contexts[b]
		total := d.widen(n, start)
		freq := firstFreq(2*uint64(total+6)*uint64(f), uint64(rest)+uint64(total))
		all := p.grow(d)
		all[len(all)-1] = state{next: s.next, key: s.key | freq}
		d.body.key = total + max(freq, 3) // what freq is below 3 is the escape's
	}
}

// widen prepares d for one more symbol, when the context that knew it has n,
// and returns its total: a binary context changes its scale and gets the
// escape frequency start; the escape grows where the other has seen far more.
func (d *context) widen(n, start uint32) uint32 {
	if d.n == 1 {
		f := d.body.freq()
		if f < freqLimit/4-1 {
			f *= 2
		} else {
			f = freqLimit - 4
		}
		d.body.setFreq(f)
		return f + start + one(n > 3)
	}
	total := d.total()
	return total + one(2*d.n < n) + 2*one(4*d.n <= n && total <= 8*d.n)
}

// firstFreq is about a/b, which are 2(total + 6) times the odds of the symbol
// where it is known, between 1 and 7.
func firstFreq(a, b uint64) uint32 {
	if a < 6*b {
		return 1 + one(a > b) + one(a >= 4*b)
	}
	return 4 + one(a >= 9*b) + one(a >= 12*b) + one(a >= 15*b)
}

func one(yes bool) uint32 {
	if yes {
		return 1
	}
	return 0
}

// rescale halves the frequencies of context c, whose state i has passed the
// limit, and sorts them. In contexts of full length symbols may be forgotten,
// for no longer context relies on them. It returns where the state is then.
func (p *ppmd) rescale(c, i uint32) *state {
	d := &p.contexts[c]
	all := p.of(d)
	up := uint32(1)
	if p.depth == p.order {
		up = 0
	}
	escape := d.total()
	for j := range all {
		escape -= all[j].freq()
	}
	found := all[i]
	copy(all[1:i+1], all[:i])
	found.setFreq((found.freq() + 4 + up) / 2)
	all[0] = found
	sum := found.freq()
	for j := 1; j < len(all); j++ {
		s := all[j]
		s.setFreq((s.freq() + up) / 2)
		sum += s.freq()
		k := j
		for ; k > 0 && s.freq() > all[k-1].freq(); k-- {
			all[k] = all[k-1]
		}
		all[k] = s
	}
	if c == root {
		for j := range all {
			p.rank[all[j].symbol()] = uint32(j)
		}
	}
	left := d.n
	for ; all[left-1].freq() == 0; left-- {
		escape++
	}
	if left == 1 {
		p.collapse(d, escape)
		return &d.body
	}
	p.shrink(d, left)
	d.body.key = sum + escape - escape/2
	return &p.of(d)[0]
}

// collapse makes d, of whose symbols only the first is left, a binary context.
func (p *ppmd) collapse(d *context, escape uint32) {
	at, class := d.body.next, classOf(d.n)
	d.body = p.states[at]
	f := d.body.freq()
	for again := true; again; again = escape > 1 {
		escape /= 2
		f = (f + 1) / 2
	}
	d.body.setFreq(f)
	d.n = 1
	p.release(at, class)
}
