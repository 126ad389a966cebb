package lempelziv

import (
	"context"
	"fmt"

	"horizon/predictors"
)

// A copyModel is what the kinds share that look for where the text has been
// before: counts of short contexts to fall back on, and a memory.
type copyModel struct {
	grams  *quantGrams
	memory *copyMemory
	share  float64 // of the bytes, for the counts
	budget predictors.Budget
	other  int64   // bytes that the kind needs besides
	ops    float64 // but for those of grams
}

// A CopyOptions are the parameters that these kinds share.
type CopyOptions struct {
	// Order is m, the longest context in symbols of the counts fallen back on,
	// 1 to 32.
	Order int `toml:"order"`
	// Seed is h, how many equal symbols in a row make one look at an earlier
	// position, 1 to 64.
	Seed int `toml:"seed"`
	// MaxBytes bounds the model; 0 does not.
	MaxBytes int64 `toml:"max_bytes"`
	// Share is the part of MaxBytes for the counts, above 0 and below 1; they
	// get more if the memory needs less than the rest.
	Share float64 `toml:"share"`
}

func (o *CopyOptions) model(kind string, env predictors.Env) (*copyModel, error) {
	if err := predictors.CheckAlphabet(kind, env.Alphabet); err != nil {
		return nil, err
	}
	switch {
	case o.Order < 1 || o.Order > maxQuantOrder:
		return nil, fmt.Errorf("%s: order = %d, want 1 to %d", kind, o.Order, maxQuantOrder)
	case o.Seed < 1 || o.Seed > copyLongest:
		return nil, fmt.Errorf("%s: seed = %d, want 1 to %d", kind, o.Seed, copyLongest)
	case o.MaxBytes < 0:
		return nil, fmt.Errorf("%s: max_bytes = %d, want > 0, or 0 for no bound", kind, o.MaxBytes)
	case !(o.Share > 0 && o.Share < 1):
		return nil, fmt.Errorf("%s: share = %v, want above 0 and below 1", kind, o.Share)
	}
	m := &copyModel{grams: newQuantGrams(env.Alphabet, o.Order, o.Order), share: o.Share,
		memory: newCopyMemory(env.Alphabet, o.Seed, 0)}
	m.budget.ModelBytes = o.MaxBytes
	return m, nil
}

// SetBudget keeps all bounds: bytes by dropping contexts and forgetting text,
// seconds and operations by not learning the rest of the training part.
func (m *copyModel) SetBudget(b predictors.Budget) error {
	if b.ModelBytes == 0 {
		b.ModelBytes = m.budget.ModelBytes
	}
	m.budget = b
	return nil
}

// train learns the training part and cuts counts and memory to what is allowed.
func (w *copyWalk) train(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	seed, capacity := w.memory.seed, uint32(0)
	if most := w.budget.ModelBytes; most > 0 { // it need never hold more than they could
		capacity = uint32(min(max(w.memory.fitting(most), 1), 1<<31))
	}
	w.memory, w.ops = newCopyMemory(w.memory.a, seed, capacity), 0
	w.grams.clear()
	w.grams.table, w.grams.ops = nil, 0
	w.reset()
	count := counting{ctx, report, w.budget, func() { w.base.reset(); w.apart = true }, func(x predictors.Symbol) {
		w.base.learn(x)
		w.memory.add(x, w.apart)
		w.apart = false
		w.ops += float64(seed + 4)
	}, func() float64 { return w.ops + w.grams.ops }}
	if err := count.run(d); err != nil {
		return err
	}
	w.reset()
	if err := w.settle(); err != nil {
		return err
	}
	w.base.tune(d)
	return ctx.Err()
}

// settle cuts counts and memory to what is allowed.
func (m *copyModel) settle() error {
	m.grams.table = newQuantTable(m.grams.order) // what tuning will need
	limit := m.budget.ModelBytes - m.other
	if m.budget.ModelBytes == 0 {
		m.memory.shrink(0)
		return m.grams.prune(0)
	}
	kept := int64(m.memory.n - m.memory.oldest())
	counts := max(int64(m.share*float64(limit)), limit-kept*m.memory.milli()/1000-256)
	if err := m.grams.prune(counts); err != nil {
		return &predictors.BudgetError{Err: fmt.Errorf("model_bytes = %d leave the counts %w", m.budget.ModelBytes, err)}
	}
	m.memory.shrink(limit - m.grams.bytes())
	return nil
}

