package kernel_test

import (
	"testing"

	"horizon/predictors/catalog"
	"horizon/predictors/kernel"
	"horizon/predictors/predictortest"
)

func TestConformance(t *testing.T) {
	predictortest.Run(t, catalog.Kind{
		Name:    "nadaraya-watson",
		Default: kernel.DefaultNadarayaWatson,
		Tiny:    kernel.TinyNadarayaWatson,
	})
}
