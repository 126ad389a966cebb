package markov

import "horizon/predictors"

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
	lambda func(k int, h *fan) float64 // of the contexts of k-grams
}

func (p *interpolated) Fork() predictors.Predictor { return &interpolated{p.fork(), p.lambda} }

func (p *interpolated) Predict(probs []float64) {
	clear(probs)
	weight, c := 1.0, p.node
	for k := p.length + 1; k >= 1; k-- {
		h := p.nodes.at(c)
		if h.total > 0 {
			lambda := p.lambda(k, &h.fan)
			unit := weight * lambda / float64(h.total)
			for g := h.first; g != 0; {
				s, e := p.gram(k, g), p.entry(k, g)
				probs[e.symbol] += float64(unit * float64(s.count))
				g = e.sibling
			}
			weight *= 1 - lambda
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
			lambda := p.lambda(k, &h.fan)
			prob += float64(weight * lambda / float64(h.total) * float64(count))
			weight *= 1 - lambda
		}
		c = h.suffix
	}
	return prob + weight/float64(p.a)
}
