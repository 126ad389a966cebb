package results

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/mattn/go-sqlite3"
)

// An Environment is what must be equal for two results to be equal bit for
// bit, and the machine besides.
type Environment struct {
	GitCommit   string
	GitDirty    bool
	CodeSHA256  string // of the modules the program was built from, hex
	GoVersion   string
	GOOS        string
	GOARCH      string
	GOAMD64     string // "" off amd64
	CPU         string
	CPUFeatures string
	Kernels     string // which vector kernels ran
	Cores       int
	RAM         int64 // bytes
}

// Digest is the SHA-256 of the environment in canonical JSON, hex.
func (e Environment) Digest() string { return digest(e) }

// A Predictor is a kind with its parameters.
type Predictor struct {
	Kind        string
	CodeVersion int
	Params      string // canonical JSON: all of them, resolved, keys sorted
	Coder       bool   `json:"-"` // a compressor, which has a code length and no predictions
}

// Digest is the SHA-256 of kind, code version and parameters, hex.
func (p Predictor) Digest() string { return digest(p) }

// digest hashes the JSON of a struct, whose fields have a fixed order.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and bools only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// A Corpus is where slices are cut from.
type Corpus struct {
	SHA256  string // of its bytes (of its symbols, for a process), hex
	Name    string
	Kind    string
	Source  string
	Licence string
	Bytes   int64
	Entropy float64 // h in bits per symbol; NaN where it is not known
}

// A Slice is one part of a corpus under one alphabet.
type Slice struct {
	Digest    string // over alphabet, boundaries and symbols, hex
	Role      string // "train", "valid" or "test"
	Unit      string // "byte", "rune", "word" or "symbol"
	First     int64  // index of its first symbol in the corpus
	Length    int64  // symbols
	Bytes     int64  // of the text it stands for
	Documents int
	Alphabet  int // size A
}

// Experiment is a file of experiments as planned.
type Experiment struct {
	Digest   string // of Resolved, or whatever tells two plans apart
	Name     string
	Source   string // the file as written
	Resolved string // the same with every default filled in
}

// Modes of evaluation.
const (
	Frozen      = "frozen"      // train, reset, score
	Prequential = "prequential" // score each symbol, then learn it
)

// A Cell is one predictor on one corpus under one protocol, and what its
// experiment calls it.
type Cell struct {
	Key           string // digest of all that determines the result
	PredictorName string
	CorpusName    string
	Mode          string // Frozen or Prequential
	Predictor     Predictor
	Corpus        *Corpus // nil if it cannot be had; then so are the slices
	Train         *Slice
	Valid         *Slice // nil if there is none
	Test          *Slice
	Seeds         string // JSON; the replicate's own seed among them
	Evaluate      string // JSON of the evaluation settings
}

// A State of an attempt.
type State string

const (
	Pending    State = "pending" // never tried: of cells only
	Running    State = "running"
	Done       State = "done"
	Failed     State = "failed"     // an error
	TimedOut   State = "timeout"    // over its time limit
	OutOfMem   State = "memory"     // over its memory limit
	Stopped    State = "stopped"    // by a signal; run again to continue
	Lost       State = "lost"       // its process vanished
	Skipped    State = "skipped"    // its corpus cannot be had, or it is not defined
	Superseded State = "superseded" // was done, until a forced rerun
)

// Why Begin refuses a cell, or Finish a result.
var (
	ErrDone    = errors.New("cell is done")
	ErrClaimed = errors.New("cell is running elsewhere")
	ErrEnded   = errors.New("attempt has ended")
)

// PutEnvironment stores e and returns its digest.
func (s *Store) PutEnvironment(e Environment) (string, error) {
	d := e.Digest()
	err := s.inTx(func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO environment VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
			d, e.GitCommit, e.GitDirty, e.CodeSHA256, e.GoVersion, e.GOOS, e.GOARCH, e.GOAMD64, e.CPU,
			e.CPUFeatures, e.Kernels, e.Cores, e.RAM)
		return err
	})
	return d, wrap("put environment", err)
}

