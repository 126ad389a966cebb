package transformer

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// A twin is the model in float64, written from Phuong & Hutter 2022 and the
// papers of its variants, position by position without regard to time, and
// sharing no code with it but the names of the parameters and switches.
type twin struct {
	cfg      Config
	H        int
	tok, pos [][]float64
	seg      [][]float64
	head     [][]float64
	layers   []twinLayer
	gain     []float64
	bias     []float64
	mixQ     [][]float64 // of the head with one-hot values
	mixK     [][]float64
	sentinel []float64
	past     int // symbols of the document in front of the window
	rank     int // of products of query and key matrices; 0 leaves them, as training does
}

type twinLayer struct {
	gain1, bias1, gain2, bias2 []float64
	wqkv, wo, w1, w2           [][]float64 // [in][out]
	lag                        [][]float64 // [head][window − 1 − lag]
	bqkv, bo, b1, b2           []float64
}

// A pair is a parameter tensor of the twin, row by row, and where the fast
// model has the same tensor.
type pair struct {
	name string
	twin [][]float64
	fast func(w *weights) []float32
}

func newTwin(m *model) (*twin, []pair) {
	var pairs []pair
	matrix := func(name string, cols int, fast func(w *weights) []float32) [][]float64 {
		flat := fast(m.w)
		if len(flat) == 0 {
			return nil
		}
		out := make([][]float64, len(flat)/cols)
		for i := range out {
			for _, v := range flat[i*cols : (i+1)*cols] {
				out[i] = append(out[i], float64(v))
			}
		}
		pairs = append(pairs, pair{name, out, fast})
		return out
	}
	vector := func(name string, fast func(w *weights) []float32) []float64 {
		if rows := matrix(name, len(fast(m.w)), fast); rows != nil {
			return rows[0]
		}
		return nil
	}
	C := m.C
	t := &twin{H: m.H, cfg: m.cfg}
	t.tok = matrix("tok", C, func(w *weights) []float32 { return w.tok })
	if m.cfg.Positions == "" || m.cfg.Positions == "learned" {
		t.pos = matrix("pos", C, func(w *weights) []float32 { return w.pos })
	}
	if m.cfg.Segment > 0 {
		t.seg = matrix("seg", C, func(w *weights) []float32 { return w.seg })
	}
	if t.head = t.tok[:m.A]; !m.cfg.Tied {
		t.head = matrix("head", C, func(w *weights) []float32 { return w.head })
	}
	for l := range m.w.layers {
		at := func(f func(y *layer) []float32) func(w *weights) []float32 {
			return func(w *weights) []float32 { return f(&w.layers[l]) }
		}
		y := twinLayer{
			gain1: vector("gain1", at(func(y *layer) []float32 { return y.gain1 })),
			bias1: vector("bias1", at(func(y *layer) []float32 { return y.bias1 })),
			gain2: vector("gain2", at(func(y *layer) []float32 { return y.gain2 })),
			bias2: vector("bias2", at(func(y *layer) []float32 { return y.bias2 })),
			wqkv:  matrix("wqkv", len(m.w.layers[l].wqkv)/C, at(func(y *layer) []float32 { return y.wqkv })),
			wo:    matrix("wo", C, at(func(y *layer) []float32 { return y.wo })),
			w1:    matrix("w1", len(m.w.layers[l].w1)/C, at(func(y *layer) []float32 { return y.w1 })),
			w2:    matrix("w2", C, at(func(y *layer) []float32 { return y.w2 })),
			bqkv:  vector("bqkv", at(func(y *layer) []float32 { return y.bqkv })),
			bo:    vector("bo", at(func(y *layer) []float32 { return y.bo })),
			b1:    vector("b1", at(func(y *layer) []float32 { return y.b1 })),
			b2:    vector("b2", at(func(y *layer) []float32 { return y.b2 })),
		}
		if m.cfg.Positions == "relative" || m.cfg.Attention == "lag" {
			y.lag = matrix("lag", m.W, at(func(y *layer) []float32 { return y.lag }))
		}
		t.layers = append(t.layers, y)
	}
	t.gain = vector("gain", func(w *weights) []float32 { return w.gain })
	t.bias = vector("bias", func(w *weights) []float32 { return w.bias })
	if m.cfg.Values == "one-hot" {
		t.mixQ = matrix("mixQ", len(m.w.mixQ)/C, func(w *weights) []float32 { return w.mixQ })
		t.mixK = matrix("mixK", len(m.w.mixK)/C, func(w *weights) []float32 { return w.mixK })
		t.sentinel = vector("sentinel", func(w *weights) []float32 { return w.sentinel })
	}
	return t, pairs
}

