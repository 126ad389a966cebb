// Package metrics is what is measured with a predictor in hand, one file a
// metric. Every metric watches the same walk over the test part (Walk), so
// that all of them, for all predictors, speak of the same symbols.
package metrics

import (
	"context"

	"horizon/predictors"
)

type symbol = predictors.Symbol

// A Metric watches one predictor walk over the test part.
type Metric interface {
	// Scored takes a run of test symbols just scored; runs come in order and
	// cover every test symbol exactly once.
	Scored(r Run)
	// At takes a predictor that stands at an evaluation point and may be
	// forked but not moved; it returns an error if what it says cannot be.
	At(pt Point, p predictors.Predictor) error
	// Rows is what was measured.
	Rows() ([]Score, []Block)
}

// A Finisher has work left when the walk is over. report is told how much of it
// is done.
type Finisher interface {
	Finish(ctx context.Context, report func(done, total int64)) error
}

// A Run is consecutive symbols of one document with their losses.
type Run struct {
	First  int       // index of its first symbol in the test part
	Bits   []float64 // −log₂ p of each
	Top    []symbol  // the most probable symbol at each; nil if not asked for
	Symbol []symbol
	Widths []uint16 // bytes of each; nil if every symbol is one byte
}

// A Point is a place in the test part from which to look ahead.
type Point struct {
	Index  int      // its number, 0 ≤ Index < number of points
	First  int      // index in the test part of the next symbol
	Future []symbol // the symbols that do come, at least the longest horizon
}

// A Score is one number measured on the whole test part.
type Score struct {
	Metric  string
	Horizon int // steps ahead; 1 for what concerns the next symbol
	N       int // symbols or points it is measured on
	Value   float64
}

// A Block is a sum of losses, or of what predictions rest on, over one stretch
// of the test part, kept so that intervals and paired comparisons need no new
// run.
type Block struct {
	Metric  string // "log_loss", "ahead", "divergence", "match_length", "n_eff" or "fallback"
	Horizon int
	Block   int // number of the stretch
	First   int // index of its first symbol in the test part
	N       int // losses in the sum
	Bytes   int64
	Bits    float64
}

// Info describes one metric to the reader of a list.
type Info struct {
	Name, Unit, Better, Doc string
	Proper                  bool // a proper score: only such rank a leaderboard
}

// Kinds lists what the runner writes to the results, in the order of tables.
var Kinds = []Info{
	{"bits_per_byte", "bits/byte", "lower", "log-loss of the next symbol over the bytes of the test part, unknown words spelled out", true},
	{"bits_per_symbol", "bits/symbol", "lower", "log-loss of the next symbol", true},
	{"perplexity", "per symbol", "lower", "2 to the bits per symbol", true},
	{"top1", "share", "higher", "how often the most probable symbol came", false},
	{"ahead_bits", "bits/symbol", "lower", "L_k: log-loss of the k-step marginal, corrected by the jackknife where sampled", true},
	{"ahead_bits_raw", "bits/symbol", "lower", "L_k without the correction; biased up where sampled", true},
	{"ahead_exact", "share", "", "share of points whose k-step marginal is exact and not sampled", false},
	{"ahead_dropped", "probability", "", "largest mass not followed by an exact k-step marginal", false},
	{"oracle_bits", "bits/symbol", "", "the exact Bayes filter's loss on the same test symbols", true},
	{"regret", "bits/symbol", "lower", "bits_per_symbol less oracle_bits: what is lost to not knowing the source", true},
	{"optimum", "bits/symbol", "", "the exact Bayes filter's L_k at the same evaluation points", true},
	{"regret_ahead", "bits/symbol", "lower", "ahead_bits less optimum", true},
	{"entropy", "bits/symbol", "", "entropy rate of the source, where known", false},
	{"match_length", "symbols", "", "the longest context found in what was learned, in the mean over the evaluation points", false},
	{"n_eff", "positions", "", "(Σw)²/Σw², the effective number of past positions a prediction averages, in the mean over the evaluation points", false},
	{"n_eff_geometric", "positions", "", "the geometric mean of n_eff where it is above 0: the usual point, where the mean is the frequent context's", false},
	{"fallback", "share", "", "share of the prediction that no past position in context has, but a prior or a law that ignores the context", false},
	{"belief_r2", "share", "higher", "share of the exact Bayes filter's belief, over its mean, that a linear map of the predictor's hidden state gives", false},
	{"train_ops", "operations", "lower", "of training, as the predictor counts them (predictors.OpCounter)", false},
	{"ops_per_symbol", "operations", "lower", "of predicting and observing one symbol, as the predictor estimates them", false},
	{"skill", "share", "higher", "S_k: 1 less ahead_bits over the loss of the training frequencies on the same symbols", false},
	{"half_life", "symbols", "higher", "the horizon by which the information over the training frequencies has halved; infinite if it has not by the last", false},
	{"divergence", "bits/symbol", "lower", "D_k: Kullback-Leibler divergence of the k-step marginal from the exact Bayes filter's, the expected regret; known processes", true},
	{"bound_ratio", "ratio", "", "ρ_k = D_k/(k D_1), at most 1 in expectation: how much of what next-symbol errors could do k steps ahead they do", false},
	{"block_bits", "bits/symbol", "lower", "B_m: loss of the next m symbols, each given those before; in the mean the next symbol's loss", true},
	{"block_bits_cold", "bits/symbol", "lower", "the same without the past", true},
	{"block_sd", "bits/symbol", "", "standard deviation of B_m over places", false},
	{"total_correlation", "bits", "", "TC_m = Σ_{k≤m} L_k − m B_m: what the marginals of m future symbols miss of their dependence", false},
	{"optimum_law", "bits/symbol", "", "expected loss of the best predictor k steps ahead, from the law of the source", false},
	{"excess_entropy", "bits", "", "E of the source, what its past tells of its future, where known", false},
	{"statistical_complexity", "bits", "", "C_mu of the source, the entropy of its causal states, where finite and known", false},
	{"transient_information", "bits x symbols", "", "TI of the source, how slowly its entropy rate is come by, where known", false},
}

// blocks sums losses by stretches of the test part.
type blocks struct {
	metric  string
	horizon int
	length  int // symbols
	rows    []Block
}

func (b *blocks) add(at int, bits float64, bytes int64) {
	n := at / b.length
	if len(b.rows) == 0 || b.rows[len(b.rows)-1].Block != n {
		b.rows = append(b.rows, Block{Metric: b.metric, Horizon: b.horizon, Block: n, First: n * b.length})
	}
	r := &b.rows[len(b.rows)-1]
	r.N++
	r.Bits += bits
	r.Bytes += bytes
}

func (b *blocks) mean() (sum float64, n int) {
	for _, r := range b.rows {
		sum += r.Bits
		n += r.N
	}
	return sum / float64(n), n
}
