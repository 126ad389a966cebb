package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"horizon/corpora"
	"horizon/plots"
	"horizon/predictors"
	"horizon/predictors/machine"
)

// machineOptions are the flags of `machine`.
type machineOptions struct {
	machine.Options
	known bool
	out   []string
	save  bool
	score int
}

func machineCommand(g *global) *cobra.Command {
	var f experimentFlags
	o := machineOptions{Options: machine.DefaultOptions()}
	c := &cobra.Command{
		Use:   "machine EXPERIMENT.toml PREDICTOR@CORPUS",
		Short: "Merge what a trained predictor tells apart into a state machine",
		Long: `Machine takes the first places of the test part at which a predictor foresees the
next symbols alike for one state, splits states until each symbol leads from all
of a state's places to one state, and prints the machine: its states, their
entropy (the statistical complexity, in bits), its entropy rate, and its loss on
the rest of the test part beside the predictor's own. On a process whose causal
states are known it says whether these are they. It uses the saved model if there is one
(run --save-models), and trains the predictor otherwise.`,
		Example: `  horizon machine experiments/minimal.toml pst@even --out even.svg
  horizon machine experiments/minimal.toml cssr@rrxor --out rrxor.dot --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
			}
			f.only = []string{args[1]}
			p, err := f.plan(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			cell, err := p.one()
			if err != nil {
				return err
			}
			pr, err := g.trained(cmd.Context(), p, cell, o.save)
			if err != nil {
				return err
			}
			return g.machine(cmd.Context(), cmd.OutOrStdout(), cell.name(p), pr, p.corpora[cell.CorpusName].Corpus, o)
		},
	}
	c.Flags().StringArrayVar(&f.sets, "set", nil, "override a value of the experiment")
	c.Flags().IntVar(&o.Horizon, "horizon", o.Horizon, "places are alike if the laws of so many next symbols together are")
	c.Flags().Float64Var(&o.Delta, "delta", o.Delta, "Jensen-Shannon divergence, in bits, below which laws are alike")
	c.Flags().IntVar(&o.Length, "length", 0, "symbols of the past shown at each place (default: all)")
	c.Flags().IntVar(&o.Points, "points", o.Points, "places")
	c.Flags().Float64Var(&o.Tolerance, "tolerance", o.Tolerance, "share of a state's places that may lead elsewhere")
	c.Flags().IntVar(&o.score, "score", 50_000, "score at most so many symbols after the places")
	c.Flags().BoolVar(&o.known, "true", false, "draw the true machine of the process instead")
	c.Flags().StringArrayVar(&o.out, "out", nil, "draw it into FILE.svg or FILE.dot; may be repeated")
	c.Flags().BoolVar(&o.save, "save-models", false, "keep the model if it has to be trained")
	return c
}

func (o *machineOptions) check() error {
	if o.score < 1 {
		return fmt.Errorf("--score = %d, want at least 1", o.score)
	}
	for _, name := range o.out {
		if e := filepath.Ext(name); e != ".svg" && e != ".dot" {
			return fmt.Errorf("--out %s: want a name that ends in .svg or .dot", name)
		}
	}
	return o.Options.Check(0)
}

// A machineReport is what is printed of a machine.
type machineReport struct {
	Predictor  string      `json:"predictor"`
	States     int         `json:"states"`
	Complexity float64     `json:"complexity"`
	Entropy    float64     `json:"entropy"`
	Loss       *float64    `json:"loss"`           // on the rest of the test part; null without one
	Own        *float64    `json:"predictor_loss"` // on the same
	Scored     int         `json:"scored"`
	Places     int         `json:"places"`
	True       *trueReport `json:"true"` // null where it is not known
	Stationary []float64   `json:"stationary"`
	Arcs       []arcReport `json:"transitions"`
}

type trueReport struct {
	States     int     `json:"states"`
	Complexity float64 `json:"complexity"`
	Entropy    float64 `json:"entropy"`
	Recovered  bool    `json:"recovered"`
	Why        string  `json:"why,omitempty"` // not
}

type arcReport struct {
	From   string  `json:"from"`
	Symbol string  `json:"symbol"`
	P      float64 `json:"p"`
	To     string  `json:"to"` // empty if it was not seen to lead anywhere
}

// recoveredWithin is how near probabilities are to be to count as the true.
const recoveredWithin = 0.05

func (g *global) machine(ctx context.Context, w io.Writer, name string, p predictors.Predictor, c *corpora.Corpus, o machineOptions) error {
	if err := o.Options.Check(c.Alphabet.Size()); err != nil {
		return usageError{err}
	}
	m, used, err := machine.Merge(ctx, p, c.Test.Docs, o.Options, nil)
	if err != nil {
		return err
	}
	l, err := machine.Compare(ctx, m, p, c.Test.Docs, used, o.score)
	if err != nil {
		return err
	}
	r := machineReport{Predictor: name, States: m.States(), Complexity: m.Complexity(), Entropy: m.Rate, Scored: l.N, Places: used, Stationary: m.Pi}
	if l.N > 0 {
		r.Loss, r.Own = &l.Machine, &l.Predictor
	}
	known, err := machine.True(c.Process)
	if err == nil {
		r.True = &trueReport{States: known.States(), Complexity: known.Complexity(), Entropy: known.Rate, Recovered: true}
		if why := machine.Same(m, known, recoveredWithin); why != nil {
			r.True.Recovered, r.True.Why = false, why.Error()
		}
	}
	drawn, title := m, name
	if o.known {
		if known == nil {
			return usageError{fmt.Errorf("--true: %w", err)}
		}
		drawn, title = known, "true machine"
	}
	a := automaton(drawn, c.Alphabet)
	a.Title = title
	for _, arc := range a.Arcs {
		r.Arcs = append(r.Arcs, arcReport{plots.StateName(arc.From), arc.Symbol, arc.P, plots.StateName(arc.To)})
	}
	for _, file := range o.out {
		if err := drawAutomaton(a, file); err != nil {
			return err
		}
	}
	if g.json {
		return printJSON(w, r)
	}
	r.print(w)
	return nil
}

// automaton is a machine for drawing, with the transitions it knows of
// probabilities that show.
func automaton(m *machine.Machine, alphabet *corpora.Alphabet) *plots.Automaton {
	a := &plots.Automaton{States: m.Pi,
		Note: fmt.Sprintf("%d states, complexity %.3f bits, entropy rate %.4f bits/symbol. In a state: its stationary probability.", m.States(), m.Complexity(), m.Rate)}
	for i, to := range m.Next {
		if to >= 0 && m.P[i] >= 1e-3 {
			a.Arcs = append(a.Arcs, plots.Arc{From: i / m.A, To: int(to), Symbol: alphabet.Tokens[i%m.A], P: m.P[i]})
		}
	}
	return a
}

func drawAutomaton(a *plots.Automaton, file string) error {
	form := a.SVG
	if filepath.Ext(file) == ".dot" {
		form = a.DOT
	}
	b, err := form()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return renameio.WriteFile(file, b, 0o644)
}

func (r *machineReport) print(w io.Writer) {
	say := func(format string, args ...any) { fmt.Fprintf(w, format, args...) }
	say("%s: %d states, complexity %.4f bits, entropy rate %.4f bits/symbol, from %d places\n", r.Predictor, r.States, r.Complexity, r.Entropy, r.Places)
	if r.Loss != nil {
		say("loss on the next %d symbols: %.4f bits; the predictor's own: %.4f\n", r.Scored, *r.Loss, *r.Own)
	} else {
		say("no test symbols are left to score\n")
	}
	switch {
	case r.True == nil:
	case r.True.Recovered:
		say("the causal states of the process (%.4f bits, entropy rate %.4f), probabilities within %v\n", r.True.Complexity, r.True.Entropy, recoveredWithin)
	default:
		say("not the causal states of the process (%d states, %.4f bits, entropy rate %.4f): %s\n", r.True.States, r.True.Complexity, r.True.Entropy, r.True.Why)
	}
	const most = 60
	for i, a := range r.Arcs {
		if i == most {
			say("… %d more transitions; --json has them all\n", len(r.Arcs)-most)
			break
		}
		say("  %s --%s:%.3f--> %s\n", a.From, quoted(a.Symbol), a.P, a.To)
	}
}

// quoted shows a symbol that would not show by itself.
func quoted(s string) string {
	if s == "" || s == " " || s[0] < ' ' {
		return fmt.Sprintf("%q", s)
	}
	return s
}
