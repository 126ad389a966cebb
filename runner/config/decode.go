package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Values are set from our own tree and not by toml.PrimitiveDecode, because a
// tree is merged from several files and flags, and because the library stops
// at the first value that does not fit, of a random key, without the line of
// those in inline tables. The mapping is the library's: toml tags, embedded
// structs, encoding.TextUnmarshaler, toml.Unmarshaler; but names must be
// exact, NaN and infinities are refused and durations have a unit.

// A list that may be written as its only element: seeds.init = 1.
type OneOrMore[T any] []T

func (OneOrMore[T]) oneOrMore() {}

type decoder struct {
	problems Problems
}

func (d *decoder) refuse(key string, n *node, format string, args ...any) {
	d.problems.add(Problem{At: n.from, Key: key, Got: clip(n.String()), Why: fmt.Sprintf(format, args...)})
}

func (d *decoder) unknownKey(key string, n *node, name string, known []string) {
	d.problems.add(Problem{At: n.from, Key: key, Why: unknown("key", name, known)})
}

// fields sets the fields of a struct from a table, all but the reserved keys,
// which are the caller's and are listed with the known ones.
func (d *decoder) fields(path string, n *node, v reflect.Value, reserved ...string) {
	if n.table == nil {
		d.refuse(path, n, "want a table")
		return
	}
	known := fieldsOf(v)
	for _, k := range n.keys {
		if slices.Contains(reserved, k) {
			continue
		}
		i := known.index(k)
		if i < 0 {
			d.unknownKey(join(path, k), n.table[k], k, append(known.names(), reserved...))
			continue
		}
		d.value(join(path, k), n.table[k], known[i].value)
	}
}

// value sets v, which holds the default, from n.
func (d *decoder) value(path string, n *node, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(path, n, v.Elem())
		return
	}
	if d.byMethod(path, n, v) {
		return
	}
	if isNested(v.Type()) {
		d.nested(path, n, asNested(v))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(path, n, v)
	case reflect.Map:
		d.entries(path, n, v)
	case reflect.Slice:
		d.slice(path, n, v)
	case reflect.Array:
		d.array(path, n, v)
	case reflect.Interface:
		v.Set(reflect.ValueOf(n.plain()))
	default:
		if want := setScalar(n, v); want != "" {
			d.refuse(path, n, "want %s", want)
		}
	}
}

// byMethod decodes types that read themselves.
func (d *decoder) byMethod(path string, n *node, v reflect.Value) bool {
	var err error
	switch u := v.Addr().Interface().(type) {
	case toml.Unmarshaler:
		err = u.UnmarshalTOML(n.plain())
	case encoding.TextUnmarshaler:
		s, ok := n.scalar.(string)
		if !ok {
			d.refuse(path, n, "want %s", describe(v.Type()))
			return true
		}
		err = u.UnmarshalText([]byte(s))
	default:
		return false
	}
	if err != nil {
		d.refuseAt(path, n, err)
	}
	return true
}

// refuseAt passes on the error of a type that reads itself. One that names a
// key within its table, "split.train = 2, want …" or "split.tset: unknown key
// (known: …)", is told of that key.
func (d *decoder) refuseAt(path string, n *node, err error) {
	keys := splitKey(path)
	own := keys[len(keys)-1]
	key, got, why, ok := cutValueError(err)
	if ok && key == own {
		d.refuse(path, n, "%s", why)
		return
	}
	var known []string
	if m := unknownKeyError.FindStringSubmatch(err.Error()); m != nil {
		key, known = m[1], strings.Split(m[2], ", ")
	}
	inner, _ := strings.CutPrefix(key, own+".")
	at := n.get(strings.Split(inner, ".")...)
	switch {
	case at == nil:
		d.refuse(path, n, "%s", err.Error())
	case known != nil:
		d.unknownKey(path+"."+inner, at, inner, known)
	default:
		d.problems.add(Problem{At: at.from, Key: path + "." + inner, Got: got, Why: why})
	}
}

