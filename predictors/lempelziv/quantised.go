package lempelziv

import (
	"context"
	"fmt"
	"io"
	"time"

	"horizon/predictors"
)

// Quantised contexts, a lossy code for contexts ("JPEG for text"): match on K
// classes of symbols and predict symbols, since two contexts that differ in a
// letter may still be followed by the same. Contexts
// of 0 to m labels are counted and blended as quantisedgrams.go says; symbols
// are classed on the training part as quantisedclasses.go says (Brown et al.
// 1992; Martin, Liermann & Ney 1998). Recent lags may stay exact while distant
// ones are quantised, as a lossy code keeps the coarse coefficients: K = A, or
// exact_lags = m, is the exact model.
//
// Within max_bytes what says most is kept (quantisedprune.go); the weights are
// then tuned on what is left. Learning goes on with the classes as they are,
// and within max_bytes stores no new context or follower. Without training text
// classes are ranges of symbols of equal length.
//
// Cost: see quantisedgrams.go, and the exchange.

// A QuantisedConfig configures the kind "quantised-context".
type QuantisedConfig struct {
	// Order is m, the longest context in symbols, 1 to 32.
	Order int `toml:"order"`
	// Classes is K, 2 to A; 0 is A, exact contexts.
	Classes int `toml:"classes"`
	// ExactLags is how many of the latest symbols a context sees exactly.
	ExactLags int `toml:"exact_lags"`
	// MaxBytes bounds the model; 0 does not.
	MaxBytes int64 `toml:"max_bytes"`
}

// DefaultQuantised sees three symbols exactly and three more in 16 classes.
func DefaultQuantised() predictors.Config {
	return &QuantisedConfig{Order: 6, Classes: 16, ExactLags: 3}
}

// TinyQuantised is of order 3.
func TinyQuantised() predictors.Config {
	return &QuantisedConfig{Order: 3, Classes: 3, ExactLags: 1}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *QuantisedConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("quantised-context", env.Alphabet); err != nil {
		return nil, err
	}
	switch {
	case c.Order < 1 || c.Order > maxQuantOrder:
		return nil, fmt.Errorf("quantised-context: order = %d, want 1 to %d", c.Order, maxQuantOrder)
	case c.Classes < 0 || c.Classes == 1:
		return nil, fmt.Errorf("quantised-context: classes = %d, want at least 2, or 0 for as many as there are symbols", c.Classes)
	case c.ExactLags < 0 || c.ExactLags > c.Order:
		return nil, fmt.Errorf("quantised-context: exact_lags = %d, want 0 to order = %d", c.ExactLags, c.Order)
	case c.MaxBytes < 0:
		return nil, fmt.Errorf("quantised-context: max_bytes = %d, want > 0, or 0 for no bound", c.MaxBytes)
	}
	q := &quantised{quantWalk: newQuantWalk(newQuantGrams(env.Alphabet, c.Order, c.ExactLags)),
		classes: c.Classes, budget: predictors.Budget{ModelBytes: c.MaxBytes}}
	if q.classes == 0 || q.classes >= env.Alphabet {
		q.classes = env.Alphabet
	} else {
		q.class = make([]predictors.Symbol, env.Alphabet)
		for x := range q.class {
			q.class[x] = predictors.Symbol(x * c.Classes / env.Alphabet)
		}
	}
	return q, nil
}

type quantised struct {
	quantWalk
	classes int
	budget  predictors.Budget
	forked  bool
}

func (q *quantised) Alphabet() int                       { return q.a }
func (q *quantised) Reset()                              { q.reset() }
func (q *quantised) Predict(probs []float64)             { q.predict(probs) }
func (q *quantised) Prob(x predictors.Symbol) float64    { return q.prob(x) }
func (q *quantised) Observe(x predictors.Symbol)         { q.observe(x) }
func (q *quantised) Evidence() predictors.Evidence       { return q.evidence() }
func (q *quantised) Ops() (train, perSymbol float64)     { return q.ops, q.opsPerSymbol() }
func (q *quantised) Bytes() int64                        { return q.bytes() }
func (q *quantised) WriteTo(w io.Writer) (int64, error)  { return predictors.WriteArchive(w, q.fields) }
func (q *quantised) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, q.fields) }

