package metrics

import (
	"horizon/corpora"
)

// eachPoint walks the exact Bayes filter of a known process over the test part
// as Walk walks a predictor, stopping at the same points.
func eachPoint(c *corpora.Corpus, o Protocol, at func(f corpora.Filter)) {
	f := c.Process.Filter()
	points, first := placePoints(c.Test.Docs, o.Points, farthest(o)), 0
	for i, doc := range c.Test.Docs {
		f.Reset()
		if i == 0 && o.Continue && c.Test.Continues {
			past := before(c)
			for _, x := range past[max(0, len(past)-o.ContextSymbols):] {
				f.Observe(x)
			}
		}
		for j, x := range doc {
			if len(points) > 0 && points[0] == first+j {
				at(f)
				points = points[1:]
			}
			f.Observe(x)
		}
		first += len(doc)
	}
}

// farthest is how far a point must be able to see: without horizons, points
// are there for the other metrics.
func farthest(o Protocol) int {
	if len(o.Horizons) == 0 {
		return 1
	}
	return o.Horizons[len(o.Horizons)-1]
}
