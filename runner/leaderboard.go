package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"horizon/plots"
	"horizon/results"
)

// filterFlags select rows of the database.
func filterFlags(c *cobra.Command, f *results.Filter) {
	c.Flags().StringVar(&f.Corpus, "corpus", "", "only these corpora (glob)")
	c.Flags().StringVar(&f.Predictor, "predictor", "", "only these predictors (glob)")
	c.Flags().StringVar(&f.Mode, "mode", "", "frozen or prequential")
}

func leaderboardCommand(g *global) *cobra.Command {
	var f results.Filter
	c := &cobra.Command{
		Use:   "leaderboard [EXPERIMENT]",
		Short: "Rank predictors by bits per byte, with intervals and longer-range losses",
		Example: `  horizon leaderboard quickstart
  horizon leaderboard quickstart --corpus opticks --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.Experiment = args[0]
			}
			s, err := g.openStore()
			if err != nil {
				return err
			}
			defer s.Close()
			if g.json {
				t, err := s.Query(cmd.Context(), leaderboardSQL(f), 0)
				if err != nil {
					return storeError{err}
				}
				return printResult(cmd.OutOrStdout(), t, "json")
			}
			n, err := printLeaderboard(cmd.Context(), cmd.OutOrStdout(), s, f)
			if err == nil && n == 0 {
				return usageError{fmt.Errorf("%s holds nothing of that name; `horizon list experiments` shows what there is", g.db)}
			}
			return err
		},
	}
	filterFlags(c, &f)
	return c
}

func leaderboardSQL(f results.Filter) string {
	q := "SELECT * FROM leaderboard WHERE 1"
	for _, c := range []struct{ column, glob string }{
		{"experiment", f.Experiment}, {"corpus", f.Corpus}, {"predictor", f.Predictor}, {"mode", f.Mode},
	} {
		if c.glob != "" {
			q += fmt.Sprintf(" AND %s GLOB %s", c.column, quoteSQL(c.glob))
		}
	}
	return q
}

func quoteSQL(s string) string {
	out := "'"
	for _, r := range s {
		if r == '\'' {
			out += "'"
		}
		out += string(r)
	}
	return out + "'"
}

// A group is one table of the leaderboard.
type group struct{ experiment, corpus, mode string }

// printLeaderboard prints a table of next-symbol scores and one of
// longer-range losses for each corpus and mode, and says how many rows it had.
func printLeaderboard(_ context.Context, w io.Writer, s *results.Store, f results.Filter) (int, error) {
	rows, err := s.Leaderboard(f)
	if err != nil {
		return 0, storeError{err}
	}
	far, err := s.Horizons(f)
	if err != nil {
		return 0, storeError{err}
	}
	var order []group
	byGroup := map[group][]results.LeaderboardRow{}
	for _, r := range rows {
		k := group{r.Experiment, r.Corpus, r.Mode}
		if byGroup[k] == nil {
			order = append(order, k)
		}
		byGroup[k] = append(byGroup[k], r)
	}
	farOf := map[group][]results.HorizonRow{}
	for _, r := range far {
		k := group{r.Experiment, r.Corpus, r.Mode}
		farOf[k] = append(farOf[k], r)
	}
	first := func(k group) (ordinal int) { // as planned: corpora as in the file, frozen before prequential
		for i, r := range byGroup[k] {
			if i == 0 || r.Ordinal < ordinal {
				ordinal = r.Ordinal
			}
		}
		return ordinal
	}
	slices.SortStableFunc(order, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.experiment, b.experiment), cmp.Compare(first(a), first(b)))
	})
	for _, k := range order {
		together, err := toldApart(s, k, byGroup[k])
		if err != nil {
			return 0, err
		}
		printGroup(w, k, byGroup[k], together)
		printHorizons(w, farOf[k])
	}
	return len(rows), nil
}

// mostCompared is how many predictors of a corpus are compared two by two.
const mostCompared = 60

// toldApart numbers the predictors that are done, best first, by what has been
// told apart (results.Groups); those without block losses, and all where they
// are too many, have none.
func toldApart(s *results.Store, k group, rows []results.LeaderboardRow) (map[string]int, error) {
	f := results.Filter{Experiment: k.experiment, Corpus: k.corpus, Mode: k.mode}
	names := map[string]bool{}
	for _, r := range rows {
		if r.State == results.Done && !r.Coder {
			names[r.Predictor] = true
		}
	}
	if len(names) < 2 || len(names) > mostCompared {
		return nil, nil
	}
	series, err := s.BlockLosses(f, "log_loss", 1)
	if err != nil {
		return nil, storeError{err}
	}
	losses := map[string]results.Contender{}
	for _, x := range series {
		if names[x.Predictor] {
			losses[x.Predictor] = results.Contender{x.Blocks}
		}
	}
	var order []string
	var list []results.Contender
	for _, r := range rows { // best first
		if l := losses[r.Predictor]; l != nil && r.State == results.Done {
			order, list = append(order, r.Predictor), append(list, l)
		}
	}
	pairs, err := results.Compare(list, 1, results.ByHAC, results.Bootstrap{})
	if err != nil {
		return nil, storeError{fmt.Errorf("%s on %s: %w", k.experiment, k.corpus, err)}
	}
	if !slices.ContainsFunc(pairs, func(c results.Comparison) bool { return !math.IsNaN(c.P) }) {
		return nil, nil // too few blocks for any test
	}
	out := map[string]int{}
	for i, g := range results.Groups(len(list), pairs) {
		out[order[i]] = g
	}
	return out, nil
}

// printGroup prints one table. together says which predictors have not been told
// apart.
func printGroup(w io.Writer, k group, rows []results.LeaderboardRow, together map[string]int) {
	t := table{head: []string{"", "predictor", "bits/byte", "95% interval", "perplexity", "top-1", "train", "evaluate", "symbols/s", "model", "peak memory"}}
	known := slices.ContainsFunc(rows, func(r results.LeaderboardRow) bool { return !math.IsNaN(r.Regret) })
	if together != nil {
		t.head = slices.Insert(t.head, 4, "group")
	}
	if known {
		t.head = slices.Insert(t.head, 4, "regret", "95% interval")
	}
	place, missing := 0, 0
	var first *results.LeaderboardRow
	for i, r := range rows {
		if r.State != results.Done {
			missing++
			continue
		}
		if first == nil {
			first = &rows[i]
		}
		place++
		bits, lo, hi, mark := r.BitsPerByte, r.Lo, r.Hi, ""
		if math.IsNaN(bits) {
			bits, mark = r.BitsPerSymbol, " (a symbol)"
		}
		interval := between(lo, hi)
		name := r.Predictor
		if r.Coder {
			name += " *"
		}
		train, score := formatSeconds(r.TrainSeconds), formatSeconds(r.EvalSeconds)
		model := formatBytes(r.ModelBytes)
		if r.Coder {
			train, model = "", ""
		}
		line := []string{strconv.Itoa(place), name, fixed(bits, 4) + mark, interval, fixed(r.Perplexity, 3), percent(r.Top1), train, score,
			fixed(r.SymbolsPerSecond, 0), model, formatBytes(r.PeakRSS)}
		if together != nil {
			letter := ""
			if g := together[r.Predictor]; g > 0 {
				letter = strings.ToLower(plots.StateName(g - 1))
			}
			line = slices.Insert(line, 4, letter)
		}
		if known {
			line = slices.Insert(line, 4, fixed(r.Regret, 4), between(r.RegretLo, r.RegretHi))
		}
		t.add(line...)
	}
	fmt.Fprintf(w, "\n%s · %s · %s", k.experiment, k.corpus, k.mode)
	if first != nil {
		fmt.Fprintf(w, " · %d test symbols, %d bytes", first.TestSymbols, first.TestBytes)
		if !math.IsNaN(first.Entropy) {
			fmt.Fprintf(w, " · entropy rate %.4f bits/symbol", first.Entropy)
		}
	}
	fmt.Fprintln(w)
	if place > 0 {
		t.print(w, "  ")
	}
	if together != nil {
		fmt.Fprintln(w, "  group: none of a letter is shown to differ from the first of it (paired, Holm); `horizon compare` has the differences")
	}
	if known {
		fmt.Fprintln(w, "  regret: bits a symbol above the exact Bayes filter on the same symbols, by paired differences")
	}
	for _, r := range rows {
		if r.Coder && r.State == results.Done {
			fmt.Fprintln(w, "  * compressor: 8·(size of train+test − size of train) over the bytes of test; it learns on through the test part")
			break
		}
	}
	if missing > 0 {
		fmt.Fprintf(w, "  not done: %d; `horizon query missing` says why\n", missing)
	}
}

// between writes an interval, with a sign that cannot be read as a minus.
func between(lo, hi float64) string {
	if math.IsNaN(lo) {
		return ""
	}
	if lo < 0 {
		return fmt.Sprintf("%.4f to %.4f", lo, hi)
	}
	return fmt.Sprintf("%.4f–%.4f", lo, hi)
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.1f%%", 100*v)
}

// printHorizons prints L_k, one row a predictor.
func printHorizons(w io.Writer, rows []results.HorizonRow) {
	if len(rows) == 0 {
		return
	}
	var ks []int
	var names []string
	bits := map[string]map[int]results.HorizonRow{}
	optimum := map[int]float64{}
	for _, r := range rows {
		if bits[r.Predictor] == nil {
			bits[r.Predictor] = map[int]results.HorizonRow{}
			names = append(names, r.Predictor)
		}
		bits[r.Predictor][r.K] = r
		if _, ok := optimum[r.K]; !ok {
			ks = append(ks, r.K)
			optimum[r.K] = r.Optimum
		}
	}
	t := table{head: []string{"bits k steps ahead"}}
	for _, k := range ks {
		t.head = append(t.head, "k = "+strconv.Itoa(k))
	}
	known := false
	for _, n := range names {
		line := []string{n}
		for _, k := range ks {
			r, ok := bits[n][k]
			cell := ""
			if ok {
				cell = fixed(r.Bits, 4)
				if !r.Exact {
					cell = "~" + cell
				}
			}
			line = append(line, cell)
		}
		t.add(line...)
	}
	line := []string{"optimum"}
	for _, k := range ks {
		known = known || !math.IsNaN(optimum[k])
		line = append(line, fixed(optimum[k], 4))
	}
	if known {
		t.add(line...)
	}
	fmt.Fprintln(w)
	t.print(w, "  ")
	fmt.Fprintf(w, "  at %d points; ~ from rollouts, jackknife-corrected\n", rows[0].Points)
}
