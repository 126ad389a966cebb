package ppmi

import (
	"math"
	"math/rand/v2"
	"testing"
)

func random(rng *rand.Rand, a, n int) []symbol {
	xs := make([]symbol, n)
	for i := range xs {
		xs[i] = symbol(rng.IntN(a))
		if i > 0 && rng.IntN(2) > 0 {
			xs[i] = (xs[i-1] + symbol(rng.IntN(3))) % symbol(a)
		}
	}
	return xs
}

// TestVectors: symbols in like company have like vectors.
func TestVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	xs := make([]symbol, 6000) // one of 0 to 2, then one of 3 to 5, and so on; 6 never
	for i := range xs {
		xs[i] = symbol(3*(i%2) + rng.IntN(3))
	}
	v := Vectors([][]symbol{xs}, 7, 4, 1, 1)
	dot := func(x, y int) (sum float64) {
		for i := range 4 {
			sum += v[x*4+i] * v[y*4+i]
		}
		return sum
	}
	cos := func(x, y int) float64 { return dot(x, y) / math.Sqrt(dot(x, x)*dot(y, y)) }
	for x := range 6 {
		for y := range 6 {
			if c := cos(x, y); x != y && x/3 == y/3 && c < 0.7 || x/3 != y/3 && c > 0.5 {
				t.Errorf("cos(%d, %d) = %v", x, y, c)
			}
		}
	}
	if dot(6, 6) != 0 {
		t.Errorf("a symbol that never occurs has a vector of length² %v, want 0", dot(6, 6))
	}
}

// TestSingularVectors: random projection finds the singular values of a matrix
// small enough to be done whole.
func TestSingularVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	const a = 40
	m := information([][]symbol{random(rng, a, 3000)}, a, 2)
	q := randomMatrix(rng, a, a)
	q = m.times(m.transposeTimes(q))
	orthonormalize(q)
	u, values := m.leftVectors(q)
	total, squares := 0.0, 0.0
	for _, v := range m.value {
		squares += v * v
	}
	for i, v := range values {
		total += v * v
		if i == 0 || v < 1e-6*values[0] {
			continue
		}
		if v > values[i-1]+1e-9 {
			t.Errorf("singular value %d = %v after %v", i, v, values[i-1])
		}
	}
	if math.Abs(total-squares) > 1e-6*squares {
		t.Errorf("Σ σ² = %v, want ‖M‖² = %v", total, squares)
	}
	first := m.transposeTimes(u) // uᵀ M has length σ
	for i := range 5 {
		sum := 0.0
		for r := range 2 * a {
			sum += first.At(r, i) * first.At(r, i)
		}
		if math.Abs(math.Sqrt(sum)-values[i]) > 1e-6*values[0] {
			t.Errorf("‖u_%dᵀ M‖ = %v, want %v", i, math.Sqrt(sum), values[i])
		}
	}
}
