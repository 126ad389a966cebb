package lempelziv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"horizon/predictors"
)

// LZ-MS(M, S) of Nisenson, Yariv, El-Yaniv & Meir 2003, as Begleiter, El-Yaniv
// & Yona 2004 (JAIR 22, section 3.5) describe it: LZ78 whose phrases keep
// context.
//
//   - Input shifting: a document is parsed S+1 times into one tree, from its
//     symbols 0, 1, …, S on.
//   - Back-shift: the phrase after one that ended at position e begins at e−M,
//     but not before that one began. So a phrase of up to M symbols is grown
//     further at once, and one of more is followed by its last M symbols,
//     walked again from the root (and added to the tree where they are new).
//   - Prediction: where the next symbol has no child, the walk goes to the node
//     of the last M symbols if the tree has them, or else to the root.
//
// A node counts the phrases below it: with I(z) the number of nodes in the
// subtree of z, z included, and c ranging over the children of z,
//
//	q(a; z) = (I(za) + γ) / (Σ_c I(c) + γA)
//
// γ = 1/(A−1), the default, is their count of leaves (Langdon 1983). LZ-MS(0,0)
// is LZ78; a phrase that the end of a document interrupts counts nothing here.
//
// Departures. Their program forgets to count, at the node where it hangs them
// in, the phrases of up to M+1 symbols, so that its root predicts with a sum
// far above one (7.7 for M = 1 on "abracadabra"); it is the paper that is
// followed. Learned symbol by symbol
// (prequentially), the S+1 parses advance side by side, the tree growing
// between; Fit takes them one after the other.
//
// A symbol learned takes S+1 look-ups and as many walks up the tree and over M
// symbols where a phrase ends; Prob takes one, Predict O(A). Futures are
// followed from state to state: the node, and the last M symbols if it is not
// that deep.

// An LZMSConfig configures the kind "lz-ms".
type LZMSConfig struct {
	// Back is M, how many symbols of a phrase begin the next, 0 to 64.
	Back int `toml:"back"`
	// Shift is S, how many more times a document is parsed, 0 to 64.
	Shift int `toml:"shift"`
	PriorConfig
}

// DefaultLZMS takes the means that Begleiter et al. chose for text.
func DefaultLZMS() predictors.Config {
	return &LZMSConfig{Back: 2, Shift: 8, PriorConfig: PriorConfig{Estimate: leaves}}
}

// TinyLZMS parses less often.
func TinyLZMS() predictors.Config {
	return &LZMSConfig{Back: 2, Shift: 2, PriorConfig: PriorConfig{Estimate: leaves}}
}

// New returns a predictor whose tree is a root.
func (c *LZMSConfig) New(env predictors.Env) (predictors.Predictor, error) {
	for _, v := range []struct {
		name  string
		value int
	}{{"back", c.Back}, {"shift", c.Shift}} {
		if v.value < 0 || v.value > 64 {
			return nil, fmt.Errorf("lz-ms: %s = %d, want 0 to 64", v.name, v.value)
		}
	}
	t, err := c.newTree("lz-ms", env.Alphabet)
	if err != nil {
		return nil, err
	}
	return &lzms{lz78: lz78{tree: t}, back: c.Back, parses: make([]spot, c.Shift+1)}, nil
}

// lzms is a place in a tree, and where its parses are. It predicts as lz78 does.
type lzms struct {
	lz78
	back   int
	parses []spot // by offset
	begun  int    // parses of this document that have
	skips  bool   // for a test: see javaLeaves there
	budget predictors.Budget
}

func (p *lzms) Reset() {
	p.lz78.Reset()
	clear(p.parses)
	p.begun = 0
}

func (p *lzms) Fork() predictors.Predictor {
	f := &lzms{lz78: lz78{tree: p.tree, at: p.at, fork: true}, back: p.back}
	f.recent = append(make([]predictors.Symbol, 0, p.back), p.recent...)
	return f
}

// Observe goes to the child, or to the node of the last M symbols.
func (p *lzms) Observe(x predictors.Symbol) {
	p.recent = remember(p.recent, x, p.back)
	p.move(p.child(p.at, uint32(x)))
}

func (p *lzms) move(next spot) {
	if p.at = next; next.node == root {
		p.at = p.walk(p.recent)
	}
}

