// Package features smooths over all that was learned at a cost that does not
// grow with it: the kernel is an inner product of random features, and sums of
// those are kept in place of the contexts.
package features

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"horizon/predictors"
)

// With K(c, c') ≈ φ(c)·φ(c'), φ of D numbers, the Nadaraya-Watson estimate
// over all contexts learned needs only sums over them:
//
//	q(y; c) = (α q0(y) + φ(c)·S_y) / (α + φ(c)·z)
//	S_y = Σ_i φ(c_i) 1[x_{i+1} = y],  z = Σ_y S_y,  q0(y) = (n_y + ½)/(n + A/2)
//
// To learn a symbol is to add φ(c) to one row of S: the recurrence of linear
// attention (Katharopoulos et al. 2020, eqs. 18-20), with the whole corpus for
// its memory and one-hot next symbols for values.
//
// A context is v(c), its last m symbols one-hot, lag l's of squared length
// β ρ^{l−1}, so that exp(−‖v(c) − v(c')‖²/2) is the product kernel of
// Aitchison & Aitken 1976 with weight e^{−β_l} for a lag that differs. With
// rows ω of a normal random matrix, the features are
//
//	fourier   cos(ω·v), sin(ω·v), over √(D/2): unbiased for that kernel
//	          (Rahimi & Recht 2007; the form of Sutherland & Schneider 2015)
//	positive  exp(ω·v − ‖v‖²), over √D: unbiased for it, and never negative
//	          (Choromanski et al. 2020, Lemma 1)
//	elu       elu(ω·v) + 1 (Katharopoulos et al. 2020, eq. 7): no kernel that
//	          anyone asked for, but one
//
// An estimate from Fourier features may be negative where it should be small:
// then it is taken for 0, and z for the sum of what is left.
//
// Departures: lags before a document have v = 0 there; ω is drawn lag by lag,
// D numbers a symbol, so that ω·v is a sum of m rows. β, ρ and α are chosen on
// a sample (tune.go) if they are 0.
//
// Learn takes O(D m) time, Predict O(D (A + m)), Prob O(D m) but of "fourier",
// whatever was learned before; S takes 8 D A bytes.

type symbol = predictors.Symbol

// Config is the parameters of the kind random-features.
type Config struct {
	Features string  `toml:"features"` // "fourier", "positive" or "elu"
	Count    int     `toml:"count"`    // D, 2 to 65,536; even for "fourier"
	Lags     int     `toml:"lags"`     // m, 1 to 64
	Beta     float64 `toml:"beta"`     // β, 0 to 100; 0 chooses
	Rho      float64 `toml:"rho"`      // ρ, 0 to 1; 0 chooses
	Alpha    float64 `toml:"alpha"`    // α, 0 to 1e9; 0 chooses
	Sample   int     `toml:"sample"`   // training symbols that they are chosen on, 100 to 10 million
}

// Default is for text.
func Default() predictors.Config {
	return &Config{Features: "positive", Count: 1024, Lags: 6, Sample: 30_000}
}

// Tiny trains in milliseconds.
func Tiny() predictors.Config {
	return &Config{Features: "positive", Count: 32, Lags: 2, Sample: 200}
}

const maxNumbers = 1 << 28 // of S, 2 GiB

// New checks the parameters.
func (c *Config) New(env predictors.Env) (predictors.Predictor, error) {
	const kind = "random-features"
	if err := predictors.CheckAlphabet(kind, env.Alphabet); err != nil {
		return nil, err
	}
	if c.Features != "fourier" && c.Features != "positive" && c.Features != "elu" {
		return nil, fmt.Errorf("%s: features = %q, want \"fourier\", \"positive\" or \"elu\"", kind, c.Features)
	}
	for _, v := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"count", float64(c.Count), 2, 1 << 16}, {"lags", float64(c.Lags), 1, 64}, {"beta", c.Beta, 0, 100}, {"rho", c.Rho, 0, 1},
		{"alpha", c.Alpha, 0, 1e9}, {"sample", float64(c.Sample), 100, 1e7},
	} {
		if !(v.lo <= v.v && v.v <= v.hi) {
			return nil, fmt.Errorf("%s: %s = %v, want %v to %v", kind, v.name, v.v, v.lo, v.hi)
		}
	}
	switch {
	case c.Features == "fourier" && c.Count%2 == 1:
		return nil, fmt.Errorf("%s: count = %d, want an even number of Fourier features", kind, c.Count)
	case c.Count*max(env.Alphabet, c.Lags*env.Alphabet) > maxNumbers:
		return nil, fmt.Errorf("%s: count = %d, want at most %d, which is %d numbers over lags times the alphabet", kind, c.Count, maxNumbers/(c.Lags*env.Alphabet), maxNumbers)
	}
	m := newModel(*c, env)
	p := &Features{model: m, c: make([]symbol, 0, c.Lags+1)}
	return p, nil
}

