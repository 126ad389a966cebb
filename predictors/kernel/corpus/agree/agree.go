// Package agree compares a context with every context of a text, a byte a
// symbol, and adds up what the lags where they differ cost.
//
// A text of n + m − 1 symbols holds n contexts of m symbols; context i ends
// with text[i+m−1]. They overlap, so that all m lags of all contexts are in one
// byte each: lag j of the contexts from i on is the text from i+m−j on. A vector
// of them is compared with the query's symbol at once, and what the lag costs is
// added where they differ, in bytes that saturate at 255. A query so moves n
// bytes, however many lags there are, and takes m n/64 compare instructions of
// AVX-512, of which the processor starts one in a cycle: that is the limit.
//
// There are three kernels, written by gen.go but for the one in Go; all give
// the same bytes.
package agree

//go:generate go run gen.go

import "fmt"

// Block is the number of contexts that are compared at once.
const Block = 256

// A Query is a context and what its lags cost.
type Query struct {
	Symbols []byte // lag j at j−1
	Costs   []byte // of differing at lag j, at j−1
	Base    byte   // cost of every context, on top
	// Sticky has a context that differs at a lag differ at all further ones.
	Sticky bool
	wide   []byte // Block/4 bytes of each symbol and cost, in turn
}

// Widen prepares q for use with Scan.
func (q *Query) Widen() {
	if len(q.Symbols) != len(q.Costs) {
		panic(fmt.Sprintf("agree: %d symbols, %d costs", len(q.Symbols), len(q.Costs)))
	}
	q.wide = q.wide[:0]
	for j, x := range q.Symbols {
		for range 64 {
			q.wide = append(q.wide, x)
		}
		for range 64 {
			q.wide = append(q.wide, q.Costs[j])
		}
	}
}

// Scan sets cost[i] to the cost of context i of text, whose lags are given by
// m ≥ len(q.Symbols) of which q may know fewer, and bit i%64 of near[i/64] to
// whether it is at most limit. len(cost) is a multiple of Block, len(near) =
// len(cost)/64 and len(text) = len(cost) + m − 1.
func Scan(near []uint64, cost, text []byte, m int, q *Query, limit byte) {
	n, lags := len(cost), len(q.Symbols)
	if n%Block != 0 || len(near) != n/64 || len(text) != n+m-1 || lags > m || len(q.wide) != 128*lags {
		panic(fmt.Sprintf("agree: %d costs, %d words, %d symbols of text, %d of %d lags (%d bytes wide)", n, len(near), len(text), lags, m, len(q.wide)))
	}
	if n == 0 {
		return
	}
	scan(near, cost, text[m-1:], text, q, limit)
}

// scanGo is the definition.
func scanGo(near []uint64, cost, text []byte, m int, q *Query, limit byte) {
	clear(near)
	for i := range cost {
		sum, differs := int(q.Base), false
		for j, x := range q.Symbols {
			differs = differs && q.Sticky || text[i+m-1-j] != x
			if differs {
				sum += int(q.Costs[j])
			}
		}
		cost[i] = byte(min(sum, 255))
		if cost[i] <= limit {
			near[i/64] |= 1 << (i % 64)
		}
	}
}
