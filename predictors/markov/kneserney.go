// Package markov holds predictors that see the last few symbols.
package markov

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"horizon/predictors"
	"horizon/predictors/internal/hugepages"
)

// Interpolated modified Kneser-Ney of order n (Chen & Goodman 1999, section 3;
// equations numbered as in their report TR-10-98 of 1998; Kneser & Ney 1995 for
// the counts of the lower orders). With h the last k−1 symbols and h' those without the oldest,
//
//	p(x; h) = (a(hx) − D(a(hx)))/a(h·) + γ(h) p(x; h')
//	γ(h)    = (D₁ N₁(h) + D₂ N₂(h) + D₃ N₃₊(h)) / a(h·)
//	p(x; no symbol at all) = 1/A
//
// where a(h·) = Σ_x a(hx), N_j(h) is the number of symbols x with a(hx) = j,
// and for a context never seen (a(h·) = 0) p(x; h) = p(x; h'). Counts a(g) are
// raw for n-grams of the full length n, and for shorter ones the number of
// different symbols that precede g: what matters for backing off to g is how
// many contexts it completes, not how often. A document begins with a mark
// <s>, which is a context and never predicted; an n-gram that begins with it
// has nothing before it and keeps its raw count (as in KenLM, Heafield et al.
// 2013, section 3.1). The discounts of each order are estimated from the
// number n_j of its n-grams counted j times:
//
//	Y = n₁/(n₁+2n₂),  D_j = j − (j+1) Y n_{j+1}/n_j   (eq. 26)
//
// Departures. There is no end mark: a document's end is not predicted. Where
// n₁, n₂ or n₃ is 0 or a D_j falls outside (0, j], the three discounts of that
// order are ½, 1, 1½ (lmplz --discount_fallback; D_j > 0 also keeps every
// probability positive). The counts are kept up symbol by symbol: an n-gram
// that is new gives the one without its oldest symbol one more predecessor,
// and so on down while they are new. So learning the documents in turn equals
// counting them in one go, and one may go on learning while predicting.
//
// The counts are kept as ngram.go says. Learn and Prob are O(n) a symbol at
// worst, Predict O(A + children of the n contexts).

// A KneserNeyConfig configures the kind "kneser-ney".
type KneserNeyConfig struct {
	// Order is the length of the longest n-gram, 1 to 64: the context is
	// Order − 1 symbols.
	Order int `toml:"order"`
	// Discounts is "modified" for D₁, D₂, D₃₊ of Chen & Goodman, or "single"
	// for Kneser & Ney's one D = n₁/(n₁+2n₂) for every count (¾ where n₁ = 0).
	Discounts string `toml:"discounts"`
}

// DefaultKneserNey is of order 8, which the validation part of Opticks
// prefers among 3 to 8 (see the tests; from 7 on they differ by less than
// 0.01 bit).
func DefaultKneserNey() predictors.Config {
	return &KneserNeyConfig{Order: 8, Discounts: "modified"}
}

// TinyKneserNey is of order 3.
func TinyKneserNey() predictors.Config {
	return &KneserNeyConfig{Order: 3, Discounts: "modified"}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *KneserNeyConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := checkOrder("kneser-ney", c.Order, env.Alphabet); err != nil {
		return nil, err
	}
	if err := checkDiscounts("kneser-ney", c.Discounts); err != nil {
		return nil, err
	}
	rule := modifiedDiscounts
	if c.Discounts == "single" {
		rule = singleDiscount
	}
	return newKneserNey(&ngrams{a: env.Alphabet, n: c.Order, rule: rule}), nil
}

func newKneserNey(m *ngrams) *kneserNey { return &kneserNey{newWalk(m), &laid{}} }

func checkDiscounts(kind, name string) error {
	if name != "modified" && name != "single" {
		return fmt.Errorf("%s: discounts = %q, want \"modified\" or \"single\"", kind, name)
	}
	return nil
}

// modifiedDiscounts are those of eq. 26.
func modifiedDiscounts(n *tally) discounts {
	y := float64(n[1]) / float64(n[1]+2*n[2])
	var d [4]float64
	for j := 1; j <= 3; j++ {
		d[j] = float64(j) - float64(j+1)*y*float64(n[j+1])/float64(n[j])
		if n[j] == 0 || !(d[j] > 0 && d[j] <= float64(j)) {
			d = [4]float64{0, 0.5, 1, 1.5}
			break
		}
	}
	return discounts{0, d[1], d[2], d[3], d[3], d[3], d[3]}
}

// singleDiscount is n₁/(n₁+2n₂) for every count.
func singleDiscount(n *tally) discounts {
	d := 0.75
	if n[1] > 0 {
		d = float64(n[1]) / float64(n[1]+2*n[2])
	}
	return discounts{0, d, d, d, d, d, d}
}

type kneserNey struct {
	walk
	*laid
}

// Laid are the values of p(x; h) for every string hx of the trie, the empty
// one standing for no symbol at all. They are laid up when training ends, so
// that Prob looks one up instead of adding up the orders (as an ARPA file
// has it), and dropped by the next Learn. They take 8 bytes an n-gram.
type laid struct{ up, upLong []float64 } // of up to n−1 symbols, and of n

func (p *kneserNey) Fork() predictors.Predictor { return &kneserNey{p.fork(), p.laid} }

