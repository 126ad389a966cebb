package metric

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"horizon/predictors"
)

// The corpus memory: the positions smoothed over are those of the training
// text. Not all of them are looked at: contexts lie in the order of their last
// symbol, then the one before and so on, so that those that end alike are
// neighbours, and a prediction takes those that share with it the longest
// ending that at least `candidates` of them do. The others are stood for by a
// sample; the share of the weight that the candidates have is measured ("recall").
//
// A prediction takes m look-ups a candidate, in time some ten times more than
// `candidates` of them; a training symbol takes 2m+2 bytes.

// A Corpus is a place in a sequence.
type Corpus struct {
	*corpusModel
	c     []symbol // [M], the last symbol first
	probs []float64
	rests mixed
	match int
	fresh bool
}

// corpusModel is what forks share.
type corpusModel struct {
	kind       string
	env        predictors.Env
	train      Training
	candidates int
	folds      int
	order      int
	shape      shape
	params     *params[float32]
	prior      *prior
	contexts   contexts
	chosen     choice
	found      found
	budget     predictors.Budget
	ops        float64
	shelf      shelf[*head[float32]]
}

// startNull is the score of falling back that training starts from, between
// that of a context that shares nothing and one that shares all.
const startNull = 6

// found is what a sample of the validation part, or of the training part,
// showed of predictions.
type found struct {
	Recall    float64 // share of the weight that the candidates have
	Effective float64 // geometric mean of n_eff
	Fallback  float64 // mean share of q0
	Looked    float64 // candidates a prediction
}

// contexts are those of the training symbols, sorted.
type contexts struct {
	lags    [][]symbol // [M][n]
	next    []symbol   // [n]
	lengths []float32  // [n] squared lengths of keys ("gaussian")
}

func newCorpus(kind string, s shape, candidates, folds, order int, t Training, env predictors.Env) *Corpus {
	m := &corpusModel{kind: kind, env: env, train: t, candidates: candidates, folds: folds, order: order, shape: s}
	m.params = newParams[float32](s)
	m.params.initialize(env.Seed, 1, startNull)
	m.prior = newPrior(nil, env.Alphabet, order)
	m.contexts.lags = make([][]symbol, s.M)
	m.shelf.fresh = func() *head[float32] { return newHead[float32](s) }
	p := &Corpus{corpusModel: m, c: make([]symbol, s.M)}
	p.Reset()
	return p
}

// Alphabet is A.
func (p *Corpus) Alphabet() int { return p.shape.A }

// Reset goes back to the empty context.
func (p *Corpus) Reset() {
	for l := range p.c {
		p.c[l] = symbol(p.shape.A)
	}
	p.fresh = false
}

// Observe moves the context on.
func (p *Corpus) Observe(x symbol) {
	if int(x) >= p.shape.A {
		panic(fmt.Sprintf("%s: symbol = %d, want < %d", p.kind, x, p.shape.A))
	}
	copy(p.c[1:], p.c)
	p.c[0] = x
	p.fresh = false
}

// Fork returns a predictor at the same place that shares memory and
// parameters.
func (p *Corpus) Fork() predictors.Predictor {
	return &Corpus{corpusModel: p.corpusModel, c: slices.Clone(p.c)}
}

// State is the last m symbols.
func (p *Corpus) State(b []byte) []byte {
	for _, x := range p.c {
		b = binary.LittleEndian.AppendUint16(b, x)
	}
	return b
}

// Predict sets q to the smoothed law.
func (p *Corpus) Predict(q []float64) {
	p.refresh()
	copy(q, p.probs)
}

// Prob is Predict for one symbol.
func (p *Corpus) Prob(x symbol) float64 {
	p.refresh()
	return p.probs[x]
}

func (p *Corpus) refresh() {
	if p.fresh {
		return
	}
	if p.probs == nil {
		p.probs = make([]float64, p.shape.A)
	}
	h := p.shelf.take()
	r := p.contexts.find(p.c, p.candidates)
	p.match = r.match
	if none := slices.Index(p.c, symbol(p.shape.A)); none >= 0 { // what is before a document is no match
		p.match = min(p.match, none)
	}
	p.lower(h, p.probs, p.c)
	p.outside(h, p.c, r)
	s := append(p.score(h, p.c, r.low, r.high), h.farScores...)
	h.s = s[:0]
	next := append(append(h.next[:0], p.contexts.next[r.low:r.high]...), h.farNext...)
	h.next = next
	p.rests = mix(p.probs, s, next, float64(p.params.null[0]))
	p.shelf.put(h)
	p.fresh = true
}

