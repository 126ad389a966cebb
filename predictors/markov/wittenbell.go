package markov

import "horizon/predictors"

// Interpolated Witten-Bell smoothing (Bell, Cleary & Witten 1990 and Witten &
// Bell 1991, method C of PPM without exclusion, interpolated as in Chen &
// Goodman 1999, section 2.5): with T(h) the number of different symbols that
// followed h and h' the context without its oldest symbol,
//
//	p(x; h) = (a(hx) + T(h) p(x; h')) / (a(h·) + T(h))
//	p(x; no symbol at all) = 1/A
//
// that is, ngraminterpolated.go with λ(h) = a(h·)/(a(h·)+T(h)); a context never
// seen gives p(x; h').

// A WittenBellConfig configures the kind "witten-bell".
type WittenBellConfig struct {
	// Order is the length of the longest n-gram, 1 to 64: the context is
	// Order − 1 symbols.
	Order int `toml:"order"`
}

// DefaultWittenBell is of order 5, the best on tinyshakespeare.
func DefaultWittenBell() predictors.Config { return &WittenBellConfig{Order: 5} }

// TinyWittenBell is of order 3.
func TinyWittenBell() predictors.Config { return &WittenBellConfig{Order: 3} }

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *WittenBellConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := checkOrder("witten-bell", c.Order, env.Alphabet); err != nil {
		return nil, err
	}
	m := &ngrams{a: env.Alphabet, n: c.Order, raw: true}
	return &interpolated{newWalk(m), newVariety}, nil
}

// newVariety is λ of method C: a new symbol is as likely as they have been. What
// a budget cut counts as so many different symbols: most were seen once.
func newVariety(_ int, h *fan, lost uint32) float64 {
	return float64(h.total) / float64(h.total+h.kinds()+lost)
}
