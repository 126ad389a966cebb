package statemachine

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"horizon/predictors"
)

// Baum-Welch: expectation maximisation, in the scaled form of Rabiner 1989,
// section V.A, for several sequences (V.B). In a sequence x_1 … x_n that
// begins in law π,
//
//	α_0 = π,  c_t = α_{t−1} T^{x_t} 1,  α_t = α_{t−1} T^{x_t} / c_t    ln P(x_1 … x_n) = Σ ln c_t
//	β_n = 1,  β_{t−1} = T^{x_t} β_t / c_t
//	C^x[i,j] = Σ_{t: x_t = x} α_{t−1}(i) T^x[i,j] β_t(j) / c_t         expected transitions
//	T^x[i,j] ← (C^x[i,j] + 1/(AS)) / (Σ_{y,k} C^y[i,k] + 1)            form "edge"
//	B[i,x] ← (Σ_j C^x[i,j] + 1/A) / (… + 1),  T[i,j] ← (Σ_x C^x[i,j] + 1/S) / (… + 1)   form "state"
//	π ← α_0 β_0
//
// The added fractions are Dirichlet priors of weight one; what never falls is
// therefore ln P plus (1/AS) Σ ln T^x[i,j], or (1/A) Σ ln B + (1/S) Σ ln T.
//
// Documents are cut into pieces of 2¹⁴ symbols, each a sequence of its own
// with a π of its own; those that begin a document share theirs. That costs
// one transition in 2¹⁴ and lets the pieces be worked on at once; their counts
// are added up in the same order however many processors there are.
//
// EM finds the top of the hill it begins on. Restarts from random laws are
// thinned out by halves (as in Jamieson & Talwalkar 2016) on a sample of the
// training part: 20 iterations for each, twice as many for the better half, and
// so on; the last one goes on with the whole. "Better" is the validation
// loss, or the training loss where there is no validation part. It stops when
// the gain is below the tolerance, when the validation loss has not been lower
// for 10 iterations (the best is then taken), or at the bound.
//
// Time is O(3S²) a symbol and iteration, space O(2¹⁴·S + A·S²) for each of up
// to 8 pieces at once.

const (
	pieceLength = 1 << 14
	wave        = 8       // pieces whose counts are kept apart at once, at most
	waveNumbers = 1 << 24 // and those counts, at most, if there are two pieces
	firstRound  = 20
	patience    = 10
)

// Fit learns the model.
func (p *hmm) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	m := p.model
	whole := cut(d.Train, math.MaxInt)
	if whole.symbols == 0 {
		return ctx.Err()
	}
	valid := cut(d.Valid, tuneSample)
	best, err := m.screen(ctx, d, report)
	if err != nil {
		return err
	}
	err = m.climb(ctx, best, whole, valid, report)
	p.Reset()
	return err
}

// A piece is a sequence to learn from.
type piece struct {
	xs    []predictors.Symbol
	first bool      // begins a document
	start []float64 // π; shared if first
}

// A set of pieces.
type set struct {
	pieces    []piece
	symbols   int
	documents int
}

// cut takes the first symbols of the documents, at most so many.
func cut(docs [][]predictors.Symbol, most int) (s set) {
	for _, doc := range docs {
		doc = doc[:min(len(doc), most-s.symbols)]
		s.symbols += len(doc)
		if len(doc) > 0 {
			s.documents++
		}
		for at := 0; at < len(doc); at += pieceLength {
			s.pieces = append(s.pieces, piece{xs: doc[at:min(at+pieceLength, len(doc))], first: at == 0})
		}
	}
	return s
}

// A climber is a law on its way up.
type climber struct {
	*law
	edge   bool
	data   set
	bits   float64 // training loss per symbol before the last iteration
	judged float64 // loss that it is ranked by
	passed float64 // symbols gone through in all iterations
	slots  []slot
	total  []float64 // counts
	firsts []float64 // posterior of the documents' first states, summed
}

// A slot is room to work on a piece.
type slot struct {
	counts []float64 // C^x[i,j]/T^x[i,j], laid out as law.move
	alpha  []float64 // α_t at t·S
	beta   []float64 // β_t/c_t
	c      []float64 // c_t at t−1
	first  []float64 // α_0 β_0
	logP   float64
}

