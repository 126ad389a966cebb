package markov_test

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/markov"
	"horizon/predictors/predictortest"
)

func TestSmoothingsConform(t *testing.T) {
	for _, k := range []catalog.Kind{
		{Name: "additive", Default: markov.DefaultAdditive, Tiny: markov.TinyAdditive},
		{Name: "jelinek-mercer", Default: markov.DefaultJelinekMercer, Tiny: markov.TinyJelinekMercer},
		{Name: "katz", Default: markov.DefaultKatz, Tiny: markov.TinyKatz},
		{Name: "witten-bell", Default: markov.DefaultWittenBell, Tiny: markov.TinyWittenBell},
		{Name: "absolute-discounting", Default: markov.DefaultAbsolute, Tiny: markov.TinyAbsolute},
		{Name: "kneser-ney", Default: markov.DefaultKneserNey, Tiny: markov.TinyKneserNey},
		{Name: "kneser-ney-backoff", Default: markov.DefaultBackoffKneserNey, Tiny: markov.TinyBackoffKneserNey},
		{Name: "kneser-ney-backoff single", Default: markov.DefaultBackoffKneserNey, Tiny: func() predictors.Config {
			return &markov.BackoffKneserNeyConfig{Order: 4, Discounts: "single"}
		}},
		{Name: "cache", Default: markov.DefaultCache, Tiny: markov.TinyCache},
		{Name: "cache of trigrams beside jelinek-mercer", Default: markov.DefaultCache, Tiny: func() predictors.Config {
			return &markov.CacheConfig{Smoothing: "jelinek-mercer", Order: 3, CacheOrder: 3, HalfLife: 0.5}
		}},
	} {
		if _, listed := catalog.Find(k.Name); listed {
			continue // the suite runs over the catalog elsewhere
		}
		t.Run(k.Name, func(t *testing.T) { predictortest.Run(t, k) })
	}
}
