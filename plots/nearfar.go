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
	stored := &blockReader{r: r, scene: s, read: map[blockKey]map[string]*meanLosses{}}
	side := map[string][]panel{} // by corpus, its horizons side by side
	for _, k := range n.Horizons {
		for _, corpus := range s.corpora() {
			p, err := n.panel(stored, corpus, k)
			if err != nil {
				return nil, err
			}
			if p == nil {
				continue
			}
			for _, kind := range p.kinds {
				used[kind] = true
			}
			side[corpus] = append(side[corpus], panel{fmt.Sprintf("%s, k = %d", p.corpus, k), p.label(1), p.plot()})
			fig.table = append(fig.table, p.rows()...)
		}
	}
	for _, corpus := range s.corpora() {
		fig.panels = append(fig.panels, side[corpus]...)
	}
	s.order = kinds // the legend is of kinds
	fig.legend = s.entries(s.used(used), false)
	for i := range fig.legend {
		fig.legend[i].name = strings.TrimPrefix(fig.legend[i].name, kindKey(""))
	}
	s.notes = append([]string{"One mark for each predictor, by kind, with 95% intervals. τ is Kendall's, with its 95% interval over predictors and places, and the number of pairs whose order is shown to turn round (Holm)."}, s.notes...)
	return s.finish(fig, name, dir)
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

// nearFarPanel is one corpus and horizon.
type nearFarPanel struct {
	*scene
	*results.Agreement
	corpus, metric string
	k              int
	names, kinds   []string
}

// panel is that of a corpus at horizon k, of divergences where they are known;
// nil if there are not two predictors to compare.
func (n *NearFar) panel(r *blockReader, corpus string, k int) (*nearFarPanel, error) {
	for _, metric := range []string{"divergence", "ahead"} {
		near, err := r.of(corpus, metric, 1)
		if err != nil {
			return nil, err
		}
		far, err := r.of(corpus, metric, k)
		if err != nil {
			return nil, err
		}
		p := &nearFarPanel{scene: r.scene, corpus: corpus, metric: metric, k: k}
		var a, b [][]results.BlockLoss
		for _, name := range r.order {
			if near.blocks[name] != nil && far.blocks[name] != nil && near.kinds[name] != oracleKind {
				a, b = append(a, near.blocks[name]), append(b, far.blocks[name])
				p.names, p.kinds = append(p.names, name), append(p.kinds, kindKey(near.kinds[name]))
			}
		}
		if len(a) >= 2 {
			p.Agreement, err = results.RankAgreement(a, b, 1, k, results.Bootstrap{Resamples: 1000, Seed: uint64(n.Seed)})
			return p, err
		}
	}
	return nil, nil
}

// A blockReader reads the block losses of a metric at a horizon once, for all
// corpora.
type blockReader struct {
	*scene
	r    Reader
	read map[blockKey]map[string]*meanLosses // by corpus
}

type blockKey struct {
	metric  string
	horizon int
}

// meanLosses are the block losses of each series on a corpus, replicates
// joined, and the kinds.
type meanLosses struct {
	blocks map[string][]results.BlockLoss
	kinds  map[string]string
}

// of is what there is on a corpus, perhaps nothing.
func (b *blockReader) of(corpus, metric string, k int) (*meanLosses, error) {
	key := blockKey{metric, k}
	if b.read[key] == nil {
		got, err := b.all(key)
		if err != nil {
			return nil, err
		}
		b.read[key] = got
	}
	if got := b.read[key][corpus]; got != nil {
		return got, nil
	}
	return &meanLosses{}, nil
}

func (b *blockReader) all(key blockKey) (map[string]*meanLosses, error) {
	series, err := b.r.BlockLosses(b.filter, key.metric, key.horizon)
	if err != nil {
		return nil, err
	}
	out, replicates := map[string]*meanLosses{}, map[[2]string][][]results.BlockLoss{}
	for _, x := range series {
		if out[x.Corpus] == nil {
			out[x.Corpus] = &meanLosses{map[string][]results.BlockLoss{}, map[string]string{}}
		}
		name := b.name(x.ID)
		out[x.Corpus].kinds[name] = x.Kind
		at := [2]string{x.Corpus, name}
		replicates[at] = append(replicates[at], x.Blocks)
	}
	for at, list := range replicates {
		if out[at[0]].blocks[at[1]], err = results.MeanBlocks(list); err != nil {
			return nil, err
		}
	}
	return out, nil
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
		logAxis(axis.a, lo, hi, 2, 0.08)
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