// What an untuned predictor has.
const (
	startBeta  = 2
	startRho   = 0.6
	startAlpha = 1
)

// A model is what forks share.
type model struct {
	config Config
	env    predictors.Env
	omega  []float32 // [m,A,rows], rows = D or, of "fourier", D/2
	rows   int

	beta, rho, alpha float64
	counts           []float64 // [A] n_y
	sums             []float64 // [A,D] S
	total            []float64 // [D] z
	seen             float64   // n

	bits  float64 // of the sample, 0 if nothing was chosen
	ops   float64
	start time.Time
	left  predictors.Budget // of the training to come or under way
}

func newModel(c Config, env predictors.Env) *model {
	m := &model{config: c, env: env, rows: c.Count, beta: startBeta, rho: startRho, alpha: startAlpha}
	if c.Features == "fourier" {
		m.rows /= 2
	}
	for _, v := range []struct {
		to   *float64
		from float64
	}{{&m.beta, c.Beta}, {&m.rho, c.Rho}, {&m.alpha, c.Alpha}} {
		if v.from > 0 {
			*v.to = v.from
		}
	}
	rng := rand.New(rand.NewPCG(env.Seed, 0x7266))
	m.omega = make([]float32, c.Lags*env.Alphabet*m.rows)
	for i := range m.omega {
		m.omega[i] = float32(rng.NormFloat64())
	}
	m.forget()
	return m
}

// forget empties the memory.
func (m *model) forget() {
	m.counts, m.seen = make([]float64, m.env.Alphabet), 0
	m.sums, m.total = make([]float64, m.env.Alphabet*m.config.Count), make([]float64, m.config.Count)
}

// phi sets f [D] to φ(c), the last symbol of c first.
func (m *model) phi(f []float64, c []symbol) {
	w := f[:m.rows] // ω·v
	clear(w)
	length, beta := 0.0, m.beta
	for l, x := range c {
		root := math.Sqrt(beta)
		row := m.omega[(l*m.env.Alphabet+int(x))*m.rows:][:len(w)]
		for i, v := range row {
			w[i] += root * float64(v)
		}
		length += beta
		beta *= m.rho
	}
	scale := 1 / math.Sqrt(float64(m.rows))
	switch m.config.Features {
	case "fourier":
		for i, v := range w {
			sin, cos := math.Sincos(v)
			f[i], f[m.rows+i] = cos*scale, sin*scale
		}
	case "positive":
		for i, v := range w {
			f[i] = math.Exp(v-length) * scale
		}
	default:
		for i, v := range w {
			if v > 0 {
				f[i] = (v + 1) * scale
			} else {
				f[i] = math.Exp(v) * scale
			}
		}
	}
}

// add learns x with features f.
func (m *model) add(f []float64, x symbol) {
	n := len(f)
	own, total := m.sums[int(x)*n:][:n], m.total[:n]
	for i, v := range f {
		own[i] += v
		total[i] += v
	}
	m.counts[x]++
	m.seen++
}

// lower is q0(x).
func (m *model) lower(x int) float64 {
	return (m.counts[x] + 0.5) / (m.seen + float64(m.env.Alphabet)/2)
}

// mass is φ·S_x, at least 0.
func (m *model) mass(f []float64, x int) float64 {
	return max(0, dot(f, m.sums[x*len(f):][:len(f)]))
}

// dot sums in four lanes, which the processor adds at once.
func dot(x, y []float64) float64 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// floor is the least probability of a symbol, as the transformer has it: α may
// be small beside z, and a coder needs more than nothing.
const floor = 1e-9

// A Features is a place in a sequence.
type Features struct {
	*model
	c     []symbol // the last m symbols, the last first
	f     []float64
	fresh bool // f is φ(c)
}

// Alphabet is A.
func (p *Features) Alphabet() int { return p.env.Alphabet }

// Reset goes back to the empty context.
func (p *Features) Reset() { p.c, p.fresh = p.c[:0], false }

// Observe moves the context on.
func (p *Features) Observe(x symbol) {
	p.check(x)
	p.c = append(p.c, 0)
	copy(p.c[1:], p.c)
	p.c[0] = x
	p.c = p.c[:min(len(p.c), p.config.Lags)]
	p.fresh = false
}

func (p *Features) check(x symbol) {
	if int(x) >= p.env.Alphabet {
		panic(fmt.Sprintf("random-features: symbol = %d, want < %d", x, p.env.Alphabet))
	}
}

