package corpus

import "math"

// kmers is the metric of the spectrum and mismatch kernels. κ(c, c') sums over
// the k-mers g of c and g' of c' the number M(h) of k-mers within e mismatches of
// both, which their Hamming distance h determines; for the spectrum kernel
// e = 0. Contexts overlap, so that κ of one is κ of that before, plus the terms
// of a k-mer and minus those of another.
type kmers struct {
	t     *text
	m, k  int
	both  []float64 // M(h)
	selfs []float32 // κ(c_i, c_i)
}

func newKmers(t *text, a, m, k, errors int) *kmers {
	w := &kmers{t: t, m: m, k: k, selfs: make([]float32, t.n)}
	for h := range k + 1 {
		w.both = append(w.both, withinBoth(a, k, h, errors))
	}
	for i := range t.n {
		c := t.symbols[i : i+m]
		sum := 0.0
		for p := range m - k + 1 {
			sum += w.meet(c, c[p:p+k])
		}
		w.selfs[i] = float32(sum)
	}
	return w
}

// withinBoth counts the k-mers within e mismatches of two k-mers that differ at
// h places. At those places it may agree with the first at p, with the second
// at q, and with neither at the rest; at the others it may differ at r.
func withinBoth(a, k, h, e int) (sum float64) {
	for p := 0; p <= h; p++ {
		for q := 0; p+q <= h; q++ {
			for r := 0; r <= k-h; r++ {
				neither := h - p - q
				if q+neither+r <= e && p+neither+r <= e {
					sum += choose(h, p) * choose(h-p, q) * math.Pow(float64(a-2), float64(neither)) *
						choose(k-h, r) * math.Pow(float64(a-1), float64(r))
				}
			}
		}
	}
	return sum
}

func choose(n, k int) float64 {
	out := 1.0
	for i := range k {
		out = out * float64(n-i) / float64(i+1)
	}
	return math.Round(out)
}

// meet is Σ M(h) over the k-mers of c and one k-mer.
func (w *kmers) meet(c, g []Symbol) (sum float64) {
	for p := 0; p+w.k <= len(c); p++ {
		h := 0
		for i, x := range g {
			if c[p+i] != x {
				h++
			}
		}
		sum += w.both[h]
	}
	return sum
}

func (w *kmers) most() float64       { return 2 }
func (w *kmers) bytes() int64        { return 4 * int64(cap(w.selfs)) }
func (w *kmers) operations() float64 { return float64((w.m - w.k + 1) * w.k) }

func (w *kmers) open(s *scratch, c *past) {
	s.context = spelled(s.context, c)
	s.self = 0
	for p := 0; p+w.k <= len(s.context); p++ {
		s.self += w.meet(s.context, s.context[p:p+w.k])
	}
}

// spelled is a past in the order of the text.
func spelled(out []Symbol, c *past) []Symbol {
	out = out[:0]
	for j := c.known - 1; j >= 0; j-- {
		out = append(out, c.symbols[j])
	}
	return out
}

func (w *kmers) block(s *scratch, d2 []float32, lo int) {
	per := w.m - w.k + 1 // k-mers of a context
	meets := s.meets[:0]
	for p := range len(d2) + per - 1 {
		meets = append(meets, w.meet(s.context, w.t.symbols[lo+p:][:w.k]))
	}
	s.meets = meets
	sum := 0.0
	for _, v := range meets[:per-1] {
		sum += v
	}
	for i := range d2 {
		sum += meets[i+per-1]
		d2[i] = normalised(sum, s.self, float64(w.selfs[lo+i]))
		sum -= meets[i]
	}
}

func (w *kmers) one(s *scratch, i int) float32 {
	sum := 0.0
	for p := range w.m - w.k + 1 {
		sum += w.meet(s.context, w.t.symbols[i+p:][:w.k])
	}
	return normalised(sum, s.self, float64(w.selfs[i]))
}

// normalised is 2 − 2κ/√(κ κ').
func normalised(both, self1, self2 float64) float32 {
	if self1 <= 0 || self2 <= 0 {
		return 2
	}
	return float32(max(0, 2-2*both/math.Sqrt(self1*self2)))
}

// subsequences is the metric of the gapped subsequence kernel: κ sums, over the
// pairs of equal subsequences of k symbols, λ to the lengths that both spread
// over (Lodhi et al. 2002, section 4).
type subsequences struct {
	t     *text
	m, k  int
	decay float64
	selfs []float64
}

func newSubsequences(t *text, m, k int, decay float64) *subsequences {
	w := &subsequences{t: t, m: m, k: k, decay: decay, selfs: make([]float64, t.n)}
	var s scratch
	for i := range w.selfs {
		if t.room[i] > 0 {
			w.selfs[i] = w.kernel(&s, t.symbols[i:i+m], t.symbols[i:i+m])
		}
	}
	return w
}

// kernel is the recursion of Lodhi et al., K'_i in s.prefix, in O(k |u| |v|).
func (w *subsequences) kernel(s *scratch, u, v []Symbol) float64 {
	l, n, cols := w.decay, len(u), len(v)+1
	size := (n + 1) * cols
	if len(s.prefix) < 2*size {
		s.prefix = make([]float64, 2*size)
	}
	now, next := s.prefix[:size], s.prefix[size:2*size]
	for i := range now {
		now[i] = 1 // K'_0
	}
	for range w.k - 1 {
		clear(next)
		for i := 1; i <= n; i++ {
			run := 0.0 // K''
			for j := 1; j <= len(v); j++ {
				run *= l
				if u[i-1] == v[j-1] {
					run += l * l * now[(i-1)*cols+j-1]
				}
				next[i*cols+j] = l*next[(i-1)*cols+j] + run
			}
		}
		now, next = next, now
	}
	sum := 0.0
	for i := 1; i <= n; i++ {
		for j := 1; j <= len(v); j++ {
			if u[i-1] == v[j-1] {
				sum += l * l * now[(i-1)*cols+j-1]
			}
		}
	}
	return sum
}

func (w *subsequences) most() float64       { return 2 }
func (w *subsequences) bytes() int64        { return 8 * int64(cap(w.selfs)) }
func (w *subsequences) operations() float64 { return float64(4 * w.k * w.m * w.m) }

func (w *subsequences) open(s *scratch, c *past) {
	s.context = spelled(s.context, c)
	s.self = w.kernel(s, s.context, s.context)
}

func (w *subsequences) block(s *scratch, d2 []float32, lo int) {
	for i := range d2 {
		if d2[i] = 2; w.t.room[lo+i] > 0 {
			d2[i] = w.one(s, lo+i)
		}
	}
}

func (w *subsequences) one(s *scratch, i int) float32 {
	return normalised(w.kernel(s, s.context, w.t.symbols[i:i+w.m]), s.self, w.selfs[i])
}
