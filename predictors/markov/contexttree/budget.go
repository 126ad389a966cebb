package contexttree

import (
	"fmt"

	"horizon/predictors"
)

// Within a bound on bytes a forest adds nodes until they do not fit any more,
// and then learns nothing: its counts, and the weights that follow from them,
// would be those of some contexts and not of others. Train begins anew with a
// smaller depth until all fits.

// room bounds the bytes of a model.
type room struct {
	budget int64 // bytes; 0 for no bound
	full   bool
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

// savedDepth writes the depth, which a budget may have made smaller, or reads
// it.
func savedDepth(a *predictors.Archive, kind string, depth *int) {
	d := uint8(*depth)
	predictors.Value(a, &d)
	if a.Err() == nil && int(d) > *depth {
		a.Fail(fmt.Errorf("%s: saved depth = %d, want at most %d", kind, d, *depth))
		return
	}
	*depth = int(d)
}

// used is the bytes of nodes and history when another symbol has been learned.
func (m *model) used() int64 {
	return m.forest.used(max(1, m.code.width)) + 8*int64(len(m.words)+2+m.code.width/64)
}

// Shrink makes the trees a twelfth less deep, at least a bit.
func (m *model) Shrink() bool {
	if m.depth == 0 {
		return false
	}
	m.depth -= max(1, m.depth/12)
	m.full = false
	m.forest.deepen(reach(m.code, m.depth, m.factored))
	m.reset()
	return true
}

// Trim gives back spare capacity.
func (m *model) Trim() {
	m.words = predictors.Trimmed(m.words)
	m.forest.trim()
}

// Ops counts the nodes on the paths of the bits learned, at each three counts
// and about ten floating-point operations; of a symbol to come it takes the
// mean of those.
func (m *model) Ops() (train, perSymbol float64) {
	per := perNode * float64(max(1, m.code.width)) * 2
	if m.learned > 0 {
		per = max(per, m.work/m.learned)
	}
	return m.work, per
}

const perNode = 3 + 10

// used is the bytes of the nodes when a word of so many bits has been learned:
// each adds two at most.
func (f *weighting) used(bits int) int64 { return nodeBytes(f.nodes, 2*bits) }

func (f *weighting) deepen(reach []uint8) { f.reach = reach }

func (f *weighting) trim() { f.nodes = predictors.Trimmed(f.nodes) }

// used is the bytes of the nodes when a word of so many bits has been learned:
// each may unfold a path of its whole depth, with skips at every node of it a
// path behind each, of which half is as good a guess as any.
func (f *switching) used(bits int) int64 {
	deepest := int(f.reach[len(f.reach)-1])
	paths, skips := 1, 0
	if f.width > 0 {
		paths += deepest / f.width
		skips = deepest * deepest / f.width
	}
	return nodeBytes(f.nodes, bits*(deepest*paths+1)) + nodeBytes(f.skips, skips)
}

func (f *switching) deepen(reach []uint8) { f.reach = reach }

func (f *switching) trim() {
	f.nodes, f.skips = predictors.Trimmed(f.nodes), predictors.Trimmed(f.skips)
}

func nodeBytes[N any](nodes []N, more int) int64 {
	return sliceBytes(nodes[:len(nodes):len(nodes)]) + int64(more)*sliceBytes(make([]N, 1))
}

// used is the bytes of the model when another symbol has been learned: each
// decision may unfold a path, and the slots may double.
func (m *volfModel) used(decisions int) int64 {
	more := decisions * (m.depth + 1)
	slots := len(m.slots)
	if (len(m.nodes)-m.roots+more)*3 >= slots*2 {
		slots *= 2
	}
	return nodeBytes(m.nodes, more) + 4*int64(slots) + m.huffman.bytes() + 4*int64(len(m.hist)+m.depth+1) + sliceBytes(m.counts)
}

// Shrink makes the trees a symbol less deep.
func (p *volf) Shrink() bool {
	if p.depth == 0 {
		return false
	}
	p.depth--
	p.full = false
	p.past = make([]uint32, p.depth)
	p.clear(p.counts)
	p.Reset()
	return true
}

// Trim gives back spare capacity.
func (m *volfModel) Trim() {
	m.nodes, m.hist = predictors.Trimmed(m.nodes), predictors.Trimmed(m.hist)
}

// Ops counts as those of "ctw" do.
func (m *volfModel) Ops() (train, perSymbol float64) {
	return m.work, max(perNode, m.work/max(1, m.learned))
}

// used is the bytes of the nodes when another symbol has been learned.
func (m *karyModel) used() int64 {
	return int64(len(m.total)+m.d) * int64(8*m.a+4+8+1)
}

// Shrink makes the tree a symbol less deep.
func (p *kary) Shrink() bool {
	if p.d == 0 {
		return false
	}
	p.d--
	p.full = false
	p.clear()
	p.Reset()
	return true
}

// Trim gives back spare capacity.
func (m *karyModel) Trim() {
	m.count, m.child, m.total = predictors.Trimmed(m.count), predictors.Trimmed(m.child), predictors.Trimmed(m.total)
	m.ratio, m.depth = predictors.Trimmed(m.ratio), predictors.Trimmed(m.depth)
}

// Ops counts, for each node on the path, as those of "ctw" do.
func (m *karyModel) Ops() (train, perSymbol float64) { return m.work, perNode * float64(m.d+1) }
