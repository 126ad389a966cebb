package plots

import (
	"fmt"
	"math"
	"slices"

	"horizon/results"
)

// losses are what the vertical axis shows.
type losses struct {
	label   string
	name    string // of the score
	metric  string // of the stored blocks
	horizon int
	per     results.Per
	each    func(yield func(results.ID, results.Interval))
	floor   func(corpus string) float64 // the least there can be; NaN if unknown
}

// lossesOf is the loss k steps ahead, or a score of the next symbol.
func lossesOf(r Reader, s *scene, name string, k int) (*losses, error) {
	switch {
	case k < 0:
		return nil, fmt.Errorf("horizon = %d, want ≥ 0", k)
	case k > 0:
		return ahead(r, s, k)
	}
	for _, y := range []losses{
		{"bits per byte", "bits_per_byte", "log_loss", 1, results.PerByte, s.bitsPerByte, func(c string) float64 { return s.entropy(c, true) }},
		{"bits per symbol", "bits_per_symbol", "log_loss", 1, results.PerSymbol, s.bitsPerSymbol, func(c string) float64 { return s.entropy(c, false) }},
	} {
		if y.name == name {
			return &y, nil
		}
	}
	if a, ok := amountOf(name); ok {
		return spentAs(r, s, a)
	}
	return nil, &unknownError{"score", fmt.Sprintf("%q", name), "bits_per_byte, bits_per_symbol, " + amountNames()}
}

// spentAs is what was spent in place of a loss.
func spentAs(r Reader, s *scene, a amount) (*losses, error) {
	rows, err := r.Costs(s.filter)
	each := func(yield func(results.ID, results.Interval)) {
		for _, row := range rows {
			yield(row.ID, interval(a.of(row), math.NaN(), math.NaN()))
		}
	}
	return &losses{label: a.label, name: a.name, each: each, floor: func(string) float64 { return math.NaN() }}, err
}

// bitsPerSymbol yields those of finished cells, with the intervals of the bits
// per byte in their units.
func (s *scene) bitsPerSymbol(yield func(results.ID, results.Interval)) {
	for _, row := range s.board {
		if row.State == results.Done {
			unit := float64(row.TestBytes) / float64(row.TestSymbols)
			at := func(end float64) float64 { return row.BitsPerSymbol + (end-row.BitsPerByte)*unit }
			yield(row.ID, interval(row.BitsPerSymbol, at(row.Lo), at(row.Hi)))
		}
	}
}

// ahead is the loss k steps ahead.
func ahead(r Reader, s *scene, k int) (*losses, error) {
	rows, err := r.Horizons(s.filter)
	rows = slices.DeleteFunc(rows, func(row results.HorizonRow) bool { return row.K != k })
	each := func(yield func(results.ID, results.Interval)) {
		for _, row := range rows {
			yield(row.ID, interval(row.Bits, row.Lo, row.Hi))
		}
	}
	floor := func(corpus string) float64 {
		for _, row := range rows {
			if row.Corpus == corpus && !math.IsNaN(row.Optimum) {
				return row.Optimum
			}
		}
		return math.NaN()
	}
	return &losses{fmt.Sprintf("loss %d steps ahead (bits per symbol)", k), fmt.Sprintf("ahead_bits at %d", k),
		"ahead", k, results.PerSymbol, each, floor}, err
}

// A blockTable is the stored block losses by predictor and corpus, one for
// each replicate.
type blockTable map[string][]results.Series

func (s *scene) blocks(r Reader, y *losses) (blockTable, error) {
	series, err := r.BlockLosses(s.filter, y.metric, y.horizon)
	t := blockTable{}
	for _, x := range series {
		key := s.name(x.ID) + "\x00" + x.Corpus
		t[key] = append(t[key], x)
	}
	return t, err
}

// mean is the block losses of a predictor, the mean of its replicates'.
func (t blockTable) mean(corpus, name string) ([]results.BlockLoss, error) {
	var of [][]results.BlockLoss
	for _, x := range t[name+"\x00"+corpus] {
		of = append(of, x.Blocks)
	}
	if len(of) == 0 {
		return nil, fmt.Errorf("%s on %s has no block losses", name, corpus)
	}
	return results.MeanBlocks(of)
}

// difference is a less b, with the interval of the paired difference where the
// blocks of both are there.
func (t blockTable) difference(corpus string, a, b score, y *losses) results.Interval {
	d := results.Interval{Value: a.Value - b.Value, Lo: math.NaN(), Hi: math.NaN()}
	x, err := t.mean(corpus, a.name)
	if err != nil {
		return d
	}
	z, err := t.mean(corpus, b.name)
	if err != nil {
		return d
	}
	bits, n, err := results.Paired(x, z, y.per)
	if err != nil {
		return d
	}
	if v := results.HAC(bits, n, results.MinLag(y.horizon, x)); v.OK {
		half := (v.Hi - v.Lo) / 2
		return results.Interval{Value: d.Value, Lo: d.Value - half, Hi: d.Value + half, OK: true}
	}
	return d
}
