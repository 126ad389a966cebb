package transformer

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"horizon/predictors"
	"horizon/predictors/transformer/blas"
)

// A soft prompt (Lester, Al-Rfou & Constant 2021, section 2): P, a few vectors in
// front of what a frozen model reads, [P; X], found by gradient descent on P
// alone. The model is trained first, on the training part but its last
// prompt_share, P then on that share, which is to be text of the kind the model
// is prompted for; both keep what does best on the validation part. P begins as
// the embeddings of symbols drawn from the text.
//
// We put P behind the start symbol, where the first symbols of a text stand, with
// the positions they would have. So P_i = E[y_i] is the model that has read the
// words y_1 … y_p, and of the rounded prompt, each vector replaced by the nearest
// embedding, one can ask what it is worth, and what the best symbols are that a
// beam search finds (programme E3). Every window begins with
// P and has that many fewer places for symbols. A segment embedding counts P to
// the beginning.
//
// Departures: their prompts are in front of T5, ours of a decoder; no weight of P
// decays, and nothing is dropped. Time and space of a step are those of a step of
// the whole model, whose gradients are computed and not used.

// A lead is what windows begin with and what is marked there.
type lead struct {
	prompt    int // vectors of a soft prompt
	beginning int // symbols of a document marked by a segment embedding (programme E2)
}

// head is how many positions of a window hold no symbol of the text.
func (l lead) head() int { return 1 + l.prompt }

// opening is how many positions of a window are marked as the beginning: the
// start symbol, so many vectors of a prompt, and those symbols that are among the
// first of their document, at of which are before the window.
func (l lead) opening(led, at int) int { return 1 + led + max(0, l.beginning-at) }

// segmentRow is the embedding of the segment of a position.
func (d dims) segmentRow(w *weights, t, opening int) []float32 {
	if t < opening {
		return w.seg[:d.C]
	}
	return w.seg[d.C:]
}

// prompted is what the prompt came to, losses in bits on the validation sample;
// 0 where there was none.
type prompted struct {
	Without float64 // of the frozen model without a prompt
	Rounded float64 // with the symbols nearest to the prompt's vectors
	Best    float64 // with the best symbols that a beam search found
}

// fitPrompted trains the model, then the prompt. A budget is shared out as the
// steps are. Only the first is saved on the way: whoever is interrupted in the
// second trains the prompt again.
func (p *Transformer) fitPrompted(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	start, base, own := time.Now(), d, d
	base.Train, own.Train = divide(d.Train, p.cfg.PromptShare)
	if base.Symbols() == 0 || own.Symbols() == 0 { // too short to divide
		base.Train, own.Train = d.Train, d.Train
	}
	b, share := p.budget, float64(p.cfg.Steps)/float64(p.cfg.Steps+p.cfg.PromptSteps)
	b.TrainSeconds, b.TrainOps = b.TrainSeconds*share, b.TrainOps*share
	if err := p.fit(ctx, newTrainer(p.model, p.seed, base), b, report); err != nil {
		return err
	}
	work, without := p.work, p.chosen.ValidBits
	if b = p.budget; b.TrainSeconds > 0 {
		b.TrainSeconds = math.Max(b.TrainSeconds-time.Since(start).Seconds(), 1e-9)
	}
	if b.TrainOps > 0 {
		b.TrainOps -= work
	}
	whole := p.cfg
	defer func() { p.cfg = whole; p.work += work }()
	p.cfg.Steps, p.cfg.LearningRate = whole.PromptSteps, whole.PromptRate
	p.cfg.Warmup = min(whole.Warmup, whole.PromptSteps/10)
	p.choosePrompt(own.Train)
	t := newTrainer(p.model, p.seed, predictors.Data{})
	t.turnToPrompt(own)
	p.chosen, p.prompted = choice{}, prompted{Without: without}
	if err := p.fit(ctx, t, b, report); err != nil || len(t.valid) == 0 {
		return err
	}
	t.team = nil // it went with the training: see atOnce
	soft := slices.Clone(t.params[t.low:t.high])
	defer copy(t.params[t.low:t.high], soft)
	p.prompted.Rounded = t.bitsAfter(t.nearest())
	return p.search(ctx, t, own.Train, report)
}

// divide cuts the last share of the symbols off the documents.
func divide(docs [][]predictors.Symbol, share float64) (first, last [][]predictors.Symbol) {
	if share == 0 {
		return docs, docs
	}
	left := int((1-share)*float64(predictors.Data{Train: docs}.Symbols()) + 0.5)
	for _, doc := range docs {
		n := min(left, len(doc))
		if left -= n; n > 0 {
			first = append(first, doc[:n])
		}
		if n < len(doc) {
			last = append(last, doc[n:])
		}
	}
	return first, last
}

