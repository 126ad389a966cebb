package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"horizon/corpora"
	"horizon/plots"
	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
	"horizon/results"
	"horizon/runner/config"
	"horizon/runner/metrics"
)

// registries are all the kinds an experiment may name.
func registries() config.Registries {
	r := config.Registries{Predictors: catalog.Kinds, Coders: catalog.Coders}
	for _, k := range corpora.Kinds {
		r.Corpora = append(r.Corpora, config.Kind{Name: k.Name, Default: func() any { return k.Default() }, Process: k.Process})
	}
	for _, k := range plots.Kinds {
		r.Plots = append(r.Plots, config.Kind{Name: k.Name, Default: func() any { return k.Default() }})
	}
	for _, k := range metrics.Studies {
		r.Metrics = append(r.Metrics, config.MetricKind{Kind: config.Kind{Name: k.Name, Default: func() any { return k.Default() }}, Version: k.Version})
	}
	return r
}

// experimentFlags are those of every verb that reads an experiment.
type experimentFlags struct {
	sets []string
	only []string
}

func (f *experimentFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.sets, "set", nil, "override a value of the experiment, as in --set predictors.kn.order=5")
	c.Flags().StringSliceVar(&f.only, "only", nil, "only these cells: globs of PREDICTOR or PREDICTOR@CORPUS")
}

// plan reads an experiment and multiplies it out. Predictors are made once on
// each alphabet, so that a parameter out of range is refused before anything
// runs.
func (f *experimentFlags) plan(ctx context.Context, path string) (*plan, error) {
	e, err := config.Load(path, config.Options{Registries: registries(), Sets: f.sets})
	if err != nil {
		return nil, err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{err}
	}
	p, err := makePlan(ctx, e, string(source))
	if err != nil {
		if ctx.Err() == nil && !errors.As(err, new(config.Problems)) {
			err = usageError{err}
		}
		return nil, err
	}
	if err := p.tryAll(); err != nil {
		return nil, err
	}
	return p, p.only(f.only)
}

