package lempelziv

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/bits"

	"horizon/predictors"
)

// Copy experts, the expert model (XM) of Cao, Dix, Allison & Mears 2007 (DCC,
// pp. 43-52), made for DNA. A copy expert is an earlier position laid beside
// the present one: proposed when the last h symbols before both are equal, it
// says that the text goes on as it did there. Of its last w predictions
// (fewer, n, if it is younger), k were right, and
//
//	P_e(x) = r + (1−r) rest(x) if x is its symbol, else (1−r) rest(x)
//	r = (k+1)/(n+2)
//
// The listened-to experts are averaged by the likelihood L_e that the last n
// symbols give to "k of n", ∫ r^k (1−r)^(n−k) dr = k!(n−k)!/(n+1)!, and to what
// the misses were by the rest. The average is one of up to three experts that
// are themselves averaged by the likelihood of what they said over the last w
// symbols:
//
//	P(x) = Σ_j v_j P_j(x),  v_j ∝ Π_{last w} P_j(x_i)
//
// The other two are a context model of order m and, as in the authors'
// program, contexts of one symbol over the last symbols of the walk ("local").
// An expert is listened to while its L_e is at least 2^(θw) times that of the
// context model; one not listened to for so many symbols in a row ("chances")
// is dropped, and the average of all copies starts 2^(θw) behind. With
// reverse_complement there are copies that run backwards over the complement,
// A−1−x for acgt in this order.
//
// Departures. rest = "context" gives the rest of an expert to the context
// model's law, its own symbol's share included; "uniform" is the authors':
// 1/(A−1) for each other symbol, which leaves P_e(x) = r for its own. They
// count hits over an expert's whole life, and let an expert of n < w
// predictions stand as if it had said 1/A before. What is remembered of a text
// may be bounded: the latest symbols; what was observed and not learned is
// no memory, so that a frozen predictor copies from the training text only.
//
// Learn and Prob take O(m + h + w·experts), Predict A more.

// A CopyExpertsConfig configures the kind "copy-experts".
type CopyExpertsConfig struct {
	CopyOptions
	// Window is w, 1 to 64.
	Window int `toml:"window"`
	// Experts bounds the copy experts of each direction, ≥ 1.
	Experts int `toml:"experts"`
	// Threshold is θ in bits a symbol.
	Threshold float64 `toml:"threshold"`
	// Chances is how long an expert is kept that is not listened to, 0 to 255.
	Chances int `toml:"chances"`
	// Local is how many of the last symbols the local contexts count, 0 to
	// 4096; 0 does without.
	Local int `toml:"local"`
	// Rest is who gets what an expert leaves, "context" or "uniform".
	Rest string `toml:"rest"`
	// ReverseComplement adds copies that run backwards over the complement.
	ReverseComplement bool `toml:"reverse_complement"`
}

// DefaultCopyExperts is for text; the numbers did best on the validation part
// of Opticks within 1 MiB, among a few.
func DefaultCopyExperts() predictors.Config {
	return &CopyExpertsConfig{CopyOptions: CopyOptions{Order: 6, Seed: 8, Share: 0.9},
		Window: 32, Experts: 32, Threshold: 0.1, Chances: 10, Rest: "context"}
}

// TinyCopyExperts uses all there is, on small numbers.
func TinyCopyExperts() predictors.Config {
	return &CopyExpertsConfig{CopyOptions: CopyOptions{Order: 1, Seed: 4, Share: 0.5},
		Window: 8, Experts: 6, Threshold: 0.05, Chances: 3, Local: 16, Rest: "uniform", ReverseComplement: true}
}

