package corpora

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func options(change func(*Options)) *Options {
	o := defaults()
	change(&o)
	return &o
}

func (o *Options) from(raw string) (*Corpus, error) {
	return o.build(context.Background(), Env{Name: "x"}, source{kind: "file", raw: []byte(raw)})
}

func TestWords(t *testing.T) {
	tests := []struct{ in, want string }{
		{"the cat sat", "the| cat| sat"},
		{" the  cat\n\n sat", " the| | cat|\n\n| sat"},
		{"can't stop, 42nd", "can|'|t| stop|,| 42nd"},
		{"a\t b \n", "a|\t| b| \n"},
		{"a - b", "a| |-| b"},
		{"…", "…"},
		{"Straße über", "Straße| über"},
		{"e\u0301te\u0301", "e\u0301te\u0301"},
		{"  ", "  "},
		{"  a", " | a"},
		{strings.Repeat("x", 300), strings.Repeat("x", 255) + "|" + strings.Repeat("x", 45)},
		{strings.Repeat("ä", 200), strings.Repeat("ä", 127) + "|" + strings.Repeat("ä", 73)},
		{strings.Repeat("\n", 300), strings.Repeat("\n", 255) + "|" + strings.Repeat("\n", 45)},
	}
	for _, tt := range tests {
		tok, err := tokenize(text{bytes: []byte(tt.in), ends: []int{len(tt.in)}, origin: func(i int) int { return i }}, "word")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(tok.list(), "|"); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

// list is the tokens as strings.
func (t *tokens) list() (out []string) {
	at := 0
	for i := range t.n {
		w := 1
		if t.widths != nil {
			w = int(t.widths[i])
		}
		out = append(out, string(t.text[at:at+w]))
		at += w
	}
	return out
}

func TestTokensAreTheText(t *testing.T) {
	letters := rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("ab  \n\t.,é世\u0301\u00a01")), rapid.Rune()))
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(letters, 1, 4).Draw(t, "documents")
		var tx text
		for _, d := range in {
			if d != "" {
				tx.bytes = append(tx.bytes, d...)
				tx.ends = append(tx.ends, len(tx.bytes))
			}
		}
		for _, unit := range []string{"byte", "rune", "word"} {
			tok, err := tokenize(tx, unit)
			if err != nil {
				t.Fatal(err)
			}
			list := tok.list()
			if strings.Join(list, "") != string(tx.bytes) {
				t.Fatalf("%s: tokens %q of %q", unit, list, tx.bytes)
			}
			if unit == "rune" && len(list) != utf8.RuneCount(tx.bytes) {
				t.Fatalf("%d runes, want %d", len(list), utf8.RuneCount(tx.bytes))
			}
			for d, end := range tok.ends {
				if got := tok.offset(end); got != tx.ends[d] {
					t.Fatalf("%s: document %d ends at byte %d, want %d", unit, d, got, tx.ends[d])
				}
			}
		}
	})
}

func TestAlphabets(t *testing.T) {
	const in = "cab bac über dem cab ñ" // runes: u-umlaut and enye occur late
	tests := []struct {
		name    string
		change  func(*Options)
		tokens  []string
		unknown int
	}{
		{"bytes seen", func(o *Options) { o.Alphabet = "seen" }, strings.Split(" |a|b|c|d|e|m|r|\xb1|\xbc|\xc3", "|"), -1},
		{"runes of train", func(o *Options) { o.Unit = "rune"; o.Split = Counts(7, 0, 15) }, []string{"<unk>", " ", "a", "b", "c"}, 0},
		{"runes seen", func(o *Options) { o.Unit = "rune"; o.Alphabet = "seen"; o.Split = Counts(7, 0, 15) }, strings.Split(" |a|b|c|d|e|m|r|ñ|ü", "|"), -1},
		{"words of train", func(o *Options) { o.Unit = "word"; o.Split = Counts(5, 0, 1) }, []string{"<unk>", " bac", " cab", " dem", " über", "cab"}, 0},
		{"words capped", func(o *Options) { o.Unit = "word"; o.Split = Counts(5, 0, 1); o.Vocabulary = 2 }, []string{"<unk>", " bac", " cab"}, 0},
	}
	for _, tt := range tests {
		c, err := options(tt.change).from(in)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if d := cmp.Diff(tt.tokens, c.Alphabet.Tokens); d != "" || c.Alphabet.Unknown != tt.unknown {
			t.Errorf("%s: unknown %d, tokens -want +got:\n%s", tt.name, c.Alphabet.Unknown, d)
		}
	}
	c, err := options(func(*Options) {}).from(in)
	if err != nil || c.Alphabet.Size() != 256 || c.Alphabet.Tokens[0xc3] != "\xc3" {
		t.Errorf("all bytes: %v, %v", c.Alphabet.Size(), err)
	}
}

