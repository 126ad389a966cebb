package statemachine

import (
	"fmt"
	"io"
	"math"
	"slices"

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
// It can go on learning, after training or from nothing, by quasi-Bayes (Smith
// & Makov 1978, for mixtures): the parameters are the means of Dirichlet laws,
// whose weights N are raised by what the filter expects of x,
//
//	ξ[i,j] = η_i T^x[i,j] / P(x | η),     γ_i = Σ_j ξ[i,j]
//	N^x[i,j] += ξ[i,j]                    T^x[i,j] = N^x[i,j] / Σ_{y,k} N^y[i,k]   form "edge"
//	N[i,x] += γ_i,  N[i,j] += ξ[i,j]      B = N[i,x] / Σ,  T = N[i,j] / Σ          form "state"
//
// while the belief moves on by the old T^x. N begins as the counts of the last
// iteration of training and their prior, or, where nothing was trained, as a
// prior of the same weight with random means: states all alike would stay so.
// Departures: theirs is a mixture of independent draws, this a chain, whose
// past is not looked at again in the light of x; and the law in which
// documents begin is not learned. As there, the order of the symbols matters.
//
// So it follows a source that drifts, but rarely finds from nothing what is
// hidden: of a chain that repeats 9 symbols of 10, 0.469 bits, 4 states that
// begin from nothing know 0.7 to 1.0 bit after 40,000 symbols (3 seeds of either
// form); trained by Baum-Welch on 2,000, 0.467, learning on or not.
//
// Since ξ[i,j] is T^x[i,j] times a number of the row, a row of N^x is
// multiplied by one number. Rows are kept undivided, in units that make them
// probabilities until something is learned, and are divided by their sums when
// used. So Learn is O(S²) like Observe. Form "state" gives up T^x for B and T
// when it first learns.
//
// Predict and Prob are O(A·S) and O(S), Observe and Learn are O(S²), k steps
// ahead take O(kS² + A·S); space is 8(A·S² + A·S + S²) bytes, in form "state"
// 8(A·S + S²) once it has learned.

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

// New returns a predictor that has seen nothing: its law is random, from the
// seed, so that states can become different.
func (c *HMMConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("hmm", env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(env.Alphabet); err != nil {
		return nil, err
	}
	edge := c.Form == "edge" || c.Form == "auto" && env.Alphabet <= edgeUpTo
	m := &model{HMMConfig: *c, edge: edge, seed: env.Seed, law: &law{a: env.Alphabet, n: c.States}}
	m.law = m.random(set{}, 0)
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
	work    float64 // operations of training
}

// A law is a hidden Markov process with a law of its first state. Its rows i
// are probabilities times left[i], which is 1 until Learn is first called, and the weights N divided by unit[i].
type law struct {
	a, n  int
	move  []float64 // T^x[i,j] at (x·S + i)·S + j; nil in form "state" once it has learned
	emit  []float64 // E[i,x] at i·A + x
	turn  []float64 // T[i,j] at i·S + j
	start []float64 // η before any symbol
	unit  []float64 // Σ_{y,k} N^y[i,k] at the end of training
	left  []float64 // the same now, as a multiple of unit
}

// newLaw emits all symbols alike.
func newLaw(a, n int) *law {
	l := &law{a: a, n: n, move: make([]float64, a*n*n), emit: make([]float64, a*n), turn: make([]float64, n*n), start: make([]float64, n),
		unit: slices.Repeat([]float64{1}, n), left: slices.Repeat([]float64{1}, n)}
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
	per          []float64 // the weights of the rows in the last step, as stored
	fork         bool
}

func newHMM(m *model, eta []float64) *hmm {
	n := m.n
	b := make([]float64, 3*n)
	copy(b, eta)
	return &hmm{model: m, eta: b[:n:n], scratch: b[n : 2*n : 2*n], per: b[2*n:]}
}

func (p *hmm) Alphabet() int { return p.a }

func (p *hmm) Reset() { copy(p.eta, p.start) }

func (p *hmm) Fork() predictors.Predictor {
	f := newHMM(p.model, p.eta)
	f.fork = true
	return f
}

func (p *hmm) Predict(probs []float64) { p.mix(probs, p.eta) }

// mix sets probs = η E.
func (l *law) mix(probs, eta []float64) {
	probs = probs[:l.a]
	clear(probs)
	for i, w := range eta {
		w /= l.left[i]
		row := l.emit[i*l.a : (i+1)*l.a]
		for x, e := range row[:len(probs)] {
			probs[x] += float64(w * e)
		}
	}
}

func (p *hmm) Prob(x predictors.Symbol) (prob float64) {
	for i, w := range p.eta {
		prob += float64(w / p.left[i] * p.emit[i*p.a+int(x)])
	}
	return prob
}

func (p *hmm) Observe(x predictors.Symbol) { p.step(x) }

// step moves the belief on and returns P(x | η) of the one before.
func (p *hmm) step(x predictors.Symbol) float64 {
	rows := p.turn
	for i, w := range p.eta {
		p.per[i] = w / p.left[i]
	}
	if p.move != nil {
		rows = p.on(x)
	} else {
		for i := range p.per {
			p.per[i] *= p.emit[i*p.a+int(x)] / p.left[i]
		}
	}
	sum := forward(p.scratch, p.per, rows)
	scale(p.scratch, 1/sum)
	p.eta, p.scratch = p.scratch, p.eta
	return sum
}

// Learn is Observe, and raises the weights by what the belief before x expects
// of it.
func (p *hmm) Learn(x predictors.Symbol) {
	if p.fork {
		panic("hmm: a fork does not learn")
	}
	if !p.edge {
		p.move = nil // emit and turn are B and T
	}
	sum := p.step(x)
	for i, w := range p.per {
		more := w / (sum * p.unit[i]) // ξ[i,j] in units, divided by what the row has at j
		switch {
		case more == 0:
		case p.edge:
			p.raiseEdges(x, i, more)
		default:
			p.raiseState(x, i, more)
		}
	}
}

// raiseEdges adds to row i of N^x that row times more, and to its sums.
func (l *law) raiseEdges(x predictors.Symbol, i int, more float64) {
	row, turn := l.on(x)[i*l.n:(i+1)*l.n], l.turn[i*l.n:(i+1)*l.n]
	for j, v := range row {
		d := float64(more * v)
		row[j] += d
		turn[j] += d
	}
	e := &l.emit[i*l.a+int(x)]
	d := float64(more * *e)
	*e += d
	l.left[i] += d
}

// raiseState adds to row i of the transitions that row times more, and to the
// emission of x and the sum of either row as much as that is together.
func (l *law) raiseState(x predictors.Symbol, i int, more float64) {
	turn := l.turn[i*l.n : (i+1)*l.n]
	for j, v := range turn {
		turn[j] += float64(more * v)
	}
	d := float64(more * l.left[i])
	l.emit[i*l.a+int(x)] += d
	l.left[i] += d
}

// PredictAhead is exact at any distance.
func (p *hmm) PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool) {
	eta, next, per := slices.Clone(p.eta), make([]float64, p.n), make([]float64, p.n)
	at := 1
	for i, k := range ks {
		for ; at < k; at++ {
			for j, w := range eta {
				per[j] = w / p.left[j]
			}
			scale(next, 1/forward(next, per, p.turn)) // keeps the sum at one
			eta, next = next, eta
		}
		p.mix(ps[i], eta)
	}
	return 0, true
}

// Bytes counts transitions, emissions, their weights and the first belief.
func (l *law) Bytes() int64 {
	return 8 * int64(cap(l.move)+cap(l.emit)+cap(l.turn)+cap(l.start)+cap(l.unit)+cap(l.left)+1)
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

// WriteTo writes the law: the rows, their sums, their weights and the first
// belief. E and T could be summed up again, but not to the last bit.
func (m *model) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces it.
func (m *model) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *model) fields(a *predictors.Archive) {
	l, reached := *m.law, m.reached
	predictors.Value(a, &reached)
	for _, s := range []*[]float64{&l.move, &l.emit, &l.turn, &l.start, &l.unit, &l.left} {
		predictors.Slice(a, s)
	}
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(l.move) == 0 && !m.edge {
		l.move = nil
	}
	if err := l.checkSaved(); err != nil {
		a.Fail(err)
		return
	}
	*m.law, m.reached = l, reached
}

// checkSaved refuses what is no law.
func (l *law) checkSaved() error {
	a, n := l.a, l.n
	if l.move != nil && len(l.move) != a*n*n || len(l.emit) != a*n || len(l.turn) != n*n {
		return fmt.Errorf("hmm: %d, %d and %d transitions, emissions and moves saved, want %d, %d and %d", len(l.move), len(l.emit), len(l.turn), a*n*n, a*n, n*n)
	}
	if len(l.start) != n || len(l.unit) != n || len(l.left) != n {
		return fmt.Errorf("hmm: %d, %d and %d numbers of states saved, want %d", len(l.start), len(l.unit), len(l.left), n)
	}
	first := 0.0
	for i, p := range l.start {
		if !(p >= 0) || !(l.unit[i] > 0) || !(l.left[i] > 0) || math.IsInf(l.unit[i]*l.left[i], 1) {
			return fmt.Errorf("hmm: saved state %d begins with probability %v and weighs %v times %v, want ≥ 0 and > 0", i, p, l.left[i], l.unit[i])
		}
		first += p
	}
	if !(math.Abs(first-1) < 1e-9) {
		return fmt.Errorf("hmm: the saved first belief sums to %v, want 1", first)
	}
	if err := sumsTo("emissions", l.emit, a, l.left); err != nil {
		return err
	}
	if err := sumsTo("moves", l.turn, n, l.left); err != nil || l.move == nil {
		return err
	}
	for x := range a {
		row := make([]float64, n) // E[i,x]
		for i := range row {
			row[i] = l.emit[i*a+x]
		}
		if err := sumsTo("transitions", l.on(predictors.Symbol(x)), n, row); err != nil {
			return err
		}
	}
	return nil
}

// sumsTo says what is wrong with rows of so many positive numbers each that
// are to have these sums.
func sumsTo(what string, rows []float64, many int, sums []float64) error {
	for i, want := range sums {
		got := 0.0
		for j, p := range rows[i*many : (i+1)*many] {
			if !(p > 0) {
				return fmt.Errorf("hmm: saved %s [%d,%d] = %v, want > 0", what, i, j, p)
			}
			got += p
		}
		if !(math.Abs(got-want) <= 1e-9*want) {
			return fmt.Errorf("hmm: saved %s of state %d sum to %v, want %v", what, i, got, want)
		}
	}
	return nil
}
