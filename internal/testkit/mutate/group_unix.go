//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// group lets c run in a process group of its own, and returns a function that kills
// what is left of the group.
func group(c *exec.Cmd) (kill func() error) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
