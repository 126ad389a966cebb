package kernel

import (
	"context"
	"math"
	"math/bits"
	"math/rand/v2"

	"horizon/predictors"
)

// The bandwidths maximise the log-likelihood of a sample of the training
// symbols, each predicted from the training part without a whole block around
// it: block cross-validation (Burman, Chow & Nolan 1994). Leaving out only
// the symbol, or its close neighbourhood, would overfit, since neighbouring
// contexts overlap and near text repeats itself more than far text does.
//
// All that a prediction depends on is, for every level and set of lags, how
// many contexts agree with the query on exactly that set, how many of these
// were followed by the true symbol, and how many symbols were seen once, twice
// and more often after the very context. These histograms are counted once, by
// one pass over the text per query; then a trial of new bandwidths costs
// 2^{m+1} multiplications per query and no look at the text, and a trial of
// new α_j or discounts only m divisions.

type bandwidths struct {
	beta  []float64 // β_j at j; β_0 is not used
	alpha []float64 // α_j at j; α_0 = A/2
	// discount is D_j(e) at 3j+e−1 for e = 1, 2 and from 3 on; all 0 with
	// Dirichlet back-off.
	discount []float64
	b        []float64 // e^{−β_j} at j
	near     []float64 // w_S of order max S, ∏_{l∈S} (1−b_l) ∏_{l<max S, l∉S} b_l, at the bits of S

	bits, effective float64 // cv_bits and n_eff of Describe, or 0
}

func newBandwidths(beta, alpha, discount []float64) bandwidths {
	w := bandwidths{beta: beta, alpha: alpha, discount: discount, b: make([]float64, len(beta)), near: []float64{1}}
	for j := range beta {
		w.b[j] = math.Exp(-beta[j])
	}
	skip := []float64{1} // the same with factors b_l up to the lag at hand
	for _, b := range w.b[1:] {
		n := len(skip)
		for s := range n {
			w.near = append(w.near, skip[s]*(1-b))
			skip = append(skip, skip[s]*(1-b))
		}
		for s := range n {
			skip[s] *= b
		}
	}
	return w
}

func (w *bandwidths) bytes() int64 {
	return 8 * int64(cap(w.beta)+cap(w.alpha)+cap(w.discount)+cap(w.b)+cap(w.near))
}

// What an untuned predictor starts from, and the search too: about what text
// chooses.
const (
	startBeta  = 4
	startRho   = 0.8
	startGamma = 0.5
)

// startAlpha is α_j at the start: with discounts, which give to lower orders
// by themselves, it is but a remainder.
func startAlpha(c *NadarayaWatsonConfig) float64 {
	if c.discounts() {
		return 0.2
	}
	return 2
}

// startDiscounts are D(1), D(2) and D(3+) at the start.
var startDiscounts = [3]float64{0.6, 0.9, 1.2}

// discountSpread is the standard deviation, in units of e, of a normal prior
// on every D_j(e) about its start: the counts of few queries leave many open.
const discountSpread = 0.2

// priorSpread is the standard deviation of a weak normal prior on every ln α_j
// about where it starts: where the data leave an α_j open, as they do when
// orders on either side of it do its work, it stays within reason, and the
// product of many small α_j does not rule out what was merely not seen.
const priorSpread = 2

// startBandwidths are the fixed values, or those above where none are.
func startBandwidths(c *NadarayaWatsonConfig, a int) bandwidths {
	s := newSearch(c, a)
	return newBandwidths(s.betas(), s.alpha, s.discount)
}

// A search is where the optimisation stands.
type search struct {
	recency   string
	lags      int
	curve     []float64 // ln β and ln ρ or ln γ; for "free", all ln β_j
	fixed     []bool    // which of curve are not to be changed
	alpha     []float64 // α_j at j
	prior     float64   // α_j under the prior
	fixedA    bool
	discount  []float64
	discounts bool // whether they are chosen, or 0
}

func newSearch(c *NadarayaWatsonConfig, a int) *search {
	or := func(v, start float64) float64 {
		if v == 0 {
			v = start
		}
		return math.Log(v)
	}
	s := &search{recency: c.Recency, lags: c.Lags, fixedA: c.Alpha != 0, prior: startAlpha(c), discounts: c.discounts()}
	if c.Recency == "geometric" {
		s.curve, s.fixed = []float64{or(c.Beta, startBeta), or(c.Rho, startRho)}, []bool{c.Beta != 0, c.Rho != 0}
	} else {
		s.curve, s.fixed = []float64{or(c.Beta, startBeta), or(c.Gamma, startGamma)}, []bool{c.Beta != 0, c.Gamma != 0}
	}
	if c.Recency == "free" {
		s.release()
	}
	s.alpha, s.discount = []float64{float64(a) / 2}, make([]float64, 3*(c.Lags+1))
	for j := range c.Lags + 1 {
		if j > 0 {
			s.alpha = append(s.alpha, math.Exp(or(c.Alpha, s.prior)))
		}
		if s.discounts {
			copy(s.discount[3*j:], startDiscounts[:])
		}
	}
	return s
}

