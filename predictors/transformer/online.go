package transformer

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"horizon/predictors"
	"horizon/predictors/transformer/blas"
)

// Learning while predicting, as NNCP does (Bellard 2019, Lossless data
// compression with neural networks): symbols are scored first; each time
// OnlineEvery of them have come since, one optimizer step is taken on a batch
// whose first window ends with them and whose others are drawn from all that
// has been learned this way. Nothing is trained on before it has been scored.
//
// AdamW starts anew behind Fit, at a constant rate after the usual warm-up.
// What a step draws depends on the seed and the number of the step alone, so
// that a saved learner goes on as it would have. Of a model with a soft prompt
// that alone learns on. A step costs what one costs in
// Fit, and the window is computed again behind it, since the weights are new.

// An online is what learning symbol by symbol keeps.
type online struct {
	*trainer
	text   []predictors.Symbol // learned, document after document
	starts []int               // where they begin
	fresh  int                 // symbols since the last step
	ended  bool                // a Reset has come: the next symbol begins a document
}

// Learn observes x and, every OnlineEvery symbols, takes an optimizer step on
// what has been learned.
func (p *Transformer) Learn(x predictors.Symbol) {
	if p.fork {
		panic("transformer: a fork does not learn")
	}
	p.Observe(x)
	o := p.learning()
	o.push(x)
	if o.fresh < p.cfg.onlineEvery() {
		return
	}
	o.fill()
	o.take(o.cfg.onlineRule(o.step + 1))
	p.settle()
	o.fresh = 0
	p.restart()
}

// Refits: the weights that did best on the validation part stay as they are.
func (p *Transformer) Refits() bool { return false }

// learning is the state of learning, made at the first symbol.
func (p *Transformer) learning() *online {
	if p.online == nil {
		t := newTrainer(p.model, p.seed, predictors.Data{})
		if p.prompt > 0 {
			t.turnToPrompt(predictors.Data{})
		}
		t.team.close() // nobody would tell it when learning ends
		t.team = nil
		p.online = &online{trainer: t, ended: true}
	}
	return p.online
}

func (o *online) push(x predictors.Symbol) {
	if o.ended {
		o.starts, o.ended, o.fresh = append(o.starts, len(o.text)), false, 0
	}
	o.text = append(o.text, x)
	o.fresh++
}

// fill makes the batch: the newest window, then windows from anywhere.
func (o *online) fill() {
	draw := newSampler(o.documents(), o.cfg.trainWindow()-o.led, rand.NewPCG(o.seed, streamOnline+uint64(o.step)<<8))
	newest := draw.docs[len(draw.docs)-1]
	at := max(0, len(newest)-draw.w)
	o.batch[0] = window{xs: newest[at:], at: at}
	for i := range o.batch[1:] {
		o.batch[1+i] = draw.window()
	}
}

func (o *online) documents() [][]predictors.Symbol {
	docs := make([][]predictors.Symbol, len(o.starts))
	for i, from := range o.starts {
		to := len(o.text)
		if i+1 < len(o.starts) {
			to = o.starts[i+1]
		}
		docs[i] = o.text[from:to]
	}
	return docs
}

// restart has the present window computed again, with the weights as they are.
func (p *Transformer) restart() {
	p.done, p.fresh = 0, false
	p.cache.forget()
}

func (c *Config) onlineEvery() int {
	if c.OnlineEvery == 0 {
		return max(1, c.Window/2)
	}
	return c.OnlineEvery
}

// onlineRule is AdamW at step t = 1, 2, … of learning on.
func (c *Config) onlineRule(t int) blas.AdamW {
	rule := c.rule(t)
	rule.Rate = float32(c.OnlineRate * min(1, float64(t)/float64(max(1, c.Warmup))))
	return rule
}

// bytes is what learning on holds: two moments a parameter, and the text.
func (o *online) bytes() int64 {
	if o == nil {
		return 0
	}
	return int64(4*(cap(o.adam.m)+cap(o.adam.v)) + 2*cap(o.text) + 8*cap(o.starts))
}

// fields writes or reads what learning on needs to go on.
func (o *online) fields(a *predictors.Archive) {
	step, fresh := int64(o.step), int64(o.fresh)
	starts := make([]int64, len(o.starts))
	for i, at := range o.starts {
		starts[i] = int64(at)
	}
	predictors.Value(a, &step)
	predictors.Value(a, &fresh)
	predictors.Slice(a, &o.text)
	predictors.Slice(a, &starts)
	for _, moment := range []*[]float32{&o.adam.m, &o.adam.v} {
		n := len(*moment)
		if predictors.Slice(a, moment); a.Err() == nil && len(*moment) != n {
			a.Fail(fmt.Errorf("transformer: saved moments = %d, want %d", len(*moment), n))
		}
	}
	if !a.Reading() || a.Err() != nil {
		return
	}
	o.step, o.fresh, o.ended, o.starts = int(step), int(fresh), true, nil
	for _, at := range starts {
		if at < 0 || int(at) >= len(o.text) || len(o.starts) > 0 && int(at) <= o.starts[len(o.starts)-1] {
			a.Fail(fmt.Errorf("transformer: saved document starts at %d of %d symbols, after those before", at, len(o.text)))
			return
		}
		o.starts = append(o.starts, int(at))
	}
	if x := largest([][]predictors.Symbol{o.text}); x >= o.A || step < 0 || fresh < 0 {
		a.Fail(fmt.Errorf("transformer: saved symbol, step, fresh = %d, %d, %d, want < %d, ≥ 0, ≥ 0", x, step, fresh, o.A))
	}
}

// atOnce does every shard in a goroutine of its own and waits for all.
func (t *trainer) atOnce(do func(t *trainer, shard int, x float32), x float32) {
	var wait sync.WaitGroup
	for i := range shards {
		wait.Go(func() { do(t, i, x) })
	}
	wait.Wait()
}
