package transformer

import (
	"fmt"
	"math"

	"horizon/predictors"
)

// A Transformer is a place in a sequence on top of a shared model. Scoring is
// Algorithm 14 (DInference) of Phuong & Hutter 2022 at temperature 1, with keys
// and values kept from position to position.
//
// Position t of a window sees the start symbol and t symbols; it predicts the
// next. The first W symbols after Reset are predicted by positions 0 to W−1 of
// the first window. Then the window is full: its last W−Stride symbols become
// positions 1 to W−Stride of a new one, behind the start symbol, and the next
// Stride symbols are predicted there; and so on. What a position may attend to
// thus depends only on its distance from Reset, and nothing older than W−1
// symbols has any influence.
type Transformer struct {
	*model
	seed   uint64
	fork   bool
	online *online // nil until it learns on
	budget predictors.Budget
	work   float64 // operations of training

	// The state: the inputs of the present window, ids[0] being the start
	// symbol, and the keys and values of the first done of them.
	ids   []int32
	past  int // how many symbols came before those in ids
	done  int
	cache cache

	// The distribution after ids, if fresh.
	probs []float64
	fresh bool
	last  []float32 // [C] what the output head read for it

	acts *activations // scratch, nil until needed
	rows int          // how many it has
}

// headRows is how many rows of logits Score has in memory at once.
const headRows = 32

func newTransformer(m *model, seed uint64) *Transformer {
	p := &Transformer{model: m, seed: seed, ids: make([]int32, 0, m.W), probs: make([]float64, m.A), last: make([]float32, m.C)}
	p.cache = p.cache.resize(m.dims, 0, m.W)
	p.room(m.W - m.cfg.Stride + 1)
	p.Reset()
	return p
}

// Alphabet is the number of symbols.
func (p *Transformer) Alphabet() int { return p.A }

// Reset goes back to the empty context.
func (p *Transformer) Reset() {
	p.ids, p.past = p.ids[:0], 0
	for i := range p.head() {
		p.ids = append(p.ids, int32(p.A+i))
	}
	p.restart()
	if p.online != nil {
		p.online.ended = true
	}
}

// Observe only notes the symbol; its keys and values are computed when the
// next prediction is asked for, together with others that wait.
func (p *Transformer) Observe(x predictors.Symbol) {
	p.fresh = false
	if len(p.ids) < p.W {
		p.push(x)
		return
	}
	if p.recurrence == endless {
		if p.done < len(p.ids) {
			p.run()
		}
		p.ids, p.done = p.ids[:0], 0
		p.push(x)
		return
	}
	head := p.head()
	keep := p.W - p.cfg.Stride - p.prompt
	copy(p.ids[head:], p.ids[p.W-max(keep, 1)+1:])
	p.ids = p.ids[:head+max(keep, 1)-1]
	p.past += p.cfg.Stride
	// The start symbol and the prompt are at the head of every window, so their
	// keys and values stay; something must be left to compute, though.
	p.done = min(p.done, head, head-1+keep)
	if p.recurrence == windowed {
		p.done = 0
		p.cache.forget()
	}
	if keep > 0 {
		p.push(x)
	}
}

func (p *Transformer) push(x predictors.Symbol) {
	if int(x) >= p.A {
		panic(fmt.Sprintf("transformer: symbol = %d, want < %d", x, p.A))
	}
	p.ids = append(p.ids, int32(x))
}

// Predict runs the waiting positions and takes the softmax behind the last.
func (p *Transformer) Predict(dst []float64) {
	p.refresh()
	copy(dst, p.probs)
}

// Prob is Predict for one symbol.
func (p *Transformer) Prob(x predictors.Symbol) float64 {
	p.refresh()
	return p.probs[x]
}

func (p *Transformer) refresh() {
	if p.fresh {
		return
	}
	m := p.run()
	p.unembed(p.acts.logits, p.acts.f[(m-1)*p.C:], p.w, 1)
	if p.oneHot {
		p.mixNext(p.acts.logits[:p.A], p.acts.f[(m-1)*p.C:], p.done-1)
	}
	probabilities(p.probs, p.acts.logits[:p.A])
	copy(p.last, p.acts.f[(m-1)*p.C:m*p.C])
	p.fresh = true
}

// Hidden shows what the output head reads for the present prediction.
func (p *Transformer) Hidden(h []float64) []float64 {
	p.refresh()
	for _, v := range p.last {
		h = append(h, float64(v))
	}
	return h
}

// Score runs all positions that a window has room for in one pass.
func (p *Transformer) Score(bits []float64, top []predictors.Symbol, xs []predictors.Symbol) {
	for i := 0; i < len(xs); {
		n := 1
		if p.fresh {
			p.price(bits, top, xs, i)
		} else {
			n = min(len(xs)-i, p.W-len(p.ids)+1)
			for _, x := range xs[i : i+n-1] {
				p.push(x)
			}
			p.scoreRows(bits, top, xs, i, n)
		}
		i += n
		p.Observe(xs[i-1])
	}
}

// scoreRows prices xs[i:i+n] by the last n positions of the window.
func (p *Transformer) scoreRows(bits []float64, top []predictors.Symbol, xs []predictors.Symbol, i, n int) {
	m := p.run()
	f, logits, step := p.acts.f[(m-n)*p.C:], p.acts.logits, p.logitRows()
	for r := range n {
		if r%step == 0 {
			p.unembed(logits, f[r*p.C:], p.w, min(step, n-r))
		}
		row := logits[r%step*p.A:][:p.A]
		if p.oneHot {
			p.mixNext(row, f[r*p.C:], p.done-n+r)
		}
		probabilities(p.probs, row)
		p.price(bits, top, xs, i+r)
	}
}

