//go:build !linux

package pgseat_test

import (
	"os/exec"
	"testing"
)

func own(testing.TB, string)           {}
func runAsOwner(testing.TB, *exec.Cmd) {}
