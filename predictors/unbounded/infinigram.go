package unbounded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"horizon/predictors"
)

// The infini-gram (Liu et al. 2024, arXiv 2401.17377, section 3): with c_l the
// last l symbols, N_l the number of times c_l was followed by a symbol of the
// same training document, n_l(x) by x, and L the largest l with N_l > 0,
//
//	q(x) = n_L(x)/N_L
//
// which is 0 for most symbols, and so no probability assignment for texts. It
// becomes one by backing off through the shorter contexts:
//
//	witten-bell  p_l(x) = (n_l(x) + τ T_l p_{l'}(x)) / (N_l + τ T_l)
//	dirichlet    p_l(x) = (n_l(x) + τ p_{l'}(x)) / (N_l + τ)
//	longest      p(x) = (1 − τ) q(x) + τ p_0(x), p_0 as by witten-bell, τ = 1
//
// where T_l is the number of different followers, p_{−1} = 1/A, and l' is the
// largest length below l with N_{l'} > N_l. Lengths with equal N_l have the
// same occurrences and are one piece of evidence, not many: a departure from
// Witten & Bell 1991, who know few lengths. τ is tuned on the validation part.
//
// The counts come from a suffix array of the training text, documents
// separated. A context is the interval of its occurrences, and one that is one
// symbol longer on the right lies within it. So the state is the intervals of
// all l with different N_l, each narrowed by two binary searches when a symbol
// comes; the longest that is not empty is c_L. There are as many intervals as
// different N_l: about log n in text, up to n in a run of one symbol.
//
// Learn leaves the array as it is. The symbols learned are a second text, kept
// as the tree of its contexts, which grows by a symbol at a time and counts
// exactly (infinigram_learned.go). N_l and n_l are sums over both texts, T_l is
// the size of the union, and L the longer of the two matches. No occurrence
// straddles the border: the learned text begins a new document, and so does
// what is learned after Reset. What is learned after Observe has as its context
// the longest suffix of the past that the learned text had. τ stays as fitted.
//
// Fit is O(n) (suffixarray.go). Prob and Observe are O(levels · log n), Predict
// O(different followers of the levels · log n); T_l of wide intervals are
// remembered. Once symbols were learned, all take O(longest learned match) in
// addition, and Learn does: a run of n equal symbols takes n²/2 steps. Space is
// 8 bytes a fitted symbol, 1/4 byte more while fitting, and about 120 bytes a
// learned one, of which the counts of Kneser and Ney are not needed here.

// An InfiniGramConfig configures the kind "infini-gram".
type InfiniGramConfig struct {
	// Backoff is "witten-bell", "dirichlet" or "longest".
	Backoff string `toml:"backoff"`
	// Tau is τ > 0, below 1 for longest; 0 tunes it on the validation part, and
	// is 1, 1 and 0.1 where there is none.
	Tau float64 `toml:"tau"`
}

// DefaultInfiniGram is Witten-Bell's.
func DefaultInfiniGram() predictors.Config { return &InfiniGramConfig{Backoff: "witten-bell"} }

// TinyInfiniGram is the same: there is nothing to make small.
func TinyInfiniGram() predictors.Config { return DefaultInfiniGram() }

// New returns a predictor of an empty text, which predicts uniformly.
func (c *InfiniGramConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("infini-gram", env.Alphabet); err != nil {
		return nil, err
	}
	rule, ok := backoffs[c.Backoff]
	if !ok {
		return nil, fmt.Errorf("infini-gram: backoff = %q, want \"witten-bell\", \"dirichlet\" or \"longest\"", c.Backoff)
	}
	if !(c.Tau >= 0 && c.Tau <= rule.most) {
		return nil, fmt.Errorf("infini-gram: tau = %v, want > 0 and at most %v, or 0 to tune it on the validation part", c.Tau, rule.most)
	}
	g := &array{learned: newLearned(env.Alphabet), a: env.Alphabet, rule: rule, tau: c.Tau, tune: c.Tau == 0}
	if g.tune {
		g.tau = rule.start
	}
	g.index(nil)
	p := &infiniGram{array: g}
	p.Reset()
	return p, nil
}

type rule struct {
	name        int
	start, most float64 // τ untuned, and at most
}

const (
	wittenBell = iota
	dirichlet
	longest
)

var backoffs = map[string]rule{
	"witten-bell": {wittenBell, 1, 1000},
	"dirichlet":   {dirichlet, 1, 1e6},
	"longest":     {longest, 0.1, 0.999},
}

