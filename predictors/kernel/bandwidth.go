package kernel

import (
	"context"
	"math"
	"math/rand/v2"

	"horizon/predictors"
)

// The bandwidths maximise the log-likelihood of a sample of the training
// symbols, each predicted from the training part without a whole block around
// it: block cross-validation (Burman, Chow & Nolan 1994). Leaving out only
// the symbol, or its close neighbourhood, would overfit, since neighbouring
// contexts overlap and near text repeats itself more than far text does.
//
// All that a prediction depends on is, for every set of lags, how many
// contexts agree with the query on exactly that set, and how many of these
// were followed by the true symbol. These histograms are counted once, by one
// pass over the text per query; then a trial of new bandwidths costs 2^{m+1}
// multiplications per query and no look at the text, and a trial of new α_j
// only m divisions.

type bandwidths struct {
	beta  []float64 // β_j at j; β_0 is not used
	alpha []float64 // α_j at j; α_0 = A/2
	b     []float64 // e^{−β_j} at j
	near  []float64 // w_S of order max S, ∏_{l∈S} (1−b_l) ∏_{l<max S, l∉S} b_l, at the bits of S

	bits, effective float64 // cv_bits and n_eff of Describe, or 0
}

func newBandwidths(beta, alpha []float64) bandwidths {
	w := bandwidths{beta: beta, alpha: alpha, b: make([]float64, len(beta)), near: []float64{1}}
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
	return 8 * int64(cap(w.beta)+cap(w.alpha)+cap(w.b)+cap(w.near))
}

// What an untuned predictor starts from, and the search too: about what text
// chooses.
const (
	startBeta  = 4
	startRho   = 0.8
	startGamma = 0.5
	startAlpha = 2
)

// priorSpread is the standard deviation of a weak normal prior on every ln α_j
// about ln startAlpha: where the data leave an α_j open, as they do when
// orders on either side of it do its work, it stays within reason, and the
// product of many small α_j does not rule out what was merely not seen.
const priorSpread = 2

// startBandwidths are the fixed values, or those above where none are.
func startBandwidths(c *NadarayaWatsonConfig, a int) bandwidths {
	s := newSearch(c, a)
	return newBandwidths(s.betas(), s.alpha)
}

// A search is where the optimisation stands.
type search struct {
	recency string
	lags    int
	curve   []float64 // ln β and ln ρ or ln γ; for "free", all ln β_j
	fixed   []bool    // which of curve are not to be changed
	alpha   []float64 // α_j at j
	fixedA  bool
}

