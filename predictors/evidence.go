package predictors

// Evidence is what the prediction of the next symbol rests on.
//
// Most predictors here are linear smoothers over past positions,
// q(y) = Σ_i w_i 1[x_{i+1} = y] + (1 − Σ_i w_i) q0(y), with weights that the
// present context gives the positions i of the training text or of the text so
// far.
type Evidence struct {
	// Match is the length in symbols of the longest context that was found in
	// what has been learned and had its say.
	Match float64
	// Effective is n_eff = (Σ w_i)² / Σ w_i², the effective number of past
	// positions; 0 if none has weight.
	Effective float64
	// Fallback is 1 − Σ w_i: the share of the prediction that is no position's
	// but of a prior or a law that ignores the context.
	Fallback float64
}

// A Witness can say what its present prediction rests on. A field that has no
// meaning for it is NaN.
type Witness interface{ Evidence() Evidence }

// A Nest adds up evidence from the longest context to the shortest. A context
// that shares out its part of the prediction evenly among the positions where
// it occurs gives a longer one's positions their part too, since it occurs
// there as well: w_i = Σ_k u_k over the contexts k at position i, and with N_k
// positions of context k, s_k = N_k u_k,
//
//	Σ_i w_i² = Σ_k s_k²/N_k + 2 Σ_k (s_k/N_k) Σ_{j longer than k} s_j
type Nest struct{ mass, squares float64 }

// Add adds a context with that share of the prediction, shared out among so
// many positions. The longer contexts' positions are among them.
func (n *Nest) Add(share, positions float64) {
	if share > 0 && positions > 0 {
		n.squares += share / positions * (share + 2*n.mass)
		n.mass += share
	}
}

// AddApart is Add where the longer contexts' positions are not among them, as
// those of symbols that exclusion rules out.
func (n *Nest) AddApart(share, positions float64) {
	if share > 0 && positions > 0 {
		n.squares += share / positions * share
		n.mass += share
	}
}

// Evidence is what was added up, with the length of the longest context.
func (n *Nest) Evidence(match int) Evidence {
	e := Evidence{Match: float64(match), Fallback: min(1, max(0, 1-n.mass))}
	if n.squares > 0 {
		e.Effective = n.mass * n.mass / n.squares
	}
	return e
}
