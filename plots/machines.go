package plots

import (
	"fmt"
	"math"
	"slices"

	"horizon/results"
)

// Machines is a dot plot of what the study "machine" found: for each corpus the
// statistical complexity of the machine that each predictor's places merge
// into, the least first, with its number of states beside it. Filled marks are
// machines that are the process's own; its complexity is the dashed line.
type Machines struct {
	Common
}

// DefaultMachines is a page wide.
func DefaultMachines() Config { return &Machines{Common{Width: 17.5}} }

// Draw implements Config.
func (m *Machines) Draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	files, err := m.draw(r, f, name, dir)
	return explain("machines", name, files, err)
}

func (m *Machines) draw(r Reader, f results.Filter, name, dir string) ([]string, error) {
	s, err := newScene(r, m.Common, f)
	if err != nil {
		return nil, err
	}
	values := map[string]map[string]map[string]float64{} // of each metric, on each corpus
	var complexity []results.ScoreRow
	for _, metric := range []string{"machine_complexity", "machine_states", "machine_recovered", "machine_complexity_true", "machine_states_true"} {
		rows, err := r.Scores(s.filter, metric)
		if err != nil {
			return nil, err
		}
		if metric == "machine_complexity" {
			complexity = rows
		}
		values[metric] = map[string]map[string]float64{}
		for _, row := range rows {
			if values[metric][row.Corpus] == nil {
				values[metric][row.Corpus] = map[string]float64{}
			}
			values[metric][row.Corpus][s.name(row.ID)] = row.Value
		}
	}
	var panels []*bitsPanel
	for _, corpus := range s.corpora() {
		states, recovered := values["machine_states"][corpus], values["machine_recovered"][corpus]
		p := &bitsPanel{scene: s, corpus: corpus, entropy: math.NaN(), limit: math.Inf(1), span: 0.05,
			figure: func(x score) string { return fmt.Sprintf("%.0f", states[x.name]) },
			open:   func(name string) bool { return recovered[name] != 1 }}
		p.scores, _ = s.joined(corpus, func(yield func(results.ID, results.Interval)) {
			for _, row := range complexity {
				yield(row.ID, interval(row.Value, math.NaN(), math.NaN()))
			}
		})
		if len(p.scores) == 0 {
			continue
		}
		for name, c := range values["machine_complexity_true"][corpus] {
			// Where others are far more complex, the true is not to be squeezed.
			p.entropy, p.limit = c, 1.25*c+0.25
			p.corpus = fmt.Sprintf("%s (%.0f)", corpus, values["machine_states_true"][corpus][name])
		}
		slices.SortStableFunc(p.scores, func(a, b score) int { return compareFloat(a.Value, b.Value) })
		panels = append(panels, p)
	}
	fig := m.figure(s, 0, 3)
	arrange(fig, panels, "statistical complexity (bits)")
	s.notes = append([]string{"Figures: states of the machine. Filled marks: the process's own, up to the names of states. Dashed and in brackets: the complexity and the number of its causal states."}, s.notes...)
	if slices.ContainsFunc(panels, (*bitsPanel).cuts) {
		s.notes[0] += " Arrows: beyond the axis."
	}
	return s.finish(fig, name, dir)
}
