//go:build !unix

package testkit

import "time"

// ProcessorTime returns the processor time of the test's process, or 0 if it is not known.
func ProcessorTime() time.Duration { return 0 }
