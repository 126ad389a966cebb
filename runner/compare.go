package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"horizon/results"
	"horizon/runner/config"
)

// comparing are the flags of `compare` and `agreement`.
type comparing struct {
	filter   results.Filter
	horizons []int
	metric   string
	method   string
	seed     uint64
}

func compareCommand(g *global) *cobra.Command {
	var o comparing
	c := &cobra.Command{
		Use:   "compare EXPERIMENT PREDICTOR PREDICTOR...",
		Short: "Test which of some predictors differ, by paired differences on the same symbols",
		Long: `Compare takes predictors of an experiment, by name or glob, two by two, and
says what the first loses less the second, in bits a symbol, with a 95% interval
and the p-value of no difference; p-values are corrected for the number of pairs
of a corpus and horizon by Holm's method, and "no difference shown" is where the
corrected one is above 0.05. Both predictors are scored on the very same symbols,
so that what makes a passage hard drops out.

The method hac is the test of Diebold and Mariano with a Newey-West variance over
blocks of neighbouring symbols, wide enough for losses k steps ahead, which
overlap, and the correction of Harvey, Leybourne and Newbold. bootstrap resamples
runs of blocks; of equal predictors it tells somewhat too many apart. Several
training seeds of a predictor are the outer level: the interval then holds for
other seeds too.

Below each table stands the model confidence set: the predictors among which the
best is, with 95% confidence (Hansen, Lunde and Nason 2011).`,
		Example: `  horizon compare quickstart kneser-ney transformer --corpus opticks
  horizon compare quickstart '*' --horizon 1,8,32
  horizon compare next-vs-far 'kneser-ney/*' 'transformer/*' --metric divergence --horizon 8`,
		Args: cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.compare(cmd.OutOrStdout(), args[0], args[1:], o)
		},
	}
	o.flags(c, []int{1})
	c.Flags().StringVar(&o.method, "method", string(results.ByHAC), "hac or bootstrap")
	return c
}

func agreementCommand(g *global) *cobra.Command {
	var o comparing
	c := &cobra.Command{
		Use:   "agreement EXPERIMENT",
		Short: "Compare the order of predictors at the next symbol with that k steps ahead",
		Long: `Agreement puts the predictors of each corpus in the order of their losses at the
next symbol and in that k steps ahead, and says how much of the one is kept in the
other: Kendall's tau-b, with a 95% interval over resampled predictors and blocks,
and every pair whose order is shown to turn round, by paired differences both near
and far, corrected for the number of pairs by Holm's method. Where the law of the
source is known, divergences from it are compared; losses otherwise. The oracle is
left out.`,
		Example: `  horizon agreement next-vs-far
  horizon agreement quickstart --corpus opticks --horizon 8,32`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.agreement(cmd.OutOrStdout(), args[0], o)
		},
	}
	o.flags(c, nil)
	return c
}

func (o *comparing) flags(c *cobra.Command, horizons []int) {
	filterFlags(c, &o.filter)
	c.Flags().IntSliceVar(&o.horizons, "horizon", horizons, "steps ahead; none is all there are")
	c.Flags().StringVar(&o.metric, "metric", "", "log_loss (every test symbol), ahead (k steps, at the evaluation points) or divergence (from the truth, known processes); none chooses")
	c.Flags().Uint64Var(&o.seed, "seed", 20, "of resampling")
}

// contenders are the predictors of one corpus and mode with the losses of all
// their seeds, in the order of the plan.
type contenders struct {
	group
	names  []string
	kinds  []string
	losses []results.Contender
}

// baseName is a predictor's name without its training seed.
func baseName(name string) string {
	base, _, _ := strings.Cut(name, "/seed=")
	return base
}

// gather reads block losses, by corpus and mode.
func gather(s *results.Store, f results.Filter, metric string, k int, wanted func(name string) bool) ([]*contenders, error) {
	series, err := s.BlockLosses(f, metric, k)
	if err != nil {
		return nil, storeError{err}
	}
	var out []*contenders
	for _, x := range series {
		name := baseName(x.Predictor)
		if !wanted(name) && !wanted(x.Predictor) {
			continue
		}
		at := group{x.Experiment, x.Corpus, x.Mode}
		i := slices.IndexFunc(out, func(c *contenders) bool { return c.group == at })
		if i < 0 {
			i = len(out)
			out = append(out, &contenders{group: at})
		}
		c := out[i]
		j := slices.Index(c.names, name)
		if j < 0 {
			j = len(c.names)
			c.names, c.kinds, c.losses = append(c.names, name), append(c.kinds, x.Kind), append(c.losses, nil)
		}
		c.losses[j] = append(c.losses[j], x.Blocks)
	}
	return out, nil
}

// metricAt is what is compared at horizon k unless the flags say otherwise.
func (o *comparing) metricAt(k int) string {
	switch {
	case o.metric != "":
		return o.metric
	case k == 1:
		return "log_loss"
	}
	return "ahead"
}

