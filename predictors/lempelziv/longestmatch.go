package lempelziv

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
)

// Prediction by the longest match, the model behind LZ77 (Ziv & Lempel 1977),
// which copies what followed the longest earlier occurrence of what comes
// next; here, of what has just come. With c_l the last l symbols, N_l and
// n_l(x) the number of times c_l was followed by a symbol and by x in what has
// been learned, and L the largest l ≤ M with N_l > 0,
//
//	q(x) = n_L(x)/N_L
//
// is the infini-gram of Liu et al. 2024, which is 0 for most symbols. It backs
// off to the shorter suffixes, of lengths L = l_0 > l_1 > … > l_m = 0, the
// largest of each N_l above the one before, since contexts with the same
// occurrences are one piece of evidence and not many:
//
//	dirichlet    p_i(x) = (n(x) + γ p_{i+1}(x)) / (N + γ)
//	kneser-ney   p_i(x) = (max(n(x) − D(n(x)), 0) + Σ_y D(n(y)) p_{i+1}(x)) / N
//
// with p_{m+1} = 1/A (MacKay & Peto 1995; Kneser & Ney 1995). In the second,
// n at l_0 is as above and at i > 0 the number of different symbols that came
// before c_l x, a document's beginning being one for itself; D has values for
// counts of 1, 2 and 3 or more (Chen & Goodman 1999), others at l_0 than at
// i > 0. γ and D depend on the length as well, and are tuned on the validation
// part: matches of 20 symbols want larger ones than those of 3. γ → 0 gives the
// infini-gram where that is not 0.
//
// LZ77's window W: only the last W symbols learned are counted, each with all
// the context it had. Its minimum match m: lengths from 1 to m − 1 have no part,
// as it codes literals without context where no match is longer. LZ77 takes the
// latest of the longest matches, this all of them.
//
// Contexts begin with a document. Departure: so do those of what is learned
// after Observe, until another Reset; what was only observed is no text.
//
// The counts are those of a suffix automaton (longestmatch_text.go). Learn
// takes O(1) amortised steps to grow it and one look-up for each class of
// contexts that the symbol is counted in; so do Prob with dirichlet, and
// Observe, amortised, O(1). Those classes are some ten on text, and M at most, as in a run of
// one symbol. Predict adds the followers of each class; so does Prob with
// kneser-ney. Space is about 70 bytes a symbol of English, 8 bytes a class more
// with kneser-ney, twice that with a window.

// An LZ77Config configures the kind "lz77".
type LZ77Config struct {
	// Backoff is "dirichlet" or "kneser-ney".
	Backoff string `toml:"backoff"`
	// Gamma is one γ > 0 for all lengths, what the shorter contexts together
	// weigh against N. 0 tunes γ, length by length, on the validation part, and
	// is 1 where there is none.
	Gamma float64 `toml:"gamma"`
	// Discount is one D for all counts and lengths, above 0 and below 1. 0 tunes
	// them on the validation part; where there is none they are ½, 1 and 3/2.
	Discount float64 `toml:"discount"`
	// Window is W in symbols; 0 counts all that was learned.
	Window int `toml:"window"`
	// MinMatch is m; 0 or 1 uses matches of any length.
	MinMatch int `toml:"min_match"`
	// Longest is M, the longest context used; 0 is no bound.
	Longest int `toml:"longest"`
}

// DefaultLZ77 has deflate's longest match.
func DefaultLZ77() predictors.Config { return &LZ77Config{Backoff: "kneser-ney", Longest: 258} }

// TinyLZ77 has a small window.
func TinyLZ77() predictors.Config {
	return &LZ77Config{Backoff: "kneser-ney", Window: 2000, Longest: 32}
}

// New returns a predictor that has learned nothing and predicts uniformly.
func (c *LZ77Config) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("lz77", env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	m := &lz77Model{matchText: newMatchText("lz77", env.Alphabet, c.Longest, c.Window), least: max(c.MinMatch, 1), kn: c.Backoff == "kneser-ney"}
	m.tune = m.kn && c.Discount == 0 || !m.kn && c.Gamma == 0
	m.start(c.Gamma, c.Discount)
	if m.kn {
		m.left = new(matchLefts)
		m.left.reset(m.matchText)
	}
	return &lz77{lz77Model: m, learner: true}, nil
}

