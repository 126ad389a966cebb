package corpora

import (
	"math"
	"slices"
)

// The entropy rate of a process that is not unifilar is the mean of H(x | η)
// over the stationary law of the belief η (Blackwell 1957), which may live on
// a fractal. It is bracketed here by moving beliefs to a grid, in two ways:
//
//   - Beliefs that fall into one cell are merged into their mean. That is to
//     forget which of them it was, so the entropy of the next symbol given
//     what is left of the past is never too small: an upper bound at any time.
//   - A belief is replaced by the corners of the simplex of the grid it lies
//     in, with its barycentric weights. That is to be told a little more about
//     the state; and the past begins with the state known, which makes the
//     entropy a lower bound at any time (Cover & Thomas 2006, theorem 4.5.1).
//
// H is concave in η, so the two argue alike for the law of any later symbol,
// and L_k* is bracketed by the same two sets of beliefs. The grid is that of
// Freudenthal's triangulation (Lovejoy 1991, section 3): with M the
// resolution and y_j = M·Σ_{i≥j} η_i, its points are the whole-numbered
// M ≥ y_1 ≥ … ≥ y_{n-1} ≥ 0. The gap shrinks with M⁻². Time is
// O(points·A·n) for each of some hundreds of steps, at the first call only.
type beliefGrid struct {
	h     *HMM
	m     int // M
	upper []float64
	mean  [][]float64 // mean[c] is the belief of cell c, of mass upper[c]
	lower []float64
	point [][]float64 // point[c] is grid point c
	rates []float64   // upper bounds on h(1), h(2), …, the entropy of the L-th symbol given those before
}

const (
	gridPoints = 40_000 // at most
	gridFinest = 4096   // M at most: with two states the gap is then far below gridGap
	gridStates = 4      // with more, so many points are too coarse a grid
	gridGap    = 1e-4   // a bracket wider than this, in bits, is no knowledge
	gridSteps  = 5000   // at most: either bound holds at any time, only not as tightly
	gridCalm   = 100    // steps without gain, in bits, of gridGap/1000 end the search
)

// newBeliefGrid lets both sets of beliefs run until they hardly change. It is
// nil where there are too many states.
func newBeliefGrid(h *HMM) *beliefGrid {
	if h.n > gridStates {
		return nil
	}
	g := &beliefGrid{h: h, m: 1}
	for 2*g.m <= gridFinest && points(2*g.m, h.n-1) <= gridPoints {
		g.m *= 2
	}
	g.list()
	g.runUpper()
	g.runLower()
	return g
}

// loss brackets Σ mass·H(η E) and returns the middle of the bracket.
func (g *beliefGrid) loss(E [][]float64) (bits float64, ok bool) {
	if g == nil {
		return 0, false
	}
	lo, hi := g.bracket(E)
	return (lo + hi) / 2, hi-lo <= gridGap
}

func (g *beliefGrid) bracket(E [][]float64) (lo, hi float64) {
	return g.average(g.lower, g.point, E), g.average(g.upper, g.mean, E)
}

func (g *beliefGrid) average(mass []float64, beliefs, E [][]float64) (bits float64) {
	p := make([]float64, g.h.a)
	for c, m := range mass {
		if m > 0 {
			clear(p)
			for i, b := range beliefs[c] {
				for x := range p {
					p[x] += b * E[i][x]
				}
			}
			bits += m * entropy(p)
		}
	}
	return bits
}

// points is the number of whole-numbered m ≥ y_1 ≥ … ≥ y_d ≥ 0: C(m+d, d).
func points(m, d int) int {
	n := 1
	for i := 1; i <= d; i++ {
		n = n * (m + i) / i
	}
	return n
}

// rank numbers the grid points: with y ascending from its end, Σ_j C(y_j+j−1, j).
func rank(y []int) (r int) {
	for j := 1; j <= len(y); j++ {
		r += points(y[len(y)-j]-1, j)
	}
	return r
}

// list sets point[rank(y)] for all y.
func (g *beliefGrid) list() {
	d := g.h.n - 1
	g.point = make([][]float64, points(g.m, d))
	y := make([]int, d)
	var descend func(j, most int)
	descend = func(j, most int) {
		if j == d {
			g.point[rank(y)] = g.belief(y)
			return
		}
		for y[j] = 0; y[j] <= most; y[j]++ {
			descend(j+1, y[j])
		}
	}
	descend(0, g.m)
}

func (g *beliefGrid) belief(y []int) []float64 {
	b, above := make([]float64, g.h.n), g.m
	for i := range b {
		next := 0
		if i < len(y) {
			next = y[i]
		}
		b[i] = float64(above-next) / float64(g.m)
		above = next
	}
	return b
}