// logits runs Algorithm 10 on a window and returns a row per position.
func (t *twin) logits(ids []int32) [][]float64 {
	var x [][]float64
	for i, id := range ids {
		x = append(x, plus(plus(t.tok[id], t.place(i)), t.segment(i)))
	}
	for _, y := range t.layers {
		// All rows of a part before any row of the next: attention reads what
		// the stream was.
		in, qkv := make([][]float64, len(x)), make([][]float64, len(x))
		for i := range x {
			in[i] = t.enter(x[i], y.gain1, y.bias1)
			qkv[i] = plus(times(in[i], y.wqkv), y.bqkv)
		}
		for i := range x {
			x[i] = t.leave(plus(x[i], plus(times(t.heads(y, in, qkv, i), y.wo), y.bo)), y.gain1, y.bias1)
		}
		for i := range x {
			if len(y.w1) > 0 {
				h := plus(times(t.enter(x[i], y.gain2, y.bias2), y.w1), y.b1)
				x[i] = t.leave(plus(x[i], plus(times(t.activate(h), y.w2), y.b2)), y.gain2, y.bias2)
			}
		}
	}
	var out [][]float64
	for i, row := range x {
		if t.cfg.NormAt != "post" {
			row = t.norm(row, t.gain, t.bias)
		}
		x[i] = row
		var z []float64
		for _, u := range t.head {
			z = append(z, inner(row, u))
		}
		if t.cfg.Values == "one-hot" {
			z = t.mixed(z, x[:i+1], ids)
		}
		out = append(out, z)
	}
	return out
}

// mixed is log P of the head with one-hot values behind the last of f.
func (t *twin) mixed(z []float64, f [][]float64, ids []int32) []float64 {
	scale := math.Sqrt(float64(len(t.sentinel)))
	q := times(f[len(f)-1], t.mixQ)
	weights := []float64{inner(q, t.sentinel) / scale}
	for _, row := range f[:len(f)-1] {
		weights = append(weights, inner(q, times(row, t.mixK))/scale)
	}
	weights = softmax64(weights)
	p := softmax64(z)
	for y := range p {
		p[y] *= weights[0]
	}
	for j, w := range weights[1:] {
		p[ids[j+1]] += w
	}
	for y := range p {
		p[y] = math.Log(p[y])
	}
	return p
}

// place is what the position adds to the embedding.
func (t *twin) place(i int) []float64 {
	C := len(t.tok[0])
	switch t.cfg.Positions {
	case "", "learned":
		return t.pos[i]
	case "sinusoidal":
		p := make([]float64, C)
		for c := range p {
			angle := float64(i) / math.Pow(10000, float64(2*(c/2))/float64(C))
			if p[c] = 0.1 * math.Sin(angle); c%2 == 1 {
				p[c] = 0.1 * math.Cos(angle)
			}
		}
		return p
	}
	return make([]float64, C)
}

// segment is what tells the first symbols of a document, with the start symbol and
// the prompt, from the rest.
func (t *twin) segment(i int) []float64 {
	switch symbol := t.past + i - t.cfg.Prompt; { // counted from 1
	case t.cfg.Segment == 0:
		return nil
	case i <= t.cfg.Prompt || symbol <= t.cfg.Segment:
		return t.seg[0]
	}
	return t.seg[1]
}

func (t *twin) enter(x, gain, bias []float64) []float64 {
	if t.cfg.NormAt == "post" {
		return x
	}
	return t.norm(x, gain, bias)
}

func (t *twin) leave(x, gain, bias []float64) []float64 {
	if t.cfg.NormAt != "post" {
		return x
	}
	return t.norm(x, gain, bias)
}

