package corpus

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"horizon/predictors"
	"horizon/predictors/kernel"
	"horizon/predictors/kernel/corpus/agree"
)

// Smoother is the predictor.
type Smoother struct {
	*model
	past past
	q0   predictors.Predictor // at the same place
}

// A model is what forks share.
type model struct {
	c      Config
	a      int
	seed   uint64
	budget predictors.Budget
	lower  *kernel.NadarayaWatson
	choice choice
	text   *text
	metric metric
	fast   *lagCosts // the metric, if it compares bytes
	shape  shape
	bucket *buckets
	recent []float32 // g_i, or nil

	trainOps, recall, bits, effective float64

	mu   sync.Mutex
	free []*scratch
}

// A choice is what tuning chooses.
type choice struct {
	rho, h, alpha float64
	beta          []float64 // of "product", at j−1
	vectors       []float32 // e, of embeddings
}

// startChoice are the fixed values, or what text is likely to choose.
func (m *model) startChoice() choice {
	or := func(v, start float64) float64 {
		if v > 0 {
			return v
		}
		return start
	}
	ch := choice{rho: or(m.c.Rho, 0.7), h: or(m.c.Bandwidth, 0.5), alpha: or(m.c.Alpha, 10)}
	if m.c.Kernel == "product" {
		for j := range m.c.Lags {
			ch.beta = append(ch.beta, math.Pow(ch.rho, float64(j)))
		}
	}
	return ch
}

// scratch is that of a prediction.
type scratch struct {
	past    past
	base    float64
	query   agree.Query
	near    []uint64
	cost    []byte
	d2      []float32
	all     []float32 // d² of all contexts, for neighbours
	table   []float32
	phi     []float32
	norm    float32
	context []Symbol
	suffix  []Symbol
	self    float64
	meets   []float64
	prefix  []float64
	q       []float64
	weights [256]float64
	found   []weighted // for evidence and recall
}

// weighted is a context and its weight.
type weighted struct {
	i int
	w float64
}

// chunk is how many contexts are compared at a time: the distances stay in the
// nearest cache.
const chunk = 4096

func (m *model) take() *scratch {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.free); n > 0 {
		s := m.free[n-1]
		m.free = m.free[:n-1]
		return s
	}
	return &scratch{near: make([]uint64, chunk/64), cost: make([]byte, chunk), d2: make([]float32, chunk), q: make([]float64, m.a)}
}

func (m *model) put(s *scratch) {
	m.mu.Lock()
	m.free = append(m.free, s)
	m.mu.Unlock()
}

// build makes everything that follows from text and choice.
func (m *model) build() error {
	if m.text == nil {
		m.text = newText(nil, m.c.Lags, 0)
	}
	if m.a <= 256 && m.c.Embedding == "one-hot" && !m.c.Mixing && m.text.bytes == nil {
		m.text.pack()
	}
	m.shape = shapeOf(m.c.Kernel)
	m.metric = m.newMetric()
	m.fast = nil
	if l, ok := m.metric.(*lagCosts); ok && l.unit > 0 {
		m.fast = l
	}
	m.bucket = nil
	if m.c.Search == "bucket" {
		m.bucket = newBuckets(m.text, m.c.Lags, m.c.Bucket)
	}
	m.recent = nil
	if m.c.Tau > 0 {
		m.recent = make([]float32, m.text.n)
		age := 0.0
		for i := m.text.n - 1; i >= 0; i-- {
			if m.text.room[i] > 0 {
				m.recent[i] = float32(math.Exp(-age / m.c.Tau))
				age++
			}
		}
	}
	return nil
}

