package contexttree_test

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/markov/contexttree"
	"horizon/predictors/predictortest"
)

// The catalog's tests run the suite on the tiny configurations; this is what
// they leave out.
func TestConformance(t *testing.T) {
	binary := func() predictors.Config { return &contexttree.CTWConfig{Depth: 20, Form: "binary", First: "high"} }
	predictortest.Run(t, catalog.Kind{Name: "ctw of one tree", Default: binary, Tiny: binary})
}
