package main

import (
	"fmt"
	"math"
	"time"
)

// formatBytes writes a size with a binary unit.
func formatBytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%.*f %ciB", digits(v), v, units[i])
}

func digits(v float64) int {
	switch {
	case v < 10:
		return 2
	case v < 100:
		return 1
	}
	return 0
}

// formatSeconds writes a duration the way a table wants it.
func formatSeconds(s float64) string {
	switch {
	case math.IsNaN(s):
		return ""
	case s < 0.01:
		return fmt.Sprintf("%.1f ms", s*1000)
	case s < 100:
		return fmt.Sprintf("%.*f s", digits(s), s)
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}
