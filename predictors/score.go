package predictors

import (
	"errors"
	"math"
)

// Score writes to bits[i] the log-loss −log₂ P(xs[i]) in its context and to
// top[i], unless top is nil, the most probable symbol there (the smallest
// such index on ties), and moves p past xs. The result does not depend on how
// a sequence is cut into blocks.
func Score(p Predictor, bits []float64, top []Symbol, xs []Symbol) {
	if s, ok := p.(Scorer); ok {
		s.Score(bits, top, xs)
		return
	}
	scoreEach(p, bits, top, xs, p.Observe)
}

// ScoreLearning scores like Score, with a learning step after each symbol
// (the prequential mode of Dawid 1984). It refuses predictors that are
// trained but cannot learn symbol by symbol; one with nothing to train only
// observes.
func ScoreLearning(p Predictor, bits []float64, top []Symbol, xs []Symbol) error {
	l, ok := p.(Learner)
	if !ok {
		if err := CanLearn(p); err != nil {
			return err
		}
		Score(p, bits, top, xs)
		return nil
	}
	if s, ok := p.(LearningScorer); ok && top == nil {
		s.ScoreLearning(bits, top, xs)
		return nil
	}
	scoreEach(p, bits, top, xs, l.Learn)
	return nil
}

// A LearningScorer is a Learner that scores and learns in one pass.
// ScoreLearning writes to bits[i] the loss of xs[i] and learns it, where top
// is nil. Losses and model must equal those of Score and then Learn, symbol by
// symbol, bit for bit.
type LearningScorer interface {
	ScoreLearning(bits []float64, top []Symbol, xs []Symbol)
}

// CanLearn says why p cannot be scored prequentially, or nil.
func CanLearn(p Predictor) error {
	_, fits := p.(Fitter)
	_, learns := p.(Learner)
	if fits && !learns {
		return errors.New("prequential mode is not defined for it: it is trained in one go and cannot learn symbol by symbol")
	}
	return nil
}

// scoreEach is the definition of Score, symbol by symbol.
func scoreEach(p Predictor, bits []float64, top []Symbol, xs []Symbol, step func(Symbol)) {
	prober, ok := p.(Prober)
	if ok && top == nil {
		for i, x := range xs {
			bits[i] = -math.Log2(prober.Prob(x))
			step(x)
		}
		return
	}
	probs := make([]float64, p.Alphabet())
	for i, x := range xs {
		p.Predict(probs)
		bits[i] = -math.Log2(probs[x])
		if top != nil {
			top[i] = Argmax(probs)
		}
		step(x)
	}
}

// Argmax is the index of the largest probability, the smallest on ties.
func Argmax(p []float64) Symbol {
	best := 0
	for x, v := range p {
		if v > p[best] {
			best = x
		}
	}
	return Symbol(best)
}

// Sample inverts the distribution function of p at u in [0, 1).
func Sample(p []float64, u float64) Symbol {
	sum, last := 0.0, 0
	for x, v := range p {
		if v > 0 {
			last = x
		}
		if sum += v; u < sum {
			return Symbol(x)
		}
	}
	return Symbol(last) // u fell into the rounding error above the last sum
}