// choosePrompt begins the prompt with the embeddings of symbols of the text.
func (p *Transformer) choosePrompt(docs [][]predictors.Symbol) {
	draw := newSampler(docs, 1, rand.NewPCG(p.seed, streamPrompt))
	for i := range p.prompt {
		copy(p.vector(i), p.w.tok[int(draw.window().xs[0])*p.C:][:p.C])
	}
}

// vector is the i-th of the prompt.
func (m *model) vector(i int) []float32 { return m.w.tok[(m.A+1+i)*m.C:][:m.C] }

// turnToPrompt has t train the prompt, on other data.
func (t *trainer) turnToPrompt(d predictors.Data) {
	t.prompts, t.led = true, t.prompt
	t.low, t.high = (t.A+1)*t.C, (t.A+1+t.prompt)*t.C
	t.draw = newSampler(d.Train, t.cfg.trainWindow()-t.prompt, rand.NewPCG(t.seed, streamPrompt<<8))
	t.lookAt(t.validWindows(d.Valid, t.prompt))
}

// lookAt has validBits look at other windows.
func (t *trainer) lookAt(windows []window) {
	t.valid, t.losses = windows, make([]float64, len(windows))
}

// curve is the name of a training curve.
func (t *trainer) curve(metric string) string {
	if t.prompts {
		return "prompt_" + metric
	}
	return metric
}

// bitsAfter is the loss of t's validation windows behind symbols in place of the
// prompt, which they overwrite.
func (t *trainer) bitsAfter(symbols []int) float64 {
	for i, y := range symbols {
		copy(t.vector(i), t.w.tok[y*t.C:][:t.C])
	}
	t.led = len(symbols)
	return t.validBits()
}

// search finds the best prompt of symbols by beam search, if it is to: of all
// prefixes one symbol longer than those kept, the prompt_beam best by the loss on
// a sample of the text of the prompt are kept.
func (p *Transformer) search(ctx context.Context, t *trainer, docs [][]predictors.Symbol, report func(predictors.Progress)) error {
	if p.found = nil; p.cfg.PromptBeam == 0 {
		return nil
	}
	validation := t.valid
	t.lookAt(t.validWindows(docs, t.prompt))
	kept, seen := []prefix{{}}, symbolsOf(docs, t.A)
	for range t.prompt {
		var longer []prefix
		for _, k := range kept {
			for _, y := range seen {
				if err := ctx.Err(); err != nil {
					return err
				}
				symbols := append(slices.Clip(k.symbols), y)
				longer = append(longer, prefix{symbols, t.bitsAfter(symbols)})
				t.work += t.lookOps()
				report(t.point("", 0))
			}
		}
		slices.SortStableFunc(longer, func(a, b prefix) int { return cmp.Compare(a.bits, b.bits) })
		kept = longer[:min(p.cfg.PromptBeam, len(longer))]
	}
	p.work = t.work
	t.lookAt(validation)
	p.prompted.Best = t.bitsAfter(kept[0].symbols)
	for _, y := range kept[0].symbols {
		p.found = append(p.found, int32(y))
	}
	return nil
}

// A prefix is a prompt of symbols and the loss behind it.
type prefix struct {
	symbols []int
	bits    float64
}

// symbolsOf are those that occur in docs, in order.
func symbolsOf(docs [][]predictors.Symbol, A int) (seen []int) {
	occurs := make([]bool, A)
	for _, doc := range docs {
		for _, x := range doc {
			occurs[x] = true
		}
	}
	for y, yes := range occurs {
		if yes {
			seen = append(seen, y)
		}
	}
	return seen
}

// nearest is the symbol whose embedding is nearest to each vector of the prompt,
// by Euclid's distance.
func (m *model) nearest() (symbols []int) {
	difference := make([]float32, m.C)
	for i := range m.prompt {
		best, least := 0, float32(math.Inf(1))
		for y := range m.A {
			copy(difference, m.vector(i))
			blas.Axpy(difference, -1, m.w.tok[y*m.C:][:m.C])
			if d := blas.Dot(difference, difference); d < least {
				best, least = y, d
			}
		}
		symbols = append(symbols, best)
	}
	return symbols
}

// describePrompt tells the losses on the validation sample without the prompt
// (unprompted_valid_bits), with the symbols nearest to it (rounded_valid_bits) and
// with those found by search (searched_valid_bits), and which symbols those are
// (prompt_1, …, searched_1, …).
func (p *Transformer) describePrompt(out map[string]float64) {
	if p.prompted.Without > 0 {
		out["unprompted_valid_bits"], out["rounded_valid_bits"] = p.prompted.Without, p.prompted.Rounded
	}
	for i, y := range p.nearest() {
		out[fmt.Sprintf("prompt_%d", i+1)] = float64(y)
	}
	if len(p.found) > 0 {
		out["searched_valid_bits"] = p.prompted.Best
	}
	for i, y := range p.found {
		out[fmt.Sprintf("searched_%d", i+1)] = float64(y)
	}
}
