package corpora

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// ProcessOptions are what every corpus drawn from a process has in common.
type ProcessOptions struct {
	Symbols int   `toml:"symbols"` // how many to draw
	Split   Split `toml:"split"`
}

// draws are the options of a draw that says nothing else.
func draws() ProcessOptions {
	return ProcessOptions{Symbols: 100_000, Split: Fractions(0.8, 0.1, 0.1)}
}

// maxDraw is the longest draw: a billion symbols are 2 GiB.
const maxDraw = 1 << 30

func (o *ProcessOptions) validate() error {
	return first(between("symbols", float64(o.Symbols), 1, maxDraw), o.Split.Validate())
}

// A Law is a config that describes a process.
type Law interface {
	Config
	// Process makes it. Only laws that are themselves random use the seed.
	Process(seed uint64) (Process, error)
}

// The streams of PCG: a seed gives the draw and a random law numbers of their
// own. Their values are arbitrary and never change.
const (
	drawStream = 0x647261772d31 // "draw-1"
	lawStream  = 0x6c61772d31   // "law-1"
)

// load draws the corpus of a law.
func (o *ProcessOptions) load(ctx context.Context, env Env, kind string, law Law) (*Corpus, error) {
	c, err := o.draw(ctx, env.Seed, kind, law)
	if err != nil {
		return nil, fmt.Errorf("corpora.%s: %w", env.Name, err)
	}
	c.ID = env.Name
	return c, nil
}

func (o *ProcessOptions) draw(ctx context.Context, seed uint64, kind string, law Law) (*Corpus, error) {
	if err := law.Validate(); err != nil {
		return nil, err
	}
	p, err := law.Process(seed)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ends := documents(p, o.Symbols)
	at, err := o.Split.cut(o.Symbols, ends)
	if err != nil {
		return nil, err
	}
	xs := p.Generate(o.Symbols, rand.New(rand.NewPCG(seed, drawStream)))
	text := make([]byte, len(xs)) // alphabets of processes have at most 256 symbols
	for i, x := range xs {
		text[i] = byte(x)
	}
	a := numbers(p.Alphabet())
	coded := &coded{tokens: &tokens{text: text, n: len(xs), ends: ends}, alphabet: *a, symbols: xs}
	c := &Corpus{Kind: kind, Source: fmt.Sprintf("%d symbols drawn with seed %d from %s", len(xs), seed, kind),
		Licence: generated, SHA256: digest(text), Bytes: int64(len(text)), Alphabet: a, Process: p}
	for i, p := range c.Parts() {
		*p = coded.part(roles[i], at[i], at[i+1])
	}
	return c, nil
}

// A documented process begins anew every so many symbols, and each such piece
// is a document.
type documented interface{ document() int }

// documents are the ends of the documents of n symbols.
func documents(p Process, n int) (ends []int) {
	if d, ok := p.(documented); ok {
		for end := d.document(); end < n; end += d.document() {
			ends = append(ends, end)
		}
	}
	return append(ends, n)
}

// numbers is the alphabet "0", "1", ….
func numbers(a int) *Alphabet {
	out := &Alphabet{Unit: "symbol", Unknown: -1}
	for x := range a {
		out.Tokens = append(out.Tokens, strconv.Itoa(x))
	}
	return out
}
