// Package config reads experiments. An experiment is a TOML file of named
// tables, on top of the files it extends and under the --set flags:
//
//	schema  = 1
//	name    = "orders"
//	extends = ["common.toml"]          # weakest first; this file; --set
//
//	[corpora.opticks]
//	kind = "opticks"
//
//	[predictors.kn]
//	kind = "kneser-ney"
//	grid = { order = [4, 5, 6] }       # kn/order=4, kn/order=5, kn/order=6
//	skip = [{ order = 5 }]
//	corpora = ["opt*"]                 # default: all
//	[predictors.kn.on.opticks]         # parameters on that corpus only
//	discounts = "single"
//
//	[budget]                           # of every predictor's training
//	model_bytes = ["1MiB", "4MiB"]     # a list sweeps: kn/order=4,model_bytes=1MiB …
//
// Bounds are those of predictors.Budget: symbols, model_bytes, train_seconds,
// train_ops. A predictor may have its own, under budget in its table, its grid
// or on.
//
// Tables merge key by key; an inline table is a value and replaces the one
// before whole. More specific settings win: a kind's defaults, the predictor's
// table, its grid, on; of several tables under on that match a corpus, the
// last. Names in on must be corpora, patterns there may match nothing.
//
// Whatever is wrong is refused, all of it at once, with file, line, key, what
// was found and what was wanted.
package config

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/predictors/catalog"
)

// A Kind is a kind of corpus or of plot, as far as its configuration goes.
type Kind struct {
	Name string
	// Default returns a pointer to a new struct with toml tags, for a corpus a
	// corpora.Config. If it has a method Validate() error, that is called.
	Default func() any
	Process bool // corpora: the law is known, so oracles run on it
}

func (k Kind) name() string { return k.Name }

// Registries are the kinds that a file may name.
type Registries struct {
	Corpora    []Kind
	Predictors []catalog.Kind
	Coders     []catalog.CoderKind // share the table [predictors]
	Plots      []Kind
	Metrics    []MetricKind
}

// A MetricKind is a kind of measurement beside those every cell has.
type MetricKind struct {
	Kind
	Version int // of its code: part of a cell's identity
}

// Options are what an experiment is read with.
type Options struct {
	Registries
	Sets     []string                          // key=value, strongest last
	ReadFile func(path string) ([]byte, error) // nil for the file system
}

// An Experiment is what to compare, checked. Slices of named things are in
// order of first appearance.
type Experiment struct {
	Name       string
	Title      string
	Files      []string // that it was merged from, weakest first
	SaveModels bool
	Seeds      Seeds
	Corpora    []Corpus
	Predictors []Predictor
	Evaluate   Evaluate
	Limits     Limits
	Plots      []Plot
	Metrics    []Metric

	tree *node
}

// Seeds are the sources of all randomness.
type Seeds struct {
	Corpus    uint64            `toml:"corpus"`    // draws from processes
	Init      OneOrMore[uint64] `toml:"init"`      // training; one replicate each, for kinds that train at random
	Bootstrap uint64            `toml:"bootstrap"` // intervals
	Rollouts  uint64            `toml:"rollouts"`  // sampled futures
}

// DefaultSeeds are those of an experiment that names none.
func DefaultSeeds() Seeds {
	return Seeds{Corpus: 7, Init: OneOrMore[uint64]{1}, Bootstrap: 20, Rollouts: 5}
}

// Evaluate is the protocol.
type Evaluate struct {
	Mode           OneOrMore[string] `toml:"mode"`            // Frozen, Prequential; one cell each
	Horizons       []int             `toml:"horizons"`        // k of L_k, ascending, ≥ 1
	Points         int               `toml:"points"`          // positions where L_k is measured, ≥ 0
	Rollouts       int               `toml:"rollouts"`        // sampled futures a point, even (the jackknife halves them), ≥ 2
	Block          int               `toml:"block"`           // symbols a stored loss, ≥ 1
	Context        string            `toml:"context"`         // Empty, Continue
	ContextSymbols int               `toml:"context_symbols"` // taken over by Continue, ≥ 1
	Proof          bool              `toml:"proof"`           // decode what was encoded
	Top1           bool              `toml:"top1"`            // accuracy of the most probable symbol
	Refit          bool              `toml:"refit"`           // what learns symbol by symbol learns the validation part too, once tuned
}

