package kernel

import (
	"context"
	"fmt"
	"math"

	"horizon/predictors"
)

// Fit remembers the training part and chooses the bandwidths.
func (p *NadarayaWatson) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if report == nil {
		report = func(predictors.Progress) {}
	}
	for _, m := range append([]*model{p.model}, p.direct...) {
		if err := m.fit(ctx, d, report, float64(1+len(p.direct))); err != nil {
			return err
		}
	}
	p.Reset()
	return nil
}

// fit trains one of the given number of models that share the budget.
func (m *model) fit(ctx context.Context, d predictors.Data, report func(predictors.Progress), models float64) error {
	c := m.c
	keep := math.MaxInt
	if ops := m.operations() / models; ops > 0 {
		keep = int(ops / 2 / indexOps(c.Lags))
		c.Queries = max(1, min(c.Queries, int(ops/2/queryOps(c.Lags)/float64(max(1, min(keep, d.Symbols()))))))
	}
	l, err := m.remember(d.Train, keep)
	if err != nil {
		return err
	}
	if l.width, err = chooseBandwidths(ctx, &l.memory, &c, m.a, m.seed, d.Valid, report); err != nil {
		return err
	}
	n := len(l.memory.targets)
	for {
		if l.index, err = newIndex(ctx, &l.memory, len(l.memory.targets), m.a, c.Lags, l.width.b, c.Truncate, report); err != nil {
			return err
		}
		have, want := float64(l.bytes()), float64(m.budget.ModelBytes)/models
		if want == 0 || have <= want {
			break
		}
		keep = int(0.95 * want / have * float64(len(l.memory.targets)))
		if keep == 0 {
			return fmt.Errorf("nadaraya-watson: model_bytes = %d, want at least %v for one context", m.budget.ModelBytes, have*models)
		}
		width := l.width
		if l, err = m.remember(d.Train, keep); err != nil {
			return err
		}
		l.width = width
	}
	m.learnt = *l
	if m.table, err = m.newTable(ctx); err != nil {
		return err
	}
	if want := float64(m.budget.ModelBytes) / models; want > 0 && float64(m.bytes()) > want {
		m.table = nil // only a saving of time
	}
	m.measure(d.Valid)
	m.trainOps = float64(n) * (float64(min(c.Queries, n))*queryOps(c.Lags) + indexOps(c.Lags))
	return ctx.Err()
}

// remember makes the memory of the last targets of docs, keep at most.
func (m *model) remember(docs [][]Symbol, keep int) (*learnt, error) {
	l := &learnt{}
	l.memory.ahead = m.memory.ahead
	skip := -keep
	for _, doc := range docs {
		skip += max(0, len(doc)-l.memory.ahead)
	}
	for _, doc := range docs {
		cut := min(max(skip, 0), len(doc))
		skip -= max(0, len(doc)-l.memory.ahead)
		if cut == len(doc) {
			continue
		}
		l.memory.begin()
		for _, x := range doc[max(0, cut-m.c.Lags):cut] { // the first context is whole
			l.memory.add(m.check(x))
		}
		for _, x := range doc[cut:] {
			l.memory.learn(m.check(x))
		}
	}
	if n := len(l.memory.level); n > math.MaxUint32-1 {
		return nil, fmt.Errorf("nadaraya-watson: %d training symbols, want fewer than 2³²", n)
	}
	if m.c.discounts() {
		l.memory.levels(l.memory.level, m.c.Lags, 0, 0)
	}
	return l, nil
}

func (m *model) check(x Symbol) Symbol {
	if int(x) >= m.a {
		panic(fmt.Sprintf("nadaraya-watson: symbol = %d, want < %d", x, m.a))
	}
	return x
}

// Learn adds the present context and x to those smoothed over, with the
// bandwidths as they are.
func (p *NadarayaWatson) Learn(x Symbol) {
	p.model.learn(p.check(x), &p.past, p.heir)
	for _, m := range p.direct {
		m.learn(x, &p.past, p.heir)
	}
	p.past.push(x, p.c.Lags)
	p.heir = true
}

// learn appends x to the memory, after c, which the memory ends with if heir
// says so.
func (m *model) learn(x Symbol, c *past, heir bool) {
	mem := &m.memory
	if !heir {
		mem.begin()
		for j := c.known; j > 0; j-- {
			mem.add(c.lag(j))
		}
	}
	pos, level := len(mem.level)-mem.ahead, uint8(0)
	if mem.run >= mem.ahead && m.c.discounts() {
		s := m.shelf.take(m)
		level = s.level(x, mem.before(pos, m.c.Lags))
		m.shelf.put(s)
	}
	mem.learn(x)
	mem.level[pos] = level
	m.table = nil
	m.reindex()
}

// before is the context that ends before pos.
func (mem *memory) before(pos, lags int) *past {
	var c past
	for i := max(pos-lags, 0); i < pos; i++ {
		if x := mem.symbol(uint32(i)); x != missing {
			c.push(x, lags)
		}
	}
	return &c
}

// reindex makes the index again once comparing what has come since costs
// more than looking up the rest: the logarithmic method of Bentley and Saxe
// (1980) with two levels.
func (m *model) reindex() {
	n := len(m.memory.targets)
	if n-m.index.targets > max(1024, n/16) {
		m.index, _ = newIndex(context.Background(), &m.memory, n, m.a, m.c.Lags, m.width.b, m.c.Truncate, nil)
	}
}
