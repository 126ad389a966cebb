package transformer

import (
	"context"
	"errors"
	"testing"

	"horizon/predictors"
)

// fitWithin trains the tiny model, with that many steps planned, in a budget.
func fitWithin(t *testing.T, steps int, b predictors.Budget) (*Transformer, error) {
	t.Helper()
	c := Tiny().(*Config)
	c.Steps = steps
	p, err := c.New(predictors.Env{Alphabet: 5, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	xs := make([]predictors.Symbol, 2000)
	for i := range xs {
		xs[i] = predictors.Symbol(i % 5)
	}
	d := predictors.Data{Train: [][]predictors.Symbol{xs}, Valid: [][]predictors.Symbol{xs[:300]}, Budget: b}
	err = predictors.Train(context.Background(), p, d, nil)
	return p.(*Transformer), err
}

// Operations are used up, nearly and not beyond, and the plan is as it was.
func TestBudgetOfOperations(t *testing.T) {
	whole, err := fitWithin(t, 60, predictors.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	all, _ := whole.Ops()
	p, err := fitWithin(t, 60, predictors.Budget{TrainOps: all / 2})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := p.Ops(); got > all/2*1.1 || got < all/2*0.75 {
		t.Errorf("%v operations in a budget of %v", got, all/2)
	}
	if p.cfg.Steps != 60 || p.cfg.Warmup != 10 {
		t.Errorf("the plan is now %d steps, %d of warm-up", p.cfg.Steps, p.cfg.Warmup)
	}
}

// Under the clock it stops long before the steps do.
func TestBudgetOfSeconds(t *testing.T) {
	const steps = 1 << 29 // a year of them
	p, err := fitWithin(t, steps, predictors.Budget{TrainSeconds: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	if p.chosen.Step < 1 || p.cfg.Steps != steps {
		t.Errorf("kept step %v, the plan is %d steps", p.chosen.Step, p.cfg.Steps)
	}
}

func TestBudgetOfBytes(t *testing.T) {
	var refused *predictors.BudgetError
	if _, err := fitWithin(t, 20, predictors.Budget{ModelBytes: 1000}); !errors.As(err, &refused) {
		t.Errorf("1000 bytes: %v, want a refusal", err)
	}
	if _, err := fitWithin(t, 20, predictors.Budget{ModelBytes: 1 << 20}); err != nil {
		t.Error(err)
	}
}
