package blas

import (
	"fmt"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"
)

// A fence is memory between two pages that nobody may touch.
type fence struct{ all []float32 }

func newFence(t *testing.T, n int) fence {
	page := syscall.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skipf("no memory of our own: %v", err)
	}
	t.Cleanup(func() { syscall.Munmap(mem) })
	for _, p := range [][]byte{mem[:page], mem[page+size:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Skipf("pages cannot be protected: %v", err)
		}
	}
	return fence{unsafe.Slice((*float32)(unsafe.Pointer(&mem[page])), size/4)}
}

// place copies x to the end of the memory, or to its start.
func (f fence) place(x []float32, atEnd bool) []float32 {
	y := f.all[:len(x):len(x)]
	if atEnd {
		y = f.all[len(f.all)-len(x):]
	}
	copy(y, x)
	return y
}

// TestFences runs everything on slices that begin or end at a forbidden page:
// one read or write outside them is a fault.
func TestFences(t *testing.T) {
	const most = 3000
	var f [4]fence
	for i := range f {
		f[i] = newFence(t, most)
	}
	eachKernel(t, func(t *testing.T) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // of this goroutine
		running := ""
		defer func() {
			if r := recover(); r != nil {
				t.Fatalf("%s: %v", running, r)
			}
		}()
		for _, atEnd := range []bool{true, false} {
			for _, s := range fenceShapes {
				for _, v := range variants {
					running = fmt.Sprint(v.name, " ", s)
					m, n, k := s[0], s[1], s[2]
					a := f[0].place(numbers(1, m*k), atEnd)
					b := f[1].place(numbers(2, k*n), atEnd)
					c := f[2].place(numbers(3, m*n), atEnd)
					for _, beta := range []float32{0, 1} {
						v.gemm(m, n, k, a, leading(m, k, v.aT), b, leading(k, n, v.bT), beta, c, n)
					}
					if !v.aT && !v.bT {
						Affine(m, n, k, a, k, b, n, f[3].place(numbers(4, n), atEnd), c, n)
					}
				}
			}
			for n := range 140 {
				var s [4][]float32
				for i, x := range four(n) {
					s[i] = f[i].place(x, atEnd)
				}
				for _, e := range elementwise {
					running = fmt.Sprint(e.name, " of ", n)
					e.run(s)
				}
				for i, x := range four(n) {
					copy(s[i], x)
				}
				x := four(n)
				running = fmt.Sprint("reductions of ", n)
				if Sum(s[0]) != Sum(x[0]) || Dot(s[1], s[2]) != Dot(x[1], x[2]) || Max(s[1]) != Max(x[1]) {
					t.Errorf("%s numbers differ from those elsewhere in memory", running)
				}
				running = fmt.Sprint("softmax of ", n)
				Softmax(s[0], 0.7)
				SoftmaxGrad(s[1], s[0], 0.7)
			}
		}
	})
}

// fenceShapes are tall, flat, deep and odd, each within 3000 numbers a matrix:
// every tile, with whole and partial last vectors, packed and not.
var fenceShapes = func() [][3]int {
	shapes := [][3]int{{1, 1, 1}, {1, 200, 15}, {3, 129, 17}, {2, 128, 23}, {30, 100, 20}, {50, 33, 50}, {25, 16, 100}, {40, 48, 48}, {70, 5, 7}, {1, 1, 3000}}
	for m := 1; m <= 26; m++ {
		for n := 1; n <= 70; n += 3 {
			shapes = append(shapes, [3]int{m, n, 1 + (m*n)%37})
		}
	}
	return shapes
}()
