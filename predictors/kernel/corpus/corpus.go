// Package corpus smooths over the contexts of the training text with any
// kernel of any distance between contexts: the memory is the corpus, where
// attention's is the window.
package corpus

import (
	"fmt"

	"horizon/predictors"
	"horizon/predictors/kernel"
)

// The Nadaraya-Watson estimate over the training contexts c_i of m symbols
// (Nadaraya 1964; Watson 1964),
//
//	q(y; c) = (α q0(y; c) + Σ_i w_i 1[x_{i+k} = y]) / (α + Σ_i w_i),
//	w_i     = K(d(c_i, c)/h) g_i,
//
// with k = 1, or the horizon, if it is among the direct ones.
//
// Distances d (embedding):
//
//	one-hot      d² = Σ_j ρ^{2(j−1)} [lag j differs]
//	ppmi         d² = Σ_j ρ^{2(j−1)} ‖e(x_j) − e(x'_j)‖², with e from the singular
//	             vectors of positive pointwise mutual information between a symbol
//	             and its neighbours (Levy & Goldberg 2014)
//	random       the same with random unit vectors e
//	spectrum     d² = 2 − 2 κ(c, c')/√(κ(c, c) κ(c', c')), κ counting common
//	             k-mers (Leslie, Eskin & Noble 2002)
//	mismatch     the same, κ counting k-mers within e mismatches (Leslie et al. 2004)
//	subsequence  the same, κ counting common subsequences of k symbols, λ to the
//	             length they spread over (Lodhi et al. 2002)
//
// With mixing the vectors of the lags are not set side by side but added, each
// turned by a random orthogonal matrix R_j of its own: φ(c) = Σ_j ρ^{j−1} R_j
// e(x_j), d = ‖φ(c) − φ(c')‖, and dot products are φ(c)·φ(c').
//
// Kernels K(u), with K(0) = 1: gaussian exp(−u²/2), laplace exp(−u), epanechnikov
// (1−u²)+, tricube ((1−u³)+)³, boxcar [u ≤ 1], dot exp(φ·φ'/h² − ‖φ‖²/h²),
// attention's: of vectors of equal length it is the Gaussian. "product" is the
// one of Aitchison and Aitken, exp(−Σ_j β_j [lag j differs])^{1/h²}, with every β_j
// learnt; "suffix" is exp(−(m − common suffix)/h²), whose limit h → 0 is the
// longest match (infini-gram).
//
// Neighbours = n takes only the nearest n (and all as near as the last); with
// adaptive, their distance is h. Recency is g_i = exp(−(age of i)/τ), age in
// contexts remembered since.
//
// q0 is the nadaraya-watson of a few lags with infinitely sharp kernels, which
// is interpolated modified Kneser-Ney (package kernel), never uniform. ρ, h and
// α maximise the likelihood of the validation part, or where there is none that
// of the last tenth of the training part given the rest; see tune.go. Weights
// below e^{−cut} are 0.
//
// Departures: a context that reaches before its document is not remembered,
// and a query that does differs there from all.
//
// Search by brute force is O(n) a prediction: with one-hot distances and up to
// 256 symbols 12 contexts a nanosecond (package agree), with others m or D
// multiplications each. Search by bucket looks only at contexts with the same
// last symbols; what it finds of the weight is recorded as recall.

// Config is the parameters of the kind kernel-smoother.
type Config struct {
	Kernel    string  `toml:"kernel"`
	Embedding string  `toml:"embedding"`
	Lags      int     `toml:"lags"`      // m, 1 to 32
	Dimension int     `toml:"dimension"` // of e, and of φ with mixing, 1 to 1024
	Mixing    bool    `toml:"mixing"`    // add turned vectors in place of setting them side by side
	Window    int     `toml:"window"`    // neighbours on either side that ppmi counts, 1 to 32
	K         int     `toml:"k"`         // symbols of a k-mer or subsequence, 1 to 8
	Errors    int     `toml:"errors"`    // of "mismatch", 0 to k
	Decay     float64 `toml:"decay"`     // λ of "subsequence", in (0, 1]

	Rho        float64 `toml:"rho"`        // weight of a lag over that of the one before, in (0, 1]; 0 chooses
	Bandwidth  float64 `toml:"bandwidth"`  // h, in units of d; 0 chooses
	Alpha      float64 `toml:"alpha"`      // contexts that q0 counts for; 0 chooses
	Neighbours int     `toml:"neighbours"` // 0 takes all
	Adaptive   bool    `toml:"adaptive"`   // h is the distance of the last neighbour
	Tau        float64 `toml:"tau"`        // of recency, in contexts; 0 for none
	Cut        float64 `toml:"cut"`        // in nats, 1 to 30

	Memory int    `toml:"memory"` // contexts remembered, the most recent; 0 for all
	Search string `toml:"search"` // "brute" or "bucket"
	Bucket int    `toml:"bucket"` // last symbols that a bucket shares, 1 to lags

	Backoff int   `toml:"backoff"`    // lags of q0, 1 to 12
	Direct  []int `toml:"direct"`     // horizons ≥ 2 foreseen from targets x_{t+k}
	Queries int   `toml:"cv_queries"` // positions that bandwidths are chosen on
}

