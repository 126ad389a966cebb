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
