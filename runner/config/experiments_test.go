package config

import (
	"path/filepath"
	"slices"
	"testing"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/runner/metrics"
)

// real returns the kinds of this program; plots are decoded where they are
// known, in package main.
func real() Registries {
	r := Registries{Predictors: catalog.Kinds, Coders: catalog.Coders}
	for _, k := range corpora.Kinds {
		r.Corpora = append(r.Corpora, Kind{k.Name, func() any { return k.Default() }, k.Process})
	}
	for _, k := range metrics.Studies {
		r.Metrics = append(r.Metrics, MetricKind{Kind{Name: k.Name, Default: func() any { return k.Default() }}, k.Version})
	}
	return r
}

// TestExperiments reads every experiment there is with the real kinds, all but
// its plots, and makes every predictor it names: a parameter renamed or out of
// range is found here and not in the middle of a night's run.
func TestExperiments(t *testing.T) {
	paths, err := filepath.Glob("../../experiments/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("there are no experiments")
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := readFile(path)
			if err != nil {
				t.Fatal(err)
			}
			e, err := withoutPlots(path, src)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range e.Predictors {
				if err := p.Refuse(try(p.Setup)); err != nil && !p.Oracle {
					t.Error(err)
				}
				for _, r := range p.Runs {
					if err := r.Refuse(try(r.Setup)); err != nil && !p.Oracle {
						t.Error(err)
					}
				}
			}
		})
	}
}

func try(s Setup) error {
	if s.Coder != nil {
		_, err := s.Coder.NewCoder()
		return err
	}
	_, err := s.Config.New(predictors.Env{Alphabet: 4, Seed: 1})
	return err
}

func withoutPlots(path string, src []byte) (*Experiment, error) {
	l := &loader{read: readFile, opened: 1}
	root := l.merged(path, src)
	if len(l.problems) > 0 {
		return nil, l.problems.sorted(l.rank)
	}
	root.remove("plots")
	b := &builder{Registries: real(), file: Origin{File: path}, root: root, rank: l.rank}
	if e := b.experiment(); len(b.problems) == 0 {
		return e, nil
	}
	return nil, b.problems.sorted(l.rank)
}

// TestRealKinds: every kind can be configured, and its defaults are valid and
// have a canonical form.
func TestRealKinds(t *testing.T) {
	if err := real().Check(); err != nil {
		t.Fatal(err)
	}
	for _, k := range real().predictorKinds() {
		if a, b := canonical(k.fresh().params()), canonical(k.fresh().params()); string(a) != string(b) || len(a) == 0 {
			t.Errorf("%s: defaults are %s and then %s", k.name, a, b)
		}
	}
}

// TestSelfReading: a type with an UnmarshalTOML of its own is told of like any
// other.
func TestSelfReading(t *testing.T) {
	lz := Registries{Corpora: real().Corpora, Predictors: fakes.Predictors}
	read := func(split string) (*Experiment, error) {
		src := "schema = 1\nname = \"x\"\n[corpora.o]\nkind = \"opticks\"\nsplit = " + split + "\n[predictors.lz]\nkind = \"lz78\"\n"
		return Parse("m", []byte(src), Options{Registries: lz})
	}
	for split, want := range map[string]string{
		"{ train = 0.8, tset = 0.2 }":    `m:5: corpora.o.split.tset: unknown key, did you mean "test"? (known: test, train, valid)`,
		"{ train = 0.8,\n test = true }": `m:6: corpora.o.split.test = true, want a fraction or a number of symbols`,
		"{ train = 0.8,\n test = 1 }":    `m:5: corpora.o.split.train = 0.8: fractions and symbol counts are mixed, want all of one kind (1.0 is a fraction, 1 a count)`,
		"\"thirds\"":                     `m:5: corpora.o.split = "thirds", want "half/half" or a table of train, valid and test`,
		"{ train = 1.5, test = 0.1 }":    `m:5: corpora.o.split.train = 1.5, want 0 to 1`,
		"{ train = 0.5, test = 0.1 }":    `m:5: corpora.o.split = { train = 0.5, valid = 0, test = 0.1 } sums to 0.6, want 1`,
	} {
		if _, err := read(split); err == nil || err.Error() != want {
			t.Errorf("%s:\n%v\nwant\n%s", split, err, want)
		}
	}
	for split, want := range map[string]string{
		"{ test = 0.5, train = 0.5 }": `{"test":0.5,"train":0.5,"valid":0}`,
		"\"half/half\"":               `"half/half"`,
		"{ train = 5, test = 4 }":     `{"test":4,"train":5,"valid":0}`,
	} {
		e, err := read(split)
		if err != nil {
			t.Fatal(err)
		}
		got := e.Resolved()
		i := slices.IndexFunc(got, func(s Setting) bool { return s.Key == "corpora.o.split" })
		if i < 0 || got[i] != (Setting{"corpora.o.split", want, "m:5"}) {
			t.Errorf("%s: %v", split, got)
		}
	}
}
