// Package predictors says what a sequence predictor is and gives every
// predictor the same services: training, scoring, looking further ahead,
// saving and coding. The families live in the folders below and meet only
// through the interface of this file.
package predictors

import (
	"context"
	"io"

	"horizon/corpora"
)

// Symbol is an index into the corpus's alphabet.
type Symbol = corpora.Symbol

// A Predictor walks one sequence. State is what Reset forgets, parameters
// what it keeps: Predict changes neither, Observe state, Learn both.
type Predictor interface {
	// Alphabet is A, the number of symbols.
	Alphabet() int
	// Reset goes back to the empty context.
	Reset()
	// Predict sets p[x] = P(next = x | symbols so far), len(p) = A.
	Predict(p []float64)
	// Observe says that the next symbol was x.
	Observe(x Symbol)
	// Fork returns a predictor at the same place with its own state and
	// shared parameters. A fork never learns and is valid until its parent
	// does; forks may run at once, each in one goroutine.
	Fork() Predictor
}

// The interfaces below are optional; each has a package function that takes
// the fast path or falls back, as in io/fs.

// A Learner can go on learning: Learn(x) is Observe(x) and a training step on
// x in the present context.
type Learner interface{ Learn(x Symbol) }

// A Fitter trains on the whole of Data at once. A Learner without Fit is
// trained by learning each training symbol in turn (see Train).
type Fitter interface {
	Fit(ctx context.Context, d Data, report func(Progress)) error
}

// A Tuner chooses hyper-parameters on the validation part after the training
// part has been learned; Train calls it for predictors without Fit.
type Tuner interface {
	Tune(ctx context.Context, d Data, report func(Progress)) error
}

// A Refitter says whether learning on after Fit makes a better model of all it
// has learned. Counting does; gradient steps at a constant rate undo what a
// schedule that ends near 0 has settled.
type Refitter interface{ Refits() bool }

// A Prober knows the probability of one symbol faster than of all.
type Prober interface{ Prob(x Symbol) float64 }

// A Scorer scores a block at once; see Score for the contract.
type Scorer interface {
	Score(bits []float64, top []Symbol, xs []Symbol)
}

// An Aheader may know its k-step marginals exactly: ps[i][y] = P(x_{t+ks[i]} =
// y | x_{≤t}), ks ascending and ≥ 1, all horizons in one pass. ok is false
// where the way to them is too long (ps is then garbage); dropped bounds the
// probability mass that was not followed, 0 if all of it was.
type Aheader interface {
	PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool)
}

// A BatchRoller can step many futures at once, faster than forks one by one.
type BatchRoller interface {
	// Roll returns n futures that begin where the predictor stands and are valid
	// as long as a fork, or nil if forks are all there is.
	Roll(n int) Futures
}

// Futures are what n forks would be, numbered from 0: each predicts as a fork
// that has observed its symbols, up to rounding, whatever n is and whatever the
// others observe.
type Futures interface {
	Predict(ps []float64) // ps[i·A+x] = P(next = x) in future i
	Observe(xs []Symbol)  // xs[i] came next in future i
}

// A Stater can say where it is: State appends an encoding of the state to b
// such that two forks of one predictor with equal encodings predict alike
// forever. It lets Ahead merge futures that lead to the same place, which
// makes k-step marginals exact for finite automata.
type Stater interface{ State(b []byte) []byte }

// A Sizer reports the bytes held by parameters: the capacity of its slices,
// not counting state and scratch.
type Sizer interface{ Bytes() int64 }

// A Persister writes its parameters and reads them back into a predictor
// newly made from the same Config and Env.
type Persister interface {
	io.WriterTo
	io.ReaderFrom
}

// A Describer reports what training chose (bandwidths, discounts, a tuned
// prior), by name; the runner stores the values with the result.
type Describer interface{ Describe() map[string]float64 }

// Data is what a predictor may learn from; test symbols never get here.
type Data struct {
	Train, Valid [][]Symbol // documents: contexts do not cross them
	// Refit lets Train have a Learner learn the validation part too, once all
	// that is tuned on it has been: text next to the test part is worth most.
	// A Refitter may decline.
	Refit bool
	// Budget is what Train may use; nothing is bounded if it is zero.
	Budget Budget
	// Checkpoint is where a Fitter keeps where it stands; nil for nowhere.
	Checkpoint Checkpoint
}

// Symbols counts the symbols of the training part.
func (d Data) Symbols() int {
	n := 0
	for _, doc := range d.Train {
		n += len(doc)
	}
	return n
}

// Progress is a message from a slow call, sent at least at each optimizer
// step or every 64k symbols.
type Progress struct {
	Stage string // "tune", "train", …
	Done  int64  // of Total, in whatever the stage counts
	Total int64

	// A point of a training curve, if Metric is not empty: its value after
	// Symbols training symbols (counted with repetition over epochs).
	Metric  string // such as "valid_bits"
	Symbols int64
	Value   float64
}

// Env is all that may be known before training.
type Env struct {
	Alphabet int             // A
	Seed     uint64          // all randomness comes from it
	Process  corpora.Process // nil but for known processes; for oracles only
}

// A Config is the parameters of a kind of predictor, decoded from TOML.
type Config interface {
	// New checks the parameters and returns an untrained predictor.
	New(env Env) (Predictor, error)
}

// A Coder prices a whole text without predicting its symbols one by one: an
// everyday compressor. It is a baseline and not a predictor; it has one score.
type Coder interface {
	// CodeLength is the number of bits that test adds to the code of train:
	// 8·(size(train+test) − size(train)), with the same model memory for both.
	CodeLength(ctx context.Context, train, test []byte) (bits float64, err error)
}

// A CoderConfig is the parameters of a kind of coder, decoded from TOML.
type CoderConfig interface {
	NewCoder() (Coder, error)
}
