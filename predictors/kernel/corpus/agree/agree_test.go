package agree

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func randomQuery(rng *rand.Rand, lags, a int) *Query {
	q := &Query{Base: byte(rng.IntN(3) * rng.IntN(60)), Sticky: rng.IntN(2) == 0}
	for range lags {
		q.Symbols = append(q.Symbols, byte(rng.IntN(a)))
		q.Costs = append(q.Costs, byte(rng.IntN(256)/(1+rng.IntN(40))))
	}
	q.Widen()
	return q
}

// TestScan: the vector kernels give the bytes of the definition, and write
// nothing beside them.
func TestScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, k := range kernels() {
		for range 300 {
			m := 1 + rng.IntN(32)
			lags, a := rng.IntN(m+1), 1+rng.IntN(256)
			n := Block * rng.IntN(4)
			text := make([]byte, n+m-1)
			for i := range text {
				text[i] = byte(rng.IntN(a))
			}
			q, limit := randomQuery(rng, lags, a), byte(rng.IntN(256))
			cost, near := bytes.Repeat([]byte{7}, n+64), make([]uint64, n/64+1)
			near[n/64] = 7
			use(k, func() { Scan(near[:n/64], cost[:n], text, m, q, limit) })
			wantCost, wantNear := make([]byte, n), make([]uint64, n/64)
			scanGo(wantNear, wantCost, text, m, q, limit)
			if !slices.Equal(cost[:n], wantCost) || !slices.Equal(near[:n/64], wantNear) {
				t.Fatalf("kernel %d, m = %d, %d lags, %d contexts, sticky %v: not as defined", k, m, lags, n, q.Sticky)
			}
			if near[n/64] != 7 || !bytes.Equal(cost[n:], bytes.Repeat([]byte{7}, 64)) {
				t.Fatalf("kernel %d wrote past its end", k)
			}
		}
	}
}

// TestDefinition: the costs of a text short enough to work out by eye.
func TestDefinition(t *testing.T) {
	text := append([]byte("abcabd"), make([]byte, Block)...)
	text = text[:Block+2]
	q := &Query{Symbols: []byte("cba"), Costs: []byte{100, 10, 1}}
	q.Widen()
	cost, near := make([]byte, Block), make([]uint64, Block/64)
	Scan(near, cost, text, 3, q, 100)
	if got := cost[:4]; !bytes.Equal(got, []byte{0, 111, 111, 100}) || near[0]&15 != 0b1001 {
		t.Errorf("costs of abc, bca, cab, abd = %v, near %04b", got, near[0]&15)
	}
	q.Sticky = true
	Scan(near, cost, text, 3, q, 100)
	if got := cost[:4]; !bytes.Equal(got, []byte{0, 111, 111, 111}) {
		t.Errorf("sticky: %v", got)
	}
}

// BenchmarkScan reports contexts and compares a second; the processor starts
// one compare of 64 contexts at a lag in a cycle.
func BenchmarkScan(b *testing.B) {
	rng := rand.New(rand.NewPCG(2, 1))
	for _, k := range kernels() {
		for _, m := range []int{8, 16} {
			for _, n := range []int{1e5, 1e6, 1e7} {
				b.Run(fmt.Sprintf("kernel%d/lags%d/%.0e", k, m, float64(n)), func(b *testing.B) {
					n := n / Block * Block
					text := make([]byte, n+m-1)
					for i := range text {
						text[i] = byte(rng.IntN(65))
					}
					q, cost, near := randomQuery(rng, m, 65), make([]byte, 1<<14), make([]uint64, 1<<8)
					q.Sticky = false
					use(k, func() {
						for b.Loop() {
							for lo := 0; lo < n; lo += len(cost) {
								hi := min(n, lo+len(cost))
								Scan(near[:(hi-lo)/64], cost[:hi-lo], text[lo:hi+m-1], m, q, 100)
							}
						}
					})
					b.SetBytes(int64(n))
					b.ReportMetric(float64(n)*float64(m)*float64(b.N)/64/b.Elapsed().Seconds()/1e9, "Gcompares/s")
				})
			}
		}
	}
}
