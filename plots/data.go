package plots

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"horizon/results"
)

// A scene is what all figures need to know: whose looks are whose, which
// corpora there are, and what is missing.
type scene struct {
	filter results.Filter
	plan   []results.LeaderboardRow // of the whole experiment
	board  []results.LeaderboardRow // of the filter, by place in the plan
	looks  map[string]look          // by series name
	names  map[string]string        // names, one for each predictor and mode
	order  []string                 // names of what is shown, by first place in the plan
	coder  map[string]bool          // of series names
	notes  []string
}

// The kinds of predictor that figures treat apart.
const (
	oracleKind  = "oracle"
	unigramKind = "unigram"
)

// newScene reads the plan. Looks follow the whole experiment, the rest the
// filter.
func newScene(r Reader, c Common, f results.Filter) (*scene, error) {
	f, err := c.filter(f)
	if err != nil {
		return nil, err
	}
	all, err := r.Leaderboard(results.Filter{Experiment: f.Experiment})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b results.LeaderboardRow) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	s := &scene{filter: f, plan: all, looks: map[string]look{}, names: map[string]string{}, coder: map[string]bool{}}
	modes := map[string]bool{}
	for _, row := range all {
		if row.Experiment != all[0].Experiment {
			return nil, fmt.Errorf("experiments %s and %s match %q, want one", all[0].Experiment, row.Experiment, f.Experiment)
		}
		if !row.Coder && shows(f.Mode, row.Mode) { // compressors know one mode only
			modes[row.Mode] = true
		}
	}
	others := 0 // predictors with a look of their own
	for _, row := range all {
		name := row.Predictor
		if !row.Coder && (len(modes) > 1 || !modes[row.Mode]) {
			name += ", " + row.Mode
		}
		s.names[row.Predictor+"\x00"+row.Mode] = name
		if _, ok := s.looks[name]; !ok {
			s.looks[name] = oracleLook
			if row.Kind != oracleKind {
				s.looks[name] = lookOf(others)
				others++
			}
			s.coder[name] = row.Coder
			if c.shows(row.Predictor) {
				s.order = append(s.order, name)
			}
		}
	}
	if s.board, err = r.Leaderboard(f); err != nil {
		return nil, err
	}
	slices.SortStableFunc(s.board, func(a, b results.LeaderboardRow) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	return s, s.noteMissing(r)
}

// shows reports whether a figure with that filter of modes shows a mode.
func shows(glob, mode string) bool {
	return glob == "" || matches(glob, mode)
}

// matches is the database's idea of a glob, whose * matches a slash too.
func matches(glob, name string) bool {
	plain := strings.NewReplacer("/", "\x00")
	ok, err := path.Match(plain.Replace(glob), plain.Replace(name))
	return ok && err == nil
}

// name is the series a row belongs to.
func (s *scene) name(id results.ID) string { return s.names[id.Predictor+"\x00"+id.Mode] }

// noteMissing names the cells that are not done, by how they ended.
func (s *scene) noteMissing(r Reader) error {
	rows, err := r.Missing(s.filter)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(row results.MissingRow) bool {
		return !slices.Contains(s.order, s.names[row.Predictor+"\x00"+row.Mode])
	})
	slices.SortStableFunc(rows, func(a, b results.MissingRow) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	var groups []string
	for i, row := range rows {
		seen := func(o results.MissingRow) bool { return o.Corpus == row.Corpus && o.State == row.State }
		if slices.IndexFunc(rows, seen) != i {
			continue
		}
		var who []string
		for _, o := range rows {
			name := s.names[o.Predictor+"\x00"+o.Mode]
			if seen(o) && !slices.Contains(who, name) {
				who = append(who, name)
			}
		}
		groups = append(groups, fmt.Sprintf("%s on %s (%s)", strings.Join(who, ", "), row.Corpus, row.State))
	}
	s.note("Missing", groups, "; ")
	return nil
}

// note adds a sentence about some things, if there are any.
func (s *scene) note(what string, things []string, sep string) {
	if len(things) > 0 {
		s.notes = append(s.notes, what+": "+strings.Join(things, sep)+".")
	}
}

