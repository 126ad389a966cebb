package plots

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"horizon/results"
)

// An amount is something a finished cell has spent.
type amount struct {
	name  string
	also  string // what it is called in style of the others
	label string
	of    func(results.CostRow) float64
}

var amounts = []amount{
	{"train_symbols", "n_train", "training symbols", func(r results.CostRow) float64 { return float64(r.TrainSymbols) }},
	{"train_seconds", "train_s", "training time (s)", func(r results.CostRow) float64 { return r.TrainSeconds }},
	{"train_ops", "", "training operations", func(r results.CostRow) float64 { return r.TrainOps }},
	{"ops_per_symbol", "", "operations per symbol", func(r results.CostRow) float64 { return r.OpsPerSymbol }},
	{"eval_seconds", "eval_s", "evaluation time (s)", func(r results.CostRow) float64 { return r.EvalSeconds }},
	{"cpu_seconds", "cpu_s", "processor time (s)", func(r results.CostRow) float64 { return r.CPUSeconds }},
	{"score_us", "", "scoring time (µs per symbol)", func(r results.CostRow) float64 { return 1e6 / r.SymbolsPerSecond }},
	{"model_bytes", "", "model size (bytes)", func(r results.CostRow) float64 { return float64(r.ModelBytes) }},
	{"peak_rss", "", "peak memory (bytes)", func(r results.CostRow) float64 { return float64(r.PeakRSS) }},
}

func amountOf(name string) (amount, bool) {
	i := slices.IndexFunc(amounts, func(a amount) bool { return name != "" && (a.name == name || a.also == name) })
	if i < 0 {
		return amount{}, false
	}
	return amounts[i], true
}

func amountNames() string {
	var names []string
	for _, a := range amounts {
		names = append(names, a.name)
	}
	return strings.Join(names, ", ")
}

// An abscissa is where cells stand on the horizontal axis: by an amount, or by
// a parameter.
type abscissa struct {
	label string
	key   string // of the parameter; "" for an amount
	bound string // on the amount, in budgets; "" if there is none
	at    map[results.ID]float64
}

// boundLabels are what the bounds of budgets are called on axes.
var boundLabels = map[string]string{
	"budget.symbols":       "training symbols allowed",
	"budget.model_bytes":   "model size allowed (bytes)",
	"budget.train_seconds": "training time allowed (s)",
	"budget.train_ops":     "training operations allowed",
}

// newAbscissa reads an amount, or else the parameter of that name, with dots
// between the names of tables.
func newAbscissa(r Reader, s *scene, x string) (*abscissa, error) {
	out := &abscissa{at: map[results.ID]float64{}}
	if a, ok := amountOf(x); ok {
		out.label, out.bound = a.label, strings.TrimPrefix(a.name, "train_")
		if a.name != "train_symbols" {
			out.bound = a.name
		}
		rows, err := r.Costs(s.filter)
		for _, row := range rows {
			out.at[row.ID] = a.of(row)
		}
		return out, err
	}
	out.label, out.key = cmp.Or(boundLabels[x], x), x
	for _, row := range s.board {
		if v, ok := parameter(row.Params, x); ok {
			out.at[row.ID] = v
		}
	}
	if len(out.at) == 0 && len(s.board) > 0 {
		return nil, &unknownError{"x", fmt.Sprintf("%q", x), amountNames() + ", or a parameter that is a number"}
	}
	return out, nil
}

// parameter finds a number in canonical JSON by its dotted path.
func parameter(params, path string) (float64, bool) {
	var v any
	if json.Unmarshal([]byte(params), &v) != nil {
		return 0, false
	}
	for _, key := range strings.Split(path, ".") {
		table, _ := v.(map[string]any)
		v = table[key]
	}
	x, ok := v.(float64)
	return x, ok
}
