package predictors_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"horizon/predictors"
)

// counting is a Learner that counts: an operation a symbol, a byte for each of
// the room it may use, all that is beyond left out.
type counting struct {
	*table
	learned, room, size int
	slow                time.Duration // of a symbol
	tuned               error         // what ctx said when it was tuned
}

func (c *counting) Fork() predictors.Predictor { return c.table.Fork() }
func (c *counting) Bytes() int64               { return int64(c.size) }
func (c *counting) Ops() (float64, float64)    { return float64(c.learned), 1 }
func (c *counting) SetBudget(b predictors.Budget) error {
	c.room = int(b.ModelBytes)
	return nil
}

func (c *counting) Learn(x symbol) {
	c.learned++
	if time.Sleep(c.slow); c.room == 0 || c.size < c.room {
		c.size++
	}
}

// train trains p on documents of 700 and 600 symbols and returns what the last
// report says was seen, and the points of the curve.
func train(t *testing.T, p predictors.Predictor, b predictors.Budget, refit bool) (seen int64, points []int64, err error) {
	t.Helper()
	d := predictors.Data{Train: [][]symbol{make([]symbol, 700), make([]symbol, 600)},
		Valid: [][]symbol{make([]symbol, 50)}, Refit: refit, Budget: b}
	err = predictors.Train(context.Background(), p, d, func(m predictors.Progress) {
		if m.Metric != "" {
			points = append(points, m.Symbols)
		}
		seen = m.Symbols
	})
	return seen, points, err
}

func TestTrainKeepsSymbolsAndOperations(t *testing.T) {
	for _, c := range []struct {
		budget  predictors.Budget
		refit   bool
		learned int
		seen    int64
	}{
		{predictors.Budget{}, false, 1300, 1300},
		{predictors.Budget{}, true, 1350, 1300},
		{predictors.Budget{Symbols: 1}, true, 1, 1},
		{predictors.Budget{Symbols: 900}, true, 900, 900},
		{predictors.Budget{Symbols: 1310}, true, 1310, 1300}, // ten are left for the refit
		{predictors.Budget{TrainOps: 500}, true, 512, 512},   // it looks every 256 symbols
		{predictors.Budget{TrainSeconds: 3600, TrainOps: 1e9}, false, 1300, 1300},
		{predictors.Budget{ModelBytes: 40}, false, 1300, 1300},
	} {
		p := &counting{table: randomTable(3, 1)}
		seen, points, err := train(t, p, c.budget, c.refit)
		if err != nil || p.learned != c.learned || seen != c.seen {
			t.Errorf("%+v: learned %d, saw %d, %v, want %d and %d", c.budget, p.learned, seen, err, c.learned, c.seen)
		}
		if last := points[len(points)-1]; last != c.seen {
			t.Errorf("%+v: the curve ends at %d symbols, want %d", c.budget, last, c.seen)
		}
	}
}

// tunable is tuned until it is told to stop.
type tunable struct{ counting }

func (p *tunable) Tune(ctx context.Context, _ predictors.Data, _ func(predictors.Progress)) error {
	<-ctx.Done()
	p.tuned = ctx.Err()
	return ctx.Err()
}

func TestTrainKeepsSeconds(t *testing.T) {
	p := &tunable{counting{table: randomTable(3, 1), slow: 100 * time.Microsecond}}
	if _, _, err := train(t, p, predictors.Budget{TrainSeconds: 0.05}, false); err != nil {
		t.Fatal(err)
	}
	if p.learned == 1300 || p.learned == 0 || !errors.Is(p.tuned, context.DeadlineExceeded) {
		t.Errorf("learned %d symbols at 0.1 ms or more in 50 ms, tuned until %v", p.learned, p.tuned)
	}
}

// shrinking has room for as many symbols as it is deep, times 100.
type shrinking struct {
	counting
	depth   int
	full    bool
	trimmed int
}

func (p *shrinking) Learn(x symbol) {
	p.counting.Learn(x)
	p.full = p.full || p.learned > 100*p.room/p.depth
}

func (p *shrinking) Full() bool { return p.full }
func (p *shrinking) Trim()      { p.trimmed++ }
func (p *shrinking) Shrink() bool {
	if p.depth == 1 {
		return false
	}
	p.depth--
	p.learned, p.full = 0, false
	return true
}

func TestTrainShrinksUntilAllFits(t *testing.T) {
	for bytes, depth := range map[int64]int{100: 7, 30: 2, 5: 1} {
		p := &shrinking{counting: counting{table: randomTable(3, 1)}, depth: 9}
		if _, _, err := train(t, p, predictors.Budget{ModelBytes: bytes}, false); err != nil || p.depth != depth || p.learned != 1300 || p.trimmed != 1 {
			t.Errorf("%d bytes: depth %d, learned %d, %v, want %d, all", bytes, p.depth, p.learned, err, depth)
		}
	}
}

// Once is trained in one go and knows of no bounds.
type once struct{ *table }

func (once) Fit(context.Context, predictors.Data, func(predictors.Progress)) error { return nil }
func (once) Bytes() int64                                                          { return 72 }

// growing learns and knows of no bounds.
type growing struct{ *table }

func (growing) Learn(symbol) {}

// bloated says that it keeps what it does not.
type bloated struct{ once }

func (bloated) SetBudget(b predictors.Budget) error {
	return predictors.NoClock("bloated", "is as it is", b)
}

func TestTrainRefusesWhatItCannotKeep(t *testing.T) {
	m := randomTable(3, 1)
	for _, c := range []struct {
		p      predictors.Predictor
		budget predictors.Budget
		want   string
	}{
		{once{m}, predictors.Budget{ModelBytes: 9}, "model_bytes = 9: this predictor grows"},
		{once{m}, predictors.Budget{TrainSeconds: 9}, "train_seconds = 9: this predictor is trained in one go"},
		{once{m}, predictors.Budget{TrainOps: 9}, "train_ops = 9: this predictor is trained in one go"},
		{growing{m}, predictors.Budget{TrainOps: 9}, "train_ops = 9: this predictor does not count"},
		{growing{m}, predictors.Budget{ModelBytes: 9}, "model_bytes = 9: this predictor grows"},
		{growing{m}, predictors.Budget{Symbols: -1}, "symbols = -1, want > 0"},
		{bloated{once{m}}, predictors.Budget{TrainSeconds: 9}, "train_seconds = 9: bloated is as it is"},
		{bloated{once{m}}, predictors.Budget{ModelBytes: 9}, "model_bytes = 9: the model takes 72 bytes"},
	} {
		_, _, err := train(t, c.p, c.budget, false)
		var refused *predictors.BudgetError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T under %+v: %v, want %q", c.p, c.budget, err, c.want)
		}
	}
	if _, _, err := train(t, once{m}, predictors.Budget{Symbols: 9}, false); err != nil {
		t.Errorf("a cut training part: %v", err)
	}
	if _, _, err := train(t, growing{m}, predictors.Budget{TrainSeconds: 60}, false); err != nil {
		t.Errorf("a learner under the clock: %v", err)
	}
}
