package predictors

// A Hidden shows the vector from which it computes its present prediction, such
// as the last layer of a network, so that what it knows can be looked for.
type Hidden interface {
	// Hidden appends the vector to h. Its length never changes.
	Hidden(h []float64) []float64
}
