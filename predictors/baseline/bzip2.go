package baseline

import (
	"io"

	"horizon/predictors"
)

// bzip2 (Seward 1996), written out because the Go library that writes the
// format chooses its Huffman tables so plainly that Opticks takes 2.040 bits a
// byte with it, and 1.868 with the program everybody knows. A block of at most
// 900,000 bytes (after runs of 4 to 255 equal bytes are shortened) is sorted
// by Burrows & Wheeler 1994, moved to front, its zeros run-length coded in
// base two, and coded in stretches of 50 symbols, each with the best of up to
// six Huffman tables, which are refined four times as in the program. Sorting
// doubles sorted prefixes (Manber & Myers 1993): O(n log n) and 16 bytes a byte
// of a block.
//
// Where a block ends matters: a test part that shares its block with the
// training part is sorted among it, one that falls into a new block starts
// from nothing. Compare figures only with the cut in mind.

// A Bzip2Config configures the coder "bzip2".
type Bzip2Config struct {
	Level int `toml:"level"` // blocks of 100,000 to 900,000 bytes: 1 to 9
}

// DefaultBzip2 is bzip2 -9.
func DefaultBzip2() predictors.CoderConfig { return &Bzip2Config{Level: 9} }

// NewCoder checks the level.
func (c *Bzip2Config) NewCoder() (predictors.Coder, error) {
	return compressor{"bzip2", func(w io.Writer) (io.WriteCloser, error) {
		return newBzip2Writer(w, c.Level), nil
	}}, within("bzip2", "level", c.Level, 1, 9)
}

// A bzip2Writer compresses to out when blocks are full and when it is closed.
type bzip2Writer struct {
	out   bitWriter
	limit int    // bytes in a block at which it is closed
	block []byte // with its runs shortened
	run   int    // of byte last, not yet in the block; 0 to 255
	last  byte
	crc   uint32 // of the block's text
	whole uint32 // of the stream
}

func newBzip2Writer(w io.Writer, level int) *bzip2Writer {
	z := &bzip2Writer{out: bitWriter{w: w}, limit: 100_000*level - 19, crc: ^uint32(0)}
	for _, b := range []byte{'B', 'Z', 'h', '0' + byte(level)} {
		z.out.write(8, uint64(b))
	}
	return z
}

func (z *bzip2Writer) Write(text []byte) (int, error) {
	for _, b := range text {
		// A full block closes before its successor's first byte; the run
		// still open then belongs to the next block.
		if len(z.block) >= z.limit {
			z.flush()
		}
		if z.run > 0 && (b != z.last || z.run == 255) {
			z.endRun()
		}
		z.last = b
		z.run++
	}
	return len(text), z.out.err
}

// endRun puts the open run into the block: up to four bytes as they are, then
// the number of the rest.
func (z *bzip2Writer) endRun() {
	for i := range z.run {
		z.crc = z.crc<<8 ^ crcTable[byte(z.crc>>24)^z.last]
		if i < 4 {
			z.block = append(z.block, z.last)
		}
	}
	if z.run >= 4 {
		z.block = append(z.block, byte(z.run-4))
	}
	z.run = 0
}

// Close ends the stream, but not what is beneath it.
func (z *bzip2Writer) Close() error {
	if z.run > 0 {
		z.endRun()
	}
	if len(z.block) > 0 {
		z.flush()
	}
	z.out.write(48, 0x177245385090)
	z.out.write(32, uint64(z.whole))
	z.out.pad()
	return z.out.err
}

func (z *bzip2Writer) flush() {
	crc := ^z.crc
	z.whole = (z.whole<<1 | z.whole>>31) ^ crc
	last, origin := burrowsWheeler(z.block)
	z.out.write(48, 0x314159265359)
	z.out.write(32, uint64(crc))
	z.out.write(1, 0)
	z.out.write(24, uint64(origin))
	z.writeSymbols(last)
	z.block, z.crc = z.block[:0], ^uint32(0)
}

// crcTable is of the polynomial 0x04c11db7, high bit first.
var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// burrowsWheeler returns the last column of the sorted rotations of s, and the
// row that s itself is in.
func burrowsWheeler(s []byte) (column []byte, origin int) {
	order := sortRotations(s)
	column = make([]byte, len(s))
	for row, i := range order {
		if i == 0 {
			origin = row
			column[row] = s[len(s)-1]
		} else {
			column[row] = s[i-1]
		}
	}
	return column, origin
}

