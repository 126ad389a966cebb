package blas

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// fma32 is a*b + c rounded once. The product of two float32 is exact in a
// float64; their sum is rounded to odd there (Boldo & Melquiond 2008), after
// which rounding to float32 is as if there had been no rounding before.
func fma32(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	t := s - p // Knuth's two-sum: s + lost is the exact sum
	lost := (p - (s - t)) + (q - t)
	if lost != 0 && math.Float64bits(s)&1 == 0 {
		s = math.Nextafter(s, math.Inf(int(math.Copysign(1, lost))))
	}
	return float32(s)
}

// twin is one step of the sum that defines an element of C under a kernel.
func twin(k kernel, sum, a, b float32) float32 {
	if k == generic {
		return sum + float32(a*b)
	}
	return fma32(a, b, sum)
}

func TestFMA32(t *testing.T) {
	e := float32(0x1p-12)
	for _, c := range []struct{ a, b, c, want float32 }{
		{2, 3, 4, 10},
		{1 + e, 1 - e, -1, -0x1p-24},               // a product rounded first gives 0
		{1 + e, 1 + e, 0, 1 + 2*e},                 // a tie, to even
		{1 + e, 1 + e, 0x1p-80, 1 + 2*e + 0x1p-23}, // above the tie by what a float64 loses
	} {
		if got := fma32(c.a, c.b, c.c); got != c.want {
			t.Errorf("fma32(%v, %v, %v) = %v, want %v", c.a, c.b, c.c, got, c.want)
		}
	}
}

// TestSmallShapes compares every shape up to 40×40×40 with the definition, to
// the bit, and sees that nothing around C changes. One table of sums serves all
// shapes of the same k, so equality says, too, that an element does not depend
// on m and n.
func TestSmallShapes(t *testing.T) {
	const most, ld = 40, 43
	a, b, c0 := numbers(1, ld*ld), numbers(2, ld*ld), numbers(3, ld*ld)
	at := func(x []float32, i, j int, transposed bool) float32 {
		if transposed {
			i, j = j, i
		}
		return x[i*ld+j]
	}
	c, want := make([]float32, ld*ld), make([]float32, ld*ld)
	eachKernel(t, func(t *testing.T) {
		step := 1
		if active == generic || testing.Short() { // no tiles there, but slow
			step = 3
		}
		for _, v := range variants {
			for _, beta := range []float32{0, 1} {
				sums := make([]float32, ld*ld)
				if beta == 1 {
					copy(sums, c0)
				}
				for k := range most + 1 {
					for i := 0; i < most && k > 0; i++ {
						for j := range most {
							sums[i*ld+j] = twin(active, sums[i*ld+j], at(a, i, k-1, v.aT), at(b, k-1, j, v.bT))
						}
					}
					for m := 0; m <= most; m += step {
						for n := 0; n <= most; n += step {
							p := problem{m, n, k, ld, ld, ld, beta, a, b, c0}
							p.compare(t, v, sums, c, want)
						}
					}
				}
			}
		}
	})
}

// compare computes p into c, a copy of its C, and sees that the m×n window has the
// bits of sums then and the rest has those of C. With beta = 0 the window is NaN
// before, so that reading it shows.
func (p problem) compare(t *testing.T, v variant, sums, c, want []float32) {
	copy(c, p.c)
	copy(want, p.c)
	for i := range p.m {
		if p.beta == 0 {
			spoil(c[i*p.ldc:][:p.n])
		}
		copy(want[i*p.ldc:][:p.n], sums[i*p.ldc:])
	}
	v.gemm(p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc)
	if i := differ(c, want); i >= 0 {
		t.Fatalf("%s %v: c[%d,%d] = %v, want %v", v.name, p, i/p.ldc, i%p.ldc, c[i], want[i])
	}
}

func spoil(x []float32) {
	for i := range x {
		x[i] = float32(math.NaN())
	}
}

// differ returns the first place where two slices of one length have different
// bits, -1 if there is none.
func differ(x, y []float32) int {
	if len(x) == 0 || bytes.Equal(memory(x), memory(y)) {
		return -1
	}
	for i := range x {
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) {
			return i
		}
	}
	panic("unreachable")
}

func memory(x []float32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)) }

// A problem is a product of random shape and strides.
type problem struct {
	m, n, k, lda, ldb, ldc int
	beta                   float32
	a, b, c                []float32
}

func (p problem) String() string {
	return fmt.Sprintf("%dx%dx%d, strides %d %d %d, beta %v", p.m, p.n, p.k, p.lda, p.ldb, p.ldc, p.beta)
}

