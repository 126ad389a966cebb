package statemachine

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"horizon/corpora"
	"horizon/predictors"
)

// randomModel is a law with nothing special about it.
func randomModel(a, n int, edge bool, seed uint64) *model {
	m := &model{edge: edge, seed: seed, law: newLaw(a, n)}
	m.law = m.random(cut([]symbols{noise(rand.New(rand.NewPCG(seed, 1)), a, 50)}, 50), 0)
	for i := range m.start {
		m.start[i] = float64(i+1) / float64(n*(n+1)/2)
	}
	return m
}

// paths visits all hidden paths s_0 … s_n of the symbols with their joint
// probability.
func paths(l *law, start []float64, xs symbols, visit func(path []int, p float64)) {
	path := make([]int, len(xs)+1)
	var walk func(t int, p float64)
	walk = func(t int, p float64) {
		for s := range l.n {
			q := start[s]
			if t > 0 {
				q = l.move[(int(xs[t-1])*l.n+path[t-1])*l.n+s]
			}
			if path[t] = s; t == len(xs) {
				visit(path, p*q)
			} else {
				walk(t+1, p*q)
			}
		}
	}
	walk(0, 1)
}

func probability(l *law, xs symbols) (sum float64) {
	paths(l, l.start, xs, func(_ []int, p float64) { sum += p })
	return sum
}

func TestHMMFilterSumsOverHiddenPaths(t *testing.T) {
	for _, c := range []struct {
		a, n int
		edge bool
	}{{2, 3, true}, {4, 5, true}, {3, 3, false}, {5, 1, false}, {1, 2, true}} {
		m := randomModel(c.a, c.n, c.edge, 3)
		p := newHMM(m, m.start)
		xs, q := noise(rand.New(rand.NewPCG(2, 2)), c.a, 5), make([]float64, c.a)
		for i, x := range xs {
			p.Predict(q)
			for y := range q {
				want := probability(m.law, append(slices.Clone(xs[:i]), predictors.Symbol(y))) / probability(m.law, xs[:i])
				if math.Abs(q[y]-want) > 1e-13 || p.Prob(predictors.Symbol(y)) != q[y] {
					t.Errorf("%+v: P(%d | %v) = %v and %v, want %v", c, y, xs[:i], q[y], p.Prob(predictors.Symbol(y)), want)
				}
			}
			p.Observe(x)
		}
	}
}

// One iteration, against posterior expectations path by path.
func TestBaumWelchAgainstHiddenPaths(t *testing.T) {
	for _, edge := range []bool{true, false} {
		for _, n := range []int{1, 3, 5} {
			const a = 3
			m := randomModel(a, n, edge, 7)
			rng := rand.New(rand.NewPCG(4, 4))
			docs := []symbols{noise(rng, a, 4), noise(rng, a, 5), noise(rng, a, 1)}
			old := m.law.copyTo(nil)
			c := newClimber(m.law, edge, cut(docs, math.MaxInt))
			c.equip(2)
			c.data.pieces[1].first = false // a piece with a start of its own
			c.data.pieces[1].start = slices.Clone(old.start)
			c.data.documents = 2
			if err := c.iterate(context.Background()); err != nil {
				t.Fatal(err)
			}

			counts := make([]float64, a*n*n)
			shared, own, logP := make([]float64, n), make([]float64, n), 0.0
			for d, xs := range docs {
				total := 0.0
				paths(old, old.start, xs, func(_ []int, p float64) { total += p })
				logP += math.Log2(total)
				paths(old, old.start, xs, func(path []int, p float64) {
					for i, x := range xs {
						counts[(int(x)*n+path[i])*n+path[i+1]] += p / total
					}
					if d == 1 {
						own[path[0]] += p / total
					} else {
						shared[path[0]] += p / total / 2
					}
				})
			}
			if want := -logP / 10; math.Abs(c.bits-want) > 1e-12 {
				t.Errorf("edge %v, S = %d: %v bits, want %v", edge, n, c.bits, want)
			}
			for x := range a {
				for i := range n {
					left, emitted := 1.0, 1/float64(a)
					for y := range a {
						for j := range n {
							left += counts[(y*n+i)*n+j]
						}
					}
					for j := range n {
						emitted += counts[(x*n+i)*n+j]
					}
					for j := range n {
						want := (counts[(x*n+i)*n+j] + 1/float64(a*n)) / left
						if !edge {
							to := 1 / float64(n)
							for y := range a {
								to += counts[(y*n+i)*n+j]
							}
							want = emitted / left * to / left
						}
						if got := m.move[(x*n+i)*n+j]; math.Abs(got-want) > 1e-13 {
							t.Errorf("edge %v, S = %d: T^%d[%d,%d] = %v, want %v", edge, n, x, i, j, got, want)
						}
					}
				}
			}
			for i := range n {
				if math.Abs(c.data.pieces[0].start[i]-shared[i]) > 1e-13 || math.Abs(c.data.pieces[1].start[i]-own[i]) > 1e-13 {
					t.Errorf("edge %v, S = %d: starts %v and %v, want %v and %v", edge, n, c.data.pieces[0].start, c.data.pieces[1].start, shared, own)
				}
			}
		}
	}
}

