package markov

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"horizon/predictors"
)

// The k-step marginals of an n-gram model from all contexts at once. A context
// h and the one without its oldest symbol, h', differ in what was seen after h
// only: with b(h) the weight of the shorter context, and s·x the context after
// x in context s,
//
//	q_{k+1}(·; h) = b(h) q_{k+1}(·; h')
//	              + Σ_{x seen after h} [p(x; h) q_k(·; h·x) − b(h) p(x; h') q_k(·; h'·x)]
//
// since what was not seen after h leads from h where it leads from h'. So one
// step is one pass over the n-grams, whatever the alphabet: with N of them,
// O(k N A) for all contexts, where following each by itself takes A^k. For an
// n-gram of full length both contexts lead to the same place. The columns y of
// q do not meet: they are computed a stretch at a time, so that two stretches
// of all contexts are all there is in memory.

// stretch is how many symbols of the alphabet are computed at once: two cache
// lines of each row.
const stretch = 16

// maxCharted is how many contexts are laid out at most: two rows each take 256
// bytes a goroutine.
const maxCharted = 1 << 21

// Place is the node of the context.
func (w *walk) Place() (uint32, bool) { return w.node, w.short.size() <= maxCharted }

// An arc is a continuation of a context: q gains in·q_k(·; to) and loses
// out·q_k(·; from).
type arc struct {
	in, out  float64
	to, from uint32
}

// A chart is the model as the recursion reads it. Contexts are in order of
// length, so that h' comes before h.
type chart struct {
	order  []uint32 // contexts
	first  []int    // of the arcs of order[i]; one more at the end
	arcs   []arc
	symbol []uint16  // of each arc
	back   []float64 // b(h) of order[i]
	suffix []uint32  // h' of order[i]
	start  []float64 // p(y; empty context) by y, and
	enters []uint32  // where the empty context goes on y
}

func (p *kneserNey) Survey(ctx context.Context, places []uint32, ks []int, symbols []predictors.Symbol, visit func(i, k, j int, p []float64), report func(done, total int64)) error {
	return p.survey(ctx, p, places, ks, symbols, visit, report)
}

func (p *interpolated) Survey(ctx context.Context, places []uint32, ks []int, symbols []predictors.Symbol, visit func(i, k, j int, p []float64), report func(done, total int64)) error {
	return p.survey(ctx, p, places, ks, symbols, visit, report)
}

func (p *backoff) Survey(ctx context.Context, places []uint32, ks []int, symbols []predictors.Symbol, visit func(i, k, j int, p []float64), report func(done, total int64)) error {
	return p.survey(ctx, p, places, ks, symbols, visit, report)
}

var (
	_ predictors.Surveyor = (*kneserNey)(nil)
	_ predictors.Surveyor = (*interpolated)(nil)
	_ predictors.Surveyor = (*backoff)(nil)
)

func (m *ngrams) survey(ctx context.Context, s smoother, places []uint32, ks []int, symbols []predictors.Symbol, visit func(i, k, j int, p []float64), report func(done, total int64)) error {
	m.settle()
	c := m.chart(s)
	steps := ks[len(ks)-1]
	total := int64((len(symbols) + stretch - 1) / stretch * steps)
	done := int64(0)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	var told sync.Mutex
	for j := 0; j < len(symbols); j += stretch {
		columns := symbols[j:min(j+stretch, len(symbols))]
		g.Go(func() error {
			return c.run(ctx, places, ks, columns, func(i, k int, p []float64) { visit(i, k, j, p) }, func() {
				told.Lock()
				defer told.Unlock()
				done++
				report(done, total)
			})
		})
	}
	return g.Wait()
}

// chart lays the model out.
func (m *ngrams) chart(s smoother) *chart {
	length := m.lengths()
	prob := m.probs(s, length)
	c := &chart{start: make([]float64, m.a), enters: make([]uint32, m.a)}
	b := m.weight(s, 1, 0)
	for y := range c.start {
		c.start[y] = b / float64(m.a)
	}
	for g := m.nodes.at(0).first; g != 0; g = m.entry(1, g).sibling {
		y := m.entry(1, g).symbol
		c.start[y] = prob.of(m, 1, g)
		if m.n > 1 {
			c.enters[y] = g
		}
	}
	for l := 1; l < m.n; l++ {
		for h, is := range length {
			if int(is) == l {
				m.lay(c, s, prob, uint32(h), l+1)
			}
		}
	}
	c.first = append(c.first, len(c.arcs))
	return c
}

