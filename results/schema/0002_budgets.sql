-- Bounds on training beside what was achieved, sweeps as series, and what
-- predictions rest on. Bounds are part of a predictor's parameters, under
-- "budget"; only views change.

DROP VIEW cells;
DROP VIEW leaderboard;
DROP VIEW cost;
DROP VIEW curves;

-- cells: one row for each planned cell of every experiment, with the attempt
-- that speaks for it: the done one, else the last. series is the predictor's
-- table in the experiment's file, the part of its name before '/', so that the
-- points of a sweep can be joined; budget_… are the bounds on its training,
-- NULL if there was none: symbols, bytes of the model, seconds, operations.
CREATE VIEW cells AS
SELECT e.name AS experiment, e.digest AS experiment_digest,
       NOT EXISTS (SELECT 1 FROM experiment f WHERE f.name = e.name
                   AND (f.used, f.digest) > (e.used, e.digest)) AS latest,
       x.ordinal, x.corpus_name AS corpus, x.predictor_name AS predictor,
       substr(x.predictor_name, 1, instr(x.predictor_name || '/', '/') - 1) AS series,
       p.kind, x.mode, p.params,
       p.code_version, p.coder, c.seeds, c.evaluate, k.entropy,
       iif(json_valid(p.params), json_extract(p.params, '$.budget.symbols'),       NULL) AS budget_symbols,
       iif(json_valid(p.params), json_extract(p.params, '$.budget.model_bytes'),   NULL) AS budget_bytes,
       iif(json_valid(p.params), json_extract(p.params, '$.budget.train_seconds'), NULL) AS budget_seconds,
       iif(json_valid(p.params), json_extract(p.params, '$.budget.train_ops'),     NULL) AS budget_ops,
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
-- match_length, n_eff and fallback are what its predictions rest on, NULL where
-- it does not say (see the view evidence).
--   SELECT predictor, bits_per_byte FROM leaderboard WHERE corpus = 'opticks';
CREATE VIEW leaderboard AS
SELECT l.experiment, l.corpus, l.predictor, l.series, l.kind, l.mode, l.params,
       iif(b.class = '+inf', 9e999, b.value) AS bits_per_byte, b.lo, b.hi,
       iif(s.class = '+inf', 9e999, s.value) AS bits_per_symbol,
       iif(q.class = '+inf', 9e999, q.value) AS perplexity,
       o.value AS top1, g.value AS regret, g.lo AS regret_lo, g.hi AS regret_hi, l.train_s, l.eval_s, l.symbols_per_s, l.model_bytes, l.peak_rss,
       l.n_train, l.budget_symbols, l.budget_bytes, l.budget_seconds, l.budget_ops,
       m.value AS match_length, n.value AS n_eff, f.value AS fallback,
       l.n_test, l.test_bytes, l.seeds, l.entropy, l.unit, l.coder, l.state, l.ordinal
FROM cells l
LEFT JOIN score b ON b.attempt = l.attempt AND b.metric = 'bits_per_byte'   AND b.horizon = 1
LEFT JOIN score s ON s.attempt = l.attempt AND s.metric = 'bits_per_symbol' AND s.horizon = 1
LEFT JOIN score q ON q.attempt = l.attempt AND q.metric = 'perplexity'      AND q.horizon = 1
LEFT JOIN score o ON o.attempt = l.attempt AND o.metric = 'top1'            AND o.horizon = 1
LEFT JOIN score g ON g.attempt = l.attempt AND g.metric = 'regret'          AND g.horizon = 1
LEFT JOIN score m ON m.attempt = l.attempt AND m.metric = 'match_length'    AND m.horizon = 1
LEFT JOIN score n ON n.attempt = l.attempt AND n.metric = 'n_eff'           AND n.horizon = 1
LEFT JOIN score f ON f.attempt = l.attempt AND f.metric = 'fallback'        AND f.horizon = 1
WHERE l.latest
ORDER BY l.experiment, l.corpus, coalesce(bits_per_byte, bits_per_symbol) IS NULL,
         coalesce(bits_per_byte, bits_per_symbol), l.ordinal;

