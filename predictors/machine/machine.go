// Package machine is minimal predictors: deterministic state machines whose
// states are what must be remembered of the past to predict the future as well
// as a process, or another predictor, allows. They are learned from a text
// (cssr.go: the kind "cssr") or by merging what some predictor tells apart
// (merge.go), and compared with the true one where it is known (known.go).
package machine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"horizon/corpora"
)

// A Machine emits x in state s with probability P[s·A+x] and then is in state
// Next[s·A+x]; −1 is none known. All states are visited for ever.
type Machine struct {
	A    int
	Next []int32
	P    []float64
	Pi   []float64 // stationary law of the states
	Rate float64   // entropy rate, bits per symbol
}

// New takes transitions, of which those that are known with a positive
// probability make the process; each row of p sums to one. The states must
// all be reachable from one another. It keeps the slices.
func New(a int, next []int32, p []float64) (*Machine, error) {
	known := make([]float64, len(p))
	for s := 0; s < len(p); s += a {
		sum := 0.0
		for i := s; i < s+a; i++ {
			if next[i] >= 0 {
				known[i] = p[i]
				sum += p[i]
			}
		}
		if !(sum > 0) {
			return nil, fmt.Errorf("machine: state %d leads nowhere", s/a)
		}
		for i := s; i < s+a; i++ {
			known[i] /= sum
		}
	}
	h, err := corpora.NewUnifilar(a, next, known)
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	m := &Machine{A: a, Next: next, P: p, Pi: h.Stationary()}
	if h.States() != len(p)/a {
		return nil, fmt.Errorf("machine: %d of %d states are not visited for ever", len(p)/a-h.States(), len(p)/a)
	}
	m.Rate, _ = h.Entropy()
	return m, nil
}

// States is their number.
func (m *Machine) States() int { return len(m.Pi) }

// Complexity is the statistical complexity C = H[S], the entropy of the
// stationary law of the states in bits (Crutchfield & Young 1989): the least
// that must be remembered if the machine is minimal.
func (m *Machine) Complexity() (bits float64) {
	for _, p := range m.Pi {
		if p > 0 {
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// Minimise merges states that cannot be told apart by any future: the coarsest
// partition no coarser than that by like in which equivalent states go, on
// each symbol, to equivalent states (Moore 1956). like says whether the
// next-symbol laws of two states agree; it is asked of each state and the
// first, heaviest, of each class. A transition that is not known agrees with
// any. The law of a class is the mean of its states'.
func (m *Machine) Minimise(like func(s, t int) bool) (*Machine, error) {
	n := m.States()
	order := make([]int, n)
	for s := range order {
		order[s] = s
	}
	slices.SortStableFunc(order, func(s, t int) int { return cmp.Compare(m.Pi[t], m.Pi[s]) })
	class := partition(n, order, like)
	for count := 0; ; {
		var next []int32
		next = partition(n, order, func(s, t int) bool { return class[s] == class[t] && m.agree(s, t, class) })
		class = next
		k := int(slices.Max(class)) + 1
		if k == count {
			return m.quotient(class, k)
		}
		count = k
	}
}

// partition puts each state, in order, into the first class whose first state
// is like it.
func partition(n int, order []int, like func(s, t int) bool) []int32 {
	class, first := make([]int32, n), []int(nil)
	for _, s := range order {
		c := slices.IndexFunc(first, func(t int) bool { return like(s, t) })
		if c < 0 {
			c = len(first)
			first = append(first, s)
		}
		class[s] = int32(c)
	}
	return class
}

func (m *Machine) agree(s, t int, class []int32) bool {
	for x := range m.A {
		i, j := m.Next[s*m.A+x], m.Next[t*m.A+x]
		if i >= 0 && j >= 0 && class[i] != class[j] {
			return false
		}
	}
	return true
}

func (m *Machine) quotient(class []int32, k int) (*Machine, error) {
	next, p, w := make([]int32, k*m.A), make([]float64, k*m.A), make([]float64, k)
	reached := make([]float64, k*m.A) // by the weight of what says so
	for i := range next {
		next[i] = -1
	}
	for s, c := range class {
		w[c] += m.Pi[s]
		for x := range m.A {
			i, j := s*m.A+x, int(c)*m.A+x
			flow := m.Pi[s] * m.P[i]
			p[j] += flow
			if to := m.Next[i]; to >= 0 && (next[j] < 0 || flow > reached[j]) {
				next[j], reached[j] = class[to], flow
			}
		}
	}
	for j := range p {
		p[j] /= w[j/m.A]
	}
	return recurrent(m.A, next, p, w)
}

// recurrent is the machine that the transitions come to, left to themselves:
// the closed communicating class of the greatest weight. States that nothing
// is known to follow are no states. p are probabilities, or counts, which the
// machine has as shares.
func recurrent(a int, next []int32, p, weight []float64) (*Machine, error) {
	n := len(next) / a
	next = slices.Clone(next)
	for dead := true; dead; {
		dead = false
		for s := range n {
			if blind(next[s*a : (s+1)*a]) {
				for i, to := range next {
					if int(to) == s {
						next[i], dead = -1, true
					}
				}
			}
		}
	}
	keep := heaviest(a, next, p, weight)
	if len(keep) == 0 {
		return nil, fmt.Errorf("machine: no states that are visited for ever")
	}
	number := make([]int32, n)
	for i := range number {
		number[i] = -1
	}
	for i, s := range keep {
		number[s] = int32(i)
	}
	var nn []int32
	var pp []float64
	for _, s := range keep {
		sum := 0.0
		for x := range a {
			sum += p[s*a+x]
		}
		for x := range a {
			to := next[s*a+x]
			if to >= 0 {
				to = number[to]
			}
			nn, pp = append(nn, to), append(pp, p[s*a+x]/sum)
		}
	}
	return New(a, nn, pp)
}

func blind(next []int32) bool {
	for _, to := range next {
		if to >= 0 {
			return false
		}
	}
	return true
}

// heaviest lists, ascending, the states of the heaviest closed class.
func heaviest(a int, next []int32, p, weight []float64) (best []int) {
	g := simple.NewDirectedGraph()
	for s := range len(next) / a {
		if !blind(next[s*a : (s+1)*a]) {
			g.AddNode(simple.Node(s))
		}
	}
	for i, to := range next {
		if to >= 0 && p[i] > 0 && int(to) != i/a {
			g.SetEdge(g.NewEdge(simple.Node(i/a), simple.Node(to)))
		}
	}
	most := -1.0
	for _, component := range topo.TarjanSCC(g) {
		var states []int
		w, in := 0.0, map[int]bool{}
		for _, v := range component {
			in[int(v.ID())] = true
			states = append(states, int(v.ID()))
		}
		slices.Sort(states)
		closed := true
		for _, s := range states {
			w += weight[s]
			for i := s * a; i < (s+1)*a; i++ {
				closed = closed && (next[i] < 0 || p[i] == 0 || in[int(next[i])])
			}
		}
		if closed && (w > most || w == most && states[0] < best[0]) {
			best, most = states, w
		}
	}
	return best
}
