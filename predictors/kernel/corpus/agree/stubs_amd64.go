package agree

//go:noescape
func scan512(near *uint64, cost, last *byte, blocks int, wide *byte, lags int, base, limit byte)

//go:noescape
func scan512Sticky(near *uint64, cost, last *byte, blocks int, wide *byte, lags int, base, limit byte)

//go:noescape
func scan256(near *uint64, cost, last *byte, blocks int, wide *byte, lags int, base, limit byte)

//go:noescape
func scan256Sticky(near *uint64, cost, last *byte, blocks int, wide *byte, lags int, base, limit byte)