func (c *LZ77Config) check() error {
	switch {
	case c.Backoff != "dirichlet" && c.Backoff != "kneser-ney":
		return fmt.Errorf(`lz77: backoff = %q, want "dirichlet" or "kneser-ney"`, c.Backoff)
	case !(c.Gamma >= 0 && c.Gamma <= 1e9):
		return fmt.Errorf("lz77: gamma = %v, want > 0 and at most 10⁹, or 0 to tune it on the validation part", c.Gamma)
	case !(c.Discount >= 0 && c.Discount < 1):
		return fmt.Errorf("lz77: discount = %v, want > 0 and < 1, or 0 to tune six on the validation part", c.Discount)
	case c.Window < 0 || c.Window > math.MaxInt32/2:
		return fmt.Errorf("lz77: window = %d, want 1 to %d, or 0 for none", c.Window, math.MaxInt32/2)
	case c.MinMatch < 0 || c.Longest > 0 && c.MinMatch > c.Longest:
		return fmt.Errorf("lz77: min_match = %d, want 0 to longest = %d", c.MinMatch, c.Longest)
	}
	return checkLongest("lz77", c.Longest, c.Window > 0)
}

// checkLongest refuses a longest context out of range; one must be given where
// text is dropped, as contexts reach that far before what is counted.
func checkLongest(kind string, longest int, needed bool) error {
	if longest < 0 || longest > math.MaxInt32/2 {
		return fmt.Errorf("%s: longest = %d, want 1 to %d, or 0 for no bound", kind, longest, math.MaxInt32/2)
	}
	if longest == 0 && needed {
		return fmt.Errorf("%s: longest = 0, no bound, with a window: want at least 1", kind)
	}
	return nil
}

// lz77Model is the parameters.
type lz77Model struct {
	*matchText
	least int // m
	kn    bool
	tune  bool
	// gammas are γ by length; or discounts D of counts 1, 2, and 3 or more, by
	// length, of the longest contexts and then of the others.
	gammas    []float64
	discounts []float64
}

// Lengths that share a γ or a discount: those from matchLengths[i] on.
var matchLengths = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 17, 25, 40}

func matchBucket(length int) int {
	i := len(matchLengths) - 1
	for length < matchLengths[i] {
		i--
	}
	return i
}

// discountsAt is where the discounts of a level are.
func discountsAt(top bool, bucket int) int {
	if !top {
		bucket += len(matchLengths)
	}
	return 3 * bucket
}

// start sets γ and the discounts as given, or to where tuning starts.
func (m *lz77Model) start(gamma, discount float64) {
	if !m.kn {
		m.gammas = make([]float64, len(matchLengths))
		for i := range m.gammas {
			if m.gammas[i] = gamma; gamma == 0 {
				m.gammas[i] = 1
			}
		}
		return
	}
	m.discounts = make([]float64, 2*3*len(matchLengths))
	for i := range m.discounts {
		if m.discounts[i] = discount; discount == 0 {
			m.discounts[i] = 0.5 * float64(i%3+1)
		}
	}
}

// lz77 is a place in it.
type lz77 struct {
	*lz77Model
	matchPlace
	learner bool
	memo    []matchMemo // of wide contexts, by hash
}

// A matchPlace is a predictor's state. While it learns on from where it is,
// its spot is that of the text's end.
type matchPlace struct {
	at      contexts.Spot
	writing bool // the last step was Learn
}

// observe moves on over x.
func (p *matchPlace) observe(m *matchText, x predictors.Symbol) {
	p.at, p.writing = m.Follow(p.at, x, m.longest), false
}

// learn moves on over x and learns it.
func (p *matchPlace) learn(m *matchText, x predictors.Symbol) {
	if !p.writing {
		m.begin()
		p.writing = true
	}
	together := p.at == m.pen
	if !together {
		p.at = m.Follow(p.at, x, m.longest)
	}
	m.add(x)
	m.Settle(&p.at)
	if m.shrink() || together || p.at.Length <= m.pen.Length {
		p.at = m.pen
	}
}

func (p *lz77) Alphabet() int { return p.a }