// Learn takes every parse that has begun one symbol on.
func (p *lzms) Learn(x predictors.Symbol) {
	if p.fork {
		panic("lz-ms: a fork does not learn")
	}
	next := p.child(p.at, uint32(x))
	p.recent = remember(p.recent, x, p.back)
	p.begun = min(p.begun+1, len(p.parses))
	for i := range p.parses[:p.begun] {
		p.parses[i] = p.extend(p.parses[i], x, p.recent)
	}
	p.move(next)
}

// extend takes a parse from where it is to where the symbol after x is parsed;
// last are the last symbols, at most M, x too.
func (p *lzms) extend(at spot, x predictors.Symbol, last []predictors.Symbol) spot {
	p.steps++
	if next := p.child(at, uint32(x)); next.node != root {
		return next
	}
	long := int(at.depth) >= p.back // the new phrase is longer than M
	if p.skips && int(at.depth) == p.back && int(at.node) == p.count-1 && p.back > 0 {
		last = last[1:]
	}
	if at = p.insert(at, uint32(x)); at.node != root {
		p.tallyPath(at)
	}
	if !long {
		return at
	}
	at = spot{}
	for _, y := range last {
		at = p.extend(at, y, nil) // at most M symbols: none is long
	}
	return at
}

// tallyPath counts a new phrase at all that begin it.
func (p *lzms) tallyPath(at spot) {
	p.steps += int64(at.depth)
	for c := at.node; c != root; {
		z := p.node(c)
		z.visits++
		c = z.parent
		p.node(c).seen++
	}
}

// SetBudget bounds the tree, and Fit stops when its seconds or operations are
// used up.
func (p *lzms) SetBudget(b predictors.Budget) error {
	p.budget = b
	return p.tree.SetBudget(b)
}

// Fit parses every document S+1 times, and then tunes γ if it is to be.
func (p *lzms) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if p.budget.TrainSeconds > 0 {
		inner, cancel := context.WithTimeout(ctx, time.Duration(p.budget.TrainSeconds*float64(time.Second)))
		defer cancel()
		err := p.fit(inner, d, report)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return nil
		}
		return err
	}
	return p.fit(ctx, d, report)
}

func (p *lzms) fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	p.forget()
	f := fitting{lzms: p, ctx: ctx, report: report, total: int64(d.Symbols())}
	for _, doc := range d.Train {
		for offset := range len(p.parses) {
			if more, err := f.parse(doc, offset); !more || err != nil {
				return err
			}
		}
		f.seen += int64(len(doc))
		report(predictors.Progress{Stage: "train", Done: f.seen, Total: f.total, Symbols: f.seen})
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.Tune(ctx, d, report)
}

// A fitting is one run of Fit.
type fitting struct {
	*lzms
	ctx         context.Context
	report      func(predictors.Progress)
	seen, total int64 // training symbols, those of finished documents and all
}

// parse parses a document from an offset on; more is false when the operations
// are used up.
func (f *fitting) parse(doc []predictors.Symbol, offset int) (more bool, err error) {
	const tick = 1 << 10
	at := spot{}
	for i := offset; i < len(doc); i++ {
		at = f.extend(at, doc[i], doc[max(0, i+1-f.back):i+1])
		if i%tick != 0 {
			continue
		}
		spent := f.spent()
		if err := f.ctx.Err(); err != nil || spent || i%(1<<16) == 0 {
			f.report(predictors.Progress{Stage: "train", Done: f.seen + int64(i), Total: f.total, Symbols: f.seen + int64(i) + 1})
			if err != nil || spent {
				return false, err
			}
		}
	}
	return true, nil
}

func (p *lzms) spent() bool {
	if p.budget.TrainOps == 0 {
		return false
	}
	ops, _ := p.Ops()
	return ops >= p.budget.TrainOps
}

// Tune sets γ to the value with the least loss on the validation part, unless
// it was given.
func (p *lzms) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	return p.tuneGamma(ctx, p.Fork().(walker), d.Valid, report)
}

// PredictAhead leaves it to following states: a walk that ends a phrase goes to
// one of many nodes.
func (p *lzms) PredictAhead([][]float64, []int) (dropped float64, ok bool) { return 0, false }

// State is the node, and the last M symbols where it is not that deep.
func (p *lzms) State(b []byte) []byte {
	b = appendNode(b, p.at.node)
	if int(p.at.depth) < p.back {
		b = appendSymbols(b, p.recent)
	}
	return b
}
