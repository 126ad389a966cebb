package results

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// TestBootstrapOf: of a standard deviation of dependent series, whose true
// value is known, 95% intervals cover about so many.
func TestBootstrapOf(t *testing.T) {
	const n, trials = 400, 200
	covered := 0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(11, uint64(trial)))
		x := make([]float64, n)
		state := rng.NormFloat64()
		for i := range x { // AR(1), variance 1
			state = 0.5*state + math.Sqrt(0.75)*rng.NormFloat64()
			x[i] = state
		}
		sd := func(at []int) float64 {
			v := make([]float64, len(at))
			for i, j := range at {
				v[i] = x[j]
			}
			return stat.StdDev(v, nil)
		}
		at := make([]int, n)
		for i := range at {
			at[i] = i
		}
		iv := BootstrapOf(sd(at), n, BlockLength(x), Bootstrap{Resamples: 300, Seed: 1}, sd)
		if iv.Lo <= 1 && 1 <= iv.Hi {
			covered++
		}
	}
	if share := float64(covered) / trials; share < 0.87 || share > 0.99 {
		t.Errorf("covered %.3f, want about 0.95", share)
	}
}

func TestResamples(t *testing.T) {
	starts, steps, total := 0, 0, 0
	for at := range Resamples(50, 5, Bootstrap{Resamples: 400, Seed: 2}) {
		for i := 1; i < len(at); i++ {
			total++
			if at[i] == (at[i-1]+1)%50 {
				steps++
			} else {
				starts++
			}
		}
	}
	// A run ends with probability 1/5, and then goes on by chance one in 50.
	if share := float64(starts) / float64(total); math.Abs(share-0.2*49/50) > 0.01 || steps+starts != total {
		t.Errorf("runs end at %.3f of the steps, want 0.196", share)
	}
	iv := BootstrapOf(1, MinBlocks-1, 1, Bootstrap{}, func([]int) float64 { return 1 })
	if iv.OK {
		t.Error("an interval from too few observations")
	}
	iv = BootstrapOf(1, 40, 1, Bootstrap{Resamples: 100}, func(at []int) float64 {
		if at[0]%2 == 0 {
			return math.NaN()
		}
		return 1
	})
	if iv.OK {
		t.Error("an interval where half the resamples say nothing")
	}
}
