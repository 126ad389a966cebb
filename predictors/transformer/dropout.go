package transformer

import "horizon/predictors/transformer/blas"

// Dropout (Srivastava et al. 2014) of the embeddings and of what each part adds
// to the stream, as GPT-2 has it but for the attention weights: each component
// is 0 with probability drop/256 and else multiplied by 256/(256−drop).
//
// What is dropped is a function of the step, the part and the place, not a
// stored mask: the backward pass works it out again, and so does any number of
// goroutines.

// inputPart numbers the embeddings among the parts; those of layer l are 2l+1
// and 2l+2.
const inputPart = 0

// dropOut drops components of x, a part's result or its gradient. A noise of 0
// drops nothing.
func (d dims) dropOut(x []float32, noise uint64, part int) {
	if d.drop == 0 || noise == 0 {
		return
	}
	// A table for a branch: which way it goes, nothing foretells.
	var times [256]float32
	for b := int(d.drop); b < 256; b++ {
		times[b] = float32(256) / float32(256-int(d.drop))
	}
	state := mix(noise + uint64(part)*0xd1342543de82ef95)
	for i := 0; i < len(x); i += 8 {
		bits := mix(state + uint64(i))
		if len(x)-i < 8 {
			for j := range x[i:] {
				x[i+j] *= times[byte(bits>>(8*j))]
			}
			return
		}
		y := x[i : i+8 : i+8]
		for j := range 8 {
			y[j] *= times[byte(bits)]
			bits >>= 8
		}
	}
}

// mix is the finalizer of SplitMix64 (Steele, Lea & Flood 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// add adds a part's result, computed by compute into its argument on top of
// what is there, to the stream.
func (d dims) add(a *activations, part, M int, compute func(y []float32)) {
	if d.drop == 0 || a.noise == 0 {
		compute(a.x)
		return
	}
	y := a.part[:M*d.C]
	clear(y)
	compute(y)
	d.dropOut(y, a.noise, part)
	blas.Axpy(a.x[:len(y)], 1, y)
}

// addBack sets s.part to the gradient of a part's result.
func (d dims) addBack(s *gradients, noise uint64, part, M int) {
	if d.drop == 0 {
		return // s.part is s.x
	}
	copy(s.part, s.x[:M*d.C])
	d.dropOut(s.part[:M*d.C], noise, part)
}
