package corpora

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
)

// An HMM is a stationary finite hidden Markov process given by its labelled
// transitions (Upper 1997; programme section 3):
//
//	T^x[i,j] = P(emit x and go to j | in i),   T = Σ_x T^x,   π = πT
//	η_0 = π,   η_t ∝ η_{t-1} T^{x_t}                      Bayes filter
//	P(x_{t+k} = y | x_{≤t}) = η_t T^{k-1} T^y 1           k-step marginal
//
// States the stationary process never visits are dropped. Time per symbol is
// O(edges out of the belief's support), which for a unifilar process that has
// synchronised is one state; space is O(edges), shared by all filters.
type HMM struct {
	a, n  int
	first []int32 // edges of state i with symbol x: edges[first[i·a+x]:first[i·a+x+1]]
	edges []edge
	pi    []float64

	unifilar bool // state and symbol determine the next state

	// closed is E and TI where the kind of process has a better way to them
	// than enumeration; nil where it has not.
	closed func(minimal *HMM) (E, TI Quantity)

	once sync.Once
	grid *beliefGrid // bounds where not unifilar; see beliefs.go
}

type edge struct {
	to int32
	p  float64
}

// A transition is an element of T^x, for making an HMM.
type transition struct {
	from int
	x    Symbol
	to   int
	p    float64
}

// rowError is how far from one the sum of a state's transitions may be.
const rowError = 1e-9

// NewHMM makes the process with T[x][i][j] = T^x[i,j]. The rows of Σ_x T^x
// must sum to one within 1e-9 (and are then divided by their sums) and lead
// to a unique stationary law.
func NewHMM(T [][][]float64) (*HMM, error) {
	if len(T) < 1 || len(T) > 256 {
		return nil, fmt.Errorf("matrices: %d symbols, want 1 to 256", len(T))
	}
	n := len(T[0])
	var ts []transition
	for x, m := range T {
		if len(m) != n || n == 0 {
			return nil, fmt.Errorf("matrices[%d]: %d rows, want %d (as many as states, ≥ 1)", x, len(m), max(n, 1))
		}
		for i, row := range m {
			if len(row) != n {
				return nil, fmt.Errorf("matrices[%d][%d]: %d columns, want %d", x, i, len(row), n)
			}
			for j, p := range row {
				if err := between(fmt.Sprintf("matrices[%d][%d][%d]", x, i, j), p, 0, 1); err != nil {
					return nil, err
				}
				ts = append(ts, transition{i, Symbol(x), j, p})
			}
		}
	}
	return newHMM(len(T), n, ts)
}

// newHMM makes the process over a symbols and n states.
func newHMM(a, n int, ts []transition) (*HMM, error) {
	sum := make([]float64, n)
	for _, t := range ts {
		sum[t.from] += t.p
	}
	for i, s := range sum {
		if math.Abs(s-1) > rowError || s != s {
			return nil, fmt.Errorf("matrices: transitions out of state %d sum to %v, want 1", i, s)
		}
	}
	for i := range ts {
		ts[i].p /= sum[ts[i].from]
	}
	keep, err := closedClass(n, ts)
	if err != nil {
		return nil, err
	}
	h := assemble(a, keep, ts)
	h.unifilar = h.isUnifilar()
	if h.pi, err = h.stationary(); err != nil {
		return nil, err
	}
	return h, nil
}

// assemble lays out the transitions among the states keep[i] ≥ 0, which get
// the numbers keep[i], in order of state, symbol and target.
func assemble(a int, keep []int, ts []transition) *HMM {
	h := &HMM{a: a}
	for _, k := range keep {
		h.n = max(h.n, k+1)
	}
	used := func(t transition) bool { return t.p > 0 && keep[t.from] >= 0 }
	h.first = make([]int32, h.n*a+1)
	for _, t := range ts {
		if used(t) {
			h.first[keep[t.from]*a+int(t.x)+1]++
		}
	}
	for i := range h.n * a {
		h.first[i+1] += h.first[i]
	}
	h.edges = make([]edge, h.first[h.n*a])
	at := append([]int32(nil), h.first...)
	for _, t := range ts {
		if used(t) {
			slot := &at[keep[t.from]*a+int(t.x)]
			h.edges[*slot] = edge{int32(keep[t.to]), t.p}
			*slot++
		}
	}
	return h
}

