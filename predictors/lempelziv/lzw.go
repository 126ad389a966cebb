package lempelziv

import "horizon/predictors"

// LZW (Welch 1984): LZ78 with a dictionary that holds the alphabet from the
// start, and phrases that overlap. A phrase not seen before is one seen before
// and one more symbol x, and the next phrase begins with that x. Counts and
// prediction are those of lz78.go,
//
//	q(a; z) = (N(a;z) + γ) / (N(z) + γA),
//
// N(a;z) the number of times a came at z. The x that ends a phrase comes twice:
// at the phrase's node and, beginning the next phrase, at the root. So the
// walk is at the root before the first symbol of a document alone, and no
// prediction is without context. Where x has no child at z, the walk goes on
// from the root's child x, while learning and without.
//
// Welch codes phrase numbers; the sequential assignment is ours, as Sagan &
// Weissman 2024 make it for LZ78. A symbol of the alphabet takes a node when it
// is first learned, which changes no count; until then it leads to the root.
// Time and space are LZ78's.

// An LZWConfig configures the kind "lzw".
type LZWConfig struct{ PriorConfig }

// DefaultLZW tunes γ on the validation part.
func DefaultLZW() predictors.Config { return &LZWConfig{PriorConfig{Estimate: dirichlet}} }

// TinyLZW is the same: there is nothing to make small.
func TinyLZW() predictors.Config { return DefaultLZW() }

// New returns a predictor whose tree is a root.
func (c *LZWConfig) New(env predictors.Env) (predictors.Predictor, error) {
	t, err := c.newTree("lzw", env.Alphabet)
	if err != nil {
		return nil, err
	}
	t.overlap = true
	return &lz78{tree: t}, nil
}
