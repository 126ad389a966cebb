package metrics

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"horizon/corpora"
	"horizon/predictors"
)

// chain predicts by a fixed matrix of the last symbol; -1 is no symbol yet.
// It implements no fast path, so that Walk sees the fall-backs.
type chain struct {
	rows  [][]float64 // rows[A] is the law after nothing
	at    int
	lie   string
	steps *int // Predict calls of the original, not its forks
}

func (c *chain) Alphabet() int { return len(c.rows) - 1 }
func (c *chain) Reset()        { c.at = len(c.rows) - 1 }
func (c *chain) Predict(p []float64) {
	copy(p, c.rows[c.at])
	switch c.lie {
	case "sum":
		p[0] += 1e-6
	case "nan":
		p[0] = math.NaN()
	}
}
func (c *chain) Observe(x symbol)           { c.at = int(x) }
func (c *chain) Fork() predictors.Predictor { d := *c; return &d }

// boaster claims a better score than it predicts.
type boaster struct{ *chain }

func (b boaster) Score(bits []float64, top []symbol, xs []symbol) {
	predictors.Score(b.chain, bits, top, xs)
	for i := range bits {
		bits[i] *= 0.9
	}
}
func (b boaster) Fork() predictors.Predictor { return boaster{b.chain.Fork().(*chain)} }

var rows = [][]float64{{0.1, 0.9}, {0.6, 0.4}, {0.5, 0.5}}

func newChain() *chain { return &chain{rows: rows, at: 2} }

// corpus is a draw from the chain cut into test documents.
func corpus(lengths ...int) *corpora.Corpus {
	rng := rand.New(rand.NewPCG(4, 4))
	c := &corpora.Corpus{Alphabet: &corpora.Alphabet{Tokens: []string{"0", "1"}, Unknown: -1}}
	x := 0
	for _, n := range lengths {
		doc := make([]symbol, n)
		for i := range doc {
			if rng.Float64() < rows[x][1] {
				x = 1
			} else {
				x = 0
			}
			doc[i] = symbol(x)
		}
		c.Test.Docs = append(c.Test.Docs, doc)
		c.Test.Symbols += n
	}
	return c
}

func noTick(int64, int64) {}

// spy records what a walk shows.
type spy struct {
	scored []symbol
	bits   []float64
	at     []int
	future []symbol
	where  []int // the state of the predictor at each point
}

func (s *spy) Scored(r Run) {
	if r.First != len(s.scored) {
		panic("runs are out of order")
	}
	s.scored = append(s.scored, r.Symbol...)
	s.bits = append(s.bits, r.Bits...)
}

func (s *spy) At(pt Point, p predictors.Predictor) error {
	if pt.Index != len(s.at) {
		panic("points are out of order")
	}
	s.at = append(s.at, pt.First)
	s.future = append(s.future, pt.Future[0])
	s.where = append(s.where, p.(*chain).at)
	return nil
}

func (s *spy) Rows() ([]Score, []Block) { return nil, nil }

func TestEverySymbolIsScoredOnceAndPointsAreWhereTheySay(t *testing.T) {
	c := corpus(9000, 3, 40, 1, 5000)
	all := slices.Concat(c.Test.Docs...)
	for _, points := range []int{0, 1, 7, 200, 100_000} {
		s := &spy{}
		o := Protocol{Horizons: []int{1, 8}, Points: points, Block: 100, Top1: true}
		if _, err := Walk(context.Background(), newChain(), c, o, []Metric{s}, noTick); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.scored, all) {
			t.Fatalf("points = %d: what was scored is not the test part", points)
		}
		// Places with 8 symbols ahead in their document.
		room := 9000 - 7 + 40 - 7 + 5000 - 7
		if want := min(points, room); len(s.at) != want {
			t.Fatalf("points = %d: visited %d, want %d", points, len(s.at), want)
		}
		if !slices.IsSorted(s.at) || len(slices.Compact(slices.Clone(s.at))) != len(s.at) {
			t.Errorf("points = %d: places are not ascending", points)
		}
		for i, at := range s.at {
			start := at == 0 || at == 9000 || at == 9003 || at == 9043 || at == 9044
			want := 2
			if !start {
				want = int(all[at-1])
			}
			if s.future[i] != all[at] || s.where[i] != want {
				t.Fatalf("point %d at %d: future starts with %d, predictor stands at %d, want %d and %d", i, at, s.future[i], s.where[i], all[at], want)
			}
		}
	}
}

