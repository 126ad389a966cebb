// Package ppmi makes vectors of symbols from the company they keep.
package ppmi

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"horizon/predictors"
)

// The vectors are the left singular vectors
// of the matrix of positive pointwise mutual information (Bullinaria & Levy
// 2007; Levy & Goldberg 2014, section 4)
//
//	M[a, b] = max(0, ln [n(a,b) n / (n(a) n(b)^0.75 Z)])
//
// over the symbols b up to span places to the left of a, and again to the
// right, the counts of b smoothed (Levy, Goldberg & Dagan 2015, section 3.2),
// each times the root of its singular value: U Σ^½ (Levy & Goldberg 2014, section
// 4.2). The singular vectors are found by random projection with power iterations
// (Halko, Martinsson & Tropp 2011, Algorithm 4.4), in O(dims · pairs) time.

type symbol = predictors.Symbol

const (
	oversample = 10
	powers     = 4
	smoothing  = 0.75
)

// A sparse matrix by rows.
type sparse struct {
	rows, cols int
	start      []int // of each row, and one end more
	col        []int32
	value      []float64
}

// Vectors returns [a,dims] vectors, one a symbol; those of symbols that never
// occur, and numbers beyond the rank, are zero.
func Vectors(docs [][]symbol, a, dims, span int, seed uint64) []float64 {
	m := information(docs, a, span)
	out := make([]float64, a*dims)
	k := min(dims+oversample, a)
	q := randomMatrix(rand.New(rand.NewPCG(seed, 0x737664)), a, k)
	for range powers {
		q = m.times(m.transposeTimes(q))
		orthonormalize(q)
	}
	u, values := m.leftVectors(q)
	for x := range a {
		for i := range min(dims, k) {
			out[x*dims+i] = u.At(x, i) * math.Sqrt(values[i])
		}
	}
	return out
}

func randomMatrix(rng *rand.Rand, rows, cols int) *mat.Dense {
	x := make([]float64, rows*cols)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return mat.NewDense(rows, cols, x)
}

// information is M, [a,2a].
func information(docs [][]symbol, a, span int) *sparse {
	var pairs []uint64
	for _, doc := range docs {
		for t, x := range doc {
			for d := 1; d <= span && d <= t; d++ {
				pairs = append(pairs, uint64(x)<<32|uint64(doc[t-d]), uint64(doc[t-d])<<32|uint64(a)+uint64(x))
			}
		}
	}
	slices.Sort(pairs)
	row, col := make([]float64, a), make([]float64, 2*a)
	for _, p := range pairs {
		row[p>>32]++
		col[uint32(p)]++
	}
	z := 0.0
	for b := range col {
		col[b] = math.Pow(col[b], smoothing)
		z += col[b]
	}
	m := &sparse{rows: a, cols: 2 * a, start: make([]int, 1, a+1)}
	for i := 0; i < len(pairs); {
		j := i
		for j < len(pairs) && pairs[j] == pairs[i] {
			j++
		}
		x, b := int(pairs[i]>>32), int32(uint32(pairs[i]))
		for len(m.start) <= x {
			m.start = append(m.start, len(m.col))
		}
		if v := math.Log(float64(j-i) * z / (row[x] * col[b])); v > 0 {
			m.col, m.value = append(m.col, b), append(m.value, v)
		}
		i = j
	}
	for len(m.start) <= a {
		m.start = append(m.start, len(m.col))
	}
	return m
}

// times is M x.
func (m *sparse) times(x *mat.Dense) *mat.Dense {
	_, k := x.Dims()
	y := mat.NewDense(m.rows, k, nil)
	for i := range m.rows {
		for at := m.start[i]; at < m.start[i+1]; at++ {
			addScaled(y.RawRowView(i), m.value[at], x.RawRowView(int(m.col[at])))
		}
	}
	return y
}

// transposeTimes is Mᵀ x.
func (m *sparse) transposeTimes(x *mat.Dense) *mat.Dense {
	_, k := x.Dims()
	y := mat.NewDense(m.cols, k, nil)
	for i := range m.rows {
		for at := m.start[i]; at < m.start[i+1]; at++ {
			addScaled(y.RawRowView(int(m.col[at])), m.value[at], x.RawRowView(i))
		}
	}
	return y
}

func scale(x []float64, s float64) {
	for i := range x {
		x[i] *= s
	}
}

func addScaled(y []float64, s float64, x []float64) {
	for i, v := range x {
		y[i] += s * v
	}
}

// orthonormalize makes the columns of q orthonormal by Gram-Schmidt, twice,
// and zero where they depend on those before.
func orthonormalize(q *mat.Dense) {
	_, k := q.Dims()
	t := mat.DenseCopyOf(q.T()) // columns as rows
	for i := range k {
		own := t.RawRowView(i)
		before := norm(own)
		for range 2 {
			for j := range i {
				other := t.RawRowView(j)
				dot := 0.0
				for r, v := range own {
					dot += v * other[r]
				}
				addScaled(own, -dot, other)
			}
		}
		if n := norm(own); n > 1e-12*before {
			scale(own, 1/n)
		} else {
			clear(own)
		}
	}
	q.Copy(t.T())
}

func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// leftVectors are the left singular vectors of M within the space of q's
// columns, as columns, and their values, the largest first. Their signs are
// such that the largest number of each is positive.
func (m *sparse) leftVectors(q *mat.Dense) (u *mat.Dense, values []float64) {
	_, k := q.Dims()
	b := m.transposeTimes(q) // (Qᵀ M)ᵀ
	gram := mat.NewSymDense(k, nil)
	gram.SymOuterK(1, b.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(gram, true) {
		return mat.NewDense(m.rows, k, nil), make([]float64, k)
	}
	var v mat.Dense
	eigen.VectorsTo(&v)
	ascending := eigen.Values(nil)
	u = mat.NewDense(m.rows, k, nil)
	u.Mul(q, &v)
	flipped := mat.NewDense(m.rows, k, nil)
	for i := range k {
		column := mat.Col(nil, k-1-i, u)
		largest := 0.0
		for _, x := range column {
			if math.Abs(x) > math.Abs(largest) {
				largest = x
			}
		}
		if largest < 0 {
			scale(column, -1)
		}
		flipped.SetCol(i, column)
		values = append(values, math.Sqrt(max(0, ascending[k-1-i])))
	}
	return flipped, values
}
