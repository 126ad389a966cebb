package metrics

import "horizon/predictors"

// LogLoss is the next-symbol loss L1 = −(1/n) Σ log₂ q(x_t; x_<t) over every
// test symbol, with the top-1 accuracy beside it (programme 2.1).
type LogLoss struct {
	blocks
	hits int
	top  bool
}

// NewLogLoss keeps its losses in blocks of the given number of symbols.
func NewLogLoss(block int) *LogLoss {
	return &LogLoss{blocks: blocks{metric: "log_loss", horizon: 1, length: block}}
}

// Scored implements Metric.
func (l *LogLoss) Scored(r Run) {
	for i, b := range r.Bits {
		width := int64(1)
		if r.Widths != nil {
			width = int64(r.Widths[i])
		}
		l.add(r.First+i, b, width)
		if r.Top != nil {
			l.top = true
			if r.Top[i] == r.Symbol[i] {
				l.hits++
			}
		}
	}
}

// At implements Metric; it does not look ahead.
func (l *LogLoss) At(Point, predictors.Predictor) error { return nil }

// Rows implements Metric. Bits per byte and perplexity follow from the bits
// per symbol and are derived where the part's bytes are known.
func (l *LogLoss) Rows() ([]Score, []Block) {
	mean, n := l.mean()
	rows := []Score{{"bits_per_symbol", 1, n, mean}}
	if l.top {
		rows = append(rows, Score{"top1", 1, n, float64(l.hits) / float64(n)})
	}
	return rows, l.rows
}
