package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// A node is a TOML value that knows where it was written: a table, a list or
// a scalar. Tables keep their keys in the order of first appearance.
type node struct {
	from   Origin
	scalar any // string, int64, float64, bool or time.Time
	list   bool
	items  []*node
	keys   []string
	table  map[string]*node // not nil for a table
	inline bool             // a table written as { … }
}

func newTable(from Origin) *node {
	return &node{from: from, table: map[string]*node{}}
}

// put sets a key of a table.
func (n *node) put(key string, v *node) {
	if _, ok := n.table[key]; !ok {
		n.keys = append(n.keys, key)
	}
	n.table[key] = v
}

// remove forgets a key of a table.
func (n *node) remove(key string) {
	if _, ok := n.table[key]; ok {
		delete(n.table, key)
		n.keys = slices.DeleteFunc(n.keys, func(k string) bool { return k == key })
	}
}

// get follows a path of keys; nil if it leads nowhere.
func (n *node) get(path ...string) *node {
	for _, k := range path {
		if n == nil || n.table == nil {
			return nil
		}
		n = n.table[k]
	}
	return n
}

// descend follows a path of keys, making the tables that are missing and
// replacing what is none. Of an array of tables it takes the last.
func (n *node) descend(path []string, from Origin) *node {
	for _, k := range path {
		next := n.table[k]
		if next != nil && next.list && len(next.items) > 0 {
			next = next.items[len(next.items)-1]
		}
		if next == nil || next.table == nil {
			next = newTable(from)
			n.put(k, next)
		}
		n = next
	}
	return n
}

// element adds a table to the array of tables at path and returns it.
func (n *node) element(path []string, from Origin) *node {
	if len(path) == 0 {
		return n
	}
	parent := n.descend(path[:len(path)-1], from)
	last := path[len(path)-1]
	array := parent.table[last]
	if array == nil || !array.list {
		array = &node{from: from, list: true}
		parent.put(last, array)
	}
	array.items = append(array.items, newTable(from))
	return array.items[len(array.items)-1]
}

// parse reads one file into a tree.
func parse(src []byte, from Origin) (*node, error) {
	values, err := decodeTOML(string(src))
	if err != nil {
		return nil, syntaxProblem(err, from)
	}
	root := scan(string(src), from)
	root.fill(values)
	return root, nil
}

// decodeTOML turns the parser's panics on its own bugs into errors: no file,
// however odd, brings the program down.
func decodeTOML(src string) (values map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("toml: %v", r)
		}
	}()
	_, err = toml.Decode(src, &values)
	return values, err
}

func syntaxProblem(err error, from Origin) Problem {
	p := Problem{At: from, Why: strings.TrimSpace(err.Error())}
	if e, ok := err.(toml.ParseError); ok {
		p.At.Line = e.Position.Line
		p.Why = strings.TrimRight(e.Message, ". \n")
		if strings.Contains(p.Why, "out of range") || strings.Contains(strings.ToLower(p.Why), "invalid ") {
			p.Key = e.LastKey // of other errors it may be the key before
		}
	}
	p.Why = strings.ToLower(p.Why[:1]) + p.Why[1:]
	return p
}

// fill puts the values of a parsed document into the tree of its lines. The
// two have the same shape (FuzzScan); were the scanner ever to miss a key, it
// would get its parent's line rather than be lost.
func (n *node) fill(value any) {
	switch v := value.(type) {
	case map[string]any:
		if n.table == nil {
			n.table = map[string]*node{}
		}
		for _, k := range slices.Clone(n.keys) {
			if _, ok := v[k]; !ok {
				n.remove(k)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if n.table[k] == nil {
				n.put(k, &node{from: n.from})
			}
			n.table[k].fill(v[k])
		}
	case []map[string]any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = v[i]
		}
		n.fill(items)
	case []any:
		n.list = true
		for i, item := range v {
			if i == len(n.items) {
				n.items = append(n.items, &node{from: n.from})
			}
			n.items[i].fill(item)
		}
	default:
		n.scalar = v
	}
}

