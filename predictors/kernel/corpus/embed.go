package corpus

import (
	"math"
	"math/rand/v2"

	"horizon/predictors/kernel/ppmi"
)

// ppmiVectors embeds the symbols by what stands up to window places to their
// left and right (package ppmi), scaled to a mean square length of 1/2, so that
// distances compare with one-hot's.
func ppmiVectors(t *text, a, d, window int) []float32 {
	vectors := ppmi.Vectors(t.documents(), a, d, window, 0)
	sum := 0.0
	for _, v := range vectors {
		sum += v * v
	}
	scale := math.Sqrt(float64(a) / 2 / max(sum, 1e-300))
	out := make([]float32, len(vectors))
	for i, v := range vectors {
		out[i] = float32(v * scale)
	}
	return out
}

// randomVectors are of squared length 1/2.
func randomVectors(a, d int, rng *rand.Rand) []float32 {
	out := make([]float32, a*d)
	for x := range a {
		row := gaussians(d, rng)
		scaleTo(row, math.Sqrt(0.5))
		for k, v := range row {
			out[x*d+k] = float32(v)
		}
	}
	return out
}

func gaussians(d int, rng *rand.Rand) []float64 {
	row := make([]float64, d)
	for k := range row {
		row[k] = rng.NormFloat64()
	}
	return row
}

func scaleTo(row []float64, length float64) {
	sum := 0.0
	for _, v := range row {
		sum += v * v
	}
	for k := range row {
		row[k] *= length / math.Sqrt(sum)
	}
}

// rotation draws an orthogonal matrix by Gram and Schmidt from Gaussians.
func rotation(d int, rng *rand.Rand) []float32 {
	rows := make([][]float64, d)
	out := make([]float32, 0, d*d)
	for i := range rows {
		rows[i] = gaussians(d, rng)
		for range 2 { // again, for what rounding left
			for _, r := range rows[:i] {
				p := 0.0
				for k := range r {
					p += r[k] * rows[i][k]
				}
				for k := range r {
					rows[i][k] -= p * r[k]
				}
			}
		}
		scaleTo(rows[i], 1)
		for _, v := range rows[i] {
			out = append(out, float32(v))
		}
	}
	return out
}

// oneHot are unit vectors of squared length 1/2, so that two symbols are at
// distance 1; d = A.
func oneHot(a int) []float32 {
	out := make([]float32, a*a)
	for x := range a {
		out[x*a+x] = float32(math.Sqrt(0.5))
	}
	return out
}
