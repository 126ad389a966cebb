//go:build !linux

package main

import "syscall"

// childAttributes puts a child in its own process group; that its parent has
// died it learns from its standard input.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