// sortRotations sorts by the first h bytes, for h doubling: with the rotations
// in order by h bytes, going through them and stepping h back sorts by the
// bytes h to 2h, and a stable counting sort by rank does the rest.
func sortRotations(s []byte) []int32 {
	n := len(s)
	order, rank := make([]int32, n), make([]int32, n)
	shifted, next := make([]int32, n), make([]int32, n)
	start := make([]int32, max(n, 256)+1)
	for i, b := range s {
		rank[i], shifted[i] = int32(b), int32(i)
	}
	for h, classes := 0, 256; ; {
		clear(start[:classes+1])
		for _, r := range rank {
			start[r+1]++
		}
		for c := range classes {
			start[c+1] += start[c]
		}
		for _, i := range shifted {
			order[start[rank[i]]] = i
			start[rank[i]]++
		}
		// Rank anew; equal are those equal in both halves.
		classes = 0
		for row, i := range order {
			if row > 0 {
				j := order[row-1]
				if rank[i] != rank[j] || rank[wrap(int(i)+h, n)] != rank[wrap(int(j)+h, n)] {
					classes++
				}
			}
			next[i] = int32(classes)
		}
		classes++
		rank, next = next, rank
		if h = max(1, 2*h); classes == n || h >= n {
			return order
		}
		for row, i := range order {
			shifted[row] = int32(wrap(int(i)-h+n, n))
		}
	}
}

// wrap is i mod n for i below 2n.
func wrap(i, n int) int {
	if i >= n {
		return i - n
	}
	return i
}

// writeSymbols codes the last column.
func (z *bzip2Writer) writeSymbols(column []byte) {
	var used [256]bool
	for _, b := range column {
		used[b] = true
	}
	symbols, alphabet := moveToFront(column, &used)
	tables, choice := chooseTables(symbols, alphabet)

	rows := uint64(0) // which sixteens of bytes occur, then which of each
	for b, u := range used {
		if u {
			rows |= 1 << (15 - b/16)
		}
	}
	z.out.write(16, rows)
	for r := range 16 {
		if row := used[16*r : 16*r+16]; rows&(1<<(15-r)) != 0 {
			for _, u := range row {
				z.out.bit(u)
			}
		}
	}
	z.out.write(3, uint64(len(tables)))
	z.out.write(15, uint64(len(choice)))
	recent := []int{0, 1, 2, 3, 4, 5}
	for _, t := range choice {
		for range toFront(recent, t) {
			z.out.write(1, 1)
		}
		z.out.write(1, 0)
	}
	for _, lengths := range tables {
		z.writeLengths(lengths)
	}
	codes := make([][]uint64, len(tables))
	for t, lengths := range tables {
		codes[t] = canonical(lengths)
	}
	for i, x := range symbols {
		t := choice[i/stretch]
		z.out.write(tables[t][x], codes[t][x])
	}
}

// writeLengths writes code lengths as steps from one to the next.
func (z *bzip2Writer) writeLengths(lengths []int) {
	now := lengths[0]
	z.out.write(5, uint64(now))
	for _, l := range lengths {
		for ; now < l; now++ {
			z.out.write(2, 0b10)
		}
		for ; now > l; now-- {
			z.out.write(2, 0b11)
		}
		z.out.write(1, 0)
	}
}

// moveToFront turns bytes into their distances in a list of the used ones,
// most recent first; runs of distance 0 into digits 1 and 2 of their length in
// base two, the low digit first, written as symbols 0 and 1. Distance d > 0 is
// symbol d+1, and the last symbol ends the block.
func moveToFront(column []byte, used *[256]bool) (symbols []uint16, alphabet int) {
	var list []byte
	for b, u := range used {
		if u {
			list = append(list, byte(b))
		}
	}
	zeros := 0
	endZeros := func() {
		for ; zeros > 0; zeros = (zeros - 1) / 2 {
			symbols = append(symbols, uint16((zeros-1)%2))
		}
	}
	for _, b := range column {
		d := toFront(list, b)
		if d == 0 {
			zeros++
			continue
		}
		endZeros()
		symbols = append(symbols, uint16(d+1))
	}
	endZeros()
	return append(symbols, uint16(len(list)+1)), len(list) + 2
}

// toFront moves v to the front of the list and returns where it was.
func toFront[T comparable](list []T, v T) int {
	d := 0
	for list[d] != v {
		d++
	}
	copy(list[1:d+1], list[:d])
	list[0] = v
	return d
}

const (
	stretch     = 50 // symbols coded with one table
	refinements = 4
	longestCode = 17
)

// chooseTables returns the code lengths of two to six tables and the table of
// each stretch. Tables begin as parts of the alphabet of about equal
// frequency, cheap inside and dear outside; then each stretch takes the table
// that codes it best and each table fits the stretches that took it.
func chooseTables(symbols []uint16, alphabet int) (tables [][]int, choice []int) {
	n := 6
	for i, few := range []int{200, 600, 1200, 2400} {
		if len(symbols) < few {
			n = i + 2
			break
		}
	}
	tables = firstTables(symbols, alphabet, n)
	choice = make([]int, (len(symbols)+stretch-1)/stretch)
	for range refinements {
		counts := make([][]int, n)
		for t := range counts {
			counts[t] = make([]int, alphabet)
		}
		for i := range choice {
			xs := symbols[i*stretch : min((i+1)*stretch, len(symbols))]
			choice[i] = cheapest(tables, xs)
			for _, x := range xs {
				counts[choice[i]][x]++
			}
		}
		for t := range tables {
			tables[t] = huffman(counts[t], longestCode)
		}
	}
	return tables, choice
}

