package kernel

import (
	"math/bits"
	"sync"
)

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
	cells  []uint32  // cells and levels in use, as cell·(m+1) + level
	mass   []float64 // per cell and level: the targets in it
	weight []float64 // per cell and level: the weight of each in the prediction
	d      []float64 // per order: Σ_i K_j, then the weight of K_j
	// chain lists what lies on the path of the very context, whose labels are
	// tallied: numbers of split nodes, and ranges of hits.
	chain []int
	runs  [][2]int
	tally tally
}

// A visit is to a split node.
type visit struct {
	cell, place uint32
	start, size uint32  // of its follow words
	skip        float64 // ∏ b_l over the lags l < max S not in S
	targets     float64
}

// A hit is a target compared.
type hit struct {
	at    uint32 // its cell·(m+1) + level
	label Symbol
}

func newSmoother(m *model) *smoother {
	lags := m.c.Lags
	cells := (lags + 1) << lags * (lags + 1)
	return &smoother{
		model:  m,
		splits: make([]visit, 0, 1<<lags),
		hits:   make([]hit, 0, 1<<12),
		cells:  make([]uint32, 0, 1<<lags*2),
		mass:   make([]float64, cells),
		weight: make([]float64, cells),
		d:      make([]float64, lags+1),
		tally:  newTally(m.a, lags),
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
	s.tallyChain(s.c.discounts())
	rest, _ := s.weigh()
	rest /= float64(s.a)
	for y := range q {
		q[y] = rest
	}
	levels := uint32(s.c.Lags + 1)
	for _, v := range s.splits {
		w := s.weight[v.cell*levels:][:levels]
		for _, f := range s.index.next[v.start : v.start+v.size] {
			q[f>>16] += w[f>>12&15] * float64(f&maxFollow)
		}
	}
	for _, h := range s.hits {
		q[h.label] += s.weight[h.at]
	}
	s.takeDiscounts(q)
}

// takeDiscounts subtracts what the labels seen give to lower orders.
func (s *smoother) takeDiscounts(q []float64) {
	for j, labels := range s.tally.touched {
		d, f := s.width.discount[3*j:], s.d[j]
		for _, z := range labels {
			q[z] -= f * d[min(s.tally.seen(j, z), 3)-1]
		}
	}
	s.tally.clear()
}

// tallyChain tallies the labels that followed the very context, if wanted.
func (s *smoother) tallyChain(wanted bool) {
	if !wanted {
		return
	}
	m := s.c.Lags
	for _, i := range s.chain {
		v := s.splits[i]
		top := int(v.cell >> m)
		for _, f := range s.index.next[v.start : v.start+v.size] {
			if int(f>>12&15) == top { // lower levels count as max S
				s.tally.add(Symbol(f>>16), top, top, f&maxFollow)
			}
		}
	}
	for _, r := range s.runs {
		for _, h := range s.hits[r[0]:r[1]] {
			level, cell := int(h.at)%(m+1), int(h.at)/(m+1)
			run := bits.TrailingZeros(^uint(cell & (1<<m - 1)))
			s.tally.add(h.label, max(level, cell>>m), run, 1)
		}
	}
}

// gather lists the split nodes and targets that have to do with the context
// and adds up the targets in each cell. It goes through the trie level by
// level, so that the cache misses of a node's children overlap.
func (s *smoother) gather() {
	s.splits, s.hits, s.cells = s.splits[:0], s.hits[:0], s.cells[:0]
	s.chain, s.runs = s.chain[:0], s.runs[:0]
	ix, m := s.index, s.c.Lags
	s.enter(ix.root, rootPlace, 0, 1)
	for i := 0; i < len(s.splits); i++ {
		v := s.splits[i]
		set, skip := v.cell&(1<<m-1), v.skip
		for j := int(v.cell>>m) + 1; j <= s.past.known && skip*v.targets >= s.c.Truncate; j++ {
			key := edge(v.place, j, s.past.lag(j))
			if place := ix.find(key); ix.table[place].key == key {
				s.enter(ix.table[place], place, uint32(j)<<m|set|1<<(j-1), skip)
			}
			skip *= s.width.b[j]
		}
	}
	from := len(s.hits)
	for _, t := range s.memory.targets[ix.targets:] { // learnt since
		s.compare(t, 0)
	}
	s.runs = append(s.runs, [2]int{from, len(s.hits)})
}

// enter visits the node of an entry, whose cell without further agreement is
// given, unless all its targets together weigh too little.
func (s *smoother) enter(e entry, place, cell uint32, skip float64) {
	m := s.c.Lags
	top := cell >> m
	chain := cell&(1<<m-1) == 1<<top-1
	if e.split() {
		totals := s.index.next[e.start:][:uint32(m)-top+1]
		targets := 0.0
		for _, n := range totals {
			targets += float64(n)
		}
		if skip*targets < s.c.Truncate {
			return
		}
		for i, n := range totals {
			if n > 0 {
				s.add(cell*uint32(m+1)+top+uint32(i), n)
			}
		}
		if chain {
			s.chain = append(s.chain, len(s.splits))
		}
		s.splits = append(s.splits, visit{cell, place, e.start + uint32(len(totals)), e.size &^ splitMark, skip, targets})
		return
	}
	if skip*float64(e.size) < s.c.Truncate {
		return
	}
	from := len(s.hits)
	if e.size == 1 {
		s.compare(e.start, cell)
	} else {
		for _, t := range s.index.leafs[e.start : e.start+e.size] {
			s.compare(t, cell)
		}
	}
	if chain {
		s.runs = append(s.runs, [2]int{from, len(s.hits)})
	}
}

func (s *smoother) compare(target, cell uint32) {
	top := cell >> s.c.Lags
	cell |= s.memory.matches(&s.past, target, s.c.Lags) >> top << top
	at := cell*uint32(s.c.Lags+1) + uint32(s.memory.level[target])
	s.add(at, 1)
	s.hits = append(s.hits, hit{at, s.memory.label(target)})
}

func (s *smoother) add(at, count uint32) {
	if s.mass[at] == 0 {
		s.cells = append(s.cells, at)
	}
	s.mass[at] += float64(count)
}

// weigh sets the weight of every cell and level in use, empties their masses
// and returns the weight left to the uniform law and that left to order 0.
// With f_j = 1/(α_j + Σ_i K_j) and ε_j = α_j + Σ_z D_j(e_j(z)) the recursion
// for q_m multiplies out to
//
//	q_m = Σ_j f_j (∏_{l>j} ε_l f_l) (Σ_i K_j 1[label y] − D_j(e_j(y))) + (∏_l ε_l f_l)/A.
//
// A cell of node S is for the sums of the orders j ≥ l = max S; its kernel in
// order j is near[S] times b of the lags in l+1 … j without agreement. A level
// is for the orders from it on.
func (s *smoother) weigh() (rest, low float64) {
	m, b, d := s.c.Lags, s.width.b, s.d
	clear(d)
	for _, at := range s.cells {
		cell, from := at/uint32(m+1), int(at)%(m+1)
		k, top := s.near(cell)
		k *= s.mass[at]
		if top >= from {
			d[top] += k
		}
		for j := top + 1; j <= m; j++ {
			if cell>>(j-1)&1 == 0 {
				k *= b[j]
			}
			if j >= from {
				d[j] += k
			}
		}
	}
	rest = 1.0
	for j := m; j >= 0; j-- {
		low = rest
		f := rest / (s.width.alpha[j] + d[j])
		d[j], rest = f, s.escape(j)*f
	}
	for _, at := range s.cells {
		cell, from := at/uint32(m+1), int(at)%(m+1)
		k, top := s.near(cell)
		w := 0.0
		if top >= from {
			w = k * d[top]
		}
		for j := top + 1; j <= m; j++ {
			if cell>>(j-1)&1 == 0 {
				k *= b[j]
			}
			if j >= from {
				w += k * d[j]
			}
		}
		s.weight[at], s.mass[at] = w, 0
	}
	return rest, low
}

// escape is ε_j.
func (s *smoother) escape(j int) float64 {
	sum := s.width.alpha[j]
	for e, n := range s.tally.numbers(j) {
		sum += s.width.discount[3*j+e] * float64(n)
	}
	return sum
}

// near returns w_S of order l = max S for a cell, and l.
func (s *smoother) near(cell uint32) (k float64, top int) {
	top = int(cell >> s.c.Lags)
	return s.width.near[cell&(1<<top-1)], top
}
