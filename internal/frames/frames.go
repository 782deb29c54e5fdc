// Package frames returns the call stack of a goroutine in a few nanoseconds.
//
// On amd64 and arm64 it follows the frame pointers, as the runtime's tracer does:
//
//	frame pointer register → saved frame pointer → saved frame pointer → … → end of stack
//	                         return address        return address
//
// A return address is stored one word above each saved frame pointer. On other processors
// the package uses [runtime.Callers].
package frames

import (
	"runtime"
	"strings"
)

// Callers fills pcs with the return addresses of the active calls of the calling
// goroutine, innermost first, and returns their number. It leaves out the first skip
// addresses. With skip 0, the first address is in the caller of Callers. It does not
// allocate.
//
// On amd64 and arm64 there is one address for each function that was not inlined, and
// [runtime.CallersFrames] adds the inlined functions, except at the last address.
// Wrappers that the compiler made are included; see [IsWrapper]. On other processors
// Callers is [runtime.Callers] and takes about a microsecond.
//
//go:noinline
func Callers(skip int, pcs []uintptr) int {
	if !walks {
		return runtime.Callers(skip+2, pcs)
	}
	return walk(skip, pcs)
}

// IsWrapper reports whether the compiler made the function as a wrapper for a go or defer
// statement. function is a name as in [runtime.Frame].
func IsWrapper(function string) bool {
	last := function[strings.LastIndexByte(function, '.')+1:]
	return strings.HasPrefix(last, "gowrap") || strings.HasPrefix(last, "deferwrap")
}
