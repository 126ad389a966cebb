package lempelziv

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

func quantTrained(t testing.TB, c predictors.Config, a int, d predictors.Data) predictors.Predictor {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

// quantText is a text in which symbols come in kinds of three: the kind after
// the last one is likely, and so is the last but one; which of its three
// symbols comes depends on nothing.
func quantText(rng *rand.Rand, n int) symbols {
	xs := make(symbols, n)
	for i := range xs {
		kind := rng.IntN(3)
		if u := rng.Float64(); i > 1 && u < 0.6 {
			kind = int(xs[i-1]/3+1) % 3
		} else if i > 1 && u < 0.9 {
			kind = int(xs[i-2] / 3)
		}
		xs[i] = predictors.Symbol(3*kind + rng.IntN(3))
	}
	return xs
}

// A quantTwin counts strings of labels in maps and follows the recursion of
// quantisedgrams.go downwards, from the definition.
type quantTwin struct {
	a, order, exact int
	class           symbols
	counts          map[string]map[predictors.Symbol]int
	lambda          func(length, total, kinds int) float64
}

func (q *quantTwin) context(past symbols, length int) string {
	s := ""
	for lag := 1; lag <= length; lag++ {
		x := past[len(past)-lag]
		if lag > q.exact && q.class != nil {
			x = q.class[x]
		}
		s += fmt.Sprintf("%d,", x)
	}
	return s
}

func (q *quantTwin) learn(doc symbols) {
	for t, x := range doc {
		for length := 0; length <= min(q.order, t); length++ {
			h := q.context(doc[:t], length)
			if q.counts[h] == nil {
				q.counts[h] = map[predictors.Symbol]int{}
			}
			q.counts[h][x]++
		}
	}
}

func (q *quantTwin) prob(past symbols, length int, x predictors.Symbol) float64 {
	if length < 0 {
		return 1 / float64(q.a)
	}
	shorter := q.prob(past, length-1, x)
	followers := q.counts[q.context(past, length)]
	if len(followers) == 0 {
		return shorter
	}
	total := 0
	for _, n := range followers {
		total += n
	}
	l := q.lambda(length, total, len(followers))
	return l*float64(followers[x])/float64(total) + (1-l)*shorter
}

func TestQuantisedAgainstDefinition(t *testing.T) {
	const a = 9
	rng := rand.New(rand.NewPCG(8, 1))
	docs := []symbols{quantText(rng, 500), quantText(rng, 3), quantText(rng, 300)}
	for _, valid := range [][]symbols{nil, {quantText(rng, 400)}} {
		for _, c := range []*QuantisedConfig{{Order: 3}, {Order: 4, Classes: 3}, {Order: 4, Classes: 3, ExactLags: 2}} {
			p := quantTrained(t, c, a, predictors.Data{Train: docs, Valid: valid}).(*quantised)
			q := &quantTwin{a: a, order: c.Order, exact: c.ExactLags, class: p.class, counts: map[string]map[predictors.Symbol]int{}}
			q.lambda = func(length, total, kinds int) float64 {
				return p.lambda(length, &quantContext{total: uint32(total), kinds: uint32(kinds)})
			}
			if valid == nil {
				q.lambda = func(_, total, kinds int) float64 { return float64(total) / float64(total+kinds) }
			}
			for _, doc := range docs {
				q.learn(doc)
			}
			test, probs := quantText(rng, 200), make([]float64, a)
			for i, x := range test {
				p.Predict(probs)
				for y := range probs {
					want := q.prob(test[:i], min(i, c.Order), predictors.Symbol(y))
					if math.Abs(probs[y]-want) > 1e-12 || math.Abs(p.Prob(predictors.Symbol(y))-want) > 1e-12 {
						t.Fatalf("%+v, %d held out: after %d symbols P(%d) = %v and %v, want %v", c, len(valid), i, y, probs[y], p.Prob(predictors.Symbol(y)), want)
					}
				}
				p.Observe(x)
			}
		}
	}
}

// Learning on equals having learned all in one go.
func TestQuantisedLearnsOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	all, c := quantText(rng, 900), &QuantisedConfig{Order: 4, Classes: 9}
	whole := quantTrained(t, c, 9, predictors.Data{Train: []symbols{all}})
	p := quantTrained(t, c, 9, predictors.Data{Train: []symbols{all[:400]}}).(*quantised)
	p.Reset()
	for i, x := range all {
		if i < 400 {
			p.Observe(x)
		} else {
			p.Learn(x)
		}
	}
	approxSame(t, p, whole, quantText(rng, 200), 1e-12)
}

// approxSame walks both along xs and compares their predictions.
func approxSame(t *testing.T, p, q predictors.Predictor, xs symbols, within float64) {
	t.Helper()
	p.Reset()
	q.Reset()
	a, b := make([]float64, p.Alphabet()), make([]float64, q.Alphabet())
	for i, x := range xs {
		p.Predict(a)
		q.Predict(b)
		for y := range a {
			if math.Abs(a[y]-b[y]) > within {
				t.Fatalf("after %d symbols P(%d) = %v and %v", i, y, a[y], b[y])
			}
		}
		p.Observe(x)
		q.Observe(x)
	}
}

