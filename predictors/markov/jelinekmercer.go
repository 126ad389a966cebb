package markov

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"horizon/predictors"
)

// Jelinek-Mercer smoothing (Jelinek & Mercer 1980; Chen & Goodman 1999,
// section 2.3): with h' the context without its oldest symbol,
//
//	p(x; h) = λ(h) a(hx)/a(h·) + (1 − λ(h)) p(x; h')
//	p(x; no symbol at all) = 1/A
//
// and p(x; h) = p(x; h') for a context never seen. λ(h) depends on the length
// of h and on a bucket, into which contexts fall by their average count
// a(h·)/T(h), T(h) being the number of different symbols that followed h
// (Chen 1996, section 2.4.1, "average-count"), or by a(h·) itself (Bahl,
// Jelinek & Mercer 1983). Buckets are a quarter of an octave wide and are
// joined, from the smallest on, until 256 symbols of the held-out text fall
// into each.
//
// The λ maximise the likelihood of the held-out text, which is the validation
// part, up to its first 2²⁰ symbols. It is a mixture that is left at one of
// its levels, so the estimate is Baum-Welch's: of the times the level is
// reached, the share at which it is kept. With
// p_k = λ_k a(h_k x)/a(h_k·) + (1−λ_k) p_{k−1},
//
//	P(kept at k | reached) = λ_k a(h_k x)/a(h_k·) / p_k
//
// One keeping and one passing-on are added to each bucket, which keeps 0 < λ
// < 1 and makes it the mode under a Beta(2, 2) prior. It ends when a round
// gains less than 10⁻⁷ nats a symbol, or after 200. Without validation text
// every λ is ½.
//
// Learn is O(n) a symbol, Prob O(n), Predict O(A + children of the n
// contexts); the estimate takes O(n) a held-out symbol and round.

// A JelinekMercerConfig configures the kind "jelinek-mercer".
type JelinekMercerConfig struct {
	// Order is the length of the longest n-gram, 1 to 64: the context is
	// Order − 1 symbols.
	Order int `toml:"order"`
	// Buckets says by what contexts share their λ: "average" count of what
	// followed, or total "count".
	Buckets string `toml:"buckets"`
}

// DefaultJelinekMercer is of order 10, buckets by average count: on
// tinyshakespeare longer is better still, by less than 0.002 bit.
func DefaultJelinekMercer() predictors.Config {
	return &JelinekMercerConfig{Order: 10, Buckets: "average"}
}

// TinyJelinekMercer is of order 3.
func TinyJelinekMercer() predictors.Config {
	return &JelinekMercerConfig{Order: 3, Buckets: "average"}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *JelinekMercerConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := checkOrder("jelinek-mercer", c.Order, env.Alphabet); err != nil {
		return nil, err
	}
	if c.Buckets != "average" && c.Buckets != "count" {
		return nil, fmt.Errorf("jelinek-mercer: buckets = %q, want \"average\" or \"count\"", c.Buckets)
	}
	m := &bucketed{ngrams: &ngrams{a: env.Alphabet, n: c.Order, raw: true}, average: c.Buckets == "average"}
	m.lambda = make([]float64, (c.Order+1)*bins)
	for i := range m.lambda {
		m.lambda[i] = 0.5
	}
	return &jelinekMercer{interpolated{newWalk(m.ngrams), m.weight}, m}, nil
}

type jelinekMercer struct {
	interpolated
	m *bucketed
}

// bucketed are the parameters.
type bucketed struct {
	*ngrams
	average bool
	lambda  []float64 // lambda[k·bins + bin], k the length of the n-gram
	rounds  int
}

// bins are quarters of octaves of a number from 1 to 2³².
const bins = 4*32 + 1

// bin reads exponent and two digits off the binary representation.
func (m *bucketed) bin(h *fan) int {
	v := float64(h.total)
	if m.average {
		v /= float64(h.kinds())
	}
	return int(math.Float64bits(v)>>50) - 1023<<2
}

// edge is the least number of a bin.
func edge(bin int) float64 { return math.Float64frombits(uint64(bin+1023<<2) << 50) }

func (m *bucketed) weight(k int, h *fan, _ uint32) float64 { return m.lambda[k*bins+m.bin(h)] }

func (p *jelinekMercer) Fork() predictors.Predictor {
	return &jelinekMercer{interpolated{p.fork(), p.lambda}, p.m}
}

// SetBudget leaves the n-grams the bytes that λ does not take.
func (p *jelinekMercer) SetBudget(b predictors.Budget) error {
	if b.ModelBytes > 0 {
		b.ModelBytes = max(1, b.ModelBytes-8*int64(cap(p.m.lambda)))
	}
	return p.ngrams.SetBudget(b)
}

// A level is one context of a held-out symbol.
type level struct {
	share float64 // a(hx)/a(h·)
	index int32   // of λ(h); a bucket stands under the index of its least bin
}

const (
	heldOut   = 1 << 20 // symbols λ is estimated on
	leastHeld = 256     // of them in a bucket
)

