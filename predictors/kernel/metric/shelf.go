package metric

import "sync"

// A shelf keeps scratch between predictions: it is large and forks are many,
// of which few predict at a time.
type shelf[T any] struct {
	mu    sync.Mutex
	free  []T
	fresh func() T
}

func (s *shelf[T]) take() T {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return s.fresh()
	}
	out := s.free[n-1]
	s.free = s.free[:n-1]
	return out
}

func (s *shelf[T]) put(x T) {
	s.mu.Lock()
	s.free = append(s.free, x)
	s.mu.Unlock()
}
