package corpus

import (
	"math"

	"horizon/predictors/kernel/corpus/agree"
	"horizon/predictors/transformer/blas"
)

// A metric measures squared distances from a query to contexts.
type metric interface {
	// open prepares s for a query.
	open(s *scratch, c *past)
	// block sets d2 to the squared distances of the contexts from lo on.
	block(s *scratch, d2 []float32, lo int)
	// one is that of one context.
	one(s *scratch, i int) float32
	// most bounds d2.
	most() float64
	bytes() int64
	// operations of a comparison with one context.
	operations() float64
}

// lagCosts is a metric of symbols that agree or do not: Σ_j cost_j [lag j
// differs], sticky if lags beyond a difference count as different.
type lagCosts struct {
	t      *text
	m      int
	cost   []float64 // at j−1
	sticky bool
	unit   float64 // of the costs as bytes, or 0 if they are not
}

// newLagCosts expresses the costs as bytes if the symbols are, so that limit
// is at most 230 units of 255.
func newLagCosts(t *text, cost []float64, sticky bool, limit float64) *lagCosts {
	l := &lagCosts{t: t, m: len(cost), cost: cost, sticky: sticky}
	if t.bytes != nil {
		l.unit = max(min(limit, l.most()), 1e-9) / 230 // with room for what rounding adds
		for j, c := range cost {                       // what is computed is what is compared
			cost[j] = math.Round(min(c/l.unit, 255)) * l.unit
		}
	}
	return l
}

func (l *lagCosts) most() float64 {
	sum := 0.0
	for _, c := range l.cost {
		sum += c
	}
	return sum
}

func (l *lagCosts) bytes() int64        { return 0 }
func (l *lagCosts) operations() float64 { return float64(l.m) }

// open leaves lags that are not known differing from all.
func (l *lagCosts) open(s *scratch, c *past) {
	s.past = *c
	s.base = 0
	for _, cost := range l.cost[c.known:] {
		s.base += cost
	}
	if l.unit == 0 {
		return
	}
	q := &s.query
	q.Symbols, q.Costs, q.Sticky = q.Symbols[:0], q.Costs[:0], l.sticky
	q.Base = byte(min(math.Round(s.base/l.unit), 255))
	for j, cost := range l.cost[:c.known] {
		q.Symbols = append(q.Symbols, byte(c.symbols[j]))
		q.Costs = append(q.Costs, byte(math.Round(cost/l.unit)))
	}
	q.Widen()
}

// scan sets near to the contexts whose cost in bytes is at most limit.
func (l *lagCosts) scan(s *scratch, near []uint64, cost []byte, lo int, limit byte) {
	agree.Scan(near, cost, l.t.bytes[lo:lo+len(cost)+l.m-1], l.m, &s.query, limit)
}

func (l *lagCosts) block(s *scratch, d2 []float32, lo int) {
	if l.unit == 0 {
		for i := range d2 {
			d2[i] = l.one(s, lo+i)
		}
		return
	}
	cost := s.cost[:len(d2)]
	l.scan(s, s.near[:len(d2)/64], cost, lo, 255)
	for i, c := range cost {
		d2[i] = float32(float64(c) * l.unit)
	}
}

func (l *lagCosts) one(s *scratch, i int) float32 {
	sum, differs := s.base, false
	last := i + l.m - 1
	for j, cost := range l.cost[:s.past.known] {
		differs = differs && l.sticky || l.t.symbols[last-j] != s.past.symbols[j]
		if differs {
			sum += cost
		}
	}
	if l.unit > 0 {
		sum = math.Round(min(sum/l.unit, 255)) * l.unit
	}
	return float32(sum)
}

// lagTables is a metric of symbols more and less alike: Σ_j ρ^{2(j−1)}
// ‖e(x_j) − e(x'_j)‖².
type lagTables struct {
	t     *text
	m, a  int
	d     int
	rho   float64
	e     []float32 // [A, D]
	worst float64   // the largest ‖e − e'‖²
}

func newLagTables(t *text, e []float32, a, m int, rho float64) *lagTables {
	l := &lagTables{t: t, m: m, a: a, d: len(e) / a, rho: rho, e: e}
	long := 0.0
	for x := range a {
		long = max(long, float64(blas.Dot(l.row(Symbol(x)), l.row(Symbol(x)))))
	}
	l.worst = 4 * long
	return l
}

