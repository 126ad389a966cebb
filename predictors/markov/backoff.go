package markov

import (
	"context"
	"io"
	"strconv"

	"horizon/predictors"
)

// Back-off with discounts (Katz 1987; Chen & Goodman 1999, section 2.4): a
// symbol seen after the context is predicted from there alone, and the others
// share what discounting set free as they do in the shorter context. With h'
// the context without its oldest symbol,
//
//	p(x; h) = (a(hx) − D(a(hx))) / z(h)    if a(hx) > 0
//	          α(h) p(x; h')                otherwise
//	p(x; no symbol at all) = 1/A
//
// and p(x; h) = p(x; h') for a context never seen. z(h) is a(h·), and α makes
// the law sum to one:
//
//	α(h) = (1 − Σ_{x: a(hx)>0} p(x; h)) / (1 − Σ_{x: a(hx)>0} p(x; h'))
//
// Two contexts need another z(h). Where nothing is discounted, z(h) = a(h·)+1,
// so that what was not seen there stays possible (as SRILM does; Stolcke
// 2002). Where every symbol of the alphabet was seen, nobody needs what was
// set free, and z(h) is the sum of what is kept.
//
// What was seen after h was seen after h', so both sums run over counts that
// links lead to, with no recursion: α takes as long as h has continuations.
// As differences of counts and discounts, they lose no digits where nearly
// everything has been seen. Prob is one look-up, and α of each context the
// symbol was not seen in; Predict is O(A + children of the n contexts). When
// training ends z and α are laid up, 16 bytes a context, until the next Learn;
// one may go on learning while predicting, at the cost of finding them anew.
type backoff struct {
	walk
	*laidWeights
}

type laidWeights struct{ zs, alphas []float64 }

func newBackoff(m *ngrams) *backoff { return &backoff{newWalk(m), &laidWeights{}} }

func (p *backoff) Fork() predictors.Predictor { return &backoff{p.fork(), p.laidWeights} }

func (p *backoff) Learn(x predictors.Symbol) {
	*p.laidWeights = laidWeights{}
	p.walk.Learn(x)
}

// Tune has nothing to choose: it is the end of training.
func (p *backoff) Tune(ctx context.Context, _ predictors.Data, _ func(predictors.Progress)) error {
	*p.laidWeights = laidWeights{}
	p.cut(p)
	p.lay()
	return ctx.Err()
}

func (p *backoff) interpolates() bool { return false }

func (p *backoff) own(k int, c, count uint32) float64 { return kept(count, &p.d[k]) / p.z(k, c) }

func (p *backoff) back(k int, c uint32) float64 {
	_, alpha := p.weigh(k, c)
	if alpha == 0 { // all were seen: what one would get that was not
		return 1 / p.z(k, c)
	}
	return alpha
}

func (p *backoff) lay() {
	p.settle()
	*p.laidWeights = laidWeights{}
	if !p.layable(16 * int64(p.short.size())) {
		return
	}
	length := p.lengths()
	zs, alphas := make([]float64, len(length)), make([]float64, len(length))
	for c, l := range length {
		if p.nodes.at(uint32(c)).total > 0 {
			zs[c], alphas[c] = p.weigh(int(l)+1, uint32(c))
		}
	}
	*p.laidWeights = laidWeights{zs, alphas}
}

// Predict goes from the empty context up. probs is a common factor short of
// p(·; h), so that symbols not seen need not be touched.
func (p *backoff) Predict(probs []float64) {
	p.settle()
	for x := range probs {
		probs[x] = 1 / float64(p.a)
	}
	var chain [maxOrder]uint32
	for k, c := p.length+1, p.node; k >= 1; k-- {
		chain[k-1] = c
		c = p.nodes.at(c).suffix
	}
	factor := 1.0
	for k := 1; k <= p.length+1; k++ {
		h, d := p.nodes.at(chain[k-1]), &p.d[k]
		if h.total == 0 {
			continue
		}
		z, alpha := p.weigh(k, chain[k-1])
		if factor *= alpha; alpha == 0 {
			factor = 1 // all are overwritten
		}
		for g := h.first; g != 0; {
			s, e := p.gram(k, g), p.entry(k, g)
			if s.count > 0 {
				probs[e.symbol] = kept(s.count, d) / z / factor
			}
			g = e.sibling
		}
	}
	for x := range probs {
		probs[x] *= factor
	}
}