func TestVocabularyByFrequency(t *testing.T) {
	o := options(func(o *Options) { o.Unit = "word"; o.Split = Fractions(0.9, 0, 0.1) })
	c, err := o.from(" b b b a a z y y a x")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"<unk>", " a", " b", " y", " z"}
	if d := cmp.Diff(want, c.Alphabet.Tokens); d != "" {
		t.Error(d)
	}
	if got := c.Test.Docs[0]; !slices.Equal(got, []Symbol{0}) {
		t.Errorf("test part %v, want the unknown symbol", got)
	}
}

// The cost of unknown words, from its definition: " qx" is spelled by the
// bytes of the words seen once, " cd" and "ab".
func TestSpelling(t *testing.T) {
	set := func(unknown string) *Options {
		return options(func(o *Options) { o.Unit = "word"; o.Split = Fractions(0.75, 0, 0.25); o.Unknown = unknown })
	}
	c, err := set("spell").from("ab cd ef ef ef ef qx ef")
	if err != nil {
		t.Fatal(err)
	}
	once := []string{"ab", " cd"}
	total := len(strings.Join(once, "")) + len(once)
	p := func(b string) float64 {
		n := len(once)
		if b != "end" {
			n = strings.Count(strings.Join(once, ""), b)
		}
		return (float64(n) + 0.5) / (float64(total) + 257.0/2)
	}
	want := -math.Log2(p(" ") * p("q") * p("x") * p("end"))
	if math.Abs(c.Test.SpellBits-want) > 1e-9 || c.Train.SpellBits != 0 {
		t.Errorf("spelling costs %v in test and %v in train, want %v and 0", c.Test.SpellBits, c.Train.SpellBits, want)
	}
	if c.Test.Bytes != 6 || c.Test.Symbols != 2 || !slices.Equal(c.Test.Widths[0], []uint16{3, 3}) {
		t.Errorf("test part: %+v", c.Test)
	}
	r, err := set("refuse").from("ab cd ef ef ef ef qx ef")
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(r.Test.SpellBits) || r.Train.SpellBits != 0 {
		t.Errorf("refused: %v in test and %v in train, want NaN and 0", r.Test.SpellBits, r.Train.SpellBits)
	}
	// What the speller says are probabilities: over bytes and end they sum to one.
	sum := 0.0
	for _, bits := range newSpeller(&tally{tokens: once, counts: []int{1, 1}}).cost {
		sum += math.Exp2(-bits)
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("spelling probabilities sum to %v", sum)
	}
}

