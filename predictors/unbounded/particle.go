package unbounded

import (
	"fmt"
	"unsafe"

	"horizon/predictors"
)

// Who sits where. A customer who comes to a restaurant for dish x sits down at
// a table of size m that serves it with weight m − d, or at a new one with
// weight (θ + d T) p(x; u'), and a new table sends a customer to u' (Teh 2006;
// for the compressed tree Wood et al. 2009, section 5).
//
// When an edge from u' to u is cut at v, each table of u is divided as a
// Chinese restaurant with discount d(v, u) and concentration −d(u', u) divides
// its customers, and what was a table in u is a table in v with one customer
// for each part (Wood et al. 2009, theorem 1 after Pitman 1999).
//
// Predicting within an edge needs the same cut without making it. So that a
// prediction changes nothing and Learn then makes just that cut, all draws
// come from a counter: the seed, the number of symbols in the tree and the
// entry say which.
type seating struct {
	*tree
	of    []dish   // beside entries
	sums  []uint32 // T, beside nodes
	sizes []size   // 0 is none
	free  uint32   // sizes no longer used
	parts []uint32 // scratch of those who learn
}

// A dish is a table of all its customers, or a list of tables.
type dish struct{ tables, first uint32 }

type size struct{ n, next uint32 }

func (q *seating) clear() {
	q.of, q.sums, q.sizes, q.free = make([]dish, 1), make([]uint32, 1), make([]size, 1), 0
}

// follow gives entries and nodes new in the tree one table for each entry.
func (q *seating) follow() {
	for n := len(q.sums); n < len(q.nodes); n++ {
		q.sums = append(q.sums, 0)
	}
	for e := len(q.of); e < len(q.entries); e++ {
		q.of = append(q.of, dish{tables: 1})
		q.sums[q.entries[e].node]++
	}
}

// tables is T.
func (q *seating) tables(u uint32) uint32 {
	if q.nodes[u].first == 0 {
		return q.nodes[u].total // a leaf: 1
	}
	return q.sums[u]
}

// within is N and T of the context of that length on the edge above u.
func (q *seating) within(m *memory, u uint32, low, length int) (n, tables float64) {
	z := &q.nodes[u]
	if z.first == 0 {
		return 1, 1
	}
	for e := z.first; e != 0; e = q.entries[e].next {
		c, t := q.part(m, u, e, low, length)
		n, tables = n+c, tables+t
	}
	return n, tables
}

// part is c and t of one entry of u in the same context.
func (q *seating) part(m *memory, u, e uint32, low, length int) (c, t float64) {
	d := &q.of[e]
	if q.entries[e].count == d.tables { // all tables single
		return float64(d.tables), float64(d.tables)
	}
	cut := q.cut(m, u, e, low, length)
	if d.tables == 1 {
		return float64(cut.divide(q.entries[e].count, nil)), 1
	}
	parts := 0
	for i := d.first; i != 0; i = q.sizes[i].next {
		parts += cut.divide(q.sizes[i].n, nil)
	}
	return float64(parts), float64(d.tables)
}

// A cut divides tables.
type cut struct {
	d, theta float64
	rng      counter
}

func (q *seating) cut(m *memory, u, e uint32, low, length int) cut {
	high := int(q.nodes[u].length)
	return cut{m.chain.between(length, high), -m.chain.between(low, high), draw(m.seed, m.learned, uint64(e)<<32|uint64(length))}
}

// divide seats n customers in a restaurant of its own and returns the number
// of tables; their sizes go to parts, unless that is nil.
func (c *cut) divide(n uint32, parts *[]uint32) int {
	k := 1
	if parts != nil {
		*parts = append((*parts)[:0], 1)
	}
	for i := uint32(1); i < n; i++ {
		w := c.rng.float() * (float64(i) + c.theta)
		fresh := c.theta + c.d*float64(k)
		switch {
		case w < fresh:
			k++
			if parts != nil {
				*parts = append(*parts, 1)
			}
		case parts != nil:
			w -= fresh
			j := 0
			for ; j+1 < k; j++ {
				if w -= float64((*parts)[j]) - c.d; w < 0 {
					break
				}
			}
			(*parts)[j]++
		}
	}
	return k
}

// fragment divides the tables of u for v, which has been put above it. It
// comes after insert has counted the symbol, hence the cut of the one before.
func (q *seating) fragment(m *memory, u, v uint32, low, length int) {
	q.follow()
	z := &q.nodes[u]
	if z.first == 0 {
		return // one customer, one table
	}
	m.learned--
	total, tables := uint32(0), uint32(0)
	for e := z.first; e != 0; e = q.entries[e].next {
		f := q.find(v, q.entries[e].symbol)
		total += q.divideDish(m, u, e, f, low, length)
		tables += q.of[f].tables
	}
	q.nodes[v].total, q.sums[v] = total, tables
	m.learned++
}

// divideDish cuts the tables of entry e of u and lays those of entry f of v.
// It returns the customers of f.
func (q *seating) divideDish(m *memory, u, e, f uint32, low, length int) uint32 {
	cut := q.cut(m, u, e, low, length)
	old := q.of[e]
	var first uint32 // of e's new list
	var list uint32  // of f's
	all, customers := uint32(0), uint32(0)
	lay := func(n uint32) {
		k := uint32(cut.divide(n, &q.parts))
		for _, s := range q.parts {
			first = q.put(s, first)
		}
		list = q.put(k, list)
		all, customers = all+k, customers+k
	}
	if old.tables == 1 {
		lay(q.entries[e].count)
	} else {
		for i := old.first; i != 0; i = q.sizes[i].next {
			lay(q.sizes[i].n)
		}
		q.drop(old.first)
	}
	q.sums[u] += all - old.tables
	q.set(e, dish{all, first})
	q.set(f, dish{old.tables, list})
	q.entries[f].count = customers
	return customers
}

