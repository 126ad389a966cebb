// Package plots draws the figures of a paper from stored results, and from
// nothing else: the same rows give the same bytes. style.go is the house
// style, figure.go the layout that all share, and each figure has a file.
//
// A figure has one panel per corpus. A predictor keeps its colour, mark and
// dashes in all figures of an experiment: they follow its place in the plan,
// whatever a figure leaves out. What is planned but missing is named under the
// panels.
package plots

import (
	"errors"
	"fmt"
	"slices"

	"horizon/results"
)

// A Reader gives the rows to draw; a *results.Store is one.
type Reader interface {
	Leaderboard(results.Filter) ([]results.LeaderboardRow, error)
	Horizons(results.Filter) ([]results.HorizonRow, error)
	Curves(results.Filter) ([]results.CurveRow, error)
	Costs(results.Filter) ([]results.CostRow, error)
	Missing(results.Filter) ([]results.MissingRow, error)
	BlockLosses(f results.Filter, metric string, horizon int) ([]results.Series, error)
	Chosen(results.Filter) ([]results.ChosenRow, error)
	Scores(f results.Filter, metric string) ([]results.ScoreRow, error)
}

var _ Reader = (*results.Store)(nil)

// A Config is the settings of a figure, decoded from a table [plots.NAME].
type Config interface {
	// Draw writes NAME.svg and NAME.png into dir, and NAME.csv if the figure
	// shows what is computed for it and nowhere stored, and returns their
	// paths. The filter must leave one experiment. ErrEmpty says that no finished cell
	// has what the figure shows.
	Draw(r Reader, f results.Filter, name, dir string) ([]string, error)
}

// ErrEmpty is that there is nothing to draw (yet).
var ErrEmpty = errors.New("nothing to draw")

// A Kind is a kind of figure.
type Kind struct {
	Name    string
	Doc     string
	Default func() Config
}

// Kinds are all figures.
var Kinds = []Kind{
	{"bits", "bits per byte of each predictor, with 95% intervals, best first", DefaultBits},
	{"horizon", "loss k steps ahead against k, with the optimum where it is known", DefaultHorizon},
	{"scores", "any stored metric against what it is a function of (steps ahead, distance, length of context), with intervals", DefaultScores},
	{"skill", "skill k steps ahead against k: 1 less the loss over that of the training frequencies", DefaultSkill},
	{"divergence", "expected regret k steps ahead against k, on known processes", DefaultDivergence},
	{"bound-ratio", "regret k steps ahead over k times that of the next symbol, which bounds it, against k", DefaultBoundRatio},
	{"near-far", "regret k steps ahead against that at the next symbol, one mark a predictor, with Kendall's tau and the significant reversals", DefaultNearFar},
	{"mi-decay", "mutual information of two symbols against their distance, of what is written and of the corpus", DefaultMIDecay},
	{"entropy-convergence", "entropy of a symbol given those before it against the length of blocks, from both sides, of what is written and of the corpus", DefaultEntropyConvergence},
	{"drift", "entropy of what is written against how much has been, with the loss on the test part", DefaultDrift},
	{"context-length", "loss against how much of the past is shown, cut off or shuffled beyond", DefaultContextLength},
	{"forgetting", "distance of what is foreseen after two contexts against steps ahead", DefaultForgetting},
	{"reliability", "how often what was said to have probability q came, against q", DefaultReliability},
	{"curves", "loss in the course of training against training symbols", DefaultCurves},
	{"against", "a loss against an amount (training symbols, seconds, operations, model bytes, …) or a parameter, sweeps joined; with fits h + c/log2 n or L + b n^-beta", DefaultAgainst},
	{"increments", "what each step from one predictor to the next changes, with paired 95% intervals, against references", DefaultIncrements},
	{"lags", "what training chose for each lag (beta_1, beta_2, …) against the lag", DefaultLags},
	{"machines", "complexity and number of states of the machines that predictors merge into, with the true ones", DefaultMachines},
	{"pareto-seconds", "bits per byte against training seconds, with the frontier", DefaultParetoSeconds},
	{"pareto-bytes", "bits per byte against model bytes, with the frontier", DefaultParetoBytes},
}

// Common is what every figure may be told.
type Common struct {
	Corpus    string   `toml:"corpus"`    // glob; "" is all
	Predictor string   `toml:"predictor"` // glob; "" is all
	Only      []string `toml:"only"`      // globs of predictors, where one will not do; none is all
	Mode      string   `toml:"mode"`      // glob; "" is all
	Title     string   `toml:"title"`     // above the panels; "" is none
	Width     float64  `toml:"width"`     // cm: 8.5 is a column, 17.5 a page
	Height    float64  `toml:"height"`    // cm; 0 is what the panels need
}

// shows reports whether a predictor is among those asked for.
func (c Common) shows(predictor string) bool {
	return len(c.Only) == 0 || slices.ContainsFunc(c.Only, func(glob string) bool { return matches(glob, predictor) })
}

// filter narrows f by the figure's own globs.
func (c Common) filter(f results.Filter) (results.Filter, error) {
	if !(c.Width >= 4 && c.Width <= 100) {
		return f, fmt.Errorf("width = %v cm, want 4 to 100", c.Width)
	}
	if c.Height != 0 && !(c.Height >= 3 && c.Height <= 100) {
		return f, fmt.Errorf("height = %v cm, want 3 to 100, or 0 for what is needed", c.Height)
	}
	for _, x := range []struct {
		have *string
		want string
		name string
	}{{&f.Corpus, c.Corpus, "corpus"}, {&f.Predictor, c.Predictor, "predictor"}, {&f.Mode, c.Mode, "mode"}} {
		switch {
		case *x.have == "":
			*x.have = x.want
		case x.want != "" && x.want != *x.have:
			return f, fmt.Errorf("%s = %q in the figure and %q asked for, want one of them", x.name, x.want, *x.have)
		}
	}
	return f, nil
}
