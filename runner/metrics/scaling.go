package metrics

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"gonum.org/v1/gonum/stat"
)

// Scaling of words (Takahashi & Tanaka-Ishii 2019, Evaluating computational
// language models with scaling properties of natural language; programme 2.11),
// of what a predictor writes and of its training text:
//
//	Zipf    frequency ∝ rank^−z over words that come at least 3 times
//	Heaps   different words ∝ (words)^β
//	Taylor  standard deviation ∝ mean^α of a word's count in segments of words,
//	        over words; ½ for independent words, more where words come in bursts
//
// each by least squares on logarithms. Words of a text are what stands between
// white space. Of a process without letters, blocks of so many symbols that
// there are about 256 of them.
type scalingConfig struct {
	sampleOptions
	Segment int `toml:"segment"` // words of Taylor's segments, ≥ 10
}

var scalingKind = StudyKind{
	Name: "scaling", Version: 1,
	Default: func() StudyConfig { return &scalingConfig{defaultSamples(), 200} },
	Scores: []Info{
		{"zipf_exponent", "exponent", "", "of a word's frequency on its rank, in what it writes", false},
		{"heaps_exponent", "exponent", "", "of different words on words, in what it writes", false},
		{"taylor_exponent", "exponent", "", "of the spread of a word's count on its mean, in what it writes; ½ for independent words", false},
		{"zipf_exponent_corpus", "exponent", "", "the first of the training text", false},
		{"heaps_exponent_corpus", "exponent", "", "the second of the training text", false},
		{"taylor_exponent_corpus", "exponent", "", "the third of the training text", false},
	},
	Cost:    "generations times length, in symbols predicted",
	Needs:   "training documents of at least the length of a generation",
	Doc:     "whether what it writes has the statistics of words that its training text has (Takahashi & Tanaka-Ishii 2019)",
	Pitfall: "exponents depend on how much text there is: only those of equal amounts can be compared; Taylor's alone was found to follow quality",
}

func (c *scalingConfig) Validate() error {
	if c.Segment < 10 {
		return fmt.Errorf("segment = %d, want >= 10", c.Segment)
	}
	return c.sampleOptions.Validate()
}

func (c *scalingConfig) New(s *Subject) (Study, error) {
	corpus, err := c.corpus("scaling", s)
	if err != nil {
		return nil, err
	}
	return &writing{s, c.sampleOptions, func(s *Subject, samples []text) ([]Ranged, error) {
		split := splitter(s)
		return append(c.rows(split, samples, ""), c.rows(split, corpus, "_corpus")...), nil
	}}, nil
}

func (c *scalingConfig) rows(split func(text) []string, texts []text, suffix string) (out []Ranged) {
	var words [][]string
	n := 0
	for _, x := range texts {
		words = append(words, split(x))
		n += len(words[len(words)-1])
	}
	v, lo, hi := jackknife(words, minGroups, func(w [][]string) []float64 {
		return []float64{zipf(w), heaps(w), taylor(w, c.Segment)}
	})
	for i, name := range []string{"zipf_exponent", "heaps_exponent", "taylor_exponent"} {
		if !math.IsNaN(v[i]) {
			out = append(out, Between(name+suffix, 1, n, v[i], lo[i], hi[i]))
		}
	}
	return out
}

// splitter says what the words of the subject's texts are.
func splitter(s *Subject) func(text) []string {
	white, letters := make([]bool, s.A), false
	for i, token := range s.Corpus.Alphabet.Tokens {
		white[i] = token != "" && strings.TrimFunc(token, unicode.IsSpace) == ""
		letters = letters || strings.IndexFunc(token, unicode.IsLetter) >= 0
	}
	if letters && slices.Contains(white, true) {
		return func(x text) (words []string) {
			var w []symbol
			for _, y := range append(slices.Clone(x), symbol(slices.Index(white, true))) {
				if !white[y] {
					w = append(w, y)
				} else if len(w) > 0 {
					words, w = append(words, fmt.Sprint(w)), nil
				}
			}
			return words
		}
	}
	const vocabulary = 256
	block := max(1, int(math.Round(math.Log(vocabulary)/math.Log(float64(max(2, s.A))))))
	return func(x text) (words []string) {
		for t := 0; t+block <= len(x); t += block {
			words = append(words, fmt.Sprint(x[t:t+block]))
		}
		return words
	}
}

// slope is that of least squares; NaN of fewer than three points.
func slope(x, y []float64) float64 {
	if len(x) < 3 || slices.Min(x) == slices.Max(x) {
		return math.NaN()
	}
	_, b := stat.LinearRegression(x, y, nil, false)
	return b
}

func zipf(texts [][]string) float64 {
	counts := map[string]int{}
	for _, w := range slices.Concat(texts...) {
		counts[w]++
	}
	var list []int
	for _, n := range counts {
		if n >= 3 {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	var x, y []float64
	for i, n := range list {
		x, y = append(x, math.Log(float64(len(list)-i))), append(y, math.Log(float64(n)))
	}
	return -slope(x, y)
}

// heaps follows the texts in their order.
func heaps(texts [][]string) float64 {
	seen := map[string]bool{}
	var x, y []float64
	words, next := 0, 1.0
	for _, w := range slices.Concat(texts...) {
		seen[w] = true
		if words++; float64(words) >= next { // evenly on the logarithm
			x, y = append(x, math.Log(float64(words))), append(y, math.Log(float64(len(seen))))
			next *= 1.1
		}
	}
	return slope(x, y)
}

// taylor cuts the texts, one after the other, into segments.
func taylor(texts [][]string, segment int) float64 {
	all := slices.Concat(texts...)
	n := len(all) / segment
	if n < 3 {
		return math.NaN()
	}
	sums, squares := map[string]float64{}, map[string]float64{}
	for s := range n {
		counts := map[string]float64{}
		for _, w := range all[s*segment : (s+1)*segment] {
			counts[w]++
		}
		for w, c := range counts {
			sums[w] += c
			squares[w] += c * c
		}
	}
	names := make([]string, 0, len(sums))
	for w := range sums {
		names = append(names, w)
	}
	slices.Sort(names)
	var x, y []float64
	for _, w := range names {
		mean := sums[w] / float64(n)
		if v := squares[w]/float64(n) - mean*mean; v > 0 {
			x, y = append(x, math.Log(mean)), append(y, math.Log(v)/2)
		}
	}
	return slope(x, y)
}
