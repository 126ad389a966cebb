package unbounded

import (
	"fmt"
	"math/bits"
	"unsafe"

	"horizon/predictors"
)

// Within a bound on bytes, a tree adds contexts until they do not fit any more
// and is then left as it is; Train begins anew with a bound on the length of
// contexts until all symbols fit. A suffix array, which is eight bytes a symbol
// whatever the contexts' lengths, keeps the last symbols that fit: those are
// next to what will be predicted.

// room bounds the bytes of a tree.
type room struct {
	budget int64 // bytes; 0 for no bound
	full   bool
	work   float64 // operations of learning
}

// SetBudget bounds the bytes of the model.
func (r *room) SetBudget(b predictors.Budget) error {
	r.budget = b.ModelBytes
	return nil
}

// Full reports that symbols were left out for want of bytes.
func (r *room) Full() bool { return r.full }

// has reports whether another symbol can be learned, after which the model
// would take at most so many bytes; there is a budget.
func (r *room) has(bytes int64) bool {
	r.full = r.full || bytes > r.budget
	return !r.full
}

// mostCopied are the symbols of a context that was observed, about, which
// learning on from there copies.
const mostCopied = 1 << 10

// atMost are the entries a symbol may add beyond those of a long path: it
// counts in each context on its way that it is new to.
const atMost = 64

// used is the bytes of the tree when another symbol has been learned.
func (t *tree) used() int64 {
	slots, wide := len(t.slots), len(t.wide)
	if (len(t.nodes)+2)*3 >= slots*2 {
		slots *= 2
	}
	if (t.nwide+atMost)*3 >= wide*2 {
		wide *= 2
	}
	n := int64(len(t.text)+mostCopied)*2 + int64(len(t.pieces)+1)*8 +
		int64(len(t.nodes)+2)*int64(unsafe.Sizeof(node{})) + int64(slots+wide)*4 +
		int64(len(t.entries)+atMost)*int64(unsafe.Sizeof(entry{}))
	if x := t.extra; x != nil {
		n += int64(len(x.raw)+atMost+len(t.nodes)+2)*4 + int64(len(x.fans)+atMost)*int64(unsafe.Sizeof(fan{}))
	}
	return n
}

func (t *tree) trim() {
	t.text, t.pieces = predictors.Trimmed(t.text), predictors.Trimmed(t.pieces)
	t.nodes, t.entries = predictors.Trimmed(t.nodes), predictors.Trimmed(t.entries)
	if x := t.extra; x != nil {
		x.raw, x.fan, x.fans = predictors.Trimmed(x.raw), predictors.Trimmed(x.fan), predictors.Trimmed(x.fans)
	}
}

// shorten makes the longest context of an empty tree shorter: in few steps,
// since a tree that is much too large is full soon.
func (t *tree) shorten() bool {
	if t.depth <= 1 {
		return false
	}
	t.depth = max(1, min(16, t.depth-max(1, t.depth/8)))
	return true
}

// savedDepth writes the longest context, which a budget may have made shorter,
// or reads it.
func (t *tree) savedDepth(a *predictors.Archive) {
	d := uint64(t.depth)
	predictors.Value(a, &d)
	if a.Err() == nil && (d < 1 || d > uint64(t.depth)) {
		a.Fail(fmt.Errorf("saved depth = %d, want 1 to %d", d, t.depth))
		return
	}
	t.depth = int(d)
}

// height is how many stored contexts a symbol meets, about: the height of a tree
// with as many leaves.
func (t *tree) height() float64 { return float64(bits.Len(uint(len(t.nodes)))) }

// Operations. On the way down the tree a context takes a look-up, an entry of
// the symbol and its context's sums; its share and the weight of the shorter
// one about ten floating-point operations, and the gradient as many again.
const (
	perContext = 3
	perShare   = 10
)

// Shrink bounds the length of contexts.
func (p *infiniKN) Shrink() bool {
	if !p.shorten() {
		return false
	}
	p.clear()
	p.d, p.wait, p.full = newDiscounts(rows, mixAt-classAt+rows*tops), 0, false
	p.start()
	p.Reset()
	return true
}

// Trim gives back spare capacity.
func (m *lengths) Trim() { m.tree.trim() }

// Ops counts a path for each symbol learned, its gradient if the discounts
// follow it, and takes one for each symbol to come.
func (m *lengths) Ops() (train, perSymbol float64) {
	return m.work, m.height() * (perContext + perShare)
}

// spend counts the operations of learning a symbol.
func (m *lengths) spend() {
	m.work += m.height() * perContext
	if m.config.Rate > 0 {
		m.work += m.height() * 2 * perShare
	}
}

