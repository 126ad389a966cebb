// Package corpora holds what is predicted: sequences of symbols over a finite
// alphabet, cut into a training, a validation and a test part. A corpus is
// read from a text or drawn from a known process; either way its bytes and
// the digests of its parts are recorded, because a result is only as good as
// the knowledge of what it was measured on.
package corpora

import "math/rand/v2"

// A Symbol is an index into an alphabet, 0 ≤ x < A ≤ 65,536.
type Symbol = uint16

// MaxAlphabet is the largest alphabet size a Symbol can index.
const MaxAlphabet = 1 << 16

// An Alphabet gives symbols their text. Its size never changes.
type Alphabet struct {
	Unit    string   // "byte", "rune", "word" or "symbol" (of a process)
	Tokens  []string // Tokens[x] is the text symbol x stands for
	Unknown int      // the symbol of tokens outside the vocabulary, or -1
}

// Size is A, the number of symbols.
func (a *Alphabet) Size() int { return len(a.Tokens) }

// A Part is one of the three pieces of a corpus. Its documents are slices of
// the corpus's symbols; a predictor's context never crosses from one document
// into the next.
type Part struct {
	Role    string     // "train", "valid" or "test"
	First   int        // index of its first symbol in the whole corpus
	Docs    [][]Symbol // none is empty
	Symbols int        // sum of the documents' lengths
	Bytes   int64      // length of the text it stands for; for a process, of one byte a symbol
	Digest  string     // SHA-256 over alphabet, boundaries and symbols, hex

	// Widths gives the bytes each symbol stands for, aligned with Docs. It is
	// nil when every symbol is one byte.
	Widths [][]uint16
	// SpellBits is the cost of spelling out this part's unknown words, to be
	// added to a predictor's bits before they are divided by Bytes; NaN where
	// there are any and the corpus is configured to refuse bits per byte.
	SpellBits float64
	// Continues says that the part begins in the middle of a document, so
	// that its context may continue from the part before.
	Continues bool

	text []byte
}

// Text is the text of the part's documents, one after another; for a process
// one byte a symbol, its number. It must not be changed.
func (p *Part) Text() []byte { return p.text }

// A Corpus is a text or a draw from a process, ready to be predicted.
type Corpus struct {
	ID       string
	Kind     string // the name of its kind in Kinds
	Source   string // where its bytes come from, in words and with versions, no machine paths
	Licence  string
	SHA256   string // of the text (or of the symbols, for a process), hex
	Bytes    int64  // length of the whole text
	Alphabet *Alphabet
	Train    Part
	Valid    Part
	Test     Part
	Process  Process // nil for texts
}

// Parts lists the three parts in order.
func (c *Corpus) Parts() []*Part { return []*Part{&c.Train, &c.Valid, &c.Test} }

// A Process is a source whose law is known, so that the best possible
// predictor is known too.
type Process interface {
	Alphabet() int
	// Generate draws n symbols of the stationary process.
	Generate(n int, rng *rand.Rand) []Symbol
	// Filter is the Bayes filter before anything has been seen.
	Filter() Filter
	// Entropy is the entropy rate h in bits per symbol; ok is false where it
	// is not known in closed form or by convergent computation.
	Entropy() (h float64, ok bool)
	// OptimalAhead is L_k*, the loss in bits of the best predictor of the
	// symbol k ≥ 1 steps ahead from the infinite past, where known.
	OptimalAhead(k int) (bits float64, ok bool)
}

// A Source draws a process piece by piece, in memory that does not grow with
// what has been drawn (but for the LZ78 source, whose law has a tree in it that
// grows with n/log n). What it draws does not depend on the sizes of the pieces.
type Source interface {
	Draw(xs []Symbol) // fills xs with the next symbols
}

// A Streamer is a Process that can be drawn piece by piece. Its Generate is one
// piece of its Source with the same rng.
type Streamer interface {
	Source(rng *rand.Rand) Source
}

// generate is Generate of a Streamer.
func generate(p Streamer, n int, rng *rand.Rand) []Symbol {
	xs := make([]Symbol, n)
	p.Source(rng).Draw(xs)
	return xs
}

// A Filter is the conditional law of a process given what has been seen: the
// exact predictor. It is the same four verbs as a predictors.Predictor, with
// the exact k-step marginal beside them.
type Filter interface {
	Reset()
	Predict(p []float64)
	Observe(x Symbol)
	Fork() Filter
	// PredictAhead sets p[y] = P(x_{t+k} = y | x_{≤t}), k ≥ 1.
	PredictAhead(p []float64, k int)
}

// A Within is a Filter whose k-step marginals cannot always be followed to the
// end: AheadWithin sets ps[i] to that of horizon ks[i] and returns the
// probability it had to leave out, or false if that is too much to be useful.
type Within interface {
	AheadWithin(ps [][]float64, ks []int) (dropped float64, ok bool)
}

// An Unforgetting is a Filter of a process whose law is itself uncertain, so
// that all that was ever drawn matters: Reset is before the first symbol of the
// process, and not just the beginning of any stretch of it.
type Unforgetting interface{ Unforgetting() }

// A Believer is a Filter that shows its belief: Belief appends the law of the
// process's states given the symbols observed to b.
type Believer interface{ Belief(b []float64) []float64 }
