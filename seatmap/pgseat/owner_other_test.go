//go:build !linux

package pgseat_test

import (
	"os/exec"
	"testing"
	"time"
)

func own(testing.TB, string)           {}
func ownTime() time.Duration           { return 0 }
func runAsOwner(testing.TB, *exec.Cmd) {}