func newClimber(l *law, edge bool, data set) *climber {
	c := &climber{law: l, edge: edge, data: data}
	c.data.pieces = slices.Clone(data.pieces)
	shared := slices.Clone(l.start)
	for i := range c.data.pieces {
		c.data.pieces[i].start = shared
		if !c.data.pieces[i].first {
			c.data.pieces[i].start = slices.Clone(l.start)
		}
	}
	return c
}

// equip makes room to work on so many pieces at once.
func (c *climber) equip(slots int) {
	longest, numbers := min(pieceLength, c.data.symbols), len(c.move)
	c.total, c.firsts = make([]float64, numbers), make([]float64, c.n)
	c.slots = make([]slot, min(slots, len(c.data.pieces)))
	for i := range c.slots {
		c.slots[i] = slot{counts: make([]float64, numbers), alpha: make([]float64, (longest+1)*c.n),
			beta: make([]float64, c.n), c: make([]float64, longest), first: make([]float64, c.n)}
	}
}

// iterate does one step of EM. Only then is bits the loss of the law before.
func (c *climber) iterate(ctx context.Context) error {
	c.passed += float64(c.data.symbols)
	clear(c.total)
	clear(c.firsts)
	sum := 0.0
	for at := 0; at < len(c.data.pieces); at += len(c.slots) {
		if err := ctx.Err(); err != nil {
			return err
		}
		now := c.data.pieces[at:min(at+len(c.slots), len(c.data.pieces))]
		inParallel(len(now), func(i int) { c.slots[i].expect(c.law, &now[i]) })
		for i := range now {
			s := &c.slots[i]
			sum += s.logP
			for k, v := range s.counts {
				c.total[k] += v
			}
			if now[i].first {
				for k, v := range s.first {
					c.firsts[k] += v
				}
			} else {
				copy(now[i].start, s.first)
			}
		}
	}
	c.bits = -sum / math.Ln2 / float64(c.data.symbols)
	for k := range c.total {
		c.total[k] *= c.move[k]
	}
	if c.edge {
		c.maximizeEdges()
	} else {
		c.maximizeStates()
	}
	for k, v := range c.firsts {
		c.data.pieces[0].start[k] = v / float64(c.data.documents)
	}
	return nil
}

// inParallel calls f(0 … n−1), as many at once as there are processors.
func inParallel(n int, f func(i int)) {
	var group sync.WaitGroup
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		places <- struct{}{}
		group.Go(func() {
			f(i)
			<-places
		})
	}
	group.Wait()
}

// expect does the forward and the backward pass over one piece. The counts
// lack the factor T^x[i,j], which is the same for all t.
func (s *slot) expect(l *law, p *piece) {
	n := l.n
	clear(s.counts)
	copy(s.alpha, p.start)
	s.logP = 0
	for t, x := range p.xs {
		v := s.alpha[(t+1)*n : (t+2)*n]
		c := forward(v, s.alpha[t*n:(t+1)*n], l.on(x))
		scale(v, 1/c)
		s.c[t] = c
		s.logP += math.Log(c)
	}
	b := s.first // β_t, while going back
	for i := range b {
		b[i] = 1
	}
	for t := len(p.xs) - 1; t >= 0; t-- {
		x := p.xs[t]
		alpha := s.alpha[t*n : (t+1)*n]
		for j := range b {
			s.beta[j] = b[j] / s.c[t]
		}
		backward(b, s.counts[int(x)*n*n:(int(x)+1)*n*n], alpha, l.on(x), s.beta)
	}
	for i := range b {
		b[i] *= s.alpha[i]
	}
}

// backward sets β_{t−1} = T^x w, with w = β_t/c_t, and adds α_{t−1} ⊗ w to the
// counts. Four rows at once keep the adders busy.
func backward(b, counts, alpha, m, w []float64) {
	n, i := len(w), 0
	for ; i+4 <= n; i += 4 {
		a0, a1, a2, a3 := alpha[i], alpha[i+1], alpha[i+2], alpha[i+3]
		r, c := m[i*n:(i+4)*n], counts[i*n:(i+4)*n]
		r0, r1, r2, r3 := r[:n], r[n:2*n], r[2*n:3*n], r[3*n:4*n]
		c0, c1, c2, c3 := c[:n], c[n:2*n], c[2*n:3*n], c[3*n:4*n]
		var s0, s1, s2, s3 float64
		for j, v := range w {
			c0[j] += float64(a0 * v)
			c1[j] += float64(a1 * v)
			c2[j] += float64(a2 * v)
			c3[j] += float64(a3 * v)
			s0 += float64(r0[j] * v)
			s1 += float64(r1[j] * v)
			s2 += float64(r2[j] * v)
			s3 += float64(r3[j] * v)
		}
		b[i], b[i+1], b[i+2], b[i+3] = s0, s1, s2, s3
	}
	for ; i < n; i++ {
		r, c, s := m[i*n:(i+1)*n], counts[i*n:(i+1)*n], 0.0
		for j, v := range w {
			c[j] += float64(alpha[i] * v)
			s += float64(r[j] * v)
		}
		b[i] = s
	}
}