func TestTextErrors(t *testing.T) {
	word := func(o *Options) { o.Unit = "word" }
	many := func() string {
		var b strings.Builder
		for i := range 70_000 {
			fmt.Fprintf(&b, " %d", i)
		}
		return b.String()
	}()
	tests := []struct {
		name   string
		change func(*Options)
		in     string
		err    string
	}{
		{"empty", func(*Options) {}, "", "corpora.x: the text is empty"},
		{"one byte", func(*Options) {}, "a", "corpora.x: split: the train part is empty: 0.8 of 1 symbols"},
		{"invalid UTF-8", word, "abc\xffdef", "corpora.x: byte 0xff at offset 3 is not valid UTF-8"},
		{"cut UTF-8", func(o *Options) { o.Unit = "rune" }, "abc\xc3", "byte 0xc3 at offset 3 is not valid UTF-8"},
		{"invalid in FASTA", func(o *Options) { o.Unit = "rune"; o.Format = "fasta" }, ">a\nAC\n>b\nG\xfeG\n", "byte 0xfe at offset 10 is not valid"},
		{"too many words", func(o *Options) { o.Unit = "word"; o.Vocabulary = 0; o.Split = Fractions(0.99, 0, 0.01) }, many, "the alphabet has 69301 symbols, want at most 65536"},
		{"no train for words", func(o *Options) { o.Unit = "word"; o.Split = Fractions(0, 0, 1) }, "a b c", `split.train = 0, want a training part where unit = "word"`},
		{"FASTA without header", func(o *Options) { o.Format = "fasta" }, "\nACGT\n", "fasta: line 2 stands before the first record"},
		{"FASTA without sequence", func(o *Options) { o.Format = "fasta" }, ">a\n>b\n", "the text is empty"},
		{"documents too few", func(o *Options) { o.Separator = "|" }, "aaaa|b", "split: the valid part is empty"},
		{"unit", func(o *Options) { o.Unit = "token" }, "a", `unit = "token", want "byte" or "rune" or "word"`},
		{"alphabet", func(o *Options) { o.Alphabet = "some" }, "a", `alphabet = "some", want "full" or "seen"`},
		{"words seen", func(o *Options) { o.Unit = "word"; o.Alphabet = "seen" }, "a", `alphabet = "seen", want "full" where unit = "word"`},
		{"max_symbols", func(o *Options) { o.MaxSymbols = -1 }, "a", "max_symbols = -1, want ≥ 0"},
		{"format", func(o *Options) { o.Format = "xml" }, "a", `format = "xml", want`},
		{"vocabulary", func(o *Options) { o.Vocabulary = 70_000 }, "a", "vocabulary = 70000, want 0 to 65535"},
		{"unknown", func(o *Options) { o.Unknown = "drop" }, "a", `unknown = "drop", want "spell" or "refuse"`},
		{"separator in FASTA", func(o *Options) { o.Separator = "|"; o.Format = "fasta" }, "a", `separator = "|", want none where format = "fasta"`},
		{"split", func(o *Options) { o.Split = Fractions(1.5, 0, 0) }, "a", "corpora.x: split.train = 1.5, want 0 to 1"},
	}
	for _, tt := range tests {
		_, err := options(tt.change).from(tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.err)
		}
	}
}

