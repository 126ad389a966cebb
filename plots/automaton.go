package plots

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/encoding"
	"gonum.org/v1/gonum/graph/encoding/dot"
	"gonum.org/v1/gonum/graph/multi"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// An Automaton is a state machine to draw: states named A, B, … with their
// stationary probabilities, and arcs labelled symbol:probability.
type Automaton struct {
	Title  string
	States []float64
	Arcs   []Arc
	Note   string // below
}

// An Arc is a transition.
type Arc struct {
	From, To int
	Symbol   string
	P        float64
}

// StateName is A, B, …, Z, AA, AB, …
func StateName(i int) string {
	name := string(rune('A' + i%26))
	if i < 26 {
		return name
	}
	return StateName(i/26-1) + name
}

// A joint is all arcs from one state to another.
type joint struct {
	from, to int
	labels   []string
	p        float64
}

// joints gathers arcs by their ends, in the order they come.
func (a *Automaton) joints() (out []joint) {
	at := map[[2]int]int{}
	for _, arc := range a.Arcs {
		key := [2]int{arc.From, arc.To}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, joint{from: arc.From, to: arc.To})
		}
		out[i].labels = append(out[i].labels, fmt.Sprintf("%s: %s", printable(arc.Symbol), share(arc.P)))
		out[i].p += arc.P
	}
	return out
}

// share writes a probability with two digits after the point, or as less.
func share(p float64) string {
	switch {
	case p >= 0.9995:
		return "1"
	case p >= 0.995:
		return "> 0.99"
	case p < 0.005:
		return "< 0.01"
	}
	return fmt.Sprintf("%.2f", p)
}

// printable shows white space and what has no glyph.
func printable(s string) string {
	switch s {
	case " ":
		return "␣"
	case "\n":
		return "↵"
	case "\t":
		return "⇥"
	}
	for _, r := range s {
		if r < ' ' || r == 0xfffd {
			return strings.Trim(fmt.Sprintf("%q", s), `"`)
		}
	}
	return s
}

// dotNode and dotLine say what DOT shows of states and arcs.
type dotNode struct {
	graph.Node
	name  string
	share float64
}

func (n dotNode) DOTID() string { return n.name }
func (n dotNode) Attributes() []encoding.Attribute {
	return []encoding.Attribute{{Key: "label", Value: fmt.Sprintf(`"%s\n%s"`, n.name, share(n.share))}}
}

type dotLine struct {
	graph.Line
	label string
	p     float64
}

func (l dotLine) Attributes() []encoding.Attribute {
	return []encoding.Attribute{
		{Key: "label", Value: `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(l.label) + `"`},
		{Key: "penwidth", Value: fmt.Sprintf("%.2f", 0.5+1.5*l.p)},
	}
}

// DOT writes the machine for Graphviz.
func (a *Automaton) DOT() ([]byte, error) {
	g := multi.NewDirectedGraph()
	nodes := make([]dotNode, len(a.States))
	for i, p := range a.States {
		nodes[i] = dotNode{multi.Node(i), StateName(i), p}
		g.AddNode(nodes[i])
	}
	for _, j := range a.joints() {
		g.SetLine(dotLine{g.NewLine(nodes[j.from], nodes[j.to]), strings.Join(j.labels, `, `), j.p})
	}
	b, err := dot.MarshalMulti(g, "machine", "", "  ")
	return append(b, '\n'), err
}

// MostDrawn is how many states a drawing can have and still be read.
const MostDrawn = 120

// SVG draws the states on a circle, in an order that has few arcs cross.
func (a *Automaton) SVG() ([]byte, error) {
	if n := len(a.States); n > MostDrawn {
		return nil, fmt.Errorf("%d states cannot be drawn legibly, at most %d: merge more of them, or write DOT", n, MostDrawn)
	}
	l := a.layout()
	svg := vgsvg.New(l.width, l.height)
	a.draw(draw.New(svg), l)
	var b bytes.Buffer
	if _, err := svg.WriteTo(&b); err != nil {
		return nil, err
	}
	return withFallback(b.Bytes()), nil
}

// A circular is where everything goes.
type circular struct {
	width, height vg.Length
	at            []vg.Point
	middle        vg.Point
	radius        vg.Length // of a state
	joints        []joint
}

const (
	stateRadius = vg.Length(15)
	stateRoom   = vg.Length(100) // of the circle to each state
)

func (a *Automaton) layout() *circular {
	n := len(a.States)
	l := &circular{radius: stateRadius, joints: a.joints(), at: make([]vg.Point, n)}
	ring := max(stateRoom*vg.Length(n)/(2*math.Pi), 70)
	start, tall := math.Pi/2, ring // tall is half of what the states' middles span
	switch n {
	case 1:
		ring, tall = 0, 0
	case 2:
		start, tall = math.Pi, 0
	}
	const around = vg.Length(62) // for loops and their labels
	l.width = max(2*(ring+around), 300)
	title, notes := vg.Length(0), a.notes(l.width)
	if a.Title != "" {
		title = 2 * labelSize
	}
	l.height = 2*(tall+around) + title + vg.Length(len(notes))*1.4*captionSize + 2*margin
	l.middle = vg.Point{X: l.width / 2, Y: l.height - margin - title - tall - around}
	for place, s := range fewCrossings(n, l.joints) {
		turn := start - 2*math.Pi*float64(place)/float64(n)
		l.at[s] = vg.Point{X: l.middle.X + ring*vg.Length(math.Cos(turn)), Y: l.middle.Y + ring*vg.Length(math.Sin(turn))}
	}
	return l
}

func (a *Automaton) notes(width vg.Length) []string {
	return wrapText(a.Note, textStyle(captionSize, dark), width-2*margin)
}

// fewCrossings is an order of n states round a circle: exchanges of two, as
// long as they help, from the order of their numbers.
func fewCrossings(n int, joints []joint) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	least := tangle(order, joints)
	for better := true; better && n <= 40; {
		better = false
		for i := 1; i < n; i++ {
			for j := 1; j < i; j++ {
				order[i], order[j] = order[j], order[i]
				if c := tangle(order, joints); c < least {
					least, better = c, true
					continue
				}
				order[i], order[j] = order[j], order[i]
			}
		}
	}
	return order
}