// DefaultConfig is for text: the Gaussian kernel over 8 lags, all contexts. The
// product kernel has more to learn than so many queries tell, and on text it is
// no better than its own q0 (experiments/kernels.toml).
func DefaultConfig() predictors.Config {
	return &Config{Kernel: "gaussian", Embedding: "one-hot", Lags: 8, Dimension: 32, Window: 2, K: 3, Errors: 1, Decay: 0.5,
		Cut: 12, Search: "brute", Bucket: 2, Backoff: 5, Queries: 500}
}

// TinyConfig trains in milliseconds.
func TinyConfig() predictors.Config {
	c := DefaultConfig().(*Config)
	c.Lags, c.Backoff, c.Queries, c.Dimension = 3, 1, 60, 4
	return c
}

var (
	kernels    = []string{"product", "suffix", "gaussian", "laplace", "epanechnikov", "tricube", "boxcar", "dot"}
	embeddings = []string{"one-hot", "ppmi", "random", "spectrum", "mismatch", "subsequence"}
	searches   = []string{"brute", "bucket"}
)

// New checks the parameters.
func (c *Config) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("kernel-smoother", env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("kernel-smoother: %w", err)
	}
	lower, err := c.lower().New(env)
	if err != nil {
		return nil, err
	}
	m := &model{c: *c, a: env.Alphabet, seed: env.Seed, lower: lower.(*kernel.NadarayaWatson)}
	m.choice = m.startChoice()
	if err := m.build(); err != nil {
		return nil, err
	}
	return &Smoother{model: m, q0: m.lower}, nil
}

// lower is q0.
func (c *Config) lower() *kernel.NadarayaWatsonConfig {
	l := kernel.DefaultNadarayaWatson().(*kernel.NadarayaWatsonConfig)
	l.Lags, l.Beta, l.Rho, l.Direct, l.Queries = c.Backoff, 1000, 1, c.Direct, c.Queries
	return l
}

func (c *Config) check() error {
	for _, v := range []struct {
		name, got string
		known     []string
	}{{"kernel", c.Kernel, kernels}, {"embedding", c.Embedding, embeddings}, {"search", c.Search, searches}} {
		if err := oneOf(v.name, v.got, v.known); err != nil {
			return err
		}
	}
	for _, v := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"lags", float64(c.Lags), 1, 32},
		{"dimension", float64(c.Dimension), 1, 1024},
		{"window", float64(c.Window), 1, 32},
		{"k", float64(c.K), 1, 8},
		{"errors", float64(c.Errors), 0, float64(c.K)},
		{"decay", c.Decay, 1e-3, 1},
		{"rho", c.Rho, 0, 1},
		{"bandwidth", c.Bandwidth, 0, 1e6},
		{"alpha", c.Alpha, 0, 1e9},
		{"neighbours", float64(c.Neighbours), 0, 1e9},
		{"tau", c.Tau, 0, 1e12},
		{"cut", c.Cut, 1, 30},
		{"memory", float64(c.Memory), 0, 1e9},
		{"bucket", float64(c.Bucket), 1, float64(c.Lags)},
		{"cv_queries", float64(c.Queries), 1, 100_000},
	} {
		if !(v.lo <= v.v && v.v <= v.hi) {
			return fmt.Errorf("%s = %v, want %v to %v", v.name, v.v, v.lo, v.hi)
		}
	}
	switch {
	case (c.Kernel == "product" || c.Kernel == "suffix") && (c.Embedding != "one-hot" || c.Mixing):
		return fmt.Errorf("kernel = %q compares symbols: want embedding = \"one-hot\" without mixing, not %q", c.Kernel, c.Embedding)
	case c.Mixing && c.stringy():
		return fmt.Errorf("mixing = true with embedding = %q, which has no vectors of lags", c.Embedding)
	case c.stringy() && c.Lags < c.K:
		return fmt.Errorf("lags = %d, want at least k = %d", c.Lags, c.K)
	case c.Kernel == "dot" && !c.Mixing && c.Embedding != "one-hot":
		return fmt.Errorf("kernel = \"dot\" with embedding = %q: want mixing = true, or one-hot", c.Embedding)
	case c.Adaptive && c.Neighbours == 0:
		return fmt.Errorf("adaptive = true needs neighbours ≥ 1")
	}
	return nil
}

// stringy says whether the distance is a string kernel's.
func (c *Config) stringy() bool {
	return c.Embedding == "spectrum" || c.Embedding == "mismatch" || c.Embedding == "subsequence"
}

func oneOf(name, got string, known []string) error {
	for _, k := range known {
		if k == got {
			return nil
		}
	}
	return fmt.Errorf("%s = %q, want one of %q", name, got, known)
}
