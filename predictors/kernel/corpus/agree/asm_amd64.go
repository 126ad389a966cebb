package agree

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// A kernel is one implementation.
type kernel int

const (
	generic kernel = iota
	avx2
	avx512
)

// active is the best the processor has; tests set it.
var active = best()

func best() kernel {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW:
		return avx512
	case cpu.X86.HasAVX2:
		return avx2
	}
	return generic
}

// scan scans at least one block; last is text from lag 1 of its first context
// on.
func scan(near []uint64, cost, last, text []byte, q *Query, limit byte) {
	routine := scan512
	switch {
	case active == generic:
		scanGo(near, cost, text, len(text)-len(cost)+1, q, limit)
		return
	case active == avx512 && q.Sticky:
		routine = scan512Sticky
	case active == avx2 && q.Sticky:
		routine = scan256Sticky
	case active == avx2:
		routine = scan256
	}
	routine(&near[0], &cost[0], &last[0], len(cost)/Block, unsafe.SliceData(q.wide), len(q.Symbols), q.Base, limit)
}
