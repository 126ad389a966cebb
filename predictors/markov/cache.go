package markov

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"horizon/predictors"
)

// A cache of the recent symbols beside another n-gram kind (Kuhn & De Mori
// 1990; of n-grams, Jelinek, Merialdo, Roukos & Strauss 1991; with exponential
// decay, Clarkson & Robinson 1997). C_k(hx) is how often x has followed the
// last k−1 symbols h since Reset, an occurrence j symbols ago counting 2^{−j/H},
//
//	C_k(hx) = Σ_{j ≥ 1: symbols t−j−k+2 … t−j are h, symbol t−j+1 is x} 2^{−j/H}
//	p_k(x) = (C_k(hx) + p_{k−1}(x)) / (C_k(h·) + 1),   p_0 = the other kind
//	P(x) = Σ_{k=0}^{m} λ_k p_k(x)
//
// so that each p_k is a law however little the cache holds. The λ are chosen
// to maximise the likelihood of the validation part (up to its first 2²⁰
// symbols; a concave problem, by expectation and maximisation until a round
// gains less than 10⁻⁸ nats a symbol, or 500). Without validation text
// λ_0 = 9/10 and the others share the rest.
//
// The cache is state: it follows the text when frozen too, Reset empties it
// and learning is the other kind's alone. For k > 1, occurrences older than
// 20 H are forgotten (a millionth of their weight was left), and so are all but
// the last 256 of a context.
//
// Observe is O(m) beyond the other kind's; Prob takes O(m · occurrences of h),
// Predict O(A) more. A fork costs O(A), and 2 + 8(m−1) bytes times 20 H
// to 40 H once it has observed 256 symbols.

// A CacheConfig configures the kind "cache".
type CacheConfig struct {
	// Smoothing and Order are the other kind: "additive", "jelinek-mercer",
	// "katz", "witten-bell", "absolute-discounting", "kneser-ney" or
	// "kneser-ney-backoff", as by default in all else.
	Smoothing string `toml:"smoothing"`
	Order     int    `toml:"order"`
	// CacheOrder is m, the longest n-gram of the cache, 1 to 8.
	CacheOrder int `toml:"cache_order"`
	// HalfLife is H in symbols, > 0 and at most a million.
	HalfLife float64 `toml:"half_life"`
}

// DefaultCache is Kneser-Ney of order 8 with a cache of 5-grams.
func DefaultCache() predictors.Config {
	return &CacheConfig{Smoothing: "kneser-ney", Order: 8, CacheOrder: 5, HalfLife: 2000}
}

// TinyCache is Kneser-Ney of order 3 with a short cache of bigrams.
func TinyCache() predictors.Config {
	return &CacheConfig{Smoothing: "kneser-ney", Order: 3, CacheOrder: 2, HalfLife: 20}
}

const (
	maxCacheOrder  = 8
	lastInCache    = 256
	halvings       = 20 // 2⁻²⁰ is about a millionth
	maxHalfLife    = 1_000_000
	defaultPresent = 0.9 // λ_0
)

// New returns a predictor with an empty cache beside one that has seen
// nothing.
func (c *CacheConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if c.CacheOrder < 1 || c.CacheOrder > maxCacheOrder {
		return nil, fmt.Errorf("cache: cache_order = %d, want 1 to %d", c.CacheOrder, maxCacheOrder)
	}
	if !(c.HalfLife > 0 && c.HalfLife <= maxHalfLife) {
		return nil, fmt.Errorf("cache: half_life = %v, want > 0 and at most %d", c.HalfLife, maxHalfLife)
	}
	inner, err := innerConfig(c.Smoothing, c.Order)
	if err != nil {
		return nil, err
	}
	p, err := inner.New(env)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	s := &cacheShares{lambda: make([]float64, c.CacheOrder+1)}
	s.lambda[0] = defaultPresent
	for k := 1; k <= c.CacheOrder; k++ {
		s.lambda[k] = (1 - defaultPresent) / float64(c.CacheOrder)
	}
	return &cache{inner: p.(ngramKind), cacheShares: s, recent: newRecent(env.Alphabet, c.CacheOrder, c.HalfLife)}, nil
}

