package transformer

import (
	"fmt"

	"horizon/predictors"
)

// Config is the parameters of a transformer.
type Config struct {
	// The model.
	Layers int  `toml:"layers"` // L, blocks of attention and feed-forward, ≥ 1; ≥ 0 with values = "one-hot"
	Heads  int  `toml:"heads"`  // H, a divisor of the width
	Width  int  `toml:"width"`  // C, length of the residual stream
	Window int  `toml:"window"` // W, positions: the start symbol and the W−1 symbols a prediction may depend on
	Tied   bool `toml:"tied"`   // the output head is the embedding, transposed

	// What the parts are; see form.go for the formulas.
	Attention   string  `toml:"attention"`    // "softmax", "symmetric", "gaussian", "bilinear", "linear", "epanechnikov", "uniform", "lag"
	KeyWidth    int     `toml:"key_width"`    // K, width of a head's queries and keys: the rank of their product; 0 is width/heads
	Values      string  `toml:"values"`       // "learned"; "one-hot": a last head averages the next symbols themselves, see onehot.go
	Positions   string  `toml:"positions"`    // "learned", "none", "sinusoidal", "alibi", "rotary", "relative"
	FeedForward float64 `toml:"feed_forward"` // width of the feed-forward part over the model's; 0 leaves it out
	Activation  string  `toml:"activation"`   // "gelu", "relu", "swiglu"
	Norm        string  `toml:"norm"`         // "layer", "rms", "none"
	NormAt      string  `toml:"norm_at"`      // "pre": x + f(norm(x)); "post": norm(x + f(x))
	Biases      bool    `toml:"biases"`       // of matrices and LayerNorm
	Dropout     float64 `toml:"dropout"`      // share of embeddings and of each part's result dropped in training, in 256ths
	Recurrent   string  `toml:"recurrent"`    // of attention = "linear", scored: "none" by keys and values, "window" by constant memory, "endless" without windows
	Top         int     `toml:"top"`          // attention weights kept, the largest, at evaluation; 0 keeps all
	Rank        int     `toml:"rank"`         // rank that each head's product of query and key matrices is cut to at evaluation, see rank.go; 0 leaves it
	Segment     int     `toml:"segment"`      // symbols at the start of a document that an embedding of their own marks, as a prompt is; 0 marks none

	// A soft prompt, trained after the model and in front of it; see prompt.go.
	Prompt      int     `toml:"prompt"`       // vectors between the start symbol and the symbols; 0 for none
	PromptShare float64 `toml:"prompt_share"` // share of the training part, its last, for them and not for the model; 0 gives both all of it
	PromptSteps int     `toml:"prompt_steps"` // optimizer steps
	PromptRate  float64 `toml:"prompt_rate"`  // learning rate at the end of their warm-up
	PromptBeam  int     `toml:"prompt_beam"`  // prefixes kept in a search for the best prompt of symbols, to compare with; 0 for no search

	// Scoring: a full window hands its last Window−Stride symbols, the
	// minimum context, on to the next.
	Stride int `toml:"stride"` // new positions per window, 1 ≤ stride ≤ window

	// Training.
	TrainWindow     int     `toml:"train_window"`      // positions of a training window, up to window, which is what scoring and the validation sample have; 0 is all
	Batch           int     `toml:"batch"`             // windows in memory at once
	Accumulate      int     `toml:"accumulate"`        // batches per step, their gradients added up; 0 is 1
	Steps           int     `toml:"steps"`             // optimizer steps
	LearningRate    float64 `toml:"learning_rate"`     // at the end of the warm-up
	MinLearningRate float64 `toml:"min_learning_rate"` // at the last step, as a share of learning_rate
	Warmup          int     `toml:"warmup"`            // steps of linear rise
	Beta2           float64 `toml:"beta2"`             // decay of AdamW's second moment; the first's is 0.9
	WeightDecay     float64 `toml:"weight_decay"`      // of matrices, decoupled
	Clip            float64 `toml:"clip"`              // largest norm of the gradient
	ValidEvery      int     `toml:"valid_every"`       // steps between looks at the validation sample
	Patience        int     `toml:"patience"`          // looks in a row without a better loss that end training; 0 for no end but steps
	CheckpointEvery int     `toml:"checkpoint_every"`  // steps between saves to go on from after an interruption; 0 for none

	// Learning on while predicting (prequential mode); see online.go.
	OnlineEvery int     `toml:"online_every"` // symbols between two steps, up to window; 0 is half of it
	OnlineRate  float64 `toml:"online_rate"`  // learning rate
}

