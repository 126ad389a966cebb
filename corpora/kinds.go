package corpora

import (
	"context"
	"fmt"
)

// A Kind is one kind of corpus: what an experiment names as
// [corpora.NAME] kind = "…".
type Kind struct {
	Name    string // in TOML
	Doc     string // one line
	Source  string // where its bytes come from
	Bytes   int64  // length of the pinned text; 0 where it varies
	SHA256  string // of the pinned text, hex; "" where it varies
	Unit    string // of its symbols, unless configured otherwise
	Licence string
	Process bool // drawn from a known law: oracles can run on it
	Default func() Config
}

// A Config is the parameters of a kind of corpus, decoded from TOML onto the
// kind's defaults. All of them are pointers to structs with toml tags.
type Config interface {
	// Validate refuses what can be refused before anything is read, as in
	// "split.train = 1.5, want 0 to 1".
	Validate() error
	// Load reads or draws the corpus. A corpus that cannot be had here is an
	// *Unavailable; bytes other than the pinned ones are any other error.
	Load(ctx context.Context, env Env) (*Corpus, error)
}

// Env is what a config must be told by the experiment it stands in.
type Env struct {
	Name string // of the corpus in TOML
	Seed uint64 // of the draw from a process
	Dir  string // folder of the TOML file: relative paths start there
}

// Unavailable is the error of a corpus that cannot be had on this machine:
// its cells are skipped, and nothing takes its place.
type Unavailable struct {
	Corpus string // its name in TOML
	Reason string
	Err    error // what Reason says, or nil
}

func (u *Unavailable) Error() string {
	return fmt.Sprintf("corpora.%s: cannot be had: %s", u.Corpus, u.Reason)
}

func (u *Unavailable) Unwrap() error { return u.Err }

