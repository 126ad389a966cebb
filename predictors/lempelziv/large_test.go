package lempelziv

import (
	"fmt"
	"maps"
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
			if got, want := counted(back), counted(l); !maps.Equal(got, want) {
				t.Fatalf("A = %d, %d nodes: laid out as %d", a, n, len(got))
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
	before, all := l.ranks(nil), counted(l)
	for _, n := range []int{1, 2, 50, 499, 500} {
		k, _ := l.keep(n, before)
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

// The growers grow the trees that learning grows.
func TestGrowersAgree(t *testing.T) {
	for i, c := range []BlendConfig{
		{Starts: 1, Grow: 1, GrowAt: 1, Counts: "phrases"},
		{Starts: 1, Grow: 2, GrowAt: 1, Counts: "phrases"},
		{Starts: 0, Grow: 1, GrowAt: 1, Counts: "novel"},
		{Starts: 0, Grow: 3, GrowAt: 1, Counts: "novel"},
		{Starts: 0, Grow: 7, GrowAt: 1, Counts: "novel"},
	} {
		for _, a := range []int{1, 3, 300} {
			p := blendWith(t, a, func(d *BlendConfig) {
				d.Depth, d.Starts, d.Grow, d.GrowAt, d.Counts = 7, c.Starts, c.Grow, c.GrowAt, c.Counts
			})
			g, rng := p.newGrower(), rand.New(rand.NewPCG(uint64(i), uint64(a)))
			if _, slow := g.(*walkGrower); slow {
				t.Fatalf("%+v has no grower of its own", c)
			}
			for _, doc := range []symbols{noise(rng, a, 500), noise(rng, a, 3), noise(rng, a, 400)} {
				p.Reset()
				g.reset()
				for _, x := range doc {
					p.Learn(x)
				}
				g.learn(doc[:len(doc)/2])
				g.learn(doc[len(doc)/2:])
			}
			if got, want := counted(g.list()), counted(p.trees[0].listAll()); !maps.Equal(got, want) {
				t.Errorf("%+v, A = %d: %d nodes, want %d, or counted otherwise", c, a, len(got), len(want))
			}
		}
	}
}

// A tree may be trimmed while it grows: it keeps its best nodes, and whatever
// grows on is one tree.
func TestTrim(t *testing.T) {
	for _, c := range []struct {
		starts int
		counts string
	}{{1, "phrases"}, {0, "novel"}, {2, "all"}} {
		p := blendWith(t, 9, func(d *BlendConfig) { d.Starts, d.Counts, d.Grow = c.starts, c.counts, 2 })
		g, rng := p.newGrower(), rand.New(rand.NewPCG(7, 7))
		g.reset()
		for range 40 {
			g.learn(noise(rng, 9, 50))
			if g.size() > 200 {
				before := counted(g.list())
				g.trim(100)
				if g.size() > 100 {
					t.Fatalf("%+v: %d nodes after trimming", c, g.size())
				}
				for z, n := range counted(g.list()) {
					if before[z] != n {
						t.Fatalf("%+v: trimming turns %d of %s into %d", c, before[z], z, n)
					}
				}
			}
		}
		if err := g.list().layOut(9, 32).check(9, true); err != nil {
			t.Error(err)
		}
		s, ok := g.(*suffixGrower)
		if !ok {
			continue
		}
		names := stringsOf(s.listing)
		for i := 1; i < len(names); i++ {
			if want := names[i][1:]; fmt.Sprint(names[s.suffix[i]]) != fmt.Sprint(want) {
				t.Fatalf("the suffix of %v is %v", names[i], names[s.suffix[i]])
			}
		}
	}
}
