package lempelziv

import (
	"context"
	"math"
	"slices"

	"horizon/predictors"
)

// How the parameters of a blending are tuned: on the validation part, its
// symbols met by the tree as it is, the loss
//
//	Σ −ln P(x) + ½ Σ ((v − v₀)/σ)² over all parameters v
//
// with v₀ where they begin (no bias, usual discounts: where nothing was met
// that tells, as of counts of 1 in a tree that had these cut, they stay there)
// goes down by Adam (Kingma & Ba 2015) on small batches, with gradients from
// the recursion p_j = (1 − ε_j) q_j + ε_j p_{j−1}, ∂P/∂p_{j−1} = ε_j ∂P/∂p_j.
// Where children were cut away, their part of q_j goes to p_{j−1} too.
const (
	tuneSymbols = 200_000 // at most so many are met, evenly spread
	tunePasses  = 15      // over them
	tuneRate    = 0.03
	biasSpread  = 0.2 // σ of biases: best of 0.02 to 0.7 on the second half of validation parts
	discSpread  = 0.4 // σ of logits of discounts and of ln θ
)

// An encounter is a symbol met at one node.
type encounter struct {
	n     uint32 // its count there
	depth int32
	fan   fan
	at    [features]int // classes
}

// A record holds the encounters of many symbols, shortest context first.
type record struct {
	met   []encounter
	start []int // of each symbol, and behind the last
}

// symbols counts those of documents.
func symbolsOf(docs [][]predictors.Symbol) (n int) {
	for _, doc := range docs {
		n += len(doc)
	}
	return n
}

// meet walks over documents and notes what their symbols meet.
func (b *blending) meet(ctx context.Context, w *walk, docs [][]predictors.Symbol, r *parse) (*record, error) {
	out := &record{start: []int{0}}
	stride := 1 + symbolsOf(docs)/tuneSymbols
	t := 0
	for _, doc := range docs {
		w.reset()
		for _, x := range doc {
			if t%stride == 0 {
				b.note(out, w, uint32(x))
			}
			if t++; t&0xffff == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			w.observe(uint32(x), r)
		}
	}
	return out, nil
}

func (b *blending) note(out *record, w *walk, x uint32) {
	w.lookUp(x)
	for j := 0; j <= w.top; j++ {
		if w.at[j].node == 0 && j > 0 {
			continue
		}
		e := encounter{depth: int32(j), fan: w.fanOf(w.at[j])}
		if e.fan.total == 0 {
			continue
		}
		if c := w.children[j]; c != 0 {
			e.n = w.count(c)
		}
		if b.rule == ruleMix {
			classify(w, j, &e.fan, &e.at)
		}
		out.met = append(out.met, e)
	}
	out.start = append(out.start, len(out.met))
}

// tuner holds the parameters as Adam sees them, unbounded: ln θ, the logit of
// D_k/k, and the biases.
type tuner struct {
	*blending
	v, v0, grad, m1, m2 []float64
	rows                []row
}

// A row is what one encounter contributes, kept for the way back.
type row struct {
	q, escape, plain, below float64 // q_j, ε_j, ε_j before its bias, p_{j−1}
	total, free             float64
	cut                     float64 // of q_j, what p_{j−1} has a share in
}

func newTuner(b *blending) *tuner {
	n := 4*len(b.by) + len(b.odds)
	t := &tuner{blending: b, v: make([]float64, n), grad: make([]float64, n), m1: make([]float64, n), m2: make([]float64, n)}
	for j, d := range b.by {
		t.v[4*j] = math.Log(d.d[0])
		for k := 1; k <= 3; k++ {
			t.v[4*j+k] = math.Log(d.d[k] / (float64(k) - d.d[k]))
		}
	}
	for i, v := range b.odds {
		t.v[4*len(b.by)+i] = math.Log(v)
	}
	t.v0 = slices.Clone(t.v)
	return t
}

// apply sets the blending's parameters.
func (t *tuner) apply() {
	for j := range t.by {
		d := &t.by[j].d
		d[0] = math.Exp(t.v[4*j])
		for k := 1; k <= 3; k++ {
			d[k] = float64(k) / (1 + math.Exp(-t.v[4*j+k]))
		}
	}
	for i := range t.odds {
		t.odds[i] = math.Exp(t.v[4*len(t.by)+i])
	}
}

// forward is P of one symbol.
func (t *tuner) forward(met []encounter) float64 {
	p := 1 / float64(t.a)
	t.rows = t.rows[:0]
	for i := range met {
		e := &met[i]
		d := &t.by[e.depth]
		r := row{below: p, total: float64(e.fan.total), free: d.free(&e.fan)}
		r.plain = (r.free + d.d[0]) / (r.total + d.d[0])
		r.escape = r.plain
		if t.rule == ruleMix {
			r.escape = t.biased(r.plain, &e.at)
		}
		if e.n > 0 {
			r.q = (float64(e.n) - d.by(e.n)) / (r.total - r.free)
		}
		r.cut = float64(e.fan.cut) * (1 - d.d[1]) / (r.total - r.free)
		r.q += r.cut * p
		p = (1-r.escape)*r.q + r.escape*p
		t.rows = append(t.rows, r)
	}
	return p
}

