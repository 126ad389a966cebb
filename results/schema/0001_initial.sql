-- The store of results. One file holds every experiment: what was planned,
-- what was tried, and what came of it.
--
-- Keys that cross files are digests (SHA-256, hex) or time-ordered UUIDs
-- (version 7), so that files made on different machines can be merged.
-- Times are UTC text of fixed width, so that they sort. SQLite keeps a NaN as
-- NULL, hence score.class. Losses are in bits.

-- Where an attempt ran: what must agree for results to agree bit for bit.
CREATE TABLE environment (
  digest       TEXT PRIMARY KEY,
  git_commit   TEXT NOT NULL,
  git_dirty    INT  NOT NULL CHECK (git_dirty IN (0, 1)),
  code_sha256  TEXT NOT NULL,             -- of the modules the program was built from
  go_version   TEXT NOT NULL,
  goos         TEXT NOT NULL,
  goarch       TEXT NOT NULL,
  goamd64      TEXT NOT NULL,             -- '' off amd64
  cpu          TEXT NOT NULL,
  cpu_features TEXT NOT NULL,
  kernels      TEXT NOT NULL,             -- which vector kernels ran
  cores        INT  NOT NULL,
  ram          INT  NOT NULL              -- bytes
) STRICT;

CREATE TABLE corpus (
  sha256  TEXT PRIMARY KEY,               -- of its bytes; of its symbols for a process
  name    TEXT NOT NULL,
  kind    TEXT NOT NULL,
  source  TEXT NOT NULL,
  licence TEXT NOT NULL,
  bytes   INT  NOT NULL,
  entropy REAL                            -- h, bits per symbol, where known
) STRICT;

CREATE TABLE slice (
  digest    TEXT PRIMARY KEY,             -- over alphabet, boundaries and symbols
  corpus    TEXT NOT NULL REFERENCES corpus,
  role      TEXT NOT NULL CHECK (role IN ('train', 'valid', 'test')),
  unit      TEXT NOT NULL,                -- byte, rune, word, symbol
  first     INT  NOT NULL,                -- index of its first symbol in the corpus
  length    INT  NOT NULL,                -- symbols
  bytes     INT  NOT NULL,                -- of the text it stands for
  documents INT  NOT NULL,
  alphabet  INT  NOT NULL                 -- size A
) STRICT;

CREATE TABLE predictor (
  digest       TEXT PRIMARY KEY,          -- of the three columns that follow
  kind         TEXT NOT NULL,
  code_version INT  NOT NULL,
  params       TEXT NOT NULL,             -- canonical JSON, all of them resolved
  coder        INT  NOT NULL CHECK (coder IN (0, 1))  -- a compressor: total code length only
) STRICT;

CREATE TABLE experiment (
  digest   TEXT PRIMARY KEY,
  name     TEXT NOT NULL,
  source   TEXT NOT NULL,                 -- the file as written
  resolved TEXT NOT NULL,                 -- the same with every default filled in
  created  TEXT NOT NULL,
  used     TEXT NOT NULL                  -- when it was last planned: the latest of a name leads
) STRICT;
CREATE INDEX experiment_name ON experiment (name, used, digest);

-- One predictor on one corpus under one protocol. A cell may belong to many
-- experiments. The slices are NULL if the corpus could not be had.
CREATE TABLE cell (
  key       TEXT PRIMARY KEY,
  predictor TEXT NOT NULL REFERENCES predictor,
  train     TEXT REFERENCES slice,
  valid     TEXT REFERENCES slice,
  test      TEXT REFERENCES slice,
  mode      TEXT NOT NULL CHECK (mode IN ('frozen', 'prequential')),
  seeds     TEXT NOT NULL CHECK (json_valid(seeds)),
  evaluate  TEXT NOT NULL CHECK (json_valid(evaluate))
) STRICT;