func (l *lagTables) row(x Symbol) []float32 { return l.e[int(x)*l.d:][:l.d] }
func (l *lagTables) bytes() int64           { return 4 * int64(cap(l.e)) }
func (l *lagTables) operations() float64    { return float64(l.m) }

func (l *lagTables) most() float64 {
	sum := 0.0
	for j := range l.m {
		sum += math.Pow(l.rho, 2*float64(j)) * l.worst
	}
	return sum
}

// open makes a table for each lag, of all symbols' distances to the query's.
func (l *lagTables) open(s *scratch, c *past) {
	s.table = append(s.table[:0], make([]float32, l.m*l.a)...)
	for j := range l.m {
		w := float32(math.Pow(l.rho, 2*float64(j)))
		row := s.table[j*l.a:][:l.a]
		for x := range row {
			row[x] = w * float32(l.worst)
			if j < c.known {
				row[x] = w * squared(l.row(Symbol(x)), l.row(c.symbols[j]))
			}
		}
	}
}

func squared(u, v []float32) (sum float32) {
	for i := range u {
		sum += (u[i] - v[i]) * (u[i] - v[i])
	}
	return sum
}

func (l *lagTables) block(s *scratch, d2 []float32, lo int) {
	clear(d2)
	for j := range l.m {
		row := s.table[j*l.a:][:l.a]
		for i, x := range l.t.symbols[lo+l.m-1-j:][:len(d2)] {
			d2[i] += row[x]
		}
	}
}

func (l *lagTables) one(s *scratch, i int) (sum float32) {
	for j := range l.m {
		sum += s.table[j*l.a+int(l.t.symbols[i+l.m-1-j])]
	}
	return sum
}

// vectors is the metric of φ(c) = Σ_j ρ^{j−1} R_j e(x_j); with dot it is
// 2(max‖φ‖² − φ·φ'), whose Gaussian is the kernel exp(φ·φ'/h²) over its
// largest possible value.
type vectors struct {
	t      *text
	m, d   int
	lag    []float32 // [m, A, D]: ρ^{j−1} R_j e(x)
	a      int
	phi    []float32 // [n, D]
	norm   []float32 // ‖φ‖²
	longer float64   // the largest ‖φ‖²
	dot    bool
}

func newVectors(t *text, e []float32, turns [][]float32, a, m int, rho float64, dot bool) *vectors {
	d := len(e) / a
	v := &vectors{t: t, m: m, d: d, a: a, lag: make([]float32, m*a*d), dot: dot,
		phi: make([]float32, t.n*d), norm: make([]float32, t.n)}
	for j := range m {
		out := v.lag[j*a*d:][:a*d]
		blas.NT(a, d, d, e, d, turns[j], d, 0, out, d)
		blas.Scale(out, float32(math.Pow(rho, float64(j))))
	}
	for i := range t.n {
		row := v.phi[i*d:][:d]
		for j := range m {
			blas.Axpy(row, 1, v.of(j, t.symbols[i+m-1-j]))
		}
		v.norm[i] = blas.Dot(row, row)
		v.longer = max(v.longer, float64(v.norm[i]))
	}
	return v
}

func (v *vectors) of(j int, x Symbol) []float32 { return v.lag[(j*v.a+int(x))*v.d:][:v.d] }

func (v *vectors) most() float64 { return 4*v.longer + 1e-6 }
func (v *vectors) bytes() int64  { return 4 * int64(cap(v.lag)+cap(v.phi)+cap(v.norm)) }

func (v *vectors) operations() float64 { return float64(v.d) }

// open adds up what is known of the query.
func (v *vectors) open(s *scratch, c *past) {
	s.phi = append(s.phi[:0], make([]float32, v.d)...)
	for j := range c.known {
		blas.Axpy(s.phi, 1, v.of(j, c.symbols[j]))
	}
	s.norm = blas.Dot(s.phi, s.phi)
}

func (v *vectors) block(s *scratch, d2 []float32, lo int) {
	for i := range d2 {
		d2[i] = v.one(s, lo+i)
	}
}

func (v *vectors) squared(s *scratch, i int, product float32) float32 {
	if v.dot {
		return max(0, 2*(max(float32(v.longer), s.norm)-product))
	}
	return max(0, v.norm[i]+s.norm-2*product)
}

func (v *vectors) one(s *scratch, i int) float32 {
	return v.squared(s, i, blas.Dot(v.phi[i*v.d:][:v.d], s.phi))
}