// lower sets q to q0 in the context c, the last symbol first.
func (m *corpusModel) lower(h *head[float32], q []float64, c []symbol) {
	h.c = h.c[:0]
	for l := min(m.prior.order(), len(c)) - 1; l >= 0; l-- {
		h.c = append(h.c, c[l])
	}
	m.prior.law(q, known(h.c, m.shape.A, m.prior.order()))
}

// score returns log K of the contexts from low to before high.
func (m *corpusModel) score(h *head[float32], c []symbol, low, high int) []float32 {
	for l, xs := range m.contexts.lags {
		h.lagView[l] = xs[low:high]
	}
	var lengths []float32
	if len(m.contexts.lengths) > 0 {
		lengths = m.contexts.lengths[low:high]
	}
	return h.scores(m.params, c, h.lagView, high-low, 0, lengths)
}

// sampleOutside is how many of the contexts that are no candidates stand for
// all of them.
const sampleOutside = 512

// outside scores contexts at equal steps through those outside r, each for as
// many as it stands for. Without them a symbol that no candidate has would be
// left with next to nothing.
func (m *corpusModel) outside(h *head[float32], c []symbol, r reach) {
	h.farNext, h.farScores = h.farNext[:0], h.farScores[:0]
	out := len(m.contexts.next) - (r.high - r.low)
	if out == 0 {
		return
	}
	if h.far == nil {
		h.far = make([][]symbol, m.shape.M)
	}
	for l := range h.far {
		h.far[l] = h.far[l][:0]
	}
	every := max(1, float64(out)/sampleOutside)
	for at := every / 2; at < float64(out); at += every {
		i := int(at)
		if i >= r.low {
			i += r.high - r.low
		}
		for l := range h.far {
			h.far[l] = append(h.far[l], m.contexts.lags[l][i])
		}
		h.farNext = append(h.farNext, m.contexts.next[i])
	}
	for _, v := range h.scores(m.params, c, h.far, len(h.farNext), 0, nil) {
		h.farScores = append(h.farScores, v+float32(math.Log(every)))
	}
}

// A reach is the contexts that share an ending: those from low to before high
// are the candidates, and match is the length of the longest ending that any
// shares.
type reach struct{ low, high, match int }

// find narrows the contexts down lag by lag while at least want are left; 0
// wants all.
func (m *contexts) find(c []symbol, want int) reach {
	r := reach{high: len(m.next)}
	low, high := r.low, r.high
	for l, x := range c {
		low, high = narrow(m.lags[l], low, high, x)
		if low == high {
			break
		}
		r.match = l + 1
		if want > 0 && high-low >= want {
			r.low, r.high = low, high
		}
	}
	return r
}

// narrow finds x in the sorted stretch from low to before high of xs.
func narrow(xs []symbol, low, high int, x symbol) (int, int) {
	i, _ := slices.BinarySearch(xs[low:high], x)
	j, _ := slices.BinarySearch(xs[low+i:high], x+1)
	return low + i, low + i + j
}

// Evidence is of the present prediction.
func (p *Corpus) Evidence() predictors.Evidence {
	p.refresh()
	return predictors.Evidence{Match: float64(p.match), Effective: p.rests.effective, Fallback: p.rests.fallback}
}

// Ops counts, as measured on a sample, the candidates' look-ups, additions and
// exponentials; training three times that.
func (p *Corpus) Ops() (train, perSymbol float64) {
	return p.ops, p.found.Looked*(2*float64(p.shape.M)+4) + p.shape.tableOps() + float64(p.shape.A)
}

// SetBudget bounds the next training: of bytes, by forgetting the oldest
// contexts.
func (p *Corpus) SetBudget(b predictors.Budget) error {
	p.budget = b
	return predictors.FixedBytes(p.kind, 4*int64(len(p.params.flat)+len(p.params.vectors)), b)
}