// closedClass numbers the states of the only closed communicating class and
// gives the others −1; it is an error if there are several such classes.
//
// On the reversed graph, the class is what can reach everything: if any state
// does, the root of the last search that found something new is one of them.
func closedClass(n int, ts []transition) ([]int, error) {
	forward, reversed := make([][]int, n), make([][]int, n)
	for _, t := range ts {
		if t.p > 0 {
			forward[t.from] = append(forward[t.from], t.to)
			reversed[t.to] = append(reversed[t.to], t.from)
		}
	}
	seen, root := make([]bool, n), 0
	for i := range n {
		if !seen[i] {
			reach(reversed, i, seen)
			root = i
		}
	}
	back := make([]bool, n)
	reach(reversed, root, back)
	for i, ok := range back {
		if !ok {
			return nil, fmt.Errorf("matrices: the stationary law is not unique: state %d cannot be reached from state %d", root, i)
		}
	}
	class := make([]bool, n)
	reach(forward, root, class)
	keep, k := make([]int, n), 0
	for i := range keep {
		keep[i] = -1
		if class[i] {
			keep[i] = k
			k++
		}
	}
	return keep, nil
}

// reach marks what can be reached from i.
func reach(graph [][]int, i int, seen []bool) {
	seen[i] = true
	for stack := []int{i}; len(stack) > 0; {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, j := range graph[i] {
			if !seen[j] {
				seen[j] = true
				stack = append(stack, j)
			}
		}
	}
}

// isUnifilar reports whether no state has two edges with the same symbol.
func (h *HMM) isUnifilar() bool {
	for s := range h.n * h.a {
		if h.first[s+1]-h.first[s] > 1 {
			return false
		}
	}
	return true
}

// directStates is the most states whose stationary law is found by
// elimination, in O(n³).
const directStates = 512

// stationary solves π = πT.
func (h *HMM) stationary() ([]float64, error) {
	if h.n <= directStates {
		return h.eliminate(), nil
	}
	return h.iterate()
}

// eliminate is the algorithm of Grassmann, Taksar & Heyman (1985): Gaussian
// elimination without a subtraction, hence without cancellation.
func (h *HMM) eliminate() []float64 {
	n := h.n
	P := make([][]float64, n)
	for i := range P {
		P[i] = make([]float64, n)
		for _, e := range h.out(i) {
			P[i][e.to] += e.p
		}
	}
	for k := n - 1; k > 0; k-- {
		s := 0.0
		for _, p := range P[k][:k] {
			s += p
		}
		for i := range k {
			P[i][k] /= s
			for j := range k {
				P[i][j] += P[i][k] * P[k][j]
			}
		}
	}
	pi := make([]float64, n)
	pi[0] = 1
	for k := 1; k < n; k++ {
		for i := range k {
			pi[k] += pi[i] * P[i][k]
		}
	}
	scale(pi)
	return pi
}

// iterate is the power method on (T + I)/2, which is aperiodic.
func (h *HMM) iterate() ([]float64, error) {
	const most = 200_000
	pi, next := make([]float64, h.n), make([]float64, h.n)
	for i := range pi {
		pi[i] = 1 / float64(h.n)
	}
	for range most {
		for i, p := range pi {
			next[i] += p / 2
			for _, e := range h.out(i) {
				next[e.to] += p * e.p / 2
			}
		}
		scale(next)
		change := 0.0
		for i := range pi {
			change += math.Abs(next[i] - pi[i])
			pi[i] = 0
		}
		pi, next = next, pi
		if change < 1e-14 {
			return pi, nil
		}
	}
	return nil, fmt.Errorf("matrices: the stationary law of %d states did not converge in %d steps: the process hardly mixes", h.n, most)
}

func scale(p []float64) {
	sum := 0.0
	for _, v := range p {
		sum += v
	}
	for i := range p {
		p[i] /= sum
	}
}

// out lists the edges out of state i.
func (h *HMM) out(i int) []edge { return h.edges[h.first[i*h.a]:h.first[(i+1)*h.a]] }

// on lists the edges out of state i with symbol x.
func (h *HMM) on(i int, x int) []edge { return h.edges[h.first[i*h.a+x]:h.first[i*h.a+x+1]] }

