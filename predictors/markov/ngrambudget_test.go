package markov

import (
	"context"
	"math"
	"testing"

	"horizon/predictors"
)

// trainWithin trains a kind on Opticks but its last tenth, within so many
// bytes, and returns it with its loss on the first of that.
func trainWithin(t *testing.T, c predictors.Config, bytes int64) (predictors.Predictor, float64) {
	t.Helper()
	xs := opticks(t)[:150_000]
	p, err := c.New(predictors.Env{Alphabet: 256})
	if err != nil {
		t.Fatal(err)
	}
	n := len(xs) * 9 / 10
	d := predictors.Data{Train: []symbols{xs[:n-5000]}, Valid: []symbols{xs[n-5000 : n]}, Budget: predictors.Budget{ModelBytes: bytes}}
	if err := predictors.Train(context.Background(), p, d, nil); err != nil {
		t.Fatal(err)
	}
	bits, _ := predictors.SampleLoss(p, []symbols{xs[n:]}, 10_000)
	return p, bits
}

// A budget is used, and what is cut is what is missed least: at half the bytes
// a model loses little, and it is better than one of a lower order that takes
// as much.
func TestCutNgrams(t *testing.T) {
	for name, of := range map[string]func(order int) predictors.Config{
		"kneser-ney":  func(n int) predictors.Config { return &KneserNeyConfig{Order: n, Discounts: "modified"} },
		"witten-bell": func(n int) predictors.Config { return &WittenBellConfig{Order: n} },
		"katz":        func(n int) predictors.Config { return &KatzConfig{Order: n} },
		"jelinek-mercer": func(n int) predictors.Config {
			return &JelinekMercerConfig{Order: n, Buckets: "average"}
		},
	} {
		whole, best := trainWithin(t, of(5), 0)
		size, _ := predictors.Size(whole)
		low, lower := trainWithin(t, of(3), 0)
		small, _ := predictors.Size(low)
		last := best
		for _, bytes := range []int64{size / 2, size / 4, size / 16} {
			p, bits := trainWithin(t, of(5), bytes)
			got, _ := predictors.Size(p)
			if got > bytes || got < bytes*3/4 {
				t.Errorf("%s: %d bytes for a budget of %d", name, got, bytes)
			}
			if bits < last-0.05 {
				t.Errorf("%s: %.3f bits in %d bytes, %.3f in more", name, bits, bytes, last)
			}
			t.Logf("%s: %d bytes: %.4f bits", name, got, bits)
			last = bits
		}
		p, bits := trainWithin(t, of(5), small)
		got, _ := predictors.Size(p)
		t.Logf("%s: order 3 takes %d bytes: %.4f; order 5 cut to %d: %.4f; whole %d: %.4f", name, small, lower, got, bits, size, best)
		if bits > lower {
			t.Errorf("%s: %.4f bits in %d bytes, order 3 has %.4f in %d", name, bits, got, lower, small)
		}
		if half, bits := trainWithin(t, of(5), size/2); bits > best+0.1 {
			got, _ := predictors.Size(half)
			t.Errorf("%s: %.4f bits in %d bytes, %.4f in %d", name, bits, got, best, size)
		}
	}
}

// What is worth something is found where bits of floats are compared as
// integers.
func TestSortable(t *testing.T) {
	list := []float32{float32(math.Inf(-1)), -3e38, -1.5, -1e-40, 0, 1e-40, 2, 3e38, float32(math.Inf(1))}
	for i, v := range list {
		if fromSortable(sortable(v)) != v {
			t.Errorf("%v comes back as %v", v, fromSortable(sortable(v)))
		}
		if i > 0 && sortable(list[i-1]) >= sortable(v) {
			t.Errorf("%v sorts after %v", list[i-1], v)
		}
	}
}