-- What an experiment calls its cells, in the order of its plan.
CREATE TABLE experiment_cell (
  experiment     TEXT NOT NULL REFERENCES experiment,
  ordinal        INT  NOT NULL,
  cell           TEXT NOT NULL REFERENCES cell,
  predictor_name TEXT NOT NULL,
  corpus_name    TEXT NOT NULL,
  mode           TEXT NOT NULL,
  corpus         TEXT REFERENCES corpus,
  PRIMARY KEY (experiment, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX experiment_cell_cell ON experiment_cell (cell);

-- Every time a cell was tried. At most one attempt of a cell is running, and
-- at most one is done, whatever the processes do.
CREATE TABLE attempt (
  id            TEXT PRIMARY KEY,
  cell          TEXT NOT NULL REFERENCES cell,
  environment   TEXT NOT NULL REFERENCES environment,
  shard         TEXT NOT NULL,
  host          TEXT NOT NULL,
  pid           INT  NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'timeout', 'memory',
                                               'stopped', 'lost', 'skipped', 'superseded')),
  error         TEXT,
  started       TEXT NOT NULL,
  beat          TEXT NOT NULL,            -- last sign of life
  ended         TEXT,
  train_s       REAL,
  eval_s        REAL,
  wall_s        REAL,
  cpu_s         REAL,
  symbols_per_s REAL,                     -- of evaluation
  model_bytes   INT,
  peak_rss      INT,                      -- bytes
  n_train       INT,                      -- training symbols seen, with repetition
  params_chosen TEXT CHECK (json_valid(params_chosen)),  -- what training chose, by name
  model_file    TEXT
) STRICT;
CREATE UNIQUE INDEX attempt_done    ON attempt (cell) WHERE state = 'done';
CREATE UNIQUE INDEX attempt_running ON attempt (cell) WHERE state = 'running';
CREATE INDEX attempt_cell ON attempt (cell, id);
CREATE INDEX attempt_live ON attempt (state, beat);

