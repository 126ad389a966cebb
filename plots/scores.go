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
	Also   string `toml:"also"`   // a second metric of the same predictors, drawn dotted, from side to side if it is one number; "" is none
	Floor  string `toml:"floor"`  // a metric below which values say nothing and are left out; "" is none
	X      string `toml:"x"`      // label of the horizontal axis
	Y      string `toml:"y"`      // label of the vertical axis; "" is the metric's name
	Scale  string `toml:"scale"`  // of the horizontal axis: linear, or log
	Values string `toml:"values"` // scale of the vertical: linear, or log for what is positive
	Zero   bool   `toml:"zero"`   // the vertical axis begins at 0
	XMin   int    `toml:"from"`   // the least horizontal value shown

	// Metrics of the corpus, the same whatever is run on it, drawn once and
	// black, dashed and dotted; "" is none.
	Reference     string `toml:"reference"`
	ReferenceAlso string `toml:"reference_also"`

	table bool // write the lines as CSV
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

// DefaultMIDecay is mutual information against distance, of what is written and
// of the corpus, where it is above the noise: a straight line is a power law.
func DefaultMIDecay() Config {
	s := DefaultScores().(*Scores)
	s.Metric, s.Y, s.Values, s.table = "mutual_information", "mutual information (bits)", "log", true
	s.X, s.Floor, s.Reference = "distance d (symbols)", "mutual_information_floor", "mutual_information_corpus"
	return s
}

// DefaultEntropyConvergence is h(L) between its two estimates, of what is
// written and of the corpus.
func DefaultEntropyConvergence() Config {
	s := DefaultScores().(*Scores)
	s.Metric, s.Also, s.Y, s.Scale, s.table = "entropy_upper", "entropy_lower", "h(L) (bits per symbol)", "linear", true
	s.X, s.Reference, s.ReferenceAlso = "length of blocks L (symbols)", "entropy_upper_corpus", "entropy_lower_corpus"
	return s
}

// DefaultDrift is the entropy of what is written against how much has been,
// with the loss on the test part, at which it should come to rest.
func DefaultDrift() Config {
	s := DefaultScores().(*Scores)
	s.Metric, s.Also, s.Y, s.X, s.table = "generated_entropy", "bits_per_symbol", "entropy (bits per symbol)", "symbols written", true
	return s
}

// DefaultContextLength is loss against how much of the past is shown.
func DefaultContextLength() Config {
	s := DefaultScores().(*Scores)
	s.Metric, s.Also, s.Y, s.X, s.table = "context_bits", "context_bits_shuffled", "loss (bits per symbol)", "context shown (symbols)", true
	return s
}

// DefaultForgetting is the distance of what is foreseen after two contexts
// against steps ahead, where it is above the noise: a straight line is a decay
// at one rate.
func DefaultForgetting() Config {
	s := DefaultScores().(*Scores)
	s.Metric, s.Floor, s.Y, s.Scale, s.Values, s.table = "prompt_tv", "prompt_tv_noise", "total variation distance", "linear", "log", true
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
	others := map[string][]results.ScoreRow{"": nil}
	for _, metric := range []string{s.Also, s.Floor, s.Reference, s.ReferenceAlso} {
		if metric == "" {
			continue
		}
		if others[metric], err = r.Scores(sc.filter, metric); err != nil {
			return nil, err
		}
	}
	rows, below := above(rows, others[s.Floor])
	others[s.Reference], _ = above(others[s.Reference], others[s.Floor])
	fig := s.figure(sc, 5.6, 3)
	var panels []*scorePanel
	var lines [][]track
	var left []string
	for _, corpus := range sc.corpora() {
		p := &scorePanel{scene: sc, Scores: s, corpus: corpus}
		if p.lines = p.tracks(rows, &left); len(p.lines) == 0 {
			continue
		}
		p.also = p.tracks(others[s.Also], &left)
		p.reference, p.referenceAlso = p.ofCorpus(others[s.Reference]), p.ofCorpus(others[s.ReferenceAlso])
		panels, lines = append(panels, p), append(lines, p.lines)
	}
	fig.legend = sc.entries(s.arrange(sc, lines), true)
	if s.Also != "" {
		fig.legend = append(fig.legend, entry{name: "dotted: " + s.Also, line: &draw.LineStyle{Color: dark, Width: 0.8, Dashes: dotted}})
	}
	for _, x := range []struct {
		metric, name string
		style        *draw.LineStyle
	}{{s.Reference, "corpus", &optimumStyle}, {s.ReferenceAlso, "corpus, " + s.ReferenceAlso, &alsoStyle}} {
		if x.metric != "" {
			fig.legend = append(fig.legend, entry{name: x.name, line: x.style})
		}
	}
	if s.table {
		fig.table = [][]string{{"corpus", "predictor", "metric", "at", "value", "low", "high"}}
	}
	for _, p := range panels {
		fig.panels = append(fig.panels, panel{p.corpus, s.X, p.plot()})
		if s.table {
			fig.table = append(fig.table, p.table()...)
		}
	}
	sc.notes = append([]string{"Shaded or bars: 95% intervals."}, sc.notes...)
	if below {
		sc.notes = append(sc.notes, "Left out: what is below "+s.Floor+".")
	}
	slices.Sort(left)
	sc.note("Not on the axis", slices.Compact(left), "; ")
	return sc.finish(fig, name, dir)
}

