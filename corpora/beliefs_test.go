package corpora

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// For unifilar processes the bracket must hold the exact value.
func TestBracketHoldsExactValues(t *testing.T) {
	for _, l := range []Law{&GoldenMean{P: 0.5}, &Even{P: 0.3}, &Nemo{P: 0.5, Q: 0.5}, &Z1R{P: 0.4}} {
		p := hmm(t, l)
		g := newBeliefGrid(p)
		for _, k := range []int{1, 2, 5} {
			exact, _ := p.OptimalAhead(k)
			lo, hi := g.bracket(p.ahead(k))
			if lo > exact+1e-6 || hi < exact-1e-6 || hi-lo > 0.01 {
				t.Errorf("%T: L_%d* in [%v, %v], want around %v", l, k, lo, hi, exact)
			}
		}
	}
}

// For the others, it must meet the bracket of Cover & Thomas, theorem 4.5.1,
// H(X_n | X_1..X_{n-1}, S_0) ≤ h ≤ H(X_n | X_1..X_{n-1}), over all words.
func TestBracketMeetsBlockEntropies(t *testing.T) {
	const n = 11
	for _, l := range []Law{&SNS{P: 0.5, Q: 0.5}, &SNS{P: 0.3, Q: 0.6}, &RegimeCoin{Switch: 0.2, P: 0.9}} {
		p := hmm(t, l)
		lo, hi := newBeliefGrid(p).bracket(p.ahead(1))
		above := conditional(p, p.pi, n)
		below := 0.0
		for s, w := range p.pi {
			start := make([]float64, p.n)
			start[s] = 1
			below += w * conditional(p, start, n)
		}
		if lo > hi || lo > above || hi < below || above-below > 0.02 {
			t.Errorf("%T: h in [%.6f, %.6f], by words in [%.6f, %.6f]", l, lo, hi, below, above)
		}
	}
}

// conditional is H(X_n | X_1..X_{n-1}) in bits from the given law of the first
// state, by following all words.
func conditional(p *HMM, start []float64, n int) (bits float64) {
	q, v := make([]float64, p.a), make([]float64, p.n)
	if n == 1 {
		mass := 0.0
		for x := range q {
			q[x] = p.follow(v, start, x)
			mass += q[x]
		}
		if mass == 0 {
			return 0
		}
		for x := range q {
			q[x] /= mass
		}
		return mass * entropy(q)
	}
	for x := range p.a {
		next := make([]float64, p.n)
		if p.follow(next, start, x) > 0 {
			bits += conditional(p, next, n-1)
		}
	}
	return bits
}

// Corners and their weights give back the point.
func TestCorners(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 4).Draw(t, "states")
		g := &beliefGrid{h: &HMM{n: n}, m: rapid.IntRange(1, 9).Draw(t, "m")}
		g.list()
		b := make([]float64, n)
		sum := 0.0
		for i := range b {
			b[i] = rapid.Float64Range(0, 1).Draw(t, "b")
			sum += b[i]
		}
		if sum == 0 {
			t.Skip("no mass")
		}
		y, frac, order := make([]int, n-1), make([]float64, n-1), make([]int, n-1)
		g.locate(y, frac, b, sum)
		back, mass := make([]float64, n), 0.0
		for _, m := range corners(nil, 1, y, frac, order) {
			mass += m.w
			for i, v := range g.point[m.to] {
				back[i] += m.w * v
			}
		}
		for i := range b {
			if math.Abs(back[i]-b[i]/sum) > 1e-12 {
				t.Fatalf("%v comes back as %v", b, back)
			}
		}
		if math.Abs(mass-1) > 1e-12 {
			t.Fatalf("weights sum to %v", mass)
		}
	})
}

// rank counts the grid points without gap or repetition, and each is a law.
func TestRank(t *testing.T) {
	for n := 2; n <= 4; n++ {
		g := &beliefGrid{h: &HMM{n: n}, m: 5}
		g.list()
		seen := map[[4]float64]bool{}
		for _, b := range g.point {
			if len(b) != n || slices.Min(b) < 0 {
				t.Fatalf("%d states: point %v", n, b)
			}
			var key [4]float64
			sum := 0.0
			for i, v := range b {
				key[i] = v
				sum += v
			}
			seen[key] = true
			if math.Abs(sum-1) > 1e-12 {
				t.Errorf("point %v sums to %v", b, sum)
			}
		}
		if len(seen) != points(5, n-1) {
			t.Errorf("%d states: %d points, want %d", n, len(seen), points(5, n-1))
		}
	}
}

// With many states nothing is claimed.
func TestTooManyStates(t *testing.T) {
	T := [][][]float64{rows(6, 6)}
	for i := range 6 {
		for j := range 6 {
			T[0][i][j] = 1.0 / 6
		}
	}
	p, err := NewHMM(T)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Entropy(); ok {
		t.Error("the entropy of a non-unifilar process of six states is claimed to be known")
	}
}
