package lempelziv

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// An expertTwin keeps the whole text and every expert's place in it, and
// recomputes all from the definition at each symbol.
type expertTwin struct {
	c       *CopyExpertsConfig
	a       int
	text    symbols // learned so far
	experts []twinExpert
	said    [expertCount][]float64 // probabilities, the oldest first
}

type twinExpert struct {
	pos, age, idle int
	reverse        bool
}

// says is what e predicted d symbols ago, now for d = 0.
func (w *expertTwin) says(e twinExpert, d int) predictors.Symbol {
	if e.reverse {
		return predictors.Symbol(w.a-1) - w.text[e.pos+d]
	}
	return w.text[e.pos-d]
}

func (w *expertTwin) hits(e twinExpert) (k, n int, log float64) {
	n = min(w.c.Window, e.age)
	t := len(w.text)
	for d := 1; d <= n; d++ {
		context := w.said[contextExpert][t-d]
		right := w.says(e, d) == w.text[t-d]
		switch {
		case right:
			k++
			log -= math.Log(context)
		case w.c.Rest == "uniform":
			log += math.Log(1/float64(w.a-1)) - math.Log(context)
		}
	}
	for i := 1; i <= k; i++ {
		log += math.Log(float64(i))
	}
	for i := 1; i <= n-k; i++ {
		log += math.Log(float64(i))
	}
	for i := 1; i <= n+1; i++ {
		log -= math.Log(float64(i))
	}
	return k, n, log
}

// laws are the three experts' laws of the next symbol, and their weights.
func (w *expertTwin) laws(context []float64) (laws [expertCount][]float64, weights [expertCount]float64) {
	threshold := w.c.Threshold * float64(w.c.Window) * math.Ln2
	copies, total := make([]float64, w.a), 0.0
	kept := w.experts[:0]
	for _, e := range w.experts {
		k, n, log := w.hits(e)
		if log < threshold {
			if e.idle++; e.idle > w.c.Chances {
				continue
			}
			kept = append(kept, e)
			continue
		}
		e.idle = 0
		kept = append(kept, e)
		rate, l := float64(k+1)/float64(n+2), math.Exp(log)
		total += l
		for x := range copies {
			is := 0.0
			if predictors.Symbol(x) == w.says(e, 0) {
				is = 1
			}
			if w.c.Rest == "uniform" {
				copies[x] += l * (rate*is + (1-rate)*(1-is)/float64(w.a-1))
			} else {
				copies[x] += l * (rate*is + (1-rate)*context[x])
			}
		}
	}
	w.experts = kept
	for x := range copies {
		if copies[x] /= total; total == 0 {
			copies[x] = context[x]
		}
	}
	laws = [expertCount][]float64{context, w.local(context), copies}
	sum := 0.0
	for j := range weights {
		weights[j] = 1
		for i := max(0, len(w.text)-w.c.Window); i < len(w.text); i++ {
			weights[j] *= w.said[j][i]
		}
		if j == copyExpert {
			weights[j] /= math.Exp(max(0, threshold))
		}
		if j == copyExpert && total == 0 || j == localExpert && w.c.Local == 0 {
			weights[j] = 0
		}
		sum += weights[j]
	}
	for j := range weights {
		weights[j] /= sum
	}
	return laws, weights
}

func (w *expertTwin) local(context []float64) []float64 {
	out := slices.Clone(context)
	met := 1.0
	window := w.text[max(0, len(w.text)-w.c.Local):]
	for i := 0; i+1 < len(window); i++ {
		if window[i] == window[len(window)-1] {
			out[window[i+1]]++
			met++
		}
	}
	for x := range out {
		out[x] /= met
	}
	return out
}

// learn takes x: experts move on, new ones are proposed.
func (w *expertTwin) learn(x predictors.Symbol) {
	n := len(w.text)
	kept := w.experts[:0]
	for _, e := range w.experts {
		if e.reverse {
			e.pos--
		} else {
			e.pos++
		}
		if e.age++; e.pos >= 0 {
			kept = append(kept, e)
		}
	}
	w.experts = kept
	w.text = append(w.text, x)
	n++
	h := w.c.Seed
	for at := n - 1; at >= h && n >= h; at-- { // forwards: the seed lies before at
		run := 0
		for run < min(at, copyLongest) && w.text[at-1-run] == w.text[n-1-run] {
			run++
		}
		w.propose(twinExpert{pos: at, age: run}, h)
	}
	if !w.c.ReverseComplement {
		return
	}
	for at := n - h - 1; at >= 0; at-- { // backwards: the seed lies after at
		run := 0
		for run < copyLongest && at+1+run < n && predictors.Symbol(w.a-1)-w.text[at+1+run] == w.text[n-1-run] {
			run++
		}
		w.propose(twinExpert{pos: at, age: run, reverse: true}, h)
	}
}

