package main

import (
	"errors"
	"fmt"
	"math"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/runner/config"
	"horizon/runner/metrics"
)

// refusal is why a cell's budget cannot be kept, as far as that is known
// before training; "" if it can.
func (p *plan) refusal(c *corpora.Corpus, kind string, run config.Run) string {
	if c == nil || run.Budget == (predictors.Budget{}) {
		return ""
	}
	if run.Coder != nil {
		return reason(kind, priceable(run.Budget))
	}
	q, err := run.Config.New(p.env(c))
	if err != nil {
		return "" // told of elsewhere
	}
	return reason(kind, predictors.SetBudget(q, run.Budget))
}

func reason(kind string, err error) string {
	if err == nil {
		return ""
	}
	return kind + ": " + err.Error()
}

// overBudget turns the refusal of a budget into a cell that is skipped.
func overBudget(kind string, err error) error {
	var refused *predictors.BudgetError
	if errors.As(err, &refused) {
		return unavailable{reason(kind, err)}
	}
	return err
}

// priceable says why a compressor cannot keep a budget.
func priceable(b predictors.Budget) error {
	for name, v := range map[string]float64{"model_bytes": float64(b.ModelBytes), "train_seconds": b.TrainSeconds, "train_ops": b.TrainOps} {
		if v > 0 {
			return &predictors.BudgetError{Err: fmt.Errorf("%s = %v: a compressor keeps no model and is not trained apart from coding; it can have fewer symbols", name, v)}
		}
	}
	return nil
}

// trainText is the text of the training part, or of its first n symbols, and
// how many symbols that is.
func trainText(c *corpora.Corpus, n int64) (text []byte, symbols int) {
	text, symbols = c.Train.Text(), c.Train.Symbols
	if n == 0 || int64(symbols) <= n {
		return text, symbols
	}
	symbols = int(n)
	if c.Train.Widths == nil {
		return text[:n], symbols
	}
	bytes := 0
	for _, doc := range c.Train.Widths {
		for _, w := range doc[:min(int64(len(doc)), n)] {
			bytes += int(w)
		}
		n -= min(int64(len(doc)), n)
	}
	return text[:bytes], symbols
}

// counted are the scores of work: operations of training, and of one test
// symbol. NaN stands for what the predictor does not count.
func counted(p predictors.Predictor, out *outcome) (scores []metrics.Score) {
	if !math.IsNaN(out.TrainOps) {
		scores = append(scores, metrics.Score{Metric: "train_ops", Horizon: 1, N: out.TrainSymbols, Value: out.TrainOps})
	}
	if c, ok := p.(predictors.OpCounter); ok {
		_, per := c.Ops()
		scores = append(scores, metrics.Score{Metric: "ops_per_symbol", Horizon: 1, N: out.TestSymbols, Value: per})
	}
	return scores
}