// As many classes as symbols, and classes where no lag is left for them, are
// exact contexts; and so is a bound that nothing exceeds.
func TestQuantisedLimits(t *testing.T) {
	const a = 9
	rng := rand.New(rand.NewPCG(8, 3))
	d := predictors.Data{Train: []symbols{quantText(rng, 3000)}, Valid: []symbols{quantText(rng, 500)}}
	exact := quantTrained(t, &QuantisedConfig{Order: 4}, a, d)
	for _, c := range []*QuantisedConfig{{Order: 4, Classes: a}, {Order: 4, Classes: 2 * a}, {Order: 4, Classes: 2, ExactLags: 4}, {Order: 4, MaxBytes: 1 << 24}} {
		approxSame(t, quantTrained(t, c, a, d), exact, quantText(rng, 300), 1e-12)
	}
}

// The classes of a text whose symbols come in kinds are these kinds, and there
// the coarse contexts, which have more to count, beat the exact ones.
func TestQuantisedFindsKinds(t *testing.T) {
	const a = 9
	rng := rand.New(rand.NewPCG(8, 4))
	d := predictors.Data{Train: []symbols{quantText(rng, 3000)}, Valid: []symbols{quantText(rng, 1000)}}
	p := quantTrained(t, &QuantisedConfig{Order: 3, Classes: 3}, a, d).(*quantised)
	for x, c := range p.class {
		if c != p.class[x/3*3] || x%3 == 0 && x > 0 && c == p.class[x-1] {
			t.Fatalf("classes %v, want those of threes", p.class)
		}
	}
	exact := quantTrained(t, &QuantisedConfig{Order: 3}, a, d)
	test := quantText(rng, 3000)
	if coarse, fine := meanLoss(p, test), meanLoss(exact, test); coarse > fine-0.02 {
		t.Errorf("3 classes: %.4f bits, exact contexts %.4f; want the classes 0.02 better", coarse, fine)
	}
}

// quantLikelihood is the objective of the classes, from its definition.
func quantLikelihood(class symbols, docs []symbols, e int) float64 {
	cux, cu := map[string]float64{}, map[string]float64{}
	for _, doc := range docs {
		for t := e + 1; t < len(doc); t++ {
			key := fmt.Sprint(class[doc[t-e-1]], doc[t-e:t])
			cu[key]++
			cux[key+fmt.Sprint(doc[t])]++
		}
	}
	sum := 0.0
	for _, n := range cux {
		sum += n * math.Log(n)
	}
	for _, n := range cu {
		sum -= n * math.Log(n)
	}
	return sum
}

// No single symbol in another class would be better, and the best partition
// that trying all finds is hardly so.
func TestQuantisedClassesAreBest(t *testing.T) {
	const a, k = 6, 2
	for e := range 3 {
		rng := rand.New(rand.NewPCG(8, uint64(e)))
		docs := []symbols{noise(rng, a, 400), noise(rng, a, 300)}
		class, _, err := quantClasses(context.Background(), docs, a, k, e)
		if err != nil {
			t.Fatal(err)
		}
		got, best := quantLikelihood(class, docs, e), math.Inf(-1)
		for x := range class {
			moved := slices.Clone(class)
			moved[x] = 1 - moved[x]
			if l := quantLikelihood(moved, docs, e); l > got+1e-6 {
				t.Errorf("e = %d: classes %v have %v, but with %d moved %v", e, class, got, x, l)
			}
		}
		trial := make(symbols, a)
		for bits := range 1 << a {
			for x := range trial {
				trial[x] = predictors.Symbol(bits >> x & 1)
			}
			best = max(best, quantLikelihood(trial, docs, e))
		}
		one := quantLikelihood(make(symbols, a), docs, e)
		if got-one < 0.7*(best-one) {
			t.Errorf("e = %d: classes gain %v over a single one, the best two %v", e, got-one, best-one)
		}
	}
}

// When Baum-Welch ends no λ can be changed for the better by more than 0.2 nat
// of the whole.
func TestQuantisedWeightsAreBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 6))
	valid := quantText(rng, 3000)
	p := quantTrained(t, &QuantisedConfig{Order: 3}, 9, predictors.Data{Train: []symbols{quantText(rng, 2000)}, Valid: []symbols{valid}}).(*quantised)
	prior := newQuantTable(p.order)
	objective := func() float64 {
		sum := -meanLoss(p, valid) * float64(len(valid)) * math.Ln2
		for b, l := range p.table {
			sum += 2*prior[b]*math.Log(l) + 2*(1-prior[b])*math.Log(1-l)
		}
		return sum
	}
	best := objective()
	for b, l := range p.table {
		for _, other := range []float64{l - 0.05, l + 0.05} {
			if other <= 0 || other >= 1 {
				continue
			}
			p.table[b] = other
			if got := objective(); got > best+0.2 {
				t.Errorf("λ[%d] = %v: %v nats, but at %v %v", b, l, best, other, got)
			}
		}
		p.table[b] = l
	}
}

