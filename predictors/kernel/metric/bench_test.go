package metric

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// The benchmarks predict tinyshakespeare's test part from all of its training
// part by kernels that fall with the lag as text has them fall (β_l = 8.7 · 0.64^{l−1}),
// and report predictions and candidates a prediction.

func shakespeare(b *testing.B) (d predictors.Data, test []symbol, a int) {
	xs, a := corporatest.Packed(b, "shakespeare/tinyshakespeare.txt")
	const cut = 1_003_854
	return predictors.Data{Train: [][]symbol{xs[:cut]}}, xs[cut:], a
}

func benchmark(b *testing.B, c *Config) {
	d, test, a := shakespeare(b)
	c.Steps = 0
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		b.Fatal(err)
	}
	if q, ok := p.(*Corpus); ok {
		for l := range q.params.beta {
			q.params.beta[l] = float32(math.Log(8.7) + float64(l)*math.Log(0.64))
		}
		q.found = found{}
		q.take(predictors.Data{Train: [][]symbol{test}})
	}
	at := 0
	for b.Loop() {
		p.(predictors.Prober).Prob(test[at])
		p.Observe(test[at])
		at = (at + 1) % len(test)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "predictions/s")
	if n, ok := predictors.Describe(p)["candidates"]; ok {
		b.ReportMetric(n, "candidates")
	}
}

func BenchmarkFull(b *testing.B) { benchmark(b, Default().(*Config)) }
func BenchmarkBruteForce(b *testing.B) {
	c := Default().(*Config)
	c.Form, c.Tolerance = "free", 0
	benchmark(b, c)
}
func BenchmarkFlat(b *testing.B) {
	c := Default().(*Config)
	c.Form = "flat"
	benchmark(b, c)
}
func BenchmarkCells(b *testing.B) {
	c := Default().(*Config)
	c.Form = "free"
	benchmark(b, c)
}
func BenchmarkCandidates(b *testing.B) {
	c := Default().(*Config)
	c.Form, c.Candidates = "free", 256
	benchmark(b, c)
}
func BenchmarkWindowHead(b *testing.B) {
	c := Default().(*Config)
	c.Memory, c.Form = "window", "low-rank"
	benchmark(b, c)
}

// BenchmarkTrainingStep is a step of the full metric's training.
func BenchmarkTrainingStep(b *testing.B) {
	d, _, a := shakespeare(b)
	c := Default().(*Config)
	c.Steps, c.ValidEvery = 1, 1<<20
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	q := p.(*Corpus)
	q.prior = newPrior(d.Train, a, q.order)
	batch := newCorpusBatch(q.corpusModel, d.Train, d.Symbols())
	rng := rand.New(rand.NewPCG(1, 2))
	g := q.params.zero()
	for b.Loop() {
		batch.batch(g, rng)
	}
	b.ReportMetric(float64(c.Batch*b.N)/b.Elapsed().Seconds(), "symbols/s")
}
