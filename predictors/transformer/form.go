package transformer

import (
	"fmt"
	"slices"
	"strings"
)

// A form says of what kind a model's parts are; dims say how large they are.
// Each part can be switched by itself, so that what it is worth is one key of
// an experiment (programme A1 to A8, B1 to B3).
type form struct {
	tied       bool // the output head is the embedding
	biases     bool // of matrices and of LayerNorm
	kernel     kernel
	positions  positions
	activation activation
	norm       norm
	place      place
	drop       byte // of 256 components, how many are dropped in training
	top        int  // attention weights kept at evaluation; 0 keeps all
	rank       int  // of products of query and key matrices at evaluation; 0 leaves them
	recurrence recurrence
	oneHot     bool // a last head's values are the next symbols
}

// A kernel turns a query and the keys it may see into weights that sum to
// one. With s_j = q·k_j/√K, K the width of a head's keys:
type kernel uint8

const (
	softmaxKernel      kernel = iota // p_j ∝ exp(s_j) (Vaswani et al. 2017)
	symmetricKernel                  // the same with q and k from one matrix: a symmetric kernel of the inputs (Tsai et al. 2019)
	gaussianKernel                   // the same with keys of one norm: exp(−‖q−k_j‖²/(2√K)), an ordinary Nadaraya-Watson smoother
	bilinearKernel                   // s_j = xᵀB x_j/√C with one full matrix B a head in place of Wq Wkᵀ
	linearKernel                     // p_j ∝ φ(q)·φ(k_j), φ = elu + 1 (Katharopoulos et al. 2020)
	epanechnikovKernel               // p_j ∝ max(0, 1 + s_j): compact support, as a Epanechnikov kernel of keys of one norm has
	uniformKernel                    // p_j = 1/n: no queries, no keys
	lagKernel                        // p_j ∝ exp(b_{i−j}) with learned b: a convolution with positive weights
)

var kernelNames = []string{"softmax", "symmetric", "gaussian", "bilinear", "linear", "epanechnikov", "uniform", "lag"}

// content says whether weights depend on queries and keys.
func (k kernel) content() bool { return k != uniformKernel && k != lagKernel }

// biased says whether a bias by lag can be added to the scores.
func (k kernel) biased() bool {
	return k != uniformKernel && k != linearKernel && k != epanechnikovKernel
}

// positions say how a symbol's place in the window enters.
type positions uint8

const (
	learnedPositions  positions = iota // a learned vector a place is added, from sinusoids at the start
	noPositions                        // not at all (Kazemnejad et al. 2023)
	sinusoidPositions                  // fixed vectors are added (Vaswani et al. 2017, section 3.5)
	alibiPositions                     // scores fall with the lag by a fixed slope a head (Press, Smith & Lewis 2021)
	rotaryPositions                    // queries and keys are turned by their place (Su et al. 2021)
	relativePositions                  // a learned number a lag and head is added to the scores (Shaw et al. 2018; Raffel et al. 2020)
)

var positionNames = []string{"learned", "none", "sinusoidal", "alibi", "rotary", "relative"}

// added says whether vectors are added to the embeddings.
func (p positions) added() bool { return p == learnedPositions || p == sinusoidPositions }

// An activation is the nonlinearity of the feed-forward part.
type activation uint8

const (
	gelu   activation = iota // Hendrycks & Gimpel 2016, tanh form
	relu                     // max(0, x)
	swiglu                   // silu(x W) ∘ (x V) (Shazeer 2020)
)

var activationNames = []string{"gelu", "relu", "swiglu"}

// A norm is the normalisation of a row.
type norm uint8

const (
	layerNormed norm = iota // Ba, Kiros & Hinton 2016
	rmsNormed               // Zhang & Sennrich 2019
	unnormed
)

var normNames = []string{"layer", "rms", "none"}

// A place is where the norm stands.
type place uint8

const (
	pre  place = iota // x += f(norm(x)), and a last norm (GPT-2)
	post              // x = norm(x + f(x)) (Vaswani et al. 2017)
)

var placeNames = []string{"pre", "post"}

// form reads the switches of a configuration.
func (c *Config) form() (f form, err error) {
	choose := func(key, got string, names []string) uint8 {
		i := max(0, slices.Index(names, got)) // "" is the first
		if got != "" && names[i] != got && err == nil {
			err = fmt.Errorf("transformer: %s = %q, want one of %s", key, got, strings.Join(names, ", "))
		}
		return uint8(i)
	}
	f = form{
		tied: c.Tied, biases: c.Biases, top: c.Top, rank: c.Rank,
		kernel:     kernel(choose("attention", c.Attention, kernelNames)),
		positions:  positions(choose("positions", c.Positions, positionNames)),
		activation: activation(choose("activation", c.Activation, activationNames)),
		norm:       norm(choose("norm", c.Norm, normNames)),
		place:      place(choose("norm_at", c.NormAt, placeNames)),
		recurrence: recurrence(choose("recurrent", c.Recurrent, recurrenceNames)),
		oneHot:     choose("values", c.Values, []string{"learned", "one-hot"}) == 1,
		drop:       byte(c.Dropout*256 + 0.5),
	}
	if err != nil {
		return f, err
	}
	switch biased := f.positions == alibiPositions || f.positions == relativePositions; {
	case biased && !f.kernel.biased():
		err = fmt.Errorf("transformer: positions = %q with attention = %q: its weights are no exponentials that a bias could shift", c.Positions, c.Attention)
	case f.kernel == lagKernel && biased:
		err = fmt.Errorf("transformer: positions = %q with attention = %q: both are weights by lag", c.Positions, c.Attention)
	case f.positions == rotaryPositions && (!f.kernel.content() || f.kernel == bilinearKernel || f.kernel == linearKernel):
		err = fmt.Errorf("transformer: positions = %q with attention = %q: no queries and keys to turn, or φ would undo it", c.Positions, c.Attention)
	case f.rank > 0 && f.kernel != softmaxKernel && f.kernel != bilinearKernel:
		err = fmt.Errorf("transformer: rank = %d with attention = %q, want \"softmax\" or \"bilinear\": no other kernel is a function of that product alone", f.rank, c.Attention)
	case f.rank > 0 && f.positions == rotaryPositions:
		err = fmt.Errorf("transformer: rank = %d with positions = %q: queries and keys are turned before they are multiplied", f.rank, c.Positions)
	case f.recurrence != parallel && f.kernel != linearKernel:
		err = fmt.Errorf("transformer: recurrent = %q with attention = %q, want \"linear\": no other kernel is a product of features", c.Recurrent, c.Attention)
	case f.recurrence != parallel && f.top > 0:
		err = fmt.Errorf("transformer: top = %d with recurrent = %q: there are no weights to choose from", f.top, c.Recurrent)
	case f.recurrence != parallel && f.oneHot:
		err = fmt.Errorf("transformer: recurrent = %q with values = \"one-hot\": that head looks back at keys, which no recurrence keeps", c.Recurrent)
	case f.recurrence == endless && c.Prompt+c.Segment > 0:
		err = fmt.Errorf("transformer: recurrent = %q with prompt = %d and segment = %d, want 0: there is no window that they could begin", c.Recurrent, c.Prompt, c.Segment)
	case f.recurrence == endless && f.positions != noPositions:
		err = fmt.Errorf("transformer: recurrent = %q with positions = %q, want \"none\": there is no window to have places in", c.Recurrent, c.Positions)
	}
	return f, err
}

// lags says whether every layer has a learned bias by lag.
func (f form) lags() bool { return f.kernel == lagKernel || f.positions == relativePositions }
