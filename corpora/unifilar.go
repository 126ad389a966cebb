package corpora

// NewUnifilar makes the process over a symbols in which state s emits x with
// probability p[s·a + x] and then goes to next[s·a + x], which may be −1 where
// that probability is 0. The rows of p must sum to one within 1e-9 (and are
// then divided by their sums) and lead to a unique stationary law.
func NewUnifilar(a int, next []int32, p []float64) (*HMM, error) {
	var ts []transition
	for i, to := range next {
		if p[i] > 0 {
			ts = append(ts, transition{i / a, Symbol(i % a), int(to), p[i]})
		}
	}
	return newHMM(a, len(next)/a, ts)
}

// Unifilar lays out the process as NewUnifilar takes it; ok is false if some
// state has several transitions on one symbol.
func (h *HMM) Unifilar() (next []int32, p []float64, ok bool) {
	if !h.unifilar {
		return nil, nil, false
	}
	next, p = make([]int32, h.n*h.a), make([]float64, h.n*h.a)
	for i := range next {
		next[i] = -1
		for _, e := range h.edges[h.first[i]:h.first[i+1]] {
			next[i], p[i] = e.to, e.p
		}
	}
	return next, p, true
}
