package lempelziv

import (
	"fmt"
	"math"
	"slices"

	"horizon/predictors"
)

// The refinements of LZ78-SPA in the authors' code (NSagan271/lz78_rust, commit
// fb7c7ab), after which their defaults and formulas are. They read the tree
// that LZ78 grew. At a node z of depth d that has seen N(z) symbols,
//
//	q(a; z) = (N(a;z) + γs) / (N(z) + γsA),   s = 1, 1/(1+d) or 1/(1+N(z))
//	floor ε: what is at most ε becomes ε, the others share what is left in
//	         proportion (and may so come to lie below ε)
//	temperature T, after the floor: q^(1/T), normalised
//
// An ensemble mixes this over the nodes of the longest suffixes of the present
// phrase that are in the tree and have seen a symbol: the phrase itself and
// others of at least four symbols. With H_i the entropy of node i's prediction
// and d_i its depth, both brought to [0, 1] by their extremes in the ensemble,
// the weights are equal or in proportion to exp(−H_i/2) or exp(d_i).
//
// Backshift: a walk that is back at the root or at a node that has seen fewer
// symbols than backshift_count goes to the node of the longest suffix of the
// last c symbols that is in the tree and has seen as many, or else to the root.
//
// Pruning drops the nodes that have seen fewer symbols than a count, and with
// them their counts at their parents, when training ends.
//
// Departures: N(z) is the sum of the N(a;z), so that a node predicts with a law
// also where a document ended; suffixes longer than 64 symbols are not looked
// for; what an ensemble mixes is looked for anew at each prediction, and the
// place after backshift at each symbol, so that they serve while the tree grows
// (there the authors go without). γ is then learned on the phrases of the plain
// parse, which backshift leaves alone.
//
// Floor and temperature take a pass over a node's children a prediction; an
// ensemble a walk of each suffix; backshift up to c(c+1)/2 steps where a phrase
// ends.

// An SPAConfig switches the refinements.
type SPAConfig struct {
	// GammaScale is "constant", "depth" (γ/(1+d)) or "count" (γ/(1+N(z))).
	GammaScale string `toml:"gamma_scale"`
	// Floor is ε, at least 0, which is none, and less than 1/A.
	Floor float64 `toml:"floor"`
	// Temperature is T, from 0.1 to 10; 1 changes nothing, and 0 is 1.
	Temperature float64 `toml:"temperature"`
	// Ensemble is "none", "average", "entropy" or "depth".
	Ensemble string `toml:"ensemble"`
	// EnsembleNodes is how many nodes are mixed at most, 1 to 64.
	EnsembleNodes int `toml:"ensemble_nodes"`
	// Backshift is c, 0 (none) to 64; the authors take 5, and 10 for books.
	Backshift int `toml:"backshift"`
	// BackshiftCount is the least N(z) of a node that is kept, at least 1.
	BackshiftCount int `toml:"backshift_count"`
	// Prune is the least N(z) of a node that stays after training; 0 keeps all.
	Prune int `toml:"prune"`
}

var defaultSPA = SPAConfig{GammaScale: "constant", Temperature: 1, Ensemble: "none", EnsembleNodes: 6, BackshiftCount: 1}

// A spa is an SPAConfig that makes sense.
type spa struct {
	SPAConfig
	scaling weighing
	mixing  weighing
	power   float64 // 1/T
}

// A weighing names what a scale or a weight goes by.
type weighing uint8

const (
	byNothing weighing = iota
	byDepth
	byCount
	byAverage
	byEntropy
)

var plainSPA = spa{power: 1}

const (
	longestSuffix  = 64 // that is looked for
	shortestSuffix = 4  // of an ensemble, but for the phrase
)

// resolve checks the switches.
func (c SPAConfig) resolve(kind string, a int) (spa, error) {
	s := spa{SPAConfig: c, power: 1}
	var ok bool
	scales := map[string]weighing{"": byNothing, "constant": byNothing, "depth": byDepth, "count": byCount}
	mixes := map[string]weighing{"": byNothing, "none": byNothing, "average": byAverage, "entropy": byEntropy, "depth": byDepth}
	if s.scaling, ok = scales[c.GammaScale]; !ok {
		return s, fmt.Errorf("%s: gamma_scale = %q, want constant, depth or count", kind, c.GammaScale)
	}
	if s.mixing, ok = mixes[c.Ensemble]; !ok {
		return s, fmt.Errorf("%s: ensemble = %q, want none, average, entropy or depth", kind, c.Ensemble)
	}
	if !(c.Floor >= 0 && c.Floor*float64(a) < 1) {
		return s, fmt.Errorf("%s: floor = %v, want at least 0 and less than 1/A = %v", kind, c.Floor, 1/float64(a))
	}
	if c.Temperature != 0 {
		if !(c.Temperature >= 0.1 && c.Temperature <= 10) {
			return s, fmt.Errorf("%s: temperature = %v, want 0.1 to 10", kind, c.Temperature)
		}
		s.power = 1 / c.Temperature
	}
	return s, c.checkCounts(kind, s.mixing != byNothing)
}

