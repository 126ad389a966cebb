package corpora

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestUnifilar: a process laid out and made again is the same; one that is not
// unifilar is not laid out, and rows that are no laws are refused.
func TestUnifilar(t *testing.T) {
	p, err := (&RRXOR{}).Process(1)
	if err != nil {
		t.Fatal(err)
	}
	h := p.(*HMM)
	next, probs, ok := h.Unifilar()
	if !ok {
		t.Fatal("RRXOR is not unifilar")
	}
	again, err := NewUnifilar(2, next, probs)
	if err != nil {
		t.Fatal(err)
	}
	n2, p2, _ := again.Unifilar()
	if !slices.Equal(next, n2) || !slices.Equal(probs, p2) || !slices.Equal(h.Stationary(), again.Stationary()) {
		t.Errorf("laid out again: %v %v, want %v %v", n2, p2, next, probs)
	}
	if got, _ := again.Entropy(); math.Abs(got-2./3) > 1e-12 {
		t.Errorf("entropy %v, want 2/3", got)
	}
	sns, _ := (&SNS{P: 0.5, Q: 0.5}).Process(1)
	if _, _, ok := sns.(*HMM).Unifilar(); ok {
		t.Error("the simple non-unifilar source is unifilar")
	}
	if _, err := NewUnifilar(2, []int32{0, -1}, []float64{0.9, 0}); err == nil || !strings.Contains(err.Error(), "sum to 0.9") {
		t.Errorf("err = %v for a row that sums to 0.9", err)
	}
}
