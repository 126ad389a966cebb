package plots

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Rows of names, as bits and increments have them: the i-th at -i, its name to
// the left, or, where names would leave the data too little room, above.

func nameWidth(name string) vg.Length { return textStyle(tickSize, black).Width(name) + gap }

// crowds reports whether names of that width leave too little of a panel.
func crowds(widest, panel vg.Length) bool { return widest > 0.5*panel }

// rowsHeight is the height of a panel of so many rows.
func rowsHeight(rows int, above bool) vg.Length {
	each := 0.42
	if above {
		each = 0.7
	}
	return cm(1.9 + each*max(float64(rows), 2))
}

// nameRows makes the vertical axis one of names, with room for so many.
func nameRows(p *plot.Plot, names []string, rows int, above bool) {
	p.Y.Min, p.Y.Max = -float64(rows)+0.4, 0.6
	p.Y.Tick.Length = 0
	p.Y.LineStyle.Width = 0
	if above {
		p.Y.Max = 0.8
		p.Y.Tick.Marker = plot.ConstantTicks(nil)
		p.Add(aboveRows(names))
		return
	}
	var ticks []plot.Tick
	for i, name := range names {
		ticks = append(ticks, plot.Tick{Value: -float64(i), Label: name})
	}
	p.Y.Tick.Marker = plot.ConstantTicks(ticks)
}

// aboveRows writes names above their rows.
type aboveRows []string

// Plot implements plot.Plotter.
func (a aboveRows) Plot(c draw.Canvas, p *plot.Plot) {
	_, ty := p.Transforms(&c)
	sty := textStyle(tickSize, black)
	sty.YAlign = draw.YCenter
	for i, name := range a {
		text := elide(name, sty, c.Max.X-c.Min.X)
		at := vg.Point{X: c.Min.X, Y: ty(0.5 - float64(i))}
		right, half := at.X+sty.Width(text), 0.55*tickSize
		c.FillPolygon(white, []vg.Point{{X: at.X, Y: at.Y - half}, {X: right, Y: at.Y - half}, {X: right, Y: at.Y + half}, {X: at.X, Y: at.Y + half}})
		c.FillText(sty, at, text)
	}
}