// merge lays the stronger tree over n. Tables under headers and dotted keys
// are merged key by key; an inline table is a value like any other, written
// whole (TOML 1.0, "Inline Table") and so replaced whole.
func (n *node) merge(stronger *node) {
	if stronger.from.Set == "" {
		n.from = stronger.from
	}
	for _, k := range stronger.keys {
		mine, theirs := n.table[k], stronger.table[k]
		if mine != nil && mine.table != nil && theirs.table != nil && !theirs.inline {
			mine.merge(theirs)
			continue
		}
		n.put(k, theirs)
	}
}

// parseSet reads key=value. The value is TOML; what is not TOML and does not
// begin like a string, a list or a table is taken for a string, so that
// neither 30m nor kneser-ney need quotes within the shell's.
func parseSet(arg string) (*node, error) {
	from := Origin{Set: arg}
	refuse := func(format string, args ...any) (*node, error) {
		return nil, Problem{At: from, Why: fmt.Sprintf(format, args...)}
	}
	left, right, ok := cutSet(arg)
	if !ok {
		return refuse("want key=value, such as predictors.kn.order=5")
	}
	path, err := parseKey(left)
	if err != nil {
		return refuse("key %q: %v", left, err)
	}
	if right = strings.TrimSpace(right); right == "" {
		return refuse("want a value, \"\" for the empty string")
	}
	values, err := decodeTOML("value = " + right)
	if _, single := values["value"]; err != nil || !single || len(values) != 1 {
		if strings.ContainsAny(right[:1], "\"'[{") || strings.Contains(right, "\n") {
			return refuse("value %s is not TOML", clip(right))
		}
		values = map[string]any{"value": right}
	}
	v := scan("value = "+right, from).get("value")
	if v == nil || v.table == nil && !v.list {
		v = &node{}
	}
	v.fill(values["value"])
	v.setOrigin(from)
	root := newTable(from)
	root.descend(path[:len(path)-1], from).put(path[len(path)-1], v)
	return root, nil
}

// cutSet cuts at the first = outside quotes.
func cutSet(arg string) (left, right string, ok bool) {
	s := scanner{src: arg}
	for s.pos < len(arg) {
		switch arg[s.pos] {
		case '"', '\'':
			s.quoted()
		case '=':
			return strings.TrimSpace(arg[:s.pos]), arg[s.pos+1:], true
		default:
			s.pos++
		}
	}
	return "", "", false
}

// parseKey reads a dotted key by asking the parser what table [key] opens.
func parseKey(key string) ([]string, error) {
	values, err := decodeTOML("[" + key + "]")
	if err != nil || strings.ContainsAny(key, "\n[]") {
		return nil, fmt.Errorf("want names joined by dots")
	}
	var path []string
	for len(values) == 1 {
		for k, v := range values {
			path = append(path, k)
			values, _ = v.(map[string]any)
		}
	}
	return path, nil
}

func (n *node) setOrigin(from Origin) {
	n.from = from
	for _, item := range n.items {
		item.setOrigin(from)
	}
	for _, v := range n.table {
		v.setOrigin(from)
	}
}

// String writes the value as TOML on one line. Numbers that are equal are
// written alike.
func (n *node) String() string {
	switch {
	case n.table != nil:
		parts := make([]string, len(n.keys))
		for i, k := range n.keys {
			parts[i] = quoteKey(k) + " = " + n.table[k].String()
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case n.list:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			parts[i] = item.String()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	switch v := n.scalar.(type) {
	case string:
		return strconv.Quote(v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10)
		}
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(v, 'g', -1, 64)), "+")
	case time.Time:
		return v.Format("2006-01-02T15:04:05")
	}
	return fmt.Sprint(n.scalar)
}

// label is the value in the name of a grid point: strings without quotes.
func (n *node) label() string {
	if s, ok := n.scalar.(string); ok {
		return s
	}
	return n.String()
}

// plain is the value as toml.Decode gives it to an interface.
func (n *node) plain() any {
	switch {
	case n.table != nil:
		m := make(map[string]any, len(n.table))
		for k, v := range n.table {
			m[k] = v.plain()
		}
		return m
	case n.list:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = item.plain()
		}
		return items
	}
	return n.scalar
}

// clip shortens a value for a message.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// join appends a key to a dotted path, quoted if need be.
func join(path, key string) string {
	if path == "" {
		return quoteKey(key)
	}
	return path + "." + quoteKey(key)
}

func quoteKey(k string) string { return toml.Key{k}.String() }