-- cost: what each finished cell took: seconds, bytes, symbols per second of
-- evaluation, operations where they were counted; beside n_train, model_bytes,
-- train_s and train_ops the bounds that were set on them.
--   SELECT series, budget_bytes, model_bytes, bits_per_byte FROM cost WHERE budget_bytes > 0;
CREATE VIEW cost AS
SELECT l.experiment, l.corpus, l.predictor, l.series, l.kind, l.mode,
       iif(b.class = '+inf', 9e999, b.value) AS bits_per_byte, b.lo, b.hi,
       iif(s.class = '+inf', 9e999, s.value) AS bits_per_symbol,
       l.train_s, l.eval_s, l.wall_s, l.cpu_s, l.symbols_per_s, l.model_bytes, l.peak_rss,
       l.n_train, l.n_test, t.value AS train_ops, o.value AS ops_per_symbol,
       l.budget_symbols, l.budget_bytes, l.budget_seconds, l.budget_ops,
       v.cpu, v.cores, v.kernels, l.seeds, l.coder, l.ordinal
FROM cells l
JOIN environment v ON v.digest = l.environment
LEFT JOIN score b ON b.attempt = l.attempt AND b.metric = 'bits_per_byte'  AND b.horizon = 1
LEFT JOIN score s ON s.attempt = l.attempt AND s.metric = 'bits_per_symbol' AND s.horizon = 1
LEFT JOIN score t ON t.attempt = l.attempt AND t.metric = 'train_ops'      AND t.horizon = 1
LEFT JOIN score o ON o.attempt = l.attempt AND o.metric = 'ops_per_symbol' AND o.horizon = 1
WHERE l.latest AND l.state = 'done'
ORDER BY l.experiment, l.ordinal;

-- curves: what was measured in the course of training, against training
-- symbols seen and seconds of training.
CREATE VIEW curves AS
SELECT l.experiment, l.corpus, l.predictor, l.series, l.kind, l.mode, v.metric, v.symbols, v.seconds,
       v.value, l.seeds, l.ordinal
FROM cells l JOIN curve v ON v.attempt = l.attempt
WHERE l.latest
ORDER BY l.experiment, l.corpus, l.ordinal, v.metric, v.symbols;

-- evidence: what the predictions of finished cells rest on, block by block:
-- means over the evaluation points in the block. match_length is the longest
-- context found, in symbols; n_eff the effective number of past positions;
-- fallback the share of a law that ignores the context; bits is the loss per
-- symbol over the whole block. NULL where the predictor does not say.
CREATE VIEW evidence AS
SELECT l.experiment, l.corpus, l.predictor, l.series, l.kind, l.mode, d.block, d.first,
       d.bits / d.n AS bits, max(coalesce(m.n, 0), coalesce(n.n, 0), coalesce(f.n, 0)) AS points,
       m.bits / m.n AS match_length, n.bits / n.n AS n_eff, f.bits / f.n AS fallback,
       l.seeds, l.ordinal
FROM cells l
JOIN block_loss d ON d.attempt = l.attempt AND d.metric = 'log_loss' AND d.horizon = 1
LEFT JOIN block_loss m ON m.attempt = l.attempt AND m.metric = 'match_length' AND m.horizon = 1 AND m.block = d.block
LEFT JOIN block_loss n ON n.attempt = l.attempt AND n.metric = 'n_eff'        AND n.horizon = 1 AND n.block = d.block
LEFT JOIN block_loss f ON f.attempt = l.attempt AND f.metric = 'fallback'     AND f.horizon = 1 AND f.block = d.block
WHERE l.latest AND l.state = 'done' AND (m.n > 0 OR n.n > 0 OR f.n > 0)
ORDER BY l.experiment, l.corpus, l.ordinal, d.block;
