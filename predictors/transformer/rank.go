package transformer

import "gonum.org/v1/gonum/mat"

// Queries and keys enter a softmax by their product alone (programme A5): head
// h weighs what x sees of y by
//
//	x B yᵀ + b_q·(y Wk) + what no key changes,   B = Wq Wkᵀ [C,C], rank B ≤ K,
//
// and with attention = "bilinear" B is itself the parameter. A rank of r cuts B
// to the closest matrix of rank r (Eckart & Young 1936), U Uᵀ B with U [C,r] the
// first left singular vectors of B, wherever a prediction is made; training, and
// the choice of weights in it, have the whole of B. Since U Uᵀ B = (U Uᵀ Wq) Wkᵀ,
// the cut is one of Wq, and scoring does not know of it. A singular value
// decomposition a head costs O(C³), once a training.

// settle makes the weights that predictions use from the parameters.
func (m *model) settle() {
	if m.scored = m.w; m.rank == 0 {
		return
	}
	cut := *m.w
	cut.layers = append([]layer(nil), m.w.layers...)
	for l := range cut.layers {
		y := &cut.layers[l]
		y.wqkv = append([]float32(nil), y.wqkv...)
		for h := range m.H {
			m.cutHead(y.wqkv, h)
		}
	}
	m.scored = &cut
}

// cutHead replaces Wq of head h by U Uᵀ Wq.
func (d dims) cutHead(wqkv []float32, h int) {
	query := d.columns(wqkv, d.q+h*d.queryStep)
	product := query // attention = "bilinear": s = (x Wq)·y
	if d.kernel != bilinearKernel {
		product = mat.NewDense(d.C, d.C, nil)
		product.Mul(query, d.columns(wqkv, d.k+h*d.keyStep).T())
	}
	var svd mat.SVD
	if !svd.Factorize(product, mat.SVDThinU) {
		return // not numbers: training has failed, and says so
	}
	var u, low, cut mat.Dense
	svd.UTo(&u)
	first := u.Slice(0, d.C, 0, min(d.rank, d.C))
	low.Mul(first.T(), query)
	cut.Mul(first, &low)
	for i := range d.C {
		for j := range d.K {
			wqkv[i*d.proj+d.q+h*d.queryStep+j] = float32(cut.At(i, j))
		}
	}
}

// columns is the K columns of wqkv [C,proj] from one on.
func (d dims) columns(wqkv []float32, from int) *mat.Dense {
	out := mat.NewDense(d.C, d.K, nil)
	for i := range d.C {
		for j := range d.K {
			out.Set(i, j, float64(wqkv[i*d.proj+from+j]))
		}
	}
	return out
}
