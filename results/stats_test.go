package results

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestPerplexity(t *testing.T) {
	for _, c := range []struct{ bits, want float64 }{{0, 1}, {1, 2}, {8, 256}, {math.Inf(1), math.Inf(1)}} {
		if got := Perplexity(c.bits); got != c.want {
			t.Errorf("Perplexity(%v) = %v, want %v", c.bits, got, c.want)
		}
	}
}

// ar1 draws block losses with autocorrelation phi around a mean of 2 bits a
// symbol, in blocks of n symbols of which the last is shorter.
func ar1(rng *rand.Rand, m int, phi float64) (bits, n []float64) {
	x := rng.NormFloat64() / math.Sqrt(1-phi*phi)
	for i := range m {
		size := 100.0
		if i == m-1 {
			size = 37
		}
		bits, n = append(bits, size*(2+0.3*x)), append(n, size)
		x = phi*x + rng.NormFloat64()
	}
	return bits, n
}

// coverage is the share of draws whose interval holds the true mean.
func coverage(draws, m int, phi float64, interval func(bits, n []float64, draw int) Interval) float64 {
	rng, hits := rand.New(rand.NewPCG(1, uint64(m))), 0
	for i := range draws {
		bits, n := ar1(rng, m, phi)
		if v := interval(bits, n, i); v.OK && v.Lo <= 2 && 2 <= v.Hi {
			hits++
		}
	}
	return float64(hits) / float64(draws)
}

// The binomial error of a share of 95% in 2,000 draws is 0.5%, and theory puts
// the coverage itself within 1.5% of the level at these sizes.
func TestHACCoverage(t *testing.T) {
	for _, c := range []struct {
		m   int
		phi float64
	}{{60, 0}, {200, 0.3}, {400, 0.5}, {400, -0.3}} {
		got := coverage(2000, c.m, c.phi, func(bits, n []float64, _ int) Interval { return HAC(bits, n, 0) })
		t.Logf("m = %d, phi = %v: %.2f%%", c.m, c.phi, 100*got)
		if got < 0.93 || got > 0.97 {
			t.Errorf("HAC at m = %d, phi = %v covers %.2f%%, want 93 to 97", c.m, c.phi, 100*got)
		}
	}
}

// A percentile interval of the stationary bootstrap needs more blocks than
// HAC: its variance is short by about (2φ/(1−φ²))/length, a tenth at 400
// blocks with φ = 0.3, where it covers 92%.
func TestBootstrapCoverage(t *testing.T) {
	for _, c := range []struct {
		m   int
		phi float64
	}{{200, 0}, {1000, 0.3}} {
		got := coverage(800, c.m, c.phi, func(bits, n []float64, draw int) Interval {
			return StationaryBootstrap(bits, n, Bootstrap{Resamples: 500, Seed: uint64(draw)})
		})
		t.Logf("m = %d, phi = %v: %.2f%%", c.m, c.phi, 100*got)
		if got < 0.93 || got > 0.97 {
			t.Errorf("bootstrap at m = %d, phi = %v covers %.2f%%, want 93 to 97", c.m, c.phi, 100*got)
		}
	}
}

// The slow twin: V as a weighted sum over all pairs of blocks, in the matrix
// form w'Σw of the definition, with the residuals written out.
func TestHACAgainstPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, minLag := range []int{0, 25} {
		bits, n := ar1(rng, 90, 0.4)
		sb, sn := 0.0, 0.0
		for i := range bits {
			sb, sn = sb+bits[i], sn+n[i]
		}
		r, m := sb/sn, float64(len(bits))
		lag := math.Max(float64(minLag), math.Ceil(1.3*math.Sqrt(m)))
		variance := 0.0 // of R: the weighted sum of covariances of bᵢ − R nᵢ, over (Σn)²
		for i := range bits {
			for j := range bits {
				d := math.Abs(float64(i - j))
				if d <= lag {
					variance += (1 - d/(lag+1)) * (bits[i] - r*n[i]) * (bits[j] - r*n[j])
				}
			}
		}
		b := (lag + 1) / m
		half := (1.96 + 2.9694*b + 0.416*b*b - 0.5324*b*b*b) * math.Sqrt(variance) / sn
		got := HAC(bits, n, minLag)
		if math.Abs(got.Value-r) > 1e-12 || math.Abs(got.Hi-got.Lo-2*half) > 1e-12 {
			t.Errorf("HAC = %+v, want %v ± %v", got, r, half)
		}
	}
}

