package statemachine

import (
	"testing"

	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
)

func TestPSTConforms(t *testing.T) {
	predictortest.Run(t, catalog.Kind{Name: "pst", Version: 1, Default: DefaultPST, Tiny: TinyPST})
}

func TestDMCConforms(t *testing.T) {
	predictortest.Run(t, catalog.Kind{Name: "dmc", Version: 1, Default: DefaultDMC, Tiny: TinyDMC})
}

func TestHMMConforms(t *testing.T) {
	predictortest.Run(t, catalog.Kind{Name: "hmm", Version: 1, Default: DefaultHMM, Tiny: TinyHMM, Random: true})
}
