package transformer

import (
	"fmt"
	"io"

	"horizon/predictors"
)

// Bytes is the size of the parameters, and of what learning on keeps once it
// has begun. The optimizer's state of Fit is gone when that is done.
func (p *Transformer) Bytes() int64 { return 4*int64(cap(p.params)) + p.online.bytes() }

// WriteTo writes the parameters, what Describe tells of training, and what
// learning on needs to go on if it has begun.
func (p *Transformer) WriteTo(w io.Writer) (int64, error) {
	return predictors.WriteArchive(w, p.fields)
}

// ReadFrom reads what WriteTo wrote into a model of the same configuration;
// after an error p is as it was.
func (p *Transformer) ReadFrom(r io.Reader) (int64, error) {
	fresh := newTransformer(newModel(p.cfg, p.A), p.seed)
	n, err := predictors.ReadArchive(r, fresh.fields)
	if err != nil {
		return n, err
	}
	p.adopt(fresh.params)
	p.chosen, p.prompted, p.found, p.online = fresh.chosen, fresh.prompted, fresh.found, fresh.online
	if p.online != nil {
		p.online.model = p.model
	}
	p.Reset()
	return n, nil
}

func (p *Transformer) fields(a *predictors.Archive) {
	params := p.params
	predictors.Slice(a, &params)
	if got, want := len(params), len(p.params); got != want {
		a.Fail(fmt.Errorf("transformer: saved parameters = %d, want %d", got, want))
		return
	}
	if a.Reading() {
		p.adopt(params)
	}
	predictors.Value(a, &p.chosen.Step)
	predictors.Value(a, &p.chosen.ValidBits)
	predictors.Value(a, &p.chosen.TrainBits)
	if p.prompt > 0 {
		predictors.Value(a, &p.prompted.Without)
		predictors.Value(a, &p.prompted.Rounded)
		predictors.Value(a, &p.prompted.Best)
		predictors.Slice(a, &p.found)
	}
	learns := byte(0)
	if p.online != nil {
		learns = 1
	}
	if predictors.Value(a, &learns); learns == 1 && a.Err() == nil {
		p.learning().fields(a)
	}
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
	if p.prompt > 0 && p.chosen.Step > 0 {
		p.describePrompt(m)
	}
	return m
}
