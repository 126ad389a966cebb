//go:build !unix

package predictors

import (
	"errors"
	"os"
)

// mapFile cannot map files here: they are read.
func mapFile(*os.File) ([]byte, error) { return nil, errors.ErrUnsupported }
