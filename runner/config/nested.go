package config

import (
	"reflect"
	"slices"
	"strings"
)

// A nested parameter is itself a thing of some kind with parameters of its
// own, a table with a kind: a part of a mixture,
//
//	[predictors.soft.parts.kn]
//	kind  = "kneser-ney"
//	order = 7
//
// In grids, under on and in --set such a table needs no kind if the table it
// stands over has one; one that names another kind starts from its defaults.
type nested interface {
	// Kinds are the names that Choose knows.
	Kinds() []string
	// Choose makes it a thing of that kind, with the defaults.
	Choose(kind string)
	// Chosen is its kind, the version of the kind's code and a pointer to a
	// struct with toml tags; config is nil before Choose.
	Chosen() (kind string, version int, config any)
}

var nestedType = reflect.TypeFor[nested]()

// isNested reports whether values of a type are nested things.
func isNested(t reflect.Type) bool { return reflect.PointerTo(t).Implements(nestedType) }

// asNested gives v as a nested thing, to be read only if it is not addressable.
func asNested(v reflect.Value) nested {
	if !v.CanAddr() {
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		v = c
	}
	return v.Addr().Interface().(nested)
}

// nested sets a nested thing from a table.
func (d *decoder) nested(path string, n *node, v nested) {
	if n.table == nil {
		d.refuse(path, n, "want a table with a kind")
		return
	}
	chosen, _, config := v.Chosen()
	if k := n.get("kind"); k != nil {
		kind, ok := k.scalar.(string)
		if !ok {
			d.refuse(join(path, "kind"), k, "want a string")
			return
		}
		if !slices.Contains(v.Kinds(), kind) {
			d.refuse(join(path, "kind"), k, "%s", unknown("kind", kind, v.Kinds()))
			return
		}
		if config == nil || kind != chosen {
			v.Choose(kind)
			_, _, config = v.Chosen()
		}
	}
	if config == nil {
		why := "missing kind (known: " + strings.Join(slices.Sorted(slices.Values(v.Kinds())), ", ") + ")"
		d.problems.add(Problem{At: n.from, Key: path, Why: why})
		return
	}
	d.fields(path, n, reflect.ValueOf(config).Elem(), "kind")
}

// genericNested is the canonical form of a nested thing. The version of its
// kind is in it, so that stored results are not mistaken for those of other
// code.
func genericNested(v nested) any {
	kind, version, config := v.Chosen()
	if config == nil {
		return nil
	}
	return map[string]any{"kind": kind, "version": version, "params": generic(reflect.ValueOf(config))}
}

// nestedSettings lists the values of a nested thing.
func nestedSettings(path string, v nested, n *node) []Setting {
	kind, _, config := v.Chosen()
	if config == nil {
		return nil
	}
	at := Origin{}
	if k := n.get("kind"); k != nil {
		at = k.from
	}
	own := Setting{join(path, "kind"), string(canonical(kind)), at.String()}
	return append([]Setting{own}, settings(path, reflect.ValueOf(config), n)...)
}
