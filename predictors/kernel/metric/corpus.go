package metric

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"horizon/predictors"
	"horizon/predictors/kernel/corpus/agree"
)

// The corpus memory: the positions smoothed over are those of the training
// text. Contexts lie in the order of their last symbol, then the one before and
// so on, so that those that end alike are neighbours. With candidates = 0 all of
// them are looked at, those that end alike together: exactly with tolerance = 0
// (tree.go, 2.3 ms a prediction from 10⁶ characters, and up to 8m+12 bytes each),
// or nearly (cells.go, 0.5 ms and up to 22m bytes).
//
// Otherwise a prediction takes those that share with it the longest ending that
// at least `candidates` of them do, and a sample stands for the others; the share
// of the weight that the candidates have is measured ("recall"). That is m
// look-ups a candidate, in time some ten times more than `candidates` of them,
// and 2m+2 bytes a training symbol. Symbols that few of the candidates have are
// then left to the sample and cost much: on tinyshakespeare 256 candidates lose
// 0.16 bit, 4,096 lose 0.005.
//
// What is learned while predicting is looked at one by one until there is an
// eighth of it, and sorted in then.

// A Corpus is a place in a sequence.
type Corpus struct {
	*corpusModel
	place
}

// corpusModel is what forks share.
type corpusModel struct {
	*model
	candidates int
	tolerance  float64
	folds      int
	contexts   contexts
	tail       contexts    // learned since, not sorted
	tree       *tree       // of the contexts, if all are looked at
	cells      *cells      // or of these, with a tolerance
	agree      *agreements // or of these, if the kernel is flat,
	text       []byte      // from this
	found      found
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

func newCorpus(kind string, s shape, candidates int, tolerance float64, folds, order int, t Training, env predictors.Env) *Corpus {
	m := &corpusModel{model: newModel(kind, s, order, t, env), candidates: candidates, tolerance: tolerance, folds: folds}
	m.params.initialize(env.Seed, 1, startNull)
	m.forget()
	return &Corpus{corpusModel: m, place: newPlace(kind, m, s, 0)}
}

// Fork returns a predictor at the same place that shares memory and
// parameters.
func (p *Corpus) Fork() predictors.Predictor {
	return &Corpus{corpusModel: p.corpusModel, place: p.fork()}
}

// Learn moves on by a symbol that is remembered; the metric stays as it was. A
// symbol takes O(log n) to sort in, and predictions up to an eighth longer.
func (p *Corpus) Learn(x symbol) {
	p.check(x)
	p.count(p.past, x)
	m, h := p.corpusModel, p.shelf.take()
	for l, y := range h.context(p.past, len(p.past)) {
		m.tail.lags[l] = append(m.tail.lags[l], y)
	}
	m.tail.next = append(m.tail.next, x)
	m.shelf.put(h)
	if len(m.tail.next) >= max(fewest, len(m.contexts.next)/8) {
		m.contexts.merge(&m.tail)
		m.text = nil
		m.measureLengths()
		m.grow()
	}
	p.Observe(x)
}

// fewest contexts are sorted in at a time.
const fewest = 1024

// smooth sets q to the law after past.
func (m *corpusModel) smooth(q []float64, past []symbol) (rests mixed) {
	h := m.shelf.take()
	defer m.shelf.put(h)
	c := h.context(past, len(past))
	r := m.contexts.find(c, m.candidates)
	m.lower(q, past)
	h.farNext, h.farS = h.farNext[:0], h.farS[:0]
	if m.candidates > 0 || m.shape.gaussian {
		m.outside(h, c, r)
	}
	if m.agree == nil {
		m.lately(h, c)
	}
	null, far := float64(m.params.null[0]), part{h.farS, pairs{next: h.farNext}}
	switch {
	case m.agree != nil:
		rests = m.agree.smooth(&h.tally, q, c, &m.tail, float64(m.params.weight(0)), null)
	case m.cells != nil:
		m.params.table(h.u, h.q, c)
		rests = m.cells.smooth(&h.walk, q, h.u, m.shape.S, null, m.tolerance, far)
	case m.tree != nil:
		m.params.table(h.u, h.q, c)
		rests = mix(q, null, part{m.tree.scores(&h.levels, h.u, m.shape.S), m.tree.pairs}, far)
	default:
		rests = mix(q, null, part{m.score(h, c, r.low, r.high), pairs{next: m.contexts.next[r.low:r.high]}}, far)
	}
	match := max(r.match, m.tail.longest(c))
	if none := slices.Index(c, symbol(m.shape.A)); none >= 0 { // what is before a document is no match
		match = min(match, none)
	}
	rests.match = float64(match)
	return rests
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

// outside adds contexts at equal steps through those outside r, each for as
// many as it stands for. Without them a symbol that no candidate has would be
// left with next to nothing.
func (m *corpusModel) outside(h *head[float32], c []symbol, r reach) {
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
		h.farS = append(h.farS, v+float32(math.Log(every)))
	}
}

// lately adds the contexts that are not sorted in yet.
func (m *corpusModel) lately(h *head[float32], c []symbol) {
	if n := len(m.tail.next); n > 0 {
		h.farNext = append(h.farNext, m.tail.next...)
		h.farS = append(h.farS, h.scores(m.params, c, m.tail.lags, n, 0, nil)...)
	}
}

// Ops counts, as measured on a sample, the candidates' look-ups, additions and
// exponentials, or those of tree or cells; training three times the candidates'.
func (p *Corpus) Ops() (train, perSymbol float64) {
	perSymbol = p.shape.tableOps() + float64(p.shape.A)
	switch {
	case p.cells != nil: // of an ending a product, a sum and a comparison, of a pair a product and a sum
		perSymbol += 3*p.found.Looked + 10*float64(p.shape.M*p.shape.S)
	case p.agree != nil: // a comparison and a sum of each lag of 64 contexts at once
		perSymbol += float64(2*p.shape.M*p.agree.n)/64 + float64((2*p.shape.M+2)*p.shape.A)
	case p.tree != nil:
		perSymbol += p.tree.ops()
	default:
		perSymbol += p.found.Looked * (2*float64(p.shape.M) + 4)
	}
	return p.ops, perSymbol
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
	p.start(d.Train, 1, startNull)
	p.prior, p.found = newPrior(d.Train, p.shape.A, p.order), found{}
	p.forget()
	p.Reset()
	keep, err := p.affordable(d.Symbols())
	if err != nil || d.Symbols() == 0 {
		return err
	}
	b := newCorpusBatch(p.corpusModel, d.Train, keep)
	if p.counts() {
		p.text = b.bytes()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.grow()
	t := p.trainer()
	t.start, t.batch = start, b.batch
	t.look = func() (float64, bool) {
		p.measureLengths()
		return predictors.SampleLoss(p, d.Valid, p.lookSize())
	}
	if err := t.run(ctx, p.env.Seed, report); err != nil {
		return fmt.Errorf("%s: %w", p.kind, err)
	}
	p.measureLengths()
	p.take(d)
	p.Reset()
	return ctx.Err()
}

// forget leaves the memory empty.
func (m *corpusModel) forget() {
	m.contexts, m.tail, m.text = newContexts(m.shape.M), newContexts(m.shape.M), nil
	m.grow()
}

// grow groups the contexts if all are looked at. Where keys have lengths, which
// do not add up over lags, they are looked at one by one.
func (m *corpusModel) grow() {
	m.tree, m.cells, m.agree = nil, nil, nil
	switch {
	case m.candidates > 0 || m.shape.gaussian:
	case m.text != nil:
		m.agree = newAgreements(m.text, m.shape.M, m.shape.A)
	case m.tolerance > 0:
		m.cells = newCells(&m.contexts, m.shape.A)
	default:
		m.tree = newTree(&m.contexts, m.shape.A)
	}
}

// counts says whether contexts are grouped by how many lags agree.
func (m *corpusModel) counts() bool {
	return m.shape.form == flat && m.candidates == 0 && m.shape.M >= 2 && m.shape.A <= maxFlat
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
	} else if p.counts() {
		each++
	} else if p.candidates == 0 && p.tolerance > 0 {
		each += int64(20 * p.shape.M) // of the cells, if no two contexts ended alike
	} else if p.candidates == 0 {
		each += int64(6*p.shape.M + 10) // of the tree
	}
	own := p.Bytes()
	if p.counts() {
		own += int64(8*(p.shape.M*p.shape.A+1)*p.shape.A + agree.Block)
	}
	left := (p.budget.ModelBytes - own) / each
	if left < 1 {
		return 0, overBudget(p.budget, "parameters and q0", own)
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
				c := h.context(f.past, len(f.past))
				r := p.contexts.find(c, p.candidates)
				all := p.score(h, c, 0, len(p.contexts.next))
				p.found.Recall += share(all, r.low, r.high)
				logs += math.Log(max(f.rests.effective, 1))
				p.found.Fallback += f.rests.fallback
				if p.found.Looked += f.rests.looked; p.cells == nil {
					p.found.Looked += float64(r.high - r.low)
				}
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

// Bytes are contexts, parameters, vectors and q0.
func (p *Corpus) Bytes() int64 {
	return p.contexts.bytes() + p.tail.bytes() + p.tree.bytes() + p.cells.bytes() + p.agree.bytes() + p.bytes()
}

// Describe reports β_l, γ_l and α, the step that was kept and valid_bits there,
// and of a sample of predictions recall, n_eff, the share of falling back and
// the candidates looked at.
func (p *Corpus) Describe() map[string]float64 {
	out := p.describe()
	if p.found.Looked > 0 {
		out["recall"], out["n_eff"], out["fallback"], out["candidates"] = p.found.Recall, p.found.Effective, p.found.Fallback, p.found.Looked
	}
	return out
}

// WriteTo writes memory, parameters and q0.
func (p *Corpus) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, p.fields) }

// ReadFrom reads what WriteTo wrote; after an error p is as it was.
func (p *Corpus) ReadFrom(r io.Reader) (int64, error) {
	fresh := newCorpus(p.kind, p.shape, p.candidates, p.tolerance, p.folds, p.order, p.train, p.env)
	n, err := predictors.ReadArchive(r, fresh.fields)
	if err == nil {
		p.params, p.prior, p.chosen = fresh.params, fresh.prior, fresh.chosen
		p.contexts, p.tail, p.text, p.found = fresh.contexts, fresh.tail, fresh.text, fresh.found
		p.tree, p.cells, p.agree = fresh.tree, fresh.cells, fresh.agree
		p.Reset()
	}
	return n, err
}

func (p *Corpus) fields(a *predictors.Archive) {
	p.model.fields(a)
	for _, m := range []*contexts{&p.contexts, &p.tail} {
		predictors.Slice(a, &m.next)
		for l := range m.lags {
			predictors.Slice(a, &m.lags[l])
		}
	}
	predictors.Slice(a, &p.text)
	for _, v := range []*float64{&p.found.Recall, &p.found.Effective, &p.found.Fallback, &p.found.Looked} {
		predictors.Value(a, v)
	}
	if a.Reading() && a.Err() == nil {
		if err := errors.Join(p.contexts.valid(p.shape.A), p.tail.valid(p.shape.A)); err != nil {
			a.Fail(err)
			return
		}
		if len(p.text) == 0 {
			p.text = nil
		} else if err := validText(p.text, len(p.contexts.next), p.shape.M, p.shape.A); err != nil {
			a.Fail(err)
			return
		}
		p.measureLengths()
		p.grow()
	}
}