func (c SPAConfig) checkCounts(kind string, mixes bool) error {
	for _, v := range []struct {
		name             string
		value, low, high int
	}{
		{"ensemble_nodes", c.EnsembleNodes, 1, longestSuffix}, {"backshift", c.Backshift, 0, longestSuffix},
		{"backshift_count", c.BackshiftCount, 1, math.MaxInt32}, {"prune", c.Prune, 0, math.MaxInt32},
	} {
		off := v.name == "ensemble_nodes" && !mixes || v.name == "backshift_count" && c.Backshift == 0
		if !off && (v.value < v.low || v.value > v.high) {
			return fmt.Errorf("%s: %s = %d, want %d to %d", kind, v.name, v.value, v.low, v.high)
		}
	}
	return nil
}

func (s *spa) ensemble() bool { return s.mixing != byNothing }

// shaped says that a node's prediction is not (n + γs)/(N + γsA) alone.
func (s *spa) shaped() bool { return s.Floor > 0 || s.power != 1 }

// linear says that the loss depends on counts and γs alone.
func (s *spa) linear() bool { return !s.shaped() && !s.ensemble() }

// scale is s.
func (s *spa) scale(depth, seen uint32) float64 {
	switch s.scaling {
	case byDepth:
		return 1 / (1 + float64(depth))
	case byCount:
		return 1 / (1 + float64(seen))
	}
	return 1
}

// ops is what a prediction takes beyond the plain one's: see tree.Ops.
func (s *spa) ops(branching float64) float64 {
	n := 0.0
	if s.shaped() {
		n += 5 * branching
	}
	if s.ensemble() {
		n = (n + 7 + 2*shortestSuffix) * float64(s.EnsembleNodes)
	}
	return n + float64(s.Backshift)
}

// A law is how one node predicts.
type law struct {
	gamma, total float64
	floor, rest  float64 // what is above the floor is multiplied by rest
	power, norm  float64
}

// value is the probability of a symbol that came n times.
func (l *law) value(n uint32) float64 {
	v := (float64(n) + l.gamma) / l.total
	if l.floor > 0 {
		v = l.lift(v)
	}
	if l.power != 1 {
		v = math.Pow(v, l.power) * l.norm
	}
	return v
}

func (l *law) lift(v float64) float64 {
	if v <= l.floor {
		return l.floor
	}
	return v * l.rest
}

func (t *tree) lawAt(at spot) law {
	z := t.node(at.node)
	gamma := t.gamma
	if t.spa.scaling != byNothing {
		gamma *= t.spa.scale(at.depth, z.seen)
	}
	l := law{gamma: gamma, total: float64(z.seen) + gamma*float64(t.a), power: 1}
	if t.spa.shaped() {
		t.shape(&l, z)
	}
	return l
}

// shape applies floor and temperature.
func (t *tree) shape(l *law, z *node) {
	if floor := t.spa.Floor; floor > 0 {
		low, high := 0.0, 0.0 // how many are lifted, and the sum of the others
		t.each(z, l, func(v, times float64) {
			if v <= floor {
				low += times
			} else {
				high += v * times
			}
		})
		l.floor, l.rest = floor, (1-low*floor)/high
	}
	if t.spa.power != 1 {
		sum := 0.0
		l.power, l.norm = t.spa.power, 1
		t.each(z, l, func(v, times float64) { sum += v * times })
		l.norm = 1 / sum
	}
}

// each calls f with every value of a law and how many symbols have it.
func (t *tree) each(z *node, l *law, f func(v, times float64)) {
	unseen := t.a
	for c := z.first; c != 0; {
		child := t.node(c)
		f(l.value(child.visits), 1)
		unseen, c = unseen-1, child.sibling
	}
	if unseen > 0 {
		f(l.value(0), float64(unseen))
	}
}

// A member of an ensemble.
type member struct {
	at     spot
	law    law
	weight float64
}

