package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"horizon/corpora"
	"horizon/predictors"
)

// predictorKeys are the keys of [predictors.NAME] that are not parameters.
var predictorKeys = []string{"kind", "corpora", budgetKey, "grid", "skip", "on"}

// A predictorKind is a kind of predictor or of coder.
type predictorKind struct {
	name    string
	version int
	oracle  bool
	fresh   func() Setup // with the defaults
}

func (r Registries) predictorKinds() []predictorKind {
	var kinds []predictorKind
	for _, k := range r.Predictors {
		kinds = append(kinds, predictorKind{k.Name, k.Version, k.Oracle, func() Setup { return Setup{Config: k.Default()} }})
	}
	for _, k := range r.Coders {
		kinds = append(kinds, predictorKind{k.Name, k.Version, false, func() Setup { return Setup{Coder: k.Default()} }})
	}
	return kinds
}

// params is the struct that holds the parameters.
func (s Setup) params() any {
	if s.Coder != nil {
		return s.Coder
	}
	return s.Config
}

// A predictorTable is [predictors.NAME] on its way to be expanded.
type predictorTable struct {
	name    string
	path    string
	n       *node
	kind    predictorKind
	corpora []Corpus // it runs on
	on      []override
	axes    []axis // of its grid: every combination is a point
	sweeps  []axis // of its bounds: one is swept at a time, the others open
}

// An override is a table under on.
type override struct {
	pattern string
	layer
}

// predictor expands one table into the points of its grid, each on all the
// corpora it runs on.
func (b *builder) predictor(name string, n *node) {
	t := &predictorTable{name: name, path: join("predictors", name), n: n}
	t.corpora = b.runsOn(t)
	t.on = b.overrides(t)
	kinds := b.predictorKinds()
	names := namesOf(kinds, func(k predictorKind) string { return k.name })
	kind, ok := b.kind("predictors", name, n, names)
	if !ok {
		return
	}
	t.kind = kinds[slices.Index(names, kind)]
	t.corpora = b.known(t)
	b.budgetTable(join(t.path, budgetKey), t.n.get(budgetKey))
	t.axes = b.grid(t)
	t.sweeps = b.usable(t, b.sweeps(t))
	skips := b.skips(t)
	if !b.affordable(t) {
		return
	}
	b.expand(t, skips)
}

// expand adds a predictor for every point of the grid that is not skipped.
// Values that do not fit are found on the way, once each.
func (b *builder) expand(t *predictorTable, skips [][]choice) {
	left := 0
	for point := range t.points() {
		if slices.ContainsFunc(skips, func(s []choice) bool { return covers(s, point) }) {
			continue
		}
		left++
		b.e.Predictors = append(b.e.Predictors, b.point(t, point))
	}
	if left == 0 {
		b.refuse(t.path+".skip", t.n.get("skip"), "want at least one point left")
	}
}

// point is the predictor at one point of the grid.
func (b *builder) point(t *predictorTable, point []choice) Predictor {
	p := Predictor{Name: t.name, Table: t.name, Kind: t.kind.name, Version: t.kind.version, Oracle: t.kind.oracle}
	from := source{{t.path, t.n}}
	if grid := t.n.get("grid"); grid != nil && grid.table != nil {
		from = append(from, layer{t.path + ".grid", pointTree(grid.from, point)})
	}
	var label []string
	for _, c := range point {
		if !c.axis.fixed {
			v := GridValue{c.axis.short(), c.value.label()}
			p.Grid = append(p.Grid, v)
			label = append(label, v.Key+"="+v.Value)
		}
	}
	if len(label) > 0 {
		p.Name += "/" + strings.Join(label, ",")
	}
	setup := func(on []override) Setup {
		from := slices.Clip(from)
		for _, o := range on {
			from = append(from, o.layer)
		}
		return b.setup(t.kind, from, b.bounds(t, point, on))
	}
	p.Setup = setup(nil)
	for i, o := range t.on { // must make sense even if it matches nothing
		if !slices.ContainsFunc(t.corpora, func(c Corpus) bool { return Match(o.pattern, c.Name) }) {
			setup(t.on[i : i+1])
		}
	}
	for _, c := range t.corpora {
		on := slices.DeleteFunc(slices.Clone(t.on), func(o override) bool { return !Match(o.pattern, c.Name) })
		p.Runs = append(p.Runs, Run{c.Name, setup(on)})
	}
	return p
}

