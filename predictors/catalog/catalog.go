// Package catalog lists every kind of predictor: a table of contents. Its
// order is that of tables and legends. A new kind is one file in a family's
// folder and one line here; the conformance suite then runs over it.
package catalog

import (
	"horizon/predictors"
	"horizon/predictors/baseline"
	"horizon/predictors/kernel"
	"horizon/predictors/lempelziv"
	"horizon/predictors/markov"
	"horizon/predictors/oracle"
	"horizon/predictors/transformer"
)

// A Kind is one kind of predictor.
type Kind struct {
	Name    string // in TOML
	Version int    // of its code: raised when its predictions change, so that stored results are not mistaken for its
	Doc     string // one line
	Paper   string // who proposed it, and where
	Default func() predictors.Config
	Tiny    func() predictors.Config // a small one for the conformance suite
	Random  bool                     // its training draws on the seed, so that seeds make replicates
	Oracle  bool                     // needs to know the process; runs on known processes only
	// Skip names checks of the conformance suite it cannot pass, each with
	// its reason. A skip that would pass fails.
	Skip map[string]string
}

// Kinds lists the predictors.
var Kinds = []Kind{
	{Name: "uniform", Version: 1, Doc: "every symbol alike", Paper: "the worst a predictor need be: log₂ A bits",
		Default: baseline.DefaultUniform, Tiny: baseline.TinyUniform, Skip: contextFree},
	{Name: "unigram", Version: 1, Doc: "symbol frequencies, with δ added to each", Paper: "Krichevsky & Trofimov 1981",
		Default: baseline.DefaultUnigram, Tiny: baseline.TinyUnigram, Skip: contextFree},
	{Name: "kneser-ney", Version: 1, Doc: "interpolated modified Kneser-Ney n-grams", Paper: "Kneser & Ney 1995; Chen & Goodman 1999",
		Default: markov.DefaultKneserNey, Tiny: markov.TinyKneserNey},
	{Name: "lz78", Version: 1, Doc: "LZ78 tree with a Dirichlet prior at each node, tuned on the validation part", Paper: "Ziv & Lempel 1978; Sagan & Weissman 2024",
		Default: lempelziv.DefaultLZ78, Tiny: lempelziv.TinyLZ78},
	{Name: "nadaraya-watson", Version: 1, Doc: "kernel smoothing over all training contexts, bandwidths by blocked cross-validation", Paper: "Nadaraya 1964; Watson 1964; Aitchison & Aitken 1976", Random: true,
		Default: kernel.DefaultNadarayaWatson, Tiny: kernel.TinyNadarayaWatson},
	{Name: "transformer", Version: 1, Doc: "decoder-only transformer, pre-norm, AdamW", Paper: "Vaswani et al. 2017; Phuong & Hutter 2022", Random: true,
		Default: transformer.Default, Tiny: transformer.Tiny},
	{Name: "oracle", Version: 1, Doc: "the exact Bayes filter of a known process", Paper: "the best a predictor can be", Oracle: true,
		Default: oracle.DefaultOracle, Tiny: oracle.TinyOracle},
}

var contextFree = map[string]string{"near-entropy": "it knows no context"}

// A CoderKind is one kind of everyday compressor.
type CoderKind struct {
	Name    string
	Version int
	Doc     string
	Paper   string
	Default func() predictors.CoderConfig
}

// Coders lists the compressors that stand beside the predictors as baselines.
var Coders = []CoderKind{
	{Name: "gzip", Version: 1, Doc: "LZ77 in a window of 32 KiB, Huffman codes", Paper: "Deutsch 1996", Default: baseline.DefaultGzip},
	{Name: "bzip2", Version: 1, Doc: "Burrows-Wheeler transform, Huffman codes", Paper: "Burrows & Wheeler 1994; Seward 1996", Default: baseline.DefaultBzip2},
	{Name: "zstd", Version: 1, Doc: "LZ77 with finite-state entropy codes", Paper: "Collet & Kucherawy 2021", Default: baseline.DefaultZstd},
	{Name: "brotli", Version: 1, Doc: "LZ77 with a dictionary and context-dependent Huffman codes", Paper: "Alakuijala & Szabadka 2016", Default: baseline.DefaultBrotli},
	{Name: "xz", Version: 1, Doc: "LZMA2: LZ77 with arithmetic coding in small contexts (no optimal parse: 0.4 bit behind xz -9e on Opticks)", Paper: "Pavlov 1998", Default: baseline.DefaultXz},
}

// Find returns the predictor kind of that name.
func Find(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// FindCoder returns the coder kind of that name.
func FindCoder(name string) (CoderKind, bool) {
	for _, k := range Coders {
		if k.Name == name {
			return k, true
		}
	}
	return CoderKind{}, false
}
