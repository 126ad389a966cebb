package transformer

import (
	"math"

	"horizon/predictors/transformer/blas"
)

// strip is how many queries are multiplied with the keys at once. A causal
// row ends at its own position, so strips skip almost half of the square.
const strip = 32

// project sets qkv = norm(x) Wqkv + bqkv, [M,row], and does to queries and
// keys what the kernel wants and what does not depend on the place.
func (d dims) project(w *layer, b *block, x []float32, M int) {
	d.enter(b.a, b.n1, b.r1, x, w.gain1, w.bias1, M)
	affine(b.qkv, d.row, b.a, w.wqkv, w.bqkv, M, d.C, d.proj)
	for i := range M {
		row := b.qkv[i*d.row:][:d.row]
		switch d.kernel {
		case gaussianKernel:
			d.equalize(row[d.k:], b.len[i*d.H:])
		case bilinearKernel:
			copy(row[d.k:], b.a[i*d.C:][:d.C])
		case linearKernel:
			features(row[:d.v])
		}
	}
}

// shapeBack undoes to the gradients of a segment's rows what project and rotate
// did to queries and keys. Turning and equalizing commute, so that the keys as
// they are serve both.
func (d dims) shapeBack(dqkv, qkv, r []float32, n int) {
	for i := range n {
		drow, row := dqkv[i*d.row:][:d.row], qkv[i*d.row:][:d.row]
		switch d.kernel {
		case gaussianKernel:
			d.equalizeBack(drow[d.k:], row[d.k:], r[i*d.H:])
		case linearKernel:
			featuresBack(drow[:d.v], row[:d.v])
		}
	}
	d.rotate(dqkv, 0, n, true)
}

// projectBack takes s.qkv through the matrix and the norm to s.x.
func (d dims) projectBack(dw, w *layer, b *block, s *gradients, M int) {
	affineBack(s.c, dw.wqkv, dw.bqkv, s.qkv, d.row, b.a, w.wqkv, M, d.C, d.proj)
	if d.kernel == bilinearKernel {
		for i := range M {
			blas.Axpy(s.c[i*d.C:][:d.C], 1, s.qkv[i*d.row+d.k:][:d.C])
		}
	}
	d.enterBack(s.x, dw.gain1, dw.bias1, s.c, b.n1, b.r1, w.gain1, M)
}

// equalize gives every head's key the norm √K: k ← r k, r = √K/‖k‖. Keys of
// one norm make exp(q·k/√K) a Gaussian kernel of q and k, up to what a softmax
// cancels (programme A1); the temperature is in the length of q.
func (d dims) equalize(k, r []float32) {
	for h := range d.H {
		key := k[h*d.K:][:d.K]
		r[h] = float32(math.Sqrt(float64(d.K) / (float64(blas.Dot(key, key)) + normEps)))
		blas.Scale(key, r[h])
	}
}

// equalizeBack: dk = r (dk̂ − k̂ (k̂·dk̂)/K), k̂ = r k.
func (d dims) equalizeBack(dk, k, r []float32) {
	for h := range d.H {
		dkey, key := dk[h*d.K:][:d.K], k[h*d.K:][:d.K]
		blas.Axpy(dkey, -blas.Dot(key, dkey)/float32(d.K), key)
		blas.Scale(dkey, r[h])
	}
}

// features sets x to φ(x) = elu(x) + 1 > 0 (Katharopoulos et al. 2020, eq. 7).
func features(x []float32) {
	for i, v := range x {
		if v > 0 {
			x[i] = v + 1
		} else {
			x[i] = float32(math.Exp(float64(v)))
		}
	}
}

// featuresBack: φ' is 1 above 0, where φ > 1, and φ below.
func featuresBack(dx, phi []float32) {
	for i, v := range phi {
		if v <= 1 {
			dx[i] *= v
		}
	}
}

// rotate turns the pairs (2i, 2i+1) of each head's queries and keys in m rows
// from place first on by t·10000^{−2i/K} (Su et al. 2021, section 3.2); back
// turns the other way, as gradients want.
func (d dims) rotate(qkv []float32, first, m int, back bool) {
	if d.positions != rotaryPositions {
		return
	}
	for t := range m {
		turn := d.turns[(first+t)*d.K:][:d.K]
		row := qkv[t*d.row:][:d.v] // all queries and keys
		for ; len(row) > 0; row = row[d.K:] {
			for i := 0; i < len(turn); i += 2 {
				c, s, x, y := turn[i], turn[i+1], row[i], row[i+1]
				if back {
					s = -s
				}
				row[i], row[i+1] = x*c-y*s, x*s+y*c
			}
		}
	}
}

