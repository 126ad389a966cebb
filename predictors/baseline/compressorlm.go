package baseline

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"horizon/predictors"
)

// Compressors as language models (Delétang et al. 2023, "Language modeling is
// compression", arXiv 2309.10668, section 2): after the context c,
//
//	q(a) ∝ 2^(−8 len(c·a) / T)
//
// with len the compressed length in bytes, of which len(c) cancels, and T a
// temperature. Their T is 1. Lengths are whole bytes, so that most symbols tie,
// and one byte more is a factor of 2⁻⁸ where the entropy coder meant a fraction
// of a bit. So T is larger, and the law is mixed with the symbols' frequencies
// u(a) = (n(a) + ½)/(n + A/2), which also keeps it positive:
//
//	p(a) = (1 − ε) q(a) + ε u(a)
//
// T and ε are tuned on a few validation symbols. c is the last W symbols at
// most, of the document; when there are so many the older half is dropped. The
// last symbols learned before c are what the format can take beforehand: a
// preset dictionary in gzip (RFC 1950, 32 KiB) and zstd; in xz, brotli and bzip2
// as far as these libraries go they must be compressed with each c. Symbols of
// an alphabet beyond 256 are written as two bytes.
//
// These are curiosities: each symbol costs A compressions of c, or of the K
// symbols most frequent so far and one of the others, which then stand for them
// all. None of the libraries can go on from a copy of its state. On 65 symbols,
// with the defaults, a symbol takes some 10 ms with gzip and more with the
// others (BENCHMARKS.md). The lengths after the last few hundred contexts are
// remembered, since forecasts ask for the same ones over and over. What everyday
// compressors make of a whole text is the coders' business (compressors.go):
// that, and not this, is what leaderboards show.
//
// gzip-lm with ideal = true is another thing: lz77ideal.go.

// A CompressorLMConfig configures the kinds "gzip-lm", "xz-lm", "zstd-lm",
// "brotli-lm" and "bzip2-lm".
type CompressorLMConfig struct {
	// Window is W, the most symbols of context to compress, ≥ 2.
	Window int `toml:"window"`
	// Prefix is how many learned symbols before the context are known to the
	// compressor beforehand.
	Prefix int `toml:"prefix"`
	// Temperature is T > 0; 0 tunes it on the validation part, and is 8 where
	// there is none.
	Temperature float64 `toml:"temperature"`
	// Unigram is ε, above 0 and below 1; 0 tunes it on the validation part, and
	// is ½ where there is none.
	Unigram float64 `toml:"unigram"`
	// Candidates is K; 0 tries all symbols.
	Candidates int `toml:"candidates"`
	// Level is the compressor's: 2 to 9 for gzip, 1 to 4 for zstd (its
	// library's), 0 to 11 for brotli, 1 to 9 for bzip2; xz has none and wants 0.
	Level int `toml:"level"`
	// Ideal, of gzip alone, prices a parse in fractions of a bit instead; Prefix
	// is then the largest distance, and the others have no meaning.
	Ideal bool `toml:"ideal"`

	kind string
}

// A compressorFormat is what a kind of compressor can do here.
type compressorFormat struct {
	lowest, highest int                                                     // levels
	most            int                                                     // bytes of prefix
	open            func(level int, prefix []byte, most int) (sizer, error) // most bytes come after
}

var compressorFormats = map[string]compressorFormat{
	"gzip-lm":   {2, 9, 32 << 10, openDeflate},
	"zstd-lm":   {1, 4, 1 << 20, openZstd},
	"xz-lm":     {0, 0, 1 << 20, openLZMA},
	"brotli-lm": {0, 11, 1 << 20, openBrotli},
	"bzip2-lm":  {1, 9, 800_000, openBzip2},
}

// DefaultGzipLM has the longest dictionary that deflate takes.
func DefaultGzipLM() predictors.Config {
	return &CompressorLMConfig{kind: "gzip-lm", Window: 512, Prefix: 32 << 10, Level: 9}
}

