package lempelziv_test

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/lempelziv"
	"horizon/predictors/predictortest"
)

// The catalog's tests run the suite on a tiny configuration; this is what it
// leaves out.
func TestLZ77DirichletConforms(t *testing.T) {
	c := func() predictors.Config { return &lempelziv.LZ77Config{Backoff: "dirichlet", MinMatch: 2} }
	predictortest.Run(t, catalog.Kind{Name: "lz77/dirichlet", Version: 1, Default: c, Tiny: c})
}
