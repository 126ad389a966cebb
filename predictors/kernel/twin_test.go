package kernel

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

// A remembered position: the symbols before it in its document, and it.
type remembered struct {
	before []Symbol
	next   Symbol
}

// remember lists every position of the documents.
func remember(docs [][]Symbol) (all []remembered) {
	for _, doc := range docs {
		for i, x := range doc {
			all = append(all, remembered{doc[:i], x})
		}
	}
	return all
}

// kernelByDefinition is K_j(c', c): over the lags to j a factor 1 where both
// contexts have a symbol and it is the same one, e^{−β} otherwise.
func kernelByDefinition(j int, beta []float64, c1, c2 []Symbol) float64 {
	k := 1.0
	for l := 1; l <= j; l++ {
		if l > len(c1) || l > len(c2) || c1[len(c1)-l] != c2[len(c2)-l] {
			k *= math.Exp(-beta[l])
		}
	}
	return k
}

// estimateByDefinition is q_m(·; c), from the formula at the head of
// nadarayawatson.go.
func estimateByDefinition(a int, all []remembered, w *bandwidths, c []Symbol) []float64 {
	q := make([]float64, a)
	for y := range q {
		q[y] = 1 / float64(a)
	}
	for j, alpha := range w.alpha {
		sum := make([]float64, a)
		total := 0.0
		for _, r := range all {
			k := kernelByDefinition(j, w.beta, r.before, c)
			sum[r.next] += k
			total += k
		}
		for y := range q {
			q[y] = (alpha*q[y] + sum[y]) / (alpha + total)
		}
	}
	return q
}

// source draws documents with some order to them: symbols are often copied
// from one to three back.
func source(rng *rand.Rand, a int, lengths ...int) (docs [][]Symbol) {
	for _, n := range lengths {
		var doc []Symbol
		for i := range n {
			x := Symbol(rng.IntN(a))
			if back := 1 + rng.IntN(3); back <= i && rng.IntN(3) > 0 {
				x = (doc[i-back] + 1) % Symbol(a)
			}
			doc = append(doc, x)
		}
		docs = append(docs, doc)
	}
	return docs
}

func randomBandwidths(rng *rand.Rand, a, m int) bandwidths {
	beta, alpha := make([]float64, m+1), []float64{float64(a) / 2}
	for j := 1; j <= m; j++ {
		beta[j] = 6 * rng.Float64()
		if rng.IntN(8) == 0 {
			beta[j] = 0
		}
		alpha = append(alpha, math.Exp(4*rng.NormFloat64()))
	}
	return newBandwidths(beta, alpha)
}

// over returns a predictor over docs with given bandwidths and leaf size; a
// leaf size of 0 leaves all of it to be compared, as if just learnt.
func over(t *testing.T, docs [][]Symbol, a, m, fewest int, w bandwidths) *NadarayaWatson {
	t.Helper()
	c := TinyNadarayaWatson().(*NadarayaWatsonConfig)
	c.Lags = m
	p := newNadarayaWatson(*c, predictors.Env{Alphabet: a})
	for _, doc := range docs {
		p.memory.begin()
		for _, x := range doc {
			p.memory.learn(x)
		}
	}
	p.width = w
	if fewest > 0 {
		b := newBuilder(context.Background(), &p.memory, len(p.memory.targets), a, m, fewest, maxEntries)
		if !b.run() {
			t.Fatal("index too large")
		}
		p.index = b.index
	}
	return p
}

// TestEqualsDefinition: the trie over sets of lags gives the sum over all
// training contexts, whatever its leaves, over several documents, from their
// first symbol on.
func TestEqualsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, a := range []int{1, 2, 3, 20, 256, 5000, missing} {
		for _, m := range []int{1, 3, 4, 5, 8, 9, 12} {
			docs := source(rng, a, 1, 2, 5, 150, 40, 13)
			all := remember(docs)
			w := randomBandwidths(rng, a, m)
			for _, fewest := range []int{0, 2, 7, 1000} {
				p := over(t, docs, a, m, fewest, w)
				at := fmt.Sprintf("A = %d, m = %d, leaves below %d", a, m, fewest)
				for range 2 {
					p.Reset()
					n := 1 + rng.IntN(2*m)
					walked := source(rng, a, n)[0]
					if doc := docs[3]; rng.IntN(2) == 0 { // a context like one seen
						i := rng.IntN(len(doc) - n)
						walked = append([]Symbol(nil), doc[i:i+n]...)
						walked[rng.IntN(n)] = Symbol(rng.IntN(a))
					}
					for i, x := range walked {
						if i > 0 && i < n-1 && a > 300 {
							p.Observe(x)
							continue // the definition is slow
						}
						compare(t, at, p, estimateByDefinition(a, all, &w, walked[:i]))
						p.Observe(x)
					}
					compare(t, at, p, estimateByDefinition(a, all, &w, walked))
				}
			}
		}
	}
}

