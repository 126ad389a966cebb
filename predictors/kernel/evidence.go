package kernel

import (
	"math"

	"horizon/predictors"
)

// Evidence lists what the sum over contexts came to. The weight of context i is
// w_i = ∂q_m(y; c)/∂1[label y] summed over the orders j ≥ 1, before discounts
// and as if nothing were truncated; Fallback is what is left to order 0, which
// ignores the context.
func (p *NadarayaWatson) Evidence() predictors.Evidence {
	s := p.shelf.take(p.model)
	defer p.shelf.put(s)
	return s.evidence(&p.past)
}

func (s *smoother) evidence(c *past) predictors.Evidence {
	s.past = *c
	s.gather()
	s.tallyChain(true)
	e := predictors.Evidence{}
	for j := range s.tally.touched {
		if len(s.tally.touched[j]) > 0 {
			e.Match = float64(j)
		}
	}
	_, e.Fallback = s.weigh()
	s.tally.clear()
	e.Effective = s.effective()
	return e
}

// effective is (Σ_i w_i)² / Σ_i w_i², by going over all contexts.
func (s *smoother) effective() float64 {
	m := s.c.Lags
	count := make([]float64, (m+1)<<m) // by level and set of agreement
	for _, pos := range s.memory.targets {
		count[uint32(s.memory.level[pos])<<m|s.memory.matches(&s.past, pos, m)]++
	}
	sum, squares := 0.0, 0.0
	for at, n := range count {
		if n == 0 {
			continue
		}
		set, level, k, w := at&(1<<m-1), at>>m, 1.0, 0.0
		for j := 1; j <= m; j++ {
			if set>>(j-1)&1 == 0 {
				k *= s.width.b[j]
			}
			if j >= level {
				w += k * s.d[j]
			}
		}
		sum += n * w
		squares += n * w * w
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / squares
}

// measured is on how many positions of the validation part the numbers of
// Describe and OpCounter are measured; each costs a pass over the memory.
const measured = 100

// measure sets n_eff of Describe and the operations of a prediction.
func (m *model) measure(docs [][]Symbol) {
	s := m.shelf.take(m)
	defer m.shelf.put(s)
	n, step := 0, 1+predictors.Data{Train: docs}.Symbols()/measured
	logs, ops := 0.0, 0.0
	for _, doc := range docs {
		var c past
		for i, x := range doc {
			if c.push(m.check(x), m.c.Lags); i%step == step/2 {
				n++
				logs += math.Log(max(1, s.evidence(&c).Effective))
				ops += s.operations()
			}
		}
	}
	m.perSymbol, m.width.effective = 0, 0
	if n > 0 {
		m.perSymbol, m.width.effective = ops/float64(n), math.Exp(logs/float64(n))
	}
}

// operations counts the last prediction: the nodes probed, follow words read,
// symbols compared, and the two passes over cells.
func (s *smoother) operations() float64 {
	words := 0
	for _, v := range s.splits {
		words += int(v.size) + s.c.Lags
	}
	return float64(words + len(s.hits)*s.c.Lags + 2*len(s.cells)*s.c.Lags)
}

// Ops counts, for training, a look at every context for each query of the
// tuning and the entries of the index, and, for a symbol, what the prediction
// of a sample of the validation part took.
func (p *NadarayaWatson) Ops() (train, perSymbol float64) {
	train, perSymbol = p.trainOps, p.perSymbol
	for _, m := range p.direct {
		train += m.trainOps
	}
	return train, perSymbol
}

// queryOps and indexOps are operations per training symbol: of a query, at
// each lag a comparison, and the count; and of indexing, where a symbol is
// named once a lag and moved about once for each two lags of each prefix.
func queryOps(lags int) float64 { return float64(lags + 1) }
func indexOps(lags int) float64 { return float64(lags * (lags + 2)) }

// nominalRate turns a bound of seconds into one of operations, so that equal
// budgets give equal models: this machine does some three times as many.
const nominalRate = 3e8

// SetBudget bounds the next training. A model too large keeps fewer contexts,
// the most recent; where operations or seconds are short, fewer contexts and
// fewer queries are looked at, seconds counting 3·10⁸ operations.
func (p *NadarayaWatson) SetBudget(b predictors.Budget) error {
	p.budget = b
	for _, m := range p.direct {
		m.budget = b
	}
	return nil
}

// operations is the bound on those of training, or 0.
func (m *model) operations() float64 {
	ops := m.budget.TrainOps
	if seconds := m.budget.TrainSeconds * nominalRate; seconds > 0 && (ops == 0 || seconds < ops) {
		ops = seconds
	}
	return ops
}
