package markov

import (
	"fmt"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
)

// An escapeRule says how a context shares out its probability. With N
// observations of U different symbols, x seen n_x times,
//
//	P(x) = (n_x − β)/D,  P(escape) = (α + γU)/D,  D = N − βU + α + γU
//
// which is the family of Steinruecken 2014 and Gleave 2016 where γ = β, so that
// D = N + α, and Moffat's method C where γ = 1, β = 0.
type escapeRule struct{ alpha, beta, gamma float64 }

// escapeRules are the settings that have names.
var escapeRules = map[string]escapeRule{
	"A": {1, 0, 0},     // Cleary & Witten 1984
	"C": {0, 0, 1},     // Moffat 1990
	"D": {0, 0.5, 0.5}, // Howard 1993
	// Gleave 2016, tuned on other texts than those of his tables, for depth 6
	// and depth 5; printed as 0.095, 0.409 and 0.176, 0.392.
	"PUB": {0.0953509648641, 0.408977501392, 0.408977501392},
	"P5B": {0.175932820638, 0.391850578308, 0.391850578308},
}

// newEscapeRule checks and resolves the settings of a kind over a symbols.
func newEscapeRule(kind, name string, alpha, beta float64, a int) (escapeRule, error) {
	if name != "free" {
		r, ok := escapeRules[name]
		if !ok {
			return r, fmt.Errorf(`%s: escape = %q, want "A", "C", "D", "PUB", "P5B" or "free"`, kind, name)
		}
		if alpha != 0 || beta != 0 {
			return r, fmt.Errorf(`%s: alpha = %v and beta = %v with escape = %q, want escape = "free" to set them`, kind, alpha, beta, name)
		}
		return r, nil
	}
	if !(beta > -1 && beta < 1) {
		return escapeRule{}, fmt.Errorf("%s: beta = %v, want above -1 and below 1", kind, beta)
	}
	// Escapes happen from contexts with 1 to A − 1 symbols.
	if least := alpha + min(beta, float64(beta*float64(max(a-1, 1)))); !(least > 0 && alpha < 1e9) {
		return escapeRule{}, fmt.Errorf("%s: alpha + beta·U = %v for some U below the alphabet size, want above 0 (and alpha below 1e9)", kind, least)
	}
	return escapeRule{alpha, beta, beta}, nil
}

// Modes of exclusion.
const (
	excludeFull   = iota // N and U without the symbols ruled out
	excludeCounts        // N without them, but in the escape's share U with them
	excludeNone          // neither; what is lost on symbols twice given is made good by one factor
	blend                // neither, and nothing is lost: a symbol gets its share of every context
)

var exclusions = map[string]int{"full": excludeFull, "counts": excludeCounts, "none": excludeNone, "blend": blend}

func newExclusion(kind, name string) (int, error) {
	e, ok := exclusions[name]
	if !ok {
		return 0, fmt.Errorf(`%s: exclusion = %q, want "full", "counts", "none" or "blend"`, kind, name)
	}
	return e, nil
}

// A ppmWalk is a place in a PPM model, with the rules by which it predicts.
// Of the place it knows the longest context; the shorter ones follow by their
// links. A symbol's probability is that of the escapes on the way to the
// first context that has seen it, times its share there.
type ppmWalk struct {
	*contexts.Store
	a             int
	rule          escapeRule
	exclusion     int
	deterministic bool // begin at the shortest context with one successor
	at            uint32

	// Scratch: seen[x] = stamp if x has been ruled out.
	seen  []uint32
	stamp uint32
}

func (p *ppmWalk) Alphabet() int { return p.a }

// start is the context to predict from: the longest that anything followed,
// or the shortest that one symbol followed always, if there is one. Such are
// the longest contexts, because shorter ones have no fewer successors.
func (p *ppmWalk) start() uint32 {
	c := p.at
	for p.List[c].N == 0 && c != 0 {
		c = p.List[c].Suffix
	}
	if p.deterministic && p.List[c].N == 1 {
		for c != 0 && p.List[p.List[c].Suffix].N == 1 {
			c = p.List[c].Suffix
		}
	}
	return c
}