func compare(t *testing.T, at string, p predictors.Predictor, want []float64) {
	t.Helper()
	got := make([]float64, len(want))
	p.Predict(got)
	sum := 0.0
	for y := range want {
		sum += got[y]
		if d := math.Abs(got[y] - want[y]); !(d <= 1e-10) {
			t.Fatalf("%s: q(%d) = %v, want %v", at, y, got[y], want[y])
		}
	}
	if math.Abs(sum-1) > 1e-10 {
		t.Fatalf("%s: Σ q = %v, want 1", at, sum)
	}
}

// TestLearnEqualsDefinition: what is learnt symbol by symbol counts like what
// was there, also after Reset and after symbols only observed, and across the
// making of new indices.
func TestLearnEqualsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const a, m = 4, 5
	docs := source(rng, a, 30, 1500)
	w := randomBandwidths(rng, a, m)
	p := over(t, docs, a, m, 16, w)
	all := remember(docs)
	indexed := p.index.targets
	for range 6 {
		p.Reset()
		walked := []Symbol{}
		for i, x := range source(rng, a, 400)[0] {
			if i%97 == 13 || i < 3 {
				compare(t, fmt.Sprintf("after %d", len(all)), p, estimateByDefinition(a, all, &w, walked))
			}
			if i%50 < 5 { // only observed: context, but no target
				p.Observe(x)
			} else {
				p.Learn(x)
				all = append(all, remembered{walked[:len(walked):len(walked)], x})
			}
			walked = append(walked, x)
		}
	}
	if p.index.targets == indexed {
		t.Errorf("no new index was made in %d symbols", len(all))
	}
}

// TestCrossValidationEqualsDefinition: the loss from histograms is that of
// predicting each query from the documents without its block and m targets on
// either side of it.
func TestCrossValidationEqualsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, m := range []int{1, 2, 8, 9, 12} {
		const a, folds = 3, 4
		docs := source(rng, a, 3, 120, 1, 60)
		all := remember(docs)
		n := len(all)
		p := over(t, docs, a, m, 0, randomBandwidths(rng, a, m))
		c := p.c
		c.Folds, c.Queries = folds, n // every target is a query
		v, err := newValidation(context.Background(), &p.memory, &c, a, 1, func(predictors.Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		bits, logEffective := 0.0, 0.0
		for q, r := range all {
			var rest []remembered
			for i, other := range all {
				block := q * folds / n
				if near, far := max(i-m, 0), min(i+m, n-1); far*folds/n < block || near*folds/n > block {
					rest = append(rest, other)
				}
			}
			bits -= math.Log2(estimateByDefinition(a, rest, &p.width, r.before)[r.next]) / float64(n)
			logEffective -= math.Log(squaresByDefinition(rest, &p.width, r.before)) / float64(n)
		}
		if got := v.set(p.width.b).loss(p.width.alpha); math.Abs(got-bits) > 1e-10 {
			t.Errorf("m = %d: loss = %v bits, want %v", m, got, bits)
		}
		if got := v.effective(&p.width); math.Abs(got-math.Exp(logEffective)) > 1e-8*got {
			t.Errorf("m = %d: n_eff = %v, want %v", m, got, math.Exp(logEffective))
		}
	}
}

// squaresByDefinition is Σ_i w_i², w_i = ∂q_m(y; c)/∂1[x_{i+1} = y].
func squaresByDefinition(all []remembered, w *bandwidths, c []Symbol) (sum float64) {
	weights := make([]float64, len(all))
	for j, alpha := range w.alpha {
		total := 0.0
		for _, r := range all {
			total += kernelByDefinition(j, w.beta, r.before, c)
		}
		for i, r := range all {
			weights[i] = (alpha*weights[i] + kernelByDefinition(j, w.beta, r.before, c)) / (alpha + total)
		}
	}
	for _, x := range weights {
		sum += x * x
	}
	return sum
}