// The loss and the prior together never rise (Dempster, Laird & Rubin 1977).
func TestBaumWelchIsMonotone(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const a, n = 4, 5
	docs := []symbols{noise(rng, a, 3000), noise(rng, a, 2), noise(rng, a, 800)}
	for _, edge := range []bool{true, false} {
		c := newClimber(randomModel(a, n, edge, 5).law, edge, cut(docs, math.MaxInt))
		c.equip(3)
		last, first := math.Inf(1), 0.0
		for i := range 60 {
			prior := 0.0
			if edge {
				for _, p := range c.move {
					prior -= math.Log2(p) / (a * n)
				}
			} else {
				for _, p := range c.emit {
					prior -= math.Log2(p) / a
				}
				for _, p := range c.turn {
					prior -= math.Log2(p) / n
				}
			}
			if err := c.iterate(context.Background()); err != nil {
				t.Fatal(err)
			}
			now := c.bits*float64(c.data.symbols) + prior
			if now > last+1e-8 {
				t.Fatalf("edge %v, iteration %d: %v bits after %v", edge, i, now, last)
			}
			if last = now; i == 0 {
				first = now
			}
		}
		if !(last < first-100) {
			t.Errorf("edge %v: from %v bits to %v: nothing was learned", edge, first, last)
		}
	}
}

// With the matrices of a known process the filter is that process's own.
func TestHMMWithKnownMatrices(t *testing.T) {
	process, err := (&corpora.Even{P: 0.5}).Process(1)
	if err != nil {
		t.Fatal(err)
	}
	l := newLaw(2, 2)
	copy(l.move, []float64{0.5, 0, 0, 0 /* T0 */, 0, 0.5, 1, 0 /* T1 */})
	l.sum()
	copy(l.start, l.stationary())
	if math.Abs(l.start[0]-2./3) > 1e-15 {
		t.Errorf("stationary law %v, want 2/3, 1/3", l.start)
	}
	p, f := newHMM(&model{law: l}, l.start), process.Filter()
	q, want := make([]float64, 2), make([]float64, 2)
	ks := []int{1, 2, 7, 32}
	ps := [][]float64{make([]float64, 2), make([]float64, 2), make([]float64, 2), make([]float64, 2)}
	for i, x := range process.Generate(500, rand.New(rand.NewPCG(1, 1))) {
		p.Predict(q)
		f.Predict(want)
		if math.Abs(q[1]-want[1]) > 1e-12 {
			t.Fatalf("after %d symbols P(1) = %v, want %v", i, q[1], want[1])
		}
		p.PredictAhead(ps, ks)
		for j, k := range ks {
			if f.PredictAhead(want, k); math.Abs(ps[j][1]-want[1]) > 1e-12 {
				t.Fatalf("after %d symbols P(1 in %d) = %v, want %v", i, k, ps[j][1], want[1])
			}
		}
		p.Observe(x)
		f.Observe(x)
	}
}

// Known processes are learned to within 0.002 bit of their Bayes filter, with
// as many states as they have.
func TestHMMLearnsKnownProcesses(t *testing.T) {
	for _, c := range []struct {
		name   string
		source interface {
			Process(uint64) (corpora.Process, error)
		}
		states, restarts, symbols int
	}{
		{"golden mean", &corpora.GoldenMean{P: 0.5}, 2, 2, 40000},
		{"even", &corpora.Even{P: 0.5}, 2, 3, 40000},
		{"mess3", &corpora.Mess3{X: 0.05, A: 0.85}, 3, 2, 60000},
		{"rrxor", &corpora.RRXOR{}, 5, 5, 20000},
	} {
		process, err := c.source.Process(1)
		if err != nil {
			t.Fatal(err)
		}
		n := c.symbols
		xs := process.Generate(n+40000, rand.New(rand.NewPCG(5, 5)))
		p := mustNew(t, &HMMConfig{States: c.states, Form: "auto", Restarts: c.restarts, Iterations: 30, Tolerance: 1e-6}, process.Alphabet())
		mustTrain(t, p, predictors.Data{Train: []symbols{xs[:n]}, Valid: []symbols{xs[n : n+20000]}})
		test := xs[n+20000:]
		f, q, best := process.Filter(), make([]float64, process.Alphabet()), 0.0
		for _, x := range test {
			f.Predict(q)
			best -= math.Log2(q[x]) / float64(len(test))
			f.Observe(x)
		}
		if got := mean(p, test); !(got < best+0.002) {
			t.Errorf("%s: %.5f bits, the Bayes filter %.5f", c.name, got, best)
		}
	}
}

