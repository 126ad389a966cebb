//go:build !amd64

package blas

// Only the Go kernel runs here, and nothing below is reached.

func supported(k kernel) bool { return k == generic }

func runTile(rows, vecs, k int, a, b, c, start view, last int)     { panic("unreachable") }
func copyPanel(t *tiling, dst, x view, width, k int)               { panic("unreachable") }
func vectorExp(n int, dst, src *float32, shift float32)            { panic("unreachable") }
func vectorGelu(n int, dst, x *float32)                            { panic("unreachable") }
func vectorGeluGrad(n int, dx, dy, x *float32)                     { panic("unreachable") }
func vectorAxpy(n int, y, x *float32, alpha float32)               { panic("unreachable") }
func vectorScale(n int, x *float32, alpha float32)                 { panic("unreachable") }
func vectorShift(n int, dst, x *float32, alpha float32)            { panic("unreachable") }
func vectorMul(n int, dst, x, y *float32)                          { panic("unreachable") }
func vectorMulAdd(n int, dst, x, y, z *float32)                    { panic("unreachable") }
func vectorAdamW(n int, p, dp, m, v *float32, s *adamScalars)      { panic("unreachable") }
func vectorSum(n int, x *float32) float32                          { panic("unreachable") }
func vectorDot(n int, x, y *float32) float32                       { panic("unreachable") }
func vectorMax(n int, x *float32) float32                          { panic("unreachable") }
func vectorSoftmax(n int, x *float32, scale float32)               { panic("unreachable") }
func vectorSoftmaxGrad(n int, dp, p *float32, mean, scale float32) { panic("unreachable") }
