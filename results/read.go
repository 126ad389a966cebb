package results

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
)

// A Filter selects rows by name. Each field is a glob (*, ?, [a-z], [^a-z];
// * also matches a slash), and empty ones select everything.
type Filter struct{ Experiment, Corpus, Predictor, Mode string }

// where is the filter as a condition on the columns of a view.
func (f Filter) where() (string, []any) {
	cond, args := "1", []any(nil)
	for _, c := range []struct{ column, glob string }{
		{"experiment", f.Experiment}, {"corpus", f.Corpus}, {"predictor", f.Predictor}, {"mode", f.Mode},
	} {
		if c.glob != "" {
			cond += " AND " + c.column + " GLOB ?"
			args = append(args, c.glob)
		}
	}
	return cond, args
}

// ID names a cell in its experiment, the latest of that name.
type ID struct {
	Experiment string
	Corpus     string
	Predictor  string
	Kind       string
	Mode       string
	Seeds      string // JSON
	Ordinal    int    // place in the plan
}

// LeaderboardRow is a row of the view leaderboard. NaN and 0 stand for what
// is not there.
type LeaderboardRow struct {
	ID
	Series           string  // the predictor's table in the file: the name before '/'
	Params           string  // canonical JSON
	BitsPerByte      float64 // with its 95% interval:
	Lo, Hi           float64
	BitsPerSymbol    float64
	Perplexity       float64 // per symbol
	Top1             float64
	Regret           float64 // bits per symbol above the exact Bayes filter, with its 95% interval:
	RegretLo         float64
	RegretHi         float64
	TrainSeconds     float64
	EvalSeconds      float64
	SymbolsPerSecond float64
	ModelBytes       int64
	PeakRSS          int64 // bytes
	TrainSymbols     int64
	Budget           Bounds  // on training
	MatchLength      float64 // what predictions rest on: see EvidenceRow
	Effective        float64
	Fallback         float64
	TestSymbols      int64
	TestBytes        int64
	Entropy          float64 // h of the corpus, bits per symbol
	Unit             string
	Coder            bool // a compressor
	State            State
}

// Bounds are those set on a training; 0 where there is none.
type Bounds struct {
	Symbols    int64
	ModelBytes int64
	Seconds    float64
	Ops        float64
}

// to is where the four columns of a budget go.
func (b *Bounds) to() (symbols, bytes, seconds, ops any) {
	return whole{&b.Symbols}, whole{&b.ModelBytes}, zero{&b.Seconds}, zero{&b.Ops}
}

// Leaderboard lists the cells of the latest experiments, done or not, best
// first within each corpus.
func (s *Store) Leaderboard(f Filter) ([]LeaderboardRow, error) {
	return read(s, f, `SELECT experiment, corpus, predictor, kind, mode, seeds, ordinal, series, params, bits_per_byte, lo, hi,
		bits_per_symbol, perplexity, top1, regret, regret_lo, regret_hi, train_s, eval_s, symbols_per_s, model_bytes, peak_rss, n_train,
		budget_symbols, budget_bytes, budget_seconds, budget_ops, match_length, n_eff, fallback, n_test,
		test_bytes, entropy, unit, coder, state FROM leaderboard`,
		func(r *LeaderboardRow) []any {
			symbols, bytes, seconds, ops := r.Budget.to()
			return r.ID.to(&r.Series, &r.Params, num{&r.BitsPerByte}, num{&r.Lo}, num{&r.Hi}, num{&r.BitsPerSymbol},
				num{&r.Perplexity}, num{&r.Top1}, num{&r.Regret}, num{&r.RegretLo}, num{&r.RegretHi}, num{&r.TrainSeconds}, num{&r.EvalSeconds}, num{&r.SymbolsPerSecond},
				whole{&r.ModelBytes}, whole{&r.PeakRSS}, whole{&r.TrainSymbols},
				symbols, bytes, seconds, ops, num{&r.MatchLength}, num{&r.Effective}, num{&r.Fallback}, whole{&r.TestSymbols},
				whole{&r.TestBytes}, num{&r.Entropy}, text{&r.Unit}, &r.Coder, &r.State)
		})
}

// HorizonRow is a row of the view horizon: the loss k steps ahead, in bits per
// symbol. NaN stands for what is not there.
type HorizonRow struct {
	ID
	K        int
	Bits     float64 // jackknife-corrected, with its 95% interval:
	Lo, Hi   float64
	Raw      float64 // without the correction
	Exact    bool    // no rollouts were needed
	Points   int64   // evaluation points
	Rollouts int64
	Optimum  float64 // L_k*, the best any predictor can do
	Regret   float64 // Bits less Optimum, with the 95% interval of the paired difference:
	RegretLo float64
	RegretHi float64
	Unigram  float64 // the loss of the experiment's unigram predictor
	Entropy  float64 // h of the corpus, bits per symbol
}

