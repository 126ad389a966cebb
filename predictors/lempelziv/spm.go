package lempelziv

import (
	"context"
	"fmt"
	"io"
	"math"

	"horizon/predictors"
	"horizon/predictors/internal/contexts"
)

// Sampled pattern matching (Jacquet, Szpankowski & Apostol 2002, "A universal
// predictor based on pattern matching"). Of the longest suffix of the past
// that has occurred before, of D symbols, take the last k = ⌈αD⌉, with 0 < α <
// 1, and look at the symbols that followed all earlier occurrences of these k.
// The authors predict the most frequent one, and prove the error to be the
// optimal predictor's but for O(n^−ν) on mixing sources. With N such symbols, n(x)
// of which are x, it is a probability assignment by
//
//	q(x) = (n(x) + γ) / (N + γA)
//
// whose most probable symbol is theirs. A longest match has few occurrences,
// often one; a fraction of it has many, and both grow. α and γ are tuned on the
// validation part.
//
// As for lz77, contexts begin with a document, or where learning goes on after
// Observe; matches are at most M symbols long. Learn is lz77's; Prob and
// Observe take a step for each class of contexts between αD and D; space is
// lz77's with dirichlet.

// An SPMConfig configures the kind "spm".
type SPMConfig struct {
	// Alpha is α, above 0 and below 1; 0 tunes it on the validation part, and
	// is ½ where there is none.
	Alpha float64 `toml:"alpha"`
	// Gamma is γ > 0, the Dirichlet prior's weight of each symbol; 0 tunes it
	// on the validation part, and is 1/A where there is none.
	Gamma float64 `toml:"gamma"`
	// Longest is M, the longest match looked at; 0 is no bound.
	Longest int `toml:"longest"`
}

// DefaultSPM tunes α and γ.
func DefaultSPM() predictors.Config { return &SPMConfig{Longest: 258} }

// TinySPM has short matches.
func TinySPM() predictors.Config { return &SPMConfig{Longest: 32} }

// New returns a predictor that has learned nothing and predicts uniformly.
func (c *SPMConfig) New(env predictors.Env) (predictors.Predictor, error) {
	if err := predictors.CheckAlphabet("spm", env.Alphabet); err != nil {
		return nil, err
	}
	if !(c.Alpha >= 0 && c.Alpha < 1) {
		return nil, fmt.Errorf("spm: alpha = %v, want > 0 and < 1, or 0 to tune it on the validation part", c.Alpha)
	}
	if !(c.Gamma >= 0) || math.IsInf(c.Gamma, 1) {
		return nil, fmt.Errorf("spm: gamma = %v, want > 0, or 0 to tune it on the validation part", c.Gamma)
	}
	if err := checkLongest("spm", c.Longest, false); err != nil {
		return nil, err
	}
	m := &spmModel{matchText: newMatchText("spm", env.Alphabet, c.Longest, 0), alpha: c.Alpha, gamma: c.Gamma,
		tuneAlpha: c.Alpha == 0, tuneGamma: c.Gamma == 0}
	if m.tuneAlpha {
		m.alpha = 0.5
	}
	if m.tuneGamma {
		m.gamma = 1 / float64(env.Alphabet)
	}
	return &spm{spmModel: m, learner: true}, nil
}

// spmModel is the parameters.
type spmModel struct {
	*matchText
	alpha, gamma         float64
	tuneAlpha, tuneGamma bool
}

// spm is a place in it.
type spm struct {
	*spmModel
	matchPlace
	learner bool
}

func (p *spm) Alphabet() int { return p.a }

func (p *spm) Reset() { p.matchPlace = matchPlace{} }

func (p *spm) Fork() predictors.Predictor {
	return &spm{spmModel: p.spmModel, matchPlace: matchPlace{at: p.at}}
}

func (p *spm) Observe(x predictors.Symbol) { p.observe(p.matchText, x) }

// Learn counts x in all contexts.
func (p *spm) Learn(x predictors.Symbol) {
	if !p.learner {
		panic("spm: a fork does not learn")
	}
	p.learn(p.matchText, x)
}

