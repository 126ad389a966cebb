package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"horizon/corpora"
	"horizon/predictors"
	"horizon/predictors/catalog"
	"horizon/predictors/oracle"
	"horizon/runner/metrics"
)

// A job is one cell to be computed: one predictor, trained and evaluated on
// one corpus in one way. It is complete in itself, so that a child process
// needs nothing else and an edit of the experiment file during a run changes
// nothing.
type job struct {
	Key      string // the cell's identity
	TrainKey string // the same without the evaluation

	Kind   string          // of predictor or coder
	Config json.RawMessage // its resolved parameters
	Budget predictors.Budget
	Seed   uint64 // of training

	CorpusKind   string
	CorpusConfig json.RawMessage
	CorpusEnv    corpora.Env
	Digests      [3]string // of train, valid and test as planned

	Protocol  metrics.Protocol
	Refit     bool   // learn the validation part too, once tuned
	Proof     bool   // encode and decode the test part
	ModelFile string // where the trained model is, or goes if SaveModel
	SaveModel bool

	Studies     []studyJob // measured beside the walk
	JournalFile string     // where their finished units are kept; "" for nowhere

	CheckpointFile string // where training keeps where it stands; "" for nowhere
}

// A studyJob is one study, complete in itself.
type studyJob struct {
	Kind    string
	Version int
	Config  json.RawMessage
}

// An outcome is what a cell's computation found.
type outcome struct {
	Scores       []metrics.Score
	Studied      []metrics.Ranged
	Blocks       []metrics.Block
	OracleBlocks []metrics.Block // of the exact Bayes filter, on known processes
	Curve        []curvePoint
	Chosen       map[string]float64 // parameters that training chose
	TrainSymbols int
	TestSymbols  int
	TestBytes    int64
	TrainSeconds float64
	TrainOps     float64 // NaN if the predictor does not count
	EvalSeconds  float64 // of the whole evaluation
	ScoreSeconds float64 // of scoring the test symbols, without looking further ahead
	ModelBytes   int64
	Loaded       bool   // the model was loaded and not trained
	ModelFile    string // if it was saved or loaded
	Before       spent  // by interrupted processes, up to the checkpoint gone on from
	Proof        *proof
}

type curvePoint struct {
	Metric  string
	Symbols int64
	Seconds float64
	Value   float64
}

// A proof is an encoding of the test part that was decoded again.
type proof struct {
	ClaimedBits float64
	CodedBytes  int
	RoundTrip   bool
}

// unavailable is why a cell cannot be computed here though nothing is wrong
// with it: its corpus cannot be had, the protocol is not defined for it, or it
// cannot keep its budget.
type unavailable struct{ reason string }

func (u unavailable) Error() string { return u.reason }

