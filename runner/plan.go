package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"horizon/corpora"
	"horizon/predictors/catalog"
	"horizon/results"
	"horizon/runner/config"
	"horizon/runner/metrics"
)

// A plan is an experiment multiplied out: its cells, in the order of tables.
type plan struct {
	experiment *config.Experiment
	record     results.Experiment
	cells      []plannedCell
	corpora    map[string]loaded
}

// A plannedCell is a cell with the job that computes it.
type plannedCell struct {
	results.Cell
	job         job
	unavailable string  // why it cannot be computed here, if so
	refused     string  // why its budget cannot be kept, if so
	expect      float64 // seconds it is expected to take; 0: unknown
	left        bool    // out by --only: planned, and not to be computed now
}

// name is what a person calls the cell: predictor@corpus, with the mode if
// the experiment has more than one.
func (c *plannedCell) name(p *plan) string {
	n := c.PredictorName + "@" + c.CorpusName
	if len(p.experiment.Evaluate.Mode) > 1 {
		n += " " + c.Mode
	}
	return n
}

// loaded is a corpus, or why there is none.
type loaded struct {
	*corpora.Corpus
	missing string
}

// makePlan loads the corpora (their digests are part of each cell's identity)
// and multiplies the experiment out.
func makePlan(ctx context.Context, e *config.Experiment, source string) (*plan, error) {
	p := &plan{experiment: e, corpora: map[string]loaded{}}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	for _, c := range e.Corpora {
		for _, mode := range e.Evaluate.Mode {
			for _, pr := range e.Predictors {
				for _, run := range pr.Runs {
					if run.Corpus == c.Name {
						p.add(c, mode, pr, run)
					}
				}
			}
		}
	}
	if n := len(p.cells); n > e.Limits.Cells {
		return nil, fmt.Errorf("%s: the plan has %d cells, limits.cells = %d", e.Name, n, e.Limits.Cells)
	}
	var keys []string
	for _, c := range p.cells {
		keys = append(keys, c.Key)
	}
	p.record = results.Experiment{Digest: digest(e.Name, keys), Name: e.Name, Source: source, Resolved: string(e.JSON())}
	return p, nil
}

// load loads all corpora at once.
func (p *plan) load(ctx context.Context) error {
	list := make([]loaded, len(p.experiment.Corpora))
	g, ctx := errgroup.WithContext(ctx)
	for i, c := range p.experiment.Corpora {
		g.Go(func() error {
			got, err := c.Config.Load(ctx, p.corpusEnv(c))
			var u *corpora.Unavailable
			switch {
			case errors.As(err, &u):
				list[i].missing = u.Error()
			case err != nil:
				return c.Refuse(err)
			default:
				list[i].Corpus = got
			}
			return nil
		})
	}
	err := g.Wait()
	for i, c := range p.experiment.Corpora {
		p.corpora[c.Name] = list[i]
	}
	return err
}

func (p *plan) corpusEnv(c config.Corpus) corpora.Env {
	return corpora.Env{Name: c.Name, Seed: p.experiment.Seeds.Corpus, Dir: c.Dir()}
}

// add adds the cells of one predictor on one corpus in one mode: one for each
// seed, if its training is random.
func (p *plan) add(c config.Corpus, mode string, pr config.Predictor, run config.Run) {
	if run.Coder != nil && mode != config.Frozen {
		return // a compressor has one protocol
	}
	seeds := []uint64{0}
	if kind, ok := catalog.Find(pr.Kind); ok && kind.Random {
		seeds = p.experiment.Seeds.Init
	}
	for _, seed := range seeds {
		name := pr.Name
		if len(seeds) > 1 {
			name += fmt.Sprintf("/seed=%d", seed)
		}
		p.cells = append(p.cells, p.cell(c, mode, pr, run, name, seed))
	}
}

func (p *plan) cell(c config.Corpus, mode string, pr config.Predictor, run config.Run, name string, seed uint64) plannedCell {
	got := p.corpora[c.Name]
	cell := plannedCell{unavailable: got.missing, refused: p.refusal(got.Corpus, pr.Kind, run)}
	cell.PredictorName, cell.CorpusName, cell.Mode = name, c.Name, mode
	cell.Predictor = results.Predictor{Kind: pr.Kind, CodeVersion: pr.Version, Params: string(run.Params), Coder: run.Coder != nil}
	cell.Seeds = fmt.Sprintf(`{"init":%d,"rollouts":%d}`, seed, p.experiment.Seeds.Rollouts)

	var digests [3]string
	if got.Corpus != nil {
		cell.Corpus, cell.Train, cell.Valid, cell.Test = records(got.Corpus)
		for i, part := range got.Parts() {
			digests[i] = part.Digest
		}
	} else {
		digests[0] = digest("unavailable", c.Kind, c.Params)
	}
	source := ""
	if pr.Oracle { // it is the source itself that it knows
		source = digest(c.Kind, c.Params, p.experiment.Seeds.Corpus)
	}
	protocol := p.protocol(mode)
	studies := p.studies(mode, pr, run)
	evaluate := evaluation(p.experiment.Evaluate, mode, run.Coder != nil, p.experiment.Seeds.Rollouts, studies)
	cell.Evaluate = string(evaluate)
	refit := p.experiment.Evaluate.Refit && run.Coder == nil
	trainKey := digest(pr.Kind, pr.Version, run.Params, seed, digests[:2], source, refit)
	cell.Key = digest(trainKey, digests[2], evaluate)
	cell.job = job{Key: cell.Key, TrainKey: trainKey, Kind: pr.Kind, Config: mustJSON(settings(run)), Budget: run.Budget, Seed: seed,
		CorpusKind: c.Kind, CorpusConfig: mustJSON(c.Config), CorpusEnv: p.corpusEnv(c), Digests: digests,
		Protocol: protocol, Refit: refit, Proof: p.experiment.Evaluate.Proof, Studies: studies}
	return cell
}

