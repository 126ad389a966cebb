package predictortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
	"horizon/predictors/catalog"
)

// bigram is an adaptive order-1 predictor that keeps every rule, with knobs
// to break them one at a time: the suite must notice each.
type bigram struct {
	a      int
	counts []uint32 // [A+1, A]; row A is the empty context
	at     int
	steps  int
	broken string
	seed   float64
}

type bigramConfig struct{ Broken string }

func (c *bigramConfig) New(env predictors.Env) (predictors.Predictor, error) {
	return &bigram{a: env.Alphabet, at: env.Alphabet, counts: make([]uint32, (env.Alphabet+1)*env.Alphabet), broken: c.Broken}, nil
}

func (b *bigram) Alphabet() int { return b.a }
func (b *bigram) row() []uint32 { return b.counts[b.at*b.a : (b.at+1)*b.a] }

func (b *bigram) Reset() {
	if b.broken != "reset" {
		b.at = b.a
	}
	b.steps = 0
}

func (b *bigram) Predict(p []float64) {
	n := 0.0
	for x, c := range b.row() {
		p[x] = float64(c) + 0.05
		n += p[x]
	}
	for x := range p {
		p[x] /= n
	}
	switch b.broken {
	case "sums-to-one":
		p[0] += 1e-6
	case "predict-is-pure":
		b.steps++
		p[0], p[1] = p[0]+p[1]*float64(b.steps%7)/100, p[1]*(1-float64(b.steps%7)/100)
	case "no-allocation":
		sink = make([]float64, 3)
	}
}

var sink []float64

func (b *bigram) Observe(x symbol) {
	if b.broken == "observe-never-learns" {
		b.row()[x]++
	}
	b.at = int(x)
}

func (b *bigram) Learn(x symbol) {
	b.row()[x]++
	b.at = int(x)
	if b.broken == "same-seed" {
		b.counts[0] += uint32(rand.IntN(3))
	}
}

func (b *bigram) Fork() predictors.Predictor {
	if b.broken == "fork" {
		return b
	}
	c := *b
	return &c
}

func (b *bigram) State(s []byte) []byte {
	if b.broken == "state" {
		return append(s, 0)
	}
	return append(s, byte(b.at), byte(b.at>>8))
}

func (b *bigram) Bytes() int64 { return int64(4 * cap(b.counts)) }

func (b *bigram) fields(a *predictors.Archive) {
	if b.broken != "save-load" {
		predictors.Slice(a, &b.counts)
	}
}
func (b *bigram) WriteTo(w io.Writer) (int64, error)  { return predictors.WriteArchive(w, b.fields) }
func (b *bigram) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, b.fields) }

// scoring adds a block scorer, and marginals, with their own ways to be wrong.
type scoring struct{ *bigram }

func (b scoring) Fork() predictors.Predictor { return scoring{b.bigram.Fork().(*bigram)} }

func (b scoring) Score(bits []float64, top []symbol, xs []symbol) {
	predictors.Score(b.bigram, bits, top, xs)
	switch b.broken {
	case "score-equals-predict":
		bits[0] += 1e-6
	case "no-look-ahead":
		if len(xs) > 1 && xs[len(xs)-1] == 1 {
			bits[0] *= 0.999
		}
	}
}

func (b scoring) PredictAhead(ps [][]float64, ks []int) (float64, bool) {
	for i := range ks {
		b.Predict(ps[i]) // right for one step only
	}
	return 0, b.broken == "ahead"
}

// Roll steps forks, all by what the first observed if that is what is broken.
func (b scoring) Roll(n int) predictors.Futures {
	fs := forks{broken: b.broken}
	for range n {
		fs.all = append(fs.all, b.Fork())
	}
	return fs
}

type forks struct {
	all    []predictors.Predictor
	broken string
}

func (fs forks) Predict(ps []float64) {
	a := len(ps) / len(fs.all)
	for i, f := range fs.all {
		f.Predict(ps[i*a : (i+1)*a])
	}
}

func (fs forks) Observe(xs []symbol) {
	for i, f := range fs.all {
		if fs.broken == "futures" {
			i = 0
		}
		f.Observe(xs[i])
	}
}

// witnessing keeps budgets, counts and says what it rests on, or does not.
type witnessing struct{ *bigram }

func (b witnessing) Fork() predictors.Predictor { return witnessing{b.bigram.Fork().(*bigram)} }

func (b witnessing) SetBudget(v predictors.Budget) error {
	if b.broken == "budget" {
		return errors.New("no")
	}
	return predictors.FixedBytes("a bigram", b.Bytes(), v)
}

func (b witnessing) Learn(x symbol) {
	b.steps++
	b.bigram.Learn(x)
}

