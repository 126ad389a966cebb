package ppmd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"horizon/predictors"
)

// slow is PPMII by nodes and pointers, after the description in ppmd.go and
// the paper, with contexts in a map by their strings.
type slow struct {
	a, order int
	nodes    map[string]*slowNode
	text     []int // -1 where learning broke off
	broken   bool  // the text does not end in the present place
	binary   map[[5]int]int
	escapes  map[[4]int]*slowEscape

	at            *slowNode
	past          []int
	ghostAt       int // a position of text, or -1
	ghostLength   int
	success, long bool // the last prediction came true; a run of them is on
	run           int
	last          int
}

type slowNode struct {
	name   string
	length int
	suffix *slowNode
	seen   []*slowState
	escape int // of contexts of several symbols: total less frequencies
}

type slowState struct {
	symbol, freq int
	next         *slowNode
	raw          int // where what followed is read, -1 if unknown or next is
}

type slowEscape struct{ sum, shift, left int }

func newSlow(a, order int) *slow {
	s := &slow{a: a, order: order, nodes: map[string]*slowNode{}, binary: map[[5]int]int{}, escapes: map[[4]int]*slowEscape{}}
	r := &slowNode{escape: 1}
	for x := range a {
		r.seen = append(r.seen, &slowState{symbol: x, freq: 1, raw: -1})
	}
	s.nodes[""] = r
	s.reset()
	return s
}

func (s *slow) reset() {
	s.at, s.past, s.ghostAt, s.broken = s.nodes[""], nil, -1, true
	s.success, s.last = false, 0
	s.run = -min(s.order, 12) - 1
}

func (n *slowNode) find(x int) *slowState {
	for _, s := range n.seen {
		if s.symbol == x {
			return s
		}
	}
	return nil
}

func (n *slowNode) total() int {
	t := n.escape
	for _, s := range n.seen {
		t += s.freq
	}
	return t
}

func (s *slow) high(x int) int {
	if 4*x >= s.a {
		return 1
	}
	return 0
}

func (s *slow) flags(x int) (k int) {
	if s.success {
		k |= 1
	}
	if s.run < 0 {
		k |= 2
	}
	return k | s.high(s.last)<<2 | s.high(x)<<3
}

// binaryOf is the estimate of a binary context: P is out of 2¹⁴.
func (s *slow) binaryOf(freq, x, below int) ([5]int, int) {
	size := 3
	for i, least := range []int{2, 3, 12} {
		if below < least {
			size = i
			break
		}
	}
	k := [5]int{freq, size, s.flags(x)}
	p, ok := s.binary[k]
	if !ok {
		first := []int{0x3cdd, 0x1f3f, 0x59bf, 0x48f3, 0x64a1, 0x5abc, 0x6632, 0x6051}
		p = 1<<14 - first[s.flags(x)&1|size<<1]/(freq+1)
	}
	return k, p
}

// row is quantum by its rule: rows from the fourth on take in 1, 2, 3, … counts.
func row(n int) int {
	if n <= 3 {
		return n - 1
	}
	r, top := 3, 4
	for n > top {
		r++
		top += r - 2
	}
	return r
}

func (s *slow) escapeOf(n *slowNode, masked int) *slowEscape {
	left, k := len(n.seen)-masked, 0
	if left < len(n.suffix.seen)-len(n.seen) {
		k |= 1
	}
	if n.total() < 11*len(n.seen) {
		k |= 2
	}
	if masked > left {
		k |= 4
	}
	key := [4]int{row(left), k, s.high(s.last)}
	if s.escapes[key] == nil {
		s.escapes[key] = &slowEscape{sum: (5*row(left) + 10) * 8, shift: 3, left: 4}
	}
	return s.escapes[key]
}

// A slowLook is a context on the way down with the probabilities it gives.
type slowLook struct {
	node   *slowNode
	binary [5]int
	means  *slowEscape
	total  int
}

