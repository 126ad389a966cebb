package corpora

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A Quantity is a number known of a process: NaN where it is not known, +Inf
// where it is infinite.
type Quantity struct {
	Value float64
	// Error bounds how far it may be off, or is the standard error where How
	// is Simulated; 0 for an exact value, up to rounding.
	Error float64
	How   How
}

// How a quantity is known.
type How string

// The ways.
const (
	Unknown   How = "unknown"
	Exact     How = "exact"     // a closed form, or sums over finitely many states
	Computed  How = "computed"  // by convergent computation with bounded error
	Simulated How = "simulated" // mean over a long draw, with its standard error
)

func unknown() Quantity { return Quantity{Value: math.NaN(), How: Unknown} }

// Known reports whether there is a finite value.
func (q Quantity) Known() bool { return !math.IsNaN(q.Value) && !math.IsInf(q.Value, 0) }

// Facts are what is known of a process. With h(L) = H(X_L | X_1..X_{L−1}), the
// entropy of the L-th symbol after no others (Crutchfield & Feldman 2003):
//
//	Entropy                h = lim h(L)                        bits a symbol
//	ExcessEntropy          E = Σ_L (h(L) − h) = I(past; future)          bits
//	TransientInformation  TI = Σ_L L (h(L) − h)               bits · symbols
//	StatisticalComplexity C_μ = H(causal state)                          bits
//	Ahead[i]               L_k*, the least loss k = ks[i] ahead          bits
type Facts struct {
	Entropy, ExcessEntropy, StatisticalComplexity, TransientInformation Quantity
	Ahead                                                               []Quantity
}

// A Known is a Process that can say more of itself than its losses. Facts may
// take some seconds.
type Known interface {
	Facts(ks []int) Facts
}

// FactsOf are the facts of any process; of one that is not Known, its losses.
func FactsOf(p Process, ks []int) Facts {
	if k, ok := p.(Known); ok {
		return k.Facts(ks)
	}
	f := Facts{unknown(), unknown(), unknown(), unknown(), nil}
	if h, ok := p.Entropy(); ok {
		f.Entropy = Quantity{h, gridGap, Computed}
	}
	for _, k := range ks {
		l := unknown()
		if v, ok := p.OptimalAhead(k); ok {
			l = Quantity{v, gridGap, Computed}
		}
		f.Ahead = append(f.Ahead, l)
	}
	return f
}

// Facts of a hidden Markov process. If it is unifilar, its causal states are
// its states, merged where their futures are alike, and E and TI are summed
// over the beliefs of one who has yet to find out the state. If it is not, and
// is small, beliefs are kept on a grid; beyond that, it is simulated.
func (h *HMM) Facts(ks []int) Facts {
	f := Facts{}
	m := h
	if h.unifilar {
		m = h.minimal()
		f.Entropy = Quantity{Value: first1(m.Entropy()), How: Exact}
		f.StatisticalComplexity = Quantity{Value: entropy(m.pi), How: Exact}
	}
	var rest *simulation // made once, if at all
	simulated := func() *simulation {
		if rest == nil {
			rest = simulate(h, ks)
		}
		return rest
	}
	if !h.unifilar {
		if v, ok := h.Entropy(); ok {
			lo, hi := h.grid.bracket(h.ahead(1))
			f.Entropy = Quantity{v, (hi - lo) / 2, Computed}
		} else {
			f.Entropy = simulated().entropy
		}
		f.StatisticalComplexity = h.countBeliefs()
	}
	var ok bool
	switch {
	case h.closed != nil:
		f.ExcessEntropy, f.TransientInformation = h.closed(m)
		ok = f.TransientInformation.How != Unknown
	case h.unifilar:
		f.ExcessEntropy, f.TransientInformation, ok = m.synchronise()
	default:
		f.ExcessEntropy, f.TransientInformation, ok = h.converge()
	}
	if !ok {
		f.TransientInformation = simulated().transient
		if !f.ExcessEntropy.Known() {
			f.ExcessEntropy = simulated().excess
		}
	}
	for i, k := range ks {
		v, ok := h.OptimalAhead(k)
		switch {
		case ok && h.unifilar:
			f.Ahead = append(f.Ahead, Quantity{Value: v, How: Exact})
		case ok:
			f.Ahead = append(f.Ahead, Quantity{v, gridGap / 2, Computed})
		default:
			f.Ahead = append(f.Ahead, simulated().ahead[i])
		}
	}
	return f
}

func first1(v float64, _ bool) float64 { return v }

