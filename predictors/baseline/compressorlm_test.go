package baseline

import (
	"compress/flate"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

type symbols = []predictors.Symbol

// wordy is text with repeats over a symbols.
func wordy(rng *rand.Rand, a, n int) symbols {
	xs := make(symbols, 0, n)
	for len(xs) < n {
		if m := len(xs); m > 8 && rng.IntN(3) > 0 {
			from := rng.IntN(m - 6)
			xs = append(xs, xs[from:from+3+rng.IntN(4)]...)
		} else {
			xs = append(xs, predictors.Symbol(rng.IntN(a)*rng.IntN(a)/a))
		}
	}
	return xs[:n]
}

// compressed are the lengths from the libraries, each text by a new encoder.
var compressed = map[string]func(level int, prefix, text []byte) int{
	"gzip-lm": func(level int, prefix, text []byte) int {
		return written(text, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriterDict(w, level, prefix) })
	},
	"zstd-lm": func(level int, prefix, text []byte) int {
		options := []zstd.EOption{zstd.WithEncoderLevel(zstd.EncoderLevel(level)), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1 << 20)}
		if len(prefix) >= 8 {
			options = append(options, zstd.WithEncoderDictRaw(1, prefix))
		}
		e, err := zstd.NewWriter(nil, options...)
		if err != nil {
			panic(err)
		}
		return len(e.EncodeAll(text, nil))
	},
	"xz-lm": func(_ int, prefix, text []byte) int {
		return written(append(slices.Clone(prefix), text...), func(w io.Writer) (io.WriteCloser, error) {
			return lzma.WriterConfig{DictCap: 1 << 16}.NewWriter(w)
		})
	},
	"brotli-lm": func(level int, prefix, text []byte) int {
		return written(append(slices.Clone(prefix), text...), func(w io.Writer) (io.WriteCloser, error) {
			return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: level, LGWin: 10}), nil
		})
	},
	"bzip2-lm": func(level int, prefix, text []byte) int {
		return written(append(slices.Clone(prefix), text...), func(w io.Writer) (io.WriteCloser, error) { return newBzip2Writer(w, level), nil })
	},
}

func written(text []byte, open func(io.Writer) (io.WriteCloser, error)) int {
	var n counter
	w, err := open(&n)
	if err != nil {
		panic(err)
	}
	writeAll(w, text)
	return int(n)
}

// slowLM is the definition: all that was learned and where the context begins.
type slowLM struct {
	m       CompressorLMConfig
	a       int
	learned symbols
	c       symbols
	fresh   int // of c, learned
}

func (s *slowLM) bytes(xs symbols) []byte {
	var b []byte
	for _, x := range xs {
		if s.a > 256 {
			b = append(b, byte(x>>8))
		}
		b = append(b, byte(x))
	}
	return b
}

func (s *slowLM) step(x predictors.Symbol, learns bool) {
	s.c = append(s.c, x)
	if learns {
		s.learned = append(s.learned, x)
		s.fresh++
	}
	if len(s.c) == s.m.Window {
		dropped := s.m.Window - s.m.Window/2
		s.c = s.c[dropped:]
		s.fresh = max(0, s.fresh-dropped)
	}
}

func (s *slowLM) predict() []float64 {
	before := s.learned[:len(s.learned)-s.fresh]
	prefix := s.bytes(before[max(0, len(before)-s.m.Prefix):])
	count := func(xs symbols) []float64 {
		n := make([]float64, s.a)
		for _, x := range xs {
			n[x]++
		}
		return n
	}
	q, sum := make([]float64, s.a), 0.0
	length := func(x int) float64 {
		text := s.bytes(append(slices.Clone(s.c), predictors.Symbol(x)))
		return math.Exp2(-8 * float64(compressed[s.m.kind](s.m.Level, prefix, text)) / s.m.Temperature)
	}
	order := make([]int, s.a)
	for x := range order {
		order[x] = x
	}
	if k := s.m.Candidates; k > 0 && k < s.a-1 {
		n := count(before)
		slices.SortStableFunc(order, func(x, y int) int { return int(n[y] - n[x]) })
		rest := length(order[k])
		for _, x := range order {
			q[x] = rest
		}
		for _, x := range order[:k] {
			q[x] = length(x)
		}
	} else {
		for x := range q {
			q[x] = length(x)
		}
	}
	for _, v := range q {
		sum += v
	}
	n := count(s.learned)
	for x := range q {
		u := (n[x] + 0.5) / (float64(len(s.learned)) + 0.5*float64(s.a))
		q[x] = (1-s.m.Unigram)*q[x]/sum + s.m.Unigram*u
	}
	return q
}

