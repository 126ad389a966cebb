package lempelziv

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

func opticks(t testing.TB) symbols {
	text, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src/testdata/Isaac.Newton-Opticks.txt"))
	if err != nil {
		t.Skipf("this Go toolchain lacks Opticks: %v", err)
	}
	checkDigest(t, text, "d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd")
	return bytesOf(text)
}

// BenchmarkLearn reports MB/s: a symbol is a byte.
func BenchmarkLearn(b *testing.B) {
	xs := corporatest.Symbols(b, "wiki/enwik7")
	for _, c := range []struct {
		name   string
		config predictors.Config
		n      int
	}{
		{"lz78", DefaultLZ78(), len(xs)}, {"lzw", DefaultLZW(), len(xs)}, {"lz-ms-2-8", DefaultLZMS(), 1e6}, {"active-lezi", DefaultActiveLeZi(), 1e6},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkLearn(b, c.config, xs[:c.n]) })
	}
}

// BenchmarkGrowth shows how training grows to 10⁸ symbols: the first bytes of
// the Go, C and Markdown files of the toolchain and then of the module cache,
// in order of their paths.
func BenchmarkGrowth(b *testing.B) {
	xs := sources(b, 1e8)
	for _, n := range []int{1e6, 1e7, 1e8} {
		b.Run(fmt.Sprintf("lz78/%.0e", float64(n)), func(b *testing.B) {
			if n > len(xs) {
				b.Skipf("the sources here are %d bytes", len(xs))
			}
			benchmarkLearn(b, DefaultLZ78(), xs[:n])
		})
	}
}

func benchmarkLearn(b *testing.B, c predictors.Config, xs symbols) {
	b.SetBytes(int64(len(xs)))
	for b.Loop() {
		p, err := c.New(predictors.Env{Alphabet: 256})
		if err != nil {
			b.Fatal(err)
		}
		l := p.(predictors.Learner)
		for _, x := range xs {
			l.Learn(x)
		}
		size, _ := predictors.Size(p)
		b.ReportMetric(float64(size)/1e6, "model-MB")
		b.ReportMetric(p.(predictors.Describer).Describe()["phrases"], "phrases")
	}
}

func sources(b *testing.B, n int) symbols {
	modules := os.Getenv("GOMODCACHE")
	if modules == "" {
		home, _ := os.UserHomeDir()
		modules = filepath.Join(home, "go", "pkg", "mod")
	}
	xs := make(symbols, 0, n)
	for _, root := range []string{runtime.GOROOT(), modules} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || len(xs) == n || d.IsDir() || !strings.Contains(".go.c.md", filepath.Ext(path)) || filepath.Ext(path) == "" {
				return nil
			}
			text, _ := os.ReadFile(path)
			xs = append(xs, bytesOf(text[:min(len(text), n-len(xs))])...)
			return nil
		})
	}
	return xs
}

func BenchmarkLZ78(b *testing.B) {
	xs := opticks(b)
	p := mustNew(b, 0, 256)
	b.Run("learn", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if i%len(xs) == 0 {
				p = mustNew(b, 0, 256)
			}
			p.Learn(xs[i%len(xs)])
		}
	})
	p = mustNew(b, 0, 256)
	learn(p, xs)
	benchmarkReading(b, "plain", p, xs)
	for name, change := range refinements {
		c := DefaultLZ78().(*LZ78Config)
		c.Gamma = 0.01
		change(c)
		f, err := c.New(predictors.Env{Alphabet: 256})
		if err != nil {
			b.Fatal(err)
		}
		learn(f.(*lz78), xs)
		benchmarkReading(b, name, f.(*lz78), xs)
	}
	b.Run("ahead32", func(b *testing.B) {
		ks, ps := []int{1, 2, 4, 8, 16, 32}, make([][]float64, 6)
		for i := range ps {
			ps[i] = make([]float64, 256)
		}
		for i := 0; b.Loop(); i++ {
			p.Observe(xs[i%len(xs)])
			p.PredictAhead(ps, ks)
		}
	})
}

func benchmarkReading(b *testing.B, name string, p *lz78, xs symbols) {
	p.Reset()
	b.Run(name+"/prob+observe", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			p.Prob(xs[i%len(xs)])
			p.Observe(xs[i%len(xs)])
		}
	})
	b.Run(name+"/predict+observe", func(b *testing.B) {
		q := make([]float64, 256)
		for i := 0; b.Loop(); i++ {
			p.Predict(q)
			p.Observe(xs[i%len(xs)])
		}
	})
}