func (o *comparing) check() error {
	if !slices.Contains([]string{"", "log_loss", "ahead", "divergence"}, o.metric) {
		return usageError{fmt.Errorf("--metric = %q, want log_loss, ahead or divergence", o.metric)}
	}
	if !slices.Contains([]string{"", string(results.ByHAC), string(results.ByBootstrap)}, o.method) {
		return usageError{fmt.Errorf("--method = %q, want hac or bootstrap", o.method)}
	}
	for _, k := range o.horizons {
		if k < 1 {
			return usageError{fmt.Errorf("--horizon = %d, want ≥ 1", k)}
		}
		if k > 1 && o.metric == "log_loss" {
			return usageError{fmt.Errorf("--metric log_loss is of the next symbol: --horizon = %d, want 1", k)}
		}
	}
	return nil
}

// compared is a comparison as it is printed.
type compared struct {
	Experiment string   `json:"experiment"`
	Corpus     string   `json:"corpus"`
	Mode       string   `json:"mode"`
	Metric     string   `json:"metric"`
	Horizon    int      `json:"horizon"`
	A          string   `json:"a"`
	B          string   `json:"b"`
	Difference *float64 `json:"difference"`
	Lo         *float64 `json:"lo"`
	Hi         *float64 `json:"hi"`
	P          *float64 `json:"p"`
	Holm       *float64 `json:"p_holm"`
	Seeds      int      `json:"seeds"`
	Verdict    string   `json:"verdict"`
}

func (g *global) compare(w io.Writer, experiment string, globs []string, o comparing) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := g.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	o.filter.Experiment = experiment
	found := map[string]bool{}
	wanted := func(name string) bool {
		return slices.ContainsFunc(globs, func(glob string) bool {
			fits := config.Match(glob, name)
			found[glob] = found[glob] || fits
			return fits
		})
	}
	var all []compared
	for _, k := range o.horizons {
		metric := o.metricAt(k)
		groups, err := gather(s, o.filter, metric, k, wanted)
		if err != nil {
			return err
		}
		for _, c := range groups {
			rows, err := c.compare(w, metric, k, o, g.json)
			if err != nil {
				return err
			}
			all = append(all, rows...)
		}
	}
	for _, glob := range globs {
		if !found[glob] {
			return usageError{fmt.Errorf("%s of %s: nothing of that name is done and has such losses; `horizon query missing` lists what is not", glob, experiment)}
		}
	}
	if len(all) == 0 {
		return usageError{fmt.Errorf("%s: want at least two predictors that are done on one corpus", experiment)}
	}
	if g.json {
		return printJSON(w, all)
	}
	return nil
}

// compare tests all pairs of one corpus.
func (c *contenders) compare(w io.Writer, metric string, k int, o comparing, quiet bool) ([]compared, error) {
	if len(c.names) < 2 {
		return nil, nil
	}
	boot := results.Bootstrap{Resamples: 2000, Seed: o.seed}
	list, err := results.Compare(c.losses, k, results.Method(o.method), boot)
	if err != nil {
		return nil, storeError{fmt.Errorf("%s on %s: %w", c.experiment, c.corpus, err)}
	}
	set, err := results.ConfidenceSet(c.losses, k, boot)
	if err != nil {
		return nil, storeError{fmt.Errorf("%s on %s: %w", c.experiment, c.corpus, err)}
	}
	var rows []compared
	t := table{head: []string{"", "less", "bits/symbol", "95% interval", "p", "p (Holm)", ""}}
	for _, x := range list {
		v := x.Difference
		row := compared{c.experiment, c.corpus, c.mode, metric, k, c.names[x.A], c.names[x.B], known(v.Value), known(v.Lo), known(v.Hi),
			known(x.P), known(x.Holm), x.Seeds, c.verdict(x)}
		rows = append(rows, row)
		t.add(c.names[x.A], c.names[x.B], fixed(v.Value, 4), between(v.Lo, v.Hi), probability(x.P), probability(x.Holm), row.Verdict)
	}
	if quiet {
		return rows, nil
	}
	fmt.Fprintf(w, "\n%s · %s · %s · %s", c.experiment, c.corpus, c.mode, metric)
	if k > 1 {
		fmt.Fprintf(w, " at k = %d", k)
	}
	fmt.Fprintln(w)
	t.print(w, "  ")
	var in []string
	for i, p := range set {
		if p > 1-results.Level {
			in = append(in, c.names[i])
		}
	}
	if len(in) > 0 {
		fmt.Fprintf(w, "  95%% model confidence set: %s\n", strings.Join(in, ", "))
	} else {
		fmt.Fprintf(w, "  fewer than %d blocks: no tests\n", results.MinBlocks)
	}
	return rows, nil
}

func (c *contenders) verdict(x results.Comparison) string {
	switch {
	case math.IsNaN(x.P):
		return "too few blocks"
	case !x.Shown():
		return "no difference shown"
	case x.Difference.Value < 0:
		return c.names[x.A] + " better"
	}
	return c.names[x.B] + " better"
}

