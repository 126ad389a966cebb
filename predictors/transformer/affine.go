package transformer

import "horizon/predictors/transformer/blas"

// affine sets y [m,out] = x [m,in] w [in,out] + b, b [out].
func affine(y, x, w, b []float32, m, in, out int) {
	for i := range m {
		copy(y[i*out:(i+1)*out], b)
	}
	blas.NN(m, out, in, x, in, w, out, 1, y, out)
}

// affineAdd adds x w + b to y.
func affineAdd(y, x, w, b []float32, m, in, out int) {
	for i := range m {
		blas.Axpy(y[i*out:(i+1)*out], 1, b)
	}
	blas.NN(m, out, in, x, in, w, out, 1, y, out)
}

// affineBack sets dx = dy wᵀ and adds xᵀ dy to dw and the sum of dy's rows to
// db.
func affineBack(dx, dw, db, dy, x, w []float32, m, in, out int) {
	blas.NT(m, in, out, dy, out, w, out, 0, dx, in)
	blas.TN(in, out, m, x, in, dy, out, 1, dw, out)
	for i := range m {
		blas.Axpy(db, 1, dy[i*out:(i+1)*out])
	}
}
