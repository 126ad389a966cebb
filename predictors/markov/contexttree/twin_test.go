package contexttree

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"horizon/predictors"
)

// An event is a symbol in a context, the newest symbol first.
type event struct {
	context string
	x       int
}

// prior is that of Kontoyiannis et al. 2022 over trees and laws; α = β = ½ for
// two symbols is that of Willems et al. 1995.
type prior struct {
	a, depth    int
	alpha, beta float64
}

func number(x float64) *big.Float { return new(big.Float).SetPrec(128).SetFloat64(x) }

// estimate is P_e of the events.
func (r prior) estimate(events []event) *big.Float {
	p, n, total := number(1), make([]int, r.a), 0
	for _, e := range events {
		p.Mul(p, number(float64(n[e.x])+r.alpha))
		p.Quo(p, number(float64(total)+r.alpha*float64(r.a)))
		n[e.x]++
		total++
	}
	return p
}

// below are the events whose context has symbol y at position d.
func below(events []event, d int, y byte) (out []event) {
	for _, e := range events {
		if e.context[d] == y {
			out = append(out, e)
		}
	}
	return out
}

// block is P_w of the events at depth d, by its definition.
func (r prior) block(events []event, d int) *big.Float {
	p := r.estimate(events)
	if d == r.depth || len(events) == 0 {
		return p
	}
	split := number(1 - r.beta)
	for y := range r.a {
		split.Mul(split, r.block(below(events, d, byte(y)), d+1))
	}
	return split.Add(split, p.Mul(p, number(r.beta)))
}

// next is the probability of x in a context after the events, of which whole
// is the block probability.
func (r prior) next(events []event, whole *big.Float, context string, x int) float64 {
	with := append(append([]event(nil), events...), event{context, x})
	q := new(big.Float).Quo(r.block(with, 0), whole)
	f, _ := q.Float64()
	return f
}

// bitTwin keeps the events of every binary tree.
type bitTwin struct {
	a, width, depth int
	factored, high  bool
	events          [][]event
	whole           []*big.Float // block probabilities of events; nil if not known
	past            []byte       // bits, the oldest first
}

func newBitTwin(a, depth int, factored, high bool) *bitTwin {
	width := 0
	for 1<<width < a {
		width++
	}
	return &bitTwin{a: a, width: width, depth: depth, factored: factored, high: high, events: make([][]event, width+1), whole: make([]*big.Float, width+1), past: make([]byte, 100)}
}

// word is the bits of x.
func (tw *bitTwin) word(x int) []byte {
	w := make([]byte, tw.width)
	for j := range w {
		w[j] = byte(x >> j & 1)
		if tw.high {
			w[j] = byte(x >> (tw.width - 1 - j) & 1)
		}
	}
	return w
}

// free reports whether both values of bit j are possible after those before.
func (tw *bitTwin) free(word []byte, j int) bool {
	var seen [2]bool
	for x := range tw.a {
		if w := tw.word(x); string(w[:j]) == string(word[:j]) {
			seen[w[j]] = true
		}
	}
	return seen[0] && seen[1]
}

// place is the tree of bit j, its depth, and the context there.
func (tw *bitTwin) place(word []byte, j int) (tree, depth int, context string) {
	depth = tw.depth
	if tw.factored {
		tree, depth = j, depth+j
	}
	all := append(append([]byte(nil), tw.past...), word[:j]...)
	c := make([]byte, depth)
	for i := range c {
		c[i] = all[len(all)-1-i]
	}
	return tree, depth, string(c)
}

func (tw *bitTwin) prob(x int) float64 {
	p, word := 1.0, tw.word(x)
	for j, b := range word {
		if tw.free(word, j) {
			tree, depth, context := tw.place(word, j)
			r := prior{2, depth, 0.5, 0.5}
			if tw.whole[tree] == nil {
				tw.whole[tree] = r.block(tw.events[tree], 0)
			}
			p *= r.next(tw.events[tree], tw.whole[tree], context, int(b))
		}
	}
	return p
}

func (tw *bitTwin) learn(x int) {
	word := tw.word(x)
	for j, b := range word {
		if tw.free(word, j) {
			tree, _, context := tw.place(word, j)
			tw.events[tree], tw.whole[tree] = append(tw.events[tree], event{context, int(b)}), nil
		}
	}
	tw.observe(x)
}

func (tw *bitTwin) observe(x int) { tw.past = append(tw.past, tw.word(x)...) }

