package main

import (
	"syscall"
	"testing"
)

// mount makes a disk of so many bytes at dir, or makes that disk large.
func mount(t *testing.T, dir, size string) error {
	t.Helper()
	if size == "remount" {
		return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=100m")
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if err == nil {
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	return err
}
