// Package catalog lists every kind of predictor: a table of contents. Its
// order is that of tables and legends. A new kind is one file in a family's
// folder and one line here; the conformance suite then runs over it.
package catalog

import (
	"horizon/predictors"
	"horizon/predictors/baseline"
	"horizon/predictors/kernel"
	"horizon/predictors/kernel/corpus"
	"horizon/predictors/kernel/features"
	"horizon/predictors/kernel/metric"
	"horizon/predictors/lempelziv"
	"horizon/predictors/machine"
	"horizon/predictors/markov"
	"horizon/predictors/markov/contexttree"
	"horizon/predictors/mixture"
	"horizon/predictors/oracle"
	"horizon/predictors/ppmd"
	"horizon/predictors/statemachine"
	"horizon/predictors/transformer"
	"horizon/predictors/unbounded"
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
	{Name: "additive", Version: 1, Doc: "n-gram with δ added to each count, no back-off; δ tuned if 0", Paper: "Lidstone 1920; Krichevsky & Trofimov 1981",
		Default: markov.DefaultAdditive, Tiny: markov.TinyAdditive},
	{Name: "jelinek-mercer", Version: 2, Doc: "n-grams interpolated by held-out weights, by order and count bucket", Paper: "Jelinek & Mercer 1980; Chen & Goodman 1999",
		Default: markov.DefaultJelinekMercer, Tiny: markov.TinyJelinekMercer},
	{Name: "katz", Version: 2, Doc: "back-off n-grams with Good-Turing discounts", Paper: "Katz 1987",
		Default: markov.DefaultKatz, Tiny: markov.TinyKatz},
	{Name: "witten-bell", Version: 2, Doc: "interpolated Witten-Bell n-grams", Paper: "Bell, Cleary & Witten 1990; Witten & Bell 1991",
		Default: markov.DefaultWittenBell, Tiny: markov.TinyWittenBell},
	{Name: "absolute-discounting", Version: 2, Doc: "interpolated n-grams, one discount an order", Paper: "Ney, Essen & Kneser 1994",
		Default: markov.DefaultAbsolute, Tiny: markov.TinyAbsolute},
	{Name: "kneser-ney-backoff", Version: 2, Doc: "Kneser-Ney n-grams, backing off", Paper: "Kneser & Ney 1995",
		Default: markov.DefaultBackoffKneserNey, Tiny: markov.TinyBackoffKneserNey},
	{Name: "kneser-ney", Version: 2, Doc: "interpolated modified Kneser-Ney n-grams", Paper: "Kneser & Ney 1995; Chen & Goodman 1999",
		Default: markov.DefaultKneserNey, Tiny: markov.TinyKneserNey},
	{Name: "cache", Version: 1, Doc: "n-grams and a decaying cache of the recent text", Paper: "Kuhn & De Mori 1990; Jelinek et al. 1991",
		Default: markov.DefaultCache, Tiny: markov.TinyCache},
	{Name: "infini-gram", Version: 1, Doc: "the longest match in the training text, backing off", Paper: "Liu et al. 2024",
		Default: unbounded.DefaultInfiniGram, Tiny: unbounded.TinyInfiniGram},
	{Name: "infini-kneser-ney", Version: 1, Doc: "Kneser-Ney back-off over contexts of any length", Paper: "Kneser & Ney 1995; Liu et al. 2024",
		Default: unbounded.DefaultInfiniKN, Tiny: unbounded.TinyInfiniKN},
	{Name: "sequence-memoizer", Version: 1, Doc: "hierarchical Pitman-Yor process of unbounded depth", Paper: "Wood et al. 2009; Gasthaus, Wood & Teh 2010", Random: true,
		Default: unbounded.DefaultMemoizer, Tiny: unbounded.TinyMemoizer},
	{Name: "ppm", Version: 1, Doc: "prediction by partial matching, (α, β) escapes, exclusion", Paper: "Cleary & Witten 1984; Moffat 1990; Howard 1993; Steinruecken 2014; Gleave 2016",
		Default: markov.DefaultPPM, Tiny: markov.TinyPPM},
	{Name: "ppm-star", Version: 1, Doc: "PPM over contexts of any length, by a counting suffix automaton", Paper: "Cleary & Teahan 1997; Blumer et al. 1985",
		Skip:    map[string]string{"near-entropy": "the shortest deterministic context fits noise"},
		Default: markov.DefaultPPMStar, Tiny: markov.TinyPPMStar},
	{Name: "ppm-c-vmm", Version: 1, Doc: "PPM-C as run for Begleiter et al., faults included", Paper: "Begleiter, El-Yaniv & Yona 2004; B. Carpenter's coder",
		Default: markov.DefaultPPMVMM, Tiny: markov.TinyPPMVMM},
	{Name: "ppmd", Version: 1, Doc: "PPM with information inheritance (PPMd variant H), optionally mixed with direct estimates", Paper: "Shkarin 2002",
		Default: ppmd.Default, Tiny: ppmd.Tiny},
	{Name: "ctw", Version: 1, Doc: "context-tree weighting over the bits of symbols", Paper: "Willems, Shtarkov & Tjalkens 1995",
		Default: contexttree.DefaultCTW, Tiny: contexttree.TinyCTW},
	{Name: "cts", Version: 1, Doc: "context-tree switching over the bits of symbols, with skips", Paper: "Veness et al. 2012; Bellemare, Veness & Talvitie 2014",
		Default: contexttree.DefaultCTS, Tiny: contexttree.TinyCTS},
	{Name: "de-ctw", Version: 1, Doc: "context-tree weighting decomposed along a Huffman tree", Paper: "Volf 2002; Begleiter, El-Yaniv & Yona 2004",
		Default: contexttree.DefaultVolf, Tiny: contexttree.TinyVolf},
	{Name: "ctw-kary", Version: 1, Doc: "mixture of all Bayesian context trees, small alphabets", Paper: "Kontoyiannis et al. 2022",
		Default: contexttree.DefaultKary, Tiny: contexttree.TinyKary},
	{Name: "pst", Version: 1, Doc: "prediction suffix tree: the contexts that change the law, no others", Paper: "Ron, Singer & Tishby 1996; Begleiter, El-Yaniv & Yona 2004",
		Default: statemachine.DefaultPST, Tiny: statemachine.TinyPST},
	{Name: "dmc", Version: 1, Doc: "dynamic Markov compression: a machine over bits that clones its states", Paper: "Cormack & Horspool 1987",
		Default: statemachine.DefaultDMC, Tiny: statemachine.TinyDMC},
	{Name: "hmm", Version: 1, Doc: "hidden Markov model by Baum-Welch, predicting by its forward filter", Paper: "Baum et al. 1970; Rabiner 1989", Random: true,
		Default: statemachine.DefaultHMM, Tiny: statemachine.TinyHMM},
	{Name: "cssr", Version: 1, Doc: "causal state splitting reconstruction: the least states that tell the future, and where they lead", Paper: "Shalizi & Klinkner 2004",
		Default: machine.DefaultCSSR, Tiny: machine.TinyCSSR},
	{Name: "lz78", Version: 1, Doc: "LZ78 tree with a Dirichlet prior at each node, tuned on the validation part", Paper: "Ziv & Lempel 1978; Sagan & Weissman 2024",
		Default: lempelziv.DefaultLZ78, Tiny: lempelziv.TinyLZ78},
	{Name: "lzw", Version: 1, Doc: "LZW tree: LZ78 whose phrases begin with the symbol that ended the last", Paper: "Welch 1984; Sagan & Weissman 2024",
		Default: lempelziv.DefaultLZW, Tiny: lempelziv.TinyLZW},
	{Name: "lz-ms", Version: 1, Doc: "LZ78 tree with back-shift by M and S input shifts, leaf counts", Paper: "Nisenson, Yariv, El-Yaniv & Meir 2003; Begleiter, El-Yaniv & Yona 2004",
		Default: lempelziv.DefaultLZMS, Tiny: lempelziv.TinyLZMS},
	{Name: "active-lezi", Version: 1, Doc: "all contexts of a window as long as LZ78's longest phrase, blended by escapes", Paper: "Gopalratnam & Cook 2007",
		Default: lempelziv.DefaultActiveLeZi, Tiny: lempelziv.TinyActiveLeZi},
	{Name: "lz77", Version: 1, Doc: "the longest match in the text learned, backing off to shorter ones, in a window or not", Paper: "Ziv & Lempel 1977; Kneser & Ney 1995; Liu et al. 2024",
		Default: lempelziv.DefaultLZ77, Tiny: lempelziv.TinyLZ77},
	{Name: "spm", Version: 1, Doc: "sampled pattern matching: what followed a fraction of the longest match", Paper: "Jacquet, Szpankowski & Apostol 2002",
		Default: lempelziv.DefaultSPM, Tiny: lempelziv.TinySPM},
	{Name: "lz-blend", Version: 2, Doc: "Lempel-Ziv tree whose nodes for all suffixes of the past are blended; each increment over LZ78 a switch", Paper: "Ziv & Lempel 1978; Gopalratnam & Cook 2007; Teh 2006; Mahoney 2005",
		Default: lempelziv.DefaultBlend, Tiny: lempelziv.TinyBlend},
	{Name: "large-lz", Version: 2, Doc: "the same engineered for size: two and a half bytes a node, grown by shards, loaded by memory map", Paper: "Ziv & Lempel 1978; Jacobson 1989; Teh 2006",
		Default: lempelziv.DefaultLarge, Tiny: lempelziv.TinyLarge},
	{Name: "copy-experts", Version: 1, Doc: "copies from earlier positions, averaged with short contexts", Paper: "Cao, Dix, Allison & Mears 2007",
		Default: lempelziv.DefaultCopyExperts, Tiny: lempelziv.TinyCopyExperts},
	{Name: "hamming-match", Version: 1, Doc: "the longest match with a fraction of mismatches, over short contexts", Paper: "Luczak & Szpankowski 1997",
		Default: lempelziv.DefaultHamming, Tiny: lempelziv.TinyHamming},
	{Name: "quantised-context", Version: 1, Doc: "contexts of symbol classes, blended: a lossy code for contexts", Paper: "Jelinek & Mercer 1980; Brown et al. 1992; Martin, Liermann & Ney 1998",
		Default: lempelziv.DefaultQuantised, Tiny: lempelziv.TinyQuantised},
	{Name: "gzip-lm", Version: 1, Doc: "a compressor as a language model, by the lengths of gzip, or of an ideal LZ77 parse: a curiosity", Paper: "Delétang et al. 2023; Deutsch 1996",
		Default: baseline.DefaultGzipLM, Tiny: baseline.TinyGzipLM, Skip: wholeBytes},
	{Name: "xz-lm", Version: 1, Doc: "a compressor as a language model, by the lengths of LZMA: a curiosity", Paper: "Delétang et al. 2023; Pavlov 1998",
		Default: baseline.DefaultXzLM, Tiny: baseline.TinyXzLM, Skip: wholeBytesAnew},
	{Name: "zstd-lm", Version: 1, Doc: "a compressor as a language model, by the lengths of zstd: a curiosity", Paper: "Delétang et al. 2023; Collet & Kucherawy 2021",
		Default: baseline.DefaultZstdLM, Tiny: baseline.TinyZstdLM, Skip: wholeBytes},
	{Name: "brotli-lm", Version: 1, Doc: "a compressor as a language model, by the lengths of brotli: a curiosity", Paper: "Delétang et al. 2023; Alakuijala & Szabadka 2016",
		Default: baseline.DefaultBrotliLM, Tiny: baseline.TinyBrotliLM, Skip: wholeBytes},
	{Name: "bzip2-lm", Version: 1, Doc: "a compressor as a language model, by the lengths of bzip2: a curiosity", Paper: "Delétang et al. 2023; Seward 1996",
		Default: baseline.DefaultBzip2LM, Tiny: baseline.TinyBzip2LM, Skip: wholeBytesAnew},
	{Name: "nadaraya-watson", Version: 2, Doc: "kernel smoothing over all training contexts, with discounts, bandwidths tuned; direct horizons", Paper: "Nadaraya 1964; Watson 1964; Aitchison & Aitken 1976; Kneser & Ney 1995", Random: true,
		Default: kernel.DefaultNadarayaWatson, Tiny: kernel.TinyNadarayaWatson},
	{Name: "kernel-smoother", Version: 2, Doc: "smoothing over all training contexts with any kernel of any distance, over short n-grams", Paper: "Nadaraya 1964; Watson 1964; Li & Racine 2003; Lodhi et al. 2002; Leslie et al. 2004", Random: true,
		Default: corpus.DefaultConfig, Tiny: corpus.TinyConfig},
	{Name: "window-nadaraya-watson", Version: 1, Doc: "kernel smoothing over the present text's window, bandwidths learned by gradient", Paper: "Nadaraya 1964; Watson 1964; Aitchison & Aitken 1976", Random: true,
		Default: metric.DefaultWindow, Tiny: metric.TinyWindow},
	{Name: "learned-metric", Version: 3, Doc: "kernel smoothing with a learned metric, one attention head with one-hot values, over training contexts or the window", Paper: "Tsai et al. 2019; Vaswani et al. 2017", Random: true,
		Default: metric.Default, Tiny: metric.Tiny},
	{Name: "random-features", Version: 1, Doc: "kernel smoothing by sums of random features: linear attention with the corpus for memory", Paper: "Rahimi & Recht 2007; Katharopoulos et al. 2020; Choromanski et al. 2020", Random: true,
		Default: features.Default, Tiny: features.Tiny},
	{Name: "transformer", Version: 3, Doc: "decoder-only transformer with every part a switch, AdamW", Paper: "Vaswani et al. 2017; Phuong & Hutter 2022", Random: true,
		Default: transformer.Default, Tiny: transformer.Tiny},
	{Name: "mixture", Version: 1, Doc: "linear interpolation of predictors of any kinds; weights fixed, tuned, by context or Bayes'", Paper: "Jelinek & Mercer 1980; Herbster & Warmuth 1998; Khandelwal et al. 2020", Random: true,
		Default: mixture.Default, Tiny: mixture.Tiny},
	{Name: "oracle", Version: 1, Doc: "the exact Bayes filter of a known process", Paper: "the best a predictor can be", Oracle: true,
		Default: oracle.DefaultOracle, Tiny: oracle.TinyOracle},
}

// A mixture may have parts of every kind, itself too, so it cannot import the
// list: it is told.
func init() {
	for _, k := range Kinds {
		mixture.Kinds = append(mixture.Kinds, mixture.Kind{Name: k.Name, Version: k.Version, Default: k.Default})
	}
}

// Why compressors as language models skip checks.
const (
	bytesAreCoarse = "one symbol after another is less than the byte that lengths are counted in"
	madeAnew       = "the compressor is made anew for each text"
)

var (
	wholeBytes     = map[string]string{"near-entropy": bytesAreCoarse}
	wholeBytesAnew = map[string]string{"near-entropy": bytesAreCoarse, "no-allocation": madeAnew}
)

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
	{Name: "zstd", Version: 2, Doc: "LZ77 with finite-state entropy codes", Paper: "Collet & Kucherawy 2021", Default: baseline.DefaultZstd},
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
