package blas

// The assembly of gemm_amd64.s and vector_amd64.s. Strides are in bytes.

//go:noescape
func tile512(rows, vecs, k int, a *float32, aRow, aCol uintptr, b *float32, bRow uintptr, c *float32, cRow uintptr, last int, start *float32, startRow uintptr)

//go:noescape
func tile256(rows, vecs, k int, a *float32, aRow, aCol uintptr, b *float32, bRow uintptr, c *float32, cRow uintptr, last int, start *float32, startRow uintptr)

//go:noescape
func packRows512(dst *float32, dstRow uintptr, src *float32, srcRow uintptr, width, k int)

//go:noescape
func packRows256(dst *float32, dstRow uintptr, src *float32, srcRow uintptr, width, k int)

//go:noescape
func packColumns512(dst *float32, dstRow uintptr, src *float32, srcRow uintptr, width, k int)

//go:noescape
func packColumns256(dst *float32, dstRow uintptr, src *float32, srcRow uintptr, width, k int)

//go:noescape
func exp512(n int, dst, src *float32, shift float32)

//go:noescape
func exp256(n int, dst, src *float32, shift float32)

//go:noescape
func gelu512(n int, dst, x *float32)

//go:noescape
func gelu256(n int, dst, x *float32)

//go:noescape
func geluGrad512(n int, dx, dy, x *float32)

//go:noescape
func geluGrad256(n int, dx, dy, x *float32)

//go:noescape
func axpy512(n int, y, x *float32, alpha float32)

//go:noescape
func axpy256(n int, y, x *float32, alpha float32)

//go:noescape
func scale512(n int, x *float32, alpha float32)

//go:noescape
func scale256(n int, x *float32, alpha float32)

//go:noescape
func shift512(n int, dst, x *float32, alpha float32)

//go:noescape
func shift256(n int, dst, x *float32, alpha float32)

//go:noescape
func mul512(n int, dst, x, y *float32)

//go:noescape
func mul256(n int, dst, x, y *float32)

//go:noescape
func mulAdd512(n int, dst, x, y, z *float32)

//go:noescape
func mulAdd256(n int, dst, x, y, z *float32)

//go:noescape
func adamW512(n int, p, dp, m, v *float32, s *adamScalars)

//go:noescape
func adamW256(n int, p, dp, m, v *float32, s *adamScalars)

//go:noescape
func sum512(n int, x *float32) float32

//go:noescape
func sum256(n int, x *float32) float32

//go:noescape
func dot512(n int, x, y *float32) float32

//go:noescape
func dot256(n int, x, y *float32) float32

//go:noescape
func max512(n int, x *float32) float32

//go:noescape
func max256(n int, x *float32) float32

//go:noescape
func softmax512(n int, x *float32, scale float32)

//go:noescape
func softmax256(n int, x *float32, scale float32)

//go:noescape
func softmaxGrad512(n int, dp, p *float32, mean, scale float32)

//go:noescape
func softmaxGrad256(n int, dp, p *float32, mean, scale float32)
