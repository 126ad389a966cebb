package plots

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"horizon/results"
)

const fitWidth = vg.Length(0.7)

var fitStyle = draw.LineStyle{Color: dark, Width: fitWidth}

// resamples of the blocks behind a fit: enough for two digits of an interval.
const resamples = 500

// mostTold is how many fits a caption tells; a table tells them all.
const mostTold = 6

// A fitter fits learning curves to the sweeps of panels.
type fitter struct {
	*Against
	y      *losses
	blocks blockTable
	done   []fitted
	failed []unfitted
}

// unfitted are the sweeps of a corpus that one reason kept from a fit.
type unfitted struct {
	corpus, why string
	series      []string
}

// fitted is what came of a sweep.
type fitted struct {
	corpus, series string
	fit            results.Fit
	resampled      bool // its intervals know of the test text
}

func (a *Against) fitter(r Reader, s *scene, y *losses) (*fitter, error) {
	f := &fitter{Against: a, y: y}
	if len(a.FitLog)+len(a.FitPower) == 0 {
		return f, nil
	}
	var err error
	f.blocks, err = s.blocks(r, y)
	return f, err
}

// law is what a series is fitted by.
func (f *fitter) law(series string) (results.Law, bool) {
	fits := func(globs []string) bool {
		return slices.ContainsFunc(globs, func(glob string) bool { return matches(glob, series) })
	}
	if fits(f.FitLog) {
		return results.LogLaw, true
	}
	return results.PowerLaw, fits(f.FitPower)
}

// fit fits what is asked for of a panel's sweeps.
func (f *fitter) fit(p *againstPanel) {
	for i := range p.sweeps {
		w := &p.sweeps[i]
		law, ok := f.law(w.name)
		if !ok {
			continue
		}
		known := math.NaN()
		if f.KnownEntropy {
			known = p.floor
		}
		var values []float64
		for _, v := range w.v {
			values = append(values, v.Value)
		}
		fit, err := results.FitLaw(law, w.at, values, known)
		if err != nil {
			f.fail(p.corpus, w.name, errors.Unwrap(err).Error())
			continue
		}
		resampled := f.resample(&fit, p.corpus, *w)
		w.fit = &fit
		f.done = append(f.done, fitted{p.corpus, w.name, fit, resampled})
	}
}

func (f *fitter) fail(corpus, series, why string) {
	for i := range f.failed {
		if x := &f.failed[i]; x.corpus == corpus && x.why == why {
			x.series = append(x.series, series)
			return
		}
	}
	f.failed = append(f.failed, unfitted{corpus, why, []string{series}})
}

// resample adds the test text's error to the intervals, where the blocks of
// all points are there.
func (f *fitter) resample(fit *results.Fit, corpus string, w sweep) bool {
	var blocks [][]results.BlockLoss
	for _, cell := range w.cells {
		mean, err := f.blocks.mean(corpus, cell)
		if err != nil {
			return false
		}
		blocks = append(blocks, mean)
	}
	least := 2 * float64(results.MinLag(f.y.horizon, blocks[0]))
	return fit.Resample(blocks, f.y.per, results.Bootstrap{Resamples: resamples, Seed: 1, MinLength: least}) == nil
}

// entries are the laws in the legend.
func (f *fitter) entries() []entry {
	var out []entry
	for _, law := range []results.Law{results.LogLaw, results.PowerLaw} {
		if slices.ContainsFunc(f.done, func(x fitted) bool { return x.fit.Law.Name == law.Name }) {
			out = append(out, entry{name: "fit " + pretty(law.Formula), line: &fitStyle})
		}
	}
	return out
}

// pretty is a formula in the signs of print.
func pretty(formula string) string {
	return strings.NewReplacer("-beta", "−β", "beta", "β").Replace(formula)
}

// report tells the fits in the caption, and all of them in a table.
func (f *fitter) report(s *scene, name string, x *abscissa) [][]string {
	table := [][]string{{"corpus", "series", "score", "n", "law", "parameter", "value", "lo", "hi", "given", "points", "rms", "intervals"}}
	var told []string
	for _, d := range f.done {
		told = append(told, d.tell())
		intervals := "scatter"
		if d.resampled {
			intervals = "scatter and test text"
		}
		for i, p := range d.fit.Params {
			table = append(table, []string{d.corpus, d.series, f.y.name, x.label, d.fit.Law.Formula, p.Name,
				number(p.Value), number(p.Lo), number(p.Hi), strconv.FormatBool(d.fit.Given && i == 0),
				strconv.Itoa(d.fit.Points), number(d.fit.RMS), intervals})
		}
	}
	if len(told) > 0 {
		s.notes = append(s.notes, "Thin: least squares in n = "+x.label+
			"; 95% intervals, of the scatter about the curve and, where blocks are stored, of the test text.")
	}
	if len(told) > mostTold {
		told = []string{fmt.Sprintf("%d, in %s.csv", len(told), name)}
	}
	s.note("Fits", told, "; ")
	var failed []string
	for _, x := range f.failed {
		failed = append(failed, fmt.Sprintf("%s on %s (%s)", strings.Join(x.series, ", "), x.corpus, x.why))
	}
	s.note("No fit", failed, "; ")
	return table
}

// tell is a fit in words.
func (d fitted) tell() string {
	var params []string
	for i, p := range d.fit.Params {
		text := fmt.Sprintf("%s = %s", pretty(p.Name), short(p.Value))
		switch {
		case d.fit.Given && i == 0:
			text += " given"
		case p.OK:
			text += fmt.Sprintf(" [%s, %s]", short(p.Lo), short(p.Hi))
		}
		params = append(params, text)
	}
	return fmt.Sprintf("%s on %s: %s", d.series, d.corpus, strings.Join(params, ", "))
}

func short(v float64) string {
	return strings.ReplaceAll(strconv.FormatFloat(v, 'g', 4, 64), "-", "−")
}

// number writes a figure in full, and none as nothing.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
