package main

import (
	"math"

	"horizon/results"
	"horizon/runner/metrics"
)

// toResults turns what a cell found into what is stored, adding the 95%
// intervals that its blocks of losses allow.
func toResults(o *outcome, used usage, wall float64, proto metrics.Protocol) results.Outcome {
	r := results.Outcome{TrainSeconds: o.TrainSeconds, EvalSeconds: o.EvalSeconds, WallSeconds: wall, CPUSeconds: used.CPUSeconds,
		SymbolsPerSecond: float64(o.TestSymbols) / o.ScoreSeconds, ModelBytes: o.ModelBytes, PeakRSS: used.PeakRSS,
		TrainSymbols: int64(o.TrainSymbols), Chosen: o.Chosen, ModelFile: o.ModelFile}
	if o.Proof != nil {
		r.Proof = &results.Proof{ClaimedBits: o.Proof.ClaimedBits, CodedBytes: int64(o.Proof.CodedBytes), RoundTrip: o.Proof.RoundTrip}
	}
	for _, b := range o.Blocks {
		r.Blocks = append(r.Blocks, blockLoss(b))
	}
	for _, c := range o.Curve {
		r.Curve = append(r.Curve, results.CurvePoint{Metric: c.Metric, Symbols: c.Symbols, Seconds: c.Seconds, Value: c.Value})
	}
	r.Scores = scoresWithIntervals(o, proto.Block)
	for _, s := range o.Studied {
		r.Scores = append(r.Scores, results.Score{Metric: s.Metric, Horizon: s.Horizon, N: int64(s.N), Value: s.Value, Lo: s.Lo, Hi: s.Hi})
	}
	for _, s := range o.Scores {
		if s.Metric == "ahead_bits" {
			n := int64(s.N)
			r.Scores = append(r.Scores,
				results.Score{Metric: "points", Horizon: s.Horizon, N: n, Value: float64(s.N), Lo: math.NaN(), Hi: math.NaN()},
				results.Score{Metric: "rollouts", Horizon: s.Horizon, N: n, Value: float64(proto.Rollouts), Lo: math.NaN(), Hi: math.NaN()})
		}
	}
	return r
}

func blockLoss(b metrics.Block) results.BlockLoss {
	return results.BlockLoss{Metric: b.Metric, Horizon: b.Horizon, Block: b.Block, First: int64(b.First), N: int64(b.N), Bytes: b.Bytes, Bits: b.Bits}
}

// scoresWithIntervals computes the interval of every score that is a mean of
// stored losses, and the regrets, whose intervals come from paired differences.
func scoresWithIntervals(o *outcome, block int) []results.Score {
	var out []results.Score
	add := func(s metrics.Score, lo, hi float64) {
		out = append(out, results.Score{Metric: s.Metric, Horizon: s.Horizon, N: int64(s.N), Value: s.Value, Lo: lo, Hi: hi})
	}
	series := func(blocks []metrics.Block, metric string, horizon int) (list []results.BlockLoss) {
		for _, b := range blocks {
			if b.Metric == metric && b.Horizon == horizon {
				list = append(list, blockLoss(b))
			}
		}
		return list
	}
	for _, s := range o.Scores {
		lo, hi := math.NaN(), math.NaN()
		losses := series(o.Blocks, "log_loss", 1)
		switch s.Metric {
		case "bits_per_symbol":
			iv := interval(losses, results.PerSymbol, 1, block)
			lo, hi = iv.Lo, iv.Hi
		case "perplexity":
			iv := interval(losses, results.PerSymbol, 1, block)
			lo, hi = results.Perplexity(iv.Lo), results.Perplexity(iv.Hi)
		case "bits_per_byte":
			// What spelling out unknown words adds has no blocks of its own:
			// the interval is moved by it.
			iv := interval(losses, results.PerByte, 1, block)
			lo, hi = iv.Lo+s.Value-iv.Value, iv.Hi+s.Value-iv.Value
		case "ahead_bits":
			iv := interval(series(o.Blocks, "ahead", s.Horizon), results.PerSymbol, s.Horizon, block)
			lo, hi = iv.Lo, iv.Hi
		}
		add(s, lo, hi)
	}
	for _, s := range o.Scores {
		metric, stored := "regret", "log_loss"
		switch s.Metric {
		case "optimum":
			metric, stored = "regret_ahead", "ahead"
		case "oracle_bits":
		default:
			continue
		}
		bits, n, err := results.Paired(series(o.Blocks, stored, s.Horizon), series(o.OracleBlocks, stored, s.Horizon), results.PerSymbol)
		if err != nil {
			continue // the oracle's walk saw other symbols: cannot happen
		}
		iv := results.HAC(bits, n, minLag(s.Horizon, block))
		add(metrics.Score{Metric: metric, Horizon: s.Horizon, N: s.N, Value: iv.Value}, iv.Lo, iv.Hi)
	}
	return out
}

func interval(blocks []results.BlockLoss, per results.Per, horizon, block int) results.Interval {
	bits, n := results.Losses(blocks, per)
	return results.HAC(bits, n, minLag(horizon, block))
}

// minLag is how many blocks apart losses k steps ahead still overlap.
func minLag(k, block int) int { return (k - 1 + block - 1) / block }
