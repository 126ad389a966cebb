// Package statemachine holds predictors that are state machines and learn
// which: suffix trees pruned to the contexts that matter, dynamic Markov
// compression, hidden Markov models.
package statemachine

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"horizon/predictors"
)

// The prediction suffix tree of Ron, Singer & Tishby 1996 (Machine Learning
// 25), as Begleiter, El-Yaniv & Yona 2004 state it (JAIR 22, section 3.5). It
// is a set of contexts closed under taking suffixes. With N(sσ) the number of
// times σ came after s in the training part, N(s) = Σ_σ N(sσ), and s' the
// context s without its oldest symbol,
//
//	P̂(σ|s) = N(sσ)/N(s)
//
//	1. candidates: s of up to D symbols that make up more than Pmin of the
//	   places where they fit;
//	2. a candidate is kept, with all its suffixes, if for some σ
//	   P̂(σ|s) ≥ (1+α)γ   and   P̂(σ|s)/P̂(σ|s') ≥ r  or  ≤ 1/r;
//	3. γ_s(σ) = (1 − Aγ) P̂(σ|s) + γ,
//
// and the next symbol's law is γ_s of the longest kept suffix s of the past.
//
// Step 3 is Ron, Singer & Tishby's. Begleiter et al. write of raising zeros
// to γ and renormalising, but their example (figure 5) and their program are
// as here. That program compares in step 2 with the smoothed γ_{s'} where s'
// was kept (by an array being reused); Compare = "smoothed" does so too, which
// the third digit of their figures needs.
//
// Departures. D, Pmin and γ may be chosen on the validation part, over the
// grids of that paper's table 1 made longer and finer. Learning goes on by
// counting at the kept contexts; which are kept is decided by Fit alone, so
// that a tree which was never fitted learns the frequencies of single symbols.
//
// Walking needs more than the kept contexts: after s comes x, and the longest
// kept suffix may be one longer than sx. The states are therefore all pieces
// of kept contexts, a state the longest of them that the past ends with (Ron
// et al., section 3: the automaton equivalent to a tree; Aho & Corasick 1975
// for its links). Fit is O(nD) time and O(n) space; Observe O(1) amortised and
// at most D, Prob O(1), Predict O(A), Learn O(D). There are at most D/Pmin
// contexts and D times as many states, of about 40 bytes each, and 22 to 28
// bytes for each N(sσ) > 0.

// A PSTConfig configures the kind "pst".
type PSTConfig struct {
	// PMin is the least frequency of a context, in [0, 1); 0 means that of
	// 10⁻⁵ … 10⁻² which predicts the validation part best (10⁻⁴ without one).
	PMin float64 `toml:"p_min"`
	// Alpha raises the probability that makes a symbol worth a context to
	// (1+α)γ, ≥ 0.
	Alpha float64 `toml:"alpha"`
	// Gamma is the least probability of a symbol, below 1/A; 0 means that of
	// 10⁻⁶ … 10⁻¹ which predicts the validation part best (1/(10A) without).
	Gamma float64 `toml:"gamma"`
	// R is the ratio that makes a context differ from its suffix, > 1.
	R float64 `toml:"r"`
	// Depth is D, the length of the longest context, 1 to 64; 0 means that of
	// 2 … 20 which predicts the validation part best (5 without one).
	Depth int `toml:"depth"`
	// Compare is "raw" to compare with P̂ of the suffix, the definition, or
	// "smoothed" for what the program of Begleiter et al. does.
	Compare string `toml:"compare"`
}

const maxDepth = 64

// DefaultPST has α and r of Begleiter et al., table 1, and chooses the rest.
func DefaultPST() predictors.Config { return &PSTConfig{R: 1.05, Compare: "raw"} }

