package statemachine

import (
	"fmt"
	"io"
	"math"

	"horizon/predictors"
)

// A hidden Markov model of S states (Baum, Petrie, Soules & Weiss 1970;
// Rabiner 1989, section III), whose predictor is the forward filter. With
// T^x[i,j] the probability to emit x and go to j when in i, and η the belief,
// the law of the state given the past,
//
//	P(x | η) = Σ_i η_i E[i,x],            E[i,x] = Σ_j T^x[i,j]
//	η ← η T^x / P(x | η)
//	P(x_{t+k} = y | η) = η T^{k−1} E      T = Σ_x T^x
//
// Form "edge" (Mealy) learns T^x freely; form "state" (Moore; Rabiner's) has
// T^x[i,j] = B[i,x] T[i,j]. The first needs fewer states, and the even process
// with its two needs it; the second needs A·S + S² numbers and not A·S², which
// suits large alphabets. How they are learned: baumwelch.go.
//
// Every T^x[i,j] is positive, so that no symbol is impossible and no belief
// loses a state for good: each state's counts get one transition more, spread
// evenly over all its (x, j), or over x and over j in form "state". A document
// begins in the mean of the stationary law and of the laws the training
// documents were found to begin in, each counted once.
//
// Predict and Prob are O(A·S) and O(S), Observe is O(S²), k steps ahead take
// O(kS² + A·S); space is 8(A·S² + A·S + S²) bytes in either form.

// An HMMConfig configures the kind "hmm".
type HMMConfig struct {
	// States is S, 1 to 1,024, with A·S² at most 2²³.
	States int `toml:"states"`
	// Form is "edge", "state", or "auto": edge up to 16 symbols.
	Form string `toml:"form"`
	// Restarts is the number of random beginnings, 1 to 1,000.
	Restarts int `toml:"restarts"`
	// Iterations bounds the iterations on the whole training part, ≥ 1.
	Iterations int `toml:"iterations"`
	// Tolerance is the gain per iteration, in bits per training symbol, below
	// which training is done, ≥ 0.
	Tolerance float64 `toml:"tolerance"`
}

// DefaultHMM has 16 states.
func DefaultHMM() predictors.Config {
	return &HMMConfig{States: 16, Form: "auto", Restarts: 16, Iterations: 200, Tolerance: 1e-6}
}

// TinyHMM has 6 states, one more than an order-1 source over 5 symbols needs.
func TinyHMM() predictors.Config {
	return &HMMConfig{States: 6, Form: "auto", Restarts: 2, Iterations: 15, Tolerance: 1e-5}
}

const (
	maxStates  = 1024
	maxNumbers = 1 << 23 // A·S²: 64 MiB for each restart
	edgeUpTo   = 16      // symbols, for form "auto"
)

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *HMMConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("hmm", env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(env.Alphabet); err != nil {
		return nil, err
	}
	edge := c.Form == "edge" || c.Form == "auto" && env.Alphabet <= edgeUpTo
	m := &model{HMMConfig: *c, edge: edge, seed: env.Seed, law: newLaw(env.Alphabet, c.States)}
	return newHMM(m, m.start), nil
}

func (c *HMMConfig) check(a int) error {
	switch {
	case c.States < 1 || c.States > maxStates:
		return fmt.Errorf("hmm: states = %d, want 1 to %d", c.States, maxStates)
	case a*c.States*c.States > maxNumbers:
		return fmt.Errorf("hmm: states = %d with %d symbols makes %d transitions, want at most %d", c.States, a, a*c.States*c.States, maxNumbers)
	case c.Form != "edge" && c.Form != "state" && c.Form != "auto":
		return fmt.Errorf("hmm: form = %q, want \"edge\", \"state\" or \"auto\"", c.Form)
	case c.Restarts < 1 || c.Restarts > 1000:
		return fmt.Errorf("hmm: restarts = %d, want 1 to 1000", c.Restarts)
	case c.Iterations < 1:
		return fmt.Errorf("hmm: iterations = %d, want ≥ 1", c.Iterations)
	case !(c.Tolerance >= 0) || math.IsInf(c.Tolerance, 1):
		return fmt.Errorf("hmm: tolerance = %v, want ≥ 0", c.Tolerance)
	}
	return nil
}

// A model is the parameters.
type model struct {
	HMMConfig
	edge bool // form
	seed uint64
	*law
	reached float64 // training bits per symbol at the end
}

// A law is a hidden Markov process with a law of its first state.
type law struct {
	a, n  int
	move  []float64 // T^x[i,j] at (x·S + i)·S + j
	emit  []float64 // E[i,x] at i·A + x
	turn  []float64 // T[i,j] at i·S + j
	start []float64 // η before any symbol
}

// newLaw emits all symbols alike.
func newLaw(a, n int) *law {
	l := &law{a: a, n: n, move: make([]float64, a*n*n), emit: make([]float64, a*n), turn: make([]float64, n*n), start: make([]float64, n)}
	for i := range l.move {
		l.move[i] = 1 / float64(a*n)
	}
	for i := range l.start {
		l.start[i] = 1 / float64(n)
	}
	l.sum()
	return l
}

// on is T^x, row by row.
func (l *law) on(x predictors.Symbol) []float64 {
	return l.move[int(x)*l.n*l.n : (int(x)+1)*l.n*l.n]
}

