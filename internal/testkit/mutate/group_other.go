//go:build !unix

package main

import "os/exec"

// group returns a function that kills the process of c. What that process has started
// lives on.
func group(c *exec.Cmd) (kill func() error) {
	return func() error { return c.Process.Kill() }
}