// The critical value is checked against its definition: the 97.5% point of the
// statistic for independent normal terms, lag a fixed share of the length.
func TestFixedB(t *testing.T) {
	const m, draws = 300, 4000
	rng := rand.New(rand.NewPCG(5, 5))
	for _, b := range []float64{0.02, 0.1, 0.3} {
		over := 0
		for range draws {
			x := make([]float64, m)
			mean := 0.0
			for i := range x {
				x[i] = rng.NormFloat64()
				mean += x[i] / m
			}
			for i := range x {
				x[i] -= mean
			}
			v := longRunVariance(x, int(b*m)-1)
			if math.Abs(mean)/math.Sqrt(v/m) > fixedB(b) {
				over++
			}
		}
		// four binomial standard errors
		if got := float64(over) / draws; math.Abs(got-0.05) > 0.0138 {
			t.Errorf("b = %v: exceeded in %.2f%%, want 5%%", b, 100*got)
		}
	}
}

func TestIntervalUnavailable(t *testing.T) {
	bits, n := ar1(rand.New(rand.NewPCG(1, 1)), MinBlocks-1, 0)
	inf, ninf := ar1(rand.New(rand.NewPCG(1, 1)), 100, 0)
	inf[3] = math.Inf(1)
	for name, x := range map[string]Interval{
		"few":            HAC(bits, n, 0),
		"few, bootstrap": StationaryBootstrap(bits, n, Bootstrap{}),
		"infinite":       HAC(inf, ninf, 0),
		"none":           HAC(nil, nil, 0),
	} {
		if x.OK || !math.IsNaN(x.Lo) || !math.IsNaN(x.Hi) {
			t.Errorf("%s: %+v, want no interval", name, x)
		}
	}
	if v := HAC(inf, ninf, 0).Value; !math.IsInf(v, 1) {
		t.Errorf("mean of infinite losses = %v, want +Inf", v)
	}
}

func blocksOf(bits, n []float64) []BlockLoss {
	var out []BlockLoss
	first := int64(0)
	for i := range bits {
		out = append(out, BlockLoss{Metric: "log_loss", Horizon: 1, Block: i, First: first, N: int64(n[i]), Bytes: 2 * int64(n[i]), Bits: bits[i]})
		first += int64(n[i])
	}
	return out
}

func TestPaired(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	bits, n := ar1(rng, 200, 0.8)
	a := blocksOf(bits, n)

	// A predictor never differs from itself.
	d, dn, err := Paired(a, a, PerByte)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []Interval{HAC(d, dn, 0), StationaryBootstrap(d, dn, Bootstrap{Seed: 1})} {
		if x != (Interval{0, 0, 0, true}) {
			t.Errorf("difference from itself = %+v, want 0 in [0, 0]", x)
		}
	}

	// One that is 0.01 bits a symbol worse throughout is seen through noise
	// thirty times that, which both share.
	b := blocksOf(bits, n)
	for i := range b {
		b[i].Bits += 0.01*n[i] + 0.1*rng.NormFloat64()
	}
	d, dn, _ = Paired(b, a, PerSymbol)
	for _, x := range []Interval{HAC(d, dn, 0), StationaryBootstrap(d, dn, Bootstrap{Seed: 1})} {
		if !x.OK || x.Lo < 0.009 || x.Hi > 0.011 || x.Lo > x.Hi {
			t.Errorf("difference = %+v, want about 0.01", x)
		}
	}

	b[7].N++
	if _, _, err := Paired(a, b, PerSymbol); err == nil {
		t.Error("blocks of other symbols were paired")
	}
	if _, _, err := Paired(a, b[1:], PerSymbol); err == nil {
		t.Error("199 blocks were paired with 200")
	}
}

