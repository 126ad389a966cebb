//go:build !linux

package markov

func huge[T any](s []T) []T { return s }
