package ppmd

import (
	"math"
	"math/bits"
)

// The mixture, an option: PPMII's answers and direct estimates by every order
// up to D, mixed in the logistic domain (Mahoney 2005, "Adaptive weighing of
// context models for lossless data compression", CS-2005-16; the estimates are
// in the manner of his lpaq, 2007).
//
// PPMII is read as a series of questions. In the contexts it would look at,
// longest first, it asks for each symbol y not ruled out, in the order of its
// states: is it y? Its own answer is q₀ = f(y)/(what is left of the context's
// total), from the table for a binary context; at the escape the next context
// asks on. The other answers are q_{d+1}, 0 ≤ d ≤ D: how often y was the answer
// when it was asked for after the last d symbols, an adaptive mean, or ½ where
// it never was. With st(q) = ln(q/(1−q)), the weights u chosen by the length
// of the asking context and the number of questions before, v by y,
//
//	q = 1/(1 + e^−s),  s = ½ Σ_i (u_i + v_i) st(q_i)
//
// and u and v each go down the gradient of the loss of the answer they would
// give alone. The symbols left to the empty context share what is left as in
// PPMII. So P_mix(x) = q(x) Π (1 − q) over the questions before; the
// probability is (1−ε) P_mix + ε P_PPMII, so that no symbol costs 16 bits more
// than in PPMII.
//
// Departures from Mahoney: questions are about symbols, not bits, since PPMII's
// order makes them few (on English three and a half to a symbol). Two strings
// that share a slot of the table take it from each other.
//
// A question takes O(D) time. Predict asks one for each symbol ever seen after
// the last one.

const (
	maxMixOrder = 16
	mixRate     = 0.003 // of learning
	startPPMII  = 0.6   // the weight of its answer to begin with
	startDirect = 0.08  // those of the others
	mixFloor    = 1.0 / (1 << 16)
	slotLimit   = 20 // observations that the mean of a slot is over
)

// A mixer is the parameters of the mixture.
type mixer struct {
	orders   int       // D + 1, or 0 if there is no mixture
	slots    []uint32  // probability·2¹⁶, check·2⁸, observations; a power of two
	byLength []float64 // rows of weights: by length and questions before
	bySymbol []float64 // by the symbol asked for
}

func (m *mixer) init(d int, memory int64, order, a int) {
	m.orders = d + 1
	m.slots = make([]uint32, 1<<(bits.Len64(uint64(memory/4))-1))
	m.byLength = m.firstWeights((order + 1) * 4)
	m.bySymbol = m.firstWeights(a)
}

func (m *mixer) firstWeights(rows int) []float64 {
	w := make([]float64, rows*(m.orders+1))
	for i := range w {
		w[i] = startDirect
		if i%(m.orders+1) == 0 {
			w[i] = startPPMII
		}
	}
	return w
}

// A question asks whether a symbol comes.
type question struct {
	symbol uint32
	u, v   uint32 // where its weights begin
	answer float64
	slots  [maxMixOrder + 1]uint32
	checks [maxMixOrder + 1]uint8
	inputs [maxMixOrder + 2]float64 // st(q_i)
}

// past is the last symbols plus one, the last first, 0 before the first.
type past [maxMixOrder]uint32

func (h *past) push(x uint32) {
	copy(h[1:], h[:maxMixOrder-1])
	h[0] = x + 1
}

// hashes are of the last 0, 1, …, D symbols.
func (h *past) hashes(to []uint64) {
	v := uint64(0)
	for d := range to {
		if d > 0 {
			v = (v + uint64(h[d-1])) * 0x9e3779b97f4a7c15
			v ^= v >> 29
		}
		to[d] = v + uint64(d)
	}
}

// mixing is a walk's scratch.
type mixing struct {
	asked  []question // those on the way to the walk's symbol
	other  question   // the one at hand otherwise
	hashes [maxMixOrder + 1]uint64
	probs  []float64
}

// blend is (1−ε) P_mix + ε P_PPMII. The conversion keeps compilers from
// fusing.
func blend(ppmii, mixed float64) float64 {
	return float64(mixFloor*ppmii) + float64((1-mixFloor)*mixed)
}

// mixed is P_mix(x) for the x of w.
func (p *ppmd) mixed(w *walk) float64 {
	if !w.answered {
		w.answered, w.mixed = true, p.ask(w.x, nil)
	}
	return w.mixed
}

// predictMixed turns PPMII's probabilities into the mixture's.
func (p *ppmd) predictMixed(probs []float64) {
	if p.probs == nil {
		p.probs = make([]float64, p.a)
	}
	p.ask(0, p.probs)
	for x, v := range p.probs {
		probs[x] = blend(probs[x], v)
	}
}