// setup is a kind's defaults under the layers of a source, and a budget.
func (b *builder) setup(k predictorKind, from source, budget predictors.Budget) Setup {
	s := k.fresh()
	b.set(s.params(), from, predictorKeys...)
	s.source, s.Budget = from, budget
	all := generic(reflect.ValueOf(s.params())).(map[string]any)
	if set := boundsJSON(budget); len(set) > 0 {
		all[budgetKey] = set
	}
	s.Params = canonical(all)
	return s
}

// affordable refuses a grid that could not be planned before it is expanded.
func (b *builder) affordable(t *predictorTable) bool {
	limit := b.e.Limits.Cells
	if limit < 1 || limit > MaxCells {
		limit = MaxCells // refused elsewhere
	}
	size := 1
	for _, a := range t.axes {
		size *= len(a.values)
		if size > limit {
			b.tooMany(t, "its grid has", size, limit)
			return false
		}
	}
	if values := t.swept(); values > 0 {
		size *= values
	}
	if b.runs += size * len(t.corpora); b.runs > limit {
		b.tooMany(t, "up to here, predictors and corpora make", b.runs, limit)
		return false
	}
	return true
}

func (b *builder) tooMany(t *predictorTable, what string, n, limit int) {
	at, key := t.n.from, t.path
	if g := t.n.get("grid"); g != nil {
		at, key = g.from, t.path+".grid"
	}
	b.problems.add(Problem{At: at, Key: key, Why: fmt.Sprintf("%s %d cells or more, want at most %d (limits.cells)", what, n, limit)})
}

// runsOn reads which corpora the predictor runs on: all, or those that fit a
// pattern of its list.
func (b *builder) runsOn(t *predictorTable) []Corpus {
	path, list := t.path+".corpora", t.n.get("corpora")
	if list == nil {
		return b.e.Corpora
	}
	if !list.list || len(list.items) == 0 {
		b.refuse(path, list, "want a list of names or patterns of corpora")
		return nil
	}
	chosen := make([]bool, len(b.e.Corpora))
	for _, item := range list.items {
		pattern, ok := item.scalar.(string)
		if !ok {
			b.refuse(path, item, "want a name or pattern of corpora")
			continue
		}
		hit := false
		for i, c := range b.e.Corpora {
			if Match(pattern, c.Name) {
				hit, chosen[i] = true, true
			}
		}
		if !hit && !b.brokenCorpus(pattern) {
			b.refuse(path, item, "%s", unknown("corpus", pattern, b.corpusNames()))
		}
	}
	var on []Corpus
	for i, c := range b.e.Corpora {
		if chosen[i] {
			on = append(on, c)
		}
	}
	return on
}

// corpusNames are those in the file, whether or not they are well-formed.
func (b *builder) corpusNames() []string {
	if n := b.root.get("corpora"); n != nil {
		return n.keys
	}
	return nil
}

// brokenCorpus reports that the pattern fits a corpus that was refused
// itself, which is complaint enough.
func (b *builder) brokenCorpus(pattern string) bool {
	return slices.ContainsFunc(b.corpusNames(), func(name string) bool { return Match(pattern, name) })
}

// known leaves an oracle the corpora whose law is known. It is no error to
// ask for others along with them, so that one table of common settings serves
// every experiment; it is one to ask for others only.
func (b *builder) known(t *predictorTable) []Corpus {
	if !t.kind.oracle {
		return t.corpora
	}
	known := slices.DeleteFunc(slices.Clone(t.corpora), func(c Corpus) bool { return !c.Process })
	if list := t.n.get("corpora"); list != nil && len(known) == 0 && len(t.corpora) > 0 {
		b.refuse(t.path+".corpora", list, "want a known process among them: kind %q runs on no other", t.kind.name)
	}
	return known
}

// overrides reads the tables under on.
func (b *builder) overrides(t *predictorTable) []override {
	path, on := t.path+".on", t.n.get("on")
	if on == nil {
		return nil
	}
	if on.table == nil {
		b.refuse(path, on, "want tables named for corpora, [%s.CORPUS]", path)
		return nil
	}
	var list []override
	for _, pattern := range on.keys {
		n, key := on.table[pattern], join(path, pattern)
		switch {
		case n.table == nil:
			b.refuse(key, n, "want a table of parameters")
		case !strings.ContainsAny(pattern, "*?") && !slices.Contains(b.corpusNames(), pattern):
			b.problems.add(Problem{At: n.from, Key: key, Why: unknown("corpus", pattern, b.corpusNames())})
		default:
			b.budgetTable(join(key, budgetKey), n.get(budgetKey))
			list = append(list, override{pattern, layer{key, n}})
		}
	}
	return list
}