// newMetric is the metric of the embedding.
func (m *model) newMetric() metric {
	c, ch, t := &m.c, &m.choice, m.text
	limit := reach(c.Kernel, c.Cut) * ch.h * ch.h
	if c.Adaptive {
		limit = math.Inf(1)
	}
	switch {
	case c.Kernel == "product":
		return newLagCosts(t, slices.Clone(ch.beta), false, limit)
	case c.Kernel == "suffix":
		return newLagCosts(t, slices.Repeat([]float64{1}, c.Lags), true, limit)
	case c.Embedding == "one-hot" && !c.Mixing:
		return newLagCosts(t, powers(ch.rho, c.Lags), false, limit)
	case c.Embedding == "spectrum":
		return newKmers(t, m.a, c.Lags, c.K, 0)
	case c.Embedding == "mismatch":
		return newKmers(t, m.a, c.Lags, c.K, c.Errors)
	case c.Embedding == "subsequence":
		return newSubsequences(t, c.Lags, c.K, c.Decay)
	}
	if ch.vectors == nil {
		ch.vectors = m.embed()
	}
	if !c.Mixing {
		return newLagTables(t, ch.vectors, m.a, c.Lags, ch.rho)
	}
	rng := rand.New(rand.NewPCG(m.seed, 0x726f74))
	turns := make([][]float32, c.Lags)
	for j := range turns {
		turns[j] = rotation(len(ch.vectors)/m.a, rng)
	}
	return newVectors(t, ch.vectors, turns, m.a, c.Lags, ch.rho, c.Kernel == "dot")
}

func (m *model) embed() []float32 {
	switch m.c.Embedding {
	case "ppmi":
		return ppmiVectors(m.text, m.a, m.c.Dimension, m.c.Window)
	case "random":
		return randomVectors(m.a, m.c.Dimension, rand.New(rand.NewPCG(m.seed, 0x656d62)))
	}
	return oneHot(m.a)
}

// powers are ρ^{2(j−1)}.
func powers(rho float64, lags int) []float64 {
	out := make([]float64, lags)
	for j := range out {
		out[j] = math.Pow(rho, 2*float64(j))
	}
	return out
}

// predict mixes q, which holds q0, with the contexts, for horizon k, and returns
// α and Σ w. With keep it lists the weights in s.found.
func (m *model) predict(s *scratch, q []float64, c *past, k int, keep bool) (alpha, sum float64) {
	s.found = s.found[:0]
	clear(s.q)
	m.metric.open(s, c)
	add := func(i int, w float64) {
		if int(m.text.room[i]) < k || w == 0 {
			return
		}
		if m.recent != nil {
			w *= float64(m.recent[i])
		}
		sum += w
		s.q[m.text.symbols[i+m.c.Lags-1+k]] += w
		if keep {
			s.found = append(s.found, weighted{i, w})
		}
	}
	m.search(s, c, k, add)
	alpha = m.choice.alpha
	for y := range q {
		q[y] = (alpha*q[y] + s.q[y]) / (alpha + sum)
	}
	return alpha, sum
}

// search calls add for every context of weight, before recency.
func (m *model) search(s *scratch, c *past, k int, add func(i int, w float64)) {
	h2 := m.choice.h * m.choice.h
	switch {
	case m.bucket != nil:
		m.searchBucket(s, c, k, add)
	case m.c.Neighbours > 0:
		last := m.neighbour(s, k)
		if m.c.Adaptive {
			h2 = last
		}
		m.each(s, float32(last), h2, add)
	case m.fast != nil:
		m.scan(s, h2, add)
	default:
		m.each(s, float32(m.limit(h2)), h2, add)
	}
}

// limit is the largest d² of weight.
func (m *model) limit(h2 float64) float64 { return reach(m.c.Kernel, m.c.Cut) * h2 }

// weight is K.
func (m *model) weight(d2, h2 float64) float64 {
	switch {
	case d2 <= 0:
		return 1
	case h2 <= 0 || d2 > m.limit(h2):
		return 0
	}
	return m.shape(d2 / h2)
}