// heads is all heads' results at position i, given what attention reads at
// every position and its queries, keys and values.
func (t *twin) heads(y twinLayer, in, qkv [][]float64, i int) (joined []float64) {
	C, n := len(in[0]), len(y.wqkv[0])
	D := C / t.H
	vAt := n - C
	for h := range t.H {
		query, key := func(int) []float64 { return nil }, func(int) []float64 { return nil }
		part := func(at, width int) func(j int) []float64 {
			return func(j int) []float64 { return qkv[j][at : at+width] }
		}
		scale := 1.0
		switch t.cfg.Attention {
		case "uniform", "lag":
		case "symmetric":
			K := vAt / t.H
			query, key, scale = part(h*K, K), part(h*K, K), math.Sqrt(float64(K))
		case "bilinear":
			query, key = part(h*C, C), func(j int) []float64 { return in[j] }
			scale = math.Sqrt(float64(C))
		default:
			K := vAt / t.H / 2
			query, key, scale = part(h*K, K), part(vAt/2+h*K, K), math.Sqrt(float64(K))
		}
		var weight []float64
		for j := 0; j <= i; j++ {
			q, k := t.turn(query(i), i), t.turn(key(j), j)
			if t.cfg.Attention == "gaussian" {
				length := math.Sqrt(inner(k, k) + 1e-5)
				for e := range k {
					k[e] *= math.Sqrt(float64(len(k))) / length
				}
			}
			bias := 0.0
			if y.lag != nil {
				bias = y.lag[h][t.cfg.Window-1-(i-j)]
			}
			if t.cfg.Positions == "alibi" {
				bias = -float64(i-j) * math.Pow(2, -8*float64(h+1)/float64(t.H))
			}
			s := inner(q, k) / scale
			if t.rank > 0 {
				s = t.cutScore(y, h, in[i], in[j]) / scale
			}
			switch t.cfg.Attention {
			case "uniform":
				weight = append(weight, 1)
			case "linear":
				weight = append(weight, inner(phi(q), phi(k)))
			case "epanechnikov":
				weight = append(weight, math.Max(0, 1+s))
			default:
				weight = append(weight, math.Exp(s+bias))
			}
		}
		total := 0.0
		for _, w := range weight {
			total += w
		}
		if t.cfg.Attention == "epanechnikov" {
			total += 1e-5
		}
		out := make([]float64, D)
		for j, w := range weight {
			for e, v := range part(vAt+h*D, D)(j) {
				out[e] += w / total * v
			}
		}
		joined = append(joined, out...)
	}
	return joined
}

// turn applies rotary positions.
func (t *twin) turn(x []float64, place int) []float64 {
	out := append([]float64(nil), x...)
	if t.cfg.Positions != "rotary" {
		return out
	}
	for i := 0; i < len(x); i += 2 {
		z := complex(x[i], x[i+1]) * cmplx.Exp(complex(0, float64(place)*math.Pow(10000, -float64(i)/float64(len(x)))))
		out[i], out[i+1] = real(z), imag(z)
	}
	return out
}

// phi is elu + 1.
func phi(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		if out[i] = v + 1; v < 0 {
			out[i] = math.Exp(v)
		}
	}
	return out
}

func (t *twin) activate(h []float64) []float64 {
	switch t.cfg.Activation {
	case "relu":
		for j, u := range h {
			h[j] = math.Max(0, u)
		}
	case "swiglu":
		n := len(h) / 2
		for j, u := range h[:n] {
			h[j] = u / (1 + math.Exp(-u)) * h[n+j]
		}
		return h[:n]
	default:
		for j, u := range h {
			h[j] = u / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(u+0.044715*math.Pow(u, 3))))
		}
	}
	return h
}

// loss is the mean cross-entropy in nats over windows of inputs and targets.
func (t *twin) loss(ids, next [][]int32) float64 {
	sum, n := 0.0, 0
	for i := range ids {
		for j, row := range t.logits(ids[i]) {
			if y := next[i][j]; y >= 0 {
				sum -= math.Log(softmax64(row)[y])
				n++
			}
		}
	}
	return sum / float64(n)
}

// plus is a + b, an empty b being 0.
func plus(a, b []float64) []float64 {
	out := append([]float64(nil), a...)
	for i := range b {
		out[i] += b[i]
	}
	return out
}