// walk calls visit with each context's law over the symbols not ruled out; it
// stops where visit says so or no escape is left.
func (s *slow) walk(visit func(l slowLook, law map[int]float64, escape float64) (stop bool)) {
	out := map[int]bool{}
	binary := func(node *slowNode, freq, x, below int) bool {
		k, p := s.binaryOf(freq, x, below)
		out[x] = true
		q := float64(p) / (1 << 14)
		return visit(slowLook{node: node, binary: k}, map[int]float64{x: q}, 1-q)
	}
	n := s.at
	if s.ghostAt >= 0 {
		below := 1
		if s.ghostLength == n.length+1 {
			below = len(n.seen)
		}
		y := s.text[s.ghostAt]
		if binary(n, s.inherit(n, y), y, below) {
			return
		}
	} else if len(n.seen) == 1 {
		if binary(n, n.seen[0].freq, n.seen[0].symbol, len(n.suffix.seen)) {
			return
		}
	}
	for ; ; n = n.suffix {
		if len(n.seen) == len(out) {
			continue
		}
		l, sum, escape := slowLook{node: n}, 0, n.escape
		for _, t := range n.seen {
			if !out[t.symbol] {
				sum += t.freq
			}
		}
		if len(n.seen) == s.a {
			escape = 0
		} else if len(out) > 0 {
			l.means = s.escapeOf(n, len(out))
			escape = max(1, l.means.sum>>l.means.shift)
		}
		l.total = sum + escape
		law := map[int]float64{}
		for _, t := range n.seen {
			if !out[t.symbol] {
				law[t.symbol] = float64(t.freq) / float64(l.total)
				out[t.symbol] = true
			}
		}
		if visit(l, law, float64(escape)/float64(l.total)) || escape == 0 {
			return
		}
	}
}

func (s *slow) predict() []float64 {
	p, mass := make([]float64, s.a), 1.0
	s.walk(func(l slowLook, law map[int]float64, escape float64) bool {
		for x, q := range law {
			p[x] = mass * q
		}
		mass *= escape
		return false
	})
	return p
}

// recall is what Observe and Learn remember alike of coding x, given the
// contexts passed and that it was found in.
func (s *slow) recall(x int, passed []slowLook, found slowLook) {
	s.success = false
	switch {
	case len(passed) > 0:
		s.run = -min(s.order, 12) - 1
	case found.binary[0] > 0:
		s.success = true
		s.run++
	case found.node.seen[0].symbol == x && 2*found.node.seen[0].freq > found.node.total():
		s.success = true
		s.run++
	}
	s.last = x
	s.past = append(s.past, x)
}

func (s *slow) code(x int) (passed []slowLook, found slowLook) {
	s.walk(func(l slowLook, law map[int]float64, _ float64) bool {
		if _, ok := law[x]; ok {
			found = l
			return true
		}
		passed = append(passed, l)
		return false
	})
	return passed, found
}

func (s *slow) inherit(n *slowNode, y int) int {
	f := n.find(y).freq
	if len(n.seen) == 1 {
		return f
	}
	f--
	rest := n.total() - len(n.seen) - f
	if 2*f > rest {
		return min(128, 1+(2*f+3*rest-1)/(2*rest))
	}
	if 5*f > rest {
		return 2
	}
	return 1
}

func name(xs []int) string {
	var b strings.Builder
	for _, x := range xs {
		fmt.Fprintf(&b, "%d,", x)
	}
	return b.String()
}

// longest is the definition of the place: the longest suffix of the past, up
// to the order, that is a context.
func (s *slow) longest() *slowNode {
	for k := min(len(s.past), s.order); ; k-- {
		if n := s.nodes[name(s.past[len(s.past)-k:])]; n != nil {
			return n
		}
	}
}

func (s *slow) known(at int) bool { return at >= 0 && at < len(s.text) && s.text[at] >= 0 }

func (s *slow) observe(x int) {
	passed, found := s.code(x)
	s.recall(x, passed, found)
	at, length := -1, 0
	if s.ghostAt >= 0 && len(passed) == 0 {
		at, length = s.ghostAt+1, s.ghostLength+1
	}
	for n := found.node; n != nil; n = n.suffix {
		t := n.find(x)
		if t.next != nil {
			break
		}
		if at < 0 && s.known(t.raw) {
			at, length = t.raw, n.length+1
		}
	}
	s.at, s.broken = s.longest(), true
	s.ghostAt, s.ghostLength = -1, min(length, s.order)
	if s.known(at) && s.ghostLength > s.at.length {
		s.ghostAt = at
	}
}

func (s *slow) learn(x int) {
	if s.broken {
		s.text = append(s.text, -1)
		s.broken, s.ghostAt = false, -1
	}
	passed, found := s.code(x)
	start := s.adapt(passed, found)
	s.recall(x, passed, found)
	s.update(x, len(passed) > 0, found.node, start)
}

