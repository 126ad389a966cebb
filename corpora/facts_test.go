package corpora

import (
	"math"
	"testing"
)

// The programme's table (section 3) in the columns that are not losses, and the
// transient informations it gives, to its digits; NaN is no figure there.
func TestFacts(t *testing.T) {
	none := math.NaN()
	for _, tt := range []struct {
		law         Law
		h, E, C, TI float64
		hTolerance  float64
		notUnifilar bool
	}{
		{law: &GoldenMean{P: 0.5}, h: 2.0 / 3, E: .2516, C: .9183, TI: .2516},
		{law: &Even{P: 0.5}, h: 2.0 / 3, E: .9183, C: .9183, TI: 3.170},
		{law: &RRXOR{}, h: 2.0 / 3, E: 2.2516, C: 2.2516, TI: 12.743},
		{law: &Nemo{P: 0.5, Q: 0.5}, h: .75, E: .5817, C: 1.5, TI: none},
		{law: &Z1R{P: 0.5}, h: 1.0 / 3, E: 1.5850, C: 1.5850, TI: none},
		{law: &Mess3{X: 0.15, A: 0.6}, h: 1.5709, E: .0181, C: math.Inf(1), TI: none},
		{law: &Mess3{X: 0.05, A: 0.85}, h: 1.1447, E: .5709, C: math.Inf(1), TI: none},
		{law: &SNS{P: 0.5, Q: 0.5}, h: .6779, E: .1472, C: none, TI: none},
		{law: &NoisyPeriodic{Word: "00010111", Flip: 0.1}, h: .4690, E: 3, C: 3, TI: none},
		{law: &NoisyPeriodic{Word: "011011", Flip: 0.1}, h: .4690, E: math.Log2(3), C: math.Log2(3), TI: none},
		{law: &Copy{Lag: 8, Flip: 0.1}, h: .4690, E: 8 * (1 - .4690), C: 8, TI: none},
		{law: &RegimeCoin{Switch: 0.01, P: 0.9}, h: .5343, E: .7612, C: math.Inf(1), TI: none},
		{law: &RegimeCoin{Switch: 0.01, P: 0.7}, h: .9184, E: .4203, C: math.Inf(1), TI: none},
		{law: &SemiMarkov{P: []float64{0.9, 0.1}, Shortest: 8, Longest: 24}, h: .652, hTolerance: .004, E: none, C: math.Inf(1), TI: none},
		{law: &Dyck{Types: 2, Depth: 8, Push: 0.5}, h: 1.375, E: 7.125, C: 7.125, TI: none},
		{law: &Dyck{Types: 2, Depth: 4, Push: 0.5}, h: 1.25, E: 4.25, C: 4.25, TI: none},
		{law: &Coin{P: 0.5}, h: 1, E: 0, C: 0, TI: 0},
		{law: &LZ78Source{Alphabet: 2, Gamma: 0.5}, h: .5573, E: none, C: math.Inf(1), TI: none},
	} {
		p, err := tt.law.Process(1)
		if err != nil {
			t.Fatal(err)
		}
		f := FactsOf(p, nil)
		check := func(name string, got Quantity, want, tolerance float64) {
			t.Helper()
			if math.IsInf(want, 1) && math.IsInf(got.Value, 1) || math.IsNaN(want) {
				return
			}
			if !(math.Abs(got.Value-want) <= tolerance) {
				t.Errorf("%T%+v: %s = %v, want %v", tt.law, tt.law, name, got, want)
			}
		}
		check("h", f.Entropy, tt.h, max(tt.hTolerance, 6e-5))
		check("E", f.ExcessEntropy, tt.E, 6e-4*max(0.1, tt.E))
		check("C_μ", f.StatisticalComplexity, tt.C, 6e-5)
		check("TI", f.TransientInformation, tt.TI, 6e-4)
	}
}

