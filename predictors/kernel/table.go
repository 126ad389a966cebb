package kernel

import "context"

// A table holds the predictions in all contexts of up to m symbols where these
// are few (A = 2 and m ≤ 12, say): the estimator is then a function on a
// small finite set, and worth working out once. It changes no result.
type table struct {
	a, lags int
	first   []int     // first[k] is the place of the first context of k symbols
	power   []int     // A^k
	p       []float64 // A predictions per context, in order of length, then of Σ_j x_j A^{j−1}
}

// maxTable bounds the numbers in a table: a megabyte, and at the price of a
// prediction under a second.
const maxTable = 1 << 17

// newTable returns nil where contexts are many.
func (m *model) newTable(ctx context.Context) (*table, error) {
	t := &table{a: m.a, lags: m.c.Lags}
	contexts, power := 0, 1
	for range t.lags + 1 {
		t.first, t.power = append(t.first, contexts), append(t.power, power)
		contexts += power
		power *= t.a
		if contexts*t.a > maxTable {
			return nil, nil
		}
	}
	t.p = make([]float64, contexts*t.a)
	s := newSmoother(m)
	for at := range contexts {
		if at%64 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c := t.context(at)
		s.predict(t.row(at), &c)
	}
	return t, nil
}

func (t *table) row(place int) []float64 { return t.p[place*t.a:][:t.a] }

// place is where the prediction after c is.
func (t *table) place(c *past) int {
	at := t.first[c.known]
	for j := 1; j <= c.known; j++ {
		at += int(c.lag(j)) * t.power[j-1]
	}
	return at
}

// context is the inverse of place.
func (t *table) context(place int) past {
	k := t.length(place)
	var c past
	for j, at := k, place-t.first[k]; j > 0; j-- {
		c.push(Symbol(at/t.power[j-1]), t.lags)
		at %= t.power[j-1]
	}
	return c
}

func (t *table) length(place int) int {
	k := t.lags
	for t.first[k] > place {
		k--
	}
	return k
}

// move is the place after x has followed the context at place.
func (t *table) move(place, k int, x int) int {
	at := (place-t.first[k])*t.a + x
	if k < t.lags {
		return t.first[k+1] + at
	}
	return t.first[k] + at%t.power[k]
}

func (t *table) bytes() int64 {
	if t == nil {
		return 0
	}
	return 8 * int64(cap(t.first)+cap(t.power)+cap(t.p))
}

// PredictAhead moves the whole law over contexts on, v_j = v_{j−1} M, and
// reads off q_k = v_{k−1} P: O(k A^{m+1}) and exact, where there is a table.
func (p *NadarayaWatson) PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool) {
	t := p.table
	if t == nil {
		return 0, false
	}
	contexts := len(t.p) / t.a
	v, next := make([]float64, contexts), make([]float64, contexts)
	v[t.place(&p.past)] = 1
	for k, i := 1, 0; ; k++ {
		if k == ks[i] {
			t.mix(ps[i], v)
			if i++; i == len(ks) {
				return 0, true
			}
		}
		t.step(next, v)
		v, next = next, v
	}
}

func (t *table) mix(q, v []float64) {
	clear(q)
	for at, mass := range v {
		if mass > 0 {
			for y, p := range t.row(at) {
				q[y] += mass * p
			}
		}
	}
}

func (t *table) step(next, v []float64) {
	clear(next)
	k := 0
	for at, mass := range v {
		if k < t.lags && at == t.first[k+1] {
			k++
		}
		if mass > 0 {
			for x, p := range t.row(at) {
				next[t.move(at, k, x)] += mass * p
			}
		}
	}
}