// backward adds the gradient of −ln P of one symbol.
func (t *tuner) backward(met []encounter, p float64) {
	g := -1 / p // of p_j
	for i := len(met) - 1; i >= 0; i-- {
		e, r := &met[i], &t.rows[i]
		grad := t.grad[4*int(e.depth):]
		d := &t.by[e.depth].d
		toEscape := g * (r.below - r.q)
		slope := r.escape * (1 - r.escape)
		if t.rule == ruleMix {
			for _, c := range e.at {
				t.grad[4*len(t.by)+c] += toEscape * slope
			}
		}
		toPlain := toEscape * slope / (r.plain * (1 - r.plain))
		grad[0] += toPlain * (1 - r.plain) / (r.total + d[0]) * d[0]
		toQ := g * (1 - r.escape)
		num := [4]float64{1: float64(e.fan.once), 2: float64(e.fan.twice), 3: float64(e.fan.more)}
		for k := 1; k <= 3; k++ {
			toD := toPlain*num[k]/(r.total+d[0]) + toQ*r.q*num[k]/(r.total-r.free)
			if e.n > 0 && int(min(e.n, 3)) == k {
				toD -= toQ / (r.total - r.free)
			}
			if k == 1 {
				toD -= toQ * float64(e.fan.cut) * r.below / (r.total - r.free)
			}
			grad[k] += toD * d[k] * (1 - d[k]/float64(k))
		}
		g *= r.escape + (1-r.escape)*r.cut
	}
}

// step is one of Adam's; prior is what a parameter's distance from where it
// began, in units of σ², adds to the gradient.
func (t *tuner) step(k, steps int, scale, prior float64) {
	const b1, b2 = 0.9, 0.99
	rate := tuneRate * min(1, 2*(1-float64(k-1)/float64(steps)))
	c1, c2 := 1-math.Pow(b1, float64(k)), 1-math.Pow(b2, float64(k))
	for i := range t.v {
		g := t.grad[i] * scale
		spread := biasSpread
		if i < 4*len(t.by) {
			spread = discSpread
		}
		g += prior / (spread * spread) * (t.v[i] - t.v0[i])
		t.grad[i] = 0
		t.m1[i] = b1*t.m1[i] + (1-b1)*g
		t.m2[i] = b2*t.m2[i] + (1-b2)*g*g
		t.v[i] -= rate * (t.m1[i] / c1) / (math.Sqrt(t.m2[i]/c2) + 1e-8)
	}
}

// tuneSchedule is how many symbols make a step, and how many steps the passes
// take.
func tuneSchedule(n int) (batch, steps int) {
	batch = max(min(n, 16), min(n/200, 512))
	return batch, tunePasses * n / batch
}

// tune sets the parameters by what was met.
func (b *blending) tune(ctx context.Context, met *record, report func(done int)) error {
	n := len(met.start) - 1
	if n == 0 || b.rule < ruleDiscount {
		return nil
	}
	t := newTuner(b)
	batch, steps := tuneSchedule(n)
	at := 0
	for k := 1; k <= steps; k++ {
		for range batch {
			e := met.met[met.start[at]:met.start[at+1]]
			t.backward(e, t.forward(e))
			// a stride without a common factor with most lengths spreads a batch
			at = (at + 7919) % n
		}
		t.step(k, steps, 1/float64(batch), 1/float64(n))
		t.apply()
		if k%16 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			report(k * batch)
		}
	}
	return nil
}

// probs are P of the symbols met.
func (b *blending) probs(met *record) []float64 {
	t := newTuner(b)
	out := make([]float64, len(met.start)-1)
	for i := range out {
		out[i] = t.forward(met.met[met.start[i]:met.start[i+1]])
	}
	return out
}

// leastTuned is how many symbols are worth tuning on.
const leastTuned = 200

// thinned is the record of as many symbols, evenly spread, as left operations
// of all that the whole would take can pay for; of none if they are too few.
func (r *record) thinned(left, all float64) *record {
	n := len(r.start) - 1
	if left >= all {
		return r
	}
	out := &record{start: []int{0}}
	keep := int(float64(n) * left / all)
	if keep < leastTuned {
		return out
	}
	for i := range keep {
		at := i * n / keep
		out.met = append(out.met, r.met[r.start[at]:r.start[at+1]]...)
		out.start = append(out.start, len(out.met))
	}
	return out
}

// tuningOps estimates the operations of tuning: some eighty an encounter, there
// and back.
func (b *blending) tuningOps(met *record) float64 {
	if b.rule < ruleDiscount {
		return 0
	}
	return 80 * float64(len(met.met)) * tunePasses
}