// What Evaluate.Mode and Evaluate.Context may be.
const (
	Frozen      = "frozen"      // train, reset, score
	Prequential = "prequential" // score each symbol, then learn it
	Empty       = "empty"       // every part starts from the empty context
	Continue    = "continue"    // a part goes on in the context of the part before
)

// DefaultEvaluate is the protocol unless the file says otherwise.
func DefaultEvaluate() Evaluate {
	return Evaluate{Mode: OneOrMore[string]{Frozen}, Horizons: []int{1, 2, 4, 8, 16, 32}, Points: 200, Rollouts: 16,
		Block: 256, Context: Empty, ContextSymbols: 4096, Top1: true}
}

// Limits bound a run; they are no part of a result's identity.
type Limits struct {
	Workers int           `toml:"workers"` // cells at once; 0 for one a core
	Cells   int           `toml:"cells"`   // a larger plan is refused, 1 to MaxCells
	Time    time.Duration `toml:"time"`    // of a cell
	Memory  Size          `toml:"memory"`  // of a cell
}

// MaxCells bounds Limits.Cells.
const MaxCells = 100_000

// DefaultLimits are those of an experiment that names none.
func DefaultLimits() Limits {
	return Limits{Cells: 1000, Time: 30 * time.Minute, Memory: 2 << 30}
}

// A Corpus is a table [corpora.NAME].
type Corpus struct {
	Name    string
	Kind    string
	Process bool            // its kind's law is known
	Config  corpora.Config  // validated
	Params  json.RawMessage // canonical, of all parameters
	source
}

// A Plot is a table [plots.NAME].
type Plot struct {
	Name   string
	Kind   string
	Config any
	Params json.RawMessage
	source
}

// A Metric is a table [metrics.NAME]: what is measured of the cells whose
// predictor and corpus fit one of its patterns each. A kind is asked for once.
type Metric struct {
	Name                string
	Kind                string
	Version             int
	Config              any
	Params              json.RawMessage
	Predictors, Corpora []string // patterns; none for all
	source
}

// Of reports whether the metric is measured on a predictor, known by the name
// of its table or of its point of a grid, on a corpus.
func (m *Metric) Of(p Predictor, corpus string) bool {
	fits := func(patterns []string, names ...string) bool {
		return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool {
			return slices.ContainsFunc(names, func(n string) bool { return Match(pattern, n) })
		})
	}
	return fits(m.Predictors, p.Name, p.Table) && fits(m.Corpora, corpus)
}

// A Predictor is a table [predictors.NAME], or one point of its grid.
type Predictor struct {
	Name    string // "kn", or "kn/order=4,discounts=single"
	Table   string // "kn"
	Kind    string
	Version int // of the kind's code
	Oracle  bool
	Grid    []GridValue
	Setup
	Runs []Run // the corpora it runs on
}

// A GridValue is one coordinate of a point of a grid.
type GridValue struct{ Key, Value string }

// A Run is a predictor on a corpus, with the parameters it has there.
type Run struct {
	Corpus string
	Setup
}

// A Setup is the parameters of a predictor, or of a coder.
type Setup struct {
	Config predictors.Config      // nil for a coder
	Coder  predictors.CoderConfig // nil for a predictor
	Budget predictors.Budget
	Params json.RawMessage // canonical JSON of all parameters, defaults among them, and of the bounds that are set: part of a cell's identity
	source
}

// Load reads the experiment at path. The error is of type Problems.
func Load(path string, opt Options) (*Experiment, error) {
	read := opt.ReadFile
	if read == nil {
		read = readFile
	}
	src, err := read(path)
	if err != nil {
		if os.IsNotExist(err) {
			err = fmt.Errorf("there is no such file")
		}
		return nil, Problems{{At: Origin{File: path}, Why: err.Error()}}
	}
	return Parse(path, src, opt)
}

