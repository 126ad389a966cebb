package statemachine

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"unsafe"

	"horizon/predictors"
)

// Dynamic Markov compression (Cormack & Horspool 1987, Computer Journal 30).
// A state machine reads the bits of the symbols, b = ⌈log₂ A⌉ for each, high
// ones first. A state holds how often it was left by 0 and by 1, n₀ and n₁,
// and where each leads:
//
//	P(bit = y) = (n_y + δ) / (n₀ + n₁ + 2δ)
//
// The machine grows by cloning: before an edge with count n_y, into a state
// with counts m₀ and m₁, is followed,
//
//	if n_y ≥ MIN_CNT1 and m₀ + m₁ − n_y ≥ MIN_CNT2
//
// then the target gets a twin that leads where it leads, the edge leads to the
// twin, and the counts are shared in the proportion in which the edge fed the
// target: the twin has ρm_y with ρ = n_y/(m₀+m₁), the target keeps the rest.
// Then n_y grows by one. Where two paths met, the machine can now tell them
// apart: contexts grow by bits where the text goes.
//
// It starts as a braid: for each symbol a binary tree of 2^b−1 states, whose
// leaves lead to the root of the tree of the symbol that was spelt, which is an
// order-1 model with counts of 0.2; or as one such tree, whose leaves lead back
// to its root. Cloning keeps the place within a symbol, so a state says how
// many bits of it have been read. Initial counts and the exact conditions are
// those of Cormack's program (dmc 0.0.0, 1993), whose code lengths these are
// when δ = 0.
//
// Departures. Theirs is δ = 0; but counts shared again and again tend to 0,
// and a little δ is better on 13 of the 14 Calgary files. A bit's probability
// is kept within 2⁻²⁰ of 0 and 1, where their coder, of 24 bits, is coarser.
// Where a bit of 1 would make the code that of no symbol, ≥ A, the bit is 0
// with probability one. A count at 2²² has both halved. A full machine stops
// growing, or starts afresh, as theirs, at the next symbol. Their program also
// starts afresh where 256 bytes have grown in coding; this does not.
//
// Learn, Observe and Prob are O(log A) a symbol, Predict O(A). A state takes
// 16 bytes; English text makes about 1.3 a character.

// A DMCConfig configures the kind "dmc".
type DMCConfig struct {
	// MinCount1 is MIN_CNT1, the count from which on an edge may have its
	// target cloned, > 0.
	MinCount1 float64 `toml:"min_count_1"`
	// MinCount2 is MIN_CNT2, how often the target must have been reached by
	// other edges, > 0.
	MinCount2 float64 `toml:"min_count_2"`
	// Delta is δ, added to each count in predicting, ≥ 0.
	Delta float64 `toml:"delta"`
	// Start is "braid", for alphabets up to 1,024, "tree", or "auto": a braid
	// up to 256.
	Start string `toml:"start"`
	// MaxStates bounds the machine.
	MaxStates int `toml:"max_states"`
	// Full is what happens at that bound: "freeze" or "reset".
	Full string `toml:"full"`
}

// DefaultDMC has the thresholds of Cormack's program, which are about the best
// for texts of 10⁵ bytes; 1 and 2 suit shorter ones, 2 and 8 those of 10⁶.
func DefaultDMC() predictors.Config {
	return &DMCConfig{MinCount1: 2, MinCount2: 2, Delta: 0.02, Start: "auto", MaxStates: 1 << 26, Full: "freeze"}
}

// TinyDMC is full after some thousand bytes.
func TinyDMC() predictors.Config {
	return &DMCConfig{MinCount1: 2, MinCount2: 2, Delta: 0.02, Start: "auto", MaxStates: 70_000, Full: "reset"}
}

const (
	braidSymbols = 1024 // of a braid, at most: it has their square of states
	startCount   = 0.2  // of Cormack's program
	mostCount    = 1 << 22
	leastBit     = 1.0 / (1 << 20)
)

// New returns a predictor that has seen nothing.
func (c *DMCConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("dmc", env.Alphabet); err != nil {
		return nil, err
	}
	m := &machine{DMCConfig: *c, a: env.Alphabet, b: bits.Len(uint(env.Alphabet - 1))}
	m.braid = c.Start == "braid" || c.Start == "auto" && m.a <= 256
	if err := m.check(); err != nil {
		return nil, err
	}
	m.begin()
	return &dmc{machine: m}, nil
}

