package unbounded_test

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
	"horizon/predictors/unbounded"
)

// The catalog's tests run the suite on the tiny configurations; these are what
// they leave out.
func TestConformance(t *testing.T) {
	kind := func(name string, c predictors.Config) catalog.Kind {
		return catalog.Kind{Name: name, Version: 1, Default: func() predictors.Config { return c }, Tiny: func() predictors.Config { return c }}
	}
	for _, k := range []catalog.Kind{
		kind("infini-gram/longest", &unbounded.InfiniGramConfig{Backoff: "longest", Tau: 0.5}),
		kind("sequence-memoizer/ukn", &unbounded.MemoizerConfig{Inference: "ukn", Rate: 0.01, Tune: 3}),
		kind("infini-kneser-ney/raw", &unbounded.InfiniKNConfig{Counts: "raw", Depth: 3}),
	} {
		t.Run(k.Name, func(t *testing.T) { predictortest.Run(t, k) })
	}
}
