package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Origin is where a value was written. The zero Origin is a default.
type Origin struct {
	File string
	Line int    // 1-based; 0 for the file as a whole
	Set  string // the argument of --set, key=value
}

func (o Origin) String() string {
	switch {
	case o.Set != "":
		return "--set " + o.Set
	case o.File == "":
		return "default"
	case o.Line == 0:
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// A Problem is one thing wrong with an experiment.
type Problem struct {
	At  Origin
	Key string // dotted; may be empty (a syntax error)
	Got string // the value found, as TOML; empty where there is none to show
	Why string // "want an integer", "unknown key, did you mean …"
}

// Error reads "kn.toml:12: predictors.kn.order = 0, want >= 1". What --set
// itself shows, key and value, is not repeated.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.At.String())
	set, _, _ := strings.Cut(p.At.Set, "=")
	if set = strings.TrimSpace(set); p.Key != "" && (set == "" || p.Key != set) {
		b.WriteString(": " + p.Key)
		if p.Got != "" {
			b.WriteString(" = " + p.Got)
		}
		if p.Got != "" && strings.HasPrefix(p.Why, "want ") {
			return b.String() + ", " + p.Why
		}
	}
	return b.String() + ": " + p.Why
}

// maxProblems is more than anyone reads.
const maxProblems = 100

// Problems is everything found wrong with an experiment, in the order of
// files and lines. It is the error that Load returns.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	if len(ps) == maxProblems {
		lines = append(lines, fmt.Sprintf("and perhaps more: only %d problems are told at once", maxProblems))
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As each problem.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// add appends p unless it is there: a parameter that serves many grid points
// and corpora is wrong once.
func (ps *Problems) add(p Problem) {
	if len(*ps) < maxProblems && !slices.Contains(*ps, p) {
		*ps = append(*ps, p)
	}
}

// sorted orders problems by the strength of where they are, line and text.
func (ps Problems) sorted(rank func(Origin) int) Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(rank(a.At), rank(b.At)),
			cmp.Compare(a.At.Line, b.At.Line),
			strings.Compare(a.Error(), b.Error()))
	})
	return ps
}

// unknown says that name is not among known, and which of them it may be
// meant for.
func unknown(what, name string, known []string) string {
	known = slices.Clone(known)
	slices.Sort(known)
	s := "unknown " + what
	if near, ok := nearest(name, known); ok {
		s += fmt.Sprintf(", did you mean %q?", near)
	}
	if len(known) == 0 {
		return s + " (there are none)"
	}
	return s + " (known: " + strings.Join(known, ", ") + ")"
}

// nearest finds the name of smallest edit distance, the first on ties, if it
// is near enough to be meant: one edit and one more for every three letters,
// but not all of them.
func nearest(name string, known []string) (near string, ok bool) {
	best := 2 + len([]rune(name))/3
	for _, k := range known {
		if d := distance(plainName(name), plainName(k)); d < best && d < max(len(name), len(k)) {
			near, best, ok = k, d, true
		}
	}
	return near, ok
}

// plainName removes what is never the point of a name: case, - and _.
func plainName(s string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s))
}

// distance is the number of insertions, deletions, substitutions and swaps of
// neighbours between a and b (optimal string alignment: Damerau 1964 with no
// substring edited twice). O(|a|·|b|) time.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	d := make([][]int, len(s)+1)
	for i := range d {
		d[i] = make([]int, len(t)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			differ := 1
			if s[i-1] == t[j-1] {
				differ = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+differ)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(s)][len(t)]
}

// Match reports whether name fits the pattern: * stands for any run of
// characters, slashes among them, and ? for any one.
func Match(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, resume := -1, 0 // the last * seen, and where the name goes on after it
	i, j := 0, 0
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, resume = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}