// TinyPST is of depth 3.
func TinyPST() predictors.Config {
	return &PSTConfig{PMin: 0.005, R: 1.05, Depth: 3, Compare: "raw"}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *PSTConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("pst", env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(env.Alphabet); err != nil {
		return nil, err
	}
	t := &suffixTree{PSTConfig: *c, a: env.Alphabet}
	t.choice = t.given()
	t.plant()
	return &pst{suffixTree: t}, nil
}

func (c *PSTConfig) check(a int) error {
	switch {
	case !(c.PMin >= 0 && c.PMin < 1):
		return fmt.Errorf("pst: p_min = %v, want 0 to below 1", c.PMin)
	case !(c.Alpha >= 0) || math.IsInf(c.Alpha, 1):
		return fmt.Errorf("pst: alpha = %v, want ≥ 0", c.Alpha)
	case !(c.Gamma >= 0) || c.Gamma*float64(a) >= 1:
		return fmt.Errorf("pst: gamma = %v, want below 1/A = %v, or 0 to choose it on the validation part", c.Gamma, 1/float64(a))
	case !(c.R > 1) || math.IsInf(c.R, 1):
		return fmt.Errorf("pst: r = %v, want > 1", c.R)
	case c.Depth < 0 || c.Depth > maxDepth:
		return fmt.Errorf("pst: depth = %d, want 1 to %d, or 0 to choose it on the validation part", c.Depth, maxDepth)
	case c.Compare != "raw" && c.Compare != "smoothed":
		return fmt.Errorf("pst: compare = %q, want \"raw\" or \"smoothed\"", c.Compare)
	}
	return nil
}

// pst is a place in a tree: a state of its automaton.
type pst struct {
	*suffixTree
	at   uint32
	fork bool
}

func (p *pst) Alphabet() int { return p.a }

func (p *pst) Reset() { p.at = 0 }

func (p *pst) Fork() predictors.Predictor {
	return &pst{suffixTree: p.suffixTree, at: p.at, fork: true}
}

func (p *pst) Predict(probs []float64) {
	c := p.context[p.at]
	base := p.smooth(0, p.total[c])
	for x := range probs {
		probs[x] = base
	}
	for n := p.counts.first[c]; n != 0; n = p.counts.list[n].sibling {
		e := &p.counts.list[n]
		probs[e.symbol] = p.smooth(e.value, p.total[c])
	}
}

func (p *pst) Prob(x predictors.Symbol) float64 {
	c := p.context[p.at]
	return p.smooth(p.counts.list[p.counts.find(c, uint32(x))].value, p.total[c])
}

// Observe follows the longest piece of a context that x prolongs.
func (p *pst) Observe(x predictors.Symbol) {
	s := p.at
	n := p.edges.find(s, uint32(x))
	for ; n == 0 && s != 0; n = p.edges.find(s, uint32(x)) {
		s = p.link[s]
	}
	p.at = p.edges.list[n].value // of pair 0, the root
}

// Learn counts x at every kept suffix of the past.
func (p *pst) Learn(x predictors.Symbol) {
	if p.fork {
		panic("pst: a fork does not learn")
	}
	for c := p.context[p.at]; ; c = p.suffix[c] {
		p.work += 3
		switch n := p.counts.find(c, uint32(x)); {
		case n != 0:
			p.counts.list[n].value++
			p.total[c]++
		case p.hasRoom():
			p.counts.insert(c, uint32(x), 1)
			p.total[c]++
		}
		if c == 0 {
			break
		}
	}
	p.Observe(x)
}

// State is the automaton's.
func (p *pst) State(b []byte) []byte {
	return append(b, byte(p.at), byte(p.at>>8), byte(p.at>>16), byte(p.at>>24))
}

// Fit grows the tree.
func (p *pst) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	t := p.suffixTree
	p.at = 0
	t.choice = t.given()
	depth, pMin := t.depth, t.pMin
	_, tune := predictors.SampleLoss(p, d.Valid, 1)
	if tune {
		depths, pMins, _ := t.grids()
		depth, pMin = slices.Max(depths), slices.Min(pMins)
	}
	g, err := t.gather(ctx, lay(d.Train, t.a), int(depth), pMin)
	if err != nil {
		return err
	}
	if tune {
		if err := p.choose(ctx, g, d, report); err != nil {
			return err
		}
	}
	// A place is sorted by the symbol before it and its next one counted, at
	// each length.
	t.work += 4 * float64(depth) * float64(d.Symbols())
	g.grow()
	t.prune(g)
	n := int64(d.Symbols())
	last := predictors.Progress{Stage: "train", Done: n, Total: n, Symbols: n}
	if bits, ok := predictors.SampleLoss(p, d.Valid, tuneSample); ok {
		last.Metric, last.Value = "valid_bits", bits
	}
	report(last)
	return ctx.Err()
}

// tuneSample is how many validation symbols a choice is made on.
const tuneSample = 1 << 17

// A choice is what the validation part may choose.
type choice struct {
	depth       uint32
	pMin, gamma float64
}

// given is what the configuration says, and where it leaves a choice, what is
// taken when there is no validation part.
func (t *suffixTree) given() choice {
	c := choice{uint32(t.Depth), t.PMin, t.Gamma}
	if c.depth == 0 {
		c.depth = 5
	}
	if c.pMin == 0 {
		c.pMin = 1e-4
	}
	if c.gamma == 0 {
		c.gamma = 0.1 / float64(t.a)
	}
	return c
}

var (
	depthGrid = []uint32{2, 3, 4, 5, 6, 8, 12, 16, 20}
	pMinGrid  = []float64{1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5}
	gammaGrid = []float64{1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6}
)

