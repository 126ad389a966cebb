package predictortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"horizon/predictors"
)

// budget trains within bounds on the model's bytes, symbols, seconds and
// operations: each is kept, or refused with its name and a reason.
func budget(s *subject) error {
	whole, err := s.trained()
	if err != nil {
		return err
	}
	size, err := predictors.Size(whole)
	if err != nil {
		return err
	}
	for _, b := range []predictors.Budget{{ModelBytes: 3*size + 1000}, {ModelBytes: size/2 + 1}, {ModelBytes: size/6 + 1},
		{TrainSeconds: 1e-9}, {TrainOps: 1}} {
		if err := s.keeps(b); err != nil {
			return fmt.Errorf("budget %+v: %w", b, err)
		}
	}
	return s.cutsSymbols()
}

// keeps trains within b.
func (s *subject) keeps(b predictors.Budget) error {
	p, err := s.within(b, s.data)
	if refused := new(predictors.BudgetError); errors.As(err, &refused) {
		return explained(b, refused)
	}
	if err != nil {
		return err
	}
	size, err := predictors.Size(p)
	if err != nil {
		return err
	}
	if b.ModelBytes > 0 && size > b.ModelBytes {
		return fmt.Errorf("the model takes %d bytes", size)
	}
	q, err := s.copyOf(p)
	if err != nil {
		return err
	}
	for i, x := range s.wild(200) {
		if err := s.isLaw(s.predict(p)); err != nil {
			return fmt.Errorf("after %d symbols: %w", i, err)
		}
		if !slices.Equal(s.predict(p), s.predict(q)) {
			return fmt.Errorf("after %d symbols: saved and loaded it predicts differently", i)
		}
		p.Observe(x)
		q.Observe(x)
	}
	return s.learnsOn(p)
}

// learnsOn teaches a bounded model more, as a prequential evaluation does.
func (s *subject) learnsOn(p predictor) error {
	if predictors.CanLearn(p) != nil {
		return nil
	}
	p.Reset()
	xs := s.wild(600)
	bits := make([]float64, len(xs))
	if err := predictors.ScoreLearning(p, bits, nil, xs); err != nil {
		return err
	}
	for i, b := range bits {
		if !s.kind.Oracle && (math.IsNaN(b) || math.IsInf(b, 0)) {
			return fmt.Errorf("learning on, symbol %d costs %v bits", i, b)
		}
	}
	return s.isLaw(s.predict(p))
}

// within trains a fresh predictor on d in a budget.
func (s *subject) within(b predictors.Budget, d predictors.Data) (predictor, error) {
	p, err := s.fresh()
	if err != nil {
		return nil, err
	}
	d.Budget = b
	return p, predictors.Train(context.Background(), p, d, nil)
}

// explained refuses refusals that do not say which bound, or not why.
func explained(b predictors.Budget, err error) error {
	name := map[bool]string{b.ModelBytes > 0: "model_bytes", b.TrainSeconds > 0: "train_seconds", b.TrainOps > 0: "train_ops"}[true]
	_, why, found := strings.Cut(err.Error(), name)
	if !found || len(why) < 20 {
		return fmt.Errorf("refused with %q, want %s and a reason", err, name)
	}
	return nil
}

// cutsSymbols trains on the first symbols only, by a budget and by hand.
func (s *subject) cutsSymbols() error {
	first := s.data.Train[0]
	byBudget, err := s.within(predictors.Budget{Symbols: 1200}, s.data)
	if err != nil {
		return err
	}
	byHand, err := s.within(predictors.Budget{}, predictors.Data{Train: [][]symbol{first[:1200]}, Valid: s.data.Valid})
	if err != nil {
		return err
	}
	var a, b bytes.Buffer
	if err := errors.Join(predictors.Save(&a, byBudget), predictors.Save(&b, byHand)); err != nil {
		return err
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		return errors.New("a budget of 1200 symbols trains another model than the first 1200 symbols do")
	}
	return nil
}

// operations checks what a predictor counts: something, more for more work.
func operations(s *subject) error {
	p, err := s.fresh()
	if err != nil {
		return err
	}
	if _, ok := p.(predictors.OpCounter); !ok {
		return nil
	}
	count := func(symbols int64) (train, per float64, err error) {
		p, err := s.within(predictors.Budget{Symbols: symbols}, s.data)
		if err != nil {
			return 0, 0, err
		}
		train, per = p.(predictors.OpCounter).Ops()
		return train, per, nil
	}
	less, _, err := count(500)
	if err != nil {
		return err
	}
	more, per, err := count(2500)
	if err != nil {
		return err
	}
	_, fits := p.(predictors.Fitter)
	_, learns := p.(predictors.Learner)
	switch {
	case math.IsNaN(more) || math.IsNaN(per): // a part of it does not count
	case math.IsInf(more, 0) || math.IsInf(per, 0) || !(per > 0):
		return fmt.Errorf("%v operations of training, %v a symbol, want finite numbers, the second above 0, or NaN", more, per)
	case fits || learns:
		if !(less > 0 && more >= less) {
			return fmt.Errorf("%v operations for 500 training symbols, %v for 2500", less, more)
		}
	case more != 0:
		return fmt.Errorf("%v operations of training, with nothing to train", more)
	}
	return nil
}

// evidence checks what a predictor says its predictions rest on.
func evidence(s *subject) error {
	return s.both(func(p predictor) error {
		w, ok := p.(predictors.Witness)
		if !ok {
			return nil
		}
		for i, x := range s.wild(300) {
			before := s.predict(p)
			v := w.Evidence()
			if v.Match < 0 || !(v.Effective >= 0 || math.IsNaN(v.Effective)) || math.IsInf(v.Effective, 0) || v.Fallback < -1e-9 || v.Fallback > 1+1e-9 {
				return fmt.Errorf("after %d symbols: %+v, want a match and an effective number of at least 0, a fallback from 0 to 1, or NaN", i, v)
			}
			if v.Match > float64(i) {
				return fmt.Errorf("after %d symbols: a match of %v", i, v.Match)
			}
			if !slices.Equal(before, s.predict(p)) {
				return fmt.Errorf("after %d symbols: asking for evidence changed the prediction", i)
			}
			if f := p.Fork().(predictors.Witness).Evidence(); !alike(v, f) {
				return fmt.Errorf("after %d symbols: %+v, a fork says %+v", i, v, f)
			}
			p.Observe(x)
		}
		return nil
	})
}

// alike compares bit by bit, so that NaN equals NaN.
func alike(v, w predictors.Evidence) bool {
	same := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
	return same(v.Match, w.Match) && same(v.Effective, w.Effective) && same(v.Fallback, w.Fallback)
}
