package lempelziv

import (
	"math/bits"
)

// A rule is how the estimates of the matching nodes are blended (formulas in
// blend.go).
type rule uint8

const (
	ruleLongest rule = iota
	ruleWittenBell
	ruleDiscount
	ruleMix
)

var ruleNames = []string{"longest", "witten-bell", "discount", "mix"}

// discount holds the parameters of one depth: what is taken from counts of 1,
// 2 and more, and the strength of the next shorter context.
type discount struct{ d [4]float64 } // d[0] is the strength θ, d[k] = D_k

// by is D(n).
func (d *discount) by(n uint32) float64 { return d.d[min(n, 3)] }

// free is Σ D over a family.
func (d *discount) free(f *fan) float64 {
	return float64(d.d[1]*float64(f.once)) + float64(d.d[2]*float64(f.twice)) + float64(d.d[3]*float64(f.more))
}

// A blending is the parameters that blend one tree.
type blending struct {
	rule  rule
	a     int
	gamma float64    // of ruleLongest
	by    []discount // by depth
	odds  []float64  // of ruleMix: e^b, by which an escape's odds are multiplied, by class
}

func newBlending(r rule, a, depth int, gamma float64) *blending {
	b := &blending{rule: r, a: a, gamma: gamma, by: make([]discount, depth)}
	for j := range b.by {
		b.by[j].d = [4]float64{0.05, 0.6, 1.0, 1.3}
	}
	if r == ruleMix {
		b.odds = make([]float64, classes)
		for i := range b.odds {
			b.odds[i] = 1
		}
	}
	return b
}

// weigh returns what the node of depth j gives: symbol x of count n gets
// scale·(n − D(n)), and the shorter contexts escape, the share of children cut
// away among it.
func (b *blending) weigh(w *walk, j int, f *fan) (scale, escape float64) {
	scale, escape = b.divide(w, j, f)
	if f.cut > 0 {
		escape += scale * float64(f.cut) * (1 - b.taken(j, 1))
	}
	return scale, escape
}

// divide is weigh with the share of children cut away still theirs.
func (b *blending) divide(w *walk, j int, f *fan) (scale, escape float64) {
	total := float64(f.total)
	switch b.rule {
	case ruleLongest:
		s := total + b.gamma*float64(b.a)
		return 1 / s, b.gamma * float64(b.a) / s
	case ruleWittenBell:
		kinds := float64(f.kinds())
		return 1 / (total + kinds), kinds / (total + kinds)
	}
	d := &b.by[j]
	free := d.free(f)
	escape = (free + d.d[0]) / (total + d.d[0])
	if b.rule == ruleMix {
		var at [features]int
		classify(w, j, f, &at)
		escape = b.biased(escape, &at)
	}
	return (1 - escape) / (total - free), escape
}

// biased is the escape that the classes make of a plain one: logit ε' = logit ε
// + Σ b, without logarithms.
func (b *blending) biased(escape float64, at *[features]int) float64 {
	odds := escape / (1 - escape)
	for _, i := range at {
		odds *= b.odds[i]
	}
	return odds / (1 + odds)
}

// taken is D(n) of the rule.
func (b *blending) taken(j int, n uint32) float64 {
	if b.rule < ruleDiscount {
		return 0
	}
	return b.by[j].by(n)
}

// The classes of ruleMix: each of four tables says something else about a
// node, its entry being added to the logit of its escape.
const (
	features  = 4
	depths    = 16 // depths told apart
	sizes     = 12 // of log₂ total
	varieties = 6  // of how many different symbols came
	gaps      = 4  // of how far the node is below the longest
	pasts     = 16 // of how the last two symbols were found
	symbols8  = 256

	classesA = depths * sizes * varieties
	classesB = gaps * 2 * sizes * 4
	classesC = pasts * gaps * varieties
	classes  = classesA + classesB + classesC + symbols8*gaps*2
)