// Tune estimates λ.
func (p *jelinekMercer) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	m := p.m
	p.cut(p)
	levels, ends := p.held(d.Valid)
	if len(ends) == 0 {
		return ctx.Err()
	}
	bucket := m.buckets(levels)
	for i := range levels {
		levels[i].index = bucket[levels[i].index]
	}
	for i := range m.lambda {
		m.lambda[i] = 0.5
	}
	last := math.Inf(-1)
	for m.rounds = 1; m.rounds <= 200; m.rounds++ {
		if ctx.Err() != nil {
			break
		}
		likelihood := m.reestimate(levels, ends) / float64(len(ends))
		report(predictors.Progress{Stage: "tune", Done: int64(m.rounds)})
		if likelihood-last < 1e-7 {
			break
		}
		last = likelihood
	}
	for i, b := range bucket {
		m.lambda[i] = m.lambda[b]
	}
	return ctx.Err()
}

// held lists, for the first symbols of docs, the levels from the shortest
// context to the longest; ends are where each symbol's end.
func (p *jelinekMercer) held(docs [][]predictors.Symbol) (levels []level, ends []int) {
	f := p.Fork().(*jelinekMercer)
	for _, doc := range docs {
		f.Reset()
		for _, x := range doc {
			if len(ends) == heldOut {
				return levels, ends
			}
			levels = f.levels(levels, x)
			ends = append(ends, len(levels))
			f.Observe(x)
		}
	}
	return levels, ends
}

func (p *jelinekMercer) levels(out []level, x predictors.Symbol) []level {
	var row [maxOrder]level
	i, c := maxOrder, p.node
	g, longest := p.find(x)
	for k := p.length + 1; k >= 1; k-- {
		h, count := p.nodes.at(c), uint32(0)
		if k <= longest {
			s := p.gram(k, g)
			count, g = s.count, s.suffix
		}
		if h.total > 0 {
			i--
			row[i] = level{float64(count) / float64(h.total), int32(k*bins + p.m.bin(&h.fan))}
		}
		c = h.suffix
	}
	return append(out, row[i:]...)
}

// buckets joins bins until they hold enough, and says which bin each belongs
// to. What is left over at the top joins the last bucket.
func (m *bucketed) buckets(levels []level) []int32 {
	n := make([]int, len(m.lambda))
	for _, l := range levels {
		n[l.index]++
	}
	bucket := make([]int32, len(m.lambda))
	for k := range m.n + 1 {
		row, held := k*bins, n[k*bins:(k+1)*bins]
		last, start, sum := row, row, 0
		for i, c := range held {
			bucket[row+i] = int32(start)
			if sum += c; sum >= leastHeld {
				last, start, sum = start, row+i+1, 0
			}
		}
		for i := start; i < row+bins; i++ {
			bucket[i] = int32(last)
		}
	}
	return bucket
}

// reestimate is one round. It returns the log-likelihood under the λ it began
// with, in nats.
func (m *bucketed) reestimate(levels []level, ends []int) (likelihood float64) {
	kept, reached := make([]float64, len(m.lambda)), make([]float64, len(m.lambda))
	var p [maxOrder + 1]float64 // p[k+1] is that of level k, p[0] = 1/A
	p[0] = 1 / float64(m.a)
	from := 0
	for _, end := range ends {
		row := levels[from:end]
		from = end
		for k, l := range row {
			lambda := m.lambda[l.index]
			p[k+1] = float64(lambda*l.share) + float64((1-lambda)*p[k])
		}
		likelihood += math.Log(p[len(row)])
		here := 1.0
		for k := len(row) - 1; k >= 0 && here > 0; k-- {
			l := row[k]
			keep := here * m.lambda[l.index] * l.share / p[k+1]
			reached[l.index] += here
			kept[l.index] += keep
			here = max(0, here-keep)
		}
	}
	for i := range m.lambda {
		m.lambda[i] = (kept[i] + 1) / (reached[i] + 2)
	}
	return likelihood
}

// Describe gives λ of each bucket, lambda5_from2.5 being that of 5-grams
// after contexts from 2.5 on, and the rounds it took.
func (p *jelinekMercer) Describe() map[string]float64 {
	out := p.ngrams.Describe()
	out["rounds"] = float64(p.m.rounds)
	for k := 1; k <= p.n; k++ {
		row := p.m.lambda[k*bins : (k+1)*bins]
		for i, l := range row {
			if i == 0 || l != row[i-1] {
				out["lambda"+strconv.Itoa(k)+"_from"+strconv.FormatFloat(edge(i), 'g', -1, 64)] = l
			}
		}
	}
	return out
}

// Bytes counts n-grams and λ.
func (p *jelinekMercer) Bytes() int64 { return p.ngrams.Bytes() + 8*int64(cap(p.m.lambda)) }

// WriteTo writes n-grams and λ.
func (p *jelinekMercer) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, p.m.fields)
}

// ReadFrom replaces them.
func (p *jelinekMercer) ReadFrom(r io.Reader) (int64, error) {
	return predictors.ReadArchive(r, p.m.fields)
}

func (m *bucketed) fields(a *predictors.Archive) {
	m.ngrams.fields(a)
	lambda, rounds := m.lambda, int64(m.rounds)
	predictors.Slice(a, &lambda)
	predictors.Value(a, &rounds)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(lambda) != len(m.lambda) {
		a.Fail(fmt.Errorf("jelinek-mercer: %d saved weights, want %d", len(lambda), len(m.lambda)))
		return
	}
	for i, l := range lambda {
		if !(l > 0 && l < 1) {
			a.Fail(fmt.Errorf("jelinek-mercer: saved weight %d = %v, want > 0 and < 1", i, l))
			return
		}
	}
	m.lambda, m.rounds = lambda, int(rounds)
}
