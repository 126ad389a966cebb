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

// That takes a walk that returns to the root and predictions that depend on the
// node alone. Backshift and LZW return elsewhere, and an ensemble's nodes leave
// the tree at different times: then futures are followed from state to state
// (Stater) or sampled.

// PredictAhead is exact, O(nodes up to the last horizon below this one + ks·A)
// after the first call, which also visits the whole tree to that depth.
func (p *lz78) PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool) {
	if p.overlap || p.spa.ensemble() || p.spa.Backshift > 0 {
		return 0, false
	}
	last := ks[len(ks)-1]
	returns := p.returnsUpTo(last)
	if p.at.node == root {
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
	p.descend(spot{}, last, func(k int) []float64 { return r[k-1] })
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

// descend follows the walk below a spot, sets row(k) to w_k where row is not
// nil, and p.fall[j] to f_j for j = 1 to last − 1.
func (p *lz78) descend(from spot, last int, row func(k int) []float64) {
	p.fall = append(p.fall[:0], make([]float64, last+1)...)
	level, below := append(p.levels[0][:0], flow{from.node, 1}), p.levels[1]
	shaped := p.spa.shaped()
	for k := 1; k <= last; k++ {
		w := row(k)
		clear(w)
		below = below[:0]
		prior := 0.0 // Σ over the level of what each node gives every symbol
		for _, f := range level {
			z := p.node(f.node)
			unit, base, gamma := p.share(f, z, from.depth+uint32(k-1))
			prior += base
			unseen := p.a
			for c := z.first; c != 0; {
				child := p.node(c)
				unseen--
				n := float64(child.visits)
				extra, all := unit*n, unit*(n+gamma)
				if shaped {
					all = f.mass * p.shapes.value(child.visits)
					extra = all - base
				}
				if w != nil {
					w[child.symbol] += extra
				}
				if k < last {
					below = append(below, flow{c, all})
				}
				c = child.sibling
			}
			p.fall[k] += base * float64(unseen)
		}
		for y := range w {
			w[y] += prior
		}
		level, below = below, level
	}
	p.levels = [2][]flow{level, below}
}

// share says what the mass at a node gives: to every symbol the base, and to
// one that came n times unit·(n + γ) together, unless p.shapes says otherwise.
func (p *lz78) share(f flow, z *node, depth uint32) (unit, base, gamma float64) {
	gamma = p.gamma * p.spa.scale(depth, z.seen)
	unit = f.mass / (float64(z.seen) + gamma*float64(p.a))
	base = unit * gamma
	if p.spa.shaped() {
		p.shapes = p.lawAt(spot{node: f.node, depth: depth})
		base = f.mass * p.shapes.value(0)
	}
	return unit, base, gamma
}