// minimal merges the states of a unifilar process that have the same future:
// from all in one class, classes are split by emissions and by the classes that
// symbols lead to, until none is (Moore 1956; Hopcroft's order is not needed).
// What is left are the causal states of the process (Travers & Crutchfield
// 2011). Emission probabilities closer than 1e-9 count as equal.
func (h *HMM) minimal() *HMM {
	class, classes := make([]int, h.n), 1
	for {
		index, next := map[string]int{}, make([]int, h.n)
		for i := range next {
			key := fmt.Sprint(class[i])
			for x := range h.a {
				for _, e := range h.on(i, x) {
					key += fmt.Sprintf(" %d:%d:%d", x, int64(math.Round(e.p*1e9)), class[e.to])
				}
			}
			if _, ok := index[key]; !ok {
				index[key] = len(index)
			}
			next[i] = index[key]
		}
		class = next
		if len(index) == classes {
			break
		}
		classes = len(index)
	}
	if classes == h.n {
		return h
	}
	var ts []transition
	seen, pi := make([]bool, classes), make([]float64, classes)
	for i, c := range class {
		pi[c] += h.pi[i]
		if seen[c] {
			continue
		}
		seen[c] = true
		for x := range h.a {
			for _, e := range h.on(i, x) {
				ts = append(ts, transition{c, Symbol(x), class[e.to], e.p})
			}
		}
	}
	keep := make([]int, classes)
	for i := range keep {
		keep[i] = i
	}
	m := assemble(h.a, keep, ts)
	m.pi, m.unifilar = pi, true
	return m
}

// Bounds on the enumeration of beliefs.
const (
	beliefsMost  = 15_000
	beliefsWork  = 5_000_000 // edges followed at most
	beliefsSteps = 20_000
	beliefsCalm  = 1e-9  // bits still to come end the sums
	beliefsLeast = 1e-14 // mass of a belief that is followed
)

// synchronise sums E and TI of a unifilar process. The state has the law π at
// any time, whatever has been seen, so that with mass m_w and belief η_w after
// each word w of L − 1 symbols
//
//	h(L) − h = Σ_w m_w [H(η_w E) − Σ_s η_w(s) H(E_s)]
//
// in which words that give away the state count for nothing and need not be
// followed. Equal beliefs are merged. What is still to come of E after L is at
// most Σ m_w H(η_w), the information on the state yet to be had; that of TI
// is estimated as if it went on falling as it fell.
func (h *HMM) synchronise() (E, TI Quantity, ok bool) {
	own := make([]float64, h.n) // H(E_s)
	row := make([]float64, h.a)
	for s := range own {
		h.emission(row, s)
		own[s] = entropy(row)
	}
	now := map[string]*heavy{}
	gather(now, h.pi, 1)
	sum, late, lost, work := 0.0, 0.0, 0.0, 0
	var left []float64
	v := make([]float64, h.n)
	for L := 1; L <= beliefsSteps; L++ {
		gain, open := 0.0, 0.0
		next := map[string]*heavy{}
		for _, key := range sorted(now) {
			b := now[key]
			clear(row)
			mean := 0.0
			for s, w := range b.law {
				if w > 0 {
					mean += w * own[s]
					for x := range row {
						for _, e := range h.on(s, x) {
							row[x] += w * e.p
							work++
						}
					}
				}
			}
			gain += b.mass * max(0, entropy(row)-mean)
			open += b.mass * entropy(b.law)
			for x, p := range row {
				if m := b.mass * p; m > 0 {
					if m < beliefsLeast {
						lost += m
						continue
					}
					h.follow(v, b.law, x)
					if !certain(v) {
						gather(next, v, m)
					}
				}
			}
		}
		left = append(left, open)
		sum += gain
		late += float64(L) * gain
		if open < beliefsCalm {
			states := math.Log2(float64(max(2, h.n)))
			return Quantity{sum, open + lost*states + 1e-12, Computed}, Quantity{late, tail(left, L) + lost*states*float64(L) + 1e-12, Computed}, true
		}
		if len(next) > beliefsMost || work > beliefsWork {
			return unknown(), unknown(), false
		}
		now = next
	}
	return unknown(), unknown(), false
}

// tail bounds Σ_{l>L} l·gain(l) if what is left goes on falling at the rate of
// its second half: Σ l·gain(l) ≤ Σ_{l≥L} left(l) + L·left(L).
func tail(left []float64, L int) float64 {
	last := left[len(left)-1]
	if last == 0 {
		return 0
	}
	half := left[len(left)/2]
	rate := math.Pow(last/half, 1/float64(max(1, len(left)-1-len(left)/2)))
	if rate >= 1 {
		return math.Inf(1)
	}
	return last*float64(L) + last/(1-rate)
}

// A heavy is a belief and the probability of the words that lead to it.
type heavy struct {
	law  []float64
	mass float64
}

