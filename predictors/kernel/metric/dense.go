package metric

import "horizon/predictors/kernel/smoother"

// dense is the scratch of a "low-rank" head over a stretch of text: queries
// and keys as matrices, all pairs at once.
type dense[F smoother.Float] struct {
	q, dq  []F // [T,R]
	k, dk  []F // [N,R]
	ds     []F // [T,N]
	lagged []symbol
}

func grown[F smoother.Float](x []F, n int) []F {
	if cap(x) < n {
		x = make([]F, n)
	}
	x = x[:n]
	clear(x)
	return x
}

// gradient adds to d weight times the gradient of the losses of the symbols
// from to before to of a document, xs holding M missing symbols before them;
// each is predicted from up to window positions before it.
func (s *dense[F]) gradient(p, d *params[F], xs []symbol, q0 []F, from, to, window int, rate, weight F) (nats float64) {
	first := max(p.M, from+p.M-window) // the first position that is a key
	T, N, R := to-from, to+p.M-1-first, p.R
	s.q, s.dq, s.k, s.dk = grown(s.q, T*R), grown(s.dq, T*R), grown(s.k, N*R), grown(s.dk, N*R)
	s.ds = grown(s.ds, T*N)
	for i := range T {
		p.key(s.q[i*R:][:R], p.wq, s.context(p.M, xs, from+p.M+i))
	}
	for j := range N {
		p.key(s.k[j*R:][:R], p.wk, s.context(p.M, xs, first+j))
	}
	head := smoother.Smoother[F]{Kernel: smoother.ExpDot, Scale: float64(p.scale()), D: R}
	if p.gaussian {
		head.Kernel = smoother.Gaussian
	}
	head.Scores(s.ds, N, s.q, R, s.k, R, T, N)
	for i := range T {
		at := from + p.M + i
		low, high := max(p.M, at-window)-first, at-first
		row := s.ds[i*N : (i+1)*N]
		clear(row[:low])
		clear(row[high:])
		own := row[low:high]
		for j := range own {
			own[j] -= rate * F(len(own)-j)
		}
		loss, ds0 := smoother.OneHotLoss(own, xs[first+low:at], xs[at], p.null[0], q0[from+i], weight)
		nats += loss
		d.null[0] += ds0
		for j, g := range own {
			d.slope[0] -= rate * F(len(own)-j) * g
		}
	}
	head.ScoresBack(s.dq, R, s.dk, R, s.ds, N, s.q, R, s.k, R, T, N)
	for i := range T {
		p.keyBack(d.wq, s.dq[i*R:][:R], s.context(p.M, xs, from+p.M+i))
	}
	for j := range N {
		p.keyBack(d.wk, s.dk[j*R:][:R], s.context(p.M, xs, first+j))
	}
	return nats
}

// context lists the m symbols of xs before end, the last first.
func (s *dense[F]) context(m int, xs []symbol, end int) []symbol {
	s.lagged = s.lagged[:0]
	for l := range m {
		s.lagged = append(s.lagged, xs[end-1-l])
	}
	return s.lagged
}
