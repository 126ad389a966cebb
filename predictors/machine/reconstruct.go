package machine

import (
	"cmp"
	"context"
	"slices"
)

// A reconstruction is CSSR on the way. Items are the histories that tell, for
// some position, all that is remembered there.
type reconstruction struct {
	CSSRConfig
	h      *histories
	test   test
	states []*pool
	before []*pool // when this length began
	class  []int32 // state of each history of this length
	work   float64

	// Of each position: the longest history of up to length−1 symbols, as a
	// number over all lengths, and the class of the longest of all.
	item      []int32
	here      []int32
	itemClass []int32 // of each item
	base      int32   // items of shorter lengths
}

// begin is procedure I.
func (r *reconstruction) begin() {
	h := r.h
	p := &pool{count: make([]float64, h.values())}
	for _, s := range h.samples() {
		p.add(&s, 1)
	}
	r.states = []*pool{p}
	r.class = []int32{0}
	r.item, r.here = make([]int32, len(h.at)), make([]int32, len(h.at))
	r.itemClass, r.base = []int32{0}, 1
}

// lengthen is procedure II for the next length. last reports that no history
// of it is seen often enough.
func (r *reconstruction) lengthen(ctx context.Context) (last bool) {
	parent := r.h.lengthen(r.MinCount)
	samples := r.h.samples()
	r.work += 2 * float64(len(r.h.at))
	order := make([]int32, len(parent))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int { return cmp.Compare(samples[j].n, samples[i].n) })
	r.before = r.before[:0]
	for _, p := range r.states {
		r.before = append(r.before, &pool{slices.Clone(p.count), p.n, p.support})
	}
	class := make([]int32, len(parent))
	for k, i := range order {
		if k%256 == 0 && ctx.Err() != nil {
			return true
		}
		class[i] = r.sort(&samples[i], r.class[parent[i]])
	}
	r.class = class
	for t, i := range r.h.at {
		if i < 0 {
			continue
		}
		r.here[t] = class[i]
		if r.h.length < r.Length {
			r.item[t] = r.base + i
		}
	}
	if r.h.length < r.Length {
		r.itemClass = append(r.itemClass, class...)
		r.base += int32(len(class))
	}
	return len(parent) == 0
}

// sort finds the state of a history whose next shorter is in state q, and moves
// its sample there. States are as they were when this length began, but for
// those that are new.
func (r *reconstruction) sort(s *sample, q int32) int32 {
	best, most := q, r.try(s, r.before[q])
	if most < r.Alpha {
		for i, p := range r.states {
			if i < len(r.before) {
				p = r.before[i]
			}
			if p.n < float64(r.MinCount) {
				continue
			}
			if v := r.try(s, p); v > most {
				best, most = int32(i), v
			}
		}
		if most < r.Alpha && len(r.states) < r.MaxStates {
			best = int32(len(r.states))
			r.states = append(r.states, &pool{count: make([]float64, len(r.states[q].count))})
		}
	}
	r.states[q].add(s, -1)
	r.states[best].add(s, 1)
	return best
}

func (r *reconstruction) try(s *sample, p *pool) float64 {
	r.work += 4 * float64(len(s.future))
	return r.test(s, p)
}

// machine is procedure III.
func (r *reconstruction) machine() (*Machine, error) {
	h := r.h
	s := newSplitter(h.a, r.itemClass, len(r.states), r.votes())
	s.run()
	next, weight := s.transitions()
	counts := make([]float64, len(next))
	for q, items := range s.states {
		for _, i := range items {
			for _, v := range s.votesOf(i) {
				counts[q*h.a+int(v.x)] += v.w
			}
		}
	}
	return r.settle(next, counts, weight)
}

// votes are the steps of the text from item to item.
func (r *reconstruction) votes() (out []vote) {
	type step struct {
		from, class, to int32
		x               uint16
	}
	count := map[step]float64{}
	var order []step
	for t := 1; t < len(r.h.at); t++ {
		if r.h.start[t] != r.h.start[t-1] {
			continue
		}
		v := step{r.item[t-1], r.here[t], -1, uint16(r.h.symbols[t-1])}
		if r.itemClass[r.item[t]] == v.class {
			v.to = r.item[t]
		}
		if count[v] == 0 {
			order = append(order, v)
		}
		count[v]++
	}
	for _, v := range order {
		out = append(out, vote{v.from, v.x, v.class, v.to, count[v]})
	}
	return out
}

// settle leaves the states that are visited for ever, merges those that no
// future tells apart, and smooths.
func (r *reconstruction) settle(next []int32, counts, weight []float64) (*Machine, error) {
	a := r.h.a
	m, err := recurrent(a, next, counts, weight)
	if err != nil {
		return r.single()
	}
	// What a state's law was estimated on is lost in m but for its shares.
	total := 0.0
	for _, w := range weight {
		total += w
	}
	n := func(s int) float64 { return m.Pi[s] * total }
	m, err = m.Minimise(func(s, t int) bool {
		one, other := sample{n: n(s)}, pool{count: make([]float64, a)}
		for x := range a {
			if c := m.P[s*a+x] * n(s); c > 0 {
				one.future, one.count = append(one.future, int32(x)), append(one.count, c)
			}
			if c := m.P[t*a+x] * n(t); c > 0 {
				other.count[x] = c
				other.n += c
				other.support++
			}
		}
		return r.test(&one, &other) >= r.Alpha
	})
	if err != nil {
		return nil, err
	}
	for s := range m.States() {
		count := m.Pi[s] * total
		for x := range a {
			i := s*a + x
			m.P[i] = (m.P[i]*count + r.Prior/float64(a)) / (count + r.Prior)
		}
	}
	return New(a, m.Next, m.P)
}

// single is the machine of one state: all that can be said of a text too short
// for anything to be repeated.
func (r *reconstruction) single() (*Machine, error) {
	a := r.h.a
	next, p := make([]int32, a), make([]float64, a)
	for _, x := range r.h.symbols {
		p[x]++
	}
	for x := range p {
		p[x] = (p[x] + r.Prior/float64(a)) / (float64(len(r.h.symbols)) + r.Prior)
	}
	return New(a, next, p)
}
