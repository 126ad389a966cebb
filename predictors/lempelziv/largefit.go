package lempelziv

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"horizon/predictors"
)

// Training: the training part is cut into as many pieces as there are shards,
// in order and of equal length; each is learned by itself, as many at once as
// there are processors, so the result does not depend on their number. Then
// the trees are merged, a string's counts added up, or kept to be mixed.
//
// A model of max_bytes is grown larger than it will be, at most by the factor
// overgrown, and cut back: whenever a tree has so many nodes it loses half of
// them, and at the end as many as it must. The first to go are those that
// came once, deepest first, then those that came twice, and so on, a string
// never before one that it begins. Cut children that had come once stay in
// their parent's sums.

const (
	overgrown  = 4
	leastBytes = 1 << 16

	growingShare = 0.8 // of the operations that a budget has, where there is something to tune on
)

// SetBudget bounds the model's bytes, and the seconds and operations of Fit.
func (p *blend) SetBudget(b predictors.Budget) error {
	if b.ModelBytes > 0 && b.ModelBytes < leastBytes {
		return fmt.Errorf("model_bytes = %d: %s needs at least %d", b.ModelBytes, p.kind, leastBytes)
	}
	p.bounds, p.maxBytes = b, p.c.MaxBytes
	if b.ModelBytes > 0 && (p.maxBytes == 0 || b.ModelBytes < p.maxBytes) {
		p.maxBytes = b.ModelBytes
	}
	return nil
}

// Fit grows the trees, lays them out, and tunes their blending.
func (p *blend) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	deadline := time.Time{}
	if s := p.bounds.TrainSeconds; s > 0 {
		deadline = time.Now().Add(time.Duration(0.8 * s * float64(time.Second)))
	}
	crops, err := p.growAll(ctx, d, deadline)
	if err != nil {
		return err
	}
	seen := int64(0)
	for _, c := range crops {
		p.ops += c.ops
		seen += c.seen
	}
	if p.c.Join == "merge" {
		crops = []*crop{p.merge(crops)}
	}
	report(predictors.Progress{Stage: "train", Done: seen, Total: int64(d.Symbols()), Symbols: seen})
	p.refit = 0
	more := 0
	if d.Refit {
		more = symbolsOf(d.Valid)
		if n := d.Budget.Symbols; n > 0 {
			more = min(more, max(0, int(n-seen)))
		}
	}
	share := float64(seen+1) / float64(seen+1+int64(more)) // of the bytes: the rest is for the refit
	trees := make([]*growingTree, len(crops))
	for i, c := range crops {
		l, err := p.fitting(c.listing, p.maxBytes/int64(len(crops)), share)
		if err != nil {
			return err
		}
		trees[i] = &growingTree{trie: l.layOut(p.a, p.c.CountBits)}
	}
	p.hold(trees...)
	p.refit = more
	p.Reset()
	return p.tuneAll(ctx, d.Valid, report)
}

// A crop is what a piece of text has grown.
type crop struct {
	*listing
	ops  float64
	seen int64
}

func (p *blend) growAll(ctx context.Context, d predictors.Data, deadline time.Time) ([]*crop, error) {
	pieces := cutPieces(d.Train, p.c.Shards)
	crops := make([]*crop, len(pieces))
	share := 1.0
	if symbolsOf(d.Valid) > 0 {
		share = growingShare
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, docs := range pieces {
		g.Go(func() (err error) {
			crops[i], err = p.grow(ctx, docs, share*p.bounds.TrainOps/float64(len(pieces)), deadline)
			return err
		})
	}
	return crops, g.Wait()
}

// cutPieces cuts documents into n lists of about the same number of symbols,
// in order; a document that spans a cut is cut.
func cutPieces(docs [][]predictors.Symbol, n int) [][][]predictors.Symbol {
	total := symbolsOf(docs)
	out := make([][][]predictors.Symbol, n)
	at := 0
	for _, doc := range docs {
		for len(doc) > 0 {
			i := at * n / total
			end := ((i+1)*total + n - 1) / n // the first place of the next piece
			m := min(len(doc), end-at)
			out[i] = append(out[i], doc[:m])
			doc, at = doc[m:], at+m
		}
	}
	return out
}

// grow learns documents with a tree of their own.
func (p *blend) grow(ctx context.Context, docs [][]predictors.Symbol, ops float64, deadline time.Time) (*crop, error) {
	most := math.MaxInt32
	if p.maxBytes > 0 {
		most = overgrown * p.room(p.maxBytes)
	}
	g, out := p.newGrower(), &crop{}
	for _, doc := range docs {
		g.reset()
		for block := range slices.Chunk(doc, 1024) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			out.ops += float64(g.learn(block))
			out.seen += int64(len(block))
			if g.size() > most {
				g.trim(most / 2)
			}
			if ops > 0 && out.ops >= ops || !deadline.IsZero() && time.Now().After(deadline) {
				out.listing = g.list()
				return out, nil
			}
		}
	}
	out.listing = g.list()
	return out, ctx.Err()
}