// locate sets y to the whole part of the coordinates of the law b/sum and
// frac to the rest.
func (g *beliefGrid) locate(y []int, frac, b []float64, sum float64) {
	tail := 0.0
	for j := len(y) - 1; j >= 0; j-- {
		tail += b[j+1]
		v := min(float64(g.m), float64(g.m)*tail/sum)
		y[j] = int(v)
		frac[j] = v - float64(y[j])
	}
}

// follow sets v = b T^x and returns its sum, P(x | b) if b is a law.
func (h *HMM) follow(v, b []float64, x int) (sum float64) {
	clear(v)
	for i, w := range b {
		if w > 0 {
			for _, e := range h.on(i, x) {
				v[e.to] += w * e.p
				sum += w * e.p
			}
		}
	}
	return sum
}

// runUpper starts with the one belief π. Any time's set gives a bound; they
// are run until the bound for the next symbol no longer falls.
func (g *beliefGrid) runUpper() {
	h, d := g.h, g.h.n-1
	n := len(g.point)
	now, next := rows(n, h.n), rows(n, h.n) // mass times belief
	copy(now[0], h.pi)
	y, frac, v := make([]int, d), make([]float64, d), make([]float64, h.n)
	E, least, calm := h.ahead(1), math.Inf(1), 0
	g.rates = append(g.rates, g.average([]float64{1}, [][]float64{h.pi}, E))
	for step := 0; step < gridSteps && calm < gridCalm; step++ {
		for _, b := range now {
			for x := range h.a {
				if sum := h.follow(v, b, x); sum > 0 {
					g.locate(y, frac, v, sum)
					c := next[rank(y)]
					for i := range c {
						c[i] += v[i]
					}
				}
			}
		}
		for _, b := range now {
			clear(b)
		}
		now, next = next, now
		g.setUpper(now)
		calm++
		bits := g.average(g.upper, g.mean, E)
		g.rates = append(g.rates, bits)
		if bits < least-gridGap/1000 {
			least, calm = bits, 0
		}
	}
}

func (g *beliefGrid) setUpper(sums [][]float64) {
	if g.upper == nil {
		g.upper, g.mean = make([]float64, len(sums)), rows(len(sums), g.h.n)
	}
	for c, b := range sums {
		g.upper[c] = 0
		for _, w := range b {
			g.upper[c] += w
		}
		if g.upper[c] > 0 {
			for i, w := range b {
				g.mean[c][i] = w / g.upper[c]
			}
		}
	}
}

// A move takes a share of a grid point's mass to another.
type move struct {
	to int32
	w  float64
}

// runLower finds the stationary law of the chain on grid points that begins at
// the corners of the simplex, where the state is known.
func (g *beliefGrid) runLower() {
	moves, ends := g.moves()
	now, next := make([]float64, len(g.point)), make([]float64, len(g.point))
	for c, b := range g.point {
		if i := slices.Index(b, 1); i >= 0 {
			now[c] = g.h.pi[i]
		}
	}
	for range gridSteps {
		at := 0
		for c, m := range now {
			next[c] += m / 2 // a lazy step: the chain may be periodic
			for _, v := range moves[at:ends[c]] {
				next[v.to] += m * v.w / 2
			}
			at = ends[c]
		}
		change := 0.0
		for c := range now {
			change += math.Abs(next[c] - now[c])
			now[c] = 0
		}
		now, next = next, now
		if change < 1e-10 {
			break
		}
	}
	scale(now)
	g.lower = now
}

// moves lists the moves of all grid points, those of point c up to ends[c].
func (g *beliefGrid) moves() (moves []move, ends []int) {
	h, d := g.h, g.h.n-1
	y, frac, order, v := make([]int, d), make([]float64, d), make([]int, d), make([]float64, h.n)
	for _, b := range g.point {
		for x := range h.a {
			if sum := h.follow(v, b, x); sum > 0 {
				g.locate(y, frac, v, sum)
				moves = corners(moves, sum, y, frac, order)
			}
		}
		ends = append(ends, len(moves))
	}
	return moves, ends
}

// corners appends the corners of the simplex that y+frac lies in: from y, add
// one to the coordinates in order of falling fraction; each corner's weight is
// the difference between its fraction and the next. The earlier coordinate
// goes first on ties, which keeps y descending.
func corners(moves []move, p float64, y []int, frac []float64, order []int) []move {
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case frac[i] > frac[j]:
			return -1
		case frac[i] < frac[j]:
			return 1
		}
		return 0
	})
	last := 1.0
	for j := 0; ; j++ {
		f := 0.0
		if j < len(order) {
			f = frac[order[j]]
		}
		if last > f {
			moves = append(moves, move{int32(rank(y)), p * (last - f)})
		}
		if j == len(order) || f == 0 {
			return moves
		}
		y[order[j]]++
		last = f
	}
}