// An axis is one parameter of a grid and the values it takes.
type axis struct {
	path   []string
	values []*node
	fixed  bool   // a scalar: one value, not part of names
	at     string // the key it was written under
}

func (a axis) key() string { return strings.Join(a.path, ".") }

// short is the key in names: bounds are known without saying that they are.
func (a axis) short() string { return strings.TrimPrefix(a.key(), budgetKey+".") }

// A choice is a value on an axis.
type choice struct {
	axis  *axis
	value *node
}

// grid reads the axes of a grid, in file order.
func (b *builder) grid(t *predictorTable) []axis {
	path, n := t.path+".grid", t.n.get("grid")
	if n == nil {
		return nil
	}
	if n.table == nil || len(n.keys) == 0 {
		b.refuse(path, n, "want a table of parameters, each a list of values")
		return nil
	}
	b.budgetTable(join(path, budgetKey), n.get(budgetKey))
	axes := leaves(n, nil)
	for i := range axes {
		axes[i].at = path + "." + axes[i].key()
	}
	return b.usable(t, axes)
}

// usable refuses axes without values, with a value twice, or that another
// setting disputes, and returns the others.
func (b *builder) usable(t *predictorTable, axes []axis) []axis {
	axes = slices.DeleteFunc(axes, func(a axis) bool {
		if len(a.values) == 0 {
			b.problems.add(Problem{At: b.written(a), Key: a.at, Got: "[]", Why: "want at least one value"})
			return true
		}
		seen := map[string]bool{}
		for _, v := range a.values {
			if text := v.label(); seen[text] {
				list := &node{list: true, items: a.values}
				b.problems.add(Problem{At: b.written(a), Key: a.at, Got: clip(list.String()),
					Why: fmt.Sprintf("want different values, not %s twice", clip(text))})
				return true
			}
			seen[v.label()] = true
		}
		return false
	})
	for _, a := range axes {
		b.shadow(t, a)
	}
	return axes
}

// written is where the list of an axis was.
func (b *builder) written(a axis) Origin {
	if n := b.root.get(splitKey(a.at)...); n != nil {
		return n.from
	}
	return b.file
}

// leaves lists the parameters in a table and the tables within it.
func leaves(n *node, path []string) []axis {
	var axes []axis
	for _, k := range n.keys {
		v, at := n.table[k], append(slices.Clone(path), k)
		switch {
		case v.table != nil:
			axes = append(axes, leaves(v, at)...)
		case v.list:
			axes = append(axes, axis{path: at, values: v.items})
		default:
			axes = append(axes, axis{path: at, values: []*node{v}, fixed: true})
		}
	}
	return axes
}

// shadow refuses settings that a grid and another table dispute. Between a
// predictor's table and its grid the grid wins, unless the table's value is
// from a stronger file or from --set, where it was surely meant to count.
func (b *builder) shadow(t *predictorTable, a axis) {
	instead := a.at
	if own := t.n.get(a.path...); own != nil && b.rank(own.from) > b.rank(a.values[0].from) {
		b.problems.add(Problem{At: own.from, Key: t.path + "." + a.key(), Got: clip(own.String()),
			Why: "would not count, since the grid sets it too: set " + instead})
	}
	for _, o := range t.on {
		if own := o.n.get(a.path...); own != nil && !a.fixed {
			b.problems.add(Problem{At: own.from, Key: o.path + "." + a.key(), Got: clip(own.String()),
				Why: "would make the points of the grid alike, which sets " + instead})
		}
	}
}

// points are those of the predictor's grid, for each bound on each of its
// sweeps.
func (t *predictorTable) points() func(yield func([]choice) bool) {
	if len(t.sweeps) == 0 {
		return points(t.axes)
	}
	return func(yield func([]choice) bool) {
		for _, a := range t.sweeps {
			for point := range points(append(slices.Clip(t.axes), a)) {
				if !yield(point) {
					return
				}
			}
		}
	}
}

// swept is how many bounds the sweeps have, 0 if there are none.
func (t *predictorTable) swept() (values int) {
	for _, a := range t.sweeps {
		values += len(a.values)
	}
	return values
}

