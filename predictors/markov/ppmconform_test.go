package markov_test

import (
	"fmt"
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/markov"
	"horizon/predictors/predictortest"
)

// Variants beside those that the catalog lists.
func TestPPMConforms(t *testing.T) {
	for _, c := range []markov.PPMConfig{
		{Depth: 3, Escape: "C", Exclusion: "none", UpdateExclusion: true, Start: "deterministic"},
		{Depth: 1, Escape: "free", Alpha: 0.3, Beta: 0.4, Exclusion: "counts", Start: "longest"},
	} {
		kind := catalog.Kind{Name: "ppm", Default: markov.DefaultPPM, Tiny: func() predictors.Config { return &c }}
		t.Run(fmt.Sprintf("%s-%d-%s", c.Escape, c.Depth, c.Exclusion), func(t *testing.T) { predictortest.Run(t, kind) })
	}
}

func TestPPMStarConforms(t *testing.T) {
	for _, c := range []markov.PPMStarConfig{
		{Escape: "C", Exclusion: "full", UpdateExclusion: true, Start: "deterministic"},
		{Escape: "D", Exclusion: "blend", Start: "longest"},
	} {
		kind := catalog.Kind{Name: "ppm-star", Default: markov.DefaultPPMStar, Tiny: func() predictors.Config { return &c }}
		if c.Start == "deterministic" {
			kind.Skip = map[string]string{"near-entropy": "the shortest deterministic context fits noise"}
		}
		t.Run(c.Exclusion, func(t *testing.T) { predictortest.Run(t, kind) })
	}
}

func TestPPMVMMConforms(t *testing.T) {
	c := markov.PPMVMMConfig{Depth: 3}
	kind := catalog.Kind{Name: "ppm-c-vmm", Default: markov.DefaultPPMVMM, Tiny: func() predictors.Config { return &c }}
	predictortest.Run(t, kind)
}
