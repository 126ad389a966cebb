package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

// NearFar is a predictor's regret k steps ahead against its regret at the next
// symbol, one mark for each predictor, coloured by kind: whether those that
// foresee the next symbol best foresee farthest (claim D1). Where the law of the
// source is known the regret is the divergence from it, else the losses
// themselves are shown. Kendall's τ is in each panel; τ by horizon with its
// interval, and each significant reversal, are written as NAME.csv too.
type NearFar struct {
	Common
	Horizons []int `toml:"horizons"` // k of the vertical axis, one panel each, ≥ 2
	Seed     int   `toml:"seed"`     // of the intervals' resampling
}

// DefaultNearFar is a page wide.
func DefaultNearFar() Config {
	return &NearFar{Common: Common{Width: 17.5}, Horizons: []int{2, 8, 32}, Seed: 20}
}

// Draw implements Config.
func (n *NearFar) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := n.draw(r, f, name, dir)
	return explain("near-far", name, files, err)
}

func (n *NearFar) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	if len(n.Horizons) == 0 || slices.Min(n.Horizons) < 2 {
		return nil, &unknownError{"horizons", fmt.Sprint(n.Horizons), "numbers of steps, at least 2"}
	}
	s, err := newScene(r, n.Common, f)
	if err != nil {
		return nil, err
	}
	fig := n.figure(s, 5.2, 3)
	fig.table = [][]string{{"corpus", "of", "k", "predictors", "tau", "tau_lo", "tau_hi", "a", "b", "near_a_minus_b", "far_a_minus_b", "p"}}
	kinds := kindsOf(s)
	used := map[string]bool{}
	for _, k := range n.Horizons {
		panels, err := n.panels(r, s, k)
		if err != nil {
			return nil, err
		}
		for _, p := range panels {
			for _, kind := range p.kinds {
				used[kind] = true
			}
			fig.panels = append(fig.panels, panel{fmt.Sprintf("%s, k = %d", p.corpus, k), p.label(1), p.plot()})
			fig.table = append(fig.table, p.rows()...)
		}
	}
	sortPanels(fig, s.corpora(), n.Horizons)
	s.order = kinds // the legend is of kinds
	fig.legend = s.entries(s.used(used), false)
	for i := range fig.legend {
		fig.legend[i].name = strings.TrimPrefix(fig.legend[i].name, kindKey(""))
	}
	s.notes = append([]string{"One mark for each predictor, by kind, with 95% intervals. τ is Kendall's, with its 95% interval over predictors and places, and the number of pairs whose order is shown to turn round (Holm)."}, s.notes...)
	return s.finish(fig, name, dir)
}

// sortPanels puts the horizons of one corpus side by side.
func sortPanels(fig *figure, corpora []string, ks []int) {
	place := map[string]int{}
	for i, c := range corpora {
		for j, k := range ks {
			place[fmt.Sprintf("%s, k = %d", c, k)] = i*len(ks) + j
		}
	}
	slices.SortStableFunc(fig.panels, func(a, b panel) int { return place[a.title] - place[b.title] })
}

// kindsOf gives kinds looks, in the order in which they are first planned.
func kindsOf(s *scene) (kinds []string) {
	for _, row := range s.plan {
		if key := kindKey(row.Kind); !row.Coder && !slices.Contains(kinds, key) {
			s.looks[key] = lookOf(len(kinds))
			if row.Kind == oracleKind {
				s.looks[key] = oracleLook
			}
			kinds = append(kinds, key)
		}
	}
	return kinds
}

// kindKey tells a kind from a predictor of that name.
func kindKey(kind string) string { return "kind " + kind }

// panels are those of the corpora at horizon k.
func (n *NearFar) panels(r Reader, s *scene, k int) (out []*nearFarPanel, err error) {
	for _, corpus := range s.corpora() {
		for _, metric := range []string{"divergence", "ahead"} {
			p, err := n.panel(r, s, corpus, metric, k)
			if err != nil {
				return nil, err
			}
			if p != nil {
				out = append(out, p)
				break
			}
		}
	}
	return out, nil
}

// nearFarPanel is one corpus and horizon.
type nearFarPanel struct {
	*scene
	*results.Agreement
	corpus, metric string
	k              int
	names, kinds   []string
}

func (n *NearFar) panel(r Reader, s *scene, corpus, metric string, k int) (*nearFarPanel, error) {
	p := &nearFarPanel{scene: s, corpus: corpus, metric: metric, k: k}
	near, kinds, err := s.meanBlocks(r, corpus, metric, 1)
	if err != nil {
		return nil, err
	}
	far, _, err := s.meanBlocks(r, corpus, metric, k)
	if err != nil {
		return nil, err
	}
	var a, b [][]results.BlockLoss
	for _, name := range s.order {
		if near[name] != nil && far[name] != nil && kinds[name] != oracleKind {
			a, b = append(a, near[name]), append(b, far[name])
			p.names, p.kinds = append(p.names, name), append(p.kinds, kindKey(kinds[name]))
		}
	}
	if len(a) < 2 {
		return nil, nil
	}
	p.Agreement, err = results.RankAgreement(a, b, 1, k, results.Bootstrap{Resamples: 1000, Seed: uint64(n.Seed)})
	return p, err
}