// points yields every point of the grid, the last axis varying fastest.
func points(axes []axis) func(yield func([]choice) bool) {
	return func(yield func([]choice) bool) {
		at := make([]int, len(axes))
		for {
			point := make([]choice, len(axes))
			for i := range axes {
				point[i] = choice{&axes[i], axes[i].values[at[i]]}
			}
			if !yield(point) {
				return
			}
			i := len(axes) - 1
			for ; i >= 0; i-- {
				if at[i]++; at[i] < len(axes[i].values) {
					break
				}
				at[i] = 0
			}
			if i < 0 {
				return
			}
		}
	}
}

// pointTree is the table of parameters at a point.
func pointTree(from Origin, point []choice) *node {
	root := newTable(from)
	for _, c := range point {
		last := len(c.axis.path) - 1
		root.descend(c.axis.path[:last], c.value.from).put(c.axis.path[last], c.value)
	}
	return root
}

// skips reads which points to leave out: those that agree with one of the
// tables in the list in every key it has.
func (b *builder) skips(t *predictorTable) [][]choice {
	path, list := t.path+".skip", t.n.get("skip")
	if list == nil {
		return nil
	}
	if !list.list || len(list.items) == 0 {
		b.refuse(path, list, "want a list of tables, such as [{ order = 8 }]")
		return nil
	}
	var skips [][]choice
	for _, item := range list.items {
		if item.table == nil || len(item.keys) == 0 {
			b.refuse(path, item, "want a table of values from the grid")
			continue
		}
		if s, ok := b.skip(path, item, slices.Concat(t.axes, t.sweeps)); ok {
			skips = append(skips, s)
		}
	}
	return skips
}

func (b *builder) skip(path string, n *node, axes []axis) (choices []choice, ok bool) {
	keys := namesOf(axes, axis.key)
	ok = true
	for _, want := range skipped(n, nil) {
		i := slices.Index(keys, want.key())
		if i < 0 {
			b.problems.add(Problem{At: want.values[0].from, Key: path + "." + want.key(), Why: unknown("key of the grid", want.key(), keys)})
			ok = false
			continue
		}
		j := slices.IndexFunc(axes[i].values, func(v *node) bool { return v.String() == want.values[0].String() })
		if j < 0 {
			b.refuse(path+"."+want.key(), want.values[0], "want one of the grid's %s", clip((&node{list: true, items: axes[i].values}).String()))
			ok = false
			continue
		}
		choices = append(choices, choice{&axes[i], axes[i].values[j]})
	}
	return choices, ok
}

// skipped lists the coordinates a skip table names: lists are values here.
func skipped(n *node, path []string) []axis {
	var list []axis
	for _, k := range n.keys {
		v, at := n.table[k], append(slices.Clone(path), k)
		if v.table != nil {
			list = append(list, skipped(v, at)...)
			continue
		}
		list = append(list, axis{path: at, values: []*node{v}, fixed: true})
	}
	return list
}

// covers reports whether the point agrees with every choice of the skip.
func covers(skip, point []choice) bool {
	return all(skip, func(c choice) bool {
		return slices.ContainsFunc(point, func(p choice) bool { return p.value == c.value })
	})
}

// Check says what is wrong with the kinds themselves: a program that fails it
// has a bug. Names must be unique and defaults pointers to structs that a
// table can set, without the keys that are ours.
func (r Registries) Check() error {
	var wrong []string
	check := func(where string, names map[string]bool, name string, config any, reserved []string) {
		switch path := where + "." + name; {
		case !nameForm.MatchString(name) || names[name]:
			wrong = append(wrong, fmt.Sprintf("%s: want a name of its own", path))
		default:
			if err := settable(config, reserved); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %v", path, err))
			}
		}
		names[name] = true
	}
	seen := map[string]bool{}
	for _, k := range r.Corpora {
		check("corpora", seen, k.Name, k.Default(), []string{"kind"})
		if _, ok := k.Default().(corpora.Config); !ok {
			wrong = append(wrong, fmt.Sprintf("corpora.%s: defaults are %T, want a corpora.Config", k.Name, k.Default()))
		}
	}
	seen = map[string]bool{}
	for _, k := range r.predictorKinds() {
		check("predictors", seen, k.name, k.fresh().params(), predictorKeys)
	}
	seen = map[string]bool{}
	for _, k := range r.Plots {
		check("plots", seen, k.Name, k.Default(), []string{"kind"})
	}
	seen = map[string]bool{}
	for _, k := range r.Metrics {
		check("metrics", seen, k.Name, k.Default(), metricKeys)
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("kinds: %s", strings.Join(wrong, "; "))
}
