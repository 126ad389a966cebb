package mixture

import (
	"context"
	"fmt"
	"math"
	"slices"

	"horizon/predictors"
)

// Buckets. What a part says of its prediction (its largest probability, the
// length of its match, its n_eff) falls into one of L levels, quantiles of the
// validation part; a bucket is a level for each part. A bucket's weights are
// those of expectation maximisation in it, with `shrink` symbols more that had
// the weights of all contexts together.
const shrink = 50

const (
	maxSteps = 200   // of expectation maximisation
	enough   = 1e-10 // bits a symbol gained below which it stops
)

// Fit trains the parts in turn and tunes the weights on the validation part.
func (p *Mixture) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if report == nil {
		report = func(predictors.Progress) {}
	}
	for k, part := range p.parts {
		stage := p.names[k] + " "
		own := func(m predictors.Progress) {
			m.Stage, m.Metric = stage+m.Stage, "" // a part's learning curve is not ours
			report(m)
		}
		if err := predictors.Train(ctx, part, predictors.Data{Train: d.Train, Valid: d.Valid, Budget: p.allot(k)}, own); err != nil {
			return fmt.Errorf("mixture: parts.%s: %w", p.names[k], err)
		}
	}
	p.chosen = chosen{weights: slices.Clone(p.prior)}
	if p.config.Weights == "tuned" || p.config.Weights == "bucketed" {
		if err := p.tune(ctx, d.Valid, report); err != nil {
			return err
		}
	}
	p.Reset()
	return ctx.Err()
}

// allot is part k's share of what the budget has left.
func (p *Mixture) allot(k int) predictors.Budget {
	if p.budget == (predictors.Budget{}) {
		return p.budget
	}
	left := p.budget
	if left.ModelBytes > 0 {
		left.ModelBytes = max(left.ModelBytes-p.ownBytes(), 1)
	}
	share := float64(len(p.parts) - k)
	for _, done := range p.parts[:k] {
		if size, err := predictors.Size(done); err == nil && left.ModelBytes > 0 {
			left.ModelBytes = max(left.ModelBytes-size, 1)
		}
		if c, ok := done.(predictors.OpCounter); ok && left.TrainOps > 0 {
			train, _ := c.Ops()
			left.TrainOps = max(left.TrainOps-train, 1)
		}
	}
	left.ModelBytes = int64(math.Ceil(float64(left.ModelBytes) / share))
	left.TrainOps /= share
	left.TrainSeconds /= float64(len(p.parts)) // what those before used is not known
	return left
}

// A sample is what the parts said of the validation part.
type sample struct {
	n, k    int
	q       []float64 // [n,K], their probabilities of the true symbols
	signals []float64 // [n,K], of "bucketed"
}

// tune chooses the weights. Without a validation part they stay the shares.
func (p *Mixture) tune(ctx context.Context, docs [][]symbol, report func(predictors.Progress)) error {
	s, err := p.listen(ctx, docs, report)
	if err != nil || s.n == 0 {
		return err
	}
	all := slices.Repeat([]int{0}, s.n)
	w := s.maximise(all, 1, nil)
	if p.config.Weights == "bucketed" {
		p.cuts = s.quantiles(p.config.Levels)
		places := make([]int, s.n)
		for t := range places {
			places[t] = p.place(s.signals[t*s.k:][:s.k])
		}
		all, w = places, s.maximise(places, p.buckets(), w)
	}
	p.weights = w
	p.average = make([]float64, s.k)
	for t, at := range all {
		for k := range p.average {
			p.average[k] += w[at*s.k+k] / float64(s.n)
		}
		p.bits -= math.Log2(s.mixed(t, w[at*s.k:][:s.k])) / float64(s.n)
	}
	p.ops += float64(s.n*s.k) * 4 * maxSteps
	return nil
}

// listen has the parts predict the validation part.
func (p *Mixture) listen(ctx context.Context, docs [][]symbol, report func(predictors.Progress)) (*sample, error) {
	f := p.Fork().(*Mixture)
	s := &sample{k: len(p.parts)}
	total := 0
	for _, doc := range docs {
		total += len(doc)
	}
	for _, doc := range docs {
		f.Reset()
		for at := 0; at < len(doc); at += blockSize {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			f.hear(s, doc[at:min(at+blockSize, len(doc))])
			report(predictors.Progress{Stage: "tune", Done: int64(s.n), Total: int64(total)})
		}
	}
	return s, nil
}