// array is the parameters.
type array struct {
	a    int
	rule rule
	tau  float64
	tune bool
	text []int32 // symbol + 1, 0 after each document
	sa   []int32
	from int // sa[from:] are the suffixes that begin with a symbol
	// first[x] is where the suffixes that begin with x begin; first[a] the end.
	first   []int32
	learned learned
	kinds   int // of the empty context, in both texts

	budget int64   // bytes; 0 for no bound
	work   float64 // operations of learning
}

// index sorts the text.
func (g *array) index(text []int32) {
	g.text = text
	g.sa = make([]int32, len(text))
	separators := 0
	for _, s := range text {
		if s == 0 {
			separators++
		}
	}
	if len(text) > 0 {
		// Sorting wants a single 0, at the end: separators but the last sort
		// above the symbols while it lasts.
		for i, s := range text[:len(text)-1] {
			if s == 0 {
				text[i] = int32(g.a) + 1
			}
		}
		sortSuffixes(text, g.sa, g.a+2)
		for i, s := range text {
			if int(s) == g.a+1 {
				text[i] = 0
			}
		}
		// They are the last in the array then, and the final one the first.
		g.sa = g.sa[1 : len(text)-separators+1]
	}
	g.first = make([]int32, g.a+1)
	for i := range g.sa {
		g.first[text[g.sa[i]]]++ // symbol + 1
	}
	g.kinds = 0
	for x := range g.a {
		g.first[x+1] += g.first[x]
		if g.occurs(symbol(x)) {
			g.kinds++
		}
	}
}

// A level is an interval of the array: the occurrences of a context, without
// those at a document's end. length is the shortest with these occurrences.
type level struct{ low, high, length int32 }

// reading is how the fitted text matches the past.
type reading struct {
	levels []level // from the empty context on, ever narrower
	reach  int32   // the longest match, which has the last level's occurrences
}

type infiniGram struct {
	*array
	reading
	pen         // the same in the learned text
	fork   bool // forks do not learn
	seen   reading
	of     int // seen is reading after this symbol, for Observe; -1 for none
	layers []layer
	joined bool     // layers are up to date
	path   []uint32 // scratch of join
	memo   []note   // of wide layers, by hash
}

func (p *infiniGram) Alphabet() int { return p.a }

func (p *infiniGram) Reset() {
	p.of, p.joined = -1, false
	p.reading = reading{append(p.levels[:0], level{0, int32(len(p.sa)), 0}), 0}
	p.lift(p.learned.tree)
}

func (p *infiniGram) Fork() predictors.Predictor {
	f := &infiniGram{array: p.array, reading: p.reading, pen: p.pen, fork: true, of: -1}
	f.levels = make([]level, len(p.levels), len(p.levels)+8)
	copy(f.levels, p.levels)
	return f
}

// at is symbol + 1 of the text, length symbols into suffix i of the array: the
// follower of a context of that length. 0 ends a document.
func (g *array) at(i, length int32) int32 { return g.text[g.sa[i]+length] }

// narrow is the part of [low, high) where x follows.
func (g *array) narrow(low, high, length int32, x symbol) (int32, int32) {
	if length == 0 {
		return g.first[x], g.first[int(x)+1]
	}
	s := int32(x) + 1
	low = g.lower(low, high, length, s)
	return low, g.upper(low, high, length, s)
}

