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