func TestLogLossAndItsBlocks(t *testing.T) {
	c := corpus(1050, 30)
	l := NewLogLoss(100)
	if _, err := Walk(context.Background(), newChain(), c, Protocol{Top1: true}, []Metric{l}, noTick); err != nil {
		t.Fatal(err)
	}
	scores, blocks := l.Rows()
	sum, hits := 0.0, 0
	for _, doc := range c.Test.Docs {
		row := rows[2]
		for _, x := range doc {
			sum -= math.Log2(row[x])
			if predictors.Argmax(row) == x {
				hits++
			}
			row = rows[x]
		}
	}
	if got := scores[0].Value; math.Abs(got-sum/1080) > 1e-12 || scores[0].N != 1080 {
		t.Errorf("bits per symbol %v over %d, want %v over 1080", got, scores[0].N, sum/1080)
	}
	if got := scores[1].Value; got != float64(hits)/1080 {
		t.Errorf("top-1 %v, want %v", got, float64(hits)/1080)
	}
	total, n := 0.0, 0
	for i, b := range blocks {
		if b.Block != i || b.First != 100*i || b.N != min(100, 1080-100*i) {
			t.Errorf("block %d: %+v", i, b)
		}
		total += b.Bits
		n += b.N
	}
	if math.Abs(total-sum) > 1e-9 || n != 1080 {
		t.Errorf("blocks sum to %v bits over %d symbols, want %v over 1080", total, n, sum)
	}
}

// L_k of the true chain must be the mean loss of the rows of the matrix power.
func TestAheadEqualsMatrixPowers(t *testing.T) {
	c := corpus(5000)
	ks := []int{1, 2, 5}
	o := Protocol{Horizons: ks, Points: 300, Rollouts: 4, Block: 256}
	h := NewAhead(2, 256, false, predictors.AheadOptions{Horizons: ks, Rollouts: 4})
	s := &spy{}
	if _, err := Walk(context.Background(), newChain(), c, o, []Metric{h, s}, noTick); err != nil {
		t.Fatal(err)
	}
	scores, _ := h.Rows()
	doc := c.Test.Docs[0]
	for _, k := range ks {
		want := 0.0
		for i, at := range s.at {
			p := []float64{0, 0, 0}
			p[s.where[i]] = 1
			for range k {
				p = []float64{p[0]*rows[0][0] + p[1]*rows[1][0] + p[2]*rows[2][0], p[0]*rows[0][1] + p[1]*rows[1][1] + p[2]*rows[2][1], 0}
			}
			want -= math.Log2(p[doc[at+k-1]]) / float64(len(s.at))
		}
		for _, sc := range scores {
			if sc.Horizon != k || sc.N != 300 {
				continue
			}
			switch sc.Metric {
			case "ahead_bits", "ahead_bits_raw":
				if math.Abs(sc.Value-want) > 1e-12 {
					t.Errorf("%s at %d = %v, want %v", sc.Metric, k, sc.Value, want)
				}
			case "ahead_exact":
				if sc.Value != 1 {
					t.Errorf("exact at %d for %v of the points, want all", k, sc.Value)
				}
			}
		}
	}
}

// Few rollouts bias the loss up; the jackknife takes most of that away.
func TestJackknifeRemovesTheBias(t *testing.T) {
	c := corpus(60_000)
	ks := []int{6}
	loss := func(rollouts, states int, metric string) float64 {
		h := NewAhead(2, 256, false, predictors.AheadOptions{Horizons: ks, Rollouts: rollouts, States: states, Seed: 9})
		o := Protocol{Horizons: ks, Points: 20_000, Rollouts: rollouts, Block: 256}
		if _, err := Walk(context.Background(), newChain(), c, o, []Metric{h}, noTick); err != nil {
			t.Fatal(err)
		}
		scores, _ := h.Rows()
		return scores[slices.IndexFunc(scores, func(s Score) bool { return s.Metric == metric })].Value
	}
	exact := loss(2, 128, "ahead_bits")
	raw, fair := loss(8, 1, "ahead_bits_raw"), loss(8, 1, "ahead_bits")
	if raw-exact < 0.01 {
		t.Fatalf("8 rollouts give %v, exact is %v: no bias to remove", raw, exact)
	}
	if math.Abs(fair-exact) > 0.25*(raw-exact) {
		t.Errorf("corrected %v, raw %v, exact %v: want at most a quarter of the bias left", fair, raw, exact)
	}
}

func TestWalkTakesNoPredictorsWord(t *testing.T) {
	c := corpus(500)
	o := Protocol{Horizons: []int{1}, Points: 5, Block: 100}
	for _, tc := range []struct {
		p    predictors.Predictor
		want string
	}{
		{&chain{rows: rows, at: 2, lie: "sum"}, "probabilities sum to"},
		{&chain{rows: rows, at: 2, lie: "nan"}, "want finite"},
		{boaster{newChain()}, "Score claims"},
	} {
		_, err := Walk(context.Background(), tc.p, c, o, []Metric{NewLogLoss(100)}, noTick)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%T: error %v, want one about %q", tc.p, err, tc.want)
		}
	}
}

