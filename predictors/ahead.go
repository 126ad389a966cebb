package predictors

import (
	"math/rand/v2"
	"slices"
)

// AheadOptions say how far ahead to look and how hard to try.
type AheadOptions struct {
	Horizons []int  // steps ahead, ascending, ≥ 1
	Rollouts int    // sampled futures where the marginal is not exact; even, ≥ 2
	States   int    // distinct futures followed exactly at once; 0 means 4,096 for a Stater, 128 otherwise
	Seed     uint64 // of the rollouts; equal seeds give common random numbers across predictors
}

// A DirectForecaster answers some horizons k > 1 by models of their own,
// trained on x_{t+k}: PredictDirect sets p[y] to its P(x_{t+k} = y | x_{≤t}), or
// returns false where it has none. That is a law, but not the marginal of what
// Predict and Observe define (direct against iterated forecasts: Marcellino,
// Stock & Watson 2006), so it is never called exact.
type DirectForecaster interface {
	PredictDirect(p []float64, k int) bool
}

// A Forecast holds k-step marginals P(x_{t+k} = y | x_{≤t}).
type Forecast struct {
	P      [][]float64 // P[i][y] for horizon i
	Exact  []bool      // whether P[i] is exact (up to Dropped) or an average over rollouts
	Direct []bool      // whether P[i] is a DirectForecaster's
	// Half[h][i] averages one half of the rollouts: for the jackknife of the
	// loss (programme 2.2). Equal to P[i] where that is exact.
	Half    [2][][]float64
	Dropped float64 // bound on the probability mass not followed
}

// minMass is the probability below which a future is not followed. A frontier
// of 4,096 states over 64 steps then loses at most 3e-7 of its mass, and what
// it does lose is recorded.
const minMass = 1e-12

// A Forecaster computes forecasts and keeps their scratch.
type Forecaster struct {
	o        AheadOptions
	a        int
	f        Forecast
	q        []float64
	frontier []path
	next     []path
	index    map[string]int
	key      []byte
	rolled   []float64 // [Rollouts,a] what each future predicts
	drawn    []Symbol  // what comes next in each
}

type path struct {
	p    Predictor
	mass float64
}

// NewForecaster makes a forecaster over alphabets of size a.
func NewForecaster(a int, o AheadOptions) *Forecaster {
	f := &Forecaster{o: o, a: a, q: make([]float64, a), index: map[string]int{}}
	grid := func() [][]float64 {
		rows := make([][]float64, len(o.Horizons))
		for i := range rows {
			rows[i] = make([]float64, a)
		}
		return rows
	}
	f.f = Forecast{P: grid(), Exact: make([]bool, len(o.Horizons)), Direct: make([]bool, len(o.Horizons)), Half: [2][][]float64{grid(), grid()}}
	return f
}

// At forecasts from where p stands, leaving p as it was. The result is valid
// until the next call. point numbers the place, so that every predictor's
// rollouts there use the same random numbers.
//
// A DirectForecaster's horizons are its own. For the rest, a predictor that
// knows its marginals is asked; otherwise the futures are
// followed exactly as long as they are few, merging those that lead to the
// same state, and beyond that sampled.
func (f *Forecaster) At(p Predictor, point int) *Forecast {
	out := &f.f
	out.Dropped = 0
	clear(out.Direct)
	if d, ok := p.(DirectForecaster); ok {
		defer f.direct(d) // over whatever has been iterated there
	}
	if a, ok := p.(Aheader); ok {
		if dropped, ok := a.PredictAhead(out.P, f.o.Horizons); ok {
			out.Dropped = dropped
			f.settle(len(out.P))
			return out
		}
	}
	exact := f.propagate(p)
	f.settle(exact)
	if exact < len(f.o.Horizons) {
		f.rollout(p, point, exact)
	}
	return out
}

// direct puts a DirectForecaster's laws in place of the iterated ones.
func (f *Forecaster) direct(p DirectForecaster) {
	for i, k := range f.o.Horizons {
		if k > 1 && p.PredictDirect(f.q, k) {
			f.f.Exact[i], f.f.Direct[i] = false, true
			copy(f.f.P[i], f.q)
			copy(f.f.Half[0][i], f.q)
			copy(f.f.Half[1][i], f.q)
		}
	}
}

// settle marks the first n horizons exact and copies them to the halves.
func (f *Forecaster) settle(n int) {
	for i := range f.f.Exact {
		f.f.Exact[i] = i < n
		if i < n {
			copy(f.f.Half[0][i], f.f.P[i])
			copy(f.f.Half[1][i], f.f.P[i])
		}
	}
}