func classify(w *walk, j int, f *fan, at *[features]int) {
	size := min(bits.Len64(f.total), sizes-1)
	variety := varietyOf(f.kinds())
	gap := min(w.top-j, gaps-1)
	sure := 0
	if f.kinds() == 1 {
		sure = 1
	}
	last := 0
	if w.last > 0 {
		last = int(w.last-1) % symbols8
	}
	singles := 0
	if f.kinds() > 0 {
		singles = int(min(3, 4*f.once/f.kinds()))
	}
	at[0] = (min(j, depths-1)*sizes+size)*varieties + variety
	at[1] = classesA + ((gap*2+sure)*sizes+size)*4 + singles
	at[2] = classesA + classesB + (int(w.past)*gaps+gap)*varieties + variety
	at[3] = classesA + classesB + classesC + (last*gaps+gap)*2 + sure
}

func varietyOf(kinds uint32) int {
	switch {
	case kinds <= 3:
		return int(max(kinds, 1)) - 1
	case kinds <= 6:
		return 3
	case kinds <= 14:
		return 4
	}
	return 5
}

// A say is what one suffix of the past says: child x of count n has share
// scale·(n − D(n)) of the prediction.
type say struct {
	j     int // its length
	scale float64
	share float64 // of all its children together
	total uint64  // N
}

// blend has the suffixes say what they have to, the longest first, and returns
// what is left for the uniform law; share is the whole.
func (b *blending) blend(w *walk, share float64, f func(s say)) (rest float64) {
	for j := w.top; j >= 0; j-- {
		if w.at[j].node == 0 && j > 0 {
			continue
		}
		fan := w.fanOf(w.at[j])
		if fan.total == 0 {
			continue
		}
		scale, escape := b.weigh(w, j, &fan)
		f(say{j, share * scale, share * (1 - escape), fan.total})
		share *= escape
		if b.rule == ruleLongest {
			break
		}
	}
	return share
}

// prob is P(x).
func (b *blending) prob(w *walk, x uint32) float64 {
	w.lookUp(x)
	p := 0.0
	rest := b.blend(w, 1, func(s say) {
		if c := w.children[s.j]; c != 0 {
			n := w.count(c)
			p += float64(s.scale * (float64(n) - b.taken(s.j, n)))
		}
	})
	return p + rest/float64(b.a)
}

// predict adds P(x)·share to every p[x].
func (b *blending) predict(w *walk, p []float64, share float64) {
	rest := b.blend(w, share, func(s say) { b.spread(w, s.j, s.scale, p) })
	for x := range p {
		p[x] += rest / float64(b.a)
	}
}

// spread adds scale·(n − D(n)) for the children at depth j.
func (b *blending) spread(w *walk, j int, scale float64, p []float64) {
	at := w.at[j]
	if w.over != nil {
		w.each(at, func(x, n uint32) { p[x] += float64(scale * (float64(n) - b.taken(j, n))) })
		return
	}
	for c := at.lo; c < at.hi; c++ {
		n := w.trie.counts.at(c)
		p[w.symbol(c)] += float64(scale * (float64(n) - b.taken(j, n)))
	}
}

// evidence is the longest suffix that has a say, and Σ w and Σ w² over the
// positions that the counts stand for: those that match j symbols and no more
// have the weights of the suffixes up to j.
func (b *blending) evidence(w *walk) (match, sum, squares float64) {
	says := make([]say, 0, len(w.at))
	sum = 1 - b.blend(w, 1, func(s say) { says = append(says, s) })
	each := 0.0 // weight of a position that the longest suffix matches
	for i := range says {
		match = max(match, float64(says[i].j))
		each += says[i].share / float64(says[i].total)
	}
	inside := 0.0
	for _, s := range says {
		n := float64(s.total)
		squares += max(0, n-inside) * each * each
		inside, each = max(inside, n), each-s.share/n
	}
	return match, sum, squares
}

func (b *blending) bytes() int64 { return 32*int64(cap(b.by)) + 8*int64(cap(b.odds)) }
