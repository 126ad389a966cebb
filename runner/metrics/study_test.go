package metrics

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"
)

// counting is a study whose unit i measures i², and which may break off.
type counting struct {
	StudyOptions
	n       int
	breakAt int
}

func (c *counting) New(*Subject) (Study, error) { return c, nil }
func (c *counting) Units() int                  { return c.n }
func (c *counting) Unit(_ context.Context, i int) ([]float64, error) {
	if i == c.breakAt {
		return nil, errors.New("broken off")
	}
	return []float64{float64(i * i), math.NaN()}, nil
}
func (c *counting) Report(done [][]float64) ([]Ranged, error) {
	sum, n := 0.0, 0
	for _, u := range done {
		if u != nil {
			sum, n = sum+u[0], n+1
		}
	}
	return []Ranged{Exactly("sum", 1, n, sum)}, nil
}

// memory is a journal that also counts what it is told.
type memory struct {
	kept map[int][]float64
	news int
}

func (m *memory) Look(_ string, i int) []float64 { return m.kept[i] }
func (m *memory) Keep(_ string, i int, v []float64) error {
	m.kept[i] = FromBits(Bits(v))
	m.news++
	return nil
}

func subject(lengths ...int) *Subject {
	return NewSubject(newChain(), corpus(lengths...), Protocol{Seed: 5})
}

func TestMeasureGoesOnWhereItStopped(t *testing.T) {
	j := &memory{kept: map[int][]float64{}}
	_, err := Measure(t.Context(), "count", &counting{n: 9, breakAt: 5}, subject(10), j, noTick)
	if err == nil || len(j.kept) == 0 {
		t.Fatalf("err = %v with %d units kept, want an error and some", err, len(j.kept))
	}
	before := len(j.kept)
	j.news = 0
	rows, err := Measure(t.Context(), "count", &counting{n: 9, breakAt: -1}, subject(10), j, noTick)
	if err != nil {
		t.Fatal(err)
	}
	if j.news != 9-before {
		t.Errorf("%d units were measured, want the %d that were missing", j.news, 9-before)
	}
	if rows[0].Value != 204 || rows[1].Metric != "count_units" || rows[1].Value != 1 {
		t.Errorf("rows = %+v, want the sum 204 over all units", rows)
	}
}

func TestMeasureKeepsItsTime(t *testing.T) {
	c := &counting{n: 100_000, breakAt: -1, StudyOptions: StudyOptions{Time: time.Nanosecond}}
	rows, err := Measure(t.Context(), "count", c, subject(10), nil, noTick)
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].N == 0 || rows[0].N >= 100_000 || rows[1].Value >= 1 {
		t.Errorf("rows = %+v, want some units and not all", rows)
	}
}

func TestMeasureIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, "count", &counting{n: 3, breakAt: -1}, subject(10), nil, noTick); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want that it was cancelled", err)
	}
}

// TestContextLength: what a chain knows is the last symbol. Without it, it
// predicts as at the beginning; with it, nothing else changes its loss.
func TestContextLength(t *testing.T) {
	c := &truncationConfig{Points: 60, Lengths: []int{0, 1, 4}, Shuffle: true}
	rows, err := Measure(t.Context(), "context-length", c, subject(50, 200, 3), nil, noTick)
	if err != nil {
		t.Fatal(err)
	}
	at := func(metric string, k int) Ranged {
		for _, r := range rows {
			if r.Metric == metric && r.Horizon == k {
				return r
			}
		}
		t.Fatalf("no %s at %d", metric, k)
		return Ranged{}
	}
	if r := at("context_bits", 0); r.Value != 1 || r.N != 60 {
		t.Errorf("context_bits at 0 = %+v, want 1 bit, the loss of the first symbol, at 60 points", r)
	}
	if r := at("context_effect", 1); r.Value != 0 {
		t.Errorf("context_effect at 1 = %+v, want 0", r)
	}
	if r := at("effective_context", 1); r.Value != 1 {
		t.Errorf("effective_context = %v, want 1", r.Value)
	}
	if r := at("context_effect_shuffled", 1); r.Value != 0 {
		t.Errorf("context_effect_shuffled at 1 = %+v, want 0", r)
	}
	if r := at("context_effect_shuffled", 0); r.Value == 0 {
		t.Error("context_effect_shuffled at 0 = 0, want the loss of a wrong last symbol")
	}
	_, err = Measure(t.Context(), "context-length", c, subject(5, 5), nil, noTick)
	if !errors.As(err, new(Inapplicable)) {
		t.Errorf("err = %v on documents of 5 symbols, want that it does not apply", err)
	}
}

func TestStudiesAreSound(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds {
		seen[k.Name] = true
	}
	for _, k := range Studies {
		if err := k.Default().Validate(); err != nil {
			t.Errorf("%s: defaults: %v", k.Name, err)
		}
		if k.Version < 1 || len(k.Scores) == 0 || k.Cost == "" || k.Needs == "" || k.Doc == "" || k.Pitfall == "" {
			t.Errorf("%s: %+v, want a version, scores, cost, needs, what it is and its pitfall", k.Name, k)
		}
		for _, s := range k.Scores {
			if seen[s.Name] || s.Unit == "" || s.Doc == "" {
				t.Errorf("%s: score %+v, want a name of its own, a unit and what it is", k.Name, s)
			}
			seen[s.Name] = true
		}
	}
}
