package lempelziv

import (
	"testing"

	"horizon/predictors"
)

func BenchmarkLongestMatch(b *testing.B) {
	xs := opticks(b)
	xs, test := xs[:510478], xs[510478:]
	for _, c := range []struct {
		name   string
		config predictors.Config
	}{
		{"lz77-dirichlet", &LZ77Config{Backoff: "dirichlet", Gamma: 40, Longest: 258}},
		{"lz77-kneser-ney", DefaultLZ77()},
		{"spm", &SPMConfig{Alpha: 0.45, Gamma: 0.03, Longest: 258}},
	} {
		fresh := func() learner {
			p, err := c.config.New(predictors.Env{Alphabet: 256})
			if err != nil {
				b.Fatal(err)
			}
			return p.(learner)
		}
		p := fresh()
		b.Run(c.name+"/learn", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if i%len(xs) == 0 {
					p = fresh()
				}
				p.Learn(xs[i%len(xs)])
			}
		})
		p = fresh()
		for _, x := range xs {
			p.Learn(x)
		}
		p.Reset()
		b.Run(c.name+"/prob+observe", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				x := test[i%len(test)]
				p.Prob(x)
				p.Observe(x)
			}
		})
		b.Run(c.name+"/predict+observe", func(b *testing.B) {
			q := make([]float64, 256)
			for i := 0; b.Loop(); i++ {
				p.Predict(q)
				p.Observe(test[i%len(test)])
			}
		})
	}
}
