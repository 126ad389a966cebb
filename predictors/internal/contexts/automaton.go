package contexts

import (
	"fmt"

	"horizon/predictors"
)

// An Automaton is a suffix automaton (Blumer et al. 1985) whose transitions
// count. Strings that have the same ends of occurrences are a class; a class
// is a context of the store, its Suffix the class of the next shorter suffix
// with more ends.
type Automaton struct {
	Store
	Length []uint32 // of the longest string of each class
	// Parted, if there is one, is told of each class that a new one was split
	// from: part has the strings that were its shorter ones, and its counts.
	Parted func(part, from uint32)
}

// Clear leaves the class of the empty string alone.
func (m *Automaton) Clear() {
	m.Store.Clear()
	m.Length = make([]uint32, 1)
}

// Extend appends x to the learned text that ends with the longest string of
// c, and returns the class of what it ends with now. Contexts to which x is
// new count it once.
func (m *Automaton) Extend(c, x uint32) uint32 {
	if y := m.Find(c, x); y != nil { // at the beginning of a text after the first
		return m.exactly(c, x, y.Next)
	}
	last := m.state(0, m.Length[c]+1)
	for {
		m.Add(c, Successor{Next: last, Count: 1, Symbol: uint16(x)})
		if c == 0 {
			return last
		}
		c = m.List[c].Suffix
		if y := m.Find(c, x); y != nil {
			m.List[last].Suffix = m.exactly(c, x, y.Next)
			return last
		}
	}
}

func (m *Automaton) state(suffix, length uint32) uint32 {
	m.Length = append(m.Length, length)
	return m.Grow(suffix)
}

// exactly returns the class whose longest string is that of c and then x. It
// is q, where these lead, or else the part of q up to that length, which is
// now told apart from the rest.
func (m *Automaton) exactly(c, x, q uint32) uint32 {
	length := m.Length[c] + 1
	if m.Length[q] == length {
		return q
	}
	part := m.state(m.List[q].Suffix, length)
	for i := range m.List[q].N {
		m.Add(part, m.Of(q)[i])
	}
	m.List[q].Suffix = part
	if m.Parted != nil {
		m.Parted(part, q)
	}
	for {
		y := m.Find(c, x)
		if y == nil || y.Next != q {
			return part
		}
		y.Next = part
		if c == 0 {
			return part
		}
		c = m.List[c].Suffix
	}
}

// A Spot is a place in an automaton: a string of the text, Length symbols
// long, and the class that has it.
type Spot struct {
	Class  uint32
	Length int
}

// Settle corrects a spot whose class was split since.
func (m *Automaton) Settle(s *Spot) {
	for s.Class != 0 && int(m.Length[m.List[s.Class].Suffix]) >= s.Length {
		s.Class = m.List[s.Class].Suffix
	}
}

// Follow moves a spot over x to the longest suffix of both, at most longest
// symbols long, that is in the text.
func (m *Automaton) Follow(s Spot, x predictors.Symbol, longest int) Spot {
	for {
		if y := m.Find(s.Class, uint32(x)); y != nil {
			s = Spot{y.Next, min(s.Length+1, longest)}
			m.Settle(&s)
			return s
		}
		if s.Class == 0 {
			return Spot{}
		}
		s.Class = m.List[s.Class].Suffix
		s.Length = int(m.Length[s.Class])
	}
}

// Bytes counts classes, successors and the index.
func (m *Automaton) Bytes() int64 { return m.Store.Bytes() + int64(cap(m.Length))*4 }

// Fields writes the classes one by one, or reads them for an alphabet of size
// alphabet and refuses, in the name of kind, what is no automaton.
func (m *Automaton) Fields(a *predictors.Archive, kind string, alphabet int) {
	m.columns(a, kind)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if err := m.check(kind, alphabet); err != nil {
		m.Clear()
		a.Fail(err)
	}
}

func (m *Automaton) columns(a *predictors.Archive, kind string) {
	var fan, suffix, next, count []uint32
	var symbol []uint16
	if !a.Reading() {
		for c := range m.List {
			fan, suffix = append(fan, m.List[c].N), append(suffix, m.List[c].Suffix)
			for _, y := range m.Of(uint32(c)) {
				next, count, symbol = append(next, y.Next), append(count, y.Count), append(symbol, y.Symbol)
			}
		}
	}
	predictors.Slice(a, &m.Length)
	for _, column := range []*[]uint32{&fan, &suffix, &next, &count} {
		predictors.Slice(a, column)
	}
	predictors.Slice(a, &symbol)
	if !a.Reading() || a.Err() != nil {
		return
	}
	length := m.Length
	m.Clear()
	if len(fan) != len(length) || len(suffix) != len(fan) || len(fan) == 0 || len(next) != len(symbol) || len(count) != len(symbol) {
		a.Fail(fmt.Errorf("%s: the saved columns have %d, %d, %d and %d, %d, %d entries", kind, len(length), len(fan), len(suffix), len(symbol), len(next), len(count)))
		return
	}
	m.Length = length
	at := 0
	for c, n := range fan {
		if c > 0 {
			m.Grow(suffix[c])
		}
		if uint64(n) > uint64(len(symbol)-at) {
			a.Fail(fmt.Errorf("%s: saved class %d has %d successors, want at most %d", kind, c, n, len(symbol)-at))
			return
		}
		for ; n > 0; n, at = n-1, at+1 {
			m.Add(uint32(c), Successor{Next: next[at], Count: count[at], Symbol: symbol[at]})
		}
	}
	if at != len(symbol) {
		a.Fail(fmt.Errorf("%s: %d successors are saved, want %d", kind, len(symbol), at))
	}
}

// check says what is wrong with classes read from a file: walks along links
// and transitions must end, and what follows a context must follow its suffix.
func (m *Automaton) check(kind string, a int) error {
	for c := range m.List {
		s := &m.List[c]
		bad := int(s.Suffix) >= len(m.List) || c == 0 && m.Length[0] != 0 || c > 0 && m.Length[s.Suffix] >= m.Length[c]
		sum := uint64(0)
		for i := uint32(0); i < s.N && !bad; i++ {
			y := m.Of(uint32(c))[i]
			sum += uint64(y.Count)
			bad = int(y.Symbol) >= a || y.Count == 0 || int(y.Next) >= len(m.List) || m.Length[y.Next] <= m.Length[c] ||
				c > 0 && m.Find(s.Suffix, uint32(y.Symbol)) == nil
		}
		if bad || sum > 1<<32-1 || m.repeats(uint32(c)) {
			return fmt.Errorf("%s: saved class %d is damaged", kind, c)
		}
	}
	return nil
}

// repeats reports whether a successor of c is there twice: looking for the
// later one finds the earlier.
func (m *Automaton) repeats(c uint32) bool {
	all := m.Of(c)
	for i := range all {
		if m.Find(c, uint32(all[i].Symbol)) != &all[i] {
			return true
		}
	}
	return false
}
