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

// Increments splits a gap: predictors in an order in which each adds one thing
// to the one before, and what each step changes, with the 95% interval of the
// paired difference on the same blocks of the test text (results.HAC). Then
// the references, each less the last step. The steps are written as NAME.csv
// too.
type Increments struct {
	Common
	Predictors []string `toml:"predictors"` // names in order; none is all, in the order of the plan
	References []string `toml:"references"` // names; the gap is that between the first step and the first of these
	Score      string   `toml:"score"`      // bits_per_byte or bits_per_symbol
	Horizon    int      `toml:"horizon"`    // k: the loss k steps ahead instead; 0 is the score
}

// DefaultIncrements is in bits per byte, a page wide.
func DefaultIncrements() Config {
	return &Increments{Common: Common{Width: 17.5}, Score: "bits_per_byte"}
}

// Draw implements Config.
func (n *Increments) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := n.draw(r, f, name, dir)
	return explain("increments", name, files, err)
}

func (n *Increments) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	s, err := newScene(r, n.Common, f)
	if err != nil {
		return nil, err
	}
	y, err := lossesOf(r, s, n.Score, n.Horizon)
	if err != nil {
		return nil, err
	}
	if err := n.known(s); err != nil {
		return nil, err
	}
	blocks, err := s.blocks(r, y)
	if err != nil {
		return nil, err
	}
	var panels []*rungsPanel
	for _, corpus := range s.corpora() {
		if p := n.panel(s, corpus, y, blocks); len(p.rungs) > 0 {
			panels = append(panels, p)
		}
	}
	fig := n.figure(s, 0, 2)
	n.layOut(fig, panels, y.label)
	fig.table = stepTable(panels, y)
	s.notes = append([]string{n.caption(panels)}, s.notes...)
	return s.finish(fig, name, dir)
}

// known refuses names that the experiment does not have.
func (n *Increments) known(s *scene) error {
	for _, x := range []struct {
		key   string
		names []string
	}{{"predictors", n.Predictors}, {"references", n.References}} {
		for _, name := range x.names {
			if !slices.Contains(s.order, name) {
				return &unknownError{x.key, fmt.Sprintf("%q", name), strings.Join(s.order, ", ")}
			}
		}
	}
	return nil
}

func (n *Increments) caption(panels []*rungsPanel) string {
	text := "Right: the loss; what the step changes, with the 95% interval of the paired difference; its share of the gap to "
	if len(n.References) > 0 {
		text += n.References[0] + ". Dotted: references, with their difference from the last step."
	} else {
		text += "the last step."
	}
	if slices.ContainsFunc(panels, func(p *rungsPanel) bool { return !math.IsNaN(p.floor) }) {
		text += " Dashed: the least there can be."
	}
	return text
}

// A rung is a step, or a reference.
type rung struct {
	score
	change    results.Interval // from the step before; NaN for the first
	share     float64          // of the gap; NaN if there is none
	reference bool
}

// rungsPanel is one corpus.
type rungsPanel struct {
	*scene
	corpus string
	rungs  []rung
	floor  float64
	rows   int // of the tallest panel
	above  bool
	column vg.Length // width of the figures
	width  vg.Length // of the panel without its names
}

func (n *Increments) panel(s *scene, corpus string, y *losses, blocks blockTable) *rungsPanel {
	p := &rungsPanel{scene: s, corpus: corpus, floor: y.floor(corpus)}
	scores, _ := s.joined(corpus, y.each)
	find := func(name string) (score, bool) {
		i := slices.IndexFunc(scores, func(x score) bool { return x.name == name })
		if i < 0 {
			return score{}, false
		}
		return scores[i], true
	}
	steps := n.Predictors
	if len(steps) == 0 {
		steps = slices.DeleteFunc(slices.Clone(s.order), func(name string) bool { return slices.Contains(n.References, name) })
	}
	last := score{Interval: results.Interval{Value: math.NaN()}}
	for i, name := range slices.Concat(steps, n.References) {
		x, ok := find(name)
		if !ok {
			continue // named among what is missing, if it was planned
		}
		r := rung{score: x, share: math.NaN(), reference: i >= len(steps)}
		r.change = blocks.difference(corpus, x, last, y)
		if p.rungs = append(p.rungs, r); !r.reference {
			last = x
		}
	}
	p.shareOut()
	return p
}

// shareOut divides the gap between the first step and the first reference, or
// the last step, among the steps.
func (p *rungsPanel) shareOut() {
	if len(p.rungs) < 2 {
		return
	}
	i := slices.IndexFunc(p.rungs, func(r rung) bool { return r.reference })
	if i < 0 {
		i = len(p.rungs) - 1
	}
	gap := p.rungs[i].Value - p.rungs[0].Value
	for j := 1; j < len(p.rungs) && gap != 0; j++ {
		if r := &p.rungs[j]; !r.reference {
			r.share = r.change.Value / gap
		}
	}
}

// figures is what stands to the right of a rung.
func (r rung) figures() string {
	text := fmt.Sprintf("%.3f", r.Value)
	if math.IsNaN(r.change.Value) {
		return text
	}
	text += "  " + signed("%+.3f", r.change.Value)
	if r.change.OK {
		text += fmt.Sprintf(" ±%.3f", (r.change.Hi-r.change.Lo)/2)
	}
	if !math.IsNaN(r.share) {
		text += "  " + signed("%.0f%%", math.Round(100*r.share)+0) // never −0
	}
	return text
}

