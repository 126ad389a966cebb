package metric_test

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/kernel/metric"
	"horizon/predictors/predictortest"
)

// TestConformance runs the suite over forms that the catalogue's tiny configs
// do not show.
func TestConformance(t *testing.T) {
	for name, change := range map[string]func(*metric.Config){
		"window, low-rank, gaussian": func(c *metric.Config) { c.Memory, c.Kernel = "window", "gaussian" },
		"corpus, flat, all":          func(c *metric.Config) { c.Form, c.Lags, c.Steps, c.Candidates = "flat", 1, 8, 0 },
		"corpus, full, nearly all": func(c *metric.Config) {
			c.Form, c.Lags, c.Steps, c.Candidates, c.Tolerance = "full", 1, 8, 0, 1e-4
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := func() predictors.Config {
				c := metric.Tiny().(*metric.Config)
				change(c)
				return c
			}
			predictortest.Run(t, catalog.Kind{Name: name, Version: 1, Default: config, Tiny: config})
		})
	}
}
