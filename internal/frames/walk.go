//go:build gc && (amd64 || arm64)

package frames

const walks = true

// walk implements [Callers]. It stops at a frame pointer that does not lead outwards within
// the goroutine's stack, so that it never reads anything else.
//
//go:noescape
func walk(skip int, pcs []uintptr) int