// adapt moves the estimators. It returns what the escape of a context that
// stops being binary starts with.
func (s *slow) adapt(passed []slowLook, found slowLook) (start int) {
	for _, l := range passed {
		if l.binary[0] > 0 {
			p := s.expect(l.binary, 0, l.node)
			start = []int{25, 14, 9, 7, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2}[p>>10]
		} else if l.means != nil {
			l.means.sum += l.total - l.means.sum>>l.means.shift
		}
	}
	if found.binary[0] > 0 {
		s.expect(found.binary, 128, found.node)
	} else if e := found.means; e != nil {
		e.sum -= e.sum >> e.shift
		if e.shift < 7 {
			if e.left--; e.left == 0 {
				e.sum, e.left = 2*e.sum, 3<<e.shift
				e.shift++
			}
		}
	}
	return start
}

func (s *slow) expect(k [5]int, up int, n *slowNode) int {
	p, ok := s.binary[k]
	if !ok {
		_, p = s.binaryOf(n.seen[0].freq, n.seen[0].symbol, len(n.suffix.seen))
	}
	p += up - (p+32)/128
	s.binary[k] = p
	return p
}

// lift moves state t of n before the one in front of it.
func (n *slowNode) lift(t *slowState) {
	for i := 1; i < len(n.seen); i++ {
		if n.seen[i] == t {
			n.seen[i], n.seen[i-1] = n.seen[i-1], t
			return
		}
	}
}

func (n *slowNode) before(t *slowState) *slowState {
	for i := 1; i < len(n.seen); i++ {
		if n.seen[i] == t {
			return n.seen[i-1]
		}
	}
	return nil
}

func (s *slow) limit() int { return 124 * ((s.a + 255) / 256) }

func (s *slow) update(x int, escaped bool, c *slowNode, start int) {
	t := c.find(x)
	if len(c.seen) == 1 {
		t.freq = min(t.freq+1, 128)
	} else {
		t.freq += 4
		if b := c.before(t); !escaped && b != nil && t.freq > b.freq {
			c.lift(t)
		}
		if t.freq > s.limit() {
			s.halve(c, t)
		}
	}
	if b := c.suffix; c.length == s.order && t.next != nil {
		s.at = t.next
		return
	} else if b != nil && t.freq < 31 {
		u := b.find(x)
		if len(b.seen) == 1 {
			u.freq = min(u.freq+1, max(u.freq, 32))
		} else {
			if f := b.before(u); f != nil && u.freq >= f.freq {
				b.lift(u)
			}
			if u.freq < s.limit()-9 {
				u.freq += 2
			}
		}
	}
	from := s.at
	wrote := c.length < s.order
	if wrote {
		s.text = append(s.text, x)
	}
	if t.next != nil {
		s.at = t.next
	} else if s.at = s.realize(x, c); s.at == nil { // what came then is not known
		if !wrote {
			s.text = append(s.text, x)
		}
		for n := c; n != nil && n.find(x).next == nil; n = n.suffix {
			n.find(x).raw = len(s.text)
		}
		s.at = s.longest()
	}
	fresh := slowState{symbol: x, raw: len(s.text)}
	if s.at.length == s.order {
		fresh.next, fresh.raw = s.at, -1
		if wrote && from != c {
			s.text = s.text[:len(s.text)-1]
		}
	}
	f, others := t.freq, c.total()-len(c.seen)-(t.freq-1)
	for n := from; n != c; n = n.suffix {
		s.enter(n, fresh, f, others, len(c.seen), start)
	}
}

// realize makes the contexts that end in x, from the strings of c and its
// suffixes, that have come once; nil if what followed is not known.
func (s *slow) realize(x int, c *slowNode) *slowNode {
	var make []*slowNode
	base, at := s.nodes[""], -1
	for n := c; n != nil; n = n.suffix {
		if t := n.find(x); t.next != nil {
			base = t.next
			break
		}
		make = append(make, n)
		at = n.find(x).raw
	}
	if c.length == s.order {
		if len(make) == 1 {
			make[0].find(x).next = base
			return base
		}
	}
	if !s.known(at) {
		return nil
	}
	freq := s.inherit(base, s.text[at])
	for i := len(make) - 1; i >= 0; i-- {
		n := make[i]
		if n.length < s.order {
			base = &slowNode{name: n.name + name([]int{x}), length: n.length + 1, suffix: base,
				seen: []*slowState{{symbol: s.text[at], freq: freq, raw: at + 1}}}
			s.nodes[base.name] = base
		}
		n.find(x).next = base
	}
	return base
}

