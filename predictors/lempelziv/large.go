package lempelziv

import "horizon/predictors"

// The Large Lempel-Ziv model is the best of suffix-blended Lempel-Ziv,
// engineered for size: see blend.go for what it computes, largetrie.go for the
// tree at rest in about 2.4 bytes a node, largecounts.go for its counts,
// largegrow.go for how it is grown, largefit.go for shards and bounds,
// largesave.go for files that load by memory map, and doc.go for what it would
// take to read 10¹² symbols.

// A LargeConfig configures the kind "large-lz": the same as "lz-blend" with
// other defaults.
type LargeConfig struct{ BlendConfig }

// DefaultLarge stores counts in a byte and lets each phrase add two nodes.
func DefaultLarge() predictors.Config {
	c := *DefaultBlend().(*BlendConfig)
	c.CountBits, c.Grow = 8, 2
	return &LargeConfig{c}
}

// TinyLarge has short phrases, two shards and few bytes.
func TinyLarge() predictors.Config {
	c := DefaultLarge().(*LargeConfig)
	c.Depth, c.Shards, c.MaxBytes = 4, 2, leastBytes
	return c
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *LargeConfig) New(env predictors.Env) (predictors.Predictor, error) {
	return c.make("large-lz", env)
}
