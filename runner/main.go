// Horizon measures how much of what a transformer does older predictors could
// do, given the same text and the same resources.
//
//	go run ./runner run experiments/quickstart.toml
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"horizon/predictors"
	"horizon/results"
	"horizon/runner/config"
)

type progress = predictors.Progress

// Exit codes.
const (
	exitOK      = 0  // everything asked for is done
	exitFailed  = 1  // some cells are not
	exitUsage   = 2  // the command line or the experiment file is wrong
	exitStore   = 3  // storage or environment
	exitVerify  = 4  // a check found something wrong
	exitStopped = 75 // stopped by a signal; run again to go on
)

// childVerb is what a cell's own process is started with.
const childVerb = "__cell"

// Errors that choose an exit code.
type (
	usageError  struct{ error }
	storeError  struct{ error }
	verifyError struct{ error }
	failedError struct{ error }
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == childVerb {
		if err := runChild(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitFailed)
		}
		return
	}
	// The first signal asks the run to stop; a second one ends it at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { <-ctx.Done(); stop() }()
	err := rootCommand().ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errSilent) {
		fmt.Fprintf(os.Stderr, "horizon: %v\n", err)
	}
	os.Exit(exitCode(ctx, err))
}

// errSilent is an error that has been reported.
var errSilent = errors.New("")

func exitCode(ctx context.Context, err error) int {
	var u usageError
	var p config.Problems
	var s storeError
	var v *results.VersionError
	var bad verifyError
	var f failedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &u), errors.As(err, &p):
		return exitUsage
	case errors.As(err, &bad):
		return exitVerify
	case ctx.Err() != nil:
		return exitStopped
	case errors.As(err, &s), errors.As(err, &v):
		return exitStore
	case errors.As(err, &f):
		return exitFailed
	}
	return exitUsage // what cobra refuses
}

func (e usageError) Unwrap() error  { return e.error }
func (e storeError) Unwrap() error  { return e.error }
func (e verifyError) Unwrap() error { return e.error }
func (e failedError) Unwrap() error { return e.error }

// global are the flags every verb has.
type global struct {
	db   string
	json bool
}

const defaultDB = "results/results.db"

func rootCommand() *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:   "horizon",
		Short: "Train and compare sequence predictors on the same text",
		Long: `Horizon trains and evaluates predictors of four families (Markov, Lempel-Ziv,
kernel smoothing, transformers) on the same corpora, keeps their next-symbol and
longer-range scores in SQLite, and plots the comparison.

An experiment is a TOML file; 'run' computes what is missing from the database
and can be stopped and started again at any time.`,
		Example: `  horizon run experiments/quickstart.toml
  horizon leaderboard quickstart
  horizon query "SELECT predictor, k, bits FROM horizon WHERE corpus = 'opticks'"`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&g.db, "db", defaultDB, "the results database")
	root.PersistentFlags().BoolVar(&g.json, "json", false, "print JSON instead of tables")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(planCommand(g), runCommand(g), listCommand(g), leaderboardCommand(g), compareCommand(g), agreementCommand(g), plotCommand(g),
		queryCommand(g), checkCommand(g), sampleCommand(g), machineCommand(g), entropyCommand(g))
	return root
}

// openStore opens the database for reading.
func (g *global) openStore() (*results.Store, error) {
	if _, err := os.Stat(g.db); err != nil {
		return nil, storeError{fmt.Errorf("%s: no database there yet; `horizon run EXPERIMENT.toml` makes one", g.db)}
	}
	s, err := results.OpenReadOnly(g.db)
	if err != nil {
		return nil, storeError{err}
	}
	return s, nil
}
