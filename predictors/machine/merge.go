package machine

import (
	"context"
	"fmt"
	"math"

	"horizon/predictors"
)

// Merging the states of mind of any predictor (programme, claim D3). At n
// positions of a text it has the law of its next k symbols, and those of the
// k symbols after each next one that it thinks possible. Laws that agree are
// of one class:
//
//	JS(P, Q) = H((P+Q)/2) − (H(P) + H(Q))/2 < δ          Jensen-Shannon, bits
//
// (Lin 1991). Classes are split until they are deterministic (determinise.go),
// as in CSSR: all positions of a state lead, on each symbol, to one state. Of
// those the ones that are visited for ever remain, and of them those that no
// future tells apart are merged. The law of a state is the mean of the
// predictor's at its positions; no symbol of the text is counted.
//
// A position's successor in the text is known in full, and tells which of its
// class's states it is; that of another symbol is known by its class only, as
// is a successor whose shorter past, where only some is shown, has made it one
// of another class.
// What fewer than `tolerance` of a state's positions say, counts as noise.
//
// Classes come by assigning each law to the nearest centre that is within δ,
// or making it one, in the order of the text; then twice to the nearest centre
// of all, which are the means of what they were assigned; and joining centres
// within δ. Laws and their children take n·A^{k+1} predictions, classes
// n·classes·A^k operations.

// Options of merging.
type Options struct {
	Horizon   int     // k ≥ 1
	Delta     float64 // δ, bits
	Length    int     // of the past that is shown; 0 for all of the document
	Points    int     // n, positions
	Tolerance float64 // share of a state's positions that may disagree
}

// DefaultOptions tell apart laws that differ by what 50 symbols would show.
func DefaultOptions() Options {
	return Options{Horizon: 2, Delta: 0.02, Points: 2000, Tolerance: 0.02}
}

// Check refuses what cannot be done over an alphabet of size a.
func (o Options) Check(a int) error {
	switch {
	case o.Horizon < 1:
		return fmt.Errorf("horizon = %d, want >= 1", o.Horizon)
	case a > 0 && o.Horizon > 1 && math.Pow(float64(a), float64(o.Horizon)) > maxFutures:
		return fmt.Errorf("horizon = %d of %d symbols makes %.3g futures, want at most %d", o.Horizon, a, math.Pow(float64(a), float64(o.Horizon)), maxFutures)
	case !(o.Delta > 0 && o.Delta < 1):
		return fmt.Errorf("delta = %v, want above 0 and below 1 bit", o.Delta)
	case o.Length < 0:
		return fmt.Errorf("length = %d, want >= 1, or 0 for all of the past", o.Length)
	case o.Points < 2:
		return fmt.Errorf("points = %d, want >= 2", o.Points)
	case !(o.Tolerance >= 0 && o.Tolerance < 0.5):
		return fmt.Errorf("tolerance = %v, want 0 to below 0.5", o.Tolerance)
	}
	return nil
}

// possible is the probability from which a next symbol, or a piece of a
// future, is followed; what is less likely counts as uniform from there.
const possible = 1e-3

// maxNumbers bounds the probabilities held: half a gigabyte.
const maxNumbers = 1 << 26

// A merging holds positions with their laws.
type merging struct {
	Options
	a         int
	values    int // A^k
	positions []position
	laws      [][]float64 // over futures: of positions, then of their children
	weight    []float64
	q         [][]float64 // scratch by depth
}

type position struct {
	next  []float64 // law of the next symbol
	child []int32   // number of the law after each symbol; −1 if not followed
	came  int       // the symbol that came; −1 if the successor is not among the positions
}

