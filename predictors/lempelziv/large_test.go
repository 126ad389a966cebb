package lempelziv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomListing grows a random tree.
func randomListing(rng *rand.Rand, a, n int) *listing {
	l := newListing(1)
	taken := map[[2]int]bool{}
	for tries := 0; len(l.parent) < n && tries < 20*n; tries++ {
		p, x := rng.IntN(len(l.parent)), rng.IntN(a)
		if rng.IntN(3) == 0 {
			p = 0
		}
		if !taken[[2]int{p, x}] {
			taken[[2]int{p, x}] = true
			l.add(uint32(p), uint16(x), 1+uint32(rng.ExpFloat64()*3))
		}
	}
	return l
}

// What is laid out has the same strings and counts, and finds every child and
// no other.
func TestTrieIsItsListing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, a := range []int{1, 2, 5, 64, 256, 300, 65536} {
		for _, n := range []int{1, 2, 63, 64, 65, 900} {
			l := randomListing(rng, a, n)
			trie := l.layOut(a, 32)
			if err := trie.check(a, true); err != nil {
				t.Fatalf("A = %d, %d nodes: %v", a, n, err)
			}
			back := trie.list()
			if got, want := counted(back), counted(l); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("A = %d, %d nodes: laid out %v, want %v", a, n, got, want)
			}
			for i := range uint32(trie.n) {
				lo, hi := trie.family(i)
				var f fan
				for x := range uint32(min(a, 70)) {
					want := uint32(slices.Index(back.parent[1:], i) + 1)
					for want != 0 && uint32(back.symbol[want]) != x {
						if want++; int(want) == trie.n || back.parent[want] != i {
							want = 0
						}
					}
					if got := trie.search(lo, hi, x); got != want {
						t.Fatalf("A = %d: child of %d by %d is %d, want %d", a, i, x, got, want)
					}
				}
				for c := lo; c < hi; c++ {
					f.add(trie.counts.at(c))
				}
				if got := trie.fan(i, lo, hi); got != f {
					t.Fatalf("the fan of %d is %+v, want %+v", i, got, f)
				}
			}
		}
	}
}

func TestCountsKeepTheirRatio(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct {
		bits  int
		exact uint32  // counts up to here are as they were
		ratio float64 // and others off by this at most, either way
	}{{4, 7, 2.8}, {8, 127, 1.05}, {16, 4095, 1.0003}, {32, math.MaxUint32, 1}} {
		counts := make([]uint32, 6000)
		for i := range counts {
			counts[i] = uint32(math.Exp(rng.Float64() * math.Log(1e7)))
		}
		counts[5999], counts[5998] = 10_000_000, 0
		packed := packCounts(slices.Clone(counts), c.bits)
		stored := make([]uint32, len(counts))
		for i, n := range counts {
			got := packed.at(uint32(i))
			stored[i] = got
			exact := n <= c.exact || i < exactCounts
			if exact && got != n || !exact && (float64(got) > c.ratio*float64(n) || float64(n) > c.ratio*float64(got)) {
				t.Errorf("%d bits: %d is stored as %d", c.bits, n, got)
			}
		}
		again := packCounts(slices.Clone(stored), c.bits)
		for i, n := range stored {
			if got := again.at(uint32(i)); got != n && c.bits != 4 && c.bits != 8 {
				t.Errorf("%d bits: %d is stored as %d the second time", c.bits, n, got)
			}
		}
		if err := packed.check(len(counts)); err != nil {
			t.Error(err)
		}
	}
	if n := wide16(uint32(half16(math.MaxUint32))); n < math.MaxUint32-1<<20 {
		t.Errorf("the largest count is stored as %d", n)
	}
}

// A listing cut back keeps the best, whole strings, and the cut in the sums.
func TestKeep(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	l := randomListing(rng, 6, 500)
	before, all := l.ranks(), counted(l)
	for _, n := range []int{1, 2, 50, 499, 500} {
		k := l.keep(n)
		if len(k.parent) != n {
			t.Fatalf("%d nodes kept, want %d", len(k.parent), n)
		}
		least := uint16(math.MaxUint16)
		kept := counted(k)
		for z, c := range kept {
			if all[z] != c {
				t.Errorf("%s counts %d, want %d", z, c, all[z])
			}
		}
		names := stringsOf(l)
		for i := 1; i < len(names); i++ {
			if _, ok := kept[fmt.Sprint(names[i])]; ok {
				least = min(least, before[i])
			}
		}
		cut := 0
		for i := 1; i < len(names); i++ {
			if _, ok := kept[fmt.Sprint(names[i])]; !ok {
				if before[i] > least {
					t.Errorf("%v of rank %d went, and one of %d was kept", names[i], before[i], least)
				}
				if _, ok := kept[fmt.Sprint(names[l.parent[i]])]; ok || l.parent[i] == 0 {
					cut++
				}
			}
		}
		sum := 0
		for _, c := range k.cut {
			sum += int(c)
		}
		if cut < 255 && sum != cut {
			t.Errorf("%d nodes kept: %d cut children are remembered, want %d", n, sum, cut)
		}
	}
}
