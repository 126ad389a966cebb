package markov

import (
	"context"

	"horizon/predictors"
)

// Interpolation of relative frequencies: with h' the context without its
// oldest symbol,
//
//	p(x; h) = λ(h) a(hx)/a(h·) + (1 − λ(h)) p(x; h')
//	p(x; no symbol at all) = 1/A
//
// and p(x; h) = p(x; h') for a context never seen. Prob is O(n), Predict O(A +
// children of the n contexts). Which λ makes which smoothing: wittenbell.go,
// jelinekmercer.go.
type interpolated struct {
	walk
	lambda func(k int, h *fan, lost uint32) float64 // of the contexts of k-grams, lost what was cut of a(h·)
}

func (p *interpolated) Fork() predictors.Predictor { return &interpolated{p.fork(), p.lambda} }

// Tune has nothing to choose: it is the end of training.
func (p *interpolated) Tune(ctx context.Context, _ predictors.Data, _ func(predictors.Progress)) error {
	p.cut(p)
	return ctx.Err()
}

func (p *interpolated) interpolates() bool { return true }

func (p *interpolated) own(k int, c, count uint32) float64 {
	h := p.nodes.at(c)
	return p.lambda(k, &h.fan, p.missing(c)) / float64(h.total) * float64(count)
}

func (p *interpolated) back(k int, c uint32) float64 {
	h := p.nodes.at(c)
	return p.rest(c, h, p.lambda(k, &h.fan, p.missing(c)))
}

// rest is 1 − λ(h), and with it what was cut of λ(h).
func (p *interpolated) rest(c uint32, h *node, lambda float64) float64 {
	if p.lost == nil {
		return 1 - lambda
	}
	return 1 - lambda*(1-float64(p.lost[c])/float64(h.total))
}

func (p *interpolated) Predict(probs []float64) {
	clear(probs)
	weight, c := 1.0, p.node
	for k := p.length + 1; k >= 1; k-- {
		h := p.nodes.at(c)
		if h.total > 0 {
			lambda := p.lambda(k, &h.fan, p.missing(c))
			unit := weight * lambda / float64(h.total)
			for g := h.first; g != 0; {
				s, e := p.gram(k, g), p.entry(k, g)
				probs[e.symbol] += float64(unit * float64(s.count))
				g = e.sibling
			}
			weight *= p.rest(c, h, lambda)
		}
		c = h.suffix
	}
	uniform := weight / float64(p.a)
	for x := range probs {
		probs[x] += uniform
	}
}

func (p *interpolated) Prob(x predictors.Symbol) float64 {
	prob, weight, c := 0.0, 1.0, p.node
	g, longest := p.find(x)
	for k := p.length + 1; k >= 1; k-- {
		h, count := p.nodes.at(c), uint32(0)
		if k <= longest {
			s := p.gram(k, g)
			count, g = s.count, s.suffix
		}
		if h.total > 0 {
			lambda := p.lambda(k, &h.fan, p.missing(c))
			prob += float64(weight * lambda / float64(h.total) * float64(count))
			weight *= p.rest(c, h, lambda)
		}
		c = h.suffix
	}
	return prob + weight/float64(p.a)
}
