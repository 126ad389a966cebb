package mixture

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"horizon/predictors"
)

// A Kind is what a mixture must know of a kind of predictor to make one.
type Kind struct {
	Name    string
	Version int
	Default func() predictors.Config
}

// Kinds are those that parts may be of. Package catalog sets it, which cannot
// be imported here: it lists mixtures too.
var Kinds []Kind

func find(name string) (Kind, bool) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return Kinds[i], true
}

// A Part is a predictor to be mixed: in TOML a table with a kind and its
// parameters.
type Part struct {
	kind   Kind
	config predictors.Config
}

// NewPart is a part of a kind by its name, with parameters of that kind.
func NewPart(kind string, config predictors.Config) Part {
	k, ok := find(kind)
	if !ok {
		panic(fmt.Sprintf("mixture: kind %q: unknown", kind))
	}
	return Part{k, config}
}

// Kinds are the names of the kinds a part may be of.
func (p *Part) Kinds() []string {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

// Choose makes it a part of that kind, with the defaults.
func (p *Part) Choose(kind string) {
	k, _ := find(kind)
	*p = NewPart(kind, k.Default())
}

// Chosen is the kind, the version of its code and its parameters.
func (p *Part) Chosen() (kind string, version int, config any) {
	if p.config == nil {
		return "", 0, nil
	}
	return p.kind.Name, p.kind.Version, p.config
}

// A savedPart is a part in the header of a saved model.
type savedPart struct {
	Kind    string
	Version int
	Config  json.RawMessage
}

// MarshalJSON writes kind, version and parameters.
func (p Part) MarshalJSON() ([]byte, error) {
	config, err := json.Marshal(p.config)
	if err != nil {
		return nil, err
	}
	return json.Marshal(savedPart{p.kind.Name, p.kind.Version, config})
}

// UnmarshalJSON reads what MarshalJSON wrote and refuses another version.
func (p *Part) UnmarshalJSON(b []byte) error {
	var s savedPart
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	k, ok := find(s.Kind)
	switch {
	case !ok:
		return fmt.Errorf("mixture: kind %q: unknown", s.Kind)
	case k.Version != s.Version:
		return fmt.Errorf("mixture: made by version %d of %s, this is version %d", s.Version, s.Kind, k.Version)
	}
	config := k.Default()
	if err := json.Unmarshal(s.Config, config); err != nil {
		return fmt.Errorf("mixture: config of %s: %w", s.Kind, err)
	}
	*p = Part{k, config}
	return nil
}

// Config is the parameters of a mixture.
type Config struct {
	Parts map[string]Part `toml:"parts"` // [predictors.NAME.parts.PART], each with a kind

	// Weights says what a part's weight depends on: nothing ("fixed": given by
	// shares; "tuned": chosen on the validation part), the context
	// ("bucketed": chosen there for each bucket), or how well it has foretold
	// the sequence so far ("bayes").
	Weights string             `toml:"weights"`
	Shares  map[string]float64 `toml:"shares"` // of "fixed" and, as the prior, of "bayes": relative weights by part; equal if none is given

	Bucket string  `toml:"bucket"` // of "bucketed", each part's: "confidence" (its largest probability), "match" (length of its match) or "effective" (n_eff)
	Levels int     `toml:"levels"` // of "bucketed": quantiles of that, 2 to 64; levels to the power of the parts at most 4096
	Switch float64 `toml:"switch"` // of "bayes": the chance that another part becomes the right one at a symbol, 0 to 1
}

// Default mixes whatever it is told to by weights tuned on the validation
// part.
func Default() predictors.Config {
	return &Config{Weights: "tuned", Bucket: "confidence", Levels: 6, Switch: 1e-3}
}

// Tiny mixes two small kinds.
func Tiny() predictors.Config {
	c := Default().(*Config)
	c.Parts = map[string]Part{"context": {}, "none": {}}
	for name, kind := range map[string]string{"context": "witten-bell", "none": "unigram"} {
		p := c.Parts[name]
		p.Choose(kind)
		c.Parts[name] = p
	}
	return c
}

const maxBuckets = 4096

var partName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

func (c *Config) check() error {
	if len(c.Parts) == 0 {
		return fmt.Errorf("mixture: parts: missing, want at least one table parts.NAME with a kind")
	}
	for name, p := range c.Parts {
		switch {
		case !partName.MatchString(name):
			return fmt.Errorf("mixture: parts.%s: want a name of letters, digits, _ and -", name)
		case p.config == nil:
			return fmt.Errorf("mixture: parts.%s: missing kind", name)
		}
	}
	switch {
	case !slices.Contains([]string{"fixed", "tuned", "bucketed", "bayes"}, c.Weights):
		return fmt.Errorf("mixture: weights = %q, want \"fixed\", \"tuned\", \"bucketed\" or \"bayes\"", c.Weights)
	case !slices.Contains([]string{"confidence", "match", "effective"}, c.Bucket):
		return fmt.Errorf("mixture: bucket = %q, want \"confidence\", \"match\" or \"effective\"", c.Bucket)
	case c.Levels < 2 || c.Levels > 64:
		return fmt.Errorf("mixture: levels = %d, want 2 to 64", c.Levels)
	case c.Weights == "bucketed" && math.Pow(float64(c.Levels), float64(len(c.Parts))) > maxBuckets:
		return fmt.Errorf("mixture: levels = %d, want at most %d buckets, which is levels to the power of %d parts", c.Levels, maxBuckets, len(c.Parts))
	case !(c.Switch >= 0 && c.Switch <= 1):
		return fmt.Errorf("mixture: switch = %v, want 0 to 1", c.Switch)
	}
	_, err := c.shares(c.names())
	return err
}

// names are those of the parts, in order.
func (c *Config) names() []string { return slices.Sorted(maps.Keys(c.Parts)) }

// shares are the relative weights of the parts, scaled to sum to one.
func (c *Config) shares(names []string) ([]float64, error) {
	w, sum := make([]float64, len(names)), 0.0
	for k := range w {
		w[k] = 1
		if len(c.Shares) > 0 {
			w[k] = c.Shares[names[k]]
		}
		if !(w[k] >= 0) || math.IsInf(w[k], 0) {
			return nil, fmt.Errorf("mixture: shares.%s = %v, want ≥ 0", names[k], w[k])
		}
		sum += w[k]
	}
	for name := range c.Shares {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("mixture: shares.%s: there is no such part (parts: %s)", name, strings.Join(names, ", "))
		}
	}
	if sum <= 0 {
		return nil, fmt.Errorf("mixture: shares: all are 0, want one that is not")
	}
	for k := range w {
		w[k] /= sum
	}
	return w, nil
}

// New makes the parts and the mixture of them; it can learn on if they all
// can.
func (c *Config) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("mixture", env.Alphabet); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	p, err := newMixture(c, env)
	if err != nil {
		return nil, err
	}
	for _, part := range p.parts {
		if predictors.CanLearn(part) != nil {
			return p, nil
		}
	}
	return &learner{p}, nil
}

// make makes the parts.
func (c *Config) make(env predictors.Env) ([]predictors.Predictor, error) {
	var parts []predictors.Predictor
	for _, name := range c.names() {
		p, err := c.Parts[name].config.New(env)
		if err != nil {
			return nil, partError(name, err)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

var ownKey = regexp.MustCompile(`^[\w-]+: ([\w.-]+ = )`)

// partError puts the part's name before the key that the error is about:
// "markov: order = 0, want ≥ 1" is of "mixture: parts.kn.order".
func partError(name string, err error) error {
	if at := ownKey.FindStringSubmatchIndex(err.Error()); at != nil {
		return fmt.Errorf("mixture: parts.%s.%s", name, err.Error()[at[2]:])
	}
	return fmt.Errorf("mixture: parts.%s: %w", name, err)
}