// known is nil for what is not a number, which JSON has no word for.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func probability(p float64) string {
	switch {
	case math.IsNaN(p):
		return ""
	case p < 0.0001:
		return "<0.0001"
	}
	return strconv.FormatFloat(p, 'f', 4, 64)
}

func (g *global) agreement(w io.Writer, experiment string, o comparing) error {
	if err := o.check(); err != nil {
		return err
	}
	s, err := g.openStore()
	if err != nil {
		return err
	}
	defer s.Close()
	o.filter.Experiment = experiment
	rows, err := s.Horizons(o.filter)
	if err != nil {
		return storeError{err}
	}
	ks := o.horizons
	for _, r := range rows {
		if len(o.horizons) == 0 && r.K > 1 && !slices.Contains(ks, r.K) {
			ks = append(ks, r.K)
		}
	}
	slices.Sort(ks)
	printed := 0
	for _, metric := range o.compared() {
		n, err := printAgreements(w, s, o, metric, ks)
		if err != nil {
			return err
		}
		printed += n
	}
	if printed == 0 {
		return usageError{fmt.Errorf("%s: want at least two predictors that are done on one corpus and have losses at k = 1 and beyond", experiment)}
	}
	return nil
}

// compared are the metrics to try.
func (o *comparing) compared() []string {
	if o.metric != "" {
		return []string{o.metric}
	}
	return []string{"divergence", "ahead"}
}

// printAgreements prints those of every corpus that has the metric, and says of
// how many. Losses are left to corpora whose law is not known.
func printAgreements(w io.Writer, s *results.Store, o comparing, metric string, ks []int) (int, error) {
	any := func(string) bool { return true }
	near, err := gather(s, o.filter, metric, 1, any)
	if err != nil {
		return 0, err
	}
	var skip []group
	if metric == "ahead" && o.metric == "" {
		truth, err := gather(s, o.filter, "divergence", 1, any)
		if err != nil {
			return 0, err
		}
		for _, c := range truth {
			skip = append(skip, c.group)
		}
	}
	far := make([][]*contenders, len(ks))
	for i, k := range ks {
		if far[i], err = gather(s, o.filter, metric, k, any); err != nil {
			return 0, err
		}
	}
	printed := 0
	for _, c := range near {
		if slices.Contains(skip, c.group) {
			continue
		}
		t := table{head: []string{"k", "predictors", "tau", "95% interval", "pairs", "turned"}}
		var turned []string
		for i, k := range ks {
			a, names, err := c.agreement(far[i], k, o.seed)
			if err != nil {
				return 0, storeError{fmt.Errorf("%s on %s: %w", c.experiment, c.corpus, err)}
			}
			if a == nil {
				continue
			}
			t.add(strconv.Itoa(k), strconv.Itoa(len(names)), fixed(a.Tau.Value, 3), between(a.Tau.Lo, a.Tau.Hi), strconv.Itoa(a.Pairs), strconv.Itoa(len(a.Reversals)))
			for _, r := range a.Reversals {
				turned = append(turned, fmt.Sprintf("  k = %d: %s is better than %s by %.4f near and worse by %.4f far (p = %s)",
					k, names[r.A], names[r.B], -r.Near.Value, r.Far.Value, probability(r.P)))
			}
		}
		if len(t.rows) == 0 {
			continue
		}
		printed++
		fmt.Fprintf(w, "\n%s · %s · %s · %s\n", c.experiment, c.corpus, c.mode, metric)
		t.print(w, "  ")
		const most = 12
		for i, line := range turned {
			if i == most {
				fmt.Fprintf(w, "  and %d more; the plot near-far writes all as CSV\n", len(turned)-most)
				break
			}
			fmt.Fprintln(w, line)
		}
	}
	return printed, nil
}

// agreement compares the order of those that are there near and far; nil if
// they are fewer than two.
func (c *contenders) agreement(far []*contenders, k int, seed uint64) (*results.Agreement, []string, error) {
	i := slices.IndexFunc(far, func(f *contenders) bool { return f.group == c.group })
	if i < 0 {
		return nil, nil, nil
	}
	var near, there [][]results.BlockLoss
	var names []string
	for j, name := range c.names {
		at := slices.Index(far[i].names, name)
		if at < 0 || c.kinds[j] == "oracle" {
			continue
		}
		a, err := results.MeanBlocks(c.losses[j])
		if err != nil {
			return nil, nil, err
		}
		b, err := results.MeanBlocks(far[i].losses[at])
		if err != nil {
			return nil, nil, err
		}
		near, there, names = append(near, a), append(there, b), append(names, name)
	}
	if len(names) < 2 {
		return nil, nil, nil
	}
	a, err := results.RankAgreement(near, there, 1, k, results.Bootstrap{Resamples: 1000, Seed: seed})
	return a, names, err
}
