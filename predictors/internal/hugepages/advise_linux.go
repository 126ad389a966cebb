// Package hugepages asks for large pages of memory.
package hugepages

import (
	"syscall"
	"unsafe"
)

// Advise asks for large pages of memory under a large new slice, which is read
// at random: a look-up then seldom waits for the page tables too (a quarter
// of the time of a query at 10⁷ n-grams). Not getting them does no harm.
func Advise[T any](s []T) []T {
	const page = 4096
	var zero T
	size := uintptr(cap(s)) * unsafe.Sizeof(zero)
	if size < 1<<18 {
		return s
	}
	start := unsafe.Pointer(unsafe.SliceData(s))
	skip := -uintptr(start) % page
	inside := unsafe.Slice((*byte)(start), size)[skip:]
	_ = syscall.Madvise(inside[:len(inside)/page*page], syscall.MADV_HUGEPAGE)
	return s
}
