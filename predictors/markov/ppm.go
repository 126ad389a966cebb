package markov

import (
	"fmt"
	"io"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
)

// Prediction by partial matching of bounded depth (Cleary & Witten 1984),
// with the escape family of Gleave 2016 (MPhil dissertation, Cambridge) and
// Steinruecken 2014 (PhD thesis, Cambridge). With c the last d symbols, n_x the
// number of times x has followed c, N the sum of the n_x and U the number of
// those above 0,
//
//	P(x) = (n_x − β)/(N + α)  if n_x > 0,  otherwise  (Uβ + α)/(N + α) · P'(x)
//
// where P' is the same for c without its oldest symbol, and below the empty
// context P' is uniform. A context that nothing has followed is passed over.
// Methods A, C, D are settings (see escapeRules): α = 1, β = 0 is method A of
// Cleary & Witten; α = 0, β = ½ is method D (Howard 1993); method C (Moffat
// 1990) escapes with U/(N + U).
//
// Exclusion: x known not to be among the symbols that longer contexts have
// seen, N and U leave those out. Update exclusion: a symbol is counted in the
// context that gave it its probability and in longer ones, not in shorter. The
// switches for both are there to measure what they bring.
//
// Departures. Where every symbol left has been seen there is no escape: its
// share would be lost. Nothing is said about the end of a text (Gleave codes
// an end mark as a 257th symbol; so do our tests, over 257 symbols). Without
// exclusion the escape formulas lose what shorter contexts give to symbols
// seen in longer ones; we divide by what is left. Blending loses nothing, and
// with update exclusion it is the hierarchical Pitman-Yor process with one
// table a dish (Teh 2006). Contexts are strings that have been learned: after
// symbols merely observed, learning goes on from the longest suffix of the past
// that has been learned.
//
// The contexts are a trie read forwards, see contexts. Learn and Prob take
// O(d) look-ups, and to leave symbols out they go through the successors of
// the contexts on the way. Predict is O(A + successors of the d + 1 contexts).
// Space is 28 bytes a context of each length up to d and 12 to 24 bytes a
// successor beyond each context's first: at depth 5, 17 bytes a symbol for 10^6
// bytes of enwik8 and 7 for 10^7.

// A PPMConfig configures the kind "ppm".
type PPMConfig struct {
	// Depth is d, the length of the longest context, 0 to 64.
	Depth int `toml:"depth"`
	// Escape names the escape probabilities: "A", "C", "D", "PUB" (Gleave's α
	// and β for depth 6), "P5B" (for depth 5) or "free" for Alpha and Beta.
	Escape string `toml:"escape"`
	// Alpha and Beta are α and β, with escape = "free" only: β < 1, and
	// α + βU > 0 for U = 1 to A − 1.
	Alpha float64 `toml:"alpha"`
	Beta  float64 `toml:"beta"`
	// Exclusion is "full", or "counts" to leave the symbols ruled out in the
	// escape's share U (Begleiter et al. 2004, section 3.2, do), or "none", or
	// "blend" to add up a symbol's shares in all contexts (Cleary & Witten's
	// full blending): P(x) = (n_x − β)/D + (α + γU)/D · P'(x). It wants larger
	// discounts than the named escapes: on tinyshakespeare α = ½, β = 0.9.
	Exclusion string `toml:"exclusion"`
	// UpdateExclusion counts a symbol in no context shorter than the one it
	// was coded in.
	UpdateExclusion bool `toml:"update_exclusion"`
	// Start is "longest" for the longest context known, or "deterministic"
	// for the shortest that one symbol always followed, if there is one
	// (Cleary & Teahan 1997).
	Start string `toml:"start"`
}

// DefaultPPM has Gleave's settings for depth 5.
func DefaultPPM() predictors.Config {
	return &PPMConfig{Depth: 5, Escape: "P5B", Exclusion: "full", UpdateExclusion: true, Start: "longest"}
}

// TinyPPM is of depth 2.
func TinyPPM() predictors.Config {
	return &PPMConfig{Depth: 2, Escape: "D", Exclusion: "full", UpdateExclusion: true, Start: "longest"}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *PPMConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("ppm", env.Alphabet); err != nil {
		return nil, err
	}
	if c.Depth < 0 || c.Depth > maxDepth {
		return nil, fmt.Errorf("ppm: depth = %d, want 0 to %d", c.Depth, maxDepth)
	}
	rule, err := newEscapeRule("ppm", c.Escape, c.Alpha, c.Beta, env.Alphabet)
	if err != nil {
		return nil, err
	}
	exclusion, err := newExclusion("ppm", c.Exclusion)
	if err != nil {
		return nil, err
	}
	deterministic, err := newStart("ppm", c.Start)
	if err != nil {
		return nil, err
	}
	return newPPM(c, rule, exclusion, deterministic, env.Alphabet), nil
}

func newPPM(c *PPMConfig, rule escapeRule, exclusion int, deterministic bool, a int) *ppm {
	p := &ppm{depth: c.Depth, asked: c.Depth, update: c.UpdateExclusion, learner: true,
		ppmWalk: ppmWalk{Store: new(contexts.Store), a: a, rule: rule, exclusion: exclusion, deterministic: deterministic}}
	p.Store.Clear()
	return p
}

