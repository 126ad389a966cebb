package predictors

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// The coder turns a predictor into a lossless compressor and back: the proof
// that its loss is real, since a decoder has seen nothing but the code. It is
// a range coder of 64 bits with carry propagation (Martin 1979; Subbotin's
// carryless variant loses more) over frequencies of 30 bits, so that code and
// claimed loss differ by the final flush and rounding of 2⁻³⁰ only.
const (
	freqBits  = 30
	freqTotal = 1 << freqBits
	rangeTop  = 1 << 56 // renormalise when the range falls below this
)

// quantize turns p into frequencies ≥ 1 that sum to freqTotal, leaving the
// rounding to the most probable symbol. cum[x] is the sum below x.
func quantize(cum []uint32, p []float64) {
	free := float64(freqTotal - len(p))
	sum, best := uint32(0), 0
	for x, v := range p {
		cum[x] = 1 + uint32(v*free)
		sum += cum[x]
		if v > p[best] {
			best = x
		}
	}
	// Σ p may exceed one by rounding, so the remainder may be negative.
	cum[best] += freqTotal - sum
	low := uint32(0)
	for x, f := range cum[:len(p)] {
		cum[x] = low
		low += f
	}
	cum[len(p)] = low
}

// Encode codes xs with p, learning as it goes if learn is set, and returns the
// code. Its length is within 64 bits of the loss Score claims, as long as no
// probability is below 2⁻³⁰. p moves past xs.
func Encode(p Predictor, xs []Symbol, learn bool) ([]byte, error) {
	step, err := stepper(p, learn)
	if err != nil {
		return nil, err
	}
	probs, cum := make([]float64, p.Alphabet()), make([]uint32, p.Alphabet()+1)
	var out []byte
	low, width := uint64(0), ^uint64(0)
	for _, x := range xs {
		p.Predict(probs)
		quantize(cum, probs)
		unit := width >> freqBits
		var carry uint64
		low, carry = bits.Add64(low, unit*uint64(cum[x]), 0)
		if carry != 0 {
			propagate(out)
		}
		width = unit * uint64(cum[x+1]-cum[x])
		for width < rangeTop {
			out = append(out, byte(low>>56))
			low, width = low<<8, width<<8
		}
		step(x)
	}
	// The shortest code word inside [low, low+width): since width ≥ 2⁵⁶, one
	// or two bytes suffice; a decoder reads zeros past the end.
	for keep := uint(8); ; keep += 8 {
		mask := ^uint64(0) >> keep
		v, carry := bits.Add64(low, mask, 0)
		v &^= mask
		if v-low < width || (carry != 0 && v-low < width) {
			if carry != 0 {
				propagate(out)
			}
			for shift := 56; shift >= 64-int(keep); shift -= 8 {
				out = append(out, byte(v>>shift))
			}
			return out, nil
		}
	}
}

func propagate(out []byte) {
	for i := len(out) - 1; i >= 0; i-- {
		if out[i]++; out[i] != 0 {
			return
		}
	}
}

// Decode is the inverse of Encode for n symbols, given a predictor in the
// state that Encode's was in.
func Decode(p Predictor, code []byte, n int, learn bool) ([]Symbol, error) {
	step, err := stepper(p, learn)
	if err != nil {
		return nil, err
	}
	probs, cum := make([]float64, p.Alphabet()), make([]uint32, p.Alphabet()+1)
	next := func() (b byte) {
		if len(code) > 0 {
			b, code = code[0], code[1:]
		}
		return b
	}
	var head [8]byte
	for i := range head {
		head[i] = next()
	}
	value, width := binary.BigEndian.Uint64(head[:]), ^uint64(0) // value is code − low
	xs := make([]Symbol, n)
	for i := range xs {
		p.Predict(probs)
		quantize(cum, probs)
		unit := width >> freqBits
		f := value / unit
		if f >= freqTotal {
			return nil, fmt.Errorf("predictors: decode: symbol %d of %d: the code is not of this predictor: %w", i, n, io.ErrUnexpectedEOF)
		}
		x := find(cum, uint32(f))
		value -= unit * uint64(cum[x])
		width = unit * uint64(cum[x+1]-cum[x])
		for width < rangeTop {
			value, width = value<<8|uint64(next()), width<<8
		}
		xs[i] = Symbol(x)
		step(xs[i])
	}
	return xs, nil
}

// find returns the x with cum[x] ≤ f < cum[x+1].
func find(cum []uint32, f uint32) int {
	lo, hi := 0, len(cum)-1
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; cum[mid] <= f {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

func stepper(p Predictor, learn bool) (func(Symbol), error) {
	if l, ok := p.(Learner); ok && learn {
		return l.Learn, nil
	}
	if learn {
		if err := CanLearn(p); err != nil {
			return nil, err
		}
	}
	return p.Observe, nil
}