// Parse reads an experiment whose text is at hand; path names it in messages
// and is where the files it extends are looked for.
func Parse(path string, src []byte, opt Options) (*Experiment, error) {
	l := &loader{read: opt.ReadFile, sets: opt.Sets, opened: 1}
	if l.read == nil {
		l.read = readFile
	}
	root := l.merged(path, src)
	if len(l.problems) > 0 {
		return nil, l.problems.sorted(l.rank)
	}
	b := &builder{Registries: opt.Registries, file: Origin{File: path}, root: root, rank: l.rank}
	e := b.experiment()
	if len(b.problems) > 0 {
		return nil, b.problems.sorted(l.rank)
	}
	e.Files, e.tree = l.files, root
	return e, nil
}

// A builder turns a merged tree into an experiment.
type builder struct {
	decoder
	Registries
	file Origin // where what is missing should have been
	root *node
	rank func(Origin) int
	runs int // predictors times corpora so far
	e    *Experiment
}

func (b *builder) experiment() *Experiment {
	b.e = &Experiment{}
	b.general()
	b.sections()
	return b.e
}

// A document is what a file holds beside its named tables.
type document struct {
	Schema     int      `toml:"schema"`
	Name       string   `toml:"name"`
	Title      string   `toml:"title"`
	SaveModels bool     `toml:"save_models"`
	Seeds      Seeds    `toml:"seeds"`
	Evaluate   Evaluate `toml:"evaluate"`
	Limits     Limits   `toml:"limits"`
}

func (e *Experiment) document() document {
	return document{Schema, e.Name, e.Title, e.SaveModels, e.Seeds, e.Evaluate, e.Limits}
}

func (b *builder) general() {
	d := document{Seeds: DefaultSeeds(), Evaluate: DefaultEvaluate(), Limits: DefaultLimits()}
	b.fields("", b.root, reflect.ValueOf(&d).Elem(), "corpora", "predictors", "plots", "metrics", "extends", budgetKey)
	b.budgetTable(budgetKey, b.root.get(budgetKey))
	b.required("schema", fmt.Sprintf("schema = %d", Schema))
	b.required("name", `name = "…", which is not inherited by extends`)
	b.check(d.Name == "" || nameForm.MatchString(d.Name), wantName, "name")
	b.checkSeeds(d.Seeds)
	b.checkEvaluate(d.Evaluate)
	b.checkLimits(d.Limits)
	b.e.Name, b.e.Title, b.e.SaveModels = d.Name, d.Title, d.SaveModels
	b.e.Seeds, b.e.Evaluate, b.e.Limits = d.Seeds, d.Evaluate, d.Limits
}

func (b *builder) required(key, want string) {
	if n := b.root.get(key); n == nil || n.scalar == "" {
		b.problems.add(Problem{At: b.file, Key: key, Why: "missing, want " + want})
	}
}

// check refuses the value at path unless ok, or already refused for its type.
// Defaults are in range, so that there is a value to point at.
func (b *builder) check(ok bool, want string, path ...string) {
	key := strings.Join(path, ".")
	if n := b.root.get(path...); !ok && !b.refused(key) && n != nil {
		b.refuse(key, n, "want %s", want)
	}
}

func (b *builder) refused(key string) bool {
	return slices.ContainsFunc(b.problems, func(p Problem) bool { return p.Key == key })
}

func (b *builder) checkSeeds(s Seeds) {
	b.check(len(s.Init) > 0 && distinct(s.Init), "a number or a list of different numbers", "seeds", "init")
}

func (b *builder) checkEvaluate(e Evaluate) {
	modes := func(m string) bool { return m == Frozen || m == Prequential }
	b.check(len(e.Mode) > 0 && distinct(e.Mode) && all(e.Mode, modes),
		fmt.Sprintf("%q, %q or a list of both", Frozen, Prequential), "evaluate", "mode")
	b.check(len(e.Horizons) > 0 && e.Horizons[0] >= 1 && distinct(e.Horizons) && slices.IsSorted(e.Horizons),
		"ascending numbers >= 1", "evaluate", "horizons")
	b.check(e.Points >= 0, ">= 0", "evaluate", "points")
	b.check(e.Rollouts >= 2 && e.Rollouts%2 == 0, "an even number >= 2", "evaluate", "rollouts")
	b.check(e.Block >= 1, ">= 1", "evaluate", "block")
	b.check(e.Context == Empty || e.Context == Continue,
		fmt.Sprintf("%q or %q", Empty, Continue), "evaluate", "context")
	b.check(e.ContextSymbols >= 1, ">= 1", "evaluate", "context_symbols")
}