func inner(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func times(x []float64, w [][]float64) []float64 {
	out := make([]float64, len(w[0]))
	for i, row := range w {
		for j, v := range row {
			out[j] += x[i] * v
		}
	}
	return out
}

func (t *twin) norm(x, gain, bias []float64) []float64 {
	n := float64(len(x))
	mean, variance := 0.0, 0.0
	if t.cfg.Norm == "none" {
		return x
	}
	for _, v := range x {
		mean += v / n
	}
	if t.cfg.Norm == "rms" {
		mean = 0
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / n
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = (v - mean) / math.Sqrt(variance+1e-5) * gain[i]
	}
	return plus(out, bias)
}

func softmax64(x []float64) []float64 {
	out, sum := make([]float64, len(x)), 0.0
	for i, v := range x {
		out[i] = math.Exp(v)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// A shape is a model and the windows of a batch to try it on.
type shape struct {
	cfg     Config
	A       int
	lengths []int
}

// shapes covers: several heads and blocks, one head as wide as the stream,
// windows longer than a strip, tied and untied heads, widths that fill no
// vector register, and every switch.
var shapes = append([]shape{
	{Config{Layers: 2, Heads: 2, Width: 4, Window: 5, Tied: true, FeedForward: 4, Biases: true}, 3, []int{5, 3}},
	{Config{Layers: 2, Heads: 2, Width: 6, Window: 5, Tied: false, FeedForward: 4, Biases: true}, 4, []int{1, 5, 2}},
	{Config{Layers: 1, Heads: 1, Width: 3, Window: 2*strip + 1, Tied: false, FeedForward: 4, Biases: true}, 2, []int{2*strip + 1, strip}},
	{Config{Layers: 1, Heads: 3, Width: 24, Window: 4, Tied: true, FeedForward: 4, Biases: true}, 2, []int{4, 4}},
}, variants()...)

// variants turns one switch at a time, and some together.
func variants() (out []shape) {
	add := func(set ...func(c *Config)) {
		c := Config{Layers: 2, Heads: 2, Width: 4, Window: 6, Tied: true, FeedForward: 2, Biases: true}
		for _, f := range set {
			f(&c)
		}
		out = append(out, shape{c, 3, []int{6, 4}})
	}
	attention := func(name string) func(c *Config) { return func(c *Config) { c.Attention = name } }
	positions := func(name string) func(c *Config) { return func(c *Config) { c.Positions = name } }
	for _, name := range kernelNames {
		add(attention(name))
		add(attention(name), func(c *Config) { c.KeyWidth = 3 })
	}
	for _, name := range positionNames {
		add(positions(name))
	}
	for _, k := range []string{"symmetric", "gaussian", "bilinear"} {
		add(attention(k), positions("alibi"))
		add(attention(k), positions("relative"))
		if k != "bilinear" {
			add(attention(k), positions("rotary"))
		}
	}
	add(attention("epanechnikov"), positions("rotary"))
	for _, name := range activationNames {
		add(func(c *Config) { c.Activation = name })
	}
	add(func(c *Config) { c.FeedForward = 0 })
	for _, name := range normNames {
		for _, at := range placeNames {
			add(func(c *Config) { c.Norm, c.NormAt = name, at })
		}
	}
	add(func(c *Config) { c.Biases = false })
	add(func(c *Config) { c.Biases, c.Norm, c.NormAt, c.FeedForward = false, "layer", "post", 0 })
	oneHot := func(c *Config) { c.Values = "one-hot" }
	add(oneHot)
	add(oneHot, func(c *Config) { c.Layers, c.Tied, c.Norm, c.KeyWidth = 0, false, "none", 3 }, positions("none"))
	add(oneHot, func(c *Config) { c.Layers, c.Window, c.NormAt = 0, strip+4, "post" })
	out[len(out)-1].lengths = []int{strip + 3, 1}
	add(func(c *Config) { c.Prompt = 2 })
	add(func(c *Config) { c.Segment = 2 })
	add(func(c *Config) { c.Prompt, c.Segment = 1, 2 }, positions("rotary"))
	long := func(c *Config) { c.Window, c.Layers = strip+4, 1 }
	for _, k := range []string{"gaussian", "linear", "epanechnikov", "lag", "uniform", "symmetric"} {
		add(attention(k), long)
		out[len(out)-1].lengths = []int{strip + 3}
	}
	return out
}

// randomModel has weights large enough for every part to matter.
func randomModel(cfg Config, A int, rng *rand.Rand) *model {
	m := newModel(cfg, A)
	for i := range m.params {
		m.params[i] = float32(0.5 * rng.NormFloat64())
	}
	m.settle()
	return m
}

// randomWindows are inputs and targets of windows of so many positions; those in
// front of the last vector of a prompt have no target.
func randomWindows(lengths []int, A, prompt int, rng *rand.Rand) (ids, next [][]int32) {
	for _, n := range lengths {
		in, out := []int32{int32(A)}, []int32{}
		for i := range prompt {
			in, out = append(in, int32(A+1+i)), append(out, -1)
		}
		for range n - prompt {
			x := int32(rng.IntN(A))
			in, out = append(in, x), append(out, x)
		}
		ids, next = append(ids, in[:n]), append(next, out)
	}
	return ids, next
}

// batch lays windows out as forward wants them, each at the start of a document.
func (m *model) batch(windows [][]int32) (segs []segment, flat []int32) {
	for _, w := range windows {
		segs = append(segs, segment{len(flat), len(w), m.opening(m.prompt, 0)})
		flat = append(flat, w...)
	}
	return segs, flat
}

func TestForwardMatchesTwin(t *testing.T) {
	for _, s := range shapes {
		rng := rand.New(rand.NewPCG(1, 2))
		m := randomModel(s.cfg, s.A, rng)
		slow, _ := newTwin(m)
		windows, _ := randomWindows(s.lengths, s.A, s.cfg.Prompt, rng)
		segs, ids := m.batch(windows)
		a := m.newActivations(len(ids), len(segs), len(segs)*m.H*m.W*m.W, len(ids), true)
		m.forward(m.w, a, segs, ids)
		for i, w := range windows {
			for j, row := range slow.logits(w) {
				for x, want := range row {
					got := float64(a.logits[(segs[i].row+j)*m.A+x])
					if math.Abs(got-want) > 2e-5*(1+math.Abs(want)) {
						t.Fatalf("%+v: window %d position %d: logit %d = %v, want %v", s.cfg, i, j, x, got, want)
					}
				}
			}
		}
	}
}

// TestGradients compares every component of the gradient with the central
// difference of the twin's loss.
func TestGradients(t *testing.T) {
	for _, s := range shapes {
		rng := rand.New(rand.NewPCG(3, 4))
		m := randomModel(s.cfg, s.A, rng)
		slow, pairs := newTwin(m)
		windows, targets := randomWindows(s.lengths, s.A, s.cfg.Prompt, rng)
		segs, ids := m.batch(windows)
		_, next := m.batch(targets)

		a := m.newActivations(len(ids), len(segs), len(segs)*m.H*m.W*m.W, len(ids), true)
		m.forward(m.w, a, segs, ids)
		counted := len(ids) - m.prompt*len(segs)
		nats := crossEntropy(a.logits, next, m.A, 0, 1/float32(counted))
		if got, want := nats/float64(counted), slow.loss(windows, targets); math.Abs(got-want) > 1e-5 {
			t.Fatalf("%+v: loss = %v, want %v", s.cfg, got, want)
		}
		dw, _ := m.view(slicer(make([]float32, len(m.params))))
		m.backward(dw, m.w, a, m.newGradients(len(ids)), segs, ids)

		seen, largest := 0, 0.0
		for _, p := range pairs {
			grad := p.fast(dw)
			cols := len(p.twin[0])
			for i, row := range p.twin {
				for j, v := range row {
					const h = 1e-5
					row[j] = v + h
					up := slow.loss(windows, targets)
					row[j] = v - h
					down := slow.loss(windows, targets)
					row[j] = v
					got, want := float64(grad[i*cols+j]), (up-down)/(2*h)
					if math.Abs(got-want) > 2e-6+2e-5*math.Abs(want) {
						t.Errorf("%+v: d loss / d %s[%d,%d] = %v, want %v", s.cfg, p.name, i, j, got, want)
					}
					seen++
					largest = math.Max(largest, math.Abs(want))
				}
			}
		}
		if seen != len(m.params) {
			t.Errorf("%+v: checked %d parameters, want %d", s.cfg, seen, len(m.params))
		}
		if largest < 1e-2 {
			t.Errorf("%+v: largest gradient = %v: nothing was tested", s.cfg, largest)
		}
	}
}
