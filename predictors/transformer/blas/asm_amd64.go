package blas

import "golang.org/x/sys/cpu"

func supported(k kernel) bool {
	switch k {
	case avx512:
		return cpu.X86.HasAVX512F && supported(avx2)
	case avx2:
		return cpu.X86.HasAVX2 && cpu.X86.HasFMA
	}
	return true
}

// runTile computes a tile of C, rows by vecs vectors of which the last has only
// last columns; k > 0. Sums begin with start's numbers, or 0 if it has none.
func runTile(rows, vecs, k int, a, b, c, start view, last int) {
	if active == avx512 {
		tile512(rows, vecs, k, a.p, uintptr(4*a.row), uintptr(4*a.col), b.p, uintptr(4*b.row), c.p, uintptr(4*c.row), last, start.p, uintptr(4*start.row))
		return
	}
	tile256(rows, vecs, k, a.p, uintptr(4*a.row), uintptr(4*a.col), b.p, uintptr(4*b.row), c.p, uintptr(4*c.row), last, start.p, uintptr(4*start.row))
}

// copyPanel copies k rows of x, each of width numbers, to dst, whose columns are
// adjacent. It writes whole vectors: what it puts beyond width is arbitrary.
func copyPanel(t *tiling, dst, x view, width, k int) {
	row := uintptr(4 * dst.row)
	switch {
	case x.col == 1 && active == avx512:
		packRows512(dst.p, row, x.p, uintptr(4*x.row), width, k)
	case x.col == 1:
		packRows256(dst.p, row, x.p, uintptr(4*x.row), width, k)
	default:
		for v := 0; v < width; v += t.lanes {
			packColumns(dst.at(0, v), row, x.at(0, v), uintptr(4*x.col), min(t.lanes, width-v), k)
		}
	}
}

func packColumns(dst *float32, dstRow uintptr, src *float32, srcRow uintptr, width, k int) {
	if active == avx512 {
		packColumns512(dst, dstRow, src, srcRow, width, k)
		return
	}
	packColumns256(dst, dstRow, src, srcRow, width, k)
}

// The vector functions work on n > 0 numbers from each pointer on.

func vectorExp(n int, dst, src *float32, shift float32) {
	if active == avx512 {
		exp512(n, dst, src, shift)
		return
	}
	exp256(n, dst, src, shift)
}

func vectorGelu(n int, dst, x *float32) {
	if active == avx512 {
		gelu512(n, dst, x)
		return
	}
	gelu256(n, dst, x)
}

func vectorGeluGrad(n int, dx, dy, x *float32) {
	if active == avx512 {
		geluGrad512(n, dx, dy, x)
		return
	}
	geluGrad256(n, dx, dy, x)
}

func vectorAxpy(n int, y, x *float32, alpha float32) {
	if active == avx512 {
		axpy512(n, y, x, alpha)
		return
	}
	axpy256(n, y, x, alpha)
}

func vectorScale(n int, x *float32, alpha float32) {
	if active == avx512 {
		scale512(n, x, alpha)
		return
	}
	scale256(n, x, alpha)
}

func vectorShift(n int, dst, x *float32, alpha float32) {
	if active == avx512 {
		shift512(n, dst, x, alpha)
		return
	}
	shift256(n, dst, x, alpha)
}

func vectorMul(n int, dst, x, y *float32) {
	if active == avx512 {
		mul512(n, dst, x, y)
		return
	}
	mul256(n, dst, x, y)
}

func vectorMulAdd(n int, dst, x, y, z *float32) {
	if active == avx512 {
		mulAdd512(n, dst, x, y, z)
		return
	}
	mulAdd256(n, dst, x, y, z)
}

func vectorAdamW(n int, p, dp, m, v *float32, s *adamScalars) {
	if active == avx512 {
		adamW512(n, p, dp, m, v, s)
		return
	}
	adamW256(n, p, dp, m, v, s)
}

func vectorSum(n int, x *float32) float32 {
	if active == avx512 {
		return sum512(n, x)
	}
	return sum256(n, x)
}

func vectorDot(n int, x, y *float32) float32 {
	if active == avx512 {
		return dot512(n, x, y)
	}
	return dot256(n, x, y)
}

func vectorMax(n int, x *float32) float32 {
	if active == avx512 {
		return max512(n, x)
	}
	return max256(n, x)
}

func vectorSoftmax(n int, x *float32, scale float32) {
	if active == avx512 {
		softmax512(n, x, scale)
		return
	}
	softmax256(n, x, scale)
}

func vectorSoftmaxGrad(n int, dp, p *float32, mean, scale float32) {
	if active == avx512 {
		softmaxGrad512(n, dp, p, mean, scale)
		return
	}
	softmaxGrad256(n, dp, p, mean, scale)
}