// tangle is a text with repetitions, so that contexts come again and part in
// many places.
func tangle(a, n int, seed uint64) symbols {
	r := rand.New(rand.NewPCG(seed, 5))
	xs := make(symbols, 0, n)
	for len(xs) < n {
		if len(xs) > 4 && r.IntN(3) > 0 {
			from, k := r.IntN(len(xs)-3), 3+r.IntN(6)
			for i := from; i < min(from+k, len(xs)) && len(xs) < n; i++ {
				xs = append(xs, xs[i])
			}
		} else {
			xs = append(xs, predictors.Symbol(r.IntN(a)))
		}
	}
	return xs
}

// compare checks every probability against the twin's: while learning, and
// then frozen, walking over another text.
func compare(t *testing.T, p predictors.Predictor, n int, tolerance float64, prob func(int) float64, learn, observe, reset func(int)) {
	t.Helper()
	a := p.Alphabet()
	q := make([]float64, a)
	check := func(when string, i int) {
		t.Helper()
		p.Predict(q)
		for x := range q {
			if want := prob(x); !(math.Abs(q[x]-want) <= tolerance*want) {
				t.Fatalf("%s symbol %d: P(%d) = %v, want %v", when, i, x, q[x], want)
			}
		}
	}
	for i, x := range tangle(a, n, uint64(a)) {
		if i%4 == 0 || i > n-8 {
			check("learning", i)
		}
		if i == n/2 { // another document, its beginning not learned
			p.Reset()
			reset(0)
			p.Observe(x)
			observe(int(x))
		}
		p.(predictors.Learner).Learn(x)
		learn(int(x))
	}
	p = p.Fork()
	for i, x := range tangle(a, 12, uint64(a)) {
		check("frozen", i)
		p.Observe(x)
		observe(int(x))
	}
}

func TestCTWEqualsItsDefinition(t *testing.T) {
	for _, a := range []int{1, 2, 3, 5, 8} {
		for _, depth := range []int{0, 1, 4, 9} {
			for form := range 4 {
				c := &CTWConfig{Depth: depth, Form: [2]string{"binary", "factored"}[form/2], First: [2]string{"low", "high"}[form%2]}
				t.Run(fmt.Sprintf("%d/%d/%s/%s", a, depth, c.Form, c.First), func(t *testing.T) {
					p, err := c.New(predictors.Env{Alphabet: a})
					if err != nil {
						t.Fatal(err)
					}
					tw := newBitTwin(a, depth, form/2 == 1, form%2 == 1)
					compare(t, p, 28, 1e-11, tw.prob, tw.learn, tw.observe, func(int) { tw.past = make([]byte, 100) })
				})
			}
		}
	}
}

// switchTwin is context-tree switching with every node made, and every node
// visited. A node that has met one context only follows the law of two models
// and starts mixing with the weights that have come of that.
type switchTwin struct {
	*bitTwin
	skips bool
	nodes map[string]*switchNode
	t     int // bits since the beginning
}

type switchNode struct {
	n      [2]float32
	only   string    // context met so far
	stop   float64   // while there is one
	weight []float64 // estimate, child, skips; nil while there is one
}

func (tw *switchTwin) visit(key, context string, d, tree, depth int, whole bool, bit byte, learn bool) float64 {
	v := tw.nodes[key]
	if v == nil {
		if !learn {
			return 0.5
		}
		v = &switchNode{stop: 0.075, only: context[d:]}
		tw.nodes[key] = v
	}
	e := (float64(v.n[bit]) + 0.0625) / (float64(v.n[0]) + float64(v.n[1]) + 0.125)
	if learn {
		defer func() {
			v.n[0] *= 0.98
			v.n[1] *= 0.98
			v.n[bit]++
		}()
	}
	if d == depth {
		return e
	}
	var models []float64
	child := func(at int, mark string) float64 {
		return tw.visit(key+mark+string('0'+context[at]), context, at+1, tree, depth, whole && mark == "", bit, learn)
	}
	models = append(models, e, child(d, ""))
	if tw.skips && whole && d >= tree && (d-tree)%tw.width == 0 {
		for at := d + tw.width; at+tw.width <= depth; at += tw.width {
			models = append(models, child(at, strings.Repeat("*", (at-d)/tw.width)))
		}
	}
	a := 1 / float64(tw.t-tree+3)
	n := float64(len(models))
	if v.weight == nil && v.only == context[d:] {
		if learn {
			v.stop = a + (1-2*a)*v.stop
		}
		return e
	}
	w := v.weight
	if w == nil {
		w = make([]float64, len(models))
		for i := range w {
			prior := [3]float64{0.075, 0.85, 0.075 / (n - 2)}[min(i, 2)]
			if n == 2 {
				prior = [2]float64{0.075, 0.925}[i]
			}
			w[i] = 1/n + (prior-1/n)*math.Pow((v.stop-0.5)/(0.075-0.5), n/(n-1)/2)
		}
	}
	p := 0.0
	for i := range models {
		p += w[i] * models[i]
	}
	if learn {
		v.weight = make([]float64, len(w))
		for i := range w {
			v.weight[i] = (a + ((1-a)*n-1)*w[i]*models[i]/p) / (n - 1)
		}
	}
	return p
}

