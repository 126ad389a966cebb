package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
)

// A fakePart is one of the fake kinds inside a fake mixture.
type fakePart struct {
	kind   string
	config predictors.Config
}

func (*fakePart) Kinds() []string { return []string{"kneser-ney", "transformer"} }

func (p *fakePart) Choose(kind string) {
	i := slices.IndexFunc(fakes.Predictors, func(k catalog.Kind) bool { return k.Name == kind })
	p.kind, p.config = kind, fakes.Predictors[i].Default()
}

func (p *fakePart) Chosen() (string, int, any) {
	if p.config == nil {
		return "", 0, nil
	}
	return p.kind, 3, p.config
}

type fakeMixture struct {
	Weights string              `toml:"weights"`
	Parts   map[string]fakePart `toml:"parts"`
}

func (c *fakeMixture) New(env predictors.Env) (predictors.Predictor, error) {
	for name, p := range c.Parts {
		if _, err := p.config.New(env); err != nil {
			return nil, fmt.Errorf("mixture: parts.%s.%s", name, strings.TrimPrefix(err.Error(), "markov: "))
		}
	}
	return nil, nil
}

var mixing = Registries{Corpora: fakes.Corpora, Predictors: []catalog.Kind{
	{Name: "mixture", Version: 1, Default: func() predictors.Config { return &fakeMixture{Weights: "tuned"} }}}}

const nestedHead = "schema = 1\nname = \"x\"\n[corpora.o]\nkind = \"opticks\"\n[predictors.soft]\nkind = \"mixture\"\n"

func readNested(body string, sets ...string) (*Experiment, error) {
	return Parse("m", []byte(nestedHead+body), Options{Registries: mixing, Sets: sets})
}

const twoParts = "[predictors.soft.parts.kn]\nkind = \"kneser-ney\"\norder = 7\n[predictors.soft.parts.tf]\nkind = \"transformer\"\ntrain.steps = 5\n"

// TestNested: a table with a kind inside another is decoded onto its kind's
// defaults, and what it says is part of the identity.
func TestNested(t *testing.T) {
	e, err := readNested(twoParts)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"parts":{` +
		`"kn":{"kind":"kneser-ney","params":{"discounts":"modified","order":7},"version":3},` +
		`"tf":{"kind":"transformer","params":{"betas":[0.9,0.95],"cap":null,"free":null,"lags":[1,2],"layers":2,"scales":{},` +
		`"train":{"lr":0.0003,"steps":5},"warm":"0B","width":64},"version":3}},"weights":"tuned"}`
	if got := string(e.Predictors[0].Params); got != want {
		t.Errorf("params\n%s\nwant\n%s", got, want)
	}
	listed := e.Resolved()
	for _, s := range []Setting{
		{"predictors.soft.parts.kn.kind", `"kneser-ney"`, "m:8"},
		{"predictors.soft.parts.kn.order", "7", "m:9"},
		{"predictors.soft.parts.kn.discounts", `"modified"`, "default"},
		{"predictors.soft.parts.tf.train.steps", "5", "m:12"},
	} {
		if !slices.Contains(listed, s) {
			t.Errorf("not listed: %v", s)
		}
	}
}

// TestNestedLayers: grids, --set and on reach into a nested table.
func TestNestedLayers(t *testing.T) {
	body := strings.Replace(twoParts, "order = 7", "order = 7\ndiscounts = \"one\"", 1) +
		"[predictors.soft.grid]\nparts.kn.order = [3, 4]\n[predictors.soft.on.o.parts.tf]\nwidth = 8\n"
	e, err := readNested(body, "predictors.soft.parts.kn.discounts=two")
	if err != nil {
		t.Fatal(err)
	}
	for i, order := range []int{3, 4} {
		p := e.Predictors[i]
		if want := fmt.Sprintf("soft/parts.kn.order=%d", order); p.Name != want {
			t.Errorf("name %q, want %q", p.Name, want)
		}
		c := p.Runs[0].Config.(*fakeMixture)
		kn, tf := c.Parts["kn"].config.(*fakeKN), c.Parts["tf"].config.(*fakeTransformer)
		if kn.Order != order || kn.Discounts != "two" || tf.Width != 8 || tf.Train.Steps != 5 {
			t.Errorf("point %d: %+v, %+v", i, kn, tf)
		}
		if own := p.Config.(*fakeMixture).Parts["tf"].config.(*fakeTransformer); own.Width != 64 {
			t.Errorf("on one corpus changed the others: width = %d", own.Width)
		}
	}
	// A grid may vary the kind, each from its own defaults; what --set merges
	// into the table itself must fit the other keys there.
	e, err = readNested("[predictors.soft.parts.kn]\nkind = \"kneser-ney\"\norder = 7\n[predictors.soft.grid.parts.kn]\nkind = [\"kneser-ney\", \"transformer\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := e.Predictors[1].Config.(*fakeMixture).Parts["kn"].config.(*fakeTransformer); !ok || c.Width != 64 {
		t.Errorf("params %s, want a transformer", e.Predictors[1].Params)
	}
	if e, err = readNested(twoParts, "predictors.soft.parts.tf.kind=kneser-ney"); err == nil {
		t.Errorf("keys of another kind are taken: %s", e.Predictors[0].Params)
	}
}

func TestNestedRefused(t *testing.T) {
	for body, want := range map[string]string{
		"[predictors.soft.parts.kn]\norder = 7\n":                         `m:7: predictors.soft.parts.kn: missing kind (known: kneser-ney, transformer)`,
		"[predictors.soft.parts.kn]\nkind = 3\n":                          `m:8: predictors.soft.parts.kn.kind = 3, want a string`,
		"[predictors.soft.parts.kn]\nkind = \"kneser-nay\"\n":             `m:8: predictors.soft.parts.kn.kind = "kneser-nay": unknown kind, did you mean "kneser-ney"? (known: kneser-ney, transformer)`,
		"[predictors.soft.parts.kn]\nkind = \"kneser-ney\"\nordr = 7\n":   `m:9: predictors.soft.parts.kn.ordr: unknown key, did you mean "order"? (known: discounts, kind, order)`,
		"[predictors.soft.parts]\nkn = 7\n":                               `m:8: predictors.soft.parts.kn = 7, want a table with a kind`,
		"parts = 7\n":                                                     `m:7: predictors.soft.parts = 7, want a table`,
		"[predictors.soft.parts.kn]\nkind = \"kneser-ney\"\norder=\"\"\n": `m:9: predictors.soft.parts.kn.order = "", want an integer`,
	} {
		if _, err := readNested(body); err == nil || err.Error() != want {
			t.Errorf("%s\n%v\nwant\n%s", body, err, want)
		}
	}
	e, err := readNested("[predictors.soft.parts.kn]\nkind = \"kneser-ney\"\norder = 0\n")
	if err != nil {
		t.Fatal(err)
	}
	err = e.Predictors[0].Refuse(try(e.Predictors[0].Setup))
	if want := `m:9: predictors.soft.parts.kn.order = 0, want ≥ 1`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
