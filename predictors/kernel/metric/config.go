package metric

import (
	"fmt"
	"slices"
	"strings"

	"horizon/predictors"
)

// WindowConfig is the parameters of the kind window-nadaraya-watson: kernels
// for unordered categories (Aitchison & Aitken 1976) over the last symbols at
// each position of the present text, with bandwidths learned by gradient on
// the training part.
type WindowConfig struct {
	Lags    int    `toml:"lags"`    // m, symbols of a context, 1 to 64
	Window  int    `toml:"window"`  // W, positions smoothed over, 1 to 65,536
	Weights string `toml:"weights"` // of lags: "flat" (one β), "geometric" (β ρ^{l−1}) or "free"
	Prior   int    `toml:"prior"`   // order of the n-gram that is fallen back on, 0 to 3; its counts are all that is kept of the training text
	Training
}

// DefaultWindow is what the validation part of tinyshakespeare preferred of a
// few lags and windows.
func DefaultWindow() predictors.Config {
	return &WindowConfig{Lags: 8, Window: 1024, Weights: "free", Prior: 2,
		Training: Training{Batch: 128, Steps: 1000, LearningRate: 0.01, BetaRate: 0.1, ValidEvery: 100}}
}

// TinyWindow trains in milliseconds.
func TinyWindow() predictors.Config {
	return &WindowConfig{Lags: 3, Window: 24, Weights: "free", Prior: 1,
		Training: Training{Batch: 64, Steps: 30, LearningRate: 0.02, BetaRate: 0.1, ValidEvery: 15}}
}

// New checks the parameters.
func (c *WindowConfig) New(env predictors.Env) (predictors.Predictor, error) {
	const kind = "window-nadaraya-watson"
	if !slices.Contains([]form{flat, geometric, free}, form(c.Weights)) {
		return nil, fmt.Errorf("%s: weights = %q, want \"flat\", \"geometric\" or \"free\"", kind, c.Weights)
	}
	if err := checkCommon(kind, env, []bounded{{"lags", c.Lags, 1, 64}, {"window", c.Window, 1, 1 << 16}, {"prior", c.Prior, 0, maxPrior}}, &c.Training); err != nil {
		return nil, err
	}
	s := shape{A: env.Alphabet, M: c.Lags, S: env.Alphabet + 1, form: form(c.Weights)}
	return newWindow(kind, s, c.Window, c.Prior, c.Training, env), nil
}

// Config is the parameters of the kind learned-metric.
type Config struct {
	Memory    string `toml:"memory"`    // "corpus": all training contexts; "window": those of the present text
	Form      string `toml:"form"`      // of B: "flat", "geometric", "free", "embedding", "low-rank" or "full"
	Lags      int    `toml:"lags"`      // m, symbols of a context, 1 to 64
	Rank      int    `toml:"rank"`      // r of "low-rank", 1 to 4096
	Symmetric bool   `toml:"symmetric"` // "low-rank", "full": B = Bᵀ
	Kernel    string `toml:"kernel"`    // "dot": exp(q·k/√r); "gaussian" ("low-rank" only): exp(−‖q−k‖²/(2√r))
	Dims      int    `toml:"dims"`      // of "embedding": numbers a vector, 1 to 4096
	Span      int    `toml:"span"`      // of "embedding": neighbours to each side that vectors are made from, 1 to 64
	Prior     int    `toml:"prior"`     // order of the n-gram that is fallen back on, 0 to 3

	Window     int     `toml:"window"`     // of "window": W, positions, 1 to 65,536
	Candidates int     `toml:"candidates"` // of "corpus": as many contexts at least are looked at; 0 for all
	Tolerance  float64 `toml:"tolerance"`  // of "corpus" with candidates = 0: endings of less of the weight are taken as a whole, 0 to 0.1
	Folds      int     `toml:"folds"`      // of "corpus": contiguous blocks, of which a symbol's own is left out in training, 2 to 1000

	Training
}

// Default is what the last tenth of tinyshakespeare's training part preferred.
func Default() predictors.Config {
	return &Config{Memory: "corpus", Form: "full", Lags: 8, Rank: 64, Kernel: "dot", Dims: 32, Span: 1, Prior: 1,
		Window: 512, Candidates: 0, Tolerance: 1e-6, Folds: 8,
		Training: Training{Batch: 512, Steps: 600, LearningRate: 0.01, BetaRate: 0.1, WeightDecay: 1, ValidEvery: 100}}
}