// choose tries, on the validation part, D and Pmin together and then γ, on
// which they hardly depend, as far as they are not given.
func (p *pst) choose(ctx context.Context, g *nursery, d predictors.Data, report func(predictors.Progress)) error {
	depths, pMins, gammas := p.grids()
	total := int64(len(depths)*len(pMins) + len(gammas))
	best, least, done := p.choice, math.Inf(1), int64(0)
	try := func(c choice) error {
		p.choice = c
		g.grow()
		if bits, _ := predictors.SampleLoss(p, d.Valid, tuneSample); bits < least {
			least, best = bits, c
		}
		done++
		report(predictors.Progress{Stage: "tune", Done: done, Total: total})
		return ctx.Err()
	}
	for _, depth := range depths {
		for _, pMin := range pMins {
			if err := try(choice{depth, pMin, p.choice.gamma}); err != nil {
				return err
			}
		}
	}
	for _, gamma := range gammas {
		if err := try(choice{best.depth, best.pMin, gamma}); err != nil {
			return err
		}
	}
	p.choice = best
	return nil
}

// grids lists what may be chosen.
func (t *suffixTree) grids() (depths []uint32, pMins, gammas []float64) {
	c := t.given()
	depths, pMins, gammas = []uint32{c.depth}, []float64{c.pMin}, []float64{c.gamma}
	if t.Depth == 0 {
		depths = depthGrid
	}
	if t.PMin == 0 {
		pMins = pMinGrid
	}
	if t.Gamma == 0 {
		for _, g := range gammaGrid {
			if g*float64(t.a) < 1 {
				gammas = append(gammas, g)
			}
		}
	}
	return depths, pMins, gammas
}

// Describe reports what was chosen and how much was kept.
func (t *suffixTree) Describe() map[string]float64 {
	return map[string]float64{"depth": float64(t.depth), "p_min": t.pMin, "gamma": t.gamma,
		"contexts": float64(len(t.suffix)), "states": float64(len(t.link))}
}

// WriteTo writes the tree and its counts.
func (t *suffixTree) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, t.fields)
}

// ReadFrom replaces the tree and its counts.
func (t *suffixTree) ReadFrom(r io.Reader) (int64, error) {
	return predictors.ReadArchive(r, t.fields)
}

func (t *suffixTree) fields(a *predictors.Archive) {
	predictors.Value(a, &t.depth)
	predictors.Value(a, &t.pMin)
	predictors.Value(a, &t.gamma)
	predictors.Slice(a, &t.suffix)
	predictors.Slice(a, &t.oldest)
	if a.Reading() && a.Err() == nil {
		a.Fail(t.checkSaved())
	}
	if a.Err() == nil {
		t.counts.fields(a, len(t.suffix), t.a)
	}
	if !a.Reading() {
		return
	}
	if a.Err() == nil {
		a.Fail(t.addUp())
	}
	if a.Err() != nil {
		t.choice = t.given()
		t.plant()
		return
	}
	t.automaton()
}

// addUp derives N(s) from N(sσ).
func (t *suffixTree) addUp() error {
	t.total = make([]uint32, len(t.suffix))
	for _, e := range t.counts.list[1:] {
		if t.total[e.owner] += e.value; t.total[e.owner] < e.value {
			return fmt.Errorf("pst: the saved counts of context %d sum to more than %d", e.owner, uint32(math.MaxUint32))
		}
	}
	return nil
}

// checkSaved refuses what is no tree of this alphabet and depth: contexts are
// saved after their suffixes.
func (t *suffixTree) checkSaved() error {
	if !(t.gamma > 0) || t.gamma*float64(t.a) >= 1 {
		return fmt.Errorf("pst: the saved gamma = %v, want above 0 and below 1/A = %v", t.gamma, 1/float64(t.a))
	}
	if len(t.suffix) < 1 || len(t.oldest) != len(t.suffix) {
		return fmt.Errorf("pst: %d suffixes and %d symbols saved, want as many, ≥ 1", len(t.suffix), len(t.oldest))
	}
	length := make([]int, len(t.suffix))
	for c := 1; c < len(t.suffix); c++ {
		if int(t.suffix[c]) >= c || int(t.oldest[c]) >= t.a {
			return fmt.Errorf("pst: saved context %d has suffix %d and symbol %d, want below %d and %d", c, t.suffix[c], t.oldest[c], c, t.a)
		}
		if length[c] = length[t.suffix[c]] + 1; length[c] > maxDepth {
			return fmt.Errorf("pst: saved context %d has %d symbols, want at most %d", c, length[c], maxDepth)
		}
	}
	return nil
}