func (m *machine) check() error {
	for _, v := range []struct {
		key string
		v   float64
	}{{"min_count_1", m.MinCount1}, {"min_count_2", m.MinCount2}} {
		if !(v.v > 0) || math.IsInf(v.v, 1) {
			return fmt.Errorf("dmc: %s = %v, want > 0", v.key, v.v)
		}
	}
	switch {
	case !(m.Delta >= 0) || math.IsInf(m.Delta, 1):
		return fmt.Errorf("dmc: delta = %v, want ≥ 0", m.Delta)
	case m.Start != "braid" && m.Start != "tree" && m.Start != "auto":
		return fmt.Errorf("dmc: start = %q, want \"braid\", \"tree\" or \"auto\"", m.Start)
	case m.Start == "braid" && m.a > braidSymbols:
		return fmt.Errorf("dmc: start = \"braid\" with %d symbols, want at most %d, or \"tree\"", m.a, braidSymbols)
	case m.Full != "freeze" && m.Full != "reset":
		return fmt.Errorf("dmc: full = %q, want \"freeze\" or \"reset\"", m.Full)
	case m.MaxStates < m.beginnings() || m.MaxStates > math.MaxUint32:
		return fmt.Errorf("dmc: max_states = %d, want %d, which it starts with, to %d", m.MaxStates, m.beginnings(), math.MaxUint32)
	}
	return nil
}

// dmc is a place in a machine, between two symbols.
type dmc struct {
	*machine
	at   uint32
	fork bool
}

func (p *dmc) Alphabet() int { return p.a }

func (p *dmc) Reset() { p.at = 0 }

func (p *dmc) Fork() predictors.Predictor { return &dmc{machine: p.machine, at: p.at, fork: true} }

// Predict spreads the probability over the tree of the bits to come.
func (p *dmc) Predict(probs []float64) { p.spread(probs, p.at, 0, p.b, 1) }

// spread sets the probabilities of the symbols from low on that differ in
// their last b bits.
func (m *machine) spread(probs []float64, at uint32, low, b int, prob float64) {
	if b == 0 {
		probs[low] = prob
		return
	}
	s := &m.states[at]
	high := low | 1<<(b-1)
	if high >= m.a {
		m.spread(probs, s.next[0], low, b-1, prob)
		return
	}
	q := m.zero(s)
	m.spread(probs, s.next[0], low, b-1, prob*q)
	m.spread(probs, s.next[1], high, b-1, prob*(1-q))
}

func (p *dmc) Prob(x predictors.Symbol) float64 {
	at, prob, read := p.at, 1.0, 0
	for b := p.b - 1; b >= 0; b-- {
		s, bit := &p.states[at], int(x)>>b&1
		if (read|1)<<b < p.a {
			if q := p.zero(s); bit == 0 {
				prob *= q
			} else {
				prob *= 1 - q
			}
		}
		read, at = (read|bit)<<1, s.next[bit]
	}
	return prob
}

func (p *dmc) Observe(x predictors.Symbol) {
	for b := p.b - 1; b >= 0; b-- {
		p.at = p.states[p.at].next[x>>b&1]
	}
}

// Learn follows the bits, cloning and counting on the way. A bit that can only
// be 0 is counted like any other.
func (p *dmc) Learn(x predictors.Symbol) {
	if p.fork {
		panic("dmc: a fork does not learn")
	}
	p.learned++
	if p.DMCConfig.Full == "reset" && len(p.states)+p.b > p.MaxStates {
		p.begin()
		p.resets++
		p.at = 0
	}
	for b := p.b - 1; b >= 0; b-- {
		p.at = p.step(p.at, int(x>>b&1))
	}
}

// State is the machine's.
func (p *dmc) State(b []byte) []byte {
	return append(b, byte(p.at), byte(p.at>>8), byte(p.at>>16), byte(p.at>>24))
}

// A state of the machine.
type state struct {
	count [2]float32 // n₀ and n₁
	next  [2]uint32
}

