package metric

import (
	"fmt"
	"math"
	"slices"
)

// contexts are those of the training symbols, sorted.
type contexts struct {
	lags    [][]symbol // [M][n]
	next    []symbol   // [n]
	lengths []float32  // [n] squared lengths of keys ("gaussian")
}

func newContexts(m int) contexts { return contexts{lags: make([][]symbol, m)} }

func (m *contexts) bytes() int64 {
	n := 2*cap(m.next) + 4*cap(m.lengths)
	for _, xs := range m.lags {
		n += 2 * cap(xs)
	}
	return int64(n)
}

// merge sorts in those of tail, which is empty then; lengths are no longer right.
func (m *contexts) merge(tail *contexts) {
	n, more := len(m.next), len(tail.next)
	order := make([]int, more)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return tail.compare(i, tail, j) })
	out := newContexts(len(m.lags))
	out.next = make([]symbol, 0, n+more)
	for l := range out.lags {
		out.lags[l] = make([]symbol, 0, n+more)
	}
	take := func(from *contexts, i int) {
		for l, xs := range from.lags {
			out.lags[l] = append(out.lags[l], xs[i])
		}
		out.next = append(out.next, from.next[i])
	}
	at := 0
	for _, j := range order {
		for at < n && m.compare(at, tail, j) <= 0 {
			take(m, at)
			at++
		}
		take(tail, j)
	}
	for ; at < n; at++ {
		take(m, at)
	}
	*m, *tail = out, newContexts(len(m.lags))
}

// compare orders context i by its last symbol, then the one before and so on.
func (m *contexts) compare(i int, other *contexts, j int) int {
	for l, xs := range m.lags {
		if d := int(xs[i]) - int(other.lags[l][j]); d != 0 {
			return d
		}
	}
	return 0
}

// longest is the length of the longest ending that any context shares with c.
func (m *contexts) longest(c []symbol) (match int) {
	for i := range m.next {
		n := 0
		for n < len(c) && m.lags[n][i] == c[n] {
			n++
		}
		match = max(match, n)
	}
	return match
}

// agreeing is at how many lags context i agrees with c; a, for what is missing,
// agrees with nothing.
func (m *contexts) agreeing(i int, c []symbol, a int) (n int) {
	for l, x := range c {
		if m.lags[l][i] == x && int(x) != a {
			n++
		}
	}
	return n
}

// A reach is the contexts that share an ending: those from low to before high
// are the candidates, and match is the length of the longest ending that any
// shares.
type reach struct{ low, high, match int }

// find narrows the contexts down lag by lag while at least want are left; 0
// wants all.
func (m *contexts) find(c []symbol, want int) reach {
	r := reach{high: len(m.next)}
	low, high := r.low, r.high
	for l, x := range c {
		low, high = narrow(m.lags[l], low, high, x)
		if low == high {
			break
		}
		r.match = l + 1
		if want > 0 && high-low >= want {
			r.low, r.high = low, high
		}
	}
	return r
}

// narrow finds x in the sorted stretch from low to before high of xs.
func narrow(xs []symbol, low, high int, x symbol) (int, int) {
	i, _ := slices.BinarySearch(xs[low:high], x)
	j, _ := slices.BinarySearch(xs[low+i:high], x+1)
	return low + i, low + i + j
}

// valid checks what has been read.
func (m *contexts) valid(a int) error {
	for l, xs := range m.lags {
		if len(xs) != len(m.next) {
			return fmt.Errorf("contexts: %d symbols at lag %d, want %d", len(xs), l+1, len(m.next))
		}
		for _, x := range xs {
			if int(x) > a {
				return fmt.Errorf("contexts: symbol = %d, want ≤ %d", x, a)
			}
		}
	}
	for _, y := range m.next {
		if int(y) >= a {
			return fmt.Errorf("contexts: symbol = %d, want < %d", y, a)
		}
	}
	return nil
}

// share is the part of Σ exp s that lies from low to before high.
func share(s []float32, low, high int) float64 {
	if len(s) == 0 {
		return 1
	}
	top, all, part := slices.Max(s), 0.0, 0.0
	for i, v := range s {
		w := math.Exp(float64(v - top))
		all += w
		if low <= i && i < high {
			part += w
		}
	}
	return part / all
}