// maximizeEdges is the M-step of form "edge".
func (c *climber) maximizeEdges() {
	n, each := c.n, 1/float64(c.a*c.n)
	left := make([]float64, n)
	for k, v := range c.total {
		left[k/n%n] += v
	}
	for k, v := range c.total {
		c.move[k] = (v + each) / (left[k/n%n] + 1)
	}
	c.weigh(left)
}

// weigh derives what follows from the rows: their sums, and what they weigh,
// which is this many transitions and the prior.
func (c *climber) weigh(left []float64) {
	for i, v := range left {
		c.unit[i] = v + 1
	}
	c.sum()
}

// maximizeStates is that of form "state".
func (c *climber) maximizeStates() {
	n := c.n
	left, to, emitted := make([]float64, n), make([]float64, n*n), make([]float64, n*c.a)
	for k, v := range c.total {
		i := k / n % n
		left[i] += v
		to[k%(n*n)] += v
		emitted[i*c.a+k/(n*n)] += v
	}
	for k := range c.move {
		i := k / n % n
		b := (emitted[i*c.a+k/(n*n)] + 1/float64(c.a)) / (left[i] + 1)
		c.move[k] = b * ((to[k%(n*n)] + 1/float64(n)) / (left[i] + 1))
	}
	c.weigh(left)
}

// settle gives the law the first belief it predicts with.
func (c *climber) settle() {
	weight := 1 / float64(1+c.data.documents)
	for i, p := range c.stationary() {
		c.start[i] = weight * p
		if c.data.documents > 0 {
			c.start[i] += float64(c.data.pieces[0].start[i] * float64(c.data.documents) * weight)
		}
	}
}

// stationary is π = πT, by squaring: the rows of T^(2^m) tend to it. T is
// positive, so it is unique.
func (l *law) stationary() []float64 {
	n := l.n
	pi, next := make([]float64, n), make([]float64, n)
	for i := range pi {
		pi[i] = 1 / float64(n)
	}
	power, square := slices.Clone(l.turn), make([]float64, n*n)
	for i, v := range l.left {
		scale(power[i*n:(i+1)*n], 1/v)
	}
	for range 40 {
		for i := range n {
			row := square[i*n : (i+1)*n]
			scale(row, 1/forward(row, power[i*n:(i+1)*n], power))
		}
		power, square = square, power
	}
	scale(next, 1/forward(next, pi, power))
	return next
}

// loss is the mean loss of the documents, predicted from their beginnings.
func (l *law) loss(s set) float64 {
	f, sum := newHMM(&model{law: l}, l.start), 0.0
	for _, p := range s.pieces {
		if p.first {
			f.Reset()
		}
		for _, x := range p.xs {
			sum -= math.Log2(f.Prob(x))
			f.Observe(x)
		}
	}
	return sum / float64(s.symbols)
}

// random is a law to begin with: symbols as frequent as in the data, every
// probability times a random factor of mean one. It weighs as much as a prior.
func (m *model) random(data set, restart int) *law {
	rng := rand.New(rand.NewPCG(m.seed, uint64(restart)))
	l := newLaw(m.a, m.n)
	often := make([]float64, m.a)
	for x := range often {
		often[x] = 1 / float64(m.a)
	}
	for _, p := range data.pieces {
		for _, x := range p.xs {
			often[x]++
		}
	}
	c := climber{law: l, total: make([]float64, len(l.move))}
	if m.edge {
		for k := range c.total {
			c.total[k] = often[k/(m.n*m.n)] * rng.ExpFloat64()
		}
		c.maximizeEdges()
		l.weighPrior()
		return l
	}
	emit, to := make([]float64, m.n*m.a), make([]float64, m.n*m.n)
	for k := range emit {
		emit[k] = often[k%m.a] * rng.ExpFloat64()
	}
	for k := range to {
		to[k] = rng.ExpFloat64()
	}
	for k := range c.total {
		c.total[k] = emit[k/m.n%m.n*m.a+k/(m.n*m.n)] * to[k%(m.n*m.n)]
	}
	c.maximizeStates()
	l.weighPrior()
	return l
}

