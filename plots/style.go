package plots

import (
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The house style: sans serif of 7 to 8 points at the printed size, thin axes
// on two sides, a light grid, and for each predictor a colour, a mark and
// dashes, any one of which tells most apart without the others.

// colours are those of Okabe & Ito (2008, Color Universal Design), told apart
// by all common kinds of colour vision. Black is left for what is known
// exactly, and yellow, too faint for thin lines on white, is darkened.
var colours = []color.NRGBA{
	{0x00, 0x72, 0xb2, 0xff}, // blue
	{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	{0x00, 0x9e, 0x73, 0xff}, // bluish green
	{0xcc, 0x79, 0xa7, 0xff}, // reddish purple
	{0xe6, 0x9f, 0x00, 0xff}, // orange
	{0x56, 0xb4, 0xe9, 0xff}, // sky blue
	{0xa8, 0x9a, 0x00, 0xff}, // yellow, darker
}

var (
	black = color.NRGBA{0, 0, 0, 0xff}
	dark  = color.NRGBA{0x50, 0x50, 0x50, 0xff}
	light = color.NRGBA{0xe4, 0xe4, 0xe4, 0xff}
	mid   = color.NRGBA{0x9a, 0x9a, 0x9a, 0xff}
	white = color.NRGBA{0xff, 0xff, 0xff, 0xff}
)

var dashes = [][]vg.Length{nil, {5, 2}, {1.5, 1.5}, {6, 1.8, 1.5, 1.8}}

const (
	labelSize   = vg.Length(8) // points, at printed size
	tickSize    = vg.Length(7)
	captionSize = vg.Length(7)
	lineWidth   = vg.Length(1)
	hairline    = vg.Length(0.5)
	markRadius  = vg.Length(2.6)
)

// A look is how one predictor is drawn everywhere.
type look struct {
	colour color.NRGBA
	shape  shape
	dashes []vg.Length
	noLine bool
	back   bool // one of too many lines: thin and grey, without marks
}

// oracleLook is that of the exact predictor of a known process: black marks on
// the line of the optimum it attains.
var oracleLook = look{colour: black, shape: regular(6, 0), noLine: true}

// backLook is that of the lines of a crowd that are not in front.
var backLook = look{colour: color.NRGBA{0xbc, 0xbc, 0xbc, 0xff}, back: true}

// lookOf is the look of the i-th predictor of a plan; the lengths of the three
// lists give 252 before one returns.
func lookOf(i int) look {
	return look{colour: colours[i%len(colours)], shape: shapes[i%len(shapes)], dashes: dashes[i%len(dashes)]}
}

func (l look) line() draw.LineStyle {
	width := lineWidth
	if l.back {
		width = hairline
	}
	return draw.LineStyle{Color: l.colour, Width: width, Dashes: l.dashes}
}

// mark is the predictor's glyph, open for compressors.
func (l look) mark(open bool) draw.GlyphStyle {
	return draw.GlyphStyle{Color: l.colour, Radius: markRadius, Shape: glyph{l.shape, open}}
}

// bar is a 95% interval.
func bar(c draw.Canvas, l look, x, lo, hi vg.Length) {
	c.StrokeLine2(draw.LineStyle{Color: l.colour, Width: 0.8}, x, lo, x, hi)
}

// A shape is a closed outline around the origin, in units of the radius; nil
// is a circle.
type shape [][2]float64

var shapes = []shape{
	nil,                   // circle
	regular(4, math.Pi/4), // square
	regular(3, math.Pi/2), // triangle
	regular(4, 0),         // diamond
	regular(3, -math.Pi/2),
	cross(math.Pi / 4),
	regular(5, math.Pi/2),
	star(5, 0.45, math.Pi/2),
	cross(0), // a plus
}

// regular is the n-gon with a corner in the direction turn, of about the area
// of the unit circle.
func regular(n int, turn float64) shape {
	r := math.Sqrt(math.Pi / (float64(n) / 2 * math.Sin(2*math.Pi/float64(n))))
	var s shape
	for i := range n {
		s = append(s, polar(0.95*r, turn+2*math.Pi*float64(i)/float64(n)))
	}
	return s
}

// star has n points, with the notches at the share inner of their radius.
func star(n int, inner, turn float64) shape {
	const outer = 1.35
	var s shape
	for i := range n {
		at := turn + 2*math.Pi*float64(i)/float64(n)
		s = append(s, polar(outer, at), polar(outer*inner, at+math.Pi/float64(n)))
	}
	return s
}

// cross has four arms, the first in the direction turn.
func cross(turn float64) shape {
	const long, half = 1.3, 0.42 // of an arm: its length and half its width
	var s shape
	for i := range 4 {
		at := turn + math.Pi/2*float64(i)
		end, notch := math.Hypot(long, half), math.Hypot(half, half)
		s = append(s, polar(end, at-math.Atan2(half, long)), polar(end, at+math.Atan2(half, long)), polar(notch, at+math.Pi/4))
	}
	return s
}

func polar(r, angle float64) [2]float64 {
	sin, cos := math.Sincos(angle)
	return [2]float64{r * cos, r * sin}
}

// glyph draws a shape filled with a white rim, so that marks on marks stay
// apart, or open.
type glyph struct {
	shape shape
	open  bool
}

func (g glyph) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, pt vg.Point) {
	var p vg.Path
	if g.shape == nil {
		p.Move(vg.Point{X: pt.X + sty.Radius, Y: pt.Y})
		p.Arc(pt, sty.Radius, 0, 2*math.Pi)
	}
	for i, v := range g.shape {
		at := vg.Point{X: pt.X + sty.Radius*vg.Length(v[0]), Y: pt.Y + sty.Radius*vg.Length(v[1])}
		if i == 0 {
			p.Move(at)
		} else {
			p.Line(at)
		}
	}
	p.Close()
	fill, rim, width := sty.Color, color.Color(white), hairline
	if g.open {
		fill, rim, width = white, sty.Color, lineWidth
	}
	c.SetColor(fill)
	c.Fill(p)
	c.SetLineStyle(draw.LineStyle{Color: rim, Width: width})
	c.Stroke(p)
}

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

func textStyle(size vg.Length, c color.Color) draw.TextStyle {
	return draw.TextStyle{Color: c, Font: sans(size), Handler: plot.DefaultTextHandler}
}

// newPlot is an empty panel in the house style.
func newPlot(y string) *plot.Plot {
	p := plot.New()
	p.Y.Label.Text = y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = sans(labelSize)
		a.Label.Padding = 2
		a.Tick.Label.Font = sans(tickSize)
		a.Tick.Length = 3
		a.LineStyle = draw.LineStyle{Color: dark, Width: hairline}
		a.Tick.LineStyle = draw.LineStyle{Color: dark, Width: hairline}
		a.Padding = 0
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = linearTicks{6}, linearTicks{6}
	return p
}

// grid draws light lines at the labelled ticks of the axes asked for.
type grid struct{ x, y bool }

func (g grid) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	sty := draw.LineStyle{Color: light, Width: hairline}
	if g.x {
		for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
			if x := tx(t.Value); !t.IsMinor() && c.ContainsX(x) {
				c.StrokeLine2(sty, x, c.Min.Y, x, c.Max.Y)
			}
		}
	}
	if g.y {
		for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
			if y := ty(t.Value); !t.IsMinor() && c.ContainsY(y) {
				c.StrokeLine2(sty, c.Min.X, y, c.Max.X, y)
			}
		}
	}
}

