package results

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat"
)

// How a loss falls with an amount n (training symbols, bytes, operations), by
// least squares, all points of a sweep alike:
//
//	LogLaw    h + c / log₂ n   what incremental parsing pays over the entropy
//	                           (Savari 1997, IEEE Trans. Inf. Theory 43:9)
//	PowerLaw  L + b n^−β       the learning curves of most else (Hestness et
//	                           al. 2017, arXiv:1712.00409, sec. 2)
//
// For a given β both are straight lines in g(n) = 1/log₂ n or n^−β, solved as
// such; β is searched for (Golub & Pereyra 1973, SIAM J. Numer. Anal. 10:413).
//
// The interval of a parameter joins two errors that know nothing of each
// other, in quadrature. That of the law and of training, which scatters the
// points about the curve: from the curvature of the sum of squares, θ ± t s
// √(JᵀJ)⁻¹, with Student's t of points − parameters degrees of freedom. And that
// of the test text, which the points share, so that it moves the curve and not
// the scatter: the percentiles of the parameters fitted again to stationary
// resamples of the block losses, the same runs of blocks at all points.

// A Law is a family of curves with an asymptote and a slope in g(n).
type Law struct {
	Name    string
	Formula string
	Params  []string // the asymptote, the slope, and the exponent if there is one
}

var (
	LogLaw   = Law{"log", "h + c/log2 n", []string{"h", "c"}}
	PowerLaw = Law{"power", "L + b n^-beta", []string{"L", "b", "beta"}}
)

// The range of exponents searched. Below it a power law is a straight line
// against log n, above it a step.
const minBeta, maxBeta = 0.01, 10

func (l Law) searched() bool { return len(l.Params) == 3 }

// g is what the loss is a straight line in.
func (l Law) g(n, beta float64) float64 {
	if l.searched() {
		return math.Pow(n, -beta)
	}
	return 1 / math.Log2(n)
}

// A Param is a parameter of a Law with its 95% interval. Of one that was given
// the ends are the value.
type Param struct {
	Name string
	Interval
}

// A Fit is a Law fitted to points.
type Fit struct {
	Law    Law
	Params []Param // in the order of Law.Params
	Given  bool    // the asymptote was not fitted
	Points int
	RMS    float64 // root mean square of loss less curve
	n, y   []float64
}

// At is the fitted loss at n.
func (f Fit) At(n float64) float64 { return f.curve().at(n) }

func (f Fit) curve() curve {
	c := curve{f.Law, f.Params[0].Value, f.Params[1].Value, math.NaN()}
	if f.Law.searched() {
		c.beta = f.Params[2].Value
	}
	return c
}

// curve is one member of a Law.
type curve struct {
	law            Law
	floor, b, beta float64
}

func (c curve) at(n float64) float64 { return c.floor + c.b*c.law.g(n, c.beta) }

func (c curve) params() []float64 { return []float64{c.floor, c.b, c.beta}[:len(c.law.Params)] }

// FitLaw fits a law to losses at amounts n; known is the asymptote where it is
// given, NaN where it is to be fitted. The intervals are those of the
// curvature; Resample adds the test text's. Fewer different amounts than
// fitted parameters and one, and points that fix no exponent, are errors.
func FitLaw(law Law, n, loss []float64, known float64) (Fit, error) {
	if err := fittable(law, n, loss, known); err != nil {
		return Fit{}, fmt.Errorf("fit of %s: %w", law.Formula, err)
	}
	c := law.fit(n, loss, known, math.NaN())
	if law.searched() && (c.beta < minBeta*1.001 || c.beta > maxBeta/1.001) {
		err := fmt.Errorf("beta runs to %.3g, the end of its range", c.beta)
		return Fit{}, fmt.Errorf("fit of %s: %w", law.Formula, err)
	}
	f := Fit{Law: law, Given: !math.IsNaN(known), Points: len(n), n: slices.Clone(n), y: slices.Clone(loss)}
	sse := c.squares(n, loss)
	f.RMS = math.Sqrt(sse / float64(len(n)))
	half := c.halfWidths(n, sse, f.Given)
	for i, v := range c.params() {
		h := half[i]
		f.Params = append(f.Params, Param{law.Params[i], Interval{v, v - h, v + h, !math.IsNaN(h)}})
	}
	return f, nil
}

