package config

import (
	"context"
	"errors"
	"fmt"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/predictors/catalog"
)

// The tests read experiments of kinds made for them, so that their messages
// change when this package does and not when a predictor gains a parameter.

type fakeKN struct {
	Order     int    `toml:"order"`
	Discounts string `toml:"discounts"`
}

func (c *fakeKN) New(predictors.Env) (predictors.Predictor, error) {
	if c.Order < 1 {
		return nil, fmt.Errorf("markov: order = %d, want ≥ 1", c.Order)
	}
	if c.Discounts == "none" {
		return nil, errors.New("markov: what is subtracted must go somewhere")
	}
	return nil, nil
}

type fakeLZ struct {
	Gamma float64 `toml:"gamma"`
	Tune  bool    `toml:"tune"`
}

func (c *fakeLZ) New(predictors.Env) (predictors.Predictor, error) { return nil, nil }
func (c *fakeLZ) Validate() error {
	if c.Gamma <= 0 {
		return fmt.Errorf("lempelziv: gamma = %v, want > 0", c.Gamma)
	}
	return nil
}

type fakeTrain struct {
	Steps int     `toml:"steps"`
	LR    float32 `toml:"lr"`
}

type fakeTransformer struct {
	Width   int                `toml:"width"`
	Layers  uint8              `toml:"layers"`
	Lags    []int              `toml:"lags"`
	Betas   [2]float64         `toml:"betas"`
	Scales  map[string]float64 `toml:"scales"`
	Cap     *int               `toml:"cap"`
	Warm    Size               `toml:"warm"`
	Free    any                `toml:"free"`
	Train   fakeTrain          `toml:"train"`
	scratch int
}

func (c *fakeTransformer) New(predictors.Env) (predictors.Predictor, error) {
	if c.Train.Steps < c.scratch {
		return nil, fmt.Errorf("transformer: train.steps = %d, want ≥ 0", c.Train.Steps)
	}
	return nil, nil
}

func (c *fakeTransformer) Validate() error {
	if c.Width%4 != 0 || c.Width < 4 {
		return fmt.Errorf("transformer: width = %d, want a multiple of 4", c.Width)
	}
	return nil
}

type fakeOracle struct{}

func (c *fakeOracle) New(predictors.Env) (predictors.Predictor, error) { return nil, nil }

type fakeGzip struct {
	Level int `toml:"level"`
}

func (c *fakeGzip) NewCoder() (predictors.Coder, error) {
	return nil, fmt.Errorf("gzip: level = %d, want 1 to 9", c.Level)
}

type fakeSplit struct {
	Train float64 `toml:"train"`
	Valid float64 `toml:"valid"`
	Test  float64 `toml:"test"`
}

type fakeText struct {
	Path  string    `toml:"path"`
	Split fakeSplit `toml:"split"`
}

func (c *fakeText) Validate() error {
	var errs []error
	if c.Split.Train < 0 || c.Split.Train > 1 {
		errs = append(errs, fmt.Errorf("split.train = %v, want 0 to 1", c.Split.Train))
	}
	if sum := c.Split.Train + c.Split.Valid + c.Split.Test; sum > 1+1e-9 {
		errs = append(errs, fmt.Errorf("split: the parts are %v of the whole", sum))
	}
	return errors.Join(errs...)
}

func (c *fakeText) Load(context.Context, corpora.Env) (*corpora.Corpus, error) { return nil, nil }

type fakeDraw struct {
	Symbols int `toml:"symbols"`
}

type fakeProcess struct {
	P float64 `toml:"p"`
	fakeDraw
}

func (c *fakeProcess) Validate() error                                            { return nil }
func (c *fakeProcess) Load(context.Context, corpora.Env) (*corpora.Corpus, error) { return nil, nil }

type fakeStudy struct {
	Generations int `toml:"generations"`
}

func (c *fakeStudy) Validate() error {
	if c.Generations < 1 {
		return fmt.Errorf("generations = %d, want >= 1", c.Generations)
	}
	return nil
}

type fakePlot struct {
	Width float64 `toml:"width"`
}

// aBeta is shared by all defaults on purpose: decoding must not change it.
var aBeta = []int{1, 2}

func text() any {
	return &fakeText{Split: fakeSplit{0.8, 0.1, 0.1}}
}

var fakes = Registries{
	Corpora: []Kind{
		{Name: "file", Default: text},
		{Name: "opticks", Default: text},
		{Name: "golden-mean", Process: true, Default: func() any { return &fakeProcess{0.5, fakeDraw{1000}} }},
	},
	Predictors: []catalog.Kind{
		{Name: "kneser-ney", Version: 2, Default: func() predictors.Config { return &fakeKN{5, "modified"} }},
		{Name: "lz78", Version: 1, Default: func() predictors.Config { return &fakeLZ{Gamma: 0.5} }},
		{Name: "transformer", Version: 1, Default: func() predictors.Config {
			return &fakeTransformer{Width: 64, Layers: 2, Lags: aBeta, Betas: [2]float64{0.9, 0.95}, Train: fakeTrain{300, 3e-4}}
		}},
		{Name: "oracle", Version: 1, Oracle: true, Default: func() predictors.Config { return &fakeOracle{} }},
	},
	Coders: []catalog.CoderKind{
		{Name: "gzip", Version: 1, Default: func() predictors.CoderConfig { return &fakeGzip{9} }},
	},
	Metrics: []MetricKind{
		{Kind{Name: "drift", Default: func() any { return &fakeStudy{Generations: 8} }}, 1},
		{Kind{Name: "recall", Default: func() any { return &fakeStudy{Generations: 8} }}, 3},
	},
	Plots: []Kind{
		{Name: "bits", Default: func() any { return &fakePlot{12} }},
	},
}