// New returns a predictor that remembers nothing.
func (c *CopyExpertsConfig) New(env predictors.Env) (predictors.Predictor, error) {
	m, err := c.model("copy-experts", env)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Window < 1 || c.Window > copyLongest:
		return nil, fmt.Errorf("copy-experts: window = %d, want 1 to %d", c.Window, copyLongest)
	case c.Experts < 1:
		return nil, fmt.Errorf("copy-experts: experts = %d, want ≥ 1", c.Experts)
	case !(math.Abs(c.Threshold) <= 8):
		return nil, fmt.Errorf("copy-experts: threshold = %v bits, want −8 to 8", c.Threshold)
	case c.Chances < 0 || c.Chances > 255:
		return nil, fmt.Errorf("copy-experts: chances = %d, want 0 to 255", c.Chances)
	case c.Local < 0 || c.Local > 4096:
		return nil, fmt.Errorf("copy-experts: local = %d, want 0 to 4096", c.Local)
	case c.Rest != "context" && c.Rest != "uniform":
		return nil, fmt.Errorf("copy-experts: rest = %q, want \"context\" or \"uniform\"", c.Rest)
	}
	p := &copyExperts{copyWalk: newCopyWalk(m, c.Experts), expertRules: newExpertRules(c, env.Alphabet)}
	if c.ReverseComplement {
		p.backward = newAlignments(c.Experts, true)
	}
	p.votes = make([]expertVote, 0, 2*c.Experts)
	p.recent = make([]predictors.Symbol, c.Local)
	p.Reset()
	return p, nil
}

// expertRules do not change.
type expertRules struct {
	window, chances int
	threshold       float64 // θw in nats
	uniform         float64 // 1/(A−1), or 0 where the context model gets the rest
	// odds[n][k] is ln k!(n−k)!/(n+1)!.
	odds [][]float64
}

func newExpertRules(c *CopyExpertsConfig, a int) *expertRules {
	r := &expertRules{window: c.Window, chances: c.Chances, threshold: c.Threshold * float64(c.Window) * math.Ln2}
	if c.Rest == "uniform" {
		r.uniform = 1 / float64(max(a-1, 1))
	}
	factorial := func(n int) float64 { l, _ := math.Lgamma(float64(n + 1)); return l }
	for n := range c.Window + 1 {
		row := make([]float64, n+1)
		for k := range row {
			row[k] = factorial(k) + factorial(n-k) - factorial(n+1)
		}
		r.odds = append(r.odds, row)
	}
	return r
}

// The experts that are averaged in the end.
const (
	contextExpert = iota
	localExpert
	copyExpert
	expertCount
)

// An expertVote is what the copy experts for one symbol weigh together.
type expertVote struct {
	symbol predictors.Symbol
	own    float64 // Σ L r
	rest   float64 // Σ L (1−r)
}

type copyExperts struct {
	copyWalk
	*expertRules
	// said[j][i] is ln P_j of the symbol i steps back, a ring from at.
	said   [expertCount][copyLongest]float64
	at     int
	recent []predictors.Symbol // of the local contexts, a ring
	heard  int                 // symbols since Reset

	votes   []expertVote // of those listened to, by symbol
	total   float64      // Σ L
	squares float64      // Σ (L r)²
	longest int
	weight  [expertCount]float64 // v

	// What Prob found last, for the Observe that follows it.
	asked int // 1 + the symbol, or 0
	gave  [expertCount]float64
}

// Reset forgets the walk.
func (p *copyExperts) Reset() {
	p.reset()
	p.said, p.at, p.heard = [expertCount][copyLongest]float64{}, 0, 0
	p.listen()
}

// Fork copies the walk.
func (p *copyExperts) Fork() predictors.Predictor {
	f := *p
	f.copyWalk = p.fork()
	f.votes = append(make([]expertVote, 0, cap(p.votes)), p.votes...)
	f.recent = append([]predictors.Symbol(nil), p.recent...)
	return &f
}

// Observe goes past x.
func (p *copyExperts) Observe(x predictors.Symbol) { p.pass(x, false) }

// Learn remembers x and counts it in the context model.
func (p *copyExperts) Learn(x predictors.Symbol) {
	if p.forked {
		panic("copy-experts: a fork does not learn")
	}
	p.pass(x, true)
}

func (p *copyExperts) pass(x predictors.Symbol, learns bool) {
	p.ask(x)
	p.at = (p.at + copyLongest - 1) % copyLongest
	for j, law := range p.gave {
		p.said[j][p.at] = math.Log(law)
	}
	p.move(x, learns)
	if len(p.recent) > 0 {
		p.recent[p.heard%len(p.recent)] = x
	}
	p.heard++
	p.listen()
}