// scan goes through byte costs: of most blocks it sees a word that says
// nothing is near.
func (m *model) scan(s *scratch, h2 float64, add func(i int, w float64)) {
	limit := 0
	for c := range s.weights {
		s.weights[c] = m.weight(float64(float32(float64(c)*m.fast.unit)), h2)
		if s.weights[c] > 0 && c <= 250 {
			limit = c
		}
	}
	for lo := 0; lo < m.text.n; lo += chunk {
		n := min(chunk, m.text.n-lo)
		near, cost := s.near[:n/64], s.cost[:n]
		m.fast.scan(s, near, cost, lo, byte(limit))
		for w, word := range near {
			for ; word != 0; word &= word - 1 {
				at := w*64 + trailing(word)
				add(lo+at, s.weights[cost[at]])
			}
		}
	}
}

// each goes through all distances up to limit.
func (m *model) each(s *scratch, limit float32, h2 float64, add func(i int, w float64)) {
	for lo := 0; lo < m.text.n; lo += chunk {
		d2 := s.d2[:min(chunk, m.text.n-lo)]
		if m.c.Neighbours > 0 {
			d2 = s.all[lo : lo+len(d2)]
		} else {
			m.metric.block(s, d2, lo)
		}
		for i, d := range d2 {
			if d <= limit {
				add(lo+i, m.weight(float64(d), h2))
			}
		}
	}
}

// neighbour fills s.all and returns the squared distance of the last neighbour.
func (m *model) neighbour(s *scratch, k int) float64 {
	s.all = append(s.all[:0], make([]float32, m.text.n)...)
	for lo := 0; lo < m.text.n; lo += chunk {
		m.metric.block(s, s.all[lo:min(lo+chunk, m.text.n)], lo)
	}
	near := make([]float32, 0, m.text.n)
	for i, d := range s.all {
		if int(m.text.room[i]) >= k {
			near = append(near, d)
		}
	}
	return float64(nth(near, m.c.Neighbours))
}