func fittable(law Law, n, loss []float64, known float64) error {
	if len(n) != len(loss) {
		return fmt.Errorf("amounts = %d and losses = %d, want as many", len(n), len(loss))
	}
	least := 0.0
	if !law.searched() {
		least = 1 // where log n = 0
	}
	for i, x := range n {
		if !(x > least) || math.IsInf(x, 0) || math.IsNaN(loss[i]) || math.IsInf(loss[i], 0) {
			return fmt.Errorf("point %d = (%v, %v), want a finite loss at n > %v", i, x, loss[i], least)
		}
	}
	want := len(law.Params) + 1
	if !math.IsNaN(known) {
		want--
	}
	if different := len(slices.Compact(slices.Sorted(slices.Values(n)))); different < want {
		return fmt.Errorf("different amounts = %d, want ≥ %d", different, want)
	}
	return nil
}

// fit is the member of the law with the least squares; start is a β to search
// from, NaN if there is none.
func (l Law) fit(n, loss []float64, known, start float64) curve {
	if !l.searched() {
		return l.line(n, loss, known, math.NaN())
	}
	squares := func(beta float64) float64 { return l.line(n, loss, known, beta).squares(n, loss) }
	if math.IsNaN(start) {
		start = bestOfGrid(squares)
	}
	return l.line(n, loss, known, searchBeta(squares, start))
}

// line is the best straight line in g(n).
func (l Law) line(n, loss []float64, known, beta float64) curve {
	g := make([]float64, len(n))
	for i, x := range n {
		g[i] = l.g(x, beta)
	}
	if !math.IsNaN(known) {
		above := make([]float64, len(n))
		for i, y := range loss {
			above[i] = y - known
		}
		_, b := stat.LinearRegression(g, above, nil, true)
		return curve{l, known, b, beta}
	}
	floor, b := stat.LinearRegression(g, loss, nil, false)
	return curve{l, floor, b, beta}
}

func (c curve) squares(n, loss []float64) float64 {
	sum := 0.0
	for i, x := range n {
		sum += (loss[i] - c.at(x)) * (loss[i] - c.at(x))
	}
	return sum
}

// bestOfGrid tries exponents a tenth apart, lest the search start in a wrong
// valley.
func bestOfGrid(squares func(beta float64) float64) float64 {
	best, least := minBeta, math.Inf(1)
	for beta := minBeta; beta <= maxBeta; beta *= 1.1 {
		if s := squares(beta); s < least {
			best, least = beta, s
		}
	}
	return best
}

// searchBeta finds the exponent of the least squares near start, by its
// logarithm.
func searchBeta(squares func(beta float64) float64, start float64) float64 {
	limited := func(u float64) float64 { return min(max(math.Exp(u), minBeta), maxBeta) }
	p := optimize.Problem{Func: func(u []float64) float64 {
		if s := squares(limited(u[0])); !math.IsNaN(s) {
			return s
		}
		return math.Inf(1)
	}}
	settings := &optimize.Settings{Converger: &optimize.FunctionConverge{Relative: 1e-12, Iterations: 20}}
	r, err := optimize.Minimize(p, []float64{math.Log(start)}, settings, &optimize.NelderMead{SimplexSize: 0.05})
	if r == nil || err != nil && squares(limited(r.X[0])) > squares(start) {
		return start
	}
	return limited(r.X[0])
}