func TestCompressorLMAgainstDefinition(t *testing.T) {
	for _, c := range []struct {
		CompressorLMConfig
		a int
	}{
		{CompressorLMConfig{kind: "gzip-lm", Window: 12, Prefix: 40, Temperature: 3, Unigram: 0.1, Level: 9}, 6},
		{CompressorLMConfig{kind: "gzip-lm", Window: 7, Prefix: 30, Temperature: 3, Unigram: 0.1, Level: 6, Candidates: 2}, 300},
		{CompressorLMConfig{kind: "gzip-lm", Window: 5, Temperature: 3, Unigram: 0.1, Level: 6}, 2},
		{CompressorLMConfig{kind: "zstd-lm", Window: 12, Prefix: 40, Temperature: 5, Unigram: 0.3, Level: 2}, 4},
		{CompressorLMConfig{kind: "zstd-lm", Window: 9, Prefix: 0, Temperature: 5, Unigram: 0.3, Level: 1, Candidates: 1}, 4},
		{CompressorLMConfig{kind: "xz-lm", Window: 9, Prefix: 20, Temperature: 5, Unigram: 0.3, Candidates: 2}, 5},
		{CompressorLMConfig{kind: "brotli-lm", Window: 9, Prefix: 20, Temperature: 5, Unigram: 0.3, Level: 3, Candidates: 2}, 5},
		{CompressorLMConfig{kind: "bzip2-lm", Window: 9, Prefix: 20, Temperature: 5, Unigram: 0.3, Level: 9, Candidates: 2}, 5},
	} {
		t.Run(fmt.Sprintf("%s/%d", c.kind, c.a), func(t *testing.T) {
			made, err := c.New(predictors.Env{Alphabet: c.a})
			if err != nil {
				t.Fatal(err)
			}
			p := made.(*compressorLM)
			s := &slowLM{m: c.CompressorLMConfig, a: c.a}
			rng := rand.New(rand.NewPCG(uint64(c.a), 1))
			q := make([]float64, c.a)
			for walk := range 5 {
				p.Reset()
				s.c, s.fresh = nil, 0
				learns := walk != 2 && walk != 4
				for i, x := range wordy(rng, c.a, 22) {
					if walk == 3 && i == 8 {
						learns = false // the document goes on, unlearned
					}
					if (i+walk)%4 == 0 {
						p.Predict(q)
						for y, want := range s.predict() {
							if math.Abs(q[y]-want) > 1e-12 {
								t.Fatalf("walk %d, after %d symbols: P(%d) = %v, want %v", walk, i, y, q[y], want)
							}
						}
					}
					if s.step(x, learns); learns {
						p.Learn(x)
					} else {
						p.Observe(x)
					}
				}
			}
		})
	}
}

// slowIdeal parses from the definition, looking for copies everywhere.
type slowIdeal struct {
	a, reach int
	docs     []symbols
	literals map[int]float64 // of literals, and of a + the class of a length
	classes  map[int]float64 // of distances
	phrase   symbols
	copied   bool // it occurs, within reach
	plain    float64
	cost     float64
	distance int
	start    int // where it begins in the text, or the text's end
	copies   int
}

func (s *slowIdeal) symbols() (n int) {
	for _, d := range s.docs {
		n += len(d)
	}
	return n
}

// find is how far before end, in learned symbols, c ended last within a
// document; 0 for never, or beyond reach.
func (s *slowIdeal) find(c symbols, end int) (distance int) {
	at := 0
	for _, d := range s.docs {
		for i := len(c); i <= len(d); i++ {
			if slices.Equal(d[i-len(c):i], c) {
				distance = end - (at + i)
			}
		}
		at += len(d)
	}
	if distance > s.reach {
		return 0
	}
	return distance
}

func sumOf(n map[int]float64) (sum float64) {
	for _, v := range n {
		sum += v
	}
	return sum
}

func (s *slowIdeal) p(x int) float64 {
	return (s.literals[x] + 0.5) / (sumOf(s.literals) + 0.5*float64(s.a+lengthClass(longestCopy)+1))
}

// logSize is log₂ of how many of lo to hi are in v's class.
func logSize(v, lo, hi int, class func(int) int) float64 {
	n := 0
	for i := lo; i <= hi; i++ {
		if class(i) == class(v) {
			n++
		}
	}
	return math.Log2(float64(n))
}

