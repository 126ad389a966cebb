package transformer_test

import (
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/predictortest"
	"horizon/predictors/transformer"
)

// variants are models the suite runs on beside the default, which the catalogue
// has it run on.
var variants = []struct {
	name string
	set  func(c *transformer.Config)
}{
	{"rotary-gaussian-rms-swiglu-one-hot", func(c *transformer.Config) {
		c.Positions, c.Attention, c.Norm, c.Activation, c.Biases = "rotary", "gaussian", "rms", "swiglu", false
		c.Values = "one-hot"
	}},
	{"post-relu-dropout-top-prompt-segment-rank", func(c *transformer.Config) {
		c.NormAt, c.Activation, c.Dropout, c.Top, c.Positions = "post", "relu", 0.1, 3, "alibi"
		c.Prompt, c.Segment, c.Rank = 2, 5, 2
	}},
	{"linear-endless", func(c *transformer.Config) {
		c.Attention, c.Positions, c.Tied, c.Recurrent = "linear", "none", false, "endless"
	}},
}

func TestConformance(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			tiny := func() predictors.Config {
				c := transformer.Tiny().(*transformer.Config)
				v.set(c)
				c.Steps, c.ValidEvery = 30, 10 // half of what the catalogue's has
				return c
			}
			predictortest.Run(t, catalog.Kind{Name: "transformer", Default: transformer.Default, Tiny: tiny, Random: true})
		})
	}
}
