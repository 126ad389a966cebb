package predictors

import "io"

// A Checkpoint keeps where a training stands while it goes on, so that the
// same training, begun again after an interruption, goes on there and ends
// with the bits of one left in peace. Whoever trains may hand one to Train in
// Data; a Fitter that takes long looks there first and saves there now and
// then, if its configuration says so. It never saves at the very end: the last
// points of its curves are then reported by whoever ends the training.
type Checkpoint interface {
	// Load has read read what was saved last. found is false, and nothing is
	// called, if nothing was.
	Load(read func(io.Reader) error) (found bool, err error)
	// Save keeps what write writes in place of what was saved before: whole or
	// not at all.
	Save(write func(io.Writer) error) error
}