// Evidence is that of the contexts on the path from the longest, a discount
// taken from all alike; the positions of shorter ones are different
// predecessors, as their counts are.
func (p *infiniKN) Evidence() predictors.Evidence {
	var n predictors.Nest
	weight := 1.0
	r, ok := p.firstRung(p.place)
	if ok && p.both && r.high > 0 {
		mate, mix := p.mateRung(p.place), p.mix(&r)
		back := mix*r.back() + (1-mix)*mate.back()
		n.Add(1-back, r.n)
		weight = back
		r, ok = p.nextRung(&r)
	}
	for ; ok && r.high > 0; r, ok = p.nextRung(&r) {
		back := r.back()
		n.Add(weight*(1-back), r.n)
		weight *= back
	}
	return n.Evidence(p.length)
}

// Shrink bounds the length of contexts.
func (p *memoizer) Shrink() bool {
	if !p.shorten() {
		return false
	}
	p.clear()
	if p.seats != nil {
		p.seats.clear()
	}
	p.begun()
	p.wait, p.full = 0, false
	p.Reset()
	return true
}

// Trim gives back spare capacity.
func (m *memory) Trim() {
	m.tree.trim()
	if q := m.seats; q != nil {
		q.of, q.sums, q.sizes = predictors.Trimmed(q.of), predictors.Trimmed(q.sums), predictors.Trimmed(q.sizes)
	}
}

// used is the bytes of the model when another symbol has been learned.
func (m *memory) used() int64 {
	n := m.tree.used() + m.d.bytes()
	if q := m.seats; q != nil {
		n += int64(len(m.entries)+atMost)*int64(unsafe.Sizeof(dish{})) + int64(len(m.nodes)+2)*4 +
			int64(len(q.sizes)+2*atMost)*int64(unsafe.Sizeof(size{}))
	}
	return n
}

// Ops counts as those of "infini-kneser-ney" do.
func (m *memory) Ops() (train, perSymbol float64) {
	return m.work, m.height() * (perContext + perShare)
}

// SetBudget bounds the bytes of the text and its array.
func (g *array) SetBudget(b predictors.Budget) error {
	if err := predictors.NoClock("infini-gram", "sorts its text in one go, and half a sorted text is none", b); err != nil {
		return err
	}
	if least := g.fixedBytes() + 2*perFitted; b.ModelBytes > 0 && b.ModelBytes < least {
		return fmt.Errorf("model_bytes = %d: infini-gram takes %d for a single symbol", b.ModelBytes, least)
	}
	g.budget = b.ModelBytes
	return nil
}

// perFitted is the bytes of a fitted symbol.
const perFitted = 8

// fixedBytes are those that no fitted symbol adds to.
func (g *array) fixedBytes() int64 { return g.Bytes() - 4*int64(cap(g.text)+cap(g.sa)) }

// affordable are the last symbols of docs that fit, each document's end taking
// as much as a symbol.
func (g *array) affordable(docs [][]symbol) [][]symbol {
	if g.budget == 0 {
		return docs
	}
	left, i := (g.budget-g.fixedBytes())/perFitted, len(docs)
	for ; i > 0 && left > 1; i-- {
		doc := docs[i-1]
		if left -= int64(len(doc)) + 1; left < 0 {
			rest := append([][]symbol{doc[-left:]}, docs[i:]...)
			return rest
		}
	}
	return docs[i:]
}

// hasRoom reports whether another symbol can be learned.
func (g *array) hasRoom() bool { return g.budget == 0 || g.Bytes()+4096 <= g.budget }

// Ops takes sorting by induction to go over text, types and array some two
// dozen times, all levels of its recursion together; and a symbol to come to
// be looked up by two bisections in each of as many intervals as half the
// digits of the text's length.
func (g *array) Ops() (train, perSymbol float64) {
	digits := float64(bits.Len(uint(len(g.sa))) + 1)
	return 24*float64(len(g.text)) + g.work, digits / 2 * (4*digits + perShare)
}

// Evidence is that of the intervals, each in those of shorter contexts.
func (p *infiniGram) Evidence() predictors.Evidence {
	var n predictors.Nest
	weight := 1.0
	layers := p.join()
	for i := len(layers) - 1; i >= 1; i-- {
		v := &layers[i]
		if p.skips(i, len(layers)) {
			continue
		}
		w := p.pull(i, v)
		n.Add(weight*float64(v.total)/(float64(v.total)+w), float64(v.total))
		weight *= w / (float64(v.total) + w)
	}
	return n.Evidence(max(int(p.reach), p.length))
}
