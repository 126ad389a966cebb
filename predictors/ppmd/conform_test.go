package ppmd_test

import (
	"fmt"
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/ppmd"
	"horizon/predictors/predictortest"
)

func TestConforms(t *testing.T) {
	for _, c := range []ppmd.Config{
		{Order: 2, Memory: 1 << 17}, // which fills up
		{Order: 5, Memory: 1 << 22, MixOrder: 3, MixMemory: 1 << 16},
	} {
		kind := catalog.Kind{Name: "ppmd", Default: ppmd.Default, Tiny: func() predictors.Config { return &c }}
		t.Run(fmt.Sprintf("order-%d", c.Order), func(t *testing.T) { predictortest.Run(t, kind) })
	}
}
