package config

import (
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// A layer is a table of parameters and its path in the file.
type layer struct {
	path string // "predictors.kn", "predictors.kn.grid"
	n    *node
}

// A source is where the parameters of one thing were written: the thing's own
// table first, stronger ones after it.
type source []layer

// find is where a parameter got its value, and the key it has there. For a
// default that is the thing's table.
func (s source) find(param string) (key string, at Origin) {
	path := strings.Split(param, ".")
	for i := len(s) - 1; i >= 0; i-- {
		if n := s[i].n.get(path...); n != nil {
			return s[i].path + "." + param, n.from
		}
	}
	return s[0].path + "." + param, s.origin()
}

// origin is where the thing itself was written: at its kind.
func (s source) origin() Origin {
	if k := s[0].n.get("kind"); k != nil {
		return k.from
	}
	return s[0].n.from
}

var valueError = regexp.MustCompile(`^(?s)(?:[^=]*: )?([A-Za-z][\w.-]*) = (.*?)(?:, (want .*)|: (.*))$`)

// cutValueError takes apart what predictors say of a parameter out of range:
// "markov: order = 0, want ≥ 1".
func cutValueError(err error) (key, got, why string, ok bool) {
	m := valueError.FindStringSubmatch(err.Error())
	if m == nil {
		return "", "", "", false
	}
	return m[1], m[2], m[3] + m[4], true
}

// problems says of each error in err, which Validate or New returned, where
// the value it complains of was written.
func (s source) problems(config any, err error) Problems {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var ps Problems
		for _, e := range joined.Unwrap() {
			ps = append(ps, s.problems(config, e)...)
		}
		return ps
	}
	param, got, why, ok := cutValueError(err)
	if !ok || !hasParam(reflect.ValueOf(config), strings.Split(param, ".")) {
		return Problems{{At: s.origin(), Key: s[0].path, Why: strings.TrimPrefix(err.Error(), s[0].path+": ")}}
	}
	key, at := s.find(param)
	return Problems{{At: at, Key: key, Got: got, Why: why}}
}

// hasParam reports whether the path leads to a parameter of the struct v; what
// is within a type that reads itself is believed.
func hasParam(v reflect.Value, path []string) bool {
	for i, k := range path {
		v = reflect.Indirect(v)
		if v.Kind() == reflect.Map && isNested(v.Type().Elem()) {
			e := v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key()))
			if !e.IsValid() {
				return false
			}
			_, _, config := asNested(e).Chosen()
			return config != nil && hasParam(reflect.ValueOf(config), path[i+1:])
		}
		if v.Kind() != reflect.Struct {
			return false
		}
		if readsItself(v.Type()) {
			return true
		}
		fs := fieldsOf(v)
		i := fs.index(k)
		if i < 0 {
			return false
		}
		v = fs[i].value
	}
	return true
}

// Refuse turns the error of s.Config.New, "markov: order = 0, want ≥ 1", into
// one that says where the value was written and under which key:
// "kn.toml:12: predictors.kn.order = 0, want ≥ 1". Of an error it cannot
// read so it says which table it is about. It returns nil for nil.
func (s *Setup) Refuse(err error) error {
	if s.Coder != nil {
		return s.source.refuse(s.Coder, err)
	}
	return s.source.refuse(s.Config, err)
}

// Refuse does for an error in loading a corpus what Setup.Refuse does.
func (c *Corpus) Refuse(err error) error { return c.source.refuse(c.Config, err) }

// Dir is the folder that a relative path of the corpus starts from: that of
// the file which says path, or, if --set does, the working directory.
func (c *Corpus) Dir() string {
	_, at := c.source.find("path")
	return filepath.Dir(at.File)
}

// Refuse does for an error in drawing a plot what Setup.Refuse does.
func (p *Plot) Refuse(err error) error { return p.source.refuse(p.Config, err) }

func (s source) refuse(config any, err error) error {
	if err == nil {
		return nil
	}
	return refusal{s.problems(config, err), err}
}

// A refusal reads as its problems and is what caused it.
type refusal struct {
	Problems
	cause error
}

func (r refusal) Unwrap() []error { return append(r.Problems.Unwrap(), r.cause) }