// Default is a model for texts of half a megabyte or so that trains in about
// half a minute on one core (1.7e12 floating-point operations). Shape and rates
// are the best of some thirty runs by the validation part of Opticks, at this
// cost or a fraction of it. Each was one run of one seed, and two runs that
// differed in little but their draws lay 0.014 bit apart, so nothing closer than
// that was told apart: three layers at about the same cost and a rate of 3e-3,
// 0.02 to 0.03 behind, are not far from it.
func Default() predictors.Config {
	return &Config{
		Layers: 2, Heads: 2, Width: 64, Window: 64, Tied: true, Stride: 32,
		Attention: "softmax", Values: "learned", Positions: "learned", FeedForward: 4, Activation: "gelu", Norm: "layer", NormAt: "pre", Biases: true, Recurrent: "none",
		Batch: 4, Steps: 9000, LearningRate: 4e-3, MinLearningRate: 0.1, Warmup: 100,
		Beta2: 0.99, WeightDecay: 0.1, Clip: 1, ValidEvery: 500, CheckpointEvery: 1000,
		OnlineRate: 1e-3, PromptShare: 0.1, PromptSteps: 1000, PromptRate: 1e-2,
	}
}

// Tiny is a model for the conformance suite: it trains in milliseconds.
func Tiny() predictors.Config {
	return &Config{
		Layers: 1, Heads: 2, Width: 16, Window: 16, Tied: true, Stride: 8,
		Attention: "softmax", Values: "learned", Positions: "learned", FeedForward: 4, Activation: "gelu", Norm: "layer", NormAt: "pre", Biases: true, Recurrent: "none",
		Batch: 8, Steps: 60, LearningRate: 1e-2, MinLearningRate: 0.1, Warmup: 10,
		Beta2: 0.99, WeightDecay: 0.1, Clip: 1, ValidEvery: 20,
		OnlineRate: 1e-3, PromptShare: 0.1, PromptSteps: 20, PromptRate: 1e-2,
	}
}

const (
	maxSize    = 1 << 20 // of any one dimension, so that their products fit an int
	maxNumbers = 1 << 33 // that training may hold at once, 32 GiB of float32
)

// check refuses what is out of range. NaN fails every comparison, so each is
// written to say what is wanted.
func (c *Config) check() error {
	fewest := 1
	if c.Values == "one-hot" {
		fewest = 0
	}
	for _, r := range []struct {
		key       string
		got       int
		low, high int
	}{
		{"layers", c.Layers, fewest, 1024},
		{"width", c.Width, 1, maxSize},
		{"heads", c.Heads, 1, max(c.Width, 1)},
		{"window", c.Window, 1, maxSize},
		{"prompt", c.Prompt, 0, max(c.trainWindow()-1, 0)},
		{"stride", c.Stride, 1, max(c.Window-c.Prompt, 1)},
		{"segment", c.Segment, 0, 1 << 30},
		{"key_width", c.KeyWidth, 0, maxSize},
		{"top", c.Top, 0, maxSize},
		{"rank", c.Rank, 0, max(c.Width, 1)},
		{"batch", c.Batch, 1, maxSize},
		{"steps", c.Steps, 1, 1 << 30},
		{"warmup", c.Warmup, 0, max(c.Steps, 1)},
		{"train_window", c.TrainWindow, 0, max(c.Window, 1)},
		{"accumulate", c.Accumulate, 0, maxSize},
		{"valid_every", c.ValidEvery, 1, 1 << 30},
		{"patience", c.Patience, 0, 1 << 30},
		{"checkpoint_every", c.CheckpointEvery, 0, 1 << 30},
		{"online_every", c.OnlineEvery, 0, max(c.Window, 1)},
	} {
		if r.got < r.low || r.got > r.high {
			return fmt.Errorf("transformer: %s = %d, want %d to %d", r.key, r.got, r.low, r.high)
		}
	}
	if c.Width%c.Heads != 0 {
		return fmt.Errorf("transformer: heads = %d, want a divisor of width = %d", c.Heads, c.Width)
	}
	switch {
	case !(c.FeedForward >= 0 && c.FeedForward <= 64):
		return fmt.Errorf("transformer: feed_forward = %v, want 0 to 64 times the width", c.FeedForward)
	case !(c.Dropout >= 0 && c.Dropout < 0.95):
		return fmt.Errorf("transformer: dropout = %v, want ≥ 0 and < 0.95", c.Dropout)
	case !(c.LearningRate > 0 && c.LearningRate <= 1):
		return fmt.Errorf("transformer: learning_rate = %v, want > 0 and ≤ 1", c.LearningRate)
	case !(c.MinLearningRate >= 0 && c.MinLearningRate <= 1):
		return fmt.Errorf("transformer: min_learning_rate = %v, want a share of learning_rate, 0 to 1", c.MinLearningRate)
	case !(c.Beta2 >= 0 && c.Beta2 < 1):
		return fmt.Errorf("transformer: beta2 = %v, want ≥ 0 and < 1", c.Beta2)
	case !(c.WeightDecay >= 0 && c.WeightDecay*c.LearningRate < 1):
		return fmt.Errorf("transformer: weight_decay = %v, want ≥ 0 and < 1/learning_rate", c.WeightDecay)
	case !(c.OnlineRate > 0 && c.OnlineRate <= 1):
		return fmt.Errorf("transformer: online_rate = %v, want > 0 and ≤ 1", c.OnlineRate)
	case !(c.Clip > 0):
		return fmt.Errorf("transformer: clip = %v, want > 0", c.Clip)
	}
	if err := c.checkPrompt(); err != nil {
		return err
	}
	f, err := c.form()
	if d := c.dims(1, f); err == nil && f.positions == rotaryPositions && d.K%2 == 1 {
		err = fmt.Errorf("transformer: key width = %d, want even: rotary positions turn pairs", d.K)
	}
	if places := f.positions == learnedPositions || f.lags(); err == nil && places && c.trainWindow() < c.Window {
		err = fmt.Errorf("transformer: train_window = %d of window = %d: the learned places or lags beyond it would never be trained (sinusoidal, alibi, rotary and none need no training)", c.TrainWindow, c.Window)
	}
	return err
}

