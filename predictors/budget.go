package predictors

// A Budget bounds the resources of training; a field that is 0 bounds nothing.
// With it "given equivalent resources" is a setting: the same bounds for every
// family, and the amounts achieved recorded with the result.
type Budget struct {
	// Symbols is how many training symbols may be seen, the first of the
	// training part; passing over them again costs nothing here.
	Symbols int64
	// ModelBytes bounds Size after training.
	ModelBytes int64
	// TrainSeconds bounds the wall-clock time of training and tuning together.
	TrainSeconds float64
	// TrainOps bounds the operations of training as OpCounter counts them.
	TrainOps float64
}

// A Budgeter bounds its own training where Train cannot do it from outside:
// its model's bytes always, seconds and operations if it is a Fitter. (Train
// itself cuts the training part to Symbols, and stops a Learner when its time
// or operations are used up.)
type Budgeter interface {
	// SetBudget says what the next training may use. Its error names the bound
	// that cannot be kept, and why.
	SetBudget(b Budget) error
}

// An OpCounter counts operations, so that families can be compared at equal
// work whatever the machine. An operation is one multiplication, addition,
// comparison or transcendental function of floating-point numbers, or one
// entry of a table or tree that is read or written: what a straightforward
// program of this algorithm cannot avoid, not what the compiler made of it.
type OpCounter interface {
	// Ops is the operations of training so far and, as an estimate from the
	// model's size or from what was scored, of one Prob and Observe.
	Ops() (train, perSymbol float64)
}