// Merge makes a machine of what a predictor tells apart at the first positions
// of docs. used is how many symbols of them it looked at. p is not moved.
func Merge(ctx context.Context, p predictors.Predictor, docs [][]predictors.Symbol, o Options, tick func(done, total int)) (m *Machine, used int, err error) {
	a := p.Alphabet()
	if err := o.Check(a); err != nil {
		return nil, 0, err
	}
	g := &merging{Options: o, a: a, values: 1}
	for range o.Horizon {
		g.values *= a
	}
	for range o.Horizon + 1 {
		g.q = append(g.q, make([]float64, a))
	}
	for _, doc := range docs {
		for t := range len(doc) {
			if len(g.positions) == o.Points {
				break
			}
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
			if len(g.laws)*g.values > maxNumbers {
				return nil, 0, fmt.Errorf("points = %d with futures of %d values take more than half a gigabyte: lower either", o.Points, g.values)
			}
			if t == 0 {
				p = p.Fork()
				p.Reset()
			}
			g.see(g.standing(p, doc[:t]))
			if last := &g.positions[len(g.positions)-1]; t+1 < len(doc) && len(g.positions) < o.Points {
				last.came = int(doc[t])
			}
			p.Observe(doc[t])
			used++
			if tick != nil {
				tick(used, o.Points)
			}
		}
	}
	m, err = g.machine()
	return m, used, err
}

// standing is a predictor with as much of the past as it is to be shown.
func (g *merging) standing(p predictors.Predictor, past []predictors.Symbol) predictors.Predictor {
	if g.Length == 0 {
		return p
	}
	f := p.Fork()
	f.Reset()
	for _, x := range past[max(0, len(past)-g.Length):] {
		f.Observe(x)
	}
	return f
}

// see adds a position. With children at hand, its own law of k symbols is the
// first k of k + 1.
func (g *merging) see(p predictors.Predictor) {
	q := make([]float64, g.a)
	p.Predict(q)
	pos := position{next: q, child: make([]int32, g.a), came: -1}
	own := make([]float64, g.values)
	rest := g.values / g.a
	for x, v := range q {
		pos.child[x] = -1
		piece := own[x*rest : (x+1)*rest]
		if v < possible {
			for i := range piece {
				piece[i] = v / float64(rest)
			}
			continue
		}
		c := p.Fork()
		c.Observe(predictors.Symbol(x))
		law := make([]float64, g.values)
		g.future(c, law, 1)
		pos.child[x] = int32(len(g.laws))
		g.laws, g.weight = append(g.laws, law), append(g.weight, v)
		for i, w := range law {
			piece[i/g.a] += v * w
		}
	}
	if g.Horizon == 1 {
		copy(own, q)
	}
	// A position's own law stands after its children's.
	g.laws, g.weight = append(g.laws, own), append(g.weight, 1)
	g.positions = append(g.positions, pos)
}

// future adds to law the law of as many symbols as its length says, times mass.
func (g *merging) future(p predictors.Predictor, law []float64, mass float64) {
	if mass < possible {
		for i := range law {
			law[i] += mass / float64(len(law))
		}
		return
	}
	rest := len(law) / g.a
	depth := 0
	for n := rest; n > 1; n /= g.a {
		depth++
	}
	q := g.q[depth]
	p.Predict(q)
	for x, v := range q {
		if rest == 1 {
			law[x] += mass * v
			continue
		}
		c := p.Fork()
		c.Observe(predictors.Symbol(x))
		g.future(c, law[x*rest:(x+1)*rest], mass*v)
	}
}

