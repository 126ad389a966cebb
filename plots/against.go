package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

// Against is a loss with its 95% interval against an amount or a parameter,
// the points of a sweep joined, with learning curves fitted to them (see
// results.FitLaw). Fits are written as NAME.csv too.
type Against struct {
	Common
	Crowd
	X            string   `toml:"x"`             // an amount achieved, or a parameter, dotted: budget.symbols
	Score        string   `toml:"score"`         // bits_per_byte or bits_per_symbol, or an amount
	Horizon      int      `toml:"horizon"`       // k: the loss k steps ahead instead; 0 is the score
	Scale        string   `toml:"scale"`         // of the amounts: linear, log, or auto: log over more than a decade
	Values       string   `toml:"values"`        // scale of the vertical axis: linear, as is "", or log
	Sweep        []string `toml:"sweep"`         // globs of grid keys whose points a line joins; none is what the axis shows
	Frontier     bool     `toml:"frontier"`      // nothing else is both cheaper and better
	FitLog       []string `toml:"fit_log"`       // globs of series fitted by h + c/log2 n
	FitPower     []string `toml:"fit_power"`     // globs of series fitted by L + b n^-beta, of those left
	KnownEntropy bool     `toml:"known_entropy"` // h or L is the known entropy rate, where there is one
}

// DefaultAgainst is bits per byte against training symbols, a page wide.
func DefaultAgainst() Config {
	return &Against{Common: Common{Width: 17.5}, X: "train_symbols", Score: "bits_per_byte", Scale: "auto", Values: "linear"}
}

// Draw implements Config.
func (a *Against) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := a.draw(r, f, name, dir)
	return explain("against", name, files, err)
}

func (a *Against) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	if !slices.Contains([]string{"auto", "linear", "log"}, a.Scale) {
		return nil, &unknownError{"scale", fmt.Sprintf("%q", a.Scale), "auto, linear, log"}
	}
	if !slices.Contains([]string{"", "linear", "log"}, a.Values) {
		return nil, &unknownError{"values", fmt.Sprintf("%q", a.Values), "linear, log"}
	}
	s, err := newScene(r, a.Common, f)
	if err != nil {
		return nil, err
	}
	x, err := newAbscissa(r, s, a.X)
	if err != nil {
		return nil, err
	}
	y, err := lossesOf(r, s, a.Score, a.Horizon)
	if err != nil {
		return nil, err
	}
	fits, err := a.fitter(r, s, y)
	if err != nil {
		return nil, err
	}
	g := s.group(x, a.Sweep)
	var panels []*againstPanel
	var lines [][]track
	var free []string
	for _, corpus := range s.corpora() {
		p := newAgainstPanel(s, g, corpus, x, y, a)
		if len(p.free) > 0 {
			free = append(free, strings.Join(p.free, ", ")+" on "+corpus)
		}
		if len(p.sweeps) == 0 {
			continue
		}
		fits.fit(p)
		panels, lines = append(panels, p), append(lines, p.tracks())
	}
	fig := a.figure(s, 5.6, 3)
	fig.legend = s.entries(a.arrange(s, lines), true)
	for _, p := range panels {
		fig.panels = append(fig.panels, panel{p.corpus, x.label, p.plot(y.label)})
	}
	fig.legend = append(fig.legend, a.references(panels, fits)...)
	s.notes = append([]string{"Bars: 95% intervals, where wider than the mark."}, s.notes...)
	s.note("Without a place on the horizontal axis", free, "; ")
	fig.table = fits.report(s, name, x)
	return s.finish(fig, name, dir)
}

// references are the entries of the legend that are no series'.
func (a *Against) references(panels []*againstPanel, fits *fitter) []entry {
	out := fits.entries()
	if a.Frontier {
		out = append(out, entry{name: "frontier", line: &frontierStyle})
	}
	if slices.ContainsFunc(panels, func(p *againstPanel) bool { return !math.IsNaN(p.floor) }) {
		name := "entropy rate"
		if a.Horizon > 0 {
			name = "optimum"
		}
		out = append(out, entry{name: name, line: &optimumStyle})
	}
	return out
}

// A sweep is a series of points, each a predictor's.
type sweep struct {
	track
	cells []string // the names of the predictors
	fit   *results.Fit
}

// points are those of the sweep, for the frontier.
func (w sweep) points() []point {
	var out []point
	for i, x := range w.at {
		out = append(out, point{score{w.name, w.v[i]}, x})
	}
	return out
}

// againstPanel is one corpus.
type againstPanel struct {
	*scene
	corpus   string
	sweeps   []sweep
	free     []string // what has no place on the axis
	floor    float64
	log      bool
	logY     bool // what is not positive is then left out
	frontier bool
}

func newAgainstPanel(s *scene, g grouping, corpus string, x *abscissa, y *losses, a *Against) *againstPanel {
	p := &againstPanel{scene: s, corpus: corpus, floor: y.floor(corpus), frontier: a.Frontier, logY: a.Values == "log"}
	scores, _ := s.joined(corpus, y.each)
	at := map[string]float64{}
	for _, name := range s.order {
		at[name] = s.meanAt(corpus, name, x)
	}
	p.log = a.Scale == "log" || a.Scale == "auto" && spansDecade(scores, at, x.key == "")
	by, free := map[string]*sweep{}, map[string][]string{}
	for _, v := range scores {
		n := at[v.name]
		if p.logY && !(v.Value > 0) {
			continue
		}
		if math.IsNaN(n) || math.IsInf(n, 0) || n <= 0 && (p.log || x.key == "") {
			free[g.of[v.name]] = append(free[g.of[v.name]], v.name)
			continue
		}
		name := g.of[v.name]
		if by[name] == nil {
			by[name] = &sweep{track: track{name: name}}
		}
		by[name].add(v, n)
	}
	for _, name := range g.order {
		switch {
		case by[name] != nil:
			p.sweeps = append(p.sweeps, *by[name])
			p.free = append(p.free, free[name]...)
		case free[name] != nil:
			p.free = append(p.free, name) // the whole of it
		}
	}
	return p
}