// tangle counts crossings, each as much as n steps round the circle, and the
// lengths of chords in such steps.
func tangle(order []int, joints []joint) (sum int) {
	n := len(order)
	place := make([]int, n)
	for i, s := range order {
		place[s] = i
	}
	var chords [][2]int
	for _, j := range joints {
		if p, q := min(place[j.from], place[j.to]), max(place[j.from], place[j.to]); p != q {
			chords = append(chords, [2]int{p, q})
			sum += min(q-p, n-q+p)
		}
	}
	for i, c := range chords {
		for _, d := range chords[:i] {
			if c[0] < d[0] && d[0] < c[1] && c[1] < d[1] || d[0] < c[0] && c[0] < d[1] && d[1] < c[1] {
				sum += n
			}
		}
	}
	return sum
}

func (a *Automaton) draw(c draw.Canvas, l *circular) {
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	if a.Title != "" {
		sty := textStyle(labelSize+1, black)
		sty.YAlign = draw.YTop
		c.FillText(sty, vg.Point{X: margin, Y: c.Max.Y - margin}, a.Title)
	}
	for i, line := range a.notes(l.width) {
		sty := textStyle(captionSize, dark)
		sty.YAlign = draw.YTop
		n := len(a.notes(l.width))
		c.FillText(sty, vg.Point{X: margin, Y: margin + vg.Length(n-i)*1.4*captionSize}, line)
	}
	var labels []func()
	for _, j := range l.joints {
		labels = append(labels, l.arc(c, j))
	}
	for i, p := range a.States {
		l.state(c, l.at[i], StateName(i), p)
	}
	for _, label := range labels {
		label()
	}
}

// state draws a disc, darker the more probable, with its name and probability.
func (l *circular) state(c draw.Canvas, at vg.Point, name string, p float64) {
	var path vg.Path
	path.Move(vg.Point{X: at.X + l.radius, Y: at.Y})
	path.Arc(at, l.radius, 0, 2*math.Pi)
	path.Close()
	tint := uint8(250 - 60*math.Sqrt(p))
	c.SetColor(color.NRGBA{tint - 12, tint, 0xff, 0xff})
	c.Fill(path)
	c.SetLineStyle(draw.LineStyle{Color: black, Width: lineWidth})
	c.Stroke(path)
	sty := textStyle(labelSize+1, black)
	sty.XAlign, sty.YAlign = draw.XCenter, draw.YBottom
	c.FillText(sty, vg.Point{X: at.X, Y: at.Y - 1}, name)
	sty = textStyle(tickSize, dark)
	sty.XAlign, sty.YAlign = draw.XCenter, draw.YTop
	c.FillText(sty, vg.Point{X: at.X, Y: at.Y - 1}, share(p))
}

