package metrics

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat"

	"horizon/predictors"
	"horizon/results"
)

// Studies of what a predictor writes when nothing stops it. Each generation
// starts from the empty context and follows the predictor's own law at
// temperature 1, by random numbers of its own: generation i is the same text for
// every study of a cell. Generations are independent, so that intervals of
// statistics of samples come from resampling whole generations (programme,
// Intervals).

// sampleOptions say how much is written.
type sampleOptions struct {
	StudyOptions
	Generations int `toml:"generations"` // independent texts, ≥ 8
	Length      int `toml:"length"`      // symbols of each, ≥ 64
}

func defaultSamples() sampleOptions { return sampleOptions{Generations: 32, Length: 4096} }

// Validate checks the options.
func (o sampleOptions) Validate() error {
	switch {
	case o.Generations < 8:
		return fmt.Errorf("generations = %d, want >= 8", o.Generations)
	case o.Length < 64:
		return fmt.Errorf("length = %d, want >= 64", o.Length)
	}
	return o.StudyOptions.Validate()
}

// corpus is as much of the training part as is written, in texts as long.
func (o sampleOptions) corpus(kind string, s *Subject) ([]text, error) {
	texts := pieces(s.Corpus.Train.Docs, o.Generations, o.Length)
	if len(texts) < minGroups {
		return nil, Inapplicable{fmt.Sprintf("%s: the training part has %d texts of %d symbols, want %d", kind, len(texts), o.Length, minGroups)}
	}
	return texts, nil
}

const generationStream = 0x67656e2d31 // "gen-1"

// A text is one generation, or as long a piece of the corpus.
type text []symbol

// A generation is a text with the entropy, in bits, of each law that a symbol
// was drawn from.
type generation struct {
	text
	entropy []float64
}

// An original is one generation as it was first written, for the studies that
// come later.
type original struct {
	mu sync.Mutex
	generation
}

// generate is the first symbols of generation i. It is written once for all
// studies of the subject, unless one wants more of it than those before.
func (s *Subject) generate(ctx context.Context, i, length int) (generation, error) {
	s.mu.Lock()
	if s.written == nil {
		s.written = map[int]*original{}
	}
	o := s.written[i]
	if o == nil {
		o = &original{}
		s.written[i] = o
	}
	s.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.text) < length {
		g, err := s.write(ctx, i, length)
		if err != nil {
			return generation{}, err
		}
		o.generation = g
	}
	return generation{o.text[:length], o.entropy[:length]}, nil
}

func (s *Subject) write(ctx context.Context, i, length int) (generation, error) {
	rng := rand.New(rand.NewPCG(s.Seed^generationStream, uint64(i)))
	f := s.Fork()
	q := make([]float64, s.A)
	g := generation{make(text, length), make([]float64, length)}
	for t := range length {
		if t%256 == 0 && ctx.Err() != nil {
			return g, ctx.Err()
		}
		f.Predict(q)
		g.entropy[t] = entropyOf(q)
		g.text[t] = predictors.Sample(q, rng.Float64())
		f.Observe(g.text[t])
	}
	return g, nil
}

// values lays a text out as a unit's result.
func (x text) values() []float64 {
	v := make([]float64, len(x))
	for i, y := range x {
		v[i] = float64(y)
	}
	return v
}

func textOf(values []float64) text {
	x := make(text, len(values))
	for i, v := range values {
		x[i] = symbol(v)
	}
	return x
}

// written are the texts of the units that were done in time.
func written(done [][]float64) (texts []text) {
	for _, u := range finished(done) {
		texts = append(texts, textOf(u))
	}
	return texts
}

// writing is a study whose units are generations.
type writing struct {
	s      *Subject
	o      sampleOptions
	report func(s *Subject, samples []text) ([]Ranged, error)
}

func (w *writing) Units() int { return w.o.Generations }

func (w *writing) Unit(ctx context.Context, i int) ([]float64, error) {
	g, err := w.s.generate(ctx, i, w.o.Length)
	return g.values(), err
}

func (w *writing) Report(done [][]float64) ([]Ranged, error) {
	samples := written(done)
	if len(samples) < minGroups {
		return nil, fmt.Errorf("%d generations in the time there was, want %d", len(samples), minGroups)
	}
	return w.report(w.s, samples)
}

// pieces are n texts of a length from documents, evenly spaced: fewer where
// there is less.
func pieces(docs [][]symbol, n, length int) (out []text) {
	room := 0
	for _, d := range docs {
		room += len(d) / length
	}
	if room == 0 {
		return nil
	}
	n = min(n, room)
	i := 0 // of all whole pieces
	for _, d := range docs {
		for j := range len(d) / length {
			if i*n/room > (i-1)*n/room || i == 0 {
				out = append(out, text(d[j*length:(j+1)*length]))
			}
			i++
		}
	}
	return out[:min(n, len(out))]
}

// minGroups is the fewest texts that intervals are computed from.
const minGroups = 8

// jackknife is the interval of a statistic of independent groups by leaving out
// each in turn (Tukey 1958): pseudo-values n v − (n−1) v₋ᵢ, whose mean has
// Student's t with n − 1 degrees of freedom. Neighbours are put together into so
// many folds, since each costs the statistic anew.
func jackknife[T any](all []T, folds int, statistic func([]T) []float64) (v, lo, hi []float64) {
	v = statistic(all)
	lo, hi = make([]float64, len(v)), make([]float64, len(v))
	n := min(len(all), folds)
	left := make([][]float64, n)
	for i := range n {
		a, b := i*len(all)/n, (i+1)*len(all)/n
		left[i] = statistic(slices.Concat(all[:a], all[b:]))
	}
	t := results.StudentT(float64(n - 1))
	for j := range v {
		var pseudo []float64
		for i := range n {
			pseudo = append(pseudo, float64(n)*v[j]-float64(n-1)*left[i][j])
		}
		half := math.NaN()
		if n >= minGroups {
			half = t * stat.StdDev(pseudo, nil) / math.Sqrt(float64(n))
		}
		lo[j], hi[j] = v[j]-half, v[j]+half
	}
	return v, lo, hi
}