// linearTicks are at most about n labelled ticks at multiples of 1, 2 or 5 times a
// power of ten, all with the same decimals.
type linearTicks struct{ n int }

func (l linearTicks) Ticks(lo, hi float64) []plot.Tick {
	step := niceStep((hi - lo) / float64(l.n))
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	var ts []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9; i++ {
		ts = append(ts, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step+0, 'f', decimals, 64)})
	}
	return ts
}

// niceStep is the least of 1, 2, 5 times a power of ten that is ≥ x.
func niceStep(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*unit >= x*(1-1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

// logTicks labels decades, every other one where they are many, or 1, 2, 5 in
// each where they are few; unlabelled ticks stand at the other digits.
type logTicks struct{}

func (logTicks) Ticks(lo, hi float64) []plot.Tick {
	decades := math.Log10(hi / lo)
	every := 1 + int(decades/6)
	var ts []plot.Tick
	for e := int(math.Floor(math.Log10(lo))); e <= int(math.Ceil(math.Log10(hi))); e++ {
		for digit := 1; digit <= 9; digit++ {
			v := float64(digit) * math.Pow10(e)
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) {
				continue
			}
			label := ""
			if digit == 1 && ((e%every)+every)%every == 0 || decades < 1.6 && (digit == 2 || digit == 5) {
				label = shortNumber(v)
			}
			if label != "" || decades < 4 || digit == 1 {
				ts = append(ts, plot.Tick{Value: v, Label: label})
			}
		}
	}
	return ts
}

// shortNumber writes 20000 as 20k, and 0.00001 as 1e−5.
func shortNumber(v float64) string {
	for _, u := range []struct {
		unit   float64
		suffix string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= u.unit*(1-1e-9) {
			return strconv.FormatFloat(v/u.unit, 'g', 3, 64) + u.suffix
		}
	}
	if v > 0 && v < 1e-4*(1-1e-9) {
		digits, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e-")
		return digits + "e−" + strings.TrimLeft(exponent, "0")
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// logAxis makes an axis logarithmic from lo to hi, and wider by a share of that
// distance on either side, taken for at least the ratio least.
func logAxis(a *plot.Axis, lo, hi, least, share float64) {
	room := math.Pow(max(hi/lo, least), share)
	a.Min, a.Max = lo/room, hi*room
	a.Scale, a.Tick.Marker = plot.LogScale{}, logTicks{}
}

// padded widens a range by a share on either side, or by something where it
// is a point.
func padded(lo, hi, share float64) (float64, float64) {
	if d := hi - lo; d > 1e-9 {
		return lo - share*d, hi + share*d
	}
	d := max(math.Abs(lo)*0.05, 0.01)
	return lo - d, hi + d
}
