package smoother

import "math"

// A head whose values are one-hot next symbols predicts
//
//	P(y) = w_0 q0(y) + Σ_j w_j 1[x_{j+1} = y],   w = softmax(s_0, s_1, …),
//
// s_0 being the score of falling back on the law q0 and s_j = log K(q, k_j) +
// bias_j. Its loss −ln P(y) has the gradient
//
//	∂/∂s_j = w_j − w_j v_j(y)/P(y),   v_0 = q0, v_j = 1[x_{j+1} = y]
//
// the weight before less the weight after having seen y: the responsibilities
// of expectation maximisation.

// OneHotLoss returns −ln P(y) for one query with scores s [n], the symbols
// next [n] that followed the keys, s0 and q0y = q0(y). It replaces s by scale
// times its gradient and returns that of s0.
func OneHotLoss[F Float, S ~uint16](s []F, next []S, y S, s0, q0y, rescale F) (nats float64, ds0 F) {
	logMass := Normalize(s)
	top := max(logMass, float64(s0))
	mass := math.Exp(logMass - top)
	none := math.Exp(float64(s0) - top)
	share := F(mass / (mass + none)) // of the keys
	hit := F(0)
	for j, x := range next {
		if x == y {
			hit += s[j]
		}
	}
	w0 := F(none / (mass + none))
	p := max(share*hit+w0*q0y, 1e-30) // 1/p must not overflow a float32
	scale(s, share*rescale)
	after := 1 - 1/p
	for j, x := range next {
		if x == y {
			s[j] *= after
		}
	}
	return -math.Log(float64(p)), rescale * w0 * (1 - q0y/p)
}

// ScoresBack adds to dq [m,D] and dk [n,D] the gradients through Scores of
// ExpDot and Gaussian, given ds [m,n]:
//
//	ExpDot:   dq_i = s Σ_j ds_ij k_j              dk_j = s Σ_i ds_ij q_i
//	Gaussian: dq_i = s Σ_j ds_ij (k_j − q_i)      dk_j = s Σ_i ds_ij (q_i − k_j)
//
// ds is scaled in place.
func (s Smoother[F]) ScoresBack(dq []F, lddq int, dk []F, lddk int, ds []F, ldds int, q []F, ldq int, k []F, ldk, m, n int) {
	if s.Kernel != ExpDot && s.Kernel != Gaussian {
		panic("smoother: no gradient of this kernel")
	}
	for i := range m {
		scale(ds[i*ldds:][:n], F(s.Scale))
	}
	NN(m, s.D, n, ds, ldds, k, ldk, 1, dq, lddq)
	TN(n, s.D, m, ds, ldds, q, ldq, 1, dk, lddk)
	if s.Kernel == ExpDot {
		return
	}
	for i := range m {
		row := ds[i*ldds:][:n]
		Axpy(dq[i*lddq:][:s.D], -sum(row), q[i*ldq:][:s.D])
		for j, d := range row {
			Axpy(dk[j*lddk:][:s.D], -d, k[j*ldk:][:s.D])
		}
	}
}