func (p *backoff) Prob(x predictors.Symbol) float64 {
	p.settle()
	weight, c := 1.0, p.node
	g, longest := p.find(x)
	for k := p.length + 1; k >= 1; k-- {
		h, count := p.nodes.at(c), uint32(0)
		if k <= longest {
			s := p.gram(k, g)
			count, g = s.count, s.suffix
		}
		if count > 0 {
			return weight * (kept(count, &p.d[k]) / p.z(k, c))
		}
		if h.total > 0 {
			_, alpha := p.weigh(k, c)
			weight *= alpha
		}
		c = h.suffix
	}
	return weight / float64(p.a)
}

// kept is what remains of a count.
func kept(count uint32, d *discounts) float64 { return float64(count) - d.of(count) }

// free is Σ_x D(a(hx)), what is set free, and with it what was cut.
func (p *backoff) free(k int, c uint32) float64 {
	h, d := p.nodes.at(c), &p.d[k]
	sum := float64(d[1]*float64(h.once)) + float64(d[2]*float64(h.twice)) + float64(p.missing(c))
	if h.more == 0 {
		return sum
	}
	if d[3] == d[4] && d[4] == d[5] && d[5] == d[6] {
		return sum + float64(d[3]*float64(h.more))
	}
	var n tally
	for g := h.first; g != 0; g = p.entry(k, g).sibling {
		n[min(p.gram(k, g).count, 6)]++
	}
	for j := 3; j <= 6; j++ {
		sum += float64(d[j] * float64(n[j]))
	}
	return sum
}

// z is what the continuations of c, a context of k-grams, are divided by.
func (p *backoff) z(k int, c uint32) float64 {
	if p.zs != nil {
		return p.zs[c]
	}
	h := p.nodes.at(c)
	total := float64(h.total)
	switch d := &p.d[k]; {
	case int(h.kinds()) == p.a:
		return total - p.free(k, c)
	case d[1]*float64(h.once)+d[2]*float64(h.twice) > 0: // some is free: no need to know how much
		return total
	case p.free(k, c) == 0:
		return total + 1
	default:
		return total
	}
}

// weigh returns z and α of c, a context of k-grams. α = 0 where no symbol
// needs it.
func (p *backoff) weigh(k int, c uint32) (z, alpha float64) {
	if p.zs != nil {
		return p.zs[c], p.alphas[c]
	}
	h := p.nodes.at(c)
	free := p.free(k, c)
	switch {
	case int(h.kinds()) == p.a:
		return float64(h.total) - free, 0
	case free == 0:
		free, z = 1, float64(h.total)+1
	default:
		z = float64(h.total)
	}
	return z, free / z / p.rest(k, h)
}

// rest is 1 − Σ p(x; h') over what was seen after h, a context of k-grams.
func (p *backoff) rest(k int, h *node) float64 {
	if k == 1 {
		return float64(p.a-int(h.kinds())) / float64(p.a)
	}
	b, d := p.nodes.at(h.suffix), &p.d[k-1] // b is h'
	seen, taken := uint32(0), 0.0           // counts after h' of what was seen after h, and their discounts
	for g := h.first; g != 0; g = p.entry(k, g).sibling {
		s := p.gram(k, g)
		if s.count > 0 {
			count := p.nodes.at(s.suffix).count
			seen += count
			taken += d.of(count)
		}
	}
	z := p.z(k-1, h.suffix)
	return (float64(b.total-seen) + (z - float64(b.total)) + taken) / z
}

// Describe names the discounts of each order, D1_5 being D of 5-grams counted
// once, and counts the n-grams.
func (p *backoff) Describe() map[string]float64 {
	p.settle()
	out := p.ngrams.Describe()
	for k := 1; k <= p.n; k++ {
		for j := 1; j <= 5; j++ {
			out["D"+strconv.Itoa(j)+"_"+strconv.Itoa(k)] = p.d[k][j]
		}
	}
	return out
}

// Bytes counts n-grams and the weights laid up.
func (p *backoff) Bytes() int64 { return p.ngrams.Bytes() + 8*int64(cap(p.zs)+cap(p.alphas)) }

// ReadFrom replaces the n-grams; the model is as at the end of training.
func (p *backoff) ReadFrom(r io.Reader) (int64, error) {
	n, err := p.ngrams.ReadFrom(r)
	if *p.laidWeights = (laidWeights{}); err == nil && !p.bare {
		p.lay()
	}
	return n, err
}