func (b *builder) checkLimits(l Limits) {
	b.check(l.Workers >= 0, ">= 0 (0 for one a core)", "limits", "workers")
	b.check(1 <= l.Cells && l.Cells <= MaxCells, fmt.Sprintf("1 to %d", MaxCells), "limits", "cells")
	b.check(l.Time > 0, "> 0", "limits", "time")
	b.check(l.Memory > 0, "> 0", "limits", "memory")
}

func all[T any](list []T, ok func(T) bool) bool {
	return !slices.ContainsFunc(list, func(x T) bool { return !ok(x) })
}

func distinct[T comparable](list []T) bool {
	seen := map[T]bool{}
	for _, x := range list {
		seen[x] = true
	}
	return len(seen) == len(list)
}

// Names are parts of selectors (kn/order=4@opticks), patterns and file names.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

const wantName = "letters, digits and ._+-, a letter or digit first"

func (b *builder) sections() {
	for name, n := range b.section("corpora", true) {
		b.corpus(name, n)
	}
	for name, n := range b.section("predictors", true) {
		b.predictor(name, n)
	}
	for name, n := range b.section("plots", false) {
		b.plot(name, n)
	}
	for name, n := range b.section("metrics", false) {
		b.metric(name, n)
	}
}

// section yields the tables of a section that deserve a closer look.
func (b *builder) section(section string, needed bool) func(yield func(string, *node) bool) {
	return func(yield func(string, *node) bool) {
		n := b.root.get(section)
		if n != nil && n.table == nil {
			b.refuse(section, n, "want named tables, [%s.NAME]", section)
			return
		}
		if n == nil || len(n.keys) == 0 {
			if needed {
				b.problems.add(Problem{At: b.file, Key: section, Why: fmt.Sprintf("missing, want at least one table [%s.NAME]", section)})
			}
			return
		}
		seen := map[string]string{}
		for _, name := range n.keys {
			if b.named(section, name, n.table[name], seen) && !yield(name, n.table[name]) {
				return
			}
		}
	}
}

// named checks one entry of a section and its name.
func (b *builder) named(section, name string, n *node, seen map[string]string) bool {
	path := join(section, name)
	folded := strings.ToLower(name)
	switch twin, twice := seen[folded]; {
	case n.table == nil:
		b.refuse(path, n, "want a table with a kind")
		return false
	case !nameForm.MatchString(name):
		b.problems.add(Problem{At: n.from, Key: path, Why: "want a name of " + wantName})
		return false
	case twice:
		b.problems.add(Problem{At: n.from, Key: path, Why: fmt.Sprintf("differs from %q in case only", twin)})
		return false
	}
	seen[folded] = name
	return true
}

// kind reads the kind of the thing at section.name, one of known.
func (b *builder) kind(section, name string, n *node, known []string) (kind string, ok bool) {
	path := join(section, name)
	k := n.get("kind")
	if k == nil {
		b.noKind(section, name, n, known)
		return "", false
	}
	kind, ok = k.scalar.(string)
	if !ok {
		b.refuse(join(path, "kind"), k, "want a string")
		return "", false
	}
	if !slices.Contains(known, kind) {
		b.refuse(join(path, "kind"), k, "%s", unknown("kind", kind, known))
		return "", false
	}
	return kind, true
}

// noKind tells a table without a kind from a mistyped name in --set.
func (b *builder) noKind(section, name string, n *node, known []string) {
	p := Problem{At: n.from, Key: join(section, name), Why: "missing kind (known: " + strings.Join(slices.Sorted(slices.Values(known)), ", ") + ")"}
	if n.from.Set != "" {
		others := slices.DeleteFunc(slices.Clone(b.root.get(section).keys), func(k string) bool { return k == name })
		p.Why = unknown("name", name, others)
	}
	b.problems.add(p)
}