func TestIdenticalPredictorsRarelyDiffer(t *testing.T) {
	// Two predictors with the same true loss and independent noise: the
	// interval of their difference leaves out 0 in about 5% of draws.
	got := coverage(1500, 200, 0.3, func(bits, n []float64, draw int) Interval {
		other, _ := ar1(rand.New(rand.NewPCG(77, uint64(draw))), 200, 0.3)
		d, dn, err := Paired(blocksOf(bits, n), blocksOf(other, n), PerSymbol)
		if err != nil {
			t.Fatal(err)
		}
		x := HAC(d, dn, 0)
		return Interval{x.Value + 2, x.Lo + 2, x.Hi + 2, x.OK}
	})
	if 1-got > 0.065 {
		t.Errorf("equal predictors were told apart in %.2f%% of draws, want at most 6.5", 100*(1-got))
	}
}

// The slow twin of the resampler: blocks drawn one by one, each the successor
// of the last with probability 1 − 1/length. Same law, so the same variance.
func TestResamplerAgainstSteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	bits, n := ar1(rng, 60, 0.6)
	const length, draws = 4.0, 40_000
	r := newResampler(bits, n, length, 1)
	var fast, slow, fast2, slow2 float64
	for range draws {
		x := r.ratio()
		b, d, i := 0.0, 0.0, 0
		for j := range bits {
			if j == 0 || rng.Float64() < 1/length {
				i = rng.IntN(len(bits))
			} else {
				i = (i + 1) % len(bits)
			}
			b, d = b+bits[i], d+n[i]
		}
		y := b / d
		fast, fast2, slow, slow2 = fast+x/draws, fast2+x*x/draws, slow+y/draws, slow2+y*y/draws
	}
	vf, vs := fast2-fast*fast, slow2-slow*slow
	if math.Abs(fast-slow) > 5*math.Sqrt(2*vs/draws) || math.Abs(vf/vs-1) > 0.04 {
		t.Errorf("mean, variance = %v, %v, step by step %v, %v", fast, vf, slow, vs)
	}
}

func TestBootstrapSeeded(t *testing.T) {
	bits, n := ar1(rand.New(rand.NewPCG(1, 2)), 100, 0.3)
	a, b := StationaryBootstrap(bits, n, Bootstrap{Seed: 4}), StationaryBootstrap(bits, n, Bootstrap{Seed: 4})
	if a != b {
		t.Errorf("same seed, %+v and %+v", a, b)
	}
	if c := StationaryBootstrap(bits, n, Bootstrap{Seed: 5}); a == c {
		t.Error("another seed, the same interval to the last bit")
	}
}

// The series and its block length are those of the test suite of the Python
// package arch (K. Sheppard, arch/tests/bootstrap/test_block_length.py):
// 10,000 steps of an AR(1) with coefficient 0.3 driven by numpy's
// RandomState(0), after 100 steps of warm-up; stationary length 13.635665.
func TestBlockLengthPublished(t *testing.T) {
	g := newNumpy(0)
	y := make([]float64, 10_100)
	for i := range y {
		y[i] = g.normal()
		if i == 0 && math.Abs(y[0]-1.764052345967664) > 1e-15 {
			t.Fatalf("first normal deviate = %v, want numpy's 1.764052345967664", y[0])
		}
		if i > 0 {
			y[i] += 0.3 * y[i-1]
		}
	}
	if got := BlockLength(y[100:]); math.Abs(got/13.635665-1) > 1e-4 {
		t.Errorf("BlockLength = %v, want 13.635665", got)
	}
}

// For an AR(1), b = (2φ/(1−φ²))^{2/3} m^{1/3}: substitute γ_k = φ^k γ₀.
func TestBlockLengthAR1(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	const m, phi = 50_000, 0.7
	x := make([]float64, m)
	for i := 1; i < m; i++ {
		x[i] = phi*x[i-1] + rng.NormFloat64()
	}
	want := math.Pow(2*phi/(1-phi*phi), 2.0/3) * math.Cbrt(m)
	if got := BlockLength(x); math.Abs(got/want-1) > 0.1 {
		t.Errorf("BlockLength = %v, want about %v", got, want)
	}
	if got := BlockLength(make([]float64, 100)); got != 1 {
		t.Errorf("BlockLength of a constant = %v, want 1", got)
	}
}

