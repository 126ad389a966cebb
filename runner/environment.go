package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"horizon/predictors/transformer/blas"
	"horizon/results"
)

// environment describes where results are made.
func environment() (results.Environment, error) {
	sum, err := executableSHA256()
	if err != nil {
		return results.Environment{}, fmt.Errorf("environment: %w", err)
	}
	commit, dirty := revision()
	return results.Environment{
		GitCommit: commit, GitDirty: dirty, CodeSHA256: sum,
		GoVersion: runtime.Version(), GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, GOAMD64: setting("GOAMD64"),
		CPU: cpuid.CPU.BrandName, CPUFeatures: features(), Kernels: blas.Kernel(),
		Cores: runtime.NumCPU(), RAM: physicalMemory(),
	}, nil
}

// executableSHA256 identifies the code better than any version could: the
// digest of this very program.
func executableSHA256() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func setting(key string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
	}
	return ""
}

// revision is the commit the program was built from: as stamped by the Go
// tool, else, when run from a checkout (go run stamps nothing), as git has it.
func revision() (commit string, dirty bool) {
	if v := setting("vcs.revision"); v != "" {
		return v, setting("vcs.modified") == "true"
	}
	root := moduleRoot()
	if root == "" {
		return "unknown", false
	}
	out, err := exec.Command("git", "-C", root, "rev-parse", "HEAD").Output()
	if err != nil {
		return "unknown", false
	}
	changed, err := exec.Command("git", "-C", root, "status", "--porcelain", "--untracked-files=no").Output()
	return strings.TrimSpace(string(out)), err == nil && len(changed) > 0
}

// moduleRoot is the folder of this module's go.mod at or above the working
// directory, or empty.
func moduleRoot() string {
	dir, err := os.Getwd()
	for err == nil {
		if b, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(b), "module horizon\n") {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return ""
}

// features are those of the processor that choose between code paths with
// different rounding.
func features() string {
	var have []string
	for _, f := range []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3, cpuid.AVX512F, cpuid.AVX512DQ, cpuid.ASIMD} {
		if cpuid.CPU.Supports(f) {
			have = append(have, f.String())
		}
	}
	return strings.Join(have, " ")
}

// physicalMemory is the machine's memory in bytes, 0 where it cannot be told.
func physicalMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kb int64
	fmt.Sscanf(string(b), "MemTotal: %d kB", &kb)
	return kb << 10
}