// hear appends a block to the sample.
func (p *Mixture) hear(s *sample, xs []symbol) {
	at := len(s.q)
	s.n += len(xs)
	s.q = append(s.q, make([]float64, len(xs)*s.k)...)
	if p.config.Weights != "bucketed" {
		bits := make([]float64, len(xs))
		for k, part := range p.parts {
			predictors.Score(part, bits, nil, xs)
			for t, b := range bits {
				s.q[at+t*s.k+k] = math.Exp2(-b)
			}
		}
		return
	}
	for t, x := range xs {
		for k, part := range p.parts {
			part.Predict(p.own().rows[k])
			s.q[at+t*s.k+k] = p.scratch.rows[k][x]
			s.signals = append(s.signals, p.signal(k))
		}
		p.Observe(x)
	}
}

// signal is what part k says of its prediction, which is in the scratch.
func (p *Mixture) signal(k int) float64 {
	v := 0.0
	switch p.config.Bucket {
	case "confidence":
		return slices.Max(p.scratch.rows[k])
	case "match":
		v = p.evidence(k).Match
	default:
		v = p.evidence(k).Effective
	}
	if math.IsNaN(v) {
		return 0 // it has nothing to say
	}
	return v
}

// bucket is that of the context, the parts' predictions being in the scratch.
func (p *Mixture) bucket() int {
	if len(p.cuts) == 0 {
		return 0 // not tuned
	}
	s := p.scratch
	for k := range p.parts {
		s.w[k] = p.signal(k)
	}
	return p.place(s.w)
}

// place is the bucket of the parts' signals.
func (p *Mixture) place(signals []float64) int {
	n, at := p.config.Levels-1, 0
	for k, v := range signals {
		level := 0
		for _, cut := range p.cuts[k*n:][:n] {
			if v > cut {
				level++
			}
		}
		at = at*p.config.Levels + level
	}
	return at
}

func (p *Mixture) buckets() int {
	return int(math.Pow(float64(p.config.Levels), float64(len(p.parts))) + 0.5)
}

// quantiles are the cuts that leave each level as many symbols, ties apart.
func (s *sample) quantiles(levels int) (cuts []float64) {
	own := make([]float64, s.n)
	for k := range s.k {
		for t := range own {
			own[t] = s.signals[t*s.k+k]
		}
		slices.Sort(own)
		for l := 1; l < levels; l++ {
			cuts = append(cuts, own[(l*s.n-1)/levels])
		}
	}
	return cuts
}

// mixed is the mixture's probability of symbol t.
func (s *sample) mixed(t int, w []float64) float64 {
	sum := 0.0
	for k, q := range s.q[t*s.k:][:s.k] {
		sum += w[k] * q
	}
	return sum
}

// maximise returns weights [buckets,K] of the greatest likelihood where symbol
// t is in bucket place[t]; with a prior [K], `shrink` symbols of it in every
// bucket.
func (s *sample) maximise(place []int, buckets int, prior []float64) []float64 {
	w, sums, counts := make([]float64, buckets*s.k), make([]float64, buckets*s.k), make([]float64, buckets)
	for i := range w {
		w[i] = 1 / float64(s.k)
		if prior != nil {
			w[i] = prior[i%s.k]
		}
	}
	for last, step := math.Inf(1), 0; step < maxSteps; step++ {
		loss := s.expect(place, w, sums, counts)
		for b := range counts {
			for k := range s.k {
				i, more := b*s.k+k, 0.0
				if prior != nil {
					sums[i] += shrink * prior[k]
					more = shrink
				}
				if counts[b]+more > 0 {
					w[i] = sums[i] / (counts[b] + more)
				}
			}
		}
		if last-loss < enough*float64(s.n) {
			break
		}
		last = loss
	}
	return w
}

// expect sets sums to each part's expected number of symbols in each bucket,
// and counts to the symbols there. It returns the loss in bits.
func (s *sample) expect(place []int, w, sums, counts []float64) (bits float64) {
	clear(sums)
	clear(counts)
	for t, b := range place {
		own := w[b*s.k:][:s.k]
		total := s.mixed(t, own)
		if total <= 0 {
			continue // no part thought it possible
		}
		bits -= math.Log2(total)
		counts[b]++
		for k, q := range s.q[t*s.k:][:s.k] {
			sums[b*s.k+k] += own[k] * q / total
		}
	}
	return bits
}
