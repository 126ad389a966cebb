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
		kind("infini-gram/longest", &InfiniGramConfig{Backoff: "longest", Tau: 0.5}),
		kind("sequence-memoizer", TinyMemoizer()),
		kind("sequence-memoizer/ukn", &MemoizerConfig{Inference: "ukn", Rate: 0.01, Tune: 3}),
		kind("infini-kneser-ney", TinyInfiniKN()),
		kind("infini-kneser-ney/raw", &InfiniKNConfig{Counts: "raw", Depth: 3}),
	} {
		t.Run(k.Name, func(t *testing.T) { predictortest.Run(t, k) })
	}
}
