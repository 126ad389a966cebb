package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

// Lags is what training chose for each lag, as beta_1, beta_2, …, against the
// lag: which of the symbols before the next one it goes by. Replicates are
// joined, with the 95% interval of their mean.
type Lags struct {
	Common
	Crowd
	Prefix string `toml:"prefix"` // of the chosen parameters, before the lag
	Label  string `toml:"label"`  // of the vertical axis; "" is the prefix
	Panels string `toml:"panels"` // one for each corpus or each predictor
	Scale  string `toml:"scale"`  // of the lags: linear or log
	Values string `toml:"values"` // their scale: linear, or log for what is positive
}

// DefaultLags is the beta of each lag by corpus, a page wide.
func DefaultLags() Config {
	return &Lags{Common: Common{Width: 17.5}, Prefix: "beta_", Panels: "corpus", Scale: "linear", Values: "linear"}
}

// Draw implements Config.
func (l *Lags) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := l.draw(r, f, name, dir)
	return explain("lags", name, files, err)
}

func (l *Lags) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	for _, x := range []struct{ key, got, a, b string }{
		{"panels", l.Panels, "corpus", "predictor"}, {"scale", l.Scale, "linear", "log"}, {"values", l.Values, "linear", "log"},
	} {
		if x.got != x.a && x.got != x.b {
			return nil, &unknownError{x.key, fmt.Sprintf("%q", x.got), x.a + ", " + x.b}
		}
	}
	if l.Prefix == "" {
		return nil, &unknownError{"prefix", `""`, "what chosen parameters begin with, as beta_"}
	}
	s, err := newScene(r, l.Common, f)
	if err != nil {
		return nil, err
	}
	rows, err := r.Chosen(s.filter)
	if err != nil {
		return nil, err
	}
	fig := l.figure(s, 5.6, 3)
	var panels []*lagsPanel
	var lines [][]track
	for _, name := range l.panelNames(s) {
		if p := l.panel(s, name, rows); len(p.lines) > 0 {
			panels, lines = append(panels, p), append(lines, p.lines)
		}
	}
	l.recede(s, l.bestFirst(s, lines))
	fig.legend = s.entries(l.inLegend(s, lines), true)
	replicates := false
	for _, p := range panels {
		fig.panels = append(fig.panels, panel{p.name, "lag (symbols)", p.plot(l.label())})
		replicates = replicates || slices.ContainsFunc(p.lines, func(t track) bool { return t.v[0].OK })
	}
	if replicates {
		s.notes = append([]string{"Bars: 95% intervals of the mean over seeds."}, s.notes...)
	}
	return s.finish(fig, name, dir)
}

func (l *Lags) label() string {
	if l.Label != "" {
		return l.Label
	}
	return strings.TrimRight(l.Prefix, "_.")
}

// panelNames are the corpora or the predictors. Where predictors have the
// panels, corpora are the lines, and get looks by their place in the plan.
func (l *Lags) panelNames(s *scene) []string {
	if l.Panels == "corpus" {
		return s.corpora()
	}
	predictors := slices.Clone(s.order)
	for _, row := range s.plan {
		if !slices.Contains(s.order[len(predictors):], row.Corpus) {
			s.order = append(s.order, row.Corpus)
			s.looks[row.Corpus] = lookOf(len(s.order) - len(predictors) - 1)
			s.coder[row.Corpus] = false
		}
	}
	return predictors
}

// inLegend is the order of the legend: that of the plan.
func (l *Lags) inLegend(s *scene, panels [][]track) []string {
	used := map[string]bool{}
	for _, lines := range panels {
		for _, x := range lines {
			used[x.name] = true
		}
	}
	return s.used(used)
}

// bestFirst ranks lines by the bits per byte of their cells.
func (l *Lags) bestFirst(s *scene, panels [][]track) []string {
	if l.Panels != "corpus" {
		return l.inLegend(s, panels)
	}
	var scores [][]track
	for _, corpus := range s.corpora() {
		var lines []track
		found, _ := s.joined(corpus, s.bitsPerByte)
		for _, x := range found {
			lines = append(lines, track{name: x.name, v: []results.Interval{x.Interval}})
		}
		scores = append(scores, lines)
	}
	used := l.inLegend(s, panels)
	return slices.DeleteFunc(s.ranked(scores, meanOf), func(name string) bool { return !slices.Contains(used, name) })
}

