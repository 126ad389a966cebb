package config

import (
	"path/filepath"
	"testing"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/predictors/catalog"
)

// real are the kinds of this program; plots are decoded where they are known,
// in package main.
var real = Registries{Corpora: corpora.Kinds, Predictors: catalog.Kinds, Coders: catalog.Coders}

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
	b := &builder{Registries: real, file: Origin{File: path}, root: root, rank: l.rank}
	if e := b.experiment(); len(b.problems) == 0 {
		return e, nil
	}
	return nil, b.problems.sorted(l.rank)
}

// TestRealKinds: every kind can be configured, and its defaults are valid and
// have a canonical form.
func TestRealKinds(t *testing.T) {
	if err := real.Check(); err != nil {
		t.Fatal(err)
	}
	for _, k := range real.predictorKinds() {
		if a, b := canonical(k.fresh().params()), canonical(k.fresh().params()); string(a) != string(b) || len(a) == 0 {
			t.Errorf("%s: defaults are %s and then %s", k.name, a, b)
		}
	}
}
