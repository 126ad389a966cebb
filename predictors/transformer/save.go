package transformer

import (
	"fmt"
	"io"

	"horizon/predictors"
)

// Bytes is the size of the parameters. The optimizer's state is gone when
// training is done.
func (p *Transformer) Bytes() int64 { return 4 * int64(cap(p.params)) }

// WriteTo writes the parameters and what Describe tells of training.
func (p *Transformer) WriteTo(w io.Writer) (int64, error) {
	params := p.params
	return predictors.WriteArchive(w, func(a *predictors.Archive) { p.fields(a, &params) })
}

// ReadFrom reads what WriteTo wrote into a model of the same configuration.
func (p *Transformer) ReadFrom(r io.Reader) (int64, error) {
	var params []float32
	n, err := predictors.ReadArchive(r, func(a *predictors.Archive) { p.fields(a, &params) })
	if err != nil {
		return n, err
	}
	p.adopt(params)
	p.Reset()
	return n, nil
}

func (p *Transformer) fields(a *predictors.Archive, params *[]float32) {
	predictors.Slice(a, params)
	if got, want := len(*params), len(p.params); got != want {
		a.Fail(fmt.Errorf("transformer: saved parameters = %d, want %d", got, want))
	}
	predictors.Value(a, &p.chosen.Step)
	predictors.Value(a, &p.chosen.ValidBits)
	predictors.Value(a, &p.chosen.TrainBits)
}

// Describe tells the number of parameters and what training kept: the step,
// the loss of the validation sample there (if any) and that of the last
// training windows, in bits per symbol.
func (p *Transformer) Describe() map[string]float64 {
	m := map[string]float64{"parameters": float64(len(p.params))}
	if p.chosen.Step > 0 {
		m["best_step"] = p.chosen.Step
		m["train_bits"] = p.chosen.TrainBits
	}
	if p.chosen.ValidBits > 0 {
		m["valid_bits"] = p.chosen.ValidBits
	}
	return m
}