// gather adds mass to the belief v divided by its sum. Beliefs that agree to
// ten digits are one.
func gather(to map[string]*heavy, v []float64, mass float64) {
	law := slices.Clone(v)
	scale(law)
	key := make([]byte, 0, 8*len(law))
	for i, w := range law {
		if r := int64(math.Round(w * 1e10)); r != 0 {
			key = binary.LittleEndian.AppendUint32(key, uint32(i))
			key = binary.LittleEndian.AppendUint64(key, uint64(r))
		}
	}
	if b := to[string(key)]; b != nil {
		b.mass += mass
		return
	}
	to[string(key)] = &heavy{law, mass}
}

func certain(v []float64) bool {
	n := 0
	for _, w := range v {
		if w > 0 {
			n++
		}
	}
	return n <= 1
}

// sorted lists the keys: sums must not depend on the order of a map.
func sorted(m map[string]*heavy) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// converge sums E and TI of a small process that is not unifilar over the grid
// of merged beliefs (beliefs.go): h(L) from each set of them, less the last. A
// grid half as fine says how far off they are.
func (h *HMM) converge() (E, TI Quantity, ok bool) {
	h.once.Do(func() { h.grid = newBeliefGrid(h) })
	if h.grid == nil {
		return unknown(), unknown(), false
	}
	e, ti, fine := h.grid.sums()
	coarse := &beliefGrid{h: h, m: h.grid.m / 2}
	coarse.list()
	coarse.runUpper()
	e2, ti2, ok := coarse.sums()
	if !ok || !fine {
		return unknown(), unknown(), false
	}
	return Quantity{e, math.Abs(e - e2), Computed}, Quantity{ti, math.Abs(ti - ti2), Computed}, true
}

// sums are Σ (h(L) − h) and Σ L (h(L) − h), h being the last h(L).
func (g *beliefGrid) sums() (E, TI float64, ok bool) {
	hs := g.rates
	last := hs[len(hs)-1]
	for i, v := range hs {
		E += v - last
		TI += float64(i+1) * (v - last)
	}
	return E, TI, len(hs) < gridSteps
}

// countBeliefs is C_μ of a process that is not unifilar: the entropy of the law
// of its beliefs, which are its causal states where no two have the same
// future. They are followed from π until few are new; where they go on dividing
// until there are beliefsMost of them, they are taken to be as many as the
// continuum, and C_μ infinite.
func (h *HMM) countBeliefs() Quantity {
	now := map[string]*heavy{}
	gather(now, h.pi, 1)
	v, before, calm := make([]float64, h.n), 0.0, 0
	for range 4000 {
		next, lost := map[string]*heavy{}, 0.0
		for _, key := range sorted(now) {
			b := now[key]
			for x := range h.a {
				if p := h.follow(v, b.law, x); b.mass*p > beliefsLeast {
					gather(next, v, b.mass*p)
				} else {
					lost += b.mass * p
				}
			}
		}
		if len(next) > beliefsMost {
			return Quantity{math.Inf(1), 0, Computed}
		}
		now = next
		bits := 0.0
		for _, key := range sorted(now) {
			bits -= now[key].mass * math.Log2(now[key].mass)
		}
		if calm++; math.Abs(bits-before) > 1e-5 {
			calm = 0
		}
		if before = bits; calm == 50 {
			return Quantity{bits, 1e-4, Computed}
		}
	}
	return unknown()
}

// A simulation is what can be learned of a process from a long draw, filtered
// twice: once for good, and once from nothing anew every so often. Since both
// see the same symbols,
//
//	E  = Σ_L E KL(P(X_L | past, X_1..X_{L−1}) ‖ P(X_L | X_1..X_{L−1}))
//
// by the chain rule for I(past; future), and TI with L before each term: no term
// is below 0, and none is left once two filters agree.
type simulation struct {
	entropy, excess, transient Quantity
	ahead                      []Quantity
}

// Sizes of a simulation.
const (
	simulatedPieces = 256
	simulatedPiece  = 1 << 10
	simulatedStart  = 67 // symbols from one new filter to the next: a prime, not to favour a phase
	simulatedEvery  = 7  // symbols from one look ahead to the next: odd, as trees are of powers of two
)

