package corpora

import (
	"context"
	"fmt"
)

// Matrices is any finite hidden Markov process, by its labelled transitions:
//
//	matrices = [
//	  [[0.0, 0.5], [0.0, 0.0]], # T^0: in A emit 0 and go to B
//	  [[0.5, 0.0], [1.0, 0.0]], # T^1
//	]
type Matrices struct {
	Alphabet int           `toml:"alphabet"` // the number of matrices, as a check; 0 leaves it out
	T        [][][]float64 `toml:"matrices"` // T[x][i][j]
	ProcessOptions
}

// Validate checks ranges.
func (c *Matrices) Validate() error {
	if len(c.T) == 0 {
		return fmt.Errorf("matrices: none, want one of states × states for each symbol")
	}
	if c.Alphabet != 0 && c.Alphabet != len(c.T) {
		return fmt.Errorf("alphabet = %d, want %d, the number of matrices", c.Alphabet, len(c.T))
	}
	if _, err := NewHMM(c.T); err != nil {
		return err
	}
	return c.validate()
}

// Process makes the law.
func (c *Matrices) Process(uint64) (Process, error) { return law(NewHMM(c.T)) }

// Load draws from it.
func (c *Matrices) Load(ctx context.Context, env Env) (*Corpus, error) {
	return c.load(ctx, env, "hmm", c)
}
