package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/runner/config"
)

// env is all a predictor may know of a corpus before training.
func (p *plan) env(c *corpora.Corpus) predictors.Env {
	return predictors.Env{Alphabet: c.Alphabet.Size(), Process: c.Process}
}

// sampleOptions are the flags of `sample`.
type sampleOptions struct {
	n           int
	seed        uint64
	prompt      string
	temperature float64
	save        bool
}

func sampleCommand(g *global) *cobra.Command {
	var f experimentFlags
	var o sampleOptions
	c := &cobra.Command{
		Use:   "sample EXPERIMENT.toml PREDICTOR@CORPUS",
		Short: "Let a trained predictor write",
		Long: `Sample draws text from a predictor of an experiment. It uses the saved model if
there is one (run --save-models), and trains the predictor otherwise.`,
		Example: `  horizon sample experiments/quickstart.toml kn@opticks -n 400
  horizon sample experiments/quickstart.toml transformer@opticks --prompt "The Rays of Light" --seed 3`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.n < 1 {
				return usageError{fmt.Errorf("--symbols = %d, want ≥ 1", o.n)}
			}
			if !(o.temperature > 0) || math.IsInf(o.temperature, 1) {
				return usageError{fmt.Errorf("--temperature = %v, want > 0", o.temperature)}
			}
			f.only = []string{args[1]}
			p, err := f.plan(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			text, err := g.sample(cmd.Context(), p, o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	c.Flags().StringArrayVar(&f.sets, "set", nil, "override a value of the experiment")
	c.Flags().IntVarP(&o.n, "symbols", "n", 400, "symbols to draw")
	c.Flags().Uint64Var(&o.seed, "seed", 1, "of the draw")
	c.Flags().StringVar(&o.prompt, "prompt", "", "text to go on from")
	c.Flags().Float64Var(&o.temperature, "temperature", 1, "1 samples the predictor as it is; lower sharpens, higher flattens")
	c.Flags().BoolVar(&o.save, "save-models", false, "keep the model if it has to be trained")
	return c
}

// sample draws from the one cell of the plan.
func (g *global) sample(ctx context.Context, p *plan, o sampleOptions) (string, error) {
	cell, err := p.one()
	if err != nil {
		return "", err
	}
	c := p.corpora[cell.CorpusName].Corpus
	prompt, err := encodePrompt(c.Alphabet, o.prompt)
	if err != nil {
		return "", usageError{err}
	}
	pr, err := g.trained(ctx, p, cell, o.save)
	if err != nil {
		return "", err
	}
	pr.Reset()
	for _, x := range prompt {
		pr.Observe(x)
	}
	return o.prompt + draw(pr, c.Alphabet, o), nil
}

// one is the cell of a plan of which one predictor on one corpus is wanted.
func (p *plan) one() (*plannedCell, error) {
	var cell *plannedCell
	for i := range p.cells {
		switch c := &p.cells[i]; {
		case c.left:
		case c.Predictor.Coder:
			return nil, usageError{fmt.Errorf("%s is a compressor: it has no next-symbol distribution to go by", c.PredictorName)}
		case c.Mode == config.Prequential && cell != nil:
		case cell != nil:
			return nil, usageError{fmt.Errorf("%s and %s are both meant: name one", cell.name(p), c.name(p))}
		default:
			cell = c
		}
	}
	if why := cmp.Or(cell.unavailable, cell.refused); why != "" {
		return nil, errors.New(why)
	}
	return cell, nil
}

// trained is the predictor of a cell: the saved model if there is one,
// otherwise trained here and, if save says so, saved.
func (g *global) trained(ctx context.Context, p *plan, cell *plannedCell, save bool) (predictors.Predictor, error) {
	j := cell.job
	j.ModelFile, j.SaveModel = modelFile(g.db, j.TrainKey), save
	if _, err := os.Stat(j.ModelFile); err != nil {
		fmt.Fprintf(os.Stderr, "no saved model of %s: training it\n", cell.name(p))
	}
	return j.train(ctx, p.corpora[cell.CorpusName].Corpus, &outcome{}, func(predictors.Progress) {})
}

// draw samples n symbols and gives them their text.
func draw(p predictors.Predictor, a *corpora.Alphabet, o sampleOptions) string {
	rng := rand.New(rand.NewPCG(o.seed, 0x5a3b1e))
	q := make([]float64, a.Size())
	f := p.Fork()
	var b strings.Builder
	for range o.n {
		f.Predict(q)
		temper(q, o.temperature)
		x := predictors.Sample(q, rng.Float64())
		b.WriteString(a.Tokens[x])
		f.Observe(x)
	}
	return b.String()
}

// temper raises probabilities to the power 1/temperature and normalises.
func temper(q []float64, temperature float64) {
	if temperature == 1 {
		return
	}
	sum := 0.0
	for x, v := range q {
		q[x] = math.Pow(v, 1/temperature)
		sum += q[x]
	}
	for x := range q {
		q[x] /= sum
	}
}

// encodePrompt turns text into symbols by the longest token at each place,
// which for bytes and runes is the only one.
func encodePrompt(a *corpora.Alphabet, text string) ([]predictors.Symbol, error) {
	index, longest := map[string]predictors.Symbol{}, 0
	for x, t := range a.Tokens {
		if x != a.Unknown && t != "" {
			index[t] = predictors.Symbol(x)
			longest = max(longest, len(t))
		}
	}
	var xs []predictors.Symbol
	for at := 0; at < len(text); {
		n := min(longest, len(text)-at)
		for ; n > 0; n-- {
			if x, ok := index[text[at:at+n]]; ok {
				xs = append(xs, x)
				break
			}
		}
		if n == 0 {
			return nil, fmt.Errorf("--prompt: %q is not in the alphabet of the corpus", text[at:min(len(text), at+8)])
		}
		at += n
	}
	return xs, nil
}
