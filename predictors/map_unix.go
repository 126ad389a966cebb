//go:build unix

package predictors

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a whole file, for reading.
func mapFile(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
}
