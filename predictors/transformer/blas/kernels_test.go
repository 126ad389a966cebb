package blas

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

type tester[T any] interface {
	testing.TB
	Run(name string, f func(T)) bool
}

// eachKernel runs f under every kernel; those this processor lacks are skipped.
func eachKernel[T tester[T]](t T, f func(T)) {
	before := active
	defer func() { active = before }()
	for _, k := range []kernel{avx512, avx2, generic} {
		t.Run(k.String(), func(t T) {
			if !supported(k) {
				t.Skipf("this processor does not support %v", k)
			}
			active = k
			f(t)
		})
	}
}

// numbers returns n numbers in [-1, 1).
func numbers(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

type gemm func(m, n, k int, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int)

// A variant is one of the products. aT and bT say which operand is transposed.
type variant struct {
	name   string
	aT, bT bool
	gemm   gemm
}

var variants = []variant{
	{"NN", false, false, NN}, {"NT", false, true, NT}, {"TN", true, false, TN},
}

// leading is the natural row stride of an operand of so many rows and columns.
func leading(rows, cols int, transposed bool) int {
	if transposed {
		return rows
	}
	return cols
}

// TestGenerated: the assembly is what the generator writes.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the generator")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("no Go to run it with: %v", err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "gen.go", dir).CombinedOutput(); err != nil {
		t.Fatalf("go run gen.go: %v\n%s", err, out)
	}
	for _, name := range []string{"gemm_amd64.s", "vector_amd64.s"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what gen.go writes: run go generate", name)
		}
	}
}