// newTurns is [W,K/2,2]: cosine and sine of the angle of each place and pair.
func (d dims) newTurns() []float32 {
	if d.positions != rotaryPositions {
		return nil
	}
	turns := make([]float32, d.W*d.K)
	for t := range d.W {
		for i := 0; i < d.K; i += 2 {
			sin, cos := math.Sincos(float64(t) * math.Pow(10000, -float64(i)/float64(d.K)))
			turns[t*d.K+i], turns[t*d.K+i+1] = float32(cos), float32(sin)
		}
	}
	return turns
}

// join adds the heads' results to the stream: x += y Wo + bo.
func (d dims) join(w *layer, b *block, a *activations, l, M int) {
	d.add(a, 2*l+1, M, func(y []float32) { affineAdd(y, b.y, w.wo, w.bo, M, d.C, d.C) })
	d.leave(a.x, b.n1, b.r1, w.gain1, w.bias1, M)
}

// joinBack sets s.c to the gradient of the heads' results.
func (d dims) joinBack(dw, w *layer, b *block, a *activations, s *gradients, l, M int) {
	d.leaveBack(s.x, dw.gain1, dw.bias1, s.c, b.n1, b.r1, w.gain1, M)
	d.addBack(s, a.noise, 2*l+1, M)
	affineBack(s.c, dw.wo, dw.bo, s.part, d.C, b.y, w.wo, M, d.C, d.C)
}

// A lane is one head's part of the numbers of a stretch of positions.
type lane struct {
	y     []float32 // results, [m,D] in rows of C
	p     []float32 // weights, [m,first+m] in rows of W
	q     []float32 // queries, [m,K] in rows of ldq
	k, v  []float32 // keys and values, [first+m,K] and [first+m,D] in rows of ldk and ldv
	lag   []float32 // biases by lag, [W], the longest first; empty if there are none
	total []float32 // [m], what the weights were divided by; empty if nobody asks

	ldq, ldk, ldv int
}

// lane is that of head h and segment number i, at s.
func (d dims) lane(b *block, w *layer, i int, s segment, h int) lane {
	qkv := b.qkv[s.row*d.row:]
	return lane{
		y: b.y[s.row*d.C+h*d.D:], p: b.att[(i*d.H+h)*d.W*d.W:],
		q: qkv[d.q+h*d.queryStep:], k: qkv[d.k+h*d.keyStep:], v: qkv[d.v+h*d.D:],
		lag: d.lag(w, h), total: b.total[(i*d.H+h)*d.W:],
		ldq: d.row, ldk: d.row, ldv: d.row,
	}
}

// lag is head h's biases, empty if there are none.
func (d dims) lag(w *layer, h int) []float32 {
	if len(w.lag) == 0 {
		return nil
	}
	return w.lag[h*d.W : (h+1)*d.W]
}

// attention lets every position of every segment attend to itself and those
// before it (Phuong & Hutter 2022, Algorithm 5 with the mask of Algorithm 10).
func (d dims) attention(w *layer, b *block, segs []segment) {
	for i, s := range segs {
		d.rotate(b.qkv[s.row*d.row:], 0, s.n, false)
		for h := range d.H {
			d.attend(d.lane(b, w, i, s, h), 0, s.n, 0)
		}
	}
}

// attend computes one head for m queries at positions first to first+m−1:
//
//	p_ij = kernel(q_i·k_j/√K + b_{i−j}) over its sum for j ≤ i     y_i = Σ_j p_ij v_j
//
// A row comes out the same to the last bit however the queries are grouped:
// later keys get p_ij = 0, and adding 0 times something changes no sum. Of the
// weights only the top largest stay, if top is not 0.
func (d dims) attend(l lane, first, m, top int) {
	for i := 0; i < m; i += strip {
		rows := min(strip, m-i)
		n := first + i + rows // keys the last row of the strip may see
		p := l.p[i*d.W:]
		if d.kernel.content() {
			blas.NT(rows, n, d.K, l.q[i*l.ldq:], l.ldq, l.k, l.ldk, 0, p, d.W)
		}
		for r := range rows {
			own := first + i + r + 1
			total := d.weigh(p[r*d.W:][:own], l.lag)
			if len(l.total) > 0 {
				l.total[i+r] = total
			}
			if top > 0 && top < own {
				truncate(p[r*d.W:][:own], top)
			}
			clear(p[r*d.W+own : r*d.W+n])
		}
		blas.NN(rows, d.D, n, p, d.W, l.v, l.ldv, 0, l.y[i*d.C:], d.C)
	}
}

// weigh replaces the products of a query with its keys, the last one its own,
// by the weights, and returns what they were divided by where that is not
// what weighBack can do without.
func (d dims) weigh(s, lag []float32) (total float32) {
	scale := float32(1 / math.Sqrt(float64(d.K)))
	switch d.kernel {
	case linearKernel:
		total = blas.Sum(s)
	case epanechnikovKernel:
		for j, v := range s {
			s[j] = max(0, 1+scale*v)
		}
		total = blas.Sum(s) + normEps // nobody near: the result is 0
	case uniformKernel:
		one(s)
		total = float32(len(s))
	case lagKernel:
		clear(s)
		softmax(s, 1, lag)
		return 1
	default:
		softmax(s, scale, lag)
		return 1
	}
	blas.Scale(s, 1/total)
	return total
}

