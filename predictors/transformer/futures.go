package transformer

import (
	"horizon/predictors"
	"horizon/predictors/transformer/blas"
)

// Futures of one place, stepped together: the rows that all of them wait for go
// through each matrix at once, and the keys and values of what they have in
// common are there once. By package blas a row's bits do not depend on the
// others in a product, so each future is what a fork by itself would be, to the
// last bit.

// futureRows is about how many rows go through a layer at once when a new
// window makes every future run many.
const futureRows = 512

// futures stand at the same place of their windows. Positions 0 to base−1 are
// common, and their keys and values those of the parent; the others each future
// has for itself, from number i·room of the cache on.
type futures struct {
	*model
	forks  []*Transformer // each with ids of its own, and no cache
	base   int
	shared cache
	own    cache
	room   int // positions of a future in it

	probs []float64 // [n,A] if fresh
	fresh bool
	last  []float32 // [n,C] what the output head reads

	acts *activations
	rows int // how many it has
}

// Roll implements predictors.BatchRoller. Recurrent scoring and a head with
// one-hot values have states of other kinds, and are left to forks.
func (p *Transformer) Roll(n int) predictors.Futures {
	if p.recurrence != parallel || p.oneHot {
		return nil
	}
	p.refresh()
	f := &futures{
		model: p.model, base: p.done, shared: p.cache.resize(p.dims, p.done, p.done), fresh: true,
		probs: make([]float64, n*p.A), last: make([]float32, n*p.C),
	}
	for i := range n {
		fork := p.place()
		f.forks = append(f.forks, fork)
		copy(f.probs[i*p.A:], p.probs)
	}
	return f
}

// Predict implements predictors.Futures.
func (f *futures) Predict(ps []float64) {
	if !f.fresh {
		f.run()
		f.fresh = true
	}
	copy(ps, f.probs)
}

// Observe implements predictors.Futures.
func (f *futures) Observe(xs []predictors.Symbol) {
	f.fresh = false
	for i, fork := range f.forks {
		fork.Observe(xs[i])
	}
	// A new window has less in common: at most the positions that every window
	// begins with.
	f.base = min(f.base, f.forks[0].done)
}

// run computes the positions that wait and what is predicted behind the last.
func (f *futures) run() {
	first := f.forks[0]
	from, m := first.done, len(first.ids)-first.done
	f.reserve(m, len(first.ids)-f.base)
	for i := 0; i < len(f.forks); {
		n := min(max(1, f.rows/m), len(f.forks)-i)
		f.runSome(i, n, from, m)
		i += n
	}
	step := min(f.rows, headRows)
	for i := 0; i < len(f.forks); i += step {
		n := min(step, len(f.forks)-i)
		f.unembed(f.acts.logits, f.last[i*f.C:], f.scored, n)
		for r := range n {
			probabilities(f.probs[(i+r)*f.A:][:f.A], f.acts.logits[r*f.A:][:f.A])
		}
	}
}

// reserve makes scratch for m rows of some futures at once and room for own
// positions of each.
func (f *futures) reserve(m, own int) {
	if rows := max(m, min(len(f.forks)*m, futureRows)); rows > f.rows {
		f.rows = rows
		f.acts = f.newActivations(rows, 0, rows*f.W, min(rows, headRows), false)
	}
	if own <= f.room {
		return
	}
	n, room := len(f.forks), min(f.W, max(own, 2*f.room, ahead))
	grown := sized(f.dims, n*room)
	for l := range f.L {
		k, v := f.own.layer(f.dims, l)
		newK, newV := grown.layer(f.dims, l)
		for i := range n {
			copy(newK[i*room*f.keys:], k[i*f.room*f.keys:][:f.room*f.keys])
			copy(newV[i*room*f.C:], v[i*f.room*f.C:][:f.room*f.C])
		}
	}
	f.own, f.room = grown, room
}

// runSome computes positions from to from+m−1 of the n futures from number i on.
func (f *futures) runSome(i, n, from, m int) {
	x, b := f.acts.x, &f.acts.blocks[0]
	for j, fork := range f.forks[i : i+n] {
		f.embed(x[j*m*f.C:], f.scored, fork.ids[from:], from, f.opening(f.prompt, fork.past))
		fork.done = len(fork.ids)
	}
	for l := range f.scored.layers {
		y := &f.scored.layers[l]
		f.project(y, b, x, n*m)
		k, v := f.own.layer(f.dims, l)
		for j := range n {
			qkv := b.qkv[j*m*f.row:]
			f.rotate(qkv, from, m, false)
			f.own.put(f.dims, k, v, qkv, (i+j)*f.room+from-f.base, m)
		}
		for h := range f.H {
			f.look(y, b, l, h, i, n, from, m)
		}
		f.join(y, b, f.acts, l, n*m)
		f.feedForward(y, b, f.acts, l, n*m)
	}
	f.lastNorm(f.scored, f.acts, n*m)
	for j := range n {
		copy(f.last[(i+j)*f.C:], f.acts.f[(j*m+m-1)*f.C:][:f.C])
	}
}

// look is attend for head h of m rows each of n futures, from number i on: all
// of them with the common keys at once, and each with its own.
func (f *futures) look(w *layer, b *block, l, h, i, n, from, m int) {
	base, own := f.base, from+m-f.base
	k, v := f.shared.layer(f.dims, l)
	k, v = k[min(h*f.keyStep, len(k)):], v[min(h*f.D, len(v)):]
	ownK, ownV := f.own.layer(f.dims, l)
	ownK, ownV = ownK[i*f.room*f.keys+h*f.keyStep:], ownV[i*f.room*f.C+h*f.D:]
	q, p, y := b.qkv[f.q+h*f.queryStep:], b.att, b.y[h*f.D:]
	if f.kernel.content() {
		blas.NT(n*m, base, f.K, q, f.row, k, f.keys, 0, p, f.W)
		for j := range n {
			blas.NT(m, own, f.K, q[j*m*f.row:], f.row, ownK[j*f.room*f.keys:], f.keys, 0, p[j*m*f.W+base:], f.W)
		}
	}
	lag := f.lag(w, h)
	for r := range n * m {
		row, seen := p[r*f.W:][:base+own], from+r%m+1
		f.weigh(row[:seen], lag)
		if f.top > 0 && f.top < seen {
			truncate(row[:seen], f.top)
		}
		clear(row[seen:])
	}
	blas.NN(n*m, f.D, base, p, f.W, v, f.C, 0, y, f.C)
	for j := range n {
		blas.NN(m, f.D, own, p[j*m*f.W+base:], f.W, ownV[j*f.room*f.C:], f.C, 1, y[j*m*f.C:], f.C)
	}
}