// thing decodes the table of a corpus or plot of one of the known kinds and
// returns which one.
func (b *builder) thing(section, name string, n *node, known []string, fresh func(i int) any, reserved ...string) (i int, config any, from source) {
	kind, ok := b.kind(section, name, n, known)
	if !ok {
		return -1, nil, nil
	}
	i = slices.Index(known, kind)
	config, from = fresh(i), source{{join(section, name), n}}
	b.set(config, from, append(reserved, "kind")...)
	return i, config, from
}

func (b *builder) corpus(name string, n *node) {
	known := namesOf(b.Corpora, Kind.name)
	i, config, from := b.thing("corpora", name, n, known, func(i int) any { return b.Corpora[i].Default() })
	if i >= 0 {
		k := b.Corpora[i]
		b.e.Corpora = append(b.e.Corpora, Corpus{name, k.Name, k.Process, config.(corpora.Config), canonical(config), from})
	}
}

func (b *builder) plot(name string, n *node) {
	known := namesOf(b.Plots, Kind.name)
	i, config, from := b.thing("plots", name, n, known, func(i int) any { return b.Plots[i].Default() })
	if i >= 0 {
		b.e.Plots = append(b.e.Plots, Plot{name, known[i], config, canonical(config), from})
	}
}

func (b *builder) metric(name string, n *node) {
	known := namesOf(b.Metrics, func(k MetricKind) string { return k.Name })
	i, config, from := b.thing("metrics", name, n, known, func(i int) any { return b.Metrics[i].Default() }, metricKeys[1:]...)
	if i < 0 {
		return
	}
	for _, m := range b.e.Metrics {
		if m.Kind == known[i] {
			b.refuse(join(join("metrics", name), "kind"), n.get("kind"), "want it once: metrics.%s has it already, and scores go by the kind", m.Name)
			return
		}
	}
	m := Metric{Name: name, Kind: known[i], Version: b.Metrics[i].Version, Config: config, Params: canonical(config), source: from}
	tables := func(section string) []string {
		if s := b.root.get(section); s != nil {
			return s.keys
		}
		return nil
	}
	m.Predictors = b.patterns(name, n, "predictors", tables("predictors"))
	m.Corpora = b.patterns(name, n, "corpora", tables("corpora"))
	b.e.Metrics = append(b.e.Metrics, m)
}

// metricKeys are the keys of [metrics.NAME] that are not parameters.
var metricKeys = []string{"kind", "predictors", "corpora"}

// patterns reads a list of names or patterns, each of which must fit one of the
// names there are, up to what a grid adds to it.
func (b *builder) patterns(name string, n *node, key string, names []string) (list []string) {
	v, path := n.get(key), join(join("metrics", name), key)
	if v == nil {
		return nil
	}
	if !v.list || len(v.items) == 0 {
		b.refuse(path, v, "want a list of names or patterns of %s", key)
		return nil
	}
	for _, item := range v.items {
		pattern, ok := item.scalar.(string)
		base, _, _ := strings.Cut(pattern, "/")
		switch {
		case !ok:
			b.refuse(path, item, "want a name or pattern of %s", key)
		case !slices.ContainsFunc(names, func(n string) bool { return Match(base, n) }):
			b.refuse(path, item, "%s", unknown("name", pattern, names))
		default:
			list = append(list, pattern)
		}
	}
	return list
}

func namesOf[T any](list []T, name func(T) string) []string {
	names := make([]string, len(list))
	for i, x := range list {
		names[i] = name(x)
	}
	return names
}

// set decodes the layers of a source, weakest first, onto the defaults in
// config and validates the result.
func (b *builder) set(config any, from source, reserved ...string) {
	before := len(b.problems)
	for i, l := range from {
		if i > 0 { // of a grid or an override
			reserved = []string{budgetKey}
		}
		b.fields(l.path, l.n, reflect.ValueOf(config).Elem(), reserved...)
	}
	v, ok := config.(interface{ Validate() error })
	if !ok || len(b.problems) > before {
		return
	}
	for _, p := range from.problems(config, v.Validate()) {
		b.problems.add(p)
	}
}
