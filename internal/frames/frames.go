// Package frames says where a call comes from, in a few nanoseconds.
package frames

import (
	"runtime"
	"strings"
)

// Callers fills pcs with the return addresses of the calls that the calling
// goroutine is in, innermost first, and returns how many there are. The first is
// in the caller of Callers; skip addresses are left out. It does not allocate.
//
// On amd64 and arm64 it follows the chain of frame pointers, as the runtime's
// tracer does. There each address stands for a function that was not inlined.
// [runtime.CallersFrames] adds the inlined ones, except for the last address.
// Wrappers that the compiler made are there too: see [IsWrapper]. Elsewhere it is
// [runtime.Callers], which takes a microsecond.
//
//go:noinline
func Callers(skip int, pcs []uintptr) int {
	if !walks {
		return runtime.Callers(skip+2, pcs)
	}
	return walk(skip, pcs)
}

// IsWrapper reports whether the compiler made the function, for a go or a defer
// statement.
func IsWrapper(function string) bool {
	last := function[strings.LastIndexByte(function, '.')+1:]
	return strings.HasPrefix(last, "gowrap") || strings.HasPrefix(last, "deferwrap")
}