// weighPrior makes each state weigh as much as the prior of weight one.
func (l *law) weighPrior() {
	for i := range l.unit {
		l.unit[i] = 1
	}
}

// sampleSize is how many symbols restarts are compared on: about as much work
// for any number of states.
func sampleSize(n int) int { return min(max(1<<22/(n*n), 1<<13), 1<<16) }

// screen finds a law to go on with.
func (m *model) screen(ctx context.Context, d predictors.Data, report func(predictors.Progress)) (*law, error) {
	sample := cut(d.Train, sampleSize(m.n))
	judges := cut(d.Valid, sampleSize(m.n))
	alive := make([]*climber, m.Restarts)
	for i := range alive {
		alive[i] = newClimber(m.random(sample, i), m.edge, sample)
	}
	all := slices.Clone(alive)
	defer func() {
		for _, c := range all {
			m.work += c.passed * m.perPass()
		}
	}()
	done, total := int64(0), int64(0)
	for n := m.Restarts; n > 1; n = (n + 1) / 2 {
		total++
	}
	for iterations := firstRound; len(alive) > 1; iterations *= 2 {
		errs := make([]error, len(alive))
		inParallel(len(alive), func(i int) { errs[i] = alive[i].run(ctx, iterations, m.Tolerance, judges) })
		for _, err := range errs {
			if err != nil {
				return nil, err
			}
		}
		slices.SortStableFunc(alive, func(a, b *climber) int {
			switch {
			case a.judged < b.judged:
				return -1
			case a.judged > b.judged:
				return 1
			}
			return 0
		})
		alive = alive[:(len(alive)+1)/2]
		done++
		report(predictors.Progress{Stage: "screen", Done: done, Total: total})
	}
	return alive[0].law, ctx.Err()
}

// run climbs for some iterations, or to the top, and judges the result.
func (c *climber) run(ctx context.Context, iterations int, tolerance float64, valid set) error {
	c.equip(1)
	defer func() { c.slots, c.total = nil, nil }() // there are many climbers
	last := math.Inf(1)
	for range iterations {
		if err := c.iterate(ctx); err != nil {
			return err
		}
		if last-c.bits < tolerance {
			break
		}
		last = c.bits
	}
	c.settle()
	c.judged = c.bits
	if valid.symbols > 0 {
		c.judged = c.loss(valid)
	}
	return nil
}

// climb trains l on the whole and makes it the model's law.
func (m *model) climb(ctx context.Context, l *law, whole, valid set, report func(predictors.Progress)) error {
	c := newClimber(l, m.edge, whole)
	c.equip(max(1, min(wave, waveNumbers/len(l.move))))
	best, least, since, last := (*law)(nil), math.Inf(1), 0, math.Inf(1)
	for n := 1; n <= m.Iterations; n++ {
		if err := c.iterate(ctx); err != nil {
			return err
		}
		c.settle()
		seen := int64(n) * int64(whole.symbols)
		at := predictors.Progress{Stage: "train", Done: int64(n), Total: int64(m.Iterations), Symbols: seen}
		at.Metric, at.Value = "train_bits", c.bits
		report(at)
		m.reached = c.bits
		if since++; valid.symbols > 0 {
			at.Metric, at.Value = "valid_bits", c.loss(valid)
			report(at)
			if at.Value < least {
				least, since, best = at.Value, 0, c.law.copyTo(best)
			}
		} else {
			since, best = 0, c.law
		}
		if last-c.bits < m.Tolerance || since == patience {
			break
		}
		last = c.bits
	}
	m.law = best
	m.work += c.passed * m.perPass()
	return ctx.Err()
}

// copyTo copies l into to, which is made if nil.
func (l *law) copyTo(to *law) *law {
	if to == nil {
		to = newLaw(l.a, l.n)
	}
	copy(to.move, l.move)
	copy(to.emit, l.emit)
	copy(to.turn, l.turn)
	copy(to.start, l.start)
	copy(to.unit, l.unit)
	copy(to.left, l.left)
	return to
}
