package corpus

import (
	"fmt"
	"math"

	"horizon/predictors"
)

// nominalRate turns a bound of seconds into one of operations, so that equal
// budgets give equal models.
const nominalRate = 3e8

// SetBudget bounds the next training: bytes are kept by remembering fewer
// contexts, the most recent, operations and seconds (of 3·10⁸ operations) by
// that and fewer queries.
func (p *Smoother) SetBudget(b predictors.Budget) error {
	p.budget = b
	if b.ModelBytes > 0 { // half for q0
		return p.lower.SetBudget(predictors.Budget{ModelBytes: b.ModelBytes / 2})
	}
	return nil
}

// plan says how many contexts to remember (0 for all) and queries to tune on.
func (p *Smoother) plan(d predictors.Data) (keep, queries int, err error) {
	keep, queries = p.c.Memory, p.c.Queries
	limit := func(n float64) {
		if keep == 0 || n < float64(keep) {
			keep = int(n)
		}
	}
	if p.budget.ModelBytes > 0 {
		limit((float64(p.budget.ModelBytes)/2 - p.fixedBytes()) / p.contextBytes())
		if keep < 1 {
			return 0, 0, fmt.Errorf("kernel-smoother: model_bytes = %d, want at least %.0f for a context",
				p.budget.ModelBytes, 2*(p.fixedBytes()+p.contextBytes()))
		}
	}
	ops := p.budget.TrainOps
	if s := p.budget.TrainSeconds * nominalRate; s > 0 && (ops == 0 || s < ops) {
		ops = s
	}
	if ops > 0 {
		each := 12 * p.metric.operations() // of some twelve trials
		n := float64(d.Symbols())
		if keep > 0 {
			n = min(n, float64(keep))
		}
		queries = max(1, min(queries, int(ops/(each*max(1, n)))))
		if most := ops / (each * float64(queries)); most < n {
			limit(math.Max(1, most))
		}
	}
	return keep, queries, nil
}

// contextBytes is what a context takes, and fixedBytes what is there anyhow.
func (p *Smoother) contextBytes() float64 {
	b := 5.0
	if p.c.Mixing {
		d := p.c.Dimension
		if p.c.Embedding == "one-hot" {
			d = p.a
		}
		b += float64(4*d + 4)
	}
	if p.c.stringy() {
		b += 8
	}
	if p.c.Search == "bucket" {
		b += 16
	}
	if p.c.Tau > 0 {
		b += 4
	}
	return b
}

func (p *Smoother) fixedBytes() float64 {
	fixed := 2048.0
	if p.c.Mixing || p.c.Embedding == "ppmi" || p.c.Embedding == "random" {
		fixed += float64(4 * p.a * p.c.Dimension * (1 + p.c.Lags))
	}
	return fixed
}

// keepWithin checks the bound on bytes.
func (m *model) keepWithin(b predictors.Budget) error {
	p := &Smoother{model: m}
	if have := p.Bytes(); b.ModelBytes > 0 && have > b.ModelBytes {
		return fmt.Errorf("kernel-smoother: model_bytes = %d, and %d were needed", b.ModelBytes, have)
	}
	return nil
}

// Ops counts the comparisons with contexts, each of so many lags or dimensions,
// of tuning and of one prediction, and q0's.
func (p *Smoother) Ops() (train, perSymbol float64) {
	train, perSymbol = p.lower.Ops()
	return train + p.trainOps, perSymbol + float64(p.text.count)*p.metric.operations()
}