// Tiny trains in milliseconds.
func Tiny() predictors.Config {
	return &Config{Memory: "corpus", Form: "low-rank", Lags: 2, Rank: 8, Kernel: "dot", Dims: 4, Span: 1, Prior: 1,
		Window: 16, Candidates: 32, Folds: 4,
		Training: Training{Batch: 16, Steps: 16, LearningRate: 0.02, BetaRate: 0.1, WeightDecay: 0.01, ValidEvery: 8}}
}

// A bounded parameter.
type bounded struct {
	name         string
	v, low, high int
}

func checkCommon(kind string, env predictors.Env, list []bounded, t *Training) error {
	if err := predictors.CheckAlphabet(kind, env.Alphabet); err != nil {
		return err
	}
	if env.Alphabet > 1<<16-2 {
		return fmt.Errorf("%s: alphabet size = %d, want ≤ %d: one symbol stands for what lies before a document", kind, env.Alphabet, 1<<16-2)
	}
	for _, b := range list {
		if b.v < b.low || b.v > b.high {
			return fmt.Errorf("%s: %s = %d, want %d to %d", kind, b.name, b.v, b.low, b.high)
		}
	}
	return t.check(kind)
}

// maxMatrix bounds the numbers in B: training holds five of each.
const maxMatrix = 1 << 27

// New checks the parameters.
func (c *Config) New(env predictors.Env) (predictors.Predictor, error) {
	const kind = "learned-metric"
	if err := checkCommon(kind, env, []bounded{{"lags", c.Lags, 1, 64}, {"rank", c.Rank, 1, 4096}, {"dims", c.Dims, 1, 4096},
		{"span", c.Span, 1, 64}, {"prior", c.Prior, 0, maxPrior}, {"window", c.Window, 1, 1 << 16},
		{"candidates", c.Candidates, 0, 1 << 30}, {"folds", c.Folds, 2, 1000}}, &c.Training); err != nil {
		return nil, err
	}
	if err := c.check(kind); err != nil {
		return nil, err
	}
	s := shape{A: env.Alphabet, M: c.Lags, S: env.Alphabet + 1, R: c.Rank, form: form(c.Form), symmetric: c.Symmetric,
		gaussian: c.Kernel == "gaussian", E: c.Dims, Span: c.Span}
	if n := s.M * s.S * s.M * s.S; s.form == full && n > maxMatrix {
		return nil, fmt.Errorf("%s: form = %q, want another: numbers in B = (lags·(A+1))² = %d, want ≤ %d", kind, c.Form, n, maxMatrix)
	}
	if c.Memory == "window" {
		return newWindow(kind, s, c.Window, c.Prior, c.Training, env), nil
	}
	return newCorpus(kind, s, c.Candidates, c.Tolerance, c.Folds, c.Prior, c.Training, env), nil
}

func (c *Config) check(kind string) error {
	var names []string
	for _, f := range forms {
		names = append(names, string(f))
	}
	switch {
	case c.Memory != "corpus" && c.Memory != "window":
		return fmt.Errorf("%s: memory = %q, want \"corpus\" or \"window\"", kind, c.Memory)
	case !slices.Contains(names, c.Form):
		return fmt.Errorf("%s: form = %q, want one of %s", kind, c.Form, strings.Join(names, ", "))
	case c.Kernel != "dot" && c.Kernel != "gaussian":
		return fmt.Errorf("%s: kernel = %q, want \"dot\" or \"gaussian\"", kind, c.Kernel)
	case !(c.Tolerance >= 0 && c.Tolerance <= 0.1):
		return fmt.Errorf("%s: tolerance = %v, want 0 to 0.1", kind, c.Tolerance)
	case c.Kernel == "gaussian" && c.Form != string(lowRank):
		return fmt.Errorf("%s: kernel = \"gaussian\", want \"dot\" where form = %q: on vectors of one length they are the same", kind, c.Form)
	case c.Symmetric && c.Form != string(lowRank) && c.Form != string(full):
		return fmt.Errorf("%s: symmetric = true, want false where form = %q, which is anyway", kind, c.Form)
	}
	return nil
}
