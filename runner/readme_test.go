package main

import (
	"os"
	"strings"
	"testing"

	"horizon/predictors/catalog"
)

// The README lists every kind of predictor, as the catalogue describes it.
func TestReadmeListsThePredictors(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := func(name, doc, paper string) {
		if line := "| `" + name + "` | " + doc + " | " + paper + " |"; !strings.Contains(string(text), line) {
			t.Errorf("README.md lacks the line\n%s", line)
		}
	}
	for _, k := range catalog.Kinds {
		want(k.Name, k.Doc, k.Paper)
	}
	for _, k := range catalog.Coders {
		want(k.Name, k.Doc, k.Paper)
	}
}