// ask goes through the questions. With probs it answers for all symbols.
// Without it keeps its questions, stops at x and returns P_mix(x).
func (p *ppmd) ask(x uint32, probs []float64) float64 {
	w := &p.walk
	w.unmask(p.a)
	if probs == nil {
		p.asked = p.asked[:0]
	}
	left, c, depth, masked, n := 1.0, p.at, p.depth, uint32(0), 0
	p.past.hashes(p.hashes[:p.orders])
	if only, kind, ok := p.binaryTop(); ok {
		length := depth
		if p.ghost.text != 0 {
			length = p.ghost.depth
		}
		q := p.question(only, length, n, p.likely(kind), probs == nil)
		n++
		if probs != nil {
			probs[only] = q
		} else if only == x {
			return q
		}
		left, masked = 1-q, 1
		w.masks[only] = w.now
	}
	for ; ; depth, c = depth-1, p.contexts[c].suffix {
		d := &p.contexts[c]
		if d.n == masked {
			continue
		}
		all := p.of(d)
		sum := w.unmasked(all)
		escape, _ := p.escape(c, masked, sum)
		rest := sum + escape
		total := float64(rest)
		for i := range all {
			y, f := all[i].symbol(), all[i].freq()
			if w.masks[y] == w.now {
				continue
			}
			q := float64(f) / total // what the root gives is shared
			if c == root {
				q = left * q
			} else if rest == f { // nothing else can come
				q, left = left, 0
			} else {
				answer := p.question(y, depth, n, float64(f)/float64(rest), probs == nil)
				n++
				q, left = left*answer, left*(1-answer)
				rest -= f
			}
			if probs != nil {
				probs[y] = q
			} else if y == x {
				return q
			}
		}
		if d.n == uint32(p.a) {
			return 0
		}
		w.mask(all)
		masked = d.n
	}
}

// question answers whether y comes, after n questions before, in a context of
// the given length where PPMII's answer is q.
func (p *ppmd) question(y uint32, length, n int, q float64, keep bool) float64 {
	a := &p.other
	if keep {
		p.asked = append(p.asked, question{})
		a = &p.asked[n]
	}
	a.symbol = y
	width := uint32(p.orders + 1)
	a.u, a.v = width*uint32(4*length+min(n, 3)), width*y
	a.inputs[0] = math.Log(q / (1 - q))
	for d, h := range p.hashes[:p.orders] {
		v := (h*31 + uint64(y)) * 0x9e3779b97f4a7c15
		slot, check := uint32(v>>32)&uint32(len(p.slots)-1), uint8(v>>24)
		a.slots[d], a.checks[d] = slot, check
		a.inputs[d+1] = 0
		if s := p.slots[slot]; uint8(s>>8) == check && s&0xff > 0 {
			a.inputs[d+1] = stretches[s>>20]
		}
	}
	s := p.dot(a, p.byLength[a.u:]) + p.dot(a, p.bySymbol[a.v:])
	a.answer = squash(s / 2)
	return a.answer
}

// dot multiplies the inputs by weights. The conversions keep compilers from
// fusing, so that all machines agree.
func (m *mixer) dot(a *question, weights []float64) float64 {
	s := 0.0
	for i, v := range a.inputs[:m.orders+1] {
		s += float64(weights[i] * v)
	}
	return s
}

// squash is 1/(1 + e^−s), kept from 0 and 1.
func squash(s float64) float64 { return 1 / (1 + math.Exp(-max(-15, min(s, 15)))) }

// stretches has st at the middles of 2¹² intervals.
var stretches = func() (t [1 << 12]float64) {
	for i := range t {
		q := (float64(i) + 0.5) / (1 << 12)
		t[i] = math.Log(q / (1 - q))
	}
	return t
}()

// learnMix moves weights and slots by the answers to the questions asked, of
// which that for x, if any, is the last.
func (p *ppmd) learnMix(x uint32) {
	for i := range p.asked {
		a := &p.asked[i]
		came := 0.0
		if a.symbol == x {
			came = 1
		}
		for _, weights := range [2][]float64{p.byLength[a.u:], p.bySymbol[a.v:]} {
			step := mixRate * (came - squash(p.dot(a, weights)))
			for j, v := range a.inputs[:p.orders+1] {
				weights[j] += float64(step * v)
			}
		}
		for d := range p.orders {
			p.slots[a.slots[d]] = observe(p.slots[a.slots[d]], a.checks[d], a.symbol == x)
		}
	}
}

// observe moves the mean of a slot by 1/(n + 3/2) of the way after n
// observations, or begins a new one at 0.4.
func observe(slot uint32, check uint8, came bool) uint32 {
	q, n := int64(slot>>16), int64(slot&0xff)
	if uint8(slot>>8) != check || n == 0 {
		q, n = 26214, 0 // 0.4
	}
	goal := int64(0)
	if came {
		goal = 1<<16 - 1
	}
	q += (goal - q) * 2 / (2*n + 3)
	return uint32(q)<<16 | uint32(check)<<8 | uint32(min(n+1, slotLimit))
}
