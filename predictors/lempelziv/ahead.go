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
	for k := 1; k <= last; k++ {
		w := row(k)
		clear(w)
		below = below[:0]
		prior := 0.0 // Σ over the level of what each node gives every symbol
		for _, f := range level {
			s := p.share(f, from.depth+uint32(k-1))
			prior += s.base
			unseen := p.a
			for c := p.node(f.node).first; c != 0; {
				child := p.node(c)
				unseen--
				if w != nil {
					w[child.symbol] += s.extra(child.visits)
				}
				if k < last {
					below = append(below, flow{c, s.all(child.visits)})
				}
				c = child.sibling
			}
			p.fall[k] += s.base * float64(unseen)
		}
		for y := range w {
			w[y] += prior
		}
		level, below = below, level
	}
	p.levels = [2][]flow{level, below}
}

// A share is what the mass at a node gives to symbols: to each the base, and
// more to those that came.
type share struct {
	law
	mass, unit, base float64
	shaped           bool
}

func (p *lz78) share(f flow, depth uint32) share {
	s := share{law: p.lawAt(spot{node: f.node, depth: depth}), mass: f.mass, shaped: p.spa.shaped()}
	s.unit = f.mass / s.total
	s.base = s.unit * s.gamma
	if s.shaped {
		s.base = f.mass * s.value(0)
	}
	return s
}

func (s *share) extra(n uint32) float64 {
	if s.shaped {
		return s.mass*s.value(n) - s.base
	}
	return s.unit * float64(n)
}

func (s *share) all(n uint32) float64 {
	if s.shaped {
		return s.mass * s.value(n)
	}
	return s.unit * (float64(n) + s.gamma)
}
