package ppmd

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unsafe"

	"horizon/predictors"
)

// Bytes counts contexts, states, text, tables and weights.
func (m *model) Bytes() int64 {
	return 16*int64(cap(m.contexts)) + 8*int64(cap(m.states)) + 8*int64(cap(m.escapes)) +
		4*int64(cap(m.ends)+cap(m.free)+cap(m.rank)+cap(m.slots)) + 2*int64(cap(m.text)+cap(m.binary)) +
		8*int64(cap(m.byLength)+cap(m.bySymbol)) + 8
}

// Describe counts contexts, states in blocks, symbols of text, and how often
// the memory was full.
func (m *model) Describe() map[string]float64 {
	return map[string]float64{
		"contexts": float64(len(m.contexts)),
		"states":   float64(len(m.states)),
		"text":     float64(len(m.text)),
		"restarts": float64(m.restarts),
	}
}

// WriteTo writes contexts, states, text and tables as they lie in memory.
func (m *model) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces the model.
func (m *model) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *model) fields(a *predictors.Archive) {
	saved := *m
	order := uint8(saved.order) // a budget may have made it smaller
	predictors.Value(a, &order)
	contexts, states, escapes := words(saved.contexts), words(saved.states), words(saved.escapes)
	predictors.Slice(a, &contexts)
	predictors.Slice(a, &states)
	predictors.Slice(a, &escapes)
	predictors.Slice(a, &saved.text)
	predictors.Slice(a, &saved.ends)
	predictors.Slice(a, &saved.free)
	predictors.Slice(a, &saved.binary)
	predictors.Slice(a, &saved.slots)
	predictors.Slice(a, &saved.byLength)
	predictors.Slice(a, &saved.bySymbol)
	predictors.Value(a, &saved.restarts)
	if !a.Reading() || a.Err() != nil {
		return
	}
	saved.contexts, saved.states, saved.escapes = ofWords[context](contexts), ofWords[state](states), ofWords[escape](escapes)
	if order < 2 || int(order) > m.order {
		a.Fail(fmt.Errorf("ppmd: saved order = %d, want 2 to %d", order, m.order))
		return
	}
	saved.order = int(order)
	if err := saved.check(m); err != nil {
		a.Fail(fmt.Errorf("ppmd: the saved model is damaged: %w", err))
		return
	}
	*m = saved
}

// words is the memory of s, whose elements are made of 32-bit words.
func words[T context | state | escape](s []T) []uint32 {
	var zero T
	n := int(unsafe.Sizeof(zero) / 4)
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(s))), n*len(s))
}

// ofWords is the inverse; words too few for a last element are left out.
func ofWords[T context | state | escape](w []uint32) []T {
	var zero T
	n := len(w) / int(unsafe.Sizeof(zero)/4)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(w))), n)
}

var errShape = errors.New("its tables are of another size")

// check says what is wrong with a model that was read into a new one, and
// makes what follows from the rest. That it is sound keeps every walk inside
// the slices and finite.
func (m *model) check(empty *model) error {
	if len(m.binary) != len(empty.binary) || len(m.escapes) != len(empty.escapes) || len(m.free) != len(empty.free) ||
		len(m.slots) != len(empty.slots) || len(m.byLength) != len(empty.byLength) || len(m.bySymbol) != len(empty.bySymbol) ||
		len(m.contexts) == 0 || len(m.states) < m.a || len(m.text) == 0 {
		return errShape
	}
	m.rank = make([]uint32, m.a)
	if err := m.checkContexts(); err != nil {
		return err
	}
	for class, at := range m.free {
		for left := len(m.states); at != 0; left-- {
			if int(at)+sizeOf(class) > len(m.states) || left == 0 {
				return fmt.Errorf("the free blocks of %d states", sizeOf(class))
			}
			at = m.states[at].next
		}
	}
	for i, x := range m.text {
		if int(x) >= m.a {
			return fmt.Errorf("symbol %d of its text = %d, want below %d", i, x, m.a)
		}
	}
	if len(m.ends) == 0 || m.ends[0] != 0 || !slices.IsSorted(m.ends) || int(m.ends[len(m.ends)-1]) >= len(m.text) {
		return errors.New("the ends of its texts")
	}
	for i, v := range m.binary {
		if v == 0 || v >= 1<<binaryBits {
			return fmt.Errorf("estimate %d of binary contexts = %d, want 1 to %d", i, v, 1<<binaryBits-1)
		}
	}
	for _, w := range append(m.byLength[:len(m.byLength):len(m.byLength)], m.bySymbol...) {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return fmt.Errorf("a weight = %v", w)
		}
	}
	for i, e := range m.escapes {
		if e.shift > periodBits || e.left == 0 {
			return fmt.Errorf("estimate %d of escapes has shift %d and %d left", i, e.shift, e.left)
		}
	}
	return nil
}

func (m *model) checkContexts() error {
	a, seen := uint32(m.a), newMarks(m.a)
	depths, err := m.depths()
	if err != nil {
		return err
	}
	for c := range m.contexts {
		d := &m.contexts[c]
		if d.n == 0 || d.n > a || c == root && d.n != a ||
			d.n > 1 && uint64(d.body.next)+uint64(d.n) > uint64(len(m.states)) {
			return fmt.Errorf("context %d", c)
		}
		all := []state{d.body}
		if d.n > 1 || c == root {
			all = m.of(d)
		}
		sum := uint64(0)
		seen.open()
		for i := range all {
			s := &all[i]
			if s.symbol() >= a || s.freq() == 0 || !seen.add(s.symbol()) {
				return fmt.Errorf("state %d of context %d", i, c)
			}
			if isContext(s.next) && (int(s.next) >= len(depths) || int(depths[s.next]) != min(int(depths[c])+1, m.order)) {
				return fmt.Errorf("what follows state %d of context %d", i, c)
			}
			sum += uint64(s.freq())
			if c == root {
				m.rank[s.symbol()] = uint32(i)
			}
		}
		if d.n == 1 && d.body.freq() > binaryFreq || d.n > 1 && sum >= uint64(d.total()) {
			return fmt.Errorf("the frequencies of context %d", c)
		}
		// Every symbol of a context is in its suffix; the root has all.
		for i := 0; i < len(all) && c != root && d.suffix != root; i++ {
			if m.find(d.suffix, all[i].symbol()) == nil {
				return fmt.Errorf("context %d has a symbol that its suffix has not", c)
			}
		}
	}
	return nil
}

// depths are the lengths of the contexts.
func (m *model) depths() ([]uint8, error) {
	depths := make([]uint8, len(m.contexts))
	for c := 1; c < len(depths); c++ {
		suffix := int(m.contexts[c].suffix)
		if suffix >= c || int(depths[suffix]) == m.order {
			return nil, fmt.Errorf("the suffix of context %d", c)
		}
		depths[c] = depths[suffix] + 1
	}
	return depths, nil
}

// marks find repeated symbols.
type marks struct {
	of  []uint32
	now uint32
}

func newMarks(a int) *marks { return &marks{of: make([]uint32, a)} }

func (s *marks) open() { s.now++ }

// add says whether x is new since open.
func (s *marks) add(x uint32) bool {
	isNew := s.of[x] != s.now
	s.of[x] = s.now
	return isNew
}
