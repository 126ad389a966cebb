package baseline_test

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/baseline"
	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
)

// The catalog's tests run the suite on the tiny configurations, which leave the
// ideal parse out.
func TestIdealConforms(t *testing.T) {
	ideal := func() predictors.Config {
		c := baseline.DefaultGzipLM().(*baseline.CompressorLMConfig)
		c.Ideal = true
		return c
	}
	predictortest.Run(t, catalog.Kind{Name: "gzip-lm/ideal", Version: 1, Default: ideal, Tiny: ideal,
		Skip: map[string]string{"near-entropy": "literals know no context"}})
}
