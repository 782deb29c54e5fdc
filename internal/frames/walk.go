//go:build gc && (amd64 || arm64)

package frames

const walks = true

// walk is [Callers]. It stops where a frame pointer does not lead outwards within
// the goroutine's stack, so that it never reads anything else.
//
//go:noescape
func walk(skip int, pcs []uintptr) int
