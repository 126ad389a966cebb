package lempelziv

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sort"
)

// Counts are stored in 4, 8, 16 or 32 bits. The first half of the codes of 4
// and 8 bits are the counts themselves; the others lie in geometric progression
// up to the largest count there is, and a count gets the code next to it in
// ratio. So a count is off by half a step at most: with 8 bits and a largest
// of 10⁷ that is 4.6 percent; with 4 bits it may be a factor of 2.7. Codes of
// 16 bits are floating-point numbers of five bits of exponent and eleven of
// mantissa: exact to 4,095, off by 0.025 percent at most above. Nothing is
// random, and storing again what was stored changes nothing. The counts of the
// first few nodes, which decide what the whole tree falls back on, are kept as
// they are.
type countArray struct {
	bits   int
	codes  []uint8  // little-endian; of 4 bits, the even node's is the low half
	exact  []uint32 // of the first nodes, or of all
	values []uint32 // what codes of fewer than 32 bits stand for
}

// exactCounts is how many nodes have exact counts whatever the bits.
const exactCounts = 2048

func checkCountBits(b int) error {
	if b != 4 && b != 8 && b != 16 && b != 32 {
		return fmt.Errorf("count_bits = %d, want 4, 8, 16 or 32", b)
	}
	return nil
}

// countValues are the 2^b counts that codes stand for: 0 to 2^(b−1) − 1, and
// then in progression to largest.
func countValues(b int, largest uint32) []uint32 {
	half := uint32(1) << (b - 1)
	out := make([]uint32, 2*half)
	for i := range half {
		out[i] = i
	}
	ratio := math.Pow(max(1, float64(largest)/float64(half)), 1/float64(half-1))
	for i := range half {
		v := math.Round(float64(half) * math.Pow(ratio, float64(i)))
		out[half+i] = max(out[half+i-1]+1, uint32(min(v, math.MaxUint32-float64(half))))
	}
	return out
}

// half16 is the 16-bit code next to n, wide16 what it stands for.
func half16(n uint32) int {
	if n < 1<<12 {
		return int(n)
	}
	shift := bits.Len32(n) - 12
	if up := uint64(n) + 1<<(shift-1); up < 1<<32 { // round half up
		n = uint32(up)
		shift = bits.Len32(n) - 12
	}
	return (shift+1)<<11 | int(n>>shift)&(1<<11-1)
}

func wide16(code uint32) uint32 {
	if code < 1<<12 {
		return code
	}
	return (code&(1<<11-1) | 1<<11) << (code>>11 - 1)
}

// encode is the code of the value next to n in ratio, the smaller of two
// alike; all counts from 1 on have codes from 1 on.
func encode(values []uint32, n uint32) int {
	if int(n) < len(values)/2 {
		return int(n)
	}
	at := sort.Search(len(values), func(i int) bool { return values[i] >= n })
	if at == len(values) {
		return at - 1
	}
	low, high := float64(values[at-1]), float64(values[at])
	if float64(n)*float64(n) <= low*high {
		at--
	}
	return at
}

// packCounts stores counts.
func packCounts(counts []uint32, b int) countArray {
	c := countArray{bits: b}
	if b == 32 {
		c.exact = counts
		return c
	}
	c.exact = slices.Clip(slices.Clone(counts[:min(len(counts), exactCounts)]))
	if b < 16 {
		c.values = countValues(b, slices.Max(counts))
	}
	c.codes = make([]uint8, (len(counts)*b+7)/8)
	for i, n := range counts {
		switch b {
		case 4:
			c.codes[i/2] |= uint8(encode(c.values, n)) << (4 * (i & 1))
		case 8:
			c.codes[i] = uint8(encode(c.values, n))
		case 16:
			code := half16(n)
			c.codes[2*i], c.codes[2*i+1] = uint8(code), uint8(code>>8)
		}
	}
	return c
}

// at is the count of node i, as stored.
func (c *countArray) at(i uint32) uint32 {
	if int(i) < len(c.exact) {
		return c.exact[i]
	}
	switch c.bits {
	case 8:
		return c.values[c.codes[i]]
	case 4:
		return c.values[c.codes[i/2]>>(4*(i&1))&15]
	}
	return wide16(uint32(c.codes[2*i]) | uint32(c.codes[2*i+1])<<8)
}

// countBytes is what the counts of n nodes take.
func countBytes(n, b int) int64 {
	switch b {
	case 32:
		return 4 * int64(n)
	case 16:
		return 2*int64(n) + 4*int64(min(n, exactCounts))
	}
	return int64((n*b+7)/8+4<<b) + 4*int64(min(n, exactCounts))
}

func (c *countArray) bytes() int64 {
	return int64(cap(c.codes)) + 4*int64(cap(c.exact)+cap(c.values))
}

// check finds what is inconsistent in counts of n nodes that were read.
func (c *countArray) check(n int) error {
	switch {
	case checkCountBits(c.bits) != nil:
		return checkCountBits(c.bits)
	case c.bits == 32 && len(c.exact) != n, c.bits < 32 && (len(c.exact) != min(n, exactCounts) || len(c.codes) != (n*c.bits+7)/8):
		return fmt.Errorf("%d nodes, but %d exact counts and %d bytes of codes of %d bits", n, len(c.exact), len(c.codes), c.bits)
	case c.bits < 16 && (len(c.values) != 1<<c.bits || !slices.IsSorted(c.values)):
		return fmt.Errorf("%d values for counts of %d bits", len(c.values), c.bits)
	}
	return nil
}