func newStart(kind, name string) (deterministic bool, err error) {
	if name != "longest" && name != "deterministic" {
		return false, fmt.Errorf(`%s: start = %q, want "longest" or "deterministic"`, kind, name)
	}
	return name == "deterministic", nil
}

const maxDepth = 64

// ppm is a place in a trie. Only the one that was made by New learns.
type ppm struct {
	ppmWalk
	depth   int
	update  bool
	learner bool
	length  int // of the context at

	asked  int   // the depth without a budget
	budget int64 // bytes; 0 for no bound
	full   bool
	work   float64 // operations of learning
}

func (p *ppm) Reset() { p.at, p.length = 0, 0 }

func (p *ppm) Fork() predictors.Predictor {
	f := *p
	f.seen, f.learner = nil, false
	return &f
}

// Observe goes on to the longest suffix of the past that is a context.
func (p *ppm) Observe(x predictors.Symbol) {
	for c := p.at; ; c, p.length = p.List[c].Suffix, p.length-1 {
		if y := p.Find(c, uint32(x)); y != nil {
			p.at, p.length = y.Next, min(p.length+1, p.depth)
			return
		}
		if c == 0 {
			p.at, p.length = 0, 0
			return
		}
	}
}

// Learn counts x in the contexts from the longest down.
func (p *ppm) Learn(x predictors.Symbol) {
	if !p.learner {
		panic("ppm: a fork does not learn")
	}
	p.count(x, p.update)
	p.work += 3 * float64(p.length+1)
	if p.full = p.full || p.budget > 0 && p.Used(p.depth+1) > p.budget; p.full {
		p.Observe(x)
		return
	}
	p.at = p.enter(p.at, p.length, uint32(x))
	p.length = min(p.length+1, p.depth)
}

// enter gives x to the contexts from c, of the given length, down to the
// first that has it, and returns the context that follows c: c·x, without its
// oldest symbol if c has d. The string of a new context is put there after
// the shorter one that it is linked to.
func (p *ppm) enter(c uint32, length int, x uint32) uint32 {
	if y := p.Find(c, x); y != nil {
		return y.Next
	}
	next := uint32(0)
	if c != 0 {
		next = p.enter(p.List[c].Suffix, length-1, x)
	}
	if length < p.depth {
		next = p.Grow(next)
	}
	p.Add(c, contexts.Successor{Next: next, Count: 1, Symbol: uint16(x)})
	return next
}

// SetBudget bounds the bytes of the model.
func (p *ppm) SetBudget(b predictors.Budget) error {
	p.budget = b.ModelBytes
	return nil
}

// Full reports that contexts or successors were left out for want of bytes;
// those there are went on counting.
func (p *ppm) Full() bool { return p.full }

// Shrink makes the longest context one symbol shorter.
func (p *ppm) Shrink() bool {
	if p.depth == 0 {
		return false
	}
	p.depth--
	p.full = false
	p.Store.Clear()
	p.Reset()
	return true
}

// Describe counts contexts and their successors.
func (p *ppm) Describe() map[string]float64 {
	return map[string]float64{"contexts": float64(len(p.List)), "successors": float64(p.Successors())}
}

// WriteTo writes the trie in breadth-first order: how many successors each
// context has, then their symbols and counts. The links follow from these.
func (p *ppm) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, p.fields) }

// ReadFrom replaces the trie.
func (p *ppm) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, p.fields) }

func (p *ppm) fields(a *predictors.Archive) {
	asked, depth := uint8(p.asked), uint8(p.depth)
	predictors.Value(a, &asked)
	predictors.Value(a, &depth)
	if a.Reading() && a.Err() == nil {
		if int(asked) != p.asked || depth > asked {
			a.Fail(fmt.Errorf("ppm: saved depth = %d, of %d before a budget made it smaller, want %d", depth, asked, p.asked))
			return
		}
		p.depth = int(depth)
	}
	var t savedTrie
	if !a.Reading() {
		t.export(p.Store, p.depth)
	}
	t.fields(a)
	if a.Reading() && a.Err() == nil {
		p.Store.Clear()
		if err := t.restore("ppm", p.depth, p.a, p.restore); err != nil {
			p.Store.Clear()
			a.Fail(err)
		}
	}
}

// restore adds a successor to c, of the given length. That it is one of c's
// suffix too, as the predictions rely on, is checked here.
func (p *ppm) restore(c uint32, length int, symbol uint16, count uint32) error {
	next := uint32(0)
	if c != 0 {
		y := p.Find(p.List[c].Suffix, uint32(symbol))
		if y == nil {
			return fmt.Errorf("symbol %d is new to its suffix", symbol)
		}
		next = y.Next
	}
	if uint64(p.List[c].Total)+uint64(count) > 1<<32-1 || p.Find(c, uint32(symbol)) != nil {
		return fmt.Errorf("symbol %d, count %d", symbol, count)
	}
	if length < p.depth {
		next = p.Grow(next)
	}
	p.Add(c, contexts.Successor{Next: next, Count: count, Symbol: symbol})
	return nil
}
