// Package catalog lists every kind of predictor: a table of contents. Its
// order is that of tables and legends. A new kind is one file in a family's
// folder and one line here; the conformance suite then runs over it.
package catalog

import (
	"horizon/predictors"
)

// A Kind is one kind of predictor.
type Kind struct {
	Name    string // in TOML
	Version int    // of its code: raised when its predictions change, so that stored results are not mistaken for its
	Doc     string // one line
	Paper   string // who proposed it, and where
	Default func() predictors.Config
	Tiny    func() predictors.Config // a small one for the conformance suite
	Oracle  bool                     // needs to know the process; runs on known processes only
	// Skip names checks of the conformance suite it cannot pass, each with
	// its reason. A skip that would pass fails.
	Skip map[string]string
}

// Kinds lists the predictors.
var Kinds = []Kind{}

// A CoderKind is one kind of everyday compressor.
type CoderKind struct {
	Name    string
	Version int
	Doc     string
	Paper   string
	Default func() predictors.CoderConfig
}

// Coders lists the compressors that stand beside the predictors as baselines.
var Coders = []CoderKind{}

// Find returns the predictor kind of that name.
func Find(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// FindCoder returns the coder kind of that name.
func FindCoder(name string) (CoderKind, bool) {
	for _, k := range Coders {
		if k.Name == name {
			return k, true
		}
	}
	return CoderKind{}, false
}
