package corpora

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
)

// A Split says how a corpus is cut into train, valid and test, in this order.
// In TOML it is a table of fractions that sum to one, a table of symbol counts
// (whole numbers), or "half/half":
//
//	split = { train = 0.8, valid = 0.1, test = 0.1 }
//	split = { train = 100_000, test = 20_000 }
//	split = "half/half"
//
// A key left out is zero. Counts take the beginning of the corpus and leave
// the rest unused. Half and half trains on the first ⌊n/2⌋ symbols.
type Split struct {
	By    string  `json:"by"` // "fractions", "counts" or "half/half"
	Train float64 `json:"train"`
	Valid float64 `json:"valid"`
	Test  float64 `json:"test"`
}

// Fractions is a split by fractions of the corpus.
func Fractions(train, valid, test float64) Split { return Split{"fractions", train, valid, test} }

// Counts is a split by numbers of symbols.
func Counts(train, valid, test int) Split {
	return Split{"counts", float64(train), float64(valid), float64(test)}
}

// HalfHalf is the split into two halves.
func HalfHalf() Split { return Split{By: "half/half"} }

// UnmarshalTOML reads any of the three forms. Ranges are Validate's matter.
func (s *Split) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		if v != "half/half" {
			return fmt.Errorf("split = %q, want \"half/half\" or a table of train, valid and test", v)
		}
		*s = HalfHalf()
		return nil
	case map[string]any:
		return s.fromTable(v)
	}
	return fmt.Errorf("split = %v, want \"half/half\" or a table of train, valid and test", v)
}

func (s *Split) fromTable(table map[string]any) error {
	var out Split
	fields := map[string]*float64{"train": &out.Train, "valid": &out.Valid, "test": &out.Test}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		field, ok := fields[key]
		if !ok {
			return fmt.Errorf("split.%s: unknown key (known: test, train, valid)", key)
		}
		by := ""
		switch v := table[key].(type) {
		case int64:
			*field, by = float64(v), "counts"
		case float64:
			*field, by = v, "fractions"
		default:
			return fmt.Errorf("split.%s = %v, want a fraction or a number of symbols", key, v)
		}
		if out.By != "" && out.By != by {
			return fmt.Errorf("split.%s = %v: fractions and symbol counts are mixed, want all of one kind (1.0 is a fraction, 1 a count)", key, table[key])
		}
		out.By = by
	}
	if out.By == "" {
		return fmt.Errorf("split = {}, want at least test")
	}
	*s = out
	return nil
}

// MarshalTOML writes what UnmarshalTOML reads.
func (s Split) MarshalTOML() ([]byte, error) {
	if s.By == "half/half" {
		return []byte(`"half/half"`), nil
	}
	out := "{ "
	for i, part := range s.parts() {
		if i > 0 {
			out += ", "
		}
		out += part.key + " = " + s.format(part.size)
	}
	return []byte(out + " }"), nil
}

// format writes a size such that it is read back as of the same kind.
func (s Split) format(v float64) string {
	if s.By == "counts" {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	text := strconv.FormatFloat(v, 'g', -1, 64)
	if v == math.Trunc(v) {
		text += ".0"
	}
	return text
}

type wantedPart struct {
	key  string
	size float64
}

func (s Split) parts() [3]wantedPart {
	return [3]wantedPart{{"train", s.Train}, {"valid", s.Valid}, {"test", s.Test}}
}

// Validate refuses fractions and counts that no corpus could be cut by.
func (s Split) Validate() error {
	switch s.By {
	case "half/half":
		return nil
	case "fractions":
		for _, p := range s.parts() {
			if err := between("split."+p.key, p.size, 0, 1); err != nil {
				return err
			}
		}
		if sum := s.Train + s.Valid + s.Test; math.Abs(sum-1) > 1e-9 {
			return fmt.Errorf("split = { train = %v, valid = %v, test = %v } sums to %v, want 1", s.Train, s.Valid, s.Test, sum)
		}
		if s.Test == 0 {
			return fmt.Errorf("split.test = 0, want more than 0: nothing would be scored")
		}
		return nil
	case "counts":
		for _, p := range s.parts() {
			if err := between("split."+p.key, p.size, 0, math.MaxInt32); err != nil {
				return err
			}
		}
		return atLeast("split.test", int(s.Test), 1)
	}
	return fmt.Errorf("split.by = %q, want \"fractions\", \"counts\" or \"half/half\"", s.By)
}

// cut returns the four bounds of the three parts among n symbols whose
// documents end at ends (ascending, the last one n). A single document is cut
// where asked; several are kept whole and cut at the nearest boundary, the
// earlier one on ties.
func (s Split) cut(n int, ends []int) (at [4]int, err error) {
	at, err = s.wanted(n)
	if err != nil {
		return at, err
	}
	exact := at
	if len(ends) > 1 {
		for i := 1; i < len(at); i++ {
			at[i] = nearest(ends, at[i])
		}
	}
	for i, p := range s.parts() {
		wanted := exact[i] < exact[i+1] || p.size > 0 || s.By == "half/half" && p.key != "valid"
		if wanted && at[i] == at[i+1] {
			return at, fmt.Errorf("split: the %s part is empty: %s of %d symbols in %d documents", p.key, s.describe(p), n, len(ends))
		}
	}
	return at, nil
}

func (s Split) describe(p wantedPart) string {
	switch s.By {
	case "half/half":
		return "half"
	case "counts":
		return fmt.Sprintf("%.0f", p.size)
	}
	return fmt.Sprintf("%v", p.size)
}

func (s Split) wanted(n int) (at [4]int, err error) {
	switch s.By {
	case "half/half":
		return [4]int{0, n / 2, n / 2, n}, nil
	case "counts":
		a := int(s.Train)
		b := a + int(s.Valid)
		c := b + int(s.Test)
		if c > n {
			return at, fmt.Errorf("split: train + valid + test = %d symbols, want at most the corpus's %d", c, n)
		}
		return [4]int{0, a, b, c}, nil
	}
	// The small addend keeps 0.7 + 0.2 of 1,000 from being 899.
	floor := func(f float64) int { return min(n, int(f*float64(n)+1e-6)) }
	return [4]int{0, floor(s.Train), floor(s.Train + s.Valid), n}, nil
}

// nearest returns the one of 0 and ends that is closest to at.
func nearest(ends []int, at int) int {
	i := sort.SearchInts(ends, at) // ends[i] ≥ at
	below := 0
	if i > 0 {
		below = ends[i-1]
	}
	if i == len(ends) || at-below <= ends[i]-at {
		return below
	}
	return ends[i]
}
