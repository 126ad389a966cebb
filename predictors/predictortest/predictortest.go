// Package predictortest is the conformance suite: what every predictor must
// do, whatever its family. A kind lands when it passes, or states why a check
// cannot apply to it (catalog.Kind.Skip).
//
// The checks return errors rather than fail a test, so that the command line
// can run them too (`horizon check KIND`).
package predictortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"horizon/predictors"
	"horizon/predictors/catalog"
)

type (
	predictor = predictors.Predictor
	symbol    = predictors.Symbol
)

// A Check is one property that every predictor must have.
type Check struct {
	Name string
	Doc  string
	run  func(*subject) error
}

// Checks lists the suite.
var Checks = []Check{
	{"sums-to-one", "probabilities are positive and sum to one within 1e-9, trained or not, wherever the walk has led", sumsToOne},
	{"predict-is-pure", "Predict changes nothing, and gives the same bits twice", predictIsPure},
	{"score-equals-predict", "Score agrees with Predict within 1e-9 bits, and to the bit for any cut into blocks", scoreEqualsPredict},
	{"no-look-ahead", "altering later symbols of a block changes no earlier loss", noLookAhead},
	{"fork", "a fork agrees with its parent and leaves it alone; forks may run at once", fork},
	{"reset", "Reset forgets the sequence and nothing else", reset},
	{"observe-never-learns", "Observe leaves parameters alone", observeNeverLearns},
	{"learn-after-score", "prequential scores use only what came before; a predictor without Learn is refused", learnAfterScore},
	{"save-load", "what was saved predicts alike when loaded, and a damaged file is refused", saveLoad},
	{"same-seed", "equal seeds give equal bits for any GOMAXPROCS", sameSeed},
	{"cancel", "training returns soon after its context is cancelled", cancel},
	{"no-allocation", "Predict, after its first call, allocates nothing", noAllocation},
	{"coder", "an arithmetic coder decodes what it encoded, within 64 bits of the claimed loss, frozen and learning", coder},
	{"ahead", "k-step marginals equal brute-force marginalisation", ahead},
	{"futures", "futures stepped together predict as forks do, and move nothing", futures},
	{"state", "equal states predict alike, now and later", state},
	{"empty-training", "no training data is no reason to panic", emptyTraining},
	{"documents", "any number of documents, short ones too, may be learned", documents},
	{"budget", "bounds on bytes, symbols, seconds and operations are kept, or refused with the reason", budget},
	{"operations", "operations are counted, more of them for more work", operations},
	{"evidence", "what a prediction is said to rest on is possible, and asking for it changes nothing", evidence},
	{"not-below-entropy", "nobody beats the entropy of a known source by more than luck", notBelowEntropy},
	{"near-entropy", "the loss on an order-1 source is nearer its entropy rate than that of single symbols", nearEntropy},
}

// ErrSkipped marks a check that the kind declares it cannot pass.
var ErrSkipped = errors.New("skipped")

// A subject is a kind on one alphabet with data to train and test it on.
type subject struct {
	kind catalog.Kind
	a    int
	env  predictors.Env
	data predictors.Data
	test []symbol
	h    float64 // entropy rate of the source, bits per symbol
	// marginal is the entropy of one symbol of the source by itself.
	marginal float64
	rng      *rand.Rand
}

func newSubject(kind catalog.Kind, a int) *subject {
	c := newChain(a, uint64(a))
	n := 3000
	xs := c.Generate(n+1000, rand.New(rand.NewPCG(uint64(a), 7)))
	s := &subject{kind: kind, a: a, rng: rand.New(rand.NewPCG(1, 2)),
		env:  predictors.Env{Alphabet: a, Seed: 11},
		data: predictors.Data{Train: [][]symbol{xs[:2000], xs[2000:2500]}, Valid: [][]symbol{xs[2500:n]}},
		test: xs[n:],
	}
	s.h, _ = c.Entropy()
	s.marginal = entropy(c.pi)
	if kind.Oracle {
		s.env.Process = c
	}
	return s
}

// alphabets are those the suite runs on: the smallest real one, one that is
// no power of two, and bytes.
var alphabets = []int{2, 5, 256}

