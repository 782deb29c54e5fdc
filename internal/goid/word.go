//go:build gc && (amd64 || arm64)

package goid

// limit is up to where the record of a goroutine is searched; it is longer in
// every release so far.
const limit = 256

// word returns the word at the offset in the runtime's record of the calling
// goroutine.
func word(offset uintptr) uintptr
