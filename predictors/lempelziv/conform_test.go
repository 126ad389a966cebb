package lempelziv_test

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/lempelziv"
	"horizon/predictors/predictortest"
)

// The suite over the switches that the catalogue leaves off.
func TestRefinementsConform(t *testing.T) {
	for name, change := range map[string]func(*lempelziv.LZ78Config){
		"backshift": func(c *lempelziv.LZ78Config) { c.Backshift = 5 },
		"all": func(c *lempelziv.LZ78Config) {
			c.Gamma, c.GammaScale, c.Floor, c.Temperature = 0.1, "count", 1e-4, 0.9
			c.Ensemble, c.Backshift, c.BackshiftCount, c.Prune = "depth", 6, 2, 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			predictortest.Run(t, catalog.Kind{Name: name, Tiny: func() predictors.Config {
				c := lempelziv.DefaultLZ78().(*lempelziv.LZ78Config)
				change(c)
				return c
			}})
		})
	}
}