func TestOneDistinctSymbol(t *testing.T) {
	c, err := options(func(o *Options) { o.Alphabet = "seen" }).from(strings.Repeat("a", 20))
	if err != nil || c.Alphabet.Size() != 1 || c.Test.Symbols != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestDocuments(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Options)
		in     string
		want   []string
	}{
		{"separator stays with its document", func(o *Options) { o.Separator = "%%\n" }, "a%%\nbc%%\n%%\nd", []string{"a%%\n", "bc%%\n", "%%\n", "d"}},
		{"separator at the end", func(o *Options) { o.Separator = "." }, "a.b.", []string{"a.", "b."}},
		{"no separator", func(o *Options) {}, "a.b.", []string{"a.b."}},
		{"FASTA", func(o *Options) { o.Format = "fasta" }, ">one\r\nACGT\r\nacg \n\n>two\n>three x\nMK*", []string{"ACGTacg", "MK*"}},
		{"ABC", func(o *Options) { o.Format = "abc" }, "% tunes\nX:1\nT:a\n\nX: 2\nT:X:b\n", []string{"% tunes\nX:1\nT:a\n\n", "X: 2\nT:X:b\n"}},
	}
	for _, tt := range tests {
		tx, err := options(tt.change).documents([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		at := 0
		for _, end := range tx.ends {
			got = append(got, string(tx.bytes[at:end]))
			at = end
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

func TestContinues(t *testing.T) {
	one, err := options(func(*Options) {}).from(strings.Repeat("ab", 10))
	if err != nil {
		t.Fatal(err)
	}
	several, err := options(func(o *Options) { o.Separator = "." }).from(strings.Repeat("a.", 10))
	if err != nil {
		t.Fatal(err)
	}
	none, err := options(func(o *Options) { o.Split = Fractions(0, 0, 1) }).from("abc")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		p    Part
		want bool
	}{{one.Train, false}, {one.Valid, true}, {one.Test, true}, {several.Valid, false}, {several.Test, false}, {none.Test, false}, {none.Valid, false}} {
		if tt.p.Continues != tt.want {
			t.Errorf("%s of %d symbols: continues = %v", tt.p.Role, tt.p.Symbols, tt.p.Continues)
		}
	}
	if len(several.Train.Docs) != 8 || len(one.Train.Docs) != 1 {
		t.Errorf("%d and %d documents", len(several.Train.Docs), len(one.Train.Docs))
	}
}

func TestMaxSymbols(t *testing.T) {
	set := func(unit string, n int) *Options {
		return options(func(o *Options) {
			o.Unit, o.MaxSymbols, o.Separator, o.Split = unit, n, "|", Fractions(0, 0, 1)
			o.Alphabet = "seen"
		})
	}
	for _, tt := range []struct {
		unit string
		n    int
		want []string
	}{
		{"byte", 4, []string{"ab|", "c"}},
		{"byte", 3, []string{"ab|"}},
		{"byte", 99, []string{"ab|", "cé|"}},
		{"rune", 5, []string{"ab|", "cé"}},
	} {
		c, err := set(tt.unit, tt.n).from("ab|cé|")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range c.Test.Docs {
			got = append(got, c.Alphabet.Text(d))
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s, %d: -want +got\n%s", tt.unit, tt.n, d)
		}
	}
}

// partition checks everything a corpus promises about its parts.
func partition(c *Corpus, o *Options, raw []byte) error {
	tx, err := o.documents(raw)
	if err != nil {
		return err
	}
	next, total := 0, int64(0)
	var all []byte
	for _, p := range c.Parts() {
		symbols, bytes := 0, int64(0)
		var spelled strings.Builder
		for d, doc := range p.Docs {
			if len(doc) == 0 {
				return fmt.Errorf("%s: document %d is empty", p.Role, d)
			}
			symbols += len(doc)
			for i, x := range doc {
				w := int64(1)
				if p.Widths != nil {
					w = int64(p.Widths[d][i])
				}
				if int(x) >= c.Alphabet.Size() {
					return fmt.Errorf("%s: symbol %d of an alphabet of %d", p.Role, x, c.Alphabet.Size())
				}
				token := c.Alphabet.Tokens[x]
				if int(x) == c.Alphabet.Unknown {
					token = string(p.Text()[bytes : bytes+w])
				} else if int64(len(token)) != w {
					return fmt.Errorf("%s: width %d of token %q", p.Role, w, token)
				}
				spelled.WriteString(token)
				bytes += w
			}
		}
		switch {
		case p.First != next:
			return fmt.Errorf("%s: first = %d, want %d", p.Role, p.First, next)
		case symbols != p.Symbols || bytes != p.Bytes || int64(len(p.Text())) != bytes:
			return fmt.Errorf("%s: %d symbols, %d bytes, text of %d, want %d and %d", p.Role, p.Symbols, p.Bytes, len(p.Text()), symbols, bytes)
		case spelled.String() != string(p.Text()):
			return fmt.Errorf("%s: symbols say %q, text %q", p.Role, spelled.String(), p.Text())
		case !(p.SpellBits >= 0) && o.Unknown == "spell":
			return fmt.Errorf("%s: spelling costs %v", p.Role, p.SpellBits)
		}
		next += p.Symbols
		total += p.Bytes
		all = append(all, p.Text()...)
	}
	if !strings.HasPrefix(string(tx.bytes), string(all)) {
		return fmt.Errorf("the parts are %q, the text %q", all, tx.bytes)
	}
	if o.MaxSymbols == 0 && o.Split.By != "counts" && int(total) != len(tx.bytes) {
		return fmt.Errorf("the parts have %d bytes, the text %d", total, len(tx.bytes))
	}
	if len(tx.ends) > 1 && (o.MaxSymbols == 0) {
		for _, p := range c.Parts() {
			if p.Continues {
				return fmt.Errorf("%s begins inside a document", p.Role)
			}
		}
	}
	return nil
}

func TestPartsPartition(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"a", "b ", "|", "Wort ", "é", "世", "\n", ">", ">x\n", "X:1\n", "  ", "."})
	built := 0
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(strings.Join(rapid.SliceOfN(pieces, 20, 80).Draw(t, "text"), ""))
		o := options(func(o *Options) {
			o.Unit = rapid.SampledFrom([]string{"byte", "rune", "word"}).Draw(t, "unit")
			o.Alphabet = rapid.SampledFrom([]string{"full", "seen"}).Draw(t, "alphabet")
			o.Format = rapid.SampledFrom([]string{"plain", "plain", "abc", "fasta"}).Draw(t, "format")
			o.Split = anySplit(t)
			o.MaxSymbols = rapid.SampledFrom([]int{0, 0, 5, 40}).Draw(t, "max")
			o.Vocabulary = rapid.SampledFrom([]int{0, 1, 3, 1000}).Draw(t, "vocabulary")
			if o.Format == "plain" {
				o.Separator = rapid.SampledFrom([]string{"", "|", "\n"}).Draw(t, "separator")
			}
		})
		c, err := o.build(context.Background(), Env{Name: "x"}, source{raw: raw})
		if err != nil {
			return // TestTextErrors says which errors there are
		}
		built++
		if err := partition(c, o, raw); err != nil {
			t.Fatal(err)
		}
	})
	if built == 0 {
		t.Error("no corpus was built")
	}
}

