package agree

// kernels lists what this processor has.
func kernels() (out []int) {
	for k := range best() + 1 {
		out = append(out, int(k))
	}
	return out
}

func use(k int, f func()) {
	defer func(old kernel) { active = old }(active)
	active = kernel(k)
	f()
}