// release turns a curve of two parameters into the free β_j it stands for.
// Only β_1 may have been fixed.
func (s *search) release() {
	s.recency = "power"
	betas, fixed := s.betas(), s.fixed[0]
	s.recency, s.curve, s.fixed = "free", nil, make([]bool, s.lags)
	for _, beta := range betas[1:] {
		s.curve = append(s.curve, math.Log(beta))
	}
	s.fixed[0] = fixed
}

// betas are the β_j at j that the curve stands for.
func (s *search) betas() []float64 {
	out := make([]float64, s.lags+1)
	for j := 1; j <= s.lags; j++ {
		switch s.recency {
		case "geometric":
			out[j] = math.Exp(s.curve[0] + float64(j-1)*s.curve[1])
		case "power":
			out[j] = math.Exp(s.curve[0] - math.Exp(s.curve[1])*math.Log(float64(j)))
		default:
			out[j] = math.Exp(s.curve[j-1])
		}
	}
	return out
}

// bounds of curve[i]: e^{−30} times any corpus is nothing, so that β beyond
// it needs no search; ρ ≤ 1 is what recency means.
func (s *search) bounds(i int) (lo, hi float64) {
	switch {
	case i == 0 || s.recency == "free":
		return math.Log(1e-3), math.Log(30)
	case s.recency == "geometric":
		return math.Log(0.05), 0
	default:
		return math.Log(1e-2), math.Log(10)
	}
}

// A validation holds the histograms and the sums of the bandwidths at hand.
type validation struct {
	lags, a, queries int
	// hist[q] lists, for the orders j = 0 … m in turn and every set S of the
	// lags 1 … j, how many contexts of level ≤ j outside the query's block
	// agree with it on S exactly: at 2S those with another label, at 2S+1
	// those with the true one.
	hist [][]float32
	// once[q] lists for each order how many labels followed the very context
	// once, twice and more often (in targets of level ≤ j), then which of
	// these the true one is, 0 for none.
	once [][][4]uint32
	hit  []float64 // Σ_i K_j 1[label y] at q(m+1)+j
	all  []float64 // Σ_i K_j there
}

// orderAt is where order j begins in a histogram.
func orderAt(j int) int { return 2 * (1<<j - 1) }

// chooseBandwidths measures on the validation part, or by cross-validation on
// a seeded sample of mem.
func chooseBandwidths(ctx context.Context, mem *memory, c *NadarayaWatsonConfig, a int, seed uint64,
	valid [][]Symbol, report func(predictors.Progress)) (bandwidths, error) {
	if len(mem.targets) == 0 {
		return startBandwidths(c, a), ctx.Err()
	}
	rng := rand.New(rand.NewPCG(seed, 0x6e77)) // a stream of its own
	var queries []query
	if c.Tune == "valid" {
		queries = validQueries(valid, c, mem.ahead, rng)
	}
	if len(queries) == 0 {
		queries = blockQueries(mem, c, rng)
	}
	v, err := newValidation(ctx, mem, c, a, queries, report)
	if err != nil {
		return bandwidths{}, err
	}
	s := newSearch(c, a)
	if err := v.optimise(ctx, s, report); err != nil {
		return bandwidths{}, err
	}
	w := newBandwidths(s.betas(), s.alpha, s.discount)
	w.bits = v.set(w.b).loss(s.alpha, s.discount)
	return w, nil
}

// A query is a context to predict after, what came, and the targets not to
// predict it from.
type query struct {
	before      []Symbol // the last is lag 1; missing where there is nothing
	label       Symbol
	first, last int // the targets from number first to before last are left out
}

