package transformer

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A twin is the model in float64, written from Phuong & Hutter 2022 position
// by position without regard to time, and sharing no code with it but the
// names of the parameters.
type twin struct {
	H        int
	tok, pos [][]float64
	head     [][]float64
	layers   []twinLayer
	gain     []float64
	bias     []float64
}

type twinLayer struct {
	gain1, bias1, gain2, bias2 []float64
	wqkv, wo, w1, w2           [][]float64 // [in][out]
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
		return matrix(name, len(fast(m.w)), fast)[0]
	}
	C := m.C
	t := &twin{H: m.H}
	t.tok = matrix("tok", C, func(w *weights) []float32 { return w.tok })
	t.pos = matrix("pos", C, func(w *weights) []float32 { return w.pos })
	if t.head = t.tok[:m.A]; !m.cfg.Tied {
		t.head = matrix("head", C, func(w *weights) []float32 { return w.head })
	}
	for l := range m.w.layers {
		at := func(f func(y *layer) []float32) func(w *weights) []float32 {
			return func(w *weights) []float32 { return f(&w.layers[l]) }
		}
		t.layers = append(t.layers, twinLayer{
			gain1: vector("gain1", at(func(y *layer) []float32 { return y.gain1 })),
			bias1: vector("bias1", at(func(y *layer) []float32 { return y.bias1 })),
			gain2: vector("gain2", at(func(y *layer) []float32 { return y.gain2 })),
			bias2: vector("bias2", at(func(y *layer) []float32 { return y.bias2 })),
			wqkv:  matrix("wqkv", 3*C, at(func(y *layer) []float32 { return y.wqkv })),
			wo:    matrix("wo", C, at(func(y *layer) []float32 { return y.wo })),
			w1:    matrix("w1", 4*C, at(func(y *layer) []float32 { return y.w1 })),
			w2:    matrix("w2", C, at(func(y *layer) []float32 { return y.w2 })),
			bqkv:  vector("bqkv", at(func(y *layer) []float32 { return y.bqkv })),
			bo:    vector("bo", at(func(y *layer) []float32 { return y.bo })),
			b1:    vector("b1", at(func(y *layer) []float32 { return y.b1 })),
			b2:    vector("b2", at(func(y *layer) []float32 { return y.b2 })),
		})
	}
	t.gain = vector("gain", func(w *weights) []float32 { return w.gain })
	t.bias = vector("bias", func(w *weights) []float32 { return w.bias })
	return t, pairs
}

// logits runs Algorithm 10 on a window and returns a row per position.
func (t *twin) logits(ids []int32) [][]float64 {
	var x [][]float64
	for i, id := range ids {
		x = append(x, plus(t.tok[id], t.pos[i]))
	}
	for _, y := range t.layers {
		var q, k, v [][]float64
		C := len(t.gain)
		for _, row := range x {
			u := plus(times(norm(row, y.gain1, y.bias1), y.wqkv), y.bqkv)
			q, k, v = append(q, u[:C]), append(k, u[C:2*C]), append(v, u[2*C:])
		}
		D := C / t.H
		for i := range x {
			var joined []float64
			for h := range t.H {
				a, b := h*D, (h+1)*D
				var scores []float64
				for j := 0; j <= i; j++ {
					scores = append(scores, inner(q[i][a:b], k[j][a:b])/math.Sqrt(float64(D)))
				}
				out := make([]float64, D)
				for j, p := range softmax64(scores) {
					for e := range out {
						out[e] += p * v[j][a+e]
					}
				}
				joined = append(joined, out...)
			}
			x[i] = plus(x[i], plus(times(joined, y.wo), y.bo))
		}
		for i := range x {
			h := plus(times(norm(x[i], y.gain2, y.bias2), y.w1), y.b1)
			for j, u := range h {
				h[j] = u / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(u+0.044715*math.Pow(u, 3))))
			}
			x[i] = plus(x[i], plus(times(h, y.w2), y.b2))
		}
	}
	var out [][]float64
	for _, row := range x {
		f := norm(row, t.gain, t.bias)
		var z []float64
		for _, u := range t.head {
			z = append(z, inner(f, u))
		}
		out = append(out, z)
	}
	return out
}

// loss is the mean cross-entropy in nats over windows of inputs and targets.
func (t *twin) loss(ids, next [][]int32) float64 {
	sum, n := 0.0, 0
	for i := range ids {
		for j, row := range t.logits(ids[i]) {
			sum -= math.Log(softmax64(row)[next[i][j]])
			n++
		}
	}
	return sum / float64(n)
}

func plus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
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

func norm(x, gain, bias []float64) []float64 {
	n := float64(len(x))
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / n
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = (v-mean)/math.Sqrt(variance+1e-5)*gain[i] + bias[i]
	}
	return out
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

// shapes covers: several heads and blocks, one head as wide as the stream,
// windows longer than a strip, tied and untied heads, and widths that fill no
// vector register.
var shapes = []struct {
	cfg     Config
	A       int
	lengths []int // of the windows in the batch
}{
	{Config{Layers: 2, Heads: 2, Width: 4, Window: 5, Tied: true}, 3, []int{5, 3}},
	{Config{Layers: 2, Heads: 2, Width: 6, Window: 5, Tied: false}, 4, []int{1, 5, 2}},
	{Config{Layers: 1, Heads: 1, Width: 3, Window: 2*strip + 1, Tied: false}, 2, []int{2*strip + 1, strip}},
	{Config{Layers: 1, Heads: 3, Width: 24, Window: 4, Tied: true}, 2, []int{4, 4}},
}

// randomModel has weights large enough for every part to matter.
func randomModel(cfg Config, A int, rng *rand.Rand) *model {
	m := newModel(cfg, A)
	for i := range m.params {
		m.params[i] = float32(0.5 * rng.NormFloat64())
	}
	return m
}

func randomWindows(lengths []int, A int, rng *rand.Rand) (ids, next [][]int32) {
	for _, n := range lengths {
		in, out := []int32{int32(A)}, []int32{}
		for range n {
			out = append(out, int32(rng.IntN(A)))
		}
		ids, next = append(ids, append(in, out[:n-1]...)), append(next, out)
	}
	return ids, next
}

// batch lays windows out as forward wants them.
func batch(windows [][]int32) (segs []segment, flat []int32) {
	for _, w := range windows {
		segs = append(segs, segment{len(flat), len(w)})
		flat = append(flat, w...)
	}
	return segs, flat
}

func TestForwardMatchesTwin(t *testing.T) {
	for _, s := range shapes {
		rng := rand.New(rand.NewPCG(1, 2))
		m := randomModel(s.cfg, s.A, rng)
		slow, _ := newTwin(m)
		windows, _ := randomWindows(s.lengths, s.A, rng)
		segs, ids := batch(windows)
		a := m.newActivations(len(ids), len(segs)*m.H*m.W*m.W, len(ids), true)
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
		windows, targets := randomWindows(s.lengths, s.A, rng)
		segs, ids := batch(windows)
		_, next := batch(targets)

		a := m.newActivations(len(ids), len(segs)*m.H*m.W*m.W, len(ids), true)
		m.forward(m.w, a, segs, ids)
		nats := crossEntropy(a.logits, next, m.A, 0, 1/float32(len(ids)))
		if got, want := nats/float64(len(ids)), slow.loss(windows, targets); math.Abs(got-want) > 1e-5 {
			t.Fatalf("%+v: loss = %v, want %v", s.cfg, got, want)
		}
		dw, _ := m.view(s.cfg.Tied, slicer(make([]float32, len(m.params))))
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
