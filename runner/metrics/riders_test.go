package metrics

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/predictors/oracle"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// process draws a corpus of a known process, all of it test.
func process(t *testing.T, kind string, symbols int, set func(corpora.Config)) *corpora.Corpus {
	t.Helper()
	k, ok := corpora.Find(kind)
	if !ok {
		t.Fatalf("no kind %q", kind)
	}
	config := k.Default()
	if set != nil {
		set(config)
	}
	law, ok := config.(corpora.Law)
	if !ok {
		t.Fatalf("%s is no law", kind)
	}
	p, err := law.Process(3)
	if err != nil {
		t.Fatal(err)
	}
	c := &corpora.Corpus{Alphabet: &corpora.Alphabet{Unknown: -1}, Process: p}
	for range p.Alphabet() {
		c.Alphabet.Tokens = append(c.Alphabet.Tokens, "x")
	}
	c.Test.Docs = [][]symbol{p.Generate(symbols, newRand(8))}
	c.Train.Docs = [][]symbol{p.Generate(symbols, newRand(9))}
	c.Test.Symbols = symbols
	return c
}

func theOracle(t *testing.T, c *corpora.Corpus) predictors.Predictor {
	t.Helper()
	p, err := oracle.DefaultOracle().New(predictors.Env{Alphabet: c.Alphabet.Size(), Process: c.Process})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ranged walks p with a passenger and returns its scores.
func ranged(t *testing.T, p predictors.Predictor, c *corpora.Corpus, ks []int, points int, board func(Protocol) Passenger) func(metric string, k int) Ranged {
	t.Helper()
	o := Protocol{Horizons: ks, Points: points, Rollouts: 2, Block: 64, Seed: 4}
	ride := board(o)
	ms := []Metric{}
	if m, ok := ride.(Metric); ok {
		ms = append(ms, m)
	}
	ms = append(ms, NewAhead(c.Alphabet.Size(), 64, false, predictors.AheadOptions{Horizons: ks, Rollouts: 2, States: 1 << 20, Seed: 1}, ride))
	if _, err := Walk(t.Context(), p, c, o, ms, noTick); err != nil {
		t.Fatal(err)
	}
	rows := ride.Ranged()
	return func(metric string, k int) Ranged {
		t.Helper()
		for _, r := range rows {
			if r.Metric == metric && r.Horizon == k {
				return r
			}
		}
		t.Fatalf("no %s at %d", metric, k)
		return Ranged{}
	}
}

func (r Ranged) covers(v float64) bool { return r.Lo <= v && v <= r.Hi }

func upTo(k int) (ks []int) {
	for i := range k {
		ks = append(ks, i+1)
	}
	return ks
}

// TestHalfLifeOfTheRegimeCoin: the filter's half-life is that of the law's
// optimal losses, 1 − L_k of the unigram's one bit.
func TestHalfLifeOfTheRegimeCoin(t *testing.T) {
	c := process(t, "regime-coin", 60_000, nil)
	ks := upTo(40)
	got := ranged(t, theOracle(t, c), c, ks, 3000, func(o Protocol) Passenger { return NewSkill(c, o) })
	info := func(k int) float64 {
		l, ok := c.Process.OptimalAhead(k)
		if !ok {
			t.Fatal("the law's L_k is not known")
		}
		return 1 - l
	}
	want := 0.0
	for k := 2; k < 40; k++ {
		if a, b, half := info(k-1), info(k), info(1)/2; b <= half {
			want = float64(k-1) + (a-half)/(a-b)
			break
		}
	}
	r := got("half_life", 1)
	if want < 2 || !r.covers(want) || r.Hi-r.Lo > want {
		t.Errorf("half-life = %.2f (%.2f to %.2f), want %.2f", r.Value, r.Lo, r.Hi, want)
	}
	if s := got("skill", 1); !s.covers(info(1)) {
		t.Errorf("skill at 1 = %+v, want %.3f", s, info(1))
	}
}

func TestSkillOfTheUnigram(t *testing.T) {
	c := corpus(4000)
	c.Train = c.Test
	flat := &chain{rows: [][]float64{{0.4, 0.6}, {0.4, 0.6}, {0.4, 0.6}}, at: 2}
	got := ranged(t, flat, c, []int{1, 4}, 400, func(o Protocol) Passenger { return NewSkill(c, o) })
	if s := got("skill", 4); math.Abs(s.Value) > 0.01 || !s.covers(0) {
		t.Errorf("skill of the frequencies themselves = %+v, want 0", s)
	}
}

// theTruth is what the oracle says at the points of a protocol.
func theTruth(t *testing.T, c *corpora.Corpus, o Protocol) *Truth {
	t.Helper()
	p := theOracle(t, c)
	if err := predictors.Train(t.Context(), p, predictors.Data{Train: c.Train.Docs}, nil); err != nil {
		t.Fatal(err)
	}
	truth := NewTruth(c, o)
	ahead := NewAhead(c.Alphabet.Size(), o.Block, false, predictors.AheadOptions{Horizons: o.Horizons, Rollouts: 2, Seed: 1}, truth)
	if _, err := Walk(t.Context(), p, c, o, []Metric{ahead}, noTick); err != nil {
		t.Fatal(err)
	}
	return truth
}

// TestDivergenceOfAnUnforgettingProcess: the truth about a source that never
// forgets goes on from its training part. What has seen that diverges by nothing,
// what has not does; and where the filter itself is not exact nothing is said.
func TestDivergenceOfAnUnforgettingProcess(t *testing.T) {
	c := process(t, "lz78-source", 4000, nil)
	xs := c.Process.Generate(8000, newRand(2))
	c.Train.Docs, c.Test.Docs, c.Test.Symbols = [][]symbol{xs[:4000]}, [][]symbol{xs[4000:]}, 4000
	ks := []int{1, 4}
	board := func(o Protocol) Passenger { return NewDivergence(theTruth(t, c, o), c, o) }
	seen := theOracle(t, c)
	if err := predictors.Train(t.Context(), seen, predictors.Data{Train: c.Train.Docs}, nil); err != nil {
		t.Fatal(err)
	}
	got := ranged(t, seen, c, ks, 30, board)
	for _, k := range ks {
		if d := got("divergence", k); math.Abs(d.Value) > 1e-9 {
			t.Errorf("divergence at %d of what has seen the past = %v, want 0", k, d.Value)
		}
	}
	blank := ranged(t, theOracle(t, c), c, ks, 30, board)
	if d := blank("divergence", 1); d.Value < 0.01 {
		t.Errorf("divergence of what has not = %v, want some", d.Value)
	}
	o := Protocol{Horizons: []int{1, 4, 90}, Points: 1, Rollouts: 2, Block: 64, Seed: 4}
	if truth := theTruth(t, c, o); !truth.exact[1] || truth.exact[2] {
		t.Errorf("exact: %v, want all but the farthest", truth.exact)
	}
}

// TestDivergence: the filter has none, a predictor that takes the golden mean's
// ½ for another number what the formula says, and ρ_k keeps the bound.
func TestDivergence(t *testing.T) {
	c := process(t, "golden-mean", 20_000, nil)
	ks := []int{1, 2, 4, 8}
	board := func(o Protocol) Passenger { return NewDivergence(theTruth(t, c, o), c, o) }
	exact := ranged(t, theOracle(t, c), c, ks, 500, board)
	for _, k := range ks {
		if d := exact("divergence", k); math.Abs(d.Value) > 1e-12 {
			t.Errorf("divergence of the filter at %d = %v, want 0", k, d.Value)
		}
	}
	wrong := &chain{rows: [][]float64{{0.01, 0.99}, {0.3, 0.7}, {0.35, 0.65}}, at: 2}
	got := ranged(t, wrong, c, ks, 4000, board)
	// After a 1 (two thirds of the time) ½ is taken for 0.3, after a 0 1 for 0.99.
	want := 2.0/3*(0.5*math.Log2(0.5/0.3)+0.5*math.Log2(0.5/0.7)) + 1.0/3*math.Log2(1/0.99)
	if d := got("divergence", 1); math.Abs(d.Value-want) > 0.003 || !d.covers(want) {
		t.Errorf("divergence at 1 = %+v, want %.4f", d, want)
	}
	if r := got("bound_ratio", 1); r.Value != 1 {
		t.Errorf("ρ_1 = %v, want 1", r.Value)
	}
	for _, k := range ks[1:] {
		if r := got("bound_ratio", k); !(r.Value > 0 && r.Value <= 1 && r.Lo <= r.Value && r.Value <= r.Hi) {
			t.Errorf("ρ_%d = %+v, want it in (0, 1]", k, r)
		}
	}
}

// TestTotalCorrelation: of three symbols of RRXOR, the third is the first two's
// exclusive or. A synchronised filter has L_1 = 2/3 in the mean and L_2 = L_3 =
// 1, and B_3 = 2/3: TC_3 = 2/3.
func TestTotalCorrelation(t *testing.T) {
	c := process(t, "rrxor", 30_000, nil)
	got := ranged(t, theOracle(t, c), c, upTo(3), 3000, func(o Protocol) Passenger { return NewBlockLoss(c, o) })
	if r := got("total_correlation", 3); !r.covers(2.0/3) || r.Hi-r.Lo > 0.2 {
		t.Errorf("TC_3 = %+v, want 2/3", r)
	}
	if r := got("block_bits", 3); !r.covers(2.0 / 3) {
		t.Errorf("B_3 = %+v, want 2/3", r)
	}
	// Three symbols of 0, 0, 1 bits in some order, after synchronisation.
	if r := got("block_sd", 3); !r.covers(0) && r.Value > 0.05 {
		t.Errorf("sd of B_3 = %+v, want next to 0", r)
	}
	if r := got("block_bits_cold", 3); r.Value < 0.9 {
		t.Errorf("B_3 without the past = %+v, want nearly a bit", r)
	}
}

func TestCalibration(t *testing.T) {
	board := func(c *corpora.Corpus) func(Protocol) Passenger {
		return func(o Protocol) Passenger { return (&calibrationConfig{Bins: 10}).Ride(c, o) }
	}
	c := corpus(40_000)
	honest := ranged(t, newChain(), c, []int{1, 2}, 4000, board(c))
	for _, k := range []int{1, 2} {
		if e := honest("ece", k); math.Abs(e.Value) > 0.02 || !e.covers(0) {
			t.Errorf("ECE of the source itself at %d = %+v, want 0", k, e)
		}
		if r := honest("brier_reliability", k); math.Abs(r.Value) > 0.001 {
			t.Errorf("reliability of the source itself at %d = %+v, want 0", k, r)
		}
	}
	// Brier of the source: Σ over symbols of p(1−p), in the mean over states.
	brier := 0.4*2*0.1*0.9 + 0.6*2*0.6*0.4 // states 0 and 1 have 0.4 and 0.6 of the time
	if b := honest("brier", 1); !b.covers(brier) {
		t.Errorf("Brier = %+v, want %.3f", b, brier)
	}
	resolution := 2 * (0.4*square(0.9-0.6) + 0.6*square(0.4-0.6))
	if r := honest("brier_resolution", 1); math.Abs(r.Value-resolution) > 0.01 {
		t.Errorf("resolution = %+v, want %.3f", r, resolution)
	}

	flat := &chain{rows: [][]float64{{0.9, 0.1}, {0.9, 0.1}, {0.9, 0.1}}, at: 2}
	liar := ranged(t, flat, c, []int{1}, 4000, board(c))
	if e := liar("ece", 1); math.Abs(e.Value-0.5) > 0.02 || !e.covers(0.5) {
		t.Errorf("ECE of 0.1 said of what comes 0.6 of the time = %+v, want 0.5", e)
	}
	if r := liar("brier_reliability", 1); math.Abs(r.Value-0.5) > 0.02 {
		t.Errorf("reliability = %+v, want 2·0.5² = 0.5", r)
	}
	if r := liar("brier_resolution", 1); r.Value > 0.01 {
		t.Errorf("resolution of one law everywhere = %+v, want 0", r)
	}
	// 0.1 is in the fifth bin from 0.1 on, 0.9 in the one from 0.9 on.
	if r := liar("reliability_frequency", 100+4); !r.covers(0.6) {
		t.Errorf("frequency where 0.1 was said = %+v, want 0.6", r)
	}
	if r := liar("reliability_confidence", 100+12); math.Abs(r.Value-0.9) > 1e-6 {
		t.Errorf("confidence of the bin = %+v, want 0.9", r)
	}
}
