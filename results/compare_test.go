package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// dependent are block losses about a mean that follow one another (AR(1) with
// coefficient 0.3, about what neighbouring blocks of text show), as many as a test part has.
func dependent(seed uint64, mean float64) []BlockLoss {
	rng := rand.New(rand.NewPCG(seed, 77))
	state := rng.NormFloat64()
	var out []BlockLoss
	for i := range 150 {
		state = 0.3*state + math.Sqrt(0.91)*rng.NormFloat64()
		out = append(out, BlockLoss{Metric: "log_loss", Horizon: 1, Block: i, First: int64(256 * i), N: 256, Bytes: 256, Bits: 256 * (mean + 0.1*state)})
	}
	return out
}

// TestEqualPredictorsAreRarelyToldApart: at level 5%, alike and dependent.
func TestEqualPredictorsAreRarelyToldApart(t *testing.T) {
	const trials = 1000
	for _, m := range []Method{ByHAC, ByBootstrap} {
		single, family := 0, 0
		for trial := range uint64(trials) {
			var list []Contender
			for i := range uint64(4) {
				list = append(list, Contender{dependent(1000*trial+i, 2)})
			}
			cs, err := Compare(list, 1, m, Bootstrap{Resamples: 200, Seed: trial})
			if err != nil {
				t.Fatal(err)
			}
			if cs[0].P <= 0.05 {
				single++
			}
			for _, c := range cs {
				if c.Shown() {
					family++
					break
				}
			}
		}
		// The bootstrap of a mean is known to reject too often.
		most := map[Method]float64{ByHAC: 0.06, ByBootstrap: 0.1}[m]
		t.Logf("%s: %d and %d of %d", m, single, family, trials)
		if share := float64(single) / trials; share > most {
			t.Errorf("%s: equal predictors told apart in %.3f of trials, want about 0.05", m, share)
		}
		if share := float64(family) / trials; share > most {
			t.Errorf("%s: any of four equal predictors told apart in %.3f of trials, want at most about 0.05", m, share)
		}
	}
}

// TestDifferencesAreCovered: 95% intervals of a true difference.
func TestDifferencesAreCovered(t *testing.T) {
	const trials = 600
	covered := 0
	for trial := range uint64(trials) {
		cs, err := Compare([]Contender{{dependent(2*trial, 2)}, {dependent(2*trial+1, 2.05)}}, 1, ByHAC, Bootstrap{})
		if err != nil {
			t.Fatal(err)
		}
		if iv := cs[0].Difference; iv.Lo <= -0.05 && -0.05 <= iv.Hi {
			covered++
		}
	}
	t.Logf("covered %d of %d", covered, trials)
	if share := float64(covered) / trials; share < 0.93 || share > 0.97 {
		t.Errorf("covered %.3f of trials, want 0.95", share)
	}
}

// TestHolm against the steps by hand: 0.01·4, 0.02·3, 0.03·2 raised to the
// second, 0.5.
func TestHolm(t *testing.T) {
	list := []Comparison{{P: 0.5}, {P: 0.01}, {P: 0.03}, {P: math.NaN()}, {P: 0.02}}
	holm(list)
	for i, want := range []float64{0.5, 0.04, 0.06, math.NaN(), 0.06} {
		if got := list[i].Holm; math.Abs(got-want) > 1e-12 || math.IsNaN(got) != math.IsNaN(want) {
			t.Errorf("p = %v corrected to %v, want %v", list[i].P, got, want)
		}
	}
}

// TestSeedsAreTheOuterLevel: two seeds that differ by more than the test part's
// noise widen the interval; what has one seed is compared with each.
func TestSeedsAreTheOuterLevel(t *testing.T) {
	shift := func(b []BlockLoss, by float64) (out []BlockLoss) {
		for _, x := range b {
			x.Bits += by * float64(x.N)
			out = append(out, x)
		}
		return out
	}
	base := dependent(1, 2)
	one, err := Compare([]Contender{{shift(base, 0.1)}, {base}}, 1, ByHAC, Bootstrap{})
	if err != nil {
		t.Fatal(err)
	}
	if c := one[0]; !c.Shown() || c.Seeds != 1 || math.Abs(c.Difference.Value-0.1) > 1e-9 {
		t.Errorf("comparison = %+v, want 0.1 without doubt", c)
	}
	three := Contender{shift(base, 0), shift(base, 0.1), shift(base, 0.2)}
	many, err := Compare([]Contender{three, {base}}, 1, ByHAC, Bootstrap{})
	if err != nil {
		t.Fatal(err)
	}
	// Mean 0.1, sd 0.1 of three: t_2 = 4.303 times 0.1/√3.
	c := many[0]
	if half := (c.Difference.Hi - c.Difference.Lo) / 2; c.Seeds != 3 || c.Shown() || math.Abs(half-4.303*0.1/math.Sqrt(3)) > 0.001 {
		t.Errorf("comparison = %+v, want 0.1 ± 0.248", c)
	}
}

// TestConfidenceSet: the best is in it nearly always, the worst by far never,
// and of predictors that are alike hardly any is left out.
func TestConfidenceSet(t *testing.T) {
	const trials = 60
	best, worst, alike := 0, 0, 0
	for trial := range uint64(trials) {
		p, err := ConfidenceSet([]Contender{{dependent(5*trial, 2)}, {dependent(5*trial+1, 2.01)}, {dependent(5*trial+2, 2.2)}}, 1, Bootstrap{Resamples: 200, Seed: trial})
		if err != nil {
			t.Fatal(err)
		}
		if p[0] > 0.05 {
			best++
		}
		if p[2] > 0.05 {
			worst++
		}
		p, err = ConfidenceSet([]Contender{{dependent(9000+3*trial, 2)}, {dependent(9001+3*trial, 2)}, {dependent(9002+3*trial, 2)}}, 1, Bootstrap{Resamples: 200, Seed: trial})
		if err != nil {
			t.Fatal(err)
		}
		if min(p[0], p[1], p[2]) > 0.05 {
			alike++
		}
	}
	if best < 54 || worst > 0 || alike < 51 {
		t.Errorf("of %d trials the best was in %d, the worst in %d, and all of three alike in %d", trials, best, worst, alike)
	}
}

func TestGroups(t *testing.T) {
	shown := func(pairs ...[2]int) (list []Comparison) {
		for _, p := range pairs {
			list = append(list, Comparison{A: p[0], B: p[1], Holm: 0.01})
		}
		return append(list, Comparison{A: 0, B: 1, Holm: 0.3})
	}
	if got := fmt.Sprint(Groups(4, shown([2]int{0, 2}, [2]int{1, 2}, [2]int{0, 3}))); got != "[1 1 2 2]" {
		t.Errorf("groups = %s", got)
	}
}

func TestCompareRefuses(t *testing.T) {
	a := dependent(1, 2)
	for name, list := range map[string][]Contender{"no losses": {{a}, {}}, "other blocks": {{a}, {a[:60]}}} {
		if _, err := Compare(list, 1, ByHAC, Bootstrap{}); err == nil {
			t.Errorf("%s were compared", name)
		}
	}
}
