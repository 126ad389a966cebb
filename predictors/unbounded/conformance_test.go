package unbounded

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
)

func TestConformance(t *testing.T) {
	kind := func(name string, c predictors.Config) catalog.Kind {
		return catalog.Kind{Name: name, Version: 1, Default: func() predictors.Config { return c }, Tiny: func() predictors.Config { return c }}
	}
	for _, k := range []catalog.Kind{
		kind("infini-gram", TinyInfiniGram()),
		kind("infini-gram/dirichlet", &InfiniGramConfig{Backoff: "dirichlet"}),
		kind("infini-gram/longest", &InfiniGramConfig{Backoff: "longest", Tau: 0.5}),
		kind("sequence-memoizer", TinyMemoizer()),
		kind("sequence-memoizer/ukn", &MemoizerConfig{Inference: "ukn", Rate: 0.01, Tune: 3}),
		kind("sequence-memoizer/depth", &MemoizerConfig{Inference: "particle", Depth: 3}),
		kind("infini-kneser-ney", TinyInfiniKN()),
		kind("infini-kneser-ney/raw", &InfiniKNConfig{Counts: "raw", Rate: 0.01}),
		kind("infini-kneser-ney/continuation", &InfiniKNConfig{Counts: "continuation", Depth: 20}),
	} {
		t.Run(k.Name, func(t *testing.T) { predictortest.Run(t, k) })
	}
}
