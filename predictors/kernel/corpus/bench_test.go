package corpus

import (
	"context"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// BenchmarkPredict scores the validation part of tinyshakespeare from the first
// 100,000 characters, 8 lags.
func BenchmarkPredict(b *testing.B) {
	xs, a := corporatest.Packed(b, "shakespeare/tinyshakespeare.txt")
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"product", func(c *Config) {}},
		{"gaussian", func(c *Config) { c.Kernel = "gaussian" }},
		{"suffix", func(c *Config) { c.Kernel = "suffix" }},
		{"gaussian,bucket2", func(c *Config) { c.Kernel, c.Search = "gaussian", "bucket" }},
		{"gaussian,nearest100", func(c *Config) { c.Kernel, c.Neighbours = "gaussian", 100 }},
		{"ppmi", func(c *Config) { c.Kernel, c.Embedding = "gaussian", "ppmi" }},
		{"ppmi,mixed32", func(c *Config) { c.Kernel, c.Embedding, c.Mixing = "gaussian", "ppmi", true }},
		{"spectrum", func(c *Config) { c.Kernel, c.Embedding = "gaussian", "spectrum" }},
	} {
		b.Run(c.name, func(b *testing.B) {
			config := DefaultConfig().(*Config)
			config.Queries = 50
			c.change(config)
			p, err := config.New(predictors.Env{Alphabet: a, Seed: 1})
			if err != nil {
				b.Fatal(err)
			}
			d := predictors.Data{Train: [][]Symbol{xs[:100_000]}, Valid: [][]Symbol{xs[600_000:700_000]}}
			if err := predictors.Train(context.Background(), p, d, nil); err != nil {
				b.Fatal(err)
			}
			bits := make([]float64, 100)
			for b.Loop() {
				predictors.Score(p, bits, nil, xs[1_003_854:1_003_954])
			}
			b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "predictions/s")
		})
	}
}
