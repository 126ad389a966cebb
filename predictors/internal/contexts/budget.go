package contexts

import (
	"unsafe"

	"horizon/predictors"
)

// Used is Bytes without spare capacity, after so many more contexts that each
// get one successor, at worst: a block of successors and the index may have to
// double for them.
func (m *Store) Used(more int) int64 {
	largest := 0
	for c := range min(1, len(m.List)) { // the empty context has the most
		largest = int(m.List[c].N)
	}
	slots := len(m.index.slots)
	if (m.index.used+more+ScanLimit)*3 >= slots*2 {
		slots *= 2
	}
	return int64(len(m.List)+more)*int64(unsafe.Sizeof(Context{})) +
		int64(len(m.arena)+2*more+4*largest)*int64(unsafe.Sizeof(Successor{})) +
		int64(slots)*int64(unsafe.Sizeof(indexSlot{}))
}

// Trim gives back spare capacity.
func (m *Store) Trim() {
	m.List, m.arena = predictors.Trimmed(m.List), predictors.Trimmed(m.arena)
}