// DefaultZstdLM has a dictionary of 256 KiB.
func DefaultZstdLM() predictors.Config {
	return &CompressorLMConfig{kind: "zstd-lm", Window: 512, Prefix: 256 << 10, Level: 2}
}

// DefaultXzLM compresses 4,096 symbols before each context.
func DefaultXzLM() predictors.Config {
	return &CompressorLMConfig{kind: "xz-lm", Window: 512, Prefix: 4096}
}

// DefaultBrotliLM compresses 4,096 symbols before each context.
func DefaultBrotliLM() predictors.Config {
	return &CompressorLMConfig{kind: "brotli-lm", Window: 512, Prefix: 4096, Level: 5}
}

// DefaultBzip2LM compresses 4,096 symbols before each context.
func DefaultBzip2LM() predictors.Config {
	return &CompressorLMConfig{kind: "bzip2-lm", Window: 512, Prefix: 4096, Level: 9}
}

// TinyGzipLM tries one symbol, and another for the rest.
func TinyGzipLM() predictors.Config { return tinyLM("gzip-lm", 0, 6) }

// TinyZstdLM tries one symbol, and another for the rest.
func TinyZstdLM() predictors.Config { return tinyLM("zstd-lm", 0, 1) }

// TinyXzLM tries one symbol, and another for the rest.
func TinyXzLM() predictors.Config { return tinyLM("xz-lm", 0, 0) }

// TinyBrotliLM tries one symbol, and another for the rest.
func TinyBrotliLM() predictors.Config { return tinyLM("brotli-lm", 4, 0) }

// TinyBzip2LM tries one symbol, and another for the rest.
func TinyBzip2LM() predictors.Config { return tinyLM("bzip2-lm", 4, 9) }

func tinyLM(kind string, prefix, level int) predictors.Config {
	return &CompressorLMConfig{kind: kind, Window: 2, Prefix: prefix, Temperature: 8, Unigram: 0.5, Candidates: 1, Level: level}
}