// machine merges.
func (g *merging) machine() (*Machine, error) {
	class, classes := group(g.laws, g.weight, g.Delta)
	own := make([]int32, len(g.positions)) // class of each position
	at := 0
	for t, p := range g.positions {
		for _, c := range p.child {
			if c >= 0 {
				at++
			}
		}
		own[t] = class[at]
		at++
	}
	var votes []vote
	for t, p := range g.positions {
		for x, c := range p.child {
			switch {
			case c >= 0 && (x != p.came || own[t+1] != class[c]):
				votes = append(votes, vote{int32(t), uint16(x), class[c], -1, p.next[x]})
			case x == p.came:
				votes = append(votes, vote{int32(t), uint16(x), own[t+1], int32(t + 1), p.next[x]})
			}
		}
	}
	s := newSplitter(g.a, own, classes, votes)
	s.tolerance = g.Tolerance
	s.run()
	next, weight := s.transitions()
	counts := make([]float64, len(next))
	for q, items := range s.states {
		for _, t := range items {
			for x, v := range g.positions[t].next {
				counts[q*g.a+x] += v
			}
		}
	}
	m, err := recurrent(g.a, next, counts, weight)
	if err != nil {
		return nil, err
	}
	return m.Minimise(func(s, t int) bool { return jensenShannon(m.row(int32(s)), m.row(int32(t))) < g.Delta })
}

// jensenShannon is the divergence of two laws, in bits.
func jensenShannon(p, q []float64) (bits float64) {
	for i, v := range p {
		w := q[i]
		m := (v + w) / 2
		if v > 0 {
			bits += v / 2 * math.Log2(v/m)
		}
		if w > 0 {
			bits += w / 2 * math.Log2(w/m)
		}
	}
	return max(0, bits)
}

// within is jensenShannon below a bound, or infinite. Pinsker's inequality
// spares the logarithms of laws far apart: JS ≥ V²/(2 ln 2), V the total
// variation.
func within(p, q []float64, bound float64) float64 {
	v := 0.0
	for i := range p {
		v += math.Abs(p[i] - q[i])
	}
	if v*v/4/(2*math.Ln2) >= bound {
		return math.Inf(1)
	}
	return jensenShannon(p, q)
}

// A centre is the mean of laws.
type centre struct {
	sum, law []float64
	w        float64
}

func (c *centre) add(law []float64, w float64) {
	c.w += w
	for i, v := range law {
		c.sum[i] += w * v
		c.law[i] = c.sum[i] / c.w
	}
}

// group puts laws into classes.
func group(laws [][]float64, weight []float64, delta float64) (class []int32, classes int) {
	class = make([]int32, len(laws))
	var centres []*centre
	near := func(law []float64, bound float64) int32 {
		best := int32(-1)
		for i, c := range centres {
			if d := within(law, c.law, bound); d < bound {
				best, bound = int32(i), d
			}
		}
		return best
	}
	fresh := func(n int) *centre { return &centre{sum: make([]float64, n), law: make([]float64, n)} }
	for i, law := range laws {
		c := near(law, delta)
		if c < 0 {
			c = int32(len(centres))
			centres = append(centres, fresh(len(law)))
		}
		centres[c].add(law, weight[i])
	}
	for range 2 {
		centres = joined(centres, delta)
		moved := make([]*centre, len(centres))
		for i, law := range laws {
			class[i] = near(law, math.Inf(1))
			if moved[class[i]] == nil {
				moved[class[i]] = fresh(len(law))
			}
			moved[class[i]].add(law, weight[i])
		}
		number := make([]int32, len(moved))
		centres = centres[:0:0]
		for i, c := range moved {
			if c != nil {
				number[i] = int32(len(centres))
				centres = append(centres, c)
			}
		}
		for i := range class {
			class[i] = number[class[i]]
		}
	}
	return class, len(centres)
}

// joined joins centres within delta, the nearest first, until there are none.
func joined(centres []*centre, delta float64) []*centre {
	for {
		best, from, to := delta, -1, -1
		for i, c := range centres {
			for j := range i {
				if d := within(c.law, centres[j].law, best); d < best {
					best, from, to = d, i, j
				}
			}
		}
		if from < 0 {
			return centres
		}
		centres[to].w += centres[from].w
		for k := range centres[to].sum {
			centres[to].sum[k] += centres[from].sum[k]
			centres[to].law[k] = centres[to].sum[k] / centres[to].w
		}
		centres = append(centres[:from], centres[from+1:]...)
	}
}
