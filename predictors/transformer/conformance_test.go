package transformer_test

import (
	"testing"

	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
	"horizon/predictors/transformer"
)

func TestConformance(t *testing.T) {
	predictortest.Run(t, catalog.Kind{
		Name:    "transformer",
		Default: transformer.Default,
		Tiny:    transformer.Tiny,
		Random:  true,
	})
}
