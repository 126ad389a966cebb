package machine

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"horizon/predictors"
)

// A law is a machine made into a predictor that allows every symbol
// everywhere. Where no transition is known, the state is lost: it is then what
// the stationary law, seeing x, would make of it.
//
//	T^x[s,·] = P(x | s) · (δ(Next(s,x)) if known, else r_x),   r_x ∝ Σ_s π_s P(x | s) δ(Next(s,x))
//	η_0 = π,   η ← η T^x / P(x | η),   P(x_{t+k} = y | η) = η T^{k−1} P(y | ·)
//
// (r_x = π if x leads nowhere). So before it has synchronised, the predictor
// is the mixture of the states that the past may have led to, and after, one
// state. Then Observe is O(1) and Predict O(A); before, they are O(S·A); k
// steps ahead take O(kSA) at most.
type law struct {
	*Machine
	into [][]int32 // for each x, the states that have a known transition on it
	mass []float64 // Σ π_s P(x | s) over them
}

func newLaw(m *Machine) *law {
	l := &law{Machine: m, into: make([][]int32, m.A), mass: make([]float64, m.A)}
	for i, to := range m.Next {
		if x := i % m.A; to >= 0 {
			l.into[x] = append(l.into[x], int32(i/m.A))
			l.mass[x] += m.Pi[i/m.A] * m.P[i]
		}
	}
	for x, s := range l.into {
		l.into[x] = predictors.Trimmed(s)
	}
	return l
}

// negligible is the share of a belief that is dropped, so that what was ruled
// out but for smoothing is forgotten.
const negligible = 1e-13

// A walker is a belief about the state of a machine.
type walker struct {
	*law
	at   []int32   // states held possible
	w    []float64 // their probabilities
	next []float64 // scratch, dense
}

// NewPredictor lets a machine predict, from the empty past. Its probabilities
// must be positive: see Smooth.
func (m *Machine) NewPredictor() predictors.Predictor {
	w := &walker{law: newLaw(m)}
	w.Reset()
	return w
}

// Smooth is the machine with probabilities (P + ε/A)/(1 + ε), all positive.
func (m *Machine) Smooth(epsilon float64) *Machine {
	c := *m
	c.P = slices.Clone(m.P)
	for i, p := range c.P {
		c.P[i] = (p + epsilon/float64(m.A)) / (1 + epsilon)
	}
	return &c
}

func (p *walker) Alphabet() int { return p.A }

func (p *walker) Reset() {
	p.at, p.w = p.at[:0], p.w[:0]
	for s, w := range p.Pi {
		p.at, p.w = append(p.at, int32(s)), append(p.w, w)
	}
}

func (p *walker) Fork() predictors.Predictor { return p.fork() }

func (p *walker) fork() *walker {
	return &walker{law: p.law, at: slices.Clone(p.at), w: slices.Clone(p.w)}
}

// row is P(· | s).
func (m *Machine) row(s int32) []float64 { return m.P[int(s)*m.A : (int(s)+1)*m.A] }

func (p *walker) Predict(probs []float64) {
	if len(p.at) == 1 {
		copy(probs, p.row(p.at[0]))
		return
	}
	clear(probs)
	for i, s := range p.at {
		w := p.w[i]
		for x, v := range p.row(s) {
			probs[x] += float64(w * v)
		}
	}
}

func (p *walker) Prob(x predictors.Symbol) (prob float64) {
	if len(p.at) == 1 {
		return p.P[int(p.at[0])*p.A+int(x)]
	}
	for i, s := range p.at {
		prob += float64(p.w[i] * p.P[int(s)*p.A+int(x)])
	}
	return prob
}