// approximateKinds are the three, within so many bytes.
func approximateKinds(bytes int64) map[string]predictors.Config {
	copying := DefaultCopyExperts().(*CopyExpertsConfig)
	copying.MaxBytes = bytes
	matching := DefaultHamming().(*HammingConfig)
	matching.MaxBytes = bytes
	return map[string]predictors.Config{
		"copy-experts": copying, "hamming-match": matching,
		"quantised-context": &QuantisedConfig{Order: 6, Classes: 16, ExactLags: 2, MaxBytes: bytes},
		"exact-context":     &QuantisedConfig{Order: 6, MaxBytes: bytes},
	}
}

// Every kind keeps within its bytes and uses them, also when the bound comes
// as a budget; what was packed is saved and goes on learning within them, and
// more bytes predict better.
func TestApproximateBudgets(t *testing.T) {
	xs, a := corporatest.Packed(t, "canterbury/alice29.txt")
	d := predictors.Data{Train: []symbols{xs[:60000]}, Valid: []symbols{xs[60000:64000]}}
	test := xs[64000:67000]
	for name := range approximateKinds(0) {
		last := math.Inf(1)
		for _, limit := range []int64{60_000, 300_000} {
			p, err := approximateKinds(0)[name].New(predictors.Env{Alphabet: a})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.(predictors.Budgeter).SetBudget(predictors.Budget{ModelBytes: limit}); err != nil {
				t.Fatal(err)
			}
			if err := predictors.Train(context.Background(), p, d, nil); err != nil {
				t.Fatal(err)
			}
			size, _ := predictors.Size(p)
			if size > limit || size < limit*85/100 {
				t.Errorf("%s: %d bytes, want at most %d and 85%% of it", name, size, limit)
			}
			bits := meanLoss(p, test)
			if bits > last {
				t.Errorf("%s: %.4f bits in %d bytes, %.4f in fewer", name, bits, limit, last)
			}
			last = bits
			approxSame(t, approxSaved(t, p, approximateKinds(limit)[name], a), p, test[:500], 0)
			p.Reset()
			losses := make([]float64, len(test))
			if err := predictors.ScoreLearning(p, losses, nil, test); err != nil {
				t.Fatal(err)
			}
			if after, _ := predictors.Size(p); after != size {
				t.Errorf("%s: learning on took it from %d to %d bytes", name, size, after)
			}
			if train, each := p.(predictors.OpCounter).Ops(); train < 1e6 || each < 10 {
				t.Errorf("%s: %v operations of training and %v a symbol", name, train, each)
			}
		}
		if err := approxWithin(t, name, a, d, 200); err == nil {
			t.Errorf("%s: trained within 200 bytes", name)
		}
	}
}

func approxWithin(t *testing.T, name string, a int, d predictors.Data, limit int64) error {
	p, err := approximateKinds(limit)[name].New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	return predictors.Train(context.Background(), p, d, nil)
}

// approxSaved returns what p is after saving and loading.
func approxSaved(t *testing.T, p predictors.Predictor, c predictors.Config, a int) predictors.Predictor {
	t.Helper()
	q, err := c.New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := predictors.Save(&b, p); err != nil {
		t.Fatal(err)
	}
	if err := predictors.Load(bytes.NewReader(b.Bytes()), q); err != nil {
		t.Fatal(err)
	}
	for i := range 40 { // damage is refused, or harmless
		bad := slices.Clone(b.Bytes())
		bad[i*len(bad)/40] ^= 0x55
		r, _ := c.New(predictors.Env{Alphabet: a})
		if predictors.Load(bytes.NewReader(bad), r) == nil {
			meanLoss(r, symbols{0, 1, 2, 3, 0, 1, 2, 3})
		}
	}
	return q
}

// What bounds of time and operations leave uncounted is counted no more.
func TestQuantisedKeepsTimeAndOps(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	d := predictors.Data{Train: []symbols{quantText(rng, 300_000)}}
	for _, b := range []predictors.Budget{{TrainOps: 1e5}, {TrainSeconds: 1e-6}} {
		p, err := (&QuantisedConfig{Order: 3}).New(predictors.Env{Alphabet: 9})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.(predictors.Budgeter).SetBudget(b); err != nil {
			t.Fatal(err)
		}
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		if n := p.(*quantised).contexts[0].total; n != 1<<14 {
			t.Errorf("%+v: %d symbols counted, want to stop at the first look, after %d", b, n, 1<<14)
		}
	}
}

func TestQuantisedRefusals(t *testing.T) {
	for _, c := range []predictors.Config{
		&QuantisedConfig{Order: 0}, &QuantisedConfig{Order: 33}, &QuantisedConfig{Order: 3, Classes: 1},
		&QuantisedConfig{Order: 3, ExactLags: 4}, &QuantisedConfig{Order: 3, MaxBytes: -1},
		&CopyExpertsConfig{}, &HammingConfig{},
	} {
		if _, err := c.New(predictors.Env{Alphabet: 5}); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
