package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

// Horizon is the loss L_k of the symbol k steps ahead against k, on a doubling
// axis, with 95% intervals; beside the predictors the best possible L_k*,
// where it is known, and the unigram's.
type Horizon struct {
	Common
	Crowd
}

// DefaultHorizon is a page wide.
func DefaultHorizon() Config { return &Horizon{Common: Common{Width: 17.5}} }

// Draw implements Config.
func (h *Horizon) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := h.draw(r, f, name, dir)
	return explain("horizon", name, files, err)
}

func (h *Horizon) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	s, err := newScene(r, h.Common, f)
	if err != nil {
		return nil, err
	}
	rows, err := r.Horizons(s.filter)
	if err != nil {
		return nil, err
	}
	fig := h.figure(s, 5.6, 3)
	var panels []*horizonPanel
	var lines [][]track
	var cut, left []string
	for _, corpus := range s.corpora() {
		if p := newHorizonPanel(s, corpus, rows); len(p.lines) > 0 {
			panels, lines = append(panels, p), append(lines, p.lines)
			cut, left = append(cut, p.cut...), append(left, p.left...)
		}
	}
	fig.legend = s.entries(h.arrange(s, lines), true)
	optimum, unigram := false, false
	for _, p := range panels {
		optimum, unigram = optimum || len(p.optimum) > 0, unigram || len(p.unigram) > 0
		fig.panels = append(fig.panels, panel{p.corpus, "steps ahead k (symbols)", p.plot()})
	}
	if unigram {
		fig.legend = append(fig.legend, entry{name: "unigram", line: &unigramStyle})
	}
	if optimum {
		fig.legend = append(fig.legend, entry{name: "optimum", line: &optimumStyle})
	}
	s.notes = append([]string{"Bars: 95% intervals. Marks at the same k stand side by side."}, s.notes...)
	s.note("Above the axis", cut, "; ")
	s.note("Not finite", left, "; ")
	return s.finish(fig, name, dir)
}

var (
	optimumStyle = draw.LineStyle{Color: black, Width: 1.2, Dashes: []vg.Length{4, 2.5}}
	unigramStyle = draw.LineStyle{Color: mid, Width: 1.2}
)

// horizonPanel is one corpus.
type horizonPanel struct {
	*scene
	corpus           string
	ks               []int
	lines            []track
	optimum, unigram []vg2 // points (k, bits)
	cut, left        []string
}

type vg2 struct{ x, y float64 }

func newHorizonPanel(s *scene, corpus string, rows []results.HorizonRow) *horizonPanel {
	p := &horizonPanel{scene: s, corpus: corpus}
	at := map[string]*track{}
	for _, row := range rows {
		if row.Corpus == corpus && !slices.Contains(p.ks, row.K) {
			p.ks = append(p.ks, row.K)
		}
	}
	slices.Sort(p.ks)
	for _, k := range p.ks {
		scores, left := s.joined(corpus, func(yield func(results.ID, results.Interval)) {
			for _, row := range rows {
				if row.K == k {
					yield(row.ID, interval(row.Bits, row.Lo, row.Hi))
				}
			}
		})
		for _, x := range left {
			p.left = append(p.left, fmt.Sprintf("%s on %s at k = %d", x, corpus, k))
		}
		for _, x := range scores {
			if at[x.name] == nil {
				at[x.name] = &track{name: x.name}
			}
			at[x.name].at = append(at[x.name].at, float64(k))
			at[x.name].v = append(at[x.name].v, x.Interval)
		}
		p.reference(&p.optimum, rows, k, func(r results.HorizonRow) float64 { return r.Optimum })
		p.reference(&p.unigram, rows, k, func(r results.HorizonRow) float64 { return r.Unigram })
	}
	for _, name := range s.order {
		if at[name] != nil {
			p.lines = append(p.lines, *at[name])
		}
	}
	p.cutTall()
	if at[s.unigram()] != nil {
		p.unigram = nil // it is there with its interval
	}
	return p
}

// reference adds the first value known at k to a line that is the corpus's and
// not a predictor's.
func (h *horizonPanel) reference(line *[]vg2, rows []results.HorizonRow, k int, value func(results.HorizonRow) float64) {
	for _, row := range rows {
		if v := value(row); row.Corpus == h.corpus && row.K == k && !math.IsNaN(v) && !math.IsInf(v, 0) {
			*line = append(*line, vg2{float64(k), v})
			return
		}
	}
}