func innerConfig(smoothing string, order int) (predictors.Config, error) {
	switch smoothing {
	case "additive":
		return &AdditiveConfig{Order: order}, nil
	case "jelinek-mercer":
		return &JelinekMercerConfig{Order: order, Buckets: "average"}, nil
	case "katz":
		return &KatzConfig{Order: order}, nil
	case "witten-bell":
		return &WittenBellConfig{Order: order}, nil
	case "absolute-discounting":
		return &AbsoluteConfig{Order: order}, nil
	case "kneser-ney":
		return &KneserNeyConfig{Order: order, Discounts: "modified"}, nil
	case "kneser-ney-backoff":
		return &BackoffKneserNeyConfig{Order: order, Discounts: "modified"}, nil
	}
	return nil, fmt.Errorf("cache: smoothing = %q, want \"additive\", \"jelinek-mercer\", \"katz\", \"witten-bell\", \"absolute-discounting\", \"kneser-ney\" or \"kneser-ney-backoff\"", smoothing)
}

// An ngramKind is what all the n-gram kinds can do.
type ngramKind interface {
	predictors.Predictor
	predictors.Budgeter
	predictors.OpCounter
	predictors.Learner
	predictors.Prober
	predictors.Sizer
	predictors.Persister
	predictors.Describer
}

type cache struct {
	inner ngramKind
	*cacheShares
	recent recent
	weight []float64 // of each symbol, scratch of Predict, all 0
}

// cacheShares are the parameters beside the other kind's.
type cacheShares struct{ lambda []float64 }

func (p *cache) Alphabet() int { return p.inner.Alphabet() }

func (p *cache) Reset() {
	p.inner.Reset()
	p.recent.clear()
}

func (p *cache) Observe(x predictors.Symbol) {
	p.inner.Observe(x)
	p.recent.push(x)
}

// Learn teaches the other kind.
func (p *cache) Learn(x predictors.Symbol) {
	p.inner.Learn(x)
	p.recent.push(x)
}

func (p *cache) Fork() predictors.Predictor {
	return &cache{inner: p.inner.Fork().(ngramKind), cacheShares: p.cacheShares, recent: p.recent.fork()}
}

// SetBudget leaves the other kind the bytes that the shares do not take.
func (p *cache) SetBudget(b predictors.Budget) error {
	if b.ModelBytes > 0 {
		b.ModelBytes = max(1, b.ModelBytes-p.sharesBytes())
	}
	return p.inner.SetBudget(b)
}

// Full is the other kind's.
func (p *cache) Full() bool {
	s, ok := p.inner.(predictors.Shrinker)
	return ok && s.Full()
}

// Shrink shrinks the other kind.
func (p *cache) Shrink() bool {
	s, ok := p.inner.(predictors.Shrinker)
	return ok && s.Shrink()
}

// Trim trims the other kind.
func (p *cache) Trim() {
	if s, ok := p.inner.(predictors.Shrinker); ok {
		s.Trim()
	}
}

// Ops are the other kind's, and for each order of the cache a count in it and
// two steps of the mixture: how often its context came lately depends on the
// text.
func (p *cache) Ops() (train, perSymbol float64) {
	train, perSymbol = p.inner.Ops()
	return train, perSymbol + 6*float64(len(p.lambda))
}