func TestReplicates(t *testing.T) {
	one := Interval{2, 1.9, 2.1, true}
	if got := Replicates([]Interval{one}); got != one {
		t.Errorf("one replicate = %+v, want itself", got)
	}
	// Three values 1, 2, 3: s = 1, t₂ = 4.302653 (any table), half = t/√3.
	none := func(v float64) Interval { return unavailable(v) }
	got := Replicates([]Interval{none(1), none(2), none(3)})
	if half := 4.302652729911275 / math.Sqrt(3); math.Abs(got.Hi-2-half) > 1e-9 || math.Abs(got.Lo-2+half) > 1e-9 {
		t.Errorf("replicates 1, 2, 3 = %+v, want 2 ± %v", got, half)
	}
	// Equal values: only the common sampling error remains.
	if got := Replicates([]Interval{one, one}); math.Abs(got.Hi-2.1) > 1e-12 {
		t.Errorf("equal replicates = %+v, want %+v", got, one)
	}
	if got := Replicates([]Interval{one, none(2)}); got.OK {
		t.Errorf("a replicate without interval gave %+v", got)
	}
}

func BenchmarkStationaryBootstrap(b *testing.B) {
	bits, n := ar1(rand.New(rand.NewPCG(1, 2)), 400, 0.3)
	for b.Loop() {
		StationaryBootstrap(bits, n, Bootstrap{Seed: 4})
	}
}

// numpy is RandomState: the Mersenne Twister of Matsumoto & Nishimura (1998,
// ACM TOMACS 8:3) and the polar method of Marsaglia, in the order in which
// numpy takes its deviates.
type numpy struct {
	mt    [624]uint32
	next  int
	spare []float64
}

func newNumpy(seed uint32) *numpy {
	g := &numpy{next: 624}
	for i := range g.mt {
		g.mt[i] = seed
		seed = 1812433253*(seed^seed>>30) + uint32(i) + 1
	}
	return g
}

func (g *numpy) word() uint32 {
	if g.next == 624 {
		for i := range g.mt {
			y := g.mt[i]&0x80000000 | g.mt[(i+1)%624]&0x7fffffff
			g.mt[i] = g.mt[(i+397)%624] ^ y>>1 ^ (y&1)*0x9908b0df
		}
		g.next = 0
	}
	y := g.mt[g.next]
	g.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (g *numpy) uniform() float64 {
	a, b := g.word()>>5, g.word()>>6
	return (float64(a)*67108864 + float64(b)) / 9007199254740992
}

func (g *numpy) normal() float64 {
	if len(g.spare) > 0 {
		x := g.spare[0]
		g.spare = nil
		return x
	}
	for {
		x, y := 2*g.uniform()-1, 2*g.uniform()-1
		if r := x*x + y*y; r < 1 && r != 0 {
			f := math.Sqrt(-2 * math.Log(r) / r)
			g.spare = []float64{f * x}
			return f * y
		}
	}
}

func TestMinLag(t *testing.T) {
	var blocks []BlockLoss
	for i := range 40 {
		blocks = append(blocks, BlockLoss{First: int64(7 + 16*i)})
	}
	for k, want := range map[int]int{1: 0, 2: 1, 17: 1, 18: 2, 33: 2, 100000: 39} {
		if got := MinLag(k, blocks); got != want {
			t.Errorf("k = %d over blocks of 16: lag = %d, want %d", k, got, want)
		}
	}
	if got := MinLag(9, blocks[:1]); got != 0 {
		t.Errorf("of one block: lag = %d, want 0", got)
	}
}

func TestMeanBlocks(t *testing.T) {
	a := blocksOf([]float64{1, 2, 6}, []float64{4, 4, 3})
	b := blocksOf([]float64{3, 4, 0}, []float64{4, 4, 3})
	got, err := MeanBlocks([][]BlockLoss{a, b})
	want := blocksOf([]float64{2, 3, 3}, []float64{4, 4, 3})
	if err != nil || !slices.Equal(got, want) || a[0].Bits != 1 {
		t.Errorf("mean of %v and %v = %v, %v, want %v", a, b, got, err, want)
	}
	if _, err := MeanBlocks([][]BlockLoss{a, b[:2]}); err == nil || !strings.Contains(err.Error(), "replicate 1") {
		t.Errorf("of other blocks: %v, want an error that says replicate 1", err)
	}
}
