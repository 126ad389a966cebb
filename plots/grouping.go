package plots

import (
	"slices"
	"strings"

	"horizon/results"
)

// A grouping says which predictors are points of one series: those of a table
// of the experiment that differ in the swept keys of its grid only.
type grouping struct {
	of    map[string]string // series by name of the predictor
	order []string          // series by first place in the plan
}

// group joins predictors into series. Swept are the keys that fit the globs;
// without any, the parameter that is the axis or, against an amount, the keys
// under budget, or all if there are none. A series' look follows its place
// among the series, that of no sweep the figures' without series.
func (s *scene) group(key string, sweep []string) grouping {
	g := grouping{of: map[string]string{}}
	others := 0
	for _, row := range s.plan {
		own := s.name(row.ID)
		name := seriesName(row, key, sweep) + strings.TrimPrefix(own, row.Predictor)
		g.of[own] = name
		if slices.Contains(g.order, name) {
			continue
		}
		g.order = append(g.order, name)
		s.looks[name], s.coder[name] = oracleLook, row.Coder
		if row.Kind != oracleKind {
			s.looks[name] = lookOf(others)
			others++
		}
		if !slices.Contains(s.order, name) {
			s.order = append(s.order, name)
		}
	}
	return g
}

// seriesName is the table and the values of the grid that are not swept.
func seriesName(row results.LeaderboardRow, key string, sweep []string) string {
	values := gridValues(strings.TrimPrefix(strings.TrimPrefix(row.Predictor, row.Series), "/"))
	budget := slices.ContainsFunc(values, isBudget)
	values = slices.DeleteFunc(values, func(v string) bool {
		k, _, _ := strings.Cut(v, "=")
		switch {
		case len(sweep) > 0:
			return slices.ContainsFunc(sweep, func(glob string) bool { return matches(glob, k) })
		case key != "":
			return k == key
		}
		return !budget || isBudget(v)
	})
	if len(values) == 0 {
		return row.Series
	}
	return row.Series + "/" + strings.Join(values, ",")
}

func isBudget(value string) bool { return strings.HasPrefix(value, "budget.") }

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