// signed writes a number with a minus as wide as the plus.
func signed(format string, v float64) string {
	return strings.Replace(fmt.Sprintf(format, v), "-", "−", 1)
}

// layOut gives panels of one figure the same rows and columns.
func (n *Increments) layOut(fig *figure, panels []*rungsPanel, label string) {
	rows, names, column := 0, vg.Length(0), vg.Length(0)
	for _, p := range panels {
		rows = max(rows, len(p.rungs))
		for _, r := range p.rungs {
			names = max(names, nameWidth(r.name))
			column = max(column, textStyle(tickSize, dark).Width(r.figures())+gap/2)
		}
	}
	each := fig.width / vg.Length(max(1, min(fig.perRow, len(panels))))
	above := crowds(names+column/2, each)
	fig.panelHeight = rowsHeight(rows, above)
	for _, p := range panels {
		p.rows, p.above, p.column, p.width = rows, above, column, each-gap
		if !above {
			p.width -= names
		}
		fig.panels = append(fig.panels, panel{p.corpus, label, p.plot()})
	}
}

func (p *rungsPanel) plot() *plot.Plot {
	out := newPlot("")
	lo, hi := math.Inf(1), math.Inf(-1)
	var names []string
	for _, r := range p.rungs {
		names = append(names, r.name)
		if lo, hi = min(lo, r.Value), max(hi, r.Value); r.change.OK {
			half := (r.change.Hi - r.change.Lo) / 2
			lo, hi = min(lo, r.Value-half), max(hi, r.Value+half)
		}
	}
	if !math.IsNaN(p.floor) {
		lo, hi = min(lo, p.floor), max(hi, p.floor)
	}
	out.X.Min, out.X.Max = padded(lo, hi, 0.07)
	dots := max(p.width-p.column, p.width/4)
	out.X.Tick.Marker = upTo{linearTicks{min(6, max(3, int(dots/(3*tickSize))))}, out.X.Max}
	out.X.Max += float64(p.column/dots) * (out.X.Max - out.X.Min)
	out.Add(grid{x: true}, p)
	nameRows(out, names, p.rows, p.above)
	return out
}

const stepWidth = vg.Length(4.5)

var (
	better = look{colour: colours[0]} // blue
	worse  = look{colour: colours[1]} // vermilion
)

// Plot implements plot.Plotter: a floating bar for each change, with its
// interval at the new loss, and the predictor's own mark.
func (p *rungsPanel) Plot(c draw.Canvas, pl *plot.Plot) {
	tx, ty := pl.Transforms(&c)
	if !math.IsNaN(p.floor) {
		c.StrokeLine2(optimumStyle, tx(p.floor), c.Min.Y, tx(p.floor), c.Max.Y)
	}
	number := textStyle(tickSize, dark)
	number.XAlign, number.YAlign = draw.XRight, draw.YCenter
	last := math.NaN()
	for i, r := range p.rungs {
		x, y := tx(r.Value), ty(-float64(i))
		if r.reference {
			dotted := draw.LineStyle{Color: p.looks[r.name].colour, Width: lineWidth, Dashes: []vg.Length{1.2, 2}}
			c.StrokeLine2(dotted, x, y, x, c.Max.Y)
		} else if !math.IsNaN(last) {
			p.drawStep(c, tx(last), x, y, ty(1-float64(i)))
		}
		if r.change.OK {
			half := (r.change.Hi - r.change.Lo) / 2
			c.StrokeLine2(draw.LineStyle{Color: black, Width: 0.8}, tx(r.Value-half), y, tx(r.Value+half), y)
		}
		c.DrawGlyphNoClip(p.looks[r.name].mark(p.coder[r.name]), vg.Point{X: x, Y: y})
		c.FillText(number, vg.Point{X: c.Max.X, Y: y + 0.1*tickSize}, r.figures())
		if !r.reference {
			last = r.Value
		}
	}
}

// drawStep is the bar of a change at height y, hung from the loss before it at
// height above.
func (p *rungsPanel) drawStep(c draw.Canvas, from, to, y, above vg.Length) {
	l := better
	if to > from {
		l = worse
	}
	c.StrokeLine2(draw.LineStyle{Color: mid, Width: hairline}, from, above, from, y)
	pale := l.colour
	pale.A = 0x90
	c.StrokeLine2(draw.LineStyle{Color: pale, Width: stepWidth}, from, y, to, y)
}

// stepTable is the steps as data.
func stepTable(panels []*rungsPanel, y *losses) [][]string {
	table := [][]string{{"corpus", "predictor", "role", "score", "value", "lo", "hi", "change", "change_lo", "change_hi", "share"}}
	for _, p := range panels {
		for _, r := range p.rungs {
			role := map[bool]string{true: "reference", false: "step"}[r.reference]
			table = append(table, []string{p.corpus, r.name, role, y.name, number(r.Value), number(r.Lo), number(r.Hi),
				number(r.change.Value), number(r.change.Lo), number(r.change.Hi), number(r.share)})
		}
	}
	return table
}
