package machine

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"horizon/corpora"
	"horizon/predictors"
)

// learn makes a machine of n symbols of a law by CSSR, and the true one.
func learn(t *testing.T, law corpora.Law, n int, c CSSRConfig) (got, want *Machine) {
	t.Helper()
	process, err := law.Process(1)
	if err != nil {
		t.Fatal(err)
	}
	want, err = True(process)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.New(predictors.Env{Alphabet: process.Alphabet()})
	if err != nil {
		t.Fatal(err)
	}
	xs := process.Generate(n, rand.New(rand.NewPCG(7, 8)))
	if err := predictors.Train(t.Context(), p, predictors.Data{Train: [][]predictors.Symbol{xs}}, nil); err != nil {
		t.Fatal(err)
	}
	return p.(*cssr).machine(), want
}

// TestCSSRRecovers: the causal states, their transitions, and probabilities
// within sampling error, of processes whose states suffixes of the past tell;
// the even process and Nemo by more memory than the longest history. RRXOR's
// states are alike in their next symbol, and told apart by where they lead.
func TestCSSRRecovers(t *testing.T) {
	for _, c := range []struct {
		name   string
		law    corpora.Law
		length int
		future int
	}{
		{"golden mean", &corpora.GoldenMean{P: 0.5}, 5, 1},
		{"biased golden mean", &corpora.GoldenMean{P: 0.8}, 5, 1},
		{"even", &corpora.Even{P: 0.5}, 5, 1},
		{"rrxor", &corpora.RRXOR{}, 8, 1},
		{"rrxor by two symbols", &corpora.RRXOR{}, 8, 2},
		{"nemo", &corpora.Nemo{P: 0.5, Q: 0.5}, 6, 1},
		{"z1r", &corpora.Z1R{P: 0.5}, 6, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for test := range tests {
				cfg := *DefaultCSSR().(*CSSRConfig)
				cfg.Length, cfg.Future, cfg.Test = c.length, c.future, test
				got, want := learn(t, c.law, 100_000, cfg)
				// 100,000 symbols leave standard errors of up to 0.004 in a
				// state of RRXOR visited every sixth time.
				if err := Same(got, want, 0.02); err != nil {
					t.Errorf("%s: %v", test, err)
				}
				if math.Abs(got.Complexity()-want.Complexity()) > 0.01 || math.Abs(got.Rate-want.Rate) > 0.01 {
					t.Errorf("%s: C = %v, h = %v, want %v, %v", test, got.Complexity(), got.Rate, want.Complexity(), want.Rate)
				}
			}
		})
	}
}

// TestCSSRPredicts: L_k is the optimum's at every horizon, on symbols it has
// not learned, from the first on.
func TestCSSRPredicts(t *testing.T) {
	law := &corpora.Even{P: 0.5}
	p, err := DefaultCSSR().New(predictors.Env{Alphabet: 2})
	if err != nil {
		t.Fatal(err)
	}
	xs := process(t, law).Generate(60_000, rand.New(rand.NewPCG(7, 8)))
	if err := predictors.Train(t.Context(), p, predictors.Data{Train: [][]predictors.Symbol{xs[:50_000]}}, nil); err != nil {
		t.Fatal(err)
	}
	filter := process(t, law).Filter()
	ks := []int{1, 2, 5, 9}
	got, want := [][]float64{{0, 0}, {0, 0}, {0, 0}, {0, 0}}, make([]float64, 2)
	for i, x := range xs[50_000:] {
		if _, ok := p.(predictors.Aheader).PredictAhead(got, ks); !ok {
			t.Fatal("no marginals")
		}
		for j, k := range ks {
			filter.PredictAhead(want, k)
			if d := math.Abs(got[j][0] - want[0]); d > 0.01 {
				t.Fatalf("after %d symbols: P(0 in %d steps) = %v, want %v", i, k, got[j][0], want[0])
			}
		}
		p.Observe(x)
		filter.Observe(x)
	}
}

// TestCSSRRefuses names the parameter and what is wanted.
func TestCSSRRefuses(t *testing.T) {
	for want, set := range map[string]func(*CSSRConfig){
		"length = 1, want 2":    func(c *CSSRConfig) { c.Length = 1 },
		"alpha = 0, want above": func(c *CSSRConfig) { c.Alpha = 0 },
		`test = "t", want`:      func(c *CSSRConfig) { c.Test = "t" },
		"at most 4096 futures":  func(c *CSSRConfig) { c.Future = 13 },
		"min_count = 0, want":   func(c *CSSRConfig) { c.MinCount = 0 },
		"max_states = 0, want":  func(c *CSSRConfig) { c.MaxStates = 0 },
		"prior = 0, want":       func(c *CSSRConfig) { c.Prior = 0 },
	} {
		c := *DefaultCSSR().(*CSSRConfig)
		set(&c)
		if _, err := c.New(predictors.Env{Alphabet: 2}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q in it", err, want)
		}
	}
}