// A machine is the parameters.
type machine struct {
	DMCConfig
	a, b   int // symbols, and bits of each
	braid  bool
	states []state // state 0 is the start
	resets uint64

	learned float64 // symbols
}

// zero is P(bit = 0).
func (m *machine) zero(s *state) float64 {
	n0, n1 := float64(s.count[0])+m.Delta, float64(s.count[1])+m.Delta
	return min(max(n0/(n0+n1), leastBit), 1-leastBit)
}

// beginnings is the number of states to start with.
func (m *machine) beginnings() int {
	tree := max(1, 1<<m.b-1)
	if m.braid {
		return tree << m.b
	}
	return tree
}

// begin makes the first states: of tree j those from j·(2^b−1) on, the bits
// read so far, behind a 1, numbering them from 1.
func (m *machine) begin() {
	m.states = make([]state, m.beginnings())
	trees, size := 1, 1<<m.b-1
	if m.braid {
		trees = 1 << m.b
	}
	for j := range trees {
		for i := 1; i <= size; i++ {
			s := &m.states[j*size+i-1]
			s.count = [2]float32{startCount, startCount}
			for y := range s.next {
				if to := 2*i + y; to <= size {
					s.next[y] = uint32(j*size + to - 1)
				} else if m.braid {
					s.next[y] = uint32((to - size - 1) * size)
				}
			}
		}
	}
}

// step follows edge y of a state, first giving it a target of its own if it is
// time to.
func (m *machine) step(at uint32, y int) uint32 {
	s := &m.states[at]
	n := s.count[y]
	t := &m.states[s.next[y]]
	into := t.count[0] + t.count[1]
	if float64(n) >= m.MinCount1 && into >= n+float32(m.MinCount2) && len(m.states) < m.MaxStates {
		twin := state{next: t.next}
		share := n / into
		for i := range twin.count {
			twin.count[i] = t.count[i] * share
			t.count[i] -= twin.count[i]
		}
		s.next[y] = uint32(len(m.states))
		m.states = append(m.states, twin)
		s = &m.states[at]
	}
	if s.count[y]++; s.count[y] >= mostCount {
		s.count[0] /= 2
		s.count[1] /= 2
	}
	return s.next[y]
}

// Describe counts states, and how often the machine was full and reset.
func (m *machine) Describe() map[string]float64 {
	return map[string]float64{"states": float64(len(m.states)), "resets": float64(m.resets)}
}

// Bytes counts states.
func (m *machine) Bytes() int64 {
	return int64(cap(m.states))*int64(unsafe.Sizeof(state{})) + 8
}

// WriteTo writes the states.
func (m *machine) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces the states.
func (m *machine) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *machine) fields(a *predictors.Archive) {
	var counts []float32
	var next []uint32
	if !a.Reading() {
		counts, next = make([]float32, 0, 2*len(m.states)), make([]uint32, 0, 2*len(m.states))
		for i := range m.states {
			counts, next = append(counts, m.states[i].count[:]...), append(next, m.states[i].next[:]...)
		}
	}
	predictors.Value(a, &m.resets)
	predictors.Slice(a, &counts)
	predictors.Slice(a, &next)
	if a.Reading() && a.Err() == nil {
		if err := m.rebuild(counts, next); err != nil {
			m.begin()
			a.Fail(err)
		}
	}
}

func (m *machine) rebuild(counts []float32, next []uint32) error {
	n := len(counts) / 2
	if len(counts) != 2*n || len(next) != 2*n || n < m.beginnings() {
		return fmt.Errorf("dmc: %d counts and %d edges saved, want as many, at least %d", len(counts), len(next), 2*m.beginnings())
	}
	m.states = make([]state, n)
	for i := range m.states {
		for y := range 2 {
			c, to := counts[2*i+y], next[2*i+y]
			if !(c >= 0 && c <= mostCount) || int(to) >= n {
				return fmt.Errorf("dmc: saved state %d has a count of %v and an edge to %d, want 0 to %d and below %d", i, c, to, mostCount, n)
			}
			m.states[i].count[y], m.states[i].next[y] = c, to
		}
		if s := &m.states[i]; s.count[0]+s.count[1] == 0 && m.b > 0 {
			return fmt.Errorf("dmc: saved state %d was never left", i)
		}
	}
	return nil
}
