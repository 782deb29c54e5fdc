//go:build gc && (386 || amd64 || arm || arm64)

package destruct

// goroutine returns a number that no other live goroutine has: the address of
// the runtime's g, which assembly finds in a register or in thread-local
// storage. A chain asks for it once a destructor, where runtime.Stack would
// walk a stack of hundreds of frames each time.
func goroutine() uintptr