// lower is the first place in [low, high) with a follower of at least s.
func (g *array) lower(low, high, length, s int32) int32 {
	for low < high {
		if mid := int32(uint32(low+high) >> 1); g.follower(mid, length) < s {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// upper is the first place from low on with a follower above s, found by steps
// that double.
func (g *array) upper(low, high, length, s int32) int32 {
	step := int32(1)
	for low < high {
		if next := low + step - 1; next < high && g.follower(next, length) <= s {
			low, step = next+1, step*2
			continue
		}
		high = min(high, low+step-1)
		break
	}
	for low < high {
		if mid := int32(uint32(low+high) >> 1); g.follower(mid, length) <= s {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// follower is at, with document ends above all symbols, as they are sorted;
// only the text's own end is below.
func (g *array) follower(i, length int32) int32 {
	j := int(g.sa[i]) + int(length)
	if s := g.text[j]; s != 0 || j == len(g.text)-1 {
		return s
	}
	return int32(g.a) + 1
}

// trim cuts document ends off an interval.
func (g *array) trim(low, high, length int32) (int32, int32) {
	if low < high && g.follower(low, length) == 0 {
		low++
	}
	return low, g.lower(low, high, length, int32(g.a)+1)
}

// advance narrows every level by x, into out. The occurrences of a context
// followed by x are those of the context one longer. Contexts that share a
// level are as long as the next, less one.
func (p *infiniGram) advance(out reading, x symbol) reading {
	out.levels = append(out.levels[:0], level{0, int32(len(p.sa)), 0})
	for _, v := range p.levels {
		low, high := v.low, v.low
		if v.low < v.high {
			low, high = p.narrow(v.low, v.high, v.length, x)
			low, high = p.trim(low, high, v.length+1)
		}
		if low == high {
			out.reach = v.length
			return out
		}
		if last := &out.levels[len(out.levels)-1]; last.high-last.low > high-low {
			out.levels = append(out.levels, level{low, high, v.length + 1})
		}
	}
	out.reach = p.reach + 1
	return out
}

// follow moves on in the fitted text.
func (p *infiniGram) follow(x symbol) {
	if p.of != int(x) {
		p.seen = p.advance(p.seen, x)
	}
	p.reading, p.seen, p.of, p.joined = p.seen, p.reading, -1, false
}

func (p *infiniGram) Observe(x symbol) {
	p.follow(x)
	p.move(p.learned.tree, x)
}

// pull is the weight of the shorter contexts against N.
func (p *infiniGram) pull(i int, v *layer) float64 {
	switch {
	case p.rule.name == dirichlet:
		return p.tau
	case p.rule.name == longest && i == 0:
		return float64(p.followers(v))
	case p.rule.name == longest:
		return float64(v.total) * p.tau / (1 - p.tau)
	}
	return p.tau * float64(p.followers(v))
}

// skips reports whether layer i of n has no part: between the longest and none.
func (g *array) skips(i, n int) bool { return g.rule.name == longest && i > 0 && i < n-1 }

// Prob goes from the empty context to the longest, looking x up in each.
func (p *infiniGram) Prob(x symbol) float64 {
	if p.of != int(x) {
		p.seen, p.of = p.advance(p.seen, x), int(x)
	}
	prob := 1 / float64(p.a)
	layers := p.join()
	for i := range layers {
		v := &layers[i]
		if p.skips(i, len(layers)) {
			continue
		}
		w := p.pull(i, v)
		prob = (float64(p.occurred(v, x)) + w*prob) / (float64(v.total) + w)
	}
	return prob
}

// Predict goes the other way: it adds up shares, the longest first.
func (p *infiniGram) Predict(probs []float64) {
	clear(probs)
	weight := 1.0
	layers := p.join()
	for i := len(layers) - 1; i >= 0; i-- {
		v := &layers[i]
		if p.skips(i, len(layers)) {
			continue
		}
		w := p.pull(i, v)
		share := weight / (float64(v.total) + w)
		p.spread(probs, v, share)
		weight = share * w
	}
	for x := range probs {
		probs[x] += weight / float64(p.a)
	}
}

// spread adds share to probs for each time a symbol followed v.
func (p *infiniGram) spread(probs []float64, v *layer, share float64) {
	for j := v.low; j < v.high; {
		s := p.at(j, v.length)
		next := v.high
		if v.length == 0 {
			next = p.first[s]
		} else {
			next = p.upper(j, v.high, v.length, s)
		}
		probs[s-1] += share * float64(next-j)
		j = next
	}
	if v.count > 0 {
		p.learned.spread(probs, v.node, share)
	}
}

// State is the intervals and, if there is a learned text, the place in it. The
// longest match matters only beside another.
func (p *infiniGram) State(b []byte) []byte {
	for _, v := range p.levels {
		b = binary.LittleEndian.AppendUint32(b, uint32(v.low))
		b = binary.LittleEndian.AppendUint32(b, uint32(v.high))
		b = binary.LittleEndian.AppendUint32(b, uint32(v.length))
	}
	if p.learned.learned > 0 {
		b = binary.LittleEndian.AppendUint32(b, uint32(p.reach))
		b = binary.LittleEndian.AppendUint32(b, p.node)
		b = binary.LittleEndian.AppendUint64(b, uint64(p.length))
	}
	return b
}

// Fit sorts the training text, in place of what was fitted or learned, and
// tunes τ on the validation part.
func (p *infiniGram) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	p.learned.clear()
	p.index(nil)
	d.Train = p.affordable(d.Train)
	n := len(d.Train)
	for _, doc := range d.Train {
		n += len(doc)
	}
	if n >= math.MaxInt32 {
		return fmt.Errorf("infini-gram: %d symbols and document ends, want below 2³¹", n)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	report(predictors.Progress{Stage: "sort", Total: int64(n)})
	text := make([]int32, 0, n)
	for _, doc := range d.Train {
		for _, x := range doc {
			text = append(text, int32(x)+1)
		}
		text = append(text, 0)
	}
	p.index(text)
	p.memo = nil
	p.Reset()
	report(predictors.Progress{Stage: "sort", Done: int64(n), Total: int64(n)})
	if !p.tune {
		return ctx.Err()
	}
	return p.choose(ctx, d.Valid)
}

// evidence is one layer of one symbol's prediction: n(x), N and T.
type evidence struct {
	n, total int64
	kinds    int32
}

// choose sets τ to the value with the least loss on the first validation
// symbols: a grid of ten values a decade, then golden sections. The counts are
// looked up once.
func (p *infiniGram) choose(ctx context.Context, docs [][]symbol) error {
	var all []evidence
	var ends []int
	f := p.Fork().(*infiniGram)
	for _, doc := range docs {
		f.Reset()
		for _, x := range doc[:min(len(doc), tuned-len(ends))] {
			if len(ends)%4096 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			layers := f.join()
			for i := range layers {
				if v := &layers[i]; !f.skips(i, len(layers)) {
					all = append(all, evidence{f.occurred(v, x), v.total, f.followers(v)})
				}
			}
			ends = append(ends, len(all))
			f.Observe(x)
		}
	}
	if len(ends) == 0 {
		return ctx.Err()
	}
	best := math.Inf(1)
	center := 0.0
	for lg := -4.0; lg <= 4; lg += 0.1 {
		if loss := p.price(all, ends, math.Pow(10, lg)); loss < best {
			best, center = loss, lg
		}
	}
	const r = 1 / math.Phi
	low, high := center-0.1, center+0.1
	for high-low > 1e-3 {
		b, c := high-r*(high-low), low+r*(high-low)
		if p.price(all, ends, math.Pow(10, b)) <= p.price(all, ends, math.Pow(10, c)) {
			high = c
		} else {
			low = b
		}
	}
	p.tau = p.within(math.Pow(10, (low+high)/2))
	return ctx.Err()
}

func (p *infiniGram) within(tau float64) float64 { return min(tau, p.rule.most) }

// price is the loss in nats under τ.
func (p *infiniGram) price(all []evidence, ends []int, tau float64) float64 {
	q := infiniGram{array: &array{a: p.a, rule: p.rule, tau: p.within(tau)}}
	loss, at := 0.0, 0
	for _, end := range ends {
		prob := 1 / float64(p.a)
		for i, e := range all[at:end] {
			w := q.pull(i, &layer{total: e.total, kinds: e.kinds})
			prob = (float64(e.n) + w*prob) / (float64(e.total) + w)
		}
		loss -= math.Log(prob)
		at = end
	}
	return loss
}

// Describe reports τ and the symbols of both texts.
func (g *array) Describe() map[string]float64 {
	return map[string]float64{"tau": g.tau, "symbols": float64(len(g.sa)) + float64(g.learned.learned)}
}

// Bytes counts text, array and tree.
func (g *array) Bytes() int64 {
	return 8 + 4*int64(cap(g.text)+cap(g.sa)+cap(g.first)+cap(g.learned.totals)) + g.learned.bytes()
}

// WriteTo writes the texts and τ; ReadFrom sorts and counts again.
func (g *array) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, g.fields) }

// ReadFrom replaces them.
func (g *array) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, g.fields) }

func (g *array) fields(a *predictors.Archive) {
	text, tau := g.text, g.tau
	predictors.Slice(a, &text)
	predictors.Value(a, &tau)
	g.learned.save(a)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if n := len(text); n > 0 && text[n-1] != 0 || n >= math.MaxInt32 {
		a.Fail(errors.New("infini-gram: the saved text does not end"))
		return
	}
	for i, s := range text {
		if s < 0 || int(s) > g.a {
			a.Fail(fmt.Errorf("infini-gram: saved symbol %d = %d, want below %d", i, s-1, g.a))
			return
		}
	}
	if !(tau > 0 && tau <= g.rule.most) {
		a.Fail(fmt.Errorf("infini-gram: the saved tau = %v, want > 0 and at most %v", tau, g.rule.most))
		return
	}
	g.tau = tau
	g.index(text)
}
