package markov

import (
	"fmt"
	"io"

	"horizon/predictors"
)

// PPM* (Cleary & Teahan 1997, "Unbounded length contexts for PPM"): PPM whose
// contexts are all strings that have occurred, of any length. One predicts
// from the shortest context that was always followed by the same symbol (the
// shortest deterministic one), if there is one, else from the longest that has
// occurred before, and escapes down from there by one of the methods of
// escapeRules, with exclusion and update exclusion as in ppm.go.
//
// Strings that have the same ends of occurrences have the same successors with
// the same counts, so they can share them: the classes of such strings are the
// states of the suffix automaton (Blumer et al. 1985), at most two for each
// symbol learned, with at most three successors for each symbol altogether.
// The link of a state leads to the next shorter context with other successors,
// and its transitions are its successors, which now carry counts. When an
// occurrence tells the strings of a class apart, the class is split and its
// counts are copied. Without update exclusion that changes nothing. With it a
// symbol is counted in the class that codes it and in those of longer contexts:
// a class is one context, also where only its longest string was looked up.
//
// Departures. Where every symbol left has been seen there is no escape, as in
// ppm.go. Learning after merely observing goes on from the longest suffix of
// the past that is the longest string of its class, so that no class need be
// split for what was not learned.
//
// Learn and Prob walk the links from the longest context to the one that
// codes: few on text, but as many as a run is long in a run of one symbol, so
// that n equal symbols take O(n²). Predict is O(A + successors of the contexts)
// more. Space is 32 bytes a state and 12 to 24 bytes a successor beyond each
// state's first: on English 65 bytes a symbol.

// A PPMStarConfig configures the kind "ppm-star".
type PPMStarConfig struct {
	// Escape names the escape probabilities: "A", "C", "D", "PUB", "P5B" or
	// "free" for Alpha and Beta (see PPMConfig).
	Escape string  `toml:"escape"`
	Alpha  float64 `toml:"alpha"`
	Beta   float64 `toml:"beta"`
	// Exclusion is "full", "counts", "none" or "blend" (see PPMConfig).
	Exclusion string `toml:"exclusion"`
	// UpdateExclusion counts a symbol in no context shorter than the one it
	// was coded in.
	UpdateExclusion bool `toml:"update_exclusion"`
	// Start is "deterministic" for the shortest context that one symbol
	// always followed, if there is one, or "longest".
	Start string `toml:"start"`
}

// DefaultPPMStar is as published.
func DefaultPPMStar() predictors.Config {
	return &PPMStarConfig{Escape: "C", Exclusion: "full", UpdateExclusion: true, Start: "deterministic"}
}

// TinyPPMStar is as published: there is nothing to make small.
func TinyPPMStar() predictors.Config { return DefaultPPMStar() }

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *PPMStarConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("ppm-star", env.Alphabet); err != nil {
		return nil, err
	}
	rule, err := newEscapeRule("ppm-star", c.Escape, c.Alpha, c.Beta, env.Alphabet)
	if err != nil {
		return nil, err
	}
	exclusion, err := newExclusion("ppm-star", c.Exclusion)
	if err != nil {
		return nil, err
	}
	deterministic, err := newStart("ppm-star", c.Start)
	if err != nil {
		return nil, err
	}
	p := &ppmStar{automaton: new(automaton), update: c.UpdateExclusion, learner: true}
	p.automaton.clear()
	p.ppmWalk = ppmWalk{contexts: &p.automaton.contexts, a: env.Alphabet, rule: rule, exclusion: exclusion, deterministic: deterministic}
	return p, nil
}

// ppmStar is a place in an automaton. Only the one that was made by New
// learns.
type ppmStar struct {
	ppmWalk
	automaton *automaton
	update    bool
	learner   bool
	matched   uint32 // the length of the context, in the class at
}

func (p *ppmStar) Reset() { p.at, p.matched = 0, 0 }

func (p *ppmStar) Fork() predictors.Predictor {
	f := *p
	f.seen, f.learner = nil, false
	return &f
}

// Observe goes on to the class of the longest suffix of the past that has
// occurred.
func (p *ppmStar) Observe(x predictors.Symbol) {
	for c := p.at; ; {
		if y := p.find(c, uint32(x)); y != nil {
			p.at, p.matched = y.next, p.matched+1
			return
		}
		if c == 0 {
			p.at, p.matched = 0, 0
			return
		}
		c = p.list[c].suffix
		p.matched = p.automaton.length[c]
	}
}

// Learn counts x in the contexts from the longest down.
func (p *ppmStar) Learn(x predictors.Symbol) {
	if !p.learner {
		panic("ppm-star: a fork does not learn")
	}
	if p.matched < p.automaton.length[p.at] {
		p.at = p.list[p.at].suffix
	}
	p.count(x, p.update)
	p.at = p.automaton.extend(p.at, uint32(x))
	p.matched = p.automaton.length[p.at]
}

// An automaton is a suffix automaton whose transitions count.
type automaton struct {
	contexts          // a context is a class; suffix is its link
	length   []uint32 // of the longest string of each class
}

func (m *automaton) clear() {
	m.contexts.clear()
	m.length = make([]uint32, 1)
}

