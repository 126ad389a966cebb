package corpus

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"horizon/predictors"
	"horizon/predictors/kernel"
)

// ρ, h and α maximise the likelihood of symbols of the validation part, each
// predicted from the whole memory; where there is no validation part, of the
// last tenth of the training part, predicted from the rest. Held-out text some
// way off is what to tune on: a context next to a remembered one finds it, and
// so much nearer than the text to come will (Burman, Chow & Nolan 1994).
//
// For given ρ a query needs but a histogram of its distances, and of those to
// contexts with the true label; a trial of h and α then costs its 256 bins. The
// β_j of the product kernel are learnt up to a common factor by gradient steps
// on a sample of queries and contexts, and that factor is then h.

// A query is a context, what came, and q0 of it.
type query struct {
	past past
	y    Symbol
	q0   float64
}

// Fit remembers the training part and chooses the bandwidths.
func (p *Smoother) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if report == nil {
		report = func(predictors.Progress) {}
	}
	fresh, err := p.fitted(ctx, d, report)
	if err != nil {
		return err
	}
	p.model.become(fresh)
	p.q0 = p.lower
	p.Reset()
	return ctx.Err()
}

// fitted is a new model of the same Config.
func (p *Smoother) fitted(ctx context.Context, d predictors.Data, report func(predictors.Progress)) (*model, error) {
	for _, doc := range d.Train {
		for _, x := range doc {
			if int(x) >= p.a {
				return nil, fmt.Errorf("kernel-smoother: symbol = %d, want < %d", x, p.a)
			}
		}
	}
	keep, queries, err := p.plan(d)
	if err != nil {
		return nil, err
	}
	held := d
	if (predictors.Data{Train: d.Valid}).Symbols() == 0 {
		held = holdOut(d)
	}
	m, err := p.remember(ctx, held, keep, report)
	if err != nil {
		return nil, err
	}
	if err := m.tune(ctx, m.queries(held.Valid, queries), report); err != nil {
		return nil, err
	}
	if len(d.Valid) == len(held.Valid) {
		return m, m.keepWithin(p.budget)
	}
	whole, err := p.remember(ctx, d, keep, report)
	if err != nil {
		return nil, err
	}
	whole.choice, whole.trainOps = m.choice, m.trainOps
	whole.recall, whole.bits, whole.effective = m.recall, m.bits, m.effective
	if err := whole.build(); err != nil {
		return nil, err
	}
	return whole, whole.keepWithin(p.budget)
}

// holdOut moves the last tenth of the training part into the validation part.
func holdOut(d predictors.Data) predictors.Data {
	left := d.Symbols() / 10
	out := predictors.Data{}
	for i := len(d.Train) - 1; i >= 0; i-- {
		doc := d.Train[i]
		cut := max(0, len(doc)-left)
		left -= len(doc) - cut
		out.Train = append(out.Train, doc[:cut])
		out.Valid = append(out.Valid, doc[cut:])
	}
	slices.Reverse(out.Train)
	slices.Reverse(out.Valid)
	return out
}

// remember makes a model of the training part, not yet tuned.
func (p *Smoother) remember(ctx context.Context, d predictors.Data, keep int, report func(predictors.Progress)) (*model, error) {
	made, err := p.c.New(predictors.Env{Alphabet: p.a, Seed: p.seed})
	if err != nil {
		return nil, err
	}
	m := made.(*Smoother).model
	if err := made.(*Smoother).SetBudget(p.budget); err != nil {
		return nil, err
	}
	m.text, m.choice.vectors = newText(d.Train, m.c.Lags, keep), nil
	if err := m.lower.Fit(ctx, d, report); err != nil {
		return nil, err
	}
	return m, m.build()
}

// queries are n positions of documents, evenly spaced.
func (m *model) queries(docs [][]Symbol, n int) (out []query) {
	total := predictors.Data{Train: docs}.Symbols()
	step := max(1, (total+n-1)/max(1, n))
	at, q := 0, make([]float64, m.a)
	for _, doc := range docs {
		var c past
		lower := m.lower.Fork().(*kernel.NadarayaWatson)
		lower.Reset()
		for _, x := range doc {
			if at++; at%step == 0 && len(out) < n {
				lower.Predict(q)
				out = append(out, query{c, x, q[x]})
			}
			c.push(x, m.c.Lags)
			lower.Observe(x)
		}
	}
	return out
}

