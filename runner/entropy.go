package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"horizon/corpora"
	"horizon/predictors/lempelziv"
	"horizon/results"
	"horizon/runner/config"
)

// entropyOptions say of what the entropy rate is estimated.
type entropyOptions struct {
	corpus          string // a kind, in place of an experiment's corpora
	symbols, window int
}

func entropyCommand(g *global) *cobra.Command {
	var f experimentFlags
	var o entropyOptions
	c := &cobra.Command{
		Use:   "entropy {EXPERIMENT.toml | --corpus KIND}",
		Short: "Estimate the entropy rate of corpora from the lengths of matches",
		Long: `Entropy estimates the entropy rate of each corpus of an experiment, in bits per
symbol and without any model, from how long matches in its past are, and prints
the estimates beside the rate h where that is known. The documents of the
training, validation and test parts are taken as one sequence.

  increasing       match lengths Λ within all of the past: n / Σ (Λ / log₂ i)
                   (Kontoyiannis et al. 1998)
  increasing_mean  the mean of log₂ i / Λ (Gao, Kontoyiannis & Bienenstock 2008)
  sliding(_mean)   the same within the last --window symbols
  grassberger      by the shortest string found nowhere else (Grassberger 1989)
  lz78             c log₂ c / n with c phrases (Ziv & Lempel 1978)

They converge slowly, with errors of order h / log n: the first five mostly from
below, the last from above.`,
		Example: `  horizon entropy experiments/quickstart.toml
  horizon entropy --corpus golden-mean --symbols 100000 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (o.corpus != "") {
				return usageError{errors.New("entropy: want an experiment or --corpus KIND, and not both")}
			}
			if o.symbols < 0 || o.window < 0 {
				return usageError{fmt.Errorf("entropy: --symbols %d, --window %d: want at least 0", o.symbols, o.window)}
			}
			list, err := f.measured(cmd.Context(), o.corpus, args)
			if err != nil {
				return err
			}
			return g.printEntropies(cmd.Context(), cmd.OutOrStdout(), list, o)
		},
	}
	c.Flags().StringVar(&o.corpus, "corpus", "", "a kind of corpus, as it is by default (horizon list corpora)")
	c.Flags().IntVar(&o.symbols, "symbols", 1_000_000, "use the first so many symbols only; 0: all, at about 100 bytes of memory each")
	c.Flags().IntVar(&o.window, "window", 0, "symbols of the sliding window (default: half of them)")
	c.Flags().StringArrayVar(&f.sets, "set", nil, "override a value of the experiment, as in --set corpora.mine.symbols=1000")
	return c
}

// measuredCorpus is a corpus by its name, or why there is none.
type measuredCorpus struct {
	name string
	loaded
}

// measured loads the corpora to estimate the entropy of.
func (f *experimentFlags) measured(ctx context.Context, kind string, args []string) ([]measuredCorpus, error) {
	if kind != "" {
		k, ok := corpora.Find(kind)
		if !ok {
			return nil, usageError{fmt.Errorf("--corpus %s: no such kind; `horizon list corpora` has them", kind)}
		}
		c, err := k.Default().Load(ctx, corpora.Env{Name: kind, Seed: 1, Dir: "."})
		var u *corpora.Unavailable
		switch {
		case errors.As(err, &u):
			return []measuredCorpus{{kind, loaded{missing: u.Error()}}}, nil
		case err != nil:
			return nil, usageError{fmt.Errorf("--corpus %s: %w", kind, err)}
		}
		return []measuredCorpus{{kind, loaded{Corpus: c}}}, nil
	}
	e, err := config.Load(args[0], config.Options{Registries: registries(), Sets: f.sets})
	if err != nil {
		return nil, err
	}
	p := &plan{experiment: e, corpora: map[string]loaded{}}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	var list []measuredCorpus
	for _, c := range e.Corpora {
		list = append(list, measuredCorpus{c.Name, p.corpora[c.Name]})
	}
	return list, nil
}

// printEntropies prints a row for each corpus. A corpus that cannot be had is
// said to be so, and is a failure if there is no other.
func (g *global) printEntropies(ctx context.Context, w io.Writer, list []measuredCorpus, o entropyOptions) error {
	t := &results.Table{Columns: []string{"corpus", "symbols", "alphabet", "h", "increasing", "increasing_mean",
		"sliding", "sliding_mean", "grassberger", "lz78", "window", "phrases"}}
	var missing []error
	for _, c := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.Corpus == nil {
			missing = append(missing, errors.New(c.missing))
			continue
		}
		xs := sequence(c.Corpus, o.symbols)
		e := lempelziv.EstimateEntropy(xs, o.window)
		h := math.NaN()
		if c.Process != nil {
			if v, ok := c.Process.Entropy(); ok {
				h = v
			}
		}
		t.Rows = append(t.Rows, []any{c.name, int64(e.Symbols), int64(c.Alphabet.Size()), rounded(h), rounded(e.Increasing), rounded(e.IncreasingMean),
			rounded(e.Sliding), rounded(e.SlidingMean), rounded(e.Grassberger), rounded(e.IncrementalCode), int64(e.Window), int64(e.Phrases)})
	}
	format := "table"
	if g.json {
		format = "json"
	}
	if err := printResult(w, t, format); err != nil {
		return err
	}
	if len(missing) > 0 {
		return failedError{errors.Join(missing...)}
	}
	return nil
}

// rounded has four decimals, or is nil for NaN.
func rounded(v float64) any {
	if math.IsNaN(v) {
		return nil
	}
	return math.Round(v*1e4) / 1e4
}

// sequence is the documents of all parts, one after the other, up to most
// symbols unless that is 0.
func sequence(c *corpora.Corpus, most int) []corpora.Symbol {
	var xs []corpora.Symbol
	for _, part := range c.Parts() {
		xs = append(xs, slices.Concat(part.Docs...)...)
	}
	if most > 0 && len(xs) > most {
		xs = xs[:most]
	}
	return xs
}
