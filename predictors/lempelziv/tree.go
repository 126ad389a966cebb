package lempelziv

import (
	"fmt"
	"io"
	"math"
	"sync/atomic"

	"horizon/predictors"
)

// The two estimates of what comes next at a node.
const (
	dirichlet = "dirichlet"
	leaves    = "leaves"
)

// A PriorConfig says how a node of a tree of phrases predicts from its counts.
type PriorConfig struct {
	// Estimate is "dirichlet", or "leaves" for the count of leaves of Langdon
	// 1983 and Rissanen 1983, which is γ = 1/(A−1) and leaves Gamma no say.
	Estimate string `toml:"estimate"`
	// Gamma is γ, the Dirichlet prior's weight of each symbol, > 0; 1/2 is
	// Krichevsky & Trofimov's. 0 means the γ that predicts the validation part
	// best with the tree of the training part, or 1/A until there is one.
	Gamma float64 `toml:"gamma"`
}

// newTree returns a root that predicts so.
func (c PriorConfig) newTree(kind string, a int) (*tree, error) {
	if err := predictors.CheckAlphabet(kind, a); err != nil {
		return nil, err
	}
	if !(c.Gamma >= 0) || math.IsInf(c.Gamma, 1) {
		return nil, fmt.Errorf("%s: gamma = %v, want > 0, or 0 to tune it on the validation part", kind, c.Gamma)
	}
	t := &tree{kind: kind, a: a, gamma: c.Gamma, spa: plainSPA}
	switch c.Estimate {
	case dirichlet, "":
		if t.tuned = c.Gamma == 0; t.tuned {
			t.gamma = 1 / float64(a)
		}
	case leaves:
		if c.Gamma != 0 {
			return nil, fmt.Errorf("%s: gamma = %v with the estimate %q, which has no gamma, want 0", kind, c.Gamma, leaves)
		}
		t.gamma = 1 / float64(max(1, a-1))
	default:
		return nil, fmt.Errorf("%s: estimate = %q, want %q or %q", kind, c.Estimate, dirichlet, leaves)
	}
	t.clear()
	return t, nil
}

// A tree is the parameters of the kinds that keep a tree of phrases.
type tree struct {
	kind  string
	a     int
	gamma float64
	tuned bool // γ is chosen, not given
	// overlap says that a phrase begins with the symbol that ended the last
	// one (LZW), and not after it (LZ78).
	overlap bool
	spa     spa
	table
	steps   int64                       // symbols learned
	returns atomic.Pointer[[][]float64] // see ahead.go
}

// next is where x leads without learning.
func (t *tree) next(at spot, x uint32) spot {
	next := t.child(at, x)
	if next.node == root && t.overlap {
		return t.child(spot{}, x)
	}
	return next
}

// grow counts x at a node and returns where it leads.
func (t *tree) grow(at spot, x uint32) spot {
	next, old := t.tally(at, x)
	switch {
	case old:
		return next
	case !t.overlap:
		return spot{}
	case at.node != root:
		t.tally(spot{}, x)
	}
	return t.child(spot{}, x)
}

// tally counts x at a node and returns the child, and whether it was there
// already. Where the budget leaves no room for a new one, nothing is counted
// and the root returned.
func (t *tree) tally(at spot, x uint32) (next spot, old bool) {
	t.steps++
	h := extend(at.hash, x)
	c := t.find(h, at.node, x)
	if old = c != root; !old {
		if c = t.insert(at, x).node; c == root {
			return spot{}, false
		}
	}
	t.node(c).visits++
	t.node(at.node).seen++
	return spot{h, c, at.depth + 1}, old
}

// SetBudget bounds the bytes of the tree: when they are used up it adds no
// phrase and goes on counting at those it has.
func (t *tree) SetBudget(b predictors.Budget) error {
	if b.ModelBytes > 0 && b.ModelBytes < t.Bytes() {
		return fmt.Errorf("model_bytes = %d: the tree of %s takes %d before it is trained", b.ModelBytes, t.kind, t.Bytes())
	}
	t.limit = max(0, b.ModelBytes-treeBytes)
	return nil
}

// Ops counts, of a symbol learned, the child read and the two counts written,
// and of a phrase the node and the slot. A prediction reads a node and a child
// and computes (n + γ)/(N + γA); the walk reads the child.
func (t *tree) Ops() (train, perSymbol float64) {
	train = 3*float64(t.steps) + 2*float64(t.count-1)
	return train, 7 + t.spa.ops(t.branching())
}

// branching is the mean number of children of nodes that have some.
func (t *tree) branching() float64 { return float64(t.count-1) / float64(max(1, t.inner)) }

// Describe reports γ, tuned or not, and the number of phrases.
func (t *tree) Describe() map[string]float64 {
	return map[string]float64{"gamma": t.gamma, "phrases": float64(t.count - 1)}
}

const treeBytes = 8 // γ

// Bytes counts nodes and hash slots.
func (t *tree) Bytes() int64 { return t.bytes() + treeBytes }

// WriteTo writes the tree and γ.
func (t *tree) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, t.save) }

// ReadFrom replaces the tree and γ.
func (t *tree) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, t.save) }

func (t *tree) save(a *predictors.Archive) {
	gamma := t.gamma
	predictors.Value(a, &gamma)
	t.fields(a, t.a)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if !(gamma > 0) || math.IsInf(gamma, 1) {
		a.Fail(fmt.Errorf("%s: the saved gamma = %v, want > 0", t.kind, gamma))
		return
	}
	t.gamma, t.steps = gamma, t.learned()
	t.forget()
}

// learned is how many symbols the tree has counted.
func (t *tree) learned() (n int64) {
	for c := range t.count {
		n += int64(t.node(uint32(c)).seen)
	}
	return n
}