// simulate draws with a fixed seed: facts are the same every time.
func simulate(h *HMM, ks []int) *simulation {
	xs := make([]Symbol, simulatedPiece)
	source := h.Source(rand.New(rand.NewPCG(1, lawStream)))
	long := h.Filter().(*hmmFilter)
	p, r := make([]float64, h.a), make([]float64, h.a)
	Es := make([][][]float64, len(ks))
	for i, k := range ks {
		Es[i] = h.ahead(k)
	}
	source.Draw(xs)
	for _, x := range xs {
		long.Observe(x)
	}
	var hs []float64 // means of each piece
	ls := make([][]float64, len(ks))
	gap := &meetings{h: h, q: make([]float64, h.a)}
	for piece := 0; piece < simulatedPieces || len(gap.open) > 0 && piece < 2*simulatedPieces; piece++ {
		source.Draw(xs)
		bits, looks, ahead := 0.0, 0.0, make([]float64, len(ks))
		for t, x := range xs {
			if n := piece*simulatedPiece + t; piece < simulatedPieces && n%simulatedStart == 0 {
				gap.open = append(gap.open, &meeting{short: h.Filter()})
			}
			long.Predict(p)
			bits += entropy(p)
			gap.observe(p, x)
			if t%simulatedEvery == 0 {
				looks++
				for i, E := range Es {
					clear(r)
					for j, s := range long.now.at {
						for y, v := range E[s] {
							r[y] += long.now.w[j] * v
						}
					}
					ahead[i] += entropy(r)
				}
			}
			long.Observe(x)
		}
		hs = append(hs, bits/simulatedPiece)
		for i := range ks {
			ls[i] = append(ls[i], ahead[i]/looks)
		}
	}
	s := &simulation{entropy: meanOf(hs), excess: meanOf(gap.e), transient: meanOf(gap.ti)}
	for i := range ks {
		s.ahead = append(s.ahead, meanOf(ls[i]))
	}
	return s
}

// A meeting sums how far a new filter is from the old one until they have
// agreed for a while.
type meeting struct {
	short      Filter
	e, ti      float64
	steps, met int
}

// meetings are those under way, and what those gave that are over. New ones
// begin at times that have nothing to do with what was drawn: to begin where the last
// ended would favour some states.
type meetings struct {
	h     *HMM
	q     []float64
	open  []*meeting
	e, ti []float64
}

// observe takes the old filter's law of the next symbol, and the symbol.
func (g *meetings) observe(p []float64, x Symbol) {
	left := g.open[:0]
	for _, m := range g.open {
		m.short.Predict(g.q)
		m.short.Observe(x)
		d := divergence(p, g.q)
		m.steps++
		m.e += d
		m.ti += float64(m.steps) * d
		if m.met++; d > 1e-12 {
			m.met = 0
		}
		if m.met < 64 {
			left = append(left, m)
			continue
		}
		g.e, g.ti = append(g.e, m.e), append(g.ti, m.ti)
	}
	clear(g.open[len(left):])
	g.open = left
}

// divergence is KL(p ‖ q) in bits.
func divergence(p, q []float64) (bits float64) {
	for x, v := range p {
		if v > 0 {
			bits += v * math.Log2(v/q[x])
		}
	}
	return max(0, bits)
}

// meanOf is a mean with the standard error that pieces as long as these, hardly
// dependent, have.
func meanOf(v []float64) Quantity {
	n, sum, squares := float64(len(v)), 0.0, 0.0
	for _, x := range v {
		sum += x
	}
	mean := sum / n
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return Quantity{mean, math.Sqrt(squares / (n - 1) / n), Simulated}
}

// Facts of a broadcast tree: its entropy, and what simulation says of looking
// further ahead. Information falls as a power of distance, and E, C_μ and TI of
// a tree without end have no known value.
func (t *tree) Facts(ks []int) Facts {
	lo, hi := t.bracketEntropy()
	f := Facts{Quantity{(lo + hi) / 2, (hi - lo) / 2, Computed}, unknown(), unknown(), unknown(), nil}
	piece := min(t.document(), 1<<14)
	f.Ahead = ahead(t, ks, piece, (1<<18)/piece)
	for i, k := range ks {
		if k == 1 {
			f.Ahead[i] = f.Entropy
		}
	}
	return f
}

// ahead is the mean entropy of a filter's k-step marginals, at every seventh
// symbol of a draw of so many pieces.
func ahead(p Process, ks []int, piece, pieces int) (out []Quantity) {
	source, f, q := p.(Streamer).Source(rand.New(rand.NewPCG(1, lawStream))), p.Filter(), make([]float64, p.Alphabet())
	xs, means := make([]Symbol, piece), make([][]float64, len(ks))
	for range pieces {
		source.Draw(xs)
		sums := make([]float64, len(ks))
		for t, x := range xs {
			if t%simulatedEvery == 0 {
				for i, k := range ks {
					f.PredictAhead(q, k)
					sums[i] += entropy(q)
				}
			}
			f.Observe(x)
		}
		for i, s := range sums {
			means[i] = append(means[i], s/float64((piece+simulatedEvery-1)/simulatedEvery))
		}
	}
	for _, m := range means {
		out = append(out, meanOf(m))
	}
	return out
}

// Facts of the LZ78 source: its entropy rate. Its causal states are its trees,
// of which there is no end.
func (s *lz78) Facts(ks []int) Facts {
	h, _ := s.Entropy()
	f := Facts{Quantity{Value: h, How: Exact}, unknown(), Quantity{math.Inf(1), 0, Exact}, unknown(), nil}
	for _, k := range ks {
		l := unknown()
		if k == 1 {
			l = f.Entropy
		}
		f.Ahead = append(f.Ahead, l)
	}
	return f
}