// ask sets what the three give x.
func (p *copyExperts) ask(x predictors.Symbol) {
	if p.asked == int(x)+1 {
		return
	}
	context := p.base.prob(x)
	p.gave = [expertCount]float64{context, p.local(x, context), p.copied(x, context)}
	p.asked = int(x) + 1
}

// local is the law of the symbols that followed the last one lately, the
// context model's counting as one symbol more.
func (p *copyExperts) local(x predictors.Symbol, context float64) float64 {
	n := len(p.recent)
	if n == 0 || p.heard == 0 {
		return context
	}
	last := p.recent[(p.heard-1)%n]
	met, hits := 0, 0
	for i := max(0, p.heard-n); i < p.heard-1; i++ {
		if p.recent[i%n] == last {
			if met++; p.recent[(i+1)%n] == x {
				hits++
			}
		}
	}
	return (float64(hits) + context) / float64(met+1)
}

// copied is the copy experts' law, or the context model's if none is heard.
func (p *copyExperts) copied(x predictors.Symbol, context float64) float64 {
	if p.total == 0 {
		return context
	}
	own, rest, mine := 0.0, 0.0, 0.0
	for i := range p.votes {
		v := &p.votes[i]
		if rest += v.rest; v.symbol == x {
			own, mine = v.own, v.rest
		}
	}
	if p.uniform > 0 && len(p.votes) > 0 && p.grams.a > 1 {
		return (own + (rest-mine)*p.uniform) / p.total
	}
	return (own + rest*context) / p.total
}

// listen hears every copy expert and weighs the three.
func (p *copyExperts) listen() {
	p.asked = 0
	p.votes, p.total, p.squares, p.longest = p.votes[:0], 0, 0, 0
	p.hear(&p.forward)
	p.hear(&p.backward)
	best := math.Inf(-1)
	var log [expertCount]float64
	for j := range log {
		for i := range min(p.window, p.heard) {
			log[j] += p.said[j][(p.at+i)%copyLongest]
		}
	}
	log[copyExpert] -= max(0, p.threshold)
	if len(p.recent) == 0 {
		log[localExpert] = math.Inf(-1)
	}
	if p.total == 0 {
		log[copyExpert] = math.Inf(-1)
	}
	for _, l := range log {
		best = max(best, l)
	}
	sum := 0.0
	for j, l := range log {
		p.weight[j] = math.Exp(l - best)
		sum += p.weight[j]
	}
	for j := range p.weight {
		p.weight[j] /= sum
	}
}

// hear weighs the experts of one direction, and drops those that fail.
func (p *copyExperts) hear(l *alignments) {
	kept := l.list[:0]
	for i := range l.list {
		v := l.list[i]
		likelihood, rate := p.likelihood(&v)
		if likelihood < p.threshold {
			if int(v.idle) >= p.chances {
				continue
			}
			v.idle++
		} else {
			v.idle = 0
			p.vote(p.memory.symbol(&v, l.reverse), math.Exp(min(likelihood, 300)), rate)
			p.longest = max(p.longest, bits.TrailingZeros64(v.differ))
		}
		kept = append(kept, v)
	}
	l.list = kept
}

// likelihood is ln L_e less the context model's, and r.
func (p *copyExperts) likelihood(v *alignment) (log, rate float64) {
	n := min(p.window, int(v.age))
	window := ^uint64(0) >> (64 - n)
	misses := bits.OnesCount64(v.differ & window)
	log = p.odds[n][n-misses]
	rate = float64(n-misses+1) / float64(n+2)
	said := &p.said[contextExpert]
	if p.uniform > 0 {
		for i := range n {
			log -= said[(p.at+i)%copyLongest]
		}
		return log + float64(misses)*math.Log(p.uniform), rate
	}
	for hits := ^v.differ & window; hits != 0; hits &= hits - 1 {
		log -= said[(p.at+bits.TrailingZeros64(hits))%copyLongest]
	}
	return log, rate
}

