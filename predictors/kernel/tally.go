package kernel

// A tally counts, order by order, the labels that followed the very context of
// a query, e_j(z): in targets of level ≤ j that agree with it at the lags
// 1 … j.
type tally struct {
	a       int
	count   []uint32   // e_j(z) at jA+z; zero between uses
	touched [][]Symbol // by order, the labels whose count is not zero
}

func newTally(a, lags int) tally {
	return tally{a: a, count: make([]uint32, (lags+1)*a), touched: make([][]Symbol, lags+1)}
}

// add counts label z in the orders from lo to hi.
func (t *tally) add(z Symbol, lo, hi int, n uint32) {
	for j := lo; j <= hi; j++ {
		at := &t.count[j*t.a+int(z)]
		if *at == 0 {
			t.touched[j] = append(t.touched[j], z)
		}
		*at += n
	}
}

// seen is e_j(z).
func (t *tally) seen(j int, z Symbol) uint32 { return t.count[j*t.a+int(z)] }

// numbers are how many labels were seen once, twice and more often in order j.
func (t *tally) numbers(j int) (n [3]uint32) {
	for _, z := range t.touched[j] {
		n[min(t.seen(j, z), 3)-1]++
	}
	return n
}

// clear empties the tally.
func (t *tally) clear() {
	for j, labels := range t.touched {
		for _, z := range labels {
			t.count[j*t.a+int(z)] = 0
		}
		t.touched[j] = labels[:0]
	}
}

// take returns the numbers of every order and the class of label y in it, and
// empties the tally.
func (t *tally) take(y Symbol) [][4]uint32 {
	out := make([][4]uint32, len(t.touched))
	for j := range out {
		n := t.numbers(j)
		out[j] = [4]uint32{n[0], n[1], n[2], min(t.seen(j, y), 3)}
	}
	t.clear()
	return out
}
