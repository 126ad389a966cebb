package unbounded

import (
	"math"
	"os"
	"testing"
	"time"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// slow skips what takes minutes, unless HORIZON_SLOW is set.
func slow(t testing.TB) {
	if os.Getenv("HORIZON_SLOW") == "" {
		t.Skip("it takes minutes: set HORIZON_SLOW=1 to run it")
	}
}

// The 14 files that compressors are compared on, and what Gasthaus, Wood & Teh
// 2010 have for the particle filter, recalled: a figure to be near, not to meet.
var calgary = []struct {
	name  string
	print float64
}{
	{"bib", 1.73}, {"book1", 2.17}, {"book2", 1.83}, {"geo", 4.40}, {"news", 2.20}, {"obj1", 3.64}, {"obj2", 2.21},
	{"paper1", 2.21}, {"paper2", 2.18}, {"pic", 0.77}, {"progc", 2.23}, {"progl", 1.44}, {"progp", 1.44}, {"trans", 1.21},
}

func TestCalgary(t *testing.T) {
	for _, c := range []struct {
		name   string
		config predictors.Config
		within float64 // of print, each file
		mean   float64 // at most, in bits a byte
	}{
		{"ukn", DefaultMemoizer(), 0.05, 2.12},
		{"particle", &MemoizerConfig{Inference: "particle", Rate: 0.01, Depth: 1024}, 0.06, 2.14},
		{"infini-kneser-ney", DefaultInfiniKN(), 0.15, 2.10},
	} {
		t.Run(c.name, func(t *testing.T) {
			sum := 0.0
			for _, f := range calgary {
				small := f.name == "paper1" || f.name == "progp" || f.name == "trans"
				if os.Getenv("HORIZON_SLOW") == "" && !small {
					continue
				}
				xs := corporatest.Symbols(t, "calgary/"+f.name)
				p := mustNew[predictors.Predictor](t, c.config, 256)
				start := time.Now()
				got := adaptive(t, p, xs)
				size, _ := predictors.Size(p)
				t.Logf("%s: %.4f bits, print %.2f; %.1f µs and %.0f bytes a symbol", f.name, got, f.print,
					time.Since(start).Seconds()*1e6/float64(len(xs)), float64(size)/float64(len(xs)))
				if math.Abs(got-f.print) > c.within {
					t.Errorf("%s: %.4f bits a byte, want within %v of %.2f", f.name, got, c.within, f.print)
				}
				sum += got
			}
			if os.Getenv("HORIZON_SLOW") == "" {
				return
			}
			m := sum / float64(len(calgary))
			t.Logf("mean %.4f", m)
			if m > c.mean {
				t.Errorf("mean %.4f bits a byte, want at most %v", m, c.mean)
			}
		})
	}
}

// The nanoGPT split of tinyshakespeare: 1,003,854 symbols train, the rest is
// scored, frozen and then learning, from the empty context. Kneser-Ney of its
// best order has 2.188 frozen.
func TestTinyShakespeare(t *testing.T) {
	slow(t)
	text := corporatest.Symbols(t, "shakespeare/tinyshakespeare.txt")
	const cut = 1003854
	small, a := packed(text)
	for _, c := range []struct {
		name          string
		config        predictors.Config
		frozen, after float64 // at most, in bits a symbol
	}{
		{"infini-gram", &InfiniGramConfig{Backoff: "witten-bell", Tau: 13}, 2.21, 2.04},
		{"memoizer, ukn", DefaultMemoizer(), 2.21, 2.04},
		{"memoizer, particle", &MemoizerConfig{Inference: "particle", Rate: 0.005, Concentration: 1, Depth: 1024}, 2.18, 2.0},
		{"infini-kneser-ney", DefaultInfiniKN(), 2.145, 1.982},
	} {
		for _, v := range []struct {
			a  int
			xs []symbol
		}{{a, small}, {256, text}} {
			p := mustNew[predictors.Predictor](t, c.config, v.a)
			start := time.Now()
			train(t, p, predictors.Data{Train: [][]symbol{v.xs[:cut]}})
			took := time.Since(start)
			size, _ := predictors.Size(p)
			got := frozen(p, v.xs[cut:])
			t.Logf("%s, A = %d: frozen %.4f bits; trained in %v, %.1f bytes a symbol", c.name, v.a, got, took.Round(time.Millisecond), float64(size)/cut)
			if got > c.frozen {
				t.Errorf("%s, A = %d: %.4f bits frozen, want at most %v", c.name, v.a, got, c.frozen)
			}
			if c.after == 0 {
				continue
			}
			p.Reset()
			got = adaptive(t, p, v.xs[cut:])
			t.Logf("%s, A = %d: learning on %.4f bits", c.name, v.a, got)
			if got > c.after {
				t.Errorf("%s, A = %d: %.4f bits learning on, want at most %v", c.name, v.a, got, c.after)
			}
		}
	}
}

// Time and space grow about as the text does; losses of enwik7 on the way.
func TestGrowth(t *testing.T) {
	slow(t)
	text := corporatest.Symbols(t, "wiki/enwik7")
	for _, c := range []struct {
		name   string
		config predictors.Config
		learns bool
	}{
		{"infini-gram, fitted", &InfiniGramConfig{Backoff: "witten-bell", Tau: 13}, false},
		{"infini-gram", &InfiniGramConfig{Backoff: "witten-bell", Tau: 13}, true},
		{"memoizer, ukn", DefaultMemoizer(), true},
		{"memoizer, particle", &MemoizerConfig{Inference: "particle", Rate: 0.005, Depth: 1024}, true},
		{"infini-kneser-ney", DefaultInfiniKN(), true},
	} {
		var seconds, bytes []float64
		sizes := []int{1e5, 1e6, 1e7}
		for _, n := range sizes {
			if os.Getenv("HORIZON_SLOW") == "1" && n > 1e6 && c.learns {
				continue // 2 runs these too
			}
			p := mustNew[predictors.Predictor](t, c.config, 256)
			start, loss := time.Now(), math.NaN()
			if c.learns {
				loss = adaptive(t, p, text[:n])
			} else {
				train(t, p, predictors.Data{Train: [][]symbol{text[:n]}})
			}
			took := time.Since(start).Seconds()
			size, _ := predictors.Size(p)
			seconds, bytes = append(seconds, took), append(bytes, float64(size))
			t.Logf("%s: %d symbols: %.2f s, %.1f bytes a symbol, %.4f bits a byte", c.name, n, took, float64(size)/float64(n), loss)
		}
		last := len(bytes) - 1
		decades := math.Log10(float64(sizes[last]) / float64(sizes[0]))
		t.Logf("%s: time grows as n^%.2f, space as n^%.2f", c.name,
			math.Log10(seconds[last]/seconds[0])/decades, math.Log10(bytes[last]/bytes[0])/decades)
		if e := math.Log10(bytes[last]/bytes[0]) / decades; e > 1.1 {
			t.Errorf("%s: space grows as n^%.2f", c.name, e)
		}
	}
}
