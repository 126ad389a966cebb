package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

// Scores is a stored metric against what it is a function of: steps ahead, the
// distance of two symbols, the length of a context. Intervals of 95% are bands
// where lines are dense and bars where they are not.
type Scores struct {
	Common
	Crowd
	Metric string `toml:"metric"` // as `horizon list metrics` has it
	Also   string `toml:"also"`   // a second metric of the same predictors, drawn dotted; "" is none
	X      string `toml:"x"`      // label of the horizontal axis
	Y      string `toml:"y"`      // label of the vertical axis; "" is the metric's name
	Scale  string `toml:"scale"`  // of the horizontal axis: linear, or log
	Values string `toml:"values"` // scale of the vertical: linear, or log for what is positive
	Zero   bool   `toml:"zero"`   // the vertical axis begins at 0
	XMin   int    `toml:"from"`   // the least horizontal value shown
}

// DefaultScores is a page wide.
func DefaultScores() Config {
	return &Scores{Common: Common{Width: 17.5}, Metric: "ahead_bits", X: "steps ahead k (symbols)", Scale: "log", Values: "linear"}
}

// DefaultSkill is skill against horizon.
func DefaultSkill() Config {
	s := DefaultScores().(*Scores)
	s.Metric, s.Y, s.Zero = "skill", "skill (share)", true
	return s
}

// DefaultDivergence is expected regret against horizon, on a logarithmic axis.
func DefaultDivergence() Config {
	s := DefaultScores().(*Scores)
	s.Metric, s.Y, s.Values = "divergence", "divergence (bits)", "log"
	return s
}

// DefaultBoundRatio is ρ_k against horizon.
func DefaultBoundRatio() Config {
	s := DefaultScores().(*Scores)
	s.Metric, s.Y, s.Zero = "bound_ratio", "bound ratio ρ", true
	return s
}

// Draw implements Config.
func (s *Scores) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := s.draw(r, f, name, dir)
	return explain("scores", name, files, err)
}

func (s *Scores) check() error {
	for _, x := range []struct{ key, got string }{{"scale", s.Scale}, {"values", s.Values}} {
		if x.got != "linear" && x.got != "log" {
			return &unknownError{x.key, fmt.Sprintf("%q", x.got), "linear, log"}
		}
	}
	if s.Metric == "" {
		return &unknownError{"metric", `""`, "one of `horizon list metrics`"}
	}
	return nil
}

func (s *Scores) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	sc, err := newScene(r, s.Common, f)
	if err != nil {
		return nil, err
	}
	rows, err := r.Scores(sc.filter, s.Metric)
	if err != nil {
		return nil, err
	}
	var also []results.ScoreRow
	if s.Also != "" {
		if also, err = r.Scores(sc.filter, s.Also); err != nil {
			return nil, err
		}
	}
	fig := s.figure(sc, 5.6, 3)
	var panels []*scorePanel
	var lines [][]track
	var left []string
	for _, corpus := range sc.corpora() {
		p := &scorePanel{scene: sc, Scores: s, corpus: corpus}
		if p.lines = p.tracks(rows, &left); len(p.lines) == 0 {
			continue
		}
		p.also = p.tracks(also, &left)
		panels, lines = append(panels, p), append(lines, p.lines)
	}
	fig.legend = sc.entries(s.arrange(sc, lines), true)
	if s.Also != "" {
		fig.legend = append(fig.legend, entry{name: "dotted: " + s.Also, line: &draw.LineStyle{Color: dark, Width: 0.8, Dashes: dotted}})
	}
	for _, p := range panels {
		fig.panels = append(fig.panels, panel{p.corpus, s.X, p.plot()})
	}
	sc.notes = append([]string{"Shaded or bars: 95% intervals."}, sc.notes...)
	slices.Sort(left)
	sc.note("Not on the axis", slices.Compact(left), "; ")
	return sc.finish(fig, name, dir)
}

var dotted = []vg.Length{1, 2}

// scorePanel is one corpus.
type scorePanel struct {
	*scene
	*Scores
	corpus      string
	lines, also []track
}

