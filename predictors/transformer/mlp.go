package transformer

import "horizon/predictors/transformer/blas"

// feedForward adds to the stream x [M,C] the second half of a block:
// gelu(norm(x) W1 + b1) W2 + b2.
func (d dims) feedForward(w *layer, b *block, x []float32, M int) {
	layerNorm(b.c, b.n2, b.r2[:M], x, w.gain2, w.bias2)
	affine(b.h, b.c, w.w1, w.b1, M, d.C, ratio*d.C)
	blas.Gelu(b.g[:M*ratio*d.C], b.h[:M*ratio*d.C])
	affineAdd(x, b.g, w.w2, w.b2, M, ratio*d.C, d.C)
}

// feedForwardBack takes s.x from the gradient behind the block's second half
// to the one before it.
func (d dims) feedForwardBack(dw, w *layer, b *block, s *gradients, M int) {
	affineBack(s.h, dw.w2, dw.b2, s.x, b.g, w.w2, M, ratio*d.C, d.C)
	dh := s.h[:M*ratio*d.C]
	blas.GeluGrad(dh, dh, b.h[:M*ratio*d.C])
	affineBack(s.c, dw.w1, dw.b1, s.h, b.c, w.w1, M, d.C, ratio*d.C)
	layerNormBack(s.x, dw.gain2, dw.bias2, s.c, b.n2, b.r2[:M], w.gain2)
}