func (p *copyExperts) vote(x predictors.Symbol, likelihood, rate float64) {
	own, rest := likelihood*rate, likelihood*(1-rate)
	p.total += likelihood
	p.squares += own * own
	for i := range p.votes {
		if v := &p.votes[i]; v.symbol == x {
			v.own += own
			v.rest += rest
			return
		}
	}
	p.votes = append(p.votes, expertVote{x, own, rest})
}

// Prob is P(x).
func (p *copyExperts) Prob(x predictors.Symbol) float64 {
	p.ask(x)
	sum := 0.0
	for j, law := range p.gave {
		sum += float64(p.weight[j] * law)
	}
	return sum
}

// Predict sets probs[x] = P(x).
func (p *copyExperts) Predict(probs []float64) {
	p.base.predict(probs)
	local, met := p.weight[localExpert], 0
	n := len(p.recent)
	if local > 0 && p.heard > 0 {
		last := p.recent[(p.heard-1)%n]
		for i := max(0, p.heard-n); i < p.heard-1; i++ {
			if p.recent[i%n] == last {
				met++
			}
		}
	}
	rest, uniform := 0.0, 0.0
	if p.total > 0 {
		for _, v := range p.votes {
			rest += p.weight[copyExpert] * v.rest / p.total
		}
	}
	if p.uniform > 0 && p.grams.a > 1 {
		rest, uniform = 0, rest*p.uniform
	}
	scale := p.weight[contextExpert] + local/float64(met+1) + rest
	for x := range probs {
		probs[x] = float64(scale*probs[x]) + uniform
	}
	if met > 0 {
		p.addLocal(probs, local/float64(met+1))
	}
	for _, v := range p.votes {
		own := v.own
		if uniform > 0 {
			own -= v.rest * p.uniform
		}
		probs[v.symbol] += float64(p.weight[copyExpert] * own / p.total)
	}
}

func (p *copyExperts) addLocal(probs []float64, unit float64) {
	n := len(p.recent)
	last := p.recent[(p.heard-1)%n]
	for i := max(0, p.heard-n); i < p.heard-1; i++ {
		if p.recent[i%n] == last {
			probs[p.recent[(i+1)%n]] += unit
		}
	}
}

// Fit learns the training part, forgets what does not fit and tunes the
// context model.
func (p *copyExperts) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if err := p.train(ctx, d, report); err != nil {
		return fmt.Errorf("copy-experts: %w", err)
	}
	p.Reset()
	return nil
}

// Evidence: Match is the longest run of equal symbols of an expert listened
// to, or the context model's; Fallback what the context model leaves, the
// local contexts' and the experts' rest.
func (p *copyExperts) Evidence() predictors.Evidence {
	e := p.base.evidence()
	if p.total == 0 {
		return e
	}
	own := 0.0
	for _, v := range p.votes {
		own += v.own
	}
	v := p.weight[copyExpert]
	copies, context := v*own/p.total, p.weight[contextExpert]
	squares := v * v * p.squares / (p.total * p.total)
	counted := context * (1 - e.Fallback)
	if e.Effective > 0 {
		squares += counted * counted / e.Effective
	}
	return predictors.Evidence{Match: max(e.Match, float64(p.longest)),
		Effective: (copies + counted) * (copies + counted) / squares, Fallback: 1 - copies - counted}
}

// Ops counts the training, and estimates a symbol with five experts.
func (p *copyExperts) Ops() (train, perSymbol float64) {
	return p.ops + p.grams.ops, p.grams.opsPerSymbol() + float64(p.memory.seed+len(p.recent)+5*p.window)
}

// Describe counts what is remembered.
func (p *copyExperts) Describe() map[string]float64 { return p.describe() }

// WriteTo writes counts and memory.
func (p *copyExperts) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, p.fields)
}

// ReadFrom replaces them.
func (p *copyExperts) ReadFrom(r io.Reader) (int64, error) {
	return predictors.ReadArchive(r, p.fields)
}