func newSearch(c *NadarayaWatsonConfig, a int) *search {
	or := func(v, start float64) float64 {
		if v == 0 {
			v = start
		}
		return math.Log(v)
	}
	s := &search{recency: c.Recency, lags: c.Lags, fixedA: c.Alpha != 0}
	if c.Recency == "geometric" {
		s.curve, s.fixed = []float64{or(c.Beta, startBeta), or(c.Rho, startRho)}, []bool{c.Beta != 0, c.Rho != 0}
	} else {
		s.curve, s.fixed = []float64{or(c.Beta, startBeta), or(c.Gamma, startGamma)}, []bool{c.Beta != 0, c.Gamma != 0}
	}
	if c.Recency == "free" {
		s.release()
	}
	s.alpha = []float64{float64(a) / 2}
	for range c.Lags {
		s.alpha = append(s.alpha, math.Exp(or(c.Alpha, startAlpha)))
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
	// lags 1 … j, how many contexts outside the query's block agree with it
	// on S exactly: at 2S those followed by another symbol, at 2S+1 those by
	// the true one.
	hist [][]float32
	hit  []float64 // Σ_i K_j 1[x_{i+1} = y] at q(m+1)+j
	all  []float64 // Σ_i K_j there
}

// orderAt is where order j begins in a histogram.
func orderAt(j int) int { return 2 * (1<<j - 1) }

// chooseBandwidths runs the cross-validation on a seeded sample of mem.
func chooseBandwidths(ctx context.Context, mem *memory, c *NadarayaWatsonConfig, a int, seed uint64,
	report func(predictors.Progress)) (bandwidths, error) {
	if len(mem.targets) == 0 {
		return startBandwidths(c, a), ctx.Err()
	}
	v, err := newValidation(ctx, mem, c, a, seed, report)
	if err != nil {
		return bandwidths{}, err
	}
	s := newSearch(c, a)
	if err := v.optimise(ctx, s, report); err != nil {
		return bandwidths{}, err
	}
	w := newBandwidths(s.betas(), s.alpha)
	w.bits = v.set(w.b).loss(s.alpha)
	w.effective = v.effective(&w)
	return w, nil
}

// newValidation counts the histograms of one query in each of c.Queries equal
// stretches of the training symbols, placed at random in it.
func newValidation(ctx context.Context, mem *memory, c *NadarayaWatsonConfig, a int, seed uint64,
	report func(predictors.Progress)) (*validation, error) {
	n := len(mem.targets)
	queries := min(c.Queries, n)
	v := &validation{lags: c.Lags, a: a, queries: queries, hist: make([][]float32, queries),
		hit: make([]float64, queries*(c.Lags+1)), all: make([]float64, queries*(c.Lags+1))}
	rng := rand.New(rand.NewPCG(seed, 0x6e77)) // a stream of its own
	counter := newCounter(mem, c.Lags)
	for q := range queries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		lo, hi := q*n/queries, (q+1)*n/queries
		t := lo + rng.IntN(hi-lo)
		block := t * c.Folds / n // the smallest i of block k has i·folds ≥ k·n
		first, last := (block*n+c.Folds-1)/c.Folds, ((block+1)*n+c.Folds-1)/c.Folds
		v.hist[q] = counter.count(t, max(first-c.Lags, 0), min(last+c.Lags, n))
		report(predictors.Progress{Stage: "count", Done: int64(q + 1), Total: int64(queries)})
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
	near, far []uint64 // by symbol: what it enters
	hist      []uint32
}

func newCounter(mem *memory, lags int) *counter {
	c := &counter{mem: mem, lags: lags, symbols: make([]Symbol, len(mem.text)/2),
		near: make([]uint64, missing+1), far: make([]uint64, missing+1), hist: make([]uint32, 2<<lags)}
	for pos := range c.symbols {
		c.symbols[pos] = mem.symbol(uint32(pos))
	}
	return c
}

// count makes the histogram for target number t, leaving out the targets from
// first to before last.
func (c *counter) count(t, first, last int) []float32 {
	pos := c.mem.targets[t]
	enter := func(set bool) {
		for j := 1; j <= c.lags; j++ {
			x, table, k := c.symbols[pos-uint32(j)], c.near, j-1
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
	end := int(c.mem.targets[len(c.mem.targets)-1]) + 1
	if first > 0 {
		c.scan(c.symbols[pos], gap, int(c.mem.targets[first-1])+1)
	}
	if last < len(c.mem.targets) {
		c.scan(c.symbols[pos], int(c.mem.targets[last]), end)
	}
	enter(false)
	return c.orders()
}

// scan adds the targets at positions from lo to before hi.
func (c *counter) scan(y Symbol, lo, hi int) {
	near, far, hist := (*[missing + 1]uint64)(c.near), (*[missing + 1]uint64)(c.far), c.hist
	full := uint64(1)<<c.lags - 1
	soon, late := uint64(0), uint64(0)
	for i := max(lo-c.lags, gap); i < lo; i++ {
		soon, late = soon>>8|near[c.symbols[i]], late>>8|far[c.symbols[i-8]]
	}
	if c.lags <= 8 {
		for _, x := range c.symbols[lo:hi] {
			if x != missing {
				at := (soon & full) << 1
				if x == y {
					at++
				}
				hist[at]++
			}
			soon = soon>>8 | near[x]
		}
		return
	}
	behind := c.symbols[lo-8 : hi-8]
	for i, x := range c.symbols[lo:hi] {
		if x != missing {
			at := (late<<8&0xff00 | soon&0xff) & full << 1
			if x == y {
				at++
			}
			hist[at]++
		}
		soon, late = soon>>8|near[x], late>>8|far[behind[i]]
	}
}

// orders completes the histogram of order m by those of the lower ones.
func (c *counter) orders() []float32 {
	out := make([]float32, orderAt(c.lags+1))
	top := out[orderAt(c.lags):]
	for i, n := range c.hist {
		top[i] = float32(n)
	}
	for j := c.lags - 1; j >= 0; j-- {
		this, above := out[orderAt(j):orderAt(j+1)], out[orderAt(j+1):]
		for i := range this {
			this[i] = above[i] + above[i+len(this)]
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
func (v *validation) loss(alpha []float64) float64 {
	sum := 0.0
	for q := range v.queries {
		hit, all := v.hit[q*(v.lags+1):][:v.lags+1], v.all[q*(v.lags+1):][:v.lags+1]
		p := 1 / float64(v.a)
		for j, alpha := range alpha {
			p = (alpha*p + hit[j]) / (alpha + all[j])
		}
		sum -= math.Log2(p)
	}
	return sum / float64(v.queries)
}

// objective is what is minimised: loss, less the logarithm of the prior.
func (v *validation) objective(alpha []float64) float64 {
	penalty := 0.0
	for _, x := range alpha[1:] {
		z := math.Log(x/startAlpha) / priorSpread
		penalty += z * z / 2
	}
	return v.loss(alpha) + penalty/(math.Ln2*float64(v.queries))
}

// effective is the geometric mean over the queries of n_eff = 1/Σ_i w_i², w_i
// being the weight of context i in q_m.
func (v *validation) effective(w *bandwidths) float64 {
	m, sum := v.lags, 0.0
	f := make([]float64, m+1)
	for q, hist := range v.hist {
		rest := 1.0
		for j := m; j >= 0; j-- {
			f[j] = rest / (w.alpha[j] + v.all[q*(m+1)+j])
			rest = w.alpha[j] * f[j]
		}
		squares := 0.0
		for s, h := 0, hist[orderAt(m):]; s < 1<<m; s++ {
			k, weight := 1.0, f[0]
			for j := 1; j <= m; j++ {
				if s>>(j-1)&1 == 0 {
					k *= w.b[j]
				}
				weight += k * f[j]
			}
			squares += float64(h[2*s]+h[2*s+1]) * weight * weight
		}
		sum -= math.Log(max(squares, math.SmallestNonzeroFloat64))
	}
	return math.Exp(sum / float64(v.queries))
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
	best := v.set(factors(s.betas())).objective(s.alpha)
	for sweep := range sweeps {
		for i := range s.curve {
			if err := ctx.Err(); err != nil {
				return err
			}
			v.searchCurve(s, i, width)
			v.searchAlphas(s, width)
			report(predictors.Progress{Stage: "tune", Done: int64(sweep*len(s.curve) + i + 1), Total: int64(sweeps * len(s.curve))})
		}
		least := v.objective(s.alpha)
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
		return v.set(factors(s.betas())).objective(s.alpha)
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
			return v.objective(s.alpha)
		})
		s.alpha[j] = math.Exp(x)
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
