package corpora

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func words(texts ...string) (out []wordCount) {
	for _, t := range texts {
		out = append(out, wordCount{text: t, tokens: bytesOf([]byte(t)), n: 1})
	}
	return out
}

// The worked example of the encyclopedia's article on byte-pair encoding:
// aaabdaaabac is XdXac after three merges, X standing for aaab.
func TestBPEWorkedExample(t *testing.T) {
	b := trainBPE(words("aaabdaaabac"), 256+3)
	if got := b.tokens[258]; got != "aaab" {
		t.Errorf("token 258 = %q, want aaab", got)
	}
	if got, want := b.encode([]byte("aaabdaaabac")), []Symbol{258, 'd', 258, 'a', 'c'}; !slices.Equal(got, want) {
		t.Errorf("encoded as %v, want %v", got, want)
	}
}

// Sennrich, Haddow & Birch 2016, the listing of Algorithm 1, with a period for
// their end of word: low 5 times, lower 2, newest 6, widest 3. Their first five
// merges make es, est, est·, lo, low; t· and est· tie with est, which changes
// the merges' order but no code.
func TestBPEOfSennrich(t *testing.T) {
	list := words("low.", "lower.", "newest.", "widest.")
	for i, n := range []int{5, 2, 6, 3} {
		list[i].n = n
	}
	b := trainBPE(list, 256+5)
	for word, want := range map[string]string{
		"low.": "low .", "lower.": "low e r .", "newest.": "n e w est.", "widest.": "w i d est.", "lowest.": "low est.",
	} {
		var got []string
		for _, x := range b.encode([]byte(word)) {
			got = append(got, b.tokens[x])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %q, want %q", word, got, want)
		}
	}
}

// slowBPE is the definition: count all pairs anew before every merge.
func slowBPE(words [][]string, vocabulary int) (made []string) {
	number := map[string]int{}
	for c := range 256 {
		number[string([]byte{byte(c)})] = c
	}
	for len(number) < vocabulary {
		count := map[[2]string]int{}
		for _, w := range words {
			for i := 1; i < len(w); i++ {
				count[[2]string{w[i-1], w[i]}]++
			}
		}
		best, n := [2]string{}, 1
		for pair, c := range count {
			before := number[pair[0]] < number[best[0]] || pair[0] == best[0] && number[pair[1]] < number[best[1]]
			if c > n || c == n && n > 1 && before {
				best, n = pair, c
			}
		}
		if n < 2 {
			break
		}
		token := best[0] + best[1]
		if _, ok := number[token]; ok {
			return nil // two merges made one string: numbers by string do not tell them apart
		}
		number[token] = len(number)
		made = append(made, token)
		for i, w := range words {
			var out []string
			for j := 0; j < len(w); j++ {
				if j+1 < len(w) && w[j] == best[0] && w[j+1] == best[1] {
					out = append(out, token)
					j++
					continue
				}
				out = append(out, w[j])
			}
			words[i] = out
		}
	}
	return made
}

func TestBPEEqualsItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 60 {
		var list []wordCount
		var slow [][]string
		for range 1 + rng.IntN(30) {
			w := make([]byte, 1+rng.IntN(12))
			for i := range w {
				w[i] = byte('a' + rng.IntN(3))
			}
			list = append(list, wordCount{text: string(w), tokens: bytesOf(w), n: 1})
			slow = append(slow, strings.Split(string(w), ""))
		}
		want := slowBPE(slow, 256+20)
		if want == nil {
			continue
		}
		compared++
		b := trainBPE(list, 256+20)
		if got := b.tokens[256:]; !slices.Equal(got, want) {
			t.Fatalf("made %q, want %q", got, want)
		}
		for i, w := range list {
			var got []string
			for _, x := range b.encode([]byte(w.text)) {
				got = append(got, b.tokens[x])
			}
			if !slices.Equal(got, slow[i]) {
				t.Fatalf("%q encoded as %q, in training as %q", w.text, got, slow[i])
			}
		}
	}
	if compared < 20 {
		t.Errorf("compared %d alphabets, want at least 20", compared)
	}
}

// Any bytes come back, each part and document by itself, and the alphabet is
// the training part's.
func TestBPECorpus(t *testing.T) {
	text := strings.Repeat("the cat sat on the mat\n", 40) + "\xff\xfe caf\u00e9 na\u00efve\n" + strings.Repeat("zebra zebra\n", 30)
	o := options(func(o *Options) {
		o.Unit, o.Vocabulary, o.Split, o.Separator = "bpe", 300, Counts(920, 60, 300), "\n"
	})
	c, err := o.from(text)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(c.Alphabet.Tokens, func(s string) bool { return strings.Contains(s, "zeb") }) {
		t.Error("the alphabet has a token of the test part")
	}
	if n := c.Alphabet.Size(); n < 260 || n > 300 {
		t.Errorf("the alphabet has %d tokens, want 260 to 300", n)
	}
	if c.Train.Symbols >= 920/2 {
		t.Errorf("920 bytes became %d tokens, want less than half as many", c.Train.Symbols)
	}
	var back bytes.Buffer
	for _, p := range c.Parts() {
		var own bytes.Buffer
		for d, doc := range p.Docs {
			own.WriteString(c.Alphabet.Text(doc))
			sum := 0
			for _, w := range p.Widths[d] {
				sum += int(w)
			}
			if sum != len(c.Alphabet.Text(doc)) {
				t.Errorf("%s: widths of document %d sum to %d, want %d", p.Role, d, sum, len(c.Alphabet.Text(doc)))
			}
		}
		if int64(own.Len()) != p.Bytes || p.SpellBits != 0 {
			t.Errorf("%s: %d bytes, want %d; spelling costs %v, want 0", p.Role, own.Len(), p.Bytes, p.SpellBits)
		}
		back.Write(own.Bytes())
	}
	if back.Len() < 1000 || !strings.HasPrefix(text, back.String()) {
		t.Error("the tokens do not give back the text")
	}
}

func TestBPERefusals(t *testing.T) {
	for _, tc := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Vocabulary = 256 }, "vocabulary = 256, want 257"},
		{func(o *Options) { o.Alphabet = "seen" }, `alphabet = "seen", want "full"`},
		{func(o *Options) { o.Split = Fractions(0, 0, 1) }, "want a training part"},
	} {
		o := options(func(o *Options) { o.Unit = "bpe"; tc.change(o) })
		if _, err := o.from("some text"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want one about %q", err, tc.want)
		}
	}
}
