package corpus

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// maxColumns bounds the neighbours that ppmi tells apart, the most frequent.
const maxColumns = 512

// ppmiVectors embeds the symbols: M[x, z] = max(0, ln P(x, z)/(P(x) P(z))) over
// neighbours z at each offset of up to window on the right (what x goes before)
// and on the left; e(x) is row x of U Σ^{1/2} for the d largest singular values
// (Levy & Goldberg 2014), found from the eigenvectors of MᵀM. Vectors are scaled
// to a mean square length of 1/2, so that distances compare with one-hot's.
func ppmiVectors(t *text, a, d, window int) []float32 {
	columns, width := frequent(t, a)
	counts := make([]float64, a*2*width)
	for i, x := range t.symbols[:t.n] {
		for off := 1; off <= window && i+off < t.n; off++ {
			y := t.symbols[i+off]
			if z := columns[y]; z >= 0 {
				counts[int(x)*2*width+z]++
			}
			if z := columns[x]; z >= 0 {
				counts[int(y)*2*width+width+z]++
			}
		}
	}
	positive(counts, a, 2*width)
	m := mat.NewDense(a, 2*width, counts)
	var gram mat.SymDense
	gram.SymOuterK(1, m.T())
	var eigen mat.EigenSym
	out := make([]float32, a*d)
	if !eigen.Factorize(&gram, true) {
		return out
	}
	var vectors, product mat.Dense
	eigen.VectorsTo(&vectors)
	product.Mul(m, &vectors)
	values := eigen.Values(nil) // ascending
	sum := 0.0
	for k := range min(d, len(values)) {
		at := len(values) - 1 - k
		scale := math.Pow(max(values[at], 1e-12), -0.25) // M V = U Σ; Σ = √eigenvalue
		for x := range a {
			v := product.At(x, at) * scale
			out[x*d+k] = float32(v)
			sum += v * v
		}
	}
	if sum > 0 {
		scale := float32(math.Sqrt(float64(a) / 2 / sum))
		for i := range out {
			out[i] *= scale
		}
	}
	return out
}

// frequent numbers the most frequent symbols; the rest are −1.
func frequent(t *text, a int) (columns []int, width int) {
	count, order := make([]int, a), make([]int, a)
	for _, x := range t.symbols[:t.n] {
		count[x]++
	}
	for x := range order {
		order[x] = x
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(count[y], count[x]) })
	columns, width = make([]int, a), min(a, maxColumns)
	for k, x := range order {
		if columns[x] = -1; k < width {
			columns[x] = k
		}
	}
	return columns, width
}

// positive turns counts [rows, columns] into positive pointwise mutual
// information.
func positive(counts []float64, rows, columns int) {
	row, column, total := make([]float64, rows), make([]float64, columns), 0.0
	for i, n := range counts {
		row[i/columns] += n
		column[i%columns] += n
		total += n
	}
	for i, n := range counts {
		if n > 0 {
			counts[i] = max(0, math.Log(n*total/(row[i/columns]*column[i%columns])))
		}
	}
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