// A share is what a context gives out.
type sharing struct {
	d      float64 // D
	escape float64 // α + γU; 0 where nothing is left to escape to
	kept   float64 // the part of D that goes to symbols not ruled out
}

// shares returns D of a context with n observations of u symbols, of which
// freeN and freeU are those not ruled out, in an alphabet of which free
// symbols are not ruled out.
func (p *ppmWalk) shares(n, u, freeN, freeU uint32, free int) (s sharing) {
	s.kept = float64(freeN) - float64(p.rule.beta*float64(freeU))
	given := s.kept
	escaping := freeU
	switch p.exclusion {
	case excludeCounts:
		escaping = u
	case excludeNone:
		escaping = u
		given = float64(n) - float64(p.rule.beta*float64(u))
	}
	if int(freeU) < free {
		s.escape = p.rule.alpha + float64(p.rule.gamma*float64(escaping))
	}
	s.d = given + s.escape
	return s
}

// tiny keeps products of very many escapes positive.
const tiny = 1e-290

// Prob follows the escapes down to the first context that has seen x.
func (p *ppmWalk) Prob(x predictors.Symbol) float64 {
	if p.exclusion == blend {
		return p.blended(x)
	}
	weight, ruled := 1.0, uint32(0) // of the escapes so far; how many symbols they rule out
	prob, kept := 0.0, 0.0
	for c, above := p.start(), uint32(0); ; c = p.List[c].Suffix {
		if s := &p.List[c]; s.N > ruled {
			freeN := s.Total
			if ruled > 0 {
				freeN -= p.countOf(c, above)
			}
			give := p.shares(s.Total, s.N, freeN, s.N-ruled, p.a-int(ruled))
			if prob == 0 {
				if y := p.Find(c, uint32(x)); y != nil {
					prob = p.given(weight/give.d, y.Count)
					if p.exclusion != excludeNone {
						return prob
					}
				}
			}
			kept += float64(weight * (give.kept / give.d))
			weight = max(float64(weight*(give.escape/give.d)), tiny)
			above, ruled = c, s.N
		}
		if c == 0 {
			break
		}
	}
	base, rest := p.base(weight, ruled)
	if prob == 0 {
		prob = base
	}
	if p.exclusion == excludeNone {
		prob /= kept + rest
	}
	return prob
}

// Predict is Prob for all symbols at once.
func (p *ppmWalk) Predict(probs []float64) {
	clear(probs) // 0 means not ruled out
	if p.exclusion == blend {
		p.blendAll(probs)
		return
	}
	weight, ruled, kept := 1.0, uint32(0), 0.0
	for c := p.start(); ; c = p.List[c].Suffix {
		if s := &p.List[c]; s.N > ruled {
			all, freeN := p.Of(c), s.Total
			for i := range all {
				if probs[all[i].Symbol] != 0 {
					freeN -= all[i].Count
				}
			}
			give := p.shares(s.Total, s.N, freeN, s.N-ruled, p.a-int(ruled))
			scale := weight / give.d
			for i := range all {
				if y := &all[i]; probs[y.Symbol] == 0 {
					probs[y.Symbol] = p.given(scale, y.Count)
				}
			}
			kept += float64(weight * (give.kept / give.d))
			weight = max(float64(weight*(give.escape/give.d)), tiny)
			ruled = s.N
		}
		if c == 0 {
			break
		}
	}
	base, rest := p.base(weight, ruled)
	for x := range probs {
		if probs[x] == 0 {
			probs[x] = base
		}
	}
	if p.exclusion == excludeNone {
		for x := range probs {
			probs[x] /= kept + rest
		}
	}
}

