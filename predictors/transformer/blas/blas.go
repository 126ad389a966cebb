// Package blas computes the float32 matrix products and elementwise functions
// a transformer is trained with, on one thread: parallelism is the caller's.
//
// There are three kernels. "avx512" and "avx2" are assembly, written by gen.go;
// "go" is plain Go and runs anywhere. The best one the processor supports is
// chosen at start; the environment variable HORIZON_BLAS may ask for another.
//
// # Reproducibility
//
// In a product every element of C is one accumulator to which the products
// over k are added in increasing order,
//
//	s ← β c[i,j];  s ← s + a[i,0] b[0,j];  s ← s + a[i,1] b[1,j];  …
//
// whatever the shape, the strides, the tile the element falls in or the number
// of rows in the call: a row computed alone has the same bits as in a batch.
// Where k is cut in blocks the accumulator travels through C, which is exact.
// Elementwise functions give an element the same bits at any index of a slice
// of any length, and reductions add in an order given by the length alone.
//
// The vector kernels round once for each multiplication and addition (fused),
// the Go kernel twice, and it takes its exponentials from package math. So
// avx512 and avx2 agree to the bit and go differs from them in the last
// places: results that must be compared bit for bit record Kernel().
package blas

//go:generate go run gen.go

import (
	"fmt"
	"os"
)

// A kernel is one implementation of everything in this package.
type kernel int

const (
	generic kernel = iota
	avx2
	avx512
)

var kernelNames = []string{"go", "avx2", "avx512"}

func (k kernel) String() string { return kernelNames[k] }

// active is the kernel in use: set here and by tests, never while others run.
var active = choose(os.Getenv("HORIZON_BLAS"))

// choose returns the kernel called name if this processor supports it, else
// the best one it does.
func choose(name string) kernel {
	best := generic
	for _, k := range []kernel{generic, avx2, avx512} {
		if !supported(k) {
			continue
		}
		if k.String() == name {
			return k
		}
		best = k
	}
	return best
}

// Kernel names the kernel in use: "avx512", "avx2" or "go". Equal kernels give
// equal bits.
func Kernel() string { return active.String() }

// sameLength panics unless got, the length of the slice called name, is want.
func sameLength(where, name string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("blas: %s: len(%s) = %d, want %d", where, name, got, want))
	}
}