// Predict writes P as one factor on p_0 and one on each C_k: unrolled,
// p_k = (C_k + p_{k−1})/z_k with z_k = C_k(h·) + 1, so what reaches level k is
// r_k = λ_k + r_{k+1}/z_{k+1}, and C_k weighs r_k/z_k.
func (p *cache) Predict(probs []float64) {
	p.inner.Predict(probs)
	if p.weight == nil {
		p.weight = make([]float64, len(probs))
	}
	reach := 0.0
	for k := len(p.lambda) - 1; k >= 1; k-- {
		reach += p.lambda[k]
		z := p.recent.add(k, p.weight, 0) + 1
		if z > 1 {
			p.recent.add(k, p.weight, reach/z)
		}
		reach /= z
	}
	reach += p.lambda[0]
	for x := range probs {
		probs[x] = probs[x]*reach + p.weight[x]
	}
	clear(p.weight)
}

func (p *cache) Prob(x predictors.Symbol) float64 {
	prob := p.inner.Prob(x)
	sum := p.lambda[0] * prob
	for k := 1; k < len(p.lambda); k++ {
		count, total := p.recent.count(k, x)
		prob = (count + prob) / (total + 1)
		sum += p.lambda[k] * prob
	}
	return sum
}

// Tune tunes the other kind and then chooses λ.
func (p *cache) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if t, ok := p.inner.(predictors.Tuner); ok {
		if err := t.Tune(ctx, d, report); err != nil {
			return err
		}
	}
	m := len(p.lambda)
	var parts []float64 // p_0 … p_m of each symbol
	f := p.Fork().(*cache)
	for _, doc := range d.Valid {
		f.Reset()
		for _, x := range doc {
			if len(parts) == heldOut*m {
				break
			}
			prob := f.inner.Prob(x)
			parts = append(parts, prob)
			for k := 1; k < m; k++ {
				count, total := f.recent.count(k, x)
				prob = (count + prob) / (total + 1)
				parts = append(parts, prob)
			}
			f.Observe(x)
			if n := len(parts) / m; n%(1<<14) == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				report(predictors.Progress{Stage: "tune", Done: int64(n)})
			}
		}
	}
	return p.mix(ctx, parts)
}

// mix is expectation and maximisation for the shares of a mixture.
func (s *cacheShares) mix(ctx context.Context, parts []float64) error {
	m := len(s.lambda)
	if len(parts) == 0 {
		return ctx.Err()
	}
	for k := range s.lambda {
		s.lambda[k] = 1 / float64(m)
	}
	n, last, share := float64(len(parts)/m), math.Inf(-1), make([]float64, m)
	for range 500 {
		if err := ctx.Err(); err != nil {
			return err
		}
		likelihood := 0.0
		clear(share)
		for i := 0; i < len(parts); i += m {
			sum := 0.0
			for k, l := range s.lambda {
				sum += l * parts[i+k]
			}
			likelihood += math.Log(sum)
			for k, l := range s.lambda {
				share[k] += l * parts[i+k] / sum
			}
		}
		for k := range s.lambda {
			s.lambda[k] = share[k] / n
		}
		if likelihood/n-last < 1e-8 {
			break
		}
		last = likelihood / n
	}
	return nil
}

// Describe gives the λ beside what the other kind says.
func (p *cache) Describe() map[string]float64 {
	out := p.inner.Describe()
	for k, l := range p.lambda {
		out[fmt.Sprintf("cache_lambda%d", k)] = l
	}
	return out
}

// Bytes counts the other kind and λ; the cache is state.
func (p *cache) Bytes() int64 { return p.inner.Bytes() + p.sharesBytes() }

func (s *cacheShares) sharesBytes() int64 { return 8 * int64(cap(s.lambda)) }

// WriteTo writes the other kind and λ.
func (p *cache) WriteTo(w io.Writer) (int64, error) {
	n, err := p.inner.WriteTo(w)
	if err != nil {
		return n, err
	}
	k, err := predictors.WriteArchive(w, p.fields)
	return n + k, err
}

// ReadFrom replaces them.
func (p *cache) ReadFrom(r io.Reader) (int64, error) {
	n, err := p.inner.ReadFrom(r)
	if err != nil {
		return n, err
	}
	k, err := predictors.ReadArchive(r, p.fields)
	return n + k, err
}

