package blas

import (
	"fmt"
	"sync"
	"unsafe"
)

// Matrix products after Goto & van de Geijn, "Anatomy of high-performance
// matrix multiplication", ACM TOMS 34(3), 2008, and BLIS (Van Zee & van de
// Geijn, ACM TOMS 41(3), 2015): C is covered by tiles that fit in registers; a
// block of B is first copied into panels as wide as a tile, so that a tile
// reads it in sequence, and serves block after block of A.
//
// Departures: A is read where it lies, since a tile takes its row and column
// strides as given (a copy gained nothing steady and cost up to 15%);
// a product of few rows reads B where it lies, too; and rows and steps are
// shared out evenly (13 = 7 + 6), so no thin tile remains at the edge.
//
// The blocks are those that did best on a Zen 5 (48 KB and 1 MB of caches a
// core). A panel of 384 steps just fills the first cache, and need not stay
// there: a step takes two vectors of it and twelve cycles. What counts more is
// that C goes to memory once for 384 steps rather than 256, and that a tile
// sends for the C of the next.
const (
	blockRows  = 768 // most rows of A computed with a block of B; a multiple of every tile's
	blockSteps = 384 // most steps of k in a block
	blockCols  = 512 // most columns of B in a block: 768 KB

	// Up to directTiles tiles of rows, copying B costs more than it saves.
	directTiles = 2
)

// NN computes C = beta C + A B for row-major A [m, k], B [k, n] and C [m, n]
// whose rows are lda, ldb and ldc apart. beta is 0, and C is then not read, or
// 1. C overlaps neither A nor B. It panics where a slice is too short.
func NN(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	checkShape("NN", m, n, k, beta)
	checkMatrix("NN", "a", m, k, a, lda)
	checkMatrix("NN", "b", k, n, b, ldb)
	checkMatrix("NN", "c", m, n, c, ldc)
	if active == generic || m*n*k == 0 {
		nnGo(m, n, k, a, lda, b, ldb, beta, c, ldc)
		return
	}
	multiply(product{m, n, k, view{&a[0], lda, 1}, view{&b[0], ldb, 1}, view{&c[0], ldc, 1}, sums(beta, c, ldc)})
}

// Affine computes C = A B + 1 biasᵀ, bias [n] being added to each row first; else
// as NN.
func Affine(m, n, k int, a []float32, lda int, b []float32, ldb int, bias, c []float32, ldc int) {
	checkShape("Affine", m, n, k, 0)
	checkMatrix("Affine", "a", m, k, a, lda)
	checkMatrix("Affine", "b", k, n, b, ldb)
	checkMatrix("Affine", "c", m, n, c, ldc)
	sameLength("Affine", "bias", len(bias), n)
	if active == generic || m*n*k == 0 {
		for i := range m {
			copy(c[i*ldc:][:n], bias)
		}
		nnGo(m, n, k, a, lda, b, ldb, 1, c, ldc)
		return
	}
	multiply(product{m, n, k, view{&a[0], lda, 1}, view{&b[0], ldb, 1}, view{&c[0], ldc, 1}, view{&bias[0], 0, 1}})
}

// sums is what the sums in C begin with: nothing, or C.
func sums(beta float32, c []float32, ldc int) view {
	if beta == 0 {
		return view{}
	}
	return view{&c[0], ldc, 1}
}

// NT computes C = beta C + A Bᵀ for A [m, k], B [n, k] and C [m, n]; else as NN.
func NT(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	checkShape("NT", m, n, k, beta)
	checkMatrix("NT", "a", m, k, a, lda)
	checkMatrix("NT", "b", n, k, b, ldb)
	checkMatrix("NT", "c", m, n, c, ldc)
	if active == generic || m*n*k == 0 {
		ntGo(m, n, k, a, lda, b, ldb, beta, c, ldc)
		return
	}
	multiply(product{m, n, k, view{&a[0], lda, 1}, view{&b[0], 1, ldb}, view{&c[0], ldc, 1}, sums(beta, c, ldc)})
}

// TN computes C = beta C + Aᵀ B for A [k, m], B [k, n] and C [m, n]; else as NN.
func TN(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	checkShape("TN", m, n, k, beta)
	checkMatrix("TN", "a", k, m, a, lda)
	checkMatrix("TN", "b", k, n, b, ldb)
	checkMatrix("TN", "c", m, n, c, ldc)
	if active == generic || m*n*k == 0 {
		tnGo(m, n, k, a, lda, b, ldb, beta, c, ldc)
		return
	}
	multiply(product{m, n, k, view{&a[0], 1, lda}, view{&b[0], ldb, 1}, view{&c[0], ldc, 1}, sums(beta, c, ldc)})
}

func checkShape(where string, m, n, k int, beta float32) {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("blas: %s: m, n, k = %d, %d, %d, want ≥ 0", where, m, n, k))
	}
	if beta != 0 && beta != 1 {
		panic(fmt.Sprintf("blas: %s: beta = %v, want 0 or 1", where, beta))
	}
}