var unknownKeyError = regexp.MustCompile(`^(?:.*: )?([\w.-]+): unknown key \(known: (.*)\)$`)

func (d *decoder) entries(path string, n *node, v reflect.Value) {
	if n.table == nil {
		d.refuse(path, n, "want %s", describe(v.Type()))
		return
	}
	m := reflect.MakeMap(v.Type()) // the default's map is not ours to change
	for _, k := range v.MapKeys() {
		m.SetMapIndex(k, v.MapIndex(k))
	}
	for _, k := range n.keys {
		e, name := reflect.New(v.Type().Elem()).Elem(), reflect.ValueOf(k).Convert(v.Type().Key())
		if weaker := m.MapIndex(name); weaker.IsValid() {
			e.Set(weaker) // tables merge key by key
		}
		d.value(join(path, k), n.table[k], e)
		m.SetMapIndex(name, e)
	}
	v.Set(m)
}

func (d *decoder) slice(path string, n *node, v reflect.Value) {
	items := n.items
	if _, single := v.Interface().(interface{ oneOrMore() }); single && !n.list {
		items = []*node{n}
	} else if !n.list {
		d.refuse(path, n, "want %s", describe(v.Type()))
		return
	}
	s := reflect.MakeSlice(v.Type(), len(items), len(items)) // never the default's array
	for i, item := range items {
		d.value(path, item, s.Index(i))
	}
	v.Set(s)
}

func (d *decoder) array(path string, n *node, v reflect.Value) {
	if !n.list || len(n.items) != v.Len() {
		d.refuse(path, n, "want %s", describe(v.Type()))
		return
	}
	for i, item := range n.items {
		d.value(path, item, v.Index(i))
	}
}

// setScalar sets v or says what it would have taken.
func setScalar(n *node, v reflect.Value) (want string) {
	want = describe(v.Type())
	if n.table != nil || n.list {
		return want
	}
	switch x := n.scalar.(type) {
	case string:
		if v.Type() == durationType {
			t, err := time.ParseDuration(x)
			if err != nil {
				return want
			}
			v.SetInt(int64(t))
			return ""
		}
		if v.Kind() == reflect.String {
			v.SetString(x)
			return ""
		}
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(x)
			return ""
		}
	case int64:
		return setInteger(x, v, want)
	case float64:
		if v.CanFloat() {
			if math.IsNaN(x) || math.IsInf(x, 0) || v.OverflowFloat(x) {
				return "a finite number"
			}
			v.SetFloat(x)
			return ""
		}
	}
	return want
}

func setInteger(x int64, v reflect.Value, want string) string {
	switch {
	case v.Type() == durationType:
		return want
	case v.CanInt():
		if v.OverflowInt(x) {
			bits := v.Type().Bits()
			return fmt.Sprintf("%d to %d", -1<<(bits-1), 1<<(bits-1)-1)
		}
		v.SetInt(x)
	case v.CanUint():
		if x < 0 {
			return ">= 0"
		}
		if v.OverflowUint(uint64(x)) {
			return fmt.Sprintf("0 to %d", uint64(1)<<v.Type().Bits()-1)
		}
		v.SetUint(uint64(x))
	case v.CanFloat():
		if exact := int64(1) << 53; x < -exact || x > exact {
			return "an integer a float can hold (up to 2^53), or a decimal point"
		}
		v.SetFloat(float64(x))
	default:
		return want
	}
	return ""
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	tomlType     = reflect.TypeFor[toml.Unmarshaler]()
)

// readsItself reports whether a type decodes by its own method.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(textType) || p.Implements(tomlType)
}