// blockQueries places one query in each of c.Queries equal stretches of the
// training symbols, at random in it, and leaves out its block.
func blockQueries(mem *memory, c *NadarayaWatsonConfig, rng *rand.Rand) (out []query) {
	n := len(mem.targets)
	queries, margin := min(c.Queries, n), c.Lags+mem.ahead
	for q := range queries {
		lo, hi := q*n/queries, (q+1)*n/queries
		t := lo + rng.IntN(hi-lo)
		block := t * c.Folds / n // the smallest i of block k has i·folds ≥ k·n
		first, last := (block*n+c.Folds-1)/c.Folds, ((block+1)*n+c.Folds-1)/c.Folds
		pos := mem.targets[t]
		before := make([]Symbol, 0, c.Lags)
		for j := c.Lags; j > 0; j-- {
			before = append(before, mem.symbol(pos-uint32(j)))
		}
		out = append(out, query{before, mem.label(pos), max(first-margin, 0), min(last+margin, n)})
	}
	return out
}

// validQueries places c.Queries of them in the same way in the validation
// part, of which nothing is remembered.
func validQueries(docs [][]Symbol, c *NadarayaWatsonConfig, ahead int, rng *rand.Rand) (out []query) {
	n := 0
	for _, doc := range docs {
		n += max(0, len(doc)-ahead)
	}
	queries := min(c.Queries, n)
	at, q := 0, 0 // at is the number of the first query that doc could hold
	next := func() int { lo, hi := q*n/queries, (q+1)*n/queries; return lo + rng.IntN(hi-lo) }
	if queries == 0 {
		return nil
	}
	t := next()
	for _, doc := range docs {
		for size := max(0, len(doc)-ahead); t < at+size; {
			before := make([]Symbol, c.Lags)
			for j := 1; j <= c.Lags; j++ {
				before[c.Lags-j] = missing
				if i := t - at - j; i >= 0 {
					before[c.Lags-j] = doc[i]
				}
			}
			out = append(out, query{before, doc[t-at+ahead], 0, 0})
			if q++; q == queries {
				return out
			}
			t = next()
		}
		at += max(0, len(doc)-ahead)
	}
	return out
}

// newValidation counts the histograms of the queries.
func newValidation(ctx context.Context, mem *memory, c *NadarayaWatsonConfig, a int, queries []query,
	report func(predictors.Progress)) (*validation, error) {
	n := len(queries)
	v := &validation{lags: c.Lags, a: a, queries: n, hist: make([][]float32, n), once: make([][][4]uint32, n),
		hit: make([]float64, n*(c.Lags+1)), all: make([]float64, n*(c.Lags+1))}
	counter := newCounter(mem, c, a)
	for i, q := range queries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v.hist[i], v.once[i] = counter.count(&q)
		report(predictors.Progress{Stage: "count", Done: int64(i + 1), Total: int64(n)})
	}
	return v, nil
}

// A counter makes histograms. A shift register holds, for each of the lags
// 1 … 8, at which of the coming targets a symbol seen will match the query:
// byte k of it is for the target k symbols on, bit j−1 for lag j, so that a
// symbol is entered at all its lags by one look-up, shift and or (after the
// Shift-And matcher of Baeza-Yates & Gonnet 1992). Lags 9 … 12 have a second
// one, eight symbols behind.
type counter struct {
	mem       *memory
	lags      int
	symbols   []Symbol
	labels    []Symbol // of the target at a position, or missing
	level     []uint8
	first     int      // of the targets the levels do without, -1 for none yet
	near, far []uint64 // by symbol: what it enters
	hist      []uint32 // at level·2^{m+1} + 2S, and + 1
	discounts bool
	// run[S] is one more than how many of the first lags are in S without a
	// gap, or 0 if the very contexts need not be looked at.
	run   []uint8
	tally tally
}

func newCounter(mem *memory, config *NadarayaWatsonConfig, a int) *counter {
	lags := config.Lags
	c := &counter{mem: mem, lags: lags, symbols: make([]Symbol, len(mem.level)), labels: make([]Symbol, len(mem.level)),
		level: make([]uint8, len(mem.level)), first: -1, discounts: config.discounts(),
		near: make([]uint64, missing+1), far: make([]uint64, missing+1),
		hist: make([]uint32, (lags+1)*2<<lags), run: make([]uint8, 1<<lags), tally: newTally(a, lags)}
	for pos := range c.symbols {
		c.symbols[pos], c.labels[pos] = mem.symbol(uint32(pos)), missing
	}
	for _, pos := range mem.targets {
		c.labels[pos] = mem.label(pos)
	}
	if c.discounts {
		for s := range c.run {
			c.run[s] = uint8(1 + bits.TrailingZeros(^uint(s)))
		}
	}
	return c
}

