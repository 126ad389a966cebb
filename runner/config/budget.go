package config

import (
	"reflect"
	"slices"

	"horizon/predictors"
)

// A budget bounds what training may use (predictors.Budget). It is written in
// the table [budget], for every predictor, and under budget in a predictor's
// own table, its grid or on, each key for itself:
//
//	[budget]
//	symbols = 1_000_000
//	model_bytes = ["1MiB", "4MiB"]     # a list sweeps: kn/model_bytes=1MiB, …
//
// Several lists are swept one at a time, the other resources open: that is
// what matching one resource means. (In a grid, lists multiply.)
//
// The predictor's own wins over [budget]. Bounds are part of its parameters,
// and of its identity, where they are set.
const budgetKey = "budget"

// bounds is a budget as it is written.
type bounds struct {
	Symbols      int64   `toml:"symbols"`       // of the training part, the first
	ModelBytes   Size    `toml:"model_bytes"`   // of the trained model
	TrainSeconds float64 `toml:"train_seconds"` // of training and tuning
	TrainOps     float64 `toml:"train_ops"`     // of training, as counted by the predictor
}

var boundNames = fieldsOf(reflect.ValueOf(bounds{})).names()

func (w bounds) budget() predictors.Budget {
	return predictors.Budget{Symbols: w.Symbols, ModelBytes: int64(w.ModelBytes), TrainSeconds: w.TrainSeconds, TrainOps: w.TrainOps}
}

// boundsJSON is a budget in the parameters of a predictor: what is set.
func boundsJSON(b predictors.Budget) map[string]any {
	m := map[string]any{}
	for name, v := range map[string]float64{"symbols": float64(b.Symbols), "model_bytes": float64(b.ModelBytes),
		"train_seconds": b.TrainSeconds, "train_ops": b.TrainOps} {
		if v > 0 {
			m[name] = v
		}
	}
	return m
}

// budgetTable refuses a budget that is no table of bounds, and what is none in
// it. n may be nil.
func (b *builder) budgetTable(path string, n *node) {
	switch {
	case n == nil:
	case n.table == nil:
		b.refuse(path, n, "want a table of bounds, such as { model_bytes = \"8MiB\" }")
	default:
		for _, k := range n.keys {
			if !slices.Contains(boundNames, k) {
				b.unknownKey(join(path, k), n.table[k], k, boundNames)
			}
		}
	}
}

// sweeps lists the axes that lists in the predictor's budget and in [budget]
// make, where nothing stronger sets the bound.
func (b *builder) sweeps(t *predictorTable) (axes []axis) {
	for _, k := range boundNames {
		path := []string{budgetKey, k}
		inGrid := slices.ContainsFunc(t.axes, func(a axis) bool { return slices.Equal(a.path, path) })
		own, all := t.n.get(path...), b.root.get(path...)
		switch {
		case own != nil && own.list && inGrid:
			b.refuse(t.path+"."+budgetKey+"."+k, own, "would not count, since the grid sets it too")
		case inGrid:
		case own != nil && own.list:
			axes = append(axes, axis{path: path, values: own.items, at: join(join(t.path, budgetKey), k)})
		case own == nil && all != nil && all.list:
			axes = append(axes, axis{path: path, values: all.items, at: join(budgetKey, k)})
		}
	}
	return axes
}

// bounds are those of the predictor at a point of its axes, under overrides
// for a corpus.
func (b *builder) bounds(t *predictorTable, point []choice, on []override) predictors.Budget {
	var w bounds
	for _, f := range fieldsOf(reflect.ValueOf(&w).Elem()) {
		key, n := b.bound(t, f.name, point, on)
		if n == nil || b.refused(key) {
			continue
		}
		if b.value(key, n, f.value); !b.refused(key) && !(toFloat(f.value) > 0) {
			b.refuse(key, n, "want > 0")
		}
	}
	return w.budget()
}

func toFloat(v reflect.Value) float64 {
	if v.CanInt() {
		return float64(v.Int())
	}
	return v.Float()
}

// bound is where a bound was written, the strongest first, and its value.
func (b *builder) bound(t *predictorTable, name string, point []choice, on []override) (key string, n *node) {
	for _, o := range slices.Backward(on) {
		if n := o.n.get(budgetKey, name); n != nil {
			return join(join(o.path, budgetKey), name), n
		}
	}
	for _, c := range point {
		if slices.Equal(c.axis.path, []string{budgetKey, name}) {
			return c.axis.at, c.value
		}
	}
	key, n = join(budgetKey, name), b.root.get(budgetKey, name)
	if own := t.n.get(budgetKey, name); own != nil {
		key, n = join(join(t.path, budgetKey), name), own
	}
	if n != nil && n.list { // another sweep's turn
		return key, nil
	}
	return key, n
}
