package lempelziv

import (
	"cmp"
	"context"
	"math"
	"slices"

	"horizon/predictors"
)

// Classes of symbols, by exchange (Kneser & Ney 1993; Martin, Liermann & Ney
// 1998; the one-sided form of Brown et al. 1992, where the context is classed
// and the symbol is not). With u the last e symbols, seen exactly, and s the
// one before them, seen as its class c(s), they maximise the likelihood of
// predicting each symbol x of the training part from (c(s), u), that is
//
//	Σ_{c,u,x} N(c,u,x) ln N(c,u,x) − Σ_{c,u} N(c,u) ln N(c,u)
//
// or the information I(c(s); x | u): for e = 0, of Brown et al.'s bigrams.
// It begins with the K−1 most frequent symbols each by itself and the others
// together; then each symbol in turn, most frequent first, goes to the class
// where it gains most, until none moves. Of e symbols at most two count.
//
// Ties go to the lower class, so the outcome is one. Symbols not seen join the
// least frequent. A round is O(K · different (s,u,x)).

const (
	quantSweeps = 20
	quantSample = 1 << 22 // positions: the last ones of the training part
	quantCells  = 1 << 25 // K · different (u,x)
)

// quantClasses returns each symbol's class, below k, or nil if k classes keep
// all the symbols apart that are seen; and the operations of the search.
func quantClasses(ctx context.Context, docs [][]predictors.Symbol, a, k, exact int) (class []predictors.Symbol, ops float64, err error) {
	for e := min(exact, 2); ; e-- {
		x := newExchange(docs, a, k, e)
		if len(x.order) <= k {
			return nil, 0, ctx.Err()
		}
		if e == 0 || k*len(x.past) <= quantCells {
			class, err = x.run(ctx)
			return class, x.ops, err
		}
	}
}

// An exchange is the state of the search. A feature is a pair (u, x).
type exchange struct {
	a, k    int
	rows    [][]quantCell // by symbol s
	past    []int32       // by feature, its u
	pasts   int
	order   []predictors.Symbol // those seen, most frequent first
	class   []predictors.Symbol
	byClass [][]int32 // N(c,u,x)
	byPast  [][]int32 // N(c,u)
	logs    []float64 // n ln n for small n
	ops     float64
}

// A quantCell counts a feature.
type quantCell struct{ feature, count int32 }

func newExchange(docs [][]predictors.Symbol, a, k, e int) *exchange {
	x := &exchange{a: a, k: k, rows: make([][]quantCell, a)}
	keys := quantPatterns(docs, e)
	x.features(keys)
	total := make([]int, a)
	for s, row := range x.rows {
		for _, c := range row {
			total[s] += int(c.count)
		}
		if total[s] > 0 {
			x.order = append(x.order, predictors.Symbol(s))
		}
	}
	slices.SortStableFunc(x.order, func(s, t predictors.Symbol) int { return cmp.Compare(total[t], total[s]) })
	x.logs = make([]float64, 1<<12)
	for n := 2; n < len(x.logs); n++ {
		x.logs[n] = float64(n) * math.Log(float64(n))
	}
	return x
}

// quantPatterns lists (s, u, x) of each position as s<<48 | u<<16 | x, sorted.
func quantPatterns(docs [][]predictors.Symbol, e int) []uint64 {
	var keys []uint64
	for i := len(docs) - 1; i >= 0; i-- {
		doc := docs[i]
		for t := len(doc) - 1; t > e && len(keys) < quantSample; t-- {
			key := uint64(doc[t-e-1])<<48 | uint64(doc[t])
			for j := 1; j <= e; j++ {
				key |= uint64(doc[t-j]) << (16 * j)
			}
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// features numbers the different (u, x) and u, and fills the rows.
func (x *exchange) features(keys []uint64) {
	const mask = 1<<48 - 1
	ux := make([]uint64, len(keys))
	for i, key := range keys {
		ux[i] = key & mask
	}
	slices.Sort(ux)
	ux = slices.Compact(ux)
	x.past = make([]int32, len(ux))
	for i, key := range ux {
		if i > 0 && key>>16 != ux[i-1]>>16 {
			x.pasts++
		}
		x.past[i] = int32(x.pasts)
	}
	x.pasts++
	for i := 0; i < len(keys); {
		n := i + 1
		for n < len(keys) && keys[n] == keys[i] {
			n++
		}
		f, _ := slices.BinarySearch(ux, keys[i]&mask)
		s := keys[i] >> 48
		x.rows[s] = append(x.rows[s], quantCell{int32(f), int32(n - i)})
		i = n
	}
}

func (x *exchange) run(ctx context.Context) ([]predictors.Symbol, error) {
	x.class = make([]predictors.Symbol, x.a)
	x.byClass, x.byPast = make([][]int32, x.k), make([][]int32, x.k)
	for c := range x.k {
		x.byClass[c], x.byPast[c] = make([]int32, len(x.past)), make([]int32, x.pasts)
	}
	for s := range x.class {
		x.class[s] = predictors.Symbol(x.k - 1)
	}
	for i, s := range x.order {
		x.class[s] = predictors.Symbol(min(i, x.k-1))
		x.move(s, int(x.class[s]), 1)
	}
	for range quantSweeps {
		moved, err := x.sweep(ctx)
		if !moved || err != nil {
			return x.settle(), err
		}
	}
	return x.settle(), ctx.Err()
}

// settle puts what was not seen beside the least frequent.
func (x *exchange) settle() []predictors.Symbol {
	rare := x.class[x.order[len(x.order)-1]]
	for s, row := range x.rows {
		if len(row) == 0 {
			x.class[s] = rare
		}
	}
	return x.class
}

// sweep moves each symbol where it gains most.
func (x *exchange) sweep(ctx context.Context) (moved bool, err error) {
	for _, s := range x.order {
		if err := ctx.Err(); err != nil {
			return moved, err
		}
		from := int(x.class[s])
		x.move(s, from, -1)
		best, most := from, x.gain(s, from)+1e-6
		for c := range x.k {
			if g := x.gain(s, c); c != from && g > most {
				best, most = c, g
			}
		}
		x.move(s, best, 1)
		if best != from {
			x.class[s], moved = predictors.Symbol(best), true
		}
	}
	return moved, nil
}

// move adds s to class c, or takes it out (sign −1).
func (x *exchange) move(s predictors.Symbol, c int, sign int32) {
	for _, v := range x.rows[s] {
		x.byClass[c][v.feature] += sign * v.count
		x.byPast[c][x.past[v.feature]] += sign * v.count
	}
}

// gain is what the likelihood gains when s, in no class, joins c. The features
// of a row are in order, so those of one u are together.
func (x *exchange) gain(s predictors.Symbol, c int) float64 {
	sum, row := 0.0, x.rows[s]
	x.ops += 5 * float64(len(row))
	features, pasts := x.byClass[c], x.byPast[c]
	for i := 0; i < len(row); {
		u, n := x.past[row[i].feature], int32(0)
		for ; i < len(row) && x.past[row[i].feature] == u; i++ {
			had := features[row[i].feature]
			sum += x.nlogn(had+row[i].count) - x.nlogn(had)
			n += row[i].count
		}
		sum -= x.nlogn(pasts[u]+n) - x.nlogn(pasts[u])
	}
	return sum
}

func (x *exchange) nlogn(n int32) float64 {
	if int(n) < len(x.logs) {
		return x.logs[n]
	}
	return float64(n) * math.Log(float64(n))
}