// arc draws an arrow, bent to the left as it goes so that the one back, if
// there is one, is apart, or a loop away from the middle. It returns what draws
// its label, nearer its beginning, over all arrows.
func (l *circular) arc(c draw.Canvas, j joint) func() {
	from, to := l.at[j.from], l.at[j.to]
	sty := draw.LineStyle{Color: dark, Width: vg.Length(0.5 + 1.2*j.p)}
	var p0, p1, p2, p3 vg.Point
	if j.from == j.to {
		out := unit(l.middle, from)
		if out == (vg.Point{}) {
			out = vg.Point{Y: 1}
		}
		p0, p3 = beyond(from, turned(out, 0.5), l.radius), beyond(from, turned(out, -0.5), l.radius+1)
		p1, p2 = beyond(from, turned(out, 0.55), 3.2*l.radius), beyond(from, turned(out, -0.55), 3.2*l.radius)
	} else {
		along := unit(from, to)
		left := vg.Point{X: -along.Y, Y: along.X}
		far := vg.Length(math.Hypot(float64(to.X-from.X), float64(to.Y-from.Y)))
		bend, turn := 0.06*far, 0.1
		if slices.ContainsFunc(l.joints, func(k joint) bool { return k.from == j.to && k.to == j.from }) {
			bend, turn = max(0.16*far, 12), 0.35
		}
		p0 = beyond(from, turned(along, turn), l.radius)
		p3 = beyond(to, turned(vg.Point{X: -along.X, Y: -along.Y}, -turn), l.radius+1)
		p1, p2 = beyond(beyond(from, along, far/3), left, bend), beyond(beyond(from, along, 2*far/3), left, bend)
	}
	tip := unit(p2, p3)
	const head = vg.Length(5.5)
	base := beyond(p3, tip, -head)
	var path vg.Path
	path.Move(p0)
	path.CubeTo(p1, p2, base)
	c.SetLineStyle(sty)
	c.Stroke(path)
	side := vg.Point{X: -tip.Y, Y: tip.X}
	var arrow vg.Path
	arrow.Move(p3)
	arrow.Line(beyond(base, side, head*0.4))
	arrow.Line(beyond(base, side, -head*0.4))
	arrow.Close()
	c.SetColor(sty.Color)
	c.Fill(arrow)
	at := 0.38
	if j.from == j.to {
		at = 0.5
	}
	place := bezier(p0, p1, p2, p3, vg.Length(at))
	return func() { label(c, place, j.labels) }
}

// bezier is the point at t of a cubic curve.
func bezier(p0, p1, p2, p3 vg.Point, t vg.Length) vg.Point {
	u := 1 - t
	a, b, c, d := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	return vg.Point{X: a*p0.X + b*p1.X + c*p2.X + d*p3.X, Y: a*p0.Y + b*p1.Y + c*p2.Y + d*p3.Y}
}

// label writes lines on white, centred.
func label(c draw.Canvas, at vg.Point, lines []string) {
	const most = 4
	if len(lines) > most {
		lines = append(append([]string{}, lines[:most-1]...), fmt.Sprintf("… %d more", len(lines)-most+1))
	}
	sty := textStyle(tickSize, black)
	sty.XAlign, sty.YAlign = draw.XCenter, draw.YCenter
	width := vg.Length(0)
	for _, line := range lines {
		width = max(width, sty.Width(line))
	}
	height := vg.Length(len(lines)) * 1.15 * tickSize
	box := vg.Rectangle{Min: vg.Point{X: at.X - width/2 - 1, Y: at.Y - height/2}, Max: vg.Point{X: at.X + width/2 + 1, Y: at.Y + height/2}}
	c.SetColor(color.NRGBA{0xff, 0xff, 0xff, 0xe0})
	c.Fill(box.Path())
	for i, line := range lines {
		c.FillText(sty, vg.Point{X: at.X, Y: at.Y + height/2 - (vg.Length(i)+0.5)*1.15*tickSize}, line)
	}
}

// unit is the direction from p to q, 0 if they are one.
func unit(p, q vg.Point) vg.Point {
	d := vg.Length(math.Hypot(float64(q.X-p.X), float64(q.Y-p.Y)))
	if d == 0 {
		return vg.Point{}
	}
	return vg.Point{X: (q.X - p.X) / d, Y: (q.Y - p.Y) / d}
}

// beyond is so far from p in a direction.
func beyond(p, direction vg.Point, far vg.Length) vg.Point {
	return vg.Point{X: p.X + direction.X*far, Y: p.Y + direction.Y*far}
}

func turned(v vg.Point, angle float64) vg.Point {
	sin, cos := math.Sincos(angle)
	return vg.Point{X: v.X*vg.Length(cos) - v.Y*vg.Length(sin), Y: v.X*vg.Length(sin) + v.Y*vg.Length(cos)}
}
