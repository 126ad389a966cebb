package transformer

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors/kernel/smoother"
)

// TestAttentionIsSmoothing (claim A1, and A4 for several heads): the code that
// computes Nadaraya-Watson estimates computes the heads of this transformer,
// and what a block adds to the stream is the sum of H smoothers of its input,
// each with a linear map of its own. Where keys have one norm the smoother's
// kernel is the Gaussian.
func TestAttentionIsSmoothing(t *testing.T) {
	for _, h := range []int{1, 2, 4} {
		for attention, kernel := range map[string]smoother.Kernel{"softmax": smoother.ExpDot, "gaussian": smoother.Gaussian} {
			rng := rand.New(rand.NewPCG(1, uint64(h)))
			m := randomModel(Config{Layers: 1, Heads: h, Width: 16, Window: 40, Stride: 20, FeedForward: 2, Biases: true, Attention: attention, Positions: "none"}, 3, rng)
			d := m.dims
			segs := []segment{{0, 40, 0}, {40, 23, 0}}
			M := 63
			a := d.newActivations(M, len(segs), len(segs)*h*d.W*d.W, M, true)
			for i := range a.x {
				a.x[i] = float32(rng.NormFloat64())
			}
			before := append([]float32(nil), a.x...)
			y, b := &m.w.layers[0], &a.blocks[0]
			d.project(y, b, a.x, M)
			d.attention(y, b, segs)
			d.join(y, b, a, 0, M)

			heads, sum := make([]float64, M*d.C), make([]float64, M*d.C)
			for i := range sum {
				sum[i] = float64(before[i]) + float64(y.bo[i%d.C])
			}
			for _, s := range segs {
				for head := range h {
					d.smoothHead(kernel, heads, sum, y, b, s, head)
				}
			}
			for i := range heads {
				within := 1e-6
				if kernel == smoother.Gaussian {
					within = 1e-5 // norms are equal but for normEps
				}
				if got := float64(b.y[i]); math.Abs(got-heads[i]) > within*(1+math.Abs(got)) {
					t.Fatalf("%s, H = %d: head output %d = %v, smoothed %v", attention, h, i, got, heads[i])
				}
				if got := float64(a.x[i]); math.Abs(got-sum[i]) > 10*within*(1+math.Abs(got)) { // float32 sums of 16 and 16 terms
					t.Fatalf("%s, H = %d: stream %d = %v, sum of smoothers %v", attention, h, i, got, sum[i])
				}
			}
		}
	}
}

// smoothHead computes one head by the smoother: its output as it stands in
// b.y, and added to sum [M,C] what it writes to the stream, as a smoother of
// the block's input a with the linear map Wv_h Wo_h.
func (d dims) smoothHead(kernel smoother.Kernel, heads, sum []float64, w *layer, b *block, s segment, head int) {
	n, C, D := s.n, d.C, d.D
	part := func(x []float32, at, ld, rows, cols int) []float64 {
		out := make([]float64, 0, rows*cols)
		for i := range rows {
			for _, v := range x[at+i*ld:][:cols] {
				out = append(out, float64(v))
			}
		}
		return out
	}
	at := s.row*3*C + head*D
	q, k, v := part(b.qkv, at, 3*C, n, D), part(b.qkv, at+C, 3*C, n, D), part(b.qkv, at+2*C, 3*C, n, D)
	sm := smoother.Smoother[float64]{Kernel: kernel, Scale: 1 / math.Sqrt(float64(D)), D: D, V: D}
	weights := make([]float64, n*n)
	sm.Smooth(heads[s.row*C+head*D:], C, weights, q, D, k, D, v, D, n, n, smoother.Causal(0))

	sm.V = C
	input := part(b.a, s.row*C, C, n, C)
	smoothed := make([]float64, n*C)
	sm.Smooth(smoothed, C, weights, q, D, k, D, input, C, n, n, smoother.Causal(0))
	wv := part(w.wqkv, 2*C+head*D, 3*C, C, D)
	wo := part(w.wo, head*D*C, C, D, C)
	own := make([]float64, C*C)
	smoother.NN(C, C, D, wv, D, wo, C, 0, own, C)
	smoother.NN(n, C, C, smoothed, C, own, C, 1, sum[s.row*C:], C)
	for i := range n { // and the values' bias, whose weights sum to one
		for e := range D {
			smoother.Axpy(sum[(s.row+i)*C:][:C], float64(w.bqkv[2*C+head*D+e]), wo[e*C:][:C])
		}
	}
}
