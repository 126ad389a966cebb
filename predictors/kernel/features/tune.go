package features

import (
	"context"
	"math"
	"time"

	"horizon/predictors"
)

// β, ρ and α minimise the loss on a sample: the first `sample` training symbols
// are learned and queries stretches of the validation part, or of the rest of
// the training part where there is none, predicted from them. Coordinates in
// turn are moved up and down by steps that shrink; every trial of β or ρ
// learns the sample anew, α costs only the mixing of what was kept.

const (
	queries    = 600 // predictions of a trial
	stretch    = 30  // of them in a row
	trials     = 5   // rounds of the search
	tick       = 1 << 10
	firstStep  = 1.0 // in ln β; half of it in the logit of ρ
	shrinkStep = 0.55
)

// Fit chooses what is not given and learns the training part.
func (p *Features) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if report == nil {
		report = func(predictors.Progress) {}
	}
	p.start = time.Now()
	defer func() { p.left = predictors.Budget{} }() // it was for this training
	p.forget()
	p.Reset()
	p.ops, p.bits = 0, 0
	if err := p.choose(ctx, d, report); err != nil {
		return err
	}
	n, total := 0, int64(d.Symbols())
	for _, doc := range d.Train {
		p.Reset()
		for _, x := range doc {
			p.Learn(x)
			if n++; n%tick != 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			report(predictors.Progress{Stage: "train", Done: int64(n), Total: total, Symbols: int64(n)})
			if p.spent(p.ops) {
				return nil
			}
		}
	}
	return ctx.Err()
}

// spent says that the budget of time or operations is used up.
func (m *model) spent(ops float64) bool {
	return m.left.TrainSeconds > 0 && time.Since(m.start).Seconds() > m.left.TrainSeconds ||
		m.left.TrainOps > 0 && ops > m.left.TrainOps
}

// A search is the sample and where the search stands.
type search struct {
	*model
	learn  [][]symbol
	asked  [][]symbol // stretches to be predicted from their own context
	hit    []float64  // of each prediction, what the memory gives the true symbol,
	total  []float64  // all symbols
	lower  []float64  // and q0 the true one
	f      []float64
	before []symbol
}

func (p *Features) choose(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	c := &p.config
	if c.Beta > 0 && c.Rho > 0 && c.Alpha > 0 {
		return nil
	}
	s := p.newSearch(d)
	if len(s.learn) == 0 || len(s.asked) == 0 {
		return ctx.Err()
	}
	best := s.try()
	step := firstStep
	for round := range trials {
		for _, axis := range []struct {
			value    *float64
			fixed    bool
			low, top float64
			step     float64
		}{{&s.beta, c.Beta > 0, 0.01, 50, step}, {&s.rho, c.Rho > 0, 0.01, 0.99, step / 2}} {
			for _, sign := range []float64{1, -1} {
				if axis.fixed || s.spent(s.ops) {
					continue
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				was, alpha := *axis.value, s.alpha
				*axis.value = math.Min(math.Max(was*math.Exp(sign*axis.step), axis.low), axis.top)
				if bits := s.try(); bits < best {
					best = bits
					break
				}
				*axis.value, s.alpha = was, alpha
			}
		}
		step *= shrinkStep
		report(predictors.Progress{Stage: "tune", Done: int64(round + 1), Total: trials})
	}
	p.beta, p.rho, p.alpha, p.bits = s.beta, s.rho, s.alpha, best
	p.ops += s.ops
	return nil
}

func (p *Features) newSearch(d predictors.Data) *search {
	m := *p.model
	m.ops = 0
	s := &search{model: &m, f: make([]float64, p.config.Count)}
	left := p.config.Sample
	var rest [][]symbol
	for _, doc := range d.Train {
		n := min(len(doc), left)
		s.learn, rest, left = append(s.learn, doc[:n]), append(rest, doc[n:]), left-n
	}
	if (predictors.Data{Train: d.Valid}).Symbols() > 0 {
		rest = d.Valid
	}
	every := max(1, (predictors.Data{Train: rest}).Symbols()/(queries/stretch))
	for _, doc := range rest {
		for at := 0; at < len(doc); at += every {
			s.asked = append(s.asked, doc[at:min(at+stretch, len(doc))])
		}
	}
	return s
}

// try learns the sample with the present β and ρ and returns the loss in bits
// with the best α, which it sets.
func (s *search) try() float64 {
	s.forget()
	s.walk(s.learn, func(x symbol) { s.add(s.f, x); s.ops += s.perLearn() })
	s.hit, s.total, s.lower = s.hit[:0], s.total[:0], s.lower[:0]
	s.walk(s.asked, s.ask)
	if s.config.Alpha > 0 {
		return s.loss(s.config.Alpha)
	}
	best := math.Inf(1)
	for power := -4.0; power <= 14; power += 0.5 { // of e
		if bits := s.loss(math.Exp(power)); bits < best {
			best, s.alpha = bits, math.Exp(power)
		}
	}
	return best
}

func (s *search) walk(docs [][]symbol, do func(x symbol)) {
	m := s.config.Lags
	for _, doc := range docs {
		s.before = s.before[:0]
		for _, x := range doc {
			s.phi(s.f, s.before)
			do(x)
			s.before = append(s.before, 0)
			copy(s.before[1:], s.before)
			s.before[0] = x
			s.before = s.before[:min(len(s.before), m)]
		}
	}
}

func (s *search) ask(x symbol) {
	total := 0.0
	for y := range s.counts {
		total += s.mass(s.f, y)
	}
	s.hit, s.total, s.lower = append(s.hit, s.mass(s.f, int(x))), append(s.total, total), append(s.lower, s.model.lower(int(x)))
	s.ops += 2 * float64(len(s.counts)*len(s.f))
}

func (s *search) loss(alpha float64) (bits float64) {
	for i, hit := range s.hit {
		bits -= math.Log2(floor + (alpha*s.lower[i]+hit)/(alpha+s.total[i]))
	}
	return bits / float64(len(s.hit))
}