// Fit remembers the training part and learns the metric on it: symbols drawn
// at random are predicted from the contexts outside their own of as many
// contiguous folds (Burman, Chow & Nolan 1994).
func (p *Corpus) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if report == nil {
		report = func(predictors.Progress) {}
	}
	defer func() { p.budget = predictors.Budget{} }() // it was for this training
	start := time.Now()
	if err := checkSymbols(p.kind, p.shape.A, d); err != nil {
		return err
	}
	p.params.initialize(p.env.Seed, 1, startNull)
	p.params.learnVectors(d.Train, p.env.Seed)
	p.prior = newPrior(d.Train, p.shape.A, p.order)
	p.chosen, p.found, p.ops = choice{}, found{}, 0
	p.contexts = contexts{lags: make([][]symbol, p.shape.M)}
	p.Reset()
	keep, err := p.affordable(d.Symbols())
	if err != nil || d.Symbols() == 0 {
		return err
	}
	b := newCorpusBatch(p.corpusModel, d.Train, keep)
	if err := ctx.Err(); err != nil {
		return err
	}
	t := trainer{Training: &p.train, p: p.params, chosen: &p.chosen, budget: p.budget, ops: &p.ops, start: start, batch: b.batch,
		look: func() (float64, bool) {
			p.measureLengths()
			return predictors.SampleLoss(p, d.Valid, p.lookSize())
		}}
	if err := t.run(ctx, p.env.Seed, report); err != nil {
		return fmt.Errorf("%s: %w", p.kind, err)
	}
	p.measureLengths()
	p.take(d)
	p.Reset()
	return ctx.Err()
}

// lookSize is how many validation symbols a look is measured on: fewer where
// each is compared with all contexts, so that looks do not outweigh training.
func (p *Corpus) lookSize() int {
	const lookUps = 1e9
	if p.candidates > 0 {
		return validSample
	}
	return min(validSample, max(validSample/8, lookUps/(p.shape.M*len(p.contexts.next))))
}

// affordable is how many contexts the budget has room for.
func (p *Corpus) affordable(n int) (int, error) {
	if p.budget.ModelBytes == 0 {
		return n, nil
	}
	each := int64(2*p.shape.M + 2)
	if p.shape.gaussian {
		each += 4
	}
	left := (p.budget.ModelBytes - p.Bytes()) / each
	if left < 1 {
		return 0, overBudget(p.budget, "parameters and q0", p.Bytes())
	}
	return int(min(left, int64(n))), nil
}

// measureLengths sets the squared lengths of the keys, which do not change
// once training is over.
func (m *corpusModel) measureLengths() {
	if !m.shape.gaussian {
		return
	}
	n := len(m.contexts.next)
	m.contexts.lengths = slices.Grow(m.contexts.lengths[:0], n)[:n]
	h := newHead[float32](m.shape)
	for i := range n {
		h.keyAt(m.params, m.contexts.lags, i)
		m.contexts.lengths[i] = square(h.k)
	}
}

// sampled is how many predictions recall and n_eff are measured on, of all
// contexts.
const sampled = 100

// take measures what the predictions of a sample rest on.
func (p *Corpus) take(d predictors.Data) {
	docs := d.Valid
	if (predictors.Data{Train: docs}).Symbols() == 0 {
		docs = d.Train
	}
	n := (predictors.Data{Train: docs}).Symbols()
	every, at, count := max(1, n/sampled), 0, 0.0
	f, h := p.Fork().(*Corpus), newHead[float32](p.shape)
	logs := 0.0
	for _, doc := range docs {
		f.Reset()
		for _, x := range doc {
			if at++; at%every == 0 {
				f.refresh()
				r := p.contexts.find(f.c, p.candidates)
				all := p.score(h, f.c, 0, len(p.contexts.next))
				p.found.Recall += share(all, r.low, r.high)
				logs += math.Log(max(f.rests.effective, 1))
				p.found.Fallback += f.rests.fallback
				p.found.Looked += float64(r.high - r.low)
				count++
			}
			f.Observe(x)
		}
	}
	p.found.Recall /= count
	p.found.Fallback /= count
	p.found.Looked /= count
	p.found.Effective = math.Exp(logs / count)
}

// share is the part of Σ exp s that lies from low to before high.
func share(s []float32, low, high int) float64 {
	if len(s) == 0 {
		return 1
	}
	top, all, part := slices.Max(s), 0.0, 0.0
	for i, v := range s {
		w := math.Exp(float64(v - top))
		all += w
		if low <= i && i < high {
			part += w
		}
	}
	return part / all
}