// New returns a predictor that has learned nothing.
func (c *CompressorLMConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet(c.kind, env.Alphabet); err != nil {
		return nil, err
	}
	if c.Ideal {
		return c.newIdeal(env.Alphabet)
	}
	f := compressorFormats[c.kind]
	m := &lmModel{CompressorLMConfig: *c, format: f, width: 1, a: env.Alphabet, n: make([]uint64, env.Alphabet)}
	if m.a > 256 {
		m.width = 2
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.tuneT, m.tuneE = c.Temperature == 0, c.Unigram == 0
	if m.Temperature == 0 {
		m.Temperature = 8
	}
	if m.Unigram == 0 {
		m.Unigram = 0.5
	}
	return &compressorLM{lmModel: m, learner: true}, nil
}

func (m *lmModel) check() error {
	err := within(m.kind, "window", m.Window, 2, 1<<20)
	if err == nil {
		err = within(m.kind, "prefix", m.Prefix, 0, m.format.most/m.width)
	}
	if err == nil {
		err = within(m.kind, "candidates", m.Candidates, 0, 1<<16)
	}
	if err == nil {
		err = within(m.kind, "level", m.Level, m.format.lowest, m.format.highest)
	}
	switch {
	case err != nil:
		return err
	case !(m.Temperature >= 0) || math.IsInf(m.Temperature, 1):
		return fmt.Errorf("%s: temperature = %v, want > 0, or 0 to tune it on the validation part", m.kind, m.Temperature)
	case !(m.Unigram >= 0 && m.Unigram < 1):
		return fmt.Errorf("%s: unigram = %v, want > 0 and < 1, or 0 to tune it on the validation part", m.kind, m.Unigram)
	}
	_, err = m.format.open(m.Level, make([]byte, 64), m.Window)
	return err
}

// lmModel is the parameters.
type lmModel struct {
	CompressorLMConfig
	format  compressorFormat
	a       int
	width   int // bytes a symbol
	tuneT   bool
	tuneE   bool
	learned uint64
	n       []uint64
	tail    []byte // the last Prefix + Window symbols learned, at least

	mu    sync.Mutex
	now   *lmBasis // the last one made
	since uint64   // now is of all of the first so many symbols learned; 0: it is not
	bare  lmSizers // without a prefix
}

// compressorLM is a place in it.
type compressorLM struct {
	*lmModel
	c     []byte   // context
	fresh int      // bytes of c that were learned, and end the tail
	basis *lmBasis // what is known before c; nil: not made yet

	learner bool
	text    []byte  // scratch: c and a symbol
	lengths []int32 // scratch
}

func (p *compressorLM) Alphabet() int { return p.a }

func (p *compressorLM) Reset() { p.c, p.fresh, p.basis = p.c[:0], 0, nil }

func (p *compressorLM) Fork() predictors.Predictor {
	p.found()
	return &compressorLM{lmModel: p.lmModel, c: slices.Clone(p.c), fresh: p.fresh, basis: p.basis}
}

// spell appends the bytes of x.
func (m *lmModel) spell(b []byte, x predictors.Symbol) []byte {
	if m.width == 1 {
		return append(b, byte(x))
	}
	return binary.BigEndian.AppendUint16(b, uint16(x))
}

func (p *compressorLM) Observe(x predictors.Symbol) {
	p.c = p.spell(p.c, x)
	if len(p.c) < p.Window*p.width {
		return
	}
	dropped := (p.Window - p.Window/2) * p.width
	p.c = p.c[:copy(p.c, p.c[dropped:])]
	if p.fresh > 0 {
		p.fresh, p.basis = max(0, p.fresh-dropped), nil
	}
}

func (p *compressorLM) Learn(x predictors.Symbol) {
	if !p.learner {
		panic(p.kind + ": a fork does not learn")
	}
	p.learned++
	p.n[x]++
	p.tail = p.spell(p.tail, x)
	if most := (p.Prefix + p.Window) * p.width; len(p.tail) >= 2*most {
		p.tail = p.tail[:copy(p.tail, p.tail[len(p.tail)-most:])]
	}
	p.fresh += p.width
	p.Observe(x)
}

// An lmBasis is what is known before a context: the prefix and the symbols to
// try, the last of which stands for all others; compressors that know it, and
// lengths they have found.
type lmBasis struct {
	prefix []byte
	tried  []predictors.Symbol
	rest   bool // the last of them stands for others too

	sizers *lmSizers
	mu     sync.Mutex
	memo   lmMemo
}

// lmSizers are compressors that know one prefix and have nothing to do.
type lmSizers struct {
	mu   sync.Mutex
	idle []sizer
}

// get takes one, or returns nil.
func (s *lmSizers) get() sizer {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	z := s.idle[n-1]
	s.idle = s.idle[:n-1]
	return z
}

func (s *lmSizers) put(z sizer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, z)
}

// An lmMemo remembers lengths by context, in the slot of its hash.
type lmMemo struct {
	slots    int
	used     []int32 // bytes of the slot's context, plus one; 0: empty
	contexts []byte  // most in each slot
	lengths  []int32 // tried in each slot
	most     int
	tried    int
}

func newLMMemo(most, tried int) lmMemo {
	slots := max(1, min(256, 1<<20/tried))
	return lmMemo{slots, make([]int32, slots), make([]byte, slots*most), make([]int32, slots*tried), most, tried}
}

// at returns the slot of a context, and whether it is the one there.
func (m *lmMemo) at(c []byte) (slot int, ok bool) {
	h := uint32(2166136261) // FNV-1a
	for _, v := range c {
		h = (h ^ uint32(v)) * 16777619
	}
	slot = int(h % uint32(m.slots))
	n := int(m.used[slot]) - 1
	return slot, n >= 0 && slices.Equal(m.contexts[slot*m.most:slot*m.most+n], c)
}

func (m *lmMemo) of(slot int) []int32 { return m.lengths[slot*m.tried : (slot+1)*m.tried] }