// extend appends x to the learned text that ends with the longest string of
// c, and returns the class of what it ends with now. Contexts to which x is
// new count it once.
func (m *automaton) extend(c, x uint32) uint32 {
	if y := m.find(c, x); y != nil { // at the beginning of a text after the first
		return m.exactly(c, x, y.next)
	}
	last := m.state(0, m.length[c]+1)
	for {
		m.add(c, successor{next: last, count: 1, symbol: uint16(x)})
		if c == 0 {
			return last
		}
		c = m.list[c].suffix
		if y := m.find(c, x); y != nil {
			m.list[last].suffix = m.exactly(c, x, y.next)
			return last
		}
	}
}

func (m *automaton) state(suffix, length uint32) uint32 {
	m.length = append(m.length, length)
	return m.grow(suffix)
}

// exactly returns the class whose longest string is that of c and then x. It
// is q, where these lead, or else the part of q up to that length, which is
// now told apart from the rest.
func (m *automaton) exactly(c, x, q uint32) uint32 {
	length := m.length[c] + 1
	if m.length[q] == length {
		return q
	}
	part := m.state(m.list[q].suffix, length)
	for i := range m.list[q].n {
		m.add(part, m.of(q)[i])
	}
	m.list[q].suffix = part
	for {
		y := m.find(c, x)
		if y == nil || y.next != q {
			return part
		}
		y.next = part
		if c == 0 {
			return part
		}
		c = m.list[c].suffix
	}
}

// Bytes counts classes, successors and the index.
func (p *ppmStar) Bytes() int64 { return p.contexts.Bytes() + int64(cap(p.automaton.length))*4 }

// Describe counts classes and their successors.
func (p *ppmStar) Describe() map[string]float64 {
	return map[string]float64{"contexts": float64(len(p.list)), "successors": float64(p.successors())}
}

// WriteTo writes the automaton, class by class.
func (p *ppmStar) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, p.automaton.fields)
}

// ReadFrom replaces the automaton.
func (p *ppmStar) ReadFrom(r io.Reader) (int64, error) {
	return predictors.ReadArchive(r, func(a *predictors.Archive) {
		p.automaton.fields(a)
		if a.Err() == nil {
			if err := p.automaton.check(p.a); err != nil {
				p.automaton.clear()
				a.Fail(err)
			}
		}
	})
}

func (m *automaton) fields(a *predictors.Archive) {
	var fan, suffix, next, count []uint32
	var symbol []uint16
	if !a.Reading() {
		for c := range m.list {
			fan, suffix = append(fan, m.list[c].n), append(suffix, m.list[c].suffix)
			for _, y := range m.of(uint32(c)) {
				next, count, symbol = append(next, y.next), append(count, y.count), append(symbol, y.symbol)
			}
		}
	}
	predictors.Slice(a, &m.length)
	for _, column := range []*[]uint32{&fan, &suffix, &next, &count} {
		predictors.Slice(a, column)
	}
	predictors.Slice(a, &symbol)
	if !a.Reading() || a.Err() != nil {
		return
	}
	length := m.length
	m.clear()
	if len(fan) != len(length) || len(suffix) != len(fan) || len(fan) == 0 || len(next) != len(symbol) || len(count) != len(symbol) {
		a.Fail(fmt.Errorf("ppm-star: the saved columns have %d, %d, %d and %d, %d, %d entries", len(length), len(fan), len(suffix), len(symbol), len(next), len(count)))
		return
	}
	m.length = length
	at := 0
	for c, n := range fan {
		if c > 0 {
			m.grow(suffix[c])
		}
		if uint64(n) > uint64(len(symbol)-at) {
			a.Fail(fmt.Errorf("ppm-star: saved class %d has %d successors, want at most %d", c, n, len(symbol)-at))
			return
		}
		for ; n > 0; n, at = n-1, at+1 {
			m.add(uint32(c), successor{next: next[at], count: count[at], symbol: symbol[at]})
		}
	}
	if at != len(symbol) {
		a.Fail(fmt.Errorf("ppm-star: %d successors are saved, want %d", len(symbol), at))
	}
}

// check says what is wrong with classes read from a file: walks along links
// and transitions must end, and what follows a context must follow its suffix.
func (m *automaton) check(a int) error {
	for c := range m.list {
		s := &m.list[c]
		bad := int(s.suffix) >= len(m.list) || c == 0 && m.length[0] != 0 || c > 0 && m.length[s.suffix] >= m.length[c]
		sum := uint64(0)
		for i := uint32(0); i < s.n && !bad; i++ {
			y := m.of(uint32(c))[i]
			sum += uint64(y.count)
			bad = int(y.symbol) >= a || y.count == 0 || int(y.next) >= len(m.list) || m.length[y.next] <= m.length[c] ||
				c > 0 && m.find(s.suffix, uint32(y.symbol)) == nil
		}
		if bad || sum > 1<<32-1 || m.repeats(uint32(c)) {
			return fmt.Errorf("ppm-star: saved class %d is damaged", c)
		}
	}
	return nil
}

// repeats reports whether a successor of c is there twice: looking for the
// later one finds the earlier.
func (m *automaton) repeats(c uint32) bool {
	all := m.of(c)
	for i := range all {
		if m.find(c, uint32(all[i].symbol)) != &all[i] {
			return true
		}
	}
	return false
}