func (w *expertTwin) propose(e twinExpert, seed int) {
	if e.age < seed {
		return
	}
	for _, old := range w.experts {
		if old.pos == e.pos && old.reverse == e.reverse {
			return
		}
	}
	w.experts = append(w.experts, e)
}

func TestCopyExpertsAgainstDefinition(t *testing.T) {
	for _, c := range []*CopyExpertsConfig{
		{CopyOptions: CopyOptions{Order: 2, Seed: 4, Share: 0.5}, Window: 12, Experts: 5000, Chances: 3, Rest: "context"},
		{CopyOptions: CopyOptions{Order: 1, Seed: 3, Share: 0.5}, Window: 7, Experts: 5000, Threshold: 0.1, Chances: 5, Local: 20, Rest: "uniform", ReverseComplement: true},
		{CopyOptions: CopyOptions{Order: 1, Seed: 5, Share: 0.5}, Window: 20, Experts: 5000, Threshold: -0.1, Local: 40, Rest: "context", ReverseComplement: true},
	} {
		const a = 4
		rng := rand.New(rand.NewPCG(7, uint64(c.Seed)))
		q, err := c.New(predictors.Env{Alphabet: a})
		if err != nil {
			t.Fatal(err)
		}
		p, w := q.(*copyExperts), &expertTwin{c: c, a: a}
		heard := 0.0
		for i, x := range approxNoise(rng, a, 700) {
			context, probs := make([]float64, a), make([]float64, a)
			p.base.predict(context)
			laws, weights := w.laws(context)
			p.Predict(probs)
			for y := range probs {
				want := 0.0
				for j := range laws {
					want += weights[j] * laws[j][y]
				}
				if math.Abs(probs[y]-want) > 1e-9 || math.Abs(p.Prob(predictors.Symbol(y))-want) > 1e-9 {
					t.Fatalf("%+v: after %d symbols P(%d) = %v and %v, want %v", c, i, y, probs[y], p.Prob(predictors.Symbol(y)), want)
				}
			}
			for j := range laws {
				w.said[j] = append(w.said[j], laws[j][x])
			}
			heard += weights[copyExpert]
			p.Learn(x)
			w.learn(x)
		}
		if heard < 50 {
			t.Errorf("%+v: copies weighed %v of 700 symbols: nothing was tested", c, heard)
		}
	}
}

// The second half of a strand that is the reverse complement of the first is
// known to the experts that run backwards, and to no others.
func TestCopyExpertsReverse(t *testing.T) {
	const a, n = 4, 3000
	rng := rand.New(rand.NewPCG(7, 9))
	xs := make(symbols, n)
	for i := range xs {
		xs[i] = predictors.Symbol(rng.IntN(a))
	}
	for i := n - 1; i >= 0; i-- {
		xs = append(xs, a-1-xs[i])
	}
	loss := func(reverse bool) float64 {
		c := &CopyExpertsConfig{CopyOptions: CopyOptions{Order: 2, Seed: 11, Share: 0.5},
			Window: 20, Experts: 50, Chances: 20, Rest: "uniform", ReverseComplement: reverse}
		p, err := c.New(predictors.Env{Alphabet: a})
		if err != nil {
			t.Fatal(err)
		}
		bits, sum := make([]float64, len(xs)), 0.0
		if err := predictors.ScoreLearning(p, bits, nil, xs); err != nil {
			t.Fatal(err)
		}
		for _, b := range bits[n:] {
			sum += b
		}
		return sum / n
	}
	// (w+1)/(w+2) at best, w = 20: 0.07 bit.
	if with, without := loss(true), loss(false); with > 0.15 || without < 1.9 {
		t.Errorf("%.3f bits with copies that run backwards, %.3f without; want at most 0.15 and at least 1.9", with, without)
	}
}

// The authors' program (japsa, jsa.xm.compress: hash size 12, context 20, 500
// experts, listen threshold 0.15, 20 chances) takes 1.9555 bits a base for the
// first 150,000 of E. coli, learning as it goes.
func TestCopyExpertsOnDNA(t *testing.T) {
	xs, a := corporatest.Packed(t, "dna/E.coli")
	p, err := xmLike().New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	bits, sum := make([]float64, 150_000), 0.0
	if err := predictors.ScoreLearning(p, bits, nil, xs[:len(bits)]); err != nil {
		t.Fatal(err)
	}
	for _, b := range bits {
		sum += b
	}
	if got := sum / float64(len(bits)); math.Abs(got-1.9555) > 0.01 {
		t.Errorf("%.4f bits a base, want 1.9555 within 0.01", got)
	} else {
		t.Logf("%.4f bits a base, the authors' program 1.9555", got)
	}
}

// xmLike is the authors' setting.
func xmLike() *CopyExpertsConfig {
	return &CopyExpertsConfig{CopyOptions: CopyOptions{Order: 2, Seed: 12, Share: 0.5},
		Window: 20, Experts: 500, Threshold: 0.15, Chances: 20, Local: 256, Rest: "uniform", ReverseComplement: true}
}