func (p *kneserNey) Learn(x predictors.Symbol) {
	*p.laid = laid{}
	p.walk.Learn(x)
}

// Tune has nothing to choose: it is the end of training.
func (p *kneserNey) Tune(ctx context.Context, _ predictors.Data, _ func(predictors.Progress)) error {
	*p.laid = laid{}
	p.cut(p)
	p.lay()
	return ctx.Err()
}

func (p *kneserNey) interpolates() bool { return true }

func (p *kneserNey) own(k int, c, count uint32) float64 {
	return share(1, count, &p.d[k], p.nodes.at(c).total)
}

func (p *kneserNey) back(k int, c uint32) float64 { return p.gamma(c, &p.d[k]) }

// lay goes from the shortest strings to the longest.
func (p *kneserNey) lay() {
	p.settle()
	if !p.layable(8 * int64(p.short.size()+p.long.size())) {
		return
	}
	length := p.lengths()
	p.up, p.upLong = hugepages.Advise(make([]float64, len(length))), hugepages.Advise(make([]float64, p.long.size()))
	p.up[0] = 1 / float64(p.a)
	for k := 1; k < p.n; k++ {
		for g, l := range length {
			if int(l) == k {
				p.up[g] = p.interpolate(k, uint32(g))
			}
		}
	}
	for g := range p.upLong[1:] {
		p.upLong[g+1] = p.interpolate(p.n, uint32(g+1))
	}
}

// interpolate is p(x; h) for string g = hx of k symbols, that of h'x known.
func (p *kneserNey) interpolate(k int, g uint32) float64 {
	s, d, c := p.gram(k, g), &p.d[k], p.entry(k, g).parent
	h := p.nodes.at(c)
	lower := p.up[s.suffix]
	switch {
	case h.total == 0:
		return lower
	case s.count == 0:
		return p.gamma(c, d) * lower
	}
	return share(1, s.count, d, h.total) + float64(p.gamma(c, d)*lower)
}

// Predict adds up the orders from the longest down, as Prob does: the weight
// of an order is the product of the γ of those above it.
func (p *kneserNey) Predict(probs []float64) {
	p.settle()
	clear(probs)
	weight, c := 1.0, p.node
	for k := p.length + 1; k >= 1; k-- {
		h, d := p.nodes.at(c), &p.d[k]
		if h.total > 0 {
			for g := h.first; g != 0; {
				s, e := p.gram(k, g), p.entry(k, g)
				if s.count > 0 {
					probs[e.symbol] += share(weight, s.count, d, h.total)
				}
				g = e.sibling
			}
			weight = float64(weight * p.gamma(c, d))
		}
		c = h.suffix
	}
	uniform := weight / float64(p.a)
	for x := range probs {
		probs[x] += uniform
	}
}

// Prob finds the longest n-gram that ends in the symbol; from there on links
// lead to the shorter ones, if its value is not laid up.
func (p *kneserNey) Prob(x predictors.Symbol) float64 {
	p.settle()
	prob, weight, c := 0.0, 1.0, p.node
	g, longest := p.find(x)
	for k := p.length + 1; k >= 1; k-- {
		if k == longest && p.up != nil {
			break
		}
		h, d := p.nodes.at(c), &p.d[k]
		count := uint32(0)
		if k <= longest {
			s := p.gram(k, g)
			count, g = s.count, s.suffix
		}
		if h.total > 0 {
			if count > 0 {
				prob += share(weight, count, d, h.total)
			}
			weight = float64(weight * p.gamma(c, d))
		}
		c = h.suffix
	}
	switch {
	case p.up == nil:
		return prob + weight/float64(p.a)
	case longest == p.n:
		return p.upLong[g]
	}
	return weight * p.up[g]
}

// share is weight·(a(hx) − D(a(hx)))/a(h·). The conversions keep compilers
// from fusing the product into a sum, so that Prob and Predict agree to the
// bit on every machine.
func share(weight float64, count uint32, d *discounts, total uint32) float64 {
	return float64(weight * ((float64(count) - d.of(count)) / float64(total)))
}

// gamma is γ(h), the mass that discounting sets free, and with it what was cut.
func (m *ngrams) gamma(c uint32, d *discounts) float64 {
	f := &m.nodes.at(c).fan
	free := float64(d[1]*float64(f.once)) + float64(d[2]*float64(f.twice)) + float64(d[3]*float64(f.more))
	return (free + float64(m.missing(c))) / float64(f.total)
}

// Describe names the discounts of each order, D1_5 being D₁ of 5-grams, and
// counts the n-grams.
func (p *kneserNey) Describe() map[string]float64 {
	p.settle()
	out := p.ngrams.Describe()
	for k := 1; k <= p.n; k++ {
		for j := 1; j <= 3; j++ {
			out["D"+strconv.Itoa(j)+"_"+strconv.Itoa(k)] = p.d[k][j]
		}
	}
	return out
}

// Bytes counts n-grams and the values laid up.
func (p *kneserNey) Bytes() int64 {
	return p.ngrams.Bytes() + 8*int64(cap(p.up)+cap(p.upLong))
}

// ReadFrom replaces the n-grams; the model is as at the end of training.
func (p *kneserNey) ReadFrom(r io.Reader) (int64, error) {
	n, err := p.ngrams.ReadFrom(r)
	if *p.laid = (laid{}); err == nil && !p.bare {
		p.lay()
	}
	return n, err
}
