package lempelziv

import (
	"horizon/predictors"
)

// The LZ78 tree with the sequential probability assignment of Sagan &
// Weissman 2024 (arXiv 2410.06589). Ziv & Lempel 1978 cut a
// sequence into phrases, each a phrase seen before and one more symbol: walk
// down a tree from its root by the symbols that come; where there is no child
// for the next one, add it and start again at the root. With N(a;z) the number
// of times a was next at node z, the added child's first time included, and
// N(z) = Σ_a N(a;z),
//
//	q(a; z) = (N(a;z) + γ) / (N(z) + γA)
//
// Every γ > 0 tends to the length of the LZ78 code; γ = 1/(A−1) is the
// estimate of Langdon 1983 and Rissanen, who count leaves. γ small beside 1
// says that few symbols follow a phrase, as in text.
//
// Walking without learning, a symbol with no child leads back to the root, so
// a childless node predicts uniformly once (as in the authors' code). Every
// document starts at the root. Departure: γ may be tuned on the validation
// part. The refinements of the authors' code, each off unless asked for, change
// how a grown tree is read and not how it grows: see spa.go.
//
// Learn and Prob are one hash look-up a symbol; Predict is O(A); a node takes
// 24 bytes and 11 to 21 of hash slots, and n symbols make at most about
// n/log_A n nodes. PredictAhead is exact: see ahead.go.

// An LZ78Config configures the kind "lz78".
type LZ78Config struct {
	Estimate string  `toml:"estimate"` // see PriorConfig
	Gamma    float64 `toml:"gamma"`
	SPAConfig
}

// DefaultLZ78 tunes γ on the validation part.
func DefaultLZ78() predictors.Config {
	return &LZ78Config{Estimate: dirichlet, SPAConfig: defaultSPA}
}

// TinyLZ78 is the same: there is nothing to make small.
func TinyLZ78() predictors.Config { return DefaultLZ78() }

// New returns a predictor whose tree is a root.
func (c *LZ78Config) New(env predictors.Env) (predictors.Predictor, error) {
	t, err := PriorConfig{c.Estimate, c.Gamma}.newTree("lz78", env.Alphabet)
	if err != nil {
		return nil, err
	}
	if t.spa, err = c.SPAConfig.resolve("lz78", env.Alphabet); err != nil {
		return nil, err
	}
	return &lz78{tree: t}, nil
}

// lz78 is a place in a tree.
type lz78 struct {
	*tree
	at   spot // where the next symbol is predicted from
	fork bool
	// With backshift the walk that predicts leaves the one that learns.
	parse  spot                // the phrase being learned
	recent []predictors.Symbol // the last symbols, at most spa.Backshift
	mix    []member            // scratch of the ensemble
	phrase []predictors.Symbol // likewise
	levels [2][]flow           // scratch of PredictAhead
	fall   []float64           // likewise
	shapes law                 // likewise
}

func (p *lz78) Alphabet() int { return p.a }

func (p *lz78) Reset() { p.at, p.parse, p.recent = spot{}, spot{}, p.recent[:0] }

func (p *lz78) Fork() predictors.Predictor {
	f := &lz78{tree: p.tree, at: p.at, fork: true}
	if p.spa.Backshift > 0 {
		f.recent = append(make([]predictors.Symbol, 0, p.spa.Backshift), p.recent...)
	}
	return f
}

func (p *lz78) Predict(q []float64) {
	if p.spa.ensemble() {
		p.predictMixed(q)
		return
	}
	l := p.lawAt(p.at)
	v := l.value(0)
	for x := range q {
		q[x] = v
	}
	for c := p.node(p.at.node).first; c != 0; {
		z := p.node(c)
		q[z.symbol], c = l.value(z.visits), z.sibling
	}
}

func (p *lz78) Prob(x predictors.Symbol) float64 {
	if p.spa.ensemble() {
		return p.probMixed(uint32(x))
	}
	l := p.lawAt(p.at)
	return l.value(p.node(p.child(p.at, uint32(x)).node).visits) // of the root, 0: no child
}

// Observe goes to the child, or to where a phrase begins.
func (p *lz78) Observe(x predictors.Symbol) {
	next := p.next(p.at, uint32(x))
	if p.spa.Backshift == 0 {
		p.at = next
		return
	}
	p.parse = p.next(p.parse, uint32(x))
	p.follow(next, x)
}

// Learn counts x at this node, and ends the phrase if it is new there.
func (p *lz78) Learn(x predictors.Symbol) {
	if p.fork {
		panic(p.kind + ": a fork does not learn")
	}
	p.forget()
	if p.spa.Backshift == 0 {
		p.at = p.grow(p.at, uint32(x))
		return
	}
	next := p.next(p.at, uint32(x))
	p.parse = p.grow(p.parse, uint32(x))
	p.follow(next, x)
}

// State is the node and, where backshift may need more symbols than lead to
// it, the last ones.
func (p *lz78) State(b []byte) []byte {
	b = appendNode(b, p.at.node)
	if int(p.at.depth) < p.spa.Backshift {
		b = appendSymbols(b, p.recent)
	}
	return b
}

func appendNode(b []byte, c uint32) []byte {
	return append(b, byte(c), byte(c>>8), byte(c>>16), byte(c>>24))
}

func appendSymbols(b []byte, xs []predictors.Symbol) []byte {
	for _, x := range xs {
		b = append(b, byte(x), byte(x>>8))
	}
	return b
}

// remember appends x to the last symbols, of which there are at most n.
func remember(recent []predictors.Symbol, x predictors.Symbol, n int) []predictors.Symbol {
	switch {
	case n == 0:
		return recent
	case len(recent) < n:
		return append(recent, x)
	}
	copy(recent, recent[1:])
	recent[n-1] = x
	return recent
}
