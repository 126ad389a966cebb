package transformer

import (
	"math"

	"horizon/predictors/transformer/blas"
)

// strip is how many queries are multiplied with the keys at once. A causal
// row ends at its own position, so strips skip almost half of the square.
const strip = 32

// project sets qkv = norm(x) Wqkv + bqkv, [M,3C].
func (d dims) project(w *layer, b *block, x []float32, M int) {
	layerNorm(b.a, b.n1, b.r1[:M], x, w.gain1, w.bias1)
	affine(b.qkv, b.a, w.wqkv, w.bqkv, M, d.C, 3*d.C)
}

// projectBack takes s.qkv through the matrix and the norm to s.x.
func (d dims) projectBack(dw, w *layer, b *block, s *gradients, M int) {
	affineBack(s.c, dw.wqkv, dw.bqkv, s.qkv, b.a, w.wqkv, M, d.C, 3*d.C)
	layerNormBack(s.x, dw.gain1, dw.bias1, s.c, b.n1, b.r1[:M], w.gain1)
}

// join adds the heads' results to the stream: x += y Wo + bo.
func (d dims) join(w *layer, b *block, x []float32, M int) {
	affineAdd(x, b.y, w.wo, w.bo, M, d.C, d.C)
}

// joinBack sets s.c to the gradient of the heads' results.
func (d dims) joinBack(dw, w *layer, b *block, s *gradients, M int) {
	affineBack(s.c, dw.wo, dw.bo, s.x, b.y, w.wo, M, d.C, d.C)
}

// attention lets every position of every segment attend to itself and those
// before it (Phuong & Hutter 2022, Algorithm 5 with the mask of Algorithm 10).
func (d dims) attention(b *block, segs []segment) {
	ld := 3 * d.C
	for i, s := range segs {
		for h := range d.H {
			q := b.qkv[s.row*ld+h*d.D:]
			p := b.att[(i*d.H+h)*d.W*d.W:]
			d.attend(b.y[s.row*d.C+h*d.D:], p, q, ld, q[d.C:], q[2*d.C:], ld, 0, s.n)
		}
	}
}

// attend computes one head for m queries at positions first to first+m−1:
//
//	p_ij = softmax_{j≤i}(q_i·k_j/√D)     y_i = Σ_j p_ij v_j
//
// y [m,D] in rows of C, p [m,first+m] in rows of W, q [m,D] in rows of ldq,
// k and v [first+m,D] in rows of ldk. A row comes out the same to the last
// bit however the queries are grouped: later keys get p_ij = 0, and adding 0
// times something changes no sum.
func (d dims) attend(y, p, q []float32, ldq int, k, v []float32, ldk, first, m int) {
	scale := float32(1 / math.Sqrt(float64(d.D)))
	for i := 0; i < m; i += strip {
		rows := min(strip, m-i)
		n := first + i + rows // keys the last row of the strip may see
		p := p[i*d.W:]
		blas.NT(rows, n, d.D, q[i*ldq:], ldq, k, ldk, 0, p, d.W)
		for r := range rows {
			own := first + i + r + 1
			softmax(p[r*d.W:][:own], scale)
			clear(p[r*d.W+own : r*d.W+n])
		}
		blas.NN(rows, d.D, n, p, d.W, v, ldk, 0, y[i*d.C:], d.C)
	}
}

// softmax replaces s by exp(scale·s_j)/Σ exp(scale·s_j).
func softmax(s []float32, scale float32) {
	blas.Scale(s, scale)
	blas.ExpShifted(s, s, blas.Max(s))
	blas.Scale(s, 1/blas.Sum(s))
}

// attentionBack takes s.c, the gradient of the heads' results, to s.qkv.
func (d dims) attentionBack(b *block, s *gradients, segs []segment) {
	ld := 3 * d.C
	for i, g := range segs {
		clear(s.qkv[g.row*ld : (g.row+g.n)*ld])
		for h := range d.H {
			at := g.row*ld + h*d.D
			d.attendBack(s.qkv[at:], b.qkv[at:], s.c[g.row*d.C+h*d.D:], b.att[(i*d.H+h)*d.W*d.W:], s.p, g.n)
		}
	}
}

// attendBack adds to dq, dk, dv of one head and segment, given dy:
//
//	dv_j = Σ_i p_ij dy_i    dp_ij = dy_i·v_j
//	ds_ij = p_ij (dp_ij − Σ_j p_ij dp_ij)/√D
//	dq_i = Σ_j ds_ij k_j    dk_j = Σ_i ds_ij q_i
//
// qkv, dqkv [n,D] at offsets 0, C and 2C in rows of 3C; dy in rows of C; p in
// rows of W; ds is scratch [strip,W].
func (d dims) attendBack(dqkv, qkv, dy, p, ds []float32, n int) {
	ld := 3 * d.C
	scale := float32(1 / math.Sqrt(float64(d.D)))
	q, k, v := qkv, qkv[d.C:], qkv[2*d.C:]
	dq, dk, dv := dqkv, dqkv[d.C:], dqkv[2*d.C:]
	for i := 0; i < n; i += strip {
		rows := min(strip, n-i)
		n := i + rows
		p, dy := p[i*d.W:], dy[i*d.C:]
		blas.TN(n, d.D, rows, p, d.W, dy, d.C, 1, dv, ld)
		blas.NT(rows, n, d.D, dy, d.C, v, ld, 0, ds, d.W)
		for r := range rows {
			softmaxBack(ds[r*d.W:][:n], p[r*d.W:][:n], scale)
		}
		blas.NN(rows, d.D, n, ds, d.W, k, ld, 0, dq[i*ld:], ld)
		blas.TN(n, d.D, rows, ds, d.W, q[i*ld:], ld, 1, dk, ld)
	}
}

// softmaxBack replaces dp by the gradient of the scores before the scale.
func softmaxBack(dp, p []float32, scale float32) {
	mean := blas.Dot(dp, p)
	for j, w := range p[:len(dp)] {
		dp[j] = w * (dp[j] - mean) * scale
	}
}
