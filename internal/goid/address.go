//go:build gc

package goid

// address returns the address of the runtime's record of the calling
// goroutine, which assembly finds in a register or in thread-local storage.
func address() uintptr
