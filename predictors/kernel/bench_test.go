package kernel

import (
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// BenchmarkNadarayaWatson scores the validation part of tinyshakespeare from
// so many characters of its training part.
func BenchmarkNadarayaWatson(b *testing.B) {
	xs, a := corporatest.Packed(b, "shakespeare/tinyshakespeare.txt")
	for _, c := range []struct {
		name    string
		n       int
		backoff string
	}{{"1e5/kneser-ney", 100_000, "kneser-ney"}, {"1e5/dirichlet", 100_000, "dirichlet"}, {"1e6/kneser-ney", 1_003_854, "kneser-ney"}} {
		b.Run(c.name, func(b *testing.B) {
			config := DefaultNadarayaWatson().(*NadarayaWatsonConfig)
			config.Backoff, config.Queries = c.backoff, 300
			p := fit(b, config, a, xs[:c.n])
			f, valid := p.Fork(), xs[1_003_854:]
			bits := make([]float64, 500)
			for b.Loop() {
				predictors.Score(f, bits, nil, valid[:500])
			}
			b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(), "predictions/s")
		})
	}
}
