package lempelziv

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// approxNoise is a text that repeats itself with mistakes.
func approxNoise(rng *rand.Rand, a, n int) symbols {
	xs := make(symbols, n)
	from := 0
	for i := range xs {
		if i == 0 || rng.IntN(25) == 0 {
			from = rng.IntN(i + 1)
		}
		xs[i] = predictors.Symbol(rng.IntN(a))
		if i > 0 && rng.IntN(8) > 0 {
			xs[i] = xs[from]
		}
		from++
	}
	return xs
}

// hammingMatch is ℓ(i) from its definition: every length is tried.
func hammingMatch(doc symbols, i int, past symbols, delta float64, limit int) int {
	best, differ := 0, 0
	for l := 1; l <= min(limit, i, len(past)); l++ {
		if doc[i-l] != past[len(past)-l] {
			differ++
		}
		if float64(differ) <= delta*float64(l)+1e-9 {
			best = l
		}
	}
	return best
}

func TestHammingLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	for _, delta := range []float64{0, 0.1, 0.2, 0.3, 0.5} {
		r := newHammingRules(&HammingConfig{CopyOptions: CopyOptions{Seed: 1}, Delta: delta, Limit: 40})
		for range 3000 {
			differ := rng.Uint64() & rng.Uint64() & rng.Uint64()
			doc, past := make(symbols, 64), make(symbols, 64)
			for j := range 64 {
				past[63-j] = predictors.Symbol(differ >> j & 1)
			}
			if got, want := r.length(differ), hammingMatch(doc, 64, past, delta, 40); got != want {
				t.Fatalf("δ = %v, mismatches %b: length %d, want %d", delta, differ, got, want)
			}
		}
	}
}

// With δ = 0 and without bounds this is the plain longest match: the set is
// every position of the longest exact match there is, and its share as said.
func TestHammingIsLongestMatch(t *testing.T) {
	const a, limit = 4, 20
	for _, seed := range []int{1, 3} {
		rng := rand.New(rand.NewPCG(9, uint64(seed)))
		docs := []symbols{approxNoise(rng, a, 400), approxNoise(rng, a, 5), approxNoise(rng, a, 200)}
		c := &HammingConfig{CopyOptions: CopyOptions{Order: 2, Seed: seed, Share: 0.5}, Limit: limit}
		p := quantTrained(t, c, a, predictors.Data{Train: docs, Valid: []symbols{approxNoise(rng, a, 300)}}).(*hamming)
		test, probs, q := approxNoise(rng, a, 400), make([]float64, a), make([]float64, a)
		for i, x := range test {
			longest, follow, set := 0, make([]int, a), 0
			for _, doc := range docs {
				for at := range doc {
					l := hammingMatch(doc, at, test[:i], 0, limit)
					if l > longest {
						longest, follow, set = l, make([]int, a), 0
					}
					if l == longest {
						follow[doc[at]]++
						set++
					}
				}
			}
			p.Predict(probs)
			p.base.predict(q)
			if longest < seed {
				longest, set = 0, 0
			}
			if p.longest != longest || p.set != set {
				t.Fatalf("seed %d: after %d symbols a match of %d at %d positions, want %d at %d", seed, i, p.longest, p.set, longest, set)
			}
			for y := range probs {
				want := q[y]
				if set > 0 {
					l := p.lambda[p.bucket]
					want = l*float64(follow[y])/float64(set) + (1-l)*q[y]
				}
				if math.Abs(probs[y]-want) > 1e-12 || math.Abs(p.Prob(predictors.Symbol(y))-want) > 1e-12 {
					t.Fatalf("seed %d: after %d symbols P(%d) = %v and %v, want %v", seed, i, y, probs[y], p.Prob(predictors.Symbol(y)), want)
				}
			}
			p.Observe(x)
		}
	}
}

// While it learns, what was learned up to now can be matched, within its
// document, and what was only observed cannot.
func TestHammingLearnsOn(t *testing.T) {
	const a, seed = 3, 2
	rng := rand.New(rand.NewPCG(9, 5))
	c := &HammingConfig{CopyOptions: CopyOptions{Order: 1, Seed: seed, Share: 0.5}, Limit: 30}
	p, _ := c.New(predictors.Env{Alphabet: a})
	h := p.(*hamming)
	var docs []symbols
	var past symbols
	apart := true
	for i, x := range approxNoise(rng, a, 1500) {
		longest := 0
		for _, doc := range docs {
			for at := range doc {
				longest = max(longest, hammingMatch(doc, at, past, 0, 30))
			}
		}
		if longest < seed {
			longest = 0
		}
		if h.longest != longest {
			t.Fatalf("after %d symbols a match of %d, want %d", i, h.longest, longest)
		}
		past = append(past, x)
		switch rng.IntN(60) {
		case 0:
			h.Reset()
			past, apart = past[:0], true
			fallthrough
		default:
			if len(past) == 0 {
				past = append(past, x)
			}
			if apart {
				docs = append(docs, nil)
			}
			docs[len(docs)-1] = append(docs[len(docs)-1], x)
			h.Learn(x)
			apart = false
		case 1:
			h.Observe(x)
			apart = true
		}
	}
}