// Pieces are worked on at once, and a document may be many.
func TestHMMSameBitsForAnyProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	xs := noise(rand.New(rand.NewPCG(8, 8)), 3, 3*pieceLength)
	var want []byte
	for _, procs := range []int{1, 3} {
		runtime.GOMAXPROCS(procs)
		p := mustNew(t, &HMMConfig{States: 3, Form: "edge", Restarts: 3, Iterations: 3}, 3)
		mustTrain(t, p, predictors.Data{Train: []symbols{xs[:5*pieceLength/2], xs[5*pieceLength/2:]}, Valid: []symbols{xs[:100]}})
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = b.Bytes()
		} else if !bytes.Equal(want, b.Bytes()) {
			t.Errorf("GOMAXPROCS = %d trains other parameters than 1", procs)
		}
	}
}

// What training reports falls, and the law of the least validation loss stays.
func TestHMMKeepsTheBestIteration(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	d := predictors.Data{Train: []symbols{noise(rng, 6, 400)}, Valid: []symbols{noise(rng, 6, 400)}}
	p := mustNew(t, &HMMConfig{States: 12, Form: "edge", Restarts: 2, Iterations: 60}, 6)
	least, train := math.Inf(1), []float64{}
	err := predictors.Train(context.Background(), p, d, func(g predictors.Progress) {
		switch g.Metric {
		case "valid_bits":
			least = min(least, g.Value)
		case "train_bits":
			train = append(train, g.Value)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(train) < patience || !(train[len(train)-1] < train[0]) {
		t.Errorf("training losses %v, want them to fall for at least %d iterations", train, patience)
	}
	if got := mean(p, d.Valid[0]); math.Abs(got-least) > 1e-12 {
		t.Errorf("%v bits on the validation part, the best iteration had %v", got, least)
	}
}

func TestHMMConfigErrors(t *testing.T) {
	for _, c := range []struct {
		change func(*HMMConfig)
		want   string
	}{
		{func(c *HMMConfig) { c.States = 0 }, "hmm: states = 0, want 1 to 1024"},
		{func(c *HMMConfig) { c.States = 1000 }, "hmm: states = 1000 with 256 symbols makes 256000000 transitions, want at most 8388608"},
		{func(c *HMMConfig) { c.Form = "moore" }, `hmm: form = "moore", want "edge", "state" or "auto"`},
		{func(c *HMMConfig) { c.Restarts = 0 }, "hmm: restarts = 0, want 1 to 1000"},
		{func(c *HMMConfig) { c.Iterations = 0 }, "hmm: iterations = 0, want ≥ 1"},
		{func(c *HMMConfig) { c.Tolerance = math.NaN() }, "hmm: tolerance = NaN, want ≥ 0"},
	} {
		k := DefaultHMM().(*HMMConfig)
		c.change(k)
		if _, err := k.New(predictors.Env{Alphabet: 256}); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestDamagedHMM(t *testing.T) {
	p := mustNew(t, TinyHMM(), 3)
	mustTrain(t, p, predictors.Data{Train: []symbols{noise(rand.New(rand.NewPCG(2, 2)), 3, 500)}})
	survive(t, p, TinyHMM())
}

// expected is the expected number of transitions of l in the documents,
// hidden path by hidden path, laid out as law.move.
func expected(l *law, docs []symbols) []float64 {
	counts := make([]float64, l.a*l.n*l.n)
	for _, xs := range docs {
		total := probability(l, xs)
		paths(l, l.start, xs, func(path []int, p float64) {
			for t, x := range xs {
				counts[(int(x)*l.n+path[t])*l.n+path[t+1]] += p / total
			}
		})
	}
	return counts
}

// share is what each of the numbers is of their sum.
func share(ns []float64) []float64 {
	sum, out := 0.0, slices.Clone(ns)
	for _, v := range ns {
		sum += v
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// A quasiBayes learns by the definition: weights are kept as such, and T^x is
// made anew from them for every symbol. In form "edge" emit is unused.
type quasiBayes struct {
	a, n       int
	edge       bool
	emit, turn [][]float64 // N of row i: [x], and [j] or [x·S + j]
	eta        []float64
}

// transition is T^x[i,j].
func (q *quasiBayes) transition(x, i, j int) float64 {
	if q.edge {
		return share(q.turn[i])[x*q.n+j]
	}
	return share(q.emit[i])[x] * share(q.turn[i])[j]
}

func (q *quasiBayes) prob(x int) (p float64) {
	for i, w := range q.eta {
		for j := range q.n {
			p += w * q.transition(x, i, j)
		}
	}
	return p
}

func (q *quasiBayes) learn(x int) {
	p, eta := q.prob(x), make([]float64, q.n)
	xi := make([][]float64, q.n)
	for i, w := range q.eta {
		xi[i] = make([]float64, q.n)
		for j := range xi[i] {
			xi[i][j] = w * q.transition(x, i, j) / p
			eta[j] += xi[i][j]
		}
	}
	for i, row := range xi {
		for j, v := range row {
			if q.edge {
				q.turn[i][x*q.n+j] += v
			} else {
				q.emit[i][x] += v
				q.turn[i][j] += v
			}
		}
	}
	q.eta = eta
}

// newQuasiBayes has weights that are these counts of transitions, and priors
// of weight one with the means of prior.
func newQuasiBayes(edge bool, start []float64, counts []float64, prior *law) *quasiBayes {
	a, n := prior.a, prior.n
	q := &quasiBayes{a: a, n: n, edge: edge, eta: slices.Clone(start)}
	for i := range n {
		emit, turn := slices.Clone(prior.emit[i*a:(i+1)*a]), slices.Clone(prior.turn[i*n:(i+1)*n])
		if edge {
			turn = make([]float64, a*n)
		}
		for x := range a {
			for j := range n {
				c := counts[(x*n+i)*n+j]
				if edge {
					turn[x*n+j] = c + prior.move[(x*n+i)*n+j]
				} else {
					emit[x] += c
					turn[j] += c
				}
			}
		}
		q.emit, q.turn = append(q.emit, emit), append(q.turn, turn)
	}
	return q
}

// From nothing and after an iteration of training, over two documents.
func TestHMMLearnsByItsDefinition(t *testing.T) {
	const a = 3
	rng := rand.New(rand.NewPCG(6, 6))
	docs := []symbols{noise(rng, a, 5), noise(rng, a, 4), noise(rng, a, 3)}
	for _, form := range []string{"edge", "state"} {
		for _, n := range []int{1, 3, 5} {
			for _, trained := range []bool{false, true} {
				edge := form == "edge"
				p := mustNew(t, &HMMConfig{States: n, Form: form, Restarts: 1, Iterations: 1}, a).(*hmm)
				twin := newQuasiBayes(edge, p.start, make([]float64, a*n*n), p.law)
				if trained {
					counts := expected(p.random(cut(docs, math.MaxInt), 0), docs)
					mustTrain(t, p, predictors.Data{Train: docs})
					twin = newQuasiBayes(edge, p.start, counts, newLaw(a, n))
				}
				for i := range 200 {
					if i == 100 {
						p.Reset()
						twin.eta = slices.Clone(p.start)
					}
					for y := range a {
						if got, want := p.Prob(predictors.Symbol(y)), twin.prob(y); math.Abs(got-want) > 1e-12 {
							t.Fatalf("form %s, S = %d, trained %v: after %d symbols P(%d) = %v, want %v", form, n, trained, i, y, got, want)
						}
					}
					x := rng.IntN(min(a, 1+i/20)) // what is frequent changes
					p.Learn(predictors.Symbol(x))
					twin.learn(x)
				}
				for i, w := range p.unit {
					for k, v := range twin.turn[i] {
						got := w
						if edge {
							got *= p.move[(k/n*n+i)*n+k%n]
						} else {
							got *= p.turn[i*n+k]
						}
						if math.Abs(got-v) > 1e-12*(1+v) {
							t.Errorf("form %s, S = %d, trained %v: weight %d of state %d = %v, want %v", form, n, trained, k, i, got, v)
						}
					}
				}
			}
		}
	}
}

// k steps ahead and the stationary law divide by what was learned, too.
func TestHMMLooksAheadAfterLearning(t *testing.T) {
	const a = 3
	for _, form := range []string{"edge", "state"} {
		p := mustNew(t, &HMMConfig{States: 4, Form: form, Restarts: 1, Iterations: 1}, a).(*hmm)
		for _, x := range noise(rand.New(rand.NewPCG(3, 4)), a, 100) {
			p.Learn(x)
		}
		got, want := [][]float64{make([]float64, a), make([]float64, a)}, make([]float64, a)
		p.PredictAhead(got, []int{2, 400})
		q := make([]float64, a)
		for x := range predictors.Symbol(a) {
			f := p.Fork()
			f.Observe(x)
			f.Predict(q)
			for y, v := range q {
				want[y] += p.Prob(x) * v
			}
		}
		far := make([]float64, a)
		p.mix(far, p.stationary())
		for y := range want {
			if math.Abs(got[0][y]-want[y]) > 1e-12 || math.Abs(got[1][y]-far[y]) > 1e-9 {
				t.Errorf("form %s: P(%d) in 2 and 400 steps = %v and %v, want %v and %v", form, y, got[0][y], got[1][y], want[y], far[y])
			}
		}
	}
}

// What has learned is saved to the bit: the copy predicts and learns alike.
func TestHMMSavesWhatItLearned(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for _, form := range []string{"edge", "state"} {
		c := &HMMConfig{States: 4, Form: form, Restarts: 1, Iterations: 5}
		p, q := mustNew(t, c, 3), mustNew(t, c, 3)
		mustTrain(t, p, predictors.Data{Train: []symbols{noise(rng, 3, 300)}})
		meanLearning(t, p, noise(rng, 3, 300))
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			t.Fatal(err)
		}
		if err := predictors.Load(&b, q); err != nil {
			t.Fatal(err)
		}
		p.Reset()
		xs := noise(rng, 3, 300)
		if got, want := meanLearning(t, q, xs), meanLearning(t, p, xs); got != want {
			t.Errorf("form %s: the copy loses %v bits while learning, want %v", form, got, want)
		}
		survive(t, p, c)
	}
}

// A coin that was fair lands on one side nine times out of ten: a learner
// finds out, and so does one that begins from nothing.
func TestHMMLearnsARegimeChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	coin := func(p float64, n int) symbols {
		xs := make(symbols, n)
		for i := range xs {
			if rng.Float64() < p {
				xs[i] = 1
			}
		}
		return xs
	}
	for _, form := range []string{"edge", "state"} {
		p := mustNew(t, &HMMConfig{States: 2, Form: form, Restarts: 2, Iterations: 20, Tolerance: 1e-6}, 2)
		mustTrain(t, p, predictors.Data{Train: []symbols{coin(0.5, 2000)}})
		test := coin(0.9, 2000)
		frozen := mean(p.Fork(), test)
		if learning := meanLearning(t, p, test); !(learning < frozen-0.15) {
			t.Errorf("form %s: %.4f bits learning, %.4f frozen", form, learning, frozen)
		}

		p = mustNew(t, &HMMConfig{States: 4, Form: form, Restarts: 1, Iterations: 1}, 2)
		ideal := 0.0
		for _, x := range test {
			ideal -= math.Log2([]float64{0.1, 0.9}[x]) / float64(len(test))
		}
		if got := meanLearning(t, p, test); !(got < ideal+0.02) {
			t.Errorf("form %s: from nothing %.4f bits, who knows the coin %.4f", form, got, ideal)
		}
	}
}

// What training found in an order-1 source, learning on does not lose: a
// symbol is repeated with probability 0.9, which is 0.469 bits.
func TestHMMKeepsWhatTrainingFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	xs := make(symbols, 20000)
	for i := range xs[1:] {
		xs[i+1] = xs[i]
		if rng.Float64() < 0.1 {
			xs[i+1] ^= 1
		}
	}
	for _, form := range []string{"edge", "state"} {
		p := mustNew(t, &HMMConfig{States: 4, Form: form, Restarts: 2, Iterations: 20, Tolerance: 1e-6}, 2)
		mustTrain(t, p, predictors.Data{Train: []symbols{xs[:2000]}})
		frozen := mean(p.Fork(), xs[2000:])
		if learning := meanLearning(t, p, xs[2000:]); !(learning < frozen+0.002) || !(learning < 0.5) {
			t.Errorf("form %s: %.4f bits learning, %.4f frozen", form, learning, frozen)
		}
	}
}

func TestHMMForksDoNotLearn(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a fork learned")
		}
	}()
	mustNew(t, TinyHMM(), 2).Fork().(predictors.Learner).Learn(0)
}
