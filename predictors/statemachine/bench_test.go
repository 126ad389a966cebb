package statemachine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// One iteration of Baum-Welch over 2¹⁸ symbols; bytes are symbols.
func BenchmarkBaumWelch(b *testing.B) {
	for _, c := range []struct{ a, n int }{{2, 2}, {2, 8}, {64, 8}, {64, 32}} {
		b.Run(fmt.Sprintf("A=%d,S=%d", c.a, c.n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			xs := make(symbols, 1<<18)
			for i := range xs {
				xs[i] = uint16(rng.IntN(c.a))
			}
			data := cut([]symbols{xs}, len(xs))
			m := &model{edge: true, law: newLaw(c.a, c.n)}
			l := newClimber(m.random(data, 1), true, data)
			l.equip(wave)
			b.SetBytes(int64(len(xs)))
			for b.Loop() {
				if err := l.iterate(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
