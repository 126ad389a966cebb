package transformer

import "horizon/predictors/transformer/blas"

// affine sets y [m,out] in rows of ldy to x [m,in] w [in,out] + b, b [out] or
// empty.
func affine(y []float32, ldy int, x, w, b []float32, m, in, out int) {
	if len(b) > 0 {
		blas.Affine(m, out, in, x, in, w, out, b, y, ldy)
		return
	}
	blas.NN(m, out, in, x, in, w, out, 0, y, ldy)
}

// affineAdd adds x w + b to y [m,out].
func affineAdd(y, x, w, b []float32, m, in, out int) {
	if len(b) > 0 {
		for i := range m {
			blas.Axpy(y[i*out:(i+1)*out], 1, b)
		}
	}
	blas.NN(m, out, in, x, in, w, out, 1, y, out)
}

// affineBack sets dx = dy wᵀ and adds xᵀ dy to dw and the sum of dy's rows to
// db, dy [m,out] in rows of ldy.
func affineBack(dx, dw, db, dy []float32, ldy int, x, w []float32, m, in, out int) {
	blas.NT(m, in, out, dy, ldy, w, out, 0, dx, in)
	blas.TN(in, out, m, x, in, dy, ldy, 1, dw, out)
	if len(db) > 0 {
		for i := range m {
			blas.Axpy(db, 1, dy[i*ldy:][:out])
		}
	}
}