// sum derives E and T from T^x.
func (l *law) sum() {
	clear(l.emit)
	clear(l.turn)
	for x := range l.a {
		for k, p := range l.on(predictors.Symbol(x)) {
			l.emit[k/l.n*l.a+x] += p
			l.turn[k] += p
		}
	}
}

// forward sets v = η M for a square matrix M and returns the sum of v. Four
// rows at once save going over v.
func forward(v, eta, m []float64) (sum float64) {
	n, i := len(eta), 0
	v = v[:n]
	clear(v)
	for ; i+4 <= n; i += 4 {
		w0, w1, w2, w3 := eta[i], eta[i+1], eta[i+2], eta[i+3]
		r := m[i*n : (i+4)*n]
		r0, r1, r2, r3 := r[:n], r[n:2*n], r[2*n:3*n], r[3*n:4*n]
		for j := range v {
			v[j] += (float64(w0*r0[j]) + float64(w1*r1[j])) + (float64(w2*r2[j]) + float64(w3*r3[j]))
		}
	}
	for ; i < n; i++ {
		w, r := eta[i], m[i*n:(i+1)*n]
		for j := range v {
			v[j] += float64(w * r[j])
		}
	}
	for _, p := range v {
		sum += p
	}
	return sum
}

func scale(v []float64, by float64) {
	for i := range v {
		v[i] *= by
	}
}

// hmm is a belief in a model.
type hmm struct {
	*model
	eta, scratch []float64
}

func newHMM(m *model, eta []float64) *hmm {
	b := make([]float64, 2*m.n)
	copy(b, eta)
	return &hmm{m, b[:m.n:m.n], b[m.n:]}
}

func (p *hmm) Alphabet() int { return p.a }

func (p *hmm) Reset() { copy(p.eta, p.start) }

func (p *hmm) Fork() predictors.Predictor { return newHMM(p.model, p.eta) }

func (p *hmm) Predict(probs []float64) { p.mix(probs, p.eta) }

// mix sets probs = η E.
func (l *law) mix(probs, eta []float64) {
	probs = probs[:l.a]
	clear(probs)
	for i, w := range eta {
		row := l.emit[i*l.a : (i+1)*l.a]
		for x, e := range row[:len(probs)] {
			probs[x] += float64(w * e)
		}
	}
}

func (p *hmm) Prob(x predictors.Symbol) (prob float64) {
	for i, w := range p.eta {
		prob += float64(w * p.emit[i*p.a+int(x)])
	}
	return prob
}

func (p *hmm) Observe(x predictors.Symbol) {
	sum := forward(p.scratch, p.eta, p.on(x))
	scale(p.scratch, 1/sum)
	p.eta, p.scratch = p.scratch, p.eta
}

// PredictAhead is exact at any distance.
func (p *hmm) PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool) {
	eta, next := append([]float64(nil), p.eta...), make([]float64, p.n)
	at := 1
	for i, k := range ks {
		for ; at < k; at++ {
			scale(next, 1/forward(next, eta, p.turn)) // keeps the sum at one
			eta, next = next, eta
		}
		p.mix(ps[i], eta)
	}
	return 0, true
}

// Bytes counts transitions, emissions and the first belief.
func (l *law) Bytes() int64 {
	return 8 * int64(cap(l.move)+cap(l.emit)+cap(l.turn)+cap(l.start)+1)
}

// Describe reports the training loss reached and the entropy of the state, in
// bits.
func (m *model) Describe() map[string]float64 {
	bits := 0.0
	for _, p := range m.stationary() {
		if p > 0 {
			bits -= p * math.Log2(p)
		}
	}
	return map[string]float64{"train_bits": m.reached, "state_entropy": bits}
}

// WriteTo writes T^x and the first belief.
func (m *model) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them.
func (m *model) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *model) fields(a *predictors.Archive) {
	l, reached := *m.law, m.reached
	predictors.Value(a, &reached)
	predictors.Slice(a, &l.move)
	predictors.Slice(a, &l.start)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := l.checkSaved(); err != nil {
		a.Fail(err)
		return
	}
	l.emit, l.turn = make([]float64, l.a*l.n), make([]float64, l.n*l.n)
	l.sum()
	*m.law, m.reached = l, reached
}

// checkSaved refuses what is no law.
func (l *law) checkSaved() error {
	if len(l.move) != l.a*l.n*l.n || len(l.start) != l.n {
		return fmt.Errorf("hmm: %d transitions and %d states saved, want %d and %d", len(l.move), len(l.start), l.a*l.n*l.n, l.n)
	}
	rows, first := make([]float64, l.n), 0.0
	for k, p := range l.move {
		if !(p > 0) {
			return fmt.Errorf("hmm: saved transition %d = %v, want > 0", k, p)
		}
		rows[k/l.n%l.n] += p
	}
	for i, p := range l.start {
		if !(p >= 0) || !(math.Abs(rows[i]-1) < 1e-9) {
			return fmt.Errorf("hmm: saved state %d begins with probability %v and is left with %v, want ≥ 0 and 1", i, p, rows[i])
		}
		first += p
	}
	if !(math.Abs(first-1) < 1e-9) {
		return fmt.Errorf("hmm: the saved first belief sums to %v, want 1", first)
	}
	return nil
}