func (m *lmMemo) put(slot int, c []byte, lengths []int32) {
	m.used[slot] = int32(copy(m.contexts[slot*m.most:], c)) + 1
	copy(m.of(slot), lengths)
}

// found makes the basis, if there is none.
func (p *compressorLM) found() {
	if p.basis != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fresh == 0 && p.now != nil && p.since == p.learned {
		p.basis = p.now
		return
	}
	b := p.newBasis(p.c[len(p.c)-p.fresh:])
	if p.now == nil || !slices.Equal(b.prefix, p.now.prefix) || !slices.Equal(b.tried, p.now.tried) {
		b.open(p.lmModel)
		p.now = b
	}
	p.basis, p.since = p.now, p.learned
	if p.fresh > 0 {
		p.since = 0 // now is not of all that was learned
	}
}

// newBasis is that of all that was learned but its end.
func (m *lmModel) newBasis(end []byte) *lmBasis {
	b := &lmBasis{}
	before := m.tail[:len(m.tail)-len(end)]
	b.prefix = slices.Clone(before[max(0, len(before)-m.Prefix*m.width):])
	n := slices.Clone(m.n)
	for i := 0; i < len(end); i += m.width {
		n[m.read(end[i:])]--
	}
	b.tried = make([]predictors.Symbol, m.a)
	for x := range b.tried {
		b.tried[x] = predictors.Symbol(x)
	}
	if m.Candidates > 0 && m.Candidates < m.a-1 {
		slices.SortStableFunc(b.tried, func(x, y predictors.Symbol) int { return int(n[y]) - int(n[x]) })
		b.tried, b.rest = b.tried[:m.Candidates+1], true
	}
	return b
}

// open gets it ready for use.
func (b *lmBasis) open(m *lmModel) {
	b.memo = newLMMemo(m.Window*m.width, len(b.tried))
	if b.sizers = &m.bare; len(b.prefix) > 0 {
		b.sizers = new(lmSizers)
	}
}

// read is the symbol that b begins with.
func (m *lmModel) read(b []byte) predictors.Symbol {
	if m.width == 1 {
		return predictors.Symbol(b[0])
	}
	return predictors.Symbol(binary.BigEndian.Uint16(b))
}

// measure fills lengths with the bytes that c and each tried symbol take.
func (p *compressorLM) measure() []int32 {
	p.found()
	b := p.basis
	b.mu.Lock()
	slot, ok := b.memo.at(p.c)
	if ok {
		p.lengths = append(p.lengths[:0], b.memo.of(slot)...)
	}
	b.mu.Unlock() // others may compress meanwhile
	if ok {
		return p.lengths
	}
	z := b.sizers.get()
	if z == nil {
		var err error
		if z, err = p.format.open(p.Level, b.prefix, p.Window*p.width); err != nil {
			panic(fmt.Sprintf("%s: %v", p.kind, err)) // New has tried these parameters
		}
	}
	p.lengths = p.lengths[:0]
	for _, x := range b.tried {
		p.text = p.spell(append(p.text[:0], p.c...), x)
		p.lengths = append(p.lengths, int32(z.size(p.text)))
	}
	b.sizers.put(z)
	b.mu.Lock()
	b.memo.put(slot, p.c, p.lengths)
	b.mu.Unlock()
	return p.lengths
}

// Predict mixes q and u.
func (p *compressorLM) Predict(probs []float64) { p.law(probs, p.measure(), p.Temperature, p.Unigram) }

func (p *compressorLM) law(probs []float64, lengths []int32, temperature, unigram float64) {
	least := slices.Min(lengths)
	weigh := func(l int32) float64 { return math.Exp2(-8 * float64(l-least) / temperature) }
	rest := 0.0 // of a symbol not tried
	if p.basis.rest {
		rest = weigh(lengths[len(lengths)-1])
	}
	for x := range probs {
		probs[x] = rest
	}
	for i, x := range p.basis.tried {
		probs[x] = weigh(lengths[i])
	}
	sum := 0.0
	for _, w := range probs {
		sum += w
	}
	total := float64(p.learned) + float64(p.a)/2
	for x := range probs {
		probs[x] = (1-unigram)*probs[x]/sum + unigram*(float64(p.n[x])+0.5)/total
	}
}

