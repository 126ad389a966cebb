package metric

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"horizon/predictors"
	"horizon/predictors/kernel/smoother"
)

// The window memory: the positions smoothed over are the last W of the present
// text, as in attention, and nothing of the training text but the parameters
// and q0 remains (programme, fact 4). A position i's score also falls with its
// distance, by a learned rate: exp(−(t−i)/τ), recency over time.
//
// In "low-rank" this is a head of attention over one-hot next symbols with
// position-specific keys, trained in parallel over stretches of text by the
// plain functions of package smoother; a prediction needs W m look-ups and, in
// "low-rank", a product of m A r. A place in a sequence takes 2(W+m) symbols.

// A Window is a place in a sequence.
type Window struct {
	*windowModel
	place
}

// windowModel is what forks share.
type windowModel struct {
	*model
	window int
}

// startDistance is the distance at which recency starts to fall to 1/e.
const startDistance = 200

func newWindow(kind string, s shape, window, order int, t Training, env predictors.Env) *Window {
	m := &windowModel{model: newModel(kind, s, order, t, env), window: window}
	m.params.initialize(env.Seed, 1./startDistance, 0)
	return &Window{windowModel: m, place: newPlace(kind, m, s, window)}
}

// Fork returns a predictor at the same place that shares the parameters.
func (p *Window) Fork() predictors.Predictor {
	return &Window{windowModel: p.windowModel, place: p.fork()}
}

// Learn moves on by a symbol that q0 counts; the metric stays as it was.
func (p *Window) Learn(x symbol) {
	p.check(x)
	p.count(p.past, x)
	p.Observe(x)
}

// smooth sets q to the law after past.
func (m *windowModel) smooth(q []float64, past []symbol) mixed {
	h := m.shelf.take()
	defer m.shelf.put(h)
	low := max(m.shape.M, len(past)-m.window)
	m.lower(q, past)
	s := h.scores(m.params, h.context(past, len(past)), h.view(past, low, len(past)), len(past)-low, m.rate(), nil)
	rests := mix(q, float64(m.params.null[0]), part{s, pairs{next: past[low:]}})
	rests.match = math.NaN() // positions are the prediction's own: a match has no meaning here
	return rests
}

func (m *windowModel) rate() float32 { return float32(math.Exp(float64(m.params.slope[0]))) }

// context lists the M symbols of xs before end, the last first.
func (h *head[F]) context(xs []symbol, end int) []symbol {
	h.c = h.c[:0]
	for l := range h.lagView {
		h.c = append(h.c, xs[end-1-l])
	}
	return h.c
}

// view is the contexts of the positions from low to before high in xs.
func (h *head[F]) view(xs []symbol, low, high int) [][]symbol {
	for l := range h.lagView {
		h.lagView[l] = xs[low-1-l : high-1-l]
	}
	return h.lagView
}

// Ops counts a look-up and an addition for each lag of each position, the
// exponential and the sum; training costs three times that.
func (p *Window) Ops() (train, perSymbol float64) { return p.ops, p.perSymbol() }

func (m *windowModel) perSymbol() float64 {
	return float64(m.window)*(2*float64(m.shape.M)+4) + m.shape.tableOps() + float64(m.shape.A)
}

// tableOps are the operations of making a query's table.
func (s shape) tableOps() float64 {
	rows := float64(s.M * s.S)
	switch s.form {
	case lowRank:
		return float64(s.M*s.R) + 2*rows*float64(s.R)
	case full:
		return rows * float64(s.M)
	}
	return float64(s.M)
}

// Fit counts q0 on the training part and learns the parameters there, each
// symbol predicted from those before it, q0 without having counted it.
func (p *Window) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if report == nil {
		report = func(predictors.Progress) {}
	}
	defer func() { p.budget = predictors.Budget{} }() // it was for this training
	start := time.Now()
	if err := p.begin(d); err != nil {
		return err
	}
	if d.Symbols() == 0 {
		return ctx.Err()
	}
	w := newWindowBatch(p.windowModel, d.Train)
	t := p.trainer()
	t.start = start
	t.batch = func(g *params[float32], rng *rand.Rand) (float64, int) {
		nats, n := w.batch(g, rng)
		p.ops += 3 * float64(n) * p.perSymbol()
		return nats, n
	}
	t.look = func() (float64, bool) { return predictors.SampleLoss(p, d.Valid, validSample) }
	if err := t.run(ctx, p.env.Seed, report); err != nil {
		return fmt.Errorf("%s: %w", p.kind, err)
	}
	p.Reset()
	return nil
}

// begin checks the symbols and sets everything to where training starts.
func (p *Window) begin(d predictors.Data) error {
	if err := checkSymbols(p.kind, p.shape.A, d); err != nil {
		return err
	}
	p.start(d.Train, 1./startDistance, 0)
	for order := p.order; ; order-- {
		p.prior = newPrior(d.Train, p.shape.A, order)
		if own := p.Bytes(); p.budget.ModelBytes == 0 || own <= p.budget.ModelBytes {
			break
		} else if order == 0 {
			return overBudget(p.budget, "parameters and symbol counts", own)
		}
	}
	p.Reset()
	return nil
}