func (s *cacheShares) fields(a *predictors.Archive) {
	lambda := s.lambda
	predictors.Slice(a, &lambda)
	if a.Err() != nil {
		return
	}
	sum := 0.0
	for _, l := range lambda {
		sum += l
		if !(l >= 0) {
			sum = math.NaN()
		}
	}
	if len(lambda) != len(s.lambda) || !(math.Abs(sum-1) < 1e-9) {
		a.Fail(fmt.Errorf("cache: %d saved shares with sum %v, want %d with sum 1", len(lambda), sum, len(s.lambda)))
		return
	}
	s.lambda = lambda
}

// A recent is what the cache knows at some place in the text. C_1 it keeps
// itself; the rest is looked up in the past, which forks share and do not
// change: what they have observed since, they keep in a list.
type recent struct {
	half  float64
	decay []float64 // 2^{−j/H}; ends where occurrences are forgotten
	time  int       // symbols observed
	once  []float64 // C_1, each in units of grown
	total float64   // their sum
	grown float64   // 2^{time/H}, reset now and then

	*past
	since  []predictors.Symbol // observed after what is in the past
	mine   bool                // the past; else it is another's
	shared bool                // my past is also a fork's
}

// A past is the last symbols, in a ring, and for each length the chain of
// places that had the same context. Symbols are numbered from 1 by time.
type past struct {
	end   int // time of the last symbol
	ring  []predictors.Symbol
	chain []chain // chain[k] of contexts of k−1 symbols, k ≥ 2
}

// A chain links the symbols whose contexts have the same hash, the latest
// first; what the hash confuses is told apart by looking.
type chain struct {
	head []uint32 // time of the latest symbol after a context with that hash
	back []uint32 // back[time mod ring] is how much earlier the one before it came, 0 for none
}

func newRecent(a, m int, half float64) recent {
	r := recent{half: half, grown: 1, once: make([]float64, a), mine: true}
	r.decay = make([]float64, 2+int(halvings*half)) // the latest is in it, however short H
	for j := range r.decay {
		r.decay[j] = math.Exp2(-float64(j) / half)
	}
	r.past = newPast(m, len(r.decay))
	return r
}

// newPast has room for the symbols within reach and their contexts.
func newPast(m, reach int) *past {
	size := 64
	for size < reach+2*maxCacheOrder {
		size *= 2
	}
	p := &past{ring: make([]predictors.Symbol, size), chain: make([]chain, m+1)}
	for k := 2; k <= m; k++ {
		p.chain[k] = chain{make([]uint32, size), make([]uint32, size)}
	}
	return p
}

func (p *past) clone() *past {
	c := &past{end: p.end, ring: slices.Clone(p.ring), chain: make([]chain, len(p.chain))}
	for k := range p.chain {
		c.chain[k] = chain{slices.Clone(p.chain[k].head), slices.Clone(p.chain[k].back)}
	}
	return c
}

func (r *recent) clear() {
	clear(r.once)
	r.time, r.total, r.grown, r.since = 0, 0, 1, r.since[:0]
	if r.end == 0 {
		return
	}
	if !r.mine || r.shared {
		r.past, r.mine, r.shared = newPast(len(r.chain)-1, len(r.decay)), true, false
		return
	}
	r.end = 0
	for k := range r.chain {
		clear(r.chain[k].head)
	}
}

func (r *recent) fork() recent {
	f := *r
	f.once, f.since, f.mine, f.shared = slices.Clone(r.once), slices.Clone(r.since), false, false
	if r.mine {
		r.shared = true
	}
	return f
}

func (r *recent) push(x predictors.Symbol) {
	r.time++
	if r.time >= math.MaxUint32 {
		panic("cache: a document of more than 2³² symbols")
	}
	if r.grown *= math.Exp2(1 / r.half); r.grown > 1e100 {
		for y := range r.once {
			r.once[y] /= r.grown
		}
		r.total /= r.grown
		r.grown = 1
	}
	r.once[x] += r.grown
	r.total += r.grown
	r.since = append(r.since, x)
	if r.mine || len(r.since) == manySince {
		r.settlePast()
	}
}