// E and TI from block entropies, from the definition: h(L) over all words. What
// they lack after so many symbols is no more than it lacks from there on.
func TestFactsAgainstBlockEntropies(t *testing.T) {
	for _, l := range []Law{&GoldenMean{P: 0.3}, &Even{P: 0.7}, &Nemo{P: 0.5, Q: 0.3}, &SNS{P: 0.5, Q: 0.5},
		&RegimeCoin{Switch: 0.3, P: 0.9}, &Mess3{X: 0.25, A: 0.85}, &Copy{Lag: 3, Flip: 0.2}, &DirichletMarkov{Order: 2, Alphabet: 2, Concentration: 1}} {
		p := hmm(t, l)
		f := FactsOf(p, nil)
		n := 15
		if p.a == 3 {
			n = 9
		}
		E, TI, last := 0.0, 0.0, 0.0
		for L := 1; L <= n; L++ {
			last = conditional(p, p.pi, L) - f.Entropy.Value
			E += last
			TI += float64(L) * last
		}
		rest := 40*math.Abs(last) + 40*f.Entropy.Error + 1e-9
		if e := f.ExcessEntropy; E > e.Value+e.Error+rest || E < e.Value-e.Error-rest {
			t.Errorf("%T: E = %v, by words %v", l, e, E)
		}
		if ti := f.TransientInformation; math.Abs(TI-ti.Value) > ti.Error+float64(n)*rest {
			t.Errorf("%T: TI = %v, by words %v", l, ti, TI)
		}
	}
}

// A simulation comes to what is computed, within its errors: also where there
// is a period, or stacks.
func TestSimulationAgainstComputation(t *testing.T) {
	for _, l := range []Law{&Even{P: 0.5}, &RRXOR{}, &RegimeCoin{Switch: 0.05, P: 0.9}, &Dyck{Types: 2, Depth: 3, Push: 0.5}} {
		p := hmm(t, l)
		f, s := FactsOf(p, []int{1, 3}), simulate(p, []int{1, 3})
		for name, q := range map[string][2]Quantity{"h": {f.Entropy, s.entropy}, "E": {f.ExcessEntropy, s.excess},
			"TI": {f.TransientInformation, s.transient}, "L_1": {f.Ahead[0], s.ahead[0]}, "L_3": {f.Ahead[1], s.ahead[1]}} {
			if math.Abs(q[0].Value-q[1].Value) > 4.5*q[1].Error+1e-9 {
				t.Errorf("%T: %s = %v, simulated %v", l, name, q[0], q[1])
			}
		}
	}
}

// States with one future are merged: the last two symbols of a golden mean are
// one too many, a word said twice is said once.
func TestMinimal(t *testing.T) {
	second, err := NewHMM([][][]float64{ // states: after 11 (or at first), after 01, after 10
		{{0, 0, 0.5}, {0, 0, 0.5}, {0, 0, 0}},
		{{0.5, 0, 0}, {0.5, 0, 0}, {0, 1, 0}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if m := second.minimal(); m.n != 2 || math.Abs(entropy(m.pi)-.9182958) > 1e-7 {
		t.Errorf("%d states of law %v, want the golden mean's two", m.n, m.pi)
	}
	if m := hmm(t, &NoisyPeriodic{Word: "0101", Flip: 0.2}).minimal(); m.n != 2 {
		t.Errorf("%d states, want 2", m.n)
	}
	if m := hmm(t, &NoisyPeriodic{Word: "0111", Flip: 0.5}).minimal(); m.n != 1 {
		t.Errorf("%d states of a fair coin", m.n)
	}
	if p := hmm(t, &RRXOR{}); p.minimal() != p {
		t.Error("RRXOR has a state too many")
	}
}

// The simple non-unifilar source's causal states are how long ago the last 0
// was: with p = q = ½, n symbols ago with probability (n+1)/2^{n+2}.
func TestSNSComplexity(t *testing.T) {
	want := 0.0
	for n := 0.0; n < 200; n++ {
		m := (n + 1) / math.Exp2(n+2)
		want -= m * math.Log2(m)
	}
	if c := hmm(t, &SNS{P: 0.5, Q: 0.5}).countBeliefs(); math.Abs(c.Value-want) > 2*c.Error {
		t.Errorf("C_μ = %v, want %v", c, want)
	}
}