// Find returns the kind of that name.
func Find(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

const (
	gutenberg = "public domain (text); file from the Canterbury corpus"
	wikipedia = "GFDL and CC BY-SA 3.0 (Wikipedia contributors)"
	goLicence = "BSD-3-Clause (The Go Authors)"
	generated = "none needed (generated)"
)

// Files of pinned modules.
var (
	enwik7 = moduleFile{"github.com/ulikunitz/xz", "v0.5.17", "testdata/enwik7"}
	newton = moduleFile{"github.com/andybalholm/brotli", "v1.2.8", "testdata/Isaac.Newton-Opticks.txt"}
)

// Kinds lists the corpora. Its order is that of tables.
var Kinds = []Kind{
	{Name: "file", Doc: "a file of the user: plain, gzip, bzip2, xz, zstd or brotli", Source: "a file of the user", Unit: "byte", Licence: "the user's",
		Default: func() Config { return &File{Options: defaults()} }},
	pinned(Kind{Name: "opticks", Doc: "Newton, Opticks (4th ed., 1730): English prose", Unit: "byte", Licence: "public domain",
		Bytes: 567_198, SHA256: "d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd",
		Source: "the Go toolchain's src/testdata, else module github.com/andybalholm/brotli v1.2.8"},
		defaults(), toolchainFile("src/testdata/Isaac.Newton-Opticks.txt"), newton),
	pinned(Kind{Name: "enwik7", Doc: "the first 10⁷ bytes of enwik8: English Wikipedia, XML and wiki markup, 2006", Unit: "byte", Licence: wikipedia,
		Bytes: 10_000_000, SHA256: enwik7Digest, Source: "module github.com/ulikunitz/xz v0.5.17"},
		defaults(), enwik7),
	pinned(Kind{Name: "text8-7m", Doc: "the first 7·10⁶ bytes of text8: Wikipedia reduced to a–z and spaces", Unit: "byte", Licence: wikipedia,
		Bytes: text8Bytes, SHA256: "df8fdd8c208d737ba559dfc99e192c4ccf8a48fab7cf797b5fc93ac4a45653ef",
		Source: "derived from enwik7 by the rules of Mahoney's wikifil.pl"},
		seen(defaults()), text8{enwik7}),
	canterbury("alice29", "Carroll, Alice's Adventures in Wonderland: English prose", 152_089, "7467306ee0feed4971260f3c87421154a05be571d944e9cb021a5713700c38f0"),
	canterbury("asyoulik", "Shakespeare, As You Like It: English verse", 125_179, "eaa3526fe53859f34ecdf255712f9ecf0b2c903451d4755b2edaa2e2599cb0fc"),
	canterbury("lcet10", "proceedings of a workshop on electronic texts: English technical prose", 426_754, "5314ba1dbb03f471df88bec6cd120a938ef60d0fd3511c5c1dce61bf7463245f"),
	canterbury("plrabn12", "Milton, Paradise Lost: English verse", 481_861, "07e2e0b461af78c7c647cb53dab39de560198e16f799b4516eccf0fbd69f764c"),
	{Name: "go-source", Doc: "the Go standard library's source, files in path order: code", Source: "the Go toolchain's src (its version is recorded)", Unit: "byte", Licence: goLicence,
		Default: func() Config { return defaultGoSource() }},

	process("coin", "independent flips", func() Config { return &Coin{P: 0.5, ProcessOptions: draws()} }),
	process("iid", "independent symbols of a given law", func() Config { return &IID{ProcessOptions: draws()} }),
	process("golden-mean", "no two 0s in a row: Markov of order 1", func() Config { return &GoldenMean{P: 0.5, ProcessOptions: draws()} }),
	process("even", "1s come in even runs: two states, of infinite Markov order", func() Config { return &Even{P: 0.5, ProcessOptions: draws()} }),
	process("rrxor", "two random bits and their exclusive or, over and over", func() Config { return &RRXOR{ProcessOptions: draws()} }),
	process("nemo", "three states, most of their information hidden (Mahoney et al. 2009)", func() Config { return &Nemo{P: 0.5, Q: 0.5, ProcessOptions: draws()} }),
	process("z1r", "zero, one, random, over and over", func() Config { return &Z1R{P: 0.5, ProcessOptions: draws()} }),
	process("mess3", "three states heard through noise: beliefs fill a fractal", func() Config { return &Mess3{X: 0.05, A: 0.85, ProcessOptions: draws()} }),
	process("sns", "simple non-unifilar source: countably many beliefs", func() Config { return &SNS{P: 0.5, Q: 0.5, ProcessOptions: draws()} }),
	process("noisy-periodic", "a word over and over, each symbol changed with some probability", func() Config {
		return &NoisyPeriodic{Word: "00010111", Flip: 0.1, ProcessOptions: draws()}
	}),
	process("copy", "what was said m symbols ago, with errors: 2^m states", func() Config { return &Copy{Lag: 16, Flip: 0.1, ProcessOptions: draws()} }),
	process("regime-coin", "a biased coin whose bias changes sides now and then", func() Config { return &RegimeCoin{Switch: 0.01, P: 0.9, ProcessOptions: draws()} }),
	process("dirichlet-markov", "Markov of order m with random rows", func() Config {
		return &DirichletMarkov{Order: 2, Alphabet: 4, Concentration: 0.5, ProcessOptions: draws()}
	}),
	process("semi-markov", "regimes that hold for a random time, each a coin of its own bias", func() Config {
		return &SemiMarkov{P: []float64{0.9, 0.1}, Shortest: 8, Longest: 24, ProcessOptions: draws()}
	}),
	process("dyck", "balanced brackets of bounded depth: the stack is the state", func() Config {
		return &Dyck{Types: 2, Depth: 8, Push: 0.5, ProcessOptions: draws()}
	}),
	process("broadcast-tree", "leaves of a binary tree of noisy copies: a context-free grammar, information decays as a power", func() Config {
		return &BroadcastTree{Flip: 0.05, Depth: 12, ProcessOptions: draws()}
	}),
	process("lz78-source", "every node of its own LZ78 tree has a law of the next symbol", func() Config {
		return &LZ78Source{Alphabet: 2, Gamma: 0.5, ProcessOptions: draws()}
	}),
	process("hmm", "any finite hidden Markov process, by its matrices", func() Config { return &Matrices{ProcessOptions: draws()} }),
}

// pinned completes a kind whose bytes are known beforehand. They are taken
// from the first origin that can be had.
func pinned(k Kind, o Options, from ...origin) Kind {
	k.Default = func() Config { return &Pinned{Options: o, kind: k, from: from} }
	return k
}

func canterbury(name, doc string, bytes int64, digest string) Kind {
	k := Kind{Name: name, Doc: doc, Bytes: bytes, SHA256: digest, Unit: "byte", Licence: gutenberg,
		Source: "module github.com/dsnet/compress v0.0.1"}
	return pinned(k, defaults(), moduleFile{"github.com/dsnet/compress", "v0.0.1", "brotli/testdata/" + name + ".txt"})
}

func process(name, doc string, config func() Config) Kind {
	return Kind{Name: name, Doc: doc, Source: "generated", Unit: "symbol", Licence: generated, Process: true, Default: config}
}

func seen(o Options) Options {
	o.Alphabet = "seen"
	return o
}