// manySince is how many symbols a fork observes before it takes a copy of the
// past: until then it is cheap to make, after that to walk.
const manySince = 256

// settlePast moves what was observed since into a past of its own.
func (r *recent) settlePast() {
	if !r.mine || r.shared {
		r.past, r.mine, r.shared = r.past.clone(), true, false
	}
	for _, x := range r.since {
		r.past.push(x, len(r.decay))
	}
	r.since = r.since[:0]
}

func (p *past) push(x predictors.Symbol, reach int) {
	context := p.end
	p.end++
	mask := len(p.ring) - 1
	p.ring[p.end&mask] = x
	for k := 2; k < len(p.chain) && context >= k-1; k++ {
		h := uint64(k)
		for i := context - k + 2; i <= context; i++ {
			h = mixIn(h, p.ring[i&mask])
		}
		c, slot, back := &p.chain[k], h&uint64(mask), uint32(0)
		if before := c.head[slot]; before > 0 && p.end-int(before) < reach {
			back = uint32(p.end) - before
		}
		c.back[p.end&mask], c.head[slot] = back, uint32(p.end)
	}
}

func mixIn(h uint64, x predictors.Symbol) uint64 {
	h = (h ^ uint64(x)) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// at is the symbol observed at a time.
func (r *recent) at(time int) predictors.Symbol {
	if time > r.end {
		return r.since[time-r.end-1]
	}
	return r.ring[time&(len(r.ring)-1)]
}

// each calls f with the symbols that followed the last k−1 and their weights,
// the latest first.
func (r *recent) each(k int, f func(x predictors.Symbol, w float64)) {
	if r.time < k {
		return
	}
	left := lastInCache
	for time := r.time; time > r.end && time >= k && left > 0; time-- {
		if j := r.time + 1 - time; j < len(r.decay) && r.same(k, time-1) {
			f(r.at(time), r.decay[j])
			left--
		}
	}
	h := uint64(k)
	for i := r.time - k + 2; i <= r.time; i++ {
		h = mixIn(h, r.at(i))
	}
	c, mask := &r.chain[k], len(r.ring)-1
	for time := int(c.head[h&uint64(mask)]); time > 0 && left > 0; {
		j := r.time + 1 - time
		if j >= len(r.decay) {
			return
		}
		if r.same(k, time-1) {
			f(r.at(time), r.decay[j])
			left--
		}
		back := int(c.back[time&mask])
		if back == 0 {
			return
		}
		time -= back
	}
}

// same reports whether the k−1 symbols up to time are the last k−1.
func (r *recent) same(k, time int) bool {
	for i := range k - 1 {
		if r.at(time-i) != r.at(r.time-i) {
			return false
		}
	}
	return true
}

// unit turns C_1 in units of grown into C_1 now: the latest symbol was one
// symbol ago.
func (r *recent) unit() float64 { return r.decay[1] / r.grown }

// count returns C_k(hx) and C_k(h·).
func (r *recent) count(k int, x predictors.Symbol) (count, total float64) {
	if k == 1 {
		return r.once[x] * r.unit(), r.total * r.unit()
	}
	r.each(k, func(y predictors.Symbol, w float64) {
		total += w
		if y == x {
			count += w
		}
	})
	return count, total
}

// add adds factor·C_k(hx) to out[x] for all x and returns C_k(h·).
func (r *recent) add(k int, out []float64, factor float64) (total float64) {
	if k == 1 {
		if unit := factor * r.unit(); unit > 0 {
			for x, c := range r.once {
				out[x] += unit * c
			}
		}
		return r.total * r.unit()
	}
	r.each(k, func(y predictors.Symbol, w float64) {
		total += w
		out[y] += factor * w
	})
	return total
}