func (p *walker) Observe(x predictors.Symbol) {
	if len(p.at) == 1 {
		if to := p.Next[int(p.at[0])*p.A+int(x)]; to >= 0 {
			p.at[0] = to
			return
		}
	}
	if p.next == nil {
		p.next = make([]float64, p.States())
	}
	lost := 0.0
	for i, s := range p.at {
		k := int(s)*p.A + int(x)
		if to := p.Next[k]; to >= 0 {
			p.next[to] += float64(p.w[i] * p.P[k])
		} else {
			lost += float64(p.w[i] * p.P[k])
		}
	}
	p.lose(p.next, int(x), lost)
	p.settle()
}

// lose adds w r_x to a belief.
func (l *law) lose(belief []float64, x int, w float64) {
	if w == 0 {
		return
	}
	if l.mass[x] == 0 {
		for s, pi := range l.Pi {
			belief[s] += float64(w * pi)
		}
		return
	}
	w /= l.mass[x]
	for _, s := range l.into[x] {
		k := int(s)*l.A + x
		belief[l.Next[k]] += float64(w * l.Pi[s] * l.P[k])
	}
}

// settle takes the belief from scratch, without what is negligible.
func (p *walker) settle() {
	sum, kept := 0.0, 0.0
	for _, v := range p.next {
		sum += v
	}
	p.at, p.w = p.at[:0], p.w[:0]
	for s, v := range p.next {
		if v > negligible*sum {
			p.at, p.w = append(p.at, int32(s)), append(p.w, v)
			kept += v
		}
		p.next[s] = 0
	}
	for i := range p.w {
		p.w[i] /= kept
	}
}

// PredictAhead is exact at any distance.
func (p *walker) PredictAhead(ps [][]float64, ks []int) (dropped float64, ok bool) {
	now, next := make([]float64, p.States()), make([]float64, p.States())
	lost := make([]float64, p.A)
	for i, s := range p.at {
		now[s] = p.w[i]
	}
	at := 1
	for i, k := range ks {
		for ; at < k; at++ {
			clear(next)
			clear(lost)
			for s, w := range now {
				if w == 0 {
					continue
				}
				for x, to := range p.Next[s*p.A : (s+1)*p.A] {
					if v := float64(w * p.P[s*p.A+x]); to >= 0 {
						next[to] += v
					} else {
						lost[x] += v
					}
				}
			}
			for x, w := range lost {
				p.lose(next, x, w)
			}
			now, next = next, now
		}
		clear(ps[i])
		for s, w := range now {
			if w > 0 {
				for y, v := range p.row(int32(s)) {
					ps[i][y] += float64(w * v)
				}
			}
		}
	}
	return 0, true
}

// State is the belief.
func (p *walker) State(b []byte) []byte {
	for i, s := range p.at {
		b = binary.LittleEndian.AppendUint32(b, uint32(s))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.w[i]))
	}
	return b
}

// Belief is the probability of each state.
func (p *walker) Belief() []float64 {
	b := make([]float64, p.States())
	for i, s := range p.at {
		b[s] = p.w[i]
	}
	return b
}

// Bytes counts transitions, probabilities and the stationary law.
func (m *Machine) Bytes() int64 {
	return int64(cap(m.Next))*4 + int64(cap(m.P)+cap(m.Pi))*8
}

// check refuses what is no machine that walks.
func (m *Machine) check() error {
	n := len(m.Next)
	if n == 0 || n%m.A != 0 || len(m.P) != n {
		return fmt.Errorf("%d transitions with %d probabilities saved, want as many, a multiple of %d", n, len(m.P), m.A)
	}
	for s := range n / m.A {
		sum := 0.0
		for x := range m.A {
			i := s*m.A + x
			if to := m.Next[i]; to < -1 || int(to) >= n/m.A {
				return fmt.Errorf("saved state %d leads to %d, want -1 to %d", s, to, n/m.A-1)
			}
			if !(m.P[i] > 0) {
				return fmt.Errorf("saved P(%d | %d) = %v, want > 0", x, s, m.P[i])
			}
			sum += m.P[i]
		}
		if !(math.Abs(sum-1) < 1e-9) {
			return fmt.Errorf("saved probabilities of state %d sum to %v, want 1", s, sum)
		}
	}
	return nil
}