// blended adds up the shares of x in every context.
func (p *ppmWalk) blended(x predictors.Symbol) float64 {
	weight, prob := 1.0, 0.0
	for c := p.start(); ; c = p.List[c].Suffix {
		if s := &p.List[c]; s.N > 0 {
			give := p.all(s)
			if y := p.Find(c, uint32(x)); y != nil {
				prob += p.given(weight/give.d, y.Count)
			}
			weight = max(float64(weight*(give.escape/give.d)), tiny)
		}
		if c == 0 {
			return prob + weight/float64(p.a)
		}
	}
}

// blendAll is blended for all symbols at once.
func (p *ppmWalk) blendAll(probs []float64) {
	weight := 1.0
	for c := p.start(); ; c = p.List[c].Suffix {
		if s := &p.List[c]; s.N > 0 {
			give, all := p.all(s), p.Of(c)
			scale := weight / give.d
			for i := range all {
				probs[all[i].Symbol] += p.given(scale, all[i].Count)
			}
			weight = max(float64(weight*(give.escape/give.d)), tiny)
		}
		if c == 0 {
			break
		}
	}
	base := weight / float64(p.a)
	for x := range probs {
		probs[x] += base
	}
}

// all returns what s gives out if nothing is ruled out and there is always
// something to escape to.
func (p *ppmWalk) all(s *contexts.Context) sharing {
	escape := p.rule.alpha + float64(p.rule.gamma*float64(s.N))
	return sharing{d: float64(s.Total) - float64(p.rule.beta*float64(s.N)) + escape, escape: escape}
}

// given is the probability of a symbol counted so often: scale is the weight
// of the escapes over D.
func (p *ppmWalk) given(scale float64, count uint32) float64 {
	return max(float64(scale*(float64(count)-p.rule.beta)), tiny)
}

// base is the probability of each symbol that no context has seen, and of all
// of them.
func (p *ppmWalk) base(weight float64, ruled uint32) (each, all float64) {
	free := p.a - int(ruled)
	if free == 0 {
		return 0, 0
	}
	if p.exclusion == excludeNone {
		each = weight / float64(p.a)
		return each, float64(each * float64(free))
	}
	return weight / float64(free), weight
}

// countOf adds up the counts that the successors of above have in c, which
// has seen them all.
func (p *ppmWalk) countOf(c, above uint32) (sum uint32) {
	few := p.Of(above)
	if n := int(p.List[c].N); len(few) <= 2 || n > contexts.ScanLimit && 8*len(few) < n {
		for i := range few {
			sum += p.Find(c, uint32(few[i].Symbol)).Count
		}
		return sum
	}
	p.newSet()
	for i := range few {
		p.seen[few[i].Symbol] = p.stamp
	}
	all := p.Of(c)
	for i := range all {
		if p.seen[all[i].Symbol] == p.stamp {
			sum += all[i].Count
		}
	}
	return sum
}

// newSet begins a new set of symbols ruled out.
func (p *ppmWalk) newSet() {
	if p.seen == nil {
		p.seen = make([]uint32, p.a)
	}
	if p.stamp++; p.stamp == 0 {
		clear(p.seen)
		p.stamp = 1
	}
}

// coding is the context in which x gets its probability; ok is false if no
// context has seen x. It is start or shorter.
func (p *ppmWalk) coding(x predictors.Symbol) (c uint32, ok bool) {
	for c = p.start(); ; c = p.List[c].Suffix {
		if p.Find(c, uint32(x)) != nil {
			return c, true
		}
		if c == 0 {
			return 0, false
		}
	}
}

// count counts x once more in the contexts that have seen it before: with
// update exclusion in those down to the one that codes it, else in all.
func (p *ppmWalk) count(x predictors.Symbol, update bool) {
	last, ok := p.coding(x)
	if !ok {
		return
	}
	if !update {
		last = 0
	}
	for c := p.at; ; c = p.List[c].Suffix {
		if y := p.Find(c, uint32(x)); y != nil {
			y.Count++
			p.List[c].Total++
		}
		if c == last {
			return
		}
	}
}

// State is the context: what it has not kept of the past it cannot use.
func (p *ppmWalk) State(b []byte) []byte {
	return append(b, byte(p.at), byte(p.at>>8), byte(p.at>>16), byte(p.at>>24))
}
