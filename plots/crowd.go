package plots

import (
	"math"
	"slices"

	"horizon/results"
)

// Crowd is what figures of lines may be told where there are many.
type Crowd struct {
	Front []string `toml:"front"` // globs of the lines in colour where there are more than eight; none is the best eight
}

// mostLines is about how many lines the eye can follow.
const mostLines = 8

// A track is a series of points with intervals.
type track struct {
	name string
	at   []float64
	v    []results.Interval
}

// arrange greys what is not in front, if the panels hold more lines than can be
// followed, and returns the names of all in the order of the legend: that in
// which the lines end, as the eye meets them. The caption names the grey ones.
func (c Crowd) arrange(s *scene, panels [][]track) []string {
	c.recede(s, s.ranked(panels, meanOf))
	for _, lines := range panels {
		slices.SortStableFunc(lines, func(a, b track) int { return behind(s.looks[a.name]) - behind(s.looks[b.name]) })
	}
	return s.ranked(panels, func(l track) float64 { return l.v[len(l.v)-1].Value })
}

// recede greys all but those in front, or all but the best if none of the
// globs is to be seen.
func (c Crowd) recede(s *scene, best []string) {
	if len(best) <= mostLines {
		return
	}
	wanted := func(name string) bool {
		return slices.ContainsFunc(c.Front, func(glob string) bool { return matches(glob, name) })
	}
	front := best[:mostLines]
	if slices.ContainsFunc(best, wanted) {
		front = slices.DeleteFunc(slices.Clone(best), func(name string) bool { return !wanted(name) })
	}
	var back []string
	for _, name := range best {
		if !slices.Contains(front, name) {
			s.looks[name] = backLook
			back = append(back, name)
		}
	}
	s.note("Grey, perhaps beyond the axis, best first", back, "; ")
}

// behind is the order in which lines are drawn.
func behind(l look) int {
	if l.back {
		return 0
	}
	return 1
}

func meanOf(l track) float64 {
	sum := 0.0
	for _, v := range l.v {
		sum += v.Value
	}
	return sum / float64(len(l.v))
}

// ranked orders names by their mean rank over the panels they are in, the
// least value of a line first; ranks are shares, since panels may hold
// different numbers of lines.
func (s *scene) ranked(panels [][]track, value func(track) float64) []string {
	sum, n := map[string]float64{}, map[string]float64{}
	used := map[string]bool{}
	for _, lines := range panels {
		sorted := slices.Clone(lines)
		slices.SortStableFunc(sorted, func(a, b track) int { return compareFloat(value(a), value(b)) })
		for i, l := range sorted {
			sum[l.name] += (float64(i) + 0.5) / float64(len(sorted))
			n[l.name]++
			used[l.name] = true
		}
	}
	names := s.used(used)
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := sum[a]/n[a], sum[b]/n[b]
		if math.Abs(x-y) < 1e-9 {
			return 0
		}
		return compareFloat(x, y)
	})
	return names
}

// inFront are the last of arranged lines, those that are not grey; all, where
// a panel has no others.
func (s *scene) inFront(lines []track) []track {
	for i, l := range lines {
		if !s.looks[l.name].back {
			return lines[i:]
		}
	}
	return lines
}