func (tw *switchTwin) walk(x int, learn bool) float64 {
	p, word := 1.0, tw.word(x)
	for j, b := range word {
		if tw.free(word, j) {
			tree, depth, context := tw.place(word, j)
			p *= tw.visit(fmt.Sprint(tree, ":"), context, 0, tree, depth, true, b, learn)
		}
		if learn {
			tw.t++
		}
	}
	if learn {
		tw.observe(x)
	}
	return p
}

func TestCTSEqualsItsDefinition(t *testing.T) {
	for _, a := range []int{1, 2, 3, 5, 8} {
		for _, depth := range []int{0, 1, 4, 9, 13} {
			for form := range 6 {
				c := &CTSConfig{Depth: depth, Form: [3]string{"binary", "factored", "factored"}[form/2], First: [2]string{"low", "high"}[form%2], Skips: form / 4}
				if a == 2 && c.Skips > 0 && depth > 9 {
					continue // 2^depth nodes a bit
				}
				t.Run(fmt.Sprintf("%d/%d/%s/%s/%d", a, depth, c.Form, c.First, c.Skips), func(t *testing.T) {
					p, err := c.New(predictors.Env{Alphabet: a})
					if err != nil {
						t.Fatal(err)
					}
					tw := &switchTwin{bitTwin: newBitTwin(a, depth, form/2 > 0, form%2 == 1), skips: form/4 > 0, nodes: map[string]*switchNode{}}
					compare(t, p, 80, 1e-9, func(x int) float64 { return tw.walk(x, false) }, func(x int) { tw.walk(x, true) }, tw.observe,
						func(int) { tw.past = make([]byte, 100); tw.t += windowBits }) // the pause between documents is time too
				})
			}
		}
	}
}

// volfTwin is Volf's recursion with every node made.
type volfTwin struct {
	a, depth int
	h        huffman
	nodes    map[string]*volfNode
	past     string
}

type volfNode struct {
	n    [2]int
	beta float64
}

// visit returns the probability of the bit at a node and below, given that
// context is what is left of the past, its newest symbol last.
func (tw *volfTwin) visit(key, context string, d int, bit int, learn bool) float64 {
	v := tw.nodes[key]
	if v == nil {
		v = &volfNode{beta: 1}
		if learn {
			tw.nodes[key] = v
		}
	}
	e := (float64(v.n[bit]) + 1.0/16) / (float64(v.n[0]+v.n[1]) + 1.0/8)
	p := e
	if d < tw.depth {
		last := context[len(context)-3:]
		q := tw.visit(key+last, context[:len(context)-3], d+1, bit, learn)
		p = (v.beta*e + q) / (v.beta + 1)
		if learn {
			v.beta = math.Min(math.Max(v.beta*e/q, 1.0/1500000), 1500000)
		}
	}
	if learn {
		if v.n[bit]++; v.n[bit] > 256 {
			v.n = [2]int{(v.n[0] + 1) / 2, (v.n[1] + 1) / 2}
		}
	}
	return p
}

func (tw *volfTwin) walk(x int, learn bool) float64 {
	p := 1.0
	for k := int32(0); len(tw.h.inner) > 0; {
		side := 0
		if tw.below(tw.h.inner[k][1], x) {
			side = 1
		}
		p *= tw.visit(fmt.Sprint(k, ":"), tw.past, 0, side, learn)
		if k = tw.h.inner[k][side]; k < 0 {
			break
		}
	}
	if learn {
		tw.observe(x)
	}
	return p
}

// below reports whether symbol x is below node c of the Huffman tree.
func (tw *volfTwin) below(c int32, x int) bool {
	if c < 0 {
		return int(^c) == x
	}
	return tw.below(tw.h.inner[c][0], x) || tw.below(tw.h.inner[c][1], x)
}