func (b witnessing) Ops() (train, perSymbol float64) {
	n := 0.0
	for _, c := range b.counts {
		n += float64(c)
	}
	if b.broken == "operations" {
		return 5000 - n, 1
	}
	return n, 1
}

func (b witnessing) Evidence() predictors.Evidence {
	if b.broken == "evidence" {
		b.at = b.a
	}
	v := predictors.Evidence{Match: 1, Effective: 3, Fallback: math.NaN()}
	if b.at == b.a {
		v.Match = 0
	}
	return v
}

// deaf learns but will not stop; liar claims a better loss than it can code.
type deaf struct{ *bigram }

func (b deaf) Fork() predictors.Predictor { return deaf{b.bigram.Fork().(*bigram)} }
func (b deaf) Fit(_ context.Context, d predictors.Data, _ func(predictors.Progress)) error {
	for _, doc := range d.Train {
		for _, x := range doc {
			b.Learn(x)
		}
	}
	return nil
}

type wrapped struct {
	bigramConfig
	wrap func(*bigram) predictors.Predictor
}

func (c *wrapped) New(env predictors.Env) (predictors.Predictor, error) {
	p, _ := c.bigramConfig.New(env)
	return c.wrap(p.(*bigram)), nil
}

func kindOf(broken string, wrap func(*bigram) predictors.Predictor) catalog.Kind {
	config := func() predictors.Config { return &wrapped{bigramConfig{broken}, wrap} }
	return catalog.Kind{Name: "bigram", Version: 1, Default: config, Tiny: config}
}

func plain(b *bigram) predictors.Predictor  { return b }
func scored(b *bigram) predictors.Predictor { return scoring{b} }
func fitted(b *bigram) predictors.Predictor { return deaf{b} }
func proved(b *bigram) predictors.Predictor { return witnessing{b} }

// failures names the checks that fail for a kind.
func failures(k catalog.Kind, a int) (names []string) {
	for _, c := range Checks {
		if err := runOn(k, c, a); err != nil && !errors.Is(err, errTooLittle) {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestSoundPredictorPasses(t *testing.T) {
	Run(t, kindOf("", plain))
	Run(t, kindOf("", scored))
	Run(t, kindOf("", proved))
}

func TestSuiteNoticesWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		broken string
		wrap   func(*bigram) predictors.Predictor
	}{
		{"sums-to-one", plain}, {"predict-is-pure", plain}, {"no-allocation", plain}, {"reset", plain},
		{"observe-never-learns", plain}, {"same-seed", plain}, {"fork", plain}, {"state", plain}, {"save-load", plain},
		{"score-equals-predict", scored}, {"no-look-ahead", scored}, {"ahead", scored}, {"futures", scored}, {"cancel", fitted},
		{"budget", proved}, {"operations", proved}, {"evidence", proved},
	} {
		t.Run(c.broken, func(t *testing.T) {
			if got := failures(kindOf(c.broken, c.wrap), 5); !slices.Contains(got, c.broken) {
				t.Errorf("failing checks: %v", got)
			}
		})
	}
}

func TestSkips(t *testing.T) {
	k := kindOf("cancel", fitted)
	k.Skip = map[string]string{"cancel": "it is deaf"}
	check := Checks[slices.IndexFunc(Checks, func(c Check) bool { return c.Name == "cancel" })]
	if err := RunCheck(k, check); !errors.Is(err, ErrSkipped) {
		t.Errorf("declared skip: %v, want it skipped", err)
	}
	k = kindOf("", plain)
	k.Skip = map[string]string{"cancel": "no reason at all"}
	if err := RunCheck(k, check); err == nil || errors.Is(err, ErrSkipped) {
		t.Errorf("a skip that would pass: %v, want a failure", err)
	}
}

// The suite's source is what it says: its entropy is that of its text.
func TestSource(t *testing.T) {
	for _, a := range alphabets {
		c := newChain(a, uint64(a))
		h, _ := c.Entropy()
		xs := c.Generate(200_000, rand.New(rand.NewPCG(1, 1)))
		f, q, sum := c.Filter(), make([]float64, a), 0.0
		for _, x := range xs {
			f.Predict(q)
			sum += entropy(q)
			f.Observe(x)
		}
		if got := sum / float64(len(xs)); got < h-0.02 || got > h+0.02 {
			t.Errorf("A = %d: mean conditional entropy %v, h = %v", a, got, h)
		}
		l1, _ := c.OptimalAhead(1)
		if fmt.Sprintf("%.9f", l1) != fmt.Sprintf("%.9f", h) {
			t.Errorf("A = %d: L_1 = %v, h = %v", a, l1, h)
		}
	}
}