// lagsPanel is one corpus, or one predictor.
type lagsPanel struct {
	*scene
	*Lags
	name  string
	lines []track
}

func (l *Lags) panel(s *scene, name string, rows []results.ChosenRow) *lagsPanel {
	p := &lagsPanel{scene: s, Lags: l, name: name}
	chosen := map[string]map[int][]results.Interval{} // by line and lag
	for _, row := range rows {
		panel, line := row.Corpus, s.name(row.ID)
		if l.Panels != "corpus" {
			panel, line = line, panel
		}
		if panel != name {
			continue
		}
		if chosen[line] == nil {
			chosen[line] = map[int][]results.Interval{}
		}
		for key, v := range row.Chosen {
			if lag, ok := lagOf(key, l.Prefix); ok && (v > 0 || l.Values == "linear") {
				chosen[line][lag] = append(chosen[line][lag], results.Interval{Value: v})
			}
		}
	}
	for _, line := range s.order {
		if len(chosen[line]) > 0 {
			p.lines = append(p.lines, byLag(line, chosen[line]))
		}
	}
	return p
}

// lagOf reads the lag off a key: what follows the prefix, if it is a number.
func lagOf(key, prefix string) (int, bool) {
	rest, ok := strings.CutPrefix(key, prefix)
	lag, err := strconv.Atoi(rest)
	return lag, ok && err == nil && lag > 0
}

func byLag(name string, chosen map[int][]results.Interval) track {
	t := track{name: name}
	var lags []int
	for lag := range chosen {
		lags = append(lags, lag)
	}
	slices.Sort(lags)
	for _, lag := range lags {
		t.at = append(t.at, float64(lag))
		t.v = append(t.v, results.Replicates(chosen[lag]))
	}
	return t
}

func (p *lagsPanel) plot(label string) *plot.Plot {
	out := newPlot(label)
	lo, hi, last := math.Inf(1), math.Inf(-1), 1.0
	for _, t := range p.lines {
		last = max(last, t.at[len(t.at)-1])
		for _, v := range t.v {
			if lo, hi = min(lo, v.Value), max(hi, v.Value); v.OK && (v.Lo > 0 || p.Values == "linear") {
				lo, hi = min(lo, v.Lo), max(hi, v.Hi)
			}
		}
	}
	if p.Values == "log" {
		logAxis(&out.Y, lo, hi, 2, 0.07)
	} else {
		out.Y.Min, out.Y.Max = padded(min(lo, 0), max(hi, 0), 0.05) // a weight of 0 is none
	}
	if p.Scale == "log" {
		logAxis(&out.X, 1, last, 2, 0.05)
	} else {
		out.X.Min, out.X.Max = 0.5, max(last, 2)+0.5
		out.X.Tick.Marker = wholeTicks{}
	}
	out.Add(grid{y: true}, p)
	return out
}

// wholeTicks are linear ticks at whole numbers.
type wholeTicks struct{}

func (wholeTicks) Ticks(lo, hi float64) []plot.Tick {
	const most = 7
	step := max(1, niceStep((hi-lo)/most))
	return linearTicks{int(math.Ceil((hi - lo) / step))}.Ticks(lo, hi)
}

// Plot implements plot.Plotter.
func (p *lagsPanel) Plot(c draw.Canvas, pl *plot.Plot) {
	tx, ty := pl.Transforms(&c)
	if p.Values == "linear" {
		c.StrokeLine2(draw.LineStyle{Color: mid, Width: hairline}, c.Min.X, ty(0), c.Max.X, ty(0))
	}
	for _, back := range []bool{true, false} {
		for _, t := range p.lines {
			if l := p.looks[t.name]; l.back == back {
				p.drawLine(c, tx, ty, t, l)
			}
		}
	}
}

func (p *lagsPanel) drawLine(c draw.Canvas, tx, ty func(float64) vg.Length, t track, l look) {
	var pts []vg.Point
	for i, v := range t.v {
		pts = append(pts, vg.Point{X: tx(t.at[i]), Y: ty(v.Value)})
		if v.OK && !l.back && (v.Lo > 0 || p.Values == "linear") {
			bar(c, l, pts[i].X, ty(v.Lo), ty(v.Hi))
		}
	}
	c.StrokeLines(l.line(), pts)
	if l.back {
		return
	}
	for _, pt := range sparse(pts, 2*markRadius) {
		c.DrawGlyphNoClip(l.mark(false), pt)
	}
}
