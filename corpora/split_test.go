package corpora

import (
	"math"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"pgregory.net/rapid"
)

func TestSplitTOML(t *testing.T) {
	tests := []struct {
		in   string
		want Split
		err  string
	}{
		{`split = "half/half"`, HalfHalf(), ""},
		{`split = { train = 0.9, test = 0.1 }`, Fractions(0.9, 0, 0.1), ""},
		{`split = { train = 0.7, valid = 0.2, test = 0.1 }`, Fractions(0.7, 0.2, 0.1), ""},
		{`split = { test = 1.0 }`, Fractions(0, 0, 1), ""},
		{`split = { train = 100_000, valid = 5, test = 20 }`, Counts(100_000, 5, 20), ""},
		{"[split]\ntrain = 3\ntest = 1", Counts(3, 0, 1), ""},
		{`split = "thirds"`, Split{}, `split = "thirds", want "half/half" or a table`},
		{`split = 3`, Split{}, `split = 3, want "half/half" or a table`},
		{`split = {}`, Split{}, `split = {}, want at least test`},
		{`split = { tran = 0.9, test = 0.1 }`, Split{}, `split.tran: unknown key (known: test, train, valid)`},
		{`split = { train = 1, test = 0.1 }`, Split{}, `split.train = 1: fractions and symbol counts are mixed`},
		{`split = { train = "all", test = 0.1 }`, Split{}, `split.train = all, want a fraction or a number of symbols`},
	}
	for _, tt := range tests {
		var c struct {
			Split Split `toml:"split"`
		}
		md, err := toml.Decode(tt.in, &c)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %q", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil || c.Split != tt.want {
			t.Errorf("%s: %+v, %v, want %+v", tt.in, c.Split, err, tt.want)
		}
		if len(md.Undecoded()) > 0 {
			t.Errorf("%s: undecoded %v", tt.in, md.Undecoded())
		}
		text, err := toml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again := c
		if _, err := toml.Decode(string(text), &again); err != nil || again != c {
			t.Errorf("%s: written as %q, read back as %+v, %v", tt.in, text, again, err)
		}
	}
}

func TestSplitValidate(t *testing.T) {
	tests := []struct {
		split Split
		err   string
	}{
		{Fractions(0.8, 0.1, 0.1), ""},
		{Fractions(0, 0, 1), ""},
		{Counts(0, 0, 1), ""},
		{HalfHalf(), ""},
		{Fractions(1.5, 0, 0.1), "split.train = 1.5, want 0 to 1"},
		{Fractions(0.5, -0.1, 0.6), "split.valid = -0.1, want 0 to 1"},
		{Fractions(0.5, 0, math.NaN()), "split.test = NaN, want 0 to 1"},
		{Fractions(0.5, 0, math.Inf(1)), "split.test = +Inf, want 0 to 1"},
		{Fractions(0.5, 0.1, 0.1), "split = { train = 0.5, valid = 0.1, test = 0.1 } sums to 0.7, want 1"},
		{Fractions(0.5, 0.1, 0.4+1e-8), "want 1"},
		{Fractions(0.5, 0.1, 0.4+1e-10), ""},
		{Fractions(0.9, 0.1, 0), "split.test = 0, want more than 0"},
		{Counts(5, 0, 0), "split.test = 0, want ≥ 1"},
		{Counts(-5, 0, 1), "split.train = -5, want 0 to"},
		{Split{}, `split.by = "", want`},
	}
	for _, tt := range tests {
		err := tt.split.Validate()
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: error %v, want %q", tt.split, err, tt.err)
		}
	}
}

func TestSplitCut(t *testing.T) {
	tests := []struct {
		name  string
		split Split
		n     int
		ends  []int // nil for one document
		want  [4]int
		err   string
	}{
		{"fractions", Fractions(0.8, 0.1, 0.1), 1000, nil, [4]int{0, 800, 900, 1000}, ""},
		{"rounding error", Fractions(0.7, 0.2, 0.1), 1000, nil, [4]int{0, 700, 900, 1000}, ""},
		{"tinyshakespeare as published", Fractions(0.9, 0, 0.1), 1_115_394, nil, [4]int{0, 1_003_854, 1_003_854, 1_115_394}, ""},
		{"half of odd", HalfHalf(), 7, nil, [4]int{0, 3, 3, 7}, ""},
		{"half of one", HalfHalf(), 1, nil, [4]int{}, "split: the train part is empty: half of 1 symbols in 1 documents"},
		{"counts", Counts(3, 2, 4), 20, nil, [4]int{0, 3, 5, 9}, ""},
		{"counts to the end", Counts(3, 2, 4), 9, nil, [4]int{0, 3, 5, 9}, ""},
		{"too many", Counts(3, 2, 4), 8, nil, [4]int{}, "split: train + valid + test = 9 symbols, want at most the corpus's 8"},
		{"all test", Fractions(0, 0, 1), 1, nil, [4]int{0, 0, 0, 1}, ""},
		{"empty valid", Fractions(0.8, 0.1, 0.1), 5, nil, [4]int{}, "split: the valid part is empty: 0.1 of 5"},
		{"one symbol", Fractions(0.8, 0.1, 0.1), 1, nil, [4]int{}, "split: the train part is empty: 0.8 of 1"},
		{"nearest boundary", Fractions(0.5, 0, 0.5), 100, []int{40, 58, 100}, [4]int{0, 58, 58, 100}, ""},
		{"tie goes to the earlier", Fractions(0.5, 0, 0.5), 100, []int{40, 60, 100}, [4]int{0, 40, 40, 100}, ""},
		{"one document too long", Fractions(0.5, 0.25, 0.25), 100, []int{5, 100}, [4]int{}, "split: the test part is empty: 0.25 of 100 symbols in 2 documents"},
		{"counts at boundaries", Counts(30, 0, 30), 100, []int{10, 33, 61, 100}, [4]int{0, 33, 33, 61}, ""},
	}
	for _, tt := range tests {
		ends := tt.ends
		if ends == nil {
			ends = []int{tt.n}
		}
		at, err := tt.split.cut(tt.n, ends)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil || at != tt.want {
			t.Errorf("%s: %v, %v, want %v", tt.name, at, err, tt.want)
		}
	}
}

// anySplit draws valid splits.
func anySplit(t *rapid.T) Split {
	switch rapid.IntRange(0, 2).Draw(t, "by") {
	case 0:
		return HalfHalf()
	case 1:
		return Counts(rapid.IntRange(0, 10).Draw(t, "train"), rapid.IntRange(0, 10).Draw(t, "valid"), rapid.IntRange(1, 10).Draw(t, "test"))
	}
	train := rapid.Float64Range(0.1, 0.8).Draw(t, "train")
	valid := rapid.SampledFrom([]float64{0, (1 - train) / 2}).Draw(t, "valid")
	return Fractions(train, valid, 1-train-valid)
}

// The nearest boundary is found by search; here by looking at all of them.
func TestNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ends, end := []int(nil), 0
		for _, w := range rapid.SliceOfN(rapid.IntRange(1, 20), 1, 10).Draw(t, "lengths") {
			end += w
			ends = append(ends, end)
		}
		at := rapid.IntRange(0, end).Draw(t, "at")
		want := 0
		for _, e := range ends {
			if max(e-at, at-e) < max(want-at, at-want) {
				want = e
			}
		}
		if got := nearest(ends, at); got != want {
			t.Fatalf("nearest(%v, %d) = %d, want %d", ends, at, got, want)
		}
	})
}
