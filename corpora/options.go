package corpora

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
)

// Options are what every corpus made of text has in common: how its bytes
// become documents, symbols and parts.
type Options struct {
	// Unit of prediction: "byte", "rune", "word" or "bpe". Words are runs of
	// letters, marks and digits with the single space before them, runs of
	// white space, and each other character by itself; runs are cut after 255
	// bytes. Units of "bpe" are bytes and frequent strings of them, learned from
	// the training part (see bpe.go); split and max_symbols then count bytes.
	// One after another, units give back the text.
	Unit string `toml:"unit"`
	// Alphabet is "full": all 256 bytes, or the runes and words of the training
	// part and one symbol <unk> for the others. Or it is "seen": the bytes or
	// runes that occur anywhere in the corpus, as many published comparisons
	// have it, though that peeks at the test part.
	Alphabet string `toml:"alphabet"`
	Split    Split  `toml:"split"`
	// MaxSymbols cuts the corpus after so many symbols; 0 takes all.
	MaxSymbols int `toml:"max_symbols"`
	// Separator ends a document and belongs to it; "" makes one document.
	Separator string `toml:"separator"`
	// Format is "plain"; "fasta": each record's sequence is a document, headers
	// and line ends dropped; or "abc": each tune is a document, from its X: line on.
	Format string `toml:"format"`
	// Vocabulary caps the number of word types, taken from the training part by
	// frequency; 0 takes all of them, up to 65,535. Of "bpe" it is the number of
	// tokens, 257 to 65,535; fewer if no pair occurs twice any more.
	Vocabulary int `toml:"vocabulary"`
	// Unknown says how an <unk> counts in bits per byte: "spell" adds the cost
	// of spelling it (see speller), "refuse" makes the cost of a part with an
	// unknown NaN.
	Unknown string `toml:"unknown"`
}

// defaults are the options of a text that says nothing else.
func defaults() Options {
	return Options{Unit: "byte", Alphabet: "full", Split: Fractions(0.8, 0.1, 0.1),
		Format: "plain", Vocabulary: 10_000, Unknown: "spell"}
}

// Validate checks ranges and combinations.
func (o *Options) Validate() error {
	err := first(
		oneOf("unit", o.Unit, "byte", "rune", "word", "bpe"),
		oneOf("alphabet", o.Alphabet, "full", "seen"),
		o.Split.Validate(),
		atLeast("max_symbols", o.MaxSymbols, 0),
		oneOf("format", o.Format, "plain", "fasta", "abc"),
		between("vocabulary", float64(o.Vocabulary), 0, MaxAlphabet-1),
		oneOf("unknown", o.Unknown, "spell", "refuse"),
	)
	switch {
	case err != nil:
		return err
	case o.Unit == "bpe" && o.Vocabulary <= 256:
		return fmt.Errorf("vocabulary = %d, want 257 to %d where unit = \"bpe\": the bytes are 256", o.Vocabulary, MaxAlphabet-1)
	case (o.Unit == "word" || o.Unit == "bpe") && o.Alphabet == "seen":
		return fmt.Errorf("alphabet = \"seen\", want \"full\" where unit = %q", o.Unit)
	case o.Separator != "" && o.Format != "plain":
		return fmt.Errorf("separator = %q, want none where format = %q", o.Separator, o.Format)
	}
	return nil
}

// A source is a text as it was found, and what is known about it.
type source struct {
	kind    string
	from    string // Corpus.Source
	licence string
	raw     []byte
}

// build turns a text into a corpus: format, tokens, cap, split, alphabet,
// parts, in this order. Time and space are O(length of the text).
func (o *Options) build(ctx context.Context, env Env, s source) (*Corpus, error) {
	c, err := o.corpus(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("corpora.%s: %w", env.Name, err)
	}
	c.ID = env.Name
	return c, nil
}

func (o *Options) corpus(ctx context.Context, s source) (*Corpus, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	text, err := o.documents(s.raw)
	if err != nil {
		return nil, err
	}
	tokens, err := tokenize(text, o.Unit)
	if err != nil {
		return nil, err
	}
	if o.MaxSymbols > 0 {
		tokens.truncate(o.MaxSymbols)
	}
	at, err := o.Split.cut(tokens.n, tokens.ends)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	coded, err := o.encode(tokens, at[:])
	if err != nil {
		return nil, err
	}
	c := &Corpus{Kind: s.kind, Source: s.from, Licence: s.licence, SHA256: digest(s.raw),
		Bytes: int64(len(s.raw)), Alphabet: &coded.alphabet}
	for i, p := range c.Parts() {
		*p = coded.part(roles[i], at[i], at[i+1])
	}
	return c, ctx.Err()
}

var roles = [3]string{"train", "valid", "test"}

// A coded text is its tokens as symbols.
type coded struct {
	*tokens
	alphabet Alphabet
	symbols  []Symbol
	speller  *speller // nil where unknown words are refused or cannot occur
}

// part is the piece from symbol a to symbol b.
func (c *coded) part(role string, a, b int) Part {
	from, to := c.offset(a), c.offset(b)
	p := Part{Role: role, First: a, Symbols: b - a, Bytes: int64(to - from), text: c.text[from:to]}
	p.Continues = a > 0 && a < b && c.docEnd(a-1) != a
	for at, end := a, 0; at < b; at = end {
		end = min(b, c.docEnd(at))
		p.Docs = append(p.Docs, c.symbols[at:end:end])
		if c.widths != nil {
			p.Widths = append(p.Widths, c.widths[at:end:end])
		}
	}
	p.SpellBits = c.spell(a, b, from)
	p.Digest = p.digest(&c.alphabet)
	return p
}

// spell is the cost of the unknown tokens from symbol a, at byte `at`, to b.
func (c *coded) spell(a, b, at int) (bits float64) {
	if c.alphabet.Unknown < 0 {
		return 0
	}
	for i := a; i < b; i++ {
		end := at + int(c.widths[i])
		if int(c.symbols[i]) == c.alphabet.Unknown {
			if c.speller == nil {
				return math.NaN()
			}
			bits += c.speller.bits(c.text[at:end])
		}
		at = end
	}
	return bits
}

// digest is SHA-256 in hex.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
