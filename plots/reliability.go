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

// Reliability is how often symbols came that were said, k steps before, to have
// probability q, against q, over all symbols (metric kind calibration). A
// calibrated predictor is on the diagonal. One panel for each corpus and
// horizon.
type Reliability struct {
	Common
	Crowd
	Horizons []int `toml:"horizons"` // which; none is all
}

// DefaultReliability is a page wide.
func DefaultReliability() Config { return &Reliability{Common: Common{Width: 17.5}} }

// Draw implements Config.
func (d *Reliability) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := d.draw(r, f, name, dir)
	return explain("reliability", name, files, err)
}

func (d *Reliability) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	s, err := newScene(r, d.Common, f)
	if err != nil {
		return nil, err
	}
	said, err := r.Scores(s.filter, "reliability_confidence")
	if err != nil {
		return nil, err
	}
	came, err := r.Scores(s.filter, "reliability_frequency")
	if err != nil {
		return nil, err
	}
	fig := d.figure(s, 5.6, 3)
	var panels []*reliabilityPanel
	var lines [][]track
	for _, corpus := range s.corpora() {
		for _, k := range d.wanted(said, corpus) {
			if p := newReliabilityPanel(s, corpus, k, said, came); len(p.lines) > 0 {
				panels, lines = append(panels, p), append(lines, p.lines)
			}
		}
	}
	fig.legend = s.entries(d.arrange(s, lines), true)
	for _, p := range panels {
		title := fmt.Sprintf("%s, k = %d", p.corpus, p.k)
		fig.panels = append(fig.panels, panel{title, "probability said", p.plot()})
	}
	s.notes = append([]string{"Bars: 95% intervals. Each mark is a range of probabilities said k steps ahead, of all symbols together; a calibrated predictor is on the diagonal."}, s.notes...)
	return s.finish(fig, name, dir)
}

// stride tells the bins of one horizon from the next's, as the metric has it.
const stride = 100

func (d *Reliability) wanted(rows []results.ScoreRow, corpus string) (ks []int) {
	for _, row := range rows {
		k := row.Horizon / stride
		if row.Corpus == corpus && !slices.Contains(ks, k) && (len(d.Horizons) == 0 || slices.Contains(d.Horizons, k)) {
			ks = append(ks, k)
		}
	}
	slices.Sort(ks)
	return ks
}

type reliabilityPanel struct {
	*scene
	corpus string
	k      int
	lines  []track // at the probability said, the frequency
}

func newReliabilityPanel(s *scene, corpus string, k int, said, came []results.ScoreRow) *reliabilityPanel {
	p := &reliabilityPanel{scene: s, corpus: corpus, k: k}
	type bin struct {
		results.ID
		at int
	}
	conf := map[bin]float64{}
	for _, row := range said {
		conf[bin{row.ID, row.Horizon}] = row.Value
	}
	by := map[string]*track{}
	seeds := map[string]string{} // the first replicate's
	for _, row := range came {
		name := s.name(row.ID)
		q, ok := conf[bin{row.ID, row.Horizon}]
		if !ok || row.Corpus != corpus || row.Horizon/stride != k || !slices.Contains(s.order, name) {
			continue
		}
		if by[name] == nil {
			by[name], seeds[name] = &track{name: name}, row.Seeds
		}
		if seeds[name] == row.Seeds {
			by[name].at = append(by[name].at, q)
			by[name].v = append(by[name].v, interval(row.Value, row.Lo, row.Hi))
		}
	}
	for _, name := range s.order {
		if by[name] != nil {
			p.lines = append(p.lines, *by[name])
		}
	}
	return p
}

func (p *reliabilityPanel) plot() *plot.Plot {
	out := newPlot("share that came")
	out.X.Min, out.X.Max, out.Y.Min, out.Y.Max = -0.03, 1.03, -0.03, 1.03
	var ticks []plot.Tick
	for i := range 6 {
		v := float64(i) / 5
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 1, 64)})
	}
	out.X.Tick.Marker, out.Y.Tick.Marker = plot.ConstantTicks(ticks), plot.ConstantTicks(ticks)
	out.Add(grid{y: true}, p)
	return out
}

// Plot implements plot.Plotter.
func (p *reliabilityPanel) Plot(c draw.Canvas, pl *plot.Plot) {
	tx, ty := pl.Transforms(&c)
	c.StrokeLine2(draw.LineStyle{Color: dark, Width: hairline, Dashes: []vg.Length{3, 2}}, tx(0), ty(0), tx(1), ty(1))
	for _, t := range p.lines {
		l := p.looks[t.name]
		var pts []vg.Point
		for i, v := range t.v {
			pts = append(pts, vg.Point{X: tx(t.at[i]), Y: ty(v.Value)})
			if v.OK && !l.back {
				bar(c, l, pts[i].X, ty(math.Max(v.Lo, 0)), ty(math.Min(v.Hi, 1)))
			}
		}
		c.StrokeLines(l.line(), pts)
		if !l.back {
			for _, pt := range pts {
				c.DrawGlyphNoClip(l.mark(false), pt)
			}
		}
	}
}
