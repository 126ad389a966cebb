package plots

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

// Curves is a loss in the course of training against the training symbols
// seen, counted with repetition, on a logarithmic axis.
type Curves struct {
	Common
	Crowd
	Metric string `toml:"metric"` // of the stored curves: valid_bits, train_bits
}

// DefaultCurves is the validation loss, a page wide.
func DefaultCurves() Config { return &Curves{Common: Common{Width: 17.5}, Metric: "valid_bits"} }

// Draw implements Config.
func (c *Curves) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := c.draw(r, f, name, dir)
	return explain("curves", name, files, err)
}

func (c *Curves) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	s, err := newScene(r, c.Common, f)
	if err != nil {
		return nil, err
	}
	rows, err := r.Curves(s.filter)
	if err != nil {
		return nil, err
	}
	fig := c.figure(s, 5.6, 3)
	var panels []*curvesPanel
	var lines [][]track
	for _, corpus := range s.corpora() {
		if p := newCurvesPanel(s, corpus, c.Metric, rows); len(p.lines) > 0 {
			panels, lines = append(panels, p), append(lines, p.lines)
		}
	}
	fig.legend = s.entries(c.arrange(s, lines), true)
	cut, entropy := false, false
	for _, p := range panels {
		fig.panels = append(fig.panels, panel{p.corpus, "training symbols", p.plot()})
		cut, entropy = cut || p.cut, entropy || !math.IsNaN(p.entropy)
	}
	if entropy {
		fig.legend = append(fig.legend, entry{name: "entropy rate", line: &optimumStyle})
	}
	if cut {
		s.notes = append([]string{"Curves may begin above the axis."}, s.notes...)
	}
	return s.finish(fig, name, dir)
}

// curvesPanel is one corpus; replicates are lines of one look.
type curvesPanel struct {
	*scene
	corpus  string
	metric  string
	lines   []track
	entropy float64
	cut     bool // some values are above the axis
}

func newCurvesPanel(s *scene, corpus, metric string, rows []results.CurveRow) *curvesPanel {
	p := &curvesPanel{scene: s, corpus: corpus, metric: metric, entropy: s.entropy(corpus, false)}
	byCell := map[int]*track{}
	var cells []int
	for _, row := range rows {
		if row.Corpus != corpus || !slices.Contains(s.order, s.name(row.ID)) || row.Metric != metric || row.Symbols <= 0 || math.IsNaN(row.Value) || math.IsInf(row.Value, 0) {
			continue // a logarithmic axis has no place for 0 symbols
		}
		l := byCell[row.Ordinal]
		if l == nil {
			l = &track{name: s.name(row.ID)}
			byCell[row.Ordinal] = l
			cells = append(cells, row.Ordinal)
		}
		l.at = append(l.at, float64(row.Symbols))
		l.v = append(l.v, results.Interval{Value: row.Value})
	}
	slices.Sort(cells)
	for _, c := range cells {
		p.lines = append(p.lines, *byCell[c])
	}
	return p
}

func (v *curvesPanel) plot() *plot.Plot {
	label := map[string]string{"valid_bits": "validation loss", "train_bits": "training loss"}[v.metric]
	if label == "" {
		label = v.metric
	}
	p := newPlot(label + " (bits per symbol)")
	lo, hi, last := math.Inf(1), math.Inf(-1), math.Inf(-1)
	p.X.Min, p.X.Max = math.Inf(1), math.Inf(-1)
	for _, l := range v.inFront(v.lines) {
		for i, x := range l.v {
			lo, hi = min(lo, x.Value), max(hi, x.Value)
			p.X.Min, p.X.Max = min(p.X.Min, l.at[i]), max(p.X.Max, l.at[i])
		}
		last = max(last, l.v[len(l.v)-1].Value)
	}
	if !math.IsNaN(v.entropy) {
		lo = min(lo, v.entropy)
	}
	// Untrained models are bad beyond interest: the axis ends a little above
	// the worst of the trained ones.
	if top := last + (last - lo); top < hi && last > lo {
		hi, v.cut = top, true
	}
	p.Y.Min, p.Y.Max = padded(lo, hi, 0.05)
	logAxis(&p.X, p.X.Min, p.X.Max, 2, 0.03)
	p.Add(grid{x: true, y: true}, v)
	return p
}

// Plot implements plot.Plotter.
func (v *curvesPanel) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	if !math.IsNaN(v.entropy) {
		c.StrokeLine2(optimumStyle, c.Min.X, ty(v.entropy), c.Max.X, ty(v.entropy))
	}
	for _, l := range v.lines {
		look := v.looks[l.name]
		pts := make([]vg.Point, len(l.v))
		for i, x := range l.v {
			pts[i] = vg.Point{X: tx(l.at[i]), Y: ty(x.Value)}
		}
		c.StrokeLines(look.line(), c.ClipLinesXY(pts)...)
		if look.back {
			continue
		}
		for _, pt := range sparse(pts, 14) {
			c.DrawGlyph(look.mark(v.coder[l.name]), pt)
		}
	}
}

// sparse keeps points at least a distance apart along x, the last one always.
func sparse(pts []vg.Point, apart vg.Length) []vg.Point {
	var out []vg.Point
	for i := len(pts) - 1; i >= 0; i-- {
		if n := len(out); n == 0 || out[n-1].X-pts[i].X >= apart {
			out = append(out, pts[i])
		}
	}
	return out
}