func (p *lz77) Reset() { p.matchPlace = matchPlace{} }

func (p *lz77) Fork() predictors.Predictor {
	return &lz77{lz77Model: p.lz77Model, matchPlace: matchPlace{at: p.at}}
}

func (p *lz77) Observe(x predictors.Symbol) { p.observe(p.matchText, x) }

// Learn counts x in all contexts.
func (p *lz77) Learn(x predictors.Symbol) {
	if !p.learner {
		panic("lz77: a fork does not learn")
	}
	p.learn(p.matchText, x)
}

// State is the match: the class and, within it, the length.
func (p *matchPlace) State(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, p.at.Class)
	return binary.LittleEndian.AppendUint64(b, uint64(p.at.Length))
}

// A matchLevel is a context with its counts: the class c, of which the context
// is at most length symbols long.
type matchLevel struct {
	c      uint32
	length int
	total  uint32 // N
	top    bool   // it is the longest
}

// first is the level of the longest match; ok is false if nothing was learned.
func (m *matchText) first(s contexts.Spot, least int) (matchLevel, bool) {
	return m.down(s.Class, s.Length, 0, least)
}

// next is the level below v.
func (m *matchText) next(v *matchLevel, least int) (matchLevel, bool) {
	if v.c == 0 {
		return matchLevel{}, false
	}
	c := m.List[v.c].Suffix
	return m.down(c, int(m.Length[c]), v.total, least)
}

// down goes from class c on to the first with N above total whose context is
// at least least long or empty.
func (m *matchText) down(c uint32, length int, total uint32, least int) (matchLevel, bool) {
	for {
		if n := m.List[c].Total; n > total && (length >= least || length == 0) {
			return matchLevel{c, length, n, total == 0}, true
		}
		if c == 0 {
			return matchLevel{}, false
		}
		c = m.List[c].Suffix
		length = int(m.Length[c])
	}
}

// Prob goes from the longest context to the empty one.
func (p *lz77) Prob(x predictors.Symbol) float64 {
	prob, weight := 0.0, 1.0
	for v, ok := p.first(p.at, p.least); ok; v, ok = p.next(&v, p.least) {
		s := p.shares(&v)
		if y := p.Find(v.c, uint32(x)); y != nil {
			prob += weight * s.own(p.seen(&v, y))
		}
		weight *= s.back
	}
	return prob + weight/float64(p.a)
}

// Predict does so for all symbols at once.
func (p *lz77) Predict(probs []float64) {
	clear(probs)
	weight := 1.0
	for v, ok := p.first(p.at, p.least); ok; v, ok = p.next(&v, p.least) {
		s, all := p.shares(&v), p.Of(v.c)
		for i := range all {
			probs[all[i].Symbol] += weight * s.own(p.seen(&v, &all[i]))
		}
		weight *= s.back
	}
	for x := range probs {
		probs[x] += weight / float64(p.a)
	}
}

// seen is the count of y in level v.
func (m *lz77Model) seen(v *matchLevel, y *contexts.Successor) uint32 {
	if m.kn && !v.top && y.Count > 0 {
		return m.left.before(m.matchText, v.c, y)
	}
	return y.Count
}

// matchCounts are the counts of a level: all that its shares depend on.
type matchCounts struct {
	total  uint32
	kinds  [3]uint32 // symbols with counts of 1, 2, and 3 or more
	bucket uint8
	top    bool
}

// counts adds up a level's. With dirichlet, the total is all that matters.
func (m *lz77Model) counts(v *matchLevel) matchCounts {
	e := matchCounts{top: v.top, bucket: uint8(matchBucket(v.length))}
	if !m.kn {
		e.total = v.total
		return e
	}
	all := m.Of(v.c)
	for i := range all {
		if n := m.seen(v, &all[i]); n > 0 {
			e.total += n
			e.kinds[min(n, 3)-1]++
		}
	}
	return e
}

// matchShares are what a level gives to a symbol, and to the level below.
type matchShares struct {
	total     float64
	discounts []float64 // nil for none
	back      float64
}

func (s *matchShares) own(n uint32) float64 {
	switch {
	case n == 0:
		return 0
	case s.discounts == nil:
		return float64(n) / s.total
	}
	return (float64(n) - s.discounts[min(n, 3)-1]) / s.total
}

