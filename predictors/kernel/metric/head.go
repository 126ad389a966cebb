package metric

import (
	"math"

	"horizon/predictors/kernel/smoother"
)

// A head is the scratch of scoring a set of positions from one context and of
// the gradient of the loss there. The contexts of n positions are given lag by
// lag: lags[l][j] is the symbol l+1 before position j's next one.
type head[F smoother.Float] struct {
	u, du   []F // [M·S] table of the query, and its gradient
	q       []F // [R]
	s       []F // [n] scores
	k       []F // [R] a key
	lagView [][]symbol
	c       []symbol

	// Of a corpus memory: contexts that stand for others or were learned lately.
	far     [][]symbol
	farNext []symbol
	farS    []float32
	levels  [2][]float32 // of a tree
	walk    walk         // of cells
	tally   tally        // of agreements
}

func newHead[F smoother.Float](s shape) *head[F] {
	rows := s.M * s.S
	return &head[F]{u: make([]F, rows), du: make([]F, rows), q: make([]F, s.R), k: make([]F, s.R), lagView: make([][]symbol, s.M)}
}

// scores sets h.s to log K of the positions for the context c. rate is by how
// much a score falls for each position that it lies further back, the last
// being at distance 1; 0 for a corpus memory. lengths are the squared ones of
// the keys ("gaussian"), nil if not known.
func (h *head[F]) scores(p *params[F], c []symbol, lags [][]symbol, n int, rate F, lengths []F) []F {
	if cap(h.s) < n {
		h.s = make([]F, n, n+n/4)
	}
	h.s = h.s[:n]
	p.table(h.u, h.q, c)
	for j := range h.s {
		h.s[j] = -rate * F(n-j)
	}
	for at := 0; at < n; at += cached {
		part := h.s[at:min(at+cached, n)]
		for l, xs := range lags {
			addRow(part, h.u[l*p.S:(l+1)*p.S], xs[at:])
		}
	}
	if p.gaussian {
		h.addLengths(p, lags, lengths)
	}
	return h.s
}

// cached is how many scores stay in the nearest cache while all lags are added.
const cached = 2048

// addRow adds row[x] to s for the symbols x of one lag.
func addRow[F smoother.Float](s, row []F, xs []symbol) {
	xs = xs[:len(s)]
	for j := range s {
		s[j] += row[xs[j]]
	}
}

// addLengths completes q·k/√r to −‖q−k‖²/(2√r).
func (h *head[F]) addLengths(p *params[F], lags [][]symbol, lengths []F) {
	half, own := p.scale()/2, square(h.q)
	for j := range h.s {
		length := own
		if lengths != nil {
			length += lengths[j]
		} else {
			h.keyAt(p, lags, j)
			length += square(h.k)
		}
		h.s[j] -= half * length
	}
}

// keyAt sets h.k to the key of position j.
func (h *head[F]) keyAt(p *params[F], lags [][]symbol, j int) {
	clear(h.k)
	for l, xs := range lags {
		smoother.Axpy(h.k, 1, p.wk[(l*p.S+int(xs[j]))*p.R:][:p.R])
	}
}

func square[F smoother.Float](x []F) (sum F) {
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// A target is one symbol y to be predicted in the context c from positions
// that were followed by next; q0y is q0(y). bias, if any, is
// added to the positions' scores: where they are a sample of more, the
// logarithm of how many each stands for.
type target[F smoother.Float] struct {
	c    []symbol
	lags [][]symbol
	next []symbol
	y    symbol
	q0y  F
	bias []F
	rate F // as in scores; 0 for none
}

// gradient returns the loss −ln q(y) and adds to d weight times its gradient.
func (h *head[F]) gradient(p, d *params[F], t target[F], weight F) (nats float64) {
	n := len(t.next)
	s := h.scores(p, t.c, t.lags, n, t.rate, nil)
	if t.bias != nil {
		smoother.Axpy(s, 1, t.bias)
	}
	nats, ds0 := smoother.OneHotLoss(s, t.next, t.y, p.null[0], t.q0y, weight)
	d.null[0] += ds0
	if t.rate > 0 {
		for j, g := range s {
			d.slope[0] -= t.rate * F(n-j) * g
		}
	}
	clear(h.du)
	for l, xs := range t.lags {
		row := h.du[l*p.S : (l+1)*p.S]
		for j, x := range xs[:n] {
			row[x] += s[j]
		}
	}
	if p.gaussian {
		h.lengthsBack(p, d, t)
	}
	p.tableBack(d, h.du, h.u, h.q, t.c)
	return nats
}

// lengthsBack adds the gradient through addLengths: dk = −k ds/√r, dq the same
// with the sum of ds.
func (h *head[F]) lengthsBack(p, d *params[F], t target[F]) {
	total := F(0)
	for j, g := range h.s {
		total += g
		h.keyAt(p, t.lags, j)
		for l, xs := range t.lags {
			smoother.Axpy(d.wk[(l*p.S+int(xs[j]))*p.R:][:p.R], -p.scale()*g, h.k)
		}
	}
	scale(h.k, 0)
	smoother.Axpy(h.k, -p.scale()*total, h.q)
	p.keyBack(d.wq, h.k, t.c)
}

// floor is the least probability of a symbol, as the transformer has it.
const floor = 1e-9

// A mixed is what a prediction rests on.
type mixed struct {
	fallback, effective, match float64
	looked                     float64 // of cells: endings, and pairs with what follows
}

// A part of what is smoothed over: scores, and what they are of.
type part struct {
	s []float32
	pairs
}

// mix sets q to floor + (1 − A·floor) (w_0 q0 + Σ_j w_j 1[next_j = ·]), q
// holding q0 before, and leaves weights for scores, the largest 1 of those and s0.
func mix(q []float64, s0 float64, parts ...part) mixed {
	top := float32(s0)
	for _, p := range parts {
		for _, v := range p.s {
			if v > top { // max minds NaN, and takes thrice as long
				top = v
			}
		}
	}
	none, total, squares := math.Exp(s0-float64(top)), 0.0, 0.0
	for y := range q {
		q[y] *= none
	}
	for _, p := range parts {
		expShifted(p.s, top)
		t, s := p.add(q, p.s)
		total, squares = total+t, squares+s
	}
	return normalize(q, none, total, squares)
}

// normalize turns weights, none of them that of q0, into a law.
func normalize(q []float64, none, total, squares float64) mixed {
	r := (1 - floor*float64(len(q))) / (total + none)
	for y := range q {
		q[y] = floor + q[y]*r
	}
	m := mixed{fallback: none / (total + none)}
	if squares > 0 {
		m.effective = total * total / squares
	}
	return m
}
