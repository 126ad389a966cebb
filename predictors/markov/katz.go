package markov

import "horizon/predictors"

// Katz smoothing (Katz 1987; Chen & Goodman 1999, section 2.4): back-off, see
// backoff.go, of raw counts r that keep d_r r, with Good & Turing's discounts
// for r ≤ k = 5 and none above,
//
//	d_r = (r*/r − (k+1)n_{k+1}/n₁) / (1 − (k+1)n_{k+1}/n₁),  r* = (r+1) n_{r+1}/n_r
//
// where n_r n-grams of that length are counted r times: those seen once set
// as much free as Good and Turing estimate for those never seen.
//
// The discounts exist where n₁ … n_{k+1} > 0 and every d_r lies in (0, 1);
// where they do not for k = 5, the largest k is taken for which they do, and
// where there is none nothing is discounted (single symbols of a long text,
// each of them frequent). A context that sets nothing free adds one to its
// denominator. There is no mark for the beginning of a document.

// A KatzConfig configures the kind "katz".
type KatzConfig struct {
	// Order is the length of the longest n-gram, 1 to 64: the context is
	// Order − 1 symbols.
	Order int `toml:"order"`
}

// DefaultKatz is of order 6, the best on tinyshakespeare among 4 to 8.
func DefaultKatz() predictors.Config { return &KatzConfig{Order: 6} }

// TinyKatz is of order 3.
func TinyKatz() predictors.Config { return &KatzConfig{Order: 3} }

// New returns a predictor that has seen nothing and predicts uniformly.
func (c *KatzConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := checkOrder("katz", c.Order, env.Alphabet); err != nil {
		return nil, err
	}
	return newBackoff(&ngrams{a: env.Alphabet, n: c.Order, raw: true, rule: goodTuring}), nil
}

// goodTuring gives what is taken, r − d_r r, for the largest k it can.
func goodTuring(n *tally) discounts {
	for k := 5; k >= 1; k-- {
		if d, ok := katzDiscounts(n, k); ok {
			return d
		}
	}
	return discounts{}
}

func katzDiscounts(n *tally, k int) (out discounts, ok bool) {
	common := float64(k+1) * float64(n[k+1]) / float64(n[1])
	if n[1] == 0 || common >= 1 {
		return out, false
	}
	for r := 1; r <= k; r++ {
		if n[r] == 0 || n[r+1] == 0 {
			return out, false
		}
		adjusted := float64(r+1) * float64(n[r+1]) / float64(n[r]) // r*
		d := (adjusted/float64(r) - common) / (1 - common)
		if !(d > 0 && d < 1) {
			return out, false
		}
		out[r] = float64(r) * (1 - d)
	}
	return out, true
}
