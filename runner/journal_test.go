package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "models", "cell.studies")
	open := func(cell string) *journal {
		t.Helper()
		j, err := openJournal(file, cell)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open("a")
	for i := range 3 {
		if err := j.Keep("drift", i, []float64{float64(i), math.Inf(1)}); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text[:len(text)-5], 0o666); err != nil { // as a crash may leave it
		t.Fatal(err)
	}
	j = open("a")
	if v := j.Look("drift", 1); len(v) != 2 || v[0] != 1 || !math.IsInf(v[1], 1) {
		t.Errorf("unit 1 = %v, want 1 and infinity", v)
	}
	if v := j.Look("drift", 2); v != nil {
		t.Errorf("unit 2 = %v of a line cut short, want nothing", v)
	}
	if v := j.Look("novelty", 1); v != nil {
		t.Errorf("another study's unit 1 = %v, want nothing", v)
	}
	if err := j.Keep("drift", 2, []float64{7}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j = open("a")
	if v := j.Look("drift", 2); len(v) != 1 || v[0] != 7 {
		t.Errorf("unit 2 = %v, want what was kept after the crash", v)
	}
	j.Close()
	j = open("b")
	defer j.Close()
	if v := j.Look("drift", 1); v != nil {
		t.Errorf("another cell's unit 1 = %v, want nothing", v)
	}
}
