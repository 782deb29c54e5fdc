//go:build !linux

package testkit

import (
	"runtime"
	"testing"
)

// OwnDisk calls [NoMounts].
func OwnDisk(t *testing.T, _ int) (dir string, inside bool) {
	t.Helper()
	NoMounts(t, "not on "+runtime.GOOS)
	return "", false
}

// ResizeDisk is for a disk of [OwnDisk], which there is none of.
func ResizeDisk(*testing.T, string, int) { panic("testkit: ResizeDisk: there is no disk") }