// members is the ensemble here.
func (p *lz78) members() []member {
	mix := p.mix[:0]
	if p.node(p.at.node).seen > 0 {
		mix = append(mix, member{at: p.at})
	}
	p.phrase = p.path(p.phrase[:0], p.at.node, longestSuffix)
	slices.Reverse(p.phrase)
	for n := min(int(p.at.depth)-1, len(p.phrase)); n >= shortestSuffix && len(mix) < p.spa.EnsembleNodes; n-- {
		if at := p.walk(p.phrase[len(p.phrase)-n:]); at.node != root && p.node(at.node).seen > 0 {
			mix = append(mix, member{at: at})
		}
	}
	if len(mix) == 0 {
		mix = append(mix, member{at: p.at})
	}
	for i := range mix {
		mix[i].law = p.lawAt(mix[i].at)
	}
	p.mix = mix
	p.weigh(mix)
	return mix
}

// weigh sets the weights. The authors bring entropies to [0, 1] over their
// range + 10⁻¹⁰ and depths over theirs + 10⁻⁶.
func (p *lz78) weigh(mix []member) {
	low, high := math.Inf(1), math.Inf(-1)
	for i := range mix {
		m := &mix[i]
		switch p.spa.mixing {
		case byEntropy:
			m.weight = p.entropy(m)
		case byDepth:
			m.weight = float64(m.at.depth)
		}
		low, high = min(low, m.weight), max(high, m.weight)
	}
	sum := 0.0
	for i := range mix {
		m := &mix[i]
		switch p.spa.mixing {
		case byEntropy:
			m.weight = math.Exp(-(m.weight - low) / (high - low + 1e-10) / 2)
		case byDepth:
			m.weight = math.Exp((m.weight - low) / (high - low + 1e-6))
		default:
			m.weight = 1
		}
		sum += m.weight
	}
	for i := range mix {
		mix[i].weight /= sum
	}
}

// entropy of a member's prediction, in bits.
func (p *lz78) entropy(m *member) (h float64) {
	p.each(p.node(m.at.node), &m.law, func(v, times float64) { h -= times * v * math.Log2(v) })
	return h
}

func (p *lz78) predictMixed(q []float64) {
	clear(q)
	for _, m := range p.members() {
		base := m.weight * m.law.value(0)
		for x := range q {
			q[x] += base
		}
		for c := p.node(m.at.node).first; c != 0; {
			z := p.node(c)
			q[z.symbol] += m.weight*m.law.value(z.visits) - base
			c = z.sibling
		}
	}
}

func (p *lz78) probMixed(x uint32) (q float64) {
	for _, m := range p.members() {
		q += m.weight * m.law.value(p.node(p.child(m.at, x).node).visits)
	}
	return q
}

// follow goes to the next spot, or where backshift leads from there.
func (p *lz78) follow(next spot, x predictors.Symbol) {
	p.recent = remember(p.recent, x, p.spa.Backshift)
	least := uint32(p.spa.BackshiftCount)
	for from := 0; (next.node == root || p.node(next.node).seen < least) && from < len(p.recent); from++ {
		next = p.walk(p.recent[from:])
	}
	if p.node(next.node).seen < least {
		next = spot{}
	}
	p.at = next
}

// walk goes from the root by all of xs, or stays there.
func (t *table) walk(xs []predictors.Symbol) (at spot) {
	for _, x := range xs {
		if at = t.child(at, uint32(x)); at.node == root {
			return spot{}
		}
	}
	return at
}

// prune drops the nodes that have seen too little.
func (p *lz78) prune() error {
	if p.spa.Prune == 0 {
		return nil
	}
	p.forget()
	return p.rebuild(p.columns(func(c uint32) bool { return int(p.node(c).seen) >= p.spa.Prune }), p.a)
}

// Evidence is the depth of the node and its N(z); what the prior, the floor or
// the temperature gives every symbol is nobody's. Of an ensemble's nodes, each
// with other positions of the text, it is the deepest and all positions.
func (p *lz78) Evidence() predictors.Evidence {
	if !p.spa.ensemble() {
		return p.evidence(p.at)
	}
	match, sum, squares, fallback := 0.0, 0.0, 0.0, 0.0
	for _, m := range p.members() {
		n := float64(p.node(m.at.node).seen)
		w := m.weight * (1 - float64(p.a)*m.law.value(0))
		match, fallback = max(match, float64(m.at.depth)), fallback+m.weight-w
		if n > 0 {
			sum, squares = sum+w, squares+w*w/n
		}
	}
	e := predictors.Evidence{Match: match, Fallback: fallback}
	if squares > 0 {
		e.Effective = sum * sum / squares
	}
	return e
}

// evidence of one node.
func (t *tree) evidence(at spot) predictors.Evidence {
	l := t.lawAt(at)
	return predictors.Evidence{
		Match: float64(at.depth), Effective: float64(t.node(at.node).seen), Fallback: min(1, float64(t.a)*l.value(0)),
	}
}