// count makes the histogram for a query.
func (c *counter) count(q *query) (hist []float32, once [][4]uint32) {
	first, last := q.first, q.last
	if c.discounts && first != c.first {
		c.mem.levels(c.level, c.lags, first, last)
		c.first = first
	}
	enter := func(set bool) {
		for j := 1; j <= c.lags; j++ {
			x, table, k := q.before[len(q.before)-j], c.near, j-1
			if j > 8 {
				table, k = c.far, j-9
			}
			switch {
			case x == missing:
			case set:
				table[x] |= 1 << (9 * k)
			default:
				table[x] = 0
			}
		}
	}
	enter(true)
	clear(c.hist)
	y := q.label
	end := int(c.mem.targets[len(c.mem.targets)-1]) + 1
	if first > 0 {
		c.scan(y, gap, int(c.mem.targets[first-1])+1)
	}
	if last < len(c.mem.targets) {
		c.scan(y, int(c.mem.targets[last]), end)
	}
	enter(false)
	return c.orders(), c.tally.take(y)
}

// scan adds the targets at positions from lo to before hi.
func (c *counter) scan(y Symbol, lo, hi int) {
	near, far := (*[missing + 1]uint64)(c.near), (*[missing + 1]uint64)(c.far)
	full := uint64(1)<<c.lags - 1
	soon, late := uint64(0), uint64(0)
	for i := max(lo-c.lags, gap); i < lo; i++ {
		soon, late = soon>>8|near[c.symbols[i]], late>>8|far[c.symbols[i-8]]
	}
	labels := c.labels[lo:hi]
	if c.lags <= 8 {
		for i, x := range c.symbols[lo:hi] {
			if z := labels[i]; z != missing {
				c.enter(soon&full, lo+i, z, y)
			}
			soon = soon>>8 | near[x]
		}
		return
	}
	behind := c.symbols[lo-8 : hi-8]
	for i, x := range c.symbols[lo:hi] {
		if z := labels[i]; z != missing {
			c.enter((late<<8&0xff00|soon&0xff)&full, lo+i, z, y)
		}
		soon, late = soon>>8|near[x], late>>8|far[behind[i]]
	}
}

// enter counts the target at pos, of label z, that agrees on set with the
// query, of label y.
func (c *counter) enter(set uint64, pos int, z, y Symbol) {
	level := c.level[pos]
	at := uint64(level)<<(c.lags+1) | set<<1
	if z == y {
		at++
	}
	c.hist[at]++
	if run := c.run[set]; level < run {
		c.tally.add(z, int(level), int(run)-1, 1)
	}
}

// orders makes the histograms of all orders from those of levels and all lags.
func (c *counter) orders() []float32 {
	out := make([]float32, orderAt(c.lags+1))
	size := 2 << c.lags
	upTo := make([]uint32, size)
	folded := make([]uint32, size)
	for j := range c.lags + 1 {
		for i, n := range c.hist[j*size : (j+1)*size] {
			upTo[i] += n
		}
		copy(folded, upTo)
		for half := size / 2; half >= 2<<j; half /= 2 {
			for i, n := range folded[half : 2*half] {
				folded[i] += n
			}
		}
		for i, n := range folded[:2<<j] {
			out[orderAt(j)+i] = float32(n)
		}
	}
	return out
}

// set computes the kernel sums for factors b_j = e^{−β_j}.
func (v *validation) set(b []float64) *validation {
	kernel := []float64{1} // ∏_{l≤j} (1 if l ∈ S else b_l) at the bits of S
	for j := 0; ; j++ {
		for q, hist := range v.hist {
			miss, hit := 0.0, 0.0
			h := hist[orderAt(j):orderAt(j+1)]
			for s, k := range kernel {
				miss += k * float64(h[2*s])
				hit += k * float64(h[2*s+1])
			}
			v.hit[q*(v.lags+1)+j], v.all[q*(v.lags+1)+j] = hit, hit+miss
		}
		if j == v.lags {
			return v
		}
		kernel = append(kernel, kernel...)
		for s := range 1 << j {
			kernel[s] *= b[j+1]
		}
	}
}

// loss is the mean of −log₂ q_m(y; c) over the queries.
func (v *validation) loss(alpha, discount []float64) float64 {
	sum := 0.0
	for q := range v.queries {
		hit, all := v.hit[q*(v.lags+1):][:v.lags+1], v.all[q*(v.lags+1):][:v.lags+1]
		once := v.once[q]
		p := 1 / float64(v.a)
		for j, alpha := range alpha {
			d, n := discount[3*j:][:3], &once[j]
			escape := alpha + d[0]*float64(n[0]) + d[1]*float64(n[1]) + d[2]*float64(n[2])
			mass := hit[j]
			if n[3] > 0 {
				mass -= d[n[3]-1]
			}
			p = (escape*p + mass) / (alpha + all[j])
		}
		sum -= math.Log2(p)
	}
	return sum / float64(v.queries)
}