// Alphabet is A.
func (h *HMM) Alphabet() int { return h.a }

// States is the number of states the stationary process visits.
func (h *HMM) States() int { return h.n }

// Stationary is a copy of π.
func (h *HMM) Stationary() []float64 { return append([]float64(nil), h.pi...) }

// Generate draws n symbols, with the first state from π.
func (h *HMM) Generate(n int, rng *rand.Rand) []Symbol { return generate(h, n, rng) }

// Source draws with the first state from π.
func (h *HMM) Source(rng *rand.Rand) Source {
	state, u := 0, rng.Float64()
	for i, p := range h.pi {
		if p > 0 {
			state = i
		}
		if u -= p; u < 0 {
			break
		}
	}
	return &hmmSource{h, state, rng}
}

type hmmSource struct {
	h     *HMM
	state int
	rng   *rand.Rand
}

func (s *hmmSource) Draw(xs []Symbol) {
	for t := range xs {
		xs[t], s.state = s.h.step(s.state, s.rng.Float64())
	}
}

// step inverts the distribution function of state's edges at u.
func (h *HMM) step(state int, u float64) (x Symbol, to int) {
	for y := range h.a {
		for _, e := range h.on(state, y) {
			x, to = Symbol(y), int(e.to)
			if u -= e.p; u < 0 {
				return x, to
			}
		}
	}
	return x, to // u fell into the rounding error above the last sum
}

// Entropy is h in bits per symbol. If the process is unifilar,
//
//	h = Σ_s π_s H(x | s)                              (Shannon 1948, theorem 5)
//
// because the past determines the state in the limit. Otherwise it is
// bracketed (see beliefs.go), and known if the bracket is narrow.
func (h *HMM) Entropy() (float64, bool) { return h.OptimalAhead(1) }

// OptimalAhead is L_k*. If the process is unifilar, with E the n×A matrix of
// emission probabilities,
//
//	L_k* = Σ_s π_s H(row s of T^{k-1} E),
//
// in O(k·edges·A). Otherwise it is bracketed like the entropy.
func (h *HMM) OptimalAhead(k int) (bits float64, ok bool) {
	if k < 1 {
		return 0, false
	}
	E := h.ahead(k)
	if !h.unifilar {
		h.once.Do(func() { h.grid = newBeliefGrid(h) })
		return h.grid.loss(E)
	}
	for i, p := range h.pi {
		bits += p * entropy(E[i])
	}
	return bits, true
}

// ahead is T^{k-1} E.
func (h *HMM) ahead(k int) [][]float64 {
	E, next := rows(h.n, h.a), rows(h.n, h.a)
	for i := range E {
		h.emission(E[i], i)
	}
	for range k - 1 {
		for i := range next {
			clear(next[i])
			for _, e := range h.out(i) {
				for x, p := range E[e.to] {
					next[i][x] += e.p * p
				}
			}
		}
		E, next = next, E
	}
	return E
}

// emission sets p[x] = P(x | state i).
func (h *HMM) emission(p []float64, i int) {
	for x := range p {
		p[x] = 0
		for _, e := range h.on(i, x) {
			p[x] += e.p
		}
	}
}

// rows makes n rows of m zeros.
func rows(n, m int) [][]float64 {
	flat, out := make([]float64, n*m), make([][]float64, n)
	for i := range out {
		out[i] = flat[i*m : (i+1)*m : (i+1)*m]
	}
	return out
}

// entropy is H(p) in bits.
func entropy(p []float64) (bits float64) {
	for _, v := range p {
		if v > 0 {
			bits -= v * math.Log2(v)
		}
	}
	return bits
}

// Filter starts at π.
func (h *HMM) Filter() Filter {
	f := &hmmFilter{h: h}
	f.Reset()
	return f
}

// A belief is a law of the state, by its support.
type belief struct {
	at []int32
	w  []float64
}

func (b *belief) add(i int32, w float64) {
	b.at = append(b.at, i)
	b.w = append(b.w, w)
}

func (b *belief) reset() { b.at, b.w = b.at[:0], b.w[:0] }