// Learn adds φ(c) to the row of x.
func (p *Features) Learn(x symbol) {
	p.check(x)
	p.add(p.here(), x)
	p.ops += p.perLearn()
	p.Observe(x)
}

// here is φ(c).
func (p *Features) here() []float64 {
	if p.f == nil {
		p.f = make([]float64, p.config.Count)
	}
	if !p.fresh {
		p.phi(p.f, p.c)
		p.fresh = true
	}
	return p.f
}

// Fork returns a predictor at the same place that shares the sums.
func (p *Features) Fork() predictors.Predictor {
	return &Features{model: p.model, c: append(make([]symbol, 0, p.config.Lags+1), p.c...)}
}

// State is the last m symbols.
func (p *Features) State(b []byte) []byte {
	for _, x := range p.c {
		b = binary.LittleEndian.AppendUint16(b, x)
	}
	return b
}

// Predict sets q to the estimate.
func (p *Features) Predict(q []float64) {
	f, total := p.here(), 0.0
	for y := range q {
		q[y] = p.mass(f, y)
		total += q[y]
	}
	r := (1 - floor*float64(len(q))) / (p.alpha + total)
	for y := range q {
		q[y] = floor + r*(p.alpha*p.lower(y)+q[y])
	}
}

// Prob is Predict for one symbol.
func (p *Features) Prob(x symbol) float64 {
	f, total := p.here(), 0.0
	if p.config.Features == "fourier" {
		for y := range p.counts {
			total += p.mass(f, y)
		}
	} else {
		total = dot(f, p.total)
	}
	a := float64(p.env.Alphabet)
	return floor + (1-floor*a)*(p.alpha*p.lower(int(x))+p.mass(f, int(x)))/(p.alpha+total)
}

// Evidence: the sums do not say which positions they are of, only how much of
// the prediction is none's.
func (p *Features) Evidence() predictors.Evidence {
	f, total := p.here(), 0.0
	for y := range p.counts {
		total += p.mass(f, y)
	}
	return predictors.Evidence{Match: math.NaN(), Effective: math.NaN(), Fallback: p.alpha / (p.alpha + total)}
}

func (m *model) perLearn() float64 {
	return float64(m.rows)*(2*float64(m.config.Lags)+2) + 2*float64(m.config.Count)
}

// Ops counts multiplications, additions and transcendental functions.
func (p *Features) Ops() (train, perSymbol float64) {
	rows := 2.0 // of S, and z
	if p.config.Features == "fourier" {
		rows = float64(p.env.Alphabet)
	}
	return p.ops, float64(p.rows)*(2*float64(p.config.Lags)+2) + 2*rows*float64(p.config.Count)
}

// SetBudget bounds the next training: its time and operations. The bytes do
// not depend on it.
func (p *Features) SetBudget(b predictors.Budget) error {
	p.left = b
	return predictors.FixedBytes("random-features", p.Bytes(), b)
}

// Bytes are sums, counts and the random matrix.
func (p *Features) Bytes() int64 {
	return 8*int64(cap(p.sums)+cap(p.total)+cap(p.counts)) + 4*int64(cap(p.omega))
}

// Describe reports β, ρ, α and, if they were chosen, sample_bits, the loss on
// the sample.
func (p *Features) Describe() map[string]float64 {
	out := map[string]float64{"beta": p.beta, "rho": p.rho, "alpha": p.alpha}
	if p.bits > 0 {
		out["sample_bits"] = p.bits
	}
	return out
}

// WriteTo writes sums and what was chosen; the random matrix follows from the
// seed.
func (p *Features) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, p.fields) }

// ReadFrom reads what WriteTo wrote; after an error p is as it was.
func (p *Features) ReadFrom(r io.Reader) (int64, error) {
	fresh := &Features{model: newModel(p.config, p.env)}
	n, err := predictors.ReadArchive(r, fresh.fields)
	if err == nil {
		p.model = fresh.model
		p.Reset()
	}
	return n, err
}

func (p *Features) fields(a *predictors.Archive) {
	for _, v := range []*float64{&p.beta, &p.rho, &p.alpha, &p.seen, &p.bits} {
		predictors.Value(a, v)
	}
	predictors.Slice(a, &p.counts)
	predictors.Slice(a, &p.sums)
	predictors.Slice(a, &p.total)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(p.counts) != p.env.Alphabet || len(p.sums) != p.env.Alphabet*p.config.Count || len(p.total) != p.config.Count ||
		!(p.beta >= 0 && p.rho >= 0 && p.rho <= 1 && p.alpha > 0 && p.seen >= 0) {
		a.Fail(fmt.Errorf("random-features: counts, sums, beta, rho, alpha = %d, %d, %v, %v, %v do not fit", len(p.counts), len(p.sums), p.beta, p.rho, p.alpha))
	}
}
