package metrics

import (
	"context"
	"fmt"
	"math"
	"time"

	"horizon/corpora"
	"horizon/predictors"
)

// A Protocol is how a predictor is walked over the test part. All of it is
// recorded with the result and part of its identity.
type Protocol struct {
	Learning       bool   // prequential: learn each symbol after it is scored
	Horizons       []int  // steps ahead, ascending
	Points         int    // evaluation points; fewer if the test part is short
	Rollouts       int    // sampled futures at a point where needed
	Block          int    // symbols in a stored block of losses
	Continue       bool   // let the context continue from the part before
	ContextSymbols int    // how many symbols of it
	Top1           bool   // measure top-1 accuracy too
	Seed           uint64 // of the rollouts
}

// stride is how many symbols are scored between two looks at the context.
const stride = 4096

// tolerance of the checks at every evaluation point.
const tolerance = 1e-9

// Walk walks p over the test part of c once, showing it to the metrics, and
// takes no predictor's word: at every evaluation point it checks that Predict
// sums to one and agrees with the loss that Score then claims. tick is told
// how many symbols and points are done of how many. It returns the time spent
// in scoring the test symbols alone, without the metrics.
func Walk(ctx context.Context, p predictors.Predictor, c *corpora.Corpus, o Protocol, ms []Metric, tick func(done, total int64)) (time.Duration, error) {
	w := &walk{p: p, o: o, ms: ms, ctx: ctx, tick: tick, q: make([]float64, c.Alphabet.Size()),
		bits: make([]float64, stride)}
	if o.Top1 {
		w.top = make([]symbol, stride)
	}
	points := placePoints(c.Test.Docs, o.Points, farthest(o))
	w.total = int64(c.Test.Symbols) + int64(len(points))*pointCost(o)
	first := 0
	for i, doc := range c.Test.Docs {
		p.Reset()
		if i == 0 && o.Continue && c.Test.Continues {
			w.warm(before(c), o.ContextSymbols)
		}
		var widths []uint16
		if c.Test.Widths != nil {
			widths = c.Test.Widths[i]
		}
		n := 0
		for n < len(points) && points[n] < first+len(doc) {
			n++
		}
		if err := w.document(doc, widths, first, points[:n]); err != nil {
			return w.scoring, err
		}
		points, first = points[n:], first+len(doc)
	}
	return w.scoring, w.finish()
}

// finish lets the metrics do what they have left.
func (w *walk) finish() error {
	for _, m := range w.ms {
		if f, ok := m.(Finisher); ok {
			if err := f.Finish(w.ctx, w.tick); err != nil {
				return err
			}
		}
	}
	return nil
}

// before is the document that the test part continues.
func before(c *corpora.Corpus) []symbol {
	for _, part := range []corpora.Part{c.Valid, c.Train} {
		if n := len(part.Docs); n > 0 {
			return part.Docs[n-1]
		}
	}
	return nil
}

// pointCost is the work of one evaluation point in units of one scored symbol,
// for the progress bar only.
func pointCost(o Protocol) int64 {
	if len(o.Horizons) == 0 {
		return 0
	}
	return int64(o.Rollouts * o.Horizons[len(o.Horizons)-1])
}

// farthest is how far a point must be able to see: without horizons, points
// are there for the other metrics.
func farthest(o Protocol) int {
	if len(o.Horizons) == 0 {
		return 1
	}
	return o.Horizons[len(o.Horizons)-1]
}

// placePoints spreads n points evenly over the places that have at least far
// symbols of their document ahead. They depend on the test part alone, so
// they are the same for every predictor.
func placePoints(docs [][]symbol, n, far int) []int {
	room := 0
	for _, d := range docs {
		room += max(0, len(d)-far+1)
	}
	n = min(n, room)
	points := make([]int, 0, n)
	first, passed := 0, 0 // test symbols and possible places before this document
	for _, d := range docs {
		places := max(0, len(d)-far+1)
		for len(points) < n {
			// The middle of the i-th of n equal stretches.
			at := (2*len(points) + 1) * room / (2 * n)
			if at >= passed+places {
				break
			}
			points = append(points, first+at-passed)
		}
		first, passed = first+len(d), passed+places
	}
	return points
}

type walk struct {
	ctx   context.Context
	p     predictors.Predictor
	o     Protocol
	ms    []Metric
	tick  func(done, total int64)
	q     []float64
	bits  []float64
	top   []symbol
	point int
	done  int64
	total int64
	// scoring is the time spent in Score and ScoreLearning.
	scoring time.Duration
}

func (w *walk) warm(doc []symbol, n int) {
	for _, x := range doc[max(0, len(doc)-n):] {
		w.p.Observe(x)
	}
}

// document scores one document, stopping at its points.
func (w *walk) document(doc []symbol, widths []uint16, first int, points []int) error {
	for at := 0; at < len(doc); {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		stop := len(doc)
		if len(points) > 0 {
			if stop = points[0] - first; stop == at {
				if err := w.stop(Point{w.point, first + at, doc[at:]}); err != nil {
					return err
				}
				points, w.point = points[1:], w.point+1
				w.done += pointCost(w.o)
				if stop = len(doc); len(points) > 0 {
					stop = points[0] - first
				}
			}
		}
		n := min(stop-at, stride)
		if err := w.score(doc[at:at+n], slice(widths, at, n), first+at); err != nil {
			return err
		}
		at += n
		w.done += int64(n)
		w.tick(w.done, w.total)
	}
	return nil
}

func slice(widths []uint16, at, n int) []uint16 {
	if widths == nil {
		return nil
	}
	return widths[at : at+n]
}

func (w *walk) score(xs []symbol, widths []uint16, first int) error {
	bits, top := w.bits[:len(xs)], w.top
	if top != nil {
		top = top[:len(xs)]
	}
	start := time.Now()
	if w.o.Learning {
		if err := predictors.ScoreLearning(w.p, bits, top, xs); err != nil {
			return err
		}
	} else {
		predictors.Score(w.p, bits, top, xs)
	}
	w.scoring += time.Since(start)
	for i, b := range bits {
		if math.IsNaN(b) || math.IsInf(b, 0) || b < -tolerance {
			return fmt.Errorf("test symbol %d (= %d): loss %v bits, want finite and not negative", first+i, xs[i], b)
		}
	}
	for _, m := range w.ms {
		m.Scored(Run{first, bits, top, xs, widths})
	}
	return nil
}

// stop shows an evaluation point to the metrics and checks the predictor.
func (w *walk) stop(pt Point) error {
	w.p.Predict(w.q)
	sum := 0.0
	for _, v := range w.q {
		sum += v
	}
	if !(math.Abs(sum-1) <= tolerance) {
		return fmt.Errorf("test symbol %d: probabilities sum to %v", pt.First, sum)
	}
	x := pt.Future[0]
	var claimed [1]float64
	predictors.Score(w.p.Fork(), claimed[:], nil, pt.Future[:1])
	if d := math.Abs(claimed[0] - loss(w.q[x])); !(d <= tolerance) {
		return fmt.Errorf("test symbol %d: Score claims %v bits, Predict says %v", pt.First, claimed[0], loss(w.q[x]))
	}
	for _, m := range w.ms {
		if err := m.At(pt, w.p); err != nil {
			return err
		}
	}
	return nil
}