// checkPrompt refuses what is out of range for a soft prompt, if there is one.
func (c *Config) checkPrompt() error {
	switch {
	case c.Prompt == 0:
	case !(c.PromptShare >= 0 && c.PromptShare < 1):
		return fmt.Errorf("transformer: prompt_share = %v, want ≥ 0 and < 1", c.PromptShare)
	case c.PromptSteps < 1 || c.PromptSteps > 1<<30:
		return fmt.Errorf("transformer: prompt_steps = %d, want 1 to %d", c.PromptSteps, 1<<30)
	case c.PromptBeam < 0 || c.PromptBeam > maxSize:
		return fmt.Errorf("transformer: prompt_beam = %d, want 0 to %d", c.PromptBeam, maxSize)
	case !(c.PromptRate > 0 && c.PromptRate <= 1):
		return fmt.Errorf("transformer: prompt_rate = %v, want > 0 and ≤ 1", c.PromptRate)
	case c.Values == "one-hot":
		return fmt.Errorf("transformer: prompt = %d with values = \"one-hot\": its vectors are no symbols that could come next", c.Prompt)
	}
	return nil
}

// trainWindow is how many positions a training window has.
func (c *Config) trainWindow() int {
	if c.TrainWindow == 0 {
		return c.Window
	}
	return c.TrainWindow
}

// batches is how many are differentiated for one step.
func (c *Config) batches() int { return max(1, c.Accumulate) }

// New checks the parameters and returns a transformer with random weights.
func (c *Config) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("transformer", env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if n := c.numbers(env.Alphabet); n > maxNumbers {
		return nil, fmt.Errorf("transformer: numbers to train with = %.3g, want ≤ %.3g: layers, width, window or batch are too large together", n, float64(maxNumbers))
	}
	m := newModel(*c, env.Alphabet)
	m.initialize(env.Seed)
	return newTransformer(m, env.Seed), nil
}

// numbers is about how many float32 training holds: parameters, their best,
// two moments, a gradient for each shard, and activations. It is computed in
// float64, where nothing overflows.
func (c *Config) numbers(A int) float64 {
	W, L, B := float64(c.Window), float64(c.Layers), float64(c.Batch)
	form, _ := c.form()
	d := c.dims(A, form)
	C, F := float64(d.C), c.FeedForward*float64(d.C)
	params := L*C*(float64(d.proj)+C+3*F) + (float64(A)+W)*C
	row := float64(d.row) + 7*C + 4*F + 2*float64(d.H)*W
	head := float64(A)
	if d.oneHot {
		head += 2*float64(A) + W + 4*float64(d.mixK)
	}
	return params*(4+shards) + B*W*(L*row+head)
}