// tracks are the lines of a metric, replicates joined.
func (p *scorePanel) tracks(rows []results.ScoreRow, left *[]string) (out []track) {
	by := map[string]map[int][]results.Interval{}
	for _, row := range rows {
		name := p.name(row.ID)
		if row.Corpus != p.corpus || row.Horizon < p.XMin || p.Scale == "log" && row.Horizon < 1 || !slices.Contains(p.order, name) {
			continue
		}
		if by[name] == nil {
			by[name] = map[int][]results.Interval{}
		}
		by[name][row.Horizon] = append(by[name][row.Horizon], interval(row.Value, row.Lo, row.Hi))
	}
	for _, name := range p.order {
		t := byLag(name, by[name])
		t = p.finite(t, left)
		if len(t.at) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// finite leaves out what has no place on the axis.
func (p *scorePanel) finite(t track, left *[]string) track {
	out := track{name: t.name}
	for i, v := range t.v {
		switch {
		case math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || p.Values == "log" && v.Value <= 0:
			*left = append(*left, fmt.Sprintf("%s on %s", t.name, p.corpus))
		default:
			out.at, out.v = append(out.at, t.at[i]), append(out.v, v)
		}
	}
	return out
}

func (p *scorePanel) plot() *plot.Plot {
	label := p.Y
	if label == "" {
		label = p.Metric
	}
	out := newPlot(label)
	lo, hi, first, last := math.Inf(1), math.Inf(-1), math.Inf(1), 0.0
	for _, t := range append(slices.Clone(p.inFront(p.lines)), p.also...) {
		first, last = min(first, t.at[0]), max(last, t.at[len(t.at)-1])
		for _, v := range t.v {
			lo, hi = min(lo, v.Value), max(hi, v.Value)
			if v.OK && (p.Values == "linear" || v.Lo > 0) {
				lo, hi = min(lo, v.Lo), max(hi, v.Hi)
			}
		}
	}
	p.vertical(out, lo, hi)
	p.horizontal(out, first, last)
	out.Add(grid{y: true}, p)
	return out
}

func (p *scorePanel) vertical(out *plot.Plot, lo, hi float64) {
	if p.Values == "log" {
		const decades = 6 // what is smaller still is rounding
		lo = max(lo, hi*math.Pow10(-decades))
		room := math.Pow(max(hi/lo, 2), 0.07)
		out.Y.Min, out.Y.Max = lo/room, hi*room
		out.Y.Scale, out.Y.Tick.Marker = plot.LogScale{}, logTicks{}
		return
	}
	if p.Zero {
		lo, hi = min(lo, 0), max(hi, 0)
	}
	out.Y.Min, out.Y.Max = padded(lo, hi, 0.05)
}

func (p *scorePanel) horizontal(out *plot.Plot, first, last float64) {
	if p.Scale != "log" {
		out.X.Min, out.X.Max = padded(first, last, 0.03)
		out.X.Tick.Marker = wholeTicks{}
		return
	}
	room := math.Pow(max(last/first, 2), 0.05)
	out.X.Min, out.X.Max = first/room, last*room
	out.X.Scale, out.X.Tick.Marker = plot.LogScale{}, doublings{}
}

// doublings are ticks at powers of two, every other one where they are many.
type doublings struct{}

func (doublings) Ticks(lo, hi float64) (ts []plot.Tick) {
	e0, e1 := math.Ceil(math.Log2(lo)-1e-9), math.Floor(math.Log2(hi)+1e-9)
	every := 1 + math.Floor((e1-e0)/8)
	for e := e0; e <= e1; e += every {
		ts = append(ts, plot.Tick{Value: math.Exp2(e), Label: strconv.FormatFloat(math.Exp2(e), 'f', -1, 64)})
	}
	return ts
}

// dense is how many points of a line are joined by a band and not barred.
const dense = 24

// Plot implements plot.Plotter.
func (p *scorePanel) Plot(c draw.Canvas, pl *plot.Plot) {
	tx, ty := pl.Transforms(&c)
	if p.Values == "linear" && pl.Y.Min < 0 && 0 < pl.Y.Max {
		c.StrokeLine2(draw.LineStyle{Color: mid, Width: hairline}, c.Min.X, ty(0), c.Max.X, ty(0))
	}
	y := func(v float64) vg.Length {
		return ty(min(max(v, pl.Y.Min), pl.Y.Max)) // intervals end at the axis
	}
	for _, t := range p.also {
		if l := p.looks[t.name]; !l.back {
			c.StrokeLines(draw.LineStyle{Color: l.colour, Width: 0.8, Dashes: dotted}, p.points(t, tx, ty))
		}
	}
	for _, t := range p.lines { // those in front come last
		l := p.looks[t.name]
		pts := p.points(t, tx, ty)
		if l.back {
			c.StrokeLines(l.line(), c.ClipLinesXY(pts)...)
			continue
		}
		if len(pts) >= dense {
			band(c, l, t, pts, y)
		} else {
			for i, v := range t.v {
				if v.OK {
					bar(c, l, pts[i].X, y(v.Lo), y(v.Hi))
				}
			}
		}
		if !l.noLine || len(pts) >= dense {
			c.StrokeLines(l.line(), c.ClipLinesXY(pts)...)
		}
		for _, pt := range sparse(pts, 3*markRadius) {
			if c.Contains(pt) {
				c.DrawGlyphNoClip(l.mark(false), pt)
			}
		}
	}
}

func (p *scorePanel) points(t track, tx, ty func(float64) vg.Length) (pts []vg.Point) {
	for i, v := range t.v {
		pts = append(pts, vg.Point{X: tx(t.at[i]), Y: ty(v.Value)})
	}
	return pts
}

// band shades a line's intervals.
func band(c draw.Canvas, l look, t track, pts []vg.Point, y func(float64) vg.Length) {
	var up, down []vg.Point
	for i, v := range t.v {
		if v.OK {
			up = append(up, vg.Point{X: pts[i].X, Y: y(v.Hi)})
			down = append(down, vg.Point{X: pts[i].X, Y: y(v.Lo)})
		}
	}
	slices.Reverse(down)
	faint := l.colour
	faint.A = 0x2c
	c.FillPolygon(faint, append(up, down...))
}