func checkSymbols(kind string, a int, d predictors.Data) error {
	for _, docs := range [][][]symbol{d.Train, d.Valid} {
		for _, doc := range docs {
			for _, x := range doc {
				if int(x) >= a {
					return fmt.Errorf("%s: symbol = %d, want < %d", kind, x, a)
				}
			}
		}
	}
	return nil
}

// A windowBatch computes gradients over stretches of the training text.
type windowBatch[F smoother.Float] struct {
	window, stretch int
	docs            [][]symbol // each behind M missing symbols
	q0              [][]F      // of each symbol, without its own count
	ends            []int      // symbols in the documents to this one
	per             int        // stretches a batch
	head            *head[F]
	dense           dense[F]
	params          *params[F]
}

// stretch is how many symbols are predicted side by side.
const stretch = 64

func newWindowBatch(m *windowModel, docs [][]symbol) *windowBatch[float32] {
	w := &windowBatch[float32]{window: m.window, stretch: stretch, per: max(1, m.train.Batch/stretch),
		head: newHead[float32](m.shape), params: m.params}
	w.load(docs, m.prior)
	return w
}

func (w *windowBatch[F]) load(docs [][]symbol, q0 *prior) {
	n, M, a := 0, w.params.M, w.params.A
	for _, doc := range docs {
		xs := slices.Repeat([]symbol{symbol(a)}, M)
		own := make([]F, len(doc))
		for i, x := range doc {
			own[i] = F(q0.without(doc[max(0, i-q0.order()):i], x))
		}
		w.docs, w.q0 = append(w.docs, append(xs, doc...)), append(w.q0, own)
		n += len(doc)
		w.ends = append(w.ends, n)
	}
}

// batch adds the mean gradient of some stretches drawn at random.
func (w *windowBatch[F]) batch(d *params[F], rng *rand.Rand) (nats float64, n int) {
	type piece struct{ doc, from, to int }
	var pieces []piece
	for range w.per {
		at := rng.IntN(w.ends[len(w.ends)-1])
		i, _ := slices.BinarySearch(w.ends, at+1)
		size := len(w.q0[i])
		at -= w.ends[i] - size
		from := min(max(at-rng.IntN(w.stretch), 0), max(size-w.stretch, 0))
		to := min(from+w.stretch, size)
		pieces, n = append(pieces, piece{i, from, to}), n+to-from
	}
	for _, s := range pieces {
		nats += w.gradient(d, s.doc, s.from, s.to, 1/F(n))
	}
	return nats, n
}

// gradient adds weight times the gradient over the symbols from to before to
// of a document.
func (w *windowBatch[F]) gradient(d *params[F], doc, from, to int, weight F) (nats float64) {
	p := w.params
	rate := F(math.Exp(float64(p.slope[0])))
	if p.form == lowRank {
		return w.dense.gradient(p, d, w.docs[doc], w.q0[doc], from, to, w.window, rate, weight)
	}
	xs := w.docs[doc]
	for i := from; i < to; i++ {
		at := i + p.M
		low := max(p.M, at-w.window)
		nats += w.head.gradient(p, d, target[F]{c: w.head.context(xs, at), lags: w.head.view(xs, low, at),
			next: xs[low:at], y: xs[at], q0y: w.q0[doc][i], rate: rate}, weight)
	}
	return nats
}

// Bytes are parameters, vectors and q0.
func (p *Window) Bytes() int64 { return p.bytes() }

// Describe reports β_l, α, the distance τ at which recency falls to 1/e, the
// step that was kept and valid_bits there.
func (p *Window) Describe() map[string]float64 {
	out := p.describe()
	out["tau"] = math.Exp(-float64(p.params.slope[0]))
	return out
}

// WriteTo writes parameters and q0.
func (p *Window) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, p.model.fields)
}

// ReadFrom reads what WriteTo wrote; after an error p is as it was.
func (p *Window) ReadFrom(r io.Reader) (int64, error) {
	fresh := newWindow(p.kind, p.shape, p.window, p.order, p.train, p.env)
	n, err := predictors.ReadArchive(r, fresh.model.fields)
	if err == nil {
		p.params, p.prior, p.chosen = fresh.params, fresh.prior, fresh.chosen
		p.Reset()
	}
	return n, err
}

// fields writes or reads parameters and vectors.
func (p *params[F]) fields(a *predictors.Archive) {
	n, e := len(p.flat), len(p.vectors)
	flat, vectors := any(p.flat).([]float32), any(p.vectors).([]float32)
	predictors.Slice(a, &flat)
	predictors.Slice(a, &vectors)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(flat) != n || len(vectors) != e {
		a.Fail(fmt.Errorf("parameters, vectors = %d, %d, want %d, %d", len(flat), len(vectors), n, e))
		return
	}
	p.adopt(any(flat).([]F))
	p.vectors = any(vectors).([]F)
	if err := p.valid(); err != nil {
		a.Fail(err)
	}
}
