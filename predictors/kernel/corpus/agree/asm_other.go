//go:build !amd64

package agree

func scan(near []uint64, cost, last, text []byte, q *Query, limit byte) {
	scanGo(near, cost, text, len(text)-len(cost)+1, q, limit)
}
