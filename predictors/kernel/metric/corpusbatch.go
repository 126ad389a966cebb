package metric

import (
	"math"
	"math/rand/v2"
	"slices"

	"horizon/predictors"
	"horizon/predictors/kernel/corpus/agree"
)

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

// bytes is the text of the contexts, each document behind M missing symbols.
func (b *corpusBatch) bytes() []byte {
	from := int(b.targets[0]) - b.shape.M
	out := make([]byte, 0, len(b.text)-from+agree.Block)
	for _, x := range b.text[from:] {
		if int(x) == b.shape.A {
			x = missing
		}
		out = append(out, byte(x))
	}
	return out
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
