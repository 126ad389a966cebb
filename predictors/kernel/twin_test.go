package kernel

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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

// levelsByDefinition is the level of every position, for m lags.
func levelsByDefinition(all []remembered, m int) []int {
	out := make([]int, len(all))
	seen := map[string]bool{} // events of so many symbols of context
	for i, r := range all {
		out[i] = m
		for j := m - 1; j >= 0; j-- {
			if len(r.before) > j {
				event := fmt.Sprint(r.before[len(r.before)-j-1:], r.next)
				if seen[event] {
					continue
				}
				seen[event] = true
			}
			out[i] = j
		}
	}
	return out
}

// agrees says whether two contexts have the same last n symbols.
func agrees(c1, c2 []Symbol, n int) bool {
	return len(c1) >= n && len(c2) >= n && slices.Equal(c1[len(c1)-n:], c2[len(c2)-n:])
}

// estimateByDefinition is q_m(·; c), from the formula at the head of
// nadarayawatson.go; level is nil with Dirichlet back-off.
func estimateByDefinition(a int, all []remembered, level []int, w *bandwidths, c []Symbol) []float64 {
	q := make([]float64, a)
	for y := range q {
		q[y] = 1 / float64(a)
	}
	for j, alpha := range w.alpha {
		sum, exact := make([]float64, a), make([]int, a)
		total := 0.0
		for i, r := range all {
			if level != nil && level[i] > j {
				continue
			}
			k := kernelByDefinition(j, w.beta, r.before, c)
			sum[r.next] += k
			total += k
			if agrees(r.before, c, j) {
				exact[r.next]++
			}
		}
		escape := alpha
		for y, e := range exact {
			if level != nil && e > 0 {
				d := w.discount[3*j+min(e, 3)-1]
				sum[y] -= d
				escape += d
			}
		}
		for y := range q {
			q[y] = (escape*q[y] + sum[y]) / (alpha + total)
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
	discount := make([]float64, 3*(m+1))
	for i := range discount {
		discount[i] = rng.Float64() * float64(i%3+1)
	}
	return newBandwidths(beta, alpha, discount)
}

// over returns a predictor over docs with given bandwidths and leaf size; a
// leaf size of 0 leaves all of it to be compared, as if just learnt.
func over(t *testing.T, backoff string, docs [][]Symbol, a, m, fewest int, w bandwidths) *NadarayaWatson {
	t.Helper()
	c := TinyNadarayaWatson().(*NadarayaWatsonConfig)
	c.Lags, c.Backoff = m, backoff
	if !c.discounts() {
		clear(w.discount)
	}
	p := newNadarayaWatson(*c, predictors.Env{Alphabet: a})
	for _, doc := range docs {
		p.memory.begin()
		for _, x := range doc {
			p.memory.learn(x)
		}
	}
	p.width = w
	if c.discounts() {
		p.memory.levels(p.memory.level, m, 0, 0)
	}
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
	for _, a := range []int{1, 2, 3, 20, 256, missing} {
		for _, m := range []int{1, 4, 5, 8, 12} {
			docs := source(rng, a, 1, 2, 5, 150, 40, 13)
			all := remember(docs)
			w := randomBandwidths(rng, a, m)
			for i, fewest := range []int{0, 2, 7, 1000, 0, 2, 7, 1000} {
				backoff, level := "kneser-ney", levelsByDefinition(all, m)
				if i >= 4 {
					backoff, level = "dirichlet", nil
				}
				p := over(t, backoff, docs, a, m, fewest, w)
				at := fmt.Sprintf("%s, A = %d, m = %d, leaves below %d", backoff, a, m, fewest)
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
						compare(t, at, p, estimateByDefinition(a, all, level, &w, walked[:i]))
						p.Observe(x)
					}
					compare(t, at, p, estimateByDefinition(a, all, level, &w, walked))
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
	p := over(t, "kneser-ney", docs, a, m, 16, w)
	all := remember(docs)
	indexed := p.index.targets
	for range 6 {
		p.Reset()
		walked := []Symbol{}
		for i, x := range source(rng, a, 400)[0] {
			if i%97 == 13 || i < 3 {
				level := levelsByDefinition(all, m)
				compare(t, fmt.Sprintf("after %d", len(all)), p, estimateByDefinition(a, all, level, &w, walked))
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
		p := over(t, "kneser-ney", docs, a, m, 0, randomBandwidths(rng, a, m))
		c := p.c
		c.Folds, c.Queries = folds, n // every target is a query
		queries := blockQueries(&p.memory, &c, rng)
		v, err := newValidation(context.Background(), &p.memory, &c, a, queries, func(predictors.Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		bits := 0.0
		for q, r := range all {
			var rest []remembered
			for i, other := range all {
				block := q * folds / n
				if near, far := max(i-m, 0), min(i+m, n-1); far*folds/n < block || near*folds/n > block {
					rest = append(rest, other)
				}
			}
			bits -= math.Log2(estimateByDefinition(a, rest, levelsByDefinition(rest, m), &p.width, r.before)[r.next]) / float64(n)
		}
		if got := v.set(p.width.b).loss(p.width.alpha, p.width.discount); math.Abs(got-bits) > 1e-10 {
			t.Errorf("m = %d: loss = %v bits, want %v", m, got, bits)
		}
	}
}