// meanBlocks are the block losses of each series on a corpus, replicates
// joined, and the kinds.
func (s *scene) meanBlocks(r Reader, corpus, metric string, k int) (map[string][]results.BlockLoss, map[string]string, error) {
	series, err := r.BlockLosses(s.filter, metric, k)
	if err != nil {
		return nil, nil, err
	}
	by, kinds := map[string][][]results.BlockLoss{}, map[string]string{}
	for _, x := range series {
		if x.Corpus == corpus {
			name := s.name(x.ID)
			by[name], kinds[name] = append(by[name], x.Blocks), x.Kind
		}
	}
	out := map[string][]results.BlockLoss{}
	for name, list := range by {
		if out[name], err = results.MeanBlocks(list); err != nil {
			return nil, nil, err
		}
	}
	return out, kinds, nil
}

func (p *nearFarPanel) label(k int) string {
	what := "loss"
	if p.metric == "divergence" {
		what = "divergence"
	}
	if k == 1 {
		return what + ", next symbol (bits)"
	}
	return fmt.Sprintf("%s at k = %d (bits)", what, k)
}

// rows are those of the CSV.
func (p *nearFarPanel) rows() [][]string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
	head := []string{p.corpus, p.metric, strconv.Itoa(p.k), strconv.Itoa(len(p.names))}
	out := [][]string{append(slices.Clone(head), number(p.Tau.Value), number(p.Tau.Lo), number(p.Tau.Hi), "", "", "", "", "")}
	for _, r := range p.Reversals {
		out = append(out, append(slices.Clone(head), "", "", "", p.names[r.A], p.names[r.B], number(r.Near.Value), number(r.Far.Value), number(r.P)))
	}
	return out
}

func (p *nearFarPanel) plot() *plot.Plot {
	out := newPlot(p.label(p.k))
	x, y := &out.X, &out.Y
	for _, axis := range []struct {
		a  *plot.Axis
		of []results.Interval
	}{{x, p.Near}, {y, p.Far}} {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, v := range axis.of {
			if p.metric != "divergence" || v.Value > 0 {
				lo, hi = min(lo, v.Value), max(hi, v.Value)
			}
		}
		if p.metric != "divergence" {
			axis.a.Min, axis.a.Max = padded(lo, hi, 0.08)
			continue
		}
		const decades = 6
		lo = max(lo, hi*math.Pow10(-decades))
		room := math.Pow(max(hi/lo, 2), 0.08)
		axis.a.Min, axis.a.Max = lo/room, hi*room
		axis.a.Scale, axis.a.Tick.Marker = plot.LogScale{}, logTicks{}
	}
	const above = 0.2 // of the panel, for what is written there
	if p.metric == "divergence" {
		y.Max *= math.Pow(y.Max/y.Min, above)
	} else {
		y.Max += above * (y.Max - y.Min)
	}
	out.Add(grid{y: true}, p)
	return out
}

// Plot implements plot.Plotter.
func (p *nearFarPanel) Plot(c draw.Canvas, pl *plot.Plot) {
	tx, ty := pl.Transforms(&c)
	clampX := func(v float64) vg.Length { return tx(min(max(v, pl.X.Min), pl.X.Max)) }
	clampY := func(v float64) vg.Length { return ty(min(max(v, pl.Y.Min), pl.Y.Max)) }
	for i := range p.names {
		l := p.looks[p.kinds[i]]
		faint := l
		faint.colour.A = 0x70
		x, y := clampX(p.Near[i].Value), clampY(p.Far[i].Value)
		if v := p.Far[i]; v.OK {
			bar(c, faint, x, clampY(v.Lo), clampY(v.Hi))
		}
		if v := p.Near[i]; v.OK {
			c.StrokeLine2(draw.LineStyle{Color: faint.colour, Width: 0.8}, clampX(v.Lo), y, clampX(v.Hi), y)
		}
	}
	for i := range p.names {
		c.DrawGlyphNoClip(p.looks[p.kinds[i]].mark(false), vg.Point{X: clampX(p.Near[i].Value), Y: clampY(p.Far[i].Value)})
	}
	sty := textStyle(tickSize, black)
	sty.XAlign, sty.YAlign = draw.XLeft, draw.YTop
	text := fmt.Sprintf("τ = %.2f", p.Tau.Value)
	if p.Tau.OK {
		text += fmt.Sprintf(" (%.2f to %.2f)", p.Tau.Lo, p.Tau.Hi)
	}
	at := vg.Point{X: c.Min.X + 3, Y: c.Max.Y}
	c.FillText(sty, at, text)
	at.Y -= 1.2 * tickSize
	c.FillText(sty, at, fmt.Sprintf("%d of %d pairs turn", len(p.Reversals), p.Pairs))
}