// add puts a point in its place along the axis.
func (w *sweep) add(v score, n float64) {
	i, _ := slices.BinarySearch(w.at, n)
	w.at = slices.Insert(w.at, i, n)
	w.v = slices.Insert(w.v, i, v.Interval)
	w.cells = slices.Insert(w.cells, i, v.name)
}

// meanAt is where a predictor stands, the mean of its replicates; NaN if
// nowhere.
func (s *scene) meanAt(corpus, name string, x *abscissa) float64 {
	sum, n := 0.0, 0.0
	for _, row := range s.board {
		if v, ok := x.at[row.ID]; ok && row.Corpus == corpus && row.State == results.Done && s.name(row.ID) == name {
			sum, n = sum+v, n+1
		}
	}
	return sum / n
}

// spansDecade reports whether the places lie so far apart that they are better
// told by their ratios. An amount of 0 is one not measured; a parameter of 0
// is a value that a logarithm would lose.
func spansDecade(scores []score, at map[string]float64, amount bool) bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range scores {
		if x := at[v.name]; x > 0 || !amount && !math.IsNaN(x) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	return lo > 0 && hi/lo > 10
}

func (p *againstPanel) tracks() []track {
	var out []track
	for _, w := range p.sweeps {
		out = append(out, w.track)
	}
	return out
}

func (p *againstPanel) plot(label string) *plot.Plot {
	out := newPlot(label)
	lo, hi := math.Inf(1), math.Inf(-1)
	out.X.Min, out.X.Max = math.Inf(1), math.Inf(-1)
	for _, w := range p.sweeps {
		for i, v := range w.v {
			out.X.Min, out.X.Max = min(out.X.Min, w.at[i]), max(out.X.Max, w.at[i])
			if p.looks[w.name].back {
				continue
			}
			if lo, hi = min(lo, v.Value), max(hi, v.Value); v.OK {
				lo, hi = min(lo, v.Lo), max(hi, v.Hi)
			}
		}
	}
	if !math.IsNaN(p.floor) {
		lo, hi = min(lo, p.floor), max(hi, p.floor)
	}
	if out.Y.Min, out.Y.Max = padded(lo, hi, 0.07); p.logY {
		logAxis(&out.Y, lo, hi, 3, 0.07)
	}
	if p.log {
		logAxis(&out.X, out.X.Min, out.X.Max, 3, 0.07)
	} else {
		out.X.Min, out.X.Max = padded(out.X.Min, out.X.Max, 0.07)
		if p.whole() {
			out.X.Tick.Marker = wholeTicks{}
		}
	}
	out.Add(grid{x: true, y: true}, p)
	return out
}

// whole reports whether all places are whole numbers, as orders are.
func (p *againstPanel) whole() bool {
	return !slices.ContainsFunc(p.sweeps, func(w sweep) bool {
		return slices.ContainsFunc(w.at, func(x float64) bool { return x != math.Round(x) })
	})
}

// Plot implements plot.Plotter.
func (p *againstPanel) Plot(c draw.Canvas, pl *plot.Plot) {
	tx, ty := pl.Transforms(&c)
	if p.frontier {
		var all []point
		for _, w := range p.sweeps {
			all = append(all, w.points()...)
		}
		drawFrontier(c, tx, ty, all)
	}
	if !math.IsNaN(p.floor) {
		c.StrokeLine2(optimumStyle, c.Min.X, ty(p.floor), c.Max.X, ty(p.floor))
	}
	for _, back := range []bool{true, false} {
		for _, w := range p.sweeps {
			if p.looks[w.name].back == back {
				p.drawLine(c, pl, w)
			}
		}
	}
	for _, w := range p.sweeps {
		if l := p.looks[w.name]; !l.back {
			for _, x := range w.points() {
				drawPoint(c, tx, ty, x, l, p.coder[w.name])
			}
		}
	}
}

// drawLine joins the points, or draws the curve fitted to them, as far as they
// reach.
func (p *againstPanel) drawLine(c draw.Canvas, pl *plot.Plot, w sweep) {
	tx, ty := pl.Transforms(&c)
	var pts []vg.Point
	sty := p.looks[w.name].line()
	for i, x := range w.at {
		pts = append(pts, vg.Point{X: tx(x), Y: ty(w.v[i].Value)})
	}
	if w.fit != nil {
		const steps = 100
		sty.Width, sty.Dashes, pts = fitWidth, nil, nil
		for i := range steps + 1 {
			x := between(w.at[0], w.at[len(w.at)-1], float64(i)/steps, p.log)
			pts = append(pts, vg.Point{X: tx(x), Y: ty(w.fit.At(x))})
		}
	}
	c.StrokeLines(sty, c.ClipLinesXY(pts)...)
}

// between is a share of the way from lo to hi.
func between(lo, hi, share float64, log bool) float64 {
	if log {
		return lo * math.Pow(hi/lo, share)
	}
	return lo + share*(hi-lo)
}
