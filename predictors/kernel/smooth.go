package kernel

import "sync"

// A smoother is the scratch of a prediction. A *cell* is a class of training
// contexts of one kernel value in every order: the set S of their node, l =
// max S, and the lags beyond l at which they agree with the query besides.
// Its number is l·2^m + bits of all these lags, bit j−1 for lag j. A split
// node is in the cell without further agreement.
type smoother struct {
	*model
	past   past
	splits []visit
	hits   []hit
	cells  []uint32  // in use
	mass   []float64 // per cell: the training targets in it
	weight []float64 // per cell: the weight of each in the prediction
	d      []float64 // per order: Σ_i K_j, then the weight of K_j
}

// A visit is to a split node.
type visit struct {
	cell, place uint32
	start, size uint32 // of its follow words
}

// A hit is a target compared.
type hit struct {
	cell   uint32
	symbol Symbol
}

func newSmoother(m *model) *smoother {
	lags := m.c.Lags
	cells := (lags + 1) << lags
	return &smoother{
		model:  m,
		splits: make([]visit, 0, 1<<lags),
		hits:   make([]hit, 0, 1<<12),
		cells:  make([]uint32, 0, cells),
		mass:   make([]float64, cells),
		weight: make([]float64, cells),
		d:      make([]float64, lags+1),
	}
}

// A shelf keeps smoothers between predictions. They are large (m 2^m numbers)
// and forks many: following futures makes thousands, of which one predicts at
// a time.
type shelf struct {
	mu   sync.Mutex
	free []*smoother
}

func (s *shelf) take(m *model) *smoother {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return newSmoother(m)
	}
	out := s.free[n-1]
	s.free = s.free[:n-1]
	return out
}

func (s *shelf) put(x *smoother) {
	s.mu.Lock()
	s.free = append(s.free, x)
	s.mu.Unlock()
}

// predict sets q to q_m(·; c).
func (s *smoother) predict(q []float64, c *past) {
	s.past = *c
	s.gather()
	rest := s.weigh() / float64(s.a)
	for y := range q {
		q[y] = rest
	}
	for _, v := range s.splits {
		w := s.weight[v.cell]
		for _, f := range s.index.next[v.start : v.start+v.size] {
			q[f>>16] += w * float64(f&maxFollow)
		}
	}
	for _, h := range s.hits {
		q[h.symbol] += s.weight[h.cell]
	}
}

// gather lists the split nodes and targets that have to do with the context
// and adds up the targets in each cell. It goes through the trie level by
// level, so that the cache misses of a node's children overlap.
func (s *smoother) gather() {
	s.splits, s.hits, s.cells = s.splits[:0], s.hits[:0], s.cells[:0]
	ix, m := s.index, s.c.Lags
	s.enter(ix.root, rootPlace, 0)
	for i := 0; i < len(s.splits); i++ {
		v := s.splits[i]
		set := v.cell & (1<<m - 1)
		for j := int(v.cell>>m) + 1; j <= s.past.known; j++ {
			key := edge(v.place, j, s.past.lag(j))
			if place := ix.find(key); ix.table[place].key == key {
				s.enter(ix.table[place], place, uint32(j)<<m|set|1<<(j-1))
			}
		}
	}
	for _, t := range s.memory.targets[ix.targets:] { // learnt since
		s.compare(t, 0)
	}
}

// enter visits the node of an entry, whose cell without further agreement is
// given.
func (s *smoother) enter(e entry, place, cell uint32) {
	switch {
	case e.split():
		s.add(cell, s.index.next[e.start])
		s.splits = append(s.splits, visit{cell, place, e.start + 1, e.size &^ splitMark})
	case e.size == 1:
		s.compare(e.start, cell)
	default:
		for _, t := range s.index.leafs[e.start : e.start+e.size] {
			s.compare(t, cell)
		}
	}
}

func (s *smoother) compare(target, cell uint32) {
	top := cell >> s.c.Lags
	cell |= s.memory.matches(&s.past, target, s.c.Lags) >> top << top
	s.add(cell, 1)
	s.hits = append(s.hits, hit{cell, s.memory.symbol(target)})
}

func (s *smoother) add(cell, count uint32) {
	if s.mass[cell] == 0 {
		s.cells = append(s.cells, cell)
	}
	s.mass[cell] += float64(count)
}

// weigh sets the weight of every cell in use, empties their masses and
// returns the weight left to the uniform law. With f_j = 1/(α_j + Σ_i K_j)
// the recursion for q_m multiplies out to
//
//	q_m = Σ_j f_j (∏_{l>j} α_l f_l) Σ_i K_j 1[x_{i+1} = y] + (∏_l α_l f_l)/A.
//
// A cell of node S is for the sums of the orders j ≥ l = max S; its kernel in
// order j is near[S] times b of the lags in l+1 … j without agreement.
func (s *smoother) weigh() (rest float64) {
	m, b, alpha, d := s.c.Lags, s.width.b, s.width.alpha, s.d
	clear(d)
	for _, cell := range s.cells {
		k, top := s.near(cell)
		k *= s.mass[cell]
		d[top] += k
		for j := top + 1; j <= m; j++ {
			if cell>>(j-1)&1 == 0 {
				k *= b[j]
			}
			d[j] += k
		}
	}
	rest = 1.0
	for j := m; j >= 0; j-- {
		f := rest / (alpha[j] + d[j])
		d[j], rest = f, alpha[j]*f
	}
	for _, cell := range s.cells {
		k, top := s.near(cell)
		w := k * d[top]
		for j := top + 1; j <= m; j++ {
			if cell>>(j-1)&1 == 0 {
				k *= b[j]
			}
			w += k * d[j]
		}
		s.weight[cell], s.mass[cell] = w, 0
	}
	return rest
}

// near returns w_S of order l = max S for a cell, and l.
func (s *smoother) near(cell uint32) (k float64, top int) {
	top = int(cell >> s.c.Lags)
	return s.width.near[cell&(1<<top-1)], top
}