func checkMatrix(where, name string, rows, cols int, x []float32, ld int) {
	if ld < cols {
		panic(fmt.Sprintf("blas: %s: ld%s = %d, want ≥ %d columns", where, name, ld, cols))
	}
	if rows == 0 || cols == 0 {
		return
	}
	if want := (rows-1)*ld + cols; len(x) < want {
		panic(fmt.Sprintf("blas: %s: len(%s) = %d, want ≥ %d", where, name, len(x), want))
	}
}

// A view is a matrix of any strides: element (i, j) is p[i*row + j*col].
type view struct {
	p        *float32
	row, col int
}

func (v view) at(i, j int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(v.p), 4*(i*v.row+j*v.col)))
}

// from is the view from element (i, j) on; of nothing, nothing.
func (v view) from(i, j int) view {
	if v.p == nil {
		return v
	}
	return view{v.at(i, j), v.row, v.col}
}

// A product is C = start + A B with m, n, k > 0. start may be C, or nothing.
type product struct {
	m, n, k        int
	a, b, c, start view
}

// tiling describes a kernel's register tiles.
type tiling struct {
	lanes int    // float32 in a vector
	rows  int    // of the tallest tile
	vecs  [4]int // widths in vectors, widest first
	tall  [4]int // rows of the tallest tile of that width
}

var tilings = [...]tiling{
	avx2:   {8, 6, [4]int{8, 4, 2, 1}, [4]int{1, 2, 6, 6}},
	avx512: {16, 12, [4]int{8, 4, 2, 1}, [4]int{3, 6, 12, 12}},
}

// widest is how many vectors wide a tile may be that has so many rows and no
// vector quite beyond cols.
func (t *tiling) widest(rows, cols int) int {
	for i, v := range t.vecs {
		if rows <= t.tall[i] && cols > (v-1)*t.lanes {
			return v
		}
	}
	panic("blas: tile too tall")
}

// A workspace holds a copied block of B, panel after panel.
type workspace struct{ panels []float32 }

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// even is the size of the parts of n when they are as few as can be, none above
// limit, and of one size but for the last.
func even(n, limit int) int {
	count := (n + limit - 1) / limit
	return (n + count - 1) / count
}

// multiply computes p block by block: columns, then steps of k in order, each
// adding to what C holds of the last, then rows.
func multiply(p product) {
	t := &tilings[active]
	rows := even(p.m, t.rows)
	if p.m <= directTiles*t.rows && p.b.col == 1 {
		p.tiles(t, rows, nil)
		return
	}
	w := workspaces.Get().(*workspace)
	steps := even(p.k, blockSteps)
	for n0 := 0; n0 < p.n; n0 += blockCols {
		n := min(blockCols, p.n-n0)
		for k0 := 0; k0 < p.k; k0 += steps {
			k := min(steps, p.k-k0)
			b := p.b.from(k0, n0)
			w.pack(t, rows, b, n, k)
			for m0 := 0; m0 < p.m; m0 += blockRows {
				m := min(blockRows, p.m-m0)
				q := product{m, n, k, p.a.from(m0, k0), b, p.c.from(m0, n0), p.start.from(m0, n0)}
				if k0 > 0 {
					q.start = q.c
				}
				q.tiles(t, rows, w)
			}
		}
	}
	workspaces.Put(w)
}

// tiles computes p in tiles of so many rows, down one panel of B after the
// other. The panels are w's if there is one.
func (p product) tiles(t *tiling, rows int, w *workspace) {
	for n0, vecs := 0, 0; n0 < p.n; n0 += vecs * t.lanes {
		vecs = t.widest(rows, p.n-n0)
		last := min(vecs*t.lanes, p.n-n0) - (vecs-1)*t.lanes
		b := p.b.from(0, n0)
		if w != nil {
			b = w.panel(n0, vecs*t.lanes, p.k)
		}
		for m0 := 0; m0 < p.m; m0 += rows {
			runTile(min(rows, p.m-m0), vecs, p.k, p.a.from(m0, 0), b, p.c.from(m0, n0), p.start.from(m0, n0), last)
		}
	}
}

// pack copies b [k,n] into the panels that tiles of so many rows read.
func (w *workspace) pack(t *tiling, rows int, b view, n, k int) {
	if need := (n + t.lanes - 1) / t.lanes * t.lanes * k; len(w.panels) < need {
		w.panels = make([]float32, need)
	}
	for n0, width := 0, 0; n0 < n; n0 += width {
		width = t.widest(rows, n-n0) * t.lanes
		copyPanel(t, w.panel(n0, width, k), b.from(0, n0), min(width, n-n0), k)
	}
}

// panel is the panel of the given width whose first column is n0: all before
// it are whole.
func (w *workspace) panel(n0, width, k int) view { return view{&w.panels[n0*k], width, 1} }