func (tw *volfTwin) observe(x int) { tw.past += fmt.Sprintf("%3d", x) }
func (tw *volfTwin) reset(int)     { tw.past = strings.Repeat("  $", tw.depth) }

func TestDecomposedEqualsItsDefinition(t *testing.T) {
	for _, a := range []int{1, 2, 3, 5, 40} {
		for _, depth := range []int{0, 1, 3, 6} {
			for _, n := range []int{60, 3000} {
				if n > 60 && (a != 2 || depth > 3) {
					continue // long enough for counts to be halved
				}
				t.Run(fmt.Sprintf("%d/%d/%d", a, depth, n), func(t *testing.T) {
					p, err := (&VolfConfig{Depth: depth, Variant: "volf"}).New(predictors.Env{Alphabet: a})
					if err != nil {
						t.Fatal(err)
					}
					counts := make([]uint64, a)
					for _, x := range tangle(a, 50, 3) {
						counts[x]++
					}
					p.(*volf).clear(counts)
					tw := &volfTwin{a: a, depth: depth, h: newHuffman(counts, false), nodes: map[string]*volfNode{}}
					tw.reset(0)
					compare(t, p, n, 1e-10, func(x int) float64 { return tw.walk(x, false) }, func(x int) { tw.walk(x, true) }, tw.observe, tw.reset)
				})
			}
		}
	}
}

func TestKaryEqualsItsDefinition(t *testing.T) {
	for _, a := range []int{1, 2, 4, 11} {
		for _, depth := range []int{0, 1, 3, 5} {
			c := &KaryConfig{Depth: depth, Alpha: 0.3, Beta: 0.7}
			p, err := c.New(predictors.Env{Alphabet: a})
			if err != nil {
				t.Fatal(err)
			}
			r := prior{a, depth, c.Alpha, c.Beta}
			var events []event
			var past []byte
			context := func() string {
				b := make([]byte, 0, depth)
				for i := 0; i < min(depth, len(past)); i++ {
					b = append(b, past[len(past)-1-i])
				}
				return string(b)
			}
			prob := func(x int) float64 {
				s := context()
				if len(s) == depth {
					return r.next(events, r.block(events, 0), s, x)
				}
				// Where the past is short the tree ends with it, and what was
				// counted there keeps the ratios it has: no block probability.
				q := make([]float64, a)
				p.Predict(q)
				return q[x]
			}
			observe := func(x int) { past = append(past, byte(x)) }
			learn := func(x int) {
				if s := context(); len(s) == depth {
					events = append(events, event{s, x})
				}
				observe(x)
			}
			compare(t, p, 60, 1e-10, prob, learn, observe, func(int) { past = nil })
		}
	}
}

// Every code is a tree: with the free bits, words are as many as symbols and
// Kraft's sum is 1.
func TestCodes(t *testing.T) {
	for _, a := range []int{1, 2, 3, 5, 6, 27, 256, 300} {
		for _, high := range []bool{false, true} {
			c := newCode(a, high)
			kraft := 0.0
			for x := range a {
				s, n := 0, 0
				for j := range c.width {
					w := c.weight(j)
					if s+w < a {
						n++
					}
					s += x & w
				}
				if s != x {
					t.Fatalf("A = %d: the bits of %d make %d", a, x, s)
				}
				kraft += math.Exp2(-float64(n))
			}
			if kraft != 1 {
				t.Errorf("A = %d, high = %v: Kraft's sum is %v", a, high, kraft)
			}
		}
	}
}

func TestHistory(t *testing.T) {
	var h history
	h.clear()
	r := rand.New(rand.NewPCG(1, 1))
	all := make([]uint64, 64)
	for range 500 {
		x, k := r.Uint64(), 1+r.IntN(64)
		x &= ^uint64(0) >> (64 - k)
		h.push(x, k)
		for i := range k {
			all = append(all, x>>i&1)
		}
		for range 3 {
			at := 64 + r.IntN(len(all)-63)
			want := uint64(0)
			for i := range 64 {
				want |= all[at-1-i] << (63 - i)
			}
			if got := h.window(uint32(at)); got != want {
				t.Fatalf("window(%d) of %d = %x, want %x", at, h.n, got, want)
			}
			if at < len(all) && uint64(h.bit(uint32(at))) != all[at] {
				t.Fatalf("bit(%d) = %d, want %d", at, h.bit(uint32(at)), all[at])
			}
		}
	}
	if int(h.n) != len(all) || bits.Len(uint(len(h.words))) == 0 {
		t.Fatalf("%d bits, want %d", h.n, len(all))
	}
}