func TestContextContinuesIfAsked(t *testing.T) {
	c := corpus(50)
	c.Test.Continues = true
	c.Train.Docs = [][]symbol{{0, 0, 1}}
	first := func(o Protocol) float64 {
		s := &spy{}
		if _, err := Walk(context.Background(), newChain(), c, o, []Metric{s}, noTick); err != nil {
			t.Fatal(err)
		}
		return s.bits[0]
	}
	x := c.Test.Docs[0][0]
	if got, want := first(Protocol{}), -math.Log2(rows[2][x]); got != want {
		t.Errorf("empty context: first loss %v, want %v", got, want)
	}
	if got, want := first(Protocol{Continue: true, ContextSymbols: 10}), -math.Log2(rows[1][x]); got != want {
		t.Errorf("continued context: first loss %v, want %v", got, want)
	}
}

func TestWalkStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Walk(ctx, newChain(), corpus(500), Protocol{}, nil, noTick); err != context.Canceled {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// witness rests on what it was told to, point by point.
type witness struct {
	predictors.Predictor
	says []predictors.Evidence
	at   int
}

func (w *witness) Evidence() predictors.Evidence {
	w.at++
	return w.says[w.at-1]
}

func TestEvidence(t *testing.T) {
	nan := math.NaN()
	w := &witness{says: []predictors.Evidence{{Match: 3, Effective: 8, Fallback: 0.5}, {Match: 5, Effective: 2, Fallback: nan},
		{Match: 1, Effective: 0, Fallback: 1}}}
	e := NewEvidence(10)
	for i, first := range []int{2, 8, 31} {
		if err := e.At(Point{Index: i, First: first}, w); err != nil {
			t.Fatal(err)
		}
	}
	scores, rows := e.Rows()
	wantScores := []Score{{"match_length", 1, 3, 3}, {"n_eff", 1, 3, 10.0 / 3}, {"fallback", 1, 2, 0.75}, {"n_eff_geometric", 1, 2, 4}}
	if d := cmp.Diff(wantScores, scores, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
	row := func(metric string, block, n int, sum float64) Block {
		return Block{Metric: metric, Horizon: 1, Block: block, First: 10 * block, N: n, Bits: sum}
	}
	wantRows := []Block{row("match_length", 0, 2, 8), row("match_length", 3, 1, 1), row("n_eff", 0, 2, 10), row("n_eff", 3, 1, 0),
		row("fallback", 0, 1, 0.5), row("fallback", 3, 1, 1)}
	if d := cmp.Diff(wantRows, rows); d != "" {
		t.Error(d)
	}
	for _, bad := range []predictors.Evidence{{Match: -1}, {Effective: -1}, {Effective: math.Inf(1)}, {Fallback: 1.1}} {
		if e.At(Point{}, &witness{says: []predictors.Evidence{bad}}) == nil {
			t.Errorf("%+v was believed", bad)
		}
	}
}

// surveyed is the chain as an automaton that answers for all points at once.
type surveyed struct{ *chain }

func (s surveyed) Place() (uint32, bool)      { return uint32(s.at), true }
func (s surveyed) Fork() predictors.Predictor { return surveyed{s.chain.Fork().(*chain)} }
func (s surveyed) Survey(_ context.Context, places []uint32, ks []int, ys []symbol, visit func(i, k, j int, p []float64), _ func(done, total int64)) error {
	f := predictors.NewForecaster(2, predictors.AheadOptions{Horizons: ks, Rollouts: 2, States: 1 << 20})
	for i, at := range places {
		got := f.At(&chain{rows: s.rows, at: int(at)}, 0)
		for l, k := range ks {
			for j, y := range ys { // a symbol at a time
				visit(i, k, j, got.P[l][y:y+1])
			}
		}
	}
	return nil
}

// TestAheadSurveyed: asking for all points at once gives what asking at each
// gives, unless the predictor learns, when it must not be asked afterwards.
func TestAheadSurveyed(t *testing.T) {
	ks := []int{1, 2, 5}
	measure := func(p predictors.Predictor, learning bool) []Score {
		t.Helper()
		h := NewAhead(2, 16, learning, predictors.AheadOptions{Horizons: ks, Rollouts: 2, States: 1 << 20})
		if _, err := Walk(t.Context(), p, corpus(60, 90), Protocol{Horizons: ks, Points: 20, Rollouts: 2, Block: 16}, []Metric{h}, noTick); err != nil {
			t.Fatal(err)
		}
		if learning && h.surveyed != nil {
			t.Error("a learner was asked afterwards")
		}
		scores, _ := h.Rows()
		return scores
	}
	want := measure(newChain(), false)
	for _, learning := range []bool{false, true} {
		got := measure(surveyed{newChain()}, learning)
		if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
			t.Errorf("learning %v: %s", learning, d)
		}
	}
}
