package lempelziv

import (
	"context"
	"fmt"
	"testing"
	"time"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// growConfigs are the parses whose speed matters.
var growConfigs = []struct {
	name   string
	change func(*BlendConfig)
}{
	{"lz78", func(c *BlendConfig) { c.Starts, c.Counts, c.Depth = 1, "phrases", 62 }},
	{"lz78/shards=4", func(c *BlendConfig) { c.Starts, c.Counts, c.Depth, c.Shards = 1, "phrases", 62, 4 }},
	{"all", func(c *BlendConfig) {}},
	{"all/shards=4", func(c *BlendConfig) { c.Shards = 4 }},
	{"all/grow=2", func(c *BlendConfig) { c.Grow = 2 }},
}

// Growing trees from 10 MB of enwik7: MB/s of text, with the shards' trees
// merged, and with the tree laid out as well.
func BenchmarkGrow(b *testing.B) {
	xs := corporatest.Symbols(b, "wiki/enwik7")
	for _, c := range growConfigs {
		p := blendWith(b, 256, func(d *BlendConfig) { d.Depth = 16; c.change(d) })
		d := predictors.Data{Train: []symbols{xs}}
		b.Run("grow/"+c.name, func(b *testing.B) {
			b.SetBytes(int64(len(xs)))
			for b.Loop() {
				if _, err := p.growAll(context.Background(), d, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("fit/"+c.name, func(b *testing.B) {
			b.SetBytes(int64(len(xs)))
			for b.Loop() {
				if err := predictors.Train(context.Background(), p, d, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(p.Describe()["bytes_per_node"], "B/node")
			b.ReportMetric(p.Describe()["nodes"]/1e6, "Mnodes")
		})
	}
}

// One Prob and Observe, and one Predict and Observe, of Opticks after half of
// it.
func BenchmarkBlend(b *testing.B) {
	xs := opticks(b)
	half := len(xs) / 2
	for _, rule := range ruleNames[1:] {
		p := blendWith(b, 256, func(c *BlendConfig) { c.Depth, c.Rule = 16, rule })
		if err := predictors.Train(context.Background(), p, predictors.Data{Train: []symbols{xs[:half]}}, nil); err != nil {
			b.Fatal(err)
		}
		q := make([]float64, 256)
		walk := func(name string, step func(x predictors.Symbol)) {
			b.Run(fmt.Sprintf("%s/%s", name, rule), func(b *testing.B) {
				p.Reset()
				for i := 0; b.Loop(); i++ {
					step(xs[half+i%half])
				}
			})
		}
		walk("observe", p.Observe)
		walk("prob", func(x predictors.Symbol) { p.Prob(x); p.Observe(x) })
		walk("predict", func(x predictors.Symbol) { p.Predict(q); p.Observe(x) })
		walk("learn", func(x predictors.Symbol) { p.Prob(x); p.Learn(x) })
	}
}
