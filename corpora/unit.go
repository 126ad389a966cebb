package corpora

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokens is a text cut into units.
type tokens struct {
	unit   string
	text   []byte
	n      int
	widths []uint16 // bytes of each token; nil if all are one
	ends   []int    // where documents end, in tokens
}

// maxRun is the longest run of letters or of white space that is one token, in
// bytes: a width must fit 16 bits, and no vocabulary has longer words anyway.
const maxRun = 255

// tokenize cuts each document by itself.
func tokenize(t text, unit string) (*tokens, error) {
	out := &tokens{unit: unit, text: t.bytes, n: len(t.bytes), ends: t.ends}
	if unit == "byte" || unit == "bpe" { // encodeBPE joins bytes once it knows the parts
		return out, nil
	}
	next := runeWidth
	if unit == "word" {
		next = wordWidth
	}
	if at := invalid(t.bytes); at >= 0 {
		return nil, fmt.Errorf("byte %#02x at offset %d is not valid UTF-8, want text where unit = %q (or unit = \"byte\")", t.bytes[at], t.origin(at), unit)
	}
	out.widths = make([]uint16, 0, len(t.bytes)/4)
	out.ends = make([]int, len(t.ends))
	at := 0
	for d, end := range t.ends {
		for at < end {
			w := next(t.bytes[at:end])
			out.widths = append(out.widths, uint16(w))
			at += w
		}
		out.ends[d] = len(out.widths)
	}
	out.n = len(out.widths)
	return out, nil
}

// invalid is the offset of the first byte that is not part of valid UTF-8, or -1.
func invalid(b []byte) int {
	for at := 0; at < len(b); {
		r, w := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && w == 1 {
			return at
		}
		at += w
	}
	return -1
}

func runeWidth(b []byte) int {
	_, w := utf8.DecodeRune(b)
	return w
}

// wordWidth is the length of the token b begins with.
func wordWidth(b []byte) int {
	r, w := utf8.DecodeRune(b)
	switch {
	case wordy(r):
		return run(b, 0, wordy)
	case !unicode.IsSpace(r):
		return w
	case r == ' ' && len(b) > 1:
		if after, _ := utf8.DecodeRune(b[1:]); wordy(after) {
			return run(b, 1, wordy)
		}
	}
	w = run(b, 0, unicode.IsSpace)
	// The last space of a run goes with the word behind it.
	if w > 1 && w < len(b) && b[w-1] == ' ' {
		if after, _ := utf8.DecodeRune(b[w:]); wordy(after) {
			w--
		}
	}
	return w
}

// wordy reports whether r is part of a word: combining marks are, so that
// decomposed letters do not fall apart.
func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) }

// run is where the run of such runes that begins at b[at] ends.
func run(b []byte, at int, in func(rune) bool) int {
	for at < len(b) {
		r, w := utf8.DecodeRune(b[at:])
		if !in(r) || at+w > maxRun {
			break
		}
		at += w
	}
	return at
}

// truncate keeps the first n tokens.
func (t *tokens) truncate(n int) {
	if n >= t.n {
		return
	}
	t.text = t.text[:t.offset(n)]
	t.n = n
	if t.widths != nil {
		t.widths = t.widths[:n]
	}
	d := sort.SearchInts(t.ends, n) // the first document that ends at n or later
	t.ends = append(slices.Clone(t.ends[:d]), n)
}

// offset is where token i begins, in bytes.
func (t *tokens) offset(i int) int {
	if t.widths == nil {
		return i
	}
	at := 0
	for _, w := range t.widths[:i] {
		at += int(w)
	}
	return at
}

// docEnd is where the document of token i ends, in tokens.
func (t *tokens) docEnd(i int) int { return t.ends[sort.SearchInts(t.ends, i+1)] }

// encode chooses the alphabet, from the training part [at[0], at[1]) unless it
// is to be what is seen, and gives every token its symbol. If that changes what
// the tokens are, the ends of the parts, at, move with them.
func (o *Options) encode(t *tokens, at []int) (*coded, error) {
	if t.unit == "byte" {
		return encodeBytes(t, o.Alphabet == "seen"), nil
	}
	a, b := at[0], at[1]
	if o.Alphabet == "seen" {
		a, b = 0, t.n
	}
	if a == b {
		return nil, fmt.Errorf("split.train = 0, want a training part where unit = %q: its alphabet comes from there (or alphabet = \"seen\")", t.unit)
	}
	if t.unit == "bpe" {
		return encodeBPE(t, at, o.Vocabulary), nil
	}
	c := &coded{tokens: t, alphabet: Alphabet{Unit: t.unit, Unknown: -1}}
	seen := t.count(a, b)
	if o.Alphabet == "full" {
		c.alphabet.Unknown = 0
		c.alphabet.Tokens = []string{"<unk>"}
		if o.Unknown == "spell" {
			c.speller = newSpeller(seen)
		}
	}
	c.alphabet.Tokens = append(c.alphabet.Tokens, o.vocabulary(seen)...)
	if n := c.alphabet.Size(); n > MaxAlphabet {
		return nil, fmt.Errorf("the alphabet has %d symbols, want at most %d (set vocabulary where unit = \"word\")", n, MaxAlphabet)
	}
	c.assign()
	return c, nil
}