// weigh turns counts into shares.
func (m *lz77Model) weigh(e *matchCounts) matchShares {
	if !m.kn {
		gamma := m.gammas[e.bucket]
		total := float64(e.total) + gamma
		return matchShares{total: total, back: gamma / total}
	}
	at := discountsAt(e.top, int(e.bucket))
	s := matchShares{total: float64(e.total), discounts: m.discounts[at : at+3]}
	for j, n := range e.kinds {
		s.back += s.discounts[j] * float64(n) / s.total
	}
	return s
}

// A matchMemo is the counts of a context with many followers, which stay what
// they are until a symbol is learned.
type matchMemo struct {
	class   uint32
	learned float64
	counts  matchCounts
}

const matchMemoBits = 10

func (p *lz77) shares(v *matchLevel) matchShares {
	if !p.kn || p.List[v.c].N < 8 || v.top {
		e := p.counts(v)
		return p.weigh(&e)
	}
	if p.memo == nil {
		p.memo = make([]matchMemo, 1<<matchMemoBits)
	}
	n := &p.memo[v.c*0x9e3779b1>>(32-matchMemoBits)]
	if n.learned != p.learned || n.class != v.c {
		*n = matchMemo{v.c, p.learned, p.counts(v)}
	}
	return p.weigh(&n.counts)
}

// Evidence is the length of the longest match and, with dirichlet, what the
// weights of positions come to: in each level they share N/(N + γ) of what the
// longer ones leave. The empty context is no one's evidence.
func (p *lz77) Evidence() predictors.Evidence {
	e := predictors.Evidence{Fallback: 1}
	sum, squares := 0.0, 0.0
	for v, ok := p.first(p.at, p.least); ok && v.length > 0; v, ok = p.next(&v, p.least) {
		if v.top {
			e.Match = float64(v.length)
		}
		s := p.shares(&v)
		// A level's positions are those of the longer ones and others, so that
		// Σ (w + u)² = Σ w² + 2u Σ w + N u².
		u := e.Fallback / s.total
		squares += 2*u*sum + float64(v.total)*u*u
		sum += float64(v.total) * u
		e.Fallback *= s.back
	}
	if p.kn {
		e.Effective = math.NaN()
	} else if squares > 0 {
		e.Effective = sum * sum / squares
	}
	return e
}

// Describe reports γ or the discounts by the length from which on they apply,
// and the size of text and automaton.
func (m *lz77Model) Describe() map[string]float64 {
	out := map[string]float64{"symbols": float64(len(m.text)), "contexts": float64(len(m.List))}
	for i, g := range m.gammas {
		out[fmt.Sprintf("gamma_%d", matchLengths[i])] = g
	}
	for i, d := range m.discounts {
		name, bucket := "match", i/3
		if bucket >= len(matchLengths) {
			name, bucket = "back", bucket-len(matchLengths)
		}
		out[fmt.Sprintf("d%d_%s_%d", i%3+1, name, matchLengths[bucket])] = d
	}
	return out
}

// WriteTo writes the text, γ and the discounts.
func (m *lz77Model) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them, and makes the automaton again.
func (m *lz77Model) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *lz77Model) fields(a *predictors.Archive) {
	gammas, discounts := m.gammas, m.discounts
	predictors.Slice(a, &gammas)
	predictors.Slice(a, &discounts)
	m.save(a)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(gammas) != len(m.gammas) || len(discounts) != len(m.discounts) {
		a.Fail(fmt.Errorf("lz77: %d saved gammas and %d discounts, want %d and %d", len(gammas), len(discounts), len(m.gammas), len(m.discounts)))
		return
	}
	for i, g := range gammas {
		if !(g > 0) || math.IsInf(g, 1) {
			a.Fail(fmt.Errorf("lz77: the saved gamma %d = %v, want > 0", i, g))
			return
		}
	}
	for i, d := range discounts {
		if !(d > 0 && d < float64(i%3+1)) {
			a.Fail(fmt.Errorf("lz77: the saved discount %d = %v, want > 0 and < %d", i, d, i%3+1))
			return
		}
	}
	m.gammas, m.discounts = gammas, discounts
}
