package config

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// A scanner finds on which line of a TOML text each key stands, and in what
// order keys appear; toml.MetaData tells neither for keys of inline tables
// and items of lists. It knows just enough of the grammar to step over values
// and trusts that the text has been parsed before: on one that would not parse
// its answer means nothing, but it ends.
type scanner struct {
	src  string
	pos  int
	line int
	from Origin // of the file
}

// scan returns the tree of a document with every line and no values.
func scan(src string, from Origin) *node {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} { // as the parser does
		if rest, ok := strings.CutPrefix(src, mark); ok {
			src = rest
			break
		}
	}
	s := &scanner{src: src, line: 1, from: from}
	root := newTable(s.at(1))
	table := root
	for s.blank(); s.pos < len(s.src); s.blank() {
		start, line := s.pos, s.line
		switch {
		case s.accept("[["):
			table = root.element(s.key(), s.at(line))
			s.accept("]]")
		case s.accept("["):
			table = root.descend(s.key(), s.at(line))
			s.accept("]")
		default:
			s.pair(table)
		}
		if s.pos == start {
			s.pos++
		}
	}
	return root
}

func (s *scanner) at(line int) Origin {
	o := s.from
	o.Line = line
	return o
}

// pair reads key = value into the table.
func (s *scanner) pair(table *node) {
	line := s.line
	key := s.key()
	s.accept("=")
	v := s.value()
	v.from = s.at(line) // a value spread over lines is where its key is
	if len(key) > 0 {
		table.descend(key[:len(key)-1], v.from).put(key[len(key)-1], v)
	}
}

// key reads a bare, quoted or dotted key and the space around it.
func (s *scanner) key() []string {
	var key []string
	for {
		s.space()
		start := s.pos
		switch s.peek() {
		case '"', '\'':
			s.quoted()
			key = append(key, unquote(s.src[start:s.pos]))
		default:
			for s.pos < len(s.src) && !strings.ContainsRune(" \t.=]\r\n#,{}[\"'", rune(s.src[s.pos])) {
				s.pos++
			}
			key = append(key, s.src[start:s.pos])
		}
		s.space()
		if !s.accept(".") {
			return key
		}
	}
}

// unquote leaves TOML's escapes to the one who knows them.
func unquote(quoted string) string {
	var v struct{ K string }
	if _, err := toml.Decode("K = "+quoted, &v); err != nil {
		return quoted
	}
	return v.K
}

func (s *scanner) value() *node {
	s.space()
	n := &node{from: s.at(s.line)}
	switch s.peek() {
	case '"', '\'':
		s.quoted()
	case '[':
		s.list(n)
	case '{':
		s.inline(n)
	default: // a number, a boolean or a date
		for s.pos < len(s.src) && !strings.ContainsRune(",]}#\r\n", rune(s.src[s.pos])) {
			s.pos++
		}
	}
	return n
}

func (s *scanner) list(n *node) {
	n.list = true
	s.accept("[")
	for s.blank(); s.pos < len(s.src) && !s.accept("]"); s.blank() {
		start := s.pos
		n.items = append(n.items, s.value())
		s.blank()
		if !s.accept(",") && s.pos == start {
			s.pos++
		}
	}
}

func (s *scanner) inline(n *node) {
	n.table, n.inline = map[string]*node{}, true
	s.accept("{")
	for s.blank(); s.pos < len(s.src) && !s.accept("}"); s.blank() {
		start := s.pos
		s.pair(n)
		s.blank()
		if !s.accept(",") && s.pos == start {
			s.pos++
		}
	}
}

// quoted steps over a string of any of the four kinds.
func (s *scanner) quoted() {
	quote := s.src[s.pos : s.pos+1]
	if long := strings.Repeat(quote, 3); s.accept(long) {
		s.until(long, quote == `"`)
		for i := 0; i < 2 && s.accept(quote); i++ { // """" ends with a quote inside
		}
		return
	}
	s.pos++
	s.until(quote, quote == `"`)
}

func (s *scanner) until(end string, escapes bool) {
	for s.pos < len(s.src) && !s.accept(end) {
		if escapes && s.src[s.pos] == '\\' && s.pos+1 < len(s.src) {
			s.pos++
		}
		s.next()
	}
}

// blank steps over space, line ends and comments.
func (s *scanner) blank() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.next()
		case '#':
			for s.pos < len(s.src) && s.src[s.pos] != '\n' {
				s.pos++
			}
		default:
			return
		}
	}
}

func (s *scanner) space() {
	for s.pos < len(s.src) && (s.src[s.pos] == ' ' || s.src[s.pos] == '\t') {
		s.pos++
	}
}

func (s *scanner) next() {
	if s.src[s.pos] == '\n' {
		s.line++
	}
	s.pos++
}

func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

func (s *scanner) accept(token string) bool {
	if !strings.HasPrefix(s.src[s.pos:], token) {
		return false
	}
	s.pos += len(token)
	return true
}
