package metrics

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"horizon/results"
)

// Mutual information of two symbols d apart (Lin & Tegmark 2017, Critical
// behavior in physics and probabilistic formal languages; programme 2.5),
//
//	I(d) = Σ p_d(a, b) log₂ [p_d(a, b) / (p(a) p(b))],
//
// in bits, of what a predictor writes and of its training text, each as so many
// texts of one length. Counting finds some even of independent symbols, about
// (A−1)²/(2 n ln 2) bits: the same count of pairs of which one symbol is from
// another text, which are independent, is taken off. Several such pairings say
// how far from 0 what is left may be by chance, the noise floor. The distance of
// two decays is
//
//	Σ_d |log₂ I_model(d) − log₂ I_corpus(d)|
//
// over the d at which the corpus is above its floor, the model's I being taken
// for the floor where it is below. Its interval is by leaving out each text in
// turn, the predictor's and the corpus's: errors of the two add in squares.
type mutualConfig struct {
	sampleOptions
	Farthest int `toml:"farthest"` // the longest distance, ≥ 1, less than length
}

var mutualKind = StudyKind{
	Name: "mutual-information", Version: 3,
	Default: func() StudyConfig { return &mutualConfig{defaultSamples(), 1024} },
	Scores: []Info{
		{"mutual_information", "bits", "", "of two symbols d apart in what it writes, noise taken off; horizon is d", false},
		{"mutual_information_corpus", "bits", "", "the same in the training text", false},
		{"mutual_information_floor", "bits", "", "how far from 0 that may be by chance in so much text", false},
		{"mutual_information_distance", "bits", "lower", "sum over d of how far the logarithms of the two are apart, where the corpus is above its floor", false},
	},
	Cost:    "generations times length, in symbols predicted; pairs times distances, counted a few hundred times for intervals",
	Needs:   "training documents of at least the length of a generation",
	Doc:     "how far what it writes depends on itself, beside its training text (Lin & Tegmark 2017)",
	Pitfall: "pairs say nothing of longer patterns: the same decay does not mean the same law",
}

func (c *mutualConfig) Validate() error {
	if c.Farthest < 1 || c.Farthest >= c.Length {
		return fmt.Errorf("farthest = %d, want 1 to length - 1", c.Farthest)
	}
	return c.sampleOptions.Validate()
}

func (c *mutualConfig) New(s *Subject) (Study, error) {
	if s.A > mostPaired {
		return nil, Inapplicable{fmt.Sprintf("mutual-information: an alphabet of %d symbols has too many pairs, want at most %d", s.A, mostPaired)}
	}
	corpus, err := c.corpus("mutual-information", s)
	if err != nil {
		return nil, err
	}
	return &writing{s, c.sampleOptions, func(s *Subject, samples []text) ([]Ranged, error) {
		return c.report(s.A, samples, corpus), nil
	}}, nil
}

// mostPaired bounds alphabets: a text's pairs are kept in a square.
const mostPaired = 512

// distances are all up to 8 and four to each doubling beyond.
func distances(farthest int) (ds []int) {
	for i := 0.0; ; i++ {
		d := int(math.Round(math.Exp2(i / 4)))
		if d > farthest {
			return slices.Compact(ds)
		}
		ds = append(ds, d)
	}
}

func (c *mutualConfig) report(a int, samples, corpus []text) (out []Ranged) {
	var n int
	var far apart
	samples, corpus, k := compact(a, samples, corpus)
	for _, d := range distances(c.Farthest) {
		model, truth := information(k, d, samples), information(k, d, corpus)
		n = len(samples) * (c.Length - d)
		floor := max(model.floor, truth.floor)
		out = append(out, Between("mutual_information", d, n, model.bits, model.bits-model.half, model.bits+model.half),
			Between("mutual_information_corpus", d, n, truth.bits, truth.bits-truth.half, truth.bits+truth.half),
			Exactly("mutual_information_floor", d, n, floor))
		if truth.bits > floor {
			far.add(model, truth, floor)
		}
	}
	if far.n > 0 {
		half := far.half()
		out = append(out, Between("mutual_information_distance", 1, far.n, far.sum, far.sum-half, far.sum+half))
	}
	return out
}

// apart sums how far logarithms are apart, with all texts and without each.
type apart struct {
	n                     int // distances
	sum                   float64
	ofSamples, withCorpus []float64 // the sum without text i of either
}