// encodeBytes makes all 256 bytes the alphabet, or those that occur.
func encodeBytes(t *tokens, seen bool) *coded {
	c := &coded{tokens: t, alphabet: Alphabet{Unit: "byte", Unknown: -1}, symbols: make([]Symbol, t.n)}
	var occurs [256]bool
	for _, b := range t.text {
		occurs[b] = true
	}
	var symbol [256]Symbol
	for b := range symbol {
		if !seen || occurs[b] {
			symbol[b] = Symbol(len(c.alphabet.Tokens))
			c.alphabet.Tokens = append(c.alphabet.Tokens, string([]byte{byte(b)}))
		}
	}
	for i, b := range t.text {
		c.symbols[i] = symbol[b]
	}
	return c
}

// A tally is how often each token occurs, in order of first occurrence.
type tally struct {
	index  map[string]int
	tokens []string
	counts []int
}

func (t *tokens) count(a, b int) *tally {
	y := &tally{index: map[string]int{}}
	at := t.offset(a)
	for _, w := range t.widths[a:b] {
		token := t.text[at : at+int(w)]
		at += int(w)
		i, ok := y.index[string(token)]
		if !ok {
			i = len(y.tokens)
			y.index[string(token)] = i
			y.tokens = append(y.tokens, string(token))
			y.counts = append(y.counts, 0)
		}
		y.counts[i]++
	}
	return y
}

// vocabulary lists runes by code point, and words by falling frequency and
// then by their bytes, up to the cap.
func (o *Options) vocabulary(y *tally) []string {
	tokens := slices.Sorted(slices.Values(y.tokens))
	if o.Unit != "word" {
		return tokens
	}
	slices.SortStableFunc(tokens, func(s, t string) int {
		return cmp.Compare(y.counts[y.index[t]], y.counts[y.index[s]])
	})
	if o.Vocabulary > 0 {
		tokens = tokens[:min(len(tokens), o.Vocabulary)]
	}
	return tokens
}

// assign looks every token up.
func (c *coded) assign() {
	symbol := make(map[string]Symbol, c.alphabet.Size())
	for x, token := range c.alphabet.Tokens {
		if x != c.alphabet.Unknown {
			symbol[token] = Symbol(x)
		}
	}
	c.symbols = make([]Symbol, c.n)
	at := 0
	for i, w := range c.widths {
		// An unknown token is not in the map, and Unknown is symbol 0.
		c.symbols[i] = symbol[string(c.text[at:at+int(w)])]
		at += int(w)
	}
}

// A speller prices the spelling of a token outside the vocabulary: byte by
// byte and an end mark, each by its share in the spellings of the types seen
// once in the training part,
//
//	p(b) = (n(b) + ½) / (N + 257/2),
//
// n(b) the count of byte or end mark b there and N their sum. Words seen once
// are the likeliest to resemble those never seen (Good 1953 rests on the same
// idea); the ½ is Krichevsky & Trofimov's (1981) and leaves no byte impossible.
// A decoder that has the training part can decode it, so the cost is one that
// is really paid: bits per byte with it are those of a lossless code. It is
// an upper bound of the best such cost, order 0 being the crudest of models.
type speller struct {
	cost [257]float64 // bits of each byte, and of the end mark
}

func newSpeller(y *tally) *speller {
	const end = 256
	var n [end + 1]int
	total := 0
	for i, token := range y.tokens {
		if y.counts[i] == 1 {
			for _, b := range []byte(token) {
				n[b]++
			}
			n[end]++
			total += len(token) + 1
		}
	}
	s := &speller{}
	for b := range s.cost {
		s.cost[b] = -math.Log2((float64(n[b]) + 0.5) / (float64(total) + 0.5*float64(len(n))))
	}
	return s
}

func (s *speller) bits(token []byte) float64 {
	sum := s.cost[len(s.cost)-1]
	for _, b := range token {
		sum += s.cost[b]
	}
	return sum
}

// Text is what symbols xs stand for, one token after another.
func (a *Alphabet) Text(xs []Symbol) string {
	var b strings.Builder
	for _, x := range xs {
		b.WriteString(a.Tokens[x])
	}
	return b.String()
}