// Horizons lists the longer-range losses of finished cells by corpus, place in
// the plan, and k.
func (s *Store) Horizons(f Filter) ([]HorizonRow, error) {
	return read(s, f, `SELECT experiment, corpus, predictor, kind, mode, seeds, ordinal, k, bits, lo, hi, raw,
		coalesce(exact, 0) <> 0, CAST(points AS INT), CAST(rollouts AS INT), optimum, regret, regret_lo, regret_hi, unigram, entropy FROM horizon`,
		func(r *HorizonRow) []any {
			return r.ID.to(&r.K, num{&r.Bits}, num{&r.Lo}, num{&r.Hi}, num{&r.Raw}, &r.Exact, whole{&r.Points},
				whole{&r.Rollouts}, num{&r.Optimum}, num{&r.Regret}, num{&r.RegretLo}, num{&r.RegretHi}, num{&r.Unigram}, num{&r.Entropy})
		})
}

// CurveRow is a row of the view curves.
type CurveRow struct {
	ID
	Series string // the predictor's table in the file
	CurvePoint
}

// Curves lists training curves by corpus, place in the plan, metric and
// symbols.
func (s *Store) Curves(f Filter) ([]CurveRow, error) {
	return read(s, f, `SELECT experiment, corpus, predictor, kind, mode, seeds, ordinal, series, metric, symbols, seconds, value
		FROM curves`,
		func(r *CurveRow) []any {
			return r.ID.to(&r.Series, &r.Metric, &r.Symbols, num{&r.Seconds}, num{&r.Value})
		})
}

// CostRow is a row of the view cost. NaN and 0 stand for what was not
// measured.
type CostRow struct {
	ID
	Series           string  // the predictor's table in the file: the name before '/'
	BitsPerByte      float64 // with its 95% interval:
	Lo, Hi           float64
	BitsPerSymbol    float64
	TrainSeconds     float64
	EvalSeconds      float64
	WallSeconds      float64
	CPUSeconds       float64
	SymbolsPerSecond float64 // of evaluation
	ModelBytes       int64
	PeakRSS          int64 // bytes
	TrainSymbols     int64
	TestSymbols      int64
	TrainOps         float64
	OpsPerSymbol     float64
	Budget           Bounds // on training
	CPU              string
	Cores            int
	Coder            bool // a compressor
}

// Costs lists what each finished cell took, in the order of the plan.
func (s *Store) Costs(f Filter) ([]CostRow, error) {
	return read(s, f, `SELECT experiment, corpus, predictor, kind, mode, seeds, ordinal, series, bits_per_byte, lo, hi,
		bits_per_symbol, train_s, eval_s, wall_s, cpu_s, symbols_per_s, model_bytes, peak_rss, n_train, n_test, train_ops,
		ops_per_symbol, budget_symbols, budget_bytes, budget_seconds, budget_ops, cpu, cores, coder
		FROM cost`,
		func(r *CostRow) []any {
			symbols, bytes, seconds, ops := r.Budget.to()
			return r.ID.to(&r.Series, num{&r.BitsPerByte}, num{&r.Lo}, num{&r.Hi}, num{&r.BitsPerSymbol}, num{&r.TrainSeconds}, num{&r.EvalSeconds}, num{&r.WallSeconds},
				num{&r.CPUSeconds}, num{&r.SymbolsPerSecond}, whole{&r.ModelBytes}, whole{&r.PeakRSS},
				whole{&r.TrainSymbols}, whole{&r.TestSymbols}, num{&r.TrainOps}, num{&r.OpsPerSymbol},
				symbols, bytes, seconds, ops, &r.CPU, &r.Cores, &r.Coder)
		})
}

// EvidenceRow is a row of the view evidence: what the predictions in one block
// of the test part rest on, as means over the evaluation points there. NaN
// stands for what the predictor does not say.
type EvidenceRow struct {
	ID
	Series      string // the predictor's table in the file
	Block       int
	First       int64   // index of the block's first symbol in the test part
	Bits        float64 // loss per symbol of the block
	Points      int64   // evaluation points in it
	MatchLength float64 // longest context found, symbols
	Effective   float64 // n_eff, past positions
	Fallback    float64 // share of a law that ignores the context
}

