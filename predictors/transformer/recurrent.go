package transformer

import "horizon/predictors/transformer/blas"

// Linear attention as a recurrence (Katharopoulos et al. 2020, section 3.4).
// The sums over what a position may see,
//
//	S_i = S_{i−1} + φ(k_i) v_iᵀ     z_i = z_{i−1} + φ(k_i)     y_i = φ(q_i)ᵀ S_i / (φ(q_i)·z_i),
//
// are all that is kept of the past: K (D + 1) numbers a head, however long it
// is, where keys and values take 2 C a position. Corpus-memory smoothing with
// the same features is the same recurrence (programme section 5).
//
// In a window it gives what the parallel form gives, but for rounding. Endless,
// it is never restarted: nothing is ever out of sight, and the model goes on
// beyond the length it was trained at.

// A recurrence says how linear attention is scored.
type recurrence uint8

const (
	parallel recurrence = iota // by keys and values
	windowed                   // by S and z, from the start of each window
	endless                    // by S and z, from Reset on
)

var recurrenceNames = []string{"none", "window", "endless"}

// stateSize is how many numbers a layer's S and z are.
func (d dims) stateSize() int { return d.H * d.K * (d.D + 1) }

// recur takes m rows of qkv through the recurrence, writing heads' results to
// y [m,C]. state is, head after head, S [K,D] and z [K].
func (d dims) recur(y, state, qkv []float32, m int) {
	for i := range m {
		row := qkv[i*d.row:][:d.row]
		for h := range d.H {
			s := state[h*d.K*(d.D+1):][:d.K*(d.D+1)]
			d.recurHead(y[i*d.C+h*d.D:][:d.D], s[:d.K*d.D], s[d.K*d.D:], row[d.q+h*d.K:][:d.K], row[d.k+h*d.K:][:d.K], row[d.v+h*d.D:][:d.D])
		}
	}
}

func (d dims) recurHead(y, s, z, q, k, v []float32) {
	blas.Axpy(z, 1, k)
	for e, f := range k {
		blas.Axpy(s[e*d.D:(e+1)*d.D], f, v)
	}
	blas.NN(1, d.D, d.K, q, d.K, s, d.D, 0, y, d.D)
	blas.Scale(y, 1/blas.Dot(q, z))
}
