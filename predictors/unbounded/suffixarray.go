package unbounded

// sort fills sa with the starts of the suffixes of text in ascending order, by
// induced sorting (Nong, Zhang & Chan 2009, "Linear suffix array construction
// by almost pure induced-sorting"). Symbols are below k; the last must be the
// only 0. O(n) time; beside text and sa it takes n bits and, at each level of
// the recursion, 4k bytes for buckets; reduced strings live in sa.
func sortSuffixes(text, sa []int32, k int) {
	n := len(text)
	if n == 1 {
		sa[0] = 0
		return
	}
	types := newBitset(n) // set: of S-type, smaller than the suffix after it
	types.set(n - 1)
	for i := n - 2; i >= 0; i-- {
		if text[i] < text[i+1] || text[i] == text[i+1] && types.get(i+1) {
			types.set(i)
		}
	}
	s := &inducer{text, sa, types, make([]int32, k)}
	// Sort the LMS substrings: put the LMS suffixes at their buckets' ends in
	// any order and induce.
	s.empty(0)
	s.ends()
	for i := 1; i < n; i++ {
		if s.lms(i) {
			s.pushBack(int32(i))
		}
	}
	s.induce()
	n1 := 0
	for _, i := range sa {
		if s.lms(int(i)) {
			sa[n1] = i
			n1++
		}
	}
	names, reduced := s.name(n1)
	// Sort the reduced string: its symbols are the names.
	order := sa[:n1]
	if names < n1 {
		sortSuffixes(reduced, order, names)
	} else {
		for i, r := range reduced {
			order[r] = int32(i)
		}
	}
	// Put the LMS suffixes in that order and induce the rest.
	j := 0
	for i := 1; i < n; i++ {
		if s.lms(i) {
			reduced[j] = int32(i)
			j++
		}
	}
	for i, r := range order {
		order[i] = reduced[r]
	}
	s.empty(n1)
	s.ends()
	for i := n1 - 1; i >= 0; i-- {
		p := order[i]
		order[i] = none
		s.pushBack(p)
	}
	s.induce()
}

const none = -1

type inducer struct {
	text, sa []int32
	types    bitset
	bucket   []int32
}

// lms reports whether suffix i is a leftmost S-type one.
func (s *inducer) lms(i int) bool { return i > 0 && s.types.get(i) && !s.types.get(i-1) }

func (s *inducer) empty(from int) {
	for i := from; i < len(s.sa); i++ {
		s.sa[i] = none
	}
}

func (s *inducer) starts() {
	s.tally()
	sum := int32(0)
	for c, n := range s.bucket {
		s.bucket[c], sum = sum, sum+n
	}
}

func (s *inducer) ends() {
	s.tally()
	sum := int32(0)
	for c, n := range s.bucket {
		sum += n
		s.bucket[c] = sum
	}
}

func (s *inducer) tally() {
	clear(s.bucket)
	for _, c := range s.text {
		s.bucket[c]++
	}
}

func (s *inducer) pushBack(i int32) {
	c := s.text[i]
	s.bucket[c]--
	s.sa[s.bucket[c]] = i
}

// induce sorts the L-type suffixes from the LMS ones, then the S-type from
// the L-type ones.
func (s *inducer) induce() {
	s.starts()
	for j := range s.sa {
		if i := s.sa[j] - 1; i >= 0 && !s.types.get(int(i)) {
			c := s.text[i]
			s.sa[s.bucket[c]] = i
			s.bucket[c]++
		}
	}
	s.ends()
	for j := len(s.sa) - 1; j >= 0; j-- {
		if i := s.sa[j] - 1; i >= 0 && s.types.get(int(i)) {
			s.pushBack(i)
		}
	}
}

// name numbers the n1 sorted LMS substrings in sa[:n1], equal ones alike, and
// returns how many numbers there are and the string of numbers in the order of
// the text, at the end of sa.
func (s *inducer) name(n1 int) (names int, reduced []int32) {
	s.empty(n1)
	last := int32(none)
	for j := range n1 {
		i := s.sa[j]
		if last == none || !s.equal(int(last), int(i)) {
			names++
		}
		last = i
		s.sa[n1+int(i)/2] = int32(names - 1) // LMS suffixes are two apart at least
	}
	j := len(s.sa)
	for i := len(s.sa) - 1; i >= n1; i-- {
		if s.sa[i] != none {
			j--
			s.sa[j] = s.sa[i]
		}
	}
	return names, s.sa[j:]
}

// equal compares two LMS substrings, each up to the next LMS suffix.
func (s *inducer) equal(a, b int) bool {
	n := len(s.text)
	for d := 0; ; d++ {
		if a+d >= n || b+d >= n || s.text[a+d] != s.text[b+d] || s.types.get(a+d) != s.types.get(b+d) {
			return false
		}
		if d > 0 && (s.lms(a+d) || s.lms(b+d)) {
			return s.lms(a+d) && s.lms(b+d)
		}
	}
}

type bitset []uint64

func newBitset(n int) bitset    { return make(bitset, (n+63)/64) }
func (b bitset) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) get(i int) bool { return b[i>>6]>>(i&63)&1 == 1 }