// Bytes counts the counts, the memory and what the kind needs besides.
func (m *copyModel) Bytes() int64 { return m.grams.bytes() + m.memory.bytes() + m.other }

func (m *copyModel) describe() map[string]float64 {
	out := map[string]float64{"remembered": float64(m.memory.n - m.memory.oldest())}
	m.grams.describe(out)
	return out
}

func (m *copyModel) fields(a *predictors.Archive) {
	m.grams.fields(a)
	t := m.memory
	var text []predictors.Symbol
	var starts []uint32
	for i := t.oldest(); i < t.n && !a.Reading(); i++ {
		text = append(text, t.at(i))
		if t.begins(i) {
			starts = append(starts, i-t.oldest())
		}
	}
	capacity, buckets := t.capacity, uint32(len(t.heads))
	predictors.Value(a, &capacity)
	predictors.Value(a, &buckets)
	predictors.Slice(a, &text)
	predictors.Slice(a, &starts)
	if a.Reading() && a.Err() == nil {
		a.Fail(m.remember(text, starts, capacity, buckets))
	}
}

// remember fills the memory with what was saved.
func (m *copyModel) remember(text []predictors.Symbol, starts []uint32, capacity, buckets uint32) error {
	if buckets < 1 || int(buckets) > 2*len(text)+16 {
		return fmt.Errorf("lempelziv: %d saved buckets for %d symbols", buckets, len(text))
	}
	t := newCopyMemory(m.memory.a, m.memory.seed, capacity)
	t.heads = make([]uint32, buckets) // as many as there were: a search that is bounded looks at the same
	for i, x := range text {
		if int(x) >= t.a {
			return fmt.Errorf("lempelziv: saved symbol %d = %d, want < %d", i, x, t.a)
		}
		start := len(starts) > 0 && starts[0] == uint32(i)
		if start {
			starts = starts[1:]
		}
		t.add(x, start || i == 0)
	}
	if len(starts) > 0 {
		return fmt.Errorf("lempelziv: a saved document starts at symbol %d of %d, or out of order", starts[0], len(text))
	}
	m.memory = t
	return nil
}

// A copyWalk is a place in the text.
type copyWalk struct {
	*copyModel
	base              quantWalk
	past              copyPast
	forward, backward alignments
	room              int  // see alignments.propose
	apart             bool // the next symbol learned begins a document
	forked            bool
}

func newCopyWalk(m *copyModel, room int) copyWalk {
	return copyWalk{copyModel: m, base: newQuantWalk(m.grams), forward: newAlignments(room, false),
		backward: newAlignments(0, true), room: room, apart: true}
}

func (w *copyWalk) fork() copyWalk {
	f := *w
	f.base, f.forward, f.backward, f.forked = w.base.fork(), w.forward.fork(), w.backward.fork(), true
	return f
}

// Alphabet is A.
func (w *copyWalk) Alphabet() int { return w.grams.a }

func (w *copyWalk) reset() {
	w.base.reset()
	w.past.known = 0
	w.forward.list, w.backward.list = w.forward.list[:0], w.backward.list[:0]
	w.apart = true
}

// move goes past x, and learns it or not.
func (w *copyWalk) move(x predictors.Symbol, learns bool) {
	oldest, end := w.memory.oldest(), w.memory.n
	if learns && !w.apart {
		end++
	}
	if learns && w.memory.capacity > 0 && w.memory.n >= w.memory.capacity {
		oldest++
	}
	w.forward.step(w.memory, x, oldest, end)
	w.backward.step(w.memory, x, oldest, end)
	w.past.push(x)
	if learns {
		w.ops += float64(2*(len(w.forward.list)+len(w.backward.list)) + w.memory.seed + 4)
		w.base.learn(x)
		w.memory.add(x, w.apart)
	} else {
		w.base.observe(x)
	}
	w.apart = !learns
	w.forward.propose(w.memory, &w.past, w.room)
	if w.backward.cap() > 0 {
		w.backward.propose(w.memory, &w.past, w.room)
	}
}

func (l *alignments) cap() int { return cap(l.list) }