// sampled is the class of the context to predict from, its length and that of
// the longest match.
func (p *spm) sampled() (c uint32, length, match int) {
	v, ok := p.first(p.at, 1)
	if !ok {
		return 0, 0, 0
	}
	s := contexts.Spot{Class: v.c, Length: int(math.Ceil(p.alpha * float64(v.length)))}
	p.Settle(&s)
	return s.Class, s.Length, v.length
}

// Prob is (n(x) + γ)/(N + γA).
func (p *spm) Prob(x predictors.Symbol) float64 {
	c, _, _ := p.sampled()
	n := uint32(0)
	if y := p.Find(c, uint32(x)); y != nil {
		n = y.Count
	}
	return (float64(n) + p.gamma) / p.total(c)
}

func (p *spm) total(c uint32) float64 {
	return float64(p.List[c].Total) + p.gamma*float64(p.a)
}

// Predict is the same for all symbols.
func (p *spm) Predict(probs []float64) {
	c, _, _ := p.sampled()
	total := p.total(c)
	for x := range probs {
		probs[x] = p.gamma / total
	}
	for _, y := range p.Of(c) {
		probs[y.Symbol] = (float64(y.Count) + p.gamma) / total
	}
}

// Evidence is the sampled context's length and positions.
func (p *spm) Evidence() predictors.Evidence {
	c, length, _ := p.sampled()
	if length == 0 {
		return predictors.Evidence{Fallback: 1}
	}
	n := float64(p.List[c].Total)
	return predictors.Evidence{Match: float64(length), Effective: n, Fallback: 1 - n/p.total(c)}
}

// Tune sets α and γ, unless given, to those with the least loss on the first
// validation symbols: α to a multiple of 1/20 and, for each, γ as for lz78.
func (p *spm) Tune(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if !p.tuneAlpha && !p.tuneGamma {
		return nil
	}
	alphas := []float64{p.alpha}
	if p.tuneAlpha {
		alphas = nil
		for i := 1; i < 20; i++ {
			alphas = append(alphas, float64(i)/20)
		}
	}
	best, alpha, gamma := math.Inf(1), p.alpha, p.gamma
	for i, v := range alphas {
		if err := ctx.Err(); err != nil {
			return err
		}
		report(predictors.Progress{Stage: "tune", Done: int64(i), Total: int64(len(alphas))})
		p.alpha = v
		ms := tally(p.met(d.Valid))
		g := p.gamma
		if p.tuneGamma {
			g = bestGamma(ms, p.a)
		}
		if l := loss(ms, g, p.a); l < best {
			best, alpha, gamma = l, v, g
		}
		p.ops += 4 * float64(len(ms))
	}
	p.alpha, p.gamma = alpha, gamma
	return ctx.Err()
}

// met walks the validation part and lists n(x)·2³² + N of its symbols.
func (p *spm) met(docs [][]predictors.Symbol) (met []uint64) {
	f := p.Fork().(*spm)
	for _, doc := range docs {
		f.Reset()
		for _, x := range doc[:min(len(doc), matchTuned-len(met))] {
			c, _, _ := f.sampled()
			n := uint32(0)
			if y := f.Find(c, uint32(x)); y != nil {
				n = y.Count
			}
			met = append(met, uint64(n)<<32|uint64(f.List[c].Total))
			f.Observe(x)
		}
	}
	return met
}

// Describe reports α and γ, tuned or not, and the size of text and automaton.
func (m *spmModel) Describe() map[string]float64 {
	return map[string]float64{"alpha": m.alpha, "gamma": m.gamma, "symbols": float64(len(m.text)), "contexts": float64(len(m.List))}
}

// WriteTo writes the text, α and γ.
func (m *spmModel) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, m.fields) }

// ReadFrom replaces them, and makes the automaton again.
func (m *spmModel) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, m.fields) }

func (m *spmModel) fields(a *predictors.Archive) {
	alpha, gamma := m.alpha, m.gamma
	predictors.Value(a, &alpha)
	predictors.Value(a, &gamma)
	m.save(a)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if !(alpha > 0 && alpha < 1) || !(gamma > 0) || math.IsInf(gamma, 1) {
		a.Fail(fmt.Errorf("spm: the saved alpha = %v and gamma = %v, want > 0 and < 1, and > 0", alpha, gamma))
		return
	}
	m.alpha, m.gamma = alpha, gamma
}
