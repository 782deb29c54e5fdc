//go:build race

package testkit

// RaceEnabled says whether the race detector is compiled in.
const RaceEnabled = true
