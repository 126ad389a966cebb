package corpora

import (
	"fmt"
	"slices"
	"strings"
)

// The checks below make the errors of Validate: "key = got, want …". A NaN
// fails each of them, since it compares false with everything.

// between wants lo ≤ v ≤ hi.
func between(key string, v, lo, hi float64) error {
	if v >= lo && v <= hi {
		return nil
	}
	return fmt.Errorf("%s = %v, want %v to %v", key, v, lo, hi)
}

// inside wants lo < v < hi.
func inside(key string, v, lo, hi float64) error {
	if v > lo && v < hi {
		return nil
	}
	return fmt.Errorf("%s = %v, want more than %v and less than %v", key, v, lo, hi)
}

// atLeast wants v ≥ lo.
func atLeast[T int | int64](key string, v, lo T) error {
	if v >= lo {
		return nil
	}
	return fmt.Errorf("%s = %d, want ≥ %d", key, v, lo)
}

// oneOf wants v among the known.
func oneOf(key, v string, known ...string) error {
	if slices.Contains(known, v) {
		return nil
	}
	for i, k := range known {
		known[i] = fmt.Sprintf("%q", k)
	}
	return fmt.Errorf("%s = %q, want %s", key, v, strings.Join(known, " or "))
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
