package mixture_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/lempelziv"
	"horizon/predictors/mixture"
	"horizon/predictors/predictortest"
)

type symbol = predictors.Symbol

// of is a mixture config of the tiny forms of two kinds or more.
func of(weights string, kinds ...string) *mixture.Config {
	c := mixture.Default().(*mixture.Config)
	c.Weights, c.Parts = weights, map[string]mixture.Part{}
	for _, name := range kinds {
		k, _ := catalog.Find(name)
		c.Parts[name] = mixture.NewPart(name, k.Tiny())
	}
	return c
}

// TestConformance runs the suite over what the catalogue's tiny config does
// not show.
func TestConformance(t *testing.T) {
	inner := of("fixed", "unigram", "lz78")
	inner.Shares = map[string]float64{"unigram": 1, "lz78": 3}
	buckets := of("bucketed", "witten-bell")
	buckets.Levels, buckets.Parts["inner"] = 3, mixture.NewPart("mixture", inner)
	for name, c := range map[string]*mixture.Config{"bayes": of("bayes", "witten-bell", "lz78", "uniform"), "bucketed": buckets} {
		t.Run(name, func(t *testing.T) {
			config := func() predictors.Config { return c }
			predictortest.Run(t, catalog.Kind{Name: name, Version: 1, Default: config, Tiny: config})
		})
	}
}

// source draws symbols of an order-1 law that changes half way.
func source(rng *rand.Rand, a, n int) []symbol {
	xs := make([]symbol, n)
	for i := 1; i < n; i++ {
		xs[i] = symbol(rng.IntN(a))
		if rng.IntN(4) > 0 {
			xs[i] = (xs[i-1] + 1 + symbol(2*i/n)) % symbol(a)
		}
	}
	return xs
}

