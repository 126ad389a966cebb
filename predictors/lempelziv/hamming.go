package lempelziv

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/bits"

	"horizon/predictors"
)

// Longest match within a Hamming fraction, in the spirit of the lossy
// Lempel-Ziv codes of Luczak & Szpankowski 1997. For a position i of the text
// that is remembered, let ℓ(i) be the largest ℓ ≤ limit such that the last ℓ
// symbols and the ℓ symbols before i differ in at most δℓ places. With L =
// max ℓ(i) and S the positions where it is attained,
//
//	p(x) = λ #{i in S: x at i}/|S| + (1 − λ) q(x)
//
// where q is a context model of order m; p = q if L is below the seed's
// length. δ = 0 is the plain longest match. λ depends on L, on |S| and whether
// S is of one mind, and on how many of the latest symbols agree with some i in
// S; it maximises the likelihood of the validation part, up to its first 2¹⁸
// symbols, by Baum-Welch, and is ½ where there is none.
//
// The search: a position is found when the last h symbols before it and before
// the present are equal (the seed), and is followed from then on for as long as
// ℓ(i) ≥ h, so that what has mismatched since, even in the latest symbols, is
// still there. A position whose seed lies behind more mismatches than δ ever
// allowed is not found, nor is one for which there was no room: "matches"
// bounds how many are followed and, times two, how many a seed looks at, the
// latest first. For δ = 0 and no such bounds the search is exact; how much it
// finds of what is there otherwise is measured in the tests.
//
// Learn and Prob take O(m + h + matches followed), Predict A more.

// A HammingConfig configures the kind "hamming-match".
type HammingConfig struct {
	CopyOptions
	// Delta is δ, 0 to 0.5.
	Delta float64 `toml:"delta"`
	// Limit is the longest match looked for, seed to 64.
	Limit int `toml:"limit"`
	// Matches bounds the positions followed; 0 does not.
	Matches int `toml:"matches"`
}

// DefaultHamming allows one mismatch in five symbols.
func DefaultHamming() predictors.Config {
	return &HammingConfig{CopyOptions: CopyOptions{Order: 6, Seed: 6, Share: 0.9}, Delta: 0.2, Limit: 32, Matches: 128}
}

// TinyHamming is on small numbers.
func TinyHamming() predictors.Config {
	return &HammingConfig{CopyOptions: CopyOptions{Order: 1, Seed: 3, Share: 0.5}, Delta: 0.2, Limit: 16, Matches: 8}
}

// New returns a predictor that remembers nothing.
func (c *HammingConfig) New(env predictors.Env) (predictors.Predictor, error) {
	m, err := c.model("hamming-match", env)
	if err != nil {
		return nil, err
	}
	switch {
	case !(c.Delta >= 0 && c.Delta <= 0.5):
		return nil, fmt.Errorf("hamming-match: delta = %v, want 0 to 0.5", c.Delta)
	case c.Limit < c.Seed || c.Limit > copyLongest:
		return nil, fmt.Errorf("hamming-match: limit = %d, want seed = %d to %d", c.Limit, c.Seed, copyLongest)
	case c.Matches < 0:
		return nil, fmt.Errorf("hamming-match: matches = %d, want ≥ 1, or 0 for no bound", c.Matches)
	}
	p := &hamming{copyWalk: newCopyWalk(m, c.Matches), hammingRules: newHammingRules(c)}
	p.other = 8 * int64(len(p.lambda))
	p.Reset()
	return p, nil
}

// hammingRules are δ, the limit and λ.
type hammingRules struct {
	allowed [copyLongest + 1]int // ⌊δℓ⌋
	seed    int
	limit   int
	lambda  []float64 // by bucket
}

const (
	hammingLengths = 7 // octaves of L
	hammingMinds   = 5
	hammingRecent  = 5
)

