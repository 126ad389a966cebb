//go:build race

package transformer

// raceDetector says that the tests run under the race detector, which makes
// sync.Pool forget at random: allocations cannot be counted.
const raceDetector = true
