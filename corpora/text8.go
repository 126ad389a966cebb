package corpora

import (
	"bytes"
	"context"
	"regexp"
)

// text8 is Wikipedia reduced to what a reader sees, in 27 symbols: the letters
// a–z and the space, never two spaces in a row, digits spelled out (Mahoney
// 2006, "About the Test Data", http://mattmahoney.net/dc/textdata.html). The
// rules are those of his script wikifil.pl, which is in the public domain;
// they are applied here in its order and with its effects, wanted or not.
// text8 proper is the first 10⁸ bytes from enwik9; since the script looks at
// one stretch up to ">" at a time, a prefix of enwik9 gives a prefix of text8,
// apart from its last stretch, which the cut at text8Bytes does not reach.
type text8 struct{ from moduleFile }

const (
	text8Bytes   = 7_000_000
	enwik7Bytes  = 10_000_000
	enwik7Digest = "5985c81c39d927ae0e169625790ca4d9e7d1531270c8b09ad73176a375bb3d97"
)

func (t text8) read(ctx context.Context) ([]byte, string, error) {
	raw, from, err := t.from.read(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := check(raw, enwik7Bytes, enwik7Digest); err != nil {
		return nil, "", &changedError{err}
	}
	out, err := wikifil(ctx, raw, text8Bytes)
	return out, "derived by the rules of wikifil.pl from " + from, err
}

// A rewrite replaces all matches.
type rewrite struct {
	pattern *regexp.Regexp
	by      string
}

// rewrites are the substitutions of wikifil.pl after the decoding of &amp;
// &lt; &gt;, in its order. Go's leftmost-first matching is Perl's.
var rewrites = []rewrite{
	{regexp.MustCompile(`<ref[^<]*</ref>`), ""},                              // references
	{regexp.MustCompile(`<[^>]*>`), ""},                                      // xhtml tags
	{regexp.MustCompile(`\[http:[^] ]*`), "["},                               // URLs, not their text
	{regexp.MustCompile(`\|(?i:thumb)`), ""},                                 // image links, not their caption
	{regexp.MustCompile(`\|(?i:left)`), ""},                                  //
	{regexp.MustCompile(`\|(?i:right)`), ""},                                 //
	{regexp.MustCompile(`\|\d+(?i:px)`), ""},                                 //
	{regexp.MustCompile(`\[\[(?i:image):[^\[\]]*\|`), ""},                    //
	{regexp.MustCompile(`\[\[(?i:category):([^|\]]*)[^]]*\]\]`), "[[${1}]]"}, // categories, without their markup
	{regexp.MustCompile(`\[\[[a-z\-]*:[^\]]*\]\]`), ""},                      // links to other languages
	{regexp.MustCompile(`\[\[[^\|\]]*\|`), "[["},                             // link targets, not their text
	{regexp.MustCompile(`\{\{[^}]*\}\}`), ""},                                // icons, tables
	{regexp.MustCompile(`\{[^}]*\}`), ""},                                    //
	{regexp.MustCompile(`\[`), ""},                                           //
	{regexp.MustCompile(`\]`), ""},                                           //
	{regexp.MustCompile(`&[^;]*;`), " "},                                     // encoded characters
}

var (
	textTag  = []byte("<text ")
	textEnd  = []byte("</text>")
	redirect = regexp.MustCompile(`#(?i:redirect)`)
	// tag is the first "<" of a line up to the last ">" of it: the script
	// removes one tag a stretch.
	tag = regexp.MustCompile(`<.*>`)
)

var digitWords = [10]string{" zero ", " one ", " two ", " three ", " four ", " five ", " six ", " seven ", " eight ", " nine "}

// wikifil filters a MediaWiki dump until it has n bytes or the dump ends.
func wikifil(ctx context.Context, dump []byte, n int) ([]byte, error) {
	out := make([]byte, 0, n+1<<16)
	inText := false
	for len(dump) > 0 && len(out) < n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		stretch := dump
		if i := bytes.IndexByte(dump, '>'); i >= 0 {
			stretch = dump[:i+1]
		}
		dump = dump[len(stretch):]
		if bytes.Contains(stretch, textTag) {
			inText = true
		}
		if redirect.Match(stretch) {
			inText = false
		}
		if inText {
			if bytes.Contains(stretch, textEnd) {
				inText = false
			}
			out = letters(out, visible(stretch))
		}
	}
	return out[:min(n, len(out))], nil
}

// visible removes what a browser would not show.
func visible(s []byte) []byte {
	if loc := tag.FindIndex(s); loc != nil {
		s = append(append([]byte{}, s[:loc[0]]...), s[loc[1]:]...)
	}
	s = bytes.ReplaceAll(s, []byte("&amp;"), []byte("&"))
	s = bytes.ReplaceAll(s, []byte("&lt;"), []byte("<"))
	s = bytes.ReplaceAll(s, []byte("&gt;"), []byte(">"))
	for _, r := range rewrites {
		s = r.pattern.ReplaceAll(s, []byte(r.by))
	}
	return s
}

// letters appends " s " in lower case with digits spelled, every run of other
// bytes made one space, and its last byte, always a space, dropped.
func letters(out, s []byte) []byte {
	space := false
	put := func(b byte) {
		if b < 'a' || b > 'z' {
			if space {
				return
			}
			b = ' '
		}
		space = b == ' '
		out = append(out, b)
	}
	put(' ')
	for _, b := range s {
		switch {
		case b >= 'A' && b <= 'Z':
			put(b - 'A' + 'a')
		case b >= '0' && b <= '9':
			for _, c := range []byte(digitWords[b-'0']) {
				put(c)
			}
		default:
			put(b)
		}
	}
	put(' ')
	return out[:len(out)-1]
}
