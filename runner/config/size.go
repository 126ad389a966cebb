package config

import (
	"errors"
	"math"
	"regexp"
	"strconv"
)

// A Size is a number of bytes, written "512MiB" or "2GB".
type Size int64

const sizeForm = `a size such as "512MiB" or "2GB"`

var sizePattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$`)

var sizeUnits = []struct {
	name  string
	bytes Size
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20},
	{"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
}

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	m := sizePattern.FindSubmatch(text)
	if m == nil {
		return errors.New("want " + sizeForm)
	}
	x, err := strconv.ParseFloat(string(m[1]), 64)
	for _, u := range sizeUnits {
		if u.name == string(m[2]) {
			x *= float64(u.bytes)
		}
	}
	if err != nil || x >= math.MaxInt64 {
		return errors.New("want less than 8 EiB")
	}
	*s = Size(math.Round(x))
	return nil
}

// MarshalText writes the size in the largest unit that divides it.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return "0B"
}