// Evidence lists what predictions rest on, by corpus, place in the plan, and
// block.
func (s *Store) Evidence(f Filter) ([]EvidenceRow, error) {
	return read(s, f, `SELECT experiment, corpus, predictor, kind, mode, seeds, ordinal, series, block, first, bits, points,
		match_length, n_eff, fallback FROM evidence`,
		func(r *EvidenceRow) []any {
			return r.ID.to(&r.Series, &r.Block, &r.First, num{&r.Bits}, &r.Points, num{&r.MatchLength},
				num{&r.Effective}, num{&r.Fallback})
		})
}

// MissingRow is a row of the view missing: a planned cell that is not done.
type MissingRow struct {
	Experiment string
	Ordinal    int
	Corpus     string
	Predictor  string
	Mode       string
	State      State  // of the last attempt; Pending if there was none
	Error      string // why
}

// Missing lists what is not done, in the order of the plan.
func (s *Store) Missing(f Filter) ([]MissingRow, error) {
	return read(s, f, `SELECT experiment, ordinal, corpus, predictor, mode, state, error FROM missing`,
		func(r *MissingRow) []any {
			return []any{&r.Experiment, &r.Ordinal, &r.Corpus, &r.Predictor, &r.Mode, &r.State, text{&r.Error}}
		})
}

// A Series is the block losses of one finished cell.
type Series struct {
	ID
	Blocks []BlockLoss
}

// BlockLosses lists the block losses of a metric ("log_loss", "ahead") at a
// horizon, for intervals and paired comparisons, by corpus and place in the
// plan.
func (s *Store) BlockLosses(f Filter, metric string, horizon int) ([]Series, error) {
	type row struct {
		ID
		BlockLoss
	}
	cond, args := f.where()
	rows, err := readWhere(s, cond+` AND metric = ? AND horizon = ?`, append(args, metric, horizon),
		`SELECT experiment, corpus, predictor, kind, mode, seeds, ordinal, metric, horizon, block, first, n, bytes, bits
		FROM blocks`,
		func(r *row) []any {
			return r.ID.to(&r.Metric, &r.Horizon, &r.Block, &r.First, &r.N, &r.Bytes, &r.Bits)
		})
	var out []Series
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].ID != r.ID {
			out = append(out, Series{ID: r.ID})
		}
		last := &out[len(out)-1]
		last.Blocks = append(last.Blocks, r.BlockLoss)
	}
	return out, err
}

// ChosenRow is what training chose in a finished cell, by name.
type ChosenRow struct {
	ID
	Chosen map[string]float64
}

// Chosen lists what training chose, of cells where it chose something, by
// corpus and place in the plan.
func (s *Store) Chosen(f Filter) ([]ChosenRow, error) {
	cond, args := f.where()
	return readWhere(s, cond+` AND latest AND state = 'done' AND params_chosen IS NOT NULL ORDER BY experiment, corpus, ordinal`, args,
		`SELECT experiment, corpus, predictor, kind, mode, seeds, ordinal, params_chosen FROM cells`,
		func(r *ChosenRow) []any { return r.ID.to(numbers{&r.Chosen}) })
}

// A ScoreRow is one score of a finished cell.
type ScoreRow struct {
	ID
	Metric        string
	Horizon       int // whatever the metric is a function of
	N             int64
	Value, Lo, Hi float64 // Lo and Hi NaN without an interval
}

// Scores lists those of a metric, by corpus, place in the plan and horizon.
func (s *Store) Scores(f Filter, metric string) ([]ScoreRow, error) {
	cond, args := f.where()
	return readWhere(s, cond+` AND latest AND state = 'done' AND metric = ? ORDER BY experiment, corpus, ordinal, horizon`, append(args, metric),
		`SELECT experiment, corpus, predictor, kind, mode, seeds, ordinal, metric, horizon, n,
			CASE class WHEN '+inf' THEN 9e999 WHEN '-inf' THEN -9e999 ELSE value END, lo, hi
			FROM cells JOIN score ON score.attempt = cells.attempt`,
		func(r *ScoreRow) []any {
			return r.ID.to(&r.Metric, &r.Horizon, &r.N, num{&r.Value}, num{&r.Lo}, num{&r.Hi})
		})
}

// CellState is where a planned cell stands.
type CellState struct {
	Ordinal     int
	Key         string
	Predictor   string
	Corpus      string
	Mode        string
	State       State // of the done attempt, else of the last one, else Pending
	Error       string
	Attempts    int     // how often it was tried
	WallSeconds float64 // of that attempt; NaN if unknown
}

