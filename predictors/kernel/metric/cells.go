package metric

import (
	"math"
	"slices"
)

// Cells are a tree that knows of every ending what followed it, so that a walk
// from the shortest endings on need not go all the way: an ending of less than
// `tolerance` of the weight is taken as a whole, as the cells far away are in
// Barnes & Hut 1986. Its contexts are then weighted by what they have in common,
// times what the lags beyond contribute on average over the text,
//
//	F_l = Π_{j>l} Σ_x f(x) e^{u[j,x]},   f the frequency of symbols
//
// while what followed them is known exactly. On tinyshakespeare a tolerance of
// 1e-6 takes a fifth of the time and changes a symbol's bits by 0.0003 on average,
// up or down, if the kernel falls with the lag as text has it fall; of a flat one
// so much of the weight is far that it saves nothing.
type cells struct{ levels []cellLevel }

// A cellLevel is the endings of one length, in order: those that have the same
// ending but for the symbol furthest back are side by side.
type cellLevel struct {
	symbol []symbol  // the one furthest back
	below  []uint32  // where on the next level those begin that end with it, and one more
	count  []float32 // contexts
	start  []uint32  // where its pairs begin, and one more
	next   []symbol  // a symbol that follows
	times  []float32 // and how often
}

// newCells groups sorted contexts over an alphabet of a symbols.
func newCells(m *contexts, a int) *cells {
	t := &cells{levels: make([]cellLevel, len(m.lags))}
	at := make([]uint32, len(m.next)) // of each context, its ending on the level at hand
	for l, xs := range m.lags {
		v := &t.levels[l]
		before := ^uint32(0)
		for i, x := range xs {
			if at[i] != before || x != xs[i-1] {
				if l > 0 && at[i] != before {
					t.levels[l-1].below = append(t.levels[l-1].below, uint32(len(v.symbol)))
				}
				v.symbol, v.count = append(v.symbol, x), append(v.count, 0)
			}
			before = at[i]
			at[i] = uint32(len(v.symbol) - 1)
			v.count[at[i]]++
		}
		if l > 0 {
			t.levels[l-1].below = append(t.levels[l-1].below, uint32(len(v.symbol)))
		}
		v.follow(at, m.next, a)
	}
	for l := range t.levels {
		t.levels[l].clip()
	}
	return t
}

// follow lists the pairs of an ending and what follows.
func (v *cellLevel) follow(at []uint32, next []symbol, a int) {
	place := make([]int, a) // of each symbol, its last pair
	for i, y := range next {
		if int(at[i]) == len(v.start) {
			v.start = append(v.start, uint32(len(v.next)))
		}
		if j := place[y]; j < len(v.next) && j >= int(v.start[at[i]]) && v.next[j] == y {
			v.times[j]++
			continue
		}
		place[y] = len(v.next)
		v.next, v.times = append(v.next, y), append(v.times, 1)
	}
	v.start = append(v.start, uint32(len(v.next)))
}

func (v *cellLevel) clip() {
	v.symbol, v.below, v.count = slices.Clip(v.symbol), slices.Clip(v.below), slices.Clip(v.count)
	v.start, v.next, v.times = slices.Clip(v.start), slices.Clip(v.next), slices.Clip(v.times)
}

// A walk is the scratch of one prediction.
type walk struct {
	e       []float64 // [M·S] e^{u − its lag's largest}
	beyond  []float64 // [M] F_l, of lags in units of their largest
	sums    []float64 // [A] of the weights
	ends    [2][]uint32
	weights [2][]float64
	looked  int // endings and pairs
}