// merge adds up crops: nodes of the same string have their counts added.
func (p *blend) merge(crops []*crop) *crop {
	out := crops[0]
	if len(crops) == 1 {
		return out
	}
	to := newEdges(len(out.parent))
	for i := 1; i < len(out.parent); i++ {
		parent, symbol := out.parent[i], uint32(out.symbol[i])
		to.fill(to.slot(parent, symbol), parent, symbol, uint32(i), 0)
	}
	for _, c := range crops[1:] {
		same := make([]uint32, len(c.parent)) // the node of out with the same string
		for i := 1; i < len(c.parent); i++ {
			parent, symbol := same[c.parent[i]], uint32(c.symbol[i])
			s := to.slot(parent, symbol)
			if s.node == 0 {
				same[i] = uint32(len(out.parent))
				out.add(parent, c.symbol[i], c.count[i])
				to.fill(s, parent, symbol, same[i], 0)
				continue
			}
			same[i] = s.node
			out.count[s.node] = addCounts(out.count[s.node], c.count[i])
		}
		p.ops += 2 * float64(len(c.parent))
	}
	return out
}

func addCounts(a, b uint32) uint32 { return uint32(min(uint64(a)+uint64(b), math.MaxUint32)) }

// rest lays a listing out as the last of the model's trees, within its bytes.
func (p *blend) rest(l *listing) *trie {
	if fit, err := p.fitting(l, p.maxBytes/int64(len(p.trees)), 1); err == nil {
		l = fit
	}
	return l.layOut(p.a, p.c.CountBits)
}

// fitting cuts a listing back to what takes that share of the bytes, if they
// are bounded.
func (p *blend) fitting(l *listing, bytes int64, share float64) (*listing, error) {
	if bytes == 0 {
		return l, nil
	}
	fixed := p.sizeOf(1, 0)
	bytes = fixed + int64(share*float64(bytes-fixed))
	n := min(len(l.parent), p.room(bytes))
	for n >= 2 {
		fit := l
		if n < len(l.parent) || l.cut != nil {
			fit, _ = l.keep(n, l.ranks(nil))
		}
		size := p.sizeOf(len(fit.parent), fit.cutFamilies())
		if size <= bytes {
			return fit, nil
		}
		n = min(n-1, int(float64(n)*float64(bytes-fixed)/float64(size-fixed)))
	}
	return nil, fmt.Errorf("%s: %d bytes are too few for a tree over %d symbols", p.kind, bytes, p.a)
}