// set lays d, keeping no list of a single table.
func (q *seating) set(e uint32, d dish) {
	if d.tables == 1 {
		q.drop(d.first)
		d.first = 0
	}
	q.of[e] = d
}

func (q *seating) put(n, next uint32) uint32 {
	if i := q.free; i != 0 {
		q.free = q.sizes[i].next
		q.sizes[i] = size{n, next}
		return i
	}
	q.sizes = append(q.sizes, size{n, next})
	return uint32(len(q.sizes) - 1)
}

func (q *seating) drop(i uint32) {
	for i != 0 {
		next := q.sizes[i].next
		q.sizes[i].next, q.free = q.free, i
		i = next
	}
}

// arrive seats a customer for x in u and, for each new table, one above.
func (q *seating) arrive(m *memory, u uint32, x symbol) {
	q.follow()
	m.trace(place{u, int(q.nodes[u].length)}, x)
	rng := draw(m.seed, m.learned, 1<<63)
	for i := 0; ; {
		fresh := m.count(u, uint32(x))
		q.follow()
		if !fresh {
			// The path leaves out restaurants nobody has come to; there
			// anybody is fresh.
			for m.path[i].node != u {
				i++
			}
			shorter := 1 / float64(m.a)
			if i+1 < len(m.path) {
				shorter = m.path[i+1].p
			}
			fresh = q.sit(m.find(u, uint32(x)), &m.path[i], shorter, &rng)
		}
		if !fresh || u == 0 {
			return
		}
		u = q.nodes[u].parent
	}
}

// sit finds the newest customer of entry e a table, and reports whether it is
// a new one. s is how the restaurant was before.
func (q *seating) sit(e uint32, s *table, shorter float64, rng *counter) (fresh bool) {
	d := &q.of[e]
	before := s.c - s.d*s.t
	after := (s.theta + s.d*s.tables) * shorter
	w := rng.float() * (before + after)
	if w >= before { // a new table
		if d.tables == 1 {
			d.first = q.put(q.entries[e].count-1, 0)
		}
		d.first = q.put(1, d.first)
		d.tables++
		q.sums[q.entries[e].node]++
		return true
	}
	if d.tables > 1 {
		i := d.first
		for q.sizes[i].next != 0 {
			if w -= float64(q.sizes[i].n) - s.d; w < 0 {
				break
			}
			i = q.sizes[i].next
		}
		q.sizes[i].n++
	}
	return false
}

func (q *seating) bytes() int64 {
	return int64(cap(q.of))*int64(unsafe.Sizeof(dish{})) + int64(cap(q.sums))*4 +
		int64(cap(q.sizes))*int64(unsafe.Sizeof(size{}))
}

// save writes the sizes of all tables, entry by entry; the tree is there.
func (q *seating) save(a *predictors.Archive) {
	var tables, sizes []uint32
	if !a.Reading() {
		for e := 1; e < len(q.of); e++ {
			d := q.of[e]
			tables = append(tables, d.tables)
			if d.tables == 1 {
				sizes = append(sizes, q.entries[e].count)
			}
			for i := d.first; i != 0; i = q.sizes[i].next {
				sizes = append(sizes, q.sizes[i].n)
			}
		}
	}
	predictors.Slice(a, &tables)
	predictors.Slice(a, &sizes)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := q.rebuild(tables, sizes); err != nil {
		m := q.tree
		m.clear()
		q.clear()
		a.Fail(err)
	}
}

func (q *seating) rebuild(tables, sizes []uint32) error {
	q.clear()
	q.follow()
	if len(tables)+1 != len(q.of) {
		return fmt.Errorf("sequence-memoizer: %d saved dishes, want %d", len(tables), len(q.of)-1)
	}
	clear(q.sums)
	for u := range q.nodes {
		if q.nodes[u].first != 0 {
			q.nodes[u].total = 0
		}
	}
	for i, k := range tables {
		if k == 0 || uint64(k) > uint64(len(sizes)) {
			return fmt.Errorf("sequence-memoizer: saved dish %d has %d tables, want 1 to %d", i, k, len(sizes))
		}
		e, sum, first := uint32(i+1), uint64(0), uint32(0)
		for j := int(k) - 1; j >= 0; j-- { // lists are built from their ends
			sum += uint64(sizes[j])
			if sizes[j] == 0 {
				return fmt.Errorf("sequence-memoizer: saved dish %d has an empty table", i)
			}
			if k > 1 {
				first = q.put(sizes[j], first)
			}
		}
		sizes = sizes[k:]
		z := &q.nodes[q.entries[e].node]
		if sum+uint64(z.total) >= 1<<32 {
			return fmt.Errorf("sequence-memoizer: saved dish %d has %d customers", i, sum)
		}
		q.of[e], q.entries[e].count = dish{k, first}, uint32(sum)
		z.total += uint32(sum)
		q.sums[q.entries[e].node] += k
	}
	if len(sizes) > 0 {
		return fmt.Errorf("sequence-memoizer: %d saved tables are of no dish", len(sizes))
	}
	return nil
}

// A counter draws random numbers from a state that says what they are for:
// splitmix64 (Steele, Lea & Flood 2014).
type counter struct{ state uint64 }

func draw(seed, when, what uint64) counter {
	c := counter{seed}
	c.state = c.next() ^ when
	c.state = c.next() ^ what
	return counter{c.next()}
}

func (c *counter) next() uint64 {
	c.state += 0x9e3779b97f4a7c15
	z := c.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// float is uniform on [0, 1).
func (c *counter) float() float64 { return float64(c.next()>>11) / (1 << 53) }