func newHammingRules(c *HammingConfig) *hammingRules {
	r := &hammingRules{seed: c.Seed, limit: c.Limit, lambda: make([]float64, hammingLengths*hammingMinds*hammingRecent)}
	for l := range r.allowed {
		r.allowed[l] = int(c.Delta*float64(l) + 1e-9)
	}
	for b := range r.lambda {
		r.lambda[b] = 0.5
	}
	return r
}

// length is ℓ for the mismatches given: just before the (j+1)th of them there
// are j, and no shorter match with as many is longer.
func (r *hammingRules) length(differ uint64) int {
	best := 0
	for j := 0; ; j++ {
		end := bits.TrailingZeros64(differ) // 64 if there is none
		if end >= r.limit {
			end = r.limit
		}
		if j <= r.allowed[end] {
			best = end
		}
		if end == r.limit || j >= r.allowed[r.limit] {
			return best
		}
		differ &= differ - 1
	}
}

type hamming struct {
	copyWalk
	*hammingRules
	longest int // L, or 0
	set     int // |S|
	bucket  int
}

// Reset forgets the walk.
func (p *hamming) Reset() {
	p.reset()
	p.measure()
}

// Fork copies the walk.
func (p *hamming) Fork() predictors.Predictor {
	f := *p
	f.copyWalk = p.fork()
	return &f
}

// Observe goes past x.
func (p *hamming) Observe(x predictors.Symbol) {
	p.move(x, false)
	p.measure()
}

// Learn remembers x and counts it in the context model.
func (p *hamming) Learn(x predictors.Symbol) {
	if p.forked {
		panic("hamming-match: a fork does not learn")
	}
	p.move(x, true)
	p.measure()
}

// measure finds L and S, and stops following what no longer matches.
func (p *hamming) measure() {
	kept := p.forward.list[:0]
	p.longest = 0
	for _, v := range p.forward.list {
		l := p.length(v.differ)
		if l < p.seed {
			continue
		}
		v.idle = uint8(l)
		p.longest = max(p.longest, l)
		kept = append(kept, v)
	}
	p.forward.list = kept
	p.classify()
}

// classify finds |S| and the bucket of λ.
func (p *hamming) classify() {
	p.set = 0
	if p.longest == 0 {
		return
	}
	var first predictors.Symbol
	oneMind, recent := true, 0
	for i := range p.forward.list {
		v := &p.forward.list[i]
		if int(v.idle) != p.longest {
			continue
		}
		if x := p.memory.at(v.pos); p.set == 0 {
			first = x
		} else if x != first {
			oneMind = false
		}
		p.set++
		recent = max(recent, bits.TrailingZeros64(v.differ))
	}
	p.bucket = (bits.Len(uint(p.longest))-1)*hammingMinds*hammingRecent + hammingMind(p.set, oneMind)*hammingRecent + hammingAgreed(recent)
}

func hammingMind(set int, one bool) int {
	switch {
	case set == 1:
		return 0
	case one && set <= 3:
		return 1
	case one:
		return 2
	case set <= 3:
		return 3
	}
	return 4
}

func hammingAgreed(recent int) int {
	switch {
	case recent == 0:
		return 0
	case recent <= 2:
		return 1
	case recent <= 5:
		return 2
	case recent <= 11:
		return 3
	}
	return 4
}

// matched is the share of S that x follows.
func (p *hamming) matched(x predictors.Symbol) float64 {
	n := 0
	for i := range p.forward.list {
		if v := &p.forward.list[i]; int(v.idle) == p.longest && p.memory.at(v.pos) == x {
			n++
		}
	}
	return float64(n) / float64(p.set)
}

// Prob is p(x).
func (p *hamming) Prob(x predictors.Symbol) float64 {
	q := p.base.prob(x)
	if p.set == 0 {
		return q
	}
	l := p.lambda[p.bucket]
	return float64(l*p.matched(x)) + float64((1-l)*q)
}