// room is how many nodes fit into so many bytes at most.
func (p *blend) room(bytes int64) int {
	low, high := 1, math.MaxInt32/(2*overgrown)
	for low < high {
		if mid := (low + high + 1) / 2; p.sizeOf(mid, 0) <= bytes {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

// sizeOf is the bytes of a tree at rest of n nodes and its blending.
func (p *blend) sizeOf(n, cutFamilies int) int64 {
	symbol := 1
	if p.a > 256 {
		symbol = 2
	}
	return int64(24*((n+63)/64)+symbol*n+24*fansKept(n)+cutFamilies) + countBytes(n, p.c.CountBits) + p.blends[0].bytes() + 8
}

// keep returns a listing of the n nodes of highest rank, the root among them,
// and the numbers they have there; others have 0.
func (l *listing) keep(n int, rank []uint16) (out *listing, to []uint32) {
	var many [256 * 64]int
	for _, r := range rank[1:] {
		many[r]++
	}
	last, left := len(many)-1, n-1 // the rank from which only some are kept, and how many
	for ; last >= 0 && many[last] <= left; last-- {
		left -= many[last]
	}
	out = newListing(1)
	out.cut = make([]uint8, 1, n)
	if l.cut != nil {
		out.cut[0] = l.cut[0]
	}
	to = make([]uint32, len(l.parent))
	for i := 1; i < len(l.parent); i++ {
		parent := l.parent[i]
		if parent != 0 && to[parent] == 0 {
			continue
		}
		r := int(rank[i])
		if r < last || r == last && left == 0 {
			if c := &out.cut[to[parent]]; *c < 255 {
				*c++
			}
			continue
		}
		if r == last {
			left--
		}
		to[i] = uint32(len(out.parent))
		out.add(to[parent], l.symbol[i], l.count[i])
		if l.cut != nil {
			out.cut[to[i]] = l.cut[i]
		}
	}
	return out, to
}

// ranks orders nodes by how much they are worth keeping: 64 times the largest
// count from there on, at most 255, less the depth. Given the suffix of each
// node, that has a higher rank than the node.
func (l *listing) ranks(suffix []uint32) []uint16 {
	most := make([]uint8, len(l.parent))
	order, depth := l.byDepth()
	for _, i := range slices.Backward(order) {
		most[i] = max(most[i], uint8(min(l.count[i], 255)))
		p := l.parent[i]
		most[p] = max(most[p], most[i])
		if suffix != nil {
			most[suffix[i]] = max(most[suffix[i]], most[i])
		}
	}
	rank := make([]uint16, len(l.parent))
	for i := range rank {
		rank[i] = uint16(most[i])*64 + 63 - uint16(depth[i])
	}
	return rank
}

// byDepth lists the nodes but the root from the shallowest to the deepest.
func (l *listing) byDepth() (order []uint32, depth []uint8) {
	depth = make([]uint8, len(l.parent))
	var start [maxPhrase + 2]int
	for i := 1; i < len(depth); i++ {
		depth[i] = depth[l.parent[i]] + 1
		start[depth[i]]++
	}
	for d, at := 1, 0; d < len(start); d++ {
		start[d], at = at, at+start[d]
	}
	order = make([]uint32, len(depth)-1)
	for i := 1; i < len(depth); i++ {
		order[start[depth[i]]] = uint32(i)
		start[depth[i]]++
	}
	return order, depth
}

// cutFamilies is the number of families if any was cut.
func (l *listing) cutFamilies() (n int) {
	if l.cut == nil {
		return 0
	}
	has := make([]bool, len(l.parent))
	for _, p := range l.parent[1:] {
		if !has[p] {
			has[p] = true
			n++
		}
	}
	return n
}

// tuneAll tunes each tree's blending, and then the trees' shares.
func (p *blend) tuneAll(ctx context.Context, valid [][]predictors.Symbol, report func(predictors.Progress)) error {
	if s := p.bounds.TrainSeconds; s > 0 { // a tenth, though learning may have taken less
		within, cancel := context.WithTimeout(ctx, time.Duration(0.1*s*float64(time.Second)))
		defer cancel()
		err := p.tuneEach(within, valid, report)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return nil
		}
		return err
	}
	return p.tuneEach(ctx, valid, report)
}

func (p *blend) tuneEach(ctx context.Context, valid [][]predictors.Symbol, report func(predictors.Progress)) error {
	probs := make([][]float64, len(p.trees))
	for i, b := range p.blends {
		w := newWalk(p.trees[i], p.c.Depth)
		met, err := b.meet(ctx, &w, valid, &p.parse)
		if err != nil {
			return err
		}
		if all := p.bounds.TrainOps; all > 0 {
			met = met.thinned((all-p.ops)/float64(len(p.trees)-i), b.tuningOps(met))
		}
		done := func(k int) {
			report(predictors.Progress{Stage: "tune", Done: int64(k), Total: int64(tunePasses * (len(met.start) - 1))})
		}
		if err := b.tune(ctx, met, done); err != nil {
			return err
		}
		p.ops += b.tuningOps(met)
		if len(p.trees) > 1 {
			probs[i] = b.probs(met)
		}
	}
	if len(p.trees) > 1 {
		p.mixture = shares(probs)
	}
	return nil
}

// shares are the weights of a mixture under which the symbols are likeliest,
// by 50 steps of expectation maximisation from equal ones.
func shares(probs [][]float64) []float64 {
	w, next := make([]float64, len(probs)), make([]float64, len(probs))
	for i := range w {
		w[i] = 1 / float64(len(w))
	}
	n := len(probs[0])
	for range 50 {
		if n == 0 {
			break
		}
		clear(next)
		for t := range n {
			sum := 0.0
			for i := range w {
				sum += w[i] * probs[i][t]
			}
			for i := range w {
				next[i] += w[i] * probs[i][t] / sum
			}
		}
		for i := range w {
			w[i] = next[i] / float64(n)
		}
	}
	return w
}
