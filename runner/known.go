package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"horizon/corpora"
	"horizon/results"
)

// knownHorizons are those of the list of known processes.
var knownHorizons = []int{1, 2, 4, 8, 16, 32}

// listKnown is a row of facts for every process that has default parameters,
// at those (corpora.Facts says what they are). It takes some seconds.
func listKnown(ctx context.Context, seed uint64) (*results.Table, error) {
	t := &results.Table{Columns: []string{"process", "parameters", "h", "E", "C_mu", "TI"}}
	for _, k := range knownHorizons {
		t.Columns = append(t.Columns, fmt.Sprintf("L%d*", k))
	}
	for _, kind := range corpora.Kinds {
		config := kind.Default()
		law, ok := config.(corpora.Law)
		if !ok || config.Validate() != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := law.Process(seed)
		if err != nil {
			return nil, err
		}
		f := corpora.FactsOf(p, knownHorizons)
		row := []any{kind.Name, lawParameters(law)}
		for _, q := range append([]corpora.Quantity{f.Entropy, f.ExcessEntropy, f.StatisticalComplexity, f.TransientInformation}, f.Ahead...) {
			row = append(row, showQuantity(q))
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// lawParameters are the parameters of a law, without what says how much is drawn.
func lawParameters(law corpora.Law) string {
	var all map[string]any
	if err := json.Unmarshal(mustJSON(law), &all); err != nil {
		panic(err) // we have just written it
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if key != "Symbols" && key != "Split" {
			parts = append(parts, fmt.Sprintf("%s=%v", strings.ToLower(key), all[key]))
		}
	}
	return strings.Join(parts, " ")
}

// showQuantity is a value to four digits, with its standard error where it is a
// simulation's.
func showQuantity(q corpora.Quantity) string {
	switch {
	case math.IsInf(q.Value, 1):
		return "infinite"
	case math.IsNaN(q.Value):
		return "unknown"
	case q.How == corpora.Simulated:
		return fmt.Sprintf("%.4f±%.4f", q.Value, q.Error)
	}
	return fmt.Sprintf("%.4f", math.Abs(q.Value)) // no −0
}
