package markov

import (
	"math/bits"

	"horizon/predictors"
)

// PPM counts operations per context on the way down its escapes: a look-up, its
// sums, and about eight floating-point operations; going through the successors
// ruled out is left to the text. Learning looks a symbol up twice in each and
// writes it once.

// Ops bounds Learn, Prob and Observe by the depth of the trie.
func (p *ppm) Ops() (train, perSymbol float64) {
	contexts := float64(p.depth + 1)
	return p.work, contexts * (2 + 8 + 1)
}

// Ops takes the classes on the way down to be as many as the number of all has
// binary digits.
func (p *ppmStar) Ops() (train, perSymbol float64) {
	return p.work, (2 + 8 + 1) * p.descent()
}

func (p *ppmStar) descent() float64 { return float64(bits.Len(uint(len(p.List)))) }

// Evidence says which contexts the prediction comes from: those of one symbol
// and more, from the longest that anything followed. With exclusion, a context
// speaks for the symbols that longer ones have not seen; blended, each speaks
// for all.
func (p *ppmWalk) evidence(length func(c uint32) int) predictors.Evidence {
	var n predictors.Nest
	weight, match, ruled, above := 1.0, 0, uint32(0), uint32(0)
	for c := p.start(); c != 0; c = p.List[c].Suffix {
		s := &p.List[c]
		if s.N == 0 || s.N <= ruled && p.exclusion != blend {
			continue
		}
		match = max(match, length(c))
		if p.exclusion == blend {
			give := p.all(s)
			n.Add(weight*(1-give.escape/give.d), float64(s.Total))
			weight *= give.escape / give.d
			continue
		}
		freeN := s.Total
		if ruled > 0 {
			freeN -= p.countOf(c, above)
		}
		give := p.shares(s.Total, s.N, freeN, s.N-ruled, p.a-int(ruled))
		n.AddApart(weight*(give.kept/give.d), float64(freeN))
		weight *= give.escape / give.d
		above, ruled = c, s.N
	}
	return n.Evidence(match)
}

// Evidence is that of the contexts of the place.
func (p *ppm) Evidence() predictors.Evidence {
	return p.evidence(func(c uint32) (length int) {
		for ; c != 0; c = p.List[c].Suffix { // each link drops one symbol
			length++
		}
		return length
	})
}

// Evidence is that of the classes of the place.
func (p *ppmStar) Evidence() predictors.Evidence {
	return p.evidence(func(c uint32) int {
		if c == p.at {
			return int(p.matched)
		}
		return int(p.automaton.Length[c])
	})
}