// softmax replaces s by exp(scale·s_j + b_j)/Σ exp(scale·s_j + b_j), b being
// the last of lag, if there are any.
func softmax(s []float32, scale float32, lag []float32) {
	if len(lag) > 0 {
		blas.Scale(s, scale)
		blas.Axpy(s, 1, lag[len(lag)-len(s):])
		scale = 1
	}
	blas.Softmax(s, scale)
}

// attentionBack takes s.c, the gradient of the heads' results, to s.qkv.
func (d dims) attentionBack(dw, w *layer, b *block, s *gradients, segs []segment) {
	for i, g := range segs {
		clear(s.qkv[g.row*d.row : (g.row+g.n)*d.row])
		for h := range d.H {
			dqkv := s.qkv[g.row*d.row:]
			grad := lane{
				y: s.c[g.row*d.C+h*d.D:], p: s.p,
				q: dqkv[d.q+h*d.queryStep:], k: dqkv[d.k+h*d.keyStep:], v: dqkv[d.v+h*d.D:],
				lag: d.lag(dw, h),
			}
			d.attendBack(grad, d.lane(b, w, i, g, h), g.n)
		}
		d.shapeBack(s.qkv[g.row*d.row:], b.qkv[g.row*d.row:], b.len[g.row*d.H:], g.n)
	}
}

// attendBack adds to g.q, g.k, g.v and g.lag the gradients of one head and
// segment, given that of its results in g.y:
//
//	dv_j = Σ_i p_ij dy_i    dp_ij = dy_i·v_j    dq_i = Σ_j ds_ij k_j    dk_j = Σ_i ds_ij q_i
//
// g.p is scratch [strip,W]. Queries and keys may be the same numbers: a strip's
// queries are those of no strip before.
func (d dims) attendBack(g, l lane, n int) {
	for i := 0; i < n; i += strip {
		rows := min(strip, n-i)
		n := i + rows
		p, dy, ds := l.p[i*d.W:], g.y[i*d.C:], g.p
		blas.TN(n, d.D, rows, p, d.W, dy, d.C, 1, g.v, d.row)
		if d.kernel == uniformKernel {
			continue
		}
		blas.NT(rows, n, d.D, dy, d.C, l.v, d.row, 0, ds, d.W)
		for r := range rows {
			own := i + r + 1
			d.weighBack(ds[r*d.W:][:own], p[r*d.W:][:own], l.total[i+r], g.lag)
			clear(ds[r*d.W+own : r*d.W+n])
		}
		if d.kernel == lagKernel {
			continue
		}
		blas.NN(rows, d.K, n, ds, d.W, l.k, d.row, 1, g.q[i*d.row:], d.row)
		blas.TN(n, d.K, rows, ds, d.W, l.q[i*d.row:], d.row, 1, g.k, d.row)
	}
}

// weighBack replaces dp, the gradient of one query's weights p, by that of the
// products with its keys, and adds to dlag that of the biases.
func (d dims) weighBack(dp, p []float32, total float32, dlag []float32) {
	scale := float32(1 / math.Sqrt(float64(d.K)))
	p = p[:len(dp)]
	switch d.kernel {
	case linearKernel:
		mean := blas.Dot(dp, p)
		for j := range p {
			dp[j] = (dp[j] - mean) / total
		}
	case epanechnikovKernel:
		mean := blas.Dot(dp, p)
		for j, w := range p {
			if dp[j] = (dp[j] - mean) / total * scale; w == 0 {
				dp[j] = 0
			}
		}
	default:
		if len(dlag) == 0 {
			blas.SoftmaxGrad(dp, p, scale)
			return
		}
		blas.SoftmaxGrad(dp, p, 1)
		blas.Axpy(dlag[len(dlag)-len(dp):], 1, dp)
		blas.Scale(dp, scale)
	}
}

// truncate keeps the top largest of the weights p, the earlier of equal ones,
// and makes them sum to one again (programme A2).
func truncate(p []float32, top int) {
	// The top-th largest by repeated passes: top is small, and this is an
	// analysis, not a way to be fast.
	bound, above := float32(math.Inf(1)), 0
	for above < top {
		next, times := float32(-1), 0
		for _, v := range p {
			switch {
			case v >= bound:
			case v > next:
				next, times = v, 1
			case v == next:
				times++
			}
		}
		if times == 0 {
			return
		}
		if bound = next; above+times >= top {
			break
		}
		above += times
	}
	ties := top - above
	for j, v := range p {
		switch {
		case v > bound:
		case v == bound && ties > 0:
			ties--
		default:
			p[j] = 0
		}
	}
	blas.Scale(p, 1/blas.Sum(p))
}
