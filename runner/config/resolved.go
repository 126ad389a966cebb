package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// A Setting is one value of the merged experiment.
type Setting struct {
	Key   string // dotted
	Value string // canonical JSON
	From  string // "default", "kn.toml:12" or "--set key=value"
}

// Resolved lists every value, defaults among them, with its origin. Grids,
// skips and overrides are listed as they are written.
func (e *Experiment) Resolved() []Setting {
	d := e.document()
	list := append(settings("", reflect.ValueOf(d), e.tree), asWritten("", e.tree, budgetKey)...)
	for _, c := range e.Corpora {
		list = append(list, thing(c.source, c.Config)...)
	}
	for i, p := range e.Predictors {
		if i > 0 && e.Predictors[i-1].Table == p.Table {
			continue
		}
		list = append(list, e.predictorSettings(p)...)
	}
	for _, p := range e.Plots {
		list = append(list, thing(p.source, p.Config)...)
	}
	for _, m := range e.Metrics {
		list = append(list, thing(m.source, m.Config)...)
		list = append(list, asWritten(m.source[0].path, m.source[0].n, metricKeys[1:]...)...)
	}
	return list
}

func thing(s source, config any) []Setting {
	list := asWritten(s[0].path, s[0].n, "kind")
	return append(list, settings(s[0].path, reflect.ValueOf(config), s[0].n)...)
}

// predictorSettings shows a table as it stands, with what its grid varies
// under grid and not among the parameters.
func (e *Experiment) predictorSettings(p Predictor) []Setting {
	path, n := p.source[0].path, p.source[0].n
	list := asWritten(path, n, "kind", "corpora", budgetKey, "grid", "skip")
	for _, s := range settings(path, reflect.ValueOf(p.params()), n) {
		if len(p.source) < 2 || p.source[1].n.get(splitKey(s.Key)[2:]...) == nil {
			list = append(list, s)
		}
	}
	return append(list, asWritten(path, n, "on")...)
}

// settings lists the parameters of a struct; n is the table they may be from.
func settings(path string, v reflect.Value, n *node) []Setting {
	v = reflect.Indirect(v)
	var list []Setting
	for _, f := range fieldsOf(v) {
		key, at := join(path, f.name), n.get(f.name)
		inner := reflect.Indirect(f.value)
		if inner.Kind() == reflect.Struct && !readsItself(inner.Type()) {
			list = append(list, settings(key, inner, at)...)
			continue
		}
		if inner.Kind() == reflect.Map && isNested(inner.Type().Elem()) {
			for _, k := range sortedKeys(inner) {
				list = append(list, nestedSettings(join(key, k.String()), asNested(inner.MapIndex(k)), at.get(k.String()))...)
			}
			continue
		}
		from := Origin{}
		if at != nil {
			from = at.from
		}
		list = append(list, Setting{key, string(canonical(f.value.Interface())), from.String()})
	}
	return list
}

func sortedKeys(m reflect.Value) []reflect.Value {
	return slices.SortedFunc(slices.Values(m.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
}

// asWritten lists the values of a table under the given keys.
func asWritten(path string, n *node, keys ...string) []Setting {
	var list []Setting
	for _, k := range keys {
		v := n.get(k)
		switch {
		case v == nil:
		case v.table != nil:
			list = append(list, asWritten(join(path, k), v, v.keys...)...)
		default:
			list = append(list, Setting{join(path, k), string(canonical(v.plain())), v.from.String()})
		}
	}
	return list
}

// splitKey undoes join.
func splitKey(key string) []string { return (&scanner{src: key}).key() }

// JSON is the resolved experiment in canonical form, to be stored with its
// results: two files that mean the same give the same bytes. Things stay in
// order, since tables and legends follow it.
func (e *Experiment) JSON() json.RawMessage {
	type object = map[string]any
	d := generic(reflect.ValueOf(e.document())).(map[string]any)
	corpora, plots, preds := []any{}, []any{}, []any{}
	for _, c := range e.Corpora {
		corpora = append(corpora, object{"name": c.Name, "kind": c.Kind, "params": c.Params})
	}
	for _, p := range e.Plots {
		plots = append(plots, object{"name": p.Name, "kind": p.Kind, "params": p.Params})
	}
	for _, p := range e.Predictors {
		runs := []any{}
		for _, r := range p.Runs {
			runs = append(runs, object{"corpus": r.Corpus, "params": r.Params})
		}
		preds = append(preds, object{"name": p.Name, "kind": p.Kind, "version": p.Version, "runs": runs})
	}
	d["corpora"], d["plots"], d["predictors"] = corpora, plots, preds
	if len(e.Metrics) > 0 {
		list := []any{}
		for _, m := range e.Metrics {
			list = append(list, object{"name": m.Name, "kind": m.Kind, "version": m.Version, "params": m.Params,
				"predictors": m.Predictors, "corpora": m.Corpora})
		}
		d["metrics"] = list
	}
	return canonical(d)
}