// propagate fills P for as many horizons as it can follow exactly and returns
// how many that is: v_0 = the present state, v_j = v_{j-1} M, q_k = v_{k-1} P
// (programme 2.2).
func (f *Forecaster) propagate(p Predictor) int {
	limit := f.o.States
	_, merges := p.(Stater)
	if limit == 0 {
		limit = 128
		if merges {
			limit = 4096
		}
	}
	f.frontier = append(f.frontier[:0], path{p.Fork(), 1})
	done, lost := 0, 0.0
	for k := 1; done < len(f.o.Horizons); k++ {
		wanted := f.o.Horizons[done] == k
		last := wanted && done == len(f.o.Horizons)-1
		grow := !last && len(f.frontier)*f.a <= 4*limit
		if !wanted && !grow {
			break
		}
		lost += f.step(f.f.P[done], wanted, grow, merges)
		if wanted {
			f.f.Dropped = lost
			normalize(f.f.P[done])
			done++
		}
		if !grow || len(f.next) > limit {
			break
		}
		f.frontier, f.next = f.next, f.frontier
	}
	clear(f.frontier[:cap(f.frontier)]) // let go of the forks
	clear(f.next[:cap(f.next)])
	return done
}

// step mixes the frontier's predictions into out and, if asked to, moves every
// path one symbol on into f.next. It returns the mass it dropped.
func (f *Forecaster) step(out []float64, wanted, grow, merges bool) (dropped float64) {
	if wanted {
		clear(out)
	}
	f.next = f.next[:0]
	clear(f.index)
	for _, s := range f.frontier {
		s.p.Predict(f.q)
		for x, q := range f.q {
			m := s.mass * q
			if wanted {
				out[x] += m
			}
			switch {
			case !grow || q == 0:
			case m < minMass:
				dropped += m
			default:
				c := s.p.Fork()
				c.Observe(Symbol(x))
				f.push(c, m, merges)
			}
		}
	}
	return dropped
}

func (f *Forecaster) push(c Predictor, m float64, merges bool) {
	if merges {
		f.key = c.(Stater).State(f.key[:0])
		if i, ok := f.index[string(f.key)]; ok {
			f.next[i].mass += m
			return
		}
		f.index[string(f.key)] = len(f.next)
	}
	f.next = append(f.next, path{c, m})
}

// rollout estimates the horizons from number `from` on by averaging the last
// distributions of sampled futures (Rao-Blackwell): unbiased for q_k, though
// the loss of the average is not, hence the halves.
func (f *Forecaster) rollout(p Predictor, point, from int) {
	for i := from; i < len(f.o.Horizons); i++ {
		clear(f.f.Half[0][i])
		clear(f.f.Half[1][i])
	}
	r := f.o.Rollouts
	if !f.together(p, point, from) {
		for n := range r {
			f.alone(p.Fork(), f.stream(point, n), n, from)
		}
	}
	for i := from; i < len(f.o.Horizons); i++ {
		h0, h1 := f.f.Half[0][i], f.f.Half[1][i]
		for x := range f.q {
			f.f.P[i][x] = (h0[x] + h1[x]) / float64(r)
			h0[x] /= float64((r + 1) / 2)
			h1[x] /= float64(r / 2)
		}
	}
}

// stream is the random numbers of future n. Each has its own: what a predictor
// draws at step j does not depend on what others drew.
func (f *Forecaster) stream(point, n int) *rand.Rand {
	return rand.New(rand.NewPCG(f.o.Seed, uint64(point)*uint64(f.o.Rollouts)+uint64(n)))
}

// alone follows future n.
func (f *Forecaster) alone(c Predictor, rng *rand.Rand, n, from int) {
	for k, i := 1, from; i < len(f.o.Horizons); k++ {
		c.Predict(f.q)
		if f.o.Horizons[i] == k {
			f.count(f.q, n, i)
			i++
		}
		c.Observe(Sample(f.q, rng.Float64()))
	}
}

// together follows all futures at once, if p can.
func (f *Forecaster) together(p Predictor, point, from int) bool {
	b, ok := p.(BatchRoller)
	if !ok {
		return false
	}
	r := f.o.Rollouts
	c := b.Roll(r)
	if c == nil {
		return false
	}
	if f.rolled == nil {
		f.rolled, f.drawn = make([]float64, r*f.a), make([]Symbol, r)
	}
	rngs := make([]*rand.Rand, r)
	for n := range rngs {
		rngs[n] = f.stream(point, n)
	}
	for k, i := 1, from; i < len(f.o.Horizons); k++ {
		c.Predict(f.rolled)
		wanted := f.o.Horizons[i] == k
		for n, rng := range rngs {
			q := f.rolled[n*f.a:][:f.a]
			if wanted {
				f.count(q, n, i)
			}
			f.drawn[n] = Sample(q, rng.Float64())
		}
		if wanted {
			i++
		}
		c.Observe(f.drawn)
	}
	return true
}

// count adds what future n predicts for horizon number i to its half.
func (f *Forecaster) count(q []float64, n, i int) {
	half := f.f.Half[n%2][i]
	for x, v := range q {
		half[x] += v
	}
}

func normalize(p []float64) {
	sum := 0.0
	for _, v := range p {
		sum += v
	}
	for x := range p {
		p[x] /= sum
	}
}

// ValidHorizons reports whether ks is ascending and ≥ 1.
func ValidHorizons(ks []int) bool {
	return len(ks) > 0 && ks[0] >= 1 && slices.IsSorted(ks) && len(slices.Compact(slices.Clone(ks))) == len(ks)
}
