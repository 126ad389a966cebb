package markov

import (
	"io"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
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
	p := &ppmStar{automaton: new(contexts.Automaton), update: c.UpdateExclusion, learner: true}
	p.automaton.Clear()
	p.ppmWalk = ppmWalk{Store: &p.automaton.Store, a: env.Alphabet, rule: rule, exclusion: exclusion, deterministic: deterministic}
	return p, nil
}

// ppmStar is a place in an automaton. Only the one that was made by New
// learns.
type ppmStar struct {
	ppmWalk
	automaton *contexts.Automaton
	update    bool
	learner   bool
	matched   uint32 // the length of the context, in the class at

	budget int64 // bytes; 0 for no bound
	full   bool
	work   float64 // operations of learning
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
		if y := p.Find(c, uint32(x)); y != nil {
			p.at, p.matched = y.Next, p.matched+1
			return
		}
		if c == 0 {
			p.at, p.matched = 0, 0
			return
		}
		c = p.List[c].Suffix
		p.matched = p.automaton.Length[c]
	}
}

// Learn counts x in the contexts from the longest down.
func (p *ppmStar) Learn(x predictors.Symbol) {
	if !p.learner {
		panic("ppm-star: a fork does not learn")
	}
	if p.matched < p.automaton.Length[p.at] {
		p.at = p.List[p.at].Suffix
	}
	p.count(x, p.update)
	p.work += 3 * p.descent()
	// A new class copies what one has seen, at most the whole alphabet.
	if p.full = p.full || p.budget > 0 && p.used(2+p.a) > p.budget; p.full {
		p.Observe(x)
		return
	}
	p.at = p.automaton.Extend(p.at, uint32(x))
	p.matched = p.automaton.Length[p.at]
}

// SetBudget bounds the bytes of the model: of the text, it keeps the first
// symbols that fit, and goes on counting what they have seen.
func (p *ppmStar) SetBudget(b predictors.Budget) error {
	p.budget = b.ModelBytes
	return nil
}

func (p *ppmStar) used(more int) int64 { return p.Used(more) + 4*int64(len(p.automaton.Length)+2) }

// Full reports that symbols were left out for want of bytes.
func (p *ppmStar) Full() bool { return p.full }

// Shrink does nothing: there is no smaller size.
func (p *ppmStar) Shrink() bool { return false }

// Trim gives back spare capacity.
func (p *ppmStar) Trim() {
	p.Store.Trim()
	p.automaton.Length = predictors.Trimmed(p.automaton.Length)
}

// Bytes counts classes, successors and the index.
func (p *ppmStar) Bytes() int64 { return p.automaton.Bytes() }

// Describe counts classes and their successors.
func (p *ppmStar) Describe() map[string]float64 {
	return map[string]float64{"contexts": float64(len(p.List)), "successors": float64(p.Successors())}
}

// WriteTo writes the automaton, class by class.
func (p *ppmStar) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, p.fields) }

// ReadFrom replaces the automaton.
func (p *ppmStar) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, p.fields) }

func (p *ppmStar) fields(a *predictors.Archive) { p.automaton.Fields(a, "ppm-star", p.a) }