// objective is what is minimised: loss, less the logarithm of the prior.
func (v *validation) objective(s *search) float64 {
	penalty := 0.0
	for _, x := range s.alpha[1:] {
		z := math.Log(x/s.prior) / priorSpread
		penalty += z * z / 2
	}
	for i, d := range s.discount {
		e := i % 3
		z := (d - startDiscounts[e]) / (discountSpread * float64(e+1))
		penalty += z * z / 2
	}
	return v.loss(s.alpha, s.discount) + penalty/(math.Ln2*float64(v.queries))
}

// optimise moves s to a local minimum of the objective: line searches in ln β
// and ln of the shape, each followed by one in every ln α_j, over intervals
// that shrink as the sweeps go on, until a sweep gains nothing.
func (v *validation) optimise(ctx context.Context, s *search, report func(predictors.Progress)) error {
	if s.recency == "free" { // from where the best power law is
		free := *s
		s.recency, s.curve, s.fixed = "power", []float64{s.curve[0], math.Log(startGamma)}, []bool{s.fixed[0], false}
		if err := v.optimise(ctx, s, report); err != nil {
			return err
		}
		s.release()
		s.fixed = free.fixed
	}
	const sweeps, enough = 12, 1e-4
	width := 1.5
	best := v.set(factors(s.betas())).objective(s)
	for sweep := range sweeps {
		for i := range s.curve {
			if err := ctx.Err(); err != nil {
				return err
			}
			v.searchCurve(s, i, width)
			v.searchAlphas(s, width)
			v.searchDiscounts(s, width)
			report(predictors.Progress{Stage: "tune", Done: int64(sweep*len(s.curve) + i + 1), Total: int64(sweeps * len(s.curve))})
		}
		least := v.objective(s)
		if best-least < enough && sweep > 2 {
			break
		}
		best, width = least, max(width*0.7, 0.1)
	}
	return nil
}

func factors(beta []float64) []float64 {
	b := make([]float64, len(beta))
	for j := range beta {
		b[j] = math.Exp(-beta[j])
	}
	return b
}

func (v *validation) searchCurve(s *search, i int, width float64) {
	if s.fixed[i] {
		return
	}
	lo, hi := s.bounds(i)
	x := s.curve[i]
	s.curve[i] = golden(x, max(lo, x-width), min(hi, x+width), func(x float64) float64 {
		s.curve[i] = x
		return v.set(factors(s.betas())).objective(s)
	})
	v.set(factors(s.betas()))
}

func (v *validation) searchAlphas(s *search, width float64) {
	if s.fixedA {
		return
	}
	for j := 1; j <= v.lags; j++ {
		x := math.Log(s.alpha[j])
		x = golden(x, max(x-width, math.Log(1e-4)), min(x+width, math.Log(1e6)), func(x float64) float64 {
			s.alpha[j] = math.Exp(x)
			return v.objective(s)
		})
		s.alpha[j] = math.Exp(x)
	}
}

// searchDiscounts keeps D(e) < e, so that no probability is negative.
func (v *validation) searchDiscounts(s *search, width float64) {
	if !s.discounts {
		return
	}
	for i, x := range s.discount {
		most := float64(i%3+1) * 0.999
		s.discount[i] = golden(x, max(0, x-width/2), min(x+width/2, most), func(x float64) float64 {
			s.discount[i] = x
			return v.objective(s)
		})
	}
}

// golden minimises f over [lo, hi] by golden-section search (Kiefer 1953) to a
// fortieth of the interval, and returns x, where it was, if nothing better is
// found: f need not be unimodal.
func golden(x, lo, hi float64, f func(float64) float64) float64 {
	const ratio = 0.6180339887498949
	best, least := x, f(x)
	try := func(x float64) float64 {
		y := f(x)
		if y < least {
			best, least = x, y
		}
		return y
	}
	l, r := hi-ratio*(hi-lo), lo+ratio*(hi-lo)
	fl, fr := try(l), try(r)
	for stop := (hi - lo) / 40; hi-lo > stop; {
		if fl < fr {
			hi, r, fr = r, l, fl
			l = hi - ratio*(hi-lo)
			fl = try(l)
		} else {
			lo, l, fl = l, r, fr
			r = lo + ratio*(hi-lo)
			fr = try(r)
		}
	}
	return best
}
