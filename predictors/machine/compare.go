package machine

import (
	"context"
	"math"

	"horizon/predictors"
)

// rare is the probability, all symbols together, of what a machine holds
// impossible: it costs 1.4e-6 bit where it does not come.
const rare = 1e-6

// A Loss is of a machine and of the predictor it was made from, on the same
// symbols, in bits per symbol.
type Loss struct {
	Machine, Predictor float64
	N                  int
}

// Compare scores both on up to most symbols of docs after the first skip,
// which each sees as context.
func Compare(ctx context.Context, m *Machine, p predictors.Predictor, docs [][]predictors.Symbol, skip, most int) (l Loss, err error) {
	walker, p := m.Smooth(rare).NewPredictor(), p.Fork()
	const stride = 1024
	bits := make([]float64, stride)
	for _, doc := range docs {
		walker.Reset()
		p.Reset()
		for len(doc) > 0 && l.N < most {
			if err := ctx.Err(); err != nil {
				return l, err
			}
			piece := doc[:min(stride, len(doc))]
			if skip > 0 {
				piece = piece[:min(skip, len(piece))]
				skip -= len(piece)
				for _, x := range piece {
					walker.Observe(x)
					p.Observe(x)
				}
				doc = doc[len(piece):]
				continue
			}
			piece = piece[:min(len(piece), most-l.N)]
			l.Machine += total(walker, bits, piece)
			l.Predictor += total(p, bits, piece)
			l.N += len(piece)
			doc = doc[len(piece):]
		}
	}
	if l.N == 0 {
		return Loss{math.NaN(), math.NaN(), 0}, nil
	}
	l.Machine /= float64(l.N)
	l.Predictor /= float64(l.N)
	return l, nil
}

func total(p predictors.Predictor, bits []float64, xs []predictors.Symbol) (sum float64) {
	predictors.Score(p, bits[:len(xs)], nil, xs)
	for _, b := range bits[:len(xs)] {
		sum += b
	}
	return sum
}
