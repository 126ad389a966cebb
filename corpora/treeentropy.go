package corpora

import "math"

// The entropy of the leaves of a broadcast tree, by density evolution. Let M_j
// be the belief in the root of a tree of depth j from all its leaves, m = P(0)
// − P(1), and μ_j its law. Two such trees below one root, each an edge away,
// have M, M' with the joint law (1 + θ²mm′) μ(dm) μ(dm′), hence
//
//	I_{j+1} = ∫∫ μ_j(dm) μ_j(dm′) (1 + θ²mm′) log₂(1 + θ²mm′)
//	H_{j+1} = 2H_j − I_{j+1},  H_0 = 1
//
// and M_{j+1} = (θM + θM′)/(1 + θ²MM′). μ is kept on a grid, which brackets:
// moving mass to the two neighbouring points, the mean kept, tells more of the
// root (an upgraded channel), merging what is between two points into its mean
// tells less (a degraded one), and by the data-processing inequality I_{j+1} is
// then too large or too small (Tal & Vardy 2013, lemma 3).
type messages struct {
	at, mass []float64
}

// treeGrid is the number of cells of [−1, 1].
const treeGrid = 400

// bracketEntropy is the two bounds on H/2^depth.
func (t *tree) bracketEntropy() (lo, hi float64) {
	return t.evolve(true), t.evolve(false)
}

func (t *tree) evolve(upgraded bool) float64 {
	mu := messages{[]float64{-1, 1}, []float64{0.5, 0.5}}
	h := 1.0
	for j := 1; j <= t.depth; j++ {
		information := t.between(mu)
		h -= information / math.Exp2(float64(j))
		if information < 1e-15 {
			break
		}
		mu = t.parent(mu, upgraded)
	}
	return h
}

func (t *tree) between(mu messages) (bits float64) {
	for i, m := range mu.at {
		for j, n := range mu.at {
			if w := 1 + t.theta*t.theta*m*n; w > 0 {
				bits += mu.mass[i] * mu.mass[j] * w * math.Log2(w)
			}
		}
	}
	return max(0, bits)
}

// parent is μ_{j+1} from μ_j.
func (t *tree) parent(mu messages, upgraded bool) messages {
	mass, moment := make([]float64, treeGrid+1), make([]float64, treeGrid+1)
	for i, m := range mu.at {
		for j, n := range mu.at {
			w := mu.mass[i] * mu.mass[j] * (1 + t.theta*t.theta*m*n)
			if w <= 0 {
				continue
			}
			v := combine(t.theta*m, t.theta*n)
			cell := (v + 1) / 2 * treeGrid
			c := min(treeGrid-1, int(cell))
			if up := cell - float64(c); upgraded {
				mass[c] += w * (1 - up)
				mass[c+1] += w * up
			} else {
				mass[c] += w
				moment[c] += w * v
			}
		}
	}
	var next messages
	for c, w := range mass {
		if w > 0 {
			at := 2*float64(c)/treeGrid - 1
			if !upgraded {
				at = moment[c] / w
			}
			next.at, next.mass = append(next.at, at), append(next.mass, w)
		}
	}
	return next
}

// Entropy is that of a tree's leaves, a leaf: the middle of its bracket.
func (t *tree) Entropy() (bits float64, ok bool) {
	lo, hi := t.bracketEntropy()
	return (lo + hi) / 2, hi-lo <= gridGap
}

// OptimalAhead is known for k = 1 alone: at other distances it depends on the
// place in the tree in a way that has no short recursion.
func (t *tree) OptimalAhead(k int) (float64, bool) {
	if k != 1 {
		return 0, false
	}
	return t.Entropy()
}