// halfWidths are t s √(JᵀJ)⁻¹ for each parameter, 0 for a given asymptote, NaN
// where the squares are flat in some direction.
func (c curve) halfWidths(n []float64, sse float64, given bool) []float64 {
	first := 0
	if given {
		first = 1
	}
	p := len(c.law.Params) - first
	j, size := mat.NewDense(len(n), p, nil), make([]float64, p)
	for i, x := range n {
		g := c.law.g(x, c.beta)
		row := []float64{1, g, -c.b * g * math.Log(x)}[first : first+p]
		j.SetRow(i, row)
		for k, v := range row {
			size[k] = math.Hypot(size[k], v)
		}
	}
	half := make([]float64, first+p)
	inv, ok := inverse(j, size)
	dof := float64(len(n) - p)
	t := StudentT(dof)
	for k := range p {
		half[first+k] = math.NaN()
		if ok {
			half[first+k] = t * math.Sqrt(sse/dof*inv.At(k, k)) / size[k]
		}
	}
	return half
}

// inverse is (JᵀJ)⁻¹ with the columns of J divided by their sizes, which lie
// many powers of ten apart.
func inverse(j *mat.Dense, size []float64) (*mat.SymDense, bool) {
	j.Apply(func(_, k int, v float64) float64 { return v / size[k] }, j)
	var squared, inv mat.SymDense
	squared.SymOuterK(1, j.T())
	var chol mat.Cholesky
	if !chol.Factorize(&squared) || chol.Cond() > 1e14 {
		return nil, false
	}
	return &inv, chol.InverseTo(&inv) == nil
}

// Resample adds the error of the test text to the intervals: blocks are the
// block losses of each point, of the same blocks of the test part. Few blocks,
// or others at some points, are an error and leave the intervals as they were.
func (f *Fit) Resample(blocks [][]BlockLoss, per Per, o Bootstrap) error {
	draw, err := jointResamples(blocks, per, o)
	if err != nil {
		return err
	}
	if len(blocks) != f.Points {
		return fmt.Errorf("points = %d and blocks of %d, want as many", f.Points, len(blocks))
	}
	known := math.NaN()
	if f.Given {
		known = f.Params[0].Value
	}
	again, start := make([][]float64, len(f.Params)), f.curve().beta
	for range o.resamples() {
		losses := draw()
		for i, y := range f.y {
			losses[i] += y
		}
		for i, v := range f.Law.fit(f.n, losses, known, start).params() {
			again[i] = append(again[i], v)
		}
	}
	for i := range f.Params {
		f.Params[i].widen(percentiles(again[i]))
	}
	return nil
}

// widen joins the ends of another interval of the same value.
func (p *Param) widen(lo, hi float64) {
	p.Lo = p.Value - math.Hypot(p.Value-p.Lo, max(p.Value-lo, 0))
	p.Hi = p.Value + math.Hypot(p.Hi-p.Value, max(hi-p.Value, 0))
}

// jointResamples draws what the losses of all points depart from their means
// by, from the same runs of blocks: resamplers of one seed and length walk
// alike.
func jointResamples(blocks [][]BlockLoss, per Per, o Bootstrap) (draw func() []float64, err error) {
	length, means := o.Length, make([]float64, len(blocks))
	for i, b := range blocks {
		if _, _, err := Paired(b, blocks[0], per); err != nil {
			return nil, fmt.Errorf("point %d of a fit: %w", i, err)
		}
		mean, e, ok := residuals(Losses(b, per))
		if !ok {
			return nil, fmt.Errorf("point %d of a fit: blocks = %d, want ≥ %d and finite losses", i, len(b), MinBlocks)
		}
		if means[i] = mean; o.Length == 0 {
			length = max(length, BlockLength(e), o.MinLength)
		}
	}
	var at []*resampler
	for _, b := range blocks {
		bits, n := Losses(b, per)
		at = append(at, newResampler(bits, n, length, o.Seed))
	}
	return func() []float64 {
		losses := make([]float64, len(at))
		for i, r := range at {
			losses[i] = r.ratio() - means[i]
		}
		return losses
	}, nil
}