func firstTables(symbols []uint16, alphabet, n int) [][]int {
	counts := make([]int, alphabet)
	for _, x := range symbols {
		counts[x]++
	}
	tables := make([][]int, n)
	left, first := len(symbols), 0
	for part := n; part > 0; part-- {
		end, sum := first, 0
		for sum < left/part && end < alphabet {
			sum += counts[end]
			end++
		}
		// Every other inner part gives back its last symbol, as the program does.
		if end > first+1 && part != n && part != 1 && (n-part)%2 == 1 {
			end--
			sum -= counts[end]
		}
		tables[part-1] = make([]int, alphabet)
		for x := range alphabet {
			if x < first || x >= end {
				tables[part-1][x] = 15
			}
		}
		left, first = left-sum, end
	}
	return tables
}

func cheapest(tables [][]int, xs []uint16) int {
	best, least := 0, 1<<30
	for t, lengths := range tables {
		cost := 0
		for _, x := range xs {
			cost += lengths[x]
		}
		if cost < least {
			best, least = t, cost
		}
	}
	return best
}

// huffman returns code lengths of at most longest bits (Huffman 1952), every
// symbol having a code. Among nodes of equal count the shallower goes first,
// and where codes come out too long, counts are halved and it starts over.
func huffman(counts []int, longest int) []int {
	counts = append([]int(nil), counts...)
	for x := range counts {
		counts[x] = max(counts[x], 1)
	}
	for {
		lengths, deepest := huffmanOnce(counts)
		if deepest <= longest {
			return lengths
		}
		for x := range counts {
			counts[x] = 1 + counts[x]/2
		}
	}
}

func huffmanOnce(counts []int) (lengths []int, deepest int) {
	n := len(counts)
	parent := make([]int, 2*n)
	h := make(nodeHeap, 0, n)
	for x, c := range counts {
		h.push(huffmanNode{weight: c << 8, id: x})
	}
	for next := n; len(h) > 1; next++ {
		a, b := h.pop(), h.pop()
		parent[a.id], parent[b.id] = next, next
		depth := 1 + max(a.weight&0xff, b.weight&0xff)
		h.push(huffmanNode{weight: (a.weight>>8+b.weight>>8)<<8 | depth, id: next})
	}
	root := 2*n - 2
	depth := make([]int, 2*n)
	for i := root - 1; i >= 0; i-- {
		depth[i] = depth[parent[i]] + 1
		if i < n {
			deepest = max(deepest, depth[i])
		}
	}
	return depth[:n], deepest
}

// A huffmanNode's weight is its count and, in the low byte, its height.
type huffmanNode struct{ weight, id int }

// nodeHeap is a binary heap whose ties fall as they do in the program, which
// is why container/heap will not do.
type nodeHeap []huffmanNode

func (h *nodeHeap) push(v huffmanNode) {
	*h = append(*h, v)
	s := *h
	i := len(s) - 1
	for ; i > 0 && v.weight < s[(i+1)/2-1].weight; i = (i+1)/2 - 1 {
		s[i] = s[(i+1)/2-1]
	}
	s[i] = v
}

func (h *nodeHeap) pop() huffmanNode {
	s := *h
	top, v := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return top
	}
	i := 0
	for {
		c := 2*i + 1
		if c >= len(s) {
			break
		}
		if c+1 < len(s) && s[c+1].weight < s[c].weight {
			c++
		}
		if v.weight < s[c].weight {
			break
		}
		s[i] = s[c]
		i = c
	}
	s[i] = v
	return top
}

// canonical gives symbols codes in the order of length, then of symbol.
func canonical(lengths []int) []uint64 {
	codes := make([]uint64, len(lengths))
	code := uint64(0)
	for l := 1; l <= longestCode; l++ {
		for x, length := range lengths {
			if length == l {
				codes[x] = code
				code++
			}
		}
		code <<= 1
	}
	return codes
}

// A bitWriter writes the high bit first and keeps the first error.
type bitWriter struct {
	w    io.Writer
	bits uint64 // the low n of them wait
	n    int    // below 8 between calls
	buf  []byte
	err  error
}

func (w *bitWriter) bit(b bool) {
	if b {
		w.write(1, 1)
	} else {
		w.write(1, 0)
	}
}

// write writes the low n ≤ 48 bits of v.
func (w *bitWriter) write(n int, v uint64) {
	w.bits = w.bits<<n | v
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.buf = append(w.buf, byte(w.bits>>(w.n-8)))
	}
	if len(w.buf) >= 1<<16 {
		w.flush()
	}
}

// pad fills the last byte with zeros and writes out what waits.
func (w *bitWriter) pad() {
	if w.n > 0 {
		w.write(8-w.n, 0)
	}
	w.flush()
}

func (w *bitWriter) flush() {
	if w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
}