// tune chooses what is not fixed.
func (m *model) tune(ctx context.Context, qs []query, report func(predictors.Progress)) error {
	if len(qs) == 0 || m.text.count == 0 {
		return ctx.Err()
	}
	ch := &m.choice
	if m.c.Kernel == "product" {
		if err := m.learnLags(ctx, qs, report); err != nil {
			return err
		}
	}
	t := &trial{m: m, qs: qs}
	try := func(rho float64) float64 {
		ch.rho = rho
		bits, h, alpha := t.best(ctx, report)
		if bits < t.bits || t.bits == 0 {
			t.bits, t.rho, t.h, t.alpha = bits, rho, h, alpha
		}
		return bits
	}
	if m.c.Rho > 0 || m.c.Kernel == "product" || m.c.Kernel == "suffix" || m.c.stringy() {
		try(ch.rho)
	} else {
		golden(0.4, 1, 6, try)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ch.rho, ch.h, ch.alpha = t.rho, t.h, t.alpha
	if err := m.build(); err != nil {
		return err
	}
	m.bits = t.bits
	m.trainOps += float64(t.tries*len(qs)*m.text.count) * m.metric.operations()
	m.measure(qs)
	return ctx.Err()
}

// golden evaluates f at the points of a golden-section search (Kiefer 1953).
func golden(lo, hi float64, steps int, f func(float64) float64) {
	const ratio = 0.6180339887498949
	l, r := hi-ratio*(hi-lo), lo+ratio*(hi-lo)
	fl, fr := f(l), f(r)
	for range steps {
		if fl < fr {
			hi, r, fr = r, l, fl
			l = hi - ratio*(hi-lo)
			fl = f(l)
		} else {
			lo, l, fl = l, r, fr
			r = lo + ratio*(hi-lo)
			fr = f(r)
		}
	}
}

const bins = 256

// A trial holds histograms, over d² up to the metric's most, and the best yet.
type trial struct {
	m        *model
	qs       []query
	all, hit []float64 // at query·bins + bin
	unit     float64
	last     []float64 // d² of the last neighbour, by query
	tries    int
	bits     float64
	rho, h   float64
	alpha    float64
}

// best chooses h and α for the ρ at hand.
func (t *trial) best(ctx context.Context, report func(predictors.Progress)) (loss, h, alpha float64) {
	t.count(ctx, report)
	c := t.m.c
	h, alpha = math.Sqrt(t.unit*bins/8), 10
	if c.Bandwidth > 0 {
		h = c.Bandwidth
	}
	if c.Alpha > 0 {
		alpha = c.Alpha
	}
	loss = t.loss(h, alpha)
	for width := 3.0; width > 0.05; width *= 0.7 {
		if c.Bandwidth == 0 && !c.Adaptive {
			center := math.Log(h)
			golden(center-width, center+width, 8, func(x float64) float64 {
				l := t.loss(math.Exp(x), alpha)
				if l < loss {
					loss, h = l, math.Exp(x)
				}
				return l
			})
		}
		if c.Alpha == 0 {
			center := math.Log(alpha)
			golden(center-width, center+width, 8, func(x float64) float64 {
				l := t.loss(h, math.Exp(x))
				if l < loss {
					loss, alpha = l, math.Exp(x)
				}
				return l
			})
		}
	}
	return loss, h, alpha
}

// count makes the histograms.
func (t *trial) count(ctx context.Context, report func(predictors.Progress)) {
	m := t.m
	bucket := m.bucket
	m.choice.h = 1e6 // nothing is cut
	m.metric = m.newMetric()
	m.bucket = bucket
	t.unit = max(m.metric.most(), 1e-9) / (bins - 1)
	t.all, t.hit = make([]float64, len(t.qs)*bins), make([]float64, len(t.qs)*bins)
	t.last = make([]float64, len(t.qs))
	s := m.take()
	defer m.put(s)
	t.tries++
	for q := range t.qs {
		if ctx.Err() != nil {
			return
		}
		t.one(s, q)
		report(predictors.Progress{Stage: "tune", Done: int64(q + 1), Total: int64(len(t.qs))})
	}
}

func (t *trial) one(s *scratch, q int) {
	m, query := t.m, &t.qs[q]
	m.metric.open(s, &query.past)
	all, hit := t.all[q*bins:][:bins], t.hit[q*bins:][:bins]
	enter := func(i int, d float32) {
		if m.text.room[i] == 0 {
			return
		}
		w := 1.0
		if m.recent != nil {
			w = float64(m.recent[i])
		}
		b := min(int(float64(d)/t.unit+0.5), bins-1)
		all[b] += w
		if m.text.symbols[i+m.c.Lags] == query.y {
			hit[b] += w
		}
	}
	if m.bucket != nil {
		for _, i := range m.bucket.of(s, &query.past) {
			enter(int(i), m.metric.one(s, int(i)))
		}
	} else {
		for lo := 0; lo < m.text.n; lo += chunk {
			d2 := s.d2[:min(chunk, m.text.n-lo)]
			m.metric.block(s, d2, lo)
			for i, d := range d2 {
				enter(lo+i, d)
			}
		}
	}
	t.last[q] = math.Inf(1)
	if k := float64(m.c.Neighbours); k > 0 {
		for b, n := range all {
			if k -= n; k <= 0 {
				t.last[q] = float64(b) * t.unit
				break
			}
		}
	}
}

// loss is the mean of −log₂ q(y; c).
func (t *trial) loss(h, alpha float64) float64 {
	var weights [bins]float64
	for b := range weights {
		weights[b] = t.m.weight(float64(b)*t.unit, h*h)
	}
	sum := 0.0
	for q := range t.qs {
		all, hit := 0.0, 0.0
		for b, w := range weights {
			d2 := float64(b) * t.unit
			if d2 > t.last[q] {
				break
			}
			if t.m.c.Adaptive {
				w = t.m.weight(d2, t.last[q])
			}
			all += w * t.all[q*bins+b]
			hit += w * t.hit[q*bins+b]
		}
		sum -= math.Log2((alpha*t.qs[q].q0 + hit) / (alpha + all))
	}
	return sum / float64(len(t.qs))
}

// measure sets n_eff and recall, on up to 100 of the queries.
func (m *model) measure(qs []query) {
	s := m.take()
	defer m.put(s)
	q := make([]float64, m.a)
	bucket := m.bucket
	logs, recall, n := 0.0, 0.0, 0
	for i := 0; i < len(qs); i += 1 + len(qs)/100 {
		m.bucket = nil
		_, all := m.predict(s, q, &qs[i].past, 1, true)
		squares := 0.0
		for _, f := range s.found {
			squares += f.w * f.w
		}
		logs += math.Log(max(1, all*all/max(squares, 1e-300)))
		if m.bucket = bucket; bucket != nil {
			_, found := m.predict(s, q, &qs[i].past, 1, false)
			if all > 0 {
				found /= all
			} else {
				found = 1
			}
			recall += found
		}
		n++
	}
	m.effective, m.recall = math.Exp(logs/float64(n)), recall/float64(n)
}

// The sample that β_j are learnt on, and the steps. β_j have an exponential
// prior of this rate per nat: where they hardly matter, as where few lags decide
// and the rest only thin out the contexts, they are small.
const (
	lagPrior    = 1
	lagContexts = 8192
	lagQueries  = 200
	lagSteps    = 60
)

// learnLags sets β_j by Rprop (Riedmiller & Braun 1993), steps of ln β_j by the
// signs of the gradient of the loss on a sample, starting from equal weights.
func (m *model) learnLags(ctx context.Context, qs []query, report func(predictors.Progress)) error {
	if m.c.Rho > 0 { // β_j = ρ^{j−1} is wanted
		return nil
	}
	l := newLagLearner(m, qs)
	beta := slices.Repeat([]float64{4 / math.Sqrt(float64(m.c.Lags))}, m.c.Lags)
	x := append(beta, m.choice.alpha) // in logarithms from here on
	for j := range x {
		x[j] = math.Log(x[j])
	}
	step, was, g := slices.Repeat([]float64{0.3}, len(x)), make([]float64, len(x)), make([]float64, len(x))
	for n := range lagSteps {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.gradient(x, g)
		for j := range m.c.Lags {
			g[j] += lagPrior * math.Exp(x[j])
		}
		for j := range x {
			switch s := g[j] * was[j]; {
			case s > 0:
				step[j] = min(step[j]*1.2, 1)
			case s < 0:
				step[j] = max(step[j]*0.5, 1e-3)
			}
			was[j] = g[j]
			x[j] = min(max(x[j]-math.Copysign(step[j], g[j]), -7), 5)
		}
		report(predictors.Progress{Stage: "lags", Done: int64(n + 1), Total: lagSteps})
	}
	for j := range m.choice.beta {
		m.choice.beta[j] = math.Exp(x[j])
	}
	m.trainOps += float64(lagSteps*len(l.masks)) * float64(m.c.Lags)
	return nil
}

// A lagLearner holds, for pairs of a query and a context, where they differ.
type lagLearner struct {
	lags  int
	qs    []query
	each  int      // contexts
	masks []uint32 // bit j−1 for lag j, by query and context
	hit   []bool
	out   []float64
}

func newLagLearner(m *model, qs []query) *lagLearner {
	l := &lagLearner{lags: m.c.Lags}
	rng := rand.New(rand.NewPCG(m.seed, 0x6c6167))
	for i := 0; i < len(qs); i += 1 + (len(qs)-1)/lagQueries {
		l.qs = append(l.qs, qs[i])
	}
	var ids []int
	for i, r := range m.text.room {
		if r > 0 && rng.Float64()*float64(m.text.count) < lagContexts {
			ids = append(ids, i)
		}
	}
	l.each = len(ids)
	for _, q := range l.qs {
		for _, i := range ids {
			mask := uint32(0)
			for j := range m.c.Lags {
				if j >= q.past.known || m.text.symbols[i+m.c.Lags-1-j] != q.past.symbols[j] {
					mask |= 1 << j
				}
			}
			l.masks = append(l.masks, mask)
			l.hit = append(l.hit, m.text.symbols[i+m.c.Lags] == q.y)
		}
	}
	return l
}

// gradient sets g to that of the loss in nats with respect to ln β_j and ln α.
func (l *lagLearner) gradient(x, g []float64) {
	clear(g)
	var factor [4][256]float64 // by byte of a mask
	for b := range factor {
		for v := range factor[b] {
			cost := 0.0
			for k := range 8 {
				if j := 8*b + k; v>>k&1 == 1 && j < l.lags {
					cost += math.Exp(x[j])
				}
			}
			factor[b][v] = math.Exp(-cost)
		}
	}
	alpha := math.Exp(x[l.lags])
	hit, all := make([]float64, l.lags), make([]float64, l.lags)
	for q := range l.qs {
		clear(hit)
		clear(all)
		sumHit, sumAll := 0.0, 0.0
		for i, mask := range l.masks[q*l.each:][:l.each] {
			w := factor[0][mask&255] * factor[1][mask>>8&255] * factor[2][mask>>16&255] * factor[3][mask>>24]
			if w < 1e-9 {
				continue
			}
			sumAll += w
			true := l.hit[q*l.each+i]
			if true {
				sumHit += w
			}
			for ; mask != 0; mask &= mask - 1 {
				j := bits.TrailingZeros32(mask)
				all[j] += w
				if true {
					hit[j] += w
				}
			}
		}
		p0 := l.qs[q].q0
		top, bottom := alpha*p0+sumHit, alpha+sumAll
		for j := range l.lags { // −d ln(top/bottom)/d ln β_j
			g[j] += math.Exp(x[j]) * (hit[j]/top - all[j]/bottom)
		}
		g[l.lags] -= alpha * (p0/top - 1/bottom)
	}
}

func trailing(word uint64) int { return bits.TrailingZeros64(word) }