// corpora lists those with rows in the filter, in the order of the plan.
func (s *scene) corpora() []string {
	var out []string
	for _, row := range s.board {
		if !slices.Contains(out, row.Corpus) {
			out = append(out, row.Corpus)
		}
	}
	return out
}

// entropy is the known h of a corpus in bits per byte or per symbol; NaN where
// it is not known.
func (s *scene) entropy(corpus string, perByte bool) float64 {
	for _, row := range s.board {
		if row.Corpus == corpus && !math.IsNaN(row.Entropy) {
			if !perByte {
				return row.Entropy
			}
			if row.TestBytes > 0 {
				return row.Entropy * float64(row.TestSymbols) / float64(row.TestBytes)
			}
		}
	}
	return math.NaN()
}

// unigram is the name of the series of the unigram predictor, which knows no
// context; "" if there is none.
func (s *scene) unigram() string {
	for _, row := range s.board {
		if row.Kind == unigramKind {
			return s.name(row.ID)
		}
	}
	return ""
}

// A score is a series' loss on a corpus, its replicates joined.
type score struct {
	name string
	results.Interval
}

// joined gathers the intervals of each series on a corpus and joins
// replicates; series come in the order of the plan. What is not a finite
// number is left out and returned by name.
func (s *scene) joined(corpus string, each func(yield func(results.ID, results.Interval))) (out []score, left []string) {
	by := map[string][]results.Interval{}
	each(func(id results.ID, v results.Interval) {
		if id.Corpus == corpus {
			by[s.name(id)] = append(by[s.name(id)], v)
		}
	})
	for _, name := range s.order {
		if len(by[name]) == 0 {
			continue
		}
		v := results.Replicates(by[name])
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			left = append(left, name)
			continue
		}
		out = append(out, score{name, v})
	}
	return out, left
}

// bitsPerByte yields those of finished cells.
func (s *scene) bitsPerByte(yield func(results.ID, results.Interval)) {
	for _, row := range s.board {
		if row.State == results.Done {
			yield(row.ID, interval(row.BitsPerByte, row.Lo, row.Hi))
		}
	}
}

// interval is a stored value with its stored ends.
func interval(v, lo, hi float64) results.Interval {
	return results.Interval{Value: v, Lo: lo, Hi: hi, OK: !math.IsNaN(lo) && !math.IsNaN(hi)}
}

// figure is an empty figure of the configured size.
func (c Common) figure(s *scene, panelHeight float64, perRow int) *figure {
	// A panel narrower than 5 cm has no room for its labels.
	perRow = max(1, min(perRow, int(c.Width/5)))
	return &figure{title: c.Title, width: cm(c.Width), height: cm(c.Height), panelHeight: cm(panelHeight), perRow: perRow}
}

func cm(x float64) vg.Length { return vg.Length(x) * vg.Centimeter }

// used are those of the names in the order of the plan.
func (s *scene) used(names map[string]bool) []string {
	var out []string
	for _, name := range s.order {
		if names[name] {
			out = append(out, name)
		}
	}
	return out
}

// entries are the legend of series; those in the back have one entry together.
func (s *scene) entries(names []string, lines bool) []entry {
	var out []entry
	others := false
	for _, name := range names {
		l := s.looks[name]
		if l.back {
			others = true
			continue
		}
		mark := l.mark(s.coder[name])
		e := entry{name: name, mark: &mark}
		if lines && !l.noLine {
			line := l.line()
			e.line = &line
		}
		out = append(out, e)
	}
	if others {
		line := backLook.line()
		out = append(out, entry{name: "others", line: &line})
	}
	return out
}

// finish writes the figure, or says that there is nothing in it.
func (s *scene) finish(f *figure, name, dir string) ([]string, error) {
	if len(f.panels) == 0 {
		return nil, ErrEmpty
	}
	f.notes = s.notes
	return f.write(dir, name)
}

// explain says which figure an error is about.
func explain(kind, name string, files []string, err error) ([]string, error) {
	if err != nil {
		return nil, fmt.Errorf("plots.%s (%s): %w", name, kind, err)
	}
	return files, nil
}
