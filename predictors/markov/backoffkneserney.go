package markov

import "horizon/predictors"

// Kneser-Ney smoothing as its authors had it: back-off instead of
// interpolation (Kneser & Ney 1995; Chen & Goodman 1999, section 2.7, and
// section 4.1.6 for its comparison with the other). Counts a(·) are those of
// kneserney.go, raw at the full length and of different predecessors below,
// and so are the discounts D; how p(x; h) comes of them says backoff.go.
//
// Departures: as in kneserney.go. A discount that would leave nothing of a
// count, D_j ≥ j, is replaced like those that do not exist (¾; or ½, 1, 1½):
// interpolation can give such a symbol a probability, back-off could not.

// A BackoffKneserNeyConfig configures the kind "kneser-ney-backoff".
type BackoffKneserNeyConfig struct {
	// Order is the length of the longest n-gram, 1 to 64: the context is
	// Order − 1 symbols.
	Order int `toml:"order"`
	// Discounts is "modified" for D₁, D₂, D₃₊ of Chen & Goodman, or "single"
	// for Kneser & Ney's one D = n₁/(n₁+2n₂) for every count.
	Discounts string `toml:"discounts"`
}

// DefaultBackoffKneserNey is of order 5 with one discount, the best on
// tinyshakespeare among 4 to 8 and both.
func DefaultBackoffKneserNey() predictors.Config {
	return &BackoffKneserNeyConfig{Order: 5, Discounts: "single"}
}

// TinyBackoffKneserNey is of order 3.
func TinyBackoffKneserNey() predictors.Config {
	return &BackoffKneserNeyConfig{Order: 3, Discounts: "modified"}
}

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *BackoffKneserNeyConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := checkOrder("kneser-ney-backoff", c.Order, env.Alphabet); err != nil {
		return nil, err
	}
	if err := checkDiscounts("kneser-ney-backoff", c.Discounts); err != nil {
		return nil, err
	}
	rule := leaving(modifiedDiscounts)
	if c.Discounts == "single" {
		rule = leaving(singleDiscount)
	}
	return newBackoff(&ngrams{a: env.Alphabet, n: c.Order, rule: rule}), nil
}

// leaving replaces discounts that leave nothing by those of an empty tally.
func leaving(rule func(*tally) discounts) func(*tally) discounts {
	return func(n *tally) discounts {
		d := rule(n)
		if d[1] < 1 && d[2] < 2 && d[3] < 3 {
			return d
		}
		return rule(&tally{})
	}
}