// price writes the loss of xs[i] under p.probs.
func (p *Transformer) price(bits []float64, top []predictors.Symbol, xs []predictors.Symbol, i int) {
	bits[i] = -math.Log2(p.probs[xs[i]])
	if top != nil {
		top[i] = predictors.Argmax(p.probs)
	}
}

// run computes the positions from done on, leaving the results of the last
// norm in acts.f, and returns how many there were: at least one.
func (p *Transformer) run() (m int) {
	m = len(p.ids) - p.done
	p.room(m)
	p.cache.grow(p.dims, p.done, len(p.ids))
	x, b := p.acts.x, &p.acts.blocks[0]
	p.embed(x, p.scored, p.ids[p.done:], p.done, p.opening(p.prompt, p.past))
	for l := range p.scored.layers {
		y := &p.scored.layers[l]
		p.project(y, b, x, m)
		p.rotate(b.qkv, p.done, m, false)
		if p.recurrence != parallel {
			p.recur(b.y, p.cache.state(p.dims, l), b.qkv, m)
		} else {
			p.look(y, b, l, m)
		}
		p.join(y, b, p.acts, l, m)
		p.feedForward(y, b, p.acts, l, m)
	}
	p.lastNorm(p.w, p.acts, m)
	if p.oneHot {
		p.mixPut(p.done, m)
	}
	p.done = len(p.ids)
	return m
}

// look lets m rows attend to those in the cache, after joining them.
func (p *Transformer) look(y *layer, b *block, l, m int) {
	k, v := p.cache.layer(p.dims, l)
	p.cache.put(p.dims, k, v, b.qkv, p.done, m)
	for h := range p.H {
		p.attend(lane{
			y: b.y[h*p.D:], p: b.att, q: b.qkv[p.q+h*p.queryStep:], k: k[h*p.keyStep:], v: v[h*p.D:],
			lag: p.lag(y, h), ldq: p.row, ldk: p.keys, ldv: p.C,
		}, p.done, m, p.top)
	}
}

// room makes scratch for m rows.
func (p *Transformer) room(m int) {
	if m > p.rows {
		p.rows = min(p.W, max(m, 2*p.rows))
		p.acts = p.newActivations(p.rows, 0, p.rows*p.W, p.logitRows(), false)
	}
}

func (p *Transformer) logitRows() int { return min(p.rows, headRows) }

// Fork copies the place and shares the model. It first runs the waiting
// positions, lest every fork of many, as rollouts make, run them again.
func (p *Transformer) Fork() predictors.Predictor {
	p.refresh()
	f := p.place()
	f.fresh = true
	f.cache = p.cache.resize(p.dims, p.done, min(p.W, len(p.ids)+ahead))
	f.probs = append(make([]float64, 0, p.A), p.probs...)
	f.last = append(make([]float32, 0, p.C), p.last...)
	return f
}

// place is a fork's place, without what belongs there.
func (p *Transformer) place() *Transformer {
	f := &Transformer{model: p.model, seed: p.seed, fork: true, past: p.past, done: p.done}
	f.ids = append(make([]int32, 0, p.W), p.ids...)
	return f
}

// A cache holds keys and values, in each of L layers [room,keys] and [room,C],
// and behind them the keys of a head with one-hot values, [room,mixK];
// or, of a recurrence, each layer's state, and has no room.
type cache struct {
	kv   []float32
	room int // positions
}

// ahead is how many more positions than it needs a fork makes room for.
const ahead = 16

// grow makes room for n positions, keeping the first used.
func (c *cache) grow(d dims, used, n int) {
	if n > c.room && d.recurrence == parallel {
		*c = c.resize(d, used, min(d.W, max(n, 2*c.room)))
	}
}

// resize copies the first used positions into a cache with room for more.
func (c *cache) resize(d dims, used, room int) cache {
	if d.recurrence != parallel {
		to := cache{kv: make([]float32, d.L*d.stateSize())}
		copy(to.kv, c.kv)
		return to
	}
	to := sized(d, room)
	for l := range d.L {
		k, v := c.layer(d, l)
		newK, newV := to.layer(d, l)
		copy(newK, k[:used*d.keys])
		copy(newV, v[:used*d.C])
	}
	copy(to.mix(d), c.mix(d)[:used*d.mixK])
	return to
}

// sized is an empty cache with so much room.
func sized(d dims, room int) cache {
	return cache{kv: make([]float32, room*(d.L*(d.keys+d.C)+d.mixK)), room: room}
}

// state returns one layer's state.
func (c *cache) state(d dims, l int) []float32 {
	n := d.stateSize()
	return c.kv[l*n : (l+1)*n]
}

// forget empties the state of a recurrence; keys and values are overwritten.
func (c *cache) forget() {
	if c.room == 0 {
		clear(c.kv)
	}
}

// layer returns the keys and values of one layer.
func (c *cache) layer(d dims, l int) (k, v []float32) {
	n := c.room * (d.keys + d.C)
	kv := c.kv[l*n : (l+1)*n]
	return kv[:c.room*d.keys], kv[c.room*d.keys:]
}

// mix returns the keys of the head with one-hot values.
func (c *cache) mix(d dims) []float32 { return c.kv[c.room*d.L*(d.keys+d.C):] }

// put stores the keys and values in qkv [m,row] from position first on.
func (c *cache) put(d dims, k, v, qkv []float32, first, m int) {
	for i := range m {
		row := qkv[i*d.row:][:d.row]
		copy(k[(first+i)*d.keys:][:d.keys], row[d.k:])
		copy(v[(first+i)*d.C:][:d.C], row[d.v:])
	}
}
