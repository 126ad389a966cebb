package plots

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// dpi of the PNG files: what journals ask of line art with half-tones.
var dpi = 300

// A figure is panels in rows of at most perRow, a legend below them, and notes
// below that.
type figure struct {
	title       string
	width       vg.Length
	height      vg.Length // 0: from panelHeight
	panelHeight vg.Length
	perRow      int
	panels      []panel
	legend      []entry
	notes       []string
	table       [][]string // what is computed here and nowhere stored, with a head; written as CSV
}

// A panel is a plot between a title and the labels of its axes. They are drawn
// here, centred on the data; gonum would centre the title on the labels too, and
// leave room for a label as if it stood at the middle of the values, which on a
// logarithmic axis is near its end.
type panel struct {
	title string
	x     string
	plot  *plot.Plot
}

// An entry is a line of the legend: a line, a mark, or both.
type entry struct {
	name string
	line *draw.LineStyle
	mark *draw.GlyphStyle
}

const gap = vg.Length(14) // between panels, points

// write draws the figure as NAME.svg and NAME.png, and its table as NAME.csv.
func (f *figure) write(dir, name string) ([]string, error) {
	height := f.totalHeight()
	rows := vg.Length(f.rows())
	if left := (height - f.overhead() - (rows-1)*gap) / rows; left < minPanel {
		return nil, fmt.Errorf("height = %.1f cm leaves %.1f cm for each of %.0f rows of panels, want at least %.1f",
			height/vg.Centimeter, left/vg.Centimeter, rows, minPanel/vg.Centimeter)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	svg := vgsvg.New(f.width, height)
	f.draw(draw.New(svg))
	img := vgimg.NewWith(vgimg.UseWH(f.width, height), vgimg.UseDPI(dpi))
	f.draw(draw.New(img))

	outputs := []output{{".svg", svg}, {".png", vgimg.PngCanvas{Canvas: img}}}
	if len(f.table) > 1 {
		outputs = append(outputs, output{".csv", table(f.table)})
	}
	var files []string
	for _, out := range outputs {
		var b bytes.Buffer
		if _, err := out.from.WriteTo(&b); err != nil {
			return nil, err
		}
		path := filepath.Join(dir, name+out.suffix)
		if err := renameio.WriteFile(path, withFallback(b.Bytes()), 0o644); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

// An output is a file of a figure.
type output struct {
	suffix string
	from   io.WriterTo
}

// A table is written as CSV.
type table [][]string

// WriteTo implements io.WriterTo.
func (t table) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(t); err != nil {
		return 0, err
	}
	return b.WriteTo(w)
}

// withFallback lets an SVG be shown where Liberation Sans is missing: the
// other fonts have the same widths.
func withFallback(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte("font-family:Liberation Sans;"),
		[]byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
}

func (f *figure) cols() int { return min(f.perRow, len(f.panels)) }
func (f *figure) rows() int { return (len(f.panels) + f.cols() - 1) / f.cols() }

// totalHeight is the height asked for, or what everything needs.
func (f *figure) totalHeight() vg.Length {
	if f.height > 0 {
		return f.height
	}
	rows := vg.Length(f.rows())
	return f.overhead() + rows*f.panelHeight + (rows-1)*gap
}

// overhead is the height of everything but the panels.
func (f *figure) overhead() vg.Length {
	return f.titleHeight() + f.legendHeight() + f.captionHeight() + 2*margin
}

// minPanel is the height below which a panel has no room for its data.
const minPanel = 2.5 * vg.Centimeter

const margin = vg.Length(3)

func (f *figure) draw(c draw.Canvas) {
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	if f.title != "" {
		sty := textStyle(labelSize+1, black)
		sty.Font.Weight = xfont.WeightBold
		sty.YAlign = draw.YTop
		c.FillText(sty, vg.Point{X: c.Min.X, Y: c.Max.Y}, f.title)
	}
	f.drawCaption(draw.Crop(c, 0, 0, 0, -(c.Max.Y - c.Min.Y - f.captionHeight())))
	f.drawLegend(draw.Crop(c, 0, 0, f.captionHeight(), 0))
	f.drawPanels(draw.Crop(c, 0, 0, f.captionHeight()+f.legendHeight(), -f.titleHeight()))
}

func (f *figure) titleHeight() vg.Length {
	if f.title == "" {
		return 0
	}
	return labelSize * 2
}

func (f *figure) drawPanels(c draw.Canvas) {
	tiles := draw.Tiles{Rows: f.rows(), Cols: f.cols(), PadX: gap, PadY: gap}
	title, label := textStyle(labelSize, black), textStyle(labelSize, black)
	title.Font.Weight = xfont.WeightBold
	title.XAlign, title.YAlign = draw.XCenter, draw.YTop
	label.XAlign, label.YAlign = draw.XCenter, draw.YBottom
	side := textStyle(labelSize, black)
	side.Rotation, side.XAlign, side.YAlign = math.Pi/2, draw.XCenter, draw.YTop
	for i, p := range f.panels {
		t := tiles.At(c, i%f.cols(), i/f.cols())
		at := draw.Crop(t, 0, 0, 1.3*labelSize, -1.6*labelSize)
		y := p.plot.Y.Label.Text
		if p.plot.Y.Label.Text = ""; y != "" {
			at = draw.Crop(at, 1.4*labelSize, 0, 0, 0)
		}
		p.plot.Draw(at)
		data := p.plot.DataCanvas(at)
		p.plot.Y.Label.Text = y
		middle := data.Center().X
		if y != "" {
			c.FillText(side, vg.Point{X: t.Min.X, Y: data.Center().Y}, y)
		}
		c.FillText(title, vg.Point{X: middle, Y: t.Max.Y}, p.title)
		c.FillText(label, vg.Point{X: middle, Y: t.Min.Y}, p.x)
	}
}

const (
	thumb      = vg.Length(17) // width of a legend's line
	legendLine = vg.Length(11)
	legendGap  = vg.Length(8)
)

// layout breaks the legend into rows of as many aligned columns as fit the
// width; one row has each entry's own width.
func (f *figure) layout() (rows [][]entry, widths []vg.Length) {
	for cols := len(f.legend); cols >= 1; cols-- {
		widths = make([]vg.Length, cols)
		total := -legendGap
		for i, e := range f.legend {
			total -= widths[i%cols]
			widths[i%cols] = max(widths[i%cols], e.width())
			total += widths[i%cols]
		}
		if total <= f.width-2*margin || cols == 1 {
			return slices.Collect(slices.Chunk(f.legend, cols)), widths
		}
	}
	return nil, nil
}

// thumb is narrower without a line.
func (e entry) thumb() vg.Length {
	if e.line == nil {
		return 3 * markRadius
	}
	return thumb
}

func (e entry) width() vg.Length {
	return e.thumb() + 4 + textStyle(labelSize, black).Width(e.name) + legendGap
}

func (f *figure) legendHeight() vg.Length {
	rows, _ := f.layout()
	if len(rows) == 0 {
		return 0
	}
	return vg.Length(len(rows))*legendLine + 5
}

func (f *figure) drawLegend(c draw.Canvas) {
	rows, widths := f.layout()
	width := -legendGap
	for _, w := range widths {
		width += w
	}
	room := c.Max.X - c.Min.X
	for i, row := range rows {
		at := vg.Point{X: c.Min.X + max(room-width, 0)/2, Y: c.Min.Y + (vg.Length(len(rows)-i)-0.5)*legendLine}
		for j, e := range row {
			e.draw(c, at, min(widths[j]-legendGap, room))
			at.X += widths[j]
		}
	}
}

// draw draws an entry from its left end, no wider than that.
func (e entry) draw(c draw.Canvas, at vg.Point, width vg.Length) {
	sty := textStyle(labelSize, black)
	sty.YAlign = draw.YCenter
	if e.line != nil {
		c.StrokeLine2(*e.line, at.X, at.Y, at.X+e.thumb(), at.Y)
	}
	if e.mark != nil {
		c.DrawGlyphNoClip(*e.mark, vg.Point{X: at.X + e.thumb()/2, Y: at.Y})
	}
	text := elide(e.name, sty, width-e.thumb()-4)
	c.FillText(sty, vg.Point{X: at.X + e.thumb() + 4, Y: at.Y}, text)
}

// elide leaves out the middle of a text that is wider than there is room; its
// ends tell names of grids apart.
func elide(text string, sty draw.TextStyle, width vg.Length) string {
	r := []rune(text)
	for cut := 1; sty.Width(text) > width+0.01 && cut < len(r); cut++ { // but for rounding
		left := (len(r) - cut) / 2
		text = string(r[:left]) + "…" + string(r[left+cut:])
	}
	return text
}

func (f *figure) captionLines() []string {
	return wrapText(strings.Join(f.notes, " "), textStyle(captionSize, dark), f.width-2*margin)
}

// wrapText breaks text at spaces into lines that fit a width.
func wrapText(text string, sty draw.TextStyle, width vg.Length) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		if n := len(lines); n > 0 && sty.Width(lines[n-1]+" "+word) <= width {
			lines[n-1] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

func (f *figure) captionHeight() vg.Length {
	n := len(f.captionLines())
	if n == 0 {
		return 0
	}
	return vg.Length(n)*captionSize*1.25 + 4
}

func (f *figure) drawCaption(c draw.Canvas) {
	sty := textStyle(captionSize, dark)
	sty.YAlign = draw.YTop
	for i, line := range f.captionLines() {
		y := c.Max.Y - 4 - vg.Length(i)*captionSize*1.25
		c.FillText(sty, vg.Point{X: c.Min.X, Y: y}, line)
	}
}
