package transformer

import (
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
)

// TestFuturesAreForks: futures stepped together predict what forks do, to the
// last bit, from the start of a window, its middle and its end, through the
// windows that follow, and whether or not every step is asked for.
func TestFuturesAreForks(t *testing.T) {
	const n = 5
	rolled := 0
	for _, s := range scoringShapes {
		rng := rand.New(rand.NewPCG(9, 10))
		p := newTransformer(randomModel(s.cfg, s.A, rng), 0)
		got, want := make([]float64, n*s.A), make([]float64, s.A)
		for _, seen := range []int{0, 1, s.cfg.Window / 2, s.cfg.Window - 1, s.cfg.Window, 2*s.cfg.Window + 1} {
			p.Reset()
			for _, x := range randomSymbols(seen, s.A, rng) {
				p.Observe(x)
			}
			together := p.Roll(n)
			if together == nil {
				continue
			}
			rolled++
			var forks [n]predictors.Predictor
			for i := range forks {
				forks[i] = p.Fork()
			}
			for range 2*s.cfg.Window + 3 {
				if rng.IntN(3) > 0 {
					together.Predict(got)
					for i, f := range forks {
						if f.Predict(want); !slices.Equal(got[i*s.A:][:s.A], want) {
							t.Fatalf("%+v, from symbol %d: future %d predicts %v, its fork %v", s.cfg, seen, i, got[i*s.A:][:s.A], want)
						}
					}
				}
				xs := randomSymbols(n, s.A, rng)
				together.Observe(xs)
				for i, f := range forks {
					f.Observe(xs[i])
				}
			}
		}
	}
	if rolled < 20 {
		t.Fatalf("%d places rolled on, want ≥ 20", rolled)
	}
}

// forkedOnly hides Roll.
type forkedOnly struct{ *Transformer }

func (f forkedOnly) Roll(int) predictors.Futures { return nil }

// TestForecastsOfFutures: forecasts do not depend on whether futures go together.
func TestForecastsOfFutures(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	p := newTransformer(randomModel(Config{Layers: 2, Heads: 2, Width: 12, Window: 9, Stride: 4, Tied: true, FeedForward: 4, Biases: true}, 5, rng), 0)
	for _, x := range randomSymbols(20, 5, rng) {
		p.Observe(x)
	}
	o := predictors.AheadOptions{Horizons: []int{1, 2, 5, 17}, Rollouts: 6, States: 1, Seed: 3}
	a, b := predictors.NewForecaster(5, o).At(p, 7), predictors.NewForecaster(5, o).At(forkedOnly{p}, 7)
	for i := range o.Horizons {
		if !slices.Equal(a.P[i], b.P[i]) || !slices.Equal(a.Half[1][i], b.Half[1][i]) {
			t.Errorf("horizon %d: %v together, %v one by one", o.Horizons[i], a.P[i], b.P[i])
		}
		if i > 0 && a.Exact[i] {
			t.Errorf("horizon %d is exact, so nothing was rolled", o.Horizons[i])
		}
	}
}