// A corpusBatch computes gradients of symbols drawn from the training part.
type corpusBatch struct {
	*corpusModel
	text    []symbol // documents, each behind M missing symbols
	targets []uint32 // places in text of the symbols remembered
	q0      []float32
	ordinal []uint32 // [n] of each context in order, which target it is
	head    *head[float32]

	lags [][]symbol // [M][k] the contexts of a target
	next []symbol   // [k]
	bias []float32  // [k]
	c    []symbol
}

// newCorpusBatch makes the memory, of the last keep symbols, and what training
// needs besides.
func newCorpusBatch(m *corpusModel, docs [][]symbol, keep int) *corpusBatch {
	b := &corpusBatch{corpusModel: m, head: newHead[float32](m.shape), lags: make([][]symbol, m.shape.M), c: make([]symbol, m.shape.M)}
	skip := (predictors.Data{Train: docs}).Symbols() - keep
	for _, doc := range docs {
		for range m.shape.M {
			b.text = append(b.text, symbol(m.shape.A))
		}
		for i, x := range doc {
			if skip--; skip < 0 {
				b.targets = append(b.targets, uint32(len(b.text)))
				b.q0 = append(b.q0, float32(m.prior.without(doc[max(0, i-m.prior.order()):i], x)))
			}
			b.text = append(b.text, x)
		}
	}
	b.sort()
	return b
}

func (b *corpusBatch) sort() {
	M := b.shape.M
	b.ordinal = make([]uint32, len(b.targets))
	for i := range b.ordinal {
		b.ordinal[i] = uint32(i)
	}
	slices.SortFunc(b.ordinal, func(i, j uint32) int {
		p, q := b.targets[i], b.targets[j]
		for l := 1; l <= M; l++ {
			if x, y := b.text[p-uint32(l)], b.text[q-uint32(l)]; x != y {
				return int(x) - int(y)
			}
		}
		return int(i) - int(j)
	})
	n := len(b.ordinal)
	b.contexts = contexts{lags: make([][]symbol, M), next: make([]symbol, n)}
	for l := range b.contexts.lags {
		xs := make([]symbol, n)
		for i, o := range b.ordinal {
			xs[i] = b.text[b.targets[o]-uint32(l)-1]
		}
		b.contexts.lags[l] = xs
	}
	for i, o := range b.ordinal {
		b.contexts.next[i] = b.text[b.targets[o]]
	}
}

func (b *corpusBatch) batch(d *params[float32], rng *rand.Rand) (nats float64, n int) {
	n = b.train.Batch
	for range n {
		t := b.draw(rng)
		b.ops += 3 * (float64(len(t.next))*(2*float64(b.shape.M)+4) + b.shape.tableOps())
		nats += b.head.gradient(b.params, d, t, 1/float32(n))
	}
	return nats, n
}

// draw chooses a symbol, and the contexts it is predicted from.
func (b *corpusBatch) draw(rng *rand.Rand) target[float32] {
	n := len(b.targets)
	o := rng.IntN(n)
	at := b.targets[o]
	for l := range b.c {
		b.c[l] = b.text[int(at)-1-l]
	}
	fold := o * b.folds / n // the smallest o of fold k has o·folds ≥ k·n
	first, last := (fold*n+b.folds-1)/b.folds, ((fold+1)*n+b.folds-1)/b.folds
	first, last = max(first-b.shape.M, 0), min(last+b.shape.M, n)
	b.gather(uint32(first), uint32(last), rng)
	return target[float32]{c: b.c, lags: b.lags, next: b.next, bias: b.bias, y: b.text[at], q0y: b.q0[o]}
}

// most bounds the contexts that a training symbol is predicted from.
const most = 4096

// gather lists contexts for b.c without the targets from first to before last:
// those of the longest ending that enough share, up to half of `most` of them,
// and as large a sample of those that share one symbol less, one less again
// and so on as there is room for, each for as many as it stands for. Unlike
// the candidates of a prediction these are from all contexts, so that what is
// learned does not depend on who the candidates are.
func (b *corpusBatch) gather(first, last uint32, rng *rand.Rand) {
	m := &b.contexts
	b.next, b.bias = b.next[:0], b.bias[:0]
	for l := range b.lags {
		b.lags[l] = b.lags[l][:0]
	}
	rings := []reach{{high: len(m.next)}}
	for l, x := range b.c {
		r := rings[len(rings)-1]
		if r.high-r.low <= most/2 {
			break
		}
		r.low, r.high = narrow(m.lags[l], r.low, r.high, x)
		rings = append(rings, r)
	}
	inner := rings[len(rings)-1]
	own := inner.high - inner.low
	if own > most/2 { // as many agree throughout
		own = most / 2
	}
	b.add(inner.low, inner.high, float64(inner.high-inner.low)/float64(max(own, 1)), first, last, rng)
	for i, r := range rings[:len(rings)-1] {
		in := rings[i+1]
		rest := (r.high - r.low) - (in.high - in.low)
		every := max(1, float64(rest*(len(rings)-1))/float64(most-own))
		b.add(r.low, in.low, every, first, last, rng)
		b.add(in.high, r.high, every, first, last, rng)
	}
}