// lay lists the continuations of context h, of k symbols with it.
func (m *ngrams) lay(c *chart, s smoother, prob *stringProbs, h uint32, k int) {
	b, n := m.weight(s, k, h), m.nodes.at(h)
	c.order, c.back, c.suffix = append(c.order, h), append(c.back, b), append(c.suffix, n.suffix)
	c.first = append(c.first, len(c.arcs))
	for g := n.first; g != 0; g = m.entry(k, g).sibling {
		c.symbol = append(c.symbol, uint16(m.entry(k, g).symbol))
		shorter := m.gram(k, g).suffix
		in, out := prob.of(m, k, g), b*prob.of(m, k-1, shorter)
		if k == m.n { // both lead to the same place
			c.arcs = append(c.arcs, arc{in - out, 0, shorter, 0})
		} else {
			c.arcs = append(c.arcs, arc{in, out, g, shorter})
		}
	}
}

// weight is b(h) of a context of k-grams: 1 where nothing was seen after it.
func (m *ngrams) weight(s smoother, k int, h uint32) float64 {
	if m.nodes.at(h).total == 0 {
		return 1
	}
	return s.back(k, h)
}

// stringProbs are p(x; h) of every string hx.
type stringProbs struct{ short, long []float64 }

func (p *stringProbs) of(m *ngrams, k int, g uint32) float64 {
	if k == m.n {
		return p.long[g]
	}
	return p.short[g]
}

// probs goes from the shortest strings to the longest.
func (m *ngrams) probs(s smoother, length []uint8) *stringProbs {
	p := &stringProbs{make([]float64, len(length)), make([]float64, m.long.size())}
	of := func(k int, g uint32) float64 {
		h, count, lower := m.entry(k, g).parent, m.gram(k, g).count, 1/float64(m.a)
		if k > 1 {
			lower = p.of(m, k-1, m.gram(k, g).suffix)
		}
		switch {
		case count == 0 || m.nodes.at(h).total == 0:
			return float64(m.weight(s, k, h) * lower)
		case s.interpolates():
			return s.own(k, h, count) + float64(s.back(k, h)*lower)
		}
		return s.own(k, h, count)
	}
	for k := 1; k < m.n; k++ {
		for g, l := range length {
			if int(l) == k && m.entry(k, uint32(g)).symbol != mark {
				p.short[g] = of(k, uint32(g))
			}
		}
	}
	for g := 1; g < len(p.long); g++ {
		p.long[g] = of(m.n, uint32(g))
	}
	return p
}

// run computes a stretch of columns.
func (c *chart) run(ctx context.Context, places []uint32, ks []int, columns []predictors.Symbol, visit func(i, k int, p []float64), step func()) error {
	q, next := make([][stretch]float64, len(c.order)+1), make([][stretch]float64, len(c.order)+1) // by context
	c.begin(q, columns)
	for k, at := 1, 0; ; k++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		step()
		if ks[at] == k {
			for i, s := range places {
				visit(i, k, q[s][:len(columns)])
			}
			if at++; at == len(ks) {
				return nil
			}
		}
		c.step(next, q)
		q, next = next, q
	}
}

// begin sets q_1: what a step would come to if q_0 told which symbol came.
func (c *chart) begin(q [][stretch]float64, columns []predictors.Symbol) {
	column := make([]int8, len(c.start)) // 1 + that of a symbol
	for j, y := range columns {
		q[0][j] = c.start[y]
		column[y] = int8(1 + j)
	}
	for i, h := range c.order {
		row := &q[h]
		for j, v := range &q[c.suffix[i]] {
			row[j] = c.back[i] * v
		}
		for a := c.first[i]; a < c.first[i+1]; a++ {
			if j := column[c.symbol[a]]; j > 0 {
				row[j-1] += c.arcs[a].in - c.arcs[a].out
			}
		}
	}
}

// step sets next to q one symbol further.
func (c *chart) step(next, q [][stretch]float64) {
	row := &next[0]
	*row = [stretch]float64{}
	for y, to := range c.enters {
		for j, v := range &q[to] {
			row[j] += c.start[y] * v
		}
	}
	for i, h := range c.order {
		row := next[c.suffix[i]]
		for j := range row {
			row[j] *= c.back[i]
		}
		for _, a := range c.arcs[c.first[i]:c.first[i+1]] {
			to, from := &q[a.to], &q[a.from]
			for j := range row {
				row[j] += float64(a.in*to[j]) - float64(a.out*from[j])
			}
		}
		next[h] = row
	}
}
