package transformer

import "horizon/predictors/transformer/blas"

// embed sets x [m,C] to E[id] + P[t] + S[t ≥ opening], t from first on (Phuong &
// Hutter 2022, Algorithms 1 and 2), or to those of the three that there are.
func (d dims) embed(x []float32, w *weights, ids []int32, first, opening int) {
	for i, id := range ids {
		row := x[i*d.C : (i+1)*d.C]
		copy(row, w.tok[int(id)*d.C:])
		if d.positions.added() {
			blas.Axpy(row, 1, w.pos[(first+i)*d.C:][:d.C])
		}
		if d.beginning > 0 {
			blas.Axpy(row, 1, d.segmentRow(w, first+i, opening))
		}
	}
}

// embedBack adds the gradient dx [m,C] of a window's first m positions to the
// rows that made them.
func (d dims) embedBack(dw *weights, dx []float32, ids []int32, opening int) {
	for i, id := range ids {
		row := dx[i*d.C : (i+1)*d.C]
		blas.Axpy(dw.tok[int(id)*d.C:][:d.C], 1, row)
		if d.positions == learnedPositions {
			blas.Axpy(dw.pos[i*d.C:][:d.C], 1, row)
		}
		if d.beginning > 0 {
			blas.Axpy(d.segmentRow(dw, i, opening), 1, row)
		}
	}
}

// unembed sets logits [m,A] to f [m,C] Uᵀ (Algorithm 7, before its softmax).
func (d dims) unembed(logits, f []float32, w *weights, m int) {
	blas.NT(m, d.A, d.C, f, d.C, w.head, d.C, 0, logits, d.A)
}

// unembedBack sets df = dlogits U and adds dlogitsᵀ f to the gradient of U.
func (d dims) unembedBack(df []float32, dw *weights, dlogits, f []float32, w *weights, m int) {
	blas.NN(m, d.C, d.A, dlogits, d.A, w.head, d.C, 0, df, d.C)
	blas.TN(d.A, d.C, m, dlogits, d.A, f, d.C, 1, dw.head, d.C)
}
