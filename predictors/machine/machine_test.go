package machine

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"horizon/corpora"
)

func process(t *testing.T, l corpora.Law) corpora.Process {
	t.Helper()
	p, err := l.Process(1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTrue: numbers of states, complexities and entropy rates as published for
// these processes (Crutchfield & Feldman 2003; Mahoney, Ellison & Crutchfield
// 2009), and a process whose presentation has more states than it needs.
func TestTrue(t *testing.T) {
	for _, c := range []struct {
		name             string
		law              corpora.Law
		states           int
		complexity, rate float64
	}{
		{"golden mean", &corpora.GoldenMean{P: 0.5}, 2, 0.9183, 2. / 3},
		{"even", &corpora.Even{P: 0.5}, 2, 0.9183, 2. / 3},
		{"rrxor", &corpora.RRXOR{}, 5, 2.2516, 2. / 3},
		{"nemo", &corpora.Nemo{P: 0.5, Q: 0.5}, 3, 1.5, 3. / 4},
		{"z1r", &corpora.Z1R{P: 0.5}, 3, 1.5850, 1. / 3},
	} {
		m, err := True(process(t, c.law))
		if err != nil {
			t.Fatal(err)
		}
		if m.States() != c.states || math.Abs(m.Complexity()-c.complexity) > 1e-4 || math.Abs(m.Rate-c.rate) > 1e-9 {
			t.Errorf("%s: %d states, C = %.4f, h = %v, want %d, %v, %v", c.name, m.States(), m.Complexity(), m.Rate, c.states, c.complexity, c.rate)
		}
	}
	// The even process with its states taken twice by turns.
	next := []int32{2, 1, -1, 2, 0, 3, -1, 0}
	p := []float64{0.5, 0.5, 0, 1, 0.5, 0.5, 0, 1}
	h, err := corpora.NewUnifilar(2, next, p)
	if err != nil {
		t.Fatal(err)
	}
	m, err := True(h)
	if err != nil {
		t.Fatal(err)
	}
	even, _ := True(process(t, &corpora.Even{P: 0.5}))
	if err := Same(m, even, 1e-9); err != nil {
		t.Errorf("the even process with each state twice: %v", err)
	}
	if _, err := True(process(t, &corpora.SNS{P: 0.5, Q: 0.5})); !errors.Is(err, ErrNotUnifilar) {
		t.Errorf("err = %v for a process that is not unifilar", err)
	}
}

// TestSame: renamed states are the same; other transitions, other
// probabilities, and the golden mean against the even process, which have the
// same laws in their states, are not.
func TestSame(t *testing.T) {
	m, err := True(process(t, &corpora.RRXOR{}))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rename := rng.Perm(5)
	next, p := make([]int32, 10), make([]float64, 10)
	for s := range 5 {
		for x := range 2 {
			i, j := s*2+x, rename[s]*2+x
			p[j], next[j] = m.P[i], -1
			if m.Next[i] >= 0 {
				next[j] = int32(rename[m.Next[i]])
			}
		}
	}
	o, err := New(2, next, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := Same(m, o, 1e-12); err != nil {
		t.Errorf("renamed: %v", err)
	}
	golden, _ := True(process(t, &corpora.GoldenMean{P: 0.5}))
	even, _ := True(process(t, &corpora.Even{P: 0.5}))
	if err := Same(golden, even, 0.1); err == nil {
		t.Error("golden mean and even are the same")
	}
	biased, _ := True(process(t, &corpora.Even{P: 0.45}))
	if err := Same(biased, even, 0.04); err == nil {
		t.Error("even with p = 0.45 and 0.5 are the same within 0.04")
	}
	if err := Same(biased, even, 0.06); err != nil {
		t.Errorf("even with p = 0.45 and 0.5 within 0.06: %v", err)
	}
	if err := Same(m, even, 1); err == nil || !strings.Contains(err.Error(), "5 states, not 2") {
		t.Errorf("err = %v, want that there are 5 states, not 2", err)
	}
}

// TestChiSquare: the table [[12, 5], [6, 17]] by hand: n(ad−bc)²/(product of
// the margins) = 40·174²/(17·23·18·22) = 7.8214, whose survival function with
// one degree of freedom is erfc(√(X²/2)).
func TestChiSquare(t *testing.T) {
	s := &sample{future: []int32{0, 1}, count: []float64{12, 5}, n: 17}
	p := &pool{count: []float64{6, 17}, n: 23, support: 2}
	x2 := 40. * 174 * 174 / (17 * 23 * 18 * 22)
	if got, want := chiSquare(s, p), math.Erfc(math.Sqrt(x2/2)); math.Abs(got-want) > 1e-12 {
		t.Errorf("p = %v, want %v", got, want)
	}
}

// TestTestsKeepTheirSize: samples of one law are told apart about as often as
// the size says, by Kolmogorov and Smirnov more seldom, as laws on few values
// are; of two laws, nearly always.
func TestTestsKeepTheirSize(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func(q []float64, n int) *sample {
		p := make([]float64, len(q))
		for range n {
			u, x := rng.Float64(), 0
			for u -= q[0]; u >= 0 && x < len(q)-1; u -= q[x] {
				x++
			}
			p[x]++
		}
		s := &sample{n: float64(n)}
		for x, c := range p {
			if c > 0 {
				s.future, s.count = append(s.future, int32(x)), append(s.count, c)
			}
		}
		return s
	}
	into := func(s *sample) *pool {
		p := &pool{count: make([]float64, 4)}
		p.add(s, 1)
		return p
	}
	one, other := []float64{0.4, 0.3, 0.2, 0.1}, []float64{0.3, 0.3, 0.2, 0.2}
	const runs, size = 4000, 0.05
	for name, test := range tests {
		alike, different := 0, 0
		for range runs {
			s, p := draw(one, 400), into(draw(one, 700))
			if test(s, p) < size {
				alike++
			}
			if test(s, into(draw(other, 700))) < size {
				different++
			}
		}
		// 5% of 4,000 is 200 ± 14.
		if a := float64(alike) / runs; a > size+0.012 || name == "chi-square" && a < size-0.012 {
			t.Errorf("%s: one law is told apart in %v of cases, want %v", name, a, size)
		}
		if d := float64(different) / runs; d < 0.8 {
			t.Errorf("%s: two laws are told apart in %v of cases, want most", name, d)
		}
	}
}