func (a *apart) add(model, truth informed, floor float64) {
	a.n++
	far := func(m, c float64) float64 { return math.Abs(math.Log2(max(m, floor) / max(c, floor))) }
	a.sum += far(model.bits, truth.bits)
	if a.ofSamples == nil {
		a.ofSamples, a.withCorpus = make([]float64, len(model.without)), make([]float64, len(truth.without))
	}
	for i, m := range model.without {
		a.ofSamples[i] += far(m, truth.bits)
	}
	for i, c := range truth.without {
		a.withCorpus[i] += far(model.bits, c)
	}
}

// half is half the length of the interval.
func (a *apart) half() float64 {
	degrees := min(len(a.ofSamples), len(a.withCorpus)) - 1
	return results.StudentT(float64(degrees)) * math.Hypot(leftOut(a.ofSamples), leftOut(a.withCorpus))
}

// leftOut is the jackknife's standard error of a statistic from its values
// without each of n texts, √((n−1)/n Σ (v₋ᵢ − v̄)²).
func leftOut(v []float64) float64 {
	n := float64(len(v))
	return (n - 1) / math.Sqrt(n) * stat.StdDev(v, nil)
}

// compact numbers the symbols that occur.
func compact(a int, sets ...[]text) (samples, corpus []text, k int) {
	number := make([]int, a)
	out := make([][]text, len(sets))
	for i, texts := range sets {
		for _, x := range texts {
			y := make(text, len(x))
			for t, v := range x {
				if number[v] == 0 {
					k++
					number[v] = k
				}
				y[t] = symbol(number[v] - 1)
			}
			out[i] = append(out[i], y)
		}
	}
	return out[0], out[1], k
}

// pairings are how many ways pairs are made of different texts: of fewer, the
// spread is now and then so small that noise is three times above it.
const pairings = 15

// An informed is I(d) in bits, noise taken off, half the length of its
// interval, and the noise floor: three times the spread of what independent
// pairs show.
type informed struct {
	bits, half, floor float64
	without           []float64 // I(d) of all texts but each
}

// information is I(d) of texts over k symbols.
func information(k, d int, texts []text) informed {
	each, all := make([]pairs, len(texts)), newPairs(k)
	for i, x := range texts {
		each[i] = newPairs(k)
		each[i].add(x, x, d)
		all.join(each[i], 1)
	}
	var noise []float64
	for shift := 1; shift <= min(pairings, len(texts)-1); shift++ {
		null := newPairs(k)
		for i, x := range texts {
			null.add(x, texts[(i+shift)%len(texts)], d)
		}
		noise = append(noise, null.information())
	}
	mean, sd := stat.MeanStdDev(noise, nil)
	// By leaving out each text in turn (jackknife).
	var left []float64
	for _, p := range each {
		all.join(p, -1)
		left = append(left, all.information()-mean)
		all.join(p, 1)
	}
	return informed{all.information() - mean, results.StudentT(float64(len(texts)-1)) * leftOut(left), 3 * sd, left}
}

// pairs counts pairs of symbols, row by row.
type pairs struct {
	k int
	n []float64
}

func newPairs(k int) pairs { return pairs{k, make([]float64, k*k)} }

// add counts x[t] with y[t+d].
func (p pairs) add(x, y text, d int) {
	for t := range min(len(x), len(y)-d) {
		p.n[int(x[t])*p.k+int(y[t+d])]++
	}
}

func (p pairs) join(q pairs, sign float64) {
	for i, v := range q.n {
		p.n[i] += sign * v
	}
}

// information is that of the counted law, in bits.
func (p pairs) information() (bits float64) {
	first, second, total := make([]float64, p.k), make([]float64, p.k), 0.0
	for i, v := range p.n {
		first[i/p.k] += v
		second[i%p.k] += v
		total += v
	}
	return entropyOfCounts(first, total) + entropyOfCounts(second, total) - entropyOfCounts(p.n, total)
}

// entropyOfCounts is that of relative frequencies, in bits.
func entropyOfCounts(counts []float64, total float64) float64 {
	sum := 0.0
	for _, v := range counts {
		if v > 0 {
			sum += v * math.Log2(v)
		}
	}
	return math.Log2(total) - sum/total
}