// States lists where the cells of an experiment stand, in the order of its
// plan.
func (s *Store) States(experimentDigest string) ([]CellState, error) {
	return query(s, `SELECT l.ordinal, l.cell, l.predictor, l.corpus, l.mode, l.state, l.error,
		(SELECT count(*) FROM attempt a WHERE a.cell = l.cell), l.wall_s
		FROM cells l WHERE l.experiment_digest = ? ORDER BY l.ordinal`, []any{experimentDigest},
		func(r *CellState) []any {
			return []any{&r.Ordinal, &r.Key, &r.Predictor, &r.Corpus, &r.Mode, &r.State, text{&r.Error},
				&r.Attempts, num{&r.WallSeconds}}
		})
}

// StateOf is where one cell stands, whether or not any experiment holds it.
func (s *Store) StateOf(cell string) (State, error) {
	var st State
	err := s.r.QueryRow(`SELECT state FROM attempt WHERE cell = ? ORDER BY state = 'done' DESC, id DESC LIMIT 1`,
		cell).Scan(&st)
	if errors.Is(err, sql.ErrNoRows) {
		return Pending, nil
	}
	return st, wrap("state of "+cell, err)
}

// A Table is the answer to a query.
type Table struct {
	Columns   []string
	Rows      [][]any // int64, float64, string, []byte or nil
	Truncated bool    // there were more rows than asked for
}

var viewName = regexp.MustCompile(`^\s*[A-Za-z_][A-Za-z_0-9]*\s*;?\s*$`)

// Query answers one read-only SQL query, or shows a view or table if given its
// name, up to limit rows if limit > 0. Whatever would change the file, attach
// another or set a pragma is refused; ctx bounds the time.
func (s *Store) Query(ctx context.Context, query string, limit int) (*Table, error) {
	if viewName.MatchString(query) {
		query = `SELECT * FROM "` + strings.Trim(query, " \t\r\n;") + `"`
	}
	rows, err := s.r.QueryContext(ctx, query)
	if err != nil {
		return nil, wrap("query", explain(ctx, err))
	}
	defer rows.Close()
	t := &Table{}
	if t.Columns, err = rows.Columns(); err != nil {
		return nil, wrap("query", err)
	}
	for rows.Next() {
		if limit > 0 && len(t.Rows) == limit {
			t.Truncated = true
			return t, nil
		}
		row := make([]any, len(t.Columns))
		to := make([]any, len(row))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, wrap("query", err)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, wrap("query", explain(ctx, rows.Err()))
}

// explain says that a query ran out of time where SQLite only says that it was
// interrupted.
func explain(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w (%v)", ctx.Err(), err)
	}
	return err
}

// read reads the rows of a view that pass a filter.
func read[T any](s *Store, f Filter, sel string, fields func(*T) []any) ([]T, error) {
	cond, args := f.where()
	return readWhere(s, cond, args, sel, fields)
}

func readWhere[T any](s *Store, cond string, args []any, sel string, fields func(*T) []any) ([]T, error) {
	return query(s, sel+` WHERE `+cond, args, fields)
}

// query reads rows into what fields points to.
func query[T any](s *Store, sel string, args []any, fields func(*T) []any) ([]T, error) {
	rows, err := s.r.Query(sel, args...)
	if err != nil {
		return nil, wrap("read", err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var r T
		if err := rows.Scan(fields(&r)...); err != nil {
			return nil, wrap("read", err)
		}
		out = append(out, r)
	}
	return out, wrap("read", rows.Err())
}

// to is where the seven columns of an ID go, and then others.
func (id *ID) to(others ...any) []any {
	return append([]any{&id.Experiment, &id.Corpus, &id.Predictor, &id.Kind, &id.Mode, &id.Seeds, &id.Ordinal}, others...)
}

// num scans NULL as NaN, zero and whole NULL as 0, text NULL as "", numbers a
// JSON object.
type (
	num     struct{ to *float64 }
	zero    struct{ to *float64 }
	whole   struct{ to *int64 }
	text    struct{ to *string }
	numbers struct{ to *map[string]float64 }
)

func (n num) Scan(v any) error {
	var f sql.NullFloat64
	if err := f.Scan(v); err != nil {
		return err
	}
	if *n.to = math.NaN(); f.Valid {
		*n.to = f.Float64
	}
	return nil
}

func (z zero) Scan(v any) error {
	var f sql.NullFloat64
	err := f.Scan(v)
	*z.to = f.Float64
	return err
}

func (w whole) Scan(v any) error {
	var i sql.NullInt64
	err := i.Scan(v)
	*w.to = i.Int64
	return err
}

func (t text) Scan(v any) error {
	var s sql.NullString
	err := s.Scan(v)
	*t.to = s.String
	return err
}

func (n numbers) Scan(v any) error {
	var s sql.NullString
	if err := s.Scan(v); err != nil || !s.Valid {
		return err
	}
	return json.Unmarshal([]byte(s.String), n.to)
}