// drawProblem draws shapes that cross the borders of tiles and blocks, or are 0.
func drawProblem(t *rapid.T, aT, bT bool) problem {
	limits := rapid.SampledFrom([][3]int{{30, 150, 40}, {60, 40, 900}, {900, 20, 12}, {4, 300, 300}, {2, 3, 9000}}).Draw(t, "limits")
	size := func(name string, most int) int { // rapid likes an interval's lower end
		return rapid.OneOf(rapid.IntRange(0, most), rapid.IntRange(most/2, most)).Draw(t, name)
	}
	pad := func(name string) int { return rapid.IntRange(0, 20).Draw(t, name) }
	p := problem{m: size("m", limits[0]), n: size("n", limits[1]), k: size("k", limits[2])}
	p.beta = float32(rapid.IntRange(0, 1).Draw(t, "beta"))
	p.lda = leading(p.m, p.k, aT) + pad("lda")
	p.ldb = leading(p.k, p.n, bT) + pad("ldb")
	p.ldc = p.n + pad("ldc")
	p.a = numbers(1, (p.m+p.k+1-leading(p.m, p.k, aT))*p.lda)
	p.b = numbers(2, (p.k+p.n+1-leading(p.k, p.n, bT))*p.ldb)
	p.c = numbers(3, (p.m+1)*p.ldc)
	return p
}

// checkProblem compares a product with the same rows computed one at a time, to
// the bit, and with a float64 product, within the bound of Higham 2002, (3.5):
// |c - ĉ| ≤ γ Σ|a||b|, γ = (k+1)u / (1 - (k+1)u).
func checkProblem(t *rapid.T, v variant) {
	p := drawProblem(t, v.aT, v.bT)
	got := slices.Clone(p.c)
	for i := 0; i < p.m && p.beta == 0; i++ {
		spoil(got[i*p.ldc:][:p.n])
	}
	alone := slices.Clone(got)
	v.gemm(p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, p.beta, got, p.ldc)
	for i := range p.m {
		a := p.a[min(len(p.a), i*p.lda):]
		if v.aT {
			a = p.a[min(len(p.a), i):]
		}
		v.gemm(1, p.n, p.k, a, p.lda, p.b, p.ldb, p.beta, alone[i*p.ldc:], p.ldc)
	}
	if i := differ(got, alone); i >= 0 {
		t.Fatalf("%s %v: c[%d,%d] = %v, its row alone %v", v.name, p, i/p.ldc, i%p.ldc, got[i], alone[i])
	}
	for i, before := range p.c {
		if !(i/p.ldc < p.m && i%p.ldc < p.n) && got[i] != before {
			t.Fatalf("%s %v: c[%d,%d] = %v, was %v", v.name, p, i/p.ldc, i%p.ldc, got[i], before)
		}
	}
	const unit = 0x1p-24
	u := float64(p.k+1) * unit
	for i := range p.m {
		for j := range p.n {
			want, size := reference(p, v, i, j)
			c := float64(got[i*p.ldc+j])
			if !(math.Abs(c-want) <= u/(1-u)*size) {
				t.Fatalf("%s %v: c[%d,%d] = %v, want %v ± %v", v.name, p, i, j, c, want, u/(1-u)*size)
			}
		}
	}
}

// reference is element (i, j) in float64, and the sum of its absolute terms.
func reference(p problem, v variant, i, j int) (sum, size float64) {
	if p.beta == 1 {
		sum = float64(p.c[i*p.ldc+j])
	}
	size = math.Abs(sum)
	for l := range p.k {
		ai, bi := i*p.lda+l, l*p.ldb+j
		if v.aT {
			ai = l*p.lda + i
		}
		if v.bT {
			bi = j*p.ldb + l
		}
		x := float64(p.a[ai]) * float64(p.b[bi])
		sum += x
		size += math.Abs(x)
	}
	return sum, size
}

func TestRandomShapes(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		for _, v := range variants {
			t.Run(v.name, rapid.MakeCheck(func(t *rapid.T) { checkProblem(t, v) }))
		}
	})
}

func FuzzShapes(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		checkProblem(t, rapid.SampledFrom(variants).Draw(t, "variant"))
	}))
}

// TestAffine: a product onto a bias is one onto rows that hold it.
func TestAffine(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		for _, s := range [][3]int{{1, 1, 1}, {5, 70, 3}, {30, 33, 50}, {40, blockCols + 9, 20}, {blockRows + 7, 20, 5}, {50, 20, blockSteps + 30}, {3, 4, 0}, {0, 4, 3}} {
			m, n, k := s[0], s[1], s[2]
			lda, ldb, ldc := k+2, n+1, n+3
			a, b, bias := numbers(1, m*lda), numbers(2, (k+1)*ldb), numbers(3, n)
			got, want := numbers(4, m*ldc+n), numbers(4, m*ldc+n)
			Affine(m, n, k, a, lda, b, ldb, bias, got, ldc)
			for i := range m {
				copy(want[i*ldc:], bias)
			}
			NN(m, n, k, a, lda, b, ldb, 1, want, ldc)
			equalBits(t, fmt.Sprint(s), got, want)
		}
	})
}