// with is the phrase's prices with x after it; ok: it is still a copy.
func (s *slowIdeal) with(x predictors.Symbol) (plain, cost float64, distance int, ok bool) {
	longer := append(slices.Clone(s.phrase), x)
	plain = s.plain - math.Log2(s.p(int(x)))
	distance = s.find(longer, s.start+len(longer))
	if !s.copied || distance == 0 || len(longer) > longestCopy {
		return 0, 0, 0, false
	}
	if cost = plain; len(longer) >= leastCopy {
		d := (s.classes[distanceClass(distance)] + 0.5) / (sumOf(s.classes) + 0.5*float64(distanceClass(math.MaxInt32)+1))
		cost = min(cost, logSize(len(longer), leastCopy, longestCopy, lengthClass)+logSize(distance, 1, 4096, distanceClass)-
			math.Log2(s.p(s.a+lengthClass(len(longer)))*d))
	}
	return plain, cost, distance, true
}

func (s *slowIdeal) predict() []float64 {
	q, sum := make([]float64, s.a), 0.0
	for x := range q {
		q[x] = s.p(x)
		if _, cost, _, ok := s.with(predictors.Symbol(x)); ok {
			q[x] = math.Exp2(s.cost - cost)
		}
		sum += q[x]
	}
	for x := range q {
		q[x] /= sum
	}
	return q
}

func (s *slowIdeal) step(x predictors.Symbol, learns, begins bool) {
	if learns && begins {
		s.docs = append(s.docs, nil)
		s.phrase, s.copied, s.start = nil, false, s.symbols()
	}
	if plain, cost, distance, ok := s.with(x); ok {
		s.phrase, s.plain, s.cost, s.distance = append(s.phrase, x), plain, cost, distance
	} else {
		price, distance := -math.Log2(s.p(int(x))), s.find(symbols{x}, s.symbols()+1)
		if learns {
			s.settle()
		}
		s.phrase, s.plain, s.cost, s.distance, s.copied, s.start = symbols{x}, price, price, distance, distance > 0, s.symbols()
	}
	if learns {
		last := &s.docs[len(s.docs)-1]
		*last = append(*last, x)
	}
}

func (s *slowIdeal) settle() {
	if len(s.phrase) > 0 && s.cost < s.plain {
		s.literals[s.a+lengthClass(len(s.phrase))]++
		s.classes[distanceClass(s.distance)]++
		s.copies++
		return
	}
	for _, x := range s.phrase {
		s.literals[int(x)]++
	}
}

func TestIdealAgainstDefinition(t *testing.T) {
	for _, a := range []int{1, 2, 5, 40} {
		for _, prefix := range []int{0, 25} {
			made, err := (&CompressorLMConfig{kind: "gzip-lm", Ideal: true, Prefix: prefix}).New(predictors.Env{Alphabet: a})
			if err != nil {
				t.Fatal(err)
			}
			p := made.(*ideal)
			s := &slowIdeal{a: a, reach: p.reach, literals: map[int]float64{}, classes: map[int]float64{}}
			rng := rand.New(rand.NewPCG(uint64(a), 3))
			q := make([]float64, a)
			for walk := range 6 {
				p.Reset()
				s.phrase, s.copied, s.cost, s.plain = nil, false, 0, 0
				learns, begins := walk != 3 && walk != 5, true
				for i, x := range wordy(rng, a, 90) {
					if walk == 4 && i == 30 {
						learns = false
					}
					p.Predict(q)
					for y, want := range s.predict() {
						if math.Abs(q[y]-want) > 1e-12 || math.Abs(p.Prob(predictors.Symbol(y))-want) > 1e-12 {
							t.Fatalf("A = %d, prefix %d, walk %d, after %d symbols: P(%d) = %v and %v, want %v", a, prefix, walk, i, y, q[y], p.Prob(predictors.Symbol(y)), want)
						}
					}
					if s.step(x, learns, begins); learns {
						p.Learn(x)
						begins = false
					} else {
						p.Observe(x)
					}
				}
			}
			if a >= 5 && s.copies < 5 {
				t.Errorf("A = %d, prefix %d: only %d copies", a, prefix, s.copies)
			}
		}
	}
}

// On a text that it learns as it goes the ideal parse takes up to a fifth more
// than gzip (see lz77ideal.go why), and not less.
func TestIdealIsNearGzip(t *testing.T) {
	text := opticks(t)[:200_000]
	xs := make(symbols, len(text))
	for i, b := range text {
		xs[i] = predictors.Symbol(b)
	}
	made, err := (&CompressorLMConfig{kind: "gzip-lm", Ideal: true, Prefix: 32 << 10}).New(predictors.Env{Alphabet: 256})
	if err != nil {
		t.Fatal(err)
	}
	losses := make([]float64, len(xs))
	if err := predictors.ScoreLearning(made, losses, nil, xs); err != nil {
		t.Fatal(err)
	}
	bits := 0.0
	for _, b := range losses {
		bits += b
	}
	gzip := 8 * float64(sizeOf(t, DefaultGzip(), text))
	t.Logf("%.4f bits a byte, gzip -9 %.4f; %v", bits/float64(len(xs)), gzip/float64(len(xs)), predictors.Describe(made))
	if bits > 1.2*gzip || bits < gzip {
		t.Errorf("%.0f bits, gzip %.0f: want up to 20%% more", bits, gzip)
	}
}

