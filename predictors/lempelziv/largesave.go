package lempelziv

import (
	"fmt"
	"io"
	"math"

	"horizon/predictors"
)

// WriteTo writes the trees as flat arrays, an overlay merged. So a tree with
// counts of fewer than 32 bits forgets the fractions of what it has learned on.
func (p *blend) WriteTo(w io.Writer) (int64, error) {
	m := *p.blendModel
	last := len(m.trees) - 1
	if t := m.trees[last]; t.over != nil {
		m.trees = append(m.trees[:last:last], &growingTree{trie: p.rest(t.listAll())})
	}
	return predictors.WriteArchive(w, m.fields)
}

// ReadFrom replaces the model.
func (p *blend) ReadFrom(r io.Reader) (int64, error) {
	m := *p.blendModel
	n, err := predictors.ReadArchive(r, m.fields)
	if err == nil {
		err = m.check(true)
	}
	return n, p.adopt(&m, err)
}

// MapFrom takes the trees as they lie in data, without looking at what it does
// not need.
func (p *blend) MapFrom(data []byte) error {
	m := *p.blendModel
	err := predictors.MapArchive(data, m.fields)
	if err == nil {
		err = m.check(false)
	}
	return p.adopt(&m, err)
}

func (p *blend) adopt(m *blendModel, err error) error {
	if err != nil {
		return err
	}
	*p.blendModel = *m
	p.refit = 0
	p.Reset()
	return nil
}

const maxTrees = 256

// fields writes or reads the model.
func (m *blendModel) fields(a *predictors.Archive) {
	n := uint64(len(m.trees))
	predictors.Value(a, &n)
	if a.Err() != nil {
		return
	}
	if n < 1 || n > maxTrees {
		a.Fail(fmt.Errorf("%d trees, want 1 to %d", n, maxTrees))
		return
	}
	if a.Reading() {
		m.hold(make([]*growingTree, n)...)
	}
	predictors.Value(a, &m.ops)
	predictors.Slice(a, &m.mixture)
	for i := range m.trees {
		if a.Reading() {
			m.trees[i] = &growingTree{trie: &trie{counts: countArray{bits: m.c.CountBits}}}
		}
		m.trees[i].fields(a)
		m.blends[i].fields(a)
	}
}

func (b *blending) fields(a *predictors.Archive) {
	flat := make([]float64, 0, 4*len(b.by))
	for _, d := range b.by {
		flat = append(flat, d.d[:]...)
	}
	predictors.Slice(a, &flat)
	odds := b.odds
	predictors.Slice(a, &odds)
	switch {
	case !a.Reading() || a.Err() != nil:
	case len(flat) != 4*len(b.by) || len(odds) != len(b.odds):
		a.Fail(fmt.Errorf("%d discounts and %d biases, want %d and %d", len(flat), len(odds), 4*len(b.by), len(b.odds)))
	default:
		for i, v := range flat {
			b.by[i/4].d[i%4] = v
		}
		b.odds = append(b.odds[:0], odds...) // its own: a mapped file is not written to
	}
}

func (t *trie) fields(a *predictors.Archive) {
	n := uint64(t.n)
	predictors.Value(a, &n)
	t.n = int(n)
	predictors.Slice(a, &t.index)
	predictors.Slice(a, &t.counts.exact)
	predictors.Slice(a, &t.counts.values)
	predictors.Slice(a, &t.counts.codes)
	predictors.Slice(a, &t.syms)
	predictors.Slice(a, &t.high)
	predictors.Slice(a, &t.cut)
	if a.Reading() && len(t.high) == 0 {
		t.high = nil
	}
}

// check finds what would lead a walk astray in a model that was read, or, if
// not whole, what can be seen without reading the trees.
func (m *blendModel) check(whole bool) error {
	sum := 0.0
	for _, w := range m.mixture {
		if !(w >= 0) {
			return fmt.Errorf("a tree's share is %v", w)
		}
		sum += w
	}
	if len(m.mixture) != len(m.trees) || math.Abs(sum-1) > 1e-9 {
		return fmt.Errorf("%d trees have %d shares, which sum to %v", len(m.trees), len(m.mixture), sum)
	}
	for i, t := range m.trees {
		if err := t.counts.check(t.n); err != nil {
			return err
		}
		if err := t.check(m.a, whole); err != nil {
			return err
		}
		if err := m.blends[i].check(); err != nil {
			return err
		}
		t.keepFans()
	}
	return nil
}

func (b *blending) check() error {
	for j := range b.by {
		for k, v := range b.by[j].d {
			if !(v > 0) || k > 0 && v >= float64(k) || math.IsInf(v, 1) {
				return fmt.Errorf("the saved discount %d at depth %d is %v", k, j, v)
			}
		}
	}
	for _, v := range b.odds {
		if !(v > 0) || math.IsInf(v, 1) {
			return fmt.Errorf("a saved factor of odds is %v", v)
		}
	}
	return nil
}
