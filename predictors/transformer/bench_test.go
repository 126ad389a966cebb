package transformer

import (
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

// The benchmarks run the default model on bytes and report symbols per second.

func defaultModel(b *testing.B) *Transformer {
	p, err := Default().New(predictors.Env{Alphabet: 256, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	return p.(*Transformer)
}

func perSecond(b *testing.B, symbols int) {
	b.ReportMetric(float64(symbols)*float64(b.N)/b.Elapsed().Seconds(), "symbols/s")
}

func BenchmarkTrainingStep(b *testing.B) {
	xs := randomSymbols(10000, 256, rand.New(rand.NewPCG(1, 2)))
	t := newTrainer(defaultModel(b).model, 1, predictors.Data{Train: [][]predictors.Symbol{xs}})
	defer t.team.close()
	for b.Loop() {
		t.advance()
	}
	perSecond(b, t.cfg.Batch*t.cfg.Window)
}

func BenchmarkScore(b *testing.B) {
	p := defaultModel(b)
	xs := randomSymbols(4096, 256, rand.New(rand.NewPCG(1, 2)))
	bits := make([]float64, len(xs))
	for b.Loop() {
		p.Score(bits, nil, xs)
	}
	perSecond(b, len(xs))
}

func BenchmarkPredict(b *testing.B) {
	p := defaultModel(b)
	xs := randomSymbols(4096, 256, rand.New(rand.NewPCG(1, 2)))
	probs := make([]float64, 256)
	for b.Loop() {
		for _, x := range xs {
			p.Predict(probs)
			p.Observe(x)
		}
	}
	perSecond(b, len(xs))
}

// BenchmarkRollout forks and samples 16 symbols, as the k-step scores do.
func BenchmarkRollout(b *testing.B) {
	p := defaultModel(b)
	for _, x := range randomSymbols(40, 256, rand.New(rand.NewPCG(1, 2))) {
		p.Observe(x)
	}
	rng, probs := rand.New(rand.NewPCG(3, 4)), make([]float64, 256)
	for b.Loop() {
		f := p.Fork()
		for range 16 {
			f.Predict(probs)
			f.Observe(predictors.Sample(probs, rng.Float64()))
		}
	}
	perSecond(b, 16)
}

// Two shapes: nanoGPT's CPU configuration and its default for
// characters, both over the 65 characters of tinyshakespeare.
var nanoGPT = []struct {
	name                                string
	layers, heads, width, window, batch int
}{
	{"small", 4, 4, 128, 64, 12},
	{"large", 6, 6, 384, 256, 16},
}

// shaped is an untrained model of one of the shapes.
func shaped(b *testing.B, i int) *Transformer {
	s, c := nanoGPT[i], *Default().(*Config)
	c.Layers, c.Heads, c.Width, c.Window, c.Stride, c.Batch = s.layers, s.heads, s.width, s.window, s.window/2, s.batch
	p, err := c.New(predictors.Env{Alphabet: 65, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	return p.(*Transformer)
}

func BenchmarkNanoGPT(b *testing.B) {
	xs := randomSymbols(10000, 65, rand.New(rand.NewPCG(1, 2)))
	for i, s := range nanoGPT {
		b.Run(s.name, func(b *testing.B) {
			t := newTrainer(shaped(b, i).model, 1, predictors.Data{Train: [][]predictors.Symbol{xs}})
			defer t.team.close()
			t.advance() // touches all memory for the first time
			for b.Loop() {
				t.advance()
			}
			perSecond(b, s.batch*s.window)
		})
	}
}

// BenchmarkGeneration samples 64 futures of 32 symbols from the middle of a
// window on, together and one after the other, on one thread.
func BenchmarkGeneration(b *testing.B) {
	const n, steps = 64, 32
	for i, s := range nanoGPT {
		p, rng := shaped(b, i), rand.New(rand.NewPCG(3, 4))
		for _, x := range randomSymbols(s.window/2, 65, rng) {
			p.Observe(x)
		}
		probs, xs := make([]float64, n*65), make([]predictors.Symbol, n)
		b.Run(s.name+"/together", func(b *testing.B) {
			for b.Loop() {
				f := p.Roll(n)
				for range steps {
					f.Predict(probs)
					for i := range xs {
						xs[i] = predictors.Sample(probs[i*65:][:65], rng.Float64())
					}
					f.Observe(xs)
				}
			}
			perSecond(b, n*steps)
		})
		b.Run(s.name+"/alone", func(b *testing.B) {
			for b.Loop() {
				f := p.Fork()
				for range steps {
					f.Predict(probs[:65])
					f.Observe(predictors.Sample(probs[:65], rng.Float64()))
				}
			}
			perSecond(b, steps)
		})
	}
}
