package catalog_test

import (
	"testing"

	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
)

// Every kind passes the conformance suite.
func TestConformance(t *testing.T) {
	for _, k := range catalog.Kinds {
		t.Run(k.Name, func(t *testing.T) {
			predictortest.Run(t, k)
		})
	}
}

func TestKindsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range catalog.Kinds {
		if k.Name == "" || k.Doc == "" || k.Paper == "" || k.Version < 1 || k.Default == nil || k.Tiny == nil {
			t.Errorf("kind %q: want a name, a line of doc, a paper, a version ≥ 1, defaults and a tiny config", k.Name)
		}
		if seen[k.Name] {
			t.Errorf("kind %q is listed twice", k.Name)
		}
		seen[k.Name] = true
	}
}