// studies are what is measured of a frozen predictor beside the walk.
func (p *plan) studies(mode string, pr config.Predictor, run config.Run) (list []studyJob) {
	if run.Coder != nil || mode != config.Frozen {
		return nil
	}
	for _, m := range p.experiment.Metrics {
		if m.Of(pr, run.Corpus) {
			list = append(list, studyJob{m.Kind, m.Version, mustJSON(m.Config)})
		}
	}
	return list
}

func settings(run config.Run) any {
	if run.Coder != nil {
		return run.Coder
	}
	return run.Config
}

func (p *plan) protocol(mode string) metrics.Protocol {
	e := p.experiment.Evaluate
	return metrics.Protocol{Learning: mode == config.Prequential, Horizons: e.Horizons, Points: e.Points,
		Rollouts: e.Rollouts, Block: e.Block, Continue: e.Context == config.Continue, ContextSymbols: e.ContextSymbols,
		Top1: e.Top1, Seed: p.experiment.Seeds.Rollouts}
}

// evaluation is the protocol as it is stored and hashed: what has no bearing
// on the result is left out, so that changing it reruns nothing.
func evaluation(e config.Evaluate, mode string, coder bool, seed uint64, studies []studyJob) json.RawMessage {
	if coder {
		return json.RawMessage(`{"mode":"frozen"}`)
	}
	v := map[string]any{"mode": mode, "block": e.Block, "context": e.Context, "top1": e.Top1, "proof": e.Proof}
	if e.Refit {
		v["refit"] = true
	}
	if e.Context == config.Continue {
		v["context_symbols"] = e.ContextSymbols
	}
	if e.Points > 0 {
		v["horizons"], v["points"], v["rollouts"], v["rollout_seed"] = e.Horizons, e.Points, e.Rollouts, seed
	}
	if len(studies) > 0 {
		kinds := map[string]any{}
		for _, s := range studies {
			kinds[s.Kind] = []any{s.Version, s.Config}
		}
		v["metrics"], v["rollout_seed"] = kinds, seed
	}
	return mustJSON(v)
}

// records describes a loaded corpus and its parts to the store.
func records(c *corpora.Corpus) (corpus *results.Corpus, train, valid, test *results.Slice) {
	corpus = &results.Corpus{SHA256: c.SHA256, Name: c.ID, Kind: c.Kind, Source: c.Source, Licence: c.Licence, Bytes: c.Bytes, Entropy: math.NaN()}
	if c.Process != nil {
		if h, ok := c.Process.Entropy(); ok {
			corpus.Entropy = h
		}
	}
	slice := func(p corpora.Part) *results.Slice {
		if p.Symbols == 0 {
			return nil
		}
		return &results.Slice{Digest: p.Digest, Role: p.Role, Unit: c.Alphabet.Unit, First: int64(p.First), Length: int64(p.Symbols),
			Bytes: p.Bytes, Documents: len(p.Docs), Alphabet: c.Alphabet.Size()}
	}
	return corpus, slice(c.Train), slice(c.Valid), slice(c.Test)
}

// only leaves out all cells but those that a selector names: predictor@corpus,
// each a glob, or a glob of the predictor alone.
func (p *plan) only(selectors []string) error {
	if len(selectors) == 0 {
		return nil
	}
	kept := 0
	for i := range p.cells {
		c := &p.cells[i]
		c.left = !slices.ContainsFunc(selectors, func(s string) bool {
			predictor, corpus, both := strings.Cut(s, "@")
			return config.Match(predictor, c.PredictorName) && (!both || config.Match(corpus, c.CorpusName))
		})
		if !c.left {
			kept++
		}
	}
	if kept == 0 {
		return usageError{fmt.Errorf("--only %s: no cell has such a name; `horizon plan` lists them", strings.Join(selectors, ","))}
	}
	return nil
}

// digest is the SHA-256, hex, of values in JSON.
func digest(values ...any) string {
	sum := sha256.Sum256(mustJSON(values))
	return hex.EncodeToString(sum[:])
}

// mustJSON encodes what cannot fail to be encoded: our own structs, whose
// floats have been checked to be finite. Keys of maps are sorted.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("%T: %v", v, err))
	}
	return b
}