// compute does the job. report is called often with where it stands.
func (j *job) compute(ctx context.Context, report func(predictors.Progress)) (*outcome, error) {
	c, err := j.corpus(ctx)
	if err != nil {
		return nil, err
	}
	if k, ok := catalog.FindCoder(j.Kind); ok {
		return j.price(ctx, k, c)
	}
	out := &outcome{TrainSymbols: c.Train.Symbols, TestSymbols: c.Test.Symbols, TestBytes: c.Test.Bytes, TrainOps: math.NaN()}
	p, err := j.train(ctx, c, out, report)
	if err != nil {
		return nil, err
	}
	if out.ModelBytes, err = predictors.Size(p); err != nil {
		return nil, err
	}
	out.Chosen = predictors.Describe(p)
	if j.Proof { // before a prequential evaluation changes p
		if out.Proof, err = j.prove(p, c); err != nil {
			return nil, err
		}
	}
	if err := j.study(ctx, p, c, out, report); err != nil {
		return nil, err
	}
	var truth *metrics.Truth
	if c.Process != nil {
		if truth, err = j.optimum(ctx, c, out); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	if err := j.evaluate(ctx, p, c, truth, out, report); err != nil {
		return nil, err
	}
	out.EvalSeconds = time.Since(start).Seconds()
	out.Scores = append(out.Scores, derived(out.Scores, c)...)
	out.Scores = append(out.Scores, counted(p, out)...)
	return out, nil
}

// corpus loads the corpus and checks that it is still the one that was
// planned with.
func (j *job) corpus(ctx context.Context) (*corpora.Corpus, error) {
	kind, ok := corpora.Find(j.CorpusKind)
	if !ok {
		return nil, fmt.Errorf("corpus kind %q: unknown", j.CorpusKind)
	}
	config := kind.Default()
	if err := json.Unmarshal(j.CorpusConfig, config); err != nil {
		return nil, fmt.Errorf("corpus %s: %w", j.CorpusKind, err)
	}
	c, err := config.Load(ctx, j.CorpusEnv)
	if err != nil {
		return nil, err
	}
	for i, part := range c.Parts() {
		if part.Digest != j.Digests[i] {
			return nil, fmt.Errorf("corpus %s: %s part has digest %.12s, %.12s when the run was planned", c.ID, part.Role, part.Digest, j.Digests[i])
		}
	}
	return c, nil
}

// train returns a trained predictor: the saved one if there is one.
func (j *job) train(ctx context.Context, c *corpora.Corpus, out *outcome, report func(predictors.Progress)) (predictors.Predictor, error) {
	if p, ok := j.load(c, out); ok {
		return p, nil
	}
	p, kind, err := j.fresh(c)
	if err != nil {
		return nil, err
	}
	if j.Protocol.Learning {
		if err := predictors.CanLearn(p); err != nil {
			return nil, unavailable{err.Error()}
		}
	}
	d := predictors.Data{Train: c.Train.Docs, Valid: c.Valid.Docs, Refit: j.Refit, Budget: j.Budget}
	stands := &checkpoint{file: j.CheckpointFile, key: j.Key, out: out, start: time.Now()}
	if j.CheckpointFile != "" {
		d.Checkpoint = stands
	}
	err = predictors.Train(ctx, p, d, func(m predictors.Progress) {
		if m.Symbols > 0 { // at last, what was seen: more than there is over several epochs, less in a budget
			out.TrainSymbols = int(m.Symbols)
		}
		if m.Metric != "" {
			out.draw(curvePoint{m.Metric, m.Symbols, stands.seconds(), m.Value})
		}
		report(m)
	})
	if err != nil {
		return nil, overBudget(j.Kind, err)
	}
	if o, ok := p.(predictors.OpCounter); ok {
		out.TrainOps, _ = o.Ops()
	}
	out.TrainSeconds = math.NaN()
	if trains(p) {
		out.TrainSeconds = stands.seconds()
	}
	if j.SaveModel && !kind.Oracle {
		err = j.save(p, kind, c, out)
	}
	return p, err
}

// draw adds a point to a curve. A model that was begun anew, smaller, comes by
// the same numbers of symbols again.
func (o *outcome) draw(v curvePoint) {
	same := func(w curvePoint) bool { return w.Metric == v.Metric && w.Symbols == v.Symbols }
	if i := slices.IndexFunc(o.Curve, same); i >= 0 {
		o.Curve[i] = v
		return
	}
	o.Curve = append(o.Curve, v)
}

// fresh makes the job's predictor, untrained.
func (j *job) fresh(c *corpora.Corpus) (predictors.Predictor, catalog.Kind, error) {
	kind, ok := catalog.Find(j.Kind)
	if !ok {
		return nil, kind, fmt.Errorf("predictor kind %q: unknown", j.Kind)
	}
	config := kind.Default()
	if err := json.Unmarshal(j.Config, config); err != nil {
		return nil, kind, fmt.Errorf("predictor %s: %w", j.Kind, err)
	}
	p, err := config.New(predictors.Env{Alphabet: c.Alphabet.Size(), Seed: j.Seed, Process: c.Process})
	return p, kind, err
}

// trains reports whether there is anything to train: what takes no time has
// no training time.
func trains(p predictors.Predictor) bool {
	_, fits := p.(predictors.Fitter)
	_, learns := p.(predictors.Learner)
	return fits || learns
}

// load reads the saved model of the same training, if there is a whole one.
func (j *job) load(c *corpora.Corpus, out *outcome) (predictors.Predictor, bool) {
	if j.ModelFile == "" {
		return nil, false
	}
	f, err := os.Open(j.ModelFile)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	h, p, err := catalog.Load(f)
	if err != nil || h.TrainKey != j.TrainKey || h.Alphabet != c.Alphabet.Size() {
		return nil, false // trained again, and replaced
	}
	out.Loaded, out.TrainSeconds, out.ModelFile = true, h.TrainSeconds, j.ModelFile
	if h.TrainSymbols > 0 {
		out.TrainSymbols = h.TrainSymbols
	}
	if h.TrainOps > 0 {
		out.TrainOps = h.TrainOps
	}
	if !trains(p) {
		out.TrainSeconds = math.NaN()
	}
	return p, true
}

func (j *job) save(p predictors.Predictor, kind catalog.Kind, c *corpora.Corpus, out *outcome) error {
	if err := os.MkdirAll(filepath.Dir(j.ModelFile), 0o777); err != nil {
		return err
	}
	t, err := renameio.NewPendingFile(j.ModelFile) // whole or not at all
	if err != nil {
		return err
	}
	defer t.Cleanup()
	h := catalog.Header{Kind: j.Kind, Version: kind.Version, Config: j.Config, Alphabet: c.Alphabet.Size(), Seed: j.Seed,
		TrainKey: j.TrainKey, TrainSymbols: out.TrainSymbols, Chosen: predictors.Describe(p)}
	if !math.IsNaN(out.TrainOps) {
		h.TrainOps = out.TrainOps
	}
	if trains(p) {
		h.TrainSeconds = out.TrainSeconds
	}
	if err := catalog.Save(t, h, p); err != nil {
		return err
	}
	out.ModelFile = j.ModelFile
	return t.CloseAtomicallyReplace()
}

// evaluate walks p over the test part with all metrics. truth is what the exact
// filter says there; nil where there is none.
func (j *job) evaluate(ctx context.Context, p predictors.Predictor, c *corpora.Corpus, truth *metrics.Truth, out *outcome, report func(predictors.Progress)) error {
	ms := []metrics.Metric{metrics.NewLogLoss(j.Protocol.Block), metrics.NewEvidence(j.Protocol.Block)}
	var passengers []metrics.Passenger
	if j.looksAhead() {
		passengers = []metrics.Passenger{metrics.NewSkill(c, j.Protocol), metrics.NewBlockLoss(c, j.Protocol)}
		if truth != nil {
			passengers = append(passengers, metrics.NewDivergence(truth, c, j.Protocol))
		}
		more, err := j.passengers(c)
		if err != nil {
			return err
		}
		passengers = append(passengers, more...)
		var riders []metrics.Rider
		for _, p := range passengers {
			riders = append(riders, p)
			if m, ok := p.(metrics.Metric); ok {
				ms = append(ms, m)
			}
		}
		ms = append(ms, j.ahead(c, j.Protocol.Learning, riders...))
	}
	if _, shows := p.(predictors.Hidden); shows {
		ms = append(ms, metrics.NewProbe(c, j.Protocol))
	}
	scores, blocks, scoring, err := walk(ctx, p, c, j.Protocol, ms, report)
	if err != nil {
		return err
	}
	out.Scores, out.Blocks, out.ScoreSeconds = append(out.Scores, scores...), blocks, scoring.Seconds()
	for _, r := range passengers {
		out.Studied = append(out.Studied, r.Ranged()...)
	}
	return nil
}

func (j *job) looksAhead() bool { return len(j.Protocol.Horizons) > 0 && j.Protocol.Points > 0 }

// ahead measures L_k and takes riders along.
func (j *job) ahead(c *corpora.Corpus, learning bool, riders ...metrics.Rider) metrics.Metric {
	return metrics.NewAhead(c.Alphabet.Size(), j.Protocol.Block, learning, predictors.AheadOptions{
		Horizons: j.Protocol.Horizons, Rollouts: j.Protocol.Rollouts, Seed: j.Protocol.Seed}, riders...)
}

// walk walks p over the test part of c and returns what the metrics say.
func walk(ctx context.Context, p predictors.Predictor, c *corpora.Corpus, o metrics.Protocol, ms []metrics.Metric, report func(predictors.Progress)) (scores []metrics.Score, blocks []metrics.Block, scoring time.Duration, err error) {
	o.Continue = o.Continue && !oracle.KeepsPast(p)
	scoring, err = metrics.Walk(ctx, p, c, o, ms, func(done, total int64) {
		report(predictors.Progress{Stage: "score", Done: done, Total: total})
	})
	if err != nil {
		return nil, nil, 0, err
	}
	for _, m := range ms {
		s, b := m.Rows()
		scores, blocks = append(scores, s...), append(blocks, b...)
	}
	return scores, blocks, scoring, nil
}

// passengers are the studies that need no forecasts of their own.
func (j *job) passengers(c *corpora.Corpus) (list []metrics.Passenger, err error) {
	for _, st := range j.Studies {
		_, config, err := st.config()
		if err != nil {
			return nil, err
		}
		if r, ok := config.(metrics.Riding); ok {
			list = append(list, r.Ride(c, j.Protocol))
		}
	}
	return list, nil
}

// config is the study's kind and parameters.
func (s studyJob) config() (metrics.StudyKind, metrics.StudyConfig, error) {
	kind, ok := metrics.FindStudy(s.Kind)
	if !ok {
		return kind, nil, fmt.Errorf("metric %q: unknown", s.Kind)
	}
	config := kind.Default()
	if err := json.Unmarshal(s.Config, config); err != nil {
		return kind, nil, fmt.Errorf("metric %s: %w", s.Kind, err)
	}
	return kind, config, nil
}

// study measures what the experiment asks for beside the walk, going on where
// an interrupted process stopped.
func (j *job) study(ctx context.Context, p predictors.Predictor, c *corpora.Corpus, out *outcome, report func(predictors.Progress)) error {
	if len(j.Studies) == 0 {
		return nil
	}
	var kept metrics.Journal
	if j.JournalFile != "" {
		f, err := openJournal(j.JournalFile, j.Key)
		if err != nil {
			return err
		}
		defer f.Close()
		kept = f
	}
	s := metrics.NewSubject(p, c, j.Protocol)
	for _, st := range j.Studies {
		_, config, err := st.config()
		if err != nil {
			return err
		}
		if _, rides := config.(metrics.Riding); rides {
			continue
		}
		rows, err := metrics.Measure(ctx, st.Kind, config, s, kept, func(done, total int64) {
			report(predictors.Progress{Stage: st.Kind, Done: done, Total: total})
		})
		if errors.As(err, new(metrics.Inapplicable)) {
			continue
		}
		if err != nil {
			return fmt.Errorf("metric %s: %w", st.Kind, err)
		}
		out.Studied = append(out.Studied, rows...)
	}
	return nil
}

// derived are the scores that follow from the bits per symbol and what the
// symbols stand for.
func derived(scores []metrics.Score, c *corpora.Corpus) (more []metrics.Score) {
	for _, s := range scores {
		if s.Metric != "bits_per_symbol" {
			continue
		}
		more = append(more, metrics.Score{Metric: "perplexity", Horizon: 1, N: s.N, Value: math.Exp2(s.Value)})
		bits := s.Value*float64(s.N) + c.Test.SpellBits
		if perByte := bits / float64(c.Test.Bytes); !math.IsNaN(perByte) {
			more = append(more, metrics.Score{Metric: "bits_per_byte", Horizon: 1, N: s.N, Value: perByte})
		}
	}
	return more
}

// optimum walks the exact Bayes filter of a known process over the same test
// symbols, so that regret is free of the luck of the draw (programme, fact 5). It
// returns what the filter says at the evaluation points; nil if none are looked
// ahead from, or it is too much to keep.
func (j *job) optimum(ctx context.Context, c *corpora.Corpus, out *outcome) (*metrics.Truth, error) {
	best, err := (&oracle.Config{}).New(predictors.Env{Alphabet: c.Alphabet.Size(), Process: c.Process})
	if err != nil {
		return nil, err
	}
	// Nothing to train, or to be shown all that came before: see oracle.Config.
	if err := predictors.Train(ctx, best, predictors.Data{Train: c.Train.Docs, Valid: c.Valid.Docs}, nil); err != nil {
		return nil, err
	}
	ms := []metrics.Metric{metrics.NewLogLoss(j.Protocol.Block)}
	var truth *metrics.Truth
	if j.looksAhead() {
		var riders []metrics.Rider
		if truth = metrics.NewTruth(c, j.Protocol); truth != nil {
			riders = append(riders, truth)
		}
		ms = append(ms, j.ahead(c, false, riders...))
	}
	o := j.Protocol
	o.Learning, o.Top1 = false, false
	scores, blocks, _, err := walk(ctx, best, c, o, ms, func(predictors.Progress) {})
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	out.OracleBlocks = blocks
	for _, s := range scores {
		switch s.Metric {
		case "bits_per_symbol":
			out.Scores = append(out.Scores, metrics.Score{Metric: "oracle_bits", Horizon: 1, N: s.N, Value: s.Value})
		case "ahead_bits":
			out.Scores = append(out.Scores, metrics.Score{Metric: "optimum", Horizon: s.Horizon, N: s.N, Value: s.Value})
		}
	}
	if h, ok := c.Process.Entropy(); ok {
		out.Scores = append(out.Scores, metrics.Score{Metric: "entropy", Horizon: 1, N: c.Test.Symbols, Value: h})
	}
	f := corpora.FactsOf(c.Process, nil)
	for _, v := range []struct {
		metric string
		corpora.Quantity
	}{{"excess_entropy", f.ExcessEntropy}, {"statistical_complexity", f.StatisticalComplexity}, {"transient_information", f.TransientInformation}} {
		if v.Known() {
			out.Scores = append(out.Scores, metrics.Score{Metric: v.metric, Horizon: 1, N: c.Test.Symbols, Value: v.Value})
		}
	}
	for _, k := range j.Protocol.Horizons {
		if l, ok := c.Process.OptimalAhead(k); ok {
			out.Scores = append(out.Scores, metrics.Score{Metric: "optimum_law", Horizon: k, N: c.Test.Symbols, Value: l})
		}
	}
	return truth, nil
}

// price runs an everyday compressor: its one score is the bits that the test
// part adds to the code of the training part.
func (j *job) price(ctx context.Context, kind catalog.CoderKind, c *corpora.Corpus) (*outcome, error) {
	if j.Protocol.Learning {
		return nil, unavailable{"a compressor has one protocol: size of train+test less size of train"}
	}
	config := kind.Default()
	if err := json.Unmarshal(j.Config, config); err != nil {
		return nil, fmt.Errorf("coder %s: %w", j.Kind, err)
	}
	if err := priceable(j.Budget); err != nil {
		return nil, overBudget(j.Kind, err)
	}
	coder, err := config.NewCoder()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	text, symbols := trainText(c, j.Budget.Symbols)
	bits, err := coder.CodeLength(ctx, text, c.Test.Text())
	if err != nil {
		return nil, err
	}
	n := c.Test.Symbols
	took := time.Since(start).Seconds()
	out := &outcome{TrainSymbols: symbols, TestSymbols: n, TestBytes: c.Test.Bytes, EvalSeconds: took, ScoreSeconds: took}
	out.Scores = []metrics.Score{{Metric: "bits_per_symbol", Horizon: 1, N: n, Value: bits / float64(n)}}
	if c.Test.Bytes > 0 {
		out.Scores = append(out.Scores, metrics.Score{Metric: "bits_per_byte", Horizon: 1, N: n, Value: bits / float64(c.Test.Bytes)})
	}
	return out, nil
}

// prove encodes the test part, decodes it and compares.
func (j *job) prove(p predictors.Predictor, c *corpora.Corpus) (*proof, error) {
	pr := &proof{RoundTrip: true}
	copies := func() (predictors.Predictor, error) {
		if !j.Protocol.Learning {
			return p.Fork(), nil
		}
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			return nil, err
		}
		q, _, err := j.fresh(c)
		if err != nil {
			return nil, err
		}
		return q, predictors.Load(&b, q)
	}
	scorer, err := copies()
	if err != nil {
		return nil, err
	}
	encoder, err := copies()
	if err != nil {
		return nil, err
	}
	decoder, err := copies()
	if err != nil {
		return nil, err
	}
	for _, doc := range c.Test.Docs {
		scorer.Reset()
		encoder.Reset()
		decoder.Reset()
		bits := make([]float64, len(doc))
		if j.Protocol.Learning {
			if err := predictors.ScoreLearning(scorer, bits, nil, doc); err != nil {
				return nil, unavailable{err.Error()}
			}
		} else {
			predictors.Score(scorer, bits, nil, doc)
		}
		for _, b := range bits {
			pr.ClaimedBits += b
		}
		code, err := predictors.Encode(encoder, doc, j.Protocol.Learning)
		if err != nil {
			return nil, err
		}
		pr.CodedBytes += len(code)
		back, err := predictors.Decode(decoder, code, len(doc), j.Protocol.Learning)
		if err != nil {
			return nil, err
		}
		pr.RoundTrip = pr.RoundTrip && slices.Equal(doc, back)
	}
	if !pr.RoundTrip {
		return pr, errors.New("proof: decoding the code of the test part gave another text")
	}
	return pr, nil
}