// lmTuned is how many validation symbols T and ε are tuned on, and a point of
// the learning curve is measured on: each costs as much as to predict it, which
// is why there is one point only and Fit learns, rather than Train.
const lmTuned = 200

// Fit learns the training part and tunes.
func (p *compressorLM) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	total, n := int64(d.Symbols()), int64(0)
	for _, doc := range d.Train {
		p.Reset()
		for _, x := range doc {
			if n%(1<<16) == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				report(predictors.Progress{Stage: "train", Done: n, Total: total})
			}
			p.Learn(x)
			n++
		}
	}
	p.Reset()
	if len(d.Valid) == 0 || len(d.Valid[0]) == 0 {
		return ctx.Err()
	}
	bits, err := p.choose(ctx, d.Valid[0][:min(len(d.Valid[0]), lmTuned)], report)
	if err == nil {
		report(predictors.Progress{Stage: "train", Metric: "valid_bits", Symbols: n, Value: bits, Done: n, Total: total})
	}
	return err
}

// choose sets T and ε, unless given, to those of a grid with the least loss on
// doc, and returns that in bits per symbol.
func (p *compressorLM) choose(ctx context.Context, doc []predictors.Symbol, report func(predictors.Progress)) (bits float64, err error) {
	f := p.Fork().(*compressorLM)
	lengths := make([][]int32, len(doc))
	for i, x := range doc {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		report(predictors.Progress{Stage: "tune", Done: int64(i), Total: int64(len(doc))})
		lengths[i] = slices.Clone(f.measure())
		f.Observe(x)
	}
	probs := make([]float64, p.a)
	best, least := [2]float64{p.Temperature, p.Unigram}, math.Inf(1)
	temperatures, unigrams := []float64{p.Temperature}, []float64{p.Unigram}
	if p.tuneT {
		temperatures = []float64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32}
	}
	if p.tuneE {
		unigrams = []float64{0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98}
	}
	for _, t := range temperatures {
		for _, u := range unigrams {
			loss := 0.0
			for i, x := range doc {
				f.law(probs, lengths[i], t, u)
				loss -= math.Log2(probs[x])
			}
			if loss < least {
				best, least = [2]float64{t, u}, loss
			}
		}
	}
	p.Temperature, p.Unigram = best[0], best[1]
	return least / float64(len(doc)), nil
}

// Describe reports T and ε.
func (m *lmModel) Describe() map[string]float64 {
	return map[string]float64{"temperature": m.Temperature, "unigram": m.Unigram}
}

// Bytes counts the tail and the frequencies.
func (m *lmModel) Bytes() int64 { return int64(cap(m.tail)) + int64(cap(m.n))*8 }

// WriteTo writes them, T and ε.
func (m *lmModel) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them.
func (m *lmModel) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *lmModel) fields(a *predictors.Archive) {
	temperature, unigram, tail, n := m.Temperature, m.Unigram, m.tail, m.n
	predictors.Value(a, &temperature)
	predictors.Value(a, &unigram)
	predictors.Slice(a, &tail)
	predictors.Slice(a, &n)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if !(temperature > 0) || !(unigram > 0 && unigram < 1) || len(n) != m.a || len(tail)%m.width != 0 {
		a.Fail(fmt.Errorf("%s: saved are temperature = %v, unigram = %v, %d frequencies and %d bytes of text", m.kind, temperature, unigram, len(n), len(tail)))
		return
	}
	m.learned = 0
	for _, c := range n {
		m.learned += c
	}
	m.Temperature, m.Unigram, m.tail, m.n, m.now, m.since = temperature, unigram, tail, n, nil, 0
}