// describe says in words what TOML value a type takes.
func describe(t reflect.Type) string {
	switch {
	case t == durationType:
		return `a duration such as "90s" or "1h30m"`
	case t == reflect.TypeFor[Size]():
		return sizeForm
	case reflect.PointerTo(t).Implements(textType):
		return "a string"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return describe(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list, each " + describe(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("a list of %d, each %s", t.Len(), describe(t.Elem()))
	case reflect.Struct, reflect.Map:
		return "a table"
	}
	return "an integer"
}

// A field is a parameter: its name in TOML and where its value is.
type field struct {
	name  string
	value reflect.Value
}

type fieldList []field

// fieldsOf lists the parameters of a struct in order of declaration, those of
// embedded structs in their place.
func fieldsOf(v reflect.Value) fieldList {
	var fs fieldList
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			fs = append(fs, fieldsOf(v.Field(i))...)
		case !f.IsExported():
		case name == "":
			fs = append(fs, field{f.Name, v.Field(i)})
		default:
			fs = append(fs, field{name, v.Field(i)})
		}
	}
	return fs
}

func (fs fieldList) names() []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	return names
}

func (fs fieldList) index(name string) int {
	for i, f := range fs {
		if f.name == name {
			return i
		}
	}
	return -1
}

// settable says why a table could not be decoded onto config: it must be a
// pointer to a struct of fields that TOML has values for.
func settable(config any, reserved []string) error {
	v := reflect.ValueOf(config)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("defaults are %T, want a pointer to a struct", config)
	}
	for i, name := range fieldsOf(v.Elem()).names() {
		if slices.Contains(reserved, name) || slices.Contains(fieldsOf(v.Elem()).names()[:i], name) {
			return fmt.Errorf("parameter %q: the name is taken", name)
		}
	}
	return settableType(v.Elem().Type(), "")
}

func settableType(t reflect.Type, path string) error {
	if readsItself(t) || isNested(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return settableType(t.Elem(), path)
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return settableType(t.Elem(), path)
		}
	case reflect.Struct:
		for _, f := range fieldsOf(reflect.New(t).Elem()) {
			if err := settableType(f.value.Type(), join(path, f.name)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return nil
		}
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	}
	return fmt.Errorf("parameter %q: TOML has no value for a %s", path, t)
}

// canonical is the one JSON text of a value: keys sorted and named as in
// TOML, shortest floats, nothing omitted. It goes into the identity of cells,
// so two configurations that mean the same must give the same bytes.
func canonical(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(generic(reflect.ValueOf(v))); err != nil {
		panic(fmt.Sprintf("config: canonical JSON of %T: %v", v, err)) // generic leaves nothing that JSON cannot say
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// generic turns a value into maps, slices and scalars that encoding/json
// writes in one way only.
func generic(v reflect.Value) any {
	if !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return nil
	}
	if x, ok := byItself(v.Interface()); ok {
		return x
	}
	if isNested(v.Type()) {
		return genericNested(asNested(v))
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return generic(v.Elem())
	case reflect.Struct:
		m := map[string]any{}
		for _, f := range fieldsOf(v) {
			m[f.name] = generic(f.value)
		}
		return m
	case reflect.Map:
		m := map[string]any{}
		for _, k := range v.MapKeys() {
			m[fmt.Sprint(k.Interface())] = generic(v.MapIndex(k))
		}
		return m
	case reflect.Slice, reflect.Array:
		s := make([]any, v.Len()) // nil and empty are the same list
		for i := range s {
			s[i] = generic(v.Index(i))
		}
		return s
	case reflect.Float32, reflect.Float64:
		return genericFloat(v)
	}
	return v.Interface()
}

// byItself is the generic form of types that say how they are written.
func byItself(v any) (any, bool) {
	switch v := v.(type) {
	case json.RawMessage:
		return v, true
	case time.Duration:
		return v.String(), true
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		return string(text), err == nil
	case toml.Marshaler:
		text, err := v.MarshalTOML()
		if err != nil {
			return nil, false
		}
		values, err := decodeTOML("v = " + string(text))
		return generic(reflect.ValueOf(values["v"])), err == nil
	}
	return nil, false
}

func genericFloat(v reflect.Value) any {
	x := v.Float()
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return fmt.Sprint(x) // a default may be; JSON has no number for it
	case x == 0:
		return 0 // −0 too
	case v.Kind() == reflect.Float32:
		return float32(x)
	}
	return x
}