func (q *quantised) Fork() predictors.Predictor {
	return &quantised{quantWalk: q.fork(), classes: q.classes, forked: true}
}

// Learn counts x after the present context.
func (q *quantised) Learn(x predictors.Symbol) {
	if q.forked {
		panic("quantised-context: a fork does not learn")
	}
	q.learn(x)
}

// State is the labels of the last m symbols, stored as a context or not.
func (q *quantised) State(b []byte) []byte {
	b = append(b, byte(q.known))
	for lag := 1; lag <= q.known; lag++ {
		x := q.label(lag, q.past[lag-1])
		b = append(b, byte(x), byte(x>>8))
	}
	return b
}

// SetBudget keeps all bounds: bytes by dropping contexts, seconds and
// operations by not counting the rest of the training part.
func (q *quantised) SetBudget(b predictors.Budget) error {
	if b.ModelBytes == 0 {
		b.ModelBytes = q.budget.ModelBytes
	}
	q.budget = b
	return nil
}

// Fit classes the symbols, counts, drops what does not fit and tunes.
func (q *quantised) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	q.quantGrams.clear()
	q.table, q.ops = nil, 0
	if q.classes < q.a {
		class, ops, err := quantClasses(ctx, d.Train, q.a, q.classes, q.exact)
		if err != nil {
			return err
		}
		q.ops += ops
		if d.Symbols() > q.exact+1 {
			q.class = class
		}
	}
	count := counting{ctx, report, q.budget, q.reset, q.learn, func() float64 { return q.ops }}
	if err := count.run(d); err != nil {
		return err
	}
	q.reset()
	q.table = make([]float64, len(newQuantTable(q.order))) // what tuning will need
	if err := q.prune(q.budget.ModelBytes); err != nil {
		return &predictors.BudgetError{Err: fmt.Errorf("quantised-context: model_bytes = %w", err)}
	}
	q.tune(d)
	return ctx.Err()
}

// A counting counts a training part, until its budget is used up.
type counting struct {
	ctx    context.Context
	report func(predictors.Progress)
	budget predictors.Budget
	begin  func() // a document
	learn  func(x predictors.Symbol)
	ops    func() float64
}

func (c *counting) run(d predictors.Data) error {
	n, total, start := int64(0), int64(d.Symbols()), time.Now()
	for _, doc := range d.Train {
		c.begin()
		for _, x := range doc {
			c.learn(x)
			if n++; n%(1<<14) != 0 {
				continue
			}
			if err := c.ctx.Err(); err != nil {
				return err
			}
			c.report(predictors.Progress{Stage: "train", Done: n, Total: total, Symbols: n})
			if c.spent(time.Since(start)) {
				return nil
			}
		}
	}
	c.report(predictors.Progress{Stage: "train", Done: n, Total: total, Symbols: n})
	return c.ctx.Err()
}

// spent says whether seven tenths of the time or of the operations are used
// up: the rest is for dropping and tuning.
func (c *counting) spent(d time.Duration) bool {
	b := c.budget
	return b.TrainSeconds > 0 && d.Seconds() > 0.7*b.TrainSeconds || b.TrainOps > 0 && c.ops() > 0.7*b.TrainOps
}

// Describe counts contexts and classes.
func (q *quantised) Describe() map[string]float64 {
	out := map[string]float64{}
	q.describe(out)
	seen := map[predictors.Symbol]bool{}
	for _, c := range q.class {
		seen[c] = true
	}
	out["classes"] = float64(len(seen))
	if q.class == nil {
		out["classes"] = float64(q.a)
	}
	return out
}