// The digest from its description.
func slowDigest(c *Corpus, p *Part) string {
	var b []byte
	num := func(v int) { b = binary.LittleEndian.AppendUint64(b, uint64(v)) }
	str := func(s string) { num(len(s)); b = append(b, s...) }
	str("horizon part 1")
	str(c.Alphabet.Unit)
	num(c.Alphabet.Unknown)
	num(c.Alphabet.Size())
	for _, t := range c.Alphabet.Tokens {
		str(t)
	}
	if p.Continues {
		num(1)
	} else {
		num(0)
	}
	num(len(p.Docs))
	for _, d := range p.Docs {
		num(len(d))
	}
	for _, d := range p.Docs {
		for _, x := range d {
			b = append(b, byte(x), byte(x>>8))
		}
	}
	if c.Alphabet.Unknown >= 0 {
		b = append(b, p.Text()...)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

func TestDigest(t *testing.T) {
	text := strings.Repeat("one two two three. ", 5000) + "unknown " + strings.Repeat("ü ", 3000)
	digests := map[string]string{}
	for name, change := range map[string]func(*Options){
		"bytes": func(o *Options) {}, "seen": func(o *Options) { o.Alphabet = "seen" },
		"words": func(o *Options) { o.Unit = "word" }, "documents": func(o *Options) { o.Separator = "." },
	} {
		c, err := options(change).from(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Parts() {
			if want := slowDigest(c, p); p.Digest != want {
				t.Errorf("%s, %s: digest %s, want %s", name, p.Role, p.Digest, want)
			}
			key := name + " " + p.Role
			for other, d := range digests {
				if d == p.Digest {
					t.Errorf("%s and %s have one digest", key, other)
				}
			}
			digests[key] = p.Digest
		}
	}
	// A fixed value: results of other days are found by it.
	c, err := options(func(o *Options) { o.Alphabet = "seen"; o.Split = HalfHalf() }).from("abracadabra")
	if err != nil {
		t.Fatal(err)
	}
	if want := "030c92ebab6f351ebb0c547fbcaa5ac6cd49c5b6c0cacd71afdb0406f277439a"; c.Test.Digest != want {
		t.Errorf("digest %s, want %s", c.Test.Digest, want)
	}
}

// Two texts that differ in an unknown word alone are different parts.
func TestDigestOfUnknownWords(t *testing.T) {
	o := options(func(o *Options) { o.Unit = "word"; o.Split = Fractions(0.5, 0, 0.5) })
	a, err1 := o.from("a b xx zz")
	b, err2 := o.from("a b xx zy")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if !slices.Equal(a.Test.Docs[0], b.Test.Docs[0]) || a.Test.Digest == b.Test.Digest {
		t.Errorf("symbols %v and %v, digests %s and %s", a.Test.Docs, b.Test.Docs, a.Test.Digest, b.Test.Digest)
	}
}
