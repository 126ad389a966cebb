package markov

import "horizon/predictors"

// What n-grams rest on: the positions where the contexts of one symbol and
// more occurred, each context sharing out its part evenly (a discount is taken
// from all alike). The law of single symbols and the uniform one are what they
// fall back on. For the lower orders of Kneser & Ney, positions are different
// predecessors, as their counts are.

// evidence is that of contexts which are interpolated, nested in each other.
func (w *walk) evidence(s smoother) predictors.Evidence {
	w.settle()
	var n predictors.Nest
	weight, match, c := 1.0, 0, w.node
	for k := w.length + 1; k > 1; k-- {
		h := w.nodes.at(c)
		if h.total > 0 {
			match = max(match, w.symbols(c, k-1))
			back := s.back(k, c)
			n.Add(weight*(1-back), float64(h.total-w.missing(c)))
			weight *= back
		}
		c = h.suffix
	}
	return n.Evidence(match)
}

// symbols is the length of context c without the mark.
func (m *ngrams) symbols(c uint32, length int) int {
	for range length - 1 {
		c = m.short.keys.at(c).parent
	}
	if m.short.keys.at(c).symbol == mark {
		length--
	}
	return length
}

// Evidence says what the contexts give.
func (p *kneserNey) Evidence() predictors.Evidence { return p.evidence(p) }

// Evidence says what the contexts give.
func (p *interpolated) Evidence() predictors.Evidence { return p.evidence(p) }

// Evidence says what the contexts give. A symbol seen after one is ruled out
// after the shorter ones.
func (p *backoff) Evidence() predictors.Evidence {
	p.settle()
	var n predictors.Nest
	weight, match, c, ruled := 1.0, 0, p.node, uint32(0) // ruled is how often what longer ones have seen was seen after c
	for k := p.length + 1; k > 1; k-- {
		h := p.nodes.at(c)
		below := uint32(0)
		if h.total > 0 {
			match = max(match, p.symbols(c, k-1))
			_, alpha := p.weigh(k, c)
			down := 0.0
			if alpha > 0 {
				down = alpha * p.rest(k, h)
			}
			n.AddApart(weight*(1-down), float64(h.total-p.missing(c)-ruled))
			weight *= down
			for g := h.first; g != 0; g = p.entry(k, g).sibling {
				if s := p.gram(k, g); s.count > 0 {
					below += p.nodes.at(s.suffix).count
				}
			}
		}
		c, ruled = h.suffix, below
	}
	return n.Evidence(match)
}

// Evidence says what the one context gives.
func (p *additive) Evidence() predictors.Evidence {
	h := p.context()
	var n predictors.Nest
	if h == nil || p.depth == 0 {
		return n.Evidence(0)
	}
	n.Add(float64(h.total)/(float64(h.total)+p.m.delta*float64(p.a)), float64(h.total))
	return n.Evidence(p.depth)
}
