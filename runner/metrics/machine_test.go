package metrics

import (
	"errors"
	"math"
	"testing"
)

// TestMachine: the exact filter of a process merges into its causal states,
// and loses nothing by it.
func TestMachine(t *testing.T) {
	for kind, want := range map[string]struct{ states, complexity, entropy float64 }{
		"even": {2, 0.918296, 2. / 3}, "nemo": {3, 1.5, 0.75}, "rrxor": {5, 2.251629, 2. / 3},
	} {
		c := process(t, kind, 6000, nil)
		config := machineKind.Default().(*machineConfig)
		config.Points = 1000
		rows, err := Measure(t.Context(), "machine", config, NewSubject(theOracle(t, c), c, Protocol{Seed: 2}), nil, noTick)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Ranged{}
		for _, r := range rows {
			got[r.Metric] = r
		}
		for name, v := range map[string]float64{"machine_states": want.states, "machine_states_true": want.states,
			"machine_complexity": want.complexity, "machine_complexity_true": want.complexity,
			"machine_entropy": want.entropy, "machine_entropy_true": want.entropy, "machine_recovered": 1, "machine_loss_excess": 0} {
			if r, ok := got[name]; !ok || math.Abs(r.Value-v) > 0.01 {
				t.Errorf("%s: %s = %v, want %v", kind, name, r.Value, v)
			}
		}
		if n := got["machine_loss"].N; n != 5000 {
			t.Errorf("%s: scored %d symbols, want the 5000 after the places", kind, n)
		}
	}
}

// TestMachineOfUnknown: without a process there is nothing to recover; without
// symbols after the places, or with too many futures, nothing to measure.
func TestMachineOfUnknown(t *testing.T) {
	config := machineKind.Default().(*machineConfig)
	config.Points = 200
	rows, err := Measure(t.Context(), "machine", config, subject(500), nil, noTick)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Metric == "machine_recovered" || r.Metric == "machine_states_true" {
			t.Errorf("%s = %v of a process that is not known", r.Metric, r.Value)
		}
		if r.Metric == "machine_states" && r.Value != 2 {
			t.Errorf("a chain over two symbols has %v states, want 2", r.Value)
		}
	}
	if _, err := Measure(t.Context(), "machine", config, subject(200), nil, noTick); !errors.As(err, new(Inapplicable)) {
		t.Errorf("err = %v on a test part of 200 symbols, want that it does not apply", err)
	}
	config.Horizon = 13
	if _, err := Measure(t.Context(), "machine", config, subject(500), nil, noTick); !errors.As(err, new(Inapplicable)) {
		t.Errorf("err = %v for 8192 futures, want that it does not apply", err)
	}
}