// cutTall leaves out, and names, series that lie wholly above the unigram's
// loss by so much that they would squeeze the others.
func (h *horizonPanel) cutTall() {
	if len(h.unigram) == 0 {
		return
	}
	top := slices.MaxFunc(h.unigram, func(a, b vg2) int { return cmp.Compare(a.y, b.y) }).y
	h.lines = slices.DeleteFunc(h.lines, func(l track) bool {
		lowest := slices.MinFunc(l.v, func(a, b results.Interval) int { return compareFloat(a.Value, b.Value) }).Value
		if lowest <= 1.25*top {
			return false
		}
		h.cut = append(h.cut, fmt.Sprintf("%s on %s (%.2f bits and more)", l.name, h.corpus, lowest))
		return true
	})
}

func (h *horizonPanel) plot() *plot.Plot {
	p := newPlot("loss (bits per symbol)")
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, l := range h.inFront(h.lines) {
		for _, v := range l.v {
			lo, hi = min(lo, v.Value), max(hi, v.Value)
			if v.OK {
				lo, hi = min(lo, v.Lo), max(hi, v.Hi)
			}
		}
	}
	for _, line := range [][]vg2{h.optimum, h.unigram} {
		for _, v := range line {
			lo, hi = min(lo, v.y), max(hi, v.y)
		}
	}
	p.Y.Min, p.Y.Max = padded(lo, hi, 0.05)
	first, last := float64(h.ks[0]), float64(h.ks[len(h.ks)-1])
	room := math.Pow(max(last/first, 2), 0.06+0.008*float64(len(h.inFront(h.lines)))) // marks stand side by side
	p.X.Min, p.X.Max = first/room, last*room
	p.X.Scale = plot.LogScale{}
	var ticks []plot.Tick
	for _, k := range h.ks {
		ticks = append(ticks, plot.Tick{Value: float64(k), Label: strconv.Itoa(k)})
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.Add(grid{y: true}, h)
	return p
}

// Plot implements plot.Plotter. Points of different series at one k stand a
// little apart, so that equal values are seen to be several.
func (h *horizonPanel) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	front := len(h.inFront(h.lines))
	back := len(h.lines) - front
	// Over at most a quarter of the distance between two doublings.
	spread := min(1.2*markRadius, (tx(2)-tx(1))/4/vg.Length(max(front-1, 1)))
	points := make([][]vg.Point, len(h.lines))
	for i, l := range h.lines {
		aside := spread * (vg.Length(i-back) - vg.Length(front-1)/2)
		if h.looks[l.name].back {
			aside = 0
		}
		for j, v := range l.v {
			points[i] = append(points[i], vg.Point{X: tx(l.at[j]) + aside, Y: ty(v.Value)})
		}
		if h.looks[l.name].back {
			c.StrokeLines(h.looks[l.name].line(), c.ClipLinesXY(points[i])...)
			continue
		}
		h.drawLine(c, ty, l, points[i])
	}
	h.drawReference(c, tx, ty, h.unigram, unigramStyle)
	h.drawReference(c, tx, ty, h.optimum, optimumStyle)
	for i, l := range h.lines[back:] {
		for _, pt := range points[back+i] {
			c.DrawGlyphNoClip(h.looks[l.name].mark(false), pt)
		}
	}
}

// drawLine joins the points of a series, with its intervals.
func (h *horizonPanel) drawLine(c draw.Canvas, ty func(float64) vg.Length, l track, points []vg.Point) {
	look := h.looks[l.name]
	for j, v := range l.v {
		if v.OK {
			bar(c, look, points[j].X, ty(v.Lo), ty(v.Hi))
		}
	}
	if !look.noLine {
		c.StrokeLines(look.line(), points)
	}
}

func (h *horizonPanel) drawReference(c draw.Canvas, tx, ty func(float64) vg.Length, line []vg2, sty draw.LineStyle) {
	pts := make([]vg.Point, len(line))
	for i, v := range line {
		pts[i] = vg.Point{X: tx(v.x), Y: ty(v.y)}
	}
	c.StrokeLines(sty, pts)
}
