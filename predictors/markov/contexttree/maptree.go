package contexttree

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"horizon/predictors"
)

// A Tree is the context tree of maximal posterior probability given what a
// predictor of kind "ctw-kary" has learned: the model, out of all of up to its
// depth, that the data favour.
type Tree struct {
	Alphabet int
	// Leaves are the contexts the model tells apart, in the order of their
	// symbols from the newest on: every past ends in exactly one of them.
	Leaves []Leaf
	// LogPosterior is log₂ of the tree's probability given the data;
	// LogEvidence is log₂ of that of the data, averaged over all trees.
	LogPosterior, LogEvidence float64
}

// A Leaf is a context and what followed it.
type Leaf struct {
	Context []predictors.Symbol // the newest symbol first
	Counts  []uint32            // by symbol
}

// MAP returns the tree of a predictor of kind "ctw-kary", or false.
func MAP(p predictors.Predictor) (Tree, bool) {
	k, ok := p.(*kary)
	if !ok {
		return Tree{}, false
	}
	return k.MAP(), true
}

// MAP finds the tree by the recursion of Kontoyiannis et al. 2022, section
// 3.2 (the algorithm BCT), from the leaves up:
//
//	P_m(s) = P_e(s)                                    at depth D
//	P_m(s) = max{β P_e(s), (1−β) Π_x P_m(sx)}          above
//
// A context never seen has P_e = 1 and, since β ≥ ½, P_m = β above depth D: it
// is a leaf. The tree is where the maximum says so, and its posterior
// probability is P_m/P_w at the root (theorem 2). Time O(nodes · A).
func (m *karyModel) MAP() Tree {
	n := len(m.total)
	lw, lm, leaf := make([]float64, n), make([]float64, n), make([]bool, n)
	stop, split := math.Log(m.beta), math.Log1p(-m.beta)
	for i := n - 1; i >= 0; i-- {
		e := m.logEstimate(i)
		if int(m.depth[i]) == m.d {
			lw[i], lm[i], leaf[i] = e, e, true
			continue
		}
		w, best := split, split
		for _, c := range m.child[i*m.a : (i+1)*m.a] {
			if c != 0 {
				w += lw[c]
				best += lm[c]
			} else if int(m.depth[i])+1 < m.d {
				best += stop
			}
		}
		lw[i] = logAdd(stop+e, w)
		lm[i], leaf[i] = max(stop+e, best), stop+e >= best
	}
	t := Tree{Alphabet: m.a, LogPosterior: (lm[0] - lw[0]) / math.Ln2, LogEvidence: lw[0] / math.Ln2}
	m.leaves(&t, 0, nil, leaf)
	return t
}

// leaves lists those at and below node i.
func (m *karyModel) leaves(t *Tree, i uint32, context []predictors.Symbol, leaf []bool) {
	if leaf[i] {
		at := int(i) * m.a
		t.Leaves = append(t.Leaves, Leaf{slices.Clone(context), slices.Clone(m.count[at : at+m.a])})
		return
	}
	for x := range m.a {
		below := append(slices.Clip(context), predictors.Symbol(x))
		if c := m.child[int(i)*m.a+x]; c != 0 {
			m.leaves(t, c, below, leaf)
		} else {
			t.Leaves = append(t.Leaves, Leaf{below, make([]uint32, m.a)})
		}
	}
}

// logEstimate is ln P_e at node i: Π_x Γ(n_x+α)/Γ(α) · Γ(Aα)/Γ(n+Aα).
func (m *karyModel) logEstimate(i int) float64 {
	all := m.alpha * float64(m.a)
	sum := lgamma(all) - lgamma(all+float64(m.total[i]))
	for _, n := range m.count[i*m.a : (i+1)*m.a] {
		if n > 0 {
			sum += lgamma(m.alpha+float64(n)) - lgamma(m.alpha)
		}
	}
	return sum
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

func logAdd(x, y float64) float64 {
	return max(x, y) + math.Log1p(math.Exp(-math.Abs(x-y)))
}

// label spells a context, the newest symbol first.
func (t *Tree) label(context []predictors.Symbol) string {
	if len(context) == 0 {
		return "λ"
	}
	var b strings.Builder
	for i, x := range context {
		if i > 0 && t.Alphabet > 10 {
			b.WriteByte('.')
		}
		fmt.Fprint(&b, x)
	}
	return b.String()
}

// String draws the tree, a leaf a line: its context, the newest symbol first
// and indented by its length, what followed it how often, and how likely the
// model takes each to be.
func (t *Tree) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d leaves, posterior %.4g\n", len(t.Leaves), math.Exp2(t.LogPosterior))
	for _, l := range t.Leaves {
		total := 0.0
		for _, n := range l.Counts {
			total += float64(n)
		}
		fmt.Fprintf(&b, "%s%s  %d ", strings.Repeat("  ", len(l.Context)), t.label(l.Context), l.Counts)
		for _, n := range l.Counts {
			fmt.Fprintf(&b, " %.3f", float64(n)/max(1, total))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// DOT draws the tree in the language of Graphviz: an edge is a symbol, one
// further into the past at each level; leaves show their counts.
func (t *Tree) DOT() string {
	var b strings.Builder
	b.WriteString("digraph contexts {\n\tnode [shape=point];\n")
	drawn := map[string]bool{}
	for _, l := range t.Leaves {
		for d := 1; d <= len(l.Context); d++ {
			from, to := t.label(l.Context[:d-1]), t.label(l.Context[:d])
			if !drawn[to] {
				drawn[to] = true
				fmt.Fprintf(&b, "\t%q -> %q [label=%q];\n", from, to, fmt.Sprint(l.Context[d-1]))
			}
		}
		fmt.Fprintf(&b, "\t%q [shape=box, label=%q];\n", t.label(l.Context), fmt.Sprintf("%s\n%d", t.label(l.Context), l.Counts))
	}
	b.WriteString("}\n")
	return b.String()
}
