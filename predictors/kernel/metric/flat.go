package metric

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"horizon/predictors/kernel/corpus/agree"
)

// Of "flat" all that counts is at how many lags a context agrees: with N_k(y) of
// the contexts before y agreeing at k of the lags,
//
//	Σ_i K(c_i, c) 1[x_{i+1} = y] = Σ_k N_k(y) e^{βk}
//
// Few contexts agree at two lags or more. Package agree finds them, in the order
// of the text, at some 12 contexts a nanosecond, and the others follow from
// Σ_k k N_k(y), which is how often y came after each of the query's symbols at its
// lag, and from Σ_k N_k(y), how often it came. So all contexts are looked at, and
// 10⁶ of them take 0.3 ms.

// agreements are the contexts as bytes in the order of the text.
type agreements struct {
	m, a  int
	n     int       // contexts, those that cross documents among them, rounded up to a block
	text  []byte    // documents, each behind m missing symbols; n+m of them
	after []float64 // [M,A,A] how often y came after x at lag l
	often []float64 // [A] how often it came
}

// missing is the byte of what is before or between documents.
const missing = 255

// maxFlat is the largest alphabet of bytes beside missing.
const maxFlat = 255

func newAgreements(text []byte, m, a int) *agreements {
	g := &agreements{m: m, a: a, after: make([]float64, m*a*a), often: make([]float64, a)}
	g.n = (max(0, len(text)-m) + agree.Block - 1) / agree.Block * agree.Block
	g.text = slices.Grow(slices.Clip(text), g.n+m-len(text))
	for len(g.text) < g.n+m {
		g.text = append(g.text, missing)
	}
	for i := m; i < len(g.text); i++ {
		y := g.text[i]
		if y == missing {
			continue
		}
		g.often[y]++
		for l := range m {
			if x := g.text[i-1-l]; x != missing {
				g.after[(l*a+int(x))*a+int(y)]++
			}
		}
	}
	return g
}

// A tally is the scratch of one prediction.
type tally struct {
	query agree.Query
	near  []uint64
	cost  []byte
	n     []float64 // [M+1,A] N_k(y)
}

// smooth sets q, which holds q0, to the estimate in the context c, for the
// weight of a lag β and the score s0 of q0, with a few more contexts.
func (g *agreements) smooth(w *tally, q []float64, c []symbol, more *contexts, beta, s0 float64) mixed {
	g.count(w, c)
	for i, y := range more.next {
		w.n[more.agreeing(i, c, g.a)*g.a+int(y)]++
	}
	most := 0
	for k := range g.m + 1 {
		if slices.Max(w.n[k*g.a:(k+1)*g.a]) > 0 {
			most = k
		}
	}
	top := max(s0, beta*float64(most))
	none, total, squares := math.Exp(s0-top), 0.0, 0.0
	for y := range q {
		q[y] *= none
	}
	for k := range most + 1 {
		weight := math.Exp(beta*float64(k) - top)
		for y, n := range w.n[k*g.a : (k+1)*g.a] {
			q[y] += weight * n
			total += weight * n
			squares += weight * weight * n
		}
	}
	return normalize(q, none, total, squares)
}

// chunk is how many contexts are compared at a time.
const chunk = 4096

// count sets w.n.
func (g *agreements) count(w *tally, c []symbol) {
	known := slices.Index(c, symbol(g.a))
	if known < 0 {
		known = len(c)
	}
	w.query.Symbols, w.query.Costs = w.query.Symbols[:0], w.query.Costs[:0]
	for _, x := range c[:known] {
		w.query.Symbols, w.query.Costs = append(w.query.Symbols, byte(x)), append(w.query.Costs, 1)
	}
	w.query.Base = byte(g.m - known)
	w.query.Widen()
	w.n = slices.Grow(w.n[:0], (g.m+1)*g.a)[:(g.m+1)*g.a]
	clear(w.n)
	if w.cost == nil {
		w.cost, w.near = make([]byte, chunk), make([]uint64, chunk/64)
	}
	for low := 0; low < g.n; low += chunk {
		n := min(chunk, g.n-low)
		near, cost := w.near[:n/64], w.cost[:n]
		agree.Scan(near, cost, g.text[low:low+n+g.m-1], g.m, &w.query, byte(g.m-2))
		next := g.text[low+g.m:]
		for i, word := range near {
			for ; word != 0; word &= word - 1 {
				at := i*64 + bits.TrailingZeros64(word)
				if y := next[at]; y != missing {
					w.n[(g.m-int(cost[at]))*g.a+int(y)]++
				}
			}
		}
	}
	g.rest(w.n, c[:known])
}

// rest adds those that agree at one lag or none.
func (g *agreements) rest(n []float64, c []symbol) {
	for y := range g.a {
		contexts, lags := 0.0, 0.0
		for k := 2; k <= g.m; k++ {
			contexts += n[k*g.a+y]
			lags += float64(k) * n[k*g.a+y]
		}
		all := 0.0
		for l, x := range c {
			all += g.after[(l*g.a+int(x))*g.a+y]
		}
		n[g.a+y] = all - lags
		n[y] = g.often[y] - contexts - n[g.a+y]
	}
}

func (g *agreements) bytes() int64 {
	if g == nil {
		return 0
	}
	return int64(cap(g.text)) + 8*int64(cap(g.after)+cap(g.often))
}

// validText checks a text that has been read, of n contexts.
func validText(text []byte, n, m, a int) error {
	for i, x := range text {
		if int(x) >= a && x != missing {
			return fmt.Errorf("text: symbol = %d, want < %d", x, a)
		}
		if i >= m && x != missing {
			n--
		}
	}
	if n != 0 {
		return fmt.Errorf("text: %d contexts fewer than in order", n)
	}
	return nil
}
