package metrics

import (
	"gonum.org/v1/gonum/mat"

	"horizon/corpora"
	"horizon/predictors"
)

// A Probe asks whether a predictor's hidden state holds the belief of the
// process's exact Bayes filter, the law of its states given the past, as a
// linear image (Shai et al. 2024, Transformers represent belief state geometry
// in their residual stream): belief ≈ (1, hidden) B by least squares over the
// even evaluation points, and over the odd ones, which the fit has not seen,
//
//	R² = 1 − Σ ‖belief − fitted‖² / Σ ‖belief − mean of the even ones‖²
//
// It leaves no rows for predictors that show no hidden state, for processes
// whose filter shows no belief or one that never moves, and where there are
// fewer points to fit than states or than twice as many as coefficients.
type Probe struct {
	beliefs [][]float64 // of the filter, at each evaluation point
	hidden  [][]float64 // of the predictor
}

// NewProbe walks the filter over the test part as Walk walks a predictor.
func NewProbe(c *corpora.Corpus, o Protocol) *Probe {
	b := &Probe{}
	if c.Process == nil {
		return b
	}
	believer, ok := c.Process.Filter().(corpora.Believer)
	if !ok {
		return b
	}
	points := placePoints(c.Test.Docs, o.Points, farthest(o))
	if states := len(believer.Belief(nil)); (len(points)+1)/2 < states {
		return b
	}
	eachPoint(c, o, func(f corpora.Filter) { b.beliefs = append(b.beliefs, f.(corpora.Believer).Belief(nil)) })
	return b
}

// eachPoint walks the exact Bayes filter of a known process over the test part
// as Walk walks a predictor, stopping at the same points.
func eachPoint(c *corpora.Corpus, o Protocol, at func(f corpora.Filter)) {
	f := c.Process.Filter()
	points, first := placePoints(c.Test.Docs, o.Points, farthest(o)), 0
	for i, doc := range c.Test.Docs {
		f.Reset()
		if i == 0 && o.Continue && c.Test.Continues {
			past := before(c)
			for _, x := range past[max(0, len(past)-o.ContextSymbols):] {
				f.Observe(x)
			}
		}
		for j, x := range doc {
			if len(points) > 0 && points[0] == first+j {
				at(f)
				points = points[1:]
			}
			f.Observe(x)
		}
		first += len(doc)
	}
}

// Scored implements Metric.
func (b *Probe) Scored(Run) {}

// At implements Metric.
func (b *Probe) At(pt Point, p predictors.Predictor) error {
	if h, ok := p.(predictors.Hidden); ok && pt.Index < len(b.beliefs) {
		b.hidden = append(b.hidden, append([]float64{1}, h.Hidden(nil)...))
	}
	return nil
}

// Rows implements Metric.
func (b *Probe) Rows() ([]Score, []Block) {
	n := len(b.hidden)
	if n == 0 || n != len(b.beliefs) || (n+1)/2 < 2*len(b.hidden[0]) {
		return nil, nil
	}
	var xs, ys [2]*mat.Dense // even points, odd points
	for odd := range 2 {
		xs[odd], ys[odd] = every2(b.hidden, odd), every2(b.beliefs, odd)
	}
	fitted := regress(xs[0], ys[0], xs[1])
	left, moved := 0.0, 0.0
	for j := range len(b.beliefs[0]) {
		mean := mat.Sum(ys[0].ColView(j)) / float64((n+1)/2)
		for i := range n / 2 {
			y := ys[1].At(i, j)
			left += (y - fitted.At(i, j)) * (y - fitted.At(i, j))
			moved += (y - mean) * (y - mean)
		}
	}
	if moved == 0 {
		return nil, nil
	}
	return []Score{{"belief_r2", 1, n / 2, 1 - left/moved}}, nil
}

// every2 is every second row, the first or the second.
func every2(rows [][]float64, from int) *mat.Dense {
	m := mat.NewDense((len(rows)+1-from)/2, len(rows[0]), nil)
	for i := from; i < len(rows); i += 2 {
		m.SetRow(i/2, rows[i])
	}
	return m
}

// regress fits y = x B by least squares, of least norm where x has columns that
// depend on others, and returns at B.
func regress(x, y, at *mat.Dense) *mat.Dense {
	var svd mat.SVD
	var coefficients, fitted mat.Dense
	if !svd.Factorize(x, mat.SVDThin) {
		panic("metrics: a singular value decomposition did not converge")
	}
	const negligible = 1e-6 // of the largest singular value: hidden states may be float32
	svd.SolveTo(&coefficients, y, svd.Rank(negligible))
	fitted.Mul(at, &coefficients)
	return &fitted
}