// hmmFilter is the Bayes filter. next, far and slot are scratch.
type hmmFilter struct {
	h              *HMM
	now, next, far belief
	slot           []int32 // 1 + place of a state in the belief being made, 0 if not there
}

// ready makes room for any belief, once, so that nothing is allocated later.
func (f *hmmFilter) ready() {
	if f.slot != nil {
		return
	}
	f.slot = make([]int32, f.h.n)
	for _, b := range []*belief{&f.now, &f.next, &f.far} {
		b.at = append(make([]int32, 0, f.h.n), b.at...)
		b.w = append(make([]float64, 0, f.h.n), b.w...)
	}
}

func (f *hmmFilter) Reset() {
	f.now.reset()
	for i, p := range f.h.pi {
		if p > 0 {
			f.now.add(int32(i), p)
		}
	}
}

// Predict sets p[x] = η T^x 1.
func (f *hmmFilter) Predict(p []float64) { f.marginal(p, &f.now) }

func (f *hmmFilter) marginal(p []float64, b *belief) {
	clear(p)
	for k, i := range b.at {
		for x := range p {
			for _, e := range f.h.on(int(i), x) {
				p[x] += b.w[k] * e.p
			}
		}
	}
}

// Observe moves the belief on. After a symbol the process could not have
// emitted here there is no conditional law: the filter then goes on as if its
// past began with that symbol, or, if the process never emits it, with nothing.
func (f *hmmFilter) Observe(x Symbol) {
	f.ready()
	for range 2 {
		f.next.reset()
		for k, i := range f.now.at {
			for _, e := range f.h.on(int(i), int(x)) {
				f.put(&f.next, e.to, f.now.w[k]*e.p)
			}
		}
		f.settle(&f.next)
		if len(f.next.at) > 0 {
			f.now, f.next = f.next, f.now
			return
		}
		f.Reset()
	}
}

// put adds mass w to state i of the belief being made.
func (f *hmmFilter) put(b *belief, i int32, w float64) {
	if s := f.slot[i]; s > 0 {
		b.w[s-1] += w
		return
	}
	b.add(i, w)
	f.slot[i] = int32(len(b.at))
}

// settle ends the making of b: frees the slots, drops what has underflown and
// divides by the sum.
func (f *hmmFilter) settle(b *belief) {
	sum, n := 0.0, 0
	for k, i := range b.at {
		f.slot[i] = 0
		if w := b.w[k]; w > 0 {
			b.at[n], b.w[n] = i, w
			sum += w
			n++
		}
	}
	b.at, b.w = b.at[:n], b.w[:n]
	for k := range b.w {
		b.w[k] /= sum
	}
}

// PredictAhead pushes the belief k−1 steps and reads it off.
func (f *hmmFilter) PredictAhead(p []float64, k int) {
	checkAhead(k)
	f.ready()
	f.far.reset()
	f.far.at = append(f.far.at, f.now.at...)
	f.far.w = append(f.far.w, f.now.w...)
	for range k - 1 {
		f.next.reset()
		for k, i := range f.far.at {
			for _, e := range f.h.out(int(i)) {
				f.put(&f.next, e.to, f.far.w[k]*e.p)
			}
		}
		f.settle(&f.next)
		f.far, f.next = f.next, f.far
	}
	f.marginal(p, &f.far)
}

func checkAhead(k int) {
	if k < 1 {
		panic(fmt.Sprintf("corpora: PredictAhead: k = %d, want ≥ 1", k))
	}
}

func (f *hmmFilter) Fork() Filter {
	c := &hmmFilter{h: f.h}
	c.now.at = append(c.now.at, f.now.at...)
	c.now.w = append(c.now.w, f.now.w...)
	return c
}

// Belief implements Believer.
func (f *hmmFilter) Belief(b []float64) []float64 {
	n := len(b)
	b = append(b, make([]float64, f.h.n)...)
	for k, i := range f.now.at {
		b[n+int(i)] = f.now.w[k]
	}
	return b
}

// State appends an encoding of the belief to b: filters of one process with
// equal encodings predict alike forever (see predictors.Stater). Beliefs that
// were reached by different sums may differ in their last bits or their order,
// and then count as different.
func (f *hmmFilter) State(b []byte) []byte {
	for k, i := range f.now.at {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f.now.w[k]))
	}
	return b
}
