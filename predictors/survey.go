package predictors

import "context"

// A Surveyor is, while it learns nothing, a finite automaton whose k-step
// marginals it can compute from all of its states at once:
//
//	q_1(y; s) = P(y; s),   q_{k+1}(y; s) = Σ_x P(x; s) q_k(y; s·x)
//
// (programme 2.2, read backwards), which costs one pass over the model a step
// however many places ask.
type Surveyor interface {
	// Place numbers the present state; ok is false where there are too many
	// states to be laid out.
	Place() (place uint32, ok bool)
	// Survey computes P(x_{t+k} = y | place) for each of the places, the ks
	// (ascending, ≥ 1) and the symbols y: it calls visit(i, k, j, p) with i the
	// index of a place and p[l] that of symbols[j+l]. The symbols come in
	// stretches, in any order and from several goroutines at once; those of one
	// stretch are in order of k. p is valid during the call.
	Survey(ctx context.Context, places []uint32, ks []int, symbols []Symbol, visit func(i, k, j int, p []float64), report func(done, total int64)) error
}