var dotted = []vg.Length{1, 2}

// alsoStyle is that of the corpus's second metric.
var alsoStyle = draw.LineStyle{Color: black, Width: 1, Dashes: dotted}

// above leaves out the rows that are below another metric of the same run at
// the same place, and reports whether there were any.
func above(rows, floor []results.ScoreRow) (out []results.ScoreRow, below bool) {
	type place struct {
		results.ID
		seeds string
		at    int
	}
	least := map[place]float64{}
	for _, row := range floor {
		least[place{row.ID, row.Seeds, row.Horizon}] = row.Value
	}
	for _, row := range rows {
		if v, ok := least[place{row.ID, row.Seeds, row.Horizon}]; ok && row.Value < v {
			below = true
			continue
		}
		out = append(out, row)
	}
	return out, below
}

// scorePanel is one corpus.
type scorePanel struct {
	*scene
	*Scores
	corpus                   string
	lines, also              []track
	reference, referenceAlso track
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

// ofCorpus is the line of a metric that is the corpus's: the first predictor's
// first replicate has it as well as any.
func (p *scorePanel) ofCorpus(rows []results.ScoreRow) track {
	by := map[int][]results.Interval{}
	var first *results.ScoreRow
	for i, row := range rows {
		if row.Corpus != p.corpus || row.Horizon < p.XMin || p.Scale == "log" && row.Horizon < 1 {
			continue
		}
		if first == nil {
			first = &rows[i]
		}
		if row.ID == first.ID && row.Seeds == first.Seeds {
			by[row.Horizon] = []results.Interval{interval(row.Value, row.Lo, row.Hi)}
		}
	}
	var left []string // of the corpus nothing is said
	return p.finite(byLag(corpusLine, by), &left)
}

// corpusLine is what a table calls the lines that are no predictor's.
const corpusLine = "(corpus)"

// table is the lines as rows.
func (p *scorePanel) table() (out [][]string) {
	number := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	add := func(metric string, tracks ...track) {
		for _, t := range tracks {
			for i, v := range t.v {
				out = append(out, []string{p.corpus, t.name, metric, number(t.at[i]), number(v.Value), number(v.Lo), number(v.Hi)})
			}
		}
	}
	add(p.Metric, p.lines...)
	add(p.Also, p.also...)
	add(p.Reference, p.reference)
	add(p.ReferenceAlso, p.referenceAlso)
	return out
}

// finite leaves out what has no place on the axis.
func (p *scorePanel) finite(t track, left *[]string) track {
	out := track{name: t.name}
	for i, v := range t.v {
		switch {
		case math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || p.Values == "log" && v.Value <= 0:
			if !p.looks[t.name].noLine { // the exact predictor is 0 from itself
				*left = append(*left, fmt.Sprintf("%s on %s", t.name, p.corpus))
			}
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
	for _, t := range slices.Concat(p.inFront(p.lines), p.inFront(p.also), []track{p.reference, p.referenceAlso}) {
		if len(t.at) > 1 || len(t.at) == 1 && math.IsInf(first, 1) {
			first, last = min(first, t.at[0]), max(last, t.at[len(t.at)-1])
		}
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
		logAxis(&out.Y, lo, hi, 2, 0.07)
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
	logAxis(&out.X, first, last, 2, 0.05)
	out.X.Tick.Marker = doublings{}
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
			style, pts := draw.LineStyle{Color: l.colour, Width: 0.8, Dashes: dotted}, p.points(t, tx, ty)
			if len(pts) == 1 && p.long(t.name) {
				c.StrokeLine2(style, c.Min.X, pts[0].Y, c.Max.X, pts[0].Y)
			}
			c.StrokeLines(style, c.ClipLinesXY(pts)...)
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
	c.StrokeLines(optimumStyle, c.ClipLinesXY(p.points(p.reference, tx, ty))...)
	c.StrokeLines(alsoStyle, c.ClipLinesXY(p.points(p.referenceAlso, tx, ty))...)
}

// long reports whether a predictor's line has more than one point.
func (p *scorePanel) long(name string) bool {
	return slices.ContainsFunc(p.lines, func(t track) bool { return t.name == name && len(t.at) > 1 })
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
