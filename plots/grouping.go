package plots

import (
	"slices"
	"strings"

	"horizon/results"
)

// A grouping says which predictors are points of one series: those of a table
// of the experiment that differ in what is swept only.
type grouping struct {
	of    map[string]string // series by name of the predictor
	order []string          // series by first place in the plan
}

// group joins predictors into series. Swept are the keys that fit the globs;
// without any, the parameter or the amount that is the axis; of an amount that
// nothing bounds, all bounds, or all keys if there are none. A series' look
// follows its place among the series, which is its place among the predictors
// if nothing is swept.
func (s *scene) group(x *abscissa, sweep []string) grouping {
	g := grouping{of: map[string]string{}}
	shown, others := slices.Clone(s.order), 0
	looked := map[string]bool{}
	for _, row := range s.plan {
		own := s.name(row.ID)
		name := seriesName(row, x, sweep) + strings.TrimPrefix(own, row.Predictor)
		g.of[own] = name
		if !looked[name] {
			looked[name], s.looks[name], s.coder[name] = true, oracleLook, row.Coder
			if row.Kind != oracleKind {
				s.looks[name] = lookOf(others)
				others++
			}
		}
		if slices.Contains(shown, own) && !slices.Contains(g.order, name) {
			g.order = append(g.order, name)
		}
	}
	for _, name := range g.order {
		if !slices.Contains(s.order, name) {
			s.order = append(s.order, name)
		}
	}
	return g
}

// seriesName is the table and the values of the grid that are not swept.
func seriesName(row results.LeaderboardRow, x *abscissa, sweep []string) string {
	values := gridValues(strings.TrimPrefix(strings.TrimPrefix(row.Predictor, row.Series), "/"))
	swept := sweptBy(row, values, x, sweep)
	values = slices.DeleteFunc(values, func(v string) bool { return swept(keyOf(v)) })
	if len(values) == 0 {
		return row.Series
	}
	return row.Series + "/" + strings.Join(values, ",")
}

func sweptBy(row results.LeaderboardRow, values []string, x *abscissa, sweep []string) func(key string) bool {
	bounds := boundsOf(row)
	isAxis := func(key string) bool {
		return key == x.key || slices.Contains(bounds, key) && ("budget."+key == x.key || key == x.bound)
	}
	switch has := func(is func(string) bool) bool {
		return slices.ContainsFunc(values, func(v string) bool { return is(keyOf(v)) })
	}; {
	case len(sweep) > 0:
		return func(key string) bool {
			return slices.ContainsFunc(sweep, func(glob string) bool { return matches(glob, key) })
		}
	case x.key != "" || has(isAxis):
		return isAxis
	case has(func(key string) bool { return slices.Contains(bounds, key) }):
		return func(key string) bool { return slices.Contains(bounds, key) }
	}
	return func(string) bool { return true }
}

// boundsOf lists the bounds on a predictor's training, as names of predictors
// have them.
func boundsOf(row results.LeaderboardRow) (out []string) {
	for _, b := range []struct {
		name string
		set  bool
	}{
		{"symbols", row.Budget.Symbols > 0}, {"model_bytes", row.Budget.ModelBytes > 0},
		{"train_seconds", row.Budget.Seconds > 0}, {"train_ops", row.Budget.Ops > 0},
	} {
		if b.set {
			out = append(out, b.name)
		}
	}
	return out
}

func keyOf(value string) string {
	key, _, _ := strings.Cut(value, "=")
	return key
}

// gridValues splits "order=2,name=a" at the commas before keys.
func gridValues(label string) []string {
	var out []string
	for _, part := range strings.Split(label, ",") {
		if n := len(out); n > 0 && !strings.Contains(part, "=") {
			out[n-1] += "," + part
		} else if part != "" {
			out = append(out, part)
		}
	}
	return out
}