func (s *slow) enter(n *slowNode, t slowState, f, others, seen, start int) {
	total := n.total()
	if len(n.seen) == 1 {
		g := 120
		if n.seen[0].freq < 30 {
			g = 2 * n.seen[0].freq
		}
		n.seen[0].freq = g
		total = g + start
		if seen > 3 {
			total++
		}
	} else {
		was := total
		if 2*len(n.seen) < seen {
			total++
		}
		if 4*len(n.seen) <= seen && was <= 8*len(n.seen) {
			total += 2
		}
	}
	ratio := float64(2*(total+6)*f) / float64(others+total)
	switch {
	case ratio <= 1:
		t.freq = 1
	case ratio < 4:
		t.freq = 2
	case ratio < 6:
		t.freq = 3
	case ratio < 9:
		t.freq = 4
	case ratio < 12:
		t.freq = 5
	case ratio < 15:
		t.freq = 6
	default:
		t.freq = 7
	}
	total += max(t.freq, 3)
	n.seen = append(n.seen, &t)
	n.escape = 0
	n.escape = total - n.total()
}

// halve is rescaling.
func (s *slow) halve(n *slowNode, t *slowState) {
	up := 1
	if n.length == s.order {
		up = 0
	}
	list := []*slowState{t}
	for _, u := range n.seen {
		if u != t {
			list = append(list, u)
		}
	}
	t.freq += 4
	var sorted []*slowState
	lost := 0
	for _, u := range list {
		u.freq = (u.freq + up) / 2
		if u.freq == 0 {
			lost++
			continue
		}
		i := len(sorted)
		for i > 0 && sorted[i-1].freq < u.freq {
			i--
		}
		sorted = append(sorted[:i], append([]*slowState{u}, sorted[i:]...)...)
	}
	n.seen = sorted
	e := n.escape + lost
	n.escape = e - e/2
	if len(sorted) == 1 {
		for again := true; again; again = e > 1 {
			e /= 2
			sorted[0].freq = (sorted[0].freq + 1) / 2
		}
		n.escape = 0
	}
}

func TestAgainstDefinition(t *testing.T) {
	for _, a := range []int{2, 3, 6, 40, 300} {
		for _, order := range []int{2, 3, 5, 16} {
			rng := rand.New(rand.NewPCG(uint64(a), uint64(order)))
			made, err := (&Config{Order: order, Memory: 1 << 30}).New(predictors.Env{Alphabet: a})
			if err != nil {
				t.Fatal(err)
			}
			p, s := made.(*ppmd), newSlow(a, order)
			q := make([]float64, a)
			walk := func(xs []predictors.Symbol, learns bool) {
				for i, x := range xs {
					p.Predict(q)
					want := s.predict()
					for y := range q {
						one := q[y]
						if y < 9 || y == int(x) {
							one = p.Prob(predictors.Symbol(y))
						}
						if math.Abs(q[y]-want[y]) > 1e-12 || math.Abs(one-q[y]) > 1e-15 {
							t.Fatalf("A = %d, order %d, learning %v: after %d symbols P(%d) = %v and %v, want %v", a, order, learns, i, y, q[y], one, want[y])
						}
					}
					if learns {
						p.Learn(x)
						s.learn(int(x))
					} else {
						p.Observe(x)
						s.observe(int(x))
					}
					if l := s.longest(); l != s.at || l.length != p.depth {
						t.Fatalf("A = %d, order %d: after %d symbols at %q of depth %d, want %q", a, order, i, s.at.name, p.depth, l.name)
					}
				}
			}
			reset := func() { p.Reset(); s.reset() }
			walk(skewed(rng, a, 1200), true) // forgets symbols when it rescales
			for range 2 {
				walk(noise(rng, a, 500), true)
				reset()
				walk(noise(rng, a, 200), false)
				walk(noise(rng, a, 60), true) // on from where it was observed
				reset()
				for range 20 {
					walk(noise(rng, a, 1+rng.IntN(8)), true)
					reset()
				}
			}
		}
	}
}

// noise has repeats of many lengths, some constant, and some deterministic.
func noise(rng *rand.Rand, a, n int) []predictors.Symbol {
	xs := make([]predictors.Symbol, n)
	for i := range xs {
		switch u := rng.Float64(); {
		case i > 30 && u < 0.75:
			back := 1 + rng.IntN(2)*int(7+rng.IntN(3))
			xs[i] = xs[i-back]
		case u < 0.9:
			xs[i] = predictors.Symbol(rng.IntN(min(a, 4)))
		default:
			xs[i] = predictors.Symbol(rng.IntN(a))
		}
	}
	return xs
}

// skewed repeats two symbols for long, with rare errors.
func skewed(rng *rand.Rand, a, n int) []predictors.Symbol {
	xs := make([]predictors.Symbol, n)
	for i := range xs {
		xs[i] = predictors.Symbol(i / 3 % 2)
		if rng.IntN(70) == 0 {
			xs[i] = predictors.Symbol(rng.IntN(a))
		}
	}
	return xs
}