// smooth sets q, which holds q0, to the estimate for the query's table u [M·S],
// the score s0 of q0 and those of more contexts.
func (t *cells) smooth(w *walk, q []float64, u []float32, S int, s0, tolerance float64, more part) mixed {
	scale := w.open(t, u, S)
	w.sums = slices.Grow(w.sums[:0], len(q))[:len(q)]
	clear(w.sums)
	total, squares := t.add(w, w.sums, S, tolerance)
	expShifted(more.s, float32(scale)) // which no context's score exceeds
	t2, s2 := more.add(w.sums, more.s)
	total, squares = total+t2, squares+s2
	top := max(s0, scale+math.Log(total))
	none, unit := math.Exp(s0-top), math.Exp(scale-top) // of the weights in w.sums
	if total == 0 {
		unit = 0
	}
	for y, v := range w.sums {
		q[y] = none*q[y] + unit*v
	}
	m := normalize(q, none, unit*total, unit*unit*squares)
	m.looked = float64(w.looked)
	return m
}

// open sets w.e and w.beyond and returns the sum of the lags' largest scores.
func (w *walk) open(t *cells, u []float32, S int) (scale float64) {
	M := len(t.levels)
	w.e, w.beyond = slices.Grow(w.e[:0], len(u))[:len(u)], slices.Grow(w.beyond[:0], M)[:M]
	n := 0.0
	if M > 0 {
		for _, c := range t.levels[0].count {
			n += float64(c)
		}
	}
	beyond := 1.0
	for l := M - 1; l >= 0; l-- {
		row, e := u[l*S:(l+1)*S], w.e[l*S:(l+1)*S]
		largest := float64(slices.Max(row))
		for x, v := range row {
			e[x] = math.Exp(float64(v) - largest)
		}
		w.beyond[l] = beyond
		mean := 0.0
		for i, x := range t.levels[0].symbol {
			mean += e[x] * float64(t.levels[0].count[i])
		}
		beyond *= mean / max(n, 1)
		scale += largest
	}
	return scale
}

// add adds to q the weights of all contexts, as w.e has them, and returns their
// sum and that of their squares, of contexts taken together as if they weighed
// the same.
func (t *cells) add(w *walk, q []float64, S int, tolerance float64) (total, squares float64) {
	ends, weights := append(w.ends[0][:0], 0), append(w.weights[0][:0], 1)
	w.looked = 0
	for l := range t.levels {
		v := &t.levels[l]
		below, scores := w.ends[(l+1)%2][:0], w.weights[(l+1)%2][:0]
		e, near := w.e[l*S:(l+1)*S], 0.0
		for k, i := range ends {
			from, to := t.below(l, i)
			for j := from; j < to; j++ {
				s := weights[k] * e[v.symbol[j]]
				below, scores = append(below, j), append(scores, s)
				near += s * float64(v.count[j])
			}
		}
		w.ends[l%2], w.weights[l%2] = ends, weights // grown, maybe
		w.looked += len(below)
		least := tolerance * (total + near*w.beyond[l])
		if l == len(t.levels)-1 {
			least = math.Inf(1)
		}
		ends, weights = below[:0], scores[:0]
		for k, j := range below {
			s, n := scores[k]*w.beyond[l], float64(v.count[j])
			if s*n > least {
				ends, weights = append(ends, j), append(weights, scores[k])
				continue
			}
			total += s * n
			squares += s * s * n
			w.looked += int(v.start[j+1] - v.start[j])
			for at := v.start[j]; at < v.start[j+1]; at++ {
				q[v.next[at]] += s * float64(v.times[at])
			}
		}
		w.ends[(l+1)%2], w.weights[(l+1)%2] = below, scores
	}
	return total, squares
}

// below is the range on level l of what ends with ending i of the level before.
func (t *cells) below(l int, i uint32) (from, to uint32) {
	if l == 0 {
		return 0, uint32(len(t.levels[0].symbol))
	}
	b := t.levels[l-1].below
	return b[i], b[i+1]
}

func (t *cells) bytes() (n int64) {
	if t == nil {
		return 0
	}
	for _, v := range t.levels {
		n += 2*int64(cap(v.symbol)+cap(v.next)) + 4*int64(cap(v.below)+cap(v.count)+cap(v.start)+cap(v.times))
	}
	return n
}