func TestCompressorLMConfigErrors(t *testing.T) {
	for want, c := range map[string]*CompressorLMConfig{
		"gzip-lm: window = 1, want 2 to 1048576":             {kind: "gzip-lm", Window: 1, Level: 9},
		"gzip-lm: level = 1, want 2 to 9":                    {kind: "gzip-lm", Window: 9, Level: 1},
		"gzip-lm: prefix = 40000, want 0 to 32768":           {kind: "gzip-lm", Window: 9, Level: 9, Prefix: 40000},
		"xz-lm: level = 9, want 0 to 0":                      {kind: "xz-lm", Window: 9, Level: 9},
		"zstd-lm: unigram = 1, want > 0 and < 1":             {kind: "zstd-lm", Window: 9, Level: 2, Unigram: 1},
		"bzip2-lm: temperature = -1, want > 0":               {kind: "bzip2-lm", Window: 9, Level: 2, Temperature: -1},
		"brotli-lm: ideal = true, which gzip-lm alone knows": {kind: "brotli-lm", Ideal: true},
		"gzip-lm: candidates = -1, want 0 to 65536":          {kind: "gzip-lm", Window: 9, Level: 9, Candidates: -1},
	} {
		if _, err := c.New(predictors.Env{Alphabet: 2}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s…", c, err, want)
		}
	}
}

// The figures of BENCHMARKS.md: tinyshakespeare, trained on the first 1,003,854
// symbols, tuned on the last tenth of these, frozen on the first 300 of the
// rest; the ideal parse on all of it.
func TestCompressorLMShakespeare(t *testing.T) {
	if os.Getenv("HORIZON_SLOW") == "" {
		t.Skip("it takes minutes: set HORIZON_SLOW=1 to run it")
	}
	xs, a := corporatest.Packed(t, "shakespeare/tinyshakespeare.txt")
	const cut, tuned, sample = 1003854, 903469, 300
	d := predictors.Data{Train: []symbols{xs[:tuned]}, Valid: []symbols{xs[tuned:cut]}, Refit: true}
	for _, c := range []struct {
		config predictors.Config
		n      int
	}{
		{&CompressorLMConfig{kind: "gzip-lm", Ideal: true, Prefix: 32 << 10}, len(xs) - cut},
		{&CompressorLMConfig{kind: "gzip-lm", Ideal: true}, len(xs) - cut},
		{&CompressorLMConfig{kind: "gzip-lm", Ideal: true}, sample},
		{DefaultGzipLM(), sample}, {DefaultZstdLM(), sample}, {DefaultXzLM(), sample}, {DefaultBrotliLM(), sample}, {DefaultBzip2LM(), sample},
	} {
		p, err := c.config.New(predictors.Env{Alphabet: a})
		if err != nil {
			t.Fatal(err)
		}
		if err := predictors.Train(context.Background(), p, d, nil); err != nil {
			t.Fatal(err)
		}
		losses, sum, start := make([]float64, c.n), 0.0, time.Now()
		predictors.Score(p, losses, nil, xs[cut:cut+c.n])
		took := time.Since(start) / time.Duration(c.n)
		for _, b := range losses {
			sum += b / float64(c.n)
		}
		t.Logf("%+v: %.4f bits on %d symbols (frequencies %.4f), %v a symbol; %v", c.config, sum, c.n, unigramLoss(xs[:cut], xs[cut:cut+c.n], a), took, predictors.Describe(p))
		if most := unigramLoss(xs[:cut], xs[cut:cut+c.n], a) + 0.1; sum > most {
			t.Errorf("%.4f bits, want at most %.4f: the frequencies' loss and a tenth", sum, most)
		}
	}
}

// unigramLoss is the loss of frequencies with ½ added.
func unigramLoss(train, test symbols, a int) (bits float64) {
	n := make([]float64, a)
	for _, x := range train {
		n[x]++
	}
	for _, x := range test {
		bits -= math.Log2((n[x]+0.5)/(float64(len(train))+float64(a)/2)) / float64(len(test))
	}
	return bits
}