func planCommand(g *global) *cobra.Command {
	var f experimentFlags
	var resolved bool
	c := &cobra.Command{
		Use:   "plan EXPERIMENT.toml",
		Short: "Show the cells of an experiment, which are done, and the time the rest will take",
		Example: `  horizon plan experiments/quickstart.toml
  horizon plan experiments/quickstart.toml --resolved   # every value and where it comes from`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := f.plan(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if resolved {
				return printResolved(cmd.OutOrStdout(), p, g.json)
			}
			return g.printPlan(cmd.OutOrStdout(), p)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&resolved, "resolved", false, "print every value of the merged experiment with its origin")
	return c
}

func printResolved(w io.Writer, p *plan, asJSON bool) error {
	if asJSON {
		_, err := fmt.Fprintln(w, string(p.experiment.JSON()))
		return err
	}
	t := table{head: []string{"key", "value", "from"}}
	for _, s := range p.experiment.Resolved() {
		t.add(s.Key, s.Value, s.From)
	}
	return t.print(w, "")
}

// planRow is a cell as `plan` shows it.
type planRow struct {
	Predictor string  `json:"predictor"`
	Corpus    string  `json:"corpus"`
	Mode      string  `json:"mode"`
	State     string  `json:"state"`
	Expected  float64 `json:"expected_seconds,omitempty"` // 0: unknown
	Why       string  `json:"why,omitempty"`
	Key       string  `json:"key"`
}

func (g *global) printPlan(w io.Writer, p *plan) error {
	states := map[string]results.State{}
	if _, err := os.Stat(g.db); err == nil {
		s, err := g.openStore()
		if err != nil {
			return err
		}
		defer s.Close()
		if err := p.expectations(s); err != nil {
			return storeError{err}
		}
		for _, c := range p.cells {
			if states[c.Key], err = s.StateOf(c.Key); err != nil {
				return storeError{err}
			}
		}
	}
	var rows []planRow
	left, unknown, done := 0.0, 0, 0
	for _, c := range p.cells {
		if c.left {
			continue
		}
		r := planRow{c.PredictorName, c.CorpusName, c.Mode, "pending", c.expect, cmp.Or(c.unavailable, c.refused), c.Key}
		if s := states[c.Key]; s != "" {
			r.State = string(s)
		}
		switch {
		case r.State == string(results.Done):
			done++
		case c.expect == 0 && r.Why == "":
			unknown++
		}
		if r.State != string(results.Done) {
			left += c.expect
		}
		rows = append(rows, r)
	}
	if g.json {
		return printJSON(w, rows)
	}
	t := table{head: []string{"predictor", "corpus", "mode", "state", "expected", ""}}
	for _, r := range rows {
		expected := ""
		if r.Expected > 0 {
			expected = formatSeconds(r.Expected)
		}
		t.add(r.Predictor, r.Corpus, r.Mode, r.State, expected, r.Why)
	}
	if err := t.print(w, ""); err != nil {
		return err
	}
	workers := p.workers(0)
	fmt.Fprintf(w, "%d cells, %d done; the rest takes about %s on %d workers", len(rows), done, formatSeconds(left/float64(workers)), workers)
	if unknown > 0 {
		fmt.Fprintf(w, ", besides %d cells of which nothing is known yet", unknown)
	}
	fmt.Fprintln(w)
	return nil
}

// workers is how many cells run at once: the flag, else the file, else one
// for each core.
func (p *plan) workers(flag int) int {
	for _, n := range []int{flag, p.experiment.Limits.Workers} {
		if n > 0 {
			return n
		}
	}
	return runtime.NumCPU()
}

// tryAll makes every predictor once on the alphabet it will run on.
func (p *plan) tryAll() error {
	var problems config.Problems
	seen := map[string]bool{}
	for _, pr := range p.experiment.Predictors {
		for _, run := range pr.Runs {
			c := p.corpora[run.Corpus]
			if c.Corpus == nil || run.Config == nil {
				continue
			}
			_, err := run.Config.New(p.env(c.Corpus))
			if err := run.Refuse(err); err != nil && !seen[err.Error()] {
				seen[err.Error()] = true
				var ps config.Problems
				if errors.As(err, &ps) {
					problems = append(problems, ps...)
				} else {
					return err
				}
			}
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

func runCommand(g *global) *cobra.Command {
	var f experimentFlags
	var opt runOptions
	var dry, noPlots bool
	var plotDir string
	c := &cobra.Command{
		Use:   "run EXPERIMENT.toml",
		Short: "Compute the cells of an experiment that are not done, then rank and plot",
		Long: `Run computes every cell (one predictor, trained and scored on one corpus in one
way) that the database does not hold yet. What is finished is never lost: stop it
with ctrl-C, or kill it, and run it again to go on. Budgets (symbols, model_bytes,
train_seconds, train_ops) are set in the file or by --set budget.KEY=VALUE, a list
for a sweep; a predictor that cannot keep one is skipped with the reason.`,
		Example: `  horizon run experiments/quickstart.toml
  horizon run experiments/quickstart.toml --only 'kn*@opticks' --set predictors.kn.order=5
  horizon run experiments/quickstart.toml --set 'budget.model_bytes=["1MiB", "4MiB"]'
  horizon run experiments/quickstart.toml -j 1 --db other.db --save-models`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			p, err := f.plan(ctx, args[0])
			if err != nil {
				return err
			}
			if dry {
				return g.printPlan(cmd.OutOrStdout(), p)
			}
			opt.workers = p.workers(opt.workers)
			opt.saveModels = opt.saveModels || p.experiment.SaveModels
			opt.db = g.db
			s, err := results.Open(g.db)
			if err != nil {
				return storeError{err}
			}
			defer s.Close()
			t, err := execute(ctx, p, s, opt)
			if err != nil {
				return storeError{err}
			}
			return g.conclude(ctx, cmd.OutOrStdout(), p, s, t, plotDir, noPlots)
		},
	}
	f.add(c)
	fs := c.Flags()
	fs.IntVarP(&opt.workers, "jobs", "j", 0, "cells at once (default: limits.workers of the file, else one a core)")
	fs.BoolVarP(&dry, "dry-run", "n", false, "show the plan and run nothing")
	fs.BoolVar(&opt.failFast, "fail-fast", false, "stop at the first cell that fails")
	fs.BoolVar(&opt.force, "force", false, "compute done cells again; what they gave before is kept, set aside")
	fs.BoolVar(&opt.saveModels, "save-models", false, "keep trained models beside the database")
	fs.BoolVarP(&opt.quiet, "quiet", "q", false, "show no progress")
	fs.BoolVar(&noPlots, "no-plots", false, "draw no plots")
	fs.StringVar(&plotDir, "plots", "", "folder of the plots (default: plots/EXPERIMENT beside the database)")
	return c
}

// conclude reports on a run: the leaderboard, the plots, and what is not done.
func (g *global) conclude(ctx context.Context, w io.Writer, p *plan, s *results.Store, t tally, plotDir string, noPlots bool) error {
	stopped := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx)
	filter := results.Filter{Experiment: p.experiment.Name}
	if !stopped {
		if g.json {
			table, err := s.Query(ctx, leaderboardSQL(filter), 0)
			if err != nil {
				return storeError{err}
			}
			if err := printResult(w, table, "json"); err != nil {
				return err
			}
			w = os.Stderr
		} else if _, err := printLeaderboard(ctx, w, s, filter); err != nil {
			return err
		}
	}
	missing, err := s.Missing(filter)
	if err != nil {
		return storeError{err}
	}
	fmt.Fprintln(w)
	for _, m := range missing {
		if m.Ordinal < len(p.cells) && p.cells[m.Ordinal].left {
			continue
		}
		why, _, _ := strings.Cut(m.Error, "\n")
		fmt.Fprintf(w, "not done: %s@%s (%s): %s: %s\n", m.Predictor, m.Corpus, m.Mode, m.State, why)
	}
	fmt.Fprintf(w, "cells: %d done now, %d before, %d failed, %d skipped\n", t.done, t.before, t.failed, t.skipped)
	fmt.Fprintf(w, "database: %s\n", g.db)
	if !stopped && !noPlots && len(p.experiment.Plots) > 0 {
		if plotDir == "" {
			plotDir = defaultPlotDir(g.db, p.experiment.Name)
		}
		if err := g.drawAfterRun(w, p, s, t, plotDir); err != nil {
			return err
		}
	}
	switch {
	case stopped:
		return fmt.Errorf("stopped; run it again to go on")
	case t.failed > 0:
		return failedError{fmt.Errorf("%d cells failed", t.failed)}
	case t.unavailable > 0:
		return failedError{fmt.Errorf("%d cells are skipped because their corpus cannot be had", t.unavailable)}
	case t.elsewhere > 0:
		return failedError{fmt.Errorf("%d cells are being computed by another process", t.elsewhere)}
	}
	return nil
}

func listCommand(g *global) *cobra.Command {
	what := []string{"predictors", "corpora", "metrics", "plots", "experiments"}
	var known bool
	c := &cobra.Command{
		Use:       "list {" + strings.Join(what, "|") + "}",
		Short:     "List what there is",
		Example:   "  horizon list predictors\n  horizon list corpora --json\n  horizon list corpora --known   # what is known of each process",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: what,
		RunE: func(cmd *cobra.Command, args []string) error {
			list := func() (*results.Table, error) { return g.list(cmd.Context(), args[0]) }
			if known {
				if args[0] != "corpora" {
					return usageError{fmt.Errorf("list %s --known: only corpora have known laws", args[0])}
				}
				list = func() (*results.Table, error) { return listKnown(cmd.Context(), 1) }
			}
			t, err := list()
			if err != nil {
				return err
			}
			format := "table"
			if g.json {
				format = "json"
			}
			return printResult(cmd.OutOrStdout(), t, format)
		},
	}
	c.Flags().BoolVar(&known, "known", false, "of corpora: the processes with a known law, and what is known of them")
	return c
}

func (g *global) list(ctx context.Context, what string) (*results.Table, error) {
	t := &results.Table{}
	add := func(cells ...any) { t.Rows = append(t.Rows, cells) }
	switch what {
	case "predictors":
		t.Columns = []string{"kind", "version", "what", "source"}
		for _, k := range catalog.Kinds {
			add(k.Name, int64(k.Version), k.Doc, k.Paper)
		}
		for _, k := range catalog.Coders {
			add(k.Name, int64(k.Version), k.Doc, k.Paper)
		}
	case "corpora":
		t.Columns = []string{"kind", "unit", "bytes", "what", "source", "licence", "sha256"}
		for _, k := range corpora.Kinds {
			var bytes any
			if k.Bytes > 0 {
				bytes = k.Bytes
			}
			add(k.Name, k.Unit, bytes, k.Doc, k.Source, k.Licence, k.SHA256)
		}
	case "metrics":
		t.Columns = []string{"metric", "unit", "better", "proper", "what"}
		for _, m := range metrics.Kinds {
			proper := "no"
			if m.Proper {
				proper = "yes"
			}
			add(m.Name, m.Unit, m.Better, proper, m.Doc)
		}
		for _, k := range metrics.Studies {
			for _, m := range k.Scores {
				proper := "no"
				if m.Proper {
					proper = "yes"
				}
				add(m.Name, m.Unit, m.Better, proper, fmt.Sprintf("%s (kind %q)", m.Doc, k.Name))
			}
		}
	case "plots":
		t.Columns = []string{"kind", "what"}
		for _, k := range plots.Kinds {
			add(k.Name, k.Doc)
		}
	case "experiments":
		s, err := g.openStore()
		if err != nil {
			return nil, err
		}
		defer s.Close()
		return s.Query(ctx, `SELECT experiment, count(*) AS cells, sum(state = 'done') AS done, max(ended) AS last
			FROM cells WHERE latest GROUP BY experiment ORDER BY last DESC`, 0)
	}
	return t, nil
}

func queryCommand(g *global) *cobra.Command {
	var format string
	var limit int
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "query SQL|VIEW",
		Short: "Ask the results database, read-only",
		Long: `Query answers one SQL statement, or shows a view by its name: leaderboard,
horizon, cost, missing, cells, curves, blocks, evidence. Nothing it is asked can change the
database.`,
		Example: `  horizon query leaderboard
  horizon query "SELECT predictor, k, bits, lo, hi FROM horizon WHERE corpus = 'opticks' ORDER BY k, bits"
  horizon query cost --format csv > cost.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if g.json {
				format = "json"
			}
			if !slices.Contains([]string{"table", "csv", "json", "markdown"}, format) {
				return usageError{fmt.Errorf("--format = %s, want table, csv, json or markdown", format)}
			}
			s, err := g.openStore()
			if err != nil {
				return err
			}
			defer s.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			t, err := s.Query(ctx, args[0], limit)
			if err != nil {
				return usageError{err}
			}
			if err := printResult(cmd.OutOrStdout(), t, format); err != nil {
				return err
			}
			if t.Truncated {
				fmt.Fprintf(cmd.ErrOrStderr(), "only the first %d rows; --limit 0 shows all\n", limit)
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "table", "table, csv, json or markdown")
	c.Flags().IntVar(&limit, "limit", 1000, "at most so many rows; 0: all")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after this long")
	return c
}

func checkCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "check [KIND…]",
		Short: "Run the conformance suite on predictors: are they probabilities, and honest ones?",
		Example: `  horizon check                # all of them
  horizon check kneser-ney`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, k := range catalog.Kinds {
				names = append(names, k.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds := catalog.Kinds
			if len(args) > 0 {
				kinds = nil
				for _, name := range args {
					k, ok := catalog.Find(name)
					if !ok {
						return usageError{fmt.Errorf("unknown predictor %q; `horizon list predictors` shows them", name)}
					}
					kinds = append(kinds, k)
				}
			}
			return checkKinds(cmd.Context(), cmd.OutOrStdout(), kinds, g.json)
		},
	}
}

// A verdict is the outcome of one check on one kind.
type verdict struct {
	Kind   string `json:"kind"`
	Check  string `json:"check"`
	Result string `json:"result"` // ok, skipped or failed
	Why    string `json:"why,omitempty"`
}

func checkKinds(ctx context.Context, w io.Writer, kinds []catalog.Kind, asJSON bool) error {
	var list []verdict
	failed := 0
	for _, k := range kinds {
		for _, c := range predictortest.Checks {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			v := verdict{k.Name, c.Name, "ok", ""}
			switch err := predictortest.RunCheck(k, c); {
			case errors.Is(err, predictortest.ErrSkipped):
				v.Result, v.Why = "skipped", err.Error()
			case err != nil:
				v.Result, v.Why = "failed", err.Error()
				failed++
			}
			list = append(list, v)
			if !asJSON {
				fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-8s %-18s %-22s %s", v.Result, v.Kind, v.Check, v.Why), " "))
			}
		}
	}
	if asJSON {
		if err := printJSON(w, list); err != nil {
			return err
		}
	}
	if failed > 0 {
		return verifyError{fmt.Errorf("%d of %d checks failed", failed, len(list))}
	}
	return nil
}