func train(t *testing.T, c predictors.Config, a int, d predictors.Data) predictors.Predictor {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEqualsDefinition: every way of weighing is Σ_k w_k q_k with the weights
// of the definition, worked out here from the parts trained alone.
func TestEqualsDefinition(t *testing.T) {
	const a = 5
	rng := rand.New(rand.NewPCG(1, 2))
	d := predictors.Data{Train: [][]symbol{source(rng, a, 800)}, Valid: [][]symbol{source(rng, a, 300), source(rng, a, 50)}}
	xs := source(rng, a, 200)
	kinds := []string{"lz78", "unigram", "witten-bell"} // in order of names
	parts := make([]predictors.Predictor, len(kinds))
	for k, name := range kinds {
		kind, _ := catalog.Find(name)
		parts[k] = train(t, kind.Tiny(), a, d)
	}
	fixed := of("fixed", kinds...)
	fixed.Shares = map[string]float64{"lz78": 2, "witten-bell": 6}
	bayes := of("bayes", kinds...)
	bayes.Switch = 0.05
	for _, c := range []*mixture.Config{fixed, bayes, of("tuned", kinds...)} {
		p := train(t, c, a, d)
		prior := []float64{1. / 3, 1. / 3, 1. / 3}
		switch c.Weights {
		case "fixed":
			prior = []float64{0.25, 0, 0.75}
		case "tuned":
			for k, name := range kinds {
				prior[k] = predictors.Describe(p)["weight_"+name]
			}
		}
		w := slices.Clone(prior)
		for _, part := range parts {
			part.Reset()
		}
		got, q := make([]float64, a), make([]float64, a)
		for i, x := range xs {
			want, own := make([]float64, a), make([]float64, len(w))
			for k, part := range parts {
				part.Predict(q)
				own[k] = q[x]
				for y := range q {
					want[y] += w[k] * q[y]
				}
				part.Observe(x)
			}
			p.Predict(got)
			for y := range want {
				if math.Abs(got[y]-want[y]) > 1e-12 {
					t.Fatalf("%s: symbol %d: q(%d) = %v, want %v", c.Weights, i, y, got[y], want[y])
				}
			}
			p.Observe(x)
			if c.Weights != "bayes" {
				continue
			}
			total := 0.0
			for k := range w {
				total += w[k] * own[k]
			}
			for k := range w {
				w[k] = 0.95*w[k]*own[k]/total + 0.05*prior[k]
			}
		}
	}
}

// validLoss is the loss of two predictors mixed with weight w of the first.
func validLoss(one, two []float64, w float64) (bits float64) {
	for t := range one {
		bits -= math.Log2(w*math.Exp2(-one[t]) + (1-w)*math.Exp2(-two[t]))
	}
	return bits / float64(len(one))
}

// TestTunedIsBest: no weight of a fine grid does better on the validation part
// than the tuned one, and the reported loss is the loss there.
func TestTunedIsBest(t *testing.T) {
	const a = 6
	rng := rand.New(rand.NewPCG(3, 4))
	d := predictors.Data{Train: [][]symbol{source(rng, a, 500)}, Valid: [][]symbol{source(rng, a, 400)}}
	p := train(t, of("tuned", "lz78", "nadaraya-watson"), a, d)
	chosen := predictors.Describe(p)
	losses := make([][]float64, 2)
	for k, name := range []string{"lz78", "nadaraya-watson"} {
		kind, _ := catalog.Find(name)
		losses[k] = make([]float64, len(d.Valid[0]))
		predictors.Score(train(t, kind.Tiny(), a, d), losses[k], nil, d.Valid[0])
	}
	own := validLoss(losses[0], losses[1], chosen["weight_lz78"])
	if math.Abs(own-chosen["valid_bits"]) > 1e-9 {
		t.Errorf("valid_bits = %v, want %v", chosen["valid_bits"], own)
	}
	for w := 0.0; w <= 1; w += 0.001 {
		if l := validLoss(losses[0], losses[1], w); l < own-1e-7 {
			t.Fatalf("weight %v: %v bits, better than %v with %v", w, l, own, chosen["weight_lz78"])
		}
	}
}

// TestBuckets: where one part is good after some symbols and the other after
// the others, weights by bucket beat weights for all.
func TestBuckets(t *testing.T) {
	const a = 8
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func(n int) []symbol { // 0 to 3 say what follows, 4 to 7 do not
		xs := make([]symbol, n)
		for i := 1; i < n; i++ {
			if xs[i-1] < 4 && rng.IntN(20) > 0 {
				xs[i] = xs[i-1] + 4
			} else {
				xs[i] = symbol(rng.IntN(a))
			}
		}
		return xs
	}
	d := predictors.Data{Train: [][]symbol{draw(300)}, Valid: [][]symbol{draw(3000)}}
	c := of("bucketed", "uniform", "kneser-ney")
	loss := func(c *mixture.Config) float64 { return predictors.Describe(train(t, c, a, d))["valid_bits"] }
	if all, by := loss(of("tuned", "uniform", "kneser-ney")), loss(c); !(by < all-0.01) {
		t.Errorf("by bucket %v bits, for all %v: want at least 0.01 less", by, all)
	}
}

// TestBayesRegret: without switching a Bayesian loses at most log₂ K bits in
// all to the best part, whatever the sequence.
func TestBayesRegret(t *testing.T) {
	const a = 4
	rng := rand.New(rand.NewPCG(7, 8))
	xs := source(rng, a, 2000)
	kinds := []string{"lz78", "unigram", "uniform", "witten-bell"}
	c := of("bayes", kinds...)
	c.Switch = 0
	loss := func(c predictors.Config) (sum float64) {
		p, err := c.New(predictors.Env{Alphabet: a})
		if err != nil {
			t.Fatal(err)
		}
		bits := make([]float64, len(xs))
		if err := predictors.ScoreLearning(p, bits, nil, xs); err != nil {
			t.Fatal(err)
		}
		for _, b := range bits {
			sum += b
		}
		return sum
	}
	best := math.Inf(1)
	for _, name := range kinds {
		k, _ := catalog.Find(name)
		best = min(best, loss(k.Tiny()))
	}
	if got := loss(c); got > best+math.Log2(float64(len(kinds)))+1e-6 {
		t.Errorf("%v bits, want at most %v + log₂ %d", got, best, len(kinds))
	}
}

// TestAnyKindIsAPart: parts of every kind are saved and loaded behind one
// another, and configured from what a header says.
func TestAnyKindIsAPart(t *testing.T) {
	const a = 4
	rng := rand.New(rand.NewPCG(9, 1))
	d := predictors.Data{Train: [][]symbol{source(rng, a, 300)}, Valid: [][]symbol{source(rng, a, 80)}}
	xs := source(rng, a, 60)
	for _, k := range catalog.Kinds {
		if k.Oracle || k.Name == "mixture" {
			continue
		}
		c := of("tuned", "unigram")
		c.Parts["own"] = mixture.NewPart(k.Name, k.Tiny())
		p := train(t, c, a, d)
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again := mixture.Default()
		if err := json.Unmarshal(text, again); err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		q, err := again.New(predictors.Env{Alphabet: a, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			t.Fatal(err)
		}
		if err := predictors.Load(&b, q); err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		want, got := make([]float64, len(xs)), make([]float64, len(xs))
		predictors.Score(p, want, nil, xs)
		predictors.Score(q, got, nil, xs)
		if !slices.Equal(got, want) {
			t.Errorf("%s: loaded, it predicts differently", k.Name)
		}
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*mixture.Config){
		"mixture: parts: missing, want at least one table parts.NAME with a kind":                  func(c *mixture.Config) { c.Parts = nil },
		`mixture: weights = "some", want "fixed", "tuned", "bucketed" or "bayes"`:                  func(c *mixture.Config) { c.Weights = "some" },
		`mixture: bucket = "depth", want "confidence", "match" or "effective"`:                     func(c *mixture.Config) { c.Bucket = "depth" },
		"mixture: levels = 1, want 2 to 64":                                                        func(c *mixture.Config) { c.Levels = 1 },
		"mixture: switch = 2, want 0 to 1":                                                         func(c *mixture.Config) { c.Switch = 2 },
		"mixture: shares.lz77: there is no such part (parts: lz78, unigram)":                       func(c *mixture.Config) { c.Shares = map[string]float64{"lz77": 1} },
		"mixture: shares.lz78 = -1, want ≥ 0":                                                      func(c *mixture.Config) { c.Shares = map[string]float64{"lz78": -1} },
		"mixture: shares: all are 0, want one that is not":                                         func(c *mixture.Config) { c.Shares = map[string]float64{"lz78": 0} },
		"mixture: parts.none: missing kind":                                                        func(c *mixture.Config) { c.Parts["none"] = mixture.Part{} },
		"mixture: parts.a.b: want a name of letters, digits, _ and -":                              func(c *mixture.Config) { c.Parts["a.b"] = c.Parts["lz78"] },
		"mixture: levels = 64, want at most 4096 buckets, which is levels to the power of 3 parts": func(c *mixture.Config) { c.Levels, c.Weights, c.Parts["x"] = 64, "bucketed", c.Parts["lz78"] },
		"mixture: parts.lz78.gamma = -1, want > 0, or 0 to tune it on the validation part": func(c *mixture.Config) {
			c.Parts["lz78"] = mixture.NewPart("lz78", &lempelziv.LZ78Config{Gamma: -1})
		},
	} {
		c := of("tuned", "lz78", "unigram")
		change(c)
		_, err := c.New(predictors.Env{Alphabet: 4})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	p := of("fixed", "unigram", "uniform")
	var part mixture.Part
	for text, want := range map[string]string{
		`{"Kind":"nothing"}`:              `mixture: kind "nothing": unknown`,
		`{"Kind":"unigram","Version":99}`: "mixture: made by version 99 of unigram, this is version 1",
	} {
		if err := json.Unmarshal([]byte(text), &part); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if q, err := p.New(predictors.Env{Alphabet: 4}); err != nil || predictors.CanLearn(q) != nil {
		t.Errorf("%v: want a mixture of learners that learns", err)
	}
	if q, err := of("fixed", "unigram", "cssr").New(predictors.Env{Alphabet: 4}); err != nil || predictors.CanLearn(q) == nil {
		t.Errorf("%v: want a mixture that does not learn on if a part does not", err)
	}
}