// Predict sets probs[x] = p(x).
func (p *hamming) Predict(probs []float64) {
	p.base.predict(probs)
	if p.set == 0 {
		return
	}
	l := p.lambda[p.bucket]
	for x := range probs {
		probs[x] *= 1 - l
	}
	for i := range p.forward.list {
		if v := &p.forward.list[i]; int(v.idle) == p.longest {
			probs[p.memory.at(v.pos)] += l / float64(p.set)
		}
	}
}

// Fit learns the training part, forgets what does not fit and tunes the
// context model and then λ.
func (p *hamming) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if err := p.train(ctx, d, report); err != nil {
		return fmt.Errorf("hamming-match: %w", err)
	}
	return p.tuneLambda(ctx, d, report)
}

// A hammingTrial is a symbol of the validation part: what S and q gave it.
type hammingTrial struct {
	bucket     int
	matched, q float32
}

func (p *hamming) tuneLambda(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	var trials []hammingTrial
	left := quantHeldOut
	for _, doc := range d.Valid {
		p.Reset()
		for i, x := range doc[:min(len(doc), left)] {
			if p.set > 0 {
				trials = append(trials, hammingTrial{p.bucket, float32(p.matched(x)), float32(p.base.prob(x))})
			}
			p.Observe(x)
			if i%(1<<14) == 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				report(predictors.Progress{Stage: "tune", Done: int64(quantHeldOut - left + i), Total: quantHeldOut})
			}
		}
		left -= min(len(doc), left)
	}
	p.Reset()
	p.ops += 200 * float64(len(trials))
	for range 30 {
		p.lambda = hammingRound(trials, p.lambda)
	}
	return ctx.Err()
}

// hammingRound is a step of Baum-Welch, with two trials of λ = ½ added.
func hammingRound(trials []hammingTrial, lambda []float64) []float64 {
	own, all := make([]float64, len(lambda)), make([]float64, len(lambda))
	for _, t := range trials {
		l := lambda[t.bucket]
		own[t.bucket] += l * float64(t.matched) / (l*float64(t.matched) + (1-l)*float64(t.q))
		all[t.bucket]++
	}
	for b := range own {
		own[b] = (own[b] + 1) / (all[b] + 2)
	}
	return own
}

// Evidence: Match is L, or the context model's; the positions of S count as
// others than the context model's.
func (p *hamming) Evidence() predictors.Evidence {
	e := p.base.evidence()
	if p.set == 0 {
		return e
	}
	l := p.lambda[p.bucket]
	counted := (1 - l) * (1 - e.Fallback)
	squares := l * l / float64(p.set)
	if e.Effective > 0 {
		squares += counted * counted / e.Effective
	}
	return predictors.Evidence{Match: math.Max(e.Match, float64(p.longest)),
		Effective: (l + counted) * (l + counted) / squares, Fallback: 1 - l - counted}
}

// Ops counts the training, and estimates a symbol with twenty matches.
func (p *hamming) Ops() (train, perSymbol float64) {
	return p.ops + p.grams.ops, p.grams.opsPerSymbol() + float64(p.seed+2*20)
}

// Describe counts what is remembered.
func (p *hamming) Describe() map[string]float64 { return p.describe() }

// WriteTo writes counts, memory and λ.
func (p *hamming) WriteTo(w io.Writer) (int64, error) { return predictors.WriteArchive(w, p.fields) }

// ReadFrom replaces them.
func (p *hamming) ReadFrom(r io.Reader) (int64, error) { return predictors.ReadArchive(r, p.fields) }

func (p *hamming) fields(a *predictors.Archive) {
	p.copyModel.fields(a)
	lambda := p.lambda
	predictors.Slice(a, &lambda)
	if a.Err() != nil || !a.Reading() {
		return
	}
	if len(lambda) != len(p.lambda) {
		a.Fail(fmt.Errorf("hamming-match: %d saved weights, want %d", len(lambda), len(p.lambda)))
	}
	for _, l := range lambda {
		if !(l > 0 && l < 1) {
			a.Fail(fmt.Errorf("hamming-match: a saved weight = %v, want above 0 and below 1", l))
		}
	}
	if a.Err() == nil {
		p.lambda = lambda
	}
}
