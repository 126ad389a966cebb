package transformer

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
)

func onlineModel(t *testing.T) *Transformer {
	t.Helper()
	c := *small()
	c.Layers, c.Width, c.Heads, c.Window, c.Stride, c.OnlineEvery, c.OnlineRate, c.Warmup = 1, 16, 2, 12, 6, 6, 5e-3, 5
	p, err := c.New(predictors.Env{Alphabet: 2, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*Transformer)
}

func learningBits(t *testing.T, p *Transformer, xs []predictors.Symbol) []float64 {
	t.Helper()
	bits := make([]float64, len(xs))
	if err := predictors.ScoreLearning(p, bits, nil, xs); err != nil {
		t.Fatal(err)
	}
	return bits
}

// From nothing, learning as it goes, it comes to know the golden mean.
func TestLearnsWhilePredicting(t *testing.T) {
	xs := goldenMean(6000, rand.New(rand.NewPCG(1, 2)))
	bits := learningBits(t, onlineModel(t), xs)
	first, last := 0.0, 0.0
	for i := range 500 {
		first += bits[i/10] / 500 // of the first 50
		last += bits[len(bits)-1-i] / 500
	}
	best := realised(xs[len(xs)-500:])
	if last > best+0.02 || first < best+0.05 {
		t.Errorf("losses %v at first and %v at last, want the second within 0.02 of %v and the first not", first, last, best)
	}
}

// A learner saved half-way goes on to the bit as it would have.
func TestLearningResumes(t *testing.T) {
	xs := goldenMean(700, rand.New(rand.NewPCG(3, 4)))
	p := onlineModel(t)
	learningBits(t, p, xs[:200])
	p.Reset()
	learningBits(t, p, xs[200:333])
	p.Reset()
	var b bytes.Buffer
	if err := predictors.Save(&b, p); err != nil {
		t.Fatal(err)
	}
	q := onlineModel(t)
	if err := predictors.Load(&b, q); err != nil {
		t.Fatal(err)
	}
	want, got := learningBits(t, p, xs[333:]), learningBits(t, q, xs[333:])
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("symbol %d costs %v bits, without the break %v", i, got[i], want[i])
		}
	}
	if bytes := p.Bytes(); bytes <= onlineModel(t).Bytes() {
		t.Errorf("a learner takes %d bytes, no more than one that does not learn", bytes)
	}
}

// Between two steps nothing changes, and a fork made before one is not asked
// afterwards.
func TestLearnsInBlocks(t *testing.T) {
	p := onlineModel(t)
	before := append([]float32(nil), p.params...)
	for i := range p.cfg.OnlineEvery {
		for j, v := range p.params {
			if v != before[j] {
				t.Fatalf("weights changed after %d symbols, want %d", i, p.cfg.OnlineEvery)
			}
		}
		p.Learn(0)
	}
	same := true
	for j, v := range p.params {
		same = same && v == before[j]
	}
	if same {
		t.Errorf("weights did not change after %d symbols", p.cfg.OnlineEvery)
	}
}

// A refit does not touch it: what its schedule has settled stays.
func TestDeclinesRefits(t *testing.T) {
	xs := goldenMean(900, rand.New(rand.NewPCG(5, 6)))
	d := predictors.Data{Train: [][]predictors.Symbol{xs[:600]}, Valid: [][]predictors.Symbol{xs[600:]}}
	var got [2][]float32
	for i := range got {
		d.Refit = i == 1
		p := onlineModel(t)
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		got[i] = p.params
	}
	if !slices.Equal(got[0], got[1]) {
		t.Error("a refit changed the weights")
	}
}
