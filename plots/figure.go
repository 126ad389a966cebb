package plots

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
const dpi = 300

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
}

// A panel is a plot between a title and the label of its x axis. Both are
// drawn here, centred on the data; gonum would centre the title on the labels
// too, and leave room for the label as if it stood at the middle of the values,
// which on a logarithmic axis is near its right end.
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

// write draws the figure as NAME.svg and NAME.png.
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

	var files []string
	for _, out := range []struct {
		suffix string
		from   io.WriterTo
	}{{".svg", svg}, {".png", vgimg.PngCanvas{Canvas: img}}} {
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
	for i, p := range f.panels {
		t := tiles.At(c, i%f.cols(), i/f.cols())
		at := draw.Crop(t, 0, 0, 1.3*labelSize, -1.6*labelSize)
		p.plot.Draw(at)
		data := p.plot.DataCanvas(at)
		middle := data.Center().X
		c.FillText(title, vg.Point{X: middle, Y: t.Max.Y}, p.title)
		c.FillText(label, vg.Point{X: middle, Y: t.Min.Y}, p.x)
	}
}

const (
	thumb      = vg.Length(17) // width of a legend's line
	legendLine = vg.Length(11)
	legendGap  = vg.Length(8)
)

// layout breaks the legend into rows of entries that fit the width.
func (f *figure) layout() [][]entry {
	var rows [][]entry
	used := vg.Length(0)
	for _, e := range f.legend {
		w := e.width()
		if len(rows) == 0 || used+w > f.width-2*margin {
			rows, used = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
		used += w
	}
	return rows
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
	if len(f.legend) == 0 {
		return 0
	}
	return vg.Length(len(f.layout()))*legendLine + 5
}

func (f *figure) drawLegend(c draw.Canvas) {
	sty := textStyle(labelSize, black)
	sty.YAlign = draw.YCenter
	rows := f.layout()
	for i, row := range rows {
		y := c.Min.Y + (vg.Length(len(rows)-i)-0.5)*legendLine
		width := -legendGap
		for _, e := range row {
			width += e.width()
		}
		x := c.Min.X + (c.Max.X-c.Min.X-width)/2
		for _, e := range row {
			if e.line != nil {
				c.StrokeLine2(*e.line, x, y, x+e.thumb(), y)
			}
			if e.mark != nil {
				c.DrawGlyphNoClip(*e.mark, vg.Point{X: x + e.thumb()/2, Y: y})
			}
			c.FillText(sty, vg.Point{X: x + e.thumb() + 4, Y: y}, e.name)
			x += e.width()
		}
	}
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