// A ring keeps the latest symbols: after any number it finds what a new memory
// of these symbols finds.
func TestCopyMemoryForgets(t *testing.T) {
	const a, seed, keep = 3, 3, 97
	rng := rand.New(rand.NewPCG(9, 7))
	ring := newCopyMemory(a, seed, keep)
	xs := approxNoise(rng, a, 1000)
	for i, x := range xs {
		ring.add(x, i%41 == 0)
		if i%50 != 49 {
			continue
		}
		var past copyPast
		for _, x := range approxNoise(rng, a, 10) {
			past.push(x)
		}
		found := map[uint32]bool{}
		for c := ring.first(past.hash(seed)); c != 0; c = ring.next(c) {
			if ring.holds(c) && !ring.begins(c) && bits.TrailingZeros64(ring.behind(&past, c)) >= seed {
				found[c] = true
			}
		}
		oldest := max(0, i+1-keep)
		for at := oldest + seed; at <= i; at++ {
			equal := true
			for j := range seed {
				equal = equal && xs[at-j-1] == past.last[j] && (at-j)%41 != 0
			}
			if equal != found[uint32(at)] {
				t.Fatalf("after %d symbols: position %d found: %v, want %v", i+1, at, found[uint32(at)], equal)
			}
		}
	}
}

// hammingRecall is the share of the symbols of test at which the search finds
// the longest approximate match that trying all positions finds, and the share
// of its positions that it finds.
func hammingRecall(p *hamming, train, test symbols, delta float64) (longest, positions float64) {
	found, all, hits, steps := 0, 0, 0, 0
	p.Reset()
	for i, x := range test {
		best, set := 0, 0
		for at := range train {
			if l := hammingMatch(train, at, test[max(0, i-p.limit):i], delta, p.limit); l > best {
				best, set = l, 1
			} else if l == best {
				set++
			}
		}
		if best >= p.seed {
			steps++
			all += set
			if p.longest == best {
				hits++
				found += p.set
			}
		}
		p.Observe(x)
	}
	return float64(hits) / float64(steps), float64(found) / float64(all)
}

// The search finds most of what there is.
func TestHammingRecall(t *testing.T) {
	xs, a := corporatest.Packed(t, "canterbury/alice29.txt")
	train, test := xs[:20000], xs[100000:100150]
	for _, delta := range []float64{0, 0.1, 0.2, 0.3} {
		c := DefaultHamming().(*HammingConfig)
		c.Delta = delta
		p := quantTrained(t, c, a, predictors.Data{Train: []symbols{train}}).(*hamming)
		longest, positions := hammingRecall(p, train, test, delta)
		t.Logf("δ = %.1f: the longest match found at %.1f%% of symbols, %.1f%% of its positions", delta, 100*longest, 100*positions)
		if least := 1 - 2*delta; longest < least || delta == 0 && longest < 1 {
			t.Errorf("δ = %v: the longest match found at %.3f of symbols, want %.3f", delta, longest, least)
		}
	}
}

// On copies with one mistake in ten, allowing mistakes helps.
func TestHammingHelpsOnNoisyCopies(t *testing.T) {
	const a = 16
	rng := rand.New(rand.NewPCG(9, 8))
	source := make(symbols, 2000)
	for i := range source {
		source[i] = predictors.Symbol(rng.IntN(a))
	}
	noisy := func() symbols {
		out := append(symbols(nil), source...)
		for i := range out {
			if rng.IntN(10) == 0 {
				out[i] = predictors.Symbol(rng.IntN(a))
			}
		}
		return out
	}
	d := predictors.Data{Train: []symbols{source}, Valid: []symbols{noisy()}}
	loss := map[float64]float64{}
	for _, delta := range []float64{0, 0.2} {
		c := &HammingConfig{CopyOptions: CopyOptions{Order: 2, Seed: 4, Share: 0.5}, Delta: delta, Limit: 32, Matches: 64}
		loss[delta] = meanLoss(quantTrained(t, c, a, d), noisy())
	}
	// A symbol is right with 0.9 + 0.1/16: no law can do better than this.
	right := 0.9 + 0.1/16
	best := -right*math.Log2(right) - (1-right)*math.Log2((1-right)/15)
	if loss[0.2] > best+0.15 || loss[0.2] > loss[0]-0.2 {
		t.Errorf("δ = 0: %.3f bits, δ = 0.2: %.3f; want within 0.15 of %.3f and 0.2 below", loss[0], loss[0.2], best)
	}
}

func BenchmarkHamming(b *testing.B) { benchmarkApproximate(b, DefaultHamming()) }

func BenchmarkCopyExperts(b *testing.B) { benchmarkApproximate(b, DefaultCopyExperts()) }

func BenchmarkQuantised(b *testing.B) { benchmarkApproximate(b, DefaultQuantised()) }

func benchmarkApproximate(b *testing.B, c predictors.Config) {
	xs, a := corporatest.Packed(b, "shakespeare/tinyshakespeare.txt")
	b.Run("learn", func(b *testing.B) {
		for b.Loop() {
			p, _ := c.New(predictors.Env{Alphabet: a})
			for _, x := range xs[:200_000] {
				p.(predictors.Learner).Learn(x)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200_000, "ns/symbol")
	})
	b.Run("score", func(b *testing.B) {
		p := quantTrained(b, c, a, predictors.Data{Train: []symbols{xs[:900_000]}, Valid: []symbols{xs[900_000:920_000]}})
		test := xs[1_000_000:1_020_000]
		losses := make([]float64, len(test))
		for b.Loop() {
			p.Reset()
			predictors.Score(p, losses, nil, test)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(test)), "ns/symbol")
	})
}