// nth returns the n-th smallest number, or the largest (Hoare 1961). It
// reorders xs.
func nth(xs []float32, n int) float32 {
	if len(xs) == 0 {
		return 0
	}
	n = min(n, len(xs)) - 1
	for lo, hi := 0, len(xs)-1; ; {
		pivot, i, j := xs[lo+(hi-lo)/2], lo, hi
		for i <= j {
			for xs[i] < pivot {
				i++
			}
			for xs[j] > pivot {
				j--
			}
			if i <= j {
				xs[i], xs[j] = xs[j], xs[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j:
			hi = j
		case n >= i:
			lo = i
		default:
			return xs[n]
		}
	}
}

// searchBucket looks only at the contexts of a bucket.
func (m *model) searchBucket(s *scratch, c *past, k int, add func(i int, w float64)) {
	h2 := m.choice.h * m.choice.h
	ids := m.bucket.of(s, c)
	s.all = s.all[:0]
	for _, i := range ids {
		s.all = append(s.all, m.metric.one(s, int(i)))
	}
	limit := m.limit(h2)
	if m.c.Neighbours > 0 {
		near := make([]float32, 0, len(ids))
		for n, i := range ids {
			if int(m.text.room[i]) >= k {
				near = append(near, s.all[n])
			}
		}
		last := float64(nth(near, m.c.Neighbours))
		limit = last
		if m.c.Adaptive {
			h2 = last
		}
	}
	for n, i := range ids {
		if d := float64(s.all[n]); d <= limit {
			add(int(i), m.weight(d, h2))
		}
	}
}

// Alphabet is A.
func (p *Smoother) Alphabet() int { return p.a }

// Reset goes back to the empty context.
func (p *Smoother) Reset() {
	p.past = past{}
	p.q0.Reset()
}

// Observe moves the context on.
func (p *Smoother) Observe(x Symbol) {
	p.q0.Observe(x) // checks x
	p.past.push(x, p.c.Lags)
}

// Fork returns a predictor at the same place that shares the model.
func (p *Smoother) Fork() predictors.Predictor {
	return &Smoother{model: p.model, past: p.past, q0: p.q0.Fork()}
}

// Predict sets q to q(·; c).
func (p *Smoother) Predict(q []float64) {
	p.q0.Predict(q)
	s := p.take()
	p.predict(s, q, &p.past, 1, false)
	p.put(s)
}

// PredictDirect answers the direct horizons.
func (p *Smoother) PredictDirect(q []float64, k int) bool {
	if !p.q0.(predictors.DirectForecaster).PredictDirect(q, k) {
		return false
	}
	s := p.take()
	p.predict(s, q, &p.past, k, false)
	p.put(s)
	return true
}

// State is the last symbols, as many as are looked at.
func (p *Smoother) State(b []byte) []byte {
	for _, x := range p.past.symbols[:p.past.known] {
		b = binary.LittleEndian.AppendUint16(b, x)
	}
	return p.q0.(predictors.Stater).State(b)
}

// Evidence is that of the contexts with weight.
func (p *Smoother) Evidence() predictors.Evidence {
	s := p.take()
	defer p.put(s)
	q := make([]float64, p.a)
	alpha, sum := p.predict(s, q, &p.past, 1, true)
	e := predictors.Evidence{Fallback: alpha / (alpha + sum)}
	squares := 0.0
	for _, f := range s.found {
		squares += f.w * f.w
		run := 0
		for run < p.past.known && p.text.symbols[f.i+p.c.Lags-1-run] == p.past.symbols[run] {
			run++
		}
		e.Match = max(e.Match, float64(run))
	}
	if squares > 0 {
		e.Effective = sum * sum / squares
	}
	return e
}

// Describe reports what tuning chose: bandwidth, alpha, rho, beta_j of the
// product kernel with lambda_j = e^{−β_j} (Li and Racine's), in nats with the
// bandwidth in them; cv_bits and n_eff on the tuning positions; recall, the
// share of the weight that a search by bucket finds; and what q0 chose, as
// q0_….
func (p *Smoother) Describe() map[string]float64 {
	ch := &p.choice
	out := map[string]float64{"bandwidth": ch.h, "alpha": ch.alpha, "contexts": float64(p.text.count)}
	if p.c.Kernel != "product" && p.c.Kernel != "suffix" && !p.c.stringy() {
		out["rho"] = ch.rho
	}
	for j, cost := range p.lagWeights() {
		out[fmt.Sprintf("beta_%d", j+1)] = cost
		out[fmt.Sprintf("lambda_%d", j+1)] = math.Exp(-cost)
	}
	for name, v := range map[string]float64{"cv_bits": p.bits, "n_eff": p.effective, "recall": p.recall} {
		if v > 0 {
			out[name] = v
		}
	}
	for name, v := range p.lower.Describe() {
		out["q0_"+name] = v
	}
	return out
}

// lagWeights are what differing at each lag costs, in nats, where that has a
// meaning.
func (p *Smoother) lagWeights() []float64 {
	l, ok := p.metric.(*lagCosts)
	if !ok || l.sticky || p.c.Adaptive {
		return nil
	}
	out := slices.Clone(l.cost)
	scale := 1 / (p.choice.h * p.choice.h)
	if p.c.Kernel == "gaussian" || p.c.Kernel == "dot" {
		scale /= 2
	} else if p.c.Kernel != "product" {
		return nil
	}
	for j := range out {
		out[j] *= scale
	}
	return out
}

// Bytes counts the text, what the metric and the buckets hold, and q0.
func (p *Smoother) Bytes() int64 {
	t := p.text
	return 2*int64(cap(t.symbols)+cap(t.room)) + int64(cap(t.bytes)) + p.metric.bytes() + p.bucket.bytes() +
		4*int64(cap(p.recent)) + 8*int64(cap(p.choice.beta)) + p.lower.Bytes()
}

// WriteTo writes the text and the choice; the rest follows from them.
func (p *Smoother) WriteTo(w io.Writer) (int64, error) {
	n, err := predictors.WriteArchive(w, p.fields)
	if err != nil {
		return n, err
	}
	n2, err := p.lower.WriteTo(w)
	return n + n2, err
}

// ReadFrom reads what WriteTo wrote; after an error p is as it was.
func (p *Smoother) ReadFrom(r io.Reader) (int64, error) {
	made, err := p.c.New(predictors.Env{Alphabet: p.a, Seed: p.seed})
	if err != nil {
		return 0, err
	}
	fresh := made.(*Smoother)
	n, err := predictors.ReadArchive(r, fresh.fields)
	if err != nil {
		return n, err
	}
	n2, err := fresh.lower.ReadFrom(r)
	if err == nil {
		p.model.become(fresh.model)
		p.q0 = p.lower
		p.Reset()
	}
	return n + n2, err
}

// become takes over what has been learnt by another model of the same Config.
func (m *model) become(o *model) {
	m.lower, m.choice, m.text, m.metric, m.fast, m.shape, m.bucket, m.recent = o.lower, o.choice, o.text, o.metric, o.fast, o.shape, o.bucket, o.recent
	m.trainOps, m.recall, m.bits, m.effective = o.trainOps, o.recall, o.bits, o.effective
}

func (p *Smoother) fields(a *predictors.Archive) {
	m := p.model
	t, ch := m.text, &m.choice
	predictors.Slice(a, &t.symbols)
	predictors.Slice(a, &t.room)
	predictors.Slice(a, &ch.beta)
	predictors.Slice(a, &ch.vectors)
	for _, v := range []*float64{&ch.rho, &ch.h, &ch.alpha, &m.trainOps, &m.recall, &m.bits, &m.effective} {
		predictors.Value(a, v)
	}
	if a.Reading() && a.Err() == nil {
		if err := m.restore(); err != nil {
			a.Fail(fmt.Errorf("kernel-smoother: %w", err))
		}
	}
}

// restore checks what has been read and builds the rest.
func (m *model) restore() error {
	t, ch := m.text, &m.choice
	if len(t.room)%agree.Block != 0 || len(t.symbols) != len(t.room)+m.c.Lags-1 {
		return fmt.Errorf("text of %d symbols, %d contexts", len(t.symbols), len(t.room))
	}
	for i, x := range t.symbols {
		if int(x) >= m.a {
			return fmt.Errorf("symbol = %d, want < %d", x, m.a)
		}
		if i < len(t.room) && t.room[i] > 0 && i+m.c.Lags+int(t.room[i]) > len(t.symbols) {
			return fmt.Errorf("context %d: room = %d, beyond the text", i, t.room[i])
		}
	}
	for _, v := range append([]float64{ch.rho, ch.h, ch.alpha}, ch.beta...) {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("choice = %v, want ≥ 0", v)
		}
	}
	if ch.alpha == 0 || ch.h == 0 || ch.rho == 0 {
		return fmt.Errorf("rho, h, alpha = %v, %v, %v, want > 0", ch.rho, ch.h, ch.alpha)
	}
	if want := m.startChoice().beta; len(ch.beta) != len(want) {
		return fmt.Errorf("weights of %d lags, want %d", len(ch.beta), len(want))
	}
	if n := len(ch.vectors); n%m.a != 0 || n > 0 && m.c.Embedding != "one-hot" && n != m.a*m.c.Dimension {
		return fmt.Errorf("vectors of %d numbers for %d symbols", n, m.a)
	}
	if len(ch.vectors) == 0 {
		ch.vectors = nil
	}
	for _, v := range ch.vectors {
		if v != v || math.Abs(float64(v)) > 1e6 {
			return fmt.Errorf("vector of %v", v)
		}
	}
	*t = text{symbols: t.symbols, room: t.room}
	t.pad(m.c.Lags)
	return m.build()
}
