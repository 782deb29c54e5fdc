package testkit

import (
	"os"
	"testing"
)

// requireMounts is the environment variable that says that mounts can be had here.
const requireMounts = "FERROUS_REQUIRE_MOUNTS"

// NoMounts skips a test that needs mounts, or fails it if the environment variable
// FERROUS_REQUIRE_MOUNTS is 1: then the machine is said to have them.
func NoMounts(tb testing.TB, why any) {
	tb.Helper()
	if os.Getenv(requireMounts) == "1" {
		tb.Fatal("no mounts, which "+requireMounts+" asks for: ", why)
	}
	tb.Skip("no mounts: ", why)
}
