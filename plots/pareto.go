package plots

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

// Pareto is bits per byte against what it cost, on a logarithmic axis, with
// the frontier: nothing else is both cheaper and better.
type Pareto struct {
	Common
	X string `toml:"x"` // an amount: train_s, model_bytes, …
}

// DefaultParetoSeconds is against seconds of training.
func DefaultParetoSeconds() Config { return &Pareto{Common{Width: 17.5}, "train_s"} }

// DefaultParetoBytes is against bytes of the model.
func DefaultParetoBytes() Config { return &Pareto{Common{Width: 17.5}, "model_bytes"} }

// Draw implements Config.
func (t *Pareto) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := t.draw(r, f, name, dir)
	return explain("pareto", name, files, err)
}

func (t *Pareto) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	x, ok := amountOf(t.X)
	if !ok {
		return nil, &unknownError{"x", t.X, amountNames()}
	}
	s, err := newScene(r, t.Common, f)
	if err != nil {
		return nil, err
	}
	rows, err := r.Costs(s.filter)
	if err != nil {
		return nil, err
	}
	fig := t.figure(s, 5.6, 3)
	used, free, entropy := map[string]bool{}, []string(nil), false
	for _, corpus := range s.corpora() {
		p := newParetoPanel(s, corpus, x, rows)
		for _, name := range p.free {
			if !slices.Contains(free, name) {
				free = append(free, name)
			}
		}
		if len(p.points) == 0 {
			continue
		}
		for _, pt := range p.points {
			used[pt.name] = true
		}
		entropy = entropy || !math.IsNaN(p.entropy)
		fig.panels = append(fig.panels, panel{corpus, x.label, p.plot()})
	}
	fig.legend = append(s.entries(s.used(used), false), entry{name: "frontier", line: &frontierStyle})
	if entropy {
		fig.legend = append(fig.legend, entry{name: "entropy rate", line: &optimumStyle})
	}
	s.notes = append([]string{"Bars: 95% intervals, where wider than the mark."}, s.notes...)
	s.note("Without a cost to show on this axis (none, or not measured)", free, ", ")
	return s.finish(fig, name, dir)
}

// unknownError is a setting that is none of those there are.
type unknownError struct{ key, got, want string }

func (e *unknownError) Error() string { return e.key + " = " + e.got + ", want one of " + e.want }

var frontierStyle = draw.LineStyle{Color: mid, Width: 1.2}

// A point is a series on one corpus: the mean cost of its replicates, and
// their loss.
type point struct {
	score
	cost float64
}

type paretoPanel struct {
	*scene
	corpus  string
	points  []point
	entropy float64
	free    []string // what has no place on a logarithmic axis
}

func newParetoPanel(s *scene, corpus string, x amount, rows []results.CostRow) *paretoPanel {
	p := &paretoPanel{scene: s, corpus: corpus, entropy: s.entropy(corpus, true)}
	scores, _ := s.joined(corpus, s.bitsPerByte)
	for _, y := range scores {
		sum, n := 0.0, 0
		for _, row := range rows {
			if row.Corpus == corpus && s.name(row.ID) == y.name {
				sum += x.of(row)
				n++
			}
		}
		if !(sum > 0) { // 0, or NaN
			p.free = append(p.free, y.name)
			continue
		}
		p.points = append(p.points, point{y, sum / float64(n)})
	}
	return p
}

// frontier is the points nothing beats at their cost or less, cheapest first.
func frontier(points []point) []point {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b point) int {
		if c := compareFloat(a.cost, b.cost); c != 0 {
			return c
		}
		return compareFloat(a.Value, b.Value)
	})
	var out []point
	for _, x := range sorted {
		if len(out) == 0 || x.Value < out[len(out)-1].Value {
			out = append(out, x)
		}
	}
	return out
}

func (v *paretoPanel) plot() *plot.Plot {
	p := newPlot("bits per byte")
	lo, hi := math.Inf(1), math.Inf(-1)
	p.X.Min, p.X.Max = math.Inf(1), math.Inf(-1)
	for _, x := range v.points {
		lo, hi = min(lo, x.Value), max(hi, x.Value)
		if x.OK {
			lo, hi = min(lo, x.Lo), max(hi, x.Hi)
		}
		p.X.Min, p.X.Max = min(p.X.Min, x.cost), max(p.X.Max, x.cost)
	}
	if !math.IsNaN(v.entropy) {
		lo, hi = min(lo, v.entropy), max(hi, v.entropy)
	}
	p.Y.Min, p.Y.Max = padded(lo, hi, 0.07)
	logAxis(&p.X, p.X.Min, p.X.Max, 3, 0.07)
	p.Add(grid{x: true, y: true}, v)
	return p
}

// Plot implements plot.Plotter.
func (v *paretoPanel) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	drawFrontier(c, tx, ty, v.points)
	if !math.IsNaN(v.entropy) {
		c.StrokeLine2(optimumStyle, c.Min.X, ty(v.entropy), c.Max.X, ty(v.entropy))
	}
	for _, x := range v.points {
		drawPoint(c, tx, ty, x, v.looks[x.name], v.coder[x.name])
	}
}

// drawFrontier is a staircase: between two points the cheaper one is the best
// to be had.
func drawFrontier(c draw.Canvas, tx, ty func(float64) vg.Length, points []point) {
	var steps []vg.Point
	for i, x := range frontier(points) {
		at := vg.Point{X: tx(x.cost), Y: ty(x.Value)}
		if i == 0 {
			steps = append(steps, vg.Point{X: at.X, Y: c.Max.Y})
		} else {
			steps = append(steps, vg.Point{X: at.X, Y: steps[len(steps)-1].Y})
		}
		steps = append(steps, at)
	}
	steps = append(steps, vg.Point{X: c.Max.X, Y: steps[len(steps)-1].Y})
	c.StrokeLines(frontierStyle, steps)
}

// drawPoint is a mark on its interval.
func drawPoint(c draw.Canvas, tx, ty func(float64) vg.Length, x point, l look, open bool) {
	at := vg.Point{X: tx(x.cost), Y: ty(x.Value)}
	if x.OK {
		bar(c, l, at.X, ty(x.Lo), ty(x.Hi))
	}
	c.DrawGlyphNoClip(l.mark(open), at)
}