// add takes one in every contexts from low to before high.
func (b *corpusBatch) add(low, high int, every float64, first, last uint32, rng *rand.Rand) {
	if every = max(every, 1); low == high {
		return
	}
	bias := float32(math.Log(every))
	start := float64(low)
	if every > 1 {
		start += rng.Float64() * every
	}
	for at := start; at < float64(high); at += every {
		i := int(at)
		if o := b.ordinal[i]; first <= o && o < last {
			continue
		}
		for l := range b.lags {
			b.lags[l] = append(b.lags[l], b.contexts.lags[l][i])
		}
		b.next, b.bias = append(b.next, b.contexts.next[i]), append(b.bias, bias)
	}
}

// Bytes are contexts, parameters, vectors and q0.
func (p *Corpus) Bytes() int64 {
	n := 2*cap(p.contexts.next) + 4*cap(p.contexts.lengths)
	for _, xs := range p.contexts.lags {
		n += 2 * cap(xs)
	}
	return int64(n) + 4*int64(cap(p.params.flat)+cap(p.params.vectors)) + p.prior.bytes()
}

// Describe reports β_l, α, the step that was kept and valid_bits there, and of
// a sample of predictions recall, n_eff, the share of falling back and the
// candidates looked at.
func (p *Corpus) Describe() map[string]float64 {
	out := map[string]float64{"step": p.chosen.Step}
	p.params.describe(out)
	if p.chosen.ValidBits > 0 {
		out["valid_bits"] = p.chosen.ValidBits
	}
	if p.found.Looked > 0 {
		out["recall"], out["n_eff"], out["fallback"], out["candidates"] = p.found.Recall, p.found.Effective, p.found.Fallback, p.found.Looked
	}
	return out
}

// WriteTo writes memory, parameters and q0.
func (p *Corpus) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, p.fields) }

// ReadFrom reads what WriteTo wrote; after an error p is as it was.
func (p *Corpus) ReadFrom(r io.Reader) (int64, error) {
	fresh := newCorpus(p.kind, p.shape, p.candidates, p.folds, p.order, p.train, p.env)
	n, err := predictors.ReadArchive(r, fresh.fields)
	if err == nil {
		p.params, p.prior, p.contexts = fresh.params, fresh.prior, fresh.contexts
		p.chosen, p.found = fresh.chosen, fresh.found
		p.Reset()
	}
	return n, err
}

func (p *Corpus) fields(a *predictors.Archive) {
	p.params.fields(a)
	p.prior.fields(a)
	predictors.Slice(a, &p.contexts.next)
	for l := range p.contexts.lags {
		predictors.Slice(a, &p.contexts.lags[l])
	}
	for _, v := range []*float64{&p.chosen.Step, &p.chosen.ValidBits, &p.found.Recall, &p.found.Effective, &p.found.Fallback, &p.found.Looked} {
		predictors.Value(a, v)
	}
	if a.Reading() && a.Err() == nil {
		if err := p.contexts.valid(p.shape.A); err != nil {
			a.Fail(err)
		}
		p.measureLengths()
	}
}

// valid checks what has been read.
func (m *contexts) valid(a int) error {
	for l, xs := range m.lags {
		if len(xs) != len(m.next) {
			return fmt.Errorf("contexts: %d symbols at lag %d, want %d", len(xs), l+1, len(m.next))
		}
		for _, x := range xs {
			if int(x) > a {
				return fmt.Errorf("contexts: symbol = %d, want ≤ %d", x, a)
			}
		}
	}
	for _, y := range m.next {
		if int(y) >= a {
			return fmt.Errorf("contexts: symbol = %d, want < %d", y, a)
		}
	}
	return nil
}
