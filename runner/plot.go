package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"horizon/plots"
	"horizon/results"
	"horizon/runner/config"
)

func plotCommand(g *global) *cobra.Command {
	var f results.Filter
	var sets []string
	var dir string
	c := &cobra.Command{
		Use:   "plot EXPERIMENT.toml [PLOT…]",
		Short: "Draw the plots of an experiment again, from the database alone",
		Long: `Plot draws the figures that the experiment's [plots] tables name, or those of them
that are asked for, as SVG and PNG, and as CSV what a figure works out for itself, such
as fits. It reads the database and runs no predictor, so it takes seconds whatever
the experiment took.`,
		Example: `  horizon plot experiments/quickstart.toml
  horizon plot experiments/quickstart.toml horizon --corpus opticks --set plots.horizon.width=8.5`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := config.Load(args[0], config.Options{Registries: registries(), Sets: sets})
			if err != nil {
				return err
			}
			s, err := g.openStore()
			if err != nil {
				return err
			}
			defer s.Close()
			if dir == "" {
				dir = defaultPlotDir(g.db, e.Name)
			}
			f.Experiment = e.Name
			return drawPlots(cmd.OutOrStdout(), e, s, f, dir, args[1:])
		},
	}
	filterFlags(c, &f)
	c.Flags().StringArrayVar(&sets, "set", nil, "override a value of the experiment, as in --set plots.bits.width=8.5")
	c.Flags().StringVarP(&dir, "output", "o", "", "folder of the plots (default: plots/EXPERIMENT beside the database)")
	return c
}

func defaultPlotDir(db, experiment string) string {
	return filepath.Join(filepath.Dir(db), "plots", experiment)
}

// drawPlots draws the named plots of an experiment, all if none is named.
func drawPlots(w io.Writer, e *config.Experiment, s *results.Store, f results.Filter, dir string, names []string) error {
	byName := map[string]config.Plot{}
	var all []string
	for _, p := range e.Plots {
		byName[p.Name] = p
		all = append(all, p.Name)
	}
	if len(names) == 0 {
		names = all
	}
	if len(names) == 0 {
		return usageError{fmt.Errorf("%s names no plots: add a table [plots.NAME] with a kind (`horizon list plots`)", e.Name)}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return storeError{err}
	}
	for _, name := range names {
		p, ok := byName[name]
		if !ok {
			return usageError{fmt.Errorf("%s has no plot %q (known: %v)", e.Name, name, all)}
		}
		files, err := p.Config.(plots.Config).Draw(s, f, name, dir)
		switch {
		case errors.Is(err, plots.ErrEmpty):
			fmt.Fprintf(w, "plot %s: no finished cell has what it shows\n", name)
			continue
		case err != nil:
			return p.Refuse(err)
		}
		for _, file := range files {
			fmt.Fprintf(w, "plot: %s\n", file)
		}
	}
	return nil
}

// drawAfterRun draws the plots if anything has changed since they were drawn,
// and says where they are.
func (g *global) drawAfterRun(w io.Writer, p *plan, s *results.Store, t tally, dir string) error {
	if t.done == 0 && allDrawn(p.experiment, dir) {
		fmt.Fprintf(w, "plots: %s\n", dir)
		return nil
	}
	return drawPlots(w, p.experiment, s, results.Filter{Experiment: p.experiment.Name}, dir, nil)
}

func allDrawn(e *config.Experiment, dir string) bool {
	for _, p := range e.Plots {
		if _, err := os.Stat(filepath.Join(dir, p.Name+".svg")); err != nil {
			return false
		}
	}
	return true
}
