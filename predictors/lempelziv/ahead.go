package lempelziv

// The marginals k steps ahead of a tree that no longer learns. A symbol either
// goes down the tree or returns to the root, so the walk is a renewal process.
// From node z, let w_k(y) be the probability that the walk is still below z
// after k−1 steps and y comes next, and f_j(z) that it first returns to the
// root at step j. With r_k = the marginals from the root (Feller 1968, XIII.3),
//
//	q_k(y; z) = w_k(y; z) + Σ_{j<k} f_j(z) r_{k−j}(y),    r_k = q_k(·; root)
//
// No two paths down a tree meet, so w and f take one visit to each node at most
// k−1 below z; r is worked out once for a tree and shared by all forks. Nothing
// is dropped.

// A flow is the probability of being at a node.
type flow struct {
	node uint32
	mass float64
}

// PredictAhead is exact, O(nodes up to the last horizon below this one + ks·A)
// after the first call, which also visits the whole tree to that depth.
func (p *lz78) PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool) {
	last := ks[len(ks)-1]
	returns := p.returnsUpTo(last)
	if p.at == root {
		for i, k := range ks {
			copy(ps[i], returns[k-1])
		}
		return 0, true
	}
	next := 0
	p.descend(p.at, last, func(k int) []float64 {
		if k != ks[next] {
			return nil
		}
		next++
		return ps[next-1]
	})
	for i, k := range ks {
		renew(ps[i], k, p.fall, returns)
	}
	return 0, true
}

// renew adds Σ_{j<k} f_j r_{k−j} to w_k.
func renew(w []float64, k int, fall []float64, returns [][]float64) {
	for j := 1; j < k; j++ {
		f, r := fall[j], returns[k-j-1]
		for y := range w {
			w[y] += f * r[y]
		}
	}
}

// returnsUpTo gives r_k at index k−1 for k up to at least last. Two forks that
// need it at once may both work it out; they get the same bits.
func (p *lz78) returnsUpTo(last int) [][]float64 {
	if r := p.returns.Load(); r != nil && len(*r) >= last {
		return *r
	}
	r := make([][]float64, last)
	for i := range r {
		r[i] = make([]float64, p.a)
	}
	p.descend(root, last, func(k int) []float64 { return r[k-1] })
	for k := 1; k <= last; k++ {
		renew(r[k-1], k, p.fall, r)
	}
	p.returns.Store(&r)
	return r
}

// forget drops the marginals from the root: the tree or γ changes.
func (t *tree) forget() {
	if t.returns.Load() != nil {
		t.returns.Store(nil)
	}
}

// descend follows the walk below z, sets row(k) to w_k where row is not nil,
// and p.fall[j] to f_j for j = 1 to last − 1.
func (p *lz78) descend(z uint32, last int, row func(k int) []float64) {
	p.fall = append(p.fall[:0], make([]float64, last+1)...)
	level, below := append(p.levels[0][:0], flow{z, 1}), p.levels[1]
	for k := 1; k <= last; k++ {
		w := row(k)
		clear(w)
		below = below[:0]
		prior := 0.0 // Σ over the level of mass·γ/(N+γA): what it gives every symbol
		for _, f := range level {
			z := &p.nodes[f.node]
			unit := f.mass / p.total(z)
			prior += unit * p.gamma
			unseen := p.a
			for c := z.first; c != 0; c = p.nodes[c].sibling {
				child := &p.nodes[c]
				unseen--
				if w != nil {
					w[child.symbol] += unit * float64(child.visits)
				}
				if k < last {
					below = append(below, flow{c, unit * (float64(child.visits) + p.gamma)})
				}
			}
			p.fall[k] += unit * p.gamma * float64(unseen)
		}
		for y := range w {
			w[y] += prior
		}
		level, below = below, level
	}
	p.levels = [2][]flow{level, below}
}
