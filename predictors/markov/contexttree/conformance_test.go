package contexttree

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
)

func TestConformance(t *testing.T) {
	kinds := []catalog.Kind{
		{Name: "ctw", Tiny: TinyCTW},
		{Name: "ctw of one tree", Tiny: func() predictors.Config { return &CTWConfig{Depth: 20, Form: "binary", First: "high"} }},
		{Name: "cts", Tiny: TinyCTS}, // with skips, but of bytes, where it is too short
		{Name: "de-ctw", Tiny: TinyVolf},
		{Name: "ctw-kary", Tiny: TinyKary},
	}
	for _, k := range kinds {
		t.Run(k.Name, func(t *testing.T) { predictortest.Run(t, k) })
	}
}