// PutExperiment stores the plan of e: its cells, in order. Putting it again
// changes nothing but makes it the latest of its name; if the same experiment
// now has other cells (a predictor's code version rose, a corpus became
// available), the new plan replaces the old, whose attempts stay.
func (s *Store) PutExperiment(e Experiment, cells []Cell) error {
	return wrap("put experiment "+e.Name, s.inTx(func(tx *sql.Tx) error {
		now := timestamp(time.Now())
		if _, err := tx.Exec(`INSERT INTO experiment VALUES (?,?,?,?,?,?)
			ON CONFLICT DO UPDATE SET used = max(used, excluded.used)`,
			e.Digest, e.Name, e.Source, e.Resolved, now, now); err != nil {
			return err
		}
		p := planner{tx: tx, experiment: e.Digest, seen: map[string]bool{}}
		same, err := p.planned(cells)
		if err != nil || same {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM experiment_cell WHERE experiment = ?`, e.Digest); err != nil {
			return err
		}
		for i, c := range cells {
			if err := p.put(i, c); err != nil {
				return fmt.Errorf("cell %d (%s on %s): %w", i, c.PredictorName, c.CorpusName, err)
			}
		}
		return nil
	}))
}

// planner stores the cells of one experiment.
type planner struct {
	tx         *sql.Tx
	experiment string
	seen       map[string]bool // rows this transaction has put
}

// planned reports whether exactly these cells are stored already.
func (p *planner) planned(cells []Cell) (bool, error) {
	rows, err := p.tx.Query(`SELECT cell, predictor_name, corpus_name, mode FROM experiment_cell
		WHERE experiment = ? ORDER BY ordinal`, p.experiment)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	n, same := 0, true
	for ; rows.Next(); n++ {
		var c Cell
		if err := rows.Scan(&c.Key, &c.PredictorName, &c.CorpusName, &c.Mode); err != nil {
			return false, err
		}
		same = same && n < len(cells) && c.Key == cells[n].Key && c.PredictorName == cells[n].PredictorName &&
			c.CorpusName == cells[n].CorpusName && c.Mode == cells[n].Mode
	}
	return same && n > 0 && n == len(cells), rows.Err()
}

// put stores a cell and what it refers to.
func (p *planner) put(ordinal int, c Cell) error {
	pd := c.Predictor.Digest()
	err := p.once("predictor "+pd, `INSERT INTO predictor VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
		pd, c.Predictor.Kind, c.Predictor.CodeVersion, c.Predictor.Params, c.Predictor.Coder)
	if err != nil {
		return err
	}
	var corpus any
	if k := c.Corpus; k != nil {
		corpus = k.SHA256
		// What is known of the same bytes may have grown since.
		err := p.once("corpus "+k.SHA256, `INSERT INTO corpus VALUES (?,?,?,?,?,?,?)
			ON CONFLICT DO UPDATE SET name = excluded.name, kind = excluded.kind, source = excluded.source,
			licence = excluded.licence, entropy = coalesce(excluded.entropy, entropy)`,
			k.SHA256, k.Name, k.Kind, k.Source, k.Licence, k.Bytes, nullable(k.Entropy))
		if err != nil {
			return err
		}
	}
	var slices [3]any
	for i, t := range []*Slice{c.Train, c.Valid, c.Test} {
		if t == nil {
			continue
		}
		slices[i] = t.Digest
		err := p.once("slice "+t.Digest, `INSERT INTO slice VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
			t.Digest, corpus, t.Role, t.Unit, t.First, t.Length, t.Bytes, t.Documents, t.Alphabet)
		if err != nil {
			return err
		}
	}
	err = p.once("cell "+c.Key, `INSERT INTO cell VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		c.Key, pd, slices[0], slices[1], slices[2], c.Mode, c.Seeds, c.Evaluate)
	if err != nil {
		return err
	}
	_, err = p.tx.Exec(`INSERT INTO experiment_cell VALUES (?,?,?,?,?,?,?)`,
		p.experiment, ordinal, c.Key, c.PredictorName, c.CorpusName, c.Mode, corpus)
	return err
}

// once executes a statement the first time it is asked to under this name.
func (p *planner) once(name, query string, args ...any) error {
	if p.seen[name] {
		return nil
	}
	p.seen[name] = true
	_, err := p.tx.Exec(query, args...)
	return err
}

// Begin claims a cell for a process and returns the attempt's id. It refuses
// with ErrDone or ErrClaimed what is done or being done.
func (s *Store) Begin(cell, environment, shard, host string, pid int) (id string, err error) {
	err = s.inTx(func(tx *sql.Tx) error {
		var state State
		err := tx.QueryRow(`SELECT state FROM attempt WHERE cell = ? AND state IN ('done', 'running')
			ORDER BY state LIMIT 1`, cell).Scan(&state)
		switch {
		case err == nil && state == Done:
			return ErrDone
		case err == nil:
			return ErrClaimed
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		now := time.Now()
		id = newID(now)
		_, err = tx.Exec(`INSERT INTO attempt (id, cell, environment, shard, host, pid, state, started, beat)
			VALUES (?,?,?,?,?,?,'running',?,?)`, id, cell, environment, shard, host, pid, timestamp(now), timestamp(now))
		return err
	})
	if err != nil {
		return "", wrap("begin cell "+cell, err)
	}
	return id, nil
}

// Beat is an attempt's sign of life. ErrEnded says that someone took it for
// dead; Finish will still accept its result if nobody else's came first.
func (s *Store) Beat(id string) error {
	return wrap("beat", s.updateOne(`UPDATE attempt SET beat = ? WHERE id = ? AND state = 'running'`,
		timestamp(time.Now()), id))
}

// SetUsage records what a running or ended attempt has used so far: for those
// that will never reach Finish.
func (s *Store) SetUsage(id string, cpuSeconds float64, peakRSS int64) error {
	return wrap("set usage", s.updateOne(`UPDATE attempt SET cpu_s = ?, peak_rss = max(coalesce(peak_rss, 0), ?)
		WHERE id = ? AND state <> 'done'`, nullable(cpuSeconds), peakRSS, id))
}

// Fail ends a running attempt in any state but Done, with the reason in
// words, and stores how long it had been running.
func (s *Store) Fail(id string, state State, message string) error {
	if state == Done || state == Running || state == Pending || state == Superseded {
		return fmt.Errorf("results: fail: state = %s, want one that an attempt can fail in", state)
	}
	now := timestamp(time.Now())
	return wrap("fail", s.updateOne(`UPDATE attempt SET state = ?, error = ?, ended = ?, beat = ?,
		wall_s = (julianday(?) - julianday(started)) * 86400 WHERE id = ? AND state IN ('running', 'lost')`,
		state, message, now, now, now, id))
}

// Supersede sets aside the done attempts of cells, so that they can be run
// again; the old rows stay.
func (s *Store) Supersede(cells []string) error {
	return wrap("supersede", s.inTx(func(tx *sql.Tx) error {
		for _, c := range cells {
			if _, err := tx.Exec(`UPDATE attempt SET state = 'superseded' WHERE cell = ? AND state = 'done'`, c); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Recover ends as lost the running attempts of this host whose process is not
// alive, and those of any host that gave no sign of life for as long as stale,
// if stale > 0. It returns how many they were.
func (s *Store) Recover(host string, alive func(pid int) bool, stale time.Duration) (int, error) {
	n := 0
	err := s.inTx(func(tx *sql.Tx) error {
		ids, err := abandoned(tx, host, alive, stale)
		if err != nil {
			return err
		}
		for id, why := range ids {
			_, err := tx.Exec(`UPDATE attempt SET state = 'lost', error = ?, ended = beat,
				wall_s = (julianday(beat) - julianday(started)) * 86400 WHERE id = ?`, why, id)
			if err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	return n, wrap("recover", err)
}

// abandoned maps the ids of running attempts nobody is behind to the reason
// for thinking so.
func abandoned(tx *sql.Tx, host string, alive func(int) bool, stale time.Duration) (map[string]string, error) {
	rows, err := tx.Query(`SELECT id, host, pid, beat FROM attempt WHERE state = 'running'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids, now := map[string]string{}, time.Now()
	for rows.Next() {
		var id, at, beat string
		var pid int
		if err := rows.Scan(&id, &at, &pid, &beat); err != nil {
			return nil, err
		}
		last, err := time.Parse(timeLayout, beat)
		if err != nil {
			return nil, err
		}
		switch {
		case at == host && !alive(pid):
			ids[id] = fmt.Sprintf("process %d is gone", pid)
		case stale > 0 && now.Sub(last) > stale:
			ids[id] = fmt.Sprintf("no sign of life for %s", now.Sub(last).Round(time.Second))
		}
	}
	return ids, rows.Err()
}

// An Outcome is everything a finished cell leaves behind. NaN stands for what
// was not measured, as does 0 for ModelBytes and PeakRSS.
type Outcome struct {
	TrainSeconds     float64
	EvalSeconds      float64
	WallSeconds      float64
	CPUSeconds       float64
	SymbolsPerSecond float64 // of evaluation
	ModelBytes       int64
	PeakRSS          int64 // bytes
	TrainSymbols     int64 // seen in training, with repetition
	Chosen           map[string]float64
	ModelFile        string // relative to the store's folder; "" if not saved
	Scores           []Score
	Blocks           []BlockLoss
	Curve            []CurvePoint
	Proof            *Proof // nil if none was made
	Artifacts        []Artifact
}

// A Score is one figure of a cell.
type Score struct {
	Metric  string
	Horizon int   // steps ahead, 1 for the next symbol; for a study whatever its scores are a function of
	N       int64 // symbols or points it is a mean of
	Value   float64
	Lo, Hi  float64 // 95% interval; NaN if unavailable
}

// A BlockLoss is a loss summed over N neighbouring positions.
type BlockLoss struct {
	Metric  string // "log_loss" or "ahead"
	Horizon int
	Block   int
	First   int64 // index of its first position in the test part
	N       int64
	Bytes   int64
	Bits    float64
}

// A CurvePoint is a value in the course of training.
type CurvePoint struct {
	Metric  string  // such as "valid_bits"
	Symbols int64   // training symbols seen, with repetition
	Seconds float64 // of training by then; NaN if not measured
	Value   float64
}

// A Proof is that a claimed code length was coded and decoded back.
type Proof struct {
	ClaimedBits float64
	CodedBytes  int64
	RoundTrip   bool
}

// An Artifact is a file an attempt left behind.
type Artifact struct {
	SHA256 string
	Role   string // "model", "sample", …
	File   string
}

// Finish stores an outcome and marks the attempt done, in one transaction:
// when it returns nil the result is on the disk. An attempt taken for lost may
// still finish unless another has (ErrDone).
func (s *Store) Finish(id string, o Outcome) error {
	return wrap("finish", s.inTx(func(tx *sql.Tx) error {
		if err := finishAttempt(tx, id, o); err != nil {
			return err
		}
		if err := putScores(tx, id, o.Scores); err != nil {
			return err
		}
		if err := putBlocks(tx, id, o.Blocks); err != nil {
			return err
		}
		if err := putCurve(tx, id, o.Curve); err != nil {
			return err
		}
		return putFiles(tx, id, o)
	}))
}

func finishAttempt(tx *sql.Tx, id string, o Outcome) error {
	chosen, err := encodeChosen(o.Chosen)
	if err != nil {
		return err
	}
	now := timestamp(time.Now())
	res, err := tx.Exec(`UPDATE attempt SET state = 'done', error = NULL, ended = ?, beat = ?, train_s = ?, eval_s = ?,
		wall_s = ?, cpu_s = ?, symbols_per_s = ?, model_bytes = ?, peak_rss = ?, n_train = ?, params_chosen = ?,
		model_file = nullif(?, '') WHERE id = ? AND state IN ('running', 'lost')`,
		now, now, nullable(o.TrainSeconds), nullable(o.EvalSeconds), nullable(o.WallSeconds), nullable(o.CPUSeconds),
		nullable(o.SymbolsPerSecond), positive(o.ModelBytes), positive(o.PeakRSS), o.TrainSymbols, chosen, o.ModelFile, id)
	var e sqlite3.Error
	if errors.As(err, &e) && e.ExtendedCode == sqlite3.ErrConstraintUnique {
		return ErrDone // the index attempt_done: another attempt of the cell was faster
	}
	if err != nil {
		return err
	}
	return oneRow(res)
}

// encodeChosen writes parameters as JSON with sorted keys; JSON has no words
// for what is not finite.
func encodeChosen(chosen map[string]float64) (any, error) {
	if chosen == nil {
		return nil, nil
	}
	for name, v := range chosen {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("chosen parameter %s = %v, want a finite number", name, v)
		}
	}
	text, err := json.Marshal(chosen)
	return string(text), err
}

func putScores(tx *sql.Tx, id string, scores []Score) error {
	put, err := tx.Prepare(`INSERT INTO score (attempt, metric, horizon, n, value, lo, hi, class) VALUES (?,?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for _, c := range scores {
		_, err := put.Exec(id, c.Metric, c.Horizon, c.N, finite(c.Value), finite(c.Lo), finite(c.Hi), class(c.Value))
		if err != nil {
			return fmt.Errorf("score %s at horizon %d: %w", c.Metric, c.Horizon, err)
		}
	}
	return nil
}

func putBlocks(tx *sql.Tx, id string, blocks []BlockLoss) error {
	put, err := tx.Prepare(`INSERT INTO block_loss VALUES (?,?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for _, b := range blocks {
		if _, err := put.Exec(id, b.Metric, max(b.Horizon, 1), b.Block, b.First, b.N, b.Bytes, b.Bits); err != nil {
			return fmt.Errorf("block %d of %s at horizon %d: %w", b.Block, b.Metric, b.Horizon, err)
		}
	}
	return nil
}

func putCurve(tx *sql.Tx, id string, points []CurvePoint) error {
	put, err := tx.Prepare(`INSERT INTO curve VALUES (?,?,?,?,?)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for _, c := range points {
		if _, err := put.Exec(id, c.Metric, c.Symbols, nullable(c.Seconds), finite(c.Value)); err != nil {
			return fmt.Errorf("curve %s at %d symbols: %w", c.Metric, c.Symbols, err)
		}
	}
	return nil
}

func putFiles(tx *sql.Tx, id string, o Outcome) error {
	if p := o.Proof; p != nil {
		if _, err := tx.Exec(`INSERT INTO proof VALUES (?,?,?,?)`, id, p.ClaimedBits, p.CodedBytes, p.RoundTrip); err != nil {
			return fmt.Errorf("proof: %w", err)
		}
	}
	for _, a := range o.Artifacts {
		if _, err := tx.Exec(`INSERT INTO artifact VALUES (?,?,?,?)`, a.SHA256, id, a.Role, a.File); err != nil {
			return fmt.Errorf("artifact %s: %w", a.File, err)
		}
	}
	return nil
}

// inTx runs f in an immediate transaction.
func (s *Store) inTx(f func(*sql.Tx) error) error {
	w, err := s.writer()
	if err != nil {
		return err
	}
	tx, err := w.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// updateOne executes a statement that must change one row.
func (s *Store) updateOne(query string, args ...any) error {
	return s.inTx(func(tx *sql.Tx) error {
		res, err := tx.Exec(query, args...)
		if err != nil {
			return err
		}
		return oneRow(res)
	})
}

func oneRow(res sql.Result) error {
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = ErrEnded
	}
	return err
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("results: %s: %w", what, err)
}

// nullable stores NaN as NULL.
func nullable(v float64) any {
	if math.IsNaN(v) {
		return nil
	}
	return v
}

// finite stores as NULL whatever is not.
func finite(v float64) any {
	if math.IsInf(v, 0) {
		return nil
	}
	return nullable(v)
}

// positive stores 0 as NULL.
func positive(n int64) any {
	if n <= 0 {
		return nil
	}
	return n
}

func class(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "+inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return "finite"
}

const timeLayout = "2006-01-02T15:04:05.000000000Z"

func timestamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// newID is a UUID of version 7 (RFC 9562, 5.7): milliseconds, then the
// fraction of the millisecond in 12 bits (6.2, method 3), then 62 random bits.
// Ids made one after another sort so, unless the clock is set back.
func newID(t time.Time) string {
	var b [16]byte
	rand.Read(b[8:])
	ns := uint64(t.UnixNano())
	ms, frac := ns/1e6, ns%1e6*4096/1e6
	binary.BigEndian.PutUint64(b[:8], ms<<16|7<<12|frac)
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
