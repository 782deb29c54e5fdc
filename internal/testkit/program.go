package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// requireServers, when set, makes tests fail instead of being skipped.
const requireServers = "FERROUS_REQUIRE_SERVERS"

// Program finds a program that a test needs, such as a server. If it is not installed, the
// test is skipped, or fails if FERROUS_REQUIRE_SERVERS is set.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv(requireServers) != "":
		tb.Fatalf("%s is not installed, which %s asks for", name, requireServers)
	default:
		tb.Skip(name + " is not installed")
	}
	return path
}
