package markov

import "horizon/predictors"

// Interpolated absolute discounting (Ney, Essen & Kneser 1994; Chen & Goodman
// 1999, section 2.6): with h' the context without its oldest symbol and T(h)
// the number of different symbols that followed h,
//
//	p(x; h) = (a(hx) − D)/a(h·) [if a(hx) > 0] + D T(h)/a(h·) p(x; h')
//	p(x; no symbol at all) = 1/A
//
// and p(x; h) = p(x; h') for a context never seen. For each length of n-gram,
// D = n₁/(n₁+2n₂) where n_j of them are counted j times (¾ where n₁ = 0).
//
// It is Kneser-Ney (see kneserney.go) with raw counts at every order, and
// costs the same. It has no mark for the beginning of a document.

// An AbsoluteConfig configures the kind "absolute-discounting".
type AbsoluteConfig struct {
	// Order is the length of the longest n-gram, 1 to 64: the context is
	// Order − 1 symbols.
	Order int `toml:"order"`
}

// DefaultAbsolute is of order 5, the best on tinyshakespeare among 4 to 8.
func DefaultAbsolute() predictors.Config { return &AbsoluteConfig{Order: 5} }

// TinyAbsolute is of order 3.
func TinyAbsolute() predictors.Config { return &AbsoluteConfig{Order: 3} }

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *AbsoluteConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := checkOrder("absolute-discounting", c.Order, env.Alphabet); err != nil {
		return nil, err
	}
	return newKneserNey(&ngrams{a: env.Alphabet, n: c.Order, raw: true, rule: singleDiscount}), nil
}
