package machine

import (
	"cmp"
	"slices"
)

// A vote is a sight of an item on its way: on symbol x it came to a place of
// some class, of weight w. Where it is known which item that place is, to says
// so; otherwise to is −1, and the place may be of any state that its class has
// been split into.
type vote struct {
	from  int32
	x     uint16
	class int32
	to    int32
	w     float64
}

// A splitter splits classes of items until they are deterministic: until all
// of a state's items agree, on each symbol, on the state that follows
// (Shalizi & Klinkner 2004, procedure III; Hopcroft's or Moore's partition
// refinement, but for votes that are not sure, and disagreement below a
// tolerance).
type splitter struct {
	a         int
	tolerance float64 // share of a state's weight on a symbol that may disagree
	most      int     // states; no more are made
	votes     []vote  // by item
	first     []int   // votes of item i: votes[first[i]:first[i+1]]
	state     []int32 // of each item
	class     []int32 // of each state
	states    [][]int32
	of        [][]int32 // states of each class
}

// newSplitter takes the class of each item, the number of classes, and votes.
func newSplitter(a int, class []int32, classes int, votes []vote) *splitter {
	s := &splitter{a: a, most: 1 << 14, votes: votes, first: make([]int, len(class)+1), state: slices.Clone(class)}
	slices.SortStableFunc(votes, func(v, w vote) int { return cmp.Compare(v.from, w.from) })
	for _, v := range votes {
		s.first[v.from+1]++
	}
	for i := range class {
		s.first[i+1] += s.first[i]
	}
	s.states, s.class, s.of = make([][]int32, classes), make([]int32, classes), make([][]int32, classes)
	for c := range classes {
		s.class[c], s.of[c] = int32(c), []int32{int32(c)}
	}
	for i, c := range class {
		s.states[c] = append(s.states[c], int32(i))
	}
	return s
}

func (s *splitter) votesOf(i int32) []vote { return s.votes[s.first[i]:s.first[i+1]] }

// target is the state a vote leads to, −1 if that is not sure.
func (s *splitter) target(v *vote) int32 {
	switch {
	case v.to >= 0:
		return s.state[v.to]
	case len(s.of[v.class]) == 1:
		return s.of[v.class][0]
	}
	return -1
}

// run splits until there is nothing to split.
func (s *splitter) run() {
	for changed := true; changed; {
		changed = false
		for q := 0; q < len(s.states) && len(s.states) < s.most; q++ {
			for s.split(int32(q)) {
				changed = true
			}
		}
	}
}

// A tally is weights by state (or class), in the order they were first met.
type tally []struct {
	of int32
	w  float64
}

func (t *tally) add(q int32, w float64) {
	for i := range *t {
		if (*t)[i].of == q {
			(*t)[i].w += w
			return
		}
	}
	*t = append(*t, struct {
		of int32
		w  float64
	}{q, w})
}

// top is the heaviest (the first on ties), −1 if there is none; its weight,
// and the sum.
func (t tally) top() (best int32, most, sum float64) {
	best = -1
	for _, e := range t {
		sum += e.w
		if e.w > most {
			best, most = e.of, e.w
		}
	}
	return best, most, sum
}

func (t tally) weight(q int32) float64 {
	for _, e := range t {
		if e.of == q {
			return e.w
		}
	}
	return 0
}

// tally is, for each symbol, where a state leads.
func (s *splitter) tally(q int32) []tally {
	out := make([]tally, s.a)
	for _, i := range s.states[q] {
		for j := range s.votesOf(i) {
			v := &s.votesOf(i)[j]
			if t := s.target(v); t >= 0 {
				out[v.x].add(t, v.w)
			}
		}
	}
	return out
}

// split splits a state on the symbol whose votes disagree most, if any do.
// Items that do not say, or whose votes are too few to count, go where most do.
func (s *splitter) split(q int32) bool {
	x, worst := -1, 0.0
	all := s.tally(q)
	for y, t := range all {
		_, best, sum := t.top()
		if off := sum - best; off > s.tolerance*sum && off > worst {
			x, worst = y, off
		}
	}
	if x < 0 {
		return false
	}
	main, _, sum := all[x].top()
	var targets []int32
	parts := map[int32][]int32{}
	for _, i := range s.states[q] {
		to := s.says(i, x)
		if to < 0 || all[x].weight(to) <= s.tolerance*sum {
			to = main
		}
		if parts[to] == nil {
			targets = append(targets, to)
		}
		parts[to] = append(parts[to], i)
	}
	if len(targets) < 2 {
		return false // items that each disagree with themselves
	}
	keeps := targets[0]
	if parts[main] != nil {
		keeps = main
	}
	s.states[q] = parts[keeps]
	for _, to := range targets {
		if to != keeps {
			s.found(s.class[q], parts[to])
		}
	}
	return true
}

// says is where an item leads on x, −1 if it does not say.
func (s *splitter) says(i int32, x int) int32 {
	var own tally
	for j := range s.votesOf(i) {
		if v := &s.votesOf(i)[j]; int(v.x) == x {
			if t := s.target(v); t >= 0 {
				own.add(t, v.w)
			}
		}
	}
	to, _, _ := own.top()
	return to
}

// found makes a new state of a class.
func (s *splitter) found(class int32, items []int32) {
	n := int32(len(s.states))
	s.states = append(s.states, items)
	s.class = append(s.class, class)
	s.of[class] = append(s.of[class], n)
	for _, i := range items {
		s.state[i] = n
	}
}

// transitions is where each state goes on each symbol: where most votes say,
// or if none is sure, the heaviest state of the class that most of them name.
// weight is that of a state's votes.
func (s *splitter) transitions() (next []int32, weight []float64) {
	weight = make([]float64, len(s.states))
	unsure := make([]tally, len(s.states)*s.a)
	for q, items := range s.states {
		for _, i := range items {
			for _, v := range s.votesOf(i) {
				weight[q] += v.w
				unsure[q*s.a+int(v.x)].add(v.class, v.w)
			}
		}
	}
	next = make([]int32, len(s.states)*s.a)
	for q := range s.states {
		for x, t := range s.tally(int32(q)) {
			to, _, _ := t.top()
			if c, _, _ := unsure[q*s.a+x].top(); to < 0 && c >= 0 {
				to = s.of[c][0]
				for _, r := range s.of[c] {
					if weight[r] > weight[to] {
						to = r
					}
				}
			}
			next[q*s.a+x] = to
		}
	}
	return next, weight
}
