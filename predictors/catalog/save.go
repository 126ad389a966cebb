package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"horizon/predictors"
)

// magic opens every saved model; its last digit is the version of the layout.
const magic = "horizon model 2\n"

// maxHeader bounds a header, so that a damaged length does not become a huge
// allocation.
const maxHeader = 1 << 20

// A Header says what a saved model is: enough to make the predictor again and
// to know what it was trained on.
type Header struct {
	Kind         string
	Version      int             // of the kind's code
	Config       json.RawMessage // the resolved Config
	Alphabet     int
	Seed         uint64
	TrainKey     string // identity of kind, parameters, seed and training data
	TrainSeconds float64
	TrainOps     float64 // 0 if they were not counted
	TrainSymbols int
	Chosen       map[string]float64 // what training chose
}

// Save writes a trained predictor with its header.
func Save(w io.Writer, h Header, p predictors.Predictor) error {
	head, err := json.Marshal(h)
	if err != nil {
		return err
	}
	// Spaces behind the header let the parameters begin at a multiple of 64
	// bytes, so that they may be mapped into memory.
	const line = 64
	pad := -(len(magic) + 9 + len(head) + 1) & (line - 1)
	head = append(head, bytes.Repeat([]byte{' '}, pad)...)
	if _, err := fmt.Fprintf(w, "%s%08x\n%s\n", magic, len(head), head); err != nil {
		return err
	}
	return predictors.Save(w, p)
}

// ReadHeader reads the header of a saved model and leaves r at its parameters.
func ReadHeader(r io.Reader) (Header, error) {
	var h Header
	start := make([]byte, len(magic)+9)
	if _, err := io.ReadFull(r, start); err != nil || string(start[:len(magic)]) != magic {
		return h, errors.New("not a saved model of this version")
	}
	var n int
	if _, err := fmt.Sscanf(string(start[len(magic):]), "%08x\n", &n); err != nil || n > maxHeader {
		return h, errors.New("saved model: damaged header length")
	}
	head := make([]byte, n+1)
	if _, err := io.ReadFull(r, head); err != nil {
		return h, fmt.Errorf("saved model: header: %w", err)
	}
	if err := json.Unmarshal(head, &h); err != nil {
		return h, fmt.Errorf("saved model: header: %w", err)
	}
	return h, nil
}

// Load makes the predictor of a saved model again. An oracle cannot be loaded
// this way, since it is its process.
func Load(r io.Reader) (Header, predictors.Predictor, error) {
	h, err := ReadHeader(r)
	if err != nil {
		return h, nil, err
	}
	kind, ok := Find(h.Kind)
	switch {
	case !ok:
		return h, nil, fmt.Errorf("saved model: unknown kind %q", h.Kind)
	case h.Version != kind.Version:
		return h, nil, fmt.Errorf("saved model: made by version %d of %s, this is version %d", h.Version, h.Kind, kind.Version)
	}
	config := kind.Default()
	if err := json.Unmarshal(h.Config, config); err != nil {
		return h, nil, fmt.Errorf("saved model: config of %s: %w", h.Kind, err)
	}
	p, err := config.New(predictors.Env{Alphabet: h.Alphabet, Seed: h.Seed})
	if err != nil {
		return h, nil, err
	}
	if f, ok := r.(*os.File); ok {
		return h, p, predictors.LoadFile(f, p)
	}
	return h, p, predictors.Load(r, p)
}