-- The figures of an attempt. Those of the next symbol have horizon 1.
CREATE TABLE score (
  attempt TEXT NOT NULL REFERENCES attempt,
  metric  TEXT NOT NULL,
  horizon INT  NOT NULL,
  n       INT  NOT NULL,                  -- how many symbols or points it is a mean of
  value   REAL,
  lo      REAL,                           -- 95% interval, NULL if unavailable
  hi      REAL,
  class   TEXT NOT NULL CHECK (class IN ('finite', '+inf', '-inf', 'nan')),
  PRIMARY KEY (attempt, metric, horizon),
  CHECK ((class = 'finite') = (value IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX score_rank ON score (metric, horizon, value);

-- Losses summed over runs of neighbouring positions, for intervals and paired
-- comparisons. Metric 'log_loss', horizon 1: every test symbol. Metric
-- 'ahead', horizon k: the evaluation points.
CREATE TABLE block_loss (
  attempt TEXT NOT NULL REFERENCES attempt,
  metric  TEXT NOT NULL,
  horizon INT  NOT NULL,
  block   INT  NOT NULL,
  first   INT  NOT NULL,                  -- index of its first position in the test part
  n       INT  NOT NULL,
  bytes   INT  NOT NULL,
  bits    REAL NOT NULL,
  PRIMARY KEY (attempt, metric, horizon, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE curve (
  attempt TEXT NOT NULL REFERENCES attempt,
  metric  TEXT NOT NULL,                  -- such as valid_bits
  symbols INT  NOT NULL,                  -- training symbols seen, with repetition
  seconds REAL,                           -- of training, by then
  value   REAL,
  PRIMARY KEY (attempt, metric, symbols)
) STRICT, WITHOUT ROWID;

-- That a claimed code length was coded, and decoded back.
CREATE TABLE proof (
  attempt      TEXT PRIMARY KEY REFERENCES attempt,
  claimed_bits REAL NOT NULL,
  coded_bytes  INT  NOT NULL,
  round_trip   INT  NOT NULL CHECK (round_trip IN (0, 1))
) STRICT;

CREATE TABLE artifact (
  sha256  TEXT NOT NULL,
  attempt TEXT NOT NULL REFERENCES attempt,
  role    TEXT NOT NULL,
  file    TEXT NOT NULL,
  PRIMARY KEY (attempt, role, file)
) STRICT, WITHOUT ROWID;

CREATE TABLE merge_log (
  source_sha256 TEXT PRIMARY KEY,
  at            TEXT NOT NULL,
  added         INT  NOT NULL,
  conflicts     INT  NOT NULL
) STRICT;

-- Views: for people. Each needs no join. An experiment that was edited and run
-- again has a new digest and the same name; all views but `cells` show only
-- the latest of each name, and `cells` marks it in the column latest. A loss
-- that is infinite reads as Inf, one that is missing or not a number as NULL.

-- cells: one row for each planned cell of every experiment, with the attempt
-- that speaks for it: the done one, else the last.
CREATE VIEW cells AS
SELECT e.name AS experiment, e.digest AS experiment_digest,
       NOT EXISTS (SELECT 1 FROM experiment f WHERE f.name = e.name
                   AND (f.used, f.digest) > (e.used, e.digest)) AS latest,
       x.ordinal, x.corpus_name AS corpus, x.predictor_name AS predictor, p.kind, x.mode, p.params,
       p.code_version, p.coder, c.seeds, c.evaluate, k.entropy,
       t.unit, t.alphabet, t.length AS n_test, t.bytes AS test_bytes,
       coalesce(a.state, 'pending') AS state, a.error, a.started, a.ended,
       a.train_s, a.eval_s, a.wall_s, a.cpu_s, a.symbols_per_s, a.model_bytes, a.peak_rss,
       a.n_train, a.params_chosen, a.model_file, c.key AS cell, a.id AS attempt, a.environment
FROM experiment e
JOIN experiment_cell x ON x.experiment = e.digest
JOIN cell c ON c.key = x.cell
JOIN predictor p ON p.digest = c.predictor
LEFT JOIN corpus k ON k.sha256 = x.corpus
LEFT JOIN slice t ON t.digest = c.test
LEFT JOIN attempt a ON a.id = coalesce(
  (SELECT b.id FROM attempt b WHERE b.cell = c.key AND b.state = 'done'),
  (SELECT max(b.id) FROM attempt b WHERE b.cell = c.key));

-- leaderboard: how well each cell foresees the next symbol, best first within
-- a corpus. lo and hi are the 95% interval of bits_per_byte; entropy is the
-- known h of the corpus in bits per symbol; sizes are in bytes, times in
-- seconds.
-- regret is bits_per_symbol less the exact Bayes filter's on the same symbols,
-- with the interval of the paired difference; known processes only.
--   SELECT predictor, bits_per_byte FROM leaderboard WHERE corpus = 'opticks';
CREATE VIEW leaderboard AS
SELECT l.experiment, l.corpus, l.predictor, l.kind, l.mode, l.params,
       iif(b.class = '+inf', 9e999, b.value) AS bits_per_byte, b.lo, b.hi,
       iif(s.class = '+inf', 9e999, s.value) AS bits_per_symbol,
       iif(q.class = '+inf', 9e999, q.value) AS perplexity,
       o.value AS top1, g.value AS regret, g.lo AS regret_lo, g.hi AS regret_hi, l.train_s, l.eval_s, l.symbols_per_s, l.model_bytes, l.peak_rss,
       l.n_train, l.n_test, l.test_bytes, l.seeds, l.entropy, l.unit, l.coder, l.state, l.ordinal
FROM cells l
LEFT JOIN score b ON b.attempt = l.attempt AND b.metric = 'bits_per_byte'   AND b.horizon = 1
LEFT JOIN score s ON s.attempt = l.attempt AND s.metric = 'bits_per_symbol' AND s.horizon = 1
LEFT JOIN score q ON q.attempt = l.attempt AND q.metric = 'perplexity'      AND q.horizon = 1
LEFT JOIN score o ON o.attempt = l.attempt AND o.metric = 'top1'            AND o.horizon = 1
LEFT JOIN score g ON g.attempt = l.attempt AND g.metric = 'regret'          AND g.horizon = 1
WHERE l.latest
ORDER BY l.experiment, l.corpus, coalesce(bits_per_byte, bits_per_symbol) IS NULL,
         coalesce(bits_per_byte, bits_per_symbol), l.ordinal;

-- horizon: the loss in bits of the symbol k steps ahead, those between unseen.
-- raw is without the jackknife, exact says that no rollouts were needed,
-- optimum is the best any predictor can do where that is known, regret what is
-- lost to it on the same points (its interval is that of paired differences,
-- hence much the narrower), unigram the
-- loss of the experiment's unigram predictor at the same k.
--   SELECT k, bits, optimum FROM horizon WHERE predictor = 'kneser-ney';
CREATE VIEW horizon AS
SELECT l.experiment, l.corpus, l.predictor, l.kind, l.mode, s.horizon AS k,
       iif(s.class = '+inf', 9e999, s.value) AS bits, iif(r.class = '+inf', 9e999, r.value) AS raw,
       s.lo, s.hi, x.value AS exact,
       coalesce(p.value, s.n) AS points, o.value AS rollouts, b.value AS optimum,
       g.value AS regret, g.lo AS regret_lo, g.hi AS regret_hi,
       (SELECT iif(us.class = '+inf', 9e999, us.value) FROM experiment_cell ux
        JOIN cell uc ON uc.key = ux.cell
        JOIN predictor up ON up.digest = uc.predictor AND up.kind = 'unigram'
        JOIN attempt ua ON ua.cell = uc.key AND ua.state = 'done'
        JOIN score us ON us.attempt = ua.id AND us.metric = 'ahead_bits' AND us.horizon = s.horizon
        WHERE ux.experiment = l.experiment_digest AND ux.corpus_name = l.corpus AND ux.mode = l.mode
        ORDER BY ux.ordinal LIMIT 1) AS unigram,
       l.seeds, l.entropy, l.ordinal
FROM cells l
JOIN score s ON s.attempt = l.attempt AND s.metric = 'ahead_bits'
LEFT JOIN score r ON r.attempt = l.attempt AND r.metric = 'ahead_bits_raw' AND r.horizon = s.horizon
LEFT JOIN score x ON x.attempt = l.attempt AND x.metric = 'ahead_exact'    AND x.horizon = s.horizon
LEFT JOIN score p ON p.attempt = l.attempt AND p.metric = 'points'         AND p.horizon = s.horizon
LEFT JOIN score o ON o.attempt = l.attempt AND o.metric = 'rollouts'       AND o.horizon = s.horizon
LEFT JOIN score b ON b.attempt = l.attempt AND b.metric = 'optimum'        AND b.horizon = s.horizon
LEFT JOIN score g ON g.attempt = l.attempt AND g.metric = 'regret_ahead'   AND g.horizon = s.horizon
WHERE l.latest AND l.state = 'done'
ORDER BY l.experiment, l.corpus, l.ordinal, s.horizon;

-- cost: what each finished cell took: seconds, bytes, symbols per second of
-- evaluation, operations where they were counted.
CREATE VIEW cost AS
SELECT l.experiment, l.corpus, l.predictor, l.kind, l.mode,
       iif(b.class = '+inf', 9e999, b.value) AS bits_per_byte,
       l.train_s, l.eval_s, l.wall_s, l.cpu_s, l.symbols_per_s, l.model_bytes, l.peak_rss,
       l.n_train, l.n_test, t.value AS train_ops, o.value AS ops_per_symbol,
       v.cpu, v.cores, v.kernels, l.seeds, l.coder, l.ordinal
FROM cells l
JOIN environment v ON v.digest = l.environment
LEFT JOIN score b ON b.attempt = l.attempt AND b.metric = 'bits_per_byte'  AND b.horizon = 1
LEFT JOIN score t ON t.attempt = l.attempt AND t.metric = 'train_ops'      AND t.horizon = 1
LEFT JOIN score o ON o.attempt = l.attempt AND o.metric = 'ops_per_symbol' AND o.horizon = 1
WHERE l.latest AND l.state = 'done'
ORDER BY l.experiment, l.ordinal;

-- missing: planned cells that are not done, with how the last attempt ended
-- and why; pending if there was none.
CREATE VIEW missing AS
SELECT experiment, ordinal, corpus, predictor, mode, state, error
FROM cells WHERE latest AND state <> 'done'
ORDER BY experiment, ordinal;

-- curves: what was measured in the course of training, against training
-- symbols seen and seconds of training.
CREATE VIEW curves AS
SELECT l.experiment, l.corpus, l.predictor, l.kind, l.mode, v.metric, v.symbols, v.seconds,
       v.value, l.seeds, l.ordinal
FROM cells l JOIN curve v ON v.attempt = l.attempt
WHERE l.latest
ORDER BY l.experiment, l.corpus, l.ordinal, v.metric, v.symbols;

-- blocks: the losses of finished cells block by block.
CREATE VIEW blocks AS
SELECT l.experiment, l.corpus, l.predictor, l.kind, l.mode, b.metric, b.horizon, b.block, b.first,
       b.n, b.bytes, b.bits, l.seeds, l.ordinal
FROM cells l JOIN block_loss b ON b.attempt = l.attempt
WHERE l.latest AND l.state = 'done'
ORDER BY l.experiment, l.corpus, l.ordinal, b.metric, b.horizon, b.block;
