package plots

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

// Bits is a dot plot: for each corpus the predictors from best to worst by
// bits per byte, with 95% intervals, compressors as open marks, and the known
// entropy as a line.
type Bits struct {
	Common
}

// DefaultBits is a page wide.
func DefaultBits() Config { return &Bits{Common{Width: 17.5}} }

// Draw implements Config.
func (b *Bits) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := b.draw(r, f, name, dir)
	return explain("bits", name, files, err)
}

func (b *Bits) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	s, err := newScene(r, b.Common, f)
	if err != nil {
		return nil, err
	}
	var left []string
	var panels []*bitsPanel
	for _, corpus := range s.corpora() {
		p := &bitsPanel{scene: s, corpus: corpus, entropy: s.entropy(corpus, true),
			figure: func(s score) string { return fmt.Sprintf("%.3f", s.Value) }, open: func(name string) bool { return s.coder[name] }}
		var out []string
		p.scores, out = s.joined(corpus, s.bitsPerByte)
		for _, x := range out {
			left = append(left, x+" on "+corpus)
		}
		if len(p.scores) == 0 {
			continue
		}
		p.limited()
		slices.SortStableFunc(p.scores, func(a, b score) int { return compareFloat(a.Value, b.Value) })
		panels = append(panels, p)
	}
	fig := b.figure(s, 0, 3)
	arrange(fig, panels, "bits per byte")
	s.note("No finite bits per byte", left, "; ")
	s.notes = append([]string{"Bars: 95% intervals, where wider than the mark."}, s.notes...)
	if slices.ContainsFunc(panels, (*bitsPanel).cuts) {
		s.notes[0] += " Arrows: beyond the axis."
	}
	if slices.ContainsFunc(panels, func(p *bitsPanel) bool { return !math.IsNaN(p.entropy) }) {
		s.notes[0] += " Dashed: the entropy rate."
	}
	if slices.ContainsFunc(panels, func(p *bitsPanel) bool {
		return slices.ContainsFunc(p.scores, func(x score) bool { return s.coder[x.name] })
	}) {
		s.notes[0] += " Open marks: compressors."
	}
	return s.finish(fig, name, dir)
}

// arrange gives panels as many rows and as much room each.
func arrange(fig *figure, panels []*bitsPanel, x string) {
	most, widest := 0, vg.Length(0)
	for _, p := range panels {
		most, widest = max(most, len(p.scores)), max(widest, p.labels())
	}
	each := fig.width / vg.Length(max(1, min(fig.perRow, len(panels))))
	above := crowds(widest, each)
	fig.panelHeight = rowsHeight(most, above)
	for _, p := range panels {
		p.rows, p.above, p.dots = most, above, each
		if !above {
			p.dots -= p.labels()
		}
		fig.panels = append(fig.panels, panel{p.corpus, x, p.plot()})
	}
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// bitsPanel is one corpus, best first from the top.
type bitsPanel struct {
	*scene
	corpus  string
	scores  []score
	entropy float64
	rows    int       // of the tallest panel, so that rows align
	above   bool      // names stand above their rows
	limit   float64   // scores beyond it are arrows, lest they squeeze the others
	dots    vg.Length // width of dots and figures together, roughly
	span    float64   // the least the axis shows, lest nothing look like something
	figure  func(s score) string
	open    func(name string) bool // whether its mark is
}

// labels is the width of the longest name.
func (b *bitsPanel) labels() vg.Length {
	widest := vg.Length(0)
	for _, x := range b.scores {
		widest = max(widest, nameWidth(x.name))
	}
	return widest
}

// figures is the width of the column of figures, as a share of the dots': that
// of five digits and a space.
func (b *bitsPanel) figures() float64 {
	column := 4 * tickSize
	return min(1, max(0.2, float64(column/max(b.dots-column, 1))))
}

// limited sets the limit: what is worse than the unigram by a quarter is not
// worth the room.
func (b *bitsPanel) limited() {
	b.limit = math.Inf(1)
	for _, x := range b.scores {
		if x.name == b.unigram() {
			b.limit = 1.25 * x.Value
		}
	}
}

func (b *bitsPanel) cuts() bool {
	return slices.ContainsFunc(b.scores, func(x score) bool { return x.Value > b.limit })
}

func (b *bitsPanel) plot() *plot.Plot {
	p := newPlot("")
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range b.scores {
		if x.Value > b.limit {
			continue
		}
		lo, hi = min(lo, x.Value), max(hi, x.Value)
		if x.OK {
			lo, hi = min(lo, x.Lo), max(hi, x.Hi)
		}
	}
	if !math.IsNaN(b.entropy) {
		lo, hi = min(lo, b.entropy), max(hi, b.entropy)
	}
	if less := b.span - (hi - lo); less > 0 {
		lo, hi = lo-less/2, hi+less/2
	}
	p.X.Min, p.X.Max = padded(lo, hi, 0.07)
	// The figures stand in a column to the right of the dots, where the axis
	// has no ticks.
	p.X.Tick.Marker = upTo{linearTicks{min(6, max(2, int(b.dots/(4*tickSize))))}, p.X.Max}
	p.X.Max += b.figures() * (p.X.Max - p.X.Min)
	var names []string
	for _, x := range b.scores {
		names = append(names, x.name)
	}
	p.Add(grid{x: true}, b)
	nameRows(p, names, b.rows, b.above)
	return p
}

// upTo are the ticks of another Ticker up to a value.
type upTo struct {
	plot.Ticker
	max float64
}

func (u upTo) Ticks(lo, hi float64) []plot.Tick { return u.Ticker.Ticks(lo, min(hi, u.max)) }

// Plot implements plot.Plotter.
func (b *bitsPanel) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	if !math.IsNaN(b.entropy) {
		x := tx(b.entropy)
		c.StrokeLine2(draw.LineStyle{Color: black, Width: lineWidth, Dashes: []vg.Length{3, 2}}, x, c.Min.Y, x, c.Max.Y)
	}
	right := c.Min.X + (c.Max.X-c.Min.X)/vg.Length(1+b.figures())
	number := textStyle(tickSize, dark)
	number.XAlign, number.YAlign = draw.XRight, draw.YCenter
	for i, s := range b.scores {
		l, y := b.looks[s.name], ty(-float64(i))
		c.StrokeLine2(draw.LineStyle{Color: light, Width: hairline}, c.Min.X, y, right, y)
		c.FillText(number, vg.Point{X: c.Max.X, Y: y + 0.1*tickSize}, b.figure(s))
		if s.Value > b.limit {
			arrow(c, l, vg.Point{X: right, Y: y})
			continue
		}
		if s.OK {
			c.StrokeLine2(draw.LineStyle{Color: l.colour, Width: 1.2}, tx(s.Lo), y, tx(s.Hi), y)
		}
		c.DrawGlyphNoClip(l.mark(b.open(s.name)), vg.Point{X: tx(s.Value), Y: y})
	}
}

// arrow points to the right, its tip at pt.
func arrow(c draw.Canvas, l look, pt vg.Point) {
	const length, head = 11, 3
	c.StrokeLine2(draw.LineStyle{Color: l.colour, Width: lineWidth}, pt.X-length, pt.Y, pt.X-head, pt.Y)
	c.FillPolygon(l.colour, []vg.Point{pt, {X: pt.X - 1.6*head, Y: pt.Y + head/1.5}, {X: pt.X - 1.6*head, Y: pt.Y - head/1.5}})
}
