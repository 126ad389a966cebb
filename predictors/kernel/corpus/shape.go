package corpus

import "math"

// A shape is K as a function of d²/h².
type shape func(u2 float64) float64

func shapeOf(kernel string) shape {
	switch kernel {
	case "laplace":
		return func(u2 float64) float64 { return math.Exp(-math.Sqrt(u2)) }
	case "epanechnikov":
		return func(u2 float64) float64 { return max(0, 1-u2) }
	case "tricube":
		return func(u2 float64) float64 { v := max(0, 1-u2*math.Sqrt(u2)); return v * v * v }
	case "boxcar":
		return func(u2 float64) float64 {
			if u2 <= 1 {
				return 1
			}
			return 0
		}
	case "product", "suffix":
		return func(u2 float64) float64 { return math.Exp(-u2) }
	}
	return func(u2 float64) float64 { return math.Exp(-u2 / 2) } // gaussian; dot, see vectors
}

// reach is the largest d²/h² at which a kernel is not 0, with weights below
// e^{−cut} being 0.
func reach(kernel string, cut float64) float64 {
	switch kernel {
	case "laplace":
		return cut * cut
	case "epanechnikov", "tricube", "boxcar":
		return 1
	case "product", "suffix":
		return cut
	}
	return 2 * cut
}
