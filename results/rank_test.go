package results

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestKendallTau against counts by hand: of the ranks of Kendall (1938) and of
// columns with ties.
func TestKendallTau(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{10, 20, 30, 40}, 1},
		{[]float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}, -1},
		{[]float64{1, 2, 3, 4}, []float64{1, 3, 2, 4}, 4.0 / 6},            // one pair of six the other way
		{[]float64{1, 2, 2, 3}, []float64{1, 2, 3, 4}, 5 / math.Sqrt(5*6)}, // one tie in x
	} {
		if got := KendallTau(c.x, c.y); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("τ of %v and %v = %v, want %v", c.x, c.y, got, c.want)
		}
	}
	if got := KendallTau([]float64{1, 1}, []float64{1, 2}); !math.IsNaN(got) {
		t.Errorf("τ of a constant = %v, want NaN", got)
	}
}

// rankedBlocks are losses about the means, with a noise that all share and one of
// their own.
func rankedBlocks(seed uint64, metric string, k int, means []float64) (out [][]BlockLoss) {
	shared := rand.New(rand.NewPCG(seed, 1))
	common := make([]float64, 200)
	for i := range common {
		common[i] = shared.NormFloat64()
	}
	for p, m := range means {
		own := rand.New(rand.NewPCG(seed, uint64(10+p)))
		var blocks []BlockLoss
		for i, c := range common {
			blocks = append(blocks, BlockLoss{Metric: metric, Horizon: k, Block: i, First: int64(100 * i), N: 1, Bytes: 1, Bits: m + c + 0.1*own.NormFloat64()})
		}
		out = append(out, blocks)
	}
	return out
}

// TestRankAgreement: of four predictors two change places by much, two by less
// than can be seen.
func TestRankAgreement(t *testing.T) {
	near := rankedBlocks(1, "ahead", 1, []float64{1, 1.2, 1.4, 1.4001})
	far := rankedBlocks(2, "ahead", 8, []float64{2.2, 2, 2.5, 2.4999})
	a, err := RankAgreement(near, far, 1, 8, Bootstrap{Resamples: 500, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Reversals) != 1 || a.Reversals[0].A != 0 || a.Reversals[0].B != 1 {
		t.Fatalf("reversals = %+v, want that of the first two alone", a.Reversals)
	}
	r := a.Reversals[0]
	if math.Abs(r.Near.Value+0.2) > 0.05 || math.Abs(r.Far.Value-0.2) > 0.05 || r.P > 0.01 {
		t.Errorf("reversal = %+v, want -0.2 near and 0.2 far", r)
	}
	if a.Pairs != 6 || a.Tau.Value < 0 || !(a.Tau.Lo <= a.Tau.Value && a.Tau.Value <= a.Tau.Hi) {
		t.Errorf("agreement = %+v of %d pairs, want an interval about what is positive", a.Tau, a.Pairs)
	}
	if _, err := RankAgreement(near, far[:3], 1, 8, Bootstrap{}); err == nil {
		t.Error("four predictors near and three far were compared")
	}
	far[2] = far[2][:10]
	if _, err := RankAgreement(near, far, 1, 8, Bootstrap{}); err == nil {
		t.Error("predictors on different blocks were compared")
	}
}

// TestReversalsAreRarelyClaimed: of predictors that are alike, none.
func TestReversalsAreRarelyClaimed(t *testing.T) {
	claimed := 0
	const trials = 60
	for trial := range uint64(trials) {
		means := make([]float64, 6)
		a, err := RankAgreement(rankedBlocks(1000+trial, "ahead", 1, means), rankedBlocks(5000+trial, "ahead", 8, means), 1, 8, Bootstrap{Resamples: 20})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Reversals) > 0 {
			claimed++
		}
	}
	if claimed > 3 {
		t.Errorf("reversals of equal predictors claimed in %d of %d experiments, want at most 5%%", claimed, trials)
	}
}