// RunCheck runs one check on one kind over every alphabet of the suite. It
// returns nil, an error that wraps ErrSkipped with the declared reason, or
// what is wrong.
func RunCheck(kind catalog.Kind, c Check) error {
	reason, skip := kind.Skip[c.Name]
	for _, a := range alphabets {
		err := runOn(kind, c, a)
		switch {
		case err == nil, errors.Is(err, errTooLittle):
		case skip:
			return fmt.Errorf("%w: %s", ErrSkipped, reason)
		default:
			return fmt.Errorf("A = %d: %w", a, err)
		}
	}
	if skip {
		return fmt.Errorf("declared to be skipped (%s), but it passes: take the skip out", reason)
	}
	return nil
}

// errTooLittle says that the suite has too little data for a check on this
// alphabet.
var errTooLittle = errors.New("too little data")

func runOn(kind catalog.Kind, c Check, a int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			buf := make([]byte, 4096)
			err = fmt.Errorf("panic: %v\n%s", r, buf[:runtime.Stack(buf, false)])
		}
	}()
	return c.run(newSubject(kind, a))
}

// Run runs the suite on one kind as subtests.
func Run(t *testing.T, kind catalog.Kind) {
	for _, c := range Checks {
		t.Run(c.Name, func(t *testing.T) {
			switch err := RunCheck(kind, c); {
			case errors.Is(err, ErrSkipped):
				t.Skipf("%v", err)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// fresh returns an untrained predictor.
func (s *subject) fresh() (predictor, error) { return s.kind.Tiny().New(s.env) }

// trained returns a predictor trained on the subject's data.
func (s *subject) trained() (predictor, error) {
	p, err := s.fresh()
	if err != nil {
		return nil, err
	}
	return p, predictors.Train(context.Background(), p, s.data, nil)
}

// both runs f on an untrained and a trained predictor.
func (s *subject) both(f func(predictor) error) error {
	p, err := s.fresh()
	if err != nil {
		return err
	}
	if err := f(p); err != nil {
		return fmt.Errorf("untrained: %w", err)
	}
	if p, err = s.trained(); err != nil {
		return err
	}
	if err := f(p); err != nil {
		return fmt.Errorf("trained: %w", err)
	}
	return nil
}

// wild is a sequence unlike the training data: a run of every symbol, a
// constant stretch, noise, and some text of the source. An oracle, for which
// it may be impossible, walks the source's own text.
func (s *subject) wild(n int) []symbol {
	if s.kind.Oracle {
		return s.test[:min(n, len(s.test))]
	}
	xs := make([]symbol, 0, n)
	for i := range n {
		switch {
		case i < n/4:
			xs = append(xs, symbol(i%s.a))
		case i < n/3:
			xs = append(xs, symbol(s.a-1))
		case i < 2*n/3:
			xs = append(xs, symbol(s.rng.IntN(s.a)))
		default:
			xs = append(xs, s.test[i%len(s.test)])
		}
	}
	return xs
}

func (s *subject) predict(p predictor) []float64 {
	q := make([]float64, s.a)
	p.Predict(q)
	return q
}

func sumsToOne(s *subject) error {
	return s.both(func(p predictor) error {
		if p.Alphabet() != s.a {
			return fmt.Errorf("Alphabet() = %d, want %d", p.Alphabet(), s.a)
		}
		for i, x := range append([]symbol{0}, s.wild(1500)...) {
			if i > 0 {
				p.Observe(x)
			}
			if i > 300 && i%7 != 0 {
				continue
			}
			if err := s.isLaw(s.predict(p)); err != nil {
				return fmt.Errorf("after %d symbols: %w", i, err)
			}
		}
		return nil
	})
}

func (s *subject) isLaw(q []float64) error {
	sum := 0.0
	for x, v := range q {
		if !(v > 0) && !(s.kind.Oracle && v == 0) || math.IsInf(v, 0) {
			return fmt.Errorf("P(%d) = %v, want > 0", x, v)
		}
		sum += v
	}
	if math.Abs(sum-1) > 1e-9 {
		return fmt.Errorf("probabilities sum to %v", sum)
	}
	return nil
}

func predictIsPure(s *subject) error {
	return s.both(func(p predictor) error {
		q := p.Fork()
		for i, x := range s.wild(400) {
			a, b := s.predict(p), s.predict(p)
			if !slices.Equal(a, b) {
				return fmt.Errorf("after %d symbols: two Predicts differ", i)
			}
			if i%50 == 49 && !slices.Equal(a, s.predict(q)) {
				return fmt.Errorf("after %d symbols: predicting on the way changed the prediction", i)
			}
			p.Observe(x)
			q.Observe(x)
		}
		return nil
	})
}

func scoreEqualsPredict(s *subject) error {
	return s.both(func(p predictor) error {
		xs := s.wild(700)
		want, first := make([]float64, len(xs)), make([]float64, len(xs))
		tops := make([]symbol, len(xs))
		ref := p.Fork()
		for i, x := range xs {
			q := s.predict(ref)
			want[i], tops[i] = -math.Log2(q[x]), predictors.Argmax(q)
			ref.Observe(x)
		}
		for try := range 4 {
			got, top := make([]float64, len(xs)), make([]symbol, len(xs))
			if try == 3 {
				top = nil // the fast path without the most probable symbol
			}
			f := p.Fork()
			for i := 0; i < len(xs); {
				n := min(1+s.rng.IntN(1<<(2*try+1)), len(xs)-i)
				t := top
				if top != nil {
					t = top[i : i+n]
				}
				predictors.Score(f, got[i:i+n], t, xs[i:i+n])
				i += n
			}
			if !slices.Equal(s.predict(f), s.predict(ref)) {
				return errors.New("Score leaves the predictor elsewhere than Observe does")
			}
			if try == 0 {
				copy(first, got)
			}
			for i := range xs {
				if !(math.Abs(got[i]-want[i]) <= 1e-9) && got[i] != want[i] {
					return fmt.Errorf("symbol %d: Score %v bits, Predict %v", i, got[i], want[i])
				}
				if try < 3 && got[i] != first[i] {
					return fmt.Errorf("symbol %d: %v bits in one cut into blocks, %v in another", i, got[i], first[i])
				}
				if top != nil && top[i] != tops[i] {
					return fmt.Errorf("symbol %d: Score says %d is most probable, Predict %d", i, top[i], tops[i])
				}
			}
		}
		return nil
	})
}

func noLookAhead(s *subject) error {
	return s.both(func(p predictor) error {
		xs := s.wild(300)
		for range 5 {
			cut := 1 + s.rng.IntN(len(xs)-1)
			ys := slices.Clone(xs)
			for i := cut; i < len(ys); i++ {
				if !s.kind.Oracle {
					ys[i] = symbol(s.rng.IntN(s.a))
				}
			}
			a, b := make([]float64, len(xs)), make([]float64, len(xs))
			predictors.Score(p.Fork(), a, nil, xs)
			predictors.Score(p.Fork(), b, nil, ys)
			if !slices.Equal(a[:cut], b[:cut]) {
				return fmt.Errorf("symbols from %d on change losses before it", cut)
			}
		}
		return nil
	})
}

func fork(s *subject) error {
	return s.both(func(p predictor) error {
		xs := s.wild(600)
		for _, x := range xs[:200] {
			p.Observe(x)
		}
		before := s.predict(p)
		want := make([]float64, 200)
		predictors.Score(p.Fork().Fork(), want, nil, xs[200:400])

		var wg sync.WaitGroup
		got := make([][]float64, 4)
		for i := range got {
			f := p.Fork()
			wg.Go(func() {
				if i%2 == 1 { // others go elsewhere at the same time
					predictors.Score(f, make([]float64, 200), nil, xs[400:])
					f = f.Fork()
					return
				}
				got[i] = make([]float64, 200)
				predictors.Score(f, got[i], nil, xs[200:400])
			})
		}
		wg.Wait()
		for i := range got {
			if got[i] != nil && !slices.Equal(got[i], want) {
				return errors.New("forks running at once disagree with one running alone")
			}
		}
		if !slices.Equal(before, s.predict(p)) {
			return errors.New("a fork's walk moved its parent")
		}
		f := p.Fork()
		for _, x := range xs[200:300] {
			p.Observe(x)
		}
		if !slices.Equal(before, s.predict(f)) {
			return errors.New("the parent's walk moved its fork")
		}
		return nil
	})
}

func reset(s *subject) error {
	return s.both(func(p predictor) error {
		p.Reset()
		xs := s.wild(200)
		want, got := make([]float64, len(xs)), make([]float64, len(xs))
		predictors.Score(p, want, nil, xs)
		p.Reset()
		predictors.Score(p, got, nil, xs)
		if !slices.Equal(want, got) {
			return errors.New("a walk after Reset differs from the first")
		}
		return nil
	})
}

func observeNeverLearns(s *subject) error {
	return s.both(func(p predictor) error {
		p.Reset()
		want := s.predict(p)
		var before, after bytes.Buffer
		if err := predictors.Save(&before, p); err != nil {
			return err
		}
		for _, x := range s.wild(800) {
			p.Observe(x)
		}
		if err := predictors.Save(&after, p); err != nil {
			return err
		}
		if !bytes.Equal(before.Bytes(), after.Bytes()) {
			return errors.New("what Save writes changed while observing")
		}
		p.Reset()
		if !slices.Equal(want, s.predict(p)) {
			return errors.New("the first prediction changed while observing")
		}
		return nil
	})
}

func learnAfterScore(s *subject) error {
	return s.both(func(p predictor) error {
		xs := s.wild(300)
		got := make([]float64, len(xs))
		if predictors.CanLearn(p) != nil {
			if predictors.ScoreLearning(p, got, nil, xs) == nil {
				return errors.New("ScoreLearning is not refused, though CanLearn is")
			}
			return nil
		}
		ref, err := s.copyOf(p)
		if err != nil {
			return err
		}
		if err := predictors.ScoreLearning(p, got, nil, xs); err != nil {
			return err
		}
		for i, x := range xs {
			q := s.predict(ref)
			if math.Abs(got[i]+math.Log2(q[x])) > 1e-9 && !math.IsInf(got[i], 1) {
				return fmt.Errorf("symbol %d: scored %v bits, predicted %v before learning it", i, got[i], -math.Log2(q[x]))
			}
			if l, ok := ref.(predictors.Learner); ok {
				l.Learn(x)
			} else {
				ref.Observe(x)
			}
			if i%50 == 0 {
				if err := s.isLaw(s.predict(ref)); err != nil {
					return fmt.Errorf("after learning %d symbols: %w", i, err)
				}
			}
		}
		return nil
	})
}

// copyOf saves p and loads it into a new predictor.
func (s *subject) copyOf(p predictor) (predictor, error) {
	var b bytes.Buffer
	if err := predictors.Save(&b, p); err != nil {
		return nil, err
	}
	q, err := s.fresh()
	if err != nil {
		return nil, err
	}
	return q, predictors.Load(&b, q)
}

func saveLoad(s *subject) error {
	return s.both(func(p predictor) error {
		q, err := s.copyOf(p)
		if err != nil {
			return err
		}
		p.Reset()
		xs := s.wild(500)
		a, b := make([]float64, len(xs)), make([]float64, len(xs))
		predictors.Score(p, a, nil, xs)
		predictors.Score(q, b, nil, xs)
		if !slices.Equal(a, b) {
			return errors.New("the loaded predictor predicts differently")
		}
		size, err := predictors.Size(p)
		if err != nil {
			return err
		}
		var w bytes.Buffer
		if err := predictors.Save(&w, p); err != nil {
			return err
		}
		if size < 0 || (w.Len() > 4096 && size < int64(w.Len())/8) {
			return fmt.Errorf("Bytes() = %d, but %d bytes were saved", size, w.Len())
		}
		if w.Len() == 0 {
			return nil
		}
		for _, n := range []int{0, w.Len() / 2, w.Len() - 1} {
			q, err := s.fresh()
			if err != nil {
				return err
			}
			if predictors.Load(bytes.NewReader(w.Bytes()[:n]), q) == nil {
				return fmt.Errorf("a file cut off at byte %d of %d is accepted", n, w.Len())
			}
		}
		return nil
	})
}

func sameSeed(s *subject) error {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	var want []byte
	for _, procs := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(procs)
		p, err := s.trained()
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			return err
		}
		if want == nil {
			want = b.Bytes()
		} else if !bytes.Equal(want, b.Bytes()) {
			return fmt.Errorf("GOMAXPROCS = %d trains other parameters than 1", procs)
		}
	}
	return nil
}

func cancel(s *subject) error {
	p, err := s.fresh()
	if err != nil {
		return err
	}
	_, fits := p.(predictors.Fitter)
	if _, learns := p.(predictors.Learner); !fits && !learns {
		return nil // nothing to train
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	start := time.Now()
	if err := predictors.Train(ctx, p, s.data, nil); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("Train under a cancelled context returned %v, want context.Canceled", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		return fmt.Errorf("took %v to notice", d)
	}
	return nil
}

func noAllocation(s *subject) error {
	return s.both(func(p predictor) error {
		q, xs, i := make([]float64, s.a), s.wild(400), 0
		for _, x := range xs[:200] {
			p.Observe(x)
			p.Predict(q)
		}
		n := testing.AllocsPerRun(100, func() {
			p.Predict(q)
			p.Observe(xs[200+i%200])
			i++
		})
		if n > 0 {
			return fmt.Errorf("%v allocations for each Predict and Observe", n)
		}
		return nil
	})
}

func coder(s *subject) error {
	return s.both(func(p predictor) error {
		for _, learn := range []bool{false, true} {
			if learn && predictors.CanLearn(p) != nil {
				continue
			}
			for _, xs := range [][]symbol{s.test[:500], s.wild(400), nil} {
				if err := s.roundTrip(p, xs, learn); err != nil {
					return fmt.Errorf("learning = %v: %w", learn, err)
				}
			}
		}
		return nil
	})
}

func (s *subject) roundTrip(p predictor, xs []symbol, learn bool) error {
	var three [3]predictor // scorer, encoder, decoder
	for i := range three {
		var err error
		if three[i], err = s.copyOf(p); err != nil {
			return err
		}
	}
	losses := make([]float64, len(xs))
	if learn {
		if err := predictors.ScoreLearning(three[0], losses, nil, xs); err != nil {
			return err
		}
	} else {
		predictors.Score(three[0], losses, nil, xs)
	}
	claimed, least := 0.0, 0.0
	for _, b := range losses {
		claimed += b
		least += min(b, 29) // the coder's frequencies are at least 2⁻³⁰
	}
	code, err := predictors.Encode(three[1], xs, learn)
	if err != nil {
		return err
	}
	back, err := predictors.Decode(three[2], code, len(xs), learn)
	if err != nil {
		return err
	}
	if !slices.Equal(xs, back) {
		return errors.New("decoding gives another sequence")
	}
	if got := 8 * float64(len(code)); got > claimed+64 || got < least-64 {
		return fmt.Errorf("the code takes %v bits, claimed were %.1f", got, claimed)
	}
	return nil
}

// ahead compares forecasts, where they say they are exact, with the sum over
// all futures taken symbol by symbol.
func ahead(s *subject) error {
	ks := []int{1, 2, 3, 5, 8}
	for float64(s.a) > 2 && math.Pow(float64(s.a), float64(ks[len(ks)-1]-1)) > 700 {
		ks = ks[:len(ks)-1]
	}
	return s.both(func(p predictor) error {
		f := predictors.NewForecaster(s.a, predictors.AheadOptions{Horizons: ks, Rollouts: 8, Seed: 3})
		for i, x := range s.test[:40] {
			p.Observe(x)
			if i%13 != 12 {
				continue
			}
			before := s.predict(p)
			got := f.At(p, i)
			if !slices.Equal(before, s.predict(p)) {
				return errors.New("forecasting moved the predictor")
			}
			for j, k := range ks {
				if err := s.isForecast(got.P[j]); err != nil {
					return fmt.Errorf("k = %d: %w", k, err)
				}
				if !got.Exact[j] {
					continue
				}
				want := make([]float64, s.a)
				marginal(p.Fork(), want, 1, k)
				for y := range want {
					if d := math.Abs(got.P[j][y] - want[y]); d > 1e-9+2*got.Dropped {
						return fmt.Errorf("after %d symbols: P(%d steps ahead = %d) = %v, brute force %v", i+1, k, y, got.P[j][y], want[y])
					}
				}
			}
			if !got.Exact[0] {
				return errors.New("one step ahead is not exact")
			}
		}
		return nil
	})
}

// futures compares those of a BatchRoller with forks.
func futures(s *subject) error {
	return s.both(func(p predictor) error {
		b, ok := p.(predictors.BatchRoller)
		if !ok {
			return nil
		}
		const n = 3
		got, drawn := make([]float64, n*s.a), make([]symbol, n)
		for i, x := range s.test[:30] {
			p.Observe(x)
			if i%10 != 9 {
				continue
			}
			before := s.predict(p)
			together := b.Roll(n)
			if together == nil {
				return nil
			}
			forks := []predictor{p.Fork(), p.Fork(), p.Fork()}
			for k := range 25 {
				together.Predict(got)
				for j, f := range forks {
					if want := s.predict(f); !sameLaw(got[j*s.a:][:s.a], want) {
						return fmt.Errorf("after %d symbols, %d ahead: future %d predicts %v, a fork %v", i+1, k, j, got[j*s.a:][:s.a], want)
					}
					drawn[j] = symbol(s.rng.IntN(s.a))
					f.Observe(drawn[j])
				}
				together.Observe(drawn)
			}
			if !slices.Equal(before, s.predict(p)) {
				return errors.New("rolling moved the predictor")
			}
		}
		return nil
	})
}

// sameLaw says whether two laws differ by rounding only.
func sameLaw(p, q []float64) bool {
	for x := range p {
		if !(math.Abs(p[x]-q[x]) <= 1e-6) {
			return false
		}
	}
	return true
}

func (s *subject) isForecast(q []float64) error {
	sum := 0.0
	for y, v := range q {
		if v < 0 || math.IsNaN(v) {
			return fmt.Errorf("P(%d) = %v", y, v)
		}
		sum += v
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Errorf("probabilities sum to %v", sum)
	}
	return nil
}

func marginal(p predictor, out []float64, mass float64, k int) {
	q := make([]float64, len(out))
	p.Predict(q)
	for x, v := range q {
		if k == 1 {
			out[x] += mass * v
		} else if v > 0 {
			f := p.Fork()
			f.Observe(symbol(x))
			marginal(f, out, mass*v, k-1)
		}
	}
}

func state(s *subject) error {
	return s.both(func(p predictor) error {
		if _, ok := p.(predictors.Stater); !ok {
			return nil
		}
		seen := map[string]predictor{}
		xs := s.wild(1200)
		later := s.test[:20]
		compared := 0
		for i, x := range xs {
			p.Observe(x)
			key := string(p.(predictors.Stater).State(nil))
			old, ok := seen[key]
			if !ok {
				seen[key] = p.Fork()
				continue
			}
			if compared++; compared > 60 {
				return nil
			}
			a, b := make([]float64, len(later)), make([]float64, len(later))
			predictors.Score(old.Fork(), a, nil, later)
			predictors.Score(p.Fork(), b, nil, later)
			for j := range a {
				if !(math.Abs(a[j]-b[j]) <= 1e-12) && a[j] != b[j] {
					return fmt.Errorf("after %d symbols: an equal state predicts differently %d symbols later", i+1, j)
				}
			}
		}
		return nil
	})
}

func emptyTraining(s *subject) error {
	for _, d := range []predictors.Data{{}, {Valid: s.data.Valid}, {Train: [][]symbol{{0}}}} {
		p, err := s.fresh()
		if err != nil {
			return err
		}
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			continue // a clear refusal is an answer
		}
		if err := s.isLaw(s.predict(p)); err != nil {
			return fmt.Errorf("trained on %d documents: %w", len(d.Train), err)
		}
	}
	return nil
}

func documents(s *subject) error {
	var d predictors.Data
	for i := 0; i < 400; {
		n := 1 + i%9
		d.Train = append(d.Train, s.data.Train[0][i:i+n])
		i += n
	}
	d.Valid = [][]symbol{s.test[:1], s.test[1:50]}
	p, err := s.fresh()
	if err != nil {
		return err
	}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		return err
	}
	for _, x := range s.wild(100) {
		if err := s.isLaw(s.predict(p)); err != nil {
			return err
		}
		p.Observe(x)
	}
	return nil
}

// loss is the mean loss of a trained predictor on the test symbols, and the
// standard error of the source's own loss there.
func (s *subject) loss() (mean, se float64, err error) {
	p, err := s.trained()
	if err != nil {
		return 0, 0, err
	}
	bits := make([]float64, len(s.test))
	predictors.Score(p, bits, nil, s.test)
	sum, sq := 0.0, 0.0
	for _, b := range bits {
		sum += b
		sq += b * b
	}
	n := float64(len(bits))
	mean = sum / n
	return mean, math.Sqrt(max(0, sq/n-mean*mean) / n), nil
}

func notBelowEntropy(s *subject) error {
	mean, se, err := s.loss()
	if err != nil {
		return err
	}
	if !(mean >= s.h-4*se) {
		return fmt.Errorf("loss %v bits, entropy %v ± %v: too good to be true", mean, s.h, se)
	}
	return nil
}

func nearEntropy(s *subject) error {
	if s.a > 16 { // 2,500 symbols show few of the A² transitions
		return errTooLittle
	}
	mean, se, err := s.loss()
	if err != nil {
		return err
	}
	limit := s.h + 0.5*(s.marginal-s.h) + 4*se
	if !(mean <= limit) {
		return fmt.Errorf("loss %v bits, want at most %v: nearer the entropy %v than that of a symbol by itself, %v", mean, limit, s.h, s.marginal)
	}
	return nil
}