// TestBlocks crosses the borders of blocks with whole panels, against the
// definition, on sampled elements.
func TestBlocks(t *testing.T) {
	const m, n, k = blockRows + 5, blockCols + 45, blockSteps + 16
	r := rand.New(rand.NewPCG(7, 0))
	a, b, c := numbers(1, m*k), numbers(2, k*n), make([]float32, m*n)
	eachKernel(t, func(t *testing.T) {
		for _, v := range variants {
			p := problem{m: m, n: n, k: k, lda: leading(m, k, v.aT), ldb: leading(k, n, v.bT), ldc: n}
			v.gemm(m, n, k, a, p.lda, b, p.ldb, 0, c, n)
			for range 2000 {
				i, j := r.IntN(m), r.IntN(n)
				want := float32(0)
				for l := range k {
					ai, bi := i*p.lda+l, l*p.ldb+j
					if v.aT {
						ai = l*p.lda + i
					}
					if v.bT {
						bi = j*p.ldb + l
					}
					want = twin(active, want, a[ai], b[bi])
				}
				if got := c[i*n+j]; got != want {
					t.Fatalf("%s: c[%d,%d] = %v, want %v", v.name, i, j, got, want)
				}
			}
		}
	})
}

// TestNotFinite: infinities and NaN spread to their row or column and no
// further, though tiles read past the edge of a short panel.
func TestNotFinite(t *testing.T) {
	const m, n, k = 29, 37, 11
	inf := float32(math.Inf(1))
	eachKernel(t, func(t *testing.T) {
		for _, v := range variants {
			a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
			for i := range a {
				a[i] = 1
			}
			for i := range b {
				b[i] = 1
			}
			lda, ldb := leading(m, k, v.aT), leading(k, n, v.bT)
			if v.aT {
				a[28] = inf
			} else {
				a[28*k] = inf
			}
			if v.bT {
				b[36*k] = float32(math.NaN())
			} else {
				b[36] = float32(math.NaN())
			}
			v.gemm(m, n, k, a, lda, b, ldb, 0, c, n)
			for i := range m {
				for j := range n {
					got, want := c[i*n+j], float32(k)
					if i == 28 {
						want = inf
					}
					if ok := got == want; j == 36 && got == got || j != 36 && !ok {
						t.Fatalf("%s: c[%d,%d] = %v", v.name, i, j, got)
					}
				}
			}
		}
	})
}

func TestConcurrent(t *testing.T) {
	const m, n, k = 50, 60, 300
	a, b, want := numbers(1, m*k), numbers(2, n*k), make([]float32, m*n)
	NT(m, n, k, a, k, b, k, 0, want, n)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := make([]float32, m*n)
			for range 50 {
				NT(m, n, k, a, k, b, k, 0, c, n)
				if i := differ(c, want); i >= 0 {
					t.Errorf("c[%d] = %v, want %v", i, c[i], want[i])
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestNoAllocation(t *testing.T) {
	const size = 64
	a, b, c := numbers(1, size*size), numbers(2, size*size), make([]float32, size*size)
	eachKernel(t, func(t *testing.T) {
		for _, v := range variants {
			if n := testing.AllocsPerRun(100, func() { v.gemm(size, size, size, a, size, b, size, 0, c, size) }); n != 0 {
				t.Errorf("%s: %v allocations a call, want 0", v.name, n)
			}
		}
	})
}

func TestMisuse(t *testing.T) {
	x := make([]float32, 12)
	for _, c := range []struct {
		want string
		call func()
	}{
		{"blas: NN: m, n, k = -1, 3, 4, want ≥ 0", func() { NN(-1, 3, 4, x, 4, x, 3, 0, x, 3) }},
		{"blas: NT: beta = 0.5, want 0 or 1", func() { NT(3, 3, 4, x, 4, x, 4, 0.5, x, 3) }},
		{"blas: NN: lda = 3, want ≥ 4 columns", func() { NN(3, 3, 4, x, 3, x, 3, 0, x, 3) }},
		{"blas: TN: lda = 2, want ≥ 3 columns", func() { TN(3, 3, 4, x, 2, x, 3, 0, x, 3) }},
		{"blas: NT: len(b) = 12, want ≥ 16", func() { NT(3, 4, 4, x, 4, x, 4, 0, x, 4) }},
		{"blas: NN: len(c) = 12, want ≥ 13", func() { NN(3, 3, 4, x, 4, x, 3, 0, x, 5) }},
		{"blas: Exp: len(dst) = 3, want 4", func() { Exp(x[:3], x[:4]) }},
		{"blas: Dot: len(y) = 5, want 4", func() { Dot(x[:4], x[:5]) }},
		{"blas: AdamW: len(v) = 2, want 4", func() { AdamW{}.Step(x[:4], x[:4], x[:4], x[:2]) }},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != c.want {
					t.Errorf("panic %q, want %q", got, c.want)
				}
			}()
			c.call()
		}()
	}
}

func TestChoose(t *testing.T) {
	best := choose("")
	for _, k := range []kernel{generic, avx2, avx512} {
		want := best
		if supported(k) {
			want = k
		}
		if got := choose(k.String()); got != want {
			t.Errorf("choose(%q) = %v, want %v", k, got, want)
		}
		if supported(k) && k > best {
			t.Errorf("choose(\"\") = %v, though %v is supported", best, k)
		}
	}
	if got := choose("sse9"); got != best {
		t.Errorf("choose(sse9) = %v, want %v", got, best)
	}
	if !strings.Contains("go avx2 avx512", Kernel()) {
		t.Errorf("Kernel() = %q", Kernel())
	}
}
